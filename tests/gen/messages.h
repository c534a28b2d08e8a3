/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Export messages of the younger formats, made of the same records as NetFlow v5: v9 (RFC 3954), IPFIX
 * (RFC 7011) and sFlow v5. Knows nothing of files.
 */
#ifndef TESTS_GEN_MESSAGES_H
#define TESTS_GEN_MESSAGES_H

#include <stddef.h>

#include "workload.h"

#define MESSAGE_ROOM 2048   /* bytes that a message and its template fit in */
#define TEMPLATE_EVERY 512  /* messages of an exporter */

struct message {
	uint32_t exporter;  /* its number: source id, observation domain, agent address */
	uint32_t number;    /* of the message, from 0 */
	uint32_t sequence;  /* records before it; v9 and sFlow number messages instead */
	uint32_t uptime;    /* ms */
	uint64_t now;       /* ms since 1970 UTC */
	const struct record *record;
	uint32_t count;     /* at most what the format takes, below */
	bool ipv6;          /* some records may be, now or later */
	const struct workload_options *of; /* which hosts are inside */
};

/* With IPv6 among them as many as fit 1,500 bytes if all are, templates included. */
enum { V9_RECORDS = 24, IPFIX_RECORDS = 18, SFLOW_RECORDS = 8, V9_RECORDS_IPV6 = 14, IPFIX_RECORDS_IPV6 = 12 };

/* Each returns the message's length. */
size_t message_v9(uint8_t *p, const struct message *m);
size_t message_ipfix(uint8_t *p, const struct message *m);
size_t message_sflow(uint8_t *p, const struct message *m);
/* One packet of the flow, Ethernet header first, without its payload; [room] is at least 64. */
size_t packet_of(uint8_t *p, const struct record *r, uint32_t ip_bytes);

#endif
