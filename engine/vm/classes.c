/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/classes.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define CHUNK 0x80000000u /* an entry that is the number of a chunk */
#define NEAR  6
#define NEARS ((65u - NEAR) << NEAR)

typedef unsigned __int128 u128;

/* --- making them --- */

static void
set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool
make_small(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n, uint32_t values)
{
	c->some = tsn_arena_alloc(a, values / 8);
	c->small = tsn_arena_alloc(a, values * sizeof(*c->small));
	if (c->some == NULL || c->small == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t v = (uint32_t)r[i].lo; v <= (uint32_t)r[i].hi; v++) {
			set_bit(c->some, v);
			c->small[v] = r[i].class;
		}
	}
	return true;
}

/* Of a table of [n] values, at most half full. */
static uint64_t
slots_for(size_t n)
{
	uint64_t slots = 16;

	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

static bool
make_slots(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n)
{
	const uint64_t slots = slots_for(n);

	c->slot = tsn_arena_alloc(a, slots * sizeof(*c->slot));
	if (c->slot == NULL)
		return false;
	c->mask = slots - 1;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = tsn_mix64((uint64_t)r[i].lo) & c->mask;

		while (c->slot[at].class != TSN_CLASS_NONE)
			at = (at + 1) & c->mask;
		c->slot[at] = (struct tsn_class_slot){ (uint64_t)r[i].lo, r[i].class };
	}
	return true;
}

static uint64_t
length_bit(size_t n)
{
	return UINT64_C(1) << (n < 63 ? n : 63);
}

static bool
make_words(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n)
{
	const uint64_t slots = slots_for(n);

	c->word = tsn_arena_alloc(a, slots * sizeof(*c->word));
	if (c->word == NULL)
		return false;
	c->mask = slots - 1;
	for (size_t i = 0; i < n; i++) {
		const struct tsn_str s = { (const char *)(uintptr_t)(r[i].lo >> 64), (uint32_t)r[i].lo };
		uint64_t at = tsn_hash_bytes(s.p, s.n, 0) & c->mask;

		while (c->word[at].class != TSN_CLASS_NONE)
			at = (at + 1) & c->mask;
		c->word[at] = (struct tsn_class_text){ s, r[i].class };
		c->lengths |= length_bit(s.n);
	}
	return true;
}

/* Paints ranges into [upper] and chunks, which move while they grow. */
struct painter {
	uint32_t *upper;
	uint64_t *some;
	struct tsn_class_chunk *chunk;
	size_t n, cap;
	bool failed;
};

/* An entry that is a chunk's from now on; its number, 0 when memory is out. */
static uint32_t
open_chunk(struct painter *p, uint32_t *entry)
{
	struct tsn_class_chunk *grown;

	if (*entry & CHUNK)
		return *entry & ~CHUNK;
	grown = tsn_grow(p->chunk, p->n, &p->cap, sizeof(*grown));
	if (grown == NULL) {
		p->failed = true;
		return 0;
	}
	p->chunk = grown;
	memset(&grown[p->n], 0, sizeof(*grown));
	*entry = CHUNK | (uint32_t)p->n;
	return (uint32_t)p->n++;
}

/* Of addresses lo..hi, all of one /24 whose entry is the [m]th of chunk [middle]. */
static void
paint_low(struct painter *p, uint32_t middle, uint32_t m, uint32_t lo, uint32_t hi, uint32_t class)
{
	uint32_t entry = p->chunk[middle].of[m], low = open_chunk(p, &entry);

	if (p->failed)
		return;
	p->chunk[middle].of[m] = entry;
	for (uint32_t v = lo; v <= hi; v++)
		p->chunk[low].of[v] = class;
}

/* Of addresses lo..hi, all of one /16. */
static void
paint_middle(struct painter *p, uint32_t lo, uint32_t hi, uint32_t class)
{
	uint32_t middle = open_chunk(p, &p->upper[lo >> 16]);

	for (uint32_t m = lo >> 8; m <= hi >> 8 && !p->failed; m++) {
		uint32_t first = m << 8, from = first > lo ? first : lo, to = (first | 255) < hi ? first | 255 : hi;

		if (from == first && to == (first | 255))
			p->chunk[middle].of[m & 255] = class;
		else
			paint_low(p, middle, m & 255, from & 255, to & 255, class);
	}
}

