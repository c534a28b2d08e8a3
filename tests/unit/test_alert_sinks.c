/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sinks: files that rotate and fill up, syslog to a socket, callbacks. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "build_alert.h"
#include "check_json.h"

/* A record without a stage. */
static struct tsn_rule some_rule;
static struct tsn_alert some_alert;

static const struct tsn_alert *
alert_of(enum tsn_severity severity, const char *message)
{
	some_rule = simple_rule("r\"1]", 60000, 60000);
	some_rule.severity = severity;
	some_rule.key.n = 0;
	some_alert = (struct tsn_alert){ .rule = &some_rule, .severity = some_rule.severity, .state = TSN_ALERT_OPEN, .id = "0123456789abcdef", .sid = 77,
		.time = T0, .opened = T0, .first_seen = T0, .last_seen = T0, .flows = 1, .window_start = TSN_TIME_NONE,
		.message = message };
	return &some_alert;
}

struct dir {
	char path[64], file[96], other[96];
};

static void
dir_make(struct dir *d)
{
	snprintf(d->path, sizeof(d->path), "/tmp/tocsin-test-XXXXXX");
	cr_assert_not_null(mkdtemp(d->path));
	snprintf(d->file, sizeof(d->file), "%s/alerts", d->path);
	snprintf(d->other, sizeof(d->other), "%s/alerts.1", d->path);
}

static void
dir_remove(const struct dir *d)
{
	unlink(d->file);
	unlink(d->other);
	rmdir(d->path);
}

/* How many lines a file has; each must be JSON. */
static int
json_lines(const char *path)
{
	struct tsn_buf b = TSN_BUF_INIT;
	int n = 0;
	char *p, *nl;

	cr_assert_eq(tsn_buf_read_file(&b, path, 1 << 24), 0);
	for (p = b.p; p != NULL && *p != '\0'; p = nl + 1, n++) {
		nl = strchr(p, '\n');
		cr_assert_not_null(nl, "a line without an end: %s", p);
		cr_assert(json_valid(p, (size_t)(nl - p)), "line %d", n);
	}
	tsn_buf_fini(&b);
	return n;
}

struct said {
	struct tsn_buf text;
	struct tsn_log log;
};

static void
say(void *arg, enum tsn_log_level level, const char *line)
{
	tsn_buf_printf(arg, "%d %s\n", level, line);
}

static void
said_begin(struct said *s)
{
	memset(s, 0, sizeof(*s));
	s->log = (struct tsn_log){ TSN_LOG_DEBUG, say, &s->text };
}

Test(alert_sinks, a_file_is_appended_to_and_rotates)
{
	struct dir d;
	struct tsn_sink *s;
	struct stat st;

	dir_make(&d);
	s = tsn_sink_file_new(d.file, TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
	cr_assert_not_null(s);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "one"));
	tsn_sink_close(s);
	cr_assert(stat(d.file, &st) == 0);
	cr_expect_eq(st.st_mode & 07, 0, "not for everybody");
	s = tsn_sink_file_new(d.file, TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "two"));
	tsn_sink_flush(s);
	cr_expect_eq(json_lines(d.file), 2);
	cr_assert(rename(d.file, d.other) == 0);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "three"));
	tsn_sink_flush(s);
	cr_expect_eq(json_lines(d.other), 3, "still the old file");
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "four"));
	tsn_sink_reopen(s);
	cr_expect_eq(json_lines(d.other), 4, "what was given before belongs to the old file");
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "five"));
	tsn_sink_flush(s);
	cr_expect_eq(json_lines(d.file), 1);
	cr_expect(s->written == 4 && s->failed == 0);
	tsn_sink_close(s);
	dir_remove(&d);
}

Test(alert_sinks, a_file_that_cannot_be_opened)
{
	struct dir d;
	struct tsn_sink *s;
	struct said said;

	dir_make(&d);
	said_begin(&said);
	errno = 0;
	cr_expect_null(tsn_sink_file_new("/nonexistent/x", TSN_FORMAT_JSON, TSN_SEV_INFO, NULL));
	cr_expect_eq(errno, ENOENT);
	s = tsn_sink_file_new(d.file, TSN_FORMAT_TEXT, TSN_SEV_INFO, &said.log);
	cr_assert(rename(d.file, d.other) == 0 && mkdir(d.file, 0700) == 0);
	tsn_sink_reopen(s);
	cr_expect_not_null(strstr(tsn_buf_str(&said.text), "keeping the old file"));
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "still"));
	tsn_sink_flush(s);
	cr_expect_eq(s->written, 1);
	tsn_sink_close(s);
	rmdir(d.file);
	dir_remove(&d);
	tsn_buf_fini(&said.text);
}

