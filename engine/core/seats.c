/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/seats.h"

#include "base/mem.h"
#include "core/items.h"
#include "flow/share.h"

static bool
make_seats(struct tsn_seats *s, double cost)
{
	s->seat = tsn_aligned_alloc(64, s->nlanes * sizeof(*s->seat));
	if (s->seat == NULL)
		return false;
	for (uint32_t i = 0; i < s->nlanes; i++) {
		atomic_init(&s->seat[i].busy, false);
		atomic_init(&s->seat[i].done, 0);
		atomic_init(&s->seat[i].watch_due, INT64_MAX);
		atomic_init(&s->seat[i].cost, (uint64_t)(cost * TSN_BATCH_ROWS) / s->nlanes);
		atomic_init(&s->seat[i].by, 0);
	}
	for (uint32_t i = 0; i < TSN_CREW_ITEMS; i++)
		if ((s->records[i] = tsn_calloc(s->nlanes, sizeof(*s->records[i]))) == NULL ||
		    (s->share[i] = tsn_calloc(s->nlanes, sizeof(struct tsn_share *))) == NULL ||
		    (s->looked[i] = tsn_calloc(s->nlanes, sizeof(*s->looked[i]))) == NULL)
			return false;
	return true;
}

struct tsn_seats *
tsn_seats_new(struct tsn_lane *lane, uint32_t nlanes, double cost, struct tsn_alerts *to)
{
	struct tsn_seats *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->lane = lane;
	s->nlanes = nlanes;
	s->to = to;
	if (make_seats(s, cost))
		return s;
	tsn_seats_free(s);
	return NULL;
}

bool
tsn_seats_share(struct tsn_seats *s)
{
	for (uint32_t i = 0; i < TSN_CREW_ITEMS; i++)
		for (uint32_t k = 0; k < s->nlanes; k++)
			if (s->lane[k].nshards > 1 && (s->share[i][k] = tsn_lane_share_new(&s->lane[k], true)) == NULL)
				return false;
	return true;
}

void
tsn_seats_free(struct tsn_seats *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < TSN_CREW_ITEMS; i++) {
		tsn_free(s->records[i]);
		for (uint32_t k = 0; s->share[i] != NULL && k < s->nlanes; k++)
			tsn_share_free(s->share[i][k]);
		tsn_free(s->share[i]);
		tsn_free(s->looked[i]);
	}
	tsn_free(s->seat);
	tsn_free(s);
}
