/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Three texts, each of comments and base64 lines (all numbers little-endian):
 *
 *  public key   "Ed", id 8, Ed25519 key 32
 *  secret key   "Ed", "Sc" or 0 0 (not encrypted), "B2", salt 32, ops 8, memory 8, then id 8, key 64 and checksum 32, which
 *               are XORed with scrypt(password) if encrypted; checksum: BLAKE2b-256 of "Ed", id, key
 *  signature    "ED" or "Ed", id 8, signature 64 of BLAKE2b-512 of the bytes, or of themselves;
 *               then the trusted comment and a signature of the signature and it
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "ruleset/file.h"

#ifdef TSN_HAVE_SODIUM
#include <sodium.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "
#define LINE_MAX_BYTES 8192  /* no line of these texts is longer */
#define TEXT_MAX_BYTES 65536

struct public_blob {
	uint8_t algorithm[2], id[8], key[32];
};

struct secret_blob {
	uint8_t algorithm[2], kdf[2], check[2];
	uint8_t salt[32], ops[8], memory[8];
	struct secret_part {
		uint8_t id[8], key[64], checksum[32];
	} part;
};

struct signature_blob {
	uint8_t algorithm[2], id[8], signature[64];
};

_Static_assert(sizeof(struct public_blob) == 42 && sizeof(struct secret_blob) == 158 && sizeof(struct signature_blob) == 74,
    "the blobs are as they stand in files");

static bool
ready(char error[TSN_RULESET_ERROR])
{
	return sodium_init() >= 0 || tsn_ruleset_fail(error, "libsodium finds no source of random numbers");
}

static uint64_t
get64(const uint8_t p[8])
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void
put64(uint8_t p[8], uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static void
id_text(const uint8_t id[8], char out[17])
{
	snprintf(out, 17, "%016llX", (unsigned long long)get64(id));
}

/* --- lines --- */

struct text {
	const char *p;
	size_t left;
};

/* The next line without its end; false when there is none. */
static bool
next_line(struct text *t, const char **line, size_t *n)
{
	const char *end = t->left > 0 ? memchr(t->p, '\n', t->left) : NULL;
	size_t taken = end != NULL ? (size_t)(end - t->p) + 1 : t->left;

	if (t->left == 0)
		return false;
	*line = t->p;
	*n = end != NULL ? taken - 1 : taken;
	if (*n > 0 && (*line)[*n - 1] == '\r')
		--*n;
	t->p += taken;
	t->left -= taken;
	return true;
}

static bool
begins(const char *line, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* Nothing may follow but empty lines. */
static bool
ended(struct text *t)
{
	const char *line;
	size_t n;

	while (next_line(t, &line, &n))
		if (n > 0)
			return false;
	return true;
}

static bool
decode(const char *line, size_t n, void *out, size_t size)
{
	size_t got = 0;

	return n <= LINE_MAX_BYTES && sodium_base642bin(out, size, line, n, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    got == size;
}

static void
add_base64(struct tsn_buf *b, const void *p, size_t n)
{
	char text[sodium_base64_ENCODED_LEN(sizeof(struct secret_blob), sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_ORIGINAL);
	tsn_buf_puts(b, text);
	tsn_buf_putc(b, '\n');
	sodium_memzero(text, sizeof(text));
}

/* Frees a text that held a secret. */
static void
forget(struct tsn_buf *b)
{
	if (b->p != NULL)
		sodium_memzero(b->p, b->len);
	tsn_buf_fini(b);
}

/* --- public keys --- */

bool
tsn_public_key_parse(const char *text, struct tsn_public_key *out, char error[TSN_RULESET_ERROR])
{
	struct text t = { text, strlen(text) };
	struct public_blob blob;
	const char *line;
	size_t n;

	if (!next_line(&t, &line, &n) || (begins(line, n, "untrusted comment:") && !next_line(&t, &line, &n)))
		return tsn_ruleset_fail(error, "no public key: the text ends before it");
	if (!decode(line, n, &blob, sizeof(blob)))
		return tsn_ruleset_fail(error, "no public key: one is 56 letters and digits that begin with RW");
	if (!ended(&t))
		return tsn_ruleset_fail(error, "no public key: more text follows it");
	if (memcmp(blob.algorithm, "Ed", 2) != 0)
		return tsn_ruleset_fail(error, "no public key of minisign: it is not for Ed25519");
	memcpy(out->id, blob.id, sizeof(out->id));
	memcpy(out->key, blob.key, sizeof(out->key));
	return true;
}

void
tsn_public_key_text(const struct tsn_public_key *k, char out[TSN_PUBLIC_KEY_TEXT])
{
	struct public_blob blob = { .algorithm = "Ed" };

	memcpy(blob.id, k->id, sizeof(blob.id));
	memcpy(blob.key, k->key, sizeof(blob.key));
	sodium_bin2base64(out, TSN_PUBLIC_KEY_TEXT, (const uint8_t *)&blob, sizeof(blob), sodium_base64_VARIANT_ORIGINAL);
}

void
tsn_public_key_id(const struct tsn_public_key *k, char out[17])
{
	id_text(k->id, out);
}

/* --- secret keys --- */

/* Encrypts or decrypts the secret part. */
static bool
crypt_part(struct secret_blob *s, const char *password)
{
	uint8_t stream[sizeof(s->part)], *p = (uint8_t *)&s->part;

	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password), s->salt, get64(s->ops),
	    (size_t)get64(s->memory)) != 0)
		return false;
	for (size_t i = 0; i < sizeof(stream); i++)
		p[i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return true;
}

static void
checksum(const struct secret_blob *s, uint8_t out[32])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, s->algorithm, sizeof(s->algorithm));
	crypto_generichash_update(&h, s->part.id, sizeof(s->part.id));
	crypto_generichash_update(&h, s->part.key, sizeof(s->part.key));
	crypto_generichash_final(&h, out, 32);
}

