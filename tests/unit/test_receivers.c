/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Threads that receive, and the queues to the one that evaluates: what one socket would have given, each exporter's
 * datagrams in order, all of them or counted. On loopback, where 127.0.0.0/8 is many exporters.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/receivers.h"
#include "input/queue.h"
#include "unit/loopback.h"

#define EXPORTERS 40u
#define FIRST     0x7f000101u /* the others are 3 apart */
#define OTHER     64987 /* a user without processes */

/* --- the queue --- */

static uint8_t payload[65535];

/* Any of these can be made again from its number. */
static struct tsn_datagram
numbered(uint32_t n)
{
	static const uint32_t lengths[] = { 0, 1, 63, 64, 65, 1464, 700, 9000, 1464, 24, 65507, 1464 };
	struct tsn_datagram d = { .payload = payload, .len = lengths[n % 12] + (n * 7) % 5, .exporter = tsn_addr_v4(n), .src_port = (uint16_t)n,
		.dst_port = 2055, .received_ms = n, .cut = n % 3 == 0 };

	for (size_t i = 0; i < d.len && i < 64; i++)
		payload[i] = (uint8_t)(n + i);
	if (d.len > 64)
		payload[d.len - 1] = (uint8_t)(n * 3);
	return d;
}

static void
check(const struct tsn_datagram *d, uint32_t n)
{
	static uint8_t seen[65536];
	struct tsn_datagram want;

	memcpy(seen, d->payload, d->len);
	want = numbered(n);
	cr_assert(d->len == want.len && d->exporter.lo == n && d->src_port == (uint16_t)n && d->received_ms == n && d->cut == want.cut, "%u", n);
	cr_assert_eq(memcmp(seen, payload, d->len < 64 ? d->len : 64), 0, "%u", n);
	cr_assert(d->len <= 64 || seen[d->len - 1] == payload[d->len - 1], "%u", n);
}

/* Filled until nothing more finds room, and emptied in parts: again and again, round the ring. */
Test(receivers, queue_is_bounded_and_keeps_all)
{
	struct tsn_queue *q = tsn_queue_new((size_t)1 << 18);
	struct tsn_datagram v[7];
	uint32_t in = 0, out = 0, refused = 0, full_at;

	cr_assert(!tsn_queue_waits(q));
	for (int round = 0; round < 60; round++) {
		for (;;) {
			struct tsn_datagram d = numbered(in);

			if (!tsn_queue_put(q, &d))
				break;
			in++;
		}
		refused++;
		full_at = out;
		if (round == 0)
			cr_assert_eq(tsn_queue_take(q, v, 7), 0, "what is not sent is not seen");
		tsn_queue_send(q);
		cr_assert(tsn_queue_waits(q));
		while (out < full_at + (unsigned)round % 20 + 1 && out < in) {
			unsigned n = tsn_queue_take(q, v, 1 + (unsigned)round % 7);

			for (unsigned i = 0; i < n; i++)
				check(&v[i], out++);
			tsn_queue_done(q);
		}
		while (round % 9 == 8 && out < in) { /* empty, too */
			unsigned n = tsn_queue_take(q, v, 7);

			for (unsigned i = 0; i < n; i++)
				check(&v[i], out++);
			tsn_queue_done(q);
		}
		cr_assert_eq(tsn_queue_waits(q), out < in);
	}
	cr_assert(in > 500 && refused == 60);
	tsn_queue_free(q);
}

#define PASSED 30000u

static void *
write_all(void *arg)
{
	struct tsn_queue *q = arg;
	uint8_t bytes[1500];

	for (uint32_t n = 0; n < PASSED;) {
		struct tsn_datagram d = { .payload = bytes, .len = 4 + n % 1400, .received_ms = n };

		memset(bytes, (int)n, sizeof(bytes));
		if (tsn_queue_put(q, &d))
			n++;
		else
			sched_yield();
		if (n % 16 == 0)
			tsn_queue_send(q);
	}
	tsn_queue_send(q);
	return NULL;
}

Test(receivers, queue_between_threads, .timeout = 60)
{
	struct tsn_queue *q = tsn_queue_new((size_t)1 << 18);
	struct tsn_datagram v[64];
	pthread_t writer;
	uint32_t out = 0;

	cr_assert_eq(pthread_create(&writer, NULL, write_all, q), 0);
	while (out < PASSED) {
		unsigned n = tsn_queue_take(q, v, 64);

		for (unsigned i = 0; i < n; i++, out++)
			cr_assert(v[i].received_ms == out && v[i].len == 4 + out % 1400 && v[i].payload[0] == (uint8_t)out &&
			    v[i].payload[v[i].len - 1] == (uint8_t)out, "%u", out);
		tsn_queue_done(q);
		if (n == 0)
			sched_yield();
	}
	pthread_join(writer, NULL);
	cr_assert(!tsn_queue_waits(q));
	tsn_queue_free(q);
}

