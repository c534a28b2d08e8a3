/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules about conversations through the whole engine: the same alerts whatever the batches, over a reload and after a
 * restart; what still waits at the end; what is said of exporters that cannot feed a rule.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "core/engine.h"
#include "daemon/tell.h"
#include "pair/pair.h"
#include "unit/compile_rules.h"

#define START INT64_C(1767571200000)
#define FLOWS 900

static const char rules[] =
    "rule doors { where proto == tcp when count(attempted) by src over 60s > 2 message \"{src} {value} {exporter} {in_if}\" }\n"
    "rule talks { when established and reply_bytes > bytes alert each message \"{src} {dst} {bytes} {reply_bytes} {initiator} {bps}\" }\n"
    "rule share { when count(answered) by dst per 30s < 2 message \"{dst} {value}\" }\n"
    "rule plain { when count() by src over 60s > 20 message \"{src} {value}\" }\n";

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	tsn_buf_printf(arg, "%s %d %lld %lld %d %llu %s\n", al->rule->name, (int)al->state, (long long)al->first_seen, (long long)al->last_seen,
	    (int)al->quality, (unsigned long long)al->flows, al->message != NULL ? al->message : "");
}

struct run {
	struct tsn_engine *e;
	struct tsn_sink *sink;
	struct tsn_buf out;
};

static void
start(struct run *r, const char *text, uint32_t rows)
{
	struct tsn_engine_options o = { .batch_rows = rows };

	r->out = (struct tsn_buf)TSN_BUF_INIT;
	r->e = tsn_engine_new(&o);
	r->sink = tsn_sink_call_new(on_alert, &r->out, TSN_SEV_INFO);
	cr_assert(tsn_engine_add_sink(r->e, r->sink));
	cr_assert(tsn_engine_load(r->e, compile_rules(text), NULL));
}

static void
stop(struct run *r)
{
	tsn_engine_remove_sinks(r->e);
	tsn_sink_close(r->sink);
	tsn_engine_free(r->e);
	tsn_buf_fini(&r->out);
}

/* Flow [i] of stream [s]: talks, knocks and answers of a few hosts over two exporters. */
static void
push(struct tsn_engine *e, uint64_t s, uint32_t i)
{
	static const int flags[] = { 2, 2, 0x1b, 0x12, 0x14, 4 };
	uint64_t h = tsn_mix64(s * 7919 + i), k = tsn_mix64(s * 7919 + i / 3); /* flows close by are of one talk */
	int64_t at = START + (int64_t)i * 211 + (int64_t)(h % 150);
	bool back = h >> 20 & 1;
	struct tsn_batch *b;
	uint32_t n;

	if (i % 50 == 7) /* a message without flows, late or ahead of its time */
		tsn_engine_clock(e, at + (int64_t)(h >> 12) % 4000);
	tsn_engine_clock(e, at);
	b = tsn_engine_room(e);
	n = b->n;
	tsn_batch_put_addr(b, n, back ? TSN_F_DST : TSN_F_SRC, tsn_addr_v4(0x0a000000 + (uint32_t)(k % 4)));
	tsn_batch_put_addr(b, n, back ? TSN_F_SRC : TSN_F_DST, tsn_addr_v4(0xc0000200 + (uint32_t)(k >> 8) % 9));
	tsn_batch_put_int(b, n, TSN_F_PROTO, k >> 16 & 3 ? 6 : 17);
	tsn_batch_put_int(b, n, back ? TSN_F_DST_PORT : TSN_F_SRC_PORT, 1024 + (int64_t)(k >> 24) % 3);
	tsn_batch_put_int(b, n, back ? TSN_F_SRC_PORT : TSN_F_DST_PORT, 23);
	tsn_batch_put_int(b, n, TSN_F_FLAGS, flags[(h >> 30) % 6]);
	tsn_batch_put_int(b, n, TSN_F_RAW_PACKETS, 1 + (int64_t)(h >> 34) % 9);
	tsn_batch_put_int(b, n, TSN_F_RAW_BYTES, 40 + (int64_t)(h >> 40) % 900);
	tsn_batch_put_int(b, n, TSN_F_IN_IF, (int64_t)(h >> 50) % 5);
	tsn_batch_put_int(b, n, TSN_F_START, at - 700);
	tsn_batch_put_int(b, n, TSN_F_END, at - (int64_t)(h >> 54) % 300);
	b->received[n] = at;
	b->exported[n] = at;
	tsn_batch_put_addr(b, n, TSN_F_EXPORTER, tsn_addr_v4(0xc6336401 + (uint32_t)(h & 1)));
	b->source[n] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc6336401 + (uint32_t)(h & 1)));
	b->n++;
}

