/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: a file or pipe read in large pieces, of which the
 * next bytes can be looked at before they are taken. What is compressed is
 * unpacked on the way (once: what was compressed twice stays so), and a reader may
 * be told what to do while no more bytes are there, and who may read ahead for it (input/ahead.h).
 */
#ifndef TSN_INPUT_READER_H
#define TSN_INPUT_READER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/far.h"
#include "base/hands.h"
#include "input/datagram.h"
#include "input/wait.h"

struct tsn_ahead;
struct tsn_mapped;
struct tsn_unpack;

struct tsn_reader {
	int fd;
	bool own_fd, eof;
	int error; /* errno of a failed read, EBADMSG if what was compressed is damaged; tsn_reader_error tells more */
	uint8_t *buf; /* [own], or a piece that was read ahead */
	size_t pos, end;
	uint64_t offset; /* of buf[pos], counted in unpacked bytes */
	uint64_t total;  /* size of a regular file, else 0; also 0 if it is compressed: nobody knows how long it is unpacked */
	/* as it lies there */
	const char *packed;        /* "gzip"...; NULL: not compressed */
	struct tsn_unpack *unpack; /* NULL: not compressed, or not yet known */
	_Atomic uint64_t file_read;
	uint64_t file_size;
	bool probed, pipe;
	uint8_t *own;
	struct tsn_ahead *ahead;   /* NULL: not, or not yet */
	bool is_ahead;             /* it is on: the file is not the reader's to read */
	struct tsn_mapped *mapped; /* what a plain file is copied from; NULL: read(2) is asked */
	size_t step;               /* bytes of it that are copied at a time; 0: as many as are read */
	off_t place;               /* of the next byte in the file, as long as it is ahead or mapped; of one that is read anywhere */
	unsigned fills;            /* before it is made */
	/* set by whoever opened the reader, before the first byte is asked for; may be empty */
	struct tsn_waiter waiter;
	const struct tsn_hands *hands; /* who may read ahead; NULL: nobody */
	bool stopped;              /* the waiter said STOP: the input was not at its end */
	char why[TSN_INPUT_ERROR]; /* what [error] means; "": strerror tells */
};

#define TSN_READER_ROOM ((size_t)1 << 20) /* the most that tsn_reader_need can be asked for */

/* "-" is standard input. False with the reason in [error]. */
bool tsn_reader_open(struct tsn_reader *r, const char *path, char error[TSN_INPUT_ERROR]);
void tsn_reader_close(struct tsn_reader *r);
/*
 * Makes [n] bytes available at buf[pos]; how many there are, fewer at the end or after an error. Where a
 * waiter is set it may be called in between, and what it does may run the engine: hold no batch meanwhile.
 */
size_t tsn_reader_more(struct tsn_reader *r, size_t n);
static inline size_t
tsn_reader_need(struct tsn_reader *r, size_t n)
{
	return r->end - r->pos >= n ? r->end - r->pos : tsn_reader_more(r, n);
}
/*
 * The caller takes some [n] bytes at a time. What comes from mapped pages comes in such parts from here on, and lies in the nearest cache when
 * it is looked at; what others read ahead lies in theirs, and is asked for a few parts before. A guess that is wrong costs time only.
 */
static inline void
tsn_reader_by(struct tsn_reader *r, size_t n)
{
	const size_t soon = r->pos + 4096;

	r->step = n;
	for (size_t i = 0; r->is_ahead && i < n && soon + i < r->end; i += 64)
		__builtin_prefetch(r->buf + soon + i, 0, 2);
}
/*
 * For who leaves bytes where they are, if they lie in mapped pages. The first [n] of the next bytes into [to]; false: not this way. Are
 * the next [n] all there, too? If so, where the one at [at] is, and the same [n] bytes ahead will soon be asked for. Then they
 * may be passed over.
 */
bool tsn_reader_look(struct tsn_reader *r, uint8_t *to, size_t n);
bool tsn_reader_leave(struct tsn_reader *r, size_t n, size_t at, struct tsn_far_place *where);
void tsn_reader_pass(struct tsn_reader *r, size_t n);
/* Bytes [p, p + n), given before and still there: were they copied from pages that are still at hand? Then from where. */
bool tsn_reader_where(const struct tsn_reader *r, const uint8_t *p, size_t n, struct tsn_far_place *where);
/* At the end: was the file longer when it was opened, and so not all of it read? */
bool tsn_reader_was_cut(const struct tsn_reader *r);
/* What [error] says, for people; only if there is one. */
const char *tsn_reader_error(const struct tsn_reader *r);
/* Bytes of the file, as it lies there, that were read, and that there are; [total] 0 if unknown (a pipe). */
void tsn_reader_progress(const struct tsn_reader *r, uint64_t *done, uint64_t *total);
/* Takes [n] bytes that are available. */
static inline void
tsn_reader_take(struct tsn_reader *r, size_t n)
{
	r->pos += n;
	r->offset += n;
}

#endif
