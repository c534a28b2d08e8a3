/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Messages (S47): text with {field}, {value}, {threshold}, {SET.column}, {define} and {constant}. */
#include <string.h>

#include "compile/check.h"
#include "sets/dynamic.h"

struct writer {
	const struct ck_env *e;
	struct tsn_ir_rule *rule;
	const struct ck_gather *gather;
	const struct tsn_node *node;
	size_t cap, cap_defines, mark;
	bool ok;
};

static struct tsn_piece *
piece(struct writer *w, enum tsn_piece_kind kind)
{
	struct tsn_rule *r = &w->rule->meta;
	struct tsn_piece *p;

	r->message = ck_grow(w->e->c, r->message, r->nmessage, &w->cap, sizeof(*p));
	p = &r->message[r->nmessage++];
	*p = (struct tsn_piece){ .kind = kind };
	return p;
}

/* Text gathers in the buffer until a name interrupts it. */
static void
flush(struct writer *w)
{
	struct tsn_buf *b = &w->e->c->buf;

	if (b->len > w->mark) {
		const char *text = ck_take(w->e->c, w->mark);

		piece(w, TSN_PIECE_TEXT)->text = text;
	}
}

/* The place of a name in the source; of a message with escapes, the whole string. */
static struct tsn_span
span_of(const struct writer *w, const char *name, size_t len)
{
	struct tsn_span s = w->node->span;

	if (s.end - s.begin == w->node->len + 2) {
		s.begin += 1 + (uint32_t)(name - w->node->text);
		s.end = s.begin + (uint32_t)len;
	}
	return s;
}

static bool
holds(const struct ck_set *whole, const struct ck_set *part)
{
	for (const struct ck_set *s = ck_set_reach(whole); s != NULL; s = s->reach_next)
		if (s == part)
			return true;
	return false;
}

struct lookup {
	struct tsn_ck *c;
	const struct ck_set *set;
	int field;
	uint32_t slot;
};

static void find_lookup(void *arg, const struct tsn_ir *n);

static void
find_lookup_in(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, find_lookup, arg);
}

/* The first field that the rule looks up in the set, inside functions too. */
static void
find_lookup(void *arg, const struct tsn_ir *n)
{
	struct lookup *l = arg;

	if (n->kind == TSN_IR_AGG)
		ck_inside(n->agg, find_lookup_in, l);
	if (l->field >= 0 || n->kind != TSN_IR_IN || n->kid[0]->kind != TSN_IR_FIELD)
		return;
	if (holds(l->c->sets[n->set], l->set)) {
		l->field = n->kid[0]->field;
		l->slot = n->set;
	}
}

static void
check_column(struct writer *w, const struct ck_set *s, struct tsn_span at, const char *column, size_t len)
{
	struct tsn_nearest near = { NULL, 0 };
	char *name = ck_strndup(w->e->c, column, len);
	const char *other;
	struct tsn_diag *d;

	for (size_t f = 0; f < s->nfiles; f++) {
		if (s->file[f].set == NULL || tsn_set_column(s->file[f].set, column, len) >= 0)
			return;
		for (size_t i = 0; (other = tsn_set_column_nth(s->file[f].set, i)) != NULL; i++)
			tsn_nearest_offer(&near, name, other);
	}
	for (size_t i = 0; s->dynamic && (other = tsn_dynamic_column_nth(i)) != NULL; i++) {
		if (strcmp(other, name) == 0)
			return;
		tsn_nearest_offer(&near, name, other);
	}
	if (s->nparts > 0 || (s->builtin != NULL && strcmp(name, "name") == 0) || w->e->c->test)
		return;
	d = tsn_diag_error(w->e->c->diags, TSN_E_NAME, at, "the set has no column \"%s\"", name);
	if (near.best != NULL || s->builtin != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", s->builtin != NULL ? "name" : near.best);
	w->ok = false;
}

/* {S.column}. False: the part before the dot is no set. */
static bool
set_column(struct writer *w, const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len);
	struct tsn_node set = { .kind = TSN_N_NAME };
	struct lookup l = { .c = w->e->c, .field = -1 };
	struct tsn_piece *p;
	struct ck_val v;
	bool ambiguous;

	if (dot == NULL)
		return false;
	set.text = ck_strndup(w->e->c, name, (size_t)(dot - name));
	set.len = (uint32_t)(dot - name);
	set.span = span_of(w, name, len);
	if (ck_resolve(w->e, &set, &ambiguous) == NULL && ck_set_builtin(w->e->c, set.text) == NULL)
		return false;
	v = ck_value(w->e, &set, TSN_T_NONE);
	if (v.kind != CK_SETV) {
		w->ok = false;
		return v.kind == CK_BAD;
	}
	l.set = v.set;
	ck_walk(w->rule->when, find_lookup, &l);
	ck_walk(w->rule->except, find_lookup, &l);
	if (l.field < 0) {
		tsn_diag_hint(tsn_diag_error(w->e->c->diags, TSN_E_NAME, set.span, "this rule does not look into %s", set.text),
		    "a column belongs to the member that matched");
		w->ok = false;
		return true;
	}
	check_column(w, v.set, set.span, dot + 1, len - (size_t)(dot + 1 - name));
	p = piece(w, TSN_PIECE_SET_COLUMN);
	p->text = ck_strndup(w->e->c, dot + 1, len - (size_t)(dot + 1 - name));
	p->field = (uint16_t)l.field;
	p->set = l.slot;
	return true;
}