Test(alert_sinks, a_full_disk_is_said_once_and_counted)
{
	struct said said;
	int fd = open("/dev/full", O_WRONLY);
	struct tsn_sink *s;
	uint64_t given = 20000;

	cr_assert_geq(fd, 0);
	said_begin(&said);
	s = tsn_sink_fd_new(fd, "stdout", TSN_FORMAT_JSON, TSN_SEV_INFO, &said.log);
	cr_assert_not_null(s);
	for (uint64_t i = 0; i < given; i++) {
		tsn_sink_write(s, alert_of(TSN_SEV_LOW, "x"));
		if (i % 1000 == 0)
			tsn_sink_flush(s);
	}
	cr_expect_eq(s->written, 0);
	cr_expect_gt(s->failed, given / 2, "only a little is held back");
	cr_expect_str_eq(tsn_buf_str(&said.text), "0 cannot write alerts to stdout: No space left on device\n");
	tsn_sink_close(s);
	cr_expect_not_null(strstr(tsn_buf_str(&said.text), "20000 alerts could not be written"), "%s", tsn_buf_str(&said.text));
	close(fd);
	tsn_buf_fini(&said.text);
}

/* A pipe takes part of a line; when it is read, the line goes on where it stopped. */
Test(alert_sinks, a_torn_write_is_finished_later)
{
	static char message[3000], got[1 << 20];
	struct tsn_sink *s;
	struct said said;
	size_t have = 0, lines = 0;
	int fd[2];
	ssize_t n;

	memset(message, 'm', sizeof(message) - 1);
	cr_assert(pipe2(fd, O_NONBLOCK) == 0);
	said_begin(&said);
	s = tsn_sink_fd_new(fd[1], "pipe", TSN_FORMAT_JSON, TSN_SEV_INFO, &said.log);
	for (int i = 0; i < 40; i++)
		tsn_sink_write(s, alert_of(TSN_SEV_LOW, message)); /* more than a pipe holds */
	tsn_sink_flush(s);
	cr_expect_lt(s->written, 40);
	cr_expect_not_null(strstr(tsn_buf_str(&said.text), "cannot write"));
	for (int round = 0; round < 3; round++) {
		while ((n = read(fd[0], got + have, sizeof(got) - have - 1)) > 0)
			have += (size_t)n;
		tsn_sink_flush(s);
	}
	cr_expect_eq(s->written, 40);
	cr_expect_eq(s->failed, 0);
	cr_expect_not_null(strstr(tsn_buf_str(&said.text), "are written to pipe again"));
	for (char *p = got, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1, lines++)
		cr_assert(json_valid(p, (size_t)(nl - p)), "line %zu", lines);
	cr_expect_eq(lines, 40);
	tsn_sink_close(s);
	close(fd[0]);
	close(fd[1]);
	tsn_buf_fini(&said.text);
}

Test(alert_sinks, a_reader_that_went_away_does_not_kill)
{
	struct tsn_sink *s;
	struct said said;
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	cr_assert(pipe(fd) == 0);
	close(fd[0]);
	said_begin(&said);
	s = tsn_sink_fd_new(fd[1], "pipe", TSN_FORMAT_TEXT, TSN_SEV_INFO, &said.log);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "x"));
	tsn_sink_flush(s);
	cr_expect_str_eq(tsn_buf_str(&said.text), "0 cannot write alerts to pipe: Broken pipe\n");
	tsn_sink_close(s);
	close(fd[1]);
	tsn_buf_fini(&said.text);
}

static void
count_calls(void *arg, const struct tsn_alert *al)
{
	(void)al;
	++*(int *)arg;
}

