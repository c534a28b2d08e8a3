/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a rule says about itself. Of a rule in a ruleset others depend on it; one of a site's own need not say it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "author/lint_internal.h"
#include "base/buf.h"
#include "base/clock.h"

#define DAY (INT64_C(86400) * TSN_SECOND)

/* --- missing words --- */

static void
miss(struct tsn_buf *out, const struct tsn_node *tree, const char *word)
{
	if (lint_meta(tree, word) == NULL)
		tsn_buf_printf(out, "%s%s", out->len > 0 ? ", " : "", word);
}

static void
missing(struct lint *l, const struct lint_rule *r)
{
	static const char *const words[] = { "title", "status", "author", "created", "message" };
	struct tsn_buf out = TSN_BUF_INIT;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		miss(&out, r->tree, words[i]);
	if (tsn_node_find(r->tree, TSN_N_SEVERITY) == NULL)
		tsn_buf_printf(&out, "%sseverity", out.len > 0 ? ", " : "");
	if (lint_meta(r->tree, "attack") == NULL && lint_meta(r->tree, "tags") == NULL)
		tsn_buf_printf(&out, "%sattack or tags", out.len > 0 ? ", " : "");
	if (out.len > 0)
		lint_say(l, TSN_LINT_METADATA, r->tree->at, "rule %s says nothing of %s", r->tree->text, tsn_buf_str(&out));
	tsn_buf_fini(&out);
}

/* --- dates --- */

static const struct tsn_node *
day_of(const struct tsn_node *tree, const char *word)
{
	const struct tsn_node *n = lint_meta(tree, word);

	return n != NULL && n->kids != NULL && n->kids->kind == TSN_N_DATE ? n->kids : NULL;
}

/* Somewhere on earth it may be tomorrow already. */
static void
future(struct lint *l, const struct tsn_node *day, const char *word)
{
	if (day != NULL && l->o->now_ms != TSN_TIME_NONE && day->i * TSN_SECOND > l->o->now_ms + DAY)
		lint_say(l, TSN_LINT_DATES, day->span, "%s lies in the future", word);
}

static void
expired(struct lint *l, const struct tsn_node *day, const char *what)
{
	if (day != NULL && l->o->now_ms != TSN_TIME_NONE && day->i * TSN_SECOND <= l->o->now_ms)
		tsn_diag_hint(lint_say(l, TSN_LINT_EXPIRED, day->span, "%s has expired: it does nothing any more", what),
		    "take it out, or give it another day");
}

static void
dates(struct lint *l, const struct lint_rule *r)
{
	const struct tsn_node *created = day_of(r->tree, "created"), *modified = day_of(r->tree, "modified");

	future(l, created, "created");
	future(l, modified, "modified");
	if (created != NULL && modified != NULL && modified->i < created->i)
		tsn_diag_also(lint_say(l, TSN_LINT_DATES, modified->span, "modified is before created"), created->span, "created here");
	expired(l, day_of(r->tree, "expires"), "this rule");
	for (const struct tsn_node *n = r->tree->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_EXCEPT)
			expired(l, day_of(n, "expires"), "this exception");
}

/* --- ATT&CK --- */

static const char *const techniques[] = {
#define TECHNIQUE(id, name) id,
#include "author/attack.def"
#undef TECHNIQUE
};

static int
by_id(const void *key, const void *v)
{
	return strcmp(key, *(const char *const *)v);
}

static bool
digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool
is_technique(const char *s)
{
	const size_t n = strlen(s);

	return (n == 5 || n == 9) && s[0] == 'T' && digits(s + 1, 4) && (n == 5 || (s[5] == '.' && digits(s + 6, 3)));
}

static void
attack(struct lint *l, const struct lint_rule *r)
{
	for (const struct tsn_node *n = r->tree->kids; n != NULL; n = n->next) {
		if (n->kind != TSN_N_META || strcmp(n->text, "attack") != 0)
			continue;
		for (const struct tsn_node *v = n->kids; v != NULL; v = v->next) {
			if (v->text == NULL)
				continue;
			if (!is_technique(v->text))
				tsn_diag_hint(lint_say(l, TSN_LINT_ATTACK_FORM, v->span, "\"%s\" is no ATT&CK technique", v->text),
				    "they are written T1071 or T1071.003; other words are tags");
			else if (bsearch(v->text, techniques, sizeof(techniques) / sizeof(techniques[0]), sizeof(techniques[0]), by_id) == NULL)
				lint_say(l, TSN_LINT_ATTACK_UNKNOWN, v->span, "%s is not among the ATT&CK techniques known here", v->text);
		}
	}
}

void
lint_metadata(struct lint *l, const struct lint_rule *r)
{
	const struct tsn_rule *m = &r->ir->meta;

	if (strcmp(m->ruleset, "local") != 0)
		missing(l, r);
	if (m->status != NULL && strcmp(m->status, "stable") == 0 && m->falsepositives.n == 0)
		lint_say(l, TSN_LINT_FALSEPOSITIVES, r->tree->at, "rule %s is stable and does not say what else looks like it", r->tree->text);
	dates(l, r);
	attack(l, r);
}
