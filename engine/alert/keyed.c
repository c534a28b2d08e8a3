/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keys of the rows that match. */
#include "alert/stage.h"

#include <endian.h>
#include <string.h>

#include "base/hash.h"

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

void
tsn_alert_take_key(struct tsn_alerts *a, const struct tsn_rule *r, struct tsn_alert_keyed *k, uint32_t row, size_t *used)
{
	const uint32_t *v4 = addrs(&r->key, a->batch, row);
	uint8_t *bytes = a->keys + *used;

	k->row = row;
	if (v4 != NULL) {
		take_addr(&r->key, k, v4[row]);
		return;
	}
	k->key = bytes;
	k->len = (uint32_t)tsn_key_encode_loose(&r->key, a->batch, row, bytes);
	k->hash = tsn_hash_bytes(bytes, k->len, 0);
	*used += k->len;
}
