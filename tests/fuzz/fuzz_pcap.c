/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a capture file, through the reader and the decoder. Seeds:
 * corpus/pcap. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it
 * files. tests/unit/test_input_mutate.c includes this file.
 */
#define TSN_FUZZ_PCAP
#include "fuzz_datagram.c"

#include "base/hash.h"
#include "input/frames.h"
#include "input/mapped.h"
#include "input/pcap.h"
#include "input/unpack.h"
#include "fuzz/file.h"

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

	p = tsn_pcap_open(fuzz_file_of(data, size), opts, error);
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

/* --- mapped pages --- */

/* All that comes of the file but pointers. */
struct fuzz_told {
	uint64_t n, hash;
	struct tsn_pcap_report report;
};

static void
fuzz_tell(struct fuzz_told *told, const char *path, struct tsn_pcap_opts *opts, bool mapped)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_datagram d;
	struct tsn_reader r;
	struct tsn_pcap *p;

	memset(told, 0, sizeof(*told));
	REQUIRE(tsn_mapped_allow(mapped ? 0 : UINT64_MAX));
	REQUIRE(tsn_reader_open(&r, path, error));
	p = tsn_pcap_attach(&r, opts, error);
	REQUIRE((r.mapped != NULL) == mapped);
	while (p != NULL && tsn_pcap_next(p, &d)) {
		told->n++;
		told->hash = tsn_hash_bytes(d.payload, d.len, told->hash);
	}
	if (p != NULL)
		told->report = *tsn_pcap_report(p);
	tsn_pcap_close(p);
	tsn_reader_close(&r);
}

/* The packets of [data] far into a large file, behind and before what read(2) is asked for: from mapped pages they are the same. */
static void
fuzz_mapped(const uint8_t *data, size_t size, struct tsn_pcap_opts *opts)
{
	enum { HEADER = 24, RECORD = 16, FILLER = 70000 };
	static uint8_t file[2 * (RECORD + FILLER) + 4096];
	const uint32_t filler = FILLER, swapped = __builtin_bswap32(filler);
	struct fuzz_told read, mapped;
	size_t at = HEADER + RECORD + FILLER;
	const char *path;

	if (size < HEADER || size > 4096 || !tsn_classic_is(data))
		return;
	memset(file, 0, sizeof(file));
	memcpy(file, data, HEADER);
	memcpy(file + HEADER + 8, data[0] == 0xa1 ? &swapped : &filler, sizeof(filler));
	memcpy(file + at, data + HEADER, size - HEADER);
	path = fuzz_file_of(file, sizeof(file));
	fuzz_tell(&mapped, path, opts, true);
	fuzz_tell(&read, path, opts, false);
	REQUIRE(memcmp(&mapped, &read, sizeof(read)) == 0);
	REQUIRE(mapped.report.bytes >= at || mapped.report.packets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_pcap_opts sniffed = { .sniff = tsn_decode_looks_like_export, .max_streams = 4, .max_fragments = 3 };
	struct tsn_pcap_opts all = { .max_streams = 4, .max_fragments = 3 };

	fuzz_capture(data, size, size % 2 == 0 ? &sniffed : &all);
	if (size % 8 < 2) /* as large files take their time */
		fuzz_mapped(data, size, size % 2 == 0 ? &sniffed : &all);
	return 0;
}
