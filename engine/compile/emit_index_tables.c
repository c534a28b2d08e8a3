/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From what rules ask to the tables the vm looks it up in. The class of a value is its atom; of an address the atom of the
 * longest prefix that holds it, whose blocks are its own and those of the prefixes around.
 */
#include "compile/emit_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

typedef unsigned __int128 u128;

#define NAMED 8 /* values of a block that listings name, and one more */

static const struct tsn_index_key *
key_at(const struct tsn_index_field *f, uint32_t key)
{
	return (const struct tsn_index_key *)f->keys.p + key;
}

static uint32_t
natoms(const struct tsn_index_field *f)
{
	return (uint32_t)f->atoms.items.n;
}

/* --- classes --- */

/* Marks the atoms of a field that a dispatch asks for, by it alone or with others. */
static void
mark_used(struct tsn_emit *e, uint32_t field, const struct tsn_vdispatch *d, bool *used)
{
	const struct tsn_index_field *f = tsn_index_field_at(e, d->field);
	const struct tsn_vblock *b = d->block.p;

	for (size_t k = 0; k < d->block.n; k++) {
		const struct tsn_index_key *key = key_at(f, b[k].key);

		for (uint32_t i = 0; i < key->n; i++)
			if (key->entry[i].field == field)
				used[key->entry[i].atom - 1] = true;
	}
}

static bool *
used_atoms(struct tsn_emit *e, uint32_t field)
{
	const struct tsn_vdispatch *d = e->index->dispatches.p;
	bool *used = tsn_emit_zeroed(e, natoms(tsn_index_field_at(e, field)) + 1, sizeof(*used));

	for (size_t i = 0; i < e->index->dispatches.n && used != NULL; i++)
		mark_used(e, field, &d[i], used);
	return used;
}

struct span {
	u128 lo, hi;
	uint32_t atom;
};

/* Ascending, what holds others before them. */
static int
outer_first(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi > y->hi ? -1 : x->hi < y->hi;
}

static struct span
span_of(const struct tsn_index_field *f, const struct tsn_atom *a, uint32_t atom)
{
	const unsigned width = tsn_fields[f->field].storage != TSN_ADDR ? a->len : (a->v4 ? 32 : 128) - a->len;
	const u128 lo = (u128)a->hi << 64 | a->lo, rest = width == 128 ? ~(u128)0 : ((u128)1 << width) - 1;

	return (struct span){ lo, lo | rest, atom };
}

static void
add_range(struct tsn_emit *e, struct tsn_vec *out, u128 lo, u128 hi, uint32_t atom)
{
	struct tsn_class_range *r = tsn_vec_add(e, out, sizeof(*r));

	if (r != NULL)
		*r = (struct tsn_class_range){ lo, hi, atom + 1 };
}

/* Aligned ranges hold each other or do not meet: a stack of those around a place, and what lies between their ends. */
static void
flatten(struct tsn_emit *e, struct tsn_index_field *f, const struct span *s, uint32_t n, struct tsn_vec *out)
{
	struct span stack[TSN_CLASS_DEEP];
	uint32_t depth = 0;
	u128 at = 0;

	for (uint32_t i = 0; i <= n && !e->failed; i++) {
		for (; depth > 0 && (i == n || stack[depth - 1].hi < s[i].lo); depth--) {
			if (at <= stack[depth - 1].hi && (at != 0 || stack[depth - 1].lo == 0))
				add_range(e, out, at, stack[depth - 1].hi, stack[depth - 1].atom);
			at = stack[depth - 1].hi + 1;
			if (at == 0)
				return; /* nothing comes behind the very last address */
		}
		if (i == n)
			return;
		if (depth > 0 && at < s[i].lo)
			add_range(e, out, at, s[i].lo - 1, stack[depth - 1].atom);
		f->parent[s[i].atom + 1] = depth > 0 ? stack[depth - 1].atom + 1 : TSN_CLASS_NONE;
		f->nested |= depth > 0;
		at = s[i].lo;
		stack[depth++] = s[i];
	}
}

