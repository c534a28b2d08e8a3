/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/program.h"

void
tsn_program_free(struct tsn_program *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->nregexes; i++)
		pcre2_code_free(p->regexes[i]);
	/* the program itself lies in its arena */
	tsn_arena_free(p->arena);
}
