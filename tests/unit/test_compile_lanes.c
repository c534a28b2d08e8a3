/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The division of rules among lanes: nothing lost, nothing twice, what needs one another together. */
#include "base/mem.h"
#include "compile/lanes.h"
#include "sets/dynamic.h"
#include "test_check.h"

static struct tsn_lanes *
divided(const struct made *m, unsigned threads)
{
	struct tsn_lanes *l = tsn_lanes_make(m->r, threads, NULL);

	cr_assert_not_null(l);
	cr_assert(l->n >= 1 && l->n <= TSN_LANES_MAX);
	return l;
}

/* --- what holds of every division --- */

static void
same_aggregates(const struct tsn_family_def *part, const struct tsn_family_def *whole)
{
	cr_assert_eq(part->naggs, whole->naggs, "%s", whole->canon);
	for (uint32_t i = 0; i < part->naggs; i++) {
		const struct tsn_agg_def *a = &part->agg[i], *b = &whole->agg[i];

		cr_assert_str_eq(a->canon, b->canon);
		cr_assert(a->fn == b->fn && a->real == b->real && a->closes == b->closes && a->of == b->of && a->top == b->top, "%s", a->canon);
		cr_assert_eq(a->extra_bytes, b->extra_bytes, "%s", a->canon);
	}
}

/* Each family lies in one program, as it is in the whole one. */
static void
check_families(const struct made *m, const struct tsn_lanes *l)
{
	const struct tsn_program *whole = m->r->program;
	unsigned *met = tsn_calloc(whole->nfamilies + 1, sizeof(*met));

	for (uint32_t i = 0; i < l->n; i += l->lane[i].nshards) {
		const struct tsn_lane_def *d = &l->lane[i];

		for (uint32_t f = 0; f < d->program->nfamilies; f++) {
			const struct tsn_family_def *part = &d->program->families[f], *as = &whole->families[d->family[f]];

			met[d->family[f]]++;
			cr_assert_str_eq(part->canon, as->canon);
			cr_assert(part->max_keys == as->max_keys && part->sized == as->sized, "%s", part->canon);
			same_aggregates(part, as);
		}
	}
	for (uint32_t f = 0; f < whole->nfamilies; f++)
		cr_assert_eq(met[f], 1, "%s lies in %u lanes", whole->families[f].canon, met[f]);
	tsn_free(met);
}

static void
check_rules(const struct made *m, const struct tsn_lanes *l)
{
	const struct tsn_program *whole = m->r->program;
	unsigned *met = tsn_calloc(whole->nrules + 1, sizeof(*met));

	for (uint32_t i = 0; i < l->n; i += l->lane[i].nshards) {
		const struct tsn_lane_def *d = &l->lane[i];
		uint32_t enabled = 0;

		cr_assert_eq(d->program->nrules, whole->nrules);
		for (uint32_t k = 0; k < d->nrules; k++) {
			cr_assert(k == 0 || d->rules[k] > d->rules[k - 1]);
			cr_assert_eq(l->lane_of[d->rules[k]], i);
			met[d->rules[k]]++;
			cr_assert_eq(d->program->rules[d->rules[k]].disabled, whole->rules[d->rules[k]].disabled);
		}
		for (uint32_t k = 0; k < whole->nrules; k++)
			enabled += !d->program->rules[k].disabled;
		for (uint32_t k = 0; k < d->nrules; k++)
			enabled -= !whole->rules[d->rules[k]].disabled;
		cr_assert_eq(enabled, 0, "rules of other lanes are disabled");
	}
	for (uint32_t k = 0; k < whole->nrules; k++)
		cr_assert_eq(met[k], 1, "%s lies in %u lanes", whole->rules[k].name, met[k]);
	tsn_free(met);
}

static void
check_links(const struct made *m, const struct tsn_lanes *l)
{
	uint32_t links = 0;

	for (uint32_t i = 0; i < l->n; i += l->lane[i].nshards) {
		const struct tsn_program *p = l->lane[i].program;

		links += p->nlinks;
		for (uint32_t k = 0; k < p->nlinks; k++) {
			cr_assert_eq(l->lane[i].nshards, 1);
			cr_assert(!p->rules[p->links[k].rule].disabled || m->r->program->rules[p->links[k].rule].disabled);
		}
	}
	cr_assert_eq(links, m->r->program->nlinks);
}