static void
paint(struct painter *p, uint32_t lo, uint32_t hi, uint32_t class)
{
	for (uint32_t u = lo >> 16; u <= hi >> 16 && !p->failed; u++) {
		uint32_t first = u << 16, from = first > lo ? first : lo, to = (first | 0xffff) < hi ? first | 0xffff : hi;

		set_bit(p->some, u);
		if (from == first && to == (first | 0xffff))
			p->upper[u] = class;
		else
			paint_middle(p, from, to, class);
	}
}

static bool
make_v4(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n)
{
	struct painter p = { .upper = tsn_arena_alloc(a, 65536 * sizeof(*c->upper)), .some = tsn_arena_alloc(a, 65536 / 8) };

	p.failed = p.upper == NULL || p.some == NULL;
	for (size_t i = 0; i < n && !p.failed; i++)
		paint(&p, (uint32_t)r[i].lo, (uint32_t)r[i].hi, r[i].class);
	if (!p.failed) {
		c->upper = p.upper;
		c->some = p.some;
		c->chunk = tsn_arena_alloc(a, (p.n + 1) * sizeof(*c->chunk));
		p.failed = c->chunk == NULL;
	}
	if (!p.failed && p.n > 0)
		memcpy(c->chunk, p.chunk, p.n * sizeof(*c->chunk));
	tsn_free(p.chunk);
	return !p.failed;
}

static void
add_from(struct tsn_classes *c, u128 at, uint32_t class)
{
	c->from_hi[c->nfrom] = (uint64_t)(at >> 64);
	c->from_lo[c->nfrom] = (uint64_t)at;
	c->from_class[c->nfrom++] = class;
}

static bool
make_from(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n, u128 last)
{
	size_t most = 2 * n + 1;
	u128 at = 0;

	if (n == 0)
		return true;
	c->from_hi = tsn_arena_alloc(a, most * sizeof(*c->from_hi));
	c->from_lo = tsn_arena_alloc(a, most * sizeof(*c->from_lo));
	c->from_class = tsn_arena_alloc(a, most * sizeof(*c->from_class));
	if (c->from_hi == NULL || c->from_lo == NULL || c->from_class == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (r[i].lo != at)
			add_from(c, at, TSN_CLASS_NONE);
		add_from(c, r[i].lo, r[i].class);
		at = r[i].hi + 1; /* 0 behind the very last address, which ends the list */
	}
	if (at != 0 && at <= last)
		add_from(c, at, TSN_CLASS_NONE);
	return true;
}

/*
 * Integers in steps that get larger with them, as counters are spread: their length in bits, and the NEAR bits behind the first.
 * Ascending with the number.
 */
static uint32_t
near_of(uint64_t v)
{
	const unsigned length = v >> NEAR == 0 ? 0 : (unsigned)(64 - NEAR - __builtin_clzll(v));

	return length == 0 ? (uint32_t)v : length << NEAR | (uint32_t)(v >> (length - 1) & ((1u << NEAR) - 1));
}

static bool
make_ints(struct tsn_classes *c, struct tsn_arena *a, const struct tsn_class_range *r, size_t n)
{
	bool single = true;
	uint32_t step = 0;

	for (size_t i = 0; i < n; i++)
		single &= r[i].lo == r[i].hi;
	if (single)
		return make_slots(c, a, r, n);
	c->near = tsn_arena_alloc(a, (NEARS + 1) * sizeof(*c->near));
	if (c->near == NULL || !make_from(c, a, r, n, UINT64_MAX))
		return false;
	/* [step]: the last beginning of a step before it, from where on the first of this one is found */
	for (uint32_t i = 0; i < c->nfrom; i++)
		for (uint32_t own = near_of(c->from_lo[i]); step <= own; step++)
			c->near[step] = i == 0 ? 0 : i - 1;
	for (; step <= NEARS; step++)
		c->near[step] = c->nfrom - 1;
	return true;
}

