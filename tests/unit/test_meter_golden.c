/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Captures of packets against what nfpcapd 1.7.8 (active timeout 300 s, inactive 60 s) made of them. The data is read
 * where it is present beside the project; nothing is copied. nfpcapd differs from a router, and so from us, in what the table says.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/meter_capture.h"

#define DATA "../shared/data/"

enum agree {
	ROWS,    /* the same flows: key, packets, bytes, flags, first and last packet */
	SUMS,    /* the same keys, and packets and bytes of each */
	PACKETS, /* the same keys and packets of each; more bytes */
	KEYS,    /* the same keys; more packets */
	HOSTS,   /* the same packets per pair of hosts and protocol; nfpcapd has others besides */
	NOTHING
};

#define SINGLE   "each ICMP packet and each DNS datagram is a flow. "
#define ENDS     "FIN or RST ends a flow at once: the last ACK and repeats are flows of their own. "
#define LATE     "timeouts are looked for now and then only, so that packets many minutes apart are one flow. "
#define TUNNEL   "what GRE and IP in IP carry is a flow besides (or instead), and the bytes of both are those inside. "
#define FRAGMENT "a packet counts once, when its last fragment came, without the other headers; not at all if one is missing. "
#define OPTIONS  "the bytes of IPv6 extension headers do not count. "
#define CUT      "packets of which the capture holds a part only do not count. "
#define SCTP     "SCTP has no ports. "
#define LABELS   "Ethernet frames under MPLS labels (a pseudowire) are not looked into. "

