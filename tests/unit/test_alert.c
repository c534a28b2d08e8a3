/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The life of alerts: opening, suppression, ends, order, bounds, reloads. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "build_alert.h"

static const uint32_t sizes[] = { 1, 2, 7, TSN_BATCH_ROWS };

/* One life after the other: rows, what they must yield, whatever the batch size. */
struct life {
	const char *what;
	int64_t once, hold;
	struct row row[8];
	int64_t until; /* last tick */
	const char *expect;
};

static const struct life lives[] = {
	{ "opens with the first match, ends at the first tick after receipt of the last + hold", 60000, 60000,
	    { { 3500, 3000, 5, 1 }, { 4000, 3900, 5, 1 }, { 10250, 9000, 5, 1 } }, 71000,
	    "open r 10.0.0.5 at 3 flows 1 seen 3-3\nclose r 10.0.0.5 at 71 flows 3 seen 3-9\n" },
	{ "not a tick earlier", 60000, 60000, { { 10250, 9000, 5, 1 } }, 70999, "open r 10.0.0.5 at 9 flows 1 seen 9-9\n" },
	{ "a match on a whole second ends a whole hold later", 60000, 60000, { { 10000, 9000, 5, 1 } }, 70000,
	    "open r 10.0.0.5 at 9 flows 1 seen 9-9\nclose r 10.0.0.5 at 70 flows 1 seen 9-9\n" },
	{ "opens again after its end", 10000, 10000, { { 1000, 1000, 5, 1 }, { 12000, 12000, 5, 1 } }, 0,
	    "open r 10.0.0.5 at 1 flows 1 seen 1-1\nclose r 10.0.0.5 at 11 flows 1 seen 1-1\n"
	    "open r 10.0.0.5 at 12 flows 1 seen 12-12\n" },
	{ "ends even if the next match is in the same batch, at its own tick", 10000, 10000,
	    { { 1000, 1000, 5, 1 }, { 5000, 5000, 6, 1 }, { 11500, 11500, 7, 1 }, { 20000, 20000, 5, 1 } }, 0,
	    "open r 10.0.0.5 at 1 flows 1 seen 1-1\nopen r 10.0.0.6 at 5 flows 1 seen 5-5\n"
	    "close r 10.0.0.5 at 11 flows 1 seen 1-1\nopen r 10.0.0.7 at 11.5 flows 1 seen 11.5-11.5\n"
	    "close r 10.0.0.6 at 15 flows 1 seen 5-5\nopen r 10.0.0.5 at 20 flows 1 seen 20-20\n" },
	{ "once per: suppressed until D after the first opening", 60000, 10000,
	    { { 0, 0, 5, 1 }, { 20000, 20000, 5, 1 }, { 59999, 59999, 5, 1 }, { 60000, 60000, 5, 1 } }, 0,
	    "open r 10.0.0.5 at 0 flows 1 seen 0-0\nclose r 10.0.0.5 at 10 flows 1 seen 0-0\n"
	    "open r 10.0.0.5 at 60 flows 1 seen 60-60\n" },
	{ "once per is judged on event time, not on receipt", 60000, 10000,
	    { { 0, 0, 5, 1 }, { 70000, 59000, 5, 1 }, { 71000, 61000, 5, 1 } }, 0,
	    "open r 10.0.0.5 at 0 flows 1 seen 0-0\nclose r 10.0.0.5 at 10 flows 1 seen 0-0\n"
	    "open r 10.0.0.5 at 61 flows 1 seen 61-61\n" },
	{ "what stays open opens once, however long", 10000, 60000,
	    { { 0, 0, 5, 1 }, { 50000, 50000, 5, 1 }, { 100000, 100000, 5, 1 }, { 150000, 150000, 5, 1 } }, 210000,
	    "open r 10.0.0.5 at 0 flows 1 seen 0-0\nclose r 10.0.0.5 at 210 flows 4 seen 0-150\n" },
	{ "event times out of order", 60000, 60000,
	    { { 10000, 9000, 5, 1 }, { 11000, 2000, 5, 1 }, { 12000, 11000, 5, 1 }, { 13000, 4000, 5, 1 } }, 73000,
	    "open r 10.0.0.5 at 9 flows 1 seen 9-9\nclose r 10.0.0.5 at 73 flows 4 seen 2-11\n" },
	{ "receipt that steps back does not bring an end forward", 60000, 10000,
	    { { 20000, 20000, 5, 1 }, { 1000, 1000, 5, 1 } }, 30000,
	    "open r 10.0.0.5 at 20 flows 1 seen 20-20\nclose r 10.0.0.5 at 30 flows 2 seen 1-20\n" },
	{ "keys are apart, and an absent one is a key", 60000, 60000,
	    { { 0, 0, 5, 1 }, { 1000, 1000, 0, 1 }, { 2000, 2000, 6, 1 }, { 3000, 3000, 0, 1 } }, 0,
	    "open r 10.0.0.5 at 0 flows 1 seen 0-0\nopen r - at 1 flows 1 seen 1-1\nopen r 10.0.0.6 at 2 flows 1 seen 2-2\n" },
	{ "ends of one tick by key", 60000, 10000,
	    { { 100, 100, 9, 1 }, { 200, 200, 7, 1 }, { 300, 300, 8, 1 } }, 11000,
	    "open r 10.0.0.9 at 0.1 flows 1 seen 0.1-0.1\nopen r 10.0.0.7 at 0.2 flows 1 seen 0.2-0.2\n"
	    "open r 10.0.0.8 at 0.3 flows 1 seen 0.3-0.3\nclose r 10.0.0.7 at 11 flows 1 seen 0.2-0.2\n"
	    "close r 10.0.0.8 at 11 flows 1 seen 0.3-0.3\nclose r 10.0.0.9 at 11 flows 1 seen 0.1-0.1\n" },
};

