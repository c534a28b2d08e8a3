/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of a template, many at a time: which numbers lie together within 16 bytes, so that one turn (fill_wide.c) brings
 * them to their columns. What a number needs besides, run.c does in the column.
 */
#include "base/mem.h"
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
	case TSN_MAP_FLAGS: return op->len <= 2 ? TSN_TURN_16 : TSN_TURN_NONE;
	case TSN_MAP_UPTIME: return op->len == 4 && version == 9 ? TSN_TURN_64 : TSN_TURN_NONE;
	case TSN_MAP_MILLIS: return op->len == 8 ? TSN_TURN_PAIR : TSN_TURN_NONE;
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

/* Ops stand in the order of their fields. */
void
tsn_turns_make(struct tsn_way *w, uint32_t size, uint16_t version)
{
	struct tsn_turn *t;
	uint32_t used = WORDS;

	if (size < SPAN || w->n == 0 || (t = tsn_reallocarray(NULL, w->n, sizeof(*t))) == NULL)
		return;
	w->turn = t;
	for (uint32_t i = 0; i < w->n; i++) {
		struct tsn_op *op = &w->op[i];
		enum tsn_turn_store store = turns(op, version);
		uint32_t wants = store == TSN_TURN_PAIR ? 2 : 1;

		if (store == TSN_TURN_NONE)
			continue;
		used += wants == 2 ? used % 2 : 0;
		if (used + wants > WORDS || op->offset + op->len > t[w->turns - 1].from + SPAN) {
			begin(&t[w->turns++], op->offset, size);
			used = 0;
		}
		place(&t[w->turns - 1], used, op, store);
		op->turned = true;
		used += wants;
	}
}
