/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/buf.h"
#include "compile/lanes.h"

#define NAMED 8 /* rules of a lane that are named */

static void
put_rules(const struct tsn_lane_def *d, const struct tsn_ruleset *rs, struct tsn_buf *out)
{
	uint32_t named = 0, more = 0;

	for (uint32_t i = 0; i < d->nrules; i++) {
		const struct tsn_rule *r = &rs->program->rules[d->rules[i]];

		if (r->disabled)
			continue;
		if (named < NAMED)
			tsn_buf_printf(out, "%s%s", named++ == 0 ? "        " : ", ", r->name);
		else
			more++;
	}
	if (more > 0)
		tsn_buf_printf(out, " and %u more", more);
	tsn_buf_putc(out, '\n');
}

static void
put_group(const struct tsn_lanes *l, uint32_t i, const struct tsn_ruleset *rs, struct tsn_buf *out)
{
	const struct tsn_lane_def *d = &l->lane[i];
	uint32_t enabled = 0;

	for (uint32_t k = 0; k < d->nrules; k++)
		enabled += !rs->program->rules[d->rules[k]].disabled;
	if (d->nshards > 1)
		tsn_buf_printf(out, "  %u to %u: ", i + 1, i + d->nshards);
	else
		tsn_buf_printf(out, "  %u: ", i + 1);
	tsn_buf_printf(out, "%.1f %% of the work%s, %u rule%s, %u famil%s of groups", d->share * 100, d->nshards > 1 ? " each" : "",
	    enabled, enabled == 1 ? "" : "s", d->program->nfamilies, d->program->nfamilies == 1 ? "y" : "ies");
	if (d->nshards > 1) {
		tsn_buf_printf(out, "; %u shards by ", d->nshards);
		tsn_program_key_text(rs->program, &d->key, out);
	}
	tsn_buf_putc(out, '\n');
	put_rules(d, rs, out);
}

void
tsn_lanes_describe(const struct tsn_lanes *l, const struct tsn_ruleset *rs, struct tsn_buf *out)
{
	tsn_buf_printf(out, "%u lane%s; shares are estimated\n", l->n, l->n == 1 ? "" : "s");
	for (uint32_t i = 0; i < l->n; i += l->lane[i].nshards)
		put_group(l, i, rs, out);
}
