/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * blast FILE.pcap PORT RATE SECONDS    sends the capture's UDP payloads (Ethernet, IPv4) over and over to 127.0.0.1:PORT,
 *                                      RATE datagrams a second, and prints how many it sent
 * blast - PORT                         the bare receiver: recvmmsg and nothing else, until SIGTERM; prints how many came
 *
 * What the receiver takes is the ceiling for every collector on this machine. Needs libc only; loopback only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "seconds.h"

#define BURST 32
#define KEEP 20000 /* datagrams of the capture that are sent in turn */

static volatile sig_atomic_t ended;

static void
on_signal(int n)
{
	(void)n;
	ended = 1;
}

static int
bound(unsigned port, int receive)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_DGRAM, 0), size = 64 << 20;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (s < 0 || (receive ? bind(s, (struct sockaddr *)&a, sizeof(a)) : connect(s, (struct sockaddr *)&a, sizeof(a))) < 0) {
		perror("blast");
		exit(1);
	}
	return s;
}

static int
receive(unsigned port)
{
	static uint8_t room[64][2048];
	struct mmsghdr m[64];
	struct iovec v[64];
	unsigned long n = 0;
	int s = bound(port, 1);
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGTERM, &act, NULL);
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 64; i++) {
		v[i] = (struct iovec){ room[i], sizeof(room[i]) };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	while (!ended) {
		int got = recvmmsg(s, m, 64, MSG_WAITFORONE, NULL);

		n += got > 0 ? (unsigned)got : 0;
	}
	for (int got; (got = recvmmsg(s, m, 64, MSG_DONTWAIT, NULL)) > 0;)
		n += (unsigned)got;
	printf("%lu\n", n);
	return 0;
}

/* Of a little-endian pcap of Ethernet frames with IPv4 without options. */
static unsigned
load(const char *path, struct iovec *v)
{
	struct stat st;
	int f = open(path, O_RDONLY);
	uint8_t *p = f < 0 || fstat(f, &st) < 0 ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, f, 0);
	unsigned n = 0;

	if (p == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	for (size_t at = 24; n < KEEP && at + 16 + 42 < (size_t)st.st_size; n++) {
		uint32_t len;

		memcpy(&len, p + at + 8, 4);
		if (len < 42 || len > (size_t)st.st_size - at - 16)
			break;
		v[n] = (struct iovec){ p + at + 16 + 42, len - 42 };
		at += 16 + len;
	}
	return n;
}

static double
now(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

static int
blast(const char *path, unsigned port, double rate, double seconds)
{
	static struct iovec v[KEEP];
	struct mmsghdr m[BURST];
	unsigned n = load(path, v), at = 0;
	unsigned long sent = 0, all = (unsigned long)(rate * seconds);
	int s = bound(port, 0);
	double began = now();

	memset(m, 0, sizeof(m));
	while (n > 0 && sent < all) {
		int got;

		for (unsigned i = 0; i < BURST; i++) {
			m[i].msg_hdr.msg_iov = &v[(at + i) % n];
			m[i].msg_hdr.msg_iovlen = 1;
		}
		got = sendmmsg(s, m, BURST, 0);
		if (got > 0) {
			sent += (unsigned)got;
			at = (at + (unsigned)got) % n;
		}
		while ((double)sent / rate > now() - began)
			;
	}
	printf("%lu %.0f\n", sent, (double)sent / (now() - began));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-") == 0)
		return receive((unsigned)atoi(argv[2]));
	if (argc == 5)
		return blast(argv[1], (unsigned)atoi(argv[2]), atof(argv[3]), atof(argv[4]));
	fprintf(stderr, "usage: blast FILE.pcap PORT RATE SECONDS | blast - PORT\n");
	return 2;
}
