/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From rule files to a program: loads files and what they `use`, resolves names,
 * checks types, folds constants, interns every expression (ir.h) and has the
 * program emitted. Everything wrong with the rules goes to the diagnostics.
 *
 * A tsn_ruleset is what one compilation yields and owns: program, sets, site
 * settings and the rules' own tests. It is immutable but for its set pointers.
 * It borrows the sources: they may be freed before it, unless tests are still to
 * be compiled (tsn_compile_test) or diagnostics to be printed; with tsn_compile_input.keep
 * it holds them. One thread at a time.
 *
 * Must not know inputs, alerts or clocks; it never runs what it compiles.
 */
#ifndef TSN_COMPILE_COMPILE_H
#define TSN_COMPILE_COMPILE_H

#include "compile/ir.h"
#include "flow/exporter.h"
#include "flow/value.h"
#include "grammar/diag.h"

struct tsn_set;

/* Of the language that is compiled here: what a ruleset `requires` must not be above. */
#define TSN_LANGUAGE_MAJOR 1
#define TSN_LANGUAGE_MINOR 0

/* --- what is compiled --- */

struct tsn_lanes;
struct tsn_ruleset;

/* A text given by the caller instead of a file. */
struct tsn_rule_text {
	const char *name;   /* as diagnostics print it; NULL: "e1", "e2"... for expressions, "rules" for files */
	const char *text;
	size_t len;
};

/*
 * A ruleset that came from somebody else and was installed (ruleset/store.h). It may raise alerts and nothing more: no
 * site { }, override or disable, no file outside its folder, and its groups take at most a share of the site's memory.
 */
struct tsn_installed {
	const char *name;           /* all its files must be `ruleset NAME` */
	const char *dir;            /* its *.tsn are loaded */
	unsigned memory_percent;    /* of the site's `memory`, for all its groups together; 1 to 100 */
};

struct tsn_compile_input {
	/* Files, or directories whose *.tsn are taken in bytewise order of their names (not their subdirectories). */
	const char *const *paths;          size_t npaths;
	/* Rule files held in memory; `use "path"` in them is relative to the working directory. */
	const struct tsn_rule_text *texts; size_t ntexts;
	/*
	 * Bare conditions. Each becomes a rule of its name with `when EXPR`, after the rules of the
	 * files, and sees what the files at top level define.
	 */
	const struct tsn_rule_text *exprs; size_t nexprs;
	/*
	 * Directories where `use NAME` finds NAME.tsn or a directory NAME or NAME-rules, or that have such a
	 * name themselves; the using file's own directory comes first.
	 */
	const char *const *search;         size_t nsearch;
	/* Loaded before [paths], so that the site's files can override them. */
	const struct tsn_installed *installed; size_t ninstalled;
	/* Elements that have their columns whatever the rules name: those of listings. */
	const struct tsn_wanted *wanted;   size_t nwanted;
	unsigned threads;                  /* lanes are made for so many beforehand (compile/lanes.h); 0 or 1: none are */
	const struct tsn_ruleset *before;  /* whose place the result will take, if it takes one; it is only read */
	bool keep;                         /* others will take its place: what they need not parse again is kept */
	const char *why;                   /* a rule to put probes beside (tsn_ruleset.probes), NULL: none */
	const char *what_if;               /* ...and a twin of it with this constant as its threshold, NULL: none */
	const char *tune;                  /* a rule whose threshold is asked about (tsn_ruleset.tuning), NULL: none; not with [why] */
	const char *const *candidates; size_t ncandidates; /* ...and numbers in its place, each with a TWIN probe of its own */
	bool filter;                       /* `show --where`: stateful functions are refused */
	bool tests;                        /* `tocsin test`: sets that the site gives need no value */
};

/* --- site settings, already checked and with their defaults --- */

/* Of `memory`, the part for conversations that wait for their answer, where rules ask for them: one in so many. */
#define TSN_PAIR_SHARE 8u

enum tsn_output_kind { TSN_OUTPUT_JSON, TSN_OUTPUT_TEXT, TSN_OUTPUT_SYSLOG };

