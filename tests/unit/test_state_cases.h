/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Random families and flows for the state suites, and running the engine beside the model. */
#ifndef TSN_TEST_STATE_CASES_H
#define TSN_TEST_STATE_CASES_H

#include <criterion/criterion.h>

#include <math.h>

#include "base/mem.h"
#include "unit/test_state_model.h"

static const struct tsn_key_spec m_keys[] = {
	{ 0, { { 0, 0, 0 } } },
	{ 1, { { TSN_F_SRC, 32, 128 } } },
	{ 1, { { TSN_F_SRC, 24, 48 } } },
	{ 1, { { TSN_F_SRC, 0, 0 } } },
	{ 1, { { TSN_F_EXPORTER, 32, 128 } } },
	{ 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } },
	{ 2, { { TSN_F_SRC, 24, 64 }, { TSN_F_DST, 16, 32 } } },
	{ 1, { { TSN_F_DST_PORT, 0, 0 } } },
	{ 1, { { TSN_F_DNS_NAME, 0, 0 } } },
};
#define M_KEYS (sizeof(m_keys) / sizeof(m_keys[0]))

static const struct tsn_key_spec m_tuples[] = {
	{ 1, { { TSN_F_DST, 32, 128 } } },
	{ 1, { { TSN_F_DST, 24, 64 } } },
	{ 1, { { TSN_F_DST_PORT, 0, 0 } } },
	{ 1, { { TSN_F_DNS_NAME, 0, 0 } } },
	{ 2, { { TSN_F_DST, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } },
};

static const struct tsn_key_spec m_connection = { 3, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } };

static const int64_t m_windows[] = { 1000, 2000, 5000, 10000, 15000, 16000, 30000, 60000, 61000, 300000, 3600000 };

static inline void
c_agg(struct rng *r, struct tsn_agg_def *d, char canon[64])
{
	static int64_t serial;
	int64_t step;

	*d = (struct tsn_agg_def){ .fn = below(r, 10), .real = chance(r, 30), .tumbling = chance(r, 35),
		.by_received = chance(r, 20), .closes = chance(r, 60) };
	d->closes = d->closes && d->tumbling;
	d->window_ms = m_windows[below(r, sizeof(m_windows) / sizeof(m_windows[0]))];
	if (chance(r, 15))
		d->window_ms += (int64_t)below(r, 1000);
	if (!tsn_agg_infos[d->fn].arg)
		d->real = false;
	d->tuple = d->fn == TSN_AGG_JITTER ? m_connection : m_tuples[below(r, sizeof(m_tuples) / sizeof(m_tuples[0]))];
	step = (d->window_ms + 14) / 15;
	step = step < 1000 ? 1000 : step;
	if (chance(r, 25))
		step += (int64_t)below(r, (uint64_t)d->window_ms);
	d->pane_ms = d->tumbling ? d->window_ms : step;
	d->panes = d->tumbling ? 1 : 1 + (uint32_t)((d->window_ms + step - 1) / step);
	snprintf(canon, 64, "agg %" PRId64, ++serial);
	d->canon = canon;
}

static inline void
c_family(struct rng *r, struct model *m, char canon[M_AGGS][64])
{
	static const uint64_t caps[] = { 0, 64, 128, 700, 1000000, UINT64_MAX };

	m_init(m, rnd(r));
	m->def.key = m_keys[below(r, M_KEYS)];
	m->def.max_keys = caps[below(r, sizeof(caps) / sizeof(caps[0]))];
	m->def.naggs = 1 + (uint32_t)below(r, M_AGGS);
	for (uint32_t i = 0; i < m->def.naggs; i++)
		c_agg(r, &m->agg[i], canon[i]);
}

/* Rows such that no group has more members than are counted exactly; only tuples could. */
static inline uint32_t
c_exact(const struct model *m, uint32_t n)
{
	for (uint32_t a = 0; a < m->def.naggs; a++)
		if ((m->agg[a].fn == TSN_AGG_DISTINCT || m->agg[a].fn == TSN_AGG_ENTROPY) && m->agg[a].tuple.n > 1 && n > 256)
			n = 256;
	return n;
}

struct c_style {
	uint64_t hosts, ports, gap, disorder, wild, extreme, read, uncounted;
	int64_t base;
	bool v4; /* no IPv6: keys of one address are told apart by their tags */
};

