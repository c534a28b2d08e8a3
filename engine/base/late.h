/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Libraries that are loaded when they are needed and not before: those that few commands need and that bring many
 * others with them. Each start of the program would pay for them.
 */
#ifndef TSN_BASE_LATE_H
#define TSN_BASE_LATE_H

#include <stdbool.h>
#include <stddef.h>

/* A function, and where in the caller's struct of pointers it is to stand. */
struct tsn_late_function {
	const char *name;
	size_t at;
};

/*
 * Loads [library] and finds [n] functions in it for [functions]. NULL with a sentence in [error] if it is not
 * installed or lacks one. The handle is closed by tsn_late_close, which takes NULL.
 */
void *tsn_late_open(const char *library, const struct tsn_late_function *f, size_t n, void *functions, char *error,
    size_t size);
void tsn_late_close(void *library);

#endif
