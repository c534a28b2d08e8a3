/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

/*
 * Failure injection is a test seam, thread-local so that it cannot disturb
 * another test; it costs one predictable branch.
 */
static _Thread_local struct {
	bool armed, sticky;
	long left, count;
} inject;

static bool
refuse(void)
{
	if (__builtin_expect(!inject.armed, 1))
		return false;
	inject.count++;
	if (inject.left > 0) {
		inject.left--;
		return false;
	}
	if (inject.left == 0 || inject.sticky) {
		inject.left = -1;
		return true;
	}
	return false;
}

void
tsn_mem_fail_at(long n, bool sticky)
{
	inject.armed = true;
	inject.sticky = sticky;
	inject.left = n;
	inject.count = 0;
}

void
tsn_mem_fail_never(void)
{
	inject.armed = false;
}

long
tsn_mem_count(void)
{
	return inject.count;
}

void *
tsn_malloc(size_t size)
{
	return refuse() ? NULL : malloc(size ? size : 1);
}

void *
tsn_calloc(size_t count, size_t size)
{
	return refuse() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *
tsn_realloc(void *p, size_t size)
{
	return refuse() ? NULL : realloc(p, size ? size : 1);
}

void *
tsn_reallocarray(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return tsn_realloc(p, bytes);
}

void *
tsn_aligned_alloc(size_t align, size_t size)
{
	void *p;

	if (refuse() || posix_memalign(&p, align, size ? size : 1) != 0)
		return NULL;
	return p;
}

void *
tsn_aligned_calloc(size_t align, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	p = tsn_aligned_alloc(align, bytes);
	return p == NULL ? NULL : memset(p, 0, bytes);
}

/* Whole huge pages: where an array ended in small ones these would stay small when it grows. */
static size_t
pages(size_t size)
{
	return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Address space of [size] bytes that begins where a huge page does. */
static uint8_t *
reserve(size_t size)
{
	uint8_t *p, *at;

	if (size > SIZE_MAX / 2)
		return NULL;
	p = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	at = (uint8_t *)(((uintptr_t)p + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
	if (at > p)
		munmap(p, (size_t)(at - p));
	if (at < p + HUGE_PAGE)
		munmap(at + size, (size_t)(p + HUGE_PAGE - at));
	return at;
}

static void *
map_anywhere(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ThreadSanitizer does not see pages move: what a thread did where they come from or go to would be a race with whoever has them next. */
static void *
move_small(void *old, size_t old_size, size_t size)
{
#ifdef __SANITIZE_THREAD__
	void *p = map_anywhere(size);

	if (p == MAP_FAILED)
		return p;
	memcpy(p, old, old_size < size ? old_size : size);
	munmap(old, old_size);
	return p;
#else
	return mremap(old, old_size, size, MREMAP_MAYMOVE);
#endif
}

void *
tsn_map_small(void *old, size_t old_size, size_t size)
{
	void *p;

	if (refuse() || size > SIZE_MAX / 2)
		return NULL;
	p = old == NULL ? map_anywhere(size) : move_small(old, old_size, size);
	return p == MAP_FAILED ? NULL : p;
}

void
tsn_unmap_small(void *p, size_t size)
{
	if (p != NULL)
		munmap(p, size);
}

void
tsn_map_soon(void *p, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	const uintptr_t from = (uintptr_t)p & -(uintptr_t)sysconf(_SC_PAGESIZE);

	(void)madvise((void *)from, (uintptr_t)p + size - from, MADV_POPULATE_WRITE); /* before Linux 5.14 they come one by one */
#else
	(void)p, (void)size;
#endif
}

void *
tsn_map(void *old, size_t old_size, size_t size)
{
	const size_t had = pages(old_size), want = pages(size);
	uint8_t *p;

	if (refuse())
		return NULL;
	if (old != NULL && had == want)
		return old;
	p = reserve(want);
	if (p == NULL)
		return NULL;
	if ((old == NULL ? mmap(p, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) :
	    mremap(old, had, want, MREMAP_MAYMOVE | MREMAP_FIXED, p)) == MAP_FAILED) {
		munmap(p, want);
		return NULL;
	}
	madvise(p, want, MADV_HUGEPAGE); /* advice: where it is not taken it is only slower */
	return p;
}

void
tsn_unmap(void *p, size_t size)
{
	if (p != NULL)
		munmap(p, pages(size));
}

char *
tsn_strndup(const char *s, size_t n)
{
	char *p = tsn_malloc(n + 1);

	if (p != NULL) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

char *
tsn_strdup(const char *s)
{
	return tsn_strndup(s, strlen(s));
}

void
tsn_free(void *p)
{
	free(p);
}

void *
tsn_reach(void *p, uint32_t *n, uint32_t index, size_t size)
{
	size_t want = *n == 0 ? 16 : *n;
	void *q;

	if (index < *n)
		return p;
	while (want <= index)
		want *= 2;
	q = want > UINT32_MAX ? NULL : tsn_reallocarray(p, want, size);
	if (q == NULL)
		return NULL;
	memset((char *)q + *n * size, 0, (want - *n) * size);
	*n = (uint32_t)want;
	return q;
}

void *
tsn_grow(void *p, size_t count, size_t *cap, size_t size)
{
	size_t want;
	void *q;

	if (count < *cap)
		return p;
	want = *cap ? *cap * 2 : 8;
	q = tsn_reallocarray(p, want, size);
	if (q != NULL)
		*cap = want;
	return q;
}
