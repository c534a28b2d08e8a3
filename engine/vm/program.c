/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/program.h"

#include <string.h>

void
tsn_program_free(struct tsn_program *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; p->of == NULL && i < p->nregexes; i++)
		pcre2_code_free(p->regexes[i]);
	/* the program itself lies in its arena */
	tsn_arena_free(p->arena);
}

const char *
tsn_rule_key_name(const struct tsn_rule *r, unsigned i)
{
	return r->key_name != NULL ? r->key_name[i] : tsn_fields[r->key.part[i].field].name;
}

bool
tsn_rule_same_key(const struct tsn_rule *a, const struct tsn_rule *b)
{
	const struct tsn_key_part *x = a->key.part, *y = b->key.part;

	if (a->key.n != b->key.n)
		return false;
	for (unsigned i = 0; i < a->key.n; i++)
		if (strcmp(tsn_rule_key_name(a, i), tsn_rule_key_name(b, i)) != 0 ||
		    tsn_fields[x[i].field].storage != tsn_fields[y[i].field].storage || x[i].v4_bits != y[i].v4_bits ||
		    x[i].v6_bits != y[i].v6_bits)
			return false;
	return true;
}

bool
tsn_program_pairs(const struct tsn_program *p)
{
	if (p->code[TSN_DOOR_TALK].n > 0)
		return true;
	for (uint32_t i = 0; i < p->nrules; i++)
		if (!p->rules[i].disabled && p->rules[i].requires_bits & TSN_REQ_BOTH_DIRECTIONS)
			return true;
	return false;
}
