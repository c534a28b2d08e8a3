/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One alert as one line for people:
 *
 *   2026-01-05 00:01:30 HIGH     worms.smtp_spam  src=10.0.0.5  101 > 100  10.0.0.5 opened 101 ...  [edge-1 if 12]
 *   2026-01-05 00:09:00 ended    worms.smtp_spam  src=10.0.0.5  after 7m30s, 2140 flows
 *
 * Strings come from the wire and go to a terminal: control characters never pass.
 */
#include <string.h>

#include "alert/sink.h"
#include "alert/stage.h"
#include "base/clock.h"

static const char *const severity_word[] = { "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL" };
static const char *const severity_color[] = { "\033[36m", "\033[34m", "\033[33m", "\033[31m", "\033[1;31m" };
#define DIM   "\033[2m"
#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

/* Length of a well-formed UTF-8 sequence of 2 to 4 bytes that is no control character, else 0. */
static size_t
utf8(const unsigned char *s, size_t n)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f) || (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	/* U+2028..202E and U+2066..2069 break or reverse the line */
	if (s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
		return 0;
	return len;
}

void
tsn_alert_clean(struct tsn_buf *out, const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0, len;

	while (i < n) {
		len = u[i] < 0x80 ? (u[i] >= 0x20 && u[i] != 0x7f) : utf8(u + i, n - i);
		if (len > 0) {
			tsn_buf_add(out, u + i, len);
			i += len;
		} else {
			tsn_buf_printf(out, "\\x%02x", u[i++]);
		}
	}
}

static void
put_clean_value(struct tsn_buf *out, const struct tsn_value *v)
{
	if (v->known && (v->type == TSN_T_STRING || v->type == TSN_T_REGEX))
		tsn_alert_clean(out, v->s.p, v->s.n);
	else
		tsn_value_text(v, out);
}

/* "2026-01-05 00:01:30": UTC, whole seconds. */
static void
put_time(struct tsn_buf *out, int64_t ms)
{
	char text[TSN_TIME_TEXT];
	char *p = strchr(tsn_time_text(ms, text), 'T');
	char *dot = strchr(text, '.');

	if (p != NULL)
		*p = ' ';
	if (dot != NULL)
		*dot = '\0';
	tsn_buf_puts(out, text);
}

static void
put_key(struct tsn_buf *out, const struct tsn_alert *al)
{
	const char *sep = "  ";
	struct tsn_value v;

	for (unsigned i = 0; i < al->rule->key.n; i++) {
		if (!tsn_alert_key(al, i, &v))
			continue;
		tsn_buf_printf(out, "%s%s=", sep, tsn_rule_key_name(al->rule, i));
		put_clean_value(out, &v);
		sep = " ";
	}
}

static const char *
relation(const struct tsn_alert *al)
{
	static const char *const text[] = { "==", "!=", "<", "<=", ">", ">=" };

	return text[al->rel];
}

static void
put_numbers(struct tsn_buf *out, const struct tsn_alert *al)
{
	if (!al->value.known || !al->threshold.known)
		return;
	tsn_buf_puts(out, "  ");
	tsn_alert_number_text(&al->value, al->type, out);
	tsn_buf_printf(out, " %s ", relation(al));
	tsn_alert_number_text(&al->threshold, al->type, out);
	if (al->quality != TSN_EXACT)
		tsn_buf_printf(out, " (%s)", tsn_quality_name(al->quality));
	if (al->sampling > 0)
		tsn_buf_printf(out, " (1 in %u)", al->sampling);
}

/* ADDRESS or ADDRESS:PORT, brackets round IPv6 before a port. */
static void
put_end(struct tsn_buf *out, const struct tsn_shown *fl, enum tsn_field addr, enum tsn_field port)
{
	struct tsn_value a, p;
	bool v6;

	tsn_alert_flow_get(fl, addr, &a);
	v6 = a.known && !a.addr.v4 && tsn_alert_flow_get(fl, port, &p);
	tsn_buf_puts(out, v6 ? "[" : "");
	tsn_value_text(&a, out);
	tsn_buf_puts(out, v6 ? "]" : "");
	if (tsn_alert_flow_get(fl, port, &p))
		tsn_buf_printf(out, ":%lld", (long long)p.i);
}

/* What a rule without a message has to say: its title, and the flow. */
static void
put_flow(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_value v;

	if (al->rule->title != NULL && strcmp(al->rule->title, al->rule->name) != 0) {
		tsn_buf_puts(out, "  ");
		tsn_alert_clean(out, al->rule->title, strlen(al->rule->title));
	}
	if (!tsn_alert_flow_get(&al->last, TSN_F_DST, &v))
		return;
	tsn_buf_puts(out, "  ");
	put_end(out, &al->last, TSN_F_SRC, TSN_F_SRC_PORT);
	tsn_buf_puts(out, " -> ");
	put_end(out, &al->last, TSN_F_DST, TSN_F_DST_PORT);
	if (tsn_alert_flow_get(&al->last, TSN_F_PROTO, &v)) {
		tsn_buf_putc(out, ' ');
		tsn_value_text(&v, out);
	}
}

static void
put_where(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_value v;

	if (al->exporter_name.n == 0 && !tsn_alert_flow_get(&al->last, TSN_F_EXPORTER, &v))
		return;
	tsn_buf_puts(out, "  [");
	if (al->exporter_name.n > 0)
		tsn_alert_clean(out, al->exporter_name.p, al->exporter_name.n);
	else
		tsn_value_text(&v, out);
	if (al->in_if_name.n > 0) {
		tsn_buf_puts(out, " if ");
		tsn_alert_clean(out, al->in_if_name.p, al->in_if_name.n);
	} else if (tsn_alert_flow_get(&al->last, TSN_F_IN_IF, &v)) {
		tsn_buf_printf(out, " if %lld", (long long)v.i);
	}
	tsn_buf_putc(out, ']');
}

/* 192.0.2.66 > 10.0.0.7 > 10.0.0.8: the sources of the steps and where the last one went. */
static void
put_chain(struct tsn_buf *out, const struct tsn_note *v, uint32_t n)
{
	const struct tsn_note *last = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(v[i].group, "chain") != 0)
			continue;
		if (strcmp(v[i].name, "src") == 0) {
			tsn_buf_puts(out, last != NULL ? " > " : "");
			put_clean_value(out, &v[i].value);
			last = last != NULL ? last : &v[i];
		}
	}
	for (uint32_t i = n; last != NULL && i-- > 0;) {
		if (strcmp(v[i].group, "chain") != 0 || strcmp(v[i].name, "dst") != 0)
			continue;
		tsn_buf_puts(out, " > ");
		put_clean_value(out, &v[i].value);
		break;
	}
}

