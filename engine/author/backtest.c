/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The records of a run, put together to one line an alert: its opening, then what later records of its id add. */
#include "author/backtest.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "feed/files.h"

struct kept {
	char id[TSN_ALERT_ID_TEXT];
	struct tsn_backtest_alert a;
};

struct run {
	struct tsn_backtest *out;
	const struct tsn_backtest_options *o;
	struct tsn_arena *arena;
	struct tsn_engine *engine;
	struct tsn_files files;
	struct kept *kept; /* in the order of opening */
	size_t n, cap;
	uint32_t *slot;    /* of ids: index + 1; a power of two, at most half full */
	size_t nslots;
	uint64_t before, total; /* bytes of inputs that were read, and of all */
	bool stop, oom;
};

/* --- what is kept of an alert --- */

static uint64_t
hash_id(const char *id)
{
	return tsn_hash_bytes(id, strlen(id), 0);
}

static bool
more_slots(struct run *r)
{
	size_t n = r->nslots == 0 ? 256 : r->nslots * 2;
	uint32_t *slot;

	if (r->n * 2 < r->nslots)
		return true;
	slot = tsn_calloc(n, sizeof(*slot));
	if (slot == NULL)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		size_t at = hash_id(r->kept[i].id) & (n - 1);

		while (slot[at] != 0)
			at = (at + 1) & (n - 1);
		slot[at] = (uint32_t)i + 1;
	}
	tsn_free(r->slot);
	r->slot = slot;
	r->nslots = n;
	return true;
}

/* Where the id is, or would be. */
static uint32_t *
slot_of(struct run *r, const char *id)
{
	size_t at = hash_id(id) & (r->nslots - 1);

	while (r->slot[at] != 0 && strcmp(r->kept[r->slot[at] - 1].id, id) != 0)
		at = (at + 1) & (r->nslots - 1);
	return &r->slot[at];
}

static const char *
key_text(struct run *r, const struct tsn_alert *al)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_value v;
	const char *kept;

	for (unsigned i = 0; i < al->rule->key.n; i++) {
		tsn_buf_printf(&text, "%s%s=", i > 0 ? ", " : "", tsn_rule_key_name(al->rule, i));
		if (tsn_alert_key(al, i, &v))
			tsn_value_text(&v, &text);
		else
			tsn_buf_putc(&text, '-');
	}
	kept = text.failed ? NULL : tsn_arena_strdup(r->arena, tsn_buf_str(&text));
	tsn_buf_fini(&text);
	return kept;
}

/* False when memory is out. */
static bool
open_alert(struct run *r, const struct tsn_alert *al, uint32_t rule)
{
	struct kept *k = r->n < UINT32_MAX - 1 ? tsn_grow(r->kept, r->n, &r->cap, sizeof(*k)) : NULL;

	if (k == NULL)
		return false;
	r->kept = k;
	if (!more_slots(r))
		return false;
	k = &r->kept[r->n];
	memcpy(k->id, al->id, sizeof(k->id));
	k->a = (struct tsn_backtest_alert){ .rule = rule, .time = al->opened, .last = al->last_seen, .severity = al->severity,
		.flows = al->flows, .ended = al->state == TSN_ALERT_EACH, .key = key_text(r, al),
		.message = tsn_arena_strdup(r->arena, al->message != NULL ? al->message : "") };
	if (k->a.key == NULL || k->a.message == NULL)
		return false;
	*slot_of(r, al->id) = (uint32_t)++r->n;
	r->out->rule[rule].listed++;
	return true;
}

static void
update(struct run *r, const struct tsn_alert *al)
{
	uint32_t at = r->nslots == 0 ? 0 : *slot_of(r, al->id);
	struct tsn_backtest_alert *a = at == 0 ? NULL : &r->kept[at - 1].a;

	if (a == NULL)
		return; /* not listed */
	a->severity = al->severity > a->severity ? al->severity : a->severity;
	a->flows = al->flows;
	a->last = al->last_seen;
	a->ended = al->state == TSN_ALERT_CLOSE;
}

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct run *r = arg;
	uint32_t rule = (uint32_t)(al->rule - tsn_engine_ruleset(r->engine)->program->rules);

	if (rule >= r->out->nrules)
		return;
	if (al->state == TSN_ALERT_UPDATE || al->state == TSN_ALERT_CLOSE)
		update(r, al);
	else if (r->out->rule[rule].listed < r->o->max_alerts && !open_alert(r, al, rule))
		r->oom = true;
}

/* --- reading --- */

static bool
is_stopped(void *arg)
{
	struct run *r = arg;

	return r->stop || r->oom;
}

static void
on_step(void *arg, struct tsn_feed *f, const char *path)
{
	struct run *r = arg;
	struct tsn_engine_stats s;
	uint64_t done, total;

	(void)path;
	if (r->o->progress == NULL)
		return;
	tsn_feed_progress(f, &done, &total);
	tsn_engine_stats(r->engine, &s);
	r->stop |= !r->o->progress(r->o->arg, s.flows, r->before + done, r->total);
}

static void
on_closed(void *arg, struct tsn_feed *f)
{
	struct run *r = arg;
	uint64_t done, total;

	tsn_feed_progress(f, &done, &total);
	r->before += total > 0 ? total : done;
}

static void
read_inputs(struct run *r)
{
	const struct tsn_backtest_options *o = r->o;

	r->files = (struct tsn_files){ .engine = r->engine, .opts = o->feed, .stopped = is_stopped, .stepped = on_step,
		.closed = on_closed, .arg = r };
	for (size_t i = 0; i < o->ninputs && o->progress != NULL; i++)
		r->total += tsn_files_size(o->inputs[i]);
	for (size_t i = 0; i < o->ninputs && !is_stopped(r) && !r->files.failed; i++)
		tsn_files_read(&r->files, o->inputs[i]);
	r->oom |= r->files.failed;
	if (!r->oom)
		tsn_engine_finish(r->engine);
}

