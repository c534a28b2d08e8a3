/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The list of diagnostics: what is kept, and what is dropped as a follow-on. Printing is diag_print.c. */
#include "grammar/diag.h"

#include <stdarg.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "grammar/diag_list.h"

/* More than are shown, so that those shown are the first of the file, not the first found. */
#define KEPT_ERRORS 400

struct tsn_diags *
tsn_diags_new(void)
{
	struct tsn_diags *d = tsn_calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->arena = tsn_arena_new();
	if (d->arena == NULL) {
		tsn_free(d);
		return NULL;
	}
	return d;
}

void
tsn_diags_free(struct tsn_diags *d)
{
	if (d == NULL)
		return;
	tsn_arena_free(d->arena);
	tsn_free(d->v);
	tsn_free(d->poison);
	tsn_free(d);
}

size_t
tsn_diags_errors(const struct tsn_diags *d)
{
	return d == NULL ? 0 : d->errors;
}

bool
tsn_diags_have(const struct tsn_diags *d, enum tsn_diag_code code)
{
	for (size_t i = 0; d != NULL && i < d->n; i++)
		if (d->v[i]->code == code && d->v[i]->severity == TSN_DIAG_ERROR)
			return true;
	return false;
}

size_t
tsn_diags_warnings(const struct tsn_diags *d)
{
	return d == NULL ? 0 : d->warnings;
}

size_t
tsn_diags_said(const struct tsn_diags *d)
{
	return d == NULL ? 0 : d->said;
}

static char *
format(struct tsn_diags *d, const char *fmt, va_list ap)
{
	struct tsn_buf b = TSN_BUF_INIT;
	char *text;

	tsn_buf_vprintf(&b, fmt, ap);
	text = b.failed ? NULL : tsn_arena_strdup(d->arena, tsn_buf_str(&b));
	tsn_buf_fini(&b);
	return text;
}

/* An empty span (the end of the file) stands for the place it points at. */
static bool
touch(struct tsn_span a, struct tsn_span b)
{
	uint32_t a_end = a.end > a.begin ? a.end : a.begin + 1;
	uint32_t b_end = b.end > b.begin ? b.end : b.begin + 1;

	return a.file == b.file && a.file != UINT32_MAX && a.begin < b_end && b.begin < a_end;
}

bool
tsn_diags_error_in(const struct tsn_diags *d, struct tsn_span span)
{
	size_t i;

	if (d == NULL)
		return false;
	for (i = 0; i < d->n; i++)
		if (d->v[i]->severity == TSN_DIAG_ERROR && touch(d->v[i]->span, span))
			return true;
	return false;
}

static bool
follow_on(const struct tsn_diags *d, struct tsn_span span)
{
	struct tsn_span start = { span.file, span.begin, span.begin + 1 };
	size_t i;

	if (tsn_diags_error_in(d, span))
		return true;
	for (i = 0; i < d->npoison; i++)
		if (touch(d->poison[i], start))
			return true;
	return false;
}

static struct tsn_diag *
add(struct tsn_diags *d, enum tsn_diag_severity severity, enum tsn_diag_code code,
    struct tsn_span span, const char *fmt, va_list ap)
{
	struct tsn_diag *diag, **v;

	if (d == NULL)
		return NULL;
	d->said++;
	if (follow_on(d, span))
		return NULL;
	if (severity == TSN_DIAG_ERROR ? d->errors++ >= KEPT_ERRORS : d->warnings >= TSN_DIAG_WARNINGS_MAX)
		return NULL;
	diag = tsn_arena_alloc(d->arena, sizeof(*diag));
	v = tsn_grow(d->v, d->n, &d->cap, sizeof(*d->v));
	if (v != NULL)
		d->v = v;
	if (v == NULL || diag == NULL)
		return NULL;
	diag->message = format(d, fmt, ap);
	if (diag->message == NULL)
		diag->message = "(no memory for the message)";
	diag->list = d;
	diag->severity = severity;
	diag->code = code;
	diag->span = span;
	diag->order = d->n;
	d->warnings += severity == TSN_DIAG_WARNING;
	v[d->n++] = diag;
	return diag;
}

struct tsn_diag *
tsn_diag_error(struct tsn_diags *d, enum tsn_diag_code code, struct tsn_span span,
    const char *fmt, ...)
{
	struct tsn_diag *diag;
	va_list ap;

	va_start(ap, fmt);
	diag = add(d, TSN_DIAG_ERROR, code, span, fmt, ap);
	va_end(ap);
	return diag;
}

struct tsn_diag *
tsn_diag_warn(struct tsn_diags *d, enum tsn_diag_code code, struct tsn_span span,
    const char *fmt, ...)
{
	struct tsn_diag *diag;
	va_list ap;

	va_start(ap, fmt);
	diag = add(d, TSN_DIAG_WARNING, code, span, fmt, ap);
	va_end(ap);
	return diag;
}

void
tsn_diag_hint(struct tsn_diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (diag == NULL)
		return;
	va_start(ap, fmt);
	diag->hint = format(diag->list, fmt, ap);
	va_end(ap);
}

void
tsn_diag_also(struct tsn_diag *diag, struct tsn_span span, const char *fmt, ...)
{
	va_list ap;

	if (diag == NULL)
		return;
	va_start(ap, fmt);
	diag->label = format(diag->list, fmt, ap);
	va_end(ap);
	diag->also = span;
}

void
tsn_diags_poison(struct tsn_diags *d, struct tsn_span span)
{
	struct tsn_span *v;

	/* One entry per dropped error would be enough; the bound keeps hostile files cheap. */
	if (d == NULL)
		return;
	d->said++;
	if (d->npoison >= KEPT_ERRORS)
		return;
	v = tsn_grow(d->poison, d->npoison, &d->poison_cap, sizeof(*d->poison));
	if (v == NULL)
		return;
	d->poison = v;
	v[d->npoison++] = span;
}
