/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Snapshots: what comes back is what was there; what is damaged is set aside and said; what cannot be written is said. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "flow/exporter.h"
#include "unit/mutate.h"
#include "unit/snapshot_rows.h"

static const char rules[] =
    "rule busy { when count() by src over 60s > 100 message \"{src} {value} {dst_port}\" }\n"
    "rule fan { when distinct(dst) by src over 30s > 60 }\n"
    "rule heavy { when sum(bytes) by dst, proto per 30s > 100000 }\n"
    "rule first { when dst_port == 25 and bytes > 60000 alert once per 1h }\n";

static struct lines told;
static const struct tsn_log log_all = { TSN_LOG_DEBUG, on_log_line, &told };

static void
feed(struct tsn_engine *e, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		put_row(e, n);
	tsn_engine_flush(e);
}

static struct tsn_pack
bytes_of(struct tsn_engine *e)
{
	struct tsn_pack k = { 0 };

	tsn_engine_save(e, &k);
	cr_assert(!k.failed);
	return k;
}

static bool
same_bytes(const struct tsn_pack *a, const struct tsn_pack *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static struct tsn_snapshots *
open_store(const char *dir)
{
	char error[TSN_STORE_ERROR];
	struct tsn_snapshots *s = tsn_snapshots_open(dir, &log_all, error);

	cr_assert(s != NULL, "%s", error);
	return s;
}

/* Waits until the child has ended. */
static void
wait_written(struct tsn_snapshots *s)
{
	while (!tsn_snapshots_poll(s))
		usleep(1000);
}

/* --- the engine alone --- */

Test(snapshot, what_is_restored_is_what_was_saved)
{
	struct lines a = { 0 }, b = { 0 };
	struct tsn_sink *sa = tsn_sink_call_new(on_alert_line, &a, TSN_SEV_INFO), *sb = tsn_sink_call_new(on_alert_line, &b, TSN_SEV_INFO);
	struct tsn_engine *e = engine_over(rules, sa, NULL, 5), *f = engine_over(rules, sb, NULL, 6);
	struct tsn_restore_report r = { 0 };
	struct tsn_pack k, again;
	struct tsn_unpack in;
	const char *why = NULL;
	size_t before;

	feed(e, 0, 9000);
	k = bytes_of(e);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_engine_restore(f, &in, &r, &why), "%s", why);
	cr_assert(r.alerts > 0 && r.exporters > 0 && r.expressions.expressions_kept == 3 && r.expressions.expressions_new == 0);
	cr_assert_eq(tsn_engine_ticket(f), 9000);
	again = bytes_of(f);
	cr_assert(same_bytes(&k, &again), "written again the bytes differ");
	before = a.n;
	feed(e, 9000, 16000);
	feed(f, 9000, 16000);
	tsn_engine_finish(e);
	tsn_engine_finish(f);
	cr_assert_eq(a.n - before, b.n, "%zu records after %zu, %zu in the restored one", a.n, before, b.n);
	for (size_t i = 0; i < b.n; i++)
		cr_assert_str_eq(a.v[before + i], b.v[i]);
	cr_assert(b.n > 100);
	tsn_pack_fini(&k);
	tsn_pack_fini(&again);
	engine_end(e, sa);
	engine_end(f, sb);
	free_lines(&a);
	free_lines(&b);
}

Test(snapshot, other_rules_take_what_is_theirs)
{
	static const char changed[] =
	    "rule busy { when count() by src over 60s > 120 message \"now {bytes}\" }\n"
	    "rule fan { when distinct(dst) by src over 40s > 60 }\n"
	    "rule added { when min(bytes) by dst over 60s < 3 }\n";
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f = engine_over(changed, NULL, NULL, 6);
	struct tsn_restore_report r = { 0 };
	struct tsn_unpack in;
	const char *why;
	struct tsn_pack k;

	feed(e, 0, 6000);
	k = bytes_of(e);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_engine_restore(f, &in, &r, &why));
	cr_assert_eq(r.expressions.expressions_kept, 1);
	cr_assert_eq(r.expressions.expressions_new, 2);
	feed(f, 6000, 9000);
	tsn_engine_finish(f);
	tsn_pack_fini(&k);
	tsn_engine_free(e);
	tsn_engine_free(f);
}

