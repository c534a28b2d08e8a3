/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records that become rows later, by any thread, and fields that are late: captures of everything that comes in between give the alerts,
 * counters and figures of one thread that fills all fields at once; and bytes that are gone when they are wanted are missing, and nothing else.
 */
#include "base/far.h"
#include "decode/later.h"
#include "feed/feed.h"
#include "input/mapped.h"
#include "unit/build_capture.h"
#include "unit/build_netflow.h"
#include "unit/snapshot_rows.h"

#define EXPORTERS 4u
#define FRAMES 2000u

static const char rules[] =
    "rule odd { when dst_port == 53 and bytes > 3000000000 alert each }\n"
    "rule web { when dst_port == 80 and packets > 4000000000 alert once by src per 1m }\n"
    "rule old { when duration > 10m and proto == tcp and tos == 7 alert each }\n"
    "rule busy { when count() by src over 60s > 40 message \"{src} {value}\" }\n"
    "rule fan { when distinct(dst_port) by exporter, src over 30s > 20 }\n"
    "rule ends { when sum(bytes) by dst per 10s > 20000000000 }\n";

/* Few rows are shown: their other fields are late. */
static const char rare[] =
    "rule bare { when dst_port == 80 and bytes > 4200000000 alert each }\n"
    "rule ping { when proto == icmp and packets > 4100000000 alert each message \"{src} {icmp_type} {tos} {exporter}\" }\n"
    "rule some { when count(bytes == 0) by src over 60s > 30 }\n"
    "rule slow { when duration > 900s and proto == udp alert once by dst, src_port per 1m }\n"
    "rule flag { when src_port > 60000 and packets > 4200000000 alert each }\n";

/* Without state: of a batch there is now little to tell, and now more than whoever looks at it before its lane takes down. */
static const char loud[] =
    "rule b0 { when bytes > 4290000000 alert each }\n"
    "rule b1 { when bytes < 5000000 alert once by src per 1m }\n"
    "rule b2 { when bytes > 2000000000 and bytes < 2005000000 alert each }\n"
    "rule b3 { when bytes > 3000000000 and bytes < 3005000000 alert each }\n"
    "rule b4 { when bytes > 1000000000 and bytes < 1005000000 alert once by dst per 1m }\n"
    "rule p0 { when packets > 4290000000 alert each }\n"
    "rule p1 { when packets < 5000000 alert once by src, dst per 1m message \"{src} {bytes}\" }\n"
    "rule p2 { when packets > 2000000000 and packets < 2005000000 alert each }\n"
    "rule p3 { when packets > 3000000000 and packets < 3005000000 alert each }\n"
    "rule p4 { when packets > 1000000000 and packets < 1005000000 alert each }\n";

/* --- the input --- */

static size_t
build_message(uint64_t *s, unsigned version, unsigned n, uint32_t seq, int64_t ms, uint8_t *out)
{
	struct nf_header h = { .version = version, .count = -1u, .uptime = 5000000, .secs = (uint32_t)(ms / 1000), .seq = seq, .engine = 3 };
	struct nf_record r[30];

	for (unsigned i = 0; i < n; i++) {
		r[i] = nf_random_record(s);
		r[i].src = 0x0a000000 | (uint32_t)(xorshift_star(s) % 60);
		r[i].dp = xorshift_star(s) % 3 == 0 ? 53 : xorshift_star(s) % 2 == 0 ? 80 : r[i].dp;
		r[i].proto = xorshift_star(s) % 9 == 0 ? 1 : xorshift_star(s) % 2 == 0 ? 6 : 17;
		if (xorshift_star(s) % 20 == 0) /* no time, nothing counted, nobody; of ICMP the other port */
			r[i].dp = r[i].packets = r[i].bytes = r[i].last = r[i].dst = 0;
		r[i].first = 5000000 - (uint32_t)(xorshift_star(s) % 1000000);
		r[i].last = xorshift_star(s) % 50 == 0 ? r[i].first - 9 : r[i].first + (uint32_t)(xorshift_star(s) % 900); /* some are odd */
		r[i].tos &= 15;
	}
	if (version == 5 && xorshift_star(s) % 400 == 0)
		h.sampling = 100;
	if (xorshift_star(s) % 200 == 0)
		h.count = n + 2;
	return nf_build(out, &h, r, n);
}

