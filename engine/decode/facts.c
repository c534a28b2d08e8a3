/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/facts.h"

#include "base/hash.h"
#include "base/mem.h"

#define OWN_MAX 32768u  /* a large chassis has some 10,000 interfaces and 2,000 application names */
#define ALL_MAX 524288u

void
tsn_facts_fini(struct tsn_facts *f, struct tsn_facts_budget *b)
{
	for (uint32_t i = 0; i < f->cap; i++)
		tsn_free(f->slot[i].text);
	tsn_free(f->slot);
	b->own -= f->n;
	*b->all -= f->n;
	*f = (struct tsn_facts){ 0 };
}

/* The table's address takes part, so that nobody outside can choose ids that land in one place. */
static struct tsn_fact_entry *
probe(const struct tsn_facts *f, enum tsn_fact kind, uint64_t id)
{
	for (uint32_t i = (uint32_t)tsn_hash_u64(id, (uintptr_t)f->slot + kind) & (f->cap - 1);; i = (i + 1) & (f->cap - 1)) {
		struct tsn_fact_entry *e = &f->slot[i];

		if (e->kind == 0 || (e->kind == kind && e->id == id))
			return e;
	}
}

const struct tsn_fact_entry *
tsn_facts_get(const struct tsn_facts *f, enum tsn_fact kind, uint64_t id)
{
	const struct tsn_fact_entry *e;

	if ((f->kinds >> kind & 1) == 0)
		return NULL;
	e = probe(f, kind, id);
	return e->kind != 0 ? e : NULL;
}

static bool
grow(struct tsn_facts *f)
{
	struct tsn_facts bigger = *f;

	bigger.cap = f->cap == 0 ? 16 : f->cap * 2;
	bigger.slot = tsn_calloc(bigger.cap, sizeof(*bigger.slot));
	if (bigger.slot == NULL)
		return false;
	for (uint32_t i = 0; i < f->cap; i++)
		if (f->slot[i].kind != 0)
			*probe(&bigger, f->slot[i].kind, f->slot[i].id) = f->slot[i];
	tsn_free(f->slot);
	*f = bigger;
	return true;
}

struct tsn_fact_entry *
tsn_facts_enter(struct tsn_facts *f, struct tsn_facts_budget *b, enum tsn_fact kind, uint64_t id)
{
	struct tsn_fact_entry *e = f->cap > 0 ? probe(f, kind, id) : NULL;

	if (e != NULL && e->kind != 0)
		return e;
	if (b->own >= OWN_MAX || *b->all >= ALL_MAX || (f->n >= f->cap / 4 * 3 && !grow(f)))
		return NULL;
	e = probe(f, kind, id);
	*e = (struct tsn_fact_entry){ .id = id, .kind = (uint8_t)kind };
	f->n++;
	b->own++;
	(*b->all)++;
	f->kinds |= 1u << kind;
	return e;
}

bool
tsn_fact_name(struct tsn_fact_entry *e, const char *text, size_t n)
{
	char *copy;

	if (n > TSN_FACT_TEXT)
		n = TSN_FACT_TEXT;
	if (e->len == n && (n == 0 || memcmp(e->text, text, n) == 0))
		return true;
	copy = tsn_strndup(text, n);
	if (copy == NULL)
		return false;
	tsn_free(e->text);
	e->text = copy;
	e->len = (uint8_t)n;
	return true;
}
