/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Flajolet, Fusy, Gandouet, Meunier: HyperLogLog (2007), with the improved
 * estimator of Ertl: New cardinality estimation algorithms for HyperLogLog
 * sketches (2017), algorithm 6, which needs no tables and no switching
 * between ranges. With 64-bit hashes next to no register ever fills up (chance 2^-44 a
 * member), so its correction for large ranges (tau) is always 0 and left out.
 *
 * A register over n panes is a path. What it would be of the panes up to age a alone, F(a), never falls with a and
 * is at most 44; so n ones, that of age a at bit 47 + n - a - F(a), say all of it in the 44 + n bits from bit 4 on, read from the upper
 * end: a zero is a step up, a one the next pane. A member of rank r and age a raises F from a on to where it is r already:
 * those ones move to the r-th zero, and the zeros they pass go before them. When time goes on, the lowest one leaves, the others move
 * down and a one comes in at the top. The lowest one alone is 2^(48 - F(n - 1)), which is what the estimate sums.
 *
 * Most registers are not met in most panes, so each has in its four lower bits the pane that it is of, and moves on when it is met; all
 * of them when those bits would come round, or somebody wants a number. Until then the sum is of ranks that may have left: too low.
 *
 * A member meets a register at random, in a line of memory that nobody had lately. So members wait in a log, one behind the other, until
 * there are so many that all registers are fetched once for them. It does not matter to registers who comes first.
 */
#include "state/hll.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/wide.h"

#define REGISTERS TSN_HLL_REGISTERS
#define RANK_MAX TSN_HLL_RANK_MAX
#define ZERO 48      /* the bit of the lowest one when it is all zero */
#define STAMP 15u
#define BLOCK 64u    /* registers that move on together */
#define AHEAD 16u    /* members that wait: their registers are fetched */
#define TOP (UINT64_C(1) << 63)
#define ALPHA 0.72134752044448170368 /* 1 / (2 ln 2) */
#define SCALE 0x1p48                 /* 2^ZERO */

struct summary {
	uint64_t sum, zeros;
};

size_t
tsn_hll_size(uint32_t panes)
{
	return panes == 1 ? REGISTERS : sizeof(struct tsn_hll_paths);
}

/* The path of a register that met nothing. */
static inline uint64_t
fresh(uint32_t panes)
{
	return ((UINT64_C(1) << panes) - 1) << ZERO;
}

/* Of all zeros. */
static void
clear(struct tsn_hll *h)
{
	const uint64_t none = fresh(h->panes);

	h->sum = (uint64_t)REGISTERS << ZERO;
	h->zeros = REGISTERS;
	h->ahead = h->newest = h->behind = 0;
	h->waiting = 0;
	h->fresh = false;
	if (h->panes == 1)
		memset(h->rank, 0, REGISTERS);
	else
		for (uint32_t i = 0; i < REGISTERS; i++)
			h->paths->path[i] = none;
}

void
tsn_hll_init(struct tsn_hll *h, void *registers, uint32_t panes)
{
	h->paths = registers;
	h->panes = (uint8_t)panes;
	clear(h);
}

static inline uint64_t
lowest(uint64_t path)
{
	return path & -path;
}

/* What a register adds to the summary changes; 2^ZERO is that of one that is 0. */
static inline void
replace(struct tsn_hll *h, uint64_t was, uint64_t is)
{
	h->sum += is - was;
	h->zeros = (uint16_t)(h->zeros + (is >> ZERO) - (was >> ZERO));
	h->fresh = h->fresh && was == is;
}

/* How often these two go round is as good as random, so one instruction is better; CPUs below that level have it, too, but slowly. */
#if TSN_CPU_X86
#define DEPOSITS (tsn_cpu_level >= TSN_CPU_AVX512)
static inline uint64_t
deposit(uint64_t bits, uint64_t at)
{
	uint64_t out;

	__asm__("pdep %2, %1, %0" : "=r"(out) : "r"(bits), "r"(at));
	return out;
}
#else
#define DEPOSITS false
#define deposit(bits, at) ((bits) & (at))
#endif

/* Without the [n] lowest ones. */
static inline uint64_t
without(uint64_t path, uint32_t n)
{
	if (DEPOSITS)
		return path ^ deposit((UINT64_C(1) << n) - 1, path);
	for (; n > 0; n--)
		path &= path - 1;
	return path;
}

/* The [n]th zero from the upper end, of [all]. */
static inline uint64_t
upper_zero(uint64_t path, uint32_t n, uint32_t all)
{
	uint64_t zeros = ~path;

	if (DEPOSITS)
		return deposit(UINT64_C(1) << (all - n), zeros);
	for (; n > 1; n--)
		zeros ^= TOP >> __builtin_clzll(zeros);
	return TOP >> __builtin_clzll(zeros);
}

/* A path [by] panes on, without the ones that leave. */
static inline uint64_t
moved(uint64_t left, uint64_t by, uint64_t fresh)
{
	return left >> by | (fresh & ~(fresh >> by));
}

