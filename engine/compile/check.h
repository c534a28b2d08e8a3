/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of compile/ share and no other room includes.
 *
 * A tsn_world is what was loaded: files, rulesets, names. It is made once and read by the
 * compilation of the whole and by those of single tests. A tsn_ck is one compilation: its
 * graph, its sets, its diagnostics. Memory comes from arenas; when it is out, ck_alloc jumps
 * back to where the compilation began, which frees them (so nothing here returns "no memory").
 */
#ifndef TSN_COMPILE_CHECK_H
#define TSN_COMPILE_CHECK_H

#include <setjmp.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/names.h"
#include "compile/compile.h"
#include "flow/wanted.h"
#include "sets/file.h"
#include "sets/table.h"
#include "state/notes.h"

#define CK_CANON_MAX 65536     /* longest canonical form of one expression */
#define CK_NODES_MAX 2000000   /* of one graph */
#define CK_STEPS_MAX 50000000  /* nodes looked at: definitions of definitions can double at every step */
#define CK_GATHER_MAX 100000  /* names that one expression reports, through all its definitions */
#define CK_DEPTH_MAX 1000      /* of a graph, and of the recursion that makes it */
#define CK_CHAIN_MAX 300       /* definitions that need one another in a row */
#define CK_LEVELS 3            /* aggregates inside aggregates (S22) */
#define CK_GUEST_RULES 10000      /* of one installed ruleset */
#define CK_SHORT_WINDOW 30000  /* ms; below it idle timeouts reorder flows */

/* --- what was loaded --- */

struct ck_group {              /* a ruleset, or the site's own files */
	const char *name;          /* NULL: no ruleset */
	const char *version;
	const struct tsn_node *node;
	struct ck_group *next;
	struct tsn_names rules, others; /* struct ck_sym: the first of each name */
};

struct ck_file {
	const struct tsn_node *tree;
	const char *name;          /* as diagnostics print it */
	const char *dir;           /* where relative paths start; "" for the working directory */
	const char *real;          /* identity; NULL for texts */
	struct ck_group *group;
	struct ck_file **import;
	size_t nimports, cap_imports;
	struct ck_file *next;      /* in the order of rules: used files before their users */
	struct ck_file *all;       /* every file met, in order of being opened */
	struct ck_sym *rules, **rules_tail; /* in order, by in_file */
	bool expr;                 /* the tree is a bare condition */
	bool broken;               /* a condition with errors in its syntax */
	bool installed;            /* found in a rules directory: no place for site { } */
	bool busy;                 /* being loaded: `use` of it is a cycle */
	const struct tsn_installed *guest; /* the installed ruleset it belongs to, NULL: none */
};

enum ck_sym_kind { CK_LET, CK_SET, CK_TABLE, CK_DEFINE, CK_RULE };

struct ck_gather;

struct ck_sym {
	enum ck_sym_kind kind;
	const char *name, *full;   /* full: with its ruleset */
	const struct tsn_node *decl;
	struct ck_file *file;
	struct ck_sym *same;       /* others of that name in the group */
	struct ck_sym *order;      /* all, in order of declaration */
	struct ck_sym *in_file;    /* the next rule of the file */
	bool busy;                 /* being evaluated: needing it again is a cycle */
	bool broken;               /* reported: silent from now on */
	bool declared;             /* by a file, and not in place of another by an override or a test */
	uint64_t memo_id;          /* environment the memo was made in, 0: none */
	const void *memo;
	uint64_t rule_id;          /* of sets and lets: the same for what one rule or test rebinds */
	const void *rule_memo;
	uint64_t visit;            /* of the last search that came by */
};

struct tsn_world {
	struct tsn_arena *arena;
	struct tsn_sources *sources;
	const struct tsn_compile_input *in; /* while loading only */
	struct ck_file *files, **tail;
	struct ck_file *opened, **opened_tail;
	struct ck_group *groups;
	struct ck_group local;
	struct tsn_names by_path;  /* struct ck_file, by [real] */
	struct tsn_names by_name;  /* struct ck_group */
	struct ck_sym *syms, **syms_tail;
	uint64_t next_id;          /* of environments */
	struct tsn_installed *installed; /* a copy of the caller's */
	size_t ninstalled;
	bool filter, tests;        /* of tsn_compile_input */
};

/* --- files of members --- */

/* A file as it was read, and what stood in it. */
struct ck_read_file {
	const char *key;           /* path and column; of a table all that its numbers are read by */
	uint64_t device, inode, size;
	int64_t changed_ns, touched_ns; /* the last change of its bytes, and of anything about it */
	uint64_t hash;             /* of its bytes */
	struct tsn_set *set;       /* one of its holders */
	bool real;                 /* of a table: some number is one */
	struct tsn_set_report report;
};

