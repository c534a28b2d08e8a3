/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules ask of fields: `dst_port == 25`, `dst_port in {80, 8000..8099}`, `src in 10.1.0.0/16`, and one *or* another of these. All
 * come to the same: a list of entries, each a value or an aligned range of values of a field, of which a row that meets the condition has
 * one. Such a list is a *key*; keys of the same fields are an index field, whether that is one field or several together.
 */
#include "compile/emit_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sets/ranges.h"
#include "sets/set.h"

typedef unsigned __int128 u128;

#define DEEP 12                  /* conditions in each other that are looked into */
#define WORD_SHARE 1000          /* of the rows, in millionths: those with one string; the guess for strings says how dear they are to compare */
#define MAPPED ((u128)0xffff << 32) /* ::ffff:0:0 */

struct asking {
	struct tsn_index_entry entry[TSN_KEY_ENTRIES];
	uint32_t n;
	uint64_t share;
	bool exact; /* rows that have an entry meet the condition */
};

/* --- atoms --- */

/* Place + 1; 0 when memory is out. */
static uint32_t
field_for(struct tsn_emit *e, uint32_t field)
{
	struct tsn_index *x = e->index;
	struct tsn_index_field *f;

	if (x->of_field[field] != 0)
		return x->of_field[field];
	f = tsn_vec_add(e, &x->fields, sizeof(*f));
	if (f == NULL)
		return 0;
	f->field = field;
	f->member[0] = (uint32_t)x->fields.n - 1;
	f->nmembers = 1;
	f->atoms.size = sizeof(struct tsn_atom);
	x->of_field[field] = (uint32_t)x->fields.n;
	return x->of_field[field];
}

/* Strings are one by what they say, wherever they lie. */
static uint32_t
place_of_atom(struct tsn_emit *e, struct tsn_index_field *f, const struct tsn_atom *atom)
{
	const char *text = (const char *)(uintptr_t)atom->hi;
	uintptr_t place;

	if (tsn_fields[f->field].storage != TSN_STR)
		return tsn_pool_put(e, &f->atoms, atom) + 1;
	place = (uintptr_t)tsn_names_get(&f->texts, text, atom->lo);
	if (place != 0)
		return (uint32_t)place;
	place = tsn_pool_put(e, &f->atoms, atom) + 1;
	e->failed |= !tsn_names_put(&f->texts, text, atom->lo, (void *)place);
	return (uint32_t)place;
}

static bool
add_atom(struct tsn_emit *e, struct asking *q, uint32_t field, const struct tsn_atom *atom)
{
	const uint32_t place = field_for(e, field);

	if (e->failed || q->n == TSN_KEY_ENTRIES || tsn_index_field_at(e, place - 1)->atoms.items.n >= TSN_CLASS_MAX - 1)
		return false;
	q->entry[q->n++] = (struct tsn_index_entry){ place - 1, place_of_atom(e, tsn_index_field_at(e, place - 1), atom) };
	return !e->failed;
}

/* lo..hi as aligned ranges, largest first where they fit. [width]: bits of a number. */
static bool
add_aligned(struct tsn_emit *e, struct asking *q, uint32_t field, u128 lo, u128 hi, unsigned width, bool v4)
{
	const bool address = tsn_fields[field].storage == TSN_ADDR;

	for (;;) {
		unsigned bits = 0;

		while (bits < width && (lo >> bits & 1) == 0 && hi - lo >= ((u128)2 << bits) - 1)
			bits++;
		const struct tsn_atom atom = { (uint64_t)(lo >> 64), (uint64_t)lo, address ? width - bits : bits, v4 };

		if (!add_atom(e, q, field, &atom))
			return false;
		if (hi - lo == ((u128)1 << bits) - 1)
			return true;
		lo += (u128)1 << bits;
	}
}

static bool
add_ints(struct tsn_emit *e, struct asking *q, uint32_t field, int64_t lo, int64_t hi)
{
	hi = hi < tsn_emit_column_max(field) ? hi : tsn_emit_column_max(field); /* rules may ask for more than any row has */
	if (lo > hi)
		return true;
	q->share += tsn_emit_share_of_range(field, lo, hi);
	return (lo == hi || lo >= 0) && add_aligned(e, q, field, (uint64_t)lo, (uint64_t)hi, 64, false);
}

static bool
add_prefix(struct tsn_emit *e, struct asking *q, uint32_t field, struct tsn_prefix p)
{
	struct tsn_atom atom = { .len = p.len, .v4 = p.addr.v4 };

	p.addr = tsn_addr_mask(p.addr, p.len, p.len);
	atom.hi = p.addr.hi;
	atom.lo = p.addr.lo;
	q->share += tsn_emit_share_of_prefix(&p);
	return add_atom(e, q, field, &atom);
}

