/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sequences, a row at a time: for each step that the row meets, the last one first so that no run gets the row twice,
 * the run of the step before is taken on. Of the runs that reached a step the one with the latest
 * start is kept (of equal ones the one met earlier, then the one that came first): of flows in order, if any to
 * come can complete a run in time, it can complete that one.
 *
 * "Later" is by event time, and of equal times by arrival: a row is never taken back behind rows that came before it,
 * so a run whose flows arrive in the wrong order is not seen unless its times are equal. A flow older than the
 * newest one of its group by more than the window is late and meets nothing. A match leaves the
 * group as if it had never been seen; its place is the next to be given away.
 */
#include "state/runs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* A run that was completed: by a row of the batch, or by a rule's match in a group whose key has [hash]. */
struct match {
	uint64_t hash;
	uint32_t row, place; /* of its hops: place * nsteps */
};

struct matches {
	struct match *v;
	struct tsn_hop *hop; /* nsteps each */
	uint32_t n, cap;
};

struct tsn_steps {
	struct tsn_key_spec key[TSN_STEPS_MAX]; /* different ones; [0] is that of the last step */
	uint32_t nkeys, key_of[TSN_STEPS_MAX];
	struct matches row;   /* of the batch folded last, by row */
	struct matches rule;  /* of rules that are the last step, until flows come or the next tick */
	bool sorted, told;    /* [rule]: by hash; was read, so what comes now is of another tick */
};

/* What goes through the rows of a batch. */
struct walk {
	struct tsn_state *s;
	struct tsn_family *f;
	const struct tsn_batch *b;
	const struct tsn_mask *const *steps;
	struct tsn_mask there[TSN_STEPS_MAX]; /* by key: rows that have it */
	struct tsn_mask met[TSN_STEPS_MAX];   /* by key: and meet a step of it */
	struct matches *to;
	struct tsn_vector *result;            /* may be NULL */
};

static bool
same_spec(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	bool same = a->n == b->n;

	for (uint8_t i = 0; same && i < a->n; i++)
		same = a->part[i].field == b->part[i].field && a->part[i].v4_bits == b->part[i].v4_bits &&
		    a->part[i].v6_bits == b->part[i].v6_bits;
	return same;
}

static void
find_keys(struct tsn_steps *st, const struct tsn_family_def *def)
{
	for (uint32_t i = def->nsteps; i-- > 0;) {
		uint32_t k = 0;

		while (k < st->nkeys && !same_spec(&st->key[k], &def->step[i].key))
			k++;
		if (k == st->nkeys)
			st->key[st->nkeys++] = def->step[i].key;
		st->key_of[i] = k;
	}
}

uint32_t
tsn_steps_keys(const struct tsn_family_def *def)
{
	struct tsn_steps st = { .nkeys = 0 };

	find_keys(&st, def);
	return st.nkeys;
}

bool
tsn_steps_init(struct tsn_family *f, const struct tsn_family_def *def)
{
	struct tsn_step_def *step;

	f->def.nsteps = def->nsteps < TSN_STEPS_MAX ? def->nsteps : TSN_STEPS_MAX;
	if (f->def.nsteps == 0)
		return true;
	f->def.step = step = tsn_calloc(f->def.nsteps, sizeof(*step));
	f->steps = tsn_calloc(1, sizeof(*f->steps));
	if (step == NULL || f->steps == NULL)
		return false;
	memcpy(step, def->step, f->def.nsteps * sizeof(*step));
	find_keys(f->steps, &f->def);
	f->many_keys = f->steps->nkeys > 1;
	return true;
}

static void
matches_free(struct matches *m)
{
	tsn_free(m->v);
	tsn_free(m->hop);
}

void
tsn_steps_fini(struct tsn_family *f)
{
	tsn_free((void *)f->def.step);
	if (f->steps == NULL)
		return;
	matches_free(&f->steps->row);
	matches_free(&f->steps->rule);
	tsn_free(f->steps);
}

