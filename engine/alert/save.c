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

void
tsn_alert_flow_save(const struct tsn_alert_flow *fl, struct tsn_pack *out)
{
	struct tsn_alert_flow copy = *fl;

	io_flow(&(struct io){ .out = out }, &copy);
}

bool
tsn_alert_flow_load(struct tsn_alert_flow *fl, struct tsn_unpack *in)
{
	io_flow(&(struct io){ .in = in }, fl);
	return !in->bad;
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

/* Times and panes that arithmetic may be done with: some 35,000 years either way; or TSN_TIME_NONE. */
#define TIME_MOST (INT64_C(1) << 50)

static void
io_time(struct io *x, int64_t *v)
{
	io_int(x, v);
	if (x->in != NULL && *v != TSN_TIME_NONE && (*v > TIME_MOST || *v < -TIME_MOST))
		x->in->bad = true;
}

static void
io_pane(struct io *x, int64_t *v, int64_t pane_ms)
{
	io_int(x, v);
	if (x->in != NULL && *v != TSN_TIME_NONE && (pane_ms <= 0 || *v > TIME_MOST / pane_ms || *v < -TIME_MOST / pane_ms))
		x->in->bad = true;
}

static void
io_hold(struct io *x, struct tsn_alert_hold *h, int64_t pane_ms)
{
	io_pane(x, &h->newest, pane_ms);
	io_pane(x, &h->from, pane_ms);
	for (size_t i = 0; i < TSN_ALERT_HELD / 64; i++)
		io_uint(x, &h->held[i], UINT64_MAX);
	io_uint(x, &h->below, INT64_MAX);
	if (x->in != NULL && h->newest == TSN_TIME_NONE)
		x->in->bad = true; /* it is open or waits because it held */
}

static bool
io_details(struct io *x, struct tsn_alert_details *d, const struct tsn_rule *r)
{
	if (r->watched)
		io_hold(x, &d->hold, r->pane_ms);
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

/* The key goes before it, and what it is now: they decide what is made. */
static void
io_entry(struct io *x, struct tsn_alert_entry *e)
{
	io_time(x, &e->due);
	io_time(x, &e->received);
	io_time(x, &e->opened);
	io_time(x, &e->reported);
	io_time(x, &e->first_seen);
	io_time(x, &e->last_seen);
	io_uint(x, &e->flows, UINT64_MAX);
	IO_UINT(x, e->sampling, UINT32_MAX);
	IO_UINT(x, e->severity, TSN_SEV_CRITICAL);
	IO_UINT(x, e->silent, 1);
	IO_UINT(x, e->cut, 1);
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

/* What a value must be: of a type, or: */
enum { A_NUMBER = -1, ANYTHING = -2 };

static bool
is_type(enum tsn_type got, int wanted)
{
	if (wanted == A_NUMBER)
		return got == TSN_T_INT || got == TSN_T_REAL;
	return wanted == ANYTHING ? got < TSN_T_PREFIX : got == (enum tsn_type)wanted;
}

static bool
load_value(struct tsn_saved *s, int type, struct tsn_unpack *in)
{
	const uint8_t *p;
	size_t n;

	s->v.known = tsn_unpack_bool(in);
	if (!s->v.known)
		return !in->bad;
	s->v.type = (enum tsn_type)tsn_unpack_below(in, TSN_T_NONE);
	s->v.v4_bits = (uint8_t)tsn_unpack_below(in, 32);
	s->v.v6_bits = (uint8_t)tsn_unpack_below(in, 128);
	if (!is_type(s->v.type, type))
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

		if (!load_value(&d->saved[i], p->reg || p->what >= TSN_FIELD_COUNT ? A_NUMBER : (int)tsn_fields[p->what].type, &in))
			return false;
	}
	return tsn_unpack_done(&in);
}

/* --- notes and members --- */

static void
save_notes(const struct tsn_alert_details *d, struct tsn_pack *out)
{
	const size_t at = tsn_pack_open(out);

	tsn_pack_uint(out, d->nnotes);
	for (uint32_t i = 0; i < d->nnotes; i++) {
		tsn_pack_str(out, d->note[i].group);
		tsn_pack_str(out, d->note[i].name);
		tsn_pack_uint(out, d->note[i].item);
		save_value(&d->note[i].value, out);
	}
	tsn_pack_close(out, at);
}

/* A text behind the notes, where there is room for all that was read. */
static const char *
behind(char **to, const uint8_t *p, size_t n)
{
	const char *text = *to;

	memcpy(*to, p, n);
	(*to)[n] = '\0';
	*to += n + 1;
	return text;
}

static bool
load_note(struct tsn_note *n, char **to, struct tsn_unpack *in)
{
	struct tsn_saved s = { 0 };
	size_t ngroup, nname;
	const uint8_t *group = tsn_unpack_bytes(in, &ngroup), *name = tsn_unpack_bytes(in, &nname);
	bool ok;

	n->item = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	ok = load_value(&s, ANYTHING, in) && group != NULL && name != NULL && s.v.known;
	if (ok) {
		n->group = behind(to, group, ngroup);
		n->name = behind(to, name, nname);
		n->value = s.v;
		if (s.v.type == TSN_T_STRING)
			n->value.s.p = behind(to, (const uint8_t *)s.v.s.p, s.v.s.n);
	}
	tsn_free(s.own);
	return ok;
}

static bool
load_notes(struct tsn_alert_details *d, struct tsn_unpack in)
{
	const size_t texts = (size_t)(in.end - in.p);
	const uint32_t n = (uint32_t)tsn_unpack_below(&in, TSN_ALERT_NOTES);
	char *to;

	if (in.bad || n == 0)
		return tsn_unpack_done(&in);
	d->note = tsn_calloc(1, n * sizeof(*d->note) + texts + 3 * n);
	if (d->note == NULL)
		return false;
	to = (char *)(d->note + n);
	for (uint32_t i = 0; i < n; i++)
		if (!load_note(&d->note[i], &to, &in))
			return false;
	d->nnotes = n;
	return tsn_unpack_done(&in);
}

static void
io_member(struct io *x, struct tsn_alert_member *m)
{
	io_time(x, &m->since);
	IO_UINT(x, m->infected, 1);
	if (m->infected)
		io_addr(x, &m->from);
}

/* Those beyond the bound are only counted. */
static bool
io_members(struct io *x, const struct tsn_rule *r, struct tsn_alert_members *m)
{
	uint64_t n = m->n;

	io_uint(x, &m->count, UINT64_MAX);
	io_uint(x, &m->told, m->count);
	IO_UINT(x, m->has_zero, 1);
	if (m->has_zero)
		io_addr(x, &m->zero);
	io_uint(x, &n, m->count < TSN_ALERT_MEMBERS ? m->count : TSN_ALERT_MEMBERS);
	for (uint64_t i = 0; i < n; i++) {
		struct tsn_alert_member said = { 0 };
		const uint8_t *key;
		size_t len;

		if (x->out != NULL) {
			tsn_pack_bytes(x->out, m->v[i].key, m->v[i].len);
			io_member(x, &m->v[i]);
			continue;
		}
		key = tsn_unpack_bytes(x->in, &len);
		io_member(x, &said);
		if (x->in->bad || key == NULL || !tsn_key_valid(&r->member, key, len, true) ||
		    !tsn_alert_member_put(m, key, (uint32_t)len, &said))
			return false;
	}
	return true;
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

enum signature { KEY, WATCH, SAVED };

/* How long panes are and for how many a key waits: what marks of panes mean. */
static void
sign_watch(const struct tsn_rule *r, struct tsn_pack *out)
{
	tsn_pack_bool(out, r->watched);
	tsn_pack_int(out, r->watched ? r->pane_ms : 0);
	tsn_pack_int(out, r->for_ms);
	tsn_pack_uint(out, r->member.n);
	for (unsigned i = 0; i < r->member.n; i++) {
		tsn_pack_uint(out, tsn_fields[r->member.part[i].field].storage);
		tsn_pack_uint(out, r->member.part[i].v4_bits);
		tsn_pack_uint(out, r->member.part[i].v6_bits);
	}
}

static void
sign_with(const struct tsn_alert_rule *r, enum signature which, struct tsn_pack *out)
{
	switch (which) {
	case KEY:   sign_key(r->rule, out); break;
	case WATCH: sign_watch(r->rule, out); break;
	case SAVED: sign(r, out); break;
	}
}

static void
put_signature(const struct tsn_alert_rule *r, enum signature which, struct tsn_pack *out)
{
	struct tsn_pack k = { 0 };

	sign_with(r, which, &k);
	tsn_pack_bytes(out, k.p, k.n);
	out->failed = out->failed || k.failed;
	tsn_pack_fini(&k);
}

static bool
same_signature(const struct tsn_alert_rule *r, enum signature which, struct tsn_unpack *in)
{
	struct tsn_pack k = { 0 };
	size_t n;
	const uint8_t *p = tsn_unpack_bytes(in, &n);
	bool same;

	sign_with(r, which, &k);
	in->bad = in->bad || k.failed;
	same = p != NULL && !k.failed && n == k.n && (n == 0 || memcmp(p, k.p, n) == 0);
	tsn_pack_fini(&k);
	return same;
}

static void
save_entry(const struct tsn_alert_rule *r, struct tsn_alert_entry *e, struct tsn_pack *out)
{
	struct io x = { .out = out };

	tsn_pack_bytes(out, e->key, e->key_len);
	tsn_pack_uint(out, e->life);
	io_entry(&x, e);
	if (e->life == TSN_LIFE_CLOSED)
		return;
	io_details(&x, e->d, r->rule);
	save_saved(e->d, out);
	save_notes(e->d, out);
	io_members(&x, r->rule, &e->d->members);
}

/* Lists of several stages as one: in the order in which they fall due. */
static void
save_lists(const struct tsn_alert_rule *r, struct tsn_alert_entry **head, uint32_t n, struct tsn_pack *out)
{
	for (;;) {
		uint32_t first = n;

		for (uint32_t i = 0; i < n; i++)
			if (head[i] != NULL && (first == n || head[i]->due < head[first]->due))
				first = i;
		if (first == n)
			return;
		save_entry(r, head[first], out);
		head[first] = head[first]->next;
	}
}

/* Alerts whose new members are told at a tick to come. */
static uint64_t
count_news(const struct tsn_alert_rule *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->nnews; i++)
		n += r->news[i] != NULL;
	return n;
}

static void
save_news(const struct tsn_alert_rule *r, struct tsn_pack *out)
{
	for (size_t i = 0; i < r->nnews; i++) {
		if (r->news[i] == NULL)
			continue;
		tsn_pack_bytes(out, r->news[i]->key, r->news[i]->key_len);
		tsn_pack_int(out, r->news[i]->d->news_due);
	}
}

/* What waits for the next tick to be told to sets and other rules. */
static void
save_openings(const struct tsn_alerts *a, struct tsn_pack *out)
{
	for (size_t i = 0; i < a->nopenings; i++) {
		const struct tsn_opening *o = &a->opening[i];
		size_t at;

		tsn_pack_str(out, a->rule[o->rule].rule->name);
		at = tsn_pack_open(out);
		put_signature(&a->rule[o->rule], KEY, out);
		put_signature(&a->rule[o->rule], SAVED, out);
		tsn_pack_int(out, o->time);
		tsn_pack_bool(out, o->counts);
		tsn_pack_bool(out, o->reported);
		tsn_pack_bytes(out, o->key, o->key_len);
		tsn_pack_str(out, o->id);
		tsn_pack_bool(out, o->message != NULL);
		tsn_pack_str(out, o->message != NULL ? o->message : "");
		tsn_pack_uint(out, o->nvalues);
		for (uint32_t v = 0; v < o->nvalues; v++)
			tsn_pack_bytes(out, o->value[v].p, o->value[v].n);
		tsn_pack_uint(out, o->ticket);
		tsn_pack_bool(out, o->row);
		tsn_pack_int(out, o->due);
		tsn_pack_close(out, at);
	}
}

/* Rule [rule] of stages that have entries of it. */
static void
save_rule(const struct tsn_alerts *const *a, uint32_t n, uint32_t rule, struct tsn_pack *out)
{
	struct tsn_alert_entry *open[TSN_ALERT_STAGES], *pending[TSN_ALERT_STAGES], *closed[TSN_ALERT_STAGES];
	const struct tsn_alert_rule *r = &a[0]->rule[rule];
	int64_t pane = TSN_TIME_NONE;
	uint64_t entries = 0, news = 0;
	size_t at;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_alert_rule *one = &a[i]->rule[rule];

		r = one->nentries > 0 ? one : r;
		entries += one->nentries;
		news += count_news(one);
		if (one->watch_pane != TSN_TIME_NONE && (pane == TSN_TIME_NONE || one->watch_pane < pane))
			pane = one->watch_pane;
		open[i] = one->open.head;
		pending[i] = one->pending.head;
		closed[i] = one->closed.head;
	}
	if (entries == 0)
		return;
	tsn_pack_str(out, r->rule->name);
	at = tsn_pack_open(out);
	put_signature(r, KEY, out);
	put_signature(r, WATCH, out);
	put_signature(r, SAVED, out);
	tsn_pack_int(out, pane);
	tsn_pack_uint(out, entries);
	save_lists(r, open, n, out);
	save_lists(r, pending, n, out);
	save_lists(r, closed, n, out);
	tsn_pack_uint(out, news);
	for (uint32_t i = 0; i < n; i++)
		save_news(&a[i]->rule[rule], out);
	tsn_pack_close(out, at);
}

void
tsn_alerts_save(const struct tsn_alerts *const *a, uint32_t n, struct tsn_pack *out)
{
	size_t part = tsn_pack_open(out);
	int64_t now = TSN_TIME_NONE;
	uint64_t ticket = 0;

	for (uint32_t k = 0; k < n; k++) {
		save_openings(a[k], out);
		now = a[k]->now > now ? a[k]->now : now;
		ticket = a[k]->next_ticket > ticket ? a[k]->next_ticket : ticket;
	}
	tsn_pack_close(out, part);
	tsn_pack_int(out, now);
	tsn_pack_uint(out, ticket);
	for (uint32_t i = 0; i < a[0]->nrules; i++)
		save_rule(a, n, i, out);
}

/* --- reading: into tables beside those in use --- */

/* Open and pending ones of a rule that is not as it was: what it means to end or to hold may be something else. */
static bool
load_life(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, bool same, struct tsn_unpack *in)
{
	struct io x = { .in = in };
	struct tsn_unpack saved;

	if (!tsn_alert_entry_details(e, same ? r->nsaved : 0) || !io_details(&x, e->d, r->rule))
		return false;
	saved = tsn_unpack_part(in);
	if (in->bad || !load_saved(r, e->d, saved, same) || !load_notes(e->d, tsn_unpack_part(in)) ||
	    !io_members(&x, r->rule, &e->d->members))
		return false;
	if (e->received == TSN_TIME_NONE || e->first_seen == TSN_TIME_NONE || e->last_seen == TSN_TIME_NONE || e->due == TSN_TIME_NONE)
		return false;
	if (!same)
		e->due = tsn_alert_end_due(a, r, e);
	return e->life == TSN_LIFE_PENDING ? r->for_panes > 1 : e->opened != TSN_TIME_NONE;
}

/* The entry is in the table or freed with it; false: bad, or memory is out. */
static bool
load_entry(const struct tsn_alerts *a, struct tsn_alert_rule *r, bool same, struct tsn_unpack *in)
{
	struct io x = { .in = in };
	struct tsn_alert_entry *e;
	size_t n;
	const uint8_t *key = tsn_unpack_bytes(in, &n);
	const uint8_t life = (uint8_t)tsn_unpack_below(in, TSN_LIFE_OPEN);
	uint64_t hash;

	if (in->bad || !tsn_key_valid(&r->rule->key, key, n, true))
		return false;
	hash = tsn_hash_bytes(key, n, 0);
	if (tsn_alert_entry_find(r, hash, key, (uint32_t)n) != NULL)
		return false;
	e = tsn_alert_entry_add(r, hash, key, (uint32_t)n);
	if (e == NULL)
		return false;
	e->part = tsn_alert_part(a, r->rule, key, (uint32_t)n);
	tsn_alert_in_part(r)[e->part]++;
	io_entry(&x, e);
	e->life = life;
	if (in->bad || (life != TSN_LIFE_CLOSED && !load_life(a, r, e, same, in)))
		return false;
	tsn_alert_entry_queue(life == TSN_LIFE_OPEN ? &r->open : life == TSN_LIFE_PENDING ? &r->pending : &r->closed, e);
	r->counts.open += life == TSN_LIFE_OPEN && !e->silent;
	r->counts.pending += life == TSN_LIFE_PENDING;
	return !in->bad;
}

static bool
load_news(struct tsn_alert_rule *r, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);
	struct io x = { .in = in };

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct tsn_alert_entry *e, **grown;
		size_t len;
		const uint8_t *key = tsn_unpack_bytes(in, &len);
		int64_t due = 0;

		io_time(&x, &due);
		e = key != NULL ? tsn_alert_entry_find(r, tsn_hash_bytes(key, len, 0), key, (uint32_t)len) : NULL;
		if (in->bad || e == NULL || e->life != TSN_LIFE_OPEN || e->d->news_due != TSN_TIME_NONE || due == TSN_TIME_NONE)
			return false;
		grown = tsn_grow(r->news, r->nnews, &r->news_cap, sizeof(struct tsn_alert_entry *));
		if (grown == NULL)
			return false;
		r->news = grown;
		r->news[r->nnews++] = e;
		e->d->news_due = due;
	}
	return !in->bad;
}