static const struct capture {
	const char *path;
	enum agree how;
	const char *why; /* nfpcapd's differ */
} captures[] = {
	{ "arkime/6-4-gre-ppp-udp-4-dns.pcap", HOSTS, TUNNEL },
	{ "arkime/cloudshark-bgp-md5.pcap", SUMS, ENDS },
	{ "arkime/dns-error.pcap", ROWS, NULL },
	{ "arkime/dns-flags0000.pcap", ROWS, NULL },
	{ "arkime/dns-flags0110.pcap", ROWS, NULL },
	{ "arkime/dns-mx.pcap", ROWS, NULL },
	{ "arkime/dns-notify.pcap", ROWS, NULL },
	{ "arkime/dns-punycode.pcap", ROWS, NULL },
	{ "arkime/dns-tcp.pcap", SUMS, ENDS },
	{ "arkime/dns-udp.pcap", ROWS, NULL },
	{ "arkime/dns-update.pcap", ROWS, NULL },
	{ "arkime/gre-erspan.pcap", SUMS, SINGLE },
	{ "arkime/gre-sample.pcap", HOSTS, TUNNEL },
	{ "arkime/gtp-u.pcap", ROWS, NULL },
	{ "arkime/ipv6-in-ipv4.pcap", HOSTS, TUNNEL },
	{ "arkime/irc-cap-req.pcap", SUMS, ENDS },
	{ "arkime/irc.pcap", ROWS, NULL },
	{ "arkime/mpls-basic.pcap", SUMS, ENDS SINGLE },
	{ "arkime/nflog.pcap", SUMS, ENDS },
	{ "arkime/postgres-badpass.pcap", SUMS, ENDS },
	{ "arkime/postgres-no-sslrequest.pcap", SUMS, ENDS },
	{ "arkime/quic24-wireshark.pcap", ROWS, NULL },
	{ "arkime/quic33-wireshark.pcap", ROWS, NULL },
	{ "arkime/quic34.pcap", ROWS, NULL },
	{ "arkime/radius.pcap", ROWS, NULL },
	{ "arkime/sctp-www.pcap", HOSTS, SCTP },
	{ "arkime/smb-port80.pcap", SUMS, ENDS },
	{ "arkime/smbtorture-ntlmssp-moloch-crash.pcap", ROWS, NULL },
	{ "arkime/smbtorture-ntlmssp.pcap", ROWS, NULL },
	{ "arkime/socks5-http-302-frag.pcap", KEYS, FRAGMENT },
	{ "arkime/twovlan.pcap", ROWS, NULL },
	{ "arkime/v6-http.pcap", PACKETS, OPTIONS },
	{ "arkime/v6.pcap", SUMS, ENDS SINGLE },
	{ "arkime/vxlan.pcap", ROWS, NULL },
	{ "ddos_stopddos/amp.TCP.syn.optionallyACK.optionallysamePort.pcapng", SUMS, ENDS },
	{ "ddos_stopddos/amp.dns.RRSIG.fragmented.pcap", NOTHING, FRAGMENT },
	{ "ipfixprobe/inputs/dns.pcap", ROWS, NULL },
	{ "ipfixprobe/inputs/dnssd.pcap", ROWS, NULL },
	{ "ipfixprobe/inputs/http.pcap", ROWS, NULL },
	{ "ipfixprobe/inputs/idpcontent.pcap", SUMS, ENDS },
	{ "ipfixprobe/inputs/mixed.pcap", PACKETS, OPTIONS },
	{ "ipfixprobe/inputs/netbios.pcap", SUMS, LATE },
	{ "ipfixprobe/inputs/quic_initial-sample.pcap", ROWS, NULL },
	{ "ipfixprobe/inputs/rtsp.pcap", ROWS, NULL },
	{ "ipfixprobe/inputs/smtp.pcap", SUMS, ENDS SINGLE },
	{ "ndpi/4in4tunnel.pcap", HOSTS, TUNNEL },
	{ "ndpi/6in4tunnel.pcap", HOSTS, TUNNEL },
	{ "ndpi/6in6tunnel.pcap", NOTHING, TUNNEL },
	{ "ndpi/NTPv2.pcap", ROWS, NULL },
	{ "ndpi/NTPv4.pcap", ROWS, NULL },
	{ "ndpi/bittorrent.pcap", ROWS, NULL },
	{ "ndpi/bot.pcap", SUMS, ENDS },
	{ "ndpi/coap_mqtt.pcap", SUMS, LATE },
	{ "ndpi/dcerpc.pcap", ROWS, NULL },
	{ "ndpi/dns-tunnel-iodine.pcap", SUMS, SINGLE },
	{ "ndpi/modbus.pcap", ROWS, NULL },
	{ "ndpi/nntp.pcap", SUMS, ENDS },
	{ "ndpi/pgsql.pcap", SUMS, ENDS },
	{ "ndpi/rdp3.pcap", ROWS, NULL },
	{ "ndpi/rdp_over_tls.pcap", SUMS, ENDS },
	{ "ndpi/smbv1.pcap", ROWS, NULL },
	{ "ndpi/source_engine.pcap", ROWS, NULL },
	{ "ndpi/ssdp-m-search.pcap", ROWS, NULL },
	{ "ndpi/synscan.pcap", ROWS, NULL },
	{ "ndpi/telnet.pcap", KEYS, CUT },
	{ "ndpi/ubntac2.pcap", ROWS, NULL },
	{ "ndpi/xss.pcap", ROWS, NULL },
	{ "nfdump_hist/pack.pcap", NOTHING, TUNNEL },
	{ "pcapplusplus/MplsPackets.pcap", NOTHING, LABELS },
	{ "pcapplusplus/VlanPackets.pcap", SUMS, SINGLE },
	{ "pcapplusplus/four_ipv6_http_streams.pcap", ROWS, NULL },
	{ "simple_scan/pcaps/multiport_scan.pcap", ROWS, NULL },
	{ "simple_scan/pcaps/port_scan.pcap", ROWS, NULL },
	{ "slips/malicious-ssh-bruteforce.pcap", SUMS, ENDS },
	{ "slips/test7-malicious.pcap", PACKETS, OPTIONS },
	{ "suricata_verify/bug-1449-01/suricata_stackoverflow.pcap", ROWS, NULL },
	{ "suricata_verify/bug-4571-03/ipv6_over_ipv6.pcap", HOSTS, TUNNEL },
	{ "suricata_verify/bug-4571-04/ipv6_over_ipv4.pcap", HOSTS, TUNNEL },
	{ "suricata_verify/bug-4571-06/ipv4_over_ipv6.pcap", HOSTS, TUNNEL },
	{ "suricata_verify/bug-4663-02/icmp.pcap", SUMS, SINGLE },
	{ "suricata_verify/bug-5633-gre-01/gre-udp.pcap", HOSTS, TUNNEL },
	{ "suricata_verify/bug-5633-gre-02/gre-sample.pcap", HOSTS, TUNNEL },
	{ "suricata_verify/decode-erspan-typeII-01/input.pcap", SUMS, SINGLE },
	{ "suricata_verify/decode-teredo-01/input.pcap", SUMS, ENDS SINGLE },
	{ "suricata_verify/defrag/bug-6887-defrag-eth-vlan-ipv4-tcp-syn/frag-eth-vlan-ip-tcp-syn.pcap", KEYS, FRAGMENT },
	{ "suricata_verify/exception-policy-defrag-01/ipv4frags.pcap", KEYS, FRAGMENT },
	{ "suricata_verify/firewall/tcp-session-syn-flood-drop-precedence/input.pcap", ROWS, NULL },
	{ "suricata_verify/geneve-decoder/input.pcap", ROWS, NULL },
	{ "suricata_verify/hashaf-flow-v4-v6-collision/input.pcap", ROWS, NULL },
	{ "suricata_verify/ipv6-evasion/ipv6-atomic-fragments-toobig/toobig.pcap", PACKETS, OPTIONS },
	{ "suricata_verify/ipv6-evasion/ipv6-kill-router-gateway/kill_router6.pcap", PACKETS, OPTIONS },
	{ "suricata_verify/ipv6-evasion/ipv6-malformed-fragments-15/frag-15.pcap", KEYS, FRAGMENT },
	{ "suricata_verify/ipv6-evasion/ipv6-malformed-fragments-1/frag-1.pcap", NOTHING, FRAGMENT },
	{ "tcpdump_encap/geneve-gcp.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv4-geneve-ipv4.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv4-vxlan-ipv4.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv4-vxlan-ipv6.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv6-geneve-ipv4.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv6-geneve-ipv6.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv6-vxlan-ipv4.pcap", ROWS, NULL },
	{ "tcpdump_encap/gso-ipv6-vxlan-ipv6.pcap", ROWS, NULL },
	{ "tcpdump_encap/icmp6-rfc8335.pcap", SUMS, SINGLE },
	{ "tcpdump_encap/mpls-over-udp.pcap", ROWS, NULL },
	{ "tcpdump_encap/nsh-over-vxlan-gpe.pcap", ROWS, NULL },
	{ "tcpdump_encap/vxlan_port_8472.pcap", ROWS, NULL },
	{ "tcpreplay/test.pcap", NOTHING, LABELS },
	{ "zeek/bittorrent/tracker.pcap", SUMS, ENDS },
	{ "zeek/dns/conn-count-too-large.pcap", ROWS, NULL },
	{ "zeek/erspan.pcap", NOTHING, TUNNEL },
	{ "zeek/erspanII.pcap", SUMS, SINGLE },
	{ "zeek/ftp/bruteforce.pcap", SUMS, ENDS },
	{ "zeek/ftp/ipv6.pcap", SUMS, ENDS },
	{ "zeek/globus-url-copy.pcap", SUMS, ENDS },
	{ "zeek/http/connect-with-header.pcap", ROWS, NULL },
	{ "zeek/icmp/5-pings.pcap", SUMS, SINGLE },
	{ "zeek/icmp/icmp-destunreach-ip.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp-destunreach-udp.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp-timeexceeded.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-destunreach-ip6ext-trunc.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-destunreach-ip6ext-udp.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-destunreach-ip6ext.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-mldv1.pcap", PACKETS, OPTIONS },
	{ "zeek/icmp/icmp6-nd-short-options.pcap", SUMS, SINGLE },
	{ "zeek/icmp/icmp6-neighbor-advert.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-paramprob.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-router-advert.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-router-solicit.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-timeexceeded.pcap", ROWS, NULL },
	{ "zeek/icmp/icmp6-toobig.pcap", ROWS, NULL },
	{ "zeek/icmp_nd_dnssl.pcap", SUMS, SINGLE },
	{ "zeek/ipv6_zero_len_ah.pcap", PACKETS, OPTIONS },
	{ "zeek/irc-basic.pcap", SUMS, ENDS },
	{ "zeek/irc-dcc-first-command.pcap", ROWS, NULL },
	{ "zeek/mpls-in-vlan.pcap", ROWS, NULL },
	{ "zeek/nflog-http.pcap", SUMS, ENDS },
	{ "zeek/ntp.pcap", ROWS, NULL },
	{ "zeek/ntp/ntp.pcap", ROWS, NULL },
	{ "zeek/ntp/ntpmode67.pcap", ROWS, NULL },
	{ "zeek/pppoe-over-qinq.pcap", SUMS, ENDS },
	{ "zeek/pppoe.pcap", PACKETS, OPTIONS },
	{ "zeek/q-in-q.pcap", ROWS, NULL },
	{ "zeek/rdp/rdp-to-ssl.pcap", ROWS, NULL },
	{ "zeek/rfb/vnc-scanner.pcap", SUMS, ENDS },
	{ "zeek/rpc-portmap-sadmind.pcap", ROWS, NULL },
	{ "zeek/smb/SMBGhost.pcap", ROWS, NULL },
	{ "zeek/smb/smb1.pcap", ROWS, NULL },
	{ "zeek/socks-auth-10080.pcap", ROWS, NULL },
	{ "zeek/socks-auth.pcap", ROWS, NULL },
	{ "zeek/socks-with-ssl.pcap", ROWS, NULL },
	{ "zeek/socks.pcap", ROWS, NULL },
	{ "zeek/ssh/sshguess.pcap", SUMS, ENDS },
	{ "zeek/syslog-missing-pri.pcap", ROWS, NULL },
	{ "zeek/syslog-single-udp.pcap", ROWS, NULL },
	{ "zeek/tcp/ctu-64702-888.pcap", SUMS, ENDS },
	{ "zeek/tcp/fin_retransmission.pcap", SUMS, ENDS },
	{ "zeek/tcp/handshake-reorder.pcap", SUMS, ENDS },
	{ "zeek/tcp/missing-syn.pcap", SUMS, ENDS },
	{ "zeek/tcp/no-handshake.pcap", ROWS, NULL },
	{ "zeek/tcp/one-sided-2745.pcap", ROWS, NULL },
	{ "zeek/tcp/option-27.pcap", ROWS, NULL },
	{ "zeek/tcp/option-sack.pcap", ROWS, NULL },
	{ "zeek/tcp/options.pcap", ROWS, NULL },
	{ "zeek/tcp/payload-synack.pcap", SUMS, ENDS },
	{ "zeek/tcp/reassembly.pcap", KEYS, CUT },
	{ "zeek/tcp/retransmit-fast009.pcap", KEYS, CUT },
	{ "zeek/tcp/rst-inject-rae.pcap", ROWS, NULL },
	{ "zeek/tcp/single-rst.pcap", ROWS, NULL },
	{ "zeek/tcp/syn-bad.pcap", ROWS, NULL },
	{ "zeek/tcp/syn-synack.pcap", ROWS, NULL },
	{ "zeek/tcp/syn-then-ack-then-rst.pcap", ROWS, NULL },
	{ "zeek/tcp/syn-then-stuff-then-rst.pcap", SUMS, ENDS },
	{ "zeek/tcp/syn.pcap", ROWS, NULL },
	{ "zeek/tcp/timestamp.pcap", KEYS, CUT },
	{ "zeek/tunnels/4in4.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/4in6.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/6in6-tunnel-change.pcap", NOTHING, TUNNEL },
	{ "zeek/tunnels/6in6.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/6in6in6.pcap", NOTHING, TUNNEL },
	{ "zeek/tunnels/Teredo.pcap", SUMS, ENDS SINGLE },
	{ "zeek/tunnels/ayiya3.pcap", ROWS, NULL },
	{ "zeek/tunnels/geneve-47101.pcap", ROWS, NULL },
	{ "zeek/tunnels/geneve-arp.pcap", ROWS, NULL },
	{ "zeek/tunnels/geneve.pcap", ROWS, NULL },
	{ "zeek/tunnels/gre-erspan3-dot1q.pcap", ROWS, NULL },
	{ "zeek/tunnels/gre-over-udp-4754.pcap", ROWS, NULL },
	{ "zeek/tunnels/gre-pptp.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/gre-sample.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/gtp/gtp10_not_0xff.pcap", ROWS, NULL },
	{ "zeek/tunnels/gtp/gtp1_gn_normal_incl_fragmentation.pcap", KEYS, FRAGMENT },
	{ "zeek/tunnels/gtp/gtp2_different_udp_port.pcap", KEYS, FRAGMENT },
	{ "zeek/tunnels/gtp/gtp6_gtp_0x32.pcap", ROWS, NULL },
	{ "zeek/tunnels/gtp/gtp7_ipv6.pcap", ROWS, NULL },
	{ "zeek/tunnels/gtp/gtp8_teredo.pcap", ROWS, NULL },
	{ "zeek/tunnels/gtp/gtp9_unknown_or_too_short_payload.pcap", KEYS, FRAGMENT },
	{ "zeek/tunnels/gtp/gtp_control_prime.pcap", SUMS, LATE },
	{ "zeek/tunnels/gtp/gtp_ext_header.pcap", KEYS, FRAGMENT },
	{ "zeek/tunnels/ping6-in-ipv4.pcap", HOSTS, TUNNEL },
	{ "zeek/tunnels/teredo-udp-in-udp.pcap", ROWS, NULL },
	{ "zeek/tunnels/teredo_bubble_with_payload.pcap", ROWS, NULL },
	{ "zeek/tunnels/tunnel-direct-bypass.pcap", NOTHING, TUNNEL },
	{ "zeek/tunnels/vxlan-encapsulated-igmp-v2.pcap", ROWS, NULL },
	{ "zeek/tunnels/vxlan-inner-tcp-bad-checksum.pcap", ROWS, NULL },
	{ "zeek/tunnels/vxlan.pcap", ROWS, NULL },
	{ "zeek/workshop_2011_browse.pcap", ROWS, NULL },
};

