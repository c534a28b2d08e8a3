/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Numbers and texts as bytes: what goes in comes out, and anything may be read. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "unit/mutate.h"

enum kind { UINT, INT, BOOL, REAL, ADDR, RAW, BYTES, PART, KINDS };

struct item {
	enum kind kind;
	uint64_t v;
	size_t n;         /* bytes; items in a part */
	uint8_t bytes[40];
};

static struct item items[400];

static uint64_t
sized(uint64_t *s)
{
	const unsigned bits = (unsigned)(mutate_random(s) % 65);

	return bits == 0 ? 0 : mutate_random(s) >> (64 - bits);
}

static double
real_of(uint64_t v)
{
	double d;

	memcpy(&d, &v, sizeof(d));
	return isfinite(d) ? d : (double)v;
}

static struct tsn_addr
addr_of(const struct item *i)
{
	return i->n % 2 == 0 ? tsn_addr_v4((uint32_t)i->v) : (struct tsn_addr){ i->v, ~i->v, false };
}

static void
write_item(struct tsn_pack *k, const struct item *i)
{
	switch (i->kind) {
	case UINT:  tsn_pack_uint(k, i->v); break;
	case INT:   tsn_pack_int(k, (int64_t)i->v); break;
	case BOOL:  tsn_pack_bool(k, i->v & 1); break;
	case REAL:  tsn_pack_real(k, real_of(i->v)); break;
	case ADDR:  tsn_pack_addr(k, addr_of(i)); break;
	case RAW:   tsn_pack_raw(k, i->bytes, i->n); break;
	default:    tsn_pack_bytes(k, i->bytes, i->n); break;
	}
}

static void
check_item(struct tsn_unpack *u, const struct item *i)
{
	const uint8_t *p;
	double d;
	size_t n;

	switch (i->kind) {
	case UINT:  cr_assert_eq(tsn_unpack_uint(u), i->v); break;
	case INT:   cr_assert_eq(tsn_unpack_int(u), (int64_t)i->v); break;
	case BOOL:  cr_assert_eq(tsn_unpack_bool(u), (i->v & 1) != 0); break;
	case REAL:
		d = tsn_unpack_real(u);
		cr_assert(d == real_of(i->v));
		break;
	case ADDR: cr_assert_eq(tsn_addr_cmp(tsn_unpack_addr(u), addr_of(i)), 0); break;
	case RAW:
		p = tsn_unpack_raw(u, i->n);
		cr_assert(p != NULL && memcmp(p, i->bytes, i->n) == 0);
		break;
	default:
		p = tsn_unpack_bytes(u, &n);
		cr_assert(p != NULL && n == i->n && memcmp(p, i->bytes, n) == 0);
		break;
	}
}

static uint32_t
make_items(uint64_t seed)
{
	uint64_t s = seed;
	uint32_t n = 1 + (uint32_t)(mutate_random(&s) % 400);

	for (uint32_t i = 0; i < n; i++) {
		items[i] = (struct item){ .kind = mutate_random(&s) % KINDS, .v = sized(&s), .n = mutate_random(&s) % 40 };
		for (size_t j = 0; j < items[i].n; j++)
			items[i].bytes[j] = (uint8_t)mutate_random(&s);
		if (items[i].kind == PART)
			items[i].n = mutate_random(&s) % (n - i); /* of the items behind it */
	}
	return n;
}

static void
write_items(struct tsn_pack *k, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t at, in = items[i].n;

		if (items[i].kind != PART) {
			write_item(k, &items[i]);
			continue;
		}
		at = tsn_pack_open(k);
		for (; in > 0 && i + 1 < n && items[i + 1].kind != PART; in--)
			write_item(k, &items[++i]);
		tsn_pack_close(k, at);
	}
}

static void
check_items(struct tsn_unpack *u, uint32_t n, bool skip)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tsn_unpack part;
		size_t in = items[i].n;

		if (items[i].kind != PART) {
			check_item(u, &items[i]);
			continue;
		}
		part = tsn_unpack_part(u);
		for (; in > 0 && i + 1 < n && items[i + 1].kind != PART; in--) {
			i++;
			if (!skip)
				check_item(&part, &items[i]);
		}
		cr_assert(skip || tsn_unpack_done(&part));
	}
	cr_assert(tsn_unpack_done(u));
}

