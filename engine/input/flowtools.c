/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/flowtools.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#ifdef TSN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/mem.h"

/*
 * Both headers begin with 0xcf 0x10, the byte order (1 little, 2 big) and the stream version.
 *
 * Version 3: 4 offset of the first record, then values: 0 type  2 length  4 bytes
 * Version 1: 4 export version  8 start  12 end  16 flags  20 rotation  24 flows  28 lost  32 misordered
 *            36 host (68)  104 comments (256)
 */
#define HEADER_V1 360
#define PIECE     ((size_t)32 << 10) /* of what is unpacked */

enum { EXPORT_VERSION = 2, METHOD_VERSION = 3, METHOD = 4, EXPORTER = 5, FLAGS = 8, FLOWS = 10, LOST = 11 };
enum { FLAG_DONE = 1, FLAG_COMPRESSED = 2, FLAG_STREAMING = 8, FLAG_PRELOADED = 0x20 };

struct tsn_flowtools {
	struct tsn_reader *reader;
	struct tsn_flowtools_header header;
	struct tsn_flowtools_report report;
	bool ended;
#ifdef TSN_HAVE_ZLIB
	z_stream z;
	bool z_open, z_end;
	uint8_t *piece; /* unpacked: what is left of the piece before, and the next */
	size_t at, end;
#endif
};

static uint32_t
number(const struct tsn_flowtools_header *h, const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[h->little_endian ? n - 1 - i : i];
	return v;
}

static void
set_flags(struct tsn_flowtools_header *h, uint32_t flags)
{
	h->compressed = (flags & FLAG_COMPRESSED) != 0;
	h->unfinished = (flags & (FLAG_DONE | FLAG_STREAMING | FLAG_PRELOADED)) == 0;
}

static void
take_value(struct tsn_flowtools_header *h, unsigned type, const uint8_t *p, size_t n)
{
	switch (type) {
	case EXPORT_VERSION:
		h->version = n == 2 ? (uint16_t)number(h, p, 2) : 0;
		break;
	case METHOD_VERSION:
		h->method_version = n == 1 ? p[0] : 0;
		break;
	case METHOD:
		h->method = n == 1 ? p[0] : 0;
		break;
	case EXPORTER:
		h->exporter = n == 4 ? number(h, p, 4) : 0;
		break;
	case FLAGS:
		if (n == 4)
			set_flags(h, number(h, p, 4));
		break;
	case FLOWS:
		h->flows = n == 4 ? number(h, p, 4) : 0;
		break;
	case LOST:
		h->lost = n == 4 ? number(h, p, 4) : 0;
		break;
	default:
		break;
	}
}

static const char *
read_values(struct tsn_flowtools *f)
{
	struct tsn_reader *r = f->reader;
	size_t at = 8, end = tsn_reader_need(r, 8) < 8 ? 0 : number(&f->header, r->buf + r->pos + 4, 4);
	const uint8_t *p;

	if (end < 8 || end > TSN_READER_ROOM)
		return "its header cannot be that long";
	if (tsn_reader_need(r, end) < end)
		return "it ends within its header";
	p = r->buf + r->pos;
	while (end - at >= 4) {
		unsigned type = number(&f->header, p + at, 2), n = number(&f->header, p + at + 2, 2);

		at += 4;
		if (n > end - at)
			return "a value of its header is longer than the header";
		take_value(&f->header, type, p + at, n);
		at += n;
	}
	tsn_reader_take(r, end);
	return NULL;
}

static const char *
read_fixed(struct tsn_flowtools *f)
{
	struct tsn_reader *r = f->reader;
	struct tsn_flowtools_header *h = &f->header;
	const uint8_t *p;

	if (tsn_reader_need(r, HEADER_V1) < HEADER_V1)
		return "it ends within its header";
	p = r->buf + r->pos;
	h->version = (uint16_t)number(h, p + 4, 2);
	if (h->version == UINT16_MAX) /* "unknown": those were v1 */
		h->version = 1;
	set_flags(h, number(h, p + 16, 4));
	h->flows = number(h, p + 24, 4);
	h->lost = number(h, p + 28, 4);
	tsn_reader_take(r, HEADER_V1);
	return NULL;
}

bool
tsn_flowtools_is(const uint8_t *p, size_t n)
{
	return n >= 8 && p[0] == 0xcf && p[1] == 0x10 && (p[2] == 1 || p[2] == 2) && (p[3] == 1 || p[3] == 3);
}

#ifdef TSN_HAVE_ZLIB

static void *
z_new(void *opaque, unsigned n, unsigned size)
{
	(void)opaque;
	return tsn_calloc(n, size);
}

static void
z_free(void *opaque, void *p)
{
	(void)opaque;
	tsn_free(p);
}

