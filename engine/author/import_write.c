/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The rule file of an import: what it came from and what was left out, its sets, and a rule about them with tests. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "author/import.h"
#include "base/clock.h"

#define DAYS 90                      /* lists are good for */
#define DAY (INT64_C(86400) * TSN_SECOND)
#define NEIGHBOURS 1000              /* members beside which a free address is looked for */

/* Texts of strangers: rule files are UTF-8, one line stays one, and what [without] names is left out. */
static void
foreign_text(struct tsn_buf *out, const char *s, const char *without)
{
	const char *end = s + strlen(s);

	while (s < end) {
		const size_t n = tsn_utf8_len(s, (size_t)(end - s));

		if (n == 0 || (unsigned char)*s < ' ' || *s == 0x7f)
			tsn_buf_putc(out, n == 0 ? '?' : ' ');
		else if (n > 1 || strchr(without, *s) == NULL)
			tsn_buf_add(out, s, n);
		s += n == 0 ? 1 : n;
	}
}

static void
comment_text(struct tsn_buf *out, const char *s)
{
	foreign_text(out, s, "");
}

/* Quoted in the rule language: without what a string or a message takes for its own. */
static void
string_text(struct tsn_buf *out, const char *s)
{
	foreign_text(out, s, "\"\\{}");
}

/* --- where it came from --- */

static void
provenance(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	tsn_buf_puts(out, "# Imported from ");
	comment_text(out, t->source);
	tsn_buf_printf(out, " (%s)", tsn_imports[im->kind].name);
	if (!tsn_imports[im->kind].filter)
		tsn_buf_printf(out, ": %zu addresses, prefixes and ranges", im->n);
	if (im->dated != NULL)
		tsn_buf_printf(out, ", dated %s", im->dated);
	tsn_buf_puts(out, ".\n");
	if (im->title != NULL) {
		tsn_buf_puts(out, "# ");
		comment_text(out, im->title);
		tsn_buf_putc(out, '\n');
	}
	for (size_t i = 0; i < im->nreasons; i++) {
		tsn_buf_printf(out, "# Left out: %zu ", im->left_out[i].n);
		comment_text(out, im->left_out[i].why);
		tsn_buf_puts(out, ".\n");
	}
	if (im->nbad > 0)
		tsn_buf_printf(out, "# Not understood: %zu line%s%s\n", im->nbad, im->nbad == 1 ? "" : "s", im->nbad > TSN_IMPORT_BAD ? ", the first of them:" : ":");
	for (size_t i = 0; i < im->nbad && i < TSN_IMPORT_BAD; i++)
		tsn_buf_printf(out, "#     line %zu: %s\n", im->bad[i].line, im->bad[i].text);
}

/* --- members --- */

static void
member_text(const struct tsn_import_member *m, const char *between, struct tsn_buf *out)
{
	char a[TSN_ADDR_TEXT], b[TSN_ADDR_TEXT];

	if (m->range)
		tsn_buf_printf(out, "%s%s%s", tsn_addr_text(m->lo, a), between, tsn_addr_text(m->hi, b));
	else if (m->len == (m->lo.v4 ? 32 : 128))
		tsn_buf_puts(out, tsn_addr_text(m->lo, a));
	else
		tsn_buf_puts(out, tsn_prefix_text((struct tsn_prefix){ m->lo, m->len }, a));
}

static const char *
group_name(const struct tsn_import *im, size_t group)
{
	return group < im->ngroups && im->group[group] != NULL ? im->group[group] : "hosts";
}

void
tsn_import_write_csv(const struct tsn_import *im, struct tsn_buf *out)
{
	tsn_buf_puts(out, "address,list\n");
	for (size_t i = 0; i < im->n; i++) {
		member_text(&im->member[i], "-", out);
		tsn_buf_printf(out, ",%s\n", group_name(im, im->member[i].group));
	}
}

