/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The tree of a rule file, and the sources it was read from.
 *
 * One kind of node serves whole files, clauses and expressions; nodes.def says what
 * each kind holds. Names stay names: this room must not know fields, functions or
 * services, and gives no node a type. Nodes, strings and texts of a file live in an arena of its own
 * and die with the last tsn_sources that has the file. A tree is not changed after parsing, so any number of
 * threads may read it.
 */
#ifndef TSN_GRAMMAR_AST_H
#define TSN_GRAMMAR_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/names.h"

struct tsn_arena;
struct tsn_buf;

/* No tree is deeper than this, so recursion over one needs no check of its own. */
#define TSN_AST_DEPTH_MAX 200

enum tsn_node_kind {
#define NODE(sym, name, help) TSN_N_##sym,
#include "grammar/nodes.def"
#undef NODE
	TSN_N_COUNT
};

enum tsn_op {
#define OP(sym, text) TSN_OP_##sym,
#include "grammar/ops.def"
#undef OP
	TSN_OP_COUNT
};

enum tsn_unit {
	TSN_UNIT_PLAIN,      /* 1434 */
	TSN_UNIT_HEX,        /* 0x14 */
	TSN_UNIT_SCALED,     /* 10k 5M 1G: a number, or a size where one is expected */
	TSN_UNIT_BYTES,      /* 5MB 1GiB */
	TSN_UNIT_BITS,       /* 500Mbit */
};

/* Bytes [begin, end) of one source; file is its number, an index into tsn_sources. */
struct tsn_span {
	uint32_t file;
	uint32_t begin;
	uint32_t end;
};

struct tsn_node {
	uint8_t kind;                /* enum tsn_node_kind */
	uint8_t op;                  /* enum tsn_op */
	uint8_t unit;                /* enum tsn_unit */
	bool paren : 1;              /* stood in brackets of its own */
	bool all : 1;                /* NAME.* */
	bool broken : 1;             /* something below was dropped for a reported error */
	int16_t plen;
	uint16_t depth;              /* of the tree below, 1 for a leaf */
	uint16_t nkids;              /* stops counting at UINT16_MAX */
	struct tsn_span span;        /* the whole construct, its brackets included */
	struct tsn_span at;          /* the name or operator alone */
	const char *text;            /* NUL-terminated; may hold other NULs only if len says so */
	uint32_t len;                /* of text */
	const char *flags;           /* of a regex, else NULL */
	union {
		int64_t i;
		double real;
		struct tsn_addr addr;
	};
	struct tsn_node *kids;       /* first child */
	struct tsn_node *last;       /* last child */
	struct tsn_node *next;       /* next child of the same parent */
};

struct tsn_source {
	const char *name;            /* as printed: a path, "e1", "where" */
	const char *text;            /* len bytes and a NUL */
	size_t len;
	size_t *line, nlines;        /* where each line begins; at least one */
	struct tsn_node *tree;       /* FILE node, a condition for tsn_parse_expr, or NULL */
	bool clean;                  /* nothing was said of it while it was parsed */
	size_t order;                /* 0, 1... as they were added: diagnostics are shown in this order */
	struct tsn_arena *arena;     /* of all the above */
	_Atomic uint32_t *others;    /* holders of the arena but one; it lies there, too */
};

/*
 * Texts and trees of one compilation. A number that no source has is all zero: those of files that were kept stay what they
 * were, because spans have them.
 */
struct tsn_sources {
	struct tsn_source *v;
	size_t n;
	uint32_t room;
	size_t added, kept;          /* of those added, the ones that others had */
	size_t next;                 /* below it every number is taken */
	struct tsn_names by_name;    /* the first of each name, by number */
	const struct tsn_sources *before; /* see tsn_sources_follow */
	_Atomic uint32_t others;     /* holders but one */
};

/* NULL when memory is out. */
struct tsn_sources *tsn_sources_new(void);
/* One more holder, of this thread or another; each of them frees it. */
struct tsn_sources *tsn_sources_hold(const struct tsn_sources *);
void tsn_sources_free(struct tsn_sources *);

/*
 * From now on a text that [before] has under the same name, and of which nothing was said there, is not parsed again: its
 * tree is shared. [before] is read only, and may be freed after it was taken back by NULL.
 */
void tsn_sources_follow(struct tsn_sources *, const struct tsn_sources *before);

/* Copies name and text in; the number of the new source, or -1 when memory is out. */
int tsn_sources_add(struct tsn_sources *, const char *name, const char *text, size_t len);
/* The source that was followed, if it is the same text; -1: there is none, or memory is out. [expr]: of a condition. */
int tsn_sources_keep(struct tsn_sources *, const char *name, const char *text, size_t len, bool expr);

/* The i-th child or NULL; the first child of a kind or NULL. */
struct tsn_node *tsn_node_kid(const struct tsn_node *, size_t i);
/* The option of that name of a source or a table. */
const struct tsn_node *tsn_node_option(const struct tsn_node *, const char *name);
struct tsn_node *tsn_node_find(const struct tsn_node *, enum tsn_node_kind);

const char *tsn_node_name(enum tsn_node_kind);
const char *tsn_op_text(enum tsn_op);

/* Same kinds, values and shape; spans and brackets do not count. */
bool tsn_node_equal(const struct tsn_node *, const struct tsn_node *);

/* One node a line, children indented by a tab: for tests and for eyes. */
void tsn_node_dump(const struct tsn_node *, struct tsn_buf *out);

#endif
