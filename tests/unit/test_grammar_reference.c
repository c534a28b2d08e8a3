/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The examples of the language reference parse: blocks marked tocsin as files, condition as expressions. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/parse.h"

static void
check(const char *kind, const char *begin, size_t len)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;

	if (strcmp(kind, "tocsin") == 0)
		tsn_parse_text(sources, "reference", begin, len, diags);
	else
		tsn_parse_expr(sources, "reference", begin, len, diags);
	tsn_diags_print(diags, sources, false, &out);
	cr_expect_eq(out.len, 0, "%.*s\n%s", (int)len, begin, tsn_buf_str(&out));
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

static unsigned
check_all(const char *text, const char *kind)
{
	struct tsn_buf fence = TSN_BUF_INIT;
	const char *p = text, *end;
	unsigned n = 0;

	tsn_buf_printf(&fence, "\n```%s\n", kind);
	while ((p = strstr(p, tsn_buf_str(&fence))) != NULL) {
		p += fence.len;
		end = strstr(p, "\n```");
		cr_assert_not_null(end);
		check(kind, p, (size_t)(end - p));
		n++;
	}
	tsn_buf_fini(&fence);
	return n;
}

Test(grammar_reference, examples_parse)
{
	struct tsn_buf text = TSN_BUF_INIT;

	cr_assert_eq(tsn_buf_read_file(&text, "grammar/reference.md", 1u << 20), 0);
	cr_expect_geq(check_all(tsn_buf_str(&text), "tocsin"), 7);
	cr_expect_geq(check_all(tsn_buf_str(&text), "condition"), 10);
	tsn_buf_fini(&text);
}
