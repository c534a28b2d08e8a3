/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/template.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "decode/plan.h"

/*
 * Bounds. A chassis of 64 line cards that are Observation Domains of their own with 30 templates each fits. Fields are
 * bounded as well, because they are what takes memory (8 bytes each, some 40 once a plan is made).
 */
#define OWN_TEMPLATES 4096u
#define OWN_FIELDS    131072u
#define ALL_TEMPLATES 131072u
#define ALL_FIELDS    2097152u
/*
 * Sessions of a kind that keep a template of one id in a domain. More UDP ports are those of an exporter that changes
 * them; more connections (many exporters may stand behind one address) are ones whose end the caller did not tell.
 */
#define UDP_SESSIONS    16u
#define STREAM_SESSIONS 256u
#define BUCKETS       32768u

/*
 * Over UDP a template is to be forgotten when it was not sent again in three times the exporter's refresh time (RFC
 * 7011 section 8.4), which nobody tells us; defaults are 10 to 30 minutes, or every so many packets, which on a quiet
 * link can take hours. Keeping one too long costs memory; forgetting it too early, flows. Hence a day. Templates of
 * connections and files live as long as those (section 8.1).
 */
#define LIFETIME (INT64_C(86400) * 1000)

enum { OWN, ALL };

struct owner {
	uint32_t templates, fields;
	struct tsn_link ends; /* prev: the last refreshed */
	struct tsn_facts_budget facts;
};

struct tsn_templates {
	struct tsn_domain **bucket;
	struct owner *owner;
	uint32_t owners;
	uint32_t templates, fields, facts;
	struct tsn_link ends;
	struct tsn_domain *last; /* most messages come from where the last one did */
};

struct tsn_templates *
tsn_templates_new(void)
{
	struct tsn_templates *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->bucket = tsn_calloc(BUCKETS, sizeof(struct tsn_domain *));
	if (t->bucket == NULL) {
		tsn_free(t);
		return NULL;
	}
	return t;
}

static struct tsn_link *
ends_of(struct tsn_templates *t, const struct tsn_template *m, int which)
{
	return which == OWN ? &t->owner[m->source].ends : &t->ends;
}

/* [ends->next] is the first, longest not refreshed. */
static void
append(struct tsn_templates *t, struct tsn_template *m, int which)
{
	struct tsn_link *ends = ends_of(t, m, which);

	m->link[which] = (struct tsn_link){ ends->prev, NULL };
	if (ends->prev != NULL)
		ends->prev->link[which].next = m;
	else
		ends->next = m;
	ends->prev = m;
}

static void
unlink_from(struct tsn_templates *t, struct tsn_template *m, int which)
{
	struct tsn_link *ends = ends_of(t, m, which), *l = &m->link[which];

	if (l->prev != NULL)
		l->prev->link[which].next = l->next;
	else
		ends->next = l->next;
	if (l->next != NULL)
		l->next->link[which].prev = l->prev;
	else
		ends->prev = l->prev;
}

/* The table's address takes part, so that nobody outside can choose domains that land in one place. */
static uint32_t
bucket_of(const struct tsn_templates *t, const struct tsn_scope *s)
{
	uint64_t h = tsn_hash_join(tsn_hash_u64((uintptr_t)t->bucket, s->exporter.hi), s->exporter.lo);

	h = tsn_hash_join(h, s->domain);

	return (uint32_t)tsn_hash_join(h, s->version) & (BUCKETS - 1);
}

static bool
is_of(const struct tsn_domain *d, const struct tsn_scope *s)
{
	return d->id == s->domain && d->version == s->version && d->source == s->source &&
	    tsn_addr_cmp(d->exporter, s->exporter) == 0;
}

struct tsn_domain *
tsn_templates_domain(struct tsn_templates *t, const struct tsn_scope *s)
{
	struct tsn_domain *d = t->last;

	if (d != NULL && is_of(d, s))
		return d;
	for (d = t->bucket[bucket_of(t, s)]; d != NULL && !is_of(d, s); d = d->next)
		;
	if (d != NULL)
		t->last = d;
	return d;
}

static struct tsn_template **
chain_of(const struct tsn_domain *d, uint16_t id)
{
	return &d->bucket[id & (d->buckets - 1)];
}

static void
free_domain(struct tsn_templates *t, struct tsn_domain *d)
{
	struct tsn_scope s = { d->exporter, d->source, 0, d->id, d->version };
	struct tsn_domain **at = &t->bucket[bucket_of(t, &s)];

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (t->last == d)
		t->last = NULL;
	tsn_facts_fini(&d->facts, &t->owner[d->source].facts);
	tsn_free(d->bucket);
	tsn_free(d);
}

/* A domain goes with its last template, unless [keep]. */
static void
drop(struct tsn_templates *t, struct tsn_template *m, bool keep)
{
	struct tsn_domain *d = m->domain;
	struct tsn_template **at = chain_of(d, m->id);

	while (*at != m)
		at = &(*at)->chain;
	*at = m->chain;
	unlink_from(t, m, OWN);
	unlink_from(t, m, ALL);
	t->owner[m->source].templates--;
	t->owner[m->source].fields -= m->n;
	t->templates--;
	t->fields -= m->n;
	tsn_plan_free(m->plan);
	tsn_free(m);
	if (--d->n == 0 && !keep)
		free_domain(t, d);
}

