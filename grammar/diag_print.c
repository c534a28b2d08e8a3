/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The one printer of diagnostics:
 *
 *	rules/scan.tsn:7:8: error: no field "dst_prt" [E012]
 *	    7 |   when dst_prt == 22
 *	      |        ^~~~~~~ did you mean "dst_port"?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/diag_list.h"
#include "grammar/internal.h"

/* Longer lines are cut to a window around the fault, in characters. */
#define LINE_MAX_SHOWN 160
#define LINE_BEFORE    60

struct style {
	const char *place, *kind[3], *caret, *end;
};

static const struct style plain = { "", { "", "", "" }, "", "" };
static const struct style coloured = { "\033[1m", { "\033[1;31m", "\033[1;35m", "\033[1;36m" },
	"\033[1;32m", "\033[0m" };

/* One line of a source, as far as it is shown. */
struct line {
	const char *begin, *end;     /* of the text shown, without its newline */
	bool cut_before, cut_after;
	unsigned number, column;     /* of the span */
};

static size_t
char_len(const char *p, const char *end)
{
	size_t n = tsn_utf8_len(p, (size_t)(end - p));

	return n == 0 ? 1 : n;
}

static const char *
back(const char *p, const char *begin, unsigned chars)
{
	while (p > begin && chars > 0) {
		p--;
		while (p > begin && ((unsigned char)*p & 0xc0) == 0x80)
			p--;
		chars--;
	}
	return p;
}

static struct line
find_line(const struct tsn_source *src, size_t offset)
{
	const char *text = src->text, *at, *p;
	struct line l = { 0 };
	unsigned chars = 0;

	if (offset > src->len)
		offset = src->len;
	at = text + offset;
	tsn_source_locate(src, offset, &l.number, &l.column);
	for (l.begin = at; l.begin > text && l.begin[-1] != '\n'; l.begin--)
		;
	for (l.end = at; l.end < text + src->len && *l.end != '\n'; l.end++)
		;
	if (l.end > l.begin && l.end[-1] == '\r' && l.end > at)
		l.end--;
	if (l.column > LINE_MAX_SHOWN - LINE_BEFORE) {
		p = back(at, l.begin, LINE_BEFORE);
		l.cut_before = p > l.begin;
		l.begin = p;
	}
	for (p = l.begin; p < l.end && chars < LINE_MAX_SHOWN; p += char_len(p, l.end))
		chars++;
	l.cut_after = p < l.end;
	l.end = p;
	return l;
}

