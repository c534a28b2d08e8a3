/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What can be changed in a rule: a walk over its tree that notes one mutant after another, and changes nothing yet. */
#include <string.h>

#include "author/mutants.h"
#include "base/arena.h"
#include "base/mem.h"

#define FROM_MOST 60 /* bytes of source text that a report repeats */

static void visit(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);

/* --- noting one --- */

static const char *
source_text(struct tsn_mut_walk *w, struct tsn_span span)
{
	const struct tsn_source *s = &w->sources->v[span.file];
	size_t n = span.end - span.begin;
	char *text;

	text = tsn_arena_strndup(w->out->arena, s->text + span.begin, n);
	if (text == NULL)
		return NULL;
	/* a condition over several lines is told on one */
	n = 0;
	for (const char *p = text; *p != '\0'; p++)
		if (*p != ' ' && *p != '\n' && *p != '\t' && *p != '\r')
			text[n++] = *p;
		else if (n > 0 && text[n - 1] != ' ')
			text[n++] = ' ';
	text[n] = '\0';
	if (n > FROM_MOST) {
		for (n = FROM_MOST; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
		memcpy(text + n, "...", 4);
	}
	return text;
}

/* [at] with other contents; its place among its siblings stays. [from] NULL: as the span has it. */
static void
note_from(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_span span, struct tsn_node *at, struct tsn_node now,
    const char *from, const char *to)
{
	struct tsn_mutant *m = tsn_grow(w->out->v, w->out->n, &w->out->cap, sizeof(*m));

	if (m == NULL) {
		w->failed = true;
		return;
	}
	w->out->v = m;
	now.next = at->next;
	m = &w->out->v[w->out->n];
	*m = (struct tsn_mutant){ .kind = kind, .span = span, .at = at, .was = *at, .now = now,
		.from = from != NULL ? from : source_text(w, span), .to = tsn_arena_strdup(w->out->arena, to) };
	if (m->from == NULL || m->to == NULL)
		w->failed = true;
	else
		w->out->n++;
}

void
tsn_mut_note(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_span span, struct tsn_node *at, struct tsn_node now, const char *to)
{
	note_from(w, kind, span, at, now, NULL, to);
}

static struct tsn_node *
copy_of(struct tsn_mut_walk *w, const struct tsn_node *n)
{
	struct tsn_node *copy = tsn_arena_alloc(w->out->arena, sizeof(*copy));

	if (copy == NULL)
		w->failed = true;
	else
		*copy = *n;
	return copy;
}

/* [n] without its child [drop]; the others are copied, for each holds on to the next. */
static struct tsn_node
without(struct tsn_mut_walk *w, const struct tsn_node *n, const struct tsn_node *drop)
{
	struct tsn_node now = *n;

	now.kids = now.last = NULL;
	now.nkids = 0;
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		struct tsn_node *copy = k == drop ? NULL : copy_of(w, k);

		if (copy == NULL)
			continue;
		copy->next = NULL;
		if (now.last != NULL)
			now.last->next = copy;
		else
			now.kids = copy;
		now.last = copy;
		now.nkids++;
	}
	return now;
}

static void
note_without(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_node *n, const struct tsn_node *drop)
{
	tsn_mut_note(w, kind, drop->span, n, without(w, n, drop), "");
}

/* --- sets --- */

/* Is what [n] holds in [by], too? Then without it the set is the same. */
static bool
covers(const struct tsn_node *by, const struct tsn_node *n)
{
	const struct tsn_node *lo = by->kids, *hi = by->last;
	struct tsn_prefix p;

	if (by == n)
		return false;
	if (by->kind == TSN_N_RANGE && n->kind == TSN_N_INT && lo != NULL && lo->kind == TSN_N_INT && hi->kind == TSN_N_INT)
		return n->i >= lo->i && n->i <= hi->i;
	if (by->kind != TSN_N_PREFIX || (n->kind != TSN_N_ADDRESS && n->kind != TSN_N_PREFIX) || by->addr.v4 != n->addr.v4 ||
	    (n->kind == TSN_N_PREFIX && n->plen < by->plen))
		return false;
	p = (struct tsn_prefix){ by->addr.v4 ? tsn_addr_mask(by->addr, (unsigned)by->plen, 128) :
		tsn_addr_mask(by->addr, 32, (unsigned)by->plen), (uint8_t)by->plen };
	return tsn_prefix_has(p, n->addr);
}