/*
 * The length of panes is in the canonical form. Where that is another, or who may wait is, nothing that is open or waits
 * can be read; then only what suppresses would be left, and the rule begins anew.
 */
static bool
load_rule(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_unpack *in)
{
	struct io x = { .in = in };
	uint64_t n;
	bool same;

	if (r->nentries > 0) /* a rule twice */
		return false;
	if (!same_signature(r, KEY, in) || r->rule->disabled || r->rule->each)
		return !in->bad;
	if (!same_signature(r, WATCH, in))
		return !in->bad;
	same = same_signature(r, SAVED, in);
	io_pane(&x, &r->watch_pane, r->rule->pane_ms > 0 ? r->rule->pane_ms : 1);
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		if (i >= a->max_keys)
			return true; /* the bound was lowered: the last in line are the ones that ended last */
		if (!load_entry(a, r, same, in))
			return false;
	}
	return load_news(r, in) && tsn_unpack_done(in);
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

static const void *
keep(struct tsn_arena *arena, const void *p, size_t n)
{
	void *copy = tsn_arena_alloc(arena, n + 1);

	if (copy == NULL)
		return NULL;
	if (n > 0)
		memcpy(copy, p, n);
	((char *)copy)[n] = '\0';
	return copy;
}

/* Bytes or a text, kept. NULL: bad, or memory is out. */
static const void *
load_kept(struct tsn_arena *arena, struct tsn_unpack *in, size_t *n)
{
	const uint8_t *p = tsn_unpack_bytes(in, n);

	return p != NULL ? keep(arena, p, *n) : NULL;
}

