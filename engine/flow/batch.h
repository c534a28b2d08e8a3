/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The batch: up to TSN_BATCH_ROWS flows as columns, in their order of arrival. Made
 * once and refilled; decoders write columns, everything later reads them.
 * Owned by one thread. Knows nothing of wire formats or rules.
 */
#ifndef TSN_FLOW_BATCH_H
#define TSN_FLOW_BATCH_H

#include "base/clock.h"
#include "flow/fields.h"
#include "flow/gives.h"
#include "flow/late.h"
#include "flow/mask.h"
#include "flow/value.h"

struct tsn_exporters;

enum tsn_batch_kind {
	TSN_BATCH_FLOWS,
	TSN_BATCH_TALKS, /* conversation records: a flow of the initiator with the fields of origin PAIR */
	TSN_BATCH_TICK, /* one row a group whose window closed: key fields present, all others absent */
};

struct tsn_time_span {
	int64_t least, most;
};

/*
 * An address column is three: [v4] holds IPv4 addresses (0 elsewhere), [hi]
 * and [lo] hold IPv6 ones and mean something only where [is_v4] is 0;
 * they are not cleared while [any_v6] is false.
 */
struct tsn_addr_column {
	uint32_t *v4;
	uint64_t *hi, *lo;
	struct tsn_mask is_v4; /* subset of present */
	bool any_v6;
};

struct tsn_batch {
	uint32_t n, cap; /* rows in use; rows to fill before it is run, 1..TSN_BATCH_ROWS */
	enum tsn_batch_kind kind;
	uint64_t ticket;      /* position in the input of row 0; rows follow one by one */
	struct tsn_mask rows; /* the first n; set by tsn_batch_normalise */
	struct tsn_mask present[TSN_FIELD_COUNT];
	void *col[TSN_FIELD_COUNT]; /* uint8_t/16/32/64, int64_t, double, struct tsn_str by storage; ADDR: the u32 column */
	struct tsn_addr_column addr[TSN_ADDR_FIELDS];
	int64_t *received; /* ms; when the record reached us (in a capture: its own time) */
	int64_t *exported; /* ms; the exporter's clock in the message header; TSN_TIME_NONE if there is none */
	int64_t *time;     /* ms; event time, made by tsn_batch_normalise */
	uint32_t *source;  /* index in tsn_exporters */
	bool sampled;      /* some row has a sampling interval above 1; set by tsn_batch_normalise */
	/* The least and most of [time] and [received]; of flows, set by tsn_batch_normalise. */
	struct tsn_time_span event_span, received_span;
	struct tsn_mask turns; /* rows of another [source] than the row before; see tsn_batch_find_turns */
	/*
	 * Rows whose exporter gives it, as of that row: flags and interfaces from its first flow that has one,
	 * unsampled while no interval above 1 is told, both directions from its first answered conversation; set by
	 * tsn_batch_normalise. All rows of a tick batch; of conversations as of the initiator's first flow, both
	 * directions as of the record.
	 */
	struct tsn_mask gives[TSN_GIVES_COUNT];
	char *text;        /* what tsn_batch_keep copied; TSN_BATCH_TEXT bytes, made when first needed */
	size_t text_used;
	void *columns;     /* one allocation behind all of the above... */
	size_t columns_size; /* ...of so many bytes */
	void *scaled[2];   /* own storage of packets and bytes, used when a row is sampled and in all batches but of flows */
	struct tsn_field_set derived;
	/*
	 * The fields that somebody reads, as tsn_batch_needs completes them; decoders may leave others alone, and where they do
	 * not, what they say is not looked at. All of them unless the owner says otherwise; tsn_batch_clear leaves it.
	 */
	struct tsn_field_set wanted;
	/*
	 * Of those: the ones that anybody reads of a batch in normal form. The others tsn_batch_normalise may look at, or duplicates be found
	 * by, and a decoder that knows that this will not be may leave them alone, too.
	 */
	struct tsn_field_set read;
	/* Of those: the ones that anybody reads of every row. The others of late rows, which their decoder says which are, come by tsn_late_read. */
	struct tsn_field_set early;
	struct tsn_late late;
	/* Rows whose [time] their decoder has made, by tsn_event_time: [received] is told, to their exporter as well, and nobody looks at [exported]. */
	struct tsn_mask timed;
	bool sealed;
	uint32_t used;     /* rows whose [received], [exported] and [source] may be those of an earlier use */
};

