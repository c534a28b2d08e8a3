/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Whole files: the four conditions of the language's contract, the standard library with its
 * tests, tests/lang, and the trial rules where the shared examples are beside the project.
 */
#include <dirent.h>
#include <unistd.h>

#include "grammar/fmt.h"
#include "grammar/parse.h"
#include "test_check.h"

static const char *const samples[] = { "dst_port==1434", "src in iana_reserved", "count(dst_port==25) by src over 60s > N",
	"flags==RST|ACK" };

Test(check_examples, the_four_conditions)
{
	struct tsn_rule_text file = { "n.tsn", "let N = 100", 11 };

	for (size_t i = 0; i < 4; i++) {
		struct tsn_rule_text e = { NULL, samples[i], strlen(samples[i]) };
		struct tsn_compile_input in = { .texts = &file, .ntexts = 1, .exprs = &e, .nexprs = 1 };
		struct made m = make_input(&in, true);

		cr_expect_not_null(m.r, "%s", tsn_buf_str(&m.text));
		cr_expect_eq(tsn_diags_warnings(m.diags), 0, "%s", tsn_buf_str(&m.text));
		unmake(&m);
	}
}

Test(check_examples, standard_library)
{
	const char *path = "stdlib-rules";
	struct tsn_compile_input in = { .paths = &path, .npaths = 1, .tests = true };
	struct made m = make_input(&in, true);

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_expect_eq(tsn_diags_warnings(m.diags), 0, "%s", tsn_buf_str(&m.text));
	cr_expect_gt(m.r->ntests, m.r->module->nrules);
	for (uint32_t i = 0; i < m.r->ntests; i++) {
		struct tsn_diags *d = tsn_diags_new();
		struct tsn_ruleset *t = tsn_compile_test(m.r, i, d);

		cr_expect_not_null(t, "%s: %s", m.r->tests[i].rule, m.r->tests[i].title);
		tsn_ruleset_free(t);
		tsn_diags_free(d);
	}
	unmake(&m);
}

static void
put_file(const char *dir, const char *name, const char *text, size_t n)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	cr_assert_eq(fwrite(text, 1, n, f), n);
	fclose(f);
}

/* Every construct of the language in use, with the files it names beside it: nothing is refused. */
Test(check_examples, trial_rules)
{
	static const char tor[] = "ip,seen\n192.0.2.66,2026-01-01\n", limits[] = "10.0.0.0/8,500\n", amp[] = "53,4096\n";
	char dir[] = "/tmp/tocsin-trial-XXXXXX", path[200];
	const char *paths[] = { path }, *search[] = { "stdlib-rules" };
	struct tsn_rule_text mine = { "mine.tsn", "override stdlib { set home_net = { 10.0.0.0/8, ::1 } }", 54 };
	struct tsn_compile_input in = { .paths = paths, .npaths = 1, .search = search, .nsearch = 1, .texts = &mine, .ntexts = 1 };
	struct tsn_buf text = TSN_BUF_INIT;
	struct made m;

	if (tsn_buf_read_file(&text, "../shared/examples/trial_rules.tsn", 1 << 20) != 0)
		return;
	cr_assert_not_null(mkdtemp(dir));
	put_file(dir, "trial_rules.tsn", text.p, text.len);
	put_file(dir, "tor.csv", tor, strlen(tor));
	put_file(dir, "limits.csv", limits, strlen(limits));
	put_file(dir, "amp.csv", amp, strlen(amp));
	snprintf(path, sizeof(path), "%s/trial_rules.tsn", dir);
	m = make_input(&in, true);
	cr_expect_not_null(m.r, "%s", tsn_buf_str(&m.text));
	if (m.r != NULL)
		cr_expect_geq(m.r->module->nrules, 47);
	unmake(&m);
	tsn_buf_fini(&text);
}

/*
 * tests/lang: a line may say what is expected of it, `# expect: TEXT`, several joined by `;`. Every
 * error and warning must be expected on its line, and every expectation must be met.
 */