static void
put_frame(struct bytes *file, uint64_t *s, unsigned n, int64_t ms, uint32_t *seq)
{
	uint8_t message[24 + 30 * 52];
	struct bytes udp = { 0 }, ip = { 0 }, frame = { 0 };
	const unsigned x = (unsigned)(xorshift_star(s) % EXPORTERS), odd = (unsigned)(xorshift_star(s) % 700);
	const unsigned version = odd == 0 ? 1 : odd == 1 ? 7 : 5, records = n % 3 == 0 ? 1 + (unsigned)(xorshift_star(s) % 24) : version == 5 ? 30 : 24;
	struct ip4 h = { .src = 0xc0000201 + x, .dst = 0xc0000263, .options = odd == 2 };
	size_t len = build_message(s, version, records, seq[x], ms, message);

	seq[x] += records + (odd == 3 ? 7 : 0); /* some are missing */
	put_udp(&udp, 2055, odd == 4 ? 53 : 2055, message, odd == 5 ? len - 10 : len);
	put_ip4(&ip, &h, udp.p, udp.n);
	put_ethernet(&frame, odd == 6 ? 0x0806 : 0x0800);
	put(&frame, ip.p, ip.n);
	put_pcap_record(file, ms, frame.p, frame.n - (odd == 7 ? 100 : 0), false, false);
	bytes_free(&udp);
	bytes_free(&ip);
	bytes_free(&frame);
}

/* [runs]: an exporter's frames come so many at a time. */
static void
build_capture(struct bytes *file, uint64_t seed)
{
	uint32_t seq[EXPORTERS] = { 0 };

	put_pcap_header(file, 1, false, false);
	for (unsigned n = 0; n < FRAMES; n++)
		put_frame(file, &seed, n, START + n * 40, seq);
}

/* --- a run --- */

struct outcome {
	struct lines lines;
	struct tsn_buf told; /* counters of exporters, and figures */
	struct tsn_engine_stats stats;
};

static void
tell(struct tsn_engine *e, struct outcome *o)
{
	struct tsn_exporters *x = tsn_engine_exporters(e);

	tsn_engine_stats(e, &o->stats);
	for (uint32_t i = 0; i < tsn_exporters_count(x); i++) {
		if (tsn_exporter_summary(x, i, &o->told))
			tsn_buf_printf(&o->told, " without %llu\n", (unsigned long long)tsn_exporter_without(tsn_exporters_at(x, i), false, 15));
	}
}

static struct tsn_engine *
begin(struct outcome *o, const char *text, unsigned threads, uint32_t rows, bool at_once, struct tsn_sink **sink)
{
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .batch_rows = rows, .seed = 5, .threads = threads, .at_once = at_once });

	*sink = tsn_sink_call_new(on_alert_line, &o->lines, TSN_SEV_INFO);
	cr_assert(e != NULL && *sink != NULL && tsn_engine_add_sink(e, *sink) && tsn_engine_load(e, compile_rules(text), NULL));
	return e;
}

static void
end(struct outcome *o)
{
	free_lines(&o->lines);
	tsn_buf_fini(&o->told);
}

