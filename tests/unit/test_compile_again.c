/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Compiling rules that take the place of others: files that stay as they are, rules that stay what they were. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "scratch_dir.h"
#include "test_check.h"

TestSuite(compile_again, .init = dir_begin, .fini = dir_end);

/* Another time than any that a write gives, so that it does not depend on the grain of the clock. */
static void
stamp(const char *name, long second)
{
	const struct timespec t[2] = { { second, 0 }, { second, 0 } };

	cr_assert_eq(utimensat(AT_FDCWD, dir_path(name), t, 0), 0);
}

static struct made
compiled(const struct tsn_ruleset *before)
{
	const char *paths[] = { dir_path("rules.tsn") };
	struct tsn_compile_input in = { .paths = paths, .npaths = 1, .before = before };

	return make_input(&in, true);
}

static const struct tsn_set *
set_named(const struct made *m, const char *name)
{
	for (uint32_t i = 0; i < m->r->module->nsets; i++)
		if (strcmp(m->r->module->sets[i].name, name) == 0)
			return m->r->sets[i];
	cr_assert_fail("no set %s", name);
	return NULL;
}

static bool
has(const struct made *m, const char *name, unsigned host)
{
	return tsn_set_has_addr(set_named(m, name), tsn_addr_v4(0x0a000000 + host));
}

/* --- files of members --- */

static const char *const rules =
    "set bad = file \"bad.txt\"\n"
    "set same = file \"bad.txt\"\n"
    "set named = file \"bad.txt.csv\" column \"ip\"\n"
    "set both = { bad, 10.0.0.99 }\n"
    "rule a { when src in bad }\nrule b { when src in same }\nrule c { when src in named message \"{named.what}\" }\n"
    "rule d { when src in both }\n";

static void
put_all(void)
{
	dir_put("rules.tsn", rules);
	dir_put("bad.txt", "10.0.0.1\n10.0.0.2\n");
	dir_put("bad.txt.csv", "ip,what\n10.0.0.5,five\n");
	stamp("bad.txt", 1000000000);
	stamp("bad.txt.csv", 1000000000);
}

static void
made_well(const struct made *m, uint32_t kept)
{
	cr_assert_not_null(m->r, "%s", tsn_buf_str(&m->text));
	cr_assert_eq(m->r->files, 2);
	cr_expect_eq(m->r->files_kept, kept, "%u kept", m->r->files_kept);
}

Test(compile_again, unchanged_files_are_not_read)
{
	struct made a, b;

	put_all();
	a = compiled(NULL);
	made_well(&a, 0);
	cr_expect_eq(set_named(&a, "bad"), set_named(&a, "same"), "one file, one set");
	b = compiled(a.r);
	made_well(&b, 2);
	cr_expect_eq(set_named(&a, "bad"), set_named(&b, "bad"));
	cr_expect_eq(set_named(&a, "named"), set_named(&b, "named"));
	/* whoever is freed first */
	unmake(&a);
	cr_expect(has(&b, "bad", 1) && has(&b, "bad", 2) && !has(&b, "bad", 3));
	cr_expect(has(&b, "both", 1) && has(&b, "both", 99) && !has(&b, "both", 3));
	cr_expect_eq(tsn_set_row_of_addr(set_named(&b, "named"), tsn_addr_v4(0x0a000005)), 0);
	unmake(&b);
}

/* Copied there once more, as nightly jobs do. */
Test(compile_again, the_same_bytes_are_not_read)
{
	struct made a, b;

	put_all();
	a = compiled(NULL);
	made_well(&a, 0);
	unlink(dir_path("bad.txt"));
	dir_put("bad.txt", "10.0.0.1\n10.0.0.2\n");
	stamp("bad.txt", 1000000001);
	b = compiled(a.r);
	made_well(&b, 2);
	cr_expect_eq(set_named(&a, "bad"), set_named(&b, "bad"));
	unmake(&b);
	unmake(&a);
}

Test(compile_again, changed_files_are_read)
{
	struct made a, b, c;

	put_all();
	a = compiled(NULL);
	made_well(&a, 0);
	dir_put("bad.txt", "10.0.0.1\n10.0.0.3\n"); /* as long as before */
	stamp("bad.txt", 1000000000);
	b = compiled(a.r);
	made_well(&b, 1);
	cr_expect(has(&a, "bad", 2) && !has(&a, "bad", 3), "the old one stays what it was");
	cr_expect(has(&b, "bad", 3) && !has(&b, "bad", 2) && has(&b, "both", 3) && !has(&b, "both", 2));
	unmake(&a);
	dir_put("bad.txt", "10.0.0.7\n");
	c = compiled(b.r);
	made_well(&c, 1);
	unmake(&b);
	cr_expect(has(&c, "bad", 7) && !has(&c, "bad", 3));
	unmake(&c);
}

static void
put_table(const char *rule, const char *rows)
{
	struct tsn_buf text = TSN_BUF_INIT;

	dir_put("rules.tsn", rule);
	tsn_buf_printf(&text, "net,limit\n%s", rows);
	for (unsigned i = 0; i < 100; i++) /* one bad line in so many is skipped */
		tsn_buf_printf(&text, "10.1.0.%u,1\n", i);
	dir_put("limits.csv", tsn_buf_str(&text));
	stamp("limits.csv", 1000000000);
	tsn_buf_fini(&text);
}

