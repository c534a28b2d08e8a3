/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Loading: directories, `use` by path and by name, once each, order, cycles, and who sees which name. */
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_dir.h"
#include "test_check.h"

TestSuite(load, .init = dir_begin, .fini = dir_end);

static void
put(const char *name, const char *text)
{
	const char *path = dir_path(name);
	char parent[512];

	strcpy(parent, path);
	*strrchr(parent, '/') = '\0';
	mkdir(parent, 0700);
	scratch_put(path, text);
}

static struct made
load(const char *a, const char *b, const char *search)
{
	const char *paths[2] = { dir_path(a), b == NULL ? NULL : dir_path(b) }, *dirs[1] = { search == NULL ? "" : dir_path(search) };
	struct tsn_compile_input in = { .paths = paths, .npaths = b == NULL ? 1 : 2, .search = dirs, .nsearch = search != NULL };

	return make_input(&in, false);
}

static void
expect_rules(struct made *m, const char *names)
{
	struct tsn_buf b = TSN_BUF_INIT;

	cr_assert_not_null(m->r, "%s", tsn_buf_str(&m->text));
	for (uint32_t i = 0; i < m->r->module->nrules; i++)
		tsn_buf_printf(&b, "%s%s", i > 0 ? " " : "", m->r->module->rules[i].meta.name);
	cr_expect_str_eq(tsn_buf_str(&b), names);
	tsn_buf_fini(&b);
	unmake(m);
}

static void
expect_error(struct made *m, const char *text)
{
	cr_expect_null(m->r);
	cr_expect(strstr(tsn_buf_str(&m->text), text) != NULL, "wanted %s in\n%s", text, tsn_buf_str(&m->text));
	unmake(m);
}

Test(load, directory_in_order_of_bytes)
{
	struct made m;

	put("d/b.tsn", "rule b { when dst_port == 1 }");
	put("d/a.tsn", "rule a { when dst_port == 1 } rule a2 { when dst_port == 2 }");
	put("d/Z.tsn", "rule z { when dst_port == 1 }");
	put("d/c.txt", "nonsense");
	put("d/.hidden.tsn", "nonsense");
	m = load("d", NULL, NULL);
	expect_rules(&m, "z a a2 b");
}

Test(load, nothing_to_load)
{
	struct made m;

	put("d/c.txt", "");
	m = load("d", NULL, NULL);
	expect_error(&m, "no .tsn file in");
	m = load("missing.tsn", NULL, NULL);
	expect_error(&m, "missing.tsn");
}

Test(load, used_files_come_first_and_once)
{
	struct made m;

	put("main.tsn", "use \"sub/x.tsn\" use \"sub/../sub/x.tsn\" use \"y.tsn\" rule m { when count() over 60s > x + y }");
	put("sub/x.tsn", "use \"../y.tsn\" let x = 1 rule x { when dst_port == 1 }");
	put("y.tsn", "let y = 2 rule y { when dst_port == 1 }");
	m = load("main.tsn", "y.tsn", NULL);
	expect_rules(&m, "y x m");
}

Test(load, by_name)
{
	struct made m;

	put("rules/worms.tsn", "ruleset worms {} let n = 5 set home = site rule w { when count(src in home) over 60s > n }");
	put("rules/std/a.tsn", "ruleset std {} let n2 = 6 rule a { when dst_port == 1 }");
	put("rules/std/b.tsn", "ruleset std {} rule b { when count() over 60s > n2 }");
	put("main.tsn", "use worms use std set home = { 10.0.0.0/8, ::1 } rule m { when count() over 60s > n + n2 + worms.n }");
	m = load("main.tsn", NULL, "rules");
	expect_rules(&m, "worms.w std.a std.b m");
	/* The directory itself bears the name, with or without -rules. */
	put("std-rules/a.tsn", "ruleset std {} rule a { when dst_port == 1 }");
	put("main2.tsn", "use std");
	m = load("main2.tsn", NULL, "std-rules");
	expect_rules(&m, "std.a");
	unlink(dir_path("std-rules/a.tsn"));
	m = load("main2.tsn", NULL, "std-rules");
	expect_error(&m, "main2.tsn:1:5: error: cannot read std");
	/* A ruleset given by path is found by its name, too. */
	m = load("rules/std", "main2.tsn", NULL);
	expect_rules(&m, "std.a std.b");
	/* A file of the site beside others is not the library because its directory has that name. */
	mkdir(dir_path("mine"), 0700);
	put("mine/std/site.tsn", "use std rule s { when dst_port == 1 }");
	m = load("mine/std/site.tsn", NULL, "rules");
	expect_rules(&m, "std.a std.b s");
}

Test(load, cycles)
{
	struct made m;

	put("a.tsn", "use \"b.tsn\"");
	put("b.tsn", "use \"c.tsn\"");
	put("c.tsn", "use \"a.tsn\" rule x { when scr == 1 }");
	m = load("a.tsn", NULL, NULL);
	cr_expect(strstr(tsn_buf_str(&m.text), "c.tsn:1:5: error: ") != NULL, "%s", tsn_buf_str(&m.text));
	cr_expect(strstr(tsn_buf_str(&m.text), "did you mean \"src\"?") != NULL, "other errors are still found");
	expect_error(&m, "uses this file in turn");
	put("self.tsn", "use \"self.tsn\"");
	m = load("self.tsn", NULL, NULL);
	expect_error(&m, "self.tsn:1:5: error: ");
}

