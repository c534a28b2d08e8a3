/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/held.h"

#include "base/mem.h"

#define OWN_SETS  1024u
#define OWN_BYTES (1024u << 10)
#define ALL_SETS  65536u
#define ALL_BYTES (32u << 20)
#define WAIT      (INT64_C(1800) * 1000) /* ms: routers repeat templates every 10 to 30 minutes */

struct queue {
	struct tsn_held_set *first, *last;
	uint32_t sets, bytes;
};

struct tsn_held {
	struct tsn_exporters *exporters;
	struct queue *queue; /* by exporter */
	uint32_t queues, sets, bytes;
};

struct tsn_held *
tsn_held_new(struct tsn_exporters *exporters)
{
	struct tsn_held *t = tsn_calloc(1, sizeof(*t));

	if (t != NULL)
		t->exporters = exporters;
	return t;
}

/* Takes the set after [prev] (NULL: the first) out of the queue. */
static struct tsn_held_set *
unlink_after(struct tsn_held *t, struct queue *q, struct tsn_held_set *prev)
{
	struct tsn_held_set *s = prev != NULL ? prev->next : q->first;

	if (prev != NULL)
		prev->next = s->next;
	else
		q->first = s->next;
	if (q->last == s)
		q->last = prev;
	q->sets--;
	q->bytes -= s->len;
	t->sets--;
	t->bytes -= s->len;
	return s;
}

static void
give_up(struct tsn_held *t, struct queue *q, struct tsn_held_set *prev)
{
	struct tsn_held_set *s = unlink_after(t, q, prev);

	tsn_exporters_at(t->exporters, s->head.source)->counter[TSN_XC_NO_TEMPLATE]++;
	tsn_free(s);
}

void
tsn_held_drop_all(struct tsn_held *t)
{
	for (uint32_t i = 0; i < t->queues; i++)
		while (t->queue[i].first != NULL)
			give_up(t, &t->queue[i], NULL);
}

void
tsn_held_drop_session(struct tsn_held *t, uint32_t source, const struct tsn_sender *from)
{
	struct queue *q = source < t->queues ? &t->queue[source] : NULL;
	struct tsn_held_set *s = q != NULL ? q->first : NULL;

	for (struct tsn_held_set *prev = NULL, *next; s != NULL; s = next) {
		next = s->next;
		if (s->head.from.session == from->session && tsn_addr_cmp(s->head.from.exporter, from->exporter) == 0)
			give_up(t, q, prev);
		else
			prev = s;
	}
}

void
tsn_held_free(struct tsn_held *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->queues; i++)
		while (t->queue[i].first != NULL)
			tsn_free(unlink_after(t, &t->queue[i], NULL));
	tsn_free(t->queue);
	tsn_free(t);
}

static struct queue *
queue_of(struct tsn_held *t, uint32_t source)
{
	uint32_t n = t->queues == 0 ? 16 : t->queues;
	struct queue *bigger;

	if (source < t->queues)
		return &t->queue[source];
	while (n <= source)
		n *= 2;
	bigger = tsn_reallocarray(t->queue, n, sizeof(*bigger));
	if (bigger == NULL)
		return NULL;
	memset(bigger + t->queues, 0, (n - t->queues) * sizeof(*bigger));
	t->queue = bigger;
	t->queues = n;
	return &t->queue[source];
}

static bool
is_full(const struct tsn_held *t, const struct queue *q, size_t n)
{
	return q->sets >= OWN_SETS || q->bytes + n > OWN_BYTES || t->sets >= ALL_SETS || t->bytes + n > ALL_BYTES;
}

void
tsn_held_add(struct tsn_held *t, const struct tsn_head *h, uint16_t id, const uint8_t *p, size_t n)
{
	struct queue *q = queue_of(t, h->source);
	struct tsn_held_set *s = NULL;

	while (q != NULL && q->first != NULL &&
	    (is_full(t, q, n) || (h->received > q->first->head.received && h->received - q->first->head.received > WAIT)))
		give_up(t, q, NULL);
	if (q != NULL && !is_full(t, q, n))
		s = tsn_malloc(sizeof(*s) + n);
	if (s == NULL) {
		tsn_exporters_at(t->exporters, h->source)->counter[TSN_XC_NO_TEMPLATE]++;
		return;
	}
	*s = (struct tsn_held_set){ .head = *h, .len = (uint32_t)n, .id = id };
	memcpy(s->bytes, p, n);
	if (q->last != NULL)
		q->last->next = s;
	else
		q->first = s;
	q->last = s;
	q->sets++;
	q->bytes += s->len;
	t->sets++;
	t->bytes += s->len;
}

/* As tsn_templates_find has it: the same session, or any two of UDP. */
static bool
waits_for(const struct tsn_held_set *s, const struct tsn_head *h, uint16_t id)
{
	return s->id == id && s->head.domain == h->domain && s->head.version == h->version &&
	    (s->head.from.session == h->from.session ||
		(s->head.from.session < TSN_SESSION_STREAM && h->from.session < TSN_SESSION_STREAM)) &&
	    tsn_addr_cmp(s->head.from.exporter, h->from.exporter) == 0;
}

struct tsn_held_set *
tsn_held_take(struct tsn_held *t, const struct tsn_head *h, uint16_t id)
{
	struct queue *q = h->source < t->queues ? &t->queue[h->source] : NULL;

	while (q != NULL && q->first != NULL && h->received > q->first->head.received &&
	    h->received - q->first->head.received > WAIT)
		give_up(t, q, NULL);
	for (struct tsn_held_set *s = q != NULL ? q->first : NULL, *prev = NULL; s != NULL; prev = s, s = s->next)
		if (waits_for(s, h, id))
			return unlink_after(t, q, prev);
	return NULL;
}
