/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"
#include "daemon/clocks.h"

#define BELL         3   /* of the receivers */
#define FIRST_SOCKET 4
#define SNAPSHOT_MS  60000 /* between snapshots: what a crash loses at most */

/* The sinks of the outputs in force, in their order. */
static bool
hand_over_sinks(struct tsn_daemon *d)
{
	size_t i;

	tsn_engine_remove_sinks(d->engine);
	for (i = 0; i < d->ports.noutputs; i++)
		if (d->ports.outputs[i].keep && !tsn_engine_add_sink(d->engine, d->ports.outputs[i].sink))
			return false;
	return true;
}

/* Room for all sockets that are open, before anything is put in force. */
static bool
reserve_poll(struct tsn_daemon *d)
{
	struct pollfd *v = tsn_reallocarray(d->poll, FIRST_SOCKET + d->ports.nsockets * TSN_RECEIVERS_MAX, sizeof(*v));

	if (v != NULL)
		d->poll = v;
	return v != NULL;
}

/* Sockets whose datagrams receivers take are theirs to watch, and their queues hold what comes in a nap. */
static void
fill_poll(struct tsn_daemon *d)
{
	const bool received = tsn_intake_received(&d->in);
	struct pollfd *v = d->poll;

	d->npoll = FIRST_SOCKET;
	d->naps = true;
	v[0] = (struct pollfd){ .fd = d->signals, .events = POLLIN };
	v[1] = (struct pollfd){ .fd = tsn_job_fd(d->job), .events = POLLIN };
	v[2] = (struct pollfd){ .fd = d->http != NULL ? tsn_http_fd(d->http) : -1, .events = POLLIN };
	v[BELL] = (struct pollfd){ .fd = received ? tsn_receivers_fd(d->in.receivers) : -1, .events = POLLIN };
	for (size_t i = 0; i < d->ports.nsockets; i++) {
		const struct tsn_socket *s = &d->ports.sockets[i];

		if (s->tcp != NULL)
			v[d->npoll++] = (struct pollfd){ .fd = tsn_tcp_fd(s->tcp), .events = POLLIN };
		for (unsigned k = 0; k < s->nudp && !received; k++) {
			d->naps &= tsn_nap_fits(s->udp[k]);
			v[d->npoll++] = (struct pollfd){ .fd = tsn_udp_fd(s->udp[k]), .events = POLLIN };
		}
	}
}

/* --- what outlives a restart --- */

/* That there can be no snapshots stops nobody from seeing flows: it is logged, and tried again with the next one. */
static void
open_state(struct tsn_daemon *d)
{
	char error[TSN_STORE_ERROR];

	d->next_snapshot = tsn_steady_ms() + SNAPSHOT_MS;
	d->snapshots = tsn_snapshots_open(d->state, d->log, error);
	if (d->snapshots == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "%s; state is not kept", error);
}

/* Another directory gets its first snapshot soon; what is in the old one stays there. */
static void
set_state(struct tsn_daemon *d, const char *dir)
{
	if (d->state != NULL && dir != NULL && strcmp(d->state, dir) == 0)
		return;
	tsn_snapshots_close(d->snapshots);
	tsn_free(d->state);
	d->snapshots = NULL;
	d->state = dir != NULL ? tsn_strdup(dir) : NULL;
	if (dir != NULL && d->state == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: state is not kept");
	if (d->state == NULL)
		return;
	open_state(d);
	if (d->snapshots != NULL && tsn_engine_ticket(d->engine) == 0)
		tsn_snapshots_restore(d->snapshots, d->engine, tsn_now_ms());
	else if (d->snapshots != NULL)
		d->next_snapshot = tsn_steady_ms();
}

void
tsn_daemon_take_snapshots(struct tsn_daemon *d, int64_t now)
{
	if (d->state == NULL)
		return;
	if (d->snapshots != NULL)
		tsn_snapshots_poll(d->snapshots);
	if (!d->snapshot_asked && now < d->next_snapshot)
		return;
	if (d->snapshots == NULL)
		open_state(d);
	d->next_snapshot = now + SNAPSHOT_MS;
	if (d->snapshots != NULL && tsn_snapshots_begin(d->snapshots, d->engine, tsn_now_ms()))
		d->snapshot_asked = false;
}

/* --- who watches --- */

struct tsn_metrics
tsn_daemon_metrics(const struct tsn_daemon *d)
{
	return (struct tsn_metrics){ d->engine, &d->ports, d->in.receivers, d->snapshots, d->state != NULL, d->reloads, d->reloads_failed,
		d->reload_failed, tsn_now_ms() };
}

static bool
page(void *arg, const char *path, struct tsn_buf *out)
{
	struct tsn_metrics m = tsn_daemon_metrics(arg);

	if (strcmp(path, "/metrics") != 0)
		return false;
	tsn_metrics_write(&m, out);
	return true;
}

/* Opens, moves or closes the page of metrics. That it cannot be opened stops nobody from seeing flows: it is logged. */
static void
set_http(struct tsn_daemon *d, const char *where)
{
	char error[TSN_INPUT_ERROR];

	if (strcmp(where != NULL ? where : "", d->http_where) == 0 && (where == NULL || d->http != NULL))
		return;
	tsn_http_close(d->http);
	d->http = NULL;
	snprintf(d->http_where, sizeof(d->http_where), "%s", where != NULL ? where : "");
	if (where == NULL)
		return;
	d->http = tsn_http_open(where, page, d, error);
	if (d->http == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "%s; there are no metrics", error);
	else
		tsn_log(d->log, TSN_LOG_INFO, "metrics at http://%s/metrics", where);
}

static void
set_ring(struct tsn_daemon *d, const struct tsn_site *site)
{
	if (d->in.ring != NULL && site->ring != NULL && tsn_ring_is(d->in.ring, site->ring, site->ring_bytes))
		return;
	tsn_ring_close(d->in.ring);
	d->in.ring = site->ring == NULL ? NULL : tsn_ring_open(site->ring, site->ring_bytes, d->log);
}

enum tsn_daemon_end
tsn_daemon_put_in_force(struct tsn_daemon *d, struct tsn_load *l, struct tsn_watch *watch)
{
	const struct tsn_ruleset *rs = tsn_load_ruleset(l);

	if (!tsn_ports_prepare(&d->ports, &rs->site))
		return TSN_DAEMON_NO_INPUT;
	if (!reserve_poll(d)) {
		tsn_ports_cancel(&d->ports);
		return TSN_DAEMON_NO_MEMORY;
	}
	tsn_engine_switch(d->engine, l);
	if (!hand_over_sinks(d))
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: an output was left out");
	if (tsn_ports_change(&d->ports))
		tsn_intake_stop(&d->in);
	tsn_intake_drain_unnamed(&d->in);
	tsn_ports_commit(&d->ports);
	if (!tsn_intake_received(&d->in))
		tsn_intake_start(&d->in);
	set_state(d, rs->site.state);
	set_http(d, rs->site.http);
	set_ring(d, &rs->site);
	d->fed.rules = NULL; /* to be judged anew */
	if (watch != NULL)
		tsn_watch_follow(watch, d->watch);
	tsn_watch_free(d->watch);
	d->watch = watch;
	if (d->watch == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: set files are not watched");
	fill_poll(d);
	return TSN_DAEMON_STOPPED;
}
