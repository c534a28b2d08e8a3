/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A field that a record carried itself (dscp without tos, say) stays as it is
 * on rows where what it is computed from is absent.
 */
#include "base/wide.h"
#include "flow/batch.h"

static void
derive_dscp(struct tsn_batch *b)
{
	const uint8_t *tos = b->col[TSN_F_TOS];
	uint8_t *out = b->col[TSN_F_DSCP];
	const struct tsn_mask *has = &b->present[TSN_F_TOS];

	TSN_EACH_ROW(row, has)
		out[row] = tos[row] >> 2;
	tsn_mask_or(&b->present[TSN_F_DSCP], &b->present[TSN_F_DSCP], has);
}

/* A flow that starts after its end (two clocks) has a negative duration: rules may ask for it. */
static void
derive_duration(struct tsn_batch *b)
{
	const int64_t *start = b->col[TSN_F_START], *end = b->col[TSN_F_END];
	int64_t *out = b->col[TSN_F_DURATION];
	struct tsn_mask both;

	tsn_mask_and(&both, &b->present[TSN_F_START], &b->present[TSN_F_END]);
	tsn_mask_or(&b->present[TSN_F_DURATION], &b->present[TSN_F_DURATION], &both);
	TSN_EACH_ROW(row, &both)
		if (__builtin_sub_overflow(end[row], start[row], &out[row]))
			tsn_mask_unset(&b->present[TSN_F_DURATION], row);
}

/*
 * out = v * factor / by, in the rows of [both] whose divisor is above zero; those are put into [has]. Sixty-four rows at a time
 * where it is in all of them, which is nearly always.
 */
TSN_WIDE(static, void, divide, (double *restrict out, const int64_t *restrict v, const int64_t *restrict by, double factor,
    const struct tsn_mask *both, struct tsn_mask *has), (out, v, by, factor, both, has))
{
	for (uint32_t w = 0; w < TSN_MASK_WORDS; w++) {
		const uint32_t first = w * 64;
		int64_t least = both->w[w] == UINT64_MAX;

		if (least != 0)
			for (uint32_t i = first; i < first + 64; i++)
				least = by[i] < least ? by[i] : least;
		if (least > 0) {
			for (uint32_t i = first; i < first + 64; i++)
				out[i] = (double)v[i] * factor / (double)by[i];
			has->w[w] = UINT64_MAX;
			continue;
		}
		for (uint64_t left = both->w[w]; left != 0; left &= left - 1) {
			const uint32_t i = first + (uint32_t)__builtin_ctzll(left);

			if (by[i] <= 0)
				continue;
			out[i] = (double)v[i] * factor / (double)by[i];
			tsn_mask_set(has, i);
		}
	}
}

/* Counters are never negative: decoders keep them below 2^63. */
static void
derive_bytes_per_packet(struct tsn_batch *b)
{
	struct tsn_mask both;

	tsn_mask_and(&both, &b->present[TSN_F_BYTES], &b->present[TSN_F_PACKETS]);
	divide(b->col[TSN_F_BYTES_PER_PACKET], b->col[TSN_F_BYTES], b->col[TSN_F_PACKETS], 1.0, &both,
	    &b->present[TSN_F_BYTES_PER_PACKET]);
}

/* [factor] * counter per second of the flow; absent unless the duration is above zero. */
static void
derive_rate(struct tsn_batch *b, enum tsn_field counter, enum tsn_field f, double factor)
{
	struct tsn_mask both;

	tsn_mask_and(&both, &b->present[counter], &b->present[TSN_F_DURATION]);
	divide(b->col[f], b->col[counter], b->col[TSN_F_DURATION], factor * 1000.0, &both, &b->present[f]);
}

/* True once for each wanted field of a batch. */
static bool
wanted(struct tsn_batch *b, const struct tsn_field_set *want, enum tsn_field f)
{
	if (!tsn_field_set_has(want, f) || tsn_field_set_has(&b->derived, f))
		return false;
	tsn_field_set_add(&b->derived, f);
	return true;
}

void
tsn_batch_derive(struct tsn_batch *b, const struct tsn_field_set *want)
{
	struct tsn_field_set all = *want;

	if (tsn_field_set_has(want, TSN_F_BPS) || tsn_field_set_has(want, TSN_F_PPS))
		tsn_field_set_add(&all, TSN_F_DURATION);
	if (wanted(b, &all, TSN_F_DSCP))
		derive_dscp(b);
	if (wanted(b, &all, TSN_F_DURATION))
		derive_duration(b);
	if (wanted(b, &all, TSN_F_BYTES_PER_PACKET))
		derive_bytes_per_packet(b);
	if (wanted(b, &all, TSN_F_BPS))
		derive_rate(b, TSN_F_BYTES, TSN_F_BPS, 8.0);
	if (wanted(b, &all, TSN_F_PPS))
		derive_rate(b, TSN_F_PACKETS, TSN_F_PPS, 1.0);
}
