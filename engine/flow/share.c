/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/share.h"

#include <string.h>

#include "base/cpu.h"
#if TSN_CPU_X86
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "base/wide.h"
#include "flow/columns.h"

#define LINE TSN_CARVE_LINE

/* --- memory: of the columns that are wanted only, for there are many shares --- */

static void
carve_wanted(struct tsn_carve *c, struct tsn_batch *b, bool received)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		if (tsn_field_set_has(&b->wanted, (enum tsn_field)f))
			tsn_carve_field(c, b, (enum tsn_field)f);
	b->time = tsn_carve(c, 8);
	b->source = tsn_carve(c, 4);
	if (received)
		b->received = tsn_carve(c, 8);
}

static bool
make(struct tsn_share *s, const struct tsn_field_set *fields, bool received)
{
	struct tsn_carve c = { NULL, 0 };

	s->batch = tsn_aligned_calloc(LINE, 1, sizeof(*s->batch));
	if (s->batch == NULL)
		return false;
	s->batch->wanted = s->batch->read = s->batch->early = *fields;
	s->received = received;
	carve_wanted(&c, s->batch, received);
	if (!tsn_carve_memory(s->batch, &c))
		return false;
	carve_wanted(&c, s->batch, received);
	return true;
}

struct tsn_share *
tsn_share_new(const struct tsn_field_set *fields, bool received, bool away)
{
	struct tsn_share *s = tsn_aligned_calloc(LINE, 1, sizeof(*s));

	if (s != NULL && make(s, fields, received)) {
		s->away = away;
		return s;
	}
	tsn_share_free(s);
	return NULL;
}

void
tsn_share_free(struct tsn_share *s)
{
	if (s == NULL)
		return;
	tsn_batch_free(s->batch);
	tsn_free(s);
}

/* --- columns --- */

/*
 * [n] bytes and what fills up their last line, past this core's caches: the lines lie in that of the core that read what was there before,
 * and to have each one back takes as long as a memory access, or several, where this takes none. To be seen by others
 * after tsn_share_sent.
 */
#if TSN_CPU_X86
static void
stream(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i += sizeof(__m128i))
		_mm_stream_si128((__m128i *)((char *)to + i), _mm_load_si128((const __m128i *)((const char *)from + i)));
}
#else
static void
stream(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
}
#endif

void
tsn_share_sent(void)
{
#if TSN_CPU_X86
	_mm_sfence();
#endif
}

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

/* --- a batch's rows become a share's --- */

struct taking {
	const struct tsn_share *s;
	const struct tsn_batch *whole;
	struct tsn_batch *b;
	_Alignas(64) uint16_t row[TSN_BATCH_ROWS];
};

static void
put(const struct tsn_share *s, void *to, const void *from, size_t n)
{
	if (s->away)
		stream(to, from, n);
	else
		memcpy(to, from, n);
}

static void
pick(const struct taking *t, void *to, const void *from, size_t size)
{
	_Alignas(64) unsigned char near[TSN_BATCH_ROWS * sizeof(struct tsn_str)];
	const uint32_t n = t->b->n;

	switch (size) {
	case 1:  pick_8((void *)near, from, t->row, n); break;
	case 2:  pick_16((void *)near, from, t->row, n); break;
	case 4:  pick_32((void *)near, from, t->row, n); break;
	case 8:  pick_64((void *)near, from, t->row, n); break;
	default: pick_strings((void *)near, from, t->row, n); break;
	}
	put(t->s, to, near, n * size);
}

/* Mostly all rows are in it, or none. */
static void
pick_bits(const struct taking *t, struct tsn_mask *to, const struct tsn_mask *from)
{
	const uint32_t n = t->b->n;
	struct tsn_mask others;

	tsn_mask_andnot(&others, &t->whole->rows, from);
	if (!tsn_mask_any(&others)) {
		*to = t->b->rows;
		return;
	}
	tsn_mask_clear(&others);
	for (uint32_t i = 0; i < n && tsn_mask_any(from); i += 64)
		for (uint32_t k = i; k < i + 64 && k < n; k++)
			others.w[i / 64] |= (uint64_t)tsn_mask_has(from, t->row[k]) << (k - i);
	*to = others;
}

static void
pick_addresses(const struct taking *t, int slot)
{
	const struct tsn_addr_column *from = &t->whole->addr[slot];
	struct tsn_addr_column *to = &t->b->addr[slot];

	pick_bits(t, &to->is_v4, &from->is_v4);
	to->any_v6 = from->any_v6;
	if (!from->any_v6)
		return;
	pick(t, to->hi, from->hi, 8);
	pick(t, to->lo, from->lo, 8);
}

static void
pick_field(const struct taking *t, enum tsn_field f)
{
	pick_bits(t, &t->b->present[f], &t->whole->present[f]);
	pick(t, t->b->col[f], t->whole->col[f], tsn_storage_size[tsn_field_storage[f]]);
	if (tsn_fields[f].addr_slot >= 0)
		pick_addresses(t, tsn_fields[f].addr_slot);
}

static void
pick_always(const struct taking *t)
{
	pick(t, t->b->time, t->whole->time, 8);
	pick(t, t->b->source, t->whole->source, 4);
	if (t->s->received)
		pick(t, t->b->received, t->whole->received, 8);
	for (int i = 0; i < TSN_GIVES_COUNT; i++)
		pick_bits(t, &t->b->gives[i], &t->whole->gives[i]);
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
	b->derived = whole->derived;
}

void
tsn_share_take(struct tsn_share *s, const struct tsn_batch *whole, const struct tsn_mask *rows)
{
	struct tsn_batch *b = s->batch;
	struct taking t; /* not from zeros: rows are many */

	t.s = s;
	t.whole = whole;
	t.b = b;

	s->whole = whole;
	s->placed = false;
	b->n = tsn_mask_list(rows, t.row);
	put(s, s->row, t.row, b->n * sizeof(t.row[0]));
	tsn_mask_first(&b->rows, b->n);
	describe(b, whole);
	pick_always(&t);
	for (uint32_t w = 0; w < sizeof(b->wanted.bits) / sizeof(b->wanted.bits[0]); w++)
		for (uint64_t left = b->wanted.bits[w]; left != 0; left &= left - 1)
			pick_field(&t, (enum tsn_field)(w * 64 + (uint32_t)__builtin_ctzll(left)));
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
