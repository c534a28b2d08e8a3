/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The front: messages become rows of the batch, the clock moves, and batches
 * and ticks go to the lanes in the one order that decides everything.
 */
#include "core/crew.h"
#include "core/internal.h"

/* So many ticks are gone through one by one when the clock jumps; beyond, all that is left is done at the last. */
#define ONE_BY_ONE 20000

/* --- one batch --- */

void
tsn_engine_note_times(struct tsn_engine *e, const struct tsn_batch *b)
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

static void
send_batch(struct tsn_engine *e, enum tsn_item_kind kind, struct tsn_batch *b, int64_t time)
{
	struct tsn_item *it = tsn_crew_item(e->crew);

	tsn_item_tell(it, e->exporters);
	it->kind = kind;
	it->batch = b;
	it->time = time;
	it->began = e->began;
	tsn_crew_send(e->crew);
}

static void
evaluate(struct tsn_engine *e)
{
	struct tsn_batch *b = e->batch;
	if (e->crew != NULL) {
		tsn_batch_derive(b, &e->rules->program->derived); /* what all lanes read is made before they do */
		send_batch(e, TSN_ITEM_FLOWS, b, e->stats.clock);
		e->batch = tsn_crew_batch(e->crew, TSN_BATCH_FLOWS, b->cap);
		tsn_engine_dress(e, e->batch);
		return;
	}
	if (e->rules != NULL)
		tsn_lane_flows(e->lane, b, e->began, e->stats.clock);
	else if (e->o.on_rows != NULL)
		e->o.on_rows(e->o.arg, b, &b->rows);
	if (e->rules != NULL && e->o.on_rows == NULL)
		tsn_alerts_flush(e->alerts);
	tsn_batch_reuse(b);
	tsn_engine_dress(e, b);
}

static void
run_rows(struct tsn_engine *e)
{
	struct tsn_batch *b = e->batch;
	uint64_t *before = tsn_spent_stage(e->o.spent, TSN_STAGE_NORMALISE);

	settle(e);
	e->settled = 0;
	if (b->n == 0) { /* but the text of rows that went takes room */
		tsn_batch_reuse(b);
		tsn_spent_back(e->o.spent, before);
		return;
	}
	b->ticket = e->ticket;
	tsn_batch_normalise(b, e->exporters);
	tsn_exporters_hear(e->exporters, b);
	tsn_exporters_count_gives(e->exporters, b);
	tsn_engine_note_times(e, b);
	tsn_batch_seal(b);
	if (e->pair != NULL) {
		tsn_spent_stage(e->o.spent, TSN_STAGE_PAIR);
		tsn_pair_clock(e->pair, e->began);
		tsn_pair_fold(e->pair, b);
	}
	tsn_spent_stage(e->o.spent, TSN_STAGE_ALERTS);
	e->ticket += b->n;
	e->stats.flows += b->n;
	evaluate(e);
	tsn_spent_back(e->o.spent, before);
}

void
tsn_engine_run_batch(struct tsn_engine *e)
{
	if (e->later.n > 0)
		tsn_engine_send_later(e);
	else if (e->batch->n > 0)
		run_rows(e);
	e->began = e->stats.clock;
}

void
tsn_engine_drain(const struct tsn_engine *e)
{
	if (e->crew != NULL)
		tsn_crew_drain(e->crew);
}

void
tsn_engine_flush_alerts(struct tsn_engine *e)
{
	if (e->crew != NULL)
		tsn_crew_flush(e->crew);
	else
		tsn_alerts_flush(e->alerts);
}

struct tsn_batch *
tsn_engine_make_room(void *arg)
{
	struct tsn_engine *e = arg;

	if (e->batch->n >= e->batch->cap)
		tsn_engine_run_batch(e);
	if (e->later.n > 0 && !e->adds_later)
		tsn_engine_fill_now(e);
	return e->batch;
}

struct tsn_batch *
tsn_engine_room(struct tsn_engine *e)
{
	struct tsn_batch *b = tsn_engine_make_room(e);

	tsn_batch_begin_row(b);
	return b;
}

