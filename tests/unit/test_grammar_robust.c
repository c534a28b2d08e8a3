/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes give a tree and diagnostics. Every prefix of every seed, thousands of seeded
 * mutations, and each allocation failing in turn; under the sanitizers. What still parses
 * must still be formatted without changing the tree.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"
#include "unit/xorshift.h"

static const char *const folders[] = { "tests/fuzz/corpus/rules", "tests/golden/syntax", "../shared/examples" };

/* Every construct, short: prefixes of it cut everything somewhere. */
static const char sample[] =
	"ruleset r { version \"1\" author \"a\", \"b\" } use stdlib use \"a.tsn\"\n"
	"let n = 5 let w = 1h30m set s = { 10.0.0.0/8, 2001:db8::1..2001:db8::9, 6000..6063, (a, 1) }\n"
	"set f = file \"x.csv\" column \"ip\" refresh 5m set d = dynamic expire 1h table t = { 1 = 2 } default 3\n"
	"define o = src in s and dst not in s # comment \xc3\xbc\n"
	"rule a { title \"x\\\"y\" severity low, high when value > 3 where proto == tcp and flags in { RST, SYN|ACK }\n"
	" when (count(flags == SYN) > 1k and distinct(dst where a) > 50) by src/24/48 at dst over 60s step 5s or\n"
	" dns_name ~ /^a{3,}\\/x/i and -x % 3 != 0.5 for 2m except a == b { expires 2027-03-01 owner \"noc\" }\n"
	" alert once by a, b per 10m then add (a, b) to s for 1h, remove c from d during not \"mon-fri 08:00-18:00\"\n"
	" until x has Y requires flags attack T1071.003 cve CVE-2003-0352 tags a, \"b c\" sid 9\n"
	" test \"t\" fires 1 high for src = 10.0.0.0/24 { history let n = 1 flow { a = 1..9 } repeat 3 every 5ms wait 5m } }\n"
	"disable a.b, c.* override x.* { let n = 1 severity low }\n"
	"site { listen udp \"0.0.0.0:1\" output syslog \"x\" severity >= medium memory 2GiB }\n";

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void
check_format(struct tsn_sources *sources, const struct tsn_node *tree, const char *text, size_t len)
{
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf once = TSN_BUF_INIT, twice = TSN_BUF_INIT;
	struct tsn_node *again;

	cr_assert(tsn_fmt(sources, 0, &once), "%.*s", (int)len, text);
	again = tsn_parse_text(sources, "again", tsn_buf_str(&once), once.len, diags);
	cr_assert_eq(tsn_diags_errors(diags), 0, "%.*s\n---\n%s", (int)len, text, tsn_buf_str(&once));
	cr_assert(tsn_node_equal(tree, again), "%.*s\n---\n%s", (int)len, text, tsn_buf_str(&once));
	cr_assert(tsn_fmt(sources, 1, &twice));
	cr_assert_str_eq(tsn_buf_str(&twice), tsn_buf_str(&once));
	tsn_buf_fini(&once);
	tsn_buf_fini(&twice);
	tsn_diags_free(diags);
}

/* Returns whether the text was right. */
static bool
try_text(const char *text, size_t len)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_node *tree = tsn_parse_text(sources, "t", text, len, diags);
	bool ok = tsn_diags_errors(diags) == 0;

	cr_assert(tree != NULL || !ok);
	tsn_diags_print(diags, sources, false, &out);
	cr_assert_eq(out.len == 0, ok);
	if (!ok && len < 2000) /* looks at all there is of a tree, whatever is wrong with it */
		tsn_node_dump(tree, &out);
	if (ok)
		check_format(sources, tree, text, len);
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	sources = tsn_sources_new();
	diags = tsn_diags_new();
	tree = tsn_parse_expr(sources, "e", text, len, diags);
	cr_assert(tree != NULL || tsn_diags_errors(diags) > 0);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ok;
}

