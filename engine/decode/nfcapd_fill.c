/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Runs of records of nfdump 1.7 to columns. An exporter's records mostly have one layout for thousands on end, so the
 * elements of the first are looked up once and those that follow compared with it: head, and type and length at the
 * same places. A run is a few dozen records, which stay in the nearest cache while column after column is filled.
 *
 * It has one exporter, ends before the second of its clock does (ticks are due between seconds only, so that the clock
 * moves for all its rows as if one by one), and takes only records without anything odd; the rest go through
 * nfcapd_v2.c.
 */
#include "decode/nfcapd_parts.h"

#define RUN 64u /* rows; at most the bits of a word */

struct run {
	struct tsn_batch *b;
	const uint8_t *p;
	uint32_t n;
	size_t stride;
	uint64_t latest;    /* of receipt */
	uint32_t word;      /* the rows as bits of a mask: of this word... */
	uint64_t bits[2];   /* ...and the next */
};

static inline uint16_t
load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* One family, and no element that every row of a run would need a test for. */
static bool
is_quick(const struct tsn_nf_shape *s)
{
	static const uint8_t slow[] = { TSN_EX_NSEL, TSN_EX_NAT, TSN_EX_USER, TSN_EX_OBSERVATION, TSN_EX_LAYER_2, TSN_EX_IP_INFO };
	const uint16_t *el = s->el;

	for (size_t i = 0; i < sizeof(slow); i++)
		if (el[slow[i]] != 0)
			return false;
	if (el[TSN_EX_GENERIC] == 0 || (s->head[10] & TSN_NF_V3_EVENT) || (el[TSN_EX_IPV4] != 0) == (el[TSN_EX_IPV6] != 0))
		return false;
	return !(el[TSN_EX_HOP_V4] != 0 && el[TSN_EX_HOP_V6] != 0) && !(el[TSN_EX_ROUTER_V4] != 0 && el[TSN_EX_ROUTER_V6] != 0);
}

static void
learn_shape(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	struct tsn_nf_shape *s = &d->shape;
	size_t at = 12;

	s->size = 0;
	s->quick = false;
	if (!tsn_nf_find_elements(d, p, size, s->el))
		return;
	s->n = load16(p + 4);
	if (s->n > TSN_NF_SHAPE)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		s->at[i] = (uint16_t)at;
		s->word[i] = load32(p + at);
		at += load16(p + at + 2);
	}
	memcpy(s->head, p, sizeof(s->head));
	s->size = (uint32_t)size;
	s->quick = is_quick(s);
}

/* Is the record at [p], which is whole, of the known layout? */
static inline bool
same_shape(const struct tsn_nf_shape *s, const uint8_t *p)
{
	if (load64(p) != load64(s->head) || load32(p + 8) != load32(s->head + 8))
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (load32(p + s->at[i]) != s->word[i])
			return false;
	return true;
}

static inline bool
mapped(const uint8_t *p)
{
	return load64(p) == 0 && load64(p + 8) >> 32 == 0xffff;
}

/* All three times told, none absurd, first not after last; no IPv4 in IPv6's clothes. */
static inline bool
plain(const struct tsn_nf_shape *s, const uint8_t *p)
{
	const uint8_t *g = p + s->el[TSN_EX_GENERIC];
	uint64_t first = load64(g), last = load64(g + 8), received = load64(g + 16);

	if ((first | last | received) >= TSN_NF_TIME_END || first == 0 || received == 0 || first > last)
		return false;
	if (s->el[TSN_EX_IPV6] != 0 && (mapped(p + s->el[TSN_EX_IPV6]) || mapped(p + s->el[TSN_EX_IPV6] + 16)))
		return false;
	return s->el[TSN_EX_HOP_V6] == 0 || !mapped(p + s->el[TSN_EX_HOP_V6]);
}

static inline bool
same_router(const struct tsn_nf_shape *s, const uint8_t *p, const uint8_t *q)
{
	if (s->el[TSN_EX_ROUTER_V4] != 0)
		return load32(p + s->el[TSN_EX_ROUTER_V4]) == load32(q + s->el[TSN_EX_ROUTER_V4]);
	return s->el[TSN_EX_ROUTER_V6] == 0 || memcmp(p + s->el[TSN_EX_ROUTER_V6], q + s->el[TSN_EX_ROUTER_V6], 16) == 0;
}

