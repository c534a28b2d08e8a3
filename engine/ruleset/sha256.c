/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/sha256.h"

#include "ruleset/file.h"

#ifdef TSN_HAVE_SODIUM

#include <sodium.h>

bool
tsn_sha256_text(const void *p, size_t n, char out[65], char error[TSN_RULESET_ERROR])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	if (sodium_init() < 0 || crypto_hash_sha256(hash, p, n) != 0)
		return tsn_ruleset_fail(error, "libsodium cannot hash");
	sodium_bin2hex(out, 65, hash, sizeof(hash));
	return true;
}

#else

bool
tsn_sha256_text(const void *p, size_t n, char out[65], char error[TSN_RULESET_ERROR])
{
	(void)p, (void)n;
	out[0] = '\0';
	return tsn_ruleset_fail(error, "this build cannot verify rulesets: it was made without libsodium");
}

#endif
