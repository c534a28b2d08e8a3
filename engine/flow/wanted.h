/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Information Elements that rules name by number, ie(PEN, ID), and have no
 * field of their own: which POOL column holds each. The compiler chooses, the
 * decoder fills, listings and alerts name them by it. A column means something
 * only together with such a table; another program may use it for another element.
 */
#ifndef TSN_FLOW_WANTED_H
#define TSN_FLOW_WANTED_H

#include "flow/fields.h"

/* PEN 0: IANA's elements (and the types of NetFlow v9). */
struct tsn_wanted {
	uint32_t pen;
	uint16_t id;
	enum tsn_field field; /* its storage tells what is stored; what does not fit it is absent */
};

#define TSN_WANTED_ID_MAX 32767 /* RFC 7011 section 3.2: fifteen bits */
#define TSN_WANTED_TEXT   32    /* fits ie(4294967295, 32767) */

/* The type rules see it as; NONE for lists, which no column holds. What no registry names is an integer. */
enum tsn_type tsn_wanted_type(uint32_t pen, uint16_t id);
/* The first field that is this element, -1 if there is none. */
int tsn_wanted_field(uint32_t pen, uint16_t id);
/* A column of this type that is not among the [n] of [w]; -1 if all are taken. */
int tsn_wanted_column(const struct tsn_wanted *w, size_t n, enum tsn_type t);
/* How many columns of the type there are. */
unsigned tsn_wanted_columns(enum tsn_type t);
/* "ie(460)", "ie(29305, 40)": as rules write it. Returns [text]. */
const char *tsn_wanted_text(uint32_t pen, uint16_t id, char text[TSN_WANTED_TEXT]);
/* The numbers of such a text, with nothing but digits, a comma and blanks in the brackets; whether they can be is not asked. */
bool tsn_wanted_parse(const char *p, size_t n, int64_t *pen, int64_t *id);
/* The name of any field: its own, or that of the element a POOL column holds (in [text]). */
const char *tsn_wanted_name(const struct tsn_wanted *w, size_t n, uint32_t field, char text[TSN_WANTED_TEXT]);

#endif
