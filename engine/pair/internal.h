/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the pair room. Entries lie in a ring in the order in which they were opened, which is the order in which they
 * are due: the oldest is found at once and forgetting is moving the ring's start. An index of heads leads to chains through
 * the ring, newest first; entries are numbered for ever, a link to a number before the start is the end of a chain, so
 * nothing is ever unlinked and no mark of the dead is left.
 *
 * What rules may ask of the first flow of a side beside its sums lies in columns (carry.c): a ring of slots, one a side, in the
 * order in which sides began. All slots that were given out before the oldest waiting entry was opened are over.
 *
 * A batch is taken in column by column as far as its rows do not hang on each other: keys and their hashes (keys.c), what each
 * row adds to its side (adds.c), the columns of slots. Only to find, open and add goes row by row (pair.c). Records are
 * made in the same way (talk.c).
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
	SIDE_CARRIES = 1 << SIDE_BITS, /* it has a slot */
};
_Static_assert(SIDE_BITS < 16, "bits of a side");

#define TOO_MANY (UINT64_C(1) << 63) /* a counter past what the language can hold stays there */

struct side {
	int64_t start, end;      /* least and greatest; INT64_MAX and INT64_MIN if none is known */
	uint64_t packets, bytes; /* scaled, summed */
	uint32_t slot;           /* of its first flow: low bits of its number */
	uint16_t flags;          /* or-ed */
	uint16_t bits;
};

/*
 * A key is two words. [addrs]: both addresses if both are IPv4, the lower end's in the upper half; else a hash of what lies in
 * [six]. [rest]: the ports, the lower end's above the other's; the protocol; which of the ends is IPv4; and 16 bits that are
 * no part of the key.
 */
#define KEY_PORT_SHIFT(upper) ((upper) ? 32 : 48)
#define KEY_PROTO_SHIFT       24
#define KEY_BOTH_V4           (UINT64_C(3) << 16)
#define KEY_V4(upper)         (UINT64_C(1) << ((upper) ? 17 : 16))
#define KEY_OF(rest)          ((rest) >> 16)
enum {
	KEY_PORT_LOWER = 1, KEY_PORT_UPPER = 2, /* a flow told the port */
	KEY_UPPER = 4,        /* of a row: it is a flow of the upper end. Of an entry: the upper end opened it */
	KEY_WHOLE = 8,        /* of a row: it has a key */
	TALK_PORTS = KEY_PORT_LOWER | KEY_PORT_UPPER,
};

/* Two cache lines. Whoever asks and is not answered has all its life in the first; side 0 is the one that opened it. */
struct talk {
	uint32_t next;       /* older one of the chain: low bits of its number */
	uint32_t texts;      /* end of the texts when it was opened: low bits */
	uint64_t addrs, rest;
	struct side side[2];
	int64_t received;    /* of the flow that opened it, as a running maximum */
	int64_t time;        /* event time of that flow */
	uint32_t slots;      /* end of the slots when it was opened: low bits */
	uint32_t spare;
};
_Static_assert(sizeof(struct talk) == 128 && offsetof(struct talk, side[1]) == 64, "two cache lines an entry");

#define HEADS 4u /* for each entry, so that few lead to another key */

/* Rows whose entry is fetched before their turn, and whose place in the index. */
#define AHEAD      12u
#define FAR_AHEAD  32u

/* The keys of a batch. */
struct keys {
	uint64_t addrs[TSN_BATCH_ROWS], rest[TSN_BATCH_ROWS];
	uint32_t hash[TSN_BATCH_ROWS + FAR_AHEAD];
	struct tsn_addr six[TSN_BATCH_ROWS][2]; /* of rows that are not of IPv4 alone: the lower end, the upper */
};

/* What the rows of a batch add to their sides: nothing where nothing is known. */
struct adds {
	const int64_t *start, *end;
	const uint64_t *packets, *bytes;
	uint16_t flags[TSN_BATCH_ROWS], bits[TSN_BATCH_ROWS];
	uint64_t copy[4][TSN_BATCH_ROWS]; /* of the first four, where a row has none */
};

/* Memory that grows by moving pages. */
struct array {
	void *p;
	size_t bytes;
};

enum { ABSENT, PRESENT, IS_V6 };

struct wide {
	uint64_t hi, lo;
};

/* A field that is carried: a number, 4 bytes of an IPv4 address, or where a text begins, for each slot. */
struct column {
	struct array v;
	struct array there;     /* a byte: ABSENT, PRESENT, or IS_V6 and the address is in [wide] */
	struct array wide;      /* once there was one */
	bool made;
	bool refused;           /* there was no room for it; asked again at the next tick */
	bool carried;           /* rules ask for it now; else only entries of before have it */
	uint64_t last;          /* not carried: the end of the slots that may have it */
};

struct carry {
	uint64_t begin, end;    /* slots that may be alive; counted for ever */
	uint32_t cap;           /* a power of two */
	uint16_t field[TSN_FIELD_COUNT]; /* to be carried, in order */
	uint32_t nfields;
	uint16_t made[TSN_FIELD_COUNT];  /* with a column */
	uint32_t nmade;
	struct column column[TSN_FIELD_COUNT];
	struct array source;    /* the exporter of each slot */
	struct array text;      /* a ring of bytes */
	uint64_t text_begin, text_end;
	uint64_t spent, most;   /* bytes of all of this */
	uint16_t row[TSN_BATCH_ROWS];    /* first flows of the rows at hand: their slots are the last ones given out */
	uint32_t nrows;
	uint16_t later[TSN_BATCH_ROWS];  /* later flows of sides with raw counters, and their slots */
	uint32_t later_slot[TSN_BATCH_ROWS];
	uint32_t nlater;
	bool sums;              /* raw counters are carried */
};