static const struct tsn_set *
table_of(const struct made *m, uint32_t kept)
{
	cr_assert_not_null(m->r, "%s", tsn_buf_str(&m->text));
	cr_assert(m->r->files == 1 && m->r->module->nsets == 1);
	cr_expect_eq(m->r->files_kept, kept);
	cr_expect(strstr(tsn_buf_str(&m->text), "limits.csv") != NULL, "the bad line is told each time");
	return m->r->sets[0];
}

/* Numbers of a table, too; but not where something else is read out of the file. */
Test(compile_again, unchanged_tables_are_not_read)
{
	static const char plain[] = "table limit = file \"limits.csv\" default 7\nrule a { when bytes > limit(src) }\n",
	    other[] = "table limit = file \"limits.csv\" default 8\nrule a { when bytes > limit(src) }\n",
	    rows[] = "10.0.0.1,5\n10.0.0.2,2.5\nnobody,1\n";
	struct made a, b, c, d;

	put_table(plain, rows);
	a = compiled(NULL);
	b = compiled(a.r);
	cr_expect_eq(table_of(&a, 0), table_of(&b, 1));
	unmake(&a);
	put_table(other, rows);
	c = compiled(b.r);
	cr_expect_neq(table_of(&b, 1), table_of(&c, 0), "another default is another table");
	unmake(&b);
	put_table(other, "10.0.0.1,6\n10.0.0.2,1.5\nnobody,1\n");
	d = compiled(c.r);
	cr_expect_neq(table_of(&c, 0), table_of(&d, 0), "as long as before, and as old, but written anew");
	unmake(&c);
	unmake(&d);
}

/* Numbers of flows, then ports: what is no port is no key of the table, but it is one again without the second rule. */
Test(compile_again, a_table_is_kept_with_keys_of_one_type)
{
	static const char one[] = "table limit = file \"limits.csv\" default 7\nrule a { when bytes > limit(packets) }\n";
	struct tsn_buf text = TSN_BUF_INIT;
	struct made a, b;

	tsn_buf_puts(&text, "net,limit\n70000,5\n");
	for (unsigned i = 0; i < 100; i++)
		tsn_buf_printf(&text, "%u,1\n", i);
	dir_put("limits.csv", tsn_buf_str(&text));
	stamp("limits.csv", 1000000000);
	tsn_buf_clear(&text);
	tsn_buf_printf(&text, "%srule b { when bytes > limit(dst_port) }\n", one);
	dir_put("rules.tsn", tsn_buf_str(&text));
	a = compiled(NULL);
	cr_assert(a.r != NULL && a.r->module->nsets == 1, "%s", tsn_buf_str(&a.text));
	cr_expect(tsn_set_has_int(a.r->sets[0], 99) && !tsn_set_has_int(a.r->sets[0], 70000));
	dir_put("rules.tsn", one);
	b = compiled(a.r);
	cr_assert(b.r != NULL && b.r->module->nsets == 1, "%s", tsn_buf_str(&b.text));
	cr_expect(tsn_set_has_int(b.r->sets[0], 99) && tsn_set_has_int(b.r->sets[0], 70000));
	unmake(&a);
	unmake(&b);
	tsn_buf_fini(&text);
}

/* A refreshed set belongs to the slot; what was read before is given up. */
Test(compile_again, a_refresh_makes_them_be_read)
{
	struct made a, b;
	struct tsn_set *fresh;
	uint32_t slot = 0;

	put_all();
	a = compiled(NULL);
	made_well(&a, 0);
	while (a.r->sets[slot] != set_named(&a, "bad"))
		slot++;
	fresh = tsn_ruleset_rebuild_set(a.r, slot, a.diags);
	cr_assert(fresh != NULL && fresh != a.r->sets[slot]);
	tsn_set_free(a.r->sets[slot]);
	a.r->sets[slot] = fresh;
	b = compiled(a.r);
	made_well(&b, 1);
	cr_expect_eq(set_named(&a, "named"), set_named(&b, "named"));
	unmake(&a);
	cr_expect(has(&b, "bad", 1) && !has(&b, "bad", 3));
	unmake(&b);
}

/* What was said of them is said again. */
Test(compile_again, bad_lines_are_told_each_time)
{
	struct made a, b;
	struct tsn_buf text = TSN_BUF_INIT;

	put_all();
	for (unsigned i = 0; i < 200; i++)
		tsn_buf_printf(&text, "10.0.0.%u\n", i);
	tsn_buf_puts(&text, "no address\n");
	dir_put("bad.txt", tsn_buf_str(&text));
	stamp("bad.txt", 1000000000);
	a = compiled(NULL);
	made_well(&a, 0);
	cr_expect_not_null(strstr(tsn_buf_str(&a.text), "no address"), "%s", tsn_buf_str(&a.text));
	b = compiled(a.r);
	made_well(&b, 2);
	cr_expect_str_eq(tsn_buf_str(&a.text), tsn_buf_str(&b.text));
	unmake(&a);
	unmake(&b);
	tsn_buf_fini(&text);
}

