/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"

#define DAY_END 235959 /* for what has no time of its own in a directory of one day: today's unfinished file comes last */

/* --- times in names --- */

/* [n] digits at [p] as a number between [least] and [most]; -1 if they are not. */
static int
number(const char *p, int n, int least, int most)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v >= least && v <= most ? v : -1;
}

static size_t
digits(const char *p)
{
	return strspn(p, "0123456789");
}

/* hh, hhmm or hhmmss, the parts side by side or with [sep] between them, as hhmmss; -1 if it is none of them. */
static int
clock_at(const char *p, char sep)
{
	size_t n = digits(p), step = sep != '\0' ? 3 : 2;
	int part[3] = { 0 }, i;

	if (sep != '\0' ? n != 2 : n != 2 && n != 4 && n != 6)
		return -1;
	for (i = 0; i < 3; i++) {
		if (i > 0 && (sep != '\0' ? p[-1 + (int)step * i] != sep : (size_t)i * 2 >= n))
			break;
		part[i] = number(p + step * (size_t)i, 2, 0, i == 0 ? 23 : i == 1 ? 59 : 60);
		if (part[i] < 0)
			return -1;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

/* What time follows a date that ends at [p]; [none] if none does. */
static int
clock_after(const char *p, int none)
{
	const char *colon;
	int v;

	if (digits(p) == 0 && *p != '\0')
		p++; /* '.', '-', '_', 'T' */
	v = p[0] != '\0' && p[1] != '\0' && p[2] == ':' ? clock_at(p, ':') : clock_at(p, '\0');
	if (v >= 0)
		return v;
	colon = strchr(p, ':'); /* further on only what is surely one: conn.14:00:00 */
	if (colon == NULL || colon - p < 2 || (colon - p > 2 && colon[-3] >= '0' && colon[-3] <= '9'))
		return none;
	v = clock_at(colon - 2, ':');
	return v >= 0 ? v : none;
}

/* YYYYMMDD, the parts side by side or with the same sign between them, and what time comes then; 0 if it is no date. */
static uint64_t
date_at(const char *p, int none)
{
	int year = number(p, 4, 1980, 2199), month, day;
	char sep = year < 0 || (p[4] >= '0' && p[4] <= '9') ? '\0' : p[4];
	size_t step = sep != '\0' ? 3 : 2, n = digits(p);

	if (year < 0 || (sep != '\0' && strchr("-_./", sep) == NULL))
		return 0;
	if (sep == '\0' && n != 8 && n != 10 && n != 12 && n != 14)
		return 0;
	month = number(p + 4 + step - 2, 2, 1, 12);
	if (month < 0 || (sep != '\0' && p[7] != sep))
		return 0;
	day = number(p + 4 + 2 * step - 2, 2, 1, 31);
	if (day < 0 || (sep != '\0' && digits(p + 8) != 2))
		return 0;
	return (uint64_t)(year * 10000 + month * 100 + day) * 1000000 + (uint64_t)clock_after(p + 4 + 2 * step, none);
}

static uint64_t
first_date(const char *p, int none)
{
	uint64_t v;

	for (; *p != '\0'; p += digits(p) > 0 ? digits(p) : 1)
		if (digits(p) >= 4 && (v = date_at(p, none)) != 0)
			return v;
	return 0;
}

uint64_t
tsn_walk_time(const char *path)
{
	const char *slash = strrchr(path, '/');
	uint64_t v = first_date(slash != NULL ? slash + 1 : path, 0);

	return v != 0 || slash == NULL ? v : first_date(path, DAY_END);
}

/* --- files --- */

static int64_t
nanoseconds(const struct statx_timestamp *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

/* 0, or errno. [path] "": what [fd] is open on. [mode] may be NULL. */
static int
look(int fd, const char *path, struct tsn_walk_file *f, uint16_t *mode)
{
	struct statx st;

	memset(f, 0, sizeof(*f));
	if (statx(fd, path, path[0] == '\0' ? AT_EMPTY_PATH : 0, STATX_BASIC_STATS | STATX_BTIME, &st) != 0)
		return errno;
	f->changed_ns = nanoseconds(&st.stx_mtime);
	f->size = st.stx_size;
	f->device = makedev(st.stx_dev_major, st.stx_dev_minor);
	f->inode = st.stx_ino;
	f->born_ns = (st.stx_mask & STATX_BTIME) != 0 ? nanoseconds(&st.stx_btime) : 0;
	if (mode != NULL)
		*mode = st.stx_mode;
	return 0;
}

bool
tsn_walk_look(const char *path, struct tsn_walk_file *out)
{
	return path[0] != '\0' && look(AT_FDCWD, path, out, NULL) == 0;
}

bool
tsn_walk_look_fd(int fd, struct tsn_walk_file *out)
{
	return look(fd, "", out, NULL) == 0;
}

bool
tsn_walk_same(const struct tsn_walk_file *a, const struct tsn_walk_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->born_ns == b->born_ns;
}

bool
tsn_walk_is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void
complain(struct tsn_walk *w, const char *path, int error)
{
	char line[TSN_INPUT_ERROR + 256];

	snprintf(line, sizeof(line), "%s: %s", path, strerror(error));
	if (w->trouble != NULL)
		w->trouble(w->arg, line);
}

/* The directories above, so that a link to one of them is not gone into. */
struct above {
	const struct above *next;
	uint64_t device, inode;
};

static bool walk(struct tsn_walk *w, const char *path, const struct above *up, unsigned depth);

static bool
is_above(const struct above *up, const struct tsn_walk_file *f)
{
	for (; up != NULL; up = up->next)
		if (up->device == f->device && up->inode == f->inode)
			return true;
	return false;
}

/* Takes [path]. */
static bool
add(struct tsn_walk *w, char *path, struct tsn_walk_file *f)
{
	struct tsn_walk_file *v = tsn_grow(w->files, w->n, &w->cap, sizeof(*v));

	if (v == NULL) {
		tsn_free(path);
		return false;
	}
	w->files = v;
	f->path = path;
	f->when = tsn_walk_time(path + w->root);
	w->files[w->n++] = *f;
	return true;
}

/* One name of a directory. Takes [path]. False when memory is out. */
static bool
visit(struct tsn_walk *w, char *path, const struct above *up, unsigned depth)
{
	struct tsn_walk_file f;
	uint16_t mode = 0;
	int error = look(AT_FDCWD, path, &f, &mode);
	bool ok = true;

	if (error != 0 && error != ENOENT) /* it may just have gone */
		complain(w, path, error);
	else if (error == 0 && S_ISREG(mode) && w->n < TSN_WALK_FILES)
		return add(w, path, &f);
	else if (error == 0 && S_ISDIR(mode) && depth < TSN_WALK_DEPTH && !is_above(up, &f))
		ok = walk(w, path, &(struct above){ up, f.device, f.inode }, depth + 1);
	else
		w->other++;
	tsn_free(path);
	return ok;
}

static char *
join(const char *directory, const char *name)
{
	size_t n = strlen(directory), m = strlen(name);
	char *path = tsn_malloc(n + m + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, directory, n);
	if (n > 0 && path[n - 1] != '/')
		path[n++] = '/';
	memcpy(path + n, name, m + 1);
	return path;
}

static bool
walk(struct tsn_walk *w, const char *path, const struct above *up, unsigned depth)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool ok = true;

	if (d == NULL) {
		if (depth == 0 || errno != ENOENT) /* one of those inside may just have gone */
			complain(w, path, errno);
		return true;
	}
	while (ok && (e = readdir(d)) != NULL) {
		char *name;

		if (e->d_name[0] == '.') {
			w->hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
			continue;
		}
		name = join(path, e->d_name);
		ok = name != NULL && visit(w, name, up, depth);
	}
	closedir(d);
	return ok;
}

static int
compare(const void *va, const void *vb)
{
	const struct tsn_walk_file *a = va, *b = vb;

	if (a->when != b->when)
		return a->when == 0 ? 1 : b->when == 0 ? -1 : a->when < b->when ? -1 : 1;
	if (a->when == 0 && a->changed_ns != b->changed_ns)
		return a->changed_ns < b->changed_ns ? -1 : 1;
	return strverscmp(a->path, b->path);
}

static int
compare_identity(const void *va, const void *vb)
{
	const struct tsn_walk_file *a = va, *b = vb;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return compare(va, vb);
}

/* In order, and each file once, whatever links lead to it. */
static void
put_in_order(struct tsn_walk *w)
{
	size_t n = 1;

	if (w->n == 0)
		return;
	qsort(w->files, w->n, sizeof(*w->files), compare_identity);
	for (size_t i = 1; i < w->n; i++) {
		if (tsn_walk_same(&w->files[i], &w->files[n - 1]))
			tsn_free(w->files[i].path);
		else
			w->files[n++] = w->files[i];
	}
	w->n = n;
	qsort(w->files, w->n, sizeof(*w->files), compare);
}

bool
tsn_walk_directory(struct tsn_walk *w, const char *path)
{
	struct tsn_walk_file top;
	struct above up = { 0 };
	bool ok;

	w->root = strlen(path);
	if (look(AT_FDCWD, path, &top, NULL) == 0)
		up = (struct above){ NULL, top.device, top.inode };
	ok = walk(w, path, &up, 0);
	put_in_order(w);
	return ok;
}

void
tsn_walk_fini(struct tsn_walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		tsn_free(w->files[i].path);
	tsn_free(w->files);
	w->files = NULL;
	w->n = w->cap = 0;
}
