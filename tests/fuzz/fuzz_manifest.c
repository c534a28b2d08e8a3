/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Manifests: what is let in prints and reads as itself, and its paths stay below a folder. */
#include <string.h>

#include "ruleset/manifest.h"
#include "ruleset/names.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TSN_RULESET_ERROR] = "";
	struct tsn_buf one = TSN_BUF_INIT, two = TSN_BUF_INIT;
	struct tsn_manifest m, again;

	if (tsn_manifest_parse((const char *)data, size, &m, error)) {
		for (size_t i = 0; i < m.nfiles; i++)
			REQUIRE(tsn_ruleset_path_ok(m.file[i].path) && (i == 0 || strcmp(m.file[i - 1].path, m.file[i].path) < 0));
		tsn_manifest_print(&m, &one);
		REQUIRE(tsn_manifest_parse(tsn_buf_str(&one), one.len, &again, error));
		tsn_manifest_print(&again, &two);
		REQUIRE(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
		tsn_manifest_fini(&again);
	} else {
		REQUIRE(error[0] != '\0');
	}
	tsn_manifest_fini(&m);
	tsn_buf_fini(&one);
	tsn_buf_fini(&two);
	return 0;
}
