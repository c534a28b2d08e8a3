/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* An allocator that fails in turn, and rule files with bytes changed: nothing crashes, nothing leaks. */
#include "base/mem.h"
#include "test_check.h"

static const char *const source =
    "ruleset g {}\n"
    "let N = 3 * 5 set home = { 10.0.0.0/8, 2001:db8::/32 } set edges = { (192.0.2.1, 3) }\n"
    "set feed = file \"tests/golden/check/list.inc.csv\" column \"ip\" refresh 1h\n"
    "define mail = dst_port in { smtp, 587 } and proto == tcp\n"
    "rule r { title \"T\" severity high where mail and src not in feed\n"
    "  when count(src in home or (exporter, in_if) in edges) by src over 60s > N except dns_name ~ /x/i { expires 2027-03-01 }\n"
    "  message \"{src} {value} {feed.what}\" tags a, b\n"
    "  test \"one\" fires for src = 10.0.0.5 { let N = 1 flow { src = 10.0.0.1..10.0.0.9, proto = tcp, dst_port = 25 } repeat 6 } }\n"
    "table limit = { 10.0.0.0/8 = 5, 10.1.0.0/16 = 2.5 } default N set seen = dynamic expire 1h max 100\n"
    "table more = file \"tests/golden/check/limits.inc.csv\" key \"network\" value \"limit\"\n"
    "rule l { severity low, high when value > 2 * limit(src) when count(mail) by src over 60s > more(src/24) for 2m\n"
    "  until dst_port == 80 or count() by src over 60s < 2 then add src to seen for 5m, remove (dst) from seen\n"
    "  during not \"mon-fri 08:00-18:00 Europe/Berlin\" message \"{seen.reason} {value}\" except dst in seen }\n"
    "rule c { when count(attempted) by src over 5m > 3 and not answered message \"{reply_bytes}\" requires both_directions }\n"
    "override g.r { let N = 500 except src == 10.0.0.9 }\n"
    "site { listen udp \"0.0.0.0:2055\" output json \"/x\" memory 2GiB }\n"
    "rule s { when scr == 1 }\n";

/* One compilation with everything in it; true if memory did not run out on the way. */
static bool
once(const char *text, size_t len, bool tests)
{
	struct tsn_sources *s = tsn_sources_new();
	struct tsn_diags *d = tsn_diags_new();
	struct tsn_rule_text t = { "r.tsn", text, len };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1 };
	struct tsn_ruleset *r = s == NULL ? NULL : tsn_compile(s, &in, d), *one;
	bool made = r != NULL;

	for (uint32_t i = 0; r != NULL && tests && i < r->ntests; i++) {
		one = tsn_compile_test(r, i, d);
		made &= one != NULL;
		tsn_ruleset_free(one);
	}
	for (uint32_t i = 0; r != NULL && tests && i < r->module->nsets; i++)
		tsn_set_free(tsn_ruleset_rebuild_set(r, i, d));
	tsn_ruleset_free(r);
	tsn_diags_free(d);
	tsn_sources_free(s);
	return made;
}

static size_t
good_part(void)
{
	return (size_t)(strstr(source, "rule s") - source);
}

Test(check_memory, every_allocation_fails_once)
{
	long total, step = getenv("TSN_SOAK") != NULL ? 1 : 11, failed = 0;

	cr_assert(once(source, good_part(), true));
	cr_assert_not(once(source, strlen(source), false));
	tsn_mem_fail_at(1L << 40, false);
	cr_assert(once(source, good_part(), true));
	total = tsn_mem_count();
	for (int sticky = 0; sticky < 2; sticky++) {
		for (long n = sticky; n < total; n += step) {
			tsn_mem_fail_at(n, sticky);
			failed += !once(source, good_part(), true);
			tsn_mem_fail_never();
		}
	}
	tsn_mem_fail_never();
	cr_expect_gt(failed, total / step, "%ld of %ld allocations were missed", failed, total);
	cr_assert(once(source, good_part(), true));
}

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *seed >> 33;
}

static const char *const words[] = { " and ", " not ", "(", ")", "{", "}", " by src over 60s ", "count(", "src", " in ", "home",
	"/24", "..", "10.0.0.0/8", "==", "|", "N", "mail", "5m", "\"x\"", "except ", "override g.r { let N = 1 }", "host", "-1",
	"9223372036854775807", "let a = a", "set home = home", "define mail = mail", " * ", "r", "g.home", "flags", "SYN" };

/* Words put in, taken out and doubled: most of it still parses, so the checker sees it. */
static size_t
mutate(char *text, size_t n, size_t cap, uint64_t *seed)
{
	size_t at = next(seed) % n, cut, len;
	const char *w;

	if (next(seed) % 3 == 0) {
		cut = next(seed) % 12;
		cut = cut > n - at ? n - at : cut;
		memmove(text + at, text + at + cut, n - at - cut);
		return n - cut == 0 ? 1 : n - cut;
	}
	w = words[next(seed) % (sizeof(words) / sizeof(words[0]))];
	len = strlen(w);
	if (n + len >= cap)
		return n;
	memmove(text + at + len, text + at, n - at);
	memcpy(text + at, w, len);
	return n + len;
}

