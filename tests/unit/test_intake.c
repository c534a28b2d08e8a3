/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From sockets to the engine: the same flows, those of one exporter in order, whether the thread that evaluates
 * receives or others do, and whatever lies in queues and sockets when they are stopped.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "build_netflow.h"
#include "core/engine.h"
#include "daemon/intake.h"
#include "unit/loopback.h"

#define EXPORTERS 20u
#define FIRST     0x7f000301u
#define QUEUED    3000u /* more than is taken of a queue in one turn */
#define BEHIND    400u

struct seen {
	uint32_t next[EXPORTERS];
	uint64_t rows;
	unsigned nap_ms; /* for each batch: evaluating takes so long */
};

/* The source of a flow is its number among those of its exporter. */
static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct seen *s = arg;

	(void)rows;
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t x = (uint32_t)tsn_batch_addr(b, i, TSN_F_EXPORTER).lo - FIRST, number = (uint32_t)tsn_batch_addr(b, i, TSN_F_SRC).lo;

		cr_assert_lt(x, EXPORTERS);
		cr_assert_eq(number, s->next[x], "exporter %u: flow %u came where %u was due", x, number, s->next[x]);
		s->next[x]++;
		s->rows++;
	}
	for (unsigned i = 0; i < s->nap_ms; i += 10)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

struct line {
	struct tsn_socket socket;
	struct tsn_ports ports;
	struct tsn_intake in;
	int sender[EXPORTERS];
	uint32_t sent;
};

static void
make_line(struct line *l, unsigned receivers, struct seen *seen)
{
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_addr addr;
	uint16_t port;

	*l = (struct line){ .socket.keep = true, .ports = { .sockets = &l->socket, .nsockets = 1 } };
	l->socket.udp[0] = tsn_udp_open("127.0.0.1:0", NULL, error);
	cr_assert_not_null(l->socket.udp[0], "%s", error);
	l->socket.nudp = tsn_udp_spread(l->socket.udp, receivers);
	l->in = (struct tsn_intake){ .ports = &l->ports,
		.engine = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = seen }),
		.receivers = receivers > 0 ? tsn_receivers_new(receivers, 0, NULL) : NULL };
	cr_assert(l->in.engine != NULL && (receivers == 0 || (l->in.receivers != NULL && l->socket.nudp == receivers)));
	tsn_udp_local(l->socket.udp[0], &addr, &port);
	for (unsigned x = 0; x < EXPORTERS; x++)
		l->sender[x] = loopback_sender(FIRST + x, port);
}

static void
free_line(struct line *l)
{
	tsn_receivers_free(l->in.receivers);
	tsn_engine_free(l->in.engine);
	for (unsigned i = 0; i < l->socket.nudp; i++)
		tsn_udp_close(l->socket.udp[i]);
	for (unsigned x = 0; x < EXPORTERS; x++)
		close(l->sender[x]);
}

static void
send_flows(struct line *l, uint32_t n)
{
	for (uint32_t end = l->sent + n; l->sent < end; l->sent++) {
		const uint32_t number = l->sent / EXPORTERS;
		struct nf_record r = { .src = number, .dst = 1, .packets = 1, .bytes = 40, .proto = 17 };
		uint8_t d[72];
		size_t len = nf_build(d, &(struct nf_header){ .version = 5, .count = -1u, .uptime = 1000, .secs = 1, .seq = number }, &r, 1);

		cr_assert_eq(send(l->sender[l->sent % EXPORTERS], d, len, 0), (ssize_t)len, "%s", strerror(errno));
	}
}

