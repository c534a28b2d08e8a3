/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keys: they read back, and sort and match exactly as their parts do. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "flow/exporter.h"
#include "flow/key.h"
#include "unit/dice.h"

#define ROWS 200

static char text[ROWS][300];

/* Few different values of each field, extremes among them. */
static struct tsn_value
some_value(enum tsn_field f, uint32_t row)
{
	static const int64_t ints[] = { 0, 1, -1, 255, 256, 65535, INT64_MIN, INT64_MAX, 1000000 };
	static const double reals[] = { 0.0, -0.0, 1.5, -1.5, 1e300, -1e300, 1e-300, 3 };
	struct tsn_value v = { .type = tsn_fields[f].type, .known = true };
	uint64_t r = rnd() >> 20;

	switch (tsn_fields[f].storage) {
	case TSN_ADDR:
		v.addr = r % 2 ? tsn_addr_v4(0x0a000000 + (uint32_t)(r >> 8) % 5 * 200) :
		    (struct tsn_addr){ r >> 8 & 1, (r >> 9) % 3 * UINT64_C(0x7000000000000001), false };
		break;
	case TSN_STR:
		v.s.p = text[row];
		v.s.n = (uint32_t)(r % 5 == 0 ? 250 + r / 5 % 10 : r / 5 % 4);
		memset(text[row], 'a', sizeof(text[row]));
		if (v.s.n > 0)
			text[row][r % 7 == 0 ? 0 : v.s.n - 1] = (char)(r >> 12 & 1 ? 'b' : r >> 13 & 1 ? 0xff : 1);
		break;
	case TSN_F64:
		v.f = reals[r % 8];
		break;
	default:
		v.i = ints[r % 9];
		break;
	}
	return v;
}

static int
order(const struct tsn_value *a, const struct tsn_value *b, enum tsn_storage s)
{
	int c;

	if (a->known != b->known)
		return a->known ? 1 : -1;
	if (!a->known)
		return 0;
	switch (s) {
	case TSN_ADDR: return tsn_addr_cmp(a->addr, b->addr);
	case TSN_F64:  return a->f < b->f ? -1 : a->f > b->f;
	case TSN_U64:  return (uint64_t)a->i < (uint64_t)b->i ? -1 : (uint64_t)a->i > (uint64_t)b->i;
	case TSN_STR:
		c = memcmp(a->s.p, b->s.p, a->s.n < b->s.n ? a->s.n : b->s.n);
		return c != 0 ? (c < 0 ? -1 : 1) : a->s.n < b->s.n ? -1 : a->s.n > b->s.n;
	default:       return a->i < b->i ? -1 : a->i > b->i;
	}
}

static struct tsn_value
masked(struct tsn_value v, const struct tsn_key_part *p)
{
	if (v.known && v.type == TSN_T_ADDR)
		v.addr = tsn_addr_mask(v.addr, p->v4_bits, p->v6_bits);
	return v;
}

static bool
long_text(const struct tsn_value *v)
{
	return v->known && v->type == TSN_T_STRING && v->s.n > TSN_KEY_STR_MAX;
}

/* How the rows compare by the parts themselves; *vague if only (un)equality can be promised. */
static int
row_order(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t x, uint32_t y, bool *vague)
{
	for (unsigned i = 0; i < k->n; i++) {
		const struct tsn_key_part *p = &k->part[i];
		struct tsn_value vx, vy;
		int c;

		tsn_batch_get(b, x, p->field, &vx);
		tsn_batch_get(b, y, p->field, &vy);
		vx = masked(vx, p);
		vy = masked(vy, p);
		c = order(&vx, &vy, tsn_fields[p->field].storage);
		if (c != 0) {
			*vague = long_text(&vx) || long_text(&vy);
			return c;
		}
	}
	return 0;
}

static void
random_spec(struct tsn_key_spec *k)
{
	static const uint8_t v4[] = { 32, 32, 24, 0 }, v6[] = { 128, 128, 64, 1 };

	k->n = 1 + rnd() % 4;
	for (unsigned i = 0; i < k->n; i++) {
		unsigned m = rnd() % 4;

		k->part[i] = (struct tsn_key_part){ (uint16_t)(rnd() % TSN_FIELD_COUNT), v4[m], v6[m] };
	}
}

