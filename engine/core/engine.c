/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/engine.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "core/dynamic.h"
#include "core/internal.h"
#include "core/reload.h"
#include "core/talks.h"
#include "flow/dedup.h"
#include "flow/standing.h"
#include "sets/set.h"

#define EXPORTERS_MAX 65536u
#define STREAMS_MAX   65536u

static struct tsn_batch *room(void *arg);

struct tsn_engine *
tsn_engine_new(const struct tsn_engine_options *o)
{
	struct tsn_engine *e = tsn_calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->o = *o;
	e->stands = tsn_standing_wanted(&o->rows_read);
	e->rows = (struct tsn_batch_sink){ room, e, tsn_engine_clock_of_record };
	e->stats.first = e->stats.last = e->stats.clock = e->ticked = e->began = TSN_TIME_NONE;
	e->exporters = tsn_exporters_new(EXPORTERS_MAX);
	e->batch = tsn_batch_new();
	e->tick_batch = tsn_batch_new();
	e->alerts = tsn_alerts_new(TSN_ALERT_KEYS, o->log);
	if (e->exporters != NULL)
		e->decoder = tsn_decoder_new(e->exporters, STREAMS_MAX);
	if (e->decoder == NULL || e->batch == NULL || e->tick_batch == NULL || e->alerts == NULL) {
		tsn_engine_free(e);
		return NULL;
	}
	tsn_alerts_exporters(e->alerts, e->exporters);
	e->batch->cap = o->batch_rows > 0 && o->batch_rows <= TSN_BATCH_ROWS ? o->batch_rows : TSN_BATCH_ROWS;
	return e;
}

void
tsn_engine_free(struct tsn_engine *e)
{
	if (e == NULL)
		return;
	tsn_alerts_free(e->alerts);
	tsn_vm_free(e->vm);
	tsn_state_free(e->state);
	tsn_ruleset_free(e->rules);
	tsn_decoder_free(e->decoder);
	tsn_dedup_free(e->dedup);
	tsn_pair_free(e->pair);
	tsn_feedback_free(e->feedback);
	tsn_exporters_free(e->exporters);
	tsn_batch_free(e->batch);
	tsn_batch_free(e->tick_batch);
	tsn_free(e->sinks);
	tsn_free(e);
}

/* --- one batch --- */

static bool
is_probe(const struct tsn_engine *e, uint32_t rule)
{
	return e->rules->nprobes > 0 && rule >= e->rules->first_probe && e->o.on_probe != NULL &&
	    e->rules->probes[rule - e->rules->first_probe].kind != TSN_PROBE_TWIN;
}

void
tsn_engine_on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_engine *e = arg;

	if (is_probe(e, rule)) {
		e->o.on_probe(e->o.arg, vm, rule - e->rules->first_probe, rows, b);
	} else if (e->o.on_rows == NULL) {
		tsn_alerts_on_match(e->alerts, vm, rule, rows, b);
		if (e->feedback != NULL && !e->watching)
			tsn_feedback_match(e->feedback, rule, rows, b);
	} else if (rule == 0 && b->kind == TSN_BATCH_FLOWS) {
		e->o.on_rows(e->o.arg, e->batch, rows);
	}
}

static void
note_times(struct tsn_engine *e, const struct tsn_batch *b)
{
	if (b->event_span.most > e->stats.last)
		e->stats.last = b->event_span.most;
	if (e->stats.first == TSN_TIME_NONE || b->event_span.least < e->stats.first)
		e->stats.first = b->event_span.least;
}

/* New rows learn how their exporter stood, and duplicates go: after each message, whatever the batches. */
static void
settle(struct tsn_engine *e)
{
	struct tsn_batch *b = e->batch;

	if (e->in_message && e->stands)
		tsn_standing_put(&e->standing, b, e->settled);
	if (e->dedup != NULL)
		tsn_dedup_drop(e->dedup, b, e->settled, e->exporters);
	e->settled = b->n;
}

