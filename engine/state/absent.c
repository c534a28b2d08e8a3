/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Silences. A cell is the time of a group's last flow and its place in a queue of buckets by when
 * the group would have been silent for a window. A flow only moves the time; the queue is put right when a bucket's
 * time comes: most groups in it have spoken since and go to a later one. So a flow costs a store, a
 * tick looks only at the groups whose time may have come, and each group is looked at about once a window.
 *
 * While the exporter that reported a group last is silent itself, the group waits in a list of that exporter, and
 * when the exporter is heard again it gets a window anew: nobody knows what was missed (S5).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "sets/set.h"
#include "state/internal.h"

#define BUCKETS 2048u
#define PER_WINDOW 1024 /* buckets a window is divided into, at most one a second */
#define NOBODY UINT32_MAX
#define EXPECT_MAX 65536

enum { IDLE, ARMED, WAITING };

struct cell {
	int64_t last;
	uint32_t source;     /* NOBODY: it was only expected so far */
	uint32_t next, prev; /* group + 1; 0: none */
	uint16_t bucket;
	uint8_t state;
	uint8_t known;       /* [last] means something */
};

struct waiting {
	uint32_t head;
	int64_t from;        /* the exporter has been heard again when it was heard at or after this */
};

struct silences {
	uint32_t head[BUCKETS];
	int64_t step;        /* ms a bucket */
	int64_t cursor;      /* number of the bucket that is next */
	bool started;
	bool expected;
	int64_t next;        /* nothing is due before */
	uint32_t nwaiting;   /* exporters with somebody waiting */
	struct waiting *waiting;
	uint32_t sources;
	uint64_t unknown;    /* silences not judged */
};

static struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

static int64_t
plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t
due_of(const struct tsn_agg *a, const struct cell *c)
{
	return plus(c->last, a->def->window_ms);
}

static int64_t
bucket_of(const struct silences *q, int64_t due)
{
	return due / q->step - (due % q->step < 0);
}

/* --- the queue --- */

static void
link_in(struct tsn_agg *a, uint32_t *head, uint32_t group)
{
	struct cell *c = cell_of(a, group);

	c->prev = 0;
	c->next = *head;
	if (*head != 0)
		cell_of(a, *head - 1)->prev = group + 1;
	*head = group + 1;
}

static void
link_out(struct tsn_agg *a, uint32_t *head, uint32_t group)
{
	struct cell *c = cell_of(a, group);

	if (c->next != 0)
		cell_of(a, c->next - 1)->prev = c->prev;
	if (c->prev != 0)
		cell_of(a, c->prev - 1)->next = c->next;
	else
		*head = c->next;
	c->next = c->prev = 0;
}

/* Beyond the ring the last bucket does: who is there is looked at, and put off, earlier than need be. */
static void
enqueue(struct tsn_agg *a, uint32_t group)
{
	struct silences *q = a->store.beside;
	struct cell *c = cell_of(a, group);
	const int64_t due = due_of(a, c);
	int64_t b = bucket_of(q, due);

	if (!q->started) {
		q->cursor = b - PER_WINDOW;
		q->started = true;
	}
	b = b < q->cursor ? q->cursor : b >= q->cursor + BUCKETS ? q->cursor + BUCKETS - 1 : b;
	c->bucket = (uint16_t)((uint64_t)b % BUCKETS);
	c->state = ARMED;
	link_in(a, &q->head[c->bucket], group);
	if (due < q->next)
		q->next = due;
}

static void
dequeue(struct tsn_agg *a, uint32_t group)
{
	struct silences *q = a->store.beside;
	struct cell *c = cell_of(a, group);

	if (c->state == ARMED) {
		link_out(a, &q->head[c->bucket], group);
	} else if (c->state == WAITING) {
		link_out(a, &q->waiting[c->source].head, group);
		q->nwaiting -= q->waiting[c->source].head == 0;
	}
	c->state = IDLE;
}

/* --- judging --- */

/* Was the exporter there to tell, when the window was over? */
static bool
is_heard(const struct tsn_agg *a, const struct cell *c)
{
	const struct tsn_state_exporters *x = &a->state->exporters;

	for (unsigned i = 0; i < a->family->def.key.n; i++)
		if (a->family->def.key.part[i].field == TSN_F_EXPORTER)
			return true;
	return x->heard == NULL || c->source == NOBODY || x->heard(x->arg, c->source, due_of(a, c));
}

/* Buckets whose time has come, the one in which [until] lies included. */
static int64_t
buckets_due(const struct silences *q, int64_t until)
{
	int64_t to = bucket_of(q, until);

	if (!q->started)
		return 0;
	to = to < q->cursor ? q->cursor : to;
	return to - q->cursor >= BUCKETS ? BUCKETS : to - q->cursor + 1;
}

