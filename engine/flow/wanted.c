/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/wanted.h"

#include <stdio.h>
#include <string.h>

#include "flow/elements.h"

enum tsn_type
tsn_wanted_type(uint32_t pen, uint16_t id)
{
	const struct tsn_element *e = tsn_element_find(pen, id);

	if (e == NULL)
		return TSN_T_INT;
	switch ((enum tsn_element_type)e->type) {
	case TSN_E_UNSIGNED:
	case TSN_E_SIGNED:
	case TSN_E_BOOLEAN:
		return TSN_T_INT;
	case TSN_E_FLOAT:
		return TSN_T_REAL;
	case TSN_E_MAC:
		return TSN_T_MAC;
	case TSN_E_STRING:
	case TSN_E_OCTETS:
		return TSN_T_STRING;
	case TSN_E_IPV4:
	case TSN_E_IPV6:
		return TSN_T_ADDR;
	case TSN_E_SECONDS:
	case TSN_E_MILLISECONDS:
	case TSN_E_MICROSECONDS:
	case TSN_E_NANOSECONDS:
		return TSN_T_TIME;
	case TSN_E_BASIC_LIST:
	case TSN_E_SUB_TEMPLATE_LIST:
	case TSN_E_SUB_TEMPLATE_MULTI_LIST:
		break;
	}
	return TSN_T_NONE;
}

int
tsn_wanted_field(uint32_t pen, uint16_t id)
{
	for (int f = 0; pen == 0 && id != 0 && f < TSN_FIELD_COUNT; f++)
		if (tsn_fields[f].element_id == id)
			return f;
	return -1;
}

int
tsn_wanted_column(const struct tsn_wanted *w, size_t n, enum tsn_type t)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		size_t i = 0;

		if (tsn_fields[f].origin != TSN_O_POOL || tsn_fields[f].type != t)
			continue;
		while (i < n && (int)w[i].field != f)
			i++;
		if (i == n)
			return f;
	}
	return -1;
}

unsigned
tsn_wanted_columns(enum tsn_type t)
{
	unsigned n = 0;

	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		n += tsn_fields[f].origin == TSN_O_POOL && tsn_fields[f].type == t;
	return n;
}

const char *
tsn_wanted_text(uint32_t pen, uint16_t id, char text[TSN_WANTED_TEXT])
{
	if (pen == 0)
		snprintf(text, TSN_WANTED_TEXT, "ie(%u)", id);
	else
		snprintf(text, TSN_WANTED_TEXT, "ie(%u, %u)", pen, id);
	return text;
}

const char *
tsn_wanted_name(const struct tsn_wanted *w, size_t n, uint32_t field, char text[TSN_WANTED_TEXT])
{
	for (size_t i = 0; i < n; i++)
		if (w[i].field == field)
			return tsn_wanted_text(w[i].pen, w[i].id, text);
	return tsn_fields[field].name;
}

bool
tsn_wanted_parse(const char *p, size_t n, int64_t *pen, int64_t *id)
{
	int64_t v[2] = { 0, 0 };
	size_t i = 3, k = 0, digits = 0;

	if (n < 5 || memcmp(p, "ie(", 3) != 0 || p[n - 1] != ')')
		return false;
	for (; i < n - 1; i++) {
		if (p[i] >= '0' && p[i] <= '9' && v[k] <= UINT32_MAX) {
			v[k] = v[k] * 10 + (p[i] - '0');
			digits++;
		} else if (p[i] == ',' && k == 0 && digits > 0) {
			k = 1;
			digits = 0;
		} else if (p[i] != ' ') {
			return false;
		}
	}
	*pen = k == 0 ? 0 : v[0];
	*id = v[k];
	return digits > 0;
}
