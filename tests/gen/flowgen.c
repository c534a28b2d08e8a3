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
 * Another network than the usual one: --network ADDR/LEN is where the inside hosts are, --ports the services they talk to,
 * equally often unless one is named more than once. --records N or N-M are in a datagram (the format says how many there may be),
 * --irregular has the exporters take turns without order, the first ones more often than the last. --vlan has a tag in each
 * frame, --pcapng writes the younger kind of file. How flows are sent does not change them: they are the same with and without
 * --irregular, --vlan and --pcapng.
 *
 * --edge makes values that are legal but odd instead, for comparison with other readers: see
 * edge_record() in workload.c. There datagrams hold 1 to 30 records, uptimes wrap 5 s after the
 * beginning, and every exporter but the first has another sampling field.
 */
#include "frames.h"
#include "messages.h"
#include "wire.h"
#include "workload.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
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
	uint32_t least, most;           /* records in a datagram; 0: as many as the format takes */
	const struct shape *shape;
	bool v6, edge, packets, raw, irregular;
	const char *out;
	struct workload load;
	struct frames frames;
	struct sender *sender;          /* of each exporter */
	uint64_t datagrams;
};

struct sender {
	uint32_t records, messages;     /* sent so far */
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
		put32(put32(p, g->sender[who].records), 0);
		return;
	}
	p = put16(put32(p, g->sender[who].records), (who & 0xff));
	put16(p, g->edge ? sampling[who % LEN(sampling)] : 0);
}

/* ---- putting it together ---- */

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
	struct message m = { who, g->sender[who].messages, g->sender[who].records, uptime, now, record, count, g->of.ipv6 > 0, &g->of };

	for (uint32_t i = 0; i < count; i++)
		next_record(g, &record[i], uptime);
	if (g->shape->message != NULL)
		return (uint32_t)g->shape->message(data, &m);
	put_header(g, data, count, who, now);
	for (uint32_t i = 0; i < count; i++)
		put_record(data + g->shape->header + i * g->shape->record, g->shape, &record[i], uptime);
	return g->shape->header + count * g->shape->record;
}

/*
 * Below [n], by the number of the datagram and [what] it is for: not from the workload's random numbers, so that
 * flows are the same however they are sent.
 */
static uint32_t
any(const struct gen *g, uint32_t what, uint32_t n)
{
	uint64_t z = (g->of.seed << 40 ^ g->datagrams << 2 ^ what) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(((z >> 32) * n) >> 32);
}

/* The lesser of two draws: of k exporters the first has twice its share, the last next to nothing. */
static uint32_t
next_exporter(const struct gen *g)
{
	uint32_t a = any(g, 0, g->exporters), b = any(g, 1, g->exporters);

	return !g->irregular ? (uint32_t)(g->datagrams % g->exporters) : a < b ? a : b;
}

static uint32_t
most_records(const struct gen *g)
{
	return g->of.ipv6 > 0 ? g->shape->records_ipv6 : g->shape->records;
}

static uint32_t
next_count(struct gen *g)
{
	uint32_t most = g->most > 0 ? g->most : most_records(g), least = g->least > 0 ? g->least : most;
	uint32_t count = g->edge ? 1 + workload_random(&g->load, most) : least + any(g, 2, most - least + 1);

	return count <= g->of.flows - g->load.made ? count : (uint32_t)(g->of.flows - g->load.made);
}

static bool
write_datagram(struct gen *g)
{
	uint8_t buf[FRAME_BEFORE + MESSAGE_ROOM + FRAME_AFTER];
	uint8_t *data = buf + FRAME_BEFORE;
	uint32_t who = next_exporter(g), len, count = next_count(g);
	uint64_t now = EPOCH_MS + (g->load.made + count) * 1000 / g->rate;

	len = put_message(g, data, count, who, now);
	g->sender[who].records += count;
	g->sender[who].messages++;
	g->datagrams++;
	if (!g->raw)
		return frames_write_export(&g->frames, data, len, who, g->v6, now);
	memset(data + len, 0, RAW_BYTES - len);
	return fwrite(data, 1, RAW_BYTES, g->frames.file) == RAW_BYTES;
}

/* Up to four packets of one flow, a millisecond apart. */
static bool
write_packets(struct gen *g)
{
	uint8_t buf[FRAME_BEFORE + 64 + FRAME_AFTER];
	struct record r;
	uint64_t now = EPOCH_MS + g->load.made * 1000 / g->rate;
	uint32_t mean, n;

	next_record(g, &r, 0);
	mean = r.packets > 0 ? r.bytes / r.packets : 0;
	n = r.packets > 4 ? 4 : r.packets;
	for (uint32_t i = 0; i < n; i++) {
		size_t len = packet_of(buf + FRAME_BEFORE, &r, mean < 40 ? 40 : mean > 1500 ? 1500 : mean);

		if (!frames_write(&g->frames, buf + FRAME_BEFORE, (uint32_t)len, now + i))
			return false;
	}
	return true;
}

static bool
write_all(struct gen *g)
{
	if (!g->raw && !frames_begin(&g->frames))
		return false;
	while (g->load.made < g->of.flows)
		if (!(g->packets ? write_packets(g) : write_datagram(g)))
			return false;
	return fflush(g->frames.file) == 0;
}

static bool
gen_init(struct gen *g)
{
	g->sender = calloc(g->exporters, sizeof(*g->sender));
	return g->sender != NULL && workload_init(&g->load, &g->of);
}

