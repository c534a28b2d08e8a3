/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ruleset/disk.h"
#include "ruleset/fetch.h"
#include "ruleset/names.h"
#include "ruleset/sha256.h"

#define INDEX_MAX     (8u << 20)
#define SIGNATURE_MAX 8192u

/* --- judging --- */

static bool
verified(const struct tsn_store_source *x, const struct tsn_buf *text, const struct tsn_buf *signature, char error[TSN_RULESET_ERROR])
{
	char trusted[TSN_TRUSTED_MAX], why[TSN_RULESET_ERROR];
	struct tsn_public_key key;

	if (tsn_public_key_parse(x->key, &key, why) &&
	    tsn_minisign_verify((const uint8_t *)tsn_buf_str(text), text->len, tsn_buf_str(signature), signature->len, &key, trusted, why))
		return true;
	return tsn_ruleset_fail(error, "%s: %.200s: %.200s", x->name, x->url, why);
}

/* Old indexes are validly signed, too: they would bring back rules with known holes, or hide that there are newer ones. */
static bool
fresh(const struct tsn_store_source *x, const struct tsn_index *index, const char sha256[65], int64_t now_ms, char error[TSN_RULESET_ERROR])
{
	char when[TSN_TIME_TEXT];

	if (index->serial < x->serial)
		return tsn_ruleset_fail(error, "%s: the index has serial %" PRIu64 ", but %" PRIu64 " was seen before: somebody offers an old one",
		    x->name, index->serial, x->serial);
	if (index->serial == x->serial && x->sha256[0] != '\0' && strcmp(x->sha256, sha256) != 0)
		return tsn_ruleset_fail(error, "%s: the index has serial %" PRIu64 " like the one seen before, but is another: its publisher "
		    "must give it a new serial", x->name, index->serial);
	if (index->expires <= now_ms)
		return tsn_ruleset_fail(error, "%s: the index expired on %.10s: nobody has renewed it, or somebody keeps newer ones from us",
		    x->name, tsn_time_text(index->expires, when));
	return true;
}

/* --- keeping --- */

static bool
keep(const struct tsn_store_held *h, const struct tsn_store_source *x, const struct tsn_buf *text, char error[TSN_RULESET_ERROR])
{
	char name[TSN_STORE_INDEX_NAME], path[4096];
	int dir = tsn_disk_dir(h->dir, "index", true), code = dir < 0 ? errno : 0;

	if (code == 0 && fsync(h->dir) != 0)
		code = errno;
	if (dir >= 0)
		close(dir);
	tsn_store_index_name(x, name);
	if (code == 0 && snprintf(path, sizeof(path), "%s/index/%s", h->store, name) >= (int)sizeof(path))
		code = ENAMETOOLONG;
	if (code != 0)
		return tsn_ruleset_fail(error, "%s/index: %s", h->store, strerror(code));
	return tsn_file_replace(path, text->p, text->len, 0644, error);
}

bool
tsn_source_refresh(const struct tsn_store_held *h, struct tsn_store_source *x, int64_t now_ms, struct tsn_index *out,
    char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT, signature = TSN_BUF_INIT, url = TSN_BUF_INIT;
	struct tsn_store_source next = *x;
	char why[TSN_RULESET_ERROR];
	bool ok = false;

	*out = (struct tsn_index){ 0 };
	tsn_buf_printf(&url, "%s.minisig", x->url);
	if (url.failed)
		tsn_ruleset_no_memory(error);
	else if (!tsn_fetch(x->url, INDEX_MAX, &text, why) || !tsn_fetch(url.p, SIGNATURE_MAX, &signature, why))
		tsn_ruleset_fail(error, "%s: %.400s", x->name, why);
	else if (!verified(x, &text, &signature, error))
		;
	else if (!tsn_index_parse(tsn_buf_str(&text), text.len, out, why))
		tsn_ruleset_fail(error, "%s: %.200s: %.200s", x->name, x->url, why);
	else {
		next.serial = out->serial;
		next.expires = out->expires;
		next.fetched = now_ms;
		ok = tsn_sha256_text(text.p, text.len, next.sha256, error) && fresh(x, out, next.sha256, now_ms, error) && keep(h, &next, &text, error);
		if (ok)
			*x = next;
		else
			tsn_index_fini(out);
	}
	tsn_buf_fini(&text);
	tsn_buf_fini(&signature);
	tsn_buf_fini(&url);
	return ok;
}

bool
tsn_source_kept(const struct tsn_store_held *h, const struct tsn_store_source *x, struct tsn_index *out, char error[TSN_RULESET_ERROR])
{
	char name[TSN_STORE_INDEX_NAME], sha256[65], why[TSN_RULESET_ERROR];
	struct tsn_buf text = TSN_BUF_INIT;
	int dir = tsn_disk_dir(h->dir, "index", false), code = dir < 0 ? errno : 0;
	bool ok = false;

	*out = (struct tsn_index){ 0 };
	tsn_store_index_name(x, name);
	if (dir >= 0) {
		code = tsn_disk_get(dir, name, INDEX_MAX, &text);
		close(dir);
	}
	if (code != 0)
		tsn_ruleset_fail(error, "%s/index/%s: %s", h->store, name, strerror(code));
	else if (tsn_sha256_text(tsn_buf_str(&text), text.len, sha256, error)) {
		if (strcmp(sha256, x->sha256) != 0)
			tsn_ruleset_fail(error, "%s/index/%s is not as it was verified; run `tocsin ruleset update`", h->store, name);
		else if (tsn_index_parse(tsn_buf_str(&text), text.len, out, why))
			ok = true;
		else
			tsn_ruleset_fail(error, "%s/index/%s: %.300s", h->store, name, why);
	}
	tsn_buf_fini(&text);
	return ok;
}

/* --- what it offers --- */

const struct tsn_index_ruleset *
tsn_index_find(const struct tsn_index *x, const char *name)
{
	for (size_t i = 0; i < x->nrulesets; i++)
		if (strcmp(x->ruleset[i].name, name) == 0)
			return &x->ruleset[i];
	return NULL;
}

/* "1.0", or nothing: any. */
static bool
engine_fits(const char *engine)
{
	unsigned major, minor;
	char rest;

	if (engine == NULL)
		return true;
	if (sscanf(engine, "%3u.%3u%c", &major, &minor, &rest) != 2)
		return false;
	return major < TSN_LANGUAGE_MAJOR || (major == TSN_LANGUAGE_MAJOR && minor <= TSN_LANGUAGE_MINOR);
}

const struct tsn_index_version *
tsn_index_choose(const struct tsn_index_ruleset *r, const char *version, char error[TSN_RULESET_ERROR])
{
	const struct tsn_index_version *best = NULL, *unfit = NULL;

	for (size_t i = 0; i < r->nversions; i++) {
		const struct tsn_index_version *v = &r->version[i];

		if (version != NULL && strcmp(v->version, version) != 0)
			continue;
		if (!engine_fits(v->engine))
			unfit = unfit == NULL ? v : unfit;
		else if (best == NULL || tsn_version_compare(v->version, best->version) > 0)
			best = v;
	}
	if (best != NULL)
		return best;
	if (unfit != NULL)
		tsn_ruleset_fail(error, "%s %s needs a newer tocsin: one with language %s, this one has %d.%d", r->name, unfit->version, unfit->engine,
		    TSN_LANGUAGE_MAJOR, TSN_LANGUAGE_MINOR);
	else if (version != NULL)
		tsn_ruleset_fail(error, "%s has no version %s", r->name, version);
	else
		tsn_ruleset_fail(error, "%s has no version at all", r->name);
	return NULL;
}
