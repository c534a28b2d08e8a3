/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/batch.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "flow/columns.h"

#define LINE   TSN_CARVE_LINE
#define MAPPED ((size_t)256 << 10)

const uint8_t tsn_storage_size[] = {
	[TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8, [TSN_I64] = 8, [TSN_F64] = 8,
	[TSN_ADDR] = 4, [TSN_STR] = sizeof(struct tsn_str),
};

void *
tsn_carve(struct tsn_carve *c, size_t size)
{
	void *p = c->base != NULL ? c->base + c->off : NULL;

	c->off += (size_t)TSN_BATCH_ROWS * size + LINE;
	return p;
}

void
tsn_carve_field(struct tsn_carve *c, struct tsn_batch *b, enum tsn_field f)
{
	const struct tsn_field_info *info = &tsn_fields[f];

	b->col[f] = tsn_carve(c, tsn_storage_size[info->storage]);
	if (info->addr_slot >= 0) {
		struct tsn_addr_column *a = &b->addr[info->addr_slot];

		a->v4 = b->col[f];
		a->hi = tsn_carve(c, 8);
		a->lo = tsn_carve(c, 8);
	}
}

static void
carve_all(struct tsn_carve *c, struct tsn_batch *b)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		if (f != TSN_F_PACKETS && f != TSN_F_BYTES)
			tsn_carve_field(c, b, (enum tsn_field)f);
	b->received = tsn_carve(c, 8);
	b->exported = tsn_carve(c, 8);
	b->time = tsn_carve(c, 8);
	b->source = tsn_carve(c, 4);
	b->scaled[0] = tsn_carve(c, 8);
	b->scaled[1] = tsn_carve(c, 8);
}

static bool
is_mapped(const struct tsn_batch *b)
{
	return b->columns_size >= MAPPED;
}

bool
tsn_carve_memory(struct tsn_batch *b, struct tsn_carve *c)
{
	/*
	 * So that the pages of columns nobody fills are never touched: calloc would clear what others have freed. Shares are small, and many.
	 */
	b->columns_size = c->off + LINE;
	b->columns = is_mapped(b) ? tsn_map_small(NULL, 0, b->columns_size) : tsn_calloc(1, b->columns_size);
	*c = (struct tsn_carve){ (unsigned char *)(((uintptr_t)b->columns + LINE - 1) & ~(uintptr_t)(LINE - 1)), 0 };
	return b->columns != NULL;
}

/* The columns that decoders may leave alone start as "none" in the first [n] rows. */
static void
reset_rows(struct tsn_batch *b, uint32_t n)
{
	int64_t *restrict received = b->received, *restrict exported = b->exported;

	for (uint32_t i = 0; i < n; i++) {
		received[i] = TSN_TIME_NONE;
		exported[i] = TSN_TIME_NONE;
	}
	memset(b->source, 0, n * sizeof(b->source[0]));
}

struct tsn_batch *
tsn_batch_new(void)
{
	struct tsn_batch *b = tsn_aligned_calloc(LINE, 1, sizeof(*b));
	struct tsn_carve c = { NULL, 0 };

	if (b == NULL)
		return NULL;
	carve_all(&c, b);
	if (!tsn_carve_memory(b, &c)) {
		tsn_free(b);
		return NULL;
	}
	carve_all(&c, b);
	reset_rows(b, TSN_BATCH_ROWS);
	b->cap = TSN_BATCH_ROWS;
	b->wanted = b->read = b->early = tsn_field_set_all();
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	return b;
}

static void
free_columns(struct tsn_batch *b)
{
	if (!is_mapped(b)) {
		tsn_free(b->columns);
		return;
	}
	if (b->columns != NULL)
		tsn_batch_unseal(b); /* others may have the same pages next */
	tsn_unmap_small(b->columns, b->columns_size);
}

void
tsn_batch_free(struct tsn_batch *b)
{
	if (b == NULL)
		return;
	tsn_late_forget(&b->late);
	tsn_free(b->text);
	free_columns(b);
	tsn_free(b);
}

static void
empty(struct tsn_batch *b, enum tsn_batch_kind kind)
{
	bool apart = kind != TSN_BATCH_FLOWS;

	tsn_batch_unseal(b);
	tsn_late_forget(&b->late);
	b->used = b->n > b->used ? b->n : b->used;
	b->n = 0;
	b->text_used = 0;
	b->kind = kind;
	b->sampled = false;
	tsn_mask_clear(&b->rows);
	tsn_mask_clear(&b->timed);
	memset(b->present, 0, sizeof(b->present));
	for (int i = 0; i < TSN_ADDR_FIELDS; i++) {
		tsn_mask_clear(&b->addr[i].is_v4);
		b->addr[i].any_v6 = false;
	}
	/* a tick row may be keyed by packets and by raw_packets, a conversation has sums of both: there they are two columns */
	b->col[TSN_F_PACKETS] = apart ? b->scaled[0] : b->col[TSN_F_RAW_PACKETS];
	b->col[TSN_F_BYTES] = apart ? b->scaled[1] : b->col[TSN_F_RAW_BYTES];
	memset(&b->derived, 0, sizeof(b->derived));
}

void
tsn_batch_clear(struct tsn_batch *b, enum tsn_batch_kind kind)
{
	empty(b, kind);
	reset_rows(b, b->used);
	b->used = 0;
}

void
tsn_batch_reuse(struct tsn_batch *b)
{
	empty(b, TSN_BATCH_FLOWS);
	tsn_batch_spoil(b);
}

void
tsn_batch_put_real(struct tsn_batch *b, uint32_t row, enum tsn_field f, double v)
{
	if (tsn_fields[f].storage != TSN_F64 || !isfinite(v))
		return;
	((double *)b->col[f])[row] = v;
	tsn_mask_set(&b->present[f], row);
}