Test(check_memory, changed_texts)
{
	long rounds = getenv("TSN_SOAK") != NULL ? 20000 : 1000, good = 0;
	uint64_t seed = 42;
	char text[4096];

	for (long i = 0; i < rounds; i++) {
		size_t n = good_part();

		memcpy(text, source, n);
		for (uint64_t k = 1 + next(&seed) % 3; k > 0; k--)
			n = mutate(text, n, sizeof(text), &seed);
		good += once(text, n, true);
	}
	cr_expect_gt(good, rounds / 100, "only %ld of %ld were still right", good, rounds);
}

/* Every definition names the one before it twice: written out that is 2^60 of them. */
Test(check_memory, definitions_that_double, .timeout = 60)
{
	struct tsn_buf b = TSN_BUF_INIT;
	struct made m;

	tsn_buf_puts(&b, "ruleset g {} let a0 = 1 set s0 = { 10.0.0.0/8, ::1 } set t0 = { 192.0.2.0/24, ::2 }\n");
	for (int i = 1; i < 60; i++)
		tsn_buf_printf(&b, "let a%d = a%d + a%d - a%d set s%d = s%d | t%d set t%d = s%d | t%d\n", i, i - 1, i - 1, i - 1, i,
		    i - 1, i - 1, i, i - 1, i - 1);
	tsn_buf_puts(&b, "rule r { when src in s59 and dst in t59 and count(dst_port == 1) by src over 60s > a59 }\n"
	    "override g.r { let a0 = 2 set s0 = { 10.0.0.1, ::2 } }\n");
	m = make_text(tsn_buf_str(&b));
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_expect_eq(rule_of(&m, "g.r")->report[0].threshold->i, 2);
	cr_expect_eq(tsn_set_size(m.r->sets[0]), 3);
	tsn_buf_fini(&b);
	unmake(&m);
}

static void
chain(const char *kind, const char *last, bool forward, int n)
{
	struct tsn_buf b = TSN_BUF_INIT;
	struct made m;

	for (int i = 0; i < n; i++) {
		int k = forward ? n - 1 - i : i;

		if (k == n - 1)
			tsn_buf_printf(&b, "%s x%d = %s\n", kind, k, last);
		else
			tsn_buf_printf(&b, "%s x%d = x%d\n", kind, k, k + 1);
	}
	tsn_buf_puts(&b, "rule r { when dst_port == 1 }\n");
	m = make_text(tsn_buf_str(&b));
	cr_expect_eq(m.r != NULL, forward || n < 300, "%s %d: %s", kind, n, tsn_buf_str(&m.text));
	cr_expect_eq(strstr(tsn_buf_str(&m.text), "need one another in a row") != NULL, !(forward || n < 300));
	tsn_buf_fini(&b);
	unmake(&m);
}

/* A long row of definitions, each needing the next, must not exhaust the stack. */
Test(check_memory, definitions_in_a_row, .timeout = 60)
{
	static const char *const kinds[][2] = { { "let", "1" }, { "set", "{ 1 }" }, { "define", "dst_port == 1" } };

	for (int i = 0; i < 3; i++) {
		chain(kinds[i][0], kinds[i][1], false, 200);
		chain(kinds[i][0], kinds[i][1], false, 20000);
		chain(kinds[i][0], kinds[i][1], true, 5000);
	}
}

/* Deep expressions on top of one another, named forwards and backwards. */
Test(check_memory, deep_definitions, .timeout = 60)
{
	for (int forward = 0; forward < 2; forward++) {
		struct tsn_buf b = TSN_BUF_INIT;
		struct made m;

		for (int i = 0; i < 100; i++) {
			int k = forward ? 99 - i : i;

			tsn_buf_printf(&b, "define x%d = bytes > 1 and (", k);
			for (int d = 0; d < 40; d++)
				tsn_buf_printf(&b, "dst_port == %d or (src_port == %d and ", 100 + d, 2 * k + 1);
			tsn_buf_printf(&b, k == 99 ? "in_if == 1" : "x%d", k + 1);
			for (int d = 0; d < 41; d++)
				tsn_buf_putc(&b, ')');
			tsn_buf_putc(&b, '\n');
		}
		tsn_buf_puts(&b, "rule r { when x0 }\n");
		m = make_text(tsn_buf_str(&b));
		cr_expect_null(m.r);
		cr_expect(strstr(tsn_buf_str(&m.text), forward ? "too large" : "nested too deeply") != NULL, "%s",
		    tsn_buf_str(&m.text));
		tsn_buf_fini(&b);
		unmake(&m);
	}
}
