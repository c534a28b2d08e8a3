/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Time zones and schedules. The first byte of the input chooses: a TZif file, asked for moments of all ages, or the text
 * of a schedule.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/schedule.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t moments[] = { INT64_MIN, INT64_MIN / 1000, -62135596800, -1, 0, 1767571200, 4102444800, INT64_C(1) << 47,
	INT64_MAX / 1000, INT64_MAX };

static void
ask(const struct tsn_schedule *s)
{
	int64_t from, until;

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		tsn_schedule_has(s, moments[i], &from, &until);
		if (from > moments[i] || (moments[i] >= until && until != INT64_MAX))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tsn_week_span work[] = { { 480, 1080 }, { 1920, 2520 } };
	struct tsn_schedule s = { .span = work, .n = 2 }, *parsed;
	struct tsn_schedule_error error;
	struct tsn_arena *arena = tsn_arena_new();

	if (size == 0 || arena == NULL) {
		tsn_arena_free(arena);
		return 0;
	}
	if (data[0] & 1) {
		parsed = tsn_schedule_parse((const char *)data + 1, size - 1, TSN_ZONE_DIR, arena, &error);
		if (parsed != NULL)
			ask(parsed);
		else if (error.at > size - 1 || error.message[0] == '\0')
			abort();
	} else {
		s.zone = tsn_zone_parse(data + 1, size - 1, arena);
		ask(&s);
	}
	tsn_arena_free(arena);
	return 0;
}
