/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the feed room: a user's word on which column is which field.
 *
 *     src=Source IP,dst=Destination IP,bytes=octets:kB,start=when:ms
 *
 * Entries FIELD=COLUMN or FIELD=COLUMN:UNIT with commas or ends of lines between them; "..." around a column that
 * holds one of `,:"` or ends in a space; # begins a comment line. "@PATH" reads them from a file. Units: s ms us ns (also
 * written epoch_ms...) and iso for times, s ms us ns for durations, B kB MB KiB MiB for bytes.
 */
#ifndef TSN_FEED_MAP_H
#define TSN_FEED_MAP_H

#include "base/buf.h"
#include "decode/text.h"
#include "input/datagram.h"

/* [text] or the file it names goes into [keep], at which the entries point. False with the reason in [error]. */
bool tsn_map_parse(struct tsn_text_map *map, const char *text, struct tsn_buf *keep, char error[TSN_INPUT_ERROR]);
/* Words that the columns of [t] lack entry [i], and which column is near. */
void tsn_map_lacks(const struct tsn_text_map *map, const struct tsn_text *t, int i, char error[TSN_INPUT_ERROR]);

#endif
