/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the parser makes of right text: precedence, literals, every clause. Expressions are
 * compared as S-expressions, whole files by what their nodes hold.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/parse.h"

static struct tsn_sources *sources;
static struct tsn_diags *diags;

static void
setup(void)
{
	sources = tsn_sources_new();
	diags = tsn_diags_new();
}

static void
teardown(void)
{
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

TestSuite(grammar_tree, .init = setup, .fini = teardown);

static void
sexpr(const struct tsn_node *n, struct tsn_buf *out)
{
	char text[TSN_ADDR_TEXT];
	const struct tsn_node *kid;

	if (n->kids != NULL)
		tsn_buf_puts(out, "(");
	if (n->op != TSN_OP_NONE)
		tsn_buf_puts(out, tsn_op_text((enum tsn_op)n->op));
	else if (n->kind == TSN_N_NAME)
		tsn_buf_printf(out, "%s%s", n->text, n->all ? ".*" : "");
	else if (n->kind == TSN_N_STRING)
		tsn_buf_printf(out, "\"%s\"", n->text);
	else if (n->kind == TSN_N_REGEX)
		tsn_buf_printf(out, "/%s/%s", n->text, n->flags);
	else if (n->kind == TSN_N_INT)
		tsn_buf_printf(out, "%" PRId64, n->i);
	else if (n->kind == TSN_N_REAL)
		tsn_buf_printf(out, "%g", n->real);
	else if (n->kind == TSN_N_DURATION)
		tsn_buf_printf(out, "%" PRId64 "ms", n->i);
	else if (n->kind == TSN_N_SIZE)
		tsn_buf_printf(out, "%" PRId64 "%s", n->i, n->unit == TSN_UNIT_BITS ? "b" : "B");
	else if (n->kind == TSN_N_ADDRESS)
		tsn_buf_puts(out, tsn_addr_text(n->addr, text));
	else if (n->kind == TSN_N_PREFIX)
		tsn_buf_printf(out, "%s/%d", tsn_addr_text(n->addr, text), n->plen);
	else if (n->kind == TSN_N_MASK)
		tsn_buf_printf(out, "mask%" PRId64 "/%d", n->i, n->plen);
	else
		tsn_buf_printf(out, "%s%s%s", tsn_node_name((enum tsn_node_kind)n->kind), n->text ? ":" : "",
		    n->text ? n->text : "");
	for (kid = n->kids; kid != NULL; kid = kid->next) {
		tsn_buf_puts(out, " ");
		sexpr(kid, out);
	}
	if (n->kids != NULL)
		tsn_buf_puts(out, ")");
}

static void
expect_expr(const char *text, const char *want)
{
	struct tsn_node *n = tsn_parse_expr(sources, "e1", text, strlen(text), diags);
	struct tsn_buf got = TSN_BUF_INIT;

	cr_expect_eq(tsn_diags_errors(diags), 0, "%s has errors", text);
	cr_assert_not_null(n, "%s", text);
	sexpr(n, &got);
	cr_expect_str_eq(tsn_buf_str(&got), want, "%s\n  gives  %s\n  wanted %s", text, tsn_buf_str(&got), want);
	tsn_buf_fini(&got);
}

static const struct { const char *text, *want; } layers[] = {
	{ "a", "a" },
	{ "a or b and c", "(or a (and b c))" },
	{ "a and b or c", "(or (and a b) c)" },
	{ "a or b or c or d", "(or a b c d)" },
	{ "(a or b) or c", "(or (or a b) c)" },
	{ "a or (b or c)", "(or a (or b c))" },
	{ "a && b || !c", "(or (and a b) (not c))" },
	{ "not a == b", "(not (== a b))" },
	{ "not not a and b", "(and (not (not a)) b)" },
	{ "flags == RST|ACK", "(== flags (| RST ACK))" },
	{ "flags & (SYN|ACK) == SYN", "(== (& flags (| SYN ACK)) SYN)" },
	{ "flags & SYN|ACK == SYN", "(== (| (& flags SYN) ACK) SYN)" },
	{ "a == 1 | b", "(== a (| 1 b))" },
	{ "a + b * c - d / e % f", "(- (+ a (* b c)) (% (/ d e) f))" },
	{ "a - b - c", "(- (- a b) c)" },
	{ "-a * -b", "(* (neg a) (neg b))" },
	{ "a < -1", "(< a (neg 1))" },
	{ "a & b + c", "(& a (+ b c))" },
	{ "src not in { 10.0.0.1 }", "(not in src (set 10.0.0.1))" },
	{ "not src in home", "(not (in src home))" },
	{ "flags has SYN", "(has flags SYN)" },
	{ "has(dst_as)", "(call:has dst_as)" },
	{ "not has(a) and b has c", "(and (not (call:has a)) (has b c))" },
	{ "(exporter, in_if) in up", "(in (tuple exporter in_if) up)" },
	{ "(a)", "a" },
	{ "stdlib.outbound and x.y.z", "(and stdlib.outbound x.y.z)" },
	{ "dns_name ~ /a\\/b/i", "(~ dns_name /a\\/b/i)" },
	{ "dns_name !~ \"x\"", "(!~ dns_name \"x\")" },
	{ "a ~ # why\n /x/ and b / c", "(and (~ a /x/) (/ b c))" },
};

Test(grammar_tree, layers_of_expressions)
{
	size_t i;

	for (i = 0; i < sizeof(layers) / sizeof(*layers); i++)
		expect_expr(layers[i].text, layers[i].want);
}

static const struct { const char *text, *want; } literals[] = {
	{ "0", "0" }, { "1434", "1434" }, { "007", "7" }, { "0x14", "20" }, { "0xfF", "255" },
	{ "9223372036854775807", "9223372036854775807" }, { "0x7fffffffffffffff", "9223372036854775807" },
	{ "10k", "10000" }, { "5M", "5000000" }, { "2G", "2000000000" }, { "1.5k", "1500" },
	{ "5MB", "5000000B" }, { "1GiB", "1073741824B" }, { "1.5GiB", "1610612736B" }, { "3kB", "3000B" },
	{ "2TiB", "2199023255552B" }, { "500Mbit", "62500000b" }, { "8kbit", "1000b" }, { "0.5Gbit", "62500000b" },
	{ "500ms", "500ms" }, { "60s", "60000ms" }, { "5m", "300000ms" }, { "2h", "7200000ms" },
	{ "7d", "604800000ms" }, { "1w", "604800000ms" }, { "1h30m", "5400000ms" }, { "0.5s", "500ms" },
	{ "1m1s1ms", "61001ms" }, { "0.05", "0.05" }, { "2.0", "2" }, { "404.25", "404.25" },
	{ "10.0.0.1", "10.0.0.1" }, { "10.0.0.0/8", "10.0.0.0/8" }, { "10.1.2.3/8", "10.0.0.0/8" },
	{ "2001:db8::1", "2001:db8::1" }, { "2001:DB8:0:0::1", "2001:db8::1" }, { "::", "::" },
	{ "::ffff:10.0.0.1", "10.0.0.1" }, { "::ffff:0:0/96", "0.0.0.0/0" }, { "fe80::/10", "fe80::/10" },
	{ "2001:db8:0:1::/64", "2001:db8:0:1::/64" }, { "0.0.0.0/0", "0.0.0.0/0" },
	{ "\"a \\\"b\\\" \\\\ \\x41 ü\"", "\"a \"b\" \\ A ü\"" }, { "\"\"", "\"\"" },
	{ "{ }", "set" }, { "{ 6000..6063, tcp, }", "(set (range 6000 6063) tcp)" },
	{ "{ 10.0.0.1..10.0.0.9 }", "(set (range 10.0.0.1 10.0.0.9))" },
	{ "{ 2001:db8::1..2001:db8::9 }", "(set (range 2001:db8::1 2001:db8::9))" },
	{ "{ RST, SYN|ACK }", "(set RST (| SYN ACK))" },
	{ "{ (192.0.2.1, 3), (a, b, c) }", "(set (tuple 192.0.2.1 3) (tuple a b c))" },
};

Test(grammar_tree, literals)
{
	size_t i;

	for (i = 0; i < sizeof(literals) / sizeof(*literals); i++)
		expect_expr(literals[i].text, literals[i].want);
}

static const struct { const char *text, *want; } calls[] = {
	{ "count() over 60s", "(scope call:count (over 60000ms))" },
	{ "count(a == 1) by src over 60s > N", "(> (scope (call:count (== a 1)) (by src) (over 60000ms)) N)" },
	{ "distinct(dst, dst_port where p == udp) by src per 10s",
	  "(scope (call:distinct dst (where dst_port (== p udp))) (by src) (per 10000ms))" },
	{ "(a > 1 and b() > 2) by dst over 1m", "(scope (and (> a 1) (> call:b 2)) (by dst) (over 60000ms))" },
	{ "sum(bytes, max_keys 10k, time received) over w",
	  "(scope (call:sum bytes (option:max_keys 10000) (option:time received)) (over w))" },
	{ "count() by src/24, dst/24/48 over 1s", "(scope call:count (by (mask24/-1 src) (mask24/48 dst)) (over 1000ms))" },
	{ "count() by src, p at dst, p over 60s step 10s",
	  "(scope call:count (by src p) (at dst p) (over 60000ms) (step 10000ms))" },
	{ "count() by ie(29305, 40) over 1h time received",
	  "(scope call:count (by (call:ie 29305 40)) (over 3600000ms) (option:time received))" },
	{ "sequence((dst, p) where hit, (src, p) where scan) over 1h",
	  "(scope (call:sequence (where (tuple dst p) hit) (where (tuple src p) scan)) (over 3600000ms))" },
	{ "10 * (count() by src over 1h) / 60", "(/ (* 10 (scope call:count (by src) (over 3600000ms))) 60)" },
	{ "new(src where rank(sum(b)) by src per 1h <= 20) over 7d",
	  "(scope (call:new (where src (<= (scope (call:rank (call:sum b)) (by src) (per 3600000ms)) 20)))"
	  " (over 604800000ms))" },
	{ "absent(p == 22, expect { 10.0.0.1 }) by src over 1d",
	  "(scope (call:absent (== p 22) (option:expect (set 10.0.0.1))) (by src) (over 86400000ms))" },
	{ "baseline(sum(b), history 14d, season 24h)",
	  "(call:baseline (call:sum b) (option:history 1209600000ms) (option:season 86400000ms))" },
	{ "limit(src) < x", "(< (call:limit src) x)" },
	{ "-count() over 1s", "(neg (scope call:count (over 1000ms)))" },
};

Test(grammar_tree, calls_and_scopes)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		expect_expr(calls[i].text, calls[i].want);
}