static void
one_set(const struct tsn_import *im, const struct tsn_import_target *t, size_t group, struct tsn_buf *out)
{
	const char *before = "";

	tsn_buf_printf(out, "set %s_%s = { ", t->name, group_name(im, group));
	for (size_t i = 0; i < im->n; i++) {
		if (im->member[i].group != group)
			continue;
		tsn_buf_puts(out, before);
		member_text(&im->member[i], "..", out);
		before = ", ";
	}
	tsn_buf_puts(out, " }\n");
}

static bool
has_members(const struct tsn_import *im, size_t group)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->member[i].group == group)
			return true;
	return false;
}

/* One set a group, and one of all of them that the rule asks. A file is one set, its second column says which list. */
static void
sets(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	const char *before = "";

	if (t->set_file != NULL) {
		tsn_buf_printf(out, "set %s_hosts = file \"", t->name);
		string_text(out, t->set_file);
		tsn_buf_puts(out, "\" column \"address\" refresh 1h\n");
		return;
	}
	if (im->ngroups == 0) {
		one_set(im, t, 0, out);
		return;
	}
	for (size_t g = 0; g < im->ngroups; g++)
		if (has_members(im, g))
			one_set(im, t, g, out);
	if (im->ngroups == 1 && strcmp(im->group[0], "hosts") == 0)
		return;
	tsn_buf_printf(out, "set %s_hosts = { ", t->name);
	for (size_t g = 0; g < im->ngroups; g++) {
		if (!has_members(im, g))
			continue;
		tsn_buf_printf(out, "%s%s_%s", before, t->name, im->group[g]);
		before = ", ";
	}
	tsn_buf_puts(out, " }\n");
}

/* --- addresses for the tests --- */

static bool
is_listed(const struct tsn_import *im, struct tsn_addr a)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct tsn_import_member *m = &im->member[i];

		if (m->lo.v4 != a.v4)
			continue;
		if (m->range ? tsn_addr_cmp(m->lo, a) <= 0 && tsn_addr_cmp(a, m->hi) <= 0 : tsn_prefix_has((struct tsn_prefix){ m->lo, m->len }, a))
			return true;
	}
	return false;
}

static struct tsn_addr
after(struct tsn_addr a)
{
	a.lo++;
	a.hi += a.lo == 0 && !a.v4;
	if (a.v4)
		a.lo &= UINT32_MAX;
	return a;
}

static struct tsn_addr
last_of(const struct tsn_import_member *m)
{
	struct tsn_addr a = m->hi;
	unsigned host = (m->lo.v4 ? 32u : 128u) - m->len;

	if (m->range || host == 0)
		return a;
	if (host >= 64) {
		a.lo = UINT64_MAX;
		a.hi |= host == 64 ? 0 : host == 128 ? UINT64_MAX : (UINT64_C(1) << (host - 64)) - 1;
	} else {
		a.lo |= (UINT64_C(1) << host) - 1;
	}
	return a;
}

/* An address of that family which is not in the list; false if none is found. */
static bool
unlisted(const struct tsn_import *im, bool v4, struct tsn_addr *out)
{
	static const char *const candidates[] = { "10.0.0.5", "192.168.0.5", "192.0.2.5", "198.51.100.5", "203.0.113.5", "2001:db8::5", "fd00::5" };

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		if (tsn_addr_parse(candidates[i], strlen(candidates[i]), out) && out->v4 == v4 && !is_listed(im, *out))
			return true;
	for (size_t i = 0; i < im->n && i < NEIGHBOURS; i++) {
		if (im->member[i].lo.v4 != v4)
			continue;
		*out = after(last_of(&im->member[i]));
		if (!is_listed(im, *out))
			return true;
	}
	return false;
}

static void
flow(struct tsn_buf *out, struct tsn_addr src, struct tsn_addr dst, const char *rest)
{
	char a[TSN_ADDR_TEXT], b[TSN_ADDR_TEXT];

	tsn_buf_printf(out, "flow { src = %s, dst = %s, proto = tcp, dst_port = 443, flags = %s }\n", tsn_addr_text(src, a), tsn_addr_text(dst, b), rest);
}

