/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The folder of installed rulesets: its state, what may not be followed, what is swept away, and the daemon's word. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ruleset/disk.h"
#include "ruleset/manifest.h"
#include "ruleset/sha256.h"
#include "ruleset/store.h"
#include "ruleset/word.h"
#include "unit/mutate.h"
#include "scratch_dir.h"

#if defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)
#define KEY "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define RULES "rule a { when dst_port == 1 }\n"

static char error[TSN_RULESET_ERROR];

static void
remove_store(void)
{
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
	cr_assert_neq(access(dir, F_OK), 0);
}

TestSuite(store, .init = dir_begin, .fini = remove_store);

static char *
get(const char *piece)
{
	static char text[65536];
	FILE *f = fopen(dir_path(piece), "r");
	size_t n;

	cr_assert_not_null(f, "%s", piece);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* The manifest of every version here, whose hash the state has. */
static const char *
manifest_of(const char *name, const char *version, char sha256[65])
{
	static const char rules[] = RULES;
	struct tsn_manifest_file f = { (char *)"a.tsn", sizeof(rules) - 1, "" };
	struct tsn_manifest m = { .name = (char *)name, .version = (char *)version, .license = (char *)"CC0-1.0", .author = (char *)"x",
		.rules = 1, .file = &f, .nfiles = 1 };
	static struct tsn_buf b;

	tsn_buf_clear(&b);
	cr_assert(tsn_sha256_text(rules, sizeof(rules) - 1, f.sha256, error));
	tsn_manifest_print(&m, &b);
	cr_assert(tsn_sha256_text(b.p, b.len, sha256, error));
	return b.p;
}

static void
make_version(const char *name, const char *version)
{
	char p[200], sha256[65];

	mkdir(dir_path("versions"), 0755);
	snprintf(p, sizeof(p), "versions/%s", name);
	mkdir(dir_path(p), 0755);
	snprintf(p, sizeof(p), "versions/%s/%s", name, version);
	cr_assert_eq(mkdir(dir_path(p), 0755), 0);
	snprintf(p, sizeof(p), "versions/%s/%s/a.tsn", name, version);
	dir_put(p, RULES);
	snprintf(p, sizeof(p), "versions/%s/%s/" TSN_MANIFEST, name, version);
	dir_put(p, manifest_of(name, version, sha256));
}

static void
install(struct tsn_store_state *s, const char *name, const char *version, bool enabled)
{
	struct tsn_store_version v = { version, SHA, "", 1700000000000 };
	struct tsn_store_ruleset *x = tsn_store_ruleset(s, name);

	manifest_of(name, version, v.manifest);
	if (x == NULL)
		x = tsn_store_add_ruleset(s, name);
	cr_assert_not_null(x);
	strcpy(x->key, KEY);
	x->channel = "core";
	x->enabled = enabled;
	cr_assert(tsn_store_put_in_force(s, x, &v));
}

static void
add_source(struct tsn_store_state *s, const char *name)
{
	struct tsn_store_source *x = tsn_store_add_source(s, name);

	cr_assert_not_null(x);
	x->url = "https://rules.example/index.json";
	strcpy(x->key, KEY);
	strcpy(x->sha256, SHA);
	x->serial = 412;
}

/* Two sources, three rulesets, one of them off. */
static void
fill(void)
{
	struct tsn_store_held h;
	struct tsn_store_state s;

	cr_assert(tsn_store_hold(dir, &h, error), "%s", error);
	cr_assert(tsn_store_read_state(&h, &s, error));
	add_source(&s, "tocsin");
	add_source(&s, "acme");
	install(&s, "worms", "2026.10.1", true);
	install(&s, "worms", "2026.11.1", true);
	install(&s, "hunt", "1", false);
	install(&s, "botnets", "0.9", true);
	s.ruleset[2].source = "tocsin";
	s.ruleset[2].memory_percent = 60;
	cr_assert(tsn_store_put_state(&h, &s, error), "%s", error);
	tsn_store_state_fini(&s);
	tsn_store_release(&h);
	make_version("worms", "2026.10.1");
	make_version("worms", "2026.11.1");
	make_version("hunt", "1");
	make_version("botnets", "0.9");
}

Test(store, a_missing_or_empty_one_has_nothing)
{
	struct tsn_store_enabled e;

	cr_assert(tsn_store_enabled(dir, &e, error));
	cr_assert(e.n == 0 && e.change == 0);
	tsn_store_enabled_fini(&e);
	cr_assert(tsn_store_enabled(dir_path("none"), &e, error));
	cr_assert_eq(e.n, 0);
	tsn_store_enabled_fini(&e);
	dir_put("state.json", "");
	cr_assert(!tsn_store_enabled(dir, &e, error), "an emptied file is damage, not an empty store");
}

Test(store, what_was_put_is_read)
{
	struct tsn_store_enabled e;
	struct tsn_store_held h;
	struct tsn_store_state s;

	fill();
	cr_assert(tsn_store_enabled(dir, &e, error), "%s", error);
	cr_assert_eq(e.n, 2);
	cr_assert_eq(e.change, 1);
	cr_assert_str_eq(e.v[0].name, "botnets");
	cr_assert_str_eq(e.v[1].name, "worms");
	cr_assert_str_eq(e.v[1].dir, dir_path("versions/worms/2026.11.1"));
	cr_assert_str_eq(e.version[1], "2026.11.1");
	cr_assert_eq(e.v[0].memory_percent, TSN_STORE_SHARE);
	cr_assert_eq(e.v[1].memory_percent, 60);
	tsn_store_enabled_fini(&e);

	cr_assert(tsn_store_look(dir, &h, error));
	cr_assert(tsn_store_read_state(&h, &s, error));
	cr_assert_eq(s.nsources, 2);
	cr_assert_str_eq(s.source[0].name, "acme");
	cr_assert_eq(tsn_store_source(&s, "tocsin")->serial, 412);
	cr_assert_str_eq(tsn_store_source(&s, "tocsin")->key, KEY);
	cr_assert_eq(s.nrulesets, 3);
	cr_assert_str_eq(tsn_store_ruleset(&s, "worms")->source, "tocsin");
	cr_assert_null(tsn_store_ruleset(&s, "hunt")->source);
	cr_assert_eq(tsn_store_ruleset(&s, "worms")->nkept, 2);
	cr_assert_str_eq(tsn_store_ruleset(&s, "worms")->kept[1].version, "2026.10.1");
	tsn_store_state_fini(&s);
	tsn_store_release(&h);
}

Test(store, five_versions_are_kept_and_those_rolled_back_from_are_not)
{
	static const char *const v[] = { "1", "2", "3", "4", "5", "6", "7" };
	struct tsn_store_state s;

	cr_assert(tsn_store_state_parse(&s, NULL, 0, error));
	for (int i = 0; i < 7; i++)
		install(&s, "a", v[i], true);
	cr_assert_eq(s.ruleset[0].nkept, TSN_STORE_VERSIONS_MAX);
	cr_assert_str_eq(s.ruleset[0].kept[0].version, "7");
	cr_assert_str_eq(s.ruleset[0].kept[4].version, "3");
	s.ruleset[0].in_force = 2; /* 5 */
	install(&s, "a", "8", true);
	cr_assert_eq(s.ruleset[0].nkept, 4);
	cr_assert_str_eq(s.ruleset[0].kept[0].version, "8");
	cr_assert_str_eq(s.ruleset[0].kept[1].version, "5");
	tsn_store_remove_ruleset(&s, &s.ruleset[0]);
	cr_assert_eq(s.nrulesets, 0);
	tsn_store_state_fini(&s);
}

Test(store, a_damaged_state_is_said_and_left_alone)
{
	struct tsn_store_enabled e;
	struct tsn_store_held h;
	char *text, kept[65536];
	size_t n;

	fill();
	strcpy(kept, get("state.json"));
	n = strlen(kept);
	for (size_t cut = 0; cut + 2 < n; cut++) { /* the closing brace is the last but one */
		text = strndup(kept, cut);
		dir_put("state.json", text);
		cr_assert(!tsn_store_enabled(dir, &e, error), "cut at %zu", cut);
		cr_assert(strstr(error, "state.json cannot be used: ") != NULL && strstr(error, "nothing was changed") != NULL, "%s", error);
		cr_assert(!tsn_store_hold(dir, &h, error), "cut at %zu", cut);
		tsn_store_release(&h);
		cr_assert_str_eq(get("state.json"), text);
		free(text);
	}
	cr_assert_eq(access(dir_path("versions/worms/2026.11.1/a.tsn"), F_OK), 0, "something was swept away");
}

/* Never a crash, and never a version or name that leads out of the folder. */
Test(store, mutated_states_never_lead_out, .timeout = 300)
{
	struct tsn_buf b = TSN_BUF_INIT;
	struct tsn_store_state s;
	uint8_t text[8192];
	uint64_t seed = 7;
	long read = 0;

	fill();
	cr_assert_eq(tsn_buf_read_file(&b, dir_path("state.json"), sizeof(text) - 64), 0);
	for (long i = 0; i < mutate_times(100000); i++) {
		size_t n = mutate_copy(text, sizeof(text), b.p, b.len, mutate_random(&seed) % 3 + 1, &seed);

		if (tsn_store_state_parse(&s, (char *)text, n, error)) {
			read++;
			for (size_t r = 0; r < s.nrulesets; r++) {
				cr_assert_null(strchr(s.ruleset[r].name, '/'));
				cr_assert_lt(s.ruleset[r].in_force, s.ruleset[r].nkept);
				for (size_t v = 0; v < s.ruleset[r].nkept; v++)
					cr_assert(strchr(s.ruleset[r].kept[v].version, '/') == NULL && s.ruleset[r].kept[v].version[0] != '.');
			}
		}
		tsn_store_state_fini(&s);
	}
	cr_assert_gt(read, 0, "no mutation was harmless: the test sees nothing of the rest");
	tsn_buf_fini(&b);
}

Test(store, what_state_json_may_not_say)
{
	static const struct {
		const char *from, *to, *says;
	} cases[] = {
		{ "\"format\": 1", "\"format\": 2", "the state: it is of format 2, which this version does not know" },
		{ "\"version\": \"2026.11.1\"", "\"version\": \"2026.12.1\"", "worms: the version in force is none of those that are kept" },
		{ "\"version\": \"2026.11.1\"", "\"version\": \"../x\"", "worms: the version in force is none of those that are kept" },
		{ "\"version\": \"2026.10.1\"", "\"version\": \"../x\"", "worms: \"../x\" is no version" },
		{ "\"version\": \"2026.10.1\"", "\"version\": \"2026.11.1\"", "worms: version 2026.11.1 is there twice" },
		{ "\"name\": \"hunt\"", "\"name\": \"botnets\"", "botnets: it is there twice" },
		{ "\"name\": \"hunt\"", "\"name\": \"..\"", "rulesets: \"..\" is no name" },
		{ "\"source\": \"tocsin\"", "\"source\": \"other\"", "worms: there is no source other" },
		{ "\"memory_percent\": 60", "\"memory_percent\": 101", "worms: \"memory_percent\" is no number from 1 to 100" },
		{ "\"enabled\": false", "\"enabled\": 1", "hunt: \"enabled\" is neither true nor false" },
		{ "\"archive\": \"e3", "\"archive\": \"E3", "botnets: \"archive\" is no SHA-256, 64 digits of 0-9a-f" },
		{ "\"key\": \"RW", "\"key\": \"R", "acme: \"key\" is no public key" },
		{ "\"sources\": [", "\"source\": [", "the state: \"sources\" is no list" },
	};
	struct tsn_store_state s;
	char text[65536], *at;

	fill();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(text, get("state.json"));
		at = strstr(text, cases[i].from);
		cr_assert_not_null(at, "%s", cases[i].from);
		memmove(at + strlen(cases[i].to), at + strlen(cases[i].from), strlen(at + strlen(cases[i].from)) + 1);
		memcpy(at, cases[i].to, strlen(cases[i].to));
		cr_assert(!tsn_store_state_parse(&s, text, strlen(text), error), "%s", cases[i].to);
		cr_assert_str_eq(error, cases[i].says);
		tsn_store_state_fini(&s);
	}
}

