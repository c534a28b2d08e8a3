/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Graphs of ir.h made by hand, for the tests of the emitter and the vm. */
#ifndef TSN_TEST_IR_GRAPH_H
#define TSN_TEST_IR_GRAPH_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/ir.h"
#include "sets/set.h"

#define G_RULES 10100
#define G_SETS 8
#define G_REGEX 4

struct graph {
	struct tsn_arena *arena;
	uint32_t next_id;
	struct tsn_ir_module m;
	struct tsn_ir_rule *rules;
	struct tsn_ir_set sets[G_SETS];
	struct tsn_set *set[G_SETS]; /* owned */
	const char *regex[G_REGEX];
	uint32_t regex_flags[G_REGEX];
};

static inline void
g_init(struct graph *g)
{
	memset(g, 0, sizeof(*g));
	g->arena = tsn_arena_new();
	g->rules = calloc(G_RULES, sizeof(*g->rules));
	g->m.arena = g->arena;
	g->m.rules = g->rules;
	g->m.sets = g->sets;
	g->m.regex = g->regex;
	g->m.regex_flags = g->regex_flags;
}

/* [emitted]: a program took the arena over. */
static inline void
g_fini(struct graph *g, bool emitted)
{
	for (int i = 0; i < G_SETS; i++)
		tsn_set_free(g->set[i]);
	free(g->rules);
	if (!emitted)
		tsn_arena_free(g->arena);
}

static inline char *
g_text(struct graph *g, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return tsn_arena_strdup(g->arena, text);
}

static inline struct tsn_ir *
g_node(struct graph *g, enum tsn_ir_kind kind, enum tsn_type type, const struct tsn_ir *a, const struct tsn_ir *b)
{
	struct tsn_ir *x = tsn_arena_alloc(g->arena, sizeof(*x));

	x->kind = kind;
	x->type = type;
	x->id = g->next_id++;
	x->nkids = (a != NULL) + (b != NULL);
	x->kid = tsn_arena_alloc(g->arena, 8 * sizeof(*x->kid));
	x->kid[0] = a;
	x->kid[1] = b;
	x->stateful = (a != NULL && a->stateful) || (b != NULL && b->stateful);
	x->canon = "?";
	return x;
}

/* --- values --- */

static inline struct tsn_ir *
g_int(struct graph *g, int64_t i)
{
	struct tsn_ir *x = g_node(g, TSN_IR_INT, TSN_T_INT, NULL, NULL);

	x->i = i;
	x->canon = g_text(g, "%lld", (long long)i);
	return x;
}

static inline struct tsn_ir *
g_real(struct graph *g, double f)
{
	struct tsn_ir *x = g_node(g, TSN_IR_REAL, TSN_T_REAL, NULL, NULL);

	x->real = f;
	x->canon = g_text(g, "%.17g", f);
	return x;
}

static inline struct tsn_ir *
g_masked(struct graph *g, enum tsn_field f, uint8_t v4_bits, uint8_t v6_bits)
{
	struct tsn_ir *x = g_node(g, TSN_IR_FIELD, tsn_fields[f].type, NULL, NULL);

	x->field = (uint16_t)f;
	x->v4_bits = v4_bits;
	x->v6_bits = v6_bits;
	x->canon = v4_bits == 32 ? tsn_fields[f].name : g_text(g, "%s/%u/%u", tsn_fields[f].name, v4_bits, v6_bits);
	return x;
}

static inline struct tsn_ir *
g_field(struct graph *g, enum tsn_field f)
{
	return g_masked(g, f, 32, 128);
}

static inline struct tsn_ir *
g_addr(struct graph *g, const char *text)
{
	struct tsn_ir *x = g_node(g, TSN_IR_ADDR, TSN_T_ADDR, NULL, NULL);

	if (!tsn_addr_parse(text, strlen(text), &x->addr))
		abort();
	x->canon = text;
	return x;
}

static inline struct tsn_ir *
g_string(struct graph *g, const char *text)
{
	struct tsn_ir *x = g_node(g, TSN_IR_STRING, TSN_T_STRING, NULL, NULL);

	x->text = text;
	x->len = (uint32_t)strlen(text);
	x->canon = g_text(g, "\"%s\"", text);
	return x;
}

static inline struct tsn_ir *
g_arith(struct graph *g, enum tsn_ir_arith op, const struct tsn_ir *a, const struct tsn_ir *b)
{
	static const char *const text[] = { "+", "-", "*", "/", "%", "&", "|" };
	struct tsn_ir *x = g_node(g, TSN_IR_ARITH, op == TSN_AR_DIV ? TSN_T_REAL : a->type, a, b);

	x->arith = op;
	x->canon = g_text(g, "(%s %s %s)", a->canon, text[op], b->canon);
	return x;
}