static bool
load_values(struct tsn_arena *arena, const struct tsn_rule *r, struct tsn_opening *o, struct tsn_unpack *in)
{
	o->nvalues = (uint32_t)tsn_unpack_below(in, r->nactions);
	if (in->bad || (o->nvalues != 0 && o->nvalues != r->nactions))
		return false;
	o->value = tsn_arena_alloc(arena, (o->nvalues + 1) * sizeof(*o->value));
	for (uint32_t v = 0; o->value != NULL && v < o->nvalues; v++) {
		size_t n;

		o->value[v].p = load_kept(arena, in, &n);
		if (o->value[v].p == NULL || !tsn_key_valid(&r->action[v].value, o->value[v].p, n, true))
			return false;
		o->value[v].n = (uint32_t)n;
	}
	return o->value != NULL;
}

static bool
load_opening(struct tsn_arena *arena, const struct tsn_rule *r, struct tsn_opening *o, struct tsn_unpack *in)
{
	struct io x = { .in = in };
	const char *text;
	bool message;
	size_t n;

	io_time(&x, &o->time);
	o->counts = tsn_unpack_bool(in);
	o->reported = tsn_unpack_bool(in);
	o->key = load_kept(arena, in, &n);
	o->key_len = (uint32_t)n;
	if (o->key == NULL || !tsn_key_valid(&r->key, o->key, n, true))
		return false;
	text = load_kept(arena, in, &n);
	if (text == NULL || n >= sizeof(o->id))
		return false;
	memcpy(o->id, text, n);
	message = tsn_unpack_bool(in);
	text = load_kept(arena, in, &n);
	o->message = message ? text : NULL;
	if (text == NULL || !load_values(arena, r, o, in))
		return false;
	o->ticket = tsn_unpack_below(in, INT64_MAX);
	o->row = tsn_unpack_bool(in);
	io_time(&x, &o->due);
	return tsn_unpack_done(in);
}