/* Receivers have taken all; nobody takes anything from them. */
static void
wait_until_received(struct line *l)
{
	struct tsn_udp_counters c;

	for (unsigned i = 0; i < 20000; i++) {
		tsn_socket_counters(&l->socket, &c);
		if (c.datagrams == l->sent)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	cr_assert(false, "received %llu of %u", (unsigned long long)c.datagrams, l->sent);
}

Test(intake, the_end_keeps_the_order, .timeout = 60)
{
	static const unsigned receivers[] = { 0, 1, 2, 4 };

	for (size_t k = 0; k < sizeof(receivers) / sizeof(receivers[0]); k++) {
		struct seen seen = { 0 };
		struct line l;

		make_line(&l, receivers[k], &seen);
		tsn_intake_start(&l.in);
		cr_assert_eq(tsn_intake_received(&l.in), receivers[k] > 0);
		while (l.sent < QUEUED) {
			send_flows(&l, 100);
			if (receivers[k] > 0)
				wait_until_received(&l);
			else
				tsn_intake_take(&l.in);
		}
		if (receivers[k] > 0)
			tsn_receivers_stop(l.in.receivers);
		send_flows(&l, BEHIND);
		tsn_intake_drain(&l.in);
		cr_assert(seen.rows == QUEUED + BEHIND && l.in.messages == QUEUED + BEHIND, "%u receivers: %llu", receivers[k],
		    (unsigned long long)seen.rows);
		for (unsigned x = 0; x < EXPORTERS; x++) {
			struct tsn_exporters *t = tsn_engine_exporters(l.in.engine);
			const struct tsn_exporter *of = tsn_exporters_at(t, tsn_exporters_find(t, tsn_addr_v4(FIRST + x)));

			cr_assert_eq(seen.next[x], (QUEUED + BEHIND) / EXPORTERS);
			cr_assert(of->counter[TSN_XC_LOST] == 0 && of->counter[TSN_XC_REORDERED] == 0);
		}
		free_line(&l);
	}
}

/* Sockets that come and go: who receives is stopped, all of it is evaluated, and it goes on. */
Test(intake, stopped_and_started, .timeout = 60)
{
	struct seen seen = { 0 };
	struct line l;

	make_line(&l, 2, &seen);
	for (unsigned round = 0; round < 5; round++) {
		tsn_intake_start(&l.in);
		send_flows(&l, 200);
		if (round % 2 == 0)
			wait_until_received(&l);
		tsn_intake_stop(&l.in);
		cr_assert(!tsn_intake_received(&l.in));
		if (round == 3) /* an address that goes */
			l.socket.keep = false;
		tsn_intake_drain_unnamed(&l.in);
		l.socket.keep = true;
	}
	tsn_intake_drain(&l.in);
	cr_assert_eq(seen.rows, 1000);
	free_line(&l);
}

/* The last warning. */
static void
hear(void *arg, enum tsn_log_level level, const char *line)
{
	if (level == TSN_LOG_WARN)
		snprintf(arg, 160, "%s", line);
}

/* More has come in than can be evaluated in the time there is at the end: the rest is counted and told. */
Test(intake, the_end_is_bounded, .timeout = 60)
{
	char heard[160] = "";
	const struct tsn_log log = { TSN_LOG_INFO, hear, heard };
	struct seen seen = { 0 };
	unsigned long long rest = 0;
	struct line l;

	make_line(&l, 1, &seen);
	l.in.log = &log;
	tsn_intake_start(&l.in);
	while (l.sent < 4 * TSN_BATCH_ROWS) {
		send_flows(&l, 100);
		wait_until_received(&l);
	}
	seen.nap_ms = 700; /* three full batches are more than the two seconds */
	tsn_intake_drain(&l.in);
	cr_assert_eq(sscanf(heard, "%llu datagrams that had come in were not evaluated", &rest), 1, "told: %s", heard);
	cr_assert_gt(rest, 0);
	cr_assert(seen.rows + rest == l.sent && l.in.messages == seen.rows, "%llu evaluated, %llu told of %u", (unsigned long long)seen.rows,
	    rest, l.sent);
	free_line(&l);
}

/* Whoever may not have the buffers asked for is told, once. */
Test(intake, small_buffers_are_told)
{
	struct tsn_site_listen listens[2] = { { .addr = tsn_addr_v4(FIRST) }, { .addr = tsn_addr_v4(FIRST + 1) } };
	const struct tsn_site site = { .listens = listens, .nlistens = 2 };
	char heard[160] = "", what[sizeof(heard)];
	const struct tsn_log log = { TSN_LOG_INFO, hear, heard };
	struct tsn_ports ports = { .receivers = 1, .log = &log };
	struct tsn_udp_counters c;

	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		cr_skip_test("no other user to be");
	cr_assert(tsn_ports_prepare(&ports, &site), "%s", heard);
	tsn_socket_counters(&ports.sockets[0], &c);
	cr_assert_eq(c.wanted_buffer, (size_t)64 << 20);
	snprintf(what, sizeof(what), "the kernel grants receive buffers of %zu bytes, not %zu: bursts may be lost; raise net.core.rmem_max",
	    c.receive_buffer, c.wanted_buffer);
	cr_assert_str_eq(heard, c.receive_buffer < c.wanted_buffer ? what : "");
	heard[0] = '\0';
	listens[0].addr = tsn_addr_v4(FIRST + 2);
	tsn_ports_commit(&ports);
	cr_assert(tsn_ports_prepare(&ports, &site));
	tsn_ports_commit(&ports);
	cr_assert_str_eq(heard, "");
	tsn_ports_fini(&ports);
}
