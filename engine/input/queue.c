/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/queue.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

#define LINE 64u
/* As long as the reader keeps up, no more of the ring is used than fits into a cache. */
#define WARM ((uint64_t)256 << 10)

/*
 * Positions only grow; a place in the ring is one modulo its size. A record is a datagram and, behind it, its payload, in
 * whole cache lines and in one piece: where the rest of the ring is too short for it, one without payload says so.
 */
struct tsn_queue {
	uint8_t *bytes;
	uint64_t size;
	/* of the writer */
	_Alignas(LINE) _Atomic uint64_t sent;
	uint64_t end;       /* of what was put */
	uint64_t seen_done;
	/* of the reader */
	_Alignas(LINE) _Atomic uint64_t done;
	uint64_t taken;
};

_Static_assert(sizeof(struct tsn_datagram) <= LINE, "a record begins with one line");

struct tsn_queue *
tsn_queue_new(size_t bytes)
{
	struct tsn_queue *q = tsn_aligned_alloc(LINE, sizeof(*q));

	if (q == NULL)
		return NULL;
	*q = (struct tsn_queue){ .bytes = tsn_map(NULL, 0, bytes), .size = bytes };
	if (q->bytes == NULL) {
		tsn_free(q);
		return NULL;
	}
	madvise(q->bytes, bytes, MADV_DONTFORK); /* who writes a snapshot beside us would make every page be copied */
	return q;
}

void
tsn_queue_free(struct tsn_queue *q)
{
	if (q != NULL)
		tsn_unmap(q->bytes, q->size);
	tsn_free(q);
}

static struct tsn_datagram *
record(const struct tsn_queue *q, uint64_t at)
{
	return (struct tsn_datagram *)(q->bytes + (at & (q->size - 1)));
}

static uint64_t
record_bytes(const struct tsn_datagram *d)
{
	return LINE + ((d->len + LINE - 1) & ~(uint64_t)(LINE - 1));
}

/* Bytes up to where the ring begins anew. */
static uint64_t
rest(const struct tsn_queue *q, uint64_t at)
{
	return q->size - (at & (q->size - 1));
}

/* --- the writer --- */

static bool
has_room(struct tsn_queue *q, uint64_t need)
{
	if (q->end + need - q->seen_done <= q->size)
		return true;
	q->seen_done = atomic_load_explicit(&q->done, memory_order_acquire);
	return q->end + need - q->seen_done <= q->size;
}

/* The next record goes to the beginning of the ring. */
static void
skip(struct tsn_queue *q)
{
	record(q, q->end)->payload = NULL;
	q->end += rest(q, q->end);
}

static bool
is_empty(struct tsn_queue *q)
{
	if (q->seen_done != q->end)
		q->seen_done = atomic_load_explicit(&q->done, memory_order_acquire);
	return q->seen_done == q->end;
}

bool
tsn_queue_put(struct tsn_queue *q, const struct tsn_datagram *d)
{
	const uint64_t need = record_bytes(d), left = rest(q, q->end);
	struct tsn_datagram *to;

	if (!has_room(q, need <= left ? need : left + need))
		return false;
	if (need > left || (q->size - left > WARM && is_empty(q)))
		skip(q);
	to = record(q, q->end);
	*to = *d;
	to->payload = (const uint8_t *)to + LINE;
	if (d->len > 0)
		memcpy((uint8_t *)to + LINE, d->payload, d->len);
	q->end += need;
	return true;
}

void
tsn_queue_send(struct tsn_queue *q)
{
	atomic_store(&q->sent, q->end);
}

/* --- the reader --- */

unsigned
tsn_queue_take(struct tsn_queue *q, struct tsn_datagram *out, unsigned max)
{
	const uint64_t sent = atomic_load_explicit(&q->sent, memory_order_acquire);
	unsigned n = 0;

	while (n < max && q->taken < sent) {
		const struct tsn_datagram *d = record(q, q->taken);

		if (d->payload == NULL) {
			q->taken += rest(q, q->taken);
			continue;
		}
		out[n++] = *d;
		q->taken += record_bytes(d);
	}
	return n;
}

void
tsn_queue_done(struct tsn_queue *q)
{
	atomic_store_explicit(&q->done, q->taken, memory_order_release);
}

bool
tsn_queue_waits(const struct tsn_queue *q)
{
	return atomic_load(&q->sent) != q->taken;
}
