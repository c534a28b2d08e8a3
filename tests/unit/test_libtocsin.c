/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* libtocsin as its users see it: nothing but engine/tocsin.h (and a reader of JSON that is no part of it). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_json.h"
#include "tocsin.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define T0 1767571200000 /* 2026-01-05 00:00:00 UTC */

/* --- a caller --- */

struct heard {
	unsigned opened, ended, other, invalid, errors, lines;
	char last[8192];
	char log[512];
};

/* The value at [path] of the last record, with its quotes if it has any. */
static const char *
at(const struct heard *h, const char *path)
{
	return json_at(h->last, path);
}

static void
on_alert(void *arg, const char *json, size_t length)
{
	struct heard *h = arg;
	const char *state;

	cr_assert_lt(length, sizeof(h->last));
	memcpy(h->last, json, length);
	h->last[length] = '\0';
	h->invalid += !json_valid(json, length) || memchr(json, '\n', length) != NULL;
	state = at(h, "tocsin.state");
	if (strcmp(state, "\"open\"") == 0)
		h->opened++;
	else if (strcmp(state, "\"close\"") == 0)
		h->ended++;
	else
		h->other++;
}

static void
on_log(void *arg, int level, const char *line)
{
	struct heard *h = arg;

	h->errors += level == 0;
	h->lines++;
	snprintf(h->log, sizeof(h->log), "%s", line);
}

static struct tocsin *
listener(struct heard *h, uint32_t batch_rows)
{
	struct tocsin *t;

	memset(h, 0, sizeof(*h));
	t = tocsin_new(&(struct tocsin_options){ .on_alert = on_alert, .on_log = on_log, .arg = h, .batch_rows = batch_rows });
	cr_assert_not_null(t);
	cr_assert_str_eq(tocsin_diagnostics(t), "");
	return t;
}

static void
load(struct tocsin *t, const char *text)
{
	cr_assert(tocsin_load_text(t, "test.tsn", text), "%s", tocsin_diagnostics(t));
}

static void
mail(struct tocsin *t, const char *src, int64_t when)
{
	struct tocsin_field f[] = { { "src", src }, { "dst", "192.0.2.1" }, { "proto", "tcp" }, { "dst_port", "25" },
		{ "packets", "3" }, { "bytes", "180" } };

	cr_assert(tocsin_flow(t, f, COUNT(f), when));
}

/* --- NetFlow v5, byte by byte from its table --- */

static uint8_t *
put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

/* One datagram with one flow: src 10.0.0.1, dst 192.0.2.7, TCP with SYN to [port], at [seconds]. */
static size_t
datagram(uint8_t *p, unsigned port, uint32_t seconds, uint32_t sequence)
{
	uint8_t *q = p;

	q = put(put(q, 5, 2), 1, 2);
	q = put(put(put(q, 100000, 4), seconds, 4), 0, 4);
	q = put(put(q, sequence, 4), 0, 4);
	q = put(put(put(q, 0x0a000001, 4), 0xc0000207, 4), 0, 4);
	q = put(put(q, 3, 2), 4, 2);
	q = put(put(q, 1, 4), 40, 4);
	q = put(put(q, 100000, 4), 100000, 4);
	q = put(put(q, 40000, 2), port, 2);
	q = put(put(put(put(q, 0, 1), 2, 1), 6, 1), 0, 1);
	q = put(q, 0, 8);
	return (size_t)(q - p);
}

static const struct tocsin_address router = { 4, { 198, 51, 100, 1 } };

/* --- rules --- */

Test(libtocsin, rules_come_from_text)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	cr_expect_str_eq(tocsin_version(), TSN_VERSION);
	load(t, "rule spam { title \"Spam\" when count() by src over 60s > 2 message \"{src}: {value}\" }");
	cr_expect_str_eq(tocsin_diagnostics(t), "");
	for (int i = 0; i < 3; i++)
		mail(t, "10.0.0.5", T0 + i * 1000);
	cr_expect_eq(h.opened, 1);
	cr_expect_str_eq(at(&h, "tocsin.rule"), "\"spam\"");
	cr_expect_str_eq(at(&h, "alert.signature"), "\"Spam\"");
	cr_expect_str_eq(at(&h, "tocsin.message"), "\"10.0.0.5: 3\"");
	cr_expect_str_eq(at(&h, "tocsin.key.src"), "\"10.0.0.5\"");
	cr_expect_str_eq(at(&h, "tocsin.value"), "3");
	cr_expect_str_eq(at(&h, "timestamp"), "\"2026-01-05T00:00:02.000Z\"");
	cr_expect_eq(tocsin_flows(t), 3);
	tocsin_free(t);
	cr_expect_eq(h.invalid, 0);
}

