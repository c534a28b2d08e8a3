/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the daemon: its sockets and outputs. A reload first opens what
 * is new beside what is there, then, when all of it worked, lets go of what
 * is no longer named: sockets that stay configured stay open and lose nothing.
 */
#ifndef TSN_DAEMON_PORTS_H
#define TSN_DAEMON_PORTS_H

#include "alert/sink.h"
#include "compile/compile.h"
#include "daemon/receivers.h"
#include "input/tcp.h"

struct tsn_socket {
	char where[TSN_ADDR_TEXT + 16]; /* "192.0.2.1:2055", "tcp 192.0.2.1:4739" */
	struct tsn_udp *udp[TSN_RECEIVERS_MAX]; /* one for each receiver, between which the kernel divides the exporters... */
	unsigned nudp;
	struct tsn_tcp *tcp;            /* ...or this */
	uint16_t port;
	uint32_t id;                    /* for as long as it is open; its connections have numbers of their own */
	uint64_t drops_told, truncated_told, cut_off_told;
	bool named;             /* by the ruleset being prepared, whatever comes of it */
	bool keep, fresh;       /* named by, opened for the ruleset being prepared */
};

struct tsn_output {
	enum tsn_output_kind kind;
	enum tsn_severity least;
	char *target;           /* NULL: stdout */
	struct tsn_sink *sink;
	bool keep, fresh;
};

struct tsn_ports {
	struct tsn_socket *sockets;
	size_t nsockets, cap_sockets;
	uint32_t opened;
	unsigned receivers;             /* sockets wanted for an address of UDP, at least 1 */
	bool buffer_told;
	struct tsn_output *outputs;
	size_t noutputs, cap_outputs;
	bool stdout_text, stdout_color;
	const struct tsn_log *log;
};

/* What all sockets of an address of UDP counted; the buffers are of one. */
void tsn_socket_counters(const struct tsn_socket *s, struct tsn_udp_counters *out);

/* Opens what [site] names and is not open. False, with everything as before, if something cannot be opened: the log says what. */
bool tsn_ports_prepare(struct tsn_ports *p, const struct tsn_site *site);
/* Has the prepared site other sockets? */
bool tsn_ports_change(const struct tsn_ports *p);
/* Closes what the prepared site no longer names; reopens the files that stay (log rotation). */
void tsn_ports_commit(struct tsn_ports *p);
/* Closes what was opened by prepare. */
void tsn_ports_cancel(struct tsn_ports *p);
void tsn_ports_fini(struct tsn_ports *p);

#endif
