/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Stored flows: from a path to rows of an engine. The first bytes tell what kind of input it is; the
 * input room reads the container, the decode room its records, and what stands here joins the two and moves
 * the engine's clock. A kind of input is a row in kinds.def and a file beside this one. One thread; reads no
 * clock and writes nothing but through the log it is given.
 */
#ifndef TSN_FEED_FEED_H
#define TSN_FEED_FEED_H

#include "base/buf.h"
#include "base/log.h"
#include "core/engine.h"
#include "input/datagram.h"
#include "input/wait.h"

struct tsn_feed;

enum tsn_feed_as { TSN_AS_AUTO, TSN_AS_EXPORTS, TSN_AS_PACKETS };

struct tsn_feed_opts {
	uint16_t port;        /* captures: only datagrams to this UDP port; 0: any that carry exports */
	enum tsn_feed_as as;  /* captures: exports, or packets to be metered */
	const char *map;      /* text: which column is which field; NULL: the header tells */
	const struct tsn_log *log; /* ERROR damage and losses, WARN what was left out, INFO what was read */
	struct tsn_waiter waiter; /* what to do while no more bytes are there; see input/wait.h */
	uint32_t number;      /* of this input among those of the engine: templates belong to it */
	bool *unknown;        /* if not NULL: set when opening failed because no kind knows the bytes */
};

enum tsn_feed_step {
	TSN_FEED_MORE,
	TSN_FEED_END,      /* all that was readable has been read; the report says whether it was all there is */
	TSN_FEED_NO_MEMORY /* the engine gave no batch */
};

struct tsn_feed_report {
	const char *kind;       /* "capture of exports", "nfcapd file"...; static */
	const char *unit;       /* of [records]: "datagrams", "flows"; static */
	uint64_t records;       /* given to the engine */
	uint64_t skipped;       /* that could not be read, or are no flows */
	bool damaged;
	uint64_t damage_offset; /* byte of the (unpacked) file where reading stopped or what was wrong began */
	int64_t unread;         /* bytes from there to its end; -1 if unknown */
	char reason[TSN_INPUT_ERROR];
};

/*
 * [path] "-" is standard input. [opts] is copied; what it points at must live until close. NULL on failure with
 * the reason, path and errno's text included, in [error].
 */
struct tsn_feed *tsn_feed_open(const char *path, const struct tsn_feed_opts *opts, struct tsn_engine *engine,
    char error[TSN_INPUT_ERROR]);
/* Reads on for a bounded while (some thousand records), so that its caller can show progress and stop. */
enum tsn_feed_step tsn_feed_step(struct tsn_feed *f);
const struct tsn_feed_report *tsn_feed_report(const struct tsn_feed *f);
/* Bytes of the file read and bytes there are; [total] 0 if unknown (a pipe). */
void tsn_feed_progress(const struct tsn_feed *f, uint64_t *done, uint64_t *total);
void tsn_feed_close(struct tsn_feed *f);

/* Does a map (opts.map) make sense by itself? False with the reason in [error]. */
bool tsn_feed_check_map(const char *map, char error[TSN_INPUT_ERROR]);

/* The kinds of input this build reads, one after the other; NULL past the last. For help and `tocsin version`. */
const char *tsn_feed_kind(size_t i);
/* What it is, for people. */
const char *tsn_feed_kind_help(size_t i);

#endif