/* Rule, file, ruleset, imports: the nearest wins. */
Test(load, who_sees_what)
{
	struct made m;

	put("std/a.tsn", "ruleset std {} let n = 1 let only = 7 rule a { when count() over 60s > n }");
	put("std/b.tsn", "ruleset std {} rule b { when count() over 60s > n }");
	put("std/c.tsn", "ruleset std {} let n = 3 rule c { when count() over 60s > n }");
	put("main.tsn", "use \"std\" let n = 9 rule m { when count() over 60s > n and distinct(src) over 60s > only }");
	m = load("main.tsn", NULL, NULL);
	expect_error(&m, "b.tsn:1:49: error: n is defined by");
	put("std/b.tsn", "ruleset std {} rule b { when count() over 60s > only }");
	m = load("main.tsn", NULL, NULL);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_expect_eq(rule_of(&m, "std.a")->report[0].threshold->i, 1);
	cr_expect_eq(rule_of(&m, "std.b")->report[0].threshold->i, 7);
	cr_expect_eq(rule_of(&m, "std.c")->report[0].threshold->i, 3);
	cr_expect_eq(rule_of(&m, "m")->report[0].threshold->i, 9);
	cr_expect_eq(rule_of(&m, "m")->report[1].threshold->i, 7);
	unmake(&m);
}

/* `use` is not transitive. */
Test(load, imports_of_imports_stay_hidden)
{
	struct made m;

	put("a.tsn", "ruleset a {} let deep = 1");
	put("b.tsn", "ruleset b {} use \"a.tsn\" let near = deep + 1");
	put("main.tsn", "use \"b.tsn\" rule m { when count() over 60s > near }");
	m = load("main.tsn", NULL, NULL);
	expect_rules(&m, "m");
	put("main.tsn", "use \"b.tsn\" rule m { when count() over 60s > deep }");
	m = load("main.tsn", NULL, NULL);
	expect_error(&m, "main.tsn:1:46: error: no ");
}

Test(load, installed_rulesets_have_no_site)
{
	struct made m;

	put("rules/std.tsn", "ruleset std {} site { memory 1GiB } rule a { when dst_port == 1 }");
	put("main.tsn", "use std");
	m = load("main.tsn", NULL, "rules");
	expect_error(&m, "std.tsn:1:16: error: an installed ruleset has no site { }");
	m = load("rules/std.tsn", NULL, NULL);
	expect_rules(&m, "std.a");
}

Test(load, versions_of_a_ruleset)
{
	struct made m;

	put("d/a.tsn", "ruleset g { version \"1\" } rule a { when dst_port == 1 }");
	put("d/b.tsn", "ruleset g {} rule b { when dst_port == 1 }");
	m = load("d", NULL, NULL);
	cr_assert_not_null(m.r);
	cr_expect_str_eq(rule_of(&m, "g.b")->meta.version, "1");
	unmake(&m);
	put("d/b.tsn", "ruleset g { version \"2\" } rule b { when dst_port == 1 }");
	m = load("d", NULL, NULL);
	expect_error(&m, "b.tsn:1:21: error: ruleset g has another version here");
	put("d/b.tsn", "ruleset g {} rule a { when dst_port == 1 }");
	m = load("d", NULL, NULL);
	expect_error(&m, "b.tsn:1:19: error: g.a is defined twice");
}

/* A set read from a file is read again when it changed; a bad one leaves the old in force. */
Test(load, refresh)
{
	struct tsn_diags *d = tsn_diags_new();
	struct tsn_set *again;
	struct made m;

	put("list.csv", "ip,what\n10.0.0.1,a\n");
	put("main.tsn", "set own = { 192.0.2.1 } set feed = file \"list.csv\" column \"ip\" refresh 5m set all = own | feed\n"
	    "rule r { when src in all }");
	m = load("main.tsn", NULL, NULL);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_eq(m.r->module->nsets, 1);
	cr_expect_eq(m.r->module->sets[0].refresh_ms, 300000);
	cr_expect_str_eq(tsn_ruleset_set_path(m.r, 0, 0), dir_path("list.csv"));
	cr_expect_null(tsn_ruleset_set_path(m.r, 0, 1));
	cr_expect(tsn_set_has_addr(m.r->sets[0], tsn_addr_v4(0x0a000001)));
	put("list.csv", "ip,what\n10.0.0.2,a\n");
	/* The sources are no longer needed for it. */
	tsn_sources_free(m.sources);
	m.sources = NULL;
	again = tsn_ruleset_rebuild_set(m.r, 0, d);
	cr_assert_not_null(again);
	cr_expect(!tsn_set_has_addr(again, tsn_addr_v4(0x0a000001)) && tsn_set_has_addr(again, tsn_addr_v4(0x0a000002)));
	cr_expect(tsn_set_has_addr(again, tsn_addr_v4(0xc0000201)));
	tsn_set_free(again);
	unlink(dir_path("list.csv"));
	cr_expect_null(tsn_ruleset_rebuild_set(m.r, 0, d));
	cr_expect_eq(tsn_diags_errors(d), 1);
	tsn_diags_free(d);
	unmake(&m);
}