static bool
define_name(struct writer *w, const char *name)
{
	const struct ck_gather *g = w->gather;
	struct tsn_ir_rule *r = w->rule;
	struct tsn_piece *p;
	uint32_t at;

	for (size_t i = 0; i < g->nnamed; i++) {
		const struct tsn_ir *v = g->named[i].ir;

		if (strcmp(g->named[i].name, name) != 0 || v->type == TSN_T_BOOL || v->kind == TSN_IR_ADDR || v->kind == TSN_IR_STRING)
			continue;
		if (v->kind == TSN_IR_FIELD) {
			piece(w, TSN_PIECE_FIELD)->field = v->field;
			return true;
		}
		for (at = 0; at < r->ndefines && r->define[at] != v; at++)
			;
		if (at == r->ndefines) {
			r->define = ck_grow(w->e->c, r->define, r->ndefines, &w->cap_defines, sizeof(*r->define));
			r->define[r->ndefines++] = v;
		}
		p = piece(w, TSN_PIECE_REG);
		p->reg = at;
		return true;
	}
	return false;
}

/* A constant is text already. */
static bool
constant_name(struct writer *w, const struct tsn_node *n)
{
	struct tsn_buf *b = &w->e->c->buf;
	struct tsn_value v = { .known = true, .v4_bits = 32, .v6_bits = 128 };
	bool ambiguous;
	struct ck_sym *s = ck_resolve(w->e, n, &ambiguous);
	struct ck_val c;

	if (s == NULL || s->kind != CK_LET)
		return false;
	c = ck_let(w->e, s, n->span);
	if (c.kind != CK_IR)
		return c.kind == CK_BAD;
	v.type = c.ir->type;
	if (c.ir->kind == TSN_IR_INT)
		v.i = c.ir->i;
	else if (c.ir->kind == TSN_IR_REAL)
		v.f = c.ir->real;
	else if (c.ir->kind == TSN_IR_ADDR)
		v.addr = c.ir->addr;
	else
		v.s = (struct tsn_str){ c.ir->text, c.ir->len };
	w->mark = b->len;
	tsn_value_text(&v, b);
	flush(w);
	return true;
}

static void
field_piece(struct writer *w, const struct tsn_node *n, int field)
{
	const struct tsn_key_spec *k = &w->rule->meta.key;
	bool keyed = false;

	if (tsn_fields[field].origin == TSN_O_PAIR && !w->e->talks) {
		tsn_diag_hint(tsn_diag_error(w->e->c->diags, TSN_E_NAME, n->span,
		    "%s belongs to conversations, and this rule looks at flows", tsn_fields[field].name),
		    "a rule looks at conversations when a condition in it names such a field");
		w->ok = false;
		return;
	}
	for (unsigned i = 0; i < k->n; i++)
		keyed |= k->part[i].field == field;
	if (field == TSN_F_SRC && k->n > 0 && !keyed && !w->e->c->test)
		tsn_diag_hint(ck_warn(w->e->c, n->span,
		    "alerts of this rule are not about one src; this is the src of the last flow only"),
		    "name what the alert is about: its key");
	piece(w, TSN_PIECE_FIELD)->field = (uint16_t)field;
}

struct giver {
	const char *name; /* of the note */
	bool found;
};

static void
find_giver(void *arg, const struct tsn_ir *n)
{
	struct giver *g = arg;
	const struct tsn_ir_agg *a = n->kind == TSN_IR_AGG ? n->agg : NULL;

	if (a == NULL)
		return;
	for (size_t i = 0; tsn_notes[i].name != NULL; i++)
		g->found |= tsn_notes[i].fn == a->fn && strcmp(tsn_notes[i].name, g->name) == 0;
	ck_walk(a->where, find_giver, g);
	if (a->arg != NULL)
		ck_walk(a->arg, find_giver, g);
}

