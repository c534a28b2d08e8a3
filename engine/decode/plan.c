/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/plan.h"

#include "base/mem.h"
#include "flow/elements.h"

/* Fields that make a record a flow. */
static const uint8_t telling[] = { TSN_F_SRC, TSN_F_DST, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_RAW_PACKETS,
	TSN_F_RAW_BYTES, TSN_F_SRC_MAC, TSN_F_DST_MAC };

/* What a field of the flow is in its other direction: TSN_FIELD_COUNT if it says nothing about that. */
static enum tsn_field
swapped(enum tsn_field f)
{
	switch (f) {
	case TSN_F_SRC: return TSN_F_DST;
	case TSN_F_DST: return TSN_F_SRC;
	case TSN_F_SRC_PORT: return TSN_F_DST_PORT;
	case TSN_F_DST_PORT: return TSN_F_SRC_PORT;
	case TSN_F_SRC_AS: return TSN_F_DST_AS;
	case TSN_F_DST_AS: return TSN_F_SRC_AS;
	case TSN_F_SRC_MASK: return TSN_F_DST_MASK;
	case TSN_F_DST_MASK: return TSN_F_SRC_MASK;
	case TSN_F_SRC_MAC: return TSN_F_DST_MAC;
	case TSN_F_DST_MAC: return TSN_F_SRC_MAC;
	case TSN_F_IN_IF: return TSN_F_OUT_IF;
	case TSN_F_OUT_IF: return TSN_F_IN_IF;
	case TSN_F_IN_IF_NAME: return TSN_F_OUT_IF_NAME;
	case TSN_F_OUT_IF_NAME: return TSN_F_IN_IF_NAME;
	case TSN_F_PROTO:
	case TSN_F_VLAN:
	case TSN_F_START:
	case TSN_F_END:
	case TSN_F_SAMPLING:
	case TSN_F_APPLICATION:
	case TSN_F_USER:
	case TSN_F_VRF:
		return f;
	default: /* counters, flags, what the client asked for: of that direction only */
		return TSN_FIELD_COUNT;
	}
}

struct maker {
	const struct tsn_template *t;
	struct tsn_plan *plan;
	struct tsn_way *way;
	bool reverse;
	struct tsn_op op; /* of the field at hand */
};

static void
add(struct maker *m, uint8_t code, uint8_t field, unsigned rank)
{
	struct tsn_op *op = &m->way->op[m->way->n++];

	*op = m->op;
	op->code = code;
	op->field = field;
	op->rank = (uint8_t)rank;
}

static void
add_role(struct maker *m, enum tsn_role role, bool own)
{
	if (m->reverse && role == TSN_ROLE_VRF_IN)
		role = TSN_ROLE_VRF_OUT;
	else if (m->reverse && role == TSN_ROLE_VRF_OUT)
		role = TSN_ROLE_VRF_IN;
	if (own || m->way->role[role].len == 0)
		m->way->role[role] = m->op;
}

/* Elements of this direction come before those of the flow as a whole (times, which both share). */
#define SHARED 16

static void
add_mapping(struct maker *m, const struct tsn_mapping *map, bool own)
{
	enum tsn_field f = map->field;

	if (map->kind == TSN_MAP_ROLE) {
		add_role(m, map->field, own);
		return;
	}
	if (!m->reverse || own) {
		add(m, map->kind, f, map->rank);
		m->plan->reverse |= own && (f == TSN_F_RAW_BYTES || f == TSN_F_RAW_PACKETS);
	} else if (swapped(f) != TSN_FIELD_COUNT) {
		add(m, map->kind, swapped(f), map->rank + SHARED);
	}
}

static bool
is_list(const struct tsn_element *e)
{
	return e != NULL && e->type >= TSN_E_BASIC_LIST;
}

#define OPS 4 /* a field makes at most: two mappings, a list, a wanted column */

/* The ops of one field of the template. */
static void
add_field(struct maker *m, const struct tsn_tfield *f, const struct tsn_want *want)
{
	const struct tsn_element *e = tsn_element_find(f->pen, f->id);
	bool other_way = m->reverse && f->pen == TSN_PEN_REVERSE;
	const struct tsn_mapping *map;
	size_t n;

	map = tsn_mapping_find(other_way ? 0 : f->pen, f->id, &n);
	for (size_t i = 0; map != NULL && i < n; i++)
		if (!map[i].reverse || m->reverse)
			add_mapping(m, &map[i], map[i].reverse || other_way);
	if (is_list(e)) {
		m->op.type = e->type;
		add(m, TSN_OP_LIST, TSN_FIELD_COUNT, m->reverse);
	}
	for (size_t i = 0; i < want->n; i++) {
		if (want->w[i].pen != f->pen || want->w[i].id != f->id)
			continue;
		m->op.type = e != NULL ? e->type : TSN_E_UNSIGNED;
		add(m, TSN_OP_WANTED, (uint8_t)want->w[i].field, 0);
		break;
	}
}