/* Like minisign: as costly as the machine's memory allows, and the cost stands in the file. */
static bool
encrypt(struct secret_blob *s, const char *password, uint64_t memory, char error[TSN_RULESET_ERROR])
{
	uint64_t ops = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE;

	if (memory == 0 || memory > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)
		memory = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;
	ops /= crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE / memory;
	memcpy(s->kdf, "Sc", 2);
	randombytes_buf(s->salt, sizeof(s->salt));
	checksum(s, s->part.checksum);
	for (; memory >= crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN; memory /= 2, ops /= 2) {
		put64(s->ops, ops);
		put64(s->memory, memory);
		if (crypt_part(s, password))
			return true;
	}
	return tsn_ruleset_fail(error, "too little memory to encrypt the secret key");
}

static bool
write_secret(const char *path, const struct secret_blob *s, const char id[17], char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	bool ok;

	tsn_buf_printf(&text, UNTRUSTED "minisign %ssecret key %s\n", s->kdf[0] != 0 ? "encrypted " : "", id);
	add_base64(&text, s, sizeof(*s));
	ok = !text.failed ? tsn_file_create(path, text.p, text.len, 0600, error) : tsn_ruleset_no_memory(error);
	forget(&text);
	return ok;
}

bool
tsn_minisign_generate_with(const char *public_path, const char *secret_path, const char *password, uint64_t memory,
    char error[TSN_RULESET_ERROR])
{
	struct secret_blob s = { .algorithm = "Ed", .check = "B2" };
	struct tsn_public_key k;
	char id[17], line[TSN_PUBLIC_KEY_TEXT], text[256];
	bool ok;

	if (!ready(error))
		return false;
	crypto_sign_keypair(k.key, s.part.key);
	randombytes_buf(k.id, sizeof(k.id));
	memcpy(s.part.id, k.id, sizeof(k.id));
	tsn_public_key_id(&k, id);
	tsn_public_key_text(&k, line);
	snprintf(text, sizeof(text), UNTRUSTED "minisign public key %s\n%s\n", id, line);
	ok = (password == NULL || password[0] == '\0' || encrypt(&s, password, memory, error)) &&
	    tsn_file_create(public_path, text, strlen(text), 0644, error);
	if (ok && !write_secret(secret_path, &s, id, error)) {
		unlink(public_path); /* half a pair is none */
		ok = false;
	}
	sodium_memzero(&s, sizeof(s));
	return ok;
}

