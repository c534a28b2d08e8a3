/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/nfcapd.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

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
	size_t left;       /* bytes of it still to be handed out; of a packed one, of [plain] */
	uint16_t type;
	uint32_t size;
	bool open, packed; /* in the middle of a block; it was packed */
	bool cut;          /* all that the file has of an unfinished block has been handed out */
	uint8_t *raw, *plain; /* as read, as unpacked */
	size_t raw_room, plain_at;
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
	tsn_free(f->raw);
	tsn_free(f->plain);
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

/* Reads the block's [f->size] bytes. The buffer grows with what is really there, not with what the header says. */
static enum tsn_nfcapd_next
read_raw(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	size_t got = 0, n;

	while (got < f->size) {
		n = tsn_reader_need(f->r, f->size - got < PIECE ? f->size - got : PIECE);
		if (n == 0)
			return broken(f, out, "the file ends inside a block");
		n = n < f->size - got ? n : f->size - got;
		if (got + n > f->raw_room) {
			size_t room = f->raw_room * 2 > got + n ? f->raw_room * 2 : got + n;
			uint8_t *p = tsn_realloc(f->raw, room);

			if (p == NULL)
				return TSN_NFCAPD_NO_MEMORY;
			f->raw = p;
			f->raw_room = room;
		}
		memcpy(f->raw + got, f->r->buf + f->r->pos, n);
		tsn_reader_take(f->r, n);
		got += n;
	}
	return TSN_NFCAPD_PIECE;
}

static enum tsn_nfcapd_next
unpack(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	enum tsn_nfcapd_next next = read_raw(f, out);

	if (next != TSN_NFCAPD_PIECE)
		return next;
	if (f->plain == NULL && (f->plain = tsn_malloc(TSN_NFCAPD_BLOCK_MAX)) == NULL)
		return TSN_NFCAPD_NO_MEMORY;
	f->blocks++;
	f->plain_at = 0;
	f->left = tsn_nfcapd_unpack(f->h.packing, f->raw, f->size, f->plain, TSN_NFCAPD_BLOCK_MAX);
	f->open = f->left > 0;
	out->offset = f->at;
	out->bytes = BLOCK_HEADER + f->size;
	out->reason = "a block cannot be unpacked";
	return f->open ? TSN_NFCAPD_PIECE : TSN_NFCAPD_BAD_BLOCK;
}

/* Goes to the next block that is not empty. */
static enum tsn_nfcapd_next
next_block(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out)
{
	bool swapped = f->h.swapped;
	const uint8_t *p;
	size_t n;

	do {
		n = tsn_reader_need(f->r, BLOCK_HEADER);
		p = f->r->buf + f->r->pos;
		f->at = f->r->offset;
		if (n == 0 && f->r->error == 0)
			return TSN_NFCAPD_END;
		if (n < BLOCK_HEADER)
			return broken(f, out, "the file ends inside the header of a block");
		f->size = u32(p + 4, swapped);
		f->type = u16(p + 8, swapped);
		if (f->type == 0 || f->type > TYPE_MAX || f->size > TSN_NFCAPD_BLOCK_MAX)
			return broken(f, out, "what should be the header of a block is none");
		f->packed = f->h.packing != TSN_NFCAPD_PLAIN && !(u16(p + 10, swapped) & STORED);
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
		out->p = f->plain + f->plain_at;
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
		f->plain_at += n;
	else
		tsn_reader_take(f->r, n);
	if (f->left > 0)
		return;
	f->open = false;
	f->blocks += !f->packed; /* a packed one was counted when it was read */
}