/* What a note is called where its group has a name of its own for what people ask. */
static bool
is_asked(const struct tsn_note *n, const char *name)
{
	if (strcmp(n->name, name) == 0)
		return true;
	return strcmp(n->group, name) == 0 && strcmp(name, "baseline") == 0 && strcmp(n->name, "median") == 0;
}

bool
tsn_alert_note_text(const struct tsn_alert *al, const char *name, struct tsn_buf *out)
{
	size_t begin = out->len;

	if (strcmp(name, "chain") == 0)
		put_chain(out, al->note, al->nnotes);
	else if (strcmp(name, "members") == 0 && al->members > 0)
		tsn_buf_printf(out, "%llu", (unsigned long long)al->members);
	else
		for (uint32_t i = 0; i < al->nnotes; i++) {
			if (!is_asked(&al->note[i], name))
				continue;
			tsn_buf_puts(out, out->len > begin ? ", " : "");
			put_clean_value(out, &al->note[i].value);
		}
	if (out->len > begin)
		return true;
	tsn_buf_putc(out, '-');
	return false;
}

static bool
has_group(const struct tsn_alert *al, const char *group)
{
	for (uint32_t i = 0; i < al->nnotes; i++)
		if (strcmp(al->note[i].group, group) == 0)
			return true;
	return false;
}

