/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to core: what a reload tells. */
#ifndef TSN_CORE_RELOAD_H
#define TSN_CORE_RELOAD_H

#include "core/lane.h"

#define TSN_ENGINE_LANES 512 /* at most */

/* Their states; [out] has room for TSN_ENGINE_LANES. */
void tsn_lanes_states(struct tsn_lane *lane, uint32_t n, struct tsn_state **out);

/* Counts and names added, changed, removed and unchanged rules; [old] may be NULL, [report] too. */
void tsn_engine_report_rules(const struct tsn_ruleset *old, const struct tsn_ruleset *now, struct tsn_reload_report *report);
/* Moves state and what was counted of rules over and reports each expression; [last]: newest event time so far. */
void tsn_engine_take_over(struct tsn_lane *now, uint32_t nnow, struct tsn_lane *old, uint32_t nold, int64_t last,
    struct tsn_reload_report *report);

/* The same for a snapshot; see tsn_state_load. */
bool tsn_engine_load_state(struct tsn_lane *lane, uint32_t n, struct tsn_unpack *in, int64_t last, struct tsn_reload_report *report);

#endif
