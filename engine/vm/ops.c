/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/ops.h"

const struct tsn_op_info tsn_ops[TSN_OPCODE_COUNT] = {
#define OP(name, result, a, b, c, help) \
	[TSN_OP_CODE_##name] = { #name, help, TSN_OPD_##result, { TSN_OPD_##a, TSN_OPD_##b, TSN_OPD_##c } },
#include "vm/opcodes.def"
#undef OP
};

bool
tsn_op_is_test(uint16_t op)
{
	return (op >= TSN_OP_CODE_RANGE && op <= TSN_OP_CODE_DURING) ||
	    (op >= TSN_OP_CODE_COMPARE && op <= TSN_OP_CODE_COMPARE_REAL);
}

bool
tsn_op_of_columns(uint16_t op)
{
	return op == TSN_OP_CODE_PRESENT || op == TSN_OP_CODE_GIVES ||
	    (op >= TSN_OP_CODE_RANGE && op <= TSN_OP_CODE_DURING && op != TSN_OP_CODE_STR_MATCH);
}

bool
tsn_agg_real(const struct tsn_agg_def *a)
{
	enum tsn_agg_result r = tsn_agg_infos[a->fn].result;

	return r == TSN_AGG_REAL || (r == TSN_AGG_ARG && a->real);
}

bool
tsn_agg_has_arg(enum tsn_agg_fn fn)
{
	return tsn_agg_infos[fn].arg;
}

bool
tsn_field_is_int(uint32_t field)
{
	switch (tsn_fields[field].storage) {
	case TSN_U8:
	case TSN_U16:
	case TSN_U32:
	case TSN_U64:
	case TSN_I64:
		return true;
	case TSN_F64:
	case TSN_ADDR:
	case TSN_STR:
		break;
	}
	return false;
}
