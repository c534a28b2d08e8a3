/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Random graphs over random batches: what the emitted program matches and
 * reports, against an evaluator that knows nothing of masks, goes row by row,
 * and adds up every aggregate anew from the list of all rows so far.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "unit/ir_graph.h"
#include "vm/vm.h"

#define NODES 4096
#define ROWS 4096 /* of one case, all its batches together */
#define BASE INT64_C(1767571200000)

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

/* --- the naive evaluator --- */

struct number {
	bool known, real;
	int64_t i;
	double f;
};

/* One row that was evaluated, with what it counted for. */
struct memory {
	char key[200];
	bool in;        /* has a key and meets where */
	bool began;     /* of a sequence: meets the first step */
	struct number arg;
	char tuple[64]; /* "" absent */
};

struct naive_agg {
	struct memory *rows;
	uint32_t n;
};

static struct naive_agg naive[NODES * 4]; /* by node id */
static struct number cached_value[NODES * 8];
static int cached_truth[NODES * 8];
static uint64_t value_stamp[NODES * 8], truth_stamp[NODES * 8], tick;
static const struct tsn_batch *batch;
static uint32_t row;

static int truth(const struct tsn_ir *x);
static struct number number(const struct tsn_ir *x);

static struct number
unknown(bool real)
{
	return (struct number){ false, real, 0, 0 };
}

static struct number
whole(__int128 v)
{
	if (v > INT64_MAX || v < INT64_MIN)
		return unknown(false);
	return (struct number){ true, false, (int64_t)v, 0 };
}

static struct number
real_number(double f)
{
	return isfinite(f) ? (struct number){ true, true, 0, f } : unknown(true);
}

static struct number
arithmetic(const struct tsn_ir *x)
{
	struct number a = number(x->kid[0]), b = number(x->kid[1]);

	if (!a.known || !b.known)
		return unknown(a.real);
	if (a.real) {
		switch (x->arith) {
		case TSN_AR_ADD: return real_number(a.f + b.f);
		case TSN_AR_SUB: return real_number(a.f - b.f);
		case TSN_AR_MUL: return real_number(a.f * b.f);
		default: return b.f == 0 ? unknown(true) : real_number(a.f / b.f);
		}
	}
	switch (x->arith) {
	case TSN_AR_ADD: return whole((__int128)a.i + b.i);
	case TSN_AR_SUB: return whole((__int128)a.i - b.i);
	case TSN_AR_MUL: return whole((__int128)a.i * b.i);
	case TSN_AR_MOD: return b.i == 0 ? unknown(false) : whole((__int128)a.i % b.i);
	case TSN_AR_BAND: return whole(a.i & b.i);
	default: return whole(a.i | b.i);
	}
}

static struct number
field_number(enum tsn_field f)
{
	struct tsn_value v;

	tsn_batch_get(batch, row, f, &v);
	if (tsn_fields[f].storage == TSN_F64)
		return v.known ? real_number(v.f) : unknown(true);
	return v.known ? whole(v.i) : unknown(false);
}

/* Text of the row's key; false if a part is absent. */
static bool
key_text(const struct tsn_key_spec *k, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < k->n; i++) {
		struct tsn_value v;
		struct tsn_addr a;

		tsn_batch_get(batch, row, (enum tsn_field)k->part[i].field, &v);
		if (!v.known)
			return false;
		if (tsn_fields[k->part[i].field].storage == TSN_ADDR) {
			a = tsn_addr_mask(v.addr, k->part[i].v4_bits, k->part[i].v6_bits);
			n += (size_t)snprintf(out + n, size - n, "%d %llx %llx,", a.v4, (unsigned long long)a.hi, (unsigned long long)a.lo);
		} else {
			n += (size_t)snprintf(out + n, size - n, "%lld,", (long long)v.i);
		}
	}
	return true;
}

/* S26: the part of a long flow that falls into the window, rounded down. */
static struct number
shared(struct number v, int64_t window)
{
	struct number d = field_number(TSN_F_DURATION);
	__int128 q, r;

	if (!v.known || !d.known || d.i <= window)
		return v;
	q = (__int128)v.i * window / d.i;
	r = (__int128)v.i * window % d.i;
	return whole(r < 0 ? q - 1 : q);
}

