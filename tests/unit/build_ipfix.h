/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: messages of NetFlow v9 and IPFIX from numbers, written byte by byte from RFC 3954 and RFC 7011 and not
 * with any code of the decoder; and a decoder with a sink that keeps its rows.
 */
#ifndef TESTS_BUILD_IPFIX_H
#define TESTS_BUILD_IPFIX_H

#include "unit/build_netflow.h"

#define IX_ADDR   0xc0000201u /* 192.0.2.1 */
#define IX_SECS   1700000000u
#define IX_UPTIME 5000000u
#define IX_NOW    (INT64_C(1000) * IX_SECS + 250)

struct ix_field {
	uint32_t pen;
	unsigned id, len;
};

struct ix {
	uint8_t p[65536];
	size_t n, set; /* set: where the one being written begins, 0: none */
	unsigned version;
};

static inline void
ix_u(struct ix *m, uint64_t v, int bytes)
{
	if (m->n + (size_t)bytes > sizeof(m->p))
		abort();
	nf_put(m->p + m->n, v, bytes);
	m->n += (size_t)bytes;
}

static inline void
ix_bytes(struct ix *m, const void *p, size_t n)
{
	if (m->n + n > sizeof(m->p))
		abort();
	memcpy(m->p + m->n, p, n);
	m->n += n;
}

/* A value of variable length, with the short or the long form of it. */
static inline void
ix_var(struct ix *m, const char *s, bool long_form)
{
	size_t n = strlen(s);

	if (long_form || n >= 255) {
		ix_u(m, 255, 1);
		ix_u(m, n, 2);
	} else {
		ix_u(m, n, 1);
	}
	ix_bytes(m, s, n);
}

/* Text in a field of fixed length, with zeros behind it. */
static inline void
ix_fixed(struct ix *m, const char *s, size_t len)
{
	char buf[256] = { 0 };

	memcpy(buf, s, strlen(s) < len ? strlen(s) : len);
	ix_bytes(m, buf, len);
}

static inline void
ix_begin(struct ix *m, unsigned version, uint32_t seq, uint32_t domain)
{
	m->n = m->set = 0;
	m->version = version;
	ix_u(m, version, 2);
	ix_u(m, 1, 2); /* count, or the length, which ix_end puts right */
	if (version == 9)
		ix_u(m, IX_UPTIME, 4);
	ix_u(m, IX_SECS, 4);
	ix_u(m, seq, 4);
	ix_u(m, domain, 4);
}

static inline void
ix_close(struct ix *m)
{
	if (m->set != 0)
		nf_put(m->p + m->set + 2, m->n - m->set, 2);
	m->set = 0;
}

static inline void
ix_set(struct ix *m, unsigned id)
{
	ix_close(m);
	m->set = m->n;
	ix_u(m, id, 2);
	ix_u(m, 0, 2);
}

static inline size_t
ix_end(struct ix *m)
{
	ix_close(m);
	if (m->version == 10)
		nf_put(m->p + 2, m->n, 2);
	return m->n;
}

static inline void
ix_fields(struct ix *m, const struct ix_field *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ix_u(m, f[i].id | (f[i].pen != 0 ? 0x8000u : 0), 2);
		ix_u(m, f[i].len, 2);
		if (f[i].pen != 0)
			ix_u(m, f[i].pen, 4);
	}
}

/* A set with one Template Record. */
static inline void
ix_template(struct ix *m, unsigned id, const struct ix_field *f, unsigned n)
{
	ix_set(m, m->version == 9 ? 0 : 2);
	ix_u(m, id, 2);
	ix_u(m, n, 2);
	ix_fields(m, f, n);
}

/* The first [scopes] of the fields are scopes. */
static inline void
ix_options(struct ix *m, unsigned id, const struct ix_field *f, unsigned n, unsigned scopes)
{
	ix_set(m, m->version == 9 ? 1 : 3);
	ix_u(m, id, 2);
	ix_u(m, m->version == 9 ? scopes * 4 : n, 2);
	ix_u(m, m->version == 9 ? (n - scopes) * 4 : scopes, 2);
	ix_fields(m, f, n);
}

struct ix_bench {
	struct tsn_exporters *x;
	struct tsn_decoder *d;
	struct keeper k;
	struct ix m;
	uint32_t session;
	uint32_t addr;
	int64_t now;
};

static inline struct ix_bench *
ix_setup(void)
{
	struct ix_bench *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->x = tsn_exporters_new(64);
	t->d = tsn_decoder_new(t->x, 64);
	keeper_init(&t->k, 1024);
	t->session = 2055;
	t->addr = IX_ADDR;
	t->now = IX_NOW;
	return t;
}

static inline void
ix_teardown(struct ix_bench *t)
{
	keeper_fini(&t->k);
	tsn_decoder_free(t->d);
	tsn_exporters_free(t->x);
	free(t);
}

/* Sends the message as it is, from a copy of its exact size; the rows are in t->k.row. */
static inline enum tsn_decode
ix_send_raw(struct ix_bench *t, size_t n)
{
	struct tsn_sender from = { tsn_addr_v4(t->addr), t->session };
	uint8_t *exact = malloc(n + 1);
	enum tsn_decode how;

	memcpy(exact, t->m.p, n);
	how = tsn_decode_message(t->d, exact, n, &from, t->now, &t->k.sink);
	memset(exact, 0xee, n); /* nothing may point into it */
	free(exact);
	keeper_spill(&t->k);
	return how;
}

static inline enum tsn_decode
ix_send(struct ix_bench *t)
{
	return ix_send_raw(t, ix_end(&t->m));
}

static inline uint64_t
ix_counter(struct ix_bench *t, enum tsn_exporter_counter c)
{
	return tsn_exporters_at(t->x, tsn_exporters_find(t->x, tsn_addr_v4(t->addr)))->counter[c];
}

/* A number of the i-th row, -1 if absent. */
static inline int64_t
ix_int(const struct ix_bench *t, size_t i, enum tsn_field f)
{
	return i < t->k.n && t->k.row[i].field[f].known ? t->k.row[i].field[f].i : -1;
}

#endif
