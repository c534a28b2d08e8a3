/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Diagnostics: every stage from scanner to compiler reports here, and one printer shows them.
 *
 * A diagnostic has a severity, a stable code (codes.def), a message, a span, perhaps a second
 * span with its own label, and perhaps a hint. Messages are copied; a tsn_diags outlives the
 * sources it points into only if it is printed first. Not for use by two threads at once.
 * This room must not print by itself: text goes into a buffer and the caller writes it.
 *
 * Follow-ons are suppressed here: an error that touches the span of an earlier error, or lies
 * in a stretch that tsn_diags_poison() has marked as already broken, is dropped.
 */
#ifndef TSN_GRAMMAR_DIAG_H
#define TSN_GRAMMAR_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "grammar/ast.h"

#define TSN_DIAG_ERRORS_MAX 20
#define TSN_DIAG_WARNINGS_MAX 100

enum tsn_diag_severity { TSN_DIAG_ERROR, TSN_DIAG_WARNING, TSN_DIAG_NOTE };

enum tsn_diag_code {
#define CODE(sym, number, help) TSN_E_##sym = number,
#include "grammar/codes.def"
#undef CODE
};

/* A span that belongs to no text (an error about a whole file or a missing one). */
#define TSN_SPAN_NONE ((struct tsn_span){ UINT32_MAX, 0, 0 })

struct tsn_diag;
struct tsn_diags;

/* NULL when memory is out. Every function below accepts NULL diags and does nothing. */
struct tsn_diags *tsn_diags_new(void);
void tsn_diags_free(struct tsn_diags *);

/*
 * Adds one. The result may be given to tsn_diag_hint and tsn_diag_also; it is NULL when the
 * diagnostic was dropped (follow-on, too many, out of memory), which those two accept.
 * It is valid until the next call that adds.
 */
struct tsn_diag *tsn_diag_error(struct tsn_diags *, enum tsn_diag_code, struct tsn_span,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct tsn_diag *tsn_diag_warn(struct tsn_diags *, enum tsn_diag_code, struct tsn_span,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Printed after the caret: `did you mean "dst_port"?`, `write x == y`. */
void tsn_diag_hint(struct tsn_diag *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A second place, with what it has to do with it: "opened here". */
void tsn_diag_also(struct tsn_diag *, struct tsn_span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Later errors that begin inside [span] are follow-ons. */
void tsn_diags_poison(struct tsn_diags *, struct tsn_span);

/* Errors found, also those beyond the cap; warnings kept. */
size_t tsn_diags_errors(const struct tsn_diags *);
/* Is an error of this code among those kept? */
bool tsn_diags_have(const struct tsn_diags *, enum tsn_diag_code);
size_t tsn_diags_warnings(const struct tsn_diags *);

/* All of them, in order of file and position. Names and lines come from [sources]. */
void tsn_diags_print(struct tsn_diags *, const struct tsn_sources *, bool colour, struct tsn_buf *out);

/* One as others may read it: lines and columns from 1, [end_] behind its last character; [file] NULL without a place. */
struct tsn_diag_view {
	enum tsn_diag_severity severity;
	enum tsn_diag_code code;
	const char *message, *hint;  /* hint: or NULL */
	const char *file;
	unsigned line, column, end_line, end_column;
};
/* All of them, in order of file and position. */
void tsn_diags_each(struct tsn_diags *, const struct tsn_sources *, void (*each)(void *arg, const struct tsn_diag_view *), void *arg);
/* Forgets the warnings for which [keep] says no. */
void tsn_diags_filter(struct tsn_diags *, const struct tsn_sources *, bool (*keep)(void *arg, const struct tsn_diag_view *), void *arg);

/*
 * Line and column (both from 1, in characters, a tab is one) of a byte offset.
 */
void tsn_source_locate(const struct tsn_source *, size_t offset, unsigned *line, unsigned *column);
/* The line alone, and where it begins. */
unsigned tsn_source_line(const struct tsn_source *, size_t offset, size_t *begin);

/*
 * The candidate nearest to [name] by Damerau-Levenshtein distance, or NULL if none is near
 * enough to offer (a third of its length, at least 1). Ties go to the first.
 */
const char *tsn_nearest(const char *name, const char *const *candidates, size_t n);

/* For candidates that do not lie in one array: start with {0}, offer each, read best. */
struct tsn_nearest {
	const char *best;
	unsigned distance;
};
void tsn_nearest_offer(struct tsn_nearest *, const char *name, const char *candidate);

#endif
