/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What of evictions and late flows shows in an alert: when they were last, part by part, as of each row of the
 * batch folded last. The rows are marked as they are folded; at the end their times go to the parts, and the
 * times of before are kept until the next batch, so that a row sees only what came up to it.
 *
 * Flows come out of order: the one that evicts may be older than those that were counted in the group that goes, and the
 * next of that group older than either. So what is kept of an eviction is the newest time of both, and of a group whose
 * windows had passed its own: for flows that are not much older than others that is before any window.
 */
#include "base/clock.h"
#include "state/internal.h"

void
tsn_marks_init(struct tsn_family *f)
{
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		f->store.evicted[p] = TSN_TIME_NONE;
		for (uint32_t i = 0; i < f->def.naggs; i++)
			f->agg[i].store.late[p] = TSN_TIME_NONE;
	}
	f->marked = true;
	f->marks_end = INT64_MAX; /* not known */
}

static int64_t
latest_of(const int64_t time[TSN_PARTS])
{
	int64_t latest = TSN_TIME_NONE;

	for (uint32_t p = 0; p < TSN_PARTS; p++)
		latest = time[p] > latest ? time[p] : latest;
	return latest;
}

static void
marks_until(struct tsn_family *f, int64_t time)
{
	f->marks_end = time > f->marks_end ? time : f->marks_end;
}

void
tsn_family_begin(const struct tsn_state *s, struct tsn_family *f)
{
	f->folded = s->batches;
	if (!f->marked)
		return;
	f->marked = false;
	tsn_mask_clear(&f->evicted);
	memcpy(f->evicted_before, f->store.evicted, sizeof(f->evicted_before));
	f->marks_end = latest_of(f->evicted_before);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		tsn_mask_clear(&f->agg[i].late);
		memcpy(f->agg[i].late_before, f->agg[i].store.late, sizeof(f->agg[i].late_before));
		marks_until(f, latest_of(f->agg[i].late_before));
	}
}

void
tsn_family_mark(struct tsn_family *f, uint32_t part, uint32_t row, int64_t to)
{
	if (!tsn_mask_has(&f->evicted, row) || to > f->lost_to[row])
		f->lost_to[row] = to;
	f->part_of[row] = (uint8_t)part;
	f->marked = true;
	tsn_mask_set(&f->evicted, row);
}

void
tsn_family_lost(struct tsn_family *f, uint32_t part, uint32_t row, int64_t to)
{
	f->store.stats.evicted++;
	tsn_family_mark(f, part, row, to);
}

static void
settle_late(const struct tsn_state *s, struct tsn_family *f, struct tsn_agg *a, const struct tsn_batch *b)
{
	const int64_t *time = a->def->by_received ? b->received : b->time;
	const uint64_t *hash = f->steps != NULL ? s->more_keys[0].hash : s->keys.hash;

	f->store.stats.late += tsn_mask_count(&a->late);
	f->marked = true;
	TSN_EACH_ROW(row, &a->late) {
		const uint32_t part = tsn_marked_part(f, hash[row]);

		f->part_of[row] = (uint8_t)part;
		a->store.late[part] = time[row] > a->store.late[part] ? time[row] : a->store.late[part];
		marks_until(f, time[row]);
	}
}

void
tsn_family_settle(const struct tsn_state *s, struct tsn_family *f, const struct tsn_batch *b)
{
	if (f->marked)
		TSN_EACH_ROW(row, &f->evicted) {
			int64_t *to = &f->store.evicted[f->part_of[row]];

			*to = f->lost_to[row] > *to ? f->lost_to[row] : *to;
			marks_until(f, *to);
		}
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (tsn_mask_any(&f->agg[i].late))
			settle_late(s, f, &f->agg[i], b);
}

/* The part whose marks concern the row. */
static bool
part_for(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row, uint32_t *part)
{
	*part = 0;
	return f->many_keys || tsn_part_of_row(s, f, b, row, part);
}

int64_t
tsn_state_marks_end(const struct tsn_state *s, uint32_t family)
{
	return s->family[family].marks_end;
}

int64_t
tsn_state_evicted(const struct tsn_state *s, uint32_t family, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_family *f = &s->family[family];
	int64_t last;
	uint32_t part;

	if (!part_for(s, f, b, row, &part))
		return TSN_TIME_NONE;
	if (f->folded != s->batches)
		return f->store.evicted[part];
	last = f->evicted_before[part];
	TSN_EACH_ROW(r, &f->evicted) {
		if (r <= row && f->part_of[r] == part && f->lost_to[r] > last)
			last = f->lost_to[r];
	}
	return last;
}

int64_t
tsn_state_late(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_agg *a = &f->agg[agg];
	const int64_t *time = a->def->by_received ? b->received : b->time;
	int64_t latest;
	uint32_t part;

	if (!part_for(s, f, b, row, &part))
		return TSN_TIME_NONE;
	if (f->folded != s->batches)
		return a->store.late[part];
	latest = a->late_before[part];
	TSN_EACH_ROW(r, &a->late) {
		if (r <= row && f->part_of[r] == part && time[r] > latest)
			latest = time[r];
	}
	return latest;
}

void
tsn_marks_stats(const struct tsn_family *f, struct tsn_family_stats *out)
{
	out->last_evicted = out->last_late = TSN_TIME_NONE;
	for (uint32_t p = 0; p < f->store.nparts; p++) {
		if (f->store.evicted[p] > out->last_evicted)
			out->last_evicted = f->store.evicted[p];
		for (uint32_t i = 0; i < f->def.naggs; i++)
			if (f->agg[i].store.late[p] > out->last_late)
				out->last_late = f->agg[i].store.late[p];
	}
}
