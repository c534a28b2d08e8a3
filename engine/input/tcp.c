/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/sockaddr.h"
#include "input/tls.h"

#define CONNECTIONS 256u
#define IDLE_MS ((int64_t)30 * 60 * 1000)
#define BACKLOG 64
#define ACCEPTS 16      /* a call */
#define READS 4         /* of a connection a call, so that no peer keeps the others waiting */
#define SWEEP_MS 1000   /* between looks for silent connections */
#define ROOM ((size_t)65536) /* the largest message has 65,535 bytes */
#define HANDSHAKE_MS 30000 /* a TLS handshake may take so long */
#define GRACE_MS 5000 /* who has sent no message for so long gives its place to one that comes when there is none */

struct connection {
	int fd;
	struct tsn_tls_stream *tls;
	struct tsn_addr peer;
	uint16_t port;
	uint32_t number;
	int64_t heard_ms; /* when it came, then when its last whole message did: a trickle of bytes is silence */
	bool proven;      /* has sent a message */
	bool more;   /* its turn ended before its bytes did; TLS may hold them, where epoll does not see them */
	bool writes; /* epoll is to tell when it can be written */
	size_t n;
	uint8_t bytes[ROOM];
};

struct tsn_tcp {
	int fd, epoll;
	struct tsn_addr addr;
	uint16_t port;
	struct tsn_tcp_opts opts;
	struct tsn_tls *tls, *next_tls; /* in force; read and waiting to be put in force */
	struct connection **connections; /* max_connections places, NULL where free */
	uint32_t accepted;
	bool deaf; /* descriptors are out: callers wait until the next sweep, or polling would never rest */
	int64_t next_sweep;
	struct tsn_tcp_counters counters;
	bool (*take)(void *arg, const struct tsn_tcp_message *m); /* NULL between the owner's calls */
	void *arg;
};

enum fate { STAYS, LEAVES };

/* --- opening --- */

/* What failed, for the message; NULL if nothing did. */
static const char *
bind_and_listen(struct tsn_tcp *t)
{
	union tsn_sockaddr to;
	socklen_t n = tsn_sockaddr_to(t->addr, t->port, &to);
	int on = 1, off = 0;

	t->fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return "cannot make a socket";
	/* connections of a daemon that stopped just now must not keep its successor from listening */
	if (setsockopt(t->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return "SO_REUSEADDR";
	if (t->opts.beside)
		tsn_tcp_share(t, true);
	if (!t->addr.v4)
		(void)setsockopt(t->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(t->fd, &to.sa, n) != 0 || listen(t->fd, BACKLOG) != 0)
		return "cannot listen";
	tsn_tcp_share(t, false);
	n = sizeof(to);
	if (getsockname(t->fd, &to.sa, &n) != 0)
		return "getsockname";
	t->port = ntohs(t->addr.v4 ? to.v4.sin_port : to.v6.sin6_port);
	return NULL;
}

static bool
watch(struct tsn_tcp *t, int operation, int fd, void *what, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .ptr = what } };

	return epoll_ctl(t->epoll, operation, fd, &e) == 0;
}

static bool
open_sockets(struct tsn_tcp *t, const char *where, char error[TSN_INPUT_ERROR])
{
	const char *what;

	if (!tsn_sockaddr_parse(where, &t->addr, &t->port)) {
		snprintf(error, TSN_INPUT_ERROR, "tcp %s: not an address and port, as in 0.0.0.0:4739 or [::]:4739", where);
		return false;
	}
	what = bind_and_listen(t);
	if (what == NULL) {
		what = "epoll";
		t->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (t->epoll >= 0 && watch(t, EPOLL_CTL_ADD, t->fd, NULL, EPOLLIN))
			return true;
	}
	snprintf(error, TSN_INPUT_ERROR, "tcp %s: %s: %s", where, what, strerror(errno));
	return false;
}

struct tsn_tcp *
tsn_tcp_open(const char *where, const struct tsn_tcp_opts *opts, char error[TSN_INPUT_ERROR])
{
	struct tsn_tcp *t = tsn_calloc(1, sizeof(*t));

	snprintf(error, TSN_INPUT_ERROR, "tcp %s: out of memory", where);
	if (t == NULL)
		return NULL;
	t->fd = t->epoll = -1;
	t->opts = *opts;
	t->opts.cert = t->opts.key = t->opts.ca = NULL; /* they belong to the caller */
	if (t->opts.max_connections == 0)
		t->opts.max_connections = CONNECTIONS;
	if (t->opts.idle_ms == 0)
		t->opts.idle_ms = IDLE_MS;
	t->connections = tsn_calloc(t->opts.max_connections, sizeof(struct connection *));
	if (t->connections == NULL)
		goto fail;
	if (opts->cert != NULL && (t->tls = tsn_tls_new(opts->cert, opts->key, opts->ca, error)) == NULL)
		goto fail;
	if (open_sockets(t, where, error))
		return t;
fail:
	tsn_tcp_close(t);
	return NULL;
}