/* Enters the row among those the aggregate has seen, once. */
static void
remember(const struct tsn_ir *x)
{
	struct naive_agg *a = &naive[x->id];
	struct memory *m;

	if (a->rows == NULL)
		a->rows = calloc(ROWS, sizeof(*a->rows));
	m = &a->rows[a->n++];
	m->in = key_text(&x->agg->key, m->key, sizeof(m->key));
	m->began = m->in && x->agg->nsteps > 0 && truth(x->agg->step[0].where) == 1;
	m->in &= truth(x->agg->where) == 1;
	m->arg = x->agg->arg != NULL ? number(x->agg->arg) : unknown(false);
	if (x->agg->share)
		m->arg = shared(m->arg, x->agg->window_ms);
	if (x->agg->fn == TSN_AGG_DISTINCT && !key_text(&x->agg->tuple, m->tuple, sizeof(m->tuple)))
		m->tuple[0] = '\0';
}

static bool
counted(const struct tsn_ir *x, const struct memory *m)
{
	if (!m->in)
		return false;
	if (x->agg->fn == TSN_AGG_DISTINCT)
		return m->tuple[0] != '\0';
	return x->agg->arg == NULL || m->arg.known;
}

/* Of one flow the last step comes first: what completes a run begins none. */
static struct number
sequence(const struct tsn_ir *x, const char *key)
{
	const struct naive_agg *a = &naive[x->id];
	bool began = false, done = false;

	for (uint32_t i = 0; i < a->n; i++) {
		const struct memory *m = &a->rows[i];

		done = false;
		if (strcmp(m->key, key) != 0)
			continue;
		if (m->in && began) {
			done = true;
			began = false;
		} else if (m->began) {
			began = true;
		}
	}
	return whole(done);
}

/* First of its group, and counted. */
static struct number
fresh(const struct tsn_ir *x, const char *key)
{
	const struct naive_agg *a = &naive[x->id];
	uint32_t before = 0;

	for (uint32_t i = 0; i + 1 < a->n; i++)
		before += a->rows[i].in && strcmp(a->rows[i].key, key) == 0;
	return whole(a->rows[a->n - 1].in && before == 0);
}

static struct number
aggregate(const struct tsn_ir *x)
{
	struct naive_agg *a = &naive[x->id];
	const struct memory *last = &a->rows[a->n - 1];
	char key[200];
	__int128 sum = 0;
	int64_t n = 0, least = 0, most = 0, different = 0;

	if (!key_text(x->agg->at.n > 0 ? &x->agg->at : &x->agg->key, key, sizeof(key)))
		return unknown(x->type == TSN_T_REAL);
	if (x->agg->fn == TSN_AGG_SEQUENCE)
		return sequence(x, key);
	if (x->agg->fn == TSN_AGG_FRESH)
		return fresh(x, key);
	for (const struct memory *m = a->rows; m <= last; m++) {
		if (!counted(x, m) || strcmp(m->key, key) != 0)
			continue;
		n++;
		sum += m->arg.i;
		least = n == 1 || m->arg.i < least ? m->arg.i : least;
		most = n == 1 || m->arg.i > most ? m->arg.i : most;
		if (x->agg->fn == TSN_AGG_DISTINCT) {
			const struct memory *k = a->rows;

			while (k < m && !(counted(x, k) && strcmp(k->key, key) == 0 && strcmp(k->tuple, m->tuple) == 0))
				k++;
			different += k == m;
		}
	}
	switch (x->agg->fn) {
	case TSN_AGG_COUNT: return whole(n);
	case TSN_AGG_SUM: return whole(sum);
	case TSN_AGG_DISTINCT: return whole(different);
	case TSN_AGG_MIN: return n == 0 ? unknown(false) : whole(least);
	case TSN_AGG_MAX: return n == 0 ? unknown(false) : whole(most);
	default: return n == 0 ? unknown(true) : real_number((double)sum / (double)n);
	}
}

