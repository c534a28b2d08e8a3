/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Where rulesets come from: an index that is believed only if the pinned key signed it, if it is no older than the one seen
 * last and has not expired. Network and files; the time is an argument.
 */
#ifndef TSN_RULESET_SOURCE_H
#define TSN_RULESET_SOURCE_H

#include "ruleset/index.h"
#include "ruleset/store.h"

/*
 * Fetches the index of [x] and judges it; one that is believed is kept in the store and becomes [x]'s in the state, which the
 * caller puts in force. False: nothing of [x] has changed. tsn_index_fini is due if true.
 */
bool tsn_source_refresh(const struct tsn_store_held *h, struct tsn_store_source *x, int64_t now_ms, struct tsn_index *out,
    char error[TSN_RULESET_ERROR]);
/* The index kept of it. */
bool tsn_source_kept(const struct tsn_store_held *h, const struct tsn_store_source *x, struct tsn_index *out, char error[TSN_RULESET_ERROR]);

/* NULL: the index has none. */
const struct tsn_index_ruleset *tsn_index_find(const struct tsn_index *x, const char *name);
/* The newest one this engine can run, or the one called [version]; NULL with a sentence. */
const struct tsn_index_version *tsn_index_choose(const struct tsn_index_ruleset *r, const char *version, char error[TSN_RULESET_ERROR]);
#endif
