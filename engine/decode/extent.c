/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Where an export message ends that does not come in a datagram of its own, and when it was sent. */
#include "base/clock.h"
#include "decode/decode.h"
#include "decode/fill.h"
#include "decode/wire.h"

#define V9_HEADER 20u
#define IPFIX_HEADER 16u
#define V9_MOST 65535u

/*
 * v9 (RFC 3954 5.1) says how many records it has, not how many bytes: its sets, 16-bit id and length, are walked to what
 * cannot be one. The version words of all messages, a next one's among them, are no ids of sets (2 to 255 are unused), but for
 * v1's, which no exporter of v9 sends.
 */
static int64_t
v9_extent(const uint8_t *p, size_t n, bool ended)
{
	size_t at = V9_HEADER;

	if (n < V9_HEADER + 4)
		return ended ? -1 : 0;
	if (tsn_wire_u16(p + 2) == 0)
		return -1;
	while (n - at >= 4) {
		uint16_t id = tsn_wire_u16(p + at), size = tsn_wire_u16(p + at + 2);

		if ((id > 1 && id < 256) || size < 4 || at + size > V9_MOST)
			return at > V9_HEADER ? (int64_t)at : -1;
		if (size > n - at) /* cut short, or more is to come */
			return ended ? (int64_t)(at + size) : 0;
		at += size;
	}
	return ended ? (int64_t)at : 0;
}

int64_t
tsn_decode_extent(const uint8_t *p, size_t n, bool ended)
{
	uint16_t version, count;

	if (n < 4)
		return ended ? -1 : 0;
	version = tsn_wire_u16(p);
	count = tsn_wire_u16(p + 2);
	if (version == 9)
		return v9_extent(p, n, ended);
	if (version == 10) /* RFC 7011 3.1: the length of the message, its header included */
		return count >= IPFIX_HEADER ? count : -1;
	if (version >= TSN_FIXED_VERSIONS || tsn_fixed_shapes[version].header == 0 || count == 0 ||
	    count > tsn_fixed_shapes[version].max_count)
		return -1;
	return tsn_fixed_shapes[version].header + (int64_t)count * tsn_fixed_shapes[version].record;
}

int64_t
tsn_decode_export_time(const uint8_t *p, size_t n)
{
	if (n < 16)
		return TSN_TIME_NONE;
	switch (tsn_wire_u16(p)) {
	case 1:
	case 5:
	case 7:
		return (int64_t)tsn_wire_u32(p + 8) * 1000 + tsn_wire_u32(p + 12) / 1000000;
	case 9:
		return (int64_t)tsn_wire_u32(p + 8) * 1000;
	case 10:
		return (int64_t)tsn_wire_u32(p + 4) * 1000;
	default:
		return TSN_TIME_NONE;
	}
}

bool
tsn_decode_begins(const uint8_t *p, size_t n, bool whole)
{
	int64_t extent = tsn_decode_extent(p, n, whole);
	size_t len = (size_t)extent;

	if (extent < 0 || n < IPFIX_HEADER)
		return false;
	if (extent == 0) /* a v9 message longer than these bytes, and its sets add up so far */
		return true;
	if (len <= n && tsn_decode_looks_like(p, len))
		return true;
	if (len + 4 <= n) /* it may lie within, but not about where the next one begins */
		return tsn_wire_u16(p) == tsn_wire_u16(p + len) && tsn_decode_extent(p + len, n - len, whole) >= 0;
	return (whole && len == n) || tsn_decode_looks_like_export(p, n < len ? n : len) ||
	    (tsn_wire_u16(p) == 10 && n >= 20 && tsn_wire_u16(p + 16) != 0 && tsn_wire_u16(p + 18) >= 4 &&
		tsn_wire_u16(p + 18) <= len - IPFIX_HEADER);
}
