/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Classes of values: random ranges of each kind of field, and what a plain walk over them says of each row. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "vm/classes.h"

#define MOST 3000

typedef unsigned __int128 u128;

static uint64_t state;

static uint64_t
rnd(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb) >> 7;
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static struct tsn_class_range range[2][MOST]; /* integers or IPv4, and IPv6 */
static size_t n[2];

/* Disjoint, ascending, of sizes from one to millions, often side by side; the last often up to the very end. */
static void
make_ranges(int of, unsigned bits, uint32_t most, bool single)
{
	u128 all = bits == 128 ? ~(u128)0 : ((u128)1 << bits) - 1, at = below(3) == 0 ? 0 : rnd() % 1000, size;

	n[of] = 0;
	while (n[of] < most && at <= all) {
		size = single ? 0 : below(2) ? below(3) : ((u128)rnd() << 64 | rnd() << 20) & (((u128)1 << below(bits - 3)) - 1);
		if (!single && below(12) == 0 && at >> 16 != all >> 16) { /* whole /16s and /24s */
			at = (at | 0xffff) + 1;
			size = below(2) ? 0xffff : 0xff;
		}
		if (size > all - at)
			size = all - at;
		range[of][n[of]++] = (struct tsn_class_range){ at, at + size, 1 + below(TSN_CLASS_MAX - 1) };
		if (size == all - at)
			return;
		at += size + 1 + (below(3) ? below(single ? 40 : 70000) : 0);
	}
}

static uint32_t
naive(int of, u128 v)
{
	for (size_t i = 0; i < n[of]; i++)
		if (v >= range[of][i].lo && v <= range[of][i].hi)
			return range[of][i].class;
	return TSN_CLASS_NONE;
}

/* The edges of ranges and what lies beside them, or anything. */
static u128
question(int of)
{
	const struct tsn_class_range *r = n[of] > 0 ? &range[of][below((uint32_t)n[of])] : NULL;

	if (r == NULL || below(6) == 0)
		return (u128)rnd() << 64 | rnd() << 8;
	return (below(2) ? r->lo : r->hi) + below(3) - 1;
}

static void
ask(enum tsn_field f, struct tsn_batch *b, const struct tsn_classes *c)
{
	static u128 asked[TSN_BATCH_ROWS];
	static bool six[TSN_BATCH_ROWS];
	uint32_t of[TSN_BATCH_ROWS];
	struct tsn_mask known;
	struct tsn_value v;

	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	b->n = 1 + below(TSN_BATCH_ROWS);
	for (uint32_t i = 0; i < b->n; i++) {
		six[i] = tsn_fields[f].storage == TSN_ADDR && below(2);
		asked[i] = question(six[i]);
		if (below(8) == 0)
			continue;
		if (six[i])
			tsn_batch_put_addr(b, i, f, (struct tsn_addr){ (uint64_t)(asked[i] >> 64), (uint64_t)asked[i], false });
		else if (tsn_fields[f].storage == TSN_ADDR)
			tsn_batch_put_addr(b, i, f, tsn_addr_v4((uint32_t)asked[i]));
		else
			tsn_batch_put_int(b, i, f, (int64_t)asked[i]);
	}
	tsn_mask_first(&b->rows, b->n);
	tsn_mask_unset(&b->rows, 0);
	tsn_classes_rows(c, b, &known, of);
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		uint32_t want = TSN_CLASS_NONE;

		if (i > 0 && i < b->n && tsn_mask_has(&b->present[f], i)) {
			tsn_batch_get(b, i, f, &v);
			want = naive(six[i], tsn_fields[f].storage != TSN_ADDR ? (u128)(uint64_t)v.i : six[i] ? asked[i] : (uint32_t)v.addr.lo);
		}
		cr_assert_eq(tsn_mask_has(&known, i), want != TSN_CLASS_NONE, "%s row %u", tsn_fields[f].name, i);
		if (want != TSN_CLASS_NONE)
			cr_assert_eq(of[i], want, "%s row %u: class %u, want %u", tsn_fields[f].name, i, of[i], want);
		if (want != TSN_CLASS_NONE || (i > 0 && i < b->n && tsn_mask_has(&b->present[f], i)))
			cr_assert_eq(tsn_classes_row(c, b, i), want, "%s row %u by itself", tsn_fields[f].name, i);
	}
}

