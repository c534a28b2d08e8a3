/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The engine behind tocsin.h: datagrams become batches, the program runs over
 * each, matches become alerts; ticks fall between batches, and so do reloads.
 * Time is an input: nothing here reads a clock, opens a file or a socket.
 * One thread at a time; sinks and the log are called by that one alone, within
 * these calls, however many threads work behind them.
 */
#ifndef TSN_CORE_ENGINE_H
#define TSN_CORE_ENGINE_H

#include "alert/alert.h"
#include "alert/sink.h"
#include "base/hands.h"
#include "base/log.h"
#include "base/spent.h"
#include "compile/compile.h"
#include "decode/decode.h"
#include "flow/exporter.h"
#include "state/state.h"

struct tsn_engine;
struct tsn_pair;

struct tsn_engine_options {
	uint32_t batch_rows;        /* 1..TSN_BATCH_ROWS, 0: TSN_BATCH_ROWS; never changes a result */
	bool at_once;               /* no field is late (flow/late.h): for tests. Never changes a result */
	unsigned threads;           /* those that may work, the caller's included; 0 and 1: no others. Never changes a result */
	uint64_t seed;              /* of hashes; 0 in replays and tests */
	const struct tsn_log *log;  /* may be NULL; must outlive the engine */
	/*
	 * For show and top: called with the rows of every batch for which rule 0 is
	 * true (all rows without rules), in order. No alerts are raised then.
	 */
	void (*on_rows)(void *arg, struct tsn_batch *b, const struct tsn_mask *rows);
	void *arg;
	/* Called for the matches of a ruleset's probes in place of raising alerts; see compile.h. */
	void (*on_probe)(void *arg, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *b);
	/*
	 * Where time goes: [spent], if given, is told of every stage and of every instruction; reading is what is open between
	 * calls. Else [ticks], if given, times the instructions of one batch in [every]. See vm/profile.h.
	 */
	struct tsn_spent *spent;
	uint64_t (*ticks)(void), (*cpu)(void); /* nanoseconds: that pass, in which the thread runs (also: which work is worth a thread) */
	uint32_t every;
	struct tsn_field_set rows_read; /* the fields that on_rows reads: what is made only for those who ask is made for it */
};

struct tsn_engine_stats {
	uint64_t flows;          /* evaluated */
	uint64_t datagrams;      /* given */
	uint64_t damaged;        /* of them: short, odd or lying; what was whole in them was decoded */
	uint64_t version;        /* of them: of a version that cannot be read */
	uint64_t lost_to_memory; /* batches cut short because memory was out */
	uint64_t dedup_forgotten; /* flows that dedup forgot before its time had passed */
	uint64_t talks;          /* conversations evaluated */
	uint64_t talks_open;     /* of which not all is awaited yet */
	uint64_t talks_refused;  /* flows that found no place among them: in no conversation */
	uint64_t feedback_lost;  /* matches and openings that other rules did not hear of, for want of room */
	int64_t first, last;     /* event times seen, TSN_TIME_NONE if none */
	int64_t clock;           /* running maximum of the time of receipt */
};

/* NULL when memory is out. */
struct tsn_engine *tsn_engine_new(const struct tsn_engine_options *o);
void tsn_engine_free(struct tsn_engine *e);

/*
 * What a load kept or started anew, for the log. [what] is "added", "changed",
 * "removed" or "unchanged" for rules; "kept" or "empty" for expressions.
 */
struct tsn_reload_item {
	const char *what, *name;
	bool rule;              /* else a stateful expression by its canonical form */
	uint64_t groups;        /* kept with it */
	int64_t blind_until;    /* "empty" after a reload: full windows from then on */
};

struct tsn_reload_report {
	uint32_t added, changed, removed, unchanged; /* rules */
	uint32_t expressions_kept, expressions_new;
	uint64_t groups_kept;
	void (*item)(void *arg, const struct tsn_reload_item *item); /* may be NULL */
	void *arg;
};

