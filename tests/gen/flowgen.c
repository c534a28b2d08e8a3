/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * flowgen: a capture of NetFlow v5 exports, made up but plausible, byte for byte the same for the
 * same options on every machine (own random numbers, integers only, no clock). Needs libc only.
 *
 *     flowgen --flows 10000000 --hosts 1000000 --rate 100000 --seed 1 --out big.pcap
 *
 * The workload. Half of the hosts are inside (10.0.0.0/8), half outside, spread over ordinary
 * public addresses. Who speaks is drawn by Zipf's law (exponent 1) on each side. Of the
 * first records of conversations
 *
 *     78 %  ordinary: web, QUIC, DNS, NTP, mail, ssh, some peer to peer, a little GRE and ESP;
 *           heavy-tailed packets and bytes; a quarter is opened from outside
 *      9 %  64 scanners outside, a SYN each at one port of successive inside addresses
 *      3 %  16 spam bots inside, port 25 of many servers
 *      3 %  Slammer, as 9 % of the middle third: 256 infected hosts inside, UDP port 1434 of
 *           random addresses, one packet of 404 bytes
 *      5 %  a UDP flood, as 20 % of the quarter after the middle: any outside host, one victim
 *      2 %  ICMP echo, unreachable and time exceeded
 *
 * and so many are answered by a second record, some records later, that 70 % of all records have
 * a counterpart. Flows leave when they end or up to 5 s later, [rate] of them a second, starting
 * on 2026-01-05 00:00:00 UTC, 30 in a datagram, the datagrams taken in turn by the exporters
 * 198.18.0.1 and up (2001:2::1 with --v6-exporter), which boot a day apart and count their flows.
 *
 * --edge makes values that are legal but odd instead, for comparison with other readers: see
 * edge_record(). There datagrams hold 1 to 30 records, uptimes wrap 5 s after the beginning, and
 * every exporter but the first has another sampling field.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_MS 1767571200000ull       /* Monday 2026-01-05 00:00:00 UTC */
#define DAY_MS 86400000ull
#define RECORD 48
#define HEADER 24
#define MAX_RECORDS 30
#define PENDING 4096                    /* answers on their way; a power of two */
#define VICTIM 0x0a000050u
#define LEN(a) (sizeof(a) / sizeof(*(a)))

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ESP = 50 };

struct record {
	uint32_t src, dst, next_hop, packets, bytes;
	uint32_t duration, age;         /* ms; age is from the end to the export */
	uint16_t src_port, dst_port, in_if, out_if, src_as, dst_as;
	uint8_t flags, proto, tos, src_mask, dst_mask;
	bool raw_times;                 /* edge: duration and age are the start and end fields */
};

/* Vose's alias table: a slot keeps itself with [keep] of 2^32 chances, else gives [other]. */
struct alias {
	uint32_t n, *keep, *other;
};

struct gen {
	uint64_t flows, rate, seed;
	uint32_t hosts, exporters;
	bool v6, edge;
	const char *out;
	uint64_t rng[4];
	struct alias zipf;
	uint32_t inside_bits;
	uint64_t made;                  /* records so far */
	struct record answer[PENDING];  /* a ring; each leaves when its turn has come */
	uint64_t due[PENDING];
	uint32_t first, waiting;
	uint32_t scan_step[64];
	FILE *file;
	uint32_t *sequence;             /* of each exporter */
	uint64_t datagrams;
};

/* ---- random numbers: xoshiro256** (Blackman and Vigna), seeded by splitmix64 ---- */

