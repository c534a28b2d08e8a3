/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/totals.h"

int
tsn_groups_by(struct tsn_groups *t, const struct tsn_cli *c, const char *option, const char *text)
{
	struct tsn_columns by;
	char name[TSN_WANTED_TEXT];
	int status = tsn_columns_parse(c, option, text, 0, &by);

	if (status != 0)
		return status;
	if (by.n > TSN_KEY_PARTS)
		return tsn_cli_usage(c, "--%s takes at most %d fields", option, TSN_KEY_PARTS);
	t->spec.n = (uint8_t)by.n;
	memcpy(t->spec.part, by.part, by.n * sizeof(by.part[0]));
	for (uint32_t i = 0; i < by.n; i++)
		if (tsn_fields[by.part[i].field].storage == TSN_F64)
			return tsn_cli_usage(c, "--%s: %s is a real number and makes no group", option,
			    tsn_wanted_name(c->elements, c->nelements, by.part[i].field, name));
	return 0;
}

void
tsn_groups_fini(struct tsn_groups *t)
{
	tsn_free(t->slots);
	tsn_free(t->group);
	tsn_buf_fini(&t->slab);
}

/* --- counting --- */

static bool
grow_slots(struct tsn_groups *t)
{
	size_t n = t->nslots ? t->nslots * 2 : 4096, i, at;
	uint32_t *slots = tsn_calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (i = 0; i < t->n; i++) {
		for (at = t->group[i].hash & (n - 1); slots[at] != 0; at = (at + 1) & (n - 1))
			;
		slots[at] = (uint32_t)i + 1;
	}
	tsn_free(t->slots);
	t->slots = slots;
	t->nslots = n;
	return true;
}

/* The group of a key, made if it is new; NULL when memory is out. */
static struct tsn_group *
find_group(struct tsn_groups *t, const struct tsn_group_row *k)
{
	struct tsn_group *g;
	size_t at;

	if ((t->n + 1) * 2 > t->nslots && !grow_slots(t))
		return NULL;
	for (at = k->hash & (t->nslots - 1); t->slots[at] != 0; at = (at + 1) & (t->nslots - 1)) {
		g = &t->group[t->slots[at] - 1];
		if (g->hash == k->hash && g->len == k->len && memcmp(t->slab.p + g->key, k->key, k->len) == 0)
			return g;
	}
	g = tsn_grow(t->group, t->n, &t->cap, sizeof(*g));
	if (g == NULL)
		return NULL;
	t->group = g;
	g = &t->group[t->n];
	*g = (struct tsn_group){ .hash = k->hash, .key = t->slab.len, .len = k->len, .start = TSN_TIME_NONE, .end = TSN_TIME_NONE };
	tsn_buf_add(&t->slab, k->key, k->len);
	if (t->slab.failed || t->n + 1 >= UINT32_MAX)
		return NULL;
	t->slots[at] = (uint32_t)++t->n;
	return g;
}

/*
 * Slot, group and key lie in three places; the first guess is mostly the one. Always inlined: a function without effects that
 * compilers know is left out.
 */
static inline __attribute__((always_inline)) void
fetch_ahead(const struct tsn_groups *t)
{
	uint32_t i, guess[TSN_GROUPS_BLOCK];

	if (t->nslots == 0)
		return;
	for (i = 0; i < t->waiting; i++)
		__builtin_prefetch(&t->slots[t->block[i].hash & (t->nslots - 1)], 1);
	for (i = 0; i < t->waiting; i++)
		if ((guess[i] = t->slots[t->block[i].hash & (t->nslots - 1)]) != 0)
			__builtin_prefetch(&t->group[guess[i] - 1], 1);
	for (i = 0; i < t->waiting; i++)
		if (guess[i] != 0)
			__builtin_prefetch(t->slab.p + t->group[guess[i] - 1].key);
}

static void
add_times(struct tsn_group *g, const struct tsn_group_row *k)
{
	if (k->start != TSN_TIME_NONE && (g->start == TSN_TIME_NONE || k->start < g->start))
		g->start = k->start;
	if (k->end > g->end) /* none is the least */
		g->end = k->end;
	g->flags |= k->flags;
	g->flags_known |= k->flags_known;
}

