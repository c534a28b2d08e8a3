/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The grammar. No field, function or service is named here, and no precedence is declared: the
 * layers of expressions say it. Brackets arrive paired (balance.c) and the parser resumes at the
 * next clause of the same body after an error, so a run finds every independent one.
 */
%code requires {
#include "grammar/internal.h"
}
%code provides {
/* feed.c: the next token; and the first token of the next clause, false if it already was that. */
int tsn_yylex(TSN_YYSTYPE *value, struct tsn_span *loc, struct tsn_parse *p);
bool tsn_yyskip(struct tsn_parse *p, int *token, TSN_YYSTYPE *value, struct tsn_span *loc);
}

%define api.pure full
%define api.prefix {tsn_yy}
%define api.token.prefix {TSN_TOK_}
%define api.location.type {struct tsn_span}
%define parse.error custom           /* hint.c words it: what was found, what would fit */
%define parse.lac full               /* so that "what would fit" is exact */
%locations
%expect 0                            /* resolve conflicts in the grammar; never raise this */
%param { struct tsn_parse *p }
%initial-action { @$ = tsn_span_of(p, 0, 0); }

%union {
	struct tsn_node *n;
	int op;
}

%code {
#include "base/mem.h"
#include "grammar/build.h"

/* Deep enough for TSN_AST_DEPTH_MAX levels, bounded so that no text can grow it further. */
#define YYINITDEPTH 200
#define YYMAXDEPTH  4000
#define YYMALLOC    tsn_malloc
#define YYFREE      tsn_free
#define YYLLOC_DEFAULT(now, rhs, n) \
	do { \
		(now).file = p->file; \
		(now).begin = (n) ? YYRHSLOC(rhs, 1).begin : YYRHSLOC(rhs, 0).end; \
		(now).end = (n) ? YYRHSLOC(rhs, n).end : YYRHSLOC(rhs, 0).end; \
	} while (0)

static void tsn_yyerror(YYLTYPE *loc, struct tsn_parse *p, const char *msg);

/* Goes on at the next clause. Only progress ends the recovery, or a token that nobody takes would loop. */
#define RESUME \
	do { \
		if (tsn_yyskip(p, &yychar, &yylval, &yylloc)) \
			yyerrok; \
	} while (0)
#define NEW(kind, loc)   tsn_build(p, TSN_N_##kind, loc)
#define ADD(to, kid)     tsn_build_add(p, to, kid)
#define BAD(loc)         NEW(ERROR, loc)
}

/* Selects what is parsed. */
%token START_FILE START_EXPR

/* Only the formatter asks the scanner for comments. */
%token COMMENT

%token <n> NAME "a name" NAME_ALL "NAME.*" META "a metadata word" SETTING "a setting" WORD "a number of a list"
%token <n> INT "a number" REAL "a decimal number" DURATION "a duration" SIZE "a size" STRING "a string"
%token <n> REGEX "a regular expression" ADDRESS "an address" PREFIX "a prefix" DATE "a date"

%token RULESET "ruleset" USE "use" LET "let" SETKW "set" TABLE "table" DEFINE "define" RULE "rule"
%token DISABLE "disable" OVERRIDE "override" SITE "site" FILE "file" DYNAMIC "dynamic"
%token SEVERITY "severity" WHERE "where" WHEN "when" EXCEPT "except" ALERT "alert" THEN "then"
%token DURING "during" UNTIL "until" TEST "test" FOR "for" BY "by" AT "at" OVER "over" PER "per" STEP "step"
%token TIME_RECEIVED "time received"
%token OR "or" AND "and" NOT "not" IN "in" HAS "has"
%token EQ "==" NE "!=" LE "<=" GE ">=" NOMATCH "!~" DOTDOT ".."

/* Words of one place only; elsewhere they are names like any other. */
%token <n> ADDKW "add" REMOVE "remove" TO "to" FROM "from" ONCE "once" EACH "each"
%token <n> FIRES "fires" QUIET "quiet" FLOW "flow" REPEAT "repeat" EVERY "every" WAIT "wait" HISTORY "history"

