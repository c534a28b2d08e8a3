/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the daemon: what comes in by its sockets goes to the engine and into the ring of last messages.
 * Datagrams are taken from the sockets here or, where there are receivers, from their queues; in both cases those of
 * one exporter are in the order in which they came, and nobody's are taken for so long that others have no turn.
 */
#ifndef TSN_DAEMON_INTAKE_H
#define TSN_DAEMON_INTAKE_H

#include "core/engine.h"
#include "daemon/ports.h"
#include "daemon/receivers.h"
#include "daemon/ring.h"

struct tsn_intake {
	struct tsn_engine *engine;
	struct tsn_ports *ports;
	struct tsn_ring *ring;           /* NULL: nobody asked for it, or it cannot be had */
	struct tsn_receivers *receivers; /* NULL: there are none */
	const struct tsn_log *log;
	uint64_t messages;               /* taken */
};

/* Takes what has come in, at most so much of each socket; true if there may be more. */
bool tsn_intake_take(struct tsn_intake *in);
/* Do receivers take the datagrams, so that nobody else needs to look at those sockets? */
bool tsn_intake_received(const struct tsn_intake *in);
/* Have receivers something to be taken? If not their bell (tsn_receivers_fd) rings once they do. */
bool tsn_intake_waits(struct tsn_intake *in);
/* After the sockets changed: receivers, if there are any, take from those that are open now. */
void tsn_intake_start(struct tsn_intake *in);
/* Receivers stand still, and what they had taken is with the engine. */
void tsn_intake_stop(struct tsn_intake *in);
/* Takes what sockets that the ports are about to close hold; not for ever, as more may come. */
void tsn_intake_drain_unnamed(struct tsn_intake *in);
/* The end: receivers stand still, and what they and all sockets hold is evaluated; what cannot be in two seconds is told. */
void tsn_intake_drain(struct tsn_intake *in);

#endif
