/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The exporters seen or configured: what each one fills in, its name and
 * sampling, and what went wrong with its datagrams. Bounded; the ones beyond
 * the bound share entry 0. One table per engine, kept across reloads.
 */
#ifndef TSN_FLOW_EXPORTER_H
#define TSN_FLOW_EXPORTER_H

#include "base/addr.h"
#include "flow/gives.h"
#include "flow/value.h"

/* COUNTER(symbol, "metric name", "meaning") */
#define TSN_EXPORTER_COUNTERS(COUNTER) \
	COUNTER(DATAGRAMS, "datagrams", "datagrams received") \
	COUNTER(FLOWS, "flows", "flow records decoded") \
	COUNTER(REFUSED, "refused", "datagrams refused because the site does not list the exporter") \
	COUNTER(SHORT, "short", "datagrams shorter than their header or their record count says") \
	COUNTER(VERSION, "version", "datagrams of a version that cannot be read") \
	COUNTER(TRAILING, "trailing", "datagrams with bytes behind their last record") \
	COUNTER(COUNT, "count", "datagrams whose record count is zero or above the version's limit") \
	COUNTER(LOST, "lost", "flows missing by the sequence numbers") \
	COUNTER(LOST_DATAGRAMS, "lost_datagrams", "datagrams missing by the sequence numbers of formats that number those") \
	COUNTER(RESTARTS, "restarts", "times the sequence started anew") \
	COUNTER(REORDERED, "reordered", "datagrams that came late by their sequence number") \
	COUNTER(CLOCK, "clock", "records with times that cannot be, put right where that could be done") \
	COUNTER(TEMPLATES, "templates", "templates learned") \
	COUNTER(TEMPLATE_CHANGES, "template_changes", "templates defined anew with another layout") \
	COUNTER(TEMPLATES_REFUSED, "templates_refused", "templates that found no room: the exporter has too many") \
	COUNTER(BAD_TEMPLATE, "bad_template", "template records that make no sense") \
	COUNTER(NO_TEMPLATE, "no_template", "sets of records given up because their template did not come") \
	COUNTER(HELD, "held", "sets of records that waited for their template and were then decoded") \
	COUNTER(BAD_SET, "bad_set", "sets whose length cannot be true") \
	COUNTER(BAD_RECORD, "bad_record", "records that could not be decoded") \
	COUNTER(NOT_FLOWS, "not_flows", "records that describe no flow") \
	COUNTER(OPTIONS, "options", "records of options") \
	COUNTER(OPTIONS_REFUSED, "options_refused", "what records of options told that found no room") \
	COUNTER(SAMPLING_CHANGES, "sampling_changes", "times the exporter told another sampling interval") \
	COUNTER(COUNTER_SAMPLES, "interface_samples", "samples of interface counters, which are no flows") \
	COUNTER(AGENT_DROPS, "agent_drops", "samples the exporter itself could not send") \
	COUNTER(DUPLICATES, "duplicates", "flows dropped because another exporter had sent them")

/* FORMAT(symbol, "name"): what an exporter may speak; a bit each in tsn_exporter.formats */
#define TSN_EXPORTER_FORMATS(FORMAT) \
	FORMAT(V1, "NetFlow v1") \
	FORMAT(V5, "NetFlow v5") \
	FORMAT(V7, "NetFlow v7") \
	FORMAT(V9, "NetFlow v9") \
	FORMAT(IPFIX, "IPFIX") \
	FORMAT(SFLOW, "sFlow v5")

enum tsn_exporter_format {
#define FORMAT(sym, name) TSN_XF_##sym,
	TSN_EXPORTER_FORMATS(FORMAT)
#undef FORMAT
	TSN_EXPORTER_FORMAT_COUNT
};

enum tsn_exporter_counter {
#define COUNTER(sym, name, help) TSN_XC_##sym,
	TSN_EXPORTER_COUNTERS(COUNTER)
#undef COUNTER
	TSN_EXPORTER_COUNTER_COUNT
};

/* A stretch of time of receipt, in ms, both ends inside. */
struct tsn_stretch {
	int64_t from, to;
};

