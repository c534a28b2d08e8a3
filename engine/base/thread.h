/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Threads beside the one that started them, with which signals stay. */
#ifndef TSN_BASE_THREAD_H
#define TSN_BASE_THREAD_H

#include <pthread.h>

/* As pthread_create: 0, or an errno. */
int tsn_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
