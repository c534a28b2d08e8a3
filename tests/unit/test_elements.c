/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <string.h>

#include "flow/elements.h"
#include "flow/fields.h"

Test(elements, sorted_and_found)
{
	const struct tsn_element *e, *last = NULL;
	size_t n = 0;

	for (; (e = tsn_element_at(n)) != NULL; n++, last = e) {
		if (last != NULL)
			cr_assert(last->pen < e->pen || (last->pen == e->pen && last->id < e->id), "%s", e->name);
		cr_assert(tsn_element_find(e->pen, e->id) == e);
		cr_assert(e->type <= TSN_E_SUB_TEMPLATE_MULTI_LIST && tsn_element_type_name(e->type) != NULL);
	}
	cr_assert_gt(n, 2000);
	cr_assert_null(tsn_element_find(0, 0));
	cr_assert_null(tsn_element_find(UINT32_MAX, 1));
}

Test(elements, known_ones)
{
	static const struct {
		uint32_t pen;
		uint16_t id;
		const char *name;
		enum tsn_element_type type;
	} known[] = {
		{ 0, 1, "octetDeltaCount", TSN_E_UNSIGNED }, { 0, 8, "sourceIPv4Address", TSN_E_IPV4 },
		{ 0, 27, "sourceIPv6Address", TSN_E_IPV6 }, { 0, 56, "sourceMacAddress", TSN_E_MAC },
		{ 0, 82, "interfaceName", TSN_E_STRING }, { 0, 150, "flowStartSeconds", TSN_E_SECONDS },
		{ 0, 152, "flowStartMilliseconds", TSN_E_MILLISECONDS },
		{ 0, 156, "flowStartNanoseconds", TSN_E_NANOSECONDS }, { 0, 291, "basicList", TSN_E_BASIC_LIST },
		{ 0, 40000, "userName", TSN_E_STRING }, { 0, 57652, "http_url", TSN_E_STRING },
		{ 29305, 1, "reverseOctetDeltaCount", TSN_E_UNSIGNED }, { 6871, 117, "httpHost", TSN_E_STRING },
		{ 6871, 16384 + 14, "reverseInitialTCPFlags", TSN_E_UNSIGNED }, { 8057, 808, "TLSSNI", TSN_E_STRING },
		{ 35632, 119, "l7_proto_name", TSN_E_STRING },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct tsn_element *e = tsn_element_find(known[i].pen, known[i].id);

		cr_assert_not_null(e, "%s", known[i].name);
		cr_assert_str_eq(e->name, known[i].name);
		cr_assert_eq(e->type, known[i].type, "%s", known[i].name);
	}
}

Test(elements, by_name)
{
	const struct tsn_element *e = tsn_element_by_name("userName", 8);

	cr_assert(e != NULL && e->pen == 0 && e->id == 371);
	cr_assert_null(tsn_element_by_name("username!", 9));
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		const char *name = tsn_fields[f].element;

		if (name[0] == '\0' || strcmp(name, "sourceIPAddress") == 0 || strcmp(name, "destinationIPAddress") == 0 ||
		    strcmp(name, "ipNextHopIPAddress") == 0 || strcmp(name, "exporterIPAddress") == 0)
			continue; /* RFC 7012 has one element for each version of IP */
		e = tsn_element_by_name(name, strlen(name));
		if (e != NULL)
			cr_assert_eq(e->id, tsn_fields[f].element_id, "%s", name);
	}
}