/* What two lists of flows have in common per key: all but times, flags and counts. */
struct sum {
	unsigned proto, sp, dp;
	struct tsn_addr src, dst;
	uint64_t packets, bytes;
	/* of single flows only */
	unsigned flags;
	int64_t start, end;
};

struct list {
	struct sum *at;
	size_t n, cap;
};

static void
append(struct list *l, const struct sum *s)
{
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->at = realloc(l->at, l->cap * sizeof(*l->at));
		cr_assert_not_null(l->at);
	}
	l->at[l->n++] = *s;
}

static int64_t
read_time(const char *s)
{
	int y, mo, d, h, mi, sec, ms;

	cr_assert_eq(sscanf(s, "%d-%d-%d %d:%d:%d.%d", &y, &mo, &d, &h, &mi, &sec, &ms), 7, "%s", s);
	return ((tsn_days_from_date(y, mo, d) * 24 + h) * 60 + mi) * 60000 + sec * 1000 + ms;
}

/* ts|te|pr|sa|sp|da|dp|flg|tos|pkt|byt|...; for ICMP dp is type.code */
static void
read_golden(const char *path, struct list *out)
{
	FILE *f = fopen(path, "r");
	char line[512];

	cr_assert_not_null(f, "%s", path);
	cr_assert_not_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f) != NULL) {
		char *c[11], *at = line;
		unsigned type, code;
		struct sum s = { 0 };

		for (int i = 0; i < 11; i++)
			cr_assert_not_null(c[i] = strsep(&at, "|\n"));
		s = (struct sum){ .proto = (unsigned)atoi(c[2]), .sp = (unsigned)atoi(c[4]), .dp = (unsigned)atoi(c[6]),
			.packets = strtoull(c[9], NULL, 10), .bytes = strtoull(c[10], NULL, 10), .flags = (unsigned)atoi(c[7]),
			.start = read_time(c[0]), .end = read_time(c[1]) };
		cr_assert(tsn_addr_parse(c[3], strlen(c[3]), &s.src) && tsn_addr_parse(c[5], strlen(c[5]), &s.dst));
		if (sscanf(c[6], "%u.%u", &type, &code) == 2)
			s.dp = type * 256 + code;
		append(out, &s);
	}
	fclose(f);
}

