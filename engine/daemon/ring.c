/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "input/walk.h"

#define FILES       16u           /* of one ring */
#define BUFFER      (256u << 10)  /* longest record many times over */
#define RETRY_MS    60000         /* after a failed write */
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define UDP_HEADER  8u
#define RECORD      16u
#define LONGEST     65507u        /* payload of a datagram over IPv4 */
#define LINK_RAW    101u          /* LINKTYPE_RAW of the registry of link types */
#define PREFIX      "ring."

struct tsn_ring {
	char *dir;
	uint64_t cap;
	const struct tsn_log *log;
	int fd;                     /* of the newest file; -1: none is open */
	uint64_t size;              /* of it, with what is buffered */
	uint64_t older;             /* bytes of the files before it */
	struct tsn_walk_file *file; /* those, oldest first */
	size_t n, nfiles_cap;
	char name[256];             /* of the newest */
	int64_t now_ms;             /* of the last message */
	int64_t quiet_until;        /* after a failure nothing is tried before */
	size_t used;
	struct tsn_ring_counts counts;
	uint8_t buffer[BUFFER];
};

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

/* --- files --- */

static void
broken(struct tsn_ring *r, const char *what)
{
	tsn_log(r->log, TSN_LOG_ERROR, "ring %s: %s: %s; the last flows are not kept for a minute", r->dir, what, strerror(errno));
	r->quiet_until = r->now_ms + RETRY_MS;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->used = 0;
}

static void
forget_oldest(struct tsn_ring *r)
{
	if (unlink(r->file[0].path) != 0 && errno != ENOENT)
		tsn_log(r->log, TSN_LOG_WARN, "ring: cannot remove %s: %s", r->file[0].path, strerror(errno));
	r->older -= r->file[0].size;
	tsn_free(r->file[0].path);
	memmove(r->file, r->file + 1, --r->n * sizeof(*r->file));
}

static bool
remember(struct tsn_ring *r, const char *path, uint64_t size)
{
	struct tsn_walk_file *v = tsn_grow(r->file, r->n, &r->nfiles_cap, sizeof(*v));

	if (v == NULL)
		return false;
	r->file = v;
	v[r->n] = (struct tsn_walk_file){ .path = tsn_strdup(path), .size = size };
	if (v[r->n].path == NULL)
		return false;
	r->n++;
	r->older += size;
	return true;
}

/* The newest becomes one of the older; those that are too much go. */
static void
end_file(struct tsn_ring *r)
{
	if (r->fd < 0)
		return;
	close(r->fd);
	r->fd = -1;
	if (!remember(r, r->name, r->size))
		unlink(r->name); /* without memory for its name it would never go */
	while (r->n > 0 && r->older > r->cap - r->cap / FILES)
		forget_oldest(r);
}