static void
read_capture(const struct bytes *file, const char *text, unsigned threads, uint32_t rows, bool at_once, struct outcome *o)
{
	char path[40], error[TSN_INPUT_ERROR];
	struct tsn_sink *sink;
	struct tsn_engine *e = begin(o, text, threads, rows, at_once, &sink);
	const int fd = as_file(file, path);
	struct tsn_feed *f = tsn_feed_open(path, &(struct tsn_feed_opts){ 0 }, e, error);
	enum tsn_feed_step step;

	cr_assert_not_null(f, "%s", error);
	while ((step = tsn_feed_step(f)) == TSN_FEED_MORE)
		;
	cr_assert_eq(step, TSN_FEED_END);
	tsn_buf_printf(&o->told, "%llu records, damaged %d\n", (unsigned long long)tsn_feed_report(f)->records, tsn_feed_report(f)->damaged);
	tsn_feed_close(f); /* what is on its way still has its bytes */
	close(fd);
	tsn_engine_finish(e);
	tell(e, o);
	engine_end(e, sink);
}

static void
check_same(const struct outcome *want, const struct outcome *got, const char *what)
{
	for (size_t i = 0; i < want->lines.n && i < got->lines.n; i++)
		cr_assert_str_eq(got->lines.v[i], want->lines.v[i], "%s: record %zu is\n%s\nnot\n%s", what, i, got->lines.v[i], want->lines.v[i]);
	cr_assert_eq(got->lines.n, want->lines.n, "%s: %zu records, not %zu", what, got->lines.n, want->lines.n);
	cr_assert_str_eq(tsn_buf_str((struct tsn_buf *)&got->told), tsn_buf_str((struct tsn_buf *)&want->told), "%s", what);
	cr_assert_eq(got->stats.flows, want->stats.flows, "%s", what);
	cr_assert_eq(got->stats.datagrams, want->stats.datagrams, "%s", what);
	cr_assert_eq(got->stats.damaged, want->stats.damaged, "%s", what);
	cr_assert(got->stats.first == want->stats.first && got->stats.last == want->stats.last && got->stats.clock == want->stats.clock, "%s", what);
}

static void
check_capture(const struct bytes *file, const char *text, size_t least, const char *seed)
{
	static const struct { unsigned threads; uint32_t rows; } v[] = { { 1, TSN_BATCH_ROWS }, { 1, 50 }, { 2, TSN_BATCH_ROWS }, { 3, 200 }, { 8, TSN_BATCH_ROWS }, { 2, 7 } };
	const size_t n = text == rules ? sizeof(v) / sizeof(v[0]) : 4;
	struct outcome one = { .told = TSN_BUF_INIT };

	read_capture(file, text, 1, 1024, true, &one);
	cr_assert(one.lines.n > least && one.stats.flows > FRAMES * 20, "%zu alerts of %llu flows", one.lines.n, (unsigned long long)one.stats.flows);
	for (size_t i = 0; i < n; i++) {
		struct outcome o = { .told = TSN_BUF_INIT };
		char what[60];

		read_capture(file, text, v[i].threads, v[i].rows, false, &o);
		snprintf(what, sizeof(what), "seed %s, %u threads, batches of %u", seed, v[i].threads, v[i].rows);
		check_same(&one, &o, what);
		end(&o);
	}
	end(&one);
}

Test(core_later, captures)
{
	const uint64_t times = getenv("TSN_SOAK") != NULL ? 40 : 1;

	cr_assert(tsn_mapped_allow(0));
	for (uint64_t seed = 1; seed <= times; seed++) {
		struct bytes file = { 0 };
		char text[24];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)seed);
		build_capture(&file, seed);
		check_capture(&file, rules, 300, text);
		check_capture(&file, rare, 100, text);
		check_capture(&file, loud, 100, text);
		bytes_free(&file);
	}
}

/* --- bytes in memory, some of which are gone --- */

#define MESSAGES 400u
#define LENGTH (24 + 30 * 48)

struct memory {
	struct tsn_far far;
	bool freed;
	_Atomic unsigned copies;
	uint8_t bytes[MESSAGES][LENGTH];
};

/* Every tenth message is gone. */
static bool
copy(const struct tsn_far *f, uint8_t *to, const uint8_t *from, size_t n)
{
	struct memory *m = (struct memory *)f;

	atomic_fetch_add(&m->copies, 1);
	memcpy(to, from, n);
	return (size_t)(from - m->bytes[0]) / LENGTH % 10 != 0;
}

