/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keywords, and the tables of words.def: which word may stand where, and the nearest one if it may not. */
#include <stdlib.h>
#include <string.h>

#include "grammar/internal.h"
#include "parser.tab.h"

enum { R = 1, S = 2, X = 4 };
enum value { TEXT, TEXTS, WORD, WORDS, DAY, NUMBER };

struct keyword {
	const char *word;
	int token;
};

/* Sorted bytewise for bsearch. */
static const struct keyword keywords[] = {
	{ "add", TSN_TOK_ADDKW }, { "alert", TSN_TOK_ALERT }, { "and", TSN_TOK_AND }, { "at", TSN_TOK_AT },
	{ "by", TSN_TOK_BY }, { "define", TSN_TOK_DEFINE }, { "disable", TSN_TOK_DISABLE },
	{ "during", TSN_TOK_DURING }, { "dynamic", TSN_TOK_DYNAMIC }, { "each", TSN_TOK_EACH },
	{ "every", TSN_TOK_EVERY }, { "except", TSN_TOK_EXCEPT }, { "file", TSN_TOK_FILE },
	{ "fires", TSN_TOK_FIRES }, { "flow", TSN_TOK_FLOW }, { "for", TSN_TOK_FOR }, { "from", TSN_TOK_FROM },
	{ "has", TSN_TOK_HAS }, { "history", TSN_TOK_HISTORY }, { "in", TSN_TOK_IN }, { "let", TSN_TOK_LET },
	{ "not", TSN_TOK_NOT }, { "once", TSN_TOK_ONCE }, { "or", TSN_TOK_OR }, { "over", TSN_TOK_OVER },
	{ "override", TSN_TOK_OVERRIDE }, { "per", TSN_TOK_PER }, { "quiet", TSN_TOK_QUIET },
	{ "remove", TSN_TOK_REMOVE }, { "repeat", TSN_TOK_REPEAT }, { "rule", TSN_TOK_RULE },
	{ "ruleset", TSN_TOK_RULESET }, { "set", TSN_TOK_SETKW }, { "severity", TSN_TOK_SEVERITY },
	{ "site", TSN_TOK_SITE }, { "step", TSN_TOK_STEP }, { "table", TSN_TOK_TABLE }, { "test", TSN_TOK_TEST },
	{ "then", TSN_TOK_THEN }, { "to", TSN_TOK_TO }, { "until", TSN_TOK_UNTIL }, { "use", TSN_TOK_USE },
	{ "wait", TSN_TOK_WAIT }, { "when", TSN_TOK_WHEN }, { "where", TSN_TOK_WHERE },
};

static const struct meta {
	const char *word;
	unsigned places;
	enum value value;
	const char *allowed;
} metas[] = {
#define META(word, places, value, allowed, help) { word, places, value, allowed },
#define LEVEL(word, help)
#define SOURCE_OPTION(word, help)
#define DYNAMIC_OPTION(word, help)
#define SETTING(word, items, help)
#include "grammar/words.def"
#undef META
#undef LEVEL
};

static const char *const levels[] = {
#define META(word, places, value, allowed, help)
#define LEVEL(word, help) word,
#include "grammar/words.def"
#undef LEVEL
#undef SOURCE_OPTION
};

static const char *const source_options[] = {
#define LEVEL(word, help)
#define SOURCE_OPTION(word, help) word,
#include "grammar/words.def"
#undef SOURCE_OPTION
#undef DYNAMIC_OPTION
};

static const char *const dynamic_options[] = {
#define SOURCE_OPTION(word, help)
#define DYNAMIC_OPTION(word, help) word,
#include "grammar/words.def"
#undef DYNAMIC_OPTION
#undef SETTING
};

