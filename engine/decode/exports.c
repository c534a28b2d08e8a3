/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/exports.h"

#include "base/mem.h"
#include "decode/held.h"
#include "decode/options.h"
#include "decode/wire.h"

/*
 * The headers, and what follows them to the end: sets of a 16-bit id and length (with these four bytes).
 *
 * v9     0 version  2 count  4 sysUptime  8 unix seconds  12 sequence of datagrams  16 Source ID
 * IPFIX  0 version  2 length  4 export time  8 sequence of Data Records  12 Observation Domain
 *
 * Sets of templates and of options templates are 0 and 1 in v9, 2 and 3 in IPFIX; 256 and up is data.
 */
#define V9_HEADER    20u
#define IPFIX_HEADER 16u
#define PADDING      7u /* RFC 7011 section 3.3.1: to 4 or 8 bytes; what is in it is not looked at */

struct tsn_exports {
	struct tsn_exporters *exporters;
	struct tsn_sequences *sequences;
	struct tsn_templates *templates;
	struct tsn_held *held;
	struct tsn_layout layout;
	uint32_t at[TSN_TEMPLATE_FIELDS];
	uint16_t len[TSN_TEMPLATE_FIELDS];
};

/* One message (or one held set) on its way. */
struct walk {
	struct tsn_exports *e;
	const struct tsn_want *want;
	struct tsn_batch_sink *sink;
	struct tsn_exporter *x;
	struct tsn_domain *domain; /* NULL: nothing is known of it */
	struct tsn_head head;
	uint32_t records, options; /* of data, options among them; these alone */
	bool unsure;               /* there were more, nobody knows how many */
	bool damaged, stopped;
};

struct tsn_exports *
tsn_exports_new(struct tsn_exporters *exporters, struct tsn_sequences *sequences)
{
	struct tsn_exports *e = tsn_malloc(sizeof(*e));

	if (e == NULL)
		return NULL;
	e->exporters = exporters;
	e->sequences = sequences;
	e->templates = tsn_templates_new();
	e->held = tsn_held_new(exporters);
	if (e->templates == NULL || e->held == NULL) {
		tsn_exports_free(e);
		return NULL;
	}
	return e;
}

void
tsn_exports_free(struct tsn_exports *e)
{
	if (e != NULL) {
		tsn_templates_free(e->templates);
		tsn_held_free(e->held);
	}
	tsn_free(e);
}

void
tsn_exports_finish(struct tsn_exports *e)
{
	tsn_held_drop_all(e->held);
}

void
tsn_exports_session_ended(struct tsn_exports *e, const struct tsn_sender *from)
{
	uint32_t source = tsn_exporters_find(e->exporters, from->exporter);

	tsn_templates_end_session(e->templates, source, from);
	tsn_held_drop_session(e->held, source, from);
}

static struct tsn_scope
scope_of(const struct tsn_head *h)
{
	return (struct tsn_scope){ h->from.exporter, h->source, h->from.session, h->domain, h->version };
}

static void
count(struct walk *w, enum tsn_exporter_counter c, uint64_t n)
{
	w->x->counter[c] += n;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	bool zero = true;

	for (size_t i = 0; i < n && zero; i++)
		zero = p[i] == 0;
	return zero;
}

/* What is left behind the last whole record of a set: padding, or a record that was cut. */
static void
judge_rest(struct walk *w, const uint8_t *p, size_t n)
{
	if (n <= PADDING || is_zero(p, n))
		return;
	count(w, TSN_XC_BAD_RECORD, 1);
	w->damaged = true;
}

static struct tsn_batch *
room(struct walk *w)
{
	struct tsn_batch *b = w->sink->room(w->sink->arg);

	w->stopped |= b == NULL;
	return b;
}

static void
run(struct walk *w, struct tsn_plan *plan, int way, struct tsn_batch *b, const struct tsn_records *r)
{
	struct tsn_lists lists = { w->e->templates, &w->domain };

	count(w, TSN_XC_CLOCK, tsn_plan_run(plan, way, b, &w->head, r, &lists));
	count(w, TSN_XC_FLOWS, r->n);
}

/* A record whose rows are made one at a time: of variable length, or of two directions. */
static void
run_one(struct walk *w, struct tsn_plan *plan, const struct tsn_records *r)
{
	struct tsn_batch *b = room(w);

	if (b == NULL)
		return;
	run(w, plan, 0, b, r);
	if (!tsn_plan_has_reverse(plan, r))
		return;
	b = room(w);
	if (b != NULL)
		run(w, plan, 1, b, r);
}

