/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/inputs.h"

/* Where `use NAME` looks when --library says nothing: beside the program's data, and in the working directory. */
static const char *const default_library[] = { "stdlib-rules", TSN_DATADIR "/stdlib-rules" };

void
tsn_cli_library(const struct tsn_cli *c, struct tsn_compile_input *in)
{
	if (c->library.n > 0) {
		in->search = c->library.v;
		in->nsearch = c->library.n;
	} else {
		in->search = default_library;
		in->nsearch = sizeof(default_library) / sizeof(default_library[0]);
	}
}

void
tsn_cli_print_diags(const struct tsn_cli *c, struct tsn_diags *diags, const struct tsn_sources *sources)
{
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_diags_print(diags, sources, c->color_err, &out);
	if (out.len > 0)
		fwrite(out.p, 1, out.len, stderr);
	if (out.failed)
		tsn_cli_no_memory();
	tsn_buf_fini(&out);
}

/* What cannot be read is an error like one of the rules. */
static void
take_store(struct tsn_cli_compilation *k, const char *store)
{
	char error[TSN_RULESET_ERROR];

	if (store == NULL)
		return;
	if (!tsn_store_enabled(store, &k->enabled, error))
		tsn_diag_error(k->diags, TSN_E_IMPORT, TSN_SPAN_NONE, "%s", error);
	k->input.installed = k->enabled.v;
	k->input.ninstalled = k->enabled.n;
}

bool
tsn_cli_compilation_init(struct tsn_cli_compilation *k, const struct tsn_cli *c)
{
	size_t i, nexprs = c->exprs.n + (c->where != NULL);

	*k = (struct tsn_cli_compilation){ .cli = c };
	k->sources = tsn_sources_new();
	k->diags = tsn_diags_new();
	k->exprs = tsn_calloc(nexprs, sizeof(*k->exprs));
	if (k->sources == NULL || k->diags == NULL || k->exprs == NULL)
		return false;
	for (i = 0; i < c->exprs.n; i++)
		k->exprs[i] = (struct tsn_rule_text){ NULL, c->exprs.v[i], strlen(c->exprs.v[i]) };
	if (c->where != NULL)
		k->exprs[i] = (struct tsn_rule_text){ "where", c->where, strlen(c->where) };
	k->input.exprs = k->exprs;
	k->input.nexprs = nexprs;
	k->input.filter = c->where != NULL;
	k->input.paths = c->rules.v;
	k->input.npaths = c->rules.n;
	k->input.wanted = c->elements;
	k->input.nwanted = c->nelements;
	tsn_cli_library(c, &k->input);
	take_store(k, c->rulesets);
	return true;
}

void
tsn_cli_compilation_fini(struct tsn_cli_compilation *k)
{
	tsn_store_enabled_fini(&k->enabled);
	tsn_diags_free(k->diags);
	tsn_sources_free(k->sources);
	tsn_free(k->exprs);
}

struct tsn_ruleset *
tsn_cli_compile(struct tsn_cli_compilation *k)
{
	struct tsn_ruleset *r = tsn_diags_errors(k->diags) > 0 ? NULL : tsn_compile(k->sources, &k->input, k->diags);

	tsn_cli_print_diags(k->cli, k->diags, k->sources);
	if (r == NULL && tsn_diags_errors(k->diags) == 0)
		tsn_cli_no_memory();
	return r;
}

int
tsn_cli_compile_rows(const struct tsn_cli *c, struct tsn_ruleset **out)
{
	struct tsn_cli_compilation k;
	int status = 0;

	*out = NULL;
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	if ((c->where != NULL || c->rules.n > 0) && (*out = tsn_cli_compile(&k)) == NULL)
		status = TSN_EXIT_RULES;
	tsn_cli_compilation_fini(&k);
	return status;
}
