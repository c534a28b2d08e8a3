/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Names and versions of strangers, and indexes of sources: read under caps, made from folders of archives. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ruleset/disk.h"
#include "ruleset/file.h"
#include "ruleset/index.h"
#include "ruleset/names.h"
#include "unit/mutate.h"
#include "scratch_dir.h"

static char error[TSN_RULESET_ERROR];

static void
says(const char *what)
{
	cr_assert(strstr(error, what) != NULL, "wanted \"%s\", got \"%s\"", what, error);
}

/* --- names --- */

/* Oldest first: each is before every one after it. */
Test(names, versions_are_ordered)
{
	static const char *const order[] = { "0", "0.9-1", "0.9-1.2", "0.9-2", "0.9-10", "0.9-alpha", "0.9-alpha.1", "0.9-alpha.beta", "0.9-beta",
		"0.9-beta.2", "0.9-beta.11", "0.9-rc.1", "0.9", "0.9.0", "0.10", "1", "1.0", "1.0.0", "1.0.1", "1.2", "1.10.0", "2", "10",
		"2026.11.9", "2026.11.9.1", "2026.11.10-rc.1", "2026.11.10", "2026.12.1", "2027.1.1", "999999999.999999999" };
	const size_t n = sizeof(order) / sizeof(order[0]);

	for (size_t i = 0; i < n; i++) {
		cr_assert(tsn_version_ok(order[i]), "%s", order[i]);
		for (size_t j = 0; j < n; j++) {
			int sign = tsn_version_compare(order[i], order[j]);

			cr_assert_eq((sign > 0) - (sign < 0), (i > j) - (i < j), "%s and %s", order[i], order[j]);
		}
	}
	cr_assert_gt(tsn_version_compare("2026.11.10", "2026.11.9"), 0);
}