/* All that one compilation knows. They lie in its arena. */
struct ck_files {
	struct ck_read_file **v;
	size_t n, cap;
	struct tsn_names by_key;   /* struct ck_read_file */
	uint32_t kept;             /* of them, those that the ruleset before had read */
};

/* --- one compilation --- */

/* An override or a disable, and where it stands. */
struct ck_layer {
	const struct tsn_node *node;
	const struct ck_file *file;
	size_t next;               /* the next override of the same target, plus 1; 0: none */
};

/* What overrides or disables name: rules by full name, rulesets for all their rules. Numbers: the first layer that does. */
struct ck_targets {
	struct tsn_names rules, groups;
};

/* A member of a set as it was written, for the canonical form and for building again. */
enum ck_member_kind { CK_M_PREFIX, CK_M_ADDRS, CK_M_INTS, CK_M_STR, CK_M_TUPLE };

struct ck_member {
	enum ck_member_kind kind;
	struct tsn_prefix prefix;
	struct tsn_addr a, b;
	int64_t lo, hi;
	const char *text;          /* STR */
	uint32_t len;
	const struct tsn_value *cell; /* TUPLE */
	uint32_t ncells;
	const char *canon;
};

struct ck_set_file {
	const char *path, *column;
	const struct tsn_set *set; /* as read while checking; NULL in a test */
	struct tsn_span span;
	const char *shown;         /* the path as written */
	int64_t max_age_ms;        /* `in` is unknown when it is older; 0: it never is */
};

/* What makes a set a table: the number of each member, or where the file has them. */
struct ck_table {
	const char *key, *column;  /* columns of the file; NULL: the first, the second */
	struct tsn_table_value *value, fallback;
	size_t nvalues, cap_values;
	bool real;                 /* some number is one */
	bool read, refused;        /* the file, while checking */
	struct ck_read_file *as;   /* the same, as it was read; its set is the whole table once that is built */
	enum tsn_type as_type;     /* with keys of this type */
};

struct ck_set {
	struct ck_table *table;    /* NULL: a set */
	const char *name;          /* NULL until it is given a slot (literals: their content) */
	const struct ck_sym *sym;
	const char *builtin;
	enum tsn_type type;        /* of its members; NONE: no member yet, or a file that has none */
	enum tsn_type cell_type[TSN_KEY_PARTS]; /* TUPLE */
	uint32_t ncells;
	struct tsn_key_spec key;   /* TUPLE: fields it is compared with, which decide how its members are encoded */
	struct ck_member *member;
	size_t nmembers, cap_members;
	struct ck_set_file *file;
	size_t nfiles, cap_files;
	const struct ck_set **part; /* sets merged into this one */
	size_t nparts, cap_parts;
	/* Of the walk over all a set is made of (ck_set_reach). */
	struct ck_set *reach_next;
	const struct ck_set *reached_from;
	uint32_t reached_no, walks;
	int64_t refresh_ms;
	bool dynamic;              /* its members are what rules add; of the type of its first use */
	int64_t expire_ms;
	uint64_t max;
	bool tainted;              /* made with a name that was rebound for one rule */
	bool v4, v6;               /* families among the members (filled when built) */
	uint32_t slot;             /* UINT32_MAX: none yet */
	bool warned;               /* S39 was said of it */
	const struct tsn_node *first; /* for "found first here" */
	struct ck_set *next;       /* of c->all_sets */
};

/* What stands behind a name for one rule (override R) or one test. */
struct ck_rebind {
	const struct ck_sym *old;
	struct ck_sym *now;
	const struct ck_rebind *next;
};

struct ck_scope {
	struct tsn_key_spec key, at;
	struct tsn_span at_span;
	bool tumbling, by_received;
	int64_t window_ms, step_ms;
	struct tsn_span span, window_span;
	bool *used;
	bool *by_event;            /* a function inside counts by event time */
};

/* What `when` holds in the order written: for value and threshold, the alert's key, messages and warnings. */
struct ck_report {
	const struct tsn_ir *compare, *value, *threshold;
	const struct tsn_node *threshold_node;
};
enum ck_use_kind { CK_U_COUNTS, CK_U_NEW, CK_U_ABSENT };
struct ck_use {
	const struct tsn_ir *agg;
	const struct tsn_key_spec *key; /* of alerts: what stands after `by`, or `at` */
	struct tsn_span span;
	bool bare;                 /* has no condition of its own */
	enum ck_use_kind kind;     /* for what is said of conditions beside it */
};
struct ck_named {
	const char *name;
	const struct tsn_ir *ir;
};
struct ck_gather {
	struct ck_report *report;
	size_t nreports, cap_reports;
	struct ck_use *use;
	size_t nuses, cap_uses;
	struct ck_named *named;
	size_t nnamed, cap_named;
};

