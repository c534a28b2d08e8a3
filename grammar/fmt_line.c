/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Tokens to lines. A clause that fits stays on one line. One that does not is broken before
 * every `and` and `or` of its outermost level (a flow: before `repeat`), or behind commas where it
 * has none there; the pieces are treated in the same way. A comment inside a clause ends its line.
 */
#include "grammar/fmt_line.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "parser.tab.h"

static const char *
token_text(const struct tsn_fmt *f, size_t i, size_t *len)
{
	const struct tsn_token *t = &f->v[i];
	const char *word = t->kind == TSN_TOK_AND ? "and" : t->kind == TSN_TOK_OR ? "or" :
	    t->kind == TSN_TOK_NOT ? "not" : t->kind == TSN_TOK_TIME_RECEIVED ? "time received" : NULL;

	if (word != NULL) {
		*len = strlen(word);
		return word;
	}
	*len = t->end - t->begin;
	if (t->kind == TSN_TOK_COMMENT)
		while (*len > 0 && isspace((unsigned char)f->text[t->begin + *len - 1]))
			(*len)--;
	return f->text + t->begin;
}

/* SYN, RST, N: the flags of RST|ACK are written together. */
static bool
is_flag(const struct tsn_fmt *f, size_t i)
{
	uint32_t at;

	if (i >= f->n || f->v[i].kind != TSN_TOK_NAME)
		return false;
	for (at = f->v[i].begin; at < f->v[i].end; at++)
		if (!isupper((unsigned char)f->text[at]))
			return false;
	return true;
}

static bool
is_tight_bar(const struct tsn_fmt *f, size_t i)
{
	return f->v[i].kind == '|' && i > 0 && is_flag(f, i - 1) && is_flag(f, i + 1);
}

/* Whether a blank stands between token i - 1 and token i on one line. */
static bool
blank_before(const struct tsn_fmt *f, size_t i)
{
	int a = f->v[i - 1].kind, b = f->v[i].kind;

	if (a == '(' || b == ')' || b == ',' || a == TSN_TOK_DOTDOT || b == TSN_TOK_DOTDOT)
		return false;
	if (f->mark[i - 1] == TSN_FMT_TIGHT || f->mark[i] == TSN_FMT_TIGHT || f->mark[i - 1] == TSN_FMT_UNARY)
		return false;
	if (b == '(' && f->mark[i - 1] == TSN_FMT_CALL)
		return false;
	return !is_tight_bar(f, i) && !is_tight_bar(f, i - 1);
}

static unsigned
text_width(const char *s, size_t n)
{
	unsigned w = 0;
	size_t i;

	for (i = 0; i < n; i++)
		w += ((unsigned char)s[i] & 0xc0) != 0x80;
	return w;
}

static unsigned
width(const struct tsn_fmt *f, size_t lo, size_t hi)
{
	unsigned w = 0;
	size_t i, n;

	for (i = lo; i < hi; i++) {
		const char *s = token_text(f, i, &n);

		w += text_width(s, n) + (i > lo && blank_before(f, i));
	}
	return w;
}

static unsigned
newlines(const struct tsn_fmt *f, uint32_t from, uint32_t to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += f->text[from] == '\n';
	return n;
}

static void
start_line(struct tsn_fmt *f, unsigned indent)
{
	bool blank = f->want_blank || newlines(f, f->source_end, f->v[f->pos].begin) > 1;
	unsigned i;

	if (f->out->len > f->start) {
		tsn_buf_putc(f->out, '\n');
		if (blank && !f->no_blank)
			tsn_buf_putc(f->out, '\n');
	}
	f->want_blank = f->no_blank = false;
	f->column = indent * TSN_FMT_INDENT + f->hang;
	for (i = 0; i < f->column; i++)
		tsn_buf_putc(f->out, ' ');
}

/* The next line belongs to the one before, whatever blank lines the source has there. */
static void
continue_line(struct tsn_fmt *f, unsigned indent)
{
	f->no_blank = true;
	start_line(f, indent);
}

