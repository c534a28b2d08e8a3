/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * flowgen: a capture of NetFlow v5 (v1, v7) exports, made up but plausible, byte for byte the same
 * for the same options on every machine (own random numbers, integers only, no clock). Needs libc.
 *
 *     flowgen --flows 10000000 --hosts 1000000 --rate 100000 --seed 1 --out big.pcap
 *
 * workload.h says what the flows are. [rate] of them a second leave from 2026-01-05 00:00:00 UTC
 * on, 30 in a datagram, the datagrams taken in turn by the exporters 198.18.0.1 and up (2001:2::1
 * and up with --v6-exporter), which boot a day apart and number their flows.
 *
 * --netflow 1 or 7 writes the older shapes: 24 records of 48 bytes and no sequence, or 27 of 52.
 * (Some papers give v1 records 52 bytes; softflowd, flow-tools and nfdump agree on 48.)
 *
 * --netflow 9 and 10 (IPFIX) send a template every 512 datagrams, then records of 53 and 69 bytes; --netflow 0
 * is sFlow v5, a sample of one packet for each record, no more of it. --packets writes no exports at all, but
 * up to four packets of each flow, for those who meter.
 *
 * --zipf IN,OUT are the exponents with which hosts inside and outside become rare, --sources N replaces the sources by N
 * equally frequent ones, --ipv6 P (v9 and IPFIX) makes P per cent of the pairs of hosts IPv6 with a template of its own.
 * --values equal repeats one record, --values different never repeats a value while its column has others.
 * --raw leaves away all that is around the messages and fills each up to 1,464 bytes, as SiLK keeps NetFlow v5.
 *
 * --edge makes values that are legal but odd instead, for comparison with other readers: see
 * edge_record() in workload.c. There datagrams hold 1 to 30 records, uptimes wrap 5 s after the
 * beginning, and every exporter but the first has another sampling field.
 */
#include "messages.h"
#include "wire.h"
#include "workload.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_MS 1767571200000ull       /* Monday 2026-01-05 00:00:00 UTC */
#define DAY_MS 86400000ull
#define MAX_RECORD 52
#define MAX_HEADER 24
#define MAX_RECORDS 30
#define RAW_BYTES 1464
#define SOURCES_MAX 1342177280u         /* the places of outside hosts */
#define UDP 17
#define LEN(a) (sizeof(a) / sizeof(*(a)))

/*
 * The versions: those of one family, where [routing] says that AS numbers and masks are in the record, and
 * those with a writer of their own in messages.c.
 */
static const struct shape {
	uint32_t version, header, record, records, records_ipv6;
	bool routing;
	size_t (*message)(uint8_t *p, const struct message *m);
} shapes[] = {
	{ 5, 24, 48, 30, 0, true, NULL }, { 1, 16, 48, 24, 0, false, NULL }, { 7, 24, 52, 27, 0, true, NULL },
	{ 9, 0, 0, V9_RECORDS, V9_RECORDS_IPV6, true, message_v9 },
	{ 10, 0, 0, IPFIX_RECORDS, IPFIX_RECORDS_IPV6, true, message_ipfix },
	{ 0, 0, 0, SFLOW_RECORDS, 0, true, message_sflow },
};

struct gen {
	struct workload_options of;
	uint64_t rate;
	uint32_t exporters;
	const struct shape *shape;
	bool v6, edge, packets, raw;
	const char *out;
	struct workload load;
	FILE *file;
	uint32_t *sequence;             /* of each exporter */
	uint64_t datagrams;
};

/* ---- the wire ---- */

/*
 * Bytes 0..35 are alike in all three. Then v5 and v7: a byte of padding or of v7's validity flags,
 * TCP flags, protocol, TOS, AS numbers, masks, two bytes, and v7's router. v1: two bytes,
 * protocol, TOS, TCP flags, and nothing up to 48.
 */
