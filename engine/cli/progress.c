/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t
tsn_progress_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
tsn_progress_init(struct tsn_progress *p, bool terminal)
{
	*p = (struct tsn_progress){ .terminal = terminal };
	p->started_ms = tsn_progress_clock();
	p->last_ms = p->started_ms + 800;
}

bool
tsn_progress_wanted(struct tsn_progress *p)
{
	int64_t now;

	if (!p->terminal)
		return false;
	now = tsn_progress_clock();
	if (now - p->last_ms < 200)
		return false;
	p->last_ms = now;
	return true;
}

/* "40 s", "12 min", "3 h 20 min": the longer, the less exact. */
static const char *
time_left(double seconds, char text[32])
{
	unsigned minutes = (unsigned)(seconds / 60 + 0.5);

	if (seconds < 90)
		snprintf(text, 32, "%.0f s", seconds);
	else if (minutes < 120)
		snprintf(text, 32, "%u min", minutes);
	else
		snprintf(text, 32, "%u h %u min", minutes / 60, minutes % 60);
	return text;
}

void
tsn_progress_show(struct tsn_progress *p, const char *name, uint64_t done, uint64_t total)
{
	double seconds = (double)(tsn_progress_clock() - p->started_ms) / 1000;
	double rate = seconds > 0 ? (double)done / 1e6 / seconds : 0;
	char left[32];
	const char *slash = strrchr(name, '/');

	name = slash != NULL ? slash + 1 : name;
	if (total > 0 && rate > 0)
		fprintf(stderr, "\r\x1b[K%s  %3.0f%%  %.0f of %.0f MB  %.0f MB/s  %s left", name,
		    100.0 * (double)done / (double)total, (double)done / 1e6, (double)total / 1e6, rate,
		    time_left(done < total ? (double)(total - done) / 1e6 / rate : 0, left));
	else
		fprintf(stderr, "\r\x1b[K%s  %.0f MB  %.0f MB/s", name, (double)done / 1e6, rate);
	p->shown = true;
}

void
tsn_progress_count(struct tsn_progress *p, const char *name, uint64_t done, uint64_t total)
{
	fprintf(stderr, "\r\x1b[K%llu of %llu  %s", (unsigned long long)done, (unsigned long long)total, name);
	p->shown = true;
}

void
tsn_progress_clear(struct tsn_progress *p)
{
	if (p->shown)
		fputs("\r\x1b[K", stderr);
	p->shown = false;
}
