/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Entropy of many values in little memory: Clifford and Cosma, A simple sketching algorithm for entropy
 * estimation over streaming data (2013). Each of TSN_STABLE registers sums, over all flows, a random number that belongs to
 * the flow's value, drawn from the stable law of index 1 that leans fully to one side: E exp(t R) = t^t. Then register / N
 * has E exp = exp(-H), and H = -ln(mean exp(register / N)), in nats, with a standard error of sqrt(3 / 512).
 *
 * Registers are whole numbers and add up, so panes can be taken out again exactly. Knows nothing of groups or time.
 */
#ifndef TSN_STATE_STABLE_H
#define TSN_STATE_STABLE_H

#include <stdint.h>

#define TSN_STABLE 512
/* Standard error of the entropy in bits: sqrt(3 / 512) / ln 2. */
#define TSN_STABLE_ERROR 0.1105

struct tsn_stable;

/* The law as tables, about 18 KB for all who ask; any thread. */
const struct tsn_stable *tsn_stable_law(void);
/* The numbers of [member], which is a hash. */
void tsn_stable_of(const struct tsn_stable *t, uint64_t member, int32_t x[TSN_STABLE]);
/* reg[i] += n x[i], modulo 2^64. */
void tsn_stable_add(int64_t reg[TSN_STABLE], const int32_t x[TSN_STABLE], uint64_t n);
void tsn_stable_subtract(int64_t reg[TSN_STABLE], const int64_t from[TSN_STABLE]);
/* Entropy in bits of [n] > 0 flows. */
double tsn_stable_entropy(const int64_t reg[TSN_STABLE], uint64_t n);

#endif