static inline struct tsn_ir *
g_unary(struct graph *g, enum tsn_ir_kind kind, const struct tsn_ir *a)
{
	struct tsn_ir *x = g_node(g, kind, kind == TSN_IR_TO_REAL ? TSN_T_REAL : a->type, a, NULL);

	x->canon = g_text(g, "%s(%s)", kind == TSN_IR_TO_REAL ? "real" : "-", a->canon);
	return x;
}

/* --- conditions --- */

static inline struct tsn_ir *
g_constant(struct graph *g, enum tsn_ir_kind kind)
{
	struct tsn_ir *x = g_node(g, kind, TSN_T_BOOL, NULL, NULL);

	x->canon = kind == TSN_IR_TRUE ? "true" : kind == TSN_IR_FALSE ? "false" : "unknown";
	return x;
}

static inline struct tsn_ir *
g_compare(struct graph *g, enum tsn_rel rel, const struct tsn_ir *a, const struct tsn_ir *b)
{
	static const char *const text[] = { "==", "!=", "<", "<=", ">", ">=" };
	struct tsn_ir *x = g_node(g, TSN_IR_COMPARE, TSN_T_BOOL, a, b);

	x->rel = rel;
	x->canon = g_text(g, "%s %s %s", a->canon, text[rel], b->canon);
	return x;
}

static inline struct tsn_ir *
g_test(struct graph *g, enum tsn_field f, enum tsn_rel rel, int64_t c)
{
	struct tsn_ir *field = g_field(g, f);

	return g_compare(g, rel, field, g_int(g, c));
}

static inline struct tsn_ir *
g_logic(struct graph *g, enum tsn_ir_kind kind, const struct tsn_ir *a, const struct tsn_ir *b)
{
	struct tsn_ir *x = g_node(g, kind, TSN_T_BOOL, a, b);

	if (kind == TSN_IR_NOT)
		x->canon = g_text(g, "not %s", a->canon);
	else
		x->canon = g_text(g, "(%s %s %s)", a->canon, kind == TSN_IR_AND ? "and" : "or", b->canon);
	return x;
}

static inline struct tsn_ir *
g_and3(struct graph *g, const struct tsn_ir *a, const struct tsn_ir *b, const struct tsn_ir *c)
{
	struct tsn_ir *x = g_node(g, TSN_IR_AND, TSN_T_BOOL, a, b);

	x->kid[x->nkids++] = c;
	x->stateful |= c->stateful;
	x->canon = g_text(g, "(%s and %s and %s)", a->canon, b->canon, c->canon);
	return x;
}

static inline struct tsn_ir *
g_has(struct graph *g, const struct tsn_ir *of)
{
	struct tsn_ir *x = g_node(g, TSN_IR_HAS, TSN_T_BOOL, of, NULL);

	x->canon = g_text(g, "has(%s)", of->canon);
	return x;
}

static inline struct tsn_ir *
g_flags_has(struct graph *g, const struct tsn_ir *of, int64_t bits)
{
	struct tsn_ir *x = g_node(g, TSN_IR_FLAGS_HAS, TSN_T_BOOL, of, NULL);

	x->i = bits;
	x->canon = g_text(g, "%s has %lld", of->canon, (long long)bits);
	return x;
}

static inline struct tsn_ir *
g_in(struct graph *g, const struct tsn_ir *of, uint32_t set)
{
	struct tsn_ir *x = g_node(g, TSN_IR_IN, TSN_T_BOOL, of, NULL);

	x->set = set;
	x->canon = g_text(g, "%s in %s", of->canon, g->sets[set].name);
	return x;
}

static inline struct tsn_ir *
g_in_prefix(struct graph *g, const struct tsn_ir *of, const char *text)
{
	struct tsn_ir *x = g_node(g, TSN_IR_IN_PREFIX, TSN_T_BOOL, of, NULL);

	if (!tsn_prefix_parse(text, strlen(text), &x->prefix))
		abort();
	x->canon = g_text(g, "%s in %s", of->canon, text);
	return x;
}

static inline struct tsn_ir *
g_match(struct graph *g, const struct tsn_ir *of, uint32_t regex)
{
	struct tsn_ir *x = g_node(g, TSN_IR_MATCH, TSN_T_BOOL, of, NULL);

	x->regex = regex;
	x->canon = g_text(g, "%s ~ /%s/", of->canon, g->regex[regex]);
	return x;
}

