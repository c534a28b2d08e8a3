/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Switches of SiLK's rwfilter that partition: all of them must hold. Those that choose files and outputs are left out, and
 * said; those that ask what flows do not carry here (sensors, initial flags) are refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author/import.h"
#include "base/arena.h"
#include "flow/value.h"

#define SWITCH_MAX 4096 /* bytes of one switch with its value */

struct command {
	struct tsn_import *im;
	const char *text, *p, *end;
	size_t at;                   /* of the switch under the lens: bytes from the start */
	bool first;
};

struct rw_switch {
	const char *name;
	bool (*write)(struct command *c, const struct rw_switch *s, struct tsn_str value);
	const char *a, *b;           /* fields; [b]: either of the two */
	int64_t most;
	bool negated;
};

static bool
refuse(struct command *c, const char *fmt, struct tsn_str what)
{
	size_t line = 1, column = 1;

	for (const char *p = c->text; p < c->text + c->at; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return tsn_import_fail(c->im, line, column, fmt, what.n > 60 ? 60 : (int)what.n, what.p);
}

static void
open_condition(struct command *c, const struct rw_switch *s)
{
	if (!c->first)
		tsn_buf_puts(&c->im->condition, " and ");
	c->first = false;
	if (s->negated)
		tsn_buf_puts(&c->im->condition, "not ");
}

/* FIELD in { LIST }, for one field or either of two. */
static void
write_in(struct command *c, const struct rw_switch *s, const char *set)
{
	struct tsn_buf *out = &c->im->condition;

	open_condition(c, s);
	if (s->b != NULL)
		tsn_buf_printf(out, "(%s in %s or %s in %s)", s->a, set, s->b, set);
	else
		tsn_buf_printf(out, s->negated ? "(%s in %s)" : "%s in %s", s->a, set);
}

/* --- values --- */

static bool
next_piece(struct tsn_str *list, char separator, struct tsn_str *out)
{
	const char *at;

	if (list->p == NULL)
		return false;
	at = memchr(list->p, separator, list->n);
	*out = tsn_import_trim((struct tsn_str){ list->p, at == NULL ? list->n : (uint32_t)(at - list->p) });
	*list = at == NULL ? (struct tsn_str){ NULL, 0 } : (struct tsn_str){ at + 1, list->n - (uint32_t)(at + 1 - list->p) };
	return true;
}

/* 80, 1024-65535, 1024- */
static bool
range(struct tsn_str s, int64_t most, int64_t *lo, int64_t *hi)
{
	const char *dash = memchr(s.p, '-', s.n);

	if (dash == NULL) {
		*hi = tsn_import_int(s, lo) ? *lo : -1;
		return *hi >= 0 && *hi <= most;
	}
	if (!tsn_import_int((struct tsn_str){ s.p, (uint32_t)(dash - s.p) }, lo))
		return false;
	*hi = most;
	if (dash + 1 < s.p + s.n && !tsn_import_int((struct tsn_str){ dash + 1, (uint32_t)(s.p + s.n - dash - 1) }, hi))
		return false;
	return *lo <= *hi && *hi <= most;
}

/* A list of numbers and ranges. */
static bool
numbers(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_buf set = TSN_BUF_INIT;
	struct tsn_str one, list = value;
	int64_t lo, hi;
	bool ok = true;

	tsn_buf_puts(&set, "{ ");
	for (int n = 0; ok && next_piece(&list, ',', &one); n++) {
		ok = range(one, s->most, &lo, &hi);
		if (ok)
			tsn_buf_printf(&set, lo == hi ? "%s%lld" : "%s%lld..%lld", n > 0 ? ", " : "", (long long)lo, (long long)hi);
	}
	tsn_buf_puts(&set, " }");
	if (ok)
		write_in(c, s, tsn_buf_str(&set));
	else
		refuse(c, "\"%.*s\" is no list of numbers and ranges that fits here", value);
	c->im->no_memory |= set.failed;
	tsn_buf_fini(&set);
	return ok;
}

/* MIN-MAX, MIN-, N: [unit] behind each. */
static bool
between(struct command *c, const struct rw_switch *s, struct tsn_str value, const char *unit)
{
	struct tsn_buf *out = &c->im->condition;
	int64_t lo, hi;

	if (!range(value, s->most, &lo, &hi))
		return refuse(c, "\"%.*s\" is no range: MIN-MAX", value);
	open_condition(c, s);
	if (lo == hi)
		tsn_buf_printf(out, "%s == %lld%s", s->a, (long long)lo, unit);
	else if (hi == s->most)
		tsn_buf_printf(out, "%s >= %lld%s", s->a, (long long)lo, unit);
	else
		tsn_buf_printf(out, "(%s >= %lld%s and %s <= %lld%s)", s->a, (long long)lo, unit, s->a, (long long)hi, unit);
	return true;
}

static bool
amount(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	return between(c, s, value, "");
}

/* Whole seconds, rounded down: 5 is 5000 to 5999 ms. */
static bool
seconds(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_buf *out = &c->im->condition;
	int64_t lo, hi;

	if (!range(value, s->most, &lo, &hi))
		return refuse(c, "\"%.*s\" is no range of seconds: MIN-MAX", value);
	open_condition(c, s);
	if (hi == s->most)
		tsn_buf_printf(out, "duration >= %llds", (long long)lo);
	else
		tsn_buf_printf(out, "(duration >= %llds and duration < %llds)", (long long)lo, (long long)hi + 1);
	return true;
}

static bool
real(struct tsn_str s, double *out)
{
	char text[32], *end;

	if (s.n == 0 || s.n >= sizeof(text) || s.p[0] < '0' || s.p[0] > '9')
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out) && *out < 1e15;
}