#define TSN_BATCH_STR  1024u          /* the longest string of a flow; longer ones are cut */
#define TSN_BATCH_TEXT ((size_t)2 << 20) /* two strings of that length a row */

/* NULL when memory is out. All columns exist from the start; absent is the default of every field. */
struct tsn_batch *tsn_batch_new(void);
void tsn_batch_free(struct tsn_batch *b);
/* Empties it; [cap] and the column memory stay. */
void tsn_batch_clear(struct tsn_batch *b, enum tsn_batch_kind kind);
/*
 * The same for flows of which it is known that decoders make them, who write [received], [exported] and [source] of every row: these
 * are not reset. Whoever makes a row otherwise calls tsn_batch_begin_row first.
 */
void tsn_batch_reuse(struct tsn_batch *b);
static inline void
tsn_batch_begin_row(struct tsn_batch *b)
{
	b->received[b->n] = b->exported[b->n] = TSN_TIME_NONE;
	b->source[b->n] = 0;
}

/* One row at a time: for tests, slow decoders and tick rows. The row need not be below n yet. */
static inline void
tsn_batch_put_int(struct tsn_batch *b, uint32_t row, enum tsn_field f, int64_t v)
{
	switch (tsn_field_storage[f]) {
	case TSN_U8:  ((uint8_t *)b->col[f])[row] = (uint8_t)v; break;
	case TSN_U16: ((uint16_t *)b->col[f])[row] = (uint16_t)v; break;
	case TSN_U32: ((uint32_t *)b->col[f])[row] = (uint32_t)v; break;
	case TSN_U64:
	case TSN_I64: ((int64_t *)b->col[f])[row] = v; break;
	case TSN_F64: ((double *)b->col[f])[row] = (double)v; break;
	default: return;
	}
	tsn_mask_set(&b->present[f], row);
}
/* What is not finite stays absent: every real in a batch is a number. */
void tsn_batch_put_real(struct tsn_batch *b, uint32_t row, enum tsn_field f, double v);
static inline void
tsn_batch_put_addr(struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_addr v)
{
	struct tsn_addr_column *a;

	if (tsn_field_storage[f] != TSN_ADDR)
		return;
	a = &b->addr[tsn_fields[f].addr_slot];
	a->v4[row] = v.v4 ? (uint32_t)v.lo : 0;
	if (!v.v4) {
		a->hi[row] = v.hi;
		a->lo[row] = v.lo;
		a->any_v6 = true;
	}
	tsn_mask_put(&a->is_v4, row, v.v4);
	tsn_mask_set(&b->present[f], row);
}
/* [s] must live until the batch is cleared. */
void tsn_batch_put_str(struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_str s);
/*
 * The same with a copy of at most TSN_BATCH_STR bytes that lives until the batch is cleared. Absent when the
 * batch's room for text is used up or memory is out.
 */
void tsn_batch_keep_str(struct tsn_batch *b, uint32_t row, enum tsn_field f, const char *p, size_t n);
/* Strings that lie elsewhere are copied; see tsn_batch_keep_str. */
void tsn_batch_own_text(struct tsn_batch *b);
/* Makes [turns]: mostly one exporter has all rows, or datagram follows datagram. tsn_batch_normalise does it for flows. */
void tsn_batch_find_turns(struct tsn_batch *b);
/* Behind the rows from [from] on that are of one exporter. Behind tsn_batch_find_turns. */
static inline uint32_t
tsn_batch_source_end(const struct tsn_batch *b, uint32_t from)
{
	return tsn_mask_next(&b->turns, from + 1, b->n);
}
/* One row of a column of integers, present or not. */
static inline int64_t
tsn_column_int(const void *col, enum tsn_storage storage, uint32_t row)
{
	switch (storage) {
	case TSN_U8:  return ((const uint8_t *)col)[row];
	case TSN_U16: return ((const uint16_t *)col)[row];
	case TSN_U32: return ((const uint32_t *)col)[row];
	default:      return ((const int64_t *)col)[row];
	}
}
/* Any field; [v->known] false makes it absent. */
void tsn_batch_put(struct tsn_batch *b, uint32_t row, enum tsn_field f, const struct tsn_value *v);
void tsn_batch_get(const struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_value *out);
/* Takes these rows out; the others close ranks and keep their order. Before tsn_batch_normalise. */
void tsn_batch_remove(struct tsn_batch *b, const struct tsn_mask *gone);
static inline struct tsn_addr
tsn_batch_addr(const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	const struct tsn_addr_column *a = &b->addr[tsn_fields[f].addr_slot];

	if (tsn_mask_has(&a->is_v4, row))
		return tsn_addr_v4(a->v4[row]);
	return (struct tsn_addr){ a->hi[row], a->lo[row], false };
}