static unsigned
number(const struct kept_row *row, enum tsn_field f)
{
	return row->field[f].known ? (unsigned)row->field[f].i : 0;
}

/* Meters a capture; true sums of what came out. */
static void
meter(const char *path, struct list *out)
{
	struct keeper k;

	meter_capture(path, &k);
	for (size_t i = 0; i < k.n; i++) {
		const struct kept_row *row = &k.row[i];
		unsigned dp = row->field[TSN_F_ICMP_TYPE].known
		    ? number(row, TSN_F_ICMP_TYPE) * 256 + number(row, TSN_F_ICMP_CODE) : number(row, TSN_F_DST_PORT);
		struct sum s = { number(row, TSN_F_PROTO), number(row, TSN_F_SRC_PORT), dp, row->field[TSN_F_SRC].addr,
			row->field[TSN_F_DST].addr, (uint64_t)row->field[TSN_F_RAW_PACKETS].i, (uint64_t)row->field[TSN_F_RAW_BYTES].i,
			number(row, TSN_F_FLAGS) & 0xff, row->field[TSN_F_START].i, row->field[TSN_F_END].i };

		append(out, &s);
	}
	keeper_fini(&k);
}

#define ORDER(a, b) if ((a) != (b)) return (a) < (b) ? -1 : 1

