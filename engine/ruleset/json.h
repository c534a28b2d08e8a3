/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * JSON from strangers, by jansson: depth, doubled names and numbers out of range are refused by it, lengths here. The first
 * complaint stands; after it every call does nothing, so readers ask [bad] once at the end.
 */
#ifndef TSN_RULESET_JSON_H
#define TSN_RULESET_JSON_H

#ifdef TSN_HAVE_JANSSON
#include <jansson.h>

#include "ruleset/file.h"

#define TSN_JSON_TEXT_MAX 1024

struct tsn_json {
	const char *what;           /* "index.json": begins every sentence */
	char *error;                /* TSN_RULESET_ERROR bytes */
	bool bad;
};

void tsn_json_complain(struct tsn_json *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An object; NULL after a complaint. To be freed with json_decref. */
json_t *tsn_json_load(struct tsn_json *j, const char *text, size_t len);
/* A text of at most TSN_JSON_TEXT_MAX bytes without control characters, allocated. NULL: missing, which only [optional] allows. */
char *tsn_json_text(struct tsn_json *j, const json_t *o, const char *member, bool optional);
uint64_t tsn_json_number(struct tsn_json *j, const json_t *o, const char *member, uint64_t least, uint64_t most);
void tsn_json_sha256(struct tsn_json *j, const json_t *o, const char *member, char out[65]);
/* An array of at most [most] objects; NULL after a complaint. */
const json_t *tsn_json_array(struct tsn_json *j, const json_t *o, const char *member, size_t most);
/* `"name": "value"` and what comes before and after, both as they are; nothing if [value] is NULL. */
void tsn_json_put(struct tsn_buf *b, const char *before, const char *name, const char *value, const char *after);

#endif
#endif