static void
free_memory(struct tsn_far *f)
{
	((struct memory *)f)->freed = true;
}

static void
give(struct tsn_engine *e, struct memory *m, uint64_t *left)
{
	const struct tsn_sender from = { tsn_addr_v4(0xc0000201), 2055 };
	uint64_t s = 77;

	for (unsigned i = 0; i < MESSAGES; i++) {
		struct tsn_far_place where = { &m->far, m->bytes[i] };

		cr_assert_eq(build_message(&s, 5, 30, i * 30, START + i * 10, m->bytes[i]), LENGTH);
		nf_put(m->bytes[i] + 2, 30, 2);
		nf_put(m->bytes[i] + 22, 0, 2);
		if (tsn_engine_later(e, m->bytes[i], LENGTH, &where, &from, START + i * 10))
			++*left;
		else
			cr_assert_eq(tsn_engine_message(e, m->bytes[i], LENGTH, &from, START + i * 10), TSN_DECODE_OK);
	}
}

static void
count_log(void *arg, enum tsn_log_level level, const char *line)
{
	cr_assert(level == TSN_LOG_ERROR && strstr(line, "were gone") != NULL, "%s", line);
	++*(unsigned *)arg;
}

Test(core_later, bytes_that_are_gone)
{
	struct memory *m = calloc(1, sizeof(*m));
	unsigned said = 0;
	const struct tsn_log log = { TSN_LOG_ERROR, count_log, &said };
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .threads = 3, .log = &log });
	struct tsn_engine_stats stats;
	struct lines lines = { 0 };
	struct tsn_sink *sink = tsn_sink_call_new(on_alert_line, &lines, TSN_SEV_INFO);
	uint64_t left = 0, gave = 0;

	cr_assert(m != NULL && e != NULL && sink != NULL && tsn_engine_add_sink(e, sink));
	m->far = (struct tsn_far){ copy, free_memory, 1 };
	cr_assert(tsn_engine_load(e, compile_rules("rule all { when bytes >= 0 alert each }\nrule none { when src in 11.0.0.0/8 }\n"), NULL));
	give(e, m, &left);
	cr_assert_gt(left, MESSAGES - TSN_BATCH_ROWS / 25); /* all but those of the first batch */
	tsn_engine_finish(e);
	tsn_engine_stats(e, &stats);
	cr_assert(stats.flows < MESSAGES * 28 && stats.flows >= MESSAGES * 27, "%llu", (unsigned long long)stats.flows);
	cr_assert_eq(lines.n, stats.flows);
	cr_assert_eq(tsn_exporters_at(tsn_engine_exporters(e), 1)->counter[TSN_XC_FLOWS], stats.flows);
	for (unsigned set = 0; set < TSN_GIVES_SETS; set++)
		gave += tsn_exporters_at(tsn_engine_exporters(e), 1)->gave[0][set];
	cr_assert_eq(gave, stats.flows);
	cr_assert_gt(said, 0);
	cr_assert(!m->freed);
	tsn_far_drop(&m->far);
	cr_assert(m->freed, "somebody still holds it");
	engine_end(e, sink);
	free_lines(&lines);
	free(m);
}

/* --- late fields --- */

/* All messages are usual ones; flows of those from [marked] on have a TOS that no other has. */
static void
give_late(struct tsn_engine *e, struct memory *m, unsigned marked)
{
	const struct tsn_sender from = { tsn_addr_v4(0xc0000201), 2055 };
	uint64_t s = 78;

	m->far = (struct tsn_far){ copy, free_memory, 1 };
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct tsn_far_place where = { &m->far, m->bytes[i] };

		cr_assert_eq(build_message(&s, 5, 30, i * 30, START + i * 10, m->bytes[i]), LENGTH);
		nf_put(m->bytes[i] + 2, 30, 2);
		nf_put(m->bytes[i] + 22, 0, 2);
		for (unsigned k = 0; k < 30 && i >= marked; k++)
			m->bytes[i][24 + k * 48 + 39] = 200;
		cr_assert_eq(tsn_engine_message_at(e, m->bytes[i], LENGTH, &where, &from, START + i * 10), TSN_DECODE_OK);
	}
}

