/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to core: what a ruleset asks of the pairing of conversations. */
#ifndef TSN_CORE_TALKS_H
#define TSN_CORE_TALKS_H

#include "core/engine.h"
#include "pair/pair.h"

/* How many may wait at a time: their share of the site's memory, if it says one. */
uint32_t tsn_talks_entries(const struct tsn_site *site);
/* Tells [pair] what rules and alerts read of a conversation's first flow. [old]: the program before, NULL if there was none. */
void tsn_talks_carry(struct tsn_pair *pair, const struct tsn_program *p, const struct tsn_program *old);

#endif
