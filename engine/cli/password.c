/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Passwords: from a terminal or a file, never from the command line, which everybody on the machine can read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/ruleset.h"

static volatile sig_atomic_t interrupted; /* the signal that came while the echo was off */

void
tsn_password_forget(char password[TSN_PASSWORD_MAX])
{
	explicit_bzero(password, TSN_PASSWORD_MAX);
}

/* One line without its end. False: it is too long, or [errno]. */
static bool
read_line(int fd, char password[TSN_PASSWORD_MAX])
{
	size_t n = 0;

	errno = 0;
	while (n < TSN_PASSWORD_MAX) {
		ssize_t got = read(fd, password + n, 1); /* what follows the line is not ours */

		if (got < 0 && errno == EINTR && interrupted == 0)
			continue;
		if (got < 0)
			return false;
		if (got == 0 || password[n] == '\n') {
			password[n] = '\0';
			if (n > 0 && password[n - 1] == '\r')
				password[n - 1] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

/* A number names a descriptor that the caller has opened. */
static int
open_source(const char *name, bool *ours)
{
	char *end;
	long fd = strtol(name, &end, 10);

	*ours = *name < '0' || *name > '9' || *end != '\0' || fd > 65535;
	return *ours ? open(name, O_RDONLY | O_CLOEXEC) : (int)fd;
}

static int
from_file(const char *name, char password[TSN_PASSWORD_MAX])
{
	bool ours, ok;
	int fd = open_source(name, &ours);

	ok = fd >= 0 && read_line(fd, password);
	if (!ok)
		tsn_cli_warn("--password-file %s: %s", name, errno != 0 ? strerror(errno) : "its first line is too long");
	else if (password[0] == '\0')
		tsn_cli_warn("--password-file %s: its first line is empty", name);
	if (fd >= 0 && ours)
		close(fd);
	return ok && password[0] != '\0' ? 0 : TSN_EXIT_INPUT;
}

static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };
#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))

static void
note_signal(int number)
{
	interrupted = number;
}

/* With the echo off; a signal that comes meanwhile has its effect when the echo is on again. */
static bool
ask(int tty, const char *prompt, char password[TSN_PASSWORD_MAX])
{
	struct sigaction note = { .sa_handler = note_signal }, before[NSIGNALS];
	struct termios was, silent;
	bool ok;

	if (tcgetattr(tty, &was) != 0)
		return false;
	silent = was;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	interrupted = 0;
	for (size_t i = 0; i < NSIGNALS; i++)
		sigaction(signals[i], &note, &before[i]);
	ok = tcsetattr(tty, TCSAFLUSH, &silent) == 0 && write(tty, prompt, strlen(prompt)) >= 0 && read_line(tty, password);
	tcsetattr(tty, TCSAFLUSH, &was);
	ok = write(tty, "\n", 1) >= 0 && ok;
	for (size_t i = 0; i < NSIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	if (interrupted != 0)
		raise(interrupted);
	return ok && interrupted == 0;
}

static int
from_terminal(const char *what, bool again, char password[TSN_PASSWORD_MAX])
{
	char prompt[256], second[TSN_PASSWORD_MAX];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	bool ok;

	if (tty < 0) {
		tsn_cli_warn("a password is needed and there is no terminal to ask on: give --password-file");
		return TSN_EXIT_INPUT;
	}
	snprintf(prompt, sizeof(prompt), "Password of %.200s: ", what);
	ok = ask(tty, prompt, password);
	if (ok && password[0] == '\0') {
		tsn_cli_warn("the password is empty");
		ok = false;
	} else if (ok && again) {
		ok = ask(tty, "The same again: ", second) && strcmp(password, second) == 0;
		tsn_password_forget(second);
		if (!ok)
			tsn_cli_warn("the two are not the same");
	} else if (!ok) {
		tsn_cli_warn("no password was read");
	}
	close(tty);
	return ok ? 0 : TSN_EXIT_INPUT;
}

int
tsn_password_get(const struct tsn_cli *c, const char *what, bool again, char password[TSN_PASSWORD_MAX])
{
	return c->password_file != NULL ? from_file(c->password_file, password) : from_terminal(what, again, password);
}
