/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Words of messages, and durations wherever the language wants one. */
#include <stdarg.h>

#include "compile/check.h"

#define SHOWN 40 /* characters of a piece of source repeated in a message */

const char *
ck_a_type(enum tsn_type t)
{
	switch (t) {
	case TSN_T_INT: return "an integer";
	case TSN_T_REAL: return "a real number";
	case TSN_T_BOOL: return "a condition";
	case TSN_T_ADDR: return "an address";
	case TSN_T_PORT: return "a port";
	case TSN_T_PROTO: return "a protocol";
	case TSN_T_FLAGS: return "TCP flags";
	case TSN_T_TIME: return "a time";
	case TSN_T_DURATION: return "a duration";
	case TSN_T_STRING: return "a string";
	case TSN_T_MAC: return "a MAC address";
	case TSN_T_DIRECTION: return "a direction";
	case TSN_T_FWD: return "a forwarding status";
	case TSN_T_PREFIX: return "a prefix";
	case TSN_T_SIZE: return "a size";
	case TSN_T_SET: return "a set";
	case TSN_T_TUPLE: return "a tuple";
	case TSN_T_REGEX: return "a regular expression";
	default: return "nothing";
	}
}

const char *
ck_the_types(enum tsn_type t)
{
	switch (t) {
	case TSN_T_INT: return "integers";
	case TSN_T_REAL: return "real numbers";
	case TSN_T_ADDR: return "addresses";
	case TSN_T_PORT: return "ports";
	case TSN_T_PROTO: return "protocols";
	case TSN_T_FLAGS: return "TCP flags";
	case TSN_T_TIME: return "times";
	case TSN_T_DURATION: return "durations";
	case TSN_T_STRING: return "strings";
	case TSN_T_MAC: return "MAC addresses";
	case TSN_T_DIRECTION: return "directions";
	case TSN_T_FWD: return "forwarding statuses";
	case TSN_T_TUPLE: return "tuples";
	case TSN_T_SIZE: return "sizes";
	default: return "values";
	}
}

const char *
ck_text(struct tsn_ck *c, const struct tsn_node *n)
{
	return ck_span_text(c, n->span, SHOWN);
}

const char *
ck_span_text(struct tsn_ck *c, struct tsn_span span, size_t most)
{
	const struct tsn_sources *s = c->world->sources;
	const struct tsn_source *src;
	size_t len, mark = c->buf.len;
	bool space = false;

	if (span.file >= s->n)
		return "";
	src = &s->v[span.file];
	for (len = span.begin; len < span.end && len < src->len; len++) {
		char ch = src->text[len];

		if (ch == '\n' || ch == '\t' || ch == ' ' || ch == '\r') {
			space = true;
			continue;
		}
		if (space && c->buf.len > mark)
			tsn_buf_putc(&c->buf, ' ');
		space = false;
		/* Never inside a character of several bytes. */
		if (c->buf.len - mark >= most && ((unsigned char)ch & 0xc0) != 0x80) {
			tsn_buf_puts(&c->buf, "...");
			break;
		}
		tsn_buf_putc(&c->buf, ch);
	}
	return ck_take(c, mark);
}

bool
ck_enter(struct tsn_ck *c, struct ck_sym *s, struct tsn_span use)
{
	if (s->busy)
		tsn_diag_also(tsn_diag_error(c->diags, TSN_E_CYCLE, use, "%s needs itself", s->name), s->decl->at,
		    "defined here");
	else if (c->chain >= CK_CHAIN_MAX)
		tsn_diag_error(c->diags, TSN_E_LIMIT, use, "more than %d definitions need one another in a row", CK_CHAIN_MAX);
	else {
		s->busy = true;
		c->chain++;
		return true;
	}
	s->broken = true;
	return false;
}

void
ck_leave(struct tsn_ck *c, struct ck_sym *s)
{
	s->busy = false;
	c->chain--;
}

bool
ck_down(struct tsn_ck *c, struct tsn_span at)
{
	if (c->too_large || !ck_step(c))
		return false;
	if (c->depth < CK_DEPTH_MAX) {
		c->depth++;
		return true;
	}
	tsn_diag_error(c->diags, TSN_E_DEPTH, at, "these definitions are nested too deeply");
	c->too_large = true;
	return false;
}

void
ck_up(struct tsn_ck *c)
{
	c->depth--;
}

static void
too_much(struct tsn_ck *c)
{
	if (!c->too_large)
		tsn_diag_error(c->diags, TSN_E_LIMIT, c->at, "these definitions are too much to work out");
	c->too_large = true;
}

bool
ck_step(struct tsn_ck *c)
{
	if (c->steps++ < CK_STEPS_MAX)
		return true;
	too_much(c);
	return false;
}

bool
ck_overflows(struct tsn_ck *c, size_t gathered)
{
	if (gathered <= CK_GATHER_MAX)
		return false;
	too_much(c);
	return true;
}

uint32_t
ck_line(struct tsn_ck *c, struct tsn_span at)
{
	size_t begin;

	return tsn_source_line(&c->world->sources->v[at.file], at.begin, &begin);
}

struct tsn_diag *
ck_warn(struct tsn_ck *c, struct tsn_span span, const char *fmt, ...)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_diag *d;
	va_list ap;

	for (size_t i = 0; i < c->nwarned; i++)
		if (c->warned[i].span.file == span.file && c->warned[i].span.begin == span.begin && c->warned[i].fmt == fmt)
			return NULL;
	if (c->nwarned >= TSN_DIAG_WARNINGS_MAX * 4)
		return NULL;
	c->warned = ck_grow(c, c->warned, c->nwarned, &c->cap_warned, sizeof(*c->warned));
	c->warned[c->nwarned++] = (struct ck_warned){ span, fmt };
	va_start(ap, fmt);
	tsn_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	d = tsn_diag_warn(c->diags, TSN_E_WARNING, span, "%s", tsn_buf_str(&text));
	tsn_buf_fini(&text);
	return d;
}

/* A literal or a constant's name. */
bool
ck_duration(const struct ck_env *e, const struct tsn_node *n, const char *what, int64_t *ms)
{
	struct ck_env plain = *e;
	const struct tsn_ir *v;

	plain.constant = true;
	plain.scope = NULL;
	plain.gather = NULL;
	v = ck_one(&plain, n, TSN_T_DURATION);
	if (v == NULL)
		return false;
	if (v->kind == TSN_IR_INT && v->type == TSN_T_DURATION) {
		*ms = v->i;
		if (v->i > 0)
			return true;
		tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "%s wants a duration above zero", what);
		return false;
	}
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s wants a duration, this is %s", what,
	    ck_a_type(v->type)), v->kind == TSN_IR_INT && v->type == TSN_T_INT ? "write it with its unit: %llds" :
	    "write 60s, 5m or 1h30m", (long long)v->i);
	return false;
}