static void
check_lanes(const struct made *m, const struct tsn_lanes *l)
{
	const struct tsn_program *whole = m->r->program;
	double sum = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct tsn_lane_def *d = &l->lane[i], *first = &l->lane[i - d->shard];

		cr_assert(tsn_program_verify((struct tsn_program *)d->program), "%s", d->program->verify_error);
		cr_assert(d->program == first->program && d->nshards == first->nshards && d->shard == (uint32_t)(d - first));
		cr_assert(d->nshards > 0 && d->nshards <= TSN_SHARDS_MAX && (d->nshards & (d->nshards - 1)) == 0);
		cr_assert_eq(d->nshards > 1, d->key.n > 0);
		cr_assert_eq(memcmp(&d->program->reads, &whole->reads, sizeof(whole->reads)), 0);
		cr_assert_eq(memcmp(&d->program->derived, &whole->derived, sizeof(whole->derived)), 0);
		cr_assert_eq(d->program->nwanted, whole->nwanted);
		cr_assert_eq(d->program->nsets, whole->nsets);
		sum += d->share;
	}
	cr_assert(sum > 0.999 && sum < 1.001);
	check_rules(m, l);
	check_families(m, l);
	check_links(m, l);
}

static void
check_all(const struct made *m)
{
	static const unsigned threads[] = { 0, 1, 2, 3, 4, 7, 16, 64, 1000 };

	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		struct tsn_lanes *l = divided(m, threads[i]);

		if (threads[i] < 2)
			cr_assert(l->n == 1 && l->lane[0].program == m->r->program && l->lane[0].nshards == 1);
		check_lanes(m, l);
		tsn_lanes_free(l);
	}
}

/* --- rules that need one another --- */

static const char *const mixed =
    "set seen = dynamic expire 1h max 100\n"
    "set bad = { 10.0.0.0/8 }\n"
    "rule a1 { when count(dst_port == 80) by src over 60s > 5 }\n"
    "rule a2 { when sum(bytes where dst_port == 80) by src over 5m > 5MB }\n" /* other values of the same groups */
    "rule a3 { when count(dst_port == 80) by src over 60s > 500 and proto == tcp }\n"
    "rule b1 { when fired(a1) by src over 1h > 3 }\n"
    "rule c1 { when dst_port == 22 then add src to seen }\n"
    "rule c2 { when src in seen and count() by src, dst over 60s > 5 }\n"
    "rule c3 { when dst_port == 443 message \"{seen.reason}\" except src in seen }\n"
    "rule d1 { when sequence(dst_port == 1, dst_port == 2) by src over 1h }\n"
    "rule d2 { when sequence(d3, dst_port == 2) by src over 1h }\n"
    "rule d3 { when dst_port == 7 }\n"
    "rule e1 { when dst_port == 81 except count(dst_port == 82) by dst over 60s > 5 }\n"
    "rule e2 { when distinct(src where dst_port == 82) by dst over 60s > 5 }\n"
    "rule f1 { when dst_port == 90 }\n"
    "rule f2 { when dst_port == 91 and src in bad }\n"
    "rule g1 { when new(src, dst_port) by dst over 1d }\n"
    "rule g2 { when zscore(sum(bytes), history 7d) by src per 1h > 5 }\n"
    "rule g3 { when rank(sum(bytes)) by src per 1h <= 20 }\n"
    "rule h1 { when count(attempted) by src over 5m > 3 and not answered }\n"
    "rule i1 { when count() by dst/24 over 60s > 5 or dns_name ~ /x/i }\n"
    "rule off { when count() by src over 60s > 5 }\n"
    "disable off\n";

static uint32_t
lane_of(const struct made *m, const struct tsn_lanes *l, const char *rule)
{
	for (uint32_t i = 0; i < m->r->program->nrules; i++)
		if (strcmp(m->r->program->rules[i].name, rule) == 0)
			return l->lane_of[i];
	cr_assert_fail("no rule %s", rule);
	return 0;
}

Test(compile_lanes, rules_that_need_one_another_are_together)
{
	static const char *const together[][2] = { { "a1", "a2" }, { "a1", "a3" }, { "a1", "b1" }, { "c1", "c2" }, { "c1", "c3" },
	    { "d2", "d3" }, { "e1", "e2" } };
	struct made m = make_compiled(mixed);
	struct tsn_lanes *l = divided(&m, 64);
	uint32_t seen = 0;

	for (size_t i = 0; i < sizeof(together) / sizeof(together[0]); i++)
		cr_expect_eq(lane_of(&m, l, together[i][0]), lane_of(&m, l, together[i][1]), "%s and %s", together[i][0], together[i][1]);
	/* and not because all are */
	cr_expect_geq(l->n, 6);
	for (uint32_t i = 0; i < m.r->module->nsets; i++) {
		if (tsn_set_is_dynamic(m.r->sets[i])) {
			cr_expect_eq(l->lane_of_set[i], lane_of(&m, l, "c1"));
			seen++;
		} else {
			cr_expect_eq(l->lane_of_set[i], TSN_LANE_NONE);
		}
	}
	cr_expect_eq(seen, 1);
	tsn_lanes_free(l);
	unmake(&m);
}

