/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of rules that nobody changed are not parsed again. Whatever happens to files around them, what comes of it is what a load
 * of the same files by somebody who never saw them comes to: diagnostics, program, alerts.
 */
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/mem.h"
#include "core/engine.h"
#include "dice.h"
#include "scratch_dir.h"
#include "test_check.h"

static void
setup(void)
{
	dir_begin();
	cr_assert_eq(mkdir(dir_path("rules"), 0700), 0);
	cr_assert_eq(mkdir(dir_path("lib"), 0700), 0);
}

TestSuite(compile_kept, .init = setup, .fini = dir_end);

static struct made
compiled(const struct tsn_ruleset *before)
{
	const char *paths[] = { dir_path("rules") };
	struct tsn_compile_input in = { .paths = paths, .npaths = 1, .before = before, .keep = true };

	return make_input(&in, true);
}

static void
kept(const struct made *m, uint32_t n, uint32_t of)
{
	cr_assert_not_null(m->r, "%s", tsn_buf_str(&m->text));
	cr_expect(m->r->texts == of && m->r->texts_kept == n, "%u of %u kept, not %u of %u", m->r->texts_kept, m->r->texts, n, of);
}

/* --- one by one --- */

/* Warnings stand in a.tsn and c.tsn. */
static void
put_three(void)
{
	dir_put("rules/a.tsn", "let n = 1\nrule a { when count() by src over 10s > n }\n");
	dir_put("rules/b.tsn", "use \"../lib/common.tsn\"\nrule b { when dst_port == common }\n");
	dir_put("rules/c.tsn", "rule c { when count() by dst over 10s > 5 }\ndisable nobody\n");
	dir_put("lib/common.tsn", "let common = 7\n");
}

Test(compile_kept, unchanged_files_are_not_parsed)
{
	struct made a, b, c;

	put_three();
	a = compiled(NULL);
	kept(&a, 0, 4);
	dir_put("rules/a.tsn", "let n = 1\nrule a { when count() by src over 10s > n }\n"); /* written anew, the same */
	b = compiled(a.r);
	kept(&b, 4, 4);
	cr_expect_str_eq(tsn_buf_str(&a.text), tsn_buf_str(&b.text));
	cr_expect_not_null(strstr(tsn_buf_str(&b.text), "c.tsn:2:9: warning"), "%s", tsn_buf_str(&b.text));
	unmake(&a); /* and then what it had is the second one's */
	c = compiled(b.r);
	kept(&c, 4, 4);
	unmake(&b);
	cr_expect_not_null(rule_of(&c, "b"));
	unmake(&c);
}

Test(compile_kept, a_constant_of_a_used_file_changes)
{
	struct made a, b;

	put_three();
	a = compiled(NULL);
	dir_put("lib/common.tsn", "let common = 8\n");
	b = compiled(a.r);
	kept(&b, 3, 4);
	cr_expect_not_null(strstr(rule_of(&b, "b")->when->canon, ":8"), "%s", rule_of(&b, "b")->when->canon);
	unmake(&a);
	unmake(&b);
}

/* The fault is in a file that changed, the place where it is seen in one that did not. */
Test(compile_kept, what_is_missed_is_said_where_it_is_used)
{
	struct made a, b;

	put_three();
	a = compiled(NULL);
	dir_put("lib/common.tsn", "let uncommon = 8\n");
	b = compiled(a.r);
	cr_expect_null(b.r);
	cr_expect_not_null(strstr(tsn_buf_str(&b.text), "rules/b.tsn:2:27: error: no service, constant or field \"common\""), "%s", tsn_buf_str(&b.text));
	unmake(&b);
	dir_put("lib/common.tsn", "let common = 8\n");
	b = compiled(a.r);
	kept(&b, 3, 4);
	unmake(&a);
	unmake(&b);
}

