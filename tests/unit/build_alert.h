/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the suites of the alert room share: rules made by hand, rows written
 * as tables, a player that cuts them into batches of any size, and arrays in
 * the place of a vm's registers.
 */
#ifndef TESTS_BUILD_ALERT_H
#define TESTS_BUILD_ALERT_H

#include <string.h>

#include "alert/alert.h"
#include "alert/sink.h"
#include "base/clock.h"
#include "base/mem.h"

#define T0 INT64_C(1767571200000) /* 2026-01-05T00:00:00Z, a Monday */

/* Exports the rules below use. */
enum { X_HOLDS, X_VALUE, X_THRESHOLD, X_COUNT };

struct row {
	int64_t received, time; /* ms after T0 */
	uint32_t src;           /* 10.0.0.0 + it; 0: absent */
	uint32_t rules;         /* bit r: rule r matches */
	int64_t value;
	uint32_t sampling;
};

struct player {
	const struct tsn_program *program;
	struct tsn_alerts *alerts;
	struct tsn_batch *batch;
	struct tsn_sink *sink;
	struct tsn_buf out;  /* one line a record */
	bool json;
	const struct row *row; /* of the batch at hand */
	int64_t threshold;
	uint64_t ticket;
	int64_t now;
};

static inline bool
play_holds(void *arg, uint32_t export, uint32_t row)
{
	const struct player *p = arg;

	return export == X_HOLDS && p->row[row].value > p->threshold;
}

static inline const struct tsn_mask *
play_mask(void *arg, uint32_t export)
{
	(void)arg;
	(void)export;
	return NULL;
}

static inline bool
play_value(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	const struct player *p = arg;

	*real = false;
	*f = 0;
	*i = export == X_VALUE ? p->row[row].value : p->threshold;
	return export == X_VALUE || export == X_THRESHOLD;
}

/* "open r 10.0.0.5 at 3.000 flows 1 seen 3.000-3.000" */
static inline void
play_record(void *arg, const struct tsn_alert *al)
{
		struct player *p = arg;
	struct tsn_value v;

	if (p->json) {
		tsn_alert_json(al, &p->out);
		tsn_buf_putc(&p->out, '\n');
		return;
	}
	tsn_buf_printf(&p->out, "%s %s", tsn_alert_state_name(al->state), al->rule->name);
	for (unsigned i = 0; i < al->rule->key.n; i++) {
		tsn_alert_key(al, i, &v);
		tsn_buf_putc(&p->out, ' ');
		tsn_value_text(&v, &p->out);
	}
	tsn_buf_printf(&p->out, " at %g flows %llu seen %g-%g\n", (double)(al->time - T0) / 1000,
	    (unsigned long long)al->flows, (double)(al->first_seen - T0) / 1000, (double)(al->last_seen - T0) / 1000);
}

static inline struct tsn_key_spec
key_of(enum tsn_field f)
{
	return (struct tsn_key_spec){ 1, { { (uint16_t)f, 32, 128 } } };
}

/* A stateless rule by src. */
static inline struct tsn_rule
simple_rule(const char *name, int64_t once_ms, int64_t hold_ms)
{
	return (struct tsn_rule){ .name = name, .title = name, .ruleset = "local", .severity = TSN_SEV_MEDIUM, .rev = 1,
		.once_ms = once_ms, .hold_ms = hold_ms, .expires_ms = TSN_TIME_NONE, .until = TSN_REG_NONE, .key = key_of(TSN_F_SRC) };
}

static inline struct tsn_program
program_of(struct tsn_rule *rules, uint32_t n)
{
	return (struct tsn_program){ .rules = rules, .nrules = n };
}

static inline bool
play_begin_over(struct player *p, const struct tsn_program *program, uint32_t max_keys, const struct tsn_set *const *sets,
    const struct tsn_state *state)
{
	p->program = program;
	p->now = TSN_TIME_NONE;
	p->alerts = tsn_alerts_new(max_keys, NULL);
	p->batch = tsn_batch_new();
	p->sink = tsn_sink_call_new(play_record, p, TSN_SEV_INFO);
	return p->alerts != NULL && p->batch != NULL && p->sink != NULL &&
	    tsn_alerts_set_sinks(p->alerts, &p->sink, 1) && tsn_alerts_bind(p->alerts, program, sets, state);
}

