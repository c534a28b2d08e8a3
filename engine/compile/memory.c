/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Memory of one compilation: an arena, and one way out when there is no more. */
#include <stdarg.h>
#include <string.h>

#include "compile/check.h"

void
ck_oom(struct tsn_ck *c)
{
	longjmp(c->out_of_memory, 1);
}

void *
ck_alloc(struct tsn_ck *c, size_t size)
{
	void *p = tsn_arena_alloc(c->arena, size == 0 ? 1 : size);

	if (p == NULL)
		ck_oom(c);
	return p;
}

char *
ck_strndup(struct tsn_ck *c, const char *s, size_t n)
{
	char *p = ck_alloc(c, n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
ck_strdup(struct tsn_ck *c, const char *s)
{
	return ck_strndup(c, s, strlen(s));
}

void *
ck_grow(struct tsn_ck *c, void *v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap < 8 ? 8 : *cap * 2;
	void *grown;

	if (n < *cap)
		return v;
	grown = ck_alloc(c, more * size);
	if (n > 0)
		memcpy(grown, v, n * size);
	*cap = more;
	return grown;
}

char *
ck_take(struct tsn_ck *c, size_t mark)
{
	char *s;

	if (c->buf.failed)
		ck_oom(c);
	s = ck_strndup(c, tsn_buf_str(&c->buf) + mark, c->buf.len - mark);
	c->buf.len = mark;
	if (c->buf.p != NULL)
		c->buf.p[mark] = '\0';
	return s;
}

char *
ck_format(struct tsn_ck *c, const char *fmt, ...)
{
	size_t mark = c->buf.len;
	va_list ap;

	va_start(ap, fmt);
	tsn_buf_vprintf(&c->buf, fmt, ap);
	va_end(ap);
	return ck_take(c, mark);
}
