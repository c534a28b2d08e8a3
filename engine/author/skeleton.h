/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Rules to start from, with their tests: skeletons.def. */
#ifndef TSN_AUTHOR_SKELETON_H
#define TSN_AUTHOR_SKELETON_H

#include <stdint.h>

#include "grammar/diag.h"

struct tsn_buf;

struct tsn_skeleton {
	const char *kind, *help, *text;
};
extern const struct tsn_skeleton tsn_skeletons[];
extern const size_t tsn_skeleton_count;
/* NULL if there is none. */
const struct tsn_skeleton *tsn_skeleton_find(const char *kind);

/*
 * Appends the text of a rule called [name], created on the day of [now_ms], in canonical layout. False if it is no rule with
 * that name, [diags] (about [sources]) saying why, or if memory is out.
 */
bool tsn_skeleton_write(const struct tsn_skeleton *s, const char *name, int64_t now_ms, struct tsn_sources *sources,
    struct tsn_diags *diags, struct tsn_buf *out);

#endif
