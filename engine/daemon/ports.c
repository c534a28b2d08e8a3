/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "decode/decode.h"

/* LANGUAGE.md section 1: NetFlow, sFlow, IPFIX, where the site names no socket. */
static const uint16_t usual_ports[] = { 2055, 6343, 4739 };

static void
where_text(const struct tsn_site_listen *l, char *text, size_t n)
{
	static const char *const before[] = { [TSN_LISTEN_UDP] = "", [TSN_LISTEN_TCP] = "tcp ", [TSN_LISTEN_TLS] = "tls " };
	char addr[TSN_ADDR_TEXT];

	tsn_addr_text(l->addr, addr);
	snprintf(text, n, l->addr.v4 ? "%s%s:%u" : "%s[%s]:%u", before[l->transport], addr, l->port);
}

/* Over connections there is IPFIX and nothing else (RFC 7011 section 10). */
static int64_t
ipfix_extent(const uint8_t *p, size_t n)
{
	if (n >= 2 && (p[0] != 0 || p[1] != 10))
		return -1;
	return n < 4 ? 0 : tsn_decode_extent(p, n, false);
}

static bool
open_one(struct tsn_socket *s, const struct tsn_site_listen *l, bool beside, unsigned receivers, struct tsn_addr *addr, uint16_t *port,
    char error[TSN_INPUT_ERROR])
{
	struct tsn_tcp_opts opts = { .extent = ipfix_extent, .beside = beside, .cert = l->cert, .key = l->key, .ca = l->ca };

	if (l->transport == TSN_LISTEN_UDP) {
		s->udp[0] = tsn_udp_open(s->where, &(struct tsn_udp_opts){ .beside = beside }, error);
		if (s->udp[0] == NULL)
			return false;
		s->nudp = tsn_udp_spread(s->udp, receivers);
		tsn_udp_local(s->udp[0], addr, port);
		return true;
	}
	s->tcp = tsn_tcp_open(s->where + 4, &opts, error);
	if (s->tcp != NULL)
		tsn_tcp_local(s->tcp, addr, port);
	return s->tcp != NULL;
}

/* One that is open stays so; certificates are read anew, for they expire. */
static bool
keep_socket(struct tsn_ports *p, struct tsn_socket *s, const struct tsn_site_listen *l)
{
	char error[TSN_INPUT_ERROR];

	s->keep = true;
	if (s->fresh || l->transport != TSN_LISTEN_TLS || tsn_tcp_renew(s->tcp, l->cert, l->key, l->ca, error))
		return true;
	tsn_log(p->log, TSN_LOG_ERROR, "%s: %s", s->where, error);
	return false;
}

/* Its place may be taken: a socket that is about to go is no obstacle to one that covers its address. */
static void
share(const struct tsn_socket *s, bool on)
{
	for (unsigned i = 0; i < s->nudp; i++)
		tsn_udp_share(s->udp[i], on);
	if (s->tcp != NULL)
		tsn_tcp_share(s->tcp, on);
}

/* Sockets on this port that are not named any more let another one beside them, or no longer. Were there any? */
static bool
share_port(const struct tsn_ports *p, const struct tsn_site_listen *l, bool on)
{
	bool any = false;

	for (size_t i = 0; i < p->nsockets; i++) {
		const struct tsn_socket *s = &p->sockets[i];

		if (s->named || s->port != l->port || (s->nudp > 0) != (l->transport == TSN_LISTEN_UDP))
			continue;
		share(s, on);
		any = true;
	}
	return any;
}

void
tsn_socket_counters(const struct tsn_socket *s, struct tsn_udp_counters *out)
{
	struct tsn_udp_counters c;

	*out = (struct tsn_udp_counters){ 0 };
	for (unsigned i = 0; i < s->nudp; i++) {
		tsn_udp_counters(s->udp[i], &c);
		out->datagrams += c.datagrams;
		out->bytes += c.bytes;
		out->truncated += c.truncated;
		out->kernel_drops += c.kernel_drops;
		out->receive_buffer = c.receive_buffer;
		out->wanted_buffer = c.wanted_buffer;
	}
}

/* Once: what a burst or a pause would be lost for. */
static void
tell_buffer(struct tsn_ports *p, const struct tsn_socket *s)
{
	struct tsn_udp_counters c;

	tsn_socket_counters(s, &c);
	if (s->nudp == 0 || p->buffer_told || c.receive_buffer >= c.wanted_buffer)
		return;
	tsn_log(p->log, TSN_LOG_WARN, "the kernel grants receive buffers of %zu bytes, not %zu: bursts may be lost; raise net.core.rmem_max",
	    c.receive_buffer, c.wanted_buffer);
	p->buffer_told = true;
}

