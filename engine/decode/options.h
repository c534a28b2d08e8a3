/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the decode room: what an options record tells, entered into the facts of its Observation Domain. */
#ifndef TSN_DECODE_OPTIONS_H
#define TSN_DECODE_OPTIONS_H

#include "decode/plan.h"

/* [at] and [len]: where the fields of the record at [p] are. Counts in [x]. */
void tsn_options_take(const struct tsn_template *t, struct tsn_domain *d, struct tsn_facts_budget *budget,
    const uint8_t *p, const uint32_t *at, const uint16_t *len, struct tsn_exporter *x);

#endif
