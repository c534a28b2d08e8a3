/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The Information Elements that registries name (RFC 7012; IANA, vendors, the
 * types of NetFlow v9), made from elements.def. Static, sorted, read only.
 */
#ifndef TSN_FLOW_ELEMENTS_H
#define TSN_FLOW_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

/* Abstract data types: RFC 7011 section 6.1, lists: RFC 6313. */
enum tsn_element_type {
	TSN_E_UNSIGNED, TSN_E_SIGNED, TSN_E_FLOAT, TSN_E_BOOLEAN, TSN_E_MAC, TSN_E_STRING, TSN_E_OCTETS, TSN_E_IPV4,
	TSN_E_IPV6, TSN_E_SECONDS, TSN_E_MILLISECONDS, TSN_E_MICROSECONDS, TSN_E_NANOSECONDS, TSN_E_BASIC_LIST,
	TSN_E_SUB_TEMPLATE_LIST, TSN_E_SUB_TEMPLATE_MULTI_LIST
};

struct tsn_element {
	const char *name;
	uint32_t pen; /* enterprise, 0: IANA or NetFlow v9 */
	uint16_t id;
	uint8_t type; /* enum tsn_element_type */
};

#define TSN_PEN_REVERSE 29305 /* RFC 5103: the element of the flow's other direction */
#define TSN_PEN_CERT    6871  /* YAF: the other direction's elements have bit 14 of the id set */
#define TSN_PEN_NTOP    35632
#define TSN_NTOP_V9     57472 /* nProbe: its element n is type TSN_NTOP_V9 + n of NetFlow v9 */

/* NULL if no registry names it. */
const struct tsn_element *tsn_element_find(uint32_t pen, uint16_t id);
/* By its exact name; of several the one of the lowest enterprise and id. */
const struct tsn_element *tsn_element_by_name(const char *name, size_t len);
/* The i-th (0, 1, ...) by enterprise and id; NULL past the last. */
const struct tsn_element *tsn_element_at(size_t i);
/* "unsigned", "IPv4 address"...: as listings name types. */
const char *tsn_element_type_name(enum tsn_element_type t);

#endif
