/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Live UDP sockets: batches of datagrams with the kernel's receive times, and
 * what the kernel dropped. Non-blocking, without a thread: the owner polls
 * tsn_udp_fd. Knows nothing of what datagrams mean and reads no clock. One thread
 * at a time may receive; counters may be asked for by any other meanwhile.
 */
#ifndef TSN_INPUT_UDP_H
#define TSN_INPUT_UDP_H

#include "input/datagram.h"

#define TSN_UDP_BATCH 64 /* datagrams at most a call */

struct tsn_udp;

struct tsn_udp_opts {
	size_t receive_buffer; /* bytes of kernel buffer to ask for, as many as allowed; 0: 64 MiB */
	size_t max_datagram;   /* longer ones are cut and counted; 0: 65,535 */
	bool beside;           /* one that tsn_udp_share was called for may have the same port */
};

struct tsn_udp_counters {
	uint64_t datagrams, bytes;
	uint64_t truncated;    /* datagrams longer than max_datagram */
	uint64_t kernel_drops; /* lost because the kernel's buffer was full */
	size_t receive_buffer; /* bytes the kernel granted... */
	size_t wanted_buffer;  /* ...and bytes it was asked for */
};

/*
 * [where] is "192.0.2.1:2055", "[2001:db8::1]:2055", "0.0.0.0:2055" or
 * "[::]:2055". The last takes IPv4 too, unless another socket already has
 * that port on IPv4: then IPv6 alone. Port 0 lets the kernel choose. [opts] may be
 * NULL. NULL on failure with the reason, errno's text included, in [error].
 */
struct tsn_udp *
tsn_udp_open(const char *where, const struct tsn_udp_opts *opts, char error[TSN_INPUT_ERROR]);
void tsn_udp_close(struct tsn_udp *u);
/*
 * Opens up to [n] - 1 others beside v[0], into v[1]...; all datagrams of one exporter come to one of them. How many there
 * are then: fewer, at least 1, where memory or descriptors are out or the kernel cannot do it. To be closed together.
 */
unsigned tsn_udp_spread(struct tsn_udp **v, unsigned n);
/* From now on, or no longer, another one may be opened on the same port, to take its place. */
void tsn_udp_share(struct tsn_udp *u, bool on);
/* To poll for reading. */
int tsn_udp_fd(const struct tsn_udp *u);
/* The address and port bound. */
void tsn_udp_local(const struct tsn_udp *u, struct tsn_addr *addr, uint16_t *port);
/*
 * Takes what has arrived, at most [max] and TSN_UDP_BATCH datagrams, without
 * waiting. How many; 0 if none; -1 on an error worth reporting (errno). While
 * calls take many at once, some datagrams have the time of one just before them.
 */
int tsn_udp_receive(struct tsn_udp *u, struct tsn_datagram *out, unsigned max);
void tsn_udp_counters(const struct tsn_udp *u, struct tsn_udp_counters *out);

#endif