/* What a test sees of a file set it must say itself. */
static void
open_test(const struct tsn_import_target *t, const struct tsn_import_member *m, const char *title, struct tsn_buf *out)
{
	tsn_buf_printf(out, "test \"%s {\n", title);
	if (t->set_file == NULL)
		return;
	tsn_buf_printf(out, "set %s_hosts = { ", t->name);
	member_text(m, "..", out);
	tsn_buf_puts(out, " }\n");
}

static void
tests(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	const struct tsn_import_member *m = &im->member[0];
	struct tsn_addr other, listed = last_of(m);

	if (!unlisted(im, m->lo.v4, &other)) {
		tsn_buf_puts(out, "# no address is known that is not listed, so there are no tests\n");
		return;
	}
	open_test(t, m, "one of ours asks a listed host\" fires 1", out);
	flow(out, other, listed, "SYN|ACK|PSH");
	tsn_buf_puts(out, "}\n");
	open_test(t, m, "a listed host is answered\" fires 1", out);
	flow(out, listed, other, "SYN|ACK|PSH");
	tsn_buf_puts(out, "}\n");
	open_test(t, m, "hosts that are not listed\" quiet", out);
	flow(out, other, other, "SYN|ACK|PSH");
	tsn_buf_puts(out, "}\n");
	open_test(t, m, "a SYN that anybody could have sent\" quiet", out);
	flow(out, listed, other, "SYN");
	tsn_buf_puts(out, "}\n");
}

/* --- the rule --- */

/* Some months from the list's own day; of an old list, from now. */
static int64_t
expiry(const struct tsn_import *im, int64_t now)
{
	int64_t day;

	if (im->dated == NULL)
		return now + DAYS * DAY;
	day = tsn_days_from_date(atoi(im->dated), atoi(im->dated + 5), atoi(im->dated + 8)) * DAY;
	return day + DAYS * DAY > now && day <= now ? day + DAYS * DAY : now + DAYS * DAY;
}

static void
list_rule(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	char created[TSN_TIME_TEXT], expires[TSN_TIME_TEXT];

	tsn_time_text(t->now_ms, created);
	tsn_time_text(expiry(im, t->now_ms), expires);
	tsn_buf_printf(out, "\nrule %s {\ntitle \"Talk with an address of the list ", t->name);
	string_text(out, im->title != NULL ? im->title : t->name);
	tsn_buf_printf(out, "\"\nseverity medium\nstatus experimental\n"
	    "# Either direction; of TCP only what was answered: anybody can send a SYN in another's name.\n"
	    "when (dst in %s_hosts or src in %s_hosts) and (proto != tcp or flags has ACK)\n"
	    "alert once by src, dst per 1h\n"
	    "message \"{src} talks to {dst} port {dst_port}, and one of them is listed, seen by {exporter}\"\n"
	    "tags list\ncreated %.10s\n"
	    "# Lists age: get a new one, or take the rule out.\nexpires %.10s\n"
	    "falsepositives \"addresses that have other tenants by now\"\n\n", t->name, t->name, created, expires);
	tests(im, t, out);
	tsn_buf_puts(out, "}\n");
}

static void
filter_rule(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	char created[TSN_TIME_TEXT];

	tsn_buf_puts(out, tsn_buf_str(&im->declared));
	tsn_buf_printf(out, "\nrule %s {\ntitle \"%s: say in a few words what it is\"\nseverity medium\nstatus experimental\n"
	    "# The filter as a condition on single flows. Counted over a window it would stand in where:\n"
	    "#     where ...  when count() by src over 60s > 100\nwhen %s\n"
	    "message \"{src} to {dst} port {dst_port}, seen by {exporter}\"\ncreated %.10s\n}\n", t->name, t->name, tsn_buf_str(&im->condition),
	    tsn_time_text(t->now_ms, created));
}

void
tsn_import_write(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out)
{
	provenance(im, t, out);
	if (tsn_imports[im->kind].filter) {
		filter_rule(im, t, out);
		return;
	}
	sets(im, t, out);
	list_rule(im, t, out);
}
