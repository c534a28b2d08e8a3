/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Text that is wrong: what is bad is counted and named, and all else is read. */
#include <stdlib.h>

#include "base/mem.h"
#include "unit/text_feed.h"

static const struct {
	const char *what, *text, *rows, *log;
	uint64_t skipped;
	bool damaged;
} cases[] = {
	{ "bad cells", "src,dst_port,bytes,start\n1.2.3.4,80,1,\n1.2.3.400,80,1,\n1.2.3.4,65536,1,\n1.2.3.4,80,-1,\n1.2.3.4,80,1,2024-13-01\n1.2.3.5,80,2,\n",
	  "src=1.2.3.4 dst_port=80 bytes=1\nsrc=1.2.3.5 dst_port=80 bytes=2\n", "line 3 is left out: src cannot be \"1.2.3.400\"", 4, false },
	{ "too few cells", "src,dst,bytes,user\n1.2.3.4,1.2.3.5\n1.2.3.4,1.2.3.5,1,\n1.2.3.4,1.2.3.5,2,x,more,of,it\n",
	  "src=1.2.3.4 dst=1.2.3.5 bytes=1\nsrc=1.2.3.4 dst=1.2.3.5 bytes=2 user=x\n", "line 2 is left out: it has 2 columns, not the 4 of the header", 1, false },
	{ "the last line cut", "src,dst,bytes\n1.2.3.4,1.2.3.5,1\n1.2.3.4,1.2.", "src=1.2.3.4 dst=1.2.3.5 bytes=1\n", "damaged at byte 32", 1, true },
	{ "a quote that is not closed takes no other line with it", "src,user\n1.1.1.1,\"x\n1.1.1.2,y\n1.1.1.3,z\n",
	  "src=1.1.1.2 user=y\nsrc=1.1.1.3 user=z\n", "line 2 is left out: a quote is not closed", 1, false },
	{ "text behind a quote", "src,user\n1.1.1.1,\"x\"y\n1.1.1.2,y\n", "src=1.1.1.2 user=y\n", "line 2 is left out: there is text behind", 1, false },
	{ "what a terminal should not be given", "src,user\n\33[2J\xff,x\n1.1.1.2,y\n", "src=1.1.1.2 user=y\n", "src cannot be \"?[2J?\"", 1, false },
	{ "JSON lines: damage stays in its line", "{\"src\":\"1.1.1.1\"}\n{\"src\":\"1.1.1.2\"\n{\"src\":\"1.1.1.3}\n}{\"src\":1}\nxx\n{\"src\":\"1.1.1.4\"}\n",
	  "src=1.1.1.1\nsrc=1.1.1.4\n", "line 2 is left out: it is no JSON object", 4, false },
	{ "JSON: not by the letter", "{\"src\":\"1.1.1.1\"}\n{\"src\":\"1.1.1.2\",}\n{\"src\" \"1.1.1.2\"}\n{src:\"1.1.1.2\"}\n{\"src\":\"1.1.1.2\" \"dst\":1}\n{\"bytes\":01}\n{\"bytes\":1.}\n{\"bytes\":+1}\n"
	  "{\"bytes\":nul}\n{\"user\":\"\\x\"}\n{\"user\":\"\\u12g4\"}\n{\"user\":\"a\tb\"}\n{\"x\":[1,]}\n{\"x\":[}\n{\"src\":\"1.1.1.3\"}\n",
	  "src=1.1.1.1\nsrc=1.1.1.3\n", "no JSON object", 13, false },
	{ "JSON: cut", "{\"src\":\"1.1.1.1\"}\n{\"src\":\"1.1.1.2\",\"dst", "src=1.1.1.1\n", "damaged at byte 18: the last line is cut: an object is not closed", 1, true },
	{ "JSON over many lines: read on at the next object", "[\n{\n\"src\":\"1.1.1.1\"\n},\nrubbish\nmore of it\n{\n\"src\":\"1.1.1.2\"\n}\n]\n",
	  "src=1.1.1.1\nsrc=1.1.1.2\n", "line 5 is left out", 1, false },
	{ "JSON: escapes", "{\"user\":\"\\ud83d\\ude00 \\ud83d \\\"\\\\\\/\\n\\u00e4\"}\n", "user=\xf0\x9f\x98\x80 \xef\xbf\xbd \"\\/\n\xc3\xa4\n", "", 0, false },
	{ "JSON: other types than the field's", "{\"src\":{\"a\":1},\"dst\":null,\"bytes\":\"12\",\"packets\":[3,4],\"user\":true}\n", "packets=3 bytes=12 user=true\n", "", 0, false },
	{ "numbers of 64 bits", "{\"bytes\":9223372036854775807,\"packets\":1e3}\n{\"bytes\":9223372036854775808}\n", "packets=1000 bytes=9223372036854775807\n", "bytes cannot be", 1, false },
};

Test(text_damage, counted_and_named)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fed f = { 0 };

		if (!fed_gives(&f, cases[i].what, cases[i].text, cases[i].rows))
			continue;
		cr_expect(strstr(tsn_buf_str(&f.log), cases[i].log) != NULL, "%s: %s", cases[i].what, tsn_buf_str(&f.log));
		cr_expect_eq(f.report.skipped, cases[i].skipped, "%s: %d skipped", cases[i].what, (int)f.report.skipped);
		cr_expect_eq(f.report.damaged, cases[i].damaged, "%s", cases[i].what);
		fed_free(&f);
	}
}

