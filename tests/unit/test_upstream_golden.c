/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Recorded exports against what the tests of other collectors expect of them: all that logstash's netflow codec, telegraf
 * and pmacct say of a flow must stand in one row here, whatever the names they have for it. Read where it is present
 * beside the project; nothing is copied.
 */
#include <stdlib.h>

#include "unit/upstream_facts.h"

/* --- logstash: one JSON document --- */

/* Enough of JSON for these files, which are sound: what stands where. */
struct walk {
	const char *p;
	void (*scalar)(void *arg, int depth, const char *key, const char *s, size_t n);
	void (*end)(void *arg, int depth); /* of an object */
	void *arg;
	int depth;
};

static void walk_value(struct walk *w, const char *key);

static const char *
skip(struct walk *w)
{
	w->p += strspn(w->p, " \t\r\n,:");
	return w->p;
}

/* The string at [w->p], without its quotes, as it is written. */
static const char *
walk_string(struct walk *w, size_t *n)
{
	const char *from = ++w->p;

	while (*w->p != '"' && *w->p != '\0')
		w->p += *w->p == '\\' && w->p[1] != '\0' ? 2 : 1;
	*n = (size_t)(w->p - from);
	w->p += *w->p == '"';
	return from;
}

static void
walk_inside(struct walk *w, const char *key, bool object)
{
	w->p++;
	w->depth += object;
	while (*skip(w) != '\0' && *w->p != (object ? '}' : ']')) {
		char name[48];
		size_t n;

		snprintf(name, sizeof(name), "%s", key);
		if (object) {
			const char *s = walk_string(w, &n);

			snprintf(name, sizeof(name), "%.*s", (int)n, s);
		}
		walk_value(w, name);
	}
	w->p += *w->p != '\0';
	if (object)
		w->end(w->arg, w->depth);
	w->depth -= object;
}

static void
walk_value(struct walk *w, const char *key)
{
	const char *s = skip(w);
	size_t n;

	if (*s == '{' || *s == '[') {
		walk_inside(w, key, *s == '{');
	} else if (*s == '"') {
		s = walk_string(w, &n);
		w->scalar(w->arg, w->depth, key, s, n);
	} else {
		n = strcspn(s, ",]} \r\n");
		w->p += n;
		if (n == 0)
			w->p += strlen(w->p);
		w->scalar(w->arg, w->depth, key, s, n);
	}
}

/* The objects of the document: 1 all of it, 2 a case, 3 an event, 4 its record, 5 parts of that. */
struct logstash {
	char name[80], file[FILES][80];
	int files, cases, events, bad;
	struct facts event[8], now;
	long records;
};

static void
logstash_scalar(void *arg, int depth, const char *key, const char *s, size_t n)
{
	struct logstash *l = arg;

	if (depth == 2 && strcmp(key, "name") == 0)
		snprintf(l->name, sizeof(l->name), "%.*s", (int)n, s);
	else if (depth == 2 && strcmp(key, "files") == 0 && l->files < FILES - 1)
		snprintf(l->file[l->files++], sizeof(l->file[0]), "logstash/%.*s", (int)n, s);
	else if (depth == 2 && strcmp(key, "expected_record_count") == 0)
		l->records = strtol(s, NULL, 10);
	else if (depth == 4)
		add_fact(&l->now, key, strlen(key), s, n);
}

/* logstash makes one event of a biflow, we two rows: there may be more of ours. */
static void
logstash_case(struct logstash *l)
{
	const char *files[FILES] = { NULL };
	bool found[ROWS] = { false };
	const uint64_t *c;
	struct feed f;

	for (int i = 0; i < l->files; i++)
		files[i] = l->file[i];
	feed_init(&f, ROWS);
	if (feed_files(&f, files, false)) {
		c = tsn_exporters_at(f.x, 1)->counter;
		for (int i = 0; i < l->events; i++) {
			bool of_options = fact(&l->event[i], "scope_system") != NULL || fact(&l->event[i], "meteringProcessId") != NULL;

			if (of_options ? c[TSN_XC_OPTIONS] == 0 : !find_row(f.k.batch, &l->event[i], found, l->name))
				l->bad++;
		}
		if (l->records > 0 && c[TSN_XC_FLOWS] + c[TSN_XC_OPTIONS] < (uint64_t)l->records) {
			cr_log_error("%s: %ld records, we have %llu", l->name, l->records,
			    (unsigned long long)(c[TSN_XC_FLOWS] + c[TSN_XC_OPTIONS]));
			l->bad++;
		}
		l->cases++;
	}
	feed_fini(&f);
	l->files = l->events = 0;
	l->records = 0;
}

