/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * ie() from the wire to alerts: IPFIX messages built byte by byte (RFC 7011), rules that name their elements by
 * number, reloads between them, batches of 1, 7 and 2,048 rows. And columns: rules that read what those before them did not.
 */
#include "test_check.h"

#include "core/engine.h"
#include "unit/build_netflow.h"

#define START INT64_C(1767571200000)

/* One record: src, dst, proto, igmpType (33), ingressVRFID (234), one of an enterprise, bgpNextHop (18), a text. */
static const struct { uint32_t pen; unsigned id, len; } layout[] = {
	{ 0, 8, 4 }, { 0, 12, 4 }, { 0, 4, 1 }, { 0, 33, 1 }, { 0, 234, 4 }, { 99999, 7, 8 }, { 0, 18, 4 }, { 0, 94, 65535 },
	{ 0, 1, 4 },
};
#define FIELDS (sizeof(layout) / sizeof(layout[0]))

struct values {
	uint32_t src, igmp, vrf, next;
	uint64_t back;
	const char *text;
};

static uint8_t *
put_template(uint8_t *p)
{
	uint8_t *set = p;

	p = nf_put(p, 2, 2);
	p = nf_put(p, 0, 2);
	p = nf_put(p, 256, 2);
	p = nf_put(p, FIELDS, 2);
	for (size_t i = 0; i < FIELDS; i++) {
		p = nf_put(p, layout[i].id | (layout[i].pen != 0 ? 0x8000u : 0), 2);
		p = nf_put(p, layout[i].len, 2);
		if (layout[i].pen != 0)
			p = nf_put(p, layout[i].pen, 4);
	}
	nf_put(set + 2, (uint64_t)(p - set), 2);
	return p;
}

static uint8_t *
put_record(uint8_t *p, const struct values *v)
{
	size_t n = strlen(v->text);

	p = nf_put(p, v->src, 4);
	p = nf_put(p, 0x0a000002, 4);
	p = nf_put(p, 2, 1);
	p = nf_put(p, v->igmp, 1);
	p = nf_put(p, v->vrf, 4);
	p = nf_put(p, v->back, 8);
	p = nf_put(p, v->next, 4);
	p = nf_put(p, n, 1);
	memcpy(p, v->text, n);
	return nf_put(p + n, 100, 4);
}

/* A message of [n] records, with the template first if [told]. */
static void
send_from(struct tsn_engine *e, uint32_t exporter, bool told, const struct values *v, unsigned n, uint32_t seq, int64_t at)
{
	uint8_t wire[4000], *p = wire, *set;

	p = nf_put(p, 10, 2);
	p = nf_put(p, 0, 2);
	p = nf_put(p, (uint64_t)(at / 1000), 4);
	p = nf_put(p, seq, 4);
	p = nf_put(p, 1, 4);
	if (told)
		p = put_template(p);
	set = p;
	p = nf_put(p, 256, 2);
	p = nf_put(p, 0, 2);
	for (unsigned i = 0; i < n; i++)
		p = put_record(p, &v[i]);
	nf_put(set + 2, (uint64_t)(p - set), 2);
	nf_put(wire + 2, (uint64_t)(p - wire), 2);
	tsn_engine_datagram(e, wire, (size_t)(p - wire), tsn_addr_v4(exporter), at);
}

static void
send(struct tsn_engine *e, bool told, const struct values *v, unsigned n, uint32_t seq, int64_t at)
{
	send_from(e, 1, told, v, n, seq, at);
}

struct alerts {
	uint32_t n;
	char key[64], message[128];
};

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct alerts *a = arg;

	if (al->state == TSN_ALERT_CLOSE)
		return;
	a->n++;
	snprintf(a->key, sizeof(a->key), "%s", tsn_rule_key_name(al->rule, 0));
	snprintf(a->message, sizeof(a->message), "%s", al->message != NULL ? al->message : "");
}

static void
load(struct tsn_engine *e, const char *text)
{
	struct made m = make_compiled(text);

	cr_assert(tsn_engine_load(e, m.r, NULL));
	m.r = NULL;
	unmake(&m);
}

static const char rules[] =
    "rule groups { message \"{ie(234)} of {ie(94)} back {ie(99999, 7)}\" when count(ie(33) == 22 and ie(94) ~ /ev.l/) by ie(18)/24 "
    "over 60s > 8 }";

