/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Time zones: what a clock on the wall shows at a moment, from the system's TZif files (RFC 8536, with the extensions
 * of version 3). Beyond a file's table its footer holds, a TZ string as POSIX has it, so there is no end to it.
 *
 * Reading is total: any bytes may be given. A zone is not changed once made.
 */
#ifndef TSN_BASE_ZONE_H
#define TSN_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_ZONE_DIR "/usr/share/zoneinfo"
#define TSN_ZONE_NAME 64 /* the longest name and a NUL */

struct tsn_arena;

/* A day of the year on which clocks change, and the second of that day. */
struct tsn_zone_day {
	enum { TSN_ZONE_JULIAN, TSN_ZONE_ZERO, TSN_ZONE_WEEK } kind; /* J1..J365 without 29 February; 0..365; M.W.D */
	int month, week, day;
	int32_t second;
};

struct tsn_zone {
	uint32_t n;
	int64_t *at;     /* [n] seconds since 1970 UTC, ascending */
	int32_t *offset; /* [n + 1] seconds east of UTC: before the first, then from each on */
	bool tail;       /* after the last: */
	bool changes;    /* [standard] only if false */
	int32_t standard, summer;
	struct tsn_zone_day begin, end; /* of summer time */
};

/* Made in [arena], and freed with it. NULL: no TZif file, one with leap seconds, or memory is out. */
struct tsn_zone *tsn_zone_parse(const uint8_t *p, size_t n, struct tsn_arena *arena);

enum tsn_zone_status { TSN_ZONE_OK, TSN_ZONE_UNKNOWN, TSN_ZONE_NO_DATA /* no such directory */, TSN_ZONE_BAD, TSN_ZONE_MEMORY };
/* The zone NAME of the system ("Europe/Berlin"); [*out] is NULL unless OK. */
enum tsn_zone_status tsn_zone_load(const char *dir, const char *name, struct tsn_arena *arena, struct tsn_zone **out);
/* Calls [visit] for the names of all zones in the directory. */
void tsn_zone_each(const char *dir, void (*visit)(void *arg, const char *name), void *arg);

/* Seconds east of UTC at [at] (seconds since 1970 UTC), and the moments [*from, *until) around it for which that holds. */
int32_t tsn_zone_offset(const struct tsn_zone *z, int64_t at, int64_t *from, int64_t *until);

#endif