static bool
is_back(const struct tsn_agg *a, uint32_t source)
{
	const struct tsn_state_exporters *x = &a->state->exporters;
	const struct waiting *w = &((const struct silences *)a->store.beside)->waiting[source];

	return w->head != 0 && (x->heard == NULL || x->heard(x->arg, source, w->from));
}

bool
tsn_silences_due(const struct tsn_agg *a, int64_t until)
{
	const struct silences *q = a->store.beside;

	if (q->next <= until)
		return true;
	for (uint32_t i = 0; q->nwaiting > 0 && i < q->sources; i++)
		if (is_back(a, i))
			return true;
	return false;
}

bool
tsn_silences_each(struct tsn_agg *a, int64_t until, bool (*each)(void *arg, uint32_t group, int64_t last), void *arg)
{
	struct silences *q = a->store.beside;

	for (int64_t i = 0, n = q->next <= until ? buckets_due(q, until) : 0; i < n; i++)
		for (uint32_t g = q->head[(uint64_t)(q->cursor + i) % BUCKETS]; g != 0; g = cell_of(a, g - 1)->next) {
			const struct cell *c = cell_of(a, g - 1);

			if (due_of(a, c) <= until && is_heard(a, c) && !each(arg, g - 1, c->last))
				return false;
		}
	return true;
}

static void
wait_for_exporter(struct tsn_agg *a, uint32_t group)
{
	struct silences *q = a->store.beside;
	struct cell *c = cell_of(a, group);
	struct waiting *w = &q->waiting[c->source];

	q->nwaiting += w->head == 0;
	if (w->head == 0 || due_of(a, c) < w->from)
		w->from = due_of(a, c);
	c->state = WAITING;
	link_in(a, &w->head, group);
	q->unknown++;
}

/* Its exporter is heard again: who waited for it has a window from now on. */
static void
come_back(struct tsn_agg *a, uint32_t source, int64_t now)
{
	struct silences *q = a->store.beside;

	while (q->waiting[source].head != 0) {
		const uint32_t group = q->waiting[source].head - 1;
		struct cell *c = cell_of(a, group);

		dequeue(a, group);
		c->last = now > c->last ? now : c->last;
		enqueue(a, group);
	}
}

static void
look_again(struct tsn_agg *a, uint32_t group, int64_t until)
{
	const struct cell *c = cell_of(a, group);

	dequeue(a, group);
	if (due_of(a, c) > until)
		enqueue(a, group);
	else if (!is_heard(a, c))
		wait_for_exporter(a, group);
}

/* The first moment at which somebody may be due: exact in the bucket at hand, the beginning of a later one. */
static int64_t
next_due(const struct tsn_agg *a)
{
	const struct silences *q = a->store.beside;
	int64_t first = INT64_MAX;

	for (uint32_t g = q->head[(uint64_t)q->cursor % BUCKETS]; g != 0; g = cell_of(a, g - 1)->next) {
		const int64_t due = due_of(a, cell_of(a, g - 1));

		first = due < first ? due : first;
	}
	for (int64_t i = 1; i < BUCKETS; i++)
		if (q->head[(uint64_t)(q->cursor + i) % BUCKETS] != 0) {
			int64_t start = (q->cursor + i) * q->step;

			return start < first ? start : first;
		}
	return first;
}

void
tsn_silences_settle(struct tsn_agg *a, int64_t until, int64_t now)
{
	struct silences *q = a->store.beside;
	const int64_t n = buckets_due(q, until), first = q->cursor;

	for (uint32_t i = 0; q->nwaiting > 0 && i < q->sources; i++)
		if (is_back(a, i))
			come_back(a, i, now);
	if (q->next > until)
		return;
	if (q->started && bucket_of(q, until) > first)
		q->cursor = bucket_of(q, until); /* before anybody is put off: places are counted from it */
	for (int64_t i = 0; i < n; i++)
		for (uint32_t g = q->head[(uint64_t)(first + i) % BUCKETS], next; g != 0; g = next) {
			next = cell_of(a, g - 1)->next;
			look_again(a, g - 1, until);
		}
	q->next = next_due(a);
}

/* --- folding --- */

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct cell);
}

static void
renew(struct tsn_agg *a)
{
	struct silences *q = a->store.beside;

	tsn_free(q->waiting);
	*q = (struct silences){ .next = INT64_MAX };
	q->step = a->def->window_ms / PER_WINDOW > 1000 ? a->def->window_ms / PER_WINDOW + 1 : 1000;
	a->store.bytes = sizeof(*q);
}

static uint64_t
fixed(const struct tsn_agg *a)
{
	(void)a;
	return sizeof(struct silences) + 2 * ((uint64_t)TSN_SOURCES_MAX + 1) * sizeof(struct waiting);
}

