/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/word.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "ruleset/disk.h"

#define WORD_MAX     65536u
#define LOCK_TRIES   30
#define LOCK_WAIT_NS 100000000L

#ifdef TSN_HAVE_JANSSON

#include <jansson.h>

static void
copy_text(const json_t *o, const char *member, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, member));

	snprintf(out, size, "%s", s != NULL ? s : "");
}

/* What is missing or of another kind is as if it had not been said. */
static void
parse(const char *text, size_t len, struct tsn_word *w)
{
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	w->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	w->loads = (uint64_t)json_integer_value(json_object_get(o, "loads"));
	w->change = (uint64_t)json_integer_value(json_object_get(o, "change"));
	w->ok = json_is_true(json_object_get(o, "ok"));
	copy_text(o, "error", w->error, sizeof(w->error));
	copy_text(o, "ring", w->ring, sizeof(w->ring));
	json_decref(o);
}
#else
static void
parse(const char *text, size_t len, struct tsn_word *w)
{
	(void)text, (void)len, (void)w;
}
#endif

/* The living hold their lock; the dead cannot. */
static bool
alive(int dir)
{
	int fd = openat(dir, "daemon.lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool held;

	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

bool
tsn_word_read(const char *store, struct tsn_word *out)
{
	int dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tsn_buf b = TSN_BUF_INIT;
	bool living;

	*out = (struct tsn_word){ 0 };
	if (dir < 0)
		return false;
	living = alive(dir);
	if (living && tsn_disk_get(dir, "daemon.json", WORD_MAX, &b) == 0)
		parse(tsn_buf_str(&b), b.len, out);
	if (out->pid <= 1) /* -1 and 0 are many processes, 1 is none of ours */
		out->pid = 0;
	tsn_buf_fini(&b);
	close(dir);
	return living;
}

/* --- the daemon's side --- */

static int
take_lock(int dir, const char *store, char error[TSN_RULESET_ERROR])
{
	const struct timespec wait = { 0, LOCK_WAIT_NS };
	int fd = openat(dir, "daemon.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0) {
		tsn_ruleset_fail(error, "%s/daemon.lock: %s", store, strerror(errno));
		return -1;
	}
	/* who looks holds it for a moment, and a child that writes for one longer than its parent */
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			tsn_ruleset_fail(error, "%s/daemon.lock: %s", store, errno == EWOULDBLOCK ? "another tocsin listens with these rulesets" : strerror(errno));
			close(fd);
			return -1;
		}
		nanosleep(&wait, NULL);
	}
	return fd;
}

int
tsn_word_open(const char *store, char error[TSN_RULESET_ERROR])
{
	int dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0) {
		tsn_ruleset_fail(error, "%s: %s", store, strerror(errno));
		return -1;
	}
	fd = take_lock(dir, store, error);
	/* the word of the one before would be taken for ours */
	if (fd >= 0 && unlinkat(dir, "daemon.json", 0) != 0 && errno != ENOENT) {
		tsn_ruleset_fail(error, "%s/daemon.json: %s", store, strerror(errno));
		close(fd);
		fd = -1;
	}
	close(dir);
	return fd;
}

static void
put_text(struct tsn_buf *b, const char *member, const char *text)
{
	tsn_buf_printf(b, ",\"%s\":\"", member);
	tsn_buf_json(b, text, strlen(text));
	tsn_buf_putc(b, '"');
}

bool
tsn_word_say(const char *store, const struct tsn_word *w, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf b = TSN_BUF_INIT, path = TSN_BUF_INIT;
	bool ok;

	tsn_buf_printf(&path, "%s/daemon.json", store);
	tsn_buf_printf(&b, "{\"pid\":%lld,\"loads\":%llu,\"ok\":%s,\"change\":%llu", (long long)w->pid, (unsigned long long)w->loads,
	    w->ok ? "true" : "false", (unsigned long long)w->change);
	put_text(&b, "error", w->error);
	put_text(&b, "ring", w->ring);
	tsn_buf_puts(&b, "}\n");
	ok = b.failed || path.failed ? tsn_ruleset_no_memory(error) : tsn_file_replace(path.p, b.p, b.len, 0644, error);
	tsn_buf_fini(&b);
	tsn_buf_fini(&path);
	return ok;
}
