/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutants of rules: which there are, which tests kill, that the tree is the same afterwards. And what tests of a rule leave
 * unexercised. What is expected is written out, so that a mutant that is missing is seen, too.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "author/coverage.h"
#include "author/mutate.h"
#include "base/buf.h"
#include "base/mem.h"

struct world {
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_ruleset *rs;
	struct tsn_buf told;
};

static void
begin(struct world *w, const char *text)
{
	struct tsn_rule_text one = { "t.tsn", text, strlen(text) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1, .tests = true };
	struct tsn_buf said = TSN_BUF_INIT;

	*w = (struct world){ .sources = tsn_sources_new(), .diags = tsn_diags_new(), .told = TSN_BUF_INIT };
	w->rs = tsn_compile(w->sources, &in, w->diags);
	tsn_diags_print(w->diags, w->sources, false, &said);
	cr_assert(w->rs != NULL, "%s", tsn_buf_str(&said));
	tsn_buf_fini(&said);
}

static void
end(struct world *w)
{
	tsn_buf_fini(&w->told);
	tsn_ruleset_free(w->rs);
	tsn_diags_free(w->diags);
	tsn_sources_free(w->sources);
}

static void
dump(const struct world *w, struct tsn_buf *out)
{
	tsn_buf_clear(out);
	for (size_t i = 0; i < w->sources->n; i++)
		tsn_node_dump(w->sources->v[i].tree, out);
}

static void
tell(struct tsn_buf *out, const struct tsn_mutant *m)
{
	tsn_buf_printf(out, "%s > %s\n", m->from, m->to[0] == '\0' ? "-" : m->to);
}

/* --- which there are --- */

/* Also: each changes the tree, and is taken back. */
static void
has(const char *text, const char *want)
{
	struct tsn_buf before = TSN_BUF_INIT, now = TSN_BUF_INIT;
	struct tsn_mutants *m;
	struct world w;

	begin(&w, text);
	m = tsn_mutants_of(w.rs, w.sources, "r");
	cr_assert(m != NULL);
	dump(&w, &before);
	for (size_t i = 0; i < m->n; i++) {
		tell(&w.told, &m->v[i]);
		tsn_mutant_apply(&m->v[i]);
		dump(&w, &now);
		cr_expect_str_neq(tsn_buf_str(&now), tsn_buf_str(&before), "%s > %s changes nothing", m->v[i].from, m->v[i].to);
		tsn_mutant_undo(&m->v[i]);
		dump(&w, &now);
		cr_expect_str_eq(tsn_buf_str(&now), tsn_buf_str(&before), "%s > %s stays", m->v[i].from, m->v[i].to);
	}
	cr_expect_str_eq(tsn_buf_str(&w.told), want, "%s\nhas:\n%s", text, tsn_buf_str(&w.told));
	tsn_buf_fini(&before);
	tsn_buf_fini(&now);
	tsn_mutants_free(m);
	end(&w);
}

Test(mutate, comparisons)
{
	has("rule r { when packets >= 5 }", ">= > <\n5 > 6\n5 > 4\n");
	has("rule r { when packets == 5 }", "== > !=\n5 > 6\n5 > 4\n");
	has("rule r { when packets > 0 }", "> > <=\n0 > 1\n");
	has("rule r { when bytes_per_packet < packets }", "< > <=\n< > >=\n");
	has("let n = 5 rule r { when packets <= n }", "<= > >\n5 > 6\n5 > 4\n");
	has("rule r { when flags has SYN|ACK }", "has > not ... has\nSYN > -\nACK > -\n");
	has("rule r { when http_host ~ /x/ }", "~ > !~\n");
}

Test(mutate, constants)
{
	has("rule r { when bytes > 5MB }", "> > <=\n5MB > 5000001B\n5MB > 4999999B\n");
	has("rule r { when duration > 5m }", "> > <=\n5m > 5m1s\n5m > 4m59s\n");
	has("rule r { when bytes_per_packet > 1.5 }", "> > >=\n> > <=\n1.5 > 3\n1.5 > 0.75\n");
	has("rule r { when tos == 0x14 }", "== > !=\n0x14 > 0x15\n0x14 > 0x13\n");
	has("rule r { when dst == 10.0.0.255 }", "== > !=\n10.0.0.255 > 10.0.1.0\n10.0.0.255 > 10.0.0.254\n");
	has("rule r { when src in 10.0.0.0/8 }", "in > not in\n10.0.0.0/8 > 10.0.0.0/9\n10.0.0.0/8 > 10.0.0.0/7\n");
	has("rule r { when ie(10) == 3 }", "== > !=\n3 > 4\n3 > 2\n");
}

