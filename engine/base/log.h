/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The operations log: what happened to inputs, sets, reloads and sinks. Rules'
 * errors go through grammar/diag.h instead. A log is an object with a writer
 * that its owner (cli or daemon) supplies; below them nobody writes by itself.
 */
#ifndef TSN_BASE_LOG_H
#define TSN_BASE_LOG_H

enum tsn_log_level { TSN_LOG_ERROR, TSN_LOG_WARN, TSN_LOG_INFO, TSN_LOG_DEBUG };

struct tsn_log {
	enum tsn_log_level level; /* lines above it are dropped */
	void (*write)(void *arg, enum tsn_log_level level, const char *line);
	void *arg;
};

/* [log] may be NULL: then nothing is written. One line, no newline at its end. */
void tsn_log(const struct tsn_log *log, enum tsn_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A text of many lines, as many lines of the log. */
void tsn_log_lines(const struct tsn_log *log, enum tsn_log_level level, const char *text);

#endif
