/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "messages.h"

#include <string.h>

#include "wire.h"

#define TEMPLATE 260
#define LEN(a) (sizeof(a) / sizeof(*(a)))

/* Information Elements and their lengths, in the order in which put_* below write them. */
static const uint16_t v9_fields[][2] = {
	{ 8, 4 }, { 12, 4 }, { 15, 4 }, { 10, 4 }, { 14, 4 }, { 2, 4 }, { 1, 4 }, { 22, 4 }, { 21, 4 }, { 7, 2 }, { 11, 2 },
	{ 4, 1 }, { 5, 1 }, { 6, 1 }, { 9, 1 }, { 13, 1 }, { 16, 4 }, { 17, 4 },
};
static const uint16_t ipfix_fields[][2] = {
	{ 8, 4 }, { 12, 4 }, { 15, 4 }, { 10, 4 }, { 14, 4 }, { 2, 8 }, { 1, 8 }, { 152, 8 }, { 153, 8 }, { 7, 2 }, { 11, 2 },
	{ 4, 1 }, { 5, 1 }, { 6, 1 }, { 9, 1 }, { 13, 1 }, { 16, 4 }, { 17, 4 },
};

static uint8_t *
put_template(uint8_t *p, uint32_t set, const uint16_t (*fields)[2], uint32_t n)
{
	p = put16(put16(p, set), 8 + 4 * n);
	p = put16(put16(p, TEMPLATE), n);
	for (uint32_t i = 0; i < n; i++)
		p = put16(put16(p, fields[i][0]), fields[i][1]);
	return p;
}

/* What both formats begin and end their records with. */
static uint8_t *
put_route(uint8_t *p, const struct record *r)
{
	p = put32(put32(put32(p, r->src), r->dst), r->next_hop);
	return put32(put32(p, r->in_if), r->out_if);
}

static uint8_t *
put_tail(uint8_t *p, const struct record *r)
{
	p = put16(put16(p, r->src_port), r->dst_port);
	p = put8(put8(put8(p, r->proto), r->tos), r->flags);
	p = put8(put8(p, r->src_mask), r->dst_mask);
	return put32(put32(p, r->src_as), r->dst_as);
}

/* A Data Set from [set] to [p], padded to 32 bits. */
static uint8_t *
end_set(uint8_t *set, uint8_t *p)
{
	while ((p - set) % 4 != 0)
		p = put8(p, 0);
	put16(put16(set, TEMPLATE), (uint32_t)(p - set));
	return p;
}

size_t
message_v9(uint8_t *p, const struct message *m)
{
	bool template = m->number % TEMPLATE_EVERY == 0;
	uint8_t *at = put32(put16(put16(p, 9), m->count + template), m->uptime), *set;

	at = put32(put32(put32(at, (uint32_t)(m->now / 1000)), m->number), m->exporter);
	if (template)
		at = put_template(at, 0, v9_fields, LEN(v9_fields));
	set = at;
	at += 4;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct record *r = &m->record[i];
		uint32_t end = m->uptime - r->age;

		at = put32(put32(put_route(at, r), r->packets), r->bytes);
		at = put_tail(put32(put32(at, end - r->duration), end), r);
	}
	return (size_t)(end_set(set, at) - p);
}

size_t
message_ipfix(uint8_t *p, const struct message *m)
{
	uint8_t *at = put32(put16(put16(p, 10), 0), (uint32_t)(m->now / 1000)), *set;

	at = put32(put32(at, m->sequence), m->exporter);
	if (m->number % TEMPLATE_EVERY == 0)
		at = put_template(at, 2, ipfix_fields, LEN(ipfix_fields));
	set = at;
	at += 4;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct record *r = &m->record[i];
		uint64_t end = m->now - r->age;

		at = put64(put64(put_route(at, r), r->packets), r->bytes);
		at = put_tail(put64(put64(at, end - r->duration), end), r);
	}
	at = end_set(set, at);
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
