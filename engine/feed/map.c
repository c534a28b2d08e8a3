/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "feed/map.h"

#include <stdio.h>
#include <string.h>

#include "grammar/diag.h"

#define FILE_MAX ((size_t)64 << 10)
#define WORD 64 /* bytes of a name in a message */

struct word {
	const char *p;
	size_t n;
};

static const char *
as_text(struct word w, char text[WORD])
{
	snprintf(text, WORD, "%.*s", w.n < WORD ? (int)w.n : WORD - 1, w.p);
	return text;
}

static struct word
trim(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
		to--;
	return (struct word){ from, (size_t)(to - from) };
}

static bool
no_field(struct word name, char error[TSN_INPUT_ERROR])
{
	struct tsn_nearest near = { 0 };
	char text[WORD];
	const char *extra;

	as_text(name, text);
	for (size_t i = 0; i < TSN_FIELD_COUNT; i++)
		if (tsn_text_target(tsn_fields[i].name, strlen(tsn_fields[i].name)) >= 0)
			tsn_nearest_offer(&near, text, tsn_fields[i].name);
	for (size_t i = 0; (extra = tsn_text_target_nth(i)) != NULL; i++)
		tsn_nearest_offer(&near, text, extra);
	if (near.best != NULL)
		snprintf(error, TSN_INPUT_ERROR, "--map: no field \"%s\" that can be read; did you mean \"%s\"?", text, near.best);
	else
		snprintf(error, TSN_INPUT_ERROR, "--map: no field \"%s\" that can be read; `tocsin fields` lists them", text);
	return false;
}

static bool
parse_unit(struct tsn_text_map_entry *e, struct word unit, char error[TSN_INPUT_ERROR])
{
	char text[WORD];
	int u;

	if (unit.n > 6 && memcmp(unit.p, "epoch_", 6) == 0)
		unit = (struct word){ unit.p + 6, unit.n - 6 };
	else if (unit.n == 5 && memcmp(unit.p, "epoch", 5) == 0)
		unit = (struct word){ "s", 1 };
	u = tsn_text_unit(unit.p, unit.n, e->target);
	if (u >= 0) {
		e->unit = (enum tsn_text_unit)u;
		return true;
	}
	as_text(unit, text);
	if (u == -2)
		snprintf(error, TSN_INPUT_ERROR, "--map: \"%s\" is no unit of that field", text);
	else
		snprintf(error, TSN_INPUT_ERROR, "--map: no unit \"%s\"; there are s ms us ns iso, and B kB MB KiB MiB", text);
	return false;
}

/* COLUMN[:UNIT], or "COLUMN"[:UNIT]. */
static bool
parse_column(struct tsn_text_map_entry *e, struct word w, char error[TSN_INPUT_ERROR])
{
	const char *end = w.p + w.n, *colon;

	if (w.n > 0 && *w.p == '"') {
		const char *close = memchr(w.p + 1, '"', w.n - 1);

		if (close == NULL || (close + 1 < end && close[1] != ':')) {
			snprintf(error, TSN_INPUT_ERROR, "--map: a quote is not closed");
			return false;
		}
		colon = close + 1 < end ? close + 1 : NULL;
		e->column = w.p + 1;
		e->len = (size_t)(close - w.p) - 1;
	} else {
		colon = memrchr(w.p, ':', w.n);
		e->column = w.p;
		e->len = colon != NULL ? (size_t)(colon - w.p) : w.n;
	}
	if (e->len == 0) {
		snprintf(error, TSN_INPUT_ERROR, "--map: an entry is FIELD=COLUMN or FIELD=COLUMN:UNIT");
		return false;
	}
	return colon == NULL || parse_unit(e, trim(colon + 1, end), error);
}

static bool
parse_entry(struct tsn_text_map *map, struct word w, char error[TSN_INPUT_ERROR])
{
	const char *equals = memchr(w.p, '=', w.n);
	struct tsn_text_map_entry *e = &map->entry[map->n];
	struct word name;
	char text[WORD];

	if (w.n == 0)
		return true;
	if (equals == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "--map: \"%s\" is not FIELD=COLUMN or FIELD=COLUMN:UNIT", as_text(w, text));
		return false;
	}
	if (map->n == TSN_TEXT_MAP) {
		snprintf(error, TSN_INPUT_ERROR, "--map: at most %d entries", TSN_TEXT_MAP);
		return false;
	}
	name = trim(w.p, equals);
	*e = (struct tsn_text_map_entry){ .target = tsn_text_target(name.p, name.n), .unit = TSN_UNIT_GUESS };
	if (e->target < 0)
		return no_field(name, error);
	if (!parse_column(e, trim(equals + 1, w.p + w.n), error))
		return false;
	map->n++;
	return true;
}

static bool
read_text(const char *text, struct tsn_buf *keep, char error[TSN_INPUT_ERROR])
{
	int e;

	if (*text != '@') {
		tsn_buf_puts(keep, text);
	} else if ((e = tsn_buf_read_file(keep, text + 1, FILE_MAX)) != 0) {
		snprintf(error, TSN_INPUT_ERROR, "--map: %s: %s", text + 1, strerror(e));
		return false;
	}
	if (keep->failed)
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
	return !keep->failed;
}

bool
tsn_map_parse(struct tsn_text_map *map, const char *text, struct tsn_buf *keep, char error[TSN_INPUT_ERROR])
{
	const char *p, *end;

	map->n = 0;
	if (!read_text(text, keep, error))
		return false;
	p = tsn_buf_str(keep);
	for (end = p + keep->len; p < end; p++) {
		const char *from = p;
		bool quoted = false, comment = *p == '#';

		for (; p < end && *p != '\n' && (*p != ',' || quoted || comment); p++)
			quoted ^= *p == '"';
		if (!comment && !parse_entry(map, trim(from, p), error))
			return false;
	}
	if (map->n == 0)
		snprintf(error, TSN_INPUT_ERROR, "--map names no field");
	return map->n > 0;
}

void
tsn_map_lacks(const struct tsn_text_map *map, const struct tsn_text *t, int i, char error[TSN_INPUT_ERROR])
{
	struct word column = { map->entry[i].column, map->entry[i].len }, name;
	char names[256][WORD], text[WORD];
	struct tsn_nearest near = { 0 };

	as_text(column, text);
	for (size_t k = 0; k < 256 && tsn_text_column(t, k, &name.p, &name.n); k++)
		tsn_nearest_offer(&near, text, as_text(name, names[k]));
	if (near.best == NULL && tsn_text_column(t, 0, &name.p, &name.n))
		snprintf(error, TSN_INPUT_ERROR, "--map: the header has no column \"%s\"; its first is \"%.*s\"", text, name.n < WORD ? (int)name.n : WORD, name.p);
	else
		snprintf(error, TSN_INPUT_ERROR, "--map: the header has no column \"%s\"; did you mean \"%s\"?", text, near.best != NULL ? near.best : "");
}