%type <n> decls decl binding rule_like targets target clauses clause metas meta meta_list meta_values
%type <n> meta_value set_value source options table_value rows row rungs actions action
%type <n> test steps step expect assigns assign settings setting setting_item
%type <n> for_opt alert_by alert_per for_assigns repeat_opt every_opt
%type <n> expr or_expr and_expr not_expr cmp comparison bor band sum term unary postfix primary
%type <n> literal name word members member tuple args arg option_value scope scope_by scope_window
%type <n> scope_step scope_time keys key key_name duration over_duration per_duration
%type <op> cmpop

%%

input
	: START_FILE decls              { p->result = $2; }
	| START_EXPR expr               { p->result = $2; }
	| START_EXPR error              { p->result = BAD(@2); }
	;

/* ---- declarations ---- */

decls
	: %empty                        { $$ = NEW(FILE, @$); }
	| decls decl                    { $$ = ADD($1, $2); }
	| decls error                   { $$ = tsn_build_broken($1); RESUME; }
	;

decl
	: binding
	| rule_like
	| USE name                      { $$ = ADD(NEW(USE, @$), $2); }
	| USE STRING                    { $$ = ADD(NEW(USE, @$), $2); }
	| DISABLE targets               { $$ = tsn_build_span($2, @$); }
	| RULESET name '{' metas '}'    { $$ = tsn_build_retag(p, $4, TSN_N_RULESET, $2, @$); }
	| RULESET error '{' metas '}'   { $$ = NULL; }
	| RULESET error                 { $$ = NULL; }
	| SITE '{' settings '}'         { $$ = tsn_build_span($3, @$); }
	| SITE error '{' settings '}'   { $$ = NULL; }
	| SITE error                    { $$ = NULL; }
	;

rule_like
	: RULE name '{' clauses '}'     { $$ = tsn_build_retag(p, $4, TSN_N_RULE, $2, @$); }
	| RULE error '{' clauses '}'    { $$ = NULL; }
	| RULE error                    { $$ = NULL; }
	| OVERRIDE target '{' clauses '}' { $$ = tsn_build_retag(p, $4, TSN_N_OVERRIDE, $2, @$); }
	| OVERRIDE error '{' clauses '}' { $$ = NULL; }
	| OVERRIDE error                { $$ = NULL; }
	;

targets
	: target                        { $$ = ADD(NEW(DISABLE, @$), $1); }
	| targets ',' target            { $$ = ADD($1, $3); }
	;

target
	: name
	| NAME_ALL
	;

/* A bad value leaves the name known, so that its uses are no errors. */
binding
	: LET name '=' expr             { $$ = ADD(tsn_build_named(p, TSN_N_LET, $2, @$), $4); }
	| LET name '=' error            { $$ = ADD(tsn_build_named(p, TSN_N_LET, $2, @$), BAD(@4)); RESUME; }
	| SETKW name '=' set_value      { $$ = ADD(tsn_build_named(p, TSN_N_SETDECL, $2, @$), $4); }
	| SETKW name '=' error          { $$ = ADD(tsn_build_named(p, TSN_N_SETDECL, $2, @$), BAD(@4)); RESUME; }
	| DEFINE name '=' expr          { $$ = ADD(tsn_build_named(p, TSN_N_DEFINE, $2, @$), $4); }
	| DEFINE name '=' error         { $$ = ADD(tsn_build_named(p, TSN_N_DEFINE, $2, @$), BAD(@4)); RESUME; }
	| TABLE name '=' table_value    { $$ = tsn_build_table(p, $2, $4, @$); }
	| TABLE name '=' error          { $$ = ADD(tsn_build_named(p, TSN_N_TABLE, $2, @$), BAD(@4)); RESUME; }
	;

set_value
	: bor
	| SITE                          { $$ = NEW(SITESET, @$); }
	| source                        { tsn_build_options(p, $1, false); }
	| DYNAMIC options               { $$ = tsn_build_span($2, @$); tsn_build_options(p, $$, true); }
	;

source
	: FILE STRING options           { $$ = tsn_build_retag(p, $3, TSN_N_SOURCE, $2, @$); }
	;

options
	: %empty                        { $$ = NEW(DYNAMIC, @$); }
	| options NAME option_value     { $$ = ADD($1, ADD(tsn_build_named(p, TSN_N_OPTION, $2, tsn_build_join(@2, @3)), $3)); }
	;

