/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: rows of a decoder against a listing of nfdump 1.7.8 (the same bytes through its collector), field by
 * field. What nfdump could not tell is not compared: a time it shows as 0000-00-00 or in 1970.
 */
#ifndef TESTS_GOLDEN_NFDUMP_H
#define TESTS_GOLDEN_NFDUMP_H

#include <criterion/criterion.h>
#include <criterion/logging.h>

#include <stdio.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "unit/build_netflow.h"

#define GOLD_FIELDS 17

struct gold {
	bool timed;
	int64_t start, end;
	unsigned proto, sp, dp, flags, tos, in, out, sas, das;
	uint64_t packets, bytes;
	struct tsn_addr src, dst, hop, exporter;
	bool icmp_told; /* dp is type.code */
};

static inline int64_t
gold_time(const char *s, bool *told)
{
	int y = 0, mo = 0, d = 0, h = 0, mi = 0, sec = 0, ms = 0;

	*told = sscanf(s, "%d-%d-%d %d:%d:%d.%d", &y, &mo, &d, &h, &mi, &sec, &ms) == 7 && y > 1970;
	return *told ? ((tsn_days_from_date(y, mo, d) * 24 + h) * 60 + mi) * 60000 + sec * 1000 + ms : 0;
}

static inline struct tsn_addr
gold_addr(const char *s)
{
	struct tsn_addr a;

	cr_assert(tsn_addr_parse(s, strlen(s), &a), "%s", s);
	return a;
}

/* ts|te|pr|sa|sp|da|dp|flg|tos|pkt|byt|in|out|sas|das|nh|ra; false: another line. */
static inline bool
gold_split(char *line, char *f[GOLD_FIELDS])
{
	for (int i = 0; i < GOLD_FIELDS; i++)
		if ((f[i] = strsep(&line, "|\n")) == NULL)
			return false;
	return true;
}

static inline bool
gold_read(char *line, struct gold *g)
{
	char *f[GOLD_FIELDS];
	unsigned type, code;
	bool start, end;

	if (!gold_split(line, f))
		return false;
	*g = (struct gold){ .start = gold_time(f[0], &start),
		.end = gold_time(f[1], &end),
		.proto = (unsigned)atoi(f[2]),
		.sp = (unsigned)atoi(f[4]),
		.dp = (unsigned)atoi(f[6]),
		.flags = (unsigned)atoi(f[7]),
		.tos = (unsigned)atoi(f[8]),
		.in = (unsigned)atoll(f[11]),
		.out = (unsigned)atoll(f[12]),
		.sas = (unsigned)atoll(f[13]),
		.das = (unsigned)atoll(f[14]),
		.packets = strtoull(f[9], NULL, 10),
		.bytes = strtoull(f[10], NULL, 10),
		.src = gold_addr(f[3]),
		.dst = gold_addr(f[5]),
		.hop = gold_addr(f[15]),
		.exporter = gold_addr(f[16]) };
	g->timed = start && end;
	g->icmp_told = sscanf(f[6], "%u.%u", &type, &code) == 2;
	if (g->icmp_told)
		g->dp = type * 256 + code;
	return true;
}

static inline uint64_t
gold_int(const struct kept_row *row, enum tsn_field f)
{
	return row->field[f].known ? (uint64_t)row->field[f].i : 0;
}

/* What nfdump has as 0.0.0.0 may be absent or ::. */
static inline bool
gold_same_addr(const struct kept_row *row, enum tsn_field f, struct tsn_addr want)
{
	struct tsn_addr is = row->field[f].known ? row->field[f].addr : (struct tsn_addr){ 0, 0, true };

	return ((is.hi | is.lo | want.hi | want.lo) == 0) || tsn_addr_cmp(is, want) == 0;
}

/* Type and code are where the record has them: in elements of their own, or in the port. */
static inline bool
gold_same_dst_port(const struct kept_row *row, const struct gold *g)
{
	if (gold_int(row, TSN_F_DST_PORT) == g->dp)
		return true;
	return g->icmp_told && gold_int(row, TSN_F_ICMP_TYPE) * 256 + gold_int(row, TSN_F_ICMP_CODE) == g->dp;
}

