/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the daemon: a small HTTP server (libmicrohttpd) for those who watch it. Without a thread: its owner polls
 * tsn_http_fd and calls tsn_http_serve, so what is rendered stands still meanwhile. GET only.
 */
#ifndef TSN_DAEMON_HTTP_H
#define TSN_DAEMON_HTTP_H

#include "base/buf.h"
#include "input/datagram.h"

struct tsn_http;

/* Answers GET [path]: fills [out]; false if there is no such page. */
typedef bool tsn_http_page(void *arg, const char *path, struct tsn_buf *out);

/* [where] is "127.0.0.1:9277" or "[::1]:9277". NULL with the reason in [error]. */
struct tsn_http *tsn_http_open(const char *where, tsn_http_page *page, void *arg, char error[TSN_INPUT_ERROR]);
void tsn_http_close(struct tsn_http *h);
int tsn_http_fd(const struct tsn_http *h);
/* Takes and answers what has arrived, without waiting. */
void tsn_http_serve(struct tsn_http *h);

/* The version of the library behind it, for people; NULL if this build is without it. */
const char *tsn_http_library(void);

#endif
