/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Alerts as bytes and back. What an entry consists of is told once, for both
 * ways: each of the functions below passes its fields through [io], which
 * writes them, or reads them and says what cannot be. Entries go in the order of their lists, so
 * that what is read ends, suppresses and gives way in the same order.
 *
 * What was saved of a flow for the rule's message is only known to mean the
 * same where rule and message are the same; else it is known again with the next match, as after a reload.
 */
#include <string.h>

#include "alert/stage.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"

struct io {
	struct tsn_pack *out;  /* one of the two */
	struct tsn_unpack *in;
};

static void
io_uint(struct io *x, uint64_t *v, uint64_t most)
{
	if (x->out != NULL)
		tsn_pack_uint(x->out, *v);
	else
		*v = tsn_unpack_below(x->in, most);
}

static void
io_int(struct io *x, int64_t *v)
{
	if (x->out != NULL)
		tsn_pack_int(x->out, *v);
	else
		*v = tsn_unpack_int(x->in);
}

/* A field of any unsigned type. */
#define IO_UINT(x, field, most) \
	do { \
		uint64_t io_v = (uint64_t)(field); \
		io_uint(x, &io_v, most); \
		(field) = (__typeof__(field))io_v; \
	} while (0)

/* All bits of it, finite or not. */
static void
io_real(struct io *x, double *v)
{
	const uint8_t *p;

	if (x->out != NULL) {
		tsn_pack_raw(x->out, v, sizeof(*v));
		return;
	}
	p = tsn_unpack_raw(x->in, sizeof(*v));
	if (p != NULL)
		memcpy(v, p, sizeof(*v));
}

static void
io_addr(struct io *x, struct tsn_addr *a)
{
	IO_UINT(x, a->v4, 1);
	io_uint(x, &a->hi, a->v4 ? 0 : UINT64_MAX);
	io_uint(x, &a->lo, a->v4 ? UINT32_MAX : UINT64_MAX);
}

static void
io_number(struct io *x, struct tsn_alert_number *n)
{
	IO_UINT(x, n->known, 1);
	if (!n->known)
		return;
	IO_UINT(x, n->real, 1);
	io_int(x, &n->i);
	io_real(x, &n->f);
}

#define FIELD(sym, type, member) TSN_KEPT_##sym,
enum { TSN_ALERT_FLOW_FIELDS(FIELD) KEPT };
#undef FIELD

static void
io_flow(struct io *x, struct tsn_alert_flow *f)
{
	IO_UINT(x, f->present, (UINT64_C(1) << KEPT) - 1);
	io_addr(x, &f->src);
	io_addr(x, &f->dst);
	io_addr(x, &f->exporter);
	io_int(x, &f->start);
	io_int(x, &f->end);
	io_uint(x, &f->packets, UINT64_MAX);
	io_uint(x, &f->bytes, UINT64_MAX);
	IO_UINT(x, f->in_if, UINT32_MAX);
	IO_UINT(x, f->out_if, UINT32_MAX);
	IO_UINT(x, f->sampling, UINT32_MAX);
	IO_UINT(x, f->src_port, UINT16_MAX);
	IO_UINT(x, f->dst_port, UINT16_MAX);
	IO_UINT(x, f->flags, UINT16_MAX);
	IO_UINT(x, f->proto, UINT8_MAX);
	IO_UINT(x, f->icmp_type, UINT8_MAX);
	IO_UINT(x, f->icmp_code, UINT8_MAX);
}

static bool
io_samples(struct io *x, struct tsn_alert_details *d)
{
	IO_UINT(x, d->nsamples, TSN_ALERT_SAMPLES);
	if (x->in != NULL && d->nsamples > 0) {
		d->sample = tsn_calloc(TSN_ALERT_SAMPLES, sizeof(*d->sample));
		if (d->sample == NULL) {
			d->nsamples = 0;
			return false;
		}
	}
	for (uint32_t i = 0; i < d->nsamples; i++)
		io_flow(x, &d->sample[i]);
	return true;
}

static void
io_hold(struct io *x, struct tsn_alert_hold *h)
{
	io_int(x, &h->newest);
	io_int(x, &h->from);
	for (size_t i = 0; i < TSN_ALERT_HELD / 64; i++)
		io_uint(x, &h->held[i], UINT64_MAX);
	io_uint(x, &h->below, UINT64_MAX);
}

