/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Everything that time brings, through the whole engine: rules that wait, end,
 * climb, feed each other and sets, over random flows. The records must be the same bytes whatever the
 * batch size, and whether the clock ticks every second or jumps from flow to flow.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/engine.h"
#include "vm/vm.h"
#include "unit/compile_rules.h"

#define FLOWS 1500
#define START INT64_C(1767571200000)

static const char rules[] =
	"set seen = dynamic expire 40s max 5\n"
	"rule a_long { when count() by src over 60s > 8 for 45s }\n"
	"rule b_ladder { severity low, high when count() by src over 30s > 9, critical when count() by src over 30s > 14\n"
	"  when count() by src over 30s > 4 until dst_port == 22 alert once per 90s }\n"
	"rule c_noisy { when count(dst_port == 25) by src over 30s > 2 alert once per 10m then add src to seen }\n"
	"rule d_again { when fired(c_noisy) by src over 10m >= 2 and dst_port == 53 }\n"
	"rule e_hit { when dst_port == 445 and src in seen }\n"
	"rule f_worm { when sequence((dst) where e_hit, (src) where dst_port == 25) over 5m }\n"
	"rule g_end { when sequence((src) where dst_port == 25, (dst) where e_hit) over 5m }\n"
	"rule h_window { when count() by dst per 30s < 3 for 1m }\n"
	"rule i_silent { when absent() by src over 60s }\n"
	"rule j_few { when count() by src over 30s < 3 and dst_port == 80 }\n"
	"rule k_each { when src in seen and dst_port == 53 alert each }\n"
	"rule l_rank { when rank(count()) by src per 30s <= 2 until src in seen }\n";

struct flow {
	int64_t received, age;
	unsigned src, dst, port;
	int64_t ahead; /* a message without flows came before it, so much later by its time of receipt */
};

static uint64_t state;

static unsigned
below(unsigned n)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(tsn_mix64(state) % n);
}

static void
random_flows(struct flow *f)
{
	static const unsigned port[] = { 25, 25, 25, 80, 53, 445, 22 };
	int64_t now = START + below(30000);
	unsigned gap = 1 + below(1500), hosts = 2 + below(8);

	for (int i = 0; i < FLOWS; i++) {
		now += below(200) == 0 ? below(300000) : below(gap);
		f[i] = (struct flow){ now, below(20) == 0 ? below(200000) : below(3000), below(below(3) ? hosts : 2), below(hosts),
			port[below(below(20) ? 6 : 7)], 0 };
		if (below(40) == 0)
			f[i].ahead = below(below(4) == 0 ? 20000 : 1500);
	}
}

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	tsn_alert_json(al, arg);
	tsn_buf_putc(arg, '\n');
}

static void
put(struct tsn_engine *e, const struct flow *f)
{
	struct tsn_batch *b = tsn_engine_room(e);
	uint32_t row = b->n;

	tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000u + f->src));
	tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0x0a000000u + f->dst));
	tsn_batch_put_addr(b, row, TSN_F_EXPORTER, tsn_addr_v4(0xc0000201u));
	tsn_batch_put_int(b, row, TSN_F_PROTO, 6);
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, f->port);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, 100);
	tsn_batch_put_int(b, row, TSN_F_START, f->received - f->age);
	tsn_batch_put_int(b, row, TSN_F_END, f->received - f->age);
	b->received[row] = b->exported[row] = f->received;
	b->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc0000201u));
	b->n++;
}

static void
run_rules(const char *text, const struct flow *f, int n, uint32_t rows, bool idle, struct tsn_buf *out)
{
	struct tsn_engine_options o = { .batch_rows = rows };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, out, TSN_SEV_INFO);
	int64_t now = f[0].received;

	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink) && tsn_engine_load(e, compile_rules(text), NULL));
	for (int i = 0; i < n; i++) {
		for (; idle && now < f[i].received; now += 700)
			tsn_engine_clock(e, now);
		tsn_engine_clock(e, f[i].received + f[i].ahead);
		tsn_engine_clock(e, f[i].received);
		put(e, &f[i]);
		now = f[i].received;
	}
	for (int64_t until = now + 200000; idle && now < until; now += 1000)
		tsn_engine_clock(e, now);
	tsn_engine_clock(e, f[n - 1].received + 200000);
	tsn_engine_finish(e);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

static void
run(const struct flow *f, uint32_t rows, bool idle, struct tsn_buf *out)
{
	run_rules(rules, f, FLOWS, rows, idle, out);
}

/* Which rules opened something at all: a test of silence proves nothing. */
static void
note_rules(const char *text, unsigned long *seen)
{
	for (char c = 'a'; c <= 'l'; c++) {
		char mark[] = "\"rule\":\"x_";

		mark[8] = c;
		if (strstr(text, mark) != NULL)
			*seen |= 1ul << (c - 'a');
	}
}

