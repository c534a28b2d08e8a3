/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/stage.h"

#include <stdio.h>
#include <string.h>

#include "base/digits.h"
#include "base/hash.h"
#include "base/mem.h"

uint32_t
tsn_alert_sid(const char *name)
{
	uint32_t sid = (uint32_t)(tsn_hash_bytes(name, strlen(name), 0) & 0x7fffffff);

	return sid != 0 ? sid : 1;
}

const char *
tsn_severity_name(enum tsn_severity s)
{
	static const char *const name[] = { "info", "low", "medium", "high", "critical" };

	return s <= TSN_SEV_CRITICAL ? name[s] : "medium";
}

const char *
tsn_alert_state_name(enum tsn_alert_state s)
{
	static const char *const name[] = { "each", "open", "update", "close" };

	return name[s];
}

const char *
tsn_quality_name(enum tsn_quality q)
{
	static const char *const name[] = { "exact", "estimated", "partial" };

	return q <= TSN_PARTIAL ? name[q] : "partial";
}

bool
tsn_alert_key(const struct tsn_alert *al, unsigned i, struct tsn_value *out)
{
	tsn_key_decode(&al->rule->key, al->key, al->key_len, i, out);
	return out->known;
}

bool
tsn_alert_field(const struct tsn_alert *al, enum tsn_field f, struct tsn_value *out)
{
	for (unsigned i = 0; i < al->rule->key.n; i++)
		if (al->rule->key.part[i].field == f)
			return tsn_alert_key(al, i, out);
	return tsn_alert_flow_get(&al->last, f, out);
}

static uint64_t
hash_text(uint64_t h, const char *s)
{
	s = s != NULL ? s : "";
	return tsn_hash_bytes(s, strlen(s), h);
}

/* Side by side: each join waits for the one before. */
static inline void
join_both(uint64_t h[2], uint64_t x)
{
	h[0] = tsn_hash_join(h[0], x);
	h[1] = tsn_hash_join(h[1], x);
}

/* Of `alert each`, two flows of one key may end in the same millisecond. */
static void
hash_flow(uint64_t h[2], const struct tsn_shown *fl)
{
#define NUMBER(field) join_both(h, (uint64_t)fl->field)
#define ADDR(field) NUMBER(field.hi), NUMBER(field.lo), NUMBER(field.v4)
	NUMBER(present);
	ADDR(src);
	ADDR(dst);
	ADDR(exporter);
	NUMBER(start);
	NUMBER(end);
	NUMBER(packets);
	NUMBER(bytes);
	NUMBER(in_if);
	NUMBER(out_if);
	NUMBER(src_port);
	NUMBER(dst_port);
	NUMBER(proto);
	NUMBER(flags);
#undef NUMBER
#undef ADDR
}

/* The same for all of a rule's records. */
static void
know(struct tsn_alert_rule *r)
{
	const struct tsn_rule *rule = r->rule;

	if (r->sid != 0)
		return;
	r->sid = rule->sid != 0 ? rule->sid : tsn_alert_sid(rule->name);
	r->frame = tsn_alert_frame_new(rule, r->sid);
	for (uint64_t i = 0; i < 2; i++)
		r->id[i] = hash_text(hash_text(hash_text(i + 1, rule->ruleset), rule->version), rule->name);
}

/* Ruleset and version, rule, key and opening time: the same alert has the same id wherever it is computed. */
static void
make_id(const struct tsn_alert_rule *r, const uint8_t *key, size_t len, int64_t opened, const struct tsn_shown *each,
    char id[TSN_ALERT_ID_TEXT])
{
	uint64_t half[2] = { tsn_hash_bytes(key, len, r->id[0]), tsn_hash_bytes(key, len, r->id[1]) };

	join_both(half, (uint64_t)opened);
	if (each != NULL)
		hash_flow(half, each);
	*tsn_put_hex64(tsn_put_hex64(id, half[0]), half[1]) = '\0';
}

void
tsn_alert_entry_id(struct tsn_alert_rule *r, const struct tsn_alert_entry *e, char id[TSN_ALERT_ID_TEXT])
{
	know(r);
	make_id(r, e->key, e->key_len, e->opened, NULL, id);
}

/* The entry goes on to gather them before the flush. */
static bool
put_samples(struct tsn_alerts *a, struct tsn_alert *al, const struct tsn_alert_entry *e)
{
	const size_t size = e->d->nsamples * sizeof(*al->sample);

	if (al->state == TSN_ALERT_EACH && al->flows > 0) {
		al->sample = &al->last;
		al->nsamples = 1;
	} else if (size > 0) {
		void *copy = tsn_arena_alloc(a->arena, size);

		if (copy == NULL)
			return false;
		al->sample = memcpy(copy, e->d->sample, size);
		al->nsamples = e->d->nsamples;
	}
	return true;
}

/* False when memory is out. */
static bool
put_name(struct tsn_arena *arena, const struct tsn_alert_entry *e, unsigned which, struct tsn_str *out)
{
	const struct tsn_saved *s = tsn_alert_saved(e, which);

	if (s == NULL || !s->v.known || s->v.s.n == 0)
		return true;
	*out = (struct tsn_str){ tsn_arena_strndup(arena, s->v.s.p, s->v.s.n), s->v.s.n };
	return out->p != NULL;
}

static void
put_quality(const struct tsn_alerts *a, struct tsn_alert *al, const struct tsn_alert_entry *e)
{
	al->quality = e->d->quality;
	al->error = e->d->error;
	al->sampling = e->sampling;
	if (al->sampling > 0 && al->quality == TSN_EXACT)
		al->quality = TSN_ESTIMATED;
	if (e->cut || (a->cut_off && al->state == TSN_ALERT_CLOSE))
		al->quality = TSN_PARTIAL;
}

