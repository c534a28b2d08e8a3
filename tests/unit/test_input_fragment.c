/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "input/fragment.h"
#include "input/pcap.h"
#include "unit/build_capture.h"

#define T0 INT64_C(1795418150000)

/* A capture of raw IP that is being put together. */
struct capture {
	struct bytes file, packet;
};

static void
begin(struct capture *c)
{
	memset(c, 0, sizeof(*c));
	put_pcap_header(&c->file, TSN_LINK_RAW, false, false);
}

static void
end(struct capture *c)
{
	bytes_free(&c->file);
	bytes_free(&c->packet);
}

struct piece {
	bool v6, more;
	uint32_t src, id;
	unsigned offset;
	int64_t ms;
	uint8_t next; /* IPv6: next header, 0: UDP */
};

/* One fragment with [n] bytes of [whole], which begins with the UDP header. */
static void
put_piece(struct capture *c, const struct piece *f, const uint8_t *bytes, size_t n)
{
	c->packet.n = 0;
	if (f->v6) {
		struct ip6 h = { { 0x20, 1, [14] = (uint8_t)(f->src >> 8), (uint8_t)f->src }, { 0x20, 1, [15] = 9 }, 44 };
		struct bytes body = { 0 };

		put_be(&body, f->next ? f->next : 17, 1);
		put_be(&body, 0, 1);
		put_be(&body, f->offset | f->more, 2);
		put_be(&body, f->id, 4);
		put(&body, bytes, n);
		put_ip6(&c->packet, &h, body.p, body.n);
		bytes_free(&body);
	} else {
		struct ip4 h = { .src = f->src, .dst = 9, .id = f->id, .offset = f->offset, .more = f->more };

		put_ip4(&c->packet, &h, bytes, n);
	}
	put_pcap_record(&c->file, f->ms, c->packet.p, c->packet.n, false, false);
}

/* A UDP datagram whose payload is a known pattern. */
static void
make_udp(struct bytes *b, size_t n)
{
	uint8_t *payload = malloc(n ? n : 1);

	for (size_t i = 0; i < n; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	put_udp(b, 1000, 2055, payload, n);
	free(payload);
}

struct result {
	size_t n, bytes;
	struct tsn_pcap_report report;
};

static struct result
run_with(struct capture *c, uint32_t max_fragments)
{
	struct result r = { 0 };
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(&c->file, path);
	struct tsn_pcap_opts opts = { .max_fragments = max_fragments };
	struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
	struct tsn_datagram d;

	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &d)) {
		r.n++;
		r.bytes += d.len;
		cr_assert(d.src_port == 1000 && d.dst_port == 2055 && !d.cut);
		for (size_t i = 0; i < d.len; i++)
			cr_assert_eq(d.payload[i], (uint8_t)(i * 7 + i / 256), "byte %zu of %zu", i, d.len);
	}
	r.report = *tsn_pcap_report(p);
	tsn_pcap_close(p);
	close(fd);
	return r;
}

static struct result
run(struct capture *c)
{
	return run_with(c, 0);
}

/* Four pieces in each of the 24 orders, both families. */
Test(input_fragment, any_order)
{
	static const unsigned from[5] = { 0, 8, 64, 1000, 1429 };

	for (int v6 = 0; v6 < 2; v6++) {
		for (int order = 0; order < 256; order++) {
			unsigned k[4] = { order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3 };
			struct bytes udp = { 0 };
			struct capture c;
			struct result r;

			if ((1u << k[0] | 1u << k[1] | 1u << k[2] | 1u << k[3]) != 15)
				continue;
			begin(&c);
			make_udp(&udp, 1421);
			for (int i = 0; i < 4; i++) {
				struct piece f = { v6, k[i] != 3, 7, 99, from[k[i]], T0 + i };

				put_piece(&c, &f, udp.p + from[k[i]], from[k[i] + 1] - from[k[i]]);
			}
			r = run(&c);
			cr_assert(r.n == 1 && r.bytes == 1421, "order %x, IPv%d: %zu", order, v6 ? 6 : 4, r.n);
			cr_assert(r.report.fragments == 4 && r.report.fragments_incomplete == 0);
			bytes_free(&udp);
			end(&c);
		}
	}
}

