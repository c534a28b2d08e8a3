/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * When exporters were heard and when they lost something: a bounded record, for who asks whether a stretch of time
 * can be trusted (S5, S19). Those who ask do so soon after it, so the last losses and gaps are enough.
 */
#include <string.h>

#include "base/clock.h"
#include "base/wide.h"
#include "flow/batch.h"
#include "flow/exporter.h"

/* Puts it behind the others; the oldest makes room. */
static struct tsn_stretch
put(struct tsn_stretch *v, uint8_t *n, unsigned max, struct tsn_stretch s)
{
	struct tsn_stretch gone = { TSN_TIME_NONE, TSN_TIME_NONE };

	if (*n == max) {
		gone = v[0];
		memmove(v, v + 1, (max - 1) * sizeof(*v));
		--*n;
	}
	v[(*n)++] = s;
	return gone;
}

static void
changes(struct tsn_exporter *x)
{
	if (x->change.in || x->change.list == NULL)
		return;
	x->change.in = true;
	x->change.next = *x->change.list;
	*x->change.list = x;
}

void
tsn_exporter_hear(struct tsn_exporter *x, int64_t received)
{
	struct tsn_presence *p = &x->presence;

	changes(x);
	if (p->first_heard == TSN_TIME_NONE || received < p->first_heard)
		p->first_heard = received;
	if (p->last_heard != TSN_TIME_NONE && received > p->last_heard &&
	    (uint64_t)received - (uint64_t)p->last_heard > TSN_EXPORTER_GAP_MS)
		put(p->gap, &p->ngaps, TSN_EXPORTER_GAPS, (struct tsn_stretch){ p->last_heard, received });
	if (received > p->last_heard)
		p->last_heard = received;
}

static bool
has_heard(const struct tsn_exporter *x, const struct tsn_time_span *s)
{
	return s->most <= x->presence.last_heard && s->least >= x->presence.first_heard;
}

TSN_WIDE(static, struct tsn_time_span, span_of, (const int64_t *received, uint32_t n), (received, n))
{
	struct tsn_time_span s = { received[0], received[0] };

	for (uint32_t i = 1; i < n; i++) {
		s.least = received[i] < s.least ? received[i] : s.least;
		s.most = received[i] > s.most ? received[i] : s.most;
	}
	return s;
}

void
tsn_exporters_hear(struct tsn_exporters *t, const struct tsn_batch *b)
{
	uint32_t to;

	if (tsn_mask_run(&b->timed, 0, b->n) == b->n && tsn_mask_has(&b->timed, 0))
		return;
	for (uint32_t from = 0; from < b->n; from = to) {
		struct tsn_exporter *x = tsn_exporters_at(t, b->source[from]);
		struct tsn_time_span span;

		to = tsn_batch_source_end(b, from);
		span = to - from == b->n ? b->received_span : span_of(b->received + from, to - from);
		for (uint32_t i = from; i < to && !has_heard(x, &span); i++) /* mostly it has: decoders of datagrams tell it before */
			tsn_exporter_hear(x, b->received[i]);
	}
}

static void
notice(struct tsn_presence *p, int64_t t)
{
	struct tsn_stretch *last = p->nnotices > 0 ? &p->notice[p->nnotices - 1] : NULL;

	if (last == NULL || t < last->from ||
	    (t > last->to && (uint64_t)t - (uint64_t)last->to > TSN_EXPORTER_NOTICE_MS))
		put(p->notice, &p->nnotices, TSN_EXPORTER_NOTICES, (struct tsn_stretch){ t, t });
	else if (t > last->to)
		last->to = t;
}

bool
tsn_exporter_noticed(const struct tsn_presence *p, int64_t t, int64_t window)
{
	const int64_t from = t - (window > TSN_EXPORTER_NOTICE_MS ? window : TSN_EXPORTER_NOTICE_MS);

	for (uint8_t i = 0; i < p->nnotices; i++)
		if (p->notice[i].from < t && p->notice[i].to >= from)
			return true;
	return false;
}

bool
tsn_exporter_notices_full(const struct tsn_exporter *x, int64_t since)
{
	return x->presence.nnotices == TSN_EXPORTER_NOTICES && x->presence.notice[1].from >= since;
}

void
tsn_exporter_lose(struct tsn_exporter *x, int64_t since, int64_t received)
{
	struct tsn_presence *p = &x->presence;
	struct tsn_stretch s = { since == TSN_TIME_NONE || since > received ? received : since, received }, gone;
	struct tsn_stretch *last = p->nlosses > 0 ? &p->loss[p->nlosses - 1] : NULL;

	changes(x);
	notice(p, received);
	if (x->last_lost == TSN_TIME_NONE || received > x->last_lost)
		x->last_lost = received;
	if (last != NULL && s.from <= last->to && s.to >= last->from) { /* one that goes on */
		last->from = s.from < last->from ? s.from : last->from;
		last->to = s.to > last->to ? s.to : last->to;
		return;
	}
	gone = put(p->loss, &p->nlosses, TSN_EXPORTER_LOSSES, s);
	if (gone.to > p->forgotten)
		p->forgotten = gone.to;
}

uint64_t
tsn_exporter_lost(const struct tsn_exporter *x)
{
	return x->counter[TSN_XC_LOST] + x->counter[TSN_XC_LOST_DATAGRAMS] + x->counter[TSN_XC_AGENT_DROPS];
}

bool
tsn_exporter_heard(struct tsn_exporters *t, uint32_t index, int64_t from)
{
	const struct tsn_presence *p;

	if (index >= tsn_exporters_count(t))
		return true;
	p = &tsn_exporters_at(t, index)->presence;
	return p->certain || (p->last_heard != TSN_TIME_NONE && p->last_heard >= from);
}

bool
tsn_exporter_whole(struct tsn_exporters *t, uint32_t index, int64_t from, int64_t to)
{
	const struct tsn_presence *p;

	if (index >= tsn_exporters_count(t))
		return true;
	p = &tsn_exporters_at(t, index)->presence;
	if (p->certain)
		return true;
	if (p->last_heard == TSN_TIME_NONE || p->last_heard < from || p->first_heard >= to || from < p->forgotten)
		return false;
	for (uint8_t i = 0; i < p->ngaps; i++)
		if (p->gap[i].from < from && p->gap[i].to >= to)
			return false;
	for (uint8_t i = 0; i < p->nlosses; i++)
		if (p->loss[i].from < to && p->loss[i].to >= from)
			return false;
	return true;
}
