/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* On loopback, on ports the kernel chooses; every wait is bounded. */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/udp.h"

static struct tsn_udp *
must_open(const char *where, const struct tsn_udp_opts *opts)
{
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_udp *u = tsn_udp_open(where, opts, error);

	cr_assert_not_null(u, "%s", error);
	return u;
}

static bool
have_ipv6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	if (!ok)
		cr_log_warn("no IPv6 on this machine: not tested");
	return ok;
}

/* A sender to the port of [u] on loopback. */
static int
sender(const struct tsn_udp *u, bool v6)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	struct tsn_addr addr;
	uint16_t port;

	tsn_udp_local(u, &addr, &port);
	cr_assert_neq(port, 0);
	six.sin6_port = four.sin_port = htons(port);
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_geq(fd, 0);
	cr_assert_eq(v6 ? connect(fd, (struct sockaddr *)&six, sizeof(six)) : connect(fd, (struct sockaddr *)&four, sizeof(four)), 0,
	    "%s", strerror(errno));
	return fd;
}

/* Takes one datagram within two seconds. */
static bool
take_one(struct tsn_udp *u, struct tsn_datagram *d)
{
	struct pollfd p = { .fd = tsn_udp_fd(u), .events = POLLIN };

	return poll(&p, 1, 2000) == 1 && tsn_udp_receive(u, d, 1) == 1;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

Test(input_udp, receives)
{
	static const struct {
		const char *where;
		bool v6_socket, v6_sender;
	} cases[] = { { "127.0.0.1:0", false, false }, { "0.0.0.0:0", false, false }, { "[::1]:0", true, true }, { "[::]:0", true, true },
		{ "[::]:0", true, false } };
	bool six = have_ipv6();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_udp *u;
		struct tsn_datagram d;
		struct tsn_addr loopback;
		int64_t before = now_ms();
		int fd;

		if (cases[i].v6_socket && !six)
			continue;
		u = must_open(cases[i].where, NULL);
		fd = sender(u, cases[i].v6_sender);
		cr_assert_eq(tsn_udp_receive(u, &d, 1), 0, "nothing was sent yet");
		cr_assert_eq(send(fd, "hello", 5, 0), 5);
		cr_assert(take_one(u, &d), "case %zu", i);
		cr_assert(d.len == 5 && memcmp(d.payload, "hello", 5) == 0 && !d.cut);
		/* an IPv4 sender is IPv4 on an IPv6 socket, too */
		cr_assert(tsn_addr_parse(cases[i].v6_sender ? "::1" : "127.0.0.1", cases[i].v6_sender ? 3 : 9, &loopback));
		cr_assert_eq(tsn_addr_cmp(d.exporter, loopback), 0, "case %zu", i);
		cr_assert(d.received_ms >= before - 1000 && d.received_ms <= now_ms() + 1000, "case %zu", i);
		cr_assert_neq(d.src_port, 0);
		close(fd);
		tsn_udp_close(u);
	}
}

/*
 * More than one call's worth, in order and none twice. Times need not rise: until the kernel stamps what arrives, which it begins
 * a little after it was asked to, a datagram's time is that of its being read.
 */
Test(input_udp, batches_in_order)
{
	struct tsn_udp *u = must_open("127.0.0.1:0", NULL);
	struct tsn_datagram d[TSN_UDP_BATCH];
	struct tsn_udp_counters c;
	unsigned got = 0, calls = 0;
	int fd = sender(u, false);
	const int64_t began = now_ms() - 1000;

	for (unsigned i = 0; i < 200; i++)
		cr_assert_eq(send(fd, &i, sizeof(i), 0), (ssize_t)sizeof(i));
	while (got < 200 && calls++ < 1000) {
		struct pollfd p = { .fd = tsn_udp_fd(u), .events = POLLIN };
		int n;

		cr_assert_eq(poll(&p, 1, 2000), 1);
		n = tsn_udp_receive(u, d, 1000); /* never more than a batch */
		cr_assert(n >= 0 && n <= TSN_UDP_BATCH);
		for (int i = 0; i < n; i++) {
			unsigned v;

			memcpy(&v, d[i].payload, sizeof(v));
			cr_assert_eq(v, got++);
			cr_assert(d[i].received_ms >= began && d[i].received_ms <= now_ms() + 1000, "in a rush too there are times");
		}
	}
	cr_assert_eq(got, 200);
	tsn_udp_counters(u, &c);
	cr_assert(c.datagrams == 200 && c.bytes == 800 && c.truncated == 0 && c.kernel_drops == 0);
	cr_assert_gt(c.receive_buffer, 100000);
	close(fd);
	tsn_udp_close(u);
}