Test(alert, lives)
{
	for (size_t i = 0; i < COUNT(lives); i++) {
		const struct life *l = &lives[i];
		struct tsn_rule rule = simple_rule("r", l->once, l->hold);
		struct tsn_program program = program_of(&rule, 1);
		size_t n = 0;

		while (n < COUNT(l->row) && l->row[n].rules != 0)
			n++;
		for (size_t s = 0; s < COUNT(sizes); s++) {
			struct player p = { 0 };

			cr_assert(play_begin(&p, &program, 100));
			play_rows(&p, l->row, n, sizes[s]);
			play_until(&p, l->until);
			cr_expect_str_eq(tsn_buf_str(&p.out), l->expect, "%s, batches of %u:\n%s", l->what, sizes[s],
			    tsn_buf_str(&p.out));
			play_end(&p);
		}
	}
}

Test(alert, each_is_one_a_match_without_state)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row[] = { { 1000, 1000, 5, 1, 1 }, { 1000, 1000, 5, 1, 2 }, { 2000, 2000, 5, 1, 3 } };
	struct tsn_alert_counts n;
	struct player p = { 0 };

	rule.each = true;
	cr_assert(play_begin(&p, &program, 1));
	play_rows(&p, row, COUNT(row), TSN_BATCH_ROWS);
	play_until(&p, 100000);
	cr_expect_str_eq(tsn_buf_str(&p.out), "each r 10.0.0.5 at 1 flows 1 seen 1-1\n"
	    "each r 10.0.0.5 at 1 flows 1 seen 1-1\neach r 10.0.0.5 at 2 flows 1 seen 2-2\n");
	tsn_alerts_counts(p.alerts, 0, &n);
	cr_expect(n.matches == 3 && n.alerts == 3 && n.open == 0 && n.closed == 0);
	cr_expect_eq(tsn_alerts_next_due(p.alerts), INT64_MAX);
	play_end(&p);
}

