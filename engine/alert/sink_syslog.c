/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One datagram an alert: RFC 5424 over UDP (RFC 5426), or what daemons expect
 * on the local socket, where journald and rsyslog read "<PRI>tag: text" and set
 * the time themselves. Never waits: what the socket does not take is counted.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "alert/sink.h"
#include "base/clock.h"
#include "base/mem.h"

#define FACILITY 21            /* local5, as Suricata's */
#define SD_ID    "tocsin@32473" /* 32473: the enterprise number for examples, RFC 5612 */
#define HOST_MAX 255

struct syslog_sink {
	struct tsn_sink sink;
	enum tsn_alert_format format;
	int fd;
	struct sockaddr_storage to;
	socklen_t to_len;
	char *target;
	char host[HOST_MAX + 1]; /* HOSTNAME of RFC 5424 */
	struct tsn_buf text;
};

/* RFC 5424 section 6.2.1. The end of an alert never wakes anybody: notice at most. */
static unsigned
priority(const struct tsn_alert *al)
{
	static const uint8_t severity[] = { 6, 5, 4, 3, 2 };
	unsigned s = al->severity <= TSN_SEV_CRITICAL ? severity[al->severity] : 4;

	return FACILITY * 8 + (al->state == TSN_ALERT_CLOSE && s < 5 ? 5 : s);
}

/* PARAM-VALUE: the three characters that end things are escaped (RFC 5424 section 6.3.3). */
static void
put_param(struct tsn_buf *out, const char *name, const char *s)
{
	struct tsn_buf clean = TSN_BUF_INIT;

	if (s == NULL)
		return;
	tsn_alert_clean(&clean, s, strlen(s));
	tsn_buf_printf(out, " %s=\"", name);
	for (size_t i = 0; i < clean.len; i++) {
		if (strchr("\"\\]", clean.p[i]) != NULL)
			tsn_buf_putc(out, '\\');
		tsn_buf_putc(out, clean.p[i]);
	}
	tsn_buf_putc(out, '"');
	out->failed |= clean.failed;
	tsn_buf_fini(&clean);
}

static void
put_key_param(struct tsn_buf *out, const struct tsn_alert *al)
{
	struct tsn_buf key = TSN_BUF_INIT;
	struct tsn_value v;

	for (unsigned i = 0; i < al->rule->key.n; i++) {
		if (!tsn_alert_key(al, i, &v))
			continue;
		tsn_buf_printf(&key, "%s%s=", key.len > 0 ? " " : "", tsn_rule_key_name(al->rule, i));
		tsn_value_text(&v, &key);
	}
	out->failed |= key.failed;
	if (key.len > 0)
		put_param(out, "key", key.p);
	tsn_buf_fini(&key);
}

static void
put_structured(struct tsn_buf *out, const struct tsn_alert *al)
{
	char sid[16];

	snprintf(sid, sizeof(sid), "%u", al->sid);
	tsn_buf_puts(out, "[" SD_ID);
	put_param(out, "id", al->id);
	put_param(out, "rule", al->rule->name);
	put_param(out, "sid", sid);
	put_param(out, "severity", tsn_severity_name(al->severity));
	if (al->state != TSN_ALERT_EACH)
		put_param(out, "state", tsn_alert_state_name(al->state));
	put_key_param(out, al);
	tsn_buf_putc(out, ']');
}

static void
put_datagram(struct syslog_sink *y, const struct tsn_alert *al)
{
	struct tsn_buf *out = &y->text;
	char time[TSN_TIME_TEXT];

	tsn_buf_clear(out);
	if (y->to.ss_family == AF_UNIX) {
		tsn_buf_printf(out, "<%u>tocsin: ", priority(al));
	} else {
		tsn_buf_printf(out, "<%u>1 %s %s tocsin - %s ", priority(al), tsn_time_text(al->time, time), y->host,
		    al->state == TSN_ALERT_CLOSE ? "ended" : "alert");
		put_structured(out, al);
		tsn_buf_puts(out, " \xef\xbb\xbf"); /* the text is UTF-8, section 6.4 */
	}
	tsn_alert_format(al, y->format, out);
}

