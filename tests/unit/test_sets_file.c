/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of members: lists and CSV, what is skipped and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sets/csv.h"
#include "sets/file.h"
#include "unit/xorshift.h"

struct loaded {
	enum tsn_set_file result;
	struct tsn_set_report report;
	struct tsn_set *set;
};

static struct loaded
parse(const char *text, size_t n, enum tsn_type type, const char *column)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct loaded l;

	l.result = tsn_set_file_parse(text, n, type, column, b, &l.report);
	l.set = l.result == TSN_SET_FILE_OK ? tsn_set_build(b) : NULL;
	tsn_set_builder_free(b);
	return l;
}

static struct loaded
text(const char *s, enum tsn_type type, const char *column)
{
	return parse(s, strlen(s), type, column);
}

static bool
has(const struct loaded *l, const char *a)
{
	struct tsn_addr addr;

	cr_assert(tsn_addr_parse(a, strlen(a), &addr), "%s", a);
	return tsn_set_has_addr(l->set, addr);
}

Test(sets_file, plain_list)
{
	struct loaded l = text("# a list\n\n10.0.0.0/8\n 192.0.2.1 \n; more\n198.51.100.1-198.51.100.9 # range\n"
	    "2001:db8::1..2001:db8::9;x\r\n203.0.113.0/24 ; SBL1\n::/128", TSN_T_ADDR, NULL);

	cr_assert_eq(l.result, TSN_SET_FILE_OK, "%s", l.report.message);
	cr_assert_eq(l.report.lines, 6);
	cr_assert_eq(l.report.members, 6);
	cr_assert_eq(l.report.bad, 0);
	cr_assert(has(&l, "10.9.9.9") && has(&l, "192.0.2.1") && has(&l, "198.51.100.9") && has(&l, "2001:db8::5"));
	cr_assert(has(&l, "203.0.113.255") && has(&l, "::") && !has(&l, "198.51.100.10") && !has(&l, "192.0.2.2"));
	tsn_set_free(l.set);
}