/* The table itself; tsn_build_table names it. */
table_value
	: source                        { tsn_build_options(p, $1, false); $$ = ADD(NEW(TABLE, @$), $1); }
	| '{' rows '}' options          { $$ = tsn_build_rows(p, tsn_build_span($2, tsn_build_join(@1, @3)), $4); }
	| '{' rows ',' '}' options      { $$ = tsn_build_rows(p, tsn_build_span($2, tsn_build_join(@1, @4)), $5); }
	;

rows
	: row                           { $$ = ADD(NEW(ROWS, @$), $1); }
	| rows ',' row                  { $$ = ADD($1, $3); }
	;

row
	: member '=' bor                { $$ = ADD(ADD(NEW(ROW, @$), $1), $3); }
	;

/* ---- rules ---- */

clauses
	: %empty                        { $$ = NEW(RULE, @$); }
	| clauses clause                { $$ = ADD($1, $2); }
	| clauses error                 { $$ = tsn_build_broken($1); RESUME; }
	;

clause
	: binding
	| test
	| meta                          { tsn_word_check_meta(p, $1, TSN_BODY_RULE); }
	| SEVERITY rungs                { $$ = tsn_build_span($2, @$); }
	| WHERE expr                    { $$ = ADD(NEW(KEEP, @$), $2); }
	| WHERE error                   { $$ = ADD(NEW(KEEP, @$), BAD(@2)); RESUME; }
	| WHEN expr for_opt             { $$ = ADD(ADD(NEW(WHEN, @$), $2), $3); }
	| WHEN error                    { $$ = ADD(NEW(WHEN, @$), BAD(@2)); RESUME; }
	| EXCEPT expr                   { $$ = ADD(NEW(EXCEPT, @$), $2); }
	| EXCEPT expr '{' meta_list '}' { $$ = tsn_build_adopt(p, ADD(NEW(EXCEPT, @$), $2), $4); }
	| EXCEPT expr '{' '}'           { $$ = ADD(NEW(EXCEPT, @$), $2); }
	| EXCEPT error                  { $$ = ADD(NEW(EXCEPT, @$), BAD(@2)); RESUME; }
	| ALERT ONCE alert_by alert_per { $$ = ADD(ADD(tsn_build_op(p, TSN_N_ALERT, TSN_OP_ONCE, @$), $3), $4); }
	| ALERT EACH                    { $$ = tsn_build_op(p, TSN_N_ALERT, TSN_OP_EACH, @$); }
	| THEN actions                  { $$ = tsn_build_span($2, @$); }
	| DURING STRING                 { $$ = tsn_build_named(p, TSN_N_DURING, $2, @$); }
	| DURING NOT STRING             { $$ = tsn_build_not_during(tsn_build_named(p, TSN_N_DURING, $3, @$)); }
	| UNTIL expr                    { $$ = ADD(NEW(UNTIL, @$), $2); }
	| UNTIL error                   { $$ = ADD(NEW(UNTIL, @$), BAD(@2)); RESUME; }
	;

metas
	: %empty                        { $$ = NEW(RULESET, @$); }
	| metas meta                    { tsn_word_check_meta(p, $2, TSN_BODY_RULESET); $$ = ADD($1, $2); }
	| metas error                   { $$ = tsn_build_broken($1); RESUME; }
	;

/* After except: no recovery inside, the whole clause is skipped. */
meta_list
	: meta                          { tsn_word_check_meta(p, $1, TSN_BODY_TOP); $$ = ADD(NEW(EXCEPT, @$), $1); }
	| meta_list meta                { tsn_word_check_meta(p, $2, TSN_BODY_TOP); $$ = ADD($1, $2); }
	;

meta
	: META meta_values              { $$ = tsn_build_retag(p, $2, TSN_N_META, $1, @$); }
	;

meta_values
	: meta_value                    { $$ = ADD(NEW(META, @$), $1); }
	| meta_values ',' meta_value    { $$ = ADD($1, $3); }
	;

/* No metadata word, so that one whose value is missing does not swallow the next clause. */
meta_value
	: word
	| literal
	| WORD
	| TEST                          { $$ = tsn_build_word(p, "test", @$); }
	;

