/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Archives of rulesets: packed the same from the same folder, and each way in which one may be bad refused with its own
 * sentence. The bad ones are written by libarchive itself, which can write all that tar has.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ruleset/archive.h"
#include "ruleset/contents.h"
#include "ruleset/disk.h"
#include "ruleset/file.h"
#include "ruleset/manifest.h"
#include "ruleset/sha256.h"
#include "unit/mutate.h"
#include "scratch_dir.h"

#if defined(TSN_HAVE_ARCHIVE) && defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)
#include <archive.h>
#include <archive_entry.h>

static char error[TSN_RULESET_ERROR];
static struct tsn_buf packed;
static struct tsn_manifest m;

static void
end(void)
{
	tsn_buf_fini(&packed);
	tsn_manifest_fini(&m);
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
}

TestSuite(archive, .init = dir_begin, .fini = end);

static void
says(const char *what)
{
	cr_assert(strstr(error, what) != NULL, "wanted \"%s\", got \"%s\"", what, error);
}

/* --- writing archives, bad ones too --- */

static struct archive *writer;

static la_ssize_t
take(struct archive *a, void *arg, const void *p, size_t n)
{
	(void)a;
	(void)arg;
	tsn_buf_add(&packed, p, n);
	return (la_ssize_t)n;
}

static void
open_archive(void)
{
	tsn_buf_clear(&packed);
	writer = archive_write_new();
	archive_write_set_format_pax(writer);
	archive_write_add_filter_zstd(writer);
	archive_write_set_bytes_in_last_block(writer, 1);
	cr_assert_eq(archive_write_open(writer, NULL, NULL, take, NULL), ARCHIVE_OK);
}

static void
close_archive(void)
{
	archive_write_close(writer);
	archive_write_free(writer);
}

