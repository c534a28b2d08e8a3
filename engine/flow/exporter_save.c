/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Exporters as bytes and back: indices, totals and what was seen of them outlive a restart. */
#include <string.h>

#include "base/pack.h"
#include "flow/exporter.h"

static void
save_stretches(const struct tsn_stretch *v, uint8_t n, struct tsn_pack *out)
{
	tsn_pack_uint(out, n);
	for (uint8_t i = 0; i < n; i++) {
		tsn_pack_int(out, v[i].from);
		tsn_pack_int(out, v[i].to);
	}
}

static void
save_presence(const struct tsn_exporter *x, struct tsn_pack *out)
{
	const struct tsn_presence *p = &x->presence;

	tsn_pack_int(out, x->last_lost);
	tsn_pack_int(out, p->forgotten);
	tsn_pack_int(out, p->first_heard);
	tsn_pack_int(out, p->last_heard);
	save_stretches(p->loss, p->nlosses, out);
	save_stretches(p->gap, p->ngaps, out);
}

static uint8_t
load_stretches(struct tsn_stretch *v, unsigned max, struct tsn_unpack *in)
{
	const uint8_t n = (uint8_t)tsn_unpack_below(in, max);

	for (uint8_t i = 0; i < n; i++) {
		v[i].from = tsn_unpack_int(in);
		v[i].to = tsn_unpack_int(in);
	}
	return n;
}

_Static_assert(TSN_EXPORTER_NOTICES == TSN_EXPORTER_LOSSES, "as many notices as losses");

static void
load_presence(struct tsn_exporter *x, struct tsn_unpack *in)
{
	struct tsn_presence *p = &x->presence;

	x->last_lost = tsn_unpack_int(in);
	p->forgotten = tsn_unpack_int(in);
	p->first_heard = tsn_unpack_int(in);
	p->last_heard = tsn_unpack_int(in);
	p->nlosses = load_stretches(p->loss, TSN_EXPORTER_LOSSES, in);
	/* of what comes now, all that was lost was noticed before: where nothing more exact follows (tsn_exporters_load_notices) */
	p->nnotices = p->nlosses;
	memcpy(p->notice, p->loss, sizeof(p->notice));
	p->ngaps = load_stretches(p->gap, TSN_EXPORTER_GAPS, in);
}

static void
save_one(const struct tsn_exporter *x, struct tsn_pack *out)
{
	tsn_pack_addr(out, x->addr);
	tsn_pack_uint(out, x->sampling);
	tsn_pack_bool(out, x->flags_seen);
	tsn_pack_bool(out, x->interfaces_seen);
	tsn_pack_bool(out, x->both_seen);
	tsn_pack_uint(out, x->formats);
	tsn_pack_int(out, x->first_received);
	tsn_pack_int(out, x->last_received);
	tsn_pack_int(out, x->skew);
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
		tsn_pack_uint(out, x->counter[k]);
	save_presence(x, out);
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
	x->addr = tsn_unpack_addr(in);
	x->sampling = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	x->flags_seen = tsn_unpack_bool(in);
	x->interfaces_seen = tsn_unpack_bool(in);
	x->both_seen = tsn_unpack_bool(in);
	x->formats = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	x->first_received = tsn_unpack_int(in);
	x->last_received = tsn_unpack_int(in);
	x->skew = tsn_unpack_int(in);
	for (uint64_t k = 0; k < counters && !in->bad; k++) {
		const uint64_t v = tsn_unpack_below(in, INT64_MAX);

		if (k < TSN_EXPORTER_COUNTER_COUNT) /* a newer version may count more */
			x->counter[k] = v;
	}
	load_presence(x, in);
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
		x.change = to->change;
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

/* --- when losses were noticed: for itself, because it came later than the rest --- */

void
tsn_exporters_save_notices(struct tsn_exporters *t, struct tsn_pack *out)
{
	const uint32_t n = tsn_exporters_count(t);

	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_presence *p = &tsn_exporters_at(t, i)->presence;

		save_stretches(p->notice, p->nnotices, out);
	}
}

/* With [t] NULL only looks whether it makes sense. */
static bool
load_all_notices(struct tsn_exporters *t, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct tsn_presence none = { 0 }, *p = t != NULL && i < tsn_exporters_count(t) ? &tsn_exporters_at(t, (uint32_t)i)->presence : &none;

		p->nnotices = load_stretches(p->notice, TSN_EXPORTER_NOTICES, in);
	}
	return tsn_unpack_done(in);
}

bool
tsn_exporters_load_notices(struct tsn_exporters *t, struct tsn_unpack *in)
{
	struct tsn_unpack look = *in;

	return load_all_notices(NULL, &look) && load_all_notices(t, in);
}