static inline void
c_style(struct rng *r, struct c_style *s)
{
	static const uint64_t hosts[] = { 1, 3, 20, 300, 5000 }, gaps[] = { 0, 10, 300, 2000, 30000, 400000 };
	static const int64_t bases[] = { 1767571200000, 1767571200000, 1767571200000, 0, -5000000, INT64_C(1) << 42,
		-(INT64_C(1) << 42), INT64_C(1) << 46 };

	s->hosts = hosts[below(r, 5)];
	s->ports = hosts[below(r, 4)];
	s->gap = gaps[below(r, 6)];
	s->disorder = chance(r, 50) ? 0 : gaps[1 + below(r, 5)] * (1 + below(r, 20));
	s->wild = chance(r, 70) ? 0 : 3;
	s->extreme = chance(r, 75) ? 0 : 30;
	s->read = chance(r, 50) ? 0 : 40;
	s->uncounted = chance(r, 50) ? 0 : 30;
	s->base = bases[below(r, 8)];
	s->v4 = chance(r, 40);
}

static inline struct tsn_addr
c_addr(struct rng *r, uint64_t hosts)
{
	uint64_t n = below(r, hosts);

	if (n % 4 == 3)
		return (struct tsn_addr){ UINT64_C(0x20010db8) << 32 | (n % 7) << 20, n * 0x10001, false };
	return tsn_addr_v4((uint32_t)(0x0a000000 + n * 77));
}

static inline struct tsn_addr
c_host(struct rng *r, const struct c_style *s, uint64_t hosts)
{
	const struct tsn_addr a = c_addr(r, hosts);

	return s->v4 && !a.v4 ? tsn_addr_v4((uint32_t)a.lo) : a;
}

static inline void
c_arg(struct rng *r, struct m_row *row, unsigned a, const struct c_style *s)
{
	static const int64_t extreme[] = { INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_C(1) << 59, -(INT64_C(1) << 59),
		INT64_C(1) << 62 };

	row->arg[a].known = !chance(r, 15);
	row->arg[a].i = (int64_t)below(r, 100000) - (chance(r, 50) ? 50000 : 0);
	row->arg[a].f = (double)row->arg[a].i / 7;
	if (chance(r, (unsigned)s->extreme)) {
		row->arg[a].i = extreme[below(r, 6)];
		row->arg[a].f = ldexp(row->arg[a].f, (int)below(r, 120));
	}
}

/* Some flows go on where the one before them ended, a little early or late. */
static inline void
c_start(struct rng *r, struct m_row *row, const struct m_row *before)
{
	static const uint64_t longest[] = { 1, 1000, 20000, UINT64_C(1) << 33 };

	row->has_start = !chance(r, 3);
	row->has_end = !chance(r, 10);
	row->end = row->time;
	row->start = row->end - (int64_t)below(r, longest[below(r, chance(r, 90) ? 3 : 4)]);
	if (before != NULL && chance(r, 30))
		row->start = before->end + (int64_t)below(r, 3000) - 1500;
	if (before != NULL && chance(r, 10))
		row->start = before->start;
}

static inline void
c_rows(struct rng *r, const struct c_style *s, struct m_row *rows, uint32_t n)
{
	int64_t t = s->base;

	for (uint32_t i = 0; i < n; i++) {
		struct m_row *row = &rows[i];

		memset(row, 0, sizeof(*row));
		t += (int64_t)below(r, s->gap + 1);
		row->time = t - (s->disorder && chance(r, 40) ? (int64_t)below(r, s->disorder) : 0);
		if (chance(r, (unsigned)s->wild))
			row->time += (int64_t)below(r, INT64_C(1) << 42) - (INT64_C(1) << 41);
		row->received = t + (int64_t)below(r, 3000);
		row->has_src = !chance(r, 3);
		row->has_dst = !chance(r, 3);
		row->has_exporter = !chance(r, 3);
		row->has_port = !chance(r, 10);
		row->has_name = !chance(r, 10);
		row->src = c_host(r, s, s->hosts);
		row->dst = c_host(r, s, 200);
		row->exporter = c_host(r, s, 5);
		row->port = (int64_t)below(r, s->ports < 200 ? s->ports : 200);
		snprintf(row->name, sizeof(row->name), "n%d", (int)below(r, s->ports < 200 ? s->ports : 200));
		c_start(r, row, i > 0 ? row - 1 : NULL);
		row->counted = !chance(r, (unsigned)s->uncounted);
		row->read = chance(r, (unsigned)s->read);
		for (unsigned a = 0; a < M_AGGS; a++)
			c_arg(r, row, a, s);
	}
}

