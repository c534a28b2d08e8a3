/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a record holds and how it is written as JSON. */
#include <criterion/criterion.h>

#include "build_alert.h"
#include "check_json.h"
#include "mail_rule.h"

/* The checker itself must be able to say no. */
Test(alert_format, the_checker_of_json_is_strict)
{
	static const char *const good[] = { "{}", "[]", "0", "-0.5e+3", "\"\\u00e4\xc3\xa4\"", "{\"a\":[1,{\"b\":null}]}", "true" };
	static const char *const bad[] = { "", "{", "{}x", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "[1,]", "01", "1.", "\"\x01\"", "\"\xc3\"",
		"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\\x\"", "\"\\u12g4\"", "nul", "{a:1}", "-", "+1", "\"" };

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(json_valid(good[i], strlen(good[i])), "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect(!json_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
	cr_expect_str_eq(json_at("{\"a\":[1,{\"b\":\"x\"}],\"c\":3}", "a[1].b"), "\"x\"");
	cr_expect_str_eq(json_at("{\"a\":[1,{\"b\":\"x\"}],\"c\":3}", "d"), "");
}

static const char *tags[] = { "spam", "mail" };

Test(alert_format, the_record_of_the_language_reference)
{
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct player p = { .json = true, .threshold = 100 };

	cr_assert(play_begin(&p, &program, 10));
	play_mail(&p, 90000, 1);
	cr_expect_str_eq(tsn_buf_str(&p.out),
	    "{\"timestamp\":\"2026-01-05T00:01:30.000Z\",\"event_type\":\"alert\","
	    "\"src_ip\":\"10.0.0.5\",\"src_port\":4123,\"dest_ip\":\"192.0.2.7\",\"dest_port\":25,\"proto\":\"TCP\","
	    "\"alert\":{\"action\":\"allowed\",\"signature_id\":900123,\"rev\":3,\"signature\":\"Host sends mail like a spam bot\","
	    "\"category\":\"worms\",\"severity\":1,\"metadata\":{\"mitre_technique_id\":[\"T1071.003\"]}},"
	    "\"tocsin\":{\"id\":\"da9027c4c713ca21ea761078e0e4d3ec\",\"rule\":\"worms.smtp_spam\",\"ruleset\":\"worms 2026.11.1\","
	    "\"severity\":\"high\",\"state\":\"open\",\"key\":{\"src\":\"10.0.0.5\"},\"value\":101,\"threshold\":100,"
	    "\"quality\":\"exact\",\"window\":{\"start\":\"2026-01-05T00:00:28.000Z\",\"end\":\"2026-01-05T00:01:30.000Z\"},"
	    "\"first_seen\":\"2026-01-05T00:01:30.000Z\",\"last_seen\":\"2026-01-05T00:01:30.000Z\",\"flows\":1,"
	    "\"exporter\":\"192.0.2.1\",\"exporter_name\":\"edge-1\",\"in_if\":12,\"out_if\":3,"
	    "\"message\":\"10.0.0.5 opened 101 SMTP connections in a minute via edge-1 if 12\","
	    "\"samples\":[{\"src\":\"10.0.0.5\",\"dst\":\"192.0.2.7\",\"src_port\":4123,\"dst_port\":25,\"proto\":\"tcp\","
	    "\"flags\":\"SYN|ACK\",\"packets\":3,\"bytes\":180,\"start\":\"2026-01-05T00:01:29.750Z\","
	    "\"end\":\"2026-01-05T00:01:30.000Z\",\"in_if\":12,\"out_if\":3}]}}\n", "%s", tsn_buf_str(&p.out));
	play_end(&p);
}

Test(alert_format, the_closing_record_tells_what_was_seen)
{
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct player p = { .json = true, .threshold = 100 };
	char id[64];
	const char *close;

	cr_assert(play_begin(&p, &program, 10));
	play_mail(&p, 90000, 1);
	snprintf(id, sizeof(id), "%.63s", json_at(tsn_buf_str(&p.out), "tocsin.id"));
	tsn_buf_clear(&p.out);
	play_mail(&p, 91000, 20);
	cr_assert_eq(p.out.len, 0, "no record while it is open");
	play_until(&p, 170000);
	close = tsn_buf_str(&p.out);
	cr_assert(json_valid(close, p.out.len - 1));
	cr_expect_str_eq(json_at(close, "tocsin.id"), id);
	cr_expect_str_eq(json_at(close, "tocsin.state"), "\"close\"");
	cr_expect_str_eq(json_at(close, "timestamp"), "\"2026-01-05T00:02:50.000Z\"");
	cr_expect_str_eq(json_at(close, "tocsin.flows"), "21");
	cr_expect_str_eq(json_at(close, "tocsin.first_seen"), "\"2026-01-05T00:01:30.000Z\"");
	cr_expect_str_eq(json_at(close, "tocsin.last_seen"), "\"2026-01-05T00:01:50.000Z\"");
	cr_expect_str_eq(json_at(close, "tocsin.value"), "120");
	cr_expect_str_eq(json_at(close, "dest_ip"), "\"192.0.2.26\"", "of the flow that matched last");
	cr_expect_str_eq(json_at(close, "tocsin.message"),
	    "\"10.0.0.5 opened 120 SMTP connections in a minute via edge-1 if 12\"");
	cr_expect_str_eq(json_at(close, "tocsin.samples[0].dst"), "\"192.0.2.7\"", "the first five");
	cr_expect_str_eq(json_at(close, "tocsin.samples[4].dst"), "\"192.0.2.10\"");
	cr_expect_str_eq(json_at(close, "tocsin.samples[5]"), "");
	play_end(&p);
}

Test(alert_format, a_stateless_record_has_no_numbers_and_each_no_state)
{
	struct tsn_rule rule = simple_rule("slammer", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row[] = { { 1000, 1000, 5, 1, 1434 }, { 1000, 1000, 5, 1, 1435 } };
	static const char *const none[] = { "tocsin.value", "tocsin.threshold", "tocsin.window", "tocsin.state", "tocsin.error",
		"tocsin.sampling", "tocsin.exporter", "tocsin.exporter_name", "tocsin.in_if", "tocsin.message", "tocsin.tags",
		"alert.metadata", "src_port", "dest_ip", "tocsin.samples[1]", "icmp_type" };
	struct player p = { .json = true };
	char *second;

	rule.each = true;
	cr_assert(play_begin(&p, &program, 10));
	play_rows(&p, row, 2, 2);
	second = strchr(p.out.p, '\n') + 1;
	second[-1] = '\0';
	cr_expect(json_valid(p.out.p, strlen(p.out.p)));
	for (size_t i = 0; i < COUNT(none); i++)
		cr_expect_str_eq(json_at(p.out.p, none[i]), "", "%s is left out", none[i]);
	cr_expect_str_eq(json_at(p.out.p, "alert.category"), "\"local\"");
	cr_expect_str_eq(json_at(p.out.p, "tocsin.ruleset"), "\"local\"");
	cr_expect_str_eq(json_at(p.out.p, "alert.signature"), "\"slammer\"");
	cr_expect_str_eq(json_at(p.out.p, "alert.rev"), "1");
	cr_expect_str_eq(json_at(p.out.p, "proto"), "\"UDP\"");
	cr_expect_str_eq(json_at(p.out.p, "tocsin.samples[0].dst_port"), "1434");
	cr_expect(strncmp(strstr(p.out.p, "\"id\""), strstr(second, "\"id\""), 30) != 0, "two flows of one key have two ids");
	play_end(&p);
}

/* The record of a rule that the caller has changed, for one flow that [put] makes. */
static void
one_record(struct tsn_rule *rule, void (*put)(struct tsn_batch *), struct tsn_buf *json)
{
	struct tsn_program program = program_of(rule, 1);
	struct row row[1] = { { .rules = 1, .value = 1 } };
	struct player p = { .json = true };

	cr_assert(play_begin(&p, &program, 10));
	tsn_batch_clear(p.batch, TSN_BATCH_FLOWS);
	p.batch->time[0] = p.batch->received[0] = T0;
	p.batch->n = 1;
	if (put != NULL)
		put(p.batch);
	play_batch(&p, row);
	tsn_buf_add(json, p.out.p, p.out.len - 1);
	play_end(&p);
}

Test(alert_format, severities_are_suricatas)
{
	static const char *const eve[] = { "4", "3", "2", "1", "1" };
	static const char *const word[] = { "\"info\"", "\"low\"", "\"medium\"", "\"high\"", "\"critical\"" };

	for (int s = TSN_SEV_INFO; s <= TSN_SEV_CRITICAL; s++) {
		struct tsn_rule rule = simple_rule("r", 60000, 60000);
		struct tsn_buf json = TSN_BUF_INIT;

		rule.severity = (enum tsn_severity)s;
		one_record(&rule, NULL, &json);
		cr_expect_str_eq(json_at(json.p, "alert.severity"), eve[s]);
		cr_expect_str_eq(json_at(json.p, "tocsin.severity"), word[s]);
		tsn_buf_fini(&json);
	}
}

/* One flow a batch: what their exporter is called, by a letter each, or '-' where nobody has said; the record of the end. */
static void
last_record(const char *names, struct tsn_buf *json)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	struct player p = { .json = true };
	const char *line;

	cr_assert(play_begin(&p, &program, 10));
	for (int64_t i = 0; names[i] != '\0'; i++) {
		const struct row row = { .received = i * 1000, .time = i * 1000, .src = 5, .rules = 1, .value = 1 };

		tsn_batch_clear(p.batch, TSN_BATCH_FLOWS);
		play_put(p.batch, &row);
		if (names[i] != '-')
			tsn_batch_put_str(p.batch, 0, TSN_F_EXPORTER_NAME, (struct tsn_str){ &names[i], 1 });
		play_batch(&p, &row);
	}
	play_until(&p, 600000);
	p.out.p[p.out.len - 1] = '\0';
	line = strrchr(p.out.p, '\n') + 1;
	tsn_buf_add(json, line, strlen(line));
	play_end(&p);
}

Test(alert_format, a_name_is_that_of_the_flow_that_matched_last)
{
	static const char *const flows[] = { "a", "-", "ab", "a-", "-a", "a-b", "--a-", "aaaaaaaa-", "--------b", "-a-a-a-a-b", "-a--a----" };

	for (size_t i = 0; i < COUNT(flows); i++) {
		const char last = flows[i][strlen(flows[i]) - 1], name[] = { '"', last, '"', '\0' };
		struct tsn_buf json = TSN_BUF_INIT;

		last_record(flows[i], &json);
		cr_expect_str_eq(json_at(tsn_buf_str(&json), "event_type"), "\"alert\"");
		cr_expect_str_eq(json_at(tsn_buf_str(&json), "tocsin.exporter_name"), last == '-' ? "" : name, "%s", flows[i]);
		tsn_buf_fini(&json);
	}
}

static const char evil[] = "a\"b\\c\n\x1b[31m\x7f\xff\xc0\xaf\xe2\x82\xac\xc2\x9b";

static void
put_evil(struct tsn_batch *b)
{
	tsn_batch_put_str(b, 0, TSN_F_EXPORTER_NAME, (struct tsn_str){ evil, sizeof(evil) - 1 });
	tsn_batch_put_str(b, 0, TSN_F_IN_IF_NAME, (struct tsn_str){ "x\0y", 3 });
	tsn_batch_put_str(b, 0, TSN_F_HTTP_HOST, (struct tsn_str){ evil, sizeof(evil) }); /* its NUL too */
}

Test(alert_format, strings_from_the_wire_stay_strings)
{
	struct tsn_piece piece[] = { { .kind = TSN_PIECE_FIELD, .field = TSN_F_HTTP_HOST }, { .kind = TSN_PIECE_TEXT, .text = "|end" } };
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_buf json = TSN_BUF_INIT;

	rule.message = piece;
	rule.nmessage = 2;
	rule.title = "t\"\\\n";
	rule.tags = (struct tsn_string_list){ tags, 2 };
	rule.key = key_of(TSN_F_HTTP_HOST);
	one_record(&rule, put_evil, &json);
	cr_assert(json_valid(json.p, json.len), "%s", json.p);
	cr_expect_str_eq(json_at(json.p, "tocsin.exporter_name"),
	    "\"a\\\"b\\\\c\\n\\u001b[31m\\u007f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac\xc2\x9b\"");
	cr_expect_str_eq(json_at(json.p, "alert.signature"), "\"t\\\"\\\\\\n\"");
	cr_expect(strstr(json_at(json.p, "tocsin.message"), "|end\"") != NULL, "a NUL does not end the message");
	cr_expect_str_eq(json_at(json.p, "tocsin.tags"), "[\"spam\",\"mail\"]");
	tsn_buf_fini(&json);
}

static void
put_icmp6(struct tsn_batch *b)
{
	static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };

	tsn_batch_put_addr(b, 0, TSN_F_SRC, tsn_addr_from_v6(bytes));
	tsn_batch_put_int(b, 0, TSN_F_PROTO, 58);
	tsn_batch_put_int(b, 0, TSN_F_ICMP_TYPE, 128);
	tsn_batch_put_int(b, 0, TSN_F_ICMP_CODE, 0);
}

