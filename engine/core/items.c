/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/items.h"

#include "base/mem.h"

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

void
tsn_item_begin(struct tsn_item *it, const struct tsn_lane *lane, uint32_t nlanes)
{
	atomic_store_explicit(&it->left, nlanes, memory_order_relaxed);
	for (uint32_t i = 0; i < nlanes; i += lane[i].nshards)
		atomic_store_explicit(&it->parts[i].how, TSN_PARTS_NONE, memory_order_relaxed);
}

/* NULL: somebody is at it, for whom it is not worth waiting. */
static const uint8_t *
parts_for(struct tsn_item_parts *p, const struct tsn_lane *l, const struct tsn_batch *b)
{
	int how = TSN_PARTS_NONE;

	if (atomic_load_explicit(&p->how, memory_order_acquire) == TSN_PARTS_MADE)
		return p->part;
	if (!atomic_compare_exchange_strong(&p->how, &how, TSN_PARTS_COMING))
		return how == TSN_PARTS_MADE ? p->part : NULL;
	tsn_state_parts(l->key, tsn_state_seed(l->state), b, p->part);
	atomic_store_explicit(&p->how, TSN_PARTS_MADE, memory_order_release);
	return p->part;
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
tsn_item_run(struct tsn_item *it, struct tsn_lane *l, uint32_t i)
{
	tsn_item_hear(it, l);
	l->parts = l->nshards > 1 && it->kind != TSN_ITEM_TICKS ? parts_for(&it->parts[i - l->shard], l, it->batch) : NULL;
	switch (it->kind) {
	case TSN_ITEM_FLOWS: tsn_lane_flows(l, it->batch, it->time); break;
	case TSN_ITEM_TALKS: talks(l, it); break;
	case TSN_ITEM_TICKS: ticks(l, it->time); break;
	}
	l->parts = NULL;
	if (it->kind != TSN_ITEM_TALKS)
		tsn_alerts_take(l->alerts, &it->records[i]);
}