/* Numbers of files do not follow their order then; what is said does. */
Test(compile_kept, files_come_between_and_go)
{
	struct made a, b, c, d;

	put_three();
	a = compiled(NULL);
	dir_put("rules/0.tsn", "disable neither\n");
	dir_put("rules/b2.tsn", "disable nor\n");
	b = compiled(a.r);
	c = compiled(NULL);
	kept(&b, 4, 6);
	cr_expect_str_eq(tsn_buf_str(&b.text), tsn_buf_str(&c.text));
	cr_expect_str_eq(rule_of(&b, "c")->meta.file, dir_path("rules/c.tsn"));
	unmake(&a);
	unmake(&c);
	unlink(dir_path("rules/a.tsn"));
	c = compiled(b.r);
	d = compiled(NULL);
	kept(&c, 5, 5);
	cr_expect_str_eq(tsn_buf_str(&c.text), tsn_buf_str(&d.text));
	cr_expect_leq(c.sources->n, 6, "numbers are given again");
	unmake(&b);
	unmake(&c);
	unmake(&d);
}

/* Two texts of one name are two sources, and a condition is no file, though their bytes are the same. */
Test(compile_kept, names_alone_do_not_decide)
{
	static const char text[] = "rule a { when dst_port == 1 }\n";
	const struct tsn_rule_text t[] = { { "t", text, sizeof(text) - 1 }, { "t", "let n = 1\n", 10 } }, e = { "t", text, sizeof(text) - 1 };
	struct tsn_compile_input in = { .texts = t, .ntexts = 2, .keep = true };
	struct made a = make_input(&in, true), b;

	in.before = a.r;
	b = make_input(&in, true);
	kept(&b, 1, 2);
	unmake(&b);
	in = (struct tsn_compile_input){ .exprs = &e, .nexprs = 1, .before = a.r, .keep = true };
	b = make_input(&in, true);
	cr_expect_null(b.r, "a rule is no condition");
	unmake(&a);
	unmake(&b);
}

Test(compile_kept, every_allocation_fails_once)
{
	struct made a, b;
	long total;

	put_three();
	a = compiled(NULL);
	dir_put("lib/common.tsn", "let common = 8\n");
	tsn_mem_fail_at(-1, false);
	b = compiled(a.r);
	total = tsn_mem_count();
	unmake(&b);
	for (long n = 0; n < total; n++) {
		const char *paths[] = { dir_path("rules") };

		compile_out_of_memory(&(struct tsn_compile_input){ .paths = paths, .npaths = 1, .before = a.r, .keep = true }, n);
	}
	b = compiled(a.r);
	kept(&b, 3, 4);
	unmake(&a);
	unmake(&b);
}

/* --- at random --- */

#define FILES 7
static const char *const name_of[FILES] = { "rules/1.tsn", "rules/2.tsn", "rules/3.tsn", "rules/4.tsn", "lib/common.tsn", "lib/deeper.tsn", "rules/5.tsn" };

static void
put_names(struct tsn_buf *b, unsigned file)
{
	static const char *const form[] = { "let n%u = %u\n", "set s%u = { 10.0.%u.0/24, 192.168.0.0/16 }\n", "define d%u = dst_port == %u or has(tos)\n",
		"table t%u = { 10.0.0.0/8 = 5, 10.1.0.0/16 = %u } default 1\n" };

	for (unsigned k = 0; k < 4; k++)
		if (below(60) > 0)
			tsn_buf_printf(b, form[k], file, below(9) + 1);
	if (file == 5 || below(90) == 0)
		tsn_buf_puts(b, below(20) > 0 ? "set listed = file \"../lib/members.txt\"\n" : "set listed = { 10.0.0.9 }\n");
}

static void
put_rule(struct tsn_buf *b, unsigned file, unsigned k)
{
	static const char *const form[] = { "dst_port == n%u", "src in s%u and bytes > 10", "d%u and raw_packets > 1", "bytes > t%u(src)",
		"count(dst_port < n%u) by src over 60s > 3", "src in listed or dst in s%u" };
	const unsigned of = below(4) == 0 ? file : 4 + below(2);

	tsn_buf_printf(b, "rule r%u_%u { severity %s ", file, k, below(2) == 0 ? "high" : "low");
	if (below(3) == 0)
		tsn_buf_printf(b, "message \"{src} of %u\" ", below(3));
	tsn_buf_puts(b, "when ");
	tsn_buf_printf(b, form[below(6)], of);
	if (below(15) == 0)
		tsn_buf_printf(b, " and count() by src over %us > 3", 10 + below(40)); /* short ones are warned of */
	tsn_buf_puts(b, below(150) == 0 ? "\n" : " }\n");
}