void
tsn_templates_free(struct tsn_templates *t)
{
	if (t == NULL)
		return;
	while (t->ends.next != NULL)
		drop(t, t->ends.next, false);
	tsn_free(t->owner);
	tsn_free(t->bucket);
	tsn_free(t);
}

static bool
is_stream(uint32_t session)
{
	return session >= TSN_SESSION_STREAM;
}

static bool
is_stale(const struct tsn_template *m, int64_t now)
{
	return !is_stream(m->session) && now > m->refreshed && now - m->refreshed > LIFETIME;
}

/*
 * An exporter may send data from another port than templates, or change its port at will (some do behind address
 * translation, some with every restart), which RFC 7011 takes for a new session. So what the session does not have is
 * taken from the exporter's UDP session that sent it last. Connections and files say for themselves.
 */
struct tsn_template *
tsn_templates_find(struct tsn_templates *t, struct tsn_domain **domain, uint32_t session, uint16_t id, int64_t now)
{
	struct tsn_template *best = NULL;
	struct tsn_domain *d = *domain;

	for (struct tsn_template *m = d != NULL ? *chain_of(d, id) : NULL; m != NULL; m = m->chain) {
		if (m->id != id)
			continue;
		if (m->session == session) {
			best = m;
			break;
		}
		if (!is_stream(session) && !is_stream(m->session) &&
		    (best == NULL || m->refreshed > best->refreshed))
			best = m;
	}
	if (best == NULL || !is_stale(best, now)) {
		if (best != NULL && is_stream(session) && now > best->refreshed)
			best->refreshed = now; /* sent once, and good as long as it is used */
		return best;
	}
	if (d->n == 1)
		*domain = NULL;
	drop(t, best, false);
	return NULL;
}

static bool
grow_buckets(struct tsn_domain *d)
{
	uint32_t buckets = d->buckets == 0 ? 16 : d->buckets * 2;
	struct tsn_template **old = d->bucket, **bigger = tsn_calloc(buckets, sizeof(*bigger));
	uint32_t n = d->buckets;

	if (bigger == NULL)
		return false;
	d->bucket = bigger;
	d->buckets = buckets;
	for (uint32_t i = 0; i < n; i++)
		for (struct tsn_template *m = old[i], *next; m != NULL; m = next) {
			next = m->chain;
			m->chain = *chain_of(d, m->id);
			*chain_of(d, m->id) = m;
		}
	tsn_free(old);
	return true;
}

static struct tsn_domain *
make_domain(struct tsn_templates *t, const struct tsn_scope *s)
{
	struct tsn_domain *d = tsn_calloc(1, sizeof(*d));
	uint32_t at = bucket_of(t, s);

	if (d == NULL || !grow_buckets(d)) {
		tsn_free(d);
		return NULL;
	}
	d->exporter = s->exporter;
	d->id = s->domain;
	d->version = s->version;
	d->source = s->source;
	d->next = t->bucket[at];
	t->bucket[at] = d;
	return d;
}

static struct owner *
owner_of(struct tsn_templates *t, uint32_t source)
{
	uint32_t known = t->owners;
	struct owner *all = tsn_reach(t->owner, &t->owners, source, sizeof(*all));

	if (all == NULL)
		return NULL;
	for (uint32_t i = known; i < t->owners; i++)
		all[i].facts.all = &t->facts;
	t->owner = all;
	return &all[source];
}

static bool
is_full(const struct tsn_templates *t, const struct owner *o, uint32_t n)
{
	return o->templates >= OWN_TEMPLATES || o->fields + n > OWN_FIELDS || t->templates >= ALL_TEMPLATES ||
	    t->fields + n > ALL_FIELDS;
}

/* What was not refreshed for too long makes room, whosever it is; what is in force stays. */
static bool
make_room(struct tsn_templates *t, struct owner *o, uint32_t n, int64_t now, const struct tsn_domain *keep)
{
	while (is_full(t, o, n) && o->ends.next != NULL && is_stale(o->ends.next, now))
		drop(t, o->ends.next, o->ends.next->domain == keep);
	while (is_full(t, o, n) && t->ends.next != NULL && is_stale(t->ends.next, now))
		drop(t, t->ends.next, t->ends.next->domain == keep);
	return !is_full(t, o, n);
}

/* The session's own; [*others]: how many more of its kind have this id, [*oldest] the longest not refreshed of them. */
static struct tsn_template *
own_template(const struct tsn_domain *d, uint32_t session, uint16_t id, uint32_t *others, struct tsn_template **oldest)
{
	struct tsn_template *own = NULL;

	*others = 0;
	*oldest = NULL;
	for (struct tsn_template *m = *chain_of(d, id); m != NULL; m = m->chain) {
		if (m->id != id)
			continue;
		if (m->session == session) {
			own = m;
			continue;
		}
		if (is_stream(m->session) != is_stream(session))
			continue;
		++*others;
		if (*oldest == NULL || m->refreshed < (*oldest)->refreshed)
			*oldest = m;
	}
	return own;
}