static const char *
start_unpacking(struct tsn_flowtools *f)
{
	f->z.zalloc = z_new;
	f->z.zfree = z_free;
	f->piece = tsn_malloc(PIECE + TSN_FLOWTOOLS_RECORD);
	if (f->piece == NULL || inflateInit(&f->z) != Z_OK)
		return "memory is out";
	f->z_open = true;
	return NULL;
}

static void
stop_unpacking(struct tsn_flowtools *f)
{
	if (f->z_open)
		inflateEnd(&f->z);
	tsn_free(f->piece);
}

/* The reason, if no more can be unpacked. */
static const char *
unpack(struct tsn_flowtools *f)
{
	struct tsn_reader *r = f->reader;
	size_t have = tsn_reader_need(r, 1), room = PIECE + TSN_FLOWTOOLS_RECORD - f->end, left;
	int status;

	if (have == 0)
		return "its compressed data end early";
	left = have;
	f->z.next_in = r->buf + r->pos;
	f->z.avail_in = (uInt)left;
	f->z.next_out = f->piece + f->end;
	f->z.avail_out = (uInt)room;
	status = inflate(&f->z, Z_SYNC_FLUSH);
	tsn_reader_take(r, have - f->z.avail_in);
	f->end += room - f->z.avail_out;
	f->z_end = status == Z_STREAM_END;
	return status == Z_OK || status == Z_STREAM_END ? NULL : "its compressed data are damaged";
}

/* As many of [size] bytes as there are. */
static size_t
need_unpacked(struct tsn_flowtools *f, size_t size)
{
	while (f->end - f->at < size && !f->z_end && f->report.reason == NULL) {
		memmove(f->piece, f->piece + f->at, f->end - f->at);
		f->end -= f->at;
		f->at = 0;
		f->report.reason = unpack(f);
	}
	return f->end - f->at;
}

#else

static const char *
start_unpacking(struct tsn_flowtools *f)
{
	(void)f;
	return "it is compressed, which this build cannot read: zlib was not there when it was made";
}

static void
stop_unpacking(struct tsn_flowtools *f)
{
	(void)f;
}

#endif

struct tsn_flowtools *
tsn_flowtools_attach(struct tsn_reader *r, char error[TSN_INPUT_ERROR])
{
	struct tsn_flowtools *f = tsn_calloc(1, sizeof(*f));
	const char *why = "memory is out";
	const uint8_t *p;

	if (f == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "%s", why);
		return NULL;
	}
	f->reader = r;
	why = "it is no file of flow-tools";
	if (tsn_flowtools_is(r->buf + r->pos, tsn_reader_need(r, 8))) {
		p = r->buf + r->pos;
		f->header.little_endian = p[2] == 1;
		f->header.stream = p[3];
		why = p[3] == 1 ? read_fixed(f) : read_values(f);
	}
	if (why == NULL && f->header.compressed)
		why = start_unpacking(f);
	if (why == NULL)
		return f;
	snprintf(error, TSN_INPUT_ERROR, "%s", why);
	tsn_flowtools_close(f);
	return NULL;
}

const struct tsn_flowtools_header *
tsn_flowtools_header(const struct tsn_flowtools *f)
{
	return &f->header;
}

static const uint8_t *
stop(struct tsn_flowtools *f, size_t left)
{
	const struct tsn_reader *r = f->reader;

	f->ended = true;
	if (r->error != 0)
		f->report.reason = strerror(r->error);
	else if (f->report.reason == NULL && left > 0)
		f->report.reason = "it ends within a record";
	f->report.damaged = f->report.reason != NULL;
	f->report.offset = r->offset;
	return NULL;
}

const uint8_t *
tsn_flowtools_next(struct tsn_flowtools *f, size_t size)
{
	struct tsn_reader *r = f->reader;
	const uint8_t *p;
	size_t have;

	if (f->ended || size > TSN_FLOWTOOLS_RECORD)
		return NULL;
#ifdef TSN_HAVE_ZLIB
	if (f->header.compressed) {
		have = need_unpacked(f, size);
		if (have == 0 && f->z_end && tsn_reader_need(r, 1) > 0)
			f->report.reason = "there are bytes behind its compressed data";
		if (have < size)
			return stop(f, have);
		p = f->piece + f->at;
		f->at += size;
		return p;
	}
#endif
	have = tsn_reader_need(r, size);
	if (have < size)
		return stop(f, have);
	p = r->buf + r->pos;
	tsn_reader_take(r, size);
	return p;
}

const struct tsn_flowtools_report *
tsn_flowtools_report(const struct tsn_flowtools *f)
{
	return &f->report;
}

void
tsn_flowtools_close(struct tsn_flowtools *f)
{
	if (f != NULL)
		stop_unpacking(f);
	tsn_free(f);
}