Test(libtocsin, rules_come_from_files_and_directories)
{
	char dir[] = "/tmp/libtocsin.XXXXXX", path[4][64];
	static const char *const text[] = { "set watched = file \"list\"\ndefine bad = src in watched\nrule a { when bad }",
		"use \"a.tsn\"\nrule b { when bad and dst_port == 25 }", "10.0.0.5\n10.1.0.0/16\n" };
	static const char *const name[] = { "a.tsn", "b.tsn", "list" };
	const char *paths[] = { dir, "no/such.tsn" };
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	cr_assert_not_null(mkdtemp(dir));
	for (size_t i = 0; i < COUNT(text); i++) {
		FILE *f;

		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name[i]);
		f = fopen(path[i], "w");
		cr_assert_not_null(f);
		fputs(text[i], f);
		fclose(f);
	}
	cr_assert(tocsin_load(t, paths, 1), "%s", tocsin_diagnostics(t));
	mail(t, "10.0.0.5", T0);
	mail(t, "10.1.2.3", T0);
	mail(t, "10.2.2.3", T0);
	cr_expect_eq(h.opened, 4);

	cr_expect_not(tocsin_load(t, paths, 2));
	cr_expect_not_null(strstr(tocsin_diagnostics(t), "no/such.tsn"), "%s", tocsin_diagnostics(t));
	mail(t, "10.1.2.4", T0);
	cr_expect_eq(h.opened, 6, "the old rules stay");
	tocsin_free(t);
	for (size_t i = 0; i < COUNT(text); i++)
		unlink(path[i]);
	rmdir(dir);
}

Test(libtocsin, errors_are_told_and_change_nothing)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	load(t, "rule one { when count() by src over 60s > 2 }");
	mail(t, "10.0.0.5", T0);
	mail(t, "10.0.0.5", T0);
	cr_expect_not(tocsin_load_text(t, "new.tsn", "rule two {\n\twhen dst_prt == 25\n}\n"));
	cr_expect_str_eq(tocsin_diagnostics(t),
	    "new.tsn:2:7: error: no field \"dst_prt\" [E012]\n"
	    "    2 | \twhen dst_prt == 25\n"
	    "      | \t     ^~~~~~~ did you mean \"dst_port\"?\n", "%s", tocsin_diagnostics(t));
	mail(t, "10.0.0.5", T0);
	cr_expect_eq(h.opened, 1, "old rule and its window");
	load(t, "rule two { when dst_port == 25 }");
	cr_expect_str_eq(tocsin_diagnostics(t), "");
	tocsin_free(t);
}

Test(libtocsin, warnings_are_told_and_rules_work)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	load(t, "rule short { when count() by src over 5s > 1 }");
	cr_expect_not_null(strstr(tocsin_diagnostics(t), "test.tsn:1:"), "%s", tocsin_diagnostics(t));
	cr_expect_not_null(strstr(tocsin_diagnostics(t), "warning: "), "%s", tocsin_diagnostics(t));
	mail(t, "10.0.0.5", T0);
	mail(t, "10.0.0.5", T0);
	cr_expect_eq(h.opened, 1);
	tocsin_free(t);
}

