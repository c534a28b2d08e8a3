/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Numbers with and without units. Everything is computed in integers: 1.5GiB and 0.5s are exact,
 * and what is no whole number of bytes or milliseconds is refused.
 */
#include <ctype.h>
#include <string.h>

#include "grammar/internal.h"
#include "parser.tab.h"

enum family { COUNT, TIME, BYTES, BITS };

static const struct unit {
	const char *name;
	enum family family;
	int64_t factor;
} units[] = {
	{ "ms", TIME, 1 }, { "s", TIME, 1000 }, { "m", TIME, 60000 }, { "h", TIME, 3600000 },
	{ "d", TIME, 86400000 }, { "w", TIME, 604800000 },
	{ "k", COUNT, 1000 }, { "M", COUNT, 1000000 }, { "G", COUNT, 1000000000 },
	{ "kB", BYTES, 1000 }, { "MB", BYTES, 1000000 }, { "GB", BYTES, 1000000000 },
	{ "TB", BYTES, 1000000000000 },
	{ "KiB", BYTES, INT64_C(1) << 10 }, { "MiB", BYTES, INT64_C(1) << 20 },
	{ "GiB", BYTES, INT64_C(1) << 30 }, { "TiB", BYTES, INT64_C(1) << 40 },
	/* A rate in bits is compared with bytes, so an eighth. */
	{ "kbit", BITS, 125 }, { "Mbit", BITS, 125000 }, { "Gbit", BITS, 125000000 },
};

/* What people write, and what it is called here. */
static const char *const habits[][2] = {
	{ "sec", "s" }, { "secs", "s" }, { "second", "s" }, { "seconds", "s" }, { "S", "s" },
	{ "min", "m" }, { "mins", "m" }, { "minute", "m" }, { "minutes", "m" },
	{ "hr", "h" }, { "hrs", "h" }, { "hour", "h" }, { "hours", "h" }, { "H", "h" },
	{ "day", "d" }, { "days", "d" }, { "D", "d" }, { "week", "w" }, { "weeks", "w" },
	{ "K", "k" }, { "kb", "kB" }, { "KB", "kB" }, { "Kb", "kbit" }, { "mb", "MB" }, { "gb", "GB" },
	{ "kib", "KiB" }, { "mib", "MiB" }, { "gib", "GiB" }, { "tb", "TB" }, { "g", "G" }, { "Kbit", "kbit" },
	{ "mbit", "Mbit" }, { "gbit", "Gbit" }, { "Mbps", "Mbit" }, { "Gbps", "Gbit" }, { "kbps", "kbit" },
};

/* digits * 10^-decimals, as written. */
struct figure {
	uint64_t digits;
	unsigned decimals;
	bool overflow;
};

static const struct unit *
find_unit(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
			return &units[i];
	return NULL;
}

static size_t
read_figure(const char *s, const char *end, struct figure *f)
{
	const char *p = s;
	bool dot = false;

	*f = (struct figure){ 0, 0, false };
	for (; p < end; p++) {
		if (*p == '.' && !dot) {
			dot = true;
			continue;
		}
		if (!isdigit((unsigned char)*p))
			break;
		f->decimals += dot;
		if (f->digits > (INT64_MAX - 9) / 10) {
			uint64_t last = (uint64_t)(*p - '0');

			/* The last digit of INT64_MAX is 7. */
			if (f->digits > INT64_MAX / 10 || last > 7)
				f->overflow = true;
		}
		f->digits = f->overflow ? 0 : f->digits * 10 + (uint64_t)(*p - '0');
	}
	return (size_t)(p - s);
}

/* The figure times [factor], if that is whole and fits. */
static bool
scale(const struct figure *f, int64_t factor, int64_t *out)
{
	unsigned __int128 v = (unsigned __int128)f->digits * (uint64_t)factor;
	unsigned i;

	for (i = 0; i < f->decimals; i++) {
		if (v % 10 != 0)
			return false;
		v /= 10;
	}
	*out = (int64_t)v;
	return v <= INT64_MAX;
}

static struct tsn_node *
fault(struct tsn_parse *p, enum tsn_diag_code code, size_t begin, size_t end, const char *what,
    const char *hint)
{
	struct tsn_span span = tsn_span_of(p, begin, end);

	tsn_diag_hint(tsn_diag_error(p->diags, code, span, "%s", what), "%s", hint);
	return tsn_node_new(p, TSN_N_ERROR, span);
}

static struct tsn_node *
unit_fault(struct tsn_parse *p, size_t begin, size_t unit, size_t end)
{
	const char *s = p->text + unit;
	size_t n = end - unit, i;
	struct tsn_span span = tsn_span_of(p, begin, end);
	struct tsn_diag *d;

	if (s[0] == '_')
		return fault(p, TSN_E_NUMBER, begin, end, "digits are not divided by _",
		    "write them together, or use k, M or G");
	d = tsn_diag_error(p->diags, TSN_E_UNIT, span, "there is no unit %.*s", n > 40 ? 40 : (int)n, s);
	for (i = 0; i < sizeof(habits) / sizeof(*habits); i++) {
		if (strlen(habits[i][0]) == n && memcmp(habits[i][0], s, n) == 0) {
			tsn_diag_hint(d, "write %.*s%s", (int)(unit - begin), p->text + begin, habits[i][1]);
			return tsn_node_new(p, TSN_N_ERROR, span);
		}
	}
	tsn_diag_hint(d, "units are ms s m h d w, k M G, kB MB GB TB, KiB MiB GiB TiB, kbit Mbit Gbit");
	return tsn_node_new(p, TSN_N_ERROR, span);
}

