/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One member of a file as text, by the type it must have. */
#include <string.h>

#include "sets/file.h"

struct text {
	const char *p;
	size_t n;
};

static struct text
trim(struct text t)
{
	while (t.n > 0 && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.n--;
	}
	while (t.n > 0 && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t' || t.p[t.n - 1] == '\r'))
		t.n--;
	return t;
}

/* "A..B" and "A-B"; a '-' in front is a sign. False if there is one part only. */
static bool
split_range(struct text t, struct text *lo, struct text *hi)
{
	for (size_t i = 1; i + 1 < t.n; i++) {
		size_t width = t.p[i] == '-' ? 1 : t.p[i] == '.' && t.p[i + 1] == '.' ? 2 : 0;

		if (width == 0 || i + width >= t.n)
			continue;
		*lo = trim((struct text){ t.p, i });
		*hi = trim((struct text){ t.p + i + width, t.n - i - width });
		return true;
	}
	return false;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static bool
parse_int(struct text t, int64_t *out)
{
	bool minus = t.n > 0 && t.p[0] == '-';
	size_t i = minus;
	int base = 10;
	uint64_t v = 0;

	if (t.n > i + 2 && t.p[i] == '0' && (t.p[i + 1] | 0x20) == 'x') {
		base = 16;
		i += 2;
	}
	if (i >= t.n)
		return false;
	for (; i < t.n; i++) {
		int d = digit(t.p[i]);

		if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (v > (uint64_t)INT64_MAX + minus)
		return false;
	*out = (int64_t)(minus ? -v : v);
	return true;
}

static bool
parse_flags(struct text t, int64_t *out)
{
	const char *p = t.p, *end = t.p + t.n, *bar;
	struct text word;
	int bit;

	for (*out = 0;; p = bar + 1) {
		bar = memchr(p, '|', (size_t)(end - p));
		word = trim((struct text){ p, (size_t)((bar != NULL ? bar : end) - p) });
		bit = tsn_flag_find(word.p, word.n);
		if (bit < 0)
			return false;
		*out |= bit;
		if (bar == NULL)
			return true;
	}
}

static bool
parse_mac(struct text t, int64_t *out)
{
	if (t.n != 17)
		return false;
	*out = 0;
	for (size_t i = 0; i < 17; i += 3) {
		int high = digit(t.p[i]), low = digit(t.p[i + 1]);

		if (high > 15 || low > 15 || (i < 15 && t.p[i + 2] != ':' && t.p[i + 2] != '-'))
			return false;
		*out = *out << 8 | high << 4 | low;
	}
	return true;
}

/* One integer of the type, by its name or in digits. */
static bool
parse_value(struct text t, enum tsn_type type, int64_t *out)
{
	int64_t most = type == TSN_T_PORT ? UINT16_MAX : type == TSN_T_PROTO ? UINT8_MAX :
	    type == TSN_T_FLAGS ? UINT16_MAX : INT64_MAX;
	int named = type == TSN_T_PORT ? tsn_service_find(t.p, t.n) :
	    type == TSN_T_PROTO ? tsn_proto_find(t.p, t.n) : -1;

	if (type == TSN_T_MAC)
		return parse_mac(t, out);
	if (type == TSN_T_FLAGS && parse_flags(t, out))
		return true;
	if (named >= 0) {
		*out = named;
		return true;
	}
	return parse_int(t, out) && *out <= most && (*out >= 0 || most == INT64_MAX);
}

/* [b] NULL: only tried. */
static bool
add_addr(struct text t, struct tsn_set_builder *b, uint32_t row, enum tsn_set_error *error)
{
	struct text lo_text, hi_text;
	struct tsn_addr lo, hi;
	struct tsn_prefix p;

	if (tsn_prefix_parse(t.p, t.n, &p)) {
		if (b != NULL)
			*error = tsn_set_builder_add_prefix(b, p, row);
		return *error == TSN_SET_OK;
	}
	if (!split_range(t, &lo_text, &hi_text) || !tsn_addr_parse(lo_text.p, lo_text.n, &lo) ||
	    !tsn_addr_parse(hi_text.p, hi_text.n, &hi) || lo.v4 != hi.v4 ||
	    tsn_addr_cmp(lo, hi) > 0)
		return false;
	if (b != NULL)
		*error = tsn_set_builder_add_addr_range(b, lo, hi, row);
	return *error == TSN_SET_OK;
}

static bool
add_int(struct text t, enum tsn_type type, struct tsn_set_builder *b, uint32_t row,
    enum tsn_set_error *error)
{
	struct text lo_text, hi_text;
	int64_t lo, hi;

	if (parse_value(t, type, &lo)) {
		hi = lo;
	} else if (type == TSN_T_MAC || !split_range(t, &lo_text, &hi_text) ||
	    !parse_value(lo_text, type, &lo) ||
	    !parse_value(hi_text, type, &hi) || lo > hi) {
		return false;
	}
	if (b != NULL)
		*error = tsn_set_builder_add_int_range(b, lo, hi, row);
	return *error == TSN_SET_OK;
}

bool
tsn_set_member_parse(const char *s, size_t n, enum tsn_type type, struct tsn_set_builder *b,
    uint32_t row, enum tsn_set_error *error)
{
	struct text t = trim((struct text){ s, n });

	*error = TSN_SET_OK;
	if (t.n == 0 || memchr(t.p, '\0', t.n) != NULL)
		return false;
	switch (type) {
	case TSN_T_ADDR:
	case TSN_T_PREFIX:
		return add_addr(t, b, row, error);
	case TSN_T_STRING:
		if (b != NULL)
			*error = tsn_set_builder_add_str(b, t.p, t.n, row);
		return *error == TSN_SET_OK;
	default:
		return add_int(t, type, b, row, error);
	}
}
