/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/out_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

int
tsn_cli_put_new(const char *path, const struct tsn_buf *text)
{
	FILE *f;
	bool ok;

	if (text->failed)
		return tsn_cli_no_memory();
	if (path == NULL) {
		fwrite(tsn_buf_str(text), 1, text->len, stdout);
		return TSN_EXIT_OK;
	}
	f = fopen(path, "wx");
	if (f == NULL) {
		tsn_cli_warn("%s: %s", path, errno == EEXIST ? "it exists, and is left alone" : strerror(errno));
		return TSN_EXIT_USAGE;
	}
	ok = fwrite(tsn_buf_str(text), 1, text->len, f) == text->len;
	ok = fclose(f) == 0 && ok;
	if (!ok) {
		tsn_cli_warn("%s: %s", path, strerror(errno));
		unlink(path);
	}
	return ok ? TSN_EXIT_OK : TSN_EXIT_INPUT;
}
