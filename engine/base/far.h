/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Bytes that lie elsewhere, as those of mapped pages do, and may be gone when they are wanted: whoever wants some copies them, on any
 * thread. Who remembers a place among them holds them meanwhile.
 */
#ifndef TSN_BASE_FAR_H
#define TSN_BASE_FAR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tsn_far {
	/* [n] bytes from [from] on as they were at some moment of the call, all of them or none. By any thread. */
	bool (*copy)(const struct tsn_far *f, uint8_t *to, const uint8_t *from, size_t n);
	/* Nobody holds it any more. */
	void (*free)(struct tsn_far *f);
	_Atomic uint32_t holds; /* 1 at first: its maker's */
};

/* A place among them. */
struct tsn_far_place {
	struct tsn_far *of;
	const uint8_t *at; /* not to be looked at */
};

static inline void
tsn_far_hold(struct tsn_far *f)
{
	atomic_fetch_add_explicit(&f->holds, 1, memory_order_relaxed);
}

static inline void
tsn_far_drop(struct tsn_far *f)
{
	if (f != NULL && atomic_fetch_sub(&f->holds, 1) == 1)
		f->free(f);
}

/* Those that somebody remembers places in: files and windows one after the other, so few at a time. */
#define TSN_FARS 4u
struct tsn_fars {
	uint32_t n;
	struct tsn_far *far[TSN_FARS];
};

static inline bool
tsn_fars_have_room(const struct tsn_fars *s, const struct tsn_far *f)
{
	for (uint32_t i = s->n; i > 0; i--)
		if (s->far[i - 1] == f)
			return true;
	return s->n < TSN_FARS;
}

/* Its number among them, mostly the last; it is held from then on. There is room. */
static inline uint8_t
tsn_fars_put(struct tsn_fars *s, struct tsn_far *f)
{
	for (uint32_t i = s->n; i > 0; i--)
		if (s->far[i - 1] == f)
			return (uint8_t)(i - 1);
	tsn_far_hold(f);
	s->far[s->n] = f;
	return (uint8_t)s->n++;
}

static inline void
tsn_fars_drop(struct tsn_fars *s)
{
	while (s->n > 0)
		tsn_far_drop(s->far[--s->n]);
}

#endif
