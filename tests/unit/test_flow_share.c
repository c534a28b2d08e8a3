/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Shares of a batch: each row of one is what that row of the whole is, in the fields that are wanted. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "flow/share.h"
#include "unit/dice.h"

static const enum tsn_field wanted[] = { TSN_F_SRC, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_BYTES, TSN_F_END, TSN_F_IN_IF,
	TSN_F_BYTES_PER_PACKET, TSN_F_EXPORTER_NAME };
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static void
fill(struct tsn_batch *b, uint32_t n, bool v6)
{
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	for (uint32_t i = 0; i < n; i++) {
		struct tsn_addr six = { rnd(), rnd(), false };

		b->received[i] = (int64_t)(rnd() >> 20);
		b->time[i] = (int64_t)(rnd() >> 20);
		b->source[i] = (uint32_t)(rnd() >> 60);
		tsn_batch_put_addr(b, i, TSN_F_SRC, v6 && (rnd() >> 30 & 1) ? six : tsn_addr_v4((uint32_t)(rnd() >> 32)));
		tsn_batch_put_int(b, i, TSN_F_PROTO, (int64_t)(rnd() >> 56));
		tsn_batch_put_int(b, i, TSN_F_BYTES, (int64_t)(rnd() >> 10));
		tsn_batch_put_int(b, i, TSN_F_END, (int64_t)(rnd() >> 10));
		tsn_batch_put_real(b, i, TSN_F_BYTES_PER_PACKET, (double)(rnd() >> 40) / 8);
		if (rnd() >> 30 & 1)
			tsn_batch_put_int(b, i, TSN_F_DST_PORT, (int64_t)(rnd() >> 48));
		if (rnd() >> 30 & 1)
			tsn_batch_put_str(b, i, TSN_F_EXPORTER_NAME, (struct tsn_str){ "name" + (rnd() >> 62), 1 });
		tsn_mask_put(&b->gives[TSN_GIVES_FLAGS], i, rnd() >> 30 & 1);
	}
	b->n = n;
	tsn_mask_first(&b->rows, n);
}

static void
check(struct tsn_share *s, const struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct tsn_mask all;
	uint32_t i = 0;

	cr_assert_eq(s->batch->n, tsn_mask_count(rows));
	TSN_EACH_ROW(row, rows) {
		cr_assert_eq(tsn_share_place(s, row), i);
		cr_assert_eq(s->batch->time[i], b->time[row]);
		cr_assert_eq(s->batch->received[i], b->received[row]);
		cr_assert_eq(s->batch->source[i], b->source[row]);
		cr_assert_eq(tsn_mask_has(&s->batch->gives[TSN_GIVES_FLAGS], i), tsn_mask_has(&b->gives[TSN_GIVES_FLAGS], row));
		for (size_t f = 0; f < WANTED; f++) {
			struct tsn_value is, was;

			memset(&is, 0, sizeof(is));
			memset(&was, 0, sizeof(was));
			tsn_batch_get(s->batch, i, wanted[f], &is);
			tsn_batch_get(b, row, wanted[f], &was);
			cr_assert_arr_eq(&is, &was, sizeof(is), "row %u, %s", row, tsn_fields[wanted[f]].name);
		}
		i++;
	}
	tsn_share_widen(s, &s->batch->rows, &all);
	cr_assert(tsn_mask_same(&all, rows));
}

Test(flow_share, rows_are_those_of_the_whole)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_field_set set = { { 0 } };

	for (size_t f = 0; f < WANTED; f++)
		tsn_field_set_add(&set, wanted[f]);
	for (unsigned k = 0; k < 2; k++) {
		struct tsn_share *s = tsn_share_new(&set, true, k == 1);

		for (unsigned round = 0; round < 40; round++) {
			struct tsn_mask rows;

			fill(b, round == 0 ? 0 : round < 4 ? TSN_BATCH_ROWS : (uint32_t)(rnd() >> 54), round & 1);
			for (uint32_t w = 0; w < TSN_MASK_WORDS; w++)
				rows.w[w] = b->rows.w[w] & (round == 1 ? UINT64_MAX : round == 2 ? 0 : rnd());
			tsn_share_take(s, b, &rows);
			tsn_share_sent();
			check(s, b, &rows);
		}
		tsn_share_free(s);
	}
	tsn_batch_free(b);
}

Test(flow_share, memory_may_run_out)
{
	struct tsn_field_set set = { { 0 } };
	struct tsn_share *s = NULL;
	long n;

	tsn_field_set_add(&set, TSN_F_SRC);
	for (n = 0; s == NULL && n < 20; n++) {
		tsn_mem_fail_at(n, false);
		s = tsn_share_new(&set, false, true);
		tsn_mem_fail_never();
	}
	cr_assert_gt(n, 2, "nothing ever failed");
	tsn_share_free(s);
}
