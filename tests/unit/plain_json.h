/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A record as JSON in the simplest way, field by field and each by the
 * function that writes any value: what alert/json.c has to be the same as.
 */
#ifndef TESTS_PLAIN_JSON_H
#define TESTS_PLAIN_JSON_H

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/sink.h"
#include "base/clock.h"

/* Writes `"name":` behind a comma, if something stands before it in its object. Every third piece of a record is one. */
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

static inline void
quote(struct tsn_buf *out, const char *s, size_t n)
{
	tsn_buf_putc(out, '"');
	tsn_buf_json(out, s, n);
	tsn_buf_putc(out, '"');
}

static inline void
put_text(struct tsn_buf *out, const char *field, const char *s)
{
	if (s == NULL)
		return;
	name(out, field);
	quote(out, s, strlen(s));
}

static inline void
put_str(struct tsn_buf *out, const char *field, struct tsn_str s)
{
	if (s.n == 0)
		return;
	name(out, field);
	quote(out, s.p, s.n);
}

static inline void
put_time(struct tsn_buf *out, const char *field, int64_t ms)
{
	char text[TSN_TIME_TEXT];

	if (ms != TSN_TIME_NONE)
		put_text(out, field, tsn_time_text(ms, text));
}

static inline void
put_int(struct tsn_buf *out, const char *field, uint64_t v)
{
	name(out, field);
	tsn_buf_int(out, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static inline void
put_value(struct tsn_buf *out, const char *field, const struct tsn_value *v)
{
	if (!v->known)
		return;
	name(out, field);
	tsn_value_json(v, out);
}

static inline void
put_field(struct tsn_buf *out, const struct tsn_shown *fl, const char *as, enum tsn_field f)
{
	struct tsn_value v;

	if (tsn_alert_flow_get(fl, f, &v))
		put_value(out, as, &v);
}

/* As Suricata writes them: "TCP", "IPv6-ICMP"; the number where there is no name. */
static inline void
put_proto(struct tsn_buf *out, const struct tsn_shown *fl)
{
	const char *proto = tsn_proto_name(fl->proto);
	struct tsn_value v;

	if (!tsn_alert_flow_get(fl, TSN_F_PROTO, &v))
		return;
	name(out, "proto");
	tsn_buf_putc(out, '"');
	if (fl->proto == 58)
		tsn_buf_puts(out, "IPv6-ICMP");
	else if (proto == NULL)
		tsn_buf_printf(out, "%u", fl->proto);
	for (; fl->proto != 58 && proto != NULL && *proto != '\0'; proto++)
		tsn_buf_putc(out, (char)toupper((unsigned char)*proto));
	tsn_buf_putc(out, '"');
}

static inline void
put_list(struct tsn_buf *out, const char *field, const struct tsn_string_list *l)
{
	if (l->n == 0)
		return;
	name(out, field);
	for (uint32_t i = 0; i < l->n; i++) {
		tsn_buf_putc(out, i == 0 ? '[' : ',');
		quote(out, l->v[i], strlen(l->v[i]));
	}
	tsn_buf_putc(out, ']');
}

static inline unsigned
eve_severity(enum tsn_severity s)
{
	return s >= TSN_SEV_HIGH ? 1 : s == TSN_SEV_MEDIUM ? 2 : s == TSN_SEV_LOW ? 3 : 4;
}

static inline void
put_signature(struct tsn_buf *out, const struct tsn_alert *al)
{
	const struct tsn_rule *r = al->rule;

	name(out, "alert");
	tsn_buf_puts(out, "{\"action\":\"allowed\"");
	put_int(out, "signature_id", al->sid);
	put_int(out, "rev", r->rev > 0 ? r->rev : 1);
	put_text(out, "signature", r->title != NULL ? r->title : r->name);
	put_text(out, "category", r->ruleset);
	put_int(out, "severity", eve_severity(al->severity));
	if (r->attack.n > 0 || r->cve.n > 0) {
		name(out, "metadata");
		tsn_buf_putc(out, '{');
		put_list(out, "mitre_technique_id", &r->attack);
		put_list(out, "cve", &r->cve);
		tsn_buf_putc(out, '}');
	}
	tsn_buf_putc(out, '}');
}

static inline void
put_eve(struct tsn_buf *out, const struct tsn_alert *al)
{
	put_time(out, "timestamp", al->time);
	put_text(out, "event_type", "alert");
	put_field(out, &al->last, "src_ip", TSN_F_SRC);
	put_field(out, &al->last, "src_port", TSN_F_SRC_PORT);
	put_field(out, &al->last, "dest_ip", TSN_F_DST);
	put_field(out, &al->last, "dest_port", TSN_F_DST_PORT);
	put_proto(out, &al->last);
	put_field(out, &al->last, "icmp_type", TSN_F_ICMP_TYPE);
	put_field(out, &al->last, "icmp_code", TSN_F_ICMP_CODE);
	put_signature(out, al);
}

static inline void
put_ruleset(struct tsn_buf *out, const struct tsn_rule *r)
{
	if (r->ruleset == NULL)
		return;
	name(out, "ruleset");
	tsn_buf_putc(out, '"');
	tsn_buf_json(out, r->ruleset, strlen(r->ruleset));
	if (r->version != NULL) {
		tsn_buf_putc(out, ' ');
		tsn_buf_json(out, r->version, strlen(r->version));
	}
	tsn_buf_putc(out, '"');
}

/* The field's name; with its mask where the field is in the key before. */
static inline void
name_part(struct tsn_buf *out, const struct tsn_rule *r, unsigned i)
{
	const struct tsn_key_spec *k = &r->key;
	const char *field = tsn_rule_key_name(r, i);
	char text[64];

	for (unsigned j = 0; j < i; j++) {
		if (k->part[j].field != k->part[i].field)
			continue;
		snprintf(text, sizeof(text), "%s/%u/%u", field, k->part[i].v4_bits, k->part[i].v6_bits);
		name(out, text);
		return;
	}
	name(out, field);
}

static inline void
put_key(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_value v;

	name(out, "key");
	tsn_buf_putc(out, '{');
	for (unsigned i = 0; i < al->rule->key.n; i++) {
		if (!tsn_alert_key(al, i, &v))
			continue;
		name_part(out, al->rule, i);
		tsn_value_json(&v, out);
	}
	tsn_buf_putc(out, '}');
}

static inline void
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

static inline void
put_numbers(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_alert_number error = { al->error > 0, true, 0, 0 };
	char text[32];

	if (error.known) {
		snprintf(text, sizeof(text), "%.6g", al->error); /* it is known to no more digits: state keeps it as a float */
		error.f = strtod(text, NULL);
	}
	put_number(out, "value", &al->value);
	put_number(out, "threshold", &al->threshold);
	put_text(out, "quality", tsn_quality_name(al->quality));
	put_number(out, "error", &error);
	if (al->sampling > 0)
		put_int(out, "sampling", al->sampling);
	if (al->window_start != TSN_TIME_NONE) {
		name(out, "window");
		tsn_buf_putc(out, '{');
		put_time(out, "start", al->window_start);
		put_time(out, "end", al->window_end);
		tsn_buf_putc(out, '}');
	}
}

static inline void
put_sample(struct tsn_buf *out, const struct tsn_shown *fl)
{
	tsn_buf_putc(out, '{');
#define FIELD(sym, type, field) \
	if (TSN_F_##sym != TSN_F_EXPORTER) \
		put_field(out, fl, tsn_fields[TSN_F_##sym].name, TSN_F_##sym);
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
	tsn_buf_putc(out, '}');
}

static inline void
put_samples(struct tsn_buf *out, const struct tsn_alert *al)
{
	if (al->nsamples == 0)
		return;
	name(out, "samples");
	for (uint32_t i = 0; i < al->nsamples; i++) {
		tsn_buf_putc(out, i == 0 ? '[' : ',');
		put_sample(out, &al->sample[i]);
	}
	tsn_buf_putc(out, ']');
}

static inline void
put_where(struct tsn_buf *out, const struct tsn_alert *al)
{
	put_field(out, &al->last, "exporter", TSN_F_EXPORTER);
	put_str(out, "exporter_name", al->exporter_name);
	put_field(out, &al->last, "in_if", TSN_F_IN_IF);
	put_str(out, "in_if_name", al->in_if_name);
	put_field(out, &al->last, "out_if", TSN_F_OUT_IF);
	put_str(out, "out_if_name", al->out_if_name);
}

/* Two notes that follow one another, or NULL at an end: of one group, of one item of it, of one list. */
static inline bool
one_group(const struct tsn_note *a, const struct tsn_note *b)
{
	return a != NULL && b != NULL && strcmp(a->group, b->group) == 0;
}

static inline bool
one_item(const struct tsn_note *a, const struct tsn_note *b)
{
	return one_group(a, b) && a->item == b->item;
}

static inline bool
one_list(const struct tsn_note *a, const struct tsn_note *b)
{
	return one_item(a, b) && strcmp(a->name, b->name) == 0;
}

/* Is the group of the note nothing but what has its name? */
static inline bool
is_bare(const struct tsn_alert *al, const struct tsn_note *n)
{
	if (n->item != TSN_NOTE_ALONE)
		return false;
	for (const struct tsn_note *x = n; x >= al->note && one_group(x, n); x--)
		if (strcmp(x->name, n->group) != 0)
			return false;
	for (const struct tsn_note *x = n; x < al->note + al->nnotes && one_group(x, n); x++)
		if (strcmp(x->name, n->group) != 0)
			return false;
	return true;
}

/* One note with the brackets that its neighbours leave to it. */
static inline void
put_note(struct tsn_buf *out, const struct tsn_alert *al, uint32_t i)
{
	const struct tsn_note *n = &al->note[i], *before = i > 0 ? n - 1 : NULL, *after = i + 1 < al->nnotes ? n + 1 : NULL;
	const bool bare = is_bare(al, n), listed = n->item != TSN_NOTE_ALONE;

	if (!bare && !one_group(before, n)) {
		name(out, n->group);
		tsn_buf_puts(out, listed ? "[{" : "{");
	} else if (!bare && !one_item(before, n)) {
		tsn_buf_puts(out, ",{");
	}
	if (one_list(before, n))
		tsn_buf_putc(out, ',');
	else
		name(out, n->name);
	tsn_buf_puts(out, !one_list(before, n) && one_list(n, after) ? "[" : "");
	tsn_value_json(&n->value, out);
	tsn_buf_puts(out, one_list(before, n) && !one_list(n, after) ? "]" : "");
	tsn_buf_puts(out, !bare && !one_item(n, after) ? "}" : "");
	tsn_buf_puts(out, listed && !one_group(n, after) ? "]" : "");
}

/* An incident says itself who has part in it, and who began it. */
static inline bool
says_itself(const struct tsn_alert *al, const char *group)
{
	return al->members > 0 && (strcmp(group, "members") == 0 || strcmp(group, "patient_zero") == 0);
}

static inline void
put_notes(struct tsn_buf *out, const struct tsn_alert *al)
{
	for (uint32_t i = 0; i < al->nnotes; i++)
		if (!says_itself(al, al->note[i].group))
			put_note(out, al, i);
}

static inline void
put_addr(struct tsn_buf *out, const char *field, struct tsn_addr addr)
{
	struct tsn_value v = { .type = TSN_T_ADDR, .known = true, .addr = addr, .v4_bits = 32, .v6_bits = 128 };

	put_value(out, field, &v);
}

static inline void
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

static inline void
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

static inline void
put_ours(struct tsn_buf *out, const struct tsn_alert *al)
{
	name(out, "tocsin");
	tsn_buf_putc(out, '{');
	put_text(out, "id", al->id);
	put_text(out, "rule", al->rule->name);
	put_ruleset(out, al->rule);
	put_text(out, "severity", tsn_severity_name(al->severity));
	put_list(out, "tags", &al->rule->tags);
	if (al->state != TSN_ALERT_EACH)
		put_text(out, "state", tsn_alert_state_name(al->state));
	put_key(out, al);
	put_numbers(out, al);
	put_time(out, "first_seen", al->first_seen);
	put_time(out, "last_seen", al->last_seen);
	if (al->flows > 0)
		put_int(out, "flows", al->flows);
	put_where(out, al);
	put_text(out, "message", al->message);
	put_notes(out, al);
	put_members(out, al);
	put_list(out, "references", &al->rule->references);
	put_samples(out, al);
	tsn_buf_putc(out, '}');
}

static inline void
plain_json(const struct tsn_alert *al, struct tsn_buf *out)
{
	tsn_buf_putc(out, '{');
	put_eve(out, al);
	put_ours(out, al);
	tsn_buf_putc(out, '}');
}

#endif
