/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The page of tune --html: one file, no scripts, nothing fetched; plots are SVG, colours follow the reader's light or dark. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "cli/tune.h"

#define WIDTH 760.0
#define HEIGHT 260.0
#define LEFT 60.0    /* of the plot: room for labels */
#define BOTTOM 40.0
#define TOP 14.0

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1c2430; --dim: #647084; --line: #d5dae2; --page: #fff; --bar: #4a7bb5; --mark: #c2482f; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ee; --dim: #98a3b5; --line: #39424f; --page: #151a21; --bar: #6f9fd8; "
    "--mark: #ef8467; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 2rem } code { font-size: .92em }\n"
    "table { border-collapse: collapse; width: 100% } th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--line); "
    "font-variant-numeric: tabular-nums }\n"
    "th.t, td.t { text-align: left; font-variant-numeric: normal } .s td { color: var(--mark); font-weight: 600 } .n td { font-weight: 600 }\n"
    "svg { width: 100%; height: auto } svg text { fill: var(--dim); font: 11px system-ui, sans-serif }\n"
    ".b { fill: var(--bar) } .l { stroke: var(--bar); fill: none; stroke-width: 2 } .a { stroke: var(--line) } .m { stroke: var(--mark); stroke-dasharray: 4 3 } "
    "svg text.k { fill: var(--mark) }\n"
    "</style>\n";

static void
put(struct tsn_buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		switch (*s) {
		case '&': tsn_buf_puts(out, "&amp;"); break;
		case '<': tsn_buf_puts(out, "&lt;"); break;
		case '>': tsn_buf_puts(out, "&gt;"); break;
		case '"': tsn_buf_puts(out, "&quot;"); break;
		default: tsn_buf_putc(out, (unsigned char)*s < ' ' && *s != '\n' ? '?' : *s);
		}
	}
}

static void
begin_plot(struct tsn_buf *out, const char *what, double most)
{
	tsn_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>%s</title>\n", WIDTH, HEIGHT, what);
	for (int i = 0; i <= 2; i++) {
		double y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * i / 2;

		tsn_buf_printf(out, "<line class=\"a\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
		    LEFT, WIDTH, y, y, LEFT - 6, y + 4, most * i / 2);
	}
}

static double
height(double v, double most)
{
	return most > 0 ? (HEIGHT - BOTTOM - TOP) * v / most : 0;
}

static void
distribution(const struct tsn_tune *t, struct tsn_buf *out)
{
	const double step = (WIDTH - LEFT) / (t->nbins > 0 ? t->nbins : 1);
	uint64_t most = 0;
	char text[TSN_TUNE_BIN];

	for (uint32_t i = 0; i < t->nbins; i++)
		most = t->bin[i].groups > most ? t->bin[i].groups : most;
	begin_plot(out, "Groups by their most extreme value", (double)most);
	for (uint32_t i = 0; i < t->nbins; i++) {
		double h = height((double)t->bin[i].groups, (double)most), x = LEFT + step * i;

		tsn_tune_bin_text(&t->bin[i], text);
		tsn_buf_printf(out, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", x + 1, HEIGHT - BOTTOM - h,
		    step > 3 ? step - 2 : step, h);
		put(out, text);
		tsn_buf_printf(out, ": %" PRIu64 "</title></rect>\n", t->bin[i].groups);
		if (t->nbins <= 14 || i % 3 == 0)
			tsn_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g</text>\n", isinf(t->bin[i].from) ? x + step / 2 : x,
			    HEIGHT - BOTTOM + 16, isinf(t->bin[i].from) ? 0.0 : t->bin[i].from);
	}
	tsn_buf_printf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">value</text></svg>\n", WIDTH, HEIGHT - 6);
}

/* Candidates stand side by side: their numbers grow by about the same factor. */
static void
alerts(const struct tsn_tune *t, struct tsn_buf *out)
{
	const double step = (WIDTH - LEFT) / t->ncandidates;
	double most = 0;
	bool drawn = false;

	for (uint32_t i = 0; i < t->ncandidates; i++)
		most = fmax(most, log1p(tsn_tune_per_day(t, i)));
	tsn_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>Alerts a day by N</title>\n", WIDTH, HEIGHT);
	for (double v = 1; log1p(v) <= most; v *= 10)
		tsn_buf_printf(out, "<line class=\"a\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
		    LEFT, WIDTH, HEIGHT - BOTTOM - height(log1p(v), most), HEIGHT - BOTTOM - height(log1p(v), most), LEFT - 6,
		    HEIGHT - BOTTOM - height(log1p(v), most) + 4, v);
	tsn_buf_printf(out, "<line class=\"a\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">0</text>\n", LEFT,
	    WIDTH, HEIGHT - BOTTOM, HEIGHT - BOTTOM, LEFT - 6, HEIGHT - BOTTOM + 4);
	tsn_buf_puts(out, "<path class=\"l\" d=\"");
	for (uint32_t i = 0; i < t->ncandidates; i++) {
		if (!t->candidate[i].possible)
			continue;
		tsn_buf_printf(out, "%s%.1f %.1f", drawn ? "L" : "M", LEFT + step * (i + 0.5),
		    HEIGHT - BOTTOM - height(log1p(tsn_tune_per_day(t, i)), most));
		drawn = true;
	}
	tsn_buf_puts(out, "\"/>\n");
	for (uint32_t i = 0; i < t->ncandidates; i++) {
		double x = LEFT + step * (i + 0.5);
		const bool mark = t->candidate[i].is_now || (int)i == t->suggested;

		if (mark)
			tsn_buf_printf(out, "<line class=\"m\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"k\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
			    x, x, TOP, HEIGHT - BOTTOM, x, TOP - 3, (int)i == t->suggested ? "suggested" : "now");
		if (mark || i % 4 == 0)
			tsn_buf_printf(out, "<text%s x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", mark ? " class=\"k\"" : "", x,
			    HEIGHT - BOTTOM + (mark ? 30 : 16), t->candidate[i].text);
	}
	tsn_buf_puts(out, "</svg>\n");
}

