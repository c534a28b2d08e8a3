/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the decoder of nfdump's records: what its files share. */
#ifndef TSN_DECODE_NFCAPD_PARTS_H
#define TSN_DECODE_NFCAPD_PARTS_H

#include <string.h>

#include "base/clock.h"
#include "decode/nfcapd.h"
#include "flow/exporter.h"

#define TSN_NF_MAP_MAX  64u   /* extensions of a map; nfdump 1.6 knows 48 */
#define TSN_NF_ELEMENTS 43u   /* ids of elements below this are known (nfdump 1.7.8) */
#define TSN_NF_SHAPE    32u   /* elements of a record that the quick way takes */
#define TSN_NF_TIME_END (UINT64_C(1) << 48) /* ms; the year 10889: what lies beyond is no time */

enum tsn_nf_names_kind { TSN_NF_APPLICATION = 12, TSN_NF_INTERFACE = 13, TSN_NF_VRF = 14 }; /* their record types */

/* Elements of records of 1.7 that have something for us, and the flag of their head that says: an event. */
enum {
	TSN_EX_GENERIC = 1, TSN_EX_IPV4 = 2, TSN_EX_IPV6 = 3, TSN_EX_MISC = 4, TSN_EX_VLAN = 6, TSN_EX_AS = 7,
	TSN_EX_HOP_V4 = 10, TSN_EX_HOP_V6 = 11, TSN_EX_ROUTER_V4 = 12, TSN_EX_ROUTER_V6 = 13, TSN_EX_MAC = 15,
	TSN_EX_NSEL = 19, TSN_EX_USER = 24, TSN_EX_NAT = 25, TSN_EX_NBAR = 27, TSN_EX_OBSERVATION = 33,
	TSN_EX_VRF = 36, TSN_EX_LAYER_2 = 38, TSN_EX_IP_INFO = 42,
};
enum { TSN_NF_V3_EVENT = 1 };

struct tsn_nf_exporter {
	bool known;
	struct tsn_addr addr;
	uint32_t id; /* observation domain, source id, engine */
};

/* An extension map of nfdump 1.6: what follows the counters of a record, in this order. */
struct tsn_nf_map {
	bool known;
	uint8_t n, id[TSN_NF_MAP_MAX];
};

struct tsn_nf_name {
	uint64_t key; /* 0: free */
	char *text;
	uint8_t len;
};

/* Layout of the last record of 1.7, to find runs of its like. */
struct tsn_nf_shape {
	uint32_t size; /* of a record; 0: none yet */
	uint32_t n;
	uint8_t head[12];
	uint16_t at[TSN_NF_SHAPE];
	uint32_t word[TSN_NF_SHAPE];    /* type and length there */
	uint16_t el[TSN_NF_ELEMENTS];   /* offset of what the element holds; 0: not there */
	bool quick;
};

/* Whose records these are. */
struct tsn_nf_origin {
	bool has_addr, has_id;
	struct tsn_addr addr;
	uint32_t id, source;
	struct tsn_exporter *x;
};

struct tsn_nfcapd {
	struct tsn_exporters *exporters;
	bool swapped;
	struct tsn_nf_exporter *exporter; /* by nfdump's number; grown as they come, at most 65,536 */
	size_t n_exporters;
	uint32_t told_exporters; /* different ones */
	struct tsn_nf_map *map; /* by number; the same */
	size_t n_maps;
	struct tsn_nf_name *name; /* a table of fixed size, made for the first name */
	size_t n_names;
	struct tsn_addr last_addr; /* what tsn_exporters_find said last */
	uint32_t last_source;
	bool last_known;
	struct tsn_nf_shape shape;
	/* of the call of tsn_nfcapd_decode that is under way */
	struct tsn_batch_sink *sink;
	struct tsn_nfcapd_result *out;
};