/* Evaluation is rule by rule; records come row by row, then by rule. */
Test(alert, two_rules_of_one_batch_come_in_the_order_of_rows)
{
	struct tsn_rule rule[] = { simple_rule("b", 60000, 60000), simple_rule("a", 60000, 60000) };
	struct tsn_program program = program_of(rule, 2);
	const struct row row[] = { { 0, 0, 9, 2 }, { 1000, 1000, 8, 3 }, { 2000, 2000, 7, 1 }, { 3000, 3000, 6, 2 } };

	for (size_t s = 0; s < COUNT(sizes); s++) {
		struct player p = { 0 };

		cr_assert(play_begin(&p, &program, 100));
		play_rows(&p, row, COUNT(row), sizes[s]);
		cr_expect_str_eq(tsn_buf_str(&p.out), "open a 10.0.0.9 at 0 flows 1 seen 0-0\nopen b 10.0.0.8 at 1 flows 1 seen 1-1\n"
		    "open a 10.0.0.8 at 1 flows 1 seen 1-1\nopen b 10.0.0.7 at 2 flows 1 seen 2-2\n"
		    "open a 10.0.0.6 at 3 flows 1 seen 3-3\n");
		play_end(&p);
	}
}

/* --- against a model that walks second by second --- */

#define M_RULES 3
#define M_KEYS 12
#define M_ROWS 600

struct model_key {
	bool open, ever;
	int64_t opened, received, first, last;
	uint64_t flows;
};

static void
model_say(struct tsn_buf *out, const char *state, const struct tsn_rule *r, uint32_t key, int64_t at,
    const struct model_key *k)
{
	tsn_buf_printf(out, "%s %s 10.0.0.%u at %g flows %llu seen %g-%g\n", state, r->name, key, (double)at / 1000,
	    (unsigned long long)k->flows, (double)k->first / 1000, (double)k->last / 1000);
}

static void
model_tick(const struct tsn_rule *rule, struct model_key (*k)[M_KEYS], int64_t tick, struct tsn_buf *out)
{
	for (int r = 0; r < M_RULES; r++)
		for (uint32_t i = 1; i < M_KEYS; i++)
			if (k[r][i].open && tick >= k[r][i].received + rule[r].hold_ms) {
				k[r][i].open = false;
				model_say(out, "close", &rule[r], i, tick, &k[r][i]);
			}
}

static void
model_match(const struct tsn_rule *r, uint32_t key, struct model_key *k, const struct row *row, int64_t now,
    struct tsn_buf *out)
{
	if (!k->open && k->ever && row->time < k->opened + r->once_ms)
		return;
	if (!k->open)
		*k = (struct model_key){ .ever = true, .opened = row->time, .first = row->time, .last = row->time };
	k->first = row->time < k->first ? row->time : k->first;
	k->last = row->time > k->last ? row->time : k->last;
	k->received = now;
	k->flows++;
	if (!k->open)
		model_say(out, "open", r, key, row->time, k);
	k->open = true;
}

static void
model(const struct tsn_rule *rule, const struct row *row, size_t n, int64_t until, struct tsn_buf *out)
{
	struct model_key k[M_RULES][M_KEYS] = { 0 };
	int64_t now = 0, tick = 0;

	for (size_t i = 0; i <= n; i++) {
		int64_t to = i < n ? row[i].received : until;

		now = to > now ? to : now;
		for (; tick + 1000 <= now; model_tick(rule, k, tick, out))
			tick += 1000;
		for (int r = 0; i < n && r < M_RULES; r++)
			if (row[i].rules >> r & 1)
				model_match(&rule[r], row[i].src, &k[r][row[i].src], &row[i], now, out);
	}
}

static uint32_t
random_below(uint64_t *s, uint32_t n)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*s >> 33) % n);
}

static void
random_rows(struct row *row, size_t n, uint64_t *s)
{
	int64_t now = 5000;

	for (size_t i = 0; i < n; i++) {
		now += random_below(s, 10) == 0 ? random_below(s, 90000) : random_below(s, 1500);
		row[i] = (struct row){ .received = now - (random_below(s, 20) == 0 ? random_below(s, 5000) : 0),
			.src = 1 + random_below(s, M_KEYS - 1), .rules = random_below(s, 8) };
		row[i].time = row[i].received - random_below(s, random_below(s, 30) == 0 ? 3600000 : 4000);
	}
}

