/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: putting IP fragments together. Bounded in datagrams
 * and bytes, aged by capture time. Fragments may come in any order and more
 * than once; if two overlap otherwise the whole datagram is refused (RFC 5722).
 */
#ifndef TSN_INPUT_FRAGMENT_H
#define TSN_INPUT_FRAGMENT_H

#include "input/packet.h"

#define TSN_FRAGMENT_MS 30000 /* a datagram whose fragments take longer is given up */

struct tsn_fragments;

/* [max] datagrams at a time; the oldest gives way to a new one. NULL when memory is out. */
struct tsn_fragments *tsn_fragments_new(uint32_t max);
void tsn_fragments_free(struct tsn_fragments *f);
/*
 * Takes one fragment. True if it completed its datagram: then [ip] is that of
 * the whole (payload valid until the next call).
 */
bool tsn_fragments_add(struct tsn_fragments *f, struct tsn_ip *ip, int64_t now_ms);
/* Datagrams given up so far; after [flush] also those still waiting. */
uint64_t tsn_fragments_incomplete(const struct tsn_fragments *f);
void tsn_fragments_flush(struct tsn_fragments *f);

#endif
