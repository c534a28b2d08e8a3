/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset VERB: what the verbs, each a function in a cmd_ruleset_*.c, share. */
#ifndef TSN_CLI_RULESET_H
#define TSN_CLI_RULESET_H

#include "cli/cli.h"
#include "ruleset/minisign.h"

/* [c] is parsed, c->args are what stands after the verb. */
#define VERB(name, args, what, more) int tsn_ruleset_##name(struct tsn_cli *c);
#include "cli/ruleset.def"
#undef VERB

struct tsn_buf;
/*
 * Signs [bytes], to be the file [path], with --secret-key, whose password is asked for, and writes PATH.minisig; the trusted
 * comment is that of -c, or says what the bytes are. 0, or an exit status, told on stderr.
 */
int tsn_ruleset_sign_bytes(struct tsn_cli *c, const char *path, const struct tsn_buf *bytes);

#define TSN_PASSWORD_MAX 1024

/*
 * From --password-file (its first line; a number is an open descriptor), else asked for on the terminal without echo, twice if
 * [again]. 0, or an exit status, told on stderr. To be wiped with tsn_password_forget.
 */
int tsn_password_get(const struct tsn_cli *c, const char *what, bool again, char password[TSN_PASSWORD_MAX]);
void tsn_password_forget(char password[TSN_PASSWORD_MAX]);

#endif
