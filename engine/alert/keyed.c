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

/* Its key lies at [at], if it is no short one. Returns the bytes it has there. */
static size_t
take_any(struct tsn_alerts *a, const struct tsn_key_spec *spec, struct tsn_alert_keyed *k, uint32_t row, uint8_t *at)
{
	const uint32_t *v4 = addrs(spec, a->batch, row);

	if (v4 != NULL) {
		take_addr(spec, k, v4[row]);
		return 0;
	}
	k->key = at;
	k->len = (uint32_t)tsn_key_encode_loose(spec, a->batch, row, at);
	k->hash = tsn_hash_bytes(k->key, k->len, 0);
	return k->len;
}

/* Have the rows all parts of the key, and its addresses of IPv4? */
static bool
are_whole(const struct tsn_key_spec *spec, const struct tsn_batch *b, const uint16_t *row, uint32_t n)
{
	struct tsn_mask whole;
	bool all = true;

	tsn_key_present(spec, b, &whole);
	tsn_key_keep_v4(spec, b, &whole);
	for (uint32_t i = 0; i < n; i++)
		all &= tsn_mask_has(&whole, row[i]);
	return all;
}

/* Keys of one length, column by column, as the state makes its own. False: they are not, and nothing was taken. */
static bool
take_words(struct tsn_alerts *a, const struct tsn_key_spec *spec, struct tsn_alert_keyed *k, const uint16_t *row, uint32_t n)
{
	uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], hash[TSN_ALERT_BLOCK];
	const size_t len = are_whole(spec, a->batch, row, n) ? tsn_key_words(spec, a->batch, row, n, words) : 0;
	uint8_t *at = a->keys;

	_Static_assert(sizeof(words) / TSN_BATCH_ROWS * TSN_ALERT_BLOCK <= sizeof(a->keys), "a block of keys");
	if (len == 0)
		return false;
	tsn_key_hash_words(words, len, 0, n, hash);
	for (uint32_t i = 0; i < n; i++) {
		k[i].key = at;
		k[i].len = (uint32_t)len;
		k[i].hash = hash[i];
		for (size_t w = 0; w * sizeof(uint64_t) < len; w++, at += sizeof(uint64_t)) {
			const uint64_t bytes = htole64(words[w][i]);

			memcpy(at, &bytes, sizeof(bytes));
		}
	}
	return true;
}

uint32_t
tsn_alert_take_keys(struct tsn_alerts *a, const struct tsn_rule *r, struct tsn_alert_keyed *k, const uint16_t *row, uint32_t n)
{
	size_t used = 0;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++)
		k[i].row = row[i];
	if (n >= MANY && !tsn_key_is_addr(&r->key) && take_words(a, &r->key, k, row, n))
		return n;
	for (; taken < n && used + TSN_KEY_MAX <= sizeof(a->keys); taken++)
		used += take_any(a, &r->key, &k[taken], row[taken], a->keys + used);
	return taken;
}