static bool
io_details(struct io *x, struct tsn_alert_details *d)
{
	io_hold(x, &d->hold);
	io_flow(x, &d->last);
	io_number(x, &d->value);
	io_number(x, &d->threshold);
	IO_UINT(x, d->rel, TSN_REL_GE);
	IO_UINT(x, d->type, TSN_T_NONE);
	io_uint(x, &d->counted, UINT64_MAX);
	io_uint(x, &d->before, UINT64_MAX);
	io_int(x, &d->window_start);
	io_int(x, &d->window_end);
	IO_UINT(x, d->quality, TSN_PARTIAL);
	io_real(x, &d->error);
	return io_samples(x, d);
}

/* The key goes before it, [open] too: they decide what is made. */
static void
io_entry(struct io *x, struct tsn_alert_entry *e)
{
	io_int(x, &e->due);
	io_int(x, &e->received);
	io_int(x, &e->opened);
	io_int(x, &e->reported);
	io_int(x, &e->first_seen);
	io_int(x, &e->last_seen);
	io_uint(x, &e->flows, UINT64_MAX);
	IO_UINT(x, e->sampling, UINT32_MAX);
	IO_UINT(x, e->cut, 1);
	IO_UINT(x, e->severity, TSN_SEV_CRITICAL);
	IO_UINT(x, e->silent, 1);
}

/* --- what was saved for the message --- */

static void
save_value(const struct tsn_value *v, struct tsn_pack *out)
{
	tsn_pack_bool(out, v->known);
	if (!v->known)
		return;
	tsn_pack_uint(out, v->type);
	tsn_pack_uint(out, v->v4_bits);
	tsn_pack_uint(out, v->v6_bits);
	switch (v->type) {
	case TSN_T_STRING: tsn_pack_bytes(out, v->s.p, v->s.n); break;
	case TSN_T_ADDR:   io_addr(&(struct io){ .out = out }, &(struct tsn_addr){ v->addr.hi, v->addr.lo, v->addr.v4 }); break;
	default:           tsn_pack_raw(out, &v->i, sizeof(v->i)); break; /* or the bits of a real */
	}
}

/* [type]: what it must be; of a computed value TSN_T_NONE: a number. */
static bool
load_value(struct tsn_saved *s, enum tsn_type type, struct tsn_unpack *in)
{
	const uint8_t *p;
	size_t n;

	s->v.known = tsn_unpack_bool(in);
	if (!s->v.known)
		return !in->bad;
	s->v.type = (enum tsn_type)tsn_unpack_below(in, TSN_T_NONE);
	s->v.v4_bits = (uint8_t)tsn_unpack_below(in, 32);
	s->v.v6_bits = (uint8_t)tsn_unpack_below(in, 128);
	if (type == TSN_T_NONE ? s->v.type != TSN_T_INT && s->v.type != TSN_T_REAL : s->v.type != type)
		in->bad = true;
	switch (s->v.type) {
	case TSN_T_ADDR:
		io_addr(&(struct io){ .in = in }, &s->v.addr);
		break;
	case TSN_T_STRING:
		p = tsn_unpack_bytes(in, &n);
		if (p == NULL || n > TSN_KEY_MAX)
			return false;
		s->own = tsn_malloc(n);
		if (s->own == NULL)
			return false;
		memcpy(s->own, p, n);
		s->cap = (uint32_t)n;
		s->v.s = (struct tsn_str){ s->own, (uint32_t)n };
		break;
	default:
		p = tsn_unpack_raw(in, sizeof(s->v.i));
		if (p != NULL)
			memcpy(&s->v.i, p, sizeof(s->v.i));
		break;
	}
	return !in->bad;
}

static void
save_saved(const struct tsn_alert_details *d, struct tsn_pack *out)
{
	const size_t at = tsn_pack_open(out);

	for (uint32_t i = 0; i < d->nsaved; i++)
		save_value(&d->saved[i].v, out);
	tsn_pack_close(out, at);
}

static bool
load_saved(const struct tsn_alert_rule *r, struct tsn_alert_details *d, struct tsn_unpack in, bool same)
{
	if (in.bad || !same || in.p == in.end) /* nothing was known */
		return !in.bad;
	for (uint32_t i = 0; i < d->nsaved; i++) {
		const struct tsn_save_plan *p = &r->plan[i];

		if (!load_value(&d->saved[i], p->reg || p->what >= TSN_FIELD_COUNT ? TSN_T_NONE : tsn_fields[p->what].type, &in))
			return false;
	}
	return tsn_unpack_done(&in);
}

/* --- rules --- */

/* What tells whether values saved for one rule mean the same to another. */
static void
sign(const struct tsn_alert_rule *r, struct tsn_pack *out)
{
	tsn_pack_str(out, r->rule->canon != NULL ? r->rule->canon : "");
	for (uint32_t i = 0; i < r->nsaved; i++)
		tsn_pack_str(out, r->plan[i].reg ? "=" : r->plan[i].what < TSN_FIELD_COUNT ? tsn_fields[r->plan[i].what].name : "-");
}

