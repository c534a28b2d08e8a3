/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/skeleton.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "compile/compile.h"
#include "grammar/fmt.h"

const struct tsn_skeleton tsn_skeletons[] = {
#define SKELETON(kind, help, text) { kind, help, text },
#include "author/skeletons.def"
#undef SKELETON
};
const size_t tsn_skeleton_count = sizeof(tsn_skeletons) / sizeof(tsn_skeletons[0]);

const struct tsn_skeleton *
tsn_skeleton_find(const char *kind)
{
	for (size_t i = 0; i < tsn_skeleton_count; i++)
		if (strcmp(tsn_skeletons[i].kind, kind) == 0)
			return &tsn_skeletons[i];
	return NULL;
}

static void
fill(struct tsn_buf *out, const char *text, const char *name, const char *day)
{
	for (const char *p = text, *at; *p != '\0'; p = at) {
		at = strchr(p, '@');
		if (at == NULL) {
			tsn_buf_puts(out, p);
			return;
		}
		tsn_buf_add(out, p, (size_t)(at - p));
		if (strncmp(at, "@NAME@", 6) == 0) {
			tsn_buf_puts(out, name);
			at += 6;
		} else if (strncmp(at, "@DATE@", 6) == 0) {
			tsn_buf_add(out, day, 10);
			at += 6;
		} else {
			tsn_buf_putc(out, *at++);
		}
	}
}

/* Only a compilation knows whether the name will do: reserved words, signs, what stands for something else. */
bool
tsn_skeleton_write(const struct tsn_skeleton *s, const char *name, int64_t now_ms, struct tsn_sources *sources,
    struct tsn_diags *diags, struct tsn_buf *out)
{
	struct tsn_buf text = TSN_BUF_INIT;
	char day[TSN_TIME_TEXT];
	struct tsn_rule_text rules = { .name = "skeleton" };
	struct tsn_compile_input in = { .texts = &rules, .ntexts = 1 };
	struct tsn_ruleset *rs = NULL;
	bool ok = false;

	fill(&text, s->text, name, tsn_time_text(now_ms, day));
	if (!text.failed) {
		rules.text = tsn_buf_str(&text);
		rules.len = text.len;
		rs = tsn_check(sources, &in, diags);
		ok = rs != NULL && tsn_fmt(sources, (uint32_t)sources->n - 1, out) && !out->failed;
	}
	tsn_ruleset_free(rs);
	tsn_buf_fini(&text);
	return ok;
}
