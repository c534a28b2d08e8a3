/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * replay FILE PORT [DATAGRAMS_PER_S]
 *
 * Sends the UDP payloads of a pcap (Ethernet with VLANs, raw IP, Linux cooked v1 and v2; IPv4 and
 * IPv6; either byte order) to 127.0.0.1:PORT, in their order, and ends. That is how a collector
 * that reads no captures (nfcapd) is given ours, so that its counts can be compared with
 * Tocsin's. Fragments are put together if they follow one another, as they do in our recordings.
 * Prints how many datagrams it sent. Knows nothing of NetFlow. Needs libc only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DATAGRAM 65536

struct replay {
	int sock;
	unsigned rate;                  /* datagrams a second, 0 = as fast as it goes */
	unsigned long sent, skipped;
	uint8_t whole[MAX_DATAGRAM];    /* the datagram being put together, UDP header first */
	size_t have;
};

static unsigned
be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
word(const uint8_t *p, int swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

/* A receiver's socket buffer holds some hundred datagrams: pause after every few. */
static void
send_payload(struct replay *r, const uint8_t *udp, size_t len)
{
	size_t want = len < 8 ? 0 : be16(udp + 4);

	if (want < 8 || want > len) {
		r->skipped++;
		return;
	}
	while (send(r->sock, udp + 8, want - 8, 0) < 0 && (errno == EINTR || errno == ECONNREFUSED))
		;
	r->sent++;
	if (r->rate > 0 && r->sent % 16 == 0) {
		struct timespec pause = { 0, (long)(16 * 1000000000ull / r->rate) };

		nanosleep(&pause, NULL);
	}
}

/* One piece at [off] of a datagram; the last piece has [more] 0. */
static void
add_piece(struct replay *r, const uint8_t *p, size_t len, size_t off, int more)
{
	if (off == 0 && !more) {
		send_payload(r, p, len);
		return;
	}
	if (off == 0)
		r->have = 0;
	if (off != r->have || off + len > sizeof(r->whole)) {
		r->skipped++;
		r->have = 0;
		return;
	}
	memcpy(r->whole + off, p, len);
	r->have = off + len;
	if (!more)
		send_payload(r, r->whole, r->have);
}

static void
take_ip(struct replay *r, const uint8_t *p, size_t len)
{
	if (len >= 20 && p[0] >> 4 == 4) {
		size_t head = (size_t)(p[0] & 15) * 4;
		size_t total = be16(p + 2);
		unsigned frag = be16(p + 6);

		if (p[9] == IPPROTO_UDP && head >= 20 && total >= head && total <= len)
			add_piece(r, p + head, total - head, (size_t)(frag & 0x1fff) * 8, frag & 0x2000);
		return;
	}
	if (len >= 40 && p[0] >> 4 == 6 && 40u + be16(p + 4) <= len) {
		size_t body = be16(p + 4);

		if (p[6] == IPPROTO_UDP)
			add_piece(r, p + 40, body, 0, 0);
		else if (p[6] == IPPROTO_FRAGMENT && body >= 8 && p[40] == IPPROTO_UDP)
			add_piece(r, p + 48, body - 8, be16(p + 42) & 0xfff8, p[43] & 1);
	}
}

static void
take_frame(struct replay *r, uint32_t link, const uint8_t *p, size_t len)
{
	size_t off;

	switch (link) {
	case 1:
		for (off = 12; off + 6 < len && (be16(p + off) == 0x8100 || be16(p + off) == 0x88a8);)
			off += 4;
		off += 2;
		break;
	case 113:
		off = 16;
		break;
	case 276:
		off = 20;
		break;
	default:
		off = 0;
	}
	if (off < len)
		take_ip(r, p + off, len - off);
}

static int
replay_file(struct replay *r, FILE *f)
{
	static uint8_t frame[262144];
	uint8_t head[24];
	int swapped;
	uint32_t link;

	if (fread(head, 1, 24, f) != 24)
		return -1;
	swapped = word(head, 0) == 0xd4c3b2a1 || word(head, 0) == 0x4d3cb2a1;
	if (!swapped && word(head, 0) != 0xa1b2c3d4 && word(head, 0) != 0xa1b23c4d)
		return -1;
	link = word(head + 20, swapped) & 0xffff;
	while (fread(head, 1, 16, f) == 16) {
		size_t len = word(head + 8, swapped);

		if (len > sizeof(frame) || fread(frame, 1, len, f) != len)
			return -1;
		take_frame(r, link, frame, len);
	}
	return 0;
}

static int
open_loopback(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (sock >= 0 && connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(sock);
		return -1;
	}
	return sock;
}

int
main(int argc, char **argv)
{
	static struct replay r;
	FILE *f;
	int bad;

	if (argc < 3) {
		fprintf(stderr, "usage: replay FILE.pcap PORT [DATAGRAMS_PER_S]\n");
		return 2;
	}
	r.rate = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20000;
	f = fopen(argv[1], "rb");
	r.sock = open_loopback((unsigned)strtoul(argv[2], NULL, 10));
	if (f == NULL || r.sock < 0) {
		fprintf(stderr, "replay: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	bad = replay_file(&r, f);
	fclose(f);
	close(r.sock);
	printf("%lu datagrams sent, %lu pieces skipped\n", r.sent, r.skipped);
	if (bad)
		fprintf(stderr, "replay: %s: not a pcap, or cut short\n", argv[1]);
	return bad ? 1 : 0;
}
