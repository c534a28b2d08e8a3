/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/fetch.h"

#include <string.h>

#include "ruleset/file.h"
#include "ruleset/late.h"

#ifdef TSN_HAVE_CURL

#define REDIRECTS 5L
#define CONNECT_SECONDS 15L
#define SLOW_BYTES 100L      /* a second: slower than this for SLOW_SECONDS is a server that hangs */
#define SLOW_SECONDS 30L
#define ALL_SECONDS 600L

struct fetching {
	struct tsn_late_curl curl;
	struct tsn_buf *out;
	size_t cap;
	bool over;
};

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct fetching *f = arg;

	(void)size; /* always 1 */
	if (n > f->cap - f->out->len) {
		f->over = true;
		return 0;
	}
	tsn_buf_add(f->out, p, n);
	return f->out->failed ? 0 : n;
}

static bool
begins(const char *url, const char *with)
{
	return strncmp(url, with, strlen(with)) == 0;
}

static bool
set_up(CURL *c, const char *url, const char *ca, struct fetching *f, char reason[CURL_ERROR_SIZE])
{
	bool ok = f->curl.curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
	ok = ok && f->curl.curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,file") == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
#else
	ok = ok && f->curl.curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTPS | CURLPROTO_FILE)) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS) == CURLE_OK;
#endif
	ok = ok && f->curl.curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_MAXREDIRS, REDIRECTS) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->cap) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_TIMEOUT, ALL_SECONDS) == CURLE_OK && f->curl.curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_USERAGENT, "tocsin/" TSN_VERSION) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason) == CURLE_OK &&
	    f->curl.curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK && f->curl.curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK;
	if (ca != NULL)
		ok = ok && f->curl.curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK && f->curl.curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	return ok;
}

/* What [code] means to somebody who waits for rules. */
static bool
say(const char *url, const struct fetching *f, CURLcode code, const char *reason, char error[TSN_RULESET_ERROR])
{
	const char *why = reason[0] != '\0' ? reason : f->curl.curl_easy_strerror(code);

	if (f->out->failed || code == CURLE_OUT_OF_MEMORY)
		return tsn_ruleset_no_memory(error);
	if (f->over || code == CURLE_FILESIZE_EXCEEDED)
		return tsn_ruleset_fail(error, "%s: more than %zu bytes", url, f->cap);
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return tsn_ruleset_fail(error, "%s: TLS failed: %s", url, why);
	case CURLE_UNSUPPORTED_PROTOCOL: /* the first address was looked at before */
		return tsn_ruleset_fail(error, "%s: leads to an address that is not https", url);
	case CURLE_TOO_MANY_REDIRECTS:
		return tsn_ruleset_fail(error, "%s: more than %ld redirects", url, REDIRECTS);
	case CURLE_OPERATION_TIMEDOUT:
		return tsn_ruleset_fail(error, "%s: too slow: %s", url, why);
	default:
		return tsn_ruleset_fail(error, "%s: %s", url, why);
	}
}

static bool
perform(CURL *c, const char *url, const char *ca, struct fetching *f, char error[TSN_RULESET_ERROR])
{
	char reason[CURL_ERROR_SIZE] = "";
	CURLcode code;
	long status = 0;

	if (!set_up(c, url, ca, f, reason))
		return tsn_ruleset_fail(error, "%s: libcurl refuses the address or lacks https", url);
	code = f->curl.curl_easy_perform(c);
	f->curl.curl_easy_setopt(c, CURLOPT_ERRORBUFFER, NULL);
	f->curl.curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (begins(url, "https://") && (code == CURLE_OK || f->over) && status != 200)
		return tsn_ruleset_fail(error, "%s: the server answers %ld%s", url, status, status == 404 ? " (not found)" :
		    status == 403 ? " (forbidden)" : status == 401 ? " (who are you?)" : "");
	return code == CURLE_OK || say(url, f, code, reason, error);
}

/* [f] has its library. */
static bool
fetch(const char *url, const char *ca, struct fetching *f, char error[TSN_RULESET_ERROR])
{
	CURL *c;
	bool ok;

	if (f->curl.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return tsn_ruleset_fail(error, "libcurl does not start");
	c = f->curl.curl_easy_init();
	ok = c != NULL ? perform(c, url, ca, f, error) : tsn_ruleset_no_memory(error);
	f->curl.curl_easy_cleanup(c);
	f->curl.curl_global_cleanup();
	return ok;
}

bool
tsn_fetch_ca(const char *url, const char *ca, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	struct fetching f = { .out = out, .cap = cap };
	bool ok;

	tsn_buf_clear(out);
	if (!begins(url, "https://") && !begins(url, "file:///"))
		return tsn_ruleset_fail(error, "%s: an address begins with https:// or file:///", url);
	ok = tsn_late_curl_open(&f.curl, error) && fetch(url, ca, &f, error);
	tsn_late_curl_close(&f.curl);
	if (!ok)
		tsn_buf_clear(out);
	return ok;
}

#else

bool
tsn_fetch_ca(const char *url, const char *ca, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	(void)ca;
	(void)cap;
	(void)out;
	return tsn_ruleset_fail(error, "%s: this build is without libcurl: it fetches nothing", url);
}

#endif

bool
tsn_fetch(const char *url, size_t cap, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	return tsn_fetch_ca(url, NULL, cap, out, error);
}