void
tsn_engine_flush(struct tsn_engine *e)
{
	tsn_engine_run_batch(e);
	tsn_engine_drain(e);
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
bool
tsn_engine_allows(const struct tsn_engine *e, const struct tsn_sender *from)
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
	return tsn_engine_message_at(e, p, len, NULL, from, received);
}

bool
tsn_engine_reads_late(const struct tsn_engine *e)
{
	return e->lates && e->crew == NULL;
}

enum tsn_decode
tsn_engine_message_at(struct tsn_engine *e, const uint8_t *p, size_t len, const struct tsn_far_place *where, const struct tsn_sender *from,
    int64_t received)
{
	enum tsn_decode status;

	tsn_engine_clock(e, received);
	e->stats.datagrams++;
	if (!tsn_engine_allows(e, from)) {
		refuse(e);
		return TSN_DECODE_REFUSED;
	}
	begin_message(e, from);
	status = tsn_decode_message_at(e->decoder, p, len, where, from, received, &e->rows);
	end_message(e);
	e->stats.damaged += status == TSN_DECODE_DAMAGED;
	e->stats.version += status == TSN_DECODE_VERSION;
	return status;
}

void
tsn_engine_session_ended(struct tsn_engine *e, const struct tsn_sender *from)
{
	if (tsn_engine_allows(e, from))
		tsn_decoder_session_ended(e->decoder, from);
}

/* --- ticks --- */

/* The first tick behind [from] at which conversations are made, INT64_MAX if none waits. */
static int64_t
talk_tick(const struct tsn_engine *e, int64_t from)
{
	int64_t due = e->pair != NULL ? tsn_pair_due(e->pair) : TSN_TIME_NONE;

	if (due == TSN_TIME_NONE)
		return INT64_MAX;
	due = tsn_tick_from(due);
	return due > from ? due : from + TSN_SECOND;
}

/*
 * Into [b], conversations that are due at [now], as so many more rows of the input. They come in normal form, with what all lanes
 * read of them. False: no more.
 */
static bool
take_talks(struct tsn_engine *e, int64_t now, struct tsn_batch *b)
{
	if (tsn_pair_take(e->pair, now, b, e->exporters) == 0)
		return false;
	tsn_batch_find_turns(b);
	tsn_exporters_count_gives(e->exporters, b);
	tsn_batch_derive(b, &e->rules->program->derived);
	b->ticket = e->ticket;
	e->ticket += b->n;
	return true;
}

static void
run_talks(struct tsn_engine *e, int64_t now)
{
	struct tsn_batch *b = e->talks;

	if (e->pair == NULL)
		return;
	b->cap = e->batch->cap;
	while (take_talks(e, now, b)) {
		for (uint32_t i = 0; i < e->nlanes; i++)
			tsn_lane_talks(&e->lane[i], b);
		tsn_batch_clear(b, TSN_BATCH_TALKS);
	}
}

/* The next tick of (from, to] at which there is something to do for somebody, [to] if nothing comes before it. */
static int64_t
next_tick(const struct tsn_engine *e, int64_t from, int64_t to)
{
	int64_t t = talk_tick(e, from);

	t = t < to ? t : to;
	for (uint32_t i = 0; i < e->nlanes; i++)
		t = tsn_lane_next_tick(&e->lane[i], from, t);
	return t;
}

static void
one_tick(struct tsn_engine *e, int64_t now)
{
	for (uint32_t i = 0; i < e->nlanes; i++)
		tsn_lane_begin_tick(&e->lane[i], now);
	run_talks(e, now);
	for (uint32_t i = 0; i < e->nlanes; i++)
		tsn_lane_end_tick(&e->lane[i]);
	e->ticked = now;
}

/* All that is due up to the tick [to], in order, tick by tick over all lanes. */
static void
run_ticks(struct tsn_engine *e, int64_t from, int64_t to)
{
	uint64_t *before = tsn_spent_stage(e->o.spent, TSN_STAGE_TICKS);

	for (uint32_t n = 0; from < to; n++) {
		for (uint32_t i = 0; i < e->nlanes && n == ONE_BY_ONE && to - from > TSN_SECOND; i++)
			tsn_alerts_watch_leap(e->lane[i].alerts, to);
		from = n < ONE_BY_ONE ? next_tick(e, from, to) : to;
		one_tick(e, from);
	}
	tsn_engine_flush_alerts(e);
	tsn_spent_back(e->o.spent, before);
}