static inline uint16_t
tsn_nf_u16(const struct tsn_nfcapd *d, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return d->swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t
tsn_nf_u32(const struct tsn_nfcapd *d, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return d->swapped ? __builtin_bswap32(v) : v;
}

static inline uint64_t
tsn_nf_u64(const struct tsn_nfcapd *d, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return d->swapped ? __builtin_bswap64(v) : v;
}

/* Two numbers, the upper half first; ::ffff:a.b.c.d is IPv4. */
static inline struct tsn_addr
tsn_nf_addr6(const struct tsn_nfcapd *d, const uint8_t *p)
{
	struct tsn_addr a = { tsn_nf_u64(d, p), tsn_nf_u64(d, p + 8), false };

	return a.hi == 0 && a.lo >> 32 == 0xffff ? tsn_addr_v4((uint32_t)a.lo) : a;
}

/* The times of a record before it has a row. 0 is none. */
struct tsn_nf_times {
	uint64_t first, last, received;
};

/* decode/nfcapd.c */
/* [addr] is the record's own word on its exporter, NULL if it has none; [engine] type * 256 + id. */
void tsn_nf_origin(struct tsn_nfcapd *d, uint16_t exporter, const struct tsn_addr *addr, unsigned engine,
    struct tsn_nf_origin *out);
/* Moves the clock, begins a row and puts into it times and origin. NULL when there is no batch. */
struct tsn_batch *tsn_nf_row(struct tsn_nfcapd *d, struct tsn_nf_times t, const struct tsn_nf_origin *o);
void tsn_nf_row_done(struct tsn_nfcapd *d, struct tsn_batch *b);
void tsn_nf_bad(struct tsn_nfcapd *d);
void tsn_nf_put_mac(struct tsn_batch *b, enum tsn_field f, uint64_t mac);
/* Up to [n] bytes, to the first NUL; nothing if that is at once. */
void tsn_nf_put_text(struct tsn_batch *b, enum tsn_field f, const uint8_t *p, size_t n);
/* The next hop: the last of several that is not 0.0.0.0 or ::, else the first. */
void tsn_nf_put_hop(struct tsn_batch *b, struct tsn_addr a);

/* decode/nfcapd_names.c: of interfaces, routing instances (numbers) and applications (bytes). */
void tsn_nf_learn_names(struct tsn_nfcapd *d, unsigned type, const uint8_t *p, size_t size);
void tsn_nf_put_name(struct tsn_nfcapd *d, struct tsn_batch *b, enum tsn_field f, unsigned kind, const uint8_t *id,
    size_t n);
void tsn_nf_put_name_of(struct tsn_nfcapd *d, struct tsn_batch *b, enum tsn_field f, unsigned kind, uint32_t id);
void tsn_nf_names_fini(struct tsn_nfcapd *d);

/* decode/nfcapd_v1.c */
void tsn_nf_learn_map(struct tsn_nfcapd *d, const uint8_t *p, size_t size);
void tsn_nf_maps_fini(struct tsn_nfcapd *d);
/* One record of [size] bytes: of nfdump 1.6 (types 1 and 10) and of 1.5. False when there is no batch. */
bool tsn_nf_record_v1(struct tsn_nfcapd *d, const uint8_t *p, size_t size);
bool tsn_nf_record_v0(struct tsn_nfcapd *d, const uint8_t *p, size_t size);

/* decode/nfcapd_v2.c: one record of nfdump 1.7, any of them. */
bool tsn_nf_record_v2(struct tsn_nfcapd *d, const uint8_t *p, size_t size);
/* Finds the elements of a record: offsets of what they hold in [el], those too short left out. False if it is damaged. */
bool tsn_nf_find_elements(const struct tsn_nfcapd *d, const uint8_t *p, size_t size, uint16_t el[TSN_NF_ELEMENTS]);

void tsn_nf_origin_v2(struct tsn_nfcapd *d, const uint8_t *p, const uint16_t el[TSN_NF_ELEMENTS],
    struct tsn_nf_origin *out);

/*
 * decode/nfcapd_fill.c: the quick way for runs of like records of nfdump 1.7 that begin at [p], of which the first, of
 * [size] bytes, is whole. Sets [*used] to the bytes of the rows made; 0: it takes the other way. False when there is
 * no batch.
 */
bool tsn_nf_run(struct tsn_nfcapd *d, const uint8_t *p, size_t size, size_t len, size_t *used);

#endif
