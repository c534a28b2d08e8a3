/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Dynamic sets against a list that is searched from end to end. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "sets/dynamic.h"

static uint64_t seed;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 24) % n;
}

/* --- the model --- */

#define MODEL_MAX 4096

struct one {
	struct tsn_value v;
	char text[24]; /* of strings */
	int64_t added, expires;
	uint64_t seq;
	int reason;
};

struct model {
	enum tsn_set_kind kind;
	struct one m[MODEL_MAX];
	size_t n, max;
	uint64_t seq, pushed_out, expired;
	int64_t expire_ms;
};

static bool
same(const struct tsn_value *a, const struct tsn_value *b)
{
	if (a->type == TSN_T_ADDR)
		return tsn_addr_cmp(a->addr, b->addr) == 0 && (a->addr.v4 ? a->v4_bits == b->v4_bits : a->v6_bits == b->v6_bits);
	if (a->type == TSN_T_STRING)
		return a->s.n == b->s.n && memcmp(a->s.p, b->s.p, a->s.n) == 0;
	return a->i == b->i;
}

static void
model_drop(struct model *m, size_t i)
{
	memmove(&m->m[i], &m->m[i + 1], (m->n - i - 1) * sizeof(m->m[0]));
	m->n--;
	for (size_t k = 0; k < m->n; k++)
		if (m->m[k].v.type == TSN_T_STRING)
			m->m[k].v.s.p = m->m[k].text;
}

static size_t
model_find(const struct model *m, const struct tsn_value *v)
{
	size_t i;

	for (i = 0; i < m->n && !same(&m->m[i].v, v); i++)
		;
	return i;
}

static void
model_add(struct model *m, const struct tsn_value *v, int64_t now, int64_t for_ms, int reason)
{
	size_t i = model_find(m, v), first = 0;
	int64_t stay = for_ms > 0 ? for_ms : m->expire_ms;

	if (i == m->n) {
		if (m->n == m->max) {
			for (size_t k = 1; k < m->n; k++)
				if (m->m[k].expires < m->m[first].expires)
					first = k; /* the list is in order of being added */
			model_drop(m, first);
			m->pushed_out++;
			i = m->n;
		}
		m->m[m->n++] = (struct one){ .v = *v, .seq = m->seq++ };
		if (v->type == TSN_T_STRING) {
			memcpy(m->m[i].text, v->s.p, v->s.n);
			m->m[i].v.s.p = m->m[i].text;
		}
	}
	m->m[i].added = now;
	m->m[i].expires = stay == 0 ? TSN_DYNAMIC_NEVER : now + stay;
	m->m[i].reason = reason;
}

static void
model_expire(struct model *m, int64_t now)
{
	for (size_t i = 0; i < m->n;) {
		if (m->m[i].expires <= now) {
			model_drop(m, i);
			m->expired++;
		} else {
			i++;
		}
	}
}

/* The longest member that holds the value; NULL if none does. */
static const struct one *
model_holds(const struct model *m, const struct tsn_value *v)
{
	const struct one *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct tsn_value *x = &m->m[i].v;
		unsigned bits = x->addr.v4 ? x->v4_bits : x->v6_bits;

		if (x->type != TSN_T_ADDR) {
			if (same(x, v))
				return &m->m[i];
			continue;
		}
		if (!tsn_prefix_has((struct tsn_prefix){ x->addr, (uint8_t)bits }, v->addr))
			continue;
		if (best == NULL || bits > (best->v.addr.v4 ? best->v.v4_bits : best->v.v6_bits))
			best = &m->m[i];
	}
	return best;
}

/* --- values --- */

