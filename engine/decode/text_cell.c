/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Cells to values: what a column holds and in which unit. */
#include <stdio.h>
#include <string.h>

#include "decode/text_parse.h"
#include "decode/text_record.h"

static const struct {
	const char *name;
	int digits;
	int64_t factor;
} units[] = {
#define UNIT(sym, name, kind, digits, factor) { name, digits, factor },
#include "decode/text_units.def"
#undef UNIT
};

static const char *const extras[] = {
#define EXTRA(sym, name, help) #sym,
#include "decode/text.def"
#undef EXTRA
};

static const char *
slot_name(unsigned slot)
{
	return slot < TSN_FIELD_COUNT ? tsn_fields[slot].name : extras[slot - TSN_FIELD_COUNT];
}

void
tsn_text_begin(struct tsn_text *t)
{
	memset(t->rec.has, 0, sizeof(t->rec.has));
	t->scratch_used = 0;
}

char *
tsn_text_scratch(struct tsn_text *t, size_t n)
{
	char *p = t->scratch + t->scratch_used;

	if (n > TSN_TEXT_SCRATCH - t->scratch_used)
		return NULL;
	t->scratch_used += n;
	return p;
}

/* --- numbers --- */

static int64_t
most(unsigned slot)
{
	switch (slot) {
	case TSN_SLOT_REPLY_TOS:
	case TSN_SLOT_REPLY_TYPE:
	case TSN_SLOT_REPLY_CODE:
	case TSN_SLOT_TTL:
		return UINT8_MAX;
	default:
		break;
	}
	if (slot >= TSN_FIELD_COUNT)
		return INT64_MAX;
	switch (tsn_fields[slot].storage) {
	case TSN_U8:  return UINT8_MAX;
	case TSN_U16: return UINT16_MAX;
	case TSN_U32: return UINT32_MAX;
	default:      return INT64_MAX;
	}
}

/* A whole number; one with a fraction is cut, and with a unit it is bytes. */
static bool
cell_uint(const struct tsn_text_column *c, const char *p, size_t n, int64_t *v)
{
	int64_t factor = units[c->unit].factor;

	if (factor == 1) {
		if (!tsn_parse_uint(p, n, v) && !tsn_parse_decimal(p, n, 0, v))
			return false;
	} else {
		if (!tsn_parse_decimal(p, n, 3, v) || __builtin_mul_overflow(*v, factor, v))
			return false;
		*v /= 1000;
	}
	return *v >= 0 && *v <= most(c->slot);
}

/* nfdump's "8.0" is an ICMP type and code; some tools write services by name. */
static bool
cell_port(const char *p, size_t n, int64_t *v)
{
	const char *dot;
	int64_t type, code;
	char name[40];
	size_t i;

	if (tsn_parse_uint(p, n, v))
		return *v <= UINT16_MAX;
	dot = memchr(p, '.', n);
	if (dot != NULL && tsn_parse_uint(p, (size_t)(dot - p), &type) && tsn_parse_uint(dot + 1, n - (size_t)(dot - p) - 1, &code)) {
		*v = type << 8 | code;
		return type <= 255 && code <= 255;
	}
	if (n >= sizeof(name))
		return false;
	for (i = 0; i < n; i++)
		name[i] = p[i] == '-' ? '_' : p[i];
	*v = tsn_service_find(name, n);
	return *v >= 0;
}

static bool
cell_addr(const struct tsn_text_column *c, const char *p, size_t n, struct tsn_addr *a)
{
	int64_t v;

	if ((c->flags & TSN_COL_NUMBER) && tsn_parse_uint(p, n, &v) && v <= UINT32_MAX) {
		*a = tsn_addr_v4((uint32_t)v);
		return true;
	}
	return tsn_parse_addr(p, n, a);
}

/* --- times --- */

static bool
is_date(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && i < 7 && p[i] >= '0' && p[i] <= '9')
		i++;
	return i >= 4 && i < n && (p[i] == '-' || p[i] == '/');
}

