/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/late.h"

#include <dlfcn.h>

#include "ruleset/file.h"

#if defined(TSN_HAVE_CURL) || defined(TSN_HAVE_ARCHIVE)
static void *
load(const char *name, char error[TSN_RULESET_ERROR])
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		tsn_ruleset_fail(error, "%s is needed here and cannot be loaded: %s", name, dlerror());
	return library;
}

/* [where]: a pointer to a function, of whatever type. */
static bool
find(void *library, const char *function, void *where, char error[TSN_RULESET_ERROR])
{
	void *p = dlsym(library, function);

	*(void **)where = p;
	return p != NULL || tsn_ruleset_fail(error, "the library has no %s: is it very old?", function);
}
#endif

#ifdef TSN_HAVE_CURL
bool
tsn_late_curl_open(struct tsn_late_curl *l, char error[TSN_RULESET_ERROR])
{
	*l = (struct tsn_late_curl){ .library = load("libcurl.so.4", error) };
	return l->library != NULL
#define CURL(function) && find(l->library, #function, &l->function, error)
#define ARCHIVE(function)
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
	    ;
}

void
tsn_late_curl_close(struct tsn_late_curl *l)
{
	if (l->library != NULL)
		dlclose(l->library);
}
#endif

#ifdef TSN_HAVE_ARCHIVE
bool
tsn_late_archive_open(struct tsn_late_archive *l, char error[TSN_RULESET_ERROR])
{
	*l = (struct tsn_late_archive){ .library = load("libarchive.so.13", error) };
	return l->library != NULL
#define CURL(function)
#define ARCHIVE(function) && find(l->library, #function, &l->function, error)
#include "ruleset/late.def"
#undef CURL
#undef ARCHIVE
	    ;
}

void
tsn_late_archive_close(struct tsn_late_archive *l)
{
	if (l->library != NULL)
		dlclose(l->library);
}
#endif