uint64_t
tsn_steps_bytes(const struct tsn_family *f)
{
	const struct tsn_steps *st = f->steps;

	return st == NULL ? 0 : ((uint64_t)st->row.cap + st->rule.cap) *
	    (sizeof(struct match) + f->def.nsteps * sizeof(struct tsn_hop));
}

uint64_t
tsn_steps_fixed(const struct tsn_family_def *def)
{
	return sizeof(struct tsn_steps) + def->nsteps * sizeof(*def->step) +
	    2 * TSN_BATCH_ROWS * (sizeof(struct match) + def->nsteps * sizeof(struct tsn_hop));
}

static bool
matches_room(struct matches *m, uint32_t nsteps)
{
	const uint32_t cap = m->cap == 0 ? 4 : m->cap * 2;
	struct tsn_hop *hop;
	struct match *v;

	if (m->n < m->cap)
		return true;
	v = tsn_reallocarray(m->v, cap, sizeof(*v));
	if (v == NULL)
		return false;
	m->v = v;
	hop = tsn_reallocarray(m->hop, (size_t)cap * nsteps, sizeof(*hop));
	if (hop == NULL)
		return false;
	m->hop = hop;
	m->cap = cap;
	return true;
}

static struct tsn_keys *
keys_of(const struct walk *w, uint32_t step)
{
	return &w->s->more_keys[w->f->steps->key_of[step]];
}

/* The run is told to whom it may concern, and the group is as if it had never been. */
static bool
complete(struct walk *w, uint32_t group, uint32_t row, const struct tsn_hop *h)
{
	const uint32_t last = w->f->def.nsteps - 1;
	struct tsn_agg *a = &w->f->agg[0];
	struct matches *m = w->to;
	struct tsn_hop *hop;

	if (!matches_room(m, last + 1))
		return false;
	hop = m->hop + (size_t)m->n * (last + 1);
	if (last > 0)
		tsn_run_get(a, group, last - 1, hop);
	hop[last] = *h;
	m->v[m->n] = (struct match){ keys_of(w, last)->hash[row], row, m->n };
	m->n++;
	if (w->result != NULL)
		w->result->i[row] = 1;
	tsn_agg_reset(a, group);
	tsn_group_at(&w->f->store, group)->newest = INT64_MIN;
	tsn_group_at(&w->f->store, group)->word &= TSN_IN_SLAB;
	return true;
}

/* Is there a run one step short of [step] that a flow of [time] can take on? */
static bool
can_meet(const struct walk *w, uint32_t group, uint32_t step, int64_t time)
{
	const struct tsn_agg *a = &w->f->agg[0];

	return step == 0 || (tsn_run_there(a, group, step - 1) && tsn_run_met(a, group, step - 1) <= time &&
	    (uint64_t)time - (uint64_t)tsn_run_start(a, group, step - 1) <= (uint64_t)a->def->window_ms);
}

static bool
is_late(const struct walk *w, uint32_t group, int64_t time)
{
	const int64_t newest = tsn_group_at(&w->f->store, group)->newest;

	return newest > time && newest != INT64_MIN &&
	    (uint64_t)newest - (uint64_t)time > (uint64_t)w->f->agg[0].def->window_ms;
}

/* A flow meets a step. False: memory is out. */
static bool
meet(struct walk *w, uint32_t group, uint32_t step, uint32_t row)
{
	struct tsn_agg *a = &w->f->agg[0];
	const int64_t time = w->b->time[row];
	struct tsn_hop h;
	int64_t start;

	tsn_hop_of(&h, w->b, row);
	if (step == w->f->def.nsteps - 1)
		return complete(w, group, row, &h);
	start = step == 0 ? time : tsn_run_start(a, group, step - 1);
	if (!tsn_run_there(a, group, step) || start > tsn_run_start(a, group, step) ||
	    (start == tsn_run_start(a, group, step) && time < tsn_run_met(a, group, step))) {
		if (!tsn_runs_widen(a, &h))
			return false;
		tsn_run_extend(a, group, step, &h);
	}
	tsn_group_touch(tsn_group_at(&w->f->store, group), time);
	return true;
}

