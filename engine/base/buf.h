/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A text buffer that grows. Errors stick: after a failed allocation further
 * calls do nothing and [failed] is set, so callers test once at the end.
 */
#ifndef TSN_BASE_BUF_H
#define TSN_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tsn_buf {
	char *p; /* NUL-terminated once anything was added; else NULL */
	size_t len, cap;
	bool failed;
};

#define TSN_BUF_INIT { NULL, 0, 0, false }

void tsn_buf_fini(struct tsn_buf *b);
void tsn_buf_clear(struct tsn_buf *b);
/* Makes room for [n] more bytes and a NUL; false: not, or something failed before. */
bool tsn_buf_reserve(struct tsn_buf *b, size_t n);

/* What was written straight behind the text, where tsn_buf_reserve made room, ends at [end]. */
static inline void
tsn_buf_end(struct tsn_buf *b, char *end)
{
	b->len = (size_t)(end - b->p);
	*end = '\0';
}

/* Texts are made of many small pieces: inline, so that lengths of constants are known. */
static inline void
tsn_buf_add(struct tsn_buf *b, const void *p, size_t n)
{
	if ((b->failed || b->cap - b->len <= n) && !tsn_buf_reserve(b, n))
		return;
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

static inline void
tsn_buf_puts(struct tsn_buf *b, const char *s)
{
	tsn_buf_add(b, s, strlen(s));
}

static inline void
tsn_buf_putc(struct tsn_buf *b, char c)
{
	tsn_buf_add(b, &c, 1);
}

void tsn_buf_int(struct tsn_buf *b, int64_t v);
void tsn_buf_printf(struct tsn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tsn_buf_vprintf(struct tsn_buf *b, const char *fmt, va_list ap);
/* The text so far, never NULL. */
const char *tsn_buf_str(const struct tsn_buf *b);
/* Bytes of the well-formed UTF-8 character at [s], of which [n] bytes are there, or 0. */
size_t tsn_utf8_len(const char *s, size_t n);
/* Appends [n] bytes of [s] as the inside of a JSON string (RFC 8259 section 7); bytes that are no UTF-8 become U+FFFD. */
void tsn_buf_json(struct tsn_buf *b, const char *s, size_t n);
/* Reads a whole file. 0, or the errno of what failed (EFBIG over [max] bytes). */
int tsn_buf_read_file(struct tsn_buf *b, const char *path, size_t max);

#endif
