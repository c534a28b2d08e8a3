/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Alerts: what becomes of the rows a rule matched. The stage keeps one open
 * alert a rule and key, suppresses repeats, ends what fell silent, and hands
 * finished records in one fixed order to the sinks (alert/sink.h).
 *
 * Time is an argument; one thread. Must not know inputs, rule texts or clocks.
 *
 * What decides is each row and its place in the input, never the batch it came
 * in: the same input gives the same records in the same order whatever the
 * batch size. Ticks are whole seconds of the running maximum of the time of
 * receipt, also for the rows of one batch.
 */
#ifndef TSN_ALERT_ALERT_H
#define TSN_ALERT_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "flow/batch.h"
#include "flow/key.h"
#include "flow/shown.h"
#include "flow/value.h"
#include "vm/program.h"
#include "vm/vm.h"

#define TSN_ALERT_SAMPLES 5
#define TSN_ALERT_KEYS 131072 /* a usual bound: open and suppressed alerts of one rule, in all 64 parts of its keys */
#define TSN_ALERT_STAGES 512 /* at most, that go through the same rows */
#define TSN_ALERT_ID_TEXT 33 /* 128 bits in hex and a NUL */

struct tsn_sink;
struct tsn_alert_frame;

enum tsn_alert_state {
	TSN_ALERT_EACH,  /* of `alert each`: one a matching flow, no state */
	TSN_ALERT_OPEN,
	TSN_ALERT_UPDATE, /* its severity rose, or it has new members */
	TSN_ALERT_CLOSE, /* its condition held in no pane for the rule's longest window (without panes: no match for so long), or `until` */
};

enum tsn_quality { TSN_EXACT, TSN_ESTIMATED, TSN_PARTIAL }; /* from best to worst */

/* A side of the comparison that fired. Not known: left out. */
struct tsn_alert_number {
	bool known, real;
	int64_t i;
	double f;
};

#define TSN_ALERT_NOTES 64      /* kept of a record */
#define TSN_ALERT_MEMBERS 10000 /* of one alert; those beyond are only counted */

/* Who has part in an incident: an alert whose key is coarser than the key of its condition. */
struct tsn_alert_member {
	uint8_t *key;          /* encoded by rule->member */
	uint32_t len;
	int64_t since;         /* event time of its first match */
	bool infected;         /* of a sequence: [from] is the source of the first step */
	struct tsn_addr from;
};

/* A finished record. It and all it points to live until the sink returns. */
struct tsn_alert {
	const struct tsn_rule *rule;
	enum tsn_alert_state state;
	char id[TSN_ALERT_ID_TEXT];
	uint32_t sid;
	enum tsn_severity severity;    /* the highest it has reached */
	int64_t time;                  /* event time of the flow that opened, raised or (`until`) ended it; else the tick */
	const uint8_t *key;            /* encoded by rule->key; absent parts marked */
	size_t key_len;
	struct tsn_shown last;    /* the flow that matched last, up to this record */
	struct tsn_str exporter_name, in_if_name, out_if_name; /* of it; n 0 if unknown */
	struct tsn_alert_number value, threshold; /* of it (S12) */
	enum tsn_type type;            /* of value and threshold */
	int64_t window_start, window_end; /* what value covers; TSN_TIME_NONE if there is no value */
	int64_t opened, first_seen, last_seen; /* event times */
	uint64_t flows;                /* it is about: what its count() had counted when it opened, else 1, and each match
	                                  since; 0: a closing window matched, not a flow */
	enum tsn_rel rel;              /* value rel threshold */
	enum tsn_quality quality;
	double error;                  /* relative standard error of value, 0 if not known */
	uint32_t sampling;             /* largest interval among the flows that matched, 0 if none was sampled */
	const char *message;           /* NULL if the rule has none */
	const struct tsn_shown *sample; /* the first that matched */
	uint32_t nsamples;
	const struct tsn_note *note;   /* what stands behind the value, as of opening or the last update */
	uint32_t nnotes;
	uint64_t members;              /* of an incident: how many there are, 0: it is none */
	const struct tsn_alert_member *member; /* those that joined since the record before; CLOSE: the first of all */
	uint32_t nmembers;
	bool has_zero;                 /* [zero]: the first infector that is known, from the first member up */
	struct tsn_addr zero;
	const struct tsn_alert_frame *frame; /* prepared for its JSON; NULL: it is made without */
};

