/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the actions of the grammar call. Any argument node may be NULL (memory ran out, or an
 * optional part is not there) and gives NULL or is left out. They also report what the grammar
 * accepts on purpose in order to word the error well: chains, a single =, a missing unit.
 */
#ifndef TSN_GRAMMAR_BUILD_H
#define TSN_GRAMMAR_BUILD_H

#include "grammar/internal.h"

struct tsn_span tsn_build_join(struct tsn_span first, struct tsn_span last);

struct tsn_node *tsn_build(struct tsn_parse *, enum tsn_node_kind, struct tsn_span);
/* Appends a child. Beyond TSN_AST_DEPTH_MAX it is reported and replaced by an ERROR node. */
struct tsn_node *tsn_build_add(struct tsn_parse *, struct tsn_node *to, struct tsn_node *kid);
/* Moves all children of [from]. */
struct tsn_node *tsn_build_adopt(struct tsn_parse *, struct tsn_node *to, struct tsn_node *from);
struct tsn_node *tsn_build_span(struct tsn_node *, struct tsn_span);
struct tsn_node *tsn_build_broken(struct tsn_node *);
/* A new node with the text of [name]; or an existing list made into one. */
struct tsn_node *tsn_build_named(struct tsn_parse *, enum tsn_node_kind, const struct tsn_node *name,
    struct tsn_span);
struct tsn_node *tsn_build_retag(struct tsn_parse *, struct tsn_node *list, enum tsn_node_kind,
    const struct tsn_node *name, struct tsn_span);
struct tsn_node *tsn_build_op(struct tsn_parse *, enum tsn_node_kind, enum tsn_op, struct tsn_span);
struct tsn_node *tsn_build_word(struct tsn_parse *, const char *text, struct tsn_span);

/* Declarations, clauses, tests. */
void tsn_build_options(struct tsn_parse *, const struct tsn_node *holder, bool dynamic);
struct tsn_node *tsn_build_table(struct tsn_parse *, const struct tsn_node *name, struct tsn_node *table,
    struct tsn_span);
struct tsn_node *tsn_build_rows(struct tsn_parse *, struct tsn_node *rows, struct tsn_node *options);
struct tsn_node *tsn_build_rung(struct tsn_parse *, const struct tsn_node *level, struct tsn_node *cond,
    struct tsn_span);
struct tsn_node *tsn_build_not_during(struct tsn_node *);
struct tsn_node *tsn_build_test(struct tsn_parse *, const struct tsn_node *title, struct tsn_node *expect,
    struct tsn_node *steps, struct tsn_span);
struct tsn_node *tsn_build_expect(struct tsn_parse *, const struct tsn_node *count,
    const struct tsn_node *level, struct tsn_node *assigns, struct tsn_span);
struct tsn_node *tsn_build_quiet(struct tsn_parse *, struct tsn_node *assigns, struct tsn_span);
struct tsn_node *tsn_build_flow(struct tsn_parse *, struct tsn_node *assigns, struct tsn_node *repeat,
    struct tsn_node *every, struct tsn_span);

/* Expressions. */
struct tsn_node *tsn_build_chain(struct tsn_parse *, enum tsn_node_kind, struct tsn_node *left,
    struct tsn_node *right, struct tsn_span);
struct tsn_node *tsn_build_prefix(struct tsn_parse *, enum tsn_node_kind, struct tsn_span op,
    struct tsn_node *operand, struct tsn_span);
struct tsn_node *tsn_build_binary(struct tsn_parse *, enum tsn_op, struct tsn_node *left,
    struct tsn_span at, struct tsn_node *right, struct tsn_span);
struct tsn_node *tsn_build_compare(struct tsn_parse *, struct tsn_node *left, int op, struct tsn_span at,
    struct tsn_node *right, struct tsn_span);
struct tsn_node *tsn_build_chained(struct tsn_parse *, struct tsn_node *left, int op, struct tsn_span at,
    struct tsn_node *right, struct tsn_span);
int tsn_build_single_equals(struct tsn_parse *, struct tsn_span);
struct tsn_node *tsn_build_paren(struct tsn_node *, struct tsn_span);
struct tsn_node *tsn_build_call(struct tsn_parse *, const char *name, struct tsn_span at, struct tsn_span);

/* Scopes. */
struct tsn_node *tsn_build_scope(struct tsn_parse *, struct tsn_node *expr, struct tsn_node *scope,
    struct tsn_span);
struct tsn_node *tsn_build_by_at(struct tsn_parse *, struct tsn_node *by, struct tsn_node *at,
    struct tsn_span by_span, struct tsn_span at_span);
struct tsn_node *tsn_build_time(struct tsn_parse *, enum tsn_node_kind, struct tsn_node *value,
    struct tsn_span);
struct tsn_node *tsn_build_received(struct tsn_parse *, struct tsn_span);
struct tsn_node *tsn_build_mask(struct tsn_parse *, struct tsn_node *key, const struct tsn_node *v4,
    const struct tsn_node *v6, struct tsn_span);

#endif