static bool
make(struct tsn_agg *a)
{
	struct silences *q = tsn_calloc(1, sizeof(*q));

	if (q == NULL)
		return false;
	a->store.beside = q;
	renew(a);
	return true;
}

static bool
source_room(struct tsn_agg *a, uint32_t source)
{
	struct silences *q = a->store.beside;
	const uint32_t before = q->sources;
	struct waiting *w;

	if (source < q->sources)
		return true;
	w = tsn_reach(q->waiting, &q->sources, source, sizeof(*w));
	if (w == NULL)
		return false;
	q->waiting = w;
	a->store.bytes += (uint64_t)(q->sources - before) * sizeof(*w);
	return true;
}

static bool
reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	for (uint32_t i = x->from; i < x->to; i++)
		if (tsn_mask_has(&a->takes, x->row[i]) && !source_room(a, x->batch->source[x->row[i]]))
			return false;
	return true;
}

/* A flow older than the last one ends no silence. */
static void
spoke(struct tsn_agg *a, uint32_t group, int64_t time, uint32_t source)
{
	struct cell *c = cell_of(a, group);
	const bool newer = !c->known || time > c->last;

	if (c->state == WAITING)
		dequeue(a, group); /* before its exporter changes */
	else if (c->state == IDLE && !newer)
		return;
	c->source = source;
	c->known = 1;
	if (newer)
		c->last = time;
	if (c->state == IDLE)
		enqueue(a, group);
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const struct tsn_batch *b = x->batch;
	const struct tsn_closing *now = &a->state->closing;
	const bool silent = b != NULL && now->batch == b && a == &a->state->family[now->family].agg[now->agg];
	const int64_t *time = a->def->by_received ? b->received : b->time;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		a->out->i[row] = silent;
		if (x->group[i] != TSN_GROUP_NONE && tsn_mask_has(&a->takes, row))
			spoke(a, x->group[i], time[row], b->source[row]);
	}
	return x->to;
}

static void
reset(struct tsn_agg *a, uint32_t group)
{
	if (group < a->store.cells.cap && a->store.beside != NULL)
		dequeue(a, group);
}

static void
fini(struct tsn_agg *a)
{
	struct silences *q = a->store.beside;

	if (q != NULL)
		tsn_free(q->waiting);
	tsn_free(q);
	a->store.beside = NULL;
}

/* --- members that are expected --- */

/* The group of a row, made if it is new. False: memory is out. */
static bool
expect_row(struct tsn_state *s, struct tsn_family *f, struct tsn_agg *a, struct tsn_batch *b, int64_t now)
{
	struct tsn_fold x = { .batch = b, .row = s->row, .group = s->group };
	struct tsn_agg *lean = tsn_lean_of(f); /* of before a reload: the group is touched, and nothing counted */
	struct tsn_mask present;
	struct cell *c;

	if (lean != NULL && !tsn_lean_apart(lean))
		return false;
	tsn_key_present(&f->def.key, b, &present);
	if (!tsn_mask_has(&present, 0))
		return true;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (!tsn_agg_room(&f->agg[i], tsn_numbers(&f->store)))
			return false;
	s->row[0] = 0;
	if (tsn_keys_make(&s->keys, &f->def.key, b, s->seed, s->row, 1) != 1)
		return false;
	tsn_family_begin(s, f);
	if (!tsn_family_resolve(f, &s->keys, &present, &x, s->group, 1, s->seed))
		return false;
	tsn_family_settle(s, f, b);
	tsn_family_begin(s, f); /* rows of no batch that was folded */
	c = cell_of(a, s->group[0]);
	if (c->known)
		return true;
	c->known = 1;
	c->source = NOBODY;
	c->last = now;
	enqueue(a, s->group[0]);
	return true;
}

struct expecting {
	struct tsn_state *s;
	struct tsn_family *f;
	struct tsn_agg *a;
	struct tsn_batch *b;
	int64_t now;
};

static bool
expect_member(void *arg, const struct tsn_value *v, const uint8_t *key, size_t n)
{
	struct expecting *e = arg;
	const struct tsn_key_spec *k = &e->f->def.key;

	tsn_batch_clear(e->b, TSN_BATCH_TICK);
	if (key != NULL)
		tsn_key_to_row(k, key, n, e->b, 0);
	else if (k->n != 1)
		return true;
	else
		tsn_batch_put(e->b, 0, (enum tsn_field)k->part[0].field, v);
	e->b->n = 1;
	e->b->time[0] = e->b->received[0] = e->now;
	tsn_mask_first(&e->b->rows, 1);
	return expect_row(e->s, e->f, e->a, e->b, e->now);
}

