/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sets: what `in` asks. A set is built once and never changes, so any number
 * of threads may read it; a refreshed file makes a new set, and who owns the
 * pointer swaps it between two batches. Knows nothing of rules or of names.
 *
 * Members of address sets are addresses, prefixes and ranges of both families
 * side by side; of integer sets values and ranges (ports, protocols, flags,
 * MACs, durations: whatever is an integer); others are strings, or tuples as
 * tsn_key_encode writes them. Members may carry a row of text cells (the other
 * columns of their file): the longest match says whose.
 */
#ifndef TSN_SETS_SET_H
#define TSN_SETS_SET_H

#include "base/addr.h"
#include "flow/batch.h"

enum tsn_set_kind {
	TSN_SET_ANY, /* no member yet, so none is known: the empty set of whatever type */
	TSN_SET_ADDR,
	TSN_SET_INT,
	TSN_SET_STR,
	TSN_SET_TUPLE,
};

#define TSN_SET_NO_ROW UINT32_MAX
#define TSN_SET_COLUMNS_MAX 256

struct tsn_set;
struct tsn_set_builder;

/*
 * Building. [kind] may be TSN_SET_ANY: the first member then decides. The
 * add functions return 0, TSN_SET_MIXED for a member of another kind (nothing
 * is added), TSN_SET_REVERSED for a range whose end is before its start or
 * whose ends are of two families, or TSN_SET_MEMORY. [row] is what
 * tsn_set_builder_row gave, or TSN_SET_NO_ROW.
 */
enum tsn_set_error { TSN_SET_OK, TSN_SET_MIXED, TSN_SET_REVERSED, TSN_SET_MEMORY };

struct tsn_set_builder *tsn_set_builder_new(enum tsn_set_kind kind);
void tsn_set_builder_free(struct tsn_set_builder *b);
enum tsn_set_error tsn_set_builder_add_prefix(struct tsn_set_builder *b, struct tsn_prefix p,
    uint32_t row);
enum tsn_set_error tsn_set_builder_add_addr_range(struct tsn_set_builder *b, struct tsn_addr lo,
    struct tsn_addr hi, uint32_t row);
enum tsn_set_error tsn_set_builder_add_int_range(struct tsn_set_builder *b, int64_t lo,
    int64_t hi, uint32_t row);
/* The bytes are copied. */
enum tsn_set_error tsn_set_builder_add_str(struct tsn_set_builder *b, const char *s, size_t n,
    uint32_t row);
enum tsn_set_error tsn_set_builder_add_key(struct tsn_set_builder *b, const uint8_t *bytes,
    size_t n, uint32_t row);
/* Union: all members of [s] with their rows. */
enum tsn_set_error tsn_set_builder_add_set(struct tsn_set_builder *b, const struct tsn_set *s);
/* Takes a prefix out of everything this builder was or will be given. */
enum tsn_set_error tsn_set_builder_exclude_prefix(struct tsn_set_builder *b, struct tsn_prefix p);
/*
 * Names the cells of the rows that follow; each [names] is copied. At most TSN_SET_COLUMNS_MAX;
 * more are dropped.
 */
enum tsn_set_error tsn_set_builder_columns(struct tsn_set_builder *b, const struct tsn_str *names,
    size_t n);
/* A row of cells in the order of the columns; missing ones are empty, too many are dropped. */
enum tsn_set_error tsn_set_builder_row(struct tsn_set_builder *b, const struct tsn_str *cells,
    size_t n, uint32_t *row);
/* The builder is left empty, of the kind it had, and may be used again or freed. NULL when memory is out. */
struct tsn_set *tsn_set_build(struct tsn_set_builder *b);
/* One more holder of a set, of this thread or another; not of a dynamic one. Each of them frees it. */
struct tsn_set *tsn_set_hold(const struct tsn_set *s);
void tsn_set_free(struct tsn_set *s);
/*
 * When the file that the members are from was last written, ms since 1970, TSN_TIME_NONE if that was not said. The one thing that
 * can change: a file written again with the same members makes the same set newer, for all who hold it.
 */
int64_t tsn_set_as_of(const struct tsn_set *s);
void tsn_set_put_as_of(const struct tsn_set *s, int64_t ms);

/* Asking. Any of these may be called on a set of any kind: of another kind it has no member. */
enum tsn_set_kind tsn_set_kind(const struct tsn_set *s);
/* Members as they were added, equal ones once. */
size_t tsn_set_size(const struct tsn_set *s);
bool tsn_set_empty(const struct tsn_set *s);
/* Equal members, equal hash, in whatever order and pieces they were added; cells do not count. */
uint64_t tsn_set_hash(const struct tsn_set *s);
/* Whether it has a member of that family: `dst not in S` is true of all IPv6 if it has none. */
bool tsn_set_has_family(const struct tsn_set *s, bool v4);
bool tsn_set_has_addr(const struct tsn_set *s, struct tsn_addr a);
bool tsn_set_has_int(const struct tsn_set *s, int64_t v);
bool tsn_set_has_str(const struct tsn_set *s, const char *p, size_t n);
bool tsn_set_has_key(const struct tsn_set *s, const uint8_t *bytes, size_t n);
/*
 * True if the field's value is a member; strings, addresses and integers by the value's type.
 * Unknown: false.
 */
