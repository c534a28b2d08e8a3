/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keys of rows; lists of entries, by life and by part of the key: who is due, who gives way. */
#include <criterion/criterion.h>

#include "build_alert.h"
#include "alert/stage.h"
#include "base/hash.h"
#include "dice.h"

/* A field of a row: an address of IPv4 in most of them, in some of a batch in all; a text now and then too long; seldom nothing. */
static struct tsn_value
some_part(enum tsn_field f, uint64_t v6, char *text)
{
	struct tsn_value v = { .type = tsn_fields[f].type, .known = below(100) != 0, .i = (int64_t)below(50) };

	if (tsn_fields[f].storage == TSN_ADDR)
		v.addr = below(100) < v6 ? (struct tsn_addr){ 5, below(50), false } : tsn_addr_v4((uint32_t)below(50) << 12);
	if (tsn_fields[f].storage == TSN_STR) {
		v.s = (struct tsn_str){ text, (uint32_t)below(300) };
		memset(text, 'a' + (int)below(26), v.s.n);
	}
	return v;
}

/* All keys of the rows, as many at a time as there is room for, are those that one row after the other has. */
static void
check_keys(struct tsn_alerts *a, const struct tsn_rule *rule, uint32_t block)
{
	struct tsn_alert_keyed k[TSN_ALERT_BLOCK];
	uint16_t row[TSN_ALERT_BLOCK];

	for (uint32_t i = 0; i < block; i++)
		row[i] = (uint16_t)below(a->batch->n);
	for (uint32_t done = 0, n; done < block; done += n) {
		n = tsn_alert_take_keys(a, rule, k, row + done, block - done);
		cr_assert(n > 0 && n <= block - done);
		for (uint32_t i = 0; i < n; i++) {
			uint8_t key[TSN_KEY_MAX];
			const size_t len = tsn_key_encode_loose(&rule->key, a->batch, row[done + i], key);

			cr_assert_eq(k[i].row, row[done + i]);
			cr_assert(k[i].len == len && memcmp(k[i].key, key, len) == 0, "row %u of %u", i, n);
			cr_assert_eq(k[i].hash, tsn_hash_bytes(key, len, 0), "row %u of %u", i, n);
		}
	}
}

Test(alert_lists, keys_of_a_block_are_those_of_its_rows)
{
	static const uint16_t fields[] = { TSN_F_SRC, TSN_F_DST, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_IN_IF, TSN_F_BYTES, TSN_F_EXPORTER_NAME };
	static char text[128][300];
	struct tsn_alerts *a = tsn_calloc(1, sizeof(*a));
	struct tsn_batch *b = tsn_batch_new();

	cr_assert(a != NULL && b != NULL);
	seed = 1;
	for (int n = 0; n < 200; n++) {
		struct tsn_rule rule = { .key = { .n = (uint8_t)(1 + below(4)) } };
		const uint64_t v6 = n % 3 == 0 ? 0 : n % 3 == 1 ? 5 : 50;

		for (unsigned i = 0; i < rule.key.n; i++)
			rule.key.part[i] = (struct tsn_key_part){ fields[below(n % 4 == 0 ? 7 : 5)], below(2) ? 32 : 20, below(2) ? 128 : 64 };
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (uint32_t r = 0; r < 128; r++)
			for (unsigned i = 0; i < rule.key.n; i++) {
				const struct tsn_value v = some_part((enum tsn_field)rule.key.part[i].field, v6, text[r]);

				tsn_batch_put(b, r, (enum tsn_field)rule.key.part[i].field, &v);
			}
		b->n = 128;
		tsn_mask_first(&b->rows, b->n);
		a->batch = b;
		for (uint32_t block = 1; block <= TSN_ALERT_BLOCK; block += block < 8 ? 1 : 7)
			check_keys(a, &rule, block);
	}
	tsn_batch_free(b);
	tsn_free(a);
}

/* A list of the stage against an array: sorted by due, behind its equals. Few dues and many entries, as out of order as can be. */
enum { LISTED = 15000, DUES = 40 };

static void
check_list(const struct tsn_alert_list *l, size_t want)
{
	const struct tsn_alert_entry *before = NULL;
	size_t n = 0;

	for (const struct tsn_alert_entry *e = l->head; e != NULL; before = e, e = e->next, n++) {
		cr_assert_eq(e->prev, before);
		/* [opened]: when it was queued */
		cr_assert(before == NULL || before->due < e->due || (before->due == e->due && before->opened < e->opened));
	}
	cr_assert_eq(l->tail, before);
	cr_assert_eq(n, want);
}