enum tsn_transport { TSN_LISTEN_UDP, TSN_LISTEN_TCP, TSN_LISTEN_TLS };

struct tsn_site_listen {
	enum tsn_transport transport;
	struct tsn_addr addr;      /* "0.0.0.0:2055", "[::]:2055" */
	uint16_t port;
	const char *cert, *key;    /* TLS: files with the collector's certificate (chain) and its key */
	const char *ca;            /* TLS: file with what may sign exporters' certificates; NULL: they need none */
};

struct tsn_site_output {
	enum tsn_output_kind kind;
	const char *target;        /* path, or "udp://HOST:PORT" or "/dev/log" of syslog */
	enum tsn_severity least;   /* alerts below it do not go there; INFO unless told */
};


struct tsn_site {
	bool present;                       /* some file has site { } */
	struct tsn_site_listen *listens;    uint32_t nlistens;   /* 0: the caller's default */
	struct tsn_site_output *outputs;    uint32_t noutputs;   /* 0: stdout */
	struct tsn_exporter_setting *exporters; uint32_t nexporters;
	uint64_t memory;                    /* bytes that windows and groups may take together; 0 if not given */
	struct tsn_span memory_at;
	const char *state, *http;           /* NULL if not given */
	const char *ring;                   /* directory of the last export messages, NULL: none are kept */
	uint64_t ring_bytes;
	int64_t lateness_ms;                /* 30,000 unless told */
	int64_t pair_ms;                    /* 30,000 unless told */
	int64_t dedup_ms;                   /* 0: off */
};

/* --- the rules' own tests --- */

/* F = V or F = A..B. [n] values from [first] on, by ones; 1 for a single value. */
struct tsn_test_assign {
	uint16_t field;
	struct tsn_value first;    /* ADDR with v4_bits/v6_bits below 32/128: a prefix (expectations only) */
	uint64_t n;
	struct tsn_span span;
};

enum tsn_test_step_kind { TSN_STEP_FLOW, TSN_STEP_WAIT };

struct tsn_test_step {
	enum tsn_test_step_kind kind;
	int64_t wait_ms;                    /* WAIT */
	struct tsn_test_assign *assign;     /* FLOW */
	uint32_t nassigns;
	uint64_t repeat;                    /* FLOW: 1 or more */
	int64_t every_ms;                   /* FLOW: from the end of the one before to this one's */
};

struct tsn_rule_test {
	const char *rule;                   /* full name */
	const char *title;
	const char *file;
	uint32_t line;
	struct tsn_span span;               /* of the title */
	bool quiet;                         /* else fires */
	int64_t count;                      /* exact number of openings, -1: at least one */
	int level;                          /* enum tsn_severity all must have, -1: any */
	struct tsn_test_assign *expect;     /* `for F = V`: of all alerts */
	uint32_t nexpects;
	struct tsn_test_step *steps;
	uint32_t nsteps;
	bool learned;                       /* `history`: nothing is learning from the start */
	int64_t tail_ms;                    /* after the last step time runs on so long: the longest window */
	uint32_t index;                     /* in tsn_ruleset.tests */
};

/* --- probes: what `explain --why` looks through --- */

enum tsn_probe_kind {
	TSN_PROBE_TRUE,   /* matches where part [part] of the rule's condition is true */
	TSN_PROBE_FALSE,  /* ...is false; where neither matches it is unknown */
	TSN_PROBE_VALUE,  /* matches the flows that an aggregate counted; its message has two pieces, the sides of a comparison */
	TSN_PROBE_HIDDEN, /* matches what `except` hides */
	TSN_PROBE_TWIN,   /* the rule with another threshold: it raises alerts */
	TSN_PROBE_END,    /* matches everything; the last of a batch to do so */
	/* Only of tsn_compile_test_covered: */
	TSN_PROBE_RUNG,   /* matches where the condition of the rule and that of a rung of its severity are true */
	TSN_PROBE_UNTIL,  /* ...where `until` is true */
	TSN_PROBE_OUTSIDE, /* ...where the rule's condition is true at a time that `during` shuts out */
	TSN_PROBE_WHEN,   /* ...where the rule's condition is true */
	TSN_PROBE_COUNT
};

