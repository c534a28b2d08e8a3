/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/members.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "state/hll.h"

#define SLOTS_FIRST 4u
#define SLOTS_MAX (2u * TSN_MEMBERS_EXACT)
#define EMPTY UINT8_MAX

/* Open addressing at most three quarters full; members are already mixed. */
struct tsn_members {
	struct tsn_kept kept;
	struct tsn_hll *sketch; /* if set, the rest is unused */
	uint32_t slots, n;
	uint16_t in_lane[TSN_HLL_LANES];
	uint64_t member[]; /* [slots], then a byte a slot: its lane or EMPTY */
};

static inline uint8_t *
lanes_of(const struct tsn_members *m)
{
	return (uint8_t *)(m->member + m->slots);
}

static size_t
size_of(uint32_t slots)
{
	return sizeof(struct tsn_members) + slots * (sizeof(uint64_t) + 1);
}

static struct tsn_members *
new(uint32_t slots, uint64_t *bytes)
{
	struct tsn_members *m = tsn_calloc(1, size_of(slots));

	if (m == NULL)
		return NULL;
	m->slots = slots;
	memset(lanes_of(m), EMPTY, slots);
	*bytes += size_of(slots);
	return m;
}

void
tsn_members_free(struct tsn_members *m, uint64_t *bytes)
{
	if (m == NULL)
		return;
	if (m->sketch != NULL)
		tsn_hll_free(m->sketch, bytes);
	*bytes -= size_of(m->slots);
	tsn_free(m);
}

static uint32_t
find(const struct tsn_members *m, uint64_t member)
{
	const uint8_t *lane = lanes_of(m);
	uint32_t i = (uint32_t)(member >> 20) & (m->slots - 1);

	while (lane[i] != EMPTY && m->member[i] != member)
		i = (i + 1) & (m->slots - 1);
	return i;
}

void
tsn_members_ahead(const struct tsn_members *m, uint64_t member, bool place)
{
	uint32_t i;

	__builtin_prefetch(m, 1);
	if (m == NULL || !place || m->slots == 0)
		return;
	i = (uint32_t)(member >> 20) & (m->slots - 1);
	__builtin_prefetch(&m->member[i], 1);
	__builtin_prefetch(&lanes_of(m)[i], 1);
}

static void
put(struct tsn_members *m, uint32_t slot, uint64_t member, uint32_t lane)
{
	m->member[slot] = member;
	lanes_of(m)[slot] = (uint8_t)lane;
	m->in_lane[lane]++;
	m->n++;
}

/* Makes room for one more, at least doubling. */
static bool
grow(struct tsn_members **m, uint64_t *bytes)
{
	struct tsn_members *old = *m, *more;

	more = new(old == NULL ? SLOTS_FIRST : old->slots * 2, bytes);
	if (more == NULL)
		return false;
	for (uint32_t i = 0; old != NULL && i < old->slots; i++)
		if (lanes_of(old)[i] != EMPTY)
			put(more, find(more, old->member[i]), old->member[i], lanes_of(old)[i]);
	if (old != NULL)
		more->kept = old->kept;
	tsn_members_free(old, bytes);
	*m = more;
	return true;
}

/* From exact to a sketch; the table shrinks to its header. */
static bool
convert(struct tsn_members **m, uint32_t lanes, uint64_t *bytes)
{
	struct tsn_members *old = *m, *next = new(0, bytes);

	if (next == NULL)
		return false;
	next->kept = old->kept;
	next->sketch = tsn_hll_new(lanes, bytes);
	if (next->sketch == NULL)
		goto fail;
	for (uint32_t i = 0; i < old->slots; i++)
		if (lanes_of(old)[i] != EMPTY &&
		    !tsn_hll_add(next->sketch, old->member[i], lanes_of(old)[i], bytes))
			goto fail;
	tsn_members_free(old, bytes);
	*m = next;
	return true;
fail:
	tsn_members_free(next, bytes);
	return false;
}

/* The largest table takes all that may be exact and is half full then. */
static bool
crowded(const struct tsn_members *m)
{
	return m == NULL || (m->slots < SLOTS_MAX && (m->n + 1) * 4 > m->slots * 3);
}

bool
tsn_members_sketched(const struct tsn_members *m)
{
	return m != NULL && m->sketch != NULL;
}

uint64_t
tsn_members_most(uint32_t lanes)
{
	const uint64_t sketch = size_of(0) + tsn_hll_most(lanes), exact = size_of(SLOTS_MAX);

	return sketch > exact ? sketch : exact;
}

uint64_t
tsn_members_wants(const struct tsn_members *m, uint64_t member, uint32_t lane, uint32_t lanes)
{
	if (m != NULL && m->sketch != NULL)
		return tsn_hll_wants(m->sketch, lane);
	if (m != NULL && lanes_of(m)[find(m, member)] != EMPTY)
		return 0;
	if (m != NULL && m->n == TSN_MEMBERS_EXACT)
		return size_of(0) + tsn_hll_most(lanes);
	return !crowded(m) ? 0 : size_of(m == NULL ? SLOTS_FIRST : m->slots * 2);
}

