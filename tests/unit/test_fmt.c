/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The formatter: the tree stays, comments stay in order, twice is once, lines are short where
 * they can be. Over the seeds, the shared examples where they are, and random files.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"
#include "unit/fmt_random.h"

struct world {
	struct tsn_sources *sources;
	struct tsn_diags *diags;
};

static struct world
open_world(void)
{
	return (struct world){ tsn_sources_new(), tsn_diags_new() };
}

static void
close_world(struct world *w)
{
	tsn_diags_free(w->diags);
	tsn_sources_free(w->sources);
}

static struct tsn_node *
parse(struct world *w, const char *text, size_t len)
{
	struct tsn_node *n = tsn_parse_text(w->sources, "t", text, len, w->diags);
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_diags_print(w->diags, w->sources, false, &out);
	cr_assert_eq(out.len, 0, "%.*s\n%s", (int)len, text, tsn_buf_str(&out));
	tsn_buf_fini(&out);
	cr_assert_not_null(n);
	return n;
}

/* The canonical form, after checking all that is promised of it. */
static void
format(const char *text, size_t len, struct tsn_buf *out)
{
	struct world w = open_world();
	struct tsn_buf again = TSN_BUF_INIT, dump1 = TSN_BUF_INIT, dump2 = TSN_BUF_INIT;
	struct tsn_node *before = parse(&w, text, len), *after;

	cr_assert(tsn_fmt(w.sources, 0, out));
	after = parse(&w, tsn_buf_str(out), out->len);
	cr_assert(tsn_node_equal(before, after), "%.*s\n--- became\n%s", (int)len, text, tsn_buf_str(out));
	tsn_node_dump(before, &dump1);
	tsn_node_dump(after, &dump2);
	cr_assert_str_eq(tsn_buf_str(&dump1), tsn_buf_str(&dump2));
	cr_assert(tsn_fmt(w.sources, 1, &again));
	cr_assert_str_eq(tsn_buf_str(&again), tsn_buf_str(out), "%.*s\n--- became\n%s--- and then\n%s", (int)len, text,
	    tsn_buf_str(out), tsn_buf_str(&again));
	tsn_buf_fini(&again);
	tsn_buf_fini(&dump1);
	tsn_buf_fini(&dump2);
	close_world(&w);
}

static void
expect(const char *text, const char *want)
{
	struct tsn_buf got = TSN_BUF_INIT;

	format(text, strlen(text), &got);
	cr_expect_str_eq(tsn_buf_str(&got), want, "%s\n--- gives\n%s--- wanted\n%s", text, tsn_buf_str(&got), want);
	tsn_buf_fini(&got);
}

Test(fmt, layout_of_a_rule)
{
	expect("rule a{severity high when x==1 and !y except  z}",
	    "rule a {\n    severity  high\n    when      x == 1 and not y\n    except    z\n}\n");
	expect("rule a { }", "rule a {\n}\n");
	expect("rule a{when x test \"t\" quiet{flow{a=1,b=2}repeat 3 every 5s wait 1m}}",
	    "rule a {\n    when      x\n\n    test \"t\" quiet {\n"
	    "        flow { a = 1, b = 2 } repeat 3 every 5s\n        wait 1m\n    }\n}\n");
	expect("rule a{reference \"x\" falsepositives \"y\"}",
	    "rule a {\n    reference \"x\"\n    falsepositives \"y\"\n}\n");
	expect("override a.*{let n=1 severity low}", "override a.* {\n    let n = 1\n    severity  low\n}\n");
	expect("site{listen udp \"x\" memory 2GiB}", "site {\n    listen udp \"x\"\n    memory 2GiB\n}\n");
}

Test(fmt, blanks_inside_lines)
{
	expect("let x=-1", "let    x = -1\n");
	expect("let x = a- -b", "let    x = a - -b\n");
	expect("let x = ( a+b )*c", "let    x = (a + b) * c\n");
	expect("let x = f ( a,b )", "let    x = f(a, b)\n");
	expect("let x = f()by src / 24/ 48,dst over 60s", "let    x = f() by src/24/48, dst over 60s\n");
	expect("let x = a/24/48", "let    x = a / 24 / 48\n");
	expect("let x = flags==RST | ACK", "let    x = flags == RST|ACK\n");
	expect("let x = flags has(SYN|ACK)and has ( y )", "let    x = flags has (SYN|ACK) and has(y)\n");
	expect("set s = home|dmz", "set    s = home | dmz\n");
	expect("set s = {1 ..9,a}", "set    s = { 1..9, a }\n");
	expect("set s={}", "set    s = { }\n");
	expect("define x = a&&b||!c", "define x = a and b or not c\n");
	expect("let x = a~/b c/i", "let    x = a ~ /b c/i\n");
	expect("let x = f(a) over 60s  time   received", "let    x = f(a) over 60s time received\n");
	expect("rule a { then add(a,b)to s }", "rule a {\n    then      add (a, b) to s\n}\n");
}

Test(fmt, literals_keep_their_spelling)
{
	expect("define x = 0x1F + 010 + 1.50 + 60s + 1h30m + 2001:DB8:0::1 + \"a\\x41\"",
	    "define x = 0x1F + 010 + 1.50 + 60s + 1h30m + 2001:DB8:0::1 + \"a\\x41\"\n");
}

Test(fmt, blank_lines)
{
	expect("\n\nuse a\nuse b\n\n\n\nuse c\n\n", "use a\nuse b\n\nuse c\n");
	expect("use a\nrule r { when x }\nuse b", "use a\n\nrule r {\n    when      x\n}\n\nuse b\n");
	expect("rule r {\n\n\twhen x\n\n\n\texcept y\n\n}",
	    "rule r {\n    when      x\n\n    except    y\n}\n");
	expect("", "");
	expect(" \n\t\n", "");
}

