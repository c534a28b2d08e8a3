/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "messages.h"

#include <string.h>

#include "wire.h"

#define TEMPLATE 260    /* of IPv4 records; the next number is that of IPv6 */
#define LEN(a) (sizeof(a) / sizeof(*(a)))

/* Information Elements and their lengths, in the order in which put_* below write them. */
static const uint16_t addresses[2][3][2] = {
	{ { 8, 4 }, { 12, 4 }, { 15, 4 } },
	{ { 27, 16 }, { 28, 16 }, { 62, 16 } },
};
static const uint16_t v9_fields[][2] = {
	{ 10, 4 }, { 14, 4 }, { 2, 4 }, { 1, 4 }, { 22, 4 }, { 21, 4 }, { 7, 2 }, { 11, 2 },
	{ 4, 1 }, { 5, 1 }, { 6, 1 }, { 9, 1 }, { 13, 1 }, { 16, 4 }, { 17, 4 },
};
static const uint16_t ipfix_fields[][2] = {
	{ 10, 4 }, { 14, 4 }, { 2, 8 }, { 1, 8 }, { 152, 8 }, { 153, 8 }, { 7, 2 }, { 11, 2 },
	{ 4, 1 }, { 5, 1 }, { 6, 1 }, { 9, 1 }, { 13, 1 }, { 16, 4 }, { 17, 4 },
};

/* The lengths of prefixes are other elements for IPv6. */
static uint8_t *
put_fields(uint8_t *p, const uint16_t (*fields)[2], uint32_t n, bool v6)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = fields[i][0];

		p = put16(put16(p, !v6 ? id : id == 9 ? 29 : id == 13 ? 30 : id), fields[i][1]);
	}
	return p;
}

/* One set: the template of IPv4 records and, if there may be any, that of IPv6. */
static uint8_t *
put_templates(uint8_t *p, uint32_t set, bool ipv6, const uint16_t (*fields)[2], uint32_t n)
{
	p = put16(put16(p, set), 4 + (4 + 4 * (3 + n)) * (1 + ipv6));
	for (uint32_t v6 = 0; v6 <= ipv6; v6++) {
		p = put16(put16(p, TEMPLATE + v6), 3 + n);
		p = put_fields(put_fields(p, addresses[v6], 3, v6), fields, n, v6);
	}
	return p;
}

/* Inside hosts are in fd10::/48, a subnet for each 256 of them; others in a /48 each of 2a00::/8. */
static uint8_t *
put_address(uint8_t *p, const struct message *m, uint32_t a, bool v6)
{
	if (!v6)
		return put32(p, a);
	if (workload_is_inside(m->of, a))
		p = put32(put32(p, 0xfd100000u), a >> 8 & 0xffff);
	else
		p = put16(put32(put16(p, 0x2a00), a), 0);
	return put32(put32(p, a * 0x9e3779b1u), a);
}

/* What both formats begin and end their records with. */
static uint8_t *
put_route(uint8_t *p, const struct message *m, const struct record *r)
{
	p = put_address(put_address(p, m, r->src, r->v6), m, r->dst, r->v6);
	p = put_address(p, m, r->next_hop, r->v6);
	return put32(put32(p, r->in_if), r->out_if);
}

/* A /24 stands for a subnet of 64 bits, a /16 for a site of 48. */
static uint32_t
prefix(const struct record *r, uint32_t mask)
{
	return r->v6 ? mask == 24 ? 64 : 48 : mask;
}

static uint8_t *
put_tail(uint8_t *p, const struct record *r)
{
	p = put16(put16(p, r->src_port), r->dst_port);
	p = put8(put8(put8(p, r->proto), r->tos), r->flags);
	p = put8(put8(p, prefix(r, r->src_mask)), prefix(r, r->dst_mask));
	return put32(put32(p, r->src_as), r->dst_as);
}

static uint8_t *
put_v9(uint8_t *p, const struct message *m, const struct record *r)
{
	uint32_t end = m->uptime - r->age;

	p = put32(put32(put_route(p, m, r), r->packets), r->bytes);
	return put_tail(put32(put32(p, end - r->duration), end), r);
}

static uint8_t *
put_ipfix(uint8_t *p, const struct message *m, const struct record *r)
{
	uint64_t end = m->now - r->age;

	p = put64(put64(put_route(p, m, r), r->packets), r->bytes);
	return put_tail(put64(put64(p, end - r->duration), end), r);
}

