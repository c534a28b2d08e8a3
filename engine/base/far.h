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

#endif