/* Named by its first moment, so that readers take the files in order; two of one second are told apart by a number. */
static void
begin_file(struct tsn_ring *r)
{
	const time_t seconds = (time_t)(r->now_ms / TSN_SECOND);
	struct tm t;

	gmtime_r(&seconds, &t);
	for (unsigned k = 0; r->fd < 0 && k < 1000; k++) {
		snprintf(r->name, sizeof(r->name), "%s/" PREFIX "%04d%02d%02d%02d%02d%02d.%03u.pcap", r->dir, t.tm_year + 1900, t.tm_mon + 1,
		    t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, k);
		r->fd = open(r->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (r->fd < 0 && errno != EEXIST)
			break;
	}
	if (r->fd < 0) {
		broken(r, r->name);
		return;
	}
	memset(r->buffer, 0, 24);
	put32(r->buffer, 0xa1b2c3d4);
	put16(r->buffer + 4, 2);
	put16(r->buffer + 6, 4);
	put32(r->buffer + 16, 262144);
	put32(r->buffer + 20, LINK_RAW);
	r->used = 24;
	r->size = 24;
}

void
tsn_ring_flush(struct tsn_ring *r)
{
	size_t done = 0;

	while (done < r->used && r->fd >= 0) {
		ssize_t n = write(r->fd, r->buffer + done, r->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* what is half written is cut off again */
			int error = errno;

			if (ftruncate(r->fd, (off_t)(r->size - r->used)) != 0)
				unlink(r->name);
			errno = error;
			r->size -= r->used;
			end_file(r);
			errno = error;
			r->counts.lost++;
			broken(r, "cannot write");
			return;
		}
		done += (size_t)n;
	}
	r->used = 0;
}

/* --- messages --- */

static uint32_t
sum16(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* RFC 791, with its checksum; from the exporter to nobody in particular. */
static size_t
put_ipv4(uint8_t *p, struct tsn_addr from, size_t udp)
{
	uint32_t sum;

	memset(p, 0, IPV4_HEADER);
	p[0] = 0x45;
	put16(p + 2, (uint32_t)(IPV4_HEADER + udp));
	p[8] = 64;
	p[9] = 17;
	put32(p + 12, (uint32_t)from.lo);
	put32(p + 16, 0x7f000001);
	sum = sum16(p, IPV4_HEADER);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(p + 10, ~sum & 0xffff);
	return IPV4_HEADER;
}

/* RFC 8200. */
static size_t
put_ipv6(uint8_t *p, struct tsn_addr from, size_t udp)
{
	memset(p, 0, IPV6_HEADER);
	p[0] = 0x60;
	put16(p + 4, (uint32_t)udp);
	p[6] = 17;
	p[7] = 64;
	put64(p + 8, from.hi);
	put64(p + 16, from.lo);
	p[39] = 1;
	return IPV6_HEADER;
}

static void
put_record(struct tsn_ring *r, const uint8_t *payload, size_t len, struct tsn_addr from, uint16_t port, int64_t received_ms)
{
	uint8_t *p = r->buffer + r->used, *ip = p + RECORD, *udp;
	const size_t dgram = UDP_HEADER + len;
	size_t whole;

	udp = ip + (from.v4 ? put_ipv4(ip, from, dgram) : put_ipv6(ip, from, dgram));
	put16(udp, port);
	put16(udp + 2, 2055);
	put16(udp + 4, (uint32_t)dgram);
	put16(udp + 6, 0);
	memcpy(udp + UDP_HEADER, payload, len);
	whole = (size_t)(udp - ip) + dgram;
	put32(p, (uint32_t)(received_ms / 1000));
	put32(p + 4, (uint32_t)(received_ms % 1000 * 1000));
	put32(p + 8, (uint32_t)whole);
	put32(p + 12, (uint32_t)whole);
	r->used += RECORD + whole;
	r->size += RECORD + whole;
	r->counts.messages++;
	r->counts.bytes += len;
}

void
tsn_ring_put(struct tsn_ring *r, const uint8_t *p, size_t len, struct tsn_addr exporter, uint16_t port, int64_t received_ms)
{
	const size_t room = RECORD + IPV6_HEADER + UDP_HEADER + len;

	if (len > LONGEST) {
		r->counts.too_long++;
		return;
	}
	r->now_ms = received_ms;
	if (received_ms < r->quiet_until) {
		r->counts.lost++;
		return;
	}
	if (r->used + room > BUFFER)
		tsn_ring_flush(r);
	if (r->fd >= 0 && r->size + room > r->cap / FILES) {
		tsn_ring_flush(r);
		end_file(r);
	}
	if (r->fd < 0)
		begin_file(r);
	if (r->fd >= 0)
		put_record(r, p, len, exporter, port, received_ms);
	else
		r->counts.lost++;
}

/* --- the whole --- */

/* Those of an earlier run stay until they are too old. Files of other names are not ours to remove. */
static bool
find_files(struct tsn_ring *r)
{
	struct tsn_walk w = { 0 };
	bool ok = tsn_walk_directory(&w, r->dir);

	for (size_t i = 0; ok && i < w.n; i++) {
		const char *slash = strrchr(w.files[i].path, '/');
		const char *name = slash == NULL ? w.files[i].path : slash + 1;

		if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
			ok = remember(r, w.files[i].path, w.files[i].size);
	}
	tsn_walk_fini(&w);
	return ok;
}

struct tsn_ring *
tsn_ring_open(const char *dir, uint64_t cap, const struct tsn_log *log)
{
	struct tsn_ring *r = tsn_calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->fd = -1;
	r->cap = cap;
	r->log = log;
	r->dir = tsn_strdup(dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
		tsn_log(log, TSN_LOG_ERROR, "ring %s: %s; the last flows are not kept", dir, strerror(errno));
	} else if (r->dir != NULL && find_files(r)) {
		return r;
	} else {
		tsn_log(log, TSN_LOG_ERROR, "ring %s: memory is out; the last flows are not kept", dir);
	}
	tsn_ring_close(r);
	return NULL;
}

void
tsn_ring_close(struct tsn_ring *r)
{
	if (r == NULL)
		return;
	tsn_ring_flush(r);
	if (r->fd >= 0)
		close(r->fd);
	for (size_t i = 0; i < r->n; i++)
		tsn_free(r->file[i].path);
	tsn_free(r->file);
	tsn_free(r->dir);
	tsn_free(r);
}

bool
tsn_ring_is(const struct tsn_ring *r, const char *dir, uint64_t cap)
{
	return r->cap == cap && strcmp(r->dir, dir) == 0;
}

void
tsn_ring_counts(const struct tsn_ring *r, struct tsn_ring_counts *out)
{
	*out = r->counts;
	out->held = r->older + (r->fd >= 0 ? r->size - r->used : 0);
}
