/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/metrics.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "core/learning.h"
#include "daemon/watch.h"
#include "sets/set.h"
#include "vm/vm.h"
#include "vm/profile.h"

#define EXPORTERS_SHOWN 4096u /* a flood of made-up exporters must not make a page of millions of lines */

static void
head(struct tsn_buf *out, const char *name, const char *type, const char *help)
{
	tsn_buf_printf(out, "# HELP tocsin_%s %s\n# TYPE tocsin_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline escaped. */
static void
label(struct tsn_buf *out, const char *before, const char *p, size_t n)
{
	tsn_buf_puts(out, before);
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\' || p[i] == '"')
			tsn_buf_putc(out, '\\');
		if (p[i] == '\n')
			tsn_buf_puts(out, "\\n");
		else
			tsn_buf_putc(out, p[i]);
	}
	tsn_buf_putc(out, '"');
}

static void
single(struct tsn_buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
	head(out, name, type, help);
	tsn_buf_printf(out, "tocsin_%s %llu\n", name, (unsigned long long)v);
}

static void
exporter_labels(struct tsn_exporters *t, uint32_t i, const char *before, struct tsn_buf *out)
{
	const struct tsn_exporter *x = tsn_exporters_at(t, i);
	char text[TSN_ADDR_TEXT] = "others";

	if (i > 0)
		tsn_addr_text(x->addr, text);
	label(out, before, text, strlen(text));
	if (x->name.n > 0)
		label(out, ",name=\"", x->name.p, x->name.n);
	tsn_buf_puts(out, "} ");
}

static uint32_t
exporters_shown(struct tsn_exporters *t)
{
	uint32_t n = tsn_exporters_count(t);

	return n < EXPORTERS_SHOWN ? n : EXPORTERS_SHOWN;
}

/* --- the engine --- */

static void
engine(const struct tsn_metrics *m, struct tsn_buf *out)
{
	struct tsn_engine_stats s;
	struct tsn_alert_counts n;

	tsn_engine_stats(m->engine, &s);
	tsn_engine_totals(m->engine, &n);
	single(out, "flows_total", "counter", "flows evaluated", s.flows);
	single(out, "datagrams_total", "counter", "export messages given to the decoder", s.datagrams);
	single(out, "datagrams_damaged_total", "counter", "of them: short, odd or lying", s.damaged);
	single(out, "datagrams_unknown_total", "counter", "of them: of a version that cannot be read", s.version);
	single(out, "dedup_forgotten_total", "counter", "flows that dedup forgot before their time had passed", s.dedup_forgotten);
	single(out, "conversations_total", "counter", "conversations evaluated, if some rule is about them", s.talks);
	single(out, "conversations_open", "gauge", "conversations that are awaited", s.talks_open);
	single(out, "conversations_refused_total", "counter", "flows that found no place among them", s.talks_refused);
	single(out, "feedback_lost_total", "counter", "matches and openings that other rules did not hear of for want of room", s.feedback_lost);
	single(out, "batches_lost_total", "counter", "batches cut short because memory was out", s.lost_to_memory);
	single(out, "alerts_total", "counter", "alerts opened, and records of alert each", n.alerts);
	single(out, "alerts_open", "gauge", "alerts open now", n.open);
	single(out, "alerts_lost_total", "counter", "alerts that lost their place or for which memory was out", n.evicted + n.lost);
	single(out, "reloads_total", "counter", "rules put in force after the first", m->reloads);
	single(out, "reloads_failed_total", "counter", "reloads that left the old rules in force", m->reloads_failed);
	single(out, "reload_failed", "gauge", "1 if the last reload failed", m->reload_failed);
}

static void
rules(const struct tsn_metrics *m, struct tsn_buf *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;
	static const struct { const char *name, *type, *help; size_t at; } v[] = {
		{ "rule_matches_total", "counter", "flows that met the rule", offsetof(struct tsn_alert_counts, matches) },
		{ "rule_alerts_total", "counter", "alerts the rule opened", offsetof(struct tsn_alert_counts, alerts) },
		{ "rule_suppressed_total", "counter", "matches kept quiet by once per", offsetof(struct tsn_alert_counts, suppressed) },
		{ "rule_untold_total", "counter", "openings that other rules and sets did not hear of",
		    offsetof(struct tsn_alert_counts, untold) },
		{ "rule_open", "gauge", "alerts open now", offsetof(struct tsn_alert_counts, open) },
		{ "rule_pending", "gauge", "keys that wait for their for, now", offsetof(struct tsn_alert_counts, pending) },
	};

	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		head(out, v[k].name, v[k].type, v[k].help);
		for (uint32_t i = 0; i < p->nrules; i++) {
			struct tsn_alert_counts n;
			uint64_t value;

			tsn_engine_counts(m->engine, i, &n);
			memcpy(&value, (const char *)&n + v[k].at, sizeof(value));
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{rule=\"", p->rules[i].name, strlen(p->rules[i].name));
			tsn_buf_printf(out, "} %llu\n", (unsigned long long)value);
		}
	}
}

