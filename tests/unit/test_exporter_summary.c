/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What is told of an exporter: its formats, losses, sampling and clock. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "decode/decode.h"
#include "flow/exporter.h"
#include "unit/build_netflow.h"

static struct tsn_batch *batch;

static struct tsn_batch *
room(void *arg)
{
	(void)arg;
	if (batch->n == batch->cap)
		tsn_batch_clear(batch, TSN_BATCH_FLOWS);
	return batch;
}

static void
says(struct tsn_exporters *t, uint32_t index, const char *wanted)
{
	struct tsn_buf line = TSN_BUF_INIT;

	cr_assert(tsn_exporter_summary(t, index, &line));
	cr_expect_str_eq(tsn_buf_str(&line), wanted);
	tsn_buf_fini(&line);
}

Test(exporter_summary, tells_what_is_not_zero)
{
	struct tsn_exporters *t = tsn_exporters_new(10);
	uint32_t i = tsn_exporters_find(t, tsn_addr_v4(0xc0000201));
	struct tsn_exporter *x = tsn_exporters_at(t, i);
	struct tsn_buf line = TSN_BUF_INIT;

	cr_expect(!tsn_exporter_summary(t, i, &line) && line.len == 0, "it sent nothing");
	x->counter[TSN_XC_DATAGRAMS] = 10;
	x->counter[TSN_XC_FLOWS] = 75;
	says(t, i, "exporter 192.0.2.1: datagrams 10 flows 75");
	x->counter[TSN_XC_LOST] = 25;
	x->formats = 1u << TSN_XF_V5 | 1u << TSN_XF_IPFIX;
	x->sampling = 100;
	x->skew = 4000;
	says(t, i, "exporter 192.0.2.1, NetFlow v5, IPFIX: datagrams 10 flows 75 lost 25 (25.0%); sampling 100");
	x->skew = 3600 * TSN_SECOND;
	x->sampling_override = 50;
	x->name = (struct tsn_str){ "edge-1", 6 };
	says(t, i, "exporter 192.0.2.1 edge-1, NetFlow v5, IPFIX: datagrams 10 flows 75 lost 25 (25.0%); "
	    "sampling 50 by the site's word; its clock is off by -1h");
	tsn_exporters_at(t, 0)->counter[TSN_XC_DATAGRAMS] = 1;
	says(t, 0, "exporter (others): datagrams 1");
	tsn_buf_fini(&line);
	tsn_exporters_free(t);
}

Test(exporter_summary, loss_is_a_share_of_what_was_sent)
{
	static const struct { uint64_t flows, lost, datagrams, lost_datagrams; double share; } cases[] = {
		{ 0, 0, 0, 0, 0 }, { 100, 0, 10, 0, 0 }, { 75, 25, 10, 0, 0.25 }, { 0, 5, 1, 0, 1 }, { 100, 0, 9, 1, 0.1 },
		{ UINT64_MAX / 2, UINT64_MAX / 2, 0, 0, 0.5 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_exporter x = { 0 };

		x.counter[TSN_XC_FLOWS] = cases[i].flows;
		x.counter[TSN_XC_LOST] = cases[i].lost;
		x.counter[TSN_XC_DATAGRAMS] = cases[i].datagrams;
		x.counter[TSN_XC_LOST_DATAGRAMS] = cases[i].lost_datagrams;
		cr_expect_float_eq(tsn_exporter_loss(&x), cases[i].share, 1e-9, "case %zu", i);
	}
}

/* Of what could be read, not of noise that begins with the right number. */
Test(exporter_summary, formats_are_remembered)
{
	static const struct { unsigned version; uint32_t formats; } cases[] = {
		{ 1, 1u << TSN_XF_V1 }, { 5, 1u << TSN_XF_V5 }, { 7, 1u << TSN_XF_V7 },
	};
	static const uint8_t noise[][4] = { { 0, 1, 0, 1 }, { 0, 5, 0, 1 }, { 0, 9, 0, 1 }, { 0, 10, 0, 9 }, { 0, 0, 0, 5 }, { 9, 9, 9, 9 } };
	struct tsn_batch_sink sink = { .room = room };

	batch = tsn_batch_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_exporters *t = tsn_exporters_new(10);
		struct tsn_decoder *d = tsn_decoder_new(t, 10);
		struct tsn_exporter *x = tsn_exporters_at(t, tsn_exporters_find(t, tsn_addr_v4(7)));
		uint8_t datagram[24 + 52] = { 0 };

		cr_expect_eq(x->first_received, TSN_TIME_NONE);
		for (size_t k = 0; k < sizeof(noise) / sizeof(noise[0]); k++)
			for (size_t len = 0; len <= 4; len++)
				tsn_decode_datagram(d, noise[k], len, tsn_addr_v4(7), 2000, &sink);
		cr_expect_eq(x->formats, 0, "noise: %x", x->formats);
		datagram[1] = (uint8_t)cases[i].version;
		datagram[3] = 1;
		tsn_decode_datagram(d, datagram, nf_header_size(cases[i].version) + nf_record_size(cases[i].version), tsn_addr_v4(7), 1000, &sink);
		tsn_decode_datagram(d, datagram, 4, tsn_addr_v4(7), 3000, &sink);
		cr_expect_eq(x->formats, cases[i].formats, "version %u: %x", cases[i].version, x->formats);
		cr_expect(x->first_received == 1000 && x->last_received == 3000, "version %u", cases[i].version);
		tsn_decoder_free(d);
		tsn_exporters_free(t);
	}
	tsn_batch_free(batch);
	for (int f = 0; f < TSN_EXPORTER_FORMAT_COUNT; f++)
		cr_expect(strlen(tsn_exporter_format_name((enum tsn_exporter_format)f)) > 0);
}
