/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the state does not name was left by a change that was interrupted, or is not kept any more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ruleset/disk.h"
#include "ruleset/store.h"

struct sweep {
	const struct tsn_store_state *s;
	const struct tsn_store_ruleset *ruleset;
	char piece[300];               /* that could not be removed */
	int code;
};

static bool
swept(struct sweep *w, int dir, const char *entry)
{
	w->code = tsn_disk_remove(dir, entry);
	if (w->code != 0)
		snprintf(w->piece, sizeof(w->piece), "%s", entry);
	return w->code == 0;
}

static bool
sweep_version(void *arg, int dir, const char *entry)
{
	struct sweep *w = arg;

	for (size_t i = 0; i < w->ruleset->nkept; i++)
		if (strcmp(w->ruleset->kept[i].version, entry) == 0)
			return true;
	return swept(w, dir, entry);
}

static bool
sweep_ruleset(void *arg, int dir, const char *entry)
{
	struct sweep *w = arg;
	int code;

	w->ruleset = tsn_store_ruleset(w->s, entry);
	if (w->ruleset == NULL)
		return swept(w, dir, entry);
	code = tsn_disk_list(dir, entry, sweep_version, w);
	if (code != 0) {
		w->code = code;
		snprintf(w->piece, sizeof(w->piece), "versions/%s", entry);
	}
	return w->code == 0;
}

static bool
sweep_index(void *arg, int dir, const char *entry)
{
	struct sweep *w = arg;
	char name[TSN_STORE_INDEX_NAME];

	for (size_t i = 0; i < w->s->nsources; i++) {
		tsn_store_index_name(&w->s->source[i], name);
		if (strcmp(name, entry) == 0)
			return true;
	}
	return swept(w, dir, entry);
}

static bool
sweep_folder(const struct tsn_store_held *h, struct sweep *w, const char *name, bool (*each)(void *, int, const char *),
    char error[TSN_RULESET_ERROR])
{
	int code = tsn_disk_list(h->dir, name, each, w);

	if (code != 0 && code != ENOENT)
		return tsn_ruleset_fail(error, "%s/%s: %s%s", h->store, name, strerror(code),
		    code == ENOTDIR || code == ELOOP ? "; no symbolic link in a store is followed" : "");
	if (w->code != 0)
		return tsn_ruleset_fail(error, "%s/%s: cannot sweep away %s: %s", h->store, name, w->piece, strerror(w->code));
	return true;
}

bool
tsn_store_sweep(const struct tsn_store_held *h, const struct tsn_store_state *s, char error[TSN_RULESET_ERROR])
{
	struct sweep w = { .s = s };
	int code = tsn_disk_remove(h->dir, "state.json.new");

	if (code != 0)
		return tsn_ruleset_fail(error, "%s/state.json.new: %s", h->store, strerror(code));
	return sweep_folder(h, &w, "versions", sweep_ruleset, error) && sweep_folder(h, &w, "index", sweep_index, error);
}
