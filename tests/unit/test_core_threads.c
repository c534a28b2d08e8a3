/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Threads and batches never change a result: random rules over one input, with a reload in the middle and a snapshot that
 * is gone on from with another number of threads, give the alerts, byte for byte, of one thread.
 */
#include <pthread.h>
#include <stdatomic.h>

#include <sys/mman.h>

#include "compile/lanes.h"
#include "unit/snapshot_rows.h"
#include "vm/profile.h"

#define ROWS 6000

static const char *const pool[] = {
	"rule busy { when count() by src over 60s > 100 alert once per 2m message \"{src} {value} {dst_port}\" }\n",
	"rule fan2 { when distinct(dst, dst_port) by src per 30s > 40 alert once by src per 3m }\n",
	"rule heavy { when sum(bytes) by dst, proto per 30s > 100000 }\n",
	"rule few { when max(bytes, max_keys 64) by src over 20s > 60000 and count(dst_port < 40, max_keys 64) by src over 20s > 3 alert once per 1m }\n",
	"rule calm { when count(proto == udp) by exporter per 20s < 40 }\n",
	"rule one { when dst_port == 51 and bytes > 60000 alert each }\n",
	"rule sd { when stddev(bytes) by src over 60s > 19800 and count() by src over 60s > 30 }\n",
	"rule entropic { when entropy(dst_port) by src over 60s > 5 }\n",
	"rule jittery { when jitter() by src, dst over 2m > 1.2 }\n",
	"rule fresh { when new(dst_port) by src over 20s }\n",
	"rule silent { when absent() by src over 10s }\n",
	"rule top { when rank(count()) by src per 10s <= 3 }\n",
	"rule zs { when zscore(count(), history 1m) by src per 10s > 2 }\n",
	"rule lasting { when count() by src over 60s > 150 for 10s until count() by src over 60s < 100 severity low, high when value > 200 }\n",
	"rule chain { when sequence(dst_port == 51, dst_port == 52, bytes > 60000) by src over 60s }\n",
	"rule outbreak { when distinct(dst) by src over 30s > 40 alert once by dst_port per 5m }\n",
	"rule tried { when attempted and count(attempted) by src over 60s > 5 }\n",
	"rule beside { when count() by dst at src over 60s > 20 }\n",
	"rule small { when dst_port == 51 and bytes < 63600 alert once by src per 1m }\n"
	"rule chain2 { when sequence(dst_port == 40, small) by src over 60s }\n",
	"set hot = dynamic expire 90s\n"
	"rule fan { when distinct(dst) by src over 30s > 40 then add src to hot for 20s }\n"
	"rule again { when fired(fan) by src over 10m >= 1 }\n"
	"rule known { when src in hot and bytes > 50000 alert once by src per 5s message \"{src}\" }\n",
	"rule many { severity high when bytes > 40000 alert each }\n", /* in every full batch more than MANY of crew_work.c */
};
#define POOL (sizeof(pool) / sizeof(pool[0]))

/* Some of the pool; what two versions have in common is unchanged in a reload. */
static struct tsn_ruleset *
some_rules(uint64_t seed)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_ruleset *rs;

	for (size_t i = 0; i < POOL; i++)
		if (tsn_mix64(seed * 64 + i) % 3 > 0)
			tsn_buf_puts(&text, pool[i]);
	rs = compile_rules(tsn_buf_str(&text));
	tsn_buf_fini(&text);
	return rs;
}

struct run {
	unsigned threads;
	uint32_t batch;
	struct lines lines;
	struct tsn_pack saved;  /* at two thirds */
	int json, text;         /* files of the same */
};

static struct tsn_sink *
add_file(struct tsn_engine *e, int *fd, enum tsn_alert_format format, enum tsn_severity at_least)
{
	struct tsn_sink *s;

	if (*fd == 0)
		*fd = memfd_create("alerts", 0);
	s = tsn_sink_fd_new(*fd, "alerts", format, at_least, NULL);
	cr_assert(*fd > 0 && s != NULL && tsn_engine_add_sink(e, s));
	return s;
}

/* To call, to a file, and to a file what is above `medium`. */
struct sinks {
	struct tsn_sink *call, *json, *text;
};

