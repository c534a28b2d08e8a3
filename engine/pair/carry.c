/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules may ask of the initiator's first flow beside what every conversation has, as bytes in the log. A record says
 * itself which fields it has, so another program may carry others from now on. It is
 *
 *   fields (a bit each)  source (4)  length of all (4)  values in the order of fields
 *
 * A number takes the bytes of its column, an address a byte that says its family and 4 or 16, a text 2 for its length.
 */
#include "base/mem.h"
#include "pair/internal.h"

#define LOG_FIRST (UINT64_C(64) << 10) /* more than the longest record */
#define HEAD      (sizeof(struct tsn_field_set) + 8)

static const uint8_t number_size[] = { [TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8, [TSN_I64] = 8, [TSN_F64] = 8 };

/* The first field of a set that is not before [from]; what the set has no bit for if there is none. */
static int
next_of(const struct tsn_field_set *has, int from)
{
	const int bits = (int)sizeof(*has) * 8;

	for (; from < bits; from = (from / 64 + 1) * 64) {
		uint64_t w = has->bits[from / 64] >> (from % 64);

		if (w != 0)
			return from + __builtin_ctzll(w);
	}
	return bits;
}

/* --- the log --- */

/* Pieces do not cross a multiple of the old size, so they stay in one piece. */
static bool
log_grow(struct ring_log *l)
{
	uint64_t cap = l->cap == 0 ? LOG_FIRST : l->cap * 2, at, n;
	uint8_t *p;

	if (cap > l->max)
		return false;
	p = tsn_pair_pages(cap);
	if (p == NULL)
		return false;
	for (at = l->begin; at < l->end; at += n) {
		n = l->cap - (at & (l->cap - 1));
		n = n < l->end - at ? n : l->end - at;
		memcpy(p + (at & (cap - 1)), l->p + (at & (l->cap - 1)), n);
	}
	tsn_free(l->p);
	l->p = p;
	l->cap = cap;
	return true;
}

uint8_t *
tsn_pair_log_put(struct tsn_pair *p, size_t n)
{
	struct ring_log *l = &p->log;

	for (;;) {
		uint64_t at = l->end, left = l->cap - (at & (l->cap - 1));

		if (l->cap > 0) {
			at += left < n ? left : 0;
			if (at + n - l->begin <= l->cap) {
				l->end = at + n;
				return log_at(p, at);
			}
		}
		if (!log_grow(l))
			return NULL;
	}
}

/* --- writing --- */

void
tsn_pair_look(struct tsn_pair *p, const struct tsn_batch *b)
{
	p->nhere = 0;
	p->room = HEAD;
	p->raw_here = p->texts = false;
	for (uint32_t i = 0; i < p->nfields; i++) {
		const uint16_t f = p->field[i];
		const struct tsn_mask *has = &b->present[f];
		const uint8_t storage = tsn_field_storage[f];

		if (!tsn_mask_any(has))
			continue;
		p->here[p->nhere++] = (struct here){ f, storage == TSN_ADDR || storage == TSN_STR ? 0 : number_size[storage],
			memcmp(has, &b->rows, sizeof(*has)) == 0 };
		p->room += storage == TSN_ADDR ? 17 : 8;
		p->texts |= storage == TSN_STR;
		p->raw_here |= f == TSN_F_RAW_PACKETS || f == TSN_F_RAW_BYTES;
	}
}

/* Bytes of the value at [p] in a record of which [n] are left; 0: it makes no sense. */
static size_t
value_size(enum tsn_field f, const uint8_t *p, size_t n)
{
	size_t size;
	uint16_t len;

	switch (tsn_field_storage[f]) {
	case TSN_ADDR:
		size = n == 0 || p[0] > 1 ? 0 : p[0] == 1 ? 5 : 17;
		break;
	case TSN_STR:
		if (n < sizeof(len))
			return 0;
		memcpy(&len, p, sizeof(len));
		size = sizeof(len) + len;
		break;
	default:
		size = number_size[tsn_field_storage[f]];
		break;
	}
	return size <= n ? size : 0;
}

static size_t
put_addr(uint8_t *p, struct tsn_addr a)
{
	uint32_t v4 = (uint32_t)a.lo;

	p[0] = a.v4;
	if (a.v4) {
		memcpy(p + 1, &v4, 4);
		return 5;
	}
	memcpy(p + 1, &a.hi, 8);
	memcpy(p + 9, &a.lo, 8);
	return 17;
}

static size_t
put_str(uint8_t *p, struct tsn_str s)
{
	uint16_t len = (uint16_t)(s.n < TSN_BATCH_STR ? s.n : TSN_BATCH_STR);

	memcpy(p, &len, sizeof(len));
	if (len > 0)
		memcpy(p + sizeof(len), s.p, len);
	return sizeof(len) + len;
}

static inline size_t
put_value(uint8_t *p, const struct tsn_batch *b, uint32_t row, const struct here *h)
{
	const uint8_t *col = b->col[h->field];

	switch (h->size) {
	case 1: *p = col[row]; return 1;
	case 2: memcpy(p, col + row * 2, 2); return 2;
	case 4: memcpy(p, col + row * 4, 4); return 4;
	case 8: memcpy(p, col + row * 8, 8); return 8;
	default: break;
	}
	if (tsn_field_storage[h->field] == TSN_STR)
		return put_str(p, ((const struct tsn_str *)b->col[h->field])[row]);
	return put_addr(p, tsn_batch_addr(b, row, (enum tsn_field)h->field));
}

/* What the values of a row take at most. */
static size_t
most(const struct tsn_pair *p, const struct tsn_batch *b, uint32_t row)
{
	size_t n = p->room;

	for (uint32_t i = 0; p->texts && i < p->nhere; i++)
		if (tsn_field_storage[p->here[i].field] == TSN_STR && tsn_mask_has(&b->present[p->here[i].field], row))
			n += 2 + TSN_BATCH_STR;
	return n;
}

void
tsn_pair_carry_row(struct tsn_pair *p, struct talk *t, unsigned s, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_field_set has = { { 0 } };
	size_t room = most(p, b, row), n = HEAD;
	uint8_t *r = tsn_pair_log_put(p, room);
	uint32_t size;

	t->side[s].carry = CARRY_NONE;
	if (r == NULL) {
		p->stats.bare++;
		return;
	}
	for (uint32_t i = 0; i < p->nhere; i++) {
		const struct here *h = &p->here[i];

		if (!h->always && !tsn_mask_has(&b->present[h->field], row))
			continue;
		tsn_field_set_add(&has, (enum tsn_field)h->field);
		n += put_value(r + n, b, row, h);
	}
	size = (uint32_t)n;
	memcpy(r, &has, sizeof(has));
	memcpy(r + sizeof(has), &b->source[row], 4);
	memcpy(r + sizeof(has) + 4, &size, 4);
	t->side[s].carry = (uint32_t)(p->log.end - room - t->log);
	p->log.end -= room - n;
}

static void
add_to(uint8_t *at, const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	uint64_t sum, more;

	if (!tsn_mask_has(&b->present[f], row))
		return;
	memcpy(&sum, at, sizeof(sum));
	more = ((const uint64_t *)b->col[f])[row];
	sum = sum + more >= TOO_MANY || sum >= TOO_MANY ? TOO_MANY : sum + more;
	memcpy(at, &sum, sizeof(sum));
}

void
tsn_pair_carry_add(struct tsn_pair *p, const struct talk *t, unsigned s, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_field_set has;
	uint8_t *r;

	if (!p->raw_here || t->side[s].carry == CARRY_NONE)
		return;
	r = log_at(p, t->log + t->side[s].carry);
	memcpy(&has, r, sizeof(has));
	r += HEAD;
	for (int f = next_of(&has, 0); f <= TSN_F_RAW_BYTES && f < TSN_FIELD_COUNT; f = next_of(&has, f + 1)) {
		if (f == TSN_F_RAW_PACKETS || f == TSN_F_RAW_BYTES)
			add_to(r, b, row, (enum tsn_field)f);
		r += value_size((enum tsn_field)f, r, SIZE_MAX);
	}
}

/* --- reading --- */

uint32_t
tsn_pair_source(const uint8_t *record)
{
	uint32_t source;

	memcpy(&source, record + sizeof(struct tsn_field_set), 4);
	return source;
}

void
tsn_pair_set_source(uint8_t *record, uint32_t source)
{
	memcpy(record + sizeof(struct tsn_field_set), &source, 4);
}

size_t
tsn_pair_record_size(const uint8_t *p, size_t n)
{
	struct tsn_field_set has;
	size_t at = HEAD, size;
	uint32_t said;

	if (n < HEAD)
		return 0;
	memcpy(&has, p, sizeof(has));
	memcpy(&said, p + sizeof(has) + 4, 4);
	for (unsigned i = TSN_FIELD_COUNT; i < sizeof(has) * 8; i++)
		if (has.bits[i / 64] >> (i % 64) & 1)
			return 0;
	for (int f = next_of(&has, 0); f < TSN_FIELD_COUNT; f = next_of(&has, f + 1)) {
		size = value_size((enum tsn_field)f, p + at, n - at);
		if (size == 0)
			return 0;
		at += size;
	}
	return said == at ? at : 0;
}

static struct tsn_addr
get_addr(const uint8_t *p)
{
	struct tsn_addr a = { 0, 0, false };
	uint32_t v4;

	if (p[0] == 1) {
		memcpy(&v4, p + 1, 4);
		return tsn_addr_v4(v4);
	}
	memcpy(&a.hi, p + 1, 8);
	memcpy(&a.lo, p + 9, 8);
	return a;
}

static void
get_value(struct tsn_batch *out, uint32_t row, enum tsn_field f, const uint8_t *p)
{
	uint8_t *col = out->col[f];
	double real;
	uint16_t len;

	switch (tsn_field_storage[f]) {
	case TSN_ADDR:
		tsn_batch_put_addr(out, row, f, get_addr(p));
		return;
	case TSN_STR:
		memcpy(&len, p, sizeof(len));
		tsn_batch_put_str(out, row, f, (struct tsn_str){ (const char *)p + sizeof(len), len });
		return;
	case TSN_F64:
		memcpy(&real, p, sizeof(real));
		tsn_batch_put_real(out, row, f, real);
		return;
	default:
		memcpy(col + row * number_size[tsn_field_storage[f]], p, number_size[tsn_field_storage[f]]);
		tsn_mask_set(&out->present[f], row);
	}
}

/* Raw counters beyond what the language holds are absent. */
static bool
is_held(enum tsn_field f, const uint8_t *p)
{
	uint64_t v;

	if (f != TSN_F_RAW_PACKETS && f != TSN_F_RAW_BYTES)
		return true;
	memcpy(&v, p, sizeof(v));
	return v < TOO_MANY;
}

bool
tsn_pair_carried(const struct tsn_pair *p, const struct talk *t, unsigned s, struct tsn_batch *out, uint32_t row)
{
	const uint8_t *r;
	struct tsn_field_set has;
	bool pool = t->log + t->side[s].carry >= p->pool_from;

	if (t->side[s].carry == CARRY_NONE)
		return false;
	r = log_at(p, t->log + t->side[s].carry);
	memcpy(&has, r, sizeof(has));
	r += HEAD;
	for (int f = next_of(&has, 0); f < TSN_FIELD_COUNT; f = next_of(&has, f + 1)) {
		if (is_held((enum tsn_field)f, r) && (pool || tsn_fields[f].origin != TSN_O_POOL))
			get_value(out, row, (enum tsn_field)f, r);
		r += value_size((enum tsn_field)f, r, SIZE_MAX);
	}
	return true;
}

struct tsn_addr
tsn_pair_addr(const struct tsn_pair *p, const struct talk *t, unsigned s)
{
	struct tsn_addr a = { 0, 0, (t->bits >> s & 1) != 0 };
	const uint8_t *ends;

	if ((t->bits & 3) == 3)
		return tsn_addr_v4(t->v4[s]);
	ends = log_at(p, t->log) + s * 16;
	memcpy(&a.hi, ends, 8);
	memcpy(&a.lo, ends + 8, 8);
	return a;
}
