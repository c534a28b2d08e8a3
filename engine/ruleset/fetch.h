/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Bytes from https:// or file:// by libcurl: no other scheme, no redirect but to https, a cap on size, a limit on time.
 * Who answers is judged by the certificates the system trusts; what is answered by signatures, not here.
 */
#ifndef TSN_RULESET_FETCH_H
#define TSN_RULESET_FETCH_H

#include "base/buf.h"
#include "ruleset/minisign.h"

/* [cap] bytes at most. False with a sentence that names the address; [out] is empty then. */
bool tsn_fetch(const char *url, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR]);
/* The same for servers whose certificate a private authority signed: [ca] is a file of its certificates, which then count alone. */
bool tsn_fetch_ca(const char *url, const char *ca, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR]);

#endif