/* --- the result --- */

static bool
take_rules(struct run *r, const struct tsn_ruleset *rs)
{
	uint32_t n = rs->nprobes > 0 ? rs->first_probe : rs->program->nrules;
	struct tsn_backtest_rule *rule = tsn_arena_alloc(r->arena, (n + 1) * sizeof(*rule));

	if (rule == NULL)
		return false;
	r->out->rule = rule;
	r->out->nrules = n;
	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_rule *of = &rs->program->rules[i];

		rule[i] = (struct tsn_backtest_rule){ .name = tsn_arena_strdup(r->arena, of->name), .line = of->line,
			.file = tsn_arena_strdup(r->arena, of->file), .canon = tsn_arena_strdup(r->arena, of->canon),
			.severity = of->severity, .disabled = of->disabled, .listed_until = TSN_TIME_NONE };
		if (rule[i].name == NULL || rule[i].file == NULL || rule[i].canon == NULL)
			return false;
	}
	return true;
}

static void
count(struct run *r)
{
	struct tsn_backtest *out = r->out;
	struct tsn_alert_counts n;
	struct tsn_engine_stats s;

	for (uint32_t i = 0; i < out->nrules; i++) {
		tsn_engine_counts(r->engine, i, &n);
		out->rule[i].matches = n.matches;
		out->rule[i].alerts = n.alerts;
		out->evicted += n.evicted + n.lost;
	}
	tsn_engine_stats(r->engine, &s);
	out->flows = s.flows;
	out->first = s.first;
	out->last = s.last;
	out->unreadable = r->files.unreadable;
}

static int
by_name(const void *a, const void *b, void *rules)
{
	const struct tsn_backtest_rule *rule = rules;

	return strcmp(rule[*(const uint32_t *)a].name, rule[*(const uint32_t *)b].name);
}

/* Rules by name, and alerts follow them. */
static bool
sort_rules(struct run *r)
{
	struct tsn_backtest *out = r->out;
	uint32_t n = out->nrules, *order = tsn_arena_alloc(r->arena, (n + 1) * sizeof(*order)),
		 *place = tsn_arena_alloc(r->arena, (n + 1) * sizeof(*place));
	struct tsn_backtest_rule *rule = tsn_arena_alloc(r->arena, (n + 1) * sizeof(*rule));

	if (order == NULL || place == NULL || rule == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_name, out->rule);
	for (uint32_t i = 0; i < n; i++) {
		rule[i] = out->rule[order[i]];
		place[order[i]] = i;
	}
	out->rule = rule;
	for (size_t i = 0; i < r->n; i++)
		r->kept[i].a.rule = place[r->kept[i].a.rule];
	return true;
}

/* Of two matches of `alert each` with one time and key, too, the order must not be chance. */
static int
in_order(const void *pa, const void *pb)
{
	const struct tsn_backtest_alert *a = pa, *b = pb;
	int c;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	c = strcmp(a->key, b->key);
	if (c == 0)
		c = strcmp(a->message, b->message);
	return c != 0 ? c : (a->flows > b->flows) - (a->flows < b->flows);
}

static bool
sort_alerts(struct run *r)
{
	struct tsn_backtest *out = r->out;

	out->alert = tsn_arena_alloc(r->arena, (r->n + 1) * sizeof(*out->alert));
	if (out->alert == NULL)
		return false;
	out->nalerts = r->n;
	for (size_t i = 0; i < r->n; i++) {
		const struct tsn_backtest_alert *a = &r->kept[i].a;
		struct tsn_backtest_rule *rule = &out->rule[a->rule];

		out->alert[i] = *a;
		if (rule->alerts > rule->listed && (rule->listed_until == TSN_TIME_NONE || a->time > rule->listed_until))
			rule->listed_until = a->time;
	}
	if (r->n > 1)
		qsort(out->alert, r->n, sizeof(*out->alert), in_order);
	return true;
}

static bool
load(struct run *r, struct tsn_ruleset *rs, struct tsn_sink *sink)
{
	if (r->engine != NULL && sink != NULL && take_rules(r, rs) && tsn_engine_add_sink(r->engine, sink) &&
	    tsn_engine_load(r->engine, rs, NULL))
		return true;
	tsn_ruleset_free(rs);
	return false;
}

bool
tsn_backtest_run(struct tsn_ruleset *rs, const struct tsn_backtest_options *o, struct tsn_backtest *out)
{
	struct tsn_engine_options engine = { .batch_rows = o->batch_rows, .log = o->feed.log };
	struct run r = { .out = out, .o = o, .arena = tsn_arena_new() };
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, &r, TSN_SEV_INFO);
	bool ok = false;

	*out = (struct tsn_backtest){ .memory = r.arena, .first = TSN_TIME_NONE, .last = TSN_TIME_NONE };
	if (r.arena != NULL)
		r.engine = tsn_engine_new(&engine);
	if (load(&r, rs, sink)) {
		read_inputs(&r);
		if (!r.oom) {
			count(&r);
			ok = sort_rules(&r) && sort_alerts(&r);
		}
	}
	if (r.engine != NULL)
		tsn_engine_remove_sinks(r.engine);
	tsn_sink_close(sink);
	tsn_engine_free(r.engine);
	tsn_free(r.kept);
	tsn_free(r.slot);
	return ok;
}

void
tsn_backtest_fini(struct tsn_backtest *b)
{
	tsn_arena_free(b->memory);
	*b = (struct tsn_backtest){ 0 };
}
