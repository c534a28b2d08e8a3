/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Text that other tools, and `tocsin show`, write: tables with a header line and JSON objects. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decode/text.h"
#include "feed/kind.h"
#include "feed/map.h"
#include "input/lines.h"

#define STEP      4096
#define NAMED     5            /* bad records that are named, each with what is wrong */
#define QUOTE_MAX ((size_t)8 << 10) /* bytes of a line whose quoted cell goes on in the next */

struct text {
	struct tsn_lines lines;
	struct tsn_text *decoder;
	struct tsn_text_map map;
	struct tsn_buf map_text;
	bool objects;
	uint64_t bad, no_flow;
	char no_flow_why[160];
};

static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	return tsn_text_sniff((const char *)p, n, opts->map != NULL) != TSN_TEXT_NONE;
}

static void
close_text(void *self)
{
	struct text *x = self;

	tsn_text_free(x->decoder);
	tsn_buf_fini(&x->map_text);
	tsn_free(x);
}

/* Does the first object go over the end of a line? Then every object may. */
static bool
is_pretty(const uint8_t *p, size_t n)
{
	const uint8_t *from = memchr(p, '{', n), *line;
	unsigned depth = 0;

	if (from == NULL)
		return false;
	line = memchr(from, '\n', n - (size_t)(from - p));
	if (line == NULL)
		return false;
	for (; from < line; from++)
		depth += *from == '{' ? 1u : *from == '}' ? -1u : 0u; /* braces in strings: rare, and no harm */
	return depth != 0;
}

static void
say_unknown(const struct tsn_feed *f, const struct text *x, char error[TSN_INPUT_ERROR])
{
	const char *name;
	size_t len, used;

	if (tsn_text_lacks(x->decoder) >= 0) {
		tsn_map_lacks(&x->map, x->decoder, tsn_text_lacks(x->decoder), error);
		return;
	}
	if (f->opts.unknown != NULL)
		*f->opts.unknown = true;
	used = (size_t)snprintf(error, TSN_INPUT_ERROR, "a table of no known kind; --map can say which column is which field:");
	for (size_t i = 0; i < 4 && tsn_text_column(x->decoder, i, &name, &len) && used < TSN_INPUT_ERROR - 1; i++)
		used += (size_t)snprintf(error + used, TSN_INPUT_ERROR - used, " \"%.*s\"", len < 20 ? (int)len : 20, name);
}

/* Reads up to the header. */
static bool
read_header(const struct tsn_feed *f, struct text *x, char error[TSN_INPUT_ERROR])
{
	struct tsn_line line;

	while (tsn_lines_next(&x->lines, &line)) {
		switch (tsn_text_line(x->decoder, line.p, line.n)) {
		case TSN_TEXT_NOTHING:
			break;
		case TSN_TEXT_UNKNOWN:
			say_unknown(f, x, error);
			return false;
		default:
			snprintf(error, TSN_INPUT_ERROR, "%s", tsn_text_why(x->decoder));
			return false;
		}
		if (tsn_text_name(x->decoder) != NULL)
			return true;
	}
	snprintf(error, TSN_INPUT_ERROR, "has no header line");
	return false;
}

/*
 * Bytes that tell a table from objects, and whether these go over the ends of lines. Not more: of a file that grows or a slow
 * pipe the rows that are there are not to wait for those to come.
 */
static size_t
peek(struct tsn_feed *f)
{
	struct tsn_reader *r = &f->reader;
	size_t n = tsn_reader_need(r, 1), before = 0;

	for (; n < TSN_FEED_PEEK && n > before; before = n, n = tsn_reader_need(r, n + 1)) {
		const uint8_t *p = r->buf + r->pos, *brace = memchr(p, '{', n);
		enum tsn_text_form form = tsn_text_sniff((const char *)p, n, f->opts.map != NULL);

		if (form == TSN_TEXT_TABLE)
			break;
		if (form == TSN_TEXT_OBJECTS && brace != NULL && memchr(brace, '\n', n - (size_t)(brace - p)) != NULL)
			break;
	}
	return n < TSN_FEED_PEEK ? n : TSN_FEED_PEEK;
}

static bool
start(struct tsn_feed *f, struct text *x, char error[TSN_INPUT_ERROR])
{
	size_t n = peek(f);
	const uint8_t *p = f->reader.buf + f->reader.pos;

	if (f->opts.map != NULL && !tsn_map_parse(&x->map, f->opts.map, &x->map_text, error))
		return false;
	x->objects = tsn_text_sniff((const char *)p, n, f->opts.map != NULL) == TSN_TEXT_OBJECTS;
	tsn_lines_init(&x->lines, &f->reader);
	x->lines.pretty = x->objects && is_pretty(p, n);
	x->decoder = tsn_text_new(tsn_engine_exporters(f->engine), tsn_engine_sink(f->engine), f->opts.map != NULL ? &x->map : NULL);
	if (x->decoder == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
		return false;
	}
	if (x->objects && !tsn_text_has_json()) {
		snprintf(error, TSN_INPUT_ERROR, "is JSON, which this build cannot read: it was made without jsmn (libjsmn-dev)");
		return false;
	}
	return x->objects || read_header(f, x, error);
}

static void *
open_text(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct text *x = tsn_calloc(1, sizeof(*x));

	if (x == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
		return NULL;
	}
	f->report.unit = "records";
	if (start(f, x, error)) {
		f->report.kind = x->objects ? "JSON" : tsn_text_name(x->decoder);
		return x;
	}
	close_text(x);
	return NULL;
}

