/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How many rows meet a test, guessed from what traffic usually is: decides the order of tests and which of them rules are
 * found by, never what is true. Wrong guesses cost time only.
 */
#include "base/clock.h"
#include "compile/emit.h"

#define ALL 1000000u

/* Shares of usual flows, in millionths. */
static const struct {
	uint16_t field;
	int64_t value;
	uint32_t share;
} usual[] = {
	{ TSN_F_PROTO, 6, 700000 }, { TSN_F_PROTO, 17, 280000 }, { TSN_F_PROTO, 1, 30000 },
	{ TSN_F_DST_PORT, 443, 250000 }, { TSN_F_DST_PORT, 80, 150000 }, { TSN_F_DST_PORT, 53, 120000 },
	{ TSN_F_DST_PORT, 22, 10000 }, { TSN_F_DST_PORT, 25, 10000 }, { TSN_F_DST_PORT, 123, 10000 },
	{ TSN_F_SRC_PORT, 443, 250000 }, { TSN_F_SRC_PORT, 80, 150000 }, { TSN_F_SRC_PORT, 53, 120000 },
};

static uint32_t
share_of_value(uint32_t field, int64_t value)
{
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (usual[i].field == field && usual[i].value == value)
			return usual[i].share;
	if (field == TSN_F_DST_PORT || field == TSN_F_SRC_PORT)
		return 500;
	switch (tsn_fields[field].storage) {
	case TSN_U8:
		return 20000;
	case TSN_U16:
		return 10000;
	case TSN_U32:
		return 15000;
	default:
		return 1000;
	}
}

/* A third of all at no bits, half as much for every three bits. */
uint32_t
tsn_emit_share_of_prefix(const struct tsn_prefix *p)
{
	unsigned bits = p->addr.v4 ? p->len : p->len / 3;

	return (ALL / 3 >> bits / 3) + 1;
}

/* What is counted of flows has no usual size, but large ones are few: four times as much, and half as many have it. The usual least. */
static const struct {
	uint16_t field;
	int64_t least;
} counted[] = {
	{ TSN_F_PACKETS, 1 }, { TSN_F_RAW_PACKETS, 1 }, { TSN_F_BYTES, 64 }, { TSN_F_RAW_BYTES, 64 }, { TSN_F_DURATION, TSN_SECOND },
};

/* Evenly between the powers of four, so that ranges inside of one are told apart, too. */
static uint32_t
share_above_times(uint64_t least)
{
	const unsigned log4 = (63 - (unsigned)__builtin_clzll(least)) / 2;
	const uint64_t from = UINT64_C(1) << 2 * log4, some = (ALL - ALL / 10) >> log4;

	return (uint32_t)(some - some / 2 * ((least - from) * 1024 / (3 * from)) / 1024);
}

/* Of rows above [value]. */
static uint32_t
share_above(uint32_t field, int64_t value)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (counted[i].field == field)
			return value < 0 ? ALL : share_above_times((uint64_t)(value / counted[i].least) + 1);
	return ALL / 2;
}

/* Flows of one kind are alike: between a number and twice as much lie an eighth of all in some network, wherever that is. */
static uint32_t
share_of_counted(uint32_t field, int64_t lo, int64_t hi)
{
	const uint64_t values = (uint64_t)hi - (uint64_t)lo, s = share_above(field, lo) - share_above(field, hi) + share_of_value(field, lo);
	const uint64_t alike = lo <= 0 || values >= (uint64_t)lo ? ALL / 8 : (uint64_t)((double)values / (double)lo * (ALL / 8));

	return (uint32_t)(alike > s ? alike : s);
}

/* Ports and the like: what is usual among them, and the others evenly. */
uint32_t
tsn_emit_share_of_range(uint32_t field, int64_t lo, int64_t hi)
{
	uint64_t s = 0, values = (uint64_t)hi - (uint64_t)lo;

	if (lo == hi)
		return share_of_value(field, lo);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (counted[i].field == field)
			return share_of_counted(field, lo, hi);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (usual[i].field == field && usual[i].value >= lo && usual[i].value <= hi)
			s += usual[i].share;
	s += (values < ALL ? values : ALL) * share_of_value(field, lo) / 25;
	return s < ALL ? (uint32_t)s : ALL;
}

static uint32_t
share_of_threshold(const struct tsn_ir *x, bool want)
{
	const bool above = (x->rel == TSN_REL_GT || x->rel == TSN_REL_GE) == want;
	uint32_t s;

	if (x->kid[0]->kind != TSN_IR_FIELD || x->kid[1]->kind != TSN_IR_INT)
		return ALL / 2;
	s = share_above(x->kid[0]->field, x->kid[1]->i);
	return above ? s : ALL - s;
}

static uint32_t
share_of_compare(const struct tsn_ir *x, bool want)
{
	const struct tsn_ir *a = x->kid[0], *b = x->kid[1];
	struct tsn_prefix whole = { b->addr, b->addr.v4 ? 32 : 128 };
	uint32_t s;

	if (x->rel != TSN_REL_EQ && x->rel != TSN_REL_NE)
		return share_of_threshold(x, want);
	if (a->kind == TSN_IR_FIELD && b->kind == TSN_IR_INT)
		s = share_of_value(a->field, b->i);
	else if (b->kind == TSN_IR_ADDR)
		s = tsn_emit_share_of_prefix(&whole);
	else
		s = ALL / 20;
	return (x->rel == TSN_REL_EQ) == want ? s : ALL - s;
}

/* What costs more to ask than a look at a column is asked later, whatever its share. */
static uint32_t
dear(const struct tsn_ir *x)
{
	switch (x->kind) {
	case TSN_IR_MATCH:
		return 4 * ALL;
	case TSN_IR_COMPARE:
		if (x->kid[0]->kind == TSN_IR_FIELD && (x->kid[1]->nkids == 0))
			return tsn_fields[x->kid[0]->field].storage == TSN_STR ? ALL : 0;
		return 2 * ALL;
	case TSN_IR_IN:
		return ALL / 2;
	default:
		return 0;
	}
}

static uint32_t
share(const struct tsn_ir *x, bool want)
{
	uint32_t s = ALL / 2;

	switch (x->kind) {
	case TSN_IR_TRUE:
		return want ? ALL : 0;
	case TSN_IR_FALSE:
		return want ? 0 : ALL;
	case TSN_IR_COMPARE:
		return share_of_compare(x, want);
	case TSN_IR_IN_PREFIX:
		s = tsn_emit_share_of_prefix(&x->prefix);
		break;
	case TSN_IR_IN:
		s = ALL / 10;
		break;
	case TSN_IR_FLAGS_HAS:
		s = ALL / 3;
		break;
	case TSN_IR_HAS:
	case TSN_IR_GIVES:
		s = ALL - ALL / 10;
		break;
	default:
		break;
	}
	return want ? s : ALL - s;
}

uint32_t
tsn_emit_share(const struct tsn_ir *x, bool want)
{
	bool all = x->kind == (want ? TSN_IR_AND : TSN_IR_OR);
	uint32_t s = all ? 4 * ALL : 0;

	if (x->kind == TSN_IR_NOT)
		return tsn_emit_share(x->kid[0], !want);
	if (tsn_ir_is_leaf(x))
		return share(x, want) + dear(x);
	for (uint32_t i = 0; i < x->nkids; i++) {
		uint32_t one = tsn_emit_share(x->kid[i], want);

		if (all)
			s = one < s ? one : s;
		else
			s = s + one < 4 * ALL ? s + one : 4 * ALL;
	}
	return s;
}