static bool
take(char *want, const char *message)
{
	for (char *p = want; *p != '\0';) {
		char *end = strchr(p, ';'), saved;
		size_t len = end == NULL ? strlen(p) : (size_t)(end - p);
		bool hit;

		while (len > 0 && *p == ' ')
			p++, len--;
		saved = p[len];
		p[len] = '\0';
		hit = len > 0 && strstr(message, p) != NULL;
		p[len] = saved;
		if (hit) {
			memset(p, '\x01', len);
			return true;
		}
		p += len + (saved == ';');
	}
	return false;
}

static bool
all_taken(const char *want)
{
	for (; *want != '\0'; want++)
		if (*want != '\x01' && *want != ';' && *want != ' ')
			return false;
	return true;
}

static void
check_file(const char *path)
{
	char want[400][256] = { { 0 } }, line[2048], *at;
	struct made m = make_path(path);
	unsigned n = 0;
	FILE *f = fopen(path, "r");

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f) != NULL && n < 399) {
		n++;
		line[strcspn(line, "\n")] = '\0';
		at = strstr(line, "# expect: ");
		if (at != NULL)
			snprintf(want[n], sizeof(want[n]), "%s", at + strlen("# expect: "));
	}
	fclose(f);
	for (char *p = strtok(m.text.p, "\n"); p != NULL; p = strtok(NULL, "\n")) {
		unsigned l = 0;

		if (strncmp(p, path, strlen(path)) != 0 || sscanf(p + strlen(path), ":%u:", &l) != 1 || strstr(p, ": note: ") != NULL)
			continue;
		cr_expect(l < 400 && take(want[l], p), "unexpected: %s", p);
	}
	for (unsigned l = 1; l <= n; l++)
		cr_expect(all_taken(want[l]), "%s:%u: expected and not found: %s", path, l, want[l]);
	unmake(&m);
}

Test(check_examples, lang)
{
	DIR *d = opendir("tests/lang");
	struct dirent *e;
	char path[512];
	size_t n = 0;

	cr_assert_not_null(d);
	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 4, ".tsn") != 0)
			continue;
		snprintf(path, sizeof(path), "tests/lang/%s", e->d_name);
		check_file(path);
		n++;
	}
	closedir(d);
	cr_expect_geq(n, 3);
}

/* Formatting changes nothing that is compiled. */
static void
formatted_means_the_same(const char *dir)
{
	struct tsn_compile_input in = { .paths = &dir, .npaths = 1, .tests = true };
	struct made m = make_input(&in, false), again;
	struct tsn_rule_text text[64];
	struct tsn_buf out[64];
	size_t n = 0;

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	for (; n < m.sources->n && n < 64; n++) {
		out[n] = (struct tsn_buf)TSN_BUF_INIT;
		cr_assert(tsn_fmt(m.sources, (uint32_t)n, &out[n]));
		text[n] = (struct tsn_rule_text){ m.sources->v[n].name, tsn_buf_str(&out[n]), out[n].len };
	}
	in = (struct tsn_compile_input){ .texts = text, .ntexts = n, .tests = true };
	again = make_input(&in, false);
	cr_assert_not_null(again.r, "%s", tsn_buf_str(&again.text));
	cr_assert_eq(again.r->module->nrules, m.r->module->nrules);
	cr_assert_eq(again.r->ntests, m.r->ntests);
	for (uint32_t i = 0; i < m.r->module->nrules; i++)
		cr_expect_str_eq(again.r->module->rules[i].meta.canon, m.r->module->rules[i].meta.canon);
	unmake(&again);
	unmake(&m);
	while (n > 0)
		tsn_buf_fini(&out[--n]);
}

Test(check_examples, formatting_changes_nothing)
{
	formatted_means_the_same("stdlib-rules");
	formatted_means_the_same("tests/lang/semantics.tsn");
	formatted_means_the_same("tests/lang/samples.tsn");
	formatted_means_the_same("tests/golden/check/overrides_fine.tsn");
}
