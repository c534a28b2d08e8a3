/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* state.json to a struct and back. It may have been damaged: everything in it is checked. */
#include "ruleset/state.h"

#include <stdio.h>

#ifdef TSN_HAVE_JANSSON

#include <jansson.h>
#include <string.h>

#include "ruleset/names.h"

#define FORMAT 1

struct reading {
	struct tsn_store_state *s;
	char *error;
	bool bad;
};

/* The first complaint stands. */
static void
say(struct reading *r, const char *what)
{
	if (!r->bad)
		snprintf(r->error, TSN_RULESET_ERROR, "%s", what);
	r->bad = true;
}

static void
complain(struct reading *r, const char *member, const char *in)
{
	if (!r->bad)
		snprintf(r->error, TSN_RULESET_ERROR, "bad or missing %s%s%.400s", member, in != NULL ? " in " : "", in != NULL ? in : "");
	r->bad = true;
}

/* A text of the object, in the arena. NULL if it is null or missing, which only [optional] allows. */
static const char *
text_of(struct reading *r, const json_t *o, const char *member, bool optional, const char *in)
{
	const json_t *v = json_object_get(o, member);
	const char *copy;

	if (optional && (v == NULL || json_is_null(v)))
		return NULL;
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
		complain(r, member, in);
		return NULL;
	}
	copy = tsn_arena_strdup(r->s->memory, json_string_value(v));
	if (copy == NULL)
		say(r, "memory is out");
	return copy;
}

static int64_t
number_of(struct reading *r, const json_t *o, const char *member, int64_t least, int64_t most, const char *in)
{
	const json_t *v = json_object_get(o, member);

	if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most) {
		complain(r, member, in);
		return least;
	}
	return json_integer_value(v);
}

static bool
flag_of(struct reading *r, const json_t *o, const char *member, const char *in)
{
	const json_t *v = json_object_get(o, member);

	if (!json_is_boolean(v))
		complain(r, member, in);
	return json_is_true(v);
}

/* Of a fixed length and alphabet: hashes and keys. */
static void
code_of(struct reading *r, const json_t *o, const char *member, char *out, size_t size, const char *alphabet, const char *in)
{
	const char *s = json_string_value(json_object_get(o, member));

	if (s == NULL || strlen(s) != size - 1 || strspn(s, alphabet) != size - 1)
		complain(r, member, in);
	else
		memcpy(out, s, size);
}

#define HEX "0123456789abcdef"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

static void
key_of(struct reading *r, const json_t *o, char out[TSN_PUBLIC_KEY_TEXT], const char *in)
{
	code_of(r, o, "key", out, TSN_PUBLIC_KEY_TEXT, BASE64, in);
}

static void
read_source(struct reading *r, const json_t *o)
{
	const char *name = text_of(r, o, "name", false, "a source");
	struct tsn_store_source *x = NULL;

	if (name == NULL || !tsn_store_name_ok(name) || tsn_store_source(r->s, name) != NULL)
		complain(r, "name", "a source");
	if (!r->bad && (x = tsn_store_add_source(r->s, name)) == NULL)
		say(r, "memory is out, or too many sources");
	if (x == NULL)
		return;
	x->url = text_of(r, o, "url", false, name);
	key_of(r, o, x->key, name);
	x->serial = (uint64_t)number_of(r, o, "serial", 0, INT64_MAX, name);
	code_of(r, o, "sha256", x->sha256, sizeof(x->sha256), HEX, name);
	x->expires = number_of(r, o, "expires", INT64_MIN, INT64_MAX, name);
	x->fetched = number_of(r, o, "fetched", INT64_MIN, INT64_MAX, name);
}

static void
read_version(struct reading *r, const json_t *o, struct tsn_store_version *x, const char *in)
{
	x->version = text_of(r, o, "version", false, in);
	if (x->version == NULL || !tsn_version_ok(x->version))
		complain(r, "version", in);
	code_of(r, o, "archive", x->archive, sizeof(x->archive), HEX, in);
	code_of(r, o, "manifest", x->manifest, sizeof(x->manifest), HEX, in);
	x->installed = number_of(r, o, "installed", INT64_MIN, INT64_MAX, in);
}

static void
read_versions(struct reading *r, const json_t *o, struct tsn_store_ruleset *x)
{
	const json_t *kept = json_object_get(o, "kept");
	const size_t n = json_array_size(kept);
	const char *version = text_of(r, o, "version", false, x->name);

	if (r->bad || n == 0 || n > TSN_STORE_VERSIONS_MAX) {
		complain(r, "kept", x->name);
		return;
	}
	x->kept = tsn_arena_alloc(r->s->memory, n * sizeof(*x->kept));
	if (x->kept == NULL) {
		say(r, "memory is out");
		return;
	}
	x->nkept = n;
	x->in_force = n;
	for (size_t i = 0; i < n && !r->bad; i++) {
		read_version(r, json_array_get(kept, i), &x->kept[i], x->name);
		for (size_t j = 0; j < i && !r->bad; j++)
			if (strcmp(x->kept[i].version, x->kept[j].version) == 0)
				complain(r, "version (it is there twice)", x->name);
		if (!r->bad && strcmp(x->kept[i].version, version) == 0)
			x->in_force = i;
	}
	if (x->in_force == n)
		complain(r, "version", x->name);
}