/* How many records from the first on, which is plain, make a run; at most [most]. */
static void
measure(const struct tsn_nf_shape *s, struct run *r, uint32_t most)
{
	uint64_t first = load64(r->p + s->el[TSN_EX_GENERIC] + 16), second_end = first - first % TSN_SECOND + TSN_SECOND;
	const uint8_t *p = r->p;

	r->latest = first;
	for (r->n = 1; r->n < most; r->n++) {
		uint64_t received;

		p += r->stride;
		received = load64(p + s->el[TSN_EX_GENERIC] + 16);
		if (!same_shape(s, p) || received >= second_end || !plain(s, p) || !same_router(s, p, r->p))
			return;
		r->latest = received > r->latest ? received : r->latest;
	}
}

/* --- columns --- */

static inline void
fill_64(void *column, const struct run *r, size_t at)
{
	uint64_t *restrict out = (uint64_t *)column + r->b->n;
	const uint8_t *restrict p = r->p + at;
	const size_t n = r->n, stride = r->stride;

	for (size_t i = 0; i < n; i++, p += stride)
		out[i] = load64(p);
}

/* Two columns of 32 bits from neighbouring numbers. */
static inline void
fill_32_32(void *a, void *b, const struct run *r, size_t at)
{
	uint32_t *restrict out = (uint32_t *)a + r->b->n, *restrict out2 = (uint32_t *)b + r->b->n;
	const uint8_t *restrict p = r->p + at;
	const size_t n = r->n, stride = r->stride;

	for (size_t i = 0; i < n; i++, p += stride) {
		out[i] = load32(p);
		out2[i] = load32(p + 4);
	}
}

static void
make_bits(struct run *r)
{
	uint32_t bit = r->b->n % 64;
	uint64_t rows = UINT64_MAX >> (64 - r->n);

	r->word = r->b->n / 64;
	r->bits[0] = rows << bit;
	r->bits[1] = bit > 0 ? rows >> (64 - bit) : 0;
}

static inline void
set_bits(struct tsn_mask *m, const struct run *r)
{
	m->w[r->word] |= r->bits[0];
	if (r->bits[1] != 0)
		m->w[r->word + 1] |= r->bits[1];
}

static inline void
present(const struct run *r, enum tsn_field f)
{
	set_bits(&r->b->present[f], r);
}

static inline bool
wanted(const struct run *r, enum tsn_field f)
{
	return tsn_field_set_has(&r->b->wanted, f);
}

static struct tsn_addr_column *
addr_column(const struct run *r, enum tsn_field f)
{
	return &r->b->addr[tsn_fields[f].addr_slot];
}

static void
fill_generic(const struct run *r, size_t at)
{
	struct tsn_batch *b = r->b;
	uint16_t *restrict src_port = (uint16_t *)b->col[TSN_F_SRC_PORT] + b->n;
	uint16_t *restrict dst_port = (uint16_t *)b->col[TSN_F_DST_PORT] + b->n;
	uint16_t *restrict flags = (uint16_t *)b->col[TSN_F_FLAGS] + b->n;
	uint8_t *restrict proto = (uint8_t *)b->col[TSN_F_PROTO] + b->n;
	uint8_t *restrict tos = (uint8_t *)b->col[TSN_F_TOS] + b->n;
	const uint8_t *restrict p = r->p + at;
	const size_t n = r->n, stride = r->stride;
	uint8_t forwarding = 0;

	fill_64(b->col[TSN_F_START], r, at);
	fill_64(b->col[TSN_F_END], r, at + 8);
	fill_64(b->received, r, at + 16);
	fill_64(b->col[TSN_F_RAW_PACKETS], r, at + 24);
	fill_64(b->col[TSN_F_RAW_BYTES], r, at + 32);
	for (size_t i = 0; i < n; i++, p += stride) {
		src_port[i] = load16(p + 40);
		dst_port[i] = load16(p + 42);
		proto[i] = p[44];
		flags[i] = p[45];
		forwarding |= p[46];
		tos[i] = p[47];
	}
	for (uint32_t i = 0; forwarding != 0 && i < r->n; i++)
		if (r->p[at + i * r->stride + 46] != 0)
			tsn_batch_put_int(b, b->n + i, TSN_F_FWD_STATUS, r->p[at + i * r->stride + 46] >> 6);
}