/* --- sockets and threads --- */

struct line {
	struct tsn_udp *udp[TSN_RECEIVERS_MAX];
	unsigned n;
	struct tsn_receivers *receivers;
	int sender[EXPORTERS][2];    /* each exporter has two ports */
	uint32_t sent[EXPORTERS], seen[EXPORTERS], all;
	int by[EXPORTERS];           /* who took those of an exporter; -1: nobody yet */
};

static struct line
make_line(unsigned n, const struct tsn_udp_opts *opts, size_t queue)
{
	struct line l = { 0 };
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_addr addr;
	uint16_t port;

	l.udp[0] = tsn_udp_open("127.0.0.1:0", opts, error);
	cr_assert_not_null(l.udp[0], "%s", error);
	l.n = tsn_udp_spread(l.udp, n);
	cr_assert_eq(l.n, n);
	tsn_udp_local(l.udp[0], &addr, &port);
	for (unsigned i = 0; i < EXPORTERS * 2; i++) {
		l.sender[i / 2][i % 2] = loopback_sender(FIRST + i / 2 * 3, port);
		l.by[i / 2] = -1;
	}
	l.receivers = tsn_receivers_new(n, queue, NULL);
	cr_assert_not_null(l.receivers);
	return l;
}

static bool
begin(struct line *l)
{
	for (unsigned i = 0; i < l->n; i++)
		cr_assert(tsn_receivers_add(l->receivers, i, l->udp[i]));
	return tsn_receivers_start(l->receivers);
}

static void
end(struct line *l)
{
	tsn_receivers_free(l->receivers);
	for (unsigned i = 0; i < l->n; i++)
		tsn_udp_close(l->udp[i]);
	for (unsigned i = 0; i < EXPORTERS * 2; i++)
		close(l->sender[i / 2][i % 2]);
}

/* Every exporter numbers what it sends, whatever port it sends from. */
static void
send_each(struct line *l, unsigned rounds, size_t len)
{
	static uint8_t bytes[1464];

	for (unsigned k = 0; k < rounds * EXPORTERS; k++) {
		unsigned x = k % EXPORTERS;

		memcpy(bytes, &l->sent[x], sizeof(l->sent[x]));
		cr_assert_eq(send(l->sender[x][(k / EXPORTERS) % 2], bytes, len, 0), (ssize_t)len, "%s", strerror(errno));
		l->sent[x]++;
	}
}

/* In order; with [gaps] some may be missing. */
static void
see(struct line *l, const struct tsn_datagram *d, int by, bool gaps)
{
	unsigned x = ((uint32_t)d->exporter.lo - FIRST) / 3;
	uint32_t number;

	memcpy(&number, d->payload, sizeof(number));
	cr_assert_lt(x, EXPORTERS);
	cr_assert(gaps ? number >= l->seen[x] : number == l->seen[x], "exporter %u: %u came after %u", x, number, l->seen[x]);
	cr_assert(l->by[x] == -1 || l->by[x] == by, "exporter %u came to %d and %d", x, l->by[x], by);
	l->by[x] = by;
	l->seen[x] = number + 1;
	l->all++;
}

static unsigned
take(struct line *l, bool gaps)
{
	struct tsn_datagram v[32];
	unsigned all = 0;

	for (unsigned i = 0; i < tsn_receivers_count(l->receivers); i++) {
		unsigned n = tsn_receivers_take(l->receivers, i, v, 32);

		for (unsigned k = 0; k < n; k++)
			see(l, &v[k], (int)i, gaps);
		tsn_receivers_done(l->receivers, i);
		all += n;
	}
	return all;
}

/* Until [n] have come in all, sleeping by the bell as the daemon does; the wait is bounded. */
static void
take_until(struct line *l, uint32_t n)
{
	for (int tries = 0; l->all < n && tries < 200; tries++) {
		struct pollfd p = { .fd = tsn_receivers_fd(l->receivers), .events = POLLIN };

		if (take(l, false) == 0 && tsn_receivers_watch(l->receivers))
			cr_assert_eq(poll(&p, 1, 5000), 1, "nobody rang: %u of %u", l->all, n);
		else
			tries--;
	}
	cr_assert_eq(l->all, n);
}

