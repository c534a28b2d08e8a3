/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* docs/normal-form.md, made from the table of fields and those of the decoders. */
#ifndef TSN_CLI_NORMAL_FORM_H
#define TSN_CLI_NORMAL_FORM_H

#include "base/buf.h"
#include "flow/fields.h"

/* Where a format has the field: "dOctets", "23 OUT_BYTES", "sampled header". */
struct tsn_mapping {
	const char *format;
	enum tsn_field field;
	const char *source;
};

/*
 * The page: every field with its name, type, unit, Information Element and meaning, then a table a format of [map], in
 * the order in which formats come first.
 */
void tsn_normal_form(struct tsn_buf *out, const struct tsn_mapping *map, size_t n);

#endif
