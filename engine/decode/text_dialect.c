/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The tables of text.def, and finding out which of them an input needs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "decode/text_record.h"

/* The words of text.def. */
enum { NUMBER = TSN_COL_NUMBER, ZERO = TSN_COL_ZERO, UNKNOWN = TSN_COL_UNKNOWN, FAILED = TSN_COL_FAILED, KEEP = TSN_COL_KEEP };
enum { TRIM = TSN_DIALECT_TRIM, SPAN_WINS = TSN_DIALECT_SPAN_WINS, TOTALS = TSN_DIALECT_TOTALS, EMPTY = TSN_DIALECT_EMPTY };

/* All dialects' columns one after the other; before each dialect's, and after the last, a row without a name. */
static const struct tsn_text_column rows[] = {
#define DIALECT(sym, name, columns, icmp, flags) { NULL, 0, 0, 0, 0 },
#define COLUMN(name, slot, conv, unit, flags) { name, TSN_SLOT_##slot, TSN_CV_##conv, TSN_UNIT_##unit, flags },
#include "decode/text.def"
#undef DIALECT
#undef COLUMN
	{ NULL, 0, 0, 0, 0 }
};

static const struct tsn_text_dialect dialects[] = {
#define DIALECT(sym, name, columns, icmp, flags) { name, columns, TSN_ICMP_##icmp, flags },
#define COLUMN(name, slot, conv, unit, flags)
#include "decode/text.def"
#undef DIALECT
#undef COLUMN
};
#define DIALECTS (sizeof(dialects) / sizeof(dialects[0]))

static const struct tsn_text_dialect own = { "flows by the names of their fields", "", TSN_ICMP_IN_PORT, 0 };
static const struct tsn_text_dialect mapped = { "flows by a map", "", TSN_ICMP_IN_PORT, TRIM };

/* The first of its columns. */
static const struct tsn_text_column *
columns_of(const struct tsn_text_dialect *d)
{
	const struct tsn_text_column *c = rows;
	size_t at = (size_t)(d - dialects) + 1;

	while (c->name != NULL || --at > 0)
		c++;
	return c + 1;
}

enum tsn_text_status
tsn_text_fail(struct tsn_text *t, enum tsn_text_status status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, args);
	va_end(args);
	return status;
}

/* --- names --- */

static bool
is_name(const struct tsn_text_name *name, const char *word, size_t len)
{
	return name->n == len && memcmp(name->p, word, len) == 0;
}

static bool
names_have(const struct tsn_text_names *names, const char *word, size_t len)
{
	for (size_t i = 0; i < names->n; i++)
		if (is_name(&names->v[i], word, len))
			return true;
	return false;
}

/* "a b|c d": all of a and b, or all of c and d. */
static bool
names_match(const struct tsn_text_names *names, const char *columns)
{
	bool all = true;

	for (;;) {
		size_t n = strcspn(columns, " |");

		all &= names_have(names, columns, n);
		columns += n;
		if (*columns != ' ' && all)
			return true;
		if (*columns == '\0')
			return false;
		all |= *columns++ == '|';
	}
}

static bool
names_are_own(const struct tsn_text_names *names)
{
	size_t known = 0;
	bool address = false;

	for (size_t i = 0; i < names->n; i++) {
		int f = tsn_field_find(names->v[i].p, names->v[i].n);

		known += f >= 0;
		address |= f == TSN_F_SRC || f == TSN_F_DST;
	}
	if (names_have(names, "event_type", 10))
		return false; /* one of Suricata's that has no destination: the next one will tell */
	return known > 0 && (address || known == names->n);
}

const struct tsn_text_dialect *
tsn_text_recognise(const struct tsn_text_names *names)
{
	for (size_t i = 0; i < DIALECTS; i++)
		if (names_match(names, dialects[i].columns))
			return &dialects[i];
	return names_are_own(names) ? &own : NULL;
}

char
tsn_text_separator(const char *p, size_t n)
{
	static const char candidates[] = ",\t|;";
	size_t count[4] = { 0 }, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		const char *c = memchr(candidates, p[i], 4);

		quoted ^= p[i] == '"';
		if (c != NULL && !quoted)
			count[c - candidates]++;
	}
	for (size_t i = 1; i < 4; i++)
		if (count[i] > count[best])
			best = i;
	return candidates[best];
}

void
tsn_text_split(struct tsn_text_names *names, const char *p, size_t n, char sep)
{
	const char *end = p + n;

	for (names->n = 0; names->n < TSN_TEXT_BOUND; p++) {
		const char *from = p, *to;
		bool quoted = false;

		for (; p < end && (*p != sep || quoted); p++)
			quoted ^= *p == '"';
		for (to = p; to > from && to[-1] == ' '; to--)
			;
		while (from < to && *from == ' ')
			from++;
		if (to - from >= 2 && *from == '"' && to[-1] == '"') {
			from++;
			to--;
		}
		if (p == end && from == to && names->n > 0)
			return; /* SiLK ends lines with the separator */
		names->v[names->n++] = (struct tsn_text_name){ from, (uint32_t)(to - from) };
		if (p == end)
			return;
	}
}

