/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Signatures: what minisign made verifies here, what is made here verifies there, and what was touched nowhere. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ruleset/disk.h"
#include "ruleset/file.h"
#include "scratch_dir.h"

#ifdef TSN_HAVE_SODIUM

#define MADE "tests/fixtures/minisign/"
#define LITTLE (UINT64_C(16) << 20) /* a password that is cheap to try */

static char error[TSN_RULESET_ERROR], trusted[TSN_TRUSTED_MAX];
static struct tsn_buf bytes, signature, key;

static void
end(void)
{
	tsn_buf_fini(&bytes);
	tsn_buf_fini(&signature);
	tsn_buf_fini(&key);
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
}

TestSuite(minisign, .init = dir_begin, .fini = end);

static void
read_into(struct tsn_buf *b, const char *file)
{
	tsn_buf_clear(b);
	cr_assert(tsn_file_read(file, 65536, b, error), "%s", error);
}

/* Verifies [bytes] and [signature] with the key in [file]. */
static bool
verify(const char *file)
{
	struct tsn_public_key k;

	read_into(&key, file);
	cr_assert(tsn_public_key_parse(key.p, &k, error), "%s", error);
	return tsn_minisign_verify((const uint8_t *)tsn_buf_str(&bytes), bytes.len, tsn_buf_str(&signature), signature.len, &k, trusted, error);
}

static void
says(const char *what)
{
	cr_assert(strstr(error, what) != NULL, "wanted \"%s\", got \"%s\"", what, error);
}

Test(minisign, what_the_program_signed_verifies)
{
	static const struct { const char *signature, *key, *trusted; } made[] = {
		{ MADE "signed.txt.minisig", MADE "plain.pub", "tocsin ruleset worms 2026.11.9" },
		{ MADE "signed.legacy.minisig", MADE "plain.pub", "legacy" },
		{ MADE "signed.encrypted.minisig", MADE "encrypted.pub", "by an encrypted key" },
	};

	read_into(&bytes, MADE "signed.txt");
	for (size_t i = 0; i < 3; i++) {
		read_into(&signature, made[i].signature);
		cr_assert(verify(made[i].key), "%s: %s", made[i].signature, error);
		cr_assert_str_eq(trusted, made[i].trusted);
		bytes.p[3] ^= 1;
		cr_assert_not(verify(made[i].key), "%s", made[i].signature);
		says("these are not the bytes that were signed");
		bytes.p[3] ^= 1;
	}
}

Test(minisign, what_was_touched_does_not)
{
	char *at;

	read_into(&bytes, MADE "signed.txt");
	read_into(&signature, MADE "signed.txt.minisig");
	at = strstr(signature.p, "2026.11.9");
	*at = '3';
	cr_assert_not(verify(MADE "plain.pub"));
	says("the trusted comment is not the one that was signed");
	cr_assert_str_eq(trusted, "", "nothing of it is handed on");
	*at = '2';
	cr_assert_not(verify(MADE "encrypted.pub"));
	says("signed with another key: ");
	at = strchr(signature.p, ':') + 2; /* the untrusted comment is nobody's word */
	*at = 'S';
	cr_assert(verify(MADE "plain.pub"), "%s", error);
	bytes.len--;
	cr_assert_not(verify(MADE "plain.pub"));
	says("these are not the bytes that were signed");
}

/* A signature of the other kind under this kind's letters, and another's signature under this key's id. */
Test(minisign, kinds_and_ids_are_not_taken_on_trust)
{
	read_into(&bytes, MADE "signed.txt");
	read_into(&signature, MADE "signed.txt.minisig");
	cr_assert_eq(strncmp(strchr(signature.p, '\n') + 1, "RU", 2), 0);
	strchr(signature.p, '\n')[2] = 'W'; /* ED becomes Ed */
	cr_assert_not(verify(MADE "plain.pub"));
	says("these are not the bytes that were signed");
	strchr(signature.p, '\n')[2] = 'X';
	cr_assert_not(verify(MADE "plain.pub"));
	says("it is not of Ed25519");
}

Test(minisign, cut_off_anywhere_it_is_refused)
{
	size_t whole;

	read_into(&bytes, MADE "signed.txt");
	read_into(&signature, MADE "signed.txt.minisig");
	whole = signature.len;
	for (size_t n = 0; n < whole - 1; n++) { /* without the last line's end it is whole */
		signature.len = n;
		cr_assert_not(verify(MADE "plain.pub"), "%zu bytes of %zu", n, whole);
	}
	signature.len = whole;
	tsn_buf_puts(&signature, "\r\n\n");
	cr_assert(verify(MADE "plain.pub"), "empty lines may follow: %s", error);
	tsn_buf_puts(&signature, "more");
	cr_assert_not(verify(MADE "plain.pub"));
	says("more text follows it");
}

