/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The records of nfdump's files to rows of a batch. One file may mix generations; all are read wherever they stand:
 *
 * - common records of nfdump 1.5 (blocks of type 1), of 1.6 (record types 1 and 10) with extension maps (type 2), and
 *   of 1.7 (type 11, "V3") with a list of elements;
 * - exporters (7), which give an address and a source id to the records that refer to them, and names of
 *   applications, interfaces and routing instances (12, 13, 14). Other records say nothing of flows.
 *
 * What is special:
 * - Sampling. nfcapd multiplies packets and bytes by the interval before it stores them (flag "sampled", bit 7 of 1.6's
 *   records, bit 1 of 1.7's) and no record keeps the raw ones; so `sampling` stays absent, else they would be scaled
 *   twice.
 * - Times. [received] is the stored time of receipt; where a file keeps none (1.6 does so only on demand) it is
 *   TSN_TIME_NONE, and the clock runs by the end of the flow. A flow that ends before it starts has its two times
 *   exchanged and is counted (CLOCK), as in decode.h. Event records (NSEL, NEL) without times get that of the event.
 * - nfcapd writes 0 where an exporter gave nothing. A 0 of MAC address, TTL or forwarding status is taken as absent,
 *   one of interface, AS, mask or direction is kept, as in NetFlow v5.
 *
 * Total, like decode.h: any bytes give rows and counted errors. One decoder a file, on one thread.
 */
#ifndef TSN_DECODE_NFCAPD_H
#define TSN_DECODE_NFCAPD_H

#include "decode/decode.h"

struct tsn_nfcapd;

/* [swapped]: the numbers are in the other byte order than this machine's. NULL when memory is out. */
struct tsn_nfcapd *tsn_nfcapd_new(struct tsn_exporters *exporters, bool swapped);
void tsn_nfcapd_free(struct tsn_nfcapd *d);

struct tsn_nfcapd_result {
	size_t used;     /* bytes that need not come again */
	uint64_t flows;  /* rows made */
	uint64_t bad;    /* records that could not be decoded */
	bool broken;     /* the lengths of records went wrong... */
	size_t broken_at; /* ...there; the rest of the block is lost */
};

/*
 * Decodes the records at [p], of a block of [type] in a file of [layout]. Unless it is the [last] piece of its block, a
 * record that is not whole is left for the next call. TSN_DECODE_STOPPED: the sink gave no batch. Else TSN_DECODE_OK, or
 * TSN_DECODE_DAMAGED if a record was bad.
 */
enum tsn_decode tsn_nfcapd_decode(struct tsn_nfcapd *d, unsigned layout, unsigned type, const uint8_t *p, size_t len,
    bool last, struct tsn_batch_sink *sink, struct tsn_nfcapd_result *out);

#endif
