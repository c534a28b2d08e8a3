/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: exporters on loopback, where 127.0.0.0/8 is many. */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* A socket with that address of its own which sends to that port. */
static inline int
loopback_sender(uint32_t address, uint16_t port)
{
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0, "%s", strerror(errno));
	cr_assert(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "%s", strerror(errno));
	return fd;
}

#endif
