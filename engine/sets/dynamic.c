/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Members lie in one array, found by chains of a hash table, ordered by a heap for who leaves next and by a list for who
 * came first. Whatever the hash, what a set holds depends only on what was done to it.
 */
#include "sets/dynamic.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "sets/members.h"

#define NONE UINT32_MAX
#define FORM 1 /* of saved members */
#define ADDR_KEY 18 /* family, length, address */

struct member {
	uint64_t hash, seq;    /* seq: when it was first added, as a number */
	int64_t added, expires;
	uint32_t chain;        /* next of its bucket; of a free one, the next free one */
	uint32_t heap;         /* its place there */
	uint32_t older, newer; /* by seq */
	uint32_t key_n, reason_n;
	char *blob;            /* key, then reason, time added, time it expires, each with a NUL */
};

struct tsn_dynamic {
	enum tsn_set_kind kind;
	uint64_t shape;
	int64_t expire_ms;
	size_t max;
	struct member *member;
	uint32_t n, used, cap; /* members; places used so far, free ones included; places there are */
	uint32_t free, oldest, newest;
	uint32_t *bucket, nbuckets;
	uint32_t *heap;
	uint64_t next_seq;
	uint32_t of_length[2][129]; /* [v6][length]: members that are prefixes of it */
	struct tsn_dynamic_stats stats;
};

/* --- keys --- */

struct key {
	uint8_t bytes[ADDR_KEY];
	const void *p;
	size_t n;
};

static void
key_of_prefix(struct key *k, struct tsn_prefix p)
{
	uint8_t six[16];

	k->bytes[0] = p.addr.v4 ? 4 : 6;
	k->bytes[1] = p.len;
	if (p.addr.v4) {
		for (int i = 0; i < 4; i++)
			k->bytes[2 + i] = (uint8_t)(p.addr.lo >> (24 - 8 * i));
	} else {
		tsn_addr_to_v6(p.addr, six);
		memcpy(k->bytes + 2, six, sizeof(six));
	}
	k->p = k->bytes;
	k->n = p.addr.v4 ? 6 : ADDR_KEY;
}

static struct tsn_prefix
prefix_of_key(const uint8_t *p)
{
	struct tsn_prefix x = { .len = p[1] };

	if (p[0] == 4)
		x.addr = tsn_addr_v4((uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5]);
	else
		x.addr = tsn_addr_from_v6(p + 2);
	return x;
}

static void
key_of_int(struct key *k, int64_t v)
{
	memcpy(k->bytes, &v, sizeof(v));
	k->p = k->bytes;
	k->n = sizeof(v);
}

/* False: the value is absent, or of another kind than the set's members. */
static bool
key_of_value(const struct tsn_dynamic *d, const struct tsn_value *v, struct key *k)
{
	unsigned len;

	if (!v->known || v->type == TSN_T_REAL)
		return false;
	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_PREFIX:
		len = v->addr.v4 ? v->v4_bits : v->v6_bits;
		if (d->kind != TSN_SET_ADDR || len > (v->addr.v4 ? 32 : 128))
			return false;
		key_of_prefix(k, (struct tsn_prefix){ tsn_addr_mask(v->addr, len, len), (uint8_t)len });
		return true;
	case TSN_T_STRING:
		k->p = v->s.n > 0 ? v->s.p : "";
		k->n = v->s.n;
		return d->kind == TSN_SET_STR;
	default:
		key_of_int(k, v->i);
		return d->kind == TSN_SET_INT;
	}
}

/* --- the table --- */

static uint32_t
find(const struct tsn_dynamic *d, const void *p, size_t n)
{
	uint64_t h;

	if (d->n == 0)
		return NONE;
	h = tsn_hash_bytes(p, n, d->shape);
	for (uint32_t i = d->bucket[h & (d->nbuckets - 1)]; i != NONE; i = d->member[i].chain)
		if (d->member[i].hash == h && d->member[i].key_n == n && memcmp(d->member[i].blob, p, n) == 0)
			return i;
	return NONE;
}

static void
chain(struct tsn_dynamic *d, uint32_t i)
{
	uint32_t *head = &d->bucket[d->member[i].hash & (d->nbuckets - 1)];

	d->member[i].chain = *head;
	*head = i;
}

static void
unchain(struct tsn_dynamic *d, uint32_t i)
{
	uint32_t *at = &d->bucket[d->member[i].hash & (d->nbuckets - 1)];

	while (*at != i)
		at = &d->member[*at].chain;
	*at = d->member[i].chain;
}

