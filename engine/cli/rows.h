/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Rows held for sorting: with a limit only the best so far, in a heap; else all, up to a bound. */
#ifndef TSN_CLI_ROWS_H
#define TSN_CLI_ROWS_H

#include "cli/view.h"

#define TSN_ROWS_MAX 20000000u /* rows sorted at once */

struct tsn_row;

struct tsn_rows {
	const struct tsn_sorts *sorts;
	size_t limit; /* rows wanted */
	struct tsn_row **row;
	size_t n, cap;
	uint64_t seen;
	bool no_memory, too_many; /* nothing is taken any more */
	struct tsn_buf scratch;
};

void tsn_rows_fini(struct tsn_rows *r);
/* Keeps what the view would show of the row, if it may be among those wanted. */
void tsn_rows_add(struct tsn_rows *r, const struct tsn_view *v, const struct tsn_batch *b, uint32_t row);
/* Sorts, and shows all of them. */
void tsn_rows_show(struct tsn_rows *r, struct tsn_view *v);

#endif
