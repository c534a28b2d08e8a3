/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/sink.h"

#include <string.h>


void
tsn_alert_format(const struct tsn_alert *al, enum tsn_alert_format format, struct tsn_buf *out)
{
	if (format == TSN_FORMAT_JSON)
		tsn_alert_json(al, out);
	else
		tsn_alert_text(al, format == TSN_FORMAT_TEXT_COLOR, out);
}

void
tsn_sink_write(struct tsn_sink *s, const struct tsn_alert *al)
{
	if (al->severity >= s->at_least)
		s->ops->write(s, al);
}

void
tsn_sink_flush(struct tsn_sink *s)
{
	if (s->ops->flush != NULL)
		s->ops->flush(s);
}

void
tsn_sink_reopen(struct tsn_sink *s)
{
	if (s->ops->reopen != NULL)
		s->ops->reopen(s);
}

void
tsn_sink_close(struct tsn_sink *s)
{
	if (s != NULL)
		s->ops->close(s);
}

void
tsn_sink_went(struct tsn_sink *s, const char *name, int error)
{
	if (error != 0 && !s->failing)
		tsn_log(s->log, TSN_LOG_ERROR, "cannot write alerts to %s: %s", name, strerror(error));
	if (error == 0 && s->failing)
		tsn_log(s->log, TSN_LOG_INFO, "alerts are written to %s again; %llu were lost in all", name,
		    (unsigned long long)s->failed);
	s->failing = error != 0;
}
