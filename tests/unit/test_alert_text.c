/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What people are told of an alert: its message, its line of text. */
#include <criterion/criterion.h>

#include "build_alert.h"
#include "check_json.h"
#include "mail_rule.h"
#include "sets/set.h"

static struct tsn_set *
set_with_names(void)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ADDR);
	struct tsn_str column = text_of("owner"), cell = text_of("mail team");
	struct tsn_prefix p;
	struct tsn_set *s;
	uint32_t row;

	cr_assert(b != NULL && tsn_prefix_parse("10.0.0.0/24", 11, &p));
	cr_assert(tsn_set_builder_columns(b, &column, 1) == 0 && tsn_set_builder_row(b, &cell, 1, &row) == 0);
	cr_assert_eq(tsn_set_builder_add_prefix(b, p, row), 0);
	s = tsn_set_build(b);
	tsn_set_builder_free(b);
	return s;
}

Test(alert_text, messages_know_keys_fields_sets_and_defines)
{
	struct tsn_piece piece[] = {
		{ .kind = TSN_PIECE_FIELD, .field = TSN_F_SRC }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_FIELD, .field = TSN_F_DST }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_FIELD, .field = TSN_F_VLAN }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_SET_COLUMN, .set = 0, .field = TSN_F_SRC, .text = "owner" }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_SET_COLUMN, .set = 0, .field = TSN_F_DST, .text = "owner" }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_SET_COLUMN, .set = 0, .field = TSN_F_SRC, .text = "nothing" }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_REG, .reg = X_THRESHOLD }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_REG, .reg = X_HOLDS }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_VALUE }, { .kind = TSN_PIECE_TEXT, .text = "/" }, { .kind = TSN_PIECE_THRESHOLD },
	};
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct tsn_set *set = set_with_names();
	const struct tsn_set *sets[] = { set };
	struct player p = { .json = true, .threshold = 100 };

	rule.message = piece;
	rule.nmessage = COUNT(piece);
	rule.key.part[0].v4_bits = 24;
	cr_assert(play_begin_over(&p, &program, 10, sets, NULL));
	play_mail(&p, 1000, 1);
	cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.message"),
	    "\"10.0.0.0/24 192.0.2.7 - mail team - - 100 - 101/100\"");
	play_end(&p);
	tsn_set_free(set);
}

/* Until the next match a changed rule does not know its defines, an unchanged one does. */
Test(alert_text, messages_after_a_reload)
{
	static const char *const want[] = { "\"192.0.2.7 100\"", "\"192.0.2.7 -\"" };
	struct tsn_piece piece[] = { { .kind = TSN_PIECE_FIELD, .field = TSN_F_DST }, { .kind = TSN_PIECE_TEXT, .text = " " },
		{ .kind = TSN_PIECE_REG, .reg = X_THRESHOLD } };

	for (int changed = 0; changed < 2; changed++) {
		struct tsn_rule old = smtp_rule(), new;
		struct tsn_program before = smtp_program(&old), after = smtp_program(&new);
		struct player p = { .json = true, .threshold = 100 };

		old.message = piece;
		old.nmessage = 3;
		old.canon = "one";
		new = old;
		new.canon = changed ? "other" : "one";
		cr_assert(play_begin(&p, &before, 10));
		play_mail(&p, 1000, 1);
		cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.message"), want[0]);
		tsn_buf_clear(&p.out);
		cr_assert(play_reload(&p, &after, 10));
		play_until(&p, 61000);
		cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.message"), want[changed]);
		play_end(&p);
	}
}

Test(alert_text, values_read_as_their_type)
{
	static const struct { enum tsn_type type; int64_t value, threshold; const char *text, *json; } c[] = {
		{ TSN_T_INT, 101, 100, "101 > 100", "101" },
		{ TSN_T_SIZE, 5000001, 5000000, "5000001 > 5000000", "5000001" },
		{ TSN_T_DURATION, 90000, 60000, "1m30s > 1m", "90000" },
		{ TSN_T_TIME, T0 + 1000, T0, "2026-01-05T00:00:01.000Z > 2026-01-05T00:00:00.000Z", "1767571201000" },
	};
	struct tsn_piece piece[] = { { .kind = TSN_PIECE_VALUE }, { .kind = TSN_PIECE_TEXT, .text = " > " }, { .kind = TSN_PIECE_THRESHOLD } };

	for (size_t i = 0; i < COUNT(c); i++) {
		struct tsn_report report = smtp_report[0];
		struct tsn_rule rule = smtp_rule();
		struct tsn_program program = smtp_program(&rule);
		struct player p = { .json = true, .threshold = c[i].threshold };
		const struct row row[] = { { 1000, 1000, 5, 1, c[i].value } };
		char want[128];

		report.type = c[i].type;
		rule.report = &report;
		rule.message = piece;
		rule.nmessage = 3;
		cr_assert(play_begin(&p, &program, 10));
		play_rows(&p, row, 1, 1);
		snprintf(want, sizeof(want), "\"%s\"", c[i].text);
		cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.message"), want);
		cr_expect_str_eq(json_at(tsn_buf_str(&p.out), "tocsin.value"), c[i].json);
		play_end(&p);
	}
}

