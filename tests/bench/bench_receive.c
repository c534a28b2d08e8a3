/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What taking datagrams from the kernel costs beside evaluating them, by the thread that evaluates and by 1, 2 and 4 receivers
 * beside it. Sockets are filled first, so that no sender takes part in what is timed.
 *   bench_receive CAPTURE [ROUNDS]    a capture of exports; 100 rules of three parts and a window run over them
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench/seconds.h"
#include "core/engine.h"
#include "daemon/nap.h"
#include "daemon/receivers.h"
#include "input/pcap.h"

#define EACH      20000u /* datagrams a round */
#define EXPORTERS 16u
#define RULES     100u

struct times {
	double wall, all, evaluating; /* seconds: that pass, of all threads, of the one that evaluates */
};

static struct {
	uint8_t bytes[2048];
	size_t len;
} datagram[EACH];
static unsigned ndatagrams;

static void
fail(const char *what)
{
	fprintf(stderr, "bench_receive: %s\n", what);
	exit(1);
}

static void
load(const char *path)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &(struct tsn_pcap_opts){ 0 }, error);
	struct tsn_datagram d;

	if (p == NULL)
		fail(error);
	while (ndatagrams < EACH && tsn_pcap_next(p, &d)) {
		if (d.len > sizeof(datagram[0].bytes))
			continue;
		memcpy(datagram[ndatagrams].bytes, d.payload, d.len);
		datagram[ndatagrams++].len = d.len;
	}
	tsn_pcap_close(p);
	if (ndatagrams < EACH)
		fail("the capture has too few datagrams");
}

static struct tsn_engine *
make_engine(void)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .seed = 5 });
	struct tsn_buf text = TSN_BUF_INIT;

	for (unsigned i = 0; i < RULES; i++)
		tsn_buf_printf(&text, "rule r%u { when proto == tcp and dst_port == %u and packets > %u }\n", i, 1 + i * 7919 % 65000, 10 + i);
	tsn_buf_puts(&text, "rule mail { when count(dst_port == 25) by src over 60s > 1000 }\n");
	if (e == NULL || !tsn_engine_load(e, tsn_compile(sources, &(struct tsn_compile_input){
	    .texts = &(struct tsn_rule_text){ "rules", tsn_buf_str(&text), text.len }, .ntexts = 1 }, diags), NULL))
		fail("no engine");
	tsn_buf_fini(&text);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return e;
}

/* From 16 exporters, into the buffers of the sockets on [port]. */
static void
fill(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (unsigned x = 0; x < EXPORTERS; x++) {
		struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101u + x) };
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
			fail("no sender");
		for (unsigned i = x; i < EACH; i += EXPORTERS)
			if (send(fd, datagram[i].bytes, datagram[i].len, 0) < 0)
				fail("cannot send");
		close(fd);
	}
}

static void
evaluate(struct tsn_engine *e, const struct tsn_datagram *v, unsigned n)
{
	for (unsigned i = 0; e != NULL && i < n; i++)
		tsn_engine_message(e, v[i].payload, v[i].len, &(struct tsn_sender){ v[i].exporter, v[i].src_port }, v[i].received_ms);
}

static void
take_here(struct tsn_engine *e, struct tsn_udp *u)
{
	struct tsn_datagram v[TSN_UDP_BATCH];

	for (int n; (n = tsn_udp_receive(u, v, TSN_UDP_BATCH)) > 0;)
		evaluate(e, v, (unsigned)n);
}

static void
take_beside(struct tsn_engine *e, struct tsn_receivers *r)
{
	struct tsn_datagram v[TSN_UDP_BATCH];
	struct tsn_nap nap = { 0 };

	for (unsigned got = 0, since = 0, n; got < EACH; got += n) {
		n = 0;
		for (unsigned i = 0; i < tsn_receivers_count(r); i++) {
			unsigned k = tsn_receivers_take(r, i, v, TSN_UDP_BATCH);

			evaluate(e, v, k);
			tsn_receivers_done(r, i);
			n += k;
		}
		since += n;
		if (n > 0)
			continue;
		const struct timespec t = tsn_nap_after(&nap, since);

		nanosleep(&t, NULL);
		since = 0;
	}
}

static void
round_of(struct tsn_engine *e, struct tsn_receivers *r, struct times *best)
{
	struct tsn_udp *u[TSN_RECEIVERS_MAX];
	unsigned n = r != NULL ? tsn_receivers_count(r) : 1;
	char error[TSN_INPUT_ERROR];
	struct tsn_addr addr;
	struct times t;
	uint16_t port;

	u[0] = tsn_udp_open("127.0.0.1:0", NULL, error);
	if (u[0] == NULL || tsn_udp_spread(u, n) != n)
		fail("no sockets");
	tsn_udp_local(u[0], &addr, &port);
	fill(port);
	t = (struct times){ clock_seconds(CLOCK_MONOTONIC), clock_seconds(CLOCK_PROCESS_CPUTIME_ID), clock_seconds(CLOCK_THREAD_CPUTIME_ID) };
	for (unsigned i = 0; r != NULL && i < n; i++)
		tsn_receivers_add(r, i, u[i]);
	if (r == NULL)
		take_here(e, u[0]);
	else if (tsn_receivers_start(r))
		take_beside(e, r);
	t = (struct times){ clock_seconds(CLOCK_MONOTONIC) - t.wall, clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - t.all,
		clock_seconds(CLOCK_THREAD_CPUTIME_ID) - t.evaluating };
	best->wall = t.wall < best->wall ? t.wall : best->wall;
	best->all = t.all < best->all ? t.all : best->all;
	best->evaluating = t.evaluating < best->evaluating ? t.evaluating : best->evaluating;
	if (r != NULL)
		tsn_receivers_stop(r);
	for (unsigned i = 0; i < n; i++)
		tsn_udp_close(u[i]);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned receivers;
		bool rules;
	} lane[] = { { "received, nothing else", 0, false }, { "one thread", 0, true }, { "1 receiver", 1, true }, { "2 receivers", 2, true },
		{ "4 receivers", 4, true } };
	const unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 20, n = sizeof(lane) / sizeof(lane[0]);
	struct tsn_engine *e = make_engine();
	struct times best[sizeof(lane) / sizeof(lane[0])];
	struct tsn_receivers *r[sizeof(lane) / sizeof(lane[0])];

	if (argc < 2)
		fail("no capture");
	load(argv[1]);
	for (unsigned k = 0; k < n; k++) {
		best[k] = (struct times){ 1e9, 1e9, 1e9 };
		r[k] = lane[k].receivers > 0 ? tsn_receivers_new(lane[k].receivers, 0, NULL) : NULL;
		if (lane[k].receivers > 0 && r[k] == NULL)
			fail("no receivers");
	}
	for (unsigned i = 0; i < rounds * n; i++)
		round_of(lane[i % n].rules ? e : NULL, r[i % n], &best[i % n]);
	printf("ns a datagram, the least of %u rounds\n%-24s %10s %10s %18s\n", rounds, "", "passed", "of all", "of who evaluates");
	for (unsigned k = 0; k < n; k++)
		printf("%-24s %10.0f %10.0f %18.0f\n", lane[k].name, best[k].wall * 1e9 / EACH, best[k].all * 1e9 / EACH,
		    best[k].evaluating * 1e9 / EACH);
	for (unsigned k = 0; k < n; k++)
		tsn_receivers_free(r[k]);
	tsn_engine_free(e);
	return 0;
}