static struct tsn_node *
file(const char *text)
{
	struct tsn_node *n = tsn_parse_text(sources, "f.tsn", text, strlen(text), diags);
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_diags_print(diags, sources, false, &out);
	cr_expect_eq(out.len, 0, "%s", tsn_buf_str(&out));
	tsn_buf_fini(&out);
	cr_assert_not_null(n);
	cr_expect(!n->broken);
	return n;
}

static void
expect_file(const char *text, const char *want)
{
	struct tsn_buf got = TSN_BUF_INIT;

	sexpr(file(text), &got);
	cr_expect_str_eq(tsn_buf_str(&got), want, "%s\n  gives  %s\n  wanted %s", text, tsn_buf_str(&got), want);
	tsn_buf_fini(&got);
}

Test(grammar_tree, declarations)
{
	expect_file("", "file");
	expect_file("# only a comment", "file");
	expect_file("ruleset w { version \"1\" author \"a\", \"b\" }",
	    "(file (ruleset:w (meta:version \"1\") (meta:author \"a\" \"b\")))");
	expect_file("use stdlib use \"a.tsn\"", "(file (use stdlib) (use \"a.tsn\"))");
	expect_file("let n = 5 define d = a and b", "(file (let:n 5) (define:d (and a b)))");
	expect_file("set a = site set b = c | { 1 }", "(file (setdecl:a siteset) (setdecl:b (| c (set 1))))");
	expect_file("set f = file \"x\" column \"ip\" refresh 5m",
	    "(file (setdecl:f (source:x (option:column \"ip\") (option:refresh 300000ms))))");
	expect_file("set d = dynamic max 100k set e = dynamic",
	    "(file (setdecl:d (dynamic (option:max 100000))) (setdecl:e dynamic))");
	expect_file("table t = { 10.0.0.0/8 = 5, 1..2 = 3 } default 1",
	    "(file (table:t (rows (row 10.0.0.0/8 5) (row (range 1 2) 3)) (option:default 1)))");
	expect_file("table t = file \"l\" key \"a\" value \"b\" default 1",
	    "(file (table:t (source:l (option:key \"a\") (option:value \"b\") (option:default 1))))");
	expect_file("disable a.b, c.*", "(file (disable a.b c.*))");
	expect_file("override x.* { let n = 1 severity low }",
	    "(file (override:x (let:n 1) (severity rung:low)))");
	expect_file("site { listen udp \"a\" memory 2GiB output syslog \"u\" severity >= medium }",
	    "(file (site (setting:listen udp \"a\") (setting:memory 2147483648B)"
	    " (setting:output syslog \"u\" (>= severity medium))))");
}

