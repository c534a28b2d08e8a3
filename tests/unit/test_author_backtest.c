/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Back-tests: what is told of alerts is what the flows of a directory, written here line by line, must raise. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "author/backtest.h"
#include "base/clock.h"
#include "base/mem.h"
#include "unit/compile_rules.h"
#include "unit/scratch_dir.h"

#define START INT64_C(1767571200000) /* 2026-01-05 00:00:00 */

static const char rules[] =
	"rule z_scan { severity low, high when value > 8 when count() by src over 60s > 4 message \"{src}: {value}\" }\n"
	"rule a_odd { when dst_port == 1434 alert each }\n"
	"rule m_none { when dst_port == 9 }\n";

static FILE *
open_file(const char *name, const char *mode)
{
	FILE *f = fopen(dir_path(name), mode);

	cr_assert_not_null(f, "%s", name);
	return f;
}

/* One flow a second from [from] on. */
static void
write_flows(const char *name, int from, int n, unsigned src, unsigned port)
{
	FILE *f = open_file(name, "a");
	char time[TSN_TIME_TEXT];

	if (ftell(f) == 0)
		fputs("start,duration,proto,src,src_port,dst,dst_port,flags,packets,bytes\n", f);
	for (int i = 0; i < n; i++)
		fprintf(f, "%s,0s,tcp,10.0.0.%u,4000,192.0.2.1,%u,SYN,1,60\n", tsn_time_text(START + (from + i) * 1000, time), src, port);
	fclose(f);
}

static void
make_directory(void)
{
	dir_begin();
	/* the later file first: names decide */
	write_flows("flows.202601050100.csv", 3600, 10, 7, 25);
	write_flows("flows.202601050000.csv", 0, 5, 7, 25);
	write_flows("flows.202601050000.csv", 6, 3, 8, 1434);
	write_flows("flows.202601050000.csv", 10, 12, 9, 80);
}

TestSuite(author_backtest, .init = make_directory, .fini = dir_end);

static void
on_line(void *arg, enum tsn_log_level level, const char *line)
{
	(void)level;
	tsn_buf_puts(arg, line);
	tsn_buf_putc(arg, '\n');
}

static struct tsn_backtest_options
options(const char *const *input, uint64_t max_alerts)
{
	return (struct tsn_backtest_options){ .inputs = input, .ninputs = 1, .max_alerts = max_alerts };
}

static void
describe(const struct tsn_backtest *b, struct tsn_buf *out)
{
	for (uint32_t i = 0; i < b->nrules; i++)
		tsn_buf_printf(out, "%s %d/%d/%d\n", b->rule[i].name, (int)b->rule[i].matches, (int)b->rule[i].alerts,
		    (int)b->rule[i].listed);
	for (size_t i = 0; i < b->nalerts; i++) {
		const struct tsn_backtest_alert *a = &b->alert[i];

		tsn_buf_printf(out, "%d-%d %s [%s] %s %d %s%s\n", (int)((a->time - START) / 1000), (int)((a->last - START) / 1000),
		    b->rule[a->rule].name, a->key, tsn_severity_name(a->severity), (int)a->flows, a->message, a->ended ? "" : " (open)");
	}
}

Test(author_backtest, directory)
{
	const char *input = dir;
	struct tsn_backtest_options o = options(&input, 100);
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_backtest b;

	for (uint32_t rows = 1; rows <= TSN_BATCH_ROWS; rows += 682) { /* never changes a result */
		o.batch_rows = rows;
		cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
		cr_assert_eq(b.flows, 30);
		cr_assert_eq(b.first, START);
		cr_assert_eq(b.last, START + 3609000);
		cr_assert_eq(b.unreadable, 0);
		describe(&b, &text);
		cr_assert_str_eq(tsn_buf_str(&text),
		    "a_odd 3/3/3\n"
		    "m_none 0/0/0\n"
		    "z_scan 15/3/3\n"
		    "4-4 z_scan [src=10.0.0.7] low 5 10.0.0.7: 5\n"
		    "6-6 a_odd [src=10.0.0.8] medium 1 \n"
		    "7-7 a_odd [src=10.0.0.8] medium 1 \n"
		    "8-8 a_odd [src=10.0.0.8] medium 1 \n"
		    "14-21 z_scan [src=10.0.0.9] high 12 10.0.0.9: 5\n"
		    "3604-3608 z_scan [src=10.0.0.7] high 9 10.0.0.7: 5 (open)\n");
		tsn_buf_clear(&text);
		tsn_backtest_fini(&b);
	}
	tsn_buf_fini(&text);
}

Test(author_backtest, limits)
{
	const char *input = dir;
	struct tsn_backtest_options o = options(&input, 2);
	struct tsn_backtest b;

	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	cr_assert_eq(b.nalerts, 4); /* of a_odd and z_scan two each */
	cr_assert_eq(b.rule[0].alerts, 3);
	cr_assert_eq(b.rule[0].listed, 2);
	tsn_backtest_fini(&b);
	o.max_alerts = 0;
	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	cr_assert_eq(b.nalerts, 0);
	cr_assert_eq(b.rule[2].alerts, 3);
	tsn_backtest_fini(&b);
}

