/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Batches that wait to be filled. Each thread gets back those that it filled last: they are mostly in its core's cache, and to write into
 * what is in another's takes as long as a memory access a line.
 */
#ifndef TSN_CORE_SPARES_H
#define TSN_CORE_SPARES_H

#include <pthread.h>

#include "flow/batch.h"

#define TSN_SPARES 24u

struct tsn_spares {
	pthread_mutex_t lock;
	struct {
		struct tsn_batch *batch;
		unsigned by;
	} spare[TSN_SPARES]; /* the one used last on top */
	uint32_t n;
};

/* With [n] batches, at most TSN_SPARES less those that others bring. False when memory is out; free it all the same. */
bool tsn_spares_init(struct tsn_spares *s, uint32_t n);
void tsn_spares_fini(struct tsn_spares *s);
/* For thread [me]. There is one. */
struct tsn_batch *tsn_spares_take(struct tsn_spares *s, unsigned me);
/* Thread [by] filled it. */
void tsn_spares_put(struct tsn_spares *s, struct tsn_batch *b, unsigned by);

#endif