bool
tsn_members_add(struct tsn_members **m, uint64_t member, uint32_t lane, uint32_t newest, uint32_t lanes,
    uint64_t *bytes)
{
	uint32_t slot;
	uint8_t *was;

	if (*m != NULL && (*m)->sketch != NULL)
		return tsn_hll_add((*m)->sketch, member, lane, bytes);
	if (*m != NULL) {
		slot = find(*m, member);
		was = &lanes_of(*m)[slot];
		if (*was != EMPTY) {
			if (((newest - lane) & (lanes - 1)) < ((newest - *was) & (lanes - 1))) {
				(*m)->in_lane[*was]--;
				(*m)->in_lane[lane]++;
				*was = (uint8_t)lane;
			}
			return true;
		}
	}
	if (*m != NULL && (*m)->n == TSN_MEMBERS_EXACT)
		return convert(m, lanes, bytes) && tsn_hll_add((*m)->sketch, member, lane, bytes);
	if (crowded(*m) && !grow(m, bytes))
		return false;
	put(*m, find(*m, member), member, lane);
	return true;
}

/* Takes the members of the lanes in [gone] out and puts the others where they now belong. */
static void
rebuild(struct tsn_members *m, uint32_t gone)
{
	uint64_t member[TSN_MEMBERS_EXACT];
	uint8_t lane[TSN_MEMBERS_EXACT], *was = lanes_of(m);
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->slots; i++) {
		if (was[i] == EMPTY || (gone >> was[i] & 1))
			continue;
		member[n] = m->member[i];
		lane[n++] = was[i];
	}
	memset(was, EMPTY, m->slots);
	memset(m->in_lane, 0, sizeof(m->in_lane));
	m->n = 0;
	for (uint32_t i = 0; i < n; i++)
		put(m, find(m, member[i]), member[i], lane[i]);
}

void
tsn_members_drop(struct tsn_members **m, uint32_t gone, uint64_t *bytes)
{
	bool some = false;

	if (*m == NULL)
		return;
	if ((*m)->sketch != NULL) {
		tsn_hll_drop((*m)->sketch, gone, bytes);
		return;
	}
	for (uint32_t l = 0; l < TSN_HLL_LANES; l++)
		some = some || ((gone >> l & 1) && (*m)->in_lane[l] > 0);
	if (some)
		rebuild(*m, gone);
}

int64_t
tsn_members_count(struct tsn_members *m, uint32_t seen)
{
	int64_t n = 0;

	if (m == NULL)
		return 0;
	if (m->sketch != NULL)
		return tsn_hll_estimate(m->sketch, seen);
	for (; seen != 0; seen &= seen - 1)
		n += m->in_lane[__builtin_ctz(seen)];
	return n;
}

/* --- as bytes: how many, then each with its lane, in order; one more than can be exact is a sketch --- */

struct placed {
	uint64_t member;
	uint8_t lane;
};

static int
by_member(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	return (a->member > b->member) - (a->member < b->member);
}

void
tsn_members_save(const struct tsn_members *m, struct tsn_pack *out)
{
	struct placed v[TSN_MEMBERS_EXACT];
	uint32_t n = 0;

	if (m != NULL && m->sketch != NULL) {
		tsn_pack_uint(out, TSN_MEMBERS_EXACT + 1);
		tsn_hll_save(m->sketch, out);
		return;
	}
	for (uint32_t i = 0; m != NULL && i < m->slots; i++)
		if (lanes_of(m)[i] != EMPTY)
			v[n++] = (struct placed){ m->member[i], lanes_of(m)[i] };
	if (n > 1)
		qsort(v, n, sizeof(*v), by_member);
	tsn_pack_uint(out, n);
	if (n > 0)
		tsn_pack_uint(out, m->slots); /* memory counts (extra_bytes), and must be the same afterwards */
	for (uint32_t i = 0; i < n; i++) {
		tsn_pack_raw(out, &v[i].member, sizeof(v[i].member));
		tsn_pack_uint(out, v[i].lane);
	}
}

static bool
load_sketch(struct tsn_members **m, uint32_t lanes, uint32_t allowed, struct tsn_unpack *in, uint64_t *bytes)
{
	*m = new(0, bytes);
	if (*m == NULL)
		return false;
	(*m)->sketch = tsn_hll_new(lanes, bytes);
	return (*m)->sketch != NULL && tsn_hll_load((*m)->sketch, allowed, in, bytes);
}

bool
tsn_members_load(struct tsn_members **m, uint32_t lanes, uint32_t allowed, struct tsn_unpack *in, uint64_t *bytes)
{
	const uint32_t n = (uint32_t)tsn_unpack_below(in, TSN_MEMBERS_EXACT + 1);
	uint64_t member, last = 0;

	if (n > TSN_MEMBERS_EXACT)
		return load_sketch(m, lanes, allowed, in, bytes);
	if (n > 0) {
		const uint32_t slots = (uint32_t)tsn_unpack_below(in, SLOTS_MAX);

		if (in->bad || slots < SLOTS_FIRST || (slots & (slots - 1)) != 0 || (slots < SLOTS_MAX && n * 4 > slots * 3))
			return false;
		*m = new(slots, bytes);
		if (*m == NULL)
			return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = tsn_unpack_raw(in, sizeof(member));
		const uint32_t lane = (uint32_t)tsn_unpack_below(in, lanes - 1);

		if (in->bad || p == NULL)
			return false;
		memcpy(&member, p, sizeof(member));
		if ((i > 0 && member <= last) || !(allowed >> lane & 1))
			return false;
		last = member;
		if (!tsn_members_add(m, member, lane, lane, lanes, bytes))
			return false;
	}
	return !in->bad;
}
