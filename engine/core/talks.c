/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/talks.h"

#define LEAST_ENTRIES 1024u

_Static_assert(TSN_REQ_FLAGS == 1 << TSN_GIVES_FLAGS && TSN_REQ_INTERFACES == 1 << TSN_GIVES_INTERFACES &&
    TSN_REQ_UNSAMPLED == 1 << TSN_GIVES_UNSAMPLED && TSN_REQ_BOTH_DIRECTIONS == 1 << TSN_GIVES_BOTH_DIRECTIONS,
    "what rules ask for has the bits of what exporters give");

uint32_t
tsn_talks_entries(const struct tsn_site *site)
{
	uint64_t fit = site->memory / TSN_PAIR_SHARE / TSN_PAIR_PLACE_BYTES;
	uint32_t n = TSN_PAIR_ENTRIES;

	while (site->memory > 0 && n > fit && n > LEAST_ENTRIES)
		n /= 2;
	return n;
}

/* A column of the pool means something only together with its program's table. */
static bool
same_pool(const struct tsn_program *a, const struct tsn_program *b)
{
	if (a->nwanted != b->nwanted)
		return false;
	for (uint32_t i = 0; i < a->nwanted; i++)
		if (a->wanted[i].pen != b->wanted[i].pen || a->wanted[i].id != b->wanted[i].id || a->wanted[i].field != b->wanted[i].field)
			return false;
	return true;
}

void
tsn_talks_carry(struct tsn_pair *pair, const struct tsn_program *p, const struct tsn_program *old)
{
	/* what every alert says, whatever its rule reads */
	static const enum tsn_field always[] = { TSN_F_EXPORTER, TSN_F_IN_IF, TSN_F_OUT_IF, TSN_F_IN_IF_NAME, TSN_F_OUT_IF_NAME,
		TSN_F_SAMPLING, TSN_F_ICMP_TYPE, TSN_F_ICMP_CODE };
	struct tsn_field_set fields = p->of_talks;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		tsn_field_set_add(&fields, always[i]);
	tsn_pair_carry(pair, &fields, old == NULL || !same_pool(p, old));
}

/* S46, and S15: what rules about conversations need is not there where one direction or a part of the packets is missing. */
static uint32_t
needs_of(const struct tsn_rule *r)
{
	if (r->disabled)
		return 0;
	return r->requires_bits | (r->door == TSN_DOOR_TALK ? TSN_REQ_UNSAMPLED | TSN_REQ_BOTH_DIRECTIONS : 0);
}

uint32_t
tsn_rule_lacks(const struct tsn_rule *r, const struct tsn_exporter *x)
{
	uint32_t interval = x->sampling_override > 0 ? x->sampling_override : x->sampling;
	uint32_t has = 0;

	has |= x->flags_seen ? TSN_REQ_FLAGS : 0;
	has |= x->interfaces_seen ? TSN_REQ_INTERFACES : 0;
	has |= interval <= 1 ? TSN_REQ_UNSAMPLED : 0;
	has |= x->both_seen ? TSN_REQ_BOTH_DIRECTIONS : 0;
	return needs_of(r) & ~has;
}

/* The bits of both enumerations are the same. */
_Static_assert(TSN_REQ_FLAGS == 1 << TSN_GIVES_FLAGS && TSN_REQ_INTERFACES == 1 << TSN_GIVES_INTERFACES &&
    TSN_REQ_UNSAMPLED == 1 << TSN_GIVES_UNSAMPLED && TSN_REQ_BOTH_DIRECTIONS == 1 << TSN_GIVES_BOTH_DIRECTIONS, "in one order");

uint64_t
tsn_rule_left_out(const struct tsn_rule *r, const struct tsn_exporter *x)
{
	return tsn_exporter_without(x, r->door == TSN_DOOR_TALK, needs_of(r));
}