/* No byte of the signed lines can change; of the first line's comment any, of the line ends some. */
Test(minisign, mutations_end_well)
{
	struct tsn_buf original = TSN_BUF_INIT;
	size_t second;

	read_into(&bytes, MADE "signed.txt");
	read_into(&original, MADE "signed.txt.minisig");
	second = (size_t)(strchr(original.p, '\n') - original.p) + 1;
	for (size_t i = second; i < original.len - 1; i++) {
		tsn_buf_clear(&signature);
		tsn_buf_add(&signature, original.p, original.len);
		signature.p[i] ^= (char)(1u << (i % 7));
		cr_assert_not(verify(MADE "plain.pub"), "byte %zu", i);
	}
	tsn_buf_fini(&original);
}

Test(minisign, made_here_and_read_here)
{
	struct tsn_public_key k, again;
	char line[TSN_PUBLIC_KEY_TEXT], id[17], *text;
	struct stat st;

	cr_assert(tsn_minisign_generate(dir_path("p"), dir_path("s"), NULL, error), "%s", error);
	cr_assert_eq(stat(dir_path("s"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600, "a secret is its owner's");
	cr_assert(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), NULL, "tocsin index 4", &text, error), "%s", error);
	tsn_buf_puts(&bytes, "abc");
	tsn_buf_puts(&signature, text);
	tsn_free(text);
	cr_assert(verify(dir_path("p")), "%s", error);
	cr_assert_str_eq(trusted, "tocsin index 4");
	cr_assert(tsn_public_key_parse(key.p, &k, error));
	tsn_public_key_text(&k, line);
	cr_assert(tsn_public_key_parse(line, &again, error));
	cr_assert_eq(memcmp(&k, &again, sizeof(k)), 0);
	tsn_public_key_id(&k, id);
	cr_assert(strstr(key.p, id) != NULL, "%s in %s", id, key.p);
	/* what is there already is nobody's to overwrite */
	cr_assert_not(tsn_minisign_generate(dir_path("q"), dir_path("s"), NULL, error));
	says("is there already and stays as it is");
	cr_assert_neq(access(dir_path("q"), F_OK), 0, "half a pair is none");
}

Test(minisign, passwords)
{
	bool encrypted;
	char *text;

	cr_assert(tsn_minisign_generate_with(dir_path("p"), dir_path("s"), "secret", LITTLE, error), "%s", error);
	cr_assert(tsn_minisign_encrypted(dir_path("s"), &encrypted, error) && encrypted);
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), "wrong", "", &text, error));
	says("wrong password for ");
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), NULL, "", &text, error));
	says("is encrypted and needs its password");
	cr_assert(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), "secret", "", &text, error), "%s", error);
	tsn_buf_puts(&bytes, "abc");
	tsn_buf_puts(&signature, text);
	tsn_free(text);
	cr_assert(verify(dir_path("p")), "%s", error);
	cr_assert(tsn_minisign_encrypted(MADE "encrypted.key", &encrypted, error) && encrypted);
	cr_assert(tsn_minisign_encrypted(MADE "plain.key", &encrypted, error) && !encrypted);
	cr_assert(tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "encrypted.key", "pass word", "x", &text, error), "%s", error);
	tsn_buf_clear(&signature);
	tsn_buf_puts(&signature, text);
	tsn_free(text);
	cr_assert(verify(MADE "encrypted.pub"), "%s", error);
}

Test(minisign, damaged_secret_keys)
{
	char *text, *line;

	read_into(&bytes, MADE "plain.key");
	line = strchr(bytes.p, '\n') + 1;
	line[120] = line[120] == 'A' ? 'B' : 'A'; /* inside the key */
	cr_assert(tsn_file_create(dir_path("s"), bytes.p, bytes.len, 0600, error));
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), NULL, "", &text, error));
	says("is damaged");
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "plain.pub", NULL, "", &text, error));
	says("is no secret key of minisign");
	/* work without end: the memory it asks for, in bytes 46 to 53, becomes 2^62 */
	read_into(&bytes, MADE "encrypted.key");
	line = strchr(bytes.p, '\n') + 1;
	line[70] = line[71] = 'Q';
	cr_assert(tsn_file_create(dir_path("t"), bytes.p, bytes.len, 0600, error));
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("t"), "pass word", "", &text, error));
	says("asks for more work to decrypt it than minisign ever does");
}

