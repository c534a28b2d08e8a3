/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/fragment.h"

#include <string.h>

#include "base/mem.h"

#define LENGTH_MAX 65535u
#define UNITS ((LENGTH_MAX + 7) / 8) /* offsets count eight bytes */

/* One datagram on its way. */
struct partial {
	struct tsn_addr src, dst;
	uint32_t id;
	uint8_t proto;
	bool used, refused;
	int64_t since;
	uint32_t total;     /* 0 until the last fragment is there */
	uint32_t have, end; /* bytes; the furthest byte so far */
	uint32_t cap;
	uint8_t *bytes;
	uint64_t units[UNITS / 64]; /* which eight-byte units are there */
};

struct tsn_fragments {
	struct partial *p;
	uint32_t max, reach; /* those from [reach] on have never been used, and nobody has touched their memory */
	uint64_t incomplete;
	uint8_t *whole; /* of the last completed datagram */
};

struct tsn_fragments *
tsn_fragments_new(uint32_t max)
{
	struct tsn_fragments *f = tsn_calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->max = max;
	f->p = tsn_reallocarray(NULL, max, sizeof(*f->p));
	if (f->p == NULL) {
		tsn_free(f);
		return NULL;
	}
	return f;
}

static void
drop(struct partial *p)
{
	tsn_free(p->bytes);
	p->bytes = NULL;
	p->used = false;
}

void
tsn_fragments_free(struct tsn_fragments *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->reach; i++)
		drop(&f->p[i]);
	tsn_free(f->whole);
	tsn_free(f->p);
	tsn_free(f);
}

uint64_t
tsn_fragments_incomplete(const struct tsn_fragments *f)
{
	return f->incomplete;
}

static void
give_up(struct tsn_fragments *f, struct partial *p)
{
	f->incomplete += !p->refused; /* refused ones are counted already */
	drop(p);
}

void
tsn_fragments_flush(struct tsn_fragments *f)
{
	for (uint32_t i = 0; i < f->reach; i++)
		if (f->p[i].used)
			give_up(f, &f->p[i]);
}

/* The datagram stays known for its time, so that its other fragments do not begin it anew. */
static void
refuse(struct tsn_fragments *f, struct partial *p)
{
	f->incomplete++;
	p->refused = true;
	tsn_free(p->bytes);
	p->bytes = NULL;
}

static bool
same(const struct partial *p, const struct tsn_ip *ip)
{
	return p->id == ip->id && tsn_addr_cmp(p->src, ip->src) == 0 &&
	    tsn_addr_cmp(p->dst, ip->dst) == 0;
}

/* The fragment's datagram, begun if it is new. Ages all others on the way. */
static struct partial *
find(struct tsn_fragments *f, const struct tsn_ip *ip, int64_t now)
{
	struct partial *found = NULL, *place = NULL;

	for (uint32_t i = 0; i < f->reach; i++) {
		struct partial *p = &f->p[i];

		if (p->used &&
		    (now - p->since > TSN_FRAGMENT_MS || p->since - now > TSN_FRAGMENT_MS))
			give_up(f, p);
		if (p->used && same(p, ip))
			found = p;
		if (place == NULL || (place->used && (!p->used || p->since < place->since)))
			place = p;
	}
	if (found != NULL)
		return found;
	if ((place == NULL || place->used) && f->reach < f->max)
		place = &f->p[f->reach++];
	else if (place->used)
		give_up(f, place);
	memset(place, 0, sizeof(*place));
	place->used = true;
	place->src = ip->src;
	place->dst = ip->dst;
	place->id = ip->id;
	place->since = now;
	return place;
}

static bool
room_for(struct partial *p, uint32_t n)
{
	uint32_t want = p->cap != 0 ? p->cap : 4096;
	uint8_t *bytes;

	if (n <= p->cap)
		return true;
	while (want < n)
		want *= 2;
	bytes = tsn_realloc(p->bytes, want);
	if (bytes == NULL)
		return false;
	p->bytes = bytes;
	p->cap = want;
	return true;
}

/* How many of the units from [at] on are there already. */
static uint32_t
units_there(const struct partial *p, uint32_t at, uint32_t n)
{
	uint32_t there = 0;

	for (uint32_t u = at; u < at + n; u++)
		there += p->units[u / 64] >> (u % 64) & 1;
	return there;
}

/* A fragment's own numbers, and against what is known of the datagram. */
static bool
sound(const struct partial *p, const struct tsn_ip *ip)
{
	uint64_t end = (uint64_t)ip->offset + ip->len;

	if (ip->len < ip->full || ip->len == 0 || end > LENGTH_MAX ||
	    (ip->more && ip->len % 8 != 0))
		return false;
	if (p->total != 0 && (ip->more ? end > p->total : end != p->total))
		return false;
	return ip->more || p->end <= end;
}

/* False if it cannot be part of one datagram with the others. */
static bool
place(struct partial *p, const struct tsn_ip *ip)
{
	uint32_t at = ip->offset / 8, n = (uint32_t)(ip->len + 7) / 8;
	uint32_t end = ip->offset + (uint32_t)ip->len, there;

	if (!sound(p, ip) || !room_for(p, end))
		return false;
	there = units_there(p, at, n);
	if (there != 0) /* the same again is harmless */
		return there == n && end <= p->end &&
		    memcmp(p->bytes + ip->offset, ip->payload, ip->len) == 0;
	memcpy(p->bytes + ip->offset, ip->payload, ip->len);
	for (uint32_t u = at; u < at + n; u++)
		p->units[u / 64] |= UINT64_C(1) << (u % 64);
	p->have += (uint32_t)ip->len;
	if (end > p->end)
		p->end = end;
	if (!ip->more)
		p->total = end;
	if (ip->offset == 0)
		p->proto = ip->proto; /* RFC 8200: the first fragment's next header counts */
	return true;
}

bool
tsn_fragments_add(struct tsn_fragments *f, struct tsn_ip *ip, int64_t now_ms)
{
	struct partial *p = find(f, ip, now_ms);

	if (p->refused)
		return false;
	if (!place(p, ip)) {
		refuse(f, p);
		return false;
	}
	if (p->total == 0 || p->have != p->total)
		return false;
	tsn_free(f->whole);
	f->whole = p->bytes;
	p->bytes = NULL;
	ip->payload = f->whole;
	ip->len = ip->full = p->total;
	ip->proto = p->proto;
	ip->offset = 0;
	ip->more = false;
	drop(p);
	return true;
}
