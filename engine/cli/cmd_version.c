/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin version: what this build can do, and with what. */
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#ifdef TSN_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef TSN_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef TSN_HAVE_LZMA
#include <lzma.h>
#endif
#ifdef TSN_HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef TSN_HAVE_LZ4
#include <lz4.h>
#endif
#ifdef TSN_HAVE_LZO
#include <lzo/lzoconf.h>
#endif
#ifdef TSN_HAVE_TLS
#include <openssl/opensslv.h>
#endif
#ifdef TSN_HAVE_SQLITE
#include <sqlite3.h>
#endif

#ifdef TSN_HAVE_JANSSON
#include <jansson.h>
#endif
#ifdef TSN_HAVE_SODIUM
#include <sodium.h>
#endif
#ifdef TSN_HAVE_ARCHIVE
#include <archive.h>
#endif
#ifdef TSN_HAVE_CURL
#include <curl/curl.h>
#endif

#include "base/cpu.h"
#include "cli/cli.h"
#include "daemon/http.h"
#include "feed/feed.h"
#include "input/pcap.h"

/* [version] NULL: this build is without it. */
static void
part(const char *name, const char *version, const char *without)
{
	if (version != NULL)
		printf("%-13s %s\n", name, version);
	else
		printf("%-13s no: %s\n", name, without);
}

#ifdef TSN_HAVE_ZLIB
#define ZLIB zlibVersion()
#else
#define ZLIB NULL
#endif
#ifdef TSN_HAVE_ZSTD
#define ZSTD ZSTD_versionString()
#else
#define ZSTD NULL
#endif
#ifdef TSN_HAVE_LZMA
#define LZMA lzma_version_string()
#else
#define LZMA NULL
#endif
#ifdef TSN_HAVE_BZ2
#define BZ2 BZ2_bzlibVersion()
#else
#define BZ2 NULL
#endif
#ifdef TSN_HAVE_LZ4
#define LZ4 LZ4_versionString()
#else
#define LZ4 NULL
#endif
#ifdef TSN_HAVE_LZO
#define LZO lzo_version_string()
#else
#define LZO NULL
#endif
#ifdef TSN_HAVE_TLS
#ifdef OPENSSL_VERSION_STR /* loaded when it is needed: what was built for, as of the last two */
#define TLS OPENSSL_VERSION_STR
#else
#define TLS OPENSSL_VERSION_TEXT
#endif
#else
#define TLS NULL
#endif
#ifdef TSN_HAVE_SQLITE
#define SQLITE SQLITE_VERSION /* as with TLS */
#else
#define SQLITE NULL
#endif
#ifdef TSN_HAVE_JANSSON
#define JANSSON JANSSON_VERSION
#else
#define JANSSON NULL
#endif
#ifdef TSN_HAVE_SODIUM
#define SODIUM sodium_version_string()
#else
#define SODIUM NULL
#endif
#ifdef TSN_HAVE_ARCHIVE
#define ARCHIVE ARCHIVE_VERSION_ONLY_STRING /* these two are loaded when they are needed: what was built for */
#else
#define ARCHIVE NULL
#endif
#ifdef TSN_HAVE_CURL
#define CURL_PART LIBCURL_VERSION
#else
#define CURL_PART NULL
#endif
#ifdef TSN_HAVE_JSMN
#define JSMN "yes"
#else
#define JSMN NULL
#endif

static void
parts(void)
{
	part("libpcap", tsn_pcap_library(), "plain pcap files only");
	part("zlib", ZLIB, "no .gz, no compressed flow-tools files");
	part("zstd", ZSTD, "no .zst, no nfcapd files compressed with it");
	part("lzma", LZMA, "no .xz");
	part("bzip2", BZ2, "no .bz2, no nfcapd files compressed with it");
	part("lz4", LZ4, "no nfcapd files compressed with it");
	part("lzo", LZO, "no nfcapd files compressed with it");
	part("jsmn", JSMN, "no JSON inputs");
	part("openssl", TLS, "no IPFIX over TLS");
	part("sqlite", SQLITE, "no state kept over restarts");
	part("microhttpd", tsn_http_library(), "no page of metrics");
	part("jansson", JANSSON, "no rulesets from elsewhere, no lists in JSON");
	part("libsodium", SODIUM, "no rulesets from elsewhere: nothing can be verified");
	part("libarchive", ARCHIVE, "no rulesets from elsewhere: archives stay closed");
	part("libcurl", CURL_PART, "nothing is fetched: rulesets come as files");
}

/* Which builds of the inner loops run here, and why not faster ones. */
static void
cpu(void)
{
	bool known;
	const char *asked = tsn_cpu_asked(&known);
	enum tsn_cpu most = tsn_cpu_most();

	printf("cpu           %s", tsn_cpu_name(tsn_cpu_level));
	if (tsn_cpu_level != most)
		printf(", by TOCSIN_CPU=%s; this one has %s", asked != NULL ? asked : "", tsn_cpu_name(most));
	putchar('\n');
}

int
tsn_cmd_version(struct tsn_cli *c)
{
	char pcre2[64] = "";
	uint32_t jit = 0;

	if (c->args.n > 0)
		return tsn_cli_usage(c, "`tocsin version` takes no arguments");
	pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
	pcre2_config(PCRE2_CONFIG_JIT, &jit);
	printf("tocsin %s\n", TSN_VERSION);
	printf("language      1.0\n");
	cpu();
	printf("pcre2         %s, JIT %s\n", pcre2, jit ? "yes" : "no");
	parts();
	printf("exports read  %s\n", tsn_decode_formats());
	printf("inputs read   ");
	for (size_t i = 0; tsn_feed_kind(i) != NULL; i++)
		printf("%s%s", i > 0 ? ", " : "", tsn_feed_kind(i));
	putchar('\n');
	return TSN_EXIT_OK;
}