static struct tsn_udp_counters
counters(const struct line *l)
{
	struct tsn_udp_counters all = { 0 }, c;

	for (unsigned i = 0; i < l->n; i++) {
		tsn_udp_counters(l->udp[i], &c);
		all.datagrams += c.datagrams;
		all.bytes += c.bytes;
		all.kernel_drops += c.kernel_drops;
		all.receive_buffer = c.receive_buffer;
	}
	return all;
}

Test(receivers, the_same_from_1_2_and_4, .timeout = 60)
{
	for (unsigned n = 1; n <= 4; n *= 2) {
		struct line l = make_line(n, NULL, 0);
		struct tsn_udp_counters c;
		unsigned used = 0;

		cr_assert(begin(&l));
		for (unsigned burst = 1; burst <= 20; burst++) {
			send_each(&l, burst % 5 + 1, 100);
			take_until(&l, (uint32_t)(l.all + (burst % 5 + 1) * EXPORTERS));
		}
		c = counters(&l);
		cr_assert(c.datagrams == l.all && c.bytes == l.all * 100 && c.kernel_drops == 0);
		for (unsigned x = 0; x < EXPORTERS; x++) {
			cr_assert_eq(l.seen[x], l.sent[x]);
			used |= 1u << l.by[x];
		}
		cr_assert_eq(used, (1u << n) - 1, "all have work");
		cr_assert_eq(tsn_receivers_error(l.receivers), 0);
		end(&l);
	}
}

/* While nobody takes anything the queues fill, then the kernel's buffers; what does not fit there is counted. */
Test(receivers, a_caller_that_stalls_loses_what_is_counted, .timeout = 60)
{
	for (unsigned n = 1; n <= 4; n *= 2) {
		struct line l = make_line(n, &(struct tsn_udp_opts){ .receive_buffer = 65536 }, (size_t)1 << 18);
		uint32_t sent = 0;
		unsigned tries = 0;

		cr_assert(begin(&l));
		for (; counters(&l).kernel_drops == 0 || tsn_receivers_waits(l.receivers) == 0; sent += EXPORTERS) {
			cr_assert_lt(sent, 200000, "nothing was dropped");
			send_each(&l, 1, 1464);
		}
		while (l.all + counters(&l).kernel_drops < sent && tries++ < 10000)
			if (take(&l, true) == 0)
				nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		cr_assert_eq(l.all + counters(&l).kernel_drops, sent);
		cr_assert_eq(counters(&l).datagrams, l.all);
		memcpy(l.seen, l.sent, sizeof(l.seen));
		l.all = 0;
		send_each(&l, 1, 100); /* and it goes on */
		take_until(&l, EXPORTERS);
		end(&l);
	}
}

/* What the receivers left in the sockets when they stopped; then all that was sent has come. */
static void
see_the_rest(struct line *l)
{
	struct tsn_datagram v[TSN_UDP_BATCH];

	for (unsigned i = 0; i < l->n; i++)
		for (int n; (n = tsn_udp_receive(l->udp[i], v, TSN_UDP_BATCH)) > 0;)
			for (int k = 0; k < n; k++)
				see(l, &v[k], (int)i, false);
	for (unsigned x = 0; x < EXPORTERS; x++)
		cr_assert_eq(l->seen[x], l->sent[x]);
}

/* Stopped in the middle of everything: queue, what found no room in it, and sockets; then they go on. */
Test(receivers, stopping_loses_nothing, .timeout = 60)
{
	struct line l = make_line(2, NULL, (size_t)1 << 18);
	uint64_t sent = 0;

	for (unsigned round = 0; round < 3; round++) {
		uint64_t before = tsn_receivers_waits(l.receivers);

		cr_assert(begin(&l));
		cr_assert_eq(tsn_receivers_running(l.receivers), 2);
		while (tsn_receivers_waits(l.receivers) < before + 2) /* what is sent must find room in the kernel */
			if ((sent - counters(&l).datagrams) * 2304 < counters(&l).receive_buffer)
				send_each(&l, 1, 1464), sent += EXPORTERS;
			else
				nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		tsn_receivers_stop(l.receivers);
		cr_assert_eq(tsn_receivers_running(l.receivers), 0);
		while (take(&l, false) > 0)
			;
		see_the_rest(&l);
	}
	cr_assert_eq(counters(&l).kernel_drops, 0);
	end(&l);
}

/* Becomes somebody who may have [n] threads, and root again; false: it cannot. */
static bool
limit_threads(rlim_t n)
{
	struct rlimit limit;

	return getuid() == 0 && getrlimit(RLIMIT_NPROC, &limit) == 0 && (limit.rlim_cur = n, setrlimit(RLIMIT_NPROC, &limit) == 0) &&
	    setresuid(OTHER, OTHER, 0) == 0;
}

