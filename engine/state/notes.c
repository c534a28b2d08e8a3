/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/notes.h"

const struct tsn_note_info tsn_notes[] = {
#define NOTE(name, agg, function) { name, TSN_AGG_##agg, function },
#include "state/notes.def"
#undef NOTE
	{ NULL, TSN_AGG_COUNT, NULL },
};
