/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: templates of UDP sessions, and what options told, as bytes and back, so that after a restart
 * no flow waits for its template. Those of connections and files end with the process.
 */
#ifndef TSN_DECODE_TEMPLATE_SAVE_H
#define TSN_DECODE_TEMPLATE_SAVE_H

#include "base/pack.h"
#include "decode/template.h"

void tsn_templates_save(const struct tsn_templates *t, struct tsn_pack *out);
/*
 * [exporters] gives the indices. Any bytes may be given. With [t] NULL they are only looked at; else what there is no
 * room for is left out, which exporters mend with their next template.
 */
bool tsn_templates_load(struct tsn_templates *t, struct tsn_exporters *exporters, struct tsn_unpack *in);

#endif
