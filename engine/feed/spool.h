/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the feed room: frames kept until it is known what they are. Read once, in order; its user bounds it. */
#ifndef TSN_FEED_SPOOL_H
#define TSN_FEED_SPOOL_H

#include "input/frame.h"

/* All zero is an empty one. */
struct tsn_spool {
	uint8_t *p;
	size_t n, cap, at; /* bytes */
};

/* False when memory is out; then nothing changes. */
bool tsn_spool_put(struct tsn_spool *s, const struct tsn_frame *f);
/* False, and the memory is given back, after the last frame. What it gives is valid until the next call. */
bool tsn_spool_next(struct tsn_spool *s, struct tsn_frame *out);
void tsn_spool_fini(struct tsn_spool *s);

#endif
