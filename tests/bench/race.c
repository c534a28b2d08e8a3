/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * race ROUNDS FLOWS: times commands against each other. Reads lines
 * "label<TAB>peer<TAB>command" from stdin, runs all of them in turn, ROUNDS times
 * (so that a machine that slows down slows all), and prints the median CPU time
 * (user + system, of the process and its children) a flow, flows a second and core, the spread,
 * and the ratio to the peer's median (the label named in the second column; "-" for none).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX 64
#define ROUNDS_MAX 99

struct lane {
	char label[80], peer[80], command[4096];
	double cpu[ROUNDS_MAX];
	long rss_kb;
	int failed;
};

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void
run(struct lane *l, int round)
{
	struct rusage u;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", l->command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		l->failed = 1;
	l->cpu[round] = seconds(u.ru_utime) + seconds(u.ru_stime);
	if (u.ru_maxrss > l->rss_kb)
		l->rss_kb = u.ru_maxrss;
}

int
main(int argc, char **argv)
{
	static struct lane lanes[MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 5, n = 0, i, r, k;
	double flows = argc > 2 ? atof(argv[2]) : 1;
	char line[8192];

	if (rounds < 1 || rounds > ROUNDS_MAX || flows < 1)
		return 2;
	while (n < MAX && fgets(line, sizeof(line), stdin) != NULL) {
		struct lane *l = &lanes[n];

		if (sscanf(line, "%79[^\t]\t%79[^\t]\t%4095[^\n]", l->label, l->peer, l->command) == 3)
			n++;
	}
	for (r = 0; r < rounds; r++)
		for (i = 0; i < n; i++)
			run(&lanes[i], r);
	for (i = 0; i < n; i++)
		qsort(lanes[i].cpu, (size_t)rounds, sizeof(double), ascending);
	printf("%-46s %9s %9s %17s %9s  %s\n", "", "ns/flow", "Mflows/s", "min..max ns", "peak MB", "against");
	for (i = 0; i < n; i++) {
		struct lane *l = &lanes[i];
		double m = l->cpu[rounds / 2];

		printf("%-46s %9.1f %9.1f %8.1f..%-7.1f %9.0f", l->label, m / flows * 1e9, flows / m / 1e6, l->cpu[0] / flows * 1e9,
		    l->cpu[rounds - 1] / flows * 1e9, (double)l->rss_kb / 1024);
		for (k = 0; k < n; k++)
			if (strcmp(lanes[k].label, l->peer) == 0)
				printf("  %.1f x %s", lanes[k].cpu[rounds / 2] / m, l->peer);
		printf("%s\n", l->failed ? "  FAILED" : "");
	}
	return 0;
}
