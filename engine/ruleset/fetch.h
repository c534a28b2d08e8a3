/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Bytes from https:// or file:// by libcurl: no other scheme, no redirect to one, a cap on size, a limit on time. */
#ifndef TSN_RULESET_FETCH_H
#define TSN_RULESET_FETCH_H

#include "base/buf.h"
#include "ruleset/minisign.h"

/* [cap] bytes at most. False with a sentence that names the address. */
bool tsn_fetch(const char *url, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR]);

#endif
