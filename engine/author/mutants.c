/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What can be changed in a rule: a walk over its tree that notes one mutant after another, and changes nothing yet. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "author/mutate.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "flow/fields.h"

#define FROM_MOST 60       /* bytes of source text that a report repeats */
#define SKETCHED 256       /* distinct() counts so many exactly */
#define SKETCH_PART 20     /* beyond, two and a half of its standard errors is a change one can test */
#define PARTS_MAX 4096     /* declarations one rule is made of */
#define CONSTANTS_MAX 256

/* How a constant stands: what is a step to its neighbour, and what is none. */
struct place {
	bool compared;         /* by an operator: a duration moves by its unit, else it is a window's */
	bool sketch;           /* with what distinct() estimates */
	bool in_set;           /* a member: is dropped, not moved */
	bool in_sequence;      /* `where` binds a step there */
	bool positive;         /* unknown is as good as false here */
};

struct walk {
	struct tsn_mutants *out;
	const struct tsn_sources *sources;
	const struct tsn_node *part[PARTS_MAX];
	size_t nparts;
	const char *sketched[CONSTANTS_MAX]; /* names of constants that distinct() is compared with */
	size_t nsketched;
	bool failed;
};

static void visit(struct walk *w, struct tsn_node *n, struct place p);

/* --- noting one --- */

static const char *
source_text(struct walk *w, struct tsn_span span)
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
note_from(struct walk *w, enum tsn_mutation kind, struct tsn_span span, struct tsn_node *at, struct tsn_node now,
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

static void
note(struct walk *w, enum tsn_mutation kind, struct tsn_span span, struct tsn_node *at, struct tsn_node now, const char *to)
{
	note_from(w, kind, span, at, now, NULL, to);
}

static struct tsn_node *
copy_of(struct walk *w, const struct tsn_node *n)
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
without(struct walk *w, const struct tsn_node *n, const struct tsn_node *drop)
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
note_without(struct walk *w, enum tsn_mutation kind, struct tsn_node *n, const struct tsn_node *drop)
{
	note(w, kind, drop->span, n, without(w, n, drop), "");
}

/* --- constants --- */

static void
note_int(struct walk *w, enum tsn_mutation kind, struct tsn_node *n, int64_t v)
{
	struct tsn_node now = *n;
	char text[TSN_TIME_TEXT];

	now.i = v;
	if (n->kind == TSN_N_DURATION)
		tsn_duration_text(v, text);
	else if (n->unit == TSN_UNIT_HEX)
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	else
		snprintf(text, sizeof(text), n->kind == TSN_N_SIZE ? "%lldB" : "%lld", (long long)v);
	note(w, kind, n->span, n, now, text);
}

static void
number(struct walk *w, struct tsn_node *n, struct place p)
{
	bool sketch = p.sketch && n->i > SKETCHED;
	int64_t step = sketch ? n->i / SKETCH_PART : 1;
	enum tsn_mutation kind = sketch ? TSN_MUT_SKETCH : TSN_MUT_CONSTANT;

	if (n->i <= INT64_MAX - step)
		note_int(w, kind, n, n->i + step);
	/* Nothing that rules count is below 0: that would drop the comparison, which is done, too. */
	if (n->i >= step)
		note_int(w, kind, n, n->i - step);
}

static void
real(struct walk *w, struct tsn_node *n, struct place p)
{
	(void)p;
	for (int i = 0; i < 2; i++) {
		struct tsn_node now = *n;
		char text[40];

		now.real = i == 0 ? n->real * 2 : n->real / 2;
		if (!isfinite(now.real) || now.real == n->real)
			continue;
		snprintf(text, sizeof(text), "%g", now.real);
		note(w, TSN_MUT_CONSTANT, n->span, n, now, text);
	}
}

static void
duration(struct walk *w, struct tsn_node *n, struct place p)
{
	int64_t unit = n->i >= TSN_SECOND && n->i % TSN_SECOND == 0 ? TSN_SECOND : 1;

	if (p.compared) {
		note_int(w, TSN_MUT_CONSTANT, n, n->i + unit);
		if (n->i >= unit)
			note_int(w, TSN_MUT_CONSTANT, n, n->i - unit);
		return;
	}
	if (n->i <= INT64_MAX / 2)
		note_int(w, TSN_MUT_WINDOW, n, n->i * 2);
	if (n->i > 1)
		note_int(w, TSN_MUT_WINDOW, n, n->i / 2);
}

static void
address(struct walk *w, struct tsn_node *n, struct place p)
{
	(void)p;
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		char text[TSN_ADDR_TEXT];

		/* past an end, the last bit tells it from its neighbour as well */
		if (up ? n->addr.lo == (n->addr.v4 ? UINT32_MAX : UINT64_MAX) : n->addr.lo == 0)
			continue;
		now.addr.lo = up ? n->addr.lo + 1 : n->addr.lo - 1;
		note(w, TSN_MUT_CONSTANT, n->span, n, now, tsn_addr_text(now.addr, text));
	}
}