Test(mutate, sets)
{
	has("rule r { when dst_port in { 22, 23..25 } }", "in > not in\n22 > -\n23..25 > -\n23 > 24\n23 > 22\n25 > 26\n25 > 24\n");
	has("set s = { 10.0.0.0/8, 10.1.0.0/16, 192.0.2.1 } rule r { when src not in s }",
	    "not in > in\n10.0.0.0/8 > -\n192.0.2.1 > -\n");
	has("set a = { 1 } set b = { 2 } set s = a | b rule r { when dst_port in s }", "in > not in\na > -\nb > -\n1 > -\n2 > -\n");
	has("table t = { 10.0.0.0/8 = 5 } default 100 rule r { when packets > t(src) }", "> > >=\n> > <=\n100 > 101\n100 > 99\n");
}

Test(mutate, connectives)
{
	has("rule r { when in_if == out_if or (not has(vlan) and src == dst) }",
	    "or > and\nin_if == out_if > -\n== > !=\n(not has(vlan) and src == dst) > -\nand > or\nnot has(vlan) > -\nnot > -\n"
	    "src == dst > -\n== > !=\n");
	has("rule r { when has(vlan) and has(vrf) and has(user) }", "and > or\nhas(vlan) > -\nhas(vrf) > -\nhas(user) > -\n");
	has("define d = has(vlan) or has(vrf) rule r { when d }", "or > and\nhas(vlan) > -\nhas(vrf) > -\n");
}

Test(mutate, clauses_and_windows)
{
	has("rule r { severity low, high when value > 9 where has(vlan) when count() by src over 60s > 1 for 2m "
	    "except has(vrf) until has(user) during \"mon-fri 08:00-18:00\" alert once per 1h }",
	    "> > <=\n9 > 10\n9 > 8\nwhere has(vlan) > -\n> > <=\nsrc > -\n60s > 2m\n60s > 30s\n1 > 2\n1 > 0\nfor 2m > -\n2m > 4m\n2m > 1m\n"
	    "except has(vrf) > -\nuntil has(user) > -\nduring \"mon-fri 08:00-18:00\" > -\n");
	has("rule r { when count(has(vlan)) by src/24, dst at dst/24, src per 5m > 3 }",
	    "> > <=\nsrc/24 > -\ndst > -\nsrc/24 > src/25\nsrc/24 > src/23\ndst/24 > dst/25\ndst/24 > dst/23\n5m > 10m\n5m > 2m30s\n3 > 4\n3 > 2\n");
	has("rule r { when sum(bytes where has(vlan)) over 60s > 9 }", "> > <=\nhas(vlan) > -\n60s > 2m\n60s > 30s\n9 > 10\n9 > 8\n");
	has("rule r { when new(dst, learn 1d) by src over 7d }", "src > -\n1d > 2d\n1d > 12h\n7d > 14d\n7d > 3d12h\n");
}

/* What is estimated moves by more than it may be wrong by; what is said twice is said once. */
Test(mutate, what_no_test_could_tell)
{
	has("let n = 1000 rule r { when distinct(dst) by src over 60s >= n }",
	    ">= > <\nsrc > -\n60s > 2m\n60s > 30s\n1000 > 1050\n1000 > 950\n");
	has("let n = 100 rule r { when distinct(dst where bytes > 1000) over 60s >= n }",
	    ">= > <\nbytes > 1000 > -\n> > <=\n1000 > 1001\n1000 > 999\n60s > 2m\n60s > 30s\n100 > 101\n100 > 99\n");
	has("rule r { when proto == tcp and flags has SYN }", "and > or\n== > !=\nflags has SYN > -\nhas > not ... has\n");
	has("rule r { when not (proto == tcp and flags has SYN) }",
	    "not > -\nand > or\nproto == tcp > -\n== > !=\nflags has SYN > -\nhas > not ... has\n");
	has("rule r { where dst_port == smtp when count() by src, dst_port over 60s > 1 }",
	    "where dst_port == smtp > -\n== > !=\n> > <=\nsrc > -\n60s > 2m\n60s > 30s\n1 > 2\n1 > 0\n");
}

/* --- which live --- */

static void
on_survivor(void *arg, const struct tsn_mutant *m)
{
	tell(arg, m);
}

