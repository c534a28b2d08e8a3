/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/http.h"

#include <stdio.h>
#include <string.h>

#include "base/late.h"
#include "base/mem.h"

#ifdef TSN_HAVE_HTTP

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 32u  /* at a time */
#define PATIENCE    10u  /* seconds until a silent connection is closed */

#define FUNCTIONS(FUNCTION) \
	FUNCTION(MHD_add_response_header) \
	FUNCTION(MHD_create_response_from_buffer) \
	FUNCTION(MHD_destroy_response) \
	FUNCTION(MHD_get_daemon_info) \
	FUNCTION(MHD_get_version) \
	FUNCTION(MHD_queue_response) \
	FUNCTION(MHD_run) \
	FUNCTION(MHD_start_daemon) \
	FUNCTION(MHD_stop_daemon)

/* libmicrohttpd brings GnuTLS with it, which no other command has a use for. */
struct library {
	void *handle;
#define FUNCTION(name) __typeof__(name) *name;
	FUNCTIONS(FUNCTION)
#undef FUNCTION
};

struct tsn_http {
	struct library lib;
	struct MHD_Daemon *daemon;
	tsn_http_page *page;
	void *arg;
};

static bool
load(struct library *l, char *error, size_t size)
{
	static const struct tsn_late_function functions[] = {
#define FUNCTION(name) { #name, offsetof(struct library, name) },
		FUNCTIONS(FUNCTION)
#undef FUNCTION
	};

	l->handle = tsn_late_open(
	    "libmicrohttpd.so.12", functions, sizeof(functions) / sizeof(functions[0]), l, error, size);
	return l->handle != NULL;
}

static enum MHD_Result
answer(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *upload,
    size_t *upload_size, void **state)
{
	struct tsn_http *h = arg;
	struct tsn_buf text = TSN_BUF_INIT;
	struct MHD_Response *r;
	enum MHD_Result done = MHD_NO;
	unsigned status = MHD_HTTP_OK;

	(void)version, (void)upload, (void)upload_size, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else if (!h->page(h->arg, url, &text))
		status = MHD_HTTP_NOT_FOUND;
	else if (text.failed)
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	if (status != MHD_HTTP_OK)
		tsn_buf_clear(&text);
	r = h->lib.MHD_create_response_from_buffer(text.len, text.len > 0 ? text.p : NULL, MHD_RESPMEM_MUST_COPY);
	tsn_buf_fini(&text);
	if (r == NULL)
		return MHD_NO;
	if (h->lib.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8") == MHD_YES)
		done = h->lib.MHD_queue_response(c, status, r);
	h->lib.MHD_destroy_response(r);
	return done;
}

/* A bound, listening socket, so that an error has a name; libmicrohttpd closes it in the end. */
static int
listener(const char *where, char error[TSN_INPUT_ERROR])
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	char host[64] = "";
	unsigned port = 0;
	bool six = where[0] == '[';
	int on = 1, fd;

	if (sscanf(where, six ? "[%63[^]]]:%u" : "%63[^:]:%u", host, &port) != 2 || port > 65535 ||
	    inet_pton(six ? AF_INET6 : AF_INET, host, six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
		snprintf(error, TSN_INPUT_ERROR, "http \"%.60s\" is no address and port", where);
		return -1;
	}
	v6.sin6_port = v4.sin_port = htons((uint16_t)port);
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, six ? sizeof(v6) : sizeof(v4)) == 0 &&
	    listen(fd, 16) == 0)
		return fd;
	snprintf(error, TSN_INPUT_ERROR, "http %.60s: %s", where, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct tsn_http *
tsn_http_open(const char *where, tsn_http_page *page, void *arg, char error[TSN_INPUT_ERROR])
{
	struct tsn_http *h = tsn_calloc(1, sizeof(*h));
	char why[TSN_INPUT_ERROR / 2];
	int fd = -1;

	if (h == NULL)
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
	else if (!load(&h->lib, why, sizeof(why)))
		snprintf(error, TSN_INPUT_ERROR, "http %.60s: %s", where, why);
	else
		fd = listener(where, error);
	if (fd < 0) {
		tsn_http_close(h);
		return NULL;
	}
	h->page = page;
	h->arg = arg;
	h->daemon = h->lib.MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS / 2,
	    MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE, MHD_OPTION_END);
	if (h->daemon != NULL)
		return h;
	snprintf(error, TSN_INPUT_ERROR, "http %.60s: the server does not start", where);
	close(fd);
	tsn_http_close(h);
	return NULL;
}

void
tsn_http_close(struct tsn_http *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		h->lib.MHD_stop_daemon(h->daemon);
	tsn_free(h); /* the library stays: GnuTLS does not like to be unloaded */
}

const char *
tsn_http_library(void)
{
	struct library l;
	char why[TSN_INPUT_ERROR];

	return load(&l, why, sizeof(why)) ? l.MHD_get_version() : "is not installed"; /* it stays, and so does the text */
}

int
tsn_http_fd(const struct tsn_http *h)
{
	const union MHD_DaemonInfo *i = h->lib.MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return i != NULL ? i->epoll_fd : -1;
}

void
tsn_http_serve(struct tsn_http *h)
{
	h->lib.MHD_run(h->daemon);
}

#else

struct tsn_http *
tsn_http_open(const char *where, tsn_http_page *page, void *arg, char error[TSN_INPUT_ERROR])
{
	(void)page, (void)arg;
	snprintf(error, TSN_INPUT_ERROR, "http %.60s: this program was built without libmicrohttpd", where);
	return NULL;
}

void
tsn_http_close(struct tsn_http *h)
{
	(void)h;
}

const char *
tsn_http_library(void)
{
	return NULL;
}

int
tsn_http_fd(const struct tsn_http *h)
{
	(void)h;
	return -1;
}

void
tsn_http_serve(struct tsn_http *h)
{
	(void)h;
}

#endif