Test(core_alerts, are_the_same_whatever_the_batches_and_the_clock)
{
	static const struct { uint32_t rows; bool idle; } way[] = { { 1, false }, { 7, false }, { TSN_BATCH_ROWS, false }, { TSN_BATCH_ROWS, true }, { 1, true } };
	static struct flow f[FLOWS];
	int rounds = getenv("TSN_SOAK") != NULL ? 500 : 8;
	unsigned long seen = 0;

	for (int round = 0; round < rounds; round++) {
		struct tsn_buf want = TSN_BUF_INIT;

		state = (uint64_t)round * 1000003;
		random_flows(f);
		for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
			struct tsn_buf got = TSN_BUF_INIT;

			run(f, way[i].rows, way[i].idle, i == 0 ? &want : &got);
			if (i > 0 && strcmp(tsn_buf_str(&got), tsn_buf_str(&want)) != 0) {
				size_t at = 0;

				while (got.p[at] == want.p[at])
					at++;
				at -= at < 600 ? at : 600;
				cr_assert(false, "round %d, way %zu:\n%.700s\nwanted\n%.700s", round, i, got.p + at, want.p + at);
			}
			tsn_buf_fini(&got);
		}
		note_rules(tsn_buf_str(&want), &seen);
		tsn_buf_fini(&want);
	}
	cr_assert_eq(seen, 0xffful, "rules without an alert: %lx", 0xffful & ~seen);
}

