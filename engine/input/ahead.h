/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: pieces of an input, read or unpacked before they are asked for by whoever has time
 * (base/hands.h), in a ring of bounded size. Only what is there is read ahead: the end, errors, damage and waiting are left to the
 * reader, who comes to them in order and finds what he would have found without.
 *
 * On while pieces are read ahead; off, the source is the reader's. All but the pieces is for the reader's thread.
 */
#ifndef TSN_INPUT_AHEAD_H
#define TSN_INPUT_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/hands.h"

struct tsn_ahead;

#define TSN_AHEAD_PIECE ((size_t)64 << 10) /* what is read at a time */
#define TSN_AHEAD_HEAD  TSN_AHEAD_PIECE    /* room before a piece, for what is left of the one before */

struct tsn_ahead_source {
	/*
	 * As many bytes as are there without waiting, at most [room]; 0 also if nobody but the reader can tell why there
	 * are none. [at]: of all bytes of the input, counted as tsn_ahead_on has it. By any thread.
	 */
	size_t (*read)(void *arg, uint8_t *to, size_t room, uint64_t at);
	void *arg;
	bool anywhere; /* several may read at a time, each at another place; else they come in order, one at a time, and [at] says nothing */
};

/* Off. NULL when memory is out. [hands] must outlive it. */
struct tsn_ahead *tsn_ahead_new(const struct tsn_hands *hands, const struct tsn_ahead_source *source);
void tsn_ahead_free(struct tsn_ahead *a);
/* From here on the source is read ahead, [at] being its next byte. */
void tsn_ahead_on(struct tsn_ahead *a, uint64_t at);
/*
 * The next piece, with [rest] (at most TSN_AHEAD_HEAD bytes, which may be those of the piece before) copied to before it.
 * Valid until the next call. 0: no more is to be had this way, and it is off.
 */
size_t tsn_ahead_next(struct tsn_ahead *a, const uint8_t *rest, size_t nrest, uint8_t **piece);

#endif
