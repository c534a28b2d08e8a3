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
tsn_agg_real(const struct tsn_agg_def *a)
{
	switch (a->fn) {
	case TSN_AGG_SUM:
	case TSN_AGG_MIN:
	case TSN_AGG_MAX:
		return a->real;
	case TSN_AGG_AVG:
	case TSN_AGG_RATE:
		return true;
	case TSN_AGG_COUNT:
	case TSN_AGG_DISTINCT:
		break;
	}
	return false;
}

bool
tsn_agg_has_arg(enum tsn_agg_fn fn)
{
	return fn != TSN_AGG_COUNT && fn != TSN_AGG_DISTINCT;
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
