/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What is asked of dynamic sets and done to them, and their members as bytes. */
#include "sets/dynamic.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "sets/dynamic_members.h"

#define FORM 1 /* of saved members */

/* --- what a set asks (members.h) --- */

void
tsn_dynamic_free(struct tsn_dynamic *d)
{
	if (d != NULL)
		tsn_dynamic_clear(d);
	tsn_free(d);
}

size_t
tsn_dynamic_size(const struct tsn_dynamic *d)
{
	return d->n;
}

bool
tsn_dynamic_has_family(const struct tsn_dynamic *d, bool v4)
{
	for (int len = 0; len <= 128; len++)
		if (d->of_length[!v4][len] > 0)
			return true;
	return false;
}

uint32_t
tsn_dynamic_find_addr(const struct tsn_dynamic *d, struct tsn_addr a)
{
	struct key k;
	uint32_t i;

	for (int len = d->n == 0 ? -1 : a.v4 ? 32 : 128; len >= 0; len--) {
		if (d->of_length[!a.v4][len] == 0)
			continue;
		tsn_dynamic_key_of_prefix(&k, (struct tsn_prefix){ tsn_addr_mask(a, (unsigned)len, (unsigned)len), (uint8_t)len });
		i = tsn_dynamic_find(d, k.p, k.n);
		if (i != NONE)
			return i;
	}
	return TSN_SET_NO_ROW;
}

uint32_t
tsn_dynamic_find_int(const struct tsn_dynamic *d, int64_t v)
{
	struct key k;

	tsn_dynamic_key_of_int(&k, v);
	return tsn_dynamic_find(d, k.p, k.n);
}

uint32_t
tsn_dynamic_find_bytes(const struct tsn_dynamic *d, const void *p, size_t n)
{
	return tsn_dynamic_find(d, p, n);
}

static const char *const columns[] = { "reason", "added", "expires" };

int
tsn_dynamic_column(const char *name, size_t n)
{
	for (int i = 0; i < 3; i++)
		if (strlen(columns[i]) == n && memcmp(columns[i], name, n) == 0)
			return i;
	return -1;
}

const char *
tsn_dynamic_column_nth(size_t i)
{
	return i < 3 ? columns[i] : NULL;
}

struct tsn_str
tsn_dynamic_cell(const struct tsn_dynamic *d, uint32_t row, int column)
{
	const struct member *m;
	const char *p;

	if (row >= d->used || column < 0 || column > 2 || d->member[row].blob == NULL)
		return (struct tsn_str){ NULL, 0 };
	m = &d->member[row];
	p = m->blob + m->key_n;
	if (column == 0)
		return (struct tsn_str){ p, m->reason_n };
	p += m->reason_n + 1;
	if (column == 2)
		p += strlen(p) + 1;
	return (struct tsn_str){ p, (uint32_t)strlen(p) };
}

void
tsn_dynamic_rows_addr(const struct tsn_dynamic *d, const struct tsn_addr_column *col, uint32_t n, unsigned v4_bits,
    unsigned v6_bits, uint8_t *hit)
{
	for (uint32_t row = 0; row < n && d->n > 0; row++) {
		struct tsn_addr a = tsn_addr_v4(col->v4[row]);

		if (!tsn_mask_has(&col->is_v4, row)) {
			if (!col->any_v6)
				continue;
			a = (struct tsn_addr){ col->hi[row], col->lo[row], false };
		}
		hit[row] = tsn_dynamic_find_addr(d, tsn_addr_mask(a, v4_bits, v6_bits)) != TSN_SET_NO_ROW;
	}
}

/* --- dynamic.h --- */

struct tsn_set *
tsn_set_dynamic_new(enum tsn_set_kind kind, uint64_t shape, int64_t expire_ms, size_t max)
{
	struct tsn_set *s = tsn_calloc(1, sizeof(*s));
	struct tsn_dynamic *d = tsn_calloc(1, sizeof(*d));

	if (s == NULL || d == NULL) {
		tsn_free(s);
		tsn_free(d);
		return NULL;
	}
	d->kind = s->kind = kind;
	d->shape = shape;
	d->expire_ms = expire_ms;
	d->max = max < 1 ? 1 : max > UINT32_MAX / 4 ? UINT32_MAX / 4 : max;
	d->free = d->oldest = d->newest = NONE;
	s->dynamic = d;
	tsn_set_put_as_of(s, TSN_TIME_NONE);
	return s;
}

bool
tsn_set_is_dynamic(const struct tsn_set *s)
{
	return s->dynamic != NULL;
}

