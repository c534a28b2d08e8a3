/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What to do while an input has no more bytes. The input room neither sleeps nor reads a clock: whoever follows a
 * growing file, or wants to flush before a slow pipe blocks, is asked here.
 */
#ifndef TSN_INPUT_WAIT_H
#define TSN_INPUT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

enum tsn_wait {
	TSN_WAIT_AGAIN, /* look again */
	TSN_WAIT_END,   /* this is the end of the input */
	TSN_WAIT_STOP   /* take it for the end, though more may come: what is cut short by it is not damaged */
};

struct tsn_waiter {
	/*
	 * [fd] is to be read next; [at_end]: it is a file and ends here at present, [read] bytes from its beginning; else it
	 * is a pipe and reading it would block. NULL: files end where they end, and pipes block.
	 */
	enum tsn_wait (*wait)(void *arg, int fd, bool at_end, uint64_t read);
	void *arg;
};

#endif
