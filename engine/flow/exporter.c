/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define CHUNK 64u /* entries come in chunks that never move, so that pointers stay valid */

struct name {
	struct name *next;
	struct tsn_str text;
};

struct tsn_exporters {
	uint32_t max;
	_Atomic uint32_t count; /* those that are there may be looked up by other threads while one is entered */
	size_t chunks;
	struct tsn_exporter **chunk; /* as many as there can be */
	uint32_t *slot; /* open addressing: index of an entry, 0 if free (entry 0 is never looked up) */
	uint32_t slots; /* a power of two, at least twice the count */
	struct tsn_arena *names; /* batches point at names, so none is freed before the table; equal ones are one */
	struct name *known;
	struct setting *setting;   /* the site's, longest prefix first */
	size_t nsettings;
	struct range *allowed;     /* in order, apart from one another; none: everybody is */
	size_t nallowed;
	struct tsn_exporter *changed;
};

struct setting {
	struct tsn_prefix prefix;
	const struct name *name;   /* NULL if it gives none */
	uint32_t sampling;         /* 0 if it gives none */
};

struct range {
	struct tsn_addr first, last; /* of one family */
};

static uint32_t *
slot_of(uint32_t *slot, uint32_t slots, const struct tsn_exporters *t, struct tsn_addr addr)
{
	/* the table's address takes part, so that nobody who invents addresses can make them land in one place */
	uint64_t h = tsn_hash_join(tsn_hash_u64(addr.hi, (uintptr_t)slot + addr.v4), addr.lo);
	uint32_t i = (uint32_t)h & (slots - 1);

	while (slot[i] != 0) {
		const struct tsn_exporter *e = &t->chunk[slot[i] / CHUNK][slot[i] % CHUNK];

		if (tsn_addr_cmp(e->addr, addr) == 0)
			break;
		i = (i + 1) & (slots - 1);
	}
	return &slot[i];
}

