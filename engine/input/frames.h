/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: the frames of a capture file, whichever code reads
 * it. Each kind of file is a pair of functions.
 */
#ifndef TSN_INPUT_FRAMES_H
#define TSN_INPUT_FRAMES_H

#include "input/frame.h"
#include "input/reader.h"

enum tsn_frames { TSN_FRAMES_ONE, TSN_FRAMES_END, TSN_FRAMES_DAMAGED };

#define TSN_CLASSIC_HEAD 96u

/* The classic pcap file (draft-ietf-opsawg-pcap). */
struct tsn_classic {
	bool swapped, nano;
	uint32_t link;
	uint8_t head[TSN_CLASSIC_HEAD]; /* of a frame that is left where it is */
};

/* True if the first four bytes are its magic number, in either byte order. */
bool tsn_classic_is(const uint8_t magic[4]);
/* Takes the file's header. False with the reason. */
bool tsn_classic_open(struct tsn_classic *c, struct tsn_reader *r, char error[TSN_INPUT_ERROR]);
/* DAMAGED: the reason is in [error], and the reader stands where the trouble begins. */
enum tsn_frames tsn_classic_next(const struct tsn_classic *c, struct tsn_reader *r,
    struct tsn_frame *out, char error[TSN_INPUT_ERROR]);

/*
 * The next frame where it lies, [out] having but the first bytes of it (so many as tsn_classic has room for); it is at
 * [where]. False: not this way, and nothing was taken either way: tsn_reader_pass with [*whole] takes it.
 */
bool tsn_classic_look(struct tsn_classic *c, struct tsn_reader *r, struct tsn_frame *out, struct tsn_far_place *where, size_t *whole);

/* What libpcap reads, through the same reader. [link] is a LINKTYPE_ number. */
struct tsn_libpcap;

bool tsn_libpcap_is(const uint8_t magic[4]);
struct tsn_libpcap *tsn_libpcap_open(struct tsn_reader *r, uint32_t *link,
    char error[TSN_INPUT_ERROR]);
/* libpcap's name of a link type, "unknown" if it has none. Static. */
const char *tsn_libpcap_link_name(uint32_t link);
void tsn_libpcap_close(struct tsn_libpcap *l);
enum tsn_frames tsn_libpcap_next(struct tsn_libpcap *l, struct tsn_frame *out,
    char error[TSN_INPUT_ERROR]);

#endif
