/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Lines and objects wherever the pieces of a read end, and what is longer than is kept. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input/lines.h"
#include "unit/bytes_file.h"

static void
open_bytes(struct tsn_reader *r, const void *p, size_t n)
{
	char path[40], error[TSN_INPUT_ERROR];
	int fd = bytes_file(p, n, path);

	cr_assert(tsn_reader_open(r, path, error), "%s", error);
	close(fd);
}

/* Lines whose lengths go through all remainders of what one read gives, each beginning with its number. */
Test(input_lines, every_boundary)
{
	size_t room = (size_t)24 << 20, n = 0, lengths[400];
	char *p = malloc(room);
	struct tsn_reader r;
	struct tsn_lines l;
	struct tsn_line line;

	for (size_t i = 0; i < 400; i++) {
		lengths[i] = 16 + i * 997 % 60000;
		memset(p + n, 'a' + (int)(i % 26), lengths[i]);
		p[n + (size_t)sprintf(p + n, "%zu", i)] = ' ';
		n += lengths[i];
		if (i % 3 == 0)
			p[n++] = '\r';
		p[n++] = '\n';
	}
	open_bytes(&r, p, n - 1);
	tsn_lines_init(&l, &r);
	for (size_t i = 0; i < 400; i++) {
		cr_assert(tsn_lines_next(&l, &line));
		cr_assert_eq(line.n, lengths[i], "%zu: %zu, not %zu", i, line.n, lengths[i]);
		cr_assert_eq(strtoul(line.p, NULL, 10), i);
		cr_assert_eq(line.p[line.n - 1], 'a' + (char)(i % 26));
		cr_assert_eq(line.number, i + 1);
		cr_assert_eq(line.unended, i == 399);
	}
	cr_assert(!tsn_lines_next(&l, &line));
	cr_assert_eq(r.offset, n - 1);
	tsn_reader_close(&r);
	free(p);
}

Test(input_lines, one_more)
{
	static const char text[] = "a\r\nb\nc\nd";
	struct tsn_reader r;
	struct tsn_lines l, first;
	struct tsn_line line;

	open_bytes(&r, text, sizeof(text) - 1);
	tsn_lines_init(&l, &r);
	cr_assert(tsn_lines_next(&l, &line));
	first = l;
	cr_assert(tsn_lines_more(&l, &line) && line.n == 4 && memcmp(line.p, "a\r\nb", 4) == 0);
	cr_assert(tsn_lines_more(&l, &line) && line.n == 6);
	cr_assert(tsn_lines_more(&l, &line) && line.n == 8 && line.unended);
	cr_assert(!tsn_lines_more(&l, &line));
	l = first;
	cr_assert(tsn_lines_next(&l, &line) && line.n == 1 && *line.p == 'b' && line.number == 2);
	tsn_reader_close(&r);
}

/* Objects of growing size, in lines and with line ends inside. */
Test(input_lines, objects)
{
	for (int pretty = 0; pretty < 2; pretty++) {
		size_t room = (size_t)8 << 20, n = 0, lengths[200];
		char *p = malloc(room);
		struct tsn_reader r;
		struct tsn_lines l;
		struct tsn_line line;

		p[n++] = '[';
		for (size_t i = 0; i < 200; i++) {
			size_t from = n, fill = i * 331 % 70000;

			n += (size_t)sprintf(p + n, "{%s\"i\":\"}{\\\"\",\"x\":{\"y\":\"", pretty ? "\n" : "");
			memset(p + n, 'x', fill);
			n += fill;
			n += (size_t)sprintf(p + n, "\"}%s}", pretty ? "\n" : "");
			lengths[i] = n - from;
			p[n++] = i < 199 ? ',' : ']';
			p[n++] = '\n';
		}
		open_bytes(&r, p, n);
		tsn_lines_init(&l, &r);
		l.pretty = pretty;
		for (size_t i = 0; i < 200; i++) {
			cr_assert_eq(tsn_lines_object(&l, &line), TSN_OBJECT, "%zu", i);
			cr_assert(line.n == lengths[i] && line.p[0] == '{' && line.p[line.n - 1] == '}', "%zu: %zu, not %zu", i, line.n, lengths[i]);
			cr_assert_eq(line.number, pretty ? 3 * i + 1 : i + 1, "%zu: line %d", i, (int)line.number);
		}
		cr_assert_eq(tsn_lines_object(&l, &line), TSN_OBJECT_END);
		tsn_reader_close(&r);
		free(p);
	}
}