static void
expect_clause(const char *text, const char *want)
{
	struct tsn_buf t = TSN_BUF_INIT, w = TSN_BUF_INIT;

	tsn_buf_printf(&t, "rule r { %s }", text);
	tsn_buf_printf(&w, "(file (rule:r %s))", want);
	expect_file(tsn_buf_str(&t), tsn_buf_str(&w));
	tsn_buf_fini(&t);
	tsn_buf_fini(&w);
}

Test(grammar_tree, clauses)
{
	expect_clause("when a", "(when a)");
	expect_clause("when a for 2m", "(when a (for 120000ms))");
	expect_clause("where a when b", "(keep a) (when b)");
	expect_clause("severity low, high when value > 3, critical when x",
	    "(severity rung:low (rung:high (> value 3)) (rung:critical x))");
	expect_clause("except a", "(except a)");
	expect_clause("except a in { 1 } { expires 2027-03-01 owner \"n\" }",
	    "(except (in a (set 1)) (meta:expires date) (meta:owner \"n\"))");
	expect_clause("alert each", "each");
	expect_clause("alert once", "once");
	expect_clause("alert once by a, b/24 per 10m", "(once (by a (mask24/-1 b)) (per 600000ms))");
	expect_clause("then add (a, b) to s for 1h, remove c from t",
	    "(then (add:s (tuple a b) (for 3600000ms)) (remove:t c))");
	expect_clause("during \"mon-fri 08:00-18:00\"", "during:mon-fri 08:00-18:00");
	expect_clause("until a < 1", "(until (< a 1))");
	expect_clause("requires flags, interfaces", "(meta:requires flags interfaces)");
	expect_clause("attack T1071.003, T1498 status test", "(meta:attack word:T1071.003 word:T1498) (meta:status test)");
	expect_clause("cve CVE-2003-0352", "(meta:cve word:CVE-2003-0352)");
	expect_clause("let n = 1 set s = { 1 }", "(let:n 1) (setdecl:s (set 1))");
}

