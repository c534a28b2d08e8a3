/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the windows and groups of a program may take at their worst, and the division of the site's `memory` among them.
 * Shares are fixed here, when the program is made: what is in use at some moment decides nothing (LANGUAGE.md section 4).
 */
#ifndef TSN_COMPILE_BUDGET_H
#define TSN_COMPILE_BUDGET_H

#include "compile/compile.h"

/* One family of groups. */
struct tsn_family_memory {
	uint64_t groups;       /* at most */
	uint64_t group;        /* bytes of each at most */
	uint64_t grown;        /* groups that may have grown at the same time, if growing is bounded; else all */
	uint64_t beside;       /* bytes that one that has grown (sketches, members) takes beside its cells at most */
	uint64_t fixed;        /* bytes whatever the groups */
	uint64_t growing;      /* for a moment while its arrays grow */
	uint64_t in_all;       /* groups * group + grown * beside + fixed */
	uint64_t apart;        /* of all groups, if a reload finds them made for other functions; in no share of a site's memory */
};

void tsn_budget_of_family(const struct tsn_family_def *f, struct tsn_family_memory *out);
/*
 * All shares, the moment of growth of the one that needs most for it (families grow one after another), and that at which a
 * tick closes all windows there can be.
 */
uint64_t tsn_budget_worst(const struct tsn_program *p);
/* Of that, what a tick lists while it closes them. */
uint64_t tsn_budget_closing(const struct tsn_program *p);
/* Beside that, if a reload finds all groups made for other functions. */
uint64_t tsn_budget_apart(const struct tsn_program *p);

/*
 * Gives each family its share of [site->memory], less what is for conversations: those whose rules say max_keys have it, the others as many groups as
 * fit, all by the same factor. Without a `memory` everything stays. False, and an error with the numbers, if it
 * does not suffice for TSN_BUDGET_LEAST groups each.
 */
#define TSN_BUDGET_LEAST 1024u
/* What shares of installed rulesets are shares of where the site gives no `memory`. */
#define TSN_BUDGET_UNSAID (UINT64_C(4) << 30)
/*
 * [guest]: installed rulesets; groups that only rules of one of them read take at most its share, whether or not the site
 * says `memory`. Groups that a rule of the site's reads too are the site's.
 */
bool tsn_budget_divide(struct tsn_program *p, const struct tsn_site *site, const struct tsn_installed *guest, size_t nguests,
    struct tsn_diags *diags);

#endif
