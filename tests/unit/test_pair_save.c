/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Conversations that wait, as bytes and back; bytes that lie; memory that fails, and that is bounded. */
#include "unit/pair_run.h"

/* --- saving --- */

static void
save(struct run *r, struct tsn_pack *k)
{
	*k = (struct tsn_pack){ 0 };
	tsn_pair_save(r->pair, r->exporters, k);
	cr_assert_not(k->failed);
}

/* The same records after a restart in the middle. */
Test(pair, what_waits_survives_saving)
{
	struct flow *f = calloc(FLOWS, sizeof(*f));

	for (uint64_t i = 1; i <= streams(20); i++) {
		struct run a, b;
		struct tsn_pack k;
		uint32_t half;

		seed = 77 * i;
		random_flows(f, FLOWS, 6);
		half = 1 + below(FLOWS - 1);
		run_init(&a, 1024, 64);
		push_all(&a, f, 0, half);
		save(&a, &k);
		run_init(&b, 1024, 64);
		b.clock = a.clock;
		for (uint32_t x = 0; x < tsn_exporters_count(a.exporters); x++) { /* what exporters have shown is theirs to keep */
			struct tsn_exporter *from = tsn_exporters_at(a.exporters, x);
			struct tsn_exporter *to = tsn_exporters_at(b.exporters, x == 0 ? 0 : tsn_exporters_find(b.exporters, from->addr));

			to->both_seen = from->both_seen, to->flags_seen = from->flags_seen, to->interfaces_seen = from->interfaces_seen;
		}
		tsn_buf_clear(&a.out);
		cr_assert(tsn_pair_load(b.pair, b.exporters, &(struct tsn_unpack){ k.p, k.p + k.n, false }));
		push_all(&a, f, half, FLOWS);
		push_all(&b, f, half, FLOWS);
		take(&a, INT64_MAX);
		take(&b, INT64_MAX);
		same_text(&b.out, &a.out, "after loading");
		tsn_pack_fini(&k);
		run_fini(&a);
		run_fini(&b);
	}
	free(f);
}

Test(pair, any_bytes_may_be_loaded)
{
	struct flow *f = calloc(200, sizeof(*f));
	uint64_t loaded = 0, refused = 0;
	struct tsn_pack k;
	struct run a;
	uint8_t *copy;

	seed = 4711;
	random_flows(f, 200, 6);
	run_init(&a, 1024, 64);
	for (int i = 0; i < 200; i++)
		f[i].received = f[0].received;
	push_all(&a, f, 0, 200);
	save(&a, &k);
	copy = malloc(k.n);
	for (uint64_t i = 0; i < streams(800); i++) {
		struct run b;
		size_t n = below(3) ? k.n : below((uint32_t)k.n);
		struct tsn_unpack u = { copy, copy + n, false };

		memcpy(copy, k.p, k.n);
		for (uint32_t m = below(4); m > 0; m--)
			copy[below(2) ? 20 + below((uint32_t)k.n - 20) : below((uint32_t)k.n)] ^= (uint8_t)(1u << below(8));
		run_init(&b, 64, 64);
		if (tsn_pair_load(b.pair, b.exporters, &u)) {
			loaded++;
			push_all(&b, f, 0, 20);
		} else {
			refused++;
			cr_assert_eq(tsn_pair_due(b.pair), TSN_TIME_NONE);
		}
		take(&b, INT64_MAX);
		run_fini(&b);
	}
	cr_assert(loaded > 100 && refused > 100, "%llu loaded, %llu refused", (unsigned long long)loaded, (unsigned long long)refused);
	free(copy);
	tsn_pack_fini(&k);
	run_fini(&a);
	free(f);
}

/* --- memory --- */

Test(pair, memory_may_fail_at_any_time)
{
	struct flow *f = calloc(3000, sizeof(*f));
	struct tsn_pair_stats s;

	seed = 99;
	random_flows(f, 3000, 60);
	for (long at = 0; at < 12; at++) {
		for (int sticky = 0; sticky < 2; sticky++) {
			struct run r;

			run_init(&r, 4096, 256);
			r.flows->text = tsn_malloc(TSN_BATCH_TEXT);
			tsn_mem_fail_at(at, sticky);
			for (uint32_t i = 0; i < 3000; i++) {
				f[i].received = f[0].received;
				push(&r, &f[i]);
			}
			fold(&r);
			tsn_mem_fail_never();
			tsn_pair_stats(r.pair, &s);
			cr_assert_eq(s.flows + s.refused + s.lone, 3000);
			take(&r, INT64_MAX);
			tsn_pair_stats(r.pair, &s);
			cr_assert_eq(s.open, 0);
			run_fini(&r);
		}
	}
	for (long at = 0; at < 2; at++) {
		struct tsn_pair *p;

		tsn_mem_fail_at(at, false);
		p = tsn_pair_new(WAIT, 64, 1);
		tsn_mem_fail_never();
		cr_assert_eq(p == NULL, at == 0);
		tsn_pair_free(p);
	}
	free(f);
}

Test(pair, it_never_grows_beyond_its_places)
{
	struct tsn_pair_stats s;
	struct flow f = THERE(SYN, 1);
	struct run r;

	seed = 5;
	run_init(&r, 2048, 1024);
	for (uint32_t i = 0; i < 20000; i++) {
		f.src = address(100 + i);
		push(&r, &f);
	}
	fold(&r);
	tsn_pair_stats(r.pair, &s);
	cr_assert_eq(s.open, 2048);
	cr_assert_eq(s.refused, 20000 - 2048);
	cr_assert_lt(s.bytes, 2048 * TSN_PAIR_PLACE_BYTES + 256 * 1024);
	run_fini(&r);
}
