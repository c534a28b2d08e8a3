/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/share.h"

#include "base/mem.h"
#include "base/wide.h"

struct tsn_share *
tsn_share_new(const struct tsn_field_set *fields, bool received)
{
	struct tsn_share *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->batch = tsn_batch_new();
	if (s->batch == NULL) {
		tsn_free(s);
		return NULL;
	}
	/* packets and bytes are columns of their own here, whether they are scaled or not: one of the two may be all that is looked at */
	tsn_batch_clear(s->batch, TSN_BATCH_TALKS);
	s->batch->wanted = *fields;
	s->received = received;
	return s;
}

void
tsn_share_free(struct tsn_share *s)
{
	if (s == NULL)
		return;
	tsn_batch_unseal(s->batch);
	tsn_batch_free(s->batch);
	tsn_free(s);
}

/* --- columns --- */

#define PICK(bits) \
	TSN_WIDE(static, void, pick_##bits, \
	    (uint##bits##_t *restrict to, const uint##bits##_t *restrict from, const uint16_t *restrict row, uint32_t n), (to, from, row, n)) \
	{ \
		for (uint32_t i = 0; i < n; i++) \
			to[i] = from[row[i]]; \
	}
PICK(8)
PICK(16)
PICK(32)
PICK(64)
#undef PICK

static void
pick_strings(struct tsn_str *to, const struct tsn_str *from, const uint16_t *row, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[row[i]];
}

static void
pick(enum tsn_storage storage, void *to, const void *from, const uint16_t *row, uint32_t n)
{
	switch (storage) {
	case TSN_U8:   pick_8(to, from, row, n); break;
	case TSN_U16:  pick_16(to, from, row, n); break;
	case TSN_ADDR:
	case TSN_U32:  pick_32(to, from, row, n); break;
	case TSN_STR:  pick_strings(to, from, row, n); break;
	default:       pick_64(to, from, row, n); break;
	}
}

/* Mostly all rows are in it, or none. */
static void
pick_bits(const struct tsn_share *s, struct tsn_mask *to, const struct tsn_mask *from)
{
	const uint32_t n = s->batch->n;
	struct tsn_mask others;

	tsn_mask_andnot(&others, &s->whole->rows, from);
	*to = s->batch->rows;
	if (!tsn_mask_any(&others))
		return;
	tsn_mask_clear(to);
	if (!tsn_mask_any(from))
		return;
	for (uint32_t i = 0; i < n; i++)
		to->w[i / 64] |= (uint64_t)tsn_mask_has(from, s->row[i]) << (i % 64);
}

static void
pick_addresses(const struct tsn_share *s, int slot)
{
	const struct tsn_addr_column *from = &s->whole->addr[slot];
	struct tsn_addr_column *to = &s->batch->addr[slot];

	pick_bits(s, &to->is_v4, &from->is_v4);
	to->any_v6 = from->any_v6;
	if (!from->any_v6)
		return;
	pick_64(to->hi, from->hi, s->row, s->batch->n);
	pick_64(to->lo, from->lo, s->row, s->batch->n);
}

static void
pick_field(const struct tsn_share *s, enum tsn_field f)
{
	pick_bits(s, &s->batch->present[f], &s->whole->present[f]);
	pick(tsn_fields[f].storage, s->batch->col[f], s->whole->col[f], s->row, s->batch->n);
	if (tsn_fields[f].addr_slot >= 0)
		pick_addresses(s, tsn_fields[f].addr_slot);
}

static void
fill_source(uint32_t *to, uint32_t source, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = source;
}

static void
pick_always(const struct tsn_share *s)
{
	struct tsn_batch *b = s->batch;

	pick_64((uint64_t *)b->time, (const uint64_t *)s->whole->time, s->row, b->n);
	if (s->received)
		pick_64((uint64_t *)b->received, (const uint64_t *)s->whole->received, s->row, b->n);
	if (b->one_source)
		fill_source(b->source, s->whole->source[0], b->n);
	else
		pick_32(b->source, s->whole->source, s->row, b->n);
	for (int i = 0; i < TSN_GIVES_COUNT; i++)
		pick_bits(s, &b->gives[i], &s->whole->gives[i]);
}

/* What is said of all rows is said of the whole's. */
static void
describe(struct tsn_batch *b, const struct tsn_batch *whole)
{
	b->cap = whole->cap;
	b->kind = whole->kind;
	b->ticket = whole->ticket;
	b->sampled = whole->sampled;
	b->event_span = whole->event_span;
	b->received_span = whole->received_span;
	b->one_source = whole->one_source;
	b->derived = whole->derived;
}

void
tsn_share_take(struct tsn_share *s, const struct tsn_batch *whole, const struct tsn_mask *rows)
{
	struct tsn_batch *b = s->batch;

	s->whole = whole;
	s->placed = false;
	b->n = tsn_mask_list(rows, s->row);
	tsn_mask_first(&b->rows, b->n);
	describe(b, whole);
	pick_always(s);
	for (uint32_t w = 0; w < sizeof(b->wanted.bits) / sizeof(b->wanted.bits[0]); w++)
		for (uint64_t left = b->wanted.bits[w]; left != 0; left &= left - 1)
			pick_field(s, (enum tsn_field)(w * 64 + (uint32_t)__builtin_ctzll(left)));
	tsn_batch_seal(b);
}

/* --- rows --- */

void
tsn_share_widen(const struct tsn_share *s, const struct tsn_mask *rows, struct tsn_mask *out)
{
	tsn_mask_clear(out);
	TSN_EACH_ROW(row, rows)
		tsn_mask_set(out, s->row[row]);
}

uint32_t
tsn_share_place(struct tsn_share *s, uint32_t row)
{
	for (uint32_t i = 0; i < s->batch->n && !s->placed; i++)
		s->place[s->row[i]] = (uint16_t)i;
	s->placed = true;
	return s->place[row];
}
