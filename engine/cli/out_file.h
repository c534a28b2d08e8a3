/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Texts that commands make: to stdout, or into a file that was not there before. */
#ifndef TSN_CLI_OUT_FILE_H
#define TSN_CLI_OUT_FILE_H

#include "base/buf.h"

/* [path] NULL: stdout. A file that exists is never overwritten. An exit status, told on stderr. */
int tsn_cli_put_new(const char *path, const struct tsn_buf *text);

#endif
