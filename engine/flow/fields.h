/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The fields of a flow as an enum and a table, both made from fields.def.
 * Knows nothing of batches, rules or wire formats.
 */
#ifndef TSN_FLOW_FIELDS_H
#define TSN_FLOW_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tsn_field {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) TSN_F_##sym,
#include "flow/fields.def"
#undef FIELD
	TSN_FIELD_COUNT
};

enum tsn_storage { TSN_U8, TSN_U16, TSN_U32, TSN_U64, TSN_I64, TSN_F64, TSN_ADDR, TSN_STR };

/* Types of the language, of fields and of expressions. */
enum tsn_type {
	TSN_T_INT, TSN_T_REAL, TSN_T_BOOL, TSN_T_ADDR, TSN_T_PORT, TSN_T_PROTO, TSN_T_FLAGS, TSN_T_TIME,
	TSN_T_DURATION, TSN_T_STRING, TSN_T_MAC, TSN_T_DIRECTION, TSN_T_FWD,
	TSN_T_PREFIX, TSN_T_SIZE, TSN_T_SET, TSN_T_TUPLE, TSN_T_REGEX, TSN_T_NONE
};

enum tsn_origin { TSN_O_RECORD, TSN_O_NORMAL, TSN_O_DERIVED, TSN_O_PAIR, TSN_O_POOL };

struct tsn_field_info {
	const char *name, *element; /* rule's word, "" of the POOL; IANA Information Element, "" if none */
	uint16_t element_id;
	enum tsn_storage storage;
	enum tsn_type type;
	enum tsn_origin origin;
	const char *unit, *help;
	int addr_slot; /* index among the ADDR fields, -1 for others */
};

extern const struct tsn_field_info tsn_fields[TSN_FIELD_COUNT];
#define TSN_ADDR_FIELDS 9 /* checked against the table when the batch is made */

/* The storage of a field, where the compiler can see it: what is done to a field known at compile time has no switch left. */
static const uint8_t tsn_field_storage[TSN_FIELD_COUNT] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) [TSN_F_##sym] = TSN_##storage,
#include "flow/fields.def"
#undef FIELD
};

_Static_assert(TSN_FIELD_COUNT > 64 && TSN_FIELD_COUNT <= 128, "tsn_field_set_all has two words");

/* A set of fields. */
struct tsn_field_set {
	uint64_t bits[(TSN_FIELD_COUNT + 63) / 64];
};

static inline void
tsn_field_set_add(struct tsn_field_set *s, enum tsn_field f)
{
	s->bits[f / 64] |= UINT64_C(1) << (f % 64);
}

static inline bool
tsn_field_set_has(const struct tsn_field_set *s, enum tsn_field f)
{
	return s->bits[f / 64] >> (f % 64) & 1;
}

static inline struct tsn_field_set
tsn_field_set_all(void)
{
	return (struct tsn_field_set){ { UINT64_MAX, UINT64_MAX } };
}

static inline void
tsn_field_set_join(struct tsn_field_set *s, const struct tsn_field_set *more)
{
	for (size_t i = 0; i < sizeof(s->bits) / sizeof(s->bits[0]); i++)
		s->bits[i] |= more->bits[i];
}

static inline bool
tsn_field_set_same(const struct tsn_field_set *a, const struct tsn_field_set *b)
{
	uint64_t odd = 0;

	for (size_t i = 0; i < sizeof(a->bits) / sizeof(a->bits[0]); i++)
		odd |= a->bits[i] ^ b->bits[i];
	return odd == 0;
}

/* By rule's word, Information Element or alias. -1 if there is none. */
int tsn_field_find(const char *name, size_t len);
/* The i-th alias (0, 1, ...) and its field; NULL past the last. For completion and the manual. */
const char *tsn_field_alias(size_t i, enum tsn_field *field);
/* "integer", "address", "TCP flags"...: as error messages name types. */
const char *tsn_type_name(enum tsn_type t);

#endif