static void
put_proto_200(struct tsn_batch *b)
{
	tsn_batch_put_int(b, 0, TSN_F_PROTO, 200);
}

Test(alert_format, protocols_and_icmp_as_suricata_writes_them)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_buf json = TSN_BUF_INIT;

	rule.key.part[0].v6_bits = 64;
	rule.key.part[0].v4_bits = 24;
	rule.key.part[rule.key.n++] = (struct tsn_key_part){ TSN_F_SRC, 32, 128 };
	one_record(&rule, put_icmp6, &json);
	cr_expect(json_valid(json.p, json.len));
	cr_expect_str_eq(json_at(json.p, "proto"), "\"IPv6-ICMP\"");
	cr_expect_str_eq(json_at(json.p, "icmp_type"), "128");
	cr_expect_str_eq(json_at(json.p, "icmp_code"), "0");
	cr_expect_str_eq(json_at(json.p, "src_ip"), "\"2001:db8::9\"");
	cr_expect_str_eq(json_at(json.p, "tocsin.key"), "{\"src\":\"2001:db8::/64\",\"src/32/128\":\"2001:db8::9\"}");
	tsn_buf_clear(&json);
	one_record(&rule, put_proto_200, &json);
	cr_expect_str_eq(json_at(json.p, "proto"), "\"200\"");
	cr_expect_str_eq(json_at(json.p, "tocsin.key"), "{}", "absent parts are left out");
	tsn_buf_fini(&json);
}