/* What of the stage is made beside the one in use, and then takes its place. */
struct made {
	struct tsn_alert_rule *rule;
	struct tsn_opening *opening;
	size_t nopenings, opening_cap;
	struct tsn_arena *arena;
};

/* Those of rules that are gone or changed are left out: what they would have told may mean nothing now. */
static bool
load_openings(const struct tsn_alerts *a, struct made *m, struct tsn_unpack *in)
{
	while (in->p < in->end) {
		size_t n;
		const uint8_t *name = tsn_unpack_bytes(in, &n);
		struct tsn_unpack part = tsn_unpack_part(in);
		struct tsn_alert_rule *r = in->bad ? NULL : find_rule(a, m->rule, name, n);
		struct tsn_opening *grown, o = { 0 };

		if (in->bad || m->nopenings > TSN_OPENINGS_MAX)
			return false;
		if (r == NULL || !same_signature(r, KEY, &part) || !same_signature(r, SAVED, &part))
			continue;
		if (m->arena == NULL)
			m->arena = tsn_arena_new();
		grown = m->arena != NULL ? tsn_grow(m->opening, m->nopenings, &m->opening_cap, sizeof(*grown)) : NULL;
		if (grown == NULL)
			return false;
		m->opening = grown;
		o.rule = (uint32_t)(r - m->rule);
		o.seq = m->nopenings;
		if (!load_opening(m->arena, r->rule, &o, &part))
			return false;
		m->opening[m->nopenings++] = o;
	}
	return !in->bad;
}