/* The records of one family as a Data Set, padded to 32 bits; nothing if there is none. */
static uint8_t *
put_set(uint8_t *set, const struct message *m, bool v6, uint8_t *(*put)(uint8_t *, const struct message *, const struct record *))
{
	uint8_t *p = set + 4;

	for (uint32_t i = 0; i < m->count; i++)
		if (m->record[i].v6 == v6)
			p = put(p, m, &m->record[i]);
	if (p == set + 4)
		return set;
	while ((p - set) % 4 != 0)
		p = put8(p, 0);
	put16(put16(set, TEMPLATE + v6), (uint32_t)(p - set));
	return p;
}

size_t
message_v9(uint8_t *p, const struct message *m)
{
	bool template = m->number % TEMPLATE_EVERY == 0;
	uint32_t templates = template ? 1 + m->ipv6 : 0;
	uint8_t *at = put32(put16(put16(p, 9), m->count + templates), m->uptime);

	at = put32(put32(put32(at, (uint32_t)(m->now / 1000)), m->number), m->exporter);
	if (template)
		at = put_templates(at, 0, m->ipv6, v9_fields, LEN(v9_fields));
	return (size_t)(put_set(put_set(at, m, false, put_v9), m, true, put_v9) - p);
}

size_t
message_ipfix(uint8_t *p, const struct message *m)
{
	uint8_t *at = put32(put16(put16(p, 10), 0), (uint32_t)(m->now / 1000));

	at = put32(put32(at, m->sequence), m->exporter);
	if (m->number % TEMPLATE_EVERY == 0)
		at = put_templates(at, 2, m->ipv6, ipfix_fields, LEN(ipfix_fields));
	at = put_set(put_set(at, m, false, put_ipfix), m, true, put_ipfix);
	put16(p + 2, (uint32_t)(at - p));
	return (size_t)(at - p);
}

size_t
packet_of(uint8_t *p, const struct record *r, uint32_t ip_bytes)
{
	uint8_t *ip = p + 14, *at;

	memcpy(p, "\x02\0\0\0\0\xfe\x02\0\0\0\0\1\x08\0", 14);
	at = put16(put8(put8(ip, 0x45), r->tos), ip_bytes);
	at = put16(put32(at, 0), r->proto | 64 << 8);
	at = put32(put32(put16(at, 0), r->src), r->dst);
	if (r->proto == 1)
		return (size_t)(put32(put32(at, (uint32_t)r->dst_port << 16), 0) - p);
	at = put16(put16(at, r->src_port), r->dst_port);
	if (r->proto != 6)
		return (size_t)(put16(put16(at, ip_bytes - 20), 0) - p);
	at = put32(put32(at, 1), 1);
	at = put16(put8(put8(at, 0x50), r->flags), 1024);
	return (size_t)(put32(at, 0) - p);
}

/* One sample of one packet with its headers: the flow's first, of its mean size. */
static uint8_t *
put_sample(uint8_t *p, const struct message *m, const struct record *r, uint32_t number)
{
	uint32_t mean = r->packets > 0 ? r->bytes / r->packets : 0, size = mean < 40 ? 40 : mean > 1500 ? 1500 : mean, header;
	uint8_t *sample = put32(p, 1), *at = put32(sample + 4, number), *length;

	at = put32(put32(put32(at, r->in_if), 1), number);     /* source, sampling rate, pool */
	at = put32(put32(put32(at, 0), r->in_if), r->out_if);  /* drops */
	at = put32(put32(at, 1), 1);                           /* one record: a sampled header */
	length = at;
	at = put32(put32(put32(at + 4, 1), size + 18), 4);     /* Ethernet, frame length, check sequence */
	header = (uint32_t)packet_of(at + 4, r, size);
	put32(at, header);
	at += 4 + header;
	while ((at - p) % 4 != 0)
		at = put8(at, 0);
	put32(length, (uint32_t)(at - length - 4));
	put32(sample, (uint32_t)(at - sample - 4));
	(void)m;
	return at;
}

size_t
message_sflow(uint8_t *p, const struct message *m)
{
	uint8_t *at = put32(put32(put32(p, 5), 1), 0xc6120001u + m->exporter);

	at = put32(put32(put32(put32(at, 0), m->number), m->uptime), m->count);
	for (uint32_t i = 0; i < m->count; i++)
		at = put_sample(at, m, &m->record[i], m->sequence + i);
	return (size_t)(at - p);
}