/* An alert says partial of the same flows as it would have without a restart. */
Test(snapshot, losses_were_noticed_when_they_were)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f = engine_over(rules, NULL, NULL, 5);
	struct tsn_restore_report r = { 0 };
	const struct tsn_presence *p, *q;
	struct tsn_unpack in;
	const char *why;
	struct tsn_pack k;

	feed(e, 0, 700);
	tsn_exporter_lose(tsn_exporters_at(tsn_engine_exporters(e), 1), START + 10000, START + 60000);
	k = bytes_of(e);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_engine_restore(f, &in, &r, &why));
	p = &tsn_exporters_at(tsn_engine_exporters(e), 1)->presence;
	q = &tsn_exporters_at(tsn_engine_exporters(f), 1)->presence;
	cr_assert(!tsn_exporter_noticed(q, START + 50000, 30000) && tsn_exporter_noticed(q, START + 70000, 30000));
	cr_assert(q->nnotices == p->nnotices && memcmp(q->notice, p->notice, sizeof(p->notice)) == 0);
	tsn_pack_fini(&k);
	tsn_engine_free(e);
	tsn_engine_free(f);
}

/* Whatever is read, the engine either has it all or none, and goes on. */
Test(snapshot, any_bytes, .timeout = 300)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f = engine_over(rules, NULL, NULL, 5);
	struct tsn_pack k, none, after;
	uint64_t random = 7;
	long taken = 0, times = mutate_times(20000);

	none = bytes_of(f);
	tsn_engine_free(f);
	feed(e, 0, 700);
	k = bytes_of(e);
	tsn_engine_free(e);
	for (long i = 0; i < times; i++) {
		struct tsn_restore_report r = { 0 };
		struct tsn_unpack in;
		const char *why;
		uint8_t *p = malloc(k.n + 64), *exact;
		size_t n;

		memcpy(p, k.p, k.n);
		n = mutate_once(p, k.n, k.n + 64, &random);
		exact = malloc(n + 1);
		memcpy(exact, p, n);
		in = (struct tsn_unpack){ exact, exact + n, false };
		f = engine_over(rules, NULL, NULL, 5);
		if (tsn_engine_restore(f, &in, &r, &why)) {
			taken++;
		} else {
			after = bytes_of(f);
			cr_assert(same_bytes(&none, &after), "refused, but something was taken");
			tsn_pack_fini(&after);
		}
		feed(f, 700, 1000);
		tsn_engine_finish(f);
		tsn_engine_free(f);
		free(exact);
		free(p);
	}
	cr_assert(taken < times);
	tsn_pack_fini(&k);
	tsn_pack_fini(&none);
}

Test(snapshot, without_memory, .timeout = 300)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f;
	struct tsn_pack k;
	bool ok = false;

	feed(e, 0, 2000);
	k = bytes_of(e);
	tsn_engine_free(e);
	for (long n = 0; !ok; n += 1 + n / 15) {
		struct tsn_unpack in = { k.p, k.p + k.n, false };
		struct tsn_restore_report r = { 0 };
		const char *why;

		f = engine_over(rules, NULL, NULL, 5);
		tsn_mem_fail_at(n, true);
		ok = tsn_engine_restore(f, &in, &r, &why);
		tsn_mem_fail_never();
		feed(f, 2000, 2200);
		tsn_engine_free(f);
	}
	tsn_pack_fini(&k);
}

/* --- the store --- */

#ifdef TSN_HAVE_SQLITE

