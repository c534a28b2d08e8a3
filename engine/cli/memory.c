/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin explain --memory: what groups and windows may take at their worst. */
#include "cli/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "compile/budget.h"
#include "state/spare.h"

static void
size_text(uint64_t bytes, char out[32])
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes;
	int u = 0;

	for (; v >= 1024 && u < 5; u++)
		v /= 1024;
	snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
}

/* The rules that read a family, in their order. */
static void
readers(const struct tsn_program *p, uint32_t family)
{
	const char *before = "  of ";

	for (uint32_t i = 0; i < p->nrules; i++)
		for (uint32_t k = 0; k < p->rules[i].families_n; k++)
			if (p->rules[i].families[k] == family) {
				printf("%s%s", before, p->rules[i].name);
				before = ", ";
			}
	putchar('\n');
}

static void
functions(const struct tsn_family_def *f)
{
	for (uint32_t i = 0; i < f->naggs; i++)
		printf("    %s\n", f->agg[i].canon);
}

static void
say_family(const struct tsn_program *p, uint32_t i)
{
	char group[32], beside[32], all[32];
	struct tsn_family_memory s;

	tsn_budget_of_family(&p->families[i], &s);
	size_text(s.group, group);
	size_text(s.in_all, all);
	printf("%12" PRIu64 "%10s", s.groups, group);
	if (s.beside > 0) {
		size_text(s.beside, beside);
		printf("%12" PRIu64 " x %-10s", s.grown, beside);
	} else {
		printf("%25s", "");
	}
	printf("%11s  %s\n", all, p->families[i].canon);
	functions(&p->families[i]);
	readers(p, i);
}

int
tsn_cli_memory(const struct tsn_ruleset *r)
{
	const struct tsn_program *p = r->program;
	char worst[32], memory[32];

	printf("      groups     each           grown beside      in all  kept\n");
	for (uint32_t i = 0; i < p->nfamilies; i++)
		say_family(p, i);
	size_text(tsn_budget_worst(p), worst);
	printf("\nat their worst together: %s (%" PRIu64 " bytes), the moment an array grows included\n", worst, tsn_budget_worst(p));
	if (tsn_budget_closing(p) > 0) {
		size_text(tsn_budget_closing(p), worst);
		printf("of that, while a tick closes windows: %s (%" PRIu64 " bytes) if all groups have one that ends\n", worst, tsn_budget_closing(p));
	}
	size_text(tsn_budget_apart(p), worst);
	printf("beside that: up to %s if a reload finds all groups made for other functions of the same keys\n", worst);
	size_text(TSN_SPARE_MOST, worst);
	printf("beside that: up to %s a state of pages that tables of keys have outgrown, for the next that grows\n", worst);
	if (r->site.memory == 0) {
		printf("site { memory ... } divides what you give among them\n");
	} else {
		size_text(r->site.memory, memory);
		printf("the site gives them %s (%" PRIu64 " bytes)%s\n", memory, r->site.memory,
		    tsn_program_pairs(p) ? ", of which an eighth is for conversations that wait for their answer" : "");
	}
	return 0;
}
