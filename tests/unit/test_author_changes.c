/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Two back-tests compared: which alerts are the same, which were gained, lost or changed. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "author/changes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define MOST 400

static struct tsn_backtest_rule rules_before[] = {
	{ .name = "a", .canon = "1", .listed_until = TSN_TIME_NONE }, { .name = "b", .canon = "1", .listed_until = TSN_TIME_NONE },
	{ .name = "d", .canon = "1", .listed_until = TSN_TIME_NONE },
};
static struct tsn_backtest_rule rules_after[] = {
	{ .name = "a", .canon = "1", .listed_until = TSN_TIME_NONE }, { .name = "c", .canon = "1", .listed_until = TSN_TIME_NONE },
	{ .name = "d", .canon = "2", .listed_until = TSN_TIME_NONE },
};

static struct tsn_backtest_alert
alert(uint32_t rule, const char *key, int64_t time, int64_t last)
{
	return (struct tsn_backtest_alert){ .rule = rule, .key = key, .time = time, .last = last, .severity = TSN_SEV_LOW, .message = "m",
		.flows = 5, .ended = true };
}

static void
sides(struct tsn_backtest *x, struct tsn_backtest *y, struct tsn_backtest_alert *a, size_t na, struct tsn_backtest_alert *b, size_t nb)
{
	*x = (struct tsn_backtest){ .rule = rules_before, .nrules = 3, .alert = a, .nalerts = na };
	*y = (struct tsn_backtest){ .rule = rules_after, .nrules = 3, .alert = b, .nalerts = nb };
}

Test(author_changes, one_of_each)
{
	struct tsn_backtest_alert a[] = { alert(0, "k", 10, 20), alert(1, "k", 11, 11), alert(2, "k", 12, 15), alert(2, "l", 13, 50),
		alert(2, "m", 14, 16), alert(2, "n", 20, 30) };
	struct tsn_backtest_alert b[] = { alert(0, "k", 10, 20), alert(2, "k", 12, 15), alert(1, "k", 13, 13), alert(2, "m", 17, 19),
		alert(2, "n", 20, 30), alert(2, "l", 40, 60) };
	struct tsn_backtest x, y;
	struct tsn_changes c;

	b[1].severity = TSN_SEV_HIGH;
	b[1].flows = 9;
	b[4].ended = false; /* its flows are not known to the end: no difference */
	b[4].flows = 1;
	sides(&x, &y, a, 6, b, 6);
	cr_assert(tsn_changes_find(&c, &x, &y));
	cr_assert_eq(c.nrules, 4);
	cr_assert_str_eq(c.rule[1].before->name, "b");
	cr_assert_null(c.rule[1].after);
	cr_assert_null(c.rule[2].before);
	cr_assert(!c.rule[0].changed && c.rule[3].changed);
	cr_assert_eq(c.same, 2);    /* a k, d n */
	cr_assert_eq(c.lost, 2);    /* b k, d m */
	cr_assert_eq(c.gained, 2);  /* c k, d m */
	cr_assert_eq(c.changed, 2); /* d k, d l */
	cr_assert_eq(c.nchanges, 6);
	cr_assert_eq(c.change[0].kind, TSN_CHANGE_LOST);
	cr_assert_eq(c.change[0].before, &a[1]);
	cr_assert_eq(c.change[1].kind, TSN_CHANGE_CHANGED);
	cr_assert_eq(c.change[1].what, TSN_CHANGE_SEVERITY | TSN_CHANGE_FLOWS);
	cr_assert_eq(c.change[5].what, TSN_CHANGE_TIME);
	cr_assert_eq(c.change[5].after, &b[5]);
	tsn_changes_fini(&c);
}

