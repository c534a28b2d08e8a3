/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/mask.h"

#include "base/wide.h"

#if TSN_CPU_X86
#include <immintrin.h>

TSN_CPU_TARGET_AVX512 static void
pack_avx512(struct tsn_mask *m, const uint8_t *bytes)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++) {
		__m512i v = _mm512_loadu_si512(bytes + i * 64);

		m->w[i] = _mm512_test_epi8_mask(v, v);
	}
}

/* An instruction takes the highest bits of 16 bytes; the shift brings the lowest ones there. */
static void
pack_any(struct tsn_mask *m, const uint8_t *bytes)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++) {
		uint64_t word = 0;

		for (int j = 0; j < 4; j++) {
			__m128i v = _mm_loadu_si128((const __m128i *)(bytes + i * 64 + j * 16));

			word |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(v, 7)) << (j * 16);
		}
		m->w[i] = word;
	}
}

void
tsn_mask_pack(struct tsn_mask *m, const uint8_t *bytes)
{
	if (tsn_cpu_level >= TSN_CPU_AVX512)
		pack_avx512(m, bytes);
	else
		pack_any(m, bytes);
}

#else

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

#endif

/*
 * Eight bits in each of eight bytes, of which the k-th keeps bit k; whatever is left of it becomes the highest bit by an
 * addition that leaves the byte alone.
 */
void
tsn_mask_unpack(uint8_t *bytes, const struct tsn_mask *m)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++) {
		for (int j = 0; j < 8; j++) {
			uint64_t eight = (m->w[i] >> (j * 8) & 0xff) * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);

			eight = (eight + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
			memcpy(bytes + i * 64 + j * 8, &eight, 8);
		}
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

	for (uint32_t w = 0; w < TSN_MASK_WORDS; w++) {
		const uint32_t first = w * 64;
		uint16_t *const to = out + n;

		if (m->w[w] == UINT64_MAX) { /* as most are: the rows of a whole batch */
			for (uint32_t i = 0; i < 64; i++)
				to[i] = (uint16_t)(first + i);
			n += 64;
			continue;
		}
		for (uint64_t bits = m->w[w]; bits != 0; bits &= bits - 1)
			out[n++] = (uint16_t)(first + (uint32_t)__builtin_ctzll(bits));
	}
	return n;
}
