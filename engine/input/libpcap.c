/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * libpcap over our own reader: the bytes that were looked at to tell the kind of
 * file may have come from a pipe and cannot be read twice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "input/frames.h"
#include "input/pcap.h"

#define MAGIC_PCAPNG 0x0a0d0d0au  /* the same in both byte orders */
#define MAGIC_MODIFIED 0xa1b2cd34u /* pcap as patched by A. Kuznetzov */
#define MAGIC_IXIA_HW 0x1c0001acu
#define MAGIC_IXIA_SW 0x1c0001abu

bool
tsn_libpcap_is(const uint8_t magic[4])
{
	static const uint32_t magics[] = {
		MAGIC_PCAPNG, MAGIC_MODIFIED, MAGIC_IXIA_HW, MAGIC_IXIA_SW
	};
	uint32_t v;

	memcpy(&v, magic, sizeof(v));
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (v == magics[i] || __builtin_bswap32(v) == magics[i])
			return true;
	return false;
}

#ifdef TSN_HAVE_PCAP

#include <pcap/pcap.h>

#include "base/late.h"

#define FUNCTIONS(FUNCTION) \
	FUNCTION(pcap_close) \
	FUNCTION(pcap_datalink) \
	FUNCTION(pcap_datalink_val_to_name) \
	FUNCTION(pcap_fopen_offline_with_tstamp_precision) \
	FUNCTION(pcap_geterr) \
	FUNCTION(pcap_lib_version) \
	FUNCTION(pcap_next_ex)

struct library {
	void *handle;
#define FUNCTION(name) __typeof__(name) *name;
	FUNCTIONS(FUNCTION)
#undef FUNCTION
};

struct tsn_libpcap {
	struct tsn_reader *r;
	struct library lib;
	pcap_t *pcap;
	size_t left;  /* of the block that libpcap is in */
	bool swapped; /* the section's byte order is not ours */
};

/* libpcap brings D-Bus and systemd with it, and most captures are classic ones. */
static bool
load(struct library *l, char error[TSN_INPUT_ERROR])
{
	static const struct tsn_late_function functions[] = {
#define FUNCTION(name) { #name, offsetof(struct library, name) },
		FUNCTIONS(FUNCTION)
#undef FUNCTION
	};
	/* Debian's name, and everybody else's */
	static const char *const names[] = { "libpcap.so.0.8", "libpcap.so.1" };

	l->handle = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && l->handle == NULL; i++)
		l->handle = tsn_late_open(
		    names[i], functions, sizeof(functions) / sizeof(functions[0]), l, error, TSN_INPUT_ERROR);
	return l->handle != NULL;
}

#define BUFFER       ((size_t)64 << 10)
#define BLOCK_HEAD   12u /* type and length, and of a section the order of its bytes; no block is shorter */
#define BLOCK_MAX    ((uint32_t)16 << 20)
#define ORDER_SAME   0x1a2b3c4du
#define ORDER_OTHER  0x4d3c2b1au

/* Bytes of the block that begins here; 1 where none does, and libpcap will say what is wrong. */
static size_t
block_here(struct tsn_libpcap *l)
{
	uint32_t head[3];

	if (tsn_reader_need(l->r, BLOCK_HEAD) < BLOCK_HEAD)
		return 1;
	memcpy(head, l->r->buf + l->r->pos, BLOCK_HEAD);
	if (head[0] == MAGIC_PCAPNG && (head[2] == ORDER_SAME || head[2] == ORDER_OTHER))
		l->swapped = head[2] == ORDER_OTHER;
	head[1] = l->swapped ? __builtin_bswap32(head[1]) : head[1];
	if (head[1] < BLOCK_HEAD || head[1] % 4 != 0 || head[1] > BLOCK_MAX)
		return 1;
	tsn_reader_by(l->r, head[1]); /* most are as long as the one before */
	return head[1];
}

/* No more than to the end of a block: so what is buffered libpcap has read when it comes back, and the reader's offset is where it is. */
static ssize_t
serve(void *arg, char *to, size_t n)
{
	struct tsn_libpcap *l = arg;
	struct tsn_reader *r = l->r;
	size_t have;

	if (n > 1 && l->left == 0)
		l->left = block_here(l);
	have = tsn_reader_need(r, 1);

	if (have == 0 && r->error != 0) {
		errno = r->error;
		return -1;
	}
	if (have > n)
		have = n;
	if (n > 1 && have > l->left)
		have = l->left;
	l->left -= have < l->left ? have : l->left;
	memcpy(to, r->buf + r->pos, have);
	tsn_reader_take(r, have);
	return (ssize_t)have;
}

