/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/tell.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/learning.h"

#define HEARD_MS    (5 * 60 * TSN_SECOND) /* until an exporter is judged... */
#define HEARD_SOON  (2 * 60 * TSN_SECOND) /* ...or, if it sent so many flows, until then: answers take their time */
#define HEARD_FLOWS 10000u
#define RULES_NAMED 8u

static void
tell_cut_off(struct tsn_socket *s, const struct tsn_log *log)
{
	struct tsn_tcp_counters c;
	uint64_t all;

	tsn_tcp_counters(s->tcp, &c);
	all = c.refused + c.displaced + c.garbage + c.broken + c.unfinished;
	if (all > s->cut_off_told)
		tsn_log(log, TSN_LOG_WARN,
		    "%s: connections lost so far: %llu sent what is no message, %llu broke or failed in TLS, %llu ended inside a message, "
		    "%llu found no place",
		    s->where, (unsigned long long)c.garbage, (unsigned long long)c.broken, (unsigned long long)c.unfinished,
		    (unsigned long long)(c.refused + c.displaced));
	s->cut_off_told = all;
}

void
tsn_tell_losses(struct tsn_ports *p, struct tsn_receivers *receivers, const struct tsn_log *log)
{
	const int error = receivers != NULL ? tsn_receivers_error(receivers) : 0;
	struct tsn_udp_counters c;
	size_t i;

	if (error != 0)
		tsn_log(log, TSN_LOG_WARN, "a receiver: %s", strerror(error));

	for (i = 0; i < p->nsockets; i++) {
		struct tsn_socket *s = &p->sockets[i];

		if (s->tcp != NULL) {
			tell_cut_off(s, log);
			continue;
		}
		tsn_socket_counters(s, &c);
		if (c.kernel_drops > s->drops_told)
			tsn_log(log, TSN_LOG_WARN, "%s: the kernel dropped %llu datagrams (receive buffer %zu bytes; raise net.core.rmem_max)",
			    s->where, (unsigned long long)(c.kernel_drops - s->drops_told), c.receive_buffer);
		if (c.truncated > s->truncated_told)
			tsn_log(log, TSN_LOG_WARN, "%s: %llu datagrams were longer than can be received and were cut", s->where,
			    (unsigned long long)(c.truncated - s->truncated_told));
		s->drops_told = c.kernel_drops;
		s->truncated_told = c.truncated;
	}
}

static void
tell_exporters(struct tsn_engine *e, const struct tsn_log *log)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	struct tsn_buf line = TSN_BUF_INIT;

	for (uint32_t i = 0; i < tsn_exporters_count(t); i++) {
		tsn_buf_clear(&line);
		if (tsn_exporter_summary(t, i, &line))
			tsn_log(log, TSN_LOG_INFO, "%s", tsn_buf_str(&line));
	}
	tsn_buf_fini(&line);
}

static void
tell_learning(const struct tsn_engine *e, const struct tsn_log *log)
{
	struct tsn_buf line = TSN_BUF_INIT;

	for (uint32_t i = 0; i < tsn_engine_ruleset(e)->program->nrules; i++) {
		tsn_buf_clear(&line);
		if (tsn_rule_learning_text(e, i, &line))
			tsn_log(log, TSN_LOG_INFO, "%s", tsn_buf_str(&line));
	}
	tsn_buf_fini(&line);
}

static void
tell_connections(const struct tsn_socket *s, const struct tsn_log *log)
{
	struct tsn_tcp_counters c;

	tsn_tcp_counters(s->tcp, &c);
	tsn_log(log, TSN_LOG_INFO, "%s: %llu messages, %llu connections, %u open", s->where, (unsigned long long)c.messages,
	    (unsigned long long)c.accepted, c.open);
}

