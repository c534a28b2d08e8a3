/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin fields, functions: the tables of the language. */
#include <stdio.h>
#include <string.h>

#include "cli/inputs.h"
#include "cli/normal_form.h"
#include "flow/fields.h"

static void
print_aliases(enum tsn_field f)
{
	enum tsn_field of;
	const char *name;
	bool first = true;
	size_t i;

	for (i = 0; (name = tsn_field_alias(i, &of)) != NULL; i++) {
		if (of != f)
			continue;
		printf("%s%s", first ? "  [also " : ", ", name);
		first = false;
	}
	if (!first)
		putchar(']');
}

/* The page of docs/ that says what a flow is. */
static int
fields_markdown(const struct tsn_cli *c)
{
	struct tsn_buf out = TSN_BUF_INIT;

	if (strcmp(c->format, "markdown") != 0)
		return tsn_cli_usage(c, "--format is markdown, not \"%s\"", c->format);
	tsn_normal_form(&out);
	fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	return TSN_EXIT_OK;
}

int
tsn_cmd_fields(struct tsn_cli *c)
{
	int f;

	if (c->args.n > 0)
		return tsn_cli_usage(c, "`tocsin fields` takes no arguments");
	if (c->format != NULL)
		return fields_markdown(c);
	printf("%-26s %-17s %-26s %s\n", "FIELD", "TYPE", "INFORMATION ELEMENT", "MEANING");
	for (f = 0; f < TSN_FIELD_COUNT; f++) {
		const struct tsn_field_info *i = &tsn_fields[f];
		char element[64] = "";

		if (i->element_id > 0)
			snprintf(element, sizeof(element), "%u %s", i->element_id, i->element);
		if (i->origin == TSN_O_POOL)
			continue;
		printf("%-26s %-17s %-26s %s%s%s%s", i->name, tsn_type_name(i->type), element, i->help,
		    i->unit[0] != '\0' ? ", in " : "", i->unit,
		    i->origin == TSN_O_PAIR ? " (conversations only)" : "");
		print_aliases((enum tsn_field)f);
		putchar('\n');
	}
	printf("\nAny other Information Element is named by its number: ie(ID), or ie(PEN, ID) of an enterprise.\n");
	return TSN_EXIT_OK;
}

int
tsn_cmd_functions(struct tsn_cli *c)
{
	char call[128];
	size_t i;

	if (c->args.n > 0)
		return tsn_cli_usage(c, "`tocsin functions` takes no arguments");
	printf("%-44s %-18s %s\n", "FUNCTION", "RESULT", "VALUE FOR THE CURRENT FLOW'S GROUP");
	for (i = 0; i < tsn_function_count; i++) {
		const struct tsn_function_info *f = &tsn_functions[i];

		snprintf(call, sizeof(call), "%s(%s)", f->name, f->arguments);
		printf("%-44s %-18s %s\n", call, f->result, f->help);
	}
	printf("\nEach takes a scope behind it: [by KEY, ...] over DURATION (sliding) or per DURATION (tumbling).\n");
	return TSN_EXIT_OK;
}
