/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/peaks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static bool
same(const struct tsn_peaks *p, const struct tsn_peak *a, const uint8_t *key, uint32_t len, uint64_t hash)
{
	return a->hash == hash && a->len == len && memcmp(p->slab.p + a->key, key, len) == 0;
}

static bool
more_slots(struct tsn_peaks *p)
{
	size_t n = p->nslots == 0 ? 256 : p->nslots * 2;
	uint32_t *slot;

	if (p->n * 2 < p->nslots)
		return true;
	slot = tsn_calloc(n, sizeof(*slot));
	if (slot == NULL)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		size_t at = p->v[i].hash & (n - 1);

		while (slot[at] != 0)
			at = (at + 1) & (n - 1);
		slot[at] = (uint32_t)i + 1;
	}
	tsn_free(p->slot);
	p->slot = slot;
	p->nslots = n;
	return true;
}

static struct tsn_peak *
enter(struct tsn_peaks *p, size_t at, const uint8_t *key, uint32_t len, uint64_t hash)
{
	size_t cap = p->cap == 0 ? 128 : p->cap * 2;
	struct tsn_peak *v = p->v;

	if (p->n == TSN_PEAKS_MAX)
		return NULL;
	if (p->n == p->cap) {
		v = tsn_reallocarray(p->v, cap, sizeof(*v));
		if (v == NULL)
			return NULL;
		p->v = v;
		p->cap = cap;
	}
	v[p->n] = (struct tsn_peak){ .key = p->slab.len, .len = len, .hash = hash };
	tsn_buf_add(&p->slab, key, len);
	if (p->slab.failed)
		return NULL;
	p->slot[at] = (uint32_t)++p->n;
	return &v[p->n - 1];
}

static struct tsn_peak *
find(struct tsn_peaks *p, const uint8_t *key, uint32_t len)
{
	const uint64_t hash = tsn_hash_bytes(key, len, 0);
	size_t at;

	if (p->slab.failed || !more_slots(p))
		return NULL;
	for (at = hash & (p->nslots - 1); p->slot[at] != 0; at = (at + 1) & (p->nslots - 1))
		if (same(p, &p->v[p->slot[at] - 1], key, len, hash))
			return &p->v[p->slot[at] - 1];
	return enter(p, at, key, len, hash);
}

void
tsn_peaks_add(struct tsn_peaks *p, const uint8_t *key, uint32_t len, double margin, double value, double threshold, int64_t time)
{
	struct tsn_peak *x = find(p, key, len);

	if (x == NULL) {
		p->left_out++;
		return;
	}
	if (x->flows++ > 0 && margin <= x->margin)
		return;
	x->margin = margin;
	x->value = value;
	x->threshold = threshold;
	x->time = time;
}

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct tsn_peak *a = pa, *b = pb;
	const struct tsn_peaks *p = arg;
	int c;

	if (a->margin != b->margin)
		return a->margin > b->margin ? -1 : 1;
	c = memcmp(p->slab.p + a->key, p->slab.p + b->key, a->len < b->len ? a->len : b->len);
	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

void
tsn_peaks_sort(struct tsn_peaks *p)
{
	if (p->n > 1)
		qsort_r(p->v, p->n, sizeof(*p->v), compare, p);
}

void
tsn_peaks_fini(struct tsn_peaks *p)
{
	tsn_free(p->v);
	tsn_free(p->slot);
	tsn_buf_fini(&p->slab);
}
