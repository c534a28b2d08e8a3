/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Mutants of constants: the values next to them. */
#include <math.h>
#include <stdio.h>

#include "author/mutants.h"
#include "base/clock.h"

#define SKETCHED 256       /* distinct() counts so many exactly */
#define SKETCH_PART 20     /* beyond, two and a half of its standard errors is a change one can test */

static void
note_int(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_node *n, int64_t v)
{
	struct tsn_node now = *n;
	char text[TSN_TIME_TEXT];

	now.i = v;
	if (n->kind == TSN_N_DURATION)
		tsn_duration_text(v, text);
	else if (n->unit == TSN_UNIT_HEX)
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	else
		snprintf(text, sizeof(text), n->kind == TSN_N_SIZE ? "%lldB" : "%lld", (long long)v);
	tsn_mut_note(w, kind, n->span, n, now, text);
}

void
tsn_mut_number(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	bool sketch = p.sketch && n->i > SKETCHED;
	int64_t step = sketch ? n->i / SKETCH_PART : 1;
	enum tsn_mutation kind = sketch ? TSN_MUT_SKETCH : TSN_MUT_CONSTANT;

	if (n->i <= INT64_MAX - step)
		note_int(w, kind, n, n->i + step);
	/* Nothing that rules count is below 0: that would drop the comparison, which is done, too. */
	if (n->i >= step)
		note_int(w, kind, n, n->i - step);
}

void
tsn_mut_real(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	(void)p;
	for (int i = 0; i < 2; i++) {
		struct tsn_node now = *n;
		char text[40];

		now.real = i == 0 ? n->real * 2 : n->real / 2;
		if (!isfinite(now.real) || now.real == n->real)
			continue;
		snprintf(text, sizeof(text), "%g", now.real);
		tsn_mut_note(w, TSN_MUT_CONSTANT, n->span, n, now, text);
	}
}

void
tsn_mut_duration(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	int64_t unit = n->i >= TSN_SECOND && n->i % TSN_SECOND == 0 ? TSN_SECOND : 1;

	if (p.compared) {
		note_int(w, TSN_MUT_CONSTANT, n, n->i + unit);
		if (n->i >= unit)
			note_int(w, TSN_MUT_CONSTANT, n, n->i - unit);
		return;
	}
	if (n->i <= INT64_MAX / 2)
		note_int(w, TSN_MUT_WINDOW, n, n->i * 2);
	if (n->i > 1)
		note_int(w, TSN_MUT_WINDOW, n, n->i / 2);
}

void
tsn_mut_address(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	(void)p;
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		char text[TSN_ADDR_TEXT];

		/* past an end, the last bit tells it from its neighbour as well */
		if (up ? n->addr.lo == (n->addr.v4 ? UINT32_MAX : UINT64_MAX) : n->addr.lo == 0)
			continue;
		now.addr.lo = up ? n->addr.lo + 1 : n->addr.lo - 1;
		tsn_mut_note(w, TSN_MUT_CONSTANT, n->span, n, now, tsn_addr_text(now.addr, text));
	}
}

void
tsn_mut_prefix(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p)
{
	int most = n->addr.v4 ? 32 : 128;

	(void)p;
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		struct tsn_prefix q;
		char text[TSN_ADDR_TEXT];

		if (up ? n->plen >= most : n->plen <= 0)
			continue;
		now.plen = (int16_t)(up ? n->plen + 1 : n->plen - 1);
		now.addr = n->addr.v4 ? tsn_addr_mask(n->addr, (unsigned)now.plen, 128) :
		    tsn_addr_mask(n->addr, 32, (unsigned)now.plen);
		q = (struct tsn_prefix){ now.addr, (uint8_t)now.plen };
		tsn_mut_note(w, TSN_MUT_CONSTANT, n->span, n, now, tsn_prefix_text(q, text));
	}
}

void
tsn_mut_mask(struct tsn_mut_walk *w, struct tsn_node *n)
{
	for (int up = 1; up >= 0; up--) {
		struct tsn_node now = *n;
		char text[96];

		now.i = up ? n->i + 1 : n->i - 1;
		if (now.i < 0 || now.i > 32)
			continue;
		snprintf(text, sizeof(text), n->plen < 0 ? "%.40s/%lld" : "%.40s/%lld/%d",
		    n->kids != NULL && n->kids->text != NULL ? n->kids->text : "", (long long)now.i, n->plen);
		tsn_mut_note(w, TSN_MUT_CONSTANT, n->span, n, now, text);
	}
}