static uint64_t
rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static uint64_t
rnd64(struct gen *g)
{
	uint64_t *s = g->rng;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* 0 .. n-1; n is small against 2^32, so the bias does not show. */
static uint32_t
rnd(struct gen *g, uint32_t n)
{
	return (uint32_t)(((rnd64(g) >> 32) * n) >> 32);
}

static void
seed_rng(struct gen *g)
{
	uint64_t x = g->seed;

	for (int i = 0; i < 4; i++) {
		uint64_t z = x += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		g->rng[i] = z ^ z >> 31;
	}
}

/* ---- who speaks ---- */

/* Weights 2^40/k for rank k, all in integers, so that every machine builds the same table. */
static bool
zipf_init(struct alias *a, uint32_t n)
{
	uint64_t *w = malloc(n * sizeof(*w)), total = 0, mean;
	uint32_t *stack = malloc(n * sizeof(*stack));
	uint32_t small = 0, large = n;

	a->n = n;
	a->keep = malloc(n * sizeof(*a->keep));
	a->other = malloc(n * sizeof(*a->other));
	if (w == NULL || stack == NULL || a->keep == NULL || a->other == NULL) {
		free(w);
		free(stack);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		total += w[i] = (1ull << 40) / (i + 1);
	mean = total / n;
	for (uint32_t i = 0; i < n; i++) {
		a->other[i] = i;
		a->keep[i] = UINT32_MAX;
		if (w[i] < mean)
			stack[small++] = i;
		else
			stack[--large] = i;
	}
	while (small > 0 && large < n) {
		uint32_t lo = stack[--small], hi = stack[large];

		a->keep[lo] = (uint32_t)(((unsigned __int128)w[lo] << 32) / mean);
		a->other[lo] = hi;
		w[hi] -= mean - w[lo];
		if (w[hi] < mean) {
			large++;
			stack[small++] = hi;
		}
	}
	free(w);
	free(stack);
	return true;
}

static uint32_t
zipf(struct gen *g)
{
	uint64_t r = rnd64(g);
	uint32_t slot = (uint32_t)(((r >> 32) * g->zipf.n) >> 32);

	return (uint32_t)r <= g->zipf.keep[slot] ? slot : g->zipf.other[slot];
}

/* Rank to address, one to one: an odd factor permutes the numbers of a power of two. */
static uint32_t
inside(const struct gen *g, uint32_t rank)
{
	return 0x0a000000u | ((rank * 0x9e3779b1u + 0x155) & ((1u << g->inside_bits) - 1));
}

/* First octets that hold no special prefix; the rank chooses one and a place in it. */
static uint32_t
outside(uint32_t rank)
{
	uint32_t octet = 11 + rank % 80;

	return octet << 24 | (((rank / 80) * 0x9e3779b1u + octet * 0x3c6ef3u) & 0xffffffu);
}

/* ---- records ---- */

static void
fill(struct record *r, uint32_t src, uint32_t dst, uint16_t src_port, uint16_t dst_port,
    uint8_t proto, uint8_t flags)
{
	*r = (struct record){ .src = src, .dst = dst, .src_port = src_port, .dst_port = dst_port,
		.proto = proto, .flags = flags, .packets = 1, .bytes = 40 };
}

/* Packets: half of the flows have 1, each doubling is half as frequent; sizes by direction. */
static void
fill_volume(struct gen *g, struct record *r, uint32_t most)
{
	uint32_t p = 1 + rnd(g, 2);

	while (p < most && rnd(g, 100) < 52)
		p += p + rnd(g, 2);
	r->packets = p;
	r->bytes = p * (rnd(g, 4) == 0 ? 600 + rnd(g, 900) : 44 + rnd(g, 300));
	r->duration = p == 1 ? 0 : (p > 600 ? 60000 : p * rnd(g, 100));
}

static uint8_t
some_tos(struct gen *g)
{
	static const uint8_t tos[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x28, 0x48, 0x88, 0xb8 };

	return tos[rnd(g, LEN(tos))];
}

/* Ports of a thousand ordinary conversations. */
static const struct service {
	uint16_t share, port;
	uint8_t proto;
} services[] = {
	{ 450, 443, TCP }, { 170, 53, UDP }, { 150, 80, TCP }, { 50, 443, UDP }, { 30, 123, UDP },
	{ 15, 22, TCP }, { 15, 25, TCP }, { 12, 993, TCP }, { 10, 587, TCP }, { 10, 8080, TCP },
	{ 10, 445, TCP }, { 8, 5060, UDP }, { 5, 3389, TCP }, { 5, 161, UDP }, { 3, 0, GRE },
	{ 2, 0, ESP }, { 30, 1, TCP }, { 25, 1, UDP },      /* port 1: any high one */
};

static void
make_ordinary(struct gen *g, struct record *r)
{
	static const uint8_t ends[] = { SYN | ACK | PSH | FIN, SYN | ACK | PSH | FIN,
		SYN | ACK | PSH | FIN, SYN | ACK | PSH | RST, ACK | PSH, SYN | ACK | FIN };
	uint32_t in = inside(g, zipf(g)), out = outside(zipf(g)), pick = rnd(g, 1000);
	const struct service *s = services;
	bool inbound = rnd(g, 4) == 0;
	uint16_t high = (uint16_t)(1024 + rnd(g, 64512)), port;

	while (pick >= s->share)
		pick -= s++->share;
	port = s->port == 1 ? (uint16_t)(1024 + rnd(g, 64512)) : s->port;
	if (s->proto != TCP && s->proto != UDP)
		high = 0;
	fill(r, inbound ? out : in, inbound ? in : out, high, port, s->proto,
	    s->proto == TCP ? ends[rnd(g, LEN(ends))] : 0);
	fill_volume(g, r, s->port == 53 || s->port == 123 ? 1 : 16384);
	r->tos = some_tos(g);
}

static void
make_scan(struct gen *g, struct record *r)
{
	static const uint16_t ports[] = { 23, 22, 445, 3389, 80, 8080, 5900, 1433 };
	uint32_t who = rnd(g, 64);
	uint32_t where = (who << 12) + g->scan_step[who]++;

	fill(r, 0xb9000000u | who * 0x010307u, 0x0a000000u | (where & ((1u << g->inside_bits) - 1)),
	    (uint16_t)(40000 + who), ports[who % LEN(ports)], TCP, SYN);
	r->bytes = 44;
}

static void
make_spam(struct gen *g, struct record *r)
{
	fill(r, inside(g, 100 + rnd(g, 16)), outside(zipf(g)), (uint16_t)(1024 + rnd(g, 64512)), 25,
	    TCP, SYN | ACK | PSH | FIN);
	r->packets = 8 + rnd(g, 12);
	r->bytes = r->packets * 60 + rnd(g, 6000);
	r->duration = 300 + rnd(g, 4000);
}

static void
make_slammer(struct gen *g, struct record *r)
{
	uint32_t who = rnd(g, 256);

	fill(r, inside(g, 200 + who), outside((uint32_t)rnd64(g)), (uint16_t)(1025 + who), 1434, UDP,
	    0);
	r->bytes = 404;
}

static void
make_flood(struct gen *g, struct record *r)
{
	fill(r, outside(rnd(g, g->zipf.n)), VICTIM, (uint16_t)(1024 + rnd(g, 64512)),
	    (uint16_t)rnd(g, 65536), UDP, 0);
	r->packets = 1 + rnd(g, 3);
	r->bytes = r->packets * 1428;
}

static void
make_icmp(struct gen *g, struct record *r)
{
	static const uint16_t kinds[] = { 2048, 2048, 2048, 2048, 769, 771, 2816 };

	fill(r, inside(g, zipf(g)), outside(zipf(g)), 0, kinds[rnd(g, LEN(kinds))], ICMP, 0);
	r->packets = r->dst_port == 2048 ? 1 + rnd(g, 10) : 1;
	r->bytes = r->packets * 84;
	r->duration = (r->packets - 1) * 1000;
}

/* What the edge router knows: interfaces by side, mask and AS of outside, the next hop. */
static void
add_routing(struct record *r)
{
	bool from_in = r->src >> 24 == 10, to_in = r->dst >> 24 == 10;

	r->in_if = from_in ? (uint16_t)(1 + (r->src >> 8) % 4) : 10;
	r->out_if = to_in ? (uint16_t)(1 + (r->dst >> 8) % 4) : 10;
	r->src_as = from_in ? 0 : (uint16_t)(1000 + (r->src >> 16) % 5000);
	r->dst_as = to_in ? 0 : (uint16_t)(1000 + (r->dst >> 16) % 5000);
	r->src_mask = from_in ? 24 : 16;
	r->dst_mask = to_in ? 24 : 16;
	r->next_hop = to_in ? (r->dst & 0xffffff00u) | 1 : 0xc6130001u;
}

/* Draws a kind by the shares of the head comment; false if this one is never answered. */
static bool
make_first(struct gen *g, struct record *r)
{
	uint32_t pick = rnd(g, 1000);
	uint64_t third = g->flows / 3, quarter = g->flows / 4;
	bool outbreak = g->made >= third && g->made < 2 * third;
	bool flood = g->made >= 2 * quarter && g->made < 3 * quarter;

	if (pick < 90) {
		make_scan(g, r);
		return rnd(g, 10) == 0;
	}
	if (pick < 120) {
		make_spam(g, r);
		return rnd(g, 20) != 0;
	}
	if (pick < 140) {
		make_icmp(g, r);
		return r->dst_port == 2048;
	}
	if (outbreak && pick < 230) {
		make_slammer(g, r);
		return false;
	}
	if (flood && pick >= 800) {
		make_flood(g, r);
		return false;
	}
	make_ordinary(g, r);
	if (rnd(g, 1000) < 635)
		return true;
	if (r->proto == TCP && rnd(g, 2) == 0) {
		r->flags = SYN;                 /* nobody there */
		r->packets = 1 + rnd(g, 3);
		r->bytes = r->packets * 60;
		r->duration = (r->packets - 1) * 1000;
	}
	return false;
}

static void
make_answer(struct gen *g, struct record *a, const struct record *r)
{
	fill(a, r->dst, r->src, r->dst_port, r->src_port, r->proto, r->flags);
	a->tos = r->tos;
	a->duration = r->duration;
	if (r->flags == SYN) {
		a->flags = RST | ACK;
	} else if (r->proto == ICMP) {
		a->src_port = a->dst_port = 0;  /* echo reply: type 0 */
		a->packets = r->packets;
		a->bytes = r->bytes;
	} else {
		a->packets = 1 + r->packets * (50 + rnd(g, 150)) / 100;
		a->bytes = a->packets * (r->src >> 24 == 10 ? 100 + rnd(g, 1300) : 44 + rnd(g, 200));
	}
}

/* ---- odd values ---- */

static uint32_t
odd32(struct gen *g, uint32_t usual)
{
	static const uint32_t odd[] = { 0, 1, 2, 28, 40, 404, 65535, 65536, 0x7fffffff, 0x80000000u,
		0xfffffffeu, 0xffffffffu };

	switch (rnd(g, 4)) {
	case 0:
		return odd[rnd(g, LEN(odd))];
	case 1:
		return (uint32_t)rnd64(g);
	default:
		return 1 + rnd(g, usual);
	}
}

static uint16_t
odd16(struct gen *g)
{
	static const uint16_t odd[] = { 0, 1, 22, 25, 53, 80, 255, 256, 443, 769, 771, 1023, 1024, 1434,
		2048, 2816, 6000, 6063, 6064, 12345, 32767, 32768, 65534, 65535 };

	return rnd(g, 4) == 0 ? (uint16_t)rnd64(g) : odd[rnd(g, LEN(odd))];
}

static uint32_t
odd_address(struct gen *g)
{
	static const uint32_t odd[] = { 0, 1, 0x09ffffffu, 0x0a000000u, 0x0affffffu, 0x0b000000u,
		0x7f000001u, 0xa9fe0000u, 0xac100000u, 0xac1fffffu, 0xac200000u, 0xc0000200u, 0xc0a80000u,
		0xc0a8ffffu, 0xc6120000u, 0xc613ffffu, 0xdfffffffu, 0xe0000001u, 0xefffffffu,
		0xf0000000u, 0xffffffffu };

	switch (rnd(g, 4)) {
	case 0:
		return odd[rnd(g, LEN(odd))];
	case 1:
		return (uint32_t)rnd64(g);
	default:
		return 0x0a000000u + rnd(g, 2000);
	}
}

/*
 * Times as the record's own fields: mostly sane; also equal, start after end, end after the
 * export, and ages of hours. All are taken modulo 2^32, as a router's clock would.
 */
static void
odd_times(struct gen *g, struct record *r, uint32_t uptime)
{
	uint32_t end = uptime - rnd(g, 5000), kind = rnd(g, 16);

	if (kind == 0)
		end = uptime + rnd(g, 100000);
	else if (kind == 1)
		end = uptime - rnd(g, 20000000);
	r->raw_times = true;
	r->age = end;
	r->duration = end - (kind < 4 ? 0 : rnd(g, 60000));
	if (kind == 4)
		r->duration = end + 1 + rnd(g, 10000);
}

/* Every field by itself, so that the oracle sees all combinations; flags take all 256 values. */
static void
edge_record(struct gen *g, struct record *r, uint32_t uptime)
{
	static const uint8_t protos[] = { 0, 1, 1, 2, 6, 6, 6, 6, 17, 17, 17, 33, 41, 46, 47, 50, 51, 58,
		89, 103, 132, 136, 254, 255 };

	fill(r, odd_address(g), odd_address(g), odd16(g), odd16(g),
	    rnd(g, 8) == 0 ? (uint8_t)rnd64(g) : protos[rnd(g, LEN(protos))],
	    (uint8_t)(rnd(g, 2) == 0 ? g->made : rnd(g, 64)));
	r->packets = odd32(g, 100);
	r->bytes = odd32(g, 100000);
	r->tos = (uint8_t)rnd64(g);
	r->in_if = odd16(g);
	r->out_if = odd16(g);
	r->src_as = odd16(g);
	r->dst_as = odd16(g);
	r->src_mask = (uint8_t)(rnd(g, 16) == 0 ? rnd(g, 256) : rnd(g, 33));
	r->dst_mask = (uint8_t)(rnd(g, 16) == 0 ? rnd(g, 256) : rnd(g, 33));
	r->next_hop = odd_address(g);
	odd_times(g, r, uptime);
}

/* ---- the wire ---- */

static uint8_t *
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v & 0xffff);
}

