/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What becomes of a rule: defaults, key, times, reports, message, overrides, site. */
#include "test_check.h"

/* The alert's key as "src/24/64, dst_port". */
static const char *
key_text(const struct tsn_key_spec *k, char out[256])
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < k->n; i++) {
		n += (size_t)snprintf(out + n, 256 - n, "%s%s", i > 0 ? ", " : "", tsn_fields[k->part[i].field].name);
		if (k->part[i].v4_bits != 32 && tsn_fields[k->part[i].field].storage == TSN_ADDR)
			n += (size_t)snprintf(out + n, 256 - n, "/%u/%u", k->part[i].v4_bits, k->part[i].v6_bits);
	}
	return out;
}

static const struct { const char *rule, *key; int64_t once, hold; bool stateful; } keys[] = {
	{ "when dst_port == 25", "src", 60000, 60000, false },
	{ "when dst_port == 25 alert once by dst per 5m", "dst", 300000, 300000, false },
	{ "when dst_port == 25 alert once per 5m", "src", 300000, 300000, false },
	{ "when count(dst_port == 25) by src over 60s > 5", "src", 60000, 60000, true },
	{ "when count(dst_port == 25) over 1h > 5", "", 3600000, 3600000, true },
	{ "when count(dst_port == 25) by dst, dst_port per 5m > 5", "dst, dst_port", 300000, 300000, true },
	{ "when sum(bytes) by dst/24/48 over 60s > 5", "dst/24/48", 60000, 60000, true },
	{ "when count() by dst over 60s > 5 and count() by src over 1h > 9 alert once by src", "src", 3600000, 3600000, true },
	{ "when count() by dst over 60s > 5 and count() by src, dst over 1h > 9", "dst, src", 3600000, 3600000, true },
	{ "when distinct(dst where count() by dst over 1h > 5) by src over 60s > 5", "src", 3600000, 3600000, true },
	{ "where count() by dst over 5m > 9 when dst_port == 25", "dst", 300000, 300000, true },
	{ "when many > 5", "src", 60000, 60000, true },
	{ "when count(dst_port == 25) by src over 60s > 5 alert once per 10m", "src", 600000, 60000, true },
};

Test(check_rules, key_and_times)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[512], key[256];
		const struct tsn_rule *r;
		struct made m;

		snprintf(text, sizeof(text), "define many = count() by src over 60s rule r { %s }", keys[i].rule);
		m = make_text(text);
		r = &rule_of(&m, "r")->meta;
		cr_expect_str_eq(key_text(&r->key, key), keys[i].key, "%s", keys[i].rule);
		cr_expect_eq(r->once_ms, keys[i].once, "%s: once %lld", keys[i].rule, (long long)r->once_ms);
		cr_expect_eq(r->hold_ms, keys[i].hold, "%s: hold %lld", keys[i].rule, (long long)r->hold_ms);
		cr_expect_eq(r->stateful, keys[i].stateful, "%s", keys[i].rule);
		unmake(&m);
	}
}

Test(check_rules, defaults)
{
	struct made m = make_text("\nrule r { when dst_port == 25 }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");

	cr_expect_str_eq(r->meta.title, "r");
	cr_expect_str_eq(r->meta.ruleset, "local");
	cr_expect_null(r->meta.version);
	cr_expect_eq(r->meta.severity, TSN_SEV_MEDIUM);
	cr_expect_eq(r->meta.sid, 0);
	cr_expect_eq(r->meta.rev, 1);
	cr_expect_eq(r->meta.line, 2);
	cr_expect_eq(r->meta.expires_ms, TSN_TIME_NONE);
	cr_expect_eq(r->except->kind, TSN_IR_FALSE);
	cr_expect(!r->meta.each && !r->meta.disabled && r->meta.message == NULL && r->meta.requires_bits == 0);
	unmake(&m);
}

Test(check_rules, metadata)
{
	struct made m = make_text("ruleset worms { version \"2026.11.1\" }\n"
	    "rule r { title \"T\" severity high author \"me\" status test tags a, b attack T1071.003 reference \"u\", \"v\"\n"
	    "cve CVE-2003-0352 falsepositives \"none\" sid 9001 rev 3 expires 2027-03-01 requires flags, interfaces, unsampled\n"
	    "when dst_port == 25 alert each }");
	const struct tsn_rule *r = &rule_of(&m, "worms.r")->meta;

	cr_expect_str_eq(r->title, "T");
	cr_expect_str_eq(r->ruleset, "worms");
	cr_expect_str_eq(r->version, "2026.11.1");
	cr_expect_str_eq(r->author, "me");
	cr_expect_str_eq(r->status, "test");
	cr_expect_eq(r->severity, TSN_SEV_HIGH);
	cr_assert_eq(r->tags.n, 2);
	cr_expect_str_eq(r->tags.v[1], "b");
	cr_assert_eq(r->attack.n, 1);
	cr_expect_str_eq(r->attack.v[0], "T1071.003");
	cr_assert_eq(r->references.n, 2);
	cr_assert_eq(r->cve.n, 1);
	cr_expect_eq(r->sid, 9001);
	cr_expect_eq(r->rev, 3);
	cr_expect_eq(r->expires_ms, INT64_C(1803859200000));
	cr_expect_eq(r->requires_bits, TSN_REQ_FLAGS | TSN_REQ_INTERFACES | TSN_REQ_UNSAMPLED);
	cr_expect(r->each);
	unmake(&m);
}