/* Vectors and masks of one batch. */
struct c_bench {
	struct tsn_batch *b, *scratch;
	struct tsn_vector arg[M_AGGS], out[M_AGGS];
	struct tsn_mask counted, read;
	const struct tsn_mask *only; /* of the rows, those that are folded; NULL: all */
	bool flows;                    /* as flows: of a guarded family some look in any case, with `at` only those that are said to */
	struct tsn_mask must;
	uint32_t from;                 /* for tests: the first of [rows] folded last */
};

/* Whole stretches of rows have none that looks in any case. */
static inline bool
c_must(uint32_t row)
{
	return row % 3 == 0 && row / 256 % 2 == 1;
}

static inline void
c_bench_fini(struct c_bench *c)
{
	tsn_batch_free(c->b);
	tsn_batch_free(c->scratch);
}

/* Made while the [k]th allocation fails, from where on [k] goes on to count; NULL: it was one of these. */
static inline struct tsn_state *
c_failing_state(const struct tsn_family_def *def, uint64_t seed, long *k, bool sticky)
{
	struct tsn_state *s;
	long made;

	tsn_mem_fail_at(*k, sticky);
	s = tsn_state_new(def, 1, seed);
	made = tsn_mem_count();
	tsn_mem_fail_never();
	cr_assert(s != NULL || made > *k);
	*k -= made;
	return s;
}

/* Folds rows [from, to) as one batch; results in c->out, which were dirty before. */
static inline bool
c_fold(struct c_bench *c, struct tsn_state *s, uint32_t family, const struct tsn_family_def *def,
    const struct m_row *rows, uint32_t from, uint32_t to)
{
	const struct tsn_vector *args[M_AGGS];
	struct tsn_vector *results[M_AGGS];

	tsn_batch_clear(c->b, TSN_BATCH_FLOWS);
	tsn_mask_clear(&c->counted);
	tsn_mask_clear(&c->read);
	for (uint32_t a = 0; a < def->naggs; a++) {
		memset(&c->out[a], 0xA5, sizeof(c->out[a]));
		memset(&c->out[a].real, 0, sizeof(c->out[a].real));
		tsn_mask_clear(&c->arg[a].known);
		c->arg[a].real = def->agg[a].real;
		args[a] = tsn_agg_infos[def->agg[a].fn].arg ? &c->arg[a] : NULL;
		results[a] = &c->out[a];
	}
	for (uint32_t i = from; i < to; i++) {
		const uint32_t row = i - from;

		m_put_row(&rows[i], c->b, row);
		tsn_mask_put(&c->counted, row, rows[i].counted);
		tsn_mask_put(&c->read, row, rows[i].read);
		tsn_mask_put(&c->must, row, rows[i].read && c_must(i));
		for (uint32_t a = 0; a < def->naggs; a++) {
			tsn_mask_put(&c->arg[a].known, row, rows[i].arg[a].known);
			if (def->agg[a].real)
				c->arg[a].f[row] = rows[i].arg[a].f;
			else
				c->arg[a].i[row] = rows[i].arg[a].i;
		}
	}
	if (c->only != NULL) {
		tsn_mask_and(&c->counted, &c->counted, c->only);
		tsn_mask_and(&c->read, &c->read, c->only);
	}
	return c->flows ? tsn_state_fold_flows(s, family, c->b, &c->counted, &c->read, def->mixed ? &c->must : NULL, args, results) :
	    tsn_state_fold(s, family, c->b, &c->counted, &c->read, args, results);
}

/* Is the value the engine gave a row the expected one? */
static inline bool
c_same(const struct tsn_vector *v, uint32_t row, const struct m_value *want)
{
	if (tsn_mask_has(&v->known, row) != want->known)
		return false;
	if (!want->known)
		return true;
	return v->real == want->real && (want->real ? fabs(v->f[row] - want->f) <= want->slack : v->i[row] == want->i);
}

static inline bool
c_same_stats(const struct tsn_family_stats *a, const struct tsn_family_stats *b)
{
	return a->groups == b->groups && a->evicted == b->evicted && a->recycled == b->recycled &&
	    a->late == b->late && a->last_evicted == b->last_evicted;
}

#endif
