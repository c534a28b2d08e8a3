/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: Template Records of NetFlow v9 (RFC 3954 sections
 * 5.2, 6.1) and IPFIX (RFC 7011 section 3.4), and the store of those that are
 * in force. Bounded for each exporter and in all; counts what it refuses.
 *
 * Scope: a template belongs to the exporter, version and Observation Domain
 * (Source ID) and to the transport session it came by (RFC 7011 section 8;
 * RFC 3954 section 5.1).
 */
#ifndef TSN_DECODE_TEMPLATE_H
#define TSN_DECODE_TEMPLATE_H

#include "decode/decode.h"
#include "decode/facts.h"
#include "flow/exporter.h"

#define TSN_TEMPLATE_FIELDS 1024u     /* of one template; more is no template */
#define TSN_VARIABLE        65535u    /* length of a field that says its length itself: RFC 7011 section 7 */
#define TSN_PEN_SCOPE       UINT32_MAX /* stands for the scope types of v9: RFC 3954 section 6.1 */
enum { TSN_SCOPE_SYSTEM = 1, TSN_SCOPE_INTERFACE, TSN_SCOPE_CARD, TSN_SCOPE_CACHE, TSN_SCOPE_TEMPLATE };

struct tsn_tfield {
	uint32_t pen;
	uint16_t id, len;
};

/* A Template Record as it stands in a message. */
struct tsn_layout {
	uint16_t id, n, scopes; /* scopes: the first of the n fields; above 0 or [options]: an Options Template */
	bool options, variable;
	uint32_t min_len;       /* of a record: all there is to it unless [variable] */
	struct tsn_tfield field[TSN_TEMPLATE_FIELDS];
};

struct tsn_domain;
struct tsn_plan;

struct tsn_link {
	struct tsn_template *prev, *next;
};

struct tsn_template {
	struct tsn_domain *domain;
	struct tsn_template *chain; /* others of the domain whose ids hash alike */
	struct tsn_link link[2];    /* by time of refreshing: of the exporter, of all */
	struct tsn_plan *plan;      /* made when the first record comes */
	int64_t refreshed;          /* time of receipt */
	uint32_t source;            /* index of the exporter */
	uint32_t session, min_len;
	uint16_t id, n, scopes;
	bool options, variable;
	struct tsn_tfield field[];
};

/* All sessions of an Observation Domain of an exporter. */
struct tsn_domain {
	struct tsn_addr exporter;
	uint32_t id, buckets, n;
	uint16_t version;
	uint32_t source;
	struct tsn_domain *next;
	struct tsn_template **bucket;
	struct tsn_facts facts;
};

enum tsn_read { TSN_READ_OK, TSN_READ_WITHDRAWN, TSN_READ_BAD, TSN_READ_CUT };

/*
 * Reads the Template Record at [p], of a set of [n] more bytes; [*used] is its length. BAD: it makes no sense, but the
 * next one can be read; CUT: it cannot. WITHDRAWN: [out->id] of IPFIX is not used any more.
 */
enum tsn_read tsn_layout_read(const uint8_t *p, size_t n, uint16_t version, bool options, struct tsn_layout *out,
    size_t *used);

struct tsn_templates;

enum tsn_learned { TSN_LEARNED_SAME, TSN_LEARNED_NEW, TSN_LEARNED_CHANGED, TSN_LEARNED_REFUSED };

struct tsn_scope {
	struct tsn_addr exporter;
	uint32_t source; /* index of the exporter */
	uint32_t session, domain;
	uint16_t version;
};

struct tsn_templates *tsn_templates_new(void);
void tsn_templates_free(struct tsn_templates *t);
/* NULL if nothing is known of it. */
struct tsn_domain *tsn_templates_domain(struct tsn_templates *t, const struct tsn_scope *s);
/* NULL if there is none at time [now]. [*domain] may be NULL, and becomes so when its last template is forgotten. */
struct tsn_template *tsn_templates_find(
    struct tsn_templates *t, struct tsn_domain **domain, uint32_t session, uint16_t id, int64_t now);
enum tsn_learned tsn_templates_learn(
    struct tsn_templates *t, const struct tsn_scope *s, const struct tsn_layout *l, int64_t now);
/* Of one session: template [id], or all of the kind if [id] is 2 (templates) or 3 (those of options). */
void tsn_templates_withdraw(struct tsn_templates *t, const struct tsn_scope *s, uint16_t id);
/* Forgets what a session sent. [source]: index of its exporter. */
void tsn_templates_end_session(struct tsn_templates *t, uint32_t source, const struct tsn_sender *from);
/* All of them, the one that was not refreshed for the longest time first: [after] NULL gives it. NULL: no more. */
const struct tsn_template *tsn_templates_next(const struct tsn_templates *t, const struct tsn_template *after);
/* How many are kept. */
uint32_t tsn_templates_count(const struct tsn_templates *t);
/* Room for options of an exporter: how many entries its domains keep, and of all. */
struct tsn_facts_budget *tsn_templates_budget(struct tsn_templates *t, uint32_t source);

#endif
