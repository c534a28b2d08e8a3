/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which word of a record goes to which column, for fill_wide.c, which includes this once for each width: NAME(x) and
 * TARGET of its functions, VECTOR of 32-bit numbers, AT_ONCE of them.
 */

/* bytes 0..15: src, dst, next hop, in and out */
TARGET void
NAME(network)(const struct tsn_batch *b, uint32_t at, const uint8_t *p, size_t stride)
{
	struct NAME(words) w = NAME(turn)(p, stride, 0, SWAP);

	NAME(put_32)(b, TSN_F_SRC, at, w.a);
	NAME(put_32)(b, TSN_F_DST, at, w.b);
	NAME(put_32)(b, TSN_F_NEXT_HOP, at, w.c);
	NAME(put_32)(b, TSN_F_IN_IF, at, NAME(bits)(w.d, 16, 16));
	NAME(put_32)(b, TSN_F_OUT_IF, at, NAME(bits)(w.d, 0, 16));
}

/* bytes 16..31: packets, bytes, first, last. True: a record's times are unusual. */
TARGET bool
NAME(counters)(const struct tsn_batch *b, uint32_t at, const struct tsn_fixed_header *h, const uint8_t *p, size_t stride)
{
	struct NAME(words) w = NAME(turn)(p, stride, 16, SWAP);
	VECTOR first = NAME(age)(h->uptime, w.c), last = NAME(age)(h->uptime, w.d);

	NAME(put_64)(b, TSN_F_RAW_PACKETS, at, w.a);
	NAME(put_64)(b, TSN_F_RAW_BYTES, at, w.b);
	NAME(put_time)(b, TSN_F_START, at, h->exported, first);
	NAME(put_time)(b, TSN_F_END, at, h->exported, last);
	return NAME(unusual)(first, last);
}

/* bytes 32..47: ports; -, flags, proto, tos; AS numbers; masks */
TARGET void
NAME(transport)(const struct tsn_batch *b, uint32_t at, const uint8_t *p, size_t stride)
{
	struct NAME(words) w = NAME(turn)(p, stride, 32, SWAP);

	NAME(put_16)(b, TSN_F_SRC_PORT, at, NAME(bits)(w.a, 16, 16));
	NAME(put_16)(b, TSN_F_DST_PORT, at, NAME(bits)(w.a, 0, 16));
	NAME(put_16)(b, TSN_F_FLAGS, at, NAME(bits)(w.b, 16, 8));
	NAME(put_8)(b, TSN_F_PROTO, at, NAME(bits)(w.b, 8, 8));
	NAME(put_8)(b, TSN_F_TOS, at, NAME(bits)(w.b, 0, 8));
	NAME(put_32)(b, TSN_F_SRC_AS, at, NAME(bits)(w.c, 16, 16));
	NAME(put_32)(b, TSN_F_DST_AS, at, NAME(bits)(w.c, 0, 16));
	NAME(put_8)(b, TSN_F_SRC_MASK, at, NAME(bits)(w.d, 24, 8));
	NAME(put_8)(b, TSN_F_DST_MASK, at, NAME(bits)(w.d, 16, 8));
}

/* [n] is AT_ONCE or more. What is left over at the end is done with those before it, a second time. */
TARGET bool
NAME(fill)(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n, size_t stride)
{
	bool odd = false;

	for (uint32_t done = 0; done < n; done += AT_ONCE) {
		uint32_t i = done + AT_ONCE <= n ? done : n - AT_ONCE;
		const uint8_t *at = p + i * stride;

		NAME(network)(b, b->n + i, at, stride);
		odd |= NAME(counters)(b, b->n + i, h, at, stride);
		NAME(transport)(b, b->n + i, at, stride);
	}
	return odd;
}

/* A word, and the next one where both are one number, to where it goes. */
TARGET void
NAME(put_word)(const struct tsn_batch *b, const struct tsn_turn_word *to, uint32_t at, VECTOR v, VECTOR next)
{
	switch (to->store) {
	case TSN_TURN_8: NAME(put_8)(b, to->field, at, v); break;
	case TSN_TURN_16: NAME(put_16)(b, to->field, at, v); break;
	case TSN_TURN_32: NAME(put_32)(b, to->field, at, v); break;
	case TSN_TURN_64: NAME(put_64)(b, to->field, at, v); break;
	case TSN_TURN_PAIR: NAME(put_pair)(b, to->field, at, v, next); break;
	default: break;
	}
}

TARGET void
NAME(one_turn)(const struct tsn_batch *b, const struct tsn_turn *t, const uint8_t *p, uint32_t n, size_t stride)
{
	const __m128i order = _mm_loadu_si128((const __m128i *)t->order);

	for (uint32_t done = 0; done < n; done += AT_ONCE) {
		uint32_t i = done + AT_ONCE <= n ? done : n - AT_ONCE;
		struct NAME(words) w = NAME(turn)(p + i * stride, stride, t->from, order);

		NAME(put_word)(b, &t->word[0], b->n + i, w.a, w.b);
		NAME(put_word)(b, &t->word[1], b->n + i, w.b, w.b);
		NAME(put_word)(b, &t->word[2], b->n + i, w.c, w.d);
		NAME(put_word)(b, &t->word[3], b->n + i, w.d, w.d);
	}
}
