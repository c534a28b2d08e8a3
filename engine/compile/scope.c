/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Scopes: [by KEYS] (over|per) DURATION [step DURATION] around functions (S21). */
#include <string.h>

#include "compile/check.h"

#define WINDOW_MAX (INT64_C(3660) * 86400 * 1000) /* ten years */

static const struct ck_val bad = { .kind = CK_BAD };

static const struct tsn_ir *
key_part(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_ir *v, *masked = NULL;

	if (n->kind == TSN_N_MASK) {
		v = n->kids == NULL ? NULL : ck_one(e, n->kids, TSN_T_NONE);
		if (v == NULL)
			return NULL;
		if (v->kind != TSN_IR_FIELD || v->type != TSN_T_ADDR) {
			tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "only addresses have masks, this is %s", ck_a_type(v->type));
			return NULL;
		}
		return ck_mask_field(e, n, v->field, n->i, n->plen, &masked) ? masked : NULL;
	}
	v = ck_one(e, n, TSN_T_NONE);
	if (v == NULL || v->kind == TSN_IR_FIELD)
		return v;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "after by stand fields"), "as in by src, dst_port");
	return NULL;
}

bool
ck_keys(const struct ck_env *e, const struct tsn_node *by, struct tsn_key_spec *out)
{
	struct ck_env plain = *e;
	bool ok = true;

	*out = (struct tsn_key_spec){ 0 };
	plain.gather = NULL;
	plain.scope = NULL;
	for (const struct tsn_node *n = by->kids; n != NULL; n = n->next) {
		const struct tsn_ir *v = key_part(&plain, n);

		ok &= v != NULL;
		for (unsigned i = 0; v != NULL && i < out->n; i++) {
			if (out->part[i].field == v->field) {
				tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "%s is a key twice", ck_field_name(e->c, v->field));
				return false;
			}
		}
		if (v == NULL)
			continue;
		if (out->n == TSN_KEY_PARTS) {
			tsn_diag_error(e->c->diags, TSN_E_LIMIT, n->span, "a key has at most %d fields", TSN_KEY_PARTS);
			return false;
		}
		out->part[out->n++] = (struct tsn_key_part){ v->field, v->v4_bits, v->v6_bits };
	}
	return ok;
}

static bool
window(const struct ck_env *e, const struct tsn_node *n, struct ck_scope *s)
{
	const struct tsn_node *d = n->kids;

	s->tumbling = n->kind == TSN_N_PER;
	s->window_span = n->span;
	if (d == NULL || d->kind == TSN_N_ERROR || !ck_duration(e, d, s->tumbling ? "per" : "over", &s->window_ms))
		return false;
	if (s->window_ms > WINDOW_MAX) {
		tsn_diag_error(e->c->diags, TSN_E_RANGE, d->span, "a window ends at ten years");
		return false;
	}
	return true;
}

static bool
step(const struct ck_env *e, const struct tsn_node *n, struct ck_scope *s)
{
	int64_t pane = (s->window_ms + 14) / 15;
	char text[TSN_TIME_TEXT];

	if (n->kids == NULL || n->kids->kind == TSN_N_ERROR || !ck_duration(e, n->kids, "step", &s->step_ms))
		return false;
	if (pane < TSN_SECOND)
		pane = TSN_SECOND;
	if (s->tumbling)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "a window of per has no steps"), "write over");
	else if (s->step_ms < pane)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "a step makes panes longer, not shorter"),
		    "this window has panes of %s", tsn_duration_text(pane, text));
	else if (s->step_ms > s->window_ms)
		tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "a step is not longer than its window");
	else
		return true;
	return false;
}

static bool
received(const struct ck_env *e, const struct tsn_node *n, struct ck_scope *s)
{
	if (strcmp(n->text, "time") == 0 && n->kids != NULL && n->kids->text != NULL && strcmp(n->kids->text, "received") == 0) {
		s->by_received = true;
		return true;
	}
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "no such option of a window"), "write time received");
	return false;
}

/* S7: flows are filed under one key, and read under another of the same shape. */
static bool
at_keys(const struct ck_env *e, const struct tsn_node *n, struct ck_scope *s)
{
	const struct tsn_key_spec *by = &s->key, *at = &s->at;

	s->at_span = n->span;
	if (!ck_keys(e, n, &s->at))
		return false;
	for (unsigned i = 0; i < by->n && i < at->n; i++) {
		const struct tsn_field_info *f = &tsn_fields[by->part[i].field], *g = &tsn_fields[at->part[i].field];

		if (f->type != g->type) {
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "%s is %s and %s is %s",
			    ck_field_name(e->c, by->part[i].field), ck_a_type(f->type), ck_field_name(e->c, at->part[i].field),
			    ck_a_type(g->type)), "as in by src at dst");
			return false;
		}
		if (by->part[i].v4_bits != at->part[i].v4_bits || by->part[i].v6_bits != at->part[i].v6_bits) {
			tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "the two have different masks, so no group is found");
			return false;
		}
	}
	if (by->n == at->n)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "there are %u fields after by and %u after at", by->n, at->n),
	    "as in by src, dst_port at dst, src_port");
	return false;
}

/* False: reported. */
static bool
parts(const struct ck_env *e, const struct tsn_node *n, struct ck_scope *s)
{
	bool ok = true;

	for (const struct tsn_node *k = n->kids->next; k != NULL; k = k->next) {
		switch (k->kind) {
		case TSN_N_BY:
			ok &= ck_keys(e, k, &s->key);
			break;
		case TSN_N_AT:
			ok = ok && at_keys(e, k, s);
			break;
		case TSN_N_OVER:
		case TSN_N_PER:
			ok &= window(e, k, s);
			break;
		case TSN_N_STEP:
			ok &= ok && step(e, k, s);
			break;
		case TSN_N_OPTION:
			ok &= received(e, k, s);
			break;
		default:
			ok = false;
		}
	}
	return ok && s->window_ms > 0;
}

struct ck_val
ck_scoped(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_env inner = *e;
	bool used = false, by_event = false, ok;
	struct ck_scope s = { .span = n->span, .used = &used, .by_event = &by_event };
	struct ck_val v;

	if (n->kids == NULL)
		return bad;
	/* The function inside is already too much for a constant. */
	if (e->constant)
		return ck_value(e, n->kids, want);
	ok = parts(e, n, &s);
	inner.scope = &s;
	v = ck_value(&inner, n->kids, want);
	if (!ok || v.kind == CK_BAD)
		return bad;
	if (!used) {
		if (v.kind == CK_IR && v.ir->stateful)
			tsn_diag_hint(ck_warn(e->c, s.window_span,
			    "this window applies to nothing"), "every function inside has its own");
		else
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, s.window_span, "nothing here is counted over a window"),
			    "windows belong to functions, as in count() by src over 60s");
		return v.kind == CK_IR && v.ir->stateful ? v : bad;
	}
	if (s.window_ms < CK_SHORT_WINDOW && by_event && !s.by_received)
		tsn_diag_hint(ck_warn(e->c, s.window_span,
		    "below 30s, flows that end by a timeout arrive out of the window"), "use 30s or more, or time received");
	return v;
}
