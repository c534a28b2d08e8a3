/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/tcp.h"
#include "unit/build_capture.h"
#include "unit/mutate.h"
#ifdef TSN_HAVE_TLS
#include "unit/build_tls.h"
#endif

/* A message of these tests: 'M', its length in two bytes, then what it says. */
static int64_t
extent(const uint8_t *p, size_t n)
{
	size_t len;

	if (p[0] != 'M')
		return -1;
	if (n < 3)
		return 0;
	len = (size_t)p[1] << 8 | p[2];
	return len >= 3 ? (int64_t)len : -1;
}

static void
put_message(struct bytes *b, const void *text, size_t n)
{
	put(b, "M", 1);
	put_be(b, n + 3, 2);
	put(b, text, n);
}

struct got {
	size_t n, bytes;
	char last[64];
	uint32_t connection;
	uint16_t port;
	bool v4;
	long stop_after; /* messages; -1: never */
	size_t ended;    /* connections */
};

static bool
take(void *arg, const struct tsn_tcp_message *m)
{
	struct got *g = arg;

	if (m->p == NULL) {
		g->ended++;
		return true;
	}
	cr_assert(m->len >= 3 && m->p[0] == 'M');
	g->n++;
	g->bytes += m->len;
	snprintf(g->last, sizeof(g->last), "%.*s", (int)(m->len - 3 < 63 ? m->len - 3 : 63), (const char *)m->p + 3);
	g->connection = m->connection;
	g->port = m->port;
	g->v4 = m->peer.v4;
	return g->stop_after < 0 || --g->stop_after > 0;
}

static struct tsn_tcp *
open_here(const struct tsn_tcp_opts *opts, uint16_t *port)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_tcp *t = tsn_tcp_open("127.0.0.1:0", opts, error);
	struct tsn_addr addr;

	cr_assert_not_null(t, "%s", error);
	tsn_tcp_local(t, &addr, port);
	return t;
}

static int
call(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "%s", strerror(errno));
	return fd;
}

/* Receives until nothing has come for a moment. */
static void
receive(struct tsn_tcp *t, struct got *g, int64_t now)
{
	struct pollfd p = { .fd = tsn_tcp_fd(t), .events = POLLIN };

	while (poll(&p, 1, 50) > 0)
		while (tsn_tcp_receive(t, now, take, g))
			;
	tsn_tcp_receive(t, now, take, g);
}

static struct tsn_tcp_counters
counters(const struct tsn_tcp *t)
{
	struct tsn_tcp_counters c;

	tsn_tcp_counters(t, &c);
	return c;
}

Test(input_tcp, messages_of_two_peers)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	struct bytes b = { 0 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int one = call(port), two;
	uint32_t first;

	put_message(&b, "hello", 5);
	put_message(&b, "", 0);
	put_message(&b, "world", 5);
	cr_assert_eq(write(one, b.p, b.n - 2), (ssize_t)b.n - 2);
	receive(t, &g, 1000);
	cr_assert(g.n == 2 && g.v4, "%zu", g.n);
	first = g.connection;
	two = call(port);
	cr_assert_eq(write(two, b.p, b.n), (ssize_t)b.n);
	receive(t, &g, 1000);
	cr_assert(g.n == 5 && g.connection != first);
	cr_assert_eq(write(one, b.p + b.n - 2, 2), 2);
	receive(t, &g, 1000);
	cr_assert(g.n == 6 && g.connection == first);
	cr_assert_str_eq(g.last, "world");
	close(one);
	cr_assert_eq(write(two, "M\0", 2), 2);
	close(two);
	receive(t, &g, 1000);
	cr_assert(g.n == 6 && g.ended == 2);
	cr_assert(counters(t).open == 0 && counters(t).accepted == 2 && counters(t).unfinished == 1 && counters(t).messages == 6);
	tsn_tcp_close(t);
	bytes_free(&b);
}

/* Byte by byte, and the largest message there is. */
Test(input_tcp, pieces)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	static uint8_t large[65532];
	struct bytes b = { 0 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int fd = call(port);

	put_message(&b, "one", 3);
	put_message(&b, "two", 3);
	for (size_t i = 0; i < b.n; i++) {
		cr_assert_eq(write(fd, b.p + i, 1), 1);
		receive(t, &g, 0);
		cr_assert_eq(g.n, (i + 1) / 6);
	}
	b.n = 0;
	put_message(&b, large, sizeof(large));
	for (int i = 0; i < 10; i++) {
		for (size_t at = 0; at < b.n;) {
			ssize_t n = send(fd, b.p + at, b.n - at, MSG_DONTWAIT);

			if (n > 0)
				at += (size_t)n;
			receive(t, &g, 0);
		}
	}
	receive(t, &g, 0);
	cr_assert_eq(g.n, 12);
	cr_assert_eq(counters(t).garbage, 0);
	close(fd);
	tsn_tcp_close(t);
	bytes_free(&b);
}

