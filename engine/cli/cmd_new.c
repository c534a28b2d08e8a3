/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin new: a rule to start from. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "author/skeleton.h"
#include "base/buf.h"
#include "base/clock.h"
#include "cli/inputs.h"
#include "cli/out_file.h"

static int
list(void)
{
	for (size_t i = 0; i < tsn_skeleton_count; i++)
		printf("%-10s %s\n", tsn_skeletons[i].kind, tsn_skeletons[i].help);
	return TSN_EXIT_OK;
}

static int
unknown_kind(const struct tsn_cli *c)
{
	struct tsn_nearest near = { 0 };

	for (size_t i = 0; i < tsn_skeleton_count; i++)
		tsn_nearest_offer(&near, c->kind, tsn_skeletons[i].kind);
	if (near.best != NULL)
		return tsn_cli_usage(c, "--kind: there is no \"%s\"; did you mean \"%s\"?", c->kind, near.best);
	return tsn_cli_usage(c, "--kind: there is no \"%s\"; tocsin new --list names them", c->kind);
}

/* A dot or a blank would make the name something else where it is filled in. */
static bool
is_word(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' && strlen(name) <= 64 &&
	    !(name[0] >= '0' && name[0] <= '9');
}

int
tsn_cmd_new(struct tsn_cli *c)
{
	const struct tsn_skeleton *s = tsn_skeleton_find(c->kind == NULL ? "count" : c->kind);
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_buf out = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	if (c->list)
		return list();
	if (c->args.n != 1)
		return tsn_cli_usage(c, "name the rule");
	if (s == NULL)
		return unknown_kind(c);
	if (!is_word(c->args.v[0]))
		return tsn_cli_usage(c, "\"%s\" is no name of a rule: small letters, digits and _, at most 64", c->args.v[0]);
	sources = tsn_sources_new();
	diags = tsn_diags_new();
	if (sources == NULL || diags == NULL) {
		status = tsn_cli_no_memory();
	} else if (tsn_skeleton_write(s, c->args.v[0], (int64_t)time(NULL) * TSN_SECOND, sources, diags, &out)) {
		status = tsn_cli_put_new(c->output, &out);
	} else {
		tsn_cli_print_diags(c, diags, sources);
		status = tsn_diags_errors(diags) > 0 ? TSN_EXIT_RULES : tsn_cli_no_memory();
	}
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return status;
}
