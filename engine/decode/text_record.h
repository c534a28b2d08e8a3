/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: a record of text between its cells and its rows. Table and JSON readers look up what column
 * a cell is of and give its text to tsn_text_cell; at the end of a record tsn_text_emit makes rows.
 */
#ifndef TSN_DECODE_TEXT_RECORD_H
#define TSN_DECODE_TEXT_RECORD_H

#include "decode/text.h"

/* The fields, then what a record tells beyond them. */
enum tsn_text_slot {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) TSN_SLOT_##sym = TSN_F_##sym,
#include "flow/fields.def"
#undef FIELD
	TSN_SLOT_EXTRA = TSN_FIELD_COUNT - 1,
#define EXTRA(sym, name, help) TSN_SLOT_##sym,
#include "decode/text.def"
#undef EXTRA
	TSN_SLOT_COUNT
};

enum tsn_text_conv {
	TSN_CV_ADDR, TSN_CV_PORT, TSN_CV_UINT, TSN_CV_PROTO, TSN_CV_NFPROTO, TSN_CV_FLAGS, TSN_CV_FLAGS_HEX, TSN_CV_TIME, TSN_CV_SPAN,
	TSN_CV_MAC, TSN_CV_STR, TSN_CV_FWD, TSN_CV_WORD, /* of DIRECTION and FWD as the language writes them */
	TSN_CV_PAIR /* "type/id" */
};

enum {
	TSN_COL_ZERO = 1,    /* 0 is "not told" */
	TSN_COL_UNKNOWN = 2, /* so is a word that begins "unknown" */
	TSN_COL_FAILED = 4,  /* so is "failed" */
	TSN_COL_KEEP = 8,    /* what another column told stands */
	TSN_COL_NUMBER = 16, /* an IPv4 address may be written as one number */
	TSN_COL_GUESSED = 32 /* the unit is a guess */
};

struct tsn_text_column {
	const char *name;
	uint16_t slot; /* TSN_SLOT_NONE: not read */
	uint8_t conv, unit, flags;
};
#define TSN_SLOT_NONE UINT16_MAX

enum tsn_text_icmp {
	TSN_ICMP_IN_PORT, /* type * 256 + code in the destination port, or "type.code" */
	TSN_ICMP_OWN,     /* in columns of their own */
	TSN_ICMP_ZEEK,    /* type in the source port; the answer's type or the code in the other (Zeek, ICMP analyzer) */
	TSN_ICMP_ARGUS    /* code * 256 + type in the source port, in hexadecimal */
};

enum {
	TSN_DIALECT_TRIM = 1,      /* cells are padded with spaces */
	TSN_DIALECT_SPAN_WINS = 2, /* the duration is finer than start and end */
	TSN_DIALECT_TOTALS = 4,    /* "Summary" and what follows are totals */
	TSN_DIALECT_EMPTY = 8,     /* an empty string is "not told", in JSON too */
};

struct tsn_text_dialect {
	const char *name, *columns; /* as in text.def */
	uint8_t icmp, flags;
};

#define TSN_TEXT_BOUND 256 /* columns of a table, or names of a JSON dialect; further ones are not read */
#define TSN_TEXT_HASH  1024

/* Names of columns: a header's cells, an object's keys. */
struct tsn_text_names {
	struct tsn_text_name { const char *p; uint32_t n; } v[TSN_TEXT_BOUND];
	size_t n;
};

/* Finds the columns of a line; quotes around them are left out. */
void tsn_text_split(struct tsn_text_names *names, const char *p, size_t n, char sep);
/* The character that most likely stands between a header's columns. */
char tsn_text_separator(const char *p, size_t n);
/* The dialect these are of, or NULL. */
const struct tsn_text_dialect *tsn_text_recognise(const struct tsn_text_names *names);

union tsn_text_value {
	int64_t i; /* times and durations: microseconds */
	struct tsn_addr addr;
	struct tsn_str s;
};

