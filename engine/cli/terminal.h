/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a terminal asks of text: its width, colours, numbers short enough to read, nothing that moves the cursor. */
#ifndef TSN_CLI_TERMINAL_H
#define TSN_CLI_TERMINAL_H

#include "base/buf.h"

enum tsn_style { TSN_PLAIN, TSN_BOLD, TSN_DIM, TSN_RED, TSN_YELLOW, TSN_CYAN, TSN_MAGENTA };

/* Columns of what stdout leads to: COLUMNS if set, else the terminal's; 0: unlimited (a file, a pipe). */
unsigned tsn_terminal_width(void);
/* Puts [text] in [style], if [color]. */
void tsn_terminal_style(struct tsn_buf *out, bool color, enum tsn_style style, const char *text);
/* Three digits and K, M, G... of a thousand each; whole numbers below 10,000 as they are, others with one decimal. */
void tsn_human(struct tsn_buf *out, double v, bool whole);
/*
 * Appends [n] bytes that came from a network: control characters and what is no UTF-8 become '?'. At most [most]
 * characters, the last one an ellipsis if any are left out (0: all). Returns how many characters were put.
 */
unsigned tsn_terminal_text(struct tsn_buf *out, const char *p, size_t n, unsigned most);

#endif
