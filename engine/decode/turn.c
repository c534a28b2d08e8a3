/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records many at a time: which numbers that are wanted lie together within 16 bytes, so that one turn (fill_wide.c) brings
 * them to their columns.
 */
#include "decode/plan.h"

#define SPAN  16u
#define WORDS 4u

/* How a number of [len] bytes is stored that fits whatever it is; NONE: such are done one by one. */
static enum tsn_turn_store
store_of(enum tsn_storage column, uint32_t len)
{
	static const uint8_t size[] = { [TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8 };
	static const uint8_t store[] = {
		[TSN_U8] = TSN_TURN_8, [TSN_U16] = TSN_TURN_16, [TSN_U32] = TSN_TURN_32, [TSN_U64] = TSN_TURN_64
	};

	if (column > TSN_U64 || len == 0 || len > size[column] || (len > 4 && len != 8))
		return TSN_TURN_NONE;
	return len == 8 ? TSN_TURN_PAIR : (enum tsn_turn_store)store[column];
}

static enum tsn_turn_store
turns(const struct tsn_op *op, uint16_t version)
{
	if (op->again)
		return TSN_TURN_NONE;
	switch (op->code) {
	case TSN_MAP_UINT: return store_of((enum tsn_storage)tsn_field_storage[op->field], op->len);
	case TSN_MAP_IPV4: return op->len == 4 ? TSN_TURN_32 : TSN_TURN_NONE;
	case TSN_MAP_FLAGS: return op->len <= 2 ? TSN_TURN_FLAGS : TSN_TURN_NONE;
	case TSN_MAP_UPTIME: return op->len == 4 && version != 10 ? TSN_TURN_UPTIME : TSN_TURN_NONE;
	case TSN_MAP_MILLIS: return op->len == 8 ? TSN_TURN_MILLIS : TSN_TURN_NONE;
	default: return TSN_TURN_NONE;
	}
}

/* Puts [op] at [word] of the turn. */
static void
place(struct tsn_turn *t, uint32_t word, const struct tsn_op *op, enum tsn_turn_store store)
{
	uint32_t last = op->offset - t->from + op->len - 1u;

	t->word[word] = (struct tsn_turn_word){ op->field, (uint8_t)store };
	for (uint32_t i = 0; i < op->len; i++)
		t->order[4 * word + i] = (uint8_t)(last - i);
}

static void
begin(struct tsn_turn *t, uint32_t offset, uint32_t size)
{
	*t = (struct tsn_turn){ .from = offset < size - SPAN ? offset : size - SPAN };
	memset(t->order, 0x80, sizeof(t->order));
}

uint32_t
tsn_turns_make(struct tsn_op *op, uint32_t n, uint32_t size, uint16_t version, struct tsn_turn *t)
{
	uint32_t used = WORDS, made = 0;

	for (uint32_t i = 0; i < n; i++) {
		enum tsn_turn_store store = size >= SPAN ? turns(&op[i], version) : TSN_TURN_NONE;
		uint32_t wants = store >= TSN_TURN_PAIR ? 2 : 1;

		op[i].turned = store != TSN_TURN_NONE;
		if (!op[i].turned)
			continue;
		used += wants == 2 ? used % 2 : 0;
		if (used + wants > WORDS || op[i].offset + op[i].len > t[made - 1].from + SPAN) {
			begin(&t[made++], op[i].offset, size);
			used = 0;
		}
		place(&t[made - 1], used, &op[i], store);
		used += wants;
	}
	return made;
}

#define PLACE(mask) ((uint16_t)(offsetof(struct tsn_batch, mask) / sizeof(uint64_t)))

void
tsn_told_add(struct tsn_told *t, enum tsn_field f, bool v4)
{
	t->at[t->n++] = PLACE(present[f]);
	if (v4)
		t->at[t->n++] = PLACE(addr[tsn_fields[f].addr_slot].is_v4);
}

void
tsn_told_put(const struct tsn_told *t, struct tsn_batch *b, uint32_t n)
{
	for (uint32_t word = b->n / 64, bit = b->n % 64; n > 0; word++, bit = 0) {
		uint32_t take = n < 64 - bit ? n : 64 - bit;
		uint64_t bits = (take == 64 ? UINT64_MAX : (UINT64_C(1) << take) - 1) << bit;
		uint64_t *masks = (uint64_t *)b + word;

		for (uint32_t i = 0; i < t->n; i++)
			masks[t->at[i]] |= bits;
		n -= take;
	}
}