/* The i-th belongs to rule [first_probe] + i of the program. */
struct tsn_probe {
	enum tsn_probe_kind kind;
	uint32_t part;              /* TRUE FALSE: from 0, in the order written; TWIN of tsn_compile_input.candidates: its index */
	bool stateful;              /* TRUE: an aggregate is in the part */
	const char *text;           /* TRUE VALUE: as written; TWIN: the constant it replaces */
	struct tsn_span span;       /* of what it is about; none of END */
	struct tsn_key_spec key;    /* VALUE: of the group whose value it is */
	enum tsn_rel rel;           /* VALUE: left [rel] right */
	bool threshold_first;       /* VALUE: the threshold is the left side; piece 0 is the value in any case */
	enum tsn_type type;         /* VALUE: how it prints */
	int64_t window_ms;
};

/* --- the threshold of a rule, for `tune` --- */

/*
 * The first comparison of a rule's `when` between something stateful and a constant. [before] NUMBER [after] is an override
 * of the rule that gives the constant another value, and a whole rule file.
 */
struct tsn_tuning {
	const char *none;           /* why there is nothing to tune, a sentence; NULL: there is */
	const char *text;           /* the comparison as written */
	const char *constant;       /* name of the threshold, NULL: it is a number */
	const char *before, *after; /* NULL: no override can say it, and no candidate is compiled */
	enum tsn_rel rel;           /* value [rel] threshold: LT LE GT GE */
	enum tsn_type type;         /* of the threshold */
	double threshold;           /* as it is */
	uint32_t comparisons;       /* further ones in `when`, that stay as they are */
	bool feedback;              /* the rule hears of its own alerts by way of sets that it adds to */
};

/* --- the result --- */

struct tsn_ruleset {
	struct tsn_program *program;        /* verified; NULL after tsn_check */
	struct tsn_ir_module *module;       /* rules and sets as checked; its sets are the program's slots */
	struct tsn_set **sets;              /* one a slot, each held once */
	bool *refresh_failed;               /* by slot: the last refresh found no file it could use; whoever refreshes says so */
	uint32_t files, files_kept;         /* files of members, and those of them that the ruleset before had read */
	uint32_t texts, texts_kept;         /* files of rules, and those of them that the ruleset before had parsed */
	struct tsn_site site;
	struct tsn_rule_test *tests;
	uint32_t ntests;
	struct tsn_probe *probes;           /* with tsn_compile_input.why; no alerts come of them but of TWIN */
	uint32_t nprobes, first_probe;
	struct tsn_tuning *tuning;          /* with tsn_compile_input.tune; probes: a VALUE (if any), then TWINs */
	uint32_t probed;                    /* the rule they are about */
	struct tsn_lanes *lanes;            /* private: see tsn_ruleset_lanes */
	unsigned lanes_for;
	struct tsn_compilation *inner;      /* private to compile/ */
};

/* Loads and checks. NULL when there were errors (all of them are in [diags]) or memory is out. */
struct tsn_ruleset *tsn_check(struct tsn_sources *sources, const struct tsn_compile_input *in,
    struct tsn_diags *diags);

/* The same, and emits the program. */
struct tsn_ruleset *tsn_compile(struct tsn_sources *sources, const struct tsn_compile_input *in,
    struct tsn_diags *diags);

void tsn_ruleset_free(struct tsn_ruleset *r);

/*
 * Compiles what one test sees (S20): its rule as shipped with what it names; no site layer, file sets
 * empty, sets the site gives {10.0.0.0/8, 2001:db8::/32}; then the test's own let and set. The result has
 * that one rule and that one test. A test written in an override sees the override. The sources of [r] must still live.
 */
struct tsn_ruleset *tsn_compile_test(const struct tsn_ruleset *r, uint32_t test, struct tsn_diags *diags);

/*
 * The same with probes for every part of the rule: the operands of and and or, at any depth, each part of its `except`, its rungs,
 * `until` and `during`.
 */
