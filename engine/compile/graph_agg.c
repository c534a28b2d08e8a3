/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Nodes of the graph with state: aggregates, the forms of the families they lie in, and their keys. */
#include "compile/graph.h"

void
ck_key_canon(struct tsn_ck *c, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (i > 0)
			tsn_buf_puts(&c->buf, ", ");
		ck_add_field(c, k->part[i].field, k->part[i].v4_bits, k->part[i].v6_bits);
	}
}

const char *
ck_key_text(struct tsn_ck *c, const struct tsn_key_spec *k)
{
	size_t mark = c->buf.len;

	ck_key_canon(c, k);
	return k->n == 0 ? "no key" : ck_take(c, mark);
}

static void
deepest(void *arg, const struct tsn_ir *n)
{
	unsigned *level = arg;

	if (n->kind == TSN_IR_AGG && n->agg->level > *level)
		*level = n->agg->level;
}

static void
deepest_inside(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, deepest, arg);
}

/* What is about another aggregate lies in its family. */
static unsigned
level_of(const struct tsn_ir_agg *agg)
{
	unsigned level = 0;

	if (agg->of != NULL)
		return agg->of->level;
	ck_inside(agg, deepest_inside, &level);
	return level + 1;
}

static void
add_steps(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	for (uint32_t i = 0; i < agg->nsteps; i++) {
		const struct tsn_ir_step *s = &agg->step[i];

		tsn_buf_puts(&c->buf, i > 0 ? ", (" : "(");
		ck_key_canon(c, &s->key);
		if (s->rule != NULL)
			tsn_buf_printf(&c->buf, ") matches of %s", s->rule);
		else
			tsn_buf_printf(&c->buf, ") %s", s->where->canon);
	}
}

/* A sequence is alone in its family, so the window belongs to the form. */
static char *
sequence_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];
	size_t mark = ck_open_form(c, "steps ");

	add_steps(c, agg);
	tsn_buf_printf(&c->buf, " over %s level %u", tsn_duration_text(agg->window_ms, text), agg->level);
	if (agg->talks)
		tsn_buf_puts(&c->buf, " of conversations");
	return ck_take(c, mark);
}

static char *
family_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	size_t mark;

	if (agg->fn == TSN_AGG_SEQUENCE)
		return sequence_form(c, agg);
	mark = ck_open_form(c, "by ");
	ck_key_canon(c, &agg->key);
	if (agg->at.n > 0) {
		tsn_buf_puts(&c->buf, " at ");
		ck_key_canon(c, &agg->at);
	}
	if (agg->fired != NULL)
		tsn_buf_printf(&c->buf, " fired %s", agg->fired);
	tsn_buf_printf(&c->buf, " where %s level %u", agg->where->canon, agg->level);
	if (agg->talks)
		tsn_buf_puts(&c->buf, " of conversations");
	return ck_take(c, mark);
}

static void
add_within(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	const char *before = " within ";

	for (unsigned i = 0; i < agg->key.n; i++) {
		struct tsn_key_spec one = { 1, { agg->key.part[i] } };

		if (!(agg->within >> i & 1))
			continue;
		tsn_buf_puts(&c->buf, before);
		ck_key_canon(c, &one);
		before = ", ";
	}
}

static void
add_options(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];

	if (agg->by_received)
		tsn_buf_puts(&c->buf, " time received");
	add_within(c, agg);
	if (agg->history_ms > 0)
		tsn_buf_printf(&c->buf, " history %s", tsn_duration_text(agg->history_ms, text));
	if (agg->season_ms > 0)
		tsn_buf_printf(&c->buf, " season %s", tsn_duration_text(agg->season_ms, text));
	if (agg->fn == TSN_AGG_ABSENT && agg->expect != TSN_SET_NONE)
		tsn_buf_printf(&c->buf, " expect %s", c->m->sets[agg->expect].name);
}

static char *
agg_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];
	size_t mark = ck_open_form(c, tsn_agg_infos[agg->fn].name);

	tsn_buf_putc(&c->buf, '(');
	if (agg->arg != NULL)
		tsn_buf_puts(&c->buf, agg->arg->canon);
	if (agg->of != NULL)
		tsn_buf_puts(&c->buf, agg->of->agg_canon);
	ck_key_canon(c, &agg->tuple);
	tsn_buf_printf(&c->buf, ") %s %s", agg->tumbling ? "per" : "over", tsn_duration_text(agg->window_ms, text));
	if (!agg->tumbling)
		tsn_buf_printf(&c->buf, " step %s", tsn_duration_text(agg->pane_ms, text));
	add_options(c, agg);
	return ck_take(c, mark);
}

const struct tsn_ir *
ck_agg(struct tsn_ck *c, struct tsn_ir_agg *agg, enum tsn_type t)
{
	struct tsn_ir n = { .kind = TSN_IR_AGG, .type = t };
	struct tsn_ir_agg *copy = ck_alloc(c, sizeof(*copy));
	const struct tsn_ir *made;
	size_t mark;

	agg->level = level_of(agg);
	agg->family_canon = family_form(c, agg);
	agg->agg_canon = agg_form(c, agg);
	*copy = *agg;
	n.agg = copy;
	mark = ck_open_form(c, "[");
	tsn_buf_printf(&c->buf, "%s %s]", agg->agg_canon, agg->family_canon);
	made = ck_intern(c, &n, mark);
	/* The bound is no part of the form: who asks for more decides. */
	if (made->agg != copy && made->kind == TSN_IR_AGG && made->agg->max_keys < agg->max_keys)
		((struct tsn_ir_agg *)made->agg)->max_keys = agg->max_keys;
	return made;
}