Test(compile_lanes, every_division_is_whole)
{
	struct made m = make_compiled(mixed);

	check_all(&m);
	unmake(&m);
}

/* What the site's memory gave each is what it has. */
Test(compile_lanes, budgets_are_those_of_the_whole)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct made m;

	tsn_buf_printf(&text, "site { memory 200MiB }\n%s", mixed);
	m = make_compiled(tsn_buf_str(&text));
	cr_assert_neq(m.r->program->families[0].max_keys, 1000000);
	check_all(&m);
	tsn_buf_fini(&text);
	unmake(&m);
}

Test(compile_lanes, the_standard_library)
{
	static const char *const paths[] = { "stdlib-rules", "rules/site.tsn" }, *const search[] = { "stdlib-rules" };
	struct tsn_compile_input in = { .paths = paths, .npaths = 2, .search = search, .nsearch = 1 };
	struct made m = make_input(&in, true);
	struct tsn_lanes *l;

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	l = divided(&m, 4);
	cr_assert_geq(l->n, 4);
	check_lanes(&m, l);
	for (uint32_t i = 0; i < l->n; i++)
		cr_expect(l->lane[i].share < 1.0 / 3, "lane %u has %.2f", i, l->lane[i].share);
	tsn_lanes_free(l);
	unmake(&m);
}

Test(compile_lanes, no_rules)
{
	struct made m = make_compiled("rule off { when dst_port == 3 }\ndisable off\n");

	check_all(&m);
	unmake(&m);
	m = make_compiled("let a = 3\n");
	check_all(&m);
	unmake(&m);
}

/* Made beforehand by who is told, and only for that number of threads. */
Test(compile_lanes, a_compilation_makes_them)
{
	struct tsn_rule_text t = { "rules.tsn", mixed, strlen(mixed) };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1, .threads = 4 };
	struct made m = make_input(&in, true);
	const struct tsn_lanes *l;

	cr_assert_not_null(m.r);
	cr_assert_not_null(m.r->lanes);
	l = m.r->lanes;
	cr_expect_eq(tsn_ruleset_lanes(m.r, 4, NULL), l);
	check_lanes(&m, l);
	l = tsn_ruleset_lanes(m.r, 1, NULL);
	cr_expect_eq(l->n, 1);
	unmake(&m);
}

/* --- shards --- */

/* [key]: fields of the key of its shards, "" if it must not be divided. */
struct divisible {
	const char *rule, *key;
};

static void
check_divisible(const struct divisible *d)
{
	struct made m = make_compiled(d->rule);
	struct tsn_lanes *l = divided(&m, 4);
	struct tsn_buf key = TSN_BUF_INIT;

	check_lanes(&m, l);
	if (l->lane[0].nshards > 1)
		tsn_program_key_text(m.r->program, &l->lane[0].key, &key);
	cr_expect_str_eq(tsn_buf_str(&key), d->key, "%s", d->rule);
	cr_expect(d->key[0] == '\0' || l->n >= 2, "%s: %u lanes", d->rule, l->n);
	tsn_buf_fini(&key);
	unmake(&m);
	tsn_lanes_free(l);
}

