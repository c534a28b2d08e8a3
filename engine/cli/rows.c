/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A held row is bytes: its sort key, which compares with memcmp, and the values of its columns. A part of the
 * key is what tsn_key_encode_loose writes, each byte inverted where the largest stands first; absent parts are
 * FF, which no other part begins with, so they stand last either way. No part is the beginning of another, so
 * the order holds over several.
 */
#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct tsn_row {
	uint64_t seq; /* equal ones stay in their order */
	uint32_t key; /* bytes of it */
	uint8_t bytes[];
};

static int
later(const struct tsn_row *a, const struct tsn_row *b)
{
	int d = memcmp(a->bytes, b->bytes, a->key < b->key ? a->key : b->key);

	return d != 0 ? d : (a->seq > b->seq) - (a->seq < b->seq);
}

static int
later_of(const void *a, const void *b)
{
	return later(*(struct tsn_row *const *)a, *(struct tsn_row *const *)b);
}

void
tsn_rows_fini(struct tsn_rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		tsn_free(r->row[i]);
	tsn_free(r->row);
	tsn_buf_fini(&r->scratch);
}

static void
put_key(struct tsn_buf *out, const struct tsn_sorts *s, const struct tsn_batch *b, uint32_t row)
{
	uint8_t part[TSN_KEY_MAX];

	for (uint32_t i = 0; i < s->n; i++) {
		struct tsn_key_spec one = { .n = 1, .part = { s->part[i] } };
		size_t n = tsn_key_encode_loose(&one, b, row, part);

		if (n == 1) {
			part[0] = 0xff;
		} else if (s->down[i]) {
			for (size_t k = 0; k < n; k++)
				part[k] = (uint8_t)~part[k];
		}
		tsn_buf_add(out, part, n);
	}
}

/* A value is its type, none if it is not known, and what that type needs. */
static void
put_value(struct tsn_buf *out, const struct tsn_value *x)
{
	tsn_buf_putc(out, (char)(x->known ? x->type : TSN_T_NONE));
	if (!x->known)
		return;
	switch (x->type) {
	case TSN_T_ADDR:
		tsn_buf_putc(out, (char)x->v4_bits);
		tsn_buf_putc(out, (char)x->v6_bits);
		tsn_buf_add(out, &x->addr, sizeof(x->addr));
		break;
	case TSN_T_STRING:
		tsn_buf_add(out, &x->s.n, sizeof(x->s.n));
		if (x->s.n > 0)
			tsn_buf_add(out, x->s.p, x->s.n);
		break;
	case TSN_T_REAL:
		tsn_buf_add(out, &x->f, sizeof(x->f));
		break;
	default:
		tsn_buf_add(out, &x->i, sizeof(x->i));
		break;
	}
}

/* Reads one value at [p], returns where the next begins. */
static const uint8_t *
get_value(const uint8_t *p, struct tsn_value *out)
{
	*out = (struct tsn_value){ .type = (enum tsn_type)*p++ };
	out->known = out->type != TSN_T_NONE;
	switch (out->type) {
	case TSN_T_NONE:
		return p;
	case TSN_T_ADDR:
		out->v4_bits = *p++;
		out->v6_bits = *p++;
		memcpy(&out->addr, p, sizeof(out->addr));
		return p + sizeof(out->addr);
	case TSN_T_STRING:
		memcpy(&out->s.n, p, sizeof(out->s.n));
		out->s.p = (const char *)p + sizeof(out->s.n);
		return p + sizeof(out->s.n) + out->s.n;
	case TSN_T_REAL:
		memcpy(&out->f, p, sizeof(out->f));
		return p + sizeof(out->f);
	default:
		memcpy(&out->i, p, sizeof(out->i));
		return p + sizeof(out->i);
	}
}

/* Lets the entry at [at] sink in a heap whose top stands last of all. */
static void
sink(struct tsn_row **h, size_t n, size_t at)
{
	struct tsn_row *moved = h[at];
	size_t below;

	while ((below = 2 * at + 1) < n) {
		if (below + 1 < n && later(h[below + 1], h[below]) > 0)
			below++;
		if (later(moved, h[below]) > 0)
			break;
		h[at] = h[below];
		at = below;
	}
	h[at] = moved;
}

/* Would the row whose key is in scratch stand behind all that are wanted? */
static bool
is_behind(const struct tsn_rows *r)
{
	const struct tsn_row *last = r->row[0];
	size_t n = r->scratch.len < last->key ? r->scratch.len : last->key;

	return memcmp(r->scratch.p, last->bytes, n) >= 0; /* of equal ones the first stays */
}

static void
keep(struct tsn_rows *r, struct tsn_row *x)
{
	struct tsn_row **row;

	if (r->n == r->limit) {
		tsn_free(r->row[0]);
		r->row[0] = x;
		sink(r->row, r->n, 0);
		return;
	}
	row = tsn_grow(r->row, r->n, &r->cap, sizeof(*row));
	if (row == NULL) {
		tsn_free(x);
		r->no_memory = true;
		return;
	}
	r->row = row;
	r->row[r->n++] = x;
	if (r->n == r->limit)
		for (size_t i = r->n / 2; i > 0; i--)
			sink(r->row, r->n, i - 1);
}

void
tsn_rows_add(struct tsn_rows *r, const struct tsn_view *v, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_value x;
	struct tsn_row *copy;
	uint32_t key;

	r->seen++;
	if (r->no_memory || r->too_many || r->limit == 0)
		return;
	if (r->n == TSN_ROWS_MAX && r->n < r->limit) {
		r->too_many = true;
		return;
	}
	tsn_buf_clear(&r->scratch);
	put_key(&r->scratch, r->sorts, b, row);
	if (r->n == r->limit && !r->scratch.failed && is_behind(r))
		return;
	key = (uint32_t)r->scratch.len;
	for (uint32_t i = 0; i < v->columns.n; i++) {
		tsn_view_get(v, b, row, i, &x);
		put_value(&r->scratch, &x);
	}
	copy = r->scratch.failed ? NULL : tsn_malloc(sizeof(*copy) + r->scratch.len);
	if (copy == NULL) {
		r->no_memory = true;
		return;
	}
	copy->seq = r->seen;
	copy->key = key;
	memcpy(copy->bytes, r->scratch.p, r->scratch.len);
	keep(r, copy);
}

void
tsn_rows_show(struct tsn_rows *r, struct tsn_view *v)
{
	struct tsn_value x[TSN_COLUMNS_MAX];

	if (r->n > 0)
		qsort(r->row, r->n, sizeof(*r->row), later_of);
	for (size_t i = 0; i < r->n && !v->gone; i++) {
		const uint8_t *p = r->row[i]->bytes + r->row[i]->key;

		for (uint32_t k = 0; k < v->columns.n; k++)
			p = get_value(p, &x[k]);
		tsn_view_row(v, x);
	}
}
