/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: which set files have changed since they were read. */
#ifndef TSN_DAEMON_WATCH_H
#define TSN_DAEMON_WATCH_H

#include "base/log.h"
#include "compile/compile.h"

struct tsn_watch;

/*
 * Notes the files as they are now; one modified since [since_ms], when the compilation that read
 * it began, counts as changed, for it may have been read before. NULL when memory is out.
 */
struct tsn_watch *tsn_watch_new(const struct tsn_ruleset *rs, int64_t since_ms, int64_t now_ms);
void tsn_watch_free(struct tsn_watch *w);
/* What [before] (NULL: nobody) has told of sets that are too old need not be told again. */
void tsn_watch_follow(struct tsn_watch *w, const struct tsn_watch *before);
/*
 * The next slot whose file changed and has then stayed the same for one look (so
 * that a file being written is not read half), each file looked at as often as its
 * `refresh` says, else every second; -1 if none. A slot told is not told again for the same change.
 */
int tsn_watch_changed(struct tsn_watch *w, int64_t now_ms);
/* Logs, once for each, which sets have come to be older than their `max_age`, and which no longer are. */
void tsn_watch_tell_old(struct tsn_watch *w, const struct tsn_ruleset *rs, int64_t now_ms, const struct tsn_log *log);
/* Is the set older than its `max_age`, so that nobody is known to be in it? */
bool tsn_watch_is_old(const struct tsn_ruleset *rs, uint32_t slot, int64_t now_ms);

#endif