static void
check_decode(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row, const uint8_t *key, size_t n)
{
	for (unsigned i = 0; i < k->n; i++) {
		struct tsn_value want, got;

		tsn_batch_get(b, row, k->part[i].field, &want);
		want = masked(want, &k->part[i]);
		tsn_key_decode(k, key, n, i, &got);
		cr_assert_eq(got.type, want.type);
		cr_assert_eq(got.v4_bits, k->part[i].v4_bits);
		if (long_text(&want)) {
			cr_assert(got.s.n == TSN_KEY_STR_MAX && memcmp(got.s.p, want.s.p, 200) == 0 && got.s.p[TSN_KEY_STR_MAX - 17] == '~');
			continue;
		}
		cr_assert_eq(order(&got, &want, tsn_fields[k->part[i].field].storage), 0, "part %u: %s", i,
		    tsn_fields[k->part[i].field].name);
	}
}

Test(flow_key, sort_match_and_read_back_like_their_parts)
{
	static uint8_t key[ROWS][TSN_KEY_MAX];
	size_t len[ROWS];
	struct tsn_batch *b = tsn_batch_new();

	for (int n = 0; n < 150; n++) {
		struct tsn_key_spec k;
		struct tsn_mask present;
		bool loose = n % 2;

		random_spec(&k);
		tsn_batch_clear(b, TSN_BATCH_TICK);
		for (uint32_t i = 0; i < ROWS; i++) {
			for (unsigned j = 0; j < k.n; j++) {
				struct tsn_value v = some_value(k.part[j].field, i);

				v.known = !loose || rnd() % 5 != 0;
				tsn_batch_put(b, i, k.part[j].field, &v);
			}
		}
		b->n = ROWS;
		tsn_mask_first(&b->rows, ROWS);
		tsn_key_present(&k, b, &present);
		for (uint32_t i = 0; i < ROWS; i++) {
			bool all = true;

			for (unsigned j = 0; j < k.n; j++)
				all &= tsn_mask_has(&b->present[k.part[j].field], i);
			cr_assert_eq(tsn_mask_has(&present, i), all);
			len[i] = loose ? tsn_key_encode_loose(&k, b, i, key[i]) : tsn_key_encode(&k, b, i, key[i]);
			cr_assert_leq(len[i], TSN_KEY_MAX);
			if (all) {
				uint8_t other[TSN_KEY_MAX];
				size_t m = tsn_key_encode(&k, b, i, other);

				cr_assert(m == len[i] && memcmp(other, key[i], m) == 0, "loose and strict differ");
			}
			check_decode(&k, b, i, key[i], len[i]);
		}
		for (uint32_t x = 0; x < ROWS; x++) {
			for (uint32_t y = 0; y < ROWS; y++) {
				size_t least = len[x] < len[y] ? len[x] : len[y];
				int got = memcmp(key[x], key[y], least), want;
				bool vague = false;

				got = got != 0 ? (got < 0 ? -1 : 1) : len[x] < len[y] ? -1 : len[x] > len[y];
				want = row_order(&k, b, x, y, &vague);
				cr_assert(vague ? got != 0 : got == want, "spec %d, rows %u %u: %d, not %d", n, x, y, got, want);
			}
		}
	}
	tsn_batch_free(b);
}

/* One spec in three has a field whose keys are not of one length, or too long. */
static bool
random_short_spec(struct tsn_key_spec *k)
{
	bool is_short = true;
	size_t size = 0;

	random_spec(k);
	for (unsigned i = 0; i < k->n; i++) {
		enum tsn_storage storage;

		while (rnd() % 8 != 0 && tsn_fields[k->part[i].field].storage > TSN_U32 && tsn_fields[k->part[i].field].storage != TSN_ADDR)
			k->part[i].field = (uint16_t)(rnd() % TSN_FIELD_COUNT);
		storage = tsn_fields[k->part[i].field].storage;
		is_short = is_short && (storage <= TSN_U32 || storage == TSN_ADDR);
		size += storage == TSN_U8 ? 2 : storage == TSN_U16 ? 3 : 5;
	}
	return is_short && size <= TSN_KEY_WORDS * sizeof(uint64_t);
}

