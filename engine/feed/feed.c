/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "feed/feed.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "feed/kind.h"
#include "input/unpack.h"

static const struct tsn_feed_kind *const kinds[] = {
#define KIND(name, help) &tsn_feed_##name,
#include "feed/kinds.def"
#undef KIND
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *
tsn_feed_kind(size_t i)
{
	return i < KINDS ? kinds[i]->name : NULL;
}

const char *
tsn_feed_kind_help(size_t i)
{
	static const char *const text[] = {
#define KIND(name, help) help,
#include "feed/kinds.def"
#undef KIND
	};

	return i < KINDS ? text[i] : NULL;
}

/* Is there enough to tell by: the end of a line, or what is no text? */
static bool
telling(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\t')
			return true;
	return false;
}

static bool
is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && (p[i] < '\t' || p[i] > '\r'))
			return false;
	return true;
}

static const struct tsn_feed_kind *
known_to(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i]->is(p, n, opts))
			return kinds[i];
	return NULL;
}

/* NULL, with the reason, if no kind knows these bytes. */
static const struct tsn_feed_kind *
recognise(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct tsn_reader *r = &f->reader;
	/* with a waiter, the next byte may be long in coming: what is there must do, if it can */
	size_t n = tsn_reader_need(r, f->opts.waiter.wait != NULL ? 1 : TSN_FEED_PEEK);
	const struct tsn_feed_kind *kind = NULL;
	const uint8_t *p = r->buf + r->pos;

	while (kind == NULL) {
		bool all = n >= TSN_FEED_PEEK || r->eof;

		if (all || telling(p, n))
			kind = known_to(p, n, &f->opts);
		if (all)
			break;
		if (kind == NULL)
			n = tsn_reader_need(r, n + 1);
		p = r->buf + r->pos;
	}
	if (kind != NULL)
		return kind;
	if (n == 0 && r->error != 0) {
		snprintf(error, TSN_INPUT_ERROR, "%s", tsn_reader_error(r));
		return NULL;
	}
	if (f->opts.unknown != NULL)
		*f->opts.unknown = true;
	if (r->packed != NULL && tsn_unpack_kind(p, n) != NULL)
		snprintf(error, TSN_INPUT_ERROR, "is compressed twice: unpack it once (%s)", r->packed);
	else
		snprintf(error, TSN_INPUT_ERROR, "%s", n == 0 ? "is empty"
		    : is_text(p, n) ? "is no kind of input that can be read (if it is a table, --map can say which column is which field)"
				    : "is no kind of input that can be read (`tocsin run --help` lists them)");
	return NULL;
}

struct tsn_feed *
tsn_feed_open(const char *path, const struct tsn_feed_opts *opts, struct tsn_engine *engine, char error[TSN_INPUT_ERROR])
{
	struct tsn_feed *f = tsn_calloc(1, sizeof(*f));
	char why[TSN_INPUT_ERROR] = "memory is out";

	if (f == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "%s: memory is out", path);
		return NULL;
	}
	f->opts = *opts;
	f->engine = engine;
	f->path = strcmp(path, "-") == 0 ? "standard input" : path;
	f->report.unread = -1;
	if (!tsn_reader_open(&f->reader, path, error)) {
		tsn_free(f);
		return NULL;
	}
	f->reader.waiter = f->opts.waiter;
	f->reader.hands = tsn_engine_hands(engine);
	f->kind = recognise(f, why);
	if (f->kind != NULL && (f->self = f->kind->open(f, why)) != NULL)
		return f;
	snprintf(error, TSN_INPUT_ERROR, "%.100s: %.150s", f->path, why);
	tsn_feed_close(f);
	return NULL;
}

enum tsn_feed_step
tsn_feed_step(struct tsn_feed *f)
{
	enum tsn_feed_step step = f->kind->step(f);

	/* a kind that took the end of what could be read for the end */
	if (step == TSN_FEED_END && f->reader.error != 0 && !f->report.damaged)
		tsn_feed_damaged(f, f->reader.offset, "cannot read on: %s", tsn_reader_error(&f->reader));
	return step;
}

const struct tsn_feed_report *
tsn_feed_report(const struct tsn_feed *f)
{
	return &f->report;
}

void
tsn_feed_progress(const struct tsn_feed *f, uint64_t *done, uint64_t *total)
{
	tsn_reader_progress(&f->reader, done, total);
}

void
tsn_feed_close(struct tsn_feed *f)
{
	if (f == NULL)
		return;
	if (f->kind != NULL && f->self != NULL)
		f->kind->close(f->self);
	tsn_reader_close(&f->reader);
	tsn_free(f);
}

void
tsn_feed_damaged(struct tsn_feed *f, uint64_t offset, const char *fmt, ...)
{
	struct tsn_feed_report *r = &f->report;
	va_list args;

	if (f->reader.stopped && f->reader.error == 0) {
		/* its writer was not done, and we were not to wait for it */
		tsn_log(f->opts.log, TSN_LOG_INFO, "%s: what was written last, from byte %llu on, was not whole yet", f->path,
		    (unsigned long long)offset);
		return;
	}
	r->damaged = true;
	r->damage_offset = offset;
	r->unread = f->reader.total == 0 ? -1 : f->reader.total > offset ? (int64_t)(f->reader.total - offset) : 0;
	va_start(args, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, args);
	va_end(args);
	if (r->unread >= 0)
		tsn_log(f->opts.log, TSN_LOG_ERROR, "%s: damaged at byte %llu: %s; %lld bytes were not read, the %llu %s before were",
		    f->path, (unsigned long long)offset, r->reason, (long long)r->unread, (unsigned long long)r->records, r->unit);
	else
		tsn_log(f->opts.log, TSN_LOG_ERROR, "%s: damaged at byte %llu: %s; the %llu %s before were read", f->path,
		    (unsigned long long)offset, r->reason, (unsigned long long)r->records, r->unit);
}