Test(store, links_are_not_followed)
{
	static const char *const piece[] = { "state.json", "versions", "versions/worms", "versions/worms/2026.11.1" };
	struct tsn_store_enabled e;
	struct tsn_store_held h;

	fill();
	for (int i = 0; i < 4; i++) {
		char aside[300];

		snprintf(aside, sizeof(aside), "%s.aside", dir);
		cr_assert_eq(rename(dir_path(piece[i]), aside), 0);
		cr_assert_eq(symlink(aside, dir_path(piece[i])), 0);
		cr_assert(!tsn_store_enabled(dir, &e, error), "%s was followed", piece[i]);
		cr_assert(strstr(error, "no symbolic link in a store is followed") != NULL, "%s", error);
		if (i < 3) { /* a whole version that is a link may be removed, but never what it leads to */
			cr_assert(!tsn_store_hold(dir, &h, error), "%s was followed", piece[i]);
			tsn_store_release(&h);
		}
		cr_assert_eq(unlink(dir_path(piece[i])), 0);
		cr_assert_eq(rename(aside, dir_path(piece[i])), 0);
	}
	cr_assert(tsn_store_enabled(dir, &e, error), "%s", error);
	tsn_store_enabled_fini(&e);
}

Test(store, a_missing_version_is_said)
{
	struct tsn_store_enabled e;
	char said[400];

	fill();
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir_path("versions/worms/2026.11.1")), 0);
	cr_assert(!tsn_store_enabled(dir, &e, error));
	snprintf(said, sizeof(said), "%s/versions/worms/2026.11.1: No such file or directory", dir);
	cr_assert_str_eq(error, said);
}

