/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Random rule files that are right, for the tests of the formatter: a derivation of the grammar
 * with random blanks, line breaks and comments between the tokens. Seeded, so a failure repeats.
 */
#ifndef TSN_TEST_FMT_RANDOM_H
#define TSN_TEST_FMT_RANDOM_H

#include <stdint.h>

#include "base/buf.h"
#include "unit/xorshift.h"

struct random {
	struct tsn_buf out;
	uint64_t state;
	unsigned comments;      /* written, numbered so that their order can be checked */
	unsigned depth;
};

static inline unsigned
pick(struct random *r, unsigned n)
{
	return (unsigned)((xorshift(&r->state) >> 11) % n);
}

static inline void
gap(struct random *r)
{
	static const char *const blanks[] = { " ", " ", " ", "  ", "\t", "\n", "\n\n", "\n\n\n ", " \r\n " };

	tsn_buf_puts(&r->out, blanks[pick(r, sizeof(blanks) / sizeof(*blanks))]);
	while (pick(r, 25) == 0) {
		tsn_buf_printf(&r->out, "%s#c%u;%s\n", pick(r, 2) ? "\n" : "", r->comments, pick(r, 2) ? " x  " : "");
		r->comments++;
	}
}

static inline void
say(struct random *r, const char *text)
{
	gap(r);
	tsn_buf_puts(&r->out, text);
}

static inline void
one_of(struct random *r, const char *const *list, unsigned n)
{
	say(r, list[pick(r, n)]);
}

#define ONE_OF(r, ...) \
	do { \
		static const char *const list_[] = { __VA_ARGS__ }; \
		one_of(r, list_, sizeof(list_) / sizeof(*list_)); \
	} while (0)

static inline void expr(struct random *r);

static inline void
name(struct random *r)
{
	ONE_OF(r, "src", "dst", "dst_port", "proto", "N", "SYN", "RST", "a.b", "title", "flow", "history", "value",
	    "a_name_that_is_rather_long_so_that_lines_break");
}

static inline void
duration(struct random *r)
{
	ONE_OF(r, "60s", "5m", "1h30m", "500ms", "window");
}

static inline void
literal(struct random *r)
{
	ONE_OF(r, "1", "0x14", "10k", "2.5", "60s", "5MB", "500Mbit", "\"text # no comment\"", "\"\\\"\"", "10.0.0.1",
	    "10.0.0.0/8", "2001:db8::/32", "::1", "2027-03-01");
}

static inline void
keys(struct random *r)
{
	do {
		name(r);
		if (pick(r, 4) == 0)
			say(r, "/"), say(r, "24");
	} while (pick(r, 3) == 0 && (say(r, ","), 1));
}

static inline void
scope(struct random *r)
{
	if (pick(r, 3) > 0) {
		say(r, "by");
		keys(r);
		if (pick(r, 6) == 0)
			say(r, "at"), keys(r);
	}
	ONE_OF(r, "over", "per");
	duration(r);
	if (pick(r, 6) == 0)
		say(r, "step"), duration(r);
	if (pick(r, 12) == 0)
		say(r, "time received");
}

static inline void
list(struct random *r, unsigned most)
{
	unsigned n = pick(r, most) + 1;

	while (n-- > 0) {
		if (pick(r, 5) == 0)
			literal(r), say(r, ".."), literal(r);
		else
			literal(r);
		if (n > 0)
			say(r, ",");
	}
}

static inline void
call(struct random *r)
{
	name(r);
	say(r, "(");
	if (pick(r, 3) > 0) {
		expr(r);
		if (pick(r, 3) == 0)
			say(r, "where"), expr(r);
		if (pick(r, 4) == 0)
			say(r, ","), say(r, "max_keys"), say(r, "10k");
	}
	say(r, ")");
}

static inline void
primary(struct random *r)
{
	switch (r->depth > 6 || pick(r, 3) == 0 ? pick(r, 2) : pick(r, 8)) {
	case 0: name(r); break;
	case 1: literal(r); break;
	case 2: call(r); break;
	case 3: say(r, "("); expr(r); say(r, ")"); break;
	case 4: say(r, "{"); if (pick(r, 4)) list(r, 5); say(r, "}"); break;
	case 5: say(r, "("); expr(r); say(r, ","); expr(r); say(r, ")"); break;
	case 6: say(r, "has"); say(r, "("); expr(r); say(r, ")"); break;
	default: name(r); break;
	}
}

static inline void
operand(struct random *r)
{
	if (pick(r, 8) == 0)
		say(r, "-");
	primary(r);
	if (pick(r, 6) == 0)
		scope(r);
	if (r->depth < 6 && pick(r, 4) == 0) {
		ONE_OF(r, "|", "&", "+", "-", "*", "/", "%");
		operand(r);
	}
}

