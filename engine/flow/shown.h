/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What alerts show of a flow, in normal form and apart from its batch.
 */
#ifndef TSN_FLOW_SHOWN_H
#define TSN_FLOW_SHOWN_H

#include "base/addr.h"

/* FIELD(symbol, type, member): what is shown of a flow. */
#define TSN_SHOWN_FIELDS(FIELD) \
	FIELD(SRC, addr, src) \
	FIELD(DST, addr, dst) \
	FIELD(SRC_PORT, uint16_t, src_port) \
	FIELD(DST_PORT, uint16_t, dst_port) \
	FIELD(PROTO, uint8_t, proto) \
	FIELD(FLAGS, uint16_t, flags) \
	FIELD(ICMP_TYPE, uint8_t, icmp_type) \
	FIELD(ICMP_CODE, uint8_t, icmp_code) \
	FIELD(PACKETS, uint64_t, packets) \
	FIELD(BYTES, uint64_t, bytes) \
	FIELD(START, int64_t, start) \
	FIELD(END, int64_t, end) \
	FIELD(EXPORTER, addr, exporter) \
	FIELD(IN_IF, uint32_t, in_if) \
	FIELD(OUT_IF, uint32_t, out_if) \
	FIELD(SAMPLING, uint32_t, sampling)

struct tsn_shown {
	uint32_t present; /* bit i: the i-th field of the list; the others are 0 */
	struct tsn_addr src, dst, exporter;
	int64_t start, end;
	uint64_t packets, bytes;
	uint32_t in_if, out_if, sampling;
	uint16_t src_port, dst_port, flags;
	uint8_t proto, icmp_type, icmp_code;
};

#endif
