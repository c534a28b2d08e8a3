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

/* [name] may be any bytes of a file, with a NUL among them. */
static bool
same(const char *word, const char *name, size_t len)
{
	return len > 0 && word[0] == name[0] && strlen(word) == len && memcmp(word, name, len) == 0;
}

int
tsn_field_find(const char *name, size_t len)
{
	enum tsn_field f;
	size_t i;
	int i_f;

	for (i_f = 0; i_f < TSN_FIELD_COUNT; i_f++)
		if (same(tsn_fields[i_f].name, name, len))
			return i_f;
	/* packets comes before raw_packets in the table, so an element shared by both means the scaled one */
	for (i_f = 0; i_f < TSN_FIELD_COUNT; i_f++)
		if (same(tsn_fields[i_f].element, name, len))
			return i_f;
	for (i = 0; tsn_field_alias(i, &f) != NULL; i++)
		if (same(aliases[i].name, name, len))
			return (int)f;
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