static struct tsn_value
random_value(enum tsn_set_kind kind, bool prefix, char text[24])
{
	static const uint8_t lens4[] = { 32, 24, 8, 0 }, lens6[] = { 128, 64, 48, 0 };
	struct tsn_value v = { .known = true, .v4_bits = 32, .v6_bits = 128 };

	switch (kind) {
	case TSN_SET_ADDR:
		v.type = TSN_T_ADDR;
		v.addr = below(3) ? tsn_addr_v4(0x0a000000 | (uint32_t)below(3) << 8 | (uint32_t)below(40)) :
		    (struct tsn_addr){ UINT64_C(0x20010db800000000) | below(3), below(20), false };
		if (prefix && below(4) == 0) {
			v.v4_bits = lens4[below(4)];
			v.v6_bits = lens6[below(4)];
			v.addr = tsn_addr_mask(v.addr, v.v4_bits, v.v6_bits);
		}
		break;
	case TSN_SET_INT:
		v.type = TSN_T_PORT;
		v.i = (int64_t)below(200);
		break;
	default:
		v.type = TSN_T_STRING;
		v.s = (struct tsn_str){ text, (uint32_t)snprintf(text, 24, "%s%d", below(2) ? "host" : "", (int)below(90)) };
	}
	return v;
}

struct walk {
	const struct model *m;
	size_t i;
};

static void
visit(void *arg, const struct tsn_dynamic_member *x)
{
	struct walk *w = arg;
	const struct one *o = &w->m->m[w->i];
	char reason[24];

	cr_assert_lt(w->i, w->m->n);
	snprintf(reason, sizeof(reason), "reason %d", o->reason);
	cr_assert(x->added == o->added && x->expires == o->expires);
	cr_assert(x->reason.n == strlen(reason) && memcmp(x->reason.p, reason, x->reason.n) == 0);
	if (x->kind == TSN_SET_ADDR)
		cr_assert(tsn_addr_cmp(x->prefix.addr, o->v.addr) == 0 && x->prefix.len == (o->v.addr.v4 ? o->v.v4_bits : o->v.v6_bits));
	else if (x->kind == TSN_SET_INT)
		cr_assert(x->i == o->v.i);
	else
		cr_assert(x->bytes.n == o->v.s.n && memcmp(x->bytes.p, o->v.s.p, o->v.s.n) == 0);
	w->i++;
}

static void
compare(const struct tsn_set *s, const struct model *m)
{
	struct walk w = { m, 0 };
	char text[24], reason[24];

	cr_assert_eq(tsn_set_size(s), m->n);
	cr_assert_eq(tsn_set_empty(s), m->n == 0);
	tsn_set_dynamic_each(s, visit, &w);
	cr_assert_eq(w.i, m->n);
	for (int i = 0; i < 40; i++) {
		struct tsn_value v = random_value(m->kind, false, text);
		const struct one *o = model_holds(m, &v);
		uint32_t row = tsn_set_row_of_value(s, &v);
		struct tsn_str cell;

		cr_assert_eq(tsn_set_has_value(s, &v), o != NULL);
		cr_assert_eq(row != TSN_SET_NO_ROW, o != NULL);
		if (o == NULL)
			continue;
		snprintf(reason, sizeof(reason), "reason %d", o->reason);
		cell = tsn_set_cell(s, row, tsn_set_column(s, "reason", 6));
		cr_assert(cell.n == strlen(reason) && memcmp(cell.p, reason, cell.n) == 0);
	}
}

/* The same set from its bytes. */
static struct tsn_set *
restored(struct tsn_set *s, const struct model *m)
{
	struct tsn_set *copy = tsn_set_dynamic_new(m->kind, 0, m->expire_ms, m->max);
	struct tsn_pack k = { 0 };
	struct tsn_unpack u;

	tsn_set_dynamic_save(s, &k);
	u = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_set_dynamic_load(copy, &u));
	cr_assert(tsn_unpack_done(&u));
	tsn_pack_fini(&k);
	tsn_set_free(s);
	return copy;
}

