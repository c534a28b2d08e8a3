/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What of a folder goes into an archive: its *.tsn, the data files that they name, LICENSE, CHANGES.md and README.md. What the
 * rules say in ruleset NAME { } fills the manifest. Rules that could not be installed are refused at their place.
 */
#ifndef TSN_RULESET_CONTENTS_H
#define TSN_RULESET_CONTENTS_H

#include "grammar/diag.h"
#include "ruleset/archive.h"

/*
 * Fills [m] but for rules, tests and the files' sizes and hashes. What is wrong with the rules goes to [diags] (their texts to
 * [sources]), the rest to [error], which is "" if only the rules are wrong. [m] is to be fini'd either way.
 */
bool tsn_contents_read(const char *dir, struct tsn_sources *sources, struct tsn_diags *diags, struct tsn_manifest *m,
    char error[TSN_RULESET_ERROR]);

#endif
