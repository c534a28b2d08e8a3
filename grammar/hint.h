/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the wording of syntax errors. A fault is the token that does not fit and what is
 * known around it. Each tsn_hint_* looks for one habit or slip, and reports it or returns false.
 */
#ifndef TSN_GRAMMAR_HINT_H
#define TSN_GRAMMAR_HINT_H

#include "grammar/internal.h"

/* Longer texts are cut in messages. */
#define TSN_QUOTED 40

struct tsn_fault {
	struct tsn_parse *p;
	const struct tsn_token *t;      /* the token that does not fit */
	const struct tsn_token *before; /* NULL at the beginning */
	bool (*fits)(const void *, int token);
	const void *arg;
};

/* Whether the parser would have taken such a token here. */
bool tsn_fault_fits(const struct tsn_fault *f, int token);
/* An operand has just ended, so that an operator or something new may follow; one is due. */
bool tsn_fault_after_operand(const struct tsn_fault *f);
bool tsn_fault_wants_operand(const struct tsn_fault *f);
/* The text of a token, cut to TSN_QUOTED; returns [buf]. */
const char *tsn_fault_quote(const struct tsn_fault *f, const struct tsn_token *t, char *buf,
    size_t size);
struct tsn_diag *tsn_fault_report(const struct tsn_fault *f, enum tsn_diag_code code,
    const char *what);
bool tsn_fault_is_word(const struct tsn_token *t);
bool tsn_fault_is_literal(const struct tsn_token *t);
/* After let, set, table, define, rule, ruleset: a name is due. */
bool tsn_fault_is_binding(const struct tsn_token *t);

/* hint_words.c: words that are wrong. */
bool tsn_hint_capitals(const struct tsn_fault *f);
bool tsn_hint_name(const struct tsn_fault *f);
bool tsn_hint_habit(const struct tsn_fault *f);
bool tsn_hint_misspelt(const struct tsn_fault *f);
bool tsn_hint_unknown_clause(const struct tsn_fault *f);

/* hint_missing.c: what was left out. */
bool tsn_hint_equals(const struct tsn_fault *f);
bool tsn_hint_clause_equals(const struct tsn_fault *f);
bool tsn_hint_severity(const struct tsn_fault *f);
bool tsn_hint_no_equals(const struct tsn_fault *f);
bool tsn_hint_has(const struct tsn_fault *f);
bool tsn_hint_no_operator(const struct tsn_fault *f);
bool tsn_hint_comma(const struct tsn_fault *f);
bool tsn_hint_window(const struct tsn_fault *f);
bool tsn_hint_brace(const struct tsn_fault *f);
bool tsn_hint_string(const struct tsn_fault *f);
bool tsn_hint_operand(const struct tsn_fault *f);

#endif
