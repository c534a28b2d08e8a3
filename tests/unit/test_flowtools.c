/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of flow-tools that the tests build, and recorded ones against what flow-export 0.68 printed of them. */
#include <criterion/criterion.h>
#include <criterion/logging.h>

#include "base/clock.h"
#include "base/mem.h"
#include "decode/flowtools.h"
#include "feed/feed.h"
#include "input/flowtools.h"
#include "unit/build_flowtools.h"
#include "unit/build_netflow.h"

#define DATA   "../shared/data/"
#define NOW    1700000000u
#define SENDER 0xc0000207u

struct reading {
	struct tsn_exporters *x;
	struct keeper k;
	struct tsn_flowtools_header header;
	struct tsn_flowtools_report report;
	int64_t clock; /* the last moment the sink was told */
};

static void
see_clock(void *arg, int64_t ms)
{
	((struct reading *)arg)->clock = ms;
}

static struct tsn_batch *
room(void *arg)
{
	return keeper_room(&((struct reading *)arg)->k);
}

/* All of a file; false if its header cannot be read. */
static bool
read_file(struct reading *t, const char *path, char error[TSN_INPUT_ERROR])
{
	struct tsn_reader r;
	struct tsn_flowtools *f;
	const uint8_t *p;

	memset(t, 0, sizeof(*t));
	t->x = tsn_exporters_new(16);
	keeper_init(&t->k, 7);
	t->k.sink = (struct tsn_batch_sink){ room, t, see_clock };
	cr_assert(tsn_reader_open(&r, path, error), "%s", error);
	f = tsn_flowtools_attach(&r, error);
	if (f != NULL) {
		struct tsn_flowtools_records records;

		t->header = *tsn_flowtools_header(f);
		records = (struct tsn_flowtools_records){ t->header.little_endian, t->header.stream, t->header.version, t->header.method,
			tsn_addr_v4(t->header.exporter) };
		while ((p = tsn_flowtools_next(f, tsn_flowtools_record_size(&records))) != NULL)
			cr_assert(tsn_flowtools_decode(&records, p, t->x, &t->k.sink));
		t->report = *tsn_flowtools_report(f);
		keeper_spill(&t->k);
	}
	tsn_flowtools_close(f);
	tsn_reader_close(&r);
	return f != NULL;
}

static void
read_bytes(struct reading *t, const struct bytes *b)
{
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(b, path);

	cr_assert(read_file(t, path, error), "%s", error);
	close(fd);
}

static void
reading_fini(struct reading *t)
{
	keeper_fini(&t->k);
	tsn_exporters_free(t->x);
}

static void
build(struct bytes *b, const struct ft_kind *k, unsigned n, bool compressed, bool little)
{
	struct bytes records = { 0 };

	ft_header(b, k, compressed ? 3 : 1, 0, little);
	for (unsigned i = 0; i < n; i++) {
		struct ft_clock c = { NOW, 5, 100000, SENDER, 40000 + i, 90000 + i };
		uint8_t p[256];

		if (k->stream == 3)
			c.rest *= 1000000;
		ft_record(p, k, &c, i, little);
		put(&records, p, k->size);
	}
	ft_put_records(b, &records, compressed);
	bytes_free(&records);
}

static void
check_row(const struct kept_row *row, const struct ft_kind *k, unsigned i)
{
	int64_t from = (int64_t)NOW * 1000 + 5, first = 40000 + i, last = 90000 + i;
	bool there[TSN_FIELD_COUNT] = { [TSN_F_START] = true, [TSN_F_END] = true };

	for (const struct ft_place *w = k->place; w < k->place + 16 && w->bytes != 0; w++) {
		const struct tsn_value *v = &row->field[w->field];
		uint32_t want = ft_value(w, i);

		there[w->field] = true;
		cr_assert(v->known && (tsn_fields[w->field].storage == TSN_ADDR ? v->addr.v4 && v->addr.lo == want : v->i == want),
		    "v%u.%u %s: %llx, not %x", k->version, k->method, tsn_fields[w->field].name, (unsigned long long)v->i, want);
	}
	there[TSN_F_SOURCE_ID] = k->engine != 0;
	there[TSN_F_EXPORTER] = k->stream == 3;
	there[TSN_F_PACKETS] = there[TSN_F_RAW_PACKETS] && row->field[TSN_F_PACKETS].known;
	there[TSN_F_BYTES] = there[TSN_F_RAW_BYTES] && row->field[TSN_F_BYTES].known;
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		cr_assert_eq(row->field[f].known, there[f], "v%u.%u %s", k->version, k->method, tsn_fields[f].name);
	from -= k->stream == 3 ? 100000 : 0;
	cr_assert_eq(row->field[TSN_F_START].i, from + first, "v%u.%u", k->version, k->method);
	cr_assert_eq(row->field[TSN_F_END].i, from + last, "v%u.%u", k->version, k->method);
	cr_assert_eq(row->received, TSN_TIME_NONE);
	cr_assert_eq(row->exported, k->stream == 3 ? from + 100000 : TSN_TIME_NONE);
	if (k->stream == 3)
		cr_assert_eq(row->field[TSN_F_EXPORTER].addr.lo, SENDER);
	if (k->engine != 0)
		cr_assert_eq(row->field[TSN_F_SOURCE_ID].i, 3 * 256 + 4);
}

