/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A plain file copied from its mapped pages, which spares the kernel's way to them. A mapped page may go at any moment: whoever looks at one
 * that is behind the end of a file that was cut short, or that the disk has not got any more, gets SIGBUS. So nobody looks at pages but the
 * copy, which is whole or none; where it is none read(2) is asked, and has the last word.
 */
#ifndef TSN_INPUT_MAPPED_H
#define TSN_INPUT_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/far.h"

struct tsn_mapped;

#define TSN_MAPPED_LEAST ((uint64_t)1 << 20) /* bytes of a file that is worth it */

/*
 * Files of [least] bytes and more are mapped from here on; without this, none. SIGBUS of this process is caught, and goes to whoever had it
 * before where it is not of a copy: so this is for a program to say, not for a library, and before there are threads. False: it cannot be
 * caught.
 */
bool tsn_mapped_allow(uint64_t least);

/* Of [fd], a regular file of [size] bytes. NULL: it is too short, or cannot be mapped. */
struct tsn_mapped *tsn_mapped_new(int fd, uint64_t size);
void tsn_mapped_free(struct tsn_mapped *m);
/*
 * Bytes from [at] on, at most [room], as the file had them at some moment of the call; 0 also if only read(2) can tell what is there. Cheap
 * where [at] grows.
 */
size_t tsn_mapped_copy(struct tsn_mapped *m, uint8_t *to, size_t room, uint64_t at);

/*
 * The same for who leaves bytes where they are. Are those of [at, at + n) in one window, which becomes the one at hand? Then some of them
 * may be looked at (false: only read(2) can tell what is there), and others kept for later, on any thread.
 */
bool tsn_mapped_in_window(struct tsn_mapped *m, uint64_t at, size_t n);
bool tsn_mapped_look(const struct tsn_mapped *m, uint8_t *to, size_t n, uint64_t at);
struct tsn_far_place tsn_mapped_place(const struct tsn_mapped *m, uint64_t at);
/* The same of bytes that were copied before; false: the window has moved on since. */
bool tsn_mapped_stays(const struct tsn_mapped *m, uint64_t at, size_t n, struct tsn_far_place *where);
/* The [n] bytes from [at] on will be looked at soon, if there are so many. */
void tsn_mapped_soon(const struct tsn_mapped *m, uint64_t at, size_t n);

#endif
