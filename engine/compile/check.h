/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of compile/ do for each other, file by file; no other room includes it. What they work on: compile/check_data.h.
 */
#ifndef TSN_COMPILE_CHECK_H
#define TSN_COMPILE_CHECK_H

#include "compile/check_data.h"

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
/* Nothing but members that stand in rule files? */
bool ck_set_is_fixed(const struct ck_set *s);
/* The i-th file among those it is made of. */
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
