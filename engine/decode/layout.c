/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Template Records as they stand on the wire:
 *
 *   v9     id, fields; then type, length                   (RFC 3954 section 5.2)
 *          id, bytes of scopes, bytes of options; the same (section 6.1)
 *   IPFIX  id, fields [, of which scopes]; then E|id, length [, enterprise]
 *          (RFC 7011 sections 3.4.1, 3.4.2)
 */
#include "decode/template.h"
#include "decode/wire.h"

/* One field specifier; bytes read, 0 if there are too few. */
static size_t
read_field(const uint8_t *p, size_t n, bool enterprises, struct tsn_tfield *f)
{
	if (n < 4)
		return 0;
	*f = (struct tsn_tfield){ 0, tsn_wire_u16(p), tsn_wire_u16(p + 2) };
	if (!enterprises || f->id < 0x8000)
		return 4;
	if (n < 8)
		return 0;
	f->id &= 0x7fff;
	f->pen = tsn_wire_u32(p + 4);
	return 8;
}

/* A field of no bytes says nothing and is left out, so that what a record takes is bounded by its length. */
static void
add_field(struct tsn_layout *l, const struct tsn_tfield *f)
{
	if (l->n >= TSN_TEMPLATE_FIELDS || f->len == 0)
		return;
	l->field[l->n++] = *f;
	l->variable |= f->len == TSN_VARIABLE;
	l->min_len += f->len == TSN_VARIABLE ? 1 : f->len;
}

/* [count] specifiers, the first [scopes] of scopes; bytes read, 0 if the set ends before. */
static size_t
read_fields(const uint8_t *p, size_t n, uint32_t count, uint32_t scopes, bool enterprises, struct tsn_layout *l)
{
	size_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (i == scopes)
			l->scopes = l->n;
		struct tsn_tfield f;
		size_t used = read_field(p + at, n - at, enterprises, &f);

		if (used == 0)
			return 0;
		add_field(l, &f);
		at += used;
	}
	if (scopes >= count)
		l->scopes = l->n;
	return at;
}

static enum tsn_read
read_v9_options(const uint8_t *p, size_t n, struct tsn_layout *l, size_t *used)
{
	uint32_t scopes, options;

	if (n < 6)
		return TSN_READ_CUT;
	l->id = tsn_wire_u16(p);
	scopes = tsn_wire_u16(p + 2);
	options = tsn_wire_u16(p + 4);
	*used = 6 + (size_t)scopes + options;
	if (*used > n)
		return TSN_READ_CUT;
	if (scopes % 4 != 0 || options % 4 != 0 || (scopes + options) / 4 > TSN_TEMPLATE_FIELDS)
		return TSN_READ_BAD;
	read_fields(p + 6, scopes + options, (scopes + options) / 4, scopes / 4, false, l);
	for (uint32_t i = 0; i < l->scopes; i++)
		l->field[i].pen = TSN_PEN_SCOPE;
	return TSN_READ_OK;
}

static enum tsn_read
read_plain(const uint8_t *p, size_t n, uint16_t version, struct tsn_layout *l, size_t *used)
{
	size_t head = l->options ? 6 : 4, fields;
	uint32_t count, scopes;

	if (n < 4)
		return TSN_READ_CUT;
	l->id = tsn_wire_u16(p);
	count = tsn_wire_u16(p + 2);
	*used = 4;
	if (count == 0)
		return version == 10 ? TSN_READ_WITHDRAWN : TSN_READ_BAD;
	if (n < head)
		return TSN_READ_CUT;
	scopes = l->options ? tsn_wire_u16(p + 4) : 0;
	fields = read_fields(p + head, n - head, count, scopes, version == 10, l);
	if (fields == 0)
		return TSN_READ_CUT;
	*used = head + fields;
	return count > TSN_TEMPLATE_FIELDS || scopes > count ? TSN_READ_BAD : TSN_READ_OK;
}

enum tsn_read
tsn_layout_read(const uint8_t *p, size_t n, uint16_t version, bool options, struct tsn_layout *out, size_t *used)
{
	enum tsn_read how;

	out->n = out->scopes = 0;
	out->options = options;
	out->variable = false;
	out->min_len = 0;
	how = version == 9 && options ? read_v9_options(p, n, out, used) : read_plain(p, n, version, out, used);
	if (how == TSN_READ_OK && (out->id < 256 || out->min_len == 0)) /* records of no bytes would never end */
		return TSN_READ_BAD;
	return how;
}
