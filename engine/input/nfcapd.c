/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/nfcapd.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "input/nfcapd_ahead.h"

#define MAGIC        0xa50cu
#define BLOCK_HEADER 12u
#define PIECE        65536u /* more than any record */
#define TYPE_MAX     255u   /* the types of blocks are 1 to 4 so far */
#define STORED       1u     /* flag of a block that was not compressed though the file is */

enum { HEADER_1 = 140 + 136, HEADER_2 = 40 };

struct tsn_nfcapd_file {
	struct tsn_reader *r;
	struct tsn_nfcapd_header h;
	uint64_t blocks;   /* whole ones behind us */
	uint64_t at;       /* file offset of the block being read */
	size_t left;       /* bytes of it still to be handed out; of a packed one, unpacked */
	uint16_t type;
	uint32_t size;
	bool open, packed; /* in the middle of a block; it was packed */
	bool cut;          /* all that the file has of an unfinished block has been handed out */
	const uint8_t *plain; /* of a packed one: what is left of it */
	struct tsn_nfcapd_ahead *ahead; /* NULL: no block was packed yet */
	enum tsn_nfcapd_next failed;    /* what stopped reading behind the blocks that wait, PIECE: nothing; and where */
	uint64_t failed_at;
};

static uint16_t
u16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static uint32_t
u32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

bool
tsn_nfcapd_is(const uint8_t *p, size_t n)
{
	bool swapped;

	if (n < 4 || (u16(p, false) != MAGIC && u16(p, true) != MAGIC))
		return false;
	swapped = u16(p, false) != MAGIC;
	return u16(p + 2, swapped) > 0 && u16(p + 2, swapped) < 256;
}

/* Layout 1: a bit for each compression; layout 2: a number. False for one that is unknown. */
static bool
read_packing(struct tsn_nfcapd_header *h, const uint8_t *p, char error[TSN_INPUT_ERROR])
{
	uint32_t flags = u32(p + 4, h->swapped);

	if (h->layout == 1) {
		h->packing = flags & 1 ? TSN_NFCAPD_LZO : flags & 8 ? TSN_NFCAPD_BZ2 : flags & 16 ? TSN_NFCAPD_LZ4 : TSN_NFCAPD_PLAIN;
	} else if (p[16] < TSN_NFCAPD_PACKINGS) {
		h->packing = (enum tsn_nfcapd_packing)p[16];
	} else {
		snprintf(error, TSN_INPUT_ERROR, "is an nfcapd file of unknown compression (%u)", p[16]);
		return false;
	}
	if (tsn_nfcapd_can_unpack(h->packing))
		return true;
	snprintf(error, TSN_INPUT_ERROR, "is an nfcapd file compressed with %s, which this build leaves out",
	    tsn_nfcapd_packing_name(h->packing));
	return false;
}

static bool
read_header(struct tsn_nfcapd_file *f, char error[TSN_INPUT_ERROR])
{
	struct tsn_nfcapd_header *h = &f->h;
	size_t n = tsn_reader_need(f->r, HEADER_1), size;
	const uint8_t *p = f->r->buf + f->r->pos;
	uint16_t layout;

	h->swapped = n >= 4 && u16(p, false) != MAGIC;
	layout = n >= 4 ? u16(p + 2, h->swapped) : 0;
	if (layout != 1 && layout != 2) {
		snprintf(error, TSN_INPUT_ERROR, "is an nfcapd file of layout %u; 1 (nfdump 1.5, 1.6) and 2 (1.7) can be read", layout);
		return false;
	}
	h->layout = (uint8_t)layout;
	size = layout == 1 ? HEADER_1 : HEADER_2;
	if (n < size) {
		snprintf(error, TSN_INPUT_ERROR, "is an nfcapd file that ends inside its header, after %zu of %zu bytes", n, size);
		return false;
	}
	if (layout == 2 && p[17] != 0) {
		snprintf(error, TSN_INPUT_ERROR, "is an encrypted nfcapd file");
		return false;
	}
	h->blocks = layout == 1 ? u32(p + 8, h->swapped) : (uint64_t)u32(p + 36, h->swapped) + u16(p + 18, h->swapped);
	if (!read_packing(h, p, error))
		return false;
	tsn_reader_take(f->r, size);
	return true;
}