static void
try(enum tsn_field f, unsigned bits, uint32_t most)
{
	struct tsn_batch *b = tsn_batch_new();

	state = f;
	for (int i = 0; i < 12; i++) {
		struct tsn_arena *a = tsn_arena_new();
		struct tsn_classes c;

		make_ranges(0, bits, below(most) + 1, tsn_fields[f].storage != TSN_ADDR && below(2));
		make_ranges(1, 128, tsn_fields[f].storage == TSN_ADDR ? below(most) : 0, false);
		cr_assert(tsn_classes_init(&c, a, f, range[0], n[0], range[1], n[1]));
		ask(f, b, &c);
		tsn_arena_free(a);
	}
	tsn_batch_free(b);
}

Test(vm_classes, bytes)
{
	try(TSN_F_PROTO, 8, 200);
}

Test(vm_classes, ports)
{
	try(TSN_F_DST_PORT, 16, MOST);
}

Test(vm_classes, wide_integers)
{
	try(TSN_F_IN_IF, 32, MOST);
	try(TSN_F_BYTES, 40, MOST);
}

Test(vm_classes, addresses)
{
	try(TSN_F_SRC, 32, 300);
	try(TSN_F_DST, 32, MOST);
}

/* Short ones and ones longer than the lengths that are told apart; one in so many is empty. */
static void
make_word(char text[100], uint32_t number)
{
	const int len = snprintf(text, 100, "%x", number);
	const int more = number % 7 == 0 ? 70 + (int)(number % 20) : (int)(number % 5);

	memset(text + len, 'a' + (int)(number % 3), (size_t)more);
	text[number == 0 ? 0 : len + more] = '\0';
}

Test(vm_classes, words)
{
	static char word[MOST][100], asked[TSN_BATCH_ROWS][100];
	struct tsn_batch *b = tsn_batch_new();
	uint32_t of[TSN_BATCH_ROWS];
	struct tsn_mask known;

	state = 1;
	for (uint32_t round = 0; round < 12; round++) {
		struct tsn_arena *a = tsn_arena_new();
		const uint32_t first = below(2), words = 1 + below(round < 3 ? 5 : MOST - 1);
		struct tsn_classes c;

		for (uint32_t i = 0; i < words; i++) {
			make_word(word[i], first + i);
			range[0][i] = tsn_class_of_text(word[i], strlen(word[i]), 1 + i);
		}
		cr_assert(tsn_classes_init(&c, a, TSN_F_USER, range[0], words, NULL, 0));
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		b->n = 1 + below(TSN_BATCH_ROWS);
		for (uint32_t i = 0; i < b->n; i++) {
			make_word(asked[i], below(words + words / 4 + 3));
			if (below(8) == 0 && asked[i][0] != '\0')
				asked[i][below((uint32_t)strlen(asked[i]))] ^= 1;
			if (below(8) > 0)
				tsn_batch_put_str(b, i, TSN_F_USER, (struct tsn_str){ asked[i], (uint32_t)strlen(asked[i]) });
		}
		tsn_mask_first(&b->rows, b->n);
		tsn_mask_unset(&b->rows, 0);
		tsn_classes_rows(&c, b, &known, of);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
			uint32_t want = TSN_CLASS_NONE;

			for (uint32_t k = 0; i > 0 && i < b->n && k < words && tsn_mask_has(&b->present[TSN_F_USER], i); k++)
				if (strcmp(word[k], asked[i]) == 0)
					want = 1 + k;
			cr_assert_eq(tsn_mask_has(&known, i), want != TSN_CLASS_NONE, "row %u: %s", i, asked[i]);
			cr_assert(want == TSN_CLASS_NONE || of[i] == want, "row %u: class %u, want %u", i, of[i], want);
		}
		tsn_arena_free(a);
	}
	tsn_batch_free(b);
}