/* Of rules that have such clauses, or had when rows were counted. */
static void
kept_out(const struct tsn_metrics *m, struct tsn_buf *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;

	for (int k = 0; k < 2; k++) {
		const char *name = k == 0 ? "rule_hidden_total" : "rule_outside_total";

		head(out, name, "counter", k == 0 ? "matches that except hid" : "matches outside of during");
		for (uint32_t i = 0; i < p->nrules; i++) {
			struct tsn_kept_out n;
			uint64_t v;

			tsn_engine_kept_out(m->engine, i, &n);
			v = k == 0 ? n.hidden : n.outside;
			if (v == 0)
				continue;
			tsn_buf_printf(out, "tocsin_%s", name);
			label(out, "{rule=\"", p->rules[i].name, strlen(p->rules[i].name));
			tsn_buf_printf(out, "} %llu\n", (unsigned long long)v);
		}
	}
}

/* S46: who cannot feed a rule. The product of rules and exporters is bounded as exporters are. */
static void
left_out(const struct tsn_metrics *m, struct tsn_exporters *t, struct tsn_buf *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;
	uint32_t lines = 0;

	head(out, "rule_left_out_total", "counter",
	    "flows or conversations that took no part in the rule: their exporter does not give what it requires");
	for (uint32_t r = 0; r < p->nrules; r++) {
		for (uint32_t i = 0; i < exporters_shown(t) && lines < EXPORTERS_SHOWN; i++) {
			uint64_t n = tsn_rule_left_out(&p->rules[r], tsn_exporters_at(t, i));

			if (n == 0)
				continue;
			lines++;
			tsn_buf_puts(out, "tocsin_rule_left_out_total");
			label(out, "{rule=\"", p->rules[r].name, strlen(p->rules[r].name));
			exporter_labels(t, i, ",exporter=\"", out);
			tsn_buf_printf(out, "%llu\n", (unsigned long long)n);
		}
	}
}

/* Of the batches that were timed, as if all had been. */
static void
costs(const struct tsn_metrics *m, struct tsn_buf *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;
	struct tsn_profile cost;

	if (!tsn_engine_profile(m->engine, &cost))
		return;
	head(out, "rule_seconds_total", "counter", "CPU time of the rule, from one batch in 61; what rules share is divided among them");
	for (uint32_t i = 0; i < p->nrules && cost.timed > 0; i++) {
		const struct tsn_rule_cost *r = &cost.rules[i];
		double ns = (r->tests + r->windows + r->alerts) * (double)cost.batches / (double)cost.timed;

		tsn_buf_puts(out, "tocsin_rule_seconds_total");
		label(out, "{rule=\"", p->rules[i].name, strlen(p->rules[i].name));
		tsn_buf_printf(out, "} %.9f\n", ns / 1e9);
	}
	tsn_profile_fini(&cost);
}