static void
one_run(enum tsn_set_kind kind, struct model *m)
{
	struct tsn_set *s, *next;
	int64_t now = 1000000;
	char text[24], reason[24];

	memset(m, 0, sizeof(*m));
	m->kind = kind;
	m->max = below(3) ? 1 + below(60) : MODEL_MAX;
	m->expire_ms = below(2) ? (int64_t)below(500) + 1 : 0;
	s = tsn_set_dynamic_new(kind, 0, m->expire_ms, m->max);
	cr_assert_not_null(s);
	for (int i = 0; i < 300; i++) {
		struct tsn_value v = random_value(kind, true, text);
		int64_t for_ms = below(3) ? 0 : (int64_t)below(300) + 1;

		now += (int64_t)below(4);
		switch (below(8)) {
		case 0:
			cr_assert_eq(tsn_set_dynamic_remove(s, &v), model_find(m, &v) < m->n);
			if (model_find(m, &v) < m->n)
				model_drop(m, model_find(m, &v));
			break;
		case 1:
			model_expire(m, now);
			tsn_set_dynamic_expire(s, now);
			break;
		default:
			snprintf(reason, sizeof(reason), "reason %d", i);
			cr_assert_eq(tsn_set_dynamic_add(s, &v, now, for_ms, reason), model_find(m, &v) < m->n ? TSN_DYNAMIC_RENEWED :
			    TSN_DYNAMIC_ADDED);
			model_add(m, &v, now, for_ms, i);
		}
		if (below(60) == 0)
			s = restored(s, m);
		if (below(60) == 0) {
			next = tsn_set_dynamic_new(kind, 0, m->expire_ms, m->max);
			cr_assert(tsn_set_dynamic_take_over(next, s));
			cr_assert(tsn_set_empty(s));
			tsn_set_free(s);
			s = next;
		}
		if (below(10) == 0)
			compare(s, m);
	}
	compare(s, m);
	tsn_set_free(s);
}

Test(sets_dynamic, random_histories_against_a_list)
{
	uint32_t runs = getenv("TSN_SOAK") != NULL ? 5000 : 120;
	struct model *m = malloc(sizeof(*m));

	for (uint32_t i = 0; i < runs; i++) {
		seed = i;
		one_run(TSN_SET_ADDR, m);
		one_run(TSN_SET_INT, m);
		one_run(TSN_SET_STR, m);
	}
	free(m);
}

/* Nobody wrote it; the beginning of time is a time of writing like any other. */
Test(sets_dynamic, as_old_as_no_file)
{
	struct tsn_set *s = tsn_set_dynamic_new(TSN_SET_ADDR, 0, 0, 10), *builtin = tsn_set_builtin("multicast", 9);

	cr_assert_not_null(builtin);
	cr_expect(tsn_set_as_of(s) == TSN_TIME_NONE && tsn_set_as_of(builtin) == TSN_TIME_NONE);
	tsn_set_put_as_of(builtin, 0);
	cr_expect_eq(tsn_set_as_of(builtin), 0);
	tsn_set_free(builtin);
	tsn_set_free(s);
}

