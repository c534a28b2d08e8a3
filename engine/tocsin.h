/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * libtocsin: compile rules, push flows or export messages, get alerts, reload.
 *
 * The library opens no socket, starts no thread and reads no clock: time comes
 * with the flows. It reads files only while rules are compiled (the rule files and
 * those of sets). A handle is used by one thread at a time; several handles
 * are independent of each other. Times are milliseconds since 1970-01-01 UTC.
 *
 *	struct tocsin *t = tocsin_new(&(struct tocsin_options){ .on_alert = print });
 *	if (!tocsin_load(t, &path, 1)) { fputs(tocsin_diagnostics(t), stderr); ... }
 *	tocsin_message(t, payload, length, &exporter, source_port, now_ms);
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
	uint32_t batch_rows;    /* 1 to 2048, 0: 2048; never changes a result */
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

/*
 * One whole export message as it came from the exporter: NetFlow v1, v5, v7, v9, IPFIX or sFlow v5. Templates
 * belong to the session they came by: for a datagram that is its UDP source port, for a message of a connection or
 * a file TOCSIN_CONNECTION plus the caller's number for it (below 2^32 - 65536). Records that come before their
 * template wait for it, in bounds. An exporter of 0.0.0.0 is nobody.
 * False: the message was damaged, of no version that is read, or of an exporter that the site does not allow, and
 * was counted; whole records of a damaged message are evaluated.
 */
#define TOCSIN_CONNECTION UINT32_C(0x10000)
bool tocsin_message(struct tocsin *t, const void *payload, size_t length, const struct tocsin_address *exporter,
    uint32_t session, int64_t received_ms);
/* A connection or file has ended: what was kept of it goes. */
void tocsin_session_end(struct tocsin *t, const struct tocsin_address *exporter, uint32_t session);
/* As tocsin_message, for a datagram whose source port is not known: templates of the exporter's processes are not told apart. */
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
