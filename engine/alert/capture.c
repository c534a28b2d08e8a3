/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/stage.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
#define FIELD(sym, type, name) BIT_##sym,
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
};

typedef struct tsn_addr addr; /* as the list of fields calls it */

static void
take_addr(const struct tsn_batch *b, uint32_t row, enum tsn_field f, addr *out)
{
	*out = tsn_batch_addr(b, row, f);
}

/* One function for each column type of the list. */
#define TAKE(type) \
	static void \
	take_##type(const struct tsn_batch *b, uint32_t row, enum tsn_field f, type *out) \
	{ \
		*out = ((const type *)b->col[f])[row]; \
	}
TAKE(uint8_t)
TAKE(uint16_t)
TAKE(uint32_t)
TAKE(uint64_t)
TAKE(int64_t)
#undef TAKE

/* In a closing window a masked key stands in its field; it is no flow's address. */
static void
forget_masked(const struct tsn_rule *r, struct tsn_shown *out)
{
	for (unsigned i = 0; i < r->key.n; i++) {
		if (r->key.part[i].v4_bits >= 32 && r->key.part[i].v6_bits >= 128)
			continue;
		if (r->key.part[i].field == TSN_F_SRC)
			out->present &= ~(1u << BIT_SRC);
		if (r->key.part[i].field == TSN_F_DST)
			out->present &= ~(1u << BIT_DST);
		if (r->key.part[i].field == TSN_F_EXPORTER)
			out->present &= ~(1u << BIT_EXPORTER);
	}
}

