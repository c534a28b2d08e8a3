/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Rulesets of somebody else: what they may not do is refused with its place, what they may take is their share. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "compile/budget.h"
#include "test_check.h"

/* A folder of files below a folder of its own, so that ".." leads to something. */
struct folder {
	char root[64], dir[96];
};

static void
folder_write(const struct folder *f, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	out = fopen(path, "w");
	cr_assert_not_null(out, "%s", path);
	fputs(text, out);
	fclose(out);
}

static struct folder
folder_new(const char *rules)
{
	struct folder f = { .root = "/tmp/tsn-guest-XXXXXX" };

	cr_assert_not_null(mkdtemp(f.root));
	snprintf(f.dir, sizeof(f.dir), "%s/worms", f.root);
	cr_assert_eq(mkdir(f.dir, 0700), 0);
	folder_write(&f, "a.tsn", rules);
	folder_write(&f, "../outside.csv", "ip\n192.0.2.1\n");
	folder_write(&f, "../outside.tsn", "ruleset worms { }\nset bad = { 192.0.2.1 }\n");
	return f;
}

static void
folder_remove(const struct folder *f)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", f->root);
	cr_assert_eq(system(command), 0);
}

static struct made
make_guest(const struct folder *f, const char *site, unsigned percent)
{
	struct tsn_installed guest = { "worms", f->dir, percent };
	struct tsn_rule_text t = { "site.tsn", site, strlen(site) };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1, .installed = &guest, .ninstalled = 1 };

	return make_input(&in, true);
}

/* [rules] alone in the folder are refused, with this in what is said. */
static void
refused(const char *rules, const char *says)
{
	struct folder f = folder_new(rules);
	struct made m = make_guest(&f, "", 100);

	cr_assert_null(m.r, "%s was taken", rules);
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), says), "%s", tsn_buf_str(&m.text));
	unmake(&m);
	folder_remove(&f);
}

#define HEAD "ruleset worms { version \"1\" }\n"

Test(check_guest, rules_are_taken_and_the_site_overrides_them)
{
	struct folder f = folder_new(HEAD "set bad = file \"list.csv\" column \"ip\"\nlet N = 5\n"
	    "rule scan { when count(dst in bad) by src over 60s > N test \"six\" fires { set bad = { 192.0.2.1 }\n"
	    "flow { src = 10.0.0.1, dst = 192.0.2.1 } repeat 6 } }\n");
	struct made m;
	struct tsn_ruleset *one;

	folder_write(&f, "list.csv", "ip\n192.0.2.1\n");
	m = make_guest(&f, "override worms { let N = 7 }\nsite { memory 1GiB }", 50);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_str_eq(m.r->program->rules[0].name, "worms.scan");
	/* long after the list of installed rulesets has gone */
	one = tsn_compile_test(m.r, 0, m.diags);
	cr_assert_not_null(one);
	tsn_ruleset_free(one);
	unmake(&m);
	folder_remove(&f);
}

Test(check_guest, powers_that_are_not_theirs)
{
	refused(HEAD "site { memory 1GiB }\n", "a.tsn:2:1: error: the installed ruleset worms may not have a site { }");
	refused(HEAD "disable stdlib.*\n", "a.tsn:2:1: error: the installed ruleset worms may not disable rules");
	refused(HEAD "override stdlib.slammer { severity low }\n", "a.tsn:2:1: error: the installed ruleset worms may not override rules");
	refused("rule r { when dst_port == 1 }\n", "does not say that it is of ruleset worms");
	refused("ruleset stdlib { }\nrule r { when dst_port == 1 }\n", "ruleset stdlib stands in the folder of ruleset worms");
	refused(HEAD "use \"../outside.tsn\"\n", "a.tsn:2:5: error: the installed ruleset worms reads files of its own folder only");
	refused(HEAD "use \"/etc/outside.tsn\"\n", "reads files of its own folder only");
	refused(HEAD "set s = file \"../outside.csv\"\nrule r { when src in s }\n", "reads files of its own folder only");
	refused(HEAD "set s = file \"/etc/passwd\"\nrule r { when src in s }\n", "reads files of its own folder only");
	refused(HEAD "table t = file \"/etc/passwd\" default 1\nrule r { when count() by src over 60s > t(src) }\n",
	    "reads files of its own folder only");
}

