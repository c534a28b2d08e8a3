/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For fuzz targets that read files: one unnamed file, which holds each input in its turn. */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

static int fuzz_fd = -1;

/* Its name, good until fuzz_file_close. */
static inline const char *
fuzz_file_of(const uint8_t *data, size_t size)
{
	static char path[40];

	if (fuzz_fd < 0) {
		fuzz_fd = memfd_create("fuzz", MFD_CLOEXEC);
		REQUIRE(fuzz_fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_fd);
	}
	REQUIRE(ftruncate(fuzz_fd, 0) == 0 && pwrite(fuzz_fd, data, size, 0) == (ssize_t)size);
	return path;
}

static inline void
fuzz_file_close(void)
{
	close(fuzz_fd);
	fuzz_fd = -1;
}

#endif
