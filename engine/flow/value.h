/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One value of a flow, and how it is written for people and in JSON. Used
 * where rows are looked at one by one (alerts, show, keys), not by the VM.
 */
#ifndef TSN_FLOW_VALUE_H
#define TSN_FLOW_VALUE_H

#include "base/addr.h"
#include "base/buf.h"
#include "flow/fields.h"

struct tsn_str {
	const char *p; /* not NUL-terminated; belongs to the batch or its source */
	uint32_t n;
};

struct tsn_value {
	enum tsn_type type;
	bool known;
	uint8_t v4_bits, v6_bits; /* ADDR only: a mask below 32 / 128 makes it print as a prefix */
	union {
		int64_t i; /* all integer types; time and duration in ms; MAC in the low 48 bits */
		double f;
		struct tsn_addr addr;
		struct tsn_str s;
	};
};

/* Text as the language writes it: 10.0.0.1, tcp, SYN|ACK, 2026-01-05T00:00:00.000Z, 1m30s. Absent: "-". */
void tsn_value_text(const struct tsn_value *v, struct tsn_buf *out);
/* A JSON value: numbers and booleans bare, all others quoted. Call only for known values. */
void tsn_value_json(const struct tsn_value *v, struct tsn_buf *out);

/* The same of one type, straight into memory with room for TSN_WORDS_TEXT bytes; the end is returned, and not ended. */
#define TSN_WORDS_TEXT 64
char *tsn_flags_put(char *p, uint64_t flags);
char *tsn_proto_put(char *p, int64_t proto);

/* "tcp", "udp"... or NULL; the number of a name, or -1. */
const char *tsn_proto_name(unsigned proto);
int tsn_proto_find(const char *name, size_t len);
/* The i-th protocol name (0, 1, ...) of the table, NULL past the last. */
const char *tsn_proto_nth(size_t i);
/* One flag's bit by its name (SYN, ACK, ...), or -1. */
int tsn_flag_find(const char *name, size_t len);
const char *tsn_flag_nth(size_t i);
/* Words of DIRECTION and FWD fields; -1 / NULL if there is none. */
int tsn_word_find(enum tsn_type t, const char *name, size_t len);
const char *tsn_word_nth(enum tsn_type t, size_t i);
/* Well-known ports by name, '-' written '_' (frozen table services.def); -1 if unknown. */
int tsn_service_find(const char *name, size_t len);
const char *tsn_service_nth(size_t i);

#endif