Test(input_tcp, who_sends_no_messages_is_cut_off)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int bad = call(port), good = call(port);
	char byte;

	cr_assert_eq(write(bad, "M\0\5okGET / HTTP/1.1", 20), 20);
	cr_assert_eq(write(good, "M\0\5ok", 5), 5);
	receive(t, &g, 0);
	cr_assert_eq(g.n, 2);
	cr_assert(counters(t).garbage == 1 && counters(t).open == 1);
	cr_assert_leq(recv(bad, &byte, 1, 0), 0, "it is told so");
	cr_assert_eq(write(good, "M\0\5ok", 5), 5);
	receive(t, &g, 0);
	cr_assert_eq(g.n, 3);
	close(bad);
	close(good);
	tsn_tcp_close(t);
}

Test(input_tcp, connections_are_bounded_and_silence_ends)
{
	struct tsn_tcp_opts opts = { .extent = extent, .max_connections = 3, .idle_ms = 5000 };
	struct got g = { .stop_after = -1 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int fd[6];

	for (int i = 0; i < 6; i++)
		fd[i] = call(port);
	receive(t, &g, 1000);
	cr_assert(counters(t).open == 3 && counters(t).refused == 3);
	cr_assert_eq(write(fd[1], "M\0\5ok", 5), 5);
	receive(t, &g, 4000);
	receive(t, &g, 7000);
	cr_assert_eq(counters(t).idle, 2);
	cr_assert_eq(counters(t).open, 1);
	close(fd[0]);
	fd[0] = call(port);
	receive(t, &g, 8000);
	cr_assert_eq(counters(t).open, 2);
	receive(t, &g, 20000);
	cr_assert(counters(t).idle == 4 && counters(t).open == 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	tsn_tcp_close(t);
}

/* Peers that say nothing give their places to those that come; who has sent a message keeps its own. */
Test(input_tcp, silent_peers_keep_nobody_out)
{
	struct tsn_tcp_opts opts = { .extent = extent, .max_connections = 3 };
	struct got g = { .stop_after = -1 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int fd[3], late, later;
	char byte;

	for (int i = 0; i < 3; i++) {
		fd[i] = call(port);
		receive(t, &g, 1000 + i);
	}
	cr_assert_eq(write(fd[0], "M\0\5ok", 5), 5);
	cr_assert_eq(write(fd[1], "M\0", 2), 2); /* no whole one */
	receive(t, &g, 4000);
	late = call(port);
	receive(t, &g, 5000);
	cr_assert(counters(t).refused == 1 && counters(t).displaced == 0, "they had no time yet");
	close(late);
	late = call(port);
	cr_assert_eq(write(late, "M\0\5ok", 5), 5);
	receive(t, &g, 7000);
	cr_assert(g.n == 2 && counters(t).displaced == 1 && counters(t).open == 3);
	cr_assert_leq(recv(fd[1], &byte, 1, 0), 0, "the first of the silent ones went");
	later = call(port);
	receive(t, &g, 8000);
	cr_assert(counters(t).displaced == 2 && counters(t).open == 3);
	cr_assert_leq(recv(fd[2], &byte, 1, 0), 0);
	cr_assert_eq(write(later, "M\0\5ok", 5), 5);
	receive(t, &g, 8000);
	close(fd[1]);
	fd[1] = call(port);
	receive(t, &g, 100000);
	cr_assert(counters(t).displaced == 2 && counters(t).refused == 2, "all have sent messages");
	close(fd[0]);
	close(fd[1]);
	close(fd[2]);
	close(late);
	close(later);
	tsn_tcp_close(t);
}

/* Bytes that never become a message are silence. */
Test(input_tcp, a_trickle_is_silence)
{
	struct tsn_tcp_opts opts = { .extent = extent, .idle_ms = 5000 };
	struct got g = { .stop_after = -1 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int fd = call(port);

	cr_assert_eq(write(fd, "M\0\100", 3), 3);
	for (int64_t now = 0; now <= 8000 && counters(t).idle == 0; now += 1000) {
		cr_assert_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
		receive(t, &g, now);
	}
	cr_assert(counters(t).idle == 1 && counters(t).open == 0 && g.n == 0);
	close(fd);
	tsn_tcp_close(t);
}

/* One that sends without end does not keep the other waiting; and who takes may stop without a loss. */
Test(input_tcp, fairness_and_stopping)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	struct bytes b = { 0 };
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	int loud = call(port), quiet = call(port);
	size_t sent = 0;
	ssize_t n;

	for (int i = 0; i < 100000; i++)
		put_message(&b, "xxxxxxx", 7);
	fcntl(loud, F_SETFL, O_NONBLOCK);
	while (sent < b.n && (n = write(loud, b.p + sent, b.n - sent)) > 0)
		sent += (size_t)n;
	cr_assert_gt(sent, 200000);
	cr_assert_eq(write(quiet, "M\0\6out", 6), 6);
	for (int k = 0; k < 2 && strcmp(g.last, "out") != 0; k++) {
		struct pollfd p = { .fd = tsn_tcp_fd(t), .events = POLLIN };

		poll(&p, 1, 1000);
		tsn_tcp_receive(t, 0, take, &g); /* accepts; then a turn each */
	}
	cr_assert_str_eq(g.last, "out");
	cr_assert_leq(g.bytes, 2 * 4 * 65536 + 6);
	for (int i = 0; i < 2000000 && g.bytes < sent / 10 * 10 + 6; i++) {
		g.stop_after = 7;
		tsn_tcp_receive(t, 0, take, &g);
	}
	cr_assert_eq(g.bytes, sent / 10 * 10 + 6, "%zu of %zu", g.bytes, sent);
	close(loud);
	close(quiet);
	tsn_tcp_close(t);
	bytes_free(&b);
}

/* Without descriptors callers wait, without keeping the owner busy, and are heard later. */
Test(input_tcp, out_of_descriptors)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	struct rlimit was, none;
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);
	struct pollfd p = { .fd = tsn_tcp_fd(t), .events = POLLIN };
	int fd = call(port);

	cr_assert_eq(write(fd, "M\0\6out", 6), 6);
	getrlimit(RLIMIT_NOFILE, &was);
	none = was;
	none.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &none);
	cr_assert_eq(poll(&p, 1, 1000), 1);
	tsn_tcp_receive(t, 100, take, &g);
	cr_assert(g.n == 0 && counters(t).accepted == 0);
	tsn_tcp_receive(t, 200, take, &g);
	cr_assert_eq(poll(&p, 1, 0), 0, "it can rest");
	setrlimit(RLIMIT_NOFILE, &was);
	tsn_tcp_receive(t, 2000, take, &g);
	receive(t, &g, 2001);
	cr_assert_eq(g.n, 1);
	close(fd);
	tsn_tcp_close(t);
}

