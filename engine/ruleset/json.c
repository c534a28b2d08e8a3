/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/json.h"

#ifdef TSN_HAVE_JANSSON
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void
tsn_json_complain(struct tsn_json *j, const char *fmt, ...)
{
	char text[TSN_RULESET_ERROR - 64];
	va_list ap;

	if (j->bad)
		return;
	j->bad = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tsn_ruleset_fail(j->error, "%s: %s", j->what, text);
}

json_t *
tsn_json_load(struct tsn_json *j, const char *text, size_t len)
{
	json_error_t e;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

	if (root == NULL)
		tsn_json_complain(j, "line %d: %s", e.line, e.text);
	else if (!json_is_object(root))
		tsn_json_complain(j, "no object");
	if (root != NULL && j->bad) {
		json_decref(root);
		root = NULL;
	}
	return root;
}

static bool
is_text(const json_t *v)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);

	if (s == NULL || n > TSN_JSON_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return true;
}

char *
tsn_json_text(struct tsn_json *j, const json_t *o, const char *member, bool optional)
{
	const json_t *v = json_object_get(o, member);
	char *copy;

	if (j->bad || (v == NULL && optional))
		return NULL;
	if (v == NULL || !is_text(v)) {
		tsn_json_complain(j, v == NULL ? "\"%s\" is missing" : "\"%s\" is no text of one line and %d bytes at most", member,
		    TSN_JSON_TEXT_MAX);
		return NULL;
	}
	copy = tsn_strdup(json_string_value(v));
	if (copy == NULL)
		tsn_json_complain(j, "memory is out");
	return copy;
}

uint64_t
tsn_json_number(struct tsn_json *j, const json_t *o, const char *member, uint64_t least, uint64_t most)
{
	const json_t *v = json_object_get(o, member);
	json_int_t n = v != NULL && json_is_integer(v) ? json_integer_value(v) : -1;

	if (n >= 0 && (uint64_t)n >= least && (uint64_t)n <= most)
		return (uint64_t)n;
	tsn_json_complain(j, "\"%s\" is no number from %llu to %llu", member, (unsigned long long)least, (unsigned long long)most);
	return least;
}

void
tsn_json_sha256(struct tsn_json *j, const json_t *o, const char *member, char out[65])
{
	const json_t *v = json_object_get(o, member);
	const char *s = v != NULL ? json_string_value(v) : NULL;

	out[0] = '\0';
	if (s == NULL || json_string_length(v) != 64 || strspn(s, "0123456789abcdef") != 64)
		tsn_json_complain(j, "\"%s\" is no SHA-256, 64 digits of 0-9a-f", member);
	else
		memcpy(out, s, 65);
}

const json_t *
tsn_json_array(struct tsn_json *j, const json_t *o, const char *member, size_t most)
{
	const json_t *v = json_object_get(o, member);

	if (!json_is_array(v))
		tsn_json_complain(j, "\"%s\" is no list", member);
	else if (json_array_size(v) > most)
		tsn_json_complain(j, "\"%s\" has more than %zu entries", member, most);
	for (size_t i = 0; !j->bad && i < json_array_size(v); i++)
		if (!json_is_object(json_array_get(v, i)))
			tsn_json_complain(j, "entry %zu of \"%s\" is no object", i + 1, member);
	return j->bad ? NULL : v;
}

void
tsn_json_put(struct tsn_buf *b, const char *before, const char *name, const char *value, const char *after)
{
	if (value == NULL)
		return;
	tsn_buf_printf(b, "%s\"%s\": \"", before, name);
	tsn_buf_json(b, value, strlen(value));
	tsn_buf_printf(b, "\"%s", after);
}

#endif
