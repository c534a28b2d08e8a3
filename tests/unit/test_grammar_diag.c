/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Diagnostics: columns, carets, order, caps, suppression of follow-ons, and "did you mean". */
#include <criterion/criterion.h>

#include <string.h>

#include "base/buf.h"
#include "grammar/diag.h"

static struct tsn_sources *sources;
static struct tsn_diags *diags;
static struct tsn_buf out;

static void
setup(void)
{
	sources = tsn_sources_new();
	diags = tsn_diags_new();
}

static void
teardown(void)
{
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

TestSuite(grammar_diag, .init = setup, .fini = teardown);

static struct tsn_span
span(uint32_t file, uint32_t begin, uint32_t end)
{
	return (struct tsn_span){ file, begin, end };
}

static void
source(const char *name, const char *text)
{
	cr_assert_geq(tsn_sources_add(sources, name, text, strlen(text)), 0);
}

static const char *
printed(void)
{
	tsn_buf_clear(&out);
	tsn_diags_print(diags, sources, false, &out);
	return tsn_buf_str(&out);
}

Test(grammar_diag, the_shape)
{
	struct tsn_diag *d;

	source("rules/scan.tsn", "rule x {\n\n\n\n\n\n  when dst_prt == 22\n}\n");
	d = tsn_diag_error(diags, TSN_E_NAME, span(0, 21, 28), "no field \"%s\"", "dst_prt");
	tsn_diag_hint(d, "did you mean \"%s\"?", "dst_port");
	cr_expect_str_eq(printed(),
	    "rules/scan.tsn:7:8: error: no field \"dst_prt\" [E012]\n"
	    "    7 |   when dst_prt == 22\n"
	    "      |        ^~~~~~~ did you mean \"dst_port\"?\n");
}

Test(grammar_diag, second_span_and_warning)
{
	struct tsn_diag *d;

	source("a", "let x = 1\nlet x = 2\n");
	d = tsn_diag_warn(diags, TSN_E_DUPLICATE, span(0, 14, 15), "x again");
	tsn_diag_also(d, span(0, 4, 5), "first here");
	cr_expect_str_eq(printed(),
	    "a:2:5: warning: x again [W100]\n    2 | let x = 2\n      |     ^\n"
	    "a:1:5: note: first here\n    1 | let x = 1\n      |     ^\n");
	cr_expect_eq(tsn_diags_errors(diags), 0);
	cr_expect_eq(tsn_diags_warnings(diags), 1);
}

Test(grammar_diag, without_a_place)
{
	tsn_diag_hint(tsn_diag_error(diags, TSN_E_IMPORT, TSN_SPAN_NONE, "x.tsn: gone"), "look elsewhere");
	cr_expect_str_eq(printed(), "error: x.tsn: gone [E400]\n      look elsewhere\n");
}

Test(grammar_diag, columns_count_characters_and_tabs_are_copied)
{
	unsigned line, column;

	source("a", "\t\"ü日\"\tx\n\n\xff y");
	tsn_source_locate(&sources->v[0], 9, &line, &column); /* x: tab " ü 日 " tab x */
	cr_expect_eq(line, 1);
	cr_expect_eq(column, 7);
	tsn_source_locate(&sources->v[0], 14, &line, &column);
	cr_expect_eq(line, 3);
	cr_expect_eq(column, 3, "a byte that is no UTF-8 is one character");
	tsn_source_locate(&sources->v[0], 99, &line, &column);
	cr_expect_eq(line, 3);
	cr_expect_eq(column, 4);
	tsn_diag_error(diags, TSN_E_NAME, span(0, 9, 10), "x");
	cr_expect_str_eq(printed(), "a:1:7: error: x [E012]\n    1 | \t\"ü日\"\tx\n      | \t    \t^\n");
}

Test(grammar_diag, control_bytes_do_not_reach_the_terminal)
{
	source("a\033[2J", "x \033[31m y\x7f\n");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 0, 1), "m\033[5m\n");
	cr_expect_null(strchr(printed(), 033));
	cr_expect_null(strchr(printed(), 0x7f));
}

Test(grammar_diag, a_span_over_lines_is_underlined_to_the_end_of_its_first)
{
	source("a", "ab cd\nef\n");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 3, 8), "m");
	cr_expect_str_eq(printed(), "a:1:4: error: m [E012]\n    1 | ab cd\n      |    ^~\n");
}

Test(grammar_diag, spans_beyond_the_text_are_harmless)
{
	source("a", "x");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 50, 90), "m");
	tsn_diag_error(diags, TSN_E_NAME, span(7, 0, 1), "n");
	cr_expect_str_eq(printed(), "a:1:2: error: m [E012]\n    1 | x\n      |  ^\nerror: n [E012]\n");
}

Test(grammar_diag, order_is_that_of_the_files)
{
	const char *text;

	source("a", "1 2 3");
	source("b", "1 2 3");
	tsn_diag_error(diags, TSN_E_NAME, span(1, 0, 1), "fourth");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 4, 5), "third");
	tsn_diag_warn(diags, TSN_E_WARNING, span(0, 2, 3), "second");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 0, 1), "first");
	text = printed();
	cr_expect_lt(strstr(text, "first"), strstr(text, "second"));
	cr_expect_lt(strstr(text, "second"), strstr(text, "third"));
	cr_expect_lt(strstr(text, "third"), strstr(text, "fourth"));
}