static void
put(struct tsn_fmt *f, bool blank)
{
	size_t n;
	const char *s = token_text(f, f->pos, &n);

	if (blank)
		tsn_buf_putc(f->out, ' ');
	tsn_buf_add(f->out, s, n);
	f->column += text_width(s, n) + blank;
	f->source_end = f->v[f->pos].end;
	f->pos++;
}

/* Places tokens up to [hi] on the line that was begun; [first] is the first of that line. */
static void
put_all(struct tsn_fmt *f, size_t hi, size_t first)
{
	while (f->pos < hi)
		put(f, f->pos > first && blank_before(f, f->pos));
}

void
tsn_fmt_comments(struct tsn_fmt *f, unsigned indent)
{
	while (f->v[f->pos].kind == TSN_TOK_COMMENT) {
		bool behind = f->out->len > f->start && newlines(f, f->source_end, f->v[f->pos].begin) == 0;

		if (behind)
			tsn_buf_puts(f->out, "  ");
		else
			start_line(f, indent);
		put(f, false);
	}
}

/* ---- breaking ---- */

static bool
is_logic(const struct tsn_fmt *f, size_t i)
{
	return f->v[i].kind == TSN_TOK_AND || f->v[i].kind == TSN_TOK_OR || f->mark[i] == TSN_FMT_BREAK;
}

static bool
is_behind_comma(const struct tsn_fmt *f, size_t i)
{
	return f->v[i - 1].kind == ',' && f->mark[i - 1] != TSN_FMT_KEYS;
}

/* Whether a line may be broken before token i. */
static bool
is_break(const struct tsn_fmt *f, size_t i, bool logic)
{
	return logic ? is_logic(f, i) : is_behind_comma(f, i);
}

/*
 * The outermost level with a place to break, and whether logic or commas break it. Commas bind
 * looser, so they do if both are there; not in f(a, b where C and D), where logic follows `where`
 * and no comma follows it. False if there is no place.
 */
static bool
find_level(const struct tsn_fmt *f, size_t lo, size_t hi, unsigned *level, bool *logic)
{
	bool found = false, comma = false, where = false, parted = false;
	size_t i;

	for (i = lo + 1; i < hi; i++) {
		bool here = is_logic(f, i), behind = is_behind_comma(f, i);

		if (!here && !behind && f->v[i].kind != TSN_TOK_WHERE)
			continue;
		if ((here || behind) && (!found || f->v[i].depth < *level)) {
			*level = f->v[i].depth;
			*logic = comma = where = parted = false;
			found = true;
		}
		if (!found || f->v[i].depth != *level)
			continue;
		where |= f->v[i].kind == TSN_TOK_WHERE;
		parted |= (behind && *logic) || (here && comma && !where);
		*logic |= here;
		comma |= behind;
	}
	*logic &= !parted;
	return found;
}

/* A line being filled: its indentation, the token it begins with, the brackets open there. */
struct line {
	unsigned indent, depth;
	size_t first;
};

/* Tokens up to [hi], none of them a comment. What is broken within brackets is indented by their depth. */
static void
place(struct tsn_fmt *f, size_t hi, struct line line)
{
	size_t lo = f->pos, i;
	unsigned level = 0;
	bool logic = false, gap = lo > line.first && blank_before(f, lo);
	struct line later = line;

	if (f->column + gap + width(f, lo, hi) <= TSN_FMT_COLUMNS || !find_level(f, lo, hi, &level, &logic)) {
		put_all(f, hi, line.first);
		return;
	}
	later.indent += 1 + (level > line.depth ? level - line.depth : 0);
	later.depth = level;
	while (f->pos < hi) {
		for (i = f->pos + 1; i < hi && !(f->v[i].depth == level && is_break(f, i, logic)); i++)
			;
		gap = f->pos > line.first && blank_before(f, f->pos);
		if (f->pos > lo && (logic || f->column + gap + width(f, f->pos, i) > TSN_FMT_COLUMNS)) {
			continue_line(f, later.indent);
			line = later;
			line.first = f->pos;
		}
		/* A piece is smaller than the whole, so this ends. */
		place(f, i, line);
	}
}