Test(grammar_tree, tests)
{
	expect_clause("test \"t\" fires { }", "(test:t fires)");
	expect_clause("test \"t\" fires 3 high for a = 1, b = 10.0.0.0/8 { history }",
	    "(test:t (fires (assign:a 1) (assign:b 10.0.0.0/8)) history)");
	expect_clause("test \"t\" quiet { flow { a = 1..9, f = SYN|ACK } repeat 3 every 5ms wait 1m flow { } }",
	    "(test:t quiet (flow (assign:a (range 1 9)) (assign:f (| SYN ACK)) (repeat 3) (every 5ms))"
	    " (wait 60000ms) flow)");
	expect_clause("test \"t\" quiet { let n = 1 set s = { 1 } table t = { 1 = 2 } }",
	    "(test:t quiet (let:n 1) (setdecl:s (set 1)) (table:t (rows (row 1 2))))");
}

Test(grammar_tree, expectation_of_a_test)
{
	struct tsn_node *rule = tsn_node_kid(file("rule r { test \"t\" fires 3 high { } test \"u\" fires { } }"), 0);
	struct tsn_node *a = tsn_node_find(tsn_node_kid(rule, 0), TSN_N_EXPECT);
	struct tsn_node *b = tsn_node_find(tsn_node_kid(rule, 1), TSN_N_EXPECT);

	cr_assert_not_null(a);
	cr_assert_not_null(b);
	cr_expect_eq(a->i, 3);
	cr_expect_str_eq(a->text, "high");
	cr_expect_eq(b->i, -1);
	cr_expect_null(b->text);
}