static void
play(uint32_t batch, struct alerts *a)
{
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .batch_rows = batch });
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, a, TSN_SEV_INFO);
	struct values v[10];

	for (uint32_t i = 0; i < 10; i++)
		v[i] = (struct values){ 0x0a000001 + i, i < 8 ? 22 : 9, 70 + i, 0xc0000200 + i, 1000 + i, i % 2 ? "evil" : "very evil" };
	cr_assert(tsn_engine_add_sink(e, sink));
	load(e, rules);
	send(e, true, v, 10, 0, START);
	tsn_engine_flush(e);
	cr_assert_eq(a->n, 0);
	/* other columns, and the templates are known already */
	{
		struct tsn_buf text = TSN_BUF_INIT;

		tsn_buf_printf(&text, "rule before { when ie(5, 5) == 1 and ie(5, 6) == 1 and ie(18) == 10.0.0.1 or ie(234) == 1 } %s", rules);
		load(e, tsn_buf_str(&text));
		tsn_buf_fini(&text);
	}
	send(e, false, v, 3, 10, START + 1000);
	tsn_engine_finish(e);
	cr_assert_eq(a->n, 1);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

Test(core_elements, from_the_wire_to_an_alert)
{
	static const uint32_t batches[] = { 1, 7, TSN_BATCH_ROWS };

	for (int i = 0; i < 3; i++) {
		struct alerts a = { 0 };

		play(batches[i], &a);
		cr_assert_str_eq(a.key, "ie(18)");
		/* the flow that opened it is of the last match in its batch */
		cr_expect_not_null(strstr(a.message, " back 100"), "%s", a.message);
		cr_expect_eq(strncmp(a.message, "7", 1), 0, "%s", a.message);
	}
}

/* What has no column where a rule does not name it is not looked at; what is a field is the field. */
Test(core_elements, fields_are_themselves)
{
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ 0 });
	struct alerts a = { 0 };
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, &a, TSN_SEV_INFO);
	struct values v = { 0x0a000001, 1, 2, 3, 4, "x" };

	cr_assert(tsn_engine_add_sink(e, sink));
	load(e, "rule r { when ie(4) == igmp and ie(8) == 10.0.0.1 and bytes == 100 and not has(ie(333)) alert each }");
	cr_assert_eq(tsn_engine_ruleset(e)->program->nwanted, 1);
	send(e, true, &v, 1, 0, START);
	tsn_engine_finish(e);
	cr_assert_eq(a.n, 1);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

static void
on_any(void *arg, const struct tsn_alert *al)
{
	tsn_buf_printf(arg, "%d at %lld of %llu\n", (int)al->state, (long long)(al->time - START), (unsigned long long)al->flows);
}

/* A flow that waits for its template is received when that comes, much later: so long its alert stays open. */
Test(core_elements, what_waited_comes_when_its_template_does)
{
	static const uint32_t batches[] = { 1, 7, TSN_BATCH_ROWS };
	struct values v = { 0x0a000001, 1, 2, 3, 4, "x" };
	struct tsn_buf out[3] = { TSN_BUF_INIT, TSN_BUF_INIT, TSN_BUF_INIT };

	for (int i = 0; i < 3; i++) {
		struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .batch_rows = batches[i] });
		struct tsn_sink *sink = tsn_sink_call_new(on_any, &out[i], TSN_SEV_INFO);

		cr_assert(tsn_engine_add_sink(e, sink));
		load(e, "rule r { when proto == 2 alert once by proto per 5s }");
		tsn_engine_clock(e, TSN_TIME_NONE); /* a record that tells no time */
		send_from(e, 1, true, &v, 1, 0, START);
		send_from(e, 2, false, &v, 1, 0, START + 6000);
		send_from(e, 2, true, &v, 0, 1, START + 60700);
		send_from(e, 1, false, &v, 1, 1, START + 60600);
		tsn_engine_clock(e, START + 80000);
		tsn_engine_finish(e);
		cr_assert_str_eq(tsn_buf_str(&out[i]), "1 at 0 of 1\n3 at 5000 of 1\n1 at 6000 of 1\n3 at 66000 of 2\n", "%u rows", batches[i]);
		tsn_buf_fini(&out[i]);
		tsn_engine_remove_sinks(e);
		tsn_sink_close(sink);
		tsn_engine_free(e);
	}
}

static int64_t missing[8];
static uint32_t nmissing;

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct tsn_value v;

	(void)arg;
	TSN_EACH_ROW(row, rows) {
		tsn_batch_get(b, row, TSN_F_EXPORTER_LOST, &v);
		cr_assert(v.known && nmissing < 8);
		missing[nmissing++] = v.i;
	}
}