static void
each_seed(void (*fn)(const char *name, const struct tsn_buf *text))
{
	size_t i, files = 0;

	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		DIR *dir = is_directory(folders[i]) ? opendir(folders[i]) : NULL;
		struct dirent *e;

		while (dir != NULL && (e = readdir(dir)) != NULL) {
			struct tsn_buf b = TSN_BUF_INIT;
			char path[512];

			if (strstr(e->d_name, ".tsn") == NULL)
				continue;
			snprintf(path, sizeof(path), "%s/%s", folders[i], e->d_name);
			cr_assert_eq(tsn_buf_read_file(&b, path, 1u << 20), 0);
			fn(e->d_name, &b);
			files++;
			tsn_buf_fini(&b);
		}
		if (dir != NULL)
			closedir(dir);
	}
	cr_assert_gt(files, 40);
}

Test(grammar_robust, the_sample_is_right)
{
	cr_expect(try_text(sample, sizeof(sample) - 1));
}

Test(grammar_robust, every_prefix_of_the_sample)
{
	size_t n;

	for (n = 0; n < sizeof(sample) - 1; n++)
		try_text(sample, n);
}

Test(grammar_robust, every_byte_left_out_of_the_sample)
{
	char text[sizeof(sample)];
	size_t n;

	for (n = 0; n + 1 < sizeof(sample); n++) {
		memcpy(text, sample, n);
		memcpy(text + n, sample + n + 1, sizeof(sample) - n - 1);
		try_text(text, sizeof(sample) - 2);
	}
}

/* Long seeds are cut at a step that is no divisor of anything in them. */
static void
prefixes(const char *name, const struct tsn_buf *text)
{
	size_t n, step = text->len > 2000 ? 131 : text->len > 500 ? 7 : 1;

	if (strncmp(name, "overlong", 8) == 0)
		step = 9973;
	for (n = 0; n <= text->len; n += step)
		try_text(tsn_buf_str(text), n);
}

Test(grammar_robust, prefixes_of_every_seed)
{
	each_seed(prefixes);
}

static uint64_t state;

static uint32_t
dice(uint32_t n)
{
	return (uint32_t)((xorshift(&state) >> 11) % n);
}

static const char *const tokens[] = { "{", "}", "(", ")", ",", "=", "==", "and", "or", "not", "in", "has", "by", "over",
	"per", "60s", "rule", "set", "when", "except", "test", "\"", "/", "~", "10.0.0.0/8", "::", "..", "-", "|", "#",
	"\n", "\0", "\xff", "where", "site", "override", "severity", "flow", "title", "5", "x", "alert", "T1071", "!" };

static void
mutate(struct tsn_buf *b)
{
	size_t at = b->len > 0 ? dice((uint32_t)b->len) : 0, n;
	const char *token = tokens[dice(sizeof(tokens) / sizeof(*tokens))];
	struct tsn_buf copy = TSN_BUF_INIT;

	switch (dice(4)) {
	case 0: /* a byte becomes another */
		if (b->len > 0)
			b->p[at] = (char)dice(256);
		return;
	case 1: /* a token is put in */
		tsn_buf_add(&copy, tsn_buf_str(b), at);
		tsn_buf_add(&copy, " ", 1);
		tsn_buf_add(&copy, token, strlen(token) + (*token == '\0'));
		tsn_buf_add(&copy, " ", 1);
		tsn_buf_add(&copy, tsn_buf_str(b) + at, b->len - at);
		break;
	case 2: /* a stretch is left out */
		n = dice(20);
		n = at + n > b->len ? b->len - at : n;
		tsn_buf_add(&copy, tsn_buf_str(b), at);
		tsn_buf_add(&copy, tsn_buf_str(b) + at + n, b->len - at - n);
		break;
	default: /* a stretch is repeated */
		n = dice(60);
		n = at + n > b->len ? b->len - at : n;
		tsn_buf_add(&copy, tsn_buf_str(b), at + n);
		tsn_buf_add(&copy, tsn_buf_str(b) + at, b->len - at);
		break;
	}
	tsn_buf_fini(b);
	*b = copy;
}

static unsigned right, wrong;

