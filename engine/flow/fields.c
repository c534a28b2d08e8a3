/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/fields.h"

#include <string.h>

enum {
	SLOT_SRC = 0, SLOT_DST = 1, SLOT_NEXT_HOP = 2, SLOT_EXPORTER = 3, SLOT_INITIATOR = 4,
	SLOT_IE_ADDR_0 = 5, SLOT_IE_ADDR_1 = 6, SLOT_IE_ADDR_2 = 7, SLOT_IE_ADDR_3 = 8, SLOT_COUNT
};
_Static_assert(SLOT_COUNT == TSN_ADDR_FIELDS, "one slot for each ADDR field of fields.def");

#define SLOT_OF_U8(sym)   -1
#define SLOT_OF_U16(sym)  -1
#define SLOT_OF_U32(sym)  -1
#define SLOT_OF_U64(sym)  -1
#define SLOT_OF_I64(sym)  -1
#define SLOT_OF_F64(sym)  -1
#define SLOT_OF_STR(sym)  -1
#define SLOT_OF_ADDR(sym) SLOT_##sym

const struct tsn_field_info tsn_fields[TSN_FIELD_COUNT] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) \
	[TSN_F_##sym] = { name, ie, id, TSN_##storage, TSN_T_##type, TSN_O_##origin, unit, help, SLOT_OF_##storage(sym) },
#include "flow/fields.def"
#undef FIELD
};

static const struct { const char *name; enum tsn_field field; } aliases[] = {
#define ALIAS(name, sym) { name, TSN_F_##sym },
#include "flow/aliases.def"
#undef ALIAS
};

/* Where words begin with which letter: most names of a rule file are none of these words, and few letters say so. */
static const char first_of_name[] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) name[0],
#include "flow/fields.def"
#undef FIELD
};
static const char first_of_element[] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) ie[0],
#include "flow/fields.def"
#undef FIELD
};

/* [name] may be any bytes of a file, with a NUL among them. */
static bool
same(const char *word, const char *name, size_t len)
{
	return strlen(word) == len && memcmp(word, name, len) == 0;
}

/* The next place from [i] on whose word begins as [name] does; TSN_FIELD_COUNT if there is none. */
static int
next_like(const char first[TSN_FIELD_COUNT], int i, const char *name)
{
	const char *at = memchr(first + i, name[0], (size_t)(TSN_FIELD_COUNT - i));

	return at == NULL ? TSN_FIELD_COUNT : (int)(at - first);
}

int
tsn_field_find(const char *name, size_t len)
{
	if (len == 0)
		return -1;
	for (int f = next_like(first_of_name, 0, name); f < TSN_FIELD_COUNT; f = next_like(first_of_name, f + 1, name))
		if (same(tsn_fields[f].name, name, len))
			return f;
	/* packets comes before raw_packets in the table, so an element shared by both means the scaled one */
	for (int f = next_like(first_of_element, 0, name); f < TSN_FIELD_COUNT; f = next_like(first_of_element, f + 1, name))
		if (same(tsn_fields[f].element, name, len))
			return f;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (aliases[i].name[0] == name[0] && same(aliases[i].name, name, len))
			return (int)aliases[i].field;
	return -1;
}

const char *
tsn_field_alias(size_t i, enum tsn_field *field)
{
	if (i >= sizeof(aliases) / sizeof(aliases[0]))
		return NULL;
	*field = aliases[i].field;
	return aliases[i].name;
}

const char *
tsn_type_name(enum tsn_type t)
{
	static const char *const names[] = {
		[TSN_T_INT] = "integer", [TSN_T_REAL] = "real", [TSN_T_BOOL] = "boolean", [TSN_T_ADDR] = "address",
		[TSN_T_PORT] = "port", [TSN_T_PROTO] = "protocol", [TSN_T_FLAGS] = "TCP flags", [TSN_T_TIME] = "time",
		[TSN_T_DURATION] = "duration", [TSN_T_STRING] = "string", [TSN_T_MAC] = "MAC address",
		[TSN_T_DIRECTION] = "direction", [TSN_T_FWD] = "forwarding status", [TSN_T_PREFIX] = "prefix",
		[TSN_T_SIZE] = "size", [TSN_T_SET] = "set", [TSN_T_TUPLE] = "tuple", [TSN_T_REGEX] = "regular expression",
		[TSN_T_NONE] = "nothing",
	};

	return names[t];
}