static bool
quotient(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_str list = value, lo_text, hi_text = { NULL, 0 };
	double lo, hi = 0;

	next_piece(&list, '-', &lo_text);
	hi_text = list.p == NULL ? lo_text : tsn_import_trim(list);
	if (!real(lo_text, &lo) || (hi_text.n > 0 && !real(hi_text, &hi)))
		return refuse(c, "\"%.*s\" is no range: MIN-MAX", value);
	open_condition(c, s);
	if (hi_text.n == 0)
		tsn_buf_printf(&c->im->condition, "%s >= %.10g", s->a, lo);
	else
		tsn_buf_printf(&c->im->condition, "(%s >= %.10g and %s <= %.10g)", s->a, lo, s->a, hi);
	return true;
}

/* 10.1.x.x is a prefix; an x with something behind it is none. */
static bool
wildcard(struct tsn_str s, struct tsn_prefix *out)
{
	char text[TSN_ADDR_TEXT];
	unsigned octets = 0;
	size_t n = 0;

	if (s.n >= 40)
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] != 'x') {
			text[n++] = s.p[i];
			octets += s.p[i] == '.';
			continue;
		}
		for (uint32_t k = i; k < s.n; k++)
			if (s.p[k] != 'x' && s.p[k] != '.')
				return false;
		snprintf(text + n, sizeof(text) - n, "%s/%u", octets == 3 ? "0" : octets == 2 ? "0.0" : octets == 1 ? "0.0.0" : "0.0.0.0", octets * 8);
		return tsn_prefix_parse(text, strlen(text), out);
	}
	return false;
}

static bool
addresses(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_buf set = TSN_BUF_INIT;
	struct tsn_str one, list = value;
	char text[TSN_ADDR_TEXT];
	struct tsn_prefix p;
	bool ok = true;

	tsn_buf_puts(&set, "{ ");
	for (int n = 0; ok && next_piece(&list, ',', &one); n++) {
		ok = tsn_prefix_parse(one.p, one.n, &p) || wildcard(one, &p);
		if (ok)
			tsn_buf_printf(&set, "%s%s", n > 0 ? ", " : "", tsn_prefix_text(p, text));
	}
	tsn_buf_puts(&set, " }");
	if (ok)
		write_in(c, s, tsn_buf_str(&set));
	else
		refuse(c, "\"%.*s\" is no list of addresses, prefixes or 10.x.x.x", value);
	c->im->no_memory |= set.failed;
	tsn_buf_fini(&set);
	return ok;
}