static void
mutations(const char *name, const struct tsn_buf *text)
{
	int i, n, rounds = getenv("TSN_SOAK") != NULL ? 300 : text->len > 3000 ? 5 : 15;

	(void)name;
	if (text->len > 20000)
		return;
	for (i = 0; i < rounds; i++) {
		struct tsn_buf b = TSN_BUF_INIT;

		tsn_buf_add(&b, tsn_buf_str(text), text->len);
		for (n = (int)dice(4); n >= 0; n--)
			mutate(&b);
		if (try_text(tsn_buf_str(&b), b.len))
			right++;
		else
			wrong++;
		tsn_buf_fini(&b);
	}
}

static void
mutate_all(uint64_t seed)
{
	state = seed * UINT64_C(88172645463325253);
	each_seed(mutations);
	cr_expect_gt(right, 15);
	cr_expect_gt(wrong, 150);
}

/* Several tests, so that they run side by side and none reaches the time limit in a soak. */
Test(grammar_robust, mutations_1) { mutate_all(1); }
Test(grammar_robust, mutations_2) { mutate_all(2); }
Test(grammar_robust, mutations_3) { mutate_all(3); }
Test(grammar_robust, mutations_4) { mutate_all(4); }
Test(grammar_robust, mutations_5) { mutate_all(5); }
Test(grammar_robust, mutations_6) { mutate_all(6); }

Test(grammar_robust, each_allocation_fails_in_turn)
{
	long n, last = 0;

	for (n = 0; n < 100000; n++) {
		struct tsn_sources *sources = tsn_sources_new();
		struct tsn_diags *diags = tsn_diags_new();
		struct tsn_buf out = TSN_BUF_INIT;
		struct tsn_node *tree;

		tsn_mem_fail_at(n, false);
		tree = tsn_parse_text(sources, "t", sample, sizeof(sample) - 1, diags);
		last = tsn_mem_count();
		if (tree == NULL)
			tsn_diags_print(diags, sources, false, &out);
		tsn_mem_fail_never();
		if (last > n)
			cr_assert(tree == NULL || tsn_diags_errors(diags) > 0 || !tree->broken);
		if (tree != NULL && tsn_fmt(sources, 0, &out))
			cr_assert_gt(out.len, 0);
		tsn_buf_fini(&out);
		tsn_diags_free(diags);
		tsn_sources_free(sources);
		if (last <= n)
			break;
	}
	cr_expect_gt(n, 10, "nothing was allocated");
	cr_expect_lt(n, 100000);
}

Test(grammar_robust, brackets_without_end)
{
	enum { MANY = 100000 };
	char *text = malloc(MANY);

	cr_assert_not_null(text);
	memset(text, '(', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, '{', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, '}', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, '-', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, '!', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, '1', MANY);
	cr_expect_not(try_text(text, MANY));
	memset(text, ' ', MANY);
	cr_expect(try_text(text, MANY));
	free(text);
}

/* A long list is no deep tree. */
Test(grammar_robust, long_chains_and_lists)
{
	struct tsn_buf b = TSN_BUF_INIT;
	int i;

	tsn_buf_puts(&b, "rule a { when x == 0");
	for (i = 1; i < 20000; i++)
		tsn_buf_printf(&b, " or x == %d", i);
	tsn_buf_puts(&b, " }\nset s = { 0");
	for (i = 1; i < 70000; i++)
		tsn_buf_printf(&b, ", %d", i);
	tsn_buf_puts(&b, " }\n");
	cr_expect(try_text(tsn_buf_str(&b), b.len));
	tsn_buf_fini(&b);
}

Test(grammar_robust, files)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;

	cr_expect_not_null(tsn_parse_file(sources, "tests/fuzz/corpus/rules/everything.tsn", diags));
	cr_expect_eq(tsn_diags_errors(diags), 0);
	cr_expect_null(tsn_parse_file(sources, "tests/no/such/file.tsn", diags));
	tsn_diags_print(diags, sources, false, &out);
	cr_expect_str_eq(tsn_buf_str(&out), "error: tests/no/such/file.tsn: No such file or directory [E400]\n");
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}