Test(alert, equals_a_model_that_walks_second_by_second)
{
	static struct row row[M_ROWS];
	struct tsn_rule rule[M_RULES] = { simple_rule("x", 60000, 60000), simple_rule("y", 300000, 7500),
		simple_rule("z", 1000, 30000) };
	struct tsn_program program = program_of(rule, M_RULES);
	uint64_t seed = 20260105;

	for (int round = 0; round < 25; round++) {
		struct tsn_buf want = TSN_BUF_INIT;
		int64_t until;

		random_rows(row, M_ROWS, &seed);
		until = row[M_ROWS - 1].received + 100000;
		model(rule, row, M_ROWS, until, &want);
		cr_assert_gt(want.len, 10000);
		for (size_t s = 0; s < COUNT(sizes); s++) {
			struct player p = { 0 };

			cr_assert(play_begin(&p, &program, 1000));
			play_rows(&p, row, M_ROWS, sizes[s]);
			play_until(&p, until);
			cr_assert_str_eq(tsn_buf_str(&p.out), want.p, "round %d, batches of %u", round, sizes[s]);
			play_end(&p);
		}
		tsn_buf_fini(&want);
	}
}

/* The whole record, samples and messages included, where the table is full too. */
Test(alert, batches_of_any_size_give_the_same_bytes)
{
	static struct row row[M_ROWS];
	struct tsn_piece piece[] = { { .kind = TSN_PIECE_FIELD, .field = TSN_F_DST_PORT }, { .kind = TSN_PIECE_TEXT, .text = " v " },
		{ .kind = TSN_PIECE_REG, .reg = X_VALUE } };
	struct tsn_rule rule[M_RULES] = { simple_rule("x", 60000, 60000), simple_rule("y", 300000, 7500),
		simple_rule("z", 1000, 30000) };
	struct tsn_report report = { X_HOLDS, X_VALUE, X_THRESHOLD, 60000, false, false, TSN_REL_GT, 0, TSN_T_INT };
	struct tsn_program program = program_of(rule, M_RULES);
	uint64_t seed = 7;

	rule[1].message = piece;
	rule[1].nmessage = COUNT(piece);
	rule[0].report = &report;
	rule[0].nreports = 1;
	for (int round = 0; round < 20; round++) {
		struct tsn_buf want = TSN_BUF_INIT;

		random_rows(row, M_ROWS, &seed);
		for (int i = 0; i < M_ROWS; i++) {
			row[i].value = random_below(&seed, 1000);
			row[i].sampling = random_below(&seed, 50) == 0 ? 100 : 0;
		}
		for (size_t s = 0; s < COUNT(sizes); s++) {
			struct player p = { .json = true, .threshold = 500 };
			struct tsn_alert_counts n;

			cr_assert(play_begin(&p, &program, 1 + (uint32_t)round));
			play_rows(&p, row, M_ROWS, sizes[s]);
			tsn_alerts_totals(p.alerts, &n);
			tsn_buf_printf(&p.out, "%llu %llu %llu %llu %llu %llu\n", (unsigned long long)n.matches,
			    (unsigned long long)n.alerts, (unsigned long long)n.closed, (unsigned long long)n.suppressed,
			    (unsigned long long)n.evicted, (unsigned long long)n.open);
			if (s == 0)
				tsn_buf_add(&want, p.out.p, p.out.len);
			cr_assert_str_eq(p.out.p, want.p, "round %d, batches of %u", round, sizes[s]);
			cr_assert(round > 8 || n.evicted > 0);
			cr_assert_eq(n.alerts, n.closed + n.open);
			play_end(&p);
		}
		tsn_buf_fini(&want);
	}
}

/* --- bounds --- */

static void
remember_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_buf *b = arg;

	tsn_buf_printf(b, "%d %s\n", level, line);
}

