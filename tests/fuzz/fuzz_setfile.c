/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of set members. The first byte of the input chooses the type asked for
 * and whether the file is CSV (column "ip"); the rest is the file. What was
 * loaded is then asked for, whole columns included.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sets/file.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(const struct tsn_set *s, const uint8_t *data, size_t size)
{
	struct tsn_addr a = { size, data[0], size % 2 == 0 };
	uint8_t hit[TSN_BATCH_ROWS];
	uint16_t ports[TSN_BATCH_ROWS] = { 25, 80 };
	int column = tsn_set_column(s, "ip", 2);

	tsn_set_rows_u16(s, ports, TSN_BATCH_ROWS, hit);
	if (hit[0] != tsn_set_has_int(s, 25) || hit[1] != tsn_set_has_int(s, 80))
		abort();
	if (tsn_set_row_of_addr(s, a) != TSN_SET_NO_ROW && !tsn_set_has_addr(s, a))
		abort(); /* who has a row is a member */
	tsn_set_cell(s, 0, column);
	if (tsn_set_empty(s) && (tsn_set_size(s) != 0 || tsn_set_hash(s) != 0))
		abort();
	tsn_set_has_str(s, (const char *)data, size < 20 ? size : 20);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum tsn_type types[] = { TSN_T_NONE, TSN_T_ADDR, TSN_T_INT, TSN_T_PORT, TSN_T_PROTO, TSN_T_FLAGS,
		TSN_T_MAC, TSN_T_STRING };
	struct tsn_set_builder *b;
	struct tsn_set_report report;
	struct tsn_set *s, *u;

	if (size == 0)
		return 0;
	b = tsn_set_builder_new(TSN_SET_ANY);
	if (b == NULL)
		return 0;
	tsn_set_file_parse((const char *)data + 1, size - 1, types[data[0] & 7], data[0] & 8 ? "ip" : NULL, b, &report);
	s = tsn_set_build(b); /* what was read of a refused file must be whole, too */
	if (s != NULL) {
		ask(s, data, size);
		if (tsn_set_builder_add_set(b, s) != TSN_SET_OK)
			abort();
		u = tsn_set_build(b);
		if (u != NULL && tsn_set_hash(u) != tsn_set_hash(s))
			abort(); /* a union of one set is that set */
		tsn_set_free(u);
	}
	tsn_set_free(s);
	tsn_set_builder_free(b);
	return 0;
}