static void
put_layer(struct tsn_buf *b)
{
	switch (below(6)) {
	case 0:
		tsn_buf_printf(b, "override r%u_%u { severity critical }\n", below(4), below(4));
		break;
	case 1:
		tsn_buf_printf(b, "disable r%u_%u, two.r3_0\n", below(4), below(6));
		break;
	case 2:
		tsn_buf_printf(b, "override two { let n3 = %u }\n", below(9) + 1);
		break;
	default:
		break;
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* Names from below, and rules of those above: lib/common.tsn uses lib/deeper.tsn, all others use both. */
static void
write_one(unsigned file)
{
	struct tsn_buf b = TSN_BUF_INIT;
	const unsigned rules = file == 4 || file == 5 ? 0 : 1 + below(5);

	if (file == 3)
		tsn_buf_puts(&b, "ruleset two { version \"1\" }\n");
	if (file < 4 || file == 6)
		tsn_buf_puts(&b, "use \"../lib/common.tsn\"\n");
	if (file != 5)
		tsn_buf_puts(&b, "use \"../lib/deeper.tsn\"\n");
	put_names(&b, file);
	for (unsigned k = 0; k < rules; k++)
		put_rule(&b, file, k);
	if (file == 6)
		put_layer(&b);
	dir_put(name_of[file], tsn_buf_str(&b));
	tsn_buf_fini(&b);
}

#pragma GCC diagnostic pop

static void
edit(void)
{
	const unsigned file = below(FILES), what = below(10);
	char old[96];

	if (what == 0 && file != 4 && file != 5) {
		unlink(dir_path(name_of[file]));
	} else if (what == 1) { /* two change places */
		snprintf(old, sizeof(old), "%s", dir_path("kept"));
		rename(dir_path("rules/1.tsn"), old);
		rename(dir_path("rules/2.tsn"), dir_path("rules/1.tsn"));
		rename(old, dir_path("rules/2.tsn"));
	} else if (what == 2) {
		dir_put("lib/members.txt", below(2) == 0 ? "10.0.0.1\n10.0.0.2\n" : "10.0.0.3\n");
	} else {
		write_one(file);
	}
}

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	tsn_buf_printf(arg, "%s %s\n", al->rule->name, al->message);
}

/* The rules are the engine's from now on. */
static struct tsn_engine *
run(struct made *m, struct tsn_buf *told)
{
	struct tsn_engine_options o = { .seed = 1 };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, told, TSN_SEV_INFO);
	const int64_t now = INT64_C(1700000100000);

	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink) && tsn_engine_load(e, m->r, NULL));
	m->r = NULL;
	tsn_engine_clock(e, now);
	for (uint32_t i = 0; i < 200; i++) {
		struct tsn_batch *b = tsn_engine_room(e);
		const uint32_t row = b->n++;

		tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000 + i * 37 % 11 + i % 10 * 256));
		tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0x0a000100 + i % 7));
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, i % 10);
		tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, i % 13);
		tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, i % 3);
		tsn_batch_put_int(b, row, TSN_F_END, now);
		b->received[row] = b->exported[row] = now;
		b->source[row] = tsn_exporters_nobody(tsn_engine_exporters(e));
	}
	tsn_engine_finish(e);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	return e;
}

static void
same_programs(const struct tsn_ruleset *x, const struct tsn_ruleset *y)
{
	struct tsn_buf a = TSN_BUF_INIT, b = TSN_BUF_INIT;

	tsn_ruleset_form(x, &a);
	tsn_program_disassemble(x->program, &a);
	tsn_ruleset_form(y, &b);
	tsn_program_disassemble(y->program, &b);
	cr_assert(a.len > 0 && a.len == b.len && memcmp(a.p, b.p, a.len) == 0, "%s\nis not\n%s", tsn_buf_str(&a), tsn_buf_str(&b));
	for (uint32_t i = 0; i < x->program->nrules; i++) {
		const struct tsn_rule *r = &x->program->rules[i], *s = &y->program->rules[i];

		cr_assert(strcmp(r->file, s->file) == 0 && r->line == s->line && r->severity == s->severity && r->disabled == s->disabled, "%s", r->name);
	}
	tsn_buf_fini(&a);
	tsn_buf_fini(&b);
}

