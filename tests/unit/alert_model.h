/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For test_alert_life: random evaluations of a few keys, and the life of alerts with panes (S24, S25, S12, S11) from the
 * definitions, by a model that goes second by second and keeps every pane in an array.
 */
#ifndef TESTS_ALERT_MODEL_H
#define TESTS_ALERT_MODEL_H

#include "alert/stage.h"
#include "base/hash.h"
#include "unit/build_alert.h"

#define KEYS 7
#define ROWS 900
#define PANES 40000
#define RULES 4
#define LEVELS 3 /* rungs */

static const uint32_t sizes[] = { 1, 7, TSN_BATCH_ROWS };

struct ev {
	int64_t received, time; /* ms after T0 */
	uint32_t key, match, until; /* bit r: of rule r */
	int level;                  /* rungs 0 .. level - 1 hold */
};

static uint64_t seed;

static uint32_t
below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((seed >> 33) % n);
}

/* Panes are counted from 1970; here they are numbered from the one that T0 lies in. */
static int64_t
pane_at(const struct tsn_rule *r, int64_t t)
{
	return (T0 + t) / r->pane_ms - T0 / r->pane_ms;
}

static int64_t
pane_end(const struct tsn_rule *r, int64_t pane)
{
	return (pane + 1 + T0 / r->pane_ms) * r->pane_ms - T0;
}

/* What a key's evaluation at the end of a pane yields: long stretches of true, now and then a gap. */
static struct ev
at_pane_end(const struct tsn_rule *rule, uint32_t r, uint32_t key, int64_t pane)
{
	uint64_t slow = tsn_mix64((uint64_t)key * 977 + (uint64_t)(pane / 9) * 31 + r + 1), fast = tsn_mix64(slow + (uint64_t)pane);
	struct ev e = { 0, pane_end(rule, pane) - 1, key, 0, 0, 0 };

	e.match = slow % 3 != 0 && fast % 10 != 0 ? 1u << r : 0;
	e.until = (fast >> 20) % 60 == 0 ? 1u << r : 0;
	e.level = (fast >> 40) % 12 == 0 ? LEVELS : 0;
	return e;
}

static void
random_events(struct ev *e, size_t n)
{
	int64_t now = 5000;

	for (size_t i = 0; i < n; i++) {
		now += below(25) == 0 ? below(200000) : below(1500);
		e[i] = (struct ev){ .received = now - (below(20) == 0 ? below(5000) : 0), .key = 1 + below(KEYS - 1),
			.match = below(3) ? below(1u << RULES) : 0, .until = below(40) == 0 ? below(1u << RULES) : 0,
			.level = below(20) == 0 ? (int)below(LEVELS + 1) : 0 };
		e[i].time = e[i].received - below(below(15) == 0 ? 600000 : 5000);
		e[i].time = e[i].time < 0 ? 0 : e[i].time;
	}
}

/* --- the model --- */

enum life { NONE, PENDING, OPEN };

struct mkey {
	enum life life;
	bool silent, told;
	int64_t opened, reported, first, last, from, newest;
	uint64_t flows;
	int severity;
	bool held[PANES];
};

struct model {
	const struct tsn_rule *rule;
	uint32_t nrules;
	int64_t lateness, now;
	struct mkey k[RULES][KEYS];
	struct tsn_buf *out, *openings;
	uint64_t suppressed, nopenings;
	/* records of one row or tick, to be sorted by rule and key */
	struct { uint32_t rule, key; int seq; char text[160]; } said[1024];
	int nsaid;
};

static int64_t
tick_at(int64_t ms)
{
	return (ms + 999) / 1000 * 1000;
}

static int64_t
decided_at(const struct model *m, const struct tsn_rule *r, int64_t pane)
{
	int64_t wait = m->lateness;

	if (wait > (128 - 2) * r->pane_ms)
		wait = (128 - 2) * r->pane_ms;
	return tick_at(pane_end(r, pane) + wait);
}