Test(grammar_diag, follow_ons_are_dropped)
{
	source("a", "0123456789");
	cr_expect_not_null(tsn_diag_error(diags, TSN_E_NAME, span(0, 2, 5), "m"));
	cr_expect_null(tsn_diag_error(diags, TSN_E_TYPE, span(0, 4, 8), "overlaps"));
	cr_expect_null(tsn_diag_warn(diags, TSN_E_TYPE, span(0, 2, 3), "inside"));
	cr_expect_not_null(tsn_diag_error(diags, TSN_E_TYPE, span(0, 5, 6), "behind"));
	cr_expect_not_null(tsn_diag_error(diags, TSN_E_TYPE, span(1, 2, 5), "other file"));
	tsn_diags_poison(diags, span(0, 7, 9));
	cr_expect_null(tsn_diag_error(diags, TSN_E_TYPE, span(0, 8, 20), "poisoned"));
	cr_expect_not_null(tsn_diag_error(diags, TSN_E_TYPE, span(0, 9, 10), "after it"));
	cr_expect_eq(tsn_diags_errors(diags), 4);
	tsn_diag_hint(NULL, "nothing");
	tsn_diag_also(NULL, span(0, 0, 1), "nothing");
}

Test(grammar_diag, the_first_twenty_are_shown)
{
	char text[101];
	const char *p;
	uint32_t i;
	int shown = 0;

	memset(text, 'x', 100);
	text[100] = '\0';
	source("a", text);
	for (i = 50; i-- > 0;)
		tsn_diag_error(diags, TSN_E_NAME, span(0, i * 2, i * 2 + 1), "number %u;", i);
	for (p = printed(); (p = strstr(p, "number")) != NULL; p++)
		shown++;
	cr_expect_eq(shown, 20);
	cr_expect_eq(tsn_diags_errors(diags), 50);
	cr_expect_not_null(strstr(printed(), "number 19;"));
	cr_expect_null(strstr(printed(), "number 20;"), "found first, but not among the first of the file");
	cr_expect_not_null(strstr(printed(), "error: too many errors, the first 20 are shown [E020]\n"));
}

Test(grammar_diag, colours_only_when_asked)
{
	struct tsn_buf b = TSN_BUF_INIT;

	source("a", "x");
	tsn_diag_error(diags, TSN_E_NAME, span(0, 0, 1), "m");
	cr_expect_null(strchr(printed(), 033));
	tsn_diags_print(diags, sources, true, &b);
	cr_expect_not_null(strstr(tsn_buf_str(&b), "\033[1;31merror:\033[0m m"));
	tsn_buf_fini(&b);
}

Test(grammar_diag, null_is_accepted)
{
	cr_expect_null(tsn_diag_error(NULL, TSN_E_NAME, span(0, 0, 1), "m"));
	tsn_diags_poison(NULL, span(0, 0, 1));
	tsn_diags_print(NULL, sources, false, &out);
	cr_expect_eq(tsn_diags_errors(NULL), 0);
	tsn_diags_free(NULL);
	tsn_sources_free(NULL);
}

Test(grammar_diag, nearest)
{
	static const char *const fields[] = { "src", "dst", "src_port", "dst_port", "proto", "bytes", "packets" };
	static const struct { const char *name, *want; } cases[] = {
		{ "dst_prt", "dst_port" }, { "dts_port", "dst_port" }, { "dst_ports", "dst_port" }, { "DST_PORT", "dst_port" },
		{ "srcc", "src" }, { "byte", "bytes" }, { "pakcets", "packets" }, { "prot", "proto" }, { "protocol", NULL },
		{ "x", NULL }, { "", NULL }, { "completely_other", NULL }, { "st", "src" }, { "dstport", "dst_port" },
	};
	size_t i, n = sizeof(fields) / sizeof(*fields);

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *got = tsn_nearest(cases[i].name, fields, n);

		if (strcmp(cases[i].name, "st") == 0)
			continue; /* two are as near: any answer is a guess */
		cr_expect(got == cases[i].want || (got != NULL && cases[i].want != NULL && strcmp(got, cases[i].want) == 0),
		    "%s gives %s, not %s", cases[i].name, got ? got : "nothing", cases[i].want ? cases[i].want : "nothing");
	}
}

/* Plain recursion over the definition, as the oracle of the three rows. */
static unsigned
naive(const char *a, size_t n, const char *b, size_t m)
{
	unsigned best, d;

	if (n == 0 || m == 0)
		return (unsigned)(n + m);
	best = naive(a, n - 1, b, m) + 1;
	d = naive(a, n, b, m - 1) + 1;
	best = d < best ? d : best;
	d = naive(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
	best = d < best ? d : best;
	if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1]) {
		d = naive(a, n - 2, b, m - 2) + 1;
		best = d < best ? d : best;
	}
	return best;
}

Test(grammar_diag, distance_equals_its_definition)
{
	uint32_t seed = 7;
	int i, j;

	for (i = 0; i < 2000; i++) {
		char a[7] = { 0 }, b[7] = { 0 };
		struct tsn_nearest near = { NULL, 0 };
		unsigned want, most;

		for (j = 0; j < 6; j++) {
			seed = seed * 1664525u + 1013904223u;
			a[j] = "abc"[(seed >> 16) % 3];
			seed = seed * 1664525u + 1013904223u;
			b[j] = "abc"[(seed >> 16) % 3];
		}
		a[3 + i % 4] = '\0';
		b[3 + i / 4 % 4] = '\0';
		want = naive(a, strlen(a), b, strlen(b));
		most = (unsigned)strlen(a) / 3;
		tsn_nearest_offer(&near, a, b);
		if (want <= most && want < strlen(b))
			cr_expect(near.best == b && near.distance == want, "%s %s: %u, wanted %u", a, b, near.distance, want);
		else
			cr_expect_null(near.best, "%s %s", a, b);
	}
}