static int64_t
first_due(const struct tsn_alert_rule *r, int64_t due)
{
	const struct tsn_alert_list *const v[] = { &r->open, &r->pending, &r->closed };

	for (int i = 0; i < 3; i++)
		if (v[i]->head != NULL && v[i]->head->due < due)
			due = v[i]->head->due;
	for (size_t i = 0; i < r->nnews; i++)
		if (r->news[i]->d->news_due < due)
			due = r->news[i]->d->news_due;
	return due;
}

static void
empty_rule(struct tsn_alert_rule *r)
{
	r->slot = NULL;
	r->nslots = r->nentries = 0;
	r->open = r->pending = r->closed = (struct tsn_alert_list){ NULL, NULL };
	r->news = NULL;
	r->nnews = r->news_cap = 0;
	r->watch_pane = TSN_TIME_NONE;
	r->counts.open = r->counts.pending = 0;
}

static void
put_in_place(struct tsn_alerts *a, struct made *m)
{
	free_entries(a->rule, a->nrules);
	memcpy(a->rule, m->rule, a->nrules * sizeof(*m->rule)); /* where their plans are */
	tsn_free(m->rule);
	tsn_alerts_openings_done(a);
	tsn_free(a->opening);
	a->opening = m->opening;
	a->nopenings = m->nopenings;
	a->opening_cap = m->opening_cap;
	a->opening_arena = m->arena;
	a->next_due = INT64_MAX;
	for (uint32_t i = 0; i < a->nrules; i++)
		a->next_due = first_due(&a->rule[i], a->next_due);
	tsn_alert_watch_again(a);
}

