/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The daemon as an operator meets it: the real program is started, sent
 * numbered flows over loopback, reloaded and stopped. The program is
 * $TSN_BIN; without it (a suite run on its own) the build's own is taken.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit/loopback.h"
#include "unit/program.h"

struct site {
	char dir[64], rules[96], set[96], alerts[96], log[96];
	uint16_t port;
	pid_t pid;
	int udp;
	uint32_t sequence;
	const char *threads; /* NULL: as many as it likes */
};

static void
nap(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static void
put_file(const char *path, const char *fmt, ...)
{
	char aside[128];
	va_list ap;
	FILE *f;

	snprintf(aside, sizeof(aside), "%s.new", path);
	f = fopen(aside, "w");
	cr_assert(f != NULL, "%s: %s", aside, strerror(errno));
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	cr_assert(fclose(f) == 0);
	cr_assert(rename(aside, path) == 0);
}

/* How many lines of a file contain [what]; [value] gets the number behind the last one found, if not NULL. */
static unsigned
lines_with(const char *path, const char *what)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;

	if (f == NULL)
		return 0;
	while (getline(&line, &cap, f) > 0)
		n += strstr(line, what) != NULL;
	free(line);
	fclose(f);
	return n;
}

static void
show_log(const struct site *s)
{
	char command[160];

	snprintf(command, sizeof(command), "tail -40 %s >&2", s->log);
	if (system(command) != 0)
		fprintf(stderr, "no log\n");
}

/* Waits until [n] lines contain [what]. */
static void
wait_for(const struct site *s, const char *path, const char *what, unsigned n)
{
	for (int i = 0; i < 1500; i++) {
		if (lines_with(path, what) >= n)
			return;
		nap(10);
	}
	show_log(s);
	cr_assert(false, "waited 15 s for %u lines with \"%s\" in %s, saw %u", n, what, path, lines_with(path, what));
}

static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(bind(fd, (struct sockaddr *)&a, n) == 0);
	cr_assert(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void
make_site(struct site *s)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/tocsin-test-XXXXXX");
	cr_assert(mkdtemp(s->dir) != NULL);
	snprintf(s->rules, sizeof(s->rules), "%s/rules.tsn", s->dir);
	snprintf(s->set, sizeof(s->set), "%s/list.txt", s->dir);
	snprintf(s->alerts, sizeof(s->alerts), "%s/alerts.jsonl", s->dir);
	snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
	s->port = free_port();
}

static void
start(struct site *s)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(s->port) };

	s->pid = fork();
	cr_assert(s->pid >= 0);
	if (s->pid == 0) {
		int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails takes its daemon along */
		dup2(fd, STDERR_FILENO);
		dup2(fd, STDOUT_FILENO);
		execl(program(), "tocsin", "listen", "-r", s->rules, s->threads != NULL ? "--threads" : NULL, s->threads, (char *)NULL);
		_exit(127);
	}
	s->udp = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert(connect(s->udp, (struct sockaddr *)&to, sizeof(to)) == 0);
	wait_for(s, s->log, "rules in force", 1);
}

