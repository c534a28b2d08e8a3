/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What logstash, telegraf and pmacct say of a flow, in their words, and whether a row is like that. */
#ifndef TSN_TESTS_UPSTREAM_FACTS_H
#define TSN_TESTS_UPSTREAM_FACTS_H

#include <stdlib.h>
#include <time.h>

#include "unit/feed_exports.h"

#define FACTS 96
#define ROWS  1024u

/* What somebody says of one flow, in his words. */
struct facts {
	struct {
		char key[40], value[120];
	} v[FACTS];
	int n;
};

static inline const char *
fact(const struct facts *f, const char *key)
{
	for (int i = 0; i < f->n; i++)
		if (strcmp(f->v[i].key, key) == 0)
			return f->v[i].value;
	return NULL;
}

static inline void
add_fact(struct facts *f, const char *key, size_t nkey, const char *value, size_t nvalue)
{
	if (f->n == FACTS)
		return;
	snprintf(f->v[f->n].key, sizeof(f->v[0].key), "%.*s", (int)nkey, key);
	snprintf(f->v[f->n++].value, sizeof(f->v[0].value), "%.*s", (int)nvalue, value);
}

/* --- their words --- */

enum kind { ADDR, NUMBER, HEX, MILLIS, SECONDS, ISO, ISO_V9, NAME, MAC, LETTERS, TEXT };

static const struct word {
	const char *key;
	enum kind kind;
	enum tsn_field field;
} words[] = {
	/* logstash: v5 and v9 by their own names, IPFIX by IANA's */
	{ "ipv4_src_addr", ADDR, TSN_F_SRC }, { "ipv4_dst_addr", ADDR, TSN_F_DST }, { "ipv4_next_hop", ADDR, TSN_F_NEXT_HOP },
	{ "sourceIPv4Address", ADDR, TSN_F_SRC }, { "destinationIPv4Address", ADDR, TSN_F_DST },
	{ "sourceIPv6Address", ADDR, TSN_F_SRC }, { "destinationIPv6Address", ADDR, TSN_F_DST },
	{ "ipNextHopIPv4Address", ADDR, TSN_F_NEXT_HOP }, { "ipNextHopIPv6Address", ADDR, TSN_F_NEXT_HOP },
	{ "l4_src_port", NUMBER, TSN_F_SRC_PORT }, { "l4_dst_port", NUMBER, TSN_F_DST_PORT },
	{ "sourceTransportPort", NUMBER, TSN_F_SRC_PORT }, { "destinationTransportPort", NUMBER, TSN_F_DST_PORT },
	{ "protocol", NAME, TSN_F_PROTO }, { "protocolIdentifier", NUMBER, TSN_F_PROTO },
	{ "tcp_flags", LETTERS, TSN_F_FLAGS }, { "tcpControlBits", NUMBER, TSN_F_FLAGS },
	{ "src_tos", HEX, TSN_F_TOS }, { "ipClassOfService", NUMBER, TSN_F_TOS },
	{ "in_pkts", NUMBER, TSN_F_RAW_PACKETS }, { "in_bytes", NUMBER, TSN_F_RAW_BYTES },
	{ "packetDeltaCount", NUMBER, TSN_F_RAW_PACKETS }, { "octetDeltaCount", NUMBER, TSN_F_RAW_BYTES },
	{ "in_permanent_bytes", NUMBER, TSN_F_RAW_BYTES },
	{ "first_switched", ISO_V9, TSN_F_START }, { "last_switched", ISO_V9, TSN_F_END },
	{ "flowStartMilliseconds", ISO, TSN_F_START }, { "flowEndMilliseconds", ISO, TSN_F_END },
	{ "flowStartSeconds", SECONDS, TSN_F_START }, { "flowEndSeconds", SECONDS, TSN_F_END },
	{ "flow_start_msec", MILLIS, TSN_F_START }, { "event_time_msec", MILLIS, TSN_F_END },
	{ "input_snmp", NUMBER, TSN_F_IN_IF }, { "output_snmp", NUMBER, TSN_F_OUT_IF },
	{ "ingressInterface", NUMBER, TSN_F_IN_IF }, { "egressInterface", NUMBER, TSN_F_OUT_IF },
	{ "src_as", NUMBER, TSN_F_SRC_AS }, { "dst_as", NUMBER, TSN_F_DST_AS }, { "src_mask", NUMBER, TSN_F_SRC_MASK },
	{ "dst_mask", NUMBER, TSN_F_DST_MASK }, { "direction", NUMBER, TSN_F_DIRECTION }, { "src_vlan", NUMBER, TSN_F_VLAN },
	{ "in_src_mac", MAC, TSN_F_SRC_MAC }, { "in_dst_mac", MAC, TSN_F_DST_MAC }, { "out_src_mac", MAC, TSN_F_SRC_MAC },
	{ "out_dst_mac", MAC, TSN_F_DST_MAC }, { "sourceMacAddress", MAC, TSN_F_SRC_MAC }, { "app_id", TEXT, TSN_F_APPLICATION },
	/* telegraf */
	{ "src", ADDR, TSN_F_SRC }, { "dst", ADDR, TSN_F_DST }, { "next_hop", ADDR, TSN_F_NEXT_HOP },
	{ "src_port", NUMBER, TSN_F_SRC_PORT }, { "dst_port", NUMBER, TSN_F_DST_PORT },
	{ "in_packets", NUMBER, TSN_F_RAW_PACKETS }, { "in_total_bytes", NUMBER, TSN_F_RAW_BYTES },
	{ "in_total_packets", NUMBER, TSN_F_RAW_PACKETS }, { "flow_start_ms", MILLIS, TSN_F_START },
	{ "flow_end_ms", MILLIS, TSN_F_END }, { "in_snmp", NUMBER, TSN_F_IN_IF }, { "out_snmp", NUMBER, TSN_F_OUT_IF },
	{ "bgp_src_as", NUMBER, TSN_F_SRC_AS }, { "bgp_dst_as", NUMBER, TSN_F_DST_AS }, { "vlan_src", NUMBER, TSN_F_VLAN },
	/* pmacct */
	{ "ip_src", ADDR, TSN_F_SRC }, { "ip_dst", ADDR, TSN_F_DST }, { "port_src", NUMBER, TSN_F_SRC_PORT },
	{ "port_dst", NUMBER, TSN_F_DST_PORT }, { "iface_in", NUMBER, TSN_F_IN_IF }, { "iface_out", NUMBER, TSN_F_OUT_IF },
	{ "mask_src", NUMBER, TSN_F_SRC_MASK }, { "mask_dst", NUMBER, TSN_F_DST_MASK }, { "ip_proto", NAME, TSN_F_PROTO },
	{ "tos", NUMBER, TSN_F_TOS },
};

