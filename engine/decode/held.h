/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: sets of records whose template is not known yet
 * (after a start, templates come when the exporter repeats them: minutes).
 * Bounded in bytes, sets and time, for each exporter and in all.
 */
#ifndef TSN_DECODE_HELD_H
#define TSN_DECODE_HELD_H

#include "decode/plan.h"

struct tsn_held_link {
	struct tsn_held_set *prev, *next;
};

struct tsn_held_set {
	struct tsn_held_link link[2]; /* oldest first: of the exporter; of those that wait for templates that hash alike */
	struct tsn_head head;
	uint32_t len;
	uint16_t id;
	uint8_t bytes[];
};

struct tsn_held;

struct tsn_held *tsn_held_new(struct tsn_exporters *exporters);
/* Counts what still waits as given up. */
void tsn_held_drop_all(struct tsn_held *t);
/* The same for what came by one session. [source]: index of its exporter. */
void tsn_held_drop_session(struct tsn_held *t, uint32_t source, const struct tsn_sender *from);
void tsn_held_free(struct tsn_held *t);
/* Keeps a copy; what has to go for it, or cannot be kept, is counted in its exporter (NO_TEMPLATE). */
void tsn_held_add(struct tsn_held *t, const struct tsn_head *h, uint16_t id, const uint8_t *p, size_t n);
/* The first set that waits for this template of the domain; to be freed by the caller. NULL if there is none. */
struct tsn_held_set *tsn_held_take(struct tsn_held *t, const struct tsn_head *h, uint16_t id);

#endif