/* The path of a register as of now, without a stamp. */
static inline uint64_t
path_now(const struct tsn_hll *h, uint64_t path)
{
	const uint32_t by = (h->newest - (uint32_t)path) & STAMP;

	return moved(without(path & ~(uint64_t)STAMP, by), by, fresh(h->panes));
}

/* The lowest [n] ones. */
static inline uint64_t
lowest_ones(uint64_t path, uint32_t n, uint32_t panes)
{
	if (DEPOSITS)
		return deposit((UINT64_C(1) << n) - 1, path);
	for (; n < panes; n++)
		path ^= TOP >> __builtin_clzll(path);
	return path;
}

/* [path], of [panes] ones, begins at the uppermost bit here. No branch by whether it does rise. */
static inline uint64_t
path_raise(uint64_t path, uint32_t age, uint32_t rank, uint32_t panes)
{
	const uint64_t zero = upper_zero(path, rank, 64 - panes); /* to move to */
	const uint32_t at = (uint32_t)__builtin_clzll(zero), rise = at + 1 - rank - age;
	const uint64_t older = lowest_ones(path, panes - age, panes), passed = (zero << (rise & 63)) - zero;
	const uint64_t raised = (path ^ older) | passed | (path & (zero - 1));

	return (int32_t)rise > 0 ? raised : path;
}

static void
add_rank(struct tsn_hll *h, uint32_t index, uint32_t rank)
{
	if (h->rank[index] >= rank)
		return;
	replace(h, UINT64_C(1) << (ZERO - h->rank[index]), UINT64_C(1) << (ZERO - rank));
	h->rank[index] = (uint8_t)rank;
}

/* What a register of now becomes, both without a stamp. */
static inline uint64_t
path_with(uint64_t now, uint32_t rank, uint32_t age, uint32_t panes)
{
	const uint32_t unused = TSN_HLL_PANES_MAX - panes;

	return path_raise(now << unused, age, rank, panes) >> unused;
}

static inline void
add_to_path(struct tsn_hll *h, uint32_t index, uint32_t rank, uint32_t age)
{
	uint64_t *path = &h->paths->path[index];
	const uint64_t now = path_now(h, *path), is = path_with(now, rank, age, h->panes);

	replace(h, lowest(*path & ~(uint64_t)STAMP), lowest(is));
	*path = is | (h->newest & STAMP);
	h->ahead = is == now ? h->ahead : 0;
}

void
tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t age)
{
	if (h->panes == 1)
		add_rank(h, tsn_hll_index(member), tsn_hll_rank(member));
	else
		add_to_path(h, tsn_hll_index(member), tsn_hll_rank(member), age);
}

/* All registers move on, none of them by more than [most] panes. */
TSN_WIDE(static, struct summary, settle, (uint64_t *path, uint64_t newest, uint32_t most, uint64_t fresh), (path, newest, most, fresh))
{
	uint64_t sum = 0, zeros = 0, by[BLOCK], left[BLOCK];

	for (uint64_t *p = path; p < path + REGISTERS; p += BLOCK) {
		for (uint32_t i = 0; i < BLOCK; i++) {
			by[i] = (newest - p[i]) & STAMP;
			left[i] = p[i] & ~(uint64_t)STAMP;
		}
		for (uint32_t k = 0; k < most; k++)
			for (uint32_t i = 0; i < BLOCK; i++)
				left[i] &= left[i] - (k < by[i]);
		for (uint32_t i = 0; i < BLOCK; i++) {
			const uint64_t next = moved(left[i], by[i], fresh);

			sum += lowest(next);
			zeros += lowest(next) >> ZERO;
			p[i] = next | (newest & STAMP);
		}
	}
	return (struct summary){ sum, zeros };
}

static void
set_summary(struct tsn_hll *h, struct summary s)
{
	h->sum = s.sum;
	h->zeros = (uint16_t)s.zeros;
}

/* All registers have moved on. In between the summary is not in memory, where any register might be part of it. */
TSN_WIDE(static, void, add_waiting, (struct tsn_hll *h), (h))
{
	uint64_t *path = h->paths->path;
	const uint32_t *waiting = h->paths->waiting, panes = h->panes;
	const uint64_t stamp = h->newest & STAMP;
	struct summary s = { h->sum, h->zeros };

	for (uint32_t i = 0; i < h->waiting; i++) {
		const uint32_t w = waiting[i], age = (uint8_t)(h->newest - w);
		uint64_t was, is;

		__builtin_prefetch(&path[waiting[i + AHEAD < h->waiting ? i + AHEAD : i] >> 14], 1);
		if (age >= panes)
			continue;
		was = path[w >> 14] ^ stamp;
		is = path_with(was, w >> 8 & 63, age, panes);
		path[w >> 14] = is | stamp;
		s.sum += lowest(is) - lowest(was);
		s.zeros += (lowest(is) >> ZERO) - (lowest(was) >> ZERO);
	}
	set_summary(h, s);
	h->waiting = 0;
}

