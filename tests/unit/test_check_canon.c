/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Canonical forms (S49): what is one expression however it is written, and what is not. */
#include "test_check.h"

static const char *const prelude =
    "let spam = 100 let mail = 25 let minute = 60s\n"
    "set home = { 10.0.0.0/8, 2001:db8::/32 }\n"
    "set ports = { 80, 443 }\n"
    "define is_mail = dst_port == mail and proto == tcp\n"
    "define conns = count(is_mail) by src over 60s\n"
    "set home_hosts = { 10.0.0.1, 10.0.0.2 }\n"
    "rule quiet { when dst_port == 1 } rule loud { when dst_port == 2 }\n";

static char *
form(const char *when, bool rule_form)
{
	char text[2048];
	struct made m;
	char *s;

	snprintf(text, sizeof(text), "%srule r { %s%s }", prelude, strstr(when, "when ") == NULL ? "when " : "", when);
	m = make_text(text);
	s = strdup(rule_form ? rule_of(&m, "r")->meta.canon : rule_of(&m, "r")->when->canon);
	unmake(&m);
	return s;
}

static const struct { const char *a, *b; } same[] = {
	{ "dst_port == 25 and proto == tcp", "proto == tcp and dst_port == 25" },
	{ "dst_port == 25 and proto == tcp", "is_mail" },
	{ "dst_port==25 or src in home", "(src in home) or (dst_port == mail)" },
	{ "dst_port == smtp", "dst_port == 25" },
	{ "dst_port == 0x19", "dst_port == mail" },
	{ "25 == dst_port", "dst_port == 25" },
	{ "100 < bytes", "bytes > 100" },
	{ "bytes > 1k", "bytes > 1000" },
	{ "bytes > 1kB", "bytes > 1000" },
	{ "rate(bytes) by src over 60s > 8Mbit", "rate(bytes) by src over 60s > 1MB" },
	{ "dport == 25", "destinationTransportPort == 25" },
	{ "sa == 10.0.0.1", "src == 10.0.0.1" },
	{ "count(dst_port == 25 and proto == tcp) by src over 60s > 100", "conns > spam" },
	{ "count() by src over 60s > 5", "count() by src over 1m > 5" },
	{ "count() by src over 60s > 5", "count() by src over minute > 5" },
	{ "count() by src over 60s > 5", "(count() > 5) by src over 60s" },
	{ "count() by src over 60s > 5", "count() by src over 60s step 4s > 5" },
	{ "count() by src over 60s > 5", "count(max_keys 2000) by src over 60s > 5" },
	{ "count(time received) by src over 60s > 5", "count() by src over 60s time received > 5" },
	{ "count() by src/24 over 60s > 5", "count() by src/24/64 over 60s > 5" },
	{ "distinct(dst, dst_port) by src over 60s > 5", "distinct(dst_port, dst) by src over 60s > 5" },
	{ "src in { 10.0.0.1, 10.0.0.0/8 }", "src in { 10.0.0.0/8, 10.0.0.1/32 }" },
	{ "src in { 10.0.0.1 }", "src == 10.0.0.1" },
	{ "src in { 10.0.0.0/8 }", "src in 10.0.0.0/8" },
	{ "dst_port in { 25 }", "dst_port == 25" },
	{ "dst_port in { http, https }", "dst_port in { 443, 80 }" },
	{ "src in { home }", "src in home" },
	{ "not (src in home)", "src not in home" },
	{ "not (dst_port == 25)", "dst_port != 25" },
	{ "not (bytes > 5)", "bytes <= 5" },
	{ "not not src in home", "src in home" },
	{ "not (src in home or dst_port == 25)", "src not in home and dst_port != 25" },
	{ "not (src in home and bytes < 5)", "src not in home or bytes >= 5" },
	{ "src in home and src in home", "src in home" },
	{ "src in home and (dst_port == 25 and bytes > 5)", "(src in home and dst_port == 25) and bytes > 5" },
	{ "flags == RST|ACK", "flags == ACK|RST" },
	{ "flags == 0x14", "flags == RST|ACK" },
	{ "flags & SYN == SYN", "flags has SYN" },
	{ "flags & SYN != 0", "flags has SYN" },
	{ "flags & (SYN|ACK) == SYN|ACK", "flags has ACK|SYN" },
	{ "flags & SYN == 0", "not flags has SYN" },
	{ "bytes + packets > 5", "packets + bytes > 5" },
	{ "bytes * 2 > 5 * 2", "2 * bytes > 10" },
	{ "bytes > packets", "packets < bytes" },
	{ "host in home", "src in home or dst in home" },
	{ "host not in home", "src not in home and dst not in home" },
	{ "port == 25", "src_port == 25 or dst_port == 25" },
	{ "port != 25", "src_port != 25 and dst_port != 25" },
	{ "host == 10.0.0.1", "10.0.0.1 == host" },
	{ "src/24 == 10.0.0.0/24", "src in 10.0.0.0/24" },
	{ "where dst_port == 25 when count() by src over 60s > 5",
	    "when dst_port == 25 and count(dst_port == 25) by src over 60s > 5" },
	{ "where is_mail when conns > 5", "when is_mail and conns > 5" },
	{ "src_mac == \"00:11:22:33:44:55\"", "src_mac == \"00-11-22-33-44-55\"" },
	{ "start > 2026-01-05", "start > 2026-01-05 - 0s" },
	{ "sum(bytes where dst_port == 25) by src over 60s > 5 ", "sum(bytes where dst_port == mail) by src over 60s > 5" },
	{ "new(dst, src) over 7d", "new(src, dst, max_keys 5000) over 1w" },
	{ "new(src, learn 7d) over 7d", "new(src) over 7d" },
	{ "new(src where dst_port == 22 and proto == tcp) over 7d", "new(src where proto == tcp and dst_port == 22) over 7d" },
	{ "not not absent() by src over 1h", "absent() by src over 60m" },
	{ "rank(sum(bytes)) by src per 1h <= 20", "20 >= (rank(sum(bytes)) by src per 60m)" },
	{ "baseline(count(), history 7d) by src over 1h > 5", "baseline(count(), season 24h, history 1w) by src over 1h > 5" },
	{ "baseline(count(dst_port == 22), history 2d) by src over 1h > 5", "baseline(count(dst_port == 22), history 48h, season 1h) by src over 1h > 5" },
	{ "zscore(count(), history 7d) by src over 1h > 5", "zscore(count(), history 7d, max_keys 1k) by src over 1h > 5" },
	{ "sequence(dst_port == 1, dst_port == 2) by src over 1h", "sequence(src where dst_port == 1, 2 == dst_port) by src over 60m" },
	{ "(sequence(dst_port == 1, dst_port == 2)) by src over 1h", "sequence(src where dst_port == 1, src where dst_port == 2) over 1h" },
	{ "count() by src at dst over 1h > 5", "count(max_keys 77) by src at dst over 1h > 5" },
};