void
tsn_tell_counters(const struct tsn_metrics *m, const struct tsn_log *log)
{
	struct tsn_engine_stats s;
	struct tsn_alert_counts n;
	struct tsn_udp_counters c;
	size_t i;

	tsn_engine_stats(m->engine, &s);
	tsn_engine_totals(m->engine, &n);
	for (i = 0; i < m->ports->nsockets; i++) {
		if (m->ports->sockets[i].tcp != NULL) {
			tell_connections(&m->ports->sockets[i], log);
			continue;
		}
		tsn_socket_counters(&m->ports->sockets[i], &c);
		tsn_log(log, TSN_LOG_INFO, "%s: %llu datagrams, %llu dropped by the kernel, %llu cut", m->ports->sockets[i].where,
		    (unsigned long long)c.datagrams, (unsigned long long)c.kernel_drops, (unsigned long long)c.truncated);
	}
	tell_exporters(m->engine, log);
	tell_learning(m->engine, log);
	tsn_log(log, TSN_LOG_INFO,
	    "%llu datagrams (%llu damaged, %llu of unknown version), %llu flows, %llu matches, %llu alerts, %llu open; "
	    "%llu reloads, %llu failed",
	    (unsigned long long)s.datagrams, (unsigned long long)s.damaged, (unsigned long long)s.version,
	    (unsigned long long)s.flows, (unsigned long long)n.matches, (unsigned long long)n.alerts,
	    (unsigned long long)n.open, (unsigned long long)m->reloads, (unsigned long long)m->reloads_failed);
}

/* --- what exporters do not give --- */

static const struct { enum tsn_requires bit; const char *why; } wants[] = {
	{ TSN_REQ_FLAGS, "no TCP flags" },
	{ TSN_REQ_INTERFACES, "no interfaces" },
	{ TSN_REQ_UNSAMPLED, "sampled" },
	{ TSN_REQ_BOTH_DIRECTIONS, "no answered conversation: is one direction sent only?" },
};

/* "; no TCP flags: a, b and 3 more": the rules that lack it. */
static void
name_rules(const struct tsn_program *p, const struct tsn_exporter *x, size_t want, struct tsn_buf *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nrules; i++) {
		if (!(tsn_rule_lacks(&p->rules[i], x) & wants[want].bit))
			continue;
		if (n == 0)
			tsn_buf_printf(out, "; %s: ", wants[want].why);
		if (n < RULES_NAMED)
			tsn_buf_printf(out, "%s%s", n > 0 ? ", " : "", p->rules[i].name);
		n++;
	}
	if (n > RULES_NAMED)
		tsn_buf_printf(out, " and %u more", n - RULES_NAMED);
}

static void
judge(const struct tsn_program *p, const struct tsn_exporter *x, const struct tsn_log *log)
{
	struct tsn_buf line = TSN_BUF_INIT;
	char text[TSN_ADDR_TEXT];
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nrules; i++)
		n += tsn_rule_lacks(&p->rules[i], x) != 0;
	if (n == 0)
		return;
	for (size_t k = 0; k < sizeof(wants) / sizeof(wants[0]); k++)
		name_rules(p, x, k, &line);
	tsn_log(log, TSN_LOG_WARN, "exporter %s%s%.*s cannot feed %u rule%s%s", tsn_addr_text(x->addr, text), x->name.n > 0 ? " " : "",
	    (int)x->name.n, x->name.n > 0 ? x->name.p : "", n, n == 1 ? "" : "s", tsn_buf_str(&line));
	tsn_buf_fini(&line);
}

static bool
heard_enough(const struct tsn_exporter *x, int64_t now)
{
	int64_t heard = x->first_received == TSN_TIME_NONE ? 0 : now - x->first_received;

	return heard >= HEARD_MS || (heard >= HEARD_SOON && x->counter[TSN_XC_FLOWS] >= HEARD_FLOWS);
}

void
tsn_tell_unfed(struct tsn_fed *f, struct tsn_engine *e, int64_t now, const struct tsn_log *log)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	const struct tsn_ruleset *rules = tsn_engine_ruleset(e);
	uint32_t count = tsn_exporters_count(t);
	uint8_t *judged;

	if (rules == NULL)
		return;
	if (rules != f->rules && f->n > 0)
		memset(f->judged, 0, f->n);
	f->rules = rules;
	if (count > f->n) {
		judged = tsn_reach(f->judged, &f->n, count - 1, sizeof(*judged));
		if (judged == NULL)
			return; /* another time */
		f->judged = judged;
	}
	for (uint32_t i = 1; i < count; i++) {
		const struct tsn_exporter *x = tsn_exporters_at(t, i);

		if (f->judged[i] || !heard_enough(x, now))
			continue;
		f->judged[i] = 1;
		judge(rules->program, x, log);
	}
}
