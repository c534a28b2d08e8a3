/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/dynamic_members.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* --- keys --- */

void
tsn_dynamic_key_of_prefix(struct key *k, struct tsn_prefix p)
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

struct tsn_prefix
tsn_dynamic_prefix_of_key(const uint8_t *p)
{
	struct tsn_prefix x = { .len = p[1] };

	if (p[0] == 4)
		x.addr = tsn_addr_v4((uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5]);
	else
		x.addr = tsn_addr_from_v6(p + 2);
	return x;
}

void
tsn_dynamic_key_of_int(struct key *k, int64_t v)
{
	memcpy(k->bytes, &v, sizeof(v));
	k->p = k->bytes;
	k->n = sizeof(v);
}

bool
tsn_dynamic_key_of_value(const struct tsn_dynamic *d, const struct tsn_value *v, struct key *k)
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
		tsn_dynamic_key_of_prefix(k, (struct tsn_prefix){ tsn_addr_mask(v->addr, len, len), (uint8_t)len });
		return true;
	case TSN_T_STRING:
		k->p = v->s.n > 0 ? v->s.p : "";
		k->n = v->s.n;
		return d->kind == TSN_SET_STR;
	default:
		tsn_dynamic_key_of_int(k, v->i);
		return d->kind == TSN_SET_INT;
	}
}

/* --- the table --- */

uint32_t
tsn_dynamic_find(const struct tsn_dynamic *d, const void *p, size_t n)
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

void
tsn_dynamic_drop(struct tsn_dynamic *d, uint32_t i)
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

enum tsn_dynamic_change
tsn_dynamic_insert(struct tsn_dynamic *d, const struct key *k, const char *reason, size_t reason_n, int64_t added, int64_t expires)
{
	uint32_t i = tsn_dynamic_find(d, k->p, k->n);
	bool known = i != NONE;
	char *blob;

	if (k->n > UINT32_MAX / 2)
		return TSN_DYNAMIC_WRONG;
	blob = blob_of(k, reason, reason_n, added, expires);
	if (blob != NULL && !known && d->n >= d->max) {
		tsn_dynamic_drop(d, d->heap[0]);
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

void
tsn_dynamic_clear(struct tsn_dynamic *d)
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
