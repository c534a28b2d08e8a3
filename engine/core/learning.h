/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What rules with baselines or first sightings have learned so far, for people: no alert comes of what is still learning. */
#ifndef TSN_CORE_LEARNING_H
#define TSN_CORE_LEARNING_H

#include "base/buf.h"
#include "core/engine.h"

/* Of the function of the rule that is furthest behind. False: the rule learns nothing. Looks at every group. */
bool tsn_rule_learning(const struct tsn_engine *e, uint32_t rule, struct tsn_learning *out);
/* "rule exfil is learning: none of 12 groups has enough history, the first will on ..."; false, and nothing, if some have. */
bool tsn_rule_learning_text(const struct tsn_engine *e, uint32_t rule, struct tsn_buf *out);

#endif
