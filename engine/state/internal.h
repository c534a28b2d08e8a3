/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of this room share. A family is
 *
 *   directory   lines of entries {tag, group}; see directory.h
 *   groups      16 bytes each, by group number, or 32 with the lanes of a count; long keys in a slab
 *   aggregates  each with dense arrays of cells, by group number
 *
 * A group's number is its place in its part times the number of parts plus the part, so that a
 * part's groups are found by counting and the arrays stay dense: keys spread
 * evenly over parts. Zero bytes are an empty cell of every kind.
 *
 * There are 64 parts; a shard of a state has those p with p mod shards = shard, and numbers them 0, 1, ... itself.
 * What can be seen in an alert or a value is kept part by part, so that nobody can tell how many shards there are.
 */
#ifndef TSN_STATE_INTERNAL_H
#define TSN_STATE_INTERNAL_H

#include <string.h>

#include "base/heap.h"
#include "base/pack.h"
#include "state/directory.h"
#include "state/state.h"

#define TSN_PARTS 64u
#define TSN_GROUP_NONE UINT32_MAX
#define TSN_SOURCES_MAX 65535u /* exporters by number; for what is read back from bytes */
#define TSN_AHEAD 16 /* entries of a segment to prefetch ahead */
#define TSN_LEAVING 8u

struct tsn_cells {
	uint8_t *mem;
	uint32_t size; /* of one cell; 0: this array is not used */
	uint32_t cap;  /* cells */
};

/* Counts of flows; cells_count.c. */
struct tsn_counts {
	struct tsn_cells cells;
	bool lean;             /* there are none: the lanes are with the groups; cells_lean.c */
	struct tsn_wide *wide; /* cells of groups whose panes passed 8 bits */
	uint32_t nwide, capwide, freewide, sparewide;
	uint32_t warm;         /* panes of narrow cells that are in the upper half of 8 bits */
};

/* Sums; cells_sum.c. */
struct tsn_sums {
	struct tsn_cells cells;
	bool wide;     /* tumbling: panes have 128 bits */
	uint64_t peak; /* no 64-bit pane ever had a greater magnitude */
	struct tsn_grown *grown; /* sliding: cells of groups whose panes passed 32 bits; cells_compact.c */
	uint32_t ngrown, capgrown, free, spare;
	uint32_t warm; /* panes of the others that are near that */
};

/* Groups that have memory beside their cells: those of one part, or of all; see kept.h. */
struct tsn_pool {
	uint32_t n;    /* of them */
	uint32_t hand; /* where among them the next look for memory to take begins */
};

/* What of an aggregate outlives a reload. */
struct tsn_agg_store {
	struct tsn_counts counts; /* COUNT AVG */
	struct tsn_sums sums;     /* SUM RATE AVG */
	struct tsn_cells cells;   /* MIN MAX DISTINCT */
	uint64_t bytes;           /* allocated beside the cells */
	struct tsn_heap heap;     /* DISTINCT: of these bytes */
	uint64_t open;            /* no window below it is to be closed; UINT64_MAX: none at all */
	struct tsn_cells holders; /* groups that have such memory, pool by pool in no order; see kept.h */
	struct tsn_pool pool[TSN_PARTS];
	uint32_t npools;          /* one a part, or 1 */
	uint64_t held[TSN_PARTS]; /* of [bytes], what groups of the part hold, where there are pools */
	int64_t late[TSN_PARTS];  /* on its clock, of the part the latest flow that came too late for it, TSN_TIME_NONE if none */
	bool mute;                /* just became one that closes: what is due at the first tick is not its own */
	void *beside;             /* RANK BASELINE SPREAD ABSENT: what they keep that is not by group, or not of one size */
};

/* The rows that tsn_state_close is handing out. */
struct tsn_closing {
	const struct tsn_batch *batch; /* NULL: none */
	uint32_t family, agg;
	int64_t pane_ms;               /* of a window: its length, number and clock */
	uint64_t window;
	bool by_received;
};

struct tsn_stable;
struct tsn_kept;
struct tsn_family;
struct tsn_guess;

#define TSN_MARKS 4096u

/* A set of groups by their low bits: it may say that one is in it that is not. Empty again in no time. */
struct tsn_met {
	uint16_t mark[TSN_MARKS], round;
};

static inline void
tsn_met_begin(struct tsn_met *m)
{
	if (++m->round == 0) {
		memset(m->mark, 0, sizeof(m->mark));
		m->round = 1;
	}
}

