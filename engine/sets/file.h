/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of members: plain lists (one a line, `#` and `;` comments) and CSV
 * with a header (RFC 4180). Lines that cannot be read are counted, named and
 * skipped up to one in a hundred; with more of them the file is refused.
 */
#ifndef TSN_SETS_FILE_H
#define TSN_SETS_FILE_H

#include "sets/set.h"

#define TSN_SET_FILE_MAX ((size_t)512 << 20)
#define TSN_SET_FILE_NAMED 5 /* bad lines that are named; the others are only counted */
#define TSN_SET_FILE_TEXT 60 /* bytes kept of each */

enum tsn_set_file {
	TSN_SET_FILE_OK,
	TSN_SET_FILE_UNREADABLE, /* missing, unreadable, too large: errno in [error] */
	TSN_SET_FILE_BAD,        /* too many bad lines, no such column, no header, mixed kinds */
	TSN_SET_FILE_MEMORY,
};

struct tsn_set_bad_line {
	size_t line; /* 1-based */
	char text[TSN_SET_FILE_TEXT];
};

struct tsn_set_report {
	int error;             /* errno */
	size_t lines, members; /* lines that should hold a member; members added */
	size_t bad;            /* lines skipped */
	size_t named;          /* entries of [first] in use */
	struct tsn_set_bad_line first[TSN_SET_FILE_NAMED];
	enum tsn_type type;    /* the members' type: as asked, or as found */
	char message[256];     /* one line for people; empty if all went well */
};

/*
 * Adds the members of a file to [b]. [type] is what a member must be (ADDR or
 * PREFIX, INT, PORT, PROTO, FLAGS, MAC, STRING), or TSN_T_NONE: the first
 * hundred members then decide between ADDR, INT, MAC and STRING. With [column]
 * the file is CSV with a header, and all its columns become the cells of the
 * member's row; without, a plain list. Unless TSN_SET_FILE_OK is returned the
 * builder may hold a part of the file and should be freed.
 */
enum tsn_set_file tsn_set_file_load(const char *path, enum tsn_type type, const char *column,
    struct tsn_set_builder *b, struct tsn_set_report *report);
/* The same for text in memory. */
enum tsn_set_file tsn_set_file_parse(const char *text, size_t n, enum tsn_type type,
    const char *column, struct tsn_set_builder *b, struct tsn_set_report *report);
/* For files of tables: notes a line that makes no sense; says so, and whether there are too many of them. */
void tsn_set_report_bad(struct tsn_set_report *r, size_t line, struct tsn_str text);
enum tsn_set_file tsn_set_report_judge(struct tsn_set_report *r, const char *what);
/*
 * Adds one member written as text: "10.0.0.0/8", "10.0.0.1-10.0.0.9", "6000..6063", "SYN|ACK".
 * False if it is none, or if the builder refused it ([*error]). With [b] NULL it is only tried.
 */
bool tsn_set_member_parse(const char *s, size_t n, enum tsn_type type, struct tsn_set_builder *b,
    uint32_t row, enum tsn_set_error *error);

#endif
