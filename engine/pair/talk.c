/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* From an entry that has waited long enough to a row of conversations (S15). */
#include "base/clock.h"
#include "pair/internal.h"

enum { TCP = 6 };
enum { SYN = 0x02, RST = 0x04, ACK = 0x10 };

/* Three values, as in the language. */
enum truth { NO, YES, UNKNOWN };

/* Who started first; where nobody says: who asked with a SYN, has the higher port, the lower address. */
static unsigned
initiator(const struct talk *t)
{
	const struct side *a = &t->side[0], *b = &t->side[1];

	if (!(a->bits & SIDE_SEEN) || !(b->bits & SIDE_SEEN))
		return !(a->bits & SIDE_SEEN);
	if (a->bits & b->bits & SIDE_START && a->start != b->start)
		return b->start < a->start;
	if ((a->bits ^ b->bits) & SIDE_SYN)
		return (b->bits & SIDE_SYN) != 0;
	return t->port[1] > t->port[0]; /* side 0 has the lower address */
}

static enum truth
attempted(const struct talk *t, const struct side *s, bool answered)
{
	if (answered)
		return NO;
	if (t->proto != TCP)
		return YES;
	if (!(s->bits & SIDE_FLAGS))
		return UNKNOWN;
	return s->bits & SIDE_SYN ? YES : NO;
}

static enum truth
established(const struct talk *t, const struct side *s, const struct side *o, bool answered)
{
	if (!answered)
		return NO;
	if (t->proto != TCP)
		return YES;
	if (!(s->bits & o->bits & SIDE_FLAGS))
		return UNKNOWN;
	return s->flags & o->flags & ACK && !((s->bits | o->bits) & SIDE_BARE_RST) ? YES : NO;
}

static void
put_truth(struct tsn_batch *out, uint32_t row, enum tsn_field f, enum truth v)
{
	if (v != UNKNOWN)
		tsn_batch_put_int(out, row, f, v == YES);
}

static void
put_reply(struct tsn_batch *out, uint32_t row, enum tsn_field f, const struct side *o, uint16_t bit, uint64_t sum)
{
	if (!(o->bits & SIDE_SEEN) || (o->bits & bit && sum < TOO_MANY))
		tsn_batch_put_int(out, row, f, (int64_t)sum);
}

/* What is known of the other side only where the exporter shows both and looks at every packet. */
static void
put_answer(const struct talk *t, unsigned i, struct tsn_exporter *x, struct tsn_batch *out, uint32_t row)
{
	const struct side *s = &t->side[i], *o = &t->side[!i];
	const bool answered = (o->bits & SIDE_ANSWERS) != 0;

	if ((s->bits | o->bits) & SIDE_SAMPLED)
		return;
	if (x != NULL && answered)
		x->both_seen = true;
	if (!(o->bits & SIDE_SEEN) && (x == NULL || !x->both_seen))
		return;
	put_truth(out, row, TSN_F_ANSWERED, answered ? YES : NO);
	put_truth(out, row, TSN_F_ATTEMPTED, attempted(t, s, answered));
	put_truth(out, row, TSN_F_ESTABLISHED, established(t, s, o, answered));
	put_reply(out, row, TSN_F_REPLY_PACKETS, o, SIDE_PACKETS, o->packets);
	put_reply(out, row, TSN_F_REPLY_BYTES, o, SIDE_BYTES, o->bytes);
}

static void
put_side(const struct side *s, struct tsn_batch *out, uint32_t row)
{
	if (s->bits & SIDE_FLAGS)
		tsn_batch_put_int(out, row, TSN_F_FLAGS, s->flags);
	if (s->bits & SIDE_START)
		tsn_batch_put_int(out, row, TSN_F_START, s->start);
	if (s->bits & SIDE_END)
		tsn_batch_put_int(out, row, TSN_F_END, s->end);
	if (s->bits & SIDE_PACKETS && s->packets < TOO_MANY)
		tsn_batch_put_int(out, row, TSN_F_PACKETS, (int64_t)s->packets);
	if (s->bits & SIDE_BYTES && s->bytes < TOO_MANY)
		tsn_batch_put_int(out, row, TSN_F_BYTES, (int64_t)s->bytes);
	out->sampled |= (s->bits & SIDE_SAMPLED) != 0;
}

static void
put_ends(const struct tsn_pair *p, const struct talk *t, unsigned i, struct tsn_batch *out, uint32_t row)
{
	struct tsn_addr src = tsn_pair_addr(p, t, i);

	tsn_batch_put_addr(out, row, TSN_F_SRC, src);
	tsn_batch_put_addr(out, row, TSN_F_DST, tsn_pair_addr(p, t, !i));
	tsn_batch_put_addr(out, row, TSN_F_INITIATOR, src);
	tsn_batch_put_int(out, row, TSN_F_PROTO, t->proto);
	tsn_batch_put_int(out, row, TSN_F_IP_VERSION, src.v4 ? 4 : 6);
	if (t->bits & TALK_PORT_A << i)
		tsn_batch_put_int(out, row, TSN_F_SRC_PORT, t->port[i]);
	if (t->bits & TALK_PORT_A << !i)
		tsn_batch_put_int(out, row, TSN_F_DST_PORT, t->port[!i]);
}

/* The exporter of the side's first flow; NULL if it is not known, or has no entry of its own. */
static struct tsn_exporter *
exporter_of(const struct tsn_pair *p, const struct talk *t, unsigned i, struct tsn_exporters *exporters, uint32_t *source)
{
	*source = 0;
	if (t->side[i].carry == CARRY_NONE)
		return NULL;
	*source = tsn_pair_source(log_at(p, t->log + t->side[i].carry));
	if (*source >= tsn_exporters_count(exporters))
		*source = 0;
	return *source == 0 ? NULL : tsn_exporters_at(exporters, *source);
}

static void
put_talk(struct tsn_pair *p, const struct talk *t, struct tsn_batch *out, uint32_t row, struct tsn_exporters *exporters)
{
	const unsigned i = initiator(t);
	struct tsn_exporter *x = exporter_of(p, t, i, exporters, &out->source[row]);

	out->received[row] = t->received;
	out->time[row] = t->time;
	put_ends(p, t, i, out, row);
	put_side(&t->side[i], out, row);
	tsn_pair_carried(p, t, i, out, row);
	put_answer(t, i, x, out, row);
	if (x != NULL && x->name.n > 0)
		tsn_batch_put_str(out, row, TSN_F_EXPORTER_NAME, x->name);
	for (unsigned k = 0; k < TSN_GIVES_COUNT; k++)
		tsn_mask_put(&out->gives[k], row, (t->side[i].bits & SIDE_GIVES << k) != 0);
	tsn_mask_put(&out->gives[TSN_GIVES_BOTH_DIRECTIONS], row, x != NULL && x->both_seen);
	tsn_mask_put(&out->gives[TSN_GIVES_UNSAMPLED], row, !((t->side[i].bits | t->side[!i].bits) & SIDE_SAMPLED));
}

uint32_t
tsn_pair_take(struct tsn_pair *p, int64_t now, struct tsn_batch *out, struct tsn_exporters *exporters)
{
	while (out->n < out->cap && p->begin != p->end && tsn_pair_due(p) <= now) {
		put_talk(p, talk_at(p, p->begin), out, out->n++, exporters);
		p->begin++;
		p->log.begin = p->begin == p->end ? p->log.end : talk_at(p, p->begin)->log;
		p->stats.talks++;
	}
	tsn_mask_first(&out->rows, out->n);
	return out->n;
}
