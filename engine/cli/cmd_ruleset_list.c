/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset list, info: what there is, from where, and what of it is in force. Nothing is fetched. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/ruleset_outline.h"
#include "cli/ruleset_store.h"
#include "cli/table.h"
#include "ruleset/names.h"

/* --- one line --- */

/* A ruleset that is installed, offered by a source, or both. */
struct line {
	const char *name, *source, *channel;
	const struct tsn_store_ruleset *installed; /* NULL: not */
	const struct tsn_index_ruleset *offered;   /* NULL: by no source, or not by the one it came from */
	const char *newest;                        /* that this engine can run; NULL: none is offered */
};

struct lines {
	struct tsn_index *index;                   /* of each source; empty where it cannot be read */
	size_t nindexes;
	struct line *v;
	size_t n, cap;
};

static void
lines_fini(struct lines *l)
{
	for (size_t i = 0; i < l->nindexes; i++)
		tsn_index_fini(&l->index[i]);
	tsn_free(l->index);
	tsn_free(l->v);
}

static bool
add_line(struct lines *l, const struct line *x)
{
	struct line *v = tsn_grow(l->v, l->n, &l->cap, sizeof(*v));
	size_t at = l->n;

	if (v == NULL)
		return false;
	l->v = v;
	for (; at > 0 && strcmp(v[at - 1].name, x->name) > 0; at--)
		v[at] = v[at - 1];
	v[at] = *x;
	l->n++;
	return true;
}

static bool
add_offered(struct lines *l, const struct tsn_store_state *state, const struct tsn_store_source *source, const struct tsn_index *index)
{
	char error[TSN_RULESET_ERROR];

	for (size_t i = 0; i < index->nrulesets; i++) {
		const struct tsn_index_ruleset *r = &index->ruleset[i];
		const struct tsn_index_version *v = tsn_index_choose(r, NULL, error);
		const struct tsn_store_ruleset *x = tsn_store_ruleset(state, r->name);
		struct line line = { r->name, source->name, r->channel, NULL, r, v != NULL ? v->version : NULL };

		if (x != NULL && x->source != NULL && strcmp(x->source, source->name) == 0) {
			line.installed = x;
			line.channel = x->channel;
		}
		if (!add_line(l, &line))
			return false;
	}
	return true;
}

static bool
is_listed(const struct lines *l, const struct tsn_store_ruleset *x)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].installed == x)
			return true;
	return false;
}

/* False when memory is out. An index that cannot be read is told, and the rest goes on. */
static bool
lines_of(struct tsn_cli_store *s, struct lines *l)
{
	const struct tsn_store_state *state = &s->after;
	bool ok;

	*l = (struct lines){ .index = tsn_calloc(state->nsources + 1, sizeof(*l->index)), .nindexes = state->nsources };
	if (l->index == NULL)
		l->nindexes = 0;
	ok = l->index != NULL;
	for (size_t i = 0; ok && i < state->nsources; i++) {
		if (!tsn_source_kept(&s->held, &state->source[i], &l->index[i], s->error))
			tsn_cli_store_fail(s);
		ok = add_offered(l, state, &state->source[i], &l->index[i]);
	}
	for (size_t i = 0; ok && i < state->nrulesets; i++) {
		const struct tsn_store_ruleset *x = &state->ruleset[i];

		if (!is_listed(l, x))
			ok = add_line(l, &(struct line){ x->name, x->source, x->channel, x, NULL, NULL });
	}
	return ok;
}

static const char *
version_of(const struct line *l)
{
	return l->installed != NULL ? l->installed->kept[l->installed->in_force].version : NULL;
}

static bool
has_newer(const struct line *l)
{
	return l->newest != NULL && l->installed != NULL && tsn_version_compare(l->newest, version_of(l)) > 0;
}

/* --- as tables --- */

static void
cell(struct tsn_table *t, const char *text, enum tsn_style style)
{
	text = text != NULL ? text : "-";
	tsn_table_cell(t, text, strlen(text), NULL, style);
}

static bool
flush(struct tsn_table *t)
{
	struct tsn_buf *out = tsn_table_out(t);
	bool ok = !out->failed;

	tsn_table_end(t);
	fwrite(tsn_buf_str(out), 1, out->len, stdout);
	tsn_table_free(t);
	return ok;
}

