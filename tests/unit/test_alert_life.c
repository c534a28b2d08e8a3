/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The life of alerts with panes (S24, S25, S12, S11): random evaluations of a
 * few keys, against a model that goes second by second, keeps every pane in an array and
 * asks the definitions. Records and openings must be equal whatever the batch size.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/stage.h"
#include "base/hash.h"
#include "build_alert.h"

#define KEYS 7
#define ROWS 900
#define PANES 40000
#define RULES 4
#define LEVELS 3 /* rungs */

static const uint32_t sizes[] = { 1, 7, 1024 };

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

/* --- the stage --- */

enum { RUNG = 0, UNTIL = LEVELS };

struct stage {
	const struct tsn_rule *rule;
	const struct tsn_program *program;
	struct tsn_alerts *a;
	struct tsn_batch *batch, *tick;
	struct ev row[TSN_BATCH_ROWS], watched[TSN_BATCH_ROWS];
	const struct ev *rows; /* of the batch at hand */
	uint32_t at;           /* rule */
	struct tsn_mask until;
	int64_t now, first;
	uint64_t ticket, watches;
	struct tsn_buf out, openings;
};

static bool
stage_holds(void *arg, uint32_t export, uint32_t row)
{
	const struct stage *s = arg;

	return (int)export < s->rows[row].level;
}

static const struct tsn_mask *
stage_mask(void *arg, uint32_t export)
{
	const struct stage *s = arg;

	return export == UNTIL && tsn_mask_any(&s->until) ? &s->until : NULL;
}

static bool
stage_value(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	(void)arg, (void)export, (void)row;
	*i = 0;
	*f = 0;
	*real = false;
	return false;
}

static void
stage_record(void *arg, const struct tsn_alert *al)
{
	struct stage *s = arg;
	struct tsn_value v;

	tsn_buf_printf(&s->out, "%s %s ", tsn_alert_state_name(al->state), al->rule->name);
	tsn_alert_key(al, 0, &v);
	tsn_value_text(&v, &s->out);
	tsn_buf_printf(&s->out, " at %lld flows %llu seen %lld-%lld %d\n", (long long)(al->time - T0), (unsigned long long)al->flows,
	    (long long)(al->first_seen - T0), (long long)(al->last_seen - T0), (int)al->severity);
}

static void
stage_eval(struct stage *s, struct tsn_batch *b, const struct ev *rows, uint32_t rule)
{
	struct tsn_alert_reads reads = { s, stage_holds, stage_mask, stage_value, NULL };
	struct tsn_mask match;

	tsn_mask_first(&b->rows, b->n);
	tsn_mask_clear(&match);
	tsn_mask_clear(&s->until);
	for (uint32_t i = 0; i < b->n; i++) {
		if (rows[i].match >> rule & 1)
			tsn_mask_set(&match, i);
		if (rows[i].until >> rule & 1)
			tsn_mask_set(&s->until, i);
	}
	s->rows = rows;
	if (tsn_mask_any(&match) || tsn_mask_any(&s->until))
		tsn_alerts_match(s->a, &reads, rule, &match, b);
}

static void
stage_batch(struct stage *s)
{
	if (s->batch->n == 0)
		return;
	s->batch->ticket = s->ticket;
	for (uint32_t r = 0; r < s->program->nrules; r++)
		stage_eval(s, s->batch, s->row, r);
	s->ticket += s->batch->n;
	tsn_alerts_tick(s->a, T0 + s->now);
	tsn_alerts_flush(s->a);
	tsn_batch_clear(s->batch, TSN_BATCH_FLOWS);
}

static void
stage_watch(struct stage *s, int64_t tick)
{
	uint32_t rule;

	tsn_alerts_begin_tick(s->a, tick);
	while (tsn_alerts_watch(s->a, tick, s->tick, &rule)) {
		for (uint32_t i = 0; i < s->tick->n; i++) {
			struct tsn_addr src = tsn_batch_addr(s->tick, i, TSN_F_SRC);
			int64_t time = s->tick->time[i] - T0;

			s->watched[i] = at_pane_end(&s->rule[rule], rule, (uint32_t)src.lo & 0xff, pane_at(&s->rule[rule], time));
			cr_assert_eq(s->watched[i].time, time);
			s->watches++;
		}
		stage_eval(s, s->tick, s->watched, rule);
	}
	tsn_alerts_tick(s->a, tick);
	tsn_alerts_flush(s->a);
}

