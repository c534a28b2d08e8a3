/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/mapped.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/mem.h"

#define PAGE   ((uint64_t)65536)   /* of any machine */
#define BEHIND ((uint64_t)4 << 20) /* pages are given back so much at a time, so that a large file is not taken for memory in use */
#define SMALL  ((size_t)4096)      /* copies up to here do not get memory's own look-ahead going... */
#define FAR    ((size_t)8192)      /* ...and what is asked of memory is so far ahead: the work of several datagrams */
#define LINE   64u

struct tsn_mapped {
	const uint8_t *base;
	uint64_t size;
	uint64_t limit;  /* what is copied ends here: at least a byte of the page behind is the file's, too */
	uint64_t behind; /* pages up to here were given back */
};

/* --- SIGBUS --- */

/* A copy under way. */
struct guard {
	sigjmp_buf back;
	uintptr_t from;
	size_t size;
};

/* What a signal does is the whole process's; which copy it is of is told by the thread. */
static _Thread_local struct guard *volatile guarded;
static struct sigaction former;
static uint64_t shortest = UINT64_MAX; /* of the files that are mapped */

static void
pass_on(int number, siginfo_t *info, void *context)
{
	if ((former.sa_flags & SA_SIGINFO) != 0) {
		former.sa_sigaction(number, info, context);
	} else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(number);
	} else {
		sigaction(SIGBUS, &former, NULL);
		if (info->si_code <= 0) /* somebody sent it; else it comes again by itself */
			raise(number);
	}
}

static void
on_bus(int number, siginfo_t *info, void *context)
{
	struct guard *g = guarded;

	if (g != NULL && info->si_code > 0 && (uintptr_t)info->si_addr - g->from < g->size) {
		/* as returning would: a copy does not ask what is blocked before it begins, which is a system call */
		pthread_sigmask(SIG_SETMASK, &((const ucontext_t *)context)->uc_sigmask, NULL);
		siglongjmp(g->back, 1);
	}
	pass_on(number, info, context);
}

bool
tsn_mapped_allow(uint64_t least)
{
	struct sigaction a = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	if (shortest == UINT64_MAX && sigaction(SIGBUS, &a, &former) != 0)
		return false;
	shortest = least;
	return true;
}

/* --- copies --- */

struct tsn_mapped *
tsn_mapped_new(int fd, uint64_t size)
{
	struct tsn_mapped *m;
	void *base;

	if (size < shortest || size == 0 || size > SIZE_MAX || (m = tsn_calloc(1, sizeof(*m))) == NULL)
		return NULL;
	base = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		tsn_free(m);
		return NULL;
	}
	(void)madvise(base, (size_t)size, MADV_SEQUENTIAL); /* a hint */
	*m = (struct tsn_mapped){ .base = base, .size = size, .limit = (size - 1) / PAGE * PAGE };
	return m;
}

void
tsn_mapped_free(struct tsn_mapped *m)
{
	if (m == NULL)
		return;
	munmap((void *)(uintptr_t)m->base, (size_t)m->size);
	tsn_free(m);
}

/*
 * [next]: the page behind. When a file is cut short the pages wholly behind its new end go first, and only then the rest of the page in which
 * it ends becomes zeros. So if [next] is still there afterwards, none of those zeros were copied.
 */
static bool
copy(const struct tsn_mapped *m, uint8_t *to, const uint8_t *from, size_t n, const volatile uint8_t *next)
{
	struct guard g;

	g.from = (uintptr_t)m->base;
	g.size = (size_t)m->size;
	if (sigsetjmp(g.back, 0) != 0) {
		guarded = NULL;
		return false;
	}
	guarded = &g;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(to, from, n);
	atomic_signal_fence(memory_order_seq_cst);
	(void)*next;
	guarded = NULL;
	return true;
}

/* What will be copied soon, if it is copied in as small parts as this one. Asking for a page that is not there does nothing. */
static void
look_ahead(const struct tsn_mapped *m, uint64_t at, size_t n)
{
	if (n > SMALL || m->limit - at < n + FAR)
		return;
	for (size_t i = 0; i < n; i += LINE)
		__builtin_prefetch(m->base + at + FAR + i, 0, 2); /* the second cache: columns push it out of the first */
}

static void
give_back(struct tsn_mapped *m, uint64_t at)
{
	if (at < m->behind + BEHIND)
		return;
	at = at / BEHIND * BEHIND;
	(void)madvise((void *)(uintptr_t)(m->base + m->behind), (size_t)(at - m->behind), MADV_DONTNEED);
	m->behind = at;
}

size_t
tsn_mapped_copy(struct tsn_mapped *m, uint8_t *to, size_t room, uint64_t at)
{
	size_t n;

	if (at >= m->limit)
		return 0;
	n = m->limit - at < room ? (size_t)(m->limit - at) : room;
	give_back(m, at);
	look_ahead(m, at, n);
	return copy(m, to, m->base + at, n, m->base + (at + n + PAGE - 1) / PAGE * PAGE) ? n : 0;
}
