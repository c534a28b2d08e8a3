/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What state must say, from the definition: a row at a time, every flow of every group kept (state_flows.h), and which
 * groups give way. Shared by the test_state suites. Slow on purpose.
 */
#ifndef TSN_TEST_STATE_MODEL_H
#define TSN_TEST_STATE_MODEL_H

#include "base/clock.h"
#include "unit/state_flows.h"

struct m_group {
	char key[M_TEXT];
	int64_t newest;
	uint64_t flows;
	struct m_list list[M_AGGS];
	struct m_row first; /* a row of this key */
	void *mine;         /* what a suite keeps of it; freed with it */
};

struct m_part {
	struct m_group **v;
	size_t n, cap, hand;
};

struct model {
	struct tsn_family_def def;
	struct tsn_agg_def agg[M_AGGS];
	uint64_t seed;
	struct m_part part[64];
	int64_t evicted[64];  /* of each part, up to when flows of groups that gave way are missed */
	bool whole;           /* a sequence of several keys: all is one part as far as that goes */
	struct tsn_family_stats stats;
};

/* Part of a key: the upper six bits of its hash, of the masked IPv4 address or of the encoded bytes. */
static inline unsigned
m_part_by(const struct model *m, const struct tsn_key_spec *k, const struct m_row *r, struct tsn_batch *scratch)
{
	uint8_t key[TSN_KEY_MAX];
	const struct tsn_key_part *p = &k->part[0];
	size_t n;

	tsn_batch_clear(scratch, TSN_BATCH_FLOWS);
	m_put_row(r, scratch, 0);
	n = tsn_key_encode(k, scratch, 0, key);
	if (k->n == 1 && tsn_fields[p->field].storage == TSN_ADDR) {
		struct tsn_addr a = p->field == TSN_F_SRC ? r->src : p->field == TSN_F_DST ? r->dst : r->exporter;

		if (a.v4)
			return (unsigned)(tsn_hash_u64(tsn_addr_mask(a, p->v4_bits, p->v6_bits).lo, m->seed) >> 58);
	}
	return (unsigned)(tsn_hash_bytes(key, n, m->seed) >> 58);
}

static inline unsigned
m_part_of(const struct model *m, const struct m_row *r, struct tsn_batch *scratch)
{
	return m_part_by(m, &m->def.key, r, scratch);
}

/* Flows up to [to] are missed in the part. */
static inline void
m_missed(struct model *m, unsigned part, int64_t to)
{
	int64_t *at = &m->evicted[m->whole ? 0 : part];

	*at = to > *at ? to : *at;
	m->stats.last_evicted = to > m->stats.last_evicted ? to : m->stats.last_evicted;
}

static inline void
m_evict(struct model *m, unsigned part, int64_t to)
{
	m->stats.evicted++;
	m_missed(m, part, to);
}

static inline void
m_recycle(struct model *m, unsigned part, int64_t to)
{
	m->stats.recycled++;
	m_missed(m, part, to);
}

static inline void
m_group_free(struct m_group *g)
{
	free(g->mine);
	for (int i = 0; i < M_AGGS; i++)
		free(g->list[i].v);
	free(g);
}

static inline void
m_free(struct model *m)
{
	for (int p = 0; p < 64; p++) {
		for (size_t i = 0; i < m->part[p].n; i++)
			m_group_free(m->part[p].v[i]);
		free(m->part[p].v);
	}
	memset(m->part, 0, sizeof(m->part));
}

/* S29: window past, then fewest flows, then lower number, of the next eight. */
static inline size_t
m_victim(const struct model *m, struct m_part *p, int64_t now, bool *lost)
{
	size_t look = p->n < 8 ? p->n : 8, best = 0;
	bool best_past = false;
	__int128 span = 0;

	for (uint32_t a = 0; a < m->def.naggs; a++) {
		__int128 s = (__int128)m->agg[a].pane_ms * m_kept(&m->agg[a]) + m->agg[a].history_ms;

		span = s > span ? s : span;
	}
	for (size_t i = 0; i < look; i++) {
		size_t at = (p->hand + i) % p->n;
		bool past = (__int128)p->v[at]->newest + span < now;
		bool better = i == 0 || (past && !best_past) || (past == best_past &&
		    (p->v[at]->flows < p->v[best]->flows || (p->v[at]->flows == p->v[best]->flows && at < best)));

		if (better) {
			best = at;
			best_past = past;
		}
	}
	p->hand = (best + 1) % p->n; /* behind the place that is given away */
	*lost = !best_past;
	return best;
}

