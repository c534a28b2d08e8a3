/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/watch.h"

#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sets/set.h"

#define LOOK_MS 1000

struct stamp {
	struct timespec mtime;
	int64_t size;
	uint64_t inode;
};

struct file {
	const char *path;
	uint32_t slot;
	int64_t every_ms, next_ms;
	struct stamp told, seen; /* as last told or read; as last seen */
};

/* As last told; by name, for the next ruleset has other slots. */
struct age {
	uint64_t name;
	bool old;
};

struct tsn_watch {
	struct file *files;
	size_t n, cap;
	struct age *ages; /* by slot */
	uint32_t nages;
};

static struct stamp
stamp_of(const char *path)
{
	struct stamp s = { 0 };
	struct stat st;

	if (stat(path, &st) != 0)
		return s; /* gone: a change like any other, the rebuild will say why it fails */
	s.mtime = st.st_mtim;
	s.size = (int64_t)st.st_size;
	s.inode = (uint64_t)st.st_ino;
	return s;
}

static bool
same(struct stamp a, struct stamp b)
{
	return a.mtime.tv_sec == b.mtime.tv_sec && a.mtime.tv_nsec == b.mtime.tv_nsec && a.size == b.size && a.inode == b.inode;
}

static bool
add(struct tsn_watch *w, const struct tsn_ruleset *rs, uint32_t slot, const char *path, int64_t since, int64_t now)
{
	struct file *f = tsn_grow(w->files, w->n, &w->cap, sizeof(*f));
	int64_t refresh = rs->module->sets[slot].refresh_ms;

	if (f == NULL)
		return false;
	w->files = f;
	f = &w->files[w->n++];
	*f = (struct file){ .path = path, .slot = slot, .every_ms = refresh > LOOK_MS ? refresh : LOOK_MS };
	f->next_ms = now + f->every_ms;
	f->seen = stamp_of(path);
	if ((int64_t)f->seen.mtime.tv_sec * 1000 + f->seen.mtime.tv_nsec / 1000000 < since)
		f->told = f->seen;
	return true;
}

struct tsn_watch *
tsn_watch_new(const struct tsn_ruleset *rs, int64_t since, int64_t now)
{
	struct tsn_watch *w = tsn_calloc(1, sizeof(*w));
	const char *path;
	uint32_t slot, i;

	if (w == NULL)
		return NULL;
	w->nages = rs->module->nsets;
	w->ages = tsn_calloc(w->nages + 1, sizeof(*w->ages));
	if (w->ages == NULL) {
		tsn_watch_free(w);
		return NULL;
	}
	for (slot = 0; slot < rs->module->nsets; slot++) {
		w->ages[slot].name = tsn_hash_bytes(rs->module->sets[slot].name, strlen(rs->module->sets[slot].name), 0);
		for (i = 0; (path = tsn_ruleset_set_path(rs, slot, i)) != NULL; i++) {
			if (!add(w, rs, slot, path, since, now)) {
				tsn_watch_free(w);
				return NULL;
			}
		}
	}
	return w;
}

void
tsn_watch_free(struct tsn_watch *w)
{
	if (w == NULL)
		return;
	tsn_free(w->files);
	tsn_free(w->ages);
	tsn_free(w);
}

void
tsn_watch_follow(struct tsn_watch *w, const struct tsn_watch *before)
{
	for (uint32_t k = 0; before != NULL && k < before->nages; k++)
		for (uint32_t i = 0; before->ages[k].old && i < w->nages; i++)
			w->ages[i].old |= w->ages[i].name == before->ages[k].name;
}

int
tsn_watch_changed(struct tsn_watch *w, int64_t now)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct file *f = &w->files[i];
		struct stamp s;

		if (now < f->next_ms && f->next_ms - now <= f->every_ms) /* farther off than that: the clock was set back */
			continue;
		s = stamp_of(f->path);
		if (!same(s, f->seen)) {
			f->seen = s;
			f->next_ms = now + LOOK_MS; /* look again soon: it may still be being written */
			continue;
		}
		f->next_ms = now + f->every_ms;
		if (same(s, f->told))
			continue;
		f->told = s;
		return (int)f->slot;
	}
	return -1;
}

bool
tsn_watch_is_old(const struct tsn_ruleset *rs, uint32_t slot, int64_t now)
{
	const int64_t most = rs->module->sets[slot].max_age_ms, written = tsn_set_as_of(rs->sets[slot]);

	return most > 0 && written != TSN_TIME_NONE && now - written > most;
}

void
tsn_watch_tell_old(struct tsn_watch *w, const struct tsn_ruleset *rs, int64_t now, const struct tsn_log *log)
{
	for (uint32_t slot = 0; slot < rs->module->nsets; slot++) {
		const bool old = tsn_watch_is_old(rs, slot, now);

		if (old == w->ages[slot].old)
			continue;
		w->ages[slot].old = old;
		if (old)
			tsn_log(log, TSN_LOG_WARN, "set %s: its file is older than max_age; who is in it is unknown until it is written anew",
			    rs->module->sets[slot].name);
		else
			tsn_log(log, TSN_LOG_INFO, "set %s: its file is recent again", rs->module->sets[slot].name);
	}
}
