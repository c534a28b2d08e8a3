/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/sockaddr.h"

#include <stdlib.h>
#include <string.h>

bool
tsn_sockaddr_parse(const char *where, struct tsn_addr *addr, uint16_t *port)
{
	const char *colon = strrchr(where, ':'), *host = where;
	bool brackets = host[0] == '[';
	size_t n;
	char *end;
	unsigned long v;

	if (colon == NULL || colon == where || colon[1] < '0' || colon[1] > '9')
		return false;
	v = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || v > 65535)
		return false;
	n = (size_t)(colon - where);
	if (brackets) {
		if (n < 3 || host[n - 1] != ']')
			return false;
		host++;
		n -= 2;
	}
	*port = (uint16_t)v;
	if (brackets != (memchr(host, ':', n) != NULL))
		return false;
	return tsn_addr_parse(host, n, addr) && addr->v4 == !brackets;
}

socklen_t
tsn_sockaddr_to(struct tsn_addr addr, uint16_t port, union tsn_sockaddr *out)
{
	memset(out, 0, sizeof(*out));
	if (addr.v4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		out->v4.sin_addr.s_addr = htonl((uint32_t)addr.lo);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	tsn_addr_to_v6(addr, out->v6.sin6_addr.s6_addr);
	return sizeof(out->v6);
}

void
tsn_sockaddr_from(const union tsn_sockaddr *from, struct tsn_addr *addr, uint16_t *port)
{
	if (from->sa.sa_family == AF_INET6) {
		*addr = tsn_addr_from_v6(from->v6.sin6_addr.s6_addr);
		*port = ntohs(from->v6.sin6_port);
	} else {
		*addr = tsn_addr_v4(ntohl(from->v4.sin_addr.s_addr));
		*port = ntohs(from->v4.sin_port);
	}
}
