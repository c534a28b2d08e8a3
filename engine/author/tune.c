/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "vm/vm.h"

#define AROUND 1000.0           /* numbers from the threshold / AROUND to the threshold * AROUND... */
#define SPREAD 48               /* ...as long as there are so few */
#define SEEN_MAX (1u << 20)     /* alerts whose severity is followed */

struct tsn_tune_seen {
	uint64_t *id;               /* a power of two, at most half full; 0: free */
	uint8_t *severity;
	size_t n, cap;
};

/* --- numbers --- */

void
tsn_tune_number(double v, enum tsn_type type, char out[TSN_TUNE_NUMBER])
{
	static const struct { double least, of; const char *unit; } units[] = { { 1e9, 1e9, "G" }, { 1e6, 1e6, "M" }, { 1e4, 1e3, "k" } };
	char time[TSN_TIME_TEXT];
	size_t n;

	if (type == TSN_T_DURATION) {
		snprintf(out, TSN_TUNE_NUMBER, "%.31s", tsn_duration_text((int64_t)v, time));
		return;
	}
	if (type == TSN_T_REAL) {
		snprintf(out, TSN_TUNE_NUMBER, "%.6f", v);
		for (n = strlen(out); out[n - 1] == '0' && out[n - 2] != '.'; n--)
			out[n - 1] = '\0';
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (fabs(v) >= units[i].least && fmod(v, units[i].of) == 0) {
			snprintf(out, TSN_TUNE_NUMBER, "%.0f%s", v / units[i].of, units[i].unit);
			return;
		}
	snprintf(out, TSN_TUNE_NUMBER, "%.0f", v);
}

static bool
add(struct tsn_tune *t, double v, const char *text)
{
	struct tsn_tune_candidate *c = &t->candidate[t->ncandidates];

	for (uint32_t i = 0; i < t->ncandidates; i++)
		if (t->candidate[i].n == v)
			return true;
	if (t->ncandidates == TSN_TUNE_CANDIDATES)
		return false;
	*c = (struct tsn_tune_candidate){ .n = v, .is_now = v == t->what->threshold };
	if (text != NULL)
		snprintf(c->text, sizeof(c->text), "%s", text);
	else
		tsn_tune_number(v, t->what->type, c->text);
	t->ncandidates++;
	return true;
}

static int
by_number(const void *pa, const void *pb)
{
	const struct tsn_tune_candidate *a = pa, *b = pb;

	return (a->n > b->n) - (a->n < b->n);
}

/* Numbers that people read well, from the threshold outwards. */
static void
around(struct tsn_tune *t)
{
	static const double steps[] = { 1, 1.5, 2, 3, 4, 5, 6, 8 };
	const double now = t->what->threshold, start = now > 0 ? now : 1;
	const int at = (int)floor(log10(start));
	const bool whole = t->what->type != TSN_T_REAL;

	add(t, now, NULL);
	for (int far = 0; far <= 3 && t->ncandidates < SPREAD; far++)
		for (int side = 0; side < (far == 0 ? 1 : 2); side++) {
			const double unit = pow(10, side == 0 ? at + far : at - far);

			for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && t->ncandidates < SPREAD; i++) {
				double v = whole ? round(steps[i] * unit) : steps[i] * unit;

				if ((!whole || fabs(v - steps[i] * unit) < 1e-9) && v >= start / AROUND && v <= start * AROUND)
					add(t, v, NULL);
			}
		}
}

