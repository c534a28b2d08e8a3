/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/nap.h"

#define FEW       (4u * TSN_UDP_BATCH)
#define MANY      (8u * TSN_UDP_BATCH)
#define LEAST_NS  125000
#define MOST_NS   2000000
#define BUFFER    ((size_t)2 << 20) /* of the kernel: what one core can send in the longest nap, twice over */

struct timespec
tsn_nap_after(struct tsn_nap *n, unsigned took)
{
	if (n->ns == 0)
		n->ns = LEAST_NS;
	else if (took < FEW && n->ns < MOST_NS)
		n->ns *= 2;
	else if (took > MANY && n->ns > LEAST_NS)
		n->ns /= 2;
	return (struct timespec){ .tv_nsec = n->ns };
}

bool
tsn_nap_fits(const struct tsn_udp *u)
{
	struct tsn_udp_counters c;

	tsn_udp_counters(u, &c);
	return c.receive_buffer >= BUFFER;
}