Test(snapshot, two_generations_are_kept)
{
	struct tsn_engine *e = engine_over(rules, NULL, &log_all, 5), *f;
	struct tsn_snapshot_counts c;
	struct tsn_snapshots *s;
	struct tsn_pack k, got;
	char dir[64], path[128];

	scratch_make(dir);
	s = open_store(dir);
	cr_assert(!tsn_snapshots_restore(s, e, START));
	for (int i = 0; i < 4; i++) {
		feed(e, (uint64_t)i * 2000, (uint64_t)(i + 1) * 2000);
		cr_assert(tsn_snapshots_begin(s, e, START + i));
		wait_written(s);
	}
	tsn_snapshots_counts(s, &c);
	cr_assert(c.written == 4 && c.failed == 0 && c.at == START + 3 && c.bytes > 1000);
	tsn_snapshots_close(s);
	for (int i = 1; i <= 4; i++) {
		snprintf(path, sizeof(path), "%s/snapshot-%012d.db", dir, i);
		cr_assert_eq(access(path, F_OK) == 0, i > 2, "%s", path);
	}
	s = open_store(dir);
	f = engine_over(rules, NULL, &log_all, 6);
	cr_assert(tsn_snapshots_restore(s, f, START + 60000));
	k = bytes_of(e);
	got = bytes_of(f);
	cr_assert(same_bytes(&k, &got));
	cr_assert(count_lines(&told, "restored from") == 1);
	tsn_snapshots_close(s);
	tsn_pack_fini(&k);
	tsn_pack_fini(&got);
	tsn_engine_free(e);
	tsn_engine_free(f);
	scratch_remove(dir);
	free_lines(&told);
}

Test(snapshot, a_directory_has_one_owner)
{
	char dir[64], error[TSN_STORE_ERROR];
	struct tsn_snapshots *s;

	scratch_make(dir);
	s = open_store(dir);
	cr_assert_null(tsn_snapshots_open(dir, NULL, error));
	cr_assert(strstr(error, "another tocsin") != NULL, "%s", error);
	tsn_snapshots_close(s);
	s = open_store(dir);
	tsn_snapshots_close(s);
	cr_assert_null(tsn_snapshots_open("/dev/null/state", NULL, error));
	cr_assert(strstr(error, "Not a directory") != NULL, "%s", error);
	scratch_remove(dir);
}

static uint8_t *
slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;

	cr_assert_not_null(f);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	p = malloc(*n + 64);
	cr_assert(fread(p, 1, *n, f) == *n);
	fclose(f);
	return p;
}

static void
spill(const char *path, const uint8_t *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

/* Cut or with a bit turned, the newest is used as it was or not at all; then the older one is. */
Test(snapshot, damaged_ones_are_set_aside, .timeout = 300)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f;
	struct tsn_pack old, new, got;
	struct tsn_snapshots *s;
	char dir[64], newest[128], older[128], aside[160];
	uint8_t *p, *q, *spoilt;
	size_t n, m;
	uint64_t random = 3;
	int used = 0, skipped = 0;

	scratch_make(dir);
	snprintf(older, sizeof(older), "%s/snapshot-000000000001.db", dir);
	snprintf(newest, sizeof(newest), "%s/snapshot-000000000002.db", dir);
	snprintf(aside, sizeof(aside), "%s.damaged", newest);
	s = open_store(dir);
	feed(e, 0, 3000);
	old = bytes_of(e);
	cr_assert(tsn_snapshots_write(s, e, START));
	feed(e, 3000, 5000);
	new = bytes_of(e);
	cr_assert(tsn_snapshots_write(s, e, START));
	tsn_snapshots_close(s);
	tsn_engine_free(e);
	p = slurp(newest, &n);
	q = slurp(older, &m);
	spoilt = malloc(n + 64);
	for (long i = 0; i < 40 + mutate_times(5000); i++) {
		size_t size;

		memcpy(spoilt, p, n);
		random = tsn_mix64(random + 1);
		if (i % 4 == 0)
			size = (random >> 8) % n; /* cut short */
		else
			size = mutate_once(spoilt, n, n + 64, &random);
		spill(newest, spoilt, size);
		spill(older, q, m);
		s = open_store(dir);
		f = engine_over(rules, NULL, NULL, 5);
		cr_assert(tsn_snapshots_restore(s, f, START), "neither could be used");
		got = bytes_of(f);
		if (same_bytes(&got, &new)) {
			used++;
		} else {
			cr_assert(same_bytes(&got, &old), "what came back was never written");
			/* one of no bytes is one that was never begun */
			cr_assert(size == 0 || (access(newest, F_OK) != 0 && access(aside, F_OK) == 0));
			skipped++;
		}
		unlink(aside);
		tsn_pack_fini(&got);
		tsn_engine_free(f);
		tsn_snapshots_close(s);
	}
	cr_assert(skipped > 20, "%d were skipped, %d used", skipped, used);
	cr_assert(count_lines(&told, "it was set aside as snapshot-000000000002.db.damaged") > 10);
	/* both: it begins with nothing, and says so */
	spill(newest, p, n / 2);
	spill(older, q, m / 2);
	free_lines(&told);
	s = open_store(dir);
	f = engine_over(rules, NULL, NULL, 5);
	cr_assert(!tsn_snapshots_restore(s, f, START));
	cr_assert_eq(count_lines(&told, "was set aside"), 2);
	cr_assert_eq(count_lines(&told, "state starts empty"), 1);
	tsn_engine_free(f);
	tsn_snapshots_close(s);
	free(p);
	free(q);
	free(spoilt);
	tsn_pack_fini(&old);
	tsn_pack_fini(&new);
	scratch_remove(dir);
	free_lines(&told);
}

