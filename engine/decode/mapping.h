/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which Information Element fills which field: mapping.def as a table, for the
 * decoder of templates and for listings. Static, sorted, read only.
 */
#ifndef TSN_DECODE_MAPPING_H
#define TSN_DECODE_MAPPING_H

#include "flow/fields.h"

/* KIND(symbol, "how the value is read, for listings") */
#define TSN_MAPPING_KINDS(KIND) \
	KIND(UINT, "unsigned number of 1 to 8 bytes") \
	KIND(BIT, "0 or 1, other numbers say nothing") \
	KIND(FLAGS, "flags, or-ed together") \
	KIND(IPV4, "IPv4 address") \
	KIND(IPV6, "IPv6 address") \
	KIND(MAC, "MAC address") \
	KIND(TEXT, "text") \
	KIND(REQUEST, "second word of an HTTP request line") \
	KIND(HIGH, "first of two bytes") \
	KIND(LOW, "second of two bytes") \
	KIND(DSCP, "upper six bits") \
	KIND(FWD, "upper two bits of the last byte") \
	KIND(UPTIME, "milliseconds of the exporter's uptime") \
	KIND(SECONDS, "seconds since 1970") \
	KIND(MILLIS, "milliseconds since 1970") \
	KIND(NTP, "NTP timestamp") \
	KIND(AGO, "microseconds before the message's time") \
	KIND(ROLE, "no field of its own")

enum tsn_mapping_kind {
#define KIND(sym, help) TSN_MAP_##sym,
	TSN_MAPPING_KINDS(KIND)
#undef KIND
};

/* What an element without a field is for. */
enum tsn_role {
	TSN_ROLE_NONE,
	TSN_ROLE_SAMPLER,         /* number of the sampler or selector, whose interval options tell */
	TSN_ROLE_APPLICATION,     /* RFC 6759 number, whose name options tell */
	TSN_ROLE_VRF_IN,
	TSN_ROLE_VRF_OUT,
	TSN_ROLE_INIT,            /* when the exporter's uptime was 0 */
	TSN_ROLE_DURATION_MS,
	TSN_ROLE_DURATION_US,
	TSN_ROLE_ANSWERED_MS,     /* YAF: from the first packet to the first of the other direction */
	TSN_ROLE_PACKET_INTERVAL, /* so many packets are taken... */
	TSN_ROLE_PACKET_SPACE,    /* ...and then so many left out */
	TSN_ROLE_SAMPLE_SIZE,     /* so many packets... */
	TSN_ROLE_POPULATION,      /* ...out of so many */
	TSN_ROLE_PROBABILITY,
	TSN_ROLE_COUNT
};

struct tsn_mapping {
	uint32_t pen;
	uint16_t id;
	uint8_t kind;  /* enum tsn_mapping_kind */
	uint8_t field; /* enum tsn_field; of kind ROLE the enum tsn_role */
	uint8_t rank;  /* the lowest counts */
	bool reverse;  /* of the flow's other direction */
};

/* The i-th (0, 1, ...) by enterprise and id; NULL past the last. */
const struct tsn_mapping *tsn_mapping_at(size_t i);
/* The first of an element's, which stand together; NULL if it has none. [*n]: how many. */
const struct tsn_mapping *tsn_mapping_find(uint32_t pen, uint16_t id, size_t *n);
const char *tsn_mapping_kind_help(enum tsn_mapping_kind k);

#endif
