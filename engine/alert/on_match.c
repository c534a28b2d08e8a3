/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The fold over the registers of a vm. */
#include "alert/alert.h"

static bool
holds(const void *vm, uint32_t export, uint32_t row)
{
	return tsn_vm_mask_has(vm, export, row);
}

static const struct tsn_mask *
mask(const void *vm, uint32_t export)
{
	return tsn_vm_mask(vm, export);
}

static bool
value(const void *vm, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	return tsn_vm_value(vm, export, row, i, f, real);
}

void
tsn_alerts_on_match(void *alerts, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows,
    const struct tsn_batch *b)
{
	struct tsn_alert_reads reads = { vm, holds, mask, value };

	tsn_alerts_match(alerts, &reads, rule, rows, b);
}
