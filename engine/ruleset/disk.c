/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64 /* of folders that are removed: archives have fewer */

int
tsn_disk_dir(int at, const char *name, bool make)
{
	if (make && mkdirat(at, name, 0755) != 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- one file --- */

static int
read_all(int fd, size_t max, struct tsn_buf *out)
{
	char piece[16384];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (out->len + (size_t)n > max)
			return EFBIG;
		tsn_buf_add(out, piece, (size_t)n);
	}
	return out->failed ? ENOMEM : 0;
}

int
tsn_disk_get(int at, const char *name, size_t max, struct tsn_buf *out)
{
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), error;
	struct stat st;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) != 0)
		error = errno;
	else if (!S_ISREG(st.st_mode))
		error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL; /* a pipe would be waited for */
	else
		error = read_all(fd, max, out);
	close(fd);
	return error;
}

int
tsn_disk_rename(int from, const char *old, int to, const char *now)
{
	if (renameat(from, old, to, now) != 0 || fsync(to) != 0)
		return errno;
	return from == to || fsync(from) == 0 ? 0 : errno;
}

/* --- folders --- */

int
tsn_disk_list(int at, const char *name, bool (*each)(void *arg, int dir, const char *entry), void *arg)
{
	int fd = tsn_disk_dir(at, name, false);
	const struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return ENOMEM;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !each(arg, dirfd(d), e->d_name))
			break;
	closedir(d);
	return 0;
}

struct removal {
	unsigned depth;
	int error;
};

static int remove_below(int at, const char *name, unsigned depth);

static bool
remove_entry(void *arg, int dir, const char *entry)
{
	struct removal *r = arg;

	r->error = remove_below(dir, entry, r->depth + 1);
	return r->error == 0;
}

static int
remove_below(int at, const char *name, unsigned depth)
{
	struct removal r = { depth, 0 };
	int error;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return errno;
	if (depth > DEPTH_MAX)
		return ELOOP;
	error = tsn_disk_list(at, name, remove_entry, &r);
	if (error == 0)
		error = r.error;
	if (error != 0)
		return error;
	return unlinkat(at, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

int
tsn_disk_remove(int at, const char *name)
{
	return remove_below(at, name, 0);
}