void
tsn_engine_run_batch(struct tsn_engine *e)
{
	struct tsn_batch *b = e->batch;

	if (b->n == 0)
		return;
	settle(e);
	e->settled = 0;
	if (b->n == 0) { /* but the text of rows that went takes room */
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		return;
	}
	b->ticket = e->ticket;
	tsn_batch_normalise(b, e->exporters);
	tsn_exporters_hear(e->exporters, b);
	note_times(e, b);
	if (e->pair != NULL)
		tsn_pair_fold(e->pair, b);
	if (e->vm != NULL)
		tsn_vm_run(e->vm, b, e->state, (const struct tsn_set *const *)e->rules->sets, tsn_engine_on_match, e);
	else if (e->o.on_rows != NULL)
		e->o.on_rows(e->o.arg, b, &b->rows);
	e->ticket += b->n;
	e->stats.flows += b->n;
	if (e->o.on_rows == NULL && e->rules != NULL) {
		if (e->stats.clock != TSN_TIME_NONE)
			tsn_alerts_tick(e->alerts, e->stats.clock);
		tsn_alerts_flush(e->alerts);
	}
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static struct tsn_batch *
room(void *arg)
{
	struct tsn_engine *e = arg;

	if (e->batch->n >= e->batch->cap)
		tsn_engine_run_batch(e);
	return e->batch;
}

struct tsn_batch *
tsn_engine_room(struct tsn_engine *e)
{
	return room(e);
}

struct tsn_batch_sink *
tsn_engine_sink(struct tsn_engine *e)
{
	return &e->rows;
}

void
tsn_engine_flush(struct tsn_engine *e)
{
	tsn_engine_run_batch(e);
}

/* --- input --- */

enum tsn_decode
tsn_engine_datagram(struct tsn_engine *e, const uint8_t *p, size_t len, struct tsn_addr exporter, int64_t received)
{
	return tsn_engine_message(e, p, len, &(struct tsn_sender){ .exporter = exporter }, received);
}

/*
 * A datagram of an exporter that the site does not list is not looked into, nor is its exporter entered: who invents
 * addresses fills no table. Files that name no exporter were given by hand.
 */
static bool
is_allowed(const struct tsn_engine *e, const struct tsn_sender *from)
{
	bool nobody = from->session >= TSN_SESSION_STREAM && tsn_addr_cmp(from->exporter, tsn_addr_v4(0)) == 0;

	return nobody || tsn_exporters_allowed(e->exporters, from->exporter);
}

static void
refuse(struct tsn_engine *e)
{
	struct tsn_exporter *others = tsn_exporters_at(e->exporters, 0);

	others->counter[TSN_XC_DATAGRAMS]++;
	others->counter[TSN_XC_REFUSED]++;
}

static void
begin_message(struct tsn_engine *e, const struct tsn_sender *from)
{
	if (!e->stands && e->dedup == NULL)
		return;
	settle(e);
	e->in_message = true;
	if (e->stands)
		tsn_standing_take(&e->standing,
		    tsn_exporters_at(e->exporters, tsn_exporters_find(e->exporters, from->exporter)));
}

static void
end_message(struct tsn_engine *e)
{
	if (e->in_message)
		settle(e);
	e->in_message = false;
}

enum tsn_decode
tsn_engine_message(struct tsn_engine *e, const uint8_t *p, size_t len, const struct tsn_sender *from, int64_t received)
{
	enum tsn_decode status;

	tsn_engine_clock(e, received);
	e->stats.datagrams++;
	if (!is_allowed(e, from)) {
		refuse(e);
		return TSN_DECODE_REFUSED;
	}
	begin_message(e, from);
	status = tsn_decode_message(e->decoder, p, len, from, received, &e->rows);
	end_message(e);
	e->stats.damaged += status == TSN_DECODE_DAMAGED;
	e->stats.version += status == TSN_DECODE_VERSION;
	return status;
}

void
tsn_engine_session_ended(struct tsn_engine *e, const struct tsn_sender *from)
{
	if (is_allowed(e, from))
		tsn_decoder_session_ended(e->decoder, from);
}

struct tsn_exporters *
tsn_engine_exporters(struct tsn_engine *e)
{
	return e->exporters;
}

/* --- sinks --- */

static bool
put_sinks(struct tsn_engine *e)
{
	return tsn_alerts_set_sinks(e->alerts, e->sinks, e->nsinks);
}

bool
tsn_engine_add_sink(struct tsn_engine *e, struct tsn_sink *sink)
{
	struct tsn_sink **v = tsn_reallocarray(e->sinks, e->nsinks + 1, sizeof(*v));

	if (v == NULL)
		return false;
	e->sinks = v;
	e->sinks[e->nsinks++] = sink;
	if (put_sinks(e))
		return true;
	e->nsinks--;
	return false;
}

void
tsn_engine_remove_sinks(struct tsn_engine *e)
{
	e->nsinks = 0;
	tsn_alerts_flush(e->alerts);
	put_sinks(e);
}

/* --- rules --- */

/* What is made for a ruleset before it can take the old one's place; allocates, so it may fail. */
struct next {
	struct tsn_vm *vm;
	struct tsn_state *state;
	struct tsn_pair *pair;   /* if there was none and one is needed */
	struct tsn_feedback *feedback;
};

static bool
prepare(struct tsn_engine *e, const struct tsn_ruleset *rs, struct next *n)
{
	const struct tsn_program *p = rs->program;

	n->vm = tsn_vm_new(p);
	n->state = tsn_state_new(p->families, p->nfamilies, e->o.seed);
	if (e->pair == NULL && e->o.on_rows == NULL && tsn_program_pairs(p)) {
		n->pair = tsn_pair_new(rs->site.pair_ms, tsn_talks_entries(&rs->site), e->o.seed);
		if (n->pair == NULL)
			return false;
	}
	if (e->o.on_rows == NULL && tsn_feedback_needed(rs) && (n->feedback = tsn_feedback_new(p)) == NULL)
		return false;
	if (n->vm == NULL || n->state == NULL || !tsn_decoder_want(e->decoder, p->wanted, p->nwanted))
		return false;
	if (e->o.on_rows != NULL || tsn_alerts_bind(e->alerts, p, (const struct tsn_set *const *)rs->sets, n->state))
		return true;
	/* the columns are those of the old program again; absent is better than another element */
	p = e->rules != NULL ? e->rules->program : NULL;
	if (p == NULL || !tsn_decoder_want(e->decoder, p->wanted, p->nwanted))
		tsn_decoder_want(e->decoder, NULL, 0);
	return false;
}

static bool
exporter_whole(void *arg, uint32_t source, int64_t from, int64_t to)
{
	return tsn_exporter_whole(arg, source, from, to);
}

static bool
exporter_heard(void *arg, uint32_t source, int64_t from)
{
	return tsn_exporter_heard(arg, source, from);
}

/* What was remembered stays, also over a change of the window. */
static bool
configure_dedup(struct tsn_engine *e, int64_t window_ms)
{
	if (window_ms > 0 && e->dedup != NULL) {
		tsn_dedup_set_window(e->dedup, window_ms);
	} else {
		tsn_dedup_free(e->dedup);
		e->dedup = window_ms > 0 ? tsn_dedup_new(window_ms, TSN_DEDUP_ENTRIES, e->o.seed) : NULL;
	}
	return window_ms == 0 || e->dedup != NULL;
}

void
tsn_engine_configure(struct tsn_engine *e, const struct tsn_site *site)
{
	if (!tsn_exporters_configure(e->exporters, site->exporters, site->nexporters))
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: the exporters' settings were not taken over");
	if (!configure_dedup(e, site->dedup_ms))
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: flows seen by two exporters count twice");
}

bool
tsn_engine_want(struct tsn_engine *e, const struct tsn_wanted *w, size_t n)
{
	return tsn_decoder_want(e->decoder, w, n);
}

/* What waits goes on waiting, as long as some rule is about conversations. */
static void
configure_pair(struct tsn_engine *e, struct tsn_pair *made, const struct tsn_ruleset *rs, const struct tsn_ruleset *old)
{
	if (made != NULL)
		e->pair = made;
	if (e->pair != NULL && !tsn_program_pairs(rs->program)) {
		tsn_pair_free(e->pair);
		e->pair = NULL;
	}
	if (e->pair == NULL)
		return;
	tsn_pair_set_wait(e->pair, rs->site.pair_ms);
	tsn_talks_carry(e->pair, rs->program, old != NULL ? old->program : NULL);
}

bool
tsn_engine_load(struct tsn_engine *e, struct tsn_ruleset *rs, struct tsn_reload_report *report)
{
	struct next n = { 0 };
	struct tsn_ruleset *old = e->rules;

	tsn_engine_run_batch(e);
	if (e->feedback != NULL && e->ticked != TSN_TIME_NONE) /* what waits for the next tick names rules of the old program */
		tsn_feedback_tick(e->feedback, e, e->ticked);
	if (!prepare(e, rs, &n)) {
		tsn_vm_free(n.vm);
		tsn_state_free(n.state);
		tsn_pair_free(n.pair);
		tsn_feedback_free(n.feedback);
		return false;
	}
	tsn_engine_report_rules(old, rs, report);
	if (e->state != NULL)
		tsn_engine_take_over(n.state, e->state, e->stats.last, report);
	if (e->vm != NULL)
		tsn_vm_take_over(n.vm, e->vm);
	tsn_vm_free(e->vm);
	tsn_state_free(e->state);
	e->vm = n.vm;
	e->state = n.state;
	e->rules = rs;
	if (old != NULL)
		tsn_dynamic_take_over(rs, old);
	e->stats.feedback_lost += e->feedback != NULL ? tsn_feedback_lost(e->feedback) : 0;
	tsn_feedback_free(e->feedback);
	e->feedback = n.feedback;
	configure_pair(e, n.pair, rs, old);
	tsn_state_watch_exporters(e->state, &(struct tsn_state_exporters){ e->exporters, exporter_whole, exporter_heard });
	e->cuts = tsn_state_waits(e->state) || e->pair != NULL || e->feedback != NULL;
	e->expects = true;
	tsn_alerts_lateness(e->alerts, rs->site.lateness_ms);
	tsn_engine_configure(e, &rs->site);
	e->stands = tsn_standing_wanted(&e->o.rows_read) || tsn_standing_wanted(&rs->program->reads);
	tsn_ruleset_free(old);
	return true;
}

const struct tsn_ruleset *
tsn_engine_ruleset(const struct tsn_engine *e)
{
	return e->rules;
}

bool
tsn_engine_replace_set(struct tsn_engine *e, uint32_t slot, struct tsn_set *set)
{
	struct tsn_set *old;

	if (e->rules == NULL || slot >= e->rules->program->nsets)
		return false;
	tsn_engine_run_batch(e);
	old = e->rules->sets[slot];
	e->rules->sets[slot] = set;
	tsn_set_free(old);
	return true;
}

void
tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out)
{
	struct tsn_vm_counters c = { 0 };

	*out = e->stats;
	if (e->vm != NULL)
		tsn_vm_counters(e->vm, &c);
	out->lost_to_memory = c.out_of_memory;
	out->feedback_lost += e->feedback != NULL ? tsn_feedback_lost(e->feedback) : 0;
	if (e->dedup != NULL)
		out->dedup_forgotten = tsn_dedup_forgotten(e->dedup);
	if (e->pair != NULL) {
		struct tsn_pair_stats t;

		tsn_pair_stats(e->pair, &t);
		out->talks = t.talks, out->talks_open = t.open, out->talks_refused = t.refused;
	}
}

void
tsn_engine_kept_out(const struct tsn_engine *e, uint32_t rule, struct tsn_kept_out *out)
{
	tsn_vm_kept_out(e->vm, rule, out);
}

struct tsn_alerts *
tsn_engine_alerts(struct tsn_engine *e)
{
	return e->alerts;
}

const struct tsn_state *
tsn_engine_state(const struct tsn_engine *e)
{
	return e->state;
}

void
tsn_engine_learned(struct tsn_engine *e)
{
	if (e->state != NULL)
		tsn_state_learned(e->state);
}

struct tsn_pair *
tsn_engine_pair(struct tsn_engine *e)
{
	return e->pair;
}