Test(core_talks, the_same_alerts_whatever_the_batches)
{
	static const uint32_t rows[] = { TSN_BATCH_ROWS, 1, 7 };

	for (uint64_t s = 1; s <= (getenv("TSN_SOAK") != NULL ? 200 : 12); s++) {
		struct tsn_buf first = TSN_BUF_INIT;

		for (int k = 0; k < 3; k++) {
			struct run r;

			start(&r, rules, rows[k]);
			for (uint32_t i = 0; i < FLOWS; i++)
				push(r.e, s, i);
			tsn_engine_finish(r.e);
			if (k == 0)
				tsn_buf_add(&first, tsn_buf_str(&r.out), r.out.len);
			cr_assert_str_eq(tsn_buf_str(&r.out), tsn_buf_str(&first), "stream %llu, %u rows", (unsigned long long)s, rows[k]);
			stop(&r);
		}
		cr_assert(strstr(tsn_buf_str(&first), "doors") != NULL && strstr(tsn_buf_str(&first), "talks") != NULL &&
		    strstr(tsn_buf_str(&first), "plain") != NULL);
		tsn_buf_fini(&first);
	}
}

/* Another rule comes, and the program starts anew, while conversations wait. */
Test(core_talks, reloads_and_restarts_lose_no_conversation)
{
	for (uint64_t s = 1; s <= 6; s++) {
		struct tsn_pack k = { 0 };
		struct tsn_restore_report report = { 0 };
		char more[2048];
		struct run whole, r, again;
		const char *why = "";

		snprintf(more, sizeof(more), "%s\nrule zz_other { when attempted and dst_port == 99 }\n", rules);
		start(&whole, rules, 64);
		start(&r, rules, 64);
		for (uint32_t i = 0; i < FLOWS; i++) {
			push(whole.e, s, i);
			push(r.e, s, i);
			if (i == FLOWS / 3)
				cr_assert(tsn_engine_load(r.e, compile_rules(more), NULL));
		}
		tsn_engine_finish(whole.e);
		tsn_engine_finish(r.e);
		cr_assert_str_eq(tsn_buf_str(&r.out), tsn_buf_str(&whole.out), "stream %llu, a reload", (unsigned long long)s);
		stop(&r);
		start(&r, rules, 64);
		for (uint32_t i = 0; i < FLOWS / 2; i++)
			push(r.e, s, i);
		tsn_engine_save(r.e, &k);
		start(&again, rules, 64);
		cr_assert(tsn_engine_restore(again.e, &(struct tsn_unpack){ k.p, k.p + k.n, false }, &report, &why), "%s", why);
		for (uint32_t i = FLOWS / 2; i < FLOWS; i++)
			push(again.e, s, i);
		tsn_engine_finish(again.e);
		cr_assert(whole.out.len >= again.out.len);
		cr_assert_str_eq(tsn_buf_str(&again.out), tsn_buf_str(&whole.out) + whole.out.len - again.out.len, "stream %llu, a restart",
		    (unsigned long long)s);
		cr_assert(again.out.len > 0);
		tsn_pack_fini(&k);
		stop(&r);
		stop(&again);
		stop(&whole);
	}
}

Test(core_talks, pairing_is_there_only_for_those_who_ask)
{
	struct run r;

	start(&r, "rule a { when bytes > 1 }", 16);
	cr_assert_null(tsn_engine_pair(r.e));
	cr_assert(tsn_engine_load(r.e, compile_rules("rule a { when answered }"), NULL));
	cr_assert_not_null(tsn_engine_pair(r.e));
	cr_assert(tsn_engine_load(r.e, compile_rules("rule a { requires both_directions when bytes > 1 }"), NULL));
	cr_assert_not_null(tsn_engine_pair(r.e));
	cr_assert(tsn_engine_load(r.e, compile_rules("rule a { when bytes > 1 }"), NULL));
	cr_assert_null(tsn_engine_pair(r.e));
	stop(&r);
}

static void
keep_line(void *arg, enum tsn_log_level level, const char *line)
{
	(void)level;
	tsn_buf_printf(arg, "%s\n", line);
}

Test(core_talks, what_exporters_cannot_feed_is_said_once)
{
	struct tsn_buf lines = TSN_BUF_INIT;
	struct tsn_log log = { TSN_LOG_INFO, keep_line, &lines };
	struct tsn_fed fed = { 0 };
	struct tsn_exporter *x;
	struct run r;

	start(&r, "rule doors { when attempted } rule flags { requires flags when bytes > 1 } rule all { when bytes > 1 }", 16);
	x = tsn_exporters_at(tsn_engine_exporters(r.e), tsn_exporters_find(tsn_engine_exporters(r.e), tsn_addr_v4(0xc6336401)));
	x->first_received = START;
	x->sampling = 100;
	tsn_tell_unfed(&fed, r.e, START + 60000, &log);
	cr_assert_eq(lines.len, 0);
	tsn_tell_unfed(&fed, r.e, START + 300000, &log);
	tsn_tell_unfed(&fed, r.e, START + 301000, &log);
	cr_assert_str_eq(tsn_buf_str(&lines), "exporter 198.51.100.1 cannot feed 2 rules; no TCP flags: flags; sampled: doors; "
	    "no answered conversation: is one direction sent only?: doors\n");
	x->sampling = 1;
	x->both_seen = x->flags_seen = true;
	fed.rules = NULL;
	tsn_buf_clear(&lines);
	tsn_tell_unfed(&fed, r.e, START + 302000, &log);
	cr_assert_eq(lines.len, 0);
	tsn_free(fed.judged);
	tsn_buf_fini(&lines);
	stop(&r);
}
