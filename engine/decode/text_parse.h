/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the decode room: single values as tools write them. Every function takes the whole text of [n] bytes or refuses it. */
#ifndef TSN_DECODE_TEXT_PARSE_H
#define TSN_DECODE_TEXT_PARSE_H

#include "decode/text.h"

/* Decimal or 0x hexadecimal, at most INT64_MAX. */
bool tsn_parse_uint(const char *p, size_t n, int64_t *out);
/* A decimal number, perhaps with a fraction and an exponent, times 10^[digits], rounded down. */
bool tsn_parse_decimal(const char *p, size_t n, int digits, int64_t *out);
/* An address in any form of RFC 4291, IPv4 perhaps padded with zeros. */
bool tsn_parse_addr(const char *p, size_t n, struct tsn_addr *out);
/* Date and time, "-" or "/" in the date, T or a space before the time, a fraction, a zone; microseconds since 1970 UTC. */
bool tsn_parse_date(const char *p, size_t n, int64_t *us);
/* "1m30s", "500ms", "01:02:03.004", "1d 02:03:04" in microseconds. */
bool tsn_parse_span(const char *p, size_t n, int64_t *us);
/* TCP flags: words or single letters with anything between them, dots for what is not set, or a number. */
bool tsn_parse_flags(const char *p, size_t n, int64_t *out);
bool tsn_parse_mac(const char *p, size_t n, int64_t *out);
/* Name, in any case and with - for _, or number. [nfdump]: by the names that nfdump prints. */
bool tsn_parse_proto(const char *p, size_t n, bool nfdump, int64_t *out);

#endif