/* --- targets and units --- */

static const char *const extras[] = {
#define EXTRA(sym, name, help) name,
#include "decode/text.def"
#undef EXTRA
};

/* The fields that a record can fill; the others are made of them. */
static bool
is_target(int f)
{
	switch (f) {
	case TSN_F_PACKETS:
	case TSN_F_BYTES:
	case TSN_F_DURATION:
	case TSN_F_DSCP:
	case TSN_F_REPLY_PACKETS:
	case TSN_F_REPLY_BYTES:
		return true;
	default:
		return tsn_fields[f].origin == TSN_O_RECORD;
	}
}

int
tsn_text_target(const char *name, size_t len)
{
	int f = tsn_field_find(name, len);

	if (f >= 0)
		return is_target(f) ? f : -1;
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (len > 0 && strlen(extras[i]) == len && memcmp(extras[i], name, len) == 0)
			return (int)(TSN_FIELD_COUNT + i);
	return -1;
}

const char *
tsn_text_target_nth(size_t i)
{
	for (size_t k = 0; k < sizeof(extras) / sizeof(extras[0]); k++)
		if (extras[k][0] != '\0' && i-- == 0)
			return extras[k];
	return NULL;
}

static enum tsn_text_conv
conversion(int slot)
{
	switch (slot < TSN_FIELD_COUNT ? (int)tsn_fields[slot].type : -slot) {
	case TSN_T_ADDR:      return TSN_CV_ADDR;
	case TSN_T_PORT:      return TSN_CV_PORT;
	case TSN_T_PROTO:     return TSN_CV_PROTO;
	case -TSN_SLOT_REPLY_FLAGS:
	case TSN_T_FLAGS:     return TSN_CV_FLAGS;
	case -TSN_SLOT_RECEIVED:
	case -TSN_SLOT_EXPORTED:
	case TSN_T_TIME:      return TSN_CV_TIME;
	case TSN_T_DURATION:  return TSN_CV_SPAN;
	case TSN_T_STRING:    return TSN_CV_STR;
	case TSN_T_MAC:       return TSN_CV_MAC;
	case TSN_T_DIRECTION:
	case TSN_T_FWD:       return TSN_CV_WORD;
	default:              return TSN_CV_UINT;
	}
}

int
tsn_text_unit(const char *name, size_t len, int target)
{
	enum { ANY, TIME, SIZE };
	static const struct { const char *name; int kind; } units[] = {
#define UNIT(sym, word, kind, digits, factor) { word, kind },
#include "decode/text_units.def"
#undef UNIT
	};
	enum tsn_text_conv conv = conversion(target);

	for (int i = 1; i < TSN_UNIT_COUNT; i++) {
		bool size = conv == TSN_CV_UINT && units[i].kind == SIZE;

		if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
			return size || (units[i].kind == TIME && (conv == TSN_CV_TIME || (conv == TSN_CV_SPAN && i != TSN_UNIT_ISO))) ? i : -2;
	}
	return -1;
}

/* --- binding --- */

static bool
contains(const char *p, size_t n, const char *part)
{
	return memmem(p, n, part, strlen(part)) != NULL;
}

/* Many names say it: flowDurationMilliseconds, dur_us. */
static enum tsn_text_unit
unit_by_name(const char *p, size_t n)
{
	bool short_form = n > 3 && p[n - 3] == '_' && p[n - 1] == 's';

	if (contains(p, n, "illisec") || (short_form && p[n - 2] == 'm'))
		return TSN_UNIT_MS;
	if (contains(p, n, "icrosec") || (short_form && p[n - 2] == 'u'))
		return TSN_UNIT_US;
	if (contains(p, n, "anosec") || (short_form && p[n - 2] == 'n'))
		return TSN_UNIT_NS;
	return contains(p, n, "econds") ? TSN_UNIT_S : TSN_UNIT_GUESS;
}

static struct tsn_text_column
column_for(int slot, enum tsn_text_unit unit, const char *p, size_t n)
{
	if (unit == TSN_UNIT_GUESS)
		unit = unit_by_name(p, n);
	return (struct tsn_text_column){ p, (uint16_t)slot, (uint8_t)conversion(slot), (uint8_t)unit, 0 };
}

static struct tsn_text_column
own_column(const struct tsn_text_name *name)
{
	int f = tsn_field_find(name->p, name->n);

	if (f < 0 || !is_target(f))
		return (struct tsn_text_column){ .slot = TSN_SLOT_NONE };
	return column_for(f, TSN_UNIT_GUESS, name->p, name->n);
}