static struct tsn_node *
integer(struct tsn_parse *p, enum tsn_node_kind kind, size_t begin, size_t end, int64_t value,
    enum tsn_unit unit)
{
	struct tsn_node *n = tsn_node_new(p, kind, tsn_span_of(p, begin, end));

	if (n != NULL) {
		n->i = value;
		n->unit = (uint8_t)unit;
	}
	return n;
}

static struct tsn_node *
too_large(struct tsn_parse *p, size_t begin, size_t end)
{
	return fault(p, TSN_E_NUMBER, begin, end, "this number is too large",
	    "numbers end at 9223372036854775807");
}

static struct tsn_node *
hexadecimal(struct tsn_parse *p, size_t begin, size_t end)
{
	size_t i;
	uint64_t v = 0;

	if (end - begin == 2)
		return fault(p, TSN_E_NUMBER, begin, end, "digits are missing after 0x", "for example 0x14");
	for (i = begin + 2; i < end; i++) {
		int c = tolower((unsigned char)p->text[i]);

		if (!isxdigit(c))
			return fault(p, TSN_E_NUMBER, begin, end, "this is no hexadecimal number",
			    "digits after 0x are 0 to 9 and a to f");
		if (v >> 59 != 0)
			return too_large(p, begin, end);
		v = v * 16 + (uint64_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return integer(p, TSN_N_INT, begin, end, (int64_t)v, TSN_UNIT_HEX);
}

/* 1h30m: further parts, each of a smaller unit than the one before. */
static struct tsn_node *
duration(struct tsn_parse *p, size_t begin, size_t end, size_t at, int64_t sum, int64_t factor)
{
	const char *text = p->text;
	const struct unit *u;
	struct figure f;
	size_t unit;
	int64_t part;

	while (at < end) {
		unit = at + read_figure(text + at, text + end, &f);
		for (at = unit; at < end && !isdigit((unsigned char)text[at]); at++)
			;
		u = find_unit(text + unit, at - unit);
		if (u == NULL || u->family != TIME || u->factor >= factor)
			return fault(p, TSN_E_UNIT, begin, end, "this is no duration",
			    "parts go from large to small, each with its unit: 1h30m");
		if (f.overflow || !scale(&f, u->factor, &part) || __builtin_add_overflow(sum, part, &sum))
			return too_large(p, begin, end);
		factor = u->factor;
	}
	return integer(p, TSN_N_DURATION, begin, end, sum, TSN_UNIT_PLAIN);
}

static struct tsn_node *
with_unit(struct tsn_parse *p, size_t begin, size_t unit, size_t end, const struct figure *f, int *kind)
{
	size_t stop = unit;
	const struct unit *u;
	int64_t v;

	while (stop < end && !isdigit((unsigned char)p->text[stop]))
		stop++;
	u = find_unit(p->text + unit, stop - unit);
	if (u == NULL || (u->family != TIME && stop < end))
		return unit_fault(p, begin, unit, end);
	*kind = u->family == TIME ? TSN_TOK_DURATION : u->family == COUNT ? TSN_TOK_INT : TSN_TOK_SIZE;
	if (f->overflow)
		return too_large(p, begin, end);
	if (!scale(f, u->factor, &v)) {
		if (f->decimals == 0)
			return too_large(p, begin, end);
		return fault(p, TSN_E_NUMBER, begin, end, "this is no whole number of its smallest unit",
		    u->family == TIME ? "durations are kept in milliseconds" : "sizes are kept in bytes");
	}
	if (u->family == TIME)
		return duration(p, begin, end, stop, v, u->factor);
	if (u->family == COUNT)
		return integer(p, TSN_N_INT, begin, end, v, TSN_UNIT_SCALED);
	return integer(p, TSN_N_SIZE, begin, end, v, u->family == BITS ? TSN_UNIT_BITS : TSN_UNIT_BYTES);
}

struct tsn_node *
tsn_lit_number(struct tsn_parse *p, size_t begin, size_t end, int *kind)
{
	const char *s = p->text + begin;
	struct figure f;
	size_t n;

	*kind = TSN_TOK_INT;
	if (end - begin >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return hexadecimal(p, begin, end);
	n = read_figure(s, s + (end - begin), &f);
	if (begin + n < end)
		return with_unit(p, begin, begin + n, end, &f, kind);
	if (f.overflow)
		return too_large(p, begin, end);
	return integer(p, TSN_N_INT, begin, end, (int64_t)f.digits, TSN_UNIT_PLAIN);
}

struct tsn_node *
tsn_lit_real(struct tsn_parse *p, size_t begin, size_t end, int *kind)
{
	const char *s = p->text + begin;
	struct tsn_node *node;
	struct figure f;
	size_t n = read_figure(s, s + (end - begin), &f);
	double v;

	*kind = TSN_TOK_REAL;
	if (begin + n < end)
		return with_unit(p, begin, begin + n, end, &f, kind);
	if (f.overflow)
		return fault(p, TSN_E_NUMBER, begin, end, "this number has too many digits",
		    "18 are always few enough");
	node = tsn_node_new(p, TSN_N_REAL, tsn_span_of(p, begin, end));
	v = (double)f.digits;
	for (; f.decimals >= 18; f.decimals -= 18)
		v /= 1e18;
	if (f.decimals > 0) {
		double ten = 1;

		while (f.decimals-- > 0)
			ten *= 10;
		v /= ten;
	}
	if (node != NULL)
		node->real = v;
	return node;
}
