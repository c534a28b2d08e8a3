/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Frames, and the capture files they are kept in. Knows nothing of flows. */
#ifndef TESTS_GEN_FRAMES_H
#define TESTS_GEN_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FRAME_BEFORE 96 /* bytes that there must be before a frame or a datagram's data, for headers */
#define FRAME_AFTER 8   /* and after */

struct frames {
	FILE *file;
	bool vlan;          /* exports have 802.1Q tags, a VLAN for each of 16 exporters */
	bool pcapng;
	uint64_t written;   /* exports, for their numbers in IP */
};

/* What the file begins with: Ethernet, microseconds. False if it cannot be written, as below. */
bool frames_begin(struct frames *);

/* A frame at [now] ms since 1970 UTC; the bytes around it are overwritten. */
bool frames_write(struct frames *, uint8_t *frame, uint32_t len, uint64_t now);

/* [data] as a UDP datagram of exporter [who], IPv6 if [v6]. */
bool frames_write_export(struct frames *, uint8_t *data, uint32_t len, uint32_t who, bool v6, uint64_t now);

#endif