/* Room for one more member in the array, the heap and the table. */
static bool
reserve(struct tsn_dynamic *d)
{
	uint32_t cap = d->cap == 0 ? 16 : d->cap * 2, *heap, *bucket;
	struct member *m;

	if (d->free != NONE || d->used < d->cap)
		return true;
	m = tsn_reallocarray(d->member, cap, sizeof(*m));
	if (m == NULL)
		return false;
	d->member = m;
	heap = tsn_reallocarray(d->heap, cap, sizeof(*heap));
	if (heap == NULL)
		return false;
	d->heap = heap;
	bucket = tsn_reallocarray(NULL, cap, sizeof(*bucket));
	if (bucket == NULL)
		return false;
	tsn_free(d->bucket);
	d->bucket = bucket;
	d->nbuckets = cap;
	d->cap = cap;
	memset(bucket, 0xff, cap * sizeof(*bucket)); /* NONE */
	for (uint32_t i = d->oldest; i != NONE; i = d->member[i].newer)
		chain(d, i);
	return true;
}

/* --- who leaves next --- */

static bool
before(const struct tsn_dynamic *d, uint32_t a, uint32_t b)
{
	const struct member *x = &d->member[a], *y = &d->member[b];

	return x->expires != y->expires ? x->expires < y->expires : x->seq < y->seq;
}

static void
put(struct tsn_dynamic *d, uint32_t at, uint32_t i)
{
	d->heap[at] = i;
	d->member[i].heap = at;
}

/* Moves what stands at [at] of the first [n] to where it belongs. */
static void
settle(struct tsn_dynamic *d, uint32_t n, uint32_t at)
{
	uint32_t i = d->heap[at], kid;

	for (; at > 0 && before(d, i, d->heap[(at - 1) / 2]); at = (at - 1) / 2)
		put(d, at, d->heap[(at - 1) / 2]);
	for (; (kid = 2 * at + 1) < n; at = kid) {
		if (kid + 1 < n && before(d, d->heap[kid + 1], d->heap[kid]))
			kid++;
		if (!before(d, d->heap[kid], i))
			break;
		put(d, at, d->heap[kid]);
	}
	put(d, at, i);
}

/* --- members --- */

static void
count_length(struct tsn_dynamic *d, uint32_t i, int by)
{
	const uint8_t *key = (const uint8_t *)d->member[i].blob;

	if (d->kind == TSN_SET_ADDR)
		d->of_length[key[0] == 6][key[1]] += (uint32_t)by;
}

static void
drop(struct tsn_dynamic *d, uint32_t i)
{
	struct member *m = &d->member[i];
	uint32_t at = m->heap;

	count_length(d, i, -1);
	unchain(d, i);
	d->n--;
	if (at != d->n) {
		put(d, at, d->heap[d->n]);
		settle(d, d->n, at);
	}
	if (m->older != NONE)
		d->member[m->older].newer = m->newer;
	else
		d->oldest = m->newer;
	if (m->newer != NONE)
		d->member[m->newer].older = m->older;
	else
		d->newest = m->older;
	tsn_free(m->blob);
	m->blob = NULL;
	m->chain = d->free;
	d->free = i;
}

/* Key, reason and both times as text; NULL when memory is out. */
static char *
blob_of(const struct key *k, const char *reason, size_t reason_n, int64_t added, int64_t expires)
{
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT] = "never";
	size_t a, b;
	char *blob;

	tsn_time_text(added, from);
	if (expires != TSN_DYNAMIC_NEVER)
		tsn_time_text(expires, to);
	a = strlen(from) + 1;
	b = strlen(to) + 1;
	blob = tsn_malloc(k->n + reason_n + 1 + a + b);
	if (blob == NULL)
		return NULL;
	memcpy(blob, k->p, k->n);
	memcpy(blob + k->n, reason, reason_n);
	blob[k->n + reason_n] = '\0';
	memcpy(blob + k->n + reason_n + 1, from, a);
	memcpy(blob + k->n + reason_n + 1 + a, to, b);
	return blob;
}

static void
append(struct tsn_dynamic *d, uint32_t i)
{
	struct member *m = &d->member[i];

	m->seq = d->next_seq++;
	m->older = d->newest;
	m->newer = NONE;
	if (d->newest != NONE)
		d->member[d->newest].newer = i;
	else
		d->oldest = i;
	d->newest = i;
	chain(d, i);
	d->heap[d->n] = i;
	m->heap = d->n++;
	count_length(d, i, 1);
}