static bool
same_layout(const struct tsn_template *m, const struct tsn_layout *l)
{
	return m->n == l->n && m->scopes == l->scopes && m->options == l->options &&
	    memcmp(m->field, l->field, l->n * sizeof(l->field[0])) == 0;
}

static enum tsn_learned
insert(struct tsn_templates *t, struct tsn_domain *d, const struct tsn_scope *s, const struct tsn_layout *l, int64_t now)
{
	struct owner *o = &t->owner[s->source];
	struct tsn_template *m, **at;

	if (d->n > d->buckets * 2)
		grow_buckets(d); /* failing makes look-ups slower, no more */
	m = tsn_malloc(sizeof(*m) + l->n * sizeof(l->field[0]));
	if (m == NULL)
		return TSN_LEARNED_REFUSED;
	*m = (struct tsn_template){ .domain = d, .refreshed = now, .source = s->source, .session = s->session,
		.min_len = l->min_len, .id = l->id, .n = l->n, .scopes = l->scopes, .options = l->options,
		.variable = l->variable };
	memcpy(m->field, l->field, l->n * sizeof(l->field[0]));
	at = chain_of(d, l->id);
	m->chain = *at;
	*at = m;
	append(t, m, OWN);
	append(t, m, ALL);
	d->n++;
	o->templates++;
	o->fields += l->n;
	t->templates++;
	t->fields += l->n;
	return TSN_LEARNED_NEW;
}

static void
refresh(struct tsn_templates *t, struct tsn_template *m, int64_t now)
{
	m->refreshed = now;
	for (int which = OWN; which <= ALL; which++) {
		unlink_from(t, m, which);
		append(t, m, which);
	}
}

enum tsn_learned
tsn_templates_learn(struct tsn_templates *t, const struct tsn_scope *s, const struct tsn_layout *l, int64_t now)
{
	struct owner *o = owner_of(t, s->source);
	struct tsn_domain *d = tsn_templates_domain(t, s);
	struct tsn_template *own = NULL, *oldest = NULL;
	enum tsn_learned how = TSN_LEARNED_REFUSED;
	uint32_t others = 0;
	uint32_t most = is_stream(s->session) ? STREAM_SESSIONS : UDP_SESSIONS;
	bool anew = false;

	if (o == NULL)
		return TSN_LEARNED_REFUSED;
	if (d != NULL)
		own = own_template(d, s->session, l->id, &others, &oldest);
	if (own != NULL && same_layout(own, l)) {
		refresh(t, own, now);
		return TSN_LEARNED_SAME;
	}
	anew = own != NULL;
	if (anew)
		drop(t, own, true);
	else if (oldest != NULL && (others >= most || is_full(t, o, l->n)))
		drop(t, oldest, true); /* of the same id: what the port before this one left */
	if (make_room(t, o, l->n, now, d)) {
		if (d == NULL)
			d = make_domain(t, s);
		if (d != NULL)
			how = insert(t, d, s, l, now);
	}
	if (d != NULL && d->n == 0)
		free_domain(t, d);
	return how == TSN_LEARNED_NEW && anew ? TSN_LEARNED_CHANGED : how;
}

void
tsn_templates_withdraw(struct tsn_templates *t, const struct tsn_scope *s, uint16_t id)
{
	struct tsn_domain *d = tsn_templates_domain(t, s);
	uint32_t from = 0, to;

	if (d == NULL)
		return;
	to = d->buckets;
	if (id >= 256) {
		from = id & (d->buckets - 1);
		to = from + 1;
	}
	for (uint32_t i = from; i < to; i++)
		for (struct tsn_template *m = d->bucket[i], *next; m != NULL; m = next) {
			next = m->chain;
			if (m->session == s->session && (id >= 256 ? m->id == id : m->options == (id == 3)))
				drop(t, m, true);
		}
	if (d->n == 0)
		free_domain(t, d);
}

void
tsn_templates_end_session(struct tsn_templates *t, uint32_t source, const struct tsn_sender *from)
{
	struct tsn_template *m = source < t->owners ? t->owner[source].ends.next : NULL;

	for (struct tsn_template *next; m != NULL; m = next) {
		next = m->link[OWN].next;
		if (m->session == from->session && tsn_addr_cmp(m->domain->exporter, from->exporter) == 0)
			drop(t, m, false);
	}
}

const struct tsn_template *
tsn_templates_next(const struct tsn_templates *t, const struct tsn_template *after)
{
	return after == NULL ? t->ends.next : after->link[ALL].next;
}

uint32_t
tsn_templates_count(const struct tsn_templates *t)
{
	return t->templates;
}

struct tsn_facts_budget *
tsn_templates_budget(struct tsn_templates *t, uint32_t source)
{
	return &t->owner[source].facts;
}
