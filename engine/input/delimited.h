/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Messages one after the other, each behind its length as a varint: how protobuf messages are written to files and
 * pipes ("Streaming Multiple Messages", protobuf.dev). Knows nothing of what is in a message. A length that cannot be true
 * ends the file, as nothing marks where the next message begins.
 */
#ifndef TSN_INPUT_DELIMITED_H
#define TSN_INPUT_DELIMITED_H

#include "input/reader.h"

#define TSN_DELIMITED_MOST ((size_t)1 << 16) /* bytes of a message */

struct tsn_delimited_report {
	bool damaged;
	uint64_t offset; /* of the message that could not be read */
	const char *reason;
};

/* The first message of [n] bytes: how long its length is (0 if it is none), and in [size] what it says. */
size_t tsn_delimited_length(const uint8_t *p, size_t n, size_t *size);
/* The next message, valid until the next call; NULL at the end or where reading stopped, with the cause in [report]. */
const uint8_t *tsn_delimited_next(struct tsn_reader *r, size_t *size, struct tsn_delimited_report *report);

#endif
