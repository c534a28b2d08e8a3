/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/regex.h"

#include <stdio.h>

#include "base/mem.h"

#define JIT_STACK_START ((size_t)32 << 10)
#define JIT_STACK_MAX ((size_t)512 << 10)

struct tsn_regex {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack; /* NULL where the JIT was refused one: it then uses 32 KiB of ours */
};

static void *
allocate(size_t size, void *arg)
{
	(void)arg;
	return tsn_malloc(size);
}

static void
release(void *p, void *arg)
{
	(void)arg;
	tsn_free(p);
}

pcre2_code *
tsn_regex_compile(const char *pattern, size_t len, uint32_t flags, char error[TSN_REGEX_ERROR], size_t *at)
{
	pcre2_general_context *general = pcre2_general_context_create(allocate, release, NULL);
	pcre2_compile_context *context = general != NULL ? pcre2_compile_context_create(general) : NULL;
	pcre2_code *code = NULL;
	int status = PCRE2_ERROR_NOMEMORY;
	PCRE2_SIZE offset = 0;

	if (context != NULL)
		code = pcre2_compile((PCRE2_SPTR)pattern, len, flags | PCRE2_NEVER_BACKSLASH_C, &status, &offset, context);
	error[0] = '\0';
	if (code == NULL && status != PCRE2_ERROR_NOMEMORY && status != PCRE2_ERROR_HEAP_FAILED)
		pcre2_get_error_message(status, (PCRE2_UCHAR *)error, TSN_REGEX_ERROR);
	*at = offset;
	if (code != NULL)
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* refused (no JIT, no executable memory): it is interpreted */
	pcre2_compile_context_free(context);
	pcre2_general_context_free(general);
	return code;
}

struct tsn_regex *
tsn_regex_new(void)
{
	struct tsn_regex *r = tsn_calloc(1, sizeof(*r));
	pcre2_general_context *general = pcre2_general_context_create(allocate, release, NULL);

	if (r != NULL && general != NULL) {
		r->context = pcre2_match_context_create(general);
		r->data = pcre2_match_data_create(1, general);
		r->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, general);
	}
	pcre2_general_context_free(general);
	if (r == NULL || r->context == NULL || r->data == NULL) {
		tsn_regex_free(r);
		return NULL;
	}
	pcre2_set_match_limit(r->context, TSN_REGEX_MATCH_LIMIT);
	pcre2_set_heap_limit(r->context, TSN_REGEX_HEAP_LIMIT);
	if (r->stack != NULL)
		pcre2_jit_stack_assign(r->context, NULL, r->stack);
	return r;
}

void
tsn_regex_free(struct tsn_regex *r)
{
	if (r == NULL)
		return;
	pcre2_jit_stack_free(r->stack);
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
	tsn_free(r);
}

/* 1 matches, 0 does not, -1 undecided. */
static int
match(struct tsn_regex *r, const pcre2_code *code, struct tsn_str s)
{
	const char *p = s.n > 0 ? s.p : "";
	int rc = pcre2_match(code, (PCRE2_SPTR)p, s.n, 0, 0, r->data, r->context);

	return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

uint32_t
tsn_regex_rows(struct tsn_regex *r, const pcre2_code *code, const struct tsn_str *col, const struct tsn_mask *rows,
    struct tsn_mask *out, struct tsn_mask *decided)
{
	struct tsn_mask hit = { { 0 } }, known = *rows;
	struct tsn_str last = { NULL, 0 };
	uint32_t undecided = 0;
	int verdict = 0;

	/* names of exporters and applications are one string in many rows */
	TSN_EACH_ROW(row, rows) {
		if (last.p == NULL || last.p != col[row].p || last.n != col[row].n) {
			last = col[row];
			verdict = match(r, code, last);
		}
		if (verdict > 0)
			tsn_mask_set(&hit, row);
		else if (verdict < 0)
			tsn_mask_unset(&known, row), undecided++;
	}
	*out = hit;
	*decided = known;
	return undecided;
}
