/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to ruleset/: is an installed version still what was signed? */
#ifndef TSN_RULESET_INTACT_H
#define TSN_RULESET_INTACT_H

#include "ruleset/state.h"

/*
 * Every file of the folder [dir] is of the size and hash that its manifest says, the manifest is the one of [v], and there is
 * nothing else. [where]: what the folder is called in the sentence.
 */
bool tsn_store_intact(int dir, const struct tsn_store_version *v, const char *where, char error[TSN_RULESET_ERROR]);

#endif
