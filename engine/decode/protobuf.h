/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: a walk over the fields of one protobuf message ("Encoding", protobuf.dev), without a schema.
 */
#ifndef TSN_DECODE_PROTOBUF_H
#define TSN_DECODE_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tsn_pb_type { TSN_PB_VARINT = 0, TSN_PB_FIXED64 = 1, TSN_PB_BYTES = 2, TSN_PB_FIXED32 = 5 };

struct tsn_pb {
	const uint8_t *p;
	size_t left;
	bool bad; /* what came is no message; there is no next field */
};

struct tsn_pb_field {
	uint32_t number;
	enum tsn_pb_type type;
	uint64_t value;       /* of a varint; of bytes their count */
	const uint8_t *bytes; /* of bytes */
};

/* At most ten bytes, seven bits each, the lowest first; bits beyond the 64th are dropped. */
static inline uint64_t
tsn_pb_varint(struct tsn_pb *m)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 10 && i < m->left; i++) {
		v |= (uint64_t)(m->p[i] & 0x7f) << (7 * i);
		if ((m->p[i] & 0x80) == 0) {
			m->p += i + 1;
			m->left -= i + 1;
			return v;
		}
	}
	m->bad = true;
	return 0;
}

/* False at the end, or where the rest is no field (then [bad]). */
static inline bool
tsn_pb_next(struct tsn_pb *m, struct tsn_pb_field *f)
{
	uint64_t tag, skip = 0;

	if (m->bad || m->left == 0)
		return false;
	tag = tsn_pb_varint(m);
	*f = (struct tsn_pb_field){ .number = (uint32_t)(tag >> 3), .type = (enum tsn_pb_type)(tag & 7) };
	switch (tag & 7) {
	case TSN_PB_VARINT:
		f->value = tsn_pb_varint(m);
		break;
	case TSN_PB_FIXED64:
		skip = 8;
		break;
	case TSN_PB_FIXED32:
		skip = 4;
		break;
	case TSN_PB_BYTES:
		skip = f->value = tsn_pb_varint(m);
		f->bytes = m->p;
		break;
	default: /* groups went with proto2 */
		m->bad = true;
		break;
	}
	m->bad |= skip > m->left || tag >> 3 == 0 || tag >> 3 > 0x1fffffff;
	if (m->bad)
		return false;
	m->p += skip;
	m->left -= (size_t)skip;
	return true;
}

#endif
