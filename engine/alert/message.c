/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Messages (S47): names in braces become the key's value, else what the flow
 * that matched last had, `-` if that is nothing.
 */
#include "alert/stage.h"

#include <string.h>

#include "sets/set.h"

void
tsn_alert_number_text(const struct tsn_alert_number *n, enum tsn_type type, struct tsn_buf *out)
{
	struct tsn_value v = { .type = n->real ? TSN_T_REAL : type, .known = n->known };

	if (n->real)
		v.f = n->f;
	else
		v.i = n->i;
	if (!n->real && (type == TSN_T_REAL || type == TSN_T_SIZE))
		v.type = TSN_T_INT;
	tsn_value_text(&v, out);
}

/* What the piece's field is: of the key, else of the flow. */
static bool
field_value(const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, const struct tsn_alert *al, uint32_t piece,
    struct tsn_value *out)
{
	enum tsn_field f = (enum tsn_field)r->rule->message[piece].field;
	const struct tsn_saved *s = tsn_alert_saved(e, TSN_SAVED_FIXED + piece);

	for (unsigned i = 0; i < r->rule->key.n; i++)
		if (r->rule->key.part[i].field == f)
			return tsn_alert_key(al, i, out);
	if (s == NULL || !s->v.known)
		return tsn_alert_flow_get(&al->last, f, out);
	*out = s->v;
	return true;
}

/* The cell of the member that holds the flow's value. */
static struct tsn_str
set_cell(const struct tsn_alerts *a, const struct tsn_piece *p, const struct tsn_value *v)
{
	const struct tsn_set *set = a->sets != NULL ? a->sets[p->set] : NULL;
	uint32_t row;
	int column;

	if (set == NULL || p->text == NULL)
		return (struct tsn_str){ NULL, 0 };
	row = tsn_set_row_of_value(set, v);
	column = tsn_set_column(set, p->text, strlen(p->text));
	if (row == TSN_SET_NO_ROW || column < 0)
		return (struct tsn_str){ NULL, 0 };
	return tsn_set_cell(set, row, column);
}

static void
put_field(const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, const struct tsn_alert *al, uint32_t piece,
    struct tsn_buf *out)
{
	struct tsn_value v;

	if (field_value(r, e, al, piece, &v))
		tsn_value_text(&v, out);
	else
		tsn_buf_putc(out, '-');
}

static void
put_cell(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, uint32_t piece,
    struct tsn_buf *out)
{
	/* the member that matched was looked up with the flow's own value, not with a masked key */
	const struct tsn_saved *s = tsn_alert_saved(e, TSN_SAVED_FIXED + piece);
	struct tsn_str cell = { NULL, 0 };

	if (s != NULL && s->v.known)
		cell = set_cell(a, &r->rule->message[piece], &s->v);
	if (cell.n > 0)
		tsn_buf_add(out, cell.p, cell.n);
	else
		tsn_buf_putc(out, '-');
}

static void
put_reg(const struct tsn_alert_entry *e, uint32_t piece, struct tsn_buf *out)
{
	const struct tsn_saved *s = tsn_alert_saved(e, TSN_SAVED_FIXED + piece);
	static const struct tsn_value unknown;

	tsn_value_text(s != NULL ? &s->v : &unknown, out);
}

/* A NUL from the wire would end the message: it becomes SUB, which the formats escape. */
static void
no_nul(struct tsn_buf *out, size_t begin)
{
	for (size_t i = begin; i < out->len; i++)
		if (out->p[i] == '\0')
			out->p[i] = '\x1a';
}

void
tsn_alert_message(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e,
    const struct tsn_alert *al, struct tsn_buf *out)
{
	size_t begin = out->len;

	for (uint32_t i = 0; i < r->rule->nmessage; i++) {
		const struct tsn_piece *p = &r->rule->message[i];

		switch (p->kind) {
		case TSN_PIECE_TEXT:       tsn_buf_puts(out, p->text); break;
		case TSN_PIECE_FIELD:      put_field(r, e, al, i, out); break;
		case TSN_PIECE_VALUE:      tsn_alert_number_text(&al->value, al->type, out); break;
		case TSN_PIECE_THRESHOLD:  tsn_alert_number_text(&al->threshold, al->type, out); break;
		case TSN_PIECE_SET_COLUMN: put_cell(a, r, e, i, out); break;
		case TSN_PIECE_REG:        put_reg(e, i, out); break;
		case TSN_PIECE_NOTE:       tsn_alert_note_text(al, p->text, out); break;
		}
	}
	no_nul(out, begin);
}
