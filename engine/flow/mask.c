/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/mask.h"

#include "base/wide.h"

/*
 * Eight 0/1 bytes become eight bits by one multiplication: the constant moves
 * byte k's bit to position 56 + k, where no two meet.
 */
TSN_WIDE(, void, tsn_mask_pack, (struct tsn_mask *m, const uint8_t *bytes), (m, bytes))
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

/* Wide for the CPU's own way of counting bits. */
TSN_WIDE(, uint32_t, tsn_mask_count, (const struct tsn_mask *m), (m))
{
	uint32_t n = 0;

	for (int i = 0; i < TSN_MASK_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(m->w[i]);
	return n;
}

TSN_WIDE(, uint32_t, tsn_mask_list, (const struct tsn_mask *m, uint16_t *out), (m, out))
{
	uint32_t n = 0;

	TSN_EACH_ROW(row, m)
		out[n++] = (uint16_t)row;
	return n;
}
