/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The program: all rules compiled into one list of instructions over batches,
 * with its pools and what the alert stage needs to know of each rule.
 * Immutable once verified; shared by whoever runs it. Sets and state are not in
 * it: they are named here and bound when it runs.
 */
#ifndef TSN_VM_PROGRAM_H
#define TSN_VM_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/schedule.h"
#include "flow/batch.h"
#include "flow/key.h"
#include "flow/wanted.h"
#include "state/state.h"
#include "vm/dispatch.h"

enum tsn_opcode {
#define OP(name, result, a, b, c, help) TSN_OP_CODE_##name,
#include "vm/opcodes.def"
#undef OP
	TSN_OPCODE_COUNT
};

enum tsn_rel { TSN_REL_EQ, TSN_REL_NE, TSN_REL_LT, TSN_REL_LE, TSN_REL_GT, TSN_REL_GE };

#define TSN_REG_NONE UINT32_MAX

struct tsn_insn {
	uint16_t op;  /* enum tsn_opcode */
	uint32_t dst; /* mask or value register, TSN_REG_NONE if the op has no result */
	uint32_t a, b, c;
	uint32_t within; /* of a test (tsn_op_is_test): it looks at the rows of mask register within - 1 only; 0: at all */
};

/*
 * A program has a code for each kind of batch (enum tsn_batch_kind): rules on flows, rules on conversations, and, of
 * both, what is evaluated at ticks for groups whose window closed, that fell silent or whose alert is open.
 */
enum tsn_door { TSN_DOOR_FLOW, TSN_DOOR_TALK, TSN_DOOR_TICK, TSN_DOORS };

/* Mask and value registers are numbered apart, both from 0. */

struct tsn_address_operand {
	uint16_t field;
	uint8_t v4_bits, v6_bits;
};

/* A set the program tests; bound by index to what the engine holds under that name. */
struct tsn_set_slot {
	const char *name; /* qualified name, or canonical content of a literal */
};

/* How a family is used: registers of its aggregates' arguments and results. */
struct tsn_family_use {
	uint32_t *arg;    /* value register, TSN_REG_NONE for count and distinct */
	uint32_t *result; /* value register, TSN_REG_NONE if nobody reads it */
	uint32_t *step;   /* of a sequence: mask registers of its steps, TSN_REG_NONE for a rule's; NULL else */
	uint32_t must;    /* of a guarded family: mask register + 1 of the rows that look in any case; 0: none */
};

enum tsn_severity { TSN_SEV_INFO, TSN_SEV_LOW, TSN_SEV_MEDIUM, TSN_SEV_HIGH, TSN_SEV_CRITICAL };

/*
 * What on_match may read, by its number in program->exports: a mask, a value or a constant.
 * The codes number their registers apart; TSN_REG_NONE: not computed there (empty, unknown).
 */
enum tsn_export_kind { TSN_EXPORT_MASK, TSN_EXPORT_VALUE, TSN_EXPORT_INT, TSN_EXPORT_REAL };
struct tsn_export {
	enum tsn_export_kind kind;
	uint32_t at[TSN_DOORS]; /* registers; of a constant: its place in the pool */
};

/* One comparison of `when` with a stateful side: a candidate for value and threshold, in order (S12). */
struct tsn_report {
	uint32_t holds;      /* export, a mask: rows where it is true */
	uint32_t value;      /* export of the stateful side */
	uint32_t threshold;  /* export of the other side */
	int64_t window_ms;   /* longest window in the stateful side */
	bool tumbling;
	bool counts;         /* the stateful side is one count(): the flows the alert is about */
	enum tsn_rel rel;    /* value rel threshold */
	uint32_t family;     /* of its first aggregate, for quality */
	enum tsn_type type;  /* how both sides print: INT, REAL, DURATION, TIME, SIZE */
};

/* A piece of a message: literal text, or a name in braces. */
enum tsn_piece_kind {
	TSN_PIECE_TEXT, TSN_PIECE_FIELD, TSN_PIECE_VALUE, TSN_PIECE_THRESHOLD, TSN_PIECE_SET_COLUMN, TSN_PIECE_REG,
	TSN_PIECE_NOTE, /* what stands behind a function's value (state/notes.def): from tsn_state_notes, of the row */
};
struct tsn_piece {
	enum tsn_piece_kind kind;
	const char *text;    /* TEXT: the text; SET_COLUMN: the column; NOTE: its name */
	uint16_t field;      /* FIELD; SET_COLUMN: the address field looked up */
	uint32_t set;        /* SET_COLUMN: set slot */
	uint32_t reg;        /* REG: export of a value (a define used in `when`) */
};