Test(input_tcp, what_cannot_be_opened)
{
	static const char *const wrong[] = { "", "127.0.0.1", "localhost:1", "::1:1", "127.0.0.1:99999", "[127.0.0.1]:1", "192.0.2.1:4739" };
	struct tsn_tcp_opts opts = { .extent = extent };
	char error[TSN_INPUT_ERROR], where[40];
	uint16_t port;
	struct tsn_tcp *t = open_here(&opts, &port);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_null(tsn_tcp_open(wrong[i], &opts, error), "%s", wrong[i]);
		cr_assert_not_null(strstr(error, wrong[i]), "%s", error);
	}
	snprintf(where, sizeof(where), "127.0.0.1:%u", port);
	cr_assert_null(tsn_tcp_open(where, &opts, error));
	cr_assert_not_null(strstr(error, strerror(EADDRINUSE)), "%s", error);
	tsn_tcp_close(t);
	t = tsn_tcp_open(where, &opts, error);
	cr_assert_not_null(t, "%s", error);
	tsn_tcp_close(t);
	tsn_tcp_close(NULL);
}

Test(input_tcp, out_of_memory)
{
	struct tsn_tcp_opts opts = { .extent = extent };
	char error[TSN_INPUT_ERROR];
	struct got g = { .stop_after = -1 };
	struct tsn_tcp *t = NULL;
	uint16_t port;
	int fd;

	for (long n = 0; t == NULL; n++) {
		cr_assert_lt(n, 10);
		tsn_mem_fail_at(n, false);
		t = tsn_tcp_open("127.0.0.1:0", &opts, error);
		tsn_mem_fail_never();
		cr_assert(t != NULL || strstr(error, "memory") != NULL, "%s", error);
	}
	tsn_tcp_close(t);
	t = open_here(&opts, &port);
	fd = call(port);
	tsn_mem_fail_at(0, true);
	receive(t, &g, 0);
	tsn_mem_fail_never();
	cr_assert(counters(t).refused == 1 && counters(t).open == 0);
	close(fd);
	tsn_tcp_close(t);
}

#ifdef TSN_HAVE_TLS

static char directory[40];