/* [v4]: those of addresses of that family. */
static void
ranges(struct tsn_emit *e, struct tsn_index_field *f, const bool *used, bool v4, struct tsn_vec *out)
{
	const struct tsn_atom *a = f->atoms.items.p;
	struct span *s = tsn_emit_zeroed(e, natoms(f) + 1, sizeof(*s));
	uint32_t n = 0;

	for (uint32_t i = 0; i < natoms(f) && s != NULL; i++)
		if (used[i] && a[i].v4 == v4)
			s[n++] = span_of(f, &a[i], i);
	if (n > 1)
		qsort(s, n, sizeof(*s), outer_first);
	if (n > 0)
		flatten(e, f, s, n, out);
	tsn_free(s);
}

/* As tsn_classes_init wants it. */
static u128
text_of(const struct tsn_atom *a)
{
	return tsn_class_of_text((const char *)(uintptr_t)a->hi, a->lo, 0).lo;
}

static void
make_classes(struct tsn_emit *e, uint32_t field, struct tsn_classes *out)
{
	struct tsn_index_field *f = tsn_index_field_at(e, field);
	const struct tsn_atom *a = f->atoms.items.p;
	struct tsn_vec first = { NULL, 0, 0 }, six = { NULL, 0, 0 };
	bool *used = used_atoms(e, field);

	f->parent = tsn_emit_in_arena(e, (size_t)natoms(f) + 1, sizeof(*f->parent));
	if (!e->failed && tsn_fields[f->field].storage == TSN_STR) {
		for (uint32_t i = 0; i < natoms(f) && !e->failed; i++)
			if (used[i])
				add_range(e, &first, text_of(&a[i]), text_of(&a[i]), i);
	} else if (!e->failed) {
		ranges(e, f, used, tsn_fields[f->field].storage == TSN_ADDR, &first);
		if (tsn_fields[f->field].storage == TSN_ADDR)
			ranges(e, f, used, false, &six);
	}
	if (!e->failed && !tsn_classes_init(out, e->arena, f->field, first.p, first.n, six.p, six.n))
		e->failed = true;
	if (f->nested) {
		out->parent = f->parent;
		out->nparents = natoms(f) + 1;
	}
	tsn_free(used);
	tsn_free(first.p);
	tsn_free(six.p);
}

/* --- dispatches --- */

/* A block that asks for an atom, of rows that are something in any case. */
struct wish {
	uint32_t atom, side, block; /* [side]: place in the dispatch + 1 */
	int64_t least, most;
};

static int
by_atom(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->atom != y->atom)
		return x->atom < y->atom ? -1 : 1;
	if (x->side != y->side)
		return x->side < y->side ? -1 : 1;
	if (x->least != y->least)
		return x->least < y->least ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

static void
gather_wishes(struct tsn_emit *e, const struct tsn_vdispatch *d, uint32_t field, struct tsn_vec *wishes)
{
	const struct tsn_vblock *b = d->block.p;

	for (uint32_t i = 0; i < d->block.n; i++) {
		const struct tsn_index_key *key = key_at(tsn_index_field_at(e, d->field), b[i].key);

		for (uint32_t k = 0; k < key->n && !e->failed; k++) {
			struct wish *w = key->entry[k].field == field ? tsn_vec_add(e, wishes, sizeof(*w)) : NULL;

			if (w != NULL)
				*w = (struct wish){ key->entry[k].atom, b[i].side, i, b[i].least, b[i].most };
		}
	}
	if (wishes->n > 1)
		qsort(wishes->p, wishes->n, sizeof(struct wish), by_atom);
}

static void
put_slot(struct tsn_dispatch_look *out, struct tsn_dispatch_slot s)
{
	uint32_t at = tsn_dispatch_hash(s.class) & out->mask;

	while (out->slot[at].class != TSN_CLASS_NONE)
		at = (at + 1) & out->mask;
	out->slot[at] = s;
}