/* Room for one more entry, its slot included. */
static bool
reserve(struct tsn_exporters *t)
{
	uint32_t *slot, slots, i;

	if (t->count == t->chunks * CHUNK) {
		if (t->chunks > t->max / CHUNK || (t->chunk[t->chunks] = tsn_calloc(CHUNK, sizeof(**t->chunk))) == NULL)
			return false;
		t->chunks++;
	}
	if ((t->count + 1) * 2 <= t->slots)
		return true;
	slots = t->slots != 0 ? t->slots * 2 : 2 * CHUNK;
	slot = tsn_calloc(slots, sizeof(*slot));
	if (slot == NULL)
		return false;
	for (i = 1; i < t->count; i++)
		*slot_of(slot, slots, t, tsn_exporters_at(t, i)->addr) = i;
	tsn_free(t->slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

/* Neither the shared entry nor "nobody" is an exporter: no prefix is round them. */
static void
apply_settings(const struct tsn_exporters *t, struct tsn_exporter *e)
{
	e->name = (struct tsn_str){ NULL, 0 };
	e->sampling_override = 0;
	if (tsn_addr_cmp(e->addr, tsn_addr_v4(0)) == 0)
		return;
	for (size_t i = t->nsettings; i-- > 0;) { /* the longest last, so that it decides */
		const struct setting *s = &t->setting[i];

		if (!tsn_prefix_has(s->prefix, e->addr))
			continue;
		if (s->name != NULL)
			e->name = s->name->text;
		if (s->sampling != 0)
			e->sampling_override = s->sampling;
	}
}

static uint32_t
enter(struct tsn_exporters *t, struct tsn_addr addr)
{
	struct tsn_exporter *e = tsn_exporters_at(t, t->count);

	e->addr = addr;
	e->skew = e->first_received = e->last_received = e->last_lost = TSN_TIME_NONE;
	e->presence.forgotten = e->presence.first_heard = e->presence.last_heard = TSN_TIME_NONE;
	e->change.list = &t->changed;
	e->change.index = t->count;
	apply_settings(t, e);
	return t->count++;
}

const struct tsn_exporter *
tsn_exporters_changed(struct tsn_exporters *t, uint32_t *index)
{
	struct tsn_exporter *e = t->changed;

	if (e == NULL)
		return NULL;
	t->changed = e->change.next;
	e->change.in = false;
	*index = e->change.index;
	return e;
}

void
tsn_exporters_put(struct tsn_exporters *t, uint32_t index, const struct tsn_presence *p)
{
	while (index >= t->count) {
		if (!reserve(t))
			return;
		enter(t, tsn_addr_v4(0));
	}
	tsn_exporters_at(t, index)->presence = *p;
}

struct tsn_exporters *
tsn_exporters_new(uint32_t max)
{
	struct tsn_exporters *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max > UINT32_MAX / 4 ? UINT32_MAX / 4 : max;
	t->chunk = tsn_calloc(t->max / CHUNK + (size_t)1, sizeof(struct tsn_exporter *));
	t->names = tsn_arena_new();
	if (t->chunk == NULL || t->names == NULL || !reserve(t)) {
		tsn_exporters_free(t);
		return NULL;
	}
	enter(t, tsn_addr_v4(0));
	return t;
}

void
tsn_exporters_free(struct tsn_exporters *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->chunks; i++)
		tsn_free(t->chunk[i]);
	tsn_free(t->chunk);
	tsn_free(t->slot);
	tsn_free(t->setting);
	tsn_free(t->allowed);
	tsn_arena_free(t->names);
	tsn_free(t);
}

uint32_t
tsn_exporters_find(struct tsn_exporters *t, struct tsn_addr addr)
{
	uint32_t *slot = slot_of(t->slot, t->slots, t, addr);

	if (*slot != 0)
		return *slot;
	if (t->count >= t->max || !reserve(t))
		return 0;
	slot = slot_of(t->slot, t->slots, t, addr); /* the slots may have moved */
	return *slot = enter(t, addr);
}

const struct tsn_exporter *
tsn_exporters_usual(const struct tsn_exporters *t, struct tsn_addr addr)
{
	const uint32_t i = *slot_of(t->slot, t->slots, t, addr);
	const struct tsn_exporter *e = &t->chunk[i / CHUNK][i % CHUNK];

	return i != 0 && tsn_exporter_is_usual(e) ? e : NULL;
}

uint32_t
tsn_exporters_nobody(struct tsn_exporters *t)
{
	return tsn_exporters_find(t, tsn_addr_v4(0));
}

bool
tsn_exporter_is_nobody(struct tsn_exporters *t, uint32_t index)
{
	return index != 0 && tsn_addr_cmp(tsn_exporters_at(t, index)->addr, tsn_addr_v4(0)) == 0;
}

struct tsn_exporter *
tsn_exporters_at(struct tsn_exporters *t, uint32_t index)
{
	return &t->chunk[index / CHUNK][index % CHUNK];
}

uint32_t
tsn_exporters_count(const struct tsn_exporters *t)
{
	return t->count;
}

/* The one copy of a name; NULL when memory is out. */
static const struct name *
intern(struct tsn_exporters *t, const char *text)
{
	size_t n = strlen(text);
	struct name *k;

	for (k = t->known; k != NULL; k = k->next)
		if (k->text.n == n && memcmp(k->text.p, text, n) == 0)
			return k;
	k = tsn_arena_alloc(t->names, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->text.p = tsn_arena_strndup(t->names, text, n);
	if (k->text.p == NULL)
		return NULL;
	k->text.n = (uint32_t)n;
	k->next = t->known;
	t->known = k;
	return k;
}

/* --- settings --- */

static int
longest_first(const void *x, const void *y)
{
	const struct setting *a = x, *b = y;

	if (a->prefix.len != b->prefix.len)
		return a->prefix.len > b->prefix.len ? -1 : 1;
	return tsn_addr_cmp(a->prefix.addr, b->prefix.addr);
}

static struct setting *
take_settings(struct tsn_exporters *t, const struct tsn_exporter_setting *v, size_t n)
{
	struct setting *s = tsn_reallocarray(NULL, n + 1, sizeof(*s));

	for (size_t i = 0; s != NULL && i < n; i++) {
		s[i] = (struct setting){ v[i].prefix, v[i].name != NULL ? intern(t, v[i].name) : NULL, v[i].sampling };
		if (v[i].name != NULL && s[i].name == NULL) {
			tsn_free(s);
			return NULL;
		}
	}
	if (s != NULL)
		qsort(s, n, sizeof(*s), longest_first);
	return s;
}

static struct tsn_addr
last_of(struct tsn_prefix p)
{
	unsigned host = (p.addr.v4 ? 32u : 128u) - p.len;
	struct tsn_addr a = p.addr;

	if (host >= 128)
		a.hi = UINT64_MAX;
	else if (host > 64)
		a.hi |= (UINT64_C(1) << (host - 64)) - 1;
	a.lo |= host >= 64 ? UINT64_MAX : (UINT64_C(1) << host) - 1;
	return a;
}

static int
by_first(const void *x, const void *y)
{
	return tsn_addr_cmp(((const struct range *)x)->first, ((const struct range *)y)->first);
}

/* Prefixes lie apart or inside one another: what is inside another is left out. */
static struct range *
take_allowed(const struct tsn_exporter_setting *v, size_t n, size_t *count)
{
	struct range *r = tsn_reallocarray(NULL, n + 1, sizeof(*r));
	size_t all = 0, kept = 0;

	if (r == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (v[i].allow)
			r[all++] = (struct range){ v[i].prefix.addr, last_of(v[i].prefix) };
	qsort(r, all, sizeof(*r), by_first);
	for (size_t i = 0; i < all; i++) {
		if (kept > 0 && tsn_addr_cmp(r[i].first, r[kept - 1].last) <= 0) {
			if (tsn_addr_cmp(r[i].last, r[kept - 1].last) > 0)
				r[kept - 1].last = r[i].last;
			continue;
		}
		r[kept++] = r[i];
	}
	*count = kept;
	return r;
}

bool
tsn_exporters_configure(struct tsn_exporters *t, const struct tsn_exporter_setting *v, size_t n)
{
	struct setting *s = take_settings(t, v, n);
	size_t nallowed = 0;
	struct range *allowed = take_allowed(v, n, &nallowed);

	if (s == NULL || allowed == NULL) {
		tsn_free(s);
		tsn_free(allowed);
		return false;
	}
	tsn_free(t->setting);
	tsn_free(t->allowed);
	t->setting = s;
	t->nsettings = n;
	t->allowed = allowed;
	t->nallowed = nallowed;
	for (uint32_t i = 1; i < t->count; i++)
		apply_settings(t, tsn_exporters_at(t, i));
	return true;
}

bool
tsn_exporters_allowed(const struct tsn_exporters *t, struct tsn_addr addr)
{
	size_t lo = 0, hi = t->nallowed;

	while (lo < hi) { /* the first range that does not end before the address */
		size_t mid = lo + (hi - lo) / 2;

		if (tsn_addr_cmp(t->allowed[mid].last, addr) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return t->nallowed == 0 || (lo < t->nallowed && tsn_addr_cmp(t->allowed[lo].first, addr) <= 0);
}

static const struct { const char *name, *help; } counters[] = {
#define COUNTER(sym, name, help) { name, help },
	TSN_EXPORTER_COUNTERS(COUNTER)
#undef COUNTER
};

const char *
tsn_exporter_counter_name(enum tsn_exporter_counter c)
{
	return counters[c].name;
}

const char *
tsn_exporter_counter_help(enum tsn_exporter_counter c)
{
	return counters[c].help;
}

const char *
tsn_exporter_format_name(enum tsn_exporter_format f)
{
	static const char *const names[] = {
#define FORMAT(sym, name) name,
		TSN_EXPORTER_FORMATS(FORMAT)
#undef FORMAT
	};

	return names[f];
}

double
tsn_exporter_loss(const struct tsn_exporter *x)
{
	double flows = (double)x->counter[TSN_XC_LOST], datagrams = (double)x->counter[TSN_XC_LOST_DATAGRAMS];

	if (flows > 0)
		flows /= flows + (double)x->counter[TSN_XC_FLOWS];
	if (datagrams > 0)
		datagrams /= datagrams + (double)x->counter[TSN_XC_DATAGRAMS];
	return flows > datagrams ? flows : datagrams;
}

/* What it told of itself; numbers of the site's word come first. */
static void
summarise_settings(const struct tsn_exporter *x, struct tsn_buf *out)
{
	char text[TSN_TIME_TEXT];

	if (x->sampling_override > 0)
		tsn_buf_printf(out, "; sampling %u by the site's word", x->sampling_override);
	else if (x->sampling > 1)
		tsn_buf_printf(out, "; sampling %u", x->sampling);
	if (x->skew != TSN_TIME_NONE && (x->skew > 5 * TSN_SECOND || x->skew < -5 * TSN_SECOND))
		tsn_buf_printf(out, "; its clock is off by %s", tsn_duration_text(-x->skew, text));
}

bool
tsn_exporter_summary(struct tsn_exporters *t, uint32_t index, struct tsn_buf *out)
{
	const struct tsn_exporter *x = tsn_exporters_at(t, index);
	char text[TSN_ADDR_TEXT];

	if (x->counter[TSN_XC_DATAGRAMS] == 0 && x->counter[TSN_XC_FLOWS] == 0)
		return false;
	if (tsn_exporter_is_nobody(t, index))
		tsn_buf_puts(out, "no exporter");
	else
		tsn_buf_printf(out, "exporter %s", index == 0 ? "(others)" : tsn_addr_text(x->addr, text));
	if (x->name.n > 0)
		tsn_buf_printf(out, " %.*s", (int)x->name.n, x->name.p);
	for (int k = 0; k < TSN_EXPORTER_FORMAT_COUNT; k++)
		if (x->formats >> k & 1)
			tsn_buf_printf(out, ", %s", tsn_exporter_format_name((enum tsn_exporter_format)k));
	tsn_buf_putc(out, ':');
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++) {
		if (x->counter[k] == 0)
			continue;
		tsn_buf_printf(out, " %s %llu", tsn_exporter_counter_name((enum tsn_exporter_counter)k),
		    (unsigned long long)x->counter[k]);
		if (k == TSN_XC_LOST || k == TSN_XC_LOST_DATAGRAMS)
			tsn_buf_printf(out, " (%.1f%%)", 100 * tsn_exporter_loss(x));
	}
	summarise_settings(x, out);
	return true;
}