/* Registers that move on are read in order, so that those are there which members meet then. */
void
tsn_hll_catch_up(struct tsn_hll *h)
{
	if (h->behind > 0)
		set_summary(h, settle(h->paths->path, h->newest, h->behind, fresh(h->panes)));
	h->behind = 0;
	if (h->waiting > 0)
		add_waiting(h);
}

void
tsn_hll_advance(struct tsn_hll *h, uint32_t by)
{
	if (by >= h->panes) {
		clear(h);
		return;
	}
	if (h->behind + by >= h->panes)
		tsn_hll_catch_up(h);
	h->newest = (uint8_t)(h->newest + by);
	h->behind = (uint8_t)(h->behind + by);
	h->fresh = false;
	h->ahead = 0;
}

/* Ertl's sigma: x + sum of x^(2^k) 2^(k-1) over k >= 1; its loop ends because the terms vanish. */
static double
sigma(double x)
{
	double y = 1, z = x, before;

	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static int64_t
estimate(const struct summary *s)
{
	const double m = REGISTERS;
	const uint64_t above = s->sum - (s->zeros << ZERO); /* of the registers that are not 0 */

	if (s->zeros == REGISTERS)
		return 0;
	return (int64_t)llround(ALPHA * m * m / ((double)above / SCALE + m * sigma((double)s->zeros / m)));
}

/* As it were [ahead] panes later: as many of the lowest ones do not count. */
static int64_t
estimate_ahead(const struct tsn_hll *h, uint32_t ahead)
{
	struct summary s = { 0 };

	for (uint32_t i = 0; i < REGISTERS; i++) {
		uint64_t path = h->paths->path[i] & ~(uint64_t)STAMP;

		for (uint32_t k = 0; k < ahead; k++)
			path &= path - 1;
		s.sum += lowest(path >> ahead);
		s.zeros += lowest(path >> ahead) >> ZERO;
	}
	return estimate(&s);
}

int64_t
tsn_hll_estimate(struct tsn_hll *h, uint32_t ahead)
{
	if (ahead >= h->panes)
		return 0;
	if (ahead > 0 && h->ahead != ahead) {
		tsn_hll_catch_up(h);
		h->paths->ahead_value = estimate_ahead(h, ahead);
		h->ahead = (uint8_t)ahead;
	}
	if (ahead > 0)
		return h->paths->ahead_value;
	if (!h->fresh) {
		tsn_hll_catch_up(h);
		h->value = estimate(&(struct summary){ h->sum, h->zeros });
	}
	h->fresh = true;
	return h->value;
}

/* sigma(x) is at least x, so the estimate is at most what it would be of the sum alone; and that sum may only be too low. */
uint64_t
tsn_hll_low(int64_t least)
{
	const double m = REGISTERS, sum = ALPHA * m * m * SCALE / ((double)least * 0.99 - 1);

	return sum <= 0 || sum >= 0x1p62 ? UINT64_C(1) << 62 : (uint64_t)sum + 1;
}

/* --- as bytes --- */

void
tsn_hll_save(struct tsn_hll *h, struct tsn_pack *out)
{
	if (h->panes == 1) {
		tsn_pack_raw(out, h->rank, REGISTERS);
		return;
	}
	tsn_hll_catch_up(h);
	for (uint32_t i = 0; i < REGISTERS; i++) {
		const uint64_t path = htole64(h->paths->path[i] & ~(uint64_t)STAMP);

		tsn_pack_raw(out, &path, sizeof(path));
	}
}

/* Ranks were once up to 48. */
static uint64_t
held(uint64_t path)
{
	uint64_t out = 0, least = UINT64_C(1) << (ZERO - RANK_MAX);

	for (; path != 0; path &= path - 1, least <<= 1)
		out |= lowest(path) > least ? lowest(path) : least;
	return out;
}

static bool
load_register(struct tsn_hll *h, uint32_t i, const uint8_t *p)
{
	uint64_t path;

	if (h->panes == 1) {
		if (p[i] > ZERO)
			return false;
		h->rank[i] = p[i] < RANK_MAX ? p[i] : RANK_MAX;
		replace(h, UINT64_C(1) << ZERO, UINT64_C(1) << (ZERO - h->rank[i]));
		return true;
	}
	memcpy(&path, p + i * sizeof(path), sizeof(path));
	path = le64toh(path);
	if (__builtin_popcountll(path) != h->panes || path >> (ZERO - 1 + h->panes) > 1)
		return false;
	h->paths->path[i] = (path & STAMP) == 0 ? path : held(path);
	replace(h, UINT64_C(1) << ZERO, lowest(h->paths->path[i]));
	return true;
}

bool
tsn_hll_load(struct tsn_hll *h, struct tsn_unpack *in)
{
	const uint8_t *p = tsn_unpack_raw(in, REGISTERS * (h->panes == 1 ? sizeof(uint8_t) : sizeof(uint64_t)));

	for (uint32_t i = 0; p != NULL && i < REGISTERS; i++)
		if (!load_register(h, i, p))
			return false;
	return p != NULL;
}