static const struct setting {
	const char *word;
	const char *items;
} settings[] = {
#define DYNAMIC_OPTION(word, help)
#define SETTING(word, items, help) { word, items },
#include "grammar/words.def"
#undef META
#undef LEVEL
#undef SOURCE_OPTION
#undef DYNAMIC_OPTION
#undef SETTING
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Most words of most rules are names: their first letter tells. */
static int
compare(const char *a, const char *b)
{
	return *a != *b ? (unsigned char)*a - (unsigned char)*b : strcmp(a, b);
}

static int
by_word(const void *key, const void *item)
{
	return compare(key, ((const struct keyword *)item)->word);
}

static const struct meta *
find_meta(const char *word)
{
	size_t i;

	for (i = 0; i < COUNT(metas); i++)
		if (compare(metas[i].word, word) == 0)
			return &metas[i];
	return NULL;
}

int
tsn_word_token(const char *word)
{
	const struct keyword *k = bsearch(word, keywords, COUNT(keywords), sizeof(*keywords), by_word);

	if (k != NULL)
		return k->token;
	return find_meta(word) != NULL ? TSN_TOK_META : TSN_TOK_NAME;
}

static void
list_word(struct tsn_parse *p, const char *word)
{
	p->words[(unsigned char)word[0] & 127] |= UINT32_C(1) << strlen(word);
}

void
tsn_words_list(struct tsn_parse *p)
{
	size_t i;

	for (i = 0; i < COUNT(keywords); i++)
		list_word(p, keywords[i].word);
	for (i = 0; i < COUNT(metas); i++)
		list_word(p, metas[i].word);
}

const char *
tsn_word_text(int token)
{
	size_t i;

	for (i = 0; i < COUNT(keywords); i++)
		if (keywords[i].token == token)
			return keywords[i].word;
	return NULL;
}

bool
tsn_word_is_setting(const char *word)
{
	size_t i;

	for (i = 0; i < COUNT(settings); i++)
		if (strcmp(settings[i].word, word) == 0)
			return true;
	return false;
}

/* ---- words of a blank-separated list ---- */

static bool
listed(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *at;

	for (at = list; n > 0 && (at = strstr(at, word)) != NULL; at += n)
		if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

static void
offer_listed(struct tsn_diag *d, const char *list, const char *word)
{
	struct tsn_nearest near = { NULL, 0 };
	char candidate[12][TSN_WORD_MAX + 1];
	size_t i, n;

	for (i = 0; i < COUNT(candidate) && *list != '\0'; i++) {
		n = strcspn(list, " ");
		memcpy(candidate[i], list, n);
		candidate[i][n] = '\0';
		tsn_nearest_offer(&near, word, candidate[i]);
		list += n + (list[n] == ' ');
	}
	if (near.best != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near.best);
}

/* ---- metadata ---- */

static void
value_fault(struct tsn_parse *p, const struct tsn_node *meta, const struct tsn_node *v, const char *what,
    const char *example)
{
	struct tsn_diag *d = tsn_diag_error(p->diags, TSN_E_VALUE, v->span, "%s takes %s", meta->text, what);

	if (v->kind == TSN_N_NAME && strchr(example, '"') != NULL)
		tsn_diag_hint(d, "write %s \"%s\"", meta->text, v->text);
	else
		tsn_diag_hint(d, "for example %s %s", meta->text, example);
}

static void
check_value(struct tsn_parse *p, const struct tsn_node *meta, const struct meta *m, const struct tsn_node *v)
{
	bool text = v->kind == TSN_N_STRING, word = v->kind == TSN_N_NAME || v->kind == TSN_N_WORD;

	if (v->kind == TSN_N_ERROR)
		return;
	if ((m->value == TEXT || m->value == TEXTS) && !text)
		value_fault(p, meta, v, "a string", "\"text\"");
	else if (m->value == DAY && v->kind != TSN_N_DATE)
		value_fault(p, meta, v, "a date", "2027-03-01");
	else if (m->value == NUMBER && v->kind != TSN_N_INT)
		value_fault(p, meta, v, "a whole number", "1");
	else if ((m->value == WORD || m->value == WORDS) && !text && !word)
		value_fault(p, meta, v, "a word", "\"word\"");
	else if (m->allowed[0] != '\0' && v->text != NULL && !listed(m->allowed, v->text))
		offer_listed(tsn_diag_error(p->diags, TSN_E_WORD, v->span, "%s is one of: %s", meta->text, m->allowed),
		    m->allowed, v->text);
}

void
tsn_word_check_meta(struct tsn_parse *p, const struct tsn_node *meta, enum tsn_body body)
{
	unsigned place = body == TSN_BODY_RULE ? R : body == TSN_BODY_RULESET ? S : X;
	const struct meta *m = meta != NULL ? find_meta(meta->text) : NULL;
	const struct tsn_node *v;

	if (m == NULL)
		return;
	if ((m->places & place) == 0) {
		tsn_diag_error(p->diags, TSN_E_WORD, meta->at, place == R ? "%s belongs in a ruleset's header" :
		    place == S ? "%s belongs in a rule" : "%s is no word of except: expires, owner and reason are",
		    meta->text);
		return;
	}
	for (v = meta->kids; v != NULL; v = v->next)
		check_value(p, meta, m, v);
	if (meta->nkids > 1 && m->value != TEXTS && m->value != WORDS)
		tsn_diag_error(p->diags, TSN_E_VALUE, meta->kids->next->span, "%s takes one value", meta->text);
}

void
tsn_word_check_level(struct tsn_parse *p, const struct tsn_node *rung)
{
	struct tsn_diag *d;
	const char *near;
	size_t i;

	if (rung->text == NULL || rung->text[0] == '\0')
		return;
	for (i = 0; i < COUNT(levels); i++)
		if (strcmp(levels[i], rung->text) == 0)
			return;
	d = tsn_diag_error(p->diags, TSN_E_WORD, rung->at, "no severity \"%s\"", rung->text);
	near = tsn_nearest(rung->text, levels, COUNT(levels));
	if (near != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near);
	else
		tsn_diag_hint(d, "info, low, medium, high or critical");
}

const char *
tsn_word_nearest_option(const char *word)
{
	const char *near = tsn_nearest(word, dynamic_options, COUNT(dynamic_options));

	return near != NULL ? near : tsn_nearest(word, source_options, COUNT(source_options));
}

void
tsn_word_check_option(struct tsn_parse *p, const struct tsn_node *option, bool dynamic)
{
	const char *const *list = dynamic ? dynamic_options : source_options, *near;
	size_t i, n = dynamic ? COUNT(dynamic_options) : COUNT(source_options);
	struct tsn_diag *d;

	for (i = 0; i < n; i++)
		if (strcmp(list[i], option->text) == 0)
			return;
	d = tsn_diag_error(p->diags, TSN_E_WORD, option->at, "no option \"%s\" here", option->text);
	near = tsn_nearest(option->text, list, n);
	if (near != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near);
}

void
tsn_word_check_setting(struct tsn_parse *p, const struct tsn_node *setting)
{
	struct tsn_nearest near = { NULL, 0 };
	const char *items = "";
	const struct tsn_node *kid;
	struct tsn_diag *d;
	size_t i;

	if (setting == NULL)
		return;
	for (i = 0; i < COUNT(settings); i++)
		if (strcmp(settings[i].word, setting->text) == 0)
			items = settings[i].items;
	for (kid = setting->kids; kid != NULL; kid = kid->next) {
		if (kid->kind != TSN_N_NAME || listed(items, kid->text))
			continue;
		d = tsn_diag_error(p->diags, TSN_E_WORD, kid->span, "no setting \"%s\"", kid->text);
		near.best = NULL;
		for (i = 0; i < COUNT(settings); i++)
			tsn_nearest_offer(&near, kid->text, settings[i].word);
		if (near.best != NULL)
			tsn_diag_hint(d, "did you mean \"%s\"?", near.best);
		else
			offer_listed(d, items, kid->text);
	}
}

/* ---- what may begin something ---- */

static const int starts_top[] = { TSN_TOK_RULESET, TSN_TOK_USE, TSN_TOK_LET, TSN_TOK_SETKW, TSN_TOK_TABLE,
	TSN_TOK_DEFINE, TSN_TOK_RULE, TSN_TOK_DISABLE, TSN_TOK_OVERRIDE, TSN_TOK_SITE };
static const int starts_rule[] = { TSN_TOK_SEVERITY, TSN_TOK_WHERE, TSN_TOK_WHEN, TSN_TOK_EXCEPT, TSN_TOK_ALERT,
	TSN_TOK_THEN, TSN_TOK_DURING, TSN_TOK_UNTIL, TSN_TOK_TEST, TSN_TOK_LET, TSN_TOK_SETKW, TSN_TOK_TABLE, TSN_TOK_DEFINE };
static const int starts_test[] = { TSN_TOK_FLOW, TSN_TOK_WAIT, TSN_TOK_HISTORY, TSN_TOK_LET, TSN_TOK_SETKW,
	TSN_TOK_TABLE };

static void
offer_tokens(struct tsn_nearest *near, const char *word, const int *tokens, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		tsn_nearest_offer(near, word, tsn_word_text(tokens[i]));
}

const char *
tsn_word_nearest_clause(const char *word, enum tsn_body body)
{
	struct tsn_nearest near = { NULL, 0 };
	unsigned place = body == TSN_BODY_RULE ? R : body == TSN_BODY_RULESET ? S : 0;
	size_t i;

	if (body == TSN_BODY_TOP)
		offer_tokens(&near, word, starts_top, COUNT(starts_top));
	else if (body == TSN_BODY_RULE)
		offer_tokens(&near, word, starts_rule, COUNT(starts_rule));
	else if (body == TSN_BODY_TEST)
		offer_tokens(&near, word, starts_test, COUNT(starts_test));
	else if (body == TSN_BODY_SITE)
		for (i = 0; i < COUNT(settings); i++)
			tsn_nearest_offer(&near, word, settings[i].word);
	for (i = 0; i < COUNT(metas); i++)
		if ((metas[i].places & place) != 0)
			tsn_nearest_offer(&near, word, metas[i].word);
	return near.best;
}

bool
tsn_word_starts(int token, enum tsn_body body)
{
	const int *list = body == TSN_BODY_TOP ? starts_top : body == TSN_BODY_TEST ? starts_test : starts_rule;
	size_t i, n = body == TSN_BODY_TOP ? COUNT(starts_top) :
	    body == TSN_BODY_TEST ? COUNT(starts_test) : COUNT(starts_rule);

	if (token == TSN_TOK_META)
		return body == TSN_BODY_RULE || body == TSN_BODY_RULESET;
	if (body == TSN_BODY_SITE)
		return token == TSN_TOK_SETTING;
	if (body == TSN_BODY_RULESET)
		return false;
	for (i = 0; i < n; i++)
		if (list[i] == token)
			return true;
	return false;
}