static bool
add_text(struct tsn_emit *e, struct asking *q, uint32_t field, const char *text, uint64_t len)
{
	const struct tsn_atom atom = { .hi = (uintptr_t)text, .lo = len };

	q->share += WORD_SHARE;
	return add_atom(e, q, field, &atom);
}

/* --- leaves --- */

static bool
add_range(struct tsn_emit *e, struct asking *q, uint32_t field, const struct tsn_range *r)
{
	struct tsn_prefix p = { { 0, 0, false }, 0 };
	u128 size = r->hi - r->lo;

	if (tsn_fields[field].storage != TSN_ADDR)
		return add_ints(e, q, field, (int64_t)((uint64_t)r->lo ^ UINT64_C(1) << 63), (int64_t)((uint64_t)r->hi ^ UINT64_C(1) << 63));
	if (r->lo >= MAPPED && r->hi <= (MAPPED | UINT32_MAX)) {
		p.addr.v4 = true;
		p.len = 32;
	} else {
		p.len = 128;
	}
	for (; size != 0 && p.len > 0; size >>= 1)
		p.len--;
	q->share += tsn_emit_share_of_prefix(&p);
	return p.addr.v4 ? add_aligned(e, q, field, (uint32_t)r->lo, (uint32_t)r->hi, 32, true) : add_aligned(e, q, field, r->lo, r->hi, 128, false);
}

struct words {
	struct tsn_emit *e;
	struct asking *q;
	uint32_t field;
	bool ok;
};

static bool
add_word(void *arg, const struct tsn_value *v, const uint8_t *key, size_t n)
{
	struct words *w = arg;
	const char *text = tsn_arena_strndup(w->e->arena, v->s.p, v->s.n);

	(void)key;
	(void)n;
	w->e->failed |= text == NULL;
	w->ok = !w->e->failed && add_text(w->e, w->q, w->field, text, v->s.n);
	return w->ok;
}

/* The members of a set that is what it is as long as the program. */
static bool
add_members(struct tsn_emit *e, struct asking *q, uint32_t field, const struct tsn_ir_set *s)
{
	struct tsn_ranges list = { NULL, 0, 0 };
	struct words w = { e, q, field, true };
	bool ok = true;

	if (!s->fixed || s->set == NULL || tsn_set_size(s->set) > TSN_KEY_ENTRIES)
		return false;
	if (tsn_fields[field].storage == TSN_STR) {
		tsn_set_each(s->set, TSN_KEY_ENTRIES, add_word, &w);
		return w.ok;
	}
	e->failed |= !tsn_set_ranges(s->set, &list);
	for (size_t i = 0; i < list.n && ok && !e->failed; i++)
		ok = add_range(e, q, field, &list.r[i]);
	tsn_ranges_fini(&list);
	return ok && !e->failed;
}

/* Does a leaf ask for values of a field? Then they are added. */
static bool
leaf(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asking *q)
{
	const struct tsn_ir *a = x->nkids > 0 ? x->kid[0] : NULL, *b = x->nkids > 1 ? x->kid[1] : NULL;
	const bool same = x->kind == TSN_IR_COMPARE && x->rel == (want ? TSN_REL_EQ : TSN_REL_NE);

	if (a == NULL || a->kind != TSN_IR_FIELD)
		return false;
	if (same && tsn_field_is_int(a->field) && b->kind == TSN_IR_INT)
		return tsn_emit_column_holds(a->field, b->i) && add_ints(e, q, a->field, b->i, b->i);
	if (same && tsn_fields[a->field].storage == TSN_STR && b->kind == TSN_IR_STRING)
		return add_text(e, q, a->field, b->text, b->len);
	if (tsn_fields[a->field].storage == TSN_ADDR && (a->v4_bits != 32 || a->v6_bits != 128))
		return false;
	if (x->kind == TSN_IR_IN && want && x->i == 0)
		return add_members(e, q, a->field, &e->m->sets[x->set]);
	if (x->kind == TSN_IR_IN_PREFIX && want)
		return add_prefix(e, q, a->field, x->prefix);
	return same && b->kind == TSN_IR_ADDR && add_prefix(e, q, a->field, (struct tsn_prefix){ b->addr, b->addr.v4 ? 32 : 128 });
}

/* --- conditions --- */

static bool gather(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asking *q, unsigned depth);

/* Of a conjunction, inside of a disjunction: what fewest rows meet. */
static bool
gather_best(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asking *q, unsigned depth)
{
	struct asking best, one;
	bool found = false;

	for (uint32_t i = 0; i < x->nkids && !e->failed; i++) {
		one.n = 0;
		one.share = 0;
		if (gather(e, x->kid[i], want, &one, depth) && (!found || one.share < best.share)) {
			best = one;
			found = true;
		}
	}
	if (!found || q->n + best.n > TSN_KEY_ENTRIES)
		return false;
	memcpy(q->entry + q->n, best.entry, best.n * sizeof(best.entry[0]));
	q->n += best.n;
	q->share += best.share;
	q->exact = false;
	return true;
}

