/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/terminal.h"
#include "cli/tune.h"

#define BAR 40u /* characters of the longest bar */

double
tsn_tune_per_day(const struct tsn_tune *t, uint32_t i)
{
	return (double)t->candidate[i].alerts / (t->days > 1 ? t->days : 1);
}

void
tsn_tune_key(const struct tsn_tune *t, const struct tsn_peak *x, struct tsn_buf *out)
{
	const struct tsn_key_spec *spec = &t->probe->key;
	struct tsn_value v;

	for (unsigned i = 0; i < spec->n; i++) {
		tsn_key_decode(spec, (const uint8_t *)t->peaks.slab.p + x->key, x->len, i, &v);
		tsn_buf_printf(out, "%s%s ", i > 0 ? "  " : "", tsn_fields[spec->part[i].field].name);
		tsn_value_text(&v, out);
	}
	if (spec->n == 0)
		tsn_buf_puts(out, "all flows");
}

/* Bins begin at 1, 2 or 5 of something. */
static const char *
bound(double v, char text[TSN_TUNE_NUMBER])
{
	if (v < 1)
		snprintf(text, TSN_TUNE_NUMBER, "%g", v);
	else
		tsn_tune_number(round(v), TSN_T_INT, text);
	return text;
}

void
tsn_tune_bin_text(const struct tsn_tune_bin *b, char text[TSN_TUNE_BIN])
{
	char from[TSN_TUNE_NUMBER], to[TSN_TUNE_NUMBER];

	if (isinf(b->from))
		snprintf(text, TSN_TUNE_BIN, isinf(b->to) ? "0" : "below %.6g", b->to);
	else
		snprintf(text, TSN_TUNE_BIN, "%.31s to <%.31s", bound(b->from, from), bound(b->to, to));
}

/* --- text --- */

static bool
speaks_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = getenv(names[i]);

		if (v != NULL && v[0] != '\0')
			return strcasestr(v, "utf-8") != NULL || strcasestr(v, "utf8") != NULL;
	}
	return false;
}

/* Eighths of a character, where there are such. */
static void
bar(struct tsn_buf *out, uint64_t n, uint64_t most, bool utf8)
{
	static const char *const part[] = { "", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589" };
	uint64_t eighths = most == 0 ? 0 : (uint64_t)(((double)n * BAR * 8) / (double)most + 0.5);

	if (n > 0 && eighths == 0)
		eighths = 1;
	for (uint64_t i = 0; i < (utf8 ? eighths / 8 : (eighths + 7) / 8); i++)
		tsn_buf_puts(out, utf8 ? "\u2588" : "#");
	if (utf8)
		tsn_buf_puts(out, part[eighths % 8]);
}

static void
put_head(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT], now[TSN_TUNE_NUMBER];

	tsn_tune_number(t->what->threshold, t->what->type, now);
	tsn_buf_printf(out, "rule %s: %s", v->rule, t->what->text);
	if (t->what->constant != NULL)
		tsn_buf_printf(out, " (%s is %s)", t->what->constant, now);
	tsn_buf_printf(out, "%s\n%" PRIu64 " flows", v->disabled ? "; the rule is disabled" : "", v->flows);
	if (v->first != TSN_TIME_NONE)
		tsn_buf_printf(out, ", %s to %s", tsn_time_text(v->first, from), tsn_time_text(v->last, to));
	tsn_buf_printf(out, "; %" PRIu64 " took part, in %zu group%s\n", t->values, t->ngroups, t->ngroups == 1 ? "" : "s");
	if (t->what->comparisons > 0)
		tsn_buf_printf(out, "%u further comparison%s of the rule stay%s as %s\n", t->what->comparisons,
		    t->what->comparisons == 1 ? "" : "s", t->what->comparisons == 1 ? "s" : "", t->what->comparisons == 1 ? "it is" : "they are");
}

static void
put_quantiles(const struct tsn_tune *t, struct tsn_buf *out)
{
	tsn_buf_puts(out, "\n                   ");
	for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
		tsn_buf_printf(out, "%14s", tsn_tune_quantile_name[q]);
	tsn_buf_printf(out, "\ngroups, at their %s", t->low ? "low" : "peak");
	for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
		tsn_buf_printf(out, "%*.6g", q == 0 && !t->low ? 12 : q == 0 ? 13 : 14, t->quantile[q]);
	tsn_buf_puts(out, "\nflow by flow       ");
	for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
		tsn_buf_printf(out, "%14.*g", q < TSN_TUNE_QUANTILES - 1 ? 3 : 6, t->each[q]);
	tsn_buf_putc(out, '\n');
}