/* S12: in the order written, whatever the order in the graph; a negation reports what makes it true. */
Test(check_rules, reports)
{
	struct made m = make_text("let N = 7 define conns = count(dst_port == 25) by src over 60s\n"
	    "rule r { when 9 < sum(bytes) by src over 60s and conns > N or not (distinct(dst) by src over 60s >= 3)\n"
	    "         or count() by src over 60s > 2 * conns }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");

	cr_assert_eq(r->nreports, 4);
	cr_expect_eq(r->report[0].value->agg->fn, TSN_AGG_SUM);
	cr_expect_eq(r->report[0].threshold->i, 9);
	cr_expect_eq(r->report[1].value->agg->fn, TSN_AGG_COUNT);
	cr_expect_eq(r->report[1].threshold->i, 7);
	cr_expect_eq(r->report[2].value->agg->fn, TSN_AGG_DISTINCT);
	cr_expect_eq(r->report[2].compare->rel, TSN_REL_LT);
	cr_expect_eq(r->report[3].threshold->kind, TSN_IR_ARITH);
	unmake(&m);
}

/* Arguments of functions are not reported, nor do they give the alert its key. */
Test(check_rules, arguments_stay_inside)
{
	struct made m = make_text("rule r { when distinct(dst where count() by dst over 60s > 5) by src over 60s > 3 }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");

	cr_assert_eq(r->nreports, 1);
	cr_expect_eq(r->report[0].threshold->i, 3);
	cr_expect_eq(r->report[0].value->agg->level, 2);
	cr_expect_eq(r->meta.key.n, 1);
	unmake(&m);
}

Test(check_rules, where_joins_every_function)
{
	struct made m = make_text("define conns = count() by src over 60s\n"
	    "rule r { where dst_port == 25 when conns > 5 and distinct(dst where bytes > 9) by src over 60s > 5\n"
	    "         except count() by src over 1h > 1000 }\n"
	    "rule s { when conns > 5 }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");

	cr_expect_str_eq(r->report[0].value->agg->where->canon, "(== dst_port :25)");
	cr_expect_str_eq(r->report[1].value->agg->where->canon, "(and (== dst_port :25) (> bytes 9))");
	cr_expect_str_eq(r->except->kid[0]->agg->where->canon, "(== dst_port :25)");
	cr_expect_str_eq(rule_of(&m, "s")->report[0].value->agg->where->canon, "true");
	unmake(&m);
}

static const struct { enum tsn_piece_kind kind; const char *text; } pieces[] = {
	{ TSN_PIECE_TEXT, "{x} " }, { TSN_PIECE_FIELD, NULL }, { TSN_PIECE_TEXT, " " }, { TSN_PIECE_VALUE, NULL },
	{ TSN_PIECE_TEXT, "/" }, { TSN_PIECE_THRESHOLD, NULL }, { TSN_PIECE_TEXT, " of 7 " }, { TSN_PIECE_REG, NULL },
	{ TSN_PIECE_TEXT, " " }, { TSN_PIECE_SET_COLUMN, "name" },
};

Test(check_rules, message)
{
	struct made m = make_text("let N = 7 define conns = count(src in iana_reserved) by src over 60s\n"
	    "rule r { message \"{{x} {src} {value}/{threshold} of {N} {conns} {iana_reserved.name}\"\n"
	    "  when conns > N }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");

	/* Text around a constant may be in several pieces; put them together first. */
	for (uint32_t i = 0, k = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char text[128] = "";

		cr_assert_lt(k, r->meta.nmessage, "%s", tsn_buf_str(&m.text));
		cr_assert_eq(r->meta.message[k].kind, pieces[i].kind, "piece %u", i);
		if (pieces[i].kind == TSN_PIECE_TEXT) {
			while (k < r->meta.nmessage && r->meta.message[k].kind == TSN_PIECE_TEXT)
				strcat(text, r->meta.message[k++].text);
			cr_expect_str_eq(text, pieces[i].text);
			continue;
		}
		if (pieces[i].text != NULL)
			cr_expect_str_eq(r->meta.message[k].text, pieces[i].text);
		k++;
	}
	cr_assert_eq(r->ndefines, 1);
	cr_expect_eq(r->define[0]->agg->fn, TSN_AGG_COUNT);
	cr_expect_str_eq(m.r->module->sets[r->meta.message[r->meta.nmessage - 1].set].name, "iana_reserved");
	unmake(&m);
}

