/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to core: what a reload tells. */
#ifndef TSN_CORE_RELOAD_H
#define TSN_CORE_RELOAD_H

#include "core/engine.h"

/* Counts and names added, changed, removed and unchanged rules; [old] may be NULL, [report] too. */
void tsn_engine_report_rules(const struct tsn_ruleset *old, const struct tsn_ruleset *now, struct tsn_reload_report *report);
/* Moves state over and reports each expression; [last]: newest event time so far. */
void tsn_engine_take_over(struct tsn_state *now, struct tsn_state *old, int64_t last, struct tsn_reload_report *report);

/* The same for a snapshot; see tsn_state_load. */
bool tsn_engine_load_state(struct tsn_state *s, struct tsn_unpack *in, int64_t last, struct tsn_reload_report *report);

#endif