/* What is there of the row, as its columns say it. */
static void
take_columns(const struct tsn_batch *b, uint32_t row, struct tsn_shown *out)
{
#define FIELD(sym, type, name) \
	if (tsn_mask_has(&b->present[TSN_F_##sym], row)) { \
		out->present |= 1u << BIT_##sym; \
		take_##type(b, row, TSN_F_##sym, &out->name); \
	}
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
}

/* Its record was read; what else stands there is not the row's. */
static void
keep_present(const struct tsn_batch *b, uint32_t row, struct tsn_shown *out)
{
	out->present = 0;
#define FIELD(sym, type, name) \
	if (tsn_mask_has(&b->present[TSN_F_##sym], row)) \
		out->present |= 1u << BIT_##sym; \
	else \
		out->name = (type){ 0 };
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
}

/* The record is gone, and with it what is not in columns. */
static void
take_early(const struct tsn_batch *b, uint32_t row, struct tsn_shown *out)
{
#define FIELD(sym, type, name) \
	if (tsn_mask_has(&b->present[TSN_F_##sym], row) && tsn_field_set_has(&b->early, TSN_F_##sym)) { \
		out->present |= 1u << BIT_##sym; \
		take_##type(b, row, TSN_F_##sym, &out->name); \
	}
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
}

void
tsn_alert_capture_flow(const struct tsn_rule *r, const struct tsn_batch *b, uint32_t row, struct tsn_shown *out)
{
	const enum tsn_late_state late = b->late.n > 0 ? tsn_late_read(&b->late, row, out) : TSN_LATE_NOT;

	if (late == TSN_LATE_READ) {
		keep_present(b, row, out);
		return;
	}
	memset(out, 0, sizeof(*out));
	if (late == TSN_LATE_GONE)
		take_early(b, row, out);
	else
		take_columns(b, row, out);
	if (b->kind == TSN_BATCH_TICK)
		forget_masked(r, out);
}

static void
give_addr(struct tsn_value *v, addr from)
{
	v->addr = from;
	v->v4_bits = 32;
	v->v6_bits = 128;
}

#define GIVE(type) \
	static void \
	give_##type(struct tsn_value *v, type from) \
	{ \
		v->i = (int64_t)from; \
	}
GIVE(uint8_t)
GIVE(uint16_t)
GIVE(uint32_t)
GIVE(uint64_t)
GIVE(int64_t)
#undef GIVE

bool
tsn_alert_flow_get(const struct tsn_shown *fl, enum tsn_field f, struct tsn_value *out)
{
	memset(out, 0, sizeof(*out));
	out->type = tsn_fields[f].type;
	switch (f) {
#define FIELD(sym, type, name) \
	case TSN_F_##sym: \
		out->known = fl->present >> BIT_##sym & 1; \
		give_##type(out, fl->name); \
		return out->known;
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
	default:
		return false;
	}
}

static const uint16_t fixed[TSN_SAVED_FIXED] = {
	[TSN_SAVED_EXPORTER_NAME] = TSN_F_EXPORTER_NAME,
	[TSN_SAVED_IN_IF_NAME] = TSN_F_IN_IF_NAME,
	[TSN_SAVED_OUT_IF_NAME] = TSN_F_OUT_IF_NAME,
};

void
tsn_alert_needs(struct tsn_field_set *s)
{
#define FIELD(sym, type, name) tsn_field_set_add(s, TSN_F_##sym);
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
	tsn_alert_needs_early(s);
}

void
tsn_alert_needs_early(struct tsn_field_set *s)
{
	for (int i = 0; i < TSN_SAVED_FIXED; i++)
		tsn_field_set_add(s, (enum tsn_field)fixed[i]);
}

/* One place a piece, used or not: piece [i] has place TSN_SAVED_FIXED + i. */
uint32_t
tsn_alert_planned(const struct tsn_rule *r)
{
	return TSN_SAVED_FIXED + r->nmessage;
}

void
tsn_alert_capture_plan(struct tsn_alert_rule *r, struct tsn_save_plan *room)
{
	const uint32_t n = TSN_SAVED_FIXED;

	r->nsaved = tsn_alert_planned(r->rule);
	r->plan = room;
	for (uint32_t i = 0; i < n; i++)
		r->plan[i].what = fixed[i];
	for (uint32_t i = 0; i < r->rule->nmessage; i++) {
		const struct tsn_piece *p = &r->rule->message[i];
		struct tsn_save_plan *plan = &r->plan[n + i];

		plan->reg = p->kind == TSN_PIECE_REG;
		if (plan->reg)
			plan->what = p->reg;
		else if (p->kind == TSN_PIECE_FIELD || p->kind == TSN_PIECE_SET_COLUMN)
			plan->what = p->field;
		else
			plan->what = TSN_FIELD_COUNT;
	}
}

/* Keeps a copy of the string; without memory the value is unknown. */
static void
own_string(struct tsn_saved *s)
{
	char *p;

	if (s->v.s.n > s->cap) {
		p = tsn_realloc(s->own, s->v.s.n);
		if (p == NULL) {
			s->v.known = false;
			return;
		}
		s->own = p;
		s->cap = s->v.s.n;
	}
	if (s->v.s.n > 0)
		memcpy(s->own, s->v.s.p, s->v.s.n);
	s->v.s.p = s->own;
}

static void
save_field(const struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_saved *s)
{
	if (!tsn_mask_has(&b->present[f], row)) {
		s->v.known = false;
		return;
	}
	tsn_batch_get(b, row, f, &s->v);
	if (tsn_fields[f].storage == TSN_STR)
		own_string(s);
}

static void
read_number(const struct tsn_alert_reads *reads, uint32_t export, uint32_t row, struct tsn_alert_number *n)
{
	*n = (struct tsn_alert_number){ 0 };
	if (export != TSN_REG_NONE)
		n->known = reads->value(reads->arg, export, row, &n->i, &n->f, &n->real);
}

static void
save_reg(const struct tsn_alert_reads *reads, uint32_t export, uint32_t row, struct tsn_saved *s)
{
	struct tsn_alert_number n;

	read_number(reads, export, row, &n);
	memset(&s->v, 0, sizeof(s->v));
	s->v.known = n.known;
	s->v.type = n.real ? TSN_T_REAL : TSN_T_INT;
	if (n.real)
		s->v.f = n.f;
	else
		s->v.i = n.i;
}

static bool
has_names(const struct tsn_batch *b, uint32_t row)
{
	bool some = false;

	for (int i = 0; i < TSN_SAVED_FIXED; i++)
		some = some || tsn_mask_has(&b->present[fixed[i]], row);
	return some;
}

/* Names that are not there, and were not, are not looked at. */
static void
save(struct tsn_alerts *a, const struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	const bool named = has_names(a->batch, row);

	if (!tsn_alert_entry_details(e, r->nsaved))
		return; /* a message with dashes is better than no alert */
	for (uint32_t i = named || e->d->named ? 0 : TSN_SAVED_FIXED; i < r->nsaved; i++) {
		if (r->plan[i].reg)
			save_reg(a->reads, r->plan[i].what, row, &e->d->saved[i]);
		else if (r->plan[i].what < TSN_FIELD_COUNT)
			save_field(a->batch, row, (enum tsn_field)r->plan[i].what, &e->d->saved[i]);
	}
	e->d->named = named;
}

/* S12: the first comparison, left to right, that is true of the row. */
static const struct tsn_report *
true_report(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row)
{
	for (uint32_t i = 0; i < r->nreports; i++)
		if (a->reads->holds(a->reads->arg, r->report[i].holds, row))
			return &r->report[i];
	return NULL;
}

static void
take_value(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_details *d, uint32_t row)
{
	const struct tsn_report *rep = true_report(a, r->rule, row);

	d->value = d->threshold = (struct tsn_alert_number){ 0 };
	d->counted = 0;
	if (rep != NULL) {
		d->type = rep->type;
		d->rel = rep->rel;
		read_number(a->reads, rep->value, row, &d->value);
		if (rep->counts && d->value.known && !d->value.real)
			d->counted = (uint64_t)d->value.i;
		read_number(a->reads, rep->threshold, row, &d->threshold);
	}
	tsn_alert_judge(a, r, rep, row, d);
}

static void
take_flow(struct tsn_alerts *a, const struct tsn_alert_rule *r, uint32_t row, struct tsn_shown *out)
{
	tsn_alert_capture_flow(r->rule, a->batch, row, out);
	a->shown++;
}

uint64_t
tsn_alerts_shown(const struct tsn_alerts *a)
{
	return a->shown;
}

/* The row was counted just before. */
void
tsn_alert_capture(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	if (e->sampled)
		e->d->last = e->d->sample[e->d->nsamples - 1];
	else
		take_flow(a, r, row, &e->d->last);
	take_value(a, r, e->d, row);
	save(a, r, e, row);
}

void
tsn_alert_capture_value(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	take_value(a, r, e->d, row);
	for (uint32_t i = 0; i < e->d->nsaved; i++)
		if (r->plan[i].reg)
			save_reg(a->reads, r->plan[i].what, row, &e->d->saved[i]);
}

/* Most alerts never see a second flow, or see many. */
static bool
more_samples(struct tsn_alert_details *d)
{
	const uint32_t room = d->sample_room == 0 ? 1 : TSN_ALERT_SAMPLES;
	struct tsn_shown *sample = tsn_reallocarray(d->sample, room, sizeof(*sample));

	if (sample == NULL)
		return false;
	d->sample = sample;
	d->sample_room = room;
	return true;
}

bool
tsn_alert_capture_sample(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	struct tsn_alert_details *d = e->d;

	if (d->nsamples >= TSN_ALERT_SAMPLES) /* whatever a snapshot says of its flows */
		return false;
	if (d->nsamples == d->sample_room && !more_samples(d))
		return false;
	take_flow(a, r, row, &d->sample[d->nsamples++]);
	return true;
}
