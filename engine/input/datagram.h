/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What every input of datagrams hands on: one UDP payload and where it came
 * from. The input room knows packets and sockets, but nothing of what the
 * payload means: how to recognise an export datagram is passed in.
 */
#ifndef TSN_INPUT_DATAGRAM_H
#define TSN_INPUT_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define TSN_INPUT_ERROR 256 /* room for an error text with its NUL */

struct tsn_datagram {
	const uint8_t *payload; /* belongs to the input, valid until its next call */
	size_t len;
	struct tsn_addr exporter; /* IP source; v4-mapped is IPv4 */
	uint16_t src_port, dst_port;
	int64_t received_ms; /* since 1970 UTC; capture time, or the kernel's receive time */
	bool cut;            /* the capture or the receive buffer held less than was sent */
};

#endif
