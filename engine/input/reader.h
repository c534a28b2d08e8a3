/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: a file or pipe read in large pieces, of which the
 * next bytes can be looked at before they are taken.
 */
#ifndef TSN_INPUT_READER_H
#define TSN_INPUT_READER_H

#include "input/datagram.h"

struct tsn_reader {
	int fd;
	bool own_fd, eof;
	int error; /* errno of a failed read */
	uint8_t *buf;
	size_t pos, end;
	uint64_t offset; /* in the file, of buf[pos] */
	uint64_t total;  /* size of a regular file, else 0 */
};

#define TSN_READER_ROOM ((size_t)1 << 20) /* the most that tsn_reader_need can be asked for */

/* "-" is standard input. False with the reason in [error]. */
bool tsn_reader_open(struct tsn_reader *r, const char *path, char error[TSN_INPUT_ERROR]);
void tsn_reader_close(struct tsn_reader *r);
/* Makes [n] bytes available at buf[pos]; how many there are, fewer at the end or after an error. */
size_t tsn_reader_need(struct tsn_reader *r, size_t n);
/* Takes [n] bytes that are available. */
static inline void
tsn_reader_take(struct tsn_reader *r, size_t n)
{
	r->pos += n;
	r->offset += n;
}

#endif
