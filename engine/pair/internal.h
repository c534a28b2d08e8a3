/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the pair room. Entries lie in a ring in the order in which they were opened, which is the order in which they
 * are due: the oldest is found at once and forgetting is moving the ring's start. An index of heads leads to chains through
 * the ring, newest first; entries are numbered for ever, a link to a number before the start is the end of a chain, so
 * nothing is ever unlinked and no mark of the dead is left.
 *
 * What is not in every entry (IPv6 addresses, further fields of a side's first flow, texts) lies in a second ring, of bytes.
 * All that is put there belongs to an entry that is waiting, so what was put before the oldest one was opened is over.
 */
#ifndef TSN_PAIR_INTERNAL_H
#define TSN_PAIR_INTERNAL_H

#include "pair/pair.h"

/* bits of a side */
enum {
	SIDE_SEEN = 1,        /* it sent a flow */
	SIDE_ANSWERS = 2,     /* one that is not a bare RST */
	SIDE_BARE_RST = 4,    /* one of RST, or RST and ACK, and nothing else */
	SIDE_FLAGS = 8,       /* flags are known of one */
	SIDE_START = 16, SIDE_END = 32, SIDE_PACKETS = 64, SIDE_BYTES = 128,
	SIDE_SAMPLED = 256,   /* one packet in more than one was looked at */
	SIDE_SYN = 512,       /* it sent a flow with SYN and without ACK: it asked */
	SIDE_GIVES = 1024,    /* and the bits above it: what the exporter gave as of the first flow (enum tsn_gives) */
	SIDE_BITS = 10 + TSN_GIVES_COUNT,
};

/* bits of an entry */
enum { TALK_V4_A = 1, TALK_V4_B = 2, TALK_PORT_A = 4, TALK_PORT_B = 8, TALK_BITS = 4 };

#define CARRY_NONE UINT32_MAX
#define TOO_MANY   (UINT64_C(1) << 63) /* a counter past what the language can hold stays there */

struct side {
	int64_t start, end;      /* least and greatest */
	uint64_t packets, bytes; /* scaled, summed */
	uint32_t carry;          /* of its first flow: from the entry's [log] on; CARRY_NONE */
	uint16_t flags;          /* or-ed */
	uint16_t bits;
};

/* Two cache lines. Side 0 is the lower end. */
struct talk {
	uint32_t next;       /* older one of the chain: low bits of its number */
	uint32_t tag;        /* of the hash */
	uint32_t v4[2];      /* addresses if both are IPv4; else both lie at [log] */
	uint16_t port[2];
	uint8_t proto, bits;
	uint16_t spare;
	int64_t received;    /* of the flow that opened it, as a running maximum */
	int64_t time;        /* event time of that flow */
	uint64_t log;        /* end of the log when it was opened */
	struct side side[2];
};
_Static_assert(sizeof(struct talk) == 128, "two cache lines an entry");

_Static_assert(SIDE_BITS <= 16, "bits of a side");

#define ENDS_BYTES 32u /* two addresses in the log */

/* A row's key, and whose flow it is. */
struct ends {
	uint64_t hash;
	struct tsn_addr addr[2];
	uint16_t port[2];
	uint8_t proto, bits, side;
	bool whole;          /* it has one */
};

struct ring_log {
	uint8_t *p;
	uint64_t begin, end; /* positions counted for ever */
	uint64_t cap, max;   /* powers of two */
};

struct here {
	uint16_t field;
	uint8_t size;        /* of a number; 0: an address or a text */
	bool always;         /* in every row */
};

struct tsn_pair {
	int64_t wait, now;
	uint64_t seed;
	uint32_t max, cap;   /* powers of two */
	struct talk *ring;
	/* Four times as many, so that few lead to another key: low bits of a number. One long dead may look alive: it leads to other keys. */
	uint32_t *head;
	uint64_t begin, end; /* numbers, from 1 */
	struct ring_log log;
	uint64_t pool_from;  /* what lies before it in the log has POOL fields that mean nothing now */
	uint16_t field[TSN_FIELD_COUNT]; /* to be carried, in order */
	uint32_t nfields;
	struct here here[TSN_FIELD_COUNT]; /* of them: present in a row of the batch at hand */
	uint32_t nhere;
	uint32_t room;       /* for what a row has of them, texts aside */
	bool texts;          /* some are texts */
	bool raw_here;       /* raw counters are among them */
	struct tsn_pair_stats stats;
	struct ends ends[TSN_BATCH_ROWS];
};

static inline struct talk *
talk_at(const struct tsn_pair *p, uint64_t number)
{
	return &p->ring[number & (p->cap - 1)];
}

/* --- pair.c --- */

/* Memory in large pages, where there is enough of it: what is looked up lies anywhere. tsn_free. */
void *tsn_pair_pages(size_t bytes);
/* A new entry, received [now], of no side yet. NULL when it finds no place. */
struct talk *tsn_pair_open(struct tsn_pair *p, const struct ends *e, int64_t time);
uint64_t tsn_pair_hash(const struct tsn_pair *p, const struct ends *e);

/* --- carry.c --- */

/* Room for [n] bytes in one piece: moves the end past them. NULL: no room, nothing changed. */
uint8_t *tsn_pair_log_put(struct tsn_pair *p, size_t n);
static inline uint8_t *
log_at(const struct tsn_pair *p, uint64_t position)
{
	return p->log.p + (position & (p->log.cap - 1));
}
/* The fields that rows of the batch have of those to be carried. */
void tsn_pair_look(struct tsn_pair *p, const struct tsn_batch *b);
/* Carries row [row] as the first flow of side [s]. */
void tsn_pair_carry_row(struct tsn_pair *p, struct talk *t, unsigned s, const struct tsn_batch *b, uint32_t row);
/* A later flow of the side: the counters among what is carried are sums. */
void tsn_pair_carry_add(struct tsn_pair *p, const struct talk *t, unsigned s, const struct tsn_batch *b, uint32_t row);
/* Into a row; false: nothing is carried. */
bool tsn_pair_carried(const struct tsn_pair *p, const struct talk *t, unsigned s, struct tsn_batch *out, uint32_t row);
/* Index of the exporter of a carried record. */
uint32_t tsn_pair_source(const uint8_t *record);
void tsn_pair_set_source(uint8_t *record, uint32_t source);
/* Bytes of the record at [p], of at most [n]; 0 if it makes no sense. */
size_t tsn_pair_record_size(const uint8_t *p, size_t n);
struct tsn_addr tsn_pair_addr(const struct tsn_pair *p, const struct talk *t, unsigned s);

#endif