static void
fill_v4(const struct run *r, enum tsn_field f, size_t at)
{
	uint32_t *restrict out = addr_column(r, f)->v4 + r->b->n;
	const uint8_t *restrict p = r->p + at;
	const size_t n = r->n, stride = r->stride;

	for (size_t i = 0; i < n; i++, p += stride)
		out[i] = load32(p);
	set_bits(&addr_column(r, f)->is_v4, r);
	present(r, f);
}

static void
fill_v6(const struct run *r, enum tsn_field f, size_t at)
{
	struct tsn_addr_column *a = addr_column(r, f);

	fill_64(a->hi, r, at);
	fill_64(a->lo, r, at + 8);
	memset(a->v4 + r->b->n, 0, r->n * sizeof(a->v4[0]));
	a->any_v6 = true;
	present(r, f);
}

static void
fill_misc(const struct run *r, size_t at)
{
	struct tsn_batch *b = r->b;
	uint8_t *restrict src_mask = (uint8_t *)b->col[TSN_F_SRC_MASK] + b->n;
	uint8_t *restrict dst_mask = (uint8_t *)b->col[TSN_F_DST_MASK] + b->n;
	uint8_t *restrict direction = (uint8_t *)b->col[TSN_F_DIRECTION] + b->n;
	const uint8_t *restrict p = r->p + at;
	const size_t n = r->n, stride = r->stride;
	uint8_t odd = 0;

	fill_32_32(b->col[TSN_F_IN_IF], b->col[TSN_F_OUT_IF], r, at);
	present(r, TSN_F_IN_IF);
	present(r, TSN_F_OUT_IF);
	if (!wanted(r, TSN_F_SRC_MASK) && !wanted(r, TSN_F_DST_MASK) && !wanted(r, TSN_F_DIRECTION))
		return;
	for (size_t i = 0; i < n; i++, p += stride) {
		src_mask[i] = p[8];
		dst_mask[i] = p[9];
		direction[i] = p[10];
		odd |= p[10];
	}
	present(r, TSN_F_SRC_MASK);
	present(r, TSN_F_DST_MASK);
	present(r, TSN_F_DIRECTION);
	for (uint32_t i = 0; odd > 1 && i < r->n; i++)
		if (direction[i] > 1)
			tsn_mask_unset(&b->present[TSN_F_DIRECTION], b->n + i);
}

static void
fill_link(const struct run *r, const uint16_t *el)
{
	struct tsn_batch *b = r->b;
	const bool vlans = el[TSN_EX_VLAN] != 0 && wanted(r, TSN_F_VLAN);
	const bool macs = el[TSN_EX_MAC] != 0 && (wanted(r, TSN_F_SRC_MAC) || wanted(r, TSN_F_DST_MAC));

	for (uint32_t i = 0; vlans && i < r->n; i++) {
		uint32_t vlan = load32(r->p + i * r->stride + el[TSN_EX_VLAN]);

		((uint16_t *)b->col[TSN_F_VLAN])[b->n + i] = (uint16_t)vlan;
		tsn_mask_put(&b->present[TSN_F_VLAN], b->n + i, vlan < 4096);
	}
	for (uint32_t i = 0; macs && i < r->n; i++) {
		const uint8_t *p = r->p + i * r->stride + el[TSN_EX_MAC];
		uint64_t src = load64(p), dst = load64(p + 16);

		((uint64_t *)b->col[TSN_F_SRC_MAC])[b->n + i] = src;
		((uint64_t *)b->col[TSN_F_DST_MAC])[b->n + i] = dst;
		tsn_mask_put(&b->present[TSN_F_SRC_MAC], b->n + i, src != 0 && src >> 48 == 0);
		tsn_mask_put(&b->present[TSN_F_DST_MAC], b->n + i, dst != 0 && dst >> 48 == 0);
	}
}

