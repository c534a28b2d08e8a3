/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests of what is done aside: threads that do it, while whoever is asked for their hands goes on. */
#ifndef TESTS_HELPERS_H
#define TESTS_HELPERS_H

#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "core/asides.h"

#define HELPERS_MOST 3

struct helpers {
	struct tsn_asides asides;
	struct tsn_hands hands;
	pthread_t thread[HELPERS_MOST];
	unsigned n;
	atomic_bool stop;
	atomic_uint pieces;
};

static inline bool
helpers_offer(void *self, const struct tsn_aside *a)
{
	struct helpers *h = self;

	return tsn_asides_offer(&h->asides, a);
}

static inline void
helpers_withdraw(void *self, const struct tsn_aside *a)
{
	struct helpers *h = self;

	tsn_asides_withdraw(&h->asides, a);
}

static inline void
helpers_call(void *self)
{
	(void)self; /* nobody sleeps */
}

static inline void *
helpers_help(void *arg)
{
	struct helpers *h = arg;

	while (!atomic_load(&h->stop))
		if (tsn_asides_piece(&h->asides))
			atomic_fetch_add(&h->pieces, 1);
		else
			sched_yield();
	return NULL;
}

static inline void
helpers_begin(struct helpers *h, unsigned n)
{
	*h = (struct helpers){ .hands = { helpers_offer, helpers_withdraw, helpers_call, h } };
	tsn_asides_init(&h->asides);
	for (; h->n < n; h->n++)
		cr_assert_eq(pthread_create(&h->thread[h->n], NULL, helpers_help, h), 0);
}

static inline void
helpers_end(struct helpers *h)
{
	atomic_store(&h->stop, true);
	for (unsigned i = 0; i < h->n; i++)
		pthread_join(h->thread[i], NULL);
	cr_assert_eq(h->asides.n, 0, "all was withdrawn");
	tsn_asides_fini(&h->asides);
}

#endif
