/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* manifest.json, the first file of an archive: what the archive is, and each other file with its size and hash. */
#ifndef TSN_RULESET_MANIFEST_H
#define TSN_RULESET_MANIFEST_H

#include "base/buf.h"
#include "ruleset/archive.h"

#define TSN_MANIFEST "manifest.json"
#define TSN_MANIFEST_BYTES_MAX (1u << 20)

/* Any bytes; names, versions and paths that could leave a folder are refused here. [m] is to be fini'd either way. */
bool tsn_manifest_parse(const char *text, size_t len, struct tsn_manifest *m, char error[TSN_RULESET_ERROR]);
/* The same bytes for the same manifest. */
void tsn_manifest_print(const struct tsn_manifest *m, struct tsn_buf *out);
/* Sorts the files bytewise and sees that no two are one but for capitals. */
bool tsn_manifest_sort(struct tsn_manifest *m, char error[TSN_RULESET_ERROR]);

#endif