static void
put_bins(const struct tsn_tune *t, struct tsn_buf *out)
{
	const bool utf8 = speaks_utf8();
	uint64_t most = 0;
	char text[TSN_TUNE_BIN];

	tsn_buf_puts(out, "\n                value    groups\n");
	for (uint32_t i = 0; i < t->nbins; i++)
		most = t->bin[i].groups > most ? t->bin[i].groups : most;
	for (uint32_t i = 0; i < t->nbins; i++) {
		tsn_tune_bin_text(&t->bin[i], text);
		tsn_buf_printf(out, "%21s%10" PRIu64 "  ", text, t->bin[i].groups);
		bar(out, t->bin[i].groups, most, utf8);
		while (out->len > 0 && out->p[out->len - 1] == ' ')
			out->p[--out->len] = '\0';
		tsn_buf_putc(out, '\n');
	}
}

/* Severities that some candidate's alerts had, if more than one. */
static unsigned
severities(const struct tsn_tune *t, bool had[TSN_SEV_CRITICAL + 1])
{
	unsigned n = 0;

	for (int s = 0; s <= TSN_SEV_CRITICAL; s++) {
		had[s] = false;
		for (uint32_t i = 0; i < t->ncandidates; i++)
			had[s] |= t->candidate[i].reached[s] > 0;
		n += had[s];
	}
	return n;
}

static bool
worth_a_line(const struct tsn_tune *t, uint32_t i, int64_t *told)
{
	const struct tsn_tune_candidate *c = &t->candidate[i];

	if (!c->possible || (!c->is_now && (int)i != t->suggested && (int64_t)c->alerts == *told))
		return false;
	*told = (int64_t)c->alerts;
	return true;
}

static void
put_candidates(const struct tsn_tune *t, struct tsn_buf *out)
{
	bool had[TSN_SEV_CRITICAL + 1];
	const bool several = severities(t, had) > 1;
	int64_t told = -1;

	tsn_buf_puts(out, "\n            N    alerts      a day    groups");
	for (int s = 0; several && s <= TSN_SEV_CRITICAL; s++)
		if (had[s])
			tsn_buf_printf(out, "%10s", tsn_severity_name((enum tsn_severity)s));
	tsn_buf_putc(out, '\n');
	for (uint32_t i = 0; i < t->ncandidates; i++) {
		const struct tsn_tune_candidate *c = &t->candidate[i];

		if (!worth_a_line(t, i, &told))
			continue;
		tsn_buf_printf(out, "%13s%10" PRIu64 "%11.1f%10" PRIu64, c->text, c->alerts, tsn_tune_per_day(t, i), tsn_tune_groups_beyond(t, i));
		for (int s = 0; several && s <= TSN_SEV_CRITICAL; s++)
			if (had[s])
				tsn_buf_printf(out, "%10" PRIu64, c->reached[s]);
		tsn_buf_printf(out, "%s%s\n", c->is_now ? "  now" : "", (int)i == t->suggested ? "  suggested" : "");
	}
}

static void
put_groups(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;
	struct tsn_buf key = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT];

	if (t->ngroups > 0 && v->groups > 0)
		tsn_buf_puts(out, "\nmost extreme groups\n");
	for (size_t i = 0; i < t->ngroups && i < v->groups; i++) {
		const struct tsn_peak *x = &t->peaks.v[i];

		tsn_buf_clear(&key);
		tsn_tune_key(t, x, &key);
		tsn_buf_printf(out, "  %-40s  %-12.10g  %s\n", tsn_buf_str(&key), x->value, tsn_time_text(x->time, time));
	}
	tsn_buf_fini(&key);
}

void
tsn_tune_text(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;

	put_head(v, out);
	if (t->ngroups > 0) {
		put_quantiles(t, out);
		put_bins(t, out);
	}
	if (t->what->before != NULL)
		put_candidates(t, out);
	put_groups(v, out);
	tsn_buf_puts(out, t->suggested >= 0 ? "\nsuggested: " : "\n");
	tsn_tune_say(t, out);
	tsn_buf_putc(out, '\n');
}

/* --- JSON --- */

static void
put_string(struct tsn_buf *out, const char *before, const char *s)
{
	tsn_buf_printf(out, "%s\"", before);
	tsn_buf_json(out, s, strlen(s));
	tsn_buf_putc(out, '"');
}

static void
json_quantiles(struct tsn_buf *out, const char *name, const double *v)
{
	static const char *const names[] = { "p50", "p90", "p99", "p99_9", "extreme" };

	tsn_buf_printf(out, ",\"%s\":{", name);
	for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
		tsn_buf_printf(out, "%s\"%s\":%.10g", q > 0 ? "," : "", names[q], v[q]);
	tsn_buf_putc(out, '}');
}