/* Seconds since 1970 have 10 digits until 2286; each finer unit has three more. */
static enum tsn_text_unit
guess_time(const char *p, size_t n)
{
	size_t digits = 0;

	while (digits < n && p[digits] >= '0' && p[digits] <= '9')
		digits++;
	return digits < 12 ? TSN_UNIT_S : digits < 15 ? TSN_UNIT_MS : digits < 18 ? TSN_UNIT_US : TSN_UNIT_NS;
}

static void
guessed(struct tsn_text_column *c, enum tsn_text_unit unit)
{
	c->unit = (uint8_t)unit;
	c->flags |= TSN_COL_GUESSED;
}

static bool
cell_time(struct tsn_text_column *c, const char *p, size_t n, int64_t *v)
{
	if (is_date(p, n))
		return tsn_parse_date(p, n, v);
	if (c->unit == TSN_UNIT_GUESS && tsn_parse_decimal(p, n, 0, v))
		guessed(c, guess_time(p, n));
	return tsn_parse_decimal(p, n, units[c->unit].digits, v);
}

/* A bare number of unknown unit is taken for seconds. */
static bool
cell_span(struct tsn_text_column *c, const char *p, size_t n, int64_t *v)
{
	int digits = c->unit == TSN_UNIT_GUESS ? units[TSN_UNIT_S].digits : units[c->unit].digits;

	if (tsn_parse_decimal(p, n, digits, v)) {
		if (c->unit == TSN_UNIT_GUESS)
			guessed(c, TSN_UNIT_S);
		return true;
	}
	return tsn_parse_span(p, n, v);
}

/* --- words --- */

/* forwardingStatus (IE 89): a number's upper two bits, or its name with a reason behind it, "DROPPED ACL deny". */
static bool
cell_fwd(const char *p, size_t n, int64_t *v)
{
	char word[16];
	size_t i = 0;

	if (tsn_parse_uint(p, n, v)) {
		*v = *v >> 6 & 3;
		return true;
	}
	for (; i < n && i < sizeof(word) && p[i] != ' '; i++)
		word[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 32 : p[i]);
	*v = tsn_word_find(TSN_T_FWD, word, i);
	return *v >= 0;
}

static bool
cell_word(const struct tsn_text_column *c, const char *p, size_t n, int64_t *v)
{
	if (tsn_parse_uint(p, n, v))
		return *v <= most(c->slot);
	*v = tsn_word_find(tsn_fields[c->slot].type, p, n);
	return *v >= 0;
}

static bool
cell_pair(const char *p, size_t n, int64_t *v)
{
	const char *slash = memchr(p, '/', n);
	int64_t type, id;

	if (slash == NULL || !tsn_parse_uint(p, (size_t)(slash - p), &type) || !tsn_parse_uint(slash + 1, n - (size_t)(slash - p) - 1, &id))
		return false;
	*v = type << 8 | id;
	return type <= 255 && id <= 255;
}

static bool
cell_hex_flags(const char *p, size_t n, int64_t *v)
{
	char text[8] = "0x";

	if (n > 4)
		return false;
	memcpy(text + 2, p, n);
	return tsn_parse_uint(text, n + 2, v);
}

