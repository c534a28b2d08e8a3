/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a site says of exporters and what rules see of them: how an exporter stood when a message came, flows
 * of two exporters, exporters that are not listed. Batches of 1, 7 and 1,024 rows give the same.
 */
#include "test_check.h"

#include "core/engine.h"
#include "unit/build_netflow.h"

#define ROWS 4000
#define STANDING 8

static const enum tsn_field standing[STANDING] = { TSN_F_EXPORTER_LOST, TSN_F_EXPORTER_LOST_DATAGRAMS, TSN_F_EXPORTER_MALFORMED,
	TSN_F_EXPORTER_MISSING_TEMPLATES, TSN_F_EXPORTER_RESTARTS, TSN_F_EXPORTER_SAMPLING_CHANGES, TSN_F_EXPORTER_DUPLICATES,
	TSN_F_EXPORTER_SKEW };
static const uint32_t batches[] = { 1, 7, TSN_BATCH_ROWS };

struct seen {
	int64_t v[STANDING], bytes;
	uint32_t known, exporter;
};

struct keep {
	struct seen row[ROWS];
	uint32_t n;
};

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct keep *k = arg;
	struct tsn_value v;

	TSN_EACH_ROW(row, rows) {
		struct seen *s = &k->row[k->n++];

		memset(s, 0, sizeof(*s));
		for (int i = 0; i < STANDING; i++) {
			tsn_batch_get(b, row, standing[i], &v);
			s->v[i] = v.known ? v.i : -1;
			s->known |= (uint32_t)v.known << i;
		}
		tsn_batch_get(b, row, TSN_F_BYTES, &v);
		s->bytes = v.i;
		s->exporter = (uint32_t)tsn_batch_addr(b, row, TSN_F_EXPORTER).lo;
	}
}

static struct tsn_engine *
engine(const char *rules, uint32_t batch_rows, struct keep *k)
{
	struct tsn_engine_options o = { .batch_rows = batch_rows, .on_rows = k != NULL ? on_rows : NULL, .arg = k,
		.rows_read = tsn_field_set_all() };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_rule_text t = { "rules.tsn", rules, strlen(rules) };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1 };
	struct made m = make_input(&in, true);

	cr_assert_not_null(e);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert(tsn_engine_load(e, m.r, NULL));
	m.r = NULL;
	unmake(&m);
	return e;
}

struct message {
	uint32_t exporter, seq, n, bytes;
	int64_t received, skew;
	size_t cut; /* bytes taken off its end */
};

/* Records of bytes [m->bytes], +1, ... from one host and port to another. */
static enum tsn_decode
send(struct tsn_engine *e, const struct message *m)
{
	uint8_t wire[24 + 30 * 48];
	struct nf_header h = { .version = 5, .count = m->n, .uptime = 1000000, .seq = m->seq };
	struct nf_record r[30] = { { 0 } };
	int64_t exported = m->received - m->skew;
	size_t len;

	h.secs = (uint32_t)(exported / 1000);
	h.nsecs = (uint32_t)(exported % 1000) * 1000000;
	for (uint32_t i = 0; i < m->n; i++)
		r[i] = (struct nf_record){ .src = 0x0a000001, .dst = 0x0a000002, .packets = 1, .bytes = m->bytes + i,
			.first = 999000, .last = 999500, .sp = 1000, .dp = 80, .proto = 6 };
	len = nf_build(wire, &h, r, m->n);
	return tsn_engine_datagram(e, wire, len - m->cut, tsn_addr_v4(m->exporter), m->received);
}

static const int64_t start = INT64_C(1767571200000);

/* 30 flows, a gap of 20 flows, a short datagram, a restart, another exporter between. */
static void
troubled(struct tsn_engine *e)
{
	static const struct message m[] = {
		{ 1, 100, 30, 0, 0, 5000, 0 }, { 2, 7, 10, 0, 10, -2000, 0 }, { 1, 150, 30, 0, 1000, 5100, 0 },
		{ 1, 180, 30, 0, 1001, 5200, 48 }, { 1, 210, 30, 0, 2000, 5300, 0 }, { 2, 17, 10, 0, 2500, -2500, 0 },
		{ 1, 0, 5, 0, 700000, 5400, 0 }, { 1, 5, 5, 0, 701000, 5400, 0 },
	};

	for (size_t i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		struct message one = m[i];

		one.received += start;
		send(e, &one);
	}
	tsn_engine_finish(e);
}

