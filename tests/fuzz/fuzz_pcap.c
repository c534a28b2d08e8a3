/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a capture file, through the reader and the decoder. Seeds:
 * corpus/pcap. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it
 * files. tests/unit/test_input_mutate.c includes this file.
 */
#define TSN_FUZZ_PCAP
#include "fuzz_datagram.c"

#include <sys/mman.h>
#include <unistd.h>

#include "input/pcap.h"
#include "input/unpack.h"
#include "fuzz/fuzz.h"

/* The file all inputs are written to, under its name in /proc. */
static struct {
	int fd;
	char path[40];
} fuzz_file = { -1, "" };

static void
write_file(const uint8_t *data, size_t size)
{
	if (fuzz_file.fd < 0) {
		fuzz_file.fd = memfd_create("fuzz", MFD_CLOEXEC);
		REQUIRE(fuzz_file.fd >= 0);
		snprintf(fuzz_file.path, sizeof(fuzz_file.path), "/proc/self/fd/%d", fuzz_file.fd);
	}
	REQUIRE(ftruncate(fuzz_file.fd, 0) == 0 && pwrite(fuzz_file.fd, data, size, 0) == (ssize_t)size);
}

/* Every packet is accounted for; so is every byte. */
static void
check_report(const struct tsn_pcap_report *r, uint64_t delivered, size_t size, bool packed)
{
	uint64_t completed = r->datagrams + r->not_ip + r->not_udp + r->other_udp + r->fragments - r->packets;

	REQUIRE(r->datagrams == delivered && r->cut <= delivered);
	REQUIRE(completed * 2 <= r->fragments && r->fragments_incomplete <= r->fragments);
	REQUIRE(packed || r->bytes <= size);
	REQUIRE(!r->damaged || (r->reason[0] != '\0' && (packed || r->damage_offset + (uint64_t)r->unread == size)));
}

static void
fuzz_capture(const uint8_t *data, size_t size, struct tsn_pcap_opts *opts)
{
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_datagram d;
	struct tsn_pcap *p;
	uint64_t n = 0;

	write_file(data, size);
	p = tsn_pcap_open(fuzz_file.path, opts, error);
	REQUIRE((p == NULL) == (error[0] != '\0'));
	if (p == NULL)
		return;
	for (; tsn_pcap_next(p, &d); n++) {
		REQUIRE(d.len <= 262144);
		fuzz_decode(d.payload, d.len, d.exporter);
	}
	check_report(tsn_pcap_report(p), n, size, tsn_unpack_kind(data, size) != NULL);
	tsn_pcap_close(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_pcap_opts sniffed = { .sniff = tsn_decode_looks_like_export, .max_streams = 4, .max_fragments = 3 };
	struct tsn_pcap_opts all = { .max_streams = 4, .max_fragments = 3 };

	fuzz_capture(data, size, size % 2 == 0 ? &sniffed : &all);
	return 0;
}