static void
members(struct tsn_mut_walk *w, struct tsn_node *n)
{
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		bool covered = false;

		for (const struct tsn_node *by = n->kids; by != NULL && !covered; by = by->next)
			covered = covers(by, k);
		if (!covered)
			note_without(w, TSN_MUT_MEMBER, n, k);
		if (k->kind == TSN_N_RANGE)
			visit(w, k, (struct tsn_mut_place){ .compared = true });
	}
}

/* --- comparisons --- */

/* The value of a `let` the rule names so. */
static const struct tsn_node *
constant_of(const struct tsn_mut_walk *w, const struct tsn_node *n)
{
	if (n == NULL || n->kind != TSN_N_NAME)
		return n;
	for (size_t i = 0; i < w->nparts; i++) {
		const struct tsn_node *d = w->part[i];
		const char *dot = n->text == NULL ? NULL : strrchr(n->text, '.');

		if (n->text != NULL && d->kind == TSN_N_LET && strcmp(d->text, dot == NULL ? n->text : dot + 1) == 0)
			return d->kids;
	}
	return n;
}

static bool
is_whole(const struct tsn_node *n)
{
	return n != NULL && (n->kind == TSN_N_INT || n->kind == TSN_N_SIZE || n->kind == TSN_N_DURATION);
}

static bool
calls(const struct tsn_node *n, const char *function)
{
	if (n->kind == TSN_N_CALL && n->text != NULL && strcmp(n->text, function) == 0)
		return true;
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (calls(k, function))
			return true;
	return false;
}

static void
swap(struct tsn_mut_walk *w, struct tsn_node *n, bool neighbours)
{
	static const struct { enum tsn_op from, to; enum tsn_mutation kind; } v[] = {
#define SWAP(from, to, kind) { TSN_OP_##from, TSN_OP_##to, TSN_MUT_##kind },
#include "author/mutations.def"
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tsn_node now = *n;

		if (v[i].from != n->op || (v[i].kind == TSN_MUT_NEIGHBOUR && !neighbours))
			continue;
		now.op = (uint8_t)v[i].to;
		tsn_mut_note(w, v[i].kind, n->at, n, now, tsn_op_text(v[i].to));
	}
}

/* There is no operator that means `not has`. */
static void
negate(struct tsn_mut_walk *w, struct tsn_node *n)
{
	struct tsn_node now = *n, *copy = copy_of(w, n);

	if (copy == NULL)
		return;
	copy->next = NULL;
	now.kind = TSN_N_NOT;
	now.op = TSN_OP_NONE;
	now.kids = now.last = copy;
	now.nkids = 1;
	tsn_mut_note(w, TSN_MUT_OPPOSITE, n->at, n, now, "not ... has");
}

static void
compare(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	struct tsn_node *left = n->kids, *right = n->last;
	bool sketch = calls(n, "distinct");

	if (left == NULL || right == left)
		return;
	if (n->op == TSN_OP_HAS)
		negate(w, n);
	/* > 24 is >= 25: the constant's neighbours say it already, and say what is out of reach of an estimate */
	swap(w, n, !is_whole(constant_of(w, left)) && !is_whole(constant_of(w, right)));
	p = (struct tsn_mut_place){ .compared = true, .sketch = sketch };
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (sketch && k->kind == TSN_N_NAME && w->nsketched < CONSTANTS_MAX)
			w->sketched[w->nsketched++] = k->text;
		visit(w, k, p);
	}
}

/* --- connectives --- */

static struct tsn_span
trimmed(const struct tsn_mut_walk *w, struct tsn_span s)
{
	const char *text = w->sources->v[s.file].text;

	while (s.begin < s.end && (text[s.begin] == ' ' || text[s.begin] == '\n' || text[s.begin] == '\t' || text[s.begin] == ')'))
		s.begin++;
	while (s.end > s.begin && (text[s.end - 1] == ' ' || text[s.end - 1] == '\n' || text[s.end - 1] == '\t' ||
	    text[s.end - 1] == '('))
		s.end--;
	return s;
}

/* [n] becomes its child [k]. */
static void
note_only(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_node *n, const struct tsn_node *k, struct tsn_span span)
{
	tsn_mut_note(w, kind, span, n, *k, "");
}

/* The first connective between the operands: all of them are changed together. */
static struct tsn_span
connective_span(const struct tsn_node *n)
{
	return (struct tsn_span){ n->span.file, n->kids->span.end, n->kids->next->span.begin };
}