/* The wishes in order, as groups of one atom and side, and as slots of one atom. */
static void
fill_look(struct tsn_emit *e, const struct tsn_vec *wishes, struct tsn_dispatch_look *out)
{
	const struct wish *w = wishes->p;
	uint32_t atoms = 0;

	for (size_t i = 0; i < wishes->n; i++) {
		const bool first = i == 0 || w[i].atom != w[i - 1].atom;

		atoms += first;
		out->ngroups += first || w[i].side != w[i - 1].side;
	}
	out->n = (uint32_t)wishes->n;
	out->mask = 1;
	while (out->mask < 2 * atoms)
		out->mask = 2 * out->mask + 1;
	out->slot = tsn_emit_in_arena(e, (size_t)out->mask + 1, sizeof(*out->slot));
	out->group = tsn_emit_in_arena(e, out->ngroups, sizeof(*out->group));
	out->block = tsn_emit_in_arena(e, out->n, sizeof(*out->block));
	out->least = tsn_emit_in_arena(e, out->n, sizeof(*out->least));
	out->most = tsn_emit_in_arena(e, out->n, sizeof(*out->most));
	if (e->failed)
		return;
	for (uint32_t i = 0, g = 0; i < out->n;) {
		struct tsn_dispatch_slot s = { w[i].atom, g, 0, 0 };

		while (i < out->n && w[i].atom == s.class) {
			struct tsn_dispatch_group *group = &out->group[g++];

			*group = (struct tsn_dispatch_group){ w[i].side, i, 0 };
			for (; i < out->n && w[i].atom == s.class && w[i].side == group->side; i++, group->n++) {
				out->block[i] = w[i].block;
				out->least[i] = w[i].least;
				out->most[i] = w[i].most;
			}
			s.n++;
		}
		put_slot(out, s);
	}
}

/* Place + 1 of the slot of a class or of the first one around it; 0: there is none. */
static uint32_t
slot_around(const struct tsn_index_field *f, const struct tsn_dispatch_look *l, uint32_t class)
{
	for (; class != TSN_CLASS_NONE; class = f->parent[class]) {
		const struct tsn_dispatch_slot *s = tsn_dispatch_find(l, class);

		if (s->class != TSN_CLASS_NONE)
			return (uint32_t)(s - l->slot) + 1;
	}
	return 0;
}

/* Ties slots to those around them. In blocks few rows are looked up, and a table for each of very many would be large. */
static void
tie_slots(struct tsn_emit *e, const struct tsn_index_field *f, struct tsn_dispatch_look *l, bool nested)
{
	for (uint32_t i = 0; i <= l->mask; i++)
		if (l->slot[i].class != TSN_CLASS_NONE)
			l->slot[i].up = slot_around(f, l, f->parent[l->slot[i].class]);
	if (nested)
		return;
	l->of = tsn_emit_in_arena(e, (size_t)natoms(f) + 1, sizeof(*l->of));
	l->nof = natoms(f) + 1;
	for (uint32_t class = 1; class < l->nof && !e->failed; class++)
		l->of[class] = slot_around(f, l, class);
}

/* How many blocks one row can be of: those of a slot and of the ones around it. */
static uint32_t
most_of(const struct tsn_dispatch_look *l)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i <= l->mask; i++) {
		uint32_t n = 0;

		for (uint32_t at = i + 1; at != 0; at = l->slot[at - 1].up)
			for (uint32_t g = 0; g < l->slot[at - 1].n; g++)
				n += l->group[l->slot[at - 1].first + g].n;
		most = n > most ? n : most;
	}
	return most;
}

static void
put_atom(struct tsn_buf *out, uint32_t field, const struct tsn_atom *a)
{
	struct tsn_value v = { .type = tsn_fields[field].type, .known = true, .i = (int64_t)a->lo };
	char prefix[TSN_ADDR_TEXT];

	if (tsn_fields[field].storage == TSN_ADDR) {
		tsn_buf_puts(out, tsn_prefix_text((struct tsn_prefix){ { a->hi, a->lo, a->v4 != 0 }, (uint8_t)a->len }, prefix));
		return;
	}
	if (tsn_fields[field].storage == TSN_STR)
		v.s = (struct tsn_str){ (const char *)(uintptr_t)a->hi, (uint32_t)a->lo };
	tsn_value_text(&v, out);
	if (tsn_fields[field].storage == TSN_STR || a->len == 0)
		return;
	v.i |= (int64_t)((UINT64_C(1) << a->len) - 1);
	tsn_buf_puts(out, "..");
	tsn_value_text(&v, out);
}