Test(flow_key, many_rows_at_once_have_the_same_keys)
{
	static uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], hash[TSN_BATCH_ROWS];
	struct tsn_batch *b = tsn_batch_new();
	uint32_t seen = 0;

	_Static_assert(TSN_U8 < TSN_U32 && TSN_U16 < TSN_U32, "the small ones come first");
	for (int n = 0; n < 300; n++) {
		uint16_t row[ROWS];
		uint32_t rows = 0;
		struct tsn_key_spec k;
		struct tsn_mask v4_rows;
		const bool is_short = random_short_spec(&k);
		size_t len;

		tsn_batch_clear(b, TSN_BATCH_TICK);
		for (uint32_t i = 0; i < ROWS; i++)
			for (unsigned j = 0; j < k.n; j++) {
				struct tsn_value v = some_value(k.part[j].field, i);

				tsn_batch_put(b, i, k.part[j].field, &v);
			}
		b->n = ROWS;
		for (uint32_t i = 0; i < ROWS; i++)
			if (rnd() % 3 != 0)
				row[rows++] = (uint16_t)i;
		len = tsn_key_words(&k, b, row, rows, words);
		cr_assert_eq(len != 0, is_short, "spec %d", n);
		tsn_mask_first(&v4_rows, ROWS);
		tsn_key_keep_v4(&k, b, &v4_rows);
		if (len > 0)
			tsn_key_hash_words(words, len, (uint64_t)n, rows, hash);
		for (uint32_t i = 0; i < rows && len > 0; i++) {
			uint8_t key[TSN_KEY_MAX], bytes[TSN_KEY_WORDS * sizeof(uint64_t)];
			bool v4 = true;

			for (unsigned j = 0; j < k.n; j++)
				v4 = v4 && (tsn_fields[k.part[j].field].storage != TSN_ADDR ||
				    tsn_mask_has(&b->addr[tsn_fields[k.part[j].field].addr_slot].is_v4, row[i]));
			cr_assert_eq(tsn_mask_has(&v4_rows, row[i]), v4);
			if (!v4)
				continue;
			for (size_t at = 0; at < sizeof(bytes) && at < (len + 7) / 8 * 8; at++)
				bytes[at] = (uint8_t)(words[at / 8][i] >> at % 8 * 8);
			cr_assert_eq(tsn_key_encode(&k, b, row[i], key), len, "spec %d", n);
			cr_assert_eq(memcmp(key, bytes, len), 0, "spec %d, row %u", n, row[i]);
			cr_assert_eq(hash[i], tsn_hash_bytes(key, len, (uint64_t)n), "spec %d, row %u", n, row[i]);
			for (size_t at = len; at < (len + 7) / 8 * 8; at++)
				cr_assert_eq(bytes[at], 0);
			seen++;
		}
	}
	cr_assert_gt(seen, 5000);
	tsn_batch_free(b);
}

Test(flow_key, one_ipv4_address_as_a_word_has_the_same_bytes_and_hash)
{
	struct tsn_key_spec k = { .n = 1, .part = { { TSN_F_SRC, 32, 128 } } };
	struct tsn_batch *b = tsn_batch_new();

	tsn_batch_clear(b, TSN_BATCH_TICK);
	for (unsigned bits = 0; bits <= 32; bits++) {
		const struct tsn_value v = { .type = TSN_T_ADDR, .known = true, .addr = tsn_addr_v4((uint32_t)rnd()) };
		uint8_t key[TSN_KEY_MAX];
		uint64_t word;

		k.part[0].v4_bits = (uint8_t)bits;
		tsn_batch_put(b, 0, TSN_F_SRC, &v);
		b->n = 1;
		word = tsn_key_v4_word(&k.part[0], (uint32_t)v.addr.lo);
		cr_assert_eq(tsn_key_encode_loose(&k, b, 0, key), TSN_KEY_V4);
		for (unsigned i = 0; i < TSN_KEY_V4; i++)
			cr_assert_eq(key[i], (uint8_t)(word >> 8 * i), "/%u", bits);
		cr_assert_eq(tsn_hash_short(word, TSN_KEY_V4, 7), tsn_hash_bytes(key, TSN_KEY_V4, 7));
	}
	tsn_batch_free(b);
}

