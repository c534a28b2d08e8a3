/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: what the first fragment of a packet said of ports, for the others. Bounded: in each of a
 * number of places the latest few packets are known.
 */
#ifndef TSN_DECODE_METER_PORTS_H
#define TSN_DECODE_METER_PORTS_H

#include "packet/headers.h"

#define TSN_METER_PORTS_MS 30000 /* longer does no system wait for fragments */

struct tsn_meter_ports;

/* NULL when memory is out. */
struct tsn_meter_ports *tsn_meter_ports_new(void);
void tsn_meter_ports_free(struct tsn_meter_ports *t);
/* [h] is a first fragment. */
void tsn_meter_ports_keep(struct tsn_meter_ports *t, const struct tsn_headers_info *h, int64_t now);
/* [h] is a later one: gives it its packet's protocol and ports, or ICMP type and code. False if they are not known. */
bool tsn_meter_ports_give(const struct tsn_meter_ports *t, struct tsn_headers_info *h, int64_t now);

#endif
