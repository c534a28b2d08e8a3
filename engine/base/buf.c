/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"
#include "base/mem.h"

void
tsn_buf_fini(struct tsn_buf *b)
{
	tsn_free(b->p);
	*b = (struct tsn_buf)TSN_BUF_INIT;
}

void
tsn_buf_clear(struct tsn_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

bool
tsn_buf_reserve(struct tsn_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 128;
	char *p;

	if (b->failed)
		return false;
	if (n >= SIZE_MAX / 2 - b->len) {
		b->failed = true;
		return false;
	}
	if (b->len + n + 1 <= b->cap)
		return true;
	while (cap < b->len + n + 1)
		cap *= 2;
	p = tsn_realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
tsn_buf_int(struct tsn_buf *b, int64_t v)
{
	if (tsn_buf_reserve(b, TSN_INT_TEXT))
		tsn_buf_end(b, tsn_put_i64(b->p + b->len, v));
}

/* Mostly there is room, and once is enough. */
void
tsn_buf_vprintf(struct tsn_buf *b, const char *fmt, va_list ap)
{
	size_t room = b->failed || b->p == NULL ? 0 : b->cap - b->len;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(room > 0 ? b->p + b->len : NULL, room, fmt, again);
	va_end(again);
	if (n < 0 || !tsn_buf_reserve(b, (size_t)n)) {
		if (room > 0)
			b->p[b->len] = '\0';
		b->failed = true;
		return;
	}
	if ((size_t)n >= room)
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void
tsn_buf_printf(struct tsn_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tsn_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *
tsn_buf_str(const struct tsn_buf *b)
{
	return b->p != NULL ? b->p : "";
}

/* Follows the table of well-formed sequences in the Unicode Standard (3-7): no overlong forms, no surrogates. */
size_t
tsn_utf8_len(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned low = 0x80, high = 0xbf;
	size_t want, i;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < want || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

static void
json_ascii(struct tsn_buf *b, unsigned char c)
{
	switch (c) {
	case '"':  tsn_buf_puts(b, "\\\""); break;
	case '\\': tsn_buf_puts(b, "\\\\"); break;
	case '\n': tsn_buf_puts(b, "\\n"); break;
	case '\r': tsn_buf_puts(b, "\\r"); break;
	case '\t': tsn_buf_puts(b, "\\t"); break;
	default:
		if (c < 0x20 || c == 0x7f)
			tsn_buf_printf(b, "\\u%04x", c);
		else
			tsn_buf_putc(b, (char)c);
	}
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Do eight bytes stand for themselves? Where it is not sure (behind one that does not) it says no. */
static bool
are_plain(const char *s)
{
	uint64_t v, odd;

	memcpy(&v, s, sizeof(v));
	odd = v | (v - EACH(0x20)) | ((v ^ EACH('"')) - EACH(1)) | ((v ^ EACH('\\')) - EACH(1)) | (v + EACH(1));
	return (odd & EACH(0x80)) == 0;
}

/* Bytes from [s] on that stand for themselves. */
static size_t
plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i + 8 <= n && are_plain(s + i))
		i += 8;
	while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void
tsn_buf_json(struct tsn_buf *b, const char *s, size_t n)
{
	size_t i = plain(s, n), len;

	tsn_buf_add(b, s, i);
	while (i < n) {
		len = tsn_utf8_len(s + i, n - i);
		if (len == 1) {
			json_ascii(b, (unsigned char)s[i]);
		} else if (len > 1) {
			tsn_buf_add(b, s + i, len);
		} else {
			tsn_buf_puts(b, "\xef\xbf\xbd");
			len = 1;
		}
		i += len;
		len = plain(s + i, n - i);
		tsn_buf_add(b, s + i, len);
		i += len;
	}
}

int
tsn_buf_read_file(struct tsn_buf *b, const char *path, size_t max)
{
	FILE *f = fopen(path, "rb");
	int err = 0;
	size_t n;

	if (f == NULL)
		return errno;
	for (;;) {
		if (!tsn_buf_reserve(b, 65536)) {
			err = ENOMEM;
			break;
		}
		errno = 0;
		n = fread(b->p + b->len, 1, 65536, f);
		b->len += n;
		b->p[b->len] = '\0';
		if (b->len > max) {
			err = EFBIG;
			break;
		}
		if (n == 0) {
			if (ferror(f))
				err = errno ? errno : EIO;
			break;
		}
	}
	fclose(f);
	return err;
}
