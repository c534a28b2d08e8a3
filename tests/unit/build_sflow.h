/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: sFlow v5 datagrams from numbers, written from the structures in "sFlow Version 5" and with no code of the
 * decoder. A datagram is begun, samples and records are put into it, and the lengths left open are filled in by _end.
 */
#ifndef TESTS_BUILD_SFLOW_H
#define TESTS_BUILD_SFLOW_H

#include "unit/build_capture.h"

struct sf {
	struct bytes b;
	size_t samples_at, sample_at, record_at, records_at; /* where the open counts and lengths stand; 0: none is open */
};

static inline void
sf_u32(struct sf *s, uint32_t v)
{
	put_be(&s->b, v, 4);
}

/* An XDR opaque<>: length, bytes, padding. */
static inline void
sf_opaque(struct sf *s, const void *p, size_t n)
{
	sf_u32(s, (uint32_t)n);
	put(&s->b, p, n);
	put(&s->b, "\0\0\0", -n & 3);
}

static inline void
sf_patch(struct sf *s, size_t at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		s->b.p[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline void
sf_more(struct sf *s, size_t at)
{
	uint32_t v = (uint32_t)s->b.p[at + 3] + 1;

	s->b.p[at + 3] = (uint8_t)v;
}

/* [agent] IPv4; the datagram is made anew. */
static inline void
sf_begin(struct sf *s, uint32_t agent, uint32_t sub, uint32_t sequence, uint32_t uptime)
{
	s->b.n = 0;
	s->sample_at = s->record_at = 0;
	sf_u32(s, 5);
	sf_u32(s, 1);
	sf_u32(s, agent);
	sf_u32(s, sub);
	sf_u32(s, sequence);
	sf_u32(s, uptime);
	s->samples_at = s->b.n;
	sf_u32(s, 0);
}

static inline void
sf_record_end(struct sf *s)
{
	if (s->record_at != 0)
		sf_patch(s, s->record_at, (uint32_t)(s->b.n - s->record_at - 4));
	s->record_at = 0;
}

static inline void
sf_end(struct sf *s)
{
	sf_record_end(s);
	if (s->sample_at != 0)
		sf_patch(s, s->sample_at, (uint32_t)(s->b.n - s->sample_at - 4));
	s->sample_at = 0;
}

/* A sample of any format; its content is the caller's. */
static inline void
sf_sample(struct sf *s, uint32_t format)
{
	sf_end(s);
	sf_more(s, s->samples_at);
	sf_u32(s, format);
	s->sample_at = s->b.n;
	sf_u32(s, 0);
}

static inline void
sf_flow(struct sf *s, uint32_t sequence, uint32_t source, uint32_t rate, uint32_t drops, uint32_t in, uint32_t out)
{
	sf_sample(s, 1);
	sf_u32(s, sequence);
	sf_u32(s, source);
	sf_u32(s, rate);
	sf_u32(s, 77777);
	sf_u32(s, drops);
	sf_u32(s, in);
	sf_u32(s, out);
	s->records_at = s->b.n;
	sf_u32(s, 0);
}

struct sf_interface {
	uint32_t format, index;
};

static inline void
sf_flow_expanded(struct sf *s, uint32_t sequence, uint32_t type, uint32_t source, uint32_t rate, uint32_t drops,
    struct sf_interface in, struct sf_interface out)
{
	const uint32_t v[] = { sequence, type, source, rate, 77777, drops, in.format, in.index, out.format, out.index };

	sf_sample(s, 3);
	for (int i = 0; i < 10; i++)
		sf_u32(s, v[i]);
	s->records_at = s->b.n;
	sf_u32(s, 0);
}

static inline void
sf_discarded(struct sf *s, uint32_t sequence, uint32_t source, uint32_t drops, uint32_t in, uint32_t out, uint32_t reason)
{
	const uint32_t v[] = { sequence, 0, source, drops, in, out, reason };

	sf_sample(s, 5);
	for (int i = 0; i < 7; i++)
		sf_u32(s, v[i]);
	s->records_at = s->b.n;
	sf_u32(s, 0);
}

static inline void
sf_record(struct sf *s, uint32_t format)
{
	sf_record_end(s);
	sf_more(s, s->records_at);
	sf_u32(s, format);
	s->record_at = s->b.n;
	sf_u32(s, 0);
}

static inline void
sf_raw_header(struct sf *s, uint32_t protocol, uint32_t full, uint32_t stripped, const void *p, size_t n)
{
	sf_record(s, 1);
	sf_u32(s, protocol);
	sf_u32(s, full);
	sf_u32(s, stripped);
	sf_opaque(s, p, n);
}

/* length, protocol, addresses, ports, flags, tos */
static inline void
sf_ipv4(struct sf *s, uint32_t length, uint32_t proto, uint32_t src, uint32_t dst, uint32_t sp, uint32_t dp,
    uint32_t flags, uint32_t tos)
{
	const uint32_t v[] = { length, proto, src, dst, sp, dp, flags, tos };

	sf_record(s, 3);
	for (int i = 0; i < 8; i++)
		sf_u32(s, v[i]);
}

static inline void
sf_ipv6(struct sf *s, uint32_t length, uint32_t proto, const uint8_t src[16], const uint8_t dst[16], uint32_t sp,
    uint32_t dp, uint32_t flags, uint32_t priority)
{
	sf_record(s, 4);
	sf_u32(s, length);
	sf_u32(s, proto);
	put(&s->b, src, 16);
	put(&s->b, dst, 16);
	sf_u32(s, sp);
	sf_u32(s, dp);
	sf_u32(s, flags);
	sf_u32(s, priority);
}

static inline void
sf_numbers(struct sf *s, uint32_t format, const uint32_t *v, int n)
{
	sf_record(s, format);
	for (int i = 0; i < n; i++)
		sf_u32(s, v[i]);
}

static inline void
sf_free(struct sf *s)
{
	bytes_free(&s->b);
}

#endif
