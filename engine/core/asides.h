/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the crew's threads do besides lanes (base/hands.h). */
#ifndef TSN_CORE_ASIDES_H
#define TSN_CORE_ASIDES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hands.h"

#define TSN_ASIDES 4u /* offered at a time */

struct tsn_asides {
	pthread_mutex_t lock;
	pthread_cond_t left;             /* somebody left a piece */
	struct {
		const struct tsn_aside *of;  /* NULL: free */
		unsigned at;                 /* threads at a piece of it */
	} work[TSN_ASIDES];
	_Atomic unsigned n;              /* offered */
};

void tsn_asides_init(struct tsn_asides *s);
void tsn_asides_fini(struct tsn_asides *s);
bool tsn_asides_offer(struct tsn_asides *s, const struct tsn_aside *a);
void tsn_asides_withdraw(struct tsn_asides *s, const struct tsn_aside *a);
/* A piece of whatever there is, by any thread. False: there is nothing to do. */
bool tsn_asides_piece(struct tsn_asides *s);

#endif