static int
by_key(const void *x, const void *y)
{
	const struct sum *a = x, *b = y;

	ORDER(a->proto, b->proto);
	ORDER(a->sp, b->sp);
	ORDER(a->dp, b->dp);
	ORDER(tsn_addr_cmp(a->src, b->src), 0);
	return tsn_addr_cmp(a->dst, b->dst);
}

static int
by_all(const void *x, const void *y)
{
	const struct sum *a = x, *b = y;
	int key = by_key(x, y);

	ORDER(key, 0);
	ORDER(a->start, b->start);
	ORDER(a->end, b->end);
	ORDER(a->packets, b->packets);
	ORDER(a->bytes, b->bytes);
	ORDER(a->flags, b->flags);
	return 0;
}

static bool
all_equal(const struct list *a, const struct list *b, int (*cmp)(const void *, const void *))
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (cmp(&a->at[i], &b->at[i]) != 0)
			return false;
	return true;
}

static void
add_up(struct list *l, int (*cmp)(const void *, const void *))
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && cmp(&l->at[n - 1], &l->at[i]) == 0) {
			l->at[n - 1].packets += l->at[i].packets;
			l->at[n - 1].bytes += l->at[i].bytes;
		} else {
			l->at[n++] = l->at[i];
		}
	}
	l->n = n;
}

