/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Live streams of export messages: IPFIX over TCP (RFC 7011 section 10.4) and over TLS. One listening socket and its
 * connections, bounded in number, each with room for one largest message; non-blocking, without a thread: the owner polls
 * tsn_tcp_fd. A peer that sends what is no message is cut off, since nothing behind it can be understood. What a message
 * is, is passed in; no clock is read.
 */
#ifndef TSN_INPUT_TCP_H
#define TSN_INPUT_TCP_H

#include "input/datagram.h"

struct tsn_tcp;

struct tsn_tcp_opts {
	uint32_t max_connections; /* 0: 256 */
	int64_t idle_ms;          /* a connection without a whole message for so long is closed; 0: 30 minutes */
	/* The length of the message that begins at [p], of which [n] bytes are there; 0: more are needed, -1: none begins here. */
	int64_t (*extent)(const uint8_t *p, size_t n);
	bool beside;              /* one that tsn_tcp_share was called for may have the same port */
	const char *cert, *key, *ca; /* with [cert]: TLS; see input/tls.h */
};

struct tsn_tcp_counters {
	uint64_t accepted;  /* connections */
	uint64_t refused;   /* because there were max_connections, or memory was out */
	uint64_t displaced; /* had sent no message for seconds when another one needed the place */
	uint64_t garbage;   /* cut off: what they sent is no message */
	uint64_t unfinished; /* ended inside a message */
	uint64_t broken;    /* reset, or their TLS failed or took too long to begin */
	uint64_t idle;      /* closed because they were silent */
	uint64_t messages, bytes;
	uint32_t open;
};

/* [where] as for tsn_udp_open; [::] takes IPv4 too. Certificate files are read now, their names are not kept. */
struct tsn_tcp *tsn_tcp_open(const char *where, const struct tsn_tcp_opts *opts, char error[TSN_INPUT_ERROR]);
void tsn_tcp_close(struct tsn_tcp *t);
/*
 * Certificates of a listener with TLS that has been opened: reads the files anew, then puts them in force for connections
 * to come, or drops them. False, with the reason, when they cannot be used: then those in force stay.
 */
bool tsn_tcp_renew(struct tsn_tcp *t, const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR]);
void tsn_tcp_renewed(struct tsn_tcp *t, bool take);
/* From now on, or no longer, another one may be opened on the same port, to take its place. */
void tsn_tcp_share(struct tsn_tcp *t, bool on);
/* To poll for reading. */
int tsn_tcp_fd(const struct tsn_tcp *t);
void tsn_tcp_local(const struct tsn_tcp *t, struct tsn_addr *addr, uint16_t *port);

/* One message and where it came from. */
struct tsn_tcp_message {
	const uint8_t *p; /* valid during the call; NULL: the connection, of which there were messages, is over */
	size_t len;
	struct tsn_addr peer;
	uint16_t port;
	uint32_t connection; /* a number of its own for each */
};

/*
 * Takes what has arrived by [now_ms], some of each connection, without waiting, and hands over whole messages; false
 * from [take] ends it early. True if there may be more.
 */
bool tsn_tcp_receive(struct tsn_tcp *t, int64_t now_ms, bool (*take)(void *arg, const struct tsn_tcp_message *m), void *arg);
/* Ends all connections. */
void tsn_tcp_hang_up(struct tsn_tcp *t, bool (*take)(void *arg, const struct tsn_tcp_message *m), void *arg);
void tsn_tcp_counters(const struct tsn_tcp *t, struct tsn_tcp_counters *out);

#endif