/* A gap in the sequence of an IPFIX exporter is seen from the message after it on. */
Test(core_elements, losses_of_ipfix)
{
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all() });
	struct values v = { 0x0a000001, 1, 2, 3, 4, "x" };
	static const int64_t want[] = { 0, 0, 0, 40 };

	send(e, true, &v, 1, 0, START);
	send(e, false, &v, 1, 1, START);
	send(e, false, &v, 1, 42, START);
	send(e, false, &v, 1, 43, START);
	tsn_engine_flush(e);
	cr_assert_eq(nmissing, 4);
	cr_assert_arr_eq(missing, want, sizeof(want));
	tsn_engine_free(e);
}

/* --- columns that rules read or do not --- */

#define MANY 20 /* so that records are done several at a time */

/* As IPFIX with a template of its own, or NetFlow v5: the same flows. */
static void
send_flows(struct tsn_engine *e, bool ipfix, int64_t at)
{
	static const struct { unsigned id, len; } fields[] = { { 8, 4 }, { 12, 4 }, { 15, 4 }, { 4, 1 }, { 5, 1 }, { 16, 4 }, { 1, 4 } };
	const size_t n = sizeof(fields) / sizeof(fields[0]);
	struct nf_header h = { .version = 5, .count = -1u, .uptime = 90000, .secs = (uint32_t)(at / 1000) };
	struct nf_record r[MANY] = { { 0 } };
	uint8_t wire[4000], *p = wire, *set;

	for (unsigned i = 0; i < MANY; i++)
		r[i] = (struct nf_record){ .src = 0x0a000001 + i, .dst = 0x0a000002, .hop = 0xc0000200 + i, .packets = 1, .bytes = 100,
			.first = 80000, .last = 80000, .proto = 2, .tos = 40 + i, .sas = 600 + i };
	if (!ipfix) {
		tsn_engine_datagram(e, wire, nf_build(wire, &h, r, MANY), tsn_addr_v4(5), at);
		return;
	}
	p = nf_put(nf_put(nf_put(nf_put(p, 10, 2), 0, 2), (uint64_t)(at / 1000), 4), 0, 4);
	p = nf_put(p, 1, 4);
	p = nf_put(nf_put(nf_put(nf_put(p, 2, 2), 8 + 4 * n, 2), 256, 2), n, 2);
	for (size_t i = 0; i < n; i++)
		p = nf_put(nf_put(p, fields[i].id, 2), fields[i].len, 2);
	set = p;
	p = nf_put(nf_put(p, 256, 2), 0, 2);
	for (unsigned i = 0; i < MANY; i++) {
		p = nf_put(nf_put(nf_put(p, r[i].src, 4), r[i].dst, 4), r[i].hop, 4);
		p = nf_put(nf_put(nf_put(nf_put(p, r[i].proto, 1), r[i].tos, 1), r[i].sas, 4), r[i].bytes, 4);
	}
	nf_put(set + 2, (uint64_t)(p - set), 2);
	nf_put(wire + 2, (uint64_t)(p - wire), 2);
	tsn_engine_datagram(e, wire, (size_t)(p - wire), tsn_addr_v4(6), at);
}

/* What a reload asks for is there from the next message on, whoever decodes and whoever works; what it leaves out harms nobody. */
Test(core_elements, columns_follow_the_rules)
{
	static const char *const rules_of[] = {
		"rule none { when src == 10.0.0.12 message \"{dst}\" alert each }",
		"rule hop { when next_hop == 192.0.2.11 message \"{tos} {src}\" alert each }",
		"rule both { when dscp == 12 and src_as == 611 message \"{src_as} {next_hop}\" alert each }",
	};
	static const char *const want[] = { "10.0.0.2", "51 10.0.0.12", "611 192.0.2.11" };
	static const int order[] = { 0, 1, 0, 2, 1, 2, 0 };

	for (int round = 0; round < 8; round++) {
		struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .threads = 1 + (round & 1), .batch_rows = round & 2 ? 7 : 0 });
		struct alerts a = { 0 };
		struct tsn_sink *sink = tsn_sink_call_new(on_alert, &a, TSN_SEV_INFO);

		cr_assert(tsn_engine_add_sink(e, sink));
		for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
			load(e, rules_of[order[i]]);
			send_flows(e, round & 4, START + 1000 * i);
			tsn_engine_flush(e);
			cr_assert_eq(a.n, i + 1, "round %d, load %u: %u alerts", round, i, a.n);
			cr_assert_str_eq(a.message, want[order[i]]);
		}
		tsn_engine_finish(e);
		tsn_engine_remove_sinks(e);
		tsn_sink_close(sink);
		tsn_engine_free(e);
	}
}
