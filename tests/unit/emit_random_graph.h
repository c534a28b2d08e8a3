/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Random conditions over a few fields, aggregates within aggregates among them. Seeded, so a failure repeats. */
#ifndef TESTS_EMIT_RANDOM_GRAPH_H
#define TESTS_EMIT_RANDOM_GRAPH_H

#include "unit/ir_graph.h"

#define NODES 4096

/* --- random numbers --- */

static uint64_t state;

static uint64_t
rnd(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = state;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static bool
chance(uint32_t percent)
{
	return below(100) < percent;
}

/* --- random graphs --- */

static const enum tsn_field int_fields[] = {
	TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_PACKETS, TSN_F_BYTES, TSN_F_IN_IF, TSN_F_FLAGS, TSN_F_START, TSN_F_DURATION,
	TSN_F_DSCP, TSN_F_TOS,
};
static const enum tsn_field addr_fields[] = { TSN_F_SRC, TSN_F_DST, TSN_F_EXPORTER };
static const enum tsn_field str_fields[] = { TSN_F_EXPORTER_NAME, TSN_F_APPLICATION };
static const char *const words[] = { "a", "", "abc", "bcd", "aaaa", "edge-1" };
static const char *const addresses[] = { "10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::" };
static const char *const prefixes[] = { "10.0.0.0/24", "0.0.0.0/0", "2001:db8::/48", "::/0", "10.0.0.1", "2001:db8::1", "10.0.0.0/31" };
static const int64_t extremes[] = {
	0, 1, 2, 3, 6, 17, 25, 80, 255, 256, 65535, 65536, -1, -2, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
	INT64_C(4294967295), INT64_C(4294967296), INT64_C(9007199254740993), INT64_C(3037000500),
};
static const double reals[] = { 0.0, 0.5, 1.0, -1.5, 2.0, 6.25, 80.0, 1e3, 9007199254740993.0, 9223372036854775807.0, -9223372036854775808.0, 1e300, -1e300, 1e-300 };

#define PICK(a) ((a)[below(sizeof(a) / sizeof((a)[0]))])

static struct graph *g;
static const struct tsn_ir *pool[NODES]; /* conditions made so far, to be used again */
static uint32_t npool;
static int aggs_allowed; /* how deep aggregates may still nest */

static const struct tsn_ir *condition(int depth);

static struct tsn_key_spec
random_key(void)
{
	struct tsn_key_spec k = { 0, { { 0, 0, 0 } } };
	unsigned n = below(3);

	for (unsigned i = 0; i < n; i++) {
		if (chance(70))
			k.part[i] = (struct tsn_key_part){ (uint16_t)PICK(addr_fields), chance(70) ? 32 : 24, chance(70) ? 128 : 64 };
		else
			k.part[i] = (struct tsn_key_part){ (uint16_t)PICK(int_fields), 32, 128 };
		k.n++;
	}
	return k;
}

static const struct tsn_ir *int_value(int depth);

/* Flows are filed under [key] and read under addresses of theirs in another order. */
static struct tsn_key_spec
random_at(const struct tsn_key_spec *key)
{
	struct tsn_key_spec at = *key;

	for (unsigned i = 0; i < at.n; i++)
		if (tsn_fields[at.part[i].field].storage == TSN_ADDR)
			at.part[i].field = (uint16_t)PICK(addr_fields);
	return at;
}

/* Two steps by one key. */
static const struct tsn_ir *
random_sequence(void)
{
	struct tsn_ir_step *step = tsn_arena_alloc(g->arena, 2 * sizeof(*step));
	struct tsn_key_spec key = random_key();
	unsigned level = 1;
	struct tsn_ir_agg *a;
	struct tsn_ir *x;

	aggs_allowed--;
	for (int i = 0; i < 2; i++) {
		step[i] = (struct tsn_ir_step){ key, condition(1), NULL };
		level = 1 + g_level(step[i].where) > level ? 1 + g_level(step[i].where) : level;
	}
	aggs_allowed++;
	x = g_agg(g, TSN_AGG_COUNT, key, step[1].where, NULL, false);
	a = g_open_agg(x);
	a->fn = TSN_AGG_SEQUENCE;
	a->step = step;
	a->nsteps = 2;
	a->level = level;
	a->family_canon = g_text(g, "steps (%u) (%u) of %u", step[0].where->id, step[1].where->id, x->id);
	a->agg_canon = "sequence over 1d";
	x->canon = g_text(g, "sequence[%s]", a->family_canon);
	return x;
}

static const struct tsn_ir *
random_agg(bool real)
{
	if (!real && chance(10))
		return random_sequence();

	static const enum tsn_agg_fn fns[] = { TSN_AGG_COUNT, TSN_AGG_COUNT, TSN_AGG_SUM, TSN_AGG_MIN, TSN_AGG_MAX, TSN_AGG_DISTINCT };
	enum tsn_agg_fn fn = real ? TSN_AGG_AVG : PICK(fns);
	const struct tsn_ir *where = NULL, *arg = NULL;
	struct tsn_ir *x;
	struct tsn_key_spec key = random_key();

	aggs_allowed--;
	if (chance(70))
		where = condition(1);
	if (fn != TSN_AGG_COUNT && fn != TSN_AGG_DISTINCT)
		arg = chance(60) ? g_field(g, PICK(int_fields)) : int_value(1);
	aggs_allowed++;
	x = g_agg(g, fn, key, where, arg, chance(20));
	if (!real && !x->agg->tumbling && chance(15)) {
		g_open_agg(x)->fn = TSN_AGG_FRESH;
		g_open_agg(x)->arg = NULL;
		g_open_agg(x)->agg_canon = "fresh over 1d";
		x->type = TSN_T_INT;
		x->canon = g_text(g, "fresh[%.1000s]", x->agg->family_canon);
		return x;
	}
	if (chance(15)) {
		g_open_agg(x)->at = random_at(&key);
		g_open_agg(x)->family_canon = g_text(g, "%s at %u", x->agg->family_canon, x->id);
	}
	if (fn == TSN_AGG_SUM && chance(40)) {
		g_open_agg(x)->share = true;
		g_open_agg(x)->agg_canon = g_text(g, "%s share", x->agg->agg_canon);
	}
	if (fn == TSN_AGG_DISTINCT) {
		g_open_agg(x)->tuple = g_key(chance(50) ? PICK(addr_fields) : PICK(int_fields));
		g_open_agg(x)->agg_canon = g_text(g, "%s %s", x->agg->agg_canon, tsn_fields[x->agg->tuple.part[0].field].name);
	}
	return x;
}

static const struct tsn_ir *
int_value(int depth)
{
	static const enum tsn_ir_arith ops[] = { TSN_AR_ADD, TSN_AR_SUB, TSN_AR_MUL, TSN_AR_MOD, TSN_AR_BAND, TSN_AR_BOR };

	if (aggs_allowed > 0 && chance(15))
		return random_agg(false);
	if (depth <= 0 || chance(40))
		return chance(70) ? g_field(g, PICK(int_fields)) : g_int(g, PICK(extremes));
	if (chance(15))
		return g_unary(g, TSN_IR_NEG, int_value(depth - 1));
	const struct tsn_ir *a = int_value(depth - 1);

	return g_arith(g, PICK(ops), a, int_value(depth - 1));
}

static const struct tsn_ir *
real_value(int depth)
{
	static const enum tsn_ir_arith ops[] = { TSN_AR_ADD, TSN_AR_SUB, TSN_AR_MUL, TSN_AR_DIV };
	const struct tsn_ir *a;

	if (aggs_allowed > 0 && chance(10))
		return random_agg(true);
	if (depth <= 0 || chance(30))
		return chance(50) ? g_field(g, TSN_F_BYTES_PER_PACKET) : g_real(g, PICK(reals));
	if (chance(30))
		return g_unary(g, TSN_IR_TO_REAL, int_value(depth - 1));
	if (chance(10))
		return g_unary(g, TSN_IR_NEG, real_value(depth - 1));
	a = real_value(depth - 1);
	return g_arith(g, PICK(ops), a, real_value(depth - 1));
}

static const struct tsn_ir *
random_addr(void)
{
	enum tsn_field f = PICK(addr_fields);

	return chance(70) ? g_field(g, f) : g_masked(g, f, (uint8_t)below(33), (uint8_t)below(129));
}

static const struct tsn_ir *
leaf(void)
{
	enum tsn_rel rel = (enum tsn_rel)below(6), same = chance(50) ? TSN_REL_EQ : TSN_REL_NE;
	const struct tsn_ir *a;

	switch (below(20)) {
	case 0:
		return g_constant(g, chance(40) ? TSN_IR_TRUE : chance(50) ? TSN_IR_FALSE : TSN_IR_UNKNOWN);
	case 1:
		a = random_addr();
		return g_compare(g, same, a, chance(60) ? g_addr(g, PICK(addresses)) : random_addr());
	case 2:
		a = random_addr();
		return g_in_prefix(g, a, PICK(prefixes));
	case 3:
		a = random_addr();
		return g_in(g, a, 0);
	case 4:
		return g_in(g, g_field(g, PICK(int_fields)), 1);
	case 5:
		return g_in(g, g_field(g, PICK(str_fields)), 2);
	case 6: {
		struct tsn_ir *t = g_node(g, TSN_IR_TUPLE, TSN_T_TUPLE, g_field(g, TSN_F_SRC), g_field(g, TSN_F_IN_IF));

		t->canon = "(src, in_if)";
		return g_in(g, t, 3);
	}
	case 7:
		a = g_field(g, PICK(str_fields));
		return g_match(g, a, below(3));
	case 8:
		a = g_field(g, PICK(str_fields));
		return g_compare(g, same, a, chance(70) ? g_string(g, PICK(words)) : g_field(g, PICK(str_fields)));
	case 9:
		return chance(50) ? g_has(g, g_field(g, chance(50) ? PICK(int_fields) : PICK(addr_fields))) : g_has(g, int_value(2));
	case 10:
		return g_flags_has(g, chance(70) ? g_field(g, TSN_F_FLAGS) : int_value(1), below(64));
	case 11:
		a = g_arith(g, TSN_AR_BAND, g_field(g, PICK(int_fields)), g_int(g, (int64_t)below(64) << below(12)));
		return g_compare(g, same, a, g_int(g, (int64_t)below(64) << below(12)));
	case 12:
		a = real_value(2);
		return g_compare(g, rel, a, chance(50) ? g_real(g, PICK(reals)) : chance(50) ? int_value(1) : real_value(2));
	case 13:
		a = g_field(g, PICK(int_fields));
		return g_compare(g, rel, a, g_real(g, PICK(reals)));
	case 14:
	case 15:
		a = int_value(3);
		return g_compare(g, rel, a, chance(40) ? g_int(g, PICK(extremes)) : chance(70) ? int_value(2) : real_value(1));
	case 16:
		a = int_value(2);
		return g_compare(g, rel, a, g_real(g, PICK(reals)));
	default:
		a = g_field(g, PICK(int_fields));
		return g_compare(g, rel, a, g_int(g, PICK(extremes)));
	}
}

static const struct tsn_ir *
condition(int depth)
{
	const struct tsn_ir *x, *a, *b;

	if (npool > 0 && chance(25)) {
		x = pool[below(npool)];
		/* one from inside an aggregate may stand anywhere that is not too deep */
		if ((int)g_level(x) <= aggs_allowed)
			return x;
	}
	if (depth <= 0 || chance(20)) {
		x = leaf();
	} else if (chance(20)) {
		x = g_logic(g, TSN_IR_NOT, condition(depth - 1), NULL);
	} else {
		a = condition(depth - 1);
		b = condition(depth - 1);
		if (chance(30))
			x = g_and3(g, a, b, condition(depth - 1));
		else
			x = g_logic(g, chance(60) ? TSN_IR_AND : TSN_IR_OR, a, b);
	}
	if (npool < NODES)
		pool[npool++] = x;
	return x;
}

static struct tsn_set *
random_set(int which)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_set *s;
	uint8_t key[64];
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct tsn_prefix p;
		const char *text = PICK(prefixes);
		int64_t at = PICK(extremes);

		switch (which) {
		case 0:
			if (tsn_prefix_parse(text, strlen(text), &p) && p.len > 0)
				tsn_set_builder_add_prefix(b, p, TSN_SET_NO_ROW);
			break;
		case 1:
			tsn_set_builder_add_int_range(b, at, at < INT64_MAX - 5 ? at + 5 : at, TSN_SET_NO_ROW);
			break;
		case 2:
			text = PICK(words);
			tsn_set_builder_add_str(b, text, strlen(text), TSN_SET_NO_ROW);
			break;
		default: /* src 10.0.0.1 with in_if 1 or 2, as tsn_key_encode writes them */
			n = 0;
			memcpy(key, "\4\12\0\0\1\1\0\0\0", 9);
			n = 10;
			key[9] = (uint8_t)(1 + i);
			tsn_set_builder_add_key(b, key, n, TSN_SET_NO_ROW);
			break;
		}
	}
	s = tsn_set_build(b);
	tsn_set_builder_free(b);
	return s;
}

#endif
