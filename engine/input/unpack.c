/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/unpack.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#ifdef TSN_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef TSN_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef TSN_HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef TSN_HAVE_LZMA
#include <lzma.h>
#endif

#include "base/mem.h"

#define PIECE ((size_t)128 << 10) /* compressed bytes held; what a reader has read of them when it begins fits */

enum step { WENT_ON, MEMBER_ENDED, BROKEN };

struct method {
	const char *name;
	bool (*is)(const uint8_t *p, size_t n);
	/* Ready for a (further) member. NULL: this build lacks the library. */
	bool (*open)(struct tsn_unpack *u);
	/* Takes from in[pos..end], puts at most [room] bytes and says how many. */
	enum step (*step)(struct tsn_unpack *u, uint8_t *to, size_t room, size_t *made);
	void (*close)(struct tsn_unpack *u);
};

struct tsn_unpack {
	const struct method *method;
	ssize_t (*more)(void *arg, uint8_t *to, size_t room);
	void *arg;
	size_t pos, end;
	bool in_ended, in_failed, opened, between, ended;
	bool later; /* more compressed bytes are needed, and will come another time */
	char why[160];
	union {
#ifdef TSN_HAVE_ZLIB
		z_stream gzip;
#endif
#ifdef TSN_HAVE_ZSTD
		ZSTD_DStream *zstd;
#endif
#ifdef TSN_HAVE_BZ2
		bz_stream bzip2;
#endif
#ifdef TSN_HAVE_LZMA
		lzma_stream xz;
#endif
		int none;
	} s;
	uint8_t in[PIECE];
};

#if defined(TSN_HAVE_ZLIB) || defined(TSN_HAVE_ZSTD) || defined(TSN_HAVE_BZ2) || defined(TSN_HAVE_LZMA)
static enum step
broken(struct tsn_unpack *u, const char *what)
{
	snprintf(u->why, sizeof(u->why), "the %s data is damaged: %s", u->method->name, what);
	return BROKEN;
}
#endif

/* --- gzip --- */

