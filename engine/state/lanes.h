/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sixteen lanes of 8 bits at once. */
#ifndef TSN_STATE_LANES_H
#define TSN_STATE_LANES_H

#include "state/narrow.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
typedef __m128i tsn_lanes;

static inline tsn_lanes
tsn_lanes_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* 0 if no lane is TSN_NEAR_WARM or more. */
static inline uint64_t
tsn_lanes_near_warm(tsn_lanes v)
{
	return (uint32_t)_mm_movemask_epi8(_mm_subs_epu8(v, _mm_set1_epi8(TSN_NEAR_WARM - 128)));
}

/* What [left] says leaves, [more] comes: of lanes that have room for it. */
static inline tsn_lanes
tsn_lanes_change(tsn_lanes v, tsn_lanes left, tsn_lanes more)
{
	return _mm_add_epi8(_mm_and_si128(v, left), more);
}

static inline uint64_t
tsn_lanes_sum_of(tsn_lanes v)
{
	const __m128i sum = _mm_sad_epu8(v, _mm_setzero_si128());

	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
}
#else
typedef struct { uint64_t half[2]; } tsn_lanes;

static inline tsn_lanes
tsn_lanes_load(const uint8_t *p)
{
	tsn_lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
near_warm(uint64_t half)
{
	const uint64_t high = UINT64_C(0x8080808080808080), one = UINT64_C(0x0101010101010101);

	return ((half & ~high) + one * (256 - TSN_NEAR_WARM)) & half & high;
}

static inline uint64_t
tsn_lanes_near_warm(tsn_lanes v)
{
	return near_warm(v.half[0]) | near_warm(v.half[1]);
}

static inline tsn_lanes
tsn_lanes_change(tsn_lanes v, tsn_lanes left, tsn_lanes more)
{
	return (tsn_lanes){ { (v.half[0] & left.half[0]) + more.half[0], (v.half[1] & left.half[1]) + more.half[1] } };
}

static inline uint64_t
tsn_lanes_sum_of(tsn_lanes v)
{
	return tsn_lanes_sum(v.half);
}
#endif

#endif