static void
states(const struct tsn_metrics *m, struct tsn_buf *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;
	static const struct { const char *name, *type, *help; } v[] = {
		{ "state_groups", "gauge", "groups kept for an expression" },
		{ "state_bytes", "gauge", "memory of an expression's groups" },
		{ "state_evicted_total", "counter", "groups that lost their place while their window was live" },
		{ "state_late_total", "counter", "flows older than their group's window" },
		{ "state_silences_unknown_total", "counter", "silences not judged because the exporter was silent, too" },
		{ "state_samples_skipped_total", "counter", "windows that gave no sample because the exporter lost flows or was silent" },
	};

	for (int k = 0; k < 6; k++) {
		head(out, v[k].name, v[k].type, v[k].help);
		for (uint32_t i = 0; i < p->nfamilies; i++) {
			const char *canon = p->families[i].canon;
			struct tsn_family_stats f;
			uint64_t n[6];

			tsn_engine_family(m->engine, i, &f);
			n[0] = f.groups, n[1] = f.bytes, n[2] = f.evicted, n[3] = f.late;
			n[4] = f.unknown_absent, n[5] = f.skipped_samples;
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{expression=\"", canon, strlen(canon));
			tsn_buf_printf(out, "} %llu\n", (unsigned long long)n[k]);
		}
	}
}

/* What there is to say of a set's file; false: it has none, or nobody can say. */
static bool
of_file(const struct tsn_ruleset *rs, uint32_t slot, int64_t now, int which, double *v)
{
	const int64_t written = tsn_set_as_of(rs->sets[slot]);

	if (written == TSN_TIME_NONE || (which == 2 && rs->module->sets[slot].max_age_ms == 0))
		return false;
	*v = which == 1 ? (double)(now - written) / 1000 : which == 2 ? tsn_watch_is_old(rs, slot, now) : rs->refresh_failed[slot];
	return true;
}

static void
sets(const struct tsn_metrics *m, struct tsn_buf *out)
{
	static const struct { const char *name, *help; } v[] = {
		{ "set_members", "members of a named set" },
		{ "set_age_seconds", "time since the set's file was written" },
		{ "set_too_old", "1 if the file is older than max_age: who is in the set is unknown" },
		{ "set_refresh_failed", "1 if the file changed and could not be used: the old members stay" },
	};
	const struct tsn_ruleset *rs = tsn_engine_ruleset(m->engine);

	for (int k = 0; k < 4; k++) {
		head(out, v[k].name, "gauge", v[k].help);
		for (uint32_t i = 0; i < rs->program->nsets; i++) {
			const char *name = rs->module->sets[i].name;
			double value;

			/* a literal in a rule has no name, but files that it names have an age */
			if (name == NULL || rs->sets[i] == NULL || (k == 0 && name[0] == '{'))
				continue;
			value = (double)tsn_set_size(rs->sets[i]);
			if (k > 0 && !of_file(rs, i, m->now, k, &value))
				continue;
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{set=\"", name, strlen(name));
			tsn_buf_printf(out, "} %.0f\n", value);
		}
	}
}

/* --- sockets --- */

static void
sockets(const struct tsn_metrics *m, struct tsn_buf *out)
{
	static const struct { const char *name, *help; } v[] = {
		{ "socket_datagrams_total", "datagrams received" },
		{ "socket_dropped_total", "datagrams the kernel dropped because its buffer was full" },
		{ "socket_truncated_total", "datagrams longer than can be received" },
	};

	for (int k = 0; k < 3; k++) {
		head(out, v[k].name, "counter", v[k].help);
		for (size_t i = 0; i < m->ports->nsockets; i++) {
			const struct tsn_socket *s = &m->ports->sockets[i];
			struct tsn_udp_counters c = { 0 };
			uint64_t n[3];

			if (s->nudp == 0)
				continue;
			tsn_socket_counters(s, &c);
			n[0] = c.datagrams, n[1] = c.kernel_drops, n[2] = c.truncated;
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{listen=\"", s->where, strlen(s->where));
			tsn_buf_printf(out, "} %llu\n", (unsigned long long)n[k]);
		}
	}
}

