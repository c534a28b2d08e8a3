/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/nfcapd_ahead.h"

#include <pthread.h>

#include "base/mem.h"

#define BLOCKS 4u
#define USUAL ((size_t)3 << 19) /* bytes of a block, unpacked */

enum stage { PACKED, AT_IT, DONE };

/* Block number n is at n % [most]. */
struct tsn_nfcapd_ahead {
	enum tsn_nfcapd_packing packing;
	const struct tsn_hands *hands;
	struct tsn_aside aside;
	pthread_mutex_t lock;
	pthread_cond_t done;
	unsigned put, begun, taken;  /* numbers of the next */
	unsigned most;               /* that may wait */
	size_t largest;              /* unpacked so far */
	enum stage stage[BLOCKS];
	struct tsn_nfcapd_block block[BLOCKS];
};

/* The next that nobody has begun, under the lock, which it lets go of meanwhile. False: there is none. */
static bool
unpack_one(struct tsn_nfcapd_ahead *a)
{
	const unsigned n = a->begun % a->most;
	struct tsn_nfcapd_block *b = &a->block[n];

	if (a->begun == a->put)
		return false;
	a->begun++;
	a->stage[n] = AT_IT;
	pthread_mutex_unlock(&a->lock);
	b->len = tsn_nfcapd_unpack(a->packing, b->raw, b->size, b->plain, b->plain_room);
	pthread_mutex_lock(&a->lock);
	a->stage[n] = DONE;
	pthread_cond_signal(&a->done);
	return true;
}

static bool
piece(void *arg)
{
	struct tsn_nfcapd_ahead *a = arg;
	bool did;

	pthread_mutex_lock(&a->lock);
	did = unpack_one(a);
	pthread_mutex_unlock(&a->lock);
	return did;
}

struct tsn_nfcapd_ahead *
tsn_nfcapd_ahead_new(enum tsn_nfcapd_packing packing, const struct tsn_hands *hands)
{
	struct tsn_nfcapd_ahead *a = tsn_calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct tsn_nfcapd_ahead){ .packing = packing, .aside = { piece, a }, .most = 1 };
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->done, NULL);
	if (hands != NULL && hands->offer(hands->self, &a->aside)) {
		a->hands = hands;
		a->most = BLOCKS;
	}
	return a;
}

void
tsn_nfcapd_ahead_free(struct tsn_nfcapd_ahead *a)
{
	if (a == NULL)
		return;
	if (a->hands != NULL)
		a->hands->withdraw(a->hands->self, &a->aside);
	for (unsigned i = 0; i < BLOCKS; i++) {
		tsn_free(a->block[i].raw);
		tsn_free(a->block[i].plain);
	}
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->done);
	tsn_free(a);
}

static bool
make_room(struct tsn_nfcapd_block *b, size_t room)
{
	uint8_t *p;

	if (room <= b->plain_room)
		return true;
	p = tsn_malloc(room);
	if (p == NULL)
		return false;
	tsn_free(b->plain);
	b->plain = p;
	b->plain_room = room;
	return true;
}

/* Nobody says how long a block is unpacked. There is room for what is to be expected, and for all when it was too little. */
struct tsn_nfcapd_block *
tsn_nfcapd_ahead_room(struct tsn_nfcapd_ahead *a)
{
	struct tsn_nfcapd_block *b = &a->block[a->put % a->most];

	return a->put - a->taken < a->most && make_room(b, a->largest > USUAL ? a->largest : USUAL) ? b : NULL;
}

void
tsn_nfcapd_ahead_put(struct tsn_nfcapd_ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->stage[a->put % a->most] = PACKED;
	a->put++;
	pthread_mutex_unlock(&a->lock);
	if (a->hands != NULL)
		a->hands->call(a->hands->self);
}

unsigned
tsn_nfcapd_ahead_n(const struct tsn_nfcapd_ahead *a)
{
	return a->put - a->taken;
}

const struct tsn_nfcapd_block *
tsn_nfcapd_ahead_take(struct tsn_nfcapd_ahead *a)
{
	const unsigned n = a->taken % a->most;
	struct tsn_nfcapd_block *b = &a->block[n];

	pthread_mutex_lock(&a->lock);
	while (a->stage[n] != DONE)
		if (!unpack_one(a)) /* while another is at it, one of those behind */
			pthread_cond_wait(&a->done, &a->lock);
	a->taken++;
	pthread_mutex_unlock(&a->lock);
	if (b->len == 0 && b->plain_room < TSN_NFCAPD_BLOCK_MAX) { /* for want of room, it may be */
		if (!make_room(b, TSN_NFCAPD_BLOCK_MAX))
			return NULL;
		b->len = tsn_nfcapd_unpack(a->packing, b->raw, b->size, b->plain, b->plain_room);
	}
	a->largest = b->len > a->largest ? b->len : a->largest;
	return b;
}
