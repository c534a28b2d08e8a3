/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * goflow2's protobuf FlowMessage (github.com/netsampler/goflow2, pb/flow.proto; version 1's seconds and milliseconds
 * and version 2's nanoseconds) to rows. Numbers that are 0 are not transmitted: what every flow has (protocol, ports,
 * flags, tos, packets, bytes) is 0 where it is missing, all else is absent. Of sFlow goflow2 keeps the bytes of the frame,
 * not those of the IP packet. Total: any byte string is a flow or a counted error.
 */
#ifndef TSN_DECODE_GOFLOW2_H
#define TSN_DECODE_GOFLOW2_H

#include "flow/batch.h"
#include "flow/exporter.h"

enum tsn_goflow2 {
	TSN_GOFLOW2_FLOW,
	TSN_GOFLOW2_NO_FLOW, /* has no IP address */
	TSN_GOFLOW2_DAMAGED, /* no protobuf, or an address of no known length */
	TSN_GOFLOW2_STOPPED  /* the sink gave no batch */
};

/*
 * Has this, all of a message or with [cut] its beginning, the fields and types of a FlowMessage? Sets [has_addr] if
 * it names an address.
 */
bool tsn_goflow2_looks_like(const uint8_t *p, size_t n, bool cut, bool *has_addr);
/* One message, without its length. What is no flow is counted against its exporter, if it says it. */
enum tsn_goflow2 tsn_goflow2_decode(const uint8_t *p, size_t n, struct tsn_exporters *exporters,
    struct tsn_batch_sink *sink);

#endif
