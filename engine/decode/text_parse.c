/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/text_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define US_SECOND INT64_C(1000000)
#define US_DAY    (INT64_C(86400) * US_SECOND)

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alpha(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool
add_digit(int64_t *v, int digit, int base)
{
	return !__builtin_mul_overflow(*v, base, v) && !__builtin_add_overflow(*v, digit, v);
}

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
parse_hex(const char *p, size_t n, int64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++)
		if (hex_digit(p[i]) < 0 || !add_digit(out, hex_digit(p[i]), 16))
			return false;
	return n > 0;
}

bool
tsn_parse_uint(const char *p, size_t n, int64_t *out)
{
	int64_t v = 0;

	if (n > 2 && p[0] == '0' && (p[1] | 32) == 'x')
		return parse_hex(p + 2, n - 2, out);
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]) || !add_digit(&v, p[i] - '0', 10))
			return false;
	*out = v;
	return n > 0;
}

/* What has an exponent, by way of a double: exact to 15 digits. */
static bool
parse_exponent(const char *p, size_t n, int digits, int64_t *out)
{
	char text[64], *end;
	double d;

	if (n >= sizeof(text))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	d = strtod(text, &end) * pow(10, digits);
	if (end != text + n || !(fabs(d) < 9e18))
		return false;
	*out = (int64_t)floor(d);
	return true;
}

bool
tsn_parse_decimal(const char *p, size_t n, int digits, int64_t *out)
{
	bool negative = n > 0 && *p == '-', lost = false, ok = true;
	const int wanted = digits;
	size_t i = negative, from;
	int64_t v = 0;

	for (from = i; i < n && is_digit(p[i]); i++)
		ok &= add_digit(&v, p[i] - '0', 10);
	if (i == from)
		return false;
	if (i < n && p[i] == '.') {
		for (i++; i < n && is_digit(p[i]); i++) {
			if (digits > 0)
				ok &= add_digit(&v, p[i] - '0', 10);
			else
				lost |= p[i] != '0';
			digits -= digits > 0;
		}
	}
	if (i < n)
		return (p[i] | 32) == 'e' && parse_exponent(p, n, wanted, out);
	for (; digits > 0; digits--)
		ok &= add_digit(&v, 0, 10);
	for (; digits < 0; digits++) {
		lost |= v % 10 != 0;
		v /= 10;
	}
	*out = negative ? -v - lost : v;
	return ok;
}

/* --- addresses --- */

/* Four decimal bytes; inet_pton is slower and refuses zeros in front, which SiLK pads with. */
static bool
parse_v4(const char *p, size_t n, struct tsn_addr *out)
{
	uint32_t v = 0, byte = 0;
	unsigned digits = 0, dots = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_digit(p[i])) {
			byte = byte * 10 + (uint32_t)(p[i] - '0');
			if (++digits > 3 || byte > 255)
				return false;
		} else if (p[i] == '.' && digits > 0 && ++dots < 4) {
			v = v << 8 | byte;
			byte = digits = 0;
		} else {
			return false;
		}
	}
	*out = tsn_addr_v4(v << 8 | byte);
	return dots == 3 && digits > 0;
}

bool
tsn_parse_addr(const char *p, size_t n, struct tsn_addr *out)
{
	if (n <= 15 && parse_v4(p, n, out))
		return true;
	return n >= 2 && memchr(p, ':', n) != NULL && tsn_addr_parse(p, n, out);
}

bool
tsn_parse_mac(const char *p, size_t n, int64_t *out)
{
	int64_t v = 0;
	unsigned digits = 0;

	for (size_t i = 0; i < n; i++) {
		int d = hex_digit(p[i]);

		if (d >= 0 && ++digits <= 12)
			v = v << 4 | d;
		else if (d >= 0 || (p[i] != ':' && p[i] != '-' && p[i] != '.') || digits % 2 != 0)
			return false;
	}
	*out = v;
	return digits == 12;
}

/* --- times --- */

