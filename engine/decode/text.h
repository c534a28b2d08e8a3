/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Flows that other tools wrote as text to rows of a batch: tables with a header line (nfdump, SiLK, Argus, Zeek,
 * pmacct, what `tocsin show` writes, any other through a map) and JSON objects (Zeek, Suricata, goflow2, pmacct, nfdump,
 * `tocsin show`). text.def says which column is which field; this turns cells into values and records into
 * rows. Knows nothing of files. One thread, and no memory in proportion to the input.
 *
 * A record of both directions becomes two rows, the second only if something came back. Times without a zone are UTC.
 */
#ifndef TSN_DECODE_TEXT_H
#define TSN_DECODE_TEXT_H

#include "flow/batch.h"

struct tsn_text;

/* Units of times, durations and bytes. GUESS: from the first value, and told (tsn_text_note). */
enum tsn_text_unit {
#define UNIT(sym, name, kind, digits, factor) TSN_UNIT_##sym,
#include "decode/text_units.def"
#undef UNIT
	TSN_UNIT_COUNT
};

#define TSN_TEXT_MAP 64 /* entries of a map */

/* A user's word on which column is which field. */
struct tsn_text_map {
	size_t n;
	struct tsn_text_map_entry {
		int target;         /* of tsn_text_target */
		const char *column; /* not NUL-terminated */
		size_t len;
		enum tsn_text_unit unit;
	} entry[TSN_TEXT_MAP];
};

/* What a map can fill, by name: fields (by any name they have), received, reply_packets... -1 if there is none. */
int tsn_text_target(const char *name, size_t len);
/* The i-th of those that are no fields of records; NULL past the last. */
const char *tsn_text_target_nth(size_t i);
/* A unit by name; -1 if there is none, -2 if [target] has no such unit. */
int tsn_text_unit(const char *name, size_t len, int target);

enum tsn_text_form { TSN_TEXT_NONE, TSN_TEXT_TABLE, TSN_TEXT_OBJECTS };

/* What the first bytes of an input begin: JSON objects; with [mapped] any table, else one whose header is known or looks like one. */
enum tsn_text_form tsn_text_sniff(const char *p, size_t n, bool mapped);

/* [map] may be NULL; it must outlive the reader. NULL when memory is out. */
struct tsn_text *tsn_text_new(struct tsn_exporters *exporters, struct tsn_batch_sink *sink, const struct tsn_text_map *map);
void tsn_text_free(struct tsn_text *t);

enum tsn_text_status {
	TSN_TEXT_ROWS,      /* one or two rows */
	TSN_TEXT_NOTHING,   /* no record: a comment, a header, a blank line, totals at the end */
	TSN_TEXT_NO_FLOW,   /* a record of something else (an alert, ARP); tsn_text_why says of what */
	TSN_TEXT_BAD,       /* cannot be read; tsn_text_why says why */
	TSN_TEXT_QUOTE,     /* a quoted cell is open at the end: give it again with the next line */
	TSN_TEXT_UNKNOWN,   /* the header is of no known kind, or lacks a column of the map (tsn_text_lacks) */
	TSN_TEXT_STOPPED    /* the sink gave no batch */
};

/* One line of a table, without its end. The first that is no comment is the header. */
enum tsn_text_status tsn_text_line(struct tsn_text *t, const char *p, size_t n);
/* One JSON object. TSN_TEXT_UNKNOWN until one is of a known kind. */
enum tsn_text_status tsn_text_object(struct tsn_text *t, const char *p, size_t n);
/* Was this built with a JSON reader? */
bool tsn_text_has_json(void);

const char *tsn_text_why(const struct tsn_text *t);
/* "Zeek conn.log", "nfdump CSV"...; NULL before it is known. */
const char *tsn_text_name(const struct tsn_text *t);
/* The entry of the map whose column the header does not have, or -1. */
int tsn_text_lacks(const struct tsn_text *t);
/* The header's columns, the i-th; false past the last. */
bool tsn_text_column(const struct tsn_text *t, size_t i, const char **name, size_t *len);
uint64_t tsn_text_rows(const struct tsn_text *t);
/* Sentences on what the source does not tell and what was guessed; false past the last. */
bool tsn_text_note(const struct tsn_text *t, size_t i, char text[160]);

#endif
