/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Indexes of sources: whatever is let in has names and addresses that stay below a folder, and versions in order. */
#include "ruleset/index.h"
#include "ruleset/names.h"
#include "fuzz/fuzz.h"

static void
look(const struct tsn_index_ruleset *r)
{
	REQUIRE(tsn_ruleset_name_ok(r->name) && r->nversions > 0);
	for (size_t i = 0; i < r->nversions; i++) {
		REQUIRE(tsn_version_ok(r->version[i].version) && tsn_ruleset_path_ok(r->version[i].url));
		REQUIRE(r->version[i].size <= TSN_ARCHIVE_PACKED_MAX && r->version[i].sha256[63] != '\0');
		REQUIRE(i == 0 || tsn_version_compare(r->version[i - 1].version, r->version[i].version) > 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TSN_RULESET_ERROR] = "";
	struct tsn_index x;

	if (tsn_index_parse((const char *)data, size, &x, error)) {
		REQUIRE(x.serial > 0 && x.expires > x.generated);
		for (size_t i = 0; i < x.nrulesets; i++)
			look(&x.ruleset[i]);
	} else {
		REQUIRE(x.ruleset == NULL && error[0] != '\0');
	}
	tsn_index_fini(&x);
	return 0;
}
