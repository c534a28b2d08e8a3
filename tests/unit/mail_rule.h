/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A rule as in section 5 of the language, and the mail that it is about. */
#ifndef TESTS_MAIL_RULE_H
#define TESTS_MAIL_RULE_H

#include "build_alert.h"

static const char *attack[] = { "T1071.003" };

static struct tsn_piece smtp_message[] = {
	{ .kind = TSN_PIECE_FIELD, .field = TSN_F_SRC },
	{ .kind = TSN_PIECE_TEXT, .text = " opened " },
	{ .kind = TSN_PIECE_VALUE },
	{ .kind = TSN_PIECE_TEXT, .text = " SMTP connections in a minute via " },
	{ .kind = TSN_PIECE_FIELD, .field = TSN_F_EXPORTER_NAME },
	{ .kind = TSN_PIECE_TEXT, .text = " if " },
	{ .kind = TSN_PIECE_FIELD, .field = TSN_F_IN_IF },
};

static struct tsn_report smtp_report[] = { { X_HOLDS, X_VALUE, X_THRESHOLD, 60000, false, false, TSN_REL_GT, 0, TSN_T_INT } };
static uint32_t family_zero[] = { 0 };

/* count() by src over 60s */
static struct tsn_agg_def smtp_agg[] = { { .canon = "count", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 } };
static struct tsn_family_def smtp_family[] = { { .canon = "src", .key = { 1, { { TSN_F_SRC, 32, 128 } } }, .max_keys = 1000,
	.agg = smtp_agg, .naggs = 1 } };
static uint32_t no_reg[] = { TSN_REG_NONE }, reg_zero[] = { 0 };
static struct tsn_family_use smtp_use[] = { { no_reg, reg_zero, NULL } };
static struct tsn_export exports[X_COUNT] = { [X_HOLDS] = { TSN_EXPORT_MASK, { 0, TSN_REG_NONE, TSN_REG_NONE } },
	[X_VALUE] = { TSN_EXPORT_VALUE, { 0, TSN_REG_NONE, TSN_REG_NONE } }, [X_THRESHOLD] = { TSN_EXPORT_INT, { 0, 0, 0 } } };

static inline struct tsn_rule
smtp_rule(void)
{
	struct tsn_rule r = simple_rule("worms.smtp_spam", 600000, 60000);

	r.title = "Host sends mail like a spam bot";
	r.ruleset = "worms";
	r.version = "2026.11.1";
	r.severity = TSN_SEV_HIGH;
	r.sid = 900123;
	r.rev = 3;
	r.attack = (struct tsn_string_list){ attack, 1 };
	r.stateful = true;
	r.message = smtp_message;
	r.nmessage = COUNT(smtp_message);
	r.report = smtp_report;
	r.nreports = 1;
	r.families = family_zero;
	r.families_n = 1;
	return r;
}

static inline struct tsn_program
smtp_program(struct tsn_rule *rule)
{
	struct tsn_program p = program_of(rule, 1);

	p.families = smtp_family;
	p.nfamilies = 1;
	p.uses[TSN_DOOR_FLOW] = smtp_use;
	p.exports = exports;
	p.nexports = X_COUNT;
	return p;
}

static inline struct tsn_str
text_of(const char *s)
{
	return (struct tsn_str){ s, (uint32_t)strlen(s) };
}

/* A mail flow of 10.0.0.5, seen by edge-1, at [ms]. */
static inline void
put_mail(struct tsn_batch *b, int64_t ms, uint32_t n)
{
	uint32_t i = b->n++;

	b->received[i] = b->time[i] = T0 + ms;
	tsn_batch_put_addr(b, i, TSN_F_SRC, tsn_addr_v4(0x0a000005));
	tsn_batch_put_addr(b, i, TSN_F_DST, tsn_addr_v4(0xc0000200 + n));
	tsn_batch_put_int(b, i, TSN_F_SRC_PORT, 4123);
	tsn_batch_put_int(b, i, TSN_F_DST_PORT, 25);
	tsn_batch_put_int(b, i, TSN_F_PROTO, 6);
	tsn_batch_put_int(b, i, TSN_F_FLAGS, 0x12);
	tsn_batch_put_int(b, i, TSN_F_PACKETS, 3);
	tsn_batch_put_int(b, i, TSN_F_BYTES, 180);
	tsn_batch_put_int(b, i, TSN_F_START, T0 + ms - 250);
	tsn_batch_put_int(b, i, TSN_F_END, T0 + ms);
	tsn_batch_put_int(b, i, TSN_F_IN_IF, 12);
	tsn_batch_put_int(b, i, TSN_F_OUT_IF, 3);
	tsn_batch_put_addr(b, i, TSN_F_EXPORTER, tsn_addr_v4(0xc0000201));
	tsn_batch_put_str(b, i, TSN_F_EXPORTER_NAME, text_of("edge-1"));
}

/* Plays one batch of [n] mail flows, one a second, from [ms] on; value 101, 102... */
static inline void
play_mail(struct player *p, int64_t ms, uint32_t n)
{
	struct row row[32] = { 0 };

	tsn_batch_clear(p->batch, TSN_BATCH_FLOWS);
	for (uint32_t i = 0; i < n; i++) {
		put_mail(p->batch, ms + i * 1000, i + 7);
		row[i] = (struct row){ .rules = 1, .value = 101 + i };
	}
	play_batch(p, row);
}

#endif