#define TSN_EXPORTER_LOSSES 16
#define TSN_EXPORTER_GAPS   8
#define TSN_EXPORTER_GAP_MS 1000 /* quiet for longer than that is a gap */
#define TSN_EXPORTER_NOTICES 16
#define TSN_EXPORTER_NOTICE_MS 1000

/*
 * When an exporter lost flows, and when it was not heard: the last ones of both. What was forgotten is what
 * began before [forgotten]; who asks about that time is told that it was not whole.
 */
struct tsn_presence {
	struct tsn_stretch loss[TSN_EXPORTER_LOSSES], gap[TSN_EXPORTER_GAPS]; /* oldest first */
	/* When losses were noticed: each stretch from one moment to another, and in between no more than NOTICE_MS from one to the next. */
	struct tsn_stretch notice[TSN_EXPORTER_NOTICES];
	uint8_t nlosses, ngaps, nnotices;
	bool certain;               /* never silent and without loss: of the flows of rules' tests */
	int64_t forgotten;          /* end of the last loss that found no room any more, TSN_TIME_NONE if none */
	int64_t first_heard, last_heard; /* by messages and by flows that came without, TSN_TIME_NONE: never */
};

struct tsn_exporter {
	struct tsn_addr addr;
	struct tsn_str name;        /* what the site calls it; n 0 if unnamed */
	uint32_t sampling_override; /* the site's word, 0 if none */
	uint32_t sampling;          /* last interval told, 0 if none */
	bool flags_seen;            /* has sent a TCP flow with a flag set */
	bool interfaces_seen;       /* has sent a flow with a non-zero interface */
	bool both_seen;             /* a conversation it sent the first flow of was answered, or we metered it; else only known while conversations are made */
	uint32_t formats;           /* those its messages came in: bits 1 << TSN_XF_... */
	int64_t first_received;     /* earliest moment of receipt of a message, TSN_TIME_NONE before the first */
	int64_t skew;               /* ms: time of receipt minus the exporter's clock, of its last datagram; TSN_TIME_NONE: untold */
	int64_t last_received;      /* latest moment of receipt of one */
	int64_t last_lost;          /* when a loss was noticed last, TSN_TIME_NONE if never */
	struct tsn_presence presence;
	struct {                    /* private: in the list of those whose presence changed */
		struct tsn_exporter **list, *next;
		uint32_t index;
		bool in;
	} change;
	uint64_t counter[TSN_EXPORTER_COUNTER_COUNT];
	uint64_t gave[2][TSN_GIVES_SETS]; /* its flows and conversations by what they give; tsn_exporters_count_gives */
};

struct tsn_exporters;

/* [max] entries at most, the shared one included. NULL when memory is out. */
struct tsn_exporters *tsn_exporters_new(uint32_t max);
void tsn_exporters_free(struct tsn_exporters *t);
/* Index of the exporter, entered if new; 0 (the shared one) when the table is full. */
uint32_t tsn_exporters_find(struct tsn_exporters *t, struct tsn_addr addr);
/*
 * Index of the entry of flows that no exporter sent (files that do not say; packets we metered): its address is
 * 0.0.0.0. Rows of such flows leave the field `exporter` absent.
 */
uint32_t tsn_exporters_nobody(struct tsn_exporters *t);
bool tsn_exporter_is_nobody(struct tsn_exporters *t, uint32_t index);
/* Has it shown what it gives, and does the site say nothing of its sampling? */
static inline bool
tsn_exporter_is_usual(const struct tsn_exporter *x)
{
	return x->flags_seen && x->interfaces_seen && x->sampling_override == 0;
}
/*
 * The exporter, if it is known so well that rows of NetFlow that tell no sampling tell nothing new of it, nor does the site: then the normal
 * form of such rows changes nothing, and may be made by any thread, while others are entered. NULL: not so, yet.
 */
const struct tsn_exporter *tsn_exporters_usual(const struct tsn_exporters *t, struct tsn_addr addr);
/* Pointers stay valid until the table is freed. */
struct tsn_exporter *tsn_exporters_at(struct tsn_exporters *t, uint32_t index);
/* Number of entries, the shared one included. */
uint32_t tsn_exporters_count(const struct tsn_exporters *t);
/* What the site says of the exporters in a prefix. */
struct tsn_exporter_setting {
	struct tsn_prefix prefix;
	const char *name;  /* NULL if not given */
	uint32_t sampling; /* 0 if not given */
	bool allow;
};
/*
 * Replaces the site's settings, for exporters seen and to come. Of the settings that give a name the one with the longest
 * prefix around an exporter names it, and so with its sampling. False when memory is out: the old ones stay.
 * The text of a name lives as long as the table.
 */