static enum tsn_dynamic_change
add(struct tsn_dynamic *d, const struct key *k, int64_t now, int64_t for_ms, const char *reason)
{
	int64_t stay = for_ms > 0 ? for_ms : d->expire_ms, expires;
	size_t n = reason == NULL ? 0 : strnlen(reason, TSN_DYNAMIC_REASON);
	enum tsn_dynamic_change change;

	if (stay <= 0 || __builtin_add_overflow(now, stay, &expires))
		expires = TSN_DYNAMIC_NEVER;
	while (n > 0 && n == TSN_DYNAMIC_REASON && ((unsigned char)reason[n] & 0xc0) == 0x80)
		n--; /* never inside a character of several bytes */
	change = tsn_dynamic_insert(d, k, reason == NULL ? "" : reason, n, now, expires);
	d->stats.added += change == TSN_DYNAMIC_ADDED;
	d->stats.renewed += change == TSN_DYNAMIC_RENEWED;
	return change;
}

static bool
take_out(struct tsn_dynamic *d, const struct key *k)
{
	uint32_t i = tsn_dynamic_find(d, k->p, k->n);

	if (i == NONE)
		return false;
	tsn_dynamic_drop(d, i);
	d->stats.removed++;
	return true;
}

enum tsn_dynamic_change
tsn_set_dynamic_add(struct tsn_set *s, const struct tsn_value *v, int64_t now, int64_t for_ms, const char *reason)
{
	struct key k;

	if (s->dynamic == NULL || !tsn_dynamic_key_of_value(s->dynamic, v, &k))
		return TSN_DYNAMIC_WRONG;
	return add(s->dynamic, &k, now, for_ms, reason);
}

bool
tsn_set_dynamic_remove(struct tsn_set *s, const struct tsn_value *v)
{
	struct key k;

	return s->dynamic != NULL && tsn_dynamic_key_of_value(s->dynamic, v, &k) && take_out(s->dynamic, &k);
}

/* A key of one part is its value; of several it is the member. */
static bool
key_of_key(const struct tsn_dynamic *d, const struct tsn_key_spec *spec, const uint8_t *bytes, size_t n, struct key *k)
{
	struct tsn_value v;

	if (n == 0)
		return false;
	if (d->kind == TSN_SET_TUPLE) {
		k->p = bytes;
		k->n = n;
		for (unsigned i = 0; i < spec->n; i++) {
			tsn_key_decode(spec, bytes, n, i, &v);
			if (!v.known)
				return false;
		}
		return spec->n > 1;
	}
	if (spec->n != 1)
		return false;
	tsn_key_decode(spec, bytes, n, 0, &v); /* a string lies in [bytes] */
	return tsn_dynamic_key_of_value(d, &v, k);
}

enum tsn_dynamic_change
tsn_set_dynamic_add_key(struct tsn_set *s, const struct tsn_key_spec *spec, const uint8_t *key, size_t n, int64_t now,
    int64_t for_ms, const char *reason)
{
	struct key k;

	if (s->dynamic == NULL || !key_of_key(s->dynamic, spec, key, n, &k))
		return TSN_DYNAMIC_WRONG;
	return add(s->dynamic, &k, now, for_ms, reason);
}

bool
tsn_set_dynamic_remove_key(struct tsn_set *s, const struct tsn_key_spec *spec, const uint8_t *key, size_t n)
{
	struct key k;

	return s->dynamic != NULL && key_of_key(s->dynamic, spec, key, n, &k) && take_out(s->dynamic, &k);
}

size_t
tsn_set_dynamic_expire(struct tsn_set *s, int64_t now)
{
	struct tsn_dynamic *d = s->dynamic;
	size_t n = 0;

	while (d != NULL && d->n > 0 && d->member[d->heap[0]].expires <= now && d->member[d->heap[0]].expires != TSN_DYNAMIC_NEVER) {
		tsn_dynamic_drop(d, d->heap[0]);
		n++;
	}
	if (d != NULL)
		d->stats.expired += n;
	return n;
}

int64_t
tsn_set_dynamic_due(const struct tsn_set *s)
{
	const struct tsn_dynamic *d = s->dynamic;

	return d == NULL || d->n == 0 ? TSN_DYNAMIC_NEVER : d->member[d->heap[0]].expires;
}

void
tsn_set_dynamic_stats(const struct tsn_set *s, struct tsn_dynamic_stats *out)
{
	*out = s->dynamic != NULL ? s->dynamic->stats : (struct tsn_dynamic_stats){ 0 };
}

