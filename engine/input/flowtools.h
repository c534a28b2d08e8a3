/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of flow-tools (0.68 and before; ftio(3)): a header, then records of one size, as they are or as one zlib
 * stream. Both byte orders; stream versions 1 (a fixed header) and 3 (a list of typed values). Knows nothing of what
 * is in a record. What cannot be read ends the file and is reported; the records before stand.
 */
#ifndef TSN_INPUT_FLOWTOOLS_H
#define TSN_INPUT_FLOWTOOLS_H

#include "input/reader.h"

struct tsn_flowtools;

struct tsn_flowtools_header {
	bool little_endian;
	uint8_t stream;        /* 1 or 3 */
	uint16_t version;      /* of the export: 1 5 6 7 8 */
	uint8_t method;        /* of v8: 1..14 */
	uint8_t method_version;
	bool compressed;
	bool unfinished;       /* its writer has not closed it (yet) */
	uint32_t exporter;     /* of all its records, 0 if untold */
	uint32_t flows, lost;  /* as its writer counted them, 0 if untold */
};

struct tsn_flowtools_report {
	bool damaged;
	uint64_t offset; /* byte of the file */
	const char *reason;
};

/* Do these first bytes begin such a file? */
bool tsn_flowtools_is(const uint8_t *p, size_t n);
/* Reads the header. [r] stands at the first byte and must outlive the result. NULL with the reason in [error]. */
struct tsn_flowtools *tsn_flowtools_attach(struct tsn_reader *r, char error[TSN_INPUT_ERROR]);
const struct tsn_flowtools_header *tsn_flowtools_header(const struct tsn_flowtools *f);
/*
 * The next [size] bytes (at most TSN_FLOWTOOLS_RECORD), valid until the next call; NULL at the end or where reading
 * stopped.
 */
#define TSN_FLOWTOOLS_RECORD 256
const uint8_t *tsn_flowtools_next(struct tsn_flowtools *f, size_t size);
const struct tsn_flowtools_report *tsn_flowtools_report(const struct tsn_flowtools *f);
void tsn_flowtools_close(struct tsn_flowtools *f);

#endif