/* "5,10k,0.5,2m": a number and what rules put behind it. */
static bool
listed(struct tsn_tune *t, const char *list)
{
	static const struct { const char *unit; double of; } units[] = {
		{ "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "kB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
		{ "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 },
	}, times[] = { { "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 3.6e6 }, { "d", 8.64e7 }, { "w", 6.048e8 } };
	const bool time = t->what->type == TSN_T_DURATION;
	const size_t nunits = time ? sizeof(times) / sizeof(times[0]) : sizeof(units) / sizeof(units[0]);
	char word[TSN_TUNE_NUMBER], *end;

	add(t, t->what->threshold, NULL);
	for (const char *p = list; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ","), i;
		double v;

		if (n == 0 || n >= sizeof(word) || strspn(p, "0123456789") == 0)
			return false;
		memcpy(word, p, n);
		word[n] = '\0';
		v = strtod(word, &end);
		for (i = 0; i < nunits && strcmp(end, (time ? times : units)[i].unit) != 0; i++)
			;
		if (i == nunits || !isfinite(v) || strpbrk(word, "xXeEpP") != NULL || !add(t, v * (time ? times : units)[i].of, word))
			return false;
		p += n;
	}
	return true;
}

bool
tsn_tune_init(struct tsn_tune *t, const struct tsn_tuning *what, const char *list)
{
	bool ok = true;

	memset(t, 0, sizeof(*t));
	t->what = what;
	t->suggested = -1;
	t->low = what->rel == TSN_REL_LT || what->rel == TSN_REL_LE;
	if (list != NULL)
		ok = listed(t, list);
	else
		around(t);
	qsort(t->candidate, t->ncandidates, sizeof(t->candidate[0]), by_number);
	return ok;
}

/* --- collecting --- */

void
tsn_tune_begin(struct tsn_tune *t, const struct tsn_ruleset *rs)
{
	t->rules = rs;
	for (uint32_t i = 0; i < rs->nprobes; i++) {
		const struct tsn_rule *r = &rs->program->rules[rs->first_probe + i];

		if (rs->probes[i].kind == TSN_PROBE_TWIN) {
			t->candidate[rs->probes[i].part].possible = true;
		} else if (rs->probes[i].kind == TSN_PROBE_VALUE) {
			t->probe = &rs->probes[i];
			t->left = r->message[0].reg;
			t->right = r->message[1].reg;
		}
	}
}

/* [v] is above 0. */
static size_t
fine_bucket(double v)
{
	int exponent;
	double part = frexp(v, &exponent); /* 0.5 to 1 */
	long at = ((long)exponent + 64) * 32 + (long)((part - 0.5) * 64);

	return at < 0 ? 0 : at >= TSN_TUNE_FINE ? TSN_TUNE_FINE + 1 : (size_t)at;
}

void
tsn_tune_on_probe(void *arg, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_tune *t = arg;
	uint8_t key[TSN_KEY_MAX];
	struct tsn_mask keyed;
	double value;

	if (&t->rules->probes[probe] != t->probe)
		return;
	tsn_key_present(&t->probe->key, b, &keyed);
	tsn_mask_and(&keyed, &keyed, rows);
	TSN_EACH_ROW(row, &keyed) {
		if (!tsn_vm_number(vm, t->left, row, &value) || !isfinite(value))
			continue;
		t->values++;
		t->fine[value > 0 ? fine_bucket(value) : TSN_TUNE_FINE]++;
		tsn_peaks_add(&t->peaks, key, (uint32_t)tsn_key_encode(&t->probe->key, b, row, key),
		    t->low ? t->what->threshold - value : value - t->what->threshold, value, t->what->threshold, b->time[row]);
	}
}

static bool
seen_room(struct tsn_tune_seen *s)
{
	size_t cap = s->cap == 0 ? 1024 : s->cap * 2;
	uint64_t *id;
	uint8_t *severity;

	if (s->n * 2 < s->cap)
		return true;
	if (s->n >= SEEN_MAX)
		return false;
	id = tsn_calloc(cap, sizeof(*id));
	severity = tsn_calloc(cap, 1);
	if (id == NULL || severity == NULL) {
		tsn_free(id);
		tsn_free(severity);
		return false;
	}
	for (size_t i = 0; i < s->cap; i++) {
		size_t at = s->id[i] & (cap - 1);

		if (s->id[i] == 0)
			continue;
		while (id[at] != 0)
			at = (at + 1) & (cap - 1);
		id[at] = s->id[i];
		severity[at] = s->severity[i];
	}
	tsn_free(s->id);
	tsn_free(s->severity);
	s->id = id;
	s->severity = severity;
	s->cap = cap;
	return true;
}

/* The place where the alert's severity is kept; NULL: it is none of those that are followed. [open]: it is new. */
static uint8_t *
seen(struct tsn_tune *t, const struct tsn_alert *al, bool open)
{
	uint64_t id = tsn_hash_bytes(al->id, strlen(al->id), 0) | 1;
	struct tsn_tune_seen *s = t->seen;
	size_t at;

	if (s == NULL)
		s = t->seen = tsn_calloc(1, sizeof(*s));
	if (s == NULL || (open && !seen_room(s)) || s->cap == 0)
		return NULL;
	for (at = id & (s->cap - 1); s->id[at] != 0 && s->id[at] != id; at = (at + 1) & (s->cap - 1))
		;
	if (s->id[at] == 0 && !open)
		return NULL;
	s->n += s->id[at] == 0;
	s->id[at] = id;
	return &s->severity[at];
}

void
tsn_tune_on_alert(void *arg, const struct tsn_alert *al)
{
	struct tsn_tune *t = arg;
	uint32_t rule = (uint32_t)(al->rule - t->rules->program->rules);
	const bool open = al->state == TSN_ALERT_OPEN, each = al->state == TSN_ALERT_EACH;
	struct tsn_tune_candidate *c;
	uint8_t *was;

	if (rule < t->rules->first_probe || t->rules->probes[rule - t->rules->first_probe].kind != TSN_PROBE_TWIN)
		return;
	c = &t->candidate[t->rules->probes[rule - t->rules->first_probe].part];
	if (open || each) {
		c->alerts++;
		c->reached[al->severity]++;
	}
	if (each || al->rule->nrungs == 0)
		return;
	was = seen(t, al, open);
	if (was == NULL)
		return;
	if (!open && al->severity > *was) {
		c->reached[*was]--;
		c->reached[al->severity]++;
	}
	*was = (uint8_t)al->severity;
}

void
tsn_tune_fini(struct tsn_tune *t)
{
	tsn_peaks_fini(&t->peaks);
	tsn_free(t->sorted);
	if (t->seen != NULL) {
		tsn_free(t->seen->id);
		tsn_free(t->seen->severity);
	}
	tsn_free(t->seen);
	t->seen = NULL;
	t->sorted = NULL;
}