Test(alert, a_full_table_ends_the_alert_that_is_silent_longest)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row[] = { { 0, 0, 1, 1 }, { 1000, 1000, 2, 1 }, { 2000, 2000, 1, 1 }, { 3000, 3000, 3, 1 },
		{ 4000, 4000, 1, 1 }, { 5000, 5000, 2, 1 } };
	struct tsn_buf log = TSN_BUF_INIT;
	struct tsn_log to = { TSN_LOG_DEBUG, remember_log, &log };
	struct tsn_alert_counts n;
	struct player p = { 0 };

	cr_assert(play_begin(&p, &program, 2));
	tsn_alerts_free(p.alerts);
	p.alerts = tsn_alerts_new(2, &to);
	cr_assert(tsn_alerts_set_sinks(p.alerts, &p.sink, 1) && tsn_alerts_bind(p.alerts, &program, NULL, NULL));
	play_rows(&p, row, COUNT(row), TSN_BATCH_ROWS);
	cr_expect_str_eq(tsn_buf_str(&p.out), "open r 10.0.0.1 at 0 flows 1 seen 0-0\nopen r 10.0.0.2 at 1 flows 1 seen 1-1\n"
	    "close r 10.0.0.2 at 3 flows 1 seen 1-1\nopen r 10.0.0.3 at 3 flows 1 seen 3-3\n"
	    "close r 10.0.0.3 at 5 flows 1 seen 3-3\nopen r 10.0.0.2 at 5 flows 1 seen 5-5\n", "%s", tsn_buf_str(&p.out));
	tsn_alerts_totals(p.alerts, &n);
	cr_expect(n.evicted == 2 && n.open == 2 && n.alerts == 4 && n.closed == 2);
	cr_expect_str_eq(tsn_buf_str(&log), "1 rule r has alerts for 2 keys, its bound: the oldest give way\n");
	tsn_buf_fini(&log);
	play_end(&p);
}

struct listed {
	uint32_t src;
	int64_t due;
	int since; /* row at which [due] came to be */
};

/* Keys that come and go by the hundred, against a plain list of those that have a place. */
Test(alert, a_full_table_is_a_list_of_the_latest)
{
	static struct row row[6000];
	struct tsn_rule rule = simple_rule("r", 3600000, 3600000);
	struct tsn_program program = program_of(&rule, 1);
	struct listed list[61] = { 0 };
	uint64_t seed = 99, opened = 0;
	struct tsn_alert_counts n;
	struct player p = { 0 };
	int len = 0;

	for (int i = 0; i < (int)COUNT(row); i++) {
		int64_t now = i * 50;
		int at = 0, oldest = 0;

		row[i] = (struct row){ now, now, 1 + random_below(&seed, 40) + random_below(&seed, 60), 1, 0, 0 };
		while (at < len && list[at].src != row[i].src)
			at++;
		if (at == len) {
			opened++;
			for (int j = 1; j < len; j++)
				if (list[j].due < list[oldest].due ||
				    (list[j].due == list[oldest].due && list[j].since < list[oldest].since))
					oldest = j;
			at = len < 60 ? len++ : oldest;
			list[at] = (struct listed){ row[i].src, 0, 0 };
		}
		if (list[at].due != (now + 999) / 1000)
			list[at] = (struct listed){ row[i].src, (now + 999) / 1000, i };
	}
	cr_assert(play_begin(&p, &program, 60));
	play_rows(&p, row, COUNT(row), 100);
	tsn_alerts_totals(p.alerts, &n);
	cr_expect(opened > 1000 && n.alerts == opened, "%llu, the list says %llu", (unsigned long long)n.alerts,
	    (unsigned long long)opened);
	cr_expect(n.open == 60 && n.evicted == opened - 60);
	play_end(&p);
}

Test(alert, many_keys_stay_within_the_bound_and_are_forgotten)
{
	struct tsn_rule rule = simple_rule("r", 1000, 1000);
	struct tsn_program program = program_of(&rule, 1);
	static struct row row[20000];
	struct tsn_alert_counts n;
	struct player p = { 0 };

	for (uint32_t i = 0; i < COUNT(row); i++)
		row[i] = (struct row){ i / 10, i / 10, 1 + i, 1, 0, 0 };
	cr_assert(play_begin(&p, &program, 512));
	play_rows(&p, row, COUNT(row), TSN_BATCH_ROWS);
	tsn_alerts_totals(p.alerts, &n);
	cr_expect_eq(n.alerts, COUNT(row));
	cr_expect_eq(n.evicted, COUNT(row) - 512);
	cr_expect_leq(n.open, 512);
	play_until(&p, 10000);
	tsn_alerts_totals(p.alerts, &n);
	cr_expect_eq(n.open, 0);
	cr_expect_eq(n.closed, COUNT(row));
	cr_expect_neq(tsn_alerts_next_due(p.alerts), INT64_MAX, "suppression is still remembered");
	play_until(&p, 3700000);
	cr_expect_eq(tsn_alerts_next_due(p.alerts), INT64_MAX, "nothing is left");
	play_end(&p);
}