/* Tokens up to [hi] with the comments among them. */
static void
place_with_comments(struct tsn_fmt *f, size_t hi, struct line line)
{
	unsigned indent = line.indent + 1;
	size_t i;

	while (f->pos < hi) {
		for (i = f->pos; i < hi && f->v[i].kind != TSN_TOK_COMMENT; i++)
			;
		place(f, i, line);
		if (f->pos >= hi)
			return;
		f->no_blank = true;
		tsn_fmt_comments(f, indent);
		if (f->pos < hi)
			continue_line(f, indent);
		line.first = f->pos;
	}
}

/* ---- lists in braces ---- */

/* The outermost braces among the tokens; false if there are none. */
static bool
find_braces(const struct tsn_fmt *f, size_t lo, size_t hi, size_t *open, size_t *close)
{
	size_t i;

	for (i = lo; i < hi && f->v[i].kind != '{'; i++)
		;
	*open = i;
	for (i++; i < hi && !(f->v[i].kind == '}' && f->v[i].depth == f->v[*open].depth); i++)
		;
	*close = i;
	return i < hi;
}

static bool
has_comment(const struct tsn_fmt *f, size_t lo, size_t hi)
{
	for (; lo < hi; lo++)
		if (f->v[lo].kind == TSN_TOK_COMMENT)
			return true;
	return false;
}

/* Where the member at [i] ends: behind its comma, or at [close]. */
static size_t
member_end(const struct tsn_fmt *f, size_t i, size_t close, unsigned depth)
{
	for (; i < close; i++)
		if (f->v[i].kind == ',' && f->v[i].depth == depth)
			return i + 1;
	return close;
}

static void
place_members(struct tsn_fmt *f, size_t close, unsigned indent)
{
	struct line line = { indent, f->v[f->pos].depth, 0 };
	bool fresh = true;
	size_t end;

	while (f->pos < close) {
		if (f->v[f->pos].kind == TSN_TOK_COMMENT) {
			tsn_fmt_comments(f, indent);
			fresh = true;
			continue;
		}
		end = member_end(f, f->pos, close, line.depth);
		if (fresh || newlines(f, f->source_end, f->v[f->pos].begin) > 0 ||
		    f->column + 1 + width(f, f->pos, end) > TSN_FMT_COLUMNS) {
			start_line(f, indent);
			line.first = f->pos;
		}
		fresh = has_comment(f, f->pos, end);
		place_with_comments(f, end, line);
	}
}

/* set NAME = { members on lines of their own } options */
static bool
place_list(struct tsn_fmt *f, size_t lo, size_t hi, unsigned indent)
{
	size_t open, close;

	if (!find_braces(f, lo, hi, &open, &close) || open + 1 == close || has_comment(f, lo, open))
		return false;
	if (!has_comment(f, open, close) && newlines(f, f->v[open].end, f->v[close].begin) == 0 &&
	    f->column + width(f, f->pos, hi) < TSN_FMT_COLUMNS)
		return false;
	put_all(f, open + 1, lo);
	f->no_blank = true;
	place_members(f, close, indent + 1);
	continue_line(f, indent);
	place_with_comments(f, hi, (struct line){ indent, f->v[lo].depth, f->pos });
	return true;
}

/* The word that begins a clause, and blanks up to where its value stands. */
static void
put_padded(struct tsn_fmt *f, size_t hi, unsigned pad)
{
	unsigned begin = f->column;

	put(f, false);
	/* One blank is the one that stands before the next token anyway. */
	for (; f->pos < hi && f->v[f->pos].kind != TSN_TOK_COMMENT && f->column + 1 < begin + pad; f->column++)
		tsn_buf_putc(f->out, ' ');
}

void
tsn_fmt_run(struct tsn_fmt *f, uint32_t end, unsigned indent, unsigned pad, bool list)
{
	size_t lo = f->pos, hi = lo;

	while (hi < f->n - 1 && f->v[hi].begin < end)
		hi++;
	if (hi == lo)
		return;
	start_line(f, indent);
	put_padded(f, hi, pad);
	if (list && place_list(f, lo, hi, indent))
		return;
	f->hang = pad > TSN_FMT_INDENT ? pad - TSN_FMT_INDENT : 0;
	place_with_comments(f, hi, (struct line){ indent, f->v[lo].depth, lo });
	f->hang = 0;
}