/* The group of a row at a step; only the first step makes one. False: memory is out. */
static bool
group_of(struct walk *w, uint32_t step, uint32_t row, uint32_t *group, uint32_t *over)
{
	const struct tsn_keys *k = keys_of(w, step);

	*group = tsn_family_find(w->f, k, row, TSN_GROUP_NONE);
	if (*group != TSN_GROUP_NONE || step > 0)
		return true;
	*group = tsn_family_add(w->f, k, row, w->b->time[row], w->s->seed);
	if (*group == *over) /* in the place of the group whose run this row just ended */
		*over = TSN_GROUP_NONE;
	return *group != TSN_GROUP_NONE;
}

static bool
asks(const struct walk *w, uint32_t step, uint32_t row)
{
	return w->steps[step] != NULL && tsn_mask_has(w->steps[step], row) &&
	    tsn_mask_has(&w->there[w->f->steps->key_of[step]], row);
}

/* All steps of one row, the last first. False: memory is out. */
static bool
walk_row(struct walk *w, uint32_t row)
{
	const uint32_t last = w->f->def.nsteps - 1;
	const int64_t time = w->b->time[row];
	uint32_t over = TSN_GROUP_NONE, group;
	bool late = false;

	for (uint32_t step = last + 1; step-- > 0;) {
		if (!asks(w, step, row))
			continue;
		if (!group_of(w, step, row, &group, &over))
			return false;
		if (group == TSN_GROUP_NONE || group == over)
			continue;
		if (is_late(w, group, time)) {
			late = true;
			continue;
		}
		if (!can_meet(w, group, step, time))
			continue;
		if (!meet(w, group, step, row))
			return false;
		if (step == last)
			over = group; /* the flow that ends a run starts none in its group */
	}
	if (late)
		tsn_mask_set(&w->f->agg[0].late, row);
	return true;
}

/* Keys of all rows that meet a step, and of [more], which only ask; the rows that meet one go to [rows]. */
static bool
make_keys(struct walk *w, const struct tsn_mask *more, struct tsn_mask *rows)
{
	const struct tsn_steps *st = w->f->steps;

	tsn_mask_clear(rows);
	for (uint32_t k = 0; k < st->nkeys; k++) {
		struct tsn_mask those;
		uint32_t n;

		tsn_mask_clear(&those);
		for (uint32_t i = 0; i < w->f->def.nsteps; i++)
			if (st->key_of[i] == k && w->steps[i] != NULL)
				tsn_mask_or(&those, &those, w->steps[i]);
		tsn_mask_and(&those, &those, &w->there[k]);
		w->met[k] = those;
		tsn_mask_or(rows, rows, &those);
		if (k == 0 && more != NULL)
			tsn_mask_or(&those, &those, more);
		n = tsn_mask_list(&those, w->s->row);
		if (tsn_keys_make(&w->s->more_keys[k], &st->key[k], w->b, w->s->seed, w->s->row, n) != n)
			return false;
	}
	return true;
}

static void
ahead(const struct walk *w, uint32_t row, enum tsn_ahead what)
{
	for (uint32_t k = 0; k < w->f->steps->nkeys; k++)
		if (tsn_mask_has(&w->met[k], row))
			tsn_family_ahead(w->f, &w->s->more_keys[k], row, what);
}

