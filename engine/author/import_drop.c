/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Spamhaus DROP (drop_v4.json, drop_v6.json): one object a line, the last of them about the list: its time and how many. */
#include <string.h>

#include "author/import.h"
#include "base/arena.h"
#include "base/clock.h"

#ifdef TSN_HAVE_JANSSON
#include <jansson.h>
#endif

bool
tsn_import_is_drop(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n > 0)
			return line.p[0] == '{' && line.p[line.n - 1] == '}' && memmem(line.p, line.n, "\"cidr\"", 6) != NULL;
	}
	return false;
}

#ifdef TSN_HAVE_JANSSON
static void
about_list(struct tsn_import *im, const json_t *o, size_t *records)
{
	const json_t *time = json_object_get(o, "timestamp"), *count = json_object_get(o, "records");
	char text[TSN_TIME_TEXT];

	if (json_is_integer(time) && json_integer_value(time) > 0 && json_integer_value(time) < INT64_C(32503680000))
		im->dated = tsn_arena_strndup(im->arena, tsn_time_text(json_integer_value(time) * TSN_SECOND, text), 10);
	if (json_is_integer(count) && json_integer_value(count) >= 0)
		*records = (size_t)json_integer_value(count);
	im->title = "Spamhaus DROP";
}

bool
tsn_import_drop(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	size_t records = SIZE_MAX, seen = 0;
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		json_t *o, *cidr;

		line = tsn_import_trim(line);
		if (line.n == 0)
			continue;
		o = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
		cidr = json_object_get(o, "cidr");
		if (json_is_string(cidr)) {
			seen++;
			if (!tsn_import_add(im, (struct tsn_str){ json_string_value(cidr), (uint32_t)json_string_length(cidr) }, 0))
				tsn_import_bad(im, l.number, line);
		} else if (json_is_object(o) && json_object_get(o, "type") != NULL) {
			about_list(im, o, &records);
		} else if (json_is_object(o) && json_object_get(o, "asn") != NULL) {
			tsn_import_leave_out(im, "autonomous systems");
		} else {
			tsn_import_bad(im, l.number, line);
		}
		json_decref(o);
	}
	if (records != SIZE_MAX && records != seen)
		return tsn_import_fail(im, 0, 0, "the list says that it has %zu prefixes, and %zu are here: it is cut off, or changed", records, seen);
	return true;
}
#else
bool
tsn_import_drop(struct tsn_import *im, const char *text, size_t n)
{
	(void)text;
	(void)n;
	return tsn_import_fail(im, 0, 0, "this build reads no JSON: it was made without jansson");
}
#endif