/* A limit on the size of files stands in for a full disk: each write fails at another place. */
Test(snapshot, a_full_disk_is_said, .timeout = 120)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5), *f = engine_over(rules, NULL, NULL, 5);
	struct tsn_snapshot_counts c;
	struct tsn_pack first, got;
	struct tsn_snapshots *s;
	struct rlimit limit = { 0, RLIM_INFINITY };
	char dir[64];
	uint64_t failures = 0;

	scratch_make(dir);
	s = open_store(dir);
	feed(e, 0, 3000);
	first = bytes_of(e);
	cr_assert(tsn_snapshots_write(s, e, START));
	feed(e, 3000, 6000);
	for (rlim_t size = 0; size <= 120000; size += 20000, failures++) {
		limit.rlim_cur = size;
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		if (failures % 2 == 0) {
			cr_assert(tsn_snapshots_begin(s, e, START));
			wait_written(s);
		} else {
			cr_assert(!tsn_snapshots_write(s, e, START));
		}
	}
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	tsn_snapshots_counts(s, &c);
	cr_assert(c.failed == failures && c.failing, "%d of %d failed", (int)c.failed, (int)failures);
	cr_assert_eq(count_lines(&told, "no snapshot was written"), failures);
	/* what there was before is still there */
	tsn_snapshots_close(s);
	s = open_store(dir);
	cr_assert(tsn_snapshots_restore(s, f, START));
	got = bytes_of(f);
	cr_assert(same_bytes(&first, &got));
	cr_assert(tsn_snapshots_write(s, e, START));
	tsn_snapshots_close(s);
	tsn_pack_fini(&first);
	tsn_pack_fini(&got);
	tsn_engine_free(e);
	tsn_engine_free(f);
	scratch_remove(dir);
	free_lines(&told);
}

Test(snapshot, a_directory_that_went_is_said)
{
	struct tsn_engine *e = engine_over(rules, NULL, NULL, 5);
	struct tsn_snapshot_counts c;
	struct tsn_snapshots *s;
	char dir[64];

	scratch_make(dir);
	s = open_store(dir);
	feed(e, 0, 1000);
	scratch_remove(dir);
	cr_assert(tsn_snapshots_begin(s, e, START));
	wait_written(s);
	tsn_snapshots_counts(s, &c);
	cr_assert(c.failed == 1 && c.failing);
	cr_assert_eq(count_lines(&told, "no snapshot was written"), 1);
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert(tsn_snapshots_begin(s, e, START));
	wait_written(s);
	cr_assert_eq(count_lines(&told, "snapshots are written again"), 1);
	tsn_snapshots_close(s);
	tsn_engine_free(e);
	scratch_remove(dir);
	free_lines(&told);
}

#endif
