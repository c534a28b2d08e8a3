/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The engine as bytes and back: a mark and a format, then parts, each with its name before it, so that others can be
 * added and what a version does not know is left out.
 */
#include <string.h>

#include "base/clock.h"
#include "base/pack.h"
#include "core/dynamic.h"
#include "core/feedback.h"
#include "core/internal.h"
#include "core/reload.h"
#include "core/talks.h"

#define MARK   "tocsin engine"
#define FORMAT 3
#define ORDER  0x01020304u /* reals and lengths are written as the machine has them */

static size_t
open_part(struct tsn_pack *out, const char *name)
{
	tsn_pack_str(out, name);
	return tsn_pack_open(out);
}

static void
save_self(const struct tsn_engine *e, struct tsn_pack *out)
{
	tsn_pack_uint(out, e->ticket);
	tsn_pack_uint(out, e->stats.flows);
	tsn_pack_uint(out, e->stats.datagrams);
	tsn_pack_uint(out, e->stats.damaged);
	tsn_pack_uint(out, e->stats.version);
	tsn_pack_int(out, e->stats.first);
	tsn_pack_int(out, e->stats.last);
	tsn_pack_int(out, e->stats.clock);
}

/* Which elements the columns of the pool are: conversations carry some along. */
static void
save_wanted(const struct tsn_program *p, struct tsn_pack *out)
{
	tsn_pack_uint(out, p->nwanted);
	for (uint32_t i = 0; i < p->nwanted; i++) {
		tsn_pack_uint(out, p->wanted[i].pen);
		tsn_pack_uint(out, p->wanted[i].id);
		tsn_pack_uint(out, p->wanted[i].field);
	}
}

static bool
same_wanted(const struct tsn_program *p, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);
	bool same = n == p->nwanted;

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		const uint64_t pen = tsn_unpack_uint(in), id = tsn_unpack_uint(in), field = tsn_unpack_uint(in);

		same = same && pen == p->wanted[i].pen && id == p->wanted[i].id && field == p->wanted[i].field;
	}
	return same;
}

static void
save_state(const struct tsn_engine *e, struct tsn_pack *out)
{
	struct tsn_state *s[TSN_LANES_MAX];

	tsn_lanes_states(e->lane, e->nlanes, s);
	tsn_state_save_all(s, e->nlanes, e->rules->program->families, e->rules->program->nfamilies, out);
}

/* Link by link, as they are gone through, whichever lane has them; who reads them takes those of its own rules. */
static void
save_steps(const struct tsn_engine *e, struct tsn_pack *out)
{
	const struct tsn_program *p = e->rules->program;
	uint64_t n = 0;
	bool any = false;
	size_t at;

	for (uint32_t i = 0; i < e->nlanes; i++) {
		any |= e->lane[i].feedback != NULL;
		n += e->lane[i].feedback != NULL ? tsn_feedback_matches(e->lane[i].feedback) : 0;
	}
	if (!any)
		return;
	at = open_part(out, "steps");
	tsn_pack_uint(out, n);
	for (uint32_t link = 0; n > 0 && link < p->nlinks; link++)
		for (uint32_t i = 0; i < e->nlanes; i++)
			if (e->lane[i].feedback != NULL)
				tsn_feedback_save(e->lane[i].feedback, p, link, out);
	tsn_pack_close(out, at);
}

void
tsn_engine_save(struct tsn_engine *e, struct tsn_pack *out)
{
	const uint32_t order = ORDER;
	size_t at;

	tsn_engine_flush(e);
	tsn_pack_str(out, MARK);
	tsn_pack_uint(out, FORMAT);
	tsn_pack_raw(out, &order, sizeof(order));
	at = open_part(out, "engine");
	save_self(e, out);
	tsn_pack_close(out, at);
	at = open_part(out, "exporters");
	tsn_exporters_save(e->exporters, out);
	tsn_pack_close(out, at);
	at = open_part(out, "notices");
	tsn_exporters_save_notices(e->exporters, out);
	tsn_pack_close(out, at);
	if (e->dedup != NULL) {
		at = open_part(out, "dedup");
		tsn_dedup_save(e->dedup, out);
		tsn_pack_close(out, at);
	}
	at = open_part(out, "decoder");
	tsn_decoder_save(e->decoder, out);
	tsn_pack_close(out, at);
	if (e->rules == NULL)
		return;
	at = open_part(out, "alerts");
	tsn_alerts_save((const struct tsn_alerts *const *)e->stage, e->nlanes, out);
	tsn_pack_close(out, at);
	at = open_part(out, "state");
	save_state(e, out);
	tsn_pack_close(out, at);
	at = open_part(out, "sets");
	tsn_dynamic_save(e->rules, out);
	tsn_pack_close(out, at);
	save_steps(e, out);
	if (e->pair == NULL)
		return;
	at = open_part(out, "conversations");
	save_wanted(e->rules->program, out);
	tsn_pair_save(e->pair, e->exporters, out);
	tsn_pack_close(out, at);
}

static const char *const part_names[] = { "engine", "exporters", "decoder", "alerts", "state", "sets", "conversations", "dedup", "steps", "notices" };
enum { PART_ENGINE, PART_EXPORTERS, PART_DECODER, PART_ALERTS, PART_STATE, PART_SETS, PART_TALKS, PART_DEDUP, PART_STEPS, PART_NOTICES, PARTS };

