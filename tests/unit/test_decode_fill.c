/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Records eight and sixteen at a time against the same records one by one, which take the plain path. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "base/cpu.h"
#include "decode/decode.h"
#include "decode/fill.h"

/* Signed ones too: a column is bytes here. */
static const size_t size_of[] = {
	[TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8, [TSN_I64] = 8, [TSN_F64] = 8, [TSN_ADDR] = 4,
	[TSN_STR] = sizeof(struct tsn_str),
};

static void
same_columns(const struct tsn_batch *x, const struct tsn_batch *y)
{
	cr_assert_eq(x->n, y->n);
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		cr_assert_arr_eq(&x->present[f], &y->present[f], sizeof(struct tsn_mask), "presence of %s", tsn_fields[f].name);
		for (uint32_t i = 0; i < x->n; i++) {
			size_t size = size_of[tsn_fields[f].storage];

			if (tsn_mask_has(&x->present[f], i))
				cr_assert_arr_eq((char *)x->col[f] + i * size, (char *)y->col[f] + i * size, size, "%s in row %u",
				    tsn_fields[f].name, (unsigned)i);
		}
	}
	cr_assert_arr_eq(x->received, y->received, x->n * sizeof(*x->received));
	cr_assert_arr_eq(x->exported, y->exported, x->n * sizeof(*x->exported));
	cr_assert_arr_eq(x->source, y->source, x->n * sizeof(*x->source));
}

/* First no later than last, both up to [reach] ms before sysUptime, so that most messages are usual. */
static void
random_records(uint8_t *p, size_t stride, uint32_t n, uint32_t uptime, uint32_t odd_every)
{
	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint32_t last = (uint32_t)random() % 60000, first = last + (uint32_t)random() % 60000, swap = last;

		for (size_t k = 0; k < stride; k++)
			p[k] = (uint8_t)(random() >> 7);
		if (odd_every != 0 && (uint32_t)random() % odd_every == 0) {
			last = random() % 2 ? first + 5 : (uint32_t)-7;
			first = random() % 2 ? swap : (uint32_t)-TSN_DECODE_AHEAD;
		}
		for (int k = 0; k < 4; k++) {
			p[24 + k] = (uint8_t)((uptime - first) >> (24 - 8 * k));
			p[28 + k] = (uint8_t)((uptime - last) >> (24 - 8 * k));
		}
	}
}

Test(decode_fill, records_many_at_a_time_are_what_they_are_one_by_one)
{
	struct tsn_batch *many = tsn_batch_new(), *single = tsn_batch_new();
	uint32_t odd = 0, odd_messages = 0;

	srandom(7);
	for (int round = 0; round < 4000; round++) {
		uint16_t version = (const uint16_t[]){ 1, 5, 7 }[round % 3];
		size_t stride = tsn_fixed_shapes[version].record;
		uint32_t n = (uint32_t)random() % 40, before = (uint32_t)random() % 9, said, added = 0;
		/* of its very size, so that a read past its end is found */
		uint8_t *p = malloc(n * stride + 1);
		struct tsn_fixed_header h = { .version = version, .uptime = (uint32_t)random() * 2u,
			.exported = INT64_C(1700000000000) + random(), .source_id = 3, .sampling = round % 5 ? 0 : 100,
			.exporter = tsn_addr_v4((uint32_t)random()), .source = 9, .received = random() };

		tsn_cpu_use((enum tsn_cpu)(round / 3 % TSN_CPU_COUNT));
		random_records(p, stride, n, h.uptime, round % 2 ? 0 : 20);
		for (uint32_t i = 0; i < before; i++) { /* begins in any row */
			tsn_fixed_fill(many, &h, p, n > 0);
			tsn_fixed_fill(single, &h, p, n > 0);
		}
		said = tsn_fixed_fill(many, &h, p, n);
		for (uint32_t i = 0; i < n; i++)
			added += tsn_fixed_fill(single, &h, p + i * stride, 1);
		cr_assert_eq(said, added);
		same_columns(many, single);
		odd += said;
		odd_messages += said > 0;
		tsn_batch_clear(many, TSN_BATCH_FLOWS);
		tsn_batch_clear(single, TSN_BATCH_FLOWS);
		free(p);
	}
	/* the test saw both kinds */
	cr_assert_gt(odd, 1000);
	cr_assert_lt(odd_messages, 2000);
	tsn_batch_free(many);
	tsn_batch_free(single);
}