struct cursor {
	const char *p;
	size_t n, at;
};

/* Between [least] and [most] digits as a number. */
static bool
number(struct cursor *c, size_t least, size_t most, int *out)
{
	size_t from = c->at;

	*out = 0;
	while (c->at < c->n && c->at - from < most && is_digit(c->p[c->at]))
		*out = *out * 10 + (c->p[c->at++] - '0');
	return c->at - from >= least;
}

static inline bool
one_of(struct cursor *c, char a, char b)
{
	if (c->at == c->n || (c->p[c->at] != a && c->p[c->at] != b))
		return false;
	c->at++;
	return true;
}

/* ".123456789" in microseconds; 0 where there is none. */
static int64_t
fraction(struct cursor *c)
{
	int64_t us = 0, unit = US_SECOND / 10;

	if (!one_of(c, '.', '.'))
		return 0;
	for (; c->at < c->n && is_digit(c->p[c->at]); c->at++, unit /= 10)
		us += unit * (c->p[c->at] - '0');
	return us;
}

static bool
clock_time(struct cursor *c, int64_t *us)
{
	int h, m, s = 0;

	if (!number(c, 2, 2, &h) || !one_of(c, ':', ':') || !number(c, 2, 2, &m))
		return false;
	if (one_of(c, ':', ':') && !number(c, 2, 2, &s))
		return false;
	*us = ((int64_t)h * 3600 + m * 60 + s) * US_SECOND + fraction(c);
	return h < 25 && m < 60 && s < 61;
}

/* "Z", "+02:00", "+0200", "+02" or nothing. */
static bool
zone(struct cursor *c, int64_t *us)
{
	bool east = c->at < c->n && c->p[c->at] == '+';
	int h, m = 0;

	*us = 0;
	if (c->at == c->n || one_of(c, 'Z', 'z'))
		return c->at == c->n;
	if (!one_of(c, '+', '-') || !number(c, 2, 2, &h))
		return false;
	one_of(c, ':', ':');
	if (c->at < c->n && !number(c, 2, 2, &m))
		return false;
	*us = ((int64_t)h * 60 + m) * 60 * US_SECOND * (east ? 1 : -1);
	return c->at == c->n && h < 24 && m < 60;
}

bool
tsn_parse_date(const char *p, size_t n, int64_t *us)
{
	struct cursor c = { p, n, 0 };
	int year, month, day;
	int64_t time = 0, off = 0;

	if (!number(&c, 4, 6, &year) || !one_of(&c, '-', '/') || !number(&c, 1, 2, &month) || !one_of(&c, '-', '/') || !number(&c, 1, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (c.at < n && (!one_of(&c, 'T', ' ') || !clock_time(&c, &time) || !zone(&c, &off)))
		return false;
	if (__builtin_mul_overflow(tsn_days_from_date(year, month, day), US_DAY, us))
		return false;
	return !__builtin_add_overflow(*us, time - off, us);
}

/* "1h30m": what tsn_duration_text writes. */
static bool
units_span(struct cursor c, int64_t *us)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "ms", 1000 }, { "us", 1 }, { "d", US_DAY }, { "h", 3600 * US_SECOND }, { "m", 60 * US_SECOND }, { "s", US_SECOND } };
	int64_t sum = 0;

	while (c.at < c.n) {
		size_t from = c.at, unit = 0;
		int64_t v;

		while (c.at < c.n && is_digit(c.p[c.at]))
			c.at++;
		if (!tsn_parse_uint(c.p + from, c.at - from, &v))
			return false;
		for (; unit < sizeof(units) / sizeof(units[0]); unit++) {
			size_t len = strlen(units[unit].name);

			if (c.n - c.at >= len && memcmp(c.p + c.at, units[unit].name, len) == 0)
				break;
		}
		if (unit == sizeof(units) / sizeof(units[0]))
			return false;
		c.at += strlen(units[unit].name);
		if (__builtin_mul_overflow(v, units[unit].us, &v) || __builtin_add_overflow(sum, v, &sum))
			return false;
	}
	*us = sum;
	return true;
}

