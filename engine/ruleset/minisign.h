/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Signatures in the format of minisign (Ed25519, BLAKE2b-512 prehashed "ED"; legacy "Ed" is verified too): what that program
 * signs verifies here and the other way round. Format: the minisign manual, "Signature format". Crypto is libsodium's.
 */
#ifndef TSN_RULESET_MINISIGN_H
#define TSN_RULESET_MINISIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_RULESET_ERROR 512      /* sentences of this room */
#define TSN_TRUSTED_MAX 1024

struct tsn_public_key {
	uint8_t id[8];
	uint8_t key[32];
};

/* The base64 line of a public key, or the text of a .pub file. */
bool tsn_public_key_parse(const char *text, struct tsn_public_key *out, char error[TSN_RULESET_ERROR]);
/* The base64 line, 56 characters and a NUL. */
#define TSN_PUBLIC_KEY_TEXT 57
void tsn_public_key_text(const struct tsn_public_key *k, char out[TSN_PUBLIC_KEY_TEXT]);
/* The key's id as minisign prints it: 16 hexadecimal digits. */
void tsn_public_key_id(const struct tsn_public_key *k, char out[17]);

/* Makes a pair and writes minisign files; [password] NULL or "": the secret key is not encrypted (minisign -W). */
bool tsn_minisign_generate(const char *public_path, const char *secret_path, const char *password, char error[TSN_RULESET_ERROR]);
/* The same at the cost of [memory] bytes to whoever tries a password (a power of two up to 1 GiB, which the one above takes). */
bool tsn_minisign_generate_with(const char *public_path, const char *secret_path, const char *password, uint64_t memory,
    char error[TSN_RULESET_ERROR]);
/* Does this secret key need a password? False: it cannot be read. */
bool tsn_minisign_encrypted(const char *secret_path, bool *encrypted, char error[TSN_RULESET_ERROR]);
/* Signs [len] bytes; the text of the .minisig goes to [out] (malloc'd by tsn_mem, NUL-terminated; the caller frees). [trusted] is covered by the signature. */
bool tsn_minisign_sign(const uint8_t *bytes, size_t len, const char *secret_path, const char *password, const char *trusted,
    char **out, char error[TSN_RULESET_ERROR]);
/*
 * Checks [signature] (text of a .minisig) over the bytes. [trusted] gets the trusted comment, of which nothing may be believed
 * before this returns true.
 */
bool tsn_minisign_verify(const uint8_t *bytes, size_t len, const char *signature, size_t signature_len,
    const struct tsn_public_key *key, char trusted[TSN_TRUSTED_MAX], char error[TSN_RULESET_ERROR]);

#endif