Test(libtocsin, imports_are_looked_for_in_the_library)
{
	static const char *const library[] = { "stdlib-rules", NULL };
	static const char text[] = "use stdlib\nset home = { 10.0.0.0/8 }\n"
	    "override stdlib { set home_net = { 10.0.0.0/8, 2001:db8::/32 } }\nrule r { when outbound }";
	struct heard h = { 0 };
	struct tocsin *t = tocsin_new(&(struct tocsin_options){ .on_alert = on_alert, .arg = &h, .library = library });

	cr_assert_not_null(t);
	cr_assert(tocsin_load_text(t, "r.tsn", text), "%s", tocsin_diagnostics(t));
	mail(t, "10.0.0.5", T0);
	cr_expect_geq(h.opened, 1);
	tocsin_free(t);
	cr_assert_eq(chdir("/"), 0); /* texts may use what lies in the working directory */
	t = listener(&h, 0);
	cr_expect_not(tocsin_load_text(t, "r.tsn", text), "without a library there is no stdlib");
	cr_expect_not_null(strstr(tocsin_diagnostics(t), "stdlib"));
	tocsin_free(t);
}

/* --- flows --- */

Test(libtocsin, values_are_written_as_in_rules)
{
	static const struct {
		struct tocsin_field field;
		bool ok;
	} cases[] = {
		{ { "src", "10.0.0.1" }, true }, { { "src", "2001:db8::1" }, true }, { { "src", "10.0.0.256" }, false },
		{ { "src", "" }, false }, { { "src", "10.0.0.0/8" }, false }, { { "dst_port", "25" }, true },
		{ { "dst_port", "0x19" }, true }, { { "dst_port", "25x" }, false }, { { "dst_port", "-1" }, false },
		{ { "dst_port", "65536" }, false }, { { "dst_port", "smtp" }, true },
		{ { "dst_port", "smpt" }, false }, { { "dst_port", " 25" }, false }, { { "dst_port", "+25" }, false }, { { "dst_port", "0x" }, false },
		{ { "bytes", "010" }, true }, { { "dst_port", "" }, false }, { { "dst_port", "99999999999999999999" }, false },
		{ { "proto", "tcp" }, true }, { { "proto", "47" }, true }, { { "proto", "tpc" }, false }, { { "proto", "256" }, false },
		{ { "flags", "SYN|ACK" }, true }, { { "flags", "18" }, true }, { { "flags", "SYN|" }, false },
		{ { "flags", "SYNACK" }, false }, { { "flags", "65536" }, false }, { { "src_mac", "00:11:22:33:44:55" }, true },
		{ { "src_mac", "00:11:22:33:44" }, false }, { { "direction", "ingress" }, true }, { { "direction", "sideways" }, false },
		{ { "in_if_name", "eth0" }, true }, { { "bytes", "123" }, true }, { { "packets", "1" }, true },
		{ { "sport", "25" }, true }, { { "destinationTransportPort", "25" }, true }, { { "bps", "3" }, false },
		{ { "duration", "3" }, false }, { { "answered", "1" }, false }, { { "dst_prt", "25" }, false }, { { "", "" }, false },
		{ { "start", "1767571200000" }, true }, { { "end", "soon" }, false }, { { "tos", "255" }, true }, { { "tos", "256" }, false },
		{ { "in_if", "4294967295" }, true }, { { "in_if", "4294967296" }, false }, { { "src_mask", "33" }, true },
		{ { "vlan", "4094" }, true }, { { "vlan", "70000" }, false },
	};
	struct heard h;
	struct tocsin *t = listener(&h, 0);
	uint64_t flows = 0;

	load(t, "rule all { when packets >= 0 }");
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool ok = tocsin_flow(t, &cases[i].field, 1, T0);

		flows += cases[i].ok;
		cr_expect_eq(ok, cases[i].ok, "%s = \"%s\"", cases[i].field.name, cases[i].field.value);
		cr_expect_eq(tocsin_flows(t), flows, "%s = \"%s\"", cases[i].field.name, cases[i].field.value);
		flows = tocsin_flows(t);
	}
	tocsin_free(t);
}

