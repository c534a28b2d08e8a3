/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From an archive to rules in force: what is well signed and yet cannot be used, for want of sense or of manners, changes
 * nothing; nor does memory that is out at any place.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/archive.h"
#include "ruleset/disk.h"
#include "ruleset/switch.h"
#include "scratch.h"

#if defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM) && defined(TSN_HAVE_ARCHIVE)
#define NOW INT64_C(1790000000000)

static char dir[64], error[TSN_RULESET_ERROR], key[TSN_PUBLIC_KEY_TEXT];
static struct tsn_buf said;

static const char *
path(const char *piece)
{
	return scratch_path(dir, piece);
}

static void
make_all(void)
{
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_public_key k;

	/* much is synced, of which a disk makes much */
	strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/tocsin-test-XXXXXX" : "/tmp/tocsin-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	cr_assert_eq(mkdir(path("src"), 0755), 0);
	cr_assert(tsn_minisign_generate(path("k.pub"), path("k.key"), NULL, error), "%s", error);
	cr_assert_eq(tsn_buf_read_file(&text, path("k.pub"), 1000), 0);
	cr_assert(tsn_public_key_parse(text.p, &k, error), "%s", error);
	tsn_public_key_text(&k, key);
	tsn_buf_fini(&text);
}

static void
remove_all(void)
{
	tsn_buf_fini(&said);
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
}

TestSuite(switch_, .init = make_all, .fini = remove_all);

static void
put(const char *piece, const char *text)
{
	scratch_put(path(piece), text);
}

/* worms-VERSION.tar.zst with the rules, signed as it should be: nothing of what `tocsin ruleset pack` would refuse is asked. */
static void
publish(const char *version, const char *rules)
{
	struct tsn_manifest m = { .name = tsn_strdup("worms"), .version = tsn_strdup(version), .license = tsn_strdup("CC0-1.0"),
		.author = tsn_strdup("A"), .channel = tsn_strdup("core"), .rules = 1 };
	struct tsn_buf text = TSN_BUF_INIT, bytes = TSN_BUF_INIT;
	char trusted[100], archive[100], *signature;

	/* files that are named by the caller are packed unseen */
	m.file = tsn_calloc(1, sizeof(*m.file));
	m.file[0].path = tsn_strdup("worms.tsn");
	m.nfiles = 1;
	tsn_buf_printf(&text, "ruleset worms { version \"%s\" license \"CC0-1.0\" }\n%s", version, rules);
	put("src/worms.tsn", tsn_buf_str(&text));
	snprintf(archive, sizeof(archive), "worms-%s.tar.zst", version);
	unlink(path(archive));
	cr_assert(tsn_archive_write(path("src"), path(archive), &m, error), "%s", error);
	cr_assert_eq(tsn_buf_read_file(&bytes, path(archive), 16 << 20), 0);
	snprintf(trusted, sizeof(trusted), "tocsin ruleset worms %s", version);
	cr_assert(tsn_minisign_sign((uint8_t *)bytes.p, bytes.len, path("k.key"), NULL, trusted, &signature, error), "%s", error);
	strcat(archive, ".minisig");
	put(archive, signature);
	tsn_free(signature);
	tsn_manifest_fini(&m);
	tsn_buf_fini(&text);
	tsn_buf_fini(&bytes);
}

static void
say(void *arg, bool problem, const char *line)
{
	(void)arg, (void)problem;
	tsn_buf_printf(&said, "%s\n", line);
}

static bool
never_wait(void *arg, bool begin)
{
	(void)arg, (void)begin;
	return false;
}

/* As `tocsin ruleset install FILE` does. [fail_at]: the allocation that fails, -1: none. */
static enum tsn_switch_end
install(const char *version, const char *const *site, size_t nsite, long fail_at)
{
	const struct tsn_compile_input in = { .paths = site, .npaths = nsite };
	enum tsn_switch_end end = TSN_SWITCH_REFUSED;
	struct tsn_store_state before, after = { 0 };
	struct tsn_package p = { 0 }, *packages = &p;
	struct tsn_store_ruleset *x;
	struct tsn_store_held h;
	char archive[100];

	tsn_buf_clear(&said);
	*error = '\0';
	snprintf(archive, sizeof(archive), "worms-%s.tar.zst", version);
	if (fail_at >= 0)
		tsn_mem_fail_at(fail_at, false);
	if (tsn_store_hold(path("store"), &h, error) && tsn_store_read_state(&h, &before, error) && tsn_store_read_state(&h, &after, error) &&
	    tsn_package_read(path(archive), key, &p, error) && tsn_package_unpack(&h, &p, NOW, error)) {
		struct tsn_switch s = { .held = &h, .before = &before, .after = &after, .package = &packages, .npackages = 1, .site = &in,
			.max_per_hour = 1000, .say = say, .wait = never_wait };

		x = tsn_store_ruleset(&after, p.name);
		if (x == NULL)
			x = tsn_store_add_ruleset(&after, p.name);
		if (x != NULL) {
			strcpy(x->key, p.key);
			x->channel = "core";
			x->enabled = true;
		}
		if (x != NULL && tsn_store_put_in_force(&after, x, &p.as))
			end = tsn_switch_run(&s, error);
	}
	tsn_mem_fail_never();
	tsn_package_fini(&p);
	tsn_store_state_fini(&before);
	tsn_store_state_fini(&after);
	tsn_store_release(&h);
	return end;
}