/* Each kind of record, in both byte orders, plain and compressed. */
Test(flowtools, every_kind)
{
	struct bytes b = { 0 };
	int modes = 2;

#ifdef TSN_HAVE_ZLIB
	modes = 4;
#endif
	for (size_t k = 0; k < FT_KINDS; k++) {
		for (int mode = 0; mode < modes; mode++) {
			struct reading t;

			build(&b, &ft_kinds[k], 20, mode >= 2, mode % 2 == 1);
			read_bytes(&t, &b);
			cr_assert_not(t.report.damaged, "%s", t.report.reason);
			cr_assert_eq(t.k.n, 20, "v%u.%u: %zu rows", ft_kinds[k].version, ft_kinds[k].method, t.k.n);
			for (unsigned i = 0; i < 20; i++)
				check_row(&t.k.row[i], &ft_kinds[k], i);
			cr_assert_eq(t.clock, t.k.row[19].field[TSN_F_END].i);
			reading_fini(&t);
		}
	}
	bytes_free(&b);
}

/* The header's exporter is that of records which do not say theirs; with neither the field is absent. */
Test(flowtools, exporters)
{
	struct bytes b = { 0 };

	for (int i = 0; i < 4; i++) {
		struct ft_clock c = { NOW, 0, 100000, i & 1 ? SENDER : 0, 1, 2 };
		const struct tsn_value *v;
		struct reading t;
		uint8_t p[256];

		ft_header(&b, &ft_kinds[1], 1, i & 2 ? 0x0a000001 : 0, false);
		ft_record(p, &ft_kinds[1], &c, 0, false);
		put(&b, p, ft_kinds[1].size);
		read_bytes(&t, &b);
		cr_assert_eq(t.k.n, 1);
		v = &t.k.row[0].field[TSN_F_EXPORTER];
		cr_assert_eq(v->known, i != 0, "%d", i);
		cr_assert(i == 0 || v->addr.lo == (i & 1 ? SENDER : 0x0a000001), "%d", i);
		cr_assert_eq(tsn_exporters_at(t.x, t.k.row[0].source)->counter[TSN_XC_FLOWS], 1, "%d", i);
		reading_fini(&t);
	}
	bytes_free(&b);
}

/* Cut anywhere: the whole records before stand, and the rest is reported unless the cut falls between two. */
Test(flowtools, cut_anywhere)
{
	struct bytes b = { 0 };

	for (int compressed = 0; compressed < 2; compressed++) {
		size_t whole, data;

#ifndef TSN_HAVE_ZLIB
		if (compressed)
			break;
#endif
		ft_header(&b, &ft_kinds[1], 1, 0, false);
		data = b.n;
		build(&b, &ft_kinds[1], 5, compressed, false);
		whole = b.n;
		for (size_t n = 8; n < whole; n++) {
			char path[40], error[TSN_INPUT_ERROR];
			struct bytes cut = { b.p, n, n };
			int fd = as_file(&cut, path);
			struct reading t;
			bool opened = read_file(&t, path, error);

			cr_assert_eq(opened, n >= data, "cut to %zu", n);
			if (opened && !compressed) {
				cr_assert_eq(t.k.n, (n - data) / 64, "cut to %zu", n);
				cr_assert_eq(t.report.damaged, (n - data) % 64 != 0, "cut to %zu", n);
				cr_assert(!t.report.damaged || t.report.offset == data + t.k.n * 64, "cut to %zu", n);
			} else if (opened) {
				cr_assert(t.report.damaged && t.k.n <= 5, "cut to %zu", n);
			}
			reading_fini(&t);
			close(fd);
		}
	}
	bytes_free(&b);
}

#ifdef TSN_HAVE_ZLIB
Test(flowtools, bytes_behind_the_end)
{
	struct bytes b = { 0 };
	struct reading t;

	build(&b, &ft_kinds[1], 5, true, false);
	put(&b, "more", 4);
	read_bytes(&t, &b);
	cr_assert(t.k.n == 5 && t.report.damaged && t.report.offset == b.n - 4);
	reading_fini(&t);
	bytes_free(&b);
}
#endif

