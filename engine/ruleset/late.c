/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/late.h"

#include "base/late.h"
#include "ruleset/file.h"

#if defined(TSN_HAVE_CURL) || defined(TSN_HAVE_ARCHIVE)
static bool
load(const char *name, const struct tsn_late_function *f, size_t n, void *functions, void **library,
    char error[TSN_RULESET_ERROR])
{
	char why[TSN_RULESET_ERROR];

	*library = tsn_late_open(name, f, n, functions, why, sizeof(why));
	return *library != NULL || tsn_ruleset_fail(error, "%s", why);
}
#endif

#ifdef TSN_HAVE_CURL
bool
tsn_late_curl_open(struct tsn_late_curl *l, char error[TSN_RULESET_ERROR])
{
	static const struct tsn_late_function functions[] = {
#define CURL(function) { #function, offsetof(struct tsn_late_curl, function) },
#define ARCHIVE(function)
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
	};

	return load("libcurl.so.4", functions, sizeof(functions) / sizeof(functions[0]), l, &l->library, error);
}

void
tsn_late_curl_close(struct tsn_late_curl *l)
{
	tsn_late_close(l->library);
}
#endif

#ifdef TSN_HAVE_ARCHIVE
bool
tsn_late_archive_open(struct tsn_late_archive *l, char error[TSN_RULESET_ERROR])
{
	static const struct tsn_late_function functions[] = {
#define CURL(function)
#define ARCHIVE(function) { #function, offsetof(struct tsn_late_archive, function) },
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
	};

	return load("libarchive.so.13", functions, sizeof(functions) / sizeof(functions[0]), l, &l->library, error);
}

void
tsn_late_archive_close(struct tsn_late_archive *l)
{
	tsn_late_close(l->library);
}
#endif