Test(alert_sinks, the_least_severity_is_each_sinks_own)
{
	int all = 0, high = 0;
	struct tsn_sink *a = tsn_sink_call_new(count_calls, &all, TSN_SEV_INFO);
	struct tsn_sink *h = tsn_sink_call_new(count_calls, &high, TSN_SEV_HIGH);

	for (int s = TSN_SEV_INFO; s <= TSN_SEV_CRITICAL; s++) {
		tsn_sink_write(a, alert_of((enum tsn_severity)s, NULL));
		tsn_sink_write(h, alert_of((enum tsn_severity)s, NULL));
	}
	cr_expect(all == 5 && a->written == 5);
	cr_expect(high == 2 && h->written == 2);
	tsn_sink_flush(a);
	tsn_sink_reopen(a);
	tsn_sink_close(a);
	tsn_sink_close(h);
	tsn_sink_close(NULL);
}

/* --- syslog --- */

/* A socket on the loopback address; [target] is where it listens. */
static int
listen_udp(int family, char target[64])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_storage got;
	socklen_t len = sizeof(got);
	struct timeval wait = { 5, 0 };
	int fd = socket(family, SOCK_DGRAM, 0);

	if (fd < 0 || (family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof(v4)) :
	    bind(fd, (struct sockaddr *)&v6, sizeof(v6))) != 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	cr_assert(getsockname(fd, (struct sockaddr *)&got, &len) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
	if (family == AF_INET)
		snprintf(target, 64, "udp://127.0.0.1:%u", ntohs(((struct sockaddr_in *)&got)->sin_port));
	else
		snprintf(target, 64, "udp://[::1]:%u", ntohs(((struct sockaddr_in6 *)&got)->sin6_port));
	return fd;
}

static const char *
receive(int fd)
{
	static char text[65536];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	cr_assert_gt(n, 0);
	text[n] = '\0';
	return text;
}

Test(alert_sinks, syslog_speaks_rfc_5424)
{
	static const char *const pri[] = { "<174>1 ", "<173>1 ", "<172>1 ", "<171>1 ", "<170>1 " };
	char target[64], host[256], want[1024];
	int fd = listen_udp(AF_INET, target);
	struct tsn_sink *s = tsn_sink_syslog_new(target, TSN_FORMAT_TEXT, TSN_SEV_INFO, NULL);
	struct tsn_alert ended;
	const char *got;

	cr_assert(fd >= 0 && s != NULL);
	cr_assert(gethostname(host, sizeof(host)) == 0);
	tsn_sink_write(s, alert_of(TSN_SEV_HIGH, "it burns"));
	snprintf(want, sizeof(want), "<171>1 2026-01-05T00:00:00.000Z %s tocsin - alert [tocsin@32473 id=\"0123456789abcdef\" "
	    "rule=\"r\\\"1\\]\" sid=\"77\" severity=\"high\" state=\"open\"] \xef\xbb\xbf"
	    "2026-01-05 00:00:00 HIGH     r\"1]  it burns", host);
	cr_expect_str_eq(receive(fd), want);
	for (int i = TSN_SEV_INFO; i <= TSN_SEV_CRITICAL; i++) {
		tsn_sink_write(s, alert_of((enum tsn_severity)i, NULL));
		got = receive(fd);
		cr_expect(strncmp(got, pri[i], 7) == 0, "%s", got);
	}
	ended = *alert_of(TSN_SEV_CRITICAL, NULL);
	ended.state = TSN_ALERT_CLOSE;
	tsn_sink_write(s, &ended);
	got = receive(fd);
	cr_expect(strncmp(got, "<173>1 ", 7) == 0, "the end of an alert wakes nobody: %s", got);
	cr_expect_not_null(strstr(got, " tocsin - ended ["));
	cr_expect(s->written == 7 && s->failed == 0);
	tsn_sink_close(s);
	close(fd);
}

Test(alert_sinks, syslog_carries_json_over_ipv6)
{
	char target[64];
	int fd = listen_udp(AF_INET6, target);
	struct tsn_sink *s;
	const char *json;

	if (fd < 0)
		return; /* a machine without IPv6 */
	s = tsn_sink_syslog_new(target, TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
	cr_assert_not_null(s);
	tsn_sink_write(s, alert_of(TSN_SEV_HIGH, "x\ny"));
	json = strchr(receive(fd), '{');
	cr_assert(json != NULL && json_valid(json, strlen(json)));
	cr_expect_str_eq(json_at(json, "tocsin.message"), "\"x\\ny\"");
	tsn_sink_close(s);
	close(fd);
}

/* The refusal of one datagram is reported with the next, which must not be lost for it. */
Test(alert_sinks, syslog_survives_a_receiver_that_is_away)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { 5, 0 };
	char target[64];
	int fd = listen_udp(AF_INET, target);
	struct tsn_sink *s = tsn_sink_syslog_new(target, TSN_FORMAT_TEXT, TSN_SEV_INFO, NULL);

	cr_assert(fd >= 0 && s != NULL);
	to.sin_port = htons((uint16_t)atoi(strrchr(target, ':') + 1));
	close(fd);
	for (int i = 0; i < 4; i++)
		tsn_sink_write(s, alert_of(TSN_SEV_LOW, "nobody listens"));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "somebody does"));
	cr_expect_not_null(strstr(receive(fd), "somebody does"));
	tsn_sink_close(s);
	close(fd);
}