static void
fixed_flows(struct walk *w, const struct tsn_template *t, struct tsn_plan *plan, const uint8_t *p, size_t n)
{
	uint32_t left = (uint32_t)(n / t->min_len);

	w->records += left;
	while (left > 0 && !w->stopped) {
		struct tsn_records r = { .p = p, .n = 1, .stride = t->min_len };
		struct tsn_batch *b;

		if (plan->reverse) {
			run_one(w, plan, &r);
		} else if ((b = room(w)) != NULL) {
			r.n = left < b->cap - b->n ? left : b->cap - b->n;
			run(w, plan, 0, b, &r);
		}
		left -= r.n;
		p += (size_t)r.n * t->min_len;
	}
	if (!w->stopped)
		judge_rest(w, p, n % t->min_len);
}

/* Flows of variable length, and options of any. */
static void
walked_records(struct walk *w, const struct tsn_template *t, struct tsn_plan *plan, const uint8_t *p, size_t n)
{
	struct tsn_exports *e = w->e;

	while (n >= t->min_len && !w->stopped) {
		size_t used = tsn_record_walk(t, p, n, e->at, e->len);
		struct tsn_records r = { p, 1, 0, e->at, e->len };

		if (used == 0)
			break;
		w->records++;
		w->options += plan == NULL;
		if (plan == NULL)
			tsn_options_take(
			    t, w->domain, tsn_templates_budget(e->templates, w->head.source), p, e->at, e->len, w->x);
		else if (!plan->flows)
			count(w, TSN_XC_NOT_FLOWS, 1);
		else
			run_one(w, plan, &r);
		p += used;
		n -= used;
	}
	if (!w->stopped)
		judge_rest(w, p, n);
}

static struct tsn_plan *
plan_of(struct walk *w, struct tsn_template *t)
{
	if (t->plan == NULL || t->plan->generation != w->want->generation) {
		tsn_plan_free(t->plan);
		t->plan = tsn_plan_make(t, w->want);
	}
	return t->plan;
}

static void
data_set(struct walk *w, uint16_t id, const uint8_t *p, size_t n)
{
	struct tsn_template *t =
	    tsn_templates_find(w->e->templates, &w->domain, w->head.from.session, id, w->head.received);
	struct tsn_plan *plan = NULL;

	if (n == 0)
		return;
	if (t == NULL) {
		tsn_held_add(w->e->held, &w->head, id, p, n);
		w->unsure = true;
		return;
	}
	if (!t->options && (plan = plan_of(w, t)) == NULL) { /* out of memory */
		count(w, TSN_XC_BAD_RECORD, 1);
		w->unsure = true;
		return;
	}
	if (plan == NULL || t->variable) {
		walked_records(w, t, plan, p, n);
	} else if (!plan->flows) {
		count(w, TSN_XC_NOT_FLOWS, n / t->min_len);
		w->records += (uint32_t)(n / t->min_len);
		judge_rest(w, p + n - n % t->min_len, n % t->min_len);
	} else {
		fixed_flows(w, t, plan, p, n);
	}
}

/* What waited for template [id], with the header it came under. */
static void
release(struct walk *w, uint16_t id)
{
	struct tsn_held_set *s;

	while (!w->stopped && (s = tsn_held_take(w->e->held, &w->head, id)) != NULL) {
		struct tsn_scope scope = scope_of(&s->head);
		struct walk then = { .e = w->e, .want = w->want, .sink = w->sink, .x = w->x, .head = s->head };

		then.domain = tsn_templates_domain(w->e->templates, &scope);
		count(w, TSN_XC_HELD, 1);
		tsn_sink_clock(w->sink, s->head.received); /* less than it is now, and that is to be known of such rows */
		data_set(&then, s->id, s->bytes, s->len);
		w->damaged |= then.damaged;
		w->stopped |= then.stopped;
		tsn_free(s);
	}
}

static void
learn(struct walk *w, const struct tsn_layout *l)
{
	struct tsn_scope scope = scope_of(&w->head);
	enum tsn_learned how = tsn_templates_learn(w->e->templates, &scope, l, w->head.received);

	w->domain = tsn_templates_domain(w->e->templates, &scope);
	switch (how) {
	case TSN_LEARNED_SAME: return;
	case TSN_LEARNED_NEW: count(w, TSN_XC_TEMPLATES, 1); break;
	case TSN_LEARNED_CHANGED: count(w, TSN_XC_TEMPLATE_CHANGES, 1); break;
	case TSN_LEARNED_REFUSED: count(w, TSN_XC_TEMPLATES_REFUSED, 1); return;
	}
	release(w, l->id);
}

static void
withdraw(struct walk *w, uint16_t id)
{
	struct tsn_scope scope = scope_of(&w->head);

	tsn_templates_withdraw(w->e->templates, &scope, id);
	w->domain = tsn_templates_domain(w->e->templates, &scope);
}