static bool
has_port(const char *line)
{
	return strstr(line, "\"src_port\":") != NULL;
}

/* Of few rows: then fields are late, and those of messages that are gone unknown; what rules read is known. */
Test(core_later, late_fields_that_are_gone)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct outcome o = { .told = TSN_BUF_INIT };
	struct tsn_sink *sink;
	struct tsn_engine *e = begin(&o, rare, 1, 1024, false, &sink);
	unsigned without = 0;

	cr_assert_not_null(m);
	cr_assert(tsn_engine_load(e, compile_rules("rule few { when dst_port == 80 and bytes > 4000000000 alert each }\n"), NULL));
	give_late(e, m, MESSAGES);
	tsn_engine_finish(e);
	cr_assert(o.lines.n > 50 && o.lines.n < MESSAGES * 30 / 32, "%zu", o.lines.n);
	for (size_t i = 0; i < o.lines.n; i++) {
		cr_assert(strstr(o.lines.v[i], "\"dest_port\":80") != NULL && strstr(o.lines.v[i], "\"bytes\":4") != NULL, "%s", o.lines.v[i]);
		without += !has_port(o.lines.v[i]);
	}
	cr_assert(without > 0 && without < o.lines.n / 4, "%u of %zu", without, o.lines.n);
	cr_assert_geq(atomic_load(&m->copies), o.lines.n * 9 / 10);
	tsn_far_drop(&m->far);
	cr_assert(m->freed, "somebody still holds it");
	engine_end(e, sink);
	end(&o);
	free(m);
}

/* Where many rows are shown columns are filled again. */
Test(core_later, late_fields_of_many)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct outcome o = { .told = TSN_BUF_INIT };
	struct tsn_sink *sink;
	struct tsn_engine *e = begin(&o, rare, 1, 1024, false, &sink);

	cr_assert_not_null(m);
	cr_assert(tsn_engine_load(e, compile_rules("rule all { when tos == 200 alert each }\n"), NULL));
	give_late(e, m, MESSAGES / 4);
	tsn_engine_finish(e);
	cr_assert_eq(o.lines.n, MESSAGES / 4 * 3 * 30);
	cr_assert(atomic_load(&m->copies) > 100 && atomic_load(&m->copies) < 3000, "%u", atomic_load(&m->copies));
	tsn_far_drop(&m->far);
	engine_end(e, sink);
	end(&o);
	free(m);
}

/* Whoever is in the middle of a batch holds its records, until it is freed. */
Test(core_later, late_fields_freed_in_the_middle)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct outcome o = { .told = TSN_BUF_INIT };
	struct tsn_sink *sink;
	struct tsn_engine *e = begin(&o, rare, 1, 1024, false, &sink);

	cr_assert_not_null(m);
	cr_assert(tsn_engine_load(e, compile_rules("rule few { when dst_port == 80 and bytes > 4000000000 alert each }\n"), NULL));
	give_late(e, m, MESSAGES);
	tsn_far_drop(&m->far);
	cr_assert(!m->freed);
	engine_end(e, sink);
	cr_assert(m->freed);
	end(&o);
	free(m);
}

/* Nobody waits for what was left for later: it goes with the engine. */
Test(core_later, freed_in_the_middle)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .threads = 2 });
	uint64_t left = 0;

	cr_assert(m != NULL && e != NULL && tsn_engine_load(e, compile_rules("rule some { when dst_port == 80 }\n"), NULL));
	m->far = (struct tsn_far){ copy, free_memory, 1 };
	give(e, m, &left);
	cr_assert_gt(left, 0);
	tsn_engine_free(e);
	tsn_far_drop(&m->far);
	cr_assert(m->freed);
	free(m);
}