static int
stop(struct site *s)
{
	int status = -1;

	cr_assert(kill(s->pid, SIGTERM) == 0);
	cr_assert(waitpid(s->pid, &status, 0) == s->pid);
	close(s->udp);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
clean(struct site *s)
{
	unlink(s->rules);
	unlink(s->set);
	unlink(s->alerts);
	unlink(s->log);
	rmdir(s->dir);
}

static void
be(uint8_t *p, uint32_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* One NetFlow v5 datagram with one flow from 10.0.0.0 + [number] to port [port]. */
static void
send_flow(struct site *s, uint32_t number, uint16_t port)
{
	uint8_t d[24 + 48] = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	be(d, 5, 2);
	be(d + 2, 1, 2);
	be(d + 4, 100000, 4);
	be(d + 8, (uint32_t)now.tv_sec, 4);
	be(d + 12, (uint32_t)now.tv_nsec, 4);
	be(d + 16, s->sequence++, 4);
	be(d + 24, 0x0a000000u + number, 4);
	be(d + 28, 0xc0000201u, 4);
	be(d + 36, 12, 2);
	be(d + 40, 1, 4);
	be(d + 44, 404, 4);
	be(d + 48, 100000, 4);
	be(d + 52, 100000, 4);
	be(d + 56, 40000, 2);
	be(d + 58, port, 2);
	d[62] = 17;
	cr_assert(send(s->udp, d, sizeof(d), 0) == (ssize_t)sizeof(d), "%s", strerror(errno));
}

/* Every alert of rule [rule] names a source 10.0.0.0 + k: each of 0..n-1 exactly once. */
static void
each_once(const struct site *s, const char *rule, uint32_t n)
{
	uint8_t *seen = calloc(n, 1);
	FILE *f = fopen(s->alerts, "r");
	char *line = NULL, want[64];
	size_t cap = 0;
	uint32_t missing = 0, twice = 0, i;

	cr_assert(f != NULL && seen != NULL);
	snprintf(want, sizeof(want), "\"rule\":\"%s\"", rule);
	while (getline(&line, &cap, f) > 0) {
		unsigned a, b, c;
		char *src = strstr(line, "\"src_ip\":\"10.");

		if (strstr(line, want) == NULL || src == NULL || sscanf(src, "\"src_ip\":\"10.%u.%u.%u\"", &a, &b, &c) != 3)
			continue;
		i = a << 16 | b << 8 | c;
		if (i < n)
			twice += seen[i]++ > 0;
	}
	for (i = 0; i < n; i++)
		missing += seen[i] == 0;
	free(line);
	free(seen);
	fclose(f);
	if (missing + twice > 0)
		show_log(s);
	cr_assert(missing == 0 && twice == 0, "%u of %u flows lost, %u doubled", missing, n, twice);
}

#define SITE "site { listen udp \"127.0.0.1:%u\" output json \"%s\" }\n" RULES
#define SITE_OF_TWO "site { listen udp \"127.0.0.1:%u\" listen udp \"127.0.0.9:%u\" output json \"%s\" }\n" RULES
#define RULES "set listed = file \"list.txt\"\n" \
	"rule numbered { when dst_port == 9 alert each }\n" \
	"rule listed_one { when src in listed and dst_port == 9 alert each }\n" \
	"rule total { when count(dst_port == 9) by exporter over 1h >= %u }\n"

Test(daemon, fifty_reloads_lose_none_double_none_and_keep_windows, .timeout = 100)
{
	unsigned reloads = getenv("TSN_SOAK") != NULL ? 50 : 18, good = 0, bad = 0, k;
	uint32_t sent = 0, total = reloads * 60, i;
	struct site s;

	make_site(&s);
	s.threads = "8";
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, total);
	start(&s);
	for (k = 0; k < reloads; k++) {
		for (i = 0; i < 60; i++) {
			send_flow(&s, sent++, 9);
			if (i == 20) {
				if (k % 3 == 0) /* another socket: who receives from the first must be stopped for it */
					put_file(s.rules, SITE_OF_TWO "rule extra%u { when dst_port == %u }\n", s.port, s.port, s.alerts, total, k, 1000 + k);
				else if (k % 3 == 1)
					put_file(s.rules, SITE "rule broken { when dst_prt == 22 }\n", s.port, s.alerts, total);
				else
					put_file(s.set, "192.0.2.%u\n10.255.255.1\n", k);
				if (k % 3 == 2) /* the good rules again, with the changed set */
					put_file(s.rules, SITE, s.port, s.alerts, total);
				cr_assert(kill(s.pid, SIGHUP) == 0);
			}
			nap(1);
		}
		if (k % 3 == 1)
			wait_for(&s, s.log, "reload failed", ++bad);
		else
			wait_for(&s, s.log, "reloaded:", ++good);
	}
	cr_assert(sent == total);
	wait_for(&s, s.alerts, "\"rule\":\"numbered\"", total);
	nap(100);
	cr_assert(stop(&s) == 0);
	each_once(&s, "numbered", total);
	cr_assert(lines_with(s.alerts, "\"rule\":\"total\"") == 1, "the window saw every flow through all reloads, once: %u",
	    lines_with(s.alerts, "\"rule\":\"total\""));
	cr_assert(lines_with(s.log, "no field \"dst_prt\"") == bad, "the broken rule is named each time");
	cr_assert(lines_with(s.log, "the old rules stay in force") >= bad);
	clean(&s);
}

Test(daemon, a_set_file_that_changes_is_read_anew_without_a_signal, .timeout = 60)
{
	struct site s;

	make_site(&s);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, 1000000);
	start(&s);
	send_flow(&s, 7, 9);
	wait_for(&s, s.alerts, "\"rule\":\"numbered\"", 1);
	cr_assert(lines_with(s.alerts, "\"rule\":\"listed_one\"") == 0);
	put_file(s.set, "10.0.0.7\n192.0.2.1\n");
	wait_for(&s, s.log, "set listed: read anew, 2 members", 1);
	send_flow(&s, 7, 9);
	wait_for(&s, s.alerts, "\"rule\":\"listed_one\"", 1);
	cr_assert(stop(&s) == 0);
	clean(&s);
}

