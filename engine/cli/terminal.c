/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned
tsn_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	long n = columns != NULL ? strtol(columns, NULL, 10) : 0;
	struct winsize size;

	if (n > 0 && n < 100000)
		return (unsigned)n;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}

void
tsn_terminal_style(struct tsn_buf *out, bool color, enum tsn_style style, const char *text)
{
	static const char *const codes[] = {
		[TSN_BOLD] = "1", [TSN_DIM] = "2", [TSN_RED] = "31", [TSN_YELLOW] = "33", [TSN_CYAN] = "36", [TSN_MAGENTA] = "35",
	};

	if (color && style != TSN_PLAIN)
		tsn_buf_printf(out, "\x1b[%sm%s\x1b[0m", codes[style], text);
	else
		tsn_buf_puts(out, text);
}

void
tsn_human(struct tsn_buf *out, double v, bool whole)
{
	static const char units[] = " KMGTPEZY";
	unsigned unit = 0;

	if (v < 9999.5 && v > -9999.5) {
		if (whole)
			tsn_buf_int(out, (int64_t)v);
		else
			tsn_buf_printf(out, "%.1f", v);
		return;
	}
	for (; (v >= 999.5 || v <= -999.5) && units[unit + 1] != '\0'; unit++)
		v /= 1000;
	tsn_buf_printf(out, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[unit]);
}

/* Bytes of the UTF-8 character at [p]; 0 if it is none, or a control character. */
static size_t
printable(const unsigned char *p, size_t n)
{
	size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (size == 0 || size > n || p[0] < 0x20 || p[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0) /* C1: on some terminals 9b begins an escape sequence */
		return 0;
	return size;
}

unsigned
tsn_terminal_text(struct tsn_buf *out, const char *p, size_t n, unsigned most)
{
	unsigned put = 0;
	size_t plain = 0;

	while (plain < n && p[plain] >= 0x20 && p[plain] < 0x7f) /* nearly always all of it */
		plain++;
	if (plain == n && (most == 0 || n <= most)) {
		tsn_buf_add(out, p, n);
		return (unsigned)n;
	}
	while (n > 0) {
		size_t size = printable((const unsigned char *)p, n), step = size > 0 ? size : 1;

		if (put + 1 == most && n > step) {
			tsn_buf_puts(out, "\xe2\x80\xa6");
			return most;
		}
		if (size > 0)
			tsn_buf_add(out, p, size);
		else
			tsn_buf_putc(out, '?');
		put++;
		p += step;
		n -= step;
	}
	return put;
}
