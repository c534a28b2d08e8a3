/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What stands behind an alert: the notes of its condition's aggregates as of
 * the row that opened or raised it, and who has part in it (incidents: alerts
 * whose key is coarser than that of their condition).
 */
#include "alert/stage.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "state/notes.h"

#define CHAIN_MAX 64 /* infections gone through from a member to the first of them */

static bool
has_notes(enum tsn_agg_fn fn)
{
	for (const struct tsn_note_info *n = tsn_notes; n->name != NULL; n++)
		if (n->fn == fn)
			return true;
	return false;
}

bool
tsn_alert_notes_wanted(const struct tsn_program *p, const struct tsn_rule *r)
{
	for (uint32_t i = 0; i < r->naggs; i++)
		if (has_notes(p->families[r->aggs[i].family].agg[r->aggs[i].agg].fn))
			return true;
	return false;
}

static bool
is_there(const struct tsn_note *v, uint32_t n, const char *group)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(v[i].group, group) == 0)
			return true;
	return false;
}

/* The value that had a rank is known for sure only while its window closes: the group may have been counted on since. */
static bool
has_moved_on(const struct tsn_alerts *a, const struct tsn_note *n)
{
	return a->batch->kind != TSN_BATCH_TICK && strcmp(n->group, "rank") == 0 && strcmp(n->name, "value") == 0;
}

/* Of two functions with notes of one name the first one's are kept. */
static uint32_t
gather(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row, struct tsn_note out[TSN_ALERT_NOTES])
{
	const struct tsn_alert_seen seen = tsn_alert_seen(a, row);
	struct tsn_note more[TSN_ALERT_NOTES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->naggs; i++) {
		const struct tsn_rule_agg *x = &r->aggs[i];
		uint32_t had = n, got;

		if (!has_notes(a->program->families[x->family].agg[x->agg].fn))
			continue;
		got = tsn_state_notes(a->state, x->family, x->agg, seen.batch, seen.row, more, TSN_ALERT_NOTES);
		got = got < TSN_ALERT_NOTES ? got : TSN_ALERT_NOTES;
		for (uint32_t k = 0; k < got && n < TSN_ALERT_NOTES; k++)
			if (more[k].value.known && !is_there(out, had, more[k].group) && !has_moved_on(a, &more[k]))
				out[n++] = more[k];
	}
	return n;
}

static size_t
text_of(const struct tsn_note *n)
{
	return n->value.type == TSN_T_STRING ? n->value.s.n : 0;
}

/* Names are constants of state/; strings are copied behind the notes. */
void
tsn_alert_take_notes(const struct tsn_alerts *a, const struct tsn_alert_rule *r, struct tsn_alert_details *d, uint32_t row)
{
	struct tsn_note got[TSN_ALERT_NOTES];
	uint32_t n;
	size_t text = 0;
	char *p;

	if (!r->notes || a->state == NULL)
		return;
	n = gather(a, r->rule, row, got);
	for (uint32_t i = 0; i < n; i++)
		text += text_of(&got[i]);
	tsn_free(d->note);
	d->nnotes = 0;
	d->note = tsn_malloc((n > 0 ? n : 1) * sizeof(*d->note) + text);
	if (d->note == NULL)
		return; /* an alert without its story is better than none */
	p = (char *)(d->note + n);
	for (uint32_t i = 0; i < n; i++) {
		d->note[i] = got[i];
		if (text_of(&got[i]) == 0)
			continue;
		memcpy(p, got[i].value.s.p, got[i].value.s.n);
		d->note[i].value.s.p = p;
		p += got[i].value.s.n;
	}
	d->nnotes = n;
}

/* --- members --- */

static uint32_t *
find(struct tsn_alert_members *m, const uint8_t *key, uint32_t len)
{
	uint32_t i = (uint32_t)tsn_hash_bytes(key, len, 0) & (m->nslots - 1);

	for (; m->slot[i] != 0; i = (i + 1) & (m->nslots - 1))
		if (m->v[m->slot[i] - 1].len == len && memcmp(m->v[m->slot[i] - 1].key, key, len) == 0)
			break;
	return &m->slot[i];
}

