/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "feed/files.h"

#include <string.h>

#include "input/walk.h"

static bool
stopped(const struct tsn_files *f)
{
	return f->failed || (f->stopped != NULL && f->stopped(f->arg));
}

/* Nothing could be opened. */
static void
refuse(struct tsn_files *f, const char *error, bool skip)
{
	if (!skip)
		tsn_log(f->opts.log, TSN_LOG_ERROR, "%s", error);
	else
		tsn_log(f->opts.log, f->skipped < TSN_FILES_NAMED ? TSN_LOG_WARN : TSN_LOG_INFO, "%s; passed over", error);
	f->skipped += skip;
	f->unreadable += !skip;
}

bool
tsn_files_read_one(struct tsn_files *f, const char *path, bool named)
{
	bool unknown = false;
	struct tsn_feed_opts opts = f->opts;
	char error[TSN_INPUT_ERROR];
	enum tsn_feed_step step = TSN_FEED_MORE;
	struct tsn_feed *feed;

	f->opts.number++;
	opts.unknown = &unknown;
	feed = tsn_feed_open(path, &opts, f->engine, error);
	if (feed == NULL) {
		if (stopped(f))
			return true; /* while it waited for the first bytes */
		refuse(f, error, unknown && !named);
		return false;
	}
	while (!stopped(f) && step == TSN_FEED_MORE) {
		step = tsn_feed_step(feed);
		if (f->stepped != NULL)
			f->stepped(f->arg, feed, path);
	}
	if (f->closed != NULL)
		f->closed(f->arg, feed);
	f->unreadable += tsn_feed_report(feed)->damaged;
	tsn_feed_close(feed);
	f->failed |= step == TSN_FEED_NO_MEMORY;
	return step != TSN_FEED_NO_MEMORY;
}

static void
on_trouble(void *arg, const char *line)
{
	refuse(arg, line, false);
}

static void
read_directory(struct tsn_files *f, const char *path)
{
	struct tsn_walk w = { .trouble = on_trouble, .arg = f };
	unsigned before = f->unreadable, read = 0;

	f->failed |= !tsn_walk_directory(&w, path);
	tsn_log(f->opts.log, TSN_LOG_INFO, "%s: %zu files; left aside: %zu names that begin with a dot, %zu that are no files", path,
	    w.n, w.hidden, w.other);
	for (size_t i = 0; i < w.n && !stopped(f); i++)
		read += tsn_files_read_one(f, w.files[i].path, false);
	if (read == 0 && f->unreadable == before && !f->failed) {
		tsn_log(f->opts.log, TSN_LOG_ERROR, w.n == 0 ? "%s: is a directory without files" : "%s: holds no input that can be read",
		    path);
		f->unreadable++;
	}
	tsn_walk_fini(&w);
}

void
tsn_files_read(struct tsn_files *f, const char *path)
{
	if (strcmp(path, "-") != 0 && tsn_walk_is_directory(path))
		read_directory(f, path);
	else
		tsn_files_read_one(f, path, true);
}

uint64_t
tsn_files_size(const char *path)
{
	struct tsn_walk w = { 0 };
	struct tsn_walk_file one;
	uint64_t size = 0;

	if (strcmp(path, "-") == 0)
		return 0;
	if (!tsn_walk_is_directory(path))
		return tsn_walk_look(path, &one) ? one.size : 0;
	if (tsn_walk_directory(&w, path))
		for (size_t i = 0; i < w.n; i++)
			size += w.files[i].size;
	tsn_walk_fini(&w);
	return size;
}
