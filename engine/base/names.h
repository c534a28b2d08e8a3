/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Finds the number of a name: for lists that are matched with one another. Names are borrowed. Made for one thread,
 * read by any.
 */
#ifndef TSN_BASE_NAMES_H
#define TSN_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_NAMES_NONE UINT32_MAX

struct tsn_names {
	struct tsn_named {
		const char *name; /* NULL: free */
		uint32_t number;
	} *slot;
	size_t mask, n;
};

/* Room for [n] names. False when memory is out; it is then valid to free. */
bool tsn_names_init(struct tsn_names *t, size_t n);
void tsn_names_fini(struct tsn_names *t);
/* Of equal names the first one stays. No more than there is room for; not NONE. */
void tsn_names_add(struct tsn_names *t, const char *name, uint32_t number);
/* TSN_NAMES_NONE: it was not added. */
uint32_t tsn_names_find(const struct tsn_names *t, const char *name);

#endif