struct tsn_nfcapd_file *
tsn_nfcapd_attach(struct tsn_reader *r, char error[TSN_INPUT_ERROR])
{
	struct tsn_nfcapd_file *f = tsn_calloc(1, sizeof(*f));

	if (f == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
		return NULL;
	}
	f->r = r;
	if (read_header(f, error))
		return f;
	tsn_nfcapd_close(f);
	return NULL;
}

void
tsn_nfcapd_close(struct tsn_nfcapd_file *f)
{
	if (f == NULL)
		return;
	tsn_nfcapd_ahead_free(f->ahead);
	tsn_free(f);
}

const struct tsn_nfcapd_header *
tsn_nfcapd_header(const struct tsn_nfcapd_file *f)
{
	return &f->h;
}

uint64_t
tsn_nfcapd_blocks(const struct tsn_nfcapd_file *f)
{
	return f->blocks;
}

static enum tsn_nfcapd_next
broken(const struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out, const char *reason)
{
	out->reason = f->r->error != 0 ? strerror(f->r->error) : reason;
	out->offset = f->at;
	return TSN_NFCAPD_BROKEN;
}

/* Room for [n] bytes. The buffer grows with what is really there, not with what the header says. */
static bool
grow_raw(struct tsn_nfcapd_block *b, size_t n)
{
	size_t room = b->raw_room * 2 > n ? b->raw_room * 2 : n;
	uint8_t *p;

	if (n <= b->raw_room)
		return true;
	p = tsn_realloc(b->raw, room);
	if (p == NULL)
		return false;
	b->raw = p;
	b->raw_room = room;
	return true;
}

/* Reads the bytes of the block whose header was read last. */
static enum tsn_nfcapd_next
read_raw(struct tsn_nfcapd_file *f, struct tsn_nfcapd_block *b)
{
	size_t got = 0, n;

	*b = (struct tsn_nfcapd_block){ .at = f->at, .size = f->size, .type = f->type, .raw = b->raw, .raw_room = b->raw_room,
		.plain = b->plain, .plain_room = b->plain_room };
	while (got < f->size) {
		n = tsn_reader_need(f->r, f->size - got < PIECE ? f->size - got : PIECE);
		if (n == 0)
			return TSN_NFCAPD_BROKEN;
		n = n < f->size - got ? n : f->size - got;
		if (!grow_raw(b, got + n))
			return TSN_NFCAPD_NO_MEMORY;
		memcpy(b->raw + got, f->r->buf + f->r->pos, n);
		tsn_reader_take(f->r, n);
		got += n;
	}
	return TSN_NFCAPD_PIECE;
}

/* The header of a block, which is not taken yet. False: it is none. */
static bool
read_block_header(struct tsn_nfcapd_file *f)
{
	const uint8_t *p = f->r->buf + f->r->pos;
	const bool swapped = f->h.swapped;

	f->at = f->r->offset;
	f->size = u32(p + 4, swapped);
	f->type = u16(p + 8, swapped);
	f->packed = f->h.packing != TSN_NFCAPD_PLAIN && !(u16(p + 10, swapped) & STORED);
	return f->type != 0 && f->type <= TYPE_MAX && f->size <= TSN_NFCAPD_BLOCK_MAX;
}

/*
 * Is another packed block here, all of which was in the file when it was opened? Others are read when their turn comes, with what there
 * is to be said of them, and so are those of which the rest may have to be waited for.
 */
static bool
another_is_here(struct tsn_nfcapd_file *f)
{
	const uint64_t left = f->r->total > f->r->offset ? f->r->total - f->r->offset : 0;

	return f->r->hands != NULL && left >= BLOCK_HEADER && tsn_reader_need(f->r, BLOCK_HEADER) >= BLOCK_HEADER &&
	    read_block_header(f) && f->packed && f->size > 0 && left >= BLOCK_HEADER + f->size;
}

/* Blocks behind the one that is wanted. */
static void
read_ahead(struct tsn_nfcapd_file *f)
{
	struct tsn_nfcapd_block *b;

	while (f->failed == TSN_NFCAPD_PIECE && (b = tsn_nfcapd_ahead_room(f->ahead)) != NULL && another_is_here(f)) {
		tsn_reader_take(f->r, BLOCK_HEADER);
		f->failed = read_raw(f, b);
		f->failed_at = f->at;
		if (f->failed == TSN_NFCAPD_PIECE)
			tsn_nfcapd_ahead_put(f->ahead);
	}
}

