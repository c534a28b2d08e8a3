/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin import: lists and filters of others as rules. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "author/import.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/inputs.h"
#include "cli/out_file.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"

static int
list(void)
{
	for (size_t i = 0; i < TSN_IMPORT_KINDS; i++)
		printf("%-9s %s\n", tsn_imports[i].name, tsn_imports[i].help);
	return TSN_EXIT_OK;
}

/* False: there is no such format, and it was said. */
static bool
kind_named(const struct tsn_cli *c, enum tsn_import_kind *out)
{
	struct tsn_nearest near = { 0 };

	for (int i = 0; i < TSN_IMPORT_KINDS; i++) {
		if (strcmp(tsn_imports[i].name, c->as) == 0) {
			*out = (enum tsn_import_kind)i;
			return true;
		}
		tsn_nearest_offer(&near, c->as, tsn_imports[i].name);
	}
	if (near.best != NULL)
		tsn_cli_usage(c, "--as: there is no \"%s\"; did you mean \"%s\"?", c->as, near.best);
	else
		tsn_cli_usage(c, "--as: there is no \"%s\"; tocsin import --list names them", c->as);
	return false;
}

static int
read_input(const char *path, struct tsn_buf *text)
{
	char chunk[65536];
	size_t n;
	int error = 0;

	if (strcmp(path, "-") != 0) {
		error = tsn_buf_read_file(text, path, TSN_IMPORT_MAX);
	} else {
		while (text->len <= TSN_IMPORT_MAX && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
			tsn_buf_add(text, chunk, n);
		error = text->failed ? ENOMEM : ferror(stdin) ? EIO : text->len > TSN_IMPORT_MAX ? EFBIG : 0;
	}
	if (error == 0)
		return TSN_EXIT_OK;
	tsn_cli_warn("%s: %s", path, strerror(error));
	return TSN_EXIT_INPUT;
}

/* A word for the rule out of a file's name. */
static void
name_of(const char *path, char *out, size_t size)
{
	const char *base = strrchr(path, '/'), *dot, *end;
	size_t n = 0;

	base = base == NULL ? path : base + 1;
	dot = strrchr(base, '.');
	end = dot == NULL || dot == base ? base + strlen(base) : dot;
	if (*base >= '0' && *base <= '9')
		out[n++] = 'l';
	for (; base < end && n + 1 < size; base++) {
		const char ch = *base >= 'A' && *base <= 'Z' ? (char)(*base | 0x20) : *base;

		if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'))
			out[n++] = ch;
		else if (n > 0 && out[n - 1] != '_')
			out[n++] = '_';
	}
	while (n > 0 && out[n - 1] == '_')
		n--;
	out[n] = '\0';
	if (n == 0)
		snprintf(out, size, "imported");
}

static bool
is_word(const char *s)
{
	return s[0] >= 'a' && s[0] <= 'z' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' && strlen(s) <= 64;
}

/* What the reader had to leave behind, on stderr, so that it is seen where stdout goes into a file. */
static void
say_losses(const struct tsn_cli *c, const struct tsn_import *im, const char *path)
{
	if (c->quiet)
		return;
	for (size_t i = 0; i < im->nbad && i < TSN_IMPORT_BAD; i++)
		tsn_cli_warn("%s:%zu: not understood: %s", path, im->bad[i].line, im->bad[i].text);
	if (im->nbad > TSN_IMPORT_BAD)
		tsn_cli_warn("%s: %zu more lines were not understood", path, im->nbad - TSN_IMPORT_BAD);
	for (size_t i = 0; i < im->nreasons; i++)
		tsn_cli_warn("%s: left out: %zu %s", path, im->left_out[i].n, im->left_out[i].why);
}

/* A broken text would be our own mistake, or a name that is a word of the language. */
static int
put_rules(const struct tsn_cli *c, const struct tsn_buf *text)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;
	int status;

	if (text->failed || sources == NULL || diags == NULL) {
		status = tsn_cli_no_memory();
	} else if (tsn_parse_text(sources, "import", tsn_buf_str(text), text->len, diags) == NULL || tsn_diags_errors(diags) > 0) {
		tsn_cli_print_diags(c, diags, sources);
		status = TSN_EXIT_RULES;
	} else {
		status = tsn_fmt(sources, 0, &out) ? tsn_cli_put_new(c->output, &out) : tsn_cli_no_memory();
	}
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return status;
}

