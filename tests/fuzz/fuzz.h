/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What fuzz targets share: an assertion that also holds in optimised builds, and, with TSN_FUZZ_MAIN, a main that
 * gives the files named to the target; one that has a main of its own defines FUZZ_OWN_MAIN before.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#ifndef REQUIRE
#define REQUIRE(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if defined(TSN_FUZZ_MAIN) && !defined(FUZZ_OWN_MAIN)
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct tsn_buf b = TSN_BUF_INIT;

		if (tsn_buf_read_file(&b, argv[i], 1u << 24) == 0)
			LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		tsn_buf_fini(&b);
	}
	return 0;
}
#endif

#endif
