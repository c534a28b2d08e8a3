/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From text to tree. Any bytes give a tree and diagnostics, never a crash: nesting, literal
 * lengths, file size and the number of errors have caps. Fields, functions and services are
 * only names here; what they mean is the checker's business.
 */
#ifndef TSN_GRAMMAR_PARSE_H
#define TSN_GRAMMAR_PARSE_H

#include "grammar/ast.h"
#include "grammar/diag.h"

#define TSN_PARSE_FILE_MAX (16u << 20)

/*
 * Reads and parses a file, or parses [text] under [name] (copied into the sources). The result is
 * a FILE node, held by the sources too; NULL if the file cannot be read or memory is out,
 * which is also in the diagnostics. After errors the tree holds what could be understood;
 * parts that could not are ERROR nodes or missing, and their parents are marked broken.
 */
struct tsn_node *tsn_parse_file(struct tsn_sources *, const char *path, struct tsn_diags *);
struct tsn_node *tsn_parse_text(struct tsn_sources *, const char *name, const char *text,
    size_t len, struct tsn_diags *);

/* A bare condition, for -e and --where. */
struct tsn_node *tsn_parse_expr(struct tsn_sources *, const char *name, const char *text,
    size_t len, struct tsn_diags *);

#endif