static int
usage(FILE *to)
{
	fputs("usage: flowgen --out FILE [--flows N] [--hosts N] [--rate FLOWS_PER_S] [--seed S]\n"
	    "               [--zipf IN,OUT] [--sources N] [--ipv6 PERCENT] [--values equal|different]\n"
	    "               [--network ADDR/LEN] [--ports PORT[u],...] [--edge]\n"
	    "               [--netflow 0|1|5|7|9|10] [--records N[-M]] [--exporters K] [--irregular] [--v6-exporter]\n"
	    "               [--vlan] [--pcapng] [--packets] [--raw]\n"
	    "Writes a capture of NetFlow exports (pcap, with --pcapng that); the same options give the same bytes.\n"
	    "Defaults: 1000000 flows, 100000 hosts (at most 33554432), 10000 flows/s, seed 1, exponents 1,1 (0 to 4),\n"
	    "1 exporter (at most 65000), NetFlow 5 (10 is IPFIX, 0 sFlow), as many records in a datagram as it takes\n"
	    "(30 of NetFlow 5), network 10.0.0.0/8 (from /8 to /23, below 11.0.0.0 or from 91.0.0.0 on).\n"
	    "--ports names up to 256 services (u: of UDP), each equally often, one named twice twice as often.\n"
	    "--irregular: exporters take turns without order. --edge: legal but odd values. --ipv6: of v9 and IPFIX.\n"
	    "--packets: no exports, but packets of the flows. --raw: messages of NetFlow 5 alone, each in 1464 bytes.\n"
	    "FILE may be - for standard output.\n", to);
	return to == stdout ? 0 : 2;
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

/* "192.168.0.0/16". Outside hosts are from 11 to 90, the hosts' numbers have 9 bits and more. */
static bool
parse_network(struct workload_options *of, const char *text)
{
	unsigned a, b, c, d, len;
	char more;

	if (sscanf(text, "%u.%u.%u.%u/%u%c", &a, &b, &c, &d, &len, &more) != 5 || a > 223 || b > 255 || c > 255 || d > 255)
		return false;
	of->network = a << 24 | b << 16 | c << 8 | d;
	of->network_bits = 32 - len;
	return len >= 8 && len <= 23 && (a < 11 || a > 90) && of->network << len == 0;
}

/* "443,53u,80": services, equally frequent. */
static bool
parse_ports(struct workload_options *of, const char *text)
{
	for (of->nports = 0; of->nports < WORKLOAD_PORTS; text++) {
		char *end;
		unsigned long port = strtoul(text, &end, 10);

		if (end == text || port == 0 || port > 65535)
			return false;
		of->ports[of->nports++] = (struct workload_port){ (uint16_t)port, *end == 'u' };
		text = end + (*end == 'u');
		if (*text != ',')
			return *text == 0;
	}
	return false;
}

static bool
parse_records(struct gen *g, const char *text)
{
	char more;
	int n = sscanf(text, "%" SCNu32 "-%" SCNu32 "%c", &g->least, &g->most, &more);

	if (n == 1 && strspn(text, "0123456789") == strlen(text))
		g->most = g->least;
	else if (n != 2)
		return false;
	return g->least > 0 && g->least <= g->most;
}

/* What of the options does not fit together; NULL: all does. */
static const char *
misfit(const struct gen *g)
{
	if (g->of.hosts / 2 > 1u << g->of.network_bits)
		return "the network has no room for so many hosts";
	if (g->of.ipv6 > 100 || (g->of.ipv6 > 0 && (g->shape->records_ipv6 == 0 || g->packets)))
		return "IPv6, at most 100 per cent, is in NetFlow 9 and IPFIX alone";
	if (g->raw && (g->shape->version != 5 || g->packets || g->frames.pcapng))
		return "raw messages are of NetFlow 5, and in no capture";
	return g->most > most_records(g) ? "a datagram has no room for so many records" : NULL;
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
		{ "network", 1, NULL, 'N' }, { "ports", 1, NULL, 'P' }, { "records", 1, NULL, 'c' }, { "irregular", 0, NULL, 'I' },
		{ "vlan", 0, NULL, 'V' }, { "pcapng", 0, NULL, 'g' }, { "help", 0, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	const char *why;
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
		case 'N': good &= parse_network(&g->of, optarg); break;
		case 'P': good &= parse_ports(&g->of, optarg); break;
		case 'c': good &= parse_records(g, optarg); break;
		case 'I': g->irregular = true; break;
		case 'V': g->frames.vlan = true; break;
		case 'g': g->frames.pcapng = true; break;
		case 'H': exit(usage(stdout));
		default: return false;
		}
	}
	if (!good || optind != argc || g->out == NULL || g->of.hosts == 0 || g->rate == 0 || g->exporters == 0 || g->shape == NULL)
		return false;
	why = misfit(g);
	if (why != NULL)
		fprintf(stderr, "flowgen: %s\n", why);
	return why == NULL;
}

int
main(int argc, char **argv)
{
	static struct gen gen = { .of = { .flows = 1000000, .hosts = 100000, .seed = 1, .zipf_inside = 1000, .zipf_outside = 1000,
		.network = 0x0a000000u, .network_bits = 24 },
		.rate = 10000, .exporters = 1, .shape = &shapes[0] };
	bool good;

	if (!parse(&gen, argc, argv))
		return usage(stderr);
	gen.frames.file = strcmp(gen.out, "-") == 0 ? stdout : fopen(gen.out, "wb");
	if (gen.frames.file == NULL || !gen_init(&gen)) {
		fprintf(stderr, "flowgen: %s: %s\n", gen.out, strerror(errno));
		return 1;
	}
	setvbuf(gen.frames.file, NULL, _IOFBF, 1 << 20);
	good = write_all(&gen);
	if (!good)
		fprintf(stderr, "flowgen: %s: %s\n", gen.out, strerror(errno));
	if (gen.frames.file != stdout && fclose(gen.frames.file) != 0)
		good = false;
	free(gen.sender);
	workload_fini(&gen.load);
	return good ? 0 : 1;
}
