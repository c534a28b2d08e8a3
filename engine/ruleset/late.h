/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * libcurl and libarchive, loaded when a ruleset is fetched or unpacked and not before: they bring forty libraries more (TLS,
 * LDAP, Kerberos, XML, ICU), which a daemon that reads flows all year has no use for, nor a command that starts a thousand times.
 */
#ifndef TSN_RULESET_LATE_H
#define TSN_RULESET_LATE_H

#include "ruleset/minisign.h"

#ifdef TSN_HAVE_CURL
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

struct tsn_late_curl {
	void *library;
#define CURL(function) __typeof__(function) *function;
#define ARCHIVE(function)
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
};

/* False with a sentence when it is not installed. To be closed either way. */
bool tsn_late_curl_open(struct tsn_late_curl *l, char error[TSN_RULESET_ERROR]);
void tsn_late_curl_close(struct tsn_late_curl *l);
#endif

#ifdef TSN_HAVE_ARCHIVE
#include <archive.h>
#include <archive_entry.h>

struct tsn_late_archive {
	void *library;
#define CURL(function)
#define ARCHIVE(function) __typeof__(function) *function;
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
};

bool tsn_late_archive_open(struct tsn_late_archive *l, char error[TSN_RULESET_ERROR]);
void tsn_late_archive_close(struct tsn_late_archive *l);
#endif

#endif
