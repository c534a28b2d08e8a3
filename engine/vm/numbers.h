/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Arithmetic over vectors as LANGUAGE.md section 2 has it: integers are 64-bit and a
 * result outside, or a division by zero, is unknown; a real that is not
 * finite is unknown. Lanes that are not known hold anything and trap nothing.
 * The result may be one of the operands; it is known at most where they are.
 */
#ifndef TSN_VM_NUMBERS_H
#define TSN_VM_NUMBERS_H

#include "flow/mask.h"

/* -1, 0 or 1 as the integer is below, equal to or above the real, exactly; never through a rounded double. */
int tsn_number_cmp(int64_t i, double f);

/* Both operands and the result are integers, or all are reals. */
void tsn_number_add(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
void tsn_number_sub(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
void tsn_number_mul(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
void tsn_number_neg(struct tsn_vector *d, const struct tsn_vector *a, uint32_t n);
/* Reals only. */
void tsn_number_div(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
/* Integers only. */
void tsn_number_mod(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
void tsn_number_band(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
void tsn_number_bor(struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n);
/* An integer as the nearest real. */
void tsn_number_to_real(struct tsn_vector *d, const struct tsn_vector *a, uint32_t n);
/*
 * The part of [a] that falls into a window (S26): a * window / duration, rounded down,
 * on rows of [known] whose duration is longer than the window; elsewhere a itself. [window] above 0.
 */
void tsn_number_share(struct tsn_vector *d, const struct tsn_vector *a, const int64_t *duration,
    const struct tsn_mask *known, int64_t window, uint32_t n);

#endif
