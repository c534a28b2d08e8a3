/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of compile/ share and no other room includes: what they work on (what they do: compile/check.h).
 *
 * A tsn_world is what was loaded: files, rulesets, names. It is made once and read by the
 * compilation of the whole and by those of single tests. A tsn_ck is one compilation: its
 * graph, its sets, its diagnostics. Memory comes from arenas; when it is out, ck_alloc jumps
 * back to where the compilation began, which frees them (so nothing here returns "no memory").
 */
#ifndef TSN_COMPILE_CHECK_DATA_H
#define TSN_COMPILE_CHECK_DATA_H

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

#endif
