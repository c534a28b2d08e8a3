/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Reloads and threads: what stays goes on as if nothing had been, and where rules begin does not hang on batches or threads. */
#include <pthread.h>

#include "unit/core_threads.h"

/* Ranks and samples come with a reload, right before a window closes of which the counts were there already. */
static void
run_before_a_close(struct run *r)
{
	static const char busy[] = "rule busy { when count() by src per 10s > 1000000 }\n";
	struct tsn_engine_options o = { .batch_rows = r->batch, .seed = 3, .threads = r->threads };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert_line, &r->lines, TSN_SEV_INFO);
	char more[512];

	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink) && tsn_engine_load(e, compile_rules(busy), NULL));
	feed(e, 0, 4300); /* a row is 9 ms, and lateness 30 s: what is due at 39 s is not the new rules', and a window closes at 40 s */
	snprintf(more, sizeof(more), "%srule top { when rank(count()) by src per 10s <= 3 alert each }\n"
	    "rule zs { when zscore(count(), history 1m) by src per 10s > 2 }\n", busy);
	cr_assert(tsn_engine_load(e, compile_rules(more), NULL));
	feed(e, 4300, 5000);
	tsn_engine_save(e, &r->saved);
	engine_end(e, sink);
}

/* Which tick is the first of the new rules does not hang on how many rows came together before them. */
Test(core_reloads, reload_before_a_close)
{
	static const struct { unsigned threads; uint32_t batch; } v[] = { { 1, 7 }, { 1, TSN_BATCH_ROWS }, { 4, 256 }, { 4, TSN_BATCH_ROWS } };
	struct run one = { .threads = 1, .batch = 256 };

	run_before_a_close(&one);
	cr_assert_gt(one.lines.n, 0);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct run r = { .threads = v[i].threads, .batch = v[i].batch };

		run_before_a_close(&r);
		same_lines(&one.lines, &r.lines, "behind a reload");
		check_saved(&one, &r);
		free_lines(&r.lines);
		tsn_pack_fini(&r.saved);
	}
	free_lines(&one.lines);
	tsn_pack_fini(&one.saved);
}

/* Rules that come and go between those of the pool, with and without windows of theirs. */
static const char *const passing[] = {
	"rule p0_%u { when count() by src over 60s > %u alert once per 1m }\n",
	"rule p1_%u { when count() by dst over 30s > %u }\n",
	"rule p2_%u { when bytes > 60%03u and dst_port == 51 }\n",
	"rule p3_%u { when distinct(dst) by src over 30s > %u }\n",
	"rule p4_%u { when sum(bytes) by dst, proto per 30s > %u000 alert once by dst per 1m }\n",
	"rule p5_%1$u { when src in warm%1$u and bytes > 100 }\nset warm%1$u = dynamic expire 60s\n",
};
#define PASSING (sizeof(passing) / sizeof(passing[0]))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* The same rules of the pool in each version of a storm, in another order and among others. */
static struct tsn_ruleset *
version(uint64_t seed, uint64_t v)
{
	const size_t first = v % POOL;
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_ruleset *rs;

	for (size_t k = 0; k < POOL; k++) {
		const size_t i = (first + k) % POOL;
		const uint64_t h = tsn_mix64(v * 64 + k);

		if (v > 0 && h % 3 == 0)
			tsn_buf_printf(&text, passing[h / 3 % PASSING], (unsigned)k, 20 + (unsigned)(h >> 20) % 8);
		if (tsn_mix64(seed * 64 + i) % 3 > 0)
			tsn_buf_puts(&text, pool[i]);
	}
	rs = compile_rules(tsn_buf_str(&text));
	tsn_buf_fini(&text);
	return rs;
}

#pragma GCC diagnostic pop

/* What a daemon's job does: while flows go on, and then before the switch. */
struct preparation {
	struct tsn_engine *e;
	uint64_t seed, version;
	struct tsn_load *next, *old;
};

static void *
prepare(void *arg)
{
	struct preparation *p = arg;

	tsn_load_free(p->old);
	p->next = tsn_engine_prepare(p->e, version(p->seed, p->version));
	return NULL;
}

static void
on_lasting(void *arg, const struct tsn_alert *al)
{
	if (al->rule->name[0] != 'p' || al->rule->name[2] != '_')
		on_alert_line(arg, al);
}

