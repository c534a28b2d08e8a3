/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/asides.h"

#include <stddef.h>

void
tsn_asides_init(struct tsn_asides *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->left, NULL);
}

void
tsn_asides_fini(struct tsn_asides *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->left);
}

bool
tsn_asides_offer(struct tsn_asides *s, const struct tsn_aside *a)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < TSN_ASIDES && !found; i++)
		if (s->work[i].of == NULL && s->work[i].at == 0) {
			s->work[i].of = a;
			found = true;
		}
	if (found)
		atomic_fetch_add(&s->n, 1);
	pthread_mutex_unlock(&s->lock);
	return found;
}

void
tsn_asides_withdraw(struct tsn_asides *s, const struct tsn_aside *a)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < TSN_ASIDES; i++) {
		if (s->work[i].of != a)
			continue;
		s->work[i].of = NULL;
		atomic_fetch_sub(&s->n, 1);
		while (s->work[i].at > 0)
			pthread_cond_wait(&s->left, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool
piece_of(struct tsn_asides *s, unsigned i)
{
	const struct tsn_aside *a;
	bool did;

	pthread_mutex_lock(&s->lock);
	a = s->work[i].of;
	s->work[i].at += a != NULL;
	pthread_mutex_unlock(&s->lock);
	if (a == NULL)
		return false;
	did = a->piece(a->arg);
	pthread_mutex_lock(&s->lock);
	if (--s->work[i].at == 0 && s->work[i].of == NULL)
		pthread_cond_signal(&s->left);
	pthread_mutex_unlock(&s->lock);
	return did;
}

bool
tsn_asides_piece(struct tsn_asides *s)
{
	if (atomic_load_explicit(&s->n, memory_order_relaxed) == 0)
		return false;
	for (unsigned i = 0; i < TSN_ASIDES; i++)
		if (piece_of(s, i))
			return true;
	return false;
}