static bool
is_pcapng(struct tsn_reader *r)
{
	const uint32_t magic = MAGIC_PCAPNG;

	return tsn_reader_need(r, sizeof(magic)) >= sizeof(magic) && memcmp(r->buf + r->pos, &magic, sizeof(magic)) == 0;
}

struct tsn_libpcap *
tsn_libpcap_open(struct tsn_reader *r, uint32_t *link, char error[TSN_INPUT_ERROR])
{
	struct tsn_libpcap *l = tsn_calloc(1, sizeof(*l));
	FILE *f = NULL;
	char why[PCAP_ERRBUF_SIZE] = "";

	snprintf(error, TSN_INPUT_ERROR, "out of memory");
	if (l != NULL)
		l->r = r;
	if (l != NULL && load(&l->lib, error))
		f = fopencookie(l, "r", (cookie_io_functions_t){ .read = serve });
	if (f == NULL) {
		tsn_libpcap_close(l);
		return NULL;
	}
	if (is_pcapng(r)) /* unbuffered, glibc asks for each byte by itself */
		setvbuf(f, NULL, _IOFBF, BUFFER);
	else
		setvbuf(f, NULL, _IONBF, 0); /* so that the reader's offset is where libpcap is */
	l->pcap = l->lib.pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (l->pcap == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "%s", why);
		fclose(f);
		tsn_libpcap_close(l);
		return NULL;
	}
	*link = (uint32_t)l->lib.pcap_datalink(l->pcap);
	return l;
}

void
tsn_libpcap_close(struct tsn_libpcap *l)
{
	if (l == NULL)
		return;
	if (l->pcap != NULL)
		l->lib.pcap_close(l->pcap);
	tsn_late_close(l->lib.handle);
	tsn_free(l);
}

/* The library stays, and with it what these two return. */
const char *
tsn_libpcap_link_name(uint32_t link)
{
	char error[TSN_INPUT_ERROR];
	struct library l;
	const char *name = link <= INT32_MAX && load(&l, error) ? l.pcap_datalink_val_to_name((int)link) : NULL;

	return name != NULL ? name : "unknown";
}

const char *
tsn_pcap_library(void)
{
	char error[TSN_INPUT_ERROR];
	struct library l;

	return load(&l, error) ? l.pcap_lib_version() : "is not installed";
}

/* pcapng has 64 bits for a time; what lies outside 1970 to 9999 is held at the bounds. */
static int64_t
milliseconds(const struct timeval *t)
{
	const int64_t last = INT64_C(253402300799);

	if (t->tv_sec < 0)
		return 0;
	if (t->tv_sec > last)
		return last * 1000;
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000000; /* nanoseconds, as asked for */
}

enum tsn_frames
tsn_libpcap_next(struct tsn_libpcap *l, struct tsn_frame *out, char error[TSN_INPUT_ERROR])
{
	struct pcap_pkthdr *header;
	const u_char *p;

	switch (l->lib.pcap_next_ex(l->pcap, &header, &p)) {
	case 1:
		out->p = p;
		out->len = header->caplen;
		out->full = header->len > header->caplen ? header->len : header->caplen;
		out->ms = milliseconds(&header->ts);
		return TSN_FRAMES_ONE;
	case PCAP_ERROR_BREAK:
		return TSN_FRAMES_END;
	default:
		if (l->r->error != 0)
			snprintf(error, TSN_INPUT_ERROR, "cannot read on: %s", tsn_reader_error(l->r));
		else
			snprintf(error, TSN_INPUT_ERROR, "%s", l->lib.pcap_geterr(l->pcap));
		return TSN_FRAMES_DAMAGED;
	}
}

#else

const char *
tsn_pcap_library(void)
{
	return NULL;
}

const char *
tsn_libpcap_link_name(uint32_t link)
{
	(void)link;
	return "unknown";
}

struct tsn_libpcap *
tsn_libpcap_open(struct tsn_reader *r, uint32_t *link, char error[TSN_INPUT_ERROR])
{
	(void)r;
	(void)link;
	snprintf(error, TSN_INPUT_ERROR,
	    "pcapng cannot be read: this program was built without libpcap");
	return NULL;
}

void
tsn_libpcap_close(struct tsn_libpcap *l)
{
	(void)l;
}

enum tsn_frames
tsn_libpcap_next(struct tsn_libpcap *l, struct tsn_frame *out, char error[TSN_INPUT_ERROR])
{
	(void)l;
	(void)out;
	(void)error;
	return TSN_FRAMES_END;
}

#endif
