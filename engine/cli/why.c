/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * tocsin explain --why RULE: what became of the rule's condition over stored flows. The program has probes beside the
 * rule (compile.h), whose matches come here batch by batch: how many flows each part let pass, which flows failed by
 * one part alone, how near groups came to thresholds, what exceptions and suppression hid.
 */
#include "cli/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/inputs.h"
#include "author/peaks.h"
#include "core/learning.h"

#define NEAREST 10   /* groups shown of each comparison */
#define MISSES 3     /* flows shown that one part alone kept out */
#define MISS_TEXT 256
#define TWIN_ALERTS 20

struct part {
	const struct tsn_probe *probe;
	struct tsn_mask yes, no;          /* of the batch at hand */
	uint64_t is_true, is_false, passed, alone;
	char miss[MISSES][MISS_TEXT];
	uint32_t nmisses;
};

struct side {
	const struct tsn_probe *probe;
	uint32_t left, right;             /* exports */
	struct tsn_peaks peaks;
	uint64_t counted, known;
};

struct why {
	struct tsn_inputs in;
	const struct tsn_ruleset *rules;
	struct part *part;
	uint32_t nparts;
	struct side *side;                /* one a probe, used for those of kind VALUE */
	struct tsn_mask hidden;
	uint64_t flows, excepted;
	uint64_t twins;                   /* openings of the twin */
	struct tsn_buf twin;              /* the first of them as text */
};

/* --- rows --- */

static void
put_field(struct tsn_buf *out, const char *before, const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	struct tsn_value v;

	if (!tsn_mask_has(&b->present[f], row))
		return;
	tsn_batch_get(b, row, f, &v);
	tsn_buf_puts(out, before);
	tsn_value_text(&v, out);
}

/* "2026-01-05T00:00:00.000Z tcp 10.0.0.5:4123 > 192.0.2.7:25, flags SYN, 1 packets, 60 bytes" */
static void
flow_text(const struct tsn_batch *b, uint32_t row, char out[MISS_TEXT])
{
	struct tsn_buf text = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT];

	tsn_buf_puts(&text, tsn_time_text(b->time[row], time));
	put_field(&text, " ", b, row, TSN_F_PROTO);
	put_field(&text, " ", b, row, TSN_F_SRC);
	put_field(&text, ":", b, row, TSN_F_SRC_PORT);
	put_field(&text, " > ", b, row, TSN_F_DST);
	put_field(&text, ":", b, row, TSN_F_DST_PORT);
	put_field(&text, ", flags ", b, row, TSN_F_FLAGS);
	put_field(&text, ", packets ", b, row, TSN_F_PACKETS);
	put_field(&text, ", bytes ", b, row, TSN_F_BYTES);
	snprintf(out, MISS_TEXT, "%s", tsn_buf_str(&text));
	tsn_buf_fini(&text);
}

/* Rows that every part but [but] let pass. */
static void
others(const struct why *w, uint32_t but, const struct tsn_batch *b, struct tsn_mask *out)
{
	*out = b->rows;
	for (uint32_t i = 0; i < w->nparts; i++)
		if (i != but)
			tsn_mask_and(out, out, &w->part[i].yes);
}

static void
end_of_batch(struct why *w, const struct tsn_batch *b)
{
	struct tsn_mask passing = b->rows, alone;

	w->flows += b->n;
	for (uint32_t i = 0; i < w->nparts; i++) {
		struct part *p = &w->part[i];

		p->is_true += tsn_mask_count(&p->yes);
		p->is_false += tsn_mask_count(&p->no);
		tsn_mask_and(&passing, &passing, &p->yes);
		p->passed += tsn_mask_count(&passing);
		others(w, i, b, &alone);
		tsn_mask_andnot(&alone, &alone, &p->yes);
		p->alone += tsn_mask_count(&alone);
		TSN_EACH_ROW(row, &alone)
			if (p->nmisses < MISSES)
				flow_text(b, row, p->miss[p->nmisses++]);
	}
	w->excepted += tsn_mask_count(&w->hidden);
	tsn_mask_clear(&w->hidden);
	for (uint32_t i = 0; i < w->nparts; i++) {
		tsn_mask_clear(&w->part[i].yes);
		tsn_mask_clear(&w->part[i].no);
	}
}

static double
margin_of(const struct tsn_probe *p, double value, double threshold)
{
	double left = p->threshold_first ? threshold : value, right = p->threshold_first ? value : threshold;

	switch (p->rel) {
	case TSN_REL_GT:
	case TSN_REL_GE:
		return left - right;
	case TSN_REL_LT:
	case TSN_REL_LE:
		return right - left;
	default:
		return left > right ? right - left : left - right;
	}
}