/* Whole columns say what single questions say, masks included. */
Test(sets_dynamic, columns)
{
	struct tsn_set *s = tsn_set_dynamic_new(TSN_SET_ADDR, 0, 0, 1000), *ports = tsn_set_dynamic_new(TSN_SET_INT, 0, 0, 1000);
	struct tsn_batch *b = tsn_batch_new();
	const struct tsn_addr_column *col = &b->addr[tsn_fields[TSN_F_SRC].addr_slot];
	uint8_t hit[TSN_BATCH_ROWS];
	uint16_t port[TSN_BATCH_ROWS];
	int64_t wide[TSN_BATCH_ROWS];
	char text[24];

	seed = 7;
	for (int i = 0; i < 60; i++) {
		struct tsn_value v = random_value(TSN_SET_ADDR, below(8) == 0, text), p = random_value(TSN_SET_INT, false, text);

		if (v.v4_bits == 0 || v.v6_bits == 0)
			continue;
		tsn_set_dynamic_add(s, &v, 0, 0, NULL);
		tsn_set_dynamic_add(ports, &p, 0, 0, NULL);
	}
	for (uint32_t row = 0; row < TSN_BATCH_ROWS; row++) {
		struct tsn_value v = random_value(TSN_SET_ADDR, false, text);

		tsn_batch_put_addr(b, row, TSN_F_SRC, v.addr);
		port[row] = (uint16_t)below(300);
		wide[row] = (int64_t)below(300) - 50;
	}
	for (int masked = 0; masked < 2; masked++) {
		tsn_set_rows_addr(s, col, TSN_BATCH_ROWS, masked ? 24 : 32, masked ? 64 : 128, hit);
		for (uint32_t row = 0; row < TSN_BATCH_ROWS; row++) {
			struct tsn_addr a = tsn_batch_addr(b, row, TSN_F_SRC);

			cr_assert_eq(hit[row], tsn_set_has_addr(s, tsn_addr_mask(a, masked ? 24 : 32, masked ? 64 : 128)), "%u", row);
		}
	}
	tsn_set_rows_u16(ports, port, 1000, hit);
	for (uint32_t row = 0; row < TSN_BATCH_ROWS; row++)
		cr_assert_eq(hit[row], row < 1000 && tsn_set_has_int(ports, port[row]));
	tsn_set_rows_i64(ports, wide, 1000, hit);
	for (uint32_t row = 0; row < 1000; row++)
		cr_assert_eq(hit[row], tsn_set_has_int(ports, wide[row]));
	tsn_set_rows_u16(s, port, 1000, hit);
	cr_assert_eq(hit[0], 0, "addresses are no ports");
	tsn_batch_free(b);
	tsn_set_free(s);
	tsn_set_free(ports);
}

Test(sets_dynamic, keys_as_rules_give_them)
{
	static const struct tsn_key_spec net = { 1, { { TSN_F_SRC, 24, 64 } } }, pair = { 2, { { TSN_F_SRC, 32, 128 },
	    { TSN_F_DST_PORT, 0, 0 } } };
	struct tsn_set *addrs = tsn_set_dynamic_new(TSN_SET_ADDR, 0, 0, 10), *pairs = tsn_set_dynamic_new(TSN_SET_TUPLE, 5, 0, 10);
	struct tsn_batch *b = tsn_batch_new();
	uint8_t key[TSN_KEY_MAX];
	size_t n;

	tsn_batch_put_addr(b, 0, TSN_F_SRC, tsn_addr_v4(0x0a010203));
	n = tsn_key_encode(&net, b, 0, key);
	cr_expect_eq(tsn_set_dynamic_add_key(addrs, &net, key, n, 0, 0, "x"), TSN_DYNAMIC_ADDED);
	cr_expect(tsn_set_has_addr(addrs, tsn_addr_v4(0x0a0102ff)));
	cr_expect_not(tsn_set_has_addr(addrs, tsn_addr_v4(0x0a010303)));
	n = tsn_key_encode_loose(&pair, b, 0, key);
	cr_expect_eq(tsn_set_dynamic_add_key(pairs, &pair, key, n, 0, 0, "x"), TSN_DYNAMIC_WRONG, "the port is absent");
	cr_expect_eq(tsn_set_dynamic_add_key(addrs, &pair, key, n, 0, 0, "x"), TSN_DYNAMIC_WRONG, "no tuples in there");
	tsn_batch_put_int(b, 0, TSN_F_DST_PORT, 25);
	n = tsn_key_encode(&pair, b, 0, key);
	cr_expect_eq(tsn_set_dynamic_add_key(pairs, &pair, key, n, 0, 0, "x"), TSN_DYNAMIC_ADDED);
	cr_expect(tsn_set_has_key(pairs, key, n));
	cr_expect(tsn_set_dynamic_remove_key(pairs, &pair, key, n));
	cr_expect_not(tsn_set_has_key(pairs, key, n));
	tsn_batch_free(b);
	tsn_set_free(addrs);
	tsn_set_free(pairs);
}

