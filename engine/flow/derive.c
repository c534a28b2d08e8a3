/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A field that a record carried itself (dscp without tos, say) stays as it is
 * on rows where what it is computed from is absent.
 */
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

static void
derive_bytes_per_packet(struct tsn_batch *b)
{
	const int64_t *bytes = b->col[TSN_F_BYTES], *packets = b->col[TSN_F_PACKETS];
	double *out = b->col[TSN_F_BYTES_PER_PACKET];
	struct tsn_mask both;

	tsn_mask_and(&both, &b->present[TSN_F_BYTES], &b->present[TSN_F_PACKETS]);
	TSN_EACH_ROW(row, &both) {
		if (packets[row] == 0)
			continue;
		out[row] = (double)bytes[row] / (double)packets[row];
		tsn_mask_set(&b->present[TSN_F_BYTES_PER_PACKET], row);
	}
}

/* [factor] * counter per second of the flow; absent unless the duration is above zero. */
static void
derive_rate(struct tsn_batch *b, enum tsn_field counter, enum tsn_field f, double factor)
{
	const int64_t *v = b->col[counter], *ms = b->col[TSN_F_DURATION];
	double *out = b->col[f];
	struct tsn_mask both;

	tsn_mask_and(&both, &b->present[counter], &b->present[TSN_F_DURATION]);
	TSN_EACH_ROW(row, &both) {
		if (ms[row] <= 0)
			continue;
		out[row] = (double)v[row] * factor * 1000.0 / (double)ms[row];
		tsn_mask_set(&b->present[f], row);
	}
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