static void
take_values(struct side *s, const struct tsn_vm *vm, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	uint8_t key[TSN_KEY_MAX];
	double value, threshold;
	struct tsn_mask keyed;

	s->counted += tsn_mask_count(rows);
	tsn_key_present(&s->probe->key, b, &keyed);
	tsn_mask_and(&keyed, &keyed, rows);
	TSN_EACH_ROW(row, &keyed) {
		if (!tsn_vm_number(vm, s->left, row, &value) || !tsn_vm_number(vm, s->right, row, &threshold))
			continue;
		s->known++;
		tsn_peaks_add(&s->peaks, key, (uint32_t)tsn_key_encode(&s->probe->key, b, row, key),
		    margin_of(s->probe, value, threshold), value, threshold, b->time[row]);
	}
}

static void
on_probe(void *arg, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct why *w = arg;
	const struct tsn_probe *p = &w->rules->probes[probe];

	if (b->kind == TSN_BATCH_TICK)
		return;
	switch (p->kind) {
	case TSN_PROBE_TRUE:
		w->part[p->part].yes = *rows;
		break;
	case TSN_PROBE_FALSE:
		w->part[p->part].no = *rows;
		break;
	case TSN_PROBE_VALUE:
		take_values(&w->side[probe], vm, rows, b);
		break;
	case TSN_PROBE_HIDDEN:
		w->hidden = *rows;
		break;
	case TSN_PROBE_END:
		end_of_batch(w, b);
		break;
	default: /* the twin raises alerts; others are of tests */
		break;
	}
}

/* Alerts of the twin are what people ask --what-if for; those of the rule itself are only counted. */
static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct why *w = arg;
	struct tsn_value v;
	char time[TSN_TIME_TEXT];

	if (al->rule < &w->rules->program->rules[w->rules->first_probe] || al->state == TSN_ALERT_CLOSE || w->twins++ >= TWIN_ALERTS)
		return;
	tsn_buf_printf(&w->twin, "  %s", tsn_time_text(al->opened, time));
	for (unsigned i = 0; i < al->rule->key.n; i++) {
		tsn_buf_printf(&w->twin, "  %s ", tsn_rule_key_name(al->rule, i));
		if (tsn_alert_key(al, i, &v))
			tsn_value_text(&v, &w->twin);
		else
			tsn_buf_putc(&w->twin, '-');
	}
	if (al->value.known)
		tsn_buf_printf(&w->twin, "  value %.10g", al->value.real ? al->value.f : (double)al->value.i);
	tsn_buf_putc(&w->twin, '\n');
}

/* --- what is said --- */

static void
say_parts(const struct why *w)
{
	printf("\n       true      false    unknown  passed so far  part of its condition\n");
	for (uint32_t i = 0; i < w->nparts; i++) {
		const struct part *p = &w->part[i];

		printf("%11" PRIu64 "%11" PRIu64 "%11" PRIu64 "%15" PRIu64 "  %u  %s\n", p->is_true, p->is_false,
		    w->flows - p->is_true - p->is_false, p->passed, i + 1, p->probe->text);
	}
	for (uint32_t i = 0; i < w->nparts; i++) {
		const struct part *p = &w->part[i];

		if (p->alone == 0)
			continue;
		printf("\nkept out by part %u alone: %" PRIu64 " flow%s%s\n", i + 1, p->alone, p->alone == 1 ? "" : "s",
		    p->alone > p->nmisses ? ", the first of them" : "");
		for (uint32_t k = 0; k < p->nmisses; k++)
			printf("  %s\n", p->miss[k]);
	}
}

static void
say_key(const struct tsn_key_spec *spec, const struct tsn_peaks *p, const struct tsn_peak *x, struct tsn_buf *out)
{
	struct tsn_value v;

	tsn_buf_clear(out);
	for (unsigned i = 0; i < spec->n; i++) {
		tsn_key_decode(spec, (const uint8_t *)p->slab.p + x->key, x->len, i, &v);
		tsn_buf_printf(out, "%s%s ", i > 0 ? "  " : "", tsn_fields[spec->part[i].field].name);
		tsn_value_text(&v, out);
	}
	if (spec->n == 0)
		tsn_buf_puts(out, "all flows");
}

static void
say_side(struct side *s)
{
	struct tsn_buf key = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT];

	tsn_peaks_sort(&s->peaks);
	printf("\n%s\n  counted %" PRIu64 " flows in %zu group%s; nearest to the threshold, at their peak:\n", s->probe->text, s->counted,
	    s->peaks.n, s->peaks.n == 1 ? "" : "s");
	for (size_t i = 0; i < s->peaks.n && i < NEAREST; i++) {
		const struct tsn_peak *x = &s->peaks.v[i];

		say_key(&s->probe->key, &s->peaks, x, &key);
		printf("  %-40s  value %-12.10g  threshold %-12.10g  %s, %" PRIu64 " flow%s\n", tsn_buf_str(&key), x->value, x->threshold,
		    tsn_time_text(x->time, time), x->flows, x->flows == 1 ? "" : "s");
	}
	if (s->peaks.left_out > 0)
		printf("  (%" PRIu64 " flows of further groups were not looked at)\n", s->peaks.left_out);
	tsn_buf_fini(&key);
}

