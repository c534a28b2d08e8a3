/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: one message on its way to the decoder of its format, which the version word
 * (the first 16 bits) decides.
 */
#ifndef TSN_DECODE_MESSAGE_H
#define TSN_DECODE_MESSAGE_H

#include "decode/decode.h"
#include "decode/later.h"
#include "flow/exporter.h"

struct tsn_message {
	const uint8_t *p;
	size_t len; /* at least 2 */
	struct tsn_sender from;
	uint32_t source;        /* index of the exporter... */
	struct tsn_exporter *x; /* ...and the exporter */
	int64_t received;       /* ms since 1970 UTC */
	const struct tsn_far_place *where; /* it stays there; NULL: nowhere */
	struct tsn_later *later; /* its records wait, and [p] has its header alone; else NULL */
};

#endif