static inline void
comparison(struct random *r)
{
	if (pick(r, 7) == 0)
		ONE_OF(r, "not", "!");
	operand(r);
	if (pick(r, 12) == 0) {
		ONE_OF(r, "~", "!~");
		ONE_OF(r, "/^[a-z]#{3,}\\/ x/i", "/a/");
	} else if (pick(r, 4) > 0) {
		ONE_OF(r, "==", "!=", "<", "<=", ">", ">=", "in", "not in", "has");
		operand(r);
	}
}

static inline void
expr(struct random *r)
{
	unsigned n = r->depth == 0 ? pick(r, 4) : r->depth > 3 ? 0 : pick(r, 2);

	r->depth++;
	comparison(r);
	while (n-- > 0) {
		ONE_OF(r, "and", "or", "&&", "||");
		comparison(r);
	}
	r->depth--;
}

static inline void
binding(struct random *r)
{
	switch (pick(r, 6)) {
	case 0: say(r, "let"); say(r, "x"); say(r, "="); expr(r); break;
	case 1: say(r, "set"); say(r, "s"); say(r, "="); say(r, "{"); list(r, 40); say(r, "}"); break;
	case 2: say(r, "set"); say(r, "s"); say(r, "="); say(r, "file \"x\""); say(r, "refresh"); duration(r); break;
	case 3: say(r, "table"); say(r, "t"); say(r, "="); say(r, "{"); literal(r); say(r, "="); literal(r);
		say(r, "}"); say(r, "default"); literal(r); break;
	case 4: say(r, "define"); say(r, "d"); say(r, "="); expr(r); break;
	default: say(r, "set"); say(r, "s"); say(r, "="); say(r, "{"); list(r, 4); say(r, ","); say(r, "}"); break;
	}
}

static inline void
assigns(struct random *r)
{
	do {
		name(r);
		say(r, "=");
		literal(r);
	} while (pick(r, 2) == 0 && (say(r, ","), 1));
}

static inline void
test(struct random *r)
{
	say(r, "test");
	say(r, "\"t\"");
	ONE_OF(r, "fires", "quiet", "fires 3 high");
	if (pick(r, 2) == 0)
		say(r, "for"), assigns(r);
	say(r, "{");
	while (pick(r, 4) > 0) {
		switch (pick(r, 4)) {
		case 0: say(r, "wait"); duration(r); break;
		case 1: say(r, "history"); break;
		default: say(r, "flow"); say(r, "{"); assigns(r); say(r, "}"); say(r, "repeat"); say(r, "3"); break;
		}
	}
	say(r, "}");
}

static inline void
clause(struct random *r)
{
	switch (pick(r, 12)) {
	case 0: say(r, "title"); say(r, "\"a title\""); break;
	case 1: say(r, "severity"); say(r, "low"); say(r, ","); say(r, "high"); say(r, "when"); expr(r); break;
	case 2: say(r, "where"); expr(r); break;
	case 3: say(r, "except"); expr(r); say(r, "{"); say(r, "owner"); say(r, "\"x\""); say(r, "}"); break;
	case 4: say(r, "alert"); say(r, "once"); say(r, "by"); keys(r); say(r, "per"); duration(r); break;
	case 5: say(r, "then"); say(r, "add"); expr(r); say(r, "to"); name(r); say(r, ","); say(r, "remove");
		expr(r); say(r, "from"); name(r); break;
	case 6: say(r, "tags"); say(r, "a"); say(r, ","); say(r, "\"b\""); break;
	case 7: binding(r); break;
	case 8: test(r); break;
	case 9: say(r, "until"); expr(r); break;
	default: say(r, "when"); expr(r); say(r, "for"); duration(r); break;
	}
}

static inline void
declaration(struct random *r)
{
	switch (pick(r, 7)) {
	case 0: say(r, "use"); say(r, "stdlib"); break;
	case 1: say(r, "disable"); say(r, "a.*"); say(r, ","); say(r, "b.c"); break;
	case 2: say(r, "site"); say(r, "{"); say(r, "listen"); say(r, "udp"); say(r, "\"x\""); say(r, "output");
		say(r, "syslog"); say(r, "\"y\""); say(r, "severity"); say(r, ">="); say(r, "low"); say(r, "}"); break;
	case 3: case 4: binding(r); break;
	default:
		say(r, pick(r, 4) ? "rule" : "override");
		say(r, "a");
		say(r, "{");
		while (pick(r, 6) > 0)
			clause(r);
		say(r, "}");
		break;
	}
}

/* The text is in r->out; the caller frees it. */
static inline void
random_file(struct random *r, uint64_t seed)
{
	*r = (struct random){ .out = TSN_BUF_INIT, .state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	while (pick(r, 5) > 0)
		declaration(r);
	gap(r);
}

#endif
