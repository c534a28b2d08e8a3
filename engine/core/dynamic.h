/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The dynamic sets of the ruleset in force. They change at ticks only, in this order: what expires by then leaves, what
 * openings since the last tick say is added and removed, in the order of records. Rows after the tick see the result.
 */
#ifndef TSN_CORE_DYNAMIC_H
#define TSN_CORE_DYNAMIC_H

#include "alert/alert.h"
#include "compile/compile.h"
#include "sets/dynamic.h"

/* Is the set of slot [i] a dynamic one that is [own]ed (NULL: all are)? Of the lanes one owns it, the only one that changes it. */
bool tsn_dynamic_own(const struct tsn_ruleset *rs, const bool *own, uint32_t i);
/* Is there any? Then batches end at ticks. */
bool tsn_dynamic_any(const struct tsn_ruleset *rs, const bool *own);
void tsn_dynamic_expire(struct tsn_ruleset *rs, const bool *own, int64_t tick);
/* The actions of openings; the reason of members is the alert's message, or the rule's title. */
void tsn_dynamic_apply(struct tsn_ruleset *rs, const struct tsn_opening *o, size_t n, int64_t tick);
/* Members go to sets of the same qualified name and kind. Only when the new ruleset is sure to come into force. */
void tsn_dynamic_take_over(struct tsn_ruleset *to, struct tsn_ruleset *from);
/* For snapshots: all of them by name. Load finds them by name again and skips what is not there; false: the bytes make no sense. */
void tsn_dynamic_save(const struct tsn_ruleset *rs, struct tsn_pack *out);
bool tsn_dynamic_load(struct tsn_ruleset *rs, struct tsn_unpack *in);

#endif
