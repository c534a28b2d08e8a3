/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lists and filters of others. The first byte chooses the format (or that it is told from the text), the rest is the text. What is
 * taken must be a rule file that compiles.
 */
#include <stddef.h>
#include <string.h>

#include "author/import.h"
#include "compile/compile.h"
#include "fuzz/fuzz.h"

static void
must_compile(const struct tsn_buf *text)
{
	struct tsn_rule_text rules = { "imported", tsn_buf_str(text), text->len };
	struct tsn_compile_input in = { .texts = &rules, .ntexts = 1 };
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_ruleset *rs = tsn_check(sources, &in, diags);

	/* a condition may be one that no flow meets: that is an error of its author */
	if (rs == NULL) {
		struct tsn_buf why = TSN_BUF_INIT;

		tsn_diags_print(diags, sources, false, &why);
		REQUIRE(strstr(tsn_buf_str(&why), "[E202]") != NULL || strstr(tsn_buf_str(&why), "[E601]") != NULL ||
		    strstr(tsn_buf_str(&why), "[E201]") != NULL || strstr(tsn_buf_str(&why), "[E003]") != NULL);
		tsn_buf_fini(&why);
	}
	tsn_ruleset_free(rs);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tsn_import_options o = { .categories = "1,A,B\n2,C D,E\n", .least_score = 1 };
	const struct tsn_import_target t = { .name = "x", .source = "y", .now_ms = 1796000000000 };
	const char *text = (const char *)data + 1;
	struct tsn_import im;
	struct tsn_buf out = TSN_BUF_INIT;
	enum tsn_import_kind kind;

	if (size < 2 || size > 65536)
		return 0;
	kind = data[0] < TSN_IMPORT_KINDS ? (enum tsn_import_kind)data[0] : tsn_import_sniff(text, size - 1);
	if (tsn_import_read(&im, kind, &o, text, size - 1)) {
		tsn_import_write(&im, &t, &out);
		if (!out.failed)
			must_compile(&out);
	} else {
		REQUIRE(im.no_memory || im.error[0] != '\0');
	}
	tsn_import_fini(&im);
	tsn_buf_fini(&out);
	return 0;
}
