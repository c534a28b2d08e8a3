/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Arena: many small allocations that are freed together. One per compilation
 * and one per ruleset. Not shared between threads.
 */
#ifndef TSN_BASE_ARENA_H
#define TSN_BASE_ARENA_H

#include <stddef.h>

struct tsn_arena;

struct tsn_arena *tsn_arena_new(void);
void tsn_arena_free(struct tsn_arena *a);
/* As new, but for memory of the usual size, which it keeps. */
void tsn_arena_clear(struct tsn_arena *a);
/* Zeroed, aligned to 16 bytes, valid until tsn_arena_free. NULL when memory is out. */
void *tsn_arena_alloc(struct tsn_arena *a, size_t size);
char *tsn_arena_strndup(struct tsn_arena *a, const char *s, size_t n);
char *tsn_arena_strdup(struct tsn_arena *a, const char *s);
/* Bytes handed out so far. */
size_t tsn_arena_used(const struct tsn_arena *a);

#endif
