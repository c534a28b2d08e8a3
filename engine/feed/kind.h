/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the feed room: what a kind of input is made of. */
#ifndef TSN_FEED_KIND_H
#define TSN_FEED_KIND_H

#include "feed/feed.h"
#include "input/reader.h"

#define TSN_FEED_PEEK 4096u /* bytes a kind may look at to know its own */

struct tsn_feed {
	const char *path; /* as messages name it: "standard input" for "-" */
	struct tsn_feed_opts opts;
	struct tsn_engine *engine;
	struct tsn_reader reader; /* stands at the first byte when a kind opens */
	const struct tsn_feed_kind *kind;
	void *self; /* the kind's own */
	struct tsn_feed_report report;
};

struct tsn_feed_kind {
	const char *name; /* "nfcapd" */
	/* Do these first bytes, all of the input if fewer than TSN_FEED_PEEK, begin an input of this kind? */
	bool (*is)(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts);
	/* What [step] works on; NULL with the reason (without the path) in [error]. Sets report.kind and .unit. */
	void *(*open)(struct tsn_feed *f, char error[TSN_INPUT_ERROR]);
	/* One bounded piece. At the end, or at damage, it fills the report and tells the log; then END. */
	enum tsn_feed_step (*step)(struct tsn_feed *f);
	/* Does not close the reader. [self] may be half made. */
	void (*close)(void *self);
};

/* In the order in which they are asked: kinds with a magic number first, text last. */
#define KIND(name, help) extern const struct tsn_feed_kind tsn_feed_##name;
#include "feed/kinds.def"
#undef KIND

/* Fills report.damaged, .damage_offset, .unread and .reason: reading stopped at [offset] of the reader's bytes. */
void tsn_feed_damaged(struct tsn_feed *f, uint64_t offset, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