/*
 * Brings decoded rows into the one normal form (LANGUAGE.md section 3), in row
 * order: ports only where the protocol has them, ICMP type and code, flags
 * only of exporters that fill them, scaling by sampling, names, event time.
 * Call once when the batch is full and before anything reads it. A tick batch only gets its row mask and times
 * (its event time is [received]); one of conversations comes in normal form and stays as it is. Where [received] is TSN_TIME_NONE it becomes the event time. `packets` or
 * `bytes` put in before are taken as raw ones. The site's sampling interval replaces the row's own.
 */
void tsn_batch_normalise(struct tsn_batch *b, struct tsn_exporters *exporters);
/* The event time of a row that is not in normal form, whose decoder has not made it. */
int64_t tsn_batch_event_time(const struct tsn_batch *b, uint32_t row);
/* S1: when a flow happened that ended at [end] by the clock of its exporter, which was [exported] when the record was [received]. */
#define TSN_AGE_MAX (INT64_C(3600) * TSN_SECOND)
static inline int64_t
tsn_event_time(int64_t received, int64_t exported, int64_t end)
{
	uint64_t age = (uint64_t)exported - (uint64_t)end; /* none of them is trusted, so no overflow either */

	if (exported <= end)
		return received;
	return (int64_t)((uint64_t)received - (age > (uint64_t)TSN_AGE_MAX ? (uint64_t)TSN_AGE_MAX : age));
}
/*
 * Computes the DERIVED fields among [want] that are not yet there. A flow that starts after its end has a negative
 * duration; rates over a duration that is not above zero are absent.
 */
void tsn_batch_derive(struct tsn_batch *b, const struct tsn_field_set *want);

/*
 * Adds to [s], which is to become a batch's [wanted], what the flow room itself looks at: for the normal form, for duplicates,
 * and what derived fields of [s] are made of.
 */
void tsn_batch_needs(struct tsn_field_set *s);
/* Adds to [s], which is to become a batch's [read], what its fields are made of. */
void tsn_batch_reads(struct tsn_field_set *s);
/*
 * From here to tsn_batch_clear nobody may look at fields that are not among those read. Under AddressSanitizer whoever does is stopped: their
 * rows are said to be there, and their columns may not be read. Else it does nothing.
 */
void tsn_batch_seal(struct tsn_batch *b);
/* For batch.c. [spoil], under AddressSanitizer: what tsn_batch_reuse does not reset is nothing that could be taken for a time. */
void tsn_batch_unseal(struct tsn_batch *b);
void tsn_batch_spoil(struct tsn_batch *b);

/*
 * Where decoders put rows. [room] returns a batch with at least one free row
 * below its cap (it runs and clears a full one), or NULL to stop decoding.
 * [clock], which may be NULL, is for records that carry their own time of receipt: to be
 * called before the row is made, so that the ticks due before it fall before it. TSN_TIME_NONE: it carries none.
 * [loses], which may be NULL, is called before an exporter's losses are entered as noticed at [received_ms]: its record of them has
 * bounds, and rows that came before but were received later are not to know of them.
 */
struct tsn_exporter;
struct tsn_batch_sink {
	struct tsn_batch *(*room)(void *arg);
	void *arg;
	void (*clock)(void *arg, int64_t received_ms);
	void (*loses)(void *arg, const struct tsn_exporter *x, int64_t received_ms);
};

static inline void
tsn_sink_clock(struct tsn_batch_sink *s, int64_t received_ms)
{
	if (s->clock != NULL)
		s->clock(s->arg, received_ms);
}

#endif
