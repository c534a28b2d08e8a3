/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "workload.h"

#include <stdlib.h>

#define VICTIM 0x50u /* the host of the network that is flooded */
#define LEN(a) (sizeof(a) / sizeof(*(a)))

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ESP = 50 };

/* ---- random numbers: xoshiro256** (Blackman and Vigna), seeded by splitmix64 ---- */

static uint64_t
rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static uint64_t
rnd64(struct workload *g)
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
rnd(struct workload *g, uint32_t n)
{
	return (uint32_t)(((rnd64(g) >> 32) * n) >> 32);
}

static void
seed_rng(struct workload *g, uint64_t x)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = x += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		g->rng[i] = z ^ z >> 31;
	}
}

/* ---- who speaks ---- */

/* The largest whole number whose square is not above [x]. */
static uint64_t
root(unsigned __int128 x)
{
	uint64_t r = 0;

	for (uint64_t bit = 1ull << 63; bit != 0; bit >>= 1)
		if ((unsigned __int128)(r | bit) * (r | bit) <= x)
			r |= bit;
	return r;
}

/* log2(k) in 32.32, bit by bit: squaring a number doubles its logarithm. k >= 1 */
static uint64_t
log2_fixed(uint32_t k)
{
	uint32_t whole = 31 - (uint32_t)__builtin_clz(k);
	uint64_t m = (uint64_t)k << (62 - whole), log = whole; /* 1 <= m < 2, in 2.62 */

	for (int i = 0; i < 32; i++) {
		m = (uint64_t)((unsigned __int128)m * m >> 62);
		log = log << 1 | m >> 63;
		m >>= m >> 63;
	}
	return log;
}

/* Weights 2^40/k^s for rank k, s in thousandths, all in integers, so that every machine builds the same table. */
static void
zipf_weights(uint64_t *w, uint32_t n, uint32_t exponent)
{
	uint64_t half_of[32]; /* 2^-(2^-i) in 0.63, i from 1 */

	half_of[0] = root((unsigned __int128)1 << 125);
	for (int i = 1; i < 32; i++)
		half_of[i] = root((unsigned __int128)half_of[i - 1] << 63);
	for (uint32_t k = 1; k <= n; k++) {
		uint64_t e = log2_fixed(k) * exponent / 1000, m = 1ull << 63;

		for (int i = 0; i < 32; i++)
			if (e >> (31 - i) & 1)
				m = (uint64_t)((unsigned __int128)m * half_of[i] >> 63);
		w[k - 1] = e >> 32 >= 40 ? 1 : (m >> 23 >> (e >> 32)) + 1;
	}
}

static bool
zipf_init(struct alias *a, uint32_t n, uint32_t exponent)
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
	if (exponent != 1000)
		zipf_weights(w, n, exponent);
	for (uint32_t i = 0; i < n; i++)
		total += exponent != 1000 ? w[i] : (w[i] = (1ull << 40) / (i + 1));
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
zipf(struct workload *g, const struct alias *a)
{
	uint64_t r = rnd64(g);
	uint32_t slot = (uint32_t)(((r >> 32) * a->n) >> 32);

	return (uint32_t)r <= a->keep[slot] ? slot : a->other[slot];
}

/* A host of the network; numbers go round. */
static uint32_t
host(const struct workload *g, uint32_t number)
{
	return g->options.network | (number & ((1u << g->inside_bits) - 1));
}