/* An exception with a date hides only what ended before it. */
Test(check_rules, except_with_a_date)
{
	struct made m = make_text("rule r { when dst_port == 22 except src == 10.0.0.1 { expires 2027-03-01 owner \"noc\" }\n"
	    "except src == 10.0.0.2 }");

	cr_expect_str_eq(rule_of(&m, "r")->except->canon,
	    "(or (== src 10.0.0.2) (and (< end 1803859200000 time) (== src 10.0.0.1)))");
	unmake(&m);
}

Test(check_rules, overrides)
{
	struct made m = make_text("ruleset g {}\n"
	    "let limit = 5 set home = { 10.0.0.0/8, fe80::/10 } set both = home | { 192.0.2.1 }\n"
	    "define many = count(src in both) by src over 60s > limit\n"
	    "rule a { severity high tags x when many } rule b { when many } rule c { when dst_port == 1 }\n"
	    "override g.a { let limit = limit * 100 set home = { 10.1.0.0/16, fe80::/10 } severity low tags y }\n"
	    "override g.* { except src == 10.0.0.9 alert once per 2h }\n"
	    "override g { let limit = 6 }\n"
	    "disable g.c\n");
	const struct tsn_ir_rule *a = rule_of(&m, "g.a"), *b = rule_of(&m, "g.b"), *c = rule_of(&m, "g.c");

	cr_expect_eq(a->report[0].threshold->i, 600, "%lld", (long long)a->report[0].threshold->i);
	cr_expect_eq(b->report[0].threshold->i, 6);
	cr_expect_str_eq(a->report[0].value->agg->where->canon, "(in src g.both@g.a)");
	cr_expect_str_eq(b->report[0].value->agg->where->canon, "(in src g.both)");
	cr_expect_eq(a->meta.severity, TSN_SEV_LOW);
	cr_expect_eq(a->meta.tags.n, 2);
	cr_expect_eq(a->meta.once_ms, 7200000);
	cr_expect_str_eq(b->except->canon, "(== src 10.0.0.9)");
	cr_expect(c->meta.disabled && !a->meta.disabled);
	for (uint32_t i = 0; i < m.r->module->nsets; i++) {
		bool own = strcmp(m.r->module->sets[i].name, "g.both@g.a") == 0;

		cr_expect_eq(tsn_set_has_addr(m.r->sets[i], tsn_addr_v4(0x0a020001)), !own);
		cr_expect(tsn_set_has_addr(m.r->sets[i], tsn_addr_v4(0x0a010001)));
	}
	cr_expect_eq(m.r->module->nsets, 2);
	unmake(&m);
}

Test(check_rules, site_gives_a_set)
{
	struct tsn_rule_text t[2] = {
		{ "std.tsn", "ruleset std {} set home = site rule r { when src in home }", 0 },
		{ "mine.tsn", "set home = { 192.0.2.0/24, 2001:db8::/32 }", 0 },
	};
	struct tsn_compile_input in = { .texts = t, .ntexts = 2 };
	struct made m;

	t[0].len = strlen(t[0].text);
	t[1].len = strlen(t[1].text);
	m = make_input(&in, false);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_expect_str_eq(m.r->module->sets[0].name, "std.home");
	cr_expect(tsn_set_has_addr(m.r->sets[0], tsn_addr_v4(0xc0000201)));
	unmake(&m);
	in.ntexts = 1;
	m = make_input(&in, false);
	cr_expect_null(m.r);
	unmake(&m);
	in.tests = true;
	m = make_input(&in, false);
	cr_assert_not_null(m.r);
	cr_expect(tsn_set_has_addr(m.r->sets[0], tsn_addr_v4(0x0a000001)));
	unmake(&m);
}

