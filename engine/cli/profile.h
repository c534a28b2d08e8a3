/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What `tocsin profile` found out, and how it is told. */
#ifndef TSN_CLI_PROFILE_H
#define TSN_CLI_PROFILE_H

#include "base/buf.h"
#include "core/engine.h"
#include "vm/profile.h"

/* Of rules, windows or expressions: the line in a list, and its place among its kind. */
struct tsn_profile_line {
	uint32_t at;
	double ns; /* a flow */
};

struct tsn_profile_lines {
	struct tsn_profile_line *v;
	size_t n;
};

struct tsn_profile_view {
	const struct tsn_engine *engine;
	const struct tsn_program *program;
	struct tsn_profile profile;
	const struct tsn_spent *spent;
	uint64_t flows;
	double ns;       /* of one nanosecond, a flow */
	double rules_ns; /* a flow: all that is some rule's */
	double whole;    /* a flow; what measuring and waiting took left out */
	double seconds;  /* of the run, those included */
	struct tsn_profile_lines rules, windows, expressions; /* dearest first; expressions: those of several rules, and patterns */
	struct tsn_buf *advice; /* a sentence each */
	size_t nadvice, advice_cap;
};

/* False when memory is out; fini is due either way. */
bool tsn_profile_view_init(struct tsn_profile_view *v, struct tsn_engine *e, const struct tsn_spent *spent);
void tsn_profile_view_fini(struct tsn_profile_view *v);

/* A stage's name; what it took, a flow. */
const char *tsn_profile_stage_name(enum tsn_stage stage);
double tsn_profile_stage(const struct tsn_profile_view *v, enum tsn_stage stage);
double tsn_profile_rule(const struct tsn_profile_view *v, uint32_t rule);
/* The source text of an expression, or of a window. */
const char *tsn_profile_expression(const struct tsn_profile_view *v, const struct tsn_insn_cost *i);
void tsn_profile_window(const struct tsn_profile_view *v, uint32_t family, struct tsn_buf *out);

/* profile_advice.c: what could be done about it. */
bool tsn_profile_advise(struct tsn_profile_view *v);

void tsn_profile_text(const struct tsn_profile_view *v, size_t limit, struct tsn_buf *out);
void tsn_profile_json(const struct tsn_profile_view *v, struct tsn_buf *out);

#endif