struct tsn_text_record {
	uint64_t has[(TSN_SLOT_COUNT + 63) / 64];
	union tsn_text_value v[TSN_SLOT_COUNT];
};

static inline bool
tsn_record_has(const struct tsn_text_record *r, unsigned slot)
{
	return r->has[slot / 64] >> (slot % 64) & 1;
}

static inline bool
tsn_record_empty(const struct tsn_text_record *r)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < sizeof(r->has) / sizeof(r->has[0]); w++)
		any |= r->has[w];
	return any == 0;
}

static inline void
tsn_record_drop(struct tsn_text_record *r, unsigned slot)
{
	r->has[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

static inline void
tsn_record_set(struct tsn_text_record *r, unsigned slot)
{
	r->has[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static inline void
tsn_record_int(struct tsn_text_record *r, unsigned slot, int64_t v)
{
	r->v[slot].i = v;
	tsn_record_set(r, slot);
}

enum tsn_text_noted { TSN_NOTE_PAYLOAD, TSN_NOTE_SPLIT, TSN_NOTE_TOTAL, TSN_NOTE_COUNT };


struct tsn_text {
	struct tsn_exporters *exporters;
	struct tsn_batch_sink *sink;
	const struct tsn_text_map *map;
	const struct tsn_text_dialect *dialect;
	struct tsn_text_column bound[TSN_TEXT_BOUND]; /* tables: one a column of the header; JSON: all that are read */
	size_t nbound, last; /* how many; tables: the last one that is read, plus one */
	uint16_t hash[TSN_TEXT_HASH]; /* JSON: from a name to its index in [bound], plus one */
	struct tsn_text_names names;
	char *header; /* the header line: names point into it */
	size_t header_len;
	char sep, unset[16], empty[16]; /* Zeek's header can say other ones */
	bool known;   /* bound is filled */
	bool quoted;  /* cells may stand in quotes */
	bool totals;  /* behind nfdump's "Summary" */
	int lacks;
	struct tsn_text_record rec;
	char *scratch; /* strings without their quotes and escapes, until the record's end */
	size_t scratch_used;
	void *json;
	uint64_t rows;
	uint32_t source; /* the exporter met last */
	struct tsn_addr source_addr;
	bool source_known;
	bool noted[TSN_NOTE_COUNT];
	char why[160];
};

#define TSN_TEXT_SCRATCH ((size_t)256 << 10)

/* Forgets the last record. */
void tsn_text_begin(struct tsn_text *t);
/* Gives the text of a cell to the record: ROWS, or BAD or NO_FLOW with t->why. */
enum tsn_text_status tsn_text_cell(struct tsn_text *t, struct tsn_text_column *c, const char *p, size_t n);
/* Rows of a whole record. */
enum tsn_text_status tsn_text_emit(struct tsn_text *t);

/* Knows t->names for a table's columns; false, with t->why, if they are of no kind or the map names another. */
bool tsn_text_bind_table(struct tsn_text *t);
/* Knows what objects with keys like t->names are. */
bool tsn_text_bind_objects(struct tsn_text *t);
/* Are names the language's own, as `tocsin show` writes them? */
bool tsn_text_is_own(const struct tsn_text *t);
/* Which column a JSON key is; NULL if it is not read. */
struct tsn_text_column *tsn_text_find(struct tsn_text *t, const char *name, size_t len);
/* Room for a string of [n] bytes until the record's end; NULL if there is none left. */
char *tsn_text_scratch(struct tsn_text *t, size_t n);

#define TSN_JSON_DEPTH 32 /* of nesting */
/* Is this one object, no deeper than that, and nothing before or behind it? */
bool tsn_json_valid(const char *p, size_t n);

bool tsn_text_json_new(struct tsn_text *t);
void tsn_text_json_free(struct tsn_text *t);

enum tsn_text_status tsn_text_fail(struct tsn_text *t, enum tsn_text_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