bool
tsn_alerts_load(struct tsn_alerts *a, struct tsn_unpack *in, uint64_t *open)
{
	struct made m = { .rule = tsn_calloc(a->nrules > 0 ? a->nrules : 1, sizeof(*m.rule)) };
	struct io x = { .in = in };
	const bool none = in->p == in->end;
	struct tsn_unpack openings = *in;
	int64_t now = TSN_TIME_NONE;
	uint64_t ticket = 0;

	if (m.rule == NULL)
		return false;
	for (uint32_t i = 0; i < a->nrules; i++) {
		m.rule[i] = a->rule[i];
		empty_rule(&m.rule[i]);
	}
	if (!none) {
		openings = tsn_unpack_part(in);
		io_time(&x, &now);
		ticket = tsn_unpack_below(in, INT64_MAX);
	}
	if (!load_rules(a, m.rule, in) || !load_openings(a, &m, &openings)) {
		free_entries(m.rule, a->nrules);
		tsn_free(m.rule);
		tsn_free(m.opening);
		tsn_arena_free(m.arena);
		return false;
	}
	put_in_place(a, &m);
	a->now = now;
	a->next_ticket = ticket;
	for (uint32_t i = 0; open != NULL && i < a->nrules; i++)
		*open += a->rule[i].counts.open;
	return true;
}
