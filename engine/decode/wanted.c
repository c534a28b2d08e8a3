/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Elements that rules name by number, to the columns chosen for them: by the element's type and the column's. */
#include "decode/plan.h"
#include "decode/wire.h"
#include "flow/elements.h"

#define NTP_1970 UINT32_C(2208988800)

static void
put_integer(struct tsn_batch *b, uint32_t row, enum tsn_field f, uint64_t v)
{
	static const uint64_t most[] = { [TSN_U8] = UINT8_MAX, [TSN_U16] = UINT16_MAX, [TSN_U32] = UINT32_MAX,
		[TSN_U64] = INT64_MAX, [TSN_I64] = INT64_MAX, [TSN_F64] = INT64_MAX };

	if (v <= most[tsn_fields[f].storage])
		tsn_batch_put_int(b, row, f, (int64_t)v);
}

static void
put_signed(struct tsn_batch *b, uint32_t row, enum tsn_field f, uint64_t v, uint32_t len)
{
	int64_t s = (int64_t)(v << (64 - 8 * len)) >> (64 - 8 * len);
	enum tsn_storage to = tsn_fields[f].storage;

	if (s >= 0)
		put_integer(b, row, f, (uint64_t)s);
	else if (to == TSN_I64 || to == TSN_F64)
		tsn_batch_put_int(b, row, f, s);
}

static void
put_float(struct tsn_batch *b, uint32_t row, enum tsn_field f, uint64_t v, uint32_t len)
{
	uint32_t half = (uint32_t)v;
	double d = 0;
	float s;

	if (len == 8) {
		memcpy(&d, &v, sizeof(d));
	} else if (len == 4) {
		memcpy(&s, &half, sizeof(s));
		d = s;
	} else {
		return;
	}
	tsn_batch_put_real(b, row, f, d);
}

/* [v] of an element of time, in ms since 1970. */
static void
put_time(struct tsn_batch *b, uint32_t row, enum tsn_field f, uint64_t v, uint32_t len, enum tsn_element_type type)
{
	if (type == TSN_E_SECONDS && v <= UINT64_MAX / 1000)
		put_integer(b, row, f, v * 1000);
	else if (type == TSN_E_MILLISECONDS)
		put_integer(b, row, f, v);
	else if (type != TSN_E_SECONDS && len == 8)
		put_integer(
		    b, row, f, (uint64_t)(uint32_t)((v >> 32) - NTP_1970) * 1000 + ((v & UINT32_MAX) * 1000 >> 32));
}

static void
put_number(
    struct tsn_batch *b, uint32_t row, enum tsn_field f, enum tsn_element_type type, const uint8_t *p, uint32_t len)
{
	uint64_t v;

	if (len == 0 || len > 8)
		return;
	v = tsn_read_uint(p, len);
	switch (type) {
	case TSN_E_SIGNED: put_signed(b, row, f, v, len); break;
	case TSN_E_FLOAT: put_float(b, row, f, v, len); break;
	case TSN_E_BOOLEAN: /* RFC 7011 section 6.1.5: 1 is true, 2 false */
		if (v == 1 || v == 2)
			put_integer(b, row, f, v == 1);
		break;
	case TSN_E_SECONDS:
	case TSN_E_MILLISECONDS:
	case TSN_E_MICROSECONDS:
	case TSN_E_NANOSECONDS: put_time(b, row, f, v, len, type); break;
	default: put_integer(b, row, f, v); break;
	}
}

void
tsn_wanted_put(struct tsn_batch *b, uint32_t row, const struct tsn_op *op, const uint8_t *p, uint32_t len)
{
	enum tsn_element_type type = op->type;

	switch (tsn_fields[op->field].storage) {
	case TSN_ADDR:
		if (len == 4)
			tsn_batch_put_addr(b, row, op->field, tsn_addr_v4(tsn_wire_u32(p)));
		else if (len == 16)
			tsn_batch_put_addr(b, row, op->field, tsn_addr_from_v6(p));
		break;
	case TSN_STR:
		len = type == TSN_E_STRING ? tsn_text_len(p, len) : len;
		if (len > 0 && (type == TSN_E_STRING || type == TSN_E_OCTETS))
			tsn_batch_keep_str(b, row, op->field, (const char *)p, len);
		break;
	default:
		if (type != TSN_E_STRING && type < TSN_E_BASIC_LIST)
			put_number(b, row, op->field, type, p, len);
	}
}