/*
 * Rules with all that they need beside an engine's own: made ready to come into force, and then what was in force before.
 *
 * prepare: all that takes time or memory, by any thread while another one goes on with the engine, as long as that one puts nothing
 * in force, replaces no set and does not free the engine. NULL when memory is out; else it took [rs] over.
 * switch: puts it in force, the first one or, between two batches, the next one. Flows already given are evaluated under the
 * old rules first. State, open alerts and suppression of what is unchanged are kept. Cannot fail, and takes no longer for more groups
 * or alerts, but for those of rules that are not what they were.
 * tell: what a switch kept or started anew; by any thread.
 * free: either way, by any thread.
 */
struct tsn_load;
struct tsn_load *tsn_engine_prepare(struct tsn_engine *e, struct tsn_ruleset *rs);
const struct tsn_ruleset *tsn_load_ruleset(const struct tsn_load *l);
void tsn_engine_switch(struct tsn_engine *e, struct tsn_load *l);
void tsn_load_tell(const struct tsn_load *l, struct tsn_reload_report *report);
void tsn_load_free(struct tsn_load *l);
/*
 * All of it at once; [report] may be NULL. False when memory is out: then everything stays as it was and [rs] is still the
 * caller's.
 */
bool tsn_engine_load(struct tsn_engine *e, struct tsn_ruleset *rs, struct tsn_reload_report *report);
/* Only what the site says of exporters, without any rule: their names and sampling. A later load replaces it. */
void tsn_engine_configure(struct tsn_engine *e, const struct tsn_site *site);
/* Without rules: these elements are wanted in their columns. A later load replaces them. */
void tsn_engine_want(struct tsn_engine *e, const struct tsn_wanted *w, size_t n);
const struct tsn_ruleset *tsn_engine_ruleset(const struct tsn_engine *e);
/* A refreshed set takes the place of a slot's, between two batches; the engine owns it then. False: no such slot. */
bool tsn_engine_replace_set(struct tsn_engine *e, uint32_t slot, struct tsn_set *set);

/* Where alerts go; see alert/alert.h. Sinks are the caller's. False when memory is out. */
bool tsn_engine_add_sink(struct tsn_engine *e, struct tsn_sink *sink);
void tsn_engine_remove_sinks(struct tsn_engine *e);

/*
 * One export message (a datagram, or a message of a stream) received at [received_ms]. TSN_DECODE_REFUSED, and counted
 * for the shared exporter, if the site does not allow its exporter.
 */
enum tsn_decode tsn_engine_message(struct tsn_engine *e, const uint8_t *p, size_t len, const struct tsn_sender *from,
    int64_t received_ms);
/* The same for a message that stays at [where] (NULL: nowhere) for as long as it is held: see flow/late.h. */
struct tsn_far_place;
bool tsn_engine_reads_late(const struct tsn_engine *e); /* else it does not matter where it is */
enum tsn_decode tsn_engine_message_at(struct tsn_engine *e, const uint8_t *p, size_t len, const struct tsn_far_place *where,
    const struct tsn_sender *from, int64_t received_ms);
/*
 * The same for a message of which only the first TSN_LATER_HEAD bytes are known, if that is enough for now; the others are wanted when there is
 * time. False: it is to be given whole, nothing was done.
 */
bool tsn_engine_later(struct tsn_engine *e, const uint8_t *head, size_t len, const struct tsn_far_place *where, const struct tsn_sender *from,
    int64_t received_ms);
/* The same for a datagram whose source port nobody knows. */
enum tsn_decode tsn_engine_datagram(struct tsn_engine *e, const uint8_t *p, size_t len, struct tsn_addr exporter,
    int64_t received_ms);
/* A connection or file is over: its templates are forgotten (RFC 7011 section 8.1), what waits for one is given up. */
void tsn_engine_session_ended(struct tsn_engine *e, const struct tsn_sender *from);
/*
 * For flows that are not datagrams: where the decoders of other records put them. Its [clock] is to be called with a
 * record's time of receipt (or, without one, its end) before its row is made.
 */
struct tsn_batch_sink *tsn_engine_sink(struct tsn_engine *e);
/* A batch with a free row n, to be filled with tsn_batch_put, received[], exported[] and source[], then b->n++. NULL when memory is out. */
struct tsn_batch *tsn_engine_room(struct tsn_engine *e);
struct tsn_exporters *tsn_engine_exporters(struct tsn_engine *e);

