/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is done with the words of turns, for fill_wide.c, which includes this once for each width: NAME(x) and
 * TARGET of its functions, ENTRY of those called from plain code, VECTOR of 32-bit numbers, AT_ONCE of them.
 */

/* Word [k], and the next one where both are one number, to where it goes if it is [wanted]. True: a time is odd. */
TARGET bool
NAME(put_word)(const struct tsn_batch *b, const struct tsn_turn *t, int k, const struct NAME(words) *w, uint32_t at,
    const struct tsn_turn_records *r, bool wanted)
{
	void *column = b->col[t->word[k].field];
	const VECTOR v = w->v[k];

	if (!wanted && t->word[k].store != TSN_TURN_UPTIME && t->word[k].store != TSN_TURN_UPTIME_END)
		return false;
	switch (t->word[k].store) {
	case TSN_TURN_8: NAME(put_8)((uint8_t *)column + at, v); break;
	case TSN_TURN_16: NAME(put_16)((uint16_t *)column + at, v); break;
	case TSN_TURN_FLAGS: NAME(put_16)((uint16_t *)column + at, NAME(and)(v, 0xfff)); break;
	case TSN_TURN_32: NAME(put_32)((uint32_t *)column + at, v); break;
	case TSN_TURN_64: NAME(put_64)((uint64_t *)column + at, v); break;
	case TSN_TURN_UPTIME:
		if (wanted)
			NAME(put_uptime)((int64_t *)column + at, v, r->uptime, r->exported);
		return NAME(is_ahead)(v, r->uptime);
	case TSN_TURN_UPTIME_END:
		if (wanted)
			NAME(put_uptime)((int64_t *)column + at, v, r->uptime, r->exported);
		NAME(put_event)(b->time + at, v, r->uptime, r->received);
		return NAME(is_ahead)(v, r->uptime) | NAME(is_later)(w->v[(k - 1) & 3], v, r->uptime);
	case TSN_TURN_PAIR: NAME(put_pair)((uint64_t *)column + at, v, w->v[k | 1]); break;
	case TSN_TURN_MILLIS: return NAME(put_millis)((uint64_t *)column + at, v, w->v[k | 1]);
	default: break;
	}
	return false;
}

/* Records [from, to). What is left over at the end is done with those before it, a second time. [fields]: NULL is all of them. */
TARGET bool
NAME(one_turn)(const struct tsn_batch *b, const struct tsn_turn *t, const struct tsn_turn_records *r, uint32_t from, uint32_t to,
    const struct tsn_field_set *fields)
{
	const __m128i order = _mm_loadu_si128((const __m128i *)t->order);
	bool odd = false, wanted[4];

#pragma GCC unroll 4
	for (int k = 0; k < 4; k++)
		wanted[k] = fields == NULL || tsn_field_set_has(fields, (enum tsn_field)t->word[k].field);
	for (uint32_t done = from; done < to; done += AT_ONCE) {
		uint32_t i = done + AT_ONCE <= to ? done : to - AT_ONCE;
		const struct NAME(words) w = NAME(turn)(r->p + i * r->stride, r->stride, t->from, order);

#pragma GCC unroll 4
		for (int k = 0; k < 4; k++)
			odd |= NAME(put_word)(b, t, k, &w, b->n + i, r, wanted[k]);
	}
	return odd;
}

ENTRY bool
NAME(turns)(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const struct tsn_turn_records *r, uint32_t from, uint32_t to)
{
	bool odd = false;

	for (uint32_t i = 0; i < turns; i++)
		odd |= NAME(one_turn)(b, &t[i], r, from, to, NULL);
	return odd;
}

/* Those of v5 and v7, known when this is compiled: nothing is left of the choices but what is wanted. */
ENTRY bool
NAME(fixed)(const struct tsn_batch *b, const struct tsn_turn_records *r, uint32_t from, uint32_t to, const struct tsn_field_set *fields)
{
	const struct tsn_field_set wanted = *fields;
	bool odd = false;

#pragma GCC unroll 6
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (is_wanted(&wanted, &fixed[i]))
			odd |= NAME(one_turn)(b, &fixed[i], r, from, to, &wanted);
	return odd;
}