Test(store, what_was_changed_after_it_was_installed_is_not_run)
{
	static const struct {
		const char *piece, *text, *says;
	} cases[] = {
		{ "versions/worms/2026.11.1/a.tsn", "rule a { when dst_port == 2 }\n", "/a.tsn is not as it was signed; it was changed after it was installed" },
		{ "versions/worms/2026.11.1/a.tsn", RULES "\n", "/a.tsn is not as it was signed; it was changed after it was installed" },
		{ "versions/worms/2026.11.1/b.tsn", RULES, "2026.11.1: b.tsn does not belong there; it was changed after it was installed" },
		{ "versions/worms/2026.11.1/manifest.json", "{}", "/manifest.json is not as it was signed; it was changed after it was installed" },
	};
	struct tsn_store_enabled e;

	fill();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char before[65536] = "";
		const bool there = access(dir_path(cases[i].piece), F_OK) == 0;

		if (there)
			strcpy(before, get(cases[i].piece));
		dir_put(cases[i].piece, cases[i].text);
		cr_assert(!tsn_store_enabled(dir, &e, error), "%s", cases[i].says);
		cr_assert(strstr(error, cases[i].says) != NULL, "%s", error);
		if (there)
			dir_put(cases[i].piece, before);
		else
			unlink(dir_path(cases[i].piece));
	}
	cr_assert_eq(unlink(dir_path("versions/worms/2026.11.1/a.tsn")), 0);
	cr_assert(!tsn_store_enabled(dir, &e, error));
	cr_assert(strstr(error, "versions/worms/2026.11.1/a.tsn: No such file or directory") != NULL, "%s", error);
	cr_assert_eq(symlink("/etc/hostname", dir_path("versions/worms/2026.11.1/a.tsn")), 0);
	cr_assert(!tsn_store_enabled(dir, &e, error), "a link was followed");
	unlink(dir_path("versions/worms/2026.11.1/a.tsn"));
	dir_put("versions/worms/2026.11.1/a.tsn", RULES);
	cr_assert(tsn_store_enabled(dir, &e, error), "%s", error);
	tsn_store_enabled_fini(&e);
}

