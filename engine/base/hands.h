/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Spare hands: work on the side, of which any thread that has nothing else to do may take a piece, such as reading
 * ahead. Nobody may rely on it: who needs a piece that no other has begun does it himself.
 */
#ifndef TSN_BASE_HANDS_H
#define TSN_BASE_HANDS_H

#include <stdbool.h>

struct tsn_aside {
	/* A bounded piece of it. False: there is nothing to do now. Called by any thread, by several at a time. */
	bool (*piece)(void *arg);
	void *arg;
};

/* Who has threads to spare. All is for the thread that owns the work. */
struct tsn_hands {
	/* Pieces may be done from here on. False: there is room for no more work, so nobody will do any. */
	bool (*offer)(void *self, const struct tsn_aside *a);
	/* When it returns nobody is at a piece, nor will be. Also of what was never offered. */
	void (*withdraw)(void *self, const struct tsn_aside *a);
	/* There is something to do again; cheap, where nobody sleeps. */
	void (*call)(void *self);
	void *self;
};

#endif