bool tsn_exporters_configure(struct tsn_exporters *t, const struct tsn_exporter_setting *v, size_t n);
/* As soon as a setting allows exporters, no others are allowed. Never enters one. */
bool tsn_exporters_allowed(const struct tsn_exporters *t, struct tsn_addr addr);
/*
 * "exporter 192.0.2.1 edge-1, NetFlow v5: datagrams 191 flows 4554 lost 30 (0.7%); sampling 100": its counters that
 * are not 0, and what it told of itself. False, and nothing added, if it sent
 * nothing.
 */
bool tsn_exporter_summary(struct tsn_exporters *t, uint32_t index, struct tsn_buf *out);
/* It was heard at [received] ms: by a message, or by flows of a file that has none. */
void tsn_exporter_hear(struct tsn_exporter *x, int64_t received);
/* The same for all exporters of a batch's rows; after tsn_batch_normalise. */
struct tsn_batch;
void tsn_exporters_hear(struct tsn_exporters *t, const struct tsn_batch *b);
/* At [received] a loss was noticed: it lies between then and [since], when it was heard before (TSN_TIME_NONE: then). */
void tsn_exporter_lose(struct tsn_exporter *x, int64_t since, int64_t received);
/*
 * Was a loss noticed before [t], [window] ms before it or less (NOTICE_MS at least)? The same whatever was noticed since, unless
 * that was more than is kept: where it says so of rows received from [since] on, they are to be asked about before another is.
 */
bool tsn_exporter_noticed(const struct tsn_presence *p, int64_t t, int64_t window);
bool tsn_exporter_notices_full(const struct tsn_exporter *x, int64_t since);
/* All that counts what was lost: grows when something is. */
uint64_t tsn_exporter_lost(const struct tsn_exporter *x);
/*
 * By time of receipt. Was it heard at or after [from]? Was it heard in [from, to), without losing anything in that time? Without
 * sequence numbers nothing is ever lost. True for numbers that the table does not have.
 */
bool tsn_exporter_heard(struct tsn_exporters *t, uint32_t index, int64_t from);
bool tsn_exporter_whole(struct tsn_exporters *t, uint32_t index, int64_t from, int64_t to);
/*
 * For those who look at presences from another thread, in a table of their own. An exporter whose presence changed since it was
 * asked about last, in no order, NULL if there is no other; its index in [*index].
 */
const struct tsn_exporter *tsn_exporters_changed(struct tsn_exporters *t, uint32_t *index);
/* The presence of exporter [index], whoever it is, is this. Without memory it stays unknown to the table, so taken to be whole. */
void tsn_exporters_put(struct tsn_exporters *t, uint32_t index, const struct tsn_presence *p);

struct tsn_pack;
struct tsn_unpack;
/*
 * What exporters told and did, by index, so that indices mean the same where it is read: into a table that has no
 * exporter yet. Names and the site's sampling are not in it. Any bytes may be given; false: nothing was entered, unless
 * memory ran out.
 */
void tsn_exporters_save(struct tsn_exporters *t, struct tsn_pack *out);
bool tsn_exporters_load(struct tsn_exporters *t, struct tsn_unpack *in);
/*
 * When losses were noticed, of the same exporters: what tsn_exporter_noticed says is then the same. Without it losses stand in, from
 * when the exporter had been heard before. Any bytes may be given; false: nothing was entered.
 */
void tsn_exporters_save_notices(struct tsn_exporters *t, struct tsn_pack *out);
bool tsn_exporters_load_notices(struct tsn_exporters *t, struct tsn_unpack *in);
/* Share of what it sent that did not arrive, 0 to 1, by the sequence numbers. */
double tsn_exporter_loss(const struct tsn_exporter *x);
const char *tsn_exporter_format_name(enum tsn_exporter_format f);
const char *tsn_exporter_counter_name(enum tsn_exporter_counter c);
const char *tsn_exporter_counter_help(enum tsn_exporter_counter c);

#endif