static void
add_block(struct tsn_groups *t)
{
	fetch_ahead(t);
	for (uint32_t i = 0; i < t->waiting && !t->no_memory; i++) {
		struct tsn_group *g = find_group(t, &t->block[i]);

		if (g == NULL) {
			t->no_memory = true;
			break;
		}
		g->flows++;
		g->packets += t->block[i].packets;
		g->bytes += t->block[i].bytes;
		if (t->times)
			add_times(g, &t->block[i]);
	}
	t->waiting = 0;
}

static void
read_row(const struct tsn_groups *t, const struct tsn_batch *b, uint32_t row, struct tsn_group_row *k)
{
	k->packets = tsn_row_counter(b, TSN_F_PACKETS, row);
	k->bytes = tsn_row_counter(b, TSN_F_BYTES, row);
	k->len = (uint32_t)(t->loose ? tsn_key_encode_loose(&t->spec, b, row, k->key) : tsn_key_encode(&t->spec, b, row, k->key));
	k->hash = tsn_hash_bytes(k->key, k->len, 0);
	if (!t->times)
		return;
	k->start = tsn_row_moment(b, TSN_F_START, row);
	k->end = tsn_row_moment(b, TSN_F_END, row);
	k->flags_known = tsn_mask_has(&b->present[TSN_F_FLAGS], row);
	k->flags = k->flags_known ? ((const uint16_t *)b->col[TSN_F_FLAGS])[row] : 0;
}

void
tsn_groups_reads(const struct tsn_groups *t, struct tsn_field_set *reads)
{
	for (uint8_t i = 0; i < t->spec.n; i++)
		tsn_field_set_add(reads, t->spec.part[i].field);
	tsn_field_set_add(reads, TSN_F_PACKETS);
	tsn_field_set_add(reads, TSN_F_BYTES);
	if (!t->times)
		return;
	tsn_field_set_add(reads, TSN_F_START);
	tsn_field_set_add(reads, TSN_F_END);
	tsn_field_set_add(reads, TSN_F_FLAGS);
}

void
tsn_groups_add(struct tsn_groups *t, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct tsn_field_set needed = { 0 };
	struct tsn_mask keyed;

	tsn_groups_reads(t, &needed);
	tsn_batch_derive(b, &needed);
	if (!t->loose)
		tsn_key_present(&t->spec, b, &keyed);
	TSN_EACH_ROW(row, rows) {
		if (!t->loose && !tsn_mask_has(&keyed, row)) {
			t->keyless++;
		} else {
			read_row(t, b, row, &t->block[t->waiting]);
			if (++t->waiting == TSN_GROUPS_BLOCK)
				add_block(t);
		}
	}
	add_block(t);
}

/* --- what a group has --- */

static int
key_part(const struct tsn_groups *t, unsigned field)
{
	for (int i = 0; i < t->spec.n; i++)
		if (t->spec.part[i].field == field)
			return i;
	return -1;
}

bool
tsn_groups_knows(const struct tsn_groups *t, unsigned field)
{
	switch (field) {
	case TSN_COLUMN_FLOWS:
	case TSN_F_PACKETS:
	case TSN_F_BYTES:
	case TSN_F_START:
	case TSN_F_END:
	case TSN_F_DURATION:
	case TSN_F_FLAGS:
	case TSN_F_BPS:
	case TSN_F_PPS:
	case TSN_F_BYTES_PER_PACKET:
		return true;
	default:
		return key_part(t, field) >= 0;
	}
}

static void
get_ratio(struct tsn_value *out, double part, double whole)
{
	out->known = whole > 0;
	out->f = whole > 0 ? part / whole : 0;
}