/* S12: the first of several comparisons that is true. */
static bool
second_holds(void *arg, uint32_t export, uint32_t row)
{
	(void)arg;
	(void)row;
	return export == 11;
}

static bool
second_value(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	(void)arg;
	(void)row;
	*i = 0;
	*f = export == 12 ? 2.5 : 0.1;
	*real = true;
	return export < 20;
}

Test(alert_format, value_and_threshold_are_of_the_first_true_comparison)
{
	struct tsn_report report[] = { { 1, 2, 3, 60000, false, false, TSN_REL_GT, 0, TSN_T_INT },
		{ 11, 12, 13, 300000, true, false, TSN_REL_GT, 0, TSN_T_REAL },
		{ 21, 22, 23, 60000, false, false, TSN_REL_GT, 0, TSN_T_INT } };
	struct tsn_alert_reads reads = { NULL, second_holds, NULL, second_value, NULL };
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row = { 400000, 400000, 5, 1, 0, 0 };
	struct player p = { .json = true };

	rule.report = report;
	rule.nreports = 3;
	cr_assert(play_begin(&p, &program, 10));
	play_put(p.batch, &row);
	tsn_mask_first(&p.batch->rows, 1);
	tsn_alerts_match(p.alerts, &reads, 0, &p.batch->rows, p.batch);
	tsn_alerts_flush(p.alerts);
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.value"), "2.5");
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.threshold"), "0.1");
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.window.start"), "\"2026-01-05T00:05:00.000Z\"", "aligned");
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.window.end"), "\"2026-01-05T00:10:00.000Z\"");
	play_end(&p);
}