static bool
make_room(struct tsn_alert_members *m)
{
	struct tsn_alert_member *grown = tsn_grow(m->v, m->n, &m->cap, sizeof(*grown));
	uint32_t n = m->nslots > 0 ? m->nslots * 2 : 16, *slot;

	if (grown == NULL)
		return false;
	m->v = grown;
	if (m->nslots > 0 && m->n < m->nslots / 2)
		return true;
	slot = tsn_calloc(n, sizeof(*slot));
	if (slot == NULL)
		return false;
	tsn_free(m->slot);
	m->slot = slot;
	m->nslots = n;
	for (uint32_t i = 0; i < m->n; i++)
		*find(m, m->v[i].key, m->v[i].len) = i + 1;
	return true;
}

/* Who began the run that this row completed. */
static bool
infector(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row, struct tsn_addr *out)
{
	struct tsn_note got[TSN_ALERT_NOTES];
	uint32_t n = a->state != NULL ? gather(a, r, row, got) : 0;

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(got[i].group, "chain") == 0 && got[i].item == 0 && strcmp(got[i].name, "src") == 0) {
			*out = got[i].value.addr;
			return true;
		}
	return false;
}

/* Who a member is, if members are whole addresses. */
static bool
addr_of(const struct tsn_rule *r, const struct tsn_alert_member *m, struct tsn_addr *out)
{
	struct tsn_value v;

	if (r->member.n != 1)
		return false;
	tsn_key_decode(&r->member, m->key, m->len, 0, &v);
	*out = v.addr;
	return v.known && v.type == TSN_T_ADDR;
}

static const struct tsn_alert_member *
infected_at(const struct tsn_rule *r, const struct tsn_alert_members *m, struct tsn_addr addr)
{
	struct tsn_addr own;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->v[i].infected && addr_of(r, &m->v[i], &own) && tsn_addr_cmp(own, addr) == 0)
			return &m->v[i];
	return NULL;
}

/* From the first member up: whoever infected it, and so on. Looked for only while it can still change; rings are left. */
static void
find_zero(const struct tsn_rule *r, struct tsn_alert_members *m, const struct tsn_alert_member *x)
{
	const struct tsn_alert_member *next = x;
	struct tsn_addr own;

	if (!x->infected)
		return;
	if (m->has_zero && (!addr_of(r, x, &own) || tsn_addr_cmp(own, m->zero) != 0))
		return;
	if (!m->has_zero && m->n != 1)
		return;
	for (int steps = 0; next != NULL && steps < CHAIN_MAX; steps++) {
		m->zero = next->from;
		m->has_zero = true;
		next = infected_at(r, m, m->zero);
	}
}

bool
tsn_alert_join(struct tsn_alerts *a, const struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	struct tsn_alert_members *m = &e->d->members;
	struct tsn_alert_member *x;
	uint8_t key[TSN_KEY_MAX];
	uint32_t len, *slot;

	len = (uint32_t)tsn_key_encode_loose(&r->rule->member, a->batch, row, key);
	if (m->n > 0 && *find(m, key, len) != 0)
		return false;
	m->count++;
	if (m->n >= TSN_ALERT_MEMBERS || !make_room(m))
		return true;
	if (m->arena == NULL && (m->arena = tsn_arena_new()) == NULL)
		return true;
	x = &m->v[m->n];
	*x = (struct tsn_alert_member){ .key = tsn_arena_alloc(m->arena, len > 0 ? len : 1), .len = len, .since = a->batch->time[row] };
	if (x->key == NULL)
		return true;
	memcpy(x->key, key, len);
	x->infected = r->notes && infector(a, r->rule, row, &x->from);
	slot = find(m, key, len);
	*slot = ++m->n;
	find_zero(r->rule, m, x);
	return true;
}

bool
tsn_alert_member_put(struct tsn_alert_members *m, const uint8_t *key, uint32_t len, const struct tsn_alert_member *said)
{
	struct tsn_alert_member *x;
	uint32_t *slot;

	if (m->n >= TSN_ALERT_MEMBERS || !make_room(m) || (m->arena == NULL && (m->arena = tsn_arena_new()) == NULL))
		return false;
	slot = find(m, key, len);
	x = &m->v[m->n];
	*x = *said;
	x->key = *slot == 0 ? tsn_arena_alloc(m->arena, len > 0 ? len : 1) : NULL;
	if (x->key == NULL)
		return false;
	memcpy(x->key, key, len);
	x->len = len;
	*slot = ++m->n;
	return true;
}

void
tsn_alert_members_free(struct tsn_alert_members *m)
{
	tsn_free(m->v);
	tsn_free(m->slot);
	tsn_arena_free(m->arena);
	memset(m, 0, sizeof(*m));
}
