/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The typed expression graph: what the checker hands to the emitter. Names are
 * resolved, constants folded, defines expanded, types right; every expression
 * is interned, so two equal ones are one node and node identity is equality.
 *
 * Operands of AND, OR and of commutative operators are sorted by canonical
 * form; comparisons have a constant on the right. The canonical form (S49) is
 * the text that finds state again after a reload.
 *
 * NOT exists in the graph as written; the emitter pushes it to the leaves.
 * Nodes live in the graph's arena. Used by one thread, immutable once made.
 */
#ifndef TSN_COMPILE_IR_H
#define TSN_COMPILE_IR_H

#include "base/addr.h"
#include "base/arena.h"
#include "flow/fields.h"
#include "flow/key.h"
#include "flow/wanted.h"
#include "grammar/ast.h"
#include "state/state.h"
#include "vm/program.h"

enum tsn_ir_kind {
	/* truth values (type BOOL) */
	TSN_IR_TRUE,      /* every row */
	TSN_IR_FALSE,     /* no row, and known to be so */
	TSN_IR_UNKNOWN,   /* neither true nor false anywhere */
	TSN_IR_AND,       /* kid... (2 or more) */
	TSN_IR_OR,        /* kid... */
	TSN_IR_NOT,       /* kid[0] */
	TSN_IR_HAS,       /* value or field kid[0] is present; two-valued: its negation is exact */
	TSN_IR_COMPARE,   /* rel; kid[0], kid[1]: numbers (INT, REAL, PORT, TIME...), or addresses and strings with EQ/NE */
	TSN_IR_FLAGS_HAS, /* kid[0] & i == i: all of these flags */
	TSN_IR_IN,        /* kid[0] (a field, masked address or TUPLE) is in set slot [set]; [i]: unknown if its files are older, ms; 0: never */
	TSN_IR_IN_PREFIX, /* kid[0] (address) lies in [prefix] */
	TSN_IR_MATCH,     /* kid[0] (string field) ~ regex [regex] */
	TSN_IR_GIVES,     /* the flow's exporter gives what [i] (enum tsn_gives) names; two-valued, tests no field (S46) */
	/* values */
	TSN_IR_INT,       /* i (INT, PORT, PROTO, FLAGS, TIME, DURATION, MAC, DIRECTION, FWD, SIZE by type) */
	TSN_IR_REAL,      /* real */
	TSN_IR_ADDR,      /* addr */
	TSN_IR_STRING,    /* text, len */
	TSN_IR_FIELD,     /* field; ADDR fields: v4_bits, v6_bits kept (32, 128 unless masked) */
	TSN_IR_TUPLE,     /* kid... fields */
	TSN_IR_ARITH,     /* arith; kid[0], kid[1] of one type INT or REAL (checker inserts TO_REAL) */
	TSN_IR_NEG,
	TSN_IR_TO_REAL,   /* kid[0] INT */
	TSN_IR_AGG,       /* agg */
	TSN_IR_CHOOSE,    /* kid: condition, value, condition, value...; of one type: the value of the first condition that is true, unknown if none is */
	TSN_IR_TABLE,     /* kid[0] (field or TUPLE) looked up in table [table]; INT or REAL */
	TSN_IR_CLOCK,     /* the row's event time (TIME); names no field */
	/* more truth values */
	TSN_IR_RECENT,    /* event time is at most [i] ms after the files of set [set] were written; never false: else unknown */
	TSN_IR_DURING,    /* event time lies in schedule [schedule]; two-valued, tests no field */
};

#define TSN_MAX_KEYS 1000000 /* groups of an expression unless told (S29) */

enum tsn_ir_arith { TSN_AR_ADD, TSN_AR_SUB, TSN_AR_MUL, TSN_AR_DIV /* REAL only */, TSN_AR_MOD, TSN_AR_BAND, TSN_AR_BOR };

struct tsn_ir;

/* A step of a sequence: rows where [where] is true, or the matches of a rule. */
struct tsn_ir_step {
	struct tsn_key_spec key;
	const struct tsn_ir *where;  /* never NULL; FALSE for a rule */
	const char *rule;            /* full name, or NULL */
};

