/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sets/members.h"

bool
tsn_word_members_add(struct tsn_word_members *m, const void *p, size_t n, uint32_t row)
{
	struct tsn_word *grown;

	if (n > UINT32_MAX || m->text.len + n > UINT32_MAX || m->n >= UINT32_MAX / 4)
		return false;
	grown = tsn_grow(m->word, m->n, &m->cap, sizeof(*grown));
	if (grown == NULL)
		return false;
	m->word = grown;
	m->word[m->n] = (struct tsn_word){ (uint32_t)m->text.len, (uint32_t)n, row };
	tsn_buf_add(&m->text, p, n);
	if (m->text.failed)
		return false;
	m->n++;
	return true;
}

static struct tsn_word_slot *
slot_of(const struct tsn_word_members *m, const void *p, size_t n)
{
	uint64_t h = tsn_hash_bytes(p, n, 0);
	uint32_t tag = (uint32_t)(h >> 32);
	size_t i = (size_t)h & (m->slots - 1);

	for (;; i = (i + 1) & (m->slots - 1)) {
		struct tsn_word_slot *s = &m->slot[i];
		const struct tsn_word *w;

		if (s->word == 0) {
			s->tag = tag;
			return s;
		}
		w = &m->word[s->word - 1];
		if (s->tag == tag && w->n == n && memcmp(m->text.p + w->off, p, n) == 0)
			return s;
	}
}

bool
tsn_word_members_close(struct tsn_word_members *m)
{
	size_t kept = 0;

	if (m->n == 0)
		return true;
	for (m->slots = 16; m->slots < 2 * m->n; m->slots *= 2)
		;
	m->slot = tsn_calloc(m->slots, sizeof(*m->slot));
	if (m->slot == NULL)
		return false;
	for (size_t i = 0; i < m->n; i++) {
		struct tsn_word w = m->word[i];
		struct tsn_word_slot *s = slot_of(m, m->text.p + w.off, w.n);

		if (s->word != 0) {
			struct tsn_word *first = &m->word[s->word - 1];

			first->row = first->row == TSN_SET_NO_ROW ? w.row : first->row;
			continue;
		}
		m->word[kept++] = w;
		s->word = (uint32_t)kept;
	}
	m->n = kept;
	return true;
}

void
tsn_word_members_fini(struct tsn_word_members *m)
{
	tsn_buf_fini(&m->text);
	tsn_free(m->word);
	tsn_free(m->slot);
	memset(m, 0, sizeof(*m));
}

static const struct tsn_word *
find_hashed(const struct tsn_word_members *m, const void *p, size_t n, uint64_t h)
{
	size_t i;

	for (i = (size_t)h & (m->slots - 1); m->slot[i].word != 0; i = (i + 1) & (m->slots - 1)) {
		const struct tsn_word *w = &m->word[m->slot[i].word - 1];

		if (m->slot[i].tag == (uint32_t)(h >> 32) && w->n == n &&
		    memcmp(m->text.p + w->off, p, n) == 0)
			return w;
	}
	return NULL;
}

const struct tsn_word *
tsn_word_members_find(const struct tsn_word_members *m, const void *p, size_t n)
{
	return m->n == 0 ? NULL : find_hashed(m, p, n, tsn_hash_bytes(p, n, 0));
}

/* What the stretch needs is asked for in the order in which one is found by the other: slots, words, texts. */
void
tsn_word_members_find_all(const struct tsn_word_members *m, const struct tsn_str *s, uint32_t n, bool *found)
{
	uint64_t h[TSN_BINS_STRETCH];

	for (uint32_t i = 0; i < n && m->n > 0; i++) {
		h[i] = tsn_hash_bytes(s[i].p, s[i].n, 0);
		__builtin_prefetch(&m->slot[h[i] & (m->slots - 1)]);
	}
	for (uint32_t i = 0; i < n && m->n > 0; i++) {
		const struct tsn_word_slot *slot = &m->slot[h[i] & (m->slots - 1)];

		/* cppcheck-suppress uninitvar ; the loop before has made it */
		if (slot->word != 0 && slot->tag == (uint32_t)(h[i] >> 32))
			__builtin_prefetch(&m->word[slot->word - 1]);
	}
	for (uint32_t i = 0; i < n && m->n > 0; i++) {
		const struct tsn_word_slot *slot = &m->slot[h[i] & (m->slots - 1)];

		/* cppcheck-suppress uninitvar ; the loop before has made it */
		if (slot->word != 0 && slot->tag == (uint32_t)(h[i] >> 32))
			__builtin_prefetch(m->text.p + m->word[slot->word - 1].off);
	}
	for (uint32_t i = 0; i < n; i++)
		found[i] = m->n > 0 && find_hashed(m, s[i].p, s[i].n, h[i]) != NULL;
}

/* A stretch of strings or of tuples. */
static void
has_words(const struct tsn_set *s, enum tsn_set_kind kind, const struct tsn_str *v, uint32_t n, bool *has)
{
	if (s->dynamic != NULL || s->kind != kind) {
		for (uint32_t i = 0; i < n; i++)
			has[i] = s->kind == kind && tsn_dynamic_find_bytes(s->dynamic, v[i].p, v[i].n) != TSN_SET_NO_ROW;
		return;
	}
	tsn_word_members_find_all(&s->words, v, n, has);
}

void
tsn_set_has_keys(const struct tsn_set *s, const struct tsn_str *key, uint32_t n, bool *has)
{
	has_words(s, TSN_SET_TUPLE, key, n, has);
}

static void
stretch(const struct tsn_set *s, const struct tsn_str *v, const uint16_t *row, uint32_t n, uint8_t *hit)
{
	bool has[TSN_BINS_STRETCH];

	has_words(s, TSN_SET_STR, v, n, has);
	for (uint32_t i = 0; i < n; i++)
		hit[row[i]] = has[i];
}

void
tsn_set_rows_str(const struct tsn_set *s, const struct tsn_str *col, const struct tsn_mask *rows,
    uint8_t *hit)
{
	struct tsn_str v[TSN_BINS_STRETCH];
	uint16_t at[TSN_BINS_STRETCH];
	uint32_t n = 0;

	memset(hit, 0, TSN_BATCH_ROWS);
	TSN_EACH_ROW(row, rows) {
		v[n] = col[row].n > 0 ? col[row] : (struct tsn_str){ "", 0 };
		at[n++] = (uint16_t)row;
		if (n == TSN_BINS_STRETCH) {
			stretch(s, v, at, n, hit);
			n = 0;
		}
	}
	stretch(s, v, at, n, hit);
}
