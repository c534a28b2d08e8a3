/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What an entry of an alert consists of, as bytes and back. */
#include <string.h>

#include "alert/save.h"
#include "base/clock.h"
#include "base/mem.h"

static void
io_uint(struct tsn_alert_io *x, uint64_t *v, uint64_t most)
{
	if (x->out != NULL)
		tsn_pack_uint(x->out, *v);
	else
		*v = tsn_unpack_below(x->in, most);
}

static void
io_int(struct tsn_alert_io *x, int64_t *v)
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
io_real(struct tsn_alert_io *x, double *v)
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
io_addr(struct tsn_alert_io *x, struct tsn_addr *a)
{
	IO_UINT(x, a->v4, 1);
	io_uint(x, &a->hi, a->v4 ? 0 : UINT64_MAX);
	io_uint(x, &a->lo, a->v4 ? UINT32_MAX : UINT64_MAX);
}

static void
io_number(struct tsn_alert_io *x, struct tsn_alert_number *n)
{
	IO_UINT(x, n->known, 1);
	if (!n->known)
		return;
	IO_UINT(x, n->real, 1);
	io_int(x, &n->i);
	io_real(x, &n->f);
}

#define FIELD(sym, type, member) TSN_KEPT_##sym,
enum { TSN_SHOWN_FIELDS(FIELD) KEPT };
#undef FIELD

static void
io_flow(struct tsn_alert_io *x, struct tsn_shown *f)
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
tsn_alert_flow_save(const struct tsn_shown *fl, struct tsn_pack *out)
{
	struct tsn_shown copy = *fl;

	io_flow(&(struct tsn_alert_io){ .out = out }, &copy);
}

bool
tsn_alert_flow_load(struct tsn_shown *fl, struct tsn_unpack *in)
{
	io_flow(&(struct tsn_alert_io){ .in = in }, fl);
	return !in->bad;
}

static bool
io_samples(struct tsn_alert_io *x, struct tsn_alert_details *d)
{
	IO_UINT(x, d->nsamples, TSN_ALERT_SAMPLES);
	if (x->in != NULL && d->nsamples > 0) {
		d->sample = tsn_calloc(TSN_ALERT_SAMPLES, sizeof(*d->sample));
		if (d->sample == NULL) {
			d->nsamples = 0;
			return false;
		}
		d->sample_room = TSN_ALERT_SAMPLES;
	}
	for (uint32_t i = 0; i < d->nsamples; i++)
		io_flow(x, &d->sample[i]);
	return true;
}

/* Times and panes that arithmetic may be done with: some 35,000 years either way; or TSN_TIME_NONE. */
#define TIME_MOST (INT64_C(1) << 50)

void
tsn_alert_io_time(struct tsn_alert_io *x, int64_t *v)
{
	io_int(x, v);
	if (x->in != NULL && *v != TSN_TIME_NONE && (*v > TIME_MOST || *v < -TIME_MOST))
		x->in->bad = true;
}

void
tsn_alert_io_pane(struct tsn_alert_io *x, int64_t *v, int64_t pane_ms)
{
	io_int(x, v);
	if (x->in != NULL && *v != TSN_TIME_NONE && (pane_ms <= 0 || *v > TIME_MOST / pane_ms || *v < -TIME_MOST / pane_ms))
		x->in->bad = true;
}

static void
io_hold(struct tsn_alert_io *x, struct tsn_alert_hold *h, int64_t pane_ms)
{
	tsn_alert_io_pane(x, &h->newest, pane_ms);
	tsn_alert_io_pane(x, &h->from, pane_ms);
	for (size_t i = 0; i < TSN_ALERT_HELD / 64; i++)
		io_uint(x, &h->held[i], UINT64_MAX);
	io_uint(x, &h->below, INT64_MAX);
	if (x->in != NULL && h->newest == TSN_TIME_NONE)
		x->in->bad = true; /* it is open or waits because it held */
}

bool
tsn_alert_io_details(struct tsn_alert_io *x, struct tsn_alert_details *d, const struct tsn_rule *r)
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
void
tsn_alert_io_entry(struct tsn_alert_io *x, struct tsn_alert_entry *e)
{
	tsn_alert_io_time(x, &e->due);
	tsn_alert_io_time(x, &e->received);
	tsn_alert_io_time(x, &e->opened);
	tsn_alert_io_time(x, &e->reported);
	tsn_alert_io_time(x, &e->first_seen);
	tsn_alert_io_time(x, &e->last_seen);
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
	case TSN_T_ADDR:   io_addr(&(struct tsn_alert_io){ .out = out }, &(struct tsn_addr){ v->addr.hi, v->addr.lo, v->addr.v4 }); break;
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
		io_addr(&(struct tsn_alert_io){ .in = in }, &s->v.addr);
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

void
tsn_alert_save_saved(const struct tsn_alert_details *d, struct tsn_pack *out)
{
	const size_t at = tsn_pack_open(out);

	for (uint32_t i = 0; i < d->nsaved; i++)
		save_value(&d->saved[i].v, out);
	tsn_pack_close(out, at);
}

bool
tsn_alert_load_saved(const struct tsn_alert_rule *r, struct tsn_alert_details *d, struct tsn_unpack in, bool same)
{
	if (in.bad || !same || in.p == in.end) /* nothing was known */
		return !in.bad;
	d->named = true;
	for (uint32_t i = 0; i < d->nsaved; i++) {
		const struct tsn_save_plan *p = &r->plan[i];

		if (!load_value(&d->saved[i], p->reg || p->what >= TSN_FIELD_COUNT ? A_NUMBER : (int)tsn_fields[p->what].type, &in))
			return false;
	}
	return tsn_unpack_done(&in);
}

/* --- notes and members --- */

void
tsn_alert_save_notes(const struct tsn_alert_details *d, struct tsn_pack *out)
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

bool
tsn_alert_load_notes(struct tsn_alert_details *d, struct tsn_unpack in)
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
io_member(struct tsn_alert_io *x, struct tsn_alert_member *m)
{
	tsn_alert_io_time(x, &m->since);
	IO_UINT(x, m->infected, 1);
	if (m->infected)
		io_addr(x, &m->from);
}

/* Those beyond the bound are only counted. */
bool
tsn_alert_io_members(struct tsn_alert_io *x, const struct tsn_rule *r, struct tsn_alert_members *m)
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