Test(libtocsin, a_flow_is_what_its_fields_say)
{
	static const struct tocsin_field f[] = { { "src", "2001:db8::5" }, { "dst", "192.0.2.9" }, { "proto", "tcp" },
		{ "src_port", "4000" }, { "dst_port", "443" }, { "flags", "SYN|ACK|PSH" }, { "packets", "10" }, { "bytes", "4040" },
		{ "start", "1767571195000" }, { "end", "1767571200000" }, { "in_if", "3" }, { "exporter", "198.51.100.9" },
		{ "in_if_name", "uplink \"one\"" } };
	static const char *const true_of_it[] = { "src == 2001:db8::5", "flags has PSH and not flags has FIN", "bytes_per_packet == 404",
		"duration == 5s", "bps > 6463 and bps < 6465", "in_if_name ~ /^uplink/", "exporter == 198.51.100.9", "dst_port == https",
		"src/32/32 == 2001:db8::", "not has(src_as) and not has(icmp_type)" };
	static const char *const false_of_it[] = { "src == 2001:db8::6", "flags == SYN", "bytes_per_packet == 405", "duration > 5s",
		"in_if_name ~ /two/", "src_as == 0", "src_as != 0", "src_port == 443" };
	struct heard h;
	char text[256];

	for (size_t i = 0; i < COUNT(true_of_it) + COUNT(false_of_it); i++) {
		bool want = i < COUNT(true_of_it);
		const char *condition = want ? true_of_it[i] : false_of_it[i - COUNT(true_of_it)];
		struct tocsin *t = listener(&h, 1);

		snprintf(text, sizeof(text), "rule r { when %s }", condition);
		load(t, text);
		cr_expect(tocsin_flow(t, f, COUNT(f), T0));
		cr_expect_eq(h.opened, want, "%s", condition);
		tocsin_free(t);
	}
}

Test(libtocsin, datagrams)
{
	struct heard h;
	struct tocsin *t = listener(&h, 7);
	uint8_t p[128];
	size_t n = datagram(p, 1434, T0 / 1000, 1);
	const struct tocsin_address mapped = { 16, { [10] = 0xff, [11] = 0xff, [12] = 198, [13] = 51, [14] = 100, [15] = 1 } };
	const struct tocsin_address odd = { 7, { 1 } };

	load(t, "rule port { when dst_port==1434 and flags == SYN and in_if == 3 }");
	cr_expect(tocsin_datagram(t, p, n, &router, T0));
	tocsin_flush(t);
	cr_expect_eq(h.opened, 1);
	cr_expect_str_eq(at(&h, "src_ip"), "\"10.0.0.1\"");
	cr_expect_str_eq(at(&h, "dest_ip"), "\"192.0.2.7\"");
	cr_expect_str_eq(at(&h, "tocsin.exporter"), "\"198.51.100.1\"");
	cr_expect(tocsin_datagram(t, p, n, &mapped, T0), "an IPv4-mapped address is the IPv4 one");
	tocsin_flush(t);
	cr_expect_eq(tocsin_flows(t), 2);

	for (size_t cut = 0; cut < n; cut++)
		cr_expect_not(tocsin_datagram(t, p, cut, &router, T0), "cut at %zu", cut);
	cr_expect_not(tocsin_datagram(t, p, n, &odd, T0), "an address has 4 or 16 bytes");
	p[1] = 8;
	cr_expect_not(tocsin_datagram(t, p, n, &router, T0), "a version that is not read");
	tocsin_finish(t);
	cr_expect_eq(tocsin_flows(t), 2);
	cr_expect_eq(h.opened, 1);
	cr_expect_eq(h.ended, 0);
	tocsin_free(t);
}

/* IPFIX: template 256 of observation domain 1, its fields in this order; with a record if there are [values]. */
static size_t
ipfix(uint8_t *p, const uint16_t (*field)[2], size_t n, const uint32_t *values, uint32_t sequence)
{
	uint8_t *q = p + 16;

	if (values == NULL) {
		q = put(put(q, 2, 2), 8 + 4 * n, 2);
		q = put(put(q, 256, 2), n, 2);
		for (size_t i = 0; i < n; i++)
			q = put(put(q, field[i][0], 2), field[i][1], 2);
	} else {
		uint8_t *set = q;

		q += 4;
		for (size_t i = 0; i < n; i++)
			q = put(q, values[i], field[i][1]);
		put(put(set, 256, 2), (uint64_t)(q - set), 2);
	}
	put(put(put(put(put(p, 10, 2), (uint64_t)(q - p), 2), T0 / 1000, 4), sequence, 4), 1, 4);
	return (size_t)(q - p);
}