Test(store, one_that_anybody_may_write_to_is_not_read)
{
	struct tsn_store_enabled e;

	fill();
	cr_assert_eq(chmod(dir, 0777), 0);
	cr_assert(!tsn_store_enabled(dir, &e, error));
	cr_assert(strstr(error, "anybody may write to it") != NULL, "%s", error);
}

Test(store, one_changes_it_at_a_time)
{
	struct tsn_store_held h, other;
	char said[400];

	cr_assert(tsn_store_hold(dir, &h, error));
	cr_assert(!tsn_store_hold(dir, &other, error));
	snprintf(said, sizeof(said), "%s: another `tocsin ruleset` is changing it; try again when that has ended", dir);
	cr_assert_str_eq(error, said);
	tsn_store_release(&other);
	cr_assert(!tsn_store_hold(dir, &other, error), "the refused one let go of the lock of the other");
	tsn_store_release(&other);
	tsn_store_release(&h);
	cr_assert(tsn_store_hold(dir, &h, error));
	tsn_store_release(&h);
}

Test(store, leftovers_are_swept_away_and_nothing_else)
{
	struct tsn_store_held h;
	char outside[100];

	fill();
	make_version("worms", "2026.12.1");
	make_version("worms", ".tmp-123");
	make_version("gone", "1");
	cr_assert_eq(mkdir(dir_path("index"), 0755), 0);
	dir_put("index/tocsin.412.json", "{}");
	dir_put("index/tocsin.413.json", "{}");
	dir_put("index/tocsin.414.json.new", "{}");
	dir_put("state.json.new", "{");
	snprintf(outside, sizeof(outside), "%s.outside", dir);
	cr_assert_eq(mkdir(outside, 0755), 0);
	cr_assert_eq(symlink(outside, dir_path("versions/link")), 0);
	cr_assert_eq(symlink(outside, dir_path("versions/worms/2026.12.1/link")), 0);
	cr_assert(tsn_store_hold(dir, &h, error), "%s", error);
	tsn_store_release(&h);
	for (int i = 0; i < 7; i++) {
		static const char *const gone[] = { "versions/worms/2026.12.1", "versions/worms/.tmp-123", "versions/gone", "index/tocsin.413.json",
			"index/tocsin.414.json.new", "state.json.new", "versions/link" };
		struct stat st;

		cr_assert_neq(lstat(dir_path(gone[i]), &st), 0, "%s is still there", gone[i]);
	}
	cr_assert_eq(access(dir_path("versions/worms/2026.10.1/a.tsn"), F_OK), 0);
	cr_assert_eq(access(dir_path("versions/hunt/1/a.tsn"), F_OK), 0);
	cr_assert_eq(access(dir_path("index/tocsin.412.json"), F_OK), 0);
	cr_assert_eq(access(outside, F_OK), 0, "what a link led to was removed");
	rmdir(outside);
}