static bool
want_socket(struct tsn_ports *p, const struct tsn_site_listen *l)
{
	char error[TSN_INPUT_ERROR], text[TSN_ADDR_TEXT], where[sizeof(p->sockets[0].where)];
	struct tsn_socket *s;
	struct tsn_addr addr;
	bool beside, ok;
	uint16_t port;
	size_t i;

	where_text(l, where, sizeof(where));
	for (i = 0; i < p->nsockets; i++)
		if (strcmp(p->sockets[i].where, where) == 0)
			return keep_socket(p, &p->sockets[i], l);
	s = tsn_grow(p->sockets, p->nsockets, &p->cap_sockets, sizeof(*s));
	if (s == NULL)
		return false;
	p->sockets = s;
	s = &p->sockets[p->nsockets];
	memset(s, 0, sizeof(*s));
	memcpy(s->where, where, sizeof(where));
	beside = share_port(p, l, true);
	ok = open_one(s, l, beside, p->receivers, &addr, &port, error);
	if (beside)
		share_port(p, l, false);
	if (!ok) {
		tsn_log(p->log, TSN_LOG_ERROR, "%s: %s", where, error);
		return false;
	}
	s->keep = s->fresh = s->named = true;
	s->port = port;
	s->id = p->opened++;
	p->nsockets++;
	tsn_log(p->log, TSN_LOG_INFO, "listening on %s port %u%s", tsn_addr_text(addr, text), port,
	    l->transport == TSN_LISTEN_UDP ? "" : l->transport == TSN_LISTEN_TCP ? " (tcp)" : " (tls)");
	tell_buffer(p, s);
	return true;
}

/* Before any is opened: which of those that are open does the site name? */
static void
find_named(struct tsn_ports *p, const struct tsn_site *site)
{
	char where[sizeof(p->sockets[0].where)];
	size_t n = site->nlistens > 0 ? site->nlistens : sizeof(usual_ports) / sizeof(usual_ports[0]);

	for (size_t i = 0; i < p->nsockets; i++)
		p->sockets[i].keep = p->sockets[i].named = false;
	for (size_t k = 0; k < n; k++) {
		const struct tsn_site_listen usual = { .port = usual_ports[k % (sizeof(usual_ports) / sizeof(usual_ports[0]))] };

		where_text(site->nlistens > 0 ? &site->listens[k] : &usual, where, sizeof(where));
		for (size_t i = 0; i < p->nsockets; i++)
			if (strcmp(p->sockets[i].where, where) == 0)
				p->sockets[i].named = true;
	}
}

static bool
want_sockets(struct tsn_ports *p, const struct tsn_site *site)
{
	size_t i;

	find_named(p, site);
	for (i = 0; i < site->nlistens; i++)
		if (!want_socket(p, &site->listens[i]))
			return false;
	for (i = 0; site->nlistens == 0 && i < sizeof(usual_ports) / sizeof(usual_ports[0]); i++) {
		struct tsn_site_listen usual = { .port = usual_ports[i] }; /* [::] */

		if (want_socket(p, &usual))
			continue;
		usual.addr = tsn_addr_v4(0); /* a host without IPv6 */
		if (!want_socket(p, &usual))
			return false;
	}
	return true;
}

static struct tsn_sink *
open_sink(const struct tsn_ports *p, enum tsn_output_kind kind, const char *target, enum tsn_severity least)
{
	enum tsn_alert_format format = kind == TSN_OUTPUT_JSON ? TSN_FORMAT_JSON : TSN_FORMAT_TEXT;

	if (target == NULL && p->stdout_text)
		format = p->stdout_color ? TSN_FORMAT_TEXT_COLOR : TSN_FORMAT_TEXT;
	if (target == NULL)
		return tsn_sink_fd_new(STDOUT_FILENO, "stdout", format, least, p->log);
	if (kind == TSN_OUTPUT_SYSLOG)
		return tsn_sink_syslog_new(target, TSN_FORMAT_TEXT, least, p->log);
	return tsn_sink_file_new(target, format, least, p->log);
}

static bool
same_output(const struct tsn_output *o, enum tsn_output_kind kind, const char *target, enum tsn_severity least)
{
	if (o->kind != kind || o->least != least)
		return false;
	return target == NULL || o->target == NULL ? target == o->target : strcmp(target, o->target) == 0;
}

