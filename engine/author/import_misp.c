/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* MISP warninglists: {"name": ..., "type": "cidr", "version": 20261128, "list": [...]}. Those of host names say nothing of flows. */
#include <stdio.h>
#include <string.h>

#include "author/import.h"
#include "base/arena.h"

#ifdef TSN_HAVE_JANSSON
#include <jansson.h>
#endif

bool
tsn_import_is_misp(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n > 0)
			return line.p[0] == '{' && memmem(text, n, "\"list\"", 6) != NULL;
	}
	return false;
}

#ifdef TSN_HAVE_JANSSON
static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool
take(struct tsn_import *im, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const struct tsn_str s = json_is_string(v) ? (struct tsn_str){ json_string_value(v), (uint32_t)json_string_length(v) } :
		    (struct tsn_str){ "(no text)", 9 };

		if (!tsn_import_add(im, s, 0))
			tsn_import_bad(im, i + 1, s);
	}
	return true;
}

bool
tsn_import_misp(struct tsn_import *im, const char *text, size_t n)
{
	json_error_t error;
	json_t *o = json_loadb(text, n, 0, &error);
	const char *type, *title;
	bool ok;

	if (o == NULL)
		return tsn_import_fail(im, error.line > 0 ? (size_t)error.line : 1, error.column > 0 ? (size_t)error.column : 1, "%s", error.text);
	type = text_of(o, "type");
	title = text_of(o, "name");
	if (title != NULL)
		im->title = tsn_arena_strndup(im->arena, title, strcspn(title, "\r\n") > 200 ? 200 : strcspn(title, "\r\n"));
	if (!json_is_array(json_object_get(o, "list")))
		ok = tsn_import_fail(im, 1, 0, "this is no warninglist: \"list\" is no list");
	else if (type != NULL && strcmp(type, "cidr") != 0)
		ok = tsn_import_fail(im, 1, 0, "this is a list of type %.20s; flows carry addresses, so only \"cidr\" can be used", type);
	else
		ok = take(im, json_object_get(o, "list"));
	json_decref(o);
	return ok;
}
#else
bool
tsn_import_misp(struct tsn_import *im, const char *text, size_t n)
{
	(void)text;
	(void)n;
	return tsn_import_fail(im, 0, 0, "this build reads no JSON: it was made without jansson");
}
#endif
