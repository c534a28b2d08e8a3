/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the alert stage, for the files of this room only.
 *
 * Each rule has a hash table of entries (rule's key -> alert) and three lists:
 * open entries and those that wait for their `for`, in the order in which they
 * fall due, and closed ones, kept while they may still suppress, in the order in which they may be forgotten. These
 * orders, and so which entry gives way when the table is full, follow from the
 * rows alone: ticks that passed are caught up on at every row.
 *
 * An opening within `once per` of the last reported one lives like others, but without a record (silent); it is reported
 * with the first match after that time.
 */
#ifndef TSN_ALERT_STAGE_H
#define TSN_ALERT_STAGE_H

#include <string.h>

#include "alert/alert.h"
#include "base/arena.h"
#include "base/buf.h"

/* A value copied out of a batch; strings are kept in [own]. */
struct tsn_saved {
	struct tsn_value v;
	char *own;
	uint32_t cap;
};

#define TSN_ALERT_PARTS 64 /* of keys, as the state has them */
#define TSN_ALERT_NO_ROW UINT32_MAX
#define TSN_ALERT_BLOCK 64u /* rows whose entries are fetched together */
#define TSN_ALERT_KEY_BYTES ((size_t)16 * TSN_KEY_MAX) /* bytes of their keys at most */
#define TSN_ALERT_FAR  512u /* so many entries of a rule are not all in the nearer caches */

enum { TSN_SAVED_EXPORTER_NAME, TSN_SAVED_IN_IF_NAME, TSN_SAVED_OUT_IF_NAME, TSN_SAVED_FIXED };

/* What is saved of the flow that matched last, besides struct tsn_shown: names, and what the message needs. */
struct tsn_save_plan {
	bool reg;      /* [what] is an export of the program, else a field */
	uint32_t what;
};

/*
 * In which panes a key held: the newest, the 128 up to it one by one, and how many in a row right below those.
 * Rows are taken to lie no further back than lateness (and HELD - 2 panes), where nothing is decided yet.
 */
#define TSN_ALERT_HELD 128
struct tsn_alert_hold {
	int64_t newest;           /* pane; TSN_TIME_NONE: none yet */
	int64_t from;             /* first pane at whose end the key is evaluated */
	uint64_t held[TSN_ALERT_HELD / 64]; /* bit i: pane [newest - i] */
	uint64_t below;
};

struct tsn_alert_members {
	struct tsn_alert_member *v;
	size_t cap;
	uint32_t n, nslots;
	uint32_t *slot;           /* hash table over [v], 0: free */
	struct tsn_arena *arena;  /* keys */
	uint64_t count, told;     /* all; of them in a record */
	bool has_zero;            /* see tsn_alert */
	struct tsn_addr zero;
};

/* What only an open or pending alert has. First what a match looks at, then what is read of the flow that matched last. */
struct tsn_alert_details {
	struct tsn_alert_hold hold;
	uint32_t nsaved;          /* as the rule's, or 0: nothing known */
	bool named;               /* some of the saved names may be known */
	struct tsn_shown last;
	struct tsn_alert_number value, threshold;
	enum tsn_rel rel;         /* value rel threshold */
	enum tsn_type type;
	uint64_t counted;         /* what a count() as value stands at, 0 for other values */
	uint64_t before;          /* flows it had counted before the one that opened the alert */
	int64_t window_start, window_end;
	enum tsn_quality quality; /* without sampling, which the entry says */
	double error;
	struct tsn_shown *sample; /* [nsamples] of them */
	uint32_t nsamples, sample_room;
	struct tsn_note *note;    /* [nnotes], strings behind them */
	uint32_t nnotes;
	struct tsn_alert_members members;
	int64_t news_due;         /* tick at which new members are told, TSN_TIME_NONE: none are new */
	struct tsn_alert_details *next; /* of spare ones */
	struct tsn_saved saved[];
};
#define TSN_ALERT_READ offsetof(struct tsn_alert_details, sample) /* bytes of it that what is read of a flow needs */

/* What every match looks at comes first, in two cache lines with a short key. */
enum tsn_alert_life { TSN_LIFE_CLOSED, TSN_LIFE_PENDING, TSN_LIFE_OPEN, TSN_LIVES };

struct tsn_alert_entry {
	uint64_t hash;
	int64_t received;  /* of its last match: running maximum, ms */
	int64_t opened;    /* when it opened last; TSN_TIME_NONE: never did */
	int64_t reported;  /* when it last opened with a record; TSN_TIME_NONE: never did */
	int64_t first_seen, last_seen;
	uint64_t flows;
	uint32_t last_row; /* of the batch at hand, while dirty; TSN_ALERT_NO_ROW: it has been read */
	uint32_t sampling;
	/* what its neighbours in a list look at, together */
	int64_t due;       /* open, pending: tick on which it ends; closed: tick from which it may be forgotten */
	struct tsn_alert_entry *prev, *next;  /* in one of the rule's lists */
	struct tsn_alert_entry *other;        /* of the first and the last entry in a row with one [due]: the other end */
	uint64_t queued;   /* when it came into its list, among those of its rule */
	struct tsn_alert_details *d;          /* NULL: closed */
	uint32_t key_len;
	uint8_t life;      /* enum tsn_alert_life */
	uint8_t part;      /* of its key */
	uint8_t severity;  /* the highest reached */
	bool silent;       /* open, but within `once per` */
	bool dirty;
	bool sampled;      /* the flow that was counted last is the last sample */
	bool cut;          /* ended early, to make room */
	uint8_t key[];
};

struct tsn_alert_list {
	struct tsn_alert_entry *head, *tail;
};

/* Of a rule (lists.c). */
struct tsn_alert_lists {
	struct tsn_alert_list whole[TSN_LIVES];
	struct tsn_alert_list *of_part; /* NULL: few, in [whole]; else TSN_LIVES of each part, in place of it */
	int64_t least;                  /* nothing in them is due before it */
	uint64_t queued;
};
#define TSN_ALERT_NO_LISTS (struct tsn_alert_lists){ .least = INT64_MAX }

struct tsn_alert_slot {
	uint64_t hash;
	struct tsn_alert_entry *e; /* NULL: free */
};

/* What is the same for all rows of which one report of a rule is true (quality.c). */
struct tsn_alert_basis {
	bool known;
	const struct tsn_report *rep;  /* NULL: of none */
	const struct tsn_agg_def *agg; /* whose value it is; NULL: of an expression of several */
	bool exact;                    /* it never comes from a sketch */
	uint64_t reach;                /* what happened longer ago than that (ms) concerns no such row */
};

/* A rule of the bound program and its alerts. */
struct tsn_alert_rule {
	const struct tsn_rule *rule;
	struct tsn_save_plan *plan; /* behind the array of rules, in the same piece of memory */
	uint32_t nsaved;
	uint32_t number;    /* of the rule */
	struct tsn_alert_slot *slot; /* a power of two of them, and tsn_alert_in_part; NULL while there is no entry */
	uint32_t nslots, nentries;
	struct tsn_alert_counts counts; /* next to [nentries]: both tell at a reload that nothing ever came */
	struct tsn_alert_lists lists;
	int64_t watch_pane; /* the next one at whose end keys are evaluated; TSN_TIME_NONE while none is open or pending */
	int64_t reached;    /* by the rows that the end of input makes; TSN_TIME_NONE: there were none */
	uint32_t for_panes; /* a pending key opens when it held in so many in a row */
	uint32_t hold_panes; /* an open one ends when it held in none of so many */
	bool notes;         /* its functions have something to tell */
	struct tsn_alert_basis basis; /* of the report that was true last */
	struct tsn_alert_entry **news; /* open alerts with new members, in the order of their ticks; NULL: ended */
	size_t nnews, news_cap;
	bool tells;         /* its openings are collected: links or actions */
	uint64_t id[2];     /* what its alerts' ids begin with, and its number; made when the first is told of */
	uint32_t sid;       /* 0: not yet */
	struct tsn_alert_frame *frame; /* of its JSON; NULL: not yet, or memory was out */
	bool told_full;
	bool foreign;  /* of another stage; see tsn_alerts_own */
};

/* Entries by part of the key, where there are slots, behind which they lie: most of many rules have none. */
static inline uint32_t *
tsn_alert_in_part(const struct tsn_alert_rule *r)
{
	return (uint32_t *)(r->slot + r->nslots);
}

/* A record waiting for the flush, and where it stands in the order. */
struct tsn_alert_pending {
	struct tsn_alert *al;
	uint64_t ticket;
	bool row;         /* of a row; false: of a tick before that row */
	int64_t due;      /* ticks only */
	uint32_t rule;
	uint64_t seq;     /* the last resort: order of making */
};

struct tsn_alerts {
	uint32_t max_keys;
	uint32_t nshards;   /* the keys of its rules are divided among so many stages */
	uint64_t seed;      /* of the hashes that make parts of keys */
	const struct tsn_log *log;
	const struct tsn_program *program;
	const struct tsn_set *const *sets;
	const struct tsn_state *state;
	struct tsn_exporters *exporters; /* may be NULL */
	struct tsn_alert_rule *rule;
	uint32_t nrules;
	const struct tsn_alert_rule *quick; /* of those that are watched, one with the shortest panes; NULL: none is */
	struct tsn_sink **sink;
	size_t nsinks;
	int64_t now;        /* running maximum of the time of receipt, TSN_TIME_NONE at first */
	int64_t before;     /* the same before the tick at hand */
	int64_t tick;       /* at which the rows to come stand, TSN_TIME_NONE: as their own times say */
	int64_t next_due;   /* no list has anything due before it */
	int64_t lateness;
	bool cut_off, ticked;
	int64_t watch_due;  /* no watch is due before it */
	/* the watch at hand: keys of one rule, in key order, of which [watch_next] have had their turn */
	struct tsn_alert_rule *watch_rule; /* NULL: none */
	struct tsn_alert_entry **watch;
	size_t nwatch, watch_cap, watch_first, watch_next;
	struct tsn_alert_details *spare; /* of alerts that ended, empty, the last first; [nspare] of them */
	uint32_t nspare;
	/* openings until they are taken */
	struct tsn_opening *opening;
	size_t nopenings, opening_cap;
	struct tsn_arena *opening_arena;
	/* the batch at hand, until the flush */
	const struct tsn_batch *batch;
	const struct tsn_batch *coming; /* told of, but not yet looked at: nothing of it has mattered so far */
	bool has_rows;      /* [received] and [batch_ticket] are those of a batch of flows, up to [next_ticket] */
	uint64_t batch_ticket, next_ticket;
	int64_t talks_of;   /* tick of the conversations at hand; INT64_MAX: what is at hand are none */
	int64_t talks_now;  /* where they stand in time */
	uint64_t talks_ticket; /* of the first of that tick, whatever the batches they come in */
	const int64_t *received; /* running maximum, row by row: the batch's own, mostly */
	int64_t maxima[TSN_BATCH_ROWS]; /* where it has others */
	/* the rule at hand, inside tsn_alerts_match */
	const struct tsn_alert_reads *reads;
	int64_t mark;       /* tsn_alert_last_mark */
	struct tsn_alert_entry *dirty[TSN_BATCH_ROWS]; /* whose last flow is still to be read */
	uint32_t ndirty;
	struct tsn_alert_entry *recent; /* the entry of the row before */
	uint8_t keys[TSN_ALERT_KEY_BYTES]; /* of a block of rows */
	uint64_t shown;     /* see tsn_alerts_shown */
	/* of `alert each`, for one record after the other of one rule */
	struct tsn_alert_entry *each;
	const struct tsn_alert_rule *each_of;
	/* collected since the last flush */
	struct tsn_arena *arena;
	struct tsn_alert_pending *pending;
	size_t npending, pending_cap;
	uint64_t seq;
	struct tsn_alert_counts gone; /* counts of rules no longer bound */
	struct tsn_buf text;
};

/* The bound on keys is one on each part; one so low that parts would have next to none (tests) is one on all together. */
static inline bool
tsn_alert_is_one_bound(const struct tsn_alerts *a)
{
	return a->max_keys < 16 * TSN_ALERT_PARTS;
}

/* The first whole second at or after [ms]. */
static inline int64_t
tsn_tick_at(int64_t ms)
{
	int64_t down = ms / 1000 * 1000;

	return down < ms ? down + 1000 : down;
}

/* stage.c */
int tsn_alert_in_order(const void *x, const void *y);
/* Of what is due the first. */
int64_t tsn_alert_earliest(const struct tsn_alerts *a);
/* A rule got entries that were another's: they may be due before all others. */
void tsn_alert_note_due(struct tsn_alerts *a, struct tsn_alert_rule *r);

/* keyed.c: a row with its key */
struct tsn_alert_keyed {
	uint32_t row, len;
	uint64_t hash;
	const uint8_t *key;
	uint8_t own[8]; /* room for a short one */
};
/* Of the first of [n] > 0 rows, at most TSN_ALERT_BLOCK: as many as a->keys has room for, which are returned. */
uint32_t tsn_alert_take_keys(struct tsn_alerts *a, const struct tsn_rule *r, struct tsn_alert_keyed *k, const uint16_t *row, uint32_t n);

/* Of short keys the hash says it all. */
static inline bool
tsn_alert_entry_is(const struct tsn_alert_entry *e, uint64_t hash, const uint8_t *key, uint32_t len)
{
	return e->hash == hash && e->key_len == len && (len < 8 || memcmp(e->key, key, len) == 0);
}

/* entries.c: the table and its lists */
struct tsn_alert_entry *tsn_alert_entry_find(const struct tsn_alert_rule *r, uint64_t hash, const uint8_t *key, uint32_t len);
/* Enters a closed entry that is in no list. NULL when memory is out. */
struct tsn_alert_entry *tsn_alert_entry_add(struct tsn_alert_rule *r, uint64_t hash, const uint8_t *key, uint32_t len);
/* The same for one that was taken out of another rule's. False when memory is out. */
bool tsn_alert_entry_place(struct tsn_alert_rule *r, struct tsn_alert_entry *e);
/* Takes it out of the table and frees it; it is in no list. */
void tsn_alert_entry_drop(struct tsn_alert_rule *r, struct tsn_alert_entry *e);
void tsn_alert_entry_free_all(struct tsn_alert_rule *r);
/* Starts to fetch what a match of [hash] will look at: first its slot, then its entry, then what that one leads to. */
enum tsn_alert_fetch { TSN_FETCH_SLOT, TSN_FETCH_ENTRY, TSN_FETCH_BEHIND };
void tsn_alert_entry_prefetch(const struct tsn_alert_rule *r, uint64_t hash, enum tsn_alert_fetch what);
/* Gives it details, or more room for what is saved. False when memory is out. */
bool tsn_alert_entry_details(struct tsn_alert_entry *e, uint32_t nsaved);
/* Frees the details. */
void tsn_alert_entry_shed(struct tsn_alert_entry *e);
/*
 * Both for an alert that begins or ends: many do at a tick, and at the next the memory of those is still in the cache, so some is kept,
 * with that of samples and strings.
 */
bool tsn_alert_entry_equip(struct tsn_alerts *a, struct tsn_alert_entry *e, uint32_t nsaved);
void tsn_alert_entry_strip(struct tsn_alerts *a, struct tsn_alert_entry *e);
void tsn_alert_spares_free(struct tsn_alerts *a);
/* Forgets what was saved, not the rest. */
void tsn_alert_entry_forget(struct tsn_alert_entry *e);
/* What was saved in place [i], NULL if nothing is known. */
static inline const struct tsn_saved *
tsn_alert_saved(const struct tsn_alert_entry *e, uint32_t i)
{
	return i < e->d->nsaved ? &e->d->saved[i] : NULL;
}

/* lists.c */
/*
 * Sorted by [due], behind its equals. Flows come out of order by minutes and thousands of entries may share a due, so the
 * place is looked for from due to due, not from entry to entry. [due] must not change while the entry is in a list.
 */
void tsn_alert_entry_queue(struct tsn_alert_list *l, struct tsn_alert_entry *e);
void tsn_alert_entry_unqueue(struct tsn_alert_list *l, struct tsn_alert_entry *e);
/* The same in the list of its life and part. */
void tsn_alert_enlist(struct tsn_alert_rule *r, struct tsn_alert_entry *e);
void tsn_alert_delist(struct tsn_alert_rule *r, struct tsn_alert_entry *e);
/* One of the lists [0, tsn_alert_nlists) of a life; of any part its own. */
static inline struct tsn_alert_list *
tsn_alert_list(const struct tsn_alert_rule *r, enum tsn_alert_life life, uint32_t i)
{
	const struct tsn_alert_lists *l = &r->lists;

	return l->of_part != NULL ? &l->of_part[i * TSN_LIVES + life] : (struct tsn_alert_list *)&l->whole[life];
}
static inline uint32_t
tsn_alert_nlists(const struct tsn_alert_rule *r)
{
	return r->lists.of_part != NULL ? TSN_ALERT_PARTS : 1;
}
/* Takes out all of a life: the first in order, chained by [next]. */
struct tsn_alert_entry *tsn_alert_unlist(struct tsn_alert_rule *r, enum tsn_alert_life life);
/* Of all of a life the first that is due, NULL: there is none; and when the first of all is, INT64_MAX: there is none. */
struct tsn_alert_entry *tsn_alert_first_due(const struct tsn_alert_rule *r, enum tsn_alert_life life);
int64_t tsn_alert_lists_due(const struct tsn_alert_rule *r);
/* By parts, if they are not yet; false when memory is out. And back: for who is about to change parts. */
bool tsn_alert_lists_divide(struct tsn_alert_rule *r);
void tsn_alert_lists_join(struct tsn_alert_rule *r);
void tsn_alert_lists_fini(struct tsn_alert_rule *r);

/* move.c: all that is known of a rule's alerts, to the same rule of another stage; or of those of [n] shards, among which they are divided */
void tsn_alert_move_whole(struct tsn_alert_rule *to, struct tsn_alert_rule *from);
void tsn_alert_move_parts(struct tsn_alerts *const *to, uint32_t n, uint32_t rule, struct tsn_alert_rule *from);
/* It has new members: in its place among those that have, by the tick at which they are told. False when memory is out. */
bool tsn_alert_news_put(struct tsn_alert_rule *r, struct tsn_alert_entry *e);
/* The part of a key of the rule's alerts. */
uint32_t tsn_alert_part(const struct tsn_alerts *a, const struct tsn_rule *r, const uint8_t *key, uint32_t len);

/* capture.c: what is remembered of a row */
/* Value, threshold, window, quality, fields of the flow that matched last. Registers must be those of its batch. */
void tsn_alert_capture(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
/* Of a watch only the value, and what is computed. */
void tsn_alert_capture_value(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
/* False: it is none, there are enough or memory is out. */
bool tsn_alert_capture_sample(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
/* Builds the plan of a rule in [room], which is zeroed and holds tsn_alert_planned(rule) of them. */
uint32_t tsn_alert_planned(const struct tsn_rule *r);
void tsn_alert_capture_plan(struct tsn_alert_rule *r, struct tsn_save_plan *room);

/* quality.c */
/* When something happened last, to any key, that makes values of the rule's families partial. */
int64_t tsn_alert_last_mark(const struct tsn_alerts *a, const struct tsn_rule *r);
/* Of the row, of which [rep] is true (NULL: none is): what time its value covers, and how far it can be trusted. */
void tsn_alert_judge(const struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_report *rep, uint32_t row,
    struct tsn_alert_details *d);

/* record.c: an entry becomes a record waiting for the flush */
struct tsn_alert_place {
	uint64_t ticket;
	bool row;
	int64_t due;
};
/* The record lives until the flush; NULL when memory is out. */
const struct tsn_alert *tsn_alert_record(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e,
    enum tsn_alert_state state, int64_t time, struct tsn_alert_place place);
/* The id of the alert an entry is now. */
void tsn_alert_entry_id(struct tsn_alert_rule *r, const struct tsn_alert_entry *e, char id[TSN_ALERT_ID_TEXT]);

/* hold.c: panes */
int64_t tsn_alert_pane(const struct tsn_alert_rule *r, int64_t t);
/* The tick on which pane [pane] is decided: its end and lateness. */
int64_t tsn_alert_decided(const struct tsn_alerts *a, const struct tsn_alert_rule *r, int64_t pane);
/* The oldest pane that was not decided by the last tick up to [time]. */
int64_t tsn_alert_undecided(const struct tsn_alerts *a, const struct tsn_alert_rule *r, int64_t time);
/* The pane in which row [row] counts, mostly the newest of its key. */
int64_t tsn_alert_pane_of_row(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_hold *h, uint32_t row);
void tsn_alert_hold_mark(struct tsn_alert_hold *h, int64_t pane);
static inline bool
tsn_alert_hold_has(const struct tsn_alert_hold *h, int64_t pane)
{
	const uint64_t back = (uint64_t)h->newest - (uint64_t)pane;

	return h->newest != TSN_TIME_NONE && back < TSN_ALERT_HELD && (h->held[back / 64] >> (back % 64) & 1);
}
/* Of how many panes in a row, all held, [pane] is one. */
uint64_t tsn_alert_hold_run(const struct tsn_alert_hold *h, int64_t pane);
/* When a pending or open alert ends if it holds no more. */
int64_t tsn_alert_end_due(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e);

/* watch.c */
/* A key of the rule came at receipt [received]: sees to it that it is watched. */
void tsn_alert_watch_from(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t received);
void tsn_alert_watch_again(struct tsn_alerts *a); /* after a load or another lateness */
void tsn_alert_watch_note(struct tsn_alerts *a, struct tsn_alert_rule *r); /* of one rule, that has other entries */
/* The entry is about to go. */
void tsn_alert_watch_forget(struct tsn_alerts *a, const struct tsn_alert_entry *e);

/* life.c: what happens to an entry */
/* Where a row or tick stands among the records. */
struct tsn_alert_place tsn_alert_place_of_row(const struct tsn_alerts *a, uint32_t row);
struct tsn_alert_place tsn_alert_place_of_tick(const struct tsn_alerts *a, int64_t tick);
/* Ends an open or pending entry at [time]; it stays as closed until no later flow can be within its `once per`. */
void tsn_alert_end(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t time,
    struct tsn_alert_place place, int64_t forget);
void tsn_alert_drop(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e);
/* A matching row of a key that is neither open nor pending. */
void tsn_alert_begin(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
/* A matching row of one that is; and of a watch, which is no flow. */
void tsn_alert_go_on(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
void tsn_alert_still(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
uint32_t tsn_alert_row_sampling(const struct tsn_batch *b, uint32_t row);
enum tsn_severity tsn_alert_level(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row);

/* notes.c */
bool tsn_alert_notes_wanted(const struct tsn_program *p, const struct tsn_rule *r);
void tsn_alert_take_notes(const struct tsn_alerts *a, const struct tsn_alert_rule *r, struct tsn_alert_details *d, uint32_t row);
/* True if the row's member is new. */
bool tsn_alert_join(struct tsn_alerts *a, const struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row);
/* One that was saved, as it is but for its key. False: it is there already, there is no room, or memory is out. */
bool tsn_alert_member_put(struct tsn_alert_members *m, const uint8_t *key, uint32_t len, const struct tsn_alert_member *said);
void tsn_alert_members_free(struct tsn_alert_members *m);
/* life.c: tells of new members by [tick] */
void tsn_alert_news(struct tsn_alerts *a, struct tsn_alert_rule *r, int64_t tick);

/* told.c: openings for other rules and dynamic sets */
enum { TSN_TELL_COUNTS = 1, TSN_TELL_REPORTED = 2 };
void tsn_alert_tell(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e, uint32_t row,
    const struct tsn_alert *record, unsigned what);

/* In the order in which they are told, also of several stages. */
void tsn_alert_openings_sort(const struct tsn_opening **v, size_t n);
/* What waits to be told in another stage waits in this one, of [rule]. Without memory it is counted as untold. */
void tsn_alert_opening_put(struct tsn_alerts *to, uint32_t rule, const struct tsn_opening *o);

/* fold.c */
/* Where the state knows a row of the batch at hand. */
struct tsn_alert_seen {
	const struct tsn_batch *batch;
	uint32_t row;
};
struct tsn_alert_seen tsn_alert_seen(const struct tsn_alerts *a, uint32_t row);
/* What is coming is here. */
void tsn_alert_take_rows(struct tsn_alerts *a, const struct tsn_batch *b);
/* Ends the alerts of a rule that are due by [tick] and forgets what can no longer suppress; mostly there is nothing to do. */
static inline bool
tsn_alert_is_due(const struct tsn_alert_rule *r, int64_t tick)
{
	return tick >= r->lists.least || r->nnews > 0;
}
void tsn_alert_catch_up(struct tsn_alerts *a, struct tsn_alert_rule *r, int64_t tick);
/* Reads what is still to be read of the flow that matched last. */
void tsn_alert_settle(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e);

/* message.c: appends the message of the rule, with what was saved of the flow */
void tsn_alert_message(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e,
    const struct tsn_alert *al, struct tsn_buf *out);
/* text.c: the notes of that name, or `-` and false. */
bool tsn_alert_note_text(const struct tsn_alert *al, const char *name, struct tsn_buf *out);
/* A value or threshold as people read it. */
void tsn_alert_number_text(const struct tsn_alert_number *n, enum tsn_type type, struct tsn_buf *out);

#endif
