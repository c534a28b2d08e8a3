/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: bytes as a file. */
#ifndef TESTS_BYTES_FILE_H
#define TESTS_BYTES_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* An unnamed file with these bytes; its name in [path]. Close the descriptor. */
static inline int
bytes_file(const void *p, size_t n, char path[40])
{
	int fd = memfd_create("bytes", MFD_CLOEXEC);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
