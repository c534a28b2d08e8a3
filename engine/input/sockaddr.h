/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the input room: addresses as sockets have them and as people write them. */
#ifndef TSN_INPUT_SOCKADDR_H
#define TSN_INPUT_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"

union tsn_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "ADDRESS:PORT", "[ADDRESS]:PORT". */
bool tsn_sockaddr_parse(const char *where, struct tsn_addr *addr, uint16_t *port);
socklen_t tsn_sockaddr_to(struct tsn_addr addr, uint16_t port, union tsn_sockaddr *out);
/* What is v4-mapped is IPv4. */
void tsn_sockaddr_from(const union tsn_sockaddr *from, struct tsn_addr *addr, uint16_t *port);

#endif
