/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Maps: which column is which field, in which unit; and what is said of those that make no sense. */
#include <stdlib.h>

#include "unit/text_feed.h"

#define TABLE "Source IP,Dest IP,Prot,octets,\"when, exactly\",lasted\n" \
              "10.0.0.1,10.0.0.2,6,2.5,1709380800123,90\n"

static const struct {
	const char *map, *text, *rows, *note;
} good[] = {
	{ "src=Source IP,dst=Dest IP,proto=Prot,bytes=octets:kB,start=\"when, exactly\":ms,duration=lasted:s", TABLE,
	  "src=10.0.0.1 dst=10.0.0.2 proto=tcp bytes=2500 start=2024-03-02T12:00:00.123Z end=2024-03-02T12:01:30.123Z\n", "" },
	{ " src = Source IP \n# a comment, with = and ,\nstart=\"when, exactly\":epoch_ms,\n\nduration=lasted:ms\n", TABLE,
	  "src=10.0.0.1 start=2024-03-02T12:00:00.123Z end=2024-03-02T12:00:00.213Z\n", "" },
	{ "start=\"when, exactly\",duration=lasted", TABLE, "start=2024-03-02T12:00:00.123Z end=2024-03-02T12:01:30.123Z\n",
	  "start was taken for a number of ms; a map can say otherwise\n" },
	{ "sa=Source IP,end=\"when, exactly\":us", TABLE, "src=10.0.0.1 end=1970-01-20T18:49:40.800Z\n", "" },
	{ "src=a,packets=p,reply_packets=q,flags=f,reply_flags=g,proto=r,received=t:s", "a\tp\tq\tf\tg\tr\tt\n10.0.0.1\t1\t2\tS\tSA\ttcp\t100\n",
	  "src=10.0.0.1 proto=tcp flags=SYN packets=1 bytes=0 \n", NULL },
	{ "src=net.from,bytes=n:MiB", "{\"net\":{\"from\":\"::ffff:10.0.0.1\"},\"n\":1.5,\"x\":[1,{\"y\":2}]}\n", "src=10.0.0.1 bytes=1572864\n", "" },
	{ "src=id.orig_h", "#separator \\x09\n#fields\tts\tid.orig_h\n#types\ttime\taddr\n1\t10.0.0.1\n", "src=10.0.0.1\n", "" },
};

Test(text_map, columns_and_units)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fed f = { 0 };

		if (fed_cannot(good[i].text))
			continue;
		feed_text(&f, good[i].text, good[i].map);
		cr_expect(f.opened, "%s: %s", good[i].map, f.error);
		if (good[i].note != NULL) {
			cr_expect(fed_same(good[i].map, tsn_buf_str(&f.rows), good[i].rows));
			cr_expect(strstr(tsn_buf_str(&f.log), good[i].note) != NULL, "%s", tsn_buf_str(&f.log));
		} else {
			cr_expect_eq(f.n, 2);
			cr_expect(strstr(tsn_buf_str(&f.rows), "flags=SYN|ACK packets=2") != NULL, "%s", tsn_buf_str(&f.rows));
			cr_expect(strstr(tsn_buf_str(&f.rows), "dst=10.0.0.1 ") != NULL, "%s", tsn_buf_str(&f.rows));
		}
		fed_free(&f);
	}
}

static const struct {
	const char *map, *error;
} bad[] = {
	{ "scr=Source IP", "--map: no field \"scr\" that can be read; did you mean \"src\"?" },
	{ "src=Sorce IP", "--map: the header has no column \"Sorce IP\"; did you mean \"Source IP\"?" },
	{ "src=xyzzy", "--map: the header has no column \"xyzzy\"; its first is \"Source IP\"" },
	{ "bps=octets", "--map: no field \"bps\" that can be read" },
	{ "reply_packet=octets", "did you mean \"reply_packets\"?" },
	{ "src", "--map: \"src\" is not FIELD=COLUMN or FIELD=COLUMN:UNIT" },
	{ "src=", "--map: an entry is FIELD=COLUMN" },
	{ "src=\"Source IP", "--map: a quote is not closed" },
	{ "start=lasted:min", "--map: no unit \"min\"; there are s ms us ns iso, and B kB MB KiB MiB" },
	{ "start=lasted:kB", "--map: \"kB\" is no unit of that field" },
	{ "bytes=octets:ms", "--map: \"ms\" is no unit of that field" },
	{ "duration=lasted:iso", "--map: \"iso\" is no unit of that field" },
	{ "", "--map names no field" },
	{ "@/nonexistent/map", "--map: /nonexistent/map: No such file" },
};

Test(text_map, mistakes_are_named)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fed f = { 0 };

		feed_text(&f, TABLE, bad[i].map);
		cr_expect(!f.opened, "%s", bad[i].map);
		cr_expect(strstr(f.error, bad[i].error) != NULL, "%s: %s", bad[i].map, f.error);
		fed_free(&f);
	}
}

Test(text_map, from_a_file)
{
	char path[] = "/tmp/tocsin-map-XXXXXX", map[64];
	int fd = mkstemp(path);
	struct fed f = { 0 };
	static const char text[] = "# what our firewall writes\nsrc = Source IP\nbytes = octets:kB\n";

	cr_assert(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
	close(fd);
	snprintf(map, sizeof(map), "@%s", path);
	feed_text(&f, TABLE, map);
	unlink(path);
	cr_expect(fed_same(map, tsn_buf_str(&f.rows), "src=10.0.0.1 bytes=2500\n"));
	fed_free(&f);
}

Test(text_map, a_table_nobody_knows)
{
	struct fed f = { 0 };

	feed_text(&f, TABLE, NULL);
	cr_expect(!f.opened);
	cr_expect(strstr(f.error, "a table of no known kind; --map can say which column is which field: \"Source IP\" \"Dest IP\"") != NULL, "%s", f.error);
	fed_free(&f);
	feed_text(&f, "just some text\n", NULL);
	cr_expect(!f.opened && strstr(f.error, "no kind of input") != NULL, "%s", f.error);
	fed_free(&f);
	feed_text(&f, "{\"a\":1}\n{\"b\":2}\n", NULL);
	cr_expect(f.opened && f.n == 0 && f.report.skipped == 2 && !f.report.damaged);
	cr_expect(strstr(tsn_buf_str(&f.log), "no flows in this JSON") != NULL, "%s", tsn_buf_str(&f.log));
	fed_free(&f);
}