static void
read_ruleset(struct reading *r, const json_t *o)
{
	const char *name = text_of(r, o, "name", false, "a ruleset");
	struct tsn_store_ruleset *x = NULL;

	if (name == NULL || !tsn_ruleset_name_ok(name) || tsn_store_ruleset(r->s, name) != NULL)
		complain(r, "name", "a ruleset");
	if (!r->bad && (x = tsn_store_add_ruleset(r->s, name)) == NULL)
		say(r, "memory is out, or too many rulesets");
	if (x == NULL)
		return;
	x->source = text_of(r, o, "source", true, name);
	key_of(r, o, x->key, name);
	x->channel = text_of(r, o, "channel", false, name);
	x->enabled = flag_of(r, o, "enabled", name);
	x->pinned = flag_of(r, o, "pinned", name);
	x->memory_percent = (unsigned)number_of(r, o, "memory_percent", 1, 100, name);
	read_versions(r, o, x);
}

static void
read_each(struct reading *r, const json_t *top, const char *member, void (*one)(struct reading *, const json_t *))
{
	const json_t *v = json_object_get(top, member);

	if (!json_is_array(v))
		complain(r, member, NULL);
	for (size_t i = 0; !r->bad && i < json_array_size(v); i++)
		one(r, json_array_get(v, i));
}

static void
read_top(struct reading *r, const json_t *top)
{
	const json_t *format = json_object_get(top, "format");

	if (json_is_integer(format) && json_integer_value(format) != FORMAT) {
		snprintf(r->error, TSN_RULESET_ERROR, "it is of format %lld, which this version does not know", (long long)json_integer_value(format));
		r->bad = true;
		return;
	}
	number_of(r, top, "format", FORMAT, FORMAT, NULL);
	r->s->change = (uint64_t)number_of(r, top, "change", 0, INT64_MAX - 1, NULL);
	read_each(r, top, "sources", read_source);
	read_each(r, top, "rulesets", read_ruleset);
}

bool
tsn_store_state_parse(struct tsn_store_state *s, const char *text, size_t len, char error[TSN_RULESET_ERROR])
{
	struct reading r = { s, error, false };
	json_error_t e;
	json_t *top;

	*s = (struct tsn_store_state){ .memory = tsn_arena_new() };
	if (s->memory == NULL) {
		snprintf(error, TSN_RULESET_ERROR, "memory is out");
		return false;
	}
	if (text == NULL)
		return true;
	top = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (top == NULL) {
		snprintf(error, TSN_RULESET_ERROR, "line %d, column %d: %s", e.line, e.column, e.text);
		return false;
	}
	read_top(&r, top);
	json_decref(top);
	return !r.bad;
}

/* --- writing --- */

static json_t *
source_json(const struct tsn_store_source *x)
{
	return json_pack("{ss ss ss sI ss sI sI}", "name", x->name, "url", x->url, "key", x->key, "serial", (json_int_t)x->serial,
	    "sha256", x->sha256, "expires", (json_int_t)x->expires, "fetched", (json_int_t)x->fetched);
}

static json_t *
versions_json(const struct tsn_store_ruleset *x)
{
	json_t *v = json_array();

	for (size_t i = 0; v != NULL && i < x->nkept; i++)
		if (json_array_append_new(v, json_pack("{ss ss ss sI}", "version", x->kept[i].version, "archive", x->kept[i].archive,
		    "manifest", x->kept[i].manifest, "installed", (json_int_t)x->kept[i].installed)) != 0) {
			json_decref(v);
			return NULL;
		}
	return v;
}

static json_t *
ruleset_json(const struct tsn_store_ruleset *x)
{
	return json_pack("{ss ss* ss ss sb sb sI ss so}", "name", x->name, "source", x->source, "key", x->key, "channel", x->channel,
	    "enabled", x->enabled, "pinned", x->pinned, "memory_percent", (json_int_t)x->memory_percent,
	    "version", x->kept[x->in_force].version, "kept", versions_json(x));
}

static bool
append_all(const struct tsn_store_state *s, json_t *sources, json_t *rulesets)
{
	bool ok = sources != NULL && rulesets != NULL;

	for (size_t i = 0; ok && i < s->nsources; i++)
		ok = json_array_append_new(sources, source_json(&s->source[i])) == 0;
	for (size_t i = 0; ok && i < s->nrulesets; i++)
		ok = json_array_append_new(rulesets, ruleset_json(&s->ruleset[i])) == 0;
	return ok;
}

static int
to_buf(const char *p, size_t n, void *out)
{
	tsn_buf_add(out, p, n);
	return 0;
}

bool
tsn_store_state_print(const struct tsn_store_state *s, struct tsn_buf *out)
{
	json_t *sources = json_array(), *rulesets = json_array(), *top = NULL;

	if (append_all(s, sources, rulesets))
		top = json_pack("{si sI sO sO}", "format", FORMAT, "change", (json_int_t)s->change, "sources", sources, "rulesets", rulesets);
	if (top == NULL || json_dump_callback(top, to_buf, out, JSON_INDENT(1)) != 0)
		out->failed = true;
	tsn_buf_putc(out, '\n');
	json_decref(top);
	json_decref(sources);
	json_decref(rulesets);
	return !out->failed;
}

#else

bool
tsn_store_state_parse(struct tsn_store_state *s, const char *text, size_t len, char error[TSN_RULESET_ERROR])
{
	(void)len;
	*s = (struct tsn_store_state){ .memory = tsn_arena_new() };
	if (text == NULL && s->memory != NULL)
		return true;
	snprintf(error, TSN_RULESET_ERROR, "this build cannot read it: it was made without jansson");
	return false;
}

bool
tsn_store_state_print(const struct tsn_store_state *s, struct tsn_buf *out)
{
	(void)s, (void)out;
	return false;
}

#endif