struct found {
	unsigned loads, refused, warned, kept;
	size_t alerts;
};

/* The engine that has the rules in force from now on. */
static struct tsn_engine *
again(struct tsn_engine *old, struct found *found)
{
	struct tsn_buf told[2] = { TSN_BUF_INIT, TSN_BUF_INIT };
	struct made a = compiled(old == NULL ? NULL : tsn_engine_ruleset(old)), b = compiled(NULL);
	struct tsn_engine *e = old, *other = NULL;

	cr_assert_str_eq(tsn_buf_str(&a.text), tsn_buf_str(&b.text));
	cr_assert_eq(a.r == NULL, b.r == NULL);
	found->loads++;
	found->refused += a.r == NULL;
	found->warned += a.text.len > 0 && a.r != NULL;
	if (a.r != NULL) {
		same_programs(a.r, b.r);
		found->kept += a.r->texts_kept;
		e = run(&a, &told[0]);
		other = run(&b, &told[1]);
		cr_assert_str_eq(tsn_buf_str(&told[0]), tsn_buf_str(&told[1]));
		found->alerts += told[0].len;
		tsn_engine_free(other);
		tsn_engine_free(old);
	}
	tsn_buf_fini(&told[0]);
	tsn_buf_fini(&told[1]);
	unmake(&a);
	unmake(&b);
	return e;
}

Test(compile_kept, any_edits_come_to_what_a_new_load_comes_to)
{
	const unsigned rounds = getenv("TSN_SOAK") != NULL ? 1000 : 60;
	struct tsn_engine *e = NULL;
	struct found found = { 0 };

	dir_put("lib/members.txt", "10.0.0.1\n");
	for (unsigned i = 0; i < FILES; i++)
		write_one(i);
	for (unsigned i = 0; i < rounds; i++) {
		const unsigned refused = found.refused;

		e = again(e, &found);
		for (unsigned k = 0; found.refused > refused && below(4) == 0 && k < FILES; k++)
			write_one(k);
		for (unsigned k = below(3); k < 3; k++)
			edit();
	}
	tsn_engine_free(e);
	cr_expect(found.refused * 5 > found.loads && found.refused * 4 < found.loads * 3 && found.warned > 0 && found.kept > found.loads && found.alerts > 0,
	    "%u loads, %u refused, %u with warnings, %u files kept, %zu bytes of alerts", found.loads, found.refused, found.warned, found.kept, found.alerts);
}

/* --- memory --- */

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void); /* its header is not everywhere */
#endif

static size_t
allocated(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

/* As much after two hundred reloads as after a few: trees go with their files. */
Test(compile_kept, what_is_kept_does_not_grow)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct made was = { 0 }, is;
	size_t early = 0;

	put_three();
	for (unsigned i = 0; i < 200; i++) {
		tsn_buf_clear(&text);
		for (unsigned k = 0; k < 50; k++)
			tsn_buf_printf(&text, "rule r%u { when dst_port == %u and bytes > %u }\n", k, k + 1, i);
		dir_put(i % 2 == 0 ? "rules/many.tsn" : "rules/0.tsn", tsn_buf_str(&text));
		unlink(dir_path(i % 2 == 0 ? "rules/0.tsn" : "rules/many.tsn"));
		is = compiled(was.r);
		kept(&is, i == 0 ? 0 : 4, 5);
		cr_expect_leq(is.sources->n, 6);
		unmake(&was);
		was = is;
		if (i == 20)
			early = allocated();
	}
	cr_expect(early > 100000 && allocated() < early + early / 10, "%zu bytes, then %zu", early, allocated());
	unmake(&was);
	tsn_buf_fini(&text);
}