/* What lanes cost, as it seems: now nothing and now much, whatever they did. */
static uint64_t
odd_clock(void)
{
	static _Atomic uint64_t now;

	return atomic_fetch_add(&now, 1) / 8 % 2 * 50000 + atomic_load(&now);
}

static struct tsn_engine *
begin(struct run *r, unsigned threads, uint64_t seed, struct sinks *s)
{
	struct tsn_engine_options o = { .batch_rows = r->batch, .seed = seed, .threads = threads, .cpu = seed % 2 == 1 ? odd_clock : NULL };
	struct tsn_engine *e = tsn_engine_new(&o);

	s->call = tsn_sink_call_new(on_alert_line, &r->lines, TSN_SEV_INFO);
	cr_assert(e != NULL && s->call != NULL && tsn_engine_add_sink(e, s->call));
	s->json = add_file(e, &r->json, TSN_FORMAT_JSON, TSN_SEV_INFO);
	s->text = add_file(e, &r->text, TSN_FORMAT_TEXT, TSN_SEV_HIGH);
	return e;
}

static void
end(struct tsn_engine *e, struct sinks *s)
{
	engine_end(e, s->call);
	tsn_sink_close(s->json);
	tsn_sink_close(s->text);
}

/* As many bytes as there are, and the same: how many. */
static off_t
check_files(int want, int got)
{
	static char a[1 << 16], b[1 << 16];
	ssize_t n;
	off_t at = 0;

	do {
		n = pread(want, a, sizeof(a), at);
		cr_assert(n >= 0 && pread(got, b, sizeof(b), at) == n);
		cr_assert(memcmp(a, b, (size_t)n) == 0, "files differ behind byte %lld", (long long)at);
		at += n;
	} while (n > 0);
	return at;
}

static void
feed(struct tsn_engine *e, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		put_row(e, n + 20000);
}

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

static void
end_run(struct run *r)
{
	free_lines(&r->lines);
	tsn_pack_fini(&r->saved);
	close(r->json);
	close(r->text);
}

/* The same bytes; else in which part they differ. */
static void
check_saved(const struct run *want, const struct run *got)
{
	static const char *const part[] = { "\6engine", "\11exporters", "\7notices", "\7decoder", "\6alerts", "\5state", "\4sets", "\5steps",
		"\15conversations" };
	const struct tsn_pack *x = &want->saved, *y = &got->saved;
	size_t same = 0;

	while (same < x->n && same < y->n && x->p[same] == y->p[same])
		same++;
	for (size_t i = sizeof(part) / sizeof(part[0]); i-- > 0 && (same < x->n || same < y->n);) {
		const uint8_t *p = memmem(x->p, x->n, part[i], strlen(part[i]));

		cr_assert(p == NULL || p > x->p + same, "%u threads, batches of %u: other %s in the snapshot, %zu and %zu bytes, from %zu", got->threads,
		    got->batch, part[i] + 1, x->n, y->n, same);
	}
}

/* How many bytes of text were compared: severe alerts are many with some seeds, and few with others. */
static off_t
check(const struct run *want, const struct run *got, unsigned then)
{
	off_t text;

	for (size_t i = 0; i < want->lines.n && i < got->lines.n; i++)
		cr_assert_str_eq(got->lines.v[i], want->lines.v[i], "%u threads, then %u, batches of %u: record %zu is\n%s\nnot\n%s", got->threads, then,
		    got->batch, i, got->lines.v[i], want->lines.v[i]);
	cr_assert_eq(got->lines.n, want->lines.n, "%u threads, then %u: %zu records, not %zu", got->threads, then, got->lines.n, want->lines.n);
	cr_assert_gt(check_files(want->json, got->json), 10000);
	text = check_files(want->text, got->text);
	check_saved(want, got);
	return text;
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

/* --- reloads --- */

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
Test(core_threads, reload_before_a_close)
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
Test(core_threads, reload_storm)
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

static uint64_t
lost(const struct tsn_engine *e)
{
	struct tsn_alert_counts n;

	tsn_engine_totals(e, &n);
	return n.lost;
}

/* At every allocation of a reload memory is out once; the old rules go on as if nothing had been. */
Test(core_threads, reload_without_memory)
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