static int
said_order(const void *x, const void *y)
{
	const struct { uint32_t rule, key; int seq; } *a = x, *b = y;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->seq - b->seq;
}

static void
flush_said(struct model *m)
{
	qsort(m->said, (size_t)m->nsaid, sizeof(m->said[0]), said_order);
	for (int i = 0; i < m->nsaid; i++)
		tsn_buf_puts(m->out, m->said[i].text);
	m->nsaid = 0;
}

static void
say(struct model *m, const char *state, uint32_t r, uint32_t key, int64_t at)
{
	const struct mkey *k = &m->k[r][key];

	cr_assert_lt(m->nsaid, 1024);
	m->said[m->nsaid].rule = r;
	m->said[m->nsaid].key = key;
	m->said[m->nsaid].seq = m->nsaid;
	snprintf(m->said[m->nsaid++].text, sizeof(m->said[0].text), "%s %s 10.0.0.%u at %lld flows %llu seen %lld-%lld %d\n", state,
	    m->rule[r].name, key, (long long)at, (unsigned long long)k->flows, (long long)k->first, (long long)k->last, k->severity);
}

static int
level_of(const struct tsn_rule *r, int level)
{
	int s = (int)r->severity;

	for (uint32_t i = 0; i < r->nrungs; i++)
		if ((int)i < level)
			s = (int)r->rung[i].severity;
	return s;
}

static void
begin_count(struct mkey *k, const struct ev *e)
{
	k->flows = 0;
	k->first = k->last = e->time;
}

static void
count_flow(struct mkey *k, const struct ev *e)
{
	k->flows++;
	k->first = e->time < k->first ? e->time : k->first;
	k->last = e->time > k->last ? e->time : k->last;
}

static bool
quiet(const struct model *m, uint32_t r, const struct mkey *k, const struct ev *e)
{
	return k->told && e->time < k->reported + m->rule[r].once_ms;
}

static void
report(struct model *m, uint32_t r, const struct ev *e, bool opens)
{
	struct mkey *k = &m->k[r][e->key];

	k->silent = false;
	k->told = true;
	k->opened = k->reported = e->time;
	say(m, "open", r, e->key, e->time);
	if (r == 0 && opens)
		tsn_buf_printf(m->openings, "%u at %lld\n", e->key, (long long)e->time);
}

static void
open_key(struct model *m, uint32_t r, const struct ev *e)
{
	struct mkey *k = &m->k[r][e->key];

	k->life = OPEN;
	k->severity = level_of(&m->rule[r], e->level);
	k->silent = quiet(m, r, k, e);
	m->nopenings++;
	if (!k->silent) {
		report(m, r, e, true);
		return;
	}
	m->suppressed++;
	if (r == 0)
		tsn_buf_printf(m->openings, "%u at %lld\n", e->key, (long long)e->time);
}

/* Every pane of `for`, and the one before it that it may have begun in, with [pane] among them. */
static bool
held_long(const struct tsn_rule *r, const struct mkey *k, int64_t pane)
{
	int64_t need = (r->for_ms + r->pane_ms - 1) / r->pane_ms + 1, lo = pane, hi = pane;

	if (r->for_ms == 0)
		return true;
	while (lo >= 0 && k->held[lo])
		lo--;
	while (hi < PANES && k->held[hi])
		hi++;
	return hi - lo - 1 >= need;
}

static void
end_key(struct model *m, uint32_t r, uint32_t key, int64_t at)
{
	struct mkey *k = &m->k[r][key];

	if (k->life == OPEN && !k->silent)
		say(m, "close", r, key, at);
	k->life = NONE;
	k->silent = false;
}

static void
hold(struct mkey *k, int64_t pane)
{
	cr_assert(pane >= 0 && pane < PANES);
	k->held[pane] = true;
	k->newest = pane > k->newest ? pane : k->newest;
}