static void
junction(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	static const char *const word[] = { "or", "and" };
	bool and = n->kind == TSN_N_AND;
	struct tsn_node now = *n;

	if (n->kids == NULL || n->kids->next == NULL)
		return;
	now.kind = and ? TSN_N_OR : TSN_N_AND;
	note_from(w, TSN_MUT_CONNECTIVE, trimmed(w, connective_span(n)), n, now, word[and], word[!and]);
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (p.positive && and && tsn_mut_is_tcp(k) && tsn_mut_flags_beside(w, n, k)) /* no flow but TCP's has flags */
			;
		else if (n->kids->next == n->last)
			note_only(w, TSN_MUT_OPERAND, n, k == n->kids ? n->last : n->kids, k->span);
		else
			note_without(w, TSN_MUT_OPERAND, n, k);
		visit(w, k, p);
	}
}

static void
negation(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	if (n->kids == NULL)
		return;
	tsn_mut_note(w, TSN_MUT_NOT, n->at, n, *n->kids, "");
	p.positive = false;
	visit(w, n->kids, p);
}

/* RST|ACK, or a union of sets. */
static void
binary(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	if (n->op == TSN_OP_BOR && n->kids != NULL && n->kids->next == n->last) {
		note_only(w, TSN_MUT_FLAG, n, n->last, n->kids->span);
		note_only(w, TSN_MUT_FLAG, n, n->kids, n->last->span);
	}
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

/* --- functions and their scopes --- */

static void
call(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	/* ie(460) is a name that happens to be a number */
	if (n->text != NULL && strcmp(n->text, "ie") == 0)
		return;
	p.in_sequence = n->text != NULL && strcmp(n->text, "sequence") == 0;
	p.compared = p.positive = true; /* a function counts what is true */
	p.sketch = false;
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

static void
condition_of_call(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	if (!p.in_sequence && n->kids != NULL && n->kids != n->last)
		note_only(w, TSN_MUT_CLAUSE, n, n->kids, n->last->span);
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

/* Of options only `learn` and a table's default decide what is seen; others bound memory or say how far back to look. */
static void
option(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	if (n->text == NULL || n->kids == NULL || (strcmp(n->text, "learn") != 0 && strcmp(n->text, "default") != 0))
		return;
	p.compared = n->kids->kind != TSN_N_DURATION;
	visit(w, n->kids, p);
}

/* The scope [n] without key number [i] of its `by`, and of its `at`. */
static struct tsn_node
without_key(struct tsn_mut_walk *w, const struct tsn_node *n, size_t i)
{
	struct tsn_node now = without(w, n, NULL);
	bool alone = true;

	for (struct tsn_node *k = now.kids; k != NULL; k = k->next) {
		if (k->kind == TSN_N_BY || k->kind == TSN_N_AT) {
			struct tsn_node *next = k->next;

			*k = without(w, k, tsn_node_kid(k, i));
			k->next = next;
			alone = k->kids == NULL;
		}
	}
	if (!alone)
		return now;
	now = without(w, &now, tsn_node_find(&now, TSN_N_BY));
	return tsn_node_find(&now, TSN_N_AT) == NULL ? now : without(w, &now, tsn_node_find(&now, TSN_N_AT));
}

static void
scope(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	const struct tsn_node *by = tsn_node_find(n, TSN_N_BY);
	size_t i = 0;

	for (const struct tsn_node *k = by == NULL ? NULL : by->kids; k != NULL; k = k->next, i++)
		if (!tsn_mut_is_idle_key(w, k))
			tsn_mut_note(w, TSN_MUT_KEY, k->span, n, without_key(w, n, i), "");
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		struct tsn_mut_place q = p;

		q.compared = p.compared && k == n->kids;
		if (k->kind != TSN_N_STEP && k->kind != TSN_N_OPTION)
			visit(w, k, q);
	}
}

/* --- clauses --- */

static void
rule_clause(struct tsn_mut_walk *w, struct tsn_node *rule, struct tsn_node *n)
{
	const struct tsn_mut_place bare = { .positive = true };

	switch (n->kind) {
	case TSN_N_SEVERITY:
	case TSN_N_WHEN:
		for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
			if (k->kind == TSN_N_FOR)
				note_without(w, TSN_MUT_CLAUSE, n, k);
			visit(w, k, bare);
		}
		break;
	case TSN_N_KEEP:
	case TSN_N_EXCEPT:
	case TSN_N_UNTIL:
		note_without(w, TSN_MUT_CLAUSE, rule, n);
		if (n->kids != NULL)
			visit(w, n->kids, bare);
		break;
	case TSN_N_DURING:
		note_without(w, TSN_MUT_CLAUSE, rule, n);
		break;
	default: /* what is told, not what is matched */
		break;
	}
}

static void
rule(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	(void)p;
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		rule_clause(w, n, k);
}

static void
children(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

static void
keys(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	(void)p;
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (k->kind == TSN_N_MASK)
			tsn_mut_mask(w, k);
}

static void
set(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	(void)p;
	members(w, n);
}

static void
window(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	p.compared = false;
	children(w, n, p);
}

static void
let(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	p.compared = false;
	for (size_t i = 0; i < w->nsketched; i++) {
		const char *dot = strrchr(w->sketched[i], '.');

		p.sketch |= strcmp(dot == NULL ? w->sketched[i] : dot + 1, n->text) == 0;
	}
	children(w, n, p);
}

static void (*const visitor[TSN_N_COUNT])(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p) = {
	[TSN_N_RULE] = rule, [TSN_N_LET] = let, [TSN_N_SETDECL] = children, [TSN_N_TABLE] = children,
	[TSN_N_DEFINE] = children, [TSN_N_RUNG] = children,
	[TSN_N_INT] = tsn_mut_number, [TSN_N_SIZE] = tsn_mut_number, [TSN_N_REAL] = tsn_mut_real, [TSN_N_DURATION] = tsn_mut_duration,
	[TSN_N_ADDRESS] = tsn_mut_address, [TSN_N_PREFIX] = tsn_mut_prefix, [TSN_N_RANGE] = children, [TSN_N_SET] = set,
	[TSN_N_OR] = junction, [TSN_N_AND] = junction, [TSN_N_NOT] = negation, [TSN_N_NEG] = children,
	[TSN_N_COMPARE] = compare, [TSN_N_BINARY] = binary,
	[TSN_N_CALL] = call, [TSN_N_WHERE] = condition_of_call, [TSN_N_OPTION] = option, [TSN_N_SCOPE] = scope,
	[TSN_N_BY] = keys, [TSN_N_AT] = keys, [TSN_N_OVER] = window, [TSN_N_PER] = window, [TSN_N_FOR] = window,
};

/* Trees are no deeper than TSN_AST_DEPTH_MAX. */
static void
visit(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	if (visitor[n->kind] != NULL && !w->failed)
		visitor[n->kind](w, n, p);
}

static void
take_part(void *arg, const struct tsn_node *n)
{
	struct tsn_mut_walk *w = arg;

	if (w->nparts < PARTS_MAX)
		w->part[w->nparts++] = n;
}

/* --- all of them --- */

struct tsn_mutants *
tsn_mutants_of(const struct tsn_ruleset *rs, const struct tsn_sources *sources, const char *name)
{
	struct tsn_mut_walk *w = tsn_calloc(1, sizeof(*w));
	struct tsn_mutants *out = tsn_calloc(1, sizeof(*out));
	bool ok;

	if (out != NULL)
		out->arena = tsn_arena_new();
	ok = w != NULL && out != NULL && out->arena != NULL;
	if (ok) {
		w->out = out;
		w->sources = sources;
		tsn_rule_parts(rs, name, take_part, w);
		/* The trees are the sources', which this room may change as long as it changes them back. */
		for (size_t i = 0; i < w->nparts; i++)
			visit(w, (struct tsn_node *)w->part[i], (struct tsn_mut_place){ 0 });
		ok = !w->failed;
	}
	tsn_free(w);
	if (ok)
		return out;
	tsn_mutants_free(out);
	return NULL;
}

void
tsn_mutants_free(struct tsn_mutants *m)
{
	if (m == NULL)
		return;
	tsn_arena_free(m->arena);
	tsn_free(m->v);
	tsn_free(m);
}

void
tsn_mutant_apply(const struct tsn_mutant *m)
{
	*m->at = m->now;
}

void
tsn_mutant_undo(const struct tsn_mutant *m)
{
	*m->at = m->was;
}

const char *
tsn_mutation_hint(enum tsn_mutation kind)
{
	static const char *const v[] = {
#define MUTATION(kind, hint) hint,
#include "author/mutations.def"
	};

	return v[kind];
}