static struct tsn_text_column
dialect_column(const struct tsn_text_dialect *d, const struct tsn_text_name *name)
{
	for (const struct tsn_text_column *c = columns_of(d); c->name != NULL; c++)
		if (is_name(name, c->name, strlen(c->name)))
			return *c;
	return (struct tsn_text_column){ .slot = TSN_SLOT_NONE };
}

static bool
bind_map(struct tsn_text *t)
{
	t->dialect = &mapped;
	for (size_t i = 0; i < t->names.n; i++)
		t->bound[i] = (struct tsn_text_column){ .slot = TSN_SLOT_NONE };
	for (size_t k = 0; k < t->map->n; k++) {
		const struct tsn_text_map_entry *e = &t->map->entry[k];
		size_t i = 0;

		while (i < t->names.n && !is_name(&t->names.v[i], e->column, e->len))
			i++;
		if (i == t->names.n) {
			t->lacks = (int)k;
			return false;
		}
		t->bound[i] = column_for(e->target, e->unit, e->column, e->len);
	}
	return true;
}

bool
tsn_text_bind_table(struct tsn_text *t)
{
	t->known = false;
	t->nbound = t->names.n;
	t->dialect = t->map != NULL ? &mapped : tsn_text_recognise(&t->names);
	if (t->dialect == NULL || (t->map != NULL && !bind_map(t)))
		return false;
	for (size_t i = 0; i < t->nbound && t->map == NULL; i++)
		t->bound[i] = t->dialect == &own ? own_column(&t->names.v[i]) : dialect_column(t->dialect, &t->names.v[i]);
	for (size_t i = t->last = 0; i < t->nbound; i++)
		if (t->bound[i].slot != TSN_SLOT_NONE)
			t->last = i + 1;
	t->known = true;
	return true;
}

/* FNV-1a: short names, and hashed once a key. */
static size_t
hash_name(const char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 16777619u;
	return (h ^ h >> 15) % TSN_TEXT_HASH;
}

static void
add_key(struct tsn_text *t, const char *key, size_t len, struct tsn_text_column c)
{
	size_t h = hash_name(key, len);

	if (t->nbound == TSN_TEXT_BOUND)
		return;
	while (t->hash[h] != 0)
		h = (h + 1) % TSN_TEXT_HASH;
	t->bound[t->nbound] = c;
	t->names.v[t->nbound] = (struct tsn_text_name){ key, (uint32_t)len };
	t->hash[h] = (uint16_t)++t->nbound;
}

static void
add_own_keys(struct tsn_text *t)
{
	enum tsn_field f;
	const char *name;

	for (int i = 0; i < TSN_FIELD_COUNT; i++) {
		name = tsn_fields[i].name;
		if (is_target(i))
			add_key(t, name, strlen(name), column_for(i, TSN_UNIT_GUESS, name, strlen(name)));
		name = tsn_fields[i].element;
		if (is_target(i) && *name != '\0')
			add_key(t, name, strlen(name), column_for(i, TSN_UNIT_GUESS, name, strlen(name)));
	}
	for (size_t i = 0; (name = tsn_field_alias(i, &f)) != NULL; i++)
		if (is_target((int)f))
			add_key(t, name, strlen(name), column_for((int)f, TSN_UNIT_GUESS, name, strlen(name)));
}

static void
add_mapped(struct tsn_text *t, const struct tsn_text_map_entry *e)
{
	add_key(t, e->column, e->len, column_for(e->target, e->unit, e->column, e->len));
}

bool
tsn_text_bind_objects(struct tsn_text *t)
{
	t->dialect = t->map != NULL ? &mapped : tsn_text_recognise(&t->names);
	if (t->dialect == NULL)
		return false;
	t->nbound = t->names.n = 0;
	memset(t->hash, 0, sizeof(t->hash));
	if (t->map != NULL)
		for (size_t i = 0; i < t->map->n; i++)
			add_mapped(t, &t->map->entry[i]);
	else if (t->dialect == &own)
		add_own_keys(t);
	else
		for (const struct tsn_text_column *c = columns_of(t->dialect); c->name != NULL; c++)
			add_key(t, c->name, strlen(c->name), *c);
	t->known = true;
	return true;
}

struct tsn_text_column *
tsn_text_find(struct tsn_text *t, const char *name, size_t len)
{
	for (size_t h = hash_name(name, len); t->hash[h] != 0; h = (h + 1) % TSN_TEXT_HASH)
		if (is_name(&t->names.v[t->hash[h] - 1], name, len))
			return &t->bound[t->hash[h] - 1];
	return NULL;
}

bool
tsn_text_is_own(const struct tsn_text *t)
{
	return t->dialect == &own;
}
