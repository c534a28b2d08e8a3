/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/tell.h"

#include "core/learning.h"

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
tsn_tell_losses(struct tsn_ports *p, const struct tsn_log *log)
{
	struct tsn_udp_counters c;
	size_t i;

	for (i = 0; i < p->nsockets; i++) {
		struct tsn_socket *s = &p->sockets[i];

		if (s->tcp != NULL) {
			tell_cut_off(s, log);
			continue;
		}
		tsn_udp_counters(s->udp, &c);
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
	tsn_alerts_totals(tsn_engine_alerts(m->engine), &n);
	for (i = 0; i < m->ports->nsockets; i++) {
		if (m->ports->sockets[i].tcp != NULL) {
			tell_connections(&m->ports->sockets[i], log);
			continue;
		}
		tsn_udp_counters(m->ports->sockets[i].udp, &c);
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
