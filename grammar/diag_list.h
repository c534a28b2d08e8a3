/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to diag.c, diag_print.c and the parser: what a diagnostic is made of. */
#ifndef TSN_GRAMMAR_DIAG_LIST_H
#define TSN_GRAMMAR_DIAG_LIST_H

#include "grammar/diag.h"

struct tsn_diag {
	struct tsn_diags *list;
	enum tsn_diag_severity severity;
	enum tsn_diag_code code;
	struct tsn_span span;
	struct tsn_span also;    /* shown only with a label */
	const char *message;
	const char *hint;        /* or NULL */
	const char *label;       /* of also, or NULL */
	size_t file;             /* of the span, in the order in which sources were added; set where they are put in order */
	size_t order;            /* of being added: breaks ties of position */
};

struct tsn_diags {
	struct tsn_arena *arena; /* of diagnostics and their texts */
	struct tsn_diag **v;
	size_t n, cap;
	struct tsn_span *poison;
	size_t npoison, poison_cap;
	size_t errors;           /* also those not kept */
	size_t warnings;
	size_t said;             /* also what was dropped for whatever reason */
};

/* Grows whenever something is said, also if nobody will see it. */
size_t tsn_diags_said(const struct tsn_diags *);
/* Whether an error already points into [span]. */
bool tsn_diags_error_in(const struct tsn_diags *, struct tsn_span);

#endif