Test(daemon, sigterm_drains_what_has_arrived, .timeout = 60)
{
	uint32_t n = 500, i;
	struct site s;

	make_site(&s);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, 1000000);
	start(&s);
	for (i = 0; i < n; i++)
		send_flow(&s, i, 9);
	cr_assert(stop(&s) == 0);
	each_once(&s, "numbered", n);
	cr_assert(lines_with(s.log, "stopped") == 1);
	clean(&s);
}

/* What the service manager is told, in order; [n] of it. */
static void
notified(int fd, char (*said)[80], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ssize_t k = recv(fd, said[i], sizeof(said[i]) - 1, 0);

		cr_assert_gt(k, 0, "%u of %u were said: %s", i, n, strerror(errno));
		said[i][k] = '\0';
	}
}

/* Rules that are ready, reloads that go well or not, and the end, in the order of which they happened: nothing after STOPPING. */
Test(daemon, a_service_manager_is_told_in_order, .timeout = 60)
{
	static const char *const want[] = { "READY=1", "RELOADING=1", "READY=1\nSTATUS=reload failed, the old rules stay in force",
		"RELOADING=1", "READY=1\nSTATUS=rules reloaded", "RELOADING=1", "READY=1\nSTATUS=rules reloaded", "STOPPING=1" };
	const struct timeval patience = { .tv_sec = 30 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char said[8][80];
	struct site s;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	make_site(&s);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", s.dir);
	cr_assert(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, 1000000);
	start(&s);
	notified(fd, said, 1);
	put_file(s.rules, SITE "rule broken { when dst_prt == 22 }\n", s.port, s.alerts, 1000000);
	cr_assert(kill(s.pid, SIGHUP) == 0);
	notified(fd, said + 1, 2);
	for (unsigned i = 3; i < 7; i += 2) {
		put_file(s.rules, SITE "rule more%u { when dst_port == 22 }\n", s.port, s.alerts, 1000000, i);
		wait_for(&s, s.log, "reloaded", (i - 3) / 2);
		cr_assert(kill(s.pid, SIGHUP) == 0);
		if (i == 5) /* as soon as the new rules are in force */
			wait_for(&s, s.log, "reloaded", 2);
		else
			notified(fd, said + i, 2);
	}
	cr_assert(stop(&s) == 0);
	notified(fd, said + 5, 3);
	for (unsigned i = 0; i < 8; i++)
		cr_assert_str_eq(said[i], want[i], "message %u: %s", i, said[i]);
	cr_assert(recv(fd, said[0], sizeof(said[0]), MSG_DONTWAIT) < 0, "more is said: %.79s", said[0]);
	close(fd);
	unlink(a.sun_path);
	clean(&s);
}

#define EXPORTERS 20u

/* Many exporters, received by the thread that evaluates or by 1, 2 or 4 beside it: of each all flows are counted, and SIGTERM loses none. */
Test(daemon, the_same_however_many_receive, .timeout = 60)
{
	static const char *const threads[] = { "1", "2", "8", "16" };

	for (size_t k = 0; k < sizeof(threads) / sizeof(threads[0]); k++) {
		struct site s;
		char text[80];

		make_site(&s);
		s.threads = threads[k];
		put_file(s.set, "192.0.2.1\n");
		put_file(s.rules, SITE "rule of_each { when count(dst_port == 9) by exporter over 1h >= 25 }\n", s.port, s.alerts, 25 * EXPORTERS);
		start(&s);
		for (uint32_t x = 0; x < EXPORTERS; x++) {
			close(s.udp);
			s.udp = loopback_sender(0x7f000201u + x, s.port);
			s.sequence = 0;
			for (uint32_t i = 0; i < 25; i++)
				send_flow(&s, x * 25 + i, 9);
		}
		cr_assert(stop(&s) == 0);
		each_once(&s, "numbered", 25 * EXPORTERS);
		cr_assert_eq(lines_with(s.alerts, "\"rule\":\"of_each\""), EXPORTERS, "with %s threads", threads[k]);
		snprintf(text, sizeof(text), "%u datagrams, 0 dropped by the kernel", 25 * EXPORTERS);
		cr_assert_eq(lines_with(s.log, text), 1, "with %s threads", threads[k]);
		cr_assert_eq(lines_with(s.log, "lost"), 0, "no exporter's numbers have gaps");
		clean(&s);
	}
}

Test(daemon, damaged_datagrams_are_counted_and_stop_nothing, .timeout = 60)
{
	uint8_t junk[200];
	struct site s;
	uint32_t i;

	make_site(&s);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, 1000000);
	start(&s);
	for (i = 0; i < 200; i++) {
		memset(junk, (int)i, sizeof(junk));
		be(junk, i % 12, 2);
		send(s.udp, junk, i, 0);
	}
	send_flow(&s, 1, 9);
	wait_for(&s, s.alerts, "\"rule\":\"numbered\"", 1);
	cr_assert(kill(s.pid, SIGUSR1) == 0);
	wait_for(&s, s.log, "exporter 127.0.0.1", 1);
	cr_assert(stop(&s) == 0);
	clean(&s);
}

