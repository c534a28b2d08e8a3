/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * `tocsin fmt`: one layout for all rule files. The text of a file is laid out again token by
 * token, so literals keep their spelling, comments survive in their places, and the tree that
 * the result parses to is the tree of the original. Formatting twice changes nothing.
 */
#ifndef TSN_GRAMMAR_FMT_H
#define TSN_GRAMMAR_FMT_H

#include "grammar/ast.h"

/*
 * Appends the canonical form of a source that was parsed as a file without an error. False, and
 * nothing appended that is of use, if it was not, or if memory is out.
 */
bool tsn_fmt(struct tsn_sources *, uint32_t file, struct tsn_buf *out);

#endif