static int
count_text(const char *in, const char *what)
{
	int n = 0;

	for (const char *p = in; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* The text from [what] on, of the record that opens the alert of host [src]. */
static const char *
record_of(const char *out, unsigned src, char line[4096])
{
	char mark[64];

	snprintf(mark, sizeof(mark), "\"src_ip\":\"10.0.0.%u\"", src);
	for (const char *p = out, *end; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		snprintf(line, 4096, "%.*s", (int)(end - p), p);
		if (strstr(line, mark) != NULL && strstr(line, "\"state\":\"open\"") != NULL)
			return line;
	}
	return "none";
}

static const uint32_t batch_sizes[] = { 1, 7, TSN_BATCH_ROWS };

/* Hosts 10.0.0.x whose groups are of one part of the state, and behind them one of another. */
static void
hosts_of_a_part(unsigned *host, unsigned n)
{
	unsigned part = 0, found = 0;

	for (; found < n; part++) {
		found = 0;
		for (unsigned x = 1; x < 255 && found < n; x++)
			if (tsn_hash_u64(0x0a000000 + x, 0) >> 58 == part)
				host[found++] = x;
	}
	for (host[n] = 1; tsn_hash_u64(0x0a000000 + host[n], 0) >> 58 == part - 1; host[n]++)
		;
}

/*
 * Host 0 is ahead of the clock, so its flow at 100 s comes too late; that is in the window of host 1, not of host 2. Host 5 has
 * the window, too, but is of a part that lost nothing.
 */
Test(core_alerts, a_late_flow_within_the_window_is_partial)
{
	static const char text[] = "rule late { when count() by src over 60s >= 2 alert once per 1h }\n";
	static const struct { unsigned src; int64_t end, received; } row[] = {
		{ 0, 300, 300 }, { 3, 130, 300 }, { 3, 131, 300 }, { 0, 100, 300 }, { 1, 120, 300 }, { 1, 121, 300 },
		{ 2, 290, 300 }, { 2, 291, 300 }, { 4, 280, 300 }, { 5, 120, 300 }, { 5, 121, 300 },
	};
	enum { N = sizeof(row) / sizeof(row[0]) };
	struct flow f[N];
	unsigned host[6];

	hosts_of_a_part(host, 5);

	for (int i = 0; i < N; i++)
		f[i] = (struct flow){ START + row[i].received * 1000, (row[i].received - row[i].end) * 1000, host[row[i].src], 9, 80 };
	for (int i = 0; i < 3; i++) {
		struct tsn_buf out = TSN_BUF_INIT;
		char line[4096];

		run_rules(text, f, N, batch_sizes[i], false, &out);
		for (unsigned h = 1; h < 6; h++) {
			const char *quality = h == 1 ? "\"quality\":\"partial\"" : "\"quality\":\"exact\"";

			cr_assert(h == 4 || strstr(record_of(tsn_buf_str(&out), host[h], line), quality) != NULL, "%s", tsn_buf_str(&out));
		}
		tsn_buf_fini(&out);
	}
}

/*
 * Of two functions whose windows end together one begins its own after its time, by a late flow, when that of the other has
 * been closed, or has not been, either. The key is asked about once.
 */
Test(core_alerts, a_window_begun_late_is_asked_about_once)
{
	static const char text[] =
	    "rule one { when count(dst_port == 25) by src per 30s < 5 and count(dst_port == 80) by src per 30s < 5 alert each }\n"
	    "rule two { when count(dst_port == 80) by src per 30s < 5 and count(dst_port == 25) by src per 30s < 5 alert each }\n";
	static const unsigned port[][2] = { { 25, 80 }, { 80, 25 }, { 25, 25 } };

	for (int i = 0; i < 9; i++) {
		const unsigned *p = port[i / 3];
		const struct flow f[] = { { START + 2000, 0, 1, 9, p[0], 0 }, { START + 100000, 0, 2, 9, 443, 0 },
			{ START + 100000, 95000, 1, 9, p[1], 0 }, { START + 100000, 94000, 3, 9, p[0], 0 }, { START + 100000, 93000, 3, 9, p[1], 0 },
			{ START + 200000, 0, 2, 9, 443, 0 }, { START + 300000, 0, 2, 9, 443, 0 } };
		struct tsn_buf out = TSN_BUF_INIT;

		run_rules(text, f, sizeof(f) / sizeof(f[0]), batch_sizes[i % 3], false, &out);
		cr_assert_eq(count_text(tsn_buf_str(&out), "\"src_ip\":\"10.0.0.1\""), 2, "%s", out.p);
		cr_assert_eq(count_text(tsn_buf_str(&out), "\"src_ip\":\"10.0.0.3\""), 2, "%s", out.p);
		tsn_buf_fini(&out);
	}
}

/* Above 256 destinations are counted by a sketch (HyperLogLog, 4096 registers). */
Test(core_alerts, many_distinct_are_an_estimate)
{
	static const char text[] = "rule many { when distinct(dst) by src over 60s > 300 alert once per 1h }\n"
	    "rule some { when distinct(dst) by src over 60s > 200 alert once per 1h }\n";
	static struct flow f[400];

	for (unsigned i = 0; i < 400; i++)
		f[i] = (struct flow){ START + i * 10, 0, 1, 1000 + i, 80 };
	for (int i = 0; i < 3; i++) {
		struct tsn_buf out = TSN_BUF_INIT;
		char *end;

		run_rules(text, f, 400, batch_sizes[i], false, &out);
		end = strchr(tsn_buf_str(&out), '\n');
		cr_assert_not_null(end);
		*end = '\0';
		cr_assert_not_null(strstr(out.p, "\"quality\":\"exact\""), "%s", out.p);
		cr_assert_eq(count_text(out.p, "\"error\""), 0, "%s", out.p);
		end[strcspn(end + 1, "\n") + 1] = '\0';
		cr_assert(strstr(end + 1, "\"quality\":\"estimated\"") != NULL && strstr(end + 1, "\"error\":0.02,") != NULL, "%s", end + 1);
		tsn_buf_fini(&out);
	}
}

static void
check_kept_out(struct tsn_engine *e, uint64_t hidden, uint64_t outside, uint32_t rows)
{
	struct tsn_kept_out n;

	tsn_engine_flush(e);
	tsn_engine_kept_out(e, 0, &n);
	cr_assert(n.hidden == hidden && n.outside == outside, "batches of %u: hidden %llu, outside %llu", rows,
	    (unsigned long long)n.hidden, (unsigned long long)n.outside);
	tsn_engine_kept_out(e, 1, &n);
	cr_assert(n.hidden == 0 && n.outside == 0);
}

/* START is a Monday at midnight. Of ten flows seven are in time, and of those three have a source that is excepted. */
Test(core_alerts, what_except_and_during_keep_out_is_counted)
{
	static const char text[] = "rule kept { when dst_port == 80 except src == 10.0.0.1 during \"mon 00:00-00:07\" alert each }\n"
	    "rule plain { when dst_port == 80 alert each }\n";
	struct flow f;

	for (int i = 0; i < 3; i++) {
		struct tsn_engine_options o = { .batch_rows = batch_sizes[i] };
		struct tsn_engine *e = tsn_engine_new(&o);

		cr_assert(e != NULL && tsn_engine_load(e, compile_rules(text), NULL));
		for (int k = 0; k < 11; k++) {
			f = (struct flow){ START + k * 60000 + 100, 0, k % 3 == 0 ? 1 : 2, 9, k == 10 ? 25 : 80 };
			tsn_engine_clock(e, f.received);
			put(e, &f);
		}
		check_kept_out(e, 3, 2, batch_sizes[i]);
		cr_assert(tsn_engine_load(e, compile_rules(text), NULL));
		check_kept_out(e, 3, 2, batch_sizes[i]);
		f = (struct flow){ START + 3600000, 0, 2, 9, 80 };
		tsn_engine_clock(e, f.received);
		put(e, &f);
		check_kept_out(e, 3, 3, batch_sizes[i]);
		tsn_engine_free(e);
	}
}

/* --- incidents --- */

/* Three generations: host 1 infects 2 to 4, each of these nine more, which attack and infect nobody. */
#define VICTIMS 30u

static unsigned
worm_flows(struct flow *f)
{
	int64_t now = START;
	unsigned n = 0;

	for (unsigned host = 1; host <= VICTIMS + 1; host++) {
		unsigned first = host == 1 ? 2 : host <= 4 ? 5 + (host - 2) * 9 : 0, count = host == 1 ? 3 : host <= 4 ? 9 : 0;

		for (unsigned i = 0; i < count; i++, now += 300)
			f[n++] = (struct flow){ now, 0, host, first + i, 445 };
		for (unsigned i = 0; i < 6; i++, now += 300)
			f[n++] = (struct flow){ now, 0, host, 1000 + host * 10 + i, 445 };
	}
	return n;
}

/* How often a host stands as [field] of a member in the lists of new ones. */
static int
told(const char *out, const char *field, unsigned host)
{
	char mark[64];
	int n = 0;

	snprintf(mark, sizeof(mark), "\"%s\":\"10.0.0.%u\"", field, host);
	for (const char *p = out; (p = strstr(p, "\"new\":[")) != NULL; p++) {
		const char *end = strchr(p, ']');

		for (const char *q = p; (q = strstr(q, mark)) != NULL && q < end; q++)
			n++;
	}
	return n;
}

Test(core_alerts, an_incident_tells_every_member_once)
{
	static const char text[] = "rule spread { when sequence((dst, dst_port) where dst in 10.0.0.0/26,\n"
	    "  (src, dst_port) where distinct(dst) by src, dst_port over 60s >= 5) over 100s alert once by dst_port per 10m\n"
	    "  message \"{members} hosts, {patient_zero} first\" }\n";
	static struct flow f[400];
	struct tsn_buf want = TSN_BUF_INIT;
	unsigned n = worm_flows(f);

	for (int i = 0; i < 3; i++) {
		struct tsn_buf got = TSN_BUF_INIT, *out = i == 0 ? &want : &got;
		const char *last;

		run_rules(text, f, (int)n, batch_sizes[i], true, out);
		cr_assert_str_eq(tsn_buf_str(out), tsn_buf_str(&want), "batches of %u", batch_sizes[i]);
		tsn_buf_fini(&got);
		if (i > 0)
			continue;
		cr_assert_eq(count_text(want.p, "\"state\":\"open\""), 1, "%s", want.p);
		cr_assert_eq(count_text(want.p, "\"state\":\"close\""), 1, "%s", want.p);
		cr_assert_gt(count_text(want.p, "\"state\":\"update\""), 0, "%s", want.p);
		for (unsigned host = 1; host <= VICTIMS + 1; host++)
			cr_assert_eq(told(want.p, "src", host), host > 1, "host %u is told %d times:\n%s", host, told(want.p, "src", host), want.p);
		for (unsigned host = 1; host <= VICTIMS + 1; host++)
			cr_assert_eq(told(want.p, "from", host), host == 1 ? 3 : host <= 4 ? 9 : 0, "host %u infects %d", host, told(want.p, "from", host));
		last = strstr(want.p, "\"state\":\"close\"");
		cr_assert_not_null(strstr(last, "\"members\":{\"count\":30,"), "%s", last);
		cr_assert_not_null(strstr(last, "\"patient_zero\":\"10.0.0.1\""), "%s", last);
		cr_assert_not_null(strstr(last, "30 hosts, 10.0.0.1 first\""), "%s", last);
	}
	tsn_buf_fini(&want);
}

/* Of more than 10,000 members the first are listed and all are counted. */
Test(core_alerts, a_list_of_members_is_bounded)
{
	static const char text[] = "rule many { when count() by src over 60s >= 1 alert once by dst_port per 10m }\n";
	static struct flow f[10050];
	struct tsn_buf out = TSN_BUF_INIT;
	const char *last;
	int listed = 0;

	for (unsigned i = 0; i < 10050; i++)
		f[i] = (struct flow){ START + i, 0, 1 + i, 1, 445 };
	run_rules(text, f, 10050, 1024, true, &out);
	for (const char *p = tsn_buf_str(&out); (p = strstr(p, "\"new\":[")) != NULL; p++) {
		const char *end = strchr(p, ']');

		for (const char *q = p; (q = strstr(q, "\"since\"")) != NULL && q < end; q++)
			listed++;
	}
	cr_assert_eq(listed, 10000, "%d are listed", listed);
	last = strstr(out.p, "\"state\":\"close\"");
	cr_assert(last != NULL && strstr(last, "\"members\":{\"count\":10050") != NULL, "%.600s", last != NULL ? last : "no close");
	tsn_buf_fini(&out);
}
