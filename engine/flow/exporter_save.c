/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Exporters as bytes and back: indices, totals and what was seen of them outlive a restart. */
#include "base/pack.h"
#include "flow/exporter.h"

static void
save_one(const struct tsn_exporter *x, struct tsn_pack *out)
{
	tsn_pack_bool(out, x->addr.v4);
	tsn_pack_uint(out, x->addr.hi);
	tsn_pack_uint(out, x->addr.lo);
	tsn_pack_uint(out, x->sampling);
	tsn_pack_bool(out, x->flags_seen);
	tsn_pack_bool(out, x->interfaces_seen);
	tsn_pack_uint(out, x->formats);
	tsn_pack_int(out, x->first_received);
	tsn_pack_int(out, x->last_received);
	tsn_pack_int(out, x->skew);
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
		tsn_pack_uint(out, x->counter[k]);
}

void
tsn_exporters_save(struct tsn_exporters *t, struct tsn_pack *out)
{
	const uint32_t n = tsn_exporters_count(t);

	tsn_pack_uint(out, TSN_EXPORTER_COUNTER_COUNT);
	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < n; i++)
		save_one(tsn_exporters_at(t, i), out);
}

static bool
load_one(struct tsn_exporter *x, uint64_t counters, struct tsn_unpack *in)
{
	x->addr.v4 = tsn_unpack_bool(in);
	x->addr.hi = tsn_unpack_below(in, x->addr.v4 ? 0 : UINT64_MAX);
	x->addr.lo = tsn_unpack_below(in, x->addr.v4 ? UINT32_MAX : UINT64_MAX);
	x->sampling = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	x->flags_seen = tsn_unpack_bool(in);
	x->interfaces_seen = tsn_unpack_bool(in);
	x->formats = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	x->first_received = tsn_unpack_int(in);
	x->last_received = tsn_unpack_int(in);
	x->skew = tsn_unpack_int(in);
	for (uint64_t k = 0; k < counters && !in->bad; k++) {
		const uint64_t v = tsn_unpack_below(in, INT64_MAX);

		if (k < TSN_EXPORTER_COUNTER_COUNT) /* a newer version may count more */
			x->counter[k] = v;
	}
	return !in->bad;
}

/* With [t] NULL only looks whether it makes sense. */
static bool
load_all(struct tsn_exporters *t, struct tsn_unpack *in)
{
	const uint64_t counters = tsn_unpack_below(in, 1024), n = tsn_unpack_uint(in);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct tsn_exporter x = { 0 }, *to;

		if (!load_one(&x, counters, in))
			return false;
		if (t == NULL)
			continue;
		to = tsn_exporters_at(t, i == 0 ? 0 : tsn_exporters_find(t, x.addr));
		x.name = to->name;
		x.sampling_override = to->sampling_override;
		x.addr = to->addr; /* of the shared one, where there is no room for more */
		*to = x;
	}
	return tsn_unpack_done(in);
}

bool
tsn_exporters_load(struct tsn_exporters *t, struct tsn_unpack *in)
{
	struct tsn_unpack look = *in;

	return load_all(NULL, &look) && load_all(t, in);
}