static void
put_record(uint8_t *p, const struct shape *shape, const struct record *r, uint32_t uptime)
{
	uint32_t end = r->raw_times ? r->age : uptime - r->age;
	uint32_t start = r->raw_times ? r->duration : end - r->duration;

	p = put32(put32(put32(p, r->src), r->dst), r->next_hop);
	p = put16(put16(p, r->in_if), r->out_if);
	p = put32(put32(p, r->packets), r->bytes);
	p = put32(put32(p, start), end);
	p = put16(put16(p, r->src_port), r->dst_port);
	memset(p, 0, shape->record - 36);
	p[1] = shape->routing ? r->flags : 0;
	p[2] = r->proto;
	p[3] = r->tos;
	if (!shape->routing) {
		p[4] = r->flags;
		return;
	}
	put16(put16(p + 4, r->src_as), r->dst_as);
	p[8] = r->src_mask;
	p[9] = r->dst_mask;
	if (shape->version == 7)
		put32(p + 12, r->next_hop);
}

static uint32_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len ? sum + ((uint32_t)*p << 8) : sum;
}

static uint32_t
fold16(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	return sum == 0 ? 0xffff : sum;
}

/* Writes Ethernet and IP headers before the UDP header at [udp]; gives where the frame begins. */
static uint8_t *
put_ip(const struct gen *g, uint8_t *udp, uint32_t len, uint32_t who, uint32_t id)
{
	uint8_t *ip = udp - (g->v6 ? 40 : 20), *p = ip;

	if (g->v6) {
		p = put16(put32(p, 0x60000000u), len);
		p = put16(p, UDP << 8 | 64);
		p = put32(put32(put32(put32(p, 0x20010002u), 0), 0), 1 + who);
		put32(put32(put32(put32(p, 0x20010002u), 0), 0), 0xfffffffeu);
		put16(udp + 6, fold16(sum16(ip + 8, 32 + len, len + UDP)));
	} else {
		p = put32(put32(p, 0x45000000u | (20 + len)), id << 16);
		p = put32(put32(put32(p, 64u << 24 | UDP << 16), 0xc6120001u + who), 0xc613fffeu);
		put16(ip + 10, fold16(sum16(ip, 20, 0)));
		put16(udp + 6, fold16(sum16(ip + 12, 8 + len, len + UDP)));
	}
	memcpy(ip - 14, "\x02\0\0\0\0\xfe\x02\0\0\0\0\1", 12);
	put16(ip - 2, g->v6 ? 0x86dd : 0x0800);
	return ip - 14;
}

static uint32_t
uptime_of(const struct gen *g, uint32_t who, uint64_t now)
{
	return (uint32_t)(now - EPOCH_MS) + (g->edge ? 0xffffffffu - 5000 : (uint32_t)(DAY_MS * (1 + who % 40)));
}

static void
put_header(const struct gen *g, uint8_t *p, uint32_t count, uint32_t who, uint64_t now)
{
	static const uint16_t sampling[] = { 0, 0x4064, 0x0064, 0x8001, 0x7fff, 0x400a, 0xbfff };

	p = put32(put16(put16(p, g->shape->version), count), uptime_of(g, who, now));
	p = put32(put32(p, (uint32_t)(now / 1000)), (uint32_t)(now % 1000) * 1000000u);
	if (g->shape->version == 1)
		return;
	if (g->shape->version == 7) {
		put32(put32(p, g->sequence[who]), 0);
		return;
	}
	p = put16(put32(p, g->sequence[who]), (who & 0xff));
	put16(p, g->edge ? sampling[who % LEN(sampling)] : 0);
}

/* ---- putting it together ---- */

/* There is room for 16 bytes before the frame. */
static bool
write_frame(struct gen *g, uint8_t *frame, uint32_t len, uint64_t now)
{
	uint32_t head[4] = { (uint32_t)(now / 1000), (uint32_t)(now % 1000) * 1000, len, len };

	for (int i = 0; i < 4; i++)         /* little-endian whatever the machine */
		head[i] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(head[i]) : head[i];
	memcpy(frame - 16, head, 16);
	return fwrite(frame - 16, 1, 16 + len, g->file) == 16 + len;
}

static void
next_record(struct gen *g, struct record *r, uint32_t uptime)
{
	if (g->edge)
		workload_next_odd(&g->load, r, uptime);
	else
		workload_next(&g->load, r);
}