bool
tsn_classes_init(struct tsn_classes *c, struct tsn_arena *a, uint32_t field, const struct tsn_class_range *r,
    size_t n, const struct tsn_class_range *six, size_t nsix)
{
	*c = (struct tsn_classes){ .field = (uint16_t)field };
	switch (tsn_fields[field].storage) {
	case TSN_U8:
		return make_small(c, a, r, n, 256);
	case TSN_U16:
		return make_small(c, a, r, n, 65536);
	case TSN_ADDR:
		return make_v4(c, a, r, n) && make_from(c, a, six, nsix, ~(u128)0);
	case TSN_STR:
		return make_words(c, a, r, n);
	default:
		return make_ints(c, a, r, n);
	}
}

/* --- looking rows up --- */

/* Rows whose value may have a class, without a branch a row; most have none. */
#define MAYBE(name, T, bits) \
	static uint32_t \
	name(const uint64_t *restrict some, const T *restrict col, uint32_t n, uint16_t *restrict out) \
	{ \
		uint32_t count = 0; \
 \
		for (uint32_t i = 0; i < n; i++) { \
			uint32_t v = (uint32_t)(col[i] >> (bits)); \
 \
			out[count] = (uint16_t)i; \
			count += some[v / 64] >> (v % 64) & 1; \
		} \
		return count; \
	}
MAYBE(maybe8, uint8_t, 0)
MAYBE(maybe16, uint16_t, 0)
MAYBE(maybe_v4, uint32_t, 16)
#undef MAYBE

/* Absent fields are looked up too: what stands in their column is some value, and [known] leaves them out. */
static void
put(struct tsn_mask *known, uint32_t *of, uint32_t row, uint32_t class)
{
	of[row] = class;
	tsn_mask_put(known, row, class != TSN_CLASS_NONE);
}

/* The last beginning at or before the number. */
static uint32_t
near_class(const struct tsn_classes *c, uint64_t value)
{
	const uint32_t step = near_of(value);
	uint32_t at = c->near[step];

	for (uint32_t left = c->near[step + 1] + 1 - at; left > 1;) {
		const uint32_t half = left / 2;

		at = c->from_lo[at + half] <= value ? at + half : at;
		left -= half;
	}
	return c->from_class[at];
}

static uint32_t
int_class(const struct tsn_classes *c, uint64_t value)
{
	uint64_t at;

	if (c->slot == NULL)
		return near_class(c, value);
	at = tsn_mix64(value) & c->mask;

	while (c->slot[at].class != TSN_CLASS_NONE && c->slot[at].value != value)
		at = (at + 1) & c->mask;
	return c->slot[at].class;
}

static uint32_t
v4_class(const struct tsn_classes *c, uint32_t v)
{
	uint32_t x = c->upper[v >> 16];

	if (x & CHUNK)
		x = c->chunk[x & ~CHUNK].of[v >> 8 & 255];
	if (x & CHUNK)
		x = c->chunk[x & ~CHUNK].of[v & 255];
	return x;
}

/* The last beginning at or before the address; the first is 0. */
static uint32_t
v6_class(const struct tsn_classes *c, uint64_t hi, uint64_t lo)
{
	uint32_t at = 0;

	for (uint32_t left = c->nfrom; left > 1;) {
		uint32_t half = left / 2, mid = at + half;
		bool behind = c->from_hi[mid] < hi || (c->from_hi[mid] == hi && c->from_lo[mid] <= lo);

		at = behind ? mid : at;
		left -= half;
	}
	return c->from_class[at];
}

