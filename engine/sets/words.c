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

const struct tsn_word *
tsn_word_members_find(const struct tsn_word_members *m, const void *p, size_t n)
{
	uint64_t h;
	size_t i;

	if (m->n == 0)
		return NULL;
	h = tsn_hash_bytes(p, n, 0);
	for (i = (size_t)h & (m->slots - 1); m->slot[i].word != 0; i = (i + 1) & (m->slots - 1)) {
		const struct tsn_word *w = &m->word[m->slot[i].word - 1];

		if (m->slot[i].tag == (uint32_t)(h >> 32) && w->n == n &&
		    memcmp(m->text.p + w->off, p, n) == 0)
			return w;
	}
	return NULL;
}

void
tsn_set_rows_str(const struct tsn_set *s, const struct tsn_str *col, const struct tsn_mask *rows,
    uint8_t *hit)
{
	memset(hit, 0, TSN_BATCH_ROWS);
	TSN_EACH_ROW(row, rows)
		hit[row] = tsn_set_has_str(s, col[row].p, col[row].n);
}