Test(check_guest, links_lead_nowhere_else)
{
	struct folder f = folder_new(HEAD "set s = file \"list.csv\"\nrule r { when src in s }\n");
	char from[256];
	struct made m;

	snprintf(from, sizeof(from), "%s/list.csv", f.dir);
	cr_assert_eq(symlink("../outside.csv", from), 0);
	m = make_guest(&f, "", 100);
	cr_assert_null(m.r);
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), "list.csv leads out of the folder of the installed ruleset worms"), "%s",
	    tsn_buf_str(&m.text));
	unmake(&m);
	unlink(from);
	folder_write(&f, "list.csv", "ip\n192.0.2.1\n");
	snprintf(from, sizeof(from), "%s/b.tsn", f.dir);
	cr_assert_eq(symlink("../outside.tsn", from), 0);
	m = make_guest(&f, "", 100);
	cr_assert_null(m.r);
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), "lies outside the folder of the installed ruleset worms"), "%s",
	    tsn_buf_str(&m.text));
	unmake(&m);
	folder_remove(&f);
}

Test(check_guest, ten_thousand_rules_and_no_more)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct folder f = folder_new(HEAD);
	struct made m;

	tsn_buf_puts(&text, HEAD);
	for (unsigned i = 0; i <= 10000; i++)
		tsn_buf_printf(&text, "rule r%u { when dst_port == 9 }\n", i);
	folder_write(&f, "a.tsn", tsn_buf_str(&text));
	m = make_guest(&f, "", 100);
	cr_assert_null(m.r);
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), "the installed ruleset worms has more than 10000 rules"), "%s",
	    tsn_buf_str(&m.text));
	unmake(&m);
	tsn_buf_fini(&text);
	folder_remove(&f);
}

/* What the groups may take that only rules of [ruleset] read. */
static uint64_t
takes(const struct made *m, const char *ruleset)
{
	const struct tsn_program *p = m->r->program;
	uint64_t sum = 0;
	struct tsn_family_memory s;

	for (uint32_t i = 0; i < p->nrules; i++)
		for (uint32_t k = 0; k < p->rules[i].families_n && strcmp(p->rules[i].ruleset, ruleset) == 0; k++) {
			tsn_budget_of_family(&p->families[p->rules[i].families[k]], &s);
			sum += s.in_all;
		}
	return sum;
}

#define COUNTS HEAD "rule a { when count() by src over 60s > 5 }\nrule b { when distinct(dst) by src, dst_port over 5m > 50 }\n"
#define OWN "rule mine { when count(dst_port == 25) by dst over 60s > 5 }\n"

Test(check_guest, memory_is_a_share)
{
	struct folder f = folder_new(COUNTS);
	struct made m = make_guest(&f, OWN "site { memory 1GiB }", 10);
	const uint64_t share = (UINT64_C(1) << 30) / 10;

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_leq(takes(&m, "worms"), share);
	cr_assert_gt(takes(&m, "worms"), share / 2);
	cr_assert_leq(tsn_budget_worst(m.r->program), UINT64_C(1) << 30);
	cr_assert_eq(m.r->program->families[m.r->program->rules[2].families[0]].max_keys, TSN_MAX_KEYS);
	unmake(&m);
	/* without `memory` only the guest is bounded */
	m = make_guest(&f, OWN, 10);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_leq(takes(&m, "worms"), TSN_BUDGET_UNSAID / 10);
	cr_assert_gt(takes(&m, "worms"), TSN_BUDGET_UNSAID / 20);
	cr_assert_eq(m.r->program->families[m.r->program->rules[2].families[0]].max_keys, TSN_MAX_KEYS);
	unmake(&m);
	folder_remove(&f);
}

Test(check_guest, groups_that_the_site_counts_too_are_the_sites)
{
	struct folder f = folder_new(HEAD "rule a { when count() by src over 60s > 5 }\n");
	struct made m = make_guest(&f, "rule mine { when count() by src over 60s > 9 }\n", 1);

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_eq(m.r->program->families[0].max_keys, TSN_MAX_KEYS);
	unmake(&m);
	folder_remove(&f);
}

Test(check_guest, more_than_its_share_is_refused_with_the_numbers)
{
	struct folder f = folder_new(HEAD "rule a { when count(dst_port == 1, max_keys 100M) by src over 60s > 5 }\n");
	struct made m = make_guest(&f, "site { memory 1GiB }", 25);

	cr_assert_null(m.r);
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), "groups of the installed ruleset worms may take "), "%s", tsn_buf_str(&m.text));
	cr_assert_not_null(strstr(tsn_buf_str(&m.text), "its share of the memory is 256.0 MiB (25 %)"), "%s", tsn_buf_str(&m.text));
	unmake(&m);
	folder_remove(&f);
}