Test(store, memory_out_anywhere_is_said)
{
	struct tsn_store_enabled e;
	bool ok = false;

	fill();
	for (long n = 0; !ok; n++) {
		tsn_mem_fail_at(n, false);
		ok = tsn_store_enabled(dir, &e, error);
		tsn_mem_fail_never();
		cr_assert_lt(n, 500);
	}
	cr_assert_eq(e.n, 2);
	tsn_store_enabled_fini(&e);
}

/* --- the daemon's word --- */

Test(store, the_living_are_believed_and_the_dead_are_not)
{
	struct tsn_word said = { .pid = 4242, .loads = 7, .ok = false, .change = 3, .error = "rules/a.tsn:1:1: \"no\"", .ring = "/var/ring" }, heard;
	int lock;

	cr_assert(!tsn_word_read(dir, &heard));
	cr_assert(!tsn_word_read(dir_path("none"), &heard));
	dir_put("daemon.json", "{\"pid\":99,\"loads\":1,\"ok\":true,\"change\":1}");
	cr_assert(!tsn_word_read(dir, &heard), "nobody holds the lock");
	lock = tsn_word_open(dir, error);
	cr_assert(lock >= 0, "%s", error);
	cr_assert(tsn_word_read(dir, &heard));
	cr_assert_eq(heard.pid, 0, "the word of the one before is taken for that of the new one");
	cr_assert(tsn_word_say(dir, &said, error), "%s", error);
	cr_assert(tsn_word_read(dir, &heard));
	cr_assert(heard.pid == 4242 && heard.loads == 7 && !heard.ok && heard.change == 3);
	cr_assert_str_eq(heard.error, said.error);
	cr_assert_str_eq(heard.ring, said.ring);
	cr_assert_eq(tsn_word_open(dir, error), -1);
	cr_assert(strstr(error, "another tocsin listens with these rulesets") != NULL, "%s", error);
	close(lock);
	cr_assert(!tsn_word_read(dir, &heard), "a closed lock is no life");
}

Test(store, who_is_killed_is_dead_at_once)
{
	struct tsn_word w = { .pid = 1234, .loads = 1, .ok = true };
	int ready[2], lock, status;
	pid_t pid;
	char c;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		lock = tsn_word_open(dir, error);
		if (lock < 0 || !tsn_word_say(dir, &w, error) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	cr_assert_eq(read(ready[0], &c, 1), 1);
	cr_assert(tsn_word_read(dir, &w));
	cr_assert_eq(w.pid, 1234);
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(!tsn_word_read(dir, &w));
	lock = tsn_word_open(dir, error);
	cr_assert(lock >= 0, "%s", error);
	close(lock);
}

Test(store, a_word_names_no_process_that_may_not_be_signalled)
{
	static const char *const pid[] = { "-1", "0", "1", "\"x\"", "4294967296000000000000", "null" };
	struct tsn_word w;
	int lock = tsn_word_open(dir, error);
	char text[100];

	for (int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "{\"pid\":%s,\"loads\":1,\"ok\":true,\"change\":1}", pid[i]);
		dir_put("daemon.json", text);
		cr_assert(tsn_word_read(dir, &w));
		cr_assert_eq(w.pid, 0, "%s", pid[i]);
	}
	dir_put("daemon.json", "[\"pid\"]");
	cr_assert(tsn_word_read(dir, &w));
	cr_assert_eq(w.pid, 0);
	close(lock);
}

#else
/* An empty store is one in every build; one that has something is not passed over in silence. */
Test(store, absent_it_is_said)
{
	struct tsn_store_state s;
	char error[TSN_RULESET_ERROR];

	cr_assert(tsn_store_state_parse(&s, NULL, 0, error));
	tsn_store_state_fini(&s);
	cr_assert(!tsn_store_state_parse(&s, "{}", 2, error));
	tsn_store_state_fini(&s);
}
#endif
