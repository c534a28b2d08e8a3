/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Each finding of lint where it must be made, and beside it where it must not. */
#include <criterion/criterion.h>
#include <string.h>

#include "author/lint.h"
#include "base/buf.h"
#include "base/clock.h"

#define NOW (INT64_C(1796000000) * TSN_SECOND) /* 2026-11-30 */

struct text {
	const char *name, *text;
};

static void
add_name(void *arg, const struct tsn_diag_view *v)
{
	const struct tsn_lint_info *info = tsn_lint_find((unsigned)v->code);

	if (info != NULL)
		tsn_buf_printf(arg, "%s%s:%u", ((struct tsn_buf *)arg)->len > 0 ? " " : "", info->name, v->line);
}

/* The names of the findings and their lines, in the order of their places. */
static void
lint_files(const struct text *v, size_t n, struct tsn_buf *out)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text texts[4];
	struct tsn_compile_input in = { .texts = texts, .ntexts = n, .tests = true };
	const struct tsn_lint_options o = { .now_ms = NOW };
	struct tsn_ruleset *rs;
	size_t found;

	for (size_t i = 0; i < n; i++)
		texts[i] = (struct tsn_rule_text){ v[i].name, v[i].text, strlen(v[i].text) };
	rs = tsn_compile(sources, &in, diags);
	if (rs == NULL) {
		struct tsn_buf why = TSN_BUF_INIT;

		tsn_diags_print(diags, sources, false, &why);
		cr_assert_fail("%s", tsn_buf_str(&why));
	}
	found = tsn_lint_with(rs, &o, diags);
	tsn_diags_each(diags, sources, add_name, out);
	cr_expect_eq(found == 0, out->len == 0);
	tsn_ruleset_free(rs);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

/* What is said of a rule with these clauses, which has tests of both kinds. */
static void
expect(const char *before, const char *clauses, const char *want)
{
	struct tsn_buf text = TSN_BUF_INIT, got = TSN_BUF_INIT;
	struct text file = { "t", NULL };

	tsn_buf_printf(&text, "%s\nrule r { %s\n"
	    "test \"a\" fires { flow { proto = tcp, src = 10.0.0.1 } } test \"b\" quiet { flow { proto = udp } } }\n", before, clauses);
	file.text = tsn_buf_str(&text);
	lint_files(&file, 1, &got);
	cr_expect_str_eq(tsn_buf_str(&got), want, "%s %s: \"%s\", not \"%s\"", before, clauses, tsn_buf_str(&got), want);
	tsn_buf_fini(&text);
	tsn_buf_fini(&got);
}

