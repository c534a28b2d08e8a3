/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Handover at a reload. What is the same under its canonical form moves as it
 * is; the groups of a kept family stay even if the new cap is below their number
 * (from then on each new group takes the place of another).
 */
#include "state/internal.h"

/* Elements that rules name by number may be in other columns than before; the forms name the elements. */
static bool
same_keys(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	bool same = a->n == b->n;

	for (uint8_t i = 0; same && i < a->n; i++)
		same = tsn_fields[a->part[i].field].storage == tsn_fields[b->part[i].field].storage && a->part[i].v4_bits == b->part[i].v4_bits &&
		    a->part[i].v6_bits == b->part[i].v6_bits;
	return same;
}

/* The form says it all; the rest is what the arrays are made for, and must agree whatever the form says. */
static bool
same_agg(const struct tsn_agg_def *a, const struct tsn_agg_def *b)
{
	return strcmp(a->canon, b->canon) == 0 && a->fn == b->fn && a->real == b->real &&
	    a->tumbling == b->tumbling && a->by_received == b->by_received && a->window_ms == b->window_ms &&
	    a->pane_ms == b->pane_ms && a->panes == b->panes &&
	    a->history_ms == b->history_ms && a->season_ms == b->season_ms && a->within == b->within &&
	    (!tsn_agg_infos[a->fn].tuple || same_keys(&a->tuple, &b->tuple));
}

static bool
same_family(const struct tsn_family_def *a, const struct tsn_family_def *b)
{
	return strcmp(a->canon, b->canon) == 0 && same_keys(&a->key, &b->key) && a->nsteps == b->nsteps;
}

/* Leaves the old one empty, with its sizes, so that it can be freed. */
static void
move_agg(struct tsn_agg *to, struct tsn_agg *from)
{
	const struct tsn_agg_store empty = to->store;

	to->store = from->store;
	from->store = empty;
	if (to->closes && !from->closes) {
		to->store.mute = true;
		to->store.open = 0;
	}
}

/* Cells that stay behind in the old family are freed with it; they need its groups no more. */
static void
move_family(struct tsn_family *to, struct tsn_family *from)
{
	const struct tsn_family_store empty = to->store;

	to->store = from->store;
	from->store = empty;
	tsn_slab_bound(&to->store.slab, &to->def.key, (uint64_t)to->budget * TSN_PARTS);
}

static void
take_aggs(struct tsn_family *f, struct tsn_family *old, void (*report)(void *, const struct tsn_handover *),
    void *arg)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];
		struct tsn_handover h = { .canon = a->def->canon, .window_ms = a->def->window_ms };

		for (uint32_t j = 0; old != NULL && j < old->def.naggs && !h.kept; j++) {
			h.kept = same_agg(a->def, old->agg[j].def);
			if (h.kept)
				move_agg(a, &old->agg[j]);
		}
		h.groups = h.kept ? f->store.ngroups : 0;
		if (report != NULL)
			report(arg, &h);
	}
}

void
tsn_state_take_over(struct tsn_state *s, struct tsn_state *old,
    void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	s->seed = old->seed; /* the keys that move were hashed with it */
	s->learned = s->learned || old->learned;
	for (uint32_t i = 0; i < s->n; i++) {
		struct tsn_family *f = &s->family[i], *from = NULL;
		struct tsn_handover h = { .canon = f->def.canon, .family = true };

		for (uint32_t j = 0; j < old->n && from == NULL; j++)
			if (same_family(&f->def, &old->family[j].def))
				from = &old->family[j];
		if (from != NULL)
			move_family(f, from);
		h.kept = from != NULL;
		h.groups = f->store.ngroups;
		if (report != NULL)
			report(arg, &h);
		take_aggs(f, from, report, arg);
		tsn_samples_settle(f);
	}
}