static struct number
number(const struct tsn_ir *x)
{
	struct number v, a;

	if (value_stamp[x->id] == tick)
		return cached_value[x->id];
	switch (x->kind) {
	case TSN_IR_INT: v = whole(x->i); break;
	case TSN_IR_REAL: v = real_number(x->real); break;
	case TSN_IR_FIELD: v = field_number((enum tsn_field)x->field); break;
	case TSN_IR_ARITH: v = arithmetic(x); break;
	case TSN_IR_NEG:
		a = number(x->kid[0]);
		v = !a.known ? a : a.real ? real_number(-a.f) : whole(-(__int128)a.i);
		break;
	case TSN_IR_TO_REAL:
		a = number(x->kid[0]);
		v = a.known ? real_number((double)a.i) : unknown(true);
		break;
	default:
		remember(x);
		v = aggregate(x);
		break;
	}
	value_stamp[x->id] = tick;
	cached_value[x->id] = v;
	return v;
}

static int
order(struct number a, struct number b)
{
	/* an 80-bit real holds any integer of 64 bits and any double exactly */
	long double x = a.real ? (long double)a.f : (long double)a.i, y = b.real ? (long double)b.f : (long double)b.i;

	return x < y ? -1 : x > y;
}

static int
related(int order_, enum tsn_rel rel)
{
	switch (rel) {
	case TSN_REL_EQ: return order_ == 0;
	case TSN_REL_NE: return order_ != 0;
	case TSN_REL_LT: return order_ < 0;
	case TSN_REL_LE: return order_ <= 0;
	case TSN_REL_GT: return order_ > 0;
	default: return order_ >= 0;
	}
}

static bool
has_tumbling(const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_AGG)
		return x->agg->tumbling;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (x->kid[i]->stateful && has_tumbling(x->kid[i]))
			return true;
	return false;
}

/* For a flow, a comparison on a `per` window is true when it can only stay so, and else not yet known. */
static int
as_a_flow_sees(const struct tsn_ir *x, int t)
{
	bool left = has_tumbling(x->kid[0]), right = has_tumbling(x->kid[1]);
	const struct tsn_ir *agg = left ? x->kid[0] : x->kid[1];

	if (!left && !right)
		return t;
	while (agg->kind == TSN_IR_TO_REAL)
		agg = agg->kid[0];
	if (t != 1 || (left && right) || agg->kind != TSN_IR_AGG)
		return -1;
	if (agg->agg->fn != TSN_AGG_COUNT && agg->agg->fn != TSN_AGG_DISTINCT && agg->agg->fn != TSN_AGG_MAX)
		return -1;
	if (left)
		return x->rel == TSN_REL_GT || x->rel == TSN_REL_GE ? 1 : -1;
	return x->rel == TSN_REL_LT || x->rel == TSN_REL_LE ? 1 : -1;
}

static int
compared(const struct tsn_ir *x)
{
	const struct tsn_ir *a = x->kid[0], *b = x->kid[1];
	struct tsn_value v, w;
	struct number m, n;
	bool same;

	if (a->kind == TSN_IR_FIELD && (tsn_fields[a->field].storage == TSN_ADDR || tsn_fields[a->field].storage == TSN_STR)) {
		tsn_batch_get(batch, row, (enum tsn_field)a->field, &v);
		if (b->kind == TSN_IR_FIELD)
			tsn_batch_get(batch, row, (enum tsn_field)b->field, &w);
		else
			w = (struct tsn_value){ .known = true };
		if (!v.known || !w.known)
			return -1;
		if (tsn_fields[a->field].storage == TSN_ADDR) {
			if (b->kind == TSN_IR_FIELD)
				w.addr = tsn_addr_mask(w.addr, b->v4_bits, b->v6_bits);
			else
				w.addr = b->addr;
			same = tsn_addr_cmp(tsn_addr_mask(v.addr, a->v4_bits, a->v6_bits), w.addr) == 0;
		} else {
			if (b->kind != TSN_IR_FIELD)
				w.s = (struct tsn_str){ b->text, b->len };
			same = v.s.n == w.s.n && memcmp(v.s.p, w.s.p, v.s.n) == 0;
		}
		return same == (x->rel == TSN_REL_EQ);
	}
	m = number(a);
	n = number(b);
	if (!m.known || !n.known)
		return as_a_flow_sees(x, -1);
	return as_a_flow_sees(x, related(order(m, n), x->rel));
}

