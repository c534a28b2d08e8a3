/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The front's share of messages whose records become rows later, by any thread: all that has to be done in order. */
#include "core/crew.h"
#include "core/internal.h"

/* Batches are short where rows made now and later meet: this makes it seldom. */
#define MIXED 16u

/* What tells of them goes to whoever makes them. What exporters give was looked at: it is all. */
void
tsn_engine_send_later(struct tsn_engine *e)
{
	const uint32_t n = e->batch->n;
	struct tsn_item *it = tsn_crew_item(e->crew);

	for (uint32_t i = 0; i < e->later.n; i++)
		tsn_exporter_count_usual(tsn_exporters_at(e->exporters, e->later.message[i].source), e->later.message[i].n);
	tsn_item_tell(it, e->exporters);
	it->kind = TSN_ITEM_FLOWS;
	it->batch = NULL;
	it->engine = e;
	it->ticket = e->ticket;
	it->time = e->stats.clock;
	it->began = e->began;
	tsn_later_move(&it->later, &e->later);
	e->batch->n = 0;
	e->ticket += n;
	e->stats.flows += n;
	tsn_crew_send(e->crew);
}

/* Somebody else puts rows behind them. */
void
tsn_engine_fill_now(struct tsn_engine *e)
{
	e->mixed = MIXED;
	tsn_later_fill(&e->later, e->batch);
	tsn_item_count_later(e, &e->later);
	tsn_later_forget(&e->later);
}

/* What has to be known of the exporter of a message that may wait is known, and stays so. */
static bool
is_usual(struct tsn_engine *e, const struct tsn_sender *from)
{
	if (e->usual != NULL && tsn_addr_cmp(e->usual->addr, from->exporter) == 0)
		return true;
	if (!tsn_engine_allows(e, from))
		return false;
	e->usual = tsn_exporters_usual(e->exporters, from->exporter);
	return e->usual != NULL;
}

bool
tsn_engine_later(struct tsn_engine *e, const uint8_t *head, size_t len, const struct tsn_far_place *where, const struct tsn_sender *from,
    int64_t received)
{
	if (e->mixed > 0) {
		e->mixed--;
		return false;
	}
	if (e->crew == NULL || e->stands || e->dedup != NULL || e->pair != NULL || !tsn_later_may(head, len) ||
	    !tsn_later_has_room(&e->later, where) || !is_usual(e, from))
		return false;
	if (e->later.n == 0)
		tsn_engine_run_batch(e);
	tsn_engine_clock(e, received);
	e->stats.datagrams++;
	e->adds_later = true;
	(void)tsn_decode_later(e->decoder, head, len, where, from, received, &e->rows, &e->later);
	e->adds_later = false;
	return true;
}