/* Control bytes and broken UTF-8 must not reach a terminal. */
static void
add_shown(struct tsn_buf *out, const char *p, const char *end)
{
	size_t n;

	for (; p < end; p += n) {
		n = tsn_utf8_len(p, (size_t)(end - p));
		if (n == 0 || (n == 1 && (unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
			tsn_buf_putc(out, '?');
			n = 1;
		} else {
			tsn_buf_add(out, p, n);
		}
	}
}

/* Copies tabs so that the caret stands under the fault whatever the tab width. */
static void
add_caret(struct tsn_buf *out, const struct line *l, const char *from, const char *to)
{
	const char *p;

	for (p = l->begin; p < from && p < l->end; p += char_len(p, l->end))
		tsn_buf_putc(out, *p == '\t' ? '\t' : ' ');
	tsn_buf_putc(out, '^');
	if (p < l->end)
		p += char_len(p, l->end);
	for (; p < to && p < l->end; p += char_len(p, l->end))
		tsn_buf_putc(out, '~');
}

static void
add_excerpt(struct tsn_buf *out, const struct tsn_source *src, struct tsn_span span,
    const struct line *l, const char *hint, const struct style *s)
{
	size_t end = span.end < src->len ? span.end : src->len;

	tsn_buf_printf(out, "%5u | %s", l->number, l->cut_before ? "..." : "");
	add_shown(out, l->begin, l->end);
	tsn_buf_printf(out, "%s\n      | %s%s", l->cut_after ? "..." : "",
	    l->cut_before ? "   " : "", s->caret);
	add_caret(out, l, src->text + span.begin, src->text + end);
	tsn_buf_puts(out, s->end);
	if (hint != NULL) {
		tsn_buf_putc(out, ' ');
		add_shown(out, hint, hint + strlen(hint));
	}
	tsn_buf_putc(out, '\n');
}

static void
print_at(struct tsn_buf *out, const struct tsn_sources *sources, struct tsn_span span,
    enum tsn_diag_severity severity, const char *code, const char *message, const char *hint,
    const struct style *s)
{
	static const char *const word[] = { "error", "warning", "note" };
	const struct tsn_source *src = NULL;
	struct line l = { 0 };

	if (sources != NULL && span.file < sources->n) {
		src = &sources->v[span.file];
		if (span.begin > src->len)
			span.begin = (uint32_t)src->len;
		l = find_line(src, span.begin);
		tsn_buf_puts(out, s->place);
		add_shown(out, src->name, src->name + strlen(src->name));
		tsn_buf_printf(out, ":%u:%u:%s ", l.number, l.column, s->end);
	}
	tsn_buf_printf(out, "%s%s:%s ", s->kind[severity], word[severity], s->end);
	add_shown(out, message, message + strlen(message));
	tsn_buf_printf(out, "%s\n", code);
	if (src != NULL)
		add_excerpt(out, src, span, &l, hint, s);
	else if (hint != NULL)
		tsn_buf_printf(out, "      %s\n", hint);
}

static void
print_one(struct tsn_buf *out, const struct tsn_sources *sources, const struct tsn_diag *d,
    const struct style *s)
{
	char code[16];

	snprintf(code, sizeof(code), " [%c%03d]", d->severity == TSN_DIAG_ERROR ? 'E' : 'W', (int)d->code);
	print_at(out, sources, d->span, d->severity, code, d->message, d->hint, s);
	if (d->label != NULL)
		print_at(out, sources, d->also, TSN_DIAG_NOTE, "", d->label, NULL, s);
}

static int
by_place(const void *a, const void *b)
{
	const struct tsn_diag *x = *(struct tsn_diag *const *)a, *y = *(struct tsn_diag *const *)b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->span.begin != y->span.begin)
		return x->span.begin < y->span.begin ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void
put_in_order(struct tsn_diags *d, const struct tsn_sources *sources)
{
	for (size_t i = 0; i < d->n; i++) {
		struct tsn_diag *x = d->v[i];

		x->file = sources != NULL && x->span.file < sources->n ? sources->v[x->span.file].order : x->span.file;
	}
	qsort(d->v, d->n, sizeof(*d->v), by_place);
}

void
tsn_diags_print(struct tsn_diags *d, const struct tsn_sources *sources, bool colour,
    struct tsn_buf *out)
{
	const struct style *s = colour ? &coloured : &plain;
	size_t i, errors = 0;

	if (d == NULL || d->n == 0)
		return;
	put_in_order(d, sources);
	for (i = 0; i < d->n; i++) {
		if (d->v[i]->severity == TSN_DIAG_ERROR && errors++ >= TSN_DIAG_ERRORS_MAX)
			continue;
		print_one(out, sources, d->v[i], s);
	}
	if (d->errors > TSN_DIAG_ERRORS_MAX)
		tsn_buf_printf(out, "%serror:%s too many errors, the first %d are shown [E%03d]\n",
		    s->kind[TSN_DIAG_ERROR], s->end, TSN_DIAG_ERRORS_MAX, TSN_E_TOO_MANY);
}

static struct tsn_diag_view
view_of(const struct tsn_diag *x, const struct tsn_sources *sources)
{
	struct tsn_diag_view v = { .severity = x->severity, .code = x->code, .message = x->message, .hint = x->hint };

	if (sources != NULL && x->span.file < sources->n) {
		const struct tsn_source *src = &sources->v[x->span.file];

		v.file = src->name;
		tsn_source_locate(src, x->span.begin, &v.line, &v.column);
		tsn_source_locate(src, x->span.end, &v.end_line, &v.end_column);
	}
	return v;
}

void
tsn_diags_each(struct tsn_diags *d, const struct tsn_sources *sources, void (*each)(void *, const struct tsn_diag_view *), void *arg)
{
	if (d == NULL || d->n == 0)
		return;
	put_in_order(d, sources);
	for (size_t i = 0; i < d->n; i++) {
		const struct tsn_diag_view v = view_of(d->v[i], sources);

		each(arg, &v);
	}
}

void
tsn_diags_filter(struct tsn_diags *d, const struct tsn_sources *sources, bool (*keep)(void *, const struct tsn_diag_view *), void *arg)
{
	size_t n = 0;

	for (size_t i = 0; d != NULL && i < d->n; i++) {
		const struct tsn_diag_view v = view_of(d->v[i], sources);

		if (v.severity != TSN_DIAG_WARNING || keep(arg, &v))
			d->v[n++] = d->v[i];
		else
			d->warnings--;
	}
	if (d != NULL)
		d->n = n;
}
