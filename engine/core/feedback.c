/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/feedback.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "core/dynamic.h"
#include "core/lane.h"

/* A match that is a step: what of its flow names groups and is told of a chain. */
struct match {
	uint32_t link;
	uint32_t source;
	int64_t time, received;
	struct tsn_shown flow;
	uint32_t key_len;
	uint8_t *key; /* by the step's key */
};

struct tsn_feedback {
	const struct tsn_program *p;
	bool *is_step;          /* by rule */
	uint64_t *count;        /* by link: matches that wait */
	struct match *match;
	size_t nmatches, cap;
	uint32_t *slot;         /* of a hash table over [match], 0: free */
	uint32_t nslots;
	struct tsn_arena *arena;
	uint64_t lost;
	const struct tsn_vector **args; /* of a family without arguments and results */
	struct tsn_vector **results;
};

bool
tsn_feedback_needed(const struct tsn_ruleset *rs, const struct tsn_program *p, const bool *own_set)
{
	return p->nlinks > 0 || tsn_dynamic_any(rs, own_set);
}

struct tsn_feedback *
tsn_feedback_new(const struct tsn_program *p)
{
	struct tsn_feedback *f = tsn_calloc(1, sizeof(*f));
	uint32_t most = 1;

	if (f == NULL)
		return NULL;
	for (uint32_t i = 0; i < p->nfamilies; i++)
		most = p->families[i].naggs > most ? p->families[i].naggs : most;
	f->p = p;
	f->is_step = tsn_calloc(p->nrules > 0 ? p->nrules : 1, sizeof(bool));
	f->count = tsn_calloc(p->nlinks > 0 ? p->nlinks : 1, sizeof(*f->count));
	f->args = tsn_calloc(most, sizeof(struct tsn_vector *));
	f->results = tsn_calloc(most, sizeof(struct tsn_vector *));
	if (f->is_step == NULL || f->count == NULL || f->args == NULL || f->results == NULL) {
		tsn_feedback_free(f);
		return NULL;
	}
	for (uint32_t i = 0; i < p->nlinks; i++)
		f->is_step[p->links[i].rule] |= p->links[i].kind == TSN_LINK_STEP;
	return f;
}

void
tsn_feedback_free(struct tsn_feedback *f)
{
	if (f == NULL)
		return;
	tsn_arena_free(f->arena);
	tsn_free(f->is_step);
	tsn_free(f->count);
	tsn_free(f->match);
	tsn_free(f->slot);
	tsn_free(f->args);
	tsn_free(f->results);
	tsn_free(f);
}

uint64_t
tsn_feedback_lost(const struct tsn_feedback *f)
{
	return f->lost;
}

/* --- matches that are steps --- */

static const struct tsn_step_def *
step_of(const struct tsn_feedback *f, uint32_t link)
{
	const struct tsn_rule_link *l = &f->p->links[link];

	return &f->p->families[l->family].step[l->step];
}

static uint64_t
hash_of(uint32_t link, int64_t time, const uint8_t *key, size_t len)
{
	return tsn_hash_bytes(key, len, tsn_hash_join(link, (uint64_t)time));
}

/* The place in the table for such a match, or the one that is like it. */
static uint32_t *
find(struct tsn_feedback *f, uint32_t link, int64_t time, const uint8_t *key, size_t len)
{
	uint32_t i = (uint32_t)hash_of(link, time, key, len) & (f->nslots - 1);

	for (; f->slot[i] != 0; i = (i + 1) & (f->nslots - 1)) {
		const struct match *m = &f->match[f->slot[i] - 1];

		if (m->link == link && m->time == time && m->key_len == len && memcmp(m->key, key, len) == 0)
			break;
	}
	return &f->slot[i];
}