static bool
print_rulesets(const struct tsn_cli *c, const struct lines *l)
{
	static const struct tsn_table_column column[] = {
		{ "ruleset", false, TSN_SHOW_ALWAYS, 0 }, { "version", false, TSN_SHOW_ALWAYS, 0 }, { "newest", false, TSN_SHOW_ALWAYS, 0 },
		{ "channel", false, TSN_SHOW_ALWAYS, 3 }, { "enabled", false, TSN_SHOW_ALWAYS, 0 }, { "pinned", false, TSN_SHOW_ALWAYS, 2 },
		{ "source", false, TSN_SHOW_ALWAYS, 1 },
	};
	struct tsn_table *t = tsn_table_new(column, sizeof(column) / sizeof(column[0]), tsn_terminal_width(), c->color_out);

	if (t == NULL)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];
		const bool there = x->installed != NULL;

		cell(t, x->name, there ? TSN_BOLD : TSN_PLAIN);
		cell(t, version_of(x), TSN_PLAIN);
		cell(t, x->newest, has_newer(x) ? TSN_YELLOW : TSN_PLAIN);
		cell(t, x->channel, TSN_PLAIN);
		cell(t, there ? x->installed->enabled ? "yes" : "no" : NULL, TSN_PLAIN);
		cell(t, there ? x->installed->pinned ? "yes" : "no" : NULL, TSN_PLAIN);
		cell(t, x->source != NULL ? x->source : "file", TSN_PLAIN);
	}
	return flush(t);
}

/* "3 days"; less than one is hours. */
static void
age_text(int64_t ms, char text[TSN_TIME_TEXT])
{
	const long long hours = ms > 0 ? (long long)(ms / (3600 * TSN_SECOND)) : 0;

	if (hours < 48)
		snprintf(text, TSN_TIME_TEXT, "%lld hour%s", hours, hours == 1 ? "" : "s");
	else
		snprintf(text, TSN_TIME_TEXT, "%lld days", hours / 24);
}

static void
key_id(const char *key, char id[17])
{
	char error[TSN_RULESET_ERROR];
	struct tsn_public_key k;

	snprintf(id, 17, "?");
	if (tsn_public_key_parse(key, &k, error))
		tsn_public_key_id(&k, id);
}

static bool
print_sources(const struct tsn_cli_store *s)
{
	static const struct tsn_table_column column[] = {
		{ "source", false, TSN_SHOW_ALWAYS, 0 }, { "index", true, TSN_SHOW_ALWAYS, 0 }, { "fetched", true, TSN_SHOW_ALWAYS, 1 },
		{ "good until", false, TSN_SHOW_ALWAYS, 0 }, { "key", false, TSN_SHOW_ALWAYS, 2 }, { "address", false, TSN_SHOW_ALWAYS, 3 },
	};
	struct tsn_table *t = tsn_table_new(column, sizeof(column) / sizeof(column[0]), tsn_terminal_width(), s->cli->color_out);

	if (t == NULL)
		return false;
	for (size_t i = 0; i < s->after.nsources; i++) {
		const struct tsn_store_source *x = &s->after.source[i];
		char text[TSN_TIME_TEXT], id[17];

		cell(t, x->name, TSN_BOLD);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)x->serial);
		cell(t, text, TSN_PLAIN);
		age_text(s->now - x->fetched, text);
		cell(t, text, TSN_PLAIN);
		tsn_time_text(x->expires, text);
		text[10] = '\0';
		cell(t, text, x->expires <= s->now ? TSN_RED : TSN_PLAIN);
		key_id(x->key, id);
		cell(t, id, TSN_PLAIN);
		cell(t, x->url, TSN_PLAIN);
	}
	return flush(t);
}

/* --- rules that end by themselves --- */

static void
print_expiring(struct tsn_cli_store *s, const struct tsn_store_ruleset *x)
{
	const char *dir = tsn_store_version_dir(&s->held, &s->after, x->name, x->kept[x->in_force].version);
	char when[TSN_TIME_TEXT];
	struct tsn_outline o = { 0 };
	bool ok = dir != NULL && tsn_outline_open(&o, dir);

	for (size_t i = 0; ok && i < o.n && o.item[i]->kind == TSN_N_RULE; i++) {
		const int64_t at = tsn_outline_expires(o.item[i]);

		if (at != TSN_TIME_NONE)
			printf("%s.%s %s %.10s\n", x->name, o.item[i]->text, at <= s->now ? "expired on" : "expires on", tsn_time_text(at, when));
	}
	tsn_outline_fini(&o);
}

