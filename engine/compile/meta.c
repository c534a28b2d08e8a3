/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Metadata of rules, their canonical form, and the warning about filters beside functions (S10). */
#include <string.h>

#include "compile/graph.h"

const struct tsn_node *
ck_meta_value(const struct ck_parts *p, const char *word, const struct ck_file **file)
{
	for (size_t i = p->nmetas; i-- > 0;) {
		if (strcmp(p->meta[i].node->text, word) == 0) {
			if (file != NULL)
				*file = p->meta[i].file;
			return p->meta[i].node->kids;
		}
	}
	return NULL;
}

static const char *
text_of(struct tsn_ck *c, const struct ck_parts *p, const char *word)
{
	const struct tsn_node *n = ck_meta_value(p, word, NULL);

	return n == NULL || n->text == NULL ? NULL : ck_strdup(c, n->text);
}

static struct tsn_string_list
list_of(struct tsn_ck *c, const struct ck_parts *p, const char *word)
{
	struct tsn_string_list l = { 0 };
	size_t cap = 0;

	for (size_t i = 0; i < p->nmetas; i++) {
		if (strcmp(p->meta[i].node->text, word) != 0)
			continue;
		for (const struct tsn_node *n = p->meta[i].node->kids; n != NULL; n = n->next) {
			if (n->text == NULL)
				continue;
			l.v = ck_grow(c, l.v, l.n, &cap, sizeof(*l.v));
			l.v[l.n++] = ck_strdup(c, n->text);
		}
	}
	return l;
}

static bool
number(struct tsn_ck *c, const struct ck_parts *p, const char *word, uint32_t least, uint32_t *out)
{
	const struct tsn_node *n = ck_meta_value(p, word, NULL);

	if (n == NULL)
		return true;
	if (n->kind == TSN_N_INT && n->i >= least && n->i <= INT32_MAX) {
		*out = (uint32_t)n->i;
		return true;
	}
	tsn_diag_error(c->diags, TSN_E_VALUE, n->span, "%s is a number from %u to %d", word, least, INT32_MAX);
	return false;
}

bool
ck_requires(struct tsn_ck *c, const struct ck_parts *p, uint32_t *bits)
{
	static const struct { const char *word; uint32_t bit; } known[] = {
		{ "flags", TSN_REQ_FLAGS }, { "interfaces", TSN_REQ_INTERFACES }, { "unsampled", TSN_REQ_UNSAMPLED },
		{ "both_directions", TSN_REQ_BOTH_DIRECTIONS },
	};
	static const char *const words[] = { "flags", "interfaces", "unsampled", "both_directions" };
	bool ok = true;
	size_t i;

	for (const struct tsn_node *n = ck_meta_value(p, "requires", NULL); n != NULL; n = n->next) {
		const char *near;

		for (i = 0; n->text != NULL && i < 4 && strcmp(known[i].word, n->text) != 0; i++)
			;
		if (n->text != NULL && i < 4) {
			*bits |= known[i].bit;
			continue;
		}
		near = n->text == NULL ? NULL : tsn_nearest(n->text, words, 4);
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_VALUE, n->span, "a rule cannot require this of exporters"),
		    near != NULL ? "did you mean \"%s\"?" : "it may require flags, interfaces, unsampled, both_directions", near);
		ok = false;
	}
	return ok;
}

bool
ck_meta(struct tsn_ck *c, const struct ck_parts *p, struct tsn_rule *r)
{
	const struct tsn_node *expires = ck_meta_value(p, "expires", NULL);
	const char *title = text_of(c, p, "title");
	bool ok;

	if (title != NULL)
		r->title = title;
	r->author = text_of(c, p, "author");
	r->status = text_of(c, p, "status");
	r->tags = list_of(c, p, "tags");
	r->attack = list_of(c, p, "attack");
	r->references = list_of(c, p, "reference");
	r->falsepositives = list_of(c, p, "falsepositives");
	r->cve = list_of(c, p, "cve");
	r->rev = 1;
	if (expires != NULL && expires->kind == TSN_N_DATE)
		r->expires_ms = expires->i * TSN_SECOND;
	ok = number(c, p, "sid", 1, &r->sid);
	ok &= number(c, p, "rev", 1, &r->rev);
	return ok;
}