static bool
gather(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asking *q, unsigned depth)
{
	if (x->kind == TSN_IR_NOT)
		return gather(e, x->kid[0], !want, q, depth);
	if (tsn_ir_is_leaf(x))
		return leaf(e, x, want, q);
	if (depth == 0)
		return false;
	if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR))
		return gather_best(e, x, want, q, depth - 1);
	for (uint32_t i = 0; i < x->nkids; i++)
		if (!gather(e, x->kid[i], want, q, depth - 1))
			return false;
	return true;
}

/* --- keys --- */

static int
by_entry(const void *a, const void *b)
{
	const struct tsn_index_entry *x = a, *y = b;

	if (x->field != y->field)
		return x->field < y->field ? -1 : 1;
	return x->atom < y->atom ? -1 : x->atom > y->atom;
}

/* Sorts, drops what is there twice, and lists the fields; 0: too many. */
static uint32_t
tidy(struct asking *q, uint32_t member[TSN_DISPATCH_LOOKS])
{
	uint32_t kept = 0, fields = 0;

	if (q->n > 1)
		qsort(q->entry, q->n, sizeof(q->entry[0]), by_entry);
	for (uint32_t i = 0; i < q->n; i++) {
		if (kept > 0 && by_entry(&q->entry[kept - 1], &q->entry[i]) == 0)
			continue;
		if (kept == 0 || q->entry[kept - 1].field != q->entry[i].field) {
			if (fields == TSN_DISPATCH_LOOKS)
				return 0;
			member[fields++] = q->entry[i].field;
		}
		q->entry[kept++] = q->entry[i];
	}
	q->n = kept;
	return fields;
}

/* The index field of some fields; its place + 1. */
static uint32_t
joint_for(struct tsn_emit *e, const uint32_t *member, uint32_t n)
{
	struct tsn_index_field *f = e->index->fields.p;

	if (n == 1)
		return member[0] + 1;
	for (uint32_t i = 0; i < e->index->fields.n; i++)
		if (f[i].nmembers == n && memcmp(f[i].member, member, n * sizeof(*member)) == 0)
			return i + 1;
	f = tsn_vec_add(e, &e->index->fields, sizeof(*f));
	if (f == NULL)
		return 0;
	f->field = TSN_FIELD_COUNT;
	f->nmembers = n;
	memcpy(f->member, member, n * sizeof(*member));
	return (uint32_t)e->index->fields.n;
}

/* Place of the key in its field; equal ones are one. */
static uint32_t
key_for(struct tsn_emit *e, struct tsn_index_field *f, const struct asking *q)
{
	const size_t size = q->n * sizeof(q->entry[0]);
	uintptr_t place = (uintptr_t)tsn_names_get(&f->known, (const char *)q->entry, size);
	struct tsn_index_entry *own;
	struct tsn_index_key *key;

	if (place != 0)
		return (uint32_t)place - 1;
	own = tsn_arena_alloc(e->arena, size);
	key = own == NULL ? NULL : tsn_vec_add(e, &f->keys, sizeof(*key));
	e->failed |= own == NULL;
	if (key == NULL)
		return 0;
	memcpy(own, q->entry, size);
	*key = (struct tsn_index_key){ own, q->n, 0 };
	place = f->keys.n;
	e->failed |= !tsn_names_put(&f->known, (const char *)own, size, (void *)place);
	return (uint32_t)place - 1;
}

static bool
ask(struct tsn_emit *e, struct asking *q, struct tsn_asked *out)
{
	uint32_t member[TSN_DISPATCH_LOOKS], n = q->n == 0 ? 0 : tidy(q, member), place = n == 0 ? 0 : joint_for(e, member, n);

	if (place == 0 || e->failed)
		return false;
	out->field = place - 1;
	out->key = key_for(e, tsn_index_field_at(e, out->field), q);
	out->share = q->share < UINT32_MAX ? (uint32_t)q->share : UINT32_MAX;
	out->exact = q->exact;
	return !e->failed;
}

bool
tsn_emit_asked(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct tsn_asked *out)
{
	struct tsn_asked_memo *memo = e->index->asked + (2 * (size_t)x->id + want);
	struct asking q;

	if (!memo->known) {
		q.n = 0;
		q.share = 0;
		q.exact = true;
		memo->asks = gather(e, x, want, &q, DEEP) && ask(e, &q, &memo->asked);
		memo->known = true;
	}
	*out = memo->asked;
	return memo->asks && !e->failed;
}

bool
tsn_emit_asked_range(struct tsn_emit *e, uint32_t field, int64_t lo, int64_t hi, struct tsn_asked *out)
{
	struct asking q = { .exact = true };

	return add_ints(e, &q, field, lo, hi) && ask(e, &q, out);
}