/* Key part [i] of the record; false if the flow had none. */
bool tsn_alert_key(const struct tsn_alert *al, unsigned i, struct tsn_value *out);
/* A field by its place in the key, else of the flow that matched last. False: absent, or a field that records do not keep. */
bool tsn_alert_field(const struct tsn_alert *al, enum tsn_field f, struct tsn_value *out);
/* Adds the fields that alerts keep of flows, whatever their rules read. */
void tsn_alert_needs(struct tsn_field_set *s);
/* Those of them that cannot be late (flow/late.h). */
void tsn_alert_needs_early(struct tsn_field_set *s);
/* What of a row a record of [r] keeps. */
void tsn_alert_capture_flow(const struct tsn_rule *r, const struct tsn_batch *b, uint32_t row, struct tsn_shown *out);
bool tsn_alert_flow_get(const struct tsn_shown *fl, enum tsn_field f, struct tsn_value *out);
/* What the JSON of records of [r] has in common, to be released with tsn_free; NULL when memory is out. */
struct tsn_alert_frame *tsn_alert_frame_new(const struct tsn_rule *r, uint32_t sid);
/* The signature_id a rule has unless it sets one: 31 bits of a hash of its full name, never 0. */
uint32_t tsn_alert_sid(const char *name);
const char *tsn_severity_name(enum tsn_severity s);
const char *tsn_alert_state_name(enum tsn_alert_state s); /* "each", "open", "update", "close" */
const char *tsn_quality_name(enum tsn_quality q);

struct tsn_alerts;

/* [max_keys]: open and suppressed alerts a rule may have. [log] may be NULL. NULL when memory is out. */
struct tsn_alerts *tsn_alerts_new(uint32_t max_keys, const struct tsn_log *log);
void tsn_alerts_free(struct tsn_alerts *a);

/*
 * Gives a new stage its program with the sets of its slots and its state; [sets] and [state] may be NULL. All of them must
 * live as long as the stage. Once: the rules that come after it are those of other stages, which succeed it. False when memory
 * is out.
 */
bool tsn_alerts_bind(struct tsn_alerts *a, const struct tsn_program *p, const struct tsn_set *const *sets,
    const struct tsn_state *state);

/* The sinks records go to, in this order; borrowed, the array is copied. False when memory is out: the old ones stay. */
bool tsn_alerts_set_sinks(struct tsn_alerts *a, struct tsn_sink *const *sinks, size_t n);

/*
 * The rows of a batch come next, whether or not rules match them: what ends behind them, or between two of them, takes its
 * place in the order from them. [b] must stay as it is until the flush. [began]: time of receipt before the first of them,
 * where others than rows have moved it; TSN_TIME_NONE: they alone say.
 */
void tsn_alerts_rows(struct tsn_alerts *a, const struct tsn_batch *b, int64_t began);

struct tsn_share;

/*
 * How the fold reads what the program computed for a row, by number of export: the vm, or arrays in tests. If the program ran over a
 * share of the batch (flow/share.h), [share] is that: rows are those of the whole batch here, and the state knows those of the share.
 */
struct tsn_alert_reads {
	void *arg;
	bool (*holds)(void *arg, uint32_t export, uint32_t row);
	/* The rows of a mask, NULL if it is not computed; only asked for the `until` of rules that have one. */
	const struct tsn_mask *(*mask)(void *arg, uint32_t export);
	bool (*value)(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real);
	struct tsn_share *share; /* NULL: over the batch */
};

/*
 * Folds the rows a rule matched, in row order; [rows] may be empty for the sake of its `until`. All rules of one batch
 * before the next batch. Rows of a batch of kind TICK stand at the tick that was begun (tsn_alerts_begin_tick), without
 * one at that on which their window closed: its end and [lateness], to the next whole second.
 */
void tsn_alerts_match(struct tsn_alerts *a, const struct tsn_alert_reads *reads, uint32_t rule,
    const struct tsn_mask *rows, const struct tsn_batch *b);
/* Flows that were looked at for records to show, so far. */
uint64_t tsn_alerts_shown(const struct tsn_alerts *a);
/* The same over the registers of a vm, which ran over [share] (NULL: over the batch). */
void tsn_alerts_on_match(struct tsn_alerts *a, const struct tsn_vm *vm, struct tsn_share *share, uint32_t rule,
    const struct tsn_mask *rows, const struct tsn_batch *b);

/*
 * Time has come to [now] (ms; running maximum of the time of receipt): ends each alert that is due. Of rules that are
 * not watched, at the first tick at or after receipt of the last match + hold_ms; of watched ones at the first tick at
 * or after the end of the pane in which they held last + the panes of a window + lateness. Call it after every batch and
 * on every idle second; batches need not be cut for it.
 */
