/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/options.h"

#include "decode/wire.h"

/* Elements that only options records are read for. */
enum { INGRESS = 10, EGRESS = 14, INTERVAL = 34, RANDOM_INTERVAL = 50, NAME = 82, DESCRIPTION = 83, APPLICATION_NAME = 96,
	VRF_NAME = 236, INGRESS_PHYSICAL = 252, EGRESS_PHYSICAL = 253 };

struct text {
	const uint8_t *p;
	uint32_t n;
};

struct told {
	bool has_interface, has_sampler, has_application, has_vrf;
	uint64_t interface, sampler, application, vrf, interval;
	struct text name, description, application_name, vrf_name;
	struct tsn_op role[TSN_ROLE_COUNT];
};

static void
take_text(struct text *t, const uint8_t *p, uint32_t len)
{
	len = tsn_text_len(p, len);
	if (t->n == 0)
		*t = (struct text){ p, len };
}

static void
take_id(bool *has, uint64_t *id, uint64_t v)
{
	if (!*has)
		*id = v;
	*has = true;
}

static void
take_role(struct told *t, const struct tsn_mapping *map, uint16_t at, const uint8_t *p, uint32_t len)
{
	switch (map->field) {
	case TSN_ROLE_SAMPLER: take_id(&t->has_sampler, &t->sampler, tsn_read_uint(p, len)); break;
	case TSN_ROLE_APPLICATION: take_id(&t->has_application, &t->application, tsn_application_id(p, len)); break;
	case TSN_ROLE_VRF_IN:
	case TSN_ROLE_VRF_OUT: take_id(&t->has_vrf, &t->vrf, tsn_read_uint(p, len)); break;
	default: t->role[map->field] = (struct tsn_op){ .at = at, .len = (uint16_t)len }; break;
	}
}

static void
take_field(struct told *t, const struct tsn_tfield *f, uint16_t at, const uint8_t *p, uint32_t len)
{
	const struct tsn_mapping *map;
	size_t n;

	if (f->pen == TSN_PEN_SCOPE) {
		if (f->id == TSN_SCOPE_INTERFACE)
			take_id(&t->has_interface, &t->interface, tsn_read_uint(p, len));
		return;
	}
	if (f->pen != 0)
		return;
	switch (f->id) {
	case INGRESS:
	case EGRESS:
	case INGRESS_PHYSICAL:
	case EGRESS_PHYSICAL: take_id(&t->has_interface, &t->interface, tsn_read_uint(p, len)); return;
	case INTERVAL:
	case RANDOM_INTERVAL: t->interval = t->interval != 0 ? t->interval : tsn_read_uint(p, len); return;
	case NAME: take_text(&t->name, p, len); return;
	case DESCRIPTION: take_text(&t->description, p, len); return;
	case APPLICATION_NAME: take_text(&t->application_name, p, len); return;
	case VRF_NAME: take_text(&t->vrf_name, p, len); return;
	}
	map = tsn_mapping_find(0, f->id, &n);
	if (map != NULL && map->kind == TSN_MAP_ROLE)
		take_role(t, map, at, p, len);
}

static void
set_rate(uint32_t *to, uint32_t rate, struct tsn_exporter *x)
{
	if (*to != 0 && *to != rate)
		x->counter[TSN_XC_SAMPLING_CHANGES]++;
	*to = rate;
}

struct place {
	struct tsn_facts *facts;
	struct tsn_facts_budget *budget;
	struct tsn_exporter *x;
};

static struct tsn_fact_entry *
enter(const struct place *w, enum tsn_fact kind, uint64_t id)
{
	struct tsn_fact_entry *e = tsn_facts_enter(w->facts, w->budget, kind, id);

	w->x->counter[TSN_XC_OPTIONS_REFUSED] += e == NULL;
	return e;
}

/* The narrowest scope there is: a sampler, an interface, the domain. */
static void
enter_rate(const struct place *w, const struct told *t, uint32_t rate)
{
	enum tsn_fact kind = t->has_sampler ? TSN_FACT_SAMPLER : TSN_FACT_IF_SAMPLING;
	struct tsn_fact_entry *e;

	if (!t->has_sampler && !t->has_interface) {
		set_rate(&w->facts->sampling, rate, w->x);
		return;
	}
	e = enter(w, kind, t->has_sampler ? t->sampler : t->interface);
	if (e != NULL)
		set_rate(&e->number, rate, w->x);
}

static void
enter_name(const struct place *w, enum tsn_fact kind, bool has_id, uint64_t id, const struct text *name)
{
	struct tsn_fact_entry *e;

	if (!has_id || name->n == 0)
		return;
	e = enter(w, kind, id);
	if (e != NULL && !tsn_fact_name(e, (const char *)name->p, name->n))
		w->x->counter[TSN_XC_OPTIONS_REFUSED]++;
}

static void
enter_boot(struct tsn_facts *f, const struct tsn_op *init, const uint8_t *p, const uint32_t *at)
{
	if (init->len != 8)
		return;
	f->booted = (int64_t)tsn_wire_u64(p + at[init->at]);
	f->booted_known = true;
}

void
tsn_options_take(const struct tsn_template *t, struct tsn_domain *d, struct tsn_facts_budget *budget, const uint8_t *p,
    const uint32_t *at, const uint16_t *len, struct tsn_exporter *x)
{
	struct tsn_records record = { p, 1, 0, at, len };
	struct place w = { &d->facts, budget, x };
	struct told told = { 0 };
	uint64_t rate;

	x->counter[TSN_XC_OPTIONS]++;
	for (uint16_t i = 0; i < t->n; i++)
		if (len[i] > 0)
			take_field(&told, &t->field[i], i, p + at[i], len[i]);
	rate = told.interval != 0 ? told.interval : tsn_sampling_of_parts(told.role, &record, p);
	if (rate > 0 && rate <= UINT32_MAX)
		enter_rate(&w, &told, (uint32_t)rate);
	enter_name(&w, TSN_FACT_IF_NAME, told.has_interface, told.interface,
	    told.name.n > 0 ? &told.name : &told.description);
	enter_name(&w, TSN_FACT_APPLICATION, told.has_application, told.application, &told.application_name);
	enter_name(&w, TSN_FACT_VRF, told.has_vrf, told.vrf, &told.vrf_name);
	enter_boot(&d->facts, &told.role[TSN_ROLE_INIT], p, at);
}
