/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: a decoder with a datagram to be filled, and questions to the rows it gave. */
#ifndef TESTS_SFLOW_BENCH_H
#define TESTS_SFLOW_BENCH_H

#include <criterion/criterion.h>

#include "unit/build_netflow.h"
#include "unit/build_sflow.h"

#define RECEIVED 1700000000123
#define EXPORTER 0xc0000201u
#define AGENT    0x0a0a0a0au

struct bench {
	struct tsn_exporters *x;
	struct tsn_decoder *d;
	struct tsn_exporter *e;
	struct keeper k;
	struct sf s;
};

static inline void
bench_init(struct bench *t)
{
	memset(t, 0, sizeof(*t));
	t->x = tsn_exporters_new(16);
	t->d = tsn_decoder_new(t->x, 16);
	keeper_init(&t->k, 1024);
	t->e = tsn_exporters_at(t->x, tsn_exporters_find(t->x, tsn_addr_v4(EXPORTER)));
	sf_begin(&t->s, AGENT, 3, 100, 5000);
}

static inline void
bench_fini(struct bench *t)
{
	sf_free(&t->s);
	keeper_fini(&t->k);
	tsn_decoder_free(t->d);
	tsn_exporters_free(t->x);
}

/* From a copy of the very size, so that ASan sees a step past the end. */
static inline enum tsn_decode
decode_cut(struct bench *t, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	enum tsn_decode how;

	memcpy(exact, t->s.b.p, n);
	how = tsn_decode_datagram(t->d, exact, n, tsn_addr_v4(EXPORTER), RECEIVED, &t->k.sink);
	free(exact);
	return how;
}

static inline enum tsn_decode
decode(struct bench *t)
{
	sf_end(&t->s);
	return decode_cut(t, t->s.b.n);
}

static inline void
want(const struct tsn_batch *b, uint32_t row, enum tsn_field f, int64_t v)
{
	struct tsn_value got;

	tsn_batch_get(b, row, f, &got);
	cr_assert(got.known && got.i == v, "row %u %s: %s%lld, not %lld", row, tsn_fields[f].name, got.known ? "" : "absent ",
	    (long long)got.i, (long long)v);
}

static inline void
want_absent(const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	cr_assert_not(tsn_mask_has(&b->present[f], row), "row %u: %s is there", row, tsn_fields[f].name);
}

static inline void
want_addr(const struct tsn_batch *b, uint32_t row, enum tsn_field f, const char *text)
{
	char got[TSN_ADDR_TEXT];

	cr_assert(tsn_mask_has(&b->present[f], row), "%s", tsn_fields[f].name);
	cr_assert_str_eq(tsn_addr_text(tsn_batch_addr(b, row, f), got), text, "%s", tsn_fields[f].name);
}

static inline void
want_text(const struct tsn_batch *b, uint32_t row, enum tsn_field f, const char *text)
{
	struct tsn_value got;

	tsn_batch_get(b, row, f, &got);
	cr_assert(got.known && got.s.n == strlen(text) && memcmp(got.s.p, text, got.s.n) == 0, "%s", tsn_fields[f].name);
}

static inline void
tcp4(struct bench *t)
{
	sf_ipv4(&t->s, 1500, 6, 0x01020304, 0x05060708, 1024, 443, 0x12, 0x28);
}

#endif
