/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: what is to be done with the records of a template,
 * found out once when the first of them comes: for every field that goes to a
 * column, from where and how. Records of fixed length then go column by column,
 * those with fields of variable length one by one through the same steps.
 */
#ifndef TSN_DECODE_PLAN_H
#define TSN_DECODE_PLAN_H

#include "decode/fill.h"
#include "decode/mapping.h"
#include "decode/message.h"
#include "decode/template.h"

enum { TSN_OP_WANTED = TSN_MAP_ROLE + 1, TSN_OP_LIST }; /* beside enum tsn_mapping_kind */

struct tsn_op {
	uint32_t offset;  /* in a record of fixed length */
	uint16_t at, len; /* which field of the template; its length, 0: none */
	uint8_t code, field, rank; /* rank of a LIST: 1 in the other direction */
	uint8_t type;     /* WANTED: enum tsn_element_type */
	bool again;       /* an earlier op writes this column: what is 0 leaves it alone */
	bool turned;      /* a turn brings its number to the column */
};

/* One direction of the flows. */
struct tsn_way {
	struct tsn_op *op;   /* all that could be done... */
	uint32_t n;
	struct tsn_op *step; /* ...and what is done, for what is wanted: first what turns do where they can */
	uint32_t steps, turned;
	struct tsn_turn *turn;
	uint32_t turns;
	struct tsn_told told, placed; /* by the turns: numbers, and times unless one is odd */
	struct tsn_op role[TSN_ROLE_COUNT];
	bool has[TSN_FIELD_COUNT];
	bool shared_start; /* of the other direction: it has no start of its own */
};

struct tsn_plan {
	uint32_t generation; /* of the wanted elements */
	struct tsn_field_set wanted; /* that the steps are for */
	uint32_t size;       /* of a record; 0: it varies */
	uint16_t version;    /* of the messages they come in */
	bool flows;          /* the records describe flows */
	bool reverse;        /* and may have a second direction: way[1] */
	struct tsn_way way[2];
};

struct tsn_want {
	const struct tsn_wanted *w;
	size_t n;
	uint32_t generation;
};

/* NULL when memory is out. */
struct tsn_plan *tsn_plan_make(const struct tsn_template *t, const struct tsn_want *want);
void tsn_plan_free(struct tsn_plan *p);

/* What the header of a message says about all of its records. */
struct tsn_head {
	struct tsn_sender from;
	uint32_t source;  /* index of the exporter */
	int64_t received, exported;
	uint32_t uptime;  /* v9 only */
	uint32_t domain;
	uint16_t version; /* 9 or 10 */
};

/* [n] records that are known to be there. */
struct tsn_records {
	const uint8_t *p;
	uint32_t n;
	size_t stride;
	const uint32_t *at;  /* of one record of variable length: where its fields are... */
	const uint16_t *len; /* ...and how long; NULL: as the plan says */
};

/* Where the templates of lists inside records are. */
struct tsn_lists {
	struct tsn_templates *templates;
	struct tsn_domain **domain;
};

/*
 * Writes rows [b->n, b->n + r->n), which must be free, and moves b->n. Returns how many records have times that
 * cannot be (see decode.h). The plan is made to fit what the batch wants.
 */
uint32_t tsn_plan_run(struct tsn_plan *p, int way, struct tsn_batch *b, const struct tsn_head *h,
    const struct tsn_records *r, const struct tsn_lists *lists);
/* Does the record have anything in the other direction? */
bool tsn_plan_has_reverse(const struct tsn_plan *p, const struct tsn_records *r);

/* --- between the files of the plan --- */

#define TSN_TIME_LATEST INT64_C(253402300799999) /* 9999-12-31: what lies behind is no time */

static inline const uint8_t *
tsn_records_at(const struct tsn_records *r, const struct tsn_op *op)
{
	return r->p + (r->at != NULL ? r->at[op->at] : op->offset);
}

static inline uint32_t
tsn_records_len(const struct tsn_records *r, const struct tsn_op *op)
{
	return r->len != NULL ? r->len[op->at] : op->len;
}

/* 1 to 8 bytes; what is longer is 0. */
static inline uint64_t
tsn_read_uint(const uint8_t *p, uint32_t len)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < len && len <= 8; i++)
		v = v << 8 | p[i];
	return v;
}

/*
 * Times, as far as they were not told: from the duration; in order. Returns how many rows are odd; [odd] has those
 * that are already.
 */
uint32_t tsn_times_finish(
    const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, struct tsn_mask *odd);
/* One that a turn places in time, if none of the message is odd. */
static inline bool
tsn_op_is_time(const struct tsn_op *op)
{
	return op->code == TSN_MAP_UPTIME || op->code == TSN_MAP_MILLIS;
}
/* Chooses the steps for what is [wanted]. */
void tsn_plan_fit(struct tsn_plan *p, const struct tsn_field_set *wanted);
/*
 * Marks those of [n] ops, which stand in the order of their fields, that can be done many records of [size] bytes at a time, and
 * makes the turns that do it: [t] has room for [n]. Returns how many turns.
 */
uint32_t tsn_turns_make(struct tsn_op *op, uint32_t n, uint32_t size, uint16_t version, struct tsn_turn *t);
/* Does a row of [b->n, b->n + n) end before it starts? Whatever the columns hold where a time is absent. */
bool tsn_times_ends_first(const struct tsn_batch *b, uint32_t n);
void tsn_times_run(const struct tsn_way *w, const struct tsn_op *op, struct tsn_batch *b, const struct tsn_head *h,
    const struct tsn_records *r, const struct tsn_facts *facts, struct tsn_mask *odd);
/* Names and sampling from what options told. */
void tsn_facts_join(
    const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, const struct tsn_facts *facts);
/* What parts of a record (305, 306, 309 to 311) say of the interval; 0: nothing. [p]: the record's first byte. */
uint32_t tsn_sampling_of_parts(
    const struct tsn_op role[TSN_ROLE_COUNT], const struct tsn_records *r, const uint8_t *record);
/* A wanted element to the column chosen for it. */
void tsn_wanted_put(struct tsn_batch *b, uint32_t row, const struct tsn_op *op, const uint8_t *p, uint32_t len);
/* Text without the padding of fixed fields; its length. */
uint32_t tsn_text_len(const uint8_t *p, uint32_t len);
/* The text's part that is the target of an HTTP request line. */
void tsn_request_target(const uint8_t **p, uint32_t *len);
/* Structured data (RFC 6313): texts and flags in it that have a field which the row lacks. */
struct tsn_walker {
	struct tsn_batch *b;
	uint32_t row;
	const struct tsn_head *h;
	const struct tsn_lists *lists;
	int depth;    /* of the list in others */
	bool reverse; /* the row is the flow's other direction */
};
void tsn_list_walk(const struct tsn_walker *w, int type, const uint8_t *p, uint32_t len);
/* Where the fields of one record of variable length are; its length, or 0 if it does not fit in [n] bytes. */
size_t tsn_record_walk(const struct tsn_template *t, const uint8_t *p, size_t n, uint32_t *at, uint16_t *len);
/* RFC 6759: engine and selector, whatever length the latter has. */
uint64_t tsn_application_id(const uint8_t *p, uint32_t len);

#endif