static void
unlimit_threads(void)
{
	struct rlimit limit;

	cr_assert_eq(setresuid(0, 0, 0), 0);
	cr_assert_eq(getrlimit(RLIMIT_NPROC, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
}

/* Without threads the sockets are the caller's; with fewer than wanted those there are take from all. */
Test(receivers, threads_that_cannot_be_had, .timeout = 60)
{
	struct line l = make_line(4, NULL, 0);
	struct tsn_datagram v[TSN_UDP_BATCH];
	unsigned direct = 0;
	bool began;

	if (!limit_threads(1))
		cr_skip_test("no other user to be");
	began = begin(&l);
	unlimit_threads();
	cr_assert(!began && tsn_receivers_running(l.receivers) == 0);
	send_each(&l, 1, 100);
	for (unsigned i = 0; i < l.n; i++)
		for (int n; (n = tsn_udp_receive(l.udp[i], v, TSN_UDP_BATCH)) > 0;)
			direct += (unsigned)n;
	cr_assert_eq(direct, EXPORTERS);
	end(&l);
}

Test(receivers, others_do_the_work_of_those_missing, .timeout = 60)
{
	struct line l = make_line(4, NULL, 0);
	bool began;

	if (!limit_threads(3))
		cr_skip_test("no other user to be");
	began = begin(&l);
	unlimit_threads();
	if (!began)
		cr_skip_test("the other user has processes");
	cr_assert_leq(tsn_receivers_running(l.receivers), 2);
	send_each(&l, 30, 100);
	take_until(&l, 30 * EXPORTERS);
	for (unsigned x = 0; x < EXPORTERS; x++)
		cr_assert(l.seen[x] == 30 && l.by[x] < 2, "exporter %u: %u by %d", x, l.seen[x], l.by[x]);
	end(&l);
}

/*
 * Stopped while queues are full, and then not all of the threads can be had again: what was left with those that have none is
 * neither forgotten nor overtaken by what others find in their sockets.
 */
Test(receivers, threads_that_cannot_be_had_again, .timeout = 60)
{
	struct line l = make_line(4, NULL, (size_t)1 << 17);
	uint64_t sent = 0;
	bool began;

	cr_assert(begin(&l));
	while (tsn_receivers_waits(l.receivers) < 50)
		if ((sent - counters(&l).datagrams) * 2304 < counters(&l).receive_buffer)
			send_each(&l, 1, 1464), sent += EXPORTERS;
		else
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	tsn_receivers_stop(l.receivers);
	if (!limit_threads(3))
		cr_skip_test("no other user to be");
	began = begin(&l);
	unlimit_threads();
	for (int i = 0; began && l.all < sent && i < 2000; i++)
		if (take(&l, false) == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	tsn_receivers_stop(l.receivers);
	while (take(&l, false) > 0)
		;
	see_the_rest(&l);
	cr_assert_eq(counters(&l).kernel_drops, 0);
	end(&l);
}

/* An address for which only one socket could be had, and none at all: who has nothing to do sleeps. */
Test(receivers, fewer_sockets_than_receivers, .timeout = 60)
{
	struct line l = make_line(1, NULL, 0);
	struct tsn_receivers *idle = tsn_receivers_new(3, 0, NULL);

	cr_assert(idle != NULL && tsn_receivers_start(idle) && tsn_receivers_running(idle) == 3);
	cr_assert(tsn_receivers_watch(idle));
	tsn_receivers_stop(idle);
	tsn_receivers_free(l.receivers);
	l.receivers = idle;
	cr_assert(begin(&l));
	send_each(&l, 4, 100);
	take_until(&l, 4 * EXPORTERS);
	end(&l);
}

Test(receivers, how_many)
{
	static const unsigned v[][2] = { { 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 7, 1 }, { 8, 2 }, { 16, 4 }, { 31, 7 }, { 256, 8 } };

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		cr_assert_eq(tsn_receivers_for(v[i][0]), v[i][1], "%u", v[i][0]);
}

Test(receivers, out_of_memory)
{
	struct tsn_receivers *r = NULL;

	for (long n = 0; n < 20 && r == NULL; n++) {
		tsn_mem_fail_at(n, false);
		r = tsn_receivers_new(2, 0, NULL);
		if (r != NULL && tsn_receivers_count(r) < 2) { /* with one there is one */
			tsn_receivers_free(r);
			r = NULL;
		}
		tsn_mem_fail_never();
	}
	cr_assert_not_null(r);
	tsn_receivers_free(r);
	tsn_receivers_free(NULL);
	tsn_queue_free(NULL);
}
