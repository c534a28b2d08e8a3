/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Records of every kind, with and without their rule's frame, are what they are when written field by field. */
#include <criterion/criterion.h>

#include <math.h>

#include "check_json.h"
#include "dice.h"
#include "plain_json.h"
#include "base/mem.h"

#define RECORDS 3000
#define TEXTS   64

/* What strings of rules and from the wire may hold. */
static const char *const bits[] = { "a", "worms.x", "\"", "\\", "\n", "\x01", "\x7f", "\xc3\xa4", "\xff", "\xe2\x82", "\xed\xa0\x80", "/",
	"\xf0\x9f\x98\x80", " and so on ", "{", "}", "[", ",", ":", "0123456789abcdef" };
#define BITS (sizeof(bits) / sizeof(bits[0]))

struct room {
	char text[TEXTS][128];
	unsigned n;
	const char *list[5][4];
	uint8_t key[TSN_KEY_MAX], member_key[3][TSN_KEY_MAX];
	struct tsn_shown sample[TSN_ALERT_SAMPLES];
	struct tsn_note note[12];
	struct tsn_alert_member member[3];
	struct tsn_rule rule;
	struct tsn_alert al;
};

static const char *
any_text(struct room *m)
{
	char *s = m->text[m->n++ % TEXTS];

	s[0] = '\0';
	for (uint32_t i = below(6); i > 0; i--)
		strcat(s, bits[below(BITS)]);
	return s;
}

static const char *
maybe_text(struct room *m)
{
	return below(3) == 0 ? NULL : any_text(m);
}

static struct tsn_str
any_str(struct room *m)
{
	const char *s = any_text(m);

	return (struct tsn_str){ s, (uint32_t)strlen(s) };
}

static struct tsn_string_list
any_list(struct room *m, unsigned which)
{
	const uint32_t n = below(4);

	for (uint32_t i = 0; i < n; i++)
		m->list[which][i] = any_text(m);
	return (struct tsn_string_list){ m->list[which], n };
}

/* Of each size alike, and the ends of the range. */
static uint64_t
any_number(void)
{
	const uint32_t kind = below(20);

	return kind == 0 ? 0 : kind == 1 ? UINT64_MAX : kind == 2 ? INT64_MAX : kind == 3 ? (uint64_t)INT64_MAX + 1 : rnd() >> below(64);
}

/* Together, as in records; or anywhere, or unknown. */
static int64_t
any_time(void)
{
	switch (below(12)) {
	case 0:  return TSN_TIME_NONE;
	case 1:  return (int64_t)any_number();
	case 2:  return below(2) ? INT64_MAX : INT64_MIN + 1;
	case 3:  return (int64_t)below(200000) - 100000;
	default: return INT64_C(1767571200000) + (int64_t)below(200000) - 100000;
	}
}

static struct tsn_addr
any_addr(void)
{
	uint8_t bytes[16];

	if (below(3) > 0)
		return tsn_addr_v4((uint32_t)(rnd() >> 32) & UINT32_MAX << below(32));
	for (int i = 0; i < 16; i++)
		bytes[i] = below(2) ? (uint8_t)rnd() : 0;
	return tsn_addr_from_v6(bytes);
}

static void
fill_flow(struct tsn_shown *fl)
{
	*fl = (struct tsn_shown){ .present = below(4) == 0 ? (uint32_t)rnd() & 0xffff : 0xffff, .src = any_addr(), .dst = any_addr(),
		.exporter = any_addr(), .start = any_time(), .end = any_time(), .packets = any_number(), .bytes = any_number(),
		.in_if = (uint32_t)any_number(), .out_if = (uint32_t)any_number(), .sampling = (uint32_t)any_number(),
		.src_port = (uint16_t)any_number(), .dst_port = (uint16_t)any_number(), .flags = (uint16_t)any_number(),
		.proto = below(2) ? (uint8_t)rnd() : 6, .icmp_type = (uint8_t)rnd(), .icmp_code = (uint8_t)rnd() };
}

