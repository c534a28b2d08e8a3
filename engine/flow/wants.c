/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which columns of a batch are filled at all. A rule reads a few of them, and what nobody reads costs as much to fill as what
 * somebody does.
 */
#include "flow/batch.h"

/* Read whatever is asked for: by normalise.c, where they decide what other fields mean or what is known of the exporter, and by dedup.c. */
static const uint8_t always[] = { TSN_F_SRC, TSN_F_DST, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_FLAGS,
	TSN_F_PACKETS, TSN_F_BYTES, TSN_F_RAW_PACKETS, TSN_F_RAW_BYTES, TSN_F_START, TSN_F_END, TSN_F_IN_IF, TSN_F_OUT_IF,
	TSN_F_ICMP_TYPE, TSN_F_ICMP_CODE, TSN_F_SAMPLING };

void
tsn_batch_needs(struct tsn_field_set *s)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		tsn_field_set_add(s, (enum tsn_field)always[i]);
	if (tsn_field_set_has(s, TSN_F_DSCP)) /* what other derived fields are made of is among the above */
		tsn_field_set_add(s, TSN_F_TOS);
	if (tsn_field_set_has(s, TSN_F_BPS) || tsn_field_set_has(s, TSN_F_PPS))
		tsn_field_set_add(s, TSN_F_DURATION);
}

/* What is made of what, in an order in which one pass finds all. */
static const struct {
	uint8_t made, of[2];
} making[] = {
	{ TSN_F_DSCP, { TSN_F_TOS, TSN_F_TOS } },
	{ TSN_F_BYTES_PER_PACKET, { TSN_F_BYTES, TSN_F_PACKETS } },
	{ TSN_F_BPS, { TSN_F_BYTES, TSN_F_DURATION } },
	{ TSN_F_PPS, { TSN_F_PACKETS, TSN_F_DURATION } },
	{ TSN_F_DURATION, { TSN_F_START, TSN_F_END } },
	{ TSN_F_PACKETS, { TSN_F_RAW_PACKETS, TSN_F_SAMPLING } },
	{ TSN_F_BYTES, { TSN_F_RAW_BYTES, TSN_F_SAMPLING } },
	{ TSN_F_RAW_PACKETS, { TSN_F_PACKETS, TSN_F_PACKETS } }, /* mostly one column */
	{ TSN_F_RAW_BYTES, { TSN_F_BYTES, TSN_F_BYTES } },
	{ TSN_F_ICMP_TYPE, { TSN_F_SRC_PORT, TSN_F_DST_PORT } },
	{ TSN_F_ICMP_CODE, { TSN_F_SRC_PORT, TSN_F_DST_PORT } },
};

void
tsn_batch_reads(struct tsn_field_set *s)
{
	for (size_t i = 0; i < sizeof(making) / sizeof(making[0]); i++) {
		if (!tsn_field_set_has(s, (enum tsn_field)making[i].made))
			continue;
		tsn_field_set_add(s, (enum tsn_field)making[i].of[0]);
		tsn_field_set_add(s, (enum tsn_field)making[i].of[1]);
	}
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#endif

#ifdef WATCHED
#include <sanitizer/asan_interface.h>

void
tsn_batch_seal(struct tsn_batch *b)
{
	const bool late = b->n > 0 && b->late.rows == b->n;

	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		const bool read = tsn_field_set_has(&b->read, (enum tsn_field)f) && tsn_field_set_has(&b->wanted, (enum tsn_field)f);

		if (read && (!late || tsn_field_set_has(&b->early, (enum tsn_field)f)))
			continue;
		if (!read)
			b->present[f] = b->rows;
		if (b->col[f] != NULL) /* of a share there is no such column */
			ASAN_POISON_MEMORY_REGION(b->col[f], TSN_BATCH_ROWS); /* as long as any column is */
		if (!read && tsn_fields[f].addr_slot >= 0)
			b->addr[tsn_fields[f].addr_slot].is_v4 = b->rows;
	}
	b->sealed = true;
}

void
tsn_batch_unseal(struct tsn_batch *b)
{
	if (b->sealed)
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			if (b->col[f] != NULL)
				ASAN_UNPOISON_MEMORY_REGION(b->col[f], TSN_BATCH_ROWS);
	b->sealed = false;
}

void
tsn_batch_spoil(struct tsn_batch *b)
{
	memset(b->received, 0x3a, b->used * sizeof(b->received[0]));
	memset(b->exported, 0x3b, b->used * sizeof(b->exported[0]));
	memset(b->source, 0x3c, b->used * sizeof(b->source[0]));
}

#else

void
tsn_batch_seal(struct tsn_batch *b)
{
	(void)b;
}

void
tsn_batch_unseal(struct tsn_batch *b)
{
	(void)b;
}

void
tsn_batch_spoil(struct tsn_batch *b)
{
	(void)b;
}
#endif