static void
entry(const char *name, unsigned type, const char *content, size_t n, const char *hard, const char *soft)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	if (hard != NULL)
		archive_entry_set_hardlink(e, hard);
	if (soft != NULL)
		archive_entry_set_symlink(e, soft);
	cr_assert_eq(archive_write_header(writer, e), ARCHIVE_OK, "%s", archive_error_string(writer));
	if (n > 0)
		cr_assert_eq(archive_write_data(writer, content, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static void
file(const char *name, const char *content)
{
	entry(name, AE_IFREG, content, strlen(content), NULL, NULL);
}

/* w-1/manifest.json that lists [names], all with the content "rules". */
static void
manifest(const char *const *names, size_t n)
{
	struct tsn_buf text = TSN_BUF_INIT;
	char sha256[65];

	cr_assert(tsn_sha256_text("rules", 5, sha256, error));
	tsn_buf_puts(&text, "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"rules\":1,\"tests\":2,\"files\":[");
	for (size_t i = 0; i < n; i++)
		tsn_buf_printf(&text, "%s{\"path\":\"%s\",\"size\":5,\"sha256\":\"%s\"}", i > 0 ? "," : "", names[i], sha256);
	tsn_buf_puts(&text, "]}");
	file("w-1/manifest.json", text.p);
	tsn_buf_fini(&text);
}

/* A good beginning: a manifest of a.tsn, and a.tsn. */
static void
open_good(void)
{
	open_archive();
	manifest((const char *const[]){ "a.tsn" }, 1);
	file("w-1/a.tsn", "rules");
}

static bool
unpack(void)
{
	tsn_manifest_fini(&m);
	return tsn_archive_unpack((const uint8_t *)tsn_buf_str(&packed), packed.len, dir, &m, error);
}

static void
refused(const char *what)
{
	cr_assert_not(unpack(), "not refused: %s", what);
	says(what);
	cr_assert_null(m.name, "the manifest of a refused archive is nobody's to read");
}

/* --- a good one --- */

Test(archive, a_good_one_is_unpacked)
{
	struct tsn_buf text = TSN_BUF_INIT;

	open_archive();
	entry("w-1/", AE_IFDIR, NULL, 0, NULL, NULL);
	manifest((const char *const[]){ "lists/deep/b.csv", "a.tsn" }, 2);
	file("w-1/lists/deep/b.csv", "rules");
	file("w-1/a.tsn", "rules");
	close_archive();
	cr_assert(unpack(), "%s", error);
	cr_assert_str_eq(m.name, "w");
	cr_assert_str_eq(m.version, "1");
	cr_assert_eq(m.rules, 1);
	cr_assert_eq(m.tests, 2);
	cr_assert_eq(m.nfiles, 2);
	cr_assert_str_eq(m.file[0].path, "a.tsn", "sorted");
	cr_assert(tsn_file_read(dir_path("lists/deep/b.csv"), 100, &text, error), "%s", error);
	cr_assert_str_eq(text.p, "rules");
	tsn_buf_fini(&text);
	cr_assert_eq(access(dir_path("manifest.json"), F_OK), 0);
}

/* --- attacks --- */

Test(archive, names_that_lead_out)
{
	static const char *const bad[] = { "w-1/../../out", "/w-1/abs", "../w-1/up", "w-1/./a", "w-1//a", "w-1/.hidden", "w-1/a\x1b[31m",
		"w-1/a b", "w-1/-rf", "w-1/a\\b", "w-1/c:d", "w-1/a.", "w-1/1/2/3/4/5/6/7/8" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_good();
		file(bad[i], "rules");
		close_archive();
		tsn_disk_remove(AT_FDCWD, dir_path("a.tsn"));
		tsn_disk_remove(AT_FDCWD, dir_path("manifest.json"));
		refused("the archive has an entry of a bad name, ");
		cr_assert_null(strchr(error, '\x1b'), "what steers terminals is not passed on");
	}
}

Test(archive, another_folder_beside)
{
	open_good();
	file("x-1/b.tsn", "rules");
	close_archive();
	refused("the archive has x-1/b.tsn beside the folder NAME-VERSION");
}

Test(archive, links_and_devices)
{
	static const struct { const char *name; unsigned type; const char *hard, *soft, *says; } bad[] = {
		{ "w-1/l", AE_IFLNK, NULL, "/etc/passwd", "the archive has a link, w-1/l" },
		{ "w-1/h", AE_IFREG, "w-1/a.tsn", NULL, "the archive has a link, w-1/h" },
		{ "w-1/c", AE_IFCHR, NULL, NULL, "the archive has w-1/c, which is neither file nor folder" },
		{ "w-1/b", AE_IFBLK, NULL, NULL, "the archive has w-1/b, which is neither file nor folder" },
		{ "w-1/p", AE_IFIFO, NULL, NULL, "the archive has w-1/p, which is neither file nor folder" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_archive();
		entry(bad[i].name, bad[i].type, NULL, 0, bad[i].hard, bad[i].soft);
		close_archive();
		refused(bad[i].says);
	}
}

Test(archive, more_or_less_than_the_manifest_lists)
{
	open_good();
	file("w-1/extra.tsn", "rules");
	close_archive();
	refused("extra.tsn is in the archive and not in its manifest");
}

Test(archive, a_file_that_is_not_there)
{
	open_archive();
	manifest((const char *const[]){ "a.tsn", "b.tsn" }, 2);
	file("w-1/a.tsn", "rules");
	close_archive();
	refused("b.tsn is in the manifest and not in the archive");
}

Test(archive, another_file_than_listed)
{
	static const struct { const char *content, *says; } bad[] = {
		{ "rulez", "a.tsn is not the file that the manifest lists: its hash is another" },
		{ "rule", "a.tsn is smaller than the manifest says" },
		{ "rules!", "a.tsn is larger than the manifest says" },
	};

	for (size_t i = 0; i < 3; i++) {
		open_archive();
		manifest((const char *const[]){ "a.tsn" }, 1);
		file("w-1/a.tsn", bad[i].content);
		close_archive();
		tsn_disk_remove(AT_FDCWD, dir_path("manifest.json"));
		refused(bad[i].says);
		cr_assert_neq(access(dir_path("a.tsn"), F_OK), 0, "nothing of it is written");
	}
}

Test(archive, twice)
{
	open_good();
	file("w-1/a.tsn", "rules");
	close_archive();
	refused("a.tsn stands twice in the archive");
}

Test(archive, the_manifest_twice)
{
	open_good();
	file("w-1/manifest.json", "{}");
	close_archive();
	refused("manifest.json stands twice in the archive");
}

Test(archive, the_manifest_comes_first)
{
	open_archive();
	file("w-1/a.tsn", "rules");
	close_archive();
	refused("the archive does not begin with manifest.json");
	open_archive();
	file("w-1", "rules");
	close_archive();
	refused("the archive has the file w-1 where the folder NAME-VERSION should be");
	open_archive();
	close_archive();
	refused("the archive is empty");
}

Test(archive, a_folder_of_another_name)
{
	open_archive();
	file("w-2/manifest.json", "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"rules\":0,\"tests\":0,\"files\":[]}");
	close_archive();
	refused("the manifest is of w-1, its folder is called w-2");
}

/* A thousand to one: stopped at the first block past the cap, not after the last. */
Test(archive, bombs)
{
	char *zeros = tsn_calloc(1, 8u << 20);
	struct archive_entry *e;

	open_good(); /* within a file: no more is read than the manifest says */
	entry("w-1/b", AE_IFREG, zeros, 8u << 20, NULL, NULL);
	close_archive();
	cr_assert_lt(packed.len, 100000);
	refused("b is in the archive and not in its manifest");
	tsn_disk_remove(AT_FDCWD, dir_path("a.tsn"));
	tsn_disk_remove(AT_FDCWD, dir_path("manifest.json"));
	/* folders with a body, which are passed over: what is passed over is counted */
	open_archive();
	e = archive_entry_new();
	archive_entry_set_pathname(e, "w-1/manifest.json");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 80u << 20);
	cr_assert_eq(archive_write_header(writer, e), ARCHIVE_OK);
	for (int i = 0; i < 10; i++)
		archive_write_data(writer, zeros, 8u << 20);
	archive_entry_free(e);
	close_archive();
	refused("manifest.json is larger than the manifest says");
	tsn_free(zeros);
}

Test(archive, too_many_entries)
{
	char name[32];

	open_good();
	for (unsigned i = 0; i <= 2 * TSN_ARCHIVE_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "w-1/d%u/", i);
		entry(name, AE_IFDIR, NULL, 0, NULL, NULL);
	}
	close_archive();
	refused("the archive has more than 1000 files");
}

Test(archive, cut_off_and_other_bytes)
{
	size_t whole;

	open_good();
	close_archive();
	whole = packed.len;
	for (size_t n = 0; n + 20 < whole; n += 7) { /* the last bytes are the end of the stream and its checksum */
		packed.len = n;
		cr_assert_not(tsn_archive_unpack((const uint8_t *)packed.p, packed.len, NULL, &m, error), "%zu of %zu bytes", n, whole);
	}
	tsn_buf_clear(&packed);
	tsn_buf_puts(&packed, "PK\x03\x04 a zip file");
	refused("the archive is damaged or none: ");
	packed.len = TSN_ARCHIVE_PACKED_MAX + 1;
	cr_assert_not(tsn_archive_unpack((const uint8_t *)packed.p, packed.len, NULL, &m, error));
	says("the archive has more than 16 MiB");
	packed.len = 0;
}

Test(archive, mutations_end_well)
{
	uint8_t work[8192];
	uint64_t seed = 7;
	size_t n;

	open_good();
	close_archive();
	cr_assert_lt(packed.len, sizeof(work) / 2);
	for (long i = 0; i < mutate_times(50000); i++) {
		n = mutate_copy(work, sizeof(work), packed.p, packed.len, 1 + (uint64_t)i % 3, &seed);
		tsn_archive_unpack(work, n, NULL, &m, error);
		tsn_manifest_fini(&m);
	}
}

/* --- manifests --- */

Test(archive, manifests)
{
#define HEAD "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"rules\":1,\"tests\":2,"
#define SHA "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
	static const struct { const char *text, *says; } bad[] = {
		{ "", "manifest.json: line 1" },
		{ "[]", "manifest.json: no object" },
		{ "{\"format\":2}", "\"format\" is no number from 1 to 1" },
		{ "{\"format\":1,\"format\":1}", "duplicate object key" },
		{ "{\"format\":1}", "\"name\" is missing" },
		{ "{\"format\":1,\"name\":7,\"version\":\"1\"}", "\"name\" is no text of one line" },
		{ "{\"format\":1,\"name\":\"../w\",\"version\":\"1\"}", "\"../w\" is no name of a ruleset that travels" },
		{ "{\"format\":1,\"name\":\"local\",\"version\":\"1\"}", "\"local\" is no name of a ruleset that travels" },
		{ "{\"format\":1,\"name\":\"w\",\"version\":\"1/..\"}", "\"1/..\" is no version" },
		{ "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"author\":\"a\\nb\"}", "\"author\" is no text of one line" },
		{ "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"rules\":10001}", "\"rules\" is no number from 0 to 10000" },
		{ "{\"format\":1,\"name\":\"w\",\"version\":\"1\",\"rules\":-1}", "\"rules\" is no number from 0 to 10000" },
		{ HEAD "\"files\":{}}", "\"files\" is no list" },
		{ HEAD "\"files\":[1]}", "entry 1 of \"files\" is no object" },
		{ HEAD "\"files\":[{\"path\":\"a\"}]}", "\"size\" is no number" },
		{ HEAD "\"files\":[{\"path\":\"../a\",\"size\":0," SHA "}]}", "\"../a\" is no path below a folder" },
		{ HEAD "\"files\":[{\"path\":\"Manifest.json\",\"size\":0," SHA "}]}", "the manifest lists itself" },
		{ HEAD "\"files\":[{\"path\":\"a\",\"size\":0,\"sha256\":\"e3\"}]}", "\"sha256\" is no SHA-256" },
		{ HEAD "\"files\":[{\"path\":\"a\",\"size\":0," SHA "},{\"path\":\"a\",\"size\":0," SHA "}]}", "a stands twice in the list of files" },
		{ HEAD "\"files\":[{\"path\":\"l/a\",\"size\":0," SHA "},{\"path\":\"L/A\",\"size\":0," SHA "}]}", "differ in nothing but capitals" },
		{ HEAD "\"files\":[{\"path\":\"a\",\"size\":60000000," SHA "},{\"path\":\"b\",\"size\":60000000," SHA "}]}",
		    "its files have more than 67108864 bytes" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_not(tsn_manifest_parse(bad[i].text, strlen(bad[i].text), &m, error), "%s", bad[i].text);
		says(bad[i].says);
		tsn_manifest_fini(&m);
	}
}

Test(archive, manifests_of_any_size)
{
	struct tsn_buf text = TSN_BUF_INIT;

	for (int i = 0; i < 5000; i++)
		tsn_buf_putc(&text, '[');
	cr_assert_not(tsn_manifest_parse(text.p, text.len, &m, error));
	says("maximum parsing depth reached");
	while (text.len <= TSN_MANIFEST_BYTES_MAX)
		tsn_buf_puts(&text, "                                                                ");
	cr_assert_not(tsn_manifest_parse(text.p, text.len, &m, error));
	says("manifest.json has more than 1048576 bytes");
	tsn_buf_clear(&text);
	tsn_buf_puts(&text, HEAD "\"files\":[{}");
	for (int i = 0; i < 1000; i++)
		tsn_buf_puts(&text, ",{}");
	tsn_buf_puts(&text, "]}");
	cr_assert_not(tsn_manifest_parse(text.p, text.len, &m, error));
	says("\"files\" has more than 1000 entries");
	tsn_buf_fini(&text);
}

/* --- packing --- */

#define HEADER "ruleset w { version \"1.2\" license \"CC0-1.0\" author \"A\" requires \"1.0\" channel \"core\" }\n"

static bool
contents(void)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;
	bool ok;

	tsn_manifest_fini(&m);
	ok = tsn_contents_read(dir, sources, diags, &m, error);
	if (!ok && error[0] == '\0') {
		tsn_diags_print(diags, sources, false, &out);
		tsn_ruleset_fail(error, "%s", tsn_buf_str(&out));
	}
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ok;
}

Test(archive, packed_twice_it_is_the_same)
{
	struct tsn_buf first = TSN_BUF_INIT;

	dir_put("b.tsn", HEADER "rule b { when dst_port == 2 }\n");
	dir_put("a.tsn", HEADER "set bad = file \"lists/bad.txt\"\ntable t = file \"lists/t.csv\" default 3\nrule a { when src in bad }\n");
	cr_assert_eq(mkdir(dir_path("lists"), 0755), 0);
	dir_put("lists/bad.txt", "10.0.0.1\n");
	dir_put("lists/t.csv", "a,b\n");
	dir_put("notes.txt", "nobody's business\n");
	dir_put("README.md", "# w\n");
	cr_assert(contents(), "%s", error);
	cr_assert_eq(m.nfiles, 5);
	cr_assert_str_eq(m.license, "CC0-1.0");
	cr_assert_str_eq(m.channel, "core");
	cr_assert(tsn_archive_write(dir, dir_path("one"), &m, error), "%s", error);
	cr_assert_eq(chmod(dir_path("a.tsn"), 0600), 0);
	dir_put("b.tsn", HEADER "rule b { when dst_port == 2 }\n"); /* another time of change */
	cr_assert(contents(), "%s", error);
	cr_assert(tsn_archive_write(dir, dir_path("two"), &m, error), "%s", error);
	cr_assert(tsn_file_read(dir_path("one"), 65536, &first, error));
	cr_assert(tsn_file_read(dir_path("two"), 65536, &packed, error));
	cr_assert(first.len == packed.len && memcmp(first.p, packed.p, first.len) == 0);
	tsn_buf_fini(&first);
	cr_assert_eq(mkdir(dir_path("out"), 0755), 0);
	tsn_manifest_fini(&m);
	cr_assert(tsn_archive_unpack((const uint8_t *)packed.p, packed.len, dir_path("out"), &m, error), "%s", error);
	cr_assert_eq(access(dir_path("out/lists/bad.txt"), F_OK), 0);
	cr_assert_neq(access(dir_path("out/notes.txt"), F_OK), 0);
}

/* Without a list of files in the manifest they are found. */
Test(archive, files_are_found)
{
	dir_put("a.tsn", HEADER "rule a { when dst_port == 2 }\n");
	m.name = tsn_strdup("w");
	m.version = tsn_strdup("1.2");
	cr_assert(tsn_archive_write(dir, dir_path("one"), &m, error), "%s", error);
	cr_assert_eq(m.nfiles, 1);
	dir_put("a.tsn", "rule {");
	tsn_free(m.file[0].path);
	m.nfiles = 0;
	cr_assert_not(tsn_archive_write(dir, dir_path("two"), &m, error));
	says("the rules of ");
}

Test(archive, rules_that_may_not_travel)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "rule a { when dst_port == 2 }\n", "a.tsn belongs to no ruleset" },
		{ "ruleset w { version \"1\" author \"A\" }\n", "ruleset w says no license" },
		{ "ruleset w { version \"1\" license \"X\" }\n", "ruleset w says no author" },
		{ "ruleset w { author \"A\" license \"X\" }\n", "ruleset w says no version" },
		{ "ruleset w { version \"01\" author \"A\" license \"X\" }\n", "ruleset w: \"01\" is no version" },
		{ "ruleset Worms { version \"1\" author \"A\" license \"X\" }\n", "a ruleset that travels cannot be called Worms" },
		{ HEADER "site { memory 1GiB }\n", "a ruleset that travels has no site { }" },
		{ HEADER "disable x.y\n", "a ruleset that travels has no disable" },
		{ HEADER "override x { severity low }\n", "a ruleset that travels has no override" },
		{ HEADER "set s = file \"/etc/passwd\"\n", "a ruleset that travels has its data below its own folder" },
		{ HEADER "set s = file \"../x\"\n", "a ruleset that travels has its data below its own folder" },
		{ HEADER "set s = file \"manifest.json\"\n", "a ruleset that travels has its data below its own folder" },
		{ HEADER "set s = file \"none.txt\"\n", "/none.txt is missing" },
		{ HEADER "set s = file \"link.txt\"\n", "/link.txt is no plain file" },
		{ HEADER "use \"../other.tsn\"\n", "a ruleset that travels uses files of its own folder only" },
		{ HEADER "ruleset v { version \"1\" }\n", "an archive has one ruleset, and another file here is of w" },
		{ HEADER "rule {", "error: " },
	};

	cr_assert_eq(symlink("/etc/passwd", dir_path("link.txt")), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dir_put("a.tsn", bad[i].text);
		cr_assert_not(contents(), "%s", bad[i].text);
		says(bad[i].says);
	}
	dir_put("a.tsn", HEADER);
	dir_put("b.tsn", "ruleset w { version \"1.3\" }\n");
	cr_assert_not(contents());
	says("the files of a ruleset say the same version; another says \"1.2\"");
	dir_put("b.tsn", HEADER "use \"a.tsn\"\n");
	cr_assert(contents(), "%s", error);
	dir_put("A.tsn", HEADER);
	cr_assert_not(contents());
	says("A.tsn and a.tsn differ in nothing but capitals");
	cr_assert_eq(unlink(dir_path("A.tsn")), 0);
	dir_put("b c.tsn", HEADER);
	cr_assert_not(contents());
	says("a file in an archive is named with letters, digits, . _ and -");
}

