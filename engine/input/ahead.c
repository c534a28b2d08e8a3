/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/ahead.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

#define PIECES 16u /* a megabyte: more would not lie in a cache any more when it is looked at */

/* Piece number n is at n % PIECES. Those from [given] - 1 on are in use: the one given last is being looked at. */
struct tsn_ahead {
	const struct tsn_hands *hands;
	struct tsn_ahead_source source;
	struct tsn_aside aside;
	pthread_mutex_t lock;
	pthread_cond_t done;         /* a piece is */
	uint64_t claimed, given, freed; /* numbers of the next piece to be begun, to be given, and to be looked at no more */
	uint64_t first, at;          /* number of the first piece since it is on, and its place */
	unsigned busy;               /* pieces begun and not done */
	bool dry;                    /* nothing is begun any more */
	bool cut;                    /* the piece given last was short: those behind it are not what follows */
	struct {
		size_t len;
		bool done;
	} piece[PIECES];
	uint8_t *room;
};

static uint8_t *
bytes(const struct tsn_ahead *a, uint64_t n)
{
	return a->room + (n % PIECES) * (TSN_AHEAD_HEAD + TSN_AHEAD_PIECE) + TSN_AHEAD_HEAD;
}

/* --- pieces, under the lock --- */

static bool
can_begin(const struct tsn_ahead *a)
{
	return !a->dry && a->claimed - a->freed < PIECES && (a->source.anywhere || a->busy == 0);
}

/* Lets go of the lock meanwhile. */
static void
do_piece(struct tsn_ahead *a)
{
	const uint64_t n = a->claimed++;
	size_t len;

	a->piece[n % PIECES].done = false;
	a->busy++;
	pthread_mutex_unlock(&a->lock);
	len = a->source.read(a->source.arg, bytes(a, n), TSN_AHEAD_PIECE, a->at + (n - a->first) * TSN_AHEAD_PIECE);
	pthread_mutex_lock(&a->lock);
	a->busy--;
	a->piece[n % PIECES].len = len;
	a->piece[n % PIECES].done = true;
	a->dry |= a->source.anywhere ? len < TSN_AHEAD_PIECE : len == 0;
	pthread_cond_signal(&a->done);
}

static bool
piece_aside(void *arg)
{
	struct tsn_ahead *a = arg;
	bool can;

	pthread_mutex_lock(&a->lock);
	can = can_begin(a);
	if (can)
		do_piece(a);
	pthread_mutex_unlock(&a->lock);
	return can;
}

/* False: the piece that is next is none. */
static bool
wait_for_next(struct tsn_ahead *a)
{
	while (!a->cut) {
		if (a->given < a->claimed && a->piece[a->given % PIECES].done)
			return a->piece[a->given % PIECES].len > 0;
		if (can_begin(a)) /* whoever is at the one that is wanted will soon be done with it */
			do_piece(a);
		else if (a->given < a->claimed)
			pthread_cond_wait(&a->done, &a->lock);
		else
			break;
	}
	return false;
}

static void
turn_off(struct tsn_ahead *a)
{
	a->dry = true;
	while (a->busy > 0)
		pthread_cond_wait(&a->done, &a->lock);
	a->given = a->freed = a->claimed;
}

/* --- for the reader --- */

struct tsn_ahead *
tsn_ahead_new(const struct tsn_hands *hands, const struct tsn_ahead_source *source)
{
	struct tsn_ahead *a = tsn_calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct tsn_ahead){ .hands = hands, .source = *source, .aside = { piece_aside, a }, .dry = true };
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->done, NULL);
	a->room = tsn_aligned_alloc(64, PIECES * (TSN_AHEAD_HEAD + TSN_AHEAD_PIECE));
	if (a->room != NULL && hands->offer(hands->self, &a->aside))
		return a;
	tsn_ahead_free(a);
	return NULL;
}

void
tsn_ahead_free(struct tsn_ahead *a)
{
	if (a == NULL)
		return;
	a->hands->withdraw(a->hands->self, &a->aside);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->done);
	tsn_free(a->room);
	tsn_free(a);
}

void
tsn_ahead_on(struct tsn_ahead *a, uint64_t at)
{
	pthread_mutex_lock(&a->lock);
	a->first = a->claimed;
	a->at = at;
	a->dry = a->cut = false;
	pthread_mutex_unlock(&a->lock);
	a->hands->call(a->hands->self);
}

size_t
tsn_ahead_next(struct tsn_ahead *a, const uint8_t *rest, size_t nrest, uint8_t **piece)
{
	bool is_one, call;
	size_t len = 0;

	pthread_mutex_lock(&a->lock);
	is_one = wait_for_next(a);
	if (is_one) {
		*piece = bytes(a, a->given);
		len = a->piece[a->given % PIECES].len;
		memcpy(*piece - nrest, rest, nrest);
		a->cut = a->source.anywhere && len < TSN_AHEAD_PIECE;
		a->freed = a->given++; /* the one before, and not yet this one */
	} else {
		turn_off(a);
	}
	/* waking costs as much as half of a piece */
	call = can_begin(a) && a->claimed - a->freed <= PIECES / 2;
	pthread_mutex_unlock(&a->lock);
	if (call)
		a->hands->call(a->hands->self);
	return len;
}
