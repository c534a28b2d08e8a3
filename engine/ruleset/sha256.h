/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to ruleset/. */
#ifndef TSN_RULESET_SHA256_H
#define TSN_RULESET_SHA256_H

#include "ruleset/minisign.h"

/* The hash in 64 hexadecimal digits. False in a build without libsodium. */
bool tsn_sha256_text(const void *p, size_t n, char out[65], char error[TSN_RULESET_ERROR]);

#endif