static void
prefix(struct walk *w, struct tsn_node *n, struct place p)
{
	int most = n->addr.v4 ? 32 : 128;

	(void)p;
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		struct tsn_prefix q;
		char text[TSN_ADDR_TEXT];

		if (up ? n->plen >= most : n->plen <= 0)
			continue;
		now.plen = (int16_t)(up ? n->plen + 1 : n->plen - 1);
		now.addr = n->addr.v4 ? tsn_addr_mask(n->addr, (unsigned)now.plen, 128) :
		    tsn_addr_mask(n->addr, 32, (unsigned)now.plen);
		q = (struct tsn_prefix){ now.addr, (uint8_t)now.plen };
		note(w, TSN_MUT_CONSTANT, n->span, n, now, tsn_prefix_text(q, text));
	}
}

/* A mask after `by`: /24, /24/48. */
static void
mask(struct walk *w, struct tsn_node *n)
{
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		char text[96];

		now.i = up ? n->i + 1 : n->i - 1;
		if (now.i < 0 || now.i > 32)
			continue;
		snprintf(text, sizeof(text), n->plen < 0 ? "%.40s/%lld" : "%.40s/%lld/%d",
		    n->kids != NULL && n->kids->text != NULL ? n->kids->text : "", (long long)now.i, n->plen);
		note(w, TSN_MUT_CONSTANT, n->span, n, now, text);
	}
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
members(struct walk *w, struct tsn_node *n)
{
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		bool covered = false;

		for (const struct tsn_node *by = n->kids; by != NULL && !covered; by = by->next)
			covered = covers(by, k);
		if (!covered)
			note_without(w, TSN_MUT_MEMBER, n, k);
		if (k->kind == TSN_N_RANGE)
			visit(w, k, (struct place){ .compared = true });
	}
}

/* --- comparisons --- */

/* The value of a `let` the rule names so. */
static const struct tsn_node *
constant_of(const struct walk *w, const struct tsn_node *n)
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
swap(struct walk *w, struct tsn_node *n, bool neighbours)
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
		note(w, v[i].kind, n->at, n, now, tsn_op_text(v[i].to));
	}
}

/* There is no operator that means `not has`. */
static void
negate(struct walk *w, struct tsn_node *n)
{
	struct tsn_node now = *n, *copy = copy_of(w, n);

	if (copy == NULL)
		return;
	copy->next = NULL;
	now.kind = TSN_N_NOT;
	now.op = TSN_OP_NONE;
	now.kids = now.last = copy;
	now.nkids = 1;
	note(w, TSN_MUT_OPPOSITE, n->at, n, now, "not ... has");
}

static void
compare(struct walk *w, struct tsn_node *n, struct place p)
{
	struct tsn_node *left = n->kids, *right = n->last;
	bool sketch = calls(n, "distinct");

	if (left == NULL || right == left)
		return;
	if (n->op == TSN_OP_HAS)
		negate(w, n);
	/* > 24 is >= 25: the constant's neighbours say it already, and say what is out of reach of an estimate */
	swap(w, n, !is_whole(constant_of(w, left)) && !is_whole(constant_of(w, right)));
	p = (struct place){ .compared = true, .sketch = sketch };
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (sketch && k->kind == TSN_N_NAME && w->nsketched < CONSTANTS_MAX)
			w->sketched[w->nsketched++] = k->text;
		visit(w, k, p);
	}
}

/* --- what goes without saying --- */

static bool
is_name(const struct tsn_node *n, const char *name)
{
	return n != NULL && n->kind == TSN_N_NAME && n->text != NULL && strcmp(n->text, name) == 0;
}

static bool
is_tcp(const struct tsn_node *n)
{
	return n->kind == TSN_N_COMPARE && n->op == TSN_OP_EQ && ((is_name(n->kids, "proto") && is_name(n->last, "tcp")) ||
	    (is_name(n->kids, "tcp") && is_name(n->last, "proto")));
}