/* What lies about its own length or is of no known kind is not opened, with a reason. */
Test(flowtools, bad_headers)
{
	static const struct {
		size_t at;
		uint32_t v;
		unsigned bytes;
	} lies[] = { { 4, 7, 4 }, { 4, 0xffffffff, 4 }, { 4, 2000000, 4 }, { 4, 4000, 4 }, { 10, 0xffff, 2 }, { 0, 0xcf11, 2 }, { 2, 3, 1 }, { 3, 2, 1 } };
	char path[40], error[TSN_INPUT_ERROR];
	struct bytes b = { 0 };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct reading t;
		int fd;

		build(&b, &ft_kinds[1], 2, false, false);
		ft_set(b.p + lies[i].at, lies[i].v, lies[i].bytes, false);
		fd = as_file(&b, path);
		cr_assert_not(read_file(&t, path, error), "%zu", i);
		cr_assert_neq(error[0], 0);
		reading_fini(&t);
		close(fd);
	}
	bytes_free(&b);
}

/* Whichever allocation fails: a reason and nothing left behind. */
Test(flowtools, without_memory)
{
	char path[40], error[TSN_INPUT_ERROR];
	struct bytes b = { 0 };
	bool compressed = false, opened = false;
	int fd;

#ifdef TSN_HAVE_ZLIB
	compressed = true;
#endif
	build(&b, &ft_kinds[1], 50, compressed, false);
	fd = as_file(&b, path);
	for (long n = 0; !opened; n++) {
		struct tsn_flowtools *f;
		struct tsn_reader r;

		cr_assert_lt(n, 20);
		cr_assert(tsn_reader_open(&r, path, error));
		error[0] = 0;
		tsn_mem_fail_at(n, true);
		f = tsn_flowtools_attach(&r, error);
		opened = f != NULL;
		cr_assert_eq(opened, error[0] == 0, "%ld", n);
		while (f != NULL && tsn_flowtools_next(f, 64) != NULL)
			;
		tsn_mem_fail_never();
		tsn_flowtools_close(f);
		tsn_reader_close(&r);
	}
	close(fd);
	bytes_free(&b);
}

static void
keep_nothing(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	uint64_t *n = arg;

	(void)rows;
	for (uint32_t i = 0; i < b->n; i++)
		cr_assert_eq(b->time[i], ((const int64_t *)b->col[TSN_F_END])[i], "a record arrives when it ends");
	*n += b->n;
}

/* By way of the feed: it is known by its first bytes, and the report says what became of it. */
Test(flowtools, feed)
{
	uint64_t rows = 0;
	struct tsn_engine_options o = { .on_rows = keep_nothing, .rows_read = tsn_field_set_all(), .arg = &rows };
	char path[40], error[TSN_INPUT_ERROR];
	struct tsn_feed_opts opts = { 0 };
	struct bytes b = { 0 };

	for (int i = 0; i < 3; i++) {
		struct tsn_engine *e = tsn_engine_new(&o);
		struct ft_kind odd = ft_kinds[1];
		struct tsn_feed *f;
		int fd;

		odd.version = i == 2 ? 9 : 5;
		build(&b, &odd, 5000, false, i == 1);
		b.n -= i == 1 ? 10 : 0;
		rows = 0;
		fd = as_file(&b, path);
		f = tsn_feed_open(path, &opts, e, error);
		cr_assert_eq(f != NULL, i != 2, "%s", error);
		if (f != NULL) {
			while (tsn_feed_step(f) == TSN_FEED_MORE)
				;
			tsn_engine_finish(e);
			cr_assert_eq(tsn_feed_report(f)->records, i == 0 ? 5000 : 4999);
			cr_assert_eq(tsn_feed_report(f)->damaged, i == 1);
			cr_assert_eq(tsn_feed_report(f)->unread, i == 1 ? 54 : -1);
			cr_assert_eq(rows, tsn_feed_report(f)->records);
			tsn_feed_close(f);
		}
		tsn_engine_free(e);
		close(fd);
	}
	bytes_free(&b);
}

/* unix_secs,unix_nsecs,sysuptime,exaddr,dpkts,doctets,first,last,engine_type,engine_id,srcaddr,dstaddr,nexthop,input,output,
 * srcport,dstport,prot,tos,tcp_flags,src_mask,dst_mask,src_as,dst_as[,router_sc] */