static inline int64_t
time_of(const char *s)
{
	struct tm tm = { 0 };
	const char *rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

	return rest != NULL ? (int64_t)timegm(&tm) * 1000 + (*rest == '.' ? strtol(rest + 1, NULL, 10) : 0) : -1;
}

static inline int64_t
mac_of(const char *s)
{
	int64_t v = 0;

	for (; *s != '\0'; s++)
		if (*s != ':')
			v = v << 4 | (*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

static inline int64_t
protocol_of(const char *s)
{
	return strcmp(s, "tcp") == 0 ? 6 : strcmp(s, "udp") == 0 ? 17 : strcmp(s, "icmp") == 0 ? 1 : strtol(s, NULL, 10);
}

/* A number, or a letter or dot for each of CWR, ECE, URG, ACK, PSH, RST, SYN, FIN. */
static inline int64_t
flags_of(const char *s)
{
	int64_t v = 0;

	if (strchr(s, '.') == NULL)
		return strtol(s, NULL, 10);
	for (; *s != '\0'; s++)
		v = v << 1 | (*s != '.');
	return v;
}

static inline int64_t
number_of(enum kind kind, const char *s)
{
	switch (kind) {
	case HEX: return strtoll(s, NULL, 0);
	case SECONDS: return strtoll(s, NULL, 10) * 1000;
	case ISO:
	case ISO_V9: return time_of(s) - (kind == ISO_V9 ? 1000 : 0);
	case NAME: return protocol_of(s);
	case MAC: return mac_of(s);
	case LETTERS: return flags_of(s);
	default: return strtoll(s, NULL, 10);
	}
}

/* What is not told is as good as 0: they fill in what a record lacks. */
static inline bool
agrees(const struct tsn_value *v, const struct word *w, const char *said)
{
	struct tsn_addr a;

	switch (w->kind) {
	case ADDR:
		return tsn_addr_parse(said, strlen(said), &a) &&
		    (v->known ? tsn_addr_cmp(v->addr, a) == 0 : (a.hi | a.lo) == 0);
	case TEXT:
		return v->known ? v->s.n == strlen(said) && memcmp(v->s.p, said, v->s.n) == 0 : *said == '\0';
	default:
		return (v->known ? v->i : 0) == number_of(w->kind, said);
	}
}

/*
 * What the row has otherwise, NULL if nothing; [*n]: how many facts of it were compared. Where ours are right:
 * - logstash places v9's times one second late: it takes the milliseconds off a second that it has not taken off before.
 *   nfdump has them as we do.
 * - In v5 it takes milliseconds off microseconds, and telegraf leaves them as uptimes: those are compared with nfdump's only.
 */
static inline const char *
differs(struct tsn_batch *b, uint32_t row, const struct facts *f, unsigned *n)
{
	bool v9 = fact(f, "version") != NULL && strcmp(fact(f, "version"), "9") == 0;

	*n = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *said = fact(f, words[i].key);
		struct tsn_value v;

		if (said == NULL || (words[i].kind == ISO_V9 && !v9))
			continue;
		tsn_batch_get(b, row, words[i].field, &v);
		if (!agrees(&v, &words[i], said))
			return words[i].key;
		++*n;
	}
	return NULL;
}

/* Finds the row that is as [f] says and marks it as found; false, having said how near one came, if there is none. */
static inline bool
find_row(struct tsn_batch *b, const struct facts *f, bool *found, const char *where)
{
	const char *best = "nothing";
	unsigned most = 0, n;

	for (uint32_t row = 0; row < b->n; row++) {
		const char *what = found[row] ? "taken" : differs(b, row, f, &n);

		if (what == NULL && n >= 3) {
			found[row] = true;
			return true;
		}
		if (what != NULL && !found[row] && n >= most) {
			most = n;
			best = what;
		}
	}
	cr_log_error("%s: no such row; the nearest differs in %s (%s)", where, best, fact(f, best) != NULL ? fact(f, best) : "");
	return false;
}

#endif