/* Room for one more match; at least half of the slots stay free. */
static bool
make_room(struct tsn_feedback *f)
{
	struct match *grown = tsn_grow(f->match, f->nmatches, &f->cap, sizeof(*grown));
	uint32_t n = f->nslots > 0 ? f->nslots * 2 : 64, *slot;

	if (grown == NULL)
		return false;
	f->match = grown;
	if (f->arena == NULL && (f->arena = tsn_arena_new()) == NULL)
		return false;
	if (f->nslots > 0 && f->nmatches < f->nslots / 2)
		return true;
	slot = tsn_calloc(n, sizeof(*slot));
	if (slot == NULL)
		return false;
	tsn_free(f->slot);
	f->slot = slot;
	f->nslots = n;
	for (size_t i = 0; i < f->nmatches; i++)
		*find(f, f->match[i].link, f->match[i].time, f->match[i].key, f->match[i].key_len) = (uint32_t)i + 1;
	return true;
}

static void
keep(struct tsn_feedback *f, uint32_t link, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_rule *rule = &f->p->rules[f->p->links[link].rule];
	uint8_t key[TSN_KEY_MAX];
	size_t len = tsn_key_encode(&step_of(f, link)->key, b, row, key);
	struct match *m;
	uint32_t *slot;

	if (f->count[link] >= TSN_FEEDBACK_MATCHES || !make_room(f)) {
		f->lost++;
		return;
	}
	slot = find(f, link, b->time[row], key, len);
	if (*slot != 0)
		return;
	m = &f->match[f->nmatches];
	*m = (struct match){ .link = link, .source = b->source[row], .time = b->time[row], .received = b->received[row],
		.key_len = (uint32_t)len, .key = tsn_arena_alloc(f->arena, len > 0 ? len : 1) };
	if (m->key == NULL) {
		f->lost++;
		return;
	}
	memcpy(m->key, key, len);
	tsn_alert_capture_flow(rule, b, row, &m->flow);
	*slot = (uint32_t)++f->nmatches;
	f->count[link]++;
}

void
tsn_feedback_match(struct tsn_feedback *f, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_mask has;

	if (!f->is_step[rule])
		return;
	for (uint32_t i = 0; i < f->p->nlinks; i++) {
		if (f->p->links[i].kind != TSN_LINK_STEP || f->p->links[i].rule != rule)
			continue;
		tsn_key_present(&step_of(f, i)->key, b, &has);
		tsn_mask_and(&has, &has, rows);
		TSN_EACH_ROW(row, &has)
			keep(f, i, b, row);
	}
}

/* --- at the tick --- */

