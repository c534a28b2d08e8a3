/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset keygen: what publishers of rulesets do with keys. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/ruleset.h"
#include "ruleset/file.h"

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