/* Notes live with the entry, which may change before the flush. */
static bool
put_notes(struct tsn_alerts *a, struct tsn_alert *al, const struct tsn_alert_entry *e)
{
	struct tsn_note *copy;

	if (e->d->nnotes == 0)
		return true;
	copy = tsn_arena_alloc(a->arena, e->d->nnotes * sizeof(*copy));
	if (copy == NULL)
		return false;
	for (uint32_t i = 0; i < e->d->nnotes; i++) {
		copy[i] = e->d->note[i];
		copy[i].group = tsn_arena_strndup(a->arena, copy[i].group, strlen(copy[i].group)); /* restored ones are the entry's, too */
		copy[i].name = tsn_arena_strndup(a->arena, copy[i].name, strlen(copy[i].name));
		if (copy[i].group == NULL || copy[i].name == NULL)
			return false;
		if (copy[i].value.type != TSN_T_STRING)
			continue;
		copy[i].value.s.p = tsn_arena_strndup(a->arena, copy[i].value.s.p, copy[i].value.s.n);
		if (copy[i].value.s.p == NULL)
			return false;
	}
	al->note = copy;
	al->nnotes = e->d->nnotes;
	return true;
}

#define CLOSE_MEMBERS 100 /* the first ones, in the record of the end */

static void
put_members(struct tsn_alerts *a, struct tsn_alert *al, const struct tsn_alert_entry *e)
{
	const struct tsn_alert_members *m = &e->d->members;
	bool ends = al->state == TSN_ALERT_CLOSE;
	uint32_t from = ends || m->told > m->n ? 0 : (uint32_t)m->told;
	uint32_t to = ends && m->n > CLOSE_MEMBERS ? CLOSE_MEMBERS : m->told > m->n ? 0 : m->n;
	struct tsn_alert_member *copy;

	if (m->count == 0)
		return;
	al->members = m->count;
	al->has_zero = m->has_zero;
	al->zero = m->zero;
	copy = to > from ? tsn_arena_alloc(a->arena, (to - from) * sizeof(*copy)) : NULL;
	for (uint32_t i = from; copy != NULL && i < to; i++) {
		uint8_t *key = tsn_arena_alloc(a->arena, m->v[i].len > 0 ? m->v[i].len : 1);

		if (key == NULL)
			return;
		memcpy(key, m->v[i].key, m->v[i].len);
		copy[i - from] = m->v[i];
		copy[i - from].key = key;
	}
	al->member = copy;
	al->nmembers = copy != NULL ? to - from : 0;
}

static bool
put_message(struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, struct tsn_alert *al)
{
	if (r->rule->message == NULL)
		return true;
	tsn_buf_clear(&a->text);
	tsn_alert_message(a, r, e, al, &a->text);
	if (a->text.failed)
		return false;
	al->message = tsn_arena_strndup(a->arena, tsn_buf_str(&a->text), a->text.len);
	return al->message != NULL;
}

static bool
fill(struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, struct tsn_alert *al)
{
	uint8_t *key = tsn_arena_alloc(a->arena, e->key_len > 0 ? e->key_len : 1);

	if (key == NULL)
		return false;
	memcpy(key, e->key, e->key_len);
	al->rule = r->rule;
	al->sid = r->sid;
	al->frame = r->frame;
	al->severity = (enum tsn_severity)e->severity;
	al->key = key;
	al->key_len = e->key_len;
	al->last = e->d->last;
	al->value = e->d->value;
	al->threshold = e->d->threshold;
	al->type = e->d->type;
	al->window_start = e->d->window_start;
	al->window_end = e->d->window_end;
	al->opened = e->opened;
	al->first_seen = e->first_seen;
	al->last_seen = e->last_seen;
	al->rel = e->d->rel;
	al->flows = e->flows + e->d->before;
	put_members(a, al, e);
	if (!put_notes(a, al, e) || !put_samples(a, al, e))
		return false;
	put_quality(a, al, e);
	make_id(r, al->key, al->key_len, al->opened, al->state == TSN_ALERT_EACH ? &al->last : NULL, al->id);
	return put_name(a->arena, e, TSN_SAVED_EXPORTER_NAME, &al->exporter_name) &&
	    put_name(a->arena, e, TSN_SAVED_IN_IF_NAME, &al->in_if_name) &&
	    put_name(a->arena, e, TSN_SAVED_OUT_IF_NAME, &al->out_if_name) && put_message(a, r, e, al);
}

static struct tsn_alert *
make(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e,
    enum tsn_alert_state state, int64_t time)
{
	struct tsn_alert *al;

	know(r);
	if (a->arena == NULL)
		a->arena = tsn_arena_new();
	al = a->arena != NULL ? tsn_arena_alloc(a->arena, sizeof(*al)) : NULL;
	if (al == NULL)
		return NULL;
	al->state = state;
	al->time = time;
	return fill(a, r, e, al) ? al : NULL;
}

const struct tsn_alert *
tsn_alert_record(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e,
    enum tsn_alert_state state, int64_t time, struct tsn_alert_place place)
{
	struct tsn_alert_pending *grown = tsn_grow(a->pending, a->npending, &a->pending_cap, sizeof(*grown));
	struct tsn_alert *al;

	if (grown != NULL)
		a->pending = grown;
	al = grown != NULL ? make(a, r, e, state, time) : NULL;
	if (al == NULL) {
		r->counts.lost++;
		return NULL;
	}
	a->pending[a->npending++] = (struct tsn_alert_pending){ al, place.ticket, place.row, place.due,
		r->number, a->seq++ };
	return al;
}