/* The condition behind a name, [n] itself otherwise. */
static const struct tsn_node *
meaning(const struct walk *w, const struct tsn_node *n)
{
	for (size_t i = 0; n->kind == TSN_N_NAME && n->text != NULL && i < w->nparts; i++)
		if (w->part[i]->kind == TSN_N_DEFINE && w->part[i]->kids != NULL && strcmp(w->part[i]->text, n->text) == 0)
			return w->part[i]->kids;
	return n;
}

/* Is [n] unknown wherever there are no flags? */
static bool
needs_flags(const struct walk *w, const struct tsn_node *n)
{
	n = meaning(w, n);
	if (n->kind == TSN_N_AND) {
		for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
			if (k->kind != TSN_N_NAME && needs_flags(w, k))
				return true;
		return false;
	}
	if (n->kind != TSN_N_COMPARE || n->kids == NULL)
		return false;
	return is_name(n->kids, "flags") || (n->kids->kind == TSN_N_BINARY && is_name(n->kids->kids, "flags"));
}

static bool
flags_beside(const struct walk *w, const struct tsn_node *and, const struct tsn_node *but)
{
	for (const struct tsn_node *k = and->kids; k != NULL; k = k->next)
		if (k != but && needs_flags(w, k))
			return true;
	return false;
}

/* Does [n], where it is true, leave [key] one value? */
static bool
fixes(const struct walk *w, const struct tsn_node *n, const char *key)
{
	n = meaning(w, n);
	for (const struct tsn_node *k = n->kind == TSN_N_AND ? n->kids : NULL; k != NULL; k = k->next)
		if (k->kind != TSN_N_NAME && fixes(w, k, key))
			return true;
	if (n->kind != TSN_N_COMPARE || n->op != TSN_OP_EQ || !is_name(n->kids, key))
		return false;
	return n->last->kind == TSN_N_INT || n->last->kind == TSN_N_ADDRESS || (n->last->kind == TSN_N_NAME &&
	    n->last->text != NULL && meaning(w, n->last) == n->last && tsn_field_find(n->last->text, n->last->len) < 0);
}

/* A key that the rule's `where` holds to one value makes no groups. */
static bool
is_idle_key(const struct walk *w, const struct tsn_node *key)
{
	const struct tsn_node *keep = w->nparts == 0 ? NULL : tsn_node_find(w->part[0], TSN_N_KEEP);

	return keep != NULL && keep->kids != NULL && key->kind == TSN_N_NAME && key->text != NULL && fixes(w, keep->kids, key->text);
}

/* --- connectives --- */

static struct tsn_span
trimmed(const struct walk *w, struct tsn_span s)
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
note_only(struct walk *w, enum tsn_mutation kind, struct tsn_node *n, const struct tsn_node *k, struct tsn_span span)
{
	note(w, kind, span, n, *k, "");
}

/* The first connective between the operands: all of them are changed together. */
static struct tsn_span
connective_span(const struct tsn_node *n)
{
	return (struct tsn_span){ n->span.file, n->kids->span.end, n->kids->next->span.begin };
}

static void
junction(struct walk *w, struct tsn_node *n, struct place p)
{
	static const char *const word[] = { "or", "and" };
	bool and = n->kind == TSN_N_AND;
	struct tsn_node now = *n;

	if (n->kids == NULL || n->kids->next == NULL)
		return;
	now.kind = and ? TSN_N_OR : TSN_N_AND;
	note_from(w, TSN_MUT_CONNECTIVE, trimmed(w, connective_span(n)), n, now, word[and], word[!and]);
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (p.positive && and && is_tcp(k) && flags_beside(w, n, k)) /* no flow but TCP's has flags */
			;
		else if (n->kids->next == n->last)
			note_only(w, TSN_MUT_OPERAND, n, k == n->kids ? n->last : n->kids, k->span);
		else
			note_without(w, TSN_MUT_OPERAND, n, k);
		visit(w, k, p);
	}
}

static void
negation(struct walk *w, struct tsn_node *n, struct place p)
{
	if (n->kids == NULL)
		return;
	note(w, TSN_MUT_NOT, n->at, n, *n->kids, "");
	p.positive = false;
	visit(w, n->kids, p);
}

