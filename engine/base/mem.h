/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Memory: one place through which everything allocates, so that tests can
 * make the n-th allocation fail and see that nothing is lost or leaked.
 * Knows nothing of flows. All functions return NULL on failure and never abort.
 */
#ifndef TSN_BASE_MEM_H
#define TSN_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *tsn_malloc(size_t size);
void *tsn_calloc(size_t count, size_t size);
void *tsn_realloc(void *p, size_t size);
/* realloc for [count] elements of [size] bytes; NULL if the product overflows. */
void *tsn_reallocarray(void *p, size_t count, size_t size);
/* [align] is a power of two; release with tsn_free. */
void *tsn_aligned_alloc(size_t align, size_t size);
/* The same for [count] elements of [size] bytes, all zero. */
void *tsn_aligned_calloc(size_t align, size_t count, size_t size);
char *tsn_strdup(const char *s);
char *tsn_strndup(const char *s, size_t n);
void tsn_free(void *p);

/*
 * Large arrays that are met in random order: zero, and in huge pages where those are given. Growing moves pages, not
 * bytes, so it takes no time to speak of and no memory beside; what is new is zero. Sizes as given before.
 */
void *tsn_map(void *old, size_t old_size, size_t size);
void tsn_unmap(void *p, size_t size);
/* The same for smaller ones, in pages as the system has them: of these only what was written to is there. */
void *tsn_map_small(void *old, size_t old_size, size_t size);
void tsn_unmap_small(void *p, size_t size);
/*
 * These bytes of such an array will be written to: their pages come together. One that is read first comes twice, as the page of zeros
 * and then as memory, and before that every core that runs the process has to forget the first. Advice.
 */
void tsn_map_soon(void *p, size_t size);

/*
 * Grows an array that holds [count] elements in room for [*cap] so that one
 * more fits; doubles. Returns the array (maybe moved), or NULL and leaves the
 * old one valid.
 */
void *tsn_grow(void *p, size_t count, size_t *cap, size_t size);

/*
 * Makes an array of [*n] elements large enough to have one at [index]; it at least doubles, and the new ones are
 * zero. The array (maybe moved), or NULL and the old one stays valid.
 */
void *tsn_reach(void *p, uint32_t *n, uint32_t index, size_t size);

/* For tests only: the allocation numbered [n] from now (0: the next) fails, and all after it if [sticky]. */
void tsn_mem_fail_at(long n, bool sticky);
void tsn_mem_fail_never(void);
/* How many allocations were made since tsn_mem_fail_at was last called. */
long tsn_mem_count(void);

#endif