Test(pack, what_goes_in_comes_out)
{
	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct tsn_pack k = { 0 };
		struct tsn_unpack u;
		uint32_t n = make_items(seed);

		write_items(&k, n);
		cr_assert(!k.failed);
		for (int skip = 0; skip < 2; skip++) {
			u = (struct tsn_unpack){ k.p, k.p + k.n, false };
			check_items(&u, n, skip == 1);
			cr_assert_eq(tsn_unpack_uint(&u), 0);
			cr_assert(u.bad, "there is nothing behind the end");
		}
		tsn_pack_fini(&k);
	}
}

Test(pack, edges)
{
	static const uint64_t edge[] = { 0, 1, 127, 128, 16383, 16384, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX };
	static const uint8_t too_long[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
	static const uint8_t wide_v4[] = { 1, 1, 0 };
	static const uint8_t infinite[] = { 0, 0, 0, 0, 0, 0, 0xf0, 0x7f };
	struct tsn_unpack u = { too_long, too_long + sizeof(too_long), false };

	cr_assert(tsn_unpack_uint(&u) == 0 && u.bad);
	u = (struct tsn_unpack){ infinite, infinite + sizeof(infinite), false };
	cr_assert(tsn_unpack_real(&u) == 0 && u.bad);
	u = (struct tsn_unpack){ wide_v4, wide_v4 + sizeof(wide_v4), false };
	cr_assert(tsn_unpack_addr(&u).hi == 0 && u.bad);
	for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
		struct tsn_pack k = { 0 };

		tsn_pack_uint(&k, edge[i]);
		tsn_pack_int(&k, (int64_t)edge[i]);
		tsn_pack_uint(&k, edge[i]);
		u = (struct tsn_unpack){ k.p, k.p + k.n, false };
		cr_assert_eq(tsn_unpack_uint(&u), edge[i]);
		cr_assert_eq(tsn_unpack_int(&u), (int64_t)edge[i]);
		cr_assert(tsn_unpack_below(&u, edge[i]) == edge[i] && tsn_unpack_done(&u));
		if (edge[i] > 0) {
			u = (struct tsn_unpack){ k.p, k.p + k.n, false };
			cr_assert(tsn_unpack_below(&u, edge[i] - 1) == 0 && u.bad);
		}
		tsn_pack_fini(&k);
	}
}

/* An IPv4 address is one that some tsn_addr_v4 makes. */
static bool
is_sound(struct tsn_addr a)
{
	return !a.v4 || (a.hi == 0 && a.lo <= UINT32_MAX);
}

Test(pack, any_bytes)
{
	uint64_t s = 5;

	for (long i = 0; i < mutate_times(100000); i++) {
		struct tsn_pack k = { 0 };
		uint32_t n = make_items(1 + (uint64_t)i % 50);
		struct tsn_unpack u, part;
		uint8_t *exact;
		size_t len;

		write_items(&k, n);
		len = mutate_once(k.p, k.n, k.cap, &s);
		exact = malloc(len + 1);
		memcpy(exact, k.p, len);
		u = (struct tsn_unpack){ exact, exact + len, false };
		for (uint32_t j = 0; j < n; j++) {
			switch (items[j].kind) {
			case UINT:  tsn_unpack_uint(&u); break;
			case INT:   tsn_unpack_int(&u); break;
			case BOOL:  tsn_unpack_bool(&u); break;
			case REAL:  cr_assert(isfinite(tsn_unpack_real(&u))); break;
			case ADDR:  cr_assert(is_sound(tsn_unpack_addr(&u))); break;
			case RAW:   tsn_unpack_raw(&u, items[j].n); break;
			case BYTES: tsn_unpack_bytes(&u, &len); break;
			default:
				part = tsn_unpack_part(&u);
				cr_assert(part.bad || (part.p >= exact && part.end <= u.end));
				break;
			}
			cr_assert(u.p <= u.end);
		}
		free(exact);
		tsn_pack_fini(&k);
	}
}

Test(pack, without_memory)
{
	struct tsn_pack k = { 0 };

	tsn_mem_fail_at(1, true);
	for (int i = 0; i < 5000; i++)
		tsn_pack_uint(&k, UINT64_MAX);
	tsn_pack_close(&k, tsn_pack_open(&k));
	tsn_mem_fail_never();
	cr_assert(k.failed && k.n <= k.cap);
	tsn_pack_fini(&k);
	cr_assert(!k.failed && k.p == NULL);
}
