/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Numbers in network byte order at any alignment. The caller has checked that
 * the bytes are there. (memcpy and a swap: gcc 12 makes worse code of shifts.)
 */
#ifndef TSN_BASE_WIRE_H
#define TSN_BASE_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t
tsn_wire_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t
tsn_wire_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t
tsn_wire_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

#endif
