/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is legal in a rule and yet most likely not meant: conditions that can never or always be true, exceptions that hide
 * nothing, windows without a bound, shapes that cost much, rules without tests or metadata, names that shadow others.
 * Each finding is a diagnostic at its place, so that editors and people read it as they read errors.
 */
#ifndef TSN_AUTHOR_LINT_H
#define TSN_AUTHOR_LINT_H

#include "compile/compile.h"

/* Findings go to [diags] as warnings; returns how many. The sources of [rs] must still live. [rs] compiled with tests. */
size_t tsn_lint(const struct tsn_ruleset *rs, struct tsn_diags *diags);

#endif