Test(fmt, comments)
{
	expect("# a\n\n\n# b\nuse x# c\n# d", "# a\n\n# b\nuse x  # c\n# d\n");
	expect("rule a{#b\n#c\nwhen x#d\nand y#e\n#f\n}#g",
	    "rule a {  #b\n    #c\n    when      x  #d\n              and y  #e\n    #f\n}  #g\n");
	expect("set s={#a\n1,#b\n2#c\n}#d", "set    s = {  #a\n    1,  #b\n    2  #c\n}  #d\n");
	expect("#   ", "#\n");
	expect("use x # \"no string\r\n", "use x  # \"no string\n");
	expect("rule r { when \"# no comment\" == x }", "rule r {\n    when      \"# no comment\" == x\n}\n");
}

Test(fmt, long_lines_are_broken)
{
	expect("rule r { when aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1 and bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2 "
	       "and ccccccccccccccccccccccccc == 3 }",
	    "rule r {\n    when      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1\n"
	    "              and bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2\n"
	    "              and ccccccccccccccccccccccccc == 3\n}\n");
	expect("rule r { when sum(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa where bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2 "
	       "and ccccccccccccccccc) by src, dst over 60s > 3 }",
	    "rule r {\n    when      sum(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa where bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2\n"
	    "                  and ccccccccccccccccc) by src, dst over 60s > 3\n}\n");
	expect("rule r { test \"t\" quiet { flow { src = 10.0.0.5, dst = 192.0.2.1..192.0.2.101, proto = tcp, "
	       "dst_port = 25 } repeat 101 every 500ms } }",
	    "rule r {\n    test \"t\" quiet {\n"
	    "        flow { src = 10.0.0.5, dst = 192.0.2.1..192.0.2.101, proto = tcp, dst_port = 25 }\n"
	    "            repeat 101 every 500ms\n    }\n}\n");
	expect("set s = {\n1, 2,\n3 }", "set    s = {\n    1, 2,\n    3\n}\n");
}

/* Whatever can be broken is; what cannot (one name, one string) may be longer. */
Test(fmt, lines_fit)
{
	struct tsn_buf text = TSN_BUF_INIT, out = TSN_BUF_INIT;
	const char *p, *end;
	int i;

	tsn_buf_puts(&text, "set s = { 0");
	for (i = 1; i < 500; i++)
		tsn_buf_printf(&text, ", 10.%d.%d.0/24", i % 200, i / 3);
	tsn_buf_puts(&text, " } rule r { when a");
	for (i = 1; i < 60; i++)
		tsn_buf_printf(&text, " %s (x == %d and y in { %d, %d })", i % 2 ? "or" : "and", i, i + 1, i + 2);
	tsn_buf_puts(&text, " }");
	format(tsn_buf_str(&text), text.len, &out);
	for (p = tsn_buf_str(&out); *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		cr_assert_not_null(end);
		cr_expect_leq(end - p, 100, "%.*s", (int)(end - p), p);
	}
	tsn_buf_fini(&text);
	tsn_buf_fini(&out);
}

Test(fmt, refuses_what_has_errors)
{
	struct world w = open_world();
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_parse_text(w.sources, "a", "rule a { when x = 1 }", 21, w.diags);
	tsn_parse_text(w.sources, "b", "rule b { when }", 15, w.diags);
	tsn_parse_expr(w.sources, "c", "x == 1", 6, w.diags);
	cr_expect_not(tsn_fmt(w.sources, 1, &out));
	cr_expect_not(tsn_fmt(w.sources, 2, &out), "a condition is no file");
	cr_expect_not(tsn_fmt(w.sources, 3, &out));
	tsn_buf_fini(&out);
	close_world(&w);
}

static void
format_file(const char *path, bool must)
{
	struct tsn_buf text = TSN_BUF_INIT, out = TSN_BUF_INIT;
	int err = tsn_buf_read_file(&text, path, 1u << 20);

	if (err != 0) {
		cr_expect(!must, "%s", path);
		tsn_buf_fini(&text);
		return;
	}
	format(tsn_buf_str(&text), text.len, &out);
	tsn_buf_fini(&text);
	tsn_buf_fini(&out);
}

Test(fmt, seeds_and_examples)
{
	static const char *const seeds[] = { "everything", "comments", "four", "crlf", "bom", "empty", "long" };
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
		snprintf(path, sizeof(path), "tests/fuzz/corpus/rules/%s.tsn", seeds[i]);
		format_file(path, true);
	}
	format_file("../shared/examples/syntax.tsn", false);
	format_file("../shared/examples/trial_rules.tsn", false);
}

static void
check_comments(const struct random *r, const char *text, uint64_t seed)
{
	char want[32];
	unsigned i;

	for (i = 0; i < r->comments; i++) {
		snprintf(want, sizeof(want), "#c%u;", i);
		text = strstr(text, want);
		cr_assert_not_null(text, "seed %lu: comment %u is gone or out of order", (unsigned long)seed, i);
	}
}

Test(fmt, random_files)
{
	uint64_t seed, n = getenv("TSN_SOAK") != NULL ? 4000 : 250;
	unsigned comments = 0;
	size_t bytes = 0;

	for (seed = 1; seed <= n; seed++) {
		struct tsn_buf out = TSN_BUF_INIT;
		struct random r;

		random_file(&r, seed);
		format(tsn_buf_str(&r.out), r.out.len, &out);
		check_comments(&r, tsn_buf_str(&out), seed);
		comments += r.comments;
		bytes += r.out.len;
		tsn_buf_fini(&r.out);
		tsn_buf_fini(&out);
	}
	cr_expect_gt(comments, n);
	cr_expect_gt(bytes, n * 100);
}
