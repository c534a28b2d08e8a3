/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Files of tables. The first byte of the input chooses the type of the keys, whether columns are named ("host", "limit")
 * and whether numbers must be whole; the rest is the file. What must hold: who is a member has a number of the file, who is
 * none has the default, and only a table that may hold reals does. Seeds: corpus/tablefile.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sets/table.h"
#include "fuzz/fuzz.h"

enum {
	FUZZ_TYPES = 7,
	FUZZ_NAMED = 8,
	FUZZ_WHOLE = 16,
	FUZZ_DEFAULT = -77,
};

static void
fuzz_ask(const struct tsn_set *s, const struct tsn_addr *a, bool whole)
{
	const uint32_t row = tsn_set_row_of_addr(s, *a);
	const struct tsn_table_value v = tsn_table_value_of(s, row), none = tsn_table_value_of(s, TSN_SET_NO_ROW);

	REQUIRE(none.known && !none.real && none.i == FUZZ_DEFAULT);
	REQUIRE(v.known && (row == TSN_SET_NO_ROW || tsn_set_has_addr(s, *a)));
	REQUIRE(!whole || (!v.real && !tsn_table_is_real(s)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum tsn_type types[] = { TSN_T_NONE, TSN_T_ADDR, TSN_T_INT, TSN_T_PORT, TSN_T_PROTO, TSN_T_FLAGS,
		TSN_T_MAC, TSN_T_STRING };
	const struct tsn_addr at[] = { tsn_addr_v4(0), tsn_addr_v4(0x0a000005u), tsn_addr_v4(UINT32_MAX),
		{ UINT64_C(0x20010db800000000), size, false } };
	struct tsn_set_builder *b;
	struct tsn_table_rows rows = { 0 };
	struct tsn_set_report report;
	struct tsn_set *s;
	bool named, whole;

	if (size == 0 || (b = tsn_set_builder_new(TSN_SET_ANY)) == NULL)
		return 0;
	named = (data[0] & FUZZ_NAMED) != 0;
	whole = (data[0] & FUZZ_WHOLE) != 0;
	tsn_table_parse((const char *)data + 1, size - 1, types[data[0] & FUZZ_TYPES], named ? "host" : NULL, named ? "limit" : NULL,
	    whole, b, &rows, &report);
	/* what was read of a refused file must be whole, too */
	s = tsn_table_build(b, &rows, (struct tsn_table_value){ .known = true, .i = FUZZ_DEFAULT });
	for (size_t i = 0; s != NULL && i < sizeof(at) / sizeof(at[0]); i++)
		fuzz_ask(s, &at[i], whole);
	tsn_set_free(s);
	tsn_table_rows_fini(&rows);
	tsn_set_builder_free(b);
	return 0;
}
