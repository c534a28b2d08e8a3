/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/guests.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
tsn_guests_open(struct tsn_guests *g, const char *store, const struct tsn_log *log)
{
	char error[TSN_RULESET_ERROR];

	*g = (struct tsn_guests){ .store = store, .log = log, .lock = -1 };
	if (store == NULL)
		return;
	g->word.pid = getpid();
	g->lock = tsn_word_open(store, error);
	if (g->lock < 0)
		tsn_log(log, TSN_LOG_WARN, "%s; `tocsin ruleset` will not hear from this daemon", error);
}

void
tsn_guests_close(struct tsn_guests *g)
{
	tsn_store_enabled_fini(&g->enabled);
	if (g->lock >= 0)
		close(g->lock);
}

bool
tsn_guests_read(struct tsn_guests *g, struct tsn_compile_input *in, char error[TSN_RULESET_ERROR])
{
	struct tsn_store_enabled now = { 0 };

	if (g->store == NULL)
		return true;
	if (!tsn_store_enabled(g->store, &now, error)) {
		tsn_store_enabled_fini(&now);
		g->word.change = 0; /* no state was read, so whoever waits for one need wait no longer */
		return false;
	}
	tsn_store_enabled_fini(&g->enabled);
	g->enabled = now;
	in->installed = now.v;
	in->ninstalled = now.n;
	g->word.change = now.change;
	for (size_t i = 0; i < now.n; i++)
		tsn_log(g->log, TSN_LOG_INFO, "ruleset %s %s", now.v[i].name, now.version[i]);
	return true;
}

void
tsn_guests_say(struct tsn_guests *g, const char *error, const char *ring)
{
	char why[TSN_RULESET_ERROR];

	if (g->lock < 0)
		return;
	g->word.loads++;
	g->word.ok = error == NULL;
	snprintf(g->word.error, sizeof(g->word.error), "%.*s", error == NULL ? 0 : (int)strcspn(error, "\n"), error == NULL ? "" : error);
	snprintf(g->word.ring, sizeof(g->word.ring), "%s", ring == NULL ? "" : ring);
	if (!tsn_word_say(g->store, &g->word, why))
		tsn_log(g->log, TSN_LOG_WARN, "%s; `tocsin ruleset` will not hear of this load", why);
}
