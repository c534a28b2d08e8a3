/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of members. What the ruleset in force has read and nobody has changed since is not read again. */
#include <errno.h>
#include <sys/stat.h>

#include "compile/check.h"

/* To tell one time from another; of those after 2262 nothing else can be said of it. */
static int64_t
in_ns(const struct timespec *t)
{
	return (int64_t)((uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec);
}

static struct ck_read_file
stamp_of(const char *path)
{
	struct ck_read_file f = { 0 };
	struct stat st;

	if (stat(path, &st) != 0)
		return f; /* reading it will say why */
	f.device = (uint64_t)st.st_dev;
	f.inode = (uint64_t)st.st_ino;
	f.size = (uint64_t)st.st_size;
	f.changed_ns = in_ns(&st.st_mtim);
	f.touched_ns = in_ns(&st.st_ctim);
	return f;
}

int64_t
ck_file_written(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 ? TSN_TIME_NONE : (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static bool
same_stamp(const struct ck_read_file *a, const struct ck_read_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->changed_ns == b->changed_ns &&
	    a->touched_ns == b->touched_ns && a->inode != 0;
}

static struct ck_read_file *
find(const struct ck_files *files, const char *key)
{
	return files == NULL ? NULL : tsn_names_get(&files->by_key, key, strlen(key));
}

/* Room for it comes first, so that it is freed by whoever frees the list. */
static struct ck_read_file *
add(struct tsn_ck *c, const char *key, const struct ck_read_file *stamp)
{
	struct ck_files *files = &c->files;
	struct ck_read_file *f = ck_alloc(c, sizeof(*f));

	files->v = ck_grow(c, files->v, files->n, &files->cap, sizeof(struct ck_read_file *));
	*f = *stamp;
	f->key = key;
	if (!tsn_names_put(&files->by_key, key, strlen(key), f))
		ck_oom(c);
	files->v[files->n++] = f;
	return f;
}

static void
take(struct tsn_ck *c, struct ck_read_file *f, const struct ck_read_file *was)
{
	f->hash = was->hash;
	f->real = was->real;
	f->report = was->report;
	f->set = tsn_set_hold(was->set);
	c->files.kept++;
}

static enum tsn_set_file
parse(struct ck_read_file *f, const struct tsn_buf *text, const char *column)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	enum tsn_set_file status = TSN_SET_FILE_MEMORY;

	if (b == NULL)
		return status;
	status = tsn_set_file_parse(tsn_buf_str(text), text->len, TSN_T_NONE, column, b, &f->report);
	if (status == TSN_SET_FILE_OK && (f->set = tsn_set_build(b)) == NULL)
		status = TSN_SET_FILE_MEMORY;
	tsn_set_builder_free(b);
	return status;
}

static enum tsn_set_file
read_text(const char *path, struct ck_read_file *f, struct tsn_buf *text)
{
	const int err = tsn_buf_read_file(text, path, TSN_SET_FILE_MAX);

	if (err == 0) {
		f->hash = tsn_hash_bytes(tsn_buf_str(text), text->len, 0);
		return TSN_SET_FILE_OK;
	}
	f->report.error = err;
	return err == ENOMEM ? TSN_SET_FILE_MEMORY : TSN_SET_FILE_UNREADABLE;
}

const struct tsn_set *
ck_file_members(struct tsn_ck *c, const struct ck_set_file *of, const struct tsn_set_report **read, enum tsn_set_file *status)
{
	const char *key = ck_format(c, "%s%s%s", of->path, of->column == NULL ? "" : "\n", of->column == NULL ? "" : of->column);
	const struct ck_read_file stamp = stamp_of(of->path), *was;
	struct ck_read_file *f = find(&c->files, key);
	struct tsn_buf text = TSN_BUF_INIT;

	*status = TSN_SET_FILE_OK;
	if (f != NULL && f->set != NULL) {
		*read = &f->report;
		return f->set;
	}
	f = f != NULL ? f : add(c, key, &stamp);
	*read = &f->report;
	was = find(c->before, key);
	if (was != NULL && was->set != NULL && same_stamp(was, &stamp)) {
		take(c, f, was);
		return f->set;
	}
	*status = read_text(of->path, f, &text);
	if (*status == TSN_SET_FILE_OK && was != NULL && was->set != NULL && was->size == text.len && was->hash == f->hash)
		take(c, f, was);
	else if (*status == TSN_SET_FILE_OK)
		*status = parse(f, &text, of->column);
	tsn_buf_fini(&text);
	if (*status == TSN_SET_FILE_MEMORY)
		ck_oom(c);
	return f->set;
}

struct ck_read_file *
ck_file_table(struct tsn_ck *c, const char *path, const char *how)
{
	const char *key = ck_format(c, "%s\n%s", path, how);
	const struct ck_read_file stamp = stamp_of(path), *was = find(c->before, key);
	struct ck_read_file *f = find(&c->files, key);

	if (f != NULL)
		return f;
	f = add(c, key, &stamp);
	if (was != NULL && was->set != NULL && same_stamp(was, &stamp))
		take(c, f, was);
	return f;
}

static bool
is_key_of(const char *key, const char *path)
{
	const size_t n = strlen(path);

	return strncmp(key, path, n) == 0 && (key[n] == '\0' || key[n] == '\n');
}

void
ck_file_forget(struct ck_files *files, const struct ck_set_file *of)
{
	for (size_t i = 0; i < files->n; i++) {
		if (!is_key_of(files->v[i]->key, of->path))
			continue;
		tsn_set_free(files->v[i]->set);
		files->v[i]->set = NULL;
	}
}

void
ck_files_fini(struct ck_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		tsn_set_free(files->v[i]->set);
	tsn_names_fini(&files->by_key);
}