static void
evaluate(struct model *m, uint32_t r, const struct ev *e, int64_t pane, bool flow)
{
	struct mkey *k = &m->k[r][e->key];

	if (k->life == NONE) {
		memset(k->held, 0, sizeof(k->held));
		k->newest = -1;
		k->from = pane_at(&m->rule[r], m->now);
		hold(k, pane);
		begin_count(k, e);
		count_flow(k, e);
		k->life = PENDING;
		if (held_long(&m->rule[r], k, pane))
			open_key(m, r, e);
		return;
	}
	hold(k, pane);
	if (k->life == OPEN && k->silent) {
		if (quiet(m, r, k, e)) {
			m->suppressed += flow;
			return;
		}
		if (flow) {
			begin_count(k, e);
			count_flow(k, e);
		}
		k->severity = level_of(&m->rule[r], e->level);
		report(m, r, e, false);
		return;
	}
	if (flow)
		count_flow(k, e);
	if (k->life == PENDING) {
		if (held_long(&m->rule[r], k, pane))
			open_key(m, r, e);
	} else if (level_of(&m->rule[r], e->level) > k->severity) {
		k->severity = level_of(&m->rule[r], e->level);
		say(m, "update", r, e->key, e->time);
	}
}

static void
end_by_row(struct model *m, uint32_t r, const struct ev *e, int64_t pane, bool flow)
{
	struct mkey *k = &m->k[r][e->key];

	if (k->life == NONE)
		return;
	if (flow && k->life == OPEN && e->match >> r & 1)
		evaluate(m, r, e, pane, true);
	end_key(m, r, e->key, e->time);
}

static bool
ends(const struct tsn_rule *rule, uint32_t r, const struct ev *e)
{
	return rule->until != TSN_REG_NONE && (e->until >> r & 1);
}

static void
model_tick(struct model *m, int64_t tick)
{
	for (uint32_t r = 0; r < m->nrules; r++) {
		const struct tsn_rule *rule = &m->rule[r];

		for (int64_t pane = pane_at(rule, tick); pane >= 0 && pane_end(rule, pane) > tick - 900000; pane--) {
			if (decided_at(m, rule, pane) != tick)
				continue;
			for (uint32_t key = 1; key < KEYS; key++) {
				struct mkey *k = &m->k[r][key];
				struct ev e = at_pane_end(rule, r, key, pane);

				if (k->life == NONE || pane < k->from)
					continue;
				if (ends(rule, r, &e))
					end_by_row(m, r, &e, pane, false);
				else if (e.match >> r & 1)
					evaluate(m, r, &e, pane, false);
			}
		}
		for (uint32_t key = 1; key < KEYS; key++) {
			struct mkey *k = &m->k[r][key];
			int64_t n = (rule->hold_ms + rule->pane_ms - 1) / rule->pane_ms;

			if (k->life != NONE && tick >= decided_at(m, rule, k->newest + (k->life == OPEN ? n : 1)))
				end_key(m, r, key, tick);
		}
	}
	flush_said(m);
}

static void
model_row(struct model *m, const struct ev *e)
{
	for (uint32_t r = 0; r < m->nrules; r++) {
		const struct tsn_rule *rule = &m->rule[r];
		int64_t pane = pane_at(rule, e->time);

		while (decided_at(m, rule, pane) <= m->now / 1000 * 1000)
			pane++;
		if (ends(rule, r, e))
			end_by_row(m, r, e, pane, true);
		else if (e->match >> r & 1)
			evaluate(m, r, e, pane, true);
	}
	flush_said(m);
}

static void
run_model(struct model *m, const struct ev *e, size_t n, int64_t until)
{
	int64_t tick = 0;

	for (size_t i = 0; i <= n; i++) {
		int64_t to = i < n ? e[i].received : until;

		m->now = to > m->now ? to : m->now;
		for (; tick + 1000 <= m->now; model_tick(m, tick))
			tick += 1000;
		if (i < n)
			model_row(m, &e[i]);
	}
}

#endif