static void
rows_of_addresses(const struct tsn_classes *c, const struct tsn_addr_column *col, uint32_t n, struct tsn_mask *known,
    uint32_t *of)
{
	uint16_t maybe[TSN_BATCH_ROWS + 1];
	uint32_t count = maybe_v4(c->some, col->v4, n, maybe);
	struct tsn_mask six;

	for (uint32_t i = 0; i < count; i++)
		put(known, of, maybe[i], v4_class(c, col->v4[maybe[i]]));
	tsn_mask_and(known, known, &col->is_v4);
	if (!col->any_v6 || c->nfrom == 0)
		return;
	tsn_mask_first(&six, n);
	tsn_mask_andnot(&six, &six, &col->is_v4);
	TSN_EACH_ROW(row, &six)
		put(known, of, row, v6_class(c, col->hi[row], col->lo[row]));
}

static uint32_t
word_class(const struct tsn_classes *c, struct tsn_str s)
{
	uint64_t at;

	if ((c->lengths & length_bit(s.n)) == 0)
		return TSN_CLASS_NONE;
	at = tsn_hash_bytes(s.p, s.n, 0) & c->mask;
	while (c->word[at].class != TSN_CLASS_NONE &&
	    (c->word[at].text.n != s.n || (s.n > 0 && memcmp(c->word[at].text.p, s.p, s.n) != 0)))
		at = (at + 1) & c->mask;
	return c->word[at].class;
}

/* An absent string lies nowhere. */
static void
rows_of_words(const struct tsn_classes *c, const struct tsn_batch *b, struct tsn_mask *known, uint32_t *of)
{
	const struct tsn_str *col = b->col[c->field];
	struct tsn_mask rows;

	tsn_mask_and(&rows, &b->present[c->field], &b->rows);
	TSN_EACH_ROW(row, &rows)
		put(known, of, row, word_class(c, col[row]));
}

void
tsn_classes_rows(const struct tsn_classes *c, const struct tsn_batch *b, struct tsn_mask *known, uint32_t *of)
{
	const void *col = b->col[c->field];
	uint16_t maybe[TSN_BATCH_ROWS + 1];
	uint32_t count = 0;

	tsn_mask_clear(known);
	switch (tsn_fields[c->field].storage) {
	case TSN_U8:
		count = maybe8(c->some, col, b->n, maybe);
		for (uint32_t i = 0; i < count; i++)
			put(known, of, maybe[i], c->small[((const uint8_t *)col)[maybe[i]]]);
		break;
	case TSN_U16:
		count = maybe16(c->some, col, b->n, maybe);
		for (uint32_t i = 0; i < count; i++)
			put(known, of, maybe[i], c->small[((const uint16_t *)col)[maybe[i]]]);
		break;
	case TSN_U32:
		for (uint32_t i = 0; i < b->n; i++)
			put(known, of, i, int_class(c, ((const uint32_t *)col)[i]));
		break;
	case TSN_STR:
		rows_of_words(c, b, known, of);
		break;
	case TSN_ADDR:
		rows_of_addresses(c, &b->addr[tsn_fields[c->field].addr_slot], b->n, known, of);
		break;
	default:
		for (uint32_t i = 0; i < b->n; i++)
			put(known, of, i, int_class(c, ((const uint64_t *)col)[i]));
		break;
	}
	tsn_mask_and(known, known, &b->present[c->field]);
	tsn_mask_and(known, known, &b->rows);
}

uint32_t
tsn_classes_row(const struct tsn_classes *c, const struct tsn_batch *b, uint32_t row)
{
	const void *col = b->col[c->field];
	const struct tsn_addr_column *addr;

	switch (tsn_fields[c->field].storage) {
	case TSN_U8:
		return c->small[((const uint8_t *)col)[row]];
	case TSN_U16:
		return c->small[((const uint16_t *)col)[row]];
	case TSN_U32:
		return int_class(c, ((const uint32_t *)col)[row]);
	case TSN_STR:
		return word_class(c, ((const struct tsn_str *)col)[row]);
	case TSN_ADDR:
		addr = &b->addr[tsn_fields[c->field].addr_slot];
		if (tsn_mask_has(&addr->is_v4, row))
			return v4_class(c, addr->v4[row]);
		return c->nfrom > 0 ? v6_class(c, addr->hi[row], addr->lo[row]) : TSN_CLASS_NONE;
	default:
		return int_class(c, ((const uint64_t *)col)[row]);
	}
}