static void
put_flow(struct tsn_batch *b, uint32_t row, const struct match *m)
{
	struct tsn_value v;

#define FIELD(sym, type, name) \
	if (tsn_alert_flow_get(&m->flow, TSN_F_##sym, &v)) \
		tsn_batch_put(b, row, TSN_F_##sym, &v);
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
}

/* What of the key the flow does not have already: it keeps whole addresses where the key is masked. */
static void
put_key(struct tsn_batch *b, uint32_t row, const struct tsn_key_spec *k, const struct match *m)
{
	struct tsn_value v;

	for (unsigned i = 0; i < k->n; i++) {
		if (tsn_mask_has(&b->present[k->part[i].field], row))
			continue;
		tsn_key_decode(k, m->key, m->key_len, i, &v);
		tsn_batch_put(b, row, (enum tsn_field)k->part[i].field, &v);
	}
}

static void
begin(struct tsn_lane *lane, struct tsn_batch *b)
{
	tsn_batch_clear(b, TSN_BATCH_TICK);
	b->ticket = lane->ticket;
}

static void
next_row(struct tsn_batch *b, int64_t time, uint32_t source)
{
	b->received[b->n] = time;
	b->exported[b->n] = TSN_TIME_NONE;
	b->source[b->n] = source;
	b->n++;
}

/* Groups whose run the matches may have completed, evaluated as of the tick. */
static void
run_completed(struct tsn_feedback *f, struct tsn_lane *lane, size_t from, size_t to)
{
	const struct tsn_rule_link *l = &f->p->links[f->match[from].link];
	struct tsn_batch *b = lane->tick_batch;

	if (l->step + 1 < f->p->families[l->family].nsteps)
		return;
	begin(lane, b);
	for (size_t i = from; i < to; i++) {
		tsn_key_to_row(&f->p->families[l->family].key, f->match[i].key, f->match[i].key_len, b, b->n);
		next_row(b, f->match[i].time, f->match[i].source);
	}
	tsn_batch_normalise(b, lane->exporters);
	tsn_vm_closing(lane->vm, l->family, 0);
	tsn_lane_run(lane, b);
}

static void
step(struct tsn_feedback *f, struct tsn_lane *lane, size_t from, size_t to)
{
	const struct tsn_rule_link *l = &f->p->links[f->match[from].link];
	struct tsn_batch *b = lane->tick_batch;

	begin(lane, b);
	for (size_t i = from; i < to; i++) {
		put_flow(b, b->n, &f->match[i]);
		put_key(b, b->n, &step_of(f, f->match[i].link)->key, &f->match[i]);
		next_row(b, f->match[i].time, f->match[i].source);
	}
	tsn_batch_normalise(b, lane->exporters);
	if (!tsn_state_step(lane->state, l->family, l->step, b, &b->rows))
		f->lost += to - from;
	run_completed(f, lane, from, to);
}

/* By link, each in the order of its matches; what they set off waits for the next tick. */
static void
steps(struct tsn_feedback *f, struct tsn_lane *lane)
{
	struct tsn_feedback now = *f;

	f->match = NULL;
	f->nmatches = f->cap = 0;
	f->slot = NULL;
	f->nslots = 0;
	f->arena = NULL;
	memset(f->count, 0, f->p->nlinks * sizeof(*f->count));
	for (uint32_t link = 0; link < f->p->nlinks; link++) {
		struct match *m = tsn_reallocarray(NULL, now.nmatches > 0 ? now.nmatches : 1, sizeof(*m));
		struct tsn_feedback one = now;
		size_t n = 0;

		if (m == NULL) {
			f->lost += now.nmatches;
			break;
		}
		for (size_t i = 0; i < now.nmatches; i++)
			if (now.match[i].link == link)
				m[n++] = now.match[i];
		one.match = m;
		for (size_t i = 0; i < n; i += TSN_BATCH_ROWS)
			step(&one, lane, i, n - i < TSN_BATCH_ROWS ? n : i + TSN_BATCH_ROWS);
		f->lost += one.lost - now.lost;
		tsn_free(m);
	}
	tsn_free(now.match);
	tsn_free(now.slot);
	tsn_arena_free(now.arena);
}

static bool
same_count(const struct tsn_family_def *family, const struct tsn_rule *rule, const struct tsn_opening *o, struct tsn_batch *b)
{
	for (unsigned i = 0; i < family->key.n; i++) {
		struct tsn_value v;

		tsn_key_decode(&rule->key, o->key, o->key_len, i, &v);
		tsn_batch_put(b, b->n, (enum tsn_field)family->key.part[i].field, &v);
	}
	next_row(b, o->time, 0);
	return b->n == TSN_BATCH_ROWS;
}

static void
count(struct tsn_feedback *f, struct tsn_lane *lane, uint32_t family)
{
	struct tsn_batch *b = lane->tick_batch;
	struct tsn_mask none;

	if (b->n == 0)
		return;
	tsn_mask_clear(&none);
	tsn_batch_normalise(b, lane->exporters);
	if (!tsn_state_fold(lane->state, family, b, &b->rows, &none, f->args, f->results))
		f->lost += b->n;
	begin(lane, b);
}

static void
fired(struct tsn_feedback *f, struct tsn_lane *lane, const struct tsn_opening *o, size_t n)
{
	for (uint32_t i = 0; i < f->p->nlinks; i++) {
		const struct tsn_rule_link *l = &f->p->links[i];

		if (l->kind != TSN_LINK_FIRED)
			continue;
		begin(lane, lane->tick_batch);
		for (size_t k = 0; k < n; k++)
			if (o[k].rule == l->rule && o[k].counts &&
			    same_count(&f->p->families[l->family], &f->p->rules[l->rule], &o[k], lane->tick_batch))
				count(f, lane, l->family);
		count(f, lane, l->family);
	}
}

/* --- at a reload --- */

/* The link of [f] that is what link [was] was; how many there are: none is. */
static uint32_t
same_link(const struct tsn_feedback *f, const struct tsn_feedback *old, uint32_t was)
{
	const struct tsn_rule_link *x = &old->p->links[was];
	const uint32_t rule = tsn_program_now(f->p, old->p, x->rule);
	uint32_t i;

	for (i = 0; i < f->p->nlinks && rule != TSN_NAMES_NONE; i++) {
		const struct tsn_rule_link *y = &f->p->links[i];

		if (y->kind == TSN_LINK_STEP && y->rule == rule && y->step == x->step &&
		    strcmp(f->p->families[y->family].canon, old->p->families[x->family].canon) == 0)
			return i;
	}
	return f->p->nlinks;
}

/* As [m] is, of this link and with this key. False: there is one like it, or memory is out. */
static bool
put(struct tsn_feedback *f, const struct match *m, uint32_t link, const uint8_t *key, size_t len)
{
	uint32_t *slot = make_room(f) ? find(f, link, m->time, key, len) : NULL;
	struct match *to;

	if (slot == NULL || *slot != 0)
		return false;
	to = &f->match[f->nmatches];
	*to = *m;
	to->link = link;
	to->key_len = (uint32_t)len;
	to->key = tsn_arena_alloc(f->arena, len > 0 ? len : 1);
	if (to->key == NULL)
		return false;
	memcpy(to->key, key, len);
	*slot = (uint32_t)++f->nmatches;
	f->count[link]++;
	return true;
}

void
tsn_feedback_go_on(struct tsn_feedback *f, struct tsn_feedback *old)
{
	for (uint32_t was = 0; was < old->p->nlinks && old->nmatches > 0; was++) {
		const uint32_t now = old->count[was] > 0 ? same_link(f, old, was) : f->p->nlinks;

		if (now == f->p->nlinks)
			continue;
		for (size_t i = 0; i < old->nmatches; i++) {
			if (old->match[i].link != was)
				continue;
			f->lost += !put(f, &old->match[i], now, old->match[i].key, old->match[i].key_len);
			old->match[i].link = UINT32_MAX; /* nobody's any more */
		}
		old->count[was] = 0;
	}
}

/* --- dynamic sets --- */

int64_t
tsn_feedback_due(const struct tsn_feedback *f, const struct tsn_lane *lane)
{
	int64_t due = INT64_MAX, at;

	for (uint32_t i = 0; i < f->p->nsets; i++) {
		if (!tsn_dynamic_own(lane->rules, lane->own_set, i))
			continue;
		at = tsn_set_dynamic_due(lane->rules->sets[i]);
		due = at < due ? at : due;
	}
	return due;
}

bool
tsn_feedback_waits(const struct tsn_feedback *f, const struct tsn_lane *lane)
{
	size_t n;

	tsn_alerts_openings(lane->alerts, &n);
	return f->nmatches > 0 || n > 0;
}

void
tsn_feedback_tick(struct tsn_feedback *f, struct tsn_lane *lane, int64_t now)
{
	const struct tsn_opening *o;
	size_t n;

	o = tsn_alerts_openings(lane->alerts, &n);
	fired(f, lane, o, n);
	tsn_dynamic_expire(lane->rules, lane->own_set, now);
	tsn_dynamic_apply(lane->rules, o, n, now);
	tsn_alerts_openings_done(lane->alerts);
	if (f->nmatches > 0)
		steps(f, lane);
	tsn_batch_clear(lane->tick_batch, TSN_BATCH_TICK);
}

/* --- as bytes --- */

static void
save_link(const struct tsn_feedback *f, const struct match *m, struct tsn_pack *out)
{
	const struct tsn_rule_link *l = &f->p->links[m->link];

	tsn_pack_str(out, f->p->rules[l->rule].name);
	tsn_pack_str(out, f->p->families[l->family].canon);
	tsn_pack_uint(out, l->step);
}

size_t
tsn_feedback_matches(const struct tsn_feedback *f)
{
	return f->nmatches;
}

/* The number that link [link] of [whole] has here; how many there are: it is another lane's. */
static uint32_t
own_link(const struct tsn_feedback *f, const struct tsn_program *whole, uint32_t link)
{
	const struct tsn_rule_link *x = &whole->links[link];
	uint32_t i;

	for (i = 0; i < f->p->nlinks; i++) {
		const struct tsn_rule_link *y = &f->p->links[i];

		if (y->kind == x->kind && y->rule == x->rule && y->step == x->step &&
		    strcmp(f->p->families[y->family].canon, whole->families[x->family].canon) == 0)
			break;
	}
	return i;
}

void
tsn_feedback_save(const struct tsn_feedback *f, const struct tsn_program *whole, uint32_t link, struct tsn_pack *out)
{
	const uint32_t own = f->nmatches > 0 ? own_link(f, whole, link) : f->p->nlinks;

	for (size_t i = 0; own < f->p->nlinks && f->count[own] > 0 && i < f->nmatches; i++) {
		const struct match *m = &f->match[i];

		if (m->link != own)
			continue;
		save_link(f, m, out);
		tsn_pack_uint(out, m->source);
		tsn_pack_int(out, m->time);
		tsn_pack_int(out, m->received);
		tsn_alert_flow_save(&m->flow, out);
		tsn_pack_bytes(out, m->key, m->key_len);
	}
}

static bool
is_text(const char *s, const uint8_t *p, size_t n)
{
	return strlen(s) == n && memcmp(s, p, n) == 0;
}

/* The number of the link, or how many there are: nobody's. */
static uint32_t
load_link(const struct tsn_feedback *f, struct tsn_unpack *in)
{
	size_t nrule, ncanon;
	const uint8_t *rule = tsn_unpack_bytes(in, &nrule), *canon = tsn_unpack_bytes(in, &ncanon);
	const uint64_t step = tsn_unpack_uint(in);
	uint32_t i;

	for (i = 0; i < f->p->nlinks && !in->bad; i++) {
		const struct tsn_rule_link *l = &f->p->links[i];

		if (l->kind == TSN_LINK_STEP && l->step == step && is_text(f->p->rules[l->rule].name, rule, nrule) &&
		    is_text(f->p->families[l->family].canon, canon, ncanon))
			break;
	}
	return i;
}

static bool
load_match(struct tsn_feedback *f, struct tsn_unpack *in)
{
	struct match m = { .link = load_link(f, in) };
	const uint8_t *key;
	size_t len;

	m.source = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	m.time = tsn_unpack_int(in);
	m.received = tsn_unpack_int(in);
	if (!tsn_alert_flow_load(&m.flow, in))
		return false;
	key = tsn_unpack_bytes(in, &len);
	if (key == NULL || m.link >= f->p->nlinks)
		return key != NULL;
	return tsn_key_valid(&step_of(f, m.link)->key, key, len, false) && f->count[m.link] < TSN_FEEDBACK_MATCHES &&
	    put(f, &m, m.link, key, len);
}

bool
tsn_feedback_load(struct tsn_feedback *f, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);
	bool ok = !in->bad;

	for (uint64_t i = 0; i < n && ok; i++)
		ok = load_match(f, in);
	if (ok && tsn_unpack_done(in))
		return true;
	f->nmatches = 0;
	memset(f->count, 0, f->p->nlinks * sizeof(*f->count));
	if (f->nslots > 0)
		memset(f->slot, 0, f->nslots * sizeof(*f->slot));
	return false;
}