bool
tsn_tcp_renew(struct tsn_tcp *t, const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR])
{
	struct tsn_tls *next = tsn_tls_new(cert, key, ca, error);

	if (next == NULL)
		return false;
	tsn_tls_free(t->next_tls);
	t->next_tls = next;
	return true;
}

void
tsn_tcp_renewed(struct tsn_tcp *t, bool take)
{
	if (t->next_tls == NULL)
		return;
	tsn_tls_free(take ? t->tls : t->next_tls); /* connections made with it keep it while they last */
	if (take)
		t->tls = t->next_tls;
	t->next_tls = NULL;
}

void
tsn_tcp_share(struct tsn_tcp *t, bool on)
{
	int v = on;

	(void)setsockopt(t->fd, SOL_SOCKET, SO_REUSEPORT, &v, sizeof(v));
}

int
tsn_tcp_fd(const struct tsn_tcp *t)
{
	return t->epoll;
}

void
tsn_tcp_local(const struct tsn_tcp *t, struct tsn_addr *addr, uint16_t *port)
{
	*addr = t->addr;
	*port = t->port;
}

/* --- connections --- */

static void
hang_up(struct tsn_tcp *t, uint32_t i)
{
	struct connection *c = t->connections[i];
	struct tsn_tcp_message over = { NULL, 0, c->peer, c->port, c->number };

	if (c->proven && t->take != NULL)
		t->take(t->arg, &over);
	tsn_tls_close(c->tls);
	close(c->fd); /* epoll forgets it */
	tsn_free(c);
	t->connections[i] = NULL;
	t->counters.open--;
}

void
tsn_tcp_close(struct tsn_tcp *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; t->connections != NULL && i < t->opts.max_connections; i++)
		if (t->connections[i] != NULL)
			hang_up(t, i);
	if (t->fd >= 0)
		close(t->fd);
	if (t->epoll >= 0)
		close(t->epoll);
	tsn_tls_free(t->tls);
	tsn_tls_free(t->next_tls);
	tsn_free(t->connections);
	tsn_free(t);
}

/*
 * Hangs up the connection that came first of those which have sent no message though they had time to: half-open and idle peers must
 * not keep exporters out. Its place; max_connections if there is none.
 */
static uint32_t
displace(struct tsn_tcp *t, int64_t now)
{
	uint32_t worst = t->opts.max_connections;

	for (uint32_t i = 0; i < t->opts.max_connections; i++) {
		const struct connection *c = t->connections[i];

		if (c != NULL && !c->proven && now - c->heard_ms >= GRACE_MS &&
		    (worst == t->opts.max_connections || c->heard_ms < t->connections[worst]->heard_ms))
			worst = i;
	}
	if (worst < t->opts.max_connections) {
		t->counters.displaced++;
		hang_up(t, worst);
	}
	return worst;
}

/* Takes [fd]. False when it cannot be kept. */
static bool
keep(struct tsn_tcp *t, int fd, const union tsn_sockaddr *from, int64_t now)
{
	struct connection *c = NULL;
	uint32_t i;

	for (i = 0; i < t->opts.max_connections && t->connections[i] != NULL; i++)
		;
	if (i == t->opts.max_connections)
		i = displace(t, now);
	if (i < t->opts.max_connections)
		c = tsn_malloc(sizeof(*c));
	if (c != NULL) {
		memset(c, 0, offsetof(struct connection, bytes));
		c->fd = fd;
		tsn_sockaddr_from(from, &c->peer, &c->port);
		c->heard_ms = now;
		c->tls = t->tls != NULL ? tsn_tls_accept(t->tls, fd) : NULL;
		if ((t->tls == NULL || c->tls != NULL) && watch(t, EPOLL_CTL_ADD, fd, c, EPOLLIN)) {
			c->number = t->accepted++;
			t->connections[i] = c;
			return true;
		}
		tsn_tls_close(c->tls);
		tsn_free(c);
	}
	close(fd);
	return false;
}

/* True if there may be more, or bytes of those that came. */
static bool
accept_some(struct tsn_tcp *t, int64_t now)
{
	bool any = false;

	for (int k = 0; k < ACCEPTS; k++) {
		union tsn_sockaddr from;
		socklen_t n = sizeof(from);
		int fd = accept4(t->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0 && errno == EAGAIN)
			return any;
		if (fd < 0 && displace(t, now) < t->opts.max_connections) /* that frees a descriptor */
			continue;
		if (fd < 0) { /* the listener would be ready for ever */
			t->deaf = watch(t, EPOLL_CTL_MOD, t->fd, NULL, 0);
			return any;
		}
		if (keep(t, fd, &from, now)) {
			t->counters.accepted++;
			t->counters.open++;
			any = true;
		} else {
			t->counters.refused++;
		}
	}
	return true;
}

