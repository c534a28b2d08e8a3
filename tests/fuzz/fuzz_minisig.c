/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Signatures and public keys. The input is taken as the text of a .minisig over no bytes at all, and as that of a public key.
 * What is no forgery cannot hold: the key is nobody's. A public key that is read is written the same.
 */
#include <string.h>

#include "base/mem.h"
#include "ruleset/minisign.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_public_key k = { { 1 }, { 2 } }, again;
	char trusted[TSN_TRUSTED_MAX], error[TSN_RULESET_ERROR], line[TSN_PUBLIC_KEY_TEXT];
	char *text = tsn_strndup((const char *)data, size);

	if (text == NULL)
		return 0;
	if (size >= 8) /* the signature's own id, wherever it stands: past the check of ids too */
		memcpy(k.id, data, 8);
	REQUIRE(!tsn_minisign_verify(data, 0, (const char *)data, size, &k, trusted, error));
	REQUIRE(trusted[0] == '\0' && error[0] != '\0');
	if (tsn_public_key_parse(text, &k, error)) {
		tsn_public_key_text(&k, line);
		REQUIRE(tsn_public_key_parse(line, &again, error) && memcmp(&k, &again, sizeof(k)) == 0);
		REQUIRE(!tsn_minisign_verify(data, size, (const char *)data, size, &k, trusted, error));
	}
	tsn_free(text);
	return 0;
}
