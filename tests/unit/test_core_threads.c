/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Threads and batches never change a result: random rules over one input, with a reload in the middle and a snapshot that
 * is gone on from with another number of threads, give the alerts, byte for byte, of one thread.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "compile/lanes.h"
#include "unit/core_threads.h"
#include "vm/profile.h"

/* Now there is much to do aside and now nothing, so that batches are handed over, or run on the spot. */
static bool
piece(void *arg)
{
	atomic_uint *n = arg;

	return atomic_fetch_add(n, 1) % 512 < 500;
}

/* [then]: so many threads take up the snapshot of the first. */
static void
run(struct run *r, uint64_t seed, unsigned then)
{
	struct tsn_restore_report report = { 0 };
	struct sinks sinks, second;
	struct tsn_engine *e = begin(r, r->threads, 3, &sinks), *f = begin(r, then, 4, &second);
	struct tsn_unpack in;
	const char *why = "";
	atomic_uint pieces = 0;
	const struct tsn_aside aside = { piece, &pieces };
	const struct tsn_hands *hands;

	cr_assert(tsn_engine_load(e, some_rules(seed), NULL));
	hands = tsn_engine_hands(e);
	cr_assert_eq(hands != NULL, r->threads > 1);
	cr_assert(hands == NULL || hands->offer(hands->self, &aside));
	feed(e, 0, ROWS / 3);
	cr_assert(tsn_engine_load(e, some_rules(seed + 1), NULL));
	for (unsigned i = 0; i < 8; i++) {
		if (hands != NULL)
			hands->call(hands->self);
		feed(e, ROWS / 3 + i * ROWS / 24, ROWS / 3 + (i + 1) * ROWS / 24);
	}
	if (hands != NULL)
		hands->withdraw(hands->self, &aside);
	tsn_engine_save(e, &r->saved);
	cr_assert(!r->saved.failed);
	end(e, &sinks);
	in = (struct tsn_unpack){ r->saved.p, r->saved.p + r->saved.n, false };
	cr_assert(tsn_engine_load(f, some_rules(seed + 1), NULL));
	cr_assert(tsn_engine_restore(f, &in, &report, &why), "%s", why);
	feed(f, ROWS * 2 / 3, ROWS);
	tsn_engine_clock(f, START + INT64_C(86400000)); /* all is over */
	tsn_engine_finish(f);
	end(f, &second);
}

Test(core_threads, same_alerts)
{
	static const struct { unsigned threads, then; uint32_t batch; } v[] = {
		{ 1, 3, 7 }, { 2, 2, 1024 }, { 3, 1, 1 }, { 8, 2, 256 }, { 2, 8, 7 }
	};
	const uint64_t times = getenv("TSN_SOAK") != NULL ? 40 : 1;
	off_t text = 0;

	for (uint64_t seed = 20; seed < 20 + times * 5; seed += 5) {
		struct run one = { .threads = 1, .batch = TSN_BATCH_ROWS };

		run(&one, seed, 1);
		cr_assert(one.lines.n > 300, "only %zu", one.lines.n);
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
			struct run r = { .threads = v[i].threads, .batch = v[i].batch };

			run(&r, seed, v[i].then);
			text += check(&one, &r, v[i].then);
			end_run(&r);
		}
		end_run(&one);
	}
	cr_assert_gt(text, 10000);
}

/* Alerts are on their way to the sinks, and nobody waits for them: they go with the engine. */
Test(core_threads, freed_in_the_middle)
{
	struct tsn_engine_options o = { .batch_rows = 64, .seed = 3, .threads = 3 };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct lines lines = { 0 };
	struct tsn_sink *sink = tsn_sink_call_new(on_alert_line, &lines, TSN_SEV_INFO);

	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink));
	cr_assert(tsn_engine_load(e, compile_rules("rule all { when bytes >= 0 alert each }\n"), NULL));
	feed(e, 0, 64 * 20);
	cr_assert_lt(lines.n, 64 * 20);
	tsn_engine_free(e);
	tsn_sink_close(sink);
	free_lines(&lines);
}

/* --- what the front itself gives to lanes --- */

