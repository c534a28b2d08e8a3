/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/lane.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/feedback.h"
#include "flow/share.h"
#include "vm/profile.h"

bool
tsn_lane_init(struct tsn_lane *l, const struct tsn_engine_options *o, struct tsn_alerts *alerts)
{
	l->o = o;
	l->alerts = alerts;
	l->nshards = 1;
	l->tick = l->ticked = TSN_TIME_NONE;
	l->tick_batch = tsn_batch_new();
	return l->tick_batch != NULL;
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

static bool
profile(struct tsn_lane *l)
{
	if (l->o->spent != NULL)
		return tsn_vm_profile_on(l->vm, l->o->spent, 1);
	if (l->o->ticks == NULL)
		return true;
	tsn_spent_start(&l->own_spent, l->o->ticks, l->o->cpu, TSN_STAGE_MACHINE);
	l->own_spent.account = NULL;
	return tsn_vm_profile_on(l->vm, &l->own_spent, l->o->every);
}

static bool
by_received(const struct tsn_program *p)
{
	bool is = false;

	for (uint32_t f = 0; f < p->nfamilies; f++)
		for (uint32_t a = 0; a < p->families[f].naggs; a++)
			is |= p->families[f].agg[a].by_received;
	return is;
}

struct tsn_share *
tsn_lane_share_new(const struct tsn_lane *l, bool away)
{
	return tsn_share_new(&l->program->own, by_received(l->program), away);
}

bool
tsn_lane_bind(struct tsn_lane *l, struct tsn_ruleset *rs, const struct tsn_program *p)
{
	const bool feeds = l->o->on_rows == NULL && tsn_feedback_needed(rs, p, l->own_set);

	l->rules = rs;
	l->program = p;
	l->expects = true;
	l->vm = tsn_vm_new(p);
	l->state = tsn_state_new_shard(p->families, p->nfamilies, l->o->seed, l->shard, l->nshards);
	if (l->nshards > 1 && (l->own_share = tsn_lane_share_new(l, false)) == NULL)
		return false;
	l->feedback = feeds ? tsn_feedback_new(p) : NULL;
	if (l->vm == NULL || l->state == NULL || (feeds && l->feedback == NULL) || !profile(l))
		return false;
	l->waits = feeds || tsn_state_waits(l->state);
	return true;
}

void
tsn_lane_look_at(struct tsn_lane *l, struct tsn_exporters *x)
{
	l->exporters = x;
	tsn_alerts_exporters(l->alerts, x);
	if (l->state != NULL)
		tsn_state_watch_exporters(l->state, &(struct tsn_state_exporters){ x, exporter_whole, exporter_heard });
}

void
tsn_lane_fini(struct tsn_lane *l)
{
	tsn_vm_free(l->vm);
	for (unsigned i = 0; i < l->nlook; i++)
		tsn_vm_free(l->look[i]);
	tsn_free(l->look);
	tsn_state_free(l->state);
	tsn_feedback_free(l->feedback);
	tsn_batch_free(l->tick_batch);
	tsn_share_free(l->own_share);
	tsn_free(l->own_set);
	tsn_alerts_free(l->own_alerts);
	tsn_exporters_free(l->own_exporters);
	*l = (struct tsn_lane){ 0 };
}

static bool
is_probe(const struct tsn_lane *l, uint32_t rule)
{
	return l->rules->nprobes > 0 && rule >= l->rules->first_probe && l->o->on_probe != NULL &&
	    l->rules->probes[rule - l->rules->first_probe].kind != TSN_PROBE_TWIN;
}

/* What a match is for others than the vm: of a share, rows of its batch. */
static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_lane *l = arg;
	struct tsn_share *share = l->share;
	struct tsn_mask wide;

	l->nmatches++;
	if (share != NULL) {
		tsn_share_widen(share, rows, &wide);
		rows = &wide;
		b = share->whole;
	}
	if (is_probe(l, rule)) {
		l->o->on_probe(l->o->arg, vm, rule - l->rules->first_probe, rows, b);
	} else if (l->o->on_rows == NULL) {
		tsn_alerts_on_match(l->alerts, vm, share, rule, rows, b);
		if (l->feedback != NULL && !l->watching)
			tsn_feedback_match(l->feedback, rule, rows, b);
	} else if (rule == 0 && b->kind == TSN_BATCH_FLOWS) {
		l->o->on_rows(l->o->arg, l->batch, rows);
	}
}