struct tsn_pair {
	int64_t wait, now;
	uint64_t seed;
	uint32_t max, cap;      /* powers of two */
	struct talk *ring;
	struct array ring_mem, head_mem, six_mem;
	uint32_t *head;         /* low bits of numbers. One long dead may look alive: it leads to other keys */
	uint32_t nheads;
	struct ends *six;       /* addresses of entries that are not of IPv4 alone; NULL until there is one */
	uint64_t begin, end;    /* numbers, from 1 */
	uint64_t fresh;         /* the first that a flow may still belong to: those before it only wait for a tick */
	struct carry carry;
	struct tsn_pair_stats stats;
	struct keys keys;
	struct adds adds;
};

struct ends {
	uint64_t hi[2], lo[2];
};

static inline struct talk *
talk_at(const struct tsn_pair *p, uint64_t number)
{
	return &p->ring[number & (p->cap - 1)];
}

/* When it has waited long enough. */
static inline int64_t
due_of(const struct tsn_pair *p, const struct talk *t)
{
	int64_t due;

	return __builtin_add_overflow(t->received, p->wait, &due) ? INT64_MAX : due;
}

/* The lower end's side, or the upper's. */
static inline unsigned
side_of(const struct talk *t, bool upper)
{
	return upper != ((t->rest & KEY_UPPER) != 0);
}

static inline uint16_t
port_of(const struct talk *t, bool upper)
{
	return (uint16_t)(t->rest >> KEY_PORT_SHIFT(upper));
}

static inline uint8_t
proto_of(const struct talk *t)
{
	return (uint8_t)(t->rest >> KEY_PROTO_SHIFT);
}

/* --- ring.c --- */

/* Makes [a] hold [bytes], if it does not. What comes is zero. False: memory is out, nothing changed. */
bool tsn_pair_reach(struct array *a, size_t bytes);
void tsn_pair_unmap(struct array *a);
/* A ring of [cap] elements has room for twice as many: moves those of [begin, end) that now lie elsewhere. */
void tsn_pair_unfold(void *ring, size_t size, uint64_t begin, uint64_t end, uint64_t cap);

/* A new entry with the key of row [row] of [p->keys], received [now], of no side yet. NULL when it finds no place. */
struct talk *tsn_pair_open(struct tsn_pair *p, uint32_t row, int64_t time);
/* Entries to which no flow of [p->now] belongs any more are fresh no more. */
void tsn_pair_age(struct tsn_pair *p);
struct tsn_addr tsn_pair_addr(const struct tsn_pair *p, const struct talk *t, bool upper);

/* --- keys.c --- */

void tsn_pair_keys(struct tsn_pair *p, const struct tsn_batch *b);
/* That of one row, from its ends: the lower one first. [rest] of the key is there. */
void tsn_pair_key(struct tsn_pair *p, uint32_t row, const struct tsn_addr addr[2]);

/* --- adds.c --- */

void tsn_pair_adds(struct adds *a, const struct tsn_batch *b);

/* --- carry.c --- */

void tsn_pair_carry_fini(struct carry *c);
/*
 * Makes the columns that row [from] is the first to need. The end of the rows that need no other: so what finds no place when
 * memory gets short does not hang on the batches.
 */
uint32_t tsn_pair_carry_ready(struct tsn_pair *p, const struct tsn_batch *b, uint32_t from);
/* The same for one field of the slots to come; [v6]: an IPv6 address. */
bool tsn_pair_column(struct carry *c, enum tsn_field f, bool v6);
bool tsn_pair_grow_slots(struct carry *c);
/* One more slot; false: there is no room. */
static inline bool
next_slot(struct carry *c, uint32_t *slot)
{
	if (c->end - c->begin == c->cap && !tsn_pair_grow_slots(c))
		return false;
	*slot = (uint32_t)c->end++;
	return true;
}
/* Slots and texts before [t] are over; NULL: all. */
void tsn_pair_carry_forget(struct tsn_pair *p, const struct talk *t);
/* A text among those of the slots; false: there is no room. */
bool tsn_pair_put_text(struct carry *c, struct tsn_str s, uint32_t *where);
struct tsn_str tsn_pair_get_text(const struct carry *c, uint32_t where);

/* Of an element of a column: an IPv4 address and where a text begins take 4. */
static inline size_t
size_of(enum tsn_field f)
{
	static const uint8_t size[] = { [TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8, [TSN_I64] = 8, [TSN_F64] = 8,
		[TSN_ADDR] = 4, [TSN_STR] = 4 };

	return size[tsn_field_storage[f]];
}

static inline bool
is_raw(enum tsn_field f)
{
	return f == TSN_F_RAW_PACKETS || f == TSN_F_RAW_BYTES;
}

/* --- slots.c --- */

/* Fills the slots of [c->row], and adds up [c->later]. */
void tsn_pair_carry_rows(struct tsn_pair *p, const struct tsn_batch *b);
/* What the [n] sides carry, into the first rows of [out], and the exporters of their first flows (0 if unknown). */
void tsn_pair_carried(const struct tsn_pair *p, const struct side *const *side, uint32_t n, struct tsn_batch *out);

#endif