/* What was not listed on one side is no difference. */
Test(author_changes, cut)
{
	struct tsn_backtest_alert a[] = { alert(0, "k", 10, 10), alert(0, "k", 20, 20), alert(2, "k", 40, 40) };
	struct tsn_backtest_alert b[] = { alert(0, "k", 10, 10), alert(0, "k", 20, 20), alert(0, "k", 30, 30), alert(2, "k", 40, 40) };
	struct tsn_backtest_rule cut[3];
	struct tsn_backtest x, y;
	struct tsn_changes c;

	memcpy(cut, rules_before, sizeof(cut));
	cut[0].listed_until = 20;
	sides(&x, &y, a, 3, b, 4);
	x.rule = cut;
	cr_assert(tsn_changes_find(&c, &x, &y));
	cr_assert_eq(c.rule[0].compared_until, 20);
	cr_assert_eq(c.same, 2);
	cr_assert_eq(c.nchanges, 0);
	tsn_changes_fini(&c);
}

/* Of any two lists: every alert is in one place, what opened at one time is paired, and turned round gained is lost. */
Test(author_changes, random)
{
	static const char *const keys[] = { "k", "l", "" };
	static struct tsn_backtest_alert a[2][MOST];
	uint64_t state = 1;

	for (int round = 0; round < 300; round++) {
		size_t n[2];
		struct tsn_backtest x, y;
		struct tsn_changes c, back;

		for (int side = 0; side < 2; side++) {
			int64_t time = 0;

			n[side] = tsn_mix64(++state) % (round < 280 ? 12 : MOST);
			for (size_t i = 0; i < n[side]; i++) {
				uint64_t r = tsn_mix64(++state);

				time += (int64_t)(r % 3);
				a[side][i] = alert((r >> 8) % 3, keys[(r >> 16) % 3], time, time + (int64_t)((r >> 24) % 6));
				a[side][i].ended = (r >> 32) % 5 != 0;
				a[side][i].flows = (r >> 40) % 2;
			}
		}
		sides(&x, &y, a[0], n[0], a[1], n[1]);
		cr_assert(tsn_changes_find(&c, &x, &y));
		cr_assert_eq(c.same + c.lost + c.changed, n[0]);
		cr_assert_eq(c.same + c.gained + c.changed, n[1]);
		for (size_t i = 0; i < c.nchanges; i++) {
			const struct tsn_change *g = &c.change[i];

			cr_assert_eq(g->before == NULL, g->kind == TSN_CHANGE_GAINED);
			cr_assert_eq(g->after == NULL, g->kind == TSN_CHANGE_LOST);
			if (g->kind != TSN_CHANGE_CHANGED)
				continue;
			cr_assert_str_eq(g->before->key, g->after->key);
			cr_assert_neq(g->what, 0);
			cr_assert(!g->before->ended || g->before->last >= g->after->time);
			cr_assert(!g->after->ended || g->after->last >= g->before->time);
		}
		/* none that was gained opened when one that was lost did */
		for (size_t i = 0; i < c.nchanges; i++)
			for (size_t k = 0; k < c.nchanges; k++)
				cr_assert(c.change[i].kind != TSN_CHANGE_GAINED || c.change[k].kind != TSN_CHANGE_LOST ||
				    c.change[i].rule != c.change[k].rule || c.change[i].after->time != c.change[k].before->time ||
				    strcmp(c.change[i].after->key, c.change[k].before->key) != 0);
		cr_assert(tsn_changes_find(&back, &y, &x));
		cr_assert_eq(back.gained, c.lost);
		cr_assert_eq(back.lost, c.gained);
		cr_assert_eq(back.same, c.same);
		tsn_changes_fini(&back);
		tsn_changes_fini(&c);
	}
}

Test(author_changes, memory)
{
	struct tsn_backtest_alert a[] = { alert(0, "k", 10, 20), alert(2, "k", 12, 15) }, b[] = { alert(0, "l", 10, 20) };
	struct tsn_backtest x, y;
	struct tsn_changes c;

	sides(&x, &y, a, 2, b, 1);
	for (long i = 0;; i++) {
		bool ok;

		tsn_mem_fail_at(i, true);
		ok = tsn_changes_find(&c, &x, &y);
		tsn_mem_fail_never();
		if (ok)
			break;
		tsn_changes_fini(&c);
	}
	cr_assert_eq(c.nchanges, 3);
	tsn_changes_fini(&c);
}