Test(alert, a_disabled_rule_and_one_past_its_date_are_silent)
{
	struct tsn_rule rule[] = { simple_rule("off", 60000, 60000), simple_rule("old", 60000, 60000) };
	struct tsn_program program = program_of(rule, 2);
	const struct row row[] = { { 1000, 1000, 1, 3 }, { 2000, 1500, 2, 3 }, { 2500, 2500, 3, 3 } };
	struct tsn_alert_counts n;
	struct player p = { 0 };

	rule[0].disabled = true;
	rule[1].expires_ms = T0 + 2000;
	cr_assert(play_begin(&p, &program, 10));
	play_rows(&p, row, COUNT(row), TSN_BATCH_ROWS);
	cr_expect_str_eq(tsn_buf_str(&p.out), "open old 10.0.0.1 at 1 flows 1 seen 1-1\n");
	tsn_alerts_counts(p.alerts, 0, &n);
	cr_expect_eq(n.matches, 0);
	tsn_alerts_counts(p.alerts, 1, &n);
	cr_expect_eq(n.matches, 1);
	play_end(&p);
}

/* --- closing windows --- */

static void
play_closing(struct player *p, int64_t window_end, uint32_t src, int64_t now)
{
	struct row row = { window_end - 1, window_end - 1, src, 1, 0, 0 };

	p->now = T0 + now;
	tsn_batch_clear(p->batch, TSN_BATCH_TICK);
	play_put(p->batch, &row);
	play_batch(p, &row);
}

Test(alert, a_condition_that_holds_in_window_after_window_is_one_alert)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	struct player p = { 0 };

	cr_assert(play_begin(&p, &program, 10));
	tsn_alerts_lateness(p.alerts, 30000);
	play_closing(&p, 60000, 5, 90000);
	play_until(&p, 149000);
	play_closing(&p, 120000, 5, 150000);
	play_until(&p, 209999);
	cr_expect_str_eq(tsn_buf_str(&p.out), "open r 10.0.0.5 at 59.999 flows 0 seen 59.999-59.999\n");
	play_until(&p, 210000); /* the third window closed without a row */
	cr_expect_str_eq(tsn_buf_str(&p.out), "open r 10.0.0.5 at 59.999 flows 0 seen 59.999-59.999\n"
	    "close r 10.0.0.5 at 210 flows 0 seen 59.999-119.999\n");
	play_end(&p);
}

/* --- reload --- */

Test(alert, a_reload_keeps_open_alerts_and_suppression)
{
	struct tsn_rule old[] = { simple_rule("a", 60000, 20000), simple_rule("b", 60000, 5000) };
	struct tsn_rule new[] = { simple_rule("c", 60000, 20000), simple_rule("b", 60000, 5000), simple_rule("a", 60000, 20000) };
	struct tsn_program before = program_of(old, 2), after = program_of(new, 3);
	const struct row first[] = { { 0, 0, 5, 3 } }, late[] = { { 6000, 6000, 5, 2 | 4 } }, again[] = { { 61000, 61000, 5, 2 } };
	struct tsn_alert_counts n;
	struct player p = { 0 };

	cr_assert(play_begin(&p, &before, 10));
	play_rows(&p, first, 1, 1);
	play_until(&p, 5000);
	cr_assert(play_reload(&p, &after, 10));
	play_rows(&p, late, 1, 1); /* a: still open; b: ended, suppressed */
	play_until(&p, 26000);
	play_rows(&p, again, 1, 1);
	cr_expect_str_eq(tsn_buf_str(&p.out), "open a 10.0.0.5 at 0 flows 1 seen 0-0\nopen b 10.0.0.5 at 0 flows 1 seen 0-0\n"
	    "close b 10.0.0.5 at 5 flows 1 seen 0-0\nclose a 10.0.0.5 at 26 flows 2 seen 0-6\n"
	    "open b 10.0.0.5 at 61 flows 1 seen 61-61\n", "%s", tsn_buf_str(&p.out));
	tsn_alerts_counts(p.alerts, 1, &n);
	cr_expect(n.matches == 3 && n.alerts == 2 && n.suppressed == 1, "counts go with the name");
	play_end(&p);
}