static void
say_outcome(const struct why *w)
{
	const struct tsn_rule *r = &w->rules->program->rules[w->rules->probed];
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_alert_counts n;

	tsn_engine_counts(w->in.engine, w->rules->probed, &n);
	printf("rule %s (%s:%u): %" PRIu64 " flow%s, %" PRIu64 " match%s, %" PRIu64 " alert%s\n", r->name, r->file, r->line, w->flows,
	    w->flows == 1 ? "" : "s", n.matches, n.matches == 1 ? "" : "es", n.alerts, n.alerts == 1 ? "" : "s");
	if (w->excepted > 0)
		printf("except hid %" PRIu64 " flow%s that met the condition\n", w->excepted, w->excepted == 1 ? "" : "s");
	if (n.suppressed > 0)
		printf("%" PRIu64 " match%s suppressed: within `once per` of an opening\n", n.suppressed,
		    n.suppressed == 1 ? " was" : "es were");
	if (tsn_rule_learning_text(w->in.engine, w->rules->probed, &text))
		printf("%s\n", tsn_buf_str(&text));
	tsn_buf_fini(&text);
	if (r->disabled)
		printf("the rule is disabled: it raises no alerts whatever matches\n");
}

static void
say_twin(const struct why *w)
{
	const struct tsn_ruleset *rs = w->rules;

	for (uint32_t i = 0; i < rs->nprobes; i++) {
		if (rs->probes[i].kind != TSN_PROBE_TWIN)
			continue;
		printf("\nwith %s in place of %s: %" PRIu64 " alert%s\n%s", w->in.cli->what_if, rs->probes[i].text, w->twins,
		    w->twins == 1 ? "" : "s", w->twin.len > 0 ? tsn_buf_str(&w->twin) : "");
		if (w->twins > TWIN_ALERTS)
			printf("  ... and %" PRIu64 " more\n", w->twins - TWIN_ALERTS);
	}
}

static void
say(struct why *w)
{
	say_outcome(w);
	say_parts(w);
	for (uint32_t i = 0; i < w->rules->nprobes; i++)
		if (w->rules->probes[i].kind == TSN_PROBE_VALUE)
			say_side(&w->side[i]);
	say_twin(w);
	fflush(stdout);
}

/* --- setting up --- */

static bool
prepare(struct why *w)
{
	const struct tsn_ruleset *rs = w->rules;

	w->part = tsn_calloc(rs->nprobes, sizeof(*w->part));
	w->side = tsn_calloc(rs->nprobes, sizeof(*w->side));
	if (w->part == NULL || w->side == NULL)
		return false;
	for (uint32_t i = 0; i < rs->nprobes; i++) {
		const struct tsn_rule *r = &rs->program->rules[rs->first_probe + i];

		if (rs->probes[i].kind == TSN_PROBE_TRUE) {
			w->part[rs->probes[i].part].probe = &rs->probes[i];
			w->nparts = rs->probes[i].part + 1;
		} else if (rs->probes[i].kind == TSN_PROBE_VALUE) {
			w->side[i].probe = &rs->probes[i];
			w->side[i].left = r->message[0].reg;
			w->side[i].right = r->message[1].reg;
		}
	}
	return true;
}

static void
finish(struct why *w)
{
	for (uint32_t i = 0; w->side != NULL && i < w->rules->nprobes; i++)
		tsn_peaks_fini(&w->side[i].peaks);
	tsn_free(w->part);
	tsn_free(w->side);
	tsn_buf_fini(&w->twin);
}

int
tsn_cli_why(struct tsn_cli *c, struct tsn_ruleset *rs)
{
	struct why w = { .in = { .cli = c }, .rules = rs };
	struct tsn_engine_options o = { .batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0, .on_probe = on_probe, .arg = &w };
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, &w, TSN_SEV_INFO);
	int status;

	w.in.engine = tsn_engine_new(&o);
	if (!prepare(&w) || w.in.engine == NULL || sink == NULL || !tsn_engine_add_sink(w.in.engine, sink) ||
	    !tsn_engine_load(w.in.engine, rs, NULL)) {
		finish(&w);
		tsn_ruleset_free(rs);
		status = tsn_cli_no_memory();
	} else {
		status = tsn_inputs_read(&w.in);
		if (status != TSN_EXIT_USAGE)
			say(&w);
		finish(&w);
	}
	if (w.in.engine != NULL)
		tsn_engine_remove_sinks(w.in.engine);
	tsn_sink_close(sink);
	tsn_engine_free(w.in.engine);
	return status;
}