/* The patterns are ^a, b+c and a text that PCRE2 gives up on. */
static int
matched(const struct tsn_ir *x)
{
	struct tsn_value v;

	tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
	if (!v.known)
		return -1;
	if (x->regex == 0)
		return v.s.n > 0 && v.s.p[0] == 'a';
	if (x->regex == 1)
		return memmem(v.s.p, v.s.n, "bc", 2) != NULL;
	return v.s.n > 30 ? -1 : v.s.n == 0 || memmem(v.s.p, v.s.n, "b", 1) != NULL || v.s.p[0] == 'a';
}

static int
member(const struct tsn_ir *x)
{
	const struct tsn_ir *of = x->kid[0];
	struct tsn_value v, w;

	if (of->kind == TSN_IR_TUPLE) {
		tsn_batch_get(batch, row, TSN_F_SRC, &v);
		tsn_batch_get(batch, row, TSN_F_IN_IF, &w);
		if (!v.known || !w.known)
			return -1;
		return v.addr.v4 && v.addr.lo == 0x0a000001 && (w.i == 1 || w.i == 2);
	}
	tsn_batch_get(batch, row, (enum tsn_field)of->field, &v);
	if (!v.known)
		return -1;
	if (tsn_fields[of->field].storage == TSN_ADDR)
		return tsn_set_has_addr(g->set[x->set], tsn_addr_mask(v.addr, of->v4_bits, of->v6_bits));
	if (tsn_fields[of->field].storage == TSN_STR)
		return tsn_set_has_str(g->set[x->set], v.s.p, v.s.n);
	return tsn_set_has_int(g->set[x->set], v.i);
}

static int
truth_now(const struct tsn_ir *x)
{
	struct tsn_value v;
	struct number n;
	int t, low = 1, high = 0;
	bool open = false;

	switch (x->kind) {
	case TSN_IR_TRUE: return 1;
	case TSN_IR_FALSE: return 0;
	case TSN_IR_UNKNOWN: return -1;
	case TSN_IR_NOT:
		t = truth(x->kid[0]);
		return t < 0 ? t : !t;
	case TSN_IR_AND:
	case TSN_IR_OR:
		for (uint32_t i = 0; i < x->nkids; i++) {
			t = truth(x->kid[i]);
			open |= t < 0;
			low &= t != 0;
			high |= t == 1;
		}
		if (x->kind == TSN_IR_AND)
			return !low ? 0 : open ? -1 : 1;
		return high ? 1 : open ? -1 : 0;
	case TSN_IR_HAS:
		if (x->kid[0]->kind == TSN_IR_FIELD) {
			tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
			return v.known;
		}
		return number(x->kid[0]).known;
	case TSN_IR_COMPARE: return compared(x);
	case TSN_IR_FLAGS_HAS:
		n = number(x->kid[0]);
		return n.known ? (n.i & x->i) == x->i : -1;
	case TSN_IR_IN: return member(x);
	case TSN_IR_IN_PREFIX:
		tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
		return v.known ? tsn_prefix_has(x->prefix, tsn_addr_mask(v.addr, x->kid[0]->v4_bits, x->kid[0]->v6_bits)) : -1;
	default: return matched(x);
	}
}

static int
truth(const struct tsn_ir *x)
{
	if (truth_stamp[x->id] != tick) {
		cached_truth[x->id] = truth_now(x);
		truth_stamp[x->id] = tick;
	}
	return cached_truth[x->id];
}

/* --- having part in a rule --- */

struct part {
	uint64_t keys;
	bool any;      /* has aggregates */
	bool has;      /* the row has part */
};