Test(flow_key, a_key_makes_a_row_with_the_same_key)
{
	struct tsn_batch *b = tsn_batch_new(), *t = tsn_batch_new();

	for (int n = 0; n < 500; n++) {
		uint8_t key[TSN_KEY_MAX], again[TSN_KEY_MAX];
		struct tsn_key_spec k;
		size_t len;

		random_spec(&k);
		tsn_batch_clear(b, TSN_BATCH_TICK);
		tsn_batch_clear(t, TSN_BATCH_TICK);
		for (unsigned j = 0; j < k.n; j++) {
			struct tsn_value v = some_value(k.part[j].field, 0);

			v.known = rnd() % 6 != 0;
			tsn_batch_put(b, 3, k.part[j].field, &v);
		}
		len = tsn_key_encode_loose(&k, b, 3, key);
		/* one field twice with two masks can only keep the last of them */
		for (unsigned i = 0; i < k.n; i++)
			for (unsigned j = 0; j < i; j++)
				if (k.part[i].field == k.part[j].field)
					goto next;
		tsn_key_to_row(&k, key, len, t, 9);
		cr_assert_eq(tsn_key_encode_loose(&k, t, 9, again), len);
		cr_assert_eq(memcmp(key, again, len), 0, "case %d", n);
next:;
	}
	tsn_batch_free(b);
	tsn_batch_free(t);
}

Test(flow_key, no_parts_is_one_group)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_key_spec k = { 0 };
	struct tsn_mask m;
	uint8_t key[8];

	b->n = 70;
	tsn_mask_first(&b->rows, 70);
	tsn_key_present(&k, b, &m);
	cr_assert_eq(tsn_mask_count(&m), 70);
	cr_assert_eq(tsn_key_encode(&k, b, 0, key), 0);
	cr_assert(!tsn_key_is_addr(&k));
	tsn_batch_free(b);
}

Test(flow_key, long_strings_differ_in_their_hash)
{
	struct tsn_key_spec k = { 1, { { TSN_F_USER, 0, 0 } } };
	struct tsn_batch *b = tsn_batch_new();
	static char a[1000], c[1000], nul[] = "ab\0c";
	uint8_t x[TSN_KEY_MAX], y[TSN_KEY_MAX];
	size_t n, m;

	memset(a, 'x', sizeof(a));
	memset(c, 'x', sizeof(c));
	c[999] = 'y';
	tsn_batch_put_str(b, 0, TSN_F_USER, (struct tsn_str){ a, 1000 });
	tsn_batch_put_str(b, 1, TSN_F_USER, (struct tsn_str){ c, 1000 });
	tsn_batch_put_str(b, 2, TSN_F_USER, (struct tsn_str){ nul, 4 });
	tsn_batch_put_str(b, 3, TSN_F_USER, (struct tsn_str){ nul, 2 });
	n = tsn_key_encode(&k, b, 0, x);
	m = tsn_key_encode(&k, b, 1, y);
	cr_assert(n == m && memcmp(x, y, n) != 0);
	n = tsn_key_encode(&k, b, 2, x);
	m = tsn_key_encode(&k, b, 3, y);
	cr_assert(n != m || memcmp(x, y, n) != 0, "a NUL inside counts");
	tsn_batch_free(b);
}

Test(flow_key, torn_bytes_are_absent_parts)
{
	struct tsn_key_spec k = { 3, { { TSN_F_SRC, 32, 128 }, { TSN_F_USER, 0, 0 }, { TSN_F_BYTES, 0, 0 } } };
	struct tsn_batch *b = tsn_batch_new();
	uint8_t key[TSN_KEY_MAX];
	struct tsn_value v;
	size_t n;

	tsn_batch_put_addr(b, 0, TSN_F_SRC, tsn_addr_v4(1));
	tsn_batch_put_str(b, 0, TSN_F_USER, (struct tsn_str){ "amy", 3 });
	tsn_batch_put_int(b, 0, TSN_F_BYTES, 5);
	n = tsn_key_encode(&k, b, 0, key);
	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *torn = malloc(cut ? cut : 1);

		memcpy(torn, key, cut);
		for (unsigned i = 0; i < 3; i++)
			tsn_key_decode(&k, torn, cut, i, &v); /* the sanitizer watches */
		cr_assert_eq(v.known, cut == n);
		free(torn);
	}
	tsn_batch_free(b);
}
