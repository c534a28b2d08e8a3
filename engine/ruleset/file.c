/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ruleset/file.h"

bool
tsn_ruleset_fail(char error[TSN_RULESET_ERROR], const char *fmt, ...)
{
	size_t i = 0, len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, TSN_RULESET_ERROR, fmt, ap);
	va_end(ap);
	len = strlen(error);
	while (i < len) {
		unsigned char c = (unsigned char)error[i], next = (unsigned char)error[i + 1];
		size_t n = tsn_utf8_len(error + i, len - i);

		if (n == 0 || c < ' ' || c == 0x7f || (c == 0xc2 && next < 0xa0)) /* C1 steers terminals too */
			memset(error + i, '?', n > 0 ? n : (n = 1));
		i += n;
	}
	return false;
}

bool
tsn_ruleset_no_memory(char error[TSN_RULESET_ERROR])
{
	return tsn_ruleset_fail(error, "memory is out");
}

bool
tsn_file_read(const char *path, size_t max, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	int e = tsn_buf_read_file(out, path, max);

	if (e == EFBIG)
		return tsn_ruleset_fail(error, "%s has more than %zu bytes", path, max);
	return e == 0 || tsn_ruleset_fail(error, "cannot read %s: %s", path, strerror(e));
}

bool
tsn_file_sync_folder_of(const char *path, char error[TSN_RULESET_ERROR])
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? tsn_strdup(".") : tsn_strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd, e = 0;

	if (folder == NULL)
		return tsn_ruleset_no_memory(error);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* EINVAL: a file system that has no such thing */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		e = errno;
	if (fd >= 0)
		close(fd);
	if (e != 0)
		tsn_ruleset_fail(error, "cannot sync %s: %s", folder, strerror(e));
	tsn_free(folder);
	return e == 0;
}

/* 0, or errno. */
static int
put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

/* Opens [path], which must not be there, and fills it. What could not be written whole is removed. 0, or errno. */
static int
fill(const char *path, const void *p, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode), e;

	if (fd < 0)
		return errno;
	e = put(fd, p, n);
	if (close(fd) != 0 && e == 0)
		e = errno;
	if (e != 0)
		unlink(path);
	return e;
}

bool
tsn_file_create(const char *path, const void *p, size_t n, mode_t mode, char error[TSN_RULESET_ERROR])
{
	int e = fill(path, p, n, mode);

	if (e == EEXIST)
		return tsn_ruleset_fail(error, "%s is there already and stays as it is", path);
	if (e != 0)
		return tsn_ruleset_fail(error, "cannot write %s: %s", path, strerror(e));
	return tsn_file_sync_folder_of(path, error);
}

bool
tsn_file_replace(const char *path, const void *p, size_t n, mode_t mode, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf beside = TSN_BUF_INIT;
	int e;

	tsn_buf_printf(&beside, "%s.new", path);
	if (beside.failed) {
		tsn_buf_fini(&beside);
		return tsn_ruleset_no_memory(error);
	}
	unlink(beside.p); /* left by one that was interrupted */
	e = fill(beside.p, p, n, mode);
	if (e == 0 && rename(beside.p, path) != 0) {
		e = errno;
		unlink(beside.p);
	}
	tsn_buf_fini(&beside);
	if (e != 0)
		return tsn_ruleset_fail(error, "cannot write %s: %s", path, strerror(e));
	return tsn_file_sync_folder_of(path, error);
}
