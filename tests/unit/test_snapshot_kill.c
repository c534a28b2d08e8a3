/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Killed at any moment: a process works through a numbered input, with a snapshot every few batches; it gets SIGKILL,
 * the next one goes on from the newest snapshot, and so on. All alerts together are those of a run that nobody disturbed,
 * byte for byte; those after the last snapshot come twice.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "unit/snapshot_rows.h"

static const char counting[] =
    "rule busy { when count() by src over 60s > 400 alert once per 2m message \"{src} {value} {dst_port}\" }\n"
    "rule fan { when distinct(dst) by src over 30s > 120 }\n"
    "rule fan2 { when distinct(dst, dst_port) by src per 1m > 300 alert once by src per 3m }\n"
    "rule heavy { when sum(bytes) by dst, proto per 30s > 170000 }\n"
    "rule odd { when avg(bytes) by src over 2m > 36000 and count() by src over 2m > 50 }\n"
    "rule few { when max(bytes, max_keys 64) by src over 20s > 60000 and count(dst_port < 40, max_keys 64) by src over 20s > 3 alert once per 1m }\n"
    "rule calm { when count(proto == udp) by exporter per 20s < 40 }\n"
    "rule one { when dst_port == 51 and bytes > 65450 alert each }\n";

static const char every_function[] =
    "site { dedup 5s }\n"
    "set hot = dynamic expire 90s\n"
    "rule sd { when stddev(bytes) by src over 60s > 19800 and count() by src over 60s > 30 }\n"
    "rule entropic { when entropy(dst_port) by src over 60s > 5.93 }\n"
    "rule jittery { when jitter() by src, dst over 2m > 1.2 }\n"
    "rule fresh { when new(dst_port) by src over 60s }\n"
    "rule silent { when absent() by src over 30s }\n"
    "rule top { when rank(count()) by src per 30s <= 3 }\n"
    "rule zs { when zscore(count(), history 10m) by src per 30s > 4 }\n"
    "rule lasting { when count() by src over 60s > 500 for 20s until count() by src over 60s < 300 severity low, high when value > 900 }\n"
    "rule chain { when sequence(dst_port == 51, dst_port == 52, bytes > 60000) by src over 60s }\n"
    "rule fan { when distinct(dst) by src over 30s > 120 then add src to hot for 60s }\n"
    "rule again { when fired(fan) by src over 10m >= 1 }\n"
    "rule small { when dst_port == 51 and bytes < 63600 alert once by src per 10m }\n"
    "rule chain2 { when sequence(dst_port == 40, small) by src over 60s }\n"
    "rule outbreak { when distinct(dst) by src over 30s > 40 alert once by dst_port per 5m }\n"
    "rule known { when src in hot and bytes > 65000 alert once by src per 30s message \"{src}\" }\n"
    "rule tried { when attempted and count(attempted) by src over 60s > 20 }\n"
    "rule beside { when count() by dst at src over 60s > 100 }\n";

static const char *rules;

#define SNAPSHOT_EVERY 1500 /* rows */

static uint64_t all_rows;

struct to_file {
	int fd;
};

/* One write a line: what is killed in it leaves a piece without an end. */
static void
write_alert(void *arg, const struct tsn_alert *al)
{
	const struct to_file *to = arg;
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_alert_json(al, &out);
	tsn_buf_putc(&out, '\n');
	if (write(to->fd, tsn_buf_str(&out), out.len) != (ssize_t)out.len)
		_exit(7);
	tsn_buf_fini(&out);
}

/* Rows that were read: those the rules saw, and those that another exporter had told. */
static uint64_t
place_of(struct tsn_engine *e)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	uint64_t n = tsn_engine_ticket(e);

	for (uint32_t i = 0; i < tsn_exporters_count(t); i++)
		n += tsn_exporters_at(t, i)->counter[TSN_XC_DUPLICATES];
	return n;
}