/* --- aggregates --- */

static inline struct tsn_key_spec
g_key(enum tsn_field f)
{
	struct tsn_key_spec k = { 1, { { (uint16_t)f, 32, 128 } } };

	return k;
}

static inline unsigned
g_level(const struct tsn_ir *x)
{
	unsigned level = 0;

	if (x == NULL || !x->stateful)
		return 0;
	if (x->kind == TSN_IR_AGG)
		return x->agg->level;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (g_level(x->kid[i]) > level)
			level = g_level(x->kid[i]);
	return level;
}

/* [where] and [arg] may be NULL. The window is a day of 16 panes, or tumbling. */
static inline struct tsn_ir *
g_agg(struct graph *g, enum tsn_agg_fn fn, struct tsn_key_spec key, const struct tsn_ir *where,
    const struct tsn_ir *arg, bool tumbling)
{
	static const char *const name[] = { "count", "sum", "min", "max", "avg", "rate", "distinct" };
	struct tsn_ir_agg *a = tsn_arena_alloc(g->arena, sizeof(*a));
	struct tsn_ir *x;
	char keys[256] = "";

	a->fn = fn;
	a->key = key;
	a->where = where != NULL ? where : g_constant(g, TSN_IR_TRUE);
	a->arg = arg;
	a->tumbling = tumbling;
	a->window_ms = tumbling ? 60000 : 86400000;
	a->pane_ms = tumbling ? a->window_ms : 5760000;
	a->panes = tumbling ? 1 : 16;
	a->max_keys = 1000000;
	a->nonneg = false;
	a->level = 1 + (g_level(where) > g_level(arg) ? g_level(where) : g_level(arg));
	for (unsigned i = 0; i < key.n; i++)
		snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s%s/%u/%u", i ? ", " : "",
		    tsn_fields[key.part[i].field].name, key.part[i].v4_bits, key.part[i].v6_bits);
	/* texts alone may be cut when graphs are large, so node numbers go with those of conditions */
	a->family_canon = where == NULL ? g_text(g, "by %s level %u", keys, a->level)
	    : g_text(g, "by %s where %.1000s (%u) level %u", keys, where->canon, where->id, a->level);
	a->agg_canon = arg == NULL ? g_text(g, "%s() %s", name[fn], tumbling ? "per 1m" : "over 1d")
	    : g_text(g, "%s(%.1000s (%u)) %s", name[fn], arg->canon, arg->id, tumbling ? "per 1m" : "over 1d");
	x = g_node(g, TSN_IR_AGG, fn == TSN_AGG_AVG || fn == TSN_AGG_RATE ? TSN_T_REAL
	    : fn == TSN_AGG_COUNT || fn == TSN_AGG_DISTINCT ? TSN_T_INT : arg->type, NULL, NULL);
	x->agg = a;
	x->stateful = true;
	x->canon = g_text(g, "%.1000s[%.1000s]", a->agg_canon, a->family_canon);
	return x;
}

static inline struct tsn_ir_agg *
g_open_agg(struct tsn_ir *x)
{
	return (struct tsn_ir_agg *)x->agg;
}

/* --- rules and sets --- */

static inline struct tsn_ir_rule *
g_rule(struct graph *g, const char *name, const struct tsn_ir *when, const struct tsn_ir *except)
{
	struct tsn_ir_rule *r = &g->rules[g->m.nrules++];

	r->meta.name = r->meta.title = name;
	r->meta.ruleset = "local";
	r->meta.severity = TSN_SEV_MEDIUM;
	r->meta.once_ms = r->meta.hold_ms = 60000;
	r->meta.key = g_key(TSN_F_SRC);
	r->meta.stateful = when->stateful;
	r->when = when;
	r->except = except != NULL ? except : g_constant(g, TSN_IR_FALSE);
	return r;
}

static inline void
g_report(struct graph *g, struct tsn_ir_rule *r, const struct tsn_ir *compare)
{
	r->report = tsn_arena_alloc(g->arena, sizeof(*r->report));
	r->report[0] = (struct tsn_ir_report){ compare, compare->kid[0], compare->kid[1] };
	r->nreports = 1;
}

static inline void
g_set(struct graph *g, const char *name, struct tsn_set *set)
{
	g->set[g->m.nsets] = set;
	g->sets[g->m.nsets] = (struct tsn_ir_set){ name, set, NULL, 0 };
	g->m.nsets++;
}

static inline void
g_regex(struct graph *g, const char *text)
{
	g->regex[g->m.nregex++] = text;
}

#endif
