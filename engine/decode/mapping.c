/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/mapping.h"

static const struct tsn_mapping table[] = {
#define MAP(pen, id, kind, field, rank) { pen, id, TSN_MAP_##kind, TSN_F_##field, rank, false },
#define REVERSE(pen, id, kind, field, rank) { pen, id, TSN_MAP_##kind, TSN_F_##field, rank, true },
#define ROLE(pen, id, role) { pen, id, TSN_MAP_ROLE, TSN_ROLE_##role, 0, false },
#include "decode/mapping.def"
#undef MAP
#undef REVERSE
#undef ROLE
};

#define COUNT (sizeof(table) / sizeof(table[0]))

const struct tsn_mapping *
tsn_mapping_at(size_t i)
{
	return i < COUNT ? &table[i] : NULL;
}

const struct tsn_mapping *
tsn_mapping_find(uint32_t pen, uint16_t id, size_t *n)
{
	size_t lo = 0, hi = COUNT;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (table[mid].pen < pen || (table[mid].pen == pen && table[mid].id < id))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < COUNT && table[hi].pen == pen && table[hi].id == id; hi++)
		;
	*n = hi - lo;
	return hi > lo ? &table[lo] : NULL;
}

const char *
tsn_mapping_kind_help(enum tsn_mapping_kind k)
{
	static const char *const help[] = {
#define KIND(sym, text) text,
		TSN_MAPPING_KINDS(KIND)
#undef KIND
	};

	return help[k];
}