static void
storm(struct run *r, uint64_t seed, uint64_t reloads)
{
	struct tsn_engine_options o = { .batch_rows = r->batch, .seed = 3, .threads = r->threads };
	struct preparation p = { .e = tsn_engine_new(&o), .seed = seed };
	struct tsn_sink *sink = tsn_sink_call_new(on_lasting, &r->lines, TSN_SEV_INFO);
	uint64_t n = 0;
	pthread_t t;

	cr_assert(p.e != NULL && sink != NULL && tsn_engine_add_sink(p.e, sink));
	cr_assert(tsn_engine_load(p.e, version(seed, 0), NULL));
	for (p.version = 1; p.version <= reloads; p.version++) {
		const uint64_t to = p.version * ROWS / (reloads + 1);

		cr_assert(pthread_create(&t, NULL, prepare, &p) == 0);
		feed(p.e, n, to);
		n = to;
		cr_assert(pthread_join(t, NULL) == 0 && p.next != NULL);
		tsn_engine_switch(p.e, p.next);
		p.old = p.next;
	}
	feed(p.e, n, ROWS);
	tsn_engine_clock(p.e, START + INT64_C(86400000));
	tsn_engine_finish(p.e);
	tsn_load_free(p.old);
	engine_end(p.e, sink);
}

/* The rules that are there all the time raise the alerts of an engine that was never reloaded. */
Test(core_reloads, reload_storm)
{
	static const unsigned threads[] = { 1, 2, 3, 8 };
	const bool soak = getenv("TSN_SOAK") != NULL;

	for (uint64_t seed = 0; seed < (soak ? 40 : 1); seed++) {
		struct run plain = { .threads = 1, .batch = TSN_BATCH_ROWS, .json = -1, .text = -1 };

		storm(&plain, seed, 0);
		cr_assert(plain.lines.n > 100, "only %zu", plain.lines.n);
		for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
			struct run r = { .threads = threads[i], .batch = i % 2 == 0 ? 64 : 256, .json = -1, .text = -1 };

			storm(&r, seed, 20 + seed % 7);
			settle_lines(&plain.lines);
			settle_lines(&r.lines);
			same_lines(&plain.lines, &r.lines, "reloaded");
			end_run(&r);
		}
		end_run(&plain);
	}
}

static uint64_t
lost(const struct tsn_engine *e)
{
	struct tsn_alert_counts n;

	tsn_engine_totals(e, &n);
	return n.lost;
}

/* At every allocation of a reload memory is out once; the old rules go on as if nothing had been. */
Test(core_reloads, reload_without_memory)
{
	struct run want = { .threads = 1, .batch = TSN_BATCH_ROWS }, got = { .threads = 3, .batch = 64 };
	struct sinks sw, sg;
	struct tsn_engine *plain = begin(&want, 1, 3, &sw), *e = begin(&got, 3, 3, &sg);
	const long step = getenv("TSN_SOAK") != NULL ? 1 : 53;
	uint64_t n = 0;
	bool done = false;
	unsigned refused = 0;

	cr_assert(tsn_engine_load(plain, some_rules(0), NULL) && tsn_engine_load(e, some_rules(0), NULL));
	for (long at = 0; !done; at += step) {
		struct tsn_ruleset *rs = some_rules(0);

		feed(plain, n, n + 100);
		feed(e, n, n + 100);
		n += 100;
		tsn_engine_flush(e);
		tsn_mem_fail_at(at, false);
		done = tsn_engine_load(e, rs, NULL);
		tsn_mem_fail_never();
		refused += !done;
		if (!done)
			tsn_ruleset_free(rs);
	}
	tsn_engine_flush(plain);
	cr_assert(tsn_engine_load(plain, some_rules(0), NULL));
	cr_assert(refused > 3, "%u", refused);
	feed(plain, n, n + 3000);
	feed(e, n, n + 3000);
	tsn_engine_finish(plain);
	tsn_engine_finish(e);
	cr_assert_eq(lost(e), 0);
	end(plain, &sw);
	end(e, &sg);
	cr_assert(want.lines.n > 100);
	check(&want, &got, 3);
	end_run(&want);
	end_run(&got);
}