/* Texts of conversations are in the pair's memory, and all of them must find room in the batch's. */
static uint32_t
talks_cap(const struct tsn_engine *e)
{
	uint32_t strings = 4, most; /* names that every alert says */

	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		strings += tsn_fields[f].storage == TSN_STR && tsn_field_set_has(&e->rules->program->reads, (enum tsn_field)f);
	most = (uint32_t)(TSN_BATCH_TEXT / TSN_BATCH_STR / strings);
	return e->batch->cap < most ? e->batch->cap : most;
}

/* The same for lanes that go through ticks on their own: here only conversations are made. */
static void
send_ticks(struct tsn_engine *e, int64_t from, int64_t to)
{
	struct tsn_item *it;

	for (int64_t t; (t = talk_tick(e, from)) <= to; from = t) {
		struct tsn_batch *b = tsn_crew_batch(e->crew, TSN_BATCH_TALKS, talks_cap(e));

		while (take_talks(e, t, b)) {
			tsn_batch_own_text(b);
			send_batch(e, TSN_ITEM_TALKS, b, t);
			b = tsn_crew_batch(e->crew, TSN_BATCH_TALKS, talks_cap(e));
		}
		tsn_crew_put_batch(e->crew, b);
	}
	it = tsn_crew_item(e->crew);
	tsn_item_tell(it, e->exporters);
	it->kind = TSN_ITEM_TICKS;
	it->time = to;
	it->began = e->began;
	tsn_crew_send(e->crew);
	e->ticked = to;
}

static void
ticks(struct tsn_engine *e, int64_t to)
{
	int64_t from = e->ticked != TSN_TIME_NONE ? e->ticked : to - TSN_SECOND;

	if (from >= to)
		return;
	if (e->crew != NULL && to - from <= ONE_BY_ONE * TSN_SECOND) {
		send_ticks(e, from, to);
		return;
	}
	tsn_engine_drain(e);
	tsn_engine_tell_lanes(e, false);
	run_ticks(e, from, to);
}

/*
 * Ticks at which there was nothing to do may not have been gone through yet, which hangs on how many rows came together. To rules that begin
 * now it matters which is their first.
 */
void
tsn_engine_catch_up(struct tsn_engine *e)
{
	if (e->stats.clock != TSN_TIME_NONE && e->rules != NULL && e->o.on_rows == NULL)
		ticks(e, tsn_second_of(e->stats.clock));
	tsn_engine_drain(e);
}

static int64_t
watch_due(const struct tsn_engine *e)
{
	return e->crew != NULL ? tsn_crew_watch_due(e->crew) : tsn_alerts_watch_due(e->alerts);
}

/* Must the rows so far be evaluated before the tick [now]? */
static bool
must_cut(const struct tsn_engine *e, int64_t now)
{
	if (e->batch->n == 0 || e->rules == NULL || e->o.on_rows != NULL)
		return false;
	return e->cuts || watch_due(e) <= now || (e->began != TSN_TIME_NONE && now - e->began > e->grace);
}

void
tsn_engine_ticks_from_clock(struct tsn_engine *e)
{
	e->began = e->stats.clock;
	e->ticked = e->stats.clock != TSN_TIME_NONE ? tsn_second_of(e->stats.clock) : TSN_TIME_NONE;
	for (uint32_t i = 0; i < e->nlanes; i++)
		e->lane[i].ticked = e->ticked, e->lane[i].ticket = e->ticket;
}

void
tsn_engine_tell_lanes(struct tsn_engine *e, bool all)
{
	const uint32_t n = all ? tsn_exporters_count(e->exporters) : 0;
	const struct tsn_exporter *x;
	uint32_t index;

	for (uint32_t i = 0; i < e->nlanes && e->crew != NULL; i++)
		for (uint32_t k = 0; k < n; k++)
			tsn_exporters_put(e->lane[i].exporters, k, &tsn_exporters_at(e->exporters, k)->presence);
	while (e->crew != NULL && (x = tsn_exporters_changed(e->exporters, &index)) != NULL)
		for (uint32_t i = 0; i < e->nlanes; i++)
			tsn_exporters_put(e->lane[i].exporters, index, &x->presence);
}

