/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * NAME-VERSION.tar.zst: a folder NAME-VERSION/ with manifest.json, *.tsn and the data files they name. Written the same byte for
 * byte from the same folder, whoever packs it. Read by libarchive under caps, into a folder nobody else uses yet.
 */
#ifndef TSN_RULESET_ARCHIVE_H
#define TSN_RULESET_ARCHIVE_H

#include "ruleset/minisign.h"

/* Caps of what an archive may hold; a breach refuses the whole archive. */
#define TSN_ARCHIVE_PACKED_MAX   (16u << 20)
#define TSN_ARCHIVE_UNPACKED_MAX (64u << 20)
#define TSN_ARCHIVE_FILES_MAX    1000u
#define TSN_ARCHIVE_RULES_MAX    10000u

struct tsn_manifest_file {
	char *path;                /* relative, "/" between, no ".." */
	uint64_t size;
	char sha256[65];
};

/* manifest.json. Strings are owned. */
struct tsn_manifest {
	char *name, *version, *license, *author, *homepage, *requires, *channel; /* from `ruleset NAME { }`; NULL if not given */
	uint32_t rules, tests;
	struct tsn_manifest_file *file; size_t nfiles;   /* sorted bytewise */
};
void tsn_manifest_fini(struct tsn_manifest *m);

/* Packs [dir]'s *.tsn and what they name into [path]. [m] has been filled by the caller but for its files. */
bool tsn_archive_write(const char *dir, const char *path, struct tsn_manifest *m, char error[TSN_RULESET_ERROR]);
/*
 * Unpacks archive bytes, which were verified before, below [into] (existing, empty) without the leading folder, and reads its manifest;
 * every file must be in it with its size and hash, and nothing else may be there. Files are synced. On failure [into] may hold a part,
 * and [m] is empty. With [into] NULL all is checked and nothing written.
 */
bool tsn_archive_unpack(const uint8_t *bytes, size_t len, const char *into, struct tsn_manifest *m, char error[TSN_RULESET_ERROR]);

#endif
