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
	tsn_names_fini(&p->rule_names);
	/* the program itself lies in its arena */
	tsn_arena_free(p->arena);
}

bool
tsn_program_name_rules(struct tsn_program *p)
{
	for (uint32_t i = 0; i < p->nrules; i++)
		if (!tsn_names_add(&p->rule_names, p->rules[i].name, i))
			return false;
	return true;
}

uint32_t
tsn_program_find_rule(const struct tsn_program *p, const char *name)
{
	const struct tsn_names *names = p->of != NULL ? &p->of->rule_names : &p->rule_names;

	if (names->slot != NULL)
		return tsn_names_find(names, name);
	for (uint32_t i = 0; i < p->nrules; i++)
		if (strcmp(p->rules[i].name, name) == 0)
			return i;
	return TSN_NAMES_NONE;
}

/* --- one after another --- */

static const struct tsn_program *
whole(const struct tsn_program *p)
{
	return p->of != NULL ? p->of : p;
}

static bool
same_canon(const struct tsn_rule *a, const struct tsn_rule *b)
{
	return a->canon != NULL && b->canon != NULL && strcmp(a->canon, b->canon) == 0;
}

bool
tsn_program_follow(struct tsn_program *p, const struct tsn_program *old)
{
	struct tsn_succession s = { old, tsn_arena_alloc(p->arena, (p->nrules + 1) * sizeof(*s.was)),
		tsn_arena_alloc(p->arena, p->nrules + 1), tsn_arena_alloc(p->arena, (old->nrules + 1) * sizeof(*s.now)) };

	if (s.was == NULL || s.same == NULL || s.now == NULL)
		return false;
	for (uint32_t i = 0; i < old->nrules; i++)
		s.now[i] = tsn_program_find_rule(p, old->rules[i].name);
	for (uint32_t i = 0; i < p->nrules; i++) {
		s.was[i] = tsn_program_find_rule(old, p->rules[i].name);
		s.same[i] = s.was[i] != TSN_NAMES_NONE && same_canon(&p->rules[i], &old->rules[s.was[i]]);
	}
	p->after = s;
	return true;
}

uint32_t
tsn_program_was(const struct tsn_program *p, uint32_t rule, const struct tsn_program *old)
{
	const struct tsn_succession *s = &whole(p)->after;

	return s->old == whole(old) ? s->was[rule] : tsn_program_find_rule(old, p->rules[rule].name);
}

uint32_t
tsn_program_now(const struct tsn_program *p, const struct tsn_program *old, uint32_t rule)
{
	const struct tsn_succession *s = &whole(p)->after;

	return s->old == whole(old) ? s->now[rule] : tsn_program_find_rule(p, old->rules[rule].name);
}

bool
tsn_program_same(const struct tsn_program *p, uint32_t rule, const struct tsn_program *old)
{
	const struct tsn_succession *s = &whole(p)->after;
	uint32_t was;

	if (s->old == whole(old))
		return s->same[rule];
	was = tsn_program_find_rule(old, p->rules[rule].name);
	return was != TSN_NAMES_NONE && same_canon(&p->rules[rule], &old->rules[was]);
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