static void
survive(const char *text, const char *want, uint64_t killed, uint64_t refused, uint64_t same)
{
	struct tsn_mutation_counts n = { { 0 } };
	struct tsn_buf before = TSN_BUF_INIT, after = TSN_BUF_INIT;
	struct world w;

	begin(&w, text);
	dump(&w, &before);
	cr_assert(tsn_mutate_rule(w.rs, w.sources, "r", 0, on_survivor, &w.told, &n));
	dump(&w, &after);
	cr_expect_str_eq(tsn_buf_str(&before), tsn_buf_str(&after));
	cr_expect_str_eq(tsn_buf_str(&w.told), want, "%s\nsurvivors:\n%s", text, tsn_buf_str(&w.told));
	cr_expect(n.fate[TSN_FATE_KILLED] == killed && n.fate[TSN_FATE_REFUSED] == refused && n.fate[TSN_FATE_SAME] == same,
	    "%s\n%llu killed, %llu refused, %llu the same", text, (unsigned long long)n.fate[TSN_FATE_KILLED],
	    (unsigned long long)n.fate[TSN_FATE_REFUSED], (unsigned long long)n.fate[TSN_FATE_SAME]);
	tsn_buf_fini(&before);
	tsn_buf_fini(&after);
	end(&w);
}

#define FLOW(n, port) "flow { src = 10.0.0.1, proto = tcp, dst_port = " port " } repeat " n " every 1s "

Test(mutate, good_tests_kill_all)
{
	survive("rule r { when packets >= 5 test \"a\" fires { flow { packets = 5 } } test \"b\" quiet { flow { packets = 4 } } }", "", 3, 0, 0);
}

Test(mutate, a_limit_that_is_not_tested)
{
	survive("rule r { when packets >= 5 test \"a\" fires { flow { packets = 9 } } test \"b\" quiet { flow { packets = 1 } } }",
	    "5 > 6\n5 > 4\n", 1, 0, 0);
}

Test(mutate, behind_names)
{
	survive("let n = 5 set s = { 80, 81 } define d = dst_port in s rule r { where d when count() by src over 60s > n "
	    "test \"a\" fires { " FLOW("6", "80") " } test \"b\" quiet { " FLOW("5", "80") " } }",
	    "where d > -\nsrc > -\n60s > 2m\n60s > 30s\n81 > -\n", 5, 0, 0);
}

/* What a test gives another value says nothing of the value that is shipped. */
Test(mutate, what_all_tests_rebind)
{
	survive("let n = 5 rule r { when packets > n test \"a\" fires { let n = 1 flow { packets = 2 } } "
	    "test \"b\" quiet { let n = 1 flow { packets = 1 } } }", "5 > 6\n5 > 4\n", 1, 0, 0);
}

Test(mutate, not_counted)
{
	/* 65536 is no port */
	survive("rule r { when dst_port == 65535 test \"a\" fires { " FLOW("1", "65535") " } test \"b\" quiet { " FLOW("1", "65534") " } }",
	    "", 2, 1, 0);
	/* without `not` it is what the opposite operator makes of it */
	survive("rule r { when not (packets == 1) test \"a\" fires { flow { packets = 2 } } test \"b\" quiet { flow { packets = 1 } } }",
	    "", 3, 0, 1);
}

Test(mutate, a_rule_without_tests)
{
	survive("rule r { when packets >= 5 }", ">= > <\n5 > 6\n5 > 4\n", 0, 0, 0);
}

Test(mutate, memory_runs_out)
{
	struct tsn_mutation_counts n = { { 0 } };
	struct tsn_buf before = TSN_BUF_INIT, after = TSN_BUF_INIT;
	struct world w;
	long all;

	begin(&w, "let n = 5 rule r { when packets >= n and src in { 10.0.0.1, 10.0.0.2 } test \"a\" fires { flow { src = 10.0.0.1, packets = 5 } } }");
	dump(&w, &before);
	cr_assert(tsn_mutate_rule(w.rs, w.sources, "r", 0, on_survivor, &w.told, &n)); /* what is made once is made */
	tsn_mem_fail_at(1L << 40, false);
	cr_assert(tsn_mutate_rule(w.rs, w.sources, "r", 0, on_survivor, &w.told, &n));
	all = tsn_mem_count();
	for (long i = 0; i < all; i += 1 + i / 7) {
		bool ok;

		tsn_mem_fail_at(i, true);
		ok = tsn_mutate_rule(w.rs, w.sources, "r", 0, on_survivor, &w.told, &n);
		tsn_mem_fail_never();
		cr_assert(!ok, "allocation %ld", i);
		dump(&w, &after);
		cr_assert_str_eq(tsn_buf_str(&before), tsn_buf_str(&after), "allocation %ld", i);
	}
	tsn_buf_fini(&before);
	tsn_buf_fini(&after);
	end(&w);
}