/* Parts that this version does not know are left out; false if it is no snapshot, or has a part twice. */
static bool
find_parts(struct tsn_unpack *in, struct tsn_unpack part[PARTS], const char **why)
{
	const uint8_t *p;
	uint32_t order = 0;
	size_t n;

	*why = "it is not a snapshot of this program";
	p = tsn_unpack_bytes(in, &n);
	if (p == NULL || n != strlen(MARK) || memcmp(p, MARK, n) != 0)
		return false;
	*why = "it is of a format that this version does not know";
	if (tsn_unpack_uint(in) != FORMAT || (p = tsn_unpack_raw(in, sizeof(order))) == NULL)
		return false;
	memcpy(&order, p, sizeof(order));
	if (order != ORDER)
		return false;
	*why = "it makes no sense";
	while (in->p < in->end) {
		struct tsn_unpack got;

		p = tsn_unpack_bytes(in, &n);
		got = tsn_unpack_part(in);
		if (p == NULL || got.bad)
			return false;
		for (int i = 0; i < PARTS; i++) {
			if (n != strlen(part_names[i]) || memcmp(p, part_names[i], n) != 0)
				continue;
			if (part[i].p != NULL)
				return false;
			part[i] = got;
		}
	}
	return !in->bad && part[PART_ENGINE].p != NULL && part[PART_EXPORTERS].p != NULL && part[PART_DECODER].p != NULL;
}

static bool
load_self(struct tsn_unpack *in, uint64_t *ticket, struct tsn_engine_stats *s)
{
	*ticket = tsn_unpack_below(in, INT64_MAX);
	s->flows = tsn_unpack_uint(in);
	s->datagrams = tsn_unpack_uint(in);
	s->damaged = tsn_unpack_uint(in);
	s->version = tsn_unpack_uint(in);
	s->first = tsn_unpack_int(in);
	s->last = tsn_unpack_int(in);
	s->clock = tsn_unpack_int(in);
	return tsn_unpack_done(in);
}

static bool
restore_talks(struct tsn_engine *e, struct tsn_unpack *in)
{
	const bool same = same_wanted(e->rules->program, in);

	if (!tsn_pair_load(e->pair, e->exporters, in))
		return false;
	if (!same)
		tsn_talks_carry(e->pair, e->rules->program, NULL);
	return true;
}

static bool
restore_steps(struct tsn_engine *e, struct tsn_unpack in)
{
	bool ok = true;

	for (uint32_t i = 0; i < e->nlanes; i++) {
		struct tsn_unpack again = in;

		if (e->lane[i].feedback != NULL)
			ok = tsn_feedback_load(e->lane[i].feedback, &again) && ok;
	}
	return ok;
}

/* The order is that of what can be undone: only the last steps cannot fail but for memory. */
static bool
restore_parts(struct tsn_engine *e, struct tsn_unpack part[PARTS], struct tsn_restore_report *r, const char **why)
{
	struct tsn_unpack none = { NULL, NULL, false };
	struct tsn_engine_stats stats = { 0 };
	uint64_t ticket;

	*why = "its clock makes no sense";
	if (!load_self(&part[PART_ENGINE], &ticket, &stats))
		return false;
	*why = "its alerts make no sense, or memory is out";
	if (e->rules != NULL && part[PART_ALERTS].p != NULL && !tsn_alerts_load(e->alerts, &part[PART_ALERTS], &r->alerts))
		return false;
	*why = "its state makes no sense, or memory is out";
	if (e->rules != NULL && part[PART_STATE].p != NULL &&
	    !tsn_engine_load_state(e->lane, e->nlanes, &part[PART_STATE], stats.last, &r->expressions)) {
		tsn_alerts_load(e->alerts, &none, NULL);
		return false;
	}
	if (!tsn_exporters_load(e->exporters, &part[PART_EXPORTERS]) || !tsn_decoder_load(e->decoder, &part[PART_DECODER]))
		tsn_log(e->o.log, TSN_LOG_WARN, "what exporters had told could not be restored: flows wait for their templates");
	else if (part[PART_NOTICES].p != NULL && !tsn_exporters_load_notices(e->exporters, &part[PART_NOTICES]))
		tsn_log(e->o.log, TSN_LOG_WARN, "when exporters' losses were noticed could not be restored: some alerts may say partial that are not");
	if (e->rules != NULL && part[PART_SETS].p != NULL && !tsn_dynamic_load(e->rules, &part[PART_SETS]))
		tsn_log(e->o.log, TSN_LOG_WARN, "what rules had added to sets could not be restored");
	if (part[PART_STEPS].p != NULL && !restore_steps(e, part[PART_STEPS]))
		tsn_log(e->o.log, TSN_LOG_WARN, "matches that were steps of sequences could not be restored");
	if (e->dedup != NULL && part[PART_DEDUP].p != NULL && !tsn_dedup_load(e->dedup, &part[PART_DEDUP]))
		tsn_log(e->o.log, TSN_LOG_WARN, "what dedup remembered could not be restored: some flows may count twice");
	if (e->pair != NULL && part[PART_TALKS].p != NULL && !restore_talks(e, &part[PART_TALKS]))
		tsn_log(e->o.log, TSN_LOG_WARN, "the conversations that were waiting could not be restored: their records are missing");
	e->ticket = ticket;
	e->stats = stats;
	tsn_engine_ticks_from_clock(e);
	if (e->rules != NULL) {
		tsn_engine_scatter_alerts(e);
		tsn_engine_tell_lanes(e, true);
		tsn_engine_look_at_lanes(e);
	}
	r->exporters = tsn_exporters_count(e->exporters) - 1;
	r->clock = stats.clock;
	return true;
}

bool
tsn_engine_restore(struct tsn_engine *e, struct tsn_unpack *in, struct tsn_restore_report *report, const char **why)
{
	struct tsn_unpack part[PARTS] = { { NULL, NULL, false } };

	return find_parts(in, part, why) && restore_parts(e, part, report, why);
}

uint64_t
tsn_engine_ticket(const struct tsn_engine *e)
{
	return e->stats.flows; /* e->ticket numbers conversations, too */
}