static void
tables(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;
	struct tsn_buf key = TSN_BUF_INIT;
	char time[TSN_TIME_TEXT];

	tsn_buf_puts(out, "<h2>Quantiles</h2><table><tr><th class=\"t\"></th>");
	for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
		tsn_buf_printf(out, "<th>%s</th>", tsn_tune_quantile_name[q]);
	for (int row = 0; row < 2; row++) {
		tsn_buf_printf(out, "</tr>\n<tr><td class=\"t\">%s</td>", row == 0 ? "groups" : "flow by flow");
		for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
			tsn_buf_printf(out, "<td>%.*g</td>", row == 0 ? 6 : 3, row == 0 ? t->quantile[q] : t->each[q]);
	}
	tsn_buf_puts(out, "</tr></table>\n<h2>Each N</h2><table><tr><th>N</th><th>alerts</th><th>a day</th><th>groups beyond</th></tr>\n");
	for (uint32_t i = 0; i < t->ncandidates; i++)
		if (t->candidate[i].possible)
			tsn_buf_printf(out, "<tr%s><td>%s</td><td>%" PRIu64 "</td><td>%.1f</td><td>%" PRIu64 "</td></tr>\n",
			    (int)i == t->suggested ? " class=\"s\"" : t->candidate[i].is_now ? " class=\"n\"" : "", t->candidate[i].text,
			    t->candidate[i].alerts, tsn_tune_per_day(t, i), tsn_tune_groups_beyond(t, i));
	tsn_buf_puts(out, "</table>\n<h2>Most extreme groups</h2><table><tr><th class=\"t\">group</th><th>value</th><th>at</th></tr>\n");
	for (size_t i = 0; i < t->ngroups && i < v->groups; i++) {
		tsn_buf_clear(&key);
		tsn_tune_key(t, &t->peaks.v[i], &key);
		tsn_buf_puts(out, "<tr><td class=\"t\">");
		put(out, tsn_buf_str(&key));
		tsn_buf_printf(out, "</td><td>%.10g</td><td>%s</td></tr>\n", t->peaks.v[i].value, tsn_time_text(t->peaks.v[i].time, time));
	}
	tsn_buf_puts(out, "</table>\n");
	out->failed |= key.failed;
	tsn_buf_fini(&key);
}

void
tsn_tune_html(const struct tsn_tune_view *v, struct tsn_buf *out)
{
	const struct tsn_tune *t = v->tune;
	struct tsn_buf why = TSN_BUF_INIT;
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT];

	tsn_buf_puts(out, head);
	tsn_buf_puts(out, "<title>");
	put(out, v->rule);
	tsn_buf_puts(out, "</title></head><body>\n<h1>What should N be? ");
	put(out, v->rule);
	tsn_buf_puts(out, "</h1>\n<p><code>");
	put(out, t->what->text);
	tsn_buf_printf(out, "</code><br>%" PRIu64 " flows", v->flows);
	if (v->first != TSN_TIME_NONE)
		tsn_buf_printf(out, ", %s to %s", tsn_time_text(v->first, from), tsn_time_text(v->last, to));
	tsn_buf_printf(out, "; %" PRIu64 " took part, in %zu groups.</p>\n<p><strong>", t->values, t->ngroups);
	tsn_tune_say(t, &why);
	put(out, tsn_buf_str(&why));
	tsn_buf_puts(out, "</strong></p>\n<h2>Groups, by their most extreme value</h2>\n");
	distribution(t, out);
	tsn_buf_printf(out, "<h2>Alerts %s, by N</h2>\n", t->days > 1 ? "a day" : "in all");
	alerts(t, out);
	tables(v, out);
	tsn_buf_puts(out, "</body></html>\n");
	out->failed |= why.failed;
	tsn_buf_fini(&why);
}