static void
stage_clock(struct stage *s, int64_t now)
{
	int64_t second = T0 + now / 1000 * 1000, due;

	if (now <= s->now)
		return;
	if (tsn_alerts_watch_due(s->a) <= second ||
	    (s->batch->n > 0 && second - (T0 + s->first) > tsn_alerts_watch_grace(s->a)))
		stage_batch(s);
	s->now = now;
	while ((due = tsn_alerts_watch_due(s->a)) <= second)
		stage_watch(s, due);
}

static void
stage_put(struct stage *s, const struct ev *e)
{
	uint32_t i = s->batch->n++;

	if (i == 0)
		s->first = s->now;
	s->row[i] = *e;
	s->batch->time[i] = T0 + e->time;
	s->batch->received[i] = T0 + e->received;
	tsn_batch_put_addr(s->batch, i, TSN_F_SRC, tsn_addr_v4(0x0a000000u + e->key));
}

static long fail_at = -1;

static void
run_stage(struct stage *s, const struct tsn_program *p, int64_t lateness, const struct ev *e, size_t n, uint32_t size, int64_t until)
{
	struct tsn_sink *sink = tsn_sink_call_new(stage_record, s, TSN_SEV_INFO);
	const struct tsn_opening *o;
	size_t nopenings;

	s->program = p;
	s->rule = p->rules;
	s->a = tsn_alerts_new(1000, NULL);
	s->batch = tsn_batch_new();
	s->tick = tsn_batch_new();
	s->tick->cap = size < 3 ? 2 : TSN_BATCH_ROWS;
	cr_assert(tsn_alerts_set_sinks(s->a, &sink, 1) && tsn_alerts_bind(s->a, p, NULL, NULL));
	tsn_alerts_lateness(s->a, lateness);
	if (fail_at >= 0)
		tsn_mem_fail_at(fail_at, fail_at % 2 != 0);
	for (size_t i = 0; i < n; i++) {
		stage_clock(s, e[i].received);
		stage_put(s, &e[i]);
		if (s->batch->n == size)
			stage_batch(s);
	}
	stage_batch(s);
	stage_clock(s, until);
	tsn_alerts_tick(s->a, T0 + until);
	tsn_alerts_flush(s->a);
	o = tsn_alerts_openings(s->a, &nopenings);
	for (size_t i = 0; i < nopenings; i++) {
		struct tsn_value v;

		tsn_key_decode(&p->rules[0].key, o[i].key, o[i].key_len, 0, &v);
		if (o[i].counts)
			tsn_buf_printf(&s->openings, "%u at %lld\n", (uint32_t)v.addr.lo & 0xff, (long long)(o[i].time - T0));
	}
	tsn_sink_close(sink);
}

static void
end_stage(struct stage *s)
{
	tsn_alerts_free(s->a);
	tsn_batch_free(s->batch);
	tsn_batch_free(s->tick);
	tsn_buf_fini(&s->out);
	tsn_buf_fini(&s->openings);
}

static void
random_rule(struct tsn_rule *r, const char *name, struct tsn_rung *rung)
{
	static const int64_t window[] = { 7000, 15000, 60000, 61000, 300000 };

	*r = simple_rule(name, 1 + below(120000), window[below(5)]);
	r->watched = r->stateful = true;
	r->pane_ms = r->hold_ms < 15000 ? 1000 : (r->hold_ms + 14) / 15;
	r->for_ms = below(2) ? 0 : 1 + below(below(2) ? 10000 : 200000);
	r->severity = TSN_SEV_LOW;
	r->until = below(2) ? UNTIL : TSN_REG_NONE;
	r->rung = rung;
	r->nrungs = below(2) ? 0 : LEVELS;
}

static struct model m;

