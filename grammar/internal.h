/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of grammar/ share and no other room includes.
 *
 * A text is read in three passes. The scanner (tocsin.l) makes a vector of tokens, literals
 * already turned into nodes. tsn_balance() pairs the brackets of that vector, so that a missing
 * one is reported where it is missing and the parser never sees it. The parser (tocsin.y) walks
 * the vector; it can look both ways in it to word an error, and skip to the next clause.
 */
#ifndef TSN_GRAMMAR_INTERNAL_H
#define TSN_GRAMMAR_INTERNAL_H

#include "grammar/parse.h"

/* Brackets open at one place; the tree's own limit is in ast.h. */
#define TSN_BRACKETS_MAX 100
#define TSN_TOKENS_MAX   (4u << 20)
#define TSN_STRING_MAX   65535u
#define TSN_WORD_MAX     255u

/* What the innermost brace around a token is the body of. */
enum tsn_body { TSN_BODY_TOP, TSN_BODY_RULESET, TSN_BODY_RULE, TSN_BODY_SITE, TSN_BODY_TEST };

struct tsn_token {
	uint32_t begin, end;
	int16_t kind;           /* from parser.tab.h */
	uint16_t depth;         /* brackets open around it; a bracket counts for its inside only */
	uint16_t body_depth;    /* depth of the tokens directly in the innermost body */
	uint8_t body;           /* enum tsn_body */
	bool virtual : 1;       /* a closing bracket that is not in the text */
	bool ends_body : 1;     /* the brace that closes a body */
	bool begins_body : 1;   /* the brace that opens one */
	struct tsn_node *node;  /* of literals and words */
};

struct tsn_tokens {
	struct tsn_token *v;    /* ends with a token of kind 0 */
	size_t n, cap;
};

struct tsn_parse {
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	uint32_t file;
	struct tsn_arena *arena; /* the file's: of nodes and their texts */
	const char *text;
	size_t len;
	bool expr;              /* a bare condition is parsed, not a file */
	bool comments;          /* the scanner delivers them too (for the formatter) */
	bool oom;
	struct tsn_tokens tokens;
	uint32_t words[128];    /* by first letter: a bit for each length of a word that is no name */
	size_t pos;             /* index of the next token the parser will take */
	int start;              /* pseudo-token that selects what is parsed */
	size_t resumed;         /* where the last recovery ended */
	struct tsn_node *result;
	void *flex_block;       /* the scanner's last allocation, which it forgets if the next one fails */
	void *on_fatal;         /* jmp_buf of the scanner's set-up */
};

/* --- scan.c: filling the vector --- */

/* False when memory is out or the text is too long; the scanner reports the rest itself. */
bool tsn_scan(struct tsn_parse *);
void tsn_scan_add(struct tsn_parse *, int kind, size_t begin, size_t end, struct tsn_node *);

struct tsn_span tsn_span_of(const struct tsn_parse *, size_t begin, size_t end);
struct tsn_node *tsn_node_new(struct tsn_parse *, enum tsn_node_kind, struct tsn_span);

/* --- literal.c: text to leaf nodes; a bad one is reported and gives an ERROR node --- */

struct tsn_node *tsn_lit_word(struct tsn_parse *, enum tsn_node_kind, size_t begin, size_t end);
struct tsn_node *tsn_lit_number(struct tsn_parse *, size_t begin, size_t end, int *kind);
struct tsn_node *tsn_lit_real(struct tsn_parse *, size_t begin, size_t end, int *kind);
struct tsn_node *tsn_lit_address(struct tsn_parse *, size_t begin, size_t end, int *kind);
struct tsn_node *tsn_lit_date(struct tsn_parse *, size_t begin, size_t end);
struct tsn_node *tsn_lit_string(struct tsn_parse *, size_t begin, size_t end);
struct tsn_node *tsn_lit_regex(struct tsn_parse *, size_t begin, size_t end);
/* A character outside the language: reports it. */
void tsn_lit_stray(struct tsn_parse *, size_t begin, size_t end);

/* --- words.c: the tables of fixed words --- */

/* The token of a keyword, or NAME. */
int tsn_word_token(const char *word);
/* Fills [words], by which most names are known without a search. */
void tsn_words_list(struct tsn_parse *);
static inline bool
tsn_word_may_be(const struct tsn_parse *p, const char *word, size_t len)
{
	return len < 32 && p->words[(unsigned char)word[0] & 127] >> len & 1;
}
const char *tsn_word_text(int token);
bool tsn_word_is_setting(const char *word);
void tsn_word_check_meta(struct tsn_parse *, const struct tsn_node *meta, enum tsn_body);
void tsn_word_check_level(struct tsn_parse *, const struct tsn_node *rung);
void tsn_word_check_option(struct tsn_parse *, const struct tsn_node *option, bool dynamic);
void tsn_word_check_setting(struct tsn_parse *, const struct tsn_node *setting);
const char *tsn_word_nearest_option(const char *word);
/* The nearest word that may begin something in this body. */
const char *tsn_word_nearest_clause(const char *word, enum tsn_body);
/* Whether a clause, step, setting or declaration of this body begins with the token. */
bool tsn_word_starts(int token, enum tsn_body);

/* --- balance.c --- */

bool tsn_balance(struct tsn_parse *);
/* Whether a clause, a step or a declaration begins with this token in its body. */
bool tsn_starts(const struct tsn_parse *, size_t i);
/* First token of the clause that token [i] is in; first token after it from [i] on. */
size_t tsn_clause_begin(const struct tsn_parse *, size_t i);
size_t tsn_clause_end(const struct tsn_parse *, size_t i);

/* --- hint.c --- */

/* Words one syntax error at token [i]; [fits] tells whether another token would fit there. */
void tsn_hint_syntax(struct tsn_parse *, size_t i, bool (*fits)(const void *, int token), const void *);

#endif
