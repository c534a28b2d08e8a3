/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Items: what the front sends through the lanes when those have threads of
 * their own. Nothing in one points to what the front changes later: batches
 * own their text, and what changed of exporters comes along.
 */
#ifndef TSN_CORE_ITEMS_H
#define TSN_CORE_ITEMS_H

#include <stdatomic.h>

#include "core/internal.h"

enum tsn_item_kind {
	TSN_ITEM_FLOWS,
	TSN_ITEM_TALKS,  /* conversations made at a tick; the item of kind TICKS that ends the tick comes behind */
	TSN_ITEM_TICKS,
};

struct tsn_told {
	uint32_t exporter;
	struct tsn_presence presence;
};

struct tsn_item {
	enum tsn_item_kind kind;
	struct tsn_batch *batch;   /* FLOWS, TALKS; read by all lanes */
	struct tsn_later later;    /* FLOWS whose rows are still to be made by whoever prepares it, with nothing of [engine] that changes meanwhile */
	struct tsn_engine *engine;
	uint64_t ticket;
	struct tsn_share **share;  /* by lane, of shards: the rows of FLOWS that it takes; else NULL */
	struct tsn_looked *looked; /* by lane: what was found out of the rows before it */
	bool shared;               /* they were made: it is for other cores than the front's */
	int64_t time;              /* FLOWS: the clock behind it; TALKS: their tick; TICKS: all up to it */
	int64_t began;             /* FLOWS: the clock before it; nothing in it was received before, as a running maximum */
	struct tsn_told *told;     /* how exporters stand that changed since the item before */
	size_t ntold, told_cap;
	struct tsn_alert_records *records; /* by lane: what came of it; those of TALKS come with the TICKS behind */
	_Atomic uint64_t prepared; /* 1 + the number of the item that is */
	unsigned by;               /* the thread that prepared it */
	_Atomic uint32_t left;     /* lanes that are not through it */
	_Atomic uint64_t nrecords;
	_Atomic uint64_t lines_are; /* enum lines of crew_work.c, and of which item, so that nobody takes the next in this place for it */
	struct tsn_alert_lines lines;
};

/* Takes down what changed of exporters. */
void tsn_item_tell(struct tsn_item *it, struct tsn_exporters *x);
/* A lane hears of it: also outside of items, when all is drained. */
void tsn_item_hear(const struct tsn_item *it, struct tsn_lane *l);
/* It is for so many lanes, none of which has looked at it yet; [shared]: they will run on other cores. */
void tsn_item_begin(struct tsn_item *it, uint32_t nlanes, bool shared);
/* All that does not depend on other items, by thread [by]; [b]: where rows of [later] are made, which is then the item's. */
void tsn_item_prepare(struct tsn_item *it, struct tsn_lane *lane, uint32_t nlanes, struct tsn_batch *b);
/* All lanes are through it: what [engine] is to know of the rows. By the front. */
void tsn_item_end(struct tsn_item *it);
/* What was found when the rows were made. */
void tsn_item_count_later(struct tsn_engine *e, const struct tsn_later *l);
/* What lane number [i] does with it. */
void tsn_item_run(const struct tsn_item *it, struct tsn_lane *l, uint32_t i);

#endif
