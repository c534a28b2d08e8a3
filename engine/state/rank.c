/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Ranks. When a window closes its groups are put in order of their values, and each keeps its place in the
 * last two windows it was in. A group that comes to a window after that is placed among all that have the window; the
 * places of the others stay. Of the last two windows the leaders are kept by name, so that it can be said who was pushed out.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"

#define TOP 20u
#define LEADERS_MAX 1024u /* of all that are ranked apart, together */
#define NAME_MAX_BYTES 64u
#define FEW 32u           /* late groups are counted into place one by one */
#define PUSHED_OUT_MAX 20u

struct cell {
	uint64_t window[2]; /* by window mod 2; 0: none */
	uint32_t rank[2], of[2];
};

struct leader {
	uint64_t among, id; /* id: of the whole key */
	struct tsn_value first;
	char text[NAME_MAX_BYTES];
};

struct leaders {
	uint64_t window;
	uint32_t n;
	struct leader *v;
};

struct ranks {
	uint64_t closed;   /* windows below it are closed; 0: none yet */
	uint64_t last;     /* the one that closed last */
	uint64_t first;    /* the first that somebody was in; 0: none */
	uint32_t cap;      /* of leaders */
	struct leaders top[2];
};

static struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct cell);
}

static uint32_t
top_of(const struct tsn_agg *a)
{
	return a->def->top == 0 ? TOP : a->def->top < LEADERS_MAX ? a->def->top : LEADERS_MAX;
}

static uint32_t
cap_of(const struct tsn_agg *a)
{
	return a->def->within != 0 ? LEADERS_MAX : top_of(a);
}

static uint64_t
fixed(const struct tsn_agg *a)
{
	return sizeof(struct ranks) + 2 * (uint64_t)cap_of(a) * sizeof(struct leader);
}

static void
renew(struct tsn_agg *a)
{
	struct ranks *r = a->store.beside;

	r->closed = r->last = r->first = 0;
	r->top[0].window = r->top[1].window = 0;
	r->top[0].n = r->top[1].n = 0;
	a->store.bytes = sizeof(*r) + 2 * (uint64_t)r->cap * sizeof(*r->top[0].v);
}

static bool
make(struct tsn_agg *a)
{
	struct ranks *r = tsn_calloc(1, sizeof(*r));

	if (r == NULL)
		return false;
	a->store.beside = r;
	r->cap = cap_of(a);
	for (int i = 0; i < 2; i++) {
		r->top[i].v = tsn_calloc(r->cap, sizeof(*r->top[i].v));
		if (r->top[i].v == NULL)
			return false;
	}
	renew(a);
	return true;
}

static void
fini(struct tsn_agg *a)
{
	struct ranks *r = a->store.beside;

	if (r != NULL) {
		tsn_free(r->top[0].v);
		tsn_free(r->top[1].v);
	}
	tsn_free(r);
	a->store.beside = NULL;
}

/* --- closing --- */

static uint64_t
hash_value(uint64_t h, const struct tsn_value *v)
{
	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_PREFIX:
		return tsn_hash_join(tsn_hash_join(tsn_hash_join(h, v->addr.hi), v->addr.lo), v->addr.v4);
	case TSN_T_STRING:
		return tsn_hash_join(h, tsn_hash_bytes(v->s.p, v->s.n, h));
	default:
		return tsn_hash_join(h, (uint64_t)v->i);
	}
}

static uint64_t
hash_parts(const struct tsn_agg *a, uint32_t group, uint32_t which)
{
	uint64_t h = 1;

	for (unsigned i = 0; i < a->family->def.key.n; i++) {
		struct tsn_value v;

		if (!(which >> i & 1))
			continue;
		tsn_group_part(a->family, group, i, &v);
		h = hash_value(h, &v);
	}
	return h;
}

uint64_t
tsn_rank_among(const struct tsn_agg *a, uint32_t group)
{
	return a->def->within == 0 ? 0 : hash_parts(a, group, a->def->within);
}

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct tsn_ranked *a = pa, *b = pb;

	if (a->among != b->among)
		return a->among < b->among ? -1 : 1;
	if (a->order != b->order)
		return a->order > b->order ? -1 : 1;
	return tsn_group_compare(&((const struct tsn_family *)arg)->store, a->group, b->group);
}

