/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Names, versions and paths that strangers give, and what of them is let in: all of them become names of files. */
#ifndef TSN_RULESET_NAMES_H
#define TSN_RULESET_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define TSN_NAME_MAX 64
#define TSN_VERSION_MAX 32
#define TSN_PATH_MAX 200

/* [a-z][a-z0-9_]{0,63}, narrower than the language: it is one everywhere. Not "local", which alerts of a site's own rules say. */
bool tsn_ruleset_name_ok(const char *name);
/*
 * 2026.11.9, 1.4.0, 2.0-rc.1: one to four numbers without needless zeros and, after a dash, words and numbers, by dots; at
 * most TSN_VERSION_MAX bytes. Two versions that are equal are equal byte for byte.
 */
bool tsn_version_ok(const char *version);
/*
 * <0, 0, >0. Part by part as numbers; 1.4 is before 1.4.0, what has a dash before what has none, and after the dash
 * numbers before words (Semantic Versioning 2.0.0, 11).
 */
int tsn_version_compare(const char *a, const char *b);
/*
 * A path below a folder: names of letters, digits and ._- that begin with a letter or digit and do not end with a dot, "/"
 * between, at most eight deep; so nothing hidden, nothing absolute, no "..", nothing that URLs or shells read otherwise.
 */
bool tsn_ruleset_path_ok(const char *path);
/* How paths are ordered that differ in nothing but capitals: 0 if they are one file on some systems. */
int tsn_ruleset_path_fold_compare(const char *a, const char *b);

#endif