static void
receivers(const struct tsn_metrics *m, struct tsn_buf *out)
{
	if (m->receivers == NULL)
		return;
	single(out, "receivers", "gauge", "threads that take datagrams from the kernel", tsn_receivers_running(m->receivers));
	single(out, "receiver_waits_total", "counter", "naps of receivers because flows were not evaluated fast enough",
	    tsn_receivers_waits(m->receivers));
}

static void
connections(const struct tsn_metrics *m, struct tsn_buf *out)
{
	static const struct { const char *name, *type, *help; } v[] = {
		{ "connections_open", "gauge", "connections of exporters by TCP and TLS" },
		{ "connections_total", "counter", "connections accepted" },
		{ "connections_refused_total", "counter", "connections closed at once because there were too many" },
		{ "connections_cut_off_total", "counter", "connections closed because what they sent is no message" },
		{ "connections_displaced_total", "counter", "connections without a message that gave their place to a new one" },
		{ "connections_broken_total", "counter", "connections that were reset, or whose TLS failed" },
		{ "connections_unfinished_total", "counter", "connections that ended inside a message" },
		{ "connections_silent_total", "counter", "connections closed because no message came for too long" },
		{ "stream_messages_total", "counter", "export messages received over connections" },
	};

	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		head(out, v[k].name, v[k].type, v[k].help);
		for (size_t i = 0; i < m->ports->nsockets; i++) {
			const struct tsn_socket *s = &m->ports->sockets[i];
			struct tsn_tcp_counters c;

			if (s->tcp == NULL)
				continue;
			tsn_tcp_counters(s->tcp, &c);
			const uint64_t n[] = { c.open, c.accepted, c.refused, c.garbage, c.displaced, c.broken, c.unfinished, c.idle,
				c.messages };

			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{listen=\"", s->where, strlen(s->where));
			tsn_buf_printf(out, "} %llu\n", (unsigned long long)n[k]);
		}
	}
}

/* --- exporters --- */

static bool
silent(const struct tsn_exporter *x)
{
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
		if (x->counter[k] > 0)
			return false;
	return true;
}

static void
exporter_counters(struct tsn_exporters *t, struct tsn_buf *out)
{
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++) {
		const char *name = tsn_exporter_counter_name((enum tsn_exporter_counter)k);

		tsn_buf_printf(out, "# HELP tocsin_exporter_%s_total %s\n# TYPE tocsin_exporter_%s_total counter\n", name,
		    tsn_exporter_counter_help((enum tsn_exporter_counter)k), name);
		for (uint32_t i = 0; i < exporters_shown(t); i++) {
			const struct tsn_exporter *x = tsn_exporters_at(t, i);

			if (silent(x))
				continue;
			tsn_buf_printf(out, "tocsin_exporter_%s_total", name);
			exporter_labels(t, i, "{exporter=\"", out);
			tsn_buf_printf(out, "%llu\n", (unsigned long long)x->counter[k]);
		}
	}
}

/* The value in seconds, or in intervals; false if it is not known. */
static bool
gauge_of(const struct tsn_metrics *m, const struct tsn_exporter *x, int which, double *v)
{
	switch (which) {
	case 0:
		*v = x->skew == TSN_TIME_NONE ? 0 : (double)x->skew / 1000;
		return x->skew != TSN_TIME_NONE;
	case 1:
		*v = x->last_received == TSN_TIME_NONE ? 0 : (double)(m->now - x->last_received) / 1000;
		return x->last_received != TSN_TIME_NONE;
	default:
		*v = x->sampling_override != 0 ? x->sampling_override : x->sampling;
		return *v > 0;
	}
}

static void
exporter_gauges(const struct tsn_metrics *m, struct tsn_exporters *t, struct tsn_buf *out)
{
	static const struct { const char *name, *help; } v[] = {
		{ "exporter_skew_seconds", "time of receipt minus the exporter's clock, of its last datagram" },
		{ "exporter_silent_seconds", "time since its last datagram" },
		{ "exporter_sampling_interval", "one packet in so many is looked at" },
	};

	for (int k = 0; k < 3; k++) {
		head(out, v[k].name, "gauge", v[k].help);
		for (uint32_t i = 0; i < exporters_shown(t); i++) {
			double value;

			if (silent(tsn_exporters_at(t, i)) || !gauge_of(m, tsn_exporters_at(t, i), k, &value))
				continue;
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			exporter_labels(t, i, "{exporter=\"", out);
			tsn_buf_printf(out, "%.3f\n", value);
		}
	}
}