Test(sets_file, members_by_type)
{
	static const struct { char text[40]; enum tsn_type type; bool ok; int64_t lo, hi; } cases[] = {
		{ "25", TSN_T_PORT, true, 25, 25 }, { "smtp", TSN_T_PORT, true, 25, 25 }, { "6000..6063", TSN_T_PORT, true, 6000, 6063 },
		{ "6000-6063", TSN_T_PORT, true, 6000, 6063 }, { "65536", TSN_T_PORT, false, 0, 0 }, { "-1", TSN_T_PORT, false, 0, 0 },
		{ "0x1F", TSN_T_INT, true, 31, 31 }, { "-5", TSN_T_INT, true, -5, -5 }, { "-5..-1", TSN_T_INT, true, -5, -1 },
		{ "9223372036854775807", TSN_T_INT, true, INT64_MAX, INT64_MAX }, { "9223372036854775808", TSN_T_INT, false, 0, 0 },
		{ "-9223372036854775808", TSN_T_INT, true, INT64_MIN, INT64_MIN }, { "5..1", TSN_T_INT, false, 0, 0 },
		{ "1.5", TSN_T_INT, false, 0, 0 }, { "", TSN_T_INT, false, 0, 0 }, { "0x", TSN_T_INT, false, 0, 0 }, { "1-", TSN_T_INT, false, 0, 0 },
		{ "tcp", TSN_T_PROTO, true, 6, 6 }, { "132", TSN_T_PROTO, true, 132, 132 }, { "256", TSN_T_PROTO, false, 0, 0 },
		{ "SYN|ACK", TSN_T_FLAGS, true, 0x12, 0x12 }, { "RST", TSN_T_FLAGS, true, 4, 4 }, { "SYN|", TSN_T_FLAGS, false, 0, 0 },
		{ "00:1b:21:ff:00:7f", TSN_T_MAC, true, 0x1b21ff007f, 0x1b21ff007f },
		{ "00-1B-21-FF-00-7F", TSN_T_MAC, true, 0x1b21ff007f, 0x1b21ff007f }, { "00:1b:21:ff:00", TSN_T_MAC, false, 0, 0 },
		{ "00:1b:21:ff:00:7g", TSN_T_MAC, false, 0, 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
		enum tsn_set_error err;
		bool ok = tsn_set_member_parse(cases[i].text, strlen(cases[i].text), cases[i].type, b, TSN_SET_NO_ROW, &err);
		struct tsn_set *s = tsn_set_build(b);

		cr_assert_eq(ok, cases[i].ok, "%s", cases[i].text);
		cr_assert_eq(err, TSN_SET_OK, "%s", cases[i].text);
		if (ok) {
			cr_assert(tsn_set_has_int(s, cases[i].lo) && tsn_set_has_int(s, cases[i].hi), "%s", cases[i].text);
			cr_assert(cases[i].lo == INT64_MIN || !tsn_set_has_int(s, cases[i].lo - 1), "%s", cases[i].text);
			cr_assert(cases[i].hi == INT64_MAX || !tsn_set_has_int(s, cases[i].hi + 1), "%s", cases[i].text);
		}
		tsn_set_free(s);
		tsn_set_builder_free(b);
	}
}

static void
cell_is(const struct loaded *l, const char *a, const char *column, const char *want)
{
	struct tsn_addr addr;
	struct tsn_str got;

	tsn_addr_parse(a, strlen(a), &addr);
	got = tsn_set_cell(l->set, tsn_set_row_of_addr(l->set, addr), tsn_set_column(l->set, column, strlen(column)));
	cr_assert(got.n == strlen(want) && memcmp(got.p, want, got.n) == 0, "%s of %s: \"%.*s\"", column, a, (int)got.n, got.p);
}

Test(sets_file, csv)
{
	struct loaded l = text("\xef\xbb\xbf# feed\r\n# of today\r\n\"first seen\",\"dst_ip\", port ,malware\r\n"
	    "2026-01-01,10.0.0.1,447,Emotet\r\n"
	    "2026-01-02, \"10.0.0.2\" ,\"44,9\",\"say \"\"hi\"\"\"\r\n"
	    "\"two\nlines\",10.0.0.3,1,\r\n"
	    "short,10.0.0.4\n"
	    "long,10.0.0.5,1,2,3,4\n"
	    "# END\n"
	    "last,192.0.2.0/24,9,x", TSN_T_ADDR, "dst_ip");

	cr_assert_eq(l.result, TSN_SET_FILE_OK, "%s", l.report.message);
	cr_assert_eq(l.report.members, 6);
	cell_is(&l, "10.0.0.1", "malware", "Emotet");
	cell_is(&l, "10.0.0.2", "port", "44,9");
	cell_is(&l, "10.0.0.2", "malware", "say \"hi\"");
	cell_is(&l, "10.0.0.3", "first seen", "two\nlines");
	cell_is(&l, "10.0.0.3", "malware", "");
	cell_is(&l, "10.0.0.4", "port", "");
	cell_is(&l, "10.0.0.5", "malware", "2");
	cell_is(&l, "192.0.2.200", "dst_ip", "192.0.2.0/24");
	cr_assert(!has(&l, "10.0.0.6"));
	tsn_set_free(l.set);
}

Test(sets_file, csv_records_and_lines)
{
	/* [text], then what each record is: line, 'R' or 'B' (broken), fields joined by '|' */
	static const struct { char text[80], want[80]; } cases[] = {
		{ "a,b\nc,d\n", "1R a|b;2R c|d;" },
		{ "a,b\r\n\r\nc\r\n", "1R a|b;3R c;" },
		{ ",\n", "1R |;" },
		{ "a,", "1R a|;" },
		{ "\"\"\n", "1R ;" },
		{ "\"a\"\"b\",c", "1R a\"b|c;" },
		{ "\"a\nb\nc\",d\ne\n", "1R a\nb\nc|d;4R e;" },
		{ "\"open\nx,y\n", "1B \"open;2R x|y;" },
		{ "\"a\"b,c\nd\n", "1B \"a\"b,c;2R d;" },
		{ "a\"b\"c\n", "1R a\"b\"c;" },
		{ "#x\n  #y,z\n", "2R   #y|z;" },
		{ "\"a\" , \"b\"\r\n", "1R a|b;" },
		{ "\"#no comment\"", "1R #no comment;" },
		{ "", "" }, { "\n\n", "" }, { "\r", "" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_buf got = TSN_BUF_INIT;
		enum tsn_csv_status status;
		struct tsn_csv c;

		tsn_csv_init(&c, cases[i].text, strlen(cases[i].text));
		while ((status = tsn_csv_next(&c)) != TSN_CSV_END) {
			tsn_buf_printf(&got, "%zu%c ", c.line, status == TSN_CSV_RECORD ? 'R' : 'B');
			for (size_t k = 0; k < c.n; k++)
				tsn_buf_printf(&got, "%s%.*s", k > 0 ? "|" : "", (int)c.field[k].n, c.field[k].p);
			tsn_buf_putc(&got, ';');
		}
		cr_assert_str_eq(tsn_buf_str(&got), cases[i].want, "case %u", i);
		tsn_csv_fini(&c);
		tsn_buf_fini(&got);
	}
}

Test(sets_file, a_quote_that_never_closes_costs_one_line)
{
	struct tsn_buf b = TSN_BUF_INIT;
	struct tsn_csv c;
	int records = 0, broken = 0;
	enum tsn_csv_status status;

	for (int i = 0; i < 300; i++)
		tsn_buf_printf(&b, "%sname,10.0.0.%d,%0999d\n", i == 5 ? "\"" : "", i % 256, 0);
	tsn_csv_init(&c, b.p, b.len);
	while ((status = tsn_csv_next(&c)) != TSN_CSV_END) {
		records += status == TSN_CSV_RECORD;
		broken += status == TSN_CSV_BROKEN;
	}
	cr_assert_eq(records, 299);
	cr_assert_eq(broken, 1);
	tsn_csv_fini(&c);
	tsn_buf_fini(&b);
}

Test(sets_file, one_bad_line_in_a_hundred_is_skipped_two_are_not)
{
	for (int bad = 0; bad <= 2; bad++) {
		struct tsn_buf b = TSN_BUF_INIT;
		struct loaded l;

		for (int i = 0; i < 100; i++) {
			if (i >= 40 && i < 40 + bad)
				tsn_buf_puts(&b, "what\x1b is this\n");
			else
				tsn_buf_printf(&b, "10.0.0.%d\n", i);
		}
		l = parse(b.p, b.len, TSN_T_ADDR, NULL);
		cr_assert_eq(l.result, bad < 2 ? TSN_SET_FILE_OK : TSN_SET_FILE_BAD, "%d", bad);
		cr_assert_eq(l.report.bad, (size_t)bad);
		cr_assert_eq(l.report.named, (size_t)bad);
		if (bad > 0) {
			cr_assert_eq(l.report.first[0].line, 41);
			cr_assert_str_eq(l.report.first[0].text, "what? is this");
			cr_assert(strstr(l.report.message, "line 41") != NULL, "%s", l.report.message);
		}
		tsn_set_free(l.set);
		tsn_buf_fini(&b);
	}
}

Test(sets_file, the_type_is_found_from_the_members)
{
	static const struct { char text[60]; enum tsn_type type; } cases[] = {
		{ "10.0.0.1\n::1\n10.0.0.0/8\n", TSN_T_ADDR }, { "25\n80\n6000..6063\n", TSN_T_INT }, { "00:1b:21:ff:00:7f\n", TSN_T_MAC },
		{ "example.com\nexample.org\n", TSN_T_STRING }, { "10.0.0.1\nexample.org\n", TSN_T_STRING }, { "", TSN_T_ADDR },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l = text(cases[i].text, TSN_T_NONE, NULL);

		cr_assert_eq(l.result, TSN_SET_FILE_OK, "case %u", i);
		cr_assert_eq(l.report.type, cases[i].type, "case %u", i);
		tsn_set_free(l.set);
	}
}

Test(sets_file, strings_keep_their_signs)
{
	struct loaded l = text("# comment\nhttp://a/#x;y\n  spaced name \n", TSN_T_STRING, NULL);

	cr_assert(tsn_set_has_str(l.set, "http://a/#x;y", 13));
	cr_assert(tsn_set_has_str(l.set, "spaced name", 11));
	cr_assert_eq(l.report.members, 2);
	tsn_set_free(l.set);
}

Test(sets_file, refusals)
{
	static const struct { char text[60], column[8], message[60]; } cases[] = {
		{ "a,b\n1,2\n", "c", "no column \"c\" in the header; there are a, b" },
		{ "", "c", "no header line" }, { "# only\n# comments\n", "c", "no header line" },
		{ "\"open,b\n1,2\n", "b", "no header line" },
		{ "dst\n\n10.0.0.1\nx\n", "dst", "1 of 2 lines holds no address" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l = text(cases[i].text, TSN_T_ADDR, cases[i].column);

		cr_assert_eq(l.result, TSN_SET_FILE_BAD, "case %u", i);
		cr_assert(strstr(l.report.message, cases[i].message) != NULL, "case %u: %s", i, l.report.message);
	}
}

Test(sets_file, a_set_of_another_kind_refuses_the_file)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_STR);
	struct tsn_set_report report;

	cr_assert_eq(tsn_set_file_parse("10.0.0.1\n", 9, TSN_T_ADDR, NULL, b, &report), TSN_SET_FILE_BAD);
	cr_assert(report.message[0] != '\0');
	tsn_set_builder_free(b);
}

Test(sets_file, from_disk)
{
	char path[] = "/tmp/tsn-set-XXXXXX";
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_set_report report;
	int fd = mkstemp(path);
	struct tsn_set *s;

	cr_assert(fd >= 0 && write(fd, "10.0.0.0/8\n", 11) == 11);
	close(fd);
	cr_assert_eq(tsn_set_file_load(path, TSN_T_NONE, NULL, b, &report), TSN_SET_FILE_OK);
	unlink(path);
	s = tsn_set_build(b);
	cr_assert(tsn_set_has_addr(s, tsn_addr_v4(0x0a010203)));
	tsn_set_free(s);
	cr_assert_eq(tsn_set_file_load(path, TSN_T_NONE, NULL, b, &report), TSN_SET_FILE_UNREADABLE);
	cr_assert_eq(report.error, ENOENT);
	cr_assert_str_eq(report.message, strerror(ENOENT));
	cr_assert_eq(tsn_set_file_load("/tmp", TSN_T_NONE, NULL, b, &report), TSN_SET_FILE_UNREADABLE);
	tsn_set_builder_free(b);
}

Test(sets_file, memory_may_run_out_anywhere)
{
	static const char csv[] = "name,dst\n\"a \"\"b\"\"\",10.0.0.1\nc,10.0.0.2\n";
	enum tsn_set_file result = TSN_SET_FILE_MEMORY;
	struct tsn_set_report report;
	long n;

	for (n = 0; result != TSN_SET_FILE_OK && n < 500; n++) {
		struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);

		tsn_mem_fail_at(n, false);
		result = tsn_set_file_parse(csv, sizeof(csv) - 1, TSN_T_NONE, "dst", b, &report);
		tsn_mem_fail_never();
		cr_assert(result == TSN_SET_FILE_OK || result == TSN_SET_FILE_MEMORY, "allocation %ld", n);
		tsn_set_builder_free(b);
	}
	cr_assert_eq(result, TSN_SET_FILE_OK);
	cr_assert_gt(n, 5);
}

Test(sets_file, noise_never_hurts)
{
	static const char signs[] = "0123456789.:/-,\"\n\r#; abcdef|SYN\0\xef\xbb\xbf";
	static const enum tsn_type types[] = { TSN_T_NONE, TSN_T_ADDR, TSN_T_PORT, TSN_T_FLAGS, TSN_T_MAC, TSN_T_STRING };
	uint64_t x = 2463534242;
	char noise[300];

	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 0;
		struct loaded l;

		for (xorshift(&x); n < x % sizeof(noise); n++)
			noise[n] = signs[(x * (n + 1) * 2654435761u >> 24) % (sizeof(signs) - 1)];
		if (i % 2 && n > 2)
			memcpy(noise, "a,", 2);
		l = parse(noise, n, types[i % 6], i % 2 ? "a" : NULL);
		cr_assert(l.result == TSN_SET_FILE_OK || l.report.message[0] != '\0', "case %u", i);
		tsn_set_free(l.set);
	}
}
