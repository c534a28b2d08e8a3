/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules do to each other and to dynamic sets, at the tick after it
 * happened (S28): openings are counted where `fired` asks for them, matches
 * are steps of sequences, `then` adds and removes. Private to core.
 *
 * Bounded: of a rule at most TSN_FEEDBACK_MATCHES matches wait for a tick, and matches of one
 * step, key and millisecond are one. What is beyond is counted as lost.
 */
#ifndef TSN_CORE_FEEDBACK_H
#define TSN_CORE_FEEDBACK_H

#include "compile/compile.h"
#include "core/lane.h"

#define TSN_FEEDBACK_MATCHES 65536u

struct tsn_feedback;

/* [own_set]: see tsn_dynamic_own. */
bool tsn_feedback_needed(const struct tsn_ruleset *rs, const struct tsn_program *p, const bool *own_set);
/* [p] must outlive it. NULL when memory is out. */
struct tsn_feedback *tsn_feedback_new(const struct tsn_program *p);
void tsn_feedback_free(struct tsn_feedback *f);
/* Rows that match a rule: kept if the rule is a step. */
void tsn_feedback_match(struct tsn_feedback *f, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b);
/* Something waits for the next tick. */
bool tsn_feedback_waits(const struct tsn_feedback *f, const struct tsn_lane *lane);
/* When a member of a dynamic set leaves next, INT64_MAX if none does. */
int64_t tsn_feedback_due(const struct tsn_feedback *f, const struct tsn_lane *lane);
/* The tick [now]: all that waits takes effect; then rules that end with a rule's match are evaluated. */
void tsn_feedback_tick(struct tsn_feedback *f, struct tsn_lane *lane, int64_t now);
/* Matches that wait in [old] wait here, where they are steps of the same sequences. */
void tsn_feedback_go_on(struct tsn_feedback *f, struct tsn_feedback *old);
/*
 * Matches that wait for the tick, as bytes, by rules and steps, their number (of all lanes) before them; into one to which nothing has happened. Any bytes may be
 * given; false: nothing waits. Those of rules or sequences that are not the same any more are left out.
 */
size_t tsn_feedback_matches(const struct tsn_feedback *f);
/* Those of one link of the program of all lanes [whole]; nothing if it is another lane's. */
void tsn_feedback_save(const struct tsn_feedback *f, const struct tsn_program *whole, uint32_t link, struct tsn_pack *out);
bool tsn_feedback_load(struct tsn_feedback *f, struct tsn_unpack *in);
uint64_t tsn_feedback_lost(const struct tsn_feedback *f);

#endif
