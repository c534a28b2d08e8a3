/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/names.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

bool
tsn_names_init(struct tsn_names *t, size_t n)
{
	size_t slots = 16;

	while (slots < n * 2 && slots <= SIZE_MAX / 2)
		slots *= 2;
	t->slot = tsn_calloc(slots, sizeof(*t->slot));
	t->mask = slots - 1;
	t->n = 0;
	return t->slot != NULL;
}

void
tsn_names_fini(struct tsn_names *t)
{
	tsn_free(t->slot);
	t->slot = NULL;
}

/* Where the name stands, or would. */
static struct tsn_named *
place(const struct tsn_names *t, const char *name)
{
	size_t at = tsn_hash_bytes(name, strlen(name), 0) & t->mask;

	while (t->slot[at].name != NULL && strcmp(t->slot[at].name, name) != 0)
		at = (at + 1) & t->mask;
	return &t->slot[at];
}

void
tsn_names_add(struct tsn_names *t, const char *name, uint32_t number)
{
	struct tsn_named *at = place(t, name);

	/* a free slot must remain, or a search for what is not there would not end */
	if (at->name != NULL || t->n >= t->mask)
		return;
	*at = (struct tsn_named){ name, number };
	t->n++;
}

uint32_t
tsn_names_find(const struct tsn_names *t, const char *name)
{
	const struct tsn_named *at = place(t, name);

	return at->name == NULL ? TSN_NAMES_NONE : at->number;
}
