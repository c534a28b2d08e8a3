/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: what options records told about an Observation
 * Domain: sampling intervals, names of interfaces, applications and routing
 * instances. Bounded for each exporter and in all.
 */
#ifndef TSN_DECODE_FACTS_H
#define TSN_DECODE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tsn_fact { TSN_FACT_SAMPLER = 1, TSN_FACT_IF_SAMPLING, TSN_FACT_IF_NAME, TSN_FACT_APPLICATION, TSN_FACT_VRF };

#define TSN_FACT_TEXT 255u /* longer names are cut */

struct tsn_fact_entry {
	uint64_t id;
	char *text;
	uint32_t number;
	uint8_t kind, len; /* kind 0: free */
};

struct tsn_facts {
	struct tsn_fact_entry *slot;
	uint32_t cap, n;
	uint32_t kinds;    /* bit k: there are entries of kind k */
	uint32_t sampling; /* interval of all that is not told otherwise; 0 if untold */
	bool booted_known;
	int64_t booted;    /* ms: when the uptime was 0 */
};

/* How many entries of one exporter and of all there are. */
struct tsn_facts_budget {
	uint32_t own, *all;
};

void tsn_facts_fini(struct tsn_facts *f, struct tsn_facts_budget *b);
/* NULL if it was not told. */
const struct tsn_fact_entry *tsn_facts_get(const struct tsn_facts *f, enum tsn_fact kind, uint64_t id);
/* The entry, made if need be; NULL if there is no room. */
struct tsn_fact_entry *tsn_facts_enter(
    struct tsn_facts *f, struct tsn_facts_budget *b, enum tsn_fact kind, uint64_t id);
/* False, and what was there stays, when memory is out. */
bool tsn_fact_name(struct tsn_fact_entry *e, const char *text, size_t n);

#endif