/* What is no input, is cut short or is not there is told, and the rest is read. */
Test(author_backtest, damage)
{
	char missing[128];
	const char *input[] = { missing, dir };
	struct tsn_backtest_options o = options(input, 0);
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_log log = { TSN_LOG_WARN, on_line, &text };
	struct tsn_backtest b;
	FILE *f;

	snprintf(missing, sizeof(missing), "%s/missing", dir);
	f = open_file("flows.202601050030.csv", "w");
	fputs("start,duration,proto,src,src_port,dst,dst_port,flags,packets,bytes\n2026-01-05T00:30:00.000Z,0s,tcp,10.0.0.1,1,192.0.2.1,2,SYN,1,", f);
	fclose(f);
	f = open_file("noise.bin", "w");
	fwrite("\x93\0\1\2\3\4\5\6\7", 1, 9, f);
	fclose(f);
	f = open_file("flows.202601050040.gz", "w");
	fwrite("\x1f\x8b\x08\0\0\0\0\0\0\x03", 1, 10, f);
	fclose(f);
	o.ninputs = 2;
	o.feed.log = &log;
	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	cr_assert_geq(b.flows, 30);
	cr_assert_eq(b.rule[0].alerts, 3);
	cr_assert_eq(b.rule[2].alerts, 3);
	cr_assert_geq(b.unreadable, 2);
	cr_assert_not_null(strstr(tsn_buf_str(&text), "missing: No such file"), "%s", tsn_buf_str(&text));
	cr_assert_not_null(strstr(tsn_buf_str(&text), "noise.bin: is no kind of input"), "%s", tsn_buf_str(&text));
	cr_assert_not_null(strstr(tsn_buf_str(&text), "flows.202601050040.gz"), "%s", tsn_buf_str(&text));
	tsn_backtest_fini(&b);
	tsn_buf_fini(&text);
}

struct heard {
	int calls, stop_at;
	uint64_t flows, done, total;
};

static bool
on_progress(void *arg, uint64_t flows, uint64_t done, uint64_t total)
{
	struct heard *h = arg;

	cr_expect(done >= h->done && done <= total);
	*h = (struct heard){ h->calls + 1, h->stop_at, flows, done, total };
	return h->calls != h->stop_at;
}

Test(author_backtest, progress)
{
	const char *input = dir;
	struct tsn_backtest_options o = options(&input, 0);
	struct heard h = { 0 };
	struct tsn_backtest b;

	o.progress = on_progress;
	o.arg = &h;
	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	cr_assert_eq(h.done, h.total);
	cr_assert_gt(h.total, 1000);
	cr_assert_eq(b.flows, 30);
	tsn_backtest_fini(&b);
	h = (struct heard){ .stop_at = 1 };
	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	cr_assert_eq(h.calls, 1);
	cr_assert_eq(b.flows, 20); /* of the first file */
	tsn_backtest_fini(&b);
}

struct one_thread {
	struct tsn_backtest_options o;
	struct tsn_ruleset *rs;
	struct tsn_backtest b;
	bool ok;
};

static void *
in_thread(void *arg)
{
	struct one_thread *t = arg;

	t->ok = tsn_backtest_run(t->rs, &t->o, &t->b);
	return NULL;
}

Test(author_backtest, threads)
{
	const char *input = dir;
	struct one_thread t[2];
	struct tsn_buf text[2] = { TSN_BUF_INIT, TSN_BUF_INIT };
	pthread_t id[2];

	for (int i = 0; i < 2; i++)
		t[i] = (struct one_thread){ .o = options(&input, 100), .rs = compile_rules(rules) };
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&id[i], NULL, in_thread, &t[i]), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(id[i], NULL);
		cr_assert(t[i].ok);
		describe(&t[i].b, &text[i]);
		tsn_backtest_fini(&t[i].b);
	}
	cr_assert_str_eq(tsn_buf_str(&text[0]), tsn_buf_str(&text[1]));
	for (int i = 0; i < 2; i++)
		tsn_buf_fini(&text[i]);
}

Test(author_backtest, memory)
{
	const char *input = dir;
	struct tsn_backtest_options o = options(&input, 100);
	struct tsn_backtest b;
	long n;

	tsn_mem_fail_at(1000000, false);
	cr_assert(tsn_backtest_run(compile_rules(rules), &o, &b));
	n = tsn_mem_count();
	tsn_backtest_fini(&b);
	for (long i = 0; i < n; i += 1 + n / 150) {
		struct tsn_ruleset *rs;

		tsn_mem_fail_never();
		rs = compile_rules(rules);
		tsn_mem_fail_at(i, true);
		if (tsn_backtest_run(rs, &o, &b))
			cr_assert(b.flows <= 30);
		tsn_mem_fail_never();
		tsn_backtest_fini(&b);
	}
}