struct tsn_ck;

/* Where an expression stands. Copied and changed for what stands inside. */
struct ck_env {
	struct tsn_ck *c;
	const struct ck_file *file;
	const struct ck_file *fallback;   /* of an override: the file of the rule */
	const struct ck_rebind *rebind;
	const char *tag;                  /* rule the rebinding is for: part of the names of sets */
	uint64_t rebind_id;               /* equal ids: equal rebinding; of sets, which no `where` changes */
	uint64_t id;                      /* equal ids: equal meaning of names and `where` */
	const struct tsn_ir *where;       /* of the rule, and-ed into its functions; NULL: none */
	const struct ck_scope *scope;
	struct ck_gather *gather;         /* NULL inside arguments of functions */
	bool talks;                       /* of a rule on conversations: so are its functions */
	const struct ck_gather *sides;    /* in rungs of severity: what `value` and `threshold` are sides of */
	bool constant;                    /* the value of a let: no fields, no functions */
	const char *wanted;               /* what an unknown name should have been; NULL: a field */
	bool member;                      /* the constant is a member of a set (for messages) */
};

enum ck_val_kind { CK_BAD, CK_IR, CK_EITHER, CK_PREFIX, CK_SETV };
struct ck_val {
	enum ck_val_kind kind;
	const struct tsn_ir *ir;          /* IR; EITHER: the source side */
	const struct tsn_ir *ir2;         /* EITHER: the destination side */
	struct tsn_prefix prefix;
	struct ck_set *set;
};

/* What one rule is told by another: by a function of it that names the other. */
struct ck_link {
	const struct tsn_ir_agg *agg;     /* COUNT with [fired], or SEQUENCE */
	uint32_t step;                    /* of SEQUENCE */
	struct ck_sym *target;
	struct tsn_span span;             /* of the name */
};

/* What tells most forms apart without looking at them: each would be a miss of the cache, or two. */
struct ck_interned {
	const struct tsn_ir *node;        /* NULL: free */
	uint32_t hash, len;               /* of its form */
};

struct tsn_ck {
	struct tsn_world *world;
	struct tsn_diags *diags;
	struct tsn_diags *scratch;        /* of what may fail without a word (tune.c); NULL else */
	struct tsn_arena *arena;
	struct tsn_ir_module *m;
	jmp_buf out_of_memory;
	struct tsn_buf buf;               /* texts under construction, used as a stack */
	struct tsn_span at;               /* span given to new nodes */
	struct ck_interned *nodes;        /* by canonical form; not in the arena: nobody needs them behind the compilation */
	size_t mask, nnodes;
	struct ck_set **sets;             /* by slot */
	size_t nsets, cap_sets;
	struct ck_set *builtins;
	size_t cap_rules, cap_regexes, cap_wanted, cap_schedules;
	const char **schedule_text;       /* as written, of the module's schedules */
	struct ck_link *link;
	size_t nlinks, cap_links;
	struct ck_warned {
		struct tsn_span span;
		const char *fmt;
	} *warned;
	size_t nwarned, cap_warned;
	struct ck_layer *layer;           /* of the site over installed rules, in order */
	size_t nlayers, cap_layers;
	struct ck_targets overridden, disabled;
	struct ck_placed {
		const struct ck_file *of;
		const char *name, *ruleset, *version;
	} placed;                         /* what the last rule's file says of all its rules */
	struct tsn_names rule_names;      /* rules of the module by full name: those below */
	uint32_t nrule_names;
	struct tsn_names set_names;       /* of all slots */
	struct tsn_names literals;        /* slots of sets without a name, by type and content */
	size_t *link_order;               /* links by their aggregate, once all are known */
	const struct ck_rebind *global;   /* override RULESET { let set ... } */
	bool test;                        /* as a test sees it: no files, no site */
	uint64_t plain_id;                /* of environments without rebinding and `where` */
	const struct tsn_ir *t, *f, *u;
	struct ck_files files;            /* of members, that were read or taken over */
	const struct ck_files *before;    /* those of the ruleset whose place this one will take, or NULL */
	size_t steps;
	unsigned chain;                   /* definitions being worked out */
	unsigned depth;                   /* of the recursion over expressions */
	bool too_large;
};

/* Where a test was written. */
struct ck_test_ref {
	struct ck_sym *rule;
	const struct tsn_node *node;
	const struct ck_file *file;
	const struct tsn_node *override; /* that it stands in, or NULL */
};

