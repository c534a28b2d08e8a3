/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A reload as the state sees it, in one step. */
#ifndef TESTS_STATE_TAKEOVER_H
#define TESTS_STATE_TAKEOVER_H

#include <criterion/criterion.h>

#include "state/state.h"

static inline void
take_over_all(struct tsn_state *const *s, uint32_t n, struct tsn_state *const *old, uint32_t nold,
    void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	struct tsn_takeover *t = tsn_takeover_new(s, n, old, nold);

	cr_assert_not_null(t);
	tsn_takeover_run(t);
	if (report != NULL)
		tsn_takeover_tell(t, report, arg);
	tsn_takeover_free(t);
}

static inline void
take_over(struct tsn_state *s, struct tsn_state *old, void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	take_over_all(&s, 1, &old, 1, report, arg);
}

#endif