static void
forget(struct facts *f, const char *part)
{
	for (int i = 0; i < f->n; i++)
		if (strstr(f->v[i].key, part) != NULL)
			f->v[i].key[0] = '\0';
}

/* Fortigate's records have times a week behind their header's; logstash takes them for the future, we for those before a wrap. */
static void
logstash_end(void *arg, int depth)
{
	struct logstash *l = arg;

	if (depth == 4 && strcmp(l->name, "Netflow 9 Fortigate FortiOS 5.2.1") == 0)
		forget(&l->now, "_switched");
	if (depth == 3 && fact(&l->now, "version") != NULL && l->events < 8)
		l->event[l->events++] = l->now;
	if (depth == 3)
		l->now.n = 0;
	if (depth == 2)
		logstash_case(l);
}

static char *
read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = f != NULL ? calloc(1, 1u << 20) : NULL;

	if (f == NULL)
		return NULL;
	cr_assert_not_null(text);
	cr_assert_lt(fread(text, 1, (1u << 20) - 1, f), (1u << 20) - 1);
	fclose(f);
	return text;
}

Test(upstream_golden, logstash)
{
	static struct logstash l;
	char *text = read_text(DATA "exporter_packets/golden/logstash_expected.shared.json");
	struct walk w = { text, logstash_scalar, logstash_end, &l, 0 };

	if (text == NULL)
		cr_skip_test("not there");
	walk_value(&w, "");
	free(text);
	cr_assert_eq(l.cases, 30);
	cr_assert_eq(l.bad, 0);
}

/* --- telegraf: a line of key=value for each flow --- */

static void
read_influx(const char *line, struct facts *f)
{
	const char *p = strchr(line, ' ');

	f->n = 0;
	while (p != NULL && *p != '\0') {
		const char *key = ++p, *value = strchr(p, '='), *end;
		bool quoted;

		if (value == NULL)
			return;
		quoted = *++value == '"';
		value += quoted;
		end = quoted ? strchr(value, '"') : value + strcspn(value, ", \n");
		if (end == NULL)
			return;
		add_fact(f, key, (size_t)(value - quoted - 1 - key), value, (size_t)(end - value));
		p = end + quoted;
		if (*p != ',')
			return;
	}
}

/* What a biflow has in its other direction (RFC 5103): YAF's totals, which telegraf gives as octets. */
static void
turn(const struct facts *f, struct facts *out)
{
	static const char *const names[][2] = { { "src", "dst" }, { "dst", "src" }, { "src_port", "dst_port" },
		{ "dst_port", "src_port" }, { "protocol", "protocol" }, { "flow_end_ms", "flow_end_ms" } };
	char number[24];

	out->n = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_fact(out, names[i][0], strlen(names[i][0]), fact(f, names[i][1]), strlen(fact(f, names[i][1])));
	snprintf(number, sizeof(number), "%lld", strtoll(fact(f, "type_29305_85"), NULL, 0));
	add_fact(out, "in_total_bytes", 14, number, strlen(number));
	snprintf(number, sizeof(number), "%lld", strtoll(fact(f, "type_29305_86"), NULL, 0));
	add_fact(out, "in_total_packets", 16, number, strlen(number));
}

static unsigned
compare_influx(const char *expected, struct tsn_batch *b)
{
	bool found[ROWS] = { false };
	char *text = read_text(expected);
	uint32_t rows = 0;
	unsigned bad = 0;

	cr_assert_not_null(text);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), rows++) {
		struct facts f, back;

		read_influx(line, &f);
		if (fact(&f, "src") == NULL) { /* what the exporter says of itself */
			rows--;
			continue;
		}
		bad += !find_row(b, &f, found, expected);
		if (fact(&f, "type_29305_85") == NULL)
			continue;
		turn(&f, &back);
		bad += !find_row(b, &back, found, expected);
		rows++;
	}
	free(text);
	if (rows != b->n) {
		cr_log_error("%s: %u rows, we have %u", expected, rows, b->n);
		bad++;
	}
	return bad;
}

