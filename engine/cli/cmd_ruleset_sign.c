/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset keygen, sign and verify: what is done with keys. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/ruleset.h"
#include "cli/terminal.h"
#include "ruleset/file.h"
#include "ruleset/index.h"

/* Tells where a pair of keys is and how others name it. */
static int
say_pair(const struct tsn_cli *c)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_public_key k;
	char error[TSN_RULESET_ERROR], line[TSN_PUBLIC_KEY_TEXT];
	bool ok = tsn_file_read(c->public_key, 4096, &text, error) && tsn_public_key_parse(tsn_buf_str(&text), &k, error);

	tsn_buf_fini(&text);
	if (!ok) {
		tsn_cli_warn("%s", error);
		return TSN_EXIT_INPUT;
	}
	tsn_public_key_text(&k, line);
	printf("%s: the secret key; keep it off the net, and a copy of it\n%s: the public key, for everybody\n%s\n", c->secret_key,
	    c->public_key, line);
	return TSN_EXIT_OK;
}

int
tsn_ruleset_keygen(struct tsn_cli *c)
{
	char error[TSN_RULESET_ERROR], password[TSN_PASSWORD_MAX] = "";
	int status;
	bool ok;

	if (c->args.n > 0 || c->public_key == NULL || c->secret_key == NULL)
		return tsn_cli_usage(c, "keygen takes -p PUBKEY and -k SECRET, the files to write, and nothing else");
	if (c->no_password && c->password_file != NULL)
		return tsn_cli_usage(c, "--no-password and --password-file exclude one another");
	if (!c->no_password && (status = tsn_password_get(c, c->secret_key, true, password)) != 0)
		return status;
	ok = tsn_minisign_generate(c->public_key, c->secret_key, password, error);
	tsn_password_forget(password);
	if (!ok) {
		tsn_cli_warn("%s", error);
		return TSN_EXIT_INPUT;
	}
	return say_pair(c);
}

/* --- sign --- */

#define FILE_MAX ((size_t)1 << 30)

static bool
ends(const char *path, const char *with)
{
	size_t n = strlen(path), m = strlen(with);

	return n >= m && strcmp(path + n - m, with) == 0 && (n == m || with[0] == '.' || path[n - m - 1] == '/');
}

/* What the bytes are, for the trusted comment: archives and indexes say it themselves, others have their name. */
static bool
describe(const char *path, const struct tsn_buf *bytes, char out[TSN_TRUSTED_MAX], char error[TSN_RULESET_ERROR])
{
	const char *slash = strrchr(path, '/');
	struct tsn_manifest m;
	struct tsn_index x;

	if (ends(path, ".tar.zst")) {
		if (!tsn_archive_unpack((const uint8_t *)tsn_buf_str(bytes), bytes->len, NULL, &m, error))
			return false;
		snprintf(out, TSN_TRUSTED_MAX, "tocsin ruleset %s %s", m.name, m.version);
		tsn_manifest_fini(&m);
	} else if (ends(path, "index.json")) {
		if (!tsn_index_parse(tsn_buf_str(bytes), bytes->len, &x, error))
			return false;
		snprintf(out, TSN_TRUSTED_MAX, "tocsin index %llu", (unsigned long long)x.serial);
		tsn_index_fini(&x);
	} else {
		snprintf(out, TSN_TRUSTED_MAX, "%.*s", TSN_TRUSTED_MAX - 1, slash != NULL ? slash + 1 : path);
	}
	return true;
}

static bool
beside(const char *path, struct tsn_buf *out)
{
	tsn_buf_clear(out);
	tsn_buf_printf(out, "%s.minisig", path);
	return !out->failed;
}

/* Damaged content is the signer's to mend (1), all else could not be read or written (3). */
static int
sign_with(const struct tsn_cli *c, const char *path, const struct tsn_buf *bytes, const char *password)
{
	char trusted[TSN_TRUSTED_MAX], error[TSN_RULESET_ERROR], *text = NULL;
	const char *comment = c->comment;
	struct tsn_buf to = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	if (comment == NULL && !describe(path, bytes, trusted, error)) {
		tsn_cli_warn("%s: %s", path, error);
		return TSN_EXIT_RULES;
	}
	if (comment == NULL)
		comment = trusted;
	if (!beside(path, &to)) {
		status = tsn_cli_no_memory();
	} else if (!tsn_minisign_sign((const uint8_t *)tsn_buf_str(bytes), bytes->len, c->secret_key, password, comment, &text, error) ||
	    !tsn_file_replace(to.p, text, strlen(text), 0644, error)) {
		tsn_cli_warn("%s", error);
		status = TSN_EXIT_INPUT;
	} else {
		printf("%s: %s\n", to.p, comment);
	}
	tsn_free(text);
	tsn_buf_fini(&to);
	return status;
}

