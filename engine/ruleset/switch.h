/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * THE way by which a store goes from one state to the next: unpacked, tried, put in its place, named by the state, told to
 * the daemon, and taken back if the daemon cannot use it.
 */
#ifndef TSN_RULESET_SWITCH_H
#define TSN_RULESET_SWITCH_H

#include "ruleset/package.h"

struct tsn_switch {
	const struct tsn_store_held *held;
	struct tsn_store_state *before, *after;    /* as it is, and as it is to be; both grow in number */
	struct tsn_package **package; size_t npackages; /* unpacked; in [after] in force */
	const struct tsn_compile_input *site;
	uint64_t max_per_hour;
	bool force, only_try;                      /* only_try: nothing is put in force */
	void (*say)(void *arg, bool problem, const char *line); /* as in tsn_trial */
	bool (*wait)(void *arg, bool begin);       /* a moment; false: the time since [begin] is up */
	void *arg;
};

enum tsn_switch_end {
	TSN_SWITCH_DONE,
	TSN_SWITCH_REFUSED, /* nothing has changed */
	TSN_SWITCH_UNDONE,  /* the daemon could not use it: the state is as it was before, under a new number */
};

/* [error] of REFUSED and UNDONE. */
enum tsn_switch_end tsn_switch_run(struct tsn_switch *s, char error[TSN_RULESET_ERROR]);

#endif