/* --- as JSON --- */

static void
member(struct tsn_buf *b, const char *before, const char *name, const char *text)
{
	tsn_buf_printf(b, "%s\"%s\":", before, name);
	if (text == NULL) {
		tsn_buf_puts(b, "null");
		return;
	}
	tsn_buf_putc(b, '"');
	tsn_buf_json(b, text, strlen(text));
	tsn_buf_putc(b, '"');
}

static void
time_member(struct tsn_buf *b, const char *name, int64_t ms)
{
	char text[TSN_TIME_TEXT];

	member(b, ",", name, tsn_time_text(ms, text));
}

static void
put_expiring(struct tsn_cli_store *s, const struct tsn_store_ruleset *x, struct tsn_buf *b)
{
	const char *dir = tsn_store_version_dir(&s->held, &s->after, x->name, x->kept[x->in_force].version);
	char when[TSN_TIME_TEXT];
	struct tsn_outline o = { 0 };
	bool ok = dir != NULL && tsn_outline_open(&o, dir), any = false;

	tsn_buf_puts(b, ",\"expires\":{");
	for (size_t i = 0; ok && i < o.n && o.item[i]->kind == TSN_N_RULE; i++) {
		const int64_t at = tsn_outline_expires(o.item[i]);

		if (at == TSN_TIME_NONE)
			continue;
		tsn_time_text(at, when);
		when[10] = '\0';
		member(b, any ? "," : "", o.item[i]->text, when);
		any = true;
	}
	tsn_buf_putc(b, '}');
	tsn_outline_fini(&o);
}

static void
put_installed(struct tsn_cli_store *s, const struct tsn_store_ruleset *x, struct tsn_buf *b)
{
	member(b, ",", "version", x->kept[x->in_force].version);
	tsn_buf_printf(b, ",\"enabled\":%s,\"pinned\":%s,\"memory_percent\":%u,\"kept\":[", x->enabled ? "true" : "false",
	    x->pinned ? "true" : "false", x->memory_percent);
	for (size_t i = 0; i < x->nkept; i++) {
		tsn_buf_puts(b, i > 0 ? ",\"" : "\"");
		tsn_buf_json(b, x->kept[i].version, strlen(x->kept[i].version));
		tsn_buf_putc(b, '"');
	}
	tsn_buf_putc(b, ']');
	put_expiring(s, x, b);
}

static void
put_source(const struct tsn_store_source *x, struct tsn_buf *b)
{
	char id[17];

	key_id(x->key, id);
	member(b, "{", "name", x->name);
	member(b, ",", "url", x->url);
	member(b, ",", "key", x->key);
	member(b, ",", "key_id", id);
	tsn_buf_printf(b, ",\"serial\":%llu", (unsigned long long)x->serial);
	time_member(b, "fetched", x->fetched);
	time_member(b, "expires", x->expires);
	tsn_buf_putc(b, '}');
}

static void
put_line(struct tsn_cli_store *s, const struct line *x, struct tsn_buf *b)
{
	member(b, "{", "name", x->name);
	member(b, ",", "source", x->source);
	member(b, ",", "channel", x->channel);
	member(b, ",", "newest", x->newest);
	if (x->installed != NULL)
		put_installed(s, x->installed, b);
	tsn_buf_putc(b, '}');
}

static int
print_json(struct tsn_cli_store *s, const struct lines *l)
{
	struct tsn_buf b = TSN_BUF_INIT;
	bool failed;

	tsn_buf_printf(&b, "{\"change\":%llu,\"sources\":[", (unsigned long long)s->after.change);
	for (size_t i = 0; i < s->after.nsources; i++) {
		tsn_buf_puts(&b, i > 0 ? "," : "");
		put_source(&s->after.source[i], &b);
	}
	tsn_buf_puts(&b, "],\"rulesets\":[");
	for (size_t i = 0; i < l->n; i++) {
		tsn_buf_puts(&b, i > 0 ? "," : "");
		put_line(s, &l->v[i], &b);
	}
	tsn_buf_puts(&b, "]}\n");
	fwrite(tsn_buf_str(&b), 1, b.len, stdout);
	failed = b.failed;
	tsn_buf_fini(&b);
	return failed ? tsn_cli_no_memory() : TSN_EXIT_OK;
}

