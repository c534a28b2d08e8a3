/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Regular expressions: PCRE2 with its JIT where the machine allows it, under
 * limits. A match that hits a limit, or fails otherwise, is undecided: it is neither true nor false.
 */
#ifndef TSN_VM_REGEX_H
#define TSN_VM_REGEX_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "flow/mask.h"
#include "flow/value.h"

#define TSN_REGEX_ERROR 160 /* fits every message of tsn_regex_compile */
#define TSN_REGEX_MATCH_LIMIT 100000u
#define TSN_REGEX_HEAP_LIMIT 8192u /* KiB, of the interpreter */

/*
 * [flags] are PCRE2 options; text is bytes unless they hold PCRE2_UTF. NULL: not a
 * pattern, then [error] says why and [*at] where (a byte of it); or memory is out, then [error] is empty.
 */
pcre2_code *tsn_regex_compile(const char *pattern, size_t len, uint32_t flags, char error[TSN_REGEX_ERROR],
    size_t *at);

/* What matching needs besides the pattern; one a vm. */
struct tsn_regex;
struct tsn_regex *tsn_regex_new(void);
void tsn_regex_free(struct tsn_regex *r);

/* Matches the strings of [rows]; [decided] is those of them that could be decided. Returns how many could not. */
uint32_t tsn_regex_rows(struct tsn_regex *r, const pcre2_code *code, const struct tsn_str *col,
    const struct tsn_mask *rows, struct tsn_mask *out, struct tsn_mask *decided);

#endif
