/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What is the same in the JSON of all records of a rule is made once. */
#include "alert/json.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void
quote(struct tsn_buf *out, const char *s)
{
	tsn_buf_putc(out, '"');
	tsn_buf_json(out, s, strlen(s));
	tsn_buf_putc(out, '"');
}

static void
put_text(struct tsn_buf *out, const char *name, const char *s)
{
	if (s == NULL)
		return;
	tsn_buf_printf(out, ",\"%s\":", name);
	quote(out, s);
}

static void
put_list(struct tsn_buf *out, const char *name, const struct tsn_string_list *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (i == 0)
			tsn_buf_printf(out, "%s\"%s\":[", out->len > 0 && out->p[out->len - 1] == '{' ? "" : ",", name);
		else
			tsn_buf_putc(out, ',');
		quote(out, l->v[i]);
	}
	if (l->n > 0)
		tsn_buf_putc(out, ']');
}

static void
put_alert(struct tsn_buf *out, const struct tsn_rule *r, uint32_t sid)
{
	tsn_buf_printf(out, ",\"alert\":{\"action\":\"allowed\",\"signature_id\":%u,\"rev\":%u", sid, r->rev > 0 ? r->rev : 1);
	put_text(out, "signature", r->title != NULL ? r->title : r->name);
	put_text(out, "category", r->ruleset);
	tsn_buf_puts(out, ",\"severity\":");
}

static void
put_tocsin(struct tsn_buf *out, const struct tsn_rule *r)
{
	if (r->attack.n > 0 || r->cve.n > 0) {
		tsn_buf_puts(out, ",\"metadata\":{");
		put_list(out, "mitre_technique_id", &r->attack);
		put_list(out, "cve", &r->cve);
		tsn_buf_putc(out, '}');
	}
	tsn_buf_puts(out, "},\"tocsin\":{\"id\":\"");
}

static void
put_rule(struct tsn_buf *out, const struct tsn_rule *r)
{
	tsn_buf_putc(out, '"');
	put_text(out, "rule", r->name);
	if (r->ruleset != NULL) {
		tsn_buf_puts(out, ",\"ruleset\":\"");
		tsn_buf_json(out, r->ruleset, strlen(r->ruleset));
		if (r->version != NULL) {
			tsn_buf_putc(out, ' ');
			tsn_buf_json(out, r->version, strlen(r->version));
		}
		tsn_buf_putc(out, '"');
	}
	tsn_buf_puts(out, ",\"severity\":\"");
}

/* The field's name; with its mask where the field is in the key before. */
static void
put_part(struct tsn_buf *out, const struct tsn_rule *r, unsigned i)
{
	const struct tsn_key_part *part = r->key.part;

	tsn_buf_printf(out, ",\"%s", tsn_rule_key_name(r, i));
	for (unsigned j = 0; j < i; j++) {
		if (part[j].field != part[i].field)
			continue;
		tsn_buf_printf(out, "/%u/%u", part[i].v4_bits, part[i].v6_bits);
		break;
	}
	tsn_buf_puts(out, "\":");
}

static void
put_piece(struct tsn_buf *out, const struct tsn_rule *r, uint32_t sid, unsigned i)
{
	switch (i) {
	case TSN_JSON_ALERT:  put_alert(out, r, sid); break;
	case TSN_JSON_TOCSIN: put_tocsin(out, r); break;
	case TSN_JSON_RULE:   put_rule(out, r); break;
	case TSN_JSON_TAGS:
		tsn_buf_putc(out, '"');
		put_list(out, "tags", &r->tags);
		break;
	case TSN_JSON_REFERENCES: put_list(out, "references", &r->references); break;
	default:
		if (i - TSN_JSON_KEY < r->key.n)
			put_part(out, r, i - TSN_JSON_KEY);
	}
}

struct tsn_alert_frame *
tsn_alert_frame_new(const struct tsn_rule *r, uint32_t sid)
{
	struct tsn_buf text = TSN_BUF_INIT;
	uint32_t end[TSN_JSON_PIECES];
	struct tsn_alert_frame *f;

	for (unsigned i = 0; i < TSN_JSON_PIECES; i++) {
		put_piece(&text, r, sid, i);
		end[i] = (uint32_t)text.len;
	}
	f = text.failed ? NULL : tsn_malloc(sizeof(*f) + text.len);
	if (f != NULL) {
		memcpy(f->end, end, sizeof(end));
		memcpy(f->text, text.p, text.len);
	}
	tsn_buf_fini(&text);
	return f;
}