static const char *
in_force(void)
{
	static char version[40];
	struct tsn_store_enabled e;

	cr_assert(tsn_store_enabled(path("store"), &e, error), "%s", error);
	snprintf(version, sizeof(version), "%s", e.n == 1 ? e.version[0] : "none");
	tsn_store_enabled_fini(&e);
	return version;
}

#define GOOD "rule a { when dst_port == 1434 test \"t\" fires { flow { src = 10.0.0.1, proto = udp, dst_port = 1434 } } }\n"

Test(switch_, a_good_one_is_put_in_force)
{
	publish("1.0", GOOD);
	cr_assert_eq(install("1.0", NULL, 0, -1), TSN_SWITCH_DONE, "%s", error);
	cr_assert_str_eq(in_force(), "1.0");
	cr_assert(strstr(tsn_buf_str(&said), "1 test passed") != NULL, "%s", tsn_buf_str(&said));
}

/* 1.0 is in force and stays so; [rules] are used up. */
static void
changes_nothing(struct tsn_buf *rules, const char *why, const char *diagnostic)
{
	publish("1.1", tsn_buf_str(rules));
	cr_assert_eq(install("1.1", NULL, 0, -1), TSN_SWITCH_REFUSED, "%s", why);
	cr_assert(strstr(error, why) != NULL, "%s", error);
	cr_assert(strstr(tsn_buf_str(&said), diagnostic) != NULL, "%.2000s", tsn_buf_str(&said));
	cr_assert_str_eq(in_force(), "1.0");
	tsn_buf_clear(rules);
}

/* Signed by the right key, and the bytes are whole: what it says is at fault. */
Test(switch_, what_cannot_be_used_changes_nothing, .timeout = 120)
{
	static const struct {
		const char *rules, *error, *said;
	} cases[] = {
		{ "rule a { when dst_port == 1434 test \"t\" fires { flow { src = 10.0.0.1, proto = udp, dst_port = 1435 } } }",
		    "1 of its 1 tests failed", "FAILED worms.a: t: did not fire" },
		{ "rule a { when dst_port == 1434 test \"t\" quiet { flow { proto = udp, dst_port = 53 } repeat 100000000 }\n"
		    "test \"u\" quiet { flow { proto = udp, dst_port = 53 } } }",
		    "its tests would make more than 5000000 flows", "" },
		{ "rule a { when dst_prt == 1434 }", "the rules do not compile; name the site's own files with -r", "no field \"dst_prt\"" },
		{ "set home_net = site rule a { when src in home_net }", "the rules do not compile", "set home_net has no value" },
		{ "site { listen udp \"0.0.0.0:53\" } " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "site { output json \"/etc/cron.d/x\" } " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "override local_rule { severity low } " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "disable local_rule " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "set s = file \"/etc/passwd\" rule a { when src in s }", "the rules do not compile", "worms.tsn:2:" },
		{ "set s = file \"../../../state.json\" rule a { when src in s }", "the rules do not compile", "worms.tsn:2:" },
		{ "use \"/etc\" " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "use \"../1.0\" " GOOD, "the rules do not compile", "worms.tsn:2:" },
		{ "rule a { when dst_port == 1434 then add src to local_set }", "the rules do not compile", "worms.tsn:2:" },
		{ "rule a { when dst_port == 1434", "the rules do not compile", "worms.tsn:2:" },
	};
	struct tsn_buf large = TSN_BUF_INIT;

	publish("1.0", GOOD);
	cr_assert_eq(install("1.0", NULL, 0, -1), TSN_SWITCH_DONE, "%s", error);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		publish("1.1", cases[i].rules);
		cr_assert_eq(install("1.1", NULL, 0, -1), TSN_SWITCH_REFUSED, "%s", cases[i].rules);
		cr_assert(strstr(error, cases[i].error) != NULL, "%s: %s", cases[i].rules, error);
		cr_assert(strstr(tsn_buf_str(&said), cases[i].said) != NULL, "%s: %s", cases[i].rules, tsn_buf_str(&said));
		cr_assert_str_eq(in_force(), "1.0");
		cr_assert_neq(access(path("store/versions/worms/1.1"), F_OK), 0, "%s", cases[i].rules);
	}
	/* what grows while it is read: definitions that double, patterns, brackets, tests without end */
	tsn_buf_puts(&large, "define d0 = dst_port == 1\n");
	for (int i = 1; i < 60; i++)
		tsn_buf_printf(&large, "define d%d = d%d or d%d\n", i, i - 1, i - 1);
	tsn_buf_puts(&large, "rule a { when d59 }\n");
	changes_nothing(&large, "the rules do not compile", "these definitions are too much to work out");
	tsn_buf_puts(&large, "rule a { when dns_name ~ /");
	for (int i = 0; i < 1000000; i++)
		tsn_buf_putc(&large, 'a');
	tsn_buf_puts(&large, "/ }\n");
	changes_nothing(&large, "the rules do not compile", "a regular expression ends at 65535 bytes");
	tsn_buf_puts(&large, "rule a { when ");
	for (int i = 0; i < 100000; i++)
		tsn_buf_putc(&large, '(');
	changes_nothing(&large, "the rules do not compile", "brackets are nested too deeply");
	tsn_buf_puts(&large, "rule a { when dst_port == 9\n");
	for (int i = 0; i <= 20000; i++)
		tsn_buf_printf(&large, "test \"%d\" quiet { flow { proto = tcp, dst_port = 1 } }\n", i);
	tsn_buf_puts(&large, "}\n");
	changes_nothing(&large, "it has more than 20000 tests", "");
	tsn_buf_fini(&large);
	publish("1.1", GOOD);
	cr_assert_eq(install("1.1", NULL, 0, -1), TSN_SWITCH_DONE, "%s", error);
	cr_assert_str_eq(in_force(), "1.1");
}

