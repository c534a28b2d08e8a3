/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Finds what has a name: for lists that are matched with one another. Names are borrowed. All zero is an empty one. Made by
 * one thread, read by any.
 */
#ifndef TSN_BASE_NAMES_H
#define TSN_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TSN_NAMES_NONE UINT32_MAX

struct tsn_names {
	struct tsn_named {
		const char *name; /* NULL: free */
		size_t len;
		void *what;
	} *slot;
	size_t mask, n;
};

/* Makes room for [n] more names. False when memory is out. */
bool tsn_names_reserve(struct tsn_names *t, size_t n);
void tsn_names_fini(struct tsn_names *t);
/* Of equal names the first one stays. [what]: not NULL. False when memory is out, which cannot be where there is room. */
bool tsn_names_put(struct tsn_names *t, const char *name, size_t len, void *what);
/* NULL: it is not there. */
void *tsn_names_get(const struct tsn_names *t, const char *name, size_t len);

/* The same of numbers. */
static inline bool
tsn_names_add(struct tsn_names *t, const char *name, uint32_t number)
{
	return tsn_names_put(t, name, strlen(name), (void *)((uintptr_t)number + 1));
}

/* TSN_NAMES_NONE: it is not there. */
static inline uint32_t
tsn_names_find(const struct tsn_names *t, const char *name)
{
	const uintptr_t x = (uintptr_t)tsn_names_get(t, name, strlen(name));

	return x == 0 ? TSN_NAMES_NONE : (uint32_t)(x - 1);
}

#endif