/* What a group keeps (state/aggregates.def) with its scope. */
struct tsn_ir_agg {
	enum tsn_agg_fn fn;
	struct tsn_key_spec key;
	const struct tsn_ir *where;  /* never NULL: TRUE if none; the rule's `where` is and-ed in */
	const struct tsn_ir *arg;    /* SUM MIN MAX AVG RATE: the value (SHARE not applied yet); else NULL */
	struct tsn_key_spec tuple;   /* DISTINCT */
	bool share;                  /* S26: SUM and RATE of packets or bytes or an expression of them */
	bool nonneg;                 /* SUM/RATE: the argument is never negative */
	bool tumbling, by_received;
	bool talks;                  /* of conversation records: the rule is about those */
	struct tsn_key_spec at;      /* `by key at at`; n 0: none */
	const struct tsn_ir_agg *of; /* RANK BASELINE SPREAD: of this family, `per` */
	uint32_t within;             /* RANK */
	int64_t history_ms, season_ms; /* BASELINE SPREAD */
	uint32_t expect;             /* ABSENT: set slot, TSN_SET_NONE */
	const struct tsn_ir_step *step; /* SEQUENCE; [key] is the last step's */
	uint32_t nsteps;
	const char *fired;           /* COUNT of the openings of this rule (full name), which no row makes; NULL else */
	unsigned tail;               /* FRESH: so many parts at the end of [key] are its arguments, not `by` */
	int64_t window_ms, pane_ms;
	struct tsn_span window_span; /* where it was first written; not part of the canonical form */
	uint32_t panes;
	uint64_t max_keys;           /* not part of the canonical form */
	unsigned level;              /* 1 + deepest aggregate inside where and arg; 1 if none */
	const char *family_canon;    /* key, where, level */
	const char *agg_canon;       /* function, argument, window, step, time */
};

struct tsn_ir {
	enum tsn_ir_kind kind;
	enum tsn_type type;          /* of a value; BOOL for truth values */
	uint32_t id;                 /* 0, 1, ... in order of making; kids have smaller ids */
	uint32_t depth;              /* of the tree below, arguments of functions included; bounded by the checker */
	struct tsn_span span;        /* where it was first written */
	const char *canon;
	const struct tsn_ir **kid;
	uint32_t nkids;
	bool stateful;               /* an aggregate is in it */
	bool field_test;             /* a non-aggregate leaf in it (outside aggregates) names a field; see touched below */
	enum tsn_rel rel;
	enum tsn_ir_arith arith;
	int64_t i;                   /* INT; FLAGS_HAS: the bits */
	double real;
	struct tsn_addr addr;
	struct tsn_prefix prefix;
	const char *text;
	uint32_t len;
	uint16_t field;
	uint8_t v4_bits, v6_bits;
	uint32_t set, regex, table, schedule; /* index in tsn_ir_module */
	const struct tsn_ir_agg *agg;
};

/* One comparison of `when` that can give value and threshold (S12), in the order written. */
struct tsn_ir_report {
	const struct tsn_ir *compare;    /* the node whose truth decides (as it stands under NOTs: its own truth) */
	const struct tsn_ir *value;      /* stateful side */
	const struct tsn_ir *threshold;  /* other side */
	const struct tsn_node *threshold_node; /* as written here; NULL of comparisons made by the compiler */
};

/* severity ..., LEVEL when [when]. */
struct tsn_ir_rung {
	enum tsn_severity severity;
	const struct tsn_ir *when;
};

/*
 * A rule after checking: [meta] has every field filled that needs no register. Comparisons on `per` windows that
 * only their close can decide (S4) are unknown for flows, and so is the negation of those that a flow can decide.
 * On closing, parts of `when` that are all of what such an aggregate counts (the rule's `where`) are met: the
 * group is made of flows that did.
 */