/* "443", "25, 587", "10.1.0.0/16", "src 10.1.0.0/16, dst 10.1.0.0/16". */
static const char *
name_of(struct tsn_emit *e, const struct tsn_index_field *f, uint32_t key)
{
	const struct tsn_index_key *k = key_at(f, key);
	struct tsn_buf text = TSN_BUF_INIT;
	char *name;

	for (uint32_t i = 0; i < k->n; i++) {
		const struct tsn_index_field *own = tsn_index_field_at(e, k->entry[i].field);

		if (i == NAMED && k->n > NAMED + 1) {
			tsn_buf_printf(&text, " and %u more", k->n - NAMED);
			break;
		}
		tsn_buf_puts(&text, i > 0 ? ", " : "");
		if (f->nmembers > 1 && (i == 0 || k->entry[i].field != k->entry[i - 1].field))
			tsn_buf_printf(&text, "%s ", tsn_fields[own->field].name);
		put_atom(&text, own->field, (const struct tsn_atom *)own->atoms.items.p + k->entry[i].atom - 1);
	}
	name = text.failed || e->failed ? NULL : tsn_arena_strdup(e->arena, tsn_buf_str(&text));
	tsn_buf_fini(&text);
	e->failed |= name == NULL;
	return name;
}

static void
make_look(struct tsn_emit *e, const struct tsn_vdispatch *d, uint32_t field, struct tsn_dispatch *out)
{
	struct tsn_index_field *f = tsn_index_field_at(e, field);
	struct tsn_dispatch_look *look = &out->look[out->nlooks++];
	struct tsn_vec wishes = { NULL, 0, 0 };

	if (f->classes == 0) {
		make_classes(e, field, &e->p->classes[e->p->nclasses]);
		f->classes = ++e->p->nclasses;
	}
	look->classes = f->classes - 1;
	gather_wishes(e, d, field, &wishes);
	if (!e->failed)
		fill_look(e, &wishes, look);
	if (!e->failed)
		tie_slots(e, f, look, d->nested);
	if (!e->failed)
		out->most += most_of(look);
	tsn_free(wishes.p);
}

static void
make_dispatch(struct tsn_emit *e, const struct tsn_vdispatch *d, struct tsn_dispatch *out)
{
	const struct tsn_index_field *f = tsn_index_field_at(e, d->field);
	const struct tsn_vblock *b = d->block.p;

	out->nblocks = (uint32_t)d->block.n;
	out->block = tsn_emit_in_arena(e, (size_t)out->nblocks + 1, sizeof(*out->block));
	out->name = tsn_emit_in_arena(e, out->nblocks, sizeof(*out->name));
	out->rules = tsn_emit_in_arena(e, out->nblocks, sizeof(*out->rules));
	out->look = tsn_emit_in_arena(e, f->nmembers, sizeof(*out->look));
	out->side = tsn_emit_in_arena(e, TSN_DISPATCH_SIDES, sizeof(*out->side));
	out->nsides = d->nsides;
	if (!e->failed)
		memcpy(out->side, d->side, sizeof(d->side));
	for (uint32_t i = 0; i < out->nblocks && !e->failed; i++) {
		out->block[i] = b[i].begin - d->at - 1;
		out->name[i] = name_of(e, f, b[i].key);
		out->rules[i] = b[i].rules;
	}
	if (d->nested)
		out->inside = name_of(e, tsn_index_field_at(e, d->inside[0]), d->inside[1]);
	if (!e->failed)
		out->block[out->nblocks] = d->end - d->at - 1;
	for (uint32_t i = 0; i < f->nmembers && !e->failed; i++)
		make_look(e, d, f->member[i], out);
}

void
tsn_index_tables(struct tsn_emit *e)
{
	const struct tsn_vdispatch *d = e->index->dispatches.p;
	struct tsn_program *p = e->p;
	uint32_t begin = 0;

	p->dispatches = tsn_emit_in_arena(e, e->index->dispatches.n, sizeof(*p->dispatches));
	p->classes = tsn_emit_in_arena(e, e->index->fields.n, sizeof(*p->classes));
	for (size_t i = 0; i < e->index->dispatches.n && !e->failed; i++) {
		make_dispatch(e, &d[i], &p->dispatches[i]);
		p->dispatches[i].begin = begin;
		begin += (p->dispatches[i].nblocks + 63) / 64 * 64;
		p->ndispatches++;
	}
}