void
tsn_groups_get(const struct tsn_groups *t, const struct tsn_group *g, unsigned field, struct tsn_value *out)
{
	bool both = g->start != TSN_TIME_NONE && g->end != TSN_TIME_NONE;
	double seconds = both ? (double)(g->end - g->start) / TSN_SECOND : 0;
	int key = key_part(t, field);

	if (key >= 0) {
		tsn_key_decode(&t->spec, (const uint8_t *)t->slab.p + g->key, g->len, (unsigned)key, out);
		return;
	}
	*out = (struct tsn_value){ .type = field < TSN_FIELD_COUNT ? tsn_fields[field].type : TSN_T_INT, .known = true };
	switch (field) {
	case TSN_COLUMN_FLOWS:       out->i = (int64_t)g->flows; break;
	case TSN_F_PACKETS:          out->i = (int64_t)g->packets; break;
	case TSN_F_BYTES:            out->i = (int64_t)g->bytes; break;
	case TSN_F_START:            out->i = g->start; out->known = g->start != TSN_TIME_NONE; break;
	case TSN_F_END:              out->i = g->end; out->known = g->end != TSN_TIME_NONE; break;
	case TSN_F_DURATION:         out->i = both ? g->end - g->start : 0; out->known = both; break;
	case TSN_F_FLAGS:            out->i = g->flags; out->known = g->flags_known; break;
	case TSN_F_BPS:              get_ratio(out, (double)g->bytes * 8, seconds); break;
	case TSN_F_PPS:              get_ratio(out, (double)g->packets, seconds); break;
	case TSN_F_BYTES_PER_PACKET: get_ratio(out, (double)g->bytes, (double)g->packets); break;
	default:                     out->known = false; break;
	}
}

/* --- order --- */

static int
compare_text(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int d = n > 0 ? memcmp(a, b, n) : 0;

	return d != 0 ? d : (na > nb) - (na < nb);
}

static int
compare_values(const struct tsn_value *a, const struct tsn_value *b, unsigned f)
{
	switch (a->type) {
	case TSN_T_ADDR:
		return tsn_addr_cmp(a->addr, b->addr);
	case TSN_T_STRING:
		return compare_text(a->s.p, a->s.n, b->s.p, b->s.n);
	case TSN_T_REAL:
		return (a->f > b->f) - (a->f < b->f);
	default:
		break;
	}
	if (f >= TSN_FIELD_COUNT || tsn_fields[f].storage == TSN_U64)
		return ((uint64_t)a->i > (uint64_t)b->i) - ((uint64_t)a->i < (uint64_t)b->i);
	return (a->i > b->i) - (a->i < b->i);
}

/* One of the orders; absent values stand last either way. */
static int
compare_by(const struct tsn_groups *t, uint32_t i, const struct tsn_group *x, const struct tsn_group *y)
{
	unsigned field = t->sorts->part[i].field;
	struct tsn_value a, b;
	int d;

	tsn_groups_get(t, x, field, &a);
	tsn_groups_get(t, y, field, &b);
	if (!a.known || !b.known)
		return (int)b.known - (int)a.known;
	d = compare_values(&a, &b, field);
	return t->sorts->down[i] ? -d : d;
}

static int
later(const void *a, const void *b, void *arg)
{
	const struct tsn_groups *t = arg;
	const struct tsn_group *x = a, *y = b;
	int d = 0;

	for (uint32_t i = 0; i < t->sorts->n && d == 0; i++)
		d = compare_by(t, i, x, y);
	return d != 0 ? d : compare_text(t->slab.p + x->key, x->len, t->slab.p + y->key, y->len);
}

/* In a heap every entry stands after the two below it, in the order of later; lets one sink to its place. */
static void
sink(struct tsn_groups *t, size_t n, size_t at)
{
	struct tsn_group *g = t->group, moved = g[at];
	size_t below;

	while ((below = 2 * at + 1) < n) {
		if (below + 1 < n && later(&g[below + 1], &g[below], t) > 0)
			below++;
		if (later(&moved, &g[below], t) > 0)
			break;
		g[at] = g[below];
		at = below;
	}
	g[at] = moved;
}

/* Sorting all of a million for ten would take longer than reading them. */
void
tsn_groups_sort(struct tsn_groups *t, const struct tsn_sorts *sorts, size_t most)
{
	struct tsn_group *g = t->group, first;

	t->sorts = sorts;
	for (size_t i = most / 2; most < t->n && i > 0; i--)
		sink(t, most, i - 1);
	for (size_t i = most; most > 0 && i < t->n; i++) {
		if (later(&g[i], &g[0], t) > 0)
			continue;
		first = g[0];
		g[0] = g[i];
		g[i] = first;
		sink(t, most, 0);
	}
	if (most > 0 && t->n > 0)
		qsort_r(g, most < t->n ? most : t->n, sizeof(*g), later, t);
}
