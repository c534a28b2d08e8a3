/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/items.h"

#include "base/mem.h"
#include "flow/share.h"

void
tsn_item_tell(struct tsn_item *it, struct tsn_exporters *x)
{
	const struct tsn_exporter *e;
	uint32_t index;

	it->ntold = 0;
	while ((e = tsn_exporters_changed(x, &index)) != NULL) {
		struct tsn_told *grown = tsn_grow(it->told, it->ntold, &it->told_cap, sizeof(*grown));

		if (grown == NULL) /* the lanes go on with what they know */
			continue;
		it->told = grown;
		it->told[it->ntold++] = (struct tsn_told){ index, e->presence };
	}
}

void
tsn_item_hear(const struct tsn_item *it, struct tsn_lane *l)
{
	for (size_t i = 0; i < it->ntold; i++)
		tsn_exporters_put(l->exporters, it->told[i].exporter, &it->told[i].presence);
}

/* Shards of one key, from [lane] on. */
static void
share_shards(const struct tsn_item *it, const struct tsn_lane *lane, struct tsn_share **share)
{
	uint8_t part[TSN_BATCH_ROWS];
	struct tsn_mask rows;

	tsn_state_parts(lane->key, tsn_state_seed(lane->state), it->batch, part);
	for (uint32_t s = 0; s < lane->nshards; s++) {
		tsn_state_part_rows(part, it->batch, s, lane->nshards, &rows);
		tsn_share_take(share[s], it->batch, &rows);
	}
}

void
tsn_item_begin(struct tsn_item *it, uint32_t nlanes, bool shared)
{
	atomic_store_explicit(&it->left, nlanes, memory_order_relaxed);
	it->shared = shared && it->kind == TSN_ITEM_FLOWS;
}

static void
make_rows(struct tsn_item *it, struct tsn_batch *b)
{
	const struct tsn_engine *e = it->engine;

	tsn_batch_reuse(b);
	b->cap = TSN_BATCH_ROWS;
	tsn_engine_dress(e, b);
	b->ticket = it->ticket;
	it->batch = b;
	tsn_later_fill(&it->later, b);
	if (b->n == 0)
		return;
	tsn_batch_normalise(b, e->exporters);
	tsn_batch_seal(b);
	tsn_batch_derive(b, &e->rules->program->derived);
}

void
tsn_item_count_later(struct tsn_engine *e, const struct tsn_later *l)
{
	for (uint32_t i = 0; i < l->n && l->odd + l->lost > 0; i++) {
		uint64_t *counter = tsn_exporters_at(e->exporters, l->message[i].source)->counter;

		counter[TSN_XC_CLOCK] += l->message[i].odd;
		counter[TSN_XC_FLOWS] -= l->message[i].lost;
	}
	if (l->lost > 0)
		tsn_log(e->o.log, TSN_LOG_ERROR, "%u flows were gone when they were wanted: somebody has cut the file short", l->lost);
}

void
tsn_item_end(struct tsn_item *it)
{
	if (it->kind == TSN_ITEM_FLOWS)
		tsn_late_forget(&it->batch->late);
	if (it->later.n == 0)
		return;
	tsn_item_count_later(it->engine, &it->later);
	for (uint32_t i = 0; i < it->later.n; i++)
		tsn_exporter_lost_usual(tsn_exporters_at(it->engine->exporters, it->later.message[i].source), it->later.message[i].lost);
	it->engine->stats.flows -= it->later.lost;
	if (it->batch->n > 0)
		tsn_engine_note_times(it->engine, it->batch);
	tsn_later_forget(&it->later);
}

void
tsn_item_prepare(struct tsn_item *it, struct tsn_lane *lane, uint32_t nlanes, struct tsn_batch *b)
{
	const bool here = it->later.n > 0; /* so they are in this core's cache */

	if (here)
		make_rows(it, b);
	for (uint32_t i = 0; i < nlanes; i++)
		if (here)
			tsn_lane_look(&lane[i], it->by, b, &it->looked[i]);
		else
			it->looked[i].known = false;
	for (uint32_t i = 0; it->shared && i < nlanes; i += lane[i].nshards)
		if (lane[i].nshards > 1)
			share_shards(it, &lane[i], &it->share[i]);
	tsn_share_sent();
}

/* Each lane passes over the ticks at which it has nothing to do. */
static int64_t
ticks_below(struct tsn_lane *l, int64_t to)
{
	int64_t t = l->ticked != TSN_TIME_NONE ? l->ticked : to - TSN_SECOND;

	while (t < to && (t = tsn_lane_next_tick(l, t, to)) < to) {
		tsn_lane_begin_tick(l, t);
		tsn_lane_end_tick(l);
	}
	return t;
}

static void
talks(struct tsn_lane *l, const struct tsn_item *it)
{
	if (l->tick != it->time) {
		if (l->tick != TSN_TIME_NONE)
			tsn_lane_end_tick(l);
		ticks_below(l, it->time);
		tsn_lane_begin_tick(l, it->time);
	}
	tsn_lane_talks(l, it->batch);
}

static void
ticks(struct tsn_lane *l, int64_t to)
{
	if (l->tick != TSN_TIME_NONE)
		tsn_lane_end_tick(l);
	if (l->ticked != TSN_TIME_NONE && l->ticked >= to)
		return;
	ticks_below(l, to);
	tsn_lane_begin_tick(l, to);
	tsn_lane_end_tick(l);
}

void
tsn_item_run(const struct tsn_item *it, struct tsn_lane *l, uint32_t i)
{
	tsn_item_hear(it, l);
	l->given = it->shared ? it->share[i] : NULL;
	l->looked = it->kind == TSN_ITEM_FLOWS && it->looked[i].known ? &it->looked[i] : NULL;
	switch (it->kind) {
	case TSN_ITEM_FLOWS:
		if (it->batch->n > 0) /* all may have been gone */
			tsn_lane_flows(l, it->batch, it->began, it->time);
		break;
	case TSN_ITEM_TALKS: talks(l, it); break;
	case TSN_ITEM_TICKS: ticks(l, it->time); break;
	}
	l->given = NULL;
	l->looked = NULL;
	if (it->kind != TSN_ITEM_TALKS)
		tsn_alerts_take(l->alerts, &it->records[i]);
}
