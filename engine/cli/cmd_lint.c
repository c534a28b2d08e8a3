/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin lint: what is legal in rules and yet hardly meant. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "author/lint.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/inputs.h"

static int
list(void)
{
	for (size_t i = 0; i < tsn_lint_count; i++)
		printf("W%03d  %-16s %s\n", (int)tsn_lints[i].code, tsn_lints[i].name, tsn_lints[i].help);
	return TSN_EXIT_OK;
}

static void
add_text(struct tsn_buf *out, const char *name, const char *text)
{
	tsn_buf_printf(out, ",\"%s\":\"", name);
	tsn_buf_json(out, text, strlen(text));
	tsn_buf_putc(out, '"');
}

/* One object a line, for editors and build servers. */
static void
add_json(void *arg, const struct tsn_diag_view *v)
{
	static const char *const severity[] = { "error", "warning", "note" };
	const struct tsn_lint_info *info = tsn_lint_find((unsigned)v->code);
	struct tsn_buf *out = arg;

	tsn_buf_printf(out, "{\"code\":\"%c%03d\"", v->severity == TSN_DIAG_ERROR ? 'E' : 'W', (int)v->code);
	add_text(out, "severity", severity[v->severity]);
	if (info != NULL)
		add_text(out, "name", info->name);
	if (v->file != NULL) {
		add_text(out, "file", v->file);
		tsn_buf_printf(out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", v->line, v->column, v->end_line, v->end_column);
	}
	add_text(out, "message", v->message);
	if (v->hint != NULL)
		add_text(out, "hint", v->hint);
	tsn_buf_puts(out, "}\n");
}

static void
show(const struct tsn_cli *c, struct tsn_cli_compilation *k, bool json)
{
	struct tsn_buf out = TSN_BUF_INIT;

	if (json)
		tsn_diags_each(k->diags, k->sources, add_json, &out);
	else
		tsn_diags_print(k->diags, k->sources, c->color_out, &out);
	if (out.failed)
		tsn_cli_no_memory();
	fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
}

static bool
take_paths(struct tsn_cli *c)
{
	const char **v = tsn_reallocarray(c->rules.v, c->rules.n + c->args.n + 1, sizeof(*v));

	if (v == NULL)
		return false;
	for (size_t i = 0; i < c->args.n; i++)
		v[c->rules.n + i] = c->args.v[i];
	c->rules.v = v;
	c->rules.n += c->args.n;
	return true;
}

static void
say_how_many(const struct tsn_cli *c, const struct tsn_ruleset *rs, size_t found, size_t shown)
{
	if (c->quiet)
		return;
	printf("%u rule%s: ", rs->program->nrules, rs->program->nrules == 1 ? "" : "s");
	if (found == 0)
		printf("nothing found\n");
	else if (found > shown)
		printf("%zu findings, the first %zu are shown\n", found, shown);
	else
		printf("%zu finding%s\n", found, found == 1 ? "" : "s");
}

/* Warnings of the checker about other files than those asked about are not the author's to mend. */
static bool
is_wanted(void *arg, const struct tsn_diag_view *v)
{
	return v->file == NULL || tsn_lint_wants(arg, v->file);
}

static int
look(struct tsn_cli *c, struct tsn_cli_compilation *k, bool json)
{
	struct tsn_lint_options o = { .now_ms = (int64_t)time(NULL) * TSN_SECOND, .paths = c->args.v, .npaths = c->args.n };
	struct tsn_ruleset *rs = tsn_compile(k->sources, &k->input, k->diags);
	size_t found;

	if (rs == NULL) {
		if (tsn_diags_errors(k->diags) == 0)
			return tsn_cli_no_memory();
		show(c, k, json);
		return TSN_EXIT_RULES;
	}
	tsn_diags_filter(k->diags, k->sources, is_wanted, &o);
	found = tsn_diags_warnings(k->diags);
	found += tsn_lint_with(rs, &o, k->diags);
	show(c, k, json);
	if (!json)
		say_how_many(c, rs, found, tsn_diags_warnings(k->diags));
	tsn_ruleset_free(rs);
	return found > 0 ? TSN_EXIT_RULES : TSN_EXIT_OK;
}

int
tsn_cmd_lint(struct tsn_cli *c)
{
	struct tsn_cli_compilation k;
	bool json = false;
	int status;

	if (c->list)
		return list();
	if (c->format != NULL && strcmp(c->format, "text") != 0 && strcmp(c->format, "json") != 0)
		return tsn_cli_usage(c, "--format: text or json");
	json = c->format != NULL && strcmp(c->format, "json") == 0;
	if (c->args.n + c->rules.n == 0)
		return tsn_cli_usage(c, "no rules: name rule files or directories");
	if (!take_paths(c))
		return tsn_cli_no_memory();
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	k.input.tests = true; /* what the site gives need not be there */
	status = look(c, &k, json);
	tsn_cli_compilation_fini(&k);
	return status;
}