/* Do the rows of the batch say themselves where the clock stands? The last are likeliest to. */
static bool
is_shown(const struct tsn_engine *e)
{
	const struct tsn_batch *b = e->batch;
	bool shown = e->began >= e->stats.clock;

	for (uint32_t i = e->later.n; i-- > 0 && !shown;)
		shown = e->later.message[i].received >= e->stats.clock;
	for (uint32_t i = e->later.n == 0 ? b->n : 0; i-- > 0 && !shown;)
		shown = (b->received[i] != TSN_TIME_NONE ? b->received[i] : tsn_batch_event_time(b, i)) >= e->stats.clock;
	return shown;
}

/*
 * Rows are to come that were received before now. To whom time of receipt matters it is a running maximum of what rows say; where
 * others moved the clock since the last of them (messages without flows, a daemon that waits), the next say less than it
 * and need a batch that begins later. Once: until it moves again it is shown.
 */
static void
look_back(struct tsn_engine *e)
{
	if (e->shown || e->batch->n == 0)
		return;
	settle(e); /* what goes shows nothing */
	if (!is_shown(e))
		tsn_engine_run_batch(e);
	e->shown = true;
}

void
tsn_engine_clock(struct tsn_engine *e, int64_t now)
{
	const int64_t before = e->stats.clock;
	int64_t second;

	if (now < before)
		look_back(e);
	if (now <= before) /* or none is told */
		return;
	second = tsn_second_of(now);
	e->shown = false;
	if (before == TSN_TIME_NONE || second > tsn_second_of(before)) {
		if (must_cut(e, second))
			tsn_engine_run_batch(e); /* before the clock moves on */
		e->stats.clock = now;
		/* else its rows come first: alerts end behind the batch */
		if (e->batch->n == 0 && e->rules != NULL && e->o.on_rows == NULL)
			ticks(e, second);
	}
	e->stats.clock = now;
	if (e->batch->n == 0)
		e->began = now;
}

/*
 * What an alert says of losses must not depend on how many rows are evaluated together: to a row that was received later than this
 * one, as where files are not in order, they would be known, and it came before them.
 */
void
tsn_engine_loses(void *arg, const struct tsn_exporter *x, int64_t received)
{
	struct tsn_engine *e = arg;
	const int64_t first = e->later.n > 0 ? e->later.message[0].received : e->batch->received[0];

	if (e->batch->n > 0 && (received < x->presence.last_heard || tsn_exporter_notices_full(x, first)))
		tsn_engine_run_batch(e);
}

void
tsn_engine_clock_of_record(void *arg, int64_t received)
{
	tsn_engine_clock(arg, received);
}

/* --- the end --- */

/* What the last flows set off would have been seen a second later. */
static void
last_words(struct tsn_engine *e)
{
	if (e->stats.clock == TSN_TIME_NONE)
		return;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		tsn_lane_last_words(&e->lane[i], tsn_second_of(e->stats.clock) + TSN_SECOND);
		e->ticked = e->lane[i].ticked > e->ticked ? e->lane[i].ticked : e->ticked;
	}
	for (uint32_t i = 0; i < e->nlanes; i++)
		e->lane[i].ticked = e->ticked;
	tsn_engine_flush_alerts(e);
}

void
tsn_engine_finish(struct tsn_engine *e)
{
	tsn_engine_run_batch(e);
	tsn_decoder_finish(e->decoder);
	tsn_engine_run_batch(e);
	if (e->rules == NULL || e->o.on_rows != NULL)
		return;
	tsn_engine_drain(e);
	tsn_engine_tell_lanes(e, false);
	last_words(e);
	for (uint32_t i = 0; i < e->nlanes; i++)
		tsn_alerts_cut_off(e->lane[i].alerts, true);
	run_talks(e, INT64_MAX);
	for (uint32_t i = 0; i < e->nlanes; i++)
		tsn_lane_close(&e->lane[i]);
	tsn_alerts_level(e->stage, e->nlanes);
	tsn_engine_flush_alerts(e);
	for (uint32_t i = 0; i < e->nlanes; i++)
		tsn_alerts_cut_off(e->lane[i].alerts, false);
}