static const struct { const char *a, *b; } different[] = {
	{ "dst_port == 25", "src_port == 25" },
	{ "dst_port == 25", "dst_port == 26" },
	{ "bytes > 5", "bytes >= 5" },
	{ "bytes > packets", "packets > bytes" },
	{ "bytes - packets > 5", "packets - bytes > 5" },
	{ "bytes / packets > 5", "packets / bytes > 5" },
	{ "count() by src over 60s > 5", "count() by dst over 60s > 5" },
	{ "count() by src over 60s > 5", "count() by src per 60s > 5" },
	{ "count() by src over 60s > 5", "count() by src over 61s > 5" },
	{ "count() by src over 60s > 5", "count() over 60s > 5" },
	{ "count() by src over 60s > 5", "count() by src over 60s step 10s > 5" },
	{ "count() by src over 60s > 5", "count() by src over 60s time received > 5" },
	{ "count() by src over 60s > 5", "count(has(bytes)) by src over 60s > 5" },
	{ "count() by src/24 over 60s > 5", "count() by src over 60s > 5" },
	{ "count() by src/24 over 60s > 5", "count() by src/24/48 over 60s > 5" },
	{ "count() by src, dst over 60s > 5", "count() by dst, src over 60s > 5" },
	{ "sum(bytes) by src over 60s > 5", "sum(packets) by src over 60s > 5" },
	{ "sum(bytes) by src over 60s > 5", "max(bytes) by src over 60s > 5" },
	{ "src in home", "src in { 10.0.0.0/8, 2001:db8::/32 }" },
	{ "src in { 10.0.0.1, 10.0.0.2 }", "src in { 10.0.0.1, 10.0.0.3 }" },
	{ "dst_port in ports", "dst_port in { 80, 443 }" },
	{ "flags == SYN", "flags has SYN" },
	{ "flags & (SYN|ACK) == SYN", "flags has SYN" },
	{ "flags & (SYN|FIN) != 0", "flags has SYN|FIN" },
	{ "dns_name ~ /a/", "dns_name ~ /a/i" },
	{ "dns_name ~ /a/", "http_host ~ /a/" },
	{ "dns_name == \"a\"", "dns_name == \"A\"" },
	{ "has(dst_as)", "has(src_as)" },
	{ "src in home or dst_port == 25", "src in home and dst_port == 25" },
	{ "new(src) over 7d", "new(src) over 30d" },
	{ "new(src) over 7d", "new(src, learn 1d) over 7d" },
	{ "new(src) by dst over 7d", "new(src, dst) over 7d" },
	{ "new(src) over 7d", "new(src) over 7d time received" },
	{ "absent(dst_port == 22) by src over 1h", "absent(dst_port == 23) by src over 1h" },
	{ "absent(dst_port == 22) by src over 1h", "absent(dst_port == 22, expect home_hosts) by src over 1h" },
	{ "rank(sum(bytes)) by exporter, src per 1h <= 20", "rank(sum(bytes), within exporter) by exporter, src per 1h <= 20" },
	{ "rank(sum(bytes)) by src per 1h <= 20", "rank(sum(packets)) by src per 1h <= 20" },
	{ "baseline(count(), history 7d) by src over 1h > 5", "baseline(count(), history 14d) by src over 1h > 5" },
	{ "baseline(count(), history 7d) by src over 1h > 5", "baseline(count(), history 7d, season 12h) by src over 1h > 5" },
	{ "zscore(count(), history 7d) by src over 1h > 5", "zscore(count(), history 7d) by src per 1h > 5" },
	{ "fired(quiet) by src over 1h > 5", "fired(loud) by src over 1h > 5" },
	{ "fired(quiet) by src over 1h > 5", "count() by src over 1h > 5" },
	{ "sequence(dst_port == 1, dst_port == 2) by src over 1h", "sequence(dst_port == 2, dst_port == 1) by src over 1h" },
	{ "sequence(dst_port == 1, dst_port == 2) by src over 1h", "sequence(dst_port == 1, dst_port == 2) by src over 2h" },
	{ "sequence(src where dst_port == 1, dst where dst_port == 2) over 1h",
	    "sequence(dst where dst_port == 1, src where dst_port == 2) over 1h" },
	{ "sequence(quiet, dst_port == 2) by src over 1h", "sequence(loud, dst_port == 2) by src over 1h" },
	{ "count() by src at dst over 1h > 5", "count() by src over 1h > 5" },
	{ "count() by src at dst over 1h > 5", "count() by dst at src over 1h > 5" },
	{ "stddev(bytes) by src over 1h > 5", "avg(bytes) by src over 1h > 5" },
	{ "jitter() by src over 1h > 5", "entropy(src_port) by src over 1h > 5" },
};