static void
put_record(uint8_t *p, const struct record *r, uint32_t uptime)
{
	uint32_t end = r->raw_times ? r->age : uptime - r->age;
	uint32_t start = r->raw_times ? r->duration : end - r->duration;

	p = put32(put32(put32(p, r->src), r->dst), r->next_hop);
	p = put16(put16(p, r->in_if), r->out_if);
	p = put32(put32(p, r->packets), r->bytes);
	p = put32(put32(p, start), end);
	p = put16(put16(p, r->src_port), r->dst_port);
	*p++ = 0;
	*p++ = r->flags;
	*p++ = r->proto;
	*p++ = r->tos;
	p = put16(put16(p, r->src_as), r->dst_as);
	*p++ = r->src_mask;
	*p++ = r->dst_mask;
	put16(p, 0);
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

static void
put_header(const struct gen *g, uint8_t *p, uint32_t count, uint32_t who, uint64_t now)
{
	static const uint16_t sampling[] = { 0, 0x4064, 0x0064, 0x8001, 0x7fff, 0x400a, 0xbfff };
	uint32_t uptime = (uint32_t)(now - EPOCH_MS);

	uptime += g->edge ? 0xffffffffu - 5000 : (uint32_t)(DAY_MS * (1 + who % 40));
	p = put32(put16(put16(p, 5), count), uptime);
	p = put32(put32(p, (uint32_t)(now / 1000)), (uint32_t)(now % 1000) * 1000000u);
	p = put16(put32(p, g->sequence[who]), (who & 0xff));
	put16(p, g->edge ? sampling[who % LEN(sampling)] : 0);
}

/* ---- putting it together ---- */

static void
next_record(struct gen *g, struct record *r)
{
	if (g->waiting > 0 && g->due[g->first] <= g->made) {
		*r = g->answer[g->first];
		g->first = (g->first + 1) % PENDING;
		g->waiting--;
		return;
	}
	if (make_first(g, r) && g->waiting < PENDING) {
		uint32_t slot = (g->first + g->waiting++) % PENDING;

		make_answer(g, &g->answer[slot], r);
		add_routing(&g->answer[slot]);
		g->answer[slot].age = rnd(g, 3) == 0 ? rnd(g, 5000) : rnd(g, 100);
		g->due[slot] = g->made + 1 + rnd(g, 200);
	}
	add_routing(r);
	r->age = rnd(g, 3) == 0 ? rnd(g, 5000) : rnd(g, 100);
}

static bool
write_datagram(struct gen *g)
{
	uint8_t buf[16 + 14 + 40 + 8 + HEADER + MAX_RECORDS * RECORD];
	uint8_t *udp = buf + 16 + 14 + 40, *data = udp + 8, *frame;
	uint32_t who = (uint32_t)(g->datagrams % g->exporters), len, caplen, head[4];
	uint32_t count = g->edge ? 1 + rnd(g, MAX_RECORDS) : MAX_RECORDS, uptime;
	uint64_t now;

	if (count > g->flows - g->made)
		count = (uint32_t)(g->flows - g->made);
	now = EPOCH_MS + (g->made + count) * 1000 / g->rate;
	put_header(g, data, count, who, now);
	uptime = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
	for (uint32_t i = 0; i < count; i++, g->made++) {
		struct record r;

		if (g->edge)
			edge_record(g, &r, uptime);
		else
			next_record(g, &r);
		put_record(data + HEADER + i * RECORD, &r, uptime);
	}
	len = 8 + HEADER + count * RECORD;
	put32(put16(put16(udp, 20000 + who % 40000), 2055), len << 16);
	frame = put_ip(g, udp, len, who, (uint32_t)g->datagrams & 0xffff);
	g->sequence[who] += count;
	g->datagrams++;
	caplen = (uint32_t)(udp + len - frame);
	head[0] = (uint32_t)(now / 1000);
	head[1] = (uint32_t)(now % 1000) * 1000;
	head[2] = head[3] = caplen;
	for (int i = 0; i < 4; i++)         /* little-endian whatever the machine */
		head[i] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(head[i]) : head[i];
	memcpy(frame - 16, head, 16);
	return fwrite(frame - 16, 1, 16 + caplen, g->file) == 16 + caplen;
}

static bool
write_all(struct gen *g)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 4, 0, 1, 0, 0, 0 };       /* microseconds, snaplen 262144, Ethernet */

	if (fwrite(head, 1, sizeof(head), g->file) != sizeof(head))
		return false;
	while (g->made < g->flows)
		if (!write_datagram(g))
			return false;
	return fflush(g->file) == 0;
}