static inline struct m_group *
m_group(struct model *m, const struct m_row *r, bool make, struct tsn_batch *scratch)
{
	struct m_part *p = &m->part[m_part_of(m, r, scratch)];
	const size_t budget = m->def.max_keys / 64 < 1 ? 1 : m->def.max_keys / 64;
	char key[M_TEXT];
	struct m_group *g;
	size_t at;
	bool lost;

	m_text(&m->def.key, r, key);
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i]->key, key) == 0)
			return p->v[i];
	if (!make)
		return NULL;
	g = calloc(1, sizeof(*g));
	strcpy(g->key, key);
	g->newest = INT64_MIN;
	g->first = *r;
	if (p->n < budget) {
		if (p->n == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 4;
			p->v = realloc(p->v, p->cap * sizeof(*p->v));
		}
		p->v[p->n++] = g;
		m->stats.groups++;
		return g;
	}
	at = m_victim(m, p, r->time, &lost);
	if (lost)
		m_evict(m, (unsigned)(p - m->part), p->v[at]->newest > r->time ? p->v[at]->newest : r->time);
	else
		m_recycle(m, (unsigned)(p - m->part), p->v[at]->newest);
	m_group_free(p->v[at]);
	p->v[at] = g;
	return g;
}

/* The flow joins the group's list, or is late. */
static inline void
m_join(struct model *m, const struct tsn_agg_def *d, struct m_list *l, struct m_flow *f)
{
	if (l->n > 0 && f->pane <= m_newest(l) - m_kept(d)) {
		m->stats.late++;
		return;
	}
	if (d->fn == TSN_AGG_JITTER)
		m_crowd(d, l, f);
	m_push(l, f);
}

/* The last eviction that concerns the group which the row names: in its part. */
static inline int64_t
m_evicted(const struct model *m, const struct m_row *r, struct tsn_batch *scratch)
{
	const struct tsn_key_spec *k = m->def.at.n > 0 ? &m->def.at : &m->def.key;
	char key[M_TEXT];

	if (m->whole)
		return m->evicted[0];
	return m_text(k, r, key) ? m->evicted[m_part_by(m, k, r, scratch)] : TSN_TIME_NONE;
}

static inline void
m_fold(struct model *m, const struct m_row *r, struct m_value out[M_AGGS], struct tsn_batch *scratch)
{
	struct m_group *g = NULL;
	struct m_flow f;
	char key[M_TEXT];
	bool keyed = m_text(&m->def.key, r, key);

	if (keyed && (r->counted || r->read))
		g = m_group(m, r, r->counted, scratch);
	if (g != NULL && r->counted) {
		g->flows++;
		g->newest = r->time > g->newest ? r->time : g->newest;
	}
	for (unsigned a = 0; a < m->def.naggs; a++) {
		const struct tsn_agg_def *d = &m->agg[a];
		struct m_list *l = g == NULL ? NULL : &g->list[a];

		if (g != NULL && r->counted && m_takes(d, r, a, &f))
			m_join(m, d, l, &f);
		if (keyed && (r->counted || r->read))
			out[a] = m_value(d, l, m_pane(d, r));
		else
			out[a] = (struct m_value){ 0 };
	}
}

static inline void
m_nothing_evicted(struct model *m)
{
	m->stats.last_evicted = TSN_TIME_NONE;
	for (int i = 0; i < 64; i++)
		m->evicted[i] = TSN_TIME_NONE;
}

static inline void
m_init(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	m_nothing_evicted(m);
	m->def.canon = "family";
	m->def.agg = m->agg;
}

#endif
