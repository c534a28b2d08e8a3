/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: which UDP streams (source address, destination port)
 * of a capture have shown an export datagram. Bounded, only ever grows fuller.
 */
#ifndef TSN_INPUT_STREAMS_H
#define TSN_INPUT_STREAMS_H

#include "base/addr.h"

struct tsn_streams;

struct tsn_streams *tsn_streams_new(uint32_t max);
void tsn_streams_free(struct tsn_streams *s);
bool tsn_streams_has(const struct tsn_streams *s, struct tsn_addr src, uint16_t port);
/* False if the table is full or memory is out. */
bool tsn_streams_add(struct tsn_streams *s, struct tsn_addr src, uint16_t port);

#endif