Test(check_rules, site_settings)
{
	struct made m = make_text("site { listen udp \"0.0.0.0:2055\" listen udp \"[::1]:4739\" output json \"/x\"\n"
	    "output syslog \"udp://127.0.0.1:514\" severity >= high exporter 192.0.2.1 name \"edge\" sampling 1000\n"
	    "exporter 2001:db8::1 memory 2GiB state \"/s\" http \"127.0.0.1:9277\" lateness 10s dedup 5s }");
	const struct tsn_site *s = &m.r->site;

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert(s->present && s->nlistens == 2 && s->noutputs == 2 && s->nexporters == 2);
	cr_expect_eq(s->listens[0].port, 2055);
	cr_expect(!s->listens[1].addr.v4 && s->listens[1].addr.lo == 1);
	cr_expect_eq(s->outputs[0].least, TSN_SEV_INFO);
	cr_expect_eq(s->outputs[1].kind, TSN_OUTPUT_SYSLOG);
	cr_expect_eq(s->outputs[1].least, TSN_SEV_HIGH);
	cr_expect_str_eq(s->exporters[0].name, "edge");
	cr_expect_eq(s->exporters[0].sampling, 1000);
	cr_expect_null(s->exporters[1].name);
	cr_expect_eq(s->memory, UINT64_C(2) << 30);
	cr_expect_eq(s->lateness_ms, 10000);
	cr_expect_eq(s->pair_ms, 30000);
	cr_expect_eq(s->dedup_ms, 5000);
	cr_expect_str_eq(s->http, "127.0.0.1:9277");
	unmake(&m);
}

Test(check_rules, sets_hold_what_was_written)
{
	struct made m = make_text("set a = { 10.0.0.0/8, 192.0.2.5..192.0.2.9, ::1 }\n"
	    "set p = { smtp, 6000..6063 } set f = { SYN, SYN|ACK } set m = { \"00:11:22:33:44:55\" } set w = { \"x\", \"y\" }\n"
	    "set t = { (192.0.2.1, 3), (192.0.2.1, 4) }\n"
	    "rule r { when src in a and dst_port in p and flags in f and src_mac in m and dns_name in w and (exporter, in_if) in t }\n"
	    "rule s { when (exporter, src_port) in t }");
	const struct tsn_set *s[8] = { 0 };

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	for (uint32_t i = 0; i < m.r->module->nsets; i++)
		for (const char *n = "apfmwt", *at = strchr(n, m.r->module->sets[i].name[0]); at != NULL && s[at - n] == NULL; )
			s[at - n] = m.r->sets[i];
	cr_expect(tsn_set_has_addr(s[0], tsn_addr_v4(0xc0000207)) && !tsn_set_has_addr(s[0], tsn_addr_v4(0xc000020a)));
	cr_expect(tsn_set_has_int(s[1], 25) && tsn_set_has_int(s[1], 6063) && !tsn_set_has_int(s[1], 6064));
	cr_expect(tsn_set_has_int(s[2], 0x12) && !tsn_set_has_int(s[2], 0x10));
	cr_expect(tsn_set_has_int(s[3], 0x001122334455));
	cr_expect(tsn_set_has_str(s[4], "y", 1) && !tsn_set_has_str(s[4], "z", 1));
	/* The same tuples for fields of another width are another set. */
	cr_expect_eq(m.r->module->nsets, 7);
	cr_expect_eq(tsn_set_size(s[5]), 2);
	unmake(&m);
}

Test(check_rules, expressions)
{
	struct tsn_rule_text file = { "f.tsn", "let N = 5 set s = { 10.0.0.0/8, ::1 }", 0 }, e[2] = {
		{ NULL, "src in s", 8 }, { NULL, "count() by src over 60s > N", 27 } };
	struct tsn_compile_input in = { .texts = &file, .ntexts = 1, .exprs = e, .nexprs = 2 };
	struct made m;

	file.len = strlen(file.text);
	m = make_input(&in, true);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_expect_str_eq(m.r->program->rules[0].name, "e1");
	cr_expect_str_eq(m.r->program->rules[1].name, "e2");
	unmake(&m);
	e[0].name = "where";
	in.filter = true;
	m = make_input(&in, true);
	cr_expect_null(m.r);
	cr_expect(strstr(tsn_buf_str(&m.text), "e2:1:1: error: count counts over time, a filter looks at one flow") != NULL, "%s",
	    tsn_buf_str(&m.text));
	unmake(&m);
}

Test(check_rules, functions_table)
{
	for (size_t i = 0; i < tsn_function_count; i++)
		cr_expect(tsn_functions[i].name[0] != '\0' && tsn_functions[i].help[0] != '\0' && tsn_functions[i].arguments[0] != '\0');
	cr_expect_eq(tsn_function_count, 17);
}

/* One rule asks for its own version of a set in every clause: it is one set. */
Test(check_rules, rebound_set_is_made_once)
{
	struct made m = make_text("ruleset g {} set home = { 10.0.0.0/8, ::1 }\n"
	    "rule a { where src in home message \"{home.x}\" when count(src in home) by src over 60s > 5 except dst in home }\n"
	    "override g.a { set home = { 10.1.0.0/16, ::1 } except src_port == 5 and dst in home message \"x\" }");

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_eq(m.r->module->nsets, 1);
	cr_expect_str_eq(m.r->module->sets[0].name, "g.home@g.a");
	unmake(&m);
}
