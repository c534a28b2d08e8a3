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

static struct tsn_index_field *
field_at(struct tsn_emit *e, uint32_t i)
{
	return (struct tsn_index_field *)e->index->fields.p + i;
}

static const struct tsn_index_key *
key_at(const struct tsn_index_field *f, uint32_t key)
{
	return (const struct tsn_index_key *)f->keys.items.p + key;
}

static uint32_t
natoms(const struct tsn_index_field *f)
{
	return (uint32_t)f->atoms.items.n;
}

/* --- classes --- */

/* Atoms that some block asks for. */
static bool *
used_atoms(struct tsn_emit *e, uint32_t field)
{
	const struct tsn_index_field *f = field_at(e, field);
	const struct tsn_vdispatch *d = e->index->dispatches.p;
	bool *used = tsn_emit_zeroed(e, natoms(f) + 1, sizeof(*used));

	for (size_t i = 0; i < e->index->dispatches.n && used != NULL; i++) {
		const struct tsn_vblock *b = d[i].block.p;

		for (size_t k = 0; d[i].field == field && k < d[i].block.n; k++)
			for (int a = 0; a < TSN_KEY_ATOMS && key_at(f, b[k].key)->atom[a] != 0; a++)
				used[key_at(f, b[k].key)->atom[a] - 1] = true;
	}
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
span_of(const struct tsn_atom *a, uint32_t atom)
{
	unsigned width = a->v4 ? 32 : 128;
	u128 lo = (u128)a->hi << 64 | a->lo, rest = a->len == 0 ? (a->v4 ? (u128)UINT32_MAX : ~(u128)0) :
	    ((u128)1 << (width - a->len)) - 1;

	return (struct span){ lo, lo | rest, atom };
}

static void
add_range(struct tsn_emit *e, struct tsn_vec *out, u128 lo, u128 hi, uint32_t atom)
{
	struct tsn_class_range *r = tsn_vec_add(e, out, sizeof(*r));

	if (r != NULL)
		*r = (struct tsn_class_range){ lo, hi, atom + 1 };
}

/* Prefixes hold each other or do not meet: a stack of those around a place, and what lies between their ends. */
static void
flatten(struct tsn_emit *e, struct tsn_index_field *f, const struct span *s, uint32_t n, struct tsn_vec *out)
{
	struct span stack[130];
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
		f->parent[s[i].atom] = depth > 0 ? stack[depth - 1].atom + 1 : 0;
		at = s[i].lo;
		stack[depth++] = s[i];
	}
}

static void
prefix_ranges(struct tsn_emit *e, struct tsn_index_field *f, const bool *used, bool v4, struct tsn_vec *out)
{
	const struct tsn_atom *a = f->atoms.items.p;
	struct span *s = tsn_emit_zeroed(e, natoms(f) + 1, sizeof(*s));
	uint32_t n = 0;

	for (uint32_t i = 0; i < natoms(f) && s != NULL; i++)
		if (used[i] && a[i].v4 == v4)
			s[n++] = span_of(&a[i], i);
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
	struct tsn_index_field *f = field_at(e, field);
	const struct tsn_atom *a = f->atoms.items.p;
	struct tsn_vec first = { NULL, 0, 0 }, six = { NULL, 0, 0 };
	bool *used = used_atoms(e, field);

	f->parent = tsn_emit_zeroed(e, natoms(f) + 1, sizeof(*f->parent));
	if (!e->failed && tsn_fields[f->field].storage == TSN_ADDR) {
		prefix_ranges(e, f, used, true, &first);
		prefix_ranges(e, f, used, false, &six);
	} else {
		const bool words = tsn_fields[f->field].storage == TSN_STR;

		for (uint32_t i = 0; i < natoms(f) && !e->failed; i++)
			if (used[i])
				add_range(e, &first, words ? text_of(&a[i]) : a[i].lo, words ? text_of(&a[i]) : a[i].lo, i);
	}
	if (!e->failed && !tsn_classes_init(out, e->arena, f->field, first.p, first.n, six.p, six.n))
		e->failed = true;
	tsn_free(used);
	tsn_free(first.p);
	tsn_free(six.p);
}

/* --- dispatches --- */

/* Blocks that ask for an atom. */
struct wish {
	uint32_t atom, block;
};

static int
by_atom(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->atom != y->atom)
		return x->atom < y->atom ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

static void
gather_wishes(struct tsn_emit *e, const struct tsn_index_field *f, const struct tsn_vdispatch *d, struct tsn_vec *out)
{
	const struct tsn_vblock *b = d->block.p;

	for (uint32_t i = 0; i < d->block.n; i++) {
		for (int k = 0; k < TSN_KEY_ATOMS && key_at(f, b[i].key)->atom[k] != 0; k++) {
			struct wish *w = tsn_vec_add(e, out, sizeof(*w));

			if (w != NULL)
				*w = (struct wish){ key_at(f, b[i].key)->atom[k] - 1, i };
		}
	}
	if (out->n > 1)
		qsort(out->p, out->n, sizeof(struct wish), by_atom);
}

/* The first wish for an atom; out->n if there is none. */
static size_t
first_wish(const struct tsn_vec *wishes, uint32_t atom)
{
	const struct wish *w = wishes->p;
	size_t from = 0, to = wishes->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (w[mid].atom < atom)
			from = mid + 1;
		else
			to = mid;
	}
	return from < wishes->n && w[from].atom == atom ? from : wishes->n;
}

