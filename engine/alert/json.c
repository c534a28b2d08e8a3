/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One alert as one JSON object (LANGUAGE.md section 5): Suricata's EVE at the
 * top, ours under "tocsin". What is not known is left out. Numbers stay
 * numbers whatever they measure (durations and times in ms), so that a field has one type in
 * every index. What is the same for a rule comes from its frame.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/json.h"
#include "alert/sink.h"
#include "base/clock.h"
#include "base/digits.h"
#include "base/mem.h"

/* Writes `"name":` behind a comma, if something stands before it in its object. */
static inline void
name(struct tsn_buf *out, const char *s)
{
	const size_t n = strlen(s);
	char before = out->len > 0 ? out->p[out->len - 1] : '{', *p;

	if (!tsn_buf_reserve(out, n + 4))
		return;
	p = out->p + out->len;
	if (before != '{' && before != '[')
		*p++ = ',';
	*p++ = '"';
	memcpy(p, s, n);
	memcpy(p + n, "\":", 3);
	out->len = (size_t)(p + n + 2 - out->p);
}

static void
quote(struct tsn_buf *out, const char *s, size_t n)
{
	tsn_buf_putc(out, '"');
	tsn_buf_json(out, s, n);
	tsn_buf_putc(out, '"');
}

static void
put_text(struct tsn_buf *out, const char *field, const char *s)
{
	if (s == NULL)
		return;
	name(out, field);
	quote(out, s, strlen(s));
}

static void
put_str(struct tsn_buf *out, const char *field, struct tsn_str s)
{
	if (s.n == 0)
		return;
	name(out, field);
	quote(out, s.p, s.n);
}

static void
put_time(struct tsn_buf *out, const char *field, int64_t ms)
{
	char text[TSN_TIME_TEXT];

	if (ms != TSN_TIME_NONE)
		put_text(out, field, tsn_time_text(ms, text));
}

