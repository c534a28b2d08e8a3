/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lines to a file or a descriptor. Lines gather in [text] and go out with the
 * flush at the end of a batch; what a failed write left over stays there and
 * goes first the next time, so a line begun is always finished.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "alert/sink.h"
#include "base/mem.h"

#define HELD_MAX   (1024u * 1024u) /* bytes kept while writing fails */
#define WRITE_SIZE (256u * 1024u)  /* bytes gathered before they are written anyway */
#define WAIT_MS    1000            /* for a reader of a pipe that does not block */

struct file_sink {
	struct tsn_sink sink;
	enum tsn_alert_format format;
	int fd;
	char *path;   /* NULL: the descriptor belongs to the caller */
	char *name;
	struct tsn_buf text;
	bool torn;    /* [text] begins inside a line that was begun */
};

static uint64_t
lines(const char *p, size_t n)
{
	uint64_t count = 0;
	const char *nl;

	while (n > 0 && (nl = memchr(p, '\n', n)) != NULL) {
		count++;
		n -= (size_t)(nl - p) + 1;
		p = nl + 1;
	}
	return count;
}

/* Like write, but waits a moment where the descriptor does not block. */
static ssize_t
write_some(int fd, const char *p, size_t n)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t got;

	do
		got = write(fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN && poll(&ready, 1, WAIT_MS) > 0)
		got = write(fd, p, n);
	return got;
}

static void
file_flush(struct tsn_sink *s)
{
	struct file_sink *f = (struct file_sink *)s;
	size_t done = 0;
	ssize_t got = 0;
	int error = 0;

	if (f->text.len == 0)
		return;
	while (done < f->text.len && (got = write_some(f->fd, f->text.p + done, f->text.len - done)) > 0)
		done += (size_t)got;
	if (done < f->text.len)
		error = got < 0 ? errno : EIO;
	if (done > 0) {
		s->written += lines(f->text.p, done);
		f->torn = f->text.p[done - 1] != '\n';
		memmove(f->text.p, f->text.p + done, f->text.len - done);
		f->text.len -= done;
		f->text.p[f->text.len] = '\0';
	}
	tsn_sink_went(s, f->name, error);
}

static void
file_line(const struct tsn_sink *s, const struct tsn_alert *al, struct tsn_buf *out)
{
	const struct file_sink *f = (const struct file_sink *)s;

	tsn_alert_format(al, f->format, out);
	tsn_buf_putc(out, '\n');
}

/* Is there room for another line? */
static bool
begin_line(struct file_sink *f)
{
	bool room = f->text.len < HELD_MAX;

	f->sink.failed += !room;
	return room;
}

/* A line was added behind the first [before] bytes, if there was memory for it. */
static void
end_line(struct file_sink *f, size_t before)
{
	struct tsn_sink *s = &f->sink;

	if (f->text.failed) {
		f->text.failed = false;
		f->text.len = before;
		if (f->text.p != NULL)
			f->text.p[before] = '\0';
		s->failed++;
		return;
	}
	if (f->text.len >= WRITE_SIZE && !s->failing)
		file_flush(s);
}

static void
file_write(struct tsn_sink *s, const struct tsn_alert *al)
{
	struct file_sink *f = (struct file_sink *)s;
	size_t before = f->text.len;

	if (!begin_line(f))
		return;
	file_line(s, al, &f->text);
	end_line(f, before);
}

static void
file_lines(struct tsn_sink *s, const char *p, size_t n)
{
	struct file_sink *f = (struct file_sink *)s;

	for (const char *end = p + n, *next; p < end; p = next) {
		size_t before = f->text.len;

		next = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		if (!begin_line(f))
			continue;
		tsn_buf_add(&f->text, p, (size_t)(next - p));
		end_line(f, before);
	}
}

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* The rest of a line that was begun belongs to the old file; in the new one it would be no line. */
static void
drop_torn(struct file_sink *f)
{
	char *nl = f->torn ? memchr(f->text.p, '\n', f->text.len) : NULL;
	size_t cut;

	f->torn = false;
	if (nl == NULL)
		return;
	cut = (size_t)(nl - f->text.p) + 1;
	memmove(f->text.p, f->text.p + cut, f->text.len - cut);
	f->text.len -= cut;
	f->text.p[f->text.len] = '\0';
	f->sink.failed++;
}

static void
file_reopen(struct tsn_sink *s)
{
	struct file_sink *f = (struct file_sink *)s;
	int fd;

	if (f->path == NULL)
		return;
	file_flush(s);
	fd = open_file(f->path);
	if (fd < 0) {
		tsn_log(s->log, TSN_LOG_ERROR, "cannot reopen %s, keeping the old file: %s", f->path, strerror(errno));
		return;
	}
	drop_torn(f);
	close(f->fd);
	f->fd = fd;
	file_flush(s);
}

static void
file_close(struct tsn_sink *s)
{
	struct file_sink *f = (struct file_sink *)s;

	file_flush(s);
	if (f->text.len > 0)
		tsn_log(s->log, TSN_LOG_ERROR, "%llu alerts could not be written to %s",
		    (unsigned long long)(s->failed + lines(f->text.p, f->text.len)), f->name);
	if (f->path != NULL)
		close(f->fd);
	tsn_buf_fini(&f->text);
	tsn_free(f->path);
	tsn_free(f->name);
	tsn_free(f);
}

static const struct tsn_sink_ops file_ops = { file_write, file_flush, file_reopen, file_close, file_line, file_lines };

struct tsn_sink *
tsn_sink_fd_new(int fd, const char *name, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log)
{
	struct file_sink *f = tsn_calloc(1, sizeof(*f));

	if (f == NULL || (f->name = tsn_strdup(name)) == NULL) {
		tsn_free(f);
		errno = ENOMEM;
		return NULL;
	}
	f->sink.ops = &file_ops;
	f->sink.at_least = at_least;
	f->sink.log = log;
	f->format = format;
	f->fd = fd;
	return &f->sink;
}

struct tsn_sink *
tsn_sink_file_new(const char *path, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log)
{
	struct tsn_sink *s;
	struct file_sink *f;
	int fd = open_file(path);

	if (fd < 0)
		return NULL;
	s = tsn_sink_fd_new(fd, path, format, at_least, log);
	f = (struct file_sink *)s;
	if (s == NULL || (f->path = tsn_strdup(path)) == NULL) {
		tsn_sink_close(s); /* does not close a descriptor that has no path */
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	return s;
}