/* Hands over the whole messages of the bytes that are there. */
static enum fate
hand_over(struct tsn_tcp *t, struct connection *c, int64_t now, bool *stop)
{
	size_t at = 0;

	while (!*stop && at < c->n) {
		int64_t len = t->opts.extent(c->bytes + at, c->n - at);
		struct tsn_tcp_message m = { c->bytes + at, (size_t)len, c->peer, c->port, c->number };

		if (len < 0 || len > (int64_t)ROOM || (len == 0 && c->n - at == ROOM)) {
			t->counters.garbage++;
			return LEAVES;
		}
		if (len == 0 || (size_t)len > c->n - at)
			break;
		t->counters.messages++;
		c->proven = true;
		c->heard_ms = now;
		*stop = !t->take(t->arg, &m);
		at += (size_t)len;
	}
	memmove(c->bytes, c->bytes + at, c->n - at);
	c->n -= at;
	return STAYS;
}

/* As tsn_tls_read, also of a connection without TLS. */
static enum tsn_tls_read
read_some(struct connection *c, size_t *got)
{
	ssize_t n;

	if (c->tls != NULL)
		return tsn_tls_read(c->tls, c->bytes + c->n, ROOM - c->n, got);
	do
		n = recv(c->fd, c->bytes + c->n, ROOM - c->n, 0);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return TSN_TLS_BYTES;
	return n == 0 ? TSN_TLS_END : errno == EAGAIN ? TSN_TLS_READ : TSN_TLS_BROKEN;
}

static enum fate
serve(struct tsn_tcp *t, struct connection *c, int64_t now, bool *stop)
{
	enum tsn_tls_read how;
	size_t got;

	c->more = false;
	if (hand_over(t, c, now, stop) == LEAVES) /* what [take] left last time */
		return LEAVES;
	for (int k = 0; k < READS; k++) {
		if (*stop || c->n == ROOM) /* the latter only if [take] ended it early */
			break;
		how = read_some(c, &got);
		if ((how == TSN_TLS_WRITE) != c->writes &&
		    watch(t, EPOLL_CTL_MOD, c->fd, c, EPOLLIN | (how == TSN_TLS_WRITE ? EPOLLOUT : 0u)))
			c->writes = how == TSN_TLS_WRITE;
		switch (how) {
		case TSN_TLS_BYTES:
			c->n += got;
			t->counters.bytes += got;
			if (hand_over(t, c, now, stop) == LEAVES)
				return LEAVES;
			continue;
		case TSN_TLS_READ:
		case TSN_TLS_WRITE:
			return STAYS;
		case TSN_TLS_BROKEN:
			t->counters.broken++;
			return LEAVES;
		case TSN_TLS_END:
			t->counters.unfinished += c->n > 0;
			return LEAVES;
		}
	}
	c->more = true;
	return STAYS;
}

static void
sweep(struct tsn_tcp *t, int64_t now)
{
	if (now < t->next_sweep && now >= t->next_sweep - SWEEP_MS)
		return;
	t->next_sweep = now + SWEEP_MS;
	if (t->deaf && watch(t, EPOLL_CTL_MOD, t->fd, NULL, EPOLLIN))
		t->deaf = false;
	for (uint32_t i = 0; i < t->opts.max_connections; i++) {
		const struct connection *c = t->connections[i];
		int64_t silent = c != NULL ? now - c->heard_ms : 0;

		if (c != NULL && c->tls != NULL && silent > HANDSHAKE_MS && !tsn_tls_is_open(c->tls))
			t->counters.broken++;
		else if (silent > t->opts.idle_ms)
			t->counters.idle++;
		else
			continue;
		hang_up(t, i);
	}
}

bool
tsn_tcp_receive(struct tsn_tcp *t, int64_t now, bool (*take)(void *arg, const struct tsn_tcp_message *m), void *arg)
{
	struct epoll_event ready[64];
	int n = epoll_wait(t->epoll, ready, 64, 0);
	bool more = n == 64, stop = false, calls = false;

	t->take = take;
	t->arg = arg;
	for (int k = 0; k < n; k++) {
		if (ready[k].data.ptr == NULL)
			calls = true;
		else
			((struct connection *)ready[k].data.ptr)->more = true;
	}
	for (uint32_t i = 0; i < t->opts.max_connections; i++) {
		struct connection *c = t->connections[i];

		if (c == NULL || !c->more)
			continue;
		if (!stop && serve(t, c, now, &stop) == LEAVES)
			hang_up(t, i);
		else
			more |= c->more;
	}
	sweep(t, now);
	if (calls) /* afterwards: it may free a connection */
		more |= accept_some(t, now);
	t->take = NULL;
	return more;
}

void
tsn_tcp_hang_up(struct tsn_tcp *t, bool (*take)(void *arg, const struct tsn_tcp_message *m), void *arg)
{
	t->take = take;
	t->arg = arg;
	for (uint32_t i = 0; i < t->opts.max_connections; i++)
		if (t->connections[i] != NULL)
			hang_up(t, i);
	t->take = NULL;
}

void
tsn_tcp_counters(const struct tsn_tcp *t, struct tsn_tcp_counters *out)
{
	*out = t->counters;
}