/* [n] times [fill] between two texts. */
static char *
stretched(const char *before, char fill, size_t n, const char *after, size_t *len)
{
	size_t a = strlen(before), b = strlen(after);
	char *p = malloc(a + n + b + 1);

	cr_assert(p != NULL);
	memcpy(p, before, a);
	memset(p + a, fill, n);
	memcpy(p + a + n, after, b + 1);
	*len = a + n + b;
	return p;
}

static void
expect_one_bad(const char *before, char fill, size_t n, const char *after, const char *rows, const char *why)
{
	struct fed f = { 0 };
	size_t len;
	char *p = stretched(before, fill, n, after, &len);

	feed_bytes(&f, p, len, NULL);
	free(p);
	cr_expect(f.opened, "%s", f.error);
	cr_expect(fed_same(why, tsn_buf_str(&f.rows), rows));
	cr_expect(strstr(tsn_buf_str(&f.log), why) != NULL, "%s", tsn_buf_str(&f.log));
	cr_expect_eq(f.report.skipped, 1);
	fed_free(&f);
}

Test(text_damage, huge_lines)
{
	static const char table[] = "src,user\n1.1.1.1,a\n1.1.1.2,", json[] = "{\"src\":\"1.1.1.1\"}\n{\"user\":\"";

	expect_one_bad(table, 'x', 262144 - 8, "\n1.1.1.3,c\n", "src=1.1.1.1 user=a\nsrc=1.1.1.3 user=c\n", "line 3 is left out: it is longer than 256 KB");
	expect_one_bad(table, 'x', 5000000, "\n1.1.1.3,c\n", "src=1.1.1.1 user=a\nsrc=1.1.1.3 user=c\n", "line 3 is left out: it is longer than 256 KB");
	expect_one_bad(table, 'x', 5000000, "", "src=1.1.1.1 user=a\n", "line 3 is left out: it is longer than 256 KB");
	expect_one_bad(json, 'x', 5000000, "\"}\n{\"src\":\"1.1.1.3\"}\n", "src=1.1.1.1\nsrc=1.1.1.3\n", "line 2 is left out: it is longer than 256 KB");
	expect_one_bad("{\"src\":\"1.1.1.1\"}\n{\"x\":", '[', 200000, "\n{\"src\":\"1.1.1.3\"}\n", "src=1.1.1.1\nsrc=1.1.1.3\n", "line 2 is left out: it is no JSON object");
}

/* Nothing is kept of it but what a row can hold; the row stays. */
Test(text_damage, long_strings_are_cut)
{
	struct fed f = { .quiet = true };
	size_t len;
	char *p = stretched("src,user\n1.1.1.1,\"", 'x', 200000, "\"\n", &len);

	feed_bytes(&f, p, len, NULL);
	cr_expect_eq(f.n, 1);
	free(p);
	fed_free(&f);
}

Test(text_damage, nuls_and_depth)
{
	static const char nul[] = "src,user\n1.1.1.1,a\0b\n1.1.1.2\0,b\n1.1.1.3,c\n", json[] = "{\"src\":\"1.1.1.1\"}\n{\"src\":\"1.1.1\0.2\"}\n\0{\"src\":\"1.1.1.3\"}\n";
	char deep[2000];
	struct fed f = { 0 };
	size_t n = 0;

	feed_bytes(&f, nul, sizeof(nul) - 1, NULL);
	cr_expect(f.opened && f.n == 2 && f.report.skipped == 1, "%d %d", (int)f.n, (int)f.report.skipped);
	fed_free(&f);
	feed_bytes(&f, json, sizeof(json) - 1, NULL);
	cr_expect(f.opened && f.n == 1 && f.report.skipped == 2, "%d %d", (int)f.n, (int)f.report.skipped);
	fed_free(&f);
	for (size_t depth = 30; depth < 34; depth++) {
		n = (size_t)snprintf(deep, sizeof(deep), "{\"src\":\"1.1.1.1\",\"x\":");
		memset(deep + n, '[', depth - 1);
		n += depth - 1;
		memset(deep + n, ']', depth - 1);
		n += depth - 1;
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "}\n{\"src\":\"1.1.1.2\"}\n");
		feed_bytes(&f, deep, n, NULL);
		cr_expect_eq(f.n, depth <= 32 ? 2 : 1, "%zu deep: %d", depth, (int)f.n);
		fed_free(&f);
	}
}

/* Every allocation fails once: an error or all the rows, no leak (the suite's judge sees to that). */
Test(text_damage, memory_out)
{
	static const char text[] = "src,user\n1.1.1.1,\"a\"\"b\"\n1.1.1.2,c\n";
	struct tsn_feed_opts opts = { .map = "src=src,user=user" };
	struct tsn_engine_options o = { 0 };
	char path[40], error[TSN_INPUT_ERROR];
	int fd = bytes_file(text, sizeof(text) - 1, path), opened = 0;

	for (long n = 0; n < 40; n++) {
		struct tsn_engine *e = tsn_engine_new(&o);
		struct tsn_feed *feed;

		cr_assert(e != NULL);
		tsn_mem_fail_at(n, false);
		feed = tsn_feed_open(path, &opts, e, error);
		while (feed != NULL && tsn_feed_step(feed) == TSN_FEED_MORE)
			;
		tsn_mem_fail_never();
		opened += feed != NULL;
		tsn_feed_close(feed);
		tsn_engine_free(e);
	}
	cr_expect(opened > 20 && opened < 40, "%d", opened);
	close(fd);
}
