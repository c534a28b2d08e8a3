/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: files of flow-tools from numbers. Where a field stands in each kind of record is written here as offsets,
 * from flow-tools' ftlib.h, and not as the decoder has it.
 */
#ifndef TESTS_BUILD_FLOWTOOLS_H
#define TESTS_BUILD_FLOWTOOLS_H

#ifdef TSN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "flow/fields.h"
#include "unit/build_capture.h"

struct ft_place {
	uint8_t field, at, bytes;
};

struct ft_kind {
	unsigned stream, version, method, size;
	uint8_t uptime, sender, first, last, engine; /* offsets; 0: it has none */
	struct ft_place place[16];
};

#define FT_BASE(o) { TSN_F_SRC, o, 4 }, { TSN_F_DST, o + 4, 4 }, { TSN_F_NEXT_HOP, o + 8, 4 }, { TSN_F_IN_IF, o + 12, 2 }, \
	{ TSN_F_OUT_IF, o + 14, 2 }, { TSN_F_RAW_PACKETS, o + 16, 4 }, { TSN_F_RAW_BYTES, o + 20, 4 }, { TSN_F_SRC_PORT, o + 32, 2 }, \
	{ TSN_F_DST_PORT, o + 34, 2 }
#define FT_V5 FT_BASE(16), { TSN_F_PROTO, 52, 1 }, { TSN_F_TOS, 53, 1 }, { TSN_F_FLAGS, 54, 1 }, { TSN_F_SRC_MASK, 58, 1 }, \
	{ TSN_F_DST_MASK, 59, 1 }, { TSN_F_SRC_AS, 60, 2 }, { TSN_F_DST_AS, 62, 2 }
#define FT_SUMS { TSN_F_RAW_PACKETS, 20, 4 }, { TSN_F_RAW_BYTES, 24, 4 }
#define FT_FEW  { TSN_F_RAW_PACKETS, 16, 4 }, { TSN_F_RAW_BYTES, 20, 4 }