/* --- canonical form of a rule, for what a reload calls changed --- */

static void
add_text(struct tsn_ck *c, const char *name, const char *text)
{
	if (text == NULL)
		return;
	tsn_buf_putc(&c->buf, ' ');
	tsn_buf_puts(&c->buf, name);
	tsn_buf_putc(&c->buf, ' ');
	ck_add_quoted(c, text, strlen(text));
}

static void
add_list(struct tsn_ck *c, const char *name, const struct tsn_string_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		add_text(c, name, l->v[i]);
}

static void
add_message(struct tsn_ck *c, const struct tsn_ir_rule *rule)
{
	const struct tsn_rule *r = &rule->meta;

	for (uint32_t i = 0; i < r->nmessage; i++) {
		const struct tsn_piece *p = &r->message[i];

		tsn_buf_printf(&c->buf, " piece %d", (int)p->kind);
		add_text(c, "", p->text);
		if (p->kind == TSN_PIECE_FIELD || p->kind == TSN_PIECE_SET_COLUMN)
			add_text(c, "", ck_field_name(c, p->field));
		if (p->kind == TSN_PIECE_SET_COLUMN)
			add_text(c, "", c->m->sets[p->set].name);
		if (p->kind == TSN_PIECE_REG)
			add_text(c, "", rule->define[p->reg]->canon);
	}
}

/* Nothing of what a rule does not say, so that its form stays what it was before there were these clauses. */
static void
add_clauses(struct tsn_ck *c, const struct tsn_ir_rule *rule)
{
	const struct tsn_rule *r = &rule->meta;

	if (r->door == TSN_DOOR_TALK)
		tsn_buf_puts(&c->buf, " of conversations");
	if (r->for_ms > 0)
		tsn_buf_printf(&c->buf, " for %lld", (long long)r->for_ms);
	if (rule->until != NULL)
		tsn_buf_printf(&c->buf, " until %s", rule->until->canon);
	if (rule->during != NULL)
		tsn_buf_printf(&c->buf, " %s", rule->during->canon);
	for (uint32_t i = 0; i < rule->nrungs; i++)
		tsn_buf_printf(&c->buf, " rung %d when %s", (int)rule->rung[i].severity, rule->rung[i].when->canon);
	for (uint32_t i = 0; i < r->nactions; i++) {
		tsn_buf_printf(&c->buf, " %s ", r->action[i].remove ? "remove" : "add");
		ck_key_canon(c, &r->action[i].value);
		tsn_buf_printf(&c->buf, " set %s for %lld", c->m->sets[r->action[i].set].name, (long long)r->action[i].for_ms);
	}
}

/* Every rule has these: printf is too slow for them. */
static void
add_number(struct tsn_ck *c, const char *name, int64_t v)
{
	tsn_buf_puts(&c->buf, name);
	tsn_buf_int(&c->buf, v);
}

static void
add_form(struct tsn_ck *c, const char *name, const struct tsn_ir *x)
{
	tsn_buf_puts(&c->buf, name);
	tsn_buf_puts(&c->buf, x->canon);
}

