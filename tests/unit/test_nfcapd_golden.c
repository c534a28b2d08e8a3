/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of nfdump against what nfdump itself (1.6.13, 1.7.8) listed of them, row by row. The data is read where it is
 * present beside the project; nothing is copied.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/golden_nfdump.h"
#include "unit/nfcapd_rows.h"

#define DATA "../shared/data/"

/* A number, or the letters of 1.6: ".AP.SF". */
static unsigned
read_flags(const char *s)
{
	static const char letters[] = "UAPRSF";
	unsigned flags = 0;

	if (strspn(s, "0123456789") == strlen(s))
		return (unsigned)atoi(s);
	for (int i = 0; i < 6; i++)
		flags |= s[i] == letters[i] ? 32u >> i : 0;
	return flags;
}

/* nfdump shows what is absent as 0.0.0.0. */
static void
same_addr(const struct feed_row *row, enum tsn_field f, const char *text, const char *where)
{
	const struct tsn_addr want = gold_addr(text), is = row->field[f].addr;
	const bool none = want.hi == 0 && want.lo == 0;

	cr_assert(row->field[f].known ? (none ? is.hi == 0 && is.lo == 0 : tsn_addr_cmp(is, want) == 0) : none, "%s: %s is not %s",
	    where, tsn_fields[f].name, text);
}

/* Only TCP has flags here, and only five protocols ports; of ICMP the destination port is type.code. */
static void
same_transport(const struct feed_row *row, char **f, const char *where)
{
	unsigned proto = (unsigned)atoi(f[2]), type, code;

	gold_is_int(row->field, TSN_F_PROTO, proto, where);
	if (proto == 6)
		gold_is_int(row->field, TSN_F_FLAGS, read_flags(f[7]), where);
	if (proto == 6 || proto == 17) {
		gold_is_int(row->field, TSN_F_SRC_PORT, (unsigned)atoi(f[4]), where);
		gold_is_int(row->field, TSN_F_DST_PORT, (unsigned)atoi(f[6]), where);
	} else if (proto == 1 || proto == 58) {
		if (sscanf(f[6], "%u.%u", &type, &code) != 2) {
			type = (unsigned)atoi(f[6]) >> 8;
			code = (unsigned)atoi(f[6]) & 255;
		}
		gold_is_int(row->field, TSN_F_ICMP_TYPE, type, where);
		gold_is_int(row->field, TSN_F_ICMP_CODE, code, where);
	}
}

static void
compare(const void *rows, char *line, size_t n, const char *where)
{
	const struct feed_row *row = (const struct feed_row *)rows + n;
	static const struct {
		int column;
		enum tsn_field field;
	} numbers[] = { { 8, TSN_F_TOS }, { 9, TSN_F_PACKETS }, { 10, TSN_F_BYTES }, { 11, TSN_F_IN_IF }, { 12, TSN_F_OUT_IF },
		{ 13, TSN_F_SRC_AS }, { 14, TSN_F_DST_AS } };
	char *f[GOLD_FIELDS];
	bool first_told, last_told;
	int64_t first, last;

	cr_assert(gold_split(line, f), "%s", where);
	first = gold_time(f[0], &first_told);
	last = gold_time(f[1], &last_told);
	cr_assert(first_told && last_told, "%s: %s, %s", where, f[0], f[1]);
	/* the two are exchanged where nfdump shows an end before the start, as in all decoders */
	gold_is_int(row->field, TSN_F_START, (uint64_t)(first < last ? first : last), where);
	gold_is_int(row->field, TSN_F_END, (uint64_t)(first < last ? last : first), where);
	same_addr(row, TSN_F_SRC, f[3], where);
	same_addr(row, TSN_F_DST, f[5], where);
	same_transport(row, f, where);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		gold_is_int(row->field, numbers[i].field, strtoull(f[numbers[i].column], NULL, 10), where);
	same_addr(row, TSN_F_NEXT_HOP, f[15], where);
	same_addr(row, TSN_F_EXPORTER, f[16], where);
}

static const struct {
	const char *data, *golden; /* NULL: no flows */
} files[] = {
	{ "nfcapd_chrispassas/nfcapd-empty", NULL },
	{ "nfcapd_chrispassas/nfcapd-small-lzo", "nfcapd_chrispassas__nfcapd-small-lzo.nfdump178" },
	{ "nfcapd_chrispassas/nfcapd.sample", "nfcapd_chrispassas__nfcapd.sample.nfdump178" },
	{ "nfcapd_libnfread/flows", "nfcapd_libnfread__flows.nfdump1613" },
	{ "nfcapd_netnfdump/record_v4", "nfcapd_netnfdump__record_v4.nfdump1613" },
	{ "nfcapd_v2_exporters/cisco_v9.nfcapd", "nfcapd_exp_cisco_v9" },
	{ "nfcapd_v2_exporters/mpls_v6.nfcapd", "nfcapd_exp_mpls_v6" },
	{ "nfcapd_v2_exporters/nat_nel.nfcapd", "nfcapd_exp_nat_nel" },
	{ "nfcapd_v2_exporters/sflow1.nfcapd", "nfcapd_exp_sflow1" },
	{ "nfcapd_v2_exporters/sflow5.nfcapd", "nfcapd_exp_sflow5" },
	{ "nfcapd_v2_variants/brmikrotik.none.nfcapd", "nfcapd_v2_brmikrotik" },
	{ "nfcapd_v2_variants/brmikrotik.lzo.nfcapd", "nfcapd_v2_brmikrotik" },
	{ "nfcapd_v2_variants/brmikrotik.bz2.nfcapd", "nfcapd_v2_brmikrotik" },
	{ "nfcapd_v2_variants/brmikrotik.lz4.nfcapd", "nfcapd_v2_brmikrotik" },
	{ "nfcapd_v2_variants/brmikrotik.zstd.nfcapd", "nfcapd_v2_brmikrotik" },
};

Test(nfcapd_golden, nfdump, .timeout = 110)
{
	unsigned caps[] = { 1024, 13 };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char data[200], golden[200];

		snprintf(data, sizeof(data), DATA "flow_files/%s", files[i].data);
		snprintf(golden, sizeof(golden), DATA "golden_derived/%s.psv", files[i].golden != NULL ? files[i].golden : "");
		if (!gold_there(data, files[i].golden != NULL ? golden : data))
			continue;
		for (int c = 0; c < 2; c++) {
			struct feed_rows k;

			feed_rows_read(&k, data, caps[c]);
			cr_assert(k.opened, "%s", k.error);
			cr_assert_not(k.report.damaged, "%s: %s", data, k.report.reason);
			cr_assert_eq(k.report.records, k.n);
			cr_assert_eq(k.report.skipped, 0, "%s", data);
			if (files[i].golden != NULL)
				gold_each_line(golden, k.n, compare, k.row);
			else
				cr_assert_eq(k.n, 0, "%s", data);
			feed_rows_free(&k);
		}
	}
}
