/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A cell of a sliding count: sixteen panes of 8 bits behind a head whose low 20 bits are their sum. All lanes outside the
 * window are 0, so that the sum is enough. A group whose pane would pass 255 gets a wide cell beside the array (the
 * head's sum is then TSN_IS_WIDE, which no sum reaches, and the first lanes hold its index) until its window empties.
 */
#ifndef TSN_STATE_NARROW_H
#define TSN_STATE_NARROW_H

#include "state/internal.h"
#include "state/ring.h"

#define TSN_LANES 16u
#define TSN_SUM_MASK ((UINT64_C(1) << TSN_HEAD_BITS) - 1)
#define TSN_IS_WIDE TSN_SUM_MASK
#define TSN_WARM 192u /* a lane that may pass 8 bits with few rows more: both of its highest bits are set */
#define TSN_NEAR_WARM 160u /* may get warm with TSN_WARM - TSN_NEAR_WARM rows more */

struct tsn_narrow {
	uint64_t head;
	uint8_t lane[TSN_LANES];
};

struct tsn_wide {
	uint64_t sum;
	uint64_t lane[TSN_LANES];
};

/*
 * Rings, each four times in a line of the cache, so that 16 bytes from any place of the first three go round.
 * [left]: what is left when the last d lanes leave, d from -16 on, below 0 nothing; [one]: 1 in the last lane, and d lanes before it, 0 elsewhere.
 */
struct tsn_rings {
	uint8_t left[2 * TSN_LANES + 1][4 * TSN_LANES];
	uint8_t one[TSN_LANES + 1][4 * TSN_LANES];
};
extern const struct tsn_rings tsn_rings;

static inline const uint8_t *
tsn_lanes_leave(uint32_t first, uint32_t d)
{
	return &tsn_rings.left[TSN_LANES + d][-(first + d) & (TSN_LANES - 1)];
}

static inline const uint8_t *
tsn_lanes_one(uint32_t lane)
{
	return &tsn_rings.one[0][TSN_LANES - 1 - lane];
}

/* Not 0 if any lane is TSN_WARM or more. */
static inline uint64_t
tsn_lanes_warm(const uint64_t half[2])
{
	return ((half[0] & half[0] << 1) | (half[1] & half[1] << 1)) & UINT64_C(0x8080808080808080);
}

/* Of lanes that are all below 256: as many as a word has bytes. */
static inline uint64_t
tsn_lanes_sum(const uint64_t half[2])
{
	const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t sum = 0;

	for (int i = 0; i < 2; i++)
		sum += (half[i] & even) + (half[i] >> 8 & even);
	return sum * UINT64_C(0x0001000100010001) >> 48;
}

/* cells_count.c: a row that counts, and one that looks; what they see. */
int64_t tsn_narrow_add(struct tsn_counts *c, struct tsn_narrow *cell, uint64_t pane, uint32_t keep, struct tsn_mask *late, uint32_t row);
int64_t tsn_narrow_peek(const struct tsn_counts *c, const struct tsn_narrow *cell, uint64_t pane, uint32_t keep);
/* Gives back what the cell has beside it. */
void tsn_narrow_reset(struct tsn_counts *c, const struct tsn_narrow *cell);
void tsn_narrow_save(const struct tsn_counts *c, const struct tsn_narrow *cell, struct tsn_pack *out);
bool tsn_narrow_load(struct tsn_agg *a, struct tsn_narrow *cell, struct tsn_unpack *in);

#endif
