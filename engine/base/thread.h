/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Threads beside the one that started them, with which signals stay: all but those of what a thread itself does, which are nobody else's,
 * and where they are blocked the kernel ends the process whatever catches them.
 */
#ifndef TSN_BASE_THREAD_H
#define TSN_BASE_THREAD_H

#include <pthread.h>

/* As pthread_create: 0, or an errno. */
int tsn_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
