/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Runs the flex scanner over one text and keeps the vector of tokens it fills. */
#include <setjmp.h>
#include <string.h>

#include "base/buf.h"
#include "base/arena.h"
#include "base/mem.h"
#include "grammar/internal.h"
#include "parser.tab.h"
#include "lexer.h"

void tsn_scan_fatal(void *scanner) __attribute__((noreturn));

/* Flex reports only want of memory this way, and only while its buffer is set up. */
void
tsn_scan_fatal(void *scanner)
{
	longjmp(*(jmp_buf *)tsn_flexget_extra(scanner)->on_fatal, 1);
}

struct tsn_span
tsn_span_of(const struct tsn_parse *p, size_t begin, size_t end)
{
	return (struct tsn_span){ p->file, (uint32_t)begin, (uint32_t)end };
}

struct tsn_node *
tsn_node_new(struct tsn_parse *p, enum tsn_node_kind kind, struct tsn_span span)
{
	struct tsn_node *n = tsn_arena_alloc(p->arena, sizeof(*n));

	if (n == NULL) {
		p->oom = true;
		return NULL;
	}
	n->kind = (uint8_t)kind;
	n->span = n->at = span;
	n->depth = 1;
	return n;
}

void
tsn_scan_add(struct tsn_parse *p, int kind, size_t begin, size_t end, struct tsn_node *node)
{
	struct tsn_tokens *t = &p->tokens;
	struct tsn_token *v = t->n < TSN_TOKENS_MAX ? tsn_grow(t->v, t->n, &t->cap, sizeof(*v)) : NULL;

	if (v == NULL) {
		p->oom = true;
		return;
	}
	t->v = v;
	v[t->n++] = (struct tsn_token){ .kind = (int16_t)kind, .begin = (uint32_t)begin, .end = (uint32_t)end,
		.node = node };
}

/* Eight bytes of ASCII, none of them NUL. */
static bool
all_plain(const char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t v;

	memcpy(&v, s, sizeof(v));
	return ((v | (v - ones)) & tops) == 0;
}

/* One error for a text that is not UTF-8 or holds NULs: such a file is rarely a rule file at all. */
static void
check_bytes(struct tsn_parse *p)
{
	size_t i, n;

	for (i = 0; i < p->len; i += n) {
		n = sizeof(uint64_t);
		if (p->len - i >= n && all_plain(p->text + i))
			continue;
		n = tsn_utf8_len(p->text + i, p->len - i);
		if (n == 0 || p->text[i] == '\0') {
			tsn_lit_stray(p, i, i + 1);
			return;
		}
	}
}

/* [copy] has two NULs at its end, which is what flex needs to scan in place. */
static bool
run(struct tsn_parse *p, char *copy)
{
	jmp_buf here;
	yyscan_t scanner;
	volatile bool ok = false; /* survives the longjmp */

	if (tsn_flexlex_init_extra(p, &scanner) != 0)
		return false;
	p->on_fatal = &here;
	p->flex_block = NULL;
	if (setjmp(here) != 0) {
		tsn_free(p->flex_block);
	} else {
		if (tsn_flex_scan_buffer(copy, p->len + 2, scanner) != NULL) {
			p->pos = 0;
			while (tsn_flexlex(scanner) != 0)
				;
			ok = true;
		}
	}
	p->on_fatal = NULL;
	tsn_flexlex_destroy(scanner);
	return ok;
}

bool
tsn_scan(struct tsn_parse *p)
{
	char *copy = tsn_calloc(1, p->len + 2);
	size_t end;
	bool ok;

	if (copy == NULL)
		return false;
	memcpy(copy, p->text, p->len);
	check_bytes(p);
	tsn_words_list(p);
	ok = run(p, copy);
	tsn_free(copy);
	p->pos = 0;
	/* What is missing at the end is missing behind the last token, not on an empty line. */
	end = p->tokens.n > 0 ? p->tokens.v[p->tokens.n - 1].end : 0;
	tsn_scan_add(p, 0, p->comments ? p->len : end, p->comments ? p->len : end, NULL);
	return ok && !p->oom;
}
