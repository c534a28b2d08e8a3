/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Every file of tests/golden/check is compiled and its diagnostics compared with the text beside
 * it, carets included. TSN_GOLDEN_WRITE=1 writes the texts anew. Files named *.inc.* are used by others.
 */
#include <dirent.h>

#include "test_check.h"

#define DIR_OF "tests/golden/check"

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
list(char *v[], size_t cap)
{
	DIR *d = opendir(DIR_OF);
	struct dirent *e;
	size_t n = 0;

	cr_assert_not_null(d, "run from the root of the project");
	while ((e = readdir(d)) != NULL && n < cap) {
		const char *dot = strchr(e->d_name, '.');

		if (dot != NULL && strcmp(dot, ".tsn") == 0)
			v[n++] = strdup(e->d_name);
	}
	closedir(d);
	qsort(v, n, sizeof(*v), by_name);
	return n;
}

static void
write_file(const char *path, const struct tsn_buf *b)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(tsn_buf_str(b), f);
	fclose(f);
}

Test(check_golden, every_text)
{
	char *name[256], path[512];
	size_t n = list(name, 256);

	for (size_t i = 0; i < n; i++) {
		struct tsn_buf want = TSN_BUF_INIT;
		struct made m;

		snprintf(path, sizeof(path), DIR_OF "/%s", name[i]);
		m = make_path(path);
		cr_expect_eq(m.r == NULL, tsn_diags_errors(m.diags) > 0, "%s", name[i]);
		snprintf(path, sizeof(path), DIR_OF "/%.*s.expected", (int)(strlen(name[i]) - 4), name[i]);
		if (getenv("TSN_GOLDEN_WRITE") != NULL)
			write_file(path, &m.text);
		tsn_buf_read_file(&want, path, 1 << 20);
		cr_expect_str_eq(tsn_buf_str(&m.text), tsn_buf_str(&want), "%s says\n%s", name[i], tsn_buf_str(&m.text));
		tsn_buf_fini(&want);
		unmake(&m);
		free(name[i]);
	}
	cr_assert_geq(n, 40);
}

/* An error is one line "FILE:LINE:COLUMN: error: ..."; no message may be empty or end in a full stop. */
Test(check_golden, messages_read_well)
{
	char *name[256], path[512];
	size_t n = list(name, 256), errors = 0;

	for (size_t i = 0; i < n; i++) {
		struct made m;

		snprintf(path, sizeof(path), DIR_OF "/%s", name[i]);
		m = make_path(path);
		for (char *line = strtok(m.text.p, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			const char *at = strstr(line, ": error: "), *end = at == NULL ? NULL : strrchr(at, '[');

			if (at == NULL)
				continue;
			errors++;
			cr_expect(end != NULL && end - at > 15, "%s", line);
			cr_expect(end != NULL && end[-2] != '.', "%s", line);
		}
		unmake(&m);
		free(name[i]);
	}
	cr_assert_geq(errors, 150, "%zu errors in all", errors);
}