bool
tsn_minisign_generate(const char *public_path, const char *secret_path, const char *password, char error[TSN_RULESET_ERROR])
{
	return tsn_minisign_generate_with(public_path, secret_path, password, crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE,
	    error);
}

static bool
decode_secret(const char *path, struct text t, struct secret_blob *s, char error[TSN_RULESET_ERROR])
{
	const char *line;
	size_t n;

	if (!next_line(&t, &line, &n) || !begins(line, n, "untrusted comment:") || !next_line(&t, &line, &n) ||
	    !decode(line, n, s, sizeof(*s)) || memcmp(s->algorithm, "Ed", 2) != 0)
		return tsn_ruleset_fail(error, "%s is no secret key of minisign", path);
	return true;
}

static bool
decrypt(const char *path, struct secret_blob *s, const char *password, char error[TSN_RULESET_ERROR])
{
	if (memcmp(s->kdf, "Sc", 2) != 0 || memcmp(s->check, "B2", 2) != 0)
		return tsn_ruleset_fail(error, "%s is encrypted in a way that is not known here", path);
	if (password == NULL || password[0] == '\0')
		return tsn_ruleset_fail(error, "%s is encrypted and needs its password", path);
	/* minisign writes no more than this; a file that asks for hours is no key */
	if (get64(s->ops) > crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE ||
	    get64(s->memory) > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)
		return tsn_ruleset_fail(error, "%s asks for more work to decrypt it than minisign ever does", path);
	if (!crypt_part(s, password))
		return tsn_ruleset_fail(error, "too little memory to decrypt %s, which takes %llu MiB", path,
		    (unsigned long long)(get64(s->memory) >> 20));
	return true;
}

/* The key's second half is the public key that belongs to its first: damage shows. */
static bool
whole(const struct secret_blob *s)
{
	uint8_t public[32], secret[64];
	bool same;

	crypto_sign_seed_keypair(public, secret, s->part.key);
	same = sodium_memcmp(secret, s->part.key, sizeof(secret)) == 0;
	sodium_memzero(secret, sizeof(secret));
	return same;
}

static bool
read_secret(const char *path, const char *password, struct secret_blob *s, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	bool ok = tsn_file_read(path, TEXT_MAX_BYTES, &text, error) &&
	    decode_secret(path, (struct text){ tsn_buf_str(&text), text.len }, s, error), encrypted;
	uint8_t sum[32];

	forget(&text);
	if (!ok)
		return false;
	encrypted = s->kdf[0] != 0 || s->kdf[1] != 0;
	if (encrypted && !decrypt(path, s, password, error))
		return false;
	checksum(s, sum);
	if (encrypted && sodium_memcmp(sum, s->part.checksum, sizeof(sum)) != 0)
		return tsn_ruleset_fail(error, "wrong password for %s", path);
	return whole(s) || tsn_ruleset_fail(error, "%s is damaged", path);
}

bool
tsn_minisign_encrypted(const char *secret_path, bool *encrypted, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct secret_blob s;
	bool ok = ready(error) && tsn_file_read(secret_path, TEXT_MAX_BYTES, &text, error) &&
	    decode_secret(secret_path, (struct text){ tsn_buf_str(&text), text.len }, &s, error);

	*encrypted = ok && (s.kdf[0] != 0 || s.kdf[1] != 0);
	sodium_memzero(&s, sizeof(s));
	forget(&text);
	return ok;
}

/* --- signatures --- */

/* What "ED" signs in place of the bytes. */
static void
prehash(const uint8_t *bytes, size_t len, uint8_t out[64])
{
	crypto_generichash(out, 64, bytes, len, NULL, 0);
}

