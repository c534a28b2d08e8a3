/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For suites of state/: a row of a batch as numbers, its keys as text, and the dice that all of them are made with. */
#ifndef TESTS_STATE_ROWS_H
#define TESTS_STATE_ROWS_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "state/state.h"

#define M_AGGS 5
#define M_ROWS 700
#define M_TEXT 160

struct m_row {
	bool has_src, has_dst, has_port, has_exporter, has_name, has_start, has_end;
	struct tsn_addr src, dst, exporter;
	int64_t port, time, received, start, end;
	char name[16];
	bool counted, read;
	uint32_t source;
	struct {
		bool known;
		int64_t i;
		double f;
	} arg[M_AGGS];
};

/* One generator for all suites, so that a case is its seed. */
struct rng {
	uint64_t s;
};

static inline uint64_t
rnd(struct rng *r)
{
	r->s += UINT64_C(0x9e3779b97f4a7c15);
	return tsn_mix64(r->s);
}

static inline uint64_t
below(struct rng *r, uint64_t n)
{
	return rnd(r) % n;
}

static inline bool
chance(struct rng *r, unsigned percent)
{
	return below(r, 100) < percent;
}

/* The first [bits] of an address, bit by bit. */
static inline void
m_addr_text(struct tsn_addr a, const struct tsn_key_part *p, char *out)
{
	const unsigned keep = a.v4 ? p->v4_bits : p->v6_bits, all = a.v4 ? 32 : 128;
	size_t n = 0;

	out[n++] = a.v4 ? '4' : '6';
	out[n++] = ':';
	for (unsigned i = 0; i < all; i += 4) {
		unsigned digit = 0;

		for (unsigned k = i; k < i + 4 && k < keep; k++) {
			unsigned at = all - 1 - k;

			digit |= (unsigned)((at >= 64 ? a.hi >> (at - 64) : a.lo >> at) & 1) << (3 - (k - i));
		}
		out[n++] = "0123456789abcdef"[digit]; /* written for every row a model looks at: no sprintf */
	}
	out[n] = '\0';
}

/* The parts as text; false if one is absent. */
static inline bool
m_text(const struct tsn_key_spec *spec, const struct m_row *r, char *out)
{
	*out = '\0';
	for (unsigned i = 0; i < spec->n; i++) {
		const struct tsn_key_part *p = &spec->part[i];
		char *end = out + strlen(out);

		switch (p->field) {
		case TSN_F_SRC:
			if (!r->has_src)
				return false;
			m_addr_text(r->src, p, end);
			break;
		case TSN_F_DST:
			if (!r->has_dst)
				return false;
			m_addr_text(r->dst, p, end);
			break;
		case TSN_F_EXPORTER:
			if (!r->has_exporter)
				return false;
			m_addr_text(r->exporter, p, end);
			break;
		case TSN_F_DST_PORT:
			if (!r->has_port)
				return false;
			sprintf(end, "%" PRId64, r->port);
			break;
		default:
			if (!r->has_name)
				return false;
			sprintf(end, "%s", r->name);
			break;
		}
		strcat(out, "|");
	}
	return true;
}

/* The parts as text, with a mark for what is absent. */
static inline void
m_text_loose(const struct tsn_key_spec *spec, const struct m_row *r, char *out)
{
	char part[M_TEXT];

	*out = '\0';
	for (unsigned i = 0; i < spec->n; i++) {
		const struct tsn_key_spec one = { 1, { spec->part[i] } };

		strcat(out, m_text(&one, r, part) ? part : "-|");
	}
}

static inline void
m_put_row(const struct m_row *r, struct tsn_batch *b, uint32_t row)
{
	if (r->has_src)
		tsn_batch_put_addr(b, row, TSN_F_SRC, r->src);
	if (r->has_dst)
		tsn_batch_put_addr(b, row, TSN_F_DST, r->dst);
	if (r->has_exporter)
		tsn_batch_put_addr(b, row, TSN_F_EXPORTER, r->exporter);
	if (r->has_port)
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, r->port);
	if (r->has_name)
		tsn_batch_put_str(b, row, TSN_F_DNS_NAME, (struct tsn_str){ r->name, (uint32_t)strlen(r->name) });
	if (r->has_start)
		tsn_batch_put_int(b, row, TSN_F_START, r->start);
	if (r->has_end)
		tsn_batch_put_int(b, row, TSN_F_END, r->end);
	b->time[row] = r->time;
	b->received[row] = r->received;
	b->source[row] = r->source;
	b->n = row + 1;
	tsn_mask_first(&b->rows, b->n);
}

#endif
