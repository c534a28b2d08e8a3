/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Every file of tests/golden/syntax gives exactly the diagnostics that stand beside it, carets
 * included. TSN_GOLDEN_WRITE=1 writes them anew; the difference is then read by a person.
 * Files named expr_* are conditions, as after -e.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/parse.h"

#define FOLDER "tests/golden/syntax"
#define AT_LEAST 35

static void
diagnose(const char *name, const struct tsn_buf *text, struct tsn_buf *out)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();

	if (strncmp(name, "expr_", 5) == 0)
		tsn_parse_expr(sources, "e1", tsn_buf_str(text), text->len, diags);
	else
		tsn_parse_text(sources, name, tsn_buf_str(text), text->len, diags);
	tsn_diags_print(diags, sources, false, out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

static void
write_file(const char *path, const struct tsn_buf *b)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f, "%s", path);
	cr_assert_eq(fwrite(tsn_buf_str(b), 1, b->len, f), b->len, "%s", path);
	fclose(f);
}

static void
check(const char *name)
{
	struct tsn_buf text = TSN_BUF_INIT, expected = TSN_BUF_INIT, got = TSN_BUF_INIT;
	char path[512];
	int err;

	snprintf(path, sizeof(path), FOLDER "/%s", name);
	cr_assert_eq(tsn_buf_read_file(&text, path, 1u << 20), 0, "%s", path);
	diagnose(name, &text, &got);
	snprintf(path, sizeof(path), FOLDER "/%.*s.expected", (int)strlen(name) - 4, name);
	if (getenv("TSN_GOLDEN_WRITE") != NULL) {
		write_file(path, &got);
	} else {
		err = tsn_buf_read_file(&expected, path, 1u << 20);
		cr_expect_eq(err, 0, "%s is missing", path);
		cr_expect(strcmp(tsn_buf_str(&got), tsn_buf_str(&expected)) == 0,
		    "%s\n--- expected\n%s--- got\n%s", name, tsn_buf_str(&expected), tsn_buf_str(&got));
	}
	cr_expect_gt(got.len, 0, "%s gives no diagnostic", name);
	tsn_buf_fini(&text);
	tsn_buf_fini(&expected);
	tsn_buf_fini(&got);
}

Test(grammar_golden, syntax_errors)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *e;
	size_t n = 0, len;

	cr_assert_not_null(dir);
	while ((e = readdir(dir)) != NULL) {
		len = strlen(e->d_name);
		if (len > 4 && strcmp(e->d_name + len - 4, ".tsn") == 0) {
			check(e->d_name);
			n++;
		}
	}
	closedir(dir);
	cr_assert_geq(n, AT_LEAST);
}
