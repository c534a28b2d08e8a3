/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * libtocsin: compile rules, push flows or datagrams, get alerts, reload.
 *
 * The library opens no socket, starts no thread and reads no clock: time comes
 * with the flows. It reads files only while rules are compiled (the rule files and
 * those of sets). A handle is used by one thread at a time; several handles
 * are independent of each other. Times are milliseconds since 1970-01-01 UTC.
 *
 *	struct tocsin *t = tocsin_new(&(struct tocsin_options){ .on_alert = print });
 *	if (!tocsin_load(t, &path, 1)) { fputs(tocsin_diagnostics(t), stderr); ... }
 *	tocsin_datagram(t, payload, length, &exporter, now_ms);
 *	tocsin_finish(t);
 *	tocsin_free(t);
 */
#ifndef TOCSIN_H
#define TOCSIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tocsin;

/* An IP address: 4 or 16 bytes in network order. IPv4-mapped IPv6 addresses are taken as IPv4. */
struct tocsin_address {
	uint8_t length;
	uint8_t bytes[16];
};

struct tocsin_options {
	/* Called for each alert record, during the call that caused it: one JSON object (EVE) without newline. */
	void (*on_alert)(void *arg, const char *json, size_t length);
	/* Called with operational messages; may be NULL. Level: 0 error, 1 warning, 2 information. */
	void (*on_log)(void *arg, int level, const char *line);
	void *arg;
	uint64_t hash_seed;     /* 0 in replays: results are then the same every time */
	uint32_t batch_rows;    /* 1 to 1024, 0: 1024; never changes a result */
	/* Where `use NAME` looks besides the directory of the file it stands in; NULL-terminated, may be NULL; must outlive the handle. */
	const char *const *library;
};

/* NULL when memory is out. */
struct tocsin *tocsin_new(const struct tocsin_options *options);
void tocsin_free(struct tocsin *t);

/*
 * Compiles rule files or directories and puts them in force; the first time or, between two
 * batches, in place of what was in force, whose state is kept where the expressions are unchanged.
 * On errors nothing changes, false is returned and tocsin_diagnostics tells why.
 */
bool tocsin_load(struct tocsin *t, const char *const *paths, size_t n);
/* The same for rules in memory; [name] stands for the file name in messages. */
bool tocsin_load_text(struct tocsin *t, const char *name, const char *text);
/* Errors and warnings of the last load, as `tocsin check` prints them. Never NULL; valid until the next load. */
const char *tocsin_diagnostics(const struct tocsin *t);

/* One export datagram (NetFlow v1, v5, v7) as it came from the exporter. False: it was damaged or unreadable, and counted. */
bool tocsin_datagram(struct tocsin *t, const void *payload, size_t length, const struct tocsin_address *exporter,
    int64_t received_ms);

/*
 * One flow by field names and values as rules write them: { "src", "10.0.0.1" }, { "dst_port", "25" },
 * { "flags", "SYN|ACK" }. Times (start, end) are milliseconds. False, and nothing happened, if a name or value is wrong.
 */
struct tocsin_field {
	const char *name, *value;
};
bool tocsin_flow(struct tocsin *t, const struct tocsin_field *fields, size_t n, int64_t received_ms);

/* Lets time pass without flows: windows close and alerts end. */
void tocsin_clock(struct tocsin *t, int64_t now_ms);
/* Evaluates what is buffered: call it when input pauses. */
void tocsin_flush(struct tocsin *t);
/* End of input. */
void tocsin_finish(struct tocsin *t);

uint64_t tocsin_flows(const struct tocsin *t);
const char *tocsin_version(void);

#ifdef __cplusplus
}
#endif

#endif