static int
list(struct tsn_cli_store *s)
{
	const char *format = s->cli->format;
	struct lines l;
	bool ok = lines_of(s, &l);
	int status = TSN_EXIT_OK;

	if (ok && format != NULL && strcmp(format, "json") == 0) {
		status = print_json(s, &l);
	} else if (ok) {
		if (l.n == 0 && s->after.nsources == 0)
			printf("no source and no ruleset in %s; `tocsin ruleset add` a source first\n", s->held.store);
		ok = (l.n == 0 || print_rulesets(s->cli, &l));
		if (ok && s->after.nsources > 0) {
			putchar('\n');
			ok = print_sources(s);
		}
		for (size_t i = 0; ok && i < s->after.nrulesets; i++)
			if (strcmp(s->after.ruleset[i].channel, "emerging") == 0)
				print_expiring(s, &s->after.ruleset[i]);
	}
	lines_fini(&l);
	return ok ? status : tsn_cli_no_memory();
}

int
tsn_ruleset_list(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n > 0)
		return tsn_cli_usage(c, "`tocsin ruleset list` takes no names; `info` tells more of one");
	if (c->format != NULL && strcmp(c->format, "json") != 0 && strcmp(c->format, "table") != 0)
		return tsn_cli_usage(c, "--format is table or json, not \"%s\"", c->format);
	if (tsn_cli_store_open(&s, c, false))
		status = list(&s);
	tsn_cli_store_close(&s);
	return status;
}

/* --- one ruleset --- */

static void
put_row(const char *name, const char *text)
{
	struct tsn_buf b = TSN_BUF_INIT;

	if (text == NULL || text[0] == '\0')
		return;
	tsn_terminal_text(&b, text, strlen(text), 0);
	printf("%-10s %s\n", name, tsn_buf_str(&b));
	tsn_buf_fini(&b);
}

static void
print_offered(const struct tsn_index_ruleset *r)
{
	put_row("summary", r->summary);
	put_row("author", r->author);
	put_row("license", r->license);
	put_row("homepage", r->homepage);
	for (size_t i = 0; i < r->nversions; i++)
		printf("%-10s %s: %u rules, %llu bytes, language %s\n", "offered", r->version[i].version, r->version[i].rules,
		    (unsigned long long)r->version[i].size, r->version[i].engine != NULL ? r->version[i].engine : "any");
}

static void
print_installed(struct tsn_cli_store *s, const struct tsn_store_ruleset *x)
{
	char when[TSN_TIME_TEXT], id[17];

	key_id(x->key, id);
	for (size_t i = 0; i < x->nkept; i++)
		printf("%-10s %s, installed on %.10s%s\n", "kept", x->kept[i].version, tsn_time_text(x->kept[i].installed, when),
		    i == x->in_force ? x->enabled ? ": in force" : ": not enabled" : "");
	printf("%-10s %u %% of the site's memory at most\n", "share", x->memory_percent);
	printf("%-10s %s\n", "pinned", x->pinned ? "yes" : "no");
	printf("%-10s %s\n", "key", id);
	print_expiring(s, x);
}

static int
info(struct tsn_cli_store *s, const char *name)
{
	struct lines l;
	bool ok = lines_of(s, &l), found = false;

	for (size_t i = 0; ok && i < l.n; i++) {
		const struct line *x = &l.v[i];

		if (strcmp(x->name, name) != 0)
			continue;
		if (found)
			putchar('\n');
		found = true;
		printf("%-10s %s\n%-10s %s\n", "ruleset", x->name, "source", x->source != NULL ? x->source : "a file");
		put_row("channel", x->channel);
		if (x->offered != NULL)
			print_offered(x->offered);
		if (x->installed != NULL)
			print_installed(s, x->installed);
	}
	if (ok && !found)
		tsn_cli_warn("no ruleset %s is installed, and no source offers one", name);
	lines_fini(&l);
	return !ok ? tsn_cli_no_memory() : found ? TSN_EXIT_OK : TSN_EXIT_RULES;
}

int
tsn_ruleset_info(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n != 1)
		return tsn_cli_usage(c, "name one ruleset");
	if (tsn_cli_store_open(&s, c, false))
		status = info(&s, c->args.v[0]);
	tsn_cli_store_close(&s);
	return status;
}