Test(minisign, trusted_comments_are_one_line)
{
	char *text, long_one[TSN_TRUSTED_MAX + 1];

	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "plain.key", NULL, "a\nb", &text, error));
	says("the trusted comment has control characters");
	memset(long_one, 'x', sizeof(long_one));
	long_one[TSN_TRUSTED_MAX] = '\0';
	cr_assert_not(tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "plain.key", NULL, long_one, &text, error));
	says("the trusted comment has more than 1023 bytes");
	long_one[TSN_TRUSTED_MAX - 1] = '\0';
	cr_assert(tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "plain.key", NULL, long_one, &text, error), "%s", error);
	tsn_buf_puts(&bytes, "abc");
	tsn_buf_puts(&signature, text);
	tsn_free(text);
	cr_assert(verify(MADE "plain.pub"), "%s", error);
	cr_assert_str_eq(trusted, long_one);
}

Test(minisign, public_keys)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "", "the text ends before it" },
		{ "untrusted comment: x\n", "the text ends before it" },
		{ "RWQ", "one is 56 letters and digits that begin with RW" },
		{ "RWT8rgDE2kQM2To4csf7tXYY/uE0YCdM6YRtPZIdN4WeL243SJ7mCSw6AAAA", "one is 56 letters and digits" },
		{ "RWT8rgDE2kQM2To4csf7tXYY/uE0YCdM6YRtPZIdN4WeL243SJ7mCSw6\nx", "more text follows it" },
		{ "RUT8rgDE2kQM2To4csf7tXYY/uE0YCdM6YRtPZIdN4WeL243SJ7mCSw6", "it is not for Ed25519" },
	};
	struct tsn_public_key k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_not(tsn_public_key_parse(bad[i].text, &k, error), "%s", bad[i].text);
		says(bad[i].says);
	}
}

/* The real program, where it is installed. */
Test(minisign, the_program_verifies_what_is_made_here)
{
	char command[1024], *text;

	if (system("command -v minisign > /dev/null 2>&1") != 0) {
		fprintf(stderr, "NOT CHECKED: minisign is not installed\n");
		return;
	}
	cr_assert(tsn_minisign_generate(dir_path("p"), dir_path("s"), NULL, error), "%s", error);
	cr_assert(tsn_file_create(dir_path("f"), "abc", 3, 0644, error));
	cr_assert(tsn_minisign_sign((const uint8_t *)"abc", 3, dir_path("s"), NULL, "of ours", &text, error), "%s", error);
	cr_assert(tsn_file_create(dir_path("f.minisig"), text, strlen(text), 0644, error));
	tsn_free(text);
	snprintf(command, sizeof(command), "cd %s && minisign -V -p p -m f | grep -q 'Trusted comment: of ours'", dir);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof(command), "cd %s && minisign -S -s s -m f -x g -t 'of theirs' > /dev/null", dir);
	cr_assert_eq(system(command), 0, "our secret key is one of theirs");
	tsn_buf_puts(&bytes, "abc");
	read_into(&signature, dir_path("g"));
	cr_assert(verify(dir_path("p")), "%s", error);
	cr_assert_str_eq(trusted, "of theirs");
	/* and with a password */
	cr_assert(tsn_minisign_generate_with(dir_path("pp"), dir_path("ss"), "secret", LITTLE, error), "%s", error);
	snprintf(command, sizeof(command), "cd %s && echo secret | minisign -S -s ss -m f -x h -t 'locked' > /dev/null 2>&1", dir);
	cr_assert_eq(system(command), 0);
	read_into(&signature, dir_path("h"));
	cr_assert(verify(dir_path("pp")), "%s", error);
}

Test(minisign, memory_may_run_out_anywhere)
{
	struct tsn_public_key k;
	char *text = NULL;
	bool done = false;

	read_into(&key, MADE "plain.pub");
	cr_assert(tsn_public_key_parse(key.p, &k, error));
	for (long n = 0; !done && n < 100; n++) {
		tsn_mem_fail_at(n, true);
		done = tsn_minisign_sign((const uint8_t *)"abc", 3, MADE "plain.key", NULL, "x", &text, error);
		tsn_mem_fail_never();
		cr_assert(done || text == NULL);
	}
	cr_assert(done);
	tsn_free(text);
}

#else
Test(minisign, absent_it_is_said)
{
	struct tsn_public_key k;
	char error[TSN_RULESET_ERROR];

	cr_assert_not(tsn_public_key_parse("RW", &k, error));
	cr_assert_str_eq(error, "this build is without libsodium: it can neither sign nor verify");
}
#endif