/* [count] records as one message; its length. */
static uint32_t
put_message(struct gen *g, uint8_t *data, uint32_t count, uint32_t who, uint64_t now)
{
	struct record record[MAX_RECORDS];
	uint32_t uptime = uptime_of(g, who, now);
	struct message m = { who, (uint32_t)(g->datagrams / g->exporters), g->sequence[who], uptime, now, record, count, g->of.ipv6 > 0 };

	for (uint32_t i = 0; i < count; i++)
		next_record(g, &record[i], uptime);
	if (g->shape->message != NULL)
		return (uint32_t)g->shape->message(data, &m);
	put_header(g, data, count, who, now);
	for (uint32_t i = 0; i < count; i++)
		put_record(data + g->shape->header + i * g->shape->record, g->shape, &record[i], uptime);
	return g->shape->header + count * g->shape->record;
}

static bool
write_datagram(struct gen *g)
{
	uint8_t buf[16 + 14 + 40 + 8 + MESSAGE_ROOM];
	uint8_t *udp = buf + 16 + 14 + 40, *frame;
	uint32_t who = (uint32_t)(g->datagrams % g->exporters), len;
	uint32_t most = g->of.ipv6 > 0 ? g->shape->records_ipv6 : g->shape->records;
	uint32_t count = g->edge ? 1 + workload_random(&g->load, most) : most;
	uint64_t now;

	if (count > g->of.flows - g->load.made)
		count = (uint32_t)(g->of.flows - g->load.made);
	now = EPOCH_MS + (g->load.made + count) * 1000 / g->rate;
	len = 8 + put_message(g, udp + 8, count, who, now);
	g->sequence[who] += count;
	if (g->raw) {
		memset(udp + len, 0, RAW_BYTES + 8 - len);
		g->datagrams++;
		return fwrite(udp + 8, 1, RAW_BYTES, g->file) == RAW_BYTES;
	}
	put32(put16(put16(udp, 20000 + who % 40000), 2055), len << 16);
	frame = put_ip(g, udp, len, who, (uint32_t)g->datagrams & 0xffff);
	g->datagrams++;
	return write_frame(g, frame, (uint32_t)(udp + len - frame), now);
}

/* Up to four packets of one flow, a millisecond apart. */
static bool
write_packets(struct gen *g)
{
	uint8_t buf[16 + 64];
	struct record r;
	uint64_t now = EPOCH_MS + g->load.made * 1000 / g->rate;
	uint32_t mean, n;

	next_record(g, &r, 0);
	mean = r.packets > 0 ? r.bytes / r.packets : 0;
	n = r.packets > 4 ? 4 : r.packets;
	for (uint32_t i = 0; i < n; i++) {
		size_t len = packet_of(buf + 16, &r, mean < 40 ? 40 : mean > 1500 ? 1500 : mean);

		if (!write_frame(g, buf + 16, (uint32_t)len, now + i))
			return false;
	}
	return true;
}

static bool
write_all(struct gen *g)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 4, 0, 1, 0, 0, 0 };       /* microseconds, snaplen 262144, Ethernet */

	if (!g->raw && fwrite(head, 1, sizeof(head), g->file) != sizeof(head))
		return false;
	while (g->load.made < g->of.flows)
		if (!(g->packets ? write_packets(g) : write_datagram(g)))
			return false;
	return fflush(g->file) == 0;
}

static bool
gen_init(struct gen *g)
{
	g->sequence = calloc(g->exporters, sizeof(*g->sequence));
	return g->sequence != NULL && workload_init(&g->load, &g->of);
}

static int
usage(void)
{
	fputs("usage: flowgen --out FILE [--flows N] [--hosts N] [--rate FLOWS_PER_S] [--seed S]\n"
	    "               [--exporters K] [--v6-exporter] [--netflow 0|1|5|7|9|10] [--packets] [--edge]\n"
	    "               [--zipf IN,OUT] [--sources N] [--ipv6 PERCENT] [--values equal|different] [--raw]\n"
	    "Writes a pcap of NetFlow exports; the same options give the same bytes.\n"
	    "Defaults: 1000000 flows, 100000 hosts (at most 33554432), 10000 flows/s, seed 1,\n"
	    "1 exporter (at most 65000), NetFlow 5 (10 is IPFIX, 0 sFlow), exponents 1,1 (0 to 4).\n"
	    "FILE may be - for standard output.\n", stderr);
	return 2;
}

static const struct shape *
find_shape(uint64_t version)
{
	for (size_t i = 0; i < LEN(shapes); i++)
		if (shapes[i].version == version)
			return &shapes[i];
	return NULL;
}

