/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/intake.h"

#include <errno.h>
#include <string.h>

#include "daemon/clocks.h"

#define ROUNDS    16  /* of TSN_UDP_BATCH datagrams a socket or queue before the others have their turn */
#define DRAIN_MS  2000
#define COUNT_MS  500 /* for what is not evaluated any more */
#define LISTENERS 64u /* whose connections can be told apart */

struct taking {
	struct tsn_intake *in;
	const struct tsn_socket *s;
	int64_t now;
};

static void
take_message(struct tsn_intake *in, const uint8_t *p, size_t len, const struct tsn_sender *from, int64_t received_ms)
{
	in->messages++;
	if (tsn_engine_message(in->engine, p, len, from, received_ms) != TSN_DECODE_REFUSED && in->ring != NULL)
		tsn_ring_put(in->ring, p, len, from->exporter, (uint16_t)from->session, received_ms);
}

static bool
take_of_stream(void *arg, const struct tsn_tcp_message *m)
{
	const struct taking *t = arg;
	uint64_t number = (uint64_t)m->connection * LISTENERS + t->s->id % LISTENERS;
	const struct tsn_sender from = { m->peer, TSN_SESSION_STREAM + (uint32_t)(number % (UINT32_MAX - TSN_SESSION_STREAM)) };

	if (m->p == NULL)
		tsn_engine_session_ended(t->in->engine, &from);
	else
		take_message(t->in, m->p, m->len, &from, t->now);
	return true;
}

static void
take_datagrams(struct tsn_intake *in, const struct tsn_datagram *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		take_message(in, v[i].payload, v[i].len, &(struct tsn_sender){ v[i].exporter, v[i].src_port }, v[i].received_ms);
}

static bool
take_udp(struct tsn_intake *in, const struct tsn_socket *s, struct tsn_udp *u)
{
	struct tsn_datagram v[TSN_UDP_BATCH];

	for (int round = 0; round < ROUNDS; round++) {
		int n = tsn_udp_receive(u, v, TSN_UDP_BATCH);

		if (n < 0)
			tsn_log(in->log, TSN_LOG_WARN, "%s: %s", s->where, strerror(errno));
		else
			take_datagrams(in, v, (unsigned)n);
		if (n < TSN_UDP_BATCH)
			return false;
	}
	return true;
}

static bool
take_queue(struct tsn_intake *in, unsigned receiver)
{
	struct tsn_datagram v[TSN_UDP_BATCH];

	for (int round = 0; round < ROUNDS; round++) {
		unsigned n = tsn_receivers_take(in->receivers, receiver, v, TSN_UDP_BATCH);

		take_datagrams(in, v, n);
		tsn_receivers_done(in->receivers, receiver);
		if (n < TSN_UDP_BATCH)
			return false;
	}
	return true;
}

static bool
take_queues(struct tsn_intake *in)
{
	bool more = false;

	for (unsigned i = 0; in->receivers != NULL && i < tsn_receivers_count(in->receivers); i++)
		more |= take_queue(in, i);
	return more;
}

/* True if there may be more. */
static bool
take_socket(struct tsn_intake *in, const struct tsn_socket *s)
{
	struct taking t = { in, s, tsn_now_ms() };
	bool more = false;

	if (s->tcp != NULL)
		return tsn_tcp_receive(s->tcp, tsn_steady_ms(), take_of_stream, &t);
	for (unsigned i = 0; i < s->nudp; i++)
		more |= take_udp(in, s, s->udp[i]);
	return more;
}

bool
tsn_intake_received(const struct tsn_intake *in)
{
	return in->receivers != NULL && tsn_receivers_running(in->receivers) > 0;
}

bool
tsn_intake_waits(struct tsn_intake *in)
{
	return tsn_intake_received(in) && !tsn_receivers_watch(in->receivers);
}

bool
tsn_intake_take(struct tsn_intake *in)
{
	bool more = take_queues(in);
	const bool theirs = more || tsn_intake_received(in); /* sockets hold what came after what is in the queues */

	for (size_t i = 0; i < in->ports->nsockets; i++)
		if (in->ports->sockets[i].tcp != NULL || !theirs)
			more |= take_socket(in, &in->ports->sockets[i]);
	return more;
}

/* --- beginning and end --- */

void
tsn_intake_start(struct tsn_intake *in)
{
	bool ok = in->receivers != NULL;

	for (size_t i = 0; ok && i < in->ports->nsockets; i++)
		for (unsigned k = 0; ok && k < in->ports->sockets[i].nudp; k++)
			ok = tsn_receivers_add(in->receivers, k, in->ports->sockets[i].udp[k]);
	if (in->receivers == NULL || (ok && tsn_receivers_start(in->receivers)))
		return;
	tsn_receivers_stop(in->receivers);
	tsn_log(in->log, TSN_LOG_WARN, "datagrams are received by the thread that evaluates them");
}

void
tsn_intake_stop(struct tsn_intake *in)
{
	if (in->receivers == NULL)
		return;
	tsn_receivers_stop(in->receivers);
	while (take_queues(in))
		;
}

static uint64_t
discard_socket(const struct tsn_socket *s, int64_t until)
{
	struct tsn_datagram v[TSN_UDP_BATCH];
	uint64_t n = 0;

	for (unsigned i = 0; i < s->nudp; i++)
		for (int k = 1; k > 0 && tsn_steady_ms() < until; n += k > 0 ? (unsigned)k : 0)
			k = tsn_udp_receive(s->udp[i], v, TSN_UDP_BATCH);
	return n;
}

/* What was received and not evaluated is not to be passed over in silence. */
static void
give_up(struct tsn_intake *in)
{
	const int64_t until = tsn_steady_ms() + COUNT_MS;
	struct tsn_datagram v[TSN_UDP_BATCH];
	uint64_t n = 0;

	for (unsigned i = 0; in->receivers != NULL && i < tsn_receivers_count(in->receivers); i++)
		for (unsigned k; (k = tsn_receivers_take(in->receivers, i, v, TSN_UDP_BATCH)) > 0; n += k)
			tsn_receivers_done(in->receivers, i);
	for (size_t i = 0; i < in->ports->nsockets; i++)
		n += discard_socket(&in->ports->sockets[i], until);
	tsn_log(in->log, TSN_LOG_WARN, "%llu datagrams that had come in were not evaluated before the end", (unsigned long long)n);
}

void
tsn_intake_drain(struct tsn_intake *in)
{
	const int64_t until = tsn_steady_ms() + DRAIN_MS;
	bool more;

	if (in->receivers != NULL)
		tsn_receivers_stop(in->receivers);
	while ((more = tsn_intake_take(in)) && tsn_steady_ms() < until)
		;
	if (more)
		give_up(in);
	tsn_engine_flush(in->engine);
}

void
tsn_intake_drain_unnamed(struct tsn_intake *in)
{
	const int64_t until = tsn_steady_ms() + DRAIN_MS;

	for (size_t i = 0; i < in->ports->nsockets; i++) {
		const struct tsn_socket *s = &in->ports->sockets[i];
		struct taking t = { in, s, tsn_now_ms() };

		while (!s->keep && take_socket(in, s) && tsn_steady_ms() < until)
			;
		if (!s->keep && s->tcp != NULL)
			tsn_tcp_hang_up(s->tcp, take_of_stream, &t);
	}
}