/* What the second signature covers; the caller has seen that the comment fits. */
static size_t
covered(uint8_t out[64 + TSN_TRUSTED_MAX], const uint8_t signature[64], const char *trusted, size_t n)
{
	memcpy(out, signature, 64);
	memcpy(out + 64, trusted, n);
	return 64 + n;
}

bool
tsn_minisign_sign(const uint8_t *bytes, size_t len, const char *secret_path, const char *password, const char *trusted,
    char **out, char error[TSN_RULESET_ERROR])
{
	struct signature_blob g = { .algorithm = "ED" };
	struct secret_blob s;
	struct tsn_buf text = TSN_BUF_INIT;
	uint8_t hash[64], second[64], both[64 + TSN_TRUSTED_MAX];
	size_t n = strlen(trusted);

	*out = NULL;
	if (!ready(error))
		return false;
	if (n >= TSN_TRUSTED_MAX)
		return tsn_ruleset_fail(error, "the trusted comment has more than %d bytes", TSN_TRUSTED_MAX - 1);
	for (const char *p = trusted; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return tsn_ruleset_fail(error, "the trusted comment has control characters");
	if (!read_secret(secret_path, password, &s, error)) {
		sodium_memzero(&s, sizeof(s));
		return false;
	}
	prehash(bytes, len, hash);
	memcpy(g.id, s.part.id, sizeof(g.id));
	crypto_sign_detached(g.signature, NULL, hash, sizeof(hash), s.part.key);
	crypto_sign_detached(second, NULL, both, covered(both, g.signature, trusted, n), s.part.key);
	sodium_memzero(&s, sizeof(s));
	tsn_buf_puts(&text, UNTRUSTED "signature from tocsin secret key\n");
	add_base64(&text, &g, sizeof(g));
	tsn_buf_printf(&text, TRUSTED "%s\n", trusted);
	add_base64(&text, second, sizeof(second));
	if (text.failed) {
		tsn_buf_fini(&text);
		return tsn_ruleset_no_memory(error);
	}
	*out = text.p;
	return true;
}

struct signature {
	struct signature_blob first;
	const char *trusted; size_t ntrusted;
	uint8_t second[64];
};

static bool
decode_signature(struct text t, struct signature *g, char error[TSN_RULESET_ERROR])
{
	const char *line;
	size_t n;

	if (t.left > TEXT_MAX_BYTES || !next_line(&t, &line, &n) || !begins(line, n, "untrusted comment:"))
		return tsn_ruleset_fail(error, "no signature of minisign: it does not begin with \"untrusted comment:\"");
	if (!next_line(&t, &line, &n) || !decode(line, n, &g->first, sizeof(g->first)))
		return tsn_ruleset_fail(error, "no signature of minisign: the second line is no signature");
	if (!next_line(&t, &line, &n) || !begins(line, n, TRUSTED))
		return tsn_ruleset_fail(error, "no signature of minisign: the third line is no trusted comment");
	g->trusted = line + strlen(TRUSTED);
	g->ntrusted = n - strlen(TRUSTED);
	if (g->ntrusted >= TSN_TRUSTED_MAX || memchr(g->trusted, '\0', g->ntrusted) != NULL)
		return tsn_ruleset_fail(error, "its trusted comment is longer than %d bytes, or no text", TSN_TRUSTED_MAX - 1);
	if (!next_line(&t, &line, &n) || !decode(line, n, g->second, sizeof(g->second)))
		return tsn_ruleset_fail(error, "no signature of minisign: the fourth line is no signature");
	if (!ended(&t))
		return tsn_ruleset_fail(error, "no signature of minisign: more text follows it");
	if (memcmp(g->first.algorithm, "ED", 2) != 0 && memcmp(g->first.algorithm, "Ed", 2) != 0)
		return tsn_ruleset_fail(error, "no signature of minisign: it is not of Ed25519");
	return true;
}

static bool
first_holds(const struct signature_blob *g, const uint8_t *bytes, size_t len, const struct tsn_public_key *key)
{
	uint8_t hash[64];

	if (g->algorithm[1] == 'd') /* legacy: the bytes themselves */
		return crypto_sign_verify_detached(g->signature, bytes, len, key->key) == 0;
	prehash(bytes, len, hash);
	return crypto_sign_verify_detached(g->signature, hash, sizeof(hash), key->key) == 0;
}

bool
tsn_minisign_verify(const uint8_t *bytes, size_t len, const char *signature, size_t signature_len,
    const struct tsn_public_key *key, char trusted[TSN_TRUSTED_MAX], char error[TSN_RULESET_ERROR])
{
	struct signature g;
	uint8_t both[64 + TSN_TRUSTED_MAX];
	char theirs[17], ours[17];

	trusted[0] = '\0';
	if (!ready(error) || !decode_signature((struct text){ signature, signature_len }, &g, error))
		return false;
	if (memcmp(g.first.id, key->id, sizeof(key->id)) != 0) {
		id_text(g.first.id, theirs);
		id_text(key->id, ours);
		return tsn_ruleset_fail(error, "signed with another key: %s, not %s", theirs, ours);
	}
	if (!first_holds(&g.first, bytes, len, key))
		return tsn_ruleset_fail(error, "the signature does not fit: these are not the bytes that were signed");
	if (crypto_sign_verify_detached(g.second, both, covered(both, g.first.signature, g.trusted, g.ntrusted), key->key) != 0)
		return tsn_ruleset_fail(error, "the trusted comment is not the one that was signed");
	memcpy(trusted, g.trusted, g.ntrusted);
	trusted[g.ntrusted] = '\0';
	return true;
}

#else /* TSN_HAVE_SODIUM */

static bool
without(char error[TSN_RULESET_ERROR])
{
	return tsn_ruleset_fail(error, "this build is without libsodium: it can neither sign nor verify");
}

bool
tsn_public_key_parse(const char *text, struct tsn_public_key *out, char error[TSN_RULESET_ERROR])
{
	(void)text;
	*out = (struct tsn_public_key){ 0 };
	return without(error);
}

void
tsn_public_key_text(const struct tsn_public_key *k, char out[TSN_PUBLIC_KEY_TEXT])
{
	(void)k;
	out[0] = '\0';
}

void
tsn_public_key_id(const struct tsn_public_key *k, char out[17])
{
	(void)k;
	out[0] = '\0';
}

bool
tsn_minisign_generate_with(const char *public_path, const char *secret_path, const char *password, uint64_t memory,
    char error[TSN_RULESET_ERROR])
{
	(void)public_path;
	(void)secret_path;
	(void)password;
	(void)memory;
	return without(error);
}

bool
tsn_minisign_generate(const char *public_path, const char *secret_path, const char *password, char error[TSN_RULESET_ERROR])
{
	return tsn_minisign_generate_with(public_path, secret_path, password, 0, error);
}

bool
tsn_minisign_encrypted(const char *secret_path, bool *encrypted, char error[TSN_RULESET_ERROR])
{
	(void)secret_path;
	*encrypted = false;
	return without(error);
}

bool
tsn_minisign_sign(const uint8_t *bytes, size_t len, const char *secret_path, const char *password, const char *trusted,
    char **out, char error[TSN_RULESET_ERROR])
{
	(void)bytes;
	(void)len;
	(void)secret_path;
	(void)password;
	(void)trusted;
	*out = NULL;
	return without(error);
}

bool
tsn_minisign_verify(const uint8_t *bytes, size_t len, const char *signature, size_t signature_len,
    const struct tsn_public_key *key, char trusted[TSN_TRUSTED_MAX], char error[TSN_RULESET_ERROR])
{
	(void)bytes;
	(void)len;
	(void)signature;
	(void)signature_len;
	(void)key;
	trusted[0] = '\0';
	return without(error);
}

#endif