/* A ruleset and a site that do not go together. */
Test(switch_, the_sites_own_rules_are_asked)
{
	char file[300];
	const char *site[] = { file };

	snprintf(file, sizeof(file), "%s", path("site.tsn"));
	publish("1.0", "rule a { when dst_port == 1 } rule b { when fired(a) by src over 60s > 1 }\n");
	put("site.tsn", "disable worms.a\n");
	cr_assert_eq(install("1.0", site, 1, -1), TSN_SWITCH_REFUSED);
	cr_assert(strstr(error, "the rules do not compile together with the site's") != NULL, "%s", error);
	put("site.tsn", "override worms.a { severity high }\n");
	cr_assert_eq(install("1.0", site, 1, -1), TSN_SWITCH_DONE, "%s\n%s", error, tsn_buf_str(&said));
}

/* An archive that was signed as another version, or whose file name says another. */
Test(switch_, names_are_those_that_were_signed)
{
	publish("1.0", GOOD);
	publish("2.0", GOOD);
	cr_assert_eq(rename(path("worms-2.0.tar.zst.minisig"), path("worms-1.0.tar.zst.minisig")), 0);
	cr_assert_eq(install("1.0", NULL, 0, -1), TSN_SWITCH_REFUSED);
	cr_assert(strstr(error, "worms-1.0.tar.zst: ") != NULL, "%s", error);
	cr_assert_str_eq(in_force(), "none");
}

Test(switch_, memory_out_anywhere_leaves_the_old_or_the_new, .timeout = 300)
{
	const long step = getenv("TSN_SOAK") != NULL ? 1 : 31;
	enum tsn_switch_end end = TSN_SWITCH_REFUSED;
	long n = 0;

	publish("1.0", GOOD);
	publish("1.1", GOOD);
	cr_assert_eq(install("1.0", NULL, 0, -1), TSN_SWITCH_DONE, "%s", error);
	for (; end != TSN_SWITCH_DONE; n += step) {
		end = install("1.1", NULL, 0, n);
		cr_assert_str_eq(in_force(), end == TSN_SWITCH_DONE ? "1.1" : "1.0", "allocation %ld: %s", n, error);
		cr_assert(end == TSN_SWITCH_DONE || *error != '\0', "allocation %ld is out and nothing is said", n);
		cr_assert_lt(n, 100000);
	}
	cr_assert_gt(n, 100, "hardly anything was allocated");
}

#else
Test(switch_, absent_it_is_said)
{
	struct tsn_package p;
	char error[TSN_RULESET_ERROR], key[TSN_PUBLIC_KEY_TEXT] = "";

	cr_assert(!tsn_package_read("/dev/null", key, &p, error));
	tsn_package_fini(&p);
	cr_assert(error[0] != '\0');
}
#endif
