/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Names that exporters told by options and nfcapd keeps as records. Each is an array: 4 elements  6 size of an element,
 * then a few words on its parts (for applications the lengths of id, name and description), then the elements. They do
 * not say which exporter told them: where a file has several, interfaces and routing instances are not named.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "decode/nfcapd_parts.h"

#define SLOTS 8192u /* a power of two; at most half of them are taken */
#define LONG  255u  /* bytes of a name */

static uint64_t
key_of(unsigned kind, const void *id, size_t n)
{
	uint64_t key = tsn_hash_bytes(id, n, kind);

	return key != 0 ? key : 1;
}

static struct tsn_nf_name *
slot_of(struct tsn_nfcapd *d, uint64_t key)
{
	size_t i = key & (SLOTS - 1);

	while (d->name[i].key != 0 && d->name[i].key != key)
		i = (i + 1) & (SLOTS - 1);
	return &d->name[i];
}

/* A later name replaces an earlier one. Names beyond the bound are not known. */
static void
learn(struct tsn_nfcapd *d, uint64_t key, const uint8_t *p, size_t n)
{
	struct tsn_nf_name *slot;
	char *text;

	n = strnlen((const char *)p, n);
	if (n == 0 || n > LONG)
		return;
	if (d->name == NULL && (d->name = tsn_calloc(SLOTS, sizeof(*d->name))) == NULL)
		return;
	slot = slot_of(d, key);
	if (slot->key == 0 && d->n_names >= SLOTS / 2)
		return;
	text = tsn_strndup((const char *)p, n);
	if (text == NULL)
		return;
	d->n_names += slot->key == 0;
	tsn_free(slot->text);
	*slot = (struct tsn_nf_name){ key, text, (uint8_t)n };
}

void
tsn_nf_learn_names(struct tsn_nfcapd *d, unsigned type, const uint8_t *p, size_t size)
{
	size_t n, each, id = 4, name;

	if (size < 14)
		return;
	n = tsn_nf_u16(d, p + 4);
	each = tsn_nf_u16(d, p + 6);
	if (each == 0 || n == 0 || n > (size - 12) / each)
		return;
	name = each - 4;
	if (type == TSN_NF_APPLICATION) {
		id = tsn_nf_u16(d, p + 8);
		name = tsn_nf_u16(d, p + 10);
	}
	if (id == 0 || each <= 4 || id + name > each)
		return;
	for (p += size - n * each; n > 0; n--, p += each) { /* between lies 4, 6 or 8 bytes, by version */
		uint32_t number = type == TSN_NF_APPLICATION ? 0 : tsn_nf_u32(d, p);

		learn(d, type == TSN_NF_APPLICATION ? key_of(type, p, id) : key_of(type, &number, sizeof(number)), p + id, name);
	}
}

void
tsn_nf_put_name(struct tsn_nfcapd *d, struct tsn_batch *b, enum tsn_field f, unsigned kind, const uint8_t *id,
    size_t n)
{
	const struct tsn_nf_name *slot;

	if (d->name == NULL || (kind != TSN_NF_APPLICATION && d->told_exporters > 1))
		return;
	slot = slot_of(d, key_of(kind, id, n));
	if (slot->key != 0)
		tsn_batch_keep_str(b, b->n, f, slot->text, slot->len);
}

void
tsn_nf_put_name_of(struct tsn_nfcapd *d, struct tsn_batch *b, enum tsn_field f, unsigned kind, uint32_t id)
{
	tsn_nf_put_name(d, b, f, kind, (const uint8_t *)&id, sizeof(id));
}

void
tsn_nf_names_fini(struct tsn_nfcapd *d)
{
	for (size_t i = 0; d->name != NULL && i < SLOTS; i++)
		tsn_free(d->name[i].text);
	tsn_free(d->name);
}
