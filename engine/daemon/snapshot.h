/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Snapshots: what the engine knows, kept over restarts. One is written by a
 * forked child, to which memory stands still, so that flows wait only for the fork;
 * one at the end is written in place. A snapshot that cannot be used is set aside,
 * said, and the one before it is taken.
 */
#ifndef TSN_DAEMON_SNAPSHOT_H
#define TSN_DAEMON_SNAPSHOT_H

#include "base/log.h"
#include "core/engine.h"
#include "daemon/store.h"

struct tsn_snapshots;

struct tsn_snapshot_counts {
	uint64_t written, failed, aside; /* since the start */
	bool failing;                    /* the last one */
	int64_t at;                      /* when the newest was written or, at first, the restored one; TSN_TIME_NONE: there is none */
	uint64_t bytes;                  /* of it */
	int64_t took_ms;                 /* to write it, beside the flows */
	int64_t pause_us;                /* for which flows waited for it */
};

/* NULL with the reason in [error]. The log must outlive it. */
struct tsn_snapshots *tsn_snapshots_open(const char *dir, const struct tsn_log *log, char error[TSN_STORE_ERROR]);
/* Ends a child that is still writing: what it had written of its snapshot is gone. */
void tsn_snapshots_close(struct tsn_snapshots *s);

/*
 * The newest snapshot that can be used goes into [e], which has its rules and has seen no flow; the log says what was
 * brought back. False: there was none, and the engine is as it was.
 */
bool tsn_snapshots_restore(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms);
/* Begins to write one. False if the one before is still being written, or none can be: the log says so. */
bool tsn_snapshots_begin(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms);
/* Takes the result of a child that has ended; cheap while there is none. True if none is writing now. */
bool tsn_snapshots_poll(struct tsn_snapshots *s);
/* Writes one here and now, after what is being written; flows wait. */
bool tsn_snapshots_write(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms);
void tsn_snapshots_counts(const struct tsn_snapshots *s, struct tsn_snapshot_counts *out);

#endif