struct lines {
	struct tsn_buf text, color;
};

static void
keep_text(void *arg, const struct tsn_alert *al)
{
	struct lines *l = arg;

	tsn_alert_format(al, TSN_FORMAT_TEXT, &l->text);
	tsn_buf_putc(&l->text, '\n');
	tsn_alert_format(al, TSN_FORMAT_TEXT_COLOR, &l->color);
	tsn_buf_putc(&l->color, '\n');
}

Test(alert_text, is_one_line_for_people)
{
	struct tsn_rule rule = smtp_rule();
	struct tsn_program program = smtp_program(&rule);
	struct player p = { .json = true, .threshold = 100 };
	struct lines l = { 0 };
	struct tsn_sink *sink = tsn_sink_call_new(keep_text, &l, TSN_SEV_INFO);

	cr_assert(play_begin(&p, &program, 10));
	cr_assert(tsn_alerts_set_sinks(p.alerts, &sink, 1));
	play_mail(&p, 90000, 10);
	play_until(&p, 170000);
	cr_expect_str_eq(tsn_buf_str(&l.text),
	    "2026-01-05 00:01:30 HIGH     worms.smtp_spam  src=10.0.0.5  101 > 100  "
	    "10.0.0.5 opened 101 SMTP connections in a minute via edge-1 if 12  [edge-1 if 12]\n"
	    "2026-01-05 00:02:39 ended    worms.smtp_spam  src=10.0.0.5  after 9s, 10 flows\n", "%s", tsn_buf_str(&l.text));
	cr_expect_str_eq(tsn_buf_str(&l.color),
	    "2026-01-05 00:01:30 \033[31mHIGH    \033[0m \033[1mworms.smtp_spam\033[0m  src=10.0.0.5  101 > 100  "
	    "10.0.0.5 opened 101 SMTP connections in a minute via edge-1 if 12  [edge-1 if 12]\n"
	    "\033[2m2026-01-05 00:02:39 ended    worms.smtp_spam  src=10.0.0.5  after 9s, 10 flows\033[0m\n");
	tsn_buf_fini(&l.text);
	tsn_buf_fini(&l.color);
	tsn_sink_close(sink);
	play_end(&p);
}

Test(alert_text, says_how_far_numbers_can_be_trusted)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_alert al = { .rule = &rule, .severity = TSN_SEV_MEDIUM, .state = TSN_ALERT_EACH, .time = T0, .quality = TSN_ESTIMATED, .sampling = 100,
		.value = { true, false, 9, 0 }, .threshold = { true, true, 0, 9.5 }, .rel = TSN_REL_LT };

	rule.key.n = 0;
	tsn_alert_text(&al, false, &out);
	cr_expect_str_eq(out.p, "2026-01-05 00:00:00 MEDIUM   r  9 < 9.5 (estimated) (1 in 100)");
	tsn_buf_fini(&out);
}

static void
put_both(struct tsn_batch *b)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };

	b->n = 0;
	put_mail(b, 0, 7);
	tsn_batch_put_addr(b, 0, TSN_F_DST, tsn_addr_from_v6(v6));
}

Test(alert_text, without_a_message_shows_the_flow)
{
	struct tsn_rule rule = simple_rule("r", 60000, 60000);
	struct tsn_program program = program_of(&rule, 1);
	struct row row[1] = { { .rules = 1 } };
	struct player p = { .json = true };
	struct lines l = { 0 };
	struct tsn_sink *sink = tsn_sink_call_new(keep_text, &l, TSN_SEV_INFO);

	rule.title = "a title";
	cr_assert(play_begin(&p, &program, 10) && tsn_alerts_set_sinks(p.alerts, &sink, 1));
	put_both(p.batch);
	play_batch(&p, row);
	cr_expect_str_eq(tsn_buf_str(&l.text), "2026-01-05 00:00:00 MEDIUM   r  src=10.0.0.5  a title  "
	    "10.0.0.5:4123 -> [2001:db8::9]:25 tcp  [edge-1 if 12]\n");
	tsn_buf_fini(&l.text);
	tsn_buf_fini(&l.color);
	tsn_sink_close(sink);
	play_end(&p);
}

Test(alert_text, never_passes_control_characters)
{
	static const struct { const char *in, *out; } c[] = {
		{ "plain", "plain" }, { "\x1b[2J", "\\x1b[2J" }, { "a\nb\tc\r", "a\\x0ab\\x09c\\x0d" }, { "\x7f", "\\x7f" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" }, { "\xff\xc3", "\\xff\\xc3" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" }, { "\xe2\x80\xae" "x", "\\xe2\\x80\\xaex" }, { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	};

	for (size_t i = 0; i < COUNT(c); i++) {
		struct tsn_buf out = TSN_BUF_INIT;

		tsn_alert_clean(&out, c[i].in, strlen(c[i].in));
		cr_expect_str_eq(tsn_buf_str(&out), c[i].out, "case %zu: %s", i, tsn_buf_str(&out));
		tsn_buf_fini(&out);
	}
}