/* Two processes on one router use the same template id for different layouts. */
Test(libtocsin, templates_belong_to_their_session)
{
	static const uint16_t one[][2] = { { 8, 4 }, { 12, 4 }, { 4, 1 }, { 11, 2 } }, two[][2] = { { 11, 2 }, { 4, 1 }, { 12, 4 }, { 8, 4 } };
	static const uint32_t values_one[] = { 0x0a000001, 0xc0000207, 6, 25 }, values_two[] = { 25, 6, 0xc0000207, 0x0a000002 };
	static const uint32_t sessions[][2] = { { 40001, 40002 }, { TOCSIN_CONNECTION + 1, TOCSIN_CONNECTION + 2 } };
	struct heard h;
	uint8_t p[128];

	for (size_t i = 0; i < COUNT(sessions); i++) {
		struct tocsin *t = listener(&h, 0);
		const uint32_t *s = sessions[i];

		load(t, "rule mail { when dst_port == 25 and dst == 192.0.2.7 and src in { 10.0.0.1, 10.0.0.2 } }");
		cr_expect(tocsin_message(t, p, ipfix(p, one, COUNT(one), values_one, 0), &router, s[0], T0)); /* waits for the next */
		cr_expect(tocsin_message(t, p, ipfix(p, one, COUNT(one), NULL, 0), &router, s[0], T0));
		cr_expect(tocsin_message(t, p, ipfix(p, two, COUNT(two), NULL, 0), &router, s[1], T0));
		cr_expect(tocsin_message(t, p, ipfix(p, one, COUNT(one), values_one, 1), &router, s[0], T0));
		cr_expect(tocsin_message(t, p, ipfix(p, two, COUNT(two), values_two, 0), &router, s[1], T0));
		tocsin_flush(t);
		cr_expect_eq(tocsin_flows(t), 3);
		cr_expect_eq(h.opened, 2);
		if (s[0] >= TOCSIN_CONNECTION) {
			tocsin_session_end(t, &router, s[0]);
			tocsin_message(t, p, ipfix(p, one, COUNT(one), values_one, 2), &router, s[0], T0);
			tocsin_flush(t);
			cr_expect_eq(tocsin_flows(t), 3, "its templates went with it");
		}
		tocsin_free(t);
	}
}

Test(libtocsin, exporters_that_the_site_does_not_allow_are_refused)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);
	uint8_t p[128];
	size_t n = datagram(p, 1434, T0 / 1000, 1);
	const struct tocsin_address other = { 4, { 203, 0, 113, 1 } };

	load(t, "site { exporter 198.51.100.0/24 allow } rule port { when dst_port == 1434 }");
	cr_expect(tocsin_message(t, p, n, &router, 40000, T0));
	cr_expect_not(tocsin_message(t, p, n, &other, 40000, T0));
	tocsin_flush(t);
	cr_expect_eq(tocsin_flows(t), 1);
	tocsin_free(t);
}

/* --- time --- */

Test(libtocsin, alerts_end_when_time_passes)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	load(t, "rule r { when dst_port == 25 }");
	mail(t, "10.0.0.5", T0);
	cr_expect_eq(h.opened, 1);
	tocsin_clock(t, T0 + 50000);
	cr_expect_eq(h.ended, 0);
	tocsin_clock(t, T0 + 200000);
	cr_expect_eq(h.ended, 1);
	tocsin_clock(t, T0); /* time does not run backwards */
	mail(t, "10.0.0.5", T0 + 200000);
	cr_expect_eq(h.opened, 2);
	tocsin_free(t);
}

Test(libtocsin, windows_close_with_the_clock_and_at_the_end)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	load(t, "rule few { when count() by src per 1m < 3 }");
	mail(t, "10.0.0.5", T0 + 1000);
	tocsin_clock(t, T0 + 60000 + 29000);
	cr_expect_eq(h.opened, 0, "late flows may still come");
	tocsin_clock(t, T0 + 60000 + 31000);
	cr_expect_eq(h.opened, 1);
	cr_expect_str_eq(at(&h, "tocsin.quality"), "\"exact\"");
	mail(t, "10.0.0.6", T0 + 125000);
	tocsin_finish(t);
	cr_expect_eq(h.opened, 2);
	cr_expect_str_eq(at(&h, "tocsin.key.src"), "\"10.0.0.6\"");
	cr_expect_str_eq(at(&h, "tocsin.quality"), "\"partial\"");
	tocsin_free(t);
}