static void
put_slot(struct tsn_dispatch *out, struct tsn_dispatch_slot s)
{
	uint32_t at = tsn_dispatch_hash(s.class) & out->mask;

	while (out->slot[at].n != 0)
		at = (at + 1) & out->mask;
	out->slot[at] = s;
	out->most = s.n > out->most ? s.n : out->most;
}

/* Writes down what class by class is asked for by the blocks of its atom and of those around it. */
static void
fill_slots(struct tsn_emit *e, const struct tsn_index_field *f, const struct tsn_vec *wishes, struct tsn_dispatch *out)
{
	const struct wish *w = wishes->p;
	struct tsn_vec list = { NULL, 0, 0 }, slots = { NULL, 0, 0 };

	for (uint32_t class = 1; class <= natoms(f) && !e->failed; class++) {
		struct tsn_dispatch_slot s = { class, (uint32_t)list.n, 0 }, *slot;

		for (uint32_t atom = class; atom != 0; atom = f->parent[atom - 1]) {
			for (size_t i = first_wish(wishes, atom - 1); i < wishes->n && w[i].atom == atom - 1; i++, s.n++) {
				uint32_t *block = tsn_vec_add(e, &list, sizeof(*block));

				if (block != NULL)
					*block = w[i].block;
			}
		}
		if (s.n > 0 && (slot = tsn_vec_add(e, &slots, sizeof(*slot))) != NULL)
			*slot = s;
	}
	out->mask = 1;
	while (out->mask < 2 * slots.n)
		out->mask = 2 * out->mask + 1;
	out->slot = tsn_emit_in_arena(e, (size_t)out->mask + 1, sizeof(*out->slot));
	out->list = tsn_emit_in_arena(e, list.n, sizeof(*out->list));
	out->nlist = (uint32_t)list.n;
	for (size_t i = 0; i < slots.n && !e->failed; i++)
		put_slot(out, ((struct tsn_dispatch_slot *)slots.p)[i]);
	if (!e->failed && list.n > 0)
		memcpy(out->list, list.p, list.n * sizeof(*out->list));
	tsn_free(list.p);
	tsn_free(slots.p);
}

/* "443", "25, 587", "10.1.0.0/16". */
static const char *
name_of(struct tsn_emit *e, const struct tsn_index_field *f, uint32_t key)
{
	const struct tsn_index_key *k = key_at(f, key);
	struct tsn_buf text = TSN_BUF_INIT;
	char *name;

	for (int i = 0; i < TSN_KEY_ATOMS && k->atom[i] != 0; i++) {
		const struct tsn_atom *a = (const struct tsn_atom *)f->atoms.items.p + k->atom[i] - 1;
		struct tsn_value v = { .type = tsn_fields[f->field].type, .known = true, .i = (int64_t)a->lo };
		char prefix[TSN_ADDR_TEXT];

		if (i > 0)
			tsn_buf_puts(&text, ", ");
		if (tsn_fields[f->field].storage == TSN_STR)
			v.s = (struct tsn_str){ (const char *)(uintptr_t)a->hi, (uint32_t)a->lo };
		if (tsn_fields[f->field].storage != TSN_ADDR)
			tsn_value_text(&v, &text);
		else
			tsn_buf_puts(&text, tsn_prefix_text((struct tsn_prefix){ { a->hi, a->lo, a->v4 != 0 }, (uint8_t)a->len }, prefix));
	}
	name = text.failed || e->failed ? NULL : tsn_arena_strdup(e->m->arena, tsn_buf_str(&text));
	tsn_buf_fini(&text);
	e->failed |= name == NULL;
	return name;
}

static void
make_dispatch(struct tsn_emit *e, const struct tsn_vdispatch *d, struct tsn_dispatch *out)
{
	const struct tsn_index_field *f = field_at(e, d->field);
	const struct tsn_vblock *b = d->block.p;
	struct tsn_vec wishes = { NULL, 0, 0 };

	out->classes = f->classes - 1;
	out->nblocks = (uint32_t)d->block.n;
	out->block = tsn_emit_in_arena(e, (size_t)out->nblocks + 1, sizeof(*out->block));
	out->name = tsn_emit_in_arena(e, out->nblocks, sizeof(*out->name));
	out->rules = tsn_emit_in_arena(e, out->nblocks, sizeof(*out->rules));
	for (uint32_t i = 0; i < out->nblocks && !e->failed; i++) {
		out->block[i] = b[i].begin - d->at - 1;
		out->name[i] = name_of(e, f, b[i].key);
		out->rules[i] = b[i].rules;
	}
	if (d->nested)
		out->inside = name_of(e, field_at(e, d->inside[0]), d->inside[1]);
	if (e->failed)
		return;
	out->block[out->nblocks] = d->end - d->at - 1;
	gather_wishes(e, f, d, &wishes);
	if (!e->failed)
		fill_slots(e, f, &wishes, out);
	tsn_free(wishes.p);
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
		struct tsn_index_field *f = field_at(e, d[i].field);

		if (f->classes == 0) {
			make_classes(e, d[i].field, &p->classes[p->nclasses]);
			f->classes = ++p->nclasses;
		}
		make_dispatch(e, &d[i], &p->dispatches[i]);
		p->dispatches[i].begin = begin;
		begin += (p->dispatches[i].nblocks + 63) / 64 * 64;
		p->ndispatches++;
	}
}