Test(core_exporters, rows_say_how_their_exporter_stood)
{
	/* of each message's rows: how many, and the exporter's totals before it */
	static const struct { uint32_t n, exporter; int64_t lost, malformed, skew; } want[] = {
		{ 30, 1, 0, 0, -1 }, { 10, 2, 0, 0, -1 }, { 30, 1, 0, 0, 5000 }, { 29, 1, 20, 0, 5100 }, { 30, 1, 20, 1, 5200 },
		{ 10, 2, 0, 0, -2000 }, { 5, 1, 20, 1, 5300 }, { 5, 1, 20, 1, 5400 },
	};
	static struct keep k[3];

	for (int i = 0; i < 3; i++) {
		struct tsn_engine *e = engine("rule all { when bytes >= 0 }", batches[i], &k[i]);
		uint32_t row = 0;

		k[i].n = 0;
		troubled(e);
		for (size_t w = 0; w < sizeof(want) / sizeof(want[0]); w++) {
			for (uint32_t r = 0; r < want[w].n; r++, row++) {
				const struct seen *s = &k[i].row[row];

				cr_assert_eq(s->exporter, want[w].exporter, "row %u", row);
				cr_assert_eq(s->v[0], want[w].lost, "lost of row %u in message %zu is %lld", row, w, (long long)s->v[0]);
				cr_assert_eq(s->v[2], want[w].malformed, "malformed of row %u", row);
				cr_assert_eq(s->v[7], want[w].skew, "skew of row %u is %lld", row, (long long)s->v[7]);
				cr_assert_eq(s->known, want[w].skew == -1 ? 0x7fu : 0xffu, "row %u", row);
			}
		}
		cr_assert_eq(k[i].n, row);
		cr_assert_arr_eq(k[i].row, k[0].row, row * sizeof(struct seen), "batches of %u", batches[i]);
		tsn_engine_free(e);
	}
}

struct alerts {
	uint32_t n;
	int64_t value;
};

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct alerts *a = arg;

	if (al->state == TSN_ALERT_CLOSE)
		return;
	a->n++;
	a->value = al->value.i;
}

/* The example of the language reference. */
Test(core_exporters, a_rule_about_losses_fires)
{
	for (int i = 0; i < 3; i++) {
		struct alerts a = { 0 };
		struct tsn_sink *sink = tsn_sink_call_new(on_alert, &a, TSN_SEV_INFO);
		struct tsn_engine *e = engine("rule losses { when max(exporter_lost) by exporter over 5m - "
		    "min(exporter_lost) by exporter over 5m > 10 }", batches[i], NULL);

		cr_assert(tsn_engine_add_sink(e, sink));
		troubled(e);
		cr_assert_eq(a.n, 1);
		cr_assert_eq(a.value, 20);
		tsn_engine_remove_sinks(e);
		tsn_sink_close(sink);
		tsn_engine_free(e);
	}
}

static void
count_partial(void *arg, const struct tsn_alert *al)
{
	uint32_t *n = arg;

	n[al->quality == TSN_PARTIAL]++;
}

/* Files may be given in any order: what was received at 10 s comes first, then a loss is noticed at 5 s, and 12 s knows of it. */
Test(core_exporters, a_loss_of_before_is_not_known_to_rows_that_came_before_it)
{
	static const struct message m[] = { { 1, 100, 5, 0, 10000, 0, 0 }, { 1, 120, 5, 0, 5000, 0, 0 }, { 1, 125, 2, 0, 12000, 0, 0 } };

	for (int i = 0; i < 3; i++) {
		uint32_t n[2] = { 0, 0 };
		struct tsn_sink *sink = tsn_sink_call_new(count_partial, n, TSN_SEV_INFO);
		struct tsn_engine *e = engine("rule any { when count() by src over 60s >= 1 alert each }", batches[i], NULL);

		cr_assert(tsn_engine_add_sink(e, sink));
		for (size_t k = 0; k < sizeof(m) / sizeof(m[0]); k++) {
			struct message one = m[k];

			one.received += start;
			send(e, &one);
		}
		tsn_engine_finish(e);
		cr_assert(n[0] == 10 && n[1] == 2, "batches of %u: %u exact, %u partial", batches[i], n[0], n[1]);
		tsn_engine_remove_sinks(e);
		tsn_sink_close(sink);
		tsn_engine_free(e);
	}
}

Test(core_exporters, rows_that_came_by_themselves_have_no_standing)
{
	static struct keep k;
	struct tsn_engine *e = engine("rule all { when bytes >= 0 }", 0, &k);
	struct tsn_batch *b;

	k.n = 0;
	send(e, &(struct message){ 1, 0, 3, 0, start, 0, 0 });
	b = tsn_engine_room(e);
	tsn_batch_put_int(b, b->n, TSN_F_RAW_BYTES, 5);
	tsn_batch_put_int(b, b->n, TSN_F_EXPORTER_LOST, 77);
	b->n++;
	send(e, &(struct message){ 1, 3, 1, 0, start, 0, 0 });
	tsn_engine_flush(e);
	cr_assert_eq(k.n, 5);
	cr_assert_eq(k.row[2].known, 0x7fu);
	cr_assert(k.row[3].known == 1 && k.row[3].v[0] == 77);
	cr_assert_eq(k.row[4].known, 0xffu);
	tsn_engine_free(e);
}

