/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a filter of nfdump can ask of a record, as a condition of ours: each word with what may stand behind it.
 */
#include <stdio.h>
#include <string.h>

#include "author/import_nfdump.h"

/* --- comparisons --- */

enum cmp { EQ, NE, LT, LE, GT, GE };
static const char *const cmp_text[] = { "==", "!=", "<", "<=", ">", ">=" };

static enum cmp
comparison(struct tsn_nfdump *f)
{
	static const struct { const char *word; enum cmp cmp; } v[] = {
		{ "=", EQ }, { "==", EQ }, { "eq", EQ }, { "<", LT }, { "lt", LT }, { "<=", LE }, { "le", LE },
		{ ">", GT }, { "gt", GT }, { ">=", GE }, { "ge", GE },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (tsn_nfdump_accept(f, v[i].word))
			return v[i].cmp;
	return EQ;
}

static bool
holds(int64_t a, enum cmp cmp, int64_t b)
{
	switch (cmp) {
	case EQ: return a == b;
	case NE: return a != b;
	case LT: return a < b;
	case LE: return a <= b;
	case GT: return a > b;
	default: return a >= b;
	}
}

/* A number, perhaps with k, m, g or t behind it: thousands of thousands. */
static bool
number(struct tsn_nfdump *f, int64_t most, int64_t *out)
{
	static const char scales[] = "kmgt";
	const struct tsn_nfdump_token at = f->now;
	struct tsn_str s = at.s;
	const char *scale = s.n > 1 ? strchr(scales, s.p[s.n - 1] | 0x20) : NULL;
	int64_t v;

	if (scale != NULL)
		s.n--;
	if (!tsn_import_int(s, &v))
		return tsn_nfdump_refuse(f, &at, "a number is expected");
	for (const char *p = scales; scale != NULL && p <= scale; p++)
		if (__builtin_mul_overflow(v, 1000, &v))
			return tsn_nfdump_refuse(f, &at, "this number is too large");
	if (v > most)
		return tsn_nfdump_refuse(f, &at, "this number is too large here");
	*out = v;
	tsn_nfdump_next(f);
	return true;
}

/* --- writing --- */

enum absent { CANNOT, IS_ZERO, IS_FALSE };

/* The condition [text] on [field]; [zero]: 0 meets it. */
static void
leaf(struct tsn_nfdump *f, const char *field, enum absent absent, bool zero, const char *text)
{
	struct tsn_buf *out = &f->im->condition;

	if (absent == IS_ZERO && zero)
		tsn_buf_printf(out, "(not has(%s) or %s)", field, text);
	else if (absent != CANNOT && f->negated)
		tsn_buf_printf(out, "(has(%s) and %s)", field, text);
	else
		tsn_buf_puts(out, text);
}

/* [each] of both directions, or of one. */
static void
sides(struct tsn_nfdump *f, enum tsn_nfdump_side side, const char *src, const char *dst, enum absent absent, bool zero, const char *rest)
{
	char text[2][200];

	snprintf(text[0], sizeof(text[0]), "%s %s", src, rest);
	snprintf(text[1], sizeof(text[1]), "%s %s", dst, rest);
	if (side == EITHER || side == BOTH) {
		tsn_buf_putc(&f->im->condition, '(');
		leaf(f, src, absent, zero, text[0]);
		tsn_buf_puts(&f->im->condition, side == BOTH ? " and " : " or ");
		leaf(f, dst, absent, zero, text[1]);
		tsn_buf_putc(&f->im->condition, ')');
	} else {
		leaf(f, side == SRC || side == IN ? src : dst, absent, zero, text[side == SRC || side == IN ? 0 : 1]);
	}
}

/* The same of a list that may be long. */
static void
sides_in(struct tsn_nfdump *f, enum tsn_nfdump_side side, const char *src, const char *dst, enum absent absent, bool zero, const struct tsn_buf *set)
{
	const char *field[2] = { src, dst };
	const bool two = side == EITHER || side == BOTH;
	struct tsn_buf *out = &f->im->condition;

	if (two)
		tsn_buf_putc(out, '(');
	for (int i = 0; i < 2; i++) {
		if (!two && i != (side == SRC || side == IN ? 0 : 1))
			continue;
		if (two && i == 1)
			tsn_buf_puts(out, side == BOTH ? " and " : " or ");
		if (absent == IS_ZERO && zero)
			tsn_buf_printf(out, "(not has(%s) or %s in { ", field[i], field[i]);
		else if (absent != CANNOT && f->negated)
			tsn_buf_printf(out, "(has(%s) and %s in { ", field[i], field[i]);
		else
			tsn_buf_printf(out, "%s in { ", field[i]);
		tsn_buf_puts(out, tsn_buf_str(set));
		tsn_buf_puts(out, absent == CANNOT || (!f->negated && !(absent == IS_ZERO && zero)) ? " }" : " })");
	}
	if (two)
		tsn_buf_putc(out, ')');
	if (set->failed)
		f->im->no_memory = true;
}

static bool
has_sides(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	if (side == EITHER || side == SRC || side == DST || side == BOTH)
		return true;
	return tsn_nfdump_refuse(f, at, "this word takes src or dst");
}

/* --- what can be asked --- */

static bool
one_of_list(struct tsn_nfdump *f, bool (*item)(struct tsn_nfdump *, struct tsn_buf *, bool *zero), struct tsn_buf *set, bool *zero)
{
	if (!tsn_nfdump_accept(f, "["))
		return tsn_nfdump_refuse(f, &f->now, "a list is expected: [ A B ]");
	while (!tsn_nfdump_is(f, "]")) {
		if (f->now.s.n == 0)
			return tsn_nfdump_refuse(f, &f->now, "this list is not closed");
		if (tsn_nfdump_accept(f, ","))
			continue;
		if (set->len > 0)
			tsn_buf_puts(set, ", ");
		if (!item(f, set, zero))
			return false;
	}
	if (set->len == 0)
		return tsn_nfdump_refuse(f, &f->now, "this list is empty");
	tsn_nfdump_next(f);
	return true;
}

/* 10.1/16 of old habit is 10.1.0.0/16. */
static bool
prefix_of(struct tsn_str s, struct tsn_prefix *out)
{
	char text[TSN_ADDR_TEXT];
	const char *slash = memchr(s.p, '/', s.n);
	size_t dots = 0, n = slash == NULL ? s.n : (size_t)(slash - s.p);

	if (tsn_prefix_parse(s.p, s.n, out))
		return true;
	if (slash == NULL || s.n > 40 || memchr(s.p, ':', n) != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		dots += s.p[i] == '.';
	if (dots >= 3)
		return false;
	snprintf(text, sizeof(text), "%.*s%s%.*s", (int)n, s.p, dots == 2 ? ".0" : dots == 1 ? ".0.0" : ".0.0.0", (int)(s.n - n), slash);
	return tsn_prefix_parse(text, strlen(text), out);
}

static bool
add_address(struct tsn_nfdump *f, struct tsn_buf *out, bool *zero)
{
	char text[TSN_ADDR_TEXT];
	struct tsn_prefix p;

	if (!prefix_of(f->now.s, &p))
		return tsn_nfdump_refuse(f, &f->now, "an address is expected; names are not looked up");
	if (zero != NULL && p.addr.hi == 0 && p.addr.lo == 0)
		*zero = true;
	tsn_buf_puts(out, p.len == (p.addr.v4 ? 32 : 128) ? tsn_addr_text(p.addr, text) : tsn_prefix_text(p, text));
	tsn_nfdump_next(f);
	return true;
}

static bool
add_number(struct tsn_nfdump *f, struct tsn_buf *out, bool *zero)
{
	int64_t v;

	if (!number(f, UINT32_MAX, &v))
		return false;
	*zero |= v == 0;
	tsn_buf_int(out, v);
	return true;
}

/* Which address of the record stands behind this word. */
static bool
addresses(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side, const char **src, const char **dst, enum absent *absent, enum tsn_nfdump_side *which)
{
	*src = "src";
	*dst = "dst";
	*absent = CANNOT;
	*which = side;
	if (side == NEXT || side == BGPNEXT || side == ROUTER) {
		*src = side == NEXT ? "next_hop" : side == BGPNEXT ? "ie(18)" : "exporter";
		*absent = IS_ZERO;
		*which = SRC;
		return true;
	}
	return has_sides(f, at, side);
}

static bool
ip(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	struct tsn_buf set = TSN_BUF_INIT;
	const char *src, *dst;
	enum absent absent;
	bool zero = false, list, ok;
	char rest[TSN_ADDR_TEXT + 8];

	if (!addresses(f, at, side, &src, &dst, &absent, &side))
		return false;
	list = tsn_nfdump_accept(f, "in");
	if (!list && !tsn_nfdump_accept(f, "="))
		tsn_nfdump_accept(f, "==");
	ok = list ? one_of_list(f, add_address, &set, &zero) : add_address(f, &set, &zero);
	if (ok && !list && zero && absent == IS_ZERO) { /* the zero of one family is that of the other there */
		tsn_buf_clear(&set);
		tsn_buf_puts(&set, "0.0.0.0, ::");
		list = true;
	}
	if (ok && list) {
		sides_in(f, side, src, dst, absent, zero, &set);
	} else if (ok) {
		snprintf(rest, sizeof(rest), "%s %s", strchr(tsn_buf_str(&set), '/') != NULL ? "in" : "==", tsn_buf_str(&set));
		sides(f, side, src, dst, absent, zero, rest);
	}
	tsn_buf_fini(&set);
	return ok;
}

static bool
mask_len(struct tsn_str s, unsigned *out)
{
	struct tsn_addr a;
	uint32_t v;

	if (!tsn_addr_parse(s.p, s.n, &a) || !a.v4)
		return false;
	v = ~(uint32_t)a.lo;
	*out = v == 0 ? 32 : (unsigned)__builtin_clz(v);
	return (v & (v + 1)) == 0;
}

/* net 10.0.0.0/8, net 10.0.0.0 255.0.0.0 */
static bool
net(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	char text[TSN_ADDR_TEXT], rest[TSN_ADDR_TEXT + 8];
	struct tsn_prefix p;
	unsigned len;

	if (!has_sides(f, at, side))
		return false;
	if (!prefix_of(f->now.s, &p))
		return tsn_nfdump_refuse(f, &f->now, "a prefix is expected: 10.0.0.0/8");
	if (memchr(f->now.s.p, '/', f->now.s.n) == NULL) {
		tsn_nfdump_next(f);
		if (!mask_len(f->now.s, &len))
			return tsn_nfdump_refuse(f, &f->now, "a mask is expected: 10.0.0.0 255.0.0.0, or 10.0.0.0/8");
		p.addr = tsn_addr_mask(p.addr, len, 128);
		p.len = (uint8_t)len;
	}
	tsn_nfdump_next(f);
	snprintf(rest, sizeof(rest), "in %s", tsn_prefix_text(p, text));
	sides(f, side, "src", "dst", CANNOT, false, rest);
	return true;
}

/* Words with a number behind them: KEY [COMPARISON] NUMBER, some also KEY in [ LIST ]. */
static const struct numeric {
	const char *word;
	const char *src, *dst;         /* equal: it takes no direction */
	enum absent absent;
	enum tsn_nfdump_side lone;                /* BOTH: src and dst mean the two; IN: in and out do */
	int64_t most;
	const char *unit;
	bool whole;                    /* a quotient that is rounded down there */
} numerics[] = {
	{ "port", "src_port", "dst_port", IS_FALSE, BOTH, 65535, "", false },
	{ "if", "in_if", "out_if", IS_ZERO, IN, UINT32_MAX, "", false },
	{ "as", "src_as", "dst_as", IS_ZERO, BOTH, UINT32_MAX, "", false },
	{ "mask", "src_mask", "dst_mask", IS_ZERO, BOTH, 128, "", false },
	{ "icmp-type", "icmp_type", "icmp_type", IS_FALSE, BOTH, 255, "", false },
	{ "icmp-code", "icmp_code", "icmp_code", IS_FALSE, BOTH, 255, "", false },
	{ "packets", "packets", "packets", CANNOT, BOTH, INT64_MAX, "", false },
	{ "bytes", "bytes", "bytes", CANNOT, BOTH, INT64_MAX, "", false },
	{ "bpp", "bytes_per_packet", "bytes_per_packet", IS_ZERO, BOTH, INT32_MAX, "", true },
	{ "bps", "bps", "bps", IS_ZERO, BOTH, INT64_MAX / 2, "", true },
	{ "pps", "pps", "pps", IS_ZERO, BOTH, INT64_MAX / 2, "", true },
	{ "duration", "duration", "duration", IS_ZERO, BOTH, INT32_MAX, "ms", false },
};

static void
whole(struct tsn_nfdump *f, const struct numeric *k, enum cmp cmp, int64_t v)
{
	char text[160];
	const long long a = v, b = v + 1;

	switch (cmp) {
	case EQ:
		snprintf(text, sizeof(text), "(%s >= %lld and %s < %lld)", k->src, a, k->src, b);
		break;
	case LT:
		snprintf(text, sizeof(text), "%s < %lld", k->src, a);
		break;
	case LE:
		snprintf(text, sizeof(text), "%s < %lld", k->src, b);
		break;
	case GT:
		snprintf(text, sizeof(text), "%s >= %lld", k->src, b);
		break;
	default:
		snprintf(text, sizeof(text), "%s >= %lld", k->src, a);
	}
	leaf(f, k->src, k->absent, holds(0, cmp, v), text);
}

static bool
numeric(struct tsn_nfdump *f, const struct numeric *k, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	struct tsn_buf set = TSN_BUF_INIT;
	const bool one = k->src == k->dst;
	bool zero = false, ok = true;
	enum cmp cmp;
	char rest[48];
	int64_t v;

	if (one && side != EITHER)
		return tsn_nfdump_refuse(f, at, "this word takes no direction");
	if (!one && side != EITHER && (k->lone == IN ? side != IN && side != OUT : side != SRC && side != DST && side != BOTH))
		return tsn_nfdump_refuse(f, at, k->lone == IN ? "this word takes in or out" : "this word takes src or dst");
	if (tsn_nfdump_accept(f, "in")) {
		ok = one_of_list(f, add_number, &set, &zero);
		if (ok)
			sides_in(f, one ? SRC : side, k->src, k->dst, k->absent, zero, &set);
		tsn_buf_fini(&set);
		return ok;
	}
	cmp = comparison(f);
	if (!number(f, k->most, &v))
		return false;
	if (k->whole) {
		whole(f, k, cmp, v);
		return true;
	}
	snprintf(rest, sizeof(rest), "%s %lld%s", cmp_text[cmp], (long long)v, k->unit);
	sides(f, one ? SRC : side, k->src, k->dst, k->absent, holds(0, cmp, v), rest);
	return true;
}

static bool
proto(struct tsn_nfdump *f)
{
	static const char *const habits[][2] = { { "ipv6-icmp", "icmp6" }, { "icmpv6", "icmp6" } };
	const struct tsn_nfdump_token at = f->now;
	char name[32];
	int64_t v = -1;

	if (!tsn_import_int(at.s, &v) && at.s.n > 0 && at.s.n < sizeof(name)) {
		for (uint32_t i = 0; i <= at.s.n; i++)
			name[i] = i == at.s.n ? '\0' : (char)(at.s.p[i] >= 'A' && at.s.p[i] <= 'Z' ? at.s.p[i] | 0x20 : at.s.p[i]);
		for (size_t i = 0; i < 2; i++)
			if (strcmp(name, habits[i][0]) == 0)
				snprintf(name, sizeof(name), "%s", habits[i][1]);
		v = tsn_proto_find(name, strlen(name));
	}
	if (v < 0 || v > 255)
		return tsn_nfdump_refuse(f, &at, "a protocol is expected: tcp, udp, icmp or its number");
	tsn_nfdump_next(f);
	if (tsn_proto_name((unsigned)v) != NULL)
		tsn_buf_printf(&f->im->condition, "proto == %s", tsn_proto_name((unsigned)v));
	else
		tsn_buf_printf(&f->im->condition, "proto == %d", (int)v);
	return true;
}

/* Letters: all of these flags are on. X is all six. */
static bool
flags(struct tsn_nfdump *f)
{
	static const char letters[] = "FSRPAUX", *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };
	const struct tsn_nfdump_token at = f->now;
	unsigned bits = 0;
	struct tsn_buf text = TSN_BUF_INIT;

	for (uint32_t i = 0; i < at.s.n; i++) {
		const char *l = memchr(letters, at.s.p[i] & ~0x20, sizeof(letters) - 1);

		if (l == NULL)
			return tsn_nfdump_refuse(f, &at, "flags are letters of FSRPAU");
		bits |= *l == 'X' ? 63 : 1u << (l - letters);
	}
	if (bits == 0)
		return tsn_nfdump_refuse(f, &at, "flags are expected: letters of FSRPAU");
	tsn_nfdump_next(f);
	tsn_buf_puts(&text, "flags has ");
	for (unsigned i = 0, n = 0; i < 6; i++)
		if (bits >> i & 1)
			tsn_buf_printf(&text, "%s%s", n++ > 0 ? "|" : "", names[i]);
	leaf(f, "flags", IS_FALSE, false, tsn_buf_str(&text));
	f->im->no_memory |= text.failed;
	tsn_buf_fini(&text);
	return true;
}

static bool
tos(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	char text[32];
	int64_t v;

	if (side != EITHER && side != SRC)
		return tsn_nfdump_refuse(f, at, "only the type of service of the source is kept here: tos or src tos");
	tsn_nfdump_accept(f, "=");
	if (!number(f, 255, &v))
		return false;
	if (side == EITHER)
		tsn_import_leave_out(f->im, "tos of the way back, which nfdump also looks at");
	snprintf(text, sizeof(text), "tos == %d", (int)v);
	leaf(f, "tos", IS_ZERO, v == 0, text);
	return true;
}

static bool
vlan(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side)
{
	char text[32];
	int64_t v;

	if (side != SRC)
		return tsn_nfdump_refuse(f, at, "only the VLAN that a flow came in by is kept here: src vlan");
	tsn_nfdump_accept(f, "=");
	if (!number(f, 4095, &v))
		return false;
	snprintf(text, sizeof(text), "vlan == %d", (int)v);
	leaf(f, "vlan", IS_ZERO, v == 0, text);
	return true;
}

/* --- by word --- */

bool
tsn_nfdump_ask(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side, const struct tsn_nfdump_token *word)
{
	for (size_t i = 0; i < sizeof(numerics) / sizeof(numerics[0]); i++)
		if (tsn_import_same(word->s, numerics[i].word))
			return numeric(f, &numerics[i], at, side);
	if (tsn_import_same(word->s, "ip") || tsn_import_same(word->s, "host"))
		return ip(f, at, side);
	if (tsn_import_same(word->s, "net"))
		return net(f, at, side);
	if (tsn_import_same(word->s, "tos"))
		return tos(f, at, side);
	if (tsn_import_same(word->s, "vlan"))
		return vlan(f, at, side);
	if (side != EITHER)
		return tsn_nfdump_refuse(f, word, "this has no counterpart here");
	if (tsn_import_same(word->s, "proto"))
		return proto(f);
	if (tsn_import_same(word->s, "flags"))
		return flags(f);
	if (tsn_import_same(word->s, "any")) {
		tsn_buf_puts(&f->im->condition, "has(src)");
		return true;
	}
	if (tsn_import_same(word->s, "inet") || tsn_import_same(word->s, "ipv4") || tsn_import_same(word->s, "inet6") || tsn_import_same(word->s, "ipv6")) {
		tsn_buf_printf(&f->im->condition, "ip_version == %c", word->s.p[word->s.n - 1] == '6' ? '6' : '4');
		return true;
	}
	return tsn_nfdump_refuse(f, word, word->s.n == 0 ? "a condition is expected" : "this has no counterpart here");
}