/* The words of one place are plain names everywhere else. */
Test(grammar_tree, soft_words_are_names)
{
	expect_expr("title == flow and add(repeat) > history", "(and (== title flow) (> (call:add repeat) history))");
	expect_file("let status = 1 set owner = { every }", "(file (let:status 1) (setdecl:owner (set every)))");
	expect_clause("when severity_x and expires > 3 expires 2027-03-01",
	    "(when (and severity_x (> expires 3))) (meta:expires date)");
}

Test(grammar_tree, spans_point_at_the_text)
{
	const char *text = "ab >= (cd + 1)";
	struct tsn_node *n = tsn_parse_expr(sources, "e1", text, strlen(text), diags), *right;

	cr_assert_not_null(n);
	right = tsn_node_kid(n, 1);
	cr_expect_eq(n->span.begin, 0);
	cr_expect_eq(n->span.end, strlen(text));
	cr_expect_eq(n->at.begin, 3);
	cr_expect_eq(n->at.end, 5);
	cr_expect_eq(right->span.begin, 6, "brackets belong to the span");
	cr_expect_eq(right->at.begin, 10);
	cr_expect(right->paren);
}

Test(grammar_tree, dates_are_days_in_utc)
{
	const char *text = "2026-01-05";
	struct tsn_node *n = tsn_parse_expr(sources, "e1", text, strlen(text), diags);

	cr_assert_not_null(n);
	cr_expect_eq(n->kind, TSN_N_DATE);
	cr_expect_eq(n->i, INT64_C(1767571200)); /* date -u -d 2026-01-05 +%s */
}

/* Clauses with errors stay in the tree as ERROR nodes, so that the checker stays silent about them. */
Test(grammar_tree, bad_values_keep_their_names)
{
	const char *text = "set a = { 1,, 2 }\ndefine b = x ==\nrule c { when y = = 3 severity low }\n";
	struct tsn_node *n = tsn_parse_text(sources, "f", text, strlen(text), diags);
	struct tsn_buf got = TSN_BUF_INIT;

	cr_assert_not_null(n);
	sexpr(n, &got);
	cr_expect_str_eq(tsn_buf_str(&got),
	    "(file (setdecl:a error) (define:b error) (rule:c (when error) (severity rung:low)))");
	cr_expect_eq(tsn_diags_errors(diags), 3);
	cr_expect(n->broken);
	tsn_buf_fini(&got);
}

Test(grammar_tree, equality_sees_every_difference)
{
	static const char *const texts[] = { "a", "b", "a.*", "1", "2", "0x1", "1k", "1.0", "1s", "1kB", "8kbit",
		"\"a\"", "a ~ /a/", "a ~ /a/i", "10.0.0.1", "10.0.0.1/32", "a == b", "a != b", "b == a", "f(a)", "f(b)",
		"g(a)", "f(a, b)", "f()", "(a, b)", "{ a, b }", "{ a..b }", "a or b", "a and b", "a or b or c",
		"(a or b) or c", "not a", "-a", "f() over 1s", "f() per 1s", "f() by a over 1s", "f() by a/24 over 1s",
		"f() by a/24/48 over 1s", "f() by b over 1s", "f() by a at b over 1s", "f() over 1s step 1s",
		"f(a b)", "f(a where b)", "2026-01-05" };
	size_t n = sizeof(texts) / sizeof(*texts), i, j;
	struct tsn_node *v[sizeof(texts) / sizeof(*texts)], *w;

	for (i = 0; i < n; i++)
		v[i] = tsn_parse_expr(sources, "e", texts[i], strlen(texts[i]), diags);
	for (i = 0; i < n; i++) {
		w = tsn_parse_expr(sources, "e", texts[i], strlen(texts[i]), diags);
		for (j = 0; j < n; j++)
			cr_expect_eq(tsn_node_equal(w, v[j]), i == j, "%s and %s", texts[i], texts[j]);
	}
}