/* What stands behind the value of a function of `when`. False: no note has this name. */
static bool
note(struct writer *w, const struct tsn_node *n)
{
	struct giver g = { n->text, false };
	const char *function = NULL;

	for (size_t i = 0; tsn_notes[i].name != NULL && function == NULL; i++)
		if (strcmp(tsn_notes[i].name, n->text) == 0)
			function = tsn_notes[i].function;
	if (function == NULL)
		return false;
	ck_walk(w->rule->when, find_giver, &g);
	if (g.found) {
		piece(w, TSN_PIECE_NOTE)->text = n->text;
		return true;
	}
	tsn_diag_hint(tsn_diag_error(w->e->c->diags, TSN_E_NAME, n->span, "nothing in this rule gives {%s}", n->text),
	    "%s does, in when", function);
	w->ok = false;
	return true;
}

static void
unknown(struct writer *w, const struct tsn_node *n)
{
	struct tsn_nearest near = { NULL, 0 };
	struct tsn_diag *d;
	bool ambiguous;
	struct ck_sym *s = ck_resolve(w->e, n, &ambiguous);

	w->ok = false;
	if (s != NULL) {
		tsn_diag_hint(tsn_diag_error(w->e->c->diags, TSN_E_NAME, n->span, "{%s} has no value to print", n->text),
		    s->kind == CK_SET ? "name a column of the set: {%s.name}" :
		    "only a define that is a number and stands in when has one", n->text);
		return;
	}
	tsn_nearest_offer(&near, n->text, "value");
	tsn_nearest_offer(&near, n->text, "threshold");
	for (int i = 0; i < TSN_FIELD_COUNT; i++)
		tsn_nearest_offer(&near, n->text, tsn_fields[i].name);
	for (size_t i = 0; i < w->gather->nnamed; i++)
		tsn_nearest_offer(&near, n->text, w->gather->named[i].name);
	d = tsn_diag_error(w->e->c->diags, TSN_E_NAME, n->span, "no field \"%s\" for the message", n->text);
	if (near.best != NULL)
		tsn_diag_hint(d, "did you mean {%s}?", near.best);
	else
		tsn_diag_hint(d, "a brace of its own is written {{");
}

static void
name(struct writer *w, const char *p, size_t len)
{
	struct tsn_node n = { .kind = TSN_N_NAME, .len = (uint32_t)len, .span = span_of(w, p, len) };
	int field = tsn_field_find(p, len);
	int64_t pen, id;

	flush(w);
	n.text = ck_strndup(w->e->c, p, len);
	n.at = n.span;
	if (strcmp(n.text, "value") == 0 || strcmp(n.text, "threshold") == 0) {
		piece(w, strcmp(n.text, "value") == 0 ? TSN_PIECE_VALUE : TSN_PIECE_THRESHOLD);
		if (w->rule->nreports == 0) {
			tsn_diag_hint(tsn_diag_error(w->e->c->diags, TSN_E_NAME, n.span, "this rule has no %s", n.text),
			    "it compares no function with a limit");
			w->ok = false;
		}
	} else if (define_name(w, n.text) || set_column(w, p, len) || constant_name(w, &n)) {
		;
	} else if (tsn_wanted_parse(p, len, &pen, &id)) {
		field = ck_element(w->e, n.span, pen, id);
		if (field >= 0)
			field_piece(w, &n, field);
		w->ok &= field >= 0;
	} else if (field >= 0) {
		field_piece(w, &n, field);
	} else if (!note(w, &n)) {
		unknown(w, &n);
	}
	w->mark = w->e->c->buf.len;
}

bool
ck_message(const struct ck_env *e, const struct tsn_node *n, struct tsn_ir_rule *rule, const struct ck_gather *g)
{
	struct tsn_buf *b = &e->c->buf;
	struct writer w = { .e = e, .rule = rule, .gather = g, .node = n, .mark = b->len, .ok = true };
	const char *p = n->text != NULL ? n->text : "", *end = p + (n->text != NULL ? n->len : 0), *close;

	while (p < end) {
		if (*p != '{' || (p + 1 < end && p[1] == '{')) {
			tsn_buf_putc(b, *p);
			p += *p == '{' || (*p == '}' && p + 1 < end && p[1] == '}') ? 2 : 1;
			continue;
		}
		close = memchr(p, '}', (size_t)(end - p));
		if (close == NULL) {
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, span_of(&w, p, (size_t)(end - p)),
			    "a name in a message ends with }"), "a brace of its own is written {{");
			w.ok = false;
			break;
		}
		name(&w, p + 1, (size_t)(close - p - 1));
		p = close + 1;
	}
	flush(&w);
	b->len = w.mark;
	return w.ok;
}