Test(alert_lists, lists_find_their_place_from_due_to_due)
{
	struct tsn_alert_entry *e = tsn_calloc(LISTED, sizeof(*e));
	struct tsn_alert_list l = { NULL, NULL };

	seed = 1;
	cr_assert_not_null(e);
	/* the latest first: from entry to entry this would take more than a hundred million steps */
	for (size_t i = 0; i < LISTED; i++) {
		e[i].due = (int64_t)((LISTED - 1 - i) / (LISTED / DUES));
		e[i].opened = (int64_t)i;
		tsn_alert_entry_queue(&l, &e[i]);
	}
	check_list(&l, LISTED);
	for (size_t i = 0; i < 3 * LISTED; i++) {
		struct tsn_alert_entry *x = &e[below(LISTED)];

		tsn_alert_entry_unqueue(&l, x);
		x->due = (int64_t)below(DUES);
		x->opened = (int64_t)(LISTED + i);
		tsn_alert_entry_queue(&l, x);
	}
	check_list(&l, LISTED);
	for (size_t i = 0; i < LISTED; i++) {
		tsn_alert_entry_unqueue(&l, &e[i * 7919 % LISTED]);
		if (i % 1500 == 0 || i > LISTED - 40)
			check_list(&l, LISTED - 1 - i);
	}
	tsn_free(e);
}

/* Whoever tells of new members stops at the first whose tick has not come. */
Test(alert_lists, news_stand_by_their_ticks)
{
	static const int64_t due[] = { 3000, 1000, 2000, 1000, 5000, 4000 };
	enum { NEWS = sizeof(due) / sizeof(due[0]) };
	struct tsn_alert_details d[NEWS] = { 0 };
	struct tsn_alert_entry e[NEWS] = { 0 };
	struct tsn_alert_rule r = { 0 };

	for (int i = 0; i < NEWS; i++) {
		d[i].news_due = due[i];
		e[i].d = &d[i];
		cr_assert(tsn_alert_news_put(&r, &e[i]));
		if (i == 3)
			r.news[0] = NULL; /* one has ended */
	}
	cr_assert_eq(r.nnews, NEWS);
	for (size_t i = 1; i < r.nnews; i++)
		cr_assert(r.news[i - 1] == NULL || r.news[i]->d->news_due >= r.news[i - 1]->d->news_due);
	tsn_free(r.news);
}

/* --- many keys, of which each part has its bound --- */

enum { BOUND = 4096, KEYS = 20000, ROWS = 40000 };

struct kept {
	uint32_t src, part;
	int64_t due;
	int since; /* row at which [due] came to be */
};

/* The encoded key of a source. */
static size_t
key_bytes(const struct tsn_rule *rule, struct tsn_batch *b, uint32_t src, uint8_t *out)
{
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	tsn_batch_put_addr(b, 0, TSN_F_SRC, tsn_addr_v4(0x0a000000u + src));
	return tsn_key_encode_loose(&rule->key, b, 0, out);
}

/* What a plain list of the latest of each part says of the rows; [where] is the place of a source in it, or -1. */
static int
model(const struct row *row, const struct tsn_alerts *a, const struct tsn_rule *rule, struct kept *kept, int *where, int *evicted)
{
	struct tsn_batch *b = tsn_batch_new();
	int n = 0, in_part[TSN_ALERT_PARTS] = { 0 };

	cr_assert_not_null(b);
	for (uint32_t i = 0; i <= KEYS; i++)
		where[i] = -1;
	for (int i = 0; i < ROWS; i++) {
		const int64_t due = (row[i].received + 999) / 1000;
		int at = where[row[i].src];

		if (at < 0) {
			uint8_t key[TSN_KEY_MAX];
			const uint32_t part = tsn_alert_part(a, rule, key, (uint32_t)key_bytes(rule, b, row[i].src, key));

			for (int j = 0; j < n && in_part[part] >= BOUND / TSN_ALERT_PARTS; j++)
				if (kept[j].part == part && (at < 0 || kept[j].due < kept[at].due ||
				    (kept[j].due == kept[at].due && kept[j].since < kept[at].since)))
					at = j;
			if (at >= 0) {
				where[kept[at].src] = -1;
				(*evicted)++;
			} else {
				at = n++;
				in_part[part]++;
			}
			kept[at] = (struct kept){ row[i].src, part, -1, i };
			where[row[i].src] = at;
		}
		if (kept[at].due != due) {
			kept[at].due = due;
			kept[at].since = i;
		}
	}
	tsn_batch_free(b);
	return n;
}

static void
check_kept(const struct tsn_alert_rule *r, const struct kept *kept, int n)
{
	struct tsn_batch *b = tsn_batch_new();
	uint8_t key[TSN_KEY_MAX];

	cr_assert_not_null(b);
	cr_assert_eq(r->nentries, (uint32_t)n);
	for (int i = 0; i < n; i++) {
		const uint32_t len = (uint32_t)key_bytes(r->rule, b, kept[i].src, key);

		cr_assert_not_null(tsn_alert_entry_find(r, tsn_hash_bytes(key, len, 0), key, len), "%u", kept[i].src);
	}
	tsn_batch_free(b);
}

