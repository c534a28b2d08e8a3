/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset pack and index: folders of rules become archives, folders of archives get an index. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "author/lint.h"
#include "base/clock.h"
#include "cli/inputs.h"
#include "cli/ruleset.h"
#include "grammar/parse.h"
#include "ruleset/contents.h"
#include "ruleset/file.h"
#include "ruleset/index.h"

#define EXPIRES_MS (14 * 24 * 3600 * INT64_C(1000))

static int64_t
now_ms(void)
{
	return (int64_t)time(NULL) * TSN_SECOND;
}

/* 0, or TSN_EXIT_INPUT with a sentence. */
static int
need_folder(const char *path, int mode)
{
	struct stat st;

	errno = 0;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	if (errno == 0 && access(path, mode) == 0)
		return 0;
	tsn_cli_warn("%s: %s", path, strerror(errno));
	return TSN_EXIT_INPUT;
}

static int
refuse(const char *error)
{
	tsn_cli_warn("%s", error);
	return TSN_EXIT_RULES;
}

/* --- pack --- */

/* How many rules and tests are of the ruleset itself, and not of those that it uses. */
static void
count(const struct tsn_ruleset *rs, struct tsn_manifest *m)
{
	size_t n = strlen(m->name);

	for (uint32_t i = 0; i < rs->program->nrules; i++)
		m->rules += strcmp(rs->program->rules[i].ruleset, m->name) == 0;
	for (uint32_t i = 0; i < rs->ntests; i++)
		m->tests += strncmp(rs->tests[i].rule, m->name, n) == 0 && rs->tests[i].rule[n] == '.';
}

/* Compiles, tests and lints as a site would get it. */
static int
try_rules(struct tsn_cli *c, const char *dir, struct tsn_manifest *m)
{
	struct tsn_lint_options lint = { .now_ms = now_ms(), .paths = &dir, .npaths = 1 };
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs = NULL;
	struct tsn_diags *found = tsn_diags_new();
	uint32_t failed = 0;

	if (found != NULL && tsn_cli_compilation_init(&k, c)) {
		k.input.paths = &dir;
		k.input.npaths = 1;
		k.input.tests = true; /* what the site gives need not be there */
		rs = tsn_cli_compile(&k);
	} else {
		tsn_cli_no_memory();
	}
	if (rs != NULL) {
		c->quiet = true; /* of tests those that fail */
		failed = tsn_cli_tests_failed(c, rs, &k);
		tsn_lint_with(rs, &lint, found);
		tsn_cli_print_diags(c, found, k.sources);
		count(rs, m);
	}
	tsn_ruleset_free(rs);
	tsn_cli_compilation_fini(&k);
	tsn_diags_free(found);
	if (failed > 0)
		tsn_cli_warn("%u test%s failed: nothing is packed", failed, failed == 1 ? "" : "s");
	return rs == NULL || failed > 0 ? TSN_EXIT_RULES : 0;
}

static int
read_contents(const struct tsn_cli *c, const char *dir, struct tsn_manifest *m)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	char error[TSN_RULESET_ERROR] = "";
	bool ok = sources != NULL && diags != NULL && tsn_contents_read(dir, sources, diags, m, error);

	if (sources == NULL || diags == NULL)
		tsn_cli_no_memory();
	else
		tsn_cli_print_diags(c, diags, sources);
	if (error[0] != '\0')
		tsn_cli_warn("%s", error);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ok ? 0 : TSN_EXIT_RULES;
}

static int
write_archive(const char *dir, const char *out, struct tsn_manifest *m)
{
	struct tsn_buf path = TSN_BUF_INIT;
	char error[TSN_RULESET_ERROR];
	struct stat st;
	int status = TSN_EXIT_OK;

	tsn_buf_printf(&path, "%s/%s-%s.tar.zst", out, m->name, m->version);
	if (m->rules > TSN_ARCHIVE_RULES_MAX) {
		tsn_cli_warn("%s has more than %u rules", dir, TSN_ARCHIVE_RULES_MAX);
		status = TSN_EXIT_RULES;
	} else if (path.failed) {
		status = tsn_cli_no_memory();
	} else if (!tsn_archive_write(dir, path.p, m, error)) {
		status = refuse(error);
	} else if (stat(path.p, &st) == 0) {
		printf("%s: %lld bytes, %u rule%s, %u test%s, %zu file%s\n", path.p, (long long)st.st_size, m->rules,
		    m->rules == 1 ? "" : "s", m->tests, m->tests == 1 ? "" : "s", m->nfiles, m->nfiles == 1 ? "" : "s");
	}
	tsn_buf_fini(&path);
	return status;
}

