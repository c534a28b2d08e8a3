/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Groups of one key: where they are, which of the 64 parts they belong to, who gives way to whom. internal.h has the picture. */
#ifndef TSN_STATE_FAMILY_H
#define TSN_STATE_FAMILY_H

#include "base/prefetch.h"
#include "state/aggregate.h"
#include "state/directory.h"
#include "state/keys.h"
#include "state/segment.h"
#include "state/state.h"

#define TSN_LEAVING 8u

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

/* What of a family outlives a reload; first what each batch looks at. */
struct tsn_family_store {
	struct tsn_directory dir;
	uint32_t ngroups;
	uint8_t *groups;     /* each a struct tsn_group, and what is behind it in its record: cells_lean.c */
	uint32_t stride;     /* bytes of one */
	uint32_t cap;        /* groups a part has room for */
	uint32_t nparts;     /* of the 64, those of this shard */
	uint32_t fullest;    /* groups of the part that has most: parts lose none */
	struct tsn_slab slab;
	struct tsn_part part[TSN_PARTS];
	int64_t evicted[TSN_PARTS]; /* event time up to which flows are missed since evictions, TSN_TIME_NONE if none */
	struct tsn_family_stats stats;
};

struct tsn_leaving {
	struct tsn_place place;
	uint32_t group;
};

/* First what each batch looks at: where rules are many it is in no cache when the family's turn comes, and is fetched before (fold.c). */
struct tsn_family {
	struct tsn_family_def def;
	struct tsn_agg *agg;
	struct tsn_guard *guard; /* of a guarded one; guard.c */
	struct tsn_steps *steps; /* of a sequence; steps.c */
	uint64_t folded;     /* the batch folded last */
	uint32_t budget;     /* groups a part may have */
	uint32_t nleaving, nleft; /* ever; the last TSN_LEAVING wait */
	uint8_t gave[TSN_LEAVING]; /* parts in which somebody gave way last */
	uint32_t ngave;           /* ever */
	bool loose;          /* a group that no row of the segment met may go before these are folded */
	bool zeros;          /* without a group all its values are 0 */
	bool since_ever;     /* no key, and SINCE: its group is there from the first row on */
	bool many_keys;      /* its steps have different ones, so that what is marked is in one part */
	bool restored;       /* from a snapshot */
	bool marked;         /* that batch, or a reload, has changed some of [evicted] and what is behind it: the next one begins with cleaning up */
	int64_t span;        /* ms after which a silent group's windows have passed */
	struct tsn_family_store store;
	/* entries of groups that lost their place, until memory has come; nobody takes them for their own: that group has another key */
	struct tsn_leaving leaving[TSN_LEAVING];
	int64_t marks_end;                 /* no eviction, and nothing that came too late, in that batch or before was later */
	struct tsn_mask evicted;          /* rows of the batch folded last whose key took another group's place */
	uint8_t part_of[TSN_BATCH_ROWS];  /* of those rows and of late ones */
	int64_t lost_to[TSN_BATCH_ROWS];  /* of the first: up to which event time flows are missed */
	int64_t evicted_before[TSN_PARTS]; /* store.evicted when that batch began */
};
#define TSN_FAMILY_NEAR (offsetof(struct tsn_family, store.slab.free)) /* bytes of it that are fetched */

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

static inline void
tsn_part_has(struct tsn_family_store *s, uint32_t groups)
{
	s->fullest = groups > s->fullest ? groups : s->fullest;
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
static inline __attribute__((always_inline)) void
tsn_group_prefetch(const struct tsn_family_store *s, uint32_t group)
{
	tsn_prefetch((const void *)((uintptr_t)s->groups + (uintptr_t)group * s->stride));
}

/* Where its key is, if that is in the slab; the group itself has come. Compilers take calls of what only fetches for calls of nothing. */
static inline __attribute__((always_inline)) void
tsn_key_prefetch(const struct tsn_family_store *s, uint32_t group)
{
	const struct tsn_group *g = tsn_group_at(s, group);

	if (tsn_in_slab(g))
		tsn_prefetch(s->slab.mem + (size_t)g->key * TSN_SLAB_UNIT);
}

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
/* Fetches what finding the group of a later row will look at, one after the other: its place in the directory, the group and its cells, its key. */
enum tsn_ahead { TSN_AHEAD_PLACE, TSN_AHEAD_GROUP, TSN_AHEAD_KEY };
void tsn_family_ahead(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, enum tsn_ahead what);
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

/* save.c: one family as bytes and back, for a reload with other shards; the family is as made before, and again after false. */
void tsn_family_save(const struct tsn_whole *w, struct tsn_pack *out);
bool tsn_family_load(const struct tsn_whole *w, uint64_t seed, struct tsn_unpack in);

/* fold.c: lets the aggregates go through a segment; false: it ended at x->to, memory is out. */
bool tsn_fold_segment(struct tsn_family *f, struct tsn_fold *x);

/*
 * guard.c. In a batch of flows first [begin]; when rows have their keys, [rows] leaves of the list those that must be
 * looked up (the others get values); when a segment was counted, [note].
 */
bool tsn_guard_init(struct tsn_family *f);
uint64_t tsn_guard_fixed(const struct tsn_family_def *d);
void tsn_guard_forget(struct tsn_family *f);
void tsn_guard_begin(struct tsn_state *s, struct tsn_family *f);
/* No group ever had enough: where nobody counts, who only looks needs not even that. */
bool tsn_guard_idle(const struct tsn_family *f);
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

#endif