/* The password of --secret-key, if it has one. */
static int
secret_password(const struct tsn_cli *c, char password[TSN_PASSWORD_MAX])
{
	char error[TSN_RULESET_ERROR];
	bool encrypted;

	password[0] = '\0';
	if (!tsn_minisign_encrypted(c->secret_key, &encrypted, error)) {
		tsn_cli_warn("%s", error);
		return TSN_EXIT_INPUT;
	}
	return encrypted ? tsn_password_get(c, c->secret_key, false, password) : 0;
}

int
tsn_ruleset_sign_bytes(struct tsn_cli *c, const char *path, const struct tsn_buf *bytes)
{
	char password[TSN_PASSWORD_MAX];
	int status = secret_password(c, password);

	if (status == 0)
		status = sign_with(c, path, bytes, password);
	tsn_password_forget(password);
	return status;
}

static bool
read_whole(const char *path, struct tsn_buf *out)
{
	char error[TSN_RULESET_ERROR];
	bool ok;

	tsn_buf_clear(out);
	ok = tsn_file_read(path, FILE_MAX, out, error);
	if (!ok)
		tsn_cli_warn("%s", error);
	return ok;
}

int
tsn_ruleset_sign(struct tsn_cli *c)
{
	struct tsn_buf bytes = TSN_BUF_INIT;
	char password[TSN_PASSWORD_MAX];
	int status;

	if (c->args.n == 0 || c->secret_key == NULL)
		return tsn_cli_usage(c, "sign takes files and -k SECRET, the key to sign with");
	status = secret_password(c, password);
	for (size_t i = 0; status == 0 && i < c->args.n; i++)
		status = read_whole(c->args.v[i], &bytes) ? sign_with(c, c->args.v[i], &bytes, password) : TSN_EXIT_INPUT;
	tsn_password_forget(password);
	tsn_buf_fini(&bytes);
	return status;
}

/* --- verify --- */

static int
read_public(const struct tsn_cli *c, struct tsn_public_key *k)
{
	struct tsn_buf text = TSN_BUF_INIT;
	char error[TSN_RULESET_ERROR];
	int status = TSN_EXIT_OK;

	if (strlen(c->public_key) == TSN_PUBLIC_KEY_TEXT - 1 && strncmp(c->public_key, "RW", 2) == 0 &&
	    tsn_public_key_parse(c->public_key, k, error))
		return TSN_EXIT_OK;
	if (!read_whole(c->public_key, &text)) {
		status = TSN_EXIT_INPUT;
	} else if (!tsn_public_key_parse(tsn_buf_str(&text), k, error)) {
		tsn_cli_warn("%s: %s", c->public_key, error);
		status = TSN_EXIT_INPUT;
	}
	tsn_buf_fini(&text);
	return status;
}

static int
verify_file(const char *path, const struct tsn_public_key *k, struct tsn_buf *bytes, struct tsn_buf *signature)
{
	char trusted[TSN_TRUSTED_MAX], error[TSN_RULESET_ERROR];
	struct tsn_buf from = TSN_BUF_INIT, shown = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	if (!beside(path, &from)) {
		status = tsn_cli_no_memory();
	} else if (!read_whole(path, bytes) || !read_whole(from.p, signature)) {
		status = TSN_EXIT_INPUT;
	} else if (!tsn_minisign_verify((const uint8_t *)tsn_buf_str(bytes), bytes->len, tsn_buf_str(signature), signature->len, k, trusted,
	    error)) {
		tsn_cli_warn("%s: %s", path, error);
		status = TSN_EXIT_RULES;
	} else {
		tsn_terminal_text(&shown, trusted, strlen(trusted), 0);
		printf("%s: %s\n", path, tsn_buf_str(&shown));
	}
	tsn_buf_fini(&from);
	tsn_buf_fini(&shown);
	return status;
}

int
tsn_ruleset_verify(struct tsn_cli *c)
{
	struct tsn_buf bytes = TSN_BUF_INIT, signature = TSN_BUF_INIT;
	struct tsn_public_key k;
	int status, worst = TSN_EXIT_OK;

	if (c->args.n == 0 || c->public_key == NULL)
		return tsn_cli_usage(c, "verify takes files and -p PUBKEY, the key that signed them");
	status = read_public(c, &k);
	for (size_t i = 0; status == TSN_EXIT_OK && i < c->args.n; i++) {
		int one = verify_file(c->args.v[i], &k, &bytes, &signature);

		if (one > worst)
			worst = one;
	}
	tsn_buf_fini(&bytes);
	tsn_buf_fini(&signature);
	return status != TSN_EXIT_OK ? status : worst;
}
