/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/sockaddr.h"
#include "input/spread.h"

#define RECEIVE_BUFFER ((size_t)64 << 20)
#define DATAGRAM_MAX ((size_t)65535)
/* Slots are not pages apart, so that their first lines do not share one place of the cache. */
#define SLOT_SKEW 192
/*
 * In a rush, when calls come back with twice as many, one datagram in so many brings its time, and those behind it are taken
 * to have come with it: that is a fraction of a millisecond, and copying all of them 3 % of what a datagram costs.
 */
#define RUSH 16

/* Room for a receive time and a count of drops. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
};

struct tsn_udp {
	int fd;
	struct tsn_addr addr;
	uint16_t port;
	/* written by who receives, alone */
	_Atomic uint64_t datagrams, octets, truncated;
	_Atomic uint64_t kernel_drops; /* as of the last datagram; its lower half is the kernel's own count */
	size_t wanted_buffer, receive_buffer;
	int64_t last_ms;
	int last_took;
	size_t slot;
	bool beside, twin;
	uint8_t *bytes;
	struct mmsghdr message[TSN_UDP_BATCH];
	struct iovec vector[TSN_UDP_BATCH];
	union tsn_sockaddr from[TSN_UDP_BATCH];
	union control control[TSN_UDP_BATCH];
};

/* As large a receive buffer as allowed; the kernel counts it double, for its book-keeping. */
static size_t
grow_receive_buffer(int fd, size_t want)
{
	int v = want > INT32_MAX / 2 ? INT32_MAX / 2 : (int)want, got = 0;
	socklen_t n = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n) != 0 || got < 0)
		return 0;
	return (size_t)got / 2;
}

/* What failed, for the message; NULL if nothing did. */
static const char *
set_options(int fd, bool v6_only, const struct tsn_udp *u)
{
	int on = 1, only = v6_only;

	if (!u->addr.v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) != 0)
		return "IPV6_V6ONLY";
	if (u->twin && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return "a port for several";
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0)
		return "receive times";
	if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0)
		return "counting drops";
	return NULL;
}

static bool
bind_once(struct tsn_udp *u, const char *where, bool v6_only, char error[TSN_INPUT_ERROR])
{
	union tsn_sockaddr to;
	socklen_t n = tsn_sockaddr_to(u->addr, u->port, &to);
	const char *what = "cannot make a socket";

	u->fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd >= 0) {
		what = set_options(u->fd, v6_only, u);
		if (u->beside)
			tsn_udp_share(u, true);
		if (what == NULL && bind(u->fd, &to.sa, n) == 0) {
			tsn_udp_share(u, false);
			return true;
		}
		if (what == NULL)
			what = "cannot listen";
	}
	snprintf(error, TSN_INPUT_ERROR, "udp %s: %s: %s", where, what, strerror(errno));
	return false;
}

static bool
open_socket(struct tsn_udp *u, const char *where, char error[TSN_INPUT_ERROR])
{
	bool any_v6 = !u->addr.v4 && u->addr.hi == 0 && u->addr.lo == 0;
	union tsn_sockaddr bound;
	socklen_t n = sizeof(bound);

	if (!bind_once(u, where, !any_v6, error)) {
		if (!any_v6 || u->fd < 0 || errno != EADDRINUSE)
			return false;
		close(u->fd); /* somebody has the port on IPv4 */
		if (!bind_once(u, where, true, error))
			return false;
	}
	if (getsockname(u->fd, &bound.sa, &n) != 0) {
		snprintf(error, TSN_INPUT_ERROR, "udp %s: %s", where, strerror(errno));
		return false;
	}
	u->port = ntohs(u->addr.v4 ? bound.v4.sin_port : bound.v6.sin6_port);
	return true;
}

static bool
make_slots(struct tsn_udp *u, size_t max_datagram)
{
	u->slot = max_datagram;
	u->bytes = tsn_malloc((max_datagram + SLOT_SKEW) * TSN_UDP_BATCH);
	if (u->bytes == NULL)
		return false;
	for (size_t i = 0; i < TSN_UDP_BATCH; i++) {
		u->vector[i] =
		    (struct iovec){ u->bytes + i * (max_datagram + SLOT_SKEW), max_datagram };
		u->message[i].msg_hdr = (struct msghdr){
			.msg_name = &u->from[i],
			.msg_iov = &u->vector[i],
			.msg_iovlen = 1,
			.msg_control = &u->control[i],
		};
	}
	return true;
}

static struct tsn_udp *
make(size_t max_datagram, size_t buffer, bool beside)
{
	struct tsn_udp *u = tsn_calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->fd = -1;
	u->beside = beside;
	u->wanted_buffer = buffer;
	if (make_slots(u, max_datagram))
		return u;
	tsn_udp_close(u);
	return NULL;
}

struct tsn_udp *
tsn_udp_open(const char *where, const struct tsn_udp_opts *opts, char error[TSN_INPUT_ERROR])
{
	static const struct tsn_udp_opts defaults;
	struct tsn_udp *u;

	if (opts == NULL)
		opts = &defaults;
	u = make(opts->max_datagram != 0 ? opts->max_datagram : DATAGRAM_MAX,
	    opts->receive_buffer != 0 ? opts->receive_buffer : RECEIVE_BUFFER, opts->beside);
	if (u == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "udp %s: out of memory", where);
		return NULL;
	}
	if (!tsn_sockaddr_parse(where, &u->addr, &u->port)) {
		snprintf(error, TSN_INPUT_ERROR,
		    "udp %s: not an address and port, as in 0.0.0.0:2055 or [::]:2055", where);
		goto fail;
	}
	if (!open_socket(u, where, error))
		goto fail;
	u->receive_buffer = grow_receive_buffer(u->fd, u->wanted_buffer);
	return u;