Test(alert_sinks, syslog_on_the_local_socket)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval wait = { 5, 0 };
	struct said said;
	struct dir d;
	struct tsn_sink *s;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	dir_make(&d);
	said_begin(&said);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", d.file);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
	s = tsn_sink_syslog_new(d.file, TSN_FORMAT_TEXT, TSN_SEV_MEDIUM, &said.log);
	cr_assert_not_null(s);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "below"));
	tsn_sink_write(s, alert_of(TSN_SEV_CRITICAL, "it burns"));
	cr_expect_str_eq(receive(fd), "<170>tocsin: 2026-01-05 00:00:00 CRITICAL r\"1]  it burns");
	/* the daemon goes, and comes back */
	close(fd);
	unlink(d.file);
	tsn_sink_write(s, alert_of(TSN_SEV_HIGH, "lost"));
	cr_expect_eq(s->failed, 1);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	tsn_sink_write(s, alert_of(TSN_SEV_HIGH, "back"));
	cr_expect_not_null(strstr(receive(fd), "back"));
	cr_expect(s->written == 2 && s->failed == 1);
	cr_expect_not_null(strstr(tsn_buf_str(&said.text), "1 were lost in all"));
	tsn_sink_close(s);
	close(fd);
	dir_remove(&d);
	tsn_buf_fini(&said.text);
}

Test(alert_sinks, syslog_targets_that_are_none)
{
	static const char *const bad[] = { "", "udp://", "udp://:514", "udp://127.0.0.1:", "udp://127.0.0.1:x", "udp://127.0.0.1:514000",
		"udp://[::1", "udp://[::1]514", "tcp://127.0.0.1", "dev/log", "unix://", "unix://x" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		errno = 0;
		cr_expect_null(tsn_sink_syslog_new(bad[i], TSN_FORMAT_TEXT, TSN_SEV_INFO, NULL), "%s", bad[i]);
		cr_expect_eq(errno, EINVAL, "%s: %s", bad[i], strerror(errno));
	}
	errno = 0;
	cr_expect_null(tsn_sink_syslog_new("/nonexistent/log", TSN_FORMAT_TEXT, TSN_SEV_INFO, NULL));
	cr_expect_eq(errno, ENOENT);
}

Test(alert_sinks, without_memory_nothing_is_opened_and_records_are_counted)
{
	struct dir d;
	struct tsn_sink *s;

	dir_make(&d);
	for (long at = 0; at < 4; at++) {
		tsn_mem_fail_at(at, false);
		s = tsn_sink_file_new(d.file, TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
		tsn_mem_fail_never();
		tsn_sink_close(s);
		tsn_mem_fail_at(at, false);
		s = tsn_sink_syslog_new("udp://127.0.0.1:9", TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
		tsn_mem_fail_never();
		tsn_sink_close(s);
	}
	s = tsn_sink_file_new(d.file, TSN_FORMAT_JSON, TSN_SEV_INFO, NULL);
	tsn_sink_write(s, alert_of(TSN_SEV_LOW, "one"));
	for (long at = 0; at < 3; at++) {
		static char message[20000];

		memset(message, 'm', sizeof(message) - 1);
		tsn_mem_fail_at(0, true);
		tsn_sink_write(s, alert_of(TSN_SEV_LOW, message));
		tsn_mem_fail_never();
		tsn_sink_write(s, alert_of(TSN_SEV_LOW, "more"));
	}
	tsn_sink_flush(s);
	cr_expect(s->written == 4 && s->failed == 3, "%lu %lu", s->written, s->failed);
	cr_expect_eq(json_lines(d.file), 4);
	tsn_sink_close(s);
	dir_remove(&d);
}
