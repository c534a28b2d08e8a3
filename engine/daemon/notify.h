/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: a word to the service manager (sd_notify(3) protocol), if there is one. */
#ifndef TSN_DAEMON_NOTIFY_H
#define TSN_DAEMON_NOTIFY_H

/* [state] such as "READY=1". Does nothing without $NOTIFY_SOCKET. */
void tsn_notify(const char *state);

#endif
