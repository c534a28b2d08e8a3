/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/numbers.h"

#include "base/wide.h"

#define TWO_63 9223372036854775808.0

int
tsn_number_cmp(int64_t i, double f)
{
	int64_t whole;

	if (f >= TWO_63)
		return -1;
	if (!(f >= -TWO_63))
		return 1;
	whole = (int64_t)f; /* exact but for the fraction, which is cut towards zero */
	if (i != whole)
		return i < whole ? -1 : 1;
	return (double)whole < f ? -1 : (double)whole > f;
}

/* Bits from bytes, for results that are rare enough not to need a kernel of their own. */
static void
known_where(struct tsn_vector *d, const struct tsn_mask *may, const uint8_t *ok)
{
	struct tsn_mask m;

	tsn_mask_pack(&m, ok);
	tsn_mask_and(&d->known, may, &m);
}

static void
both_known(struct tsn_mask *out, const struct tsn_vector *a, const struct tsn_vector *b)
{
	tsn_mask_and(out, &a->known, &b->known);
}

/* x - x is 0 for every finite x and NaN for the others. */
#define FINITE(x) ((x) - (x) == 0)

#define REALS(expression) \
	do { \
		for (uint32_t j = 0; j < n; j++) { \
			double r = (expression); \
			d->f[j] = r; \
			ok[j] = FINITE(r); \
		} \
	} while (0)

TSN_WIDE(, void, tsn_number_add,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask both;

	both_known(&both, a, b);
	if (d->real) {
		REALS(a->f[j] + b->f[j]);
	} else {
		/* overflow: both signs differ from the result's; this form is what compilers vectorise */
		for (uint32_t j = 0; j < n; j++) {
			uint64_t x = (uint64_t)a->i[j], y = (uint64_t)b->i[j], r = x + y;

			d->i[j] = (int64_t)r;
			ok[j] = (int64_t)((x ^ r) & (y ^ r)) >= 0;
		}
	}
	known_where(d, &both, ok);
}

TSN_WIDE(, void, tsn_number_sub,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask both;

	both_known(&both, a, b);
	if (d->real) {
		REALS(a->f[j] - b->f[j]);
	} else {
		for (uint32_t j = 0; j < n; j++) {
			uint64_t x = (uint64_t)a->i[j], y = (uint64_t)b->i[j], r = x - y;

			d->i[j] = (int64_t)r;
			ok[j] = (int64_t)((x ^ y) & (x ^ r)) >= 0;
		}
	}
	known_where(d, &both, ok);
}

TSN_WIDE(, void, tsn_number_mul,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask both;

	both_known(&both, a, b);
	if (d->real) {
		REALS(a->f[j] * b->f[j]);
	} else {
		for (uint32_t j = 0; j < n; j++) {
			int64_t r;

			ok[j] = !__builtin_mul_overflow(a->i[j], b->i[j], &r);
			d->i[j] = r;
		}
	}
	known_where(d, &both, ok);
}

TSN_WIDE(, void, tsn_number_neg, (struct tsn_vector *d, const struct tsn_vector *a, uint32_t n), (d, a, n))
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask may = a->known;

	if (d->real) {
		REALS(-a->f[j]);
	} else {
		for (uint32_t j = 0; j < n; j++) {
			uint64_t x = (uint64_t)a->i[j];

			ok[j] = a->i[j] != INT64_MIN;
			d->i[j] = (int64_t)(0 - x);
		}
	}
	known_where(d, &may, ok);
}

TSN_WIDE(, void, tsn_number_div,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask both;

	both_known(&both, a, b);
	for (uint32_t j = 0; j < n; j++) {
		double y = b->f[j], r = a->f[j] / (y == 0 ? 1 : y);

		d->f[j] = r;
		ok[j] = (y != 0) & FINITE(r);
	}
	known_where(d, &both, ok);
}

void
tsn_number_mod(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n)
{
	uint8_t ok[TSN_BATCH_ROWS] = { 0 };
	struct tsn_mask both;

	both_known(&both, a, b);
	for (uint32_t j = 0; j < n; j++) {
		int64_t y = b->i[j];

		ok[j] = y != 0;
		/* INT64_MIN % -1 traps on x86; anything % -1 is 0 */
		d->i[j] = y == 0 || y == -1 ? 0 : a->i[j] % y;
	}
	known_where(d, &both, ok);
}

TSN_WIDE(, void, tsn_number_band,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	for (uint32_t j = 0; j < n; j++)
		d->i[j] = a->i[j] & b->i[j];
	both_known(&d->known, a, b);
}

TSN_WIDE(, void, tsn_number_bor,
    (struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n), (d, a, b, n))
{
	for (uint32_t j = 0; j < n; j++)
		d->i[j] = a->i[j] | b->i[j];
	both_known(&d->known, a, b);
}

TSN_WIDE(, void, tsn_number_to_real, (struct tsn_vector *d, const struct tsn_vector *a, uint32_t n), (d, a, n))
{
	for (uint32_t j = 0; j < n; j++)
		d->f[j] = (double)a->i[j];
	d->known = a->known;
}

/* v * window / duration, rounded down; the quotient is no larger than v, for duration > window. */
static int64_t
share(int64_t v, int64_t window, int64_t duration)
{
	__int128 product = (__int128)v * window, q = product / duration;

	return (int64_t)(product % duration < 0 ? q - 1 : q);
}

void
tsn_number_share(struct tsn_vector *d, const struct tsn_vector *a, const int64_t *duration,
    const struct tsn_mask *known, int64_t window, uint32_t n)
{
	if (d != a)
		memcpy(d->i, a->i, n * sizeof(d->i[0])); /* of the same size as d->f */
	d->known = a->known;
	TSN_EACH_ROW(row, known) {
		if (row < n && duration[row] > window) {
			if (d->real)
				d->f[row] = d->f[row] * ((double)window / (double)duration[row]);
			else
				d->i[row] = share(d->i[row], window, duration[row]);
		}
	}
}
