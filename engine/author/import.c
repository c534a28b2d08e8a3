/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What all imports share: lines, members, what is left out, and the choice of the format. */
#include "author/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/mem.h"

#define MEMBERS_MAX 4000000

enum { LIST, FILTER };

const struct tsn_import_info tsn_imports[TSN_IMPORT_KINDS] = {
#define IMPORT(name, what, help) { #name, help, what == FILTER },
#include "author/import.def"
#undef IMPORT
};

static bool (*const looks_like[TSN_IMPORT_KINDS])(const char *, size_t) = {
#define IMPORT(name, what, help) tsn_import_is_##name,
#include "author/import.def"
#undef IMPORT
};

static bool (*const reads[TSN_IMPORT_KINDS])(struct tsn_import *, const char *, size_t) = {
#define IMPORT(name, what, help) tsn_import_##name,
#include "author/import.def"
#undef IMPORT
};

/* --- text --- */

bool
tsn_import_line(struct tsn_import_lines *l, struct tsn_str *line)
{
	const char *nl;
	size_t n;

	if (l->p >= l->end)
		return false;
	nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
	n = (size_t)((nl == NULL ? l->end : nl) - l->p);
	*line = (struct tsn_str){ l->p, (uint32_t)n };
	l->p = nl == NULL ? l->end : nl + 1;
	l->number++;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct tsn_str
tsn_import_trim(struct tsn_str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct tsn_str
tsn_import_word(struct tsn_str *s)
{
	struct tsn_str word = tsn_import_trim(*s);
	uint32_t n = 0;

	while (n < word.n && !is_blank(word.p[n]))
		n++;
	*s = tsn_import_trim((struct tsn_str){ word.p + n, word.n - n });
	word.n = n;
	return word;
}

bool
tsn_import_same(struct tsn_str s, const char *word)
{
	return strlen(word) == s.n && strncasecmp(s.p, word, s.n) == 0;
}

bool
tsn_import_begins(struct tsn_str s, const char *with)
{
	const size_t n = strlen(with);

	return s.n >= n && strncasecmp(s.p, with, n) == 0;
}

bool
tsn_import_int(struct tsn_str s, int64_t *out)
{
	int64_t v = 0;

	if (s.n == 0)
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	*out = v;
	return true;
}

/* --- members --- */

/* Sources may be whole networks: 0.0.0.0/0 would make a rule of everything. */
static bool
parse_member(struct tsn_str s, struct tsn_import_member *m)
{
	const char *dash = memchr(s.p, '-', s.n);
	struct tsn_prefix p;

	*m = (struct tsn_import_member){ 0 };
	if (dash != NULL) {
		const struct tsn_str a = tsn_import_trim((struct tsn_str){ s.p, (uint32_t)(dash - s.p) });
		const struct tsn_str b = tsn_import_trim((struct tsn_str){ dash + 1, (uint32_t)(s.p + s.n - dash - 1) });

		m->range = true;
		return tsn_addr_parse(a.p, a.n, &m->lo) && tsn_addr_parse(b.p, b.n, &m->hi) && m->lo.v4 == m->hi.v4 &&
		    tsn_addr_cmp(m->lo, m->hi) <= 0;
	}
	if (!tsn_prefix_parse(s.p, s.n, &p))
		return false;
	m->lo = m->hi = p.addr;
	m->len = p.len;
	return true;
}

bool
tsn_import_is_member(struct tsn_str s)
{
	struct tsn_import_member m;

	return s.n > 0 && s.n < 100 && parse_member(s, &m);
}

bool
tsn_import_add(struct tsn_import *im, struct tsn_str text, size_t group)
{
	struct tsn_import_member m, *v;

	if (text.n == 0 || text.n >= 100 || !parse_member(text, &m) || group >= TSN_IMPORT_GROUPS)
		return false;
	v = im->n >= MEMBERS_MAX ? NULL : tsn_grow(im->member, im->n, &im->cap, sizeof(*v));
	if (v == NULL) {
		im->no_memory = true;
		return false;
	}
	m.group = (uint16_t)group;
	im->member = v;
	v[im->n++] = m;
	return true;
}

void
tsn_import_bad(struct tsn_import *im, size_t line, struct tsn_str text)
{
	size_t n = text.n < TSN_IMPORT_BAD_TEXT ? text.n : TSN_IMPORT_BAD_TEXT - 1;

	if (im->nbad < TSN_IMPORT_BAD) {
		im->bad[im->nbad].line = line;
		for (size_t i = 0; i < n; i++)
			im->bad[im->nbad].text[i] = (unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] > '~' ? '?' : text.p[i];
		im->bad[im->nbad].text[n] = '\0';
	}
	im->nbad++;
}

void
tsn_import_leave_out(struct tsn_import *im, const char *why)
{
	for (size_t i = 0; i < im->nreasons; i++) {
		if (strcmp(im->left_out[i].why, why) == 0) {
			im->left_out[i].n++;
			return;
		}
	}
	if (im->nreasons < TSN_IMPORT_REASONS) {
		im->left_out[im->nreasons].why = tsn_arena_strdup(im->arena, why);
		im->left_out[im->nreasons].n = 1;
		if (im->left_out[im->nreasons].why != NULL)
			im->nreasons++;
		else
			im->no_memory = true;
	} else {
		im->left_out[TSN_IMPORT_REASONS - 1].n++;
	}
}

/* A name in the rule language: small letters, digits, underscores. */
static char *
word_of(struct tsn_import *im, struct tsn_str s)
{
	char *w = tsn_arena_strndup(im->arena, s.p, s.n > 40 ? 40 : s.n);

	for (size_t i = 0; w != NULL && w[i] != '\0'; i++)
		if (w[i] >= 'A' && w[i] <= 'Z')
			w[i] = (char)(w[i] - 'A' + 'a');
		else if (!(w[i] >= 'a' && w[i] <= 'z') && !(w[i] >= '0' && w[i] <= '9'))
			w[i] = '_';
	return w;
}

size_t
tsn_import_group(struct tsn_import *im, struct tsn_str name)
{
	char *w = word_of(im, name);

	if (w == NULL) {
		im->no_memory = true;
		return SIZE_MAX;
	}
	for (size_t i = 0; i < im->ngroups; i++)
		if (im->group[i] != NULL && strcmp(im->group[i], w) == 0)
			return i;
	if (im->ngroups >= TSN_IMPORT_GROUPS)
		return SIZE_MAX;
	im->group[im->ngroups] = w;
	return im->ngroups++;
}

static bool
digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

void
tsn_import_find_date(struct tsn_import *im, struct tsn_str s)
{
	for (uint32_t i = 0; im->dated == NULL && i + 10 <= s.n; i++) {
		const char *p = s.p + i;

		if (digits(p, 4) && p[4] == '-' && digits(p + 5, 2) && p[7] == '-' && digits(p + 8, 2) && (p[0] == '1' || p[0] == '2') &&
		    atoi(p + 5) >= 1 && atoi(p + 5) <= 12 && atoi(p + 8) >= 1 && atoi(p + 8) <= 28 + 3)
			im->dated = tsn_arena_strndup(im->arena, p, 10);
	}
}

bool
tsn_import_fail(struct tsn_import *im, size_t line, size_t column, const char *fmt, ...)
{
	va_list ap;

	if (im->error[0] != '\0')
		return false;
	im->error_line = line;
	im->error_column = column;
	va_start(ap, fmt);
	vsnprintf(im->error, sizeof(im->error), fmt, ap);
	va_end(ap);
	return false;
}

/* --- all of it --- */

enum tsn_import_kind
tsn_import_sniff(const char *text, size_t n)
{
	for (int i = 0; i < TSN_IMPORT_KINDS; i++)
		if (looks_like[i](text, n))
			return (enum tsn_import_kind)i;
	return TSN_IMPORT_nfdump;
}

static int
by_group_and_address(const void *a, const void *b)
{
	const struct tsn_import_member *x = a, *y = b;
	int c;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	c = tsn_addr_cmp(x->lo, y->lo);
	if (c != 0)
		return c;
	c = (int)x->range - (int)y->range;
	if (c != 0)
		return c;
	return x->range ? tsn_addr_cmp(x->hi, y->hi) : (int)x->len - (int)y->len;
}

/* In order, equal ones once. */
static void
settle(struct tsn_import *im)
{
	size_t n = 0;

	if (im->n == 0)
		return;
	qsort(im->member, im->n, sizeof(*im->member), by_group_and_address);
	for (size_t i = 0; i < im->n; i++)
		if (n == 0 || by_group_and_address(&im->member[n - 1], &im->member[i]) != 0)
			im->member[n++] = im->member[i];
		else
			tsn_import_leave_out(im, "members that are there twice");
	im->n = n;
}

bool
tsn_import_read(struct tsn_import *im, enum tsn_import_kind kind, const struct tsn_import_options *options, const char *text, size_t n)
{
	bool ok;

	*im = (struct tsn_import){ .arena = tsn_arena_new(), .kind = kind, .options = options };
	if (im->arena == NULL) {
		im->no_memory = true;
		return false;
	}
	if (n > TSN_IMPORT_MAX)
		return tsn_import_fail(im, 0, 0, "this is too large");
	ok = reads[kind](im, text, n) && !im->no_memory && !im->condition.failed;
	im->no_memory |= im->condition.failed || im->declared.failed;
	if (!ok || tsn_imports[kind].filter)
		return ok;
	settle(im);
	if (im->n > 0)
		return !im->no_memory;
	if (im->nbad > 0)
		return tsn_import_fail(im, im->bad[0].line, 0, "no address in this as %s: \"%s\" is none", tsn_imports[kind].name, im->bad[0].text);
	return tsn_import_fail(im, 0, 0, "no address in this as %s", tsn_imports[kind].name);
}

void
tsn_import_fini(struct tsn_import *im)
{
	tsn_free(im->member);
	tsn_buf_fini(&im->condition);
	tsn_buf_fini(&im->declared);
	tsn_arena_free(im->arena);
	im->member = NULL;
	im->arena = NULL;
}