/* --- coverage --- */

static void
on_gap(void *arg, const struct tsn_gap *g)
{
	struct world *w = arg;

	tsn_buf_printf(&w->told, "%.*s: %s\n", (int)(g->span.end - g->span.begin), w->sources->v[g->span.file].text + g->span.begin,
	    tsn_cover_what(g->kind));
}

static void
gaps(const char *text, const char *want, uint64_t parts)
{
	struct tsn_coverage_counts n = { 0, 0 };
	struct world w;

	begin(&w, text);
	cr_assert(tsn_cover_rule(w.rs, "r", 0, on_gap, &w, &n));
	cr_expect_str_eq(tsn_buf_str(&w.told), want, "%s\ngaps:\n%s", text, tsn_buf_str(&w.told));
	cr_expect(n.parts == parts, "%s\n%llu parts", text, (unsigned long long)n.parts);
	end(&w);
}

Test(coverage, operands)
{
	gaps("rule r { where dst_port == 80 when packets > 5 or bytes > 1000 "
	    "test \"a\" fires { flow { proto = tcp, dst_port = 80, packets = 6, bytes = 900 } } "
	    "test \"b\" quiet { flow { proto = tcp, dst_port = 80, packets = 5, bytes = 900 } } }",
	    "dst_port == 80: has a flow for which this is false\nbytes > 1000: has a flow for which this is true\n", 6);
	gaps("rule r { when packets > 5 test \"a\" fires { flow { packets = 6 } } test \"b\" quiet { flow { packets = 5 } } }", "", 2);
	gaps("rule r { when packets > 5 }", "", 0);
}

Test(coverage, functions)
{
	gaps("rule r { when count(dst_port == 25) by src over 60s > 2 test \"a\" quiet { " FLOW("2", "25") " } }",
	    "count(dst_port == 25) by src over 60s > 2: has a flow for which this is true\n", 2);
	gaps("rule r { when count(dst_port == 25) by src over 60s > 2 test \"a\" fires { " FLOW("3", "25") " } }", "", 2);
}

#define SPAM "severity low, high when value > 5 when count() by src over 60s > 2 "

Test(coverage, clauses)
{
	gaps("rule r { " SPAM "except dst_port == 25 or dst_port == 26 test \"a\" fires { " FLOW("3", "25") FLOW("2", "80") " } }",
	    "dst_port == 26: has a match that this hides\nhigh when value > 5: reaches this severity\n", 5);
	gaps("rule r { " SPAM "until dst_port == 1 test \"a\" fires 1 high { " FLOW("6", "80") " } }",
	    "until dst_port == 1: lets this end an alert\n", 4);
	gaps("rule r { " SPAM "during \"mon-fri 00:00-18:00\" test \"a\" fires 1 high { " FLOW("6", "80") " } }",
	    "during \"mon-fri 00:00-18:00\": has a match at a time that this shuts out\n", 4);
	gaps("rule r { " SPAM "during \"mon-fri 00:00-18:00\" test \"a\" fires 1 high { " FLOW("6", "80") " } "
	    "test \"b\" quiet { wait 20h " FLOW("6", "80") " } }", "", 4);
}

Test(coverage, outcomes)
{
	gaps("set s = dynamic expire 1h max 9 rule r { when packets > 5 then add src to s test \"a\" quiet { flow { packets = 5 } } }",
	    "packets > 5: has a flow for which this is true\nthen add src to s: fires, so this never runs\n", 3);
	gaps("rule r { when count() by src over 60s > 2 for 2m test \"a\" fires { " FLOW("300", "80") " } }",
	    "for 2m: is quiet because this has not passed\n", 3);
	gaps("rule r { when count() by src over 60s > 2 for 2m test \"a\" fires { " FLOW("300", "80") " } "
	    "test \"b\" quiet { " FLOW("5", "80") " } }", "", 3);
}

/* A rebound name is another node of the graph, and the same part of the rule. */
Test(coverage, rebound)
{
	gaps("let n = 5 rule r { when packets > n test \"a\" fires { let n = 1 flow { packets = 2 } } test \"b\" quiet { flow { packets = 5 } } }",
	    "", 2);
}