static void
put_rank(struct tsn_agg *a, uint32_t group, uint64_t window, uint32_t rank, uint32_t of)
{
	struct cell *c = cell_of(a, group);
	const uint32_t lane = window & 1;

	if (c->window[lane] > window)
		return;
	c->window[lane] = window;
	c->rank[lane] = rank;
	c->of[lane] = of;
}

static void
put_leader(struct tsn_agg *a, uint64_t window, const struct tsn_ranked *g)
{
	struct ranks *r = a->store.beside;
	struct leaders *top = &r->top[window & 1];
	struct leader *l;

	if (top->window > window || top->n >= r->cap)
		return;
	l = &top->v[top->n++];
	l->among = g->among;
	l->id = hash_parts(a, g->group, UINT32_MAX);
	l->first = (struct tsn_value){ .type = TSN_T_NONE };
	if (a->family->def.key.n == 0)
		return;
	tsn_group_part(a->family, g->group, 0, &l->first);
	if (l->first.type != TSN_T_STRING)
		return;
	l->first.s.n = l->first.s.n < NAME_MAX_BYTES ? l->first.s.n : NAME_MAX_BYTES;
	memcpy(l->text, l->first.s.p, l->first.s.n);
	l->first.s.p = NULL; /* entries move with the state: read [text] */
}

static void
place(struct tsn_agg *a, uint64_t window, const struct tsn_ranked *g, uint32_t rank, uint32_t of)
{
	if (!g->newly || g->group >= a->store.cells.cap)
		return;
	put_rank(a, g->group, window, rank, of);
	if (rank <= top_of(a))
		put_leader(a, window, g);
}

/* Each new one in turn: who of its own comes before it? */
static void
count_into_place(struct tsn_agg *a, uint64_t window, const struct tsn_ranked *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t before = 0, of = 0;

		for (uint32_t k = 0; k < n && v[i].newly; k++) {
			of += v[k].among == v[i].among;
			before += v[k].among == v[i].among && compare(&v[k], &v[i], (void *)a->family) < 0;
		}
		place(a, window, &v[i], before + 1, of);
	}
}

void
tsn_rank_window(struct tsn_agg *a, uint64_t window, struct tsn_ranked *v, uint32_t n)
{
	struct ranks *r = a->store.beside;
	struct leaders *top = &r->top[window & 1];
	uint32_t newly = 0;

	if (r->first == 0 || window < r->first)
		r->first = window;
	if (window > r->last)
		r->last = window;
	if (top->window < window) {
		top->window = window;
		top->n = 0;
	}
	for (uint32_t i = 0; i < n; i++)
		newly += v[i].newly;
	if (newly < FEW && newly < n) {
		count_into_place(a, window, v, n);
		return;
	}
	qsort_r(v, n, sizeof(*v), compare, (void *)a->family);
	for (uint32_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && v[to].among == v[from].among; to++)
			;
		for (uint32_t i = from; i < to; i++)
			place(a, window, &v[i], i - from + 1, to - from);
	}
}

bool
tsn_rank_due(const struct tsn_agg *a, uint64_t limit)
{
	return limit > ((const struct ranks *)a->store.beside)->closed;
}

/* A window that nobody was in closes, too. */
void
tsn_rank_closed(struct tsn_agg *a, uint64_t limit)
{
	struct ranks *r = a->store.beside;

	if (limit <= r->closed)
		return;
	r->closed = limit;
	r->last = limit - 1;
}

/* --- reading --- */

/* The window whose rank a row is told: the one that closed last, and of rows of a closing their own. */
static uint64_t
window_for(const struct tsn_agg *a, const struct tsn_batch *b)
{
	const struct tsn_closing *now = &a->state->closing;
	const struct tsn_agg_def *of = a->of->def;

	if (b != NULL && now->batch == b && &a->state->family[now->family] == a->family && now->window != 0 &&
	    now->pane_ms == of->pane_ms && now->by_received == of->by_received)
		return now->window;
	return ((const struct ranks *)a->store.beside)->last;
}