Test(sets_dynamic, what_fits_what)
{
	struct tsn_set *a = tsn_set_dynamic_new(TSN_SET_ADDR, 0, 0, 10), *i = tsn_set_dynamic_new(TSN_SET_INT, 0, 0, 10);
	struct tsn_set *small = tsn_set_dynamic_new(TSN_SET_INT, 0, 50, 3);
	struct tsn_dynamic_stats st;
	struct tsn_value v = { .type = TSN_T_PORT, .known = true };

	cr_expect_not(tsn_set_dynamic_take_over(a, i));
	cr_expect_eq(tsn_set_dynamic_add(a, &v, 0, 0, NULL), TSN_DYNAMIC_WRONG);
	for (v.i = 0; v.i < 8; v.i++)
		tsn_set_dynamic_add(i, &v, 100, 100 - v.i * 10, NULL);
	cr_expect_eq(tsn_set_dynamic_due(i), 130);
	cr_expect(tsn_set_dynamic_take_over(small, i));
	cr_expect_eq(tsn_set_size(small), 3);
	cr_expect(tsn_set_has_int(small, 0) && tsn_set_has_int(small, 1) && tsn_set_has_int(small, 2), "those that stay longest");
	tsn_set_dynamic_stats(small, &st);
	cr_expect_eq(st.pushed_out, 5);
	v.i = 9;
	tsn_set_dynamic_add(small, &v, 200, 0, NULL);
	cr_expect_eq(tsn_set_dynamic_expire(small, 249), 2, "what was added before keeps its time");
	cr_expect_eq(tsn_set_dynamic_due(small), 250);
	tsn_set_free(a);
	tsn_set_free(i);
	tsn_set_free(small);
}

/* Any bytes may be loaded: the set is then what they say or empty. */
Test(sets_dynamic, spoiled_bytes_do_no_harm)
{
	uint32_t rounds = getenv("TSN_SOAK") != NULL ? 300000 : 3000, good = 0;
	char text[24];

	seed = 3;
	for (uint32_t i = 0; i < rounds; i++) {
		enum tsn_set_kind kind = below(2) ? TSN_SET_ADDR : TSN_SET_STR;
		struct tsn_set *s = tsn_set_dynamic_new(kind, 0, 10, 100);
		struct tsn_pack k = { 0 };
		struct tsn_unpack u;
		bool loaded;

		for (int n = 0; n < 5; n++) {
			struct tsn_value v = random_value(kind, true, text);

			tsn_set_dynamic_add(s, &v, n, 0, "because");
		}
		tsn_set_dynamic_save(s, &k);
		for (uint64_t n = below(3) + 1; n > 0; n--)
			k.p[below(k.n)] = (uint8_t)below(256);
		u = (struct tsn_unpack){ k.p, k.p + (below(4) ? k.n : below(k.n)), false };
		loaded = tsn_set_dynamic_load(s, &u);
		cr_assert(loaded || tsn_set_empty(s));
		good += loaded;
		tsn_set_has_addr(s, tsn_addr_v4(0x0a000001));
		tsn_set_has_addr(s, (struct tsn_addr){ 1, 2, false });
		tsn_set_dynamic_expire(s, INT64_MAX);
		tsn_pack_fini(&k);
		tsn_set_free(s);
	}
	cr_expect_gt(good, 0);
}

Test(sets_dynamic, memory_may_be_out)
{
	for (long at = 1; at < 60; at++) {
		struct tsn_set *s;
		struct tsn_value v = { .type = TSN_T_PORT, .known = true };
		struct tsn_dynamic_stats st;
		size_t n;

		tsn_mem_fail_at(at, at % 2);
		s = tsn_set_dynamic_new(TSN_SET_INT, 0, 0, 100);
		for (v.i = 0; s != NULL && v.i < 40; v.i++)
			tsn_set_dynamic_add(s, &v, 0, 0, "x");
		tsn_mem_fail_never();
		if (s == NULL)
			continue;
		tsn_set_dynamic_stats(s, &st);
		cr_expect_eq(st.added + st.lost, 40);
		for (n = 0, v.i = 0; v.i < 40; v.i++)
			n += tsn_set_has_int(s, v.i);
		cr_expect_eq(n, st.added);
		tsn_set_free(s);
	}
}
