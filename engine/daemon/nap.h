/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Whoever takes datagrams sleeps a little after each round, so that the next one takes many: to be woken for each
 * costs more than the datagram. One round should take a few calls' worth. Naps are shorter than flows wait for
 * their batch to be full, so nothing comes later for them.
 */
#ifndef TSN_DAEMON_NAP_H
#define TSN_DAEMON_NAP_H

#include <time.h>

#include "input/udp.h"

struct tsn_nap {
	long ns; /* of the last one; 0: there was none yet */
};

/* How long to sleep after a round that took so many datagrams. */
struct timespec tsn_nap_after(struct tsn_nap *n, unsigned took);
/* Can the kernel hold what comes meanwhile? If not there should be no naps. */
bool tsn_nap_fits(const struct tsn_udp *u);

#endif
