/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* docs/normal-form.md, made from the table of fields and those of the decoders. */
#ifndef TSN_CLI_NORMAL_FORM_H
#define TSN_CLI_NORMAL_FORM_H

#include "base/buf.h"

/*
 * The page: every field with its name, type, unit, Information Element and meaning, then for each format where it has
 * which field.
 */
void tsn_normal_form(struct tsn_buf *out);

/* --- between the files of the page --- */

/* A cell of a table and the bar behind it. */
void tsn_normal_form_cell(struct tsn_buf *out, const char *text);
/* The formats, one section each. */
void tsn_normal_form_formats(struct tsn_buf *out);

#endif