/* The process: from where the snapshot stands to the end of the input. Leaves where it began, and how it ended. */
static _Noreturn void
work(const char *dir, int alerts, int begun)
{
	struct to_file to = { alerts };
	char error[TSN_STORE_ERROR], state[96];
	struct tsn_sink *sink = tsn_sink_call_new(write_alert, &to, TSN_SEV_INFO);
	struct tsn_engine *e = engine_over(rules, sink, NULL, 99);
	struct tsn_snapshots *s;
	uint64_t from;

	snprintf(state, sizeof(state), "%s/state", dir);
	s = tsn_snapshots_open(state, NULL, error);
	if (s == NULL)
		_exit(8);
	tsn_snapshots_restore(s, e, START);
	from = place_of(e);
	if (write(alerts, "\n", 1) != 1 || write(begun, &from, sizeof(from)) != sizeof(from))
		_exit(9);
	for (uint64_t n = from; n < all_rows; n++) {
		put_row(e, n);
		if (n % SNAPSHOT_EVERY == 0 && n > from && tsn_snapshots_poll(s))
			tsn_snapshots_begin(s, e, START);
	}
	tsn_engine_finish(e);
	_exit(0);
}

static bool
run_once(const char *dir, int alerts, int begun, int64_t kill_after_us)
{
	struct timespec t = { kill_after_us / 1000000, kill_after_us % 1000000 * 1000 };
	pid_t pid = fork();
	int status;

	cr_assert(pid >= 0);
	if (pid == 0)
		work(dir, alerts, begun);
	if (kill_after_us >= 0) {
		nanosleep(&t, NULL);
		kill(pid, SIGKILL);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "the process ended with %d", WEXITSTATUS(status));
	return WIFEXITED(status);
}

static void
read_lines(const char *path, struct lines *l)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	cr_assert_not_null(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (n < 3 || line[n - 1] != '\n' || line[n - 2] != '}')
			continue;
		line[n - 1] = '\0';
		add_line(l, line);
	}
	free(line);
	fclose(f);
}

static void
undisturbed(struct lines *want)
{
	struct tsn_sink *sink = tsn_sink_call_new(on_alert_line, want, TSN_SEV_INFO);
	struct tsn_engine *e = engine_over(rules, sink, NULL, 99);

	for (uint64_t n = 0; n < all_rows; n++)
		put_row(e, n);
	tsn_engine_finish(e);
	engine_end(e, sink);
	for (const char *at = strstr(rules, "rule "); at != NULL; at = strstr(at + 5, "\nrule ")) {
		char text[64];

		snprintf(text, sizeof(text), "\"%.*s\"", (int)strcspn(at + 5 + (*at == '\n'), " "), at + 5 + (*at == '\n'));
		cr_assert(count_lines(want, text) > 1, "%s raised %u records", text, count_lines(want, text));
	}
	settle_lines(want);
}

static int64_t
steady_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A life lasts a random part of a fifth of what the whole input takes on this machine now. */
static void
kill_and_compare(const char *text, uint64_t n)
{
	const int kills = getenv("TSN_SOAK") != NULL ? 200 : 6;
	struct lines want = { 0 }, got = { 0 };
	char dir[64], path[96], other[96];
	int64_t began, life;
	uint64_t random = 42, from = 0, last = 0, resumed = 0, went_back = 0;
	int alerts, begun;
	bool ended = false;

	rules = text;
	all_rows = getenv("TSN_SOAK") != NULL ? n * 10 : n;
	scratch_make(dir);
	began = steady_us();
	undisturbed(&want);
	life = (steady_us() - began) / 5 + 50000;
	snprintf(path, sizeof(path), "%s/alerts", dir);
	snprintf(other, sizeof(other), "%s/begun", dir);
	alerts = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	begun = open(other, O_RDWR | O_CREAT | O_APPEND, 0600);
	cr_assert(alerts >= 0 && begun >= 0);
	for (int i = 0; i < kills && !ended; i++) {
		random = tsn_mix64(random + 1);
		ended = run_once(dir, alerts, begun, (int64_t)(random % (uint64_t)life));
	}
	if (!ended)
		cr_assert(run_once(dir, alerts, begun, -1));
	for (off_t at = 0; pread(begun, &from, sizeof(from), at) == sizeof(from); at += sizeof(from)) {
		resumed += from > 0;
		went_back += from < last;
		last = from;
	}
	cr_assert(resumed > 0, "no run went on from a snapshot");
	cr_assert_eq(went_back, 0, "a run began before the one before it");
	read_lines(path, &got);
	settle_lines(&got);
	same_lines(&want, &got, "killed");
	close(alerts);
	close(begun);
	free_lines(&want);
	free_lines(&got);
	scratch_remove(dir);
}