bool tsn_set_has_value(const struct tsn_set *s, const struct tsn_value *v);

/* How many different values are members, 2^64-1 if more: a /24 has 256. */
uint64_t tsn_set_values(const struct tsn_set *s);
/*
 * Calls [each] for at most [max] of them, in ascending order (words in the order they were added): with the value or, of
 * tuples, with the key's bytes. False if [each] said so, which ends it.
 */
typedef bool tsn_set_each_fn(void *arg, const struct tsn_value *v, const uint8_t *key, size_t n);
bool tsn_set_each(const struct tsn_set *s, uint64_t max, tsn_set_each_fn *each, void *arg);

/*
 * The numbers and addresses among its members as sorted, disjoint ranges in [out], which is empty (sets/ranges.h): integers with
 * their sign bit turned; IPv6 as it is, and IPv4 as its mapped address ::ffff:a.b.c.d, which no other member has. A range is of one
 * family, so two may touch. False when memory is out.
 */
struct tsn_ranges;
bool tsn_set_ranges(const struct tsn_set *s, struct tsn_ranges *out);

/* The row of the longest (smallest) member that holds the value; TSN_SET_NO_ROW if none has one. */
uint32_t tsn_set_row_of_addr(const struct tsn_set *s, struct tsn_addr a);
uint32_t tsn_set_row_of_int(const struct tsn_set *s, int64_t v);
uint32_t tsn_set_row_of_str(const struct tsn_set *s, const char *p, size_t n);
uint32_t tsn_set_row_of_key(const struct tsn_set *s, const uint8_t *bytes, size_t n);
uint32_t tsn_set_row_of_value(const struct tsn_set *s, const struct tsn_value *v);
/* Columns by name; -1 if there is none. The i-th column's name, NULL past the last. */
int tsn_set_column(const struct tsn_set *s, const char *name, size_t n);
const char *tsn_set_column_nth(const struct tsn_set *s, size_t i);
/* The cell; n is 0 if the row has none. Valid as long as the set. */
struct tsn_str tsn_set_cell(const struct tsn_set *s, uint32_t row, int column);
/*
 * What the member that holds the address is: its cell "name" ("Documentation (TEST-NET-1)").
 * n is 0 if unknown.
 */
struct tsn_str tsn_set_describe(const struct tsn_set *s, struct tsn_addr a);

/*
 * Whole columns, for the VM: writes 0 or 1 into hit[0 .. TSN_BATCH_ROWS), 0
 * from row [n] on, to be packed by tsn_mask_pack. Rows where the field is
 * absent get anything: and the mask with presence. [v4_bits], [v6_bits]: the
 * mask put on the value first (32, 128 for none).
 */
void tsn_set_rows_addr(const struct tsn_set *s, const struct tsn_addr_column *col, uint32_t n,
    unsigned v4_bits, unsigned v6_bits, uint8_t *hit);
void tsn_set_rows_u8(const struct tsn_set *s, const uint8_t *col, uint32_t n, uint8_t *hit);
void tsn_set_rows_u16(const struct tsn_set *s, const uint16_t *col, uint32_t n, uint8_t *hit);
void tsn_set_rows_u32(const struct tsn_set *s, const uint32_t *col, uint32_t n, uint8_t *hit);
/* Values above 2^63-1 are no members. */
void tsn_set_rows_u64(const struct tsn_set *s, const uint64_t *col, uint32_t n, uint8_t *hit);
void tsn_set_rows_i64(const struct tsn_set *s, const int64_t *col, uint32_t n, uint8_t *hit);
/* Only rows in [rows] are looked at (a string is read only where there is one); others get 0. */
void tsn_set_rows_str(const struct tsn_set *s, const struct tsn_str *col,
    const struct tsn_mask *rows, uint8_t *hit);

/* The same of n encoded tuples, at most TSN_SET_KEYS at once. */
#define TSN_SET_KEYS 64u
void tsn_set_has_keys(const struct tsn_set *s, const struct tsn_str *key, uint32_t n, bool *has);

/* Sets that are always in scope: iana_reserved, multicast. NULL past the last. */
const char *tsn_set_builtin_nth(size_t i);
const char *tsn_set_builtin_help(size_t i);
/* A new set, to be freed by the caller; NULL when memory is out or there is none of that name. */
struct tsn_set *tsn_set_builtin(const char *name, size_t n);

#endif
