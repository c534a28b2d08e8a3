/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* How `tocsin tune` shows what it found: text for terminals, a page for browsers, JSON for programs. */
#ifndef TSN_CLI_TUNE_H
#define TSN_CLI_TUNE_H

#include "author/tune.h"
#include "cli/inputs.h"

#define TSN_TUNE_BIN 80 /* text of a bin */

struct tsn_tune_view {
	const struct tsn_cli *cli;
	const struct tsn_tune *tune;
	const char *rule;          /* full name */
	uint64_t flows;
	int64_t first, last;       /* TSN_TIME_NONE without flows */
	size_t groups;             /* to list */
	bool disabled;
};

/* Alerts a day of candidate [i]; of less than a day, all of them. */
double tsn_tune_per_day(const struct tsn_tune *t, uint32_t i);
/* "src 10.0.0.5  dst_port 25", "all flows". */
void tsn_tune_key(const struct tsn_tune *t, const struct tsn_peak *x, struct tsn_buf *out);
/* "10 to <20", "0" */
void tsn_tune_bin_text(const struct tsn_tune_bin *b, char text[TSN_TUNE_BIN]);

void tsn_tune_text(const struct tsn_tune_view *v, struct tsn_buf *out);
void tsn_tune_json(const struct tsn_tune_view *v, struct tsn_buf *out);
void tsn_tune_html(const struct tsn_tune_view *v, struct tsn_buf *out);

#endif