Test(compile_lanes, who_can_be_divided)
{
	static const struct divisible d[] = {
		{ "rule r { when count() by src over 60s > 5 }", "src" },
		{ "rule r { when count() by src/24, dst_port over 60s > 5 }", "src/24/64, dst_port" },
		{ "rule r { when distinct(dst) by src over 60s > 5 and avg(bytes) by src over 60s > 5 and dst_port != 4 }", "src" },
		{ "rule r { when count(count() by src over 60s > 5) by src over 60s > 5 }", "src" },
		{ "rule r { when zscore(sum(bytes), history 7d) by src per 1h > 5 }", "src" },
		{ "rule r { when count() by src over 60s > 5 }\nrule s { when distinct(dst) by src over 60s > 5 }", "src" },
		{ "rule r { when sequence(proto == 6, proto == 17) by src over 1h }", "src" },
		{ "rule r { when absent() by src over 1h }", "src" },
		/* other keys */
		{ "rule r { when count() by src over 60s > 5 and count() by dst over 60s > 5 }", "" },
		{ "rule r { when count() by src over 60s > 5 and count() by src/24 over 60s > 5 }", "" },
		{ "rule r { when count(count() by dst over 60s > 5) by src over 60s > 5 }", "" },
		{ "rule r { when count() over 60s > 5 }", "" },
		{ "rule r { when count() by src at dst over 60s > 5 }", "" },
		{ "rule r { when count() by src, dst over 60s > 5 alert once by src per 10m }", "" },
		{ "rule r { when sequence((src) where proto == 6, (dst) where proto == 17) over 1h }", "" },
		{ "rule r { when new(dst) by src over 1h }", "" },
		/* groups that are compared, or armed by nobody's flow */
		{ "rule r { when rank(sum(bytes)) by src per 1h <= 20 }", "" },
		{ "set own = { 192.0.2.1 }\nrule r { when absent(expect own) by src over 1h }", "" },
		/* what other rules or sets hear */
		{ "set s = dynamic expire 1h\nrule r { when count() by src over 60s > 5 then add src to s }", "" },
		{ "set s = dynamic expire 1h\nrule r { when count() by src over 60s > 5 except src in s }", "" },
		{ "rule r { when count() by src over 60s > 5 }\nrule s { when fired(r) by src over 1h > 5 }", "" },
	};

	for (size_t i = 0; i < sizeof(d) / sizeof(d[0]); i++)
		check_divisible(&d[i]);
}

static void
check_whole(const char *rules, unsigned threads)
{
	struct made m = make_compiled(rules);
	struct tsn_lanes *l = divided(&m, threads);

	cr_expect_eq(l->n, 1, "%u lanes on %u threads for %.60s", l->n, threads, rules);
	tsn_lanes_free(l);
	unmake(&m);
}

/* What costs less than decoding is not worth a lane, whatever there is of it and of threads. */
Test(compile_lanes, what_is_cheap_stays_whole)
{
	struct tsn_buf many = TSN_BUF_INIT;

	check_whole("rule r { when dst_port == 80 }", 8);
	check_whole("rule r { when count(dst_port == 25) by src over 60s > 200 }", 64);
	for (unsigned i = 0; i < 1000; i++)
		tsn_buf_printf(&many, "rule r%u { when proto == tcp and dst_port == %u and packets > %u }\n", i, i * 7 + 1, i + 10);
	check_whole(tsn_buf_str(&many), 64);
	tsn_buf_fini(&many);
}

/* They are looked at by whoever prepares a batch, if their lane has no others: not what asks for a set that rules change, or for another rule. */
Test(compile_lanes, rules_without_state_lie_apart)
{
	struct tsn_buf many = TSN_BUF_INIT;
	struct tsn_lanes *l;
	struct made m;

	for (unsigned i = 0; i < 200; i++)
		tsn_buf_printf(&many, "rule r%u { when proto == tcp and dst_port == %u and packets > %u }\n", i, i * 7 + 1, i + 10);
	tsn_buf_printf(&many, "set seen = dynamic expire 1h\n"
	    "rule mail { when count(dst_port == 25) by src over 60s > 200 }\n"
	    "rule told { when fired(mail) by src over 60s > 0 and dst_port == 26 }\n"
	    "rule adds { when dst_port == 27 then add src to seen }\n"
	    "rule asks { when src in seen }\n");
	m = make_compiled(tsn_buf_str(&many));
	for (unsigned threads = 2; threads < 5; threads++) {
		l = divided(&m, threads);
		check_lanes(&m, l);
		for (uint32_t i = 0; i < 200; i++) {
			const struct tsn_lane_def *d = &l->lane[l->lane_of[i]];

			cr_expect(d->program->nfamilies == 0 && d->nrules <= 200, "of %u threads", threads);
		}
		cr_expect_neq(lane_of(&m, l, "r0"), lane_of(&m, l, "asks"));
		tsn_lanes_free(l);
	}
	unmake(&m);
	tsn_buf_fini(&many);
}

/* Shards end where each takes no more than decoding does. */
Test(compile_lanes, no_more_shards_than_are_of_use)
{
	struct made m = make_compiled("rule r { when count() by src over 60s > 200 }");
	struct tsn_lanes *l = divided(&m, 64);

	cr_expect(l->n >= 4 && l->n <= 16, "%u", l->n);
	tsn_lanes_free(l);
	unmake(&m);
}