Test(names, what_is_no_version)
{
	static const char *const bad[] = { "", ".", "1.", ".1", "1..2", "01", "1.02", "1.2.3.4.5", "v1", "1.0-", "1.0-.", "1.0-a.", "1.0-RC1",
		"1.0-01", "1.0+build", "1 ", " 1", "-1", "1/2", "..", "1.0-a_b", "1234567890", "1.0-a\n", "1\xc2\xb2",
		"1.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(tsn_version_ok(bad[i]), "%s", bad[i]);
}

Test(names, names_and_paths)
{
	static const char *const name[] = { "w", "worms", "a1_b", "x23456789012345678901234567890123456789012345678901234567890abcd" };
	static const char *const no_name[] = { "", "W", "1a", "_a", "a-b", "a.b", "a/b", "..", "local", "a b", "\xc3\xa4",
		"x23456789012345678901234567890123456789012345678901234567890abcde" };
	static const char *const good[] = { "a", "a.tsn", "lists/b-1_2.csv", "1/2/3/4/5/6/7/8", "A.TSN", "a..b" };
	static const char *const no_path[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", ".a", "a/.b", "-a", "_a", "a.", "a\\b", "a b",
		"a:b", "a%2fb", "a?b", "a#b", "1/2/3/4/5/6/7/8/9", "a\n" };

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		cr_assert(tsn_ruleset_name_ok(name[i]), "%s", name[i]);
	for (size_t i = 0; i < sizeof(no_name) / sizeof(no_name[0]); i++)
		cr_assert_not(tsn_ruleset_name_ok(no_name[i]), "%s", no_name[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(tsn_ruleset_path_ok(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(no_path) / sizeof(no_path[0]); i++)
		cr_assert_not(tsn_ruleset_path_ok(no_path[i]), "%s", no_path[i]);
}

/* What sentences quote cannot steer a terminal, and stays text where it is some. */
Test(names, sentences_are_harmless)
{
	tsn_ruleset_fail(error, "%s", "a\x1b[2Jb\x7f\r\n\xc2\x9b" "c \xff\xc3 d\xc3\xa4");
	cr_assert_str_eq(error, "a?[2Jb???" "??c ?? d\xc3\xa4");
}

#ifdef TSN_HAVE_JANSSON

/* --- reading --- */

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define VERSION(v) "{\"version\":\"" v "\",\"engine\":\"1.0\",\"url\":\"w-" v ".tar.zst\",\"size\":5,\"sha256\":\"" SHA "\",\"rules\":3}"
#define TIMES "\"generated\":\"2026-11-23T06:00:00Z\",\"expires\":\"2026-12-07T06:00:00Z\","
#define INDEX(head, rulesets) "{\"format\":1," head TIMES "\"rulesets\":[" rulesets "]}"
#define RULESET(name, versions) "{\"name\":\"" name "\",\"versions\":[" versions "]}"

static bool
parse(const char *text, struct tsn_index *x)
{
	return tsn_index_parse(text, strlen(text), x, error);
}

Test(index, what_it_says)
{
	struct tsn_index x;

	cr_assert(parse(INDEX("\"serial\":412,", "{\"name\":\"v\",\"summary\":\"s\",\"license\":\"CC0-1.0\",\"author\":\"a\",\"homepage\":\"h\","
	    "\"channel\":\"core\",\"more\":[1],\"versions\":[" VERSION("2.0") "," VERSION("2.0-rc.1") "]}," RULESET("w", VERSION("1"))), &x),
	    "%s", error);
	cr_assert_eq(x.serial, 412);
	cr_assert_eq(x.generated, INT64_C(1795413600000));
	cr_assert_eq(x.expires - x.generated, INT64_C(14) * 86400 * 1000);
	cr_assert_eq(x.nrulesets, 2);
	cr_assert_str_eq(x.ruleset[0].summary, "s");
	cr_assert_eq(x.ruleset[0].nversions, 2);
	cr_assert_str_eq(x.ruleset[0].version[1].version, "2.0-rc.1");
	cr_assert_str_eq(x.ruleset[1].version[0].url, "w-1.tar.zst");
	cr_assert_eq(x.ruleset[1].version[0].size, 5);
	cr_assert_eq(x.ruleset[1].version[0].rules, 3);
	cr_assert_str_eq(x.ruleset[1].version[0].sha256, SHA);
	cr_assert_null(x.ruleset[1].summary);
	tsn_index_fini(&x);
}

Test(index, what_is_refused)
{
#define ONE(v) INDEX("\"serial\":1,", RULESET("w", v))
#define WITH(url, size, sha) "{\"version\":\"1\",\"url\":" url ",\"size\":" size ",\"sha256\":\"" sha "\",\"rules\":1}"
	static const struct { const char *text, *says; } bad[] = {
		{ "{", "index.json: line 1: " },
		{ "7", "index.json: line 1: " },
		{ "[]", "index.json: no object" },
		{ INDEX("\"serial\":1,\"serial\":2,", ""), "duplicate object key" },
		{ INDEX("", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":0,", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":-4,", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":\"4\",", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":4.0,", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":1e3,", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":9223372036854775807,", ""), "\"serial\" is no number from 1" },
		{ INDEX("\"serial\":18446744073709551617,", ""), "too big integer" },
		{ INDEX("\"serial\":null,", ""), "\"serial\" is no number from 1" },
		{ "{\"format\":1,\"serial\":1,\"generated\":\"2026-11-23\",\"expires\":\"\"}", "\"generated\" is no time like 2026-11-23T06:00:00Z" },
		{ "{\"format\":1,\"serial\":1,\"generated\":\"2026-02-29T06:00:00Z\"}", "\"generated\" is no time" },
		{ "{\"format\":1,\"serial\":1,\"generated\":\"2026-11-23T06:00:00Z\",\"expires\":\"2026-11-23T06:00:00Z\"}",
		    "it expires before it was made" },
		{ "{\"format\":1,\"serial\":1," TIMES "\"rulesets\":{}}", "\"rulesets\" is no list" },
		{ INDEX("\"serial\":1,", "7"), "entry 1 of \"rulesets\" is no object" },
		{ INDEX("\"serial\":1,", RULESET("../w", VERSION("1"))), "\"../w\" is no name of a ruleset that travels" },
		{ INDEX("\"serial\":1,", RULESET("w\\u001b[1m", VERSION("1"))), "\"name\" is no text of one line" },
		{ INDEX("\"serial\":1,", RULESET("w", "")), "w has no versions" },
		{ INDEX("\"serial\":1,", RULESET("w", VERSION("1")) "," RULESET("w", VERSION("1"))), "w comes before w" },
		{ INDEX("\"serial\":1,", RULESET("w", VERSION("1")) "," RULESET("v", VERSION("1"))), "w comes before v" },
		{ ONE(VERSION("1") "," VERSION("2")), "versions of w are not newest first, each once: 1 comes before 2" },
		{ ONE(VERSION("1") "," VERSION("1")), "versions of w are not newest first" },
		{ ONE(VERSION("1.0/..")), "\"1.0/..\" of w is no version" },
		{ ONE(WITH("\"https://evil.example/w\"", "5", SHA)), "of w is no address below the index" },
		{ ONE(WITH("\"/etc/passwd\"", "5", SHA)), "\"/etc/passwd\" of w is no address below the index" },
		{ ONE(WITH("\"a/../../w\"", "5", SHA)), "of w is no address below the index" },
		{ ONE(WITH("\"w%2e\"", "5", SHA)), "of w is no address below the index" },
		{ ONE(WITH("7", "5", SHA)), "\"url\" is no text" },
		{ ONE(WITH("\"w\"", "0", SHA)), "\"size\" is no number from 1 to 16777216" },
		{ ONE(WITH("\"w\"", "16777217", SHA)), "\"size\" is no number from 1 to 16777216" },
		{ ONE(WITH("\"w\"", "5", "E3")), "\"sha256\" is no SHA-256" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tsn_index x;

		cr_assert_not(parse(bad[i].text, &x), "%s", bad[i].text);
		says(bad[i].says);
		cr_assert(x.ruleset == NULL && x.nrulesets == 0);
	}
}

Test(index, of_any_size_and_depth)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_index x;

	for (int i = 0; i < 100000; i++)
		tsn_buf_puts(&text, "{\"a\":");
	cr_assert_not(tsn_index_parse(text.p, text.len, &x, error));
	says("maximum parsing depth reached");
	tsn_buf_clear(&text);
	while (text.len <= TSN_INDEX_BYTES_MAX)
		tsn_buf_puts(&text, "                                                                ");
	cr_assert_not(tsn_index_parse(text.p, text.len, &x, error));
	says("index.json has more than 4 MiB");
	tsn_buf_clear(&text);
	tsn_buf_puts(&text, "{\"format\":1,\"serial\":1," TIMES "\"rulesets\":[{}");
	for (unsigned i = 0; i < TSN_INDEX_RULESETS_MAX; i++)
		tsn_buf_puts(&text, ",{}");
	tsn_buf_puts(&text, "]}");
	cr_assert_not(tsn_index_parse(text.p, text.len, &x, error));
	says("\"rulesets\" has more than 10000 entries");
	tsn_buf_fini(&text);
}

Test(index, mutations_end_well)
{
	static const char good[] = INDEX("\"serial\":1,", RULESET("v", VERSION("2") "," VERSION("1")) "," RULESET("w", VERSION("1")));
	uint8_t work[2 * sizeof(good)];
	uint64_t seed = 11;
	struct tsn_index x;

	for (long i = 0; i < mutate_times(200000); i++) {
		size_t n = mutate_copy(work, sizeof(work), good, sizeof(good) - 1, 1 + (uint64_t)i % 3, &seed);

		if (tsn_index_parse((const char *)work, n, &x, error))
			for (size_t r = 0; r < x.nrulesets; r++)
				cr_assert(tsn_ruleset_name_ok(x.ruleset[r].name) && tsn_ruleset_path_ok(x.ruleset[r].version[0].url));
		tsn_index_fini(&x);
	}
}

Test(index, memory_may_run_out_anywhere)
{
	struct tsn_index x;
	bool done = false;

	for (long n = 0; !done && n < 100; n++) {
		tsn_mem_fail_at(n, true);
		done = parse(ONE(VERSION("1")), &x);
		tsn_mem_fail_never();
		if (!done)
			says("memory is out");
	}
	cr_assert(done);
	tsn_index_fini(&x);
}

#endif

/* --- making --- */

#if defined(TSN_HAVE_ARCHIVE) && defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)

static void
end(void)
{
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
}

/* DIR/[file] with NAME VERSION in it. */
static void
put_archive(const char *file, const char *name, const char *version, const char *author)
{
	struct tsn_manifest m = { .rules = 1 };
	char text[300];

	snprintf(text, sizeof(text), "ruleset %s { version \"%s\" license \"CC0-1.0\" author \"%s\" }\nrule r { when dst_port == 1 }\n", name,
	    version, author);
	cr_assert(tsn_file_replace(dir_path("r.tsn"), text, strlen(text), 0644, error));
	m.name = tsn_strdup(name);
	m.version = tsn_strdup(version);
	m.author = tsn_strdup(author);
	cr_assert(tsn_archive_write(dir, dir_path(file), &m, error), "%s", error);
	tsn_manifest_fini(&m);
}

#define NOW INT64_C(1795413600000)

static void
make(struct tsn_index *x)
{
	struct tsn_buf out = TSN_BUF_INIT;

	cr_assert(tsn_index_make(dir, NOW, NOW + 86400000, &out, error), "%s", error);
	cr_assert(tsn_index_parse(out.p, out.len, x, error), "%s", error);
	cr_assert(tsn_file_replace(dir_path("index.json"), out.p, out.len, 0644, error));
	tsn_buf_fini(&out);
}

static void
refused(const char *what)
{
	struct tsn_buf out = TSN_BUF_INIT;

	cr_assert_not(tsn_index_make(dir, NOW, NOW + 86400000, &out, error));
	says(what);
	tsn_buf_fini(&out);
}

Test(index, is_made_of_the_archives, .init = dir_begin, .fini = end)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_index x;
	char *at;

	refused("no archive (*.tar.zst) in ");
	put_archive("w-2026.11.9.tar.zst", "w", "2026.11.9", "old");
	put_archive("w-2026.11.10.tar.zst", "w", "2026.11.10", "new \\\"quoted\\\"");
	put_archive("v-1.tar.zst", "v", "1", "A");
	make(&x);
	cr_assert_eq(x.serial, 1);
	cr_assert_eq(x.generated, NOW);
	cr_assert_eq(x.nrulesets, 2);
	cr_assert_str_eq(x.ruleset[0].name, "v");
	cr_assert_eq(x.ruleset[1].nversions, 2);
	cr_assert_str_eq(x.ruleset[1].version[0].version, "2026.11.10", "newest first");
	cr_assert_str_eq(x.ruleset[1].version[0].url, "w-2026.11.10.tar.zst");
	cr_assert_str_eq(x.ruleset[1].author, "new \\\"quoted\\\"", "of the newest");
	tsn_index_fini(&x);
	/* a summary written by hand is kept, and the serial goes on */
	cr_assert(tsn_file_read(dir_path("index.json"), 65536, &text, error));
	at = strstr(text.p, "\"author\": \"A\"");
	cr_assert_not_null(at);
	memcpy(at, "\"summary\": \"", 12);
	memcpy(at, "\"summary\":\"S\"", 13);
	cr_assert(tsn_file_replace(dir_path("index.json"), text.p, text.len, 0644, error));
	make(&x);
	cr_assert_eq(x.serial, 2);
	cr_assert_str_eq(x.ruleset[0].summary, "S");
	tsn_index_fini(&x);
	tsn_buf_fini(&text);
}

Test(index, is_not_made_of_bad_ones, .init = dir_begin, .fini = end)
{
	put_archive("w-2.tar.zst", "w", "1", "A");
	refused("/w-2.tar.zst has w 1 in it and should be called w-1.tar.zst");
	cr_assert_eq(unlink(dir_path("w-2.tar.zst")), 0);
	cr_assert(tsn_file_replace(dir_path("w-1.tar.zst"), "zzz", 3, 0644, error));
	refused("/w-1.tar.zst: the archive is damaged or none: ");
	put_archive("w-1.tar.zst", "w", "1", "A");
	cr_assert(tsn_file_replace(dir_path("index.json"), "{}", 2, 0644, error));
	refused("the index that is there cannot be read: "); /* else the serial would begin anew */
}

#endif
