/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keys of the rows that match. */
#include "alert/stage.h"

#include <endian.h>
#include <string.h>

#include "base/hash.h"

#define MANY 4u /* rows that are worth the way column by column */

/* The addresses of a rule keyed by one, where that of the row is of IPv4; else NULL. */
static const uint32_t *
addrs(const struct tsn_key_spec *spec, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_addr_column *c;

	if (!tsn_key_is_addr(spec))
		return NULL;
	c = &b->addr[tsn_fields[spec->part[0].field].addr_slot];
	return tsn_mask_has(&c->is_v4, row) ? c->v4 : NULL;
}

static void
take_addr(const struct tsn_key_spec *spec, struct tsn_alert_keyed *k, uint32_t v4)
{
	const uint64_t word = tsn_key_v4_word(&spec->part[0], v4), bytes = htole64(word);

	memcpy(k->own, &bytes, sizeof(bytes));
	k->key = k->own;
	k->len = TSN_KEY_V4;
	k->hash = tsn_hash_short(word, TSN_KEY_V4, 0);
}

/* [used]: bytes of a->keys that others have; there is room for one more. */
static void
take_any(struct tsn_alerts *a, const struct tsn_key_spec *spec, struct tsn_alert_keyed *k, uint32_t row, size_t *used)
{
	const uint32_t *v4 = addrs(spec, a->batch, row);
	uint8_t *bytes = a->keys + *used;

	if (v4 != NULL) {
		take_addr(spec, k, v4[row]);
		return;
	}
	k->key = bytes;
	k->len = (uint32_t)tsn_key_encode_loose(spec, a->batch, row, bytes);
	k->hash = tsn_hash_bytes(bytes, k->len, 0);
	*used += k->len;
}

/* Have the rows all parts of the key, and its addresses of IPv4? */
static bool
are_whole(const struct tsn_key_spec *spec, const struct tsn_batch *b, const uint16_t *row, uint32_t n)
{
	bool all = true;

	for (unsigned p = 0; p < spec->n; p++) {
		const enum tsn_field f = spec->part[p].field;
		const struct tsn_mask *has = &b->present[f];
		const struct tsn_mask *v4 = tsn_fields[f].storage == TSN_ADDR ? &b->addr[tsn_fields[f].addr_slot].is_v4 : has;

		for (uint32_t i = 0; i < n; i++)
			all &= tsn_mask_has(has, row[i]) && tsn_mask_has(v4, row[i]);
	}
	return all;
}

_Static_assert(TSN_ALERT_BLOCK * TSN_KEY_WORDS * sizeof(uint64_t) <= TSN_ALERT_KEY_BYTES, "room for keys of words");

/* Keys of one length, column by column, as the state makes its own. False: they are not, and nothing was taken. */
static bool
take_words(struct tsn_alerts *a, const struct tsn_key_spec *spec, struct tsn_alert_keyed *k, const uint16_t *row, uint32_t n)
{
	uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS];
	const size_t len = are_whole(spec, a->batch, row, n) ? tsn_key_words(spec, a->batch, row, n, words) : 0;

	for (uint32_t i = 0; i < n && len > 0; i++) {
		uint8_t *at = a->keys + i * TSN_KEY_WORDS * sizeof(uint64_t);

		k[i].key = at;
		k[i].len = (uint32_t)len;
		k[i].hash = tsn_hash_u64(len, 0);
		for (size_t w = 0; w * sizeof(uint64_t) < len; w++) {
			const uint64_t bytes = htole64(words[w][i]);

			memcpy(at + w * sizeof(bytes), &bytes, sizeof(bytes));
			k[i].hash = tsn_hash_join(k[i].hash, words[w][i]);
		}
	}
	return len > 0;
}

uint32_t
tsn_alert_take_keys(struct tsn_alerts *a, const struct tsn_rule *r, struct tsn_alert_keyed *k, const uint16_t *row, uint32_t n)
{
	const bool words = n >= MANY && !tsn_key_is_addr(&r->key) && take_words(a, &r->key, k, row, n);
	size_t used = 0;
	uint32_t i = 0;

	for (; i < n && used + TSN_KEY_MAX <= TSN_ALERT_KEY_BYTES; i++) {
		k[i].row = row[i];
		if (!words)
			take_any(a, &r->key, &k[i], row[i], &used);
	}
	return i;
}