Test(compile_again, a_file_that_is_gone_is_an_error)
{
	struct made a, b;

	put_all();
	a = compiled(NULL);
	unlink(dir_path("bad.txt"));
	b = compiled(a.r);
	cr_expect_null(b.r);
	cr_expect_not_null(strstr(tsn_buf_str(&b.text), "cannot read bad.txt"), "%s", tsn_buf_str(&b.text));
	unmake(&b);
	unmake(&a);
}

/* --- rules --- */

/* The same answers whether or not they were found beforehand. */
static void
same_answers(const struct tsn_program *known, const struct tsn_program *unknown, const struct tsn_program *old)
{
	cr_assert_eq(known->nrules, unknown->nrules);
	for (uint32_t i = 0; i < known->nrules; i++) {
		cr_expect_eq(tsn_program_was(known, i, old), tsn_program_was(unknown, i, old));
		cr_expect_eq(tsn_program_same(known, i, old), tsn_program_same(unknown, i, old));
	}
	for (uint32_t i = 0; i < old->nrules; i++)
		cr_expect_eq(tsn_program_now(known, old, i), tsn_program_now(unknown, old, i));
}

Test(compile_again, rules_are_found_by_their_names)
{
	struct made a, b, c;

	dir_put("rules.tsn", "rule a { when dst_port == 1 }\nrule b { when dst_port == 2 }\nrule c { when dst_port == 3 }\n");
	a = compiled(NULL);
	dir_put("rules.tsn", "rule n { when dst_port == 1 }\nrule c { when dst_port == 3 }\nrule a { when dst_port == 4 }\n");
	b = compiled(a.r);
	c = compiled(NULL);
	cr_expect_eq(tsn_program_was(b.r->program, 0, a.r->program), TSN_NAMES_NONE);
	cr_expect_eq(tsn_program_was(b.r->program, 1, a.r->program), 2);
	cr_expect(tsn_program_same(b.r->program, 1, a.r->program));
	cr_expect_eq(tsn_program_was(b.r->program, 2, a.r->program), 0);
	cr_expect_not(tsn_program_same(b.r->program, 2, a.r->program));
	cr_expect_eq(tsn_program_now(b.r->program, a.r->program, 1), TSN_NAMES_NONE);
	same_answers(b.r->program, c.r->program, a.r->program);
	same_answers(c.r->program, b.r->program, c.r->program);
	unmake(&a);
	unmake(&b);
	unmake(&c);
}

/* --- memory --- */

Test(compile_again, every_allocation_fails_once)
{
	struct made a, b;
	long total;

	put_all();
	a = compiled(NULL);
	tsn_mem_fail_at(-1, false);
	b = compiled(a.r);
	total = tsn_mem_count();
	unmake(&b);
	for (long n = 0; n < total; n += getenv("TSN_SOAK") != NULL ? 1 : 5) {
		const char *paths[] = { dir_path("rules.tsn") };

		compile_out_of_memory(&(struct tsn_compile_input){ .paths = paths, .npaths = 1, .before = a.r }, n);
	}
	cr_expect(has(&a, "bad", 1));
	unmake(&a);
}

/* --- size --- */

/* Ten thousand rules of all kinds, in as many files as rulesets have: a step that grows with their square would be seen. */
#define RULES 10000u

static void
put_many(void)
{
	struct tsn_buf text = TSN_BUF_INIT;

	tsn_buf_puts(&text, "ruleset many {}\n");
	for (unsigned i = 0; i < RULES; i++) {
		static const char *const form[] = { "dst_port == %u and proto == tcp", "src in 10.%u.0.0/16 and packets > 3",
			"flags has SYN and bytes > %u", "dst_port in { %u, 7 } and bytes < 9000", "packets * %u > bytes" };

		tsn_buf_printf(&text, "rule r%u { sid %u message \"{src}\" when ", i, i + 1);
		if (i % 50 == 0)
			tsn_buf_printf(&text, "count(dst_port == %u) by src over 60s > 5 }\n", i);
		else {
			tsn_buf_printf(&text, form[i % 5], i % 5 == 1 ? i / 5 % 256 : i + 2);
			tsn_buf_puts(&text, " }\n");
		}
	}
	dir_put("rules.tsn", tsn_buf_str(&text));
	tsn_buf_fini(&text);
}

Test(compile_again, ten_thousand_rules)
{
	struct made a, b;

	put_many();
	a = compiled(NULL);
	cr_assert_not_null(a.r, "%s", tsn_buf_str(&a.text));
	cr_expect_eq(a.r->program->nrules, RULES);
	cr_expect_eq(a.r->program->nfamilies, RULES / 50);
	b = compiled(a.r);
	for (uint32_t i = 0; i < RULES; i++)
		cr_assert(tsn_program_was(b.r->program, i, a.r->program) == i && tsn_program_same(b.r->program, i, a.r->program));
	unmake(&a);
	unmake(&b);
}