struct tsn_ir_rule {
	struct tsn_rule meta;            /* report[], families[], at_close are filled by the emitter */
	const struct tsn_ir *when;       /* the rule's `where` and-ed in */
	const struct tsn_ir *except;     /* FALSE if none */
	const struct tsn_ir *during;     /* when it may fire; NULL: always */
	struct tsn_ir_report *report;
	uint32_t nreports;
	const struct tsn_ir *until;      /* NULL: the default */
	struct tsn_ir_rung *rung;        /* all but the first, bare one, which is meta.severity */
	uint32_t nrungs;
	const struct tsn_ir **define;    /* for TSN_PIECE_REG pieces: reg indexes this until the emitter replaces it */
	uint32_t ndefines;
};

struct tsn_set;

/* A set the rules use: named (qualified name) or literal (canonical content). */
struct tsn_ir_set {
	const char *name;                /* also the slot's name */
	const struct tsn_set *set;       /* owned by tsn_module */
	const char *path;                /* file sets: resolved path, else NULL */
	int64_t refresh_ms;              /* file sets: 0 none */
	int64_t max_age_ms;              /* the same; the least of its files' */
	bool fixed;                      /* its members are those written, as long as the program */
};

/* Everything one compilation yields. */
struct tsn_ir_module {
	struct tsn_arena *arena;         /* of nodes and strings; taken over by the program */
	struct tsn_ir_rule *rules;       /* in the order of files and lines; disabled ones too, marked */
	uint32_t nrules;
	struct tsn_ir_set *sets;
	uint32_t nsets;
	const char **regex;              /* pattern text; flags in regex_flags (PCRE2 options) */
	uint32_t *regex_flags;
	uint32_t nregex;
	const struct tsn_schedule **schedules; /* base/schedule.h; each once */
	uint32_t nschedules;
	struct tsn_wanted *wanted;       /* elements that rules name by number, and their columns */
	uint32_t nwanted;
	const struct tsn_ir_agg **awaited; /* aggregates on `per` windows that rules wait to close, each once; the emitter knows */
	uint32_t nawaited;
	bool filter;                     /* for rows: there will be no alerts */
};

/*
 * Emits the program of a checked module (compile/emit.c) and verifies it. Takes over
 * [m->arena] on success. NULL when memory is out ([error] stays NULL) or the verifier found our own mistake
 * ([error] then says so, a static or arena string).
 *
 * Match of a rule (LANGUAGE.md section 4, ENGINE_DESIGN e): T(when) & touched & ~T(except), where touched = OR
 * of the counted masks of its aggregates and of T of leaves outside aggregates that test a
 * field that is not a key; a rule without aggregates is touched everywhere.
 */
struct tsn_program *tsn_emit(struct tsn_ir_module *m, const char **error);

/* What must not change a result, switched off for tests that compare. */
enum tsn_emit_flags {
	TSN_EMIT_READ_ALL = 1, /* look up every row in every family */
	TSN_EMIT_NO_SKIP = 2,  /* never go past instructions */
	TSN_EMIT_NO_INDEX = 4, /* test every rule in every batch */
	TSN_EMIT_INDEX_ALL = 8, /* find even two rules by a field */
	TSN_EMIT_NO_NARROW = 16, /* never make a test within a mask */
};
struct tsn_program *tsn_emit_with(struct tsn_ir_module *m, unsigned flags, const char **error);

/*
 * The program of some rules of a module that [whole] was made of: the others are disabled in it, their numbers and those of
 * sets stay. It has an arena of its own, but names, sets of regular expressions and the like are those of [whole] and the
 * module, which must live longer. Rules that it reads groups with must all be in it. NULL: memory is out.
 */
struct tsn_program *tsn_emit_part(struct tsn_ir_module *m, const struct tsn_program *whole, const bool *only);

/* Calls [each] for every condition and value a rule has, in the order in which families are numbered. */
void tsn_ir_each_root(const struct tsn_ir_rule *r, void (*each)(void *arg, const struct tsn_ir *x), void *arg);
/* All ids of nodes are below it. */
uint32_t tsn_ir_nodes(const struct tsn_ir_module *m);

#endif