Test(archive, memory_may_run_out_anywhere)
{
	bool done = false;

	open_good();
	close_archive();
	for (long n = 0; !done && n < 200; n++) {
		tsn_mem_fail_at(n, true);
		done = tsn_archive_unpack((const uint8_t *)packed.p, packed.len, NULL, &m, error);
		tsn_mem_fail_never();
	}
	cr_assert(done);
	tsn_manifest_fini(&m);
	dir_put("a.tsn", HEADER "rule a { when dst_port == 2 }\n");
	for (long n = done = false; !done && n < 500; n++) {
		tsn_manifest_fini(&m);
		m.name = tsn_strdup("w");
		m.version = tsn_strdup("1.2");
		tsn_mem_fail_at(n, true);
		done = tsn_archive_write(dir, "/dev/null/x", &m, error) || strstr(error, "cannot write /dev/null/x") != NULL;
		tsn_mem_fail_never();
	}
	cr_assert(done, "%s", error);
}

#else
Test(archive, absent_it_is_said)
{
	struct tsn_manifest m = { 0 };
	char error[TSN_RULESET_ERROR];

	cr_assert_not(tsn_archive_unpack(NULL, 0, NULL, &m, error));
	cr_assert_str_eq(error, "this build is without libarchive, jansson or libsodium: it reads no archives of rulesets");
}
#endif