static int
write_list(const struct tsn_cli *c, const struct tsn_import *im, struct tsn_import_target *t, struct tsn_buf *out)
{
	struct tsn_buf csv = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	if (c->set_file == NULL && im->n > TSN_IMPORT_INLINE)
		return tsn_cli_usage(c, "%zu members are too many for a rule file: name a file for them with --set-file", im->n);
	if (c->set_file != NULL) {
		tsn_import_write_csv(im, &csv);
		status = tsn_cli_put_new(c->set_file, &csv);
	}
	tsn_buf_fini(&csv);
	t->set_file = c->set_file;
	if (status != TSN_EXIT_OK)
		return status;
	tsn_import_write(im, t, out);
	return put_rules(c, out);
}

static int
write_all(const struct tsn_cli *c, const struct tsn_import *im, const char *path)
{
	struct tsn_buf out = TSN_BUF_INIT;
	char name[48];
	struct tsn_import_target t = { .source = strcmp(path, "-") == 0 ? "standard input" : path, .now_ms = (int64_t)time(NULL) * TSN_SECOND };
	int status;

	name_of(strcmp(path, "-") == 0 ? "imported" : path, name, sizeof(name));
	t.name = c->name != NULL ? c->name : name;
	say_losses(c, im, path);
	if (!tsn_imports[im->kind].filter) {
		status = write_list(c, im, &t, &out);
	} else if (c->bare) {
		status = tsn_cli_put_new(c->output, &im->condition);
		if (c->output == NULL)
			putchar('\n');
	} else {
		tsn_import_write(im, &t, &out);
		status = put_rules(c, &out);
	}
	tsn_buf_fini(&out);
	return status;
}

static int
say_why(const struct tsn_import *im, const char *path)
{
	if (im->no_memory)
		return tsn_cli_no_memory();
	if (im->error_line > 0 && im->error_column > 0)
		fprintf(stderr, "%s:%zu:%zu: error: %s\n", path, im->error_line, im->error_column, im->error);
	else if (im->error_line > 0)
		fprintf(stderr, "%s:%zu: error: %s\n", path, im->error_line, im->error);
	else
		fprintf(stderr, "%s: error: %s\n", path, im->error);
	return TSN_EXIT_INPUT;
}

static int
import(struct tsn_cli *c, enum tsn_import_kind kind, struct tsn_buf *text)
{
	struct tsn_buf categories = TSN_BUF_INIT;
	struct tsn_import_options o = { .column = c->column, .least_score = c->score > 0 ? c->score : 1 };
	struct tsn_import im;
	int status = TSN_EXIT_OK;

	if (c->categories != NULL) {
		status = read_input(c->categories, &categories);
		o.categories = tsn_buf_str(&categories);
	}
	if (status == TSN_EXIT_OK) {
		if (c->as == NULL)
			kind = tsn_import_sniff(tsn_buf_str(text), text->len);
		status = tsn_import_read(&im, kind, &o, tsn_buf_str(text), text->len) ? write_all(c, &im, c->args.v[0]) : say_why(&im, c->args.v[0]);
		tsn_import_fini(&im);
	}
	tsn_buf_fini(&categories);
	return status;
}

int
tsn_cmd_import(struct tsn_cli *c)
{
	enum tsn_import_kind kind = TSN_IMPORT_plain;
	struct tsn_buf text = TSN_BUF_INIT;
	int status;

	if (c->list)
		return list();
	if (c->args.n != 1)
		return tsn_cli_usage(c, "name one file, or - for stdin");
	if (c->as != NULL && !kind_named(c, &kind))
		return TSN_EXIT_USAGE;
	if (c->name != NULL && !is_word(c->name))
		return tsn_cli_usage(c, "\"%s\" is no name of a rule: small letters, digits and _, at most 64", c->name);
	status = read_input(c->args.v[0], &text);
	if (status == TSN_EXIT_OK)
		status = import(c, kind, &text);
	tsn_buf_fini(&text);
	return status;
}
