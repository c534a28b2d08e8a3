/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lists and filters of others as rules. What is read comes from anywhere: every reader is bounded, and what it cannot take it
 * names by its line and counts. A filter is taken whole or not at all.
 */
#ifndef TSN_AUTHOR_IMPORT_H
#define TSN_AUTHOR_IMPORT_H

#include "base/addr.h"
#include "base/buf.h"
#include "flow/value.h"

struct tsn_arena;

#define TSN_IMPORT_MAX ((size_t)256 << 20)  /* bytes of an input */
#define TSN_IMPORT_BAD 10                   /* bad lines that are named; the others are counted */
#define TSN_IMPORT_BAD_TEXT 60
#define TSN_IMPORT_REASONS 8
#define TSN_IMPORT_GROUPS 64                /* sets made of one file */
#define TSN_IMPORT_INLINE 20000             /* members written into a rule file; more go into a file of their own */

enum tsn_import_kind {
#define IMPORT(name, what, help) TSN_IMPORT_##name,
#include "author/import.def"
#undef IMPORT
	TSN_IMPORT_KINDS
};

struct tsn_import_info {
	const char *name, *help;
	bool filter;
};
extern const struct tsn_import_info tsn_imports[TSN_IMPORT_KINDS];

struct tsn_import_member {
	struct tsn_addr lo, hi;    /* hi: of a range; else lo and [len] */
	uint8_t len;
	bool range;
	uint16_t group;
};

struct tsn_import_options {
	const char *column;        /* of CSV: a name, or a number from 1; NULL: found */
	const char *categories;    /* text of a categories file of reputation lists ("1,Name,Description" lines), NULL: none */
	int64_t least_score;       /* of reputation */
};

struct tsn_import {
	struct tsn_arena *arena;
	enum tsn_import_kind kind;
	const struct tsn_import_options *options;
	struct tsn_import_member *member;
	size_t n, cap;
	const char *group[TSN_IMPORT_GROUPS]; /* names of what becomes a set each; NULL: the whole */
	size_t ngroups;
	struct { size_t line; char text[TSN_IMPORT_BAD_TEXT]; } bad[TSN_IMPORT_BAD];
	size_t nbad;
	struct { const char *why; size_t n; } left_out[TSN_IMPORT_REASONS]; /* not bad, but not for flows */
	size_t nreasons;
	const char *title;         /* what the list says it is, or NULL */
	const char *dated;         /* the day the list says it is of, "2026-11-28", or NULL */
	struct tsn_buf condition;  /* of filters */
	struct tsn_buf declared;   /* sets that it names, and what must be done about them */
	char error[256];           /* why it is refused */
	size_t error_line, error_column; /* from 1; 0: none */
	bool no_memory;
};

/* What the text looks like; a filter of nfdump if nothing else. */
enum tsn_import_kind tsn_import_sniff(const char *text, size_t n);
/* False: [im->error] says why, or im->no_memory. tsn_import_fini is due either way. [options] must live as long. */
bool tsn_import_read(struct tsn_import *im, enum tsn_import_kind kind, const struct tsn_import_options *options, const char *text, size_t n);
void tsn_import_fini(struct tsn_import *im);

struct tsn_import_target {
	const char *name;          /* of the rule and its sets: a word */
	const char *source;        /* where it came from, for the comment */
	const char *set_file;      /* list: as the rule names the CSV file with the members; NULL: members in the rule file */
	int64_t now_ms;
};
/* The rule file; not yet in canonical layout. */
void tsn_import_write(const struct tsn_import *im, const struct tsn_import_target *t, struct tsn_buf *out);
/* The members as CSV: address,list */
void tsn_import_write_csv(const struct tsn_import *im, struct tsn_buf *out);

/* --- for the readers --- */

struct tsn_import_lines {
	const char *p, *end;
	size_t number;
};
/* The next line without its end; false past the last. */
bool tsn_import_line(struct tsn_import_lines *l, struct tsn_str *line);
struct tsn_str tsn_import_trim(struct tsn_str s);
/* The first word of [*s], which is moved behind it and the blanks that follow. */
struct tsn_str tsn_import_word(struct tsn_str *s);
bool tsn_import_same(struct tsn_str s, const char *word);       /* letters of either case */
bool tsn_import_begins(struct tsn_str s, const char *with);
bool tsn_import_int(struct tsn_str s, int64_t *out);            /* decimal, not negative, nothing else */
/* An address, prefix or range a-b of group [group]; false if it is none, or memory is out (im->no_memory). */
bool tsn_import_add(struct tsn_import *im, struct tsn_str text, size_t group);
bool tsn_import_is_member(struct tsn_str text);
void tsn_import_bad(struct tsn_import *im, size_t line, struct tsn_str text);
void tsn_import_leave_out(struct tsn_import *im, const char *why);
/* Number of the group of that name, made if new; SIZE_MAX if there are too many. */
size_t tsn_import_group(struct tsn_import *im, struct tsn_str name);
/* A date "2026-11-28..." somewhere in the text is the list's. */
void tsn_import_find_date(struct tsn_import *im, struct tsn_str text);
/* Refuses; returns false. */
bool tsn_import_fail(struct tsn_import *im, size_t line, size_t column, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define IMPORT(name, what, help) \
	bool tsn_import_is_##name(const char *text, size_t n); \
	bool tsn_import_##name(struct tsn_import *im, const char *text, size_t n);
#include "author/import.def"
#undef IMPORT

#endif
