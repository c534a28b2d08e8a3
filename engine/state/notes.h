/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Names of notes, for messages. A piece of kind TSN_PIECE_NOTE has such a name; who writes the message takes from
 * tsn_state_notes of the rule's families those whose [group] is the name, or that have the name itself.
 */
#ifndef TSN_STATE_NOTES_H
#define TSN_STATE_NOTES_H

#include "state/state.h"

struct tsn_note_info {
	const char *name;
	enum tsn_agg_fn fn;
	const char *function; /* as people write it */
};

/* The last one's name is NULL. */
extern const struct tsn_note_info tsn_notes[];

#endif
