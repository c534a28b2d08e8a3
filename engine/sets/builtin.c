/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "sets/set.h"

enum what { MARTIAN, ALLOW, MULTICAST };

static const struct iana {
	enum what what;
	const char *prefix, *name, *reference;
} iana[] = {
#define IANA(what, prefix, name, reference) { what, prefix, name, reference },
#include "sets/iana.def"
#undef IANA
};

static const struct builtin {
	const char *name, *help;
	enum what member;
} builtins[] = {
	{ "iana_reserved", "addresses that are not of the public Internet (IANA special-purpose registries)", MARTIAN },
	{ "multicast", "224.0.0.0/4 and ff00::/8", MULTICAST },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
tsn_set_builtin_nth(size_t i)
{
	return i < COUNT(builtins) ? builtins[i].name : NULL;
}

const char *
tsn_set_builtin_help(size_t i)
{
	return i < COUNT(builtins) ? builtins[i].help : NULL;
}

static struct tsn_str
str(const char *s)
{
	return (struct tsn_str){ s, (uint32_t)strlen(s) };
}

static enum tsn_set_error
add(struct tsn_set_builder *b, const struct iana *e, enum what member)
{
	struct tsn_str cells[3] = { str(e->name), str(e->reference), str(e->prefix) };
	enum tsn_set_error err;
	struct tsn_prefix p;
	uint32_t row;

	if (!tsn_prefix_parse(e->prefix, strlen(e->prefix), &p))
		return TSN_SET_OK; /* a slip in the table, which its test finds */
	if (member == MARTIAN && e->what == ALLOW)
		return tsn_set_builder_exclude_prefix(b, p);
	if (e->what != member)
		return TSN_SET_OK;
	err = tsn_set_builder_row(b, cells, COUNT(cells), &row);
	return err != TSN_SET_OK ? err : tsn_set_builder_add_prefix(b, p, row);
}

static struct tsn_set *
make(enum what member)
{
	const struct tsn_str columns[3] = { str("name"), str("reference"), str("prefix") };
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ADDR);
	struct tsn_set *s = NULL;
	enum tsn_set_error err;

	if (b == NULL)
		return NULL;
	err = tsn_set_builder_columns(b, columns, COUNT(columns));
	for (size_t i = 0; i < COUNT(iana) && err == TSN_SET_OK; i++)
		err = add(b, &iana[i], member);
	if (err == TSN_SET_OK)
		s = tsn_set_build(b);
	tsn_set_builder_free(b);
	return s;
}

struct tsn_set *
tsn_set_builtin(const char *name, size_t n)
{
	for (size_t i = 0; i < COUNT(builtins); i++)
		if (strlen(builtins[i].name) == n && memcmp(builtins[i].name, name, n) == 0)
			return make(builtins[i].member);
	return NULL;
}
