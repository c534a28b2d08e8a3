/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/mask.h"

void
tsn_mask_set_range(struct tsn_mask *m, uint32_t from, uint32_t count)
{
	struct tsn_mask upto, before;

	tsn_mask_first(&upto, from + count);
	tsn_mask_first(&before, from);
	for (int i = 0; i < TSN_MASK_WORDS; i++)
		m->w[i] |= upto.w[i] & ~before.w[i];
}

/*
 * Eight 0/1 bytes become eight bits by one multiplication: the constant moves
 * byte k's bit to position 56 + k, where no two meet.
 */
void
tsn_mask_pack(struct tsn_mask *m, const uint8_t *bytes)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++) {
		uint64_t word = 0;

		for (int j = 0; j < 8; j++) {
			uint64_t eight;

			memcpy(&eight, bytes + i * 64 + j * 8, 8);
			word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (j * 8);
		}
		m->w[i] = word;
	}
}
