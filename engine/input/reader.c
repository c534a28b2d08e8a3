/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/unpack.h"

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
	r->buf = tsn_malloc(TSN_READER_ROOM);
	if (r->buf == NULL)
		return fail(r, path, ENOMEM, error);
	(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; pipes refuse it */
	return true;
}

void
tsn_reader_close(struct tsn_reader *r)
{
	if (r->own_fd && r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->own_fd = false;
	tsn_free(r->buf);
	r->buf = NULL;
	tsn_unpack_free(r->unpack);
	r->unpack = NULL;
}

const char *
tsn_reader_error(const struct tsn_reader *r)
{
	return r->why[0] != '\0' ? r->why : strerror(r->error);
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

	return r->pipe && r->waiter.wait != NULL && poll(&p, 1, 0) == 0;
}

/* As read(2), of the bytes as they lie there; 0 is the end for good. */
static ssize_t
read_file(void *arg, uint8_t *to, size_t room)
{
	struct tsn_reader *r = arg;
	ssize_t n;

	for (;;) {
		if (would_block(r)) {
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

static void
fill(struct tsn_reader *r)
{
	/* 64 KB at a time: what was read is still in the nearest caches when it is looked at */
	size_t room = TSN_READER_ROOM - r->end, most = TSN_READER_ROOM / 16;
	uint8_t *to = r->buf + r->end;
	ssize_t n;

	if (room > most)
		room = most;
	n = r->unpack != NULL ? tsn_unpack_read(r->unpack, to, room) : read_file(r, to, room);
	if (n > 0)
		r->end += (size_t)n;
	else if (n < 0 && !r->stopped && r->unpack != NULL && tsn_unpack_why(r->unpack) != NULL)
		end(r, EBADMSG, tsn_unpack_why(r->unpack));
	else
		r->eof = true;
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
	if (!r->probed)
		probe(r);
	if (r->eof)
		return r->end - r->pos;
	if (n > TSN_READER_ROOM)
		n = TSN_READER_ROOM;
	if (r->pos > 0) {
		memmove(r->buf, r->buf + r->pos, r->end - r->pos);
		r->end -= r->pos;
		r->pos = 0;
	}
	while (r->end < n && !r->eof)
		fill(r);
	return r->end - r->pos;
}