static enum tsn_dynamic_change
insert(struct tsn_dynamic *d, const struct key *k, const char *reason, size_t reason_n, int64_t added, int64_t expires)
{
	uint32_t i = find(d, k->p, k->n);
	bool known = i != NONE;
	char *blob;

	if (k->n > UINT32_MAX / 2)
		return TSN_DYNAMIC_WRONG;
	blob = blob_of(k, reason, reason_n, added, expires);
	if (blob != NULL && !known && d->n >= d->max) {
		drop(d, d->heap[0]);
		d->stats.pushed_out++;
	}
	if (blob == NULL || (!known && !reserve(d))) {
		tsn_free(blob);
		d->stats.lost++;
		return TSN_DYNAMIC_LOST;
	}
	if (!known) {
		i = d->free != NONE ? d->free : d->used++;
		if (i == d->free)
			d->free = d->member[i].chain;
		d->member[i] = (struct member){ .hash = tsn_hash_bytes(k->p, k->n, d->shape), .key_n = (uint32_t)k->n };
	} else {
		tsn_free(d->member[i].blob);
	}
	d->member[i].blob = blob;
	d->member[i].reason_n = (uint32_t)reason_n;
	d->member[i].added = added;
	d->member[i].expires = expires;
	if (!known)
		append(d, i);
	settle(d, d->n, d->member[i].heap);
	return known ? TSN_DYNAMIC_RENEWED : TSN_DYNAMIC_ADDED;
}

static void
clear(struct tsn_dynamic *d)
{
	for (uint32_t i = d->oldest; i != NONE; i = d->member[i].newer)
		tsn_free(d->member[i].blob);
	tsn_free(d->member);
	tsn_free(d->bucket);
	tsn_free(d->heap);
	d->member = NULL;
	d->bucket = d->heap = NULL;
	d->n = d->used = d->cap = d->nbuckets = 0;
	d->free = d->oldest = d->newest = NONE;
	memset(d->of_length, 0, sizeof(d->of_length));
}

/* --- what a set asks (members.h) --- */

void
tsn_dynamic_free(struct tsn_dynamic *d)
{
	if (d != NULL)
		clear(d);
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
		key_of_prefix(&k, (struct tsn_prefix){ tsn_addr_mask(a, (unsigned)len, (unsigned)len), (uint8_t)len });
		i = find(d, k.p, k.n);
		if (i != NONE)
			return i;
	}
	return TSN_SET_NO_ROW;
}

uint32_t
tsn_dynamic_find_int(const struct tsn_dynamic *d, int64_t v)
{
	struct key k;

	key_of_int(&k, v);
	return find(d, k.p, k.n);
}

uint32_t
tsn_dynamic_find_bytes(const struct tsn_dynamic *d, const void *p, size_t n)
{
	return find(d, p, n);
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
	change = insert(d, k, reason == NULL ? "" : reason, n, now, expires);
	d->stats.added += change == TSN_DYNAMIC_ADDED;
	d->stats.renewed += change == TSN_DYNAMIC_RENEWED;
	return change;
}

static bool
take_out(struct tsn_dynamic *d, const struct key *k)
{
	uint32_t i = find(d, k->p, k->n);

	if (i == NONE)
		return false;
	drop(d, i);
	d->stats.removed++;
	return true;
}

enum tsn_dynamic_change
tsn_set_dynamic_add(struct tsn_set *s, const struct tsn_value *v, int64_t now, int64_t for_ms, const char *reason)
{
	struct key k;

	if (s->dynamic == NULL || !key_of_value(s->dynamic, v, &k))
		return TSN_DYNAMIC_WRONG;
	return add(s->dynamic, &k, now, for_ms, reason);
}

bool
tsn_set_dynamic_remove(struct tsn_set *s, const struct tsn_value *v)
{
	struct key k;

	return s->dynamic != NULL && key_of_value(s->dynamic, v, &k) && take_out(s->dynamic, &k);
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
	return key_of_value(d, &v, k);
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
		drop(d, d->heap[0]);
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
			out.prefix = prefix_of_key((const uint8_t *)m->blob);
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
		drop(d, d->heap[0]);
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
	x = prefix_of_key(p);
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
		    insert(d, &k, (const char *)reason, reason_n, added, expires) != TSN_DYNAMIC_ADDED)
			return false;
	}
	return !in->bad;
}

bool
tsn_set_dynamic_load(struct tsn_set *s, struct tsn_unpack *in)
{
	if (s->dynamic == NULL)
		return false;
	clear(s->dynamic);
	if (load(s->dynamic, in))
		return true;
	clear(s->dynamic);
	return false;
}
