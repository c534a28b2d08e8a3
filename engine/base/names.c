/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/names.h"

#include "base/hash.h"
#include "base/mem.h"

/* Where the name stands, or would. */
static struct tsn_named *
place(const struct tsn_names *t, const char *name, size_t len)
{
	size_t at = tsn_hash_bytes(name, len, 0) & t->mask;

	while (t->slot[at].name != NULL && (t->slot[at].len != len || memcmp(t->slot[at].name, name, len) != 0))
		at = (at + 1) & t->mask;
	return &t->slot[at];
}

/* At least half of the slots stay free. */
bool
tsn_names_reserve(struct tsn_names *t, size_t n)
{
	struct tsn_names grown = { .n = t->n };
	size_t slots = t->slot == NULL ? 16 : t->mask + 1;

	while (slots < (t->n + n) * 2 && slots <= SIZE_MAX / 2)
		slots *= 2;
	if (t->slot != NULL && slots == t->mask + 1)
		return true;
	grown.slot = tsn_calloc(slots, sizeof(*grown.slot));
	if (grown.slot == NULL)
		return false;
	grown.mask = slots - 1;
	for (size_t i = 0; t->slot != NULL && i <= t->mask; i++)
		if (t->slot[i].name != NULL)
			*place(&grown, t->slot[i].name, t->slot[i].len) = t->slot[i];
	tsn_free(t->slot);
	*t = grown;
	return true;
}

void
tsn_names_fini(struct tsn_names *t)
{
	tsn_free(t->slot);
	*t = (struct tsn_names){ 0 };
}

bool
tsn_names_put(struct tsn_names *t, const char *name, size_t len, void *what)
{
	struct tsn_named *at;

	if (!tsn_names_reserve(t, 1))
		return false;
	at = place(t, name, len);
	if (at->name == NULL) {
		*at = (struct tsn_named){ name, len, what };
		t->n++;
	}
	return true;
}

void *
tsn_names_get(const struct tsn_names *t, const char *name, size_t len)
{
	return t->slot == NULL ? NULL : place(t, name, len)->what;
}