static bool
gzip_is(const uint8_t *p, size_t n)
{
	return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

#ifdef TSN_HAVE_ZLIB

static void *
gzip_alloc(void *arg, unsigned n, unsigned size)
{
	(void)arg;
	return tsn_reallocarray(NULL, n, size);
}

static void
gzip_release(void *arg, void *p)
{
	(void)arg;
	tsn_free(p);
}

static bool
gzip_open(struct tsn_unpack *u)
{
	if (u->opened)
		return inflateReset(&u->s.gzip) == Z_OK;
	u->s.gzip = (z_stream){ .zalloc = gzip_alloc, .zfree = gzip_release };
	return inflateInit2(&u->s.gzip, 15 + 16) == Z_OK; /* the largest window; gzip's header and no other */
}

static enum step
gzip_step(struct tsn_unpack *u, uint8_t *to, size_t room, size_t *made)
{
	z_stream *z = &u->s.gzip;
	int how;

	z->next_in = u->in + u->pos;
	z->avail_in = (unsigned)(u->end - u->pos);
	z->next_out = to;
	z->avail_out = (unsigned)room;
	how = inflate(z, Z_NO_FLUSH);
	u->pos = u->end - z->avail_in;
	*made = room - z->avail_out;
	if (how == Z_STREAM_END)
		return MEMBER_ENDED;
	if (how == Z_OK || how == Z_BUF_ERROR)
		return WENT_ON;
	return broken(u, how == Z_MEM_ERROR ? "memory is out" : z->msg != NULL ? z->msg : "it makes no sense");
}

static void
gzip_close(struct tsn_unpack *u)
{
	inflateEnd(&u->s.gzip);
}
#else
#define gzip_open NULL
#define gzip_step NULL
#define gzip_close NULL
#endif

/* --- zstd --- */

/* A frame, or a skippable one (RFC 8878 3.1.2), which parallel writers put first. */
static bool
zstd_is(const uint8_t *p, size_t n)
{
	return n >= 4 && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 || ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

#ifdef TSN_HAVE_ZSTD

static bool
zstd_open(struct tsn_unpack *u)
{
	if (u->opened) /* the stream is ready for the next frame by itself */
		return true;
	u->s.zstd = ZSTD_createDStream();
	return u->s.zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(u->s.zstd, ZSTD_d_windowLogMax, TSN_UNPACK_WINDOW_LOG));
}

static enum step
zstd_step(struct tsn_unpack *u, uint8_t *to, size_t room, size_t *made)
{
	ZSTD_inBuffer in = { u->in + u->pos, u->end - u->pos, 0 };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t how = ZSTD_decompressStream(u->s.zstd, &out, &in);

	u->pos += in.pos;
	*made = out.pos;
	if (ZSTD_isError(how))
		return broken(u, ZSTD_getErrorName(how));
	return how == 0 ? MEMBER_ENDED : WENT_ON;
}

static void
zstd_close(struct tsn_unpack *u)
{
	ZSTD_freeDStream(u->s.zstd);
}
#else
#define zstd_open NULL
#define zstd_step NULL
#define zstd_close NULL
#endif

/* --- bzip2 --- */

/* "BZh", the block size, and then the first block's mark or that of an empty stream's end. */
static bool
bzip2_is(const uint8_t *p, size_t n)
{
	return n >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
	    (memcmp(p + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 || memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

#ifdef TSN_HAVE_BZ2

static void *
bzip2_alloc(void *arg, int n, int size)
{
	(void)arg;
	return tsn_reallocarray(NULL, (size_t)n, (size_t)size);
}

static void
bzip2_release(void *arg, void *p)
{
	(void)arg;
	tsn_free(p);
}

static bool
bzip2_open(struct tsn_unpack *u)
{
	if (u->opened)
		BZ2_bzDecompressEnd(&u->s.bzip2);
	u->s.bzip2 = (bz_stream){ .bzalloc = bzip2_alloc, .bzfree = bzip2_release };
	return BZ2_bzDecompressInit(&u->s.bzip2, 0, 0) == BZ_OK;
}

static enum step
bzip2_step(struct tsn_unpack *u, uint8_t *to, size_t room, size_t *made)
{
	bz_stream *b = &u->s.bzip2;
	int how;

	b->next_in = (char *)u->in + u->pos;
	b->avail_in = (unsigned)(u->end - u->pos);
	b->next_out = (char *)to;
	b->avail_out = (unsigned)room;
	how = BZ2_bzDecompress(b);
	u->pos = u->end - b->avail_in;
	*made = room - b->avail_out;
	if (how == BZ_STREAM_END)
		return MEMBER_ENDED;
	if (how == BZ_OK)
		return WENT_ON;
	return broken(u, how == BZ_MEM_ERROR ? "memory is out" : "a checksum or a code is wrong");
}

static void
bzip2_close(struct tsn_unpack *u)
{
	BZ2_bzDecompressEnd(&u->s.bzip2);
}
#else
#define bzip2_open NULL
#define bzip2_step NULL
#define bzip2_close NULL
#endif

/* --- xz --- */

static bool
xz_is(const uint8_t *p, size_t n)
{
	return n >= 6 && memcmp(p, "\xfd" "7zXZ\0", 6) == 0;
}

#ifdef TSN_HAVE_LZMA

static void *
xz_alloc(void *arg, size_t n, size_t size)
{
	(void)arg;
	return tsn_reallocarray(NULL, n, size);
}

static void
xz_release(void *arg, void *p)
{
	(void)arg;
	tsn_free(p);
}

static bool
xz_open(struct tsn_unpack *u)
{
	static const lzma_allocator allocator = { xz_alloc, xz_release, NULL };

	if (!u->opened)
		u->s.xz = (lzma_stream){ .allocator = &allocator };
	return lzma_stream_decoder(&u->s.xz, TSN_UNPACK_MEMORY, 0) == LZMA_OK;
}

static enum step
xz_step(struct tsn_unpack *u, uint8_t *to, size_t room, size_t *made)
{
	lzma_stream *x = &u->s.xz;
	lzma_ret how;

	x->next_in = u->in + u->pos;
	x->avail_in = u->end - u->pos;
	x->next_out = to;
	x->avail_out = room;
	how = lzma_code(x, LZMA_RUN);
	u->pos = u->end - x->avail_in;
	*made = room - x->avail_out;
	switch (how) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return WENT_ON;
	case LZMA_STREAM_END:
		return MEMBER_ENDED;
	case LZMA_MEM_ERROR:
		return broken(u, "memory is out");
	case LZMA_MEMLIMIT_ERROR:
		return broken(u, "it asks for more than 128 MiB to be unpacked");
	case LZMA_OPTIONS_ERROR:
		return broken(u, "it uses what this library does not know");
	default:
		return broken(u, "a checksum or a code is wrong");
	}
}

static void
xz_close(struct tsn_unpack *u)
{
	lzma_end(&u->s.xz);
}
#else
#define xz_open NULL
#define xz_step NULL
#define xz_close NULL
#endif

/* --- all of them --- */

static const struct method methods[] = {
	{ "gzip", gzip_is, gzip_open, gzip_step, gzip_close },
	{ "zstd", zstd_is, zstd_open, zstd_step, zstd_close },
	{ "bzip2", bzip2_is, bzip2_open, bzip2_step, bzip2_close },
	{ "xz", xz_is, xz_open, xz_step, xz_close },
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

static const struct method *
find(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < METHODS; i++)
		if (methods[i].is(p, n))
			return &methods[i];
	return NULL;
}

const char *
tsn_unpack_kind(const uint8_t *p, size_t n)
{
	const struct method *m = find(p, n);

	return m != NULL ? m->name : NULL;
}

bool
tsn_unpack_built(const char *kind)
{
	for (size_t i = 0; i < METHODS; i++)
		if (strcmp(methods[i].name, kind) == 0)
			return methods[i].open != NULL;
	return false;
}

struct tsn_unpack *
tsn_unpack_new(const uint8_t *p, size_t n, ssize_t (*more)(void *arg, uint8_t *to, size_t room), void *arg, const char **why)
{
	struct tsn_unpack *u = tsn_malloc(sizeof(*u));

	*why = "memory is out";
	if (u == NULL)
		return NULL;
	memset(u, 0, offsetof(struct tsn_unpack, in));
	u->method = find(p, n);
	assert(u->method != NULL && n <= sizeof(u->in));
	u->more = more;
	u->arg = arg;
	u->end = n;
	memcpy(u->in, p, n);
	if (u->method->open(u)) {
		u->opened = true;
		return u;
	}
	u->method->close(u);
	tsn_free(u);
	return NULL;
}

void
tsn_unpack_free(struct tsn_unpack *u)
{
	if (u == NULL)
		return;
	u->method->close(u);
	tsn_free(u);
}

const char *
tsn_unpack_why(const struct tsn_unpack *u)
{
	return u->in_failed || u->why[0] == '\0' ? NULL : u->why;
}

/* Makes at least [least] compressed bytes available, fewer at the end, or if there are no more for now. */
static void
refill(struct tsn_unpack *u, size_t least)
{
	ssize_t n;

	if (u->end - u->pos >= least || u->in_ended)
		return;
	memmove(u->in, u->in + u->pos, u->end - u->pos);
	u->end -= u->pos;
	u->pos = 0;
	while (u->end < least && !u->in_ended) {
		n = u->more(u->arg, u->in + u->end, sizeof(u->in) - u->end);
		u->later = n == TSN_UNPACK_LATER;
		if (u->later)
			return;
		u->in_ended = n <= 0;
		u->in_failed = n < 0;
		u->end += n > 0 ? (size_t)n : 0;
	}
}

/* A member has ended: zeros may pad it (tapes; xz), then comes the end or another one. */
static bool
next_member(struct tsn_unpack *u)
{
	refill(u, 1);
	while (u->pos < u->end && u->in[u->pos] == 0) {
		u->pos++;
		refill(u, 1);
	}
	if (u->pos == u->end) {
		u->ended = !u->in_failed && !u->later;
		return false;
	}
	refill(u, TSN_UNPACK_PEEK);
	if (u->later)
		return false;
	if (!u->method->is(u->in + u->pos, u->end - u->pos)) {
		snprintf(u->why, sizeof(u->why), "bytes that are no %s data follow its end", u->method->name);
		return false;
	}
	u->between = false;
	if (u->method->open(u))
		return true;
	snprintf(u->why, sizeof(u->why), "memory is out");
	return false;
}

ssize_t
tsn_unpack_read(struct tsn_unpack *u, uint8_t *to, size_t room)
{
	size_t made, had;
	enum step how;

	if (room > INT_MAX)
		room = INT_MAX;
	u->later = false;
	while (!u->ended && u->why[0] == '\0') {
		if (u->between && !next_member(u))
			break;
		refill(u, 1);
		had = u->pos;
		how = u->method->step(u, to, room, &made);
		u->between = how == MEMBER_ENDED;
		if (made > 0)
			return (ssize_t)made;
		if (how == WENT_ON && u->pos == had && u->in_ended) {
			if (!u->in_failed)
				snprintf(u->why, sizeof(u->why), "the %s data ends too early", u->method->name);
			break;
		}
		if (how == WENT_ON && u->pos == had && u->later)
			break;
	}
	return u->ended ? 0 : u->later ? TSN_UNPACK_LATER : -1;
}
