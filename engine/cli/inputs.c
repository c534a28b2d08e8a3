/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/inputs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "input/pcap.h"

/* One sentence on what a capture held that was not evaluated, if anything. */
static void
tell_damage(struct tsn_inputs *in, const char *path, const struct tsn_pcap_report *r)
{
	if (r->damaged) {
		in->unreadable++;
		if (r->unread >= 0)
			tsn_cli_warn("%s: damaged at byte %llu: %s; %lld bytes were not read, the %llu datagrams before were",
			    path, (unsigned long long)r->damage_offset, r->reason, (long long)r->unread,
			    (unsigned long long)r->datagrams);
		else
			tsn_cli_warn("%s: damaged at byte %llu: %s; the %llu datagrams before were read", path,
			    (unsigned long long)r->damage_offset, r->reason, (unsigned long long)r->datagrams);
	}
	if (r->fragments_incomplete > 0)
		tsn_cli_warn("%s: %llu datagrams lost because IP fragments were missing or overlapped", path,
		    (unsigned long long)r->fragments_incomplete);
	if (r->cut > 0)
		tsn_cli_warn("%s: %llu datagrams were captured in part only (snap length)", path, (unsigned long long)r->cut);
	if (r->datagrams == 0 && !r->damaged && !in->cli->quiet)
		tsn_cli_warn("%s: no NetFlow in this capture (%llu packets, %llu UDP datagrams of other kinds)", path,
		    (unsigned long long)r->packets, (unsigned long long)r->other_udp);
}

static void
tell_verbose(const char *path, const struct tsn_pcap_report *r)
{
	tsn_cli_warn("%s: %llu bytes, %llu packets, %llu export datagrams; left aside: %llu not IP, %llu not UDP, %llu other UDP",
	    path, (unsigned long long)r->bytes, (unsigned long long)r->packets, (unsigned long long)r->datagrams,
	    (unsigned long long)r->not_ip, (unsigned long long)r->not_udp, (unsigned long long)r->other_udp);
}

/* A version that cannot be read is named once an input, with where it came from. */
static void
tell_version(const char *path, const struct tsn_datagram *d)
{
	char text[TSN_ADDR_TEXT];

	tsn_cli_warn("%s: %s sends %s, which is not read yet; its datagrams are counted and left out", path,
	    tsn_addr_text(d->exporter, text), tsn_decode_format(d->payload, d->len));
}

static int
read_capture(struct tsn_inputs *in, const char *path)
{
	uint16_t port = in->cli->port > 0 ? (uint16_t)in->cli->port : 0;
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export, .ports = port ? &port : NULL, .n_ports = port ? 1 : 0 };
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
	bool told = false;
	struct tsn_datagram d;
	uint64_t n = 0, done, total;

	if (p == NULL) {
		tsn_cli_warn("%s", error);
		in->unreadable++;
		return TSN_EXIT_INPUT;
	}
	while (!in->stop && tsn_pcap_next(p, &d)) {
		enum tsn_decode status = tsn_engine_datagram(in->engine, d.payload, d.len, d.exporter, d.received_ms);

		if (status == TSN_DECODE_VERSION && !told) {
			tell_version(path, &d);
			told = true;
		}
		if (status == TSN_DECODE_STOPPED) {
			tsn_pcap_close(p);
			return tsn_cli_no_memory();
		}
		if ((++n & 1023) == 0 && tsn_progress_wanted(&in->progress)) {
			tsn_pcap_progress(p, &done, &total);
			tsn_progress_show(&in->progress, path, done, total);
		}
	}
	tsn_progress_clear(&in->progress);
	if (!in->stop)
		tell_damage(in, path, tsn_pcap_report(p));
	if (in->cli->verbose)
		tell_verbose(path, tsn_pcap_report(p));
	tsn_pcap_close(p);
	return TSN_EXIT_OK;
}

/* Per exporter: what it sent and what went wrong, for --verbose. */
static void
tell_exporters(struct tsn_engine *e)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	struct tsn_buf line = TSN_BUF_INIT;

	for (uint32_t i = 0; i < tsn_exporters_count(t); i++) {
		tsn_buf_clear(&line);
		if (tsn_exporter_summary(t, i, &line))
			tsn_cli_warn("%s", tsn_buf_str(&line));
	}
	tsn_buf_fini(&line);
}

/* Damaged datagrams are counted per exporter; without --verbose one sentence for all. */
static void
tell_datagrams(struct tsn_inputs *in)
{
	struct tsn_engine_stats s;

	if (in->cli->verbose)
		tell_exporters(in->engine);
	tsn_engine_stats(in->engine, &s);
	if (s.damaged > 0 && !in->cli->quiet)
		tsn_cli_warn("%llu of %llu datagrams were short, odd or lying; their whole records were read (--verbose tells which exporters)",
		    (unsigned long long)s.damaged, (unsigned long long)s.datagrams);
}

int
tsn_inputs_open_rows(struct tsn_inputs *in, struct tsn_ruleset *rs,
    void (*on_rows)(void *arg, struct tsn_batch *b, const struct tsn_mask *rows), void *arg)
{
	struct tsn_engine_options o = {
		.batch_rows = in->cli->batch > 0 ? (uint32_t)in->cli->batch : 0, .on_rows = on_rows, .arg = arg,
	};

	in->engine = tsn_engine_new(&o);
	if (in->engine != NULL && (rs == NULL || tsn_engine_load(in->engine, rs, NULL)))
		return 0;
	tsn_ruleset_free(rs);
	tsn_engine_free(in->engine);
	in->engine = NULL;
	return tsn_cli_no_memory();
}

int
tsn_inputs_read(struct tsn_inputs *in)
{
	const struct tsn_cli *c = in->cli;
	size_t i;
	int status;

	if (c->args.n == 0)
		return tsn_cli_usage(c, "no input: name capture files, or - for stdin");
	if (c->port > 65535)
		return tsn_cli_usage(c, "a port ends at 65535");
	tsn_progress_init(&in->progress, c->terminal_err && !c->quiet);
	for (i = 0; i < c->args.n && !in->stop; i++) {
		status = read_capture(in, c->args.v[i]);
		if (status == TSN_EXIT_USAGE)
			return status;
	}
	if (!in->stop)
		tsn_engine_finish(in->engine);
	tell_datagrams(in);
	return in->unreadable > 0 ? TSN_EXIT_INPUT : TSN_EXIT_OK;
}