fail:
	tsn_udp_close(u);
	return NULL;
}

/* Bound to what [u] is bound to. NULL: it cannot be. */
static struct tsn_udp *
twin_of(const struct tsn_udp *u)
{
	struct tsn_udp *t = make(u->slot, u->wanted_buffer, u->beside);
	char error[TSN_INPUT_ERROR];
	int only = 0;
	socklen_t n = sizeof(only);

	if (t == NULL)
		return NULL;
	t->addr = u->addr;
	t->port = u->port;
	t->twin = true;
	if (!u->addr.v4)
		(void)getsockopt(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &n);
	if (bind_once(t, "", only != 0, error)) {
		t->receive_buffer = grow_receive_buffer(t->fd, t->wanted_buffer);
		return t;
	}
	tsn_udp_close(t);
	return NULL;
}

/* The first was bound as if it were to stay alone: that somebody else has the port was found out by that. */
unsigned
tsn_udp_spread(struct tsn_udp **v, unsigned n)
{
	unsigned have = 1;
	int on = 1;

	if (n < 2 || setsockopt(v[0]->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return 1;
	while (have < n && (v[have] = twin_of(v[0])) != NULL)
		have++;
	if (have > 1 && tsn_spread_by_source(v[0]->fd, have))
		return have;
	on = 0;
	(void)setsockopt(v[0]->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	while (have > 1)
		tsn_udp_close(v[--have]);
	return 1;
}

void
tsn_udp_close(struct tsn_udp *u)
{
	if (u == NULL)
		return;
	if (u->fd >= 0)
		close(u->fd);
	tsn_free(u->bytes);
	tsn_free(u);
}

/* The kernel looks at the flag of both sockets while one is bound, and never again. */
void
tsn_udp_share(struct tsn_udp *u, bool on)
{
	int v = on;

	(void)setsockopt(u->fd, SOL_SOCKET, SO_REUSEADDR, &v, sizeof(v));
}

int
tsn_udp_fd(const struct tsn_udp *u)
{
	return u->fd;
}

void
tsn_udp_local(const struct tsn_udp *u, struct tsn_addr *addr, uint16_t *port)
{
	*addr = u->addr;
	*port = u->port;
}

/* There is one writer. */
static void
add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
}

/* The kernel's receive time and its running count of drops. */
static void
read_control(struct tsn_udp *u, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(c), sizeof(t));
			u->last_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t drops;

			memcpy(&drops, CMSG_DATA(c), sizeof(drops));
			add(&u->kernel_drops, drops - (uint32_t)u->kernel_drops);
		}
	}
}

static void
take(struct tsn_udp *u, unsigned i, struct tsn_datagram *out)
{
	struct mmsghdr *m = &u->message[i];

	read_control(u, &m->msg_hdr);
	tsn_sockaddr_from(&u->from[i], &out->exporter, &out->src_port);
	out->dst_port = u->port;
	out->payload = u->vector[i].iov_base;
	out->len = m->msg_len < u->slot ? m->msg_len : u->slot;
	out->received_ms = u->last_ms;
	out->cut = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0;
}

int
tsn_udp_receive(struct tsn_udp *u, struct tsn_datagram *out, unsigned max)
{
	const unsigned timed = u->last_took >= 2 * RUSH ? RUSH : 1;
	uint64_t bytes = 0, cut = 0;
	int n;

	if (max > TSN_UDP_BATCH)
		max = TSN_UDP_BATCH;
	for (unsigned i = 0; i < max; i++) { /* the last call wrote its lengths into these */
		u->message[i].msg_hdr.msg_namelen = sizeof(u->from[i]);
		u->message[i].msg_hdr.msg_controllen = i % timed == 0 ? sizeof(u->control[i]) : 0;
	}
	n = u->last_took = recvmmsg(u->fd, u->message, max, MSG_DONTWAIT, NULL);
	if (n < 0) /* ECONNREFUSED echoes somebody's ICMP: nothing to report */
		return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED ? 0 : -1;
	for (int i = 0; i < n; i++) {
		take(u, (unsigned)i, &out[i]);
		bytes += out[i].len;
		cut += out[i].cut;
	}
	add(&u->datagrams, (unsigned)n);
	add(&u->octets, bytes);
	add(&u->truncated, cut);
	return n;
}

/*
 * A drop shows on the next datagram received; SO_MEMINFO tells of those since,
 * where the kernel has it (Linux 4.12).
 */
void
tsn_udp_counters(const struct tsn_udp *u, struct tsn_udp_counters *out)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof(info);

	*out = (struct tsn_udp_counters){
		.datagrams = atomic_load_explicit(&u->datagrams, memory_order_relaxed),
		.bytes = atomic_load_explicit(&u->octets, memory_order_relaxed),
		.truncated = atomic_load_explicit(&u->truncated, memory_order_relaxed),
		.kernel_drops = atomic_load_explicit(&u->kernel_drops, memory_order_relaxed), /* before the kernel's, which goes on */
		.receive_buffer = u->receive_buffer,
		.wanted_buffer = u->wanted_buffer,
	};
	if (getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 && n == sizeof(info))
		out->kernel_drops += info[SK_MEMINFO_DROPS] - (uint32_t)out->kernel_drops;
}