static void
sign_key(const struct tsn_rule *r, struct tsn_pack *out)
{
	for (unsigned i = 0; i < r->key.n; i++) {
		tsn_pack_str(out, tsn_rule_key_name(r, i));
		tsn_pack_uint(out, tsn_fields[r->key.part[i].field].storage);
		tsn_pack_uint(out, r->key.part[i].v4_bits);
		tsn_pack_uint(out, r->key.part[i].v6_bits);
	}
}

static void
put_signature(const struct tsn_alert_rule *r, bool key, struct tsn_pack *out)
{
	struct tsn_pack k = { 0 };

	if (key)
		sign_key(r->rule, &k);
	else
		sign(r, &k);
	tsn_pack_bytes(out, k.p, k.n);
	out->failed = out->failed || k.failed;
	tsn_pack_fini(&k);
}

static bool
same_signature(const struct tsn_alert_rule *r, bool key, struct tsn_unpack *in)
{
	struct tsn_pack k = { 0 };
	size_t n;
	const uint8_t *p = tsn_unpack_bytes(in, &n);
	bool same;

	if (key)
		sign_key(r->rule, &k);
	else
		sign(r, &k);
	same = p != NULL && !k.failed && n == k.n && (n == 0 || memcmp(p, k.p, n) == 0);
	tsn_pack_fini(&k);
	return same;
}

static void
save_list(const struct tsn_alert_list *l, struct tsn_pack *out)
{
	struct io x = { .out = out };

	for (struct tsn_alert_entry *e = l->head; e != NULL; e = e->next) {
		tsn_pack_bytes(out, e->key, e->key_len);
		tsn_pack_uint(out, e->life);
		io_entry(&x, e);
		if (e->life == TSN_LIFE_CLOSED)
			continue;
		io_details(&x, e->d);
		save_saved(e->d, out);
	}
}

void
tsn_alerts_save(const struct tsn_alerts *a, struct tsn_pack *out)
{
	tsn_pack_int(out, a->now);
	tsn_pack_uint(out, a->next_ticket);
	for (uint32_t i = 0; i < a->nrules; i++) {
		const struct tsn_alert_rule *r = &a->rule[i];
		size_t at;

		if (r->nentries == 0)
			continue;
		tsn_pack_str(out, r->rule->name);
		at = tsn_pack_open(out);
		put_signature(r, true, out);
		put_signature(r, false, out);
		tsn_pack_uint(out, r->nentries);
		save_list(&r->open, out);
		save_list(&r->pending, out);
		save_list(&r->closed, out);
		tsn_pack_close(out, at);
	}
}

/* --- reading: into tables beside those in use --- */

/* Panes may be others now, and the rule need not be watched any more, or yet: what cannot be is as if it had held last. */
static void
hold_again(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	struct tsn_alert_hold *h = &e->d->hold;
	int64_t last;

	if (r->rule->watched) {
		last = tsn_alert_pane(r, e->received);
		if (h->newest > last || h->newest < last - INT64_C(3600000) / r->rule->pane_ms - TSN_ALERT_HELD || h->from > last + 1)
			*h = (struct tsn_alert_hold){ .newest = last, .from = last, .held = { 1 } };
	}
	e->due = tsn_alert_end_due(a, r, e);
}

/* Times that a clock can say, so that sums with windows stay numbers. */
static bool
is_time(int64_t t)
{
	return t == TSN_TIME_NONE || (t > -INT64_C(1000000000000000) && t < INT64_C(1000000000000000));
}

static bool
has_times(const struct tsn_alert_entry *e)
{
	return is_time(e->due) && e->received != TSN_TIME_NONE && is_time(e->received) && is_time(e->opened) && is_time(e->reported) &&
	    is_time(e->first_seen) && is_time(e->last_seen);
}