Test(check_canon, one_expression_two_spellings)
{
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char *a = form(same[i].a, false), *b = form(same[i].b, false);

		cr_expect_str_eq(a, b, "%s   |   %s", same[i].a, same[i].b);
		free(a);
		free(b);
	}
}

Test(check_canon, two_expressions)
{
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
		char *a = form(different[i].a, false), *b = form(different[i].b, false);

		cr_expect_str_neq(a, b, "%s   |   %s", different[i].a, different[i].b);
		free(a);
		free(b);
	}
}

Test(check_canon, equal_expressions_are_one_node)
{
	struct made m = make_text("define a = count(dst_port == 25) by src over 60s\n"
	    "rule r { when a > 5 } rule s { when (count(25 == dst_port) > 5) by src over 1m }");

	cr_assert_eq(rule_of(&m, "r")->when, rule_of(&m, "s")->when);
	unmake(&m);
}

/* State does not depend on thresholds, names of rules and max_keys; alerts do on most of them. */
Test(check_canon, family_and_aggregate)
{
	struct made m = make_text("rule a { when count(dst_port == 25) by src over 60s > 5 }\n"
	    "rule b { when count(dst_port == 25, max_keys 5000000) by src over 60s > 500 }\n"
	    "rule c { when sum(bytes where dst_port == 25) by src over 1h > 5 }");
	const struct tsn_ir_agg *a = rule_of(&m, "a")->when->kid[0]->agg, *b = rule_of(&m, "b")->when->kid[0]->agg;
	const struct tsn_ir_agg *c = rule_of(&m, "c")->when->kid[0]->agg;

	cr_expect_str_eq(a->family_canon, b->family_canon);
	cr_expect_str_eq(a->agg_canon, b->agg_canon);
	cr_expect_str_eq(a->family_canon, c->family_canon);
	cr_expect_str_neq(a->agg_canon, c->agg_canon);
	cr_expect_eq(b->max_keys, 5000000);
	cr_expect(c->share && c->nonneg);
	cr_expect_eq(a->pane_ms, 4000);
	cr_expect_eq(a->panes, 16);
	cr_expect_eq(c->pane_ms, 240000);
	unmake(&m);
}

