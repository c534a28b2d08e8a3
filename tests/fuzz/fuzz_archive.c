/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Archives of rulesets, checked without writing. The input is the tar; it is compressed here, for no mutation
 * would pass the checksums of zstd. An input that begins with zstd's own magic is taken as it is.
 */
#include <string.h>

#include "ruleset/archive.h"
#include "fuzz/fuzz.h"

#ifdef TSN_HAVE_ZSTD
#include <zstd.h>

static void
give(const uint8_t *p, size_t n)
{
	char error[TSN_RULESET_ERROR] = "";
	struct tsn_manifest m;

	if (tsn_archive_unpack(p, n, NULL, &m, error))
		REQUIRE(m.name != NULL && m.version != NULL);
	else
		REQUIRE(m.name == NULL && error[0] != '\0');
	tsn_manifest_fini(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = ZSTD_compressBound(size), n;
	uint8_t *packed;

	if (size >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0) {
		give(data, size);
		return 0;
	}
	packed = malloc(room);
	if (packed == NULL)
		return 0;
	n = ZSTD_compress(packed, room, data, size, 1);
	if (!ZSTD_isError(n))
		give(packed, n);
	free(packed);
	return 0;
}

#else

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TSN_RULESET_ERROR];
	struct tsn_manifest m;

	if (tsn_archive_unpack(data, size, NULL, &m, error))
		tsn_manifest_fini(&m);
	return 0;
}
#endif