void
tsn_batch_put_str(struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_str s)
{
	if (tsn_fields[f].storage != TSN_STR)
		return;
	((struct tsn_str *)b->col[f])[row] = s;
	tsn_mask_set(&b->present[f], row);
}

void
tsn_batch_keep_str(struct tsn_batch *b, uint32_t row, enum tsn_field f, const char *p, size_t n)
{
	struct tsn_str s;

	if (n > TSN_BATCH_STR)
		n = TSN_BATCH_STR;
	if (b->text == NULL)
		b->text = tsn_malloc(TSN_BATCH_TEXT);
	if (b->text == NULL || n > TSN_BATCH_TEXT - b->text_used)
		return;
	s = (struct tsn_str){ b->text + b->text_used, (uint32_t)n };
	if (n > 0)
		memcpy(b->text + b->text_used, p, n);
	b->text_used += n;
	tsn_batch_put_str(b, row, f, s);
}

void
tsn_batch_own_text(struct tsn_batch *b)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		const struct tsn_str *v = b->col[f];
		const struct tsn_mask rows = b->present[f];

		if (tsn_fields[f].storage != TSN_STR)
			continue;
		TSN_EACH_ROW(row, &rows) {
			if (b->text != NULL && v[row].p >= b->text && v[row].p < b->text + TSN_BATCH_TEXT)
				continue;
			tsn_mask_unset(&b->present[f], row);
			tsn_batch_keep_str(b, row, (enum tsn_field)f, v[row].p, v[row].n);
		}
	}
}

void
tsn_batch_put(struct tsn_batch *b, uint32_t row, enum tsn_field f, const struct tsn_value *v)
{
	int slot = tsn_fields[f].addr_slot;

	if (!v->known) {
		tsn_mask_unset(&b->present[f], row);
		if (slot >= 0)
			tsn_mask_unset(&b->addr[slot].is_v4, row);
	} else if (slot >= 0) {
		tsn_batch_put_addr(b, row, f, v->addr);
	} else if (tsn_fields[f].storage == TSN_STR) {
		tsn_batch_put_str(b, row, f, v->s);
	} else if (v->type == TSN_T_REAL) {
		tsn_batch_put_real(b, row, f, v->f);
	} else {
		tsn_batch_put_int(b, row, f, v->i);
	}
}

static void
move_column(void *col, size_t size, const uint16_t *keep, uint32_t n)
{
	unsigned char *p = col;

	for (uint32_t i = 0; i < n; i++)
		if (keep[i] != i)
			memcpy(p + i * size, p + keep[i] * size, size);
}

static void
move_mask(struct tsn_mask *m, const uint16_t *keep, uint32_t n)
{
	struct tsn_mask was = *m;

	tsn_mask_clear(m);
	for (uint32_t i = 0; i < n; i++)
		if (tsn_mask_has(&was, keep[i]))
			tsn_mask_set(m, i);
}

static void
move_addr(struct tsn_addr_column *a, const uint16_t *keep, uint32_t n)
{
	move_mask(&a->is_v4, keep, n);
	if (!a->any_v6)
		return;
	move_column(a->hi, sizeof(*a->hi), keep, n);
	move_column(a->lo, sizeof(*a->lo), keep, n);
}

void
tsn_batch_remove(struct tsn_batch *b, const struct tsn_mask *gone)
{
	uint16_t keep[TSN_BATCH_ROWS];
	uint32_t n = 0, was = b->n;

	for (uint32_t i = 0; i < was; i++)
		if (!tsn_mask_has(gone, i))
			keep[n++] = (uint16_t)i;
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		bool copy = (f == TSN_F_PACKETS && b->col[f] == b->col[TSN_F_RAW_PACKETS]) ||
		    (f == TSN_F_BYTES && b->col[f] == b->col[TSN_F_RAW_BYTES]);

		/* the raw column is moved whoever of the two is told */
		if (!tsn_mask_any(&b->present[f]) && f != TSN_F_RAW_PACKETS && f != TSN_F_RAW_BYTES)
			continue;
		move_mask(&b->present[f], keep, n);
		if (!copy)
			move_column(b->col[f], tsn_storage_size[tsn_fields[f].storage], keep, n);
		if (tsn_fields[f].addr_slot >= 0)
			move_addr(&b->addr[tsn_fields[f].addr_slot], keep, n);
	}
	move_column(b->received, sizeof(*b->received), keep, n);
	move_column(b->exported, sizeof(*b->exported), keep, n);
	move_column(b->time, sizeof(*b->time), keep, n);
	move_mask(&b->timed, keep, n);
	move_column(b->source, sizeof(*b->source), keep, n);
	b->n = n;
	for (uint32_t i = n; i < was; i++) {
		b->received[i] = b->exported[i] = TSN_TIME_NONE;
		b->source[i] = 0;
	}
}

void
tsn_batch_get(const struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_value *out)
{
	memset(out, 0, sizeof(*out));
	out->type = tsn_fields[f].type;
	out->v4_bits = 32;
	out->v6_bits = 128;
	out->known = tsn_mask_has(&b->present[f], row);
	if (!out->known)
		return;
	switch (tsn_fields[f].storage) {
	case TSN_ADDR: out->addr = tsn_batch_addr(b, row, f); break;
	case TSN_STR:  out->s = ((const struct tsn_str *)b->col[f])[row]; break;
	case TSN_F64:  out->f = ((const double *)b->col[f])[row]; break;
	default:       out->i = tsn_column_int(b->col[f], tsn_fields[f].storage, row); break;
	}
}
