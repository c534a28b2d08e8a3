/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: packed blocks of an nfcapd file, unpacked by whoever has time (base/hands.h), given in order. All but the
 * unpacking is for the reader's thread.
 */
#ifndef TSN_INPUT_NFCAPD_AHEAD_H
#define TSN_INPUT_NFCAPD_AHEAD_H

#include "input/nfcapd.h"

struct tsn_nfcapd_block {
	uint64_t at;      /* of its header, in the file */
	uint32_t size;    /* in the file, without its header */
	uint16_t type;
	uint8_t *raw;     /* as it lies there */
	size_t raw_room;
	uint8_t *plain;
	size_t plain_room;
	size_t len;       /* 0: it cannot be unpacked */
};

struct tsn_nfcapd_ahead;

/* [hands] NULL: one block at a time. NULL when memory is out. */
struct tsn_nfcapd_ahead *tsn_nfcapd_ahead_new(enum tsn_nfcapd_packing packing, const struct tsn_hands *hands);
void tsn_nfcapd_ahead_free(struct tsn_nfcapd_ahead *a);
/* A block to be filled; the one taken last may be among those. NULL: as many wait as may, or memory is out. */
struct tsn_nfcapd_block *tsn_nfcapd_ahead_room(struct tsn_nfcapd_ahead *a);
/* It is filled, and may be unpacked. */
void tsn_nfcapd_ahead_put(struct tsn_nfcapd_ahead *a);
/* Blocks put and not taken. */
unsigned tsn_nfcapd_ahead_n(const struct tsn_nfcapd_ahead *a);
/* The next one, unpacked; there must be one. NULL when memory is out. */
const struct tsn_nfcapd_block *tsn_nfcapd_ahead_take(struct tsn_nfcapd_ahead *a);

#endif
