/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/held.h"

#include "base/hash.h"
#include "base/mem.h"

#define OWN_SETS  1024u
#define OWN_BYTES (1024u << 10)
#define ALL_SETS  65536u
#define ALL_BYTES (32u << 20)
#define WAIT      (INT64_C(1800) * 1000) /* ms: routers repeat templates every 10 to 30 minutes */
#define BUCKETS   16384u

enum { OWN, ALIKE };

struct queue {
	struct tsn_held_link ends; /* next: the oldest, prev: the newest */
	uint32_t sets, bytes;
};

struct tsn_held {
	struct tsn_exporters *exporters;
	struct queue *queue; /* by exporter */
	struct tsn_held_link *bucket;
	uint32_t queues, sets, bytes;
};

struct tsn_held *
tsn_held_new(struct tsn_exporters *exporters)
{
	struct tsn_held *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->exporters = exporters;
	t->bucket = tsn_calloc(BUCKETS, sizeof(*t->bucket));
	if (t->bucket == NULL) {
		tsn_free(t);
		return NULL;
	}
	return t;
}

/*
 * Where sets wait for template [id] under header [h]; see waits_for. Who sends must not be able to make all of them land in one
 * place: so the table's address, which he does not know, takes part.
 */
static struct tsn_held_link *
bucket_of(const struct tsn_held *t, const struct tsn_head *h, uint16_t id)
{
	uint32_t session = h->from.session < TSN_SESSION_STREAM ? 0 : h->from.session;
	uint64_t hash = tsn_hash_join(tsn_hash_u64((uintptr_t)t->bucket, h->from.exporter.hi), h->from.exporter.lo);

	hash = tsn_hash_join(hash, (uint64_t)session << 32 | h->domain);
	return &t->bucket[tsn_hash_join(hash, (uint64_t)h->version << 16 | id) & (BUCKETS - 1)];
}

static void
append(struct tsn_held_link *ends, struct tsn_held_set *s, int which)
{
	s->link[which] = (struct tsn_held_link){ ends->prev, NULL };
	if (ends->prev != NULL)
		ends->prev->link[which].next = s;
	else
		ends->next = s;
	ends->prev = s;
}

static void
unlink_from(struct tsn_held_link *ends, struct tsn_held_set *s, int which)
{
	struct tsn_held_link *l = &s->link[which];

	if (l->prev != NULL)
		l->prev->link[which].next = l->next;
	else
		ends->next = l->next;
	if (l->next != NULL)
		l->next->link[which].prev = l->prev;
	else
		ends->prev = l->prev;
}

static void
take_out(struct tsn_held *t, struct tsn_held_set *s)
{
	struct queue *q = &t->queue[s->head.source];

	unlink_from(&q->ends, s, OWN);
	unlink_from(bucket_of(t, &s->head, s->id), s, ALIKE);
	q->sets--;
	q->bytes -= s->len;
	t->sets--;
	t->bytes -= s->len;
}

static void
give_up(struct tsn_held *t, struct tsn_held_set *s)
{
	take_out(t, s);
	tsn_exporters_at(t->exporters, s->head.source)->counter[TSN_XC_NO_TEMPLATE]++;
	tsn_free(s);
}

void
tsn_held_drop_all(struct tsn_held *t)
{
	for (uint32_t i = 0; i < t->queues; i++)
		while (t->queue[i].ends.next != NULL)
			give_up(t, t->queue[i].ends.next);
}

void
tsn_held_drop_session(struct tsn_held *t, uint32_t source, const struct tsn_sender *from)
{
	struct tsn_held_set *s = source < t->queues ? t->queue[source].ends.next : NULL;

	for (struct tsn_held_set *next; s != NULL; s = next) {
		next = s->link[OWN].next;
		if (s->head.from.session == from->session && tsn_addr_cmp(s->head.from.exporter, from->exporter) == 0)
			give_up(t, s);
	}
}

void
tsn_held_free(struct tsn_held *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->queues; i++)
		for (struct tsn_held_set *s = t->queue[i].ends.next, *next; s != NULL; s = next) {
			next = s->link[OWN].next;
			tsn_free(s);
		}
	tsn_free(t->queue);
	tsn_free(t->bucket);
	tsn_free(t);
}

static struct queue *
queue_of(struct tsn_held *t, uint32_t source)
{
	struct queue *all = tsn_reach(t->queue, &t->queues, source, sizeof(*all));

	if (all == NULL)
		return NULL;
	t->queue = all;
	return &all[source];
}

static bool
is_full(const struct tsn_held *t, const struct queue *q, size_t n)
{
	return q->sets >= OWN_SETS || q->bytes + n > OWN_BYTES || t->sets >= ALL_SETS || t->bytes + n > ALL_BYTES;
}

static bool
is_late(const struct tsn_held_set *s, int64_t now)
{
	return now > s->head.received && now - s->head.received > WAIT;
}

void
tsn_held_add(struct tsn_held *t, const struct tsn_head *h, uint16_t id, const uint8_t *p, size_t n)
{
	struct queue *q = queue_of(t, h->source);
	struct tsn_held_set *s = NULL;

	while (q != NULL && q->ends.next != NULL && (is_full(t, q, n) || is_late(q->ends.next, h->received)))
		give_up(t, q->ends.next);
	if (q != NULL && !is_full(t, q, n))
		s = tsn_malloc(sizeof(*s) + n);
	if (s == NULL) {
		tsn_exporters_at(t->exporters, h->source)->counter[TSN_XC_NO_TEMPLATE]++;
		return;
	}
	*s = (struct tsn_held_set){ .head = *h, .len = (uint32_t)n, .id = id };
	memcpy(s->bytes, p, n);
	append(&q->ends, s, OWN);
	append(bucket_of(t, h, id), s, ALIKE);
	q->sets++;
	q->bytes += s->len;
	t->sets++;
	t->bytes += s->len;
}

/* As tsn_templates_find has it: the same session, or any two of UDP. */
static bool
waits_for(const struct tsn_held_set *s, const struct tsn_head *h, uint16_t id)
{
	return s->id == id && s->head.source == h->source && s->head.domain == h->domain && s->head.version == h->version &&
	    (s->head.from.session == h->from.session ||
		(s->head.from.session < TSN_SESSION_STREAM && h->from.session < TSN_SESSION_STREAM)) &&
	    tsn_addr_cmp(s->head.from.exporter, h->from.exporter) == 0;
}

struct tsn_held_set *
tsn_held_take(struct tsn_held *t, const struct tsn_head *h, uint16_t id)
{
	struct queue *q = h->source < t->queues ? &t->queue[h->source] : NULL;
	struct tsn_held_set *s;

	while (q != NULL && q->ends.next != NULL && is_late(q->ends.next, h->received))
		give_up(t, q->ends.next);
	if (q == NULL || q->sets == 0)
		return NULL;
	for (s = bucket_of(t, h, id)->next; s != NULL && !waits_for(s, h, id); s = s->link[ALIKE].next)
		;
	if (s != NULL)
		take_out(t, s);
	return s;
}
