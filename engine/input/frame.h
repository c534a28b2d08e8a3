/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One frame of a capture. */
#ifndef TSN_INPUT_FRAME_H
#define TSN_INPUT_FRAME_H

#include "input/datagram.h"

struct tsn_frame {
	const uint8_t *p; /* valid until the next frame is asked for */
	size_t len;       /* bytes captured */
	size_t full;      /* bytes on the wire, at least len */
	int64_t ms;       /* capture time since 1970 UTC */
};

#endif