static void
make_directory(void)
{
	signal(SIGPIPE, SIG_IGN);
	snprintf(directory, sizeof(directory), "/tmp/tsn-tls-XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
}

static void
remove_directory(void)
{
	rmdir(directory);
}

/* One client with [who]'s certificate, or none, that says [b] in pieces; did the handshake and the writing succeed? */
static bool
tls_say(uint16_t port, const struct tls_identity *who, const struct tls_identity *trust, const struct bytes *b, struct tsn_tcp *t,
    struct got *g)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL *s = SSL_new(c);
	int fd = call(port), tries = 0, n = -1;
	size_t at = 0;

	SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c), trust->cert);
	if (who != NULL) {
		SSL_use_certificate(s, who->cert);
		SSL_use_PrivateKey(s, who->key);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(s, fd);
	SSL_set_connect_state(s);
	for (; at < b->n && tries < 400; tries++) {
		n = SSL_write(s, b->p + at, b->n - at > 10000 ? 10000 : (int)(b->n - at));
		if (n > 0)
			at += (size_t)n;
		else if (SSL_get_error(s, n) != SSL_ERROR_WANT_READ && SSL_get_error(s, n) != SSL_ERROR_WANT_WRITE)
			break;
		receive(t, g, 0);
	}
	if (at == b->n)
		SSL_shutdown(s);
	receive(t, g, 0);
	SSL_free(s);
	SSL_CTX_free(c);
	close(fd);
	receive(t, g, 0);
	return at == b->n;
}

Test(input_tcp, tls, .init = make_directory, .fini = remove_directory, .timeout = 60)
{
	struct tls_identity ca, server, client, stranger;
	struct tsn_tcp_opts opts = { .extent = extent };
	struct got g = { .stop_after = -1 };
	static uint8_t large[30000];
	struct bytes b = { 0 };
	char error[TSN_INPUT_ERROR];
	uint16_t port;
	struct tsn_tcp *t;
	int fd;

	tls_identity_make(&ca, directory, "ca", NULL);
	tls_identity_make(&server, directory, "server", &ca);
	tls_identity_make(&client, directory, "client", &ca);
	tls_identity_make(&stranger, directory, "stranger", NULL);
	put_message(&b, "hello", 5);
	for (int i = 0; i < 10; i++)
		put_message(&b, large, sizeof(large));
	put_message(&b, "bye", 3);

	/* without a list of signers everybody may come */
	opts.cert = server.cert_path;
	opts.key = server.key_path;
	t = open_here(&opts, &port);
	cr_assert(tls_say(port, NULL, &ca, &b, t, &g));
	cr_assert_eq(g.n, 12, "%zu", g.n);
	cr_assert_str_eq(g.last, "bye");
	cr_assert(counters(t).open == 0 && counters(t).broken == 0 && counters(t).unfinished == 0);
	/* what is no TLS at all */
	fd = call(port);
	cr_assert_eq(write(fd, "M\0\6out", 6), 6);
	receive(t, &g, 0);
	cr_assert(g.n == 12 && counters(t).broken == 1 && counters(t).open == 0);
	close(fd);
	/* a handshake that is never begun */
	fd = call(port);
	receive(t, &g, 1000);
	receive(t, &g, 30000);
	cr_assert_eq(counters(t).open, 1);
	receive(t, &g, 32000);
	cr_assert(counters(t).broken == 2 && counters(t).open == 0);
	close(fd);
	/* another certificate for connections to come; a wrong one changes nothing */
	cr_assert_not(tsn_tcp_renew(t, server.cert_path, client.key_path, NULL, error));
	cr_assert_not_null(strstr(error, client.key_path), "%s", error);
	tsn_tcp_renewed(t, true);
	cr_assert(tls_say(port, NULL, &ca, &b, t, &g));
	cr_assert(tsn_tcp_renew(t, stranger.cert_path, stranger.key_path, NULL, error), "%s", error);
	tsn_tcp_renewed(t, true);
	cr_assert_not(tls_say(port, NULL, &ca, &b, t, &g));
	cr_assert(tls_say(port, NULL, &stranger, &b, t, &g));
	cr_assert_eq(g.n, 36);
	tsn_tcp_close(t);

	/* with it only those it knows */
	opts.ca = ca.cert_path;
	t = open_here(&opts, &port);
	cr_assert(tls_say(port, &client, &ca, &b, t, &g));
	cr_assert_eq(g.n, 48);
	tls_say(port, NULL, &ca, &b, t, &g);
	tls_say(port, &stranger, &ca, &b, t, &g);
	cr_assert_eq(g.n, 48, "strangers are not heard");
	cr_assert(counters(t).broken == 2 && counters(t).open == 0, "%d", (int)counters(t).broken);
	tsn_tcp_close(t);

	opts.cert = "/nonexistent/file";
	cr_assert_null(tsn_tcp_open("127.0.0.1:0", &opts, error));
	cr_assert_not_null(strstr(error, "/nonexistent/file"), "%s", error);
	tls_identity_free(&ca);
	tls_identity_free(&server);
	tls_identity_free(&client);
	tls_identity_free(&stranger);
	bytes_free(&b);
}

#endif