void
tsn_set_dynamic_each(const struct tsn_set *s, void (*visit)(void *arg, const struct tsn_dynamic_member *m), void *arg)
{
	const struct tsn_dynamic *d = s->dynamic;

	for (uint32_t i = d == NULL ? NONE : d->oldest; i != NONE; i = d->member[i].newer) {
		const struct member *m = &d->member[i];
		struct tsn_dynamic_member out = { .kind = d->kind, .added = m->added, .expires = m->expires,
		    .reason = { m->blob + m->key_n, m->reason_n } };

		if (d->kind == TSN_SET_ADDR)
			out.prefix = tsn_dynamic_prefix_of_key((const uint8_t *)m->blob);
		else if (d->kind == TSN_SET_INT)
			memcpy(&out.i, m->blob, sizeof(out.i));
		else
			out.bytes = (struct tsn_str){ m->blob, m->key_n };
		visit(arg, &out);
	}
}

bool
tsn_set_dynamic_take_over(struct tsn_set *to, struct tsn_set *from)
{
	struct tsn_dynamic *d = from->dynamic, *fresh = to->dynamic;
	size_t max;

	if (d == NULL || fresh == NULL || d->kind != fresh->kind || d->shape != fresh->shape)
		return false;
	max = fresh->max;
	fresh->max = d->max;
	d->max = max;
	d->expire_ms = fresh->expire_ms;
	from->dynamic = fresh;
	to->dynamic = d;
	for (; d->n > d->max; d->stats.pushed_out++)
		tsn_dynamic_drop(d, d->heap[0]);
	return true;
}

/* --- saving --- */

void
tsn_set_dynamic_save(const struct tsn_set *s, struct tsn_pack *out)
{
	const struct tsn_dynamic *d = s->dynamic;

	tsn_pack_uint(out, FORM);
	tsn_pack_uint(out, s->kind);
	tsn_pack_uint(out, d == NULL ? 0 : d->shape);
	tsn_pack_uint(out, d == NULL ? 0 : d->n);
	for (uint32_t i = d == NULL ? NONE : d->oldest; i != NONE; i = d->member[i].newer) {
		const struct member *m = &d->member[i];

		tsn_pack_bytes(out, m->blob, m->key_n);
		tsn_pack_int(out, m->added);
		tsn_pack_int(out, m->expires);
		tsn_pack_bytes(out, m->blob + m->key_n, m->reason_n);
	}
}

static bool
is_key(enum tsn_set_kind kind, const uint8_t *p, size_t n)
{
	struct tsn_prefix x;

	if (kind == TSN_SET_INT)
		return n == sizeof(int64_t);
	if (kind != TSN_SET_ADDR)
		return kind != TSN_SET_ANY;
	if (n < 2 || !((p[0] == 4 && n == 6 && p[1] <= 32) || (p[0] == 6 && n == ADDR_KEY && p[1] <= 128)))
		return false;
	x = tsn_dynamic_prefix_of_key(p);
	/* a mapped address would be taken for IPv4 */
	return x.addr.v4 == (p[0] == 4) && tsn_addr_cmp(tsn_addr_mask(x.addr, x.len, x.len), x.addr) == 0;
}

static bool
load(struct tsn_dynamic *d, struct tsn_unpack *in)
{
	uint64_t n;

	if (tsn_unpack_uint(in) != FORM || tsn_unpack_uint(in) != d->kind || tsn_unpack_uint(in) != d->shape)
		return false;
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct key k = { .n = 0 };
		size_t reason_n;
		const uint8_t *reason;
		int64_t added, expires;

		k.p = tsn_unpack_bytes(in, &k.n);
		added = tsn_unpack_int(in);
		expires = tsn_unpack_int(in);
		reason = tsn_unpack_bytes(in, &reason_n);
		if (in->bad || !is_key(d->kind, k.p, k.n) || reason_n > TSN_DYNAMIC_REASON ||
		    tsn_dynamic_insert(d, &k, (const char *)reason, reason_n, added, expires) != TSN_DYNAMIC_ADDED)
			return false;
	}
	return !in->bad;
}

bool
tsn_set_dynamic_load(struct tsn_set *s, struct tsn_unpack *in)
{
	if (s->dynamic == NULL)
		return false;
	tsn_dynamic_clear(s->dynamic);
	if (load(s->dynamic, in))
		return true;
	tsn_dynamic_clear(s->dynamic);
	return false;
}