static void
template_set(struct walk *w, bool options, const uint8_t *p, size_t n)
{
	while (n >= 4 && !w->stopped && (n > PADDING || !is_zero(p, n))) {
		size_t used;
		enum tsn_read how = tsn_layout_read(p, n, w->head.version, options, &w->e->layout, &used);

		if (how == TSN_READ_BAD || how == TSN_READ_CUT) {
			count(w, TSN_XC_BAD_TEMPLATE, 1);
			w->damaged = true;
		}
		if (how == TSN_READ_CUT)
			return;
		if (how == TSN_READ_OK)
			learn(w, &w->e->layout);
		else if (how == TSN_READ_WITHDRAWN && w->e->layout.id >= 2)
			withdraw(w, w->e->layout.id);
		p += used;
		n -= used;
	}
}

static void
one_set(struct walk *w, uint16_t id, const uint8_t *p, size_t n)
{
	uint16_t templates = w->head.version == 9 ? 0 : 2;

	if (id >= 256) {
		data_set(w, id, p, n);
	} else if (id == templates || id == templates + 1) {
		template_set(w, id != templates, p, n);
	} else { /* reserved: RFC 7011 section 3.3.2 */
		count(w, TSN_XC_BAD_SET, 1);
		w->damaged = true;
	}
}

static void
all_sets(struct walk *w, const uint8_t *p, size_t n)
{
	while (n >= 4 && !w->stopped) {
		uint16_t id = tsn_wire_u16(p);
		size_t size = tsn_wire_u16(p + 2);

		if (size < 4 || size > n) {
			count(w, TSN_XC_BAD_SET, 1);
			w->damaged = w->unsure = true;
			if (size < 4)
				return;
			size = n; /* the message was cut: whole records stand */
		}
		one_set(w, id, p + 4, size - 4);
		p += size;
		n -= size;
	}
}

/* How many bytes of the message to read; 0: it has no header. */
static size_t
whole_length(struct walk *w, const struct tsn_message *m)
{
	size_t header = w->head.version == 9 ? V9_HEADER : IPFIX_HEADER, said = m->len;

	if (m->len >= header && w->head.version == 10)
		said = tsn_wire_u16(m->p + 2);
	if (m->len < header || said < header || said > m->len) {
		count(w, TSN_XC_SHORT, 1);
		w->damaged = w->unsure = true;
		return m->len < header || said < header ? 0 : m->len;
	}
	if (said < m->len) {
		count(w, TSN_XC_TRAILING, 1);
		w->damaged = true;
	}
	return said;
}

static void
read_header(struct walk *w, const struct tsn_message *m)
{
	bool v9 = w->head.version == 9;

	w->head.uptime = v9 ? tsn_wire_u32(m->p + 4) : 0;
	w->head.exported = (int64_t)tsn_wire_u32(m->p + (v9 ? 8 : 4)) * 1000;
	w->head.domain = tsn_wire_u32(m->p + (v9 ? 16 : 12));
	m->x->skew = m->received - w->head.exported;
}

/* v9 numbers datagrams; IPFIX the Data Records of a session and domain before this message (RFC 7011 section 3.1). */
static void
see_sequence(struct walk *w, const struct tsn_message *m)
{
	bool v9 = w->head.version == 9;
	struct tsn_stream_key key = { m->from.exporter, w->head.version, m->from.session, w->head.domain };
	struct tsn_numbered n = { .seq = tsn_wire_u32(m->p + (v9 ? 12 : 8)), .count = w->records, .options = w->options,
		.time = v9 ? w->head.uptime : (uint32_t)w->head.exported, .datagrams = v9, .unsure = w->unsure || w->stopped };

	tsn_sequences_see_numbered(w->e->sequences, &key, &n, m->x);
}

enum tsn_decode
tsn_exports_decode(
    struct tsn_exports *e, const struct tsn_message *m, const struct tsn_want *want, struct tsn_batch_sink *sink)
{
	struct walk w = { .e = e, .want = want, .sink = sink, .x = m->x };
	size_t header, n;
	struct tsn_scope scope;

	w.head = (struct tsn_head){ .from = m->from, .source = m->source, .received = m->received,
		.version = tsn_wire_u16(m->p) };
	header = w.head.version == 9 ? V9_HEADER : IPFIX_HEADER;
	n = whole_length(&w, m);
	if (n == 0)
		return TSN_DECODE_DAMAGED;
	read_header(&w, m);
	scope = scope_of(&w.head);
	w.domain = tsn_templates_domain(e->templates, &scope);
	all_sets(&w, m->p + header, n - header);
	see_sequence(&w, m);
	return w.stopped ? TSN_DECODE_STOPPED : w.damaged ? TSN_DECODE_DAMAGED : TSN_DECODE_OK;
}

struct tsn_templates *
tsn_exports_templates(struct tsn_exports *e)
{
	return e->templates;
}
