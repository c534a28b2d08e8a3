/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Reloads under load: rules come, change and go between batches, again and again. What an unchanged expression has counted
 * stays byte for byte, the alerts of unchanged rules are those of an engine that was never reloaded, and memory
 * returns to where it was.
 */
#include <malloc.h>

#include "compile/lanes.h"
#include "unit/snapshot_rows.h"

#define LOAD 400 /* flows between reloads */

/* There in every version; no other rule has groups by these keys. */
static const char constant[] =
    "rule kept1 { when count() by dst, dst_port over 60s > 3 message \"{dst} {value}\" }\n"
    "rule kept2 { when distinct(src) by dst over 2m > 8 }\n"
    "rule kept3 { when avg(bytes) by dst, proto over 60s > 40000 and stddev(bytes) by dst, proto over 60s > 10000 }\n"
    "rule kept4 { when zscore(count(), history 10m) by exporter, proto per 30s > 1 }\n"
    "rule kept5 { when sequence(dst_port == 51, dst_port == 52) by src, proto over 60s }\n";

static const char *const others[] = {
	"rule a%u { when count() by src over 60s > %u }\n",
	"rule b%u { when sum(bytes) by src over %us > 1000000 }\n",
	"rule c%u { when distinct(dst) by src, proto over 60s > %u }\n",
	"rule d%u { when entropy(dst_port) by src per %us > 5 }\n",
	"rule e%u { when bytes > %u and dst_port == 80 alert once per 1h }\n",
	"rule f%u { when new(dst) by src over %us }\n",
	"rule g%u { when jitter() by src, dst over %us > 1 }\n",
	"rule h%u { when rank(count()) by src per %us <= 3 }\n",
	"rule i%u { when count() by src over 60s > 50 for %us }\n",
	"rule j%u { when attempted and count(attempted) by src over %us > 20 }\n",
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* Version 0 is always the same. */
static struct tsn_ruleset *
version(uint64_t v)
{
	uint64_t h = tsn_mix64(v);
	char text[4096];
	int n = snprintf(text, sizeof(text), "%s", constant);

	for (size_t i = 0; i < OTHERS; i++, h = tsn_mix64(h))
		if (v == 0 || h & 1)
			n += snprintf(text + n, sizeof(text) - (size_t)n, others[i], (unsigned)(h >> 1 & 1), v == 0 ? 60 : 30 + (unsigned)(h >> 8 & 3) * 30);
	return compile_rules(text);
}

/* The bytes of the family with this canonical form; n 0: it is not there. */
static struct tsn_unpack
family_in(const struct tsn_pack *k, const char *canon)
{
	struct tsn_unpack in = { k->p, k->p + k->n, false }, none = { NULL, NULL, false };
	uint64_t n;

	tsn_unpack_uint(&in);
	n = tsn_unpack_uint(&in);
	for (uint64_t i = 0; i < n; i++) {
		struct tsn_unpack part = tsn_unpack_part(&in), look = part;
		size_t len;
		const uint8_t *name = tsn_unpack_bytes(&look, &len);

		if (strlen(canon) == len && memcmp(canon, name, len) == 0)
			return part;
	}
	return none;
}

struct kept {
	char canon[16][256];
	uint32_t n;
};

static void
find_kept(struct kept *k)
{
	struct tsn_ruleset *rs = compile_rules(constant);

	for (uint32_t i = 0; i < rs->program->nfamilies; i++)
		snprintf(k->canon[k->n++], sizeof(k->canon[0]), "%s", rs->program->families[i].canon);
	cr_assert(k->n >= 5);
	tsn_ruleset_free(rs);
}

static void
reload(struct tsn_engine *e, uint64_t v, const struct kept *kept)
{
	struct tsn_pack before = { 0 }, after = { 0 };
	struct tsn_reload_report r = { 0 };

	tsn_engine_flush(e);
	tsn_state_save(tsn_engine_state(e), &before);
	cr_assert(tsn_engine_load(e, version(v), &r));
	tsn_state_save(tsn_engine_state(e), &after);
	for (uint32_t i = 0; i < kept->n; i++) {
		const struct tsn_unpack x = family_in(&before, kept->canon[i]), y = family_in(&after, kept->canon[i]);

		cr_assert(x.p != NULL && y.p != NULL, "no family: %s", kept->canon[i]);
		cr_assert(x.end - x.p == y.end - y.p && memcmp(x.p, y.p, (size_t)(x.end - x.p)) == 0, "reload to %d changed: %s", (int)v,
		    kept->canon[i]);
	}
	cr_assert(r.unchanged >= 5);
	tsn_pack_fini(&before);
	tsn_pack_fini(&after);
}

static uint64_t
memory_in_use(void)
{
	extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

	return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

/* Alerts of the rules that are always there. */
static void
on_kept(void *arg, const struct tsn_alert *al)
{
	if (strncmp(al->rule->name, "kept", 4) == 0)
		on_alert_line(arg, al);
}

/* One engine that is to be reloaded, and one that never is. */
struct pair {
	struct tsn_engine *e, *plain;
	struct tsn_sink *to_got, *to_want;
	struct lines got, want;
	uint64_t n; /* flows so far */
};

static void
pair_init(struct pair *p, const struct tsn_engine_options *o, struct tsn_ruleset *first)
{
	*p = (struct pair){ .e = tsn_engine_new(o) };
	p->to_got = tsn_sink_call_new(on_kept, &p->got, TSN_SEV_INFO);
	p->to_want = tsn_sink_call_new(on_kept, &p->want, TSN_SEV_INFO);
	p->plain = engine_over(constant, p->to_want, NULL, 5);
	cr_assert(p->e != NULL && tsn_engine_add_sink(p->e, p->to_got));
	cr_assert(tsn_engine_load(p->e, first, NULL));
}

static void
feed(struct pair *p)
{
	for (uint64_t to = p->n + LOAD; p->n < to; p->n++) {
		put_row(p->e, p->n);
		put_row(p->plain, p->n);
	}
}

/* Ends both. */
static void
same_alerts(struct pair *p, const char *what)
{
	tsn_engine_finish(p->e);
	tsn_engine_finish(p->plain);
	engine_end(p->e, p->to_got);
	engine_end(p->plain, p->to_want);
	cr_assert(p->want.n > 100, "%zu records", p->want.n);
	settle_lines(&p->want);
	settle_lines(&p->got);
	same_lines(&p->want, &p->got, what);
	free_lines(&p->want);
	free_lines(&p->got);
}

Test(reload, unchanged_expressions_stay_byte_for_byte, .timeout = 1200)
{
	const uint64_t reloads = getenv("TSN_SOAK") != NULL ? 500 : 50;
	const struct tsn_engine_options o = { .batch_rows = 256, .seed = 5 };
	struct kept kept = { .n = 0 };
	struct pair p;

	pair_init(&p, &o, compile_rules(constant));
	find_kept(&kept);
	for (uint64_t v = 1; v <= reloads; v++) {
		feed(&p);
		reload(p.e, v, &kept);
	}
	same_alerts(&p, "reloaded");
}

/* Threads are in the middle of what waits when the next rules come, or a snapshot is asked for. */
Test(reload, storm_on_threads, .timeout = 1200)
{
	const uint64_t reloads = getenv("TSN_SOAK") != NULL ? 1000 : 40;
	const struct tsn_engine_options o = { .batch_rows = 16, .seed = 5, .threads = 3 };
	struct tsn_ruleset *first = version(0);
	struct pair p;

	cr_assert(tsn_ruleset_lanes(first, 3, NULL)->n > 1);
	pair_init(&p, &o, first);
	for (uint64_t v = 1; v <= reloads; v++) {
		struct tsn_pack k = { 0 };

		feed(&p);
		if (v % 5 == 0)
			tsn_engine_save(p.e, &k);
		tsn_pack_fini(&k);
		cr_assert(tsn_engine_load(p.e, version(v), NULL));
	}
	same_alerts(&p, "reloaded on threads");
}

/* The same flows' state under the same rules: whatever was loaded in between is gone. */
Test(reload, memory_returns_to_where_it_was, .timeout = 1200)
{
	const uint64_t reloads = getenv("TSN_SOAK") != NULL ? 500 : 50;
	struct tsn_engine *e = engine_over(constant, NULL, NULL, 5);
	struct kept kept = { .n = 0 };
	uint64_t first, last;

	find_kept(&kept);
	for (uint64_t n = 0; n < 20000; n++)
		put_row(e, n);
	/* versions that take turns have each had theirs before it is looked at */
	for (uint64_t v = 1; v <= 20; v++)
		reload(e, v, &kept);
	cr_assert(tsn_engine_load(e, compile_rules(constant), NULL));
	first = memory_in_use();
	for (uint64_t v = 21; v <= 20 + reloads; v++)
		reload(e, v, &kept);
	cr_assert(tsn_engine_load(e, compile_rules(constant), NULL));
	last = memory_in_use();
	cr_assert(last <= first + 4096, "%llu bytes before %d reloads, %llu after", (unsigned long long)first, (int)reloads,
	    (unsigned long long)last);
	tsn_engine_free(e);
}
