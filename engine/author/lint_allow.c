/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Comments `# lint: allow NAME reason`: comments are no part of the tree, so the text is read again. */
#include <string.h>

#include "author/lint_internal.h"
#include "base/mem.h"

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* Where the comment of a line begins; strings may hold a #. NULL without one. */
static const char *
comment_of(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '\\' && quoted && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '#' && !quoted)
			return p;
	}
	return NULL;
}

static const struct tsn_lint_info *
by_name(const char *p, size_t n)
{
	for (size_t i = 0; i < tsn_lint_count; i++)
		if (strlen(tsn_lints[i].name) == n && memcmp(tsn_lints[i].name, p, n) == 0)
			return &tsn_lints[i];
	return NULL;
}

static const char *
nearest(const char *p, size_t n)
{
	struct tsn_nearest near = { 0 };
	char name[64];

	if (n >= sizeof(name))
		return NULL;
	memcpy(name, p, n);
	name[n] = '\0';
	for (size_t i = 0; i < tsn_lint_count; i++)
		tsn_nearest_offer(&near, name, tsn_lints[i].name);
	return near.best;
}

static void
complain(struct lint *l, struct tsn_span at, const char *name, size_t n, bool known)
{
	const char *near = known ? NULL : nearest(name, n);
	struct tsn_diag *d = known ? lint_say(l, TSN_LINT_ALLOW, at, "this comment allows a finding without a reason") :
	    lint_say(l, TSN_LINT_ALLOW, at, "there is no finding \"%.*s\" to allow", n > 60 ? 60 : (int)n, name);

	if (known)
		tsn_diag_hint(d, "say why behind its name");
	else if (near != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near);
	else
		tsn_diag_hint(d, "tocsin lint --list names them");
}

static void
take(struct lint *l, uint32_t file, uint32_t line, const char *comment, const char *end, bool beside)
{
	static const char words[] = "lint: allow";
	const char *p = skip_blanks(comment + 1, end), *name, *text = l->src->v[file].text;
	const struct tsn_lint_info *info;
	struct lint_allow *v;
	struct tsn_span at = { file, (uint32_t)(comment - text), (uint32_t)(end - text) };

	if ((size_t)(end - p) < sizeof(words) || memcmp(p, words, sizeof(words) - 1) != 0)
		return;
	name = p = skip_blanks(p + sizeof(words) - 1, end);
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r' && *p != ',')
		p++;
	info = by_name(name, (size_t)(p - name));
	if (info == NULL || skip_blanks(p, end) == end)
		complain(l, at, name, (size_t)(p - name), info != NULL);
	if (info == NULL)
		return;
	v = tsn_grow(l->allow, l->nallow, &l->cap_allow, sizeof(*v));
	if (v == NULL)
		return;
	l->allow = v;
	v[l->nallow++] = (struct lint_allow){ .file = file, .line = line, .last = line, .code = info->code, .beside = beside };
}

static void
read_file(struct lint *l, uint32_t file)
{
	const char *p = l->src->v[file].text, *end = p + l->src->v[file].len;
	size_t block = l->nallow; /* allows of the block of comments that goes on */

	for (uint32_t line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl == NULL ? end : nl, *comment = comment_of(p, stop);
		const bool alone = comment != NULL && skip_blanks(p, stop) == comment;

		if (comment != NULL)
			take(l, file, line, comment, stop, !alone);
		for (size_t i = block; i < l->nallow && alone; i++)
			l->allow[i].last = line;
		if (!alone)
			block = l->nallow;
		p = nl == NULL ? end : nl + 1;
	}
}

void
lint_allows_find(struct lint *l)
{
	for (uint32_t i = 0; i < l->src->n; i++)
		if (lint_in_scope(l, i))
			read_file(l, i);
}