/* Leaves the ops of the lowest rank of each field, and marks those that come second. */
static void
settle(struct tsn_way *w)
{
	uint8_t best[TSN_FIELD_COUNT];
	uint32_t n = 0;

	memset(best, UINT8_MAX, sizeof(best));
	for (uint32_t i = 0; i < w->n; i++)
		if (w->op[i].code != TSN_OP_LIST && w->op[i].rank < best[w->op[i].field])
			best[w->op[i].field] = w->op[i].rank;
	for (uint32_t i = 0; i < w->n; i++) {
		struct tsn_op *op = &w->op[i];

		if (op->code != TSN_OP_LIST) {
			if (op->rank > best[op->field])
				continue;
			op->again = w->has[op->field];
			w->has[op->field] = true;
		}
		w->op[n++] = *op;
	}
	w->n = n;
}

static bool
make_way(struct tsn_plan *p, const struct tsn_template *t, const struct tsn_want *want, bool reverse)
{
	struct maker m = { .t = t, .plan = p, .way = &p->way[reverse], .reverse = reverse };
	struct tsn_op *fitting;
	uint32_t offset = 0;

	m.way->op = tsn_reallocarray(NULL, OPS * (size_t)t->n, sizeof(struct tsn_op));
	if (m.way->op == NULL)
		return false;
	for (uint16_t i = 0; i < t->n; i++) {
		const struct tsn_tfield *f = &t->field[i];

		m.op = (struct tsn_op){ .offset = offset, .at = i, .len = f->len };
		if (f->len > 0)
			add_field(&m, f, want);
		offset += t->variable ? 0 : f->len;
	}
	settle(m.way);
	for (uint32_t i = 0; i < m.way->n; i++)
		m.way->shared_start |= reverse && m.way->op[i].field == TSN_F_START && m.way->op[i].rank >= SHARED;
	fitting = tsn_reallocarray(m.way->op, m.way->n + 1, sizeof(*fitting));
	m.way->op = fitting != NULL ? fitting : m.way->op;
	m.way->step = tsn_reallocarray(NULL, 2 * m.way->n + 1, sizeof(*m.way->step)); /* to fit it, some are moved */
	m.way->turn = tsn_reallocarray(NULL, m.way->n + 1, sizeof(*m.way->turn));
	return m.way->step != NULL && m.way->turn != NULL;
}

/* An op on no column of its own may fill any; one on an element by its number is there because somebody asked for it. */
static bool
is_wanted(const struct tsn_op *op, const struct tsn_field_set *wanted)
{
	return op->code == TSN_OP_LIST || op->code == TSN_OP_WANTED || tsn_field_set_has(wanted, (enum tsn_field)op->field);
}

/*
 * What turns do comes first: a turned op is the first on its column, and what lists say gives way to what the record says, so the
 * order is nothing to the columns. Records with another direction go one by one and need no turns.
 */
static void
fit_way(struct tsn_plan *p, struct tsn_way *w, bool turns)
{
	struct tsn_op *chosen = w->step + w->n;
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++)
		if (is_wanted(&w->op[i], &p->wanted))
			chosen[n++] = w->op[i];
	w->turns = turns ? tsn_turns_make(chosen, n, p->size, p->version, w->turn) : 0;
	w->steps = w->turned = 0;
	w->told.n = w->placed.n = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!chosen[i].turned)
			continue;
		tsn_told_add(tsn_op_is_time(&chosen[i]) ? &w->placed : &w->told, (enum tsn_field)chosen[i].field,
		    chosen[i].code == TSN_MAP_IPV4);
		w->step[w->turned++] = chosen[i];
	}
	w->steps = w->turned;
	for (uint32_t i = 0; i < n; i++)
		if (!chosen[i].turned)
			w->step[w->steps++] = chosen[i];
}

void
tsn_plan_fit(struct tsn_plan *p, const struct tsn_field_set *wanted)
{
	p->wanted = *wanted;
	fit_way(p, &p->way[0], p->size > 0 && !p->reverse);
	if (p->reverse)
		fit_way(p, &p->way[1], false);
}

static void
free_way(struct tsn_way *w)
{
	tsn_free(w->op);
	tsn_free(w->step);
	tsn_free(w->turn);
	w->op = w->step = NULL;
	w->turn = NULL;
}

struct tsn_plan *
tsn_plan_make(const struct tsn_template *t, const struct tsn_want *want)
{
	const struct tsn_field_set all = tsn_field_set_all();
	struct tsn_plan *p = tsn_calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->generation = want->generation;
	p->size = t->variable ? 0 : t->min_len;
	p->version = t->domain->version;
	if (!make_way(p, t, want, false) || !make_way(p, t, want, true)) {
		tsn_plan_free(p);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(telling); i++)
		p->flows |= p->way[0].has[telling[i]];
	if (!p->reverse)
		free_way(&p->way[1]);
	tsn_plan_fit(p, &all);
	return p;
}

void
tsn_plan_free(struct tsn_plan *p)
{
	if (p != NULL) {
		free_way(&p->way[0]);
		free_way(&p->way[1]);
	}
	tsn_free(p);
}