/* IP sets are binary; their members come as text from rwsetcat. */
static bool
set_file(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	const char *base = memrchr(value.p, '/', value.n);
	struct tsn_str file = base == NULL ? value : (struct tsn_str){ base + 1, value.n - (uint32_t)(base + 1 - value.p) };
	char name[64], declaration[80], *p = name;

	if (file.n == 0)
		return refuse(c, "\"%.*s\" names no file", value);
	p += snprintf(name, sizeof(name), "ipset_");
	for (uint32_t i = 0; i < file.n && file.p[i] != '.' && p < name + sizeof(name) - 1; i++)
		*p++ = (file.p[i] >= 'a' && file.p[i] <= 'z') || (file.p[i] >= '0' && file.p[i] <= '9') ? file.p[i] :
		    file.p[i] >= 'A' && file.p[i] <= 'Z' ? (char)(file.p[i] | 0x20) : '_';
	*p = '\0';
	snprintf(declaration, sizeof(declaration), "\nset %s = {", name);
	if (strstr(tsn_buf_str(&c->im->declared), declaration) == NULL) {
		tsn_buf_printf(&c->im->declared, "# rwsetcat --cidr-blocks=1 ");
		for (uint32_t i = 0; i < value.n; i++)
			tsn_buf_putc(&c->im->declared, (unsigned char)value.p[i] < ' ' || (unsigned char)value.p[i] > '~' ? '?' : value.p[i]);
		tsn_buf_printf(&c->im->declared, " > %s.txt, then: set %s = file \"%s.txt\"\nset %s = { }\n", name, name, name, name);
	}
	write_in(c, s, name);
	return true;
}

/* --- flags --- */

static bool
flag_bits(struct tsn_str s, struct tsn_buf *out)
{
	static const char letters[] = "FSRPAUEC", *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
	unsigned bits = 0;
	int n = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		const char *l = memchr(letters, s.p[i] & ~0x20, sizeof(letters) - 1);

		if (l == NULL)
			return false;
		bits |= 1u << (l - letters);
	}
	for (unsigned i = 0; i < 8; i++)
		if (bits >> i & 1)
			tsn_buf_printf(out, "%s%s", n++ > 0 ? "|" : "", names[i]);
	if (n == 0)
		tsn_buf_putc(out, '0');
	return true;
}

/* HIGH/MASK,...: of the flags in MASK exactly HIGH are on. */
static bool
flags_all(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_buf *out = &c->im->condition;
	struct tsn_str list = value, pair, high;
	int n = 0;

	open_condition(c, s);
	tsn_buf_putc(out, '(');
	while (next_piece(&list, ',', &pair)) {
		struct tsn_buf mask = TSN_BUF_INIT, bits = TSN_BUF_INIT;
		bool ok;

		next_piece(&pair, '/', &high);
		ok = pair.p != NULL && pair.n > 0 && flag_bits(high, &bits) && flag_bits(pair, &mask);
		for (uint32_t i = 0; ok && i < high.n; i++)
			ok = memchr(pair.p, high.p[i], pair.n) != NULL;
		if (ok)
			tsn_buf_printf(out, high.n == 0 ? "%s(not has(flags) or flags & (%s) == %s)" : "%sflags & (%s) == %s", n++ > 0 ? " or " : "",
			    tsn_buf_str(&mask), tsn_buf_str(&bits));
		tsn_buf_fini(&mask);
		tsn_buf_fini(&bits);
		if (!ok)
			return refuse(c, "\"%.*s\" is no HIGH/MASK of the letters FSRPAUEC", value);
	}
	tsn_buf_putc(out, ')');
	return true;
}

static bool
flags_any(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	struct tsn_buf bits = TSN_BUF_INIT;
	const bool ok = value.n > 0 && flag_bits(value, &bits);

	if (ok) {
		open_condition(c, s);
		tsn_buf_printf(&c->im->condition, "flags & (%s) != 0", tsn_buf_str(&bits));
	}
	tsn_buf_fini(&bits);
	return ok || refuse(c, "\"%.*s\" is no flags: letters of FSRPAUEC", value);
}

static bool
one_flag(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	if (value.n != 1 || (value.p[0] != '0' && value.p[0] != '1'))
		return refuse(c, "\"%.*s\": 1 or 0 is expected", value);
	open_condition(c, s);
	tsn_buf_printf(&c->im->condition, value.p[0] == '1' ? "flags has %s" : "not (has(flags) and flags has %s)", s->a);
	return true;
}

