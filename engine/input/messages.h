/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Export messages one behind the other, as IPFIX files (RFC 5655) and recorded payloads have them. Cut by the
 * lengths they give themselves; where one does not fit, the next that surely is one is searched for. What a message is, is
 * passed in. One thread.
 */
#ifndef TSN_INPUT_MESSAGES_H
#define TSN_INPUT_MESSAGES_H

#include "input/reader.h"

#define TSN_MESSAGE_MAX 65535u
#define TSN_MESSAGE_GAP ((size_t)256 << 10) /* bytes passed over in one go */

struct tsn_messages {
	struct tsn_reader *reader;
	/* The length of the message at [p], which may be more than [n]; 0: more bytes are needed, -1: none begins here. */
	int64_t (*extent)(const uint8_t *p, size_t n, bool ended);
	/* Is this surely one whole message? */
	bool (*sure)(const uint8_t *p, size_t len);
	uint8_t version[2]; /* that the first message begins with */
};

enum tsn_messages_found {
	TSN_MESSAGES_ONE,
	TSN_MESSAGES_CUT, /* the last one, of which the end is missing */
	TSN_MESSAGES_GAP, /* bytes that are no message; it goes on behind them */
	TSN_MESSAGES_END
};

struct tsn_message_piece {
	const uint8_t *p; /* valid until the next one is asked for; NULL for a gap */
	size_t len;
	uint64_t offset;
};

enum tsn_messages_found tsn_messages_next(struct tsn_messages *m, struct tsn_message_piece *out);

#endif