static int
connect_it(struct syslog_sink *y)
{
	int error;

	if (y->fd >= 0)
		close(y->fd);
	y->fd = socket(y->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (y->fd >= 0 && connect(y->fd, (struct sockaddr *)&y->to, y->to_len) == 0)
		return 0;
	error = errno;
	if (y->fd >= 0)
		close(y->fd);
	y->fd = -1;
	return error;
}

static int
send_once(struct syslog_sink *y)
{
	if (y->fd < 0)
		return ENOTCONN;
	return send(y->fd, y->text.p, y->text.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

static void
syslog_write(struct tsn_sink *s, const struct tsn_alert *al)
{
	struct syslog_sink *y = (struct syslog_sink *)s;
	int error;

	put_datagram(y, al);
	error = y->text.failed ? ENOMEM : send_once(y);
	/* UDP: the refusal of an earlier datagram is reported here; local: the daemon was restarted */
	if (error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET || error == EDESTADDRREQ) {
		error = y->to.ss_family == AF_UNIX || y->fd < 0 ? connect_it(y) : 0;
		error = error != 0 ? error : send_once(y);
	}
	if (error == 0)
		s->written++;
	else
		s->failed++;
	tsn_sink_went(s, y->target, error);
}

static void
syslog_close(struct tsn_sink *s)
{
	struct syslog_sink *y = (struct syslog_sink *)s;

	if (y->fd >= 0)
		close(y->fd);
	tsn_buf_fini(&y->text);
	tsn_free(y->target);
	tsn_free(y);
}

static const struct tsn_sink_ops syslog_ops = { .write = syslog_write, .close = syslog_close };

static int
resolve_unix(struct syslog_sink *y, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&y->to;

	if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path))
		return EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	y->to_len = sizeof(*un);
	return 0;
}

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT": splits in place. */
static bool
split_host(char *s, const char **host, const char **port)
{
	char *end = s[0] == '[' ? strchr(s, ']') : NULL, *colon;

	*port = "514";
	*host = s;
	if (s[0] == '[') {
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*host = s + 1;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
	} else {
		colon = strchr(s, ':');
	}
	if (colon != NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	return **host != '\0' && **port != '\0' && strspn(*port, "0123456789") == strlen(*port) && strlen(*port) <= 5;
}

static int
resolve_udp(struct syslog_sink *y, const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_family = AF_UNSPEC }, *found = NULL;
	const char *host, *port;
	char text[HOST_MAX + 16];
	int error;

	if (strlen(where) >= sizeof(text))
		return EINVAL;
	memcpy(text, where, strlen(where) + 1);
	if (!split_host(text, &host, &port))
		return EINVAL;
	error = getaddrinfo(host, port, &hints, &found);
	if (error != 0)
		return error == EAI_MEMORY ? ENOMEM : error == EAI_SYSTEM ? errno : EADDRNOTAVAIL;
	memcpy(&y->to, found->ai_addr, found->ai_addrlen);
	y->to_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int
resolve(struct syslog_sink *y, const char *target)
{
	if (strncmp(target, "udp://", 6) == 0)
		return resolve_udp(y, target + 6);
	return resolve_unix(y, strncmp(target, "unix://", 7) == 0 ? target + 7 : target);
}

/* PRINTUSASCII only, "-" if the machine has no name. */
static void
own_name(char host[HOST_MAX + 1])
{
	size_t n = 0;

	if (gethostname(host, HOST_MAX) != 0)
		host[0] = '\0';
	host[HOST_MAX] = '\0';
	while (host[n] > 0x20 && host[n] < 0x7f)
		n++;
	if (n == 0)
		host[n++] = '-';
	host[n] = '\0';
}

struct tsn_sink *
tsn_sink_syslog_new(const char *target, enum tsn_alert_format format, enum tsn_severity at_least,
    const struct tsn_log *log)
{
	struct syslog_sink *y = tsn_calloc(1, sizeof(*y));
	int error;

	if (y == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	y->sink.ops = &syslog_ops;
	y->sink.at_least = at_least;
	y->sink.log = log;
	y->format = format;
	y->fd = -1;
	own_name(y->host);
	y->target = tsn_strdup(target);
	error = y->target == NULL ? ENOMEM : resolve(y, target);
	if (error == 0)
		error = connect_it(y);
	if (error != 0) {
		syslog_close(&y->sink);
		errno = error;
		return NULL;
	}
	return &y->sink;
}
