/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin listen: the daemon in the foreground, as service managers want it. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/inputs.h"
#include "daemon/daemon.h"

static void
on_log(void *arg, enum tsn_log_level level, const char *line)
{
	static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
	const bool said = strncmp(line, word[level], strlen(word[level])) == 0; /* by a diagnostic of no place in a file */
	char text[TSN_TIME_TEXT];
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &t);
	fprintf(stderr, "%s %s%s\n", tsn_time_text((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000, text), said ? "" : word[level], line);
}

/* Live hashes are seeded, so that nobody outside can aim at one group's place. */
static uint64_t
random_seed(void)
{
	uint64_t seed = 0;

	return getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? seed : (uint64_t)time(NULL);
}

int
tsn_cmd_listen(struct tsn_cli *c)
{
	struct tsn_log log = { c->verbose ? TSN_LOG_DEBUG : TSN_LOG_INFO, on_log, NULL };
	struct tsn_daemon_options o = {
		.batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0, .threads = tsn_cli_threads(c), .seed = random_seed(), .log = &log,
		.stdout_text = isatty(STDOUT_FILENO), .stdout_color = c->color_out,
	};

	if (c->args.n > 0)
		return tsn_cli_usage(c, "`tocsin listen` takes no input; rules go behind -r");
	if (c->rules.n == 0 && c->rulesets == NULL)
		return tsn_cli_usage(c, "no rules: add -r RULES");
	o.rulesets = c->rulesets;
	o.rules.paths = c->rules.v;
	o.rules.npaths = c->rules.n;
	tsn_cli_library(c, &o.rules);
	switch (tsn_daemon_run(&o)) {
	case TSN_DAEMON_STOPPED:   return TSN_EXIT_OK;
	case TSN_DAEMON_BAD_RULES: return TSN_EXIT_RULES;
	case TSN_DAEMON_NO_INPUT:  return TSN_EXIT_INPUT;
	case TSN_DAEMON_NO_MEMORY: break;
	}
	return tsn_cli_no_memory();
}