Test(input_udp, truncated_datagrams)
{
	struct tsn_udp *u = must_open("127.0.0.1:0", &(struct tsn_udp_opts){ .max_datagram = 100 });
	struct tsn_udp_counters c;
	struct tsn_datagram d;
	char bytes[200] = { 0 };
	int fd = sender(u, false);

	for (size_t n = 99; n <= 101; n++) {
		cr_assert_eq(send(fd, bytes, n, 0), (ssize_t)n);
		cr_assert(take_one(u, &d));
		cr_assert_eq(d.len, n < 100 ? n : 100);
		cr_assert_eq(d.cut, n > 100);
	}
	tsn_udp_counters(u, &c);
	cr_assert(c.truncated == 1 && c.datagrams == 3);
	close(fd);
	tsn_udp_close(u);
}

/* The largest datagram there is, and one without a byte. */
Test(input_udp, sizes)
{
	struct tsn_udp *u = must_open("127.0.0.1:0", NULL);
	static char bytes[65507];
	struct tsn_datagram d;
	int fd = sender(u, false);

	cr_assert_eq(send(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	cr_assert(take_one(u, &d));
	cr_assert(d.len == sizeof(bytes) && !d.cut);
	cr_assert_eq(send(fd, "", 0, 0), 0);
	cr_assert(take_one(u, &d));
	cr_assert(d.len == 0 && !d.cut);
	close(fd);
	tsn_udp_close(u);
}

/* A buffer too small for what is sent: received and dropped add up. */
Test(input_udp, kernel_drops_are_counted)
{
	struct tsn_udp *u = must_open("127.0.0.1:0", &(struct tsn_udp_opts){ .receive_buffer = 1 });
	struct tsn_datagram d[TSN_UDP_BATCH];
	struct tsn_udp_counters c;
	static char bytes[1464];
	int fd = sender(u, false), n;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			cr_assert_eq(send(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
		while ((n = tsn_udp_receive(u, d, TSN_UDP_BATCH)) > 0)
			;
		cr_assert_eq(n, 0);
	}
	tsn_udp_counters(u, &c);
	cr_assert_gt(c.kernel_drops, 0);
	cr_assert_eq(c.datagrams + c.kernel_drops, 300, "%llu received, %llu dropped", (unsigned long long)c.datagrams,
	    (unsigned long long)c.kernel_drops);
	close(fd);
	tsn_udp_close(u);
}

/* Who has no privileges gets as much as the machine lets anybody have, and can see that it is less than was asked for. */
Test(input_udp, receive_buffer_granted)
{
	const bool root = getuid() == 0;
	struct tsn_udp_counters c;
	struct tsn_udp *u;
	FILE *f = fopen("/proc/sys/net/core/rmem_max", "r");
	unsigned long most = 0;

	cr_assert(f != NULL && fscanf(f, "%lu", &most) == 1 && most > 0);
	fclose(f);
	cr_assert(!root || setresuid(65534, 65534, 0) == 0);
	u = must_open("127.0.0.1:0", NULL);
	cr_assert(!root || setresuid(0, 0, 0) == 0);
	tsn_udp_counters(u, &c);
	cr_assert_eq(c.wanted_buffer, (size_t)64 << 20);
	cr_assert_eq(c.receive_buffer, most < c.wanted_buffer ? most : c.wanted_buffer);
	tsn_udp_close(u);
}

Test(input_udp, what_cannot_be_opened)
{
	static const char *const wrong[] = { "", ":", "2055", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:20x", "::1:2055",
		"[::1]", "[::1]:", "[::1:2055", "[127.0.0.1]:2055", "localhost:2055", "127.0.0.1:-1", "127.0.0.1: 1", "[]:1",
		"[::ffff:127.0.0.1]:2055", "127.0.0.1:99999999999999999999" };
	char error[TSN_INPUT_ERROR], where[80], text[TSN_ADDR_TEXT];
	struct tsn_addr addr;
	struct tsn_udp *u;
	uint16_t port;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_null(tsn_udp_open(wrong[i], NULL, error), "%s", wrong[i]);
		cr_assert_not_null(strstr(error, "not an address and port"), "%s: %s", wrong[i], error);
	}
	cr_assert_null(tsn_udp_open("192.0.2.1:2055", NULL, error));
	cr_assert_not_null(strstr(error, strerror(EADDRNOTAVAIL)), "%s", error);
	u = must_open("127.0.0.1:0", NULL);
	tsn_udp_local(u, &addr, &port);
	snprintf(where, sizeof(where), "%s:%u", tsn_addr_text(addr, text), port);
	cr_assert_null(tsn_udp_open(where, NULL, error));
	cr_assert_not_null(strstr(error, strerror(EADDRINUSE)), "%s", error);
	tsn_udp_close(u);
}

/* "0.0.0.0:P" and "[::]:P" can both be listened on. */
Test(input_udp, both_families_on_one_port)
{
	struct tsn_udp *four, *six;
	struct tsn_addr addr;
	struct tsn_datagram d;
	char where[40];
	uint16_t port;
	int fd4, fd6;

	if (!have_ipv6())
		return;
	four = must_open("0.0.0.0:0", NULL);
	tsn_udp_local(four, &addr, &port);
	snprintf(where, sizeof(where), "[::]:%u", port);
	six = must_open(where, NULL);
	fd4 = sender(four, false);
	fd6 = sender(six, true);
	cr_assert_eq(send(fd4, "4", 1, 0), 1);
	cr_assert_eq(send(fd6, "6", 1, 0), 1);
	cr_assert(take_one(four, &d) && d.payload[0] == '4');
	cr_assert(take_one(six, &d) && d.payload[0] == '6');
	cr_assert_eq(tsn_udp_receive(four, &d, 1), 0);
	cr_assert_eq(tsn_udp_receive(six, &d, 1), 0);
	close(fd4);
	close(fd6);
	tsn_udp_close(four);
	tsn_udp_close(six);
}

/* Several sockets on one port, of either family: each exporter comes to one of them, and nobody else gets the port. */
Test(input_udp, spread)
{
	static const char *const places[] = { "127.0.0.1:0", "[::1]:0", "[::]:0" };
	const unsigned families = have_ipv6() ? 3 : 1;

	for (unsigned k = 0; k < families; k++) {
		struct tsn_udp *v[4] = { must_open(places[k], NULL) }, *other;
		char error[TSN_INPUT_ERROR], where[40], text[TSN_ADDR_TEXT];
		struct tsn_datagram d[TSN_UDP_BATCH];
		struct tsn_addr addr;
		uint16_t port, got = 0;

		cr_assert_eq(tsn_udp_spread(v, 4), 4, "%s", places[k]);
		tsn_udp_local(v[3], &addr, &port);
		snprintf(where, sizeof(where), addr.v4 ? "%s:%u" : "[%s]:%u", tsn_addr_text(addr, text), port);
		cr_assert_null(tsn_udp_open(where, NULL, error), "%s", where);
		cr_assert_not_null(strstr(error, strerror(EADDRINUSE)), "%s", error);
		for (unsigned i = 0; i < 40; i++) {
			int fd = sender(v[0], k > 0); /* a port of its own */

			cr_assert_eq(send(fd, &i, sizeof(i), 0), (ssize_t)sizeof(i));
			close(fd);
		}
		for (unsigned i = 0; i < 4; i++) {
			int n = tsn_udp_receive(v[i], d, TSN_UDP_BATCH);

			cr_assert(n == 0 || n == 40, "%d of one exporter", n);
			got = (uint16_t)(got + n);
		}
		cr_assert_eq(got, 40);
		for (unsigned i = 0; i < 4; i++)
			tsn_udp_share(v[i], true);
		other = must_open(where, &(struct tsn_udp_opts){ .beside = true }); /* to take their place */
		for (unsigned i = 0; i < 4; i++)
			tsn_udp_close(v[i]);
		tsn_udp_close(other);
	}
}

/* One that cannot have others stays what it was. */
Test(input_udp, spread_without_memory)
{
	for (long n = 0; n < 7; n++) {
		struct tsn_udp *v[4] = { must_open("127.0.0.1:0", NULL) };
		unsigned have;
		struct tsn_datagram d;
		int fd = sender(v[0], false), took = 0;

		tsn_mem_fail_at(n, true);
		have = tsn_udp_spread(v, 4);
		tsn_mem_fail_never();
		cr_assert_eq(have, 1 + n / 2);
		cr_assert_eq(send(fd, "x", 1, 0), 1);
		for (unsigned i = 0; i < have; i++)
			took += tsn_udp_receive(v[i], &d, 1);
		cr_assert_eq(took, 1);
		while (have > 0)
			tsn_udp_close(v[--have]);
		close(fd);
	}
}

Test(input_udp, out_of_memory)
{
	char error[TSN_INPUT_ERROR];

	for (long n = 0; n < 2; n++) {
		tsn_mem_fail_at(n, false);
		cr_assert_null(tsn_udp_open("127.0.0.1:0", NULL, error));
		tsn_mem_fail_never();
		cr_assert_not_null(strstr(error, "memory"), "%s", error);
	}
	tsn_udp_close(NULL);
}