static void
json_candidate(struct tsn_buf *out, const struct tsn_tune *t, uint32_t i)
{
	const struct tsn_tune_candidate *c = &t->candidate[i];
	bool any = false;

	put_string(out, "{\"n\":", c->text);
	tsn_buf_printf(out, ",\"number\":%.15g,\"alerts\":%" PRIu64 ",\"per_day\":%.6g,\"groups\":%" PRIu64 ",\"severity\":{", c->n,
	    c->alerts, tsn_tune_per_day(t, i), tsn_tune_groups_beyond(t, i));
	for (int s = 0; s <= TSN_SEV_CRITICAL; s++) {
		if (c->reached[s] == 0)
			continue;
		tsn_buf_printf(out, "%s\"%s\":%" PRIu64, any ? "," : "", tsn_severity_name((enum tsn_severity)s), c->reached[s]);
		any = true;
	}
	tsn_buf_printf(out, "}%s}", c->is_now ? ",\"now\":true" : "");
}

static void
json_tables(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;
	const char *comma = "";
	struct tsn_buf key = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT];

	tsn_buf_puts(out, ",\"histogram\":[");
	for (uint32_t i = 0; i < t->nbins; i++) {
		tsn_buf_puts(out, i > 0 ? ",{" : "{");
		if (!isinf(t->bin[i].from))
			tsn_buf_printf(out, "\"from\":%.10g,", t->bin[i].from);
		if (!isinf(t->bin[i].to))
			tsn_buf_printf(out, "\"to\":%.10g,", t->bin[i].to);
		tsn_buf_printf(out, "\"groups\":%" PRIu64 "}", t->bin[i].groups);
	}
	tsn_buf_puts(out, "],\"candidates\":[");
	for (uint32_t i = 0; i < t->ncandidates; i++) {
		if (!t->candidate[i].possible)
			continue;
		tsn_buf_printf(out, "%s\n", comma);
		json_candidate(out, t, i);
		comma = ",";
	}
	tsn_buf_puts(out, "],\"groups\":[");
	for (size_t i = 0; i < t->ngroups && i < v->groups; i++) {
		tsn_buf_clear(&key);
		tsn_tune_key(t, &t->peaks.v[i], &key);
		put_string(out, i > 0 ? ",\n{\"key\":" : "\n{\"key\":", tsn_buf_str(&key));
		tsn_buf_printf(out, ",\"value\":%.15g,\"time\":\"%s\"}", t->peaks.v[i].value, tsn_time_text(t->peaks.v[i].time, time));
	}
	tsn_buf_puts(out, "]");
	tsn_buf_fini(&key);
}

void
tsn_tune_json(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	static const char *const rels[] = { "==", "!=", "<", "<=", ">", ">=" };
	static const char *const reasons[] = { "nothing", "gap", "budget", "margin", "keep", "no data" };
	const struct tsn_tune *t = v->tune;
	struct tsn_buf text = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT], now[TSN_TUNE_NUMBER];

	put_string(out, "{\"rule\":", v->rule);
	put_string(out, ",\"comparison\":", t->what->text);
	tsn_tune_number(t->what->threshold, t->what->type, now);
	tsn_buf_printf(out, ",\"relation\":\"%s\",\"threshold\":\"%s\"", rels[t->what->rel], now);
	if (t->what->constant != NULL)
		put_string(out, ",\"constant\":", t->what->constant);
	tsn_buf_printf(out, ",\"flows\":%" PRIu64, v->flows);
	if (v->first != TSN_TIME_NONE) {
		tsn_buf_printf(out, ",\"first\":\"%s\"", tsn_time_text(v->first, time));
		tsn_buf_printf(out, ",\"last\":\"%s\"", tsn_time_text(v->last, time));
	}
	tsn_buf_printf(out, ",\"days\":%.6g,\"values\":%" PRIu64 ",\"ngroups\":%zu", t->days, t->values, t->ngroups);
	if (t->ngroups > 0) {
		json_quantiles(out, "by_group", t->quantile);
		json_quantiles(out, "by_flow", t->each);
	}
	json_tables(v, out);
	if (t->suggested >= 0)
		put_string(out, ",\"suggested\":", t->candidate[t->suggested].text);
	tsn_tune_say(t, &text);
	tsn_buf_printf(out, ",\"reason\":\"%s\"", reasons[t->reason]);
	put_string(out, ",\"why\":", tsn_buf_str(&text));
	tsn_buf_puts(out, "}\n");
	out->failed |= text.failed;
	tsn_buf_fini(&text);
}
