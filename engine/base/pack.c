/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/pack.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define VARINT_MAX 10
#define PART_BYTES 8 /* of the length before a part */

/* --- writing --- */

void
tsn_pack_fini(struct tsn_pack *k)
{
	tsn_free(k->p);
	*k = (struct tsn_pack){ 0 };
}

static bool
room(struct tsn_pack *k, size_t more)
{
	size_t cap = k->cap < 4096 ? 4096 : k->cap;
	uint8_t *p;

	if (k->failed)
		return false;
	if (more <= k->cap - k->n)
		return true;
	while (cap - k->n < more)
		cap *= 2;
	p = tsn_realloc(k->p, cap);
	if (p == NULL) {
		k->failed = true;
		return false;
	}
	k->p = p;
	k->cap = cap;
	return true;
}

void
tsn_pack_uint(struct tsn_pack *k, uint64_t v)
{
	if (!room(k, VARINT_MAX))
		return;
	for (; v >= 0x80; v >>= 7)
		k->p[k->n++] = (uint8_t)(v | 0x80);
	k->p[k->n++] = (uint8_t)v;
}

void
tsn_pack_int(struct tsn_pack *k, int64_t v)
{
	tsn_pack_uint(k, (uint64_t)v << 1 ^ -(uint64_t)(v < 0));
}

void
tsn_pack_bool(struct tsn_pack *k, bool v)
{
	tsn_pack_uint(k, v);
}

void
tsn_pack_real(struct tsn_pack *k, double v)
{
	tsn_pack_raw(k, &v, sizeof(v));
}

void
tsn_pack_addr(struct tsn_pack *k, struct tsn_addr a)
{
	tsn_pack_bool(k, a.v4);
	tsn_pack_uint(k, a.hi);
	tsn_pack_uint(k, a.lo);
}

void
tsn_pack_raw(struct tsn_pack *k, const void *p, size_t n)
{
	if (n == 0 || !room(k, n))
		return;
	memcpy(k->p + k->n, p, n);
	k->n += n;
}

void
tsn_pack_bytes(struct tsn_pack *k, const void *p, size_t n)
{
	tsn_pack_uint(k, n);
	tsn_pack_raw(k, p, n);
}

void
tsn_pack_str(struct tsn_pack *k, const char *s)
{
	tsn_pack_bytes(k, s, strlen(s));
}

size_t
tsn_pack_open(struct tsn_pack *k)
{
	static const uint8_t none[PART_BYTES];
	size_t at = k->n;

	tsn_pack_raw(k, none, sizeof(none));
	return at;
}

void
tsn_pack_close(struct tsn_pack *k, size_t at)
{
	uint64_t n;

	if (k->failed)
		return;
	n = k->n - at - PART_BYTES;
	memcpy(k->p + at, &n, sizeof(n));
}

/* --- reading --- */

static void
spoil(struct tsn_unpack *u)
{
	u->bad = true;
	u->p = u->end;
}

uint64_t
tsn_unpack_uint(struct tsn_unpack *u)
{
	uint64_t v = 0;

	for (unsigned shift = 0; u->p < u->end; shift += 7) {
		const uint8_t byte = *u->p++;

		/* the tenth byte has one bit left */
		if (shift > 63 || (shift == 63 && byte > 1))
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	spoil(u);
	return 0;
}

uint64_t
tsn_unpack_below(struct tsn_unpack *u, uint64_t most)
{
	uint64_t v = tsn_unpack_uint(u);

	if (v <= most)
		return v;
	spoil(u);
	return 0;
}

int64_t
tsn_unpack_int(struct tsn_unpack *u)
{
	uint64_t v = tsn_unpack_uint(u);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

bool
tsn_unpack_bool(struct tsn_unpack *u)
{
	return tsn_unpack_below(u, 1) == 1;
}

double
tsn_unpack_real(struct tsn_unpack *u)
{
	const uint8_t *p = tsn_unpack_raw(u, sizeof(double));
	double v = 0;

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	if (isfinite(v))
		return v;
	spoil(u);
	return 0;
}

struct tsn_addr
tsn_unpack_addr(struct tsn_unpack *u)
{
	struct tsn_addr a;

	a.v4 = tsn_unpack_bool(u);
	a.hi = tsn_unpack_below(u, a.v4 ? 0 : UINT64_MAX);
	a.lo = tsn_unpack_below(u, a.v4 ? UINT32_MAX : UINT64_MAX);
	return a;
}

const uint8_t *
tsn_unpack_raw(struct tsn_unpack *u, size_t n)
{
	const uint8_t *p = u->p;

	if (u->bad || n > (size_t)(u->end - u->p)) {
		spoil(u);
		return NULL;
	}
	u->p += n;
	return p;
}

const uint8_t *
tsn_unpack_bytes(struct tsn_unpack *u, size_t *n)
{
	uint64_t len = tsn_unpack_uint(u);
	const uint8_t *p = len > SIZE_MAX ? NULL : tsn_unpack_raw(u, (size_t)len);

	if (p == NULL)
		spoil(u);
	*n = p == NULL ? 0 : (size_t)len;
	return p;
}

struct tsn_unpack
tsn_unpack_part(struct tsn_unpack *u)
{
	const uint8_t *p = tsn_unpack_raw(u, PART_BYTES);
	struct tsn_unpack part = { NULL, NULL, true };
	uint64_t n;

	if (p == NULL)
		return part;
	memcpy(&n, p, sizeof(n));
	if (n > (uint64_t)(u->end - u->p)) {
		spoil(u);
		return part;
	}
	part = (struct tsn_unpack){ u->p, u->p + n, false };
	u->p += n;
	return part;
}

bool
tsn_unpack_done(const struct tsn_unpack *u)
{
	return !u->bad && u->p == u->end;
}
