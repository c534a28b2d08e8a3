/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* state.json to a struct and back. It may have been damaged: everything in it is checked. */
#include "ruleset/state.h"

#include "ruleset/file.h"

#ifdef TSN_HAVE_JANSSON

#include <string.h>

#include "base/mem.h"
#include "ruleset/json.h"
#include "ruleset/names.h"

#define FORMAT 1

struct reading {
	struct tsn_store_state *s;
	struct tsn_json j;           /* its [what]: the source or ruleset being read */
};

/* A text of the object, in the arena; NULL: missing, or [bad]. */
static const char *
text_of(struct reading *r, const json_t *o, const char *member, bool optional)
{
	char *text = tsn_json_text(&r->j, o, member, optional);
	const char *copy = text != NULL ? tsn_arena_strdup(r->s->memory, text) : NULL;

	if (text != NULL && copy == NULL)
		tsn_json_complain(&r->j, "memory is out");
	tsn_free(text);
	return copy;
}

/* What this entry is called; later complaints name it. */
static const char *
name_of(struct reading *r, const json_t *o, bool (*ok)(const char *))
{
	const char *name = text_of(r, o, "name", false);

	if (name != NULL && !ok(name))
		tsn_json_complain(&r->j, "\"%s\" is no name", name);
	else if (name != NULL)
		r->j.what = name;
	return r->j.bad ? NULL : name;
}

static bool
flag_of(struct reading *r, const json_t *o, const char *member)
{
	const json_t *v = json_object_get(o, member);

	if (!json_is_boolean(v))
		tsn_json_complain(&r->j, "\"%s\" is neither true nor false", member);
	return json_is_true(v);
}

static void
key_of(struct reading *r, const json_t *o, char out[TSN_PUBLIC_KEY_TEXT])
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	const char *s = json_string_value(json_object_get(o, "key"));

	if (s == NULL || strlen(s) != TSN_PUBLIC_KEY_TEXT - 1 || strspn(s, base64) != TSN_PUBLIC_KEY_TEXT - 1)
		tsn_json_complain(&r->j, "\"key\" is no public key");
	else
		memcpy(out, s, TSN_PUBLIC_KEY_TEXT);
}

static int64_t
number_of(struct reading *r, const json_t *o, const char *member, int64_t least, int64_t most)
{
	return (int64_t)tsn_json_number(&r->j, o, member, (uint64_t)least, (uint64_t)most);
}

static void
read_source(struct reading *r, const json_t *o)
{
	const char *name = name_of(r, o, tsn_store_name_ok);
	struct tsn_store_source *x = NULL;

	if (name != NULL && tsn_store_source(r->s, name) != NULL)
		tsn_json_complain(&r->j, "it is there twice");
	else if (name != NULL && (x = tsn_store_add_source(r->s, name)) == NULL)
		tsn_json_complain(&r->j, "memory is out");
	if (x == NULL)
		return;
	x->url = text_of(r, o, "url", false);
	key_of(r, o, x->key);
	x->serial = (uint64_t)number_of(r, o, "serial", 0, INT64_MAX);
	tsn_json_sha256(&r->j, o, "sha256", x->sha256);
	x->expires = number_of(r, o, "expires", 0, INT64_MAX);
	x->fetched = number_of(r, o, "fetched", 0, INT64_MAX);
}

static void
read_version(struct reading *r, const json_t *o, struct tsn_store_version *x)
{
	x->version = text_of(r, o, "version", false);
	if (x->version != NULL && !tsn_version_ok(x->version))
		tsn_json_complain(&r->j, "\"%s\" is no version", x->version);
	tsn_json_sha256(&r->j, o, "archive", x->archive);
	tsn_json_sha256(&r->j, o, "manifest", x->manifest);
	x->installed = number_of(r, o, "installed", 0, INT64_MAX);
}

