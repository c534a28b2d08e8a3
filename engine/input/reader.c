/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

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
	if (S_ISREG(st.st_mode))
		r->total = (uint64_t)st.st_size;
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
}

static void
fill(struct tsn_reader *r)
{
	/* 64 KB at a time: what was read is still in the nearest caches when it is looked at */
	size_t room = TSN_READER_ROOM - r->end, most = TSN_READER_ROOM / 16;
	ssize_t n;

	do
		n = read(r->fd, r->buf + r->end, room < most ? room : most);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		r->end += (size_t)n;
		return;
	}
	r->eof = true;
	r->error = n < 0 ? errno : 0;
}

size_t
tsn_reader_need(struct tsn_reader *r, size_t n)
{
	if (r->end - r->pos >= n || r->eof)
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