/* --- what else there is --- */

static bool
no_condition(struct command *c, const struct rw_switch *s, struct tsn_str value)
{
	char why[80];

	(void)value;
	snprintf(why, sizeof(why), "switches that choose data and outputs (--%s)", s->name);
	tsn_import_leave_out(c->im, why);
	return true;
}

static const struct rw_switch switches[] = {
	{ "protocol", numbers, "proto", NULL, 255, false }, { "proto", numbers, "proto", NULL, 255, false },
	{ "sport", numbers, "src_port", NULL, 65535, false }, { "dport", numbers, "dst_port", NULL, 65535, false },
	{ "aport", numbers, "src_port", "dst_port", 65535, false },
	{ "saddress", addresses, "src", NULL, 0, false }, { "daddress", addresses, "dst", NULL, 0, false },
	{ "any-address", addresses, "src", "dst", 0, false }, { "not-saddress", addresses, "src", NULL, 0, true },
	{ "not-daddress", addresses, "dst", NULL, 0, true }, { "not-any-address", addresses, "src", "dst", 0, true },
	{ "scidr", addresses, "src", NULL, 0, false }, { "dcidr", addresses, "dst", NULL, 0, false },
	{ "any-cidr", addresses, "src", "dst", 0, false }, { "not-scidr", addresses, "src", NULL, 0, true },
	{ "not-dcidr", addresses, "dst", NULL, 0, true }, { "not-any-cidr", addresses, "src", "dst", 0, true },
	{ "next-hop-id", addresses, "next_hop", NULL, 0, false }, { "nhcidr", addresses, "next_hop", NULL, 0, false },
	{ "sipset", set_file, "src", NULL, 0, false }, { "sip-set", set_file, "src", NULL, 0, false },
	{ "dipset", set_file, "dst", NULL, 0, false }, { "dip-set", set_file, "dst", NULL, 0, false },
	{ "anyset", set_file, "src", "dst", 0, false }, { "any-set", set_file, "src", "dst", 0, false },
	{ "not-sipset", set_file, "src", NULL, 0, true }, { "not-dipset", set_file, "dst", NULL, 0, true },
	{ "not-anyset", set_file, "src", "dst", 0, true },
	{ "bytes", amount, "bytes", NULL, INT64_MAX, false }, { "packets", amount, "packets", NULL, INT64_MAX, false },
	{ "bytes-per-packet", quotient, "bytes_per_packet", NULL, 0, false }, { "packets-per-second", quotient, "pps", NULL, 0, false },
	{ "duration", seconds, "duration", NULL, INT32_MAX, false },
	{ "flags-all", flags_all, NULL, NULL, 0, false }, { "tcp-flags", flags_any, NULL, NULL, 0, false },
	{ "fin-flag", one_flag, "FIN", NULL, 0, false }, { "syn-flag", one_flag, "SYN", NULL, 0, false },
	{ "rst-flag", one_flag, "RST", NULL, 0, false }, { "psh-flag", one_flag, "PSH", NULL, 0, false },
	{ "ack-flag", one_flag, "ACK", NULL, 0, false }, { "urg-flag", one_flag, "URG", NULL, 0, false },
	{ "ece-flag", one_flag, "ECE", NULL, 0, false }, { "cwr-flag", one_flag, "CWR", NULL, 0, false },
	{ "icmp-type", numbers, "icmp_type", NULL, 255, false }, { "icmp-code", numbers, "icmp_code", NULL, 255, false },
	{ "input-index", numbers, "in_if", NULL, UINT32_MAX, false }, { "output-index", numbers, "out_if", NULL, UINT32_MAX, false },
	{ "ip-version", numbers, "ip_version", NULL, 6, false },
	{ "pass-destination", no_condition, NULL, NULL, 0, false }, { "fail-destination", no_condition, NULL, NULL, 0, false },
	{ "all-destination", no_condition, NULL, NULL, 0, false }, { "pass", no_condition, NULL, NULL, 0, false },
	{ "fail", no_condition, NULL, NULL, 0, false }, { "all", no_condition, NULL, NULL, 0, false },
	{ "type", no_condition, NULL, NULL, 0, false }, { "class", no_condition, NULL, NULL, 0, false },
	{ "flowtypes", no_condition, NULL, NULL, 0, false }, { "start-date", no_condition, NULL, NULL, 0, false },
	{ "end-date", no_condition, NULL, NULL, 0, false }, { "data-rootdir", no_condition, NULL, NULL, 0, false },
	{ "input-pipe", no_condition, NULL, NULL, 0, false }, { "threads", no_condition, NULL, NULL, 0, false },
	{ "max-pass-records", no_condition, NULL, NULL, 0, false }, { "print-statistics", no_condition, NULL, NULL, 0, false },
	{ "print-volume-statistics", no_condition, NULL, NULL, 0, false },
};