rungs
	: name                          { $$ = ADD(NEW(SEVERITY, @$), tsn_build_rung(p, $1, NULL, @$)); }
	| rungs ',' name WHEN expr      { $$ = ADD($1, tsn_build_rung(p, $3, $5, tsn_build_join(@3, @5))); }
	;

for_opt
	: %empty                        { $$ = NULL; }
	| FOR duration                  { $$ = tsn_build_time(p, TSN_N_FOR, $2, @$); }
	;

alert_by
	: %empty                        { $$ = NULL; }
	| BY keys                       { $$ = tsn_build_span($2, @$); }
	;

alert_per
	: %empty                        { $$ = NULL; }
	| PER per_duration              { $$ = $2; }
	;

actions
	: action                        { $$ = ADD(NEW(THEN, @$), $1); }
	| actions ',' action            { $$ = ADD($1, $3); }
	;

action
	: ADDKW expr TO name for_opt    { $$ = ADD(ADD(tsn_build_named(p, TSN_N_ADD, $4, @$), $2), $5); }
	| REMOVE expr FROM name         { $$ = ADD(tsn_build_named(p, TSN_N_REMOVE, $4, @$), $2); }
	;

/* ---- tests ---- */

test
	: TEST STRING expect '{' steps '}' { $$ = tsn_build_test(p, $2, $3, $5, @$); }
	| TEST error '{' steps '}'      { $$ = NULL; }
	| TEST error                    { $$ = NULL; }
	;

expect
	: FIRES for_assigns             { $$ = tsn_build_expect(p, NULL, NULL, $2, @$); }
	| FIRES INT for_assigns         { $$ = tsn_build_expect(p, $2, NULL, $3, @$); }
	| FIRES name for_assigns        { $$ = tsn_build_expect(p, NULL, $2, $3, @$); }
	| FIRES INT name for_assigns    { $$ = tsn_build_expect(p, $2, $3, $4, @$); }
	| QUIET for_assigns             { $$ = tsn_build_quiet(p, $2, @$); }
	;

for_assigns
	: %empty                        { $$ = NEW(EXPECT, @$); }
	| FOR assigns                   { $$ = $2; }
	;

assigns
	: assign                        { $$ = ADD(NEW(EXPECT, @$), $1); }
	| assigns ',' assign            { $$ = ADD($1, $3); }
	;

assign
	: name '=' member               { $$ = ADD(tsn_build_named(p, TSN_N_ASSIGN, $1, @$), $3); }
	| name '(' args ')' '=' member  {
	                                  $$ = ADD(tsn_build_named(p, TSN_N_ASSIGN, $1, @$), $6);
	                                  $$ = ADD($$, tsn_build_retag(p, $3, TSN_N_CALL, $1, tsn_build_join(@1, @4)));
	                                }
	;

steps
	: %empty                        { $$ = NEW(TEST, @$); }
	| steps step                    { $$ = ADD($1, $2); }
	| steps error                   { $$ = tsn_build_broken($1); RESUME; }
	;

step
	: FLOW '{' '}' repeat_opt every_opt { $$ = ADD(ADD(NEW(FLOW, @$), $4), $5); }
	| FLOW '{' assigns '}' repeat_opt every_opt { $$ = tsn_build_flow(p, $3, $5, $6, @$); }
	| FLOW '{' assigns ',' '}' repeat_opt every_opt { $$ = tsn_build_flow(p, $3, $6, $7, @$); }
	| WAIT duration                 { $$ = tsn_build_time(p, TSN_N_WAIT, $2, @$); }
	| HISTORY                       { $$ = NEW(HISTORY, @$); }
	| binding
	;

repeat_opt
	: %empty                        { $$ = NULL; }
	| REPEAT INT                    { $$ = ADD(NEW(REPEAT, @$), $2); }
	| REPEAT name                   { $$ = ADD(NEW(REPEAT, @$), $2); }
	;

every_opt
	: %empty                        { $$ = NULL; }
	| EVERY duration                { $$ = tsn_build_time(p, TSN_N_EVERY, $2, @$); }
	;

/* ---- site ---- */

settings
	: %empty                        { $$ = NEW(SITE, @$); }
	| settings setting              { tsn_word_check_setting(p, $2); $$ = ADD($1, $2); }
	| settings error                { $$ = tsn_build_broken($1); RESUME; }
	;