static void
put_int(struct tsn_buf *out, const char *field, uint64_t v)
{
	name(out, field);
	tsn_buf_int(out, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static void
put_value(struct tsn_buf *out, const char *field, const struct tsn_value *v)
{
	if (!v->known)
		return;
	name(out, field);
	tsn_value_json(v, out);
}

static unsigned
eve_severity(enum tsn_severity s)
{
	return s >= TSN_SEV_HIGH ? 1 : s == TSN_SEV_MEDIUM ? 2 : s == TSN_SEV_LOW ? 3 : 4;
}

static void
put_number(struct tsn_buf *out, const char *field, const struct tsn_alert_number *n)
{
	struct tsn_value v = { .type = n->real ? TSN_T_REAL : TSN_T_INT, .known = n->known };

	if (n->real && !isfinite(n->f))
		return;
	if (n->real)
		v.f = n->f;
	else
		v.i = n->i;
	put_value(out, field, &v);
}

static void
put_error(struct tsn_buf *out, double error)
{
	struct tsn_alert_number n = { true, true, 0, 0 };
	char text[32];

	snprintf(text, sizeof(text), "%.6g", error); /* it is known to no more digits: state keeps it as a float */
	n.f = strtod(text, NULL);
	put_number(out, "error", &n);
}

/* Notes [from, to) as the members of an object; equal names in a row are a list. */
static void
put_fields(struct tsn_buf *out, const struct tsn_note *v, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		bool again = i > from && strcmp(v[i].name, v[i - 1].name) == 0;
		bool more = i + 1 < to && strcmp(v[i].name, v[i + 1].name) == 0;

		if (again)
			tsn_buf_putc(out, ',');
		else
			name(out, v[i].name);
		if (more && !again)
			tsn_buf_putc(out, '[');
		tsn_value_json(&v[i].value, out);
		if (again && !more)
			tsn_buf_putc(out, ']');
	}
}

/* One group of notes: an object, a list of objects, or, if it has the name of its only note, that. */
static uint32_t
put_group(struct tsn_buf *out, const struct tsn_note *v, uint32_t from, uint32_t n)
{
	uint32_t to = from, end;

	while (to < n && strcmp(v[to].group, v[from].group) == 0)
		to++;
	if (strcmp(v[from].group, v[from].name) == 0 && v[from].item == TSN_NOTE_ALONE) {
		for (end = from; end < to && strcmp(v[end].name, v[from].name) == 0; end++)
			;
		if (end == to) {
			put_fields(out, v, from, to);
			return to;
		}
	}
	name(out, v[from].group);
	tsn_buf_puts(out, v[from].item == TSN_NOTE_ALONE ? "{" : "[{");
	for (uint32_t i = from; i < to; i = end) {
		for (end = i; end < to && v[end].item == v[i].item; end++)
			;
		if (i > from)
			tsn_buf_puts(out, ",{");
		put_fields(out, v, i, end);
		tsn_buf_putc(out, '}');
	}
	tsn_buf_puts(out, v[from].item == TSN_NOTE_ALONE ? "" : "]");
	return to;
}

/* An incident says itself who has part in it, and who began it. */
static bool
says_itself(const struct tsn_alert *al, const char *group)
{
	return al->members > 0 && (strcmp(group, "members") == 0 || strcmp(group, "patient_zero") == 0);
}

static void
put_notes(struct tsn_buf *out, const struct tsn_alert *al)
{
	for (uint32_t i = 0; i < al->nnotes;) {
		if (says_itself(al, al->note[i].group))
			i++;
		else
			i = put_group(out, al->note, i, al->nnotes);
	}
}

static void
put_addr(struct tsn_buf *out, const char *field, struct tsn_addr addr)
{
	struct tsn_value v = { .type = TSN_T_ADDR, .known = true, .addr = addr, .v4_bits = 32, .v6_bits = 128 };

	put_value(out, field, &v);
}

static void
put_member(struct tsn_buf *out, const struct tsn_alert *al, const struct tsn_alert_member *m)
{
	const struct tsn_key_spec *k = &al->rule->member;
	struct tsn_value v;

	tsn_buf_putc(out, '{');
	for (unsigned i = 0; i < k->n; i++) {
		tsn_key_decode(k, m->key, m->len, i, &v);
		put_value(out, tsn_fields[k->part[i].field].name, &v);
	}
	put_time(out, "since", m->since);
	if (m->infected)
		put_addr(out, "from", m->from);
	tsn_buf_putc(out, '}');
}

static void
put_members(struct tsn_buf *out, const struct tsn_alert *al)
{
	if (al->members == 0)
		return;
	name(out, "members");
	tsn_buf_putc(out, '{');
	put_int(out, "count", al->members);
	if (al->nmembers > 0)
		name(out, al->state == TSN_ALERT_CLOSE ? "first" : "new");
	for (uint32_t i = 0; i < al->nmembers; i++) {
		tsn_buf_putc(out, i == 0 ? '[' : ',');
		put_member(out, al, &al->member[i]);
	}
	tsn_buf_puts(out, al->nmembers > 0 ? "]}" : "}");
	if (al->has_zero)
		put_addr(out, "patient_zero", al->zero);
}

/* --- what each record has, straight into memory --- */

#define LITTLE 512 /* room for a few names, numbers, times and addresses */

/* The end of the text, behind which there is room for [n] bytes; NULL: there is none. */
static char *
begin(struct tsn_buf *out, size_t n)
{
	return tsn_buf_reserve(out, n) ? out->p + out->len : NULL;
}

static char *
put_piece(char *p, const struct tsn_alert_frame *f, unsigned piece)
{
	const struct tsn_str s = tsn_json_piece(f, piece);

	return (char *)memcpy(p, s.p, s.n) + s.n;
}

static char *
put_word(char *p, const char *s)
{
	while (*s != '\0')
		*p++ = *s++;
	return p;
}

static char *
put_named_time(char *p, struct tsn_str as, int64_t ms, struct tsn_minute *near)
{
	if (ms == TSN_TIME_NONE)
		return p;
	p = (char *)memcpy(p, as.p, as.n) + as.n;
	*p++ = '"';
	p = tsn_time_put(p, ms, near);
	*p++ = '"';
	return p;
}
#define PUT_TIME(p, as, ms, near) put_named_time(p, (struct tsn_str){ as, sizeof(as) - 1 }, ms, near)

/* Down to the key. */
static void
put_head(struct tsn_buf *out, const struct tsn_alert *al, const struct tsn_alert_frame *f, struct tsn_minute *near)
{
	char *p = begin(out, TSN_JSON_FLOW + LITTLE + f->end[TSN_JSON_TAGS]);

	if (p == NULL)
		return;
	*p++ = '{';
	p = PUT_TIME(p, "\"timestamp\":", al->time, near);
	*p = ',';
	p += al->time != TSN_TIME_NONE;
	p = TSN_PUT(p, "\"event_type\":\"alert\"");
	p = tsn_alert_json_eve(p, &al->last);
	p = put_piece(p, f, TSN_JSON_ALERT);
	*p++ = (char)('0' + eve_severity(al->severity));
	p = put_piece(p, f, TSN_JSON_TOCSIN);
	p = (char *)memcpy(p, al->id, strlen(al->id)) + strlen(al->id);
	p = put_piece(p, f, TSN_JSON_RULE);
	p = put_word(p, tsn_severity_name(al->severity));
	p = put_piece(p, f, TSN_JSON_TAGS);
	if (al->state != TSN_ALERT_EACH) {
		p = TSN_PUT(p, ",\"state\":\"");
		p = put_word(p, tsn_alert_state_name(al->state));
		*p++ = '"';
	}
	p = TSN_PUT(p, ",\"key\":{");
	tsn_buf_end(out, p);
}

static void
put_key(struct tsn_buf *out, const struct tsn_alert *al, const struct tsn_alert_frame *f)
{
	bool any = false;
	struct tsn_value v;

	for (unsigned i = 0; i < al->rule->key.n; i++) {
		const struct tsn_str as = tsn_json_piece(f, TSN_JSON_KEY + i);

		if (!tsn_alert_key(al, i, &v))
			continue;
		tsn_buf_add(out, as.p + !any, as.n - !any);
		tsn_value_json(&v, out);
		any = true;
	}
	tsn_buf_putc(out, '}');
}

/* How far its numbers can be trusted, and what they cover. */
static void
put_quality(struct tsn_buf *out, const struct tsn_alert *al)
{
	char *p = begin(out, LITTLE);

	if (p == NULL)
		return;
	p = TSN_PUT(p, ",\"quality\":\"");
	p = put_word(p, tsn_quality_name(al->quality));
	*p++ = '"';
	tsn_buf_end(out, p);
	if (al->error > 0)
		put_error(out, al->error);
}

static void
put_facts(struct tsn_buf *out, const struct tsn_alert *al, struct tsn_minute *near)
{
	char *p = begin(out, LITTLE);

	if (p == NULL)
		return;
	if (al->sampling > 0)
		p = tsn_put_u64(TSN_PUT(p, ",\"sampling\":"), al->sampling);
	if (al->window_start != TSN_TIME_NONE) {
		p = PUT_TIME(p, ",\"window\":{\"start\":", al->window_start, near);
		p = PUT_TIME(p, ",\"end\":", al->window_end, near);
		*p++ = '}';
	}
	p = PUT_TIME(p, ",\"first_seen\":", al->first_seen, near);
	p = PUT_TIME(p, ",\"last_seen\":", al->last_seen, near);
	if (al->flows > 0)
		p = tsn_put_u64(TSN_PUT(p, ",\"flows\":"), al->flows < INT64_MAX ? al->flows : INT64_MAX);
	tsn_buf_end(out, p);
}

static void
put_where(struct tsn_buf *out, const struct tsn_alert *al)
{
	const struct tsn_str name[TSN_JSON_SEEN] = { al->exporter_name, al->in_if_name, al->out_if_name };
	static const char *const as[TSN_JSON_SEEN] = { "exporter_name", "in_if_name", "out_if_name" };

	for (unsigned i = 0; i < TSN_JSON_SEEN; i++) {
		char *p = begin(out, TSN_JSON_FLOW);

		if (p == NULL)
			return;
		tsn_buf_end(out, tsn_alert_json_seen(p, &al->last, i));
		put_str(out, as[i], name[i]);
	}
}

static void
put_samples(struct tsn_buf *out, const struct tsn_alert *al, struct tsn_minute *near)
{
	char *p = al->nsamples > 0 ? begin(out, LITTLE + al->nsamples * TSN_JSON_FLOW) : NULL;

	if (p == NULL)
		return;
	p = TSN_PUT(p, ",\"samples\":");
	for (uint32_t i = 0; i < al->nsamples; i++) {
		*p++ = i == 0 ? '[' : ',';
		p = tsn_alert_json_flow(p, &al->sample[i], near);
	}
	*p++ = ']';
	tsn_buf_end(out, p);
}

static void
put_record(struct tsn_buf *out, const struct tsn_alert *al, const struct tsn_alert_frame *f)
{
	struct tsn_minute near = TSN_MINUTE;
	const struct tsn_str references = tsn_json_piece(f, TSN_JSON_REFERENCES);

	put_head(out, al, f, &near);
	put_key(out, al, f);
	put_number(out, "value", &al->value);
	put_number(out, "threshold", &al->threshold);
	put_quality(out, al);
	put_facts(out, al, &near);
	put_where(out, al);
	put_text(out, "message", al->message);
	put_notes(out, al);
	put_members(out, al);
	tsn_buf_add(out, references.p, references.n);
	put_samples(out, al, &near);
	tsn_buf_puts(out, "}}");
}

void
tsn_alert_json(const struct tsn_alert *al, struct tsn_buf *out)
{
	struct tsn_alert_frame *own = al->frame == NULL ? tsn_alert_frame_new(al->rule, al->sid) : NULL;
	const struct tsn_alert_frame *f = own != NULL ? own : al->frame;

	if (f != NULL)
		put_record(out, al, f);
	else
		out->failed = true;
	tsn_free(own);
}
