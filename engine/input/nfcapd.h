/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The container of nfdump's files (nfcapd, nfpcapd, sfcapd, nfdump -w write it): a header, then blocks, each under a
 * header of 12 bytes and, mostly, compressed on its own. Facts from nfdump's headers: bin/nffile.h of 1.6.x (layout 1),
 * src/libnffile/nffileV2 of 1.7.x (layout 2). All numbers are in the byte order of the machine that wrote the file.
 *
 * layout 1:  0 magic 0xa50c  2 layout  4 flags  8 blocks  12 ident (128)  140 statistics (136)  276 first block
 * layout 2:  0 magic 0xa50c  2 layout  4 version of nfdump  8 created  16 compression  17 encryption
 *           18 blocks of appendix  20 creator  24 offset of appendix  32 size of blocks  36 blocks  40 first block
 * a block:   0 records  4 bytes behind this header  8 type  10 flags
 *
 * Files that nobody closed (a collector that died, or still writes) say 0 blocks: reading goes on to the end of the
 * file whatever the header says. Knows nothing of records. One thread, but for the unpacking of blocks, if the reader has hands for
 * it; the memory is that of two of the largest blocks, or of eight.
 */
#ifndef TSN_INPUT_NFCAPD_H
#define TSN_INPUT_NFCAPD_H

#include "input/reader.h"

struct tsn_nfcapd_file;

enum tsn_nfcapd_packing {
	TSN_NFCAPD_PLAIN, TSN_NFCAPD_LZO, TSN_NFCAPD_BZ2, TSN_NFCAPD_LZ4, TSN_NFCAPD_ZSTD, TSN_NFCAPD_PACKINGS
};

struct tsn_nfcapd_header {
	uint8_t layout; /* 1 or 2 */
	bool swapped;   /* written on a machine of the other byte order */
	enum tsn_nfcapd_packing packing;
	uint64_t blocks; /* that the header promises, those of the appendix included; 0: never closed, or empty */
};

enum tsn_nfcapd_next {
	TSN_NFCAPD_PIECE,
	TSN_NFCAPD_BAD_BLOCK, /* this block cannot be unpacked; the next call goes on behind it */
	TSN_NFCAPD_END,       /* at the end of the file, behind a whole block */
	TSN_NFCAPD_BROKEN,    /* reading cannot go on: [reason] at [offset] */
	TSN_NFCAPD_NO_MEMORY
};

/* Records of one block: all that are left of it if [last], else at least 64 KB of them; valid until the next call. */
struct tsn_nfcapd_piece {
	const uint8_t *p;
	size_t len;
	uint16_t type; /* of the block */
	bool last;
	bool packed;     /* [offset] is that of the block, not of [p] */
	uint64_t offset; /* in the file */
	uint64_t bytes;  /* of the block in the file */
	const char *reason;
};

/* Do these bytes begin such a file, of whatever layout and byte order? */
bool tsn_nfcapd_is(const uint8_t *p, size_t n);
/* Takes the header from [r], which it reads on and does not close. NULL with the reason in [error]. */
struct tsn_nfcapd_file *tsn_nfcapd_attach(struct tsn_reader *r, char error[TSN_INPUT_ERROR]);
void tsn_nfcapd_close(struct tsn_nfcapd_file *f);
const struct tsn_nfcapd_header *tsn_nfcapd_header(const struct tsn_nfcapd_file *f);
/* Whole blocks found so far. */
uint64_t tsn_nfcapd_blocks(const struct tsn_nfcapd_file *f);
enum tsn_nfcapd_next tsn_nfcapd_next(struct tsn_nfcapd_file *f, struct tsn_nfcapd_piece *out);
/* The first [n] bytes of the piece are done with; the rest comes again, with more behind it, unless it was the last. */
void tsn_nfcapd_used(struct tsn_nfcapd_file *f, size_t n);

/*
 * The largest block that is taken for one, packed or not: nfdump's buffers have 5 MB in all versions, twice that is
 * room for a later one.
 */
#define TSN_NFCAPD_BLOCK_MAX ((size_t)10 << 20)

/* Inside: one block. Writes at most [room] bytes; how many, or 0 if [in] is no such block or the library is left out. */
size_t tsn_nfcapd_unpack(enum tsn_nfcapd_packing how, const uint8_t *in, size_t n, uint8_t *out, size_t room);
/* Can this build unpack it? */
bool tsn_nfcapd_can_unpack(enum tsn_nfcapd_packing how);
/* "LZO"...; static. */
const char *tsn_nfcapd_packing_name(enum tsn_nfcapd_packing how);

#endif