int
tsn_ruleset_pack(struct tsn_cli *c)
{
	const char *out = c->output != NULL ? c->output : ".", *dir;
	struct tsn_manifest m = { 0 };
	int status;

	if (c->args.n != 1)
		return tsn_cli_usage(c, "pack takes one folder with rules");
	dir = c->args.v[0];
	status = need_folder(dir, R_OK | X_OK);
	if (status == 0) {
		mkdir(out, 0777); /* there already, or what is wrong is said next */
		status = need_folder(out, W_OK | X_OK);
	}
	if (status == 0)
		status = read_contents(c, dir, &m);
	if (status == 0)
		status = try_rules(c, dir, &m);
	if (status == 0)
		status = write_archive(dir, out, &m);
	tsn_manifest_fini(&m);
	return status;
}

/* --- index --- */

/* "14d" as the language has it; -1: it is none. */
static int64_t
parse_duration(const char *text)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_node *n = sources == NULL || diags == NULL ? NULL : tsn_parse_expr(sources, "--expires", text, strlen(text), diags);
	int64_t ms = n != NULL && n->kind == TSN_N_DURATION && tsn_diags_errors(diags) == 0 && n->i > 0 ? n->i : -1;

	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ms;
}

/* Whoever installs asks for the signature of each archive: those that have none are named. */
static void
name_unsigned(const char *dir, const struct tsn_index *x)
{
	struct tsn_buf path = TSN_BUF_INIT;

	for (size_t i = 0; i < x->nrulesets; i++) {
		for (size_t v = 0; v < x->ruleset[i].nversions; v++) {
			tsn_buf_clear(&path);
			tsn_buf_printf(&path, "%s/%s.minisig", dir, x->ruleset[i].version[v].url);
			if (!path.failed && access(path.p, F_OK) != 0)
				tsn_cli_warn("%s/%s is not signed: nobody can install it", dir, x->ruleset[i].version[v].url);
		}
	}
	tsn_buf_fini(&path);
}

static int
say_index(const char *dir, const struct tsn_buf *text)
{
	char error[TSN_RULESET_ERROR], until[TSN_TIME_TEXT];
	struct tsn_index x;
	size_t versions = 0;

	if (!tsn_index_parse(text->p, text->len, &x, error))
		return refuse(error);
	for (size_t i = 0; i < x.nrulesets; i++)
		versions += x.ruleset[i].nversions;
	name_unsigned(dir, &x);
	printf("%s/index.json: serial %llu, %zu ruleset%s, %zu version%s, expires %.19sZ\n", dir, (unsigned long long)x.serial,
	    x.nrulesets, x.nrulesets == 1 ? "" : "s", versions, versions == 1 ? "" : "s", tsn_time_text(x.expires, until));
	tsn_index_fini(&x);
	return TSN_EXIT_OK;
}

static int
write_index(struct tsn_cli *c, const char *dir, int64_t expires)
{
	struct tsn_buf text = TSN_BUF_INIT, path = TSN_BUF_INIT;
	char error[TSN_RULESET_ERROR];
	int64_t now = now_ms();
	int status = TSN_EXIT_OK;

	tsn_buf_printf(&path, "%s/index.json", dir);
	if (path.failed)
		status = tsn_cli_no_memory();
	else if (!tsn_index_make(dir, now, now + expires, &text, error))
		status = refuse(error);
	/* the signature first: an index is never there with another one's for longer than two renames take */
	else if (c->secret_key == NULL || (status = tsn_ruleset_sign_bytes(c, path.p, &text)) == 0)
		status = tsn_file_replace(path.p, text.p, text.len, 0644, error) ? say_index(dir, &text) : refuse(error);
	tsn_buf_fini(&path);
	tsn_buf_fini(&text);
	return status;
}

int
tsn_ruleset_index(struct tsn_cli *c)
{
	int64_t expires = c->expires != NULL ? parse_duration(c->expires) : EXPIRES_MS;
	int status;

	if (c->args.n != 1)
		return tsn_cli_usage(c, "index takes one folder with archives");
	if (expires < 0)
		return tsn_cli_usage(c, "--expires takes a time like 14d or 12h, not \"%s\"", c->expires);
	status = need_folder(c->args.v[0], R_OK | W_OK | X_OK);
	return status != 0 ? status : write_index(c, c->args.v[0], expires);
}