Test(upstream_golden, telegraf)
{
#define TG "telegraf/"
	static const struct {
		const char *expected, *files[FILES];
	} cases[] = {
		{ TG "netflow_v5_example", { TG "netflow_v5_example/netflow_v5.bin" } },
		{ TG "netflow_v9_example", { TG "netflow_v9_example/netflow_v9.bin" } },
		{ TG "ipfix_example", { TG "ipfix_example/ipfix_0.bin", TG "ipfix_example/ipfix_1.bin", TG "ipfix_example/ipfix_2.bin",
		      TG "ipfix_example/ipfix_3.bin", TG "ipfix_example/ipfix_4.bin", TG "ipfix_example/ipfix_5.bin",
		      TG "ipfix_example/ipfix_6.bin" } },
	};
#undef TG
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[200];
		struct feed f;

		snprintf(expected, sizeof(expected), DATA "exporter_packets/%s/expected.out", cases[i].expected);
		feed_init(&f, ROWS);
		if (access(expected, R_OK) == 0 && feed_files(&f, cases[i].files, false))
			bad += compare_influx(expected, f.k.batch);
		feed_fini(&f);
	}
	cr_assert_eq(bad, 0);
}

/* Every application that telegraf has learned from the options, by its number, names a flow here. */
Test(upstream_golden, telegraf_options)
{
	static const struct ix_field fields[] = { { 0, 8, 4 }, { 0, 95, 4 } };
	static struct ix m;
	char *text = read_text(DATA "exporter_packets/telegraf/ipfix_options/expected.out"), path[100];
	const char *one[FILES] = { path };
	unsigned named = 0;
	struct feed f;

	if (text == NULL)
		cr_skip_test("not there");
	feed_init(&f, ROWS);
	for (int i = 1; i <= 9; i++) {
		snprintf(path, sizeof(path), "telegraf/ipfix_options/message-%03d.bin", i);
		cr_assert(feed_files(&f, one, false));
	}
	ix_begin(&m, 10, 0, 6); /* the domain of the recording */
	ix_template(&m, 999, fields, 2);
	feed_one(&f, m.p, ix_end(&m), &(struct tsn_sender){ tsn_addr_v4(EXPORTER), 2055 }, 0);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		struct tsn_value v;
		struct facts said;

		read_influx(line, &said);
		if (fact(&said, "app_name") == NULL)
			continue;
		ix_begin(&m, 10, 0, 6);
		ix_set(&m, 999);
		ix_u(&m, 1, 4), ix_u(&m, strtoul(fact(&said, "app_id"), NULL, 0), 4);
		feed_one(&f, m.p, ix_end(&m), &(struct tsn_sender){ tsn_addr_v4(EXPORTER), 2055 }, 0);
		tsn_batch_get(f.k.batch, f.k.batch->n - 1, TSN_F_APPLICATION, &v);
		cr_assert(v.known && v.s.n == strlen(fact(&said, "app_name")) && memcmp(v.s.p, fact(&said, "app_name"), v.s.n) == 0,
		    "%s", fact(&said, "app_name"));
		named++;
	}
	cr_assert_geq(named, 125);
	free(text);
	feed_fini(&f);
}

/* --- pmacct: an object for each aggregate, a line each --- */

static void
pmacct_scalar(void *arg, int depth, const char *key, const char *s, size_t n)
{
	(void)depth;
	if (strcmp(key, "tcp_flags") != 0)
		add_fact(arg, key, strlen(key), s, n);
}

static void
pmacct_end(void *arg, int depth)
{
	(void)arg;
	(void)depth;
}

static bool
is_alike(const struct facts *a, const struct facts *b)
{
	static const char *const keys[] = { "ip_src", "ip_dst", "port_src", "port_dst", "iface_in", "iface_out", "tos", "ip_proto" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(fact(a, keys[i]) != NULL ? fact(a, keys[i]) : "", fact(b, keys[i]) != NULL ? fact(b, keys[i]) : "") != 0)
			return false;
	return true;
}