/* Members of another kind than the key's field name no group. */
static bool
fits(const struct tsn_set *set, const struct tsn_key_spec *k)
{
	const enum tsn_storage storage = k->n > 0 ? tsn_fields[k->part[0].field].storage : TSN_ADDR;

	switch (tsn_set_kind(set)) {
	case TSN_SET_ADDR:  return k->n == 1 && storage == TSN_ADDR;
	case TSN_SET_INT:   return k->n == 1 && storage <= TSN_I64;
	case TSN_SET_STR:   return k->n == 1 && storage == TSN_STR;
	case TSN_SET_TUPLE: return k->n > 1;
	default:            return false;
	}
}

bool
tsn_state_expect(struct tsn_state *s, const struct tsn_set *const *sets, int64_t now)
{
	struct tsn_batch *b = NULL;
	bool ok = true;

	for (uint32_t i = 0; i < s->n && ok; i++)
		for (uint32_t k = 0; k < s->family[i].def.naggs && ok; k++) {
			struct tsn_agg *a = &s->family[i].agg[k];
			struct silences *q = a->store.beside;
			struct expecting e = { s, &s->family[i], a, b, now };

			if (a->def->fn != TSN_AGG_ABSENT || a->def->expect == TSN_SET_NONE || q->expected)
				continue;
			if (b == NULL)
				e.b = b = tsn_batch_new();
			ok = b != NULL && (!fits(sets[a->def->expect], &s->family[i].def.key) ||
			    tsn_set_each(sets[a->def->expect], EXPECT_MAX, expect_member, &e));
			q->expected = ok;
		}
	tsn_batch_free(b);
	return ok;
}

/* --- snapshots --- */

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct cell *c = cell_of(a, group);

	tsn_pack_uint(out, c->state);
	tsn_pack_bool(out, c->known);
	tsn_pack_int(out, c->last);
	tsn_pack_uint(out, c->source);
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	struct cell *c = cell_of(a, group);
	const uint64_t state = tsn_unpack_below(in, WAITING);

	c->known = tsn_unpack_bool(in);
	c->last = tsn_unpack_int(in);
	c->source = (uint32_t)tsn_unpack_below(in, NOBODY);
	if (in->bad || (!c->known && state != IDLE))
		return false;
	if (state == IDLE)
		return true;
	if (state == WAITING && (c->source == NOBODY || c->source > TSN_SOURCES_MAX))
		return false;
	if (c->source != NOBODY && (c->source > TSN_SOURCES_MAX || !source_room(a, c->source)))
		return false;
	if (state == WAITING) {
		wait_for_exporter(a, group);
		((struct silences *)a->store.beside)->unknown--; /* it was counted when it began */
	} else {
		enqueue(a, group);
	}
	return true;
}

/* When the first of the groups that are armed is due, INT64_MAX if none is. A bucket tells it no better: who has spoken since is still there. */
static int64_t
first_due(const struct tsn_agg *a)
{
	int64_t first = INT64_MAX;

	for (uint32_t g = 0; g < a->store.cells.cap; g++) {
		const struct cell *c = cell_of(a, g);
		const int64_t due = c->state == ARMED ? due_of(a, c) : INT64_MAX;

		first = due < first ? due : first;
	}
	return first;
}

/* Of all shards. Where a queue stands hangs on the ticks at which somebody looked; one begins with the group that is due first. */
static void
save_beside(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out)
{
	bool started = false, expected = false;
	int64_t cursor = 0;
	uint64_t unknown = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct silences *q = shard[i]->store.beside;
		const int64_t due = first_due(shard[i]);

		if (due != INT64_MAX && (!started || bucket_of(q, due) < cursor))
			cursor = bucket_of(q, due);
		started = started || due != INT64_MAX;
		expected = expected || q->expected;
		unknown += q->unknown;
	}
	tsn_pack_bool(out, started);
	tsn_pack_int(out, cursor);
	tsn_pack_bool(out, expected);
	tsn_pack_uint(out, unknown);
}

static bool
load_beside(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in)
{
	const bool started = tsn_unpack_bool(in);
	const int64_t cursor = tsn_unpack_int(in);
	const bool expected = tsn_unpack_bool(in);
	struct silences *q = shard[0]->store.beside;

	q->unknown = tsn_unpack_uint(in);
	if (cursor > bucket_of(q, INT64_MAX) || cursor < bucket_of(q, INT64_MIN) - PER_WINDOW)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		q = shard[i]->store.beside;
		q->started = started;
		q->cursor = cursor;
		q->expected = expected;
	}
	return !in->bad;
}

uint64_t
tsn_silences_unknown(const struct tsn_agg *a)
{
	return ((const struct silences *)a->store.beside)->unknown;
}

const struct tsn_agg_ops tsn_absent_ops = {
	.init = init, .make = make, .renew = renew, .fixed = fixed, .reserve = reserve, .fold = fold, .reset = reset, .fini = fini,
	.save = save, .load = load, .save_beside = save_beside, .load_beside = load_beside,
};