static uint32_t
shards_of(const struct made *m, const struct tsn_ruleset *before)
{
	struct tsn_lanes *l = tsn_lanes_make(m->r, 4, before);
	const uint32_t n = l->lane[lane_of(m, l, "big")].nshards;

	check_lanes(m, l);
	tsn_lanes_free(l);
	return n;
}

/* What goes on at a reload stays divided as it was, though it would be divided otherwise among the new rules; but not at any price. */
Test(compile_lanes, what_was_divided_stays_so)
{
	static const char big[] = "rule big { when distinct(dst) by src over 60s > 5 }\n", other[] = "rule o%u { when distinct(src) by dst over %us > 5 }\n";
	struct tsn_buf text = TSN_BUF_INIT;
	struct made alone = make_compiled(big), some, many;
	uint32_t n;

	tsn_buf_puts(&text, big);
	for (unsigned i = 0; i < 3; i++)
		tsn_buf_printf(&text, other, i, 60 + i);
	some = make_compiled(tsn_buf_str(&text));
	for (unsigned i = 3; i < 60; i++)
		tsn_buf_printf(&text, other, i, 60 + i);
	many = make_compiled(tsn_buf_str(&text));
	n = tsn_ruleset_lanes(alone.r, 4, NULL)->lane[0].nshards;
	cr_assert(n > 1 && shards_of(&some, NULL) != n, "%u", n);
	cr_expect_eq(shards_of(&some, alone.r), n);
	cr_expect_eq(shards_of(&many, alone.r), shards_of(&many, NULL));
	tsn_ruleset_lanes(some.r, 4, NULL);
	cr_expect_eq(shards_of(&alone, some.r), shards_of(&alone, NULL), "too few");
	tsn_buf_fini(&text);
	unmake(&alone);
	unmake(&some);
	unmake(&many);
}

/* What was divided into many may stay so, but not if there would be more lanes than there is room for. */
Test(compile_lanes, no_more_than_there_is_room_for)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct made before, now;
	struct tsn_lanes *l;

	for (int bits = 8; bits < 26; bits++)
		tsn_buf_printf(&text, "rule r%d { when entropy(dst_port) by src/%d over 60s > 5 }\n", bits, bits);
	before = make_compiled(tsn_buf_str(&text));
	now = make_compiled(tsn_buf_str(&text));
	cr_assert_not_null(tsn_ruleset_lanes(before.r, 64, NULL));
	for (uint32_t i = 0; i < before.r->lanes->n; i++)
		before.r->lanes->lane[i].nshards = 32;
	l = tsn_lanes_make(now.r, 64, before.r);
	cr_assert(l != NULL && l->n <= TSN_LANES_MAX && l->n > TSN_LANES_MAX - 32, "%u", l->n);
	cr_assert(l->lane[0].nshards == 32 && l->lane[l->n - 1].nshards < 32);
	tsn_lanes_free(l);
	unmake(&before);
	unmake(&now);
	tsn_buf_fini(&text);
}

/* --- memory --- */

Test(compile_lanes, every_allocation_fails_once)
{
	struct made m = make_compiled(mixed);
	struct tsn_lanes *l;
	long total;

	tsn_mem_fail_at(-1, false);
	tsn_lanes_free(divided(&m, 4));
	total = tsn_mem_count();
	cr_assert_gt(total, 100);
	for (long n = 0; n < total; n += getenv("TSN_SOAK") != NULL ? 1 : 13) {
		tsn_mem_fail_at(n, true);
		l = tsn_lanes_make(m.r, 4, NULL);
		tsn_mem_fail_never();
		cr_expect_null(l, "allocation %ld of %ld", n, total);
		tsn_lanes_free(l);
	}
	unmake(&m);
}

/* --- what explain says --- */

Test(compile_lanes, description)
{
	struct made m = make_compiled("rule big { when distinct(dst) by src over 60s > 5 }\nrule other { when count() by dst over 60s > 5 }\n"
	    "rule small { when dst_port == 80 }\nrule off { when dst_port == 81 }\ndisable off\n");
	struct tsn_lanes *l = divided(&m, 2);
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_lanes_describe(l, m.r, &out);
	cr_expect_not_null(strstr(tsn_buf_str(&out), "shards by src\n        big\n"), "%s", tsn_buf_str(&out));
	cr_expect_not_null(strstr(tsn_buf_str(&out), "2 rules, 1 family of groups\n        other, small\n"), "%s", tsn_buf_str(&out));
	cr_expect_null(strstr(tsn_buf_str(&out), "off"));
	tsn_buf_fini(&out);
	tsn_lanes_free(l);
	unmake(&m);
}