enum tsn_requires { TSN_REQ_FLAGS = 1, TSN_REQ_INTERFACES = 2, TSN_REQ_UNSAMPLED = 4, TSN_REQ_BOTH_DIRECTIONS = 8 };

/* A rung of a severity ladder beyond the first; the last one that holds wins (S12). */
struct tsn_rung {
	enum tsn_severity severity;
	uint32_t holds;      /* export, a mask */
};

/* `then add KEY to SET for D`, `remove KEY from SET` (S53). */
struct tsn_action {
	bool remove;
	uint32_t set;              /* slot of a dynamic set */
	struct tsn_key_spec value; /* fields of the flow that opened the alert, or of its key: one, or a tuple */
	int64_t for_ms;            /* 0: as the set says */
};

/* What one rule tells another, at the tick after it (S28). */
enum tsn_link_kind {
	TSN_LINK_FIRED, /* an opening of [rule] is counted in [family], its alert's key taken by position */
	TSN_LINK_STEP,  /* a match of [rule] is step [step] of the sequence [family] */
};
struct tsn_rule_link {
	enum tsn_link_kind kind;
	uint32_t rule, family, step;
};

struct tsn_rule_agg {
	uint32_t family, agg;
};

struct tsn_string_list {
	const char **v;
	uint32_t n;
};

struct tsn_rule {
	const char *name;      /* full: "worms.slammer", or "slammer" without a ruleset */
	const char *title;     /* never NULL: the name if none was written */
	const char *ruleset;   /* "local" without one */
	const char *version;   /* of the ruleset, NULL without */
	const char *file;      /* where it stands */
	uint32_t line;
	const char *canon;     /* canonical form of everything that decides its alerts, for the log's "changed" */
	enum tsn_severity severity;
	uint32_t sid, rev;
	struct tsn_string_list tags, attack, references, falsepositives, cve;
	const char *author, *status, *description;
	struct tsn_piece *message; /* NULL if none was written */
	uint32_t nmessage;
	bool stateful;
	bool each;             /* alert each */
	bool disabled;
	enum tsn_door door;    /* FLOW or TALK */
	bool at_close;         /* evaluated at ticks for groups whose window closed or that fell silent, too */
	bool watched;          /* evaluated at ticks for keys that are pending or open (S25): stateful and not `each` */
	int64_t pane_ms;       /* watched: panes of its longest window */
	int64_t for_ms;        /* 0: none */
	/*
	 * Export, a mask: rows that end the alert of their key; TSN_REG_NONE: the default. on_match is called when there are
	 * such rows, too, with a mask of matches that may then be empty: see tsn_vm_mask.
	 */
	uint32_t until;
	struct tsn_rung *rung; uint32_t nrungs;
	struct tsn_action *action; uint32_t nactions;
	int64_t once_ms;       /* `once per`, or its default */
	int64_t hold_ms;       /* silence after which an open alert ends: longest window, stateless once_ms */
	int64_t expires_ms;    /* TSN_TIME_NONE: never */
	struct tsn_key_spec key; /* of its alerts */
	struct tsn_key_spec member; /* key of its condition where that of its alerts is coarser (incidents); n 0: none */
	const char **key_name; /* of each part of the key; NULL: the fields' own */
	struct tsn_report *report;
	uint32_t nreports;
	uint32_t families_n;   /* families its condition reads, for quality */
	uint32_t *families;
	struct tsn_rule_agg *aggs; uint32_t naggs; /* the aggregates among them, for notes */
	uint32_t requires_bits; /* enum tsn_requires or-ed */
};

/* How the rules of a program belong to those of the one it is to take the place of: by name. */
struct tsn_succession {
	const struct tsn_program *old; /* NULL: not known */
	uint32_t *was;         /* by rule: its number there, TSN_NAMES_NONE: it is new */
	bool *same;            /* by rule: it was there, and means the same */
	uint32_t *now;         /* by rule there: its number here, TSN_NAMES_NONE: it is gone */
};

struct tsn_code {
	struct tsn_insn *insn;
	const char **note;     /* per instruction: source text it came from, or NULL; for the disassembly */
	uint32_t n;
};

