/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to core: what a reload tells. */
#ifndef TSN_CORE_RELOAD_H
#define TSN_CORE_RELOAD_H

#include "core/lane.h"

/* Their states; [out] has room for [n]. */
void tsn_lanes_states(struct tsn_lane *lane, uint32_t n, struct tsn_state **out);
void tsn_lanes_fini(struct tsn_lane *lane, uint32_t n);

/* Counts and names added, changed, removed and unchanged rules; [old] may be NULL. */
void tsn_reload_tell_rules(const struct tsn_ruleset *old, const struct tsn_ruleset *now, struct tsn_reload_report *report);
/* Each expression, and what moved with it; [last]: newest event time when it did. */
void tsn_reload_tell_state(const struct tsn_takeover *taken, int64_t last, struct tsn_reload_report *report);

/* The same for a snapshot; see tsn_state_load. */
bool tsn_engine_load_state(struct tsn_lane *lane, uint32_t n, struct tsn_unpack *in, int64_t last, struct tsn_reload_report *report);

#endif