/* Rules that compare with what was learned. */
static void
learning(const struct tsn_metrics *m, struct tsn_buf *out)
{
	static const struct { const char *name, *help; } v[] = {
		{ "rule_learning_groups", "groups that a rule with a baseline or first sightings knows" },
		{ "rule_learned_groups", "of them with enough history to raise an alert" },
		{ "rule_learning_until_seconds", "event time (since 1970) from which the first will have, where none has" },
	};
	const struct tsn_program *p = tsn_engine_ruleset(m->engine)->program;
	struct tsn_learning l;

	for (int k = 0; k < 3; k++) {
		head(out, v[k].name, "gauge", v[k].help);
		for (uint32_t i = 0; i < p->nrules; i++) {
			if (p->rules[i].disabled || !tsn_rule_learning(m->engine, i, &l) || (k == 2 && l.until == TSN_TIME_NONE))
				continue;
			tsn_buf_printf(out, "tocsin_%s", v[k].name);
			label(out, "{rule=\"", p->rules[i].name, strlen(p->rules[i].name));
			tsn_buf_printf(out, "} %lld\n", (long long)(k == 0 ? (int64_t)l.groups : k == 1 ? (int64_t)l.ready : l.until / 1000));
		}
	}
}

static void
snapshots(const struct tsn_metrics *m, struct tsn_buf *out)
{
	struct tsn_snapshot_counts c = { .failing = true, .at = TSN_TIME_NONE };

	if (!m->state_asked)
		return;
	if (m->snapshots != NULL)
		tsn_snapshots_counts(m->snapshots, &c);
	single(out, "snapshots_total", "counter", "snapshots written", c.written);
	single(out, "snapshots_failed_total", "counter", "snapshots that could not be written", c.failed);
	single(out, "snapshots_set_aside_total", "counter", "snapshots that could not be used at the start", c.aside);
	single(out, "snapshot_failing", "gauge", "1 if the last snapshot could not be written, or none can", c.failing);
	single(out, "snapshot_bytes", "gauge", "bytes of the newest snapshot", c.bytes);
	head(out, "snapshot_seconds", "gauge", "what it took to write it, beside the flows");
	tsn_buf_printf(out, "tocsin_snapshot_seconds %.3f\n", (double)c.took_ms / 1000);
	head(out, "snapshot_pause_seconds", "gauge", "for which flows waited for it");
	tsn_buf_printf(out, "tocsin_snapshot_pause_seconds %.6f\n", (double)c.pause_us / 1e6);
	if (c.at == TSN_TIME_NONE)
		return;
	head(out, "snapshot_age_seconds", "gauge", "age of the newest snapshot: what a crash would lose now");
	tsn_buf_printf(out, "tocsin_snapshot_age_seconds %.3f\n", (double)(m->now - c.at) / 1000);
}

void
tsn_metrics_write(const struct tsn_metrics *m, struct tsn_buf *out)
{
	struct tsn_exporters *t = tsn_engine_exporters(m->engine);

	head(out, "build_info", "gauge", "always 1; the version is its label");
	tsn_buf_puts(out, "tocsin_build_info{version=\"" TSN_VERSION "\"} 1\n");
	engine(m, out);
	rules(m, out);
	kept_out(m, out);
	left_out(m, t, out);
	costs(m, out);
	states(m, out);
	sets(m, out);
	sockets(m, out);
	receivers(m, out);
	connections(m, out);
	learning(m, out);
	snapshots(m, out);
	single(out, "exporters", "gauge", "exporters known; the counters of at most 4096 are told", tsn_exporters_count(t) - 1);
	exporter_counters(t, out);
	exporter_gauges(m, t, out);
}