struct tsn_program {
	struct tsn_arena *arena; /* everything below lives in it */
	struct tsn_code code[TSN_DOORS]; /* n 0 if no rule needs it, but for flows */
	uint32_t nmasks, nvalues;
	bool *value_real;        /* per value register */
	int64_t *ints;           uint32_t nints;
	double *reals;           uint32_t nreals;
	struct tsn_str *strings; uint32_t nstrings;
	pcre2_code **regexes;    uint32_t nregexes; /* freed by tsn_program_free */
	const struct tsn_program *of; /* it is a part of this one, whose regexes it uses; NULL: it is whole */
	const char **regex_text;
	struct tsn_address_operand *addresses; uint32_t naddresses;
	struct tsn_prefix *prefixes;           uint32_t nprefixes;
	struct tsn_key_spec *tuples;           uint32_t ntuples;
	struct tsn_set_slot *sets;             uint32_t nsets;
	const struct tsn_schedule **schedules; uint32_t nschedules;
	struct tsn_insn *tests;                uint32_t ntests;   /* [dst] of the i-th is mask register nmasks + i */
	struct tsn_classes *classes;           uint32_t nclasses; /* one a field that dispatches look at */
	struct tsn_dispatch *dispatches;       uint32_t ndispatches;
	struct tsn_family_def *families;       uint32_t nfamilies;
	struct tsn_family_use *uses[TSN_DOORS]; /* one a family; NULL where the code has n 0 */
	struct tsn_export *exports;            uint32_t nexports;
	struct tsn_rule *rules;                uint32_t nrules;
	struct tsn_names rule_names;           /* private: made with the program, so that a reload need not search */
	struct tsn_succession after;           /* private */
	struct tsn_rule_link *links;                uint32_t nlinks;
	struct tsn_field_set derived;          /* fields that tsn_batch_derive makes for it */
	struct tsn_field_set derived_first;    /* those of them that more than REAL_TESTs look at: others can wait for the first that does */
	struct tsn_field_set reads;            /* all fields it looks at */
	struct tsn_field_set of_talks;         /* of these, what it looks at of conversations: only that need be carried to them */
	struct tsn_field_set own;              /* the same, of a part of a program as well, whose [reads] is that of the whole */
	const struct tsn_wanted *wanted;       uint32_t nwanted; /* elements it names by number, for the decoder */
	const char *verify_error;              /* set by tsn_program_verify */
};

/* Some rule is about conversations, or wants to know which exporters send both directions. */
bool tsn_program_pairs(const struct tsn_program *p);
void tsn_program_free(struct tsn_program *p);
/* The rule of that name; TSN_NAMES_NONE if there is none. Of a part: as of the whole. */
uint32_t tsn_program_find_rule(const struct tsn_program *p, const char *name);
/*
 * Whoever makes a program that will take the place of [old] may say so: then what belongs together is found beside the flows, and
 * not while they wait. [old] must be in force until then. False when memory is out.
 */
bool tsn_program_follow(struct tsn_program *p, const struct tsn_program *old);
/* The rule of [old] of the same name, the rule of [p] that has the name of one of [old] (TSN_NAMES_NONE), whether a rule means what it did. */
uint32_t tsn_program_was(const struct tsn_program *p, uint32_t rule, const struct tsn_program *old);
uint32_t tsn_program_now(const struct tsn_program *p, const struct tsn_program *old, uint32_t rule);
bool tsn_program_same(const struct tsn_program *p, uint32_t rule, const struct tsn_program *old);
/* Makes that quick; for whoever makes programs, once their rules have names. False when memory is out. */
bool tsn_program_name_rules(struct tsn_program *p);
/* What the i-th part of the key of a rule's alerts is called. */
const char *tsn_rule_key_name(const struct tsn_rule *r, unsigned i);
/* Do the keys of two rules, of one program or two, mean the same? */
bool tsn_rule_same_key(const struct tsn_rule *a, const struct tsn_rule *b);

/*
 * Checks the program once, so that running it needs no checks: known opcode, operands of
 * their kind and in range, registers written before they are read on every path, jumps
 * forward and inside, END last. Every program goes through here before it may run.
 */
bool tsn_program_verify(struct tsn_program *p);

struct tsn_buf;
/* The annotated listing of `tocsin explain`. */
void tsn_program_disassemble(const struct tsn_program *p, struct tsn_buf *out);
/* A key as listings have it: "src/24/64, dst_port". */
void tsn_program_key_text(const struct tsn_program *p, const struct tsn_key_spec *k, struct tsn_buf *out);

#endif