/* All of each list of a life, sorted; returns how many there are. */
static size_t
check_order(const struct tsn_alert_rule *r)
{
	size_t n = 0;

	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++)
		for (const struct tsn_alert_entry *e = tsn_alert_list(r, TSN_LIFE_OPEN, i)->head; e != NULL; e = e->next, n++) {
			cr_assert(tsn_alert_nlists(r) == 1 || e->part == i);
			cr_assert(e->next == NULL || e->next->due >= e->due);
			cr_assert_geq(e->due, r->lists.least);
		}
	return n;
}

Test(alert_lists, of_a_full_part_the_longest_silent_gives_way)
{
	static struct row row[ROWS];
	static struct kept kept[BOUND + 1];
	static int where[KEYS + 1];
	struct tsn_rule rule = simple_rule("r", 3600000, 3600000);
	struct tsn_program program = program_of(&rule, 1);
	struct tsn_buf first = TSN_BUF_INIT;

	seed = 77;
	for (int i = 0; i < ROWS; i++)
		row[i] = (struct row){ i, i, 1 + (below(2) ? below(KEYS) : below(500)), 1, 0, 0 };
	for (int size = 1024; size > 1; size -= 1000) {
		struct player p = { 0 };
		struct tsn_alert_counts n;
		int evicted = 0, left;

		cr_assert(play_begin(&p, &program, BOUND));
		left = model(row, p.alerts, &rule, kept, where, &evicted);
		play_rows(&p, row, ROWS, (uint32_t)size);
		tsn_alerts_totals(p.alerts, &n);
		cr_expect(evicted > 5000 && n.evicted == (uint64_t)evicted, "%lu, the list says %d", n.evicted, evicted);
		cr_assert_gt(tsn_alert_nlists(&p.alerts->rule[0]), 1);
		check_kept(&p.alerts->rule[0], kept, left);
		cr_assert_eq(check_order(&p.alerts->rule[0]), (size_t)left);
		if (first.len == 0)
			tsn_buf_add(&first, p.out.p, p.out.len);
		cr_assert_str_eq(first.p, p.out.p, "batches of %d", size);
		tsn_alerts_seed(p.alerts, 12345); /* all are in other parts */
		cr_assert_eq(check_order(&p.alerts->rule[0]), (size_t)left);
		play_until(&p, ROWS + 2 * 3600000);
		tsn_alerts_totals(p.alerts, &n);
		cr_expect(n.open == 0 && n.closed == n.alerts && check_order(&p.alerts->rule[0]) == 0);
		play_end(&p);
	}
	tsn_buf_fini(&first);
}

/* --- an entry that begins again in the batch in which it ended --- */

static const struct tsn_mask *
mask_of(void *arg, uint32_t export)
{
	(void)export;
	return arg;
}

static bool
holds_all(void *arg, uint32_t export, uint32_t row)
{
	(void)arg, (void)export, (void)row;
	return true;
}

static bool
value_is_row(void *arg, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	(void)arg, (void)export;
	*i = row;
	*f = 0;
	*real = false;
	return true;
}

Test(alert_lists, what_begins_again_is_about_the_flow_it_begins_with)
{
	struct tsn_report report = { X_HOLDS, X_VALUE, X_THRESHOLD, 60000, false, false, TSN_REL_GT, 0, TSN_T_INT };
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	const struct row row[] = { { 0, 0, 1, 1, 10, 0 }, { 1, 1, 1, 1, 11, 0 }, { 2, 2, 1, 0, 12, 0 }, { 3, 3, 1, 1, 13, 0 } };
	struct tsn_mask until, match;
	struct tsn_alert_reads reads = { &until, holds_all, mask_of, value_is_row, NULL };
	const struct tsn_alert_entry *e;
	struct player p = { 0 };

	rule.watched = rule.stateful = true;
	rule.pane_ms = 1000;
	rule.for_ms = 5000; /* it waits, and so has no record to end with */
	rule.until = 1;
	rule.report = &report;
	rule.nreports = 1;
	cr_assert(play_begin(&p, &program, 10));
	tsn_batch_clear(p.batch, TSN_BATCH_FLOWS);
	tsn_mask_clear(&until);
	tsn_mask_clear(&match);
	for (uint32_t i = 0; i < COUNT(row); i++) {
		play_put(p.batch, &row[i]);
		if (row[i].rules)
			tsn_mask_set(&match, i);
		else
			tsn_mask_set(&until, i);
	}
	tsn_mask_first(&p.batch->rows, p.batch->n);
	tsn_alerts_match(p.alerts, &reads, 0, &match, p.batch);
	e = tsn_alert_first_due(&p.alerts->rule[0], TSN_LIFE_PENDING);
	cr_assert(e != NULL && e->flows == 1 && e->d != NULL);
	cr_expect_eq(e->d->last.dst_port, 13, "%u", e->d->last.dst_port);
	cr_expect_eq(e->d->value.i, 3, "%ld", e->d->value.i);
	tsn_alerts_flush(p.alerts);
	play_end(&p);
}
