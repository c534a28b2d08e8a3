/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Templates are written in the order of their refreshing and learned again in that order. Each says its domain; the
 * facts of a domain follow one template of it.
 */
#include "decode/template_save.h"

#include "base/mem.h"

static bool
is_kept(const struct tsn_template *m)
{
	return m->session < TSN_SESSION_STREAM;
}

static void
save_facts(const struct tsn_facts *f, struct tsn_pack *out)
{
	tsn_pack_uint(out, f->sampling);
	tsn_pack_bool(out, f->booted_known);
	tsn_pack_int(out, f->booted);
	tsn_pack_uint(out, f->n);
	for (uint32_t i = 0; i < f->cap; i++) {
		const struct tsn_fact_entry *e = &f->slot[i];

		if (e->kind == 0)
			continue;
		tsn_pack_uint(out, e->kind);
		tsn_pack_uint(out, e->id);
		tsn_pack_uint(out, e->number);
		tsn_pack_bytes(out, e->text, e->len);
	}
}

/* Facts are written once, with the template of their domain that is met first in its table. */
static bool
has_facts(const struct tsn_template *m)
{
	const struct tsn_domain *d = m->domain;
	const struct tsn_template *first;

	if (d->facts.n == 0 && d->facts.sampling == 0 && !d->facts.booted_known)
		return false;
	for (uint32_t i = 0; i < d->buckets; i++)
		for (first = d->bucket[i]; first != NULL; first = first->chain)
			if (is_kept(first))
				return first == m;
	return false;
}

static void
save_one(const struct tsn_template *m, struct tsn_pack *out)
{
	const struct tsn_domain *d = m->domain;

	tsn_pack_addr(out, d->exporter);
	tsn_pack_uint(out, d->id);
	tsn_pack_uint(out, d->version);
	tsn_pack_uint(out, m->session);
	tsn_pack_int(out, m->refreshed);
	tsn_pack_uint(out, m->id);
	tsn_pack_bool(out, m->options);
	tsn_pack_uint(out, m->scopes);
	tsn_pack_uint(out, m->n);
	for (uint16_t i = 0; i < m->n; i++) {
		tsn_pack_uint(out, m->field[i].pen);
		tsn_pack_uint(out, m->field[i].id);
		tsn_pack_uint(out, m->field[i].len);
	}
	tsn_pack_bool(out, has_facts(m));
	if (has_facts(m))
		save_facts(&d->facts, out);
}

void
tsn_templates_save(const struct tsn_templates *t, struct tsn_pack *out)
{
	const struct tsn_template *m;
	uint32_t n = 0;

	for (m = tsn_templates_next(t, NULL); m != NULL; m = tsn_templates_next(t, m))
		n += is_kept(m);
	tsn_pack_uint(out, n);
	for (m = tsn_templates_next(t, NULL); m != NULL; m = tsn_templates_next(t, m))
		if (is_kept(m))
			save_one(m, out);
}

/* --- reading --- */

struct reading {
	struct tsn_templates *t; /* NULL: only looks */
	struct tsn_scope scope;
	struct tsn_layout layout;
};

/* What no template has told of itself is worked out again, as tsn_layout_read does. */
static void
load_layout(struct tsn_layout *l, struct tsn_unpack *in)
{
	l->id = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
	l->options = tsn_unpack_bool(in);
	l->scopes = (uint16_t)tsn_unpack_below(in, TSN_TEMPLATE_FIELDS);
	l->n = (uint16_t)tsn_unpack_below(in, TSN_TEMPLATE_FIELDS);
	l->variable = false;
	l->min_len = 0;
	for (uint16_t i = 0; i < l->n; i++) {
		struct tsn_tfield *f = &l->field[i];

		f->pen = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		f->id = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
		f->len = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
		l->variable = l->variable || f->len == TSN_VARIABLE;
		l->min_len += f->len == TSN_VARIABLE ? 1 : f->len;
	}
	if (l->id < 256 || l->n == 0 || l->scopes > l->n || l->min_len == 0)
		in->bad = true;
}

static void
load_facts(struct reading *r, struct tsn_unpack *in)
{
	struct tsn_domain *d = r->t != NULL ? tsn_templates_domain(r->t, &r->scope) : NULL;
	struct tsn_facts_budget *b = d != NULL ? tsn_templates_budget(r->t, r->scope.source) : NULL;
	const uint32_t sampling = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	const bool known = tsn_unpack_bool(in);
	const int64_t booted = tsn_unpack_int(in);
	const uint64_t n = tsn_unpack_uint(in);

	if (d != NULL) {
		d->facts.sampling = sampling;
		d->facts.booted_known = known;
		d->facts.booted = booted;
	}
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		const enum tsn_fact kind = (enum tsn_fact)tsn_unpack_below(in, TSN_FACT_VRF);
		const uint64_t id = tsn_unpack_uint(in);
		const uint32_t number = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		struct tsn_fact_entry *e;
		size_t len;
		const uint8_t *text = tsn_unpack_bytes(in, &len);

		if (in->bad || text == NULL || kind == 0 || len > TSN_FACT_TEXT) {
			in->bad = true;
			return;
		}
		e = b != NULL ? tsn_facts_enter(&d->facts, b, kind, id) : NULL;
		if (e == NULL)
			continue;
		e->number = number;
		tsn_fact_name(e, (const char *)text, len); /* without memory: no name */
	}
}

static void
load_one(struct reading *r, struct tsn_exporters *exporters, struct tsn_unpack *in)
{
	struct tsn_scope *s = &r->scope;
	int64_t refreshed;

	s->exporter = tsn_unpack_addr(in);
	s->domain = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	s->version = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
	s->session = (uint32_t)tsn_unpack_below(in, TSN_SESSION_STREAM - 1);
	refreshed = tsn_unpack_int(in);
	load_layout(&r->layout, in);
	if (r->t != NULL && !in->bad) {
		s->source = tsn_exporters_find(exporters, s->exporter);
		tsn_templates_learn(r->t, s, &r->layout, refreshed);
	}
	if (tsn_unpack_bool(in))
		load_facts(r, in);
}

bool
tsn_templates_load(struct tsn_templates *t, struct tsn_exporters *exporters, struct tsn_unpack *in)
{
	struct reading *r = tsn_malloc(sizeof(*r)); /* a layout is 8 KB */
	uint64_t n;

	if (r == NULL)
		return false;
	r->t = t;
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++)
		load_one(r, exporters, in);
	tsn_free(r);
	return tsn_unpack_done(in);
}
