/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Fetching: files, and a server of our own on the loopback interface that answers well and badly. Nothing leaves the machine. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/disk.h"
#include "ruleset/fetch.h"
#include "ruleset/file.h"

static char error[TSN_RULESET_ERROR];
static struct tsn_buf got;

static void
says(const char *what)
{
	cr_assert(strstr(error, what) != NULL, "wanted \"%s\", got \"%s\"", what, error);
}

#ifdef TSN_HAVE_CURL

static char dir[64];

static void
begin(void)
{
	static const char *const proxy[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR" };

	for (size_t i = 0; i < sizeof(proxy) / sizeof(proxy[0]); i++)
		unsetenv(proxy[i]);
	signal(SIGPIPE, SIG_IGN);
	strcpy(dir, "/tmp/tocsin-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
}

static void
end(void)
{
	tsn_buf_fini(&got);
	cr_assert_eq(tsn_disk_remove(AT_FDCWD, dir), 0);
}

TestSuite(fetch, .init = begin, .fini = end);

static void
refused(const char *url, const char *what)
{
	cr_assert_not(tsn_fetch(url, 100, &got, error), "%s", url);
	says(what);
	says(url);
	cr_assert_eq(got.len, 0, "nothing of it is handed on");
}

Test(fetch, files)
{
	char url[200], name[160];

	snprintf(name, sizeof(name), "%s/index.json", dir);
	snprintf(url, sizeof(url), "file://%s", name);
	cr_assert(tsn_file_create(name, "0123456789", 10, 0644, error), "%s", error);
	cr_assert(tsn_fetch(url, 10, &got, error), "%s", error);
	cr_assert_str_eq(got.p, "0123456789");
	cr_assert(tsn_fetch(url, 100, &got, error), "%s", error);
	cr_assert_eq(got.len, 10, "not appended to what was there");
	cr_assert_not(tsn_fetch(url, 9, &got, error));
	says("index.json: more than 9 bytes");
	snprintf(url, sizeof(url), "file://%s/none", dir);
	refused(url, "open file");
}

Test(fetch, no_other_scheme)
{
	static const char *const url[] = { "http://localhost/", "ftp://localhost/", "gopher://localhost/", "scp://localhost/", "file:relative",
		"file://host/etc/passwd", "dict://localhost/", "data:,x", "index.json", "", "HTTPS", "-o/tmp/x" };

	for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++)
		refused(url[i], "an address begins with https:// or file:///");
	refused("https:///", "https:///: ");
	refused("https://[/", "https://[/: ");
}

#ifdef TSN_HAVE_TLS
#include "unit/build_tls.h"

struct server {
	struct tls_identity ca, own;
	SSL_CTX *tls;
	pthread_t thread;
	int fd;
	uint16_t port;
};

static const struct { const char *path, *answer; } answers[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone" },
	{ "/missing-much", "HTTP/1.1 404 Not Found\r\n\r\n"
	    "a page that explains at length what everybody knows, which is more than the hundred bytes that were asked for by anyone" },
	{ "/broken", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" },
	{ "/part", "HTTP/1.1 206 Partial\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/much", "HTTP/1.1 200 OK\r\n\r\n"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789!" },
	{ "/much-said", "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello" },
	{ "/nonsense", "220 smtp.example\r\n" },
	{ "/again", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n" },
	{ "/round", "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n" },
	{ "/plain", "HTTP/1.1 302 Found\r\nLocation: http://localhost/ok\r\nContent-Length: 0\r\n\r\n" },
	{ "/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n" },
};

static void
answer(SSL *s)
{
	char request[4096];
	size_t n = 0;
	int r;

	while (n < sizeof(request) - 1 && (r = SSL_read(s, request + n, (int)(sizeof(request) - 1 - n))) > 0) {
		n += (size_t)r;
		request[n] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL)
			break;
	}
	for (size_t i = 0; n > 4 && i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t len = strlen(answers[i].path);

		if (strncmp(request + 4, answers[i].path, len) == 0 && request[4 + len] == ' ')
			SSL_write(s, answers[i].answer, (int)strlen(answers[i].answer));
	}
}

static void *
serve(void *arg)
{
	struct server *v = arg;
	int fd;

	while ((fd = accept(v->fd, NULL, NULL)) >= 0) {
		SSL *s = SSL_new(v->tls);

		SSL_set_fd(s, fd);
		if (SSL_accept(s) == 1) {
			answer(s);
			SSL_shutdown(s);
		}
		SSL_free(s);
		close(fd);
	}
	return NULL;
}

static void
start(struct server *v, const char *name)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	tls_identity_make(&v->ca, dir, "authority", NULL);
	tls_identity_make(&v->own, dir, name, &v->ca);
	v->tls = SSL_CTX_new(TLS_server_method());
	cr_assert_eq(SSL_CTX_use_certificate_file(v->tls, v->own.cert_path, SSL_FILETYPE_PEM), 1);
	cr_assert_eq(SSL_CTX_use_PrivateKey_file(v->tls, v->own.key_path, SSL_FILETYPE_PEM), 1);
	v->fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(v->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(v->fd, 8), 0);
	cr_assert_eq(getsockname(v->fd, (struct sockaddr *)&a, &n), 0);
	v->port = ntohs(a.sin_port);
	cr_assert_eq(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void
stop(struct server *v)
{
	shutdown(v->fd, SHUT_RDWR);
	pthread_join(v->thread, NULL);
	close(v->fd);
	SSL_CTX_free(v->tls);
	tls_identity_free(&v->own);
	tls_identity_free(&v->ca);
}

static bool
ask(const struct server *v, const char *path, const char *ca)
{
	char url[200];

	snprintf(url, sizeof(url), "https://localhost:%u%s", v->port, path);
	if (tsn_fetch_ca(url, ca, 100, &got, error))
		return true;
	says(url);
	return false;
}

Test(fetch, a_server)
{
	static const struct { const char *path, *says; } bad[] = {
		{ "/missing", "/missing: the server answers 404 (not found)" },
		{ "/missing-much", "/missing-much: the server answers 404 (not found)" },
		{ "/broken", "/broken: the server answers 500" },
		{ "/part", "/part: the server answers 206" },
		{ "/much", "/much: more than 100 bytes" },
		{ "/much-said", "/much-said: more than 100 bytes" },
		{ "/cut", "/cut: " },
		{ "/nonsense", "/nonsense: " },
		{ "/round", "/round: more than 5 redirects" },
		{ "/plain", "/plain: leads to an address that is not https" },
		{ "/file", "/file: leads to an address that is not https" },
	};
	struct server v;

	start(&v, "localhost");
	cr_assert(ask(&v, "/ok", v.ca.cert_path), "%s", error);
	cr_assert_str_eq(got.p, "hello");
	cr_assert(ask(&v, "/again", v.ca.cert_path), "%s", error);
	cr_assert_str_eq(got.p, "hello");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_not(ask(&v, bad[i].path, v.ca.cert_path), "%s", bad[i].path);
		says(bad[i].says);
		cr_assert_eq(got.len, 0, "%s", bad[i].path);
	}
	/* an authority that nobody told us to trust, and a file that is none */
	cr_assert_not(ask(&v, "/ok", NULL));
	says(": TLS failed: ");
	cr_assert_not(ask(&v, "/ok", "/dev/null"));
	says(": TLS failed: ");
	stop(&v);
	cr_assert_not(ask(&v, "/ok", v.ca.cert_path));
	says("onnect"); /* "Failed to connect", "Could not connect": libcurl's words change */
}

/* A good certificate of somebody else. */
Test(fetch, another_server)
{
	struct server v;

	start(&v, "elsewhere.example");
	cr_assert_not(ask(&v, "/ok", v.ca.cert_path));
	says(": TLS failed: ");
	stop(&v);
}
#endif

#else
Test(fetch, absent_it_is_said)
{
	cr_assert_not(tsn_fetch("https://localhost/", 100, &got, error));
	cr_assert_str_eq(error, "https://localhost/: this build is without libcurl: it fetches nothing");
	says("libcurl");
}
#endif