/* False: memory ran out at row [stop]. */
static bool
walk(struct walk *w, const struct tsn_mask *more, uint32_t *stop)
{
	struct tsn_mask rows;
	uint32_t n;

	*stop = 0;
	/* one that is new to the family has no cells yet */
	if (!tsn_agg_room(&w->f->agg[0], tsn_numbers(&w->f->store)) || !make_keys(w, more, &rows))
		return false;
	n = tsn_mask_list(&rows, w->s->row);
	for (uint32_t i = 0; i < n; i++) {
		ahead(w, w->s->row[i + TSN_AHEAD], TSN_AHEAD_PLACE);
		ahead(w, w->s->row[i + TSN_AHEAD * 2 / 3], TSN_AHEAD_GROUP);
		ahead(w, w->s->row[i + TSN_AHEAD / 3], TSN_AHEAD_KEY);
		*stop = w->s->row[i];
		if (!walk_row(w, *stop))
			return false;
	}
	return true;
}

static void
where_keys(struct walk *w)
{
	for (uint32_t k = 0; k < w->f->steps->nkeys; k++)
		tsn_key_present(&w->f->steps->key[k], w->b, &w->there[k]);
}

static int
by_hash(const void *pa, const void *pb)
{
	const struct match *a = pa, *b = pb;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

/* The tick's rows that name a group which a rule's match completed. False: memory is out. */
static bool
tell(struct walk *w, const struct tsn_mask *asked)
{
	struct tsn_steps *st = w->f->steps;
	const uint32_t nsteps = w->f->def.nsteps;
	bool ok = true;

	if (!st->sorted)
		qsort(st->rule.v, st->rule.n, sizeof(*st->rule.v), by_hash);
	st->sorted = true;
	TSN_EACH_ROW(row, asked) {
		const uint64_t hash = w->s->more_keys[0].hash[row];
		uint32_t from = 0, to = st->rule.n;

		while (from < to) {
			const uint32_t mid = from + (to - from) / 2;

			if (st->rule.v[mid].hash < hash)
				from = mid + 1;
			else
				to = mid;
		}
		if (from < st->rule.n && st->rule.v[from].hash == hash) {
			w->result->i[row] = 1;
			if (matches_room(&st->row, nsteps)) {
				memcpy(st->row.hop + (size_t)st->row.n * nsteps,
				    st->rule.hop + (size_t)st->rule.v[from].place * nsteps, nsteps * sizeof(*st->row.hop));
				st->row.v[st->row.n] = (struct match){ hash, row, st->row.n };
				st->row.n++;
			} else {
				ok = false;
			}
		}
	}
	return ok;
}

static void
forget_rules(struct tsn_steps *st)
{
	st->rule.n = 0;
	st->sorted = st->told = false;
}

bool
tsn_state_fold_steps(struct tsn_state *s, uint32_t family, const struct tsn_batch *b,
    const struct tsn_mask *const steps[], const struct tsn_mask *read, struct tsn_vector *result)
{
	struct tsn_family *f = &s->family[family];
	struct tsn_steps *st = f->steps;
	struct walk w = { .s = s, .f = f, .b = b, .steps = steps, .result = result != NULL ? result : &s->unread };
	struct tsn_mask asked = *read, before;
	uint32_t stop;
	bool ok, rules;

	w.to = &st->row;
	w.to->n = 0;
	tsn_state_fetch_next(s, family);
	tsn_family_begin(s, f);
	if (b->kind == TSN_BATCH_TICK)
		st->told = true;
	else
		forget_rules(st);
	where_keys(&w);
	if (steps[f->def.nsteps - 1] != NULL)
		tsn_mask_or(&asked, read, steps[f->def.nsteps - 1]);
	tsn_mask_and(&asked, &asked, &w.there[0]);
	w.result->known = asked;
	w.result->real = false;
	TSN_EACH_ROW(row, &asked)
		w.result->i[row] = 0;
	rules = st->rule.n > 0;
	ok = walk(&w, rules ? &asked : NULL, &stop);
	tsn_family_settle(s, f, b);
	if (ok && rules)
		ok = tell(&w, &asked);
	else if (!ok) {
		tsn_mask_first(&before, stop);
		tsn_mask_and(&w.result->known, &w.result->known, &before);
	}
	return ok;
}

bool
tsn_state_step(struct tsn_state *s, uint32_t family, uint32_t step, const struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct tsn_family *f = &s->family[family];
	const struct tsn_mask *steps[TSN_STEPS_MAX] = { NULL };
	struct walk w = { .s = s, .f = f, .b = b, .steps = steps, .to = &f->steps->rule };
	uint32_t stop;
	bool ok;

	steps[step] = rows;
	if (f->steps->told)
		forget_rules(f->steps);
	f->steps->sorted = false;
	tsn_family_begin(s, f);
	where_keys(&w);
	ok = walk(&w, NULL, &stop);
	tsn_family_settle(s, f, b);
	tsn_family_begin(s, f); /* rows of no batch that was folded */
	return ok;
}

static uint32_t
note(struct tsn_note *out, uint32_t n, uint32_t max, uint32_t item, const char *name, struct tsn_value v)
{
	v.known = true;
	if (n < max)
		out[n] = (struct tsn_note){ item == TSN_NOTE_ALONE ? name : "chain", item, name, v };
	return n + 1;
}

static uint32_t
note_addr(struct tsn_note *out, uint32_t n, uint32_t max, uint32_t item, const char *name, struct tsn_addr a)
{
	return note(out, n, max, item, name,
	    (struct tsn_value){ .type = TSN_T_ADDR, .v4_bits = 32, .v6_bits = 128, .addr = a });
}

/* What a flow did not have is left out. */
static uint32_t
note_hop(struct tsn_note *out, uint32_t n, uint32_t max, uint32_t item, const struct tsn_hop *h)
{
	n = note(out, n, max, item, "time", (struct tsn_value){ .type = TSN_T_TIME, .i = h->time });
	if (h->has & TSN_HOP_SRC)
		n = note_addr(out, n, max, item, "src", h->src);
	if (h->has & TSN_HOP_DST)
		n = note_addr(out, n, max, item, "dst", h->dst);
	if (h->has & TSN_HOP_PORT)
		n = note(out, n, max, item, "dst_port", (struct tsn_value){ .type = TSN_T_PORT, .i = h->dst_port });
	if (h->has & TSN_HOP_PROTO)
		n = note(out, n, max, item, "proto", (struct tsn_value){ .type = TSN_T_PROTO, .i = h->proto });
	if (h->has & TSN_HOP_EXPORTER)
		n = note_addr(out, n, max, item, "exporter", h->exporter);
	return n;
}

/* Who began it, and all who took part in its steps, each once. */
static uint32_t
note_sources(struct tsn_note *out, uint32_t n, uint32_t max, const struct tsn_hop *hop, uint32_t nsteps)
{
	if (hop[0].has & TSN_HOP_SRC)
		n = note_addr(out, n, max, TSN_NOTE_ALONE, "patient_zero", hop[0].src);
	for (uint32_t i = 0; i < nsteps; i++) {
		bool new = (hop[i].has & TSN_HOP_SRC) != 0;

		for (uint32_t k = 0; k < i && new; k++)
			new = !(hop[k].has & TSN_HOP_SRC) || tsn_addr_cmp(hop[k].src, hop[i].src) != 0;
		if (new)
			n = note_addr(out, n, max, TSN_NOTE_ALONE, "members", hop[i].src);
	}
	return n;
}

uint32_t
tsn_steps_notes(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row,
    struct tsn_note *out, uint32_t max)
{
	const struct matches *m = f->steps == NULL ? NULL : &f->steps->row;
	const uint32_t nsteps = f->def.nsteps;
	uint32_t n = 0;

	(void)a;
	(void)b;
	for (uint32_t i = 0; m != NULL && i < m->n; i++) {
		const struct tsn_hop *hop = &m->hop[(size_t)m->v[i].place * nsteps];

		if (m->v[i].row != row)
			continue;
		for (uint32_t step = 0; step < nsteps; step++)
			n = note_hop(out, n, max, step, &hop[step]);
		return note_sources(out, n, max, hop, nsteps);
	}
	return 0;
}
