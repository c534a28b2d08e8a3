/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: compressed bytes to plain ones, a piece at a time. gzip (RFC 1952), zstd (RFC 8878),
 * bzip2 and xz are known by their first bytes, whatever the file is called; members, frames and streams that follow
 * one another are one input, as their own tools have it. Memory is bounded by the formats' limits below, whatever
 * a header asks for. What a damaged stream gave before the damage is handed on. One thread.
 */
#ifndef TSN_INPUT_UNPACK_H
#define TSN_INPUT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TSN_UNPACK_PEEK 10u                     /* bytes that tell every kind */
#define TSN_UNPACK_WINDOW_LOG 27                /* zstd: 128 MiB, what its own tool grants */
#define TSN_UNPACK_MEMORY ((uint64_t)128 << 20) /* xz: -9 needs 65 MiB */

#define TSN_UNPACK_LATER (-2)                   /* no more bytes for now */

struct tsn_unpack;

/* What these first [n] bytes are compressed with: "gzip", "zstd", "bzip2", "xz"; NULL: nothing known here. */
const char *tsn_unpack_kind(const uint8_t *p, size_t n);
/* Can this build unpack the kind of that name? */
bool tsn_unpack_built(const char *kind);

/*
 * [p] are the first [n] bytes, which tsn_unpack_kind knows; the rest comes from [more], which returns how many
 * bytes it put, 0 at the end, -1 on failure, TSN_UNPACK_LATER if it is to be asked again another time. NULL with a static sentence in [*why].
 */
struct tsn_unpack *tsn_unpack_new(const uint8_t *p, size_t n, ssize_t (*more)(void *arg, uint8_t *to, size_t room), void *arg,
    const char **why);
void tsn_unpack_free(struct tsn_unpack *u);
/*
 * Up to [room] plain bytes. 0: the end, -1: damage or a failure of [more]; then tsn_unpack_why tells, NULL if it was [more];
 * both also when it is asked again. TSN_UNPACK_LATER: [more] said so, and nothing is lost.
 */
ssize_t tsn_unpack_read(struct tsn_unpack *u, uint8_t *to, size_t room);
const char *tsn_unpack_why(const struct tsn_unpack *u);

#endif