static void
fill_origin(const struct run *r, const struct tsn_nf_origin *o)
{
	struct tsn_addr_column *a = addr_column(r, TSN_F_EXPORTER);
	uint32_t *restrict source = r->b->source + r->b->n, *restrict id = (uint32_t *)r->b->col[TSN_F_SOURCE_ID] + r->b->n;
	uint32_t *restrict v4 = a->v4 + r->b->n;
	const uint32_t addr = o->addr.v4 ? (uint32_t)o->addr.lo : 0, from = o->source, number = o->id, n = r->n;

	for (uint32_t i = 0; i < n; i++) {
		source[i] = from;
		id[i] = number;
		v4[i] = addr;
	}
	if (o->has_id)
		present(r, TSN_F_SOURCE_ID);
	if (!o->has_addr)
		return;
	present(r, TSN_F_EXPORTER);
	if (o->addr.v4) {
		set_bits(&a->is_v4, r);
		return;
	}
	a->any_v6 = true;
	for (uint32_t i = 0; i < r->n; i++) {
		a->hi[r->b->n + i] = o->addr.hi;
		a->lo[r->b->n + i] = o->addr.lo;
	}
}

static void
fill(const struct run *r, const struct tsn_nf_shape *s, const struct tsn_nf_origin *o)
{
	static const uint8_t generic[] = { TSN_F_START, TSN_F_END, TSN_F_RAW_PACKETS, TSN_F_RAW_BYTES, TSN_F_SRC_PORT,
		TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_FLAGS, TSN_F_TOS };
	const uint16_t *el = s->el;
	struct tsn_batch *b = r->b;

	fill_generic(r, el[TSN_EX_GENERIC]);
	for (size_t i = 0; i < sizeof(generic); i++)
		present(r, generic[i]);
	if (el[TSN_EX_IPV4] != 0) {
		fill_v4(r, TSN_F_SRC, el[TSN_EX_IPV4]);
		fill_v4(r, TSN_F_DST, el[TSN_EX_IPV4] + 4u);
	} else {
		fill_v6(r, TSN_F_SRC, el[TSN_EX_IPV6]);
		fill_v6(r, TSN_F_DST, el[TSN_EX_IPV6] + 16u);
	}
	if (el[TSN_EX_HOP_V4] != 0 && wanted(r, TSN_F_NEXT_HOP))
		fill_v4(r, TSN_F_NEXT_HOP, el[TSN_EX_HOP_V4]);
	if (el[TSN_EX_HOP_V6] != 0 && wanted(r, TSN_F_NEXT_HOP))
		fill_v6(r, TSN_F_NEXT_HOP, el[TSN_EX_HOP_V6]);
	if (el[TSN_EX_MISC] != 0)
		fill_misc(r, el[TSN_EX_MISC]);
	if (el[TSN_EX_AS] != 0 && (wanted(r, TSN_F_SRC_AS) || wanted(r, TSN_F_DST_AS))) {
		fill_32_32(b->col[TSN_F_SRC_AS], b->col[TSN_F_DST_AS], r, el[TSN_EX_AS]);
		present(r, TSN_F_SRC_AS);
		present(r, TSN_F_DST_AS);
	}
	fill_link(r, el);
	fill_origin(r, o);
	for (uint32_t i = 0; i < r->n; i++)
		b->exported[b->n + i] = TSN_TIME_NONE;
}

bool
tsn_nf_run(struct tsn_nfcapd *d, const uint8_t *p, size_t size, size_t len, size_t *used)
{
	struct run r = { .p = p, .stride = size };
	const struct tsn_nf_shape *s = &d->shape;
	struct tsn_nf_origin o;
	size_t most = len / size;

	*used = 0;
	if (size < 12 || d->name != NULL)
		return true;
	if (s->size != size || !same_shape(s, p))
		learn_shape(d, p, size);
	if (!s->quick || !plain(s, p))
		return true;
	tsn_nf_origin_v2(d, p, s->el, &o);
	tsn_sink_clock(d->sink, (int64_t)load64(p + s->el[TSN_EX_GENERIC] + 16));
	r.b = d->sink->room(d->sink->arg);
	if (r.b == NULL)
		return false;
	most = most < RUN ? most : RUN;
	most = most < r.b->cap - r.b->n ? most : r.b->cap - r.b->n;
	measure(s, &r, (uint32_t)most);
	make_bits(&r);
	fill(&r, s, &o);
	r.b->n += r.n;
	o.x->counter[TSN_XC_FLOWS] += r.n;
	d->out->flows += r.n;
	*used = r.n * size;
	tsn_sink_clock(d->sink, (int64_t)r.latest);
	return true;
}