static bool
has_no_value(const char *name)
{
	return strncmp(name, "print-", 6) == 0;
}

static const struct rw_switch *
find(struct tsn_str name)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (tsn_import_same(name, switches[i].name))
			return &switches[i];
	return NULL;
}

/* The next argument as a shell would split it; quotes are undone into [text]. */
static bool
argument(struct command *c, char text[SWITCH_MAX], struct tsn_str *out)
{
	size_t n = 0;
	char quote = 0;

	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n' || (*c->p == '\\' && c->p + 1 < c->end && c->p[1] == '\n')))
		c->p++;
	c->at = (size_t)(c->p - c->text);
	if (c->p >= c->end)
		return false;
	for (; c->p < c->end; c->p++) {
		if (quote == 0 && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n'))
			break;
		if (quote == 0 && (*c->p == '\'' || *c->p == '"'))
			quote = *c->p;
		else if (*c->p == quote)
			quote = 0;
		else if (n + 1 < SWITCH_MAX)
			text[n++] = *c->p;
		else
			return refuse(c, "%.*s: this switch is too long", (struct tsn_str){ text, 20 });
	}
	*out = (struct tsn_str){ text, (uint32_t)n };
	return true;
}

static bool
one_switch(struct command *c, struct tsn_str arg)
{
	static char none[] = "";
	struct tsn_str name = { arg.p + 2, arg.n - 2 }, value = { none, 0 };
	const char *equals = memchr(name.p, '=', name.n);
	const struct rw_switch *s;
	char text[SWITCH_MAX];
	size_t at = c->at;

	if (equals != NULL) {
		value = tsn_import_trim((struct tsn_str){ equals + 1, name.n - (uint32_t)(equals + 1 - name.p) });
		name.n = (uint32_t)(equals - name.p);
	}
	s = find(name);
	if (s == NULL)
		return refuse(c, "--%.*s has no counterpart here", name);
	if (equals == NULL && !has_no_value(s->name) && !argument(c, text, &value)) {
		c->at = at;
		return refuse(c, "--%.*s lacks its value", name);
	}
	c->at = at;
	if (value.n == 0 && s->write != no_condition)
		return refuse(c, "--%.*s lacks its value", name);
	return s->write(c, s, value);
}

bool
tsn_import_is_rwfilter(const char *text, size_t n)
{
	const struct tsn_str s = { text, n > 100 ? 100 : (uint32_t)n };
	struct tsn_str rest = s;
	const struct tsn_str word = tsn_import_word(&rest);

	return tsn_import_same(word, "rwfilter") || (word.n > 2 && word.p[0] == '-' && word.p[1] == '-');
}

bool
tsn_import_rwfilter(struct tsn_import *im, const char *text, size_t n)
{
	struct command c = { .im = im, .text = text, .p = text, .end = text + n, .first = true };
	char buffer[SWITCH_MAX];
	struct tsn_str arg;

	while (argument(&c, buffer, &arg)) {
		if (tsn_import_same(arg, "rwfilter"))
			continue;
		if (arg.n > 2 && arg.p[0] == '-' && arg.p[1] == '-') {
			if (!one_switch(&c, arg))
				return false;
		} else if (arg.n > 0 && arg.p[0] == '-') {
			return refuse(&c, "\"%.*s\" is no switch of two dashes", arg);
		} else {
			tsn_import_leave_out(im, "names of files");
		}
	}
	if (im->error[0] != '\0')
		return false;
	return c.first ? tsn_import_fail(im, 1, 1, "no switch here is a condition") : true;
}