/* Sums of the lines that differ only in what is no key here (flags, labels, times) are those of the rows that are as they say. */
static unsigned
compare_pmacct(const char *expected, struct tsn_batch *b, uint64_t scaled)
{
	static struct facts line[128];
	char *text = read_text(expected);
	uint64_t all = 0, ours = 0;
	unsigned n = 0, bad = 0;

	cr_assert_not_null(text);
	for (char *s = strtok(text, "\n"); s != NULL && n < 128; s = strtok(NULL, "\n")) {
		struct walk w = { s, pmacct_scalar, pmacct_end, &line[n], 0 };

		line[n].n = 0;
		walk_value(&w, "");
		n += fact(&line[n], "ip_src") != NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t packets = 0, bytes = 0, p = 0, o = 0;
		unsigned compared;

		for (unsigned k = 0; k < n; k++)
			if (is_alike(&line[i], &line[k])) {
				packets += strtoull(fact(&line[k], "packets"), NULL, 10);
				bytes += strtoull(fact(&line[k], "bytes"), NULL, 10);
			}
		for (uint32_t row = 0; row < b->n; row++)
			if (differs(b, row, &line[i], &compared) == NULL && compared >= 8) {
				p += ((const uint64_t *)b->col[TSN_F_RAW_PACKETS])[row];
				o += ((const uint64_t *)b->col[TSN_F_RAW_BYTES])[row];
			}
		all += strtoull(fact(&line[i], "packets"), NULL, 10);
		if ((p == packets && o == bytes) || (scaled > 1 && p * scaled == packets && o * scaled == bytes))
			continue;
		cr_log_error("%s: line %u: %llu packets, %llu bytes; we have %llu, %llu", expected, i + 1, (unsigned long long)packets,
		    (unsigned long long)bytes, (unsigned long long)p, (unsigned long long)o);
		bad++;
	}
	for (uint32_t row = 0; row < b->n; row++)
		ours += ((const uint64_t *)b->col[TSN_F_RAW_PACKETS])[row];
	if (scaled == 1 && all != ours)
		bad++;
	free(text);
	return bad + (n == 0);
}

/*
 * [scaled]: after a reload pmacct's own map makes 1,000 of each packet of some exporters, which no record says; ours are as
 * exported.
 */
Test(upstream_golden, pmacct)
{
#define A "pmacct/100-IPFIXv10-CISCO/"
#define B "pmacct/101-NFv9-CISCO-cust_primitives/"
#define C "pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/"
#define D "pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/"
#define E "pmacct/110-IPFIXv10-NFv9-multiple-sources/"
#define F "pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/"
#define CAP "traffic-00.pcap"
#define OUT "output-flow-00.json"
	static const struct {
		const char *expected, *files[FILES];
		uint64_t scaled;
	} cases[] = {
		{ A OUT, { A CAP }, 1 }, { A "scenario-01/" OUT, { A CAP }, 1 }, { B OUT, { B CAP }, 1 }, { C OUT, { C CAP }, 1 },
		{ C "output-flow-01.json", { C CAP }, 1000 }, { D OUT, { D CAP }, 1 }, { D "scenario-01/" OUT, { D CAP }, 1 },
		{ D "scenario-02/" OUT, { D CAP }, 1 }, { D "scenario-03/" OUT, { D CAP }, 1 }, { D "scenario-04/" OUT, { D CAP }, 1 },
		{ D "scenario-05/" OUT, { D CAP }, 1 }, { E OUT, { E CAP, E "traffic-01.pcap", E "traffic-02.pcap" }, 1 },
		{ F OUT, { F CAP, F "traffic-01.pcap" }, 1 },
	};
#undef A
#undef B
#undef C
#undef D
#undef E
#undef F
#undef CAP
#undef OUT
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[200];
		struct feed f;

		snprintf(expected, sizeof(expected), DATA "exporter_packets/%s", cases[i].expected);
		feed_init(&f, ROWS);
		if (access(expected, R_OK) == 0 && feed_files(&f, cases[i].files, false))
			bad += compare_pmacct(expected, f.k.batch, cases[i].scaled);
		feed_fini(&f);
	}
	cr_assert_eq(bad, 0);
}
