/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/walk.h"
#include "scratch_dir.h"

Test(input_walk, times_in_names)
{
	static const struct {
		const char *path;
		uint64_t when;
	} cases[] = {
		{ "nfcapd.202611231405", 20261123140500 },
		{ "nfcapd.20261123140509", 20261123140509 },
		{ "2026/11/22/nfcapd.202611231405", 20261123140500 },
		{ "nfcapd.current.4711", 0 },
		{ "ft-v05.2016-01-13.140500+0000", 20160113140500 },
		{ "flows-2026-11-23.pcap", 20261123000000 },
		{ "flows_2026_11_23_1405.csv.gz", 20261123140500 },
		{ "flows.20261123-1405.csv", 20261123140500 },
		{ "flows.20261123T140509Z.json", 20261123140509 },
		{ "dump-2026-11-23T14:05:09.pcap", 20261123140509 },
		{ "conn.2026-11-23-14:00:00-15:00:00.log.gz", 20261123140000 },
		{ "2026-11-23/conn.14:00:00-15:00:00.log.gz", 20261123140000 },
		{ "2026-11-23/conn.00:00:00-01:00:00.log.gz", 20261123000000 },
		{ "2026-11-23/conn.log", 20261123235959 },
		{ "2026/11/23/flows", 20261123235959 },
		{ "flows-2026-11-23-7.csv", 20261123000000 },
		{ "flows-2026-11-23.v5.pcap", 20261123000000 },
		{ "flows.2026112314", 20261123140000 },
		{ "eve.json", 0 }, { "eve.json.2.gz", 0 }, { "", 0 }, { "/", 0 }, { "20261123", 20261123000000 },
		{ "v2026-13-23", 0 }, { "2026-11-32", 0 }, { "2026-1-2", 0 }, { "1234-11-12", 0 }, { "2026112", 0 },
		{ "123456789012345678", 0 }, { "2026-11.23", 0 }, { "2026-11-231", 0 }, { "a.1700000000.pcap", 0 },
		{ "flows.202611232505", 20261123000000 }, { "2026-11-23-", 20261123000000 }, { "2026-11-23:", 20261123000000 },
		{ "2026-11-23-1:", 20261123000000 }, { "2026-11-23x12:3", 20261123000000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(tsn_walk_time(cases[i].path), cases[i].when, "%s: %llu", cases[i].path,
		    (unsigned long long)tsn_walk_time(cases[i].path));
}

static void
remove_root(void)
{
	char command[100];

	snprintf(command, sizeof(command), "chmod -R u+rwx %s", dir); /* a test takes rights away */
	cr_assert_eq(system(command), 0);
	dir_end();
}

static void
make(const char *name, long changed)
{
	struct timespec times[2] = { { .tv_sec = changed }, { .tv_sec = changed } };
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (path[strlen(path) - 1] == '/') {
		cr_assert_eq(mkdir(path, 0700), 0);
		return;
	}
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(futimens(fd, times), 0);
	close(fd);
}

static void
expect_files(const struct tsn_walk *w, const char *const *names, size_t n)
{
	for (size_t i = 0; i < w->n && i < n; i++)
		cr_expect_str_eq(w->files[i].path + strlen(dir) + 1, names[i], "%zu: %s, not %s", i, w->files[i].path, names[i]);
	cr_expect_eq(w->n, n, "%zu", w->n);
}

static void
count_trouble(void *arg, const char *line)
{
	cr_assert_not_null(strstr(line, dir), "%s", line);
	++*(int *)arg;
}

Test(input_walk, order_and_omissions, .init = dir_begin, .fini = remove_root)
{
	static const char *const names[] = { "nfcapd.202611231400", "a/nfcapd.202611231405", "2026-11-23/conn.15:00:00.log",
		"nfcapd.202611240000", "part-2.csv", "part-10.csv", "z.csv", "a/b/early.csv", "nfcapd.current.12" };
	static const char *const made[] = { "a/", "a/b/", "2026-11-23/", ".hidden/", ".hidden/x.csv", ".dot.csv", "nfcapd.202611240000",
		"nfcapd.202611231400", "a/nfcapd.202611231405", "2026-11-23/conn.15:00:00.log", "secret/" };
	struct tsn_walk w = { .trouble = count_trouble };
	char path[200], to[200];
	int troubles = 0;

	w.arg = &troubles;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		make(made[i], 1000);
	make("z.csv", 3000);
	make("a/b/early.csv", 4000);
	make("nfcapd.current.12", 5000);
	make("part-10.csv", 2000);
	make("part-2.csv", 2000);
	/* a circle, a link to nothing, a fifo, a directory that cannot be read (by anybody but root) */
	snprintf(path, sizeof(path), "%s/a/b/up", dir);
	cr_assert_eq(symlink(dir, path), 0);
	snprintf(path, sizeof(path), "%s/nowhere", dir);
	cr_assert_eq(symlink("nothing", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/secret", dir);
	cr_assert_eq(chmod(path, 0), 0);
	cr_assert(tsn_walk_is_directory(dir));
	cr_assert(tsn_walk_directory(&w, dir));
	expect_files(&w, names, sizeof(names) / sizeof(names[0]));
	cr_assert_eq(w.hidden, 2);
	cr_assert_eq(w.other, 3, "%zu", w.other);
	cr_assert_eq(troubles, geteuid() == 0 ? 0 : 1);
	tsn_walk_fini(&w);

	/* a file is the same one under another name, and another one under the same name */
	{
		struct tsn_walk_file a, b;

		snprintf(path, sizeof(path), "%s/z.csv", dir);
		snprintf(to, sizeof(to), "%s/y.csv", dir);
		cr_assert(tsn_walk_look(path, &a));
		cr_assert_eq(rename(path, to), 0);
		cr_assert_not(tsn_walk_look(path, &b));
		make("z.csv", 1);
		cr_assert(tsn_walk_look(path, &b) && !tsn_walk_same(&a, &b));
		cr_assert(tsn_walk_look(to, &b) && tsn_walk_same(&a, &b));
		cr_assert_not(tsn_walk_is_directory(to));
	}
}

Test(input_walk, many_links_to_each_other_end, .init = dir_begin, .fini = remove_root)
{
	struct tsn_walk w = { 0 };
	char path[200], to[200];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "d%d/", i);
		make(path, 0);
		snprintf(path, sizeof(path), "d%d/f", i);
		make(path, i);
	}
	for (int i = 0; i < 9; i++) {
		snprintf(path, sizeof(path), "%s/d%d/to%d", dir, i / 3, i % 3);
		snprintf(to, sizeof(to), "%s/d%d", dir, i % 3);
		cr_assert_eq(symlink(to, path), 0);
	}
	cr_assert(tsn_walk_directory(&w, dir));
	cr_assert_eq(w.n, 3, "%zu", w.n);
	tsn_walk_fini(&w);
}

Test(input_walk, out_of_memory, .init = dir_begin, .fini = remove_root)
{
	make("a/", 0);
	for (int i = 0; i < 12; i++) {
		char name[20];

		snprintf(name, sizeof(name), "%s%d", i % 2 ? "a/f" : "f", i);
		make(name, i);
	}
	for (long n = 0;; n++) {
		struct tsn_walk w = { 0 };
		bool ok;
		long made;

		tsn_mem_fail_at(n, false);
		ok = tsn_walk_directory(&w, dir);
		made = tsn_mem_count();
		tsn_mem_fail_never();
		cr_assert(!ok || w.n == 12);
		tsn_walk_fini(&w);
		if (made <= n)
			break;
		cr_assert_not(ok);
	}
}