static void
part_keys(const struct tsn_ir *x, struct part *p)
{
	if (x->kind == TSN_IR_AGG) {
		const struct naive_agg *a = &naive[x->id];

		p->any = true;
		p->has |= counted(x, &a->rows[a->n - 1]);
		for (unsigned i = 0; i < x->agg->key.n; i++)
			p->keys |= UINT64_C(1) << x->agg->key.part[i].field;
		for (unsigned i = 0; i < x->agg->at.n; i++)
			p->keys |= UINT64_C(1) << x->agg->at.part[i].field;
		return;
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		part_keys(x->kid[i], p);
}

static bool
other_field(const struct tsn_ir *x, uint64_t keys)
{
	if (x->kind == TSN_IR_FIELD)
		return !(keys >> x->field & 1);
	for (uint32_t i = 0; i < x->nkids; i++)
		if (other_field(x->kid[i], keys))
			return true;
	return false;
}

static void
part_tests(const struct tsn_ir *x, bool want, struct part *p)
{
	if (x->kind == TSN_IR_NOT) {
		part_tests(x->kid[0], !want, p);
	} else if (x->kind == TSN_IR_AND || x->kind == TSN_IR_OR) {
		for (uint32_t i = 0; i < x->nkids; i++)
			part_tests(x->kid[i], want, p);
	} else if (!x->stateful && other_field(x, p->keys)) {
		p->has |= truth(x) == want;
	}
}

/* Every aggregate sees every row, whether or not a condition comes to it. */
static void
see_all(const struct tsn_ir *x)
{
	if (!x->stateful)
		return;
	if (x->kind == TSN_IR_AGG) {
		see_all(x->agg->where);
		for (uint32_t i = 0; i < x->agg->nsteps; i++)
			see_all(x->agg->step[i].where);
		if (x->agg->arg != NULL)
			see_all(x->agg->arg);
		number(x);
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		see_all(x->kid[i]);
}

static bool
matches(const struct tsn_ir_rule *r)
{
	struct part p = { 0, false, false };

	part_keys(r->when, &p);
	part_tests(r->when, true, &p);
	return truth(r->when) == 1 && (!p.any || p.has) && truth(r->except) != 1;
}

/* --- one case --- */

#define RULES 4
#define MANY 40 /* rules on few fields, found by them */
#define VARIANTS 4

static void
fill_row(struct tsn_batch *b, uint32_t r, int64_t time)
{
	static char giving_up[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";

	for (size_t i = 0; i < sizeof(int_fields) / sizeof(int_fields[0]); i++) {
		int64_t v = chance(80) ? (int64_t)below(5) : PICK(extremes);

		if (tsn_fields[int_fields[i]].origin != TSN_O_DERIVED && chance(85))
			tsn_batch_put_int(b, r, int_fields[i], v);
	}
	for (size_t i = 0; i < sizeof(addr_fields) / sizeof(addr_fields[0]); i++) {
		const char *text = PICK(addresses);
		struct tsn_addr a;

		if (chance(85) && tsn_addr_parse(text, strlen(text), &a))
			tsn_batch_put_addr(b, r, addr_fields[i], a);
	}
	for (size_t i = 0; i < sizeof(str_fields) / sizeof(str_fields[0]); i++) {
		const char *text = chance(95) ? PICK(words) : giving_up;

		if (chance(70))
			tsn_batch_put_str(b, r, str_fields[i], (struct tsn_str){ text, (uint32_t)strlen(text) });
	}
	if (chance(80))
		tsn_batch_put_int(b, r, TSN_F_END, (int64_t)below(100));
	b->received[r] = b->time[r] = time;
}

/* What a program found, a bit a row and rule, and the numbers it reported. */
struct found {
	struct tsn_mask rows[MANY], rung[MANY];
	const struct tsn_ir_rule *rules;
	const struct tsn_program *p;
	struct number value[MANY][TSN_BATCH_ROWS], threshold[MANY][TSN_BATCH_ROWS];
	bool holds[MANY][TSN_BATCH_ROWS];
};

static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct found *f = arg;

	(void)b;
	cr_assert(!tsn_mask_any(&f->rows[rule]), "rule %u is told twice", rule);
	f->rows[rule] = *rows;
	if (f->p->rules[rule].nrungs > 0 && tsn_vm_mask(vm, f->p->rules[rule].rung[0].holds) != NULL)
		f->rung[rule] = *tsn_vm_mask(vm, f->p->rules[rule].rung[0].holds);
	if (f->p->rules[rule].nreports == 0)
		return;
	TSN_EACH_ROW(r, rows) {
		struct number *n = &f->value[rule][r];

		f->holds[rule][r] = tsn_vm_mask_has(vm, f->p->rules[rule].report[0].holds, r);
		n->known = tsn_vm_value(vm, f->p->rules[rule].report[0].value, r, &n->i, &n->f, &n->real);
		n = &f->threshold[rule][r];
		n->known = tsn_vm_value(vm, f->p->rules[rule].report[0].threshold, r, &n->i, &n->f, &n->real);
	}
}

static const struct tsn_ir *
first_report(const struct tsn_ir *x)
{
	const struct tsn_ir *found = NULL;

	if (x->kind == TSN_IR_COMPARE && x->stateful)
		return x;
	for (uint32_t i = 0; i < x->nkids && found == NULL && x->stateful && x->kind != TSN_IR_AGG; i++)
		if (x->kind == TSN_IR_AND || x->kind == TSN_IR_OR || x->kind == TSN_IR_NOT)
			found = first_report(x->kid[i]);
	return found;
}

/* As the checker makes of a rule's `where`: its parts stand in `when` beside what counts them. */
static const struct tsn_ir *
with_where(void)
{
	const struct tsn_ir *a = condition(1), *b = condition(1), *c;
	const struct tsn_ir *where = g_logic(g, TSN_IR_AND, a, b);
	struct tsn_key_spec key = random_key();

	if (chance(50))
		c = g_agg(g, TSN_AGG_COUNT, key, where, NULL, false);
	else
		c = g_agg(g, TSN_AGG_SUM, key, where, g_field(g, PICK(int_fields)), false);
	c = g_compare(g, chance(70) ? TSN_REL_GT : TSN_REL_LE, c, g_int(g, below(4)));
	return g_and3(g, a, b, c);
}

static void
build_case(uint64_t seed, struct graph *graph)
{
	state = seed * 7919 + 1;
	g = graph;
	g_init(g);
	npool = 0;
	g_regex(g, "^a");
	g_regex(g, "b+c");
	g_regex(g, "^(a+)+$|b|^$|^a{1,30}[b-z]");
	for (int i = 0; i < 4; i++)
		g_set(g, "set", random_set(i));
	for (int i = 0; i < RULES; i++) {
		const struct tsn_ir *when, *except, *compare;
		struct tsn_ir_rule *r;

		aggs_allowed = (int)below(3);
		when = chance(25) ? with_where() : condition(3);
		except = chance(30) ? condition(2) : NULL;
		r = g_rule(g, "r", when, except);
		compare = first_report(when);
		if (compare != NULL)
			g_report(g, r, compare);
	}
}

/* A test of few values of few fields, as those that rules are found by. */
static const struct tsn_ir *
key_test(void)
{
	static const enum tsn_field fields[] = { TSN_F_DST_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_IN_IF, TSN_F_PACKETS };
	const struct tsn_ir *f = g_field(g, PICK(fields)), *a, *b;

	if (chance(30)) {
		a = g_field(g, PICK(addr_fields));
		if (chance(40))
			return g_compare(g, TSN_REL_EQ, a, g_addr(g, PICK(addresses)));
		b = g_in_prefix(g, a, PICK(prefixes));
		return chance(30) ? g_logic(g, TSN_IR_OR, b, g_in_prefix(g, a, PICK(prefixes))) : b;
	}
	a = g_compare(g, TSN_REL_EQ, f, g_int(g, chance(90) ? (int64_t)below(5) : PICK(extremes)));
	if (chance(15))
		return g_logic(g, TSN_IR_NOT, g_compare(g, TSN_REL_NE, f, g_int(g, below(5))), NULL);
	if (chance(25))
		return g_logic(g, TSN_IR_OR, a, g_compare(g, TSN_REL_EQ, f, g_int(g, below(5))));
	return a;
}

static void
build_many(uint64_t seed, struct graph *graph)
{
	build_case(seed, graph);
	while (g->m.nrules < MANY) {
		const struct tsn_ir *key = key_test(), *other = key_test(), *rest;
		struct tsn_ir_rule *r;

		aggs_allowed = chance(90) ? 0 : 1;
		rest = condition((int)below(3));
		r = g_rule(g, "r", chance(50) ? g_and3(g, key, other, rest) : g_logic(g, TSN_IR_AND, rest, key),
		    chance(30) ? condition(2) : NULL);
		aggs_allowed = 0;
		if (chance(30)) {
			r->rung = tsn_arena_alloc(g->arena, sizeof(*r->rung));
			r->rung[0] = (struct tsn_ir_rung){ TSN_SEV_HIGH, condition(2) };
			r->nrungs = 1;
		}
	}
}

/* Rules of one key that differ in thresholds, so many that they are parted in runs; of the last some have more to ask. */
static void
build_thresholds(uint64_t seed, struct graph *graph)
{
	static const enum tsn_field fields[] = { TSN_F_PACKETS, TSN_F_PACKETS, TSN_F_DST_PORT };
	static const enum tsn_rel rels[] = { TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	const struct tsn_ir *key;

	build_case(seed, graph);
	key = key_test();
	while (g->m.nrules < MANY) {
		const struct tsn_ir *x = g_compare(g, PICK(rels), g_field(g, PICK(fields)),
		    g_int(g, chance(90) ? (int64_t)below(6) : PICK(extremes)));

		if (chance(30))
			x = g_logic(g, TSN_IR_NOT, x, NULL);
		x = chance(70) ? x : g_logic(g, TSN_IR_AND, x, condition((int)below(2)));
		g_rule(g, "r", chance(90) ? g_logic(g, TSN_IR_AND, x, key) : x, chance(10) ? condition(2) : NULL);
	}
}

static bool
same_number(const struct number *got, struct number want)
{
	return got->known == want.known && (!want.known || (got->real == want.real && got->i == want.i && got->f == want.f));
}

static void
expect_row(uint64_t seed, struct found *f, const struct graph *graph, uint32_t rule, bool want)
{
	const struct tsn_ir_rule *r = &graph->rules[rule];

	cr_assert_eq(tsn_mask_has(&f->rows[rule], row), want, "seed %llu rule %u row %u of %u: want %d\n%s", (unsigned long long)seed,
	    rule, row, batch->n, want, r->when->canon);
	if (want && r->nrungs > 0)
		cr_assert_eq(tsn_mask_has(&f->rung[rule], row), truth(r->rung[0].when) == 1, "seed %llu rule %u row %u: rung\n%s",
		    (unsigned long long)seed, rule, row, r->rung[0].when->canon);
	if (!want || r->nreports == 0)
		return;
	cr_assert_eq(f->holds[rule][row], truth(r->report[0].compare) == 1, "seed %llu rule %u row %u: holds", (unsigned long long)seed, rule, row);
	cr_assert(same_number(&f->value[rule][row], number(r->report[0].value)), "seed %llu rule %u row %u: value",
	    (unsigned long long)seed, rule, row);
	cr_assert(same_number(&f->threshold[rule][row], number(r->report[0].threshold)), "seed %llu rule %u row %u: threshold",
	    (unsigned long long)seed, rule, row);
}

static void
run_built(uint64_t seed, void (*build)(uint64_t seed, struct graph *graph), unsigned flags, uint32_t batch_rows, uint32_t batches)
{
	static struct found found;
	struct graph graph;
	struct tsn_program *p;
	struct tsn_vm *vm;
	struct tsn_state *s;
	struct tsn_batch *b = tsn_batch_new();
	const char *error;
	int64_t time = BASE + 30000;

	build(seed, &graph);
	p = tsn_emit_with(&graph.m, flags, &error);
	cr_assert_not_null(p, "seed %llu: %s", (unsigned long long)seed, error);
	vm = tsn_vm_new(p);
	s = tsn_state_new(p->families, p->nfamilies, 0);
	cr_assert(vm != NULL && s != NULL);
	found.p = p;
	for (uint32_t i = 0; i < batches; i++) {
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (b->n = 0; b->n < batch_rows; b->n++)
			fill_row(b, b->n, time++ / 100);
		tsn_mask_first(&b->rows, b->n);
		for (uint32_t k = 0; k < b->n; k++)
			b->time[k] = b->received[k] = BASE + 30000 + (time % 1000);
		memset(found.rows, 0, sizeof(found.rows));
		memset(found.rung, 0, sizeof(found.rung));
		tsn_vm_run(vm, b, s, (const struct tsn_set *const *)graph.set, on_match, &found);
		batch = b;
		for (row = 0; row < b->n; row++) {
			tick++;
			for (uint32_t k = 0; k < graph.m.nrules; k++) {
				see_all(graph.rules[k].when);
				see_all(graph.rules[k].except);
			}
			for (uint32_t k = 0; k < graph.m.nrules; k++)
				expect_row(seed, &found, &graph, k, matches(&graph.rules[k]));
		}
	}
	for (size_t i = 0; i < sizeof(naive) / sizeof(naive[0]); i++) {
		free(naive[i].rows);
		naive[i] = (struct naive_agg){ NULL, 0 };
	}
	tsn_state_free(s);
	tsn_vm_free(vm);
	tsn_program_free(p);
	g_fini(&graph, true);
	tsn_batch_free(b);
}

static void
run_case(uint64_t seed, unsigned flags, uint32_t batch_rows, uint32_t batches)
{
	run_built(seed, build_case, flags, batch_rows, batches);
}

static uint32_t
seeds(uint32_t few)
{
	const char *only = getenv("TSN_SEEDS");

	return only != NULL ? (uint32_t)atol(only) : getenv("TSN_SOAK") != NULL ? few * 20 : (few + 2) / 3;
}

static uint64_t
first_seed(uint64_t base)
{
	return getenv("TSN_SEED") != NULL ? strtoull(getenv("TSN_SEED"), NULL, 0) : base;
}

Test(emit_random, one_row_at_a_time)
{
	for (uint64_t i = 0; i < seeds(1500); i++)
		run_case(first_seed(1000000) + i, 0, 1, 30);
}

Test(emit_random, batches_of_seven)
{
	for (uint64_t i = 0; i < seeds(1500); i++)
		run_case(first_seed(2000000) + i, 0, 7, 6);
}

Test(emit_random, full_batches)
{
	for (uint64_t i = 0; i < seeds(40); i++)
		run_case(first_seed(3000000) + i, 0, 1024, 1);
}

Test(emit_random, every_row_read)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_READ_ALL, 40, 2);
}

Test(emit_random, no_jumps)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_NO_SKIP, 40, 2);
}

Test(emit_random, many_rules)
{
	for (uint64_t i = 0; i < seeds(300); i++)
		run_built(first_seed(4000000) + i, build_many, TSN_EMIT_INDEX_ALL, 40, 2);
}

Test(emit_random, many_rules_in_full_batches)
{
	for (uint64_t i = 0; i < seeds(12); i++)
		run_built(first_seed(5000000) + i, build_many, TSN_EMIT_INDEX_ALL, 1024, 1);
}

Test(emit_random, many_thresholds)
{
	for (uint64_t i = 0; i < seeds(150); i++)
		run_built(first_seed(7000000) + i, build_thresholds, i % 2 == 0 ? TSN_EMIT_INDEX_ALL : 0, 40, 2);
}

Test(emit_random, many_rules_one_by_one)
{
	for (uint64_t i = 0; i < seeds(60); i++)
		run_built(first_seed(4000000) + i, build_many, TSN_EMIT_NO_INDEX, 40, 2);
}

Test(emit_random, no_test_within_another)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_NO_NARROW, 40, 2);
}