/* Its threads, for what may be done before it is asked for: as long as the engine lives. NULL: the caller's is the only one. */
const struct tsn_hands *tsn_engine_hands(const struct tsn_engine *e);

/* Time of receipt is now at least [now_ms]: runs the ticks that are due. Called by datagrams themselves; daemons call it when idle. */
void tsn_engine_clock(struct tsn_engine *e, int64_t now_ms);
/* Evaluates what is buffered, so that alerts are not held back when input pauses. */
void tsn_engine_flush(struct tsn_engine *e);
/*
 * End of input: evaluates the rest, conversations whose time has not passed among it, and closes open `per` windows; alerts
 * of those are marked partial (S4).
 */
void tsn_engine_finish(struct tsn_engine *e);

/*
 * What exporter [x], by what it has sent so far, does not give of what rule [r] needs of it: enum tsn_requires, or-ed. A rule
 * about conversations needs both directions and unsampled flows. 0: the exporter feeds the rule.
 */
uint32_t tsn_rule_lacks(const struct tsn_rule *r, const struct tsn_exporter *x);
/* Flows, or conversations, of [x] since the start that took no part in the rule because they do not give what it needs. */
uint64_t tsn_rule_left_out(const struct tsn_rule *r, const struct tsn_exporter *x);

struct tsn_pack;
struct tsn_unpack;

/* What a restore brought back, for the log. */
struct tsn_restore_report {
	struct tsn_reload_report expressions; /* rules are not counted: there is no list of those before */
	uint64_t alerts;         /* open ones */
	uint32_t exporters;
	int64_t clock;           /* time of receipt when it was saved, TSN_TIME_NONE if nothing had come */
};

/*
 * All that later flows depend on, as bytes: state, alerts, exporters with their sequences and templates, the clock and
 * the ticket. What is buffered is evaluated first. Without rules nothing is written but that.
 */
void tsn_engine_save(struct tsn_engine *e, struct tsn_pack *out);
/*
 * Into an engine that has its rules and has seen no flow. Expressions are found by canonical form, alerts by the names
 * of their rules; what rules do not name any more is left out. Any bytes may be given: false, and nothing was restored,
 * if they are not what tsn_engine_save wrote; [why] says what was wrong.
 */
bool tsn_engine_restore(struct tsn_engine *e, struct tsn_unpack *in, struct tsn_restore_report *report, const char **why);
/* Rows given to the rules so far, restored ones included: where an input is to be gone on with. */
uint64_t tsn_engine_ticket(const struct tsn_engine *e);

void tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out);
/* See tsn_vm_kept_out: of a rule of the program in force. */
struct tsn_kept_out;
void tsn_engine_kept_out(const struct tsn_engine *e, uint32_t rule, struct tsn_kept_out *out);
/* What became of the alerts of a rule of the program in force; of all rules, those no longer in force included. */
void tsn_engine_counts(const struct tsn_engine *e, uint32_t rule, struct tsn_alert_counts *out);
void tsn_engine_totals(const struct tsn_engine *e, struct tsn_alert_counts *out);
/* Of a family of the program in force, and what aggregate [agg] of it has learned. */
void tsn_engine_family(const struct tsn_engine *e, uint32_t family, struct tsn_family_stats *out);
void tsn_engine_learning(const struct tsn_engine *e, uint32_t family, uint32_t agg, struct tsn_learning *out);
/* Of an engine with one thread: all of it. */
const struct tsn_state *tsn_engine_state(const struct tsn_engine *e);
struct tsn_profile;
/* What rules cost so far; nothing if nobody asked. Free with tsn_profile_fini. False without rules, or when memory is out. */
bool tsn_engine_profile(const struct tsn_engine *e, struct tsn_profile *out);
/* For tests of rules: the state in force has seen all there is to learn. */
void tsn_engine_learned(struct tsn_engine *e);
/* The conversations that are waiting, for snapshots; NULL if no rule is about them. */
struct tsn_pair *tsn_engine_pair(struct tsn_engine *e);

#endif