static void
read_versions(struct reading *r, const json_t *o, struct tsn_store_ruleset *x)
{
	const char *version = text_of(r, o, "version", false);
	const json_t *kept = tsn_json_array(&r->j, o, "kept", TSN_STORE_VERSIONS_MAX);
	const size_t n = json_array_size(kept);

	x->kept = tsn_arena_alloc(r->s->memory, (n + 1) * sizeof(*x->kept));
	if (x->kept == NULL)
		tsn_json_complain(&r->j, "memory is out");
	x->in_force = n;
	for (size_t i = 0; i < n && !r->j.bad; i++) {
		read_version(r, json_array_get(kept, i), &x->kept[i]);
		for (size_t k = 0; k < i && !r->j.bad; k++)
			if (strcmp(x->kept[i].version, x->kept[k].version) == 0)
				tsn_json_complain(&r->j, "version %s is there twice", x->kept[i].version);
		if (!r->j.bad && strcmp(x->kept[i].version, version) == 0)
			x->in_force = i;
	}
	x->nkept = n;
	if (x->in_force == n)
		tsn_json_complain(&r->j, "the version in force is none of those that are kept");
}

static void
read_ruleset(struct reading *r, const json_t *o)
{
	const char *name = name_of(r, o, tsn_ruleset_name_ok);
	struct tsn_store_ruleset *x = NULL;

	if (name != NULL && tsn_store_ruleset(r->s, name) != NULL)
		tsn_json_complain(&r->j, "it is there twice");
	else if (name != NULL && (x = tsn_store_add_ruleset(r->s, name)) == NULL)
		tsn_json_complain(&r->j, "memory is out");
	if (x == NULL)
		return;
	x->source = text_of(r, o, "source", true);
	if (x->source != NULL && tsn_store_source(r->s, x->source) == NULL)
		tsn_json_complain(&r->j, "there is no source %s", x->source);
	key_of(r, o, x->key);
	x->channel = text_of(r, o, "channel", false);
	x->enabled = flag_of(r, o, "enabled");
	x->pinned = flag_of(r, o, "pinned");
	x->memory_percent = (unsigned)number_of(r, o, "memory_percent", 1, 100);
	read_versions(r, o, x);
}

static void
read_each(struct reading *r, const json_t *top, const char *member, size_t most, void (*one)(struct reading *, const json_t *))
{
	const json_t *v = tsn_json_array(&r->j, top, member, most);

	for (size_t i = 0; !r->j.bad && i < json_array_size(v); i++) {
		r->j.what = member;
		one(r, json_array_get(v, i));
	}
	r->j.what = "its end";
}

static void
read_top(struct reading *r, const json_t *top)
{
	const json_t *format = json_object_get(top, "format");

	if (json_is_integer(format) && json_integer_value(format) != FORMAT)
		tsn_json_complain(&r->j, "it is of format %lld, which this version does not know", (long long)json_integer_value(format));
	number_of(r, top, "format", FORMAT, FORMAT);
	r->s->change = (uint64_t)number_of(r, top, "change", 0, INT64_MAX - 1);
	read_each(r, top, "sources", TSN_STORE_SOURCES_MAX, read_source);
	read_each(r, top, "rulesets", TSN_STORE_RULESETS_MAX, read_ruleset);
}

bool
tsn_store_state_parse(struct tsn_store_state *s, const char *text, size_t len, char error[TSN_RULESET_ERROR])
{
	struct reading r = { s, { "the state", error, false } };
	json_t *top;

	*s = (struct tsn_store_state){ .memory = tsn_arena_new() };
	if (s->memory == NULL)
		return tsn_ruleset_no_memory(error);
	if (text == NULL)
		return true;
	top = tsn_json_load(&r.j, text, len);
	if (top != NULL)
		read_top(&r, top);
	json_decref(top);
	return !r.j.bad;
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
	return tsn_ruleset_fail(error, "this build cannot read it: it was made without jansson");
}

bool
tsn_store_state_print(const struct tsn_store_state *s, struct tsn_buf *out)
{
	(void)s, (void)out;
	return false;
}

#endif
