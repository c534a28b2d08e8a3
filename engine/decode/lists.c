/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of variable length, and the lists inside records (RFC 6313 section 4.5):
 *
 *   basicList             semantic 1, field id 2, length 2 [, enterprise 4], values
 *   subTemplateList       semantic 1, template 2, records
 *   subTemplateMultiList  semantic 1, then template 2, length 2 (with these four), records
 *
 * YAF puts what it found in the payload into them. They are looked through for texts (and TCP flags) that have a
 * field; the first of a kind counts.
 */
#include "decode/plan.h"
#include "decode/wire.h"
#include "flow/elements.h"

#define DEPTH 4 /* of lists in lists; YAF has two */

/* Length of a value at [*p], which moves behind the length octets (RFC 7011 section 7); -1 if it does not fit in [n]. */
static long
value_len(const uint8_t **p, size_t *n, uint16_t said)
{
	size_t head = 0, len = said;

	if (said == TSN_VARIABLE) {
		if (*n < 1)
			return -1;
		head = 1;
		len = (*p)[0];
		if (len == 255) {
			if (*n < 3)
				return -1;
			head = 3;
			len = tsn_wire_u16(*p + 1);
		}
	}
	if (*n < head + len)
		return -1;
	*p += head;
	*n -= head;
	return (long)len;
}

size_t
tsn_record_walk(const struct tsn_template *t, const uint8_t *p, size_t n, uint32_t *at, uint16_t *len)
{
	const uint8_t *begin = p;

	for (uint32_t i = 0; i < t->n; i++) {
		long l = value_len(&p, &n, t->field[i].len);

		if (l < 0)
			return 0;
		at[i] = (uint32_t)(p - begin);
		len[i] = (uint16_t)l;
		p += l;
		n -= (size_t)l;
	}
	return (size_t)(p - begin);
}

static void
put_text(struct tsn_batch *b, uint32_t row, const struct tsn_mapping *map, const uint8_t *p, uint32_t len)
{
	len = tsn_text_len(p, len);
	if (map->kind == TSN_MAP_REQUEST)
		tsn_request_target(&p, &len);
	if (len > 0 && !tsn_mask_has(&b->present[map->field], row))
		tsn_batch_keep_str(b, row, map->field, (const char *)p, len);
}

static void
take_value(const struct tsn_walker *w, uint32_t pen, uint16_t id, const uint8_t *p, uint32_t len)
{
	const struct tsn_element *e = tsn_element_find(pen, id);
	const struct tsn_mapping *map;
	size_t n;

	if (e != NULL && e->type >= TSN_E_BASIC_LIST) {
		struct tsn_walker deeper = *w;

		deeper.depth++;
		tsn_list_walk(&deeper, e->type, p, len);
		return;
	}
	map = tsn_mapping_find(pen, id, &n);
	for (size_t i = 0; map != NULL && i < n; i++) {
		uint16_t *flags = (uint16_t *)w->b->col[TSN_F_FLAGS] + w->row;

		if (map[i].kind == TSN_MAP_TEXT || map[i].kind == TSN_MAP_REQUEST) {
			if (!w->reverse) /* it is what the client asked for */
				put_text(w->b, w->row, &map[i], p, len);
		} else if (map[i].kind == TSN_MAP_FLAGS && map[i].reverse == w->reverse) {
			*flags = (uint16_t)(tsn_read_uint(p, len) & 0xfff) |
			    (tsn_mask_has(&w->b->present[TSN_F_FLAGS], w->row) ? *flags : 0);
			tsn_mask_set(&w->b->present[TSN_F_FLAGS], w->row);
		}
	}
}

static void
walk_basic(const struct tsn_walker *w, const uint8_t *p, size_t n)
{
	uint16_t id, said;
	uint32_t pen = 0;
	long len;

	if (n < 5)
		return;
	id = tsn_wire_u16(p + 1);
	said = tsn_wire_u16(p + 3);
	p += 5;
	n -= 5;
	if (id & 0x8000) {
		if (n < 4)
			return;
		id &= 0x7fff;
		pen = tsn_wire_u32(p);
		p += 4;
		n -= 4;
	}
	while (n > 0 && said > 0 && (len = value_len(&p, &n, said)) >= 0) {
		take_value(w, pen, id, p, (uint32_t)len);
		p += len;
		n -= (size_t)len;
	}
}

static void
walk_records(const struct tsn_walker *w, uint16_t id, const uint8_t *p, size_t n)
{
	const struct tsn_template *t = tsn_templates_find(w->lists->templates, w->lists->domain, w->h->from.session, id,
	    w->h->received);
	size_t used;

	if (t == NULL || t->options)
		return;
	for (; n >= t->min_len; p += used, n -= used) {
		const uint8_t *at = p;
		size_t left = n;

		used = 0;
		for (uint32_t i = 0; i < t->n; i++) {
			long len = value_len(&at, &left, t->field[i].len);

			if (len < 0)
				return;
			take_value(w, t->field[i].pen, t->field[i].id, at, (uint32_t)len);
			at += len;
			left -= (size_t)len;
		}
		used = (size_t)(at - p);
	}
}

void
tsn_list_walk(const struct tsn_walker *w, int type, const uint8_t *p, uint32_t len)
{
	if (w->depth >= DEPTH)
		return;
	if (type == TSN_E_BASIC_LIST) {
		walk_basic(w, p, len);
	} else if (type == TSN_E_SUB_TEMPLATE_LIST && len >= 3) {
		walk_records(w, tsn_wire_u16(p + 1), p + 3, len - 3);
	} else if (type == TSN_E_SUB_TEMPLATE_MULTI_LIST && len >= 1) {
		for (p++, len--; len >= 4;) {
			uint16_t size = tsn_wire_u16(p + 2);

			if (size < 4 || size > len)
				return;
			walk_records(w, tsn_wire_u16(p), p + 4, size - 4u);
			p += size;
			len -= size;
		}
	}
}