Test(libtocsin, a_reload_keeps_the_windows_of_what_is_unchanged)
{
	struct heard h;
	struct tocsin *t = listener(&h, 0);

	load(t, "rule spam { when count(dst_port == 25) by src over 60s > 4 }");
	for (int i = 0; i < 3; i++)
		mail(t, "10.0.0.5", T0 + i * 1000);
	load(t, "# another name and threshold, another text, the same count\n"
	    "let n = 3 rule mailer { when n < count( dst_port==25 ) by src over 1m }\nrule other { when count() by dst over 60s > 2 }");
	mail(t, "10.0.0.5", T0 + 3000);
	cr_expect_eq(h.opened, 1);
	cr_expect_str_eq(at(&h, "tocsin.rule"), "\"mailer\"");
	cr_expect_str_eq(at(&h, "tocsin.value"), "4");
	mail(t, "10.0.0.6", T0 + 3500);
	mail(t, "10.0.0.6", T0 + 3500);
	cr_expect_eq(h.opened, 2, "what is new starts empty: three flows to 192.0.2.1 since then");
	cr_expect_str_eq(at(&h, "tocsin.rule"), "\"other\"");
	cr_expect_eq(h.errors, 0);
	tocsin_free(t);
}

Test(libtocsin, many_reloads_lose_and_double_nothing)
{
	struct heard h;
	struct tocsin *t = listener(&h, 64);
	char text[160];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "rule r%d { when %s } rule all { when count() over 1h >= 1000 }", i % 3,
		    i % 5 == 4 ? "dst_prt == 1" : "dst_port == 25 alert each");
		cr_expect_eq(tocsin_load_text(t, "r.tsn", text), i % 5 != 4);
		for (int k = 0; k < 5; k++)
			mail(t, "10.0.0.5", T0 + i * 10 + k);
	}
	tocsin_flush(t);
	cr_expect_eq(tocsin_flows(t), 1000);
	cr_expect_eq(h.other, 1000, "%u", h.other);
	cr_expect_eq(h.opened, 1, "the thousandth flow, counted over all reloads");
	tocsin_free(t);
}

Test(libtocsin, handles_are_independent_and_hashes_may_be_seeded)
{
	struct heard a, b;
	struct tocsin *s = listener(&a, 1), *t;

	memset(&b, 0, sizeof(b));
	t = tocsin_new(&(struct tocsin_options){ .on_alert = on_alert, .arg = &b, .hash_seed = 42, .batch_rows = 1024 });
	cr_assert_not_null(t);
	load(s, "rule r { when count() by src over 60s > 1 }");
	load(t, "rule r { when count() by src over 60s > 1 }");
	for (int i = 0; i < 50; i++) {
		char src[32];

		snprintf(src, sizeof(src), "10.0.%d.1", i / 2);
		mail(s, src, T0 + i);
		mail(t, src, T0 + i);
	}
	cr_expect_eq(a.opened, 25);
	cr_expect_eq(b.opened, 25);
	cr_expect_str_eq(a.last, b.last);
	tocsin_free(s);
	mail(t, "10.9.9.9", T0 + 100);
	tocsin_finish(t);
	tocsin_free(t);
	tocsin_free(NULL);
}

Test(libtocsin, without_rules_or_callbacks_flows_are_counted)
{
	struct tocsin *t = tocsin_new(&(struct tocsin_options){ 0 });

	cr_assert_not_null(t);
	mail(t, "10.0.0.5", T0);
	tocsin_flush(t);
	cr_expect_eq(tocsin_flows(t), 1);
	load(t, "rule r { when dst_port == 25 }");
	mail(t, "10.0.0.5", T0);
	tocsin_clock(t, T0 + 1000000);
	tocsin_finish(t);
	cr_expect_eq(tocsin_flows(t), 2);
	tocsin_free(t);
}
