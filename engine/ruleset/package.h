/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One version of a ruleset on its way into the store: bytes whose signature holds and says the same name and version, then a
 * folder beside the versions in force, versions/NAME/.tmp-VERSION, which tsn_package_place gives its name.
 */
#ifndef TSN_RULESET_PACKAGE_H
#define TSN_RULESET_PACKAGE_H

#include "ruleset/source.h"

struct tsn_package {
	char *name, *version;            /* as the trusted comment says */
	struct tsn_buf bytes;
	char key[TSN_PUBLIC_KEY_TEXT];   /* by which it was verified */
	struct tsn_store_version as;     /* for the state; its [version] is this one's */
	struct tsn_manifest manifest;    /* once unpacked */
	char *dir;                       /* where it was unpacked */
};

/* From a source: as large as the index says, of its hash, and named like its entry. tsn_package_fini is due either way. */
bool tsn_package_fetch(const struct tsn_store_source *source, const struct tsn_index_ruleset *r, const struct tsn_index_version *v,
    struct tsn_package *p, char error[TSN_RULESET_ERROR]);
/* From a file with FILE.minisig beside it. tsn_package_fini is due either way. */
bool tsn_package_read(const char *path, const char key[TSN_PUBLIC_KEY_TEXT], struct tsn_package *p, char error[TSN_RULESET_ERROR]);
void tsn_package_fini(struct tsn_package *p);

/* Unpacks it aside. What was left there is removed first. */
bool tsn_package_unpack(const struct tsn_store_held *h, struct tsn_package *p, int64_t now_ms, char error[TSN_RULESET_ERROR]);
/* Renames the folder to its version; nothing uses it before the state names it. */
bool tsn_package_place(const struct tsn_store_held *h, const struct tsn_package *p, char error[TSN_RULESET_ERROR]);

#endif