/* Sums are sorted by key. Ours have at least what nfpcapd has. */
static enum agree
compare_sums(const struct list *ours, const struct list *golden)
{
	enum agree how = SUMS;

	if (!all_equal(ours, golden, by_key))
		return NOTHING;
	for (size_t i = 0; i < ours->n; i++) {
		const struct sum *o = &ours->at[i], *g = &golden->at[i];

		if (o->packets < g->packets || o->bytes < g->bytes)
			return NOTHING;
		if (o->packets != g->packets)
			how = KEYS;
		else if (o->bytes != g->bytes && how == SUMS)
			how = PACKETS;
	}
	return how;
}

static int
by_hosts(const void *x, const void *y)
{
	const struct sum *a = x, *b = y;

	ORDER(a->proto, b->proto);
	ORDER(tsn_addr_cmp(a->src, b->src), 0);
	return tsn_addr_cmp(a->dst, b->dst);
}

static enum agree
compare_hosts(struct list *ours, struct list *golden)
{
	qsort(ours->at, ours->n, sizeof(*ours->at), by_hosts);
	qsort(golden->at, golden->n, sizeof(*golden->at), by_hosts);
	add_up(ours, by_hosts);
	add_up(golden, by_hosts);
	for (size_t i = 0; i < ours->n; i++) {
		const struct sum *o = &ours->at[i], *g;

		g = bsearch(o, golden->at, golden->n, sizeof(*o), by_hosts);
		if (g == NULL || g->packets != o->packets || g->bytes > o->bytes)
			return NOTHING;
	}
	return HOSTS;
}