/* What nfdump does otherwise; each user says why. */
enum {
	GOLD_BGP_HOP = 1,
	GOLD_UNSCALED = 2,
	GOLD_NO_FLAGS = 4,
	GOLD_BIFLOW = 8,
	GOLD_EVENT_TIME = 16,
	GOLD_FIRST_UNSCALED = 32
};

/* The name of the first thing that differs, or NULL. */
static inline const char *
gold_compare(const struct kept_row *row, const struct gold *g, int but)
{
	uint64_t by = but & GOLD_UNSCALED ? 1 : gold_int(row, TSN_F_SAMPLING);

	by = by == 0 ? 1 : by;
	if (!(but & GOLD_EVENT_TIME) && g->timed && gold_int(row, TSN_F_START) != (uint64_t)g->start)
		return "start";
	if (g->timed && gold_int(row, TSN_F_END) != (uint64_t)g->end)
		return "end";
	if (gold_int(row, TSN_F_PROTO) != g->proto)
		return "proto";
	if (!gold_same_addr(row, TSN_F_SRC, g->src))
		return "src";
	if (!gold_same_addr(row, TSN_F_DST, g->dst))
		return "dst";
	if (!(but & GOLD_BGP_HOP) && !gold_same_addr(row, TSN_F_NEXT_HOP, g->hop))
		return "next hop";
	if (!gold_same_addr(row, TSN_F_EXPORTER, g->exporter))
		return "exporter";
	if (!g->icmp_told && gold_int(row, TSN_F_SRC_PORT) != g->sp) /* the normal form has no ports for ICMP either */
		return "src port";
	if (!gold_same_dst_port(row, g))
		return "dst port";
	if (!(but & GOLD_NO_FLAGS) && g->proto == 6 && (gold_int(row, TSN_F_FLAGS) & 0xff) != g->flags)
		return "flags";
	if (gold_int(row, TSN_F_TOS) != g->tos)
		return "tos";
	if (gold_int(row, TSN_F_RAW_PACKETS) * by != g->packets)
		return "packets";
	if (gold_int(row, TSN_F_RAW_BYTES) * by != g->bytes)
		return "bytes";
	if (gold_int(row, TSN_F_IN_IF) != g->in)
		return "in";
	if (gold_int(row, TSN_F_OUT_IF) != g->out)
		return "out";
	if (gold_int(row, TSN_F_SRC_AS) != g->sas)
		return "src as";
	return gold_int(row, TSN_F_DST_AS) != g->das ? "dst as" : NULL;
}

/* --- suites that ask for every line, and for every value of it --- */

static inline bool
gold_there(const char *data, const char *listing)
{
	if (access(data, R_OK) == 0 && access(listing, R_OK) == 0)
		return true;
	cr_log_warn("not compared, not there: %s", data);
	return false;
}

/* Each line behind the heading, by [compare] with its number from 0 on; there are as many as our [rows]. */
static inline void
gold_each_line(const char *path, size_t rows, void (*compare)(const void *arg, char *line, size_t row, const char *where), const void *arg)
{
	FILE *f = fopen(path, "r");
	char line[1024], where[400];
	size_t n = 0;

	cr_assert_not_null(f, "%s", path);
	cr_assert_not_null(fgets(line, sizeof(line), f));
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		snprintf(where, sizeof(where), "%s:%zu", path, n + 2);
		cr_assert_lt(n, rows, "%s: we have fewer rows", where);
		compare(arg, line, n, where);
	}
	cr_assert_eq(n, rows, "%s: %zu rows, we have %zu", path, n, rows);
	fclose(f);
}

/* What is absent is 0 in a listing. */
static inline void
gold_is_int(const struct tsn_value *field, enum tsn_field f, uint64_t want, const char *where)
{
	cr_assert(field[f].known ? (uint64_t)field[f].i == want : want == 0, "%s: %s %lld, not %llu", where, tsn_fields[f].name,
	    (long long)field[f].i, (unsigned long long)want);
}

#endif
