/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Random rules over one input, and whether two runs of them gave the same: for suites of threads and of reloads. */
#ifndef TESTS_CORE_THREADS_H
#define TESTS_CORE_THREADS_H

#include <stdatomic.h>
#include <sys/mman.h>

#include "unit/snapshot_rows.h"

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
static inline struct tsn_ruleset *
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

static inline struct tsn_sink *
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
static inline uint64_t
odd_clock(void)
{
	static _Atomic uint64_t now;

	return atomic_fetch_add(&now, 1) / 8 % 2 * 50000 + atomic_load(&now);
}

static inline struct tsn_engine *
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

static inline void
end(struct tsn_engine *e, struct sinks *s)
{
	engine_end(e, s->call);
	tsn_sink_close(s->json);
	tsn_sink_close(s->text);
}

/* As many bytes as there are, and the same: how many. */
static inline off_t
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

static inline void
feed(struct tsn_engine *e, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		put_row(e, n + 20000);
}

static inline void
end_run(struct run *r)
{
	free_lines(&r->lines);
	tsn_pack_fini(&r->saved);
	close(r->json);
	close(r->text);
}

/* The same bytes; else in which part they differ. */
static inline void
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
static inline off_t
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

#endif
