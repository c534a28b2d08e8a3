/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The records of flow-tools' files to rows: what NetFlow v1, v5, v6, v7 and v8 (all fourteen aggregations) say, each
 * with its PDU's clock. First and Last are placed in time as decode.h says of datagrams. The files do not
 * keep when a record was received, so that it arrives when it ends. A v8 record stands for many flows: what it was
 * aggregated over is absent. Total: any bytes are a record.
 */
#ifndef TSN_DECODE_FLOWTOOLS_H
#define TSN_DECODE_FLOWTOOLS_H

#include "flow/batch.h"
#include "flow/exporter.h"

struct tsn_flowtools_records {
	bool little_endian;
	uint8_t stream;         /* 1 or 3 */
	uint16_t version;       /* 1 5 6 7 8 */
	uint8_t method;         /* of v8 */
	struct tsn_addr sender; /* of records that do not say it; 0.0.0.0 if unknown */
};

/* Bytes of one record; 0: no such records are known. */
size_t tsn_flowtools_record_size(const struct tsn_flowtools_records *r);
/* One record, of that size, into the sink. False: it gave no batch. */
bool tsn_flowtools_decode(const struct tsn_flowtools_records *r, const uint8_t *p, struct tsn_exporters *exporters,
    struct tsn_batch_sink *sink);

#endif