static void
check_line(char *line, const struct kept_row *row, const char *where)
{
	static const struct {
		int column;
		enum tsn_field f;
	} same[] = { { 4, TSN_F_RAW_PACKETS }, { 5, TSN_F_RAW_BYTES }, { 13, TSN_F_IN_IF }, { 14, TSN_F_OUT_IF }, { 15, TSN_F_SRC_PORT },
		{ 16, TSN_F_DST_PORT }, { 17, TSN_F_PROTO }, { 18, TSN_F_TOS }, { 19, TSN_F_FLAGS }, { 20, TSN_F_SRC_MASK },
		{ 21, TSN_F_DST_MASK }, { 22, TSN_F_SRC_AS }, { 23, TSN_F_DST_AS }, { 10, TSN_F_SRC }, { 11, TSN_F_DST }, { 12, TSN_F_NEXT_HOP } };
	char *f[24], *at = line;
	int64_t base, first, last;

	for (int i = 0; i < 24; i++) {
		f[i] = strsep(&at, ",\n");
		cr_assert_not_null(f[i], "%s", where);
	}
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		const struct tsn_value *v = &row->field[same[i].f];
		char text[TSN_ADDR_TEXT];

		cr_assert(v->known, "%s: %s", where, tsn_fields[same[i].f].name);
		if (tsn_fields[same[i].f].storage == TSN_ADDR)
			cr_assert_str_eq(tsn_addr_text(v->addr, text), f[same[i].column], "%s: %s", where, tsn_fields[same[i].f].name);
		else
			cr_assert_eq(v->i, strtoll(f[same[i].column], NULL, 10), "%s: %s", where, tsn_fields[same[i].f].name);
	}
	base = strtoll(f[0], NULL, 10) * 1000 + strtoll(f[1], NULL, 10) / 1000000;
	first = base - (int64_t)(uint32_t)(strtoul(f[2], NULL, 10) - strtoul(f[6], NULL, 10));
	last = base - (int64_t)(uint32_t)(strtoul(f[2], NULL, 10) - strtoul(f[7], NULL, 10));
	if (first < base - 4294867295) /* up to 100 s ahead of sysuptime is ahead of it, and no wrap */
		first += INT64_C(1) << 32;
	if (last < base - 4294867295)
		last += INT64_C(1) << 32;
	cr_assert_eq(row->field[TSN_F_START].i, first < last ? first : last, "%s: start", where);
	cr_assert_eq(row->field[TSN_F_END].i, first < last ? last : first, "%s: end", where);
	cr_assert_eq(row->exported, base, "%s", where);
	cr_assert_eq(row->field[TSN_F_SOURCE_ID].i, strtoll(f[8], NULL, 10) * 256 + strtoll(f[9], NULL, 10), "%s", where);
	cr_assert_eq(row->field[TSN_F_EXPORTER].known, strcmp(f[3], "0.0.0.0") != 0, "%s", where);
}

Test(flowtools, golden)
{
	static const struct {
		const char *dir, *name;
		size_t rows;
		bool damaged;
	} files[] = {
		{ "correct", "ftv5.2016-01-13.compress.9.sample", 1000, false },
		{ "correct", "ftv5.2016-01-13.nocompress.bigend.sample", 1000, false },
		{ "correct", "ftv7.2016-02-14.nocompress.bigend.sample", 1000, false },
		{ "anomaly", "ftv5.2016-03-15.compress9.bigend.empty", 0, false },
		{ "anomaly", "ftv5.2016-03-15.nocompress.bigend.empty", 0, false },
		{ "corrupt", "ftv5.2016-01-13.compress.9.sample-00", 553, true },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[200], golden[200], line[512], where[300], error[TSN_INPUT_ERROR];
		struct reading t;
		FILE *f;

		snprintf(path, sizeof(path), DATA "flow_files/flowtools/%s/%s", files[i].dir, files[i].name);
		snprintf(golden, sizeof(golden), DATA "golden_derived/ft__%s_%s.flow-export.csv", files[i].dir, files[i].name);
		if (access(path, R_OK) != 0 || access(golden, R_OK) != 0) {
			cr_log_warn("not compared, not there: %s", path);
			continue;
		}
		cr_assert(read_file(&t, path, error), "%s: %s", path, error);
		cr_assert_eq(t.k.n, files[i].rows, "%s: %zu rows", path, t.k.n);
		cr_assert_eq(t.report.damaged, files[i].damaged, "%s", path);
		f = fopen(golden, "r");
		cr_assert(f != NULL && fgets(line, sizeof(line), f) != NULL);
		for (size_t n = 0; fgets(line, sizeof(line), f) != NULL; n++) {
			snprintf(where, sizeof(where), "%s:%zu", golden, n + 2);
			cr_assert_lt(n, t.k.n, "%s", where);
			check_line(line, &t.k.row[n], where);
		}
		fclose(f);
		reading_fini(&t);
	}
}
