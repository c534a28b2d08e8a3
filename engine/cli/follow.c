/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/follow.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "input/walk.h"

#define LOOK_MS  200  /* between looks at a file that does not grow */
#define QUIET_MS 1000 /* a file whose successor is there has this long to grow on, */
#define OLD_MS   60000 /* but no time at all if it was not changed for so long (by clocks that may disagree) */

static volatile sig_atomic_t asked_to_stop;

/* A file of the directory that was read, and how far. */
struct seen {
	struct tsn_walk_file file;
	uint64_t read;
	bool told, there;
};

struct follow {
	struct tsn_inputs *in;
	const char *path;      /* as named */
	bool directory;
	struct seen *seen;
	size_t nseen, cap;
	struct tsn_walk list;  /* of the directory, when it was last looked at, */
	size_t at;             /* and the first file of it that may not have been read yet */
	bool trouble, troubled; /* something in it could not be read: now, and when it was looked at before */
	/* the file being read */
	struct tsn_walk_file now;
	uint64_t read;
	int64_t quiet_since, next_look; /* in the directory; not more than a tenth of the time */
	bool asked, shrunk;
};

static void
on_signal(int number)
{
	(void)number;
	asked_to_stop = 1;
}

void
tsn_follow_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal }; /* no SA_RESTART: a wait is to end */

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

bool
tsn_follow_stopped(const struct tsn_inputs *in)
{
	return in->stop || in->files.failed || asked_to_stop;
}

/* What has been read is evaluated and written, however little it is. */
static void
catch_up(struct tsn_inputs *in, bool live)
{
	struct timespec t;

	tsn_progress_clear(&in->progress);
	tsn_engine_flush(in->engine);
	if (live && clock_gettime(CLOCK_REALTIME, &t) == 0)
		tsn_engine_clock(in->engine, (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
	if (in->idle != NULL)
		in->idle(in->idle_arg);
}

enum tsn_wait
tsn_follow_pipe(void *arg, int fd, bool at_end, uint64_t read)
{
	struct tsn_inputs *in = arg;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)read;
	if (at_end)
		return TSN_WAIT_END;
	catch_up(in, false);
	if (!tsn_follow_stopped(in))
		poll(&p, 1, -1);
	return tsn_follow_stopped(in) ? TSN_WAIT_STOP : TSN_WAIT_AGAIN;
}

/* --- what there is to read --- */

static int
compare(const struct tsn_walk_file *a, const struct tsn_walk_file *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->born_ns < b->born_ns ? -1 : a->born_ns > b->born_ns;
}

/* Where the file stands among those seen, or would; they are sorted. */
static size_t
place(const struct follow *f, const struct tsn_walk_file *file)
{
	size_t low = 0, high = f->nseen;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&f->seen[middle].file, file) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct seen *
find_seen(const struct follow *f, const struct tsn_walk_file *file)
{
	size_t i = place(f, file);

	return i < f->nseen && compare(&f->seen[i].file, file) == 0 ? &f->seen[i] : NULL;
}

static bool
note_seen(struct follow *f, const struct tsn_walk_file *file, uint64_t read)
{
	size_t i = place(f, file);
	struct seen *v = tsn_grow(f->seen, f->nseen, &f->cap, sizeof(*v));

	if (v == NULL)
		return false;
	f->seen = v;
	memmove(v + i + 1, v + i, (f->nseen - i) * sizeof(*v));
	v[i] = (struct seen){ .file = *file, .read = read };
	v[i].file.path = NULL;
	f->nseen++;
	return true;
}

/* A file that was taken for finished and grew is told of. */
static void
tell_growth(struct follow *f, struct seen *s, const struct tsn_walk_file *file)
{
	if (s->told || s->read == 0 || file->size <= s->read)
		return;
	tsn_cli_warn("%s: grew after the next file was begun; %llu bytes were not read", file->path,
	    (unsigned long long)(file->size - s->read));
	f->in->files.unreadable++;
	s->told = true;
}

/* What [w] shows of the files that were read; those that are gone need not be remembered. */
static void
care_for_seen(struct follow *f, const struct tsn_walk *w)
{
	struct seen *s;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		if ((s = find_seen(f, &w->files[i])) == NULL)
			continue;
		s->there = true;
		tell_growth(f, s, &w->files[i]);
	}
	for (size_t i = 0; i < f->nseen; i++) {
		if (f->seen[i].there)
			f->seen[n++] = f->seen[i];
	}
	for (size_t i = 0; i < n; i++)
		f->seen[i].there = false;
	f->nseen = n;
}

/* What cannot be read now may be there again later: told once, and nothing is forgotten meanwhile. */
static void
on_trouble(void *arg, const char *line)
{
	struct follow *f = arg;

	f->trouble = true;
	if (f->troubled)
		return;
	tsn_progress_clear(&f->in->progress);
	tsn_cli_warn("%s", line);
	f->in->files.unreadable++;
}

