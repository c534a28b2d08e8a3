/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a reload costs beside the flows, in processor time and so whatever else the machine does: the rules of a directory are
 * compiled and made ready by another thread, while this one takes flows without end; a file is exchanged for
 * another before each. Per batch of flows the time of its thread is compared with what it is before and behind.
 *   bench_aside DIRECTORY RELOADS [FILE OTHER]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "bench/seconds.h"
#include "core/engine.h"

#define START INT64_C(1700000100000)
#define QUIET 300 /* batches without a reload before each */
#define GROUPS 1000000u

static struct tsn_engine *engine;
static uint64_t row_number;

struct job {
	const char *dir;
	const struct tsn_ruleset *before;
	struct tsn_load *load;
	double compiled, prepared; /* seconds of processor */
	atomic_bool done;
};

static void
fail(const char *why)
{
	fprintf(stderr, "bench_aside: %s\n", why);
	exit(1);
}

static struct tsn_ruleset *
compile(const char *dir, const struct tsn_ruleset *before)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_compile_input in = { .paths = &dir, .npaths = 1, .before = before, .keep = true };
	struct tsn_ruleset *rs = tsn_compile(sources, &in, diags);
	struct tsn_buf text = TSN_BUF_INIT;

	if (rs == NULL) {
		tsn_diags_print(diags, sources, false, &text);
		fail(tsn_buf_str(&text));
	}
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return rs;
}

static void *
aside(void *arg)
{
	struct job *j = arg;
	double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	struct tsn_ruleset *rs;

	rs = compile(j->dir, j->before);
	j->compiled = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
	j->load = tsn_engine_prepare(engine, rs);
	j->prepared = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began - j->compiled;
	if (j->load == NULL)
		fail("no memory");
	atomic_store(&j->done, true);
	return NULL;
}

static void
flow(void)
{
	const uint64_t x = tsn_mix64(row_number++);
	struct tsn_batch *b = tsn_engine_room(engine);
	const uint32_t row = b->n;

	tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000u + (uint32_t)(x % GROUPS)));
	/* beside every prefix of rules.nets(), and near enough that a set has to look */
	tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0xc0000080u + (uint32_t)(x >> 32 & 0x0fffff7f)));
	tsn_batch_put_int(b, row, TSN_F_PROTO, 6);
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, (int64_t)(x >> 20 & 0xffff));
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, 1024);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, 60);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(b, row, TSN_F_START, START);
	tsn_batch_put_int(b, row, TSN_F_END, START);
	b->received[row] = b->exported[row] = START;
	b->source[row] = tsn_exporters_nobody(tsn_engine_exporters(engine));
	b->n++;
}

static void
batch(void)
{
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
		flow();
	tsn_engine_flush(engine);
}

/* Seconds of this thread a batch, over [n] of them. */
static double
quiet(unsigned n)
{
	const double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < n; i++)
		batch();
	return (clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began) / n;
}

static double
beside(struct job *j)
{
	const double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	pthread_t thread;
	unsigned n = 0;

	if (pthread_create(&thread, NULL, aside, j) != 0)
		fail("no thread");
	for (; !atomic_load(&j->done); n++)
		batch();
	pthread_join(thread, NULL);
	return n == 0 ? 0 : (clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began) / n;
}

static long
resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
exchange(const char *a, const char *b)
{
	char kept[4096];

	snprintf(kept, sizeof(kept), "%s.old", a);
	if (rename(a, kept) != 0 || rename(b, a) != 0 || rename(kept, b) != 0)
		fail("the files cannot be exchanged");
}

int
main(int argc, char **argv)
{
	const unsigned reloads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
	struct tsn_engine_options o = { .seed = 1 };
	double *compiled = calloc(reloads + 1, sizeof(double)), *prepared = calloc(reloads + 1, sizeof(double)), *slower = calloc(reloads + 1, sizeof(double));
	struct tsn_ruleset *rs;

	if (argc < 2 || compiled == NULL || prepared == NULL || slower == NULL || (engine = tsn_engine_new(&o)) == NULL)
		return 1;
	rs = compile(argv[1], NULL);
	if (!tsn_engine_load(engine, rs, NULL))
		return 1;
	tsn_engine_clock(engine, START);
	quiet(GROUPS / TSN_BATCH_ROWS);
	for (unsigned i = 0; i < reloads; i++) {
		struct job j = { .dir = argv[1], .before = tsn_engine_ruleset(engine) };
		double usual, then;

		if (argc > 4)
			exchange(argv[3], argv[4]);
		usual = quiet(QUIET);
		then = beside(&j);
		tsn_engine_switch(engine, j.load);
		tsn_load_free(j.load);
		slower[i] = then / ((usual + quiet(QUIET)) / 2);
		compiled[i] = j.compiled * 1e3;
		prepared[i] = j.prepared * 1e3;
	}
	rs = (struct tsn_ruleset *)tsn_engine_ruleset(engine);
	printf("compiled %.1f ms, prepared %.1f ms, flows %.3f of usual, %ld MB; %u of %u rule files, %u of %u set files kept\n", median(compiled, reloads),
	    median(prepared, reloads), median(slower, reloads), resident_kb() / 1024, rs->texts_kept, rs->texts, rs->files_kept, rs->files);
	tsn_engine_free(engine);
	return 0;
}
