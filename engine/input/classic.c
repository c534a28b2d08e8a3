/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * All numbers in the writer's byte order.
 * The file:    0 magic  4 version  8 zone  12 accuracy  16 snaplen  20 link type
 * Each record: 0 seconds  4 micro- or nanoseconds  8 bytes captured  12 bytes sent
 */
#include <stdio.h>
#include <string.h>

#include "input/frames.h"

#define FILE_HEADER 24
#define RECORD_HEADER 16
#define CAPTURED_MAX 262144u /* as libpcap has it; snaplen in the header is not to be trusted */
#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO 0xa1b23c4du
#define LINK_BITS 0x03ffffffu /* above them: length of the frame check sequence */

static uint32_t
number(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

bool
tsn_classic_is(const uint8_t magic[4])
{
	uint32_t v = number(magic, false), w = number(magic, true);

	return v == MAGIC_MICRO || v == MAGIC_NANO || w == MAGIC_MICRO || w == MAGIC_NANO;
}

bool
tsn_classic_open(struct tsn_classic *c, struct tsn_reader *r, char error[TSN_INPUT_ERROR])
{
	const uint8_t *p;
	uint32_t magic;

	if (tsn_reader_need(r, FILE_HEADER) < FILE_HEADER) {
		snprintf(error, TSN_INPUT_ERROR, "ends inside the header of the capture file");
		return false;
	}
	p = r->buf + r->pos;
	magic = number(p, false);
	c->swapped = magic != MAGIC_MICRO && magic != MAGIC_NANO;
	c->nano = number(p, c->swapped) == MAGIC_NANO;
	c->link = number(p + 20, c->swapped) & LINK_BITS;
	tsn_reader_take(r, FILE_HEADER);
	return true;
}

static enum tsn_frames
damaged(const struct tsn_reader *r, size_t have, uint32_t captured, char error[TSN_INPUT_ERROR])
{
	if (r->error != 0)
		snprintf(error, TSN_INPUT_ERROR, "cannot read on: %s", tsn_reader_error(r));
	else if (have < RECORD_HEADER)
		snprintf(error, TSN_INPUT_ERROR,
		    "ends after %zu of the %d bytes of a packet's header", have, RECORD_HEADER);
	else if (captured > CAPTURED_MAX)
		snprintf(error, TSN_INPUT_ERROR,
		    "a packet's header says %u bytes, more than any packet has", captured);
	else
		snprintf(error, TSN_INPUT_ERROR, "ends after %zu of the %u bytes of a packet",
		    have - RECORD_HEADER, captured);
	return TSN_FRAMES_DAMAGED;
}

/* What the header at [p] says, its length checked before. */
static void
read_frame(const struct tsn_classic *c, const uint8_t *p, uint32_t captured, struct tsn_frame *out)
{
	out->ms = (int64_t)number(p, c->swapped) * 1000 +
	    number(p + 4, c->swapped) / (c->nano ? 1000000 : 1000);
	out->p = p + RECORD_HEADER;
	out->len = captured;
	out->full = number(p + 12, c->swapped);
	if (out->full < captured)
		out->full = captured;
}

bool
tsn_classic_look(struct tsn_classic *c, struct tsn_reader *r, struct tsn_frame *out, struct tsn_far_place *where, size_t *whole)
{
	uint32_t captured;

	if (!tsn_reader_look(r, c->head, sizeof(c->head)))
		return false;
	captured = number(c->head + 8, c->swapped);
	*whole = RECORD_HEADER + (size_t)captured;
	if (captured > CAPTURED_MAX || *whole < sizeof(c->head) || !tsn_reader_leave(r, *whole, RECORD_HEADER, where))
		return false;
	read_frame(c, c->head, captured, out);
	return true;
}

enum tsn_frames
tsn_classic_next(const struct tsn_classic *c, struct tsn_reader *r, struct tsn_frame *out,
    char error[TSN_INPUT_ERROR])
{
	size_t have = tsn_reader_need(r, RECORD_HEADER);
	const uint8_t *p = r->buf + r->pos;
	uint32_t captured;

	if (have == 0 && r->error == 0 && !tsn_reader_was_cut(r))
		return TSN_FRAMES_END;
	if (have < RECORD_HEADER)
		return damaged(r, have, 0, error);
	captured = number(p + 8, c->swapped);
	if (captured > CAPTURED_MAX)
		return damaged(r, have, captured, error);
	tsn_reader_by(r, RECORD_HEADER + captured); /* most are as long as the one before */
	have = tsn_reader_need(r, RECORD_HEADER + captured);
	if (have < RECORD_HEADER + captured)
		return damaged(r, have, captured, error);
	p = r->buf + r->pos;
	read_frame(c, p, captured, out);
	tsn_reader_take(r, RECORD_HEADER + captured);
	return TSN_FRAMES_ONE;
}
