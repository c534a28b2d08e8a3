/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A capture through the meter, all its flows kept. */
#ifndef TESTS_UNIT_METER_CAPTURE_H
#define TESTS_UNIT_METER_CAPTURE_H

#include <criterion/criterion.h>

#include "decode/meter.h"
#include "flow/exporter.h"
#include "input/pcap.h"
#include "unit/build_netflow.h"

/* [k] is made here; keeper_fini is the caller's. */
static inline void
meter_capture(const char *path, struct keeper *k)
{
	struct tsn_exporters *exporters = tsn_exporters_new(4);
	struct tsn_meter *m = tsn_meter_new(&(struct tsn_meter_opts){ .max_flows = 20000 }, exporters);
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &(struct tsn_pcap_opts){ 0 }, error);
	struct tsn_frame frame;

	cr_assert_not_null(p, "%s", error);
	keeper_init(k, 64);
	while (tsn_pcap_frame(p, &frame))
		cr_assert_neq(tsn_meter_packet(m, tsn_pcap_link(p), frame.p, frame.len, frame.full, frame.ms, &k->sink), TSN_DECODE_STOPPED);
	cr_assert_eq(tsn_meter_finish(m, &k->sink), TSN_DECODE_OK);
	keeper_spill(k);
	cr_assert_eq(k->n, tsn_meter_stats(m)->flows);
	tsn_pcap_close(p);
	tsn_meter_free(m);
	tsn_exporters_free(exporters);
}

#endif