static void
list_anew(struct follow *f)
{
	int64_t began = tsn_progress_clock();

	tsn_walk_fini(&f->list);
	f->list = (struct tsn_walk){ .trouble = on_trouble, .arg = f };
	f->at = 0;
	f->troubled = f->trouble;
	f->trouble = false;
	if (tsn_walk_directory(&f->list, f->path) && !f->trouble)
		care_for_seen(f, &f->list);
	f->next_look = LOOK_MS + 10 * (tsn_progress_clock() - began);
	f->next_look += tsn_progress_clock();
}

/* The first file of the list that was not read yet and still is where it was; NULL: none. [self] is being read. */
static const struct tsn_walk_file *
next_listed(struct follow *f, const struct tsn_walk_file *self)
{
	struct tsn_walk_file there;

	for (size_t i = f->at; i < f->list.n; i++) {
		const struct tsn_walk_file *file = &f->list.files[i];
		bool is_self = self != NULL && tsn_walk_same(self, file);

		if (!is_self && find_seen(f, file) == NULL && tsn_walk_look(file->path, &there) && tsn_walk_same(file, &there))
			return file;
		if (i == f->at && !is_self)
			f->at++;
	}
	return NULL;
}

/* As next_listed; looks at the directory anew, though not too often, when the list has come to its end. */
static const struct tsn_walk_file *
next_file(struct follow *f, const struct tsn_walk_file *self)
{
	const struct tsn_walk_file *file = next_listed(f, self);

	if (file != NULL || tsn_progress_clock() < f->next_look)
		return file;
	list_anew(f);
	return next_listed(f, self);
}

/* Has something else taken the place of the file being read? */
static bool
has_successor(struct follow *f)
{
	struct tsn_walk_file other;

	if (!f->directory)
		return tsn_walk_look(f->path, &other) && !tsn_walk_same(&other, &f->now);
	return next_file(f, &f->now) != NULL;
}

/* --- waiting --- */

static bool
is_old(const struct tsn_walk_file *file)
{
	struct timespec t;

	return clock_gettime(CLOCK_REALTIME, &t) == 0 &&
	    (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 - file->changed_ns / 1000000 >= OLD_MS;
}

/* The file ends here at present. Is that its end for good? */
static bool
is_finished(struct follow *f, int fd, uint64_t read)
{
	int64_t now = tsn_progress_clock();

	f->asked = tsn_walk_look_fd(fd, &f->now);
	if (f->asked && f->now.size < read) { /* cut to nothing and begun anew */
		f->shrunk = true;
		return true;
	}
	if (read != f->read || f->quiet_since == 0)
		f->quiet_since = now;
	f->read = read;
	return f->asked && (now - f->quiet_since >= QUIET_MS || is_old(&f->now)) && has_successor(f);
}

static enum tsn_wait
wait_for_more(void *arg, int fd, bool at_end, uint64_t read)
{
	struct follow *f = arg;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	catch_up(f->in, true);
	if (tsn_follow_stopped(f->in))
		return TSN_WAIT_STOP;
	if (at_end && is_finished(f, fd, read))
		return TSN_WAIT_END;
	poll(&p, at_end ? 0 : 1, LOOK_MS);
	return tsn_follow_stopped(f->in) ? TSN_WAIT_STOP : TSN_WAIT_AGAIN;
}

static void
pause_a_moment(struct follow *f)
{
	catch_up(f->in, true);
	if (!tsn_follow_stopped(f->in))
		poll(NULL, 0, LOOK_MS);
}

/* --- the two kinds --- */

static int
read_one(struct follow *f, const char *path, bool named)
{
	struct tsn_waiter w = { wait_for_more, f };

	f->read = 0;
	f->quiet_since = 0;
	f->asked = f->shrunk = false;
	return tsn_inputs_read_one(f->in, path, &w, named);
}

static void
follow_directory(struct follow *f)
{
	const struct tsn_walk_file *file;
	char *path;

	while (!tsn_follow_stopped(f->in)) {
		file = next_file(f, NULL);
		if (file == NULL) {
			pause_a_moment(f);
			continue;
		}
		f->now = *file;
		path = tsn_strdup(file->path); /* the list may be another one before it has been read */
		if (path != NULL)
			read_one(f, path, false);
		/* one that was cut to nothing is read again, from its beginning */
		if (path == NULL || (!f->shrunk && !note_seen(f, &f->now, f->asked ? f->read : 0)))
			f->in->files.failed = true;
		tsn_free(path);
	}
	tsn_walk_fini(&f->list);
}

static void
follow_file(struct follow *f)
{
	struct tsn_walk_file other;

	if (!tsn_walk_look(f->path, &f->now))
		memset(&f->now, 0, sizeof(f->now));
	if (read_one(f, f->path, true) != TSN_EXIT_OK || strcmp(f->path, "-") == 0)
		return;
	while (!tsn_follow_stopped(f->in)) {
		if (tsn_walk_look(f->path, &other) && (f->shrunk || !tsn_walk_same(&other, &f->now))) {
			f->now = other;
			read_one(f, f->path, true);
		} else {
			pause_a_moment(f);
		}
	}
}

void
tsn_follow(struct tsn_inputs *in, const char *path)
{
	struct follow f = { .in = in, .path = path, .directory = strcmp(path, "-") != 0 && tsn_walk_is_directory(path) };

	if (f.directory)
		follow_directory(&f);
	else
		follow_file(&f);
	tsn_free(f.seen);
}