Test(lint, conditions)
{
	static const struct { const char *before, *clauses, *want; } v[] = {
		{ "", "when dst_port > 10 and dst_port < 5", "never:2" },
		{ "", "when dst_port > 10 and dst_port < 12", "" },
		{ "", "when dst_port > 10 and dst_port < 11", "never:2" },
		{ "", "where dst_port == 80 when dst_port in { 25, 587 }", "never:2" },
		{ "set a = { 10.0.0.0/8 } set b = { 8.0.0.0/6 }", "when src in a and src not in b", "never:2" },
		{ "set a = { 10.0.0.0/8 } set b = { 8.0.0.0/6 }", "when src in b and src not in a", "" },
		{ "set a = { 10.0.0.0/8 } set b = { }", "when src in a and src in b", "" },
		{ "set a = { 10.0.0.0/8 } set b = site", "when src in a and src not in b", "" },
		{ "", "when src in 10.0.0.0/8 and src not in 10.0.0.0/9 and src not in 10.128.0.0/9", "never:2" },
		{ "", "when src in 2001:db8::/32 and src in 10.0.0.0/8", "never:2" },
		{ "", "when src in 2001:db8::/32 and src not in 10.0.0.0/8", "implied:2" },
		{ "", "when src in ::/0 and src == 10.0.0.1", "never:2" },
		{ "", "when src in { ::/64, 10.0.0.0/9 } and src == 10.128.0.1", "never:2" },
		{ "", "when proto in { udp, icmp } and flags has SYN", "never:2" },
		{ "", "when proto in { udp, icmp } and not (flags has SYN)", "never:2" },
		{ "", "when proto in { 47, 50 } and dst_port > 3", "never:2" },
		{ "", "when proto in { udp, tcp } and flags has SYN", "" },
		{ "", "when proto == tcp and flags has SYN", "" },
		{ "", "when proto in { tcp, udp } and icmp_type == 8", "never:2" },
		{ "", "when flags == SYN and flags has ACK", "never:2" },
		{ "", "when flags & (SYN|ACK) == SYN and flags has ACK", "never:2" },
		{ "", "when flags & (SYN|ACK) == SYN and flags has PSH", "" },
		{ "", "when packets > bytes and bytes >= packets", "never:2" },
		{ "", "when packets >= bytes and bytes >= packets", "" },
		{ "", "when http_host == \"a\" and http_host == \"b\" and dst_port == 80", "never:2" },
		{ "", "when bytes_per_packet > 100.5 and bytes_per_packet < 100", "never:2" },
		{ "", "when bytes_per_packet > 100 and bytes_per_packet < 100.5", "" },
		{ "", "when bytes > 1.5 and bytes < 2", "never:2" },
		{ "", "when (dst_port == 25 or dst_port == 26) and dst_port > 100", "never:2" },
		{ "", "when dst_port == 25 or (dst_port == 26 and dst_port > 100)", "dead-part:2" },
		{ "", "when bytes < 5 or bytes >= 5", "always:2" },
		{ "", "when bytes < 5 or bytes > 5", "" },
		{ "", "when dst_port in { 25, 587 } and dst_port < 1000", "implied:2" },
		{ "", "when dst_port in { 25, 587 } and dst_port < 587", "" },
		{ "", "when dst_port == 5 and dst_port != 6", "implied:2" },
		{ "define mail = dst_port in { 25, 587 }", "when mail and dst_port == 25", "" },
		{ "", "where dst_port == 80 when count(dst_port == 25) by src over 60s > 10", "counts-nothing:2" },
		{ "", "when count(dst_port == 25) by src over 60s > 10 and count(dst_port == 25) by src over 60s < 5", "never:2" },
		{ "", "when count(dst_port == 25) by src over 60s > 10 and count(dst_port == 25) by src over 5m < 5", "" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		expect(v[i].before, v[i].clauses, v[i].want);
}

Test(lint, exceptions_values_and_costs)
{
	static const struct { const char *before, *clauses, *want; } v[] = {
		{ "", "when src in 10.0.0.0/8 except src in 11.0.0.0/8", "except-nothing:2" },
		{ "", "when src in 10.0.0.0/8 except src in 10.1.0.0/16", "" },
		{ "", "when src in 10.0.0.0/8 except src in 10.0.0.0/7", "except-all:2" },
		{ "", "when dst_port == 80 except dst_port == 70 except src == 10.0.0.1", "except-nothing:2" },
		{ "set own = { }", "when src in 10.0.0.0/8 except src in own", "" },
		{ "", "where dst_port == 80 when count() by src over 60s > 5 except dst_port == 70", "except-nothing:2" },
		{ "", "when dst_port == 80 except src == 10.0.0.1 { expires 2026-11-29 }", "expired:2" },
		{ "", "when dst_port == 80 except src == 10.0.0.1 { expires 2026-12-01 }", "" },
		{ "", "when dst_port == 80 expires 2026-11-29", "expired:2" },
		{ "", "when distinct(src) by src over 60s > 5", "one-value:2" },
		{ "", "when distinct(src) by src/24 over 60s > 5", "" },
		{ "", "when distinct(src/16) by src/24 over 60s > 5", "one-value:2" },
		{ "", "when distinct(src, dst_port) by src over 60s > 5", "" },
		{ "", "where dst_port in { 1..10 } when distinct(dst_port) by src over 60s > 10", "unreachable:2" },
		{ "", "where dst_port in { 1..10 } when distinct(dst_port) by src over 60s > 9", "" },
		{ "", "where dst_port in { 1..10 } when distinct(dst_port) by src over 60s >= 11", "unreachable:2" },
		{ "", "when distinct(proto) by src over 60s > 256", "unreachable:2" },
		{ "", "when entropy(proto) by src over 60s > 8.5", "unreachable:2" },
		{ "", "when count() by src, dst, dst_port over 1h > 10", "unbounded:2" },
		{ "", "when count(max_keys 10k) by src, dst, dst_port over 1h > 10", "" },
		{ "", "when count() by src, dst, dst_port over 5m > 10", "" },
		{ "", "when count() by src, dst over 1h > 10", "" },
		{ "", "when entropy(bytes) by src, dst, src_port, dst_port over 60s > 3", "cost:2" },
		{ "", "when entropy(bytes) by src, dst, dst_port over 60s > 3", "" },
		{ "", "when has(src) alert each", "no-filter:2" },
		{ "", "when src in 10.0.0.0/8 alert each", "" },
		{ "", "when has(src)", "" },
		{ "", "when http_host ~ /x/", "regex-first:2" },
		{ "", "when dst_port == 80 and http_host ~ /x/", "" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		expect(v[i].before, v[i].clauses, v[i].want);
}

Test(lint, metadata_and_names)
{
	static const struct { const char *before, *clauses, *want; } v[] = {
		{ "ruleset x { version \"1\" }", "when dst_port == 1", "metadata:2" },
		{ "ruleset x { version \"1\" }", "title \"t\" severity low status test author \"a\" created 2026-11-30 message \"m\" tags scan when dst_port == 1", "" },
		{ "ruleset x { version \"1\" }", "title \"t\" severity low status test author \"a\" created 2026-11-30 message \"m\" when dst_port == 1", "metadata:2" },
		{ "", "status stable when dst_port == 1", "falsepositives:2" },
		{ "", "status stable falsepositives \"x\" when dst_port == 1", "" },
		{ "", "attack T1071, T1071.004 when dst_port == 1", "" },
		{ "", "attack T9999 when dst_port == 1", "attack-unknown:2" },
		{ "", "attack T107 when dst_port == 1", "attack-form:2" },
		{ "", "created 2026-12-05 when dst_port == 1", "dates:2" },
		{ "", "created 2026-11-30 modified 2026-11-29 when dst_port == 1", "dates:2" },
		{ "", "created 2026-11-29 modified 2026-11-29 when dst_port == 1", "" },
		{ "let smtp = 25", "when dst_port == smtp", "shadows:1" },
		{ "let mail = 25", "when dst_port == mail", "" },
		{ "set multicast = { 10.0.0.1 }", "when src in multicast", "shadows:1" },
		{ "let unused = 25", "when dst_port == 1", "unused:1" },
		{ "define d = count(dst_port == 1) by src over 60s", "message \"{d}\" when d > 5", "" },
		{ "define d = dst_port == 1 define e = d and src_port == 2", "when e", "" },
		{ "set d = dynamic", "when dst_port == 1 then add src to d", "" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		expect(v[i].before, v[i].clauses, v[i].want);
}

static void
expect_text(const char *text, const char *want)
{
	struct text file = { "t", text };
	struct tsn_buf got = TSN_BUF_INIT;

	lint_files(&file, 1, &got);
	cr_expect_str_eq(tsn_buf_str(&got), want, "%s: \"%s\", not \"%s\"", text, tsn_buf_str(&got), want);
	tsn_buf_fini(&got);
}

Test(lint, tests_of_rules)
{
	expect_text("rule r { when dst_port == 1 }", "no-test:1");
	expect_text("rule r { when dst_port == 1 test \"a\" quiet { flow { proto = tcp } } }", "no-firing-test:1");
	expect_text("rule r { when dst_port == 1 test \"a\" fires { flow { proto = tcp, dst_port = 1 } } }", "no-quiet-test:1");
	expect_text("rule r { when dst_port == 1 test \"a\" fires { flow { proto = tcp, dst_port = 1 } }\n"
	    "test \"b\" quiet { flow { proto = tcp } }\ntest \"c\" quiet { flow { proto = tcp } } }", "same-test:3");
	expect_text("rule r { when proto == 1 test \"a\" fires { flow { proto = icmp } }\ntest \"b\" quiet { flow { src = 10.0.0.1 } } }",
	    "test-proto:2");
}

Test(lint, comments_allow)
{
	expect_text("# lint: allow no-test because\nrule r { when dst_port == 1 }", "");
	expect_text("# lint: allow no-test because\n# and more\nrule r { when dst_port == 1 }", "");
	expect_text("# lint: allow no-test because\n\nrule r { when dst_port == 1 }", "no-test:3");
	expect_text("rule r { when dst_port == 1 } # lint: allow no-test because", "");
	expect_text("rule r { # lint: allow no-test because\nwhen dst_port == 1 and # lint: allow implied so it is\ndst_port != 2 }", "implied:3");
	expect_text("rule r { # lint: allow no-test because\nwhen dst_port == 1 and\n# lint: allow implied so it is\ndst_port != 2 }", "");
	expect_text("# lint: allow no-test\nrule r { when dst_port == 1 }", "allow:1");
	expect_text("# lint: allow no-tests because\nrule r { when dst_port == 1 }", "allow:1 no-test:2");
	expect_text("rule r { title \"# lint: allow no-test because\" when dst_port == 1 }", "no-test:1");
}

/* Only the files asked about, whatever was loaded with them. */
Test(lint, only_what_was_asked_for)
{
	static const char *const paths[] = { "dir/", "file.tsn" };
	const struct tsn_lint_options o = { .paths = paths, .npaths = 2 };

	cr_expect(tsn_lint_wants(&o, "dir/a.tsn"));
	cr_expect(tsn_lint_wants(&o, "file.tsn"));
	cr_expect_not(tsn_lint_wants(&o, "dir2/a.tsn"));
	cr_expect_not(tsn_lint_wants(&o, "file.tsn2"));
	cr_expect(tsn_lint_wants(&(struct tsn_lint_options){ 0 }, "any"));
}