/* What is done with each sequence of pieces of one 64-byte datagram (8 of them UDP header). */
Test(input_fragment, duplicates_overlaps_gaps)
{
	static const struct {
		const char *what;
		struct {
			unsigned offset, n;
			bool more;
			int8_t spoil; /* added to each byte */
		} f[6];
		unsigned complete, incomplete;
	} cases[] = {
		{ "plain", { { 0, 32, true, 0 }, { 32, 32, false, 0 } }, 1, 0 },
		{ "the first twice", { { 0, 32, true, 0 }, { 0, 32, true, 0 }, { 32, 32, false, 0 } }, 1, 0 },
		{ "the last twice", { { 32, 32, false, 0 }, { 32, 32, false, 0 }, { 0, 32, true, 0 } }, 1, 0 },
		{ "twice but not the same", { { 0, 32, true, 0 }, { 0, 32, true, 1 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "overlap by one unit", { { 0, 40, true, 0 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "overlap inside", { { 0, 48, true, 0 }, { 8, 8, true, 1 }, { 48, 16, false, 0 } }, 0, 1 },
		{ "the same bytes inside", { { 0, 48, true, 0 }, { 8, 8, true, 0 }, { 48, 16, false, 0 } }, 1, 0 },
		{ "covers what is there", { { 8, 8, true, 0 }, { 0, 32, true, 0 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "first missing", { { 32, 32, false, 0 } }, 0, 1 },
		{ "last missing", { { 0, 32, true, 0 } }, 0, 1 },
		{ "middle missing", { { 0, 8, true, 0 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "two ends", { { 0, 32, true, 0 }, { 40, 8, false, 0 }, { 56, 8, false, 0 } }, 0, 1 },
		{ "past the end", { { 32, 16, false, 0 }, { 48, 16, true, 0 }, { 0, 32, true, 0 } }, 0, 1 },
		{ "end before what is there", { { 48, 16, true, 0 }, { 32, 16, false, 0 }, { 0, 32, true, 0 } }, 0, 1 },
		{ "an end inside, a hole, and as many bytes as that end says",
		    { { 48, 16, true, 0 }, { 32, 16, false, 0 }, { 0, 16, true, 0 } }, 0, 1 },
		{ "a piece not of eights", { { 0, 31, true, 0 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "an empty piece", { { 0, 32, true, 0 }, { 32, 0, true, 0 }, { 32, 32, false, 0 } }, 0, 1 },
		{ "only an end at 0 is no fragment", { { 0, 64, false, 0 } }, 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct bytes udp = { 0 };
			struct capture c;
			struct result r;

			begin(&c);
			make_udp(&udp, 56);
			for (int k = 0; k < 6 && (cases[i].f[k].n > 0 || cases[i].f[k].offset > 0); k++) {
				struct piece f = { v6, cases[i].f[k].more, 7, 99, cases[i].f[k].offset, T0 + k };
				uint8_t part[64];

				memcpy(part, udp.p + f.offset, cases[i].f[k].n);
				for (unsigned x = 0; x < cases[i].f[k].n; x++)
					part[x] = (uint8_t)(part[x] + cases[i].f[k].spoil);
				put_piece(&c, &f, part, cases[i].f[k].n);
			}
			r = run(&c);
			cr_assert(r.n == cases[i].complete && r.report.fragments_incomplete == cases[i].incomplete,
			    "%s, IPv%d: %zu complete, %llu not", cases[i].what, v6 ? 6 : 4, r.n,
			    (unsigned long long)r.report.fragments_incomplete);
			bytes_free(&udp);
			end(&c);
		}
	}
}

/* RFC 8200: what follows the whole is what the first fragment says; here options, and behind them UDP. */
Test(input_fragment, the_first_fragment_names_the_protocol)
{
	for (int order = 0; order < 2; order++) {
		struct bytes udp = { 0 }, whole = { 0 };
		struct capture c;
		struct result r;

		begin(&c);
		make_udp(&udp, 40);
		put(&whole, "\21\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		put(&whole, udp.p, udp.n);
		for (int i = 0; i < 2; i++) {
			bool first = i == order;
			struct piece f = { true, first, 7, 99, first ? 0 : 32, T0, first ? 60 : 17 };

			put_piece(&c, &f, whole.p + f.offset, first ? 32 : whole.n - 32);
		}
		r = run(&c);
		cr_assert(r.n == 1 && r.bytes == 40, "order %d", order);
		bytes_free(&udp);
		bytes_free(&whole);
		end(&c);
	}
}

/* Offsets that reach past the largest datagram there can be. */
Test(input_fragment, beyond_the_largest_datagram)
{
	struct capture c;
	struct piece f = { false, false, 7, 99, 65528, T0 };
	struct result r;
	uint8_t bytes[64] = { 0 };

	begin(&c);
	put_piece(&c, &f, bytes, 64);
	r = run(&c);
	cr_assert(r.n == 0 && r.report.fragments_incomplete == 1);
	end(&c);
}

Test(input_fragment, the_largest_datagram)
{
	struct bytes udp = { 0 };

	make_udp(&udp, 65507);
	for (int v6 = 0; v6 < 2; v6++) {
		struct capture c;
		struct result r;

		begin(&c);
		for (unsigned at = 0; at < udp.n; at += 1480) {
			struct piece f = { v6, at + 1480 < udp.n, 7, 99, at, T0 };

			put_piece(&c, &f, udp.p + at, udp.n - at < 1480 ? udp.n - at : 1480);
		}
		r = run(&c);
		cr_assert(r.n == 1 && r.bytes == 65507);
		end(&c);
	}
	bytes_free(&udp);
}

/* Many at a time, interleaved: by source, by id, by family; then more than the table holds. */
Test(input_fragment, many_at_once)
{
	for (uint32_t max = 40; max <= 80; max += 40) {
		struct bytes udp = { 0 };
		struct capture c;
		struct result r;

		begin(&c);
		make_udp(&udp, 56);
		for (int part = 0; part < 2; part++) {
			for (uint32_t i = 0; i < 80; i++) {
				struct piece f = { i & 1, part == 0, i / 4, i / 2 % 2, (unsigned)part * 32, T0 + i };

				put_piece(&c, &f, udp.p + part * 32, 32);
			}
		}
		r = run_with(&c, max);
		if (max == 80)
			cr_assert(r.n == 80 && r.report.fragments_incomplete == 0);
		else /* the oldest gave way: of the first pieces 40, then each last piece of those came alone */
			cr_assert(r.n < 80 && r.n + r.report.fragments_incomplete >= 80, "%zu, %llu", r.n,
			    (unsigned long long)r.report.fragments_incomplete);
		bytes_free(&udp);
		end(&c);
	}
}

/* By the time of the capture, forwards and backwards. */
Test(input_fragment, given_up_in_time)
{
	static const struct {
		int64_t after;
		size_t complete;
		uint64_t incomplete;
	} cases[] = { { 0, 1, 0 }, { TSN_FRAGMENT_MS, 1, 0 }, { TSN_FRAGMENT_MS + 1, 0, 2 }, { -TSN_FRAGMENT_MS, 1, 0 },
		{ -TSN_FRAGMENT_MS - 1, 0, 2 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes udp = { 0 };
		struct capture c;
		struct piece first = { false, true, 7, 99, 0, T0 }, last = { false, false, 7, 99, 32, T0 + cases[i].after };
		struct result r;

		begin(&c);
		make_udp(&udp, 56);
		put_piece(&c, &first, udp.p, 32);
		put_piece(&c, &last, udp.p + 32, 32);
		r = run(&c);
		cr_assert(r.n == cases[i].complete && r.report.fragments_incomplete == cases[i].incomplete, "case %zu", i);
		bytes_free(&udp);
		end(&c);
	}
}

/* After an overlap the rest of that datagram is not taken for a new one. */
Test(input_fragment, a_refused_datagram_stays_refused)
{
	struct bytes udp = { 0 };
	struct capture c;
	struct piece a = { false, true, 7, 99, 0, T0 }, b = { false, false, 7, 99, 32, T0 + 1 };
	struct result r;

	begin(&c);
	make_udp(&udp, 56);
	put_piece(&c, &a, udp.p, 40);
	put_piece(&c, &b, udp.p + 32, 32);
	put_piece(&c, &a, udp.p, 32);
	put_piece(&c, &b, udp.p + 32, 32);
	r = run(&c);
	cr_assert(r.n == 0 && r.report.fragments_incomplete == 1);
	a.ms = b.ms = T0 + TSN_FRAGMENT_MS + 5; /* but its id may come again later */
	put_piece(&c, &a, udp.p, 32);
	put_piece(&c, &b, udp.p + 32, 32);
	r = run(&c);
	cr_assert(r.n == 1 && r.report.fragments_incomplete == 1);
	bytes_free(&udp);
	end(&c);
}

/* A fragment of which the capture has only a part cannot be used. */
Test(input_fragment, cut_fragments)
{
	struct bytes udp = { 0 };
	struct capture c;
	struct piece a = { false, true, 7, 99, 0, T0 }, b = { false, false, 7, 99, 32, T0 };
	struct result r;

	begin(&c);
	make_udp(&udp, 56);
	put_piece(&c, &a, udp.p, 32);
	put_piece(&c, &b, udp.p + 32, 32);
	c.file.n = 24 + 16 + 52; /* forget the second packet, then write it snapped */
	put_pcap_record(&c.file, T0, c.packet.p, c.packet.n - 5, false, false);
	r = run(&c);
	cr_assert(r.n == 0 && r.report.fragments_incomplete == 1);
	bytes_free(&udp);
	end(&c);
}

/*
 * Random cuts of random datagrams, shuffled, some pieces dropped or doubled:
 * complete exactly when no piece was dropped.
 */
Test(input_fragment, random_shuffles)
{
	uint64_t seed = 7;

	for (int round = 0; round < 300; round++) {
		struct bytes udp = { 0 };
		struct capture c;
		struct {
			unsigned at, n;
		} piece[64];
		unsigned pieces = 0, sent = 0, units;
		uint64_t dropped = 0;
		bool v6 = round & 1;
		struct result r;

		begin(&c);
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		make_udp(&udp, 100 + (seed >> 33) % 3000);
		units = (unsigned)(udp.n / 8);
		for (unsigned at = 0; at < udp.n && pieces < 64;) {
			unsigned n;

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			n = 8 * (1 + (unsigned)(seed >> 33) % (units / 8 + 1));
			if (at + n > udp.n || pieces == 63)
				n = (unsigned)udp.n - at;
			piece[pieces].at = at;
			piece[pieces++].n = n;
			at += n;
		}
		if (pieces < 2)
			piece[0].n = 8, piece[1].at = 8, piece[1].n = (unsigned)udp.n - 8, pieces = 2;
		while (pieces > 0) {
			unsigned pick, what;
			struct piece f;

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			pick = (unsigned)(seed >> 33) % pieces;
			what = (unsigned)(seed >> 40) % 40;
			f = (struct piece){ v6, piece[pick].at + piece[pick].n < udp.n, 7, 99, piece[pick].at, T0 };
			if (what == 0)
				dropped++;
			else
				put_piece(&c, &f, udp.p + f.offset, piece[pick].n), sent++;
			if (what == 1 && pieces > 1) /* after the last one a copy would begin a new datagram */
				put_piece(&c, &f, udp.p + f.offset, piece[pick].n);
			piece[pick] = piece[--pieces];
		}
		r = run(&c);
		cr_assert_eq(r.n, dropped == 0, "round %d: %llu dropped", round, (unsigned long long)dropped);
		cr_assert_eq(r.report.fragments_incomplete, dropped != 0 && sent > 0, "round %d", round);
		bytes_free(&udp);
		end(&c);
	}
}

/* No memory for a datagram's bytes: that one is given up, nothing else happens. */
Test(input_fragment, out_of_memory)
{
	struct tsn_fragments *f = tsn_fragments_new(4);
	uint8_t bytes[64] = { 0 };
	struct tsn_ip ip = { .src = tsn_addr_v4(1), .dst = tsn_addr_v4(2), .payload = bytes, .len = 64, .full = 64, .proto = 17,
		.id = 5, .more = true };

	tsn_mem_fail_at(0, false);
	cr_assert_not(tsn_fragments_add(f, &ip, T0));
	tsn_mem_fail_never();
	cr_assert_eq(tsn_fragments_incomplete(f), 1);
	ip.id = 6;
	cr_assert_not(tsn_fragments_add(f, &ip, T0));
	ip.offset = 64;
	ip.more = false;
	cr_assert(tsn_fragments_add(f, &ip, T0));
	cr_assert_eq(ip.len, 128);
	tsn_fragments_free(f);
	tsn_mem_fail_at(0, true);
	cr_assert_null(tsn_fragments_new(4));
	tsn_mem_fail_at(1, true);
	cr_assert_null(tsn_fragments_new(4));
	tsn_mem_fail_never();
	tsn_fragments_free(NULL);
}