/* RST|ACK, or a union of sets. */
static void
binary(struct walk *w, struct tsn_node *n, struct place p)
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
call(struct walk *w, struct tsn_node *n, struct place p)
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
condition_of_call(struct walk *w, struct tsn_node *n, struct place p)
{
	if (!p.in_sequence && n->kids != NULL && n->kids != n->last)
		note_only(w, TSN_MUT_CLAUSE, n, n->kids, n->last->span);
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

/* Of options only `learn` and a table's default decide what is seen; others bound memory or say how far back to look. */
static void
option(struct walk *w, struct tsn_node *n, struct place p)
{
	if (n->text == NULL || n->kids == NULL || (strcmp(n->text, "learn") != 0 && strcmp(n->text, "default") != 0))
		return;
	p.compared = n->kids->kind != TSN_N_DURATION;
	visit(w, n->kids, p);
}

/* The scope [n] without key number [i] of its `by`, and of its `at`. */
static struct tsn_node
without_key(struct walk *w, const struct tsn_node *n, size_t i)
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
scope(struct walk *w, struct tsn_node *n, struct place p)
{
	const struct tsn_node *by = tsn_node_find(n, TSN_N_BY);
	size_t i = 0;

	for (const struct tsn_node *k = by == NULL ? NULL : by->kids; k != NULL; k = k->next, i++)
		if (!is_idle_key(w, k))
			note(w, TSN_MUT_KEY, k->span, n, without_key(w, n, i), "");
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		struct place q = p;

		q.compared = p.compared && k == n->kids;
		if (k->kind != TSN_N_STEP && k->kind != TSN_N_OPTION)
			visit(w, k, q);
	}
}

/* --- clauses --- */

static void
rule_clause(struct walk *w, struct tsn_node *rule, struct tsn_node *n)
{
	const struct place bare = { .positive = true };

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
rule(struct walk *w, struct tsn_node *n, struct place p)
{
	(void)p;
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		rule_clause(w, n, k);
}

static void
children(struct walk *w, struct tsn_node *n, struct place p)
{
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		visit(w, k, p);
}

static void
keys(struct walk *w, struct tsn_node *n, struct place p)
{
	(void)p;
	for (struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (k->kind == TSN_N_MASK)
			mask(w, k);
}

static void
set(struct walk *w, struct tsn_node *n, struct place p)
{
	(void)p;
	members(w, n);
}

static void
window(struct walk *w, struct tsn_node *n, struct place p)
{
	p.compared = false;
	children(w, n, p);
}

static void
let(struct walk *w, struct tsn_node *n, struct place p)
{
	p.compared = false;
	for (size_t i = 0; i < w->nsketched; i++) {
		const char *dot = strrchr(w->sketched[i], '.');

		p.sketch |= strcmp(dot == NULL ? w->sketched[i] : dot + 1, n->text) == 0;
	}
	children(w, n, p);
}

static void (*const visitor[TSN_N_COUNT])(struct walk *w, struct tsn_node *n, struct place p) = {
	[TSN_N_RULE] = rule, [TSN_N_LET] = let, [TSN_N_SETDECL] = children, [TSN_N_TABLE] = children,
	[TSN_N_DEFINE] = children, [TSN_N_RUNG] = children,
	[TSN_N_INT] = number, [TSN_N_SIZE] = number, [TSN_N_REAL] = real, [TSN_N_DURATION] = duration,
	[TSN_N_ADDRESS] = address, [TSN_N_PREFIX] = prefix, [TSN_N_RANGE] = children, [TSN_N_SET] = set,
	[TSN_N_OR] = junction, [TSN_N_AND] = junction, [TSN_N_NOT] = negation, [TSN_N_NEG] = children,
	[TSN_N_COMPARE] = compare, [TSN_N_BINARY] = binary,
	[TSN_N_CALL] = call, [TSN_N_WHERE] = condition_of_call, [TSN_N_OPTION] = option, [TSN_N_SCOPE] = scope,
	[TSN_N_BY] = keys, [TSN_N_AT] = keys, [TSN_N_OVER] = window, [TSN_N_PER] = window, [TSN_N_FOR] = window,
};

/* Trees are no deeper than TSN_AST_DEPTH_MAX. */
static void
visit(struct walk *w, struct tsn_node *n, struct place p)
{
	if (visitor[n->kind] != NULL && !w->failed)
		visitor[n->kind](w, n, p);
}

static void
take_part(void *arg, const struct tsn_node *n)
{
	struct walk *w = arg;

	if (w->nparts < PARTS_MAX)
		w->part[w->nparts++] = n;
}

/* --- all of them --- */

struct tsn_mutants *
tsn_mutants_of(const struct tsn_ruleset *rs, const struct tsn_sources *sources, const char *name)
{
	struct walk *w = tsn_calloc(1, sizeof(*w));
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
			visit(w, (struct tsn_node *)w->part[i], (struct place){ 0 });
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