static const uint32_t *
rank_in(const struct tsn_agg *a, uint32_t group, uint64_t window)
{
	const struct cell *c;

	if (group == TSN_GROUP_NONE || group >= a->store.cells.cap || window == 0)
		return NULL;
	c = cell_of(a, group);
	return c->window[window & 1] == window ? &c->rank[window & 1] : NULL;
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const uint64_t window = window_for(a, x->batch);

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], *rank;

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		rank = rank_in(a, x->group[i], window);
		a->out->i[row] = rank != NULL ? *rank : 0;
		if (rank == NULL)
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

struct writer {
	struct tsn_note *out;
	uint32_t n, max;
};

static void
note(struct writer *w, const char *name, struct tsn_value v)
{
	if (w->n < w->max)
		w->out[w->n] = (struct tsn_note){ "rank", TSN_NOTE_ALONE, name, v };
	w->n++;
}

static struct tsn_value
number(int64_t i)
{
	return (struct tsn_value){ .type = TSN_T_INT, .known = true, .i = i };
}

static void
note_value(struct writer *w, const struct tsn_agg *a, uint32_t group, uint64_t window)
{
	struct tsn_vector v;
	struct tsn_value out = { .known = true };

	if (!tsn_ring_holds(tsn_head_load(tsn_cell(tsn_agg_cells(a->of), group)), window))
		return; /* the group has moved on since */
	/* reading changes only what the next fold makes anew */
	tsn_values_of((struct tsn_state *)a->state, a->of, window, &group, 1, &v);
	if (!tsn_mask_has(&v.known, 0))
		return;
	out.type = v.real ? TSN_T_REAL : TSN_T_INT;
	if (v.real)
		out.f = v.f[0];
	else
		out.i = v.i[0];
	note(w, "value", out);
}

static bool
leads(const struct leaders *top, const struct leader *l)
{
	for (uint32_t i = 0; i < top->n; i++)
		if (top->v[i].id == l->id && top->v[i].among == l->among)
			return true;
	return false;
}

static void
note_pushed_out(struct writer *w, const struct tsn_agg *a, uint32_t group, uint64_t window)
{
	const struct ranks *r = a->store.beside;
	const struct leaders *now = &r->top[window & 1], *before = &r->top[~window & 1];
	const uint64_t among = tsn_rank_among(a, group);

	if (now->window != window || before->window != window - 1)
		return;
	for (uint32_t i = 0, n = 0; i < before->n && n < PUSHED_OUT_MAX; i++) {
		const struct leader *l = &before->v[i];
		struct tsn_value v = l->first;

		if (l->among != among || leads(now, l) || !v.known)
			continue;
		if (v.type == TSN_T_STRING)
			v.s.p = l->text;
		note(w, "pushed_out", v);
		n++;
	}
}

static uint32_t
notes(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row, struct tsn_note *out,
    uint32_t max)
{
	const uint32_t group = tsn_group_of_row(a->state, f, b, row);
	const struct ranks *r = a->store.beside;
	const uint64_t window = window_for(a, b);
	const uint32_t *rank = rank_in(a, group, window), *previous;
	struct writer w = { out, 0, max };

	if (rank == NULL)
		return 0;
	note(&w, "rank", number(*rank));
	note(&w, "of", number(cell_of(a, group)->of[window & 1]));
	note_value(&w, a, group, window);
	previous = rank_in(a, group, window - 1);
	if (previous != NULL)
		note(&w, "previous", number(*previous));
	note(&w, "since", (struct tsn_value){ .type = TSN_T_TIME, .known = true, .i = tsn_pane_start(r->first, a->of->def->pane_ms) });
	note_pushed_out(&w, a, group, window);
	return w.n;
}

/* --- snapshots --- */

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct cell *c = cell_of(a, group);

	for (int i = 0; i < 2; i++) {
		tsn_pack_uint(out, c->window[i]);
		tsn_pack_uint(out, c->rank[i]);
		tsn_pack_uint(out, c->of[i]);
	}
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	struct cell *c = cell_of(a, group);

	for (uint64_t i = 0; i < 2; i++) {
		c->window[i] = tsn_unpack_uint(in);
		c->rank[i] = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		c->of[i] = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		if (c->window[i] != 0 && (c->window[i] & 1) != i)
			return false;
	}
	return !in->bad;
}

