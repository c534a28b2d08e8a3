/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the alert room: the parts of a record as JSON (json.c). */
#ifndef TSN_ALERT_JSON_H
#define TSN_ALERT_JSON_H

#include "alert/alert.h"
#include "base/buf.h"
#include "base/clock.h"

/* --- json_flow.c: into memory with room for TSN_JSON_FLOW bytes; the end is returned --- */

#define TSN_JSON_FLOW 1024

/* A flow as an object. */
char *tsn_alert_json_flow(char *p, const struct tsn_shown *fl, struct tsn_minute *near);
/* Where it was seen: the exporter, the interface it came in by, the one it left by; a comma before it. */
#define TSN_JSON_SEEN 3
char *tsn_alert_json_seen(char *p, const struct tsn_shown *fl, unsigned which);
/* What of it stands at the top of a record; a comma before each. */
char *tsn_alert_json_eve(char *p, const struct tsn_shown *fl);

/* --- json_frame.c: what is the same in all records of a rule --- */

enum tsn_json_piece {
	TSN_JSON_ALERT,      /* ,"alert":{ ... ,"severity": */
	TSN_JSON_TOCSIN,     /* [,"metadata":{...}]},"tocsin":{"id":" */
	TSN_JSON_RULE,       /* ","rule": ... ,"severity":" */
	TSN_JSON_TAGS,       /* "[,"tags":[...]] */
	TSN_JSON_REFERENCES, /* [,"references":[...]] */
	TSN_JSON_KEY,        /* ,"NAME": of the first part of the key; the others follow */
	TSN_JSON_PIECES = TSN_JSON_KEY + TSN_KEY_PARTS
};

struct tsn_alert_frame {
	uint32_t end[TSN_JSON_PIECES]; /* of each piece in [text] */
	char text[];
};

static inline struct tsn_str
tsn_json_piece(const struct tsn_alert_frame *f, unsigned i)
{
	const uint32_t begin = i > 0 ? f->end[i - 1] : 0;

	return (struct tsn_str){ f->text + begin, f->end[i] - begin };
}

#endif
