/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How nodes of the graph are made (graph.c, graph_truth.c, graph_agg.c): the canonical form is written into the checker's buffer from a
 * mark on, and the node of that form is looked up or entered. Whoever checks rules needs check.h only.
 */
#ifndef TSN_COMPILE_GRAPH_H
#define TSN_COMPILE_GRAPH_H

#include "compile/check.h"

/* Begins a form; the mark. */
size_t ck_open_form(struct tsn_ck *c, const char *head);
/* The text since [mark] is the form of [n]: the node of that form, [n] itself if it is new. */
const struct tsn_ir *ck_intern(struct tsn_ck *c, struct tsn_ir *n, size_t mark);
/* The same of an operator and its operands. */
const struct tsn_ir *ck_with_kids(struct tsn_ck *c, struct tsn_ir *n, const char *head, const struct tsn_ir **kid, uint32_t nkids);
void ck_add_quoted(struct tsn_ck *c, const char *s, size_t len);
void ck_add_field(struct tsn_ck *c, uint16_t field, unsigned v4, unsigned v6);
/* For qsort of nodes: operands whose order says nothing stand in that of their forms. */
int ck_by_canon(const void *a, const void *b);

#endif