static const struct ft_kind ft_kinds[] = {
	{ 3, 1, 0, 60, 8, 12, 40, 44, 0, { FT_BASE(16), { TSN_F_PROTO, 52, 1 }, { TSN_F_TOS, 53, 1 }, { TSN_F_FLAGS, 54, 1 } } },
	{ 3, 5, 0, 64, 8, 12, 40, 44, 56, { FT_V5 } },
	{ 3, 6, 0, 72, 8, 12, 40, 44, 56, { FT_V5 } },
	{ 3, 7, 0, 68, 8, 12, 40, 44, 56, { FT_V5 } },
	{ 3, 8, 1, 48, 8, 12, 28, 32, 44, { FT_SUMS, { TSN_F_SRC_AS, 36, 2 }, { TSN_F_DST_AS, 38, 2 }, { TSN_F_IN_IF, 40, 2 }, { TSN_F_OUT_IF, 42, 2 } } },
	{ 3, 8, 2, 48, 8, 12, 28, 32, 44, { FT_SUMS, { TSN_F_PROTO, 36, 1 }, { TSN_F_SRC_PORT, 40, 2 }, { TSN_F_DST_PORT, 42, 2 } } },
	{ 3, 8, 3, 48, 12, 8, 28, 32, 46, { FT_SUMS, { TSN_F_SRC, 36, 4 }, { TSN_F_SRC_MASK, 40, 1 }, { TSN_F_SRC_AS, 42, 2 }, { TSN_F_IN_IF, 44, 2 } } },
	{ 3, 8, 4, 48, 8, 12, 28, 32, 42, { FT_SUMS, { TSN_F_DST, 36, 4 }, { TSN_F_DST_MASK, 40, 1 }, { TSN_F_DST_AS, 44, 2 }, { TSN_F_OUT_IF, 46, 2 } } },
	{ 3, 8, 5, 56, 8, 12, 28, 32, 46, { FT_SUMS, { TSN_F_SRC, 36, 4 }, { TSN_F_DST, 40, 4 }, { TSN_F_DST_MASK, 44, 1 }, { TSN_F_SRC_MASK, 45, 1 },
	    { TSN_F_SRC_AS, 48, 2 }, { TSN_F_DST_AS, 50, 2 }, { TSN_F_IN_IF, 52, 2 }, { TSN_F_OUT_IF, 54, 2 } } },
	{ 3, 8, 6, 52, 8, 12, 24, 28, 50, { FT_FEW, { TSN_F_DST, 32, 4 }, { TSN_F_OUT_IF, 44, 2 }, { TSN_F_TOS, 48, 1 } } },
	{ 3, 8, 7, 56, 8, 12, 24, 28, 54, { FT_FEW, { TSN_F_DST, 32, 4 }, { TSN_F_SRC, 36, 4 }, { TSN_F_OUT_IF, 48, 2 }, { TSN_F_IN_IF, 50, 2 },
	    { TSN_F_TOS, 52, 1 } } },
	{ 3, 8, 8, 64, 8, 12, 24, 28, 58, { FT_FEW, { TSN_F_DST, 32, 4 }, { TSN_F_SRC, 36, 4 }, { TSN_F_DST_PORT, 48, 2 }, { TSN_F_SRC_PORT, 50, 2 },
	    { TSN_F_OUT_IF, 52, 2 }, { TSN_F_IN_IF, 54, 2 }, { TSN_F_TOS, 56, 1 }, { TSN_F_PROTO, 60, 1 } } },
	{ 3, 8, 9, 48, 8, 12, 28, 32, 44, { FT_SUMS, { TSN_F_SRC_AS, 36, 2 }, { TSN_F_DST_AS, 38, 2 }, { TSN_F_IN_IF, 40, 2 }, { TSN_F_OUT_IF, 42, 2 },
	    { TSN_F_TOS, 46, 1 } } },
	{ 3, 8, 10, 48, 8, 12, 28, 32, 44, { FT_SUMS, { TSN_F_SRC_PORT, 36, 2 }, { TSN_F_DST_PORT, 38, 2 }, { TSN_F_IN_IF, 40, 2 },
	    { TSN_F_OUT_IF, 42, 2 }, { TSN_F_PROTO, 46, 1 }, { TSN_F_TOS, 47, 1 } } },
	{ 3, 8, 11, 48, 12, 8, 28, 32, 46, { FT_SUMS, { TSN_F_SRC, 36, 4 }, { TSN_F_SRC_MASK, 40, 1 }, { TSN_F_TOS, 41, 1 }, { TSN_F_SRC_AS, 42, 2 },
	    { TSN_F_IN_IF, 44, 2 } } },
	{ 3, 8, 12, 48, 12, 8, 28, 32, 46, { FT_SUMS, { TSN_F_DST, 36, 4 }, { TSN_F_OUT_IF, 40, 2 }, { TSN_F_DST_AS, 42, 2 }, { TSN_F_DST_MASK, 44, 1 },
	    { TSN_F_TOS, 45, 1 } } },
	{ 3, 8, 13, 60, 8, 12, 28, 32, 54, { FT_SUMS, { TSN_F_SRC, 36, 4 }, { TSN_F_DST, 40, 4 }, { TSN_F_SRC_AS, 44, 2 }, { TSN_F_DST_AS, 46, 2 },
	    { TSN_F_IN_IF, 48, 2 }, { TSN_F_OUT_IF, 50, 2 }, { TSN_F_DST_MASK, 52, 1 }, { TSN_F_SRC_MASK, 53, 1 }, { TSN_F_TOS, 56, 1 } } },
	{ 3, 8, 14, 60, 8, 12, 28, 32, 54, { FT_SUMS, { TSN_F_SRC, 36, 4 }, { TSN_F_DST, 40, 4 }, { TSN_F_SRC_PORT, 44, 2 }, { TSN_F_DST_PORT, 46, 2 },
	    { TSN_F_IN_IF, 48, 2 }, { TSN_F_OUT_IF, 50, 2 }, { TSN_F_DST_MASK, 52, 1 }, { TSN_F_SRC_MASK, 53, 1 }, { TSN_F_TOS, 56, 1 },
	    { TSN_F_PROTO, 57, 1 } } },
	{ 1, 5, 0, 60, 0, 0, 32, 36, 0, { FT_BASE(8), { TSN_F_PROTO, 46, 1 }, { TSN_F_TOS, 47, 1 }, { TSN_F_FLAGS, 48, 1 }, { TSN_F_SRC_AS, 52, 2 },
	    { TSN_F_DST_AS, 54, 2 }, { TSN_F_SRC_MASK, 56, 1 }, { TSN_F_DST_MASK, 57, 1 } } },
};
#define FT_KINDS (sizeof(ft_kinds) / sizeof(ft_kinds[0]))

