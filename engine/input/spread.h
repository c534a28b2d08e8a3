/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Several sockets on one UDP port (SO_REUSEPORT). The kernel would choose among them by both addresses and ports; an
 * exporter that uses several ports, or a new one for each datagram, would be torn apart, and what it numbers would
 * seem lost and late. So the kernel is told to go by the source address alone.
 */
#ifndef TSN_INPUT_SPREAD_H
#define TSN_INPUT_SPREAD_H

#include <stdbool.h>

/* For the group of [n] sockets that [fd] is one of. False where the kernel cannot do it (before Linux 4.5). */
bool tsn_spread_by_source(int fd, unsigned n);

#endif