static bool
gen_init(struct gen *g)
{
	uint32_t side = g->hosts / 2 > 0 ? g->hosts / 2 : 1;

	while ((1u << g->inside_bits) < side || g->inside_bits < 9)
		g->inside_bits++;               /* the bots and the victim need some room */
	g->sequence = calloc(g->exporters, sizeof(*g->sequence));
	seed_rng(g);
	return g->sequence != NULL && zipf_init(&g->zipf, side);
}

static int
usage(void)
{
	fputs("usage: flowgen --out FILE [--flows N] [--hosts N] [--rate FLOWS_PER_S] [--seed S]\n"
	    "               [--exporters K] [--v6-exporter] [--edge]\n"
	    "Writes a pcap of NetFlow v5 exports; the same options give the same bytes.\n"
	    "Defaults: 1000000 flows, 100000 hosts (at most 33554432), 10000 flows/s, seed 1,\n"
	    "1 exporter (at most 65000). FILE may be - for standard output.\n", stderr);
	return 2;
}

static bool
parse(struct gen *g, int argc, char **argv)
{
	static const struct option options[] = {
		{ "flows", 1, NULL, 'f' }, { "hosts", 1, NULL, 'h' }, { "rate", 1, NULL, 'r' },
		{ "seed", 1, NULL, 's' }, { "exporters", 1, NULL, 'k' }, { "v6-exporter", 0, NULL, '6' },
		{ "edge", 0, NULL, 'e' }, { "out", 1, NULL, 'o' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t n = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'f': g->flows = n; break;
		case 'h': g->hosts = n < 33554432 ? (uint32_t)n : 33554432; break;
		case 'r': g->rate = n; break;
		case 's': g->seed = n; break;
		case 'k': g->exporters = n < 65000 ? (uint32_t)n : 65000; break;
		case '6': g->v6 = true; break;
		case 'e': g->edge = true; break;
		case 'o': g->out = optarg; break;
		default: return false;
		}
	}
	return optind == argc && g->out != NULL && g->hosts > 0 && g->rate > 0 && g->exporters > 0;
}

int
main(int argc, char **argv)
{
	static struct gen gen = { .flows = 1000000, .hosts = 100000, .rate = 10000, .seed = 1,
		.exporters = 1 };
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
	free(gen.zipf.keep);
	free(gen.zipf.other);
	return good ? 0 : 1;
}