/* The entry is in the table or freed; false: bad, or memory is out. */
static bool
load_entry(const struct tsn_alerts *a, struct tsn_alert_rule *r, bool same, struct tsn_unpack *in)
{
	struct io x = { .in = in };
	struct tsn_alert_entry *e;
	size_t n;
	const uint8_t *key = tsn_unpack_bytes(in, &n);
	const uint64_t life = tsn_unpack_below(in, TSN_LIFE_OPEN);
	const bool open = life != TSN_LIFE_CLOSED;
	uint64_t hash;

	if (in->bad || !tsn_key_valid(&r->rule->key, key, n, true))
		return false;
	hash = tsn_hash_bytes(key, n, 0);
	if (tsn_alert_entry_find(r, hash, key, (uint32_t)n) != NULL)
		return false;
	e = tsn_alert_entry_add(r, hash, key, (uint32_t)n);
	if (e == NULL)
		return false;
	io_entry(&x, e);
	if (in->bad || !has_times(e))
		return false;
	e->life = (uint8_t)life;
	if (open) {
		if (!tsn_alert_entry_details(e, same ? r->nsaved : 0) || !io_details(&x, e->d) ||
		    !load_saved(r, e->d, tsn_unpack_part(in), same))
			return false;
		if (!same || r->rule->watched)
			hold_again(a, r, e);
	}
	tsn_alert_entry_queue(life == TSN_LIFE_OPEN ? &r->open : open ? &r->pending : &r->closed, e);
	r->counts.open += life == TSN_LIFE_OPEN && !e->silent;
	r->counts.pending += life == TSN_LIFE_PENDING;
	return !in->bad;
}

static bool
load_rule(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_unpack *in)
{
	uint64_t n;
	bool same;

	if (r->nentries > 0) /* a rule twice */
		return false;
	if (!same_signature(r, true, in) || r->rule->disabled || r->rule->each)
		return !in->bad;
	same = same_signature(r, false, in);
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		if (i >= a->max_keys)
			return true; /* the bound was lowered: the last in line are the ones that ended last */
		if (!load_entry(a, r, same, in))
			return false;
	}
	return tsn_unpack_done(in);
}

static struct tsn_alert_rule *
find_rule(const struct tsn_alerts *a, struct tsn_alert_rule *copy, const uint8_t *name, size_t n)
{
	for (uint32_t i = 0; i < a->nrules; i++)
		if (strlen(copy[i].rule->name) == n && memcmp(copy[i].rule->name, name, n) == 0)
			return &copy[i];
	return NULL;
}

static bool
load_rules(const struct tsn_alerts *a, struct tsn_alert_rule *copy, struct tsn_unpack *in)
{
	while (in->p < in->end) {
		size_t n;
		const uint8_t *name = tsn_unpack_bytes(in, &n);
		struct tsn_unpack part = tsn_unpack_part(in);
		struct tsn_alert_rule *r = in->bad ? NULL : find_rule(a, copy, name, n);

		if (in->bad || (r != NULL && !load_rule(a, r, &part)))
			return false;
	}
	return !in->bad;
}

static void
free_entries(struct tsn_alert_rule *rule, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		tsn_alert_entry_free_all(&rule[i]);
}

static int64_t
first_due(const struct tsn_alert_rule *r, int64_t due)
{
	if (r->open.head != NULL && r->open.head->due < due)
		due = r->open.head->due;
	if (r->pending.head != NULL && r->pending.head->due < due)
		due = r->pending.head->due;
	return r->closed.head != NULL && r->closed.head->due < due ? r->closed.head->due : due;
}

bool
tsn_alerts_load(struct tsn_alerts *a, struct tsn_unpack *in, uint64_t *open)
{
	struct tsn_alert_rule *copy = tsn_calloc(a->nrules > 0 ? a->nrules : 1, sizeof(*copy));
	const bool none = in->p == in->end;
	const int64_t then = none ? TSN_TIME_NONE : tsn_unpack_int(in), now = is_time(then) ? then : TSN_TIME_NONE;
	const uint64_t ticket = none ? 0 : tsn_unpack_below(in, INT64_MAX);
	uint64_t all = 0;

	if (copy == NULL)
		return false;
	for (uint32_t i = 0; i < a->nrules; i++) {
		copy[i] = a->rule[i];
		copy[i].slot = NULL;
		copy[i].nslots = copy[i].nentries = 0;
		copy[i].open = copy[i].pending = copy[i].closed = (struct tsn_alert_list){ NULL, NULL };
		copy[i].counts.open = copy[i].counts.pending = 0;
		copy[i].watch_pane = TSN_TIME_NONE;
	}
	if (!load_rules(a, copy, in)) {
		free_entries(copy, a->nrules);
		tsn_free(copy);
		return false;
	}
	free_entries(a->rule, a->nrules);
	tsn_free(a->rule);
	a->rule = copy;
	a->now = now;
	a->next_ticket = ticket;
	a->next_due = INT64_MAX;
	for (uint32_t i = 0; i < a->nrules; i++) {
		all += copy[i].counts.open;
		a->next_due = first_due(&copy[i], a->next_due);
	}
	for (uint32_t i = 0; i < a->nrules; i++)
		if (a->rule[i].rule->watched && now != TSN_TIME_NONE)
			a->rule[i].watch_pane = tsn_alert_undecided(a, &a->rule[i], now);
	tsn_alert_watch_again(a);
	if (open != NULL)
		*open = all;
	return true;
}
