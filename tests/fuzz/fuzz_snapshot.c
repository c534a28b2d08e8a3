/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a snapshot of an engine that has rules of every function. What must hold: all of it is taken or nothing,
 * and the engine goes on over flows whatever it took; what it then saves it can read. Seeds: corpus/snapshot, which
 * `TSN_FUZZ_SEED=FILE` in front of the program (with -DTSN_FUZZ_MAIN) writes anew.
 * tests/unit/test_snapshot_fuzz.c includes this file.
 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "core/engine.h"
#define FUZZ_OWN_MAIN
#include "fuzz/fuzz.h"

static const char fuzz_rules[] =
    "site { dedup 5s }\n"
    "set hot = dynamic expire 90s\n"
    "rule counts { when count() by src over 60s > 2 and sum(bytes) by src over 60s > 100 }\n"
    "rule reals { when avg(bytes) by src, dst_port over 60s > 2 or rate(bytes) by src over 60s > 1 }\n"
    "rule ends { when min(bytes) by dst over 60s < 100 and max(bytes) by dst per 60s > 3 }\n"
    "rule fan { when distinct(dst) by src over 30s > 2 then add src to hot for 60s }\n"
    "rule spread { when stddev(bytes) by src over 60s > 1 or entropy(dst_port) by src over 60s > 1 }\n"
    "rule beat { when jitter() by src, dst over 2m > 0 }\n"
    "rule fresh { when new(dst_port) by src over 60s }\n"
    "rule silent { when absent() by src over 30s }\n"
    "rule top { when rank(count()) by src per 30s <= 3 }\n"
    "rule zs { when zscore(count(), history 10m) by src per 30s > 1 }\n"
    "rule lasting { when count() by src over 60s > 3 for 20s until count() by src over 60s < 2 message \"{src} {bytes}\" }\n"
    "rule chain { when sequence(dst_port == 1, dst_port == 2, bytes > 60) by src over 60s }\n"
    "rule known { when src in hot alert once by src per 30s }\n"
    "rule tried { when attempted }\n";

static struct tsn_engine *
fuzz_engine(void)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "rules", fuzz_rules, strlen(fuzz_rules) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1 };
	struct tsn_engine_options o = { .batch_rows = 64, .seed = 5 };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_ruleset *rs = tsn_compile(sources, &in, diags);

	REQUIRE(e != NULL && rs != NULL && tsn_engine_load(e, rs, NULL));
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return e;
}

static void
fuzz_flows(struct tsn_engine *e, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++) {
		const uint64_t h = tsn_mix64(i - i % 2 + 7);
		const bool back = i % 2 == 1 && h & 1;
		const int64_t at = INT64_C(1767571200000) + (int64_t)i * 700;
		struct tsn_batch *b;
		uint32_t row;

		tsn_engine_clock(e, at);
		b = tsn_engine_room(e);
		row = b->n;
		tsn_batch_put_addr(b, row, back ? TSN_F_DST : TSN_F_SRC, tsn_addr_v4(0x0a000000u + (uint32_t)(h >> 8 & 7)));
		tsn_batch_put_addr(b, row, back ? TSN_F_SRC : TSN_F_DST, h >> 20 & 1 ? tsn_addr_v4(0x0b000000u + (uint32_t)(h >> 12 & 7)) :
		    (struct tsn_addr){ UINT64_C(0x20010db800000000), h >> 12 & 7, false });
		tsn_batch_put_addr(b, row, TSN_F_EXPORTER, tsn_addr_v4(0xc0000201u));
		tsn_batch_put_int(b, row, TSN_F_PROTO, 6);
		tsn_batch_put_int(b, row, TSN_F_FLAGS, h >> 30 & 1 ? 2 : 0x1b);
		tsn_batch_put_int(b, row, back ? TSN_F_SRC_PORT : TSN_F_DST_PORT, (int64_t)(h >> 40 & 7));
		tsn_batch_put_int(b, row, back ? TSN_F_DST_PORT : TSN_F_SRC_PORT, (int64_t)(h >> 50 & 0xff) + 1024);
		tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, (int64_t)(h >> 34 & 127));
		tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
		tsn_batch_put_int(b, row, TSN_F_START, at - 100);
		tsn_batch_put_int(b, row, TSN_F_END, at);
		b->received[row] = b->exported[row] = at;
		b->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc0000201u));
		b->n++;
	}
	tsn_engine_flush(e);
}

/* What it saves now it can read. */
static void
fuzz_again(struct tsn_engine *e)
{
	struct tsn_restore_report r = { 0 };
	struct tsn_pack k = { 0 };
	struct tsn_engine *f = fuzz_engine();
	struct tsn_unpack in;
	const char *why;

	tsn_engine_save(e, &k);
	REQUIRE(!k.failed);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	REQUIRE(tsn_engine_restore(f, &in, &r, &why));
	tsn_pack_fini(&k);
	tsn_engine_free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_engine *e = fuzz_engine();
	struct tsn_restore_report r = { 0 };
	uint8_t *exact = malloc(size + 1);
	struct tsn_unpack in = { exact, exact + size, false };
	struct tsn_engine_stats s;
	const char *why;
	bool taken;

	REQUIRE(exact != NULL);
	memcpy(exact, data, size);
	taken = tsn_engine_restore(e, &in, &r, &why);
	free(exact);
	tsn_engine_stats(e, &s);
	if (!taken)
		REQUIRE(s.flows == 0 && tsn_engine_ticket(e) == 0 && why != NULL);
	fuzz_flows(e, 300, 60);
	if (taken)
		fuzz_again(e);
	tsn_engine_finish(e);
	tsn_engine_free(e);
	return 0;
}

#ifdef TSN_FUZZ_MAIN
int
main(int argc, char **argv)
{
	const char *seed = getenv("TSN_FUZZ_SEED");

	if (seed != NULL) {
		struct tsn_engine *e = fuzz_engine();
		struct tsn_pack k = { 0 };
		FILE *f = fopen(seed, "wb");

		fuzz_flows(e, 0, 300);
		tsn_engine_save(e, &k);
		REQUIRE(f != NULL && fwrite(k.p, 1, k.n, f) == k.n && fclose(f) == 0);
		tsn_pack_fini(&k);
		tsn_engine_free(e);
	}
	for (int i = 1; i < argc; i++) {
		struct tsn_buf b = TSN_BUF_INIT;

		if (tsn_buf_read_file(&b, argv[i], 1 << 24) == 0)
			LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		tsn_buf_fini(&b);
	}
	return 0;
}
#endif
