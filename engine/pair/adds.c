/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What each row of a batch says about its side: columns in which nothing is unknown, so that adding has no question to ask. */
#include "base/wide.h"
#include "pair/internal.h"

enum { SYN = 0x02, RST = 0x04, ACK = 0x10 };

TSN_WIDE(static, void, fill_up, (uint64_t *restrict out, const uint64_t *v, const uint8_t *there, uint64_t none), (out, v, there, none))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++) {
		const uint64_t has = -(uint64_t)there[i];

		out[i] = (v[i] & has) | (none & ~has);
	}
}

/* The column of a field, with [none] where it is absent. */
static const void *
column(const struct tsn_batch *b, enum tsn_field f, uint64_t *room, uint64_t none)
{
	uint8_t there[TSN_BATCH_ROWS];

	if (tsn_mask_same(&b->present[f], &b->rows))
		return b->col[f];
	tsn_mask_unpack(there, &b->present[f]);
	fill_up(room, b->col[f], there, none);
	return room;
}

TSN_WIDE(static, void, set_bit, (uint16_t *restrict bits, const uint8_t *there, uint16_t bit), (bits, there, bit))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++)
		bits[i] |= (uint16_t)(bit & -there[i]);
}

static void
set_in(uint16_t *bits, const struct tsn_mask *m, uint16_t bit)
{
	uint8_t there[TSN_BATCH_ROWS];

	tsn_mask_unpack(there, m);
	set_bit(bits, there, bit);
}

/* Only TCP has flags (tsn_batch_normalise). Where nobody tells them it may have been a bare RST, but nobody says so. */
TSN_WIDE(static, void, set_flags, (struct adds *restrict a, const uint16_t *flags), (a, flags))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++) {
		const uint16_t all = flags[i], v = a->bits[i] & SIDE_FLAGS ? all : 0;
		const uint16_t answers = (v & ~ACK) == RST ? SIDE_BARE_RST : SIDE_ANSWERS, asks = (v & (SYN | ACK)) == SYN ? SIDE_SYN : 0;

		a->flags[i] = v;
		a->bits[i] |= answers | asks;
	}
}

void
tsn_pair_adds(struct adds *a, const struct tsn_batch *b)
{
	const struct { const struct tsn_mask *m; uint16_t bit; } said[] = {
		{ &b->present[TSN_F_START], SIDE_START }, { &b->present[TSN_F_END], SIDE_END },
		{ &b->present[TSN_F_PACKETS], SIDE_PACKETS }, { &b->present[TSN_F_BYTES], SIDE_BYTES },
		{ &b->present[TSN_F_FLAGS], SIDE_FLAGS },
		{ &b->gives[0], SIDE_GIVES << 0 }, { &b->gives[1], SIDE_GIVES << 1 },
		{ &b->gives[2], SIDE_GIVES << 2 }, { &b->gives[3], SIDE_GIVES << 3 },
	};
	uint16_t all = SIDE_SEEN;
	struct tsn_mask sampled;

	_Static_assert(TSN_GIVES_COUNT == 4, "all that exporters give is listed");
	a->start = column(b, TSN_F_START, a->copy[0], INT64_MAX);
	a->end = column(b, TSN_F_END, a->copy[1], (uint64_t)INT64_MIN);
	a->packets = column(b, TSN_F_PACKETS, a->copy[2], 0);
	a->bytes = column(b, TSN_F_BYTES, a->copy[3], 0);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		all |= tsn_mask_same(said[i].m, &b->rows) ? said[i].bit : 0;
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
		a->bits[i] = all;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (!(all & said[i].bit) && tsn_mask_any(said[i].m))
			set_in(a->bits, said[i].m, said[i].bit);
	tsn_mask_andnot(&sampled, &b->rows, &b->gives[TSN_GIVES_UNSAMPLED]);
	if (tsn_mask_any(&sampled))
		set_in(a->bits, &sampled, SIDE_SAMPLED);
	set_flags(a, b->col[TSN_F_FLAGS]);
}