static inline void
ft_set(uint8_t *p, uint32_t v, unsigned bytes, bool little)
{
	for (unsigned i = 0; i < bytes; i++)
		p[little ? i : bytes - 1 - i] = (uint8_t)(v >> (8 * i));
}

/* The value that the tests give this field in record [i]. */
static inline uint32_t
ft_value(const struct ft_place *w, unsigned i)
{
	uint32_t v = 0x11223344u * (w->field + 1u) + 0x01010101u * i;

	return w->bytes == 4 ? v : w->bytes == 2 ? v & 0xffff : v & 0xff;
}

struct ft_clock {
	uint32_t secs, rest, uptime, sender, first, last;
};

/* Pads are not zero, so that reading them shows. */
static inline void
ft_record(uint8_t *p, const struct ft_kind *k, const struct ft_clock *c, unsigned i, bool little)
{
	memset(p, 0xa5, k->size);
	ft_set(p, c->secs, 4, little);
	ft_set(p + 4, c->rest, 4, little);
	if (k->stream == 3) {
		ft_set(p + k->uptime, c->uptime, 4, little);
		ft_set(p + k->sender, c->sender, 4, little);
	}
	ft_set(p + k->first, c->first, 4, little);
	ft_set(p + k->last, c->last, 4, little);
	if (k->engine != 0) {
		p[k->engine] = 3;
		p[k->engine + 1] = 4;
	}
	for (const struct ft_place *w = k->place; w < k->place + 16 && w->bytes != 0; w++)
		ft_set(p + w->at, ft_value(w, i), w->bytes, little);
}

static inline void
ft_tlv(struct bytes *b, unsigned type, const void *p, size_t n, bool little)
{
	uint8_t head[4];

	ft_set(head, type, 2, little);
	ft_set(head + 2, (uint32_t)n, 2, little);
	put(b, head, 4);
	put(b, p, n);
}

static inline void
ft_tlv_number(struct bytes *b, unsigned type, uint32_t v, unsigned bytes, bool little)
{
	uint8_t p[4];

	ft_set(p, v, bytes, little);
	ft_tlv(b, type, p, bytes, little);
}

/* The header of either stream version; [flags] 2: compressed, 1: finished. */
static inline void
ft_header(struct bytes *b, const struct ft_kind *k, uint32_t flags, uint32_t exporter, bool little)
{
	uint8_t head[360] = { 0xcf, 0x10, little ? 1 : 2, (uint8_t)k->stream };

	b->n = 0;
	if (k->stream == 1) {
		ft_set(head + 4, k->version, 2, little);
		ft_set(head + 16, flags, 4, little);
		put(b, head, sizeof(head));
		return;
	}
	put(b, head, 8);
	ft_tlv(b, 15, "somewhere", 10, little);
	ft_tlv_number(b, 2, k->version, 2, little);
	if (k->version == 8) {
		ft_tlv_number(b, 3, 2, 1, little);
		ft_tlv_number(b, 4, k->method, 1, little);
	}
	ft_tlv_number(b, 8, flags, 4, little);
	if (exporter != 0)
		ft_tlv_number(b, 5, exporter, 4, little);
	ft_tlv(b, 0x7777, "unknown", 7, little);
	ft_set(b->p + 4, (uint32_t)b->n, 4, little);
}

/* Records as one zlib stream. */
#ifdef TSN_HAVE_ZLIB
static inline void
ft_compressed(struct bytes *b, const uint8_t *p, size_t n)
{
	uLongf room = compressBound(n);
	uint8_t *out = malloc(room);

	if (out == NULL || compress2(out, &room, p, n, 9) != Z_OK)
		abort();
	put(b, out, room);
	free(out);
}
#endif

/* The records behind the header, which says if they are compressed. */
static inline void
ft_put_records(struct bytes *b, const struct bytes *records, bool compressed)
{
#ifdef TSN_HAVE_ZLIB
	if (compressed)
		ft_compressed(b, records->p, records->n);
#endif
	if (!compressed)
		put(b, records->p, records->n);
}

#endif