/* LANGUAGE.md section 5: the alert of a count above 100 is about 101 flows. */
Test(alert_format, flows_begin_with_what_the_count_had_counted)
{
	struct tsn_report report = smtp_report[0];
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct player p = { .json = true, .threshold = 100 };

	report.counts = true;
	rule.report = &report;
	cr_assert(play_begin(&p, &program, 1024));
	play_mail(&p, 90000, 3);
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.flows"), "101", "%s", tsn_buf_str(&p.out));
	play_end(&p);
}

/* --- quality --- */

Test(alert_format, sampled_flows_are_estimates)
{
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	const struct row row[] = { { 1000, 1000, 5, 1, 101 }, { 2000, 2000, 5, 1, 300, 1000 }, { 3000, 3000, 5, 1, 300, 100 } };
	struct player p = { .json = true, .threshold = 100 };

	cr_assert(play_begin(&p, &program, 10));
	play_rows(&p, row, 3, 3);
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.quality"), "\"exact\"");
	tsn_buf_clear(&p.out);
	play_until(&p, 63000);
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.quality"), "\"estimated\"");
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.sampling"), "1000", "the largest interval");
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.error"), "", "a count has none");
	play_end(&p);
}

Test(alert_format, an_eviction_within_the_window_is_partial)
{
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct player p = { .json = true, .threshold = 0 };
	const struct tsn_vector *const args[] = { NULL };
	struct tsn_vector *const results[] = { NULL };
	struct tsn_mask none = { 0 };
	struct tsn_state *state;
	static struct row row[200];
	const char *want[] = { "\"exact\"", "\"partial\"" };
	uint32_t npartial = 0;
	int first = -1;

	smtp_family[0].max_keys = 64; /* one group in each of the 64 parts */
	state = tsn_state_new(smtp_family, 1, 0);
	cr_assert(state != NULL && play_begin_over(&p, &program, 1000, NULL, state));
	for (uint32_t i = 0; i < COUNT(row); i++) {
		row[i] = (struct row){ 1000 + i, 1000 + i, 1 + i, 1, 1, 0 };
		play_put(p.batch, &row[i]);
	}
	tsn_mask_first(&p.batch->rows, p.batch->n);
	cr_assert(tsn_state_fold(state, 0, p.batch, &p.batch->rows, &none, args, results));
	for (uint32_t i = 0; i < COUNT(row) && first < 0; i++)
		if (tsn_state_evicted(state, 0, p.batch, i) != TSN_TIME_NONE)
			first = (int)i;
	cr_assert(first > 1 && first < 64, "65 keys cannot fit in 64 parts: %d", first);
	cr_assert_eq(tsn_state_evicted(state, 0, p.batch, (uint32_t)first), T0 + 1000 + first);
	play_batch(&p, row);
	for (uint32_t i = 0, at = 0; i < COUNT(row); i++) {
		char *end = strchr(p.out.p + at, '\n');

		const bool lost = tsn_state_evicted(state, 0, p.batch, i) != TSN_TIME_NONE; /* in its part, up to it */

		*end = '\0';
		cr_assert(!lost || (int)i >= first);
		npartial += lost;
		cr_assert_str_eq(json_at(p.out.p + at, "tocsin.quality"), want[lost], "row %u", i);
		at = (uint32_t)(end + 1 - p.out.p);
	}
	cr_assert_gt(npartial, 100);
	tsn_state_free(state);
	play_end(&p);
}