static void
put_members(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_value v;

	if (al->members == 0)
		return;
	tsn_buf_printf(out, "  %llu member%s", (unsigned long long)al->members, al->members > 1 ? "s" : "");
	for (uint32_t i = 0; al->state != TSN_ALERT_CLOSE && i < al->nmembers && i < TSN_ALERT_SAMPLES; i++) {
		tsn_buf_puts(out, i == 0 ? ", new " : " ");
		for (unsigned k = 0; k < al->rule->member.n; k++) {
			tsn_key_decode(&al->rule->member, al->member[i].key, al->member[i].len, k, &v);
			tsn_buf_puts(out, k > 0 ? "/" : "");
			put_clean_value(out, &v);
		}
	}
	if (al->state != TSN_ALERT_CLOSE && al->nmembers > TSN_ALERT_SAMPLES)
		tsn_buf_puts(out, " ...");
	if (al->has_zero) {
		v = (struct tsn_value){ .type = TSN_T_ADDR, .known = true, .addr = al->zero, .v4_bits = 32, .v6_bits = 128 };
		tsn_buf_puts(out, ", patient zero ");
		tsn_value_text(&v, out);
	}
}

static void
put_notes(struct tsn_buf *out, const struct tsn_alert *al)
{
	if (has_group(al, "chain")) {
		tsn_buf_puts(out, "  chain ");
		tsn_alert_note_text(al, "chain", out);
	}
	if (has_group(al, "rank")) {
		tsn_buf_puts(out, "  rank ");
		tsn_alert_note_text(al, "rank", out);
		tsn_buf_puts(out, " of ");
		tsn_alert_note_text(al, "of", out);
	}
	if (has_group(al, "baseline")) {
		tsn_buf_puts(out, "  usually ");
		tsn_alert_note_text(al, "baseline", out);
	}
}

static void
put_ended(struct tsn_buf *out, const struct tsn_alert *al, bool color)
{
	char text[TSN_TIME_TEXT];

	tsn_buf_puts(out, color ? DIM : "");
	put_time(out, al->time);
	tsn_buf_printf(out, " %-8s %s", "ended", al->rule->name);
	put_key(out, al);
	tsn_buf_printf(out, "  after %s", tsn_duration_text((al->last_seen - al->first_seen) / 1000 * 1000, text));
	if (al->flows > 0)
		tsn_buf_printf(out, ", %llu flow%s", (unsigned long long)al->flows, al->flows > 1 ? "s" : "");
	put_members(out, al);
	tsn_buf_puts(out, color ? PLAIN : "");
}

void
tsn_alert_text(const struct tsn_alert *al, bool color, struct tsn_buf *out)
{
	enum tsn_severity s = al->severity <= TSN_SEV_CRITICAL ? al->severity : TSN_SEV_MEDIUM;

	if (al->state == TSN_ALERT_CLOSE) {
		put_ended(out, al, color);
		return;
	}
	put_time(out, al->time);
	tsn_buf_printf(out, " %s%-8s%s %s%s%s", color ? severity_color[s] : "", severity_word[s], color ? PLAIN : "",
	    color ? BOLD : "", al->rule->name, color ? PLAIN : "");
	put_key(out, al);
	put_numbers(out, al);
	if (al->message != NULL) {
		tsn_buf_puts(out, "  ");
		tsn_alert_clean(out, al->message, strlen(al->message));
	} else {
		put_flow(out, al);
	}
	if (al->message == NULL) /* which says what it wants to say of them */
		put_notes(out, al);
	put_members(out, al);
	put_where(out, al);
}
