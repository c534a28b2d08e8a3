/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/elements.h"

#include <string.h>

static const struct tsn_element elements[] = {
#define ELEMENT(pen, id, name, type) { name, pen, id, TSN_E_##type },
#include "flow/elements.def"
#undef ELEMENT
};

#define COUNT (sizeof(elements) / sizeof(elements[0]))

const struct tsn_element *
tsn_element_find(uint32_t pen, uint16_t id)
{
	size_t lo = 0, hi = COUNT;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct tsn_element *e = &elements[mid];

		if (e->pen == pen && e->id == id)
			return e;
		if (e->pen < pen || (e->pen == pen && e->id < id))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct tsn_element *
tsn_element_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(elements[i].name) == len && memcmp(elements[i].name, name, len) == 0)
			return &elements[i];
	return NULL;
}

const struct tsn_element *
tsn_element_at(size_t i)
{
	return i < COUNT ? &elements[i] : NULL;
}

const char *
tsn_element_type_name(enum tsn_element_type t)
{
	static const char *const names[] = {
		[TSN_E_UNSIGNED] = "unsigned", [TSN_E_SIGNED] = "signed", [TSN_E_FLOAT] = "float",
		[TSN_E_BOOLEAN] = "boolean", [TSN_E_MAC] = "MAC address", [TSN_E_STRING] = "string",
		[TSN_E_OCTETS] = "octets", [TSN_E_IPV4] = "IPv4 address", [TSN_E_IPV6] = "IPv6 address",
		[TSN_E_SECONDS] = "seconds", [TSN_E_MILLISECONDS] = "milliseconds",
		[TSN_E_MICROSECONDS] = "microseconds", [TSN_E_NANOSECONDS] = "nanoseconds",
		[TSN_E_BASIC_LIST] = "basic list", [TSN_E_SUB_TEMPLATE_LIST] = "list of records",
		[TSN_E_SUB_TEMPLATE_MULTI_LIST] = "list of lists of records",
	};

	return names[t];
}
