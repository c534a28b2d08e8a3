/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * index.json of a source, always with index.json.minisig beside it:
 *
 *  { "format": 1, "serial": 412, "generated": "2026-11-23T06:00:00Z", "expires": "2026-12-07T06:00:00Z",
 *    "rulesets": [ { "name": "worms", "summary": "...", "license": "CC0-1.0", "author": "...", "homepage": "...", "channel": "emerging",
 *      "versions": [ { "version": "2026.11.1", "engine": "1.0", "url": "worms-2026.11.1.tar.zst", "size": 48213,
 *                      "sha256": "...", "rules": 12 } ] } ] }
 *
 * versions newest first; url relative to the index. summary, license, author, homepage, channel and engine may be missing.
 */
#ifndef TSN_RULESET_INDEX_H
#define TSN_RULESET_INDEX_H

#include "ruleset/archive.h"

struct tsn_index_version {
	char *version, *engine, *url;
	uint64_t size;
	char sha256[65];
	uint32_t rules;
};

struct tsn_index_ruleset {
	char *name, *summary, *license, *author, *homepage, *channel;
	struct tsn_index_version *version; size_t nversions;
};

struct tsn_index {
	uint64_t serial;
	int64_t generated, expires;       /* ms since 1970 */
	struct tsn_index_ruleset *ruleset; size_t nrulesets;
};

#define TSN_INDEX_BYTES_MAX    (4u << 20)
#define TSN_INDEX_RULESETS_MAX 10000u
#define TSN_INDEX_VERSIONS_MAX 1000u         /* of one ruleset */

/* Any bytes; names, versions and urls that could leave a folder are refused here. */
bool tsn_index_parse(const char *text, size_t len, struct tsn_index *out, char error[TSN_RULESET_ERROR]);
void tsn_index_fini(struct tsn_index *x);
/*
 * The archives of [dir], all of them read and checked: JSON into [out]. Serial: one more than that of the index.json there, or 1.
 * Summaries, which rules do not have, are kept from the index.json there: that is where one writes them.
 */
struct tsn_buf;
bool tsn_index_make(const char *dir, int64_t now_ms, int64_t expires_ms, struct tsn_buf *out, char error[TSN_RULESET_ERROR]);

#endif
