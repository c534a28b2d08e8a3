/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The fold over the registers of a vm. */
#include "alert/alert.h"

#include "flow/share.h"

struct registers {
	const struct tsn_vm *vm;
	struct tsn_share *share; /* which the vm ran over; NULL: over the batch */
	struct tsn_mask mask;    /* the one asked for last, of a share */
};

static uint32_t
place(const struct registers *r, uint32_t row)
{
	return r->share == NULL ? row : tsn_share_place(r->share, row);
}

static bool
holds(void *arg, uint32_t export, uint32_t row)
{
	const struct registers *r = arg;

	return tsn_vm_mask_has(r->vm, export, place(r, row));
}

static const struct tsn_mask *
mask(void *arg, uint32_t export)
{
	struct registers *r = arg;
	const struct tsn_mask *m = tsn_vm_mask(r->vm, export);

	if (m == NULL || r->share == NULL)
		return m;
	tsn_share_widen(r->share, m, &r->mask);
	return &r->mask;
}

static bool
value(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	const struct registers *r = arg;

	return tsn_vm_value(r->vm, export, place(r, row), i, f, real);
}

void
tsn_alerts_on_match(struct tsn_alerts *a, const struct tsn_vm *vm, struct tsn_share *share, uint32_t rule,
    const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct registers over = { .vm = vm, .share = share };
	struct tsn_alert_reads reads = { &over, holds, mask, value, share };

	tsn_alerts_match(a, &reads, rule, rows, b);
}