static bool
begins(const char *p, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

/* Is this "not told" in words, in this column? */
static bool
is_unset(const struct tsn_text *t, const struct tsn_text_column *c, const char *p, size_t n)
{
	if (c->conv == TSN_CV_STR && tsn_text_is_own(t))
		return false; /* whatever a string is, it was written as that */
	return (n == 1 && *p == '-') || ((c->flags & TSN_COL_UNKNOWN) && begins(p, n, "unknown")) ||
	    ((c->flags & TSN_COL_FAILED) && n == 6 && begins(p, n, "failed")) ||
	    ((c->flags & TSN_COL_ZERO) && c->conv == TSN_CV_TIME && begins(p, n, "0000"));
}

static bool
cell_int(struct tsn_text_column *c, const char *p, size_t n, int64_t *v)
{
	switch ((enum tsn_text_conv)c->conv) {
	case TSN_CV_PORT:      return cell_port(p, n, v);
	case TSN_CV_UINT:      return cell_uint(c, p, n, v);
	case TSN_CV_PROTO:     return tsn_parse_proto(p, n, false, v);
	case TSN_CV_NFPROTO:   return tsn_parse_proto(p, n, true, v);
	case TSN_CV_FLAGS:     return tsn_parse_flags(p, n, v);
	case TSN_CV_FLAGS_HEX: return cell_hex_flags(p, n, v);
	case TSN_CV_TIME:      return cell_time(c, p, n, v);
	case TSN_CV_SPAN:      return cell_span(c, p, n, v);
	case TSN_CV_MAC:       return tsn_parse_mac(p, n, v);
	case TSN_CV_FWD:       return cell_fwd(p, n, v);
	case TSN_CV_WORD:      return cell_word(c, p, n, v);
	case TSN_CV_PAIR:      return cell_pair(p, n, v);
	case TSN_CV_ADDR:
	case TSN_CV_STR:       break;
	}
	return false;
}

static enum tsn_text_status
refuse(struct tsn_text *t, const struct tsn_text_column *c, const char *p, size_t n)
{
	char text[33];
	size_t i;

	for (i = 0; i < n && i < sizeof(text) - 1; i++) /* of bytes from outside only what a terminal can show */
		text[i] = p[i] >= 32 && p[i] < 127 ? p[i] : '?';
	text[i] = '\0';
	if (c->conv == TSN_CV_PROTO && t->dialect->icmp == TSN_ICMP_ARGUS)
		return tsn_text_fail(t, TSN_TEXT_NO_FLOW, "protocol \"%s\" is none of IP's", text);
	return tsn_text_fail(t, TSN_TEXT_BAD, "%s cannot be \"%s\"%s", slot_name(c->slot), text, n > i ? "..." : "");
}

enum tsn_text_status
tsn_text_cell(struct tsn_text *t, struct tsn_text_column *c, const char *p, size_t n)
{
	union tsn_text_value *v = &t->rec.v[c->slot];
	bool zero;

	if (is_unset(t, c, p, n) || ((c->flags & TSN_COL_KEEP) && tsn_record_has(&t->rec, c->slot)))
		return TSN_TEXT_ROWS;
	switch ((enum tsn_text_conv)c->conv) {
	case TSN_CV_STR:
		v->s = (struct tsn_str){ p, (uint32_t)n };
		zero = false;
		break;
	case TSN_CV_ADDR:
		if (!cell_addr(c, p, n, &v->addr))
			return refuse(t, c, p, n);
		zero = (v->addr.hi | v->addr.lo) == 0;
		break;
	default:
		if (!cell_int(c, p, n, &v->i))
			return refuse(t, c, p, n);
		zero = v->i == 0;
		break;
	}
	if (!zero || !(c->flags & TSN_COL_ZERO))
		tsn_record_set(&t->rec, c->slot);
	return TSN_TEXT_ROWS;
}

/* --- notes --- */

static const char *const notes[TSN_NOTE_COUNT] = {
	[TSN_NOTE_PAYLOAD] = "bytes are those of the payload where the source does not tell those of the IP packets",
	[TSN_NOTE_SPLIT] = "packets are absent where the source tells only the sum of both directions",
	[TSN_NOTE_TOTAL] = "counts of both directions stand in one flow where the source does not part them",
};

bool
tsn_text_note(const struct tsn_text *t, size_t i, char text[160])
{
	for (size_t k = 0; k < TSN_NOTE_COUNT; k++) {
		if (t->noted[k] && i-- == 0) {
			snprintf(text, 160, "%s", notes[k]);
			return true;
		}
	}
	for (size_t k = 0; k < t->nbound; k++) {
		const struct tsn_text_column *c = &t->bound[k];

		if (c->slot == TSN_SLOT_NONE || !(c->flags & TSN_COL_GUESSED) || i-- > 0)
			continue;
		snprintf(text, 160, "%s was taken for a number of %s; a map can say otherwise", slot_name(c->slot), units[c->unit].name);
		return true;
	}
	return false;
}
