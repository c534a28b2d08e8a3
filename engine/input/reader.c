/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/ahead.h"
#include "input/mapped.h"
#include "input/unpack.h"

#define FILLS 4u /* what is shorter than so many is read before anybody has woken up */

static bool
fail(struct tsn_reader *r, const char *path, int e, char error[TSN_INPUT_ERROR])
{
	snprintf(error, TSN_INPUT_ERROR, "%s: %s", path, strerror(e));
	tsn_reader_close(r);
	return false;
}

bool
tsn_reader_open(struct tsn_reader *r, const char *path, char error[TSN_INPUT_ERROR])
{
	struct stat st;

	memset(r, 0, sizeof(*r));
	r->own_fd = strcmp(path, "-") != 0;
	r->fd = r->own_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (r->fd < 0)
		return fail(r, path, errno, error);
	if (fstat(r->fd, &st) != 0)
		return fail(r, path, errno, error);
	if (S_ISDIR(st.st_mode))
		return fail(r, path, EISDIR, error);
	r->pipe = !S_ISREG(st.st_mode);
	if (!r->pipe)
		r->total = r->file_size = (uint64_t)st.st_size;
	r->buf = r->own = tsn_malloc(TSN_READER_ROOM + TSN_AHEAD_PIECE);
	if (r->own == NULL)
		return fail(r, path, ENOMEM, error);
	(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; pipes refuse it */
	return true;
}

void
tsn_reader_close(struct tsn_reader *r)
{
	tsn_ahead_free(r->ahead); /* first: until then others may read */
	r->ahead = NULL;
	tsn_mapped_free(r->mapped);
	r->mapped = NULL;
	if (r->own_fd && r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->own_fd = false;
	tsn_free(r->own);
	r->buf = r->own = NULL;
	tsn_unpack_free(r->unpack);
	r->unpack = NULL;
}

const char *
tsn_reader_error(const struct tsn_reader *r)
{
	return r->why[0] != '\0' ? r->why : strerror(r->error);
}

bool
tsn_reader_was_cut(const struct tsn_reader *r)
{
	struct stat st;
	off_t at;

	if (r->pipe || r->packed != NULL || (at = lseek(r->fd, 0, SEEK_CUR)) < 0)
		return false;
	return (uint64_t)at < r->file_size && fstat(r->fd, &st) == 0 && (uint64_t)st.st_size < r->file_size;
}

void
tsn_reader_progress(const struct tsn_reader *r, uint64_t *done, uint64_t *total)
{
	*done = r->packed != NULL ? r->file_read : r->offset;
	*total = r->file_size;
}

/* No bytes are there now. True: look again. */
static bool
wait_for_more(struct tsn_reader *r, bool at_end)
{
	enum tsn_wait how = TSN_WAIT_END;

	if (r->waiter.wait != NULL)
		how = r->waiter.wait(r->waiter.arg, r->fd, at_end, r->file_read);
	r->stopped = how == TSN_WAIT_STOP;
	return how == TSN_WAIT_AGAIN;
}

static bool
would_block(const struct tsn_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	return r->pipe && poll(&p, 1, 0) == 0;
}

/*
 * Without waiting, if the kernel can be asked so: a pipe may have other readers, and one that takes what poll has just promised
 * would leave whoever helps here waiting, and the reader for him, when it is to end.
 */
static ssize_t
read_there(const struct tsn_reader *r, uint8_t *to, size_t room)
{
#ifdef RWF_NOWAIT
	const ssize_t n = r->pipe ? preadv2(r->fd, &(struct iovec){ to, room }, 1, -1, RWF_NOWAIT) : -1;

	if (n >= 0 || (r->pipe && errno == EAGAIN))
		return n;
#endif
	return would_block(r) ? 0 : read(r->fd, to, room);
}

/* Nobody else of this process reads meanwhile. What is not simply there is left to the reader itself. */
static ssize_t
read_ahead(struct tsn_reader *r, uint8_t *to, size_t room)
{
	const ssize_t n = read_there(r, to, room);

	if (n <= 0)
		return TSN_UNPACK_LATER;
	r->file_read += (uint64_t)n;
	return n;
}

/* As read(2), of the bytes as they lie there; 0 is the end for good. */
static ssize_t
read_file(void *arg, uint8_t *to, size_t room)
{
	struct tsn_reader *r = arg;
	ssize_t n;

	if (r->is_ahead)
		return read_ahead(r, to, room);
	for (;;) {
		if (r->waiter.wait != NULL && would_block(r)) {
			if (wait_for_more(r, false))
				continue;
			return 0;
		}
		n = read(r->fd, to, room);
		if (n > 0) {
			r->file_read += (uint64_t)n;
			return n;
		}
		if (n < 0 && errno != EINTR) {
			r->error = errno;
			return -1;
		}
		if (n == 0 && (r->pipe || !wait_for_more(r, true)))
			return 0;
	}
}

static void
end(struct tsn_reader *r, int error, const char *why)
{
	r->eof = true;
	r->error = error;
	snprintf(r->why, sizeof(r->why), "%s", why);
}

/* --- ahead --- */

static size_t
read_at(void *arg, uint8_t *to, size_t room, uint64_t at)
{
	const struct tsn_reader *r = arg;
	size_t n = 0;
	ssize_t got;

	while (n < room && (got = pread(r->fd, to + n, room - n, (off_t)(at + n))) > 0)
		n += (size_t)got;
	return n;
}

static size_t
read_on(void *arg, uint8_t *to, size_t room, uint64_t at)
{
	struct tsn_reader *r = arg;
	size_t n = 0;
	ssize_t got;

	(void)at;
	while (n < room && (got = r->unpack != NULL ? tsn_unpack_read(r->unpack, to + n, room - n)
						    : read_ahead(r, to + n, room - n)) > 0)
		n += (size_t)got;
	return n;
}

static bool
is_anywhere(const struct tsn_reader *r)
{
	return !r->pipe && r->unpack == NULL;
}

/* So much came at once that more may be there. */
static void
go_ahead(struct tsn_reader *r)
{
	const struct tsn_ahead_source source = { is_anywhere(r) ? read_at : read_on, r, is_anywhere(r) };

	if (r->hands == NULL || ++r->fills < FILLS)
		return;
	if (r->ahead == NULL && r->pipe && isatty(r->fd)) { /* which may go on after its end */
		r->hands = NULL;
		return;
	}
	r->place = is_anywhere(r) ? lseek(r->fd, 0, SEEK_CUR) : 0;
	if (r->ahead == NULL)
		r->ahead = tsn_ahead_new(r->hands, &source);
	if (r->ahead == NULL || r->place < 0) {
		r->hands = NULL;
		return;
	}
	r->is_ahead = true;
	tsn_ahead_on(r->ahead, (uint64_t)r->place);
}

/* What is left moves to the beginning of the reader's own buffer. */
static void
gather(struct tsn_reader *r)
{
	if (r->pos == 0 && r->buf == r->own)
		return;
	memmove(r->own, r->buf + r->pos, r->end - r->pos);
	r->buf = r->own;
	r->end -= r->pos;
	r->pos = 0;
}

static bool
leave_ahead(struct tsn_reader *r)
{
	r->is_ahead = false;
	if (is_anywhere(r))
		(void)lseek(r->fd, r->place, SEEK_SET);
	return false;
}

/* Looks at the next piece where it lies, if what is left can be put before it and both are all that is wanted. */
static bool
take_piece(struct tsn_reader *r, size_t want)
{
	const bool whole = r->end - r->pos <= TSN_AHEAD_HEAD && r->end - r->pos + TSN_AHEAD_PIECE >= want;
	uint8_t *piece;
	size_t rest, n;

	if (!whole)
		gather(r);
	rest = r->end - r->pos;
	n = tsn_ahead_next(r->ahead, r->buf + r->pos, whole ? rest : 0, &piece);
	if (n == 0)
		return leave_ahead(r);
	if (is_anywhere(r)) {
		r->file_read += n;
		r->place += (off_t)n;
	}
	if (whole)
		r->buf = piece - rest;
	else
		memcpy(r->own + rest, piece, n);
	r->pos = 0;
	r->end = rest + n;
	return true;
}

/* --- mapped --- */

#define STEP ((size_t)2048) /* less is not copied at a time */
#define SOON 8u             /* so many frames ahead */
#define LOOKED_AT 80u       /* bytes behind what is given of each, as a frame begins */

static void
begin_mapped(struct tsn_reader *r)
{
	if (r->eof || !is_anywhere(r) || (r->place = lseek(r->fd, 0, SEEK_CUR)) < 0)
		return;
	r->mapped = tsn_mapped_new(r->fd, r->file_size);
}

/* As read_file, which takes over for good where the pages do not tell. */
static ssize_t
read_mapped(struct tsn_reader *r, uint8_t *to, size_t room)
{
	const size_t n = tsn_mapped_copy(r->mapped, to, room, (uint64_t)r->place);

	r->file_read += n;
	r->place += (off_t)n;
	if (n > 0)
		return (ssize_t)n;
	tsn_mapped_free(r->mapped);
	r->mapped = NULL;
	(void)lseek(r->fd, r->place, SEEK_SET);
	return read_file(r, to, room);
}

/* Of what is taken at a time, as many as come near STEP: then nothing is left over that would have to be moved. */
static size_t
step_of(const struct tsn_reader *r)
{
	return r->step == 0 || r->step >= TSN_AHEAD_PIECE ? TSN_AHEAD_PIECE : r->step > STEP / 2 ? r->step : STEP / r->step * r->step;
}

/* --- left where it is --- */

static uint64_t
next_place(const struct tsn_reader *r)
{
	return (uint64_t)r->place - (r->end - r->pos);
}

bool
tsn_reader_look(struct tsn_reader *r, uint8_t *to, size_t n)
{
	const uint64_t at = next_place(r);

	return r->mapped != NULL && tsn_mapped_in_window(r->mapped, at, n) && tsn_mapped_look(r->mapped, to, n, at);
}

bool
tsn_reader_leave(struct tsn_reader *r, size_t n, size_t at, struct tsn_far_place *where)
{
	const uint64_t from = next_place(r);

	if (!tsn_mapped_in_window(r->mapped, from, n))
		return false;
	*where = tsn_mapped_place(r->mapped, from + at);
	tsn_mapped_soon(r->mapped, from + SOON * n, at + LOOKED_AT);
	return true;
}

/* What was copied besides is copied again, if it is wanted. */
void
tsn_reader_pass(struct tsn_reader *r, size_t n)
{
	const uint64_t to = next_place(r) + n;

	r->file_read += to > (uint64_t)r->place ? to - (uint64_t)r->place : 0;
	r->place = (off_t)to;
	r->offset += n;
	r->pos = r->end = 0;
}

bool
tsn_reader_where(const struct tsn_reader *r, const uint8_t *p, size_t n, struct tsn_far_place *where)
{
	const size_t at = (uintptr_t)p - (uintptr_t)r->buf; /* it may be elsewhere */

	return r->mapped != NULL && at <= r->pos && n <= r->pos - at && tsn_mapped_stays(r->mapped, (uint64_t)r->place - (r->end - at), n, where);
}

/* --- as it is asked for --- */

/* False: what is there now may have been all. */
static bool
fill(struct tsn_reader *r)
{
	/* 64 KB at a time: what was read is still in the nearest caches when it is looked at */
	size_t room = TSN_READER_ROOM - r->end, most = r->mapped != NULL ? step_of(r) : TSN_AHEAD_PIECE;
	uint8_t *to = r->buf + r->end;
	ssize_t n;

	if (room > most)
		room = most;
	n = r->unpack != NULL   ? tsn_unpack_read(r->unpack, to, room)
	    : r->mapped != NULL ? read_mapped(r, to, room)
				: read_file(r, to, room);
	if (n > 0)
		r->end += (size_t)n;
	else if (n < 0 && !r->stopped && r->unpack != NULL && tsn_unpack_why(r->unpack) != NULL)
		end(r, EBADMSG, tsn_unpack_why(r->unpack));
	else
		r->eof = true;
	return n > 0 && ((size_t)n == room || r->unpack != NULL);
}

/* The first bytes tell whether they are compressed. */
static void
probe(struct tsn_reader *r)
{
	const char *why = "";

	r->probed = true;
	while (r->end < TSN_UNPACK_PEEK && !r->eof)
		fill(r);
	r->packed = tsn_unpack_kind(r->buf, r->end);
	if (r->packed == NULL)
		return;
	r->total = 0;
	if (!tsn_unpack_built(r->packed)) {
		end(r, ENOTSUP, "");
		snprintf(r->why, sizeof(r->why), "is compressed with %s, which this build cannot unpack", r->packed);
	} else {
		r->unpack = tsn_unpack_new(r->buf, r->end, read_file, r, &why);
		if (r->unpack == NULL)
			end(r, ENOMEM, why);
		else
			r->eof = r->error != 0; /* all of a short file may have been read; not all of it is unpacked */
	}
	r->end = 0;
}

size_t
tsn_reader_more(struct tsn_reader *r, size_t n)
{
	if (!r->probed) {
		probe(r);
		begin_mapped(r);
	}
	if (r->eof)
		return r->end - r->pos;
	if (n > TSN_READER_ROOM)
		n = TSN_READER_ROOM;
	while (r->end - r->pos < n && !r->eof) {
		if (r->is_ahead && take_piece(r, n))
			continue;
		gather(r);
		if (fill(r) && r->mapped == NULL)
			go_ahead(r);
	}
	return r->end - r->pos;
}
