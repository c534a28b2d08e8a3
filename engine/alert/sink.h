/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sinks: where alert records go, and the formats they are written in. A new
 * sink is one file with one constructor. No sink ever stops the engine: what
 * cannot be written is counted and said once in the log, and again when it
 * works. One thread, but for lines made beforehand.
 */
#ifndef TSN_ALERT_SINK_H
#define TSN_ALERT_SINK_H

#include "alert/alert.h"
#include "base/buf.h"

enum tsn_alert_format { TSN_FORMAT_JSON, TSN_FORMAT_TEXT, TSN_FORMAT_TEXT_COLOR };

/* One record, without a newline at its end. */
void tsn_alert_json(const struct tsn_alert *al, struct tsn_buf *out);
void tsn_alert_text(const struct tsn_alert *al, bool color, struct tsn_buf *out);
void tsn_alert_format(const struct tsn_alert *al, enum tsn_alert_format format, struct tsn_buf *out);
/* Text for a terminal: control characters and bytes that are no UTF-8 are written \xNN. */
void tsn_alert_clean(struct tsn_buf *out, const char *s, size_t n);

struct tsn_sink_ops {
	void (*write)(struct tsn_sink *s, const struct tsn_alert *al);
	void (*flush)(struct tsn_sink *s);  /* end of a batch: nothing is held back without need */
	void (*reopen)(struct tsn_sink *s); /* log rotation */
	void (*close)(struct tsn_sink *s);  /* flushes and frees */
	/*
	 * For sinks of lines: the line of one record, its newline included, by any thread while others write; and lines made
	 * so, in place of their records. Both or neither.
	 */
	void (*line)(const struct tsn_sink *s, const struct tsn_alert *al, struct tsn_buf *out);
	void (*lines)(struct tsn_sink *s, const char *p, size_t n);
};

struct tsn_sink {
	const struct tsn_sink_ops *ops; /* flush, reopen and what is of lines may be NULL */
	enum tsn_severity at_least;     /* records of rules below it are not written */
	const struct tsn_log *log;      /* may be NULL */
	uint64_t written, failed;       /* records */
	bool failing;                   /* the last attempt failed */
};

/* Filters by severity and writes. */
void tsn_sink_write(struct tsn_sink *s, const struct tsn_alert *al);
void tsn_sink_flush(struct tsn_sink *s);
void tsn_sink_reopen(struct tsn_sink *s);
/* Flushes and frees; NULL is fine. */
void tsn_sink_close(struct tsn_sink *s);

/*
 * Appends lines to a file; created with mode 0640. While writing fails up to
 * 1 MiB is kept for the next attempt, so that a full disk for a moment loses
 * nothing and no line is ever torn. NULL with errno when it cannot be opened.
 */
struct tsn_sink *tsn_sink_file_new(const char *path, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log);
/* The same for a descriptor that belongs to the caller (stdout); reopen does nothing. */
struct tsn_sink *tsn_sink_fd_new(int fd, const char *name, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log);

/*
 * Syslog. [target]: "udp://HOST[:PORT]" (514; RFC 5424 and 5426, with structured data), or "/dev/log" or
 * "unix://PATH" (the form local syslog daemons and journald read: "<PRI>tocsin: text"). Facility local5.
 * NULL with errno; EINVAL: no such target.
 */
struct tsn_sink *tsn_sink_syslog_new(const char *target, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log);

/* Calls [fn] for every record; the record dies when it returns. */
typedef void tsn_alert_fn(void *arg, const struct tsn_alert *al);
struct tsn_sink *tsn_sink_call_new(tsn_alert_fn *fn, void *arg, enum tsn_severity at_least);

/* For sinks: an attempt failed or worked; logs the change, once. [name] is the target. */
void tsn_sink_went(struct tsn_sink *s, const char *name, int error);

#endif