static inline bool
play_begin(struct player *p, const struct tsn_program *program, uint32_t max_keys)
{
	return play_begin_over(p, program, max_keys, NULL, NULL);
}

/* Another program comes into force. False when memory is out: then everything is as it was. */
static inline bool
play_reload(struct player *p, const struct tsn_program *program, uint32_t max_keys)
{
	struct tsn_alerts *old = p->alerts, *now = tsn_alerts_new(max_keys, NULL);
	const struct tsn_alert_side to = { now, &now, 1, NULL }, from = { old, &old, 1, NULL };
	struct tsn_alert_succession *s = now != NULL && tsn_alerts_bind(now, program, NULL, NULL) ? tsn_alerts_succession(&to, &from) : NULL;

	if (s != NULL) {
		tsn_alerts_flush(old);
		tsn_alerts_end_gone(s);
		tsn_alerts_flush(old);
		tsn_alerts_succeed(s);
		p->program = program;
		p->alerts = now;
	}
	tsn_alerts_succession_free(s);
	tsn_alerts_free(s != NULL ? old : now);
	return s != NULL;
}

static inline void
play_end(struct player *p)
{
	tsn_alerts_free(p->alerts);
	tsn_sink_close(p->sink);
	tsn_batch_free(p->batch);
	tsn_buf_fini(&p->out);
}

static inline void
play_put(struct tsn_batch *b, const struct row *r)
{
	uint32_t i = b->n++;

	b->time[i] = T0 + r->time;
	b->received[i] = T0 + r->received;
	if (r->src != 0)
		tsn_batch_put_addr(b, i, TSN_F_SRC, tsn_addr_v4(0x0a000000u + r->src));
	tsn_batch_put_int(b, i, TSN_F_PROTO, 17);
	tsn_batch_put_int(b, i, TSN_F_DST_PORT, r->value & 0xffff);
	if (r->sampling > 0)
		tsn_batch_put_int(b, i, TSN_F_SAMPLING, r->sampling);
	b->sampled |= r->sampling > 1;
}

/* The batch at hand, filled, meets all rules; [row] are its rows. */
static inline void
play_batch(struct player *p, const struct row *row)
{
	struct tsn_alert_reads reads = { p, play_holds, play_mask, play_value, NULL };
	struct tsn_batch *b = p->batch;
	struct tsn_mask rows;

	p->row = row;
	b->ticket = p->ticket;
	tsn_mask_first(&b->rows, b->n);
	for (uint32_t r = 0; r < p->program->nrules; r++) {
		tsn_mask_clear(&rows);
		for (uint32_t i = 0; i < b->n; i++)
			if (row[i].rules >> r & 1)
				tsn_mask_set(&rows, i);
		if (tsn_mask_any(&rows))
			tsn_alerts_match(p->alerts, &reads, r, &rows, b);
	}
	for (uint32_t i = 0; b->kind == TSN_BATCH_FLOWS && i < b->n; i++)
		p->now = b->received[i] > p->now ? b->received[i] : p->now;
	if (b->kind == TSN_BATCH_FLOWS)
		p->ticket += b->n;
	if (p->now != TSN_TIME_NONE)
		tsn_alerts_tick(p->alerts, p->now);
	tsn_alerts_flush(p->alerts);
}

static inline void
play_rows(struct player *p, const struct row *row, size_t n, uint32_t size)
{
	for (size_t i = 0; i < n; i += size) {
		tsn_batch_clear(p->batch, TSN_BATCH_FLOWS);
		for (size_t j = i; j < n && j < i + size; j++)
			play_put(p->batch, &row[j]);
		play_batch(p, row + i);
	}
}

static inline void
play_until(struct player *p, int64_t ms)
{
	p->now = T0 + ms > p->now ? T0 + ms : p->now;
	tsn_alerts_tick(p->alerts, T0 + ms);
	tsn_alerts_flush(p->alerts);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
