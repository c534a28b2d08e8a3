/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* From text to tree: scan, pair the brackets, parse. */
#include "grammar/parse.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "grammar/diag_list.h"
#include "grammar/internal.h"
#include "parser.tab.h"

static void
no_memory(struct tsn_diags *diags, const char *name)
{
	tsn_diag_error(diags, TSN_E_MEMORY, TSN_SPAN_NONE, "%s: no memory to read it", name);
}

/* What the text of a source says; NULL when memory is out. */
static struct tsn_node *
read_text(struct tsn_sources *sources, uint32_t file, struct tsn_diags *diags, int start)
{
	const struct tsn_source *src = &sources->v[file];
	struct tsn_parse p = { .sources = sources, .diags = diags, .file = file, .arena = src->arena, .text = src->text,
		.len = src->len, .expr = start == TSN_TOK_START_EXPR, .start = start };

	if (!tsn_scan(&p) || !tsn_balance(&p) || tsn_yyparse(&p) == 2)
		p.oom |= tsn_diags_errors(diags) == 0;
	tsn_free(p.tokens.v);
	if (p.oom || p.result == NULL) {
		if (tsn_diags_errors(diags) == 0 || p.oom)
			no_memory(diags, src->name);
		return NULL;
	}
	return p.result;
}

static struct tsn_node *
parse(struct tsn_sources *sources, const char *name, const char *text, size_t len,
    struct tsn_diags *diags, int start)
{
	const size_t said = tsn_diags_said(diags);
	int file;

	if (len > TSN_PARSE_FILE_MAX) {
		tsn_diag_error(diags, TSN_E_OVERLONG, TSN_SPAN_NONE, "%s: a file of rules ends at %u bytes", name,
		    TSN_PARSE_FILE_MAX);
		return NULL;
	}
	file = tsn_sources_keep(sources, name, text, len, start == TSN_TOK_START_EXPR);
	if (file >= 0)
		return sources->v[file].tree;
	file = tsn_sources_add(sources, name, text, len);
	if (file < 0) {
		no_memory(diags, name);
		return NULL;
	}
	sources->v[file].tree = read_text(sources, (uint32_t)file, diags, start);
	sources->v[file].clean = diags != NULL && tsn_diags_said(diags) == said;
	return sources->v[file].tree;
}

struct tsn_node *
tsn_parse_text(struct tsn_sources *sources, const char *name, const char *text, size_t len,
    struct tsn_diags *diags)
{
	return parse(sources, name, text, len, diags, TSN_TOK_START_FILE);
}

struct tsn_node *
tsn_parse_expr(struct tsn_sources *sources, const char *name, const char *text, size_t len,
    struct tsn_diags *diags)
{
	return parse(sources, name, text, len, diags, TSN_TOK_START_EXPR);
}

struct tsn_node *
tsn_parse_file(struct tsn_sources *sources, const char *path, struct tsn_diags *diags)
{
	struct tsn_buf b = TSN_BUF_INIT;
	struct tsn_node *tree = NULL;
	int err = tsn_buf_read_file(&b, path, TSN_PARSE_FILE_MAX);

	if (err != 0)
		tsn_diag_error(diags, TSN_E_IMPORT, TSN_SPAN_NONE, "%s: %s", path, strerror(err));
	else
		tree = tsn_parse_text(sources, path, tsn_buf_str(&b), b.len, diags);
	tsn_buf_fini(&b);
	return tree;
}