/* Rank to address, one to one: an odd factor permutes the numbers of a power of two. */
static uint32_t
inside(const struct workload *g, uint32_t rank)
{
	return host(g, rank * 0x9e3779b1u + 0x155);
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
fill_volume(struct workload *g, struct record *r, uint32_t most)
{
	uint32_t p = 1 + rnd(g, 2);

	while (p < most && rnd(g, 100) < 52)
		p += p + rnd(g, 2);
	r->packets = p;
	r->bytes = p * (rnd(g, 4) == 0 ? 600 + rnd(g, 900) : 44 + rnd(g, 300));
	r->duration = p == 1 ? 0 : (p > 600 ? 60000 : p * rnd(g, 100));
}

static uint8_t
some_tos(struct workload *g)
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

static struct service
some_service(struct workload *g)
{
	const struct service *s = services;
	uint32_t pick = rnd(g, g->options.nports > 0 ? g->options.nports : 1000);

	if (g->options.nports > 0)
		return (struct service){ 0, g->options.ports[pick].port, g->options.ports[pick].udp ? UDP : TCP };
	while (pick >= s->share)
		pick -= s++->share;
	return *s;
}

static void
make_ordinary(struct workload *g, struct record *r)
{
	static const uint8_t ends[] = { SYN | ACK | PSH | FIN, SYN | ACK | PSH | FIN,
		SYN | ACK | PSH | FIN, SYN | ACK | PSH | RST, ACK | PSH, SYN | ACK | FIN };
	uint32_t in = inside(g, zipf(g, &g->inside)), out = outside(zipf(g, &g->outside));
	struct service s = some_service(g);
	bool inbound = rnd(g, 4) == 0;
	uint16_t high = (uint16_t)(1024 + rnd(g, 64512)), port;

	port = s.port == 1 ? (uint16_t)(1024 + rnd(g, 64512)) : s.port;
	if (s.proto != TCP && s.proto != UDP)
		high = 0;
	fill(r, inbound ? out : in, inbound ? in : out, high, port, s.proto,
	    s.proto == TCP ? ends[rnd(g, LEN(ends))] : 0);
	fill_volume(g, r, s.port == 53 || s.port == 123 ? 1 : 16384);
	r->tos = some_tos(g);
}

static void
make_scan(struct workload *g, struct record *r)
{
	static const uint16_t ports[] = { 23, 22, 445, 3389, 80, 8080, 5900, 1433 };
	uint32_t who = rnd(g, 64);
	uint32_t where = (who << 12) + g->scan_step[who]++;

	fill(r, 0xb9000000u | who * 0x010307u, host(g, where),
	    (uint16_t)(40000 + who), ports[who % LEN(ports)], TCP, SYN);
	r->bytes = 44;
}

static void
make_spam(struct workload *g, struct record *r)
{
	fill(r, inside(g, 100 + rnd(g, 16)), outside(zipf(g, &g->outside)), (uint16_t)(1024 + rnd(g, 64512)), 25,
	    TCP, SYN | ACK | PSH | FIN);
	r->packets = 8 + rnd(g, 12);
	r->bytes = r->packets * 60 + rnd(g, 6000);
	r->duration = 300 + rnd(g, 4000);
}

static void
make_slammer(struct workload *g, struct record *r)
{
	uint32_t who = rnd(g, 256);

	fill(r, inside(g, 200 + who), outside((uint32_t)rnd64(g)), (uint16_t)(1025 + who), 1434, UDP,
	    0);
	r->bytes = 404;
}

static void
make_flood(struct workload *g, struct record *r)
{
	fill(r, outside(rnd(g, g->outside.n)), host(g, VICTIM), (uint16_t)(1024 + rnd(g, 64512)),
	    (uint16_t)rnd(g, 65536), UDP, 0);
	r->packets = 1 + rnd(g, 3);
	r->bytes = r->packets * 1428;
}

static void
make_icmp(struct workload *g, struct record *r)
{
	static const uint16_t kinds[] = { 2048, 2048, 2048, 2048, 769, 771, 2816 };

	fill(r, inside(g, zipf(g, &g->inside)), outside(zipf(g, &g->outside)), 0, kinds[rnd(g, LEN(kinds))], ICMP, 0);
	r->packets = r->dst_port == 2048 ? 1 + rnd(g, 10) : 1;
	r->bytes = r->packets * 84;
	r->duration = (r->packets - 1) * 1000;
}

/* What the edge router knows: interfaces by side, mask and AS of outside, the next hop. */
static void
add_routing(const struct workload *g, struct record *r)
{
	bool from_in = workload_is_inside(&g->options, r->src), to_in = workload_is_inside(&g->options, r->dst);

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
make_first(struct workload *g, struct record *r)
{
	uint32_t pick = rnd(g, 1000);
	uint64_t third = g->options.flows / 3, quarter = g->options.flows / 4;
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
make_answer(struct workload *g, struct record *a, const struct record *r)
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
		a->bytes = a->packets * (workload_is_inside(&g->options, r->src) ? 100 + rnd(g, 1300) : 44 + rnd(g, 200));
	}
}

/* ---- odd values ---- */

/* One in four an odd one, one in four any, else one of [n] from [usual] on. */
static uint32_t
odd_of(struct workload *g, const uint32_t *odd, uint32_t nodd, uint32_t usual, uint32_t n)
{
	switch (rnd(g, 4)) {
	case 0:
		return odd[rnd(g, nodd)];
	case 1:
		return (uint32_t)rnd64(g);
	default:
		return usual + rnd(g, n);
	}
}

static uint32_t
odd32(struct workload *g, uint32_t usual)
{
	static const uint32_t odd[] = { 0, 1, 2, 28, 40, 404, 65535, 65536, 0x7fffffff, 0x80000000u,
		0xfffffffeu, 0xffffffffu };

	return odd_of(g, odd, LEN(odd), 1, usual);
}

static uint16_t
odd16(struct workload *g)
{
	static const uint16_t odd[] = { 0, 1, 22, 25, 53, 80, 255, 256, 443, 769, 771, 1023, 1024, 1434,
		2048, 2816, 6000, 6063, 6064, 12345, 32767, 32768, 65534, 65535 };

	return rnd(g, 4) == 0 ? (uint16_t)rnd64(g) : odd[rnd(g, LEN(odd))];
}

static uint32_t
odd_address(struct workload *g)
{
	static const uint32_t odd[] = { 0, 1, 0x09ffffffu, 0x0a000000u, 0x0affffffu, 0x0b000000u,
		0x7f000001u, 0xa9fe0000u, 0xac100000u, 0xac1fffffu, 0xac200000u, 0xc0000200u, 0xc0a80000u,
		0xc0a8ffffu, 0xc6120000u, 0xc613ffffu, 0xdfffffffu, 0xe0000001u, 0xefffffffu,
		0xf0000000u, 0xffffffffu };

	return odd_of(g, odd, LEN(odd), 0x0a000000u, 2000);
}

/*
 * Times as the record's own fields: mostly sane; also equal, start after end, end after the
 * export, and ages of hours. All are taken modulo 2^32, as a router's clock would.
 */
static void
odd_times(struct workload *g, struct record *r, uint32_t uptime)
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
edge_record(struct workload *g, struct record *r, uint32_t uptime)
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

/* ---- what no network sends: the worst for tables and indexes ---- */

static void
make_equal(const struct workload *g, struct record *r)
{
	fill(r, 0x0a010203u, 0x0c040506u, 40000, 443, TCP, SYN | ACK | PSH | FIN);
	r->packets = 10;
	r->bytes = 5000;
	r->duration = 100;
	add_routing(g, r);
}

/* Hosts, ports and counters repeat no value before they have had all of them. */
static void
make_different(const struct workload *g, struct record *r)
{
	uint32_t n = (uint32_t)g->made;

	fill(r, outside(n), outside(~n), (uint16_t)(n * 40503u), (uint16_t)(n * 30011u + 7), n % 2 ? TCP : UDP, (uint8_t)n);
	r->packets = 1 + n;
	r->bytes = 40 * (1 + n);
	r->tos = (uint8_t)(n * 5);
	add_routing(g, r);
}

/* ---- in turn ---- */

static void
draw(struct workload *g, struct record *r)
{
	if (g->waiting > 0 && g->due[g->first] <= g->made) {
		*r = g->answer[g->first];
		g->first = (g->first + 1) % WORKLOAD_PENDING;
		g->waiting--;
		return;
	}
	if (make_first(g, r) && g->waiting < WORKLOAD_PENDING) {
		uint32_t slot = (g->first + g->waiting++) % WORKLOAD_PENDING;

		make_answer(g, &g->answer[slot], r);
		add_routing(g, &g->answer[slot]);
		g->answer[slot].age = rnd(g, 3) == 0 ? rnd(g, 5000) : rnd(g, 100);
		g->due[slot] = g->made + 1 + rnd(g, 200);
	}
	add_routing(g, r);
	r->age = rnd(g, 3) == 0 ? rnd(g, 5000) : rnd(g, 100);
}

/* The first records have every source once, so that there are just so many; then any. */
static void
set_source(struct workload *g, struct record *r)
{
	uint32_t n = g->options.sources;

	r->src = outside(g->made < n ? (uint32_t)g->made : rnd(g, n));
	add_routing(g, r);
}

/* By the pair of hosts, so that a question and its answer are alike. */
static bool
is_v6(const struct workload *g, const struct record *r)
{
	uint64_t hash = (r->src ^ r->dst) * 0x9e3779b97f4a7c15ull >> 32;

	return hash * 100 >> 32 < g->options.ipv6;
}

void
workload_next(struct workload *g, struct record *r)
{
	if (g->options.values == WORKLOAD_EQUAL)
		make_equal(g, r);
	else if (g->options.values == WORKLOAD_DIFFERENT)
		make_different(g, r);
	else
		draw(g, r);
	if (g->options.sources > 0)
		set_source(g, r);
	r->v6 = is_v6(g, r);
	g->made++;
}

void
workload_next_odd(struct workload *g, struct record *r, uint32_t uptime)
{
	edge_record(g, r, uptime);
	r->v6 = is_v6(g, r);
	g->made++;
}

uint32_t
workload_random(struct workload *g, uint32_t n)
{
	return rnd(g, n);
}

bool
workload_init(struct workload *g, const struct workload_options *options)
{
	uint32_t side = options->hosts / 2 > 0 ? options->hosts / 2 : 1;

	*g = (struct workload){ .options = *options };
	while ((1u << g->inside_bits) < side || g->inside_bits < 9)
		g->inside_bits++;               /* the bots and the victim need some room */
	seed_rng(g, options->seed);
	if (!zipf_init(&g->inside, side, options->zipf_inside))
		return false;
	g->outside = g->inside;
	return options->zipf_outside == options->zipf_inside || zipf_init(&g->outside, side, options->zipf_outside);
}

void
workload_fini(struct workload *g)
{
	if (g->outside.keep != g->inside.keep) {
		free(g->outside.keep);
		free(g->outside.other);
	}
	free(g->inside.keep);
	free(g->inside.other);
}