void
tsn_lane_run(struct tsn_lane *l, struct tsn_batch *b)
{
	l->batch = b;
	tsn_vm_run(l->vm, b, l->state, (const struct tsn_set *const *)l->rules->sets, on_match, l);
}

/* --- looking --- */

#define LOUD   1024u /* all of the last batches */
#define SELDOM (LOUD / 3) /* looking spares more than doing it twice costs */

bool
tsn_lane_let_look(struct tsn_lane *l, unsigned threads)
{
	if (l->program->nfamilies > 0 || l->feedback != NULL || l->nshards > 1 || l->o->on_rows != NULL || l->o->ticks != NULL)
		return true;
	l->replays = l->program->nexports == 0 && l->o->on_probe == NULL;
	l->look = tsn_calloc(threads, sizeof(struct tsn_vm *));
	l->nlook = threads;
	return l->look != NULL;
}

static void
on_looked(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_looked *out = arg;

	(void)vm, (void)b;
	if (out->n < TSN_LOOKED)
		out->match[out->n] = (struct tsn_looked_match){ rule, *rows };
	out->n++;
}

void
tsn_lane_look(struct tsn_lane *l, unsigned by, struct tsn_batch *b, struct tsn_looked *out)
{
	out->known = false;
	out->n = 0;
	if (l->look == NULL || b->n == 0 || atomic_load_explicit(&l->told, memory_order_relaxed) > SELDOM)
		return;
	if (l->look[by] == NULL && (l->look[by] = tsn_vm_new(l->program)) == NULL)
		return;
	tsn_vm_run(l->look[by], b, NULL, (const struct tsn_set *const *)l->rules->sets, on_looked, out);
	out->known = !tsn_vm_counted(l->look[by]) && out->n <= (l->replays ? TSN_LOOKED : 0);
}

static void
replay(struct tsn_lane *l, struct tsn_batch *b)
{
	l->batch = b;
	for (uint32_t i = 0; i < l->looked->n; i++)
		on_match(l, l->vm, l->looked->match[i].rule, &l->looked->match[i].rows, b);
}

/* Would looking have been in vain? */
static void
note_told(struct tsn_lane *l)
{
	const uint32_t before = atomic_load_explicit(&l->told, memory_order_relaxed);
	const bool again = l->looked == NULL && (tsn_vm_counted(l->vm) || l->nmatches > (l->replays ? TSN_LOOKED : 0));

	atomic_store_explicit(&l->told, (31 * before + (again ? LOUD : 0) + 16) / 32, memory_order_relaxed);
}

/* The rows of a shard, side by side. */
static struct tsn_share *
share_of(struct tsn_lane *l, const struct tsn_batch *b)
{
	struct tsn_mask rows;

	if (l->given != NULL || l->nshards == 1)
		return l->given;
	tsn_state_shard_rows(l->key, tsn_state_seed(l->state), b, l->shard, l->nshards, &rows);
	tsn_share_take(l->own_share, b, &rows);
	return l->own_share;
}

void
tsn_lane_run_share(struct tsn_lane *l, struct tsn_batch *b)
{
	if (l->looked != NULL) {
		replay(l, b);
	} else {
		l->nmatches = 0;
		l->share = share_of(l, b);
		tsn_lane_run(l, l->share != NULL ? l->share->batch : b);
		l->share = NULL;
	}
	if (l->look != NULL)
		note_told(l);
	l->ticket = b->ticket + b->n;
}

/* [n] of the batch's rows. */
static void
note_shown(struct tsn_lane *l, const struct tsn_batch *b, uint64_t n)
{
	const uint32_t before = atomic_load_explicit(&l->shown, memory_order_relaxed);
	const uint32_t now = (uint32_t)(n * TSN_BATCH_ROWS / b->n);

	atomic_store_explicit(&l->shown, (7 * before + now + 4) / 8, memory_order_relaxed);
}

void
tsn_lane_flows(struct tsn_lane *l, struct tsn_batch *b, int64_t began, int64_t clock)
{
	const uint64_t shown = tsn_alerts_shown(l->alerts);

	/* what has no clock of its own may have been received later than it says */
	clock = b->received_span.most > clock ? b->received_span.most : clock;
	if (l->o->on_rows == NULL)
		tsn_alerts_rows(l->alerts, b, began);
	tsn_lane_run_share(l, b);
	if (l->o->on_rows == NULL)
		tsn_alerts_tick(l->alerts, clock);
	note_shown(l, b, tsn_alerts_shown(l->alerts) - shown);
}