/*
 * At any place in the input, what is restored there goes on like what never stopped: also what waits for the next tick,
 * which a kill seldom meets.
 */
Test(snapshot_kill, restored_anywhere_it_goes_on, .timeout = 600)
{
	static const char *const feedback =
	    "rule fan { when distinct(dst) by src over 30s > 60 then add src to hot for 20s }\n"
	    "set hot = dynamic expire 90s\n"
	    "rule again { when fired(small) by src over 1m >= 1 alert once by src per 30s }\n"
	    "rule small { when dst_port == 51 alert once by src per 10s }\n"
	    "rule chain { when sequence(dst_port == 40, small) by src over 60s }\n"
	    "rule outbreak { when distinct(dst) by src over 30s > 40 alert once by dst_port per 5m }\n"
	    "rule known { when src in hot and bytes > 60000 alert once by src per 5s }\n"
	    "rule tried { when attempted and count(attempted) by src over 60s > 20 alert once by src per 10s }\n"
	    "rule lasting { when count() by src over 60s > 300 for 20s until count() by src over 60s < 200 }\n";
	struct lines a = { 0 }, b = { 0 };
	struct tsn_sink *sa = tsn_sink_call_new(on_alert_line, &a, TSN_SEV_INFO), *sb;
	struct tsn_engine *e = engine_over(feedback, sa, NULL, 5), *f;
	uint64_t n = 0, random = 1;

	for (int i = 0; i < (getenv("TSN_SOAK") != NULL ? 1000 : 40); i++) {
		struct tsn_restore_report r = { 0 };
		struct tsn_pack k = { 0 };
		struct tsn_unpack in;
		const char *why;
		size_t before;
		uint64_t to;

		random = tsn_mix64(random + 1);
		for (to = n + random % 500; n < to; n++)
			put_row(e, n);
		tsn_engine_save(e, &k);
		in = (struct tsn_unpack){ k.p, k.p + k.n, false };
		sb = tsn_sink_call_new(on_alert_line, &b, TSN_SEV_INFO);
		f = engine_over(feedback, sb, NULL, 6);
		cr_assert(tsn_engine_restore(f, &in, &r, &why), "%s", why);
		tsn_pack_fini(&k);
		before = a.n;
		for (to = n + 500; n < to; n++) {
			put_row(e, n);
			put_row(f, n);
		}
		tsn_engine_flush(e);
		tsn_engine_flush(f);
		for (size_t j = 0; j < b.n && before + j < a.n; j++)
			cr_assert_str_eq(b.v[j], a.v[before + j]);
		cr_assert_eq(a.n - before, b.n, "restored at %d", (int)n);
		engine_end(f, sb);
		free_lines(&b);
	}
	cr_assert(count_lines(&a, "\"chain\"") > 10 && count_lines(&a, "\"again\"") > 10 && count_lines(&a, "\"known\"") > 10);
	engine_end(e, sa);
	free_lines(&a);
}

Test(snapshot_kill, alerts_are_those_of_an_undisturbed_run, .timeout = 1200)
{
	kill_and_compare(counting, 300000);
}

Test(snapshot_kill, and_so_they_are_of_every_function, .timeout = 1200)
{
	kill_and_compare(every_function, 40000);
}