/* Of rules that are shards where there are several threads. [leap]: the clock jumps so far that the front goes through the ticks. */
static void
run_shards(const char *rules, unsigned threads, bool leap, struct lines *l)
{
	struct tsn_engine_options o = { .batch_rows = 256, .seed = 3, .threads = threads };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert_line, l, TSN_SEV_INFO);
	struct tsn_ruleset *rs = compile_rules(rules);

	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink));
	cr_assert(threads == 1 || tsn_ruleset_lanes(rs, threads, NULL)->lane[0].nshards > 1, "no shard comes first");
	cr_assert(tsn_engine_load(e, rs, NULL));
	feed(e, 0, ROWS / 2);
	if (leap)
		tsn_engine_clock(e, START + INT64_C(86400000));
	tsn_engine_finish(e);
	engine_end(e, sink);
}

static void
check_shards(const char *rules)
{
	for (int leap = 0; leap < 2; leap++) {
		struct lines one = { 0 };

		run_shards(rules, 1, leap, &one);
		cr_assert_gt(one.n, 50);
		for (unsigned threads = 4; threads <= 8; threads *= 2) {
			struct lines several = { 0 };

			run_shards(rules, threads, leap, &several);
			same_lines(&one, &several, leap ? "behind a leap" : "at the end");
			free_lines(&several);
		}
		free_lines(&one);
	}
}

/* What is derived of conversations is there for shards, too, of which none reads all that it is made of. */
Test(core_threads, conversations_of_shards)
{
	check_shards("rule asks { when count(attempted and duration < 60s) by src over 60s > 1 alert each }\n"
		     "rule talks { when count(answered and bps > 1) by src over 60s > 1 alert each }\n");
}

/* Windows that the end closes end alerts of other keys, whose lanes may have none of them. */
Test(core_threads, last_windows_of_shards)
{
	check_shards("rule wide { when entropy(dst_port) by src per 5s > 0.5 }\n");
}

/* --- what rules cost --- */

static uint64_t
steps_clock(void)
{
	static _Atomic uint64_t now;

	return atomic_fetch_add(&now, 1);
}

static struct tsn_profile
profile_of(unsigned threads)
{
	static const char rules[] = "rule mail { when bytes > 1000 and count(dst_port == 51) by src over 60s > 3 }\n"
				    "rule wide { when bytes > 5000 and count(dst_port < 40) by dst over 30s > 3 }\n";
	struct tsn_engine_options o = { .threads = threads, .ticks = steps_clock, .cpu = steps_clock, .every = 1 };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_profile p;

	cr_assert(e != NULL && tsn_engine_load(e, compile_rules(rules), NULL));
	feed(e, 0, ROWS);
	tsn_engine_flush(e);
	cr_assert(tsn_engine_profile(e, &p));
	tsn_engine_free(e);
	return p;
}

/* Flows that a window counts, and those that only look at it, are those of all lanes. */
Test(core_threads, profile_of_all_lanes)
{
	struct tsn_profile one = profile_of(1), several = profile_of(3);

	for (int i = 0; i < 2; i++) {
		cr_assert(one.families[i].rows > 0 && one.families[i].looked > 0);
		cr_assert_eq(several.families[i].rows, one.families[i].rows);
		cr_assert_eq(several.families[i].looked, one.families[i].looked);
	}
	tsn_profile_fini(&one);
	tsn_profile_fini(&several);
}

/* --- what is refused --- */

struct told {
	unsigned fewer;
};

static void
on_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct told *t = arg;

	t->fewer += level == TSN_LOG_WARN && strstr(line, "threads are at work in place of") != NULL;
}

/* Stacks that no machine has room for: from now on no thread can be made in this process. */
static void
refuse_threads(void)
{
	pthread_attr_t a;

	pthread_attr_init(&a);
	cr_assert(pthread_attr_setstacksize(&a, (size_t)1 << 60) == 0 && pthread_setattr_default_np(&a) == 0);
	pthread_attr_destroy(&a);
}

Test(core_threads, go_on_without_threads)
{
	struct told told = { 0 };
	const struct tsn_log log = { TSN_LOG_WARN, on_log, &told };
	struct run one = { .threads = 1, .batch = TSN_BATCH_ROWS }, r = { .threads = 3, .batch = 256 };
	struct tsn_engine_options o = { .threads = 3, .log = &log };
	struct tsn_engine *e = tsn_engine_new(&o);

	run(&one, 0, 1);
	refuse_threads();
	cr_assert(e != NULL && tsn_engine_load(e, some_rules(0), NULL));
	cr_assert_eq(told.fewer, 1);
	tsn_engine_free(e);
	run(&r, 0, 2);
	check(&one, &r, 2);
	end_run(&r);
	end_run(&one);
}