bool
tsn_feed_check_map(const char *map, char error[TSN_INPUT_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_text_map parsed;
	bool good = tsn_map_parse(&parsed, map, &text, error);

	tsn_buf_fini(&text);
	return good;
}

/* --- reading --- */

static void
say_bad(struct tsn_feed *f, struct text *x, uint64_t line, const char *why)
{
	f->report.skipped++;
	if (x->bad++ < NAMED)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: line %llu is left out: %s", f->path, (unsigned long long)line, why);
}

static void
tell(struct tsn_feed *f, struct text *x)
{
	const struct tsn_log *log = f->opts.log;
	const char *name = tsn_text_name(x->decoder);
	char note[160];

	if (x->bad > NAMED)
		tsn_log(log, TSN_LOG_WARN, "%s: %llu records could not be read, the first %d of which are named", f->path,
		    (unsigned long long)x->bad, NAMED);
	for (size_t i = 0; tsn_text_note(x->decoder, i, note); i++)
		tsn_log(log, TSN_LOG_WARN, "%s: %s", f->path, note);
	if (name == NULL)
		tsn_log(log, TSN_LOG_WARN, "%s: no flows in this JSON: none of its objects is of a known kind; --map says which key is which field", f->path);
	else if (f->report.records == 0 && x->no_flow > 0)
		tsn_log(log, TSN_LOG_WARN, "%s: no flows in it: %llu records of something else, such as %s", f->path, (unsigned long long)x->no_flow,
		    x->no_flow_why);
	else
		tsn_log(log, TSN_LOG_INFO, "%s: %s: %llu records, %llu flows; left aside: %llu that are no flows%s%s", f->path, name,
		    (unsigned long long)f->report.records, (unsigned long long)tsn_text_rows(x->decoder), (unsigned long long)x->no_flow,
		    x->no_flow > 0 ? ", such as " : "", x->no_flow_why);
}

/* A last line that its end is missing from and that makes no sense was cut. True if so. */
static bool
is_cut(struct tsn_feed *f, const struct tsn_line *line, const char *why)
{
	if (!line->unended)
		return false;
	f->report.skipped++;
	tsn_feed_damaged(f, line->offset, "the last line is cut: %s", why);
	return true;
}

/* What became of a record. False when memory is out. */
static bool
account(struct tsn_feed *f, struct text *x, const struct tsn_line *line, enum tsn_text_status status)
{
	switch (status) {
	case TSN_TEXT_ROWS:
		f->report.records++;
		break;
	case TSN_TEXT_NOTHING:
		break;
	case TSN_TEXT_NO_FLOW:
	case TSN_TEXT_UNKNOWN:
		f->report.skipped++;
		if (x->no_flow++ == 0)
			snprintf(x->no_flow_why, sizeof(x->no_flow_why), "%s", tsn_text_why(x->decoder));
		break;
	case TSN_TEXT_BAD:
	case TSN_TEXT_QUOTE:
		if (!is_cut(f, line, tsn_text_why(x->decoder)))
			say_bad(f, x, line->number, tsn_text_why(x->decoder));
		break;
	case TSN_TEXT_STOPPED:
		return false;
	}
	return true;
}

/* A line of a table; if a quoted cell goes on in the next lines, with these. */
static enum tsn_text_status
read_line(struct text *x, struct tsn_line *line)
{
	enum tsn_text_status status = tsn_text_line(x->decoder, line->p, line->n);
	struct tsn_lines first = x->lines;
	struct tsn_line whole = *line;

	for (int i = 0; i < 16 && status == TSN_TEXT_QUOTE && whole.n < QUOTE_MAX && tsn_lines_more(&x->lines, &whole); i++)
		status = tsn_text_line(x->decoder, whole.p, whole.n);
	if (status == TSN_TEXT_QUOTE)
		x->lines = first; /* the quote was a mistake: what follows is read by itself */
	else
		line->unended = whole.unended;
	return status;
}

static enum tsn_feed_step
at_end(struct tsn_feed *f, struct text *x)
{
	if (f->reader.error != 0)
		tsn_feed_damaged(f, f->reader.offset, "%s", strerror(f->reader.error));
	tell(f, x);
	return TSN_FEED_END;
}

static enum tsn_feed_step
step_lines(struct tsn_feed *f, struct text *x)
{
	struct tsn_line line;

	for (int i = 0; i < STEP; i++) {
		if (!tsn_lines_next(&x->lines, &line))
			return at_end(f, x);
		if (line.too_long)
			say_bad(f, x, line.number, "it is longer than 256 KB");
		else if (!account(f, x, &line, read_line(x, &line)))
			return TSN_FEED_NO_MEMORY;
	}
	return TSN_FEED_MORE;
}

static enum tsn_feed_step
step_objects(struct tsn_feed *f, struct text *x)
{
	struct tsn_line line;

	for (int i = 0; i < STEP; i++) {
		switch (tsn_lines_object(&x->lines, &line)) {
		case TSN_OBJECT:
			if (!account(f, x, &line, tsn_text_object(x->decoder, line.p, line.n)))
				return TSN_FEED_NO_MEMORY;
			break;
		case TSN_OBJECT_BAD:
			say_bad(f, x, line.number, "it is no JSON object");
			break;
		case TSN_OBJECT_LONG:
			say_bad(f, x, line.number, "it is longer than 256 KB");
			break;
		case TSN_OBJECT_CUT:
			line.unended = true;
			is_cut(f, &line, "an object is not closed");
			return at_end(f, x);
		case TSN_OBJECT_END:
			return at_end(f, x);
		}
		if (tsn_text_name(x->decoder) != NULL)
			f->report.kind = tsn_text_name(x->decoder);
	}
	return TSN_FEED_MORE;
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct text *x = f->self;

	return x->objects ? step_objects(f, x) : step_lines(f, x);
}

const struct tsn_feed_kind tsn_feed_text = { "text", is, open_text, step, close_text };
