/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/index.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ruleset/file.h"
#include "ruleset/json.h"
#include "ruleset/names.h"

#define FORMAT 1
#define SERIAL_MAX (UINT64_C(1) << 53) /* what every reader of JSON keeps exactly */

static void
version_fini(struct tsn_index_version *v)
{
	tsn_free(v->version);
	tsn_free(v->engine);
	tsn_free(v->url);
}

static void
ruleset_fini(struct tsn_index_ruleset *r)
{
	tsn_free(r->name);
	tsn_free(r->summary);
	tsn_free(r->license);
	tsn_free(r->author);
	tsn_free(r->homepage);
	tsn_free(r->channel);
	for (size_t i = 0; i < r->nversions; i++)
		version_fini(&r->version[i]);
	tsn_free(r->version);
}

void
tsn_index_fini(struct tsn_index *x)
{
	for (size_t i = 0; i < x->nrulesets; i++)
		ruleset_fini(&x->ruleset[i]);
	tsn_free(x->ruleset);
	*x = (struct tsn_index){ 0 };
}

#ifdef TSN_HAVE_JANSSON

/* "2026-11-23T06:00:00Z" and nothing else. */
static bool
parse_time(const char *s, int64_t *ms)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	int year, month, day, hour, minute, second;
	int64_t days;

	if (strlen(s) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return false;
	if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute, &second) != 6 || year < 1970 || month < 1 ||
	    month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
		return false;
	days = tsn_days_from_date(year, month, day);
	if (days >= (month == 12 ? tsn_days_from_date(year + 1, 1, 1) : tsn_days_from_date(year, month + 1, 1)))
		return false;
	*ms = ((days * 24 + hour) * 60 + minute) * 60 * TSN_SECOND + second * TSN_SECOND;
	return true;
}

static int64_t
read_time(struct tsn_json *j, const json_t *o, const char *member)
{
	char *text = tsn_json_text(j, o, member, false);
	int64_t ms = 0;

	if (text != NULL && !parse_time(text, &ms))
		tsn_json_complain(j, "\"%s\" is no time like 2026-11-23T06:00:00Z", member);
	tsn_free(text);
	return ms;
}

static void
read_version(struct tsn_json *j, const json_t *o, struct tsn_index_ruleset *r)
{
	struct tsn_index_version *v = &r->version[r->nversions++];

	v->version = tsn_json_text(j, o, "version", false);
	v->engine = tsn_json_text(j, o, "engine", true);
	v->url = tsn_json_text(j, o, "url", false);
	v->size = tsn_json_number(j, o, "size", 1, TSN_ARCHIVE_PACKED_MAX);
	v->rules = (uint32_t)tsn_json_number(j, o, "rules", 0, TSN_ARCHIVE_RULES_MAX);
	tsn_json_sha256(j, o, "sha256", v->sha256);
	if (j->bad)
		return;
	if (!tsn_version_ok(v->version))
		tsn_json_complain(j, "\"%s\" of %s is no version", v->version, r->name);
	else if (!tsn_ruleset_path_ok(v->url))
		tsn_json_complain(j, "\"%s\" of %s is no address below the index", v->url, r->name);
	else if (r->nversions > 1 && tsn_version_compare(v[-1].version, v->version) <= 0)
		tsn_json_complain(j, "versions of %s are not newest first, each once: %s comes before %s", r->name, v[-1].version, v->version);
}

static void
read_ruleset(struct tsn_json *j, const json_t *o, struct tsn_index *x)
{
	struct tsn_index_ruleset *r = &x->ruleset[x->nrulesets++];
	const json_t *versions;

	r->name = tsn_json_text(j, o, "name", false);
	if (r->name != NULL && !tsn_ruleset_name_ok(r->name))
		tsn_json_complain(j, "\"%s\" is no name of a ruleset that travels", r->name);
	r->summary = tsn_json_text(j, o, "summary", true);
	r->license = tsn_json_text(j, o, "license", true);
	r->author = tsn_json_text(j, o, "author", true);
	r->homepage = tsn_json_text(j, o, "homepage", true);
	r->channel = tsn_json_text(j, o, "channel", true);
	versions = tsn_json_array(j, o, "versions", TSN_INDEX_VERSIONS_MAX);
	if (versions == NULL)
		return;
	if (json_array_size(versions) == 0)
		tsn_json_complain(j, "%s has no versions", r->name);
	r->version = tsn_calloc(json_array_size(versions) + 1, sizeof(*r->version));
	if (r->version == NULL)
		tsn_json_complain(j, "memory is out");
	for (size_t i = 0; !j->bad && i < json_array_size(versions); i++)
		read_version(j, json_array_get(versions, i), r);
}

static void
read_rulesets(struct tsn_json *j, const json_t *root, struct tsn_index *x)
{
	const json_t *list = tsn_json_array(j, root, "rulesets", TSN_INDEX_RULESETS_MAX);

	if (list == NULL)
		return;
	x->ruleset = tsn_calloc(json_array_size(list) + 1, sizeof(*x->ruleset));
	if (x->ruleset == NULL)
		tsn_json_complain(j, "memory is out");
	for (size_t i = 0; !j->bad && i < json_array_size(list); i++) {
		read_ruleset(j, json_array_get(list, i), x);
		if (!j->bad && i > 0 && strcmp(x->ruleset[i - 1].name, x->ruleset[i].name) >= 0)
			tsn_json_complain(j, "rulesets are not in the order of their names, each once: %s comes before %s",
			    x->ruleset[i - 1].name, x->ruleset[i].name);
	}
}

bool
tsn_index_parse(const char *text, size_t len, struct tsn_index *out, char error[TSN_RULESET_ERROR])
{
	struct tsn_json j = { .what = "index.json", .error = error };
	json_t *root;

	*out = (struct tsn_index){ 0 };
	if (len > TSN_INDEX_BYTES_MAX)
		return tsn_ruleset_fail(error, "index.json has more than %u MiB", TSN_INDEX_BYTES_MAX >> 20);
	root = tsn_json_load(&j, text, len);
	if (root == NULL)
		return false;
	tsn_json_number(&j, root, "format", FORMAT, FORMAT);
	out->serial = tsn_json_number(&j, root, "serial", 1, SERIAL_MAX);
	out->generated = read_time(&j, root, "generated");
	out->expires = read_time(&j, root, "expires");
	if (!j.bad && out->expires <= out->generated)
		tsn_json_complain(&j, "it expires before it was made");
	read_rulesets(&j, root, out);
	json_decref(root);
	if (j.bad)
		tsn_index_fini(out);
	return !j.bad;
}

#else

bool
tsn_index_parse(const char *text, size_t len, struct tsn_index *out, char error[TSN_RULESET_ERROR])
{
	(void)text;
	(void)len;
	*out = (struct tsn_index){ 0 };
	return tsn_ruleset_fail(error, "this build is without jansson: it reads no indexes");
}

#endif
