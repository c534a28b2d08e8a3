/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes, as a rule file and as a condition: parsed, diagnosed, printed and, if they are
 * right, formatted, with the promises of the formatter checked. Seeds: corpus/rules. Without
 * libFuzzer build with -DTSN_FUZZ_MAIN and give it files.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"
#include "fuzz/fuzz.h"

static void
check_fmt(struct tsn_sources *sources, struct tsn_node *tree)
{
	struct tsn_buf once = TSN_BUF_INIT, twice = TSN_BUF_INIT;
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_node *again;

	REQUIRE(tsn_fmt(sources, (uint32_t)(sources->n - 1), &once));
	again = tsn_parse_text(sources, "again", tsn_buf_str(&once), once.len, diags);
	REQUIRE(again != NULL && tsn_diags_errors(diags) == 0 && tsn_node_equal(tree, again));
	REQUIRE(tsn_fmt(sources, (uint32_t)(sources->n - 1), &twice));
	REQUIRE(once.len == twice.len && memcmp(tsn_buf_str(&once), tsn_buf_str(&twice), once.len) == 0);
	tsn_diags_free(diags);
	tsn_buf_fini(&once);
	tsn_buf_fini(&twice);
}

static void
run(const char *text, size_t len, bool expr)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_node *tree = (expr ? tsn_parse_expr : tsn_parse_text)(sources, "fuzz", text, len, diags);

	tsn_node_dump(tree, &out);
	tsn_diags_print(diags, sources, true, &out);
	REQUIRE(tree != NULL || tsn_diags_errors(diags) > 0);
	if (!expr && tsn_diags_errors(diags) == 0)
		check_fmt(sources, tree);
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run((const char *)data, size, false);
	run((const char *)data, size, true);
	return 0;
}