static bool
want_output(struct tsn_ports *p, enum tsn_output_kind kind, const char *target, enum tsn_severity least)
{
	struct tsn_output *o;
	size_t i;

	for (i = 0; i < p->noutputs; i++) {
		if (!p->outputs[i].keep && same_output(&p->outputs[i], kind, target, least)) {
			p->outputs[i].keep = true;
			return true;
		}
	}
	o = tsn_grow(p->outputs, p->noutputs, &p->cap_outputs, sizeof(*o));
	if (o == NULL)
		return false;
	p->outputs = o;
	o = &p->outputs[p->noutputs];
	*o = (struct tsn_output){ .kind = kind, .least = least, .keep = true, .fresh = true };
	if (target != NULL && (o->target = tsn_strdup(target)) == NULL)
		return false;
	o->sink = open_sink(p, kind, target, least);
	if (o->sink == NULL) {
		tsn_log(p->log, TSN_LOG_ERROR, "output %s: %s", target != NULL ? target : "stdout", strerror(errno));
		tsn_free(o->target);
		return false;
	}
	p->noutputs++;
	return true;
}

static bool
want_outputs(struct tsn_ports *p, const struct tsn_site *site)
{
	size_t i;

	for (i = 0; i < p->noutputs; i++)
		p->outputs[i].keep = false;
	for (i = 0; i < site->noutputs; i++)
		if (!want_output(p, site->outputs[i].kind, site->outputs[i].target, site->outputs[i].least))
			return false;
	return site->noutputs > 0 || want_output(p, TSN_OUTPUT_JSON, NULL, TSN_SEV_INFO);
}

/* Closes sockets and outputs for which [drop] says so; the others close ranks. */
static void
sweep(struct tsn_ports *p, bool (*drop_socket)(const struct tsn_socket *), bool (*drop_output)(const struct tsn_output *))
{
	size_t i, n = 0;

	for (i = 0; i < p->nsockets; i++) {
		if (!drop_socket(&p->sockets[i])) {
			p->sockets[n++] = p->sockets[i];
			continue;
		}
		tsn_log(p->log, TSN_LOG_INFO, "no longer listening on %s", p->sockets[i].where);
		while (p->sockets[i].nudp > 0)
			tsn_udp_close(p->sockets[i].udp[--p->sockets[i].nudp]);
		tsn_tcp_close(p->sockets[i].tcp);
	}
	p->nsockets = n;
	for (i = n = 0; i < p->noutputs; i++) {
		if (!drop_output(&p->outputs[i])) {
			p->outputs[n++] = p->outputs[i];
			continue;
		}
		tsn_sink_close(p->outputs[i].sink);
		tsn_free(p->outputs[i].target);
	}
	p->noutputs = n;
}

static bool socket_unnamed(const struct tsn_socket *s) { return !s->keep; }
static bool output_unnamed(const struct tsn_output *o) { return !o->keep; }
static bool output_fresh(const struct tsn_output *o) { return o->fresh; }
static bool socket_any(const struct tsn_socket *s) { return s != NULL; }
static bool output_any(const struct tsn_output *o) { return o != NULL; }
static bool socket_new(const struct tsn_socket *s) { return s->fresh; }

/* Certificates that were read for sockets that stay. */
static void
renewed(struct tsn_ports *p, bool take)
{
	for (size_t i = 0; i < p->nsockets; i++)
		if (p->sockets[i].tcp != NULL)
			tsn_tcp_renewed(p->sockets[i].tcp, take);
}

bool
tsn_ports_prepare(struct tsn_ports *p, const struct tsn_site *site)
{
	size_t i;

	/* before anything can fail: what an earlier call opened is no longer to be taken back */
	for (i = 0; i < p->nsockets; i++)
		p->sockets[i].fresh = false;
	for (i = 0; i < p->noutputs; i++)
		p->outputs[i].fresh = false;
	if (want_sockets(p, site) && want_outputs(p, site))
		return true;
	tsn_ports_cancel(p);
	return false;
}

bool
tsn_ports_change(const struct tsn_ports *p)
{
	for (size_t i = 0; i < p->nsockets; i++)
		if (p->sockets[i].fresh || !p->sockets[i].keep)
			return true;
	return false;
}

void
tsn_ports_commit(struct tsn_ports *p)
{
	size_t i;

	sweep(p, socket_unnamed, output_unnamed);
	renewed(p, true);
	for (i = 0; i < p->noutputs; i++)
		if (!p->outputs[i].fresh)
			tsn_sink_reopen(p->outputs[i].sink);
}

void
tsn_ports_cancel(struct tsn_ports *p)
{
	sweep(p, socket_new, output_fresh);
	renewed(p, false);
}

void
tsn_ports_fini(struct tsn_ports *p)
{
	sweep(p, socket_any, output_any);
	tsn_free(p->sockets);
	tsn_free(p->outputs);
}