static const struct { const char *rule; bool same; } rules[] = {
	{ "when dst_port == 25 and src in home", true },
	{ "when src in home and dst_port == mail", true },
	{ "when src in home and dst_port == mail severity medium", true },
	{ "when src in home and dst_port == mail severity high", false },
	{ "when src in home and dst_port == mail alert each", false },
	{ "when src in home and dst_port == mail alert once by src per 1m", true },
	{ "when src in home and dst_port == mail alert once by dst", false },
	{ "when src in home and dst_port == mail message \"x\"", false },
	{ "when src in home and dst_port == mail except bytes > 5", false },
	{ "when src in home and dst_port == mail requires flags", false },
	{ "when src in home and dst_port == mail sid 5", false },
	{ "when src in home and dst_port == mail title \"x\"", false },
};

Test(check_canon, what_changes_a_rule)
{
	char *first = form(rules[0].rule, true);

	for (size_t i = 1; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char *other = form(rules[i].rule, true);

		cr_expect_eq(strcmp(first, other) == 0, rules[i].same, "%s", rules[i].rule);
		free(other);
	}
	free(first);
}

static const struct { const char *window; int64_t pane; uint32_t panes; } panes[] = {
	{ "over 500ms", 1000, 2 }, { "over 1s", 1000, 2 }, { "over 10s", 1000, 11 }, { "over 15s", 1000, 16 },
	{ "over 16s", 1067, 16 }, { "over 60s", 4000, 16 }, { "over 1h", 240000, 16 }, { "over 61s", 4067, 16 },
	{ "over 60s step 10s", 10000, 7 }, { "over 60s step 60s", 60000, 2 }, { "per 60s", 60000, 1 },
};

Test(check_canon, panes)
{
	for (size_t i = 0; i < sizeof(panes) / sizeof(panes[0]); i++) {
		char text[200];
		struct made m;
		const struct tsn_ir_agg *a;

		snprintf(text, sizeof(text), "rule r { when count() by src %s > 5 }", panes[i].window);
		m = make_text(text);
		a = rule_of(&m, "r")->when->kid[0]->agg;
		cr_expect_eq(a->pane_ms, panes[i].pane, "%s: %lld", panes[i].window, (long long)a->pane_ms);
		cr_expect_eq(a->panes, panes[i].panes, "%s: %u", panes[i].window, a->panes);
		unmake(&m);
	}
}
