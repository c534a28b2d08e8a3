/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/dynamic.h"

#include <string.h>

#include "base/pack.h"

static uint32_t
count(const struct tsn_ruleset *rs)
{
	return rs == NULL || rs->sets == NULL ? 0 : rs->module->nsets;
}

bool
tsn_dynamic_own(const struct tsn_ruleset *rs, const bool *own, uint32_t i)
{
	return i < count(rs) && rs->sets[i] != NULL && tsn_set_is_dynamic(rs->sets[i]) && (own == NULL || own[i]);
}

bool
tsn_dynamic_any(const struct tsn_ruleset *rs, const bool *own)
{
	for (uint32_t i = 0; i < count(rs); i++)
		if (tsn_dynamic_own(rs, own, i))
			return true;
	return false;
}

void
tsn_dynamic_expire(struct tsn_ruleset *rs, const bool *own, int64_t tick)
{
	for (uint32_t i = 0; i < count(rs); i++)
		if (tsn_dynamic_own(rs, own, i))
			tsn_set_dynamic_expire(rs->sets[i], tick);
}

static void
apply(struct tsn_ruleset *rs, const struct tsn_opening *o, int64_t tick)
{
	const struct tsn_rule *r = &rs->program->rules[o->rule];
	const char *reason = o->message != NULL ? o->message : r->title;

	for (uint32_t i = 0; i < r->nactions && i < o->nvalues; i++) {
		const struct tsn_action *a = &r->action[i];
		struct tsn_set *s = rs->sets[a->set];

		if (a->remove)
			tsn_set_dynamic_remove_key(s, &a->value, o->value[i].p, o->value[i].n);
		else
			tsn_set_dynamic_add_key(s, &a->value, o->value[i].p, o->value[i].n, tick, a->for_ms, reason);
	}
}

void
tsn_dynamic_apply(struct tsn_ruleset *rs, const struct tsn_opening *o, size_t n, int64_t tick)
{
	for (size_t i = 0; i < n; i++)
		if (o[i].reported && o[i].rule < rs->program->nrules)
			apply(rs, &o[i], tick);
}

static struct tsn_set *
find(struct tsn_ruleset *rs, const char *name, size_t n)
{
	for (uint32_t i = 0; i < count(rs); i++)
		if (tsn_set_is_dynamic(rs->sets[i]) && strlen(rs->module->sets[i].name) == n &&
		    memcmp(rs->module->sets[i].name, name, n) == 0)
			return rs->sets[i];
	return NULL;
}

void
tsn_dynamic_take_over(struct tsn_ruleset *to, struct tsn_ruleset *from)
{
	for (uint32_t i = 0; i < count(from); i++) {
		const char *name = from->module->sets[i].name;
		struct tsn_set *s = tsn_set_is_dynamic(from->sets[i]) ? find(to, name, strlen(name)) : NULL;

		if (s != NULL)
			tsn_set_dynamic_take_over(s, from->sets[i]);
	}
}

void
tsn_dynamic_save(const struct tsn_ruleset *rs, struct tsn_pack *out)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < count(rs); i++)
		n += tsn_set_is_dynamic(rs->sets[i]);
	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < count(rs); i++) {
		size_t at;

		if (!tsn_set_is_dynamic(rs->sets[i]))
			continue;
		tsn_pack_str(out, rs->module->sets[i].name);
		at = tsn_pack_open(out);
		tsn_set_dynamic_save(rs->sets[i], out);
		tsn_pack_close(out, at);
	}
}

bool
tsn_dynamic_load(struct tsn_ruleset *rs, struct tsn_unpack *in)
{
	uint64_t n = tsn_unpack_uint(in);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		size_t len;
		const char *name = (const char *)tsn_unpack_bytes(in, &len);
		struct tsn_unpack part = tsn_unpack_part(in);
		struct tsn_set *s = in->bad ? NULL : find(rs, name, len);

		/* of another kind than it was: it starts empty */
		if (s != NULL)
			tsn_set_dynamic_load(s, &part);
	}
	return !in->bad;
}