/* A key by up to four fields, one of them maybe twice with another mask, as a row has it. */
static size_t
any_key(struct room *m, struct tsn_batch *b, struct tsn_key_spec *k, uint8_t *out)
{
	static const uint16_t fields[] = { TSN_F_SRC, TSN_F_DST, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_EXPORTER_NAME, TSN_F_FLAGS, TSN_F_START };
	const uint32_t first = below(7);

	k->n = (uint8_t)below(5);
	for (uint8_t i = 0; i < k->n; i++)
		k->part[i] = (struct tsn_key_part){ fields[(first + (i == 3 ? 0 : i)) % 7], (uint8_t)(below(2) ? 32 : below(33)),
			(uint8_t)(below(2) ? 128 : below(129)) };
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	b->n = 1;
	if (below(5) > 0)
		tsn_batch_put_addr(b, 0, TSN_F_SRC, any_addr());
	tsn_batch_put_addr(b, 0, TSN_F_DST, any_addr());
	tsn_batch_put_int(b, 0, TSN_F_DST_PORT, (int64_t)(rnd() & 0xffff));
	if (below(5) > 0)
		tsn_batch_put_int(b, 0, TSN_F_PROTO, (int64_t)(rnd() & 0xff));
	tsn_batch_put_int(b, 0, TSN_F_FLAGS, (int64_t)(rnd() & 0x1ff));
	tsn_batch_put_int(b, 0, TSN_F_START, any_time());
	tsn_batch_put_str(b, 0, TSN_F_EXPORTER_NAME, any_str(m));
	return tsn_key_encode_loose(k, b, 0, out);
}

static void
fill_rule(struct room *m)
{
	struct tsn_rule *r = &m->rule;

	*r = (struct tsn_rule){ .name = any_text(m), .title = maybe_text(m), .ruleset = maybe_text(m), .version = maybe_text(m),
		.rev = below(3) };
	r->tags = any_list(m, 0);
	r->attack = any_list(m, 1);
	r->cve = any_list(m, 2);
	r->references = any_list(m, 3);
}

static struct tsn_alert_number
any_value(void)
{
	static const double real[] = { 0, 0.1, -2.5, 1e300, 123456789.125, INFINITY };

	return (struct tsn_alert_number){ below(3) > 0, below(2), (int64_t)any_number(), real[below(6)] };
}

/* Behind [before], or the first: one more of its group, which stays alone or a list of items, or one of another. */
static void
fill_note(struct tsn_note *n, const struct tsn_note *before)
{
	static const char *const group[] = { "rank", "baseline", "chain", "members", "patient_zero" };
	static const char *const name[] = { "rank", "of", "median", "src", "members", "chain" };
	const bool goes_on = before != NULL && below(3) > 0;

	*n = (struct tsn_note){ .group = goes_on ? before->group : group[below(5)], .name = name[below(6)] };
	if (goes_on || (before != NULL && strcmp(n->group, before->group) == 0))
		n->item = before->item == TSN_NOTE_ALONE ? TSN_NOTE_ALONE : before->item + below(2);
	else
		n->item = below(2) ? TSN_NOTE_ALONE : 0;
	if (below(3) == 0)
		n->name = before != NULL && below(2) ? before->name : n->group;
}

static void
fill_notes(struct room *m)
{
	m->al.nnotes = below(3) ? 0 : below(12);
	m->al.note = m->note;
	for (uint32_t i = 0; i < m->al.nnotes; i++) {
		struct tsn_note *n = &m->note[i];

		fill_note(n, i > 0 ? n - 1 : NULL);
		n->value = (struct tsn_value){ .type = below(2) ? TSN_T_STRING : TSN_T_TIME, .known = true };
		if (n->value.type == TSN_T_STRING)
			n->value.s = any_str(m);
		else
			n->value.i = any_time();
	}
}