void
ck_rule_canon(struct tsn_ck *c, struct tsn_ir_rule *rule)
{
	struct tsn_rule *r = &rule->meta;
	size_t mark = c->buf.len;

	add_form(c, "when ", rule->when);
	add_form(c, " except ", rule->except);
	tsn_buf_puts(&c->buf, " key ");
	ck_key_canon(c, &r->key);
	add_number(c, " once ", r->once_ms);
	add_number(c, " hold ", r->hold_ms);
	add_number(c, " severity ", (int64_t)r->severity);
	add_number(c, " each ", r->each);
	add_number(c, " disabled ", r->disabled);
	add_number(c, " sid ", r->sid);
	add_number(c, " rev ", r->rev);
	add_number(c, " expires ", r->expires_ms);
	add_number(c, " requires ", r->requires_bits);
	for (uint32_t i = 0; i < rule->nreports; i++) {
		add_form(c, " report ", rule->report[i].value);
		add_form(c, " of ", rule->report[i].compare);
	}
	add_clauses(c, rule);
	add_text(c, "title", r->title);
	add_text(c, "author", r->author);
	add_text(c, "status", r->status);
	add_list(c, "tag", &r->tags);
	add_list(c, "attack", &r->attack);
	add_list(c, "reference", &r->references);
	add_list(c, "falsepositive", &r->falsepositives);
	add_list(c, "cve", &r->cve);
	add_message(c, rule);
	r->canon = ck_take(c, mark);
}

/* --- S10 --- */

static void
collect_fields(void *arg, const struct tsn_ir *n)
{
	if (n->kind == TSN_IR_FIELD)
		tsn_field_set_add(arg, n->field);
}

/* A field that is no key of the function. */
static bool
beside_key(const struct tsn_ir *cond, const struct tsn_key_spec *key)
{
	struct tsn_field_set fields = { { 0 } };

	if (cond->stateful || !cond->field_test)
		return false;
	ck_walk(cond, collect_fields, &fields);
	for (unsigned i = 0; i < key->n; i++)
		fields.bits[key->part[i].field / 64] &= ~(UINT64_C(1) << (key->part[i].field % 64));
	for (size_t i = 0; i < sizeof(fields.bits) / sizeof(fields.bits[0]); i++)
		if (fields.bits[i] != 0)
			return true;
	return false;
}

static const char *
what_beside(enum ck_use_kind kind)
{
	switch (kind) {
	case CK_U_NEW:
		return "the flow that is the first is rarely the one that meets the condition beside it";
	case CK_U_ABSENT:
		return "no flow is there when a group is absent, so the condition beside it is never met";
	default:
		return "this counts all flows, not only those of the condition beside it";
	}
}

/* The condition beside it as it was written, if it is one of those joined by `and`. */
static const char *
written(const struct ck_env *e, const struct tsn_node *and, const struct tsn_ir *cond)
{
	for (const struct tsn_node *part = and->kind == TSN_N_AND ? and->kids : NULL; part != NULL; part = part->next)
		if (ck_cond(e, part) == cond)
			return ck_text(e->c, part);
	return NULL;
}

/* Its arguments are what is new, so a test of them is about the flow that is. */
static bool
is_beside(const struct tsn_ir *cond, const struct ck_use *u)
{
	return beside_key(cond, u->kind == CK_U_NEW ? &u->agg->agg->key : u->key);
}

/*
 * dst_port == 25 and count() by src over 60s > 100 counts all flows of src: people mean the mail
 * flows. Said once a rule.
 */
void
ck_warn_filters(const struct ck_env *e, const struct tsn_ir *when, const struct ck_gather *g, const struct tsn_node *n)
{
	const struct tsn_node *and = n->kind == TSN_N_WHEN ? n->kids : n;
	struct ck_env plain = *e;

	plain.gather = NULL;
	if (when->kind != TSN_IR_AND)
		return;
	for (size_t i = 0; i < g->nuses; i++) {
		const struct ck_use *u = &g->use[i];

		for (uint32_t k = 0; (u->bare || u->kind != CK_U_COUNTS) && k < when->nkids; k++) {
			const char *filter;

			if (!is_beside(when->kid[k], u))
				continue;
			filter = written(&plain, and, when->kid[k]);
			tsn_diag_hint(ck_warn(e->c, u->span, "%s", what_beside(u->kind)),
			    filter != NULL ? "put the condition first: where %s" : "put the condition into the clause where", filter);
			return;
		}
	}
}
