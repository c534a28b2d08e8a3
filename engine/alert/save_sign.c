/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Signatures of rules: beside what was saved, so that a rule that is not as it was takes only what means the same. */
#include <string.h>

#include "alert/save.h"

/* What tells whether values saved for one rule mean the same to another. */
static void
sign(const struct tsn_alert_rule *r, struct tsn_pack *out)
{
	tsn_pack_str(out, r->rule->canon != NULL ? r->rule->canon : "");
	for (uint32_t i = 0; i < r->nsaved; i++)
		tsn_pack_str(out, r->plan[i].reg ? "=" : r->plan[i].what < TSN_FIELD_COUNT ? tsn_fields[r->plan[i].what].name : "-");
}

static void
sign_key(const struct tsn_rule *r, struct tsn_pack *out)
{
	for (unsigned i = 0; i < r->key.n; i++) {
		tsn_pack_str(out, tsn_rule_key_name(r, i));
		tsn_pack_uint(out, tsn_fields[r->key.part[i].field].storage);
		tsn_pack_uint(out, r->key.part[i].v4_bits);
		tsn_pack_uint(out, r->key.part[i].v6_bits);
	}
}

/* How long panes are and for how many a key waits: what marks of panes mean. */
static void
sign_watch(const struct tsn_rule *r, struct tsn_pack *out)
{
	tsn_pack_bool(out, r->watched);
	tsn_pack_int(out, r->watched ? r->pane_ms : 0);
	tsn_pack_int(out, r->for_ms);
	tsn_pack_uint(out, r->member.n);
	for (unsigned i = 0; i < r->member.n; i++) {
		tsn_pack_uint(out, tsn_fields[r->member.part[i].field].storage);
		tsn_pack_uint(out, r->member.part[i].v4_bits);
		tsn_pack_uint(out, r->member.part[i].v6_bits);
	}
}

static void
sign_with(const struct tsn_alert_rule *r, enum tsn_alert_signature which, struct tsn_pack *out)
{
	switch (which) {
	case TSN_SIGNATURE_KEY:   sign_key(r->rule, out); break;
	case TSN_SIGNATURE_WATCH: sign_watch(r->rule, out); break;
	case TSN_SIGNATURE_SAVED: sign(r, out); break;
	}
}

void
tsn_alert_put_signature(const struct tsn_alert_rule *r, enum tsn_alert_signature which, struct tsn_pack *out)
{
	struct tsn_pack k = { 0 };

	sign_with(r, which, &k);
	tsn_pack_bytes(out, k.p, k.n);
	out->failed = out->failed || k.failed;
	tsn_pack_fini(&k);
}

bool
tsn_alert_same_signature(const struct tsn_alert_rule *r, enum tsn_alert_signature which, struct tsn_unpack *in)
{
	struct tsn_pack k = { 0 };
	size_t n;
	const uint8_t *p = tsn_unpack_bytes(in, &n);
	bool same;

	sign_with(r, which, &k);
	in->bad = in->bad || k.failed;
	same = p != NULL && !k.failed && n == k.n && (n == 0 || memcmp(p, k.p, n) == 0);
	tsn_pack_fini(&k);
	return same;
}