Test(daemon, rules_that_retire_are_announced, .timeout = 60)
{
	struct site s;

	make_site(&s);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE "rule gone { when dst_port == 9 expires 2020-01-01 alert each }\n"
	    "rule later { when dst_port == 9 expires 2999-01-01 alert each }\n", s.port, s.alerts, 1000000);
	start(&s);
	send_flow(&s, 1, 9);
	wait_for(&s, s.alerts, "\"rule\":\"later\"", 1);
	cr_assert(lines_with(s.alerts, "\"rule\":\"gone\"") == 0);
	cr_assert(lines_with(s.log, "rule gone is silent: it expired on 2020-01-01") == 1);
	cr_assert(lines_with(s.log, "rule later") == 0);
	cr_assert(stop(&s) == 0);
	clean(&s);
}

Test(daemon, bad_rules_at_start_exit_with_1_and_a_taken_port_with_3, .timeout = 60)
{
	char command[400];
	struct site s;
	int status;

	make_site(&s);
	put_file(s.rules, "rule r { when dst_prt == 1 }\n");
	snprintf(command, sizeof(command), "%s listen -r %s 2>%s", program(), s.rules, s.log);
	status = system(command);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	cr_assert(lines_with(s.log, "did you mean") == 1);
	put_file(s.set, "192.0.2.1\n");
	put_file(s.rules, SITE, s.port, s.alerts, 1000000);
	start(&s);
	snprintf(command, sizeof(command), "%s listen -r %s 2>>%s", program(), s.rules, s.log);
	status = system(command);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	cr_assert(stop(&s) == 0);
	clean(&s);
}