static enum tsn_nfcapd_next
take_unpacked(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	const struct tsn_nfcapd_block *b;

	read_ahead(f);
	b = tsn_nfcapd_ahead_take(f->ahead);
	if (b == NULL)
		return TSN_NFCAPD_NO_MEMORY;
	f->at = b->at;
	f->size = b->size;
	f->type = b->type;
	f->packed = true;
	f->blocks++;
	f->plain = b->plain;
	f->left = b->len;
	f->open = f->left > 0;
	out->offset = f->at;
	out->bytes = BLOCK_HEADER + f->size;
	out->reason = "a block cannot be unpacked";
	return f->open ? TSN_NFCAPD_PIECE : TSN_NFCAPD_BAD_BLOCK;
}

/* The block whose header was read last, and what can be had behind it. */
static enum tsn_nfcapd_next
unpack(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	struct tsn_nfcapd_block *b;
	enum tsn_nfcapd_next next;

	if (f->ahead == NULL)
		f->ahead = tsn_nfcapd_ahead_new(f->h.packing, f->r->hands);
	b = f->ahead != NULL ? tsn_nfcapd_ahead_room(f->ahead) : NULL;
	if (b == NULL)
		return TSN_NFCAPD_NO_MEMORY;
	next = read_raw(f, b);
	if (next != TSN_NFCAPD_PIECE)
		return next == TSN_NFCAPD_BROKEN ? broken(f, out, "the file ends inside a block") : next;
	tsn_nfcapd_ahead_put(f->ahead);
	return take_unpacked(f, out);
}

/* Goes to the next block that is not empty. */
static enum tsn_nfcapd_next
next_block(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	size_t n;

	if (f->ahead != NULL && tsn_nfcapd_ahead_n(f->ahead) > 0)
		return take_unpacked(f, out);
	if (f->failed != TSN_NFCAPD_PIECE) {
		f->at = f->failed_at;
		return f->failed == TSN_NFCAPD_BROKEN ? broken(f, out, "the file ends inside a block") : f->failed;
	}
	do {
		n = tsn_reader_need(f->r, BLOCK_HEADER);
		f->at = f->r->offset;
		if (n == 0 && f->r->error == 0)
			return TSN_NFCAPD_END;
		if (n < BLOCK_HEADER)
			return broken(f, out, "the file ends inside the header of a block");
		if (!read_block_header(f))
			return broken(f, out, "what should be the header of a block is none");
		tsn_reader_take(f->r, BLOCK_HEADER);
		f->blocks += f->size == 0;
	} while (f->size == 0);
	if (f->packed)
		return unpack(f, out);
	f->left = f->size;
	f->open = true;
	return TSN_NFCAPD_PIECE;
}

/* A packed block comes whole; one that is not, straight from the reader's buffer. */
static enum tsn_nfcapd_next
piece(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	size_t n = f->left;

	out->type = f->type;
	out->packed = f->packed;
	out->bytes = BLOCK_HEADER + f->size;
	if (f->packed) {
		out->p = f->plain;
		out->offset = f->at;
	} else {
		size_t want = f->left < PIECE ? f->left : PIECE;

		n = tsn_reader_need(f->r, want);
		if (n == 0 || f->cut) {
			f->at = f->r->offset;
			return broken(f, out, "the file ends inside a block");
		}
		f->cut = n < want;
		out->p = f->r->buf + f->r->pos;
		out->offset = f->r->offset;
		n = n < f->left ? n : f->left;
	}
	out->len = n;
	out->last = n == f->left;
	return TSN_NFCAPD_PIECE;
}

enum tsn_nfcapd_next
tsn_nfcapd_next(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	memset(out, 0, sizeof(*out));
	if (!f->open) {
		enum tsn_nfcapd_next next = next_block(f, out);

		if (next != TSN_NFCAPD_PIECE)
			return next;
	}
	return piece(f, out);
}

void
tsn_nfcapd_used(struct tsn_nfcapd_file *f, size_t n)
{
	f->left -= n;
	if (f->packed)
		f->plain += n;
	else
		tsn_reader_take(f->r, n);
	if (f->left > 0)
		return;
	f->open = false;
	f->blocks += !f->packed; /* a packed one was counted when it was read */
}