setting
	: SETTING                       { $$ = tsn_build_named(p, TSN_N_SETTING, $1, @$); }
	| setting setting_item          { $$ = tsn_build_span(ADD($1, $2), @$); }
	;

setting_item
	: name
	| literal
	| SEVERITY cmpop name           { $$ = tsn_build_compare(p, tsn_build_word(p, "severity", @1), $2, @2, $3, @$); }
	;

/* ---- expressions, loosest first ---- */

expr
	: or_expr
	;

or_expr
	: and_expr
	| or_expr OR and_expr           { $$ = tsn_build_chain(p, TSN_N_OR, $1, $3, @$); }
	;

and_expr
	: not_expr
	| and_expr AND not_expr         { $$ = tsn_build_chain(p, TSN_N_AND, $1, $3, @$); }
	;

not_expr
	: cmp
	| NOT not_expr                  { $$ = tsn_build_prefix(p, TSN_N_NOT, @1, $2, @$); }
	;

cmp
	: bor
	| comparison
	;

comparison
	: bor cmpop bor                 { $$ = tsn_build_compare(p, $1, $2, @2, $3, @$); }
	| comparison cmpop bor          { $$ = tsn_build_chained(p, $1, $2, @2, $3, @$); }
	;

cmpop
	: EQ                            { $$ = TSN_OP_EQ; }
	| NE                            { $$ = TSN_OP_NE; }
	| '<'                           { $$ = TSN_OP_LT; }
	| LE                            { $$ = TSN_OP_LE; }
	| '>'                           { $$ = TSN_OP_GT; }
	| GE                            { $$ = TSN_OP_GE; }
	| IN                            { $$ = TSN_OP_IN; }
	| NOT IN                        { $$ = TSN_OP_NOT_IN; }
	| '~'                           { $$ = TSN_OP_MATCH; }
	| NOMATCH                       { $$ = TSN_OP_NOMATCH; }
	| HAS                           { $$ = TSN_OP_HAS; }
	| '='                           { $$ = tsn_build_single_equals(p, @1); }
	;

bor
	: band
	| bor '|' band                  { $$ = tsn_build_binary(p, TSN_OP_BOR, $1, @2, $3, @$); }
	;

band
	: sum
	| band '&' sum                  { $$ = tsn_build_binary(p, TSN_OP_BAND, $1, @2, $3, @$); }
	;

sum
	: term
	| sum '+' term                  { $$ = tsn_build_binary(p, TSN_OP_ADD, $1, @2, $3, @$); }
	| sum '-' term                  { $$ = tsn_build_binary(p, TSN_OP_SUB, $1, @2, $3, @$); }
	;

term
	: unary
	| term '*' unary                { $$ = tsn_build_binary(p, TSN_OP_MUL, $1, @2, $3, @$); }
	| term '/' unary                { $$ = tsn_build_binary(p, TSN_OP_DIV, $1, @2, $3, @$); }
	| term '%' unary                { $$ = tsn_build_binary(p, TSN_OP_MOD, $1, @2, $3, @$); }
	;

unary
	: postfix
	| '-' unary                     { $$ = tsn_build_prefix(p, TSN_N_NEG, @1, $2, @$); }
	;

postfix
	: primary
	| primary scope                 { $$ = tsn_build_scope(p, $1, $2, @$); }
	;

primary
	: literal
	| name
	| REGEX
	| name '(' ')'                  { $$ = tsn_build_named(p, TSN_N_CALL, $1, @$); }
	| name '(' args ')'             { $$ = tsn_build_retag(p, $3, TSN_N_CALL, $1, @$); }
	| HAS '(' expr ')'              { $$ = ADD(tsn_build_call(p, "has", @1, @$), $3); }
	| '(' expr ')'                  { $$ = tsn_build_paren($2, @$); }
	| '(' tuple ')'                 { $$ = tsn_build_span($2, @$); }
	| '{' '}'                       { $$ = NEW(SET, @$); }
	| '{' members '}'               { $$ = tsn_build_span($2, @$); }
	| '{' members ',' '}'           { $$ = tsn_build_span($2, @$); }
	;

literal
	: INT | REAL | DURATION | SIZE | STRING | ADDRESS | PREFIX | DATE
	;

name
	: word
	| META
	;