static void
fill_members(struct room *m, struct tsn_batch *b)
{
	m->al.members = below(3) == 0 ? 1 + any_number() / 2 : 0;
	m->al.nmembers = below(3);
	m->al.member = m->member;
	m->al.has_zero = below(2);
	m->al.zero = any_addr();
	m->rule.member = (struct tsn_key_spec){ 1, { { TSN_F_SRC, 32, 128 } } };
	for (uint32_t i = 0; i < m->al.nmembers; i++) {
		tsn_batch_put_addr(b, 0, TSN_F_SRC, any_addr());
		m->member[i] = (struct tsn_alert_member){ m->member_key[i],
			(uint32_t)tsn_key_encode_loose(&m->rule.member, b, 0, m->member_key[i]), any_time(), below(2), any_addr() };
	}
}

static void
fill_record(struct room *m, struct tsn_batch *b)
{
	struct tsn_alert *al = &m->al;

	fill_rule(m);
	*al = (struct tsn_alert){ .rule = &m->rule, .state = (enum tsn_alert_state)below(4), .id = "00112233445566778899aabbccddeeff",
		.sid = (uint32_t)rnd(), .severity = (enum tsn_severity)below(5), .time = any_time(), .value = any_value(),
		.threshold = any_value(), .window_start = any_time(), .window_end = any_time(), .first_seen = any_time(),
		.last_seen = any_time(), .flows = any_number(), .quality = (enum tsn_quality)below(3), .error = below(3) ? 0 : 0.0199999996,
		.sampling = below(2) ? 0 : (uint32_t)any_number(), .message = maybe_text(m), .exporter_name = any_str(m),
		.in_if_name = any_str(m), .out_if_name = any_str(m), .sample = m->sample, .nsamples = below(TSN_ALERT_SAMPLES + 1) };
	fill_flow(&al->last);
	for (uint32_t i = 0; i < al->nsamples; i++)
		fill_flow(&m->sample[i]);
	al->key = m->key;
	al->key_len = any_key(m, b, &m->rule.key, m->key);
	fill_notes(m);
	fill_members(m, b);
}

Test(alert_json, records_are_the_same_as_field_by_field)
{
	struct room *m = tsn_calloc(1, sizeof(*m));
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_buf want = TSN_BUF_INIT, got = TSN_BUF_INIT, framed = TSN_BUF_INIT;

	cr_assert(m != NULL && b != NULL);
	for (int i = 0; i < RECORDS; i++) {
		struct tsn_alert_frame *frame;

		fill_record(m, b);
		tsn_buf_clear(&want);
		tsn_buf_clear(&got);
		tsn_buf_clear(&framed);
		plain_json(&m->al, &want);
		tsn_alert_json(&m->al, &got);
		cr_assert_str_eq(tsn_buf_str(&got), tsn_buf_str(&want), "record %d", i);
		frame = tsn_alert_frame_new(&m->rule, m->al.sid);
		cr_assert_not_null(frame);
		m->al.frame = frame;
		tsn_buf_puts(&framed, "before it\n");
		tsn_alert_json(&m->al, &framed);
		cr_assert_str_eq(tsn_buf_str(&framed) + 10, tsn_buf_str(&want), "record %d", i);
		/* notes that come in no order, as here, may name a member twice */
		cr_assert(m->al.nnotes > 0 || json_valid(want.p, want.len), "record %d: %s", i, want.p);
		tsn_free(frame);
	}
	tsn_buf_fini(&want);
	tsn_buf_fini(&got);
	tsn_buf_fini(&framed);
	tsn_batch_free(b);
	tsn_free(m);
}

Test(alert_json, without_memory_there_is_no_half_record)
{
	struct room *m = tsn_calloc(1, sizeof(*m));
	struct tsn_batch *b = tsn_batch_new();
	bool whole = false;

	cr_assert(m != NULL && b != NULL);
	fill_record(m, b);
	for (long n = 0; !whole; n++) {
		struct tsn_buf out = TSN_BUF_INIT;

		tsn_mem_fail_at(n, false);
		tsn_alert_json(&m->al, &out);
		whole = tsn_mem_count() <= n;
		tsn_mem_fail_never();
		cr_assert(whole || out.failed, "%ld", n);
		tsn_buf_fini(&out);
	}
	tsn_batch_free(b);
	tsn_free(m);
}
