/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>
#include <strings.h>

#include "ruleset/names.h"

#define DIGITS   "0123456789"
#define SMALL    "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NUMBERS_MAX 4
#define NUMBER_DIGITS_MAX 9
#define DEPTH_MAX 8
#define COMPONENT_MAX 128

bool
tsn_ruleset_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= TSN_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' && strspn(name, SMALL DIGITS "_") == n &&
	    strcmp(name, "local") != 0;
}

/* Does [n] bytes of digits make a number that is written in one way only? */
static bool
number_ok(const char *p, size_t n)
{
	return n > 0 && n <= NUMBER_DIGITS_MAX && strspn(p, DIGITS) >= n && (n == 1 || p[0] != '0');
}

static bool
after_dash_ok(const char *p)
{
	for (;;) {
		size_t n = strspn(p, SMALL DIGITS);

		if (n == 0 || (strspn(p, DIGITS) >= n && !number_ok(p, n)))
			return false;
		p += n;
		if (*p == '\0')
			return true;
		if (*p++ != '.')
			return false;
	}
}

bool
tsn_version_ok(const char *version)
{
	const char *p = version;

	if (strlen(version) > TSN_VERSION_MAX)
		return false;
	for (int i = 0; i < NUMBERS_MAX; i++) {
		size_t n = strspn(p, DIGITS);

		if (!number_ok(p, n))
			return false;
		p += n;
		if (*p == '\0')
			return true;
		if (*p == '-')
			return after_dash_ok(p + 1);
		if (*p++ != '.')
			return false;
	}
	return false;
}

/* Two parts, [n] and [m] bytes: as numbers if both are, else numbers first. */
static int
compare_parts(const char *a, size_t n, const char *b, size_t m)
{
	bool na = strspn(a, DIGITS) >= n, nb = strspn(b, DIGITS) >= m;
	int order;

	if (na != nb)
		return na ? -1 : 1;
	if (na && n != m) /* no needless zeros: more digits are more */
		return n < m ? -1 : 1;
	order = memcmp(a, b, n < m ? n : m);
	return order != 0 ? order : n < m ? -1 : n > m;
}

/* Parts between dots, up to [end] or the end of the text. */
static int
compare_lists(const char *a, const char *b, const char *end)
{
	for (;;) {
		size_t n = strcspn(a, end), m = strcspn(b, end);
		int order = compare_parts(a, n, b, m);

		if (order != 0)
			return order;
		a += n;
		b += m;
		if (*a != '.' || *b != '.')
			return (*a == '.') - (*b == '.');
		a++;
		b++;
	}
}

int
tsn_version_compare(const char *a, const char *b)
{
	int order = compare_lists(a, b, ".-");
	const char *da = strchr(a, '-'), *db = strchr(b, '-');

	if (order != 0)
		return order;
	if (da == NULL || db == NULL)
		return (da == NULL) - (db == NULL);
	return compare_lists(da + 1, db + 1, ".");
}

bool
tsn_ruleset_path_ok(const char *path)
{
	const char *p = path;

	if (strlen(path) > TSN_PATH_MAX)
		return false;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		size_t n = strspn(p, SMALL CAPITALS DIGITS "._-");

		if (n == 0 || n > COMPONENT_MAX || strchr("._-", p[0]) != NULL || p[n - 1] == '.')
			return false;
		p += n;
		if (*p == '\0')
			return true;
		if (*p++ != '/')
			return false;
	}
	return false;
}

int
tsn_ruleset_path_fold_compare(const char *a, const char *b)
{
	return strcasecmp(a, b); /* ASCII only, as tsn_ruleset_path_ok lets in */
}