void tsn_alerts_tick(struct tsn_alerts *a, int64_t now);
/* A tick before which tsn_alerts_tick has nothing to do; INT64_MAX if there is nothing. */
int64_t tsn_alerts_next_due(const struct tsn_alerts *a);
/* The rows up to the next tsn_alerts_tick are of the tick [now]: ends what was due before it. */
void tsn_alerts_begin_tick(struct tsn_alerts *a, int64_t now);
/* Ends it without that anything of it happens to alerts: at the end of the input. */
void tsn_alerts_leave_tick(struct tsn_alerts *a);

/*
 * Watches (S25): keys that are pending or open are evaluated at the end of every pane that ends after they came. Before
 * the rows behind tick T are matched, while tsn_alerts_watch_due() <= T:
 *
 *   while (tsn_alerts_watch(a, T, batch, &rule))  [batch]: kind TICK, up to its cap keys of [rule], in key order
 *           normalise it, run it for that rule alone, and so call tsn_alerts_match
 *
 * What a batch of flows brings can be due only behind the receipt of its first row + tsn_alerts_watch_grace (INT64_MAX:
 * nothing is watched): so batches need be cut only there and at watch_due. [batch] must stay as it is until the next call.
 */
int64_t tsn_alerts_watch_due(const struct tsn_alerts *a); /* tick of the first, INT64_MAX: none */
bool tsn_alerts_watch(struct tsn_alerts *a, int64_t tick, struct tsn_batch *batch, uint32_t *rule);
/*
 * Nothing has come for thousands of ticks and nothing will up to [tick]: what still holds is taken to hold until shortly
 * before it, so that a jump of a clock does not cost a watch for every pane of years.
 */
void tsn_alerts_watch_leap(struct tsn_alerts *a, int64_t tick);
int64_t tsn_alerts_watch_grace(const struct tsn_alerts *a);

/*
 * Openings, for what they set off at the next tick (S28): `fired` counts all of them, `then add` only those that are
 * reported. In the order of records; they live until tsn_alerts_openings_done. Collected only for rules that have links
 * or actions; at most TSN_OPENINGS_MAX wait, what is beyond is counted as lost.
 */
#define TSN_OPENINGS_MAX 1048576u
struct tsn_opening {
	uint32_t rule;
	int64_t time;        /* event time */
	bool counts;         /* for `fired`; false: it opened before, within `once per`, and is reported only now */
	bool reported;
	const uint8_t *key;
	uint32_t key_len;
	char id[TSN_ALERT_ID_TEXT];
	const char *message; /* NULL: none */
	uint32_t nvalues;    /* one for each action of the rule, 0 if not reported */
	struct tsn_opening_value {
		const uint8_t *p; /* encoded by tsn_action.value; absent parts marked */
		uint32_t n;
	} *value;
	/* where it stands */
	uint64_t ticket, seq;
	bool row;
	int64_t due;
};
const struct tsn_opening *tsn_alerts_openings(struct tsn_alerts *a, size_t *n);
void tsn_alerts_openings_done(struct tsn_alerts *a);
/* The site's lateness in ms, 30 s at first: when windows of `per` close (S4). */
void tsn_alerts_lateness(struct tsn_alerts *a, int64_t ms);
/* Whose losses make alerts `partial`: the table that the batches' sources are numbers in; borrowed. NULL: nobody's. */
void tsn_alerts_exporters(struct tsn_alerts *a, struct tsn_exporters *x);
/* From now on records are `partial`: windows are being closed by the end of input (S4). */
void tsn_alerts_cut_off(struct tsn_alerts *a, bool on);
/*
 * Behind them: no tick comes after, and the row of one key ends what other keys of its rule have open until then. So it does in the
 * stages of shards, [n] of one program's rules.
 */
void tsn_alerts_level(struct tsn_alerts *const *stage, uint32_t n);
/*
 * Gives the sinks what was collected since the last flush, sorted by (ticket
 * of the row or tick, rule, key bytes), then flushes them. Call after each batch.
 */
void tsn_alerts_flush(struct tsn_alerts *a);


/*
 * Several stages, each for some of the rules of one whole program, that go through the same batches and ticks: what they
 * would have done as one. Their programs number rules alike.
 *
 * Records are taken from each in place of the flush, and given together to the sinks of one stage.
 */
struct tsn_alert_records {
	struct tsn_alert_pending *v;   /* in order */
	size_t n;
	struct tsn_arena *arena;
	bool ticked;
};
void tsn_alerts_take(struct tsn_alerts *a, struct tsn_alert_records *out);
/* Nobody is to get them. */
void tsn_alert_records_fini(struct tsn_alert_records *r);
/*
 * Lines of records (of many only the first), made before their turn comes, which may be done by any thread: it changes nothing but
 * [out], from zeros or used before. Sinks must not be changed meanwhile. Without memory there are none.
 */