/* "0.9,1.05": thousandths. False if there is anything else. */
static bool
parse_exponents(struct workload_options *of, const char *text)
{
	double in, out;
	char more;

	if (sscanf(text, "%lf,%lf%c", &in, &out, &more) != 2 || !(in >= 0 && in <= 4 && out >= 0 && out <= 4))
		return false;
	of->zipf_inside = (uint32_t)(in * 1000 + 0.5);
	of->zipf_outside = (uint32_t)(out * 1000 + 0.5);
	return true;
}

static bool
parse_values(struct workload_options *of, const char *text)
{
	of->values = strcmp(text, "equal") == 0 ? WORKLOAD_EQUAL : WORKLOAD_DIFFERENT;
	return of->values == WORKLOAD_EQUAL || strcmp(text, "different") == 0;
}

/* What does not fit together: formats without IPv6, and raw messages longer than their place. */
static bool
fits(const struct gen *g)
{
	return g->of.ipv6 <= 100 && (g->of.ipv6 == 0 || (g->shape->records_ipv6 > 0 && !g->packets)) &&
	    (!g->raw || (g->shape->version == 5 && !g->packets));
}

static bool
parse(struct gen *g, int argc, char **argv)
{
	static const struct option options[] = {
		{ "flows", 1, NULL, 'f' }, { "hosts", 1, NULL, 'h' }, { "rate", 1, NULL, 'r' },
		{ "seed", 1, NULL, 's' }, { "exporters", 1, NULL, 'k' }, { "v6-exporter", 0, NULL, '6' },
		{ "edge", 0, NULL, 'e' }, { "netflow", 1, NULL, 'n' }, { "out", 1, NULL, 'o' },
		{ "packets", 0, NULL, 'p' }, { "zipf", 1, NULL, 'z' }, { "sources", 1, NULL, 'S' },
		{ "ipv6", 1, NULL, 'i' }, { "values", 1, NULL, 'v' }, { "raw", 0, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t n = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'f': g->of.flows = n; break;
		case 'h': g->of.hosts = n < 33554432 ? (uint32_t)n : 33554432; break;
		case 'r': g->rate = n; break;
		case 's': g->of.seed = n; break;
		case 'k': g->exporters = n < 65000 ? (uint32_t)n : 65000; break;
		case '6': g->v6 = true; break;
		case 'e': g->edge = true; break;
		case 'n': g->shape = find_shape(n); break;
		case 'p': g->packets = true; break;
		case 'z': good &= parse_exponents(&g->of, optarg); break;
		case 'S': g->of.sources = n < SOURCES_MAX ? (uint32_t)n : SOURCES_MAX; break;
		case 'i': g->of.ipv6 = n <= 100 ? (uint32_t)n : UINT32_MAX; break;
		case 'v': good &= parse_values(&g->of, optarg); break;
		case 'R': g->raw = true; break;
		case 'o': g->out = optarg; break;
		default: return false;
		}
	}
	return good && optind == argc && g->out != NULL && g->of.hosts > 0 && g->rate > 0 && g->exporters > 0 &&
	    g->shape != NULL && fits(g);
}

int
main(int argc, char **argv)
{
	static struct gen gen = { .of = { .flows = 1000000, .hosts = 100000, .seed = 1, .zipf_inside = 1000, .zipf_outside = 1000 },
		.rate = 10000, .exporters = 1, .shape = &shapes[0] };
	bool good;

	if (!parse(&gen, argc, argv))
		return usage();
	gen.file = strcmp(gen.out, "-") == 0 ? stdout : fopen(gen.out, "wb");
	if (gen.file == NULL || !gen_init(&gen)) {
		fprintf(stderr, "flowgen: %s: %s\n", gen.out, strerror(errno));
		return 1;
	}
	setvbuf(gen.file, NULL, _IOFBF, 1 << 20);
	good = write_all(&gen);
	if (!good)
		fprintf(stderr, "flowgen: %s: %s\n", gen.out, strerror(errno));
	if (gen.file != stdout && fclose(gen.file) != 0)
		good = false;
	free(gen.sequence);
	workload_fini(&gen.load);
	return good ? 0 : 1;
}
