/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Calls of stateful functions, shared by the files that check them: agg.c (what stands in the brackets, and the plain
 * functions, which are one aggregate), agg_made.c (functions made of several), agg_rules.c (those that name rules).
 */
#ifndef TSN_COMPILE_CALL_H
#define TSN_COMPILE_CALL_H

#include "compile/check.h"

enum ck_fn {
#define FUNCTION(sym, name, arguments, shape, result, help) CK_FN_##sym,
#include "compile/functions.def"
#undef FUNCTION
	CK_FN_COUNT_OF
};

struct ck_call {
	const struct tsn_node *node;
	enum ck_fn row;                      /* of functions.def */
	const struct tsn_node *arg[TSN_KEY_PARTS];
	size_t nargs;
	const struct tsn_node *where;        /* the condition, or NULL */
	struct tsn_ir_agg agg;
	const struct tsn_node *expect;       /* options, or NULL */
	const struct tsn_node *within[TSN_KEY_PARTS];
	size_t nwithin;
	const struct tsn_node *history, *season; /* the OPTION nodes, for spans */
	int64_t learn_ms;                    /* -1: not written */
	int64_t history_ms, season_ms;       /* 0: not written */
};

static const struct ck_val ck_bad = { .kind = CK_BAD };

/* --- agg.c --- */

/* Is it one aggregate of the flows it counts? */
bool ck_fn_is_plain(enum ck_fn row);
/* "FUNCTION what", with the shape of its arguments as a hint. */
struct tsn_diag *ck_call_wrong(const struct ck_env *, struct tsn_span, const struct ck_call *, const char *what);
/* Sorts what stands in the brackets. False: reported. */
bool ck_call_collect(const struct ck_env *, struct ck_call *);
bool ck_call_condition(const struct ck_env *, struct ck_call *);
bool ck_call_fields(const struct ck_env *, struct ck_call *);
/* The condition and-ed with the rule's `where` ([inner] is [e] for what stands inside); NULL: reported. */
const struct tsn_ir *ck_call_where(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *);
/* False, and an error, where there is no window. */
bool ck_call_scoped(const struct ck_env *, const struct ck_call *);
/* False, and an error, for the other kind of window, or `by A at B`. [because] says why, or NULL. */
bool ck_call_only(const struct ck_env *, const struct ck_call *, bool tumbling, const char *because);
/* Gives [a] the key and window of the scope. */
void ck_call_window(const struct ck_env *, struct tsn_ir_agg *a);
void ck_set_panes(struct tsn_ir_agg *a, int64_t step_ms);
/* Interns [a]; NULL: too deep, reported. */
const struct tsn_ir *ck_call_agg(const struct ck_env *, const struct ck_call *, struct tsn_ir_agg *a, enum tsn_type t);
/* Notes for the alert's key and warnings that the condition uses [agg], told apart by [key]. */
void ck_call_use(const struct ck_env *, const struct ck_call *, const struct tsn_ir *agg, const struct tsn_key_spec *key,
    bool bare, enum ck_use_kind kind);
/* A plain function inside the brackets of [k]: same scope, same bounds. NULL: reported. [*bare]: it counts all flows. */
const struct tsn_ir *ck_call_inner(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k, bool *bare);
/* S22: false, and an error, if one of the functions that look at time as a whole stands in [cond]. */
bool ck_call_nests(const struct ck_env *, const struct ck_call *, const struct tsn_node *at, const struct tsn_ir *cond);

/* --- agg_made.c, agg_rules.c: [e] where the call stands, [inner] for what stands inside --- */

struct ck_val ck_call_new(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);
struct ck_val ck_call_absent(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);
struct ck_val ck_call_rank(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);
struct ck_val ck_call_baseline(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);
struct ck_val ck_call_fired(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);
struct ck_val ck_call_sequence(const struct ck_env *e, const struct ck_env *inner, struct ck_call *);

#endif
