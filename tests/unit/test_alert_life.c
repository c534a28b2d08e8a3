/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The life of alerts with panes: the stage against a model that asks the definitions (alert_model.h). Records and openings
 * must be equal whatever the batch size.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/alert_model.h"

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
