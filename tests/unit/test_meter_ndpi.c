/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A second opinion on metered flows: the packets of each direction of each session as nDPI's regression results have
 * them. The data is read where it is present beside the project; nothing is copied.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/meter_capture.h"

#define DATA "../shared/data/raw_packets/"

#define TUNNEL "nDPI looks into IP in IP, we count the tunnel. "
#define CUT    "nDPI leaves out packets of which the capture holds a part only. "

static const struct capture {
	const char *name, *why; /* nDPI has it otherwise; NULL: the same */
} captures[] = {
	{ "4in4tunnel.pcap", TUNNEL }, { "6in4tunnel.pcap", TUNNEL }, { "6in6tunnel.pcap", TUNNEL }, { "BGP_Cisco_hdlc_slarp.pcap", NULL },
	{ "NTPv2.pcap", NULL },
	{ "NTPv4.pcap", NULL },
	{ "bittorrent.pcap", NULL },
	{ "bot.pcap", NULL },
	{ "coap_mqtt.pcap", NULL },
	{ "dcerpc.pcap", NULL },
	{ "dns-tunnel-iodine.pcap", NULL },
	{ "modbus.pcap", NULL },
	{ "mysql.pcapng", NULL },
	{ "nntp.pcap", NULL },
	{ "pgsql.pcap", NULL },
	{ "rdp3.pcap", NULL },
	{ "rdp_over_tls.pcap", NULL },
	{ "smbv1.pcap", NULL },
	{ "source_engine.pcap", NULL },
	{ "ssdp-m-search.pcap", NULL },
	{ "synscan.pcap", NULL },
	{ "telnet.pcap", CUT },
	{ "ubntac2.pcap", NULL },
	{ "xss.pcap", NULL },
};

struct side {
	char proto[16];
	struct tsn_addr src, dst;
	unsigned sp, dp;
	uint64_t packets;
};

struct list {
	struct side at[4096];
	size_t n;
};

static struct side *
find(struct list *l, const struct side *s)
{
	for (size_t i = 0; i < l->n; i++) {
		struct side *o = &l->at[i];

		if (o->sp == s->sp && o->dp == s->dp && strcmp(o->proto, s->proto) == 0 && tsn_addr_cmp(o->src, s->src) == 0 &&
		    tsn_addr_cmp(o->dst, s->dst) == 0)
			return o;
	}
	return NULL;
}

/* Adds packets to a side, which is entered if it is new. */
static void
add(struct list *l, const struct side *s)
{
	struct side *o = s->packets != 0 ? find(l, s) : NULL;

	if (s->packets == 0)
		return;
	if (o != NULL) {
		o->packets += s->packets;
		return;
	}
	cr_assert_lt(l->n, sizeof(l->at) / sizeof(l->at[0]));
	l->at[l->n++] = *s;
}

/* "10.0.0.1:80" or "[2001:db8::1]:80" */
static void
read_end(char *s, struct tsn_addr *addr, unsigned *port)
{
	char *colon = strrchr(s, ':');

	cr_assert_not_null(colon, "%s", s);
	*port = (unsigned)atoi(colon + 1);
	*colon = '\0';
	if (*s == '[') {
		s++;
		s[strcspn(s, "]")] = '\0';
	}
	cr_assert(tsn_addr_parse(s, strlen(s), addr), "%s", s);
}

/* "\t1\tTCP a:1 <-> b:2 [...]...[3 pkts/180 bytes <-> 2 pkts/100 bytes]..." */
static void
read_results(const char *path, struct list *out)
{
	FILE *f = fopen(path, "r");
	static char line[65536];

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		char a[128], b[128], way[8], *counts = strstr(line, " pkts/");
		struct side to = { 0 }, back;
		unsigned long long there, here;

		if (counts == NULL || sscanf(line, "\t%*d\t%15s %127s %7s %127s", to.proto, a, way, b) != 4)
			continue;
		while (counts > line && counts[-1] != '[')
			counts--;
		cr_assert_eq(sscanf(counts, "%llu pkts/%*u bytes %*s %llu pkts/", &there, &here), 2, "%s", line);
		for (char *c = to.proto; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		read_end(a, &to.src, &to.sp);
		read_end(b, &to.dst, &to.dp);
		to.packets = there;
		back = to;
		back.src = to.dst;
		back.dst = to.src;
		back.sp = to.dp;
		back.dp = to.sp;
		back.packets = here;
		add(out, &to);
		add(out, &back);
	}
	fclose(f);
}

static void
meter(const char *path, struct list *out)
{
	struct keeper k;

	meter_capture(path, &k);
	for (size_t i = 0; i < k.n; i++) {
		const struct tsn_value *v = k.row[i].field;
		struct side s = { .src = v[TSN_F_SRC].addr, .dst = v[TSN_F_DST].addr, .packets = (uint64_t)v[TSN_F_RAW_PACKETS].i,
			.sp = v[TSN_F_SRC_PORT].known ? (unsigned)v[TSN_F_SRC_PORT].i : 0,
			.dp = v[TSN_F_DST_PORT].known ? (unsigned)v[TSN_F_DST_PORT].i : 0 };

		switch (v[TSN_F_PROTO].i) {
		case 1: strcpy(s.proto, "icmp"); break;
		case 6: strcpy(s.proto, "tcp"); break;
		case 17: strcpy(s.proto, "udp"); break;
		case 58: strcpy(s.proto, "icmpv6"); break;
		default: snprintf(s.proto, sizeof(s.proto), "%d", (int)v[TSN_F_PROTO].i); break;
		}
		add(out, &s);
	}
	keeper_fini(&k);
}

static bool
equal(const struct list *a, struct list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; i < a->n && same; i++) {
		const struct side *o = find(b, &a->at[i]);

		same = o != NULL && o->packets == a->at[i].packets;
	}
	return same;
}

Test(meter_ndpi, sessions, .timeout = 120)
{
	unsigned there = 0, same = 0;
	size_t sides = 0;

	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		const struct capture *c = &captures[i];
		struct list *ours, *theirs;
		char path[512], results[512];
		bool agree;

		snprintf(path, sizeof(path), DATA "ndpi/%s", c->name);
		snprintf(results, sizeof(results), DATA "ndpi_results/%s.out", c->name);
		if (access(path, R_OK) != 0 || access(results, R_OK) != 0)
			continue;
		ours = calloc(1, sizeof(*ours));
		theirs = calloc(1, sizeof(*theirs));
		cr_assert(ours != NULL && theirs != NULL);
		read_results(results, theirs);
		meter(path, ours);
		agree = equal(ours, theirs);
		cr_expect_eq(agree, c->why == NULL, "%s: %zu and %zu", c->name, ours->n, theirs->n);
		there++;
		same += agree;
		sides += theirs->n;
		free(ours);
		free(theirs);
	}
	cr_log_info("%u of %u captures, %zu sides of sessions", same, there, sides);
	if (there == 0)
		cr_skip_test("no captures beside the project");
}

/* Without the collection: the exporters of our own recording speak to one collector, one way. */
Test(meter_ndpi, recorded)
{
	struct list *ours = calloc(1, sizeof(*ours));

	cr_assert_not_null(ours);
	meter("tests/fixtures/demo.pcap", ours);
	cr_assert_gt(ours->n, 0);
	for (size_t i = 0; i < ours->n; i++)
		cr_assert(ours->at[i].dp == 2055 && ours->at[i].dst.v4 && ours->at[i].dst.lo == 0xac1fff0a, "%zu", i);
	free(ours);
}