/* --- identity --- */

static void
id_of(const char *name, const char *version, uint32_t src, int64_t ms, uint32_t size, char id[64])
{
	struct tsn_rule rule = simple_rule(name, 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row[] = { { 0, 0, 99, 1 }, { ms + 500, ms, src, 1 } };
	struct player p = { .json = true };
	const char *line;

	rule.version = version;
	cr_assert(play_begin(&p, &program, 10));
	play_rows(&p, row, 2, size);
	line = strchr(p.out.p, '\n') + 1;
	p.out.p[p.out.len - 1] = '\0';
	snprintf(id, 64, "%.63s", json_at(line, "tocsin.id"));
	cr_assert_eq(strlen(id), 34);
	play_end(&p);
}

Test(alert_format, ids_name_the_alert)
{
	char id[7][64];

	id_of("r", NULL, 5, 1000, 1, id[0]);
	id_of("r", NULL, 5, 1000, 2, id[1]);
	id_of("q", NULL, 5, 1000, 1, id[2]);
	id_of("r", "2", 5, 1000, 1, id[3]);
	id_of("r", NULL, 6, 1000, 1, id[4]);
	id_of("r", NULL, 5, 1001, 1, id[5]);
	cr_expect_str_eq(id[0], id[1]);
	for (int i = 2; i < 6; i++)
		cr_expect_str_neq(id[0], id[i], "%d", i);
	cr_expect_neq(tsn_alert_sid("worms.slammer"), 0);
	cr_expect_eq(tsn_alert_sid("worms.slammer") >> 31, 0);
	cr_expect_neq(tsn_alert_sid("worms.slammer"), tsn_alert_sid("worms.slammes"));
}
