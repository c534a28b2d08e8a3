/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a record keeps of a flow, as JSON. A record has up to six flows, so
 * this is most of its text: it goes straight into memory, and what a field is
 * called and how its type is written is decided when it is compiled.
 */
#include "alert/json.h"

#include "base/digits.h"

static const uint8_t type_of[TSN_FIELD_COUNT] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) [TSN_F_##sym] = TSN_T_##type,
#include "flow/fields.def"
#undef FIELD
};

enum {
#define FIELD(sym, type, name) BIT_##sym,
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
};

#define INLINE static inline __attribute__((always_inline))

INLINE char *
put_quoted_addr(char *p, struct tsn_addr a)
{
	*p++ = '"';
	p = tsn_addr_put(p, a);
	*p++ = '"';
	return p;
}

INLINE char *
put_number(char *p, enum tsn_field f, int64_t v, struct tsn_minute *near)
{
	if (type_of[f] == TSN_T_INT || type_of[f] == TSN_T_PORT)
		return tsn_put_i64(p, v);
	*p++ = '"';
	if (type_of[f] == TSN_T_TIME)
		p = tsn_time_put(p, v, near);
	else if (type_of[f] == TSN_T_FLAGS)
		p = tsn_flags_put(p, (uint64_t)v);
	else
		p = tsn_proto_put(p, v);
	*p++ = '"';
	return p;
}

#define PUT_addr(p, f, v, near)     put_quoted_addr(p, v)
#define PUT_uint8_t(p, f, v, near)  put_number(p, f, v, near)
#define PUT_uint16_t(p, f, v, near) put_number(p, f, v, near)
#define PUT_uint32_t(p, f, v, near) put_number(p, f, v, near)
#define PUT_uint64_t(p, f, v, near) put_number(p, f, (int64_t)(v), near)
#define PUT_int64_t(p, f, v, near)  put_number(p, f, v, near)

char *
tsn_alert_json_flow(char *p, const struct tsn_shown *fl, struct tsn_minute *near)
{
	char *const begin = p;

	*p = ',';
#define FIELD(sym, type, name) \
	if (TSN_F_##sym != TSN_F_EXPORTER && (fl->present >> BIT_##sym & 1)) { \
		p = TSN_PUT(p, ",\"" #name "\":"); \
		p = PUT_##type(p, TSN_F_##sym, fl->name, near); \
	}
	TSN_SHOWN_FIELDS(FIELD)
#undef FIELD
	p += p == begin;
	*begin = '{';
	*p++ = '}';
	return p;
}

/* As Suricata writes them: "TCP", "IPv6-ICMP"; the number where there is no name. */
static char *
put_eve_proto(char *p, uint8_t proto)
{
	char *name;

	p = TSN_PUT(p, ",\"proto\":\"");
	name = p;
	if (proto == 58) {
		p = TSN_PUT(p, "IPv6-ICMP");
	} else {
		p = tsn_proto_put(p, proto);
		for (; name < p; name++)
			*name = (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
	}
	*p++ = '"';
	return p;
}

/* One by one, under other names or in another order. */
#define ONE(sym, as, value) \
	if (fl->present >> BIT_##sym & 1) { \
		p = TSN_PUT(p, ",\"" as "\":"); \
		p = value; \
	}

char *
tsn_alert_json_eve(char *p, const struct tsn_shown *fl)
{
	ONE(SRC, "src_ip", put_quoted_addr(p, fl->src))
	ONE(SRC_PORT, "src_port", tsn_put_u64(p, fl->src_port))
	ONE(DST, "dest_ip", put_quoted_addr(p, fl->dst))
	ONE(DST_PORT, "dest_port", tsn_put_u64(p, fl->dst_port))
	if (fl->present >> BIT_PROTO & 1)
		p = put_eve_proto(p, fl->proto);
	ONE(ICMP_TYPE, "icmp_type", tsn_put_u64(p, fl->icmp_type))
	ONE(ICMP_CODE, "icmp_code", tsn_put_u64(p, fl->icmp_code))
	return p;
}

char *
tsn_alert_json_seen(char *p, const struct tsn_shown *fl, unsigned which)
{
	switch (which) {
	case 0: ONE(EXPORTER, "exporter", put_quoted_addr(p, fl->exporter)) break;
	case 1: ONE(IN_IF, "in_if", tsn_put_u64(p, fl->in_if)) break;
	default: ONE(OUT_IF, "out_if", tsn_put_u64(p, fl->out_if)) break;
	}
	return p;
}