Test(alert_life, equals_the_model)
{
	static const int64_t lateness[] = { 0, 500, 2500, 30000, 30000, 200000 };
	static struct ev e[ROWS];
	static struct stage s;
	/* the second rung is below the first: the last one that holds wins, and that is no climb */
	struct tsn_rung rung[LEVELS] = { { TSN_SEV_HIGH, RUNG }, { TSN_SEV_MEDIUM, RUNG + 1 }, { TSN_SEV_CRITICAL, RUNG + 2 } };
	struct tsn_rule_link link = { TSN_LINK_FIRED, 0, 0, 0 };
	uint64_t seen[4] = { 0 };
	int rounds = getenv("TSN_SOAK") != NULL ? 1000 : 20;

	for (int round = 0; round < rounds; round++) {
		struct tsn_rule rule[RULES];
		struct tsn_program program = { .rules = rule, .nrules = RULES, .links = &link, .nlinks = 1 };
		struct tsn_buf want = TSN_BUF_INIT, openings = TSN_BUF_INIT;
		int64_t until;

		seed = (uint64_t)round * 7919 + 1;
		for (int r = 0; r < RULES; r++)
			random_rule(&rule[r], (const char *[]){ "a", "b", "c", "d" }[r], rung);
		random_events(e, ROWS);
		until = e[ROWS - 1].received + 700000;
		memset(&m, 0, sizeof(m));
		m.rule = rule;
		m.nrules = RULES;
		m.lateness = lateness[below(6)];
		m.out = &want;
		m.openings = &openings;
		run_model(&m, e, ROWS, until);
		cr_assert_gt(want.len, 0);
		for (size_t i = 0; i < COUNT(sizes); i++) {
			struct tsn_alert_counts n;

			memset(&s, 0, sizeof(s));
			run_stage(&s, &program, m.lateness, e, ROWS, sizes[i], until);
			tsn_alerts_totals(s.a, &n);
			cr_assert_str_eq(tsn_buf_str(&s.out), tsn_buf_str(&want), "round %d, batches of %u", round, sizes[i]);
			cr_assert_str_eq(tsn_buf_str(&s.openings), tsn_buf_str(&openings), "openings, round %d, batches of %u", round,
			    sizes[i]);
			cr_assert_eq(n.suppressed, m.suppressed);
			cr_assert_eq(n.openings, m.nopenings);
			cr_assert_eq(n.alerts, n.closed + n.open);
			seen[0] += n.alerts, seen[1] += n.suppressed, seen[2] += s.watches;
			seen[3] += strstr(s.out.p, "update") != NULL;
			end_stage(&s);
		}
		tsn_buf_fini(&want);
		tsn_buf_fini(&openings);
	}
	cr_assert(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000 && seen[3] > 5);
}

/* Every allocation in turn fails: nothing crashes or leaks, and counts stay in step. */
Test(alert_life, survives_without_memory)
{
	static struct ev e[200];
	static struct stage s;
	struct tsn_rung rung[LEVELS] = { { TSN_SEV_HIGH, RUNG }, { TSN_SEV_MEDIUM, RUNG + 1 }, { TSN_SEV_CRITICAL, RUNG + 2 } };
	struct tsn_rule_link link = { TSN_LINK_FIRED, 0, 0, 0 };
	uint64_t lost = 0;

	for (int at = 0; at < 150; at++) {
		struct tsn_rule rule[RULES];
		struct tsn_program program = { .rules = rule, .nrules = RULES, .links = &link, .nlinks = 1 };
		struct tsn_alert_counts n;

		seed = (uint64_t)at + 5;
		for (int r = 0; r < RULES; r++) {
			random_rule(&rule[r], (const char *[]){ "a", "b", "c", "d" }[r], rung);
			rule[r].member = (struct tsn_key_spec){ 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } };
		}
		random_events(e, COUNT(e));
		memset(&s, 0, sizeof(s));
		fail_at = at * 7;
		run_stage(&s, &program, 30000, e, COUNT(e), at % 2 ? 7 : 1024, e[COUNT(e) - 1].received + 700000);
		fail_at = -1;
		tsn_mem_fail_never();
		tsn_alerts_totals(s.a, &n);
		lost += n.lost + n.untold;
		cr_assert_eq(n.alerts, n.closed + n.open);
		end_stage(&s);
	}
	cr_assert_gt(lost, 0);
}
