/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
tsn_log(const struct tsn_log *log, enum tsn_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (log == NULL || log->write == NULL || level > log->level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->write(log->arg, level, line);
}

void
tsn_log_lines(const struct tsn_log *log, enum tsn_log_level level, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		tsn_log(log, level, "%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}