/* What tsn_ruleset.inner is. */
struct tsn_compilation {
	struct tsn_world *world;
	bool borrowed;                    /* the world is another ruleset's */
	struct tsn_arena *arena;          /* of the module until a program takes it over, then NULL */
	struct ck_set **sets;             /* by slot; in the module's arena */
	struct ck_test_ref *ref;          /* by test; in the module's arena */
	struct ck_files files;            /* in the module's arena */
	struct tsn_sources *sources;      /* held for the ruleset after this one, or NULL */
};

/* --- memory.c --- */

void *ck_alloc(struct tsn_ck *, size_t size);
char *ck_strndup(struct tsn_ck *, const char *s, size_t n);
char *ck_strdup(struct tsn_ck *, const char *s);
/* A growing array in the arena: makes room for one more. */
void *ck_grow(struct tsn_ck *, void *v, size_t n, size_t *cap, size_t size);
/* Texts: remember a mark, add to c->buf, take what was added since. */
char *ck_take(struct tsn_ck *, size_t mark);
char *ck_format(struct tsn_ck *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void ck_oom(struct tsn_ck *);

/* --- load.c --- */

struct tsn_world *tsn_world_load(struct tsn_sources *, const struct tsn_compile_input *, struct tsn_diags *);

/* Declarations that an installed ruleset may not have. [rules]: of the ruleset so far. */
void ck_guest_check(const struct ck_file *f, uint32_t *rules, struct tsn_diags *diags);
/* Does the path, links followed, stay in the ruleset's folder (or lead nowhere)? */
bool ck_guest_reaches(const struct tsn_installed *guest, const char *path);
/* May a file name this path, as written? True for files of no installed ruleset. */
bool ck_guest_path(const struct ck_file *f, const char *path, struct tsn_span at, struct tsn_diags *diags);
void tsn_world_free(struct tsn_world *);

/* The rule of the module by that full name; TSN_NAMES_NONE if there is none. */
uint32_t ck_rule_index(struct tsn_ck *, const char *full);

/* --- names.c --- */

/* Enters all declarations of a file. False when memory is out. */
bool tsn_world_declare(struct tsn_world *, struct ck_file *, struct tsn_diags *);
struct ck_group *tsn_world_group(const struct tsn_world *, const char *name, size_t len);
/* Among declarations of one group. */
struct ck_sym *tsn_world_find(const struct ck_group *, const char *name, size_t len,
    bool rule);
/* The declaration a name stands for here, rebinding applied; NULL if none (nothing is reported unless ambiguous). */
struct ck_sym *ck_resolve(const struct ck_env *, const struct tsn_node *name, bool *ambiguous);
/* The same among rules. */
struct ck_sym *ck_resolve_rule(const struct ck_env *, const struct tsn_node *name, bool *ambiguous);
/* Reports an unknown name. [kind]: "field", "set", "function"...; offers what is near. */
void ck_unknown(const struct ck_env *, struct tsn_span at, const char *kind, const char *name, enum tsn_type want);
struct ck_env ck_env_of(struct tsn_ck *, const struct ck_file *);
/* The same where a declaration stands: names in it mean what they mean there. */
struct ck_env ck_env_at(const struct ck_env *, const struct ck_sym *);
/* Rules: by full name, whole or NAME.* */
struct ck_sym *ck_rule_by_name(const struct tsn_world *, const char *full);
struct ck_rebind *ck_rebind(const struct ck_env *scope, const struct tsn_node *decl, const struct ck_file *where_written,
    const struct ck_rebind *next);

/* --- say.c: words of messages --- */

const char *ck_a_type(enum tsn_type t);
const char *ck_the_types(enum tsn_type t);
/* The source text of a node, shortened. */
const char *ck_text(struct tsn_ck *, const struct tsn_node *);
/* The same of a span, [most] characters of it. */
const char *ck_span_text(struct tsn_ck *, struct tsn_span, size_t most);
/* Enters the working out of a definition; false, and an error, when too many need one another. */
bool ck_enter(struct tsn_ck *, struct ck_sym *, struct tsn_span use);
void ck_leave(struct tsn_ck *, struct ck_sym *);
/* False, and an error, when expressions stand too deep in one another; else ck_up must follow. */
bool ck_down(struct tsn_ck *, struct tsn_span);
void ck_up(struct tsn_ck *);
/* False, and an error, when a compilation looks at more nodes than any honest one. */
bool ck_step(struct tsn_ck *);
/* True, and an error, when an expression has gathered more from its definitions than any honest one. */
bool ck_overflows(struct tsn_ck *, size_t gathered);
/* The line a span begins in. */
uint32_t ck_line(struct tsn_ck *, struct tsn_span);
bool ck_duration(const struct ck_env *, const struct tsn_node *, const char *what, int64_t *ms);
/* A warning, once a place: definitions are looked at anew for every rule that gives them another meaning. */
struct tsn_diag *ck_warn(struct tsn_ck *, struct tsn_span, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* --- graph.c, graph_truth.c, graph_agg.c: interned nodes --- */

void ck_graph_init(struct tsn_ck *);
const struct tsn_ir *ck_unknown_node(struct tsn_ck *);
const struct tsn_ir *ck_int(struct tsn_ck *, int64_t v, enum tsn_type t);
const struct tsn_ir *ck_real(struct tsn_ck *, double v);
const struct tsn_ir *ck_addr(struct tsn_ck *, struct tsn_addr a);
const struct tsn_ir *ck_string(struct tsn_ck *, const char *s, uint32_t n);
const struct tsn_ir *ck_field(struct tsn_ck *, uint16_t field, unsigned v4, unsigned v6);
const struct tsn_ir *ck_tuple(struct tsn_ck *, const struct tsn_ir **kid, uint32_t n);
const struct tsn_ir *ck_arith_node(struct tsn_ck *, enum tsn_ir_arith, const struct tsn_ir *a, const struct tsn_ir *b,
    enum tsn_type t);
const struct tsn_ir *ck_neg_node(struct tsn_ck *, const struct tsn_ir *a);
const struct tsn_ir *ck_to_real(struct tsn_ck *, const struct tsn_ir *a);
const struct tsn_ir *ck_not(struct tsn_ck *, const struct tsn_ir *a);
/* AND or OR of any number, folded and sorted. */
const struct tsn_ir *ck_junction(struct tsn_ck *, enum tsn_ir_kind, const struct tsn_ir *const *kid, size_t n);
const struct tsn_ir *ck_and(struct tsn_ck *, const struct tsn_ir *a, const struct tsn_ir *b);
const struct tsn_ir *ck_has(struct tsn_ck *, const struct tsn_ir *a);
const struct tsn_ir *ck_gives(struct tsn_ck *, enum tsn_gives what);
/* Pairs of a condition and a value; of one type. */
const struct tsn_ir *ck_choose(struct tsn_ck *, const struct tsn_ir **kid, uint32_t n, enum tsn_type t);
const struct tsn_ir *ck_during(struct tsn_ck *, uint32_t schedule, const char *canon);
const struct tsn_ir *ck_compare_node(struct tsn_ck *, enum tsn_rel, const struct tsn_ir *a, const struct tsn_ir *b);
const struct tsn_ir *ck_flags_has(struct tsn_ck *, const struct tsn_ir *a, int64_t bits);
const struct tsn_ir *ck_in(struct tsn_ck *, const struct tsn_ir *a, struct ck_set *s);
const struct tsn_ir *ck_in_prefix(struct tsn_ck *, const struct tsn_ir *a, struct tsn_prefix p);
const struct tsn_ir *ck_match(struct tsn_ck *, const struct tsn_ir *a, const char *pattern, uint32_t options);
/* [agg] is copied; its canonical forms and level are filled in. */
const struct tsn_ir *ck_agg(struct tsn_ck *, struct tsn_ir_agg *agg, enum tsn_type t);
/* The row's event time. */
const struct tsn_ir *ck_clock(struct tsn_ck *);
/* The conditions and the argument of an aggregate. */
void ck_inside(const struct tsn_ir_agg *, void (*fn)(void *, const struct tsn_ir *), void *arg);
bool ck_is_const(const struct tsn_ir *);
void ck_key_canon(struct tsn_ck *, const struct tsn_key_spec *);
/* The same as a text of its own, for messages; "no key" if there is none. */
const char *ck_key_text(struct tsn_ck *, const struct tsn_key_spec *);

/* --- fold.c --- */

/* What a value counts, for units and what can be compared with it. */
enum ck_dim { CK_D_PLAIN, CK_D_BYTES, CK_D_PACKETS, CK_D_BITRATE, CK_D_MS, CK_D_ANY };
enum ck_dim ck_dim(const struct tsn_ir *);
/* The least and the greatest value an integer expression can have. */
void ck_bounds(const struct tsn_ir *, int64_t *lo, int64_t *hi);
bool ck_nonneg(const struct tsn_ir *);
/* op on checked operands, constants folded; NULL after a report at [n]. */
const struct tsn_ir *ck_arith(const struct ck_env *, const struct tsn_node *n, enum tsn_ir_arith, const struct tsn_ir *a,
    const struct tsn_ir *b);
const struct tsn_ir *ck_neg(const struct ck_env *, const struct tsn_node *n, const struct tsn_ir *a);

/* --- value.c, cond.c, compare.c, agg.c --- */

/* What a let, a set or a table came to in this environment; NULL if it was not worked out there yet. */
const void *ck_made(const struct ck_env *, const struct ck_sym *);
void ck_keep_made(const struct ck_env *, struct ck_sym *, const void *what);
struct ck_val ck_value(const struct ck_env *, const struct tsn_node *, enum tsn_type want);
/* A value that is one: reports host, port, sets and prefixes. NULL: reported. */
const struct tsn_ir *ck_one(const struct ck_env *, const struct tsn_node *, enum tsn_type want);
const struct tsn_ir *ck_cond(const struct ck_env *, const struct tsn_node *);
const struct tsn_ir *ck_compare(const struct ck_env *, const struct tsn_node *);
/* Reports when no flow can meet both conditions. */
bool ck_both(const struct ck_env *, const struct tsn_node *an, const struct tsn_ir *a, const struct tsn_node *bn,
    const struct tsn_ir *b);
struct ck_val ck_call(const struct ck_env *, const struct tsn_node *);
/* The value of a field named at [n]. */
struct ck_val ck_field_value(const struct ck_env *, const struct tsn_node *n, int field);
/* Evaluates what stands in a scope: [cond] or a value. */
struct ck_val ck_scoped(const struct ck_env *, const struct tsn_node *, enum tsn_type want);
bool ck_keys(const struct ck_env *, const struct tsn_node *by, struct tsn_key_spec *out);
/* A let's value; [sym] is a LET. */
struct ck_val ck_let(const struct ck_env *, struct ck_sym *sym, struct tsn_span use);
struct ck_val ck_define(const struct ck_env *, struct ck_sym *sym, struct tsn_span use);
bool ck_mask_field(const struct ck_env *, const struct tsn_node *, uint16_t field, int64_t v4, int64_t v6,
    const struct tsn_ir **out);
/* A set to look [left] up in (a field, or a TUPLE of them), as written; NULL: reported. */
struct ck_set *ck_set_for(const struct ck_env *, const struct tsn_node *set, const struct tsn_ir *left);
const struct tsn_ir *ck_test_in(const struct ck_env *, const struct tsn_node *, const struct tsn_ir *left,
    const struct tsn_node *right);
/* Brings a constant to the type of what it is compared with; NULL after a report. */
const struct tsn_ir *ck_coerce(const struct ck_env *, const struct tsn_node *n, const struct tsn_ir *k,
    const struct tsn_ir *to, const struct tsn_node *to_node);
/* decide.c: true after an error at [n]. */
bool ck_impossible_bits(const struct ck_env *, const struct tsn_node *n, enum tsn_rel, const struct tsn_ir *a,
    const struct tsn_ir *k, const struct tsn_node *left, const struct tsn_node *right);
bool ck_impossible(const struct ck_env *, const struct tsn_node *n, enum tsn_rel, const struct tsn_ir *a,
    const struct tsn_ir *k);
void ck_warn_compare(const struct ck_env *, const struct tsn_node *n, enum tsn_rel, const struct tsn_ir *a,
    const struct tsn_ir *k);
bool ck_mac_parse(const char *s, size_t n, int64_t *out);
void ck_gather_join(struct tsn_ck *, struct ck_gather *to, const struct ck_gather *from);

/* --- element.c: ie() --- */

/* The field or column of an element; -1 after a report at [at]. */
int ck_element(const struct ck_env *, struct tsn_span at, int64_t pen, int64_t id);
/* The same for a call of ie(). */
int ck_element_call(const struct ck_env *, const struct tsn_node *call);
/* The name of a field, or the element in a column that has none. */
const char *ck_field_name(struct tsn_ck *, uint32_t field);
/* The order of fields in forms, whatever columns elements were given. */
int ck_field_order(const struct tsn_ck *, uint32_t a, uint32_t b);

/* --- sets.c, sets_build.c --- */

struct ck_set *ck_set_sym(const struct ck_env *, struct ck_sym *, struct tsn_span use);
/* A set written where it is used, or a union of sets; [want] is the type of what is looked up. */
struct ck_set *ck_set_literal(const struct ck_env *, const struct tsn_node *, enum tsn_type want);
/* Brings one or two types of members to one; NONE if they do not fit. */
enum tsn_type ck_set_join(enum tsn_type a, enum tsn_type b);
bool ck_set_fits(enum tsn_type value, enum tsn_type members);
struct ck_set *ck_set_builtin(struct tsn_ck *, const char *name);
uint32_t ck_set_slot(struct tsn_ck *, struct ck_set *);
/* Of a declaration, empty. */
struct ck_set *ck_set_new(struct tsn_ck *, const struct ck_sym *);
bool ck_set_add_member(const struct ck_env *, struct ck_set *, const struct tsn_node *, enum tsn_type want);
enum tsn_set_error ck_set_build_member(struct tsn_set_builder *, const struct ck_member *, uint32_t row);
/* Does what the declaration says change by the rebinding of [e]? */
bool ck_set_is_rebound(const struct ck_env *, struct ck_sym *);
/* Where a set or table is made when it is asked for in [e]: what is rebound there plays a part only if it is mentioned. */
struct ck_env ck_set_env(const struct ck_env *, struct ck_sym *);
/* Made there: whoever asks again gets it (ck_made). One that is made for what a rule rebinds has a name of its own. */
void ck_set_keep(const struct ck_env *, struct ck_sym *, struct ck_set *);
/* A path as written, seen from its file; NULL after an error: an installed ruleset's leads out of its folder. */
const char *ck_beside(const struct ck_env *, const char *path, struct tsn_span at);
/* files.c */
/* When the file was last written, ms since 1970; TSN_TIME_NONE if nobody can say. */
int64_t ck_file_written(const char *path);
/*
 * The members of a file: as the ruleset before has them, if its stamp or its bytes are the same. The set is borrowed; NULL
 * unless *status says OK. [read]: what reading it said, NULL if memory is out.
 */
const struct tsn_set *ck_file_members(struct tsn_ck *, const struct ck_set_file *, const struct tsn_set_report **read,
    enum tsn_set_file *status);
/* It was read anew for somebody else: what it held is no use to the next compilation, and takes room. */
void ck_file_forget(struct ck_files *, const struct ck_set_file *);
/* The same of a table, whose numbers are read by [how]: with its set if nobody changed the file, else whoever reads it sees to the rest. */
struct ck_read_file *ck_file_table(struct tsn_ck *, const char *path, const char *how);
void ck_files_fini(struct ck_files *);
/* table.c */
struct ck_set *ck_table_sym(const struct ck_env *, struct ck_sym *, struct tsn_span use);
struct ck_val ck_table_call(const struct ck_env *, const struct tsn_node *call, struct ck_sym *);
/* Reads the file of a table that no rule asked. */
void ck_table_check_unasked(struct tsn_ck *, struct ck_sym *);
struct tsn_set *ck_table_build(const struct ck_set *, bool again, struct tsn_diags *);
const struct tsn_ir *ck_table_node(struct tsn_ck *, const struct tsn_ir *key, struct ck_set *, enum tsn_type t);
/* A value that is looked for in a dynamic set, or added at [n]: one type a set. False: reported. */
bool ck_dynamic_use(const struct ck_env *, const struct tsn_node *n, struct ck_set *, const struct tsn_ir *v);
bool ck_dynamic_options(const struct ck_env *, struct ck_set *, const struct tsn_node *n);
/* Reads a file of members while checking; false after a report. */
bool ck_set_read(struct tsn_ck *, struct ck_set *, struct ck_set_file *);
/* NULL: memory is out, or a file could not be read ([again]: files are read anew) and [diags] say so. */
struct tsn_set *ck_set_build(const struct ck_set *, bool again, struct tsn_diags *);
/* The set and all it is made of, at any depth, each once: a list by reach_next, good until the next call. */
struct ck_set *ck_set_reach(const struct ck_set *);
/* The i-th file among those it is made of. */
/* Nothing but members that stand in rule files? */
bool ck_set_is_fixed(const struct ck_set *s);
const char *ck_set_path(const struct ck_set *, uint32_t i);
/* The least `max_age` of its files, ms; 0 if none has one. */
int64_t ck_set_max_age(const struct ck_set *);

/* --- rules --- */

/* A clause and the file in which it stands. */
struct ck_clause {
	const struct tsn_node *node;
	const struct ck_file *file;
};
struct ck_parts {
	struct ck_sym *sym;
	struct ck_clause keep, when, alert, severity, until, during;
	struct ck_clause *then;
	size_t nthens, cap_thens;
	struct ck_clause *except;
	size_t nexcepts, cap_excepts;
	struct ck_clause *meta;
	size_t nmetas, cap_metas;
	struct ck_clause *test;
	size_t ntests, cap_tests;
	const struct ck_rebind *rebind;
	uint64_t rebind_id;
	bool broken;                      /* a clause was dropped, and reported */
};

struct ck_env ck_rule_env(struct tsn_ck *, const struct ck_parts *, const struct ck_file *);
/* The clauses of a rule with its overrides. [only]: just that override (a test written in it), or NULL for all. */
void ck_rule_parts(struct tsn_ck *, struct ck_sym *, struct ck_parts *out, bool shipped, const struct tsn_node *only);
/* Adds the rule to the module; false if something was wrong with it. */
bool ck_rule(struct tsn_ck *, const struct ck_parts *);
bool ck_rule_expr(struct tsn_ck *, const struct ck_file *);
bool ck_meta(struct tsn_ck *, const struct ck_parts *, struct tsn_rule *);
/* `requires`: enum tsn_requires or-ed. False: an error, said. */
bool ck_requires(struct tsn_ck *, const struct ck_parts *, uint32_t *bits);
/* The first value of the last clause of this metadata word, and its file; NULL if there is none. */
const struct tsn_node *ck_meta_value(const struct ck_parts *, const char *word, const struct ck_file **file);
bool ck_message(const struct ck_env *, const struct tsn_node *, struct tsn_ir_rule *, const struct ck_gather *);
/* clauses.c: what a rule says of time and severity. False: reported. */
bool ck_severity(const struct ck_env *, const struct ck_clause *, const struct ck_gather *sides, struct tsn_ir_rule *);
/* `value` and `threshold` in a rung. */
struct ck_val ck_side(const struct ck_env *, const struct tsn_node *name);
bool ck_until(const struct ck_env *, const struct ck_clause *, const struct tsn_ir *keep, struct tsn_ir_rule *);
bool ck_for(const struct ck_env *, const struct tsn_node *when, struct tsn_ir_rule *);
bool ck_when_allowed(const struct ck_env *, const struct ck_clause *, struct tsn_ir_rule *);
bool ck_actions(const struct ck_env *, const struct ck_parts *, struct tsn_ir_rule *);
/* Does the rule name a field of conversations? */
bool ck_is_about_talks(const struct tsn_ir_rule *);
void ck_rule_canon(struct tsn_ck *, struct tsn_ir_rule *);
int64_t ck_longest_window(const struct tsn_ir *);
void ck_warn_filters(const struct ck_env *, const struct tsn_ir *when, const struct ck_gather *, const struct tsn_node *n);
bool ck_level(const struct tsn_node *n, enum tsn_severity *out);
void ck_walk(const struct tsn_ir *, void (*fn)(void *, const struct tsn_ir *), void *arg);

/* --- links.c: rules that name rules; after all of them were checked --- */

void ck_links_check(struct tsn_ck *);
/* Rules that those of the module name, and they in turn, are checked too: for a test, which has no others. */
void ck_links_add(struct tsn_ck *);

/* --- probe.c --- */

/* Adds the probes of a rule; false after a report. After all rules. */
bool ck_probes(struct tsn_ck *, struct tsn_ruleset *, const char *rule, const char *what_if);
/* The rule of this name, full or without its ruleset; false after a report. */
bool ck_find_rule(struct tsn_ck *, const char *name, uint32_t *out);
/* A node in place of another within a condition; what does not hold it stays as it is. */
const struct tsn_ir *ck_with(struct tsn_ck *, const struct tsn_ir *x, const struct tsn_ir *from, const struct tsn_ir *to);

/* --- tune.c --- */

/* Adds a probe of the value that a rule compares, and the rule with each candidate; false after a report. After all rules. */
bool ck_tune(struct tsn_ck *, struct tsn_ruleset *, const struct tsn_compile_input *);
/* Those of tsn_compile_test_covered, for the first rule of a test that was written for it so. */
void ck_probes_cover(struct tsn_ck *, struct tsn_ruleset *, const struct ck_parts *);

/* --- override.c, site.c, blocks.c --- */

/* Finds the overrides and disables of all files; first of these functions. */
void ck_overrides_find(struct tsn_ck *);
void ck_overrides_check(struct tsn_ck *);
/* Lets and sets that overrides of whole rulesets rebind. */
void ck_overrides_global(struct tsn_ck *);
bool ck_disabled(struct tsn_ck *, const struct ck_sym *rule);
/* What an override says comes on top of all others of the rule, whatever they say. */
void ck_override_last(struct tsn_ck *, struct ck_parts *, const struct tsn_node *override, const struct ck_file *);
void ck_site(struct tsn_ck *, struct tsn_site *);
/* What holds without a site: in the rules' tests. */
void ck_site_defaults(struct tsn_site *);
/* What the test's own let and set rebind, before what [p] rebinds. */
bool ck_test_rebind(struct tsn_ck *, struct ck_parts *p, const struct tsn_node *test, const struct ck_file *file);
/* Checks a test block of a rule that [p] describes and fills [out]. */
bool ck_test(struct tsn_ck *, const struct ck_parts *p, const struct tsn_node *test, const struct ck_file *file,
    struct tsn_rule_test *out);

#endif