struct tsn_alert_lines {
	struct tsn_buf *text;          /* by sink */
	size_t nsinks, n;              /* n: records they are of, the first in the order of all */
};
void tsn_alerts_make_lines(const struct tsn_alerts *a, const struct tsn_alert_records *r, size_t n, struct tsn_alert_lines *out);
void tsn_alert_lines_fini(struct tsn_alert_lines *l);
/* [r]: what [n] stages had of the same batch or ticks, and [lines] of it, which may be NULL; empty after it. */
void tsn_alerts_give(struct tsn_alerts *a, struct tsn_alert_records *r, size_t n, struct tsn_alert_lines *lines);
/* Only these rules, in ascending order, are the stage's, and of them the keys of a shard of so many. Until the next bind. */
void tsn_alerts_own(struct tsn_alerts *a, const uint32_t *rule, uint32_t n, uint32_t nshards);
/* What the state hashes keys with: the bound on a rule's keys is one on each of their 64 parts, so that shards do not change it. */
void tsn_alerts_seed(struct tsn_alerts *a, uint64_t seed);
/*
 * All that the whole stage knows of these rules is now that of the parts, [n] shards. Nothing may wait to be flushed. Only to divide
 * a rule takes memory; what finds none is counted as lost.
 */
void tsn_alerts_scatter(struct tsn_alerts *whole, struct tsn_alerts *const *part, uint32_t n);

/*
 * Other rules come into force, in stages made and bound beside those that are. Open alerts, suppression and counts stay with rules
 * of the same full name and key; open alerts of other rules end, with a record.
 */
struct tsn_alert_side {
	struct tsn_alerts *total;          /* has the sinks; one of the stages if there is but one, else bound to the whole program */
	struct tsn_alerts *const *stage;
	uint32_t n;
	const uint32_t *stage_of;          /* by rule: its stage, of shards the first; NULL: there is but one */
};
struct tsn_alert_succession;
/* Who goes on as whom: by the rules alone, so by any thread while the old stages are at work. Both sides are borrowed. NULL when memory is out. */
struct tsn_alert_succession *tsn_alerts_succession(const struct tsn_alert_side *now, const struct tsn_alert_side *old);
void tsn_alerts_succession_free(struct tsn_alert_succession *s);
/* Openings of rules that are the same wait in the new stages; others stay. */
void tsn_alerts_openings_go_on(struct tsn_alert_succession *s);
/*
 * Nothing may wait to be flushed. First what ends ends, and its records wait in the old stages; when they are flushed, the rest moves.
 * Only what is divided otherwise than it was takes memory; what finds none is counted as lost. The old stages are good for nothing
 * but to be freed, by any thread.
 */
void tsn_alerts_end_gone(struct tsn_alert_succession *s);
void tsn_alerts_succeed(struct tsn_alert_succession *s);

struct tsn_pack;
struct tsn_unpack;
/*
 * Open and suppressing alerts of [n] stages as bytes, by names of rules and keys; nothing may wait for the flush. Loading takes any
 * bytes and replaces what rules of the bound program have; [open] (may be NULL): how many are open now. Nothing at all is
 * an empty stage. What rules do not name any more is left out, without a word: it is long over for whoever reads.
 * False, and nothing changed, if it is not what was written or memory is out.
 */
void tsn_alerts_save(const struct tsn_alerts *const *a, uint32_t n, struct tsn_pack *out);
void tsn_alert_flow_save(const struct tsn_shown *fl, struct tsn_pack *out);
bool tsn_alert_flow_load(struct tsn_shown *fl, struct tsn_unpack *in);
bool tsn_alerts_load(struct tsn_alerts *a, struct tsn_unpack *in, uint64_t *open);

struct tsn_alert_counts {
	uint64_t matches;    /* rows */
	uint64_t alerts;     /* openings, or records of `alert each` */
	uint64_t closed;     /* alerts that ended */
	uint64_t openings;   /* those that `once per` kept quiet included */
	uint64_t suppressed; /* matches that were not reported because of `once per` */
	uint64_t evicted;    /* open or still suppressing alerts that lost their place to a newer key */
	uint64_t untold;     /* openings that other rules and dynamic sets did not hear of: memory was out, or too many waited */
	uint64_t lost;       /* openings or records lost because memory was out */
	uint64_t open;       /* now; those kept quiet left out */
	uint64_t pending;    /* keys that wait for their `for`, now */
};

void tsn_alert_counts_add(struct tsn_alert_counts *to, const struct tsn_alert_counts *c);
/* Of one rule of the bound program. */
void tsn_alerts_counts(const struct tsn_alerts *a, uint32_t rule, struct tsn_alert_counts *out);
/* Of all rules, those no longer bound included. */
void tsn_alerts_totals(const struct tsn_alerts *a, struct tsn_alert_counts *out);

#endif