static void
save_leader(const struct leader *l, struct tsn_pack *out)
{
	tsn_pack_uint(out, l->among);
	tsn_pack_uint(out, l->id);
	tsn_pack_uint(out, l->first.type);
	tsn_pack_bool(out, l->first.known);
	tsn_pack_uint(out, l->first.v4_bits);
	tsn_pack_uint(out, l->first.v6_bits);
	if (l->first.type == TSN_T_STRING) {
		tsn_pack_bytes(out, l->text, l->first.s.n);
	} else if (l->first.type == TSN_T_ADDR) {
		tsn_pack_uint(out, l->first.addr.hi);
		tsn_pack_uint(out, l->first.addr.lo);
		tsn_pack_bool(out, l->first.addr.v4);
	} else {
		tsn_pack_int(out, l->first.i);
	}
}

static void
load_leader(struct leader *l, struct tsn_unpack *in)
{
	const uint8_t *text;
	size_t n;

	l->among = tsn_unpack_uint(in);
	l->id = tsn_unpack_uint(in);
	l->first = (struct tsn_value){ .type = (enum tsn_type)tsn_unpack_below(in, TSN_T_NONE) };
	l->first.known = tsn_unpack_bool(in);
	l->first.v4_bits = (uint8_t)tsn_unpack_below(in, 32);
	l->first.v6_bits = (uint8_t)tsn_unpack_below(in, 128);
	if (l->first.type == TSN_T_STRING) {
		text = tsn_unpack_bytes(in, &n);
		in->bad |= n > NAME_MAX_BYTES;
		if (text == NULL || in->bad)
			return;
		memcpy(l->text, text, n);
		l->first.s = (struct tsn_str){ NULL, (uint32_t)n };
	} else if (l->first.type == TSN_T_ADDR) {
		l->first.addr.hi = tsn_unpack_uint(in);
		l->first.addr.lo = tsn_unpack_uint(in);
		l->first.addr.v4 = tsn_unpack_bool(in);
	} else {
		l->first.i = tsn_unpack_int(in);
	}
}

/* Groups are compared with each other, so there is one shard. */
static void
save_beside(const struct tsn_agg *const *shard, uint32_t nshards, struct tsn_pack *out)
{
	const struct ranks *r = shard[0]->store.beside;

	(void)nshards;
	tsn_pack_uint(out, r->closed);
	tsn_pack_uint(out, r->last);
	tsn_pack_uint(out, r->first);
	for (int i = 0; i < 2; i++) {
		tsn_pack_uint(out, r->top[i].window);
		tsn_pack_uint(out, r->top[i].n);
		for (uint32_t k = 0; k < r->top[i].n; k++)
			save_leader(&r->top[i].v[k], out);
	}
}

/* More leaders than are kept now: [top] was larger, and they are read past. */
static bool
load_beside(struct tsn_agg *const *shard, uint32_t nshards, struct tsn_unpack *in)
{
	struct ranks *r = shard[0]->store.beside;

	(void)nshards;
	r->closed = tsn_unpack_uint(in);
	r->last = tsn_unpack_uint(in);
	r->first = tsn_unpack_uint(in);
	for (int i = 0; i < 2; i++) {
		struct leader past;
		uint32_t n;

		r->top[i].window = tsn_unpack_uint(in);
		n = (uint32_t)tsn_unpack_below(in, LEADERS_MAX);
		for (uint32_t k = 0; k < n && !in->bad; k++)
			load_leader(k < r->cap ? &r->top[i].v[k] : &past, in);
		r->top[i].n = n < r->cap ? n : r->cap;
	}
	return !in->bad;
}

const struct tsn_agg_ops tsn_rank_ops = {
	.init = init, .make = make, .renew = renew, .fixed = fixed, .fold = fold, .fini = fini, .save = save, .load = load, .save_beside = save_beside,
	.load_beside = load_beside, .notes = notes,
};
