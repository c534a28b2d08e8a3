/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin fmt: rule files into canonical layout. A file with an error is left as it is. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/inputs.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"

static int
read_all(const char *path, struct tsn_buf *text)
{
	char chunk[65536];
	size_t n;

	if (strcmp(path, "-") != 0)
		return tsn_buf_read_file(text, path, TSN_PARSE_FILE_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		tsn_buf_add(text, chunk, n);
	return text->failed ? ENOMEM : ferror(stdin) ? EIO : 0;
}

/* Writes beside the file and renames, so that a full disk leaves the old text. */
static bool
replace_file(const char *path, const struct tsn_buf *text)
{
	struct tsn_buf aside = TSN_BUF_INIT;
	struct stat st;
	bool ok = false;
	FILE *f;

	tsn_buf_printf(&aside, "%s.tocsin-fmt", path);
	f = aside.failed ? NULL : fopen(aside.p, "wx");
	if (f != NULL) {
		ok = fwrite(text->p, 1, text->len, f) == text->len;
		ok = stat(path, &st) == 0 && fchmod(fileno(f), st.st_mode) == 0 && ok;
		ok = fclose(f) == 0 && ok;
		ok = ok && rename(aside.p, path) == 0;
		if (!ok)
			unlink(aside.p);
	}
	if (!ok)
		tsn_cli_warn("%s: %s", path, strerror(errno));
	tsn_buf_fini(&aside);
	return ok;
}

static int
put_formatted(struct tsn_cli *c, const char *path, const struct tsn_buf *before, const struct tsn_buf *after)
{
	bool same = before->len == after->len && memcmp(tsn_buf_str(before), tsn_buf_str(after), after->len) == 0;

	if (c->diff) {
		if (!same)
			printf("%s: not in canonical layout\n", path);
		return same ? TSN_EXIT_OK : TSN_EXIT_RULES;
	}
	if (strcmp(path, "-") == 0) {
		fwrite(tsn_buf_str(after), 1, after->len, stdout);
		return TSN_EXIT_OK;
	}
	return same || replace_file(path, after) ? TSN_EXIT_OK : TSN_EXIT_INPUT;
}

static int
format_one(struct tsn_cli *c, const char *path)
{
	struct tsn_buf before = TSN_BUF_INIT, after = TSN_BUF_INIT;
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	int err = read_all(path, &before), status = TSN_EXIT_RULES;

	if (err != 0) {
		tsn_cli_warn("%s: %s", path, strerror(err));
		status = TSN_EXIT_INPUT;
	} else if (sources == NULL || diags == NULL) {
		status = tsn_cli_no_memory();
	} else {
		tsn_parse_text(sources, strcmp(path, "-") == 0 ? "stdin" : path, tsn_buf_str(&before), before.len, diags);
		tsn_cli_print_diags(c, diags, sources);
		if (tsn_diags_errors(diags) == 0 && sources->n == 1)
			status = tsn_fmt(sources, 0, &after) && !after.failed ? put_formatted(c, path, &before, &after) : tsn_cli_no_memory();
	}
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	tsn_buf_fini(&before);
	tsn_buf_fini(&after);
	return status;
}

static int
is_rule_file(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".tsn") == 0;
}

/* The rule files of a directory, as other commands take them. */
static int
format_directory(struct tsn_cli *c, const char *path)
{
	struct dirent **entry;
	struct tsn_buf file = TSN_BUF_INIT;
	int n = scandir(path, &entry, is_rule_file, alphasort), i, one, status = TSN_EXIT_OK;

	if (n <= 0) {
		tsn_cli_warn("%s: %s", path, n < 0 ? strerror(errno) : "holds no .tsn file");
		status = TSN_EXIT_INPUT;
	}
	for (i = 0; i < n; i++) {
		tsn_buf_clear(&file);
		tsn_buf_printf(&file, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", entry[i]->d_name);
		one = file.failed ? tsn_cli_no_memory() : format_one(c, file.p);
		if (one > status)
			status = one;
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	tsn_buf_fini(&file);
	return status;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
tsn_cmd_fmt(struct tsn_cli *c)
{
	int status = TSN_EXIT_OK, one;
	size_t i;

	if (c->args.n == 0)
		return tsn_cli_usage(c, "no files: name rule files or directories, or - for stdin");
	for (i = 0; i < c->args.n; i++) {
		one = is_directory(c->args.v[i]) ? format_directory(c, c->args.v[i]) : format_one(c, c->args.v[i]);
		if (one > status)
			status = one;
	}
	return status;
}