static inline void
tsn_met_add(struct tsn_met *m, uint32_t group)
{
	m->mark[group % TSN_MARKS] = m->round;
}

static inline bool
tsn_met_has(const struct tsn_met *m, uint32_t group)
{
	return m->mark[group % TSN_MARKS] == m->round;
}

/* A segment of a batch: rows whose groups are resolved and stay where they are. */
struct tsn_fold {
	struct tsn_family *family;
	const struct tsn_batch *batch;
	uint32_t from, to;       /* entries of [row] and [group] */
	const uint16_t *row;
	const uint32_t *group;   /* TSN_GROUP_NONE: a row that looks at a group that does not exist */
	union tsn_total *total;  /* by row, scratch */
	int64_t *count;          /* by row, scratch */
	bool learned;            /* tsn_state_learned was called */
	bool guarded;            /* for flows: of a guarded family (tsn_family_def), any value below the least will do */
	struct tsn_met *met;     /* groups of the segment, while it is resolved */
	uint32_t all;            /* rows of the batch, if all of them count; else 0 */
	bool counted;            /* in a lean count, when their groups were found */
};

union tsn_total {
	__int128 i;
	double f;
};

/* See near.h. */
struct tsn_near {
	uint64_t base, first;    /* where the first pane begins, and its number, biased */
	uint32_t factor, shift;  /* division by pane_ms */
	uint32_t reach;          /* bits of a time from [base] on; 0: there is no short way but for that one */
};

struct tsn_agg {
	struct tsn_mask takes;   /* of the batch: rows that count for it */
	struct tsn_mask late;    /* of the batch folded last: rows older than their group's window */
	int64_t late_before[TSN_PARTS]; /* store.late when that batch began */
	const struct tsn_agg_def *def;
	const struct tsn_agg_ops *ops;
	struct tsn_agg_store store;
	uint32_t keep;           /* panes kept: those of the window, or two windows of `per` */
	struct tsn_near near;    /* of a lean count: times around those of the batch */
	const uint64_t *pane;    /* of the batch, by row */
	uint64_t *panes;         /* memory for it */
	uint64_t *member;        /* those that have a tuple: of the batch, by row */
	float *error;            /* the same: relative standard error of the value */
	const struct tsn_stable *law; /* ENTROPY */
	const struct tsn_vector *arg;
	struct tsn_vector *out;
	uint64_t next_open;      /* while closing: [open] afterwards, and was [mute] set */
	bool mute;
	bool closes;             /* somebody wants its closings: tick rows, ranks or samples */
	bool shows;              /* somebody wants its tick rows, or those of what is about it */
	struct tsn_family *family;
	struct tsn_agg *of;      /* RANK BASELINE SPREAD: what they are about */
	struct tsn_agg *owner;   /* BASELINE SPREAD: the one of those with the same samples that keeps them */
	const struct tsn_state *state;
	void *beside;            /* of the store, while that is emptied */
	struct tsn_mask counts;  /* `by A at B`: [takes] and [out] while the others stand in for them */
	struct tsn_vector *wanted;
	bool restored;           /* from a snapshot */
	bool relist;             /* ...whose pools were others */
	bool divided;            /* extra_bytes, over the parts */
};

struct tsn_family;

