/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Telling export datagrams from other UDP by their shape alone: the lengths a
 * message gives must add up to the bytes there are.
 */
#include "decode/decode.h"
#include "decode/fill.h"
#include "decode/wire.h"

#define YEAR_2000 946684800u /* in seconds since 1970 */

static bool
fixed_adds_up(const uint8_t *p, size_t len)
{
	const struct tsn_fixed_shape *shape;
	uint16_t version = tsn_wire_u16(p), count = tsn_wire_u16(p + 2);

	if (version >= TSN_FIXED_VERSIONS)
		return false;
	shape = &tsn_fixed_shapes[version];
	return count > 0 && count <= shape->max_count && len == shape->header + (size_t)count * shape->record;
}

/* Sets of v9 (RFC 3954 5) and IPFIX (RFC 7011 3.3.2): 16-bit id and length, to the very end. */
static bool
sets_add_up(const uint8_t *p, size_t len, uint16_t template_ids)
{
	size_t at = 0;

	while (len - at >= 4) {
		uint16_t id = tsn_wire_u16(p + at), n = tsn_wire_u16(p + at + 2);

		if (n < 4 || n > len - at ||
		    (id < 256 && id != template_ids && id != template_ids + 1))
			return false;
		at += n;
	}
	return at == len && at > 0;
}

bool
tsn_decode_looks_like(const uint8_t *p, size_t len)
{
	switch (len >= 16 ? tsn_wire_u16(p) : 0) {
	case 9:
		return len > 20 && tsn_wire_u16(p + 2) != 0 && sets_add_up(p + 20, len - 20, 0);
	case 10:
		return tsn_wire_u16(p + 2) == len && sets_add_up(p + 16, len - 16, 2);
	case 0:
		return false;
	default:
		return fixed_adds_up(p, len);
	}
}

/*
 * A v1, v5 or v7 message with one thing wrong: bytes are missing or too many,
 * or the count lies; but the clock in its header can be one.
 */
static bool
odd_but_likely(const uint8_t *p, size_t len)
{
	const struct tsn_fixed_shape *shape;
	uint16_t version = tsn_wire_u16(p), count = tsn_wire_u16(p + 2);

	if (version >= TSN_FIXED_VERSIONS || tsn_fixed_shapes[version].header == 0)
		return false;
	shape = &tsn_fixed_shapes[version];
	if (len < (size_t)shape->header + shape->record)
		return false;
	if ((count == 0 || count > shape->max_count) && (len - shape->header) % shape->record != 0)
		return false;
	return tsn_wire_u32(p + 8) >= YEAR_2000 && tsn_wire_u32(p + 12) < 1000000000;
}

/* sFlow v5 (sflow.org, "sFlow Version 5", section 5): samples with a 32-bit type and length. */
static bool
samples_add_up(const uint8_t *p, size_t len)
{
	size_t at = len >= 8 && tsn_wire_u32(p + 4) == 2 ? 40 : 28;
	uint32_t n;

	if (len < at || (tsn_wire_u32(p + 4) != 1 && tsn_wire_u32(p + 4) != 2))
		return false;
	for (n = tsn_wire_u32(p + at - 4); n > 0 && len - at >= 8; n--) {
		uint32_t size = tsn_wire_u32(p + at + 4);

		if (size > len - at - 8)
			return false;
		at += 8 + size;
	}
	return n == 0 && at == len;
}

/* An sFlow v5 datagram whose samples do not add up, but whose first is whole and of a known kind. */
static bool
odd_but_likely_samples(const uint8_t *p, size_t len)
{
	static const uint8_t least[] = { 0, 32, 12, 44, 16, 32 }; /* bytes of a sample by its format */
	uint32_t family = tsn_wire_u32(p + 4), format, size;
	size_t at = family == 2 ? 40 : 28;

	if ((family != 1 && family != 2) || len < at + 8 || tsn_wire_u32(p + at - 4) == 0)
		return false;
	format = tsn_wire_u32(p + at);
	size = tsn_wire_u32(p + at + 4);
	return format >= 1 && format < sizeof(least) && size >= least[format] && size % 4 == 0 && size <= len - at - 8;
}

bool
tsn_decode_looks_like_export(const uint8_t *p, size_t len)
{
	if (tsn_decode_looks_like(p, len))
		return true;
	if (len < 16)
		return false;
	if (odd_but_likely(p, len))
		return true;
	return tsn_wire_u16(p) == 0 && tsn_wire_u16(p + 2) == 5 && (samples_add_up(p, len) || odd_but_likely_samples(p, len));
}

const char *
tsn_decode_format(const uint8_t *p, size_t len)
{
	switch (len >= 4 ? tsn_wire_u16(p) : UINT16_MAX) {
	case 0:
		return tsn_wire_u16(p + 2) == 5 ? "sFlow v5"
		    : tsn_wire_u16(p + 2) == 4  ? "sFlow v4"
		    : tsn_wire_u16(p + 2) == 2  ? "sFlow v2"
						: "an unknown format";
	case 1:
		return "NetFlow v1";
	case 5:
		return "NetFlow v5";
	case 7:
		return "NetFlow v7";
	case 8:
		return "NetFlow v8";
	case 9:
		return "NetFlow v9";
	case 10:
		return "IPFIX";
	default:
		return "an unknown format";
	}
}

const char *
tsn_decode_formats(void)
{
	return "NetFlow v1, v5, v7, v9, IPFIX, sFlow v5";
}
