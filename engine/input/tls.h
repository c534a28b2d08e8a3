/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: TLS (1.2 and later) over an accepted connection, by OpenSSL where the build has it. RFC 7011
 * section 11.3 asks for certificates on both sides: with [ca] a peer without one that it signed is refused. The process must
 * ignore SIGPIPE.
 */
#ifndef TSN_INPUT_TLS_H
#define TSN_INPUT_TLS_H

#include <sys/types.h>

#include "input/datagram.h"

struct tsn_tls;
struct tsn_tls_stream;

/* Files in PEM; [ca] NULL: peers need no certificate. NULL with the reason in [error]. */
struct tsn_tls *tsn_tls_new(const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR]);
void tsn_tls_free(struct tsn_tls *t);

/* Over the connected, non-blocking [fd], which stays the caller's. NULL when memory is out. */
struct tsn_tls_stream *tsn_tls_accept(struct tsn_tls *t, int fd);
void tsn_tls_close(struct tsn_tls_stream *s);

enum tsn_tls_read {
	TSN_TLS_BYTES,
	TSN_TLS_READ,  /* nothing yet: wait until the connection can be read */
	TSN_TLS_WRITE, /* the handshake waits until it can be written */
	TSN_TLS_END,   /* closed properly by the peer */
	TSN_TLS_BROKEN /* the handshake or the connection failed */
};

/* Is the handshake over? */
bool tsn_tls_is_open(const struct tsn_tls_stream *s);
enum tsn_tls_read tsn_tls_read(struct tsn_tls_stream *s, uint8_t *to, size_t room, size_t *got);

#endif