Test(alert, a_reload_takes_over_new_times)
{
	struct tsn_rule old = simple_rule("a", 60000, 60000), new = simple_rule("a", 60000, 10000);
	struct tsn_program before = program_of(&old, 1), after = program_of(&new, 1);
	const struct row row[] = { { 0, 0, 5, 1 }, { 1500, 1500, 6, 1 }, { 2000, 2000, 5, 1 } };
	struct player p = { 0 };

	cr_assert(play_begin(&p, &before, 10));
	play_rows(&p, row, COUNT(row), TSN_BATCH_ROWS);
	cr_assert(play_reload(&p, &after, 10));
	cr_expect_eq(tsn_alerts_next_due(p.alerts), T0 + 12000);
	tsn_buf_clear(&p.out);
	play_until(&p, 12000);
	cr_expect_str_eq(tsn_buf_str(&p.out), "close a 10.0.0.5 at 12 flows 2 seen 0-2\nclose a 10.0.0.6 at 12 flows 1 seen 1.5-1.5\n");
	play_end(&p);
}

Test(alert, a_reload_ends_the_alerts_of_rules_that_are_gone_or_keyed_otherwise)
{
	struct tsn_rule old[] = { simple_rule("gone", 60000, 60000), simple_rule("rekeyed", 60000, 60000),
		simple_rule("off", 60000, 60000) };
	struct tsn_rule new[] = { simple_rule("off", 60000, 60000), simple_rule("rekeyed", 60000, 60000) };
	struct tsn_program before = program_of(old, 3), after = program_of(new, 2);
	const struct row row[] = { { 1000, 1000, 5, 7 } };
	struct tsn_alert_counts n;
	struct player p = { 0 };

	new[0].disabled = true;
	new[1].key.part[0].v4_bits = 24;
	cr_assert(play_begin(&p, &before, 10));
	play_rows(&p, row, 1, 1);
	tsn_buf_clear(&p.out);
	cr_assert(play_reload(&p, &after, 10));
	cr_expect_str_eq(tsn_buf_str(&p.out), "close gone 10.0.0.5 at 1 flows 1 seen 1-1\n"
	    "close rekeyed 10.0.0.5 at 1 flows 1 seen 1-1\nclose off 10.0.0.5 at 1 flows 1 seen 1-1\n", "%s", tsn_buf_str(&p.out));
	tsn_alerts_totals(p.alerts, &n);
	cr_expect(n.open == 0 && n.closed == 3 && n.alerts == 3 && n.matches == 3);
	play_end(&p);
}

/* --- memory --- */

/* Every allocation in turn fails: nothing crashes or leaks, and what is lost is counted. */
Test(alert, survives_without_memory)
{
	struct tsn_piece piece[] = { { .kind = TSN_PIECE_FIELD, .field = TSN_F_DST_PORT } };
	struct tsn_rule rule[] = { simple_rule("r", 60000, 5000), simple_rule("e", 60000, 5000) };
	struct tsn_program program = program_of(rule, 2), again = program_of(rule, 2);
	static struct row row[64];
	uint64_t lost = 0;

	rule[0].message = piece;
	rule[0].nmessage = 1;
	rule[1].each = true;
	for (uint32_t i = 0; i < COUNT(row); i++)
		row[i] = (struct row){ i * 700, i * 700, 1 + i % 20, i % 3 == 0 ? 3 : 1, i, 0 };
	for (long at = 0; at < 400; at++) {
		struct player p = { .json = true };
		struct tsn_alert_counts n;

		cr_assert(play_begin(&p, &program, 16));
		tsn_mem_fail_at(at, at % 2 == 0);
		play_rows(&p, row, COUNT(row), 16);
		play_reload(&p, &again, 16);
		tsn_mem_fail_never();
		play_rows(&p, row, COUNT(row), 16);
		tsn_alerts_totals(p.alerts, &n);
		cr_expect_gt(n.alerts, 0);
		lost += n.lost;
		play_end(&p);
	}
	cr_expect_gt(lost, 0);
}