/* Exporters 1 and 2 send the same flows, 2 a little later; each has flows of its own too. */
static void
both(struct tsn_engine *e)
{
	for (uint32_t i = 0; i < 40; i++) {
		int64_t now = start + i * 1000;

		send(e, &(struct message){ 1, i * 20, 20, i * 100, now, 0, 0 });
		send(e, &(struct message){ 2, i * 30, 30, i * 100, now + 300, 0, 0 });
	}
	tsn_engine_finish(e);
}

Test(core_exporters, flows_of_two_exporters_count_once)
{
	static struct keep k[3];
	struct tsn_engine_stats st;

	for (int i = 0; i < 3; i++) {
		struct tsn_engine *e = engine("site { dedup 5s } rule all { when bytes >= 0 }", batches[i], &k[i]);

		k[i].n = 0;
		both(e);
		cr_assert_eq(k[i].n, 40 * 30, "%u rows", k[i].n);
		for (uint32_t r = 0; r < k[i].n; r++)
			cr_assert_eq(k[i].row[r].exporter, r % 30 < 20 ? 1 : 2);
		cr_assert_eq(tsn_exporters_at(tsn_engine_exporters(e), 2)->counter[TSN_XC_DUPLICATES], 800);
		cr_assert_eq(tsn_exporters_at(tsn_engine_exporters(e), 1)->counter[TSN_XC_DUPLICATES], 0);
		tsn_engine_stats(e, &st);
		cr_assert(st.flows == 1200 && st.dedup_forgotten == 0);
		cr_assert_arr_eq(k[i].row, k[0].row, k[i].n * sizeof(struct seen), "batches of %u", batches[i]);
		cr_assert_eq(k[i].row[k[i].n - 1].v[6], 39 * 20, "the exporter's duplicates before its last message");
		tsn_engine_free(e);
	}
}

/* Also when all of a batch goes, and text of rows that went takes no room for ever. */
Test(core_exporters, dedup_off_and_on_again)
{
	static struct keep k;
	struct tsn_engine *e = engine("site { dedup 1h } rule all { when bytes >= 0 }", 4, &k);
	struct tsn_rule_text t = { "rules.tsn", "rule all { when bytes >= 0 }", 28 };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1 };
	struct made m = make_input(&in, true);

	k.n = 0;
	send(e, &(struct message){ 1, 0, 8, 0, start, 0, 0 });
	for (uint32_t i = 0; i < 100; i++)
		send(e, &(struct message){ 2, i * 8, 8, 0, start + 1, 0, 0 });
	tsn_engine_flush(e);
	cr_assert_eq(k.n, 8);
	cr_assert(tsn_engine_load(e, m.r, NULL));
	m.r = NULL;
	unmake(&m);
	send(e, &(struct message){ 2, 800, 8, 0, start + 2, 0, 0 });
	tsn_engine_flush(e);
	cr_assert_eq(k.n, 16);
	tsn_engine_free(e);
}

Test(core_exporters, who_is_not_listed_is_not_heard)
{
	static struct keep k;
	struct tsn_engine *e = engine("site { exporter 0.0.0.1 name \"one\" exporter 0.0.0.0/30 sampling 10 "
	    "exporter 0.0.0.2 allow exporter 10.0.0.0/8 allow } rule all { when bytes >= 0 }", 0, &k);
	const struct tsn_exporter *others = tsn_exporters_at(tsn_engine_exporters(e), 0);
	struct tsn_buf line = TSN_BUF_INIT;
	struct tsn_sender file = { tsn_addr_v4(0), TSN_SESSION_STREAM + 1 };
	uint8_t wire[24] = { 0, 5 };

	k.n = 0;
	cr_assert_eq(send(e, &(struct message){ 1, 0, 5, 50, start, 0, 0 }), TSN_DECODE_REFUSED);
	cr_assert_eq(send(e, &(struct message){ 2, 0, 5, 50, start, 0, 0 }), TSN_DECODE_OK);
	cr_assert_eq(send(e, &(struct message){ 0x0a010203, 0, 5, 50, start, 0, 0 }), TSN_DECODE_OK);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(send(e, &(struct message){ 0x0b000000 + i, 0, 5, 50, start, 0, 0 }), TSN_DECODE_REFUSED);
	cr_assert_neq(tsn_engine_message(e, wire, sizeof(wire), &file, start), TSN_DECODE_REFUSED, "a file has no exporter");
	tsn_engine_flush(e);
	cr_assert_eq(k.n, 10);
	cr_assert_eq(k.row[0].bytes, 500, "the site's sampling");
	cr_assert_eq(k.row[5].bytes, 50);
	cr_assert_eq(tsn_exporters_count(tsn_engine_exporters(e)), 4, "who invents addresses fills no table");
	cr_assert(others->counter[TSN_XC_REFUSED] == 1001 && others->counter[TSN_XC_FLOWS] == 0);
	cr_assert(tsn_exporter_summary(tsn_engine_exporters(e), 0, &line));
	cr_assert_str_eq(tsn_buf_str(&line), "exporter (others): datagrams 1001 refused 1001");
	tsn_buf_fini(&line);
	tsn_engine_free(e);
}
