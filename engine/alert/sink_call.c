/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/sink.h"
#include "base/mem.h"

struct call_sink {
	struct tsn_sink sink;
	tsn_alert_fn *fn;
	void *arg;
};

static void
call_write(struct tsn_sink *s, const struct tsn_alert *al)
{
	struct call_sink *c = (struct call_sink *)s;

	c->fn(c->arg, al);
	s->written++;
}

static void
call_close(struct tsn_sink *s)
{
	tsn_free(s);
}

static const struct tsn_sink_ops call_ops = { .write = call_write, .close = call_close };

struct tsn_sink *
tsn_sink_call_new(tsn_alert_fn *fn, void *arg, enum tsn_severity at_least)
{
	struct call_sink *c = tsn_calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->sink.ops = &call_ops;
	c->sink.at_least = at_least;
	c->fn = fn;
	c->arg = arg;
	return &c->sink;
}
