/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Numbers and texts as bytes, and back: what snapshots are written in. Integers are
 * LEB128 (7 bits a byte, least first), signed ones zigzag; little words cost one byte on any machine.
 *
 * Writing sticks at the first failure of memory. Reading is total: any bytes may be given,
 * after the first that make no sense everything reads as 0 and [bad] is set.
 */
#ifndef TSN_BASE_PACK_H
#define TSN_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct tsn_pack {
	uint8_t *p;      /* owned: tsn_pack_fini */
	size_t n, cap;
	bool failed;     /* memory was out: what is there is not whole */
};

struct tsn_unpack {
	const uint8_t *p, *end;
	bool bad;
};

void tsn_pack_fini(struct tsn_pack *k);
void tsn_pack_uint(struct tsn_pack *k, uint64_t v);
void tsn_pack_int(struct tsn_pack *k, int64_t v);
void tsn_pack_bool(struct tsn_pack *k, bool v);
void tsn_pack_real(struct tsn_pack *k, double v);
void tsn_pack_addr(struct tsn_pack *k, struct tsn_addr a);
/* As they are, without their length. */
void tsn_pack_raw(struct tsn_pack *k, const void *p, size_t n);
/* With their length. */
void tsn_pack_bytes(struct tsn_pack *k, const void *p, size_t n);
void tsn_pack_str(struct tsn_pack *k, const char *s);
/*
 * A part that readers may skip whole: [open] returns a place for [close], between which anything is written.
 * tsn_unpack_part gives the part as a reader of its own and goes past it.
 */
size_t tsn_pack_open(struct tsn_pack *k);
void tsn_pack_close(struct tsn_pack *k, size_t at);

uint64_t tsn_unpack_uint(struct tsn_unpack *u);
/* The same, bad if above [most]. */
uint64_t tsn_unpack_below(struct tsn_unpack *u, uint64_t most);
int64_t tsn_unpack_int(struct tsn_unpack *u);
bool tsn_unpack_bool(struct tsn_unpack *u);
/* What is not finite is bad. */
double tsn_unpack_real(struct tsn_unpack *u);
/* More than an IPv4 address has is bad in one. */
struct tsn_addr tsn_unpack_addr(struct tsn_unpack *u);
/* Points into the input; NULL if bad. */
const uint8_t *tsn_unpack_raw(struct tsn_unpack *u, size_t n);
const uint8_t *tsn_unpack_bytes(struct tsn_unpack *u, size_t *n);
struct tsn_unpack tsn_unpack_part(struct tsn_unpack *u);
/* Read to the end, and nothing was bad. */
bool tsn_unpack_done(const struct tsn_unpack *u);

#endif