/* "1d 02:03:04.005", "02:03:04" and Argus' "03:04". */
static bool
clock_span(struct cursor c, int64_t *us)
{
	int v[3] = { 0 }, parts = 0, days = 0;
	struct cursor ahead = c;

	if (number(&ahead, 1, 6, &days) && one_of(&ahead, 'd', 'd')) {
		c = ahead;
		one_of(&c, ' ', ' ');
	} else {
		days = 0;
	}
	do {
		if (!number(&c, 1, 6, &v[parts]))
			return false;
		parts++;
	} while (parts < 3 && one_of(&c, ':', ':'));
	if (parts == 2) {
		v[2] = v[1];
		v[1] = v[0];
		v[0] = 0;
	}
	*us = days * US_DAY + ((int64_t)v[0] * 3600 + (int64_t)v[1] * 60 + v[2]) * US_SECOND + fraction(&c);
	return parts > 1 && c.at == c.n;
}

bool
tsn_parse_span(const char *p, size_t n, int64_t *us)
{
	struct cursor c = { p, n, 0 };
	bool negative = one_of(&c, '-', '-');

	if (c.at == n || (!units_span(c, us) && !clock_span(c, us)))
		return false;
	if (negative)
		*us = -*us;
	return true;
}

/* --- flags and protocols --- */

static bool
flag_letters(const char *p, size_t n, int64_t *out)
{
	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case 'F': *out |= 0x01; break;
		case 'S': *out |= 0x02; break;
		case 'R': *out |= 0x04; break;
		case 'P': *out |= 0x08; break;
		case 'A': *out |= 0x10; break;
		case 'U': *out |= 0x20; break;
		case 'E': *out |= 0x40; break;
		case 'C': *out |= 0x80; break;
		case 'N': *out |= 0x100; break;
		default:  return false;
		}
	}
	return true;
}

bool
tsn_parse_flags(const char *p, size_t n, int64_t *out)
{
	size_t i = 0, from;
	int64_t v;

	*out = 0;
	while (i < n) {
		if (!is_digit(p[i]) && !is_alpha(p[i])) {
			i++;
			continue;
		}
		for (from = i; i < n && (is_digit(p[i]) || is_alpha(p[i])); i++)
			;
		if (tsn_parse_uint(p + from, i - from, &v) || (v = tsn_flag_find(p + from, i - from)) >= 0)
			*out |= v;
		else if (!flag_letters(p + from, i - from, out))
			return false;
	}
	return *out <= UINT16_MAX;
}

struct proto_name {
	const char *name;
	int number;
};

static const struct proto_name of_nfdump[] = {
#define NFDUMP(name, number) { name, number },
#include "decode/text_protos.def"
#undef NFDUMP
	{ NULL, 0 }
};

static const struct proto_name of_others[] = {
#define OTHER(name, number) { name, number },
#include "decode/text_protos.def"
#undef OTHER
	{ NULL, 0 }
};

static int
find_name(const struct proto_name *names, const char *name, size_t n)
{
	for (; names->name != NULL; names++)
		if (strlen(names->name) == n && memcmp(names->name, name, n) == 0)
			return names->number;
	return -1;
}

bool
tsn_parse_proto(const char *p, size_t n, bool nfdump, int64_t *out)
{
	char name[24];

	if (tsn_parse_uint(p, n, out))
		return *out <= 255;
	if (n >= sizeof(name) || n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = is_alpha(p[i]) ? (char)(p[i] | 32) : p[i] == '-' ? '_' : p[i];
	if (n == 3 && memcmp(name, "tcp", 3) == 0)
		*out = 6;
	else if (n == 3 && memcmp(name, "udp", 3) == 0)
		*out = 17;
	else if ((!nfdump || (*out = find_name(of_nfdump, name, n)) < 0) && (*out = tsn_proto_find(name, n)) < 0)
		*out = find_name(of_others, name, n);
	return *out >= 0;
}