static enum agree
compare(struct list *ours, struct list *golden)
{
	enum agree how;

	qsort(ours->at, ours->n, sizeof(*ours->at), by_all);
	qsort(golden->at, golden->n, sizeof(*golden->at), by_all);
	if (all_equal(ours, golden, by_all))
		return ROWS;
	add_up(ours, by_key);
	add_up(golden, by_key);
	how = compare_sums(ours, golden);
	return how != NOTHING ? how : compare_hosts(ours, golden);
}

/* The golden files carry their capture's path with "__" for "/". */
static void
golden_path(const char *capture, char *out, size_t n)
{
	size_t at = (size_t)snprintf(out, n, DATA "golden_derived/raw/");

	for (; *capture != '\0' && at + 3 < n; capture++) {
		out[at++] = *capture == '/' ? '_' : *capture;
		if (*capture == '/')
			out[at++] = '_';
	}
	snprintf(out + at, n - at, ".nfpcapd178.psv");
}

Test(meter_golden, nfpcapd, .timeout = 300)
{
	size_t rows = 0, files = 0, there = 0;

	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		const struct capture *c = &captures[i];
		char path[512], golden[512];
		struct list ours = { 0 }, theirs = { 0 };
		enum agree how;

		snprintf(path, sizeof(path), DATA "raw_packets/%s", c->path);
		golden_path(c->path, golden, sizeof(golden));
		if (access(path, R_OK) != 0 || access(golden, R_OK) != 0)
			continue;
		there++;
		read_golden(golden, &theirs);
		meter(path, &ours);
		rows += theirs.n;
		how = compare(&ours, &theirs);
		files += how == ROWS || how == SUMS;
		cr_expect(how == c->how && (how == ROWS) == (c->why == NULL), "%s: %d, not %d", c->path, how, c->how);
		free(ours.at);
		free(theirs.at);
	}
	cr_log_info("%zu captures, %zu flows of nfpcapd; all counts equal in %zu captures", there, rows, files);
	if (there == 0)
		cr_skip_test("no captures beside the project");
}

/* Our own recordings, whose frames are told without our parser: Ethernet, IPv4 without options or IPv6, no tags. */
Test(meter_golden, recorded)
{
	static const char *const paths[] = { "tests/fixtures/demo.pcap", "tests/fixtures/demo6.pcap", "tests/fixtures/demo_frag.pcap" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		FILE *f = fopen(paths[i], "rb");
		uint8_t head[24], record[16], frame[65536];
		uint64_t packets = 0, bytes = 0;
		struct list ours = { 0 };

		cr_assert(f != NULL && fread(head, 1, sizeof(head), f) == sizeof(head), "%s", paths[i]);
		while (fread(record, 1, sizeof(record), f) == sizeof(record)) {
			size_t n = record[8] | (size_t)record[9] << 8;
			bool six = false;

			cr_assert(n < sizeof(frame) && fread(frame, 1, n, f) == n, "%s", paths[i]);
			six = frame[12] == 0x86;
			packets++;
			bytes += six ? 40u + (frame[18] << 8 | frame[19]) : (unsigned)(frame[16] << 8 | frame[17]);
		}
		fclose(f);
		meter(paths[i], &ours);
		for (size_t k = 0; k < ours.n; k++) {
			packets -= ours.at[k].packets;
			bytes -= ours.at[k].bytes;
		}
		cr_assert(ours.n > 0 && packets == 0 && bytes == 0, "%s: %zu flows, %lld packets and %lld bytes more on the wire", paths[i],
		    ours.n, (long long)packets, (long long)bytes);
		free(ours.at);
	}
}