/* What a function must know to do. One row each in functions.c. */
struct tsn_agg_ops {
	void (*init)(struct tsn_agg *a);    /* sizes of its cells */
	/* Once a batch; narrows [takes]. May be NULL. */
	void (*begin)(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed);
	/* Gets all memory [fold] will need for a segment. May be NULL. */
	bool (*reserve)(struct tsn_agg *a, const struct tsn_fold *x);
	/* Returns x->to, or the entry at which memory ran out. */
	uint32_t (*fold)(struct tsn_agg *a, struct tsn_fold *x);
	/* Gives back what a cell refers to; its bytes are cleared after. May be NULL. */
	void (*reset)(struct tsn_agg *a, uint32_t group);
	/* Gives back what is beside the cells. May be NULL. */
	void (*fini)(struct tsn_agg *a);
	/* Memory beside the cell, of a window (0, and with `per` 1); see kept.h. NULL: there never is, and extra_bytes does not apply. */
	struct tsn_kept *(*kept)(const struct tsn_agg *a, uint32_t group, uint32_t window);
	/* Bytes a group may take beside its cells, at most. NULL: none. */
	uint64_t (*most)(const struct tsn_agg *a);
	/* [fold] allocates: it goes first, so that the others stop at the same row. */
	bool may_stop;
	/* Goes by times, not by panes: [pane] is not made for it. */
	bool exact;
	/* One cell as bytes and back; the cell is empty before. False: not what [save] wrote, or memory is out. */
	void (*save)(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
	bool (*load)(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
	/* Of those made of tsn_kept_* (kept.h): what their memory is. */
	const struct tsn_kept_ops *keeps;
	/* Makes store.beside, once, after [init]; [renew] makes it as new, and cannot fail; [fini] frees it. May be NULL. */
	bool (*make)(struct tsn_agg *a);
	void (*renew)(struct tsn_agg *a);
	/* The most store.beside may ever take, whatever the groups; by the definition alone. */
	uint64_t (*fixed)(const struct tsn_agg *a);
	/* See tsn_state_notes and tsn_state_learning. May be NULL: nothing to tell. */
	uint32_t (*notes)(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row,
	    struct tsn_note *out, uint32_t max);
	void (*learning)(const struct tsn_family *f, const struct tsn_agg *a, struct tsn_learning *out);
	/*
	 * What is beside the cells of all [n] shards as bytes, as if they were one, and back to each of them, before any cell; what was made
	 * is as new before. May be NULL.
	 */
	void (*save_beside)(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out);
	bool (*load_beside)(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in);
};

#define TSN_IN_SLAB (UINT32_C(1) << 31)

struct tsn_group {
	int64_t newest;  /* event time */
	uint32_t word;   /* flows counted, at most 2^31 - 1; and TSN_IN_SLAB */
	uint32_t key;    /* IPv4 address, or offset in the slab */
};

static inline bool
tsn_in_slab(const struct tsn_group *g)
{
	return (g->word & TSN_IN_SLAB) != 0;
}

static inline uint32_t
tsn_group_flows(const struct tsn_group *g)
{
	return g->word & ~TSN_IN_SLAB;
}

struct tsn_part {
	uint32_t n;    /* groups, numbered 0..n-1 in the part */
	uint32_t hand; /* where the next eviction looks first */
};

#define TSN_SLAB_UNIT 8u
#define TSN_SLAB_CLASSES ((TSN_KEY_MAX + 2 + TSN_SLAB_UNIT - 1) / TSN_SLAB_UNIT + 1)

/* Long keys: length in two bytes, then the key, in units of 8 bytes. Most are of IPv4, and shorter than they might be. */
struct tsn_slab {
	uint8_t *mem;
	uint32_t n, cap;                     /* units */
	uint32_t live;                       /* of them, those of keys in use */
	uint32_t longest;                    /* units of the longest key there can be, where none holds text */
	uint32_t limit;                      /* units it need not grow beyond */
	uint32_t free[TSN_SLAB_CLASSES];     /* by size in units: offset + 1 of the first free one */
};

/* What of a family outlives a reload. */
struct tsn_family_store {
	struct tsn_directory dir;
	uint32_t ngroups;
	uint8_t *groups;     /* each a struct tsn_group, and what is behind it in its record: cells_lean.c */
	uint32_t stride;     /* bytes of one */
	uint32_t cap;        /* groups a part has room for */
	struct tsn_slab slab;
	uint32_t nparts;     /* of the 64, those of this shard */
	struct tsn_part part[TSN_PARTS];
	int64_t evicted[TSN_PARTS]; /* event time up to which flows are missed since evictions, TSN_TIME_NONE if none */
	struct tsn_family_stats stats;
};

struct tsn_leaving {
	struct tsn_place place;
	uint32_t group;
};

struct tsn_family {
	struct tsn_family_def def;
	struct tsn_agg *agg;
	struct tsn_family_store store;
	uint32_t budget;     /* groups a part may have */
	int64_t span;        /* ms after which a silent group's windows have passed */
	/* entries of groups that lost their place, until memory has come; nobody takes them for their own: that group has another key */
	struct tsn_leaving leaving[TSN_LEAVING];
	uint32_t nleaving, nleft; /* ever; the last TSN_LEAVING wait */
	bool loose;          /* a group that no row of the segment met may go before these are folded */
	bool since_ever;     /* no key, and SINCE: its group is there from the first row on */
	struct tsn_steps *steps; /* of a sequence; steps.c */
	bool many_keys;      /* its steps have different ones, so that what is marked is in one part */
	struct tsn_guard *guard; /* of a guarded one; guard.c */
	bool restored;       /* from a snapshot */
	struct tsn_mask evicted;          /* rows of the batch folded last whose key took another group's place */
	uint8_t part_of[TSN_BATCH_ROWS];  /* of those rows and of late ones */
	int64_t lost_to[TSN_BATCH_ROWS];  /* of the first: up to which event time flows are missed */
	int64_t evicted_before[TSN_PARTS]; /* store.evicted when that batch began */
	int64_t marks_end;                 /* no eviction, and nothing that came too late, in that batch or before was later */
	bool marked;                      /* that batch, or a reload, has changed some of this: the next one begins with cleaning up */
	uint64_t folded;                  /* which batch that was */
};

/* The keys of a batch. */
struct tsn_keys {
	uint64_t hash[TSN_BATCH_ROWS];  /* part in the top six bits, position below */
	uint32_t tag[TSN_BATCH_ROWS];   /* IPv4 address, or position of what is encoded */
	uint32_t off[TSN_BATCH_ROWS];
	uint16_t len[TSN_BATCH_ROWS];
	struct tsn_mask encoded;        /* rows whose key is bytes at [off] */
	uint8_t *bytes;
	size_t cap;
};

/* One side of `by A at B` in a batch: rows, the groups guessed for them, and those found and not folded yet. */
struct tsn_side {
	uint16_t row[TSN_BATCH_ROWS + 2 * TSN_AHEAD], due_row[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint32_t guess[TSN_BATCH_ROWS + 2 * TSN_AHEAD], due_group[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint32_t n, at, due;
};

/* Scratch of families that are read elsewhere than counted; pairs.c. */
struct tsn_pairs {
	struct tsn_side counts, reads;
	struct tsn_met waiting;          /* groups that wait to be read */
	bool takes_memory;               /* a row may take another group's memory beside its cell */
};

struct tsn_state {
	struct tsn_vector unread;       /* where results go that nobody wants */
	struct tsn_keys keys;
	union tsn_total total[TSN_BATCH_ROWS];
	int64_t count[TSN_BATCH_ROWS];
	uint32_t group[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint16_t row[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint64_t seed;
	uint32_t n, nmore;
	uint32_t shard, nshards;
	uint64_t batches;               /* begun */
	bool learned;
	struct tsn_family *family;
	struct tsn_met met;
	struct tsn_closing closing;
	struct tsn_state_exporters exporters; /* functions NULL: everybody is whole */
	struct tsn_keys *more_keys;     /* [nmore], for families whose rows have more than one */
	struct tsn_pairs *pairs;        /* NULL if no family needs it */
};

static inline uint32_t
tsn_part_of(uint64_t hash)
{
	return (uint32_t)(hash >> 58);
}

/* Parts of this shard are numbered without those of the others. */
static inline uint32_t
tsn_own_part(const struct tsn_family_store *s, uint64_t hash)
{
	return tsn_part_of(hash) * s->nparts / TSN_PARTS;
}

static inline uint32_t
tsn_number(const struct tsn_family_store *s, uint32_t part, uint32_t place)
{
	return place * s->nparts + part;
}

/* How many cells an array needs for the groups there is room for. */
static inline uint64_t
tsn_numbers(const struct tsn_family_store *s)
{
	return (uint64_t)s->cap * s->nparts;
}

/* Whose part a row's evictions and late flows belong to. Where steps of a sequence have several keys all is one part, and one shard has all. */
static inline uint32_t
tsn_marked_part(const struct tsn_family *f, uint64_t hash)
{
	return f->many_keys ? 0 : tsn_own_part(&f->store, hash);
}

static inline struct tsn_group *
tsn_group_at(const struct tsn_family_store *s, uint32_t group)
{
	return (struct tsn_group *)(s->groups + (size_t)group * s->stride);
}

/* Through integers, as below. */
static inline void
tsn_group_prefetch(const struct tsn_family_store *s, uint32_t group)
{
	__builtin_prefetch((const void *)((uintptr_t)s->groups + (uintptr_t)group * s->stride), 1);
}

static inline uint8_t *
tsn_cell(const struct tsn_cells *c, uint32_t group)
{
	return c->mem + (size_t)group * c->size;
}

/* Through integers: groups past the segment may be any number. */
static inline void
tsn_cell_prefetch(const struct tsn_cells *c, uint32_t group)
{
	const uintptr_t cell = (uintptr_t)c->mem + (uintptr_t)group * c->size;

	__builtin_prefetch((const void *)cell, 1);
	__builtin_prefetch((const void *)(cell + c->size - 1), 1);
}

/*
 * cells.c. Arrays met in random order: aligned to a line of the cache; what is new is zero. [old] may be NULL. Where they grow they are
 * copied while they are small, and once when they come to be as large as huge pages are good for.
 */
#define TSN_ARRAY_SMALL ((size_t)64 << 10)
#define TSN_ARRAY_COPIED ((size_t)2 << 20)
void *tsn_array_grow(void *old, size_t old_bytes, size_t bytes);
void tsn_array_free(void *p, size_t bytes);
bool tsn_cells_room(struct tsn_cells *c, uint64_t n);
void tsn_cells_free(struct tsn_cells *c);
/* The array whose cells begin with the ring's head; not of a lean count. */
const struct tsn_cells *tsn_agg_cells(const struct tsn_agg *a);
/* The newest pane the group counted in, 0 if it did not. */
uint64_t tsn_agg_newest(const struct tsn_agg *a, uint32_t group);
void tsn_agg_prefetch(const struct tsn_agg *a, uint32_t group);
bool tsn_agg_room(struct tsn_agg *a, uint64_t n);
void tsn_agg_reset(struct tsn_agg *a, uint32_t group);
void tsn_agg_fini(struct tsn_agg *a);
uint64_t tsn_agg_bytes(const struct tsn_agg *a);

/* clock.c */
/* Whole columns are faster by the row, but not when few rows of the batch are asked about, such as those of a shard. */
static inline bool
tsn_few_rows(uint32_t n, const struct tsn_batch *b)
{
	return n * 4 < b->n * 3;
}

/* Of [n] > 0 ascending rows: is none left out, as of a whole batch? */
static inline bool
tsn_are_neighbours(const uint16_t *row, uint32_t n)
{
	return row[n - 1] - row[0] == (int)n - 1;
}

void tsn_panes_of(const struct tsn_agg *a, const int64_t *time, uint32_t n, uint64_t *out);
void tsn_panes_of_rows(const struct tsn_agg *a, const int64_t *time, const uint16_t *row, uint32_t n, uint64_t *out);
uint64_t tsn_pane_at(int64_t time, int64_t pane_ms);
/* Start of a pane in ms, held to what an int64 can say. */
int64_t tsn_pane_start(uint64_t pane, int64_t pane_ms);

/* keys.c: returns how many of [rows] have their key and hash; fewer when memory ran out. */
uint32_t tsn_keys_make(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n);
struct tsn_family_store;
/* Moves the keys of the groups together when that is as good as growing. */
bool tsn_slab_put(struct tsn_family_store *f, const uint8_t *key, uint16_t len, uint32_t *off);
/* For [groups] groups with keys of that kind. */
void tsn_slab_bound(struct tsn_slab *s, const struct tsn_key_spec *key, uint64_t groups);
/* Bytes of the longest key in the slab, with what it may waste; 0 if only IPv4 addresses come, which is never. */
uint64_t tsn_slab_worst(const struct tsn_key_spec *key);
void tsn_slab_drop(struct tsn_slab *s, uint32_t off);
const uint8_t *tsn_slab_key(const struct tsn_slab *s, uint32_t off, uint16_t *len);

/*
 * resolve.c: guesses the groups of entries, and fetches them; the same, and finds or makes those of entries x->from on, up to the
 * first that needs another group's place while earlier ones are not folded yet; sets x->to. False: memory ran
 * out at x->to.
 */
void tsn_family_guess(const struct tsn_family *f, const struct tsn_keys *k, const uint16_t *row, uint32_t *group, uint32_t n);
bool tsn_family_resolve(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts,
    struct tsn_fold *x, uint32_t *group, uint32_t n, uint64_t seed);
/*
 * family.c: the group of a row whose guess was wrong: found all the same or, for a row that counts, made. [first]: nothing waits to be folded;
 * [met]: of the segment, NULL where it is not known who was met, or matters not.
 */
enum tsn_found { TSN_FOUND, TSN_WAIT, TSN_NO_MEMORY };
/* After some of these: the directory is again as it stands for everybody. */
void tsn_family_left(struct tsn_family *f, uint64_t seed);
enum tsn_found tsn_family_look(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool count, bool first, const struct tsn_met *met,
    int64_t time, uint64_t seed, uint32_t *group);
/* One row at a time: its group, or TSN_GROUP_NONE; [guess] is looked at first. */
uint32_t tsn_family_find(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint32_t guess);
/* A new group for a key that has none, in the place of another if its part is full. TSN_GROUP_NONE: memory is out. */
bool tsn_family_full(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row);
uint32_t tsn_family_add(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, int64_t now, uint64_t seed);
/* Fetches what finding the group of a later row will look at; then, with [group], the group and its cells. */
void tsn_family_ahead(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool group);
/* Room for so many groups in every part, in every array; it grows as if they came one by one. */
bool tsn_family_room(struct tsn_family *f, uint32_t n);
void tsn_family_fini(struct tsn_family *f);
/*
 * Puts a group in place [number], with its key's tag; [key] and [len] if it is in the slab. For loading: arrays have
 * room. False: memory ran out, or another group has that key.
 */
bool tsn_family_enter(struct tsn_family *f, uint32_t number, const struct tsn_group *g, const uint8_t *key, uint16_t len,
    uint64_t seed);
/* Where the directory has a group. */
struct tsn_place tsn_place_of(const struct tsn_group *g, const uint8_t *key, uint16_t len, uint64_t seed);

/*
 * save.c: a pane's number (0: none) and a ring's head as bytes. Loading is total: false, and [in] is bad, for what a
 * ring of [lanes] that keeps [keep] panes cannot have.
 */
void tsn_pane_save(uint64_t newest, struct tsn_pack *out);
bool tsn_pane_load(struct tsn_unpack *in, uint64_t *newest);
void tsn_head_save(uint64_t head, struct tsn_pack *out);
bool tsn_head_restore(struct tsn_unpack *in, uint32_t lanes, uint32_t keep, uint64_t *head);

/* Of a group's word: a flow more, as far as they go. Compilers make twice as much of a bit field. */
static inline uint32_t
tsn_one_more(uint32_t word)
{
	return word + (word << 1 < UINT32_MAX - 1);
}

static inline void
tsn_group_touch(struct tsn_group *g, int64_t time)
{
	g->newest = time > g->newest ? time : g->newest;
	g->word = tsn_one_more(g->word);
}

/* Fields of a row that name the group whose value it gets; tick rows are made with these. */
static inline const struct tsn_key_spec *
tsn_family_asked(const struct tsn_family_def *d)
{
	return d->at.n > 0 ? &d->at : &d->key;
}

/* The group of a family without key that has one. */
static inline uint32_t
tsn_family_only(const struct tsn_family *f)
{
	uint32_t part = 0;

	while (part < f->store.nparts - 1 && f->store.part[part].n == 0)
		part++;
	return part;
}

/* cells_first.c: notes the first row of all. */
void tsn_since_begin(struct tsn_agg *a, uint32_t group, const struct tsn_batch *b);

/* marks.c: forgets which rows evicted and were late, a batch begins; notes it by part and counts those that were late, it ends. */
void tsn_family_begin(const struct tsn_state *s, struct tsn_family *f);
void tsn_family_settle(const struct tsn_state *s, struct tsn_family *f, const struct tsn_batch *b);
/* Rows later in the input whose windows reach back to [to] may miss flows of this part. */
void tsn_family_mark(struct tsn_family *f, uint32_t part, uint32_t row, int64_t to);
/* ... because the row's key took the place of a live group, or its memory. */
void tsn_family_lost(struct tsn_family *f, uint32_t part, uint32_t row, int64_t to);
/* Nothing was evicted and nothing was late. */
void tsn_marks_init(struct tsn_family *f);
/* Of all parts the latest. */
void tsn_marks_stats(const struct tsn_family *f, struct tsn_family_stats *out);
/* state.c: lets the aggregates go through a segment; false: it ended at x->to, memory is out. */
bool tsn_fold_segment(struct tsn_family *f, struct tsn_fold *x);

/* pairs.c: the rows of [counts] and [reads], both with their keys, in order. Sets [stop] to the first row that was not folded. */
bool tsn_pairs_fold(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, const struct tsn_mask *counts,
    const struct tsn_mask *reads, uint32_t *stop);

/*
 * guard.c. In a batch of flows first [begin]; when rows have their keys, [rows] leaves of the list those that must be
 * looked up (the others get values); when a segment was counted, [note].
 */
bool tsn_guard_init(struct tsn_family *f);
uint64_t tsn_guard_fixed(const struct tsn_family_def *d);
void tsn_guard_forget(struct tsn_family *f);
void tsn_guard_begin(struct tsn_state *s, struct tsn_family *f);
/* Leaves out rows that only look and surely in vain, but for those of [must] (NULL: none); before there are keys. */
uint32_t tsn_guard_spare(struct tsn_family *f, const struct tsn_mask *counts, const struct tsn_mask *must, uint16_t *row, uint32_t n);
uint32_t tsn_guard_rows(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts,
    const struct tsn_mask *must, uint16_t *row, uint32_t n);
void tsn_guard_note(struct tsn_state *s, struct tsn_family *f, const struct tsn_fold *x);

/* steps.c */
bool tsn_steps_init(struct tsn_family *f, const struct tsn_family_def *def);
void tsn_steps_fini(struct tsn_family *f);
/* How many keys of its own a row of the family can have. */
uint32_t tsn_steps_keys(const struct tsn_family_def *def);
uint64_t tsn_steps_bytes(const struct tsn_family *f);
/* At most, beside the groups, of a sequence whose rules match as many rows at a tick as a batch has. */
uint64_t tsn_steps_fixed(const struct tsn_family_def *def);
uint32_t tsn_steps_notes(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row,
    struct tsn_note *out, uint32_t max);

/* state.c: S29: groups a part may have. */
uint32_t tsn_family_budget(uint64_t max_keys);

/*
 * shards.c: a family, whole: those that hold its parts, by number of their shard. False where not all of them are there,
 * or nobody is.
 */
struct tsn_whole {
	struct tsn_family *shard[TSN_PARTS];
	uint32_t n;
};
bool tsn_whole_find(struct tsn_state *const *s, uint32_t n, const char *canon, size_t len, struct tsn_whole *out);
/* How many shards it has more by the family of this state: 1, or 0 if there is one already, or of another division. */
uint32_t tsn_whole_add(struct tsn_whole *w, struct tsn_family *f, const struct tsn_state *s);

/* save.c: one family as bytes and back, for a reload with other shards; the family is as made before, and again after false. */
void tsn_family_save(const struct tsn_whole *w, struct tsn_pack *out);
bool tsn_family_load(const struct tsn_whole *w, uint64_t seed, struct tsn_unpack in);

/* functions.c */
const struct tsn_agg_ops *tsn_agg_ops(enum tsn_agg_fn fn);

/* cells_count.c */
void tsn_counts_init(struct tsn_counts *c, bool tumbling);
bool tsn_counts_reserve(struct tsn_agg *a, uint32_t rows);
/* Writes the counts of the rows of the segment to [out], by row. */
void tsn_counts_fold(struct tsn_counts *c, const struct tsn_agg *a, const struct tsn_fold *x, int64_t *out,
    struct tsn_mask *late);
void tsn_counts_reset(struct tsn_counts *c, uint32_t group);
void tsn_counts_fini(struct tsn_counts *c);
void tsn_counts_save(const struct tsn_counts *c, const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_counts_load(struct tsn_counts *c, struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
/* Bytes of a group that has grown, beside its cell. */
uint64_t tsn_counts_most(const struct tsn_counts *c);

/* cells_lean.c: may aggregate [i] be such a count? By the definition alone, and of its family no other then. Which one is? */
#define TSN_LEAN_BYTES 32u
bool tsn_lean_can(const struct tsn_family_def *f, uint32_t i);
struct tsn_agg *tsn_lean_of(const struct tsn_family *f);
/* Makes it one, if it may be, and the family's groups what they are then; before there are any, and when all its aggregates are there. */
void tsn_lean_init(struct tsn_agg *a);
/*
 * Guesses the groups of all rows of a segment in which every row counts, and counts those that go the short way. The entries of the others come to
 * [odd], which has room for all and one; when the groups of these are there, too, tsn_lean_odd counts them.
 */
uint32_t tsn_lean_guessed(struct tsn_agg *a, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group, uint16_t *odd);
void tsn_lean_odd(struct tsn_agg *a, const struct tsn_fold *x, const uint16_t *odd, uint32_t n);
/* A row whose group nobody touched before: counts in it and touches it, or looks; its value. */
void tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts);
void tsn_lean_fold(struct tsn_agg *a, const struct tsn_fold *x);
void tsn_lean_reset(struct tsn_agg *a, uint32_t group);
uint64_t tsn_lean_newest(const struct tsn_agg *a, uint32_t group);
void tsn_lean_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_lean_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
/* From now on it has cells of its own; false: memory is out. */
bool tsn_lean_apart(struct tsn_agg *a);

/* closing of windows: close.c; windows below the result are due at [now] */
/* Of all groups the first window that is open, UINT64_MAX if none is. */
uint64_t tsn_close_first(const struct tsn_agg *a);
uint64_t tsn_close_limit(const struct tsn_agg_def *d, int64_t now, int64_t lateness);
int tsn_group_compare(const struct tsn_family_store *s, uint32_t a, uint32_t b);
/* The value part [i] of a group's key has; strings point into the key. */
void tsn_group_part(const struct tsn_family *f, uint32_t group, unsigned i, struct tsn_value *out);
/* Which of the shard's parts the row's key is of; false if it has none. */
bool tsn_part_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row, uint32_t *part);
/* The group of a row's key, without making it; TSN_GROUP_NONE if there is none. */
uint32_t tsn_group_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row);
/*
 * Values of a tumbling aggregate in one window for [n] <= TSN_BATCH_ROWS groups, into [out] by place; changes no state.
 * The groups of the batch folded last are forgotten.
 */
void tsn_values_of(struct tsn_state *s, struct tsn_agg *a, uint64_t window, const uint32_t *group, uint32_t n,
    struct tsn_vector *out);

/* rank.c */
struct tsn_ranked {
	int64_t order;      /* the larger comes first */
	uint64_t among;     /* groups with the same are ranked among themselves */
	uint32_t group;
	bool newly;         /* its window closes now: gets a rank */
};
/* All groups that have [window], with their values by tsn_values_of: gives the new ones their rank. */
void tsn_rank_window(struct tsn_agg *a, uint64_t window, struct tsn_ranked *v, uint32_t n);
uint64_t tsn_rank_among(const struct tsn_agg *a, uint32_t group);
void tsn_rank_closed(struct tsn_agg *a, uint64_t limit);
bool tsn_rank_due(const struct tsn_agg *a, uint64_t limit);

/* baseline.c; of the owner only */
void tsn_samples_settle(struct tsn_family *f);
/* Room for a sample of [window]; then tsn_samples_put cannot fail. */
bool tsn_samples_room(struct tsn_agg *a, uint32_t group, uint64_t window);
void tsn_samples_put(struct tsn_agg *a, uint32_t group, uint64_t window, double value, bool known);
void tsn_samples_closed(struct tsn_agg *a, uint64_t limit);
bool tsn_samples_due(const struct tsn_agg *a, uint64_t limit);
/* Asks how exporters stood in the windows that close. */
void tsn_samples_ask(struct tsn_agg *a, uint64_t limit, int64_t lateness);
uint64_t tsn_samples_skipped(const struct tsn_agg *a);

/* absent.c: what is silent at [now] less lateness; [each] returns false to stop. */
bool tsn_silences_due(const struct tsn_agg *a, int64_t until);
bool tsn_silences_each(struct tsn_agg *a, int64_t until, bool (*each)(void *arg, uint32_t group, int64_t last), void *arg);
/* Disarms what tsn_silences_each gave, puts off what cannot be judged. */
void tsn_silences_settle(struct tsn_agg *a, int64_t until, int64_t now);
uint64_t tsn_silences_unknown(const struct tsn_agg *a);

extern const struct tsn_agg_ops tsn_rank_ops, tsn_baseline_ops, tsn_absent_ops;
extern const struct tsn_agg_ops tsn_count_ops, tsn_sum_ops, tsn_rate_ops, tsn_avg_ops;
extern const struct tsn_agg_ops tsn_extreme_ops, tsn_distinct_ops;
extern const struct tsn_agg_ops tsn_fresh_ops, tsn_since_ops, tsn_sequence_ops;
extern const struct tsn_agg_ops tsn_stddev_ops, tsn_entropy_ops, tsn_jitter_ops;

/* distinct.c: narrows [takes] to the rows that have all of the tuple, and hashes it; single numbers and IPv4 addresses do not collide. */
void tsn_members_of(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed);
/* cells_stddev.c: of [n] > 0 numbers with that sum, the sum of their squares modulo 2^128 being [squares]. */
double tsn_deviation(unsigned __int128 squares, __int128 sum, uint64_t n);

#endif
