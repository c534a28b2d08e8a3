/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "feed/spool.h"

#include <string.h>

#include "base/mem.h"

static bool
grow(struct tsn_spool *s, size_t need)
{
	size_t cap = s->cap != 0 ? s->cap : (size_t)64 << 10;
	uint8_t *p;

	if (need <= s->cap)
		return true;
	while (cap < need)
		cap *= 2;
	p = tsn_realloc(s->p, cap);
	if (p == NULL)
		return false;
	s->p = p;
	s->cap = cap;
	return true;
}

bool
tsn_spool_put(struct tsn_spool *s, const struct tsn_frame *f)
{
	size_t need = sizeof(*f) + f->len;

	if (!grow(s, s->n + need))
		return false;
	memcpy(s->p + s->n, f, sizeof(*f));
	if (f->len > 0)
		memcpy(s->p + s->n + sizeof(*f), f->p, f->len);
	s->n += need;
	return true;
}

bool
tsn_spool_next(struct tsn_spool *s, struct tsn_frame *out)
{
	if (s->at == s->n) {
		tsn_spool_fini(s);
		return false;
	}
	memcpy(out, s->p + s->at, sizeof(*out));
	out->p = s->p + s->at + sizeof(*out);
	s->at += sizeof(*out) + out->len;
	return true;
}

void
tsn_spool_fini(struct tsn_spool *s)
{
	tsn_free(s->p);
	*s = (struct tsn_spool){ 0 };
}
