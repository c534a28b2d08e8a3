/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/spares.h"

#include <string.h>

bool
tsn_spares_init(struct tsn_spares *s, uint32_t n)
{
	pthread_mutex_init(&s->lock, NULL);
	for (s->n = 0; s->n < n; s->n++) {
		s->spare[s->n].by = 0;
		if ((s->spare[s->n].batch = tsn_batch_new()) == NULL)
			return false;
	}
	return true;
}

void
tsn_spares_fini(struct tsn_spares *s)
{
	while (s->n > 0)
		tsn_batch_free(s->spare[--s->n].batch);
	pthread_mutex_destroy(&s->lock);
}

struct tsn_batch *
tsn_spares_take(struct tsn_spares *s, unsigned me)
{
	struct tsn_batch *b;
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	for (i = s->n; i > 0 && s->spare[i - 1].by != me;)
		i--;
	i = i > 0 ? i - 1 : s->n - 1;
	b = s->spare[i].batch;
	s->n--;
	memmove(&s->spare[i], &s->spare[i + 1], (s->n - i) * sizeof(s->spare[0]));
	pthread_mutex_unlock(&s->lock);
	return b;
}

void
tsn_spares_put(struct tsn_spares *s, struct tsn_batch *b, unsigned by)
{
	pthread_mutex_lock(&s->lock);
	s->spare[s->n].batch = b;
	s->spare[s->n++].by = by;
	pthread_mutex_unlock(&s->lock);
}
