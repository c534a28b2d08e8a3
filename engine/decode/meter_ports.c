/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/meter_ports.h"

#include "base/hash.h"
#include "base/mem.h"

#define PLACES 1024u
#define WAYS 4u

struct known {
	struct tsn_addr src, dst;
	uint32_t id;
	uint16_t src_port, dst_port;
	uint8_t proto, icmp_type, icmp_code;
	bool used, has_ports, has_icmp;
	int64_t since;
};

struct tsn_meter_ports {
	struct known known[PLACES][WAYS];
};

struct tsn_meter_ports *
tsn_meter_ports_new(void)
{
	return tsn_calloc(1, sizeof(struct tsn_meter_ports));
}

void
tsn_meter_ports_free(struct tsn_meter_ports *t)
{
	tsn_free(t);
}

static uint32_t
place(const struct tsn_headers_info *h)
{
	return (uint32_t)tsn_hash_join(tsn_hash_join(h->src.lo ^ h->src.hi, h->dst.lo ^ h->dst.hi), h->fragment_id) % PLACES;
}

/* In IPv4 the protocol is part of it (RFC 791 3.2); in IPv6 later fragments may name another header (RFC 8200 4.5). */
static bool
same(const struct known *k, const struct tsn_headers_info *h)
{
	return k->used && k->id == h->fragment_id && (h->ip_version == 6 || k->proto == h->proto) &&
	    tsn_addr_cmp(k->src, h->src) == 0 && tsn_addr_cmp(k->dst, h->dst) == 0;
}

void
tsn_meter_ports_keep(struct tsn_meter_ports *t, const struct tsn_headers_info *h, int64_t now)
{
	struct known *way = t->known[place(h)], *k = way;

	for (uint32_t i = 0; i < WAYS; i++) {
		if (same(&way[i], h)) {
			k = &way[i];
			break;
		}
		if (k->used && (!way[i].used || way[i].since < k->since))
			k = &way[i];
	}
	*k = (struct known){
		.src = h->src, .dst = h->dst, .id = h->fragment_id, .src_port = h->src_port, .dst_port = h->dst_port,
		.proto = h->proto, .icmp_type = h->icmp_type, .icmp_code = h->icmp_code,
		.used = true, .has_ports = h->has_ports, .has_icmp = h->has_icmp, .since = now,
	};
}

bool
tsn_meter_ports_give(const struct tsn_meter_ports *t, struct tsn_headers_info *h, int64_t now)
{
	const struct known *way = t->known[place(h)];

	for (uint32_t i = 0; i < WAYS; i++) {
		const struct known *k = &way[i];

		if (!same(k, h) || now - k->since > TSN_METER_PORTS_MS || now < k->since)
			continue;
		h->proto = k->proto;
		h->has_ports = k->has_ports;
		h->src_port = k->src_port;
		h->dst_port = k->dst_port;
		h->has_icmp = k->has_icmp;
		h->icmp_type = k->icmp_type;
		h->icmp_code = k->icmp_code;
		return true;
	}
	return false;
}