word
	: NAME | ADDKW | REMOVE | TO | FROM | ONCE | EACH | FIRES | QUIET | FLOW | REPEAT | EVERY | WAIT | HISTORY
	;

tuple
	: expr ',' expr                 { $$ = ADD(ADD(NEW(TUPLE, @$), $1), $3); }
	| tuple ',' expr                { $$ = ADD($1, $3); }
	;

members
	: member                        { $$ = ADD(NEW(SET, @$), $1); }
	| members ',' member            { $$ = ADD($1, $3); }
	;

member
	: bor
	| bor DOTDOT bor                { $$ = ADD(ADD(NEW(RANGE, @$), $1), $3); }
	;

args
	: arg                           { $$ = ADD(NEW(CALL, @$), $1); }
	| args ',' arg                  { $$ = ADD($1, $3); }
	;

arg
	: expr
	| expr WHERE expr               { $$ = ADD(ADD(NEW(WHERE, @$), $1), $3); }
	| name option_value             { $$ = ADD(tsn_build_named(p, TSN_N_OPTION, $1, @$), $2); }
	| TIME_RECEIVED                 { $$ = tsn_build_received(p, @$); }
	;

option_value
	: literal
	| name
	| '{' members '}'               { $$ = tsn_build_span($2, @$); }
	;

/* ---- scopes ---- */

scope
	: scope_window scope_step scope_time { $$ = ADD(ADD(ADD(NEW(SCOPE, @$), $1), $2), $3); }
	| scope_by scope_window scope_step scope_time { $$ = ADD(ADD(ADD($1, $2), $3), $4); }
	;

scope_by
	: BY keys                       { $$ = ADD(NEW(SCOPE, @$), tsn_build_span($2, @$)); }
	| BY keys AT keys               { $$ = tsn_build_by_at(p, $2, $4, tsn_build_join(@1, @2), tsn_build_join(@3, @4)); }
	;

scope_window
	: OVER over_duration            { $$ = $2; }
	| PER per_duration              { $$ = $2; }
	;

over_duration
	: duration                      { $$ = tsn_build_time(p, TSN_N_OVER, $1, @$); }
	;

per_duration
	: duration                      { $$ = tsn_build_time(p, TSN_N_PER, $1, @$); }
	;

scope_step
	: %empty                        { $$ = NULL; }
	| STEP duration                 { $$ = tsn_build_time(p, TSN_N_STEP, $2, @$); }
	;

scope_time
	: %empty                        { $$ = NULL; }
	| TIME_RECEIVED                 { $$ = tsn_build_received(p, @$); }
	;

keys
	: key                           { $$ = ADD(NEW(BY, @$), $1); }
	| keys ',' key                  { $$ = tsn_build_span(ADD($1, $3), @$); }
	;

key
	: key_name
	| key_name '/' INT              { $$ = tsn_build_mask(p, $1, $3, NULL, @$); }
	| key_name '/' INT '/' INT      { $$ = tsn_build_mask(p, $1, $3, $5, @$); }
	;

key_name
	: name
	| name '(' args ')'             { $$ = tsn_build_retag(p, $3, TSN_N_CALL, $1, @$); }
	;

/* INT and REAL lack their unit; tsn_build_time says so. */
duration
	: DURATION | name | INT | REAL | SIZE
	;

%%

/* Bison calls this only when its stack is full or memory is out. */
static void
tsn_yyerror(YYLTYPE *loc, struct tsn_parse *p, const char *msg)
{
	(void)msg;
	tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_DEPTH, *loc, "this is nested too deeply"),
	    "divide it with define");
}

struct fit {
	yysymbol_kind_t kinds[YYNTOKENS];
	int n;
};

static bool
fits(const void *arg, int token)
{
	const struct fit *f = arg;
	yysymbol_kind_t kind = YYTRANSLATE(token);
	int i;

	for (i = 0; i < f->n; i++)
		if (f->kinds[i] == kind)
			return true;
	return false;
}

static int
yyreport_syntax_error(const yypcontext_t *ctx, struct tsn_parse *p)
{
	struct fit f;

	f.n = yypcontext_expected_tokens(ctx, f.kinds, YYNTOKENS);
	if (f.n == YYENOMEM)
		return YYENOMEM;
	tsn_hint_syntax(p, p->pos - 1, fits, &f);
	return 0;
}