struct tsn_ruleset *tsn_compile_test_covered(const struct tsn_ruleset *r, uint32_t test, struct tsn_diags *diags);

/* The same of a rule (its full name) without any test, checked only: the result has no program. */
struct tsn_ruleset *tsn_check_rule(const struct tsn_ruleset *r, const char *rule, struct tsn_diags *diags);

/*
 * What a rule is made of, as written: [fn] gets the rule's own tree, then that of every let, set, table and define it
 * names, at any depth, each once and in the order met. Its tests and other rules it names are left out.
 */
void tsn_rule_parts(const struct tsn_ruleset *r, const char *rule, void (*fn)(void *arg, const struct tsn_node *), void *arg);

/* Appends a text that is the same for two compilations that mean the same: the forms of all rules, what is in all sets. */
void tsn_ruleset_form(const struct tsn_ruleset *r, struct tsn_buf *out);

/*
 * Builds the set of a slot anew from its files (a refresh). NULL if a file cannot be used: [diags] say why
 * and the old set stays in force. The caller puts the new one in force and frees the old one.
 */
struct tsn_set *tsn_ruleset_rebuild_set(const struct tsn_ruleset *r, uint32_t slot, struct tsn_diags *diags);
/* The i-th file set [slot] is made of, to watch for changes; NULL past the last. */
const char *tsn_ruleset_set_path(const struct tsn_ruleset *r, uint32_t slot, uint32_t i);

/* --- for tools that look at rules as they were written (author/) --- */

/* Where the spans of nodes and diagnostics point. */
const struct tsn_sources *tsn_ruleset_sources(const struct tsn_ruleset *r);
/* The RULE node of a rule by its full name; NULL of a bare condition, or if there is none. */
const struct tsn_node *tsn_ruleset_rule_tree(const struct tsn_ruleset *r, const char *name);
/*
 * Are the members of this set what they will be wherever the rules run? Not those of files, of dynamic sets, of sets that are
 * empty for a site to fill or that it did fill.
 */
bool tsn_ruleset_set_written(const struct tsn_ruleset *r, uint32_t slot);

/* --- flows of a test --- */

#define TSN_TEST_EXPORTER 0xc00002fe /* 192.0.2.254, of flows that name none: it is never silent */
#define TSN_TEST_START INT64_C(1767571200000) /* Monday 2026-01-05 00:00:00 UTC */

struct tsn_test_field {
	uint16_t field;
	struct tsn_value value;
};

/* One flow of a test with its defaults filled in, or a moment that only lets time pass. */
struct tsn_test_flow {
	bool wait;                          /* no flow: the clock stands at end_ms */
	int64_t end_ms;                     /* also its time of receipt */
	struct tsn_test_field v[TSN_FIELD_COUNT];
	uint32_t n;
};

struct tsn_test_cursor {
	const struct tsn_rule_test *test;
	uint32_t step;
	uint64_t done;                      /* repeats of the step already given */
	int64_t now_ms;
	bool started;                       /* a flow was given */
};

void tsn_test_begin(struct tsn_test_cursor *c, const struct tsn_rule_test *test);
/* The next flow or wait; false when the steps end. */
bool tsn_test_next(struct tsn_test_cursor *c, struct tsn_test_flow *out);
/* Writes a flow into a row of a batch, with its times. */
void tsn_test_put(const struct tsn_test_flow *f, struct tsn_batch *b, uint32_t row);
/* Whether an alert's value is what the test expects (equal, or inside the prefix it names). */
bool tsn_test_expects(const struct tsn_test_assign *want, const struct tsn_value *got);

/* --- the table of stateful functions, for `tocsin functions` --- */

struct tsn_function_info {
	const char *name;
	const char *arguments;  /* "[CONDITION]", "VALUE [where CONDITION]" ... */
	const char *result;     /* "integer", "real", "as its argument", "true or false" */
	const char *help;
};

extern const struct tsn_function_info tsn_functions[];
extern const size_t tsn_function_count;

#endif
