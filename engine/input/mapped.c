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
#define WINDOW ((uint64_t)16 << 20) /* mapped at a time: a large file takes no more room than that, of addresses or memory */
#define SMALL  ((size_t)4096)      /* copies up to here do not get memory's own look-ahead going... */
#define FAR    ((size_t)8192)      /* ...and what is asked of memory is so far ahead: the work of several datagrams */
#define LINE   64u

struct tsn_mapped {
	int fd;
	uint64_t size;
	uint64_t limit; /* what is copied ends here: at least a byte of the page behind is the file's, too */
	/* the window: bytes [from, to) of the file */
	uint8_t *base;
	uint64_t from, to;
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
	} else if (former.sa_handler == SIG_DFL || info->si_code > 0) { /* one that was sent may be ignored */
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

static void
unmap(struct tsn_mapped *m)
{
	if (m->to > m->from)
		munmap(m->base, (size_t)(m->to - m->from));
	m->from = m->to = 0;
}

/* A window that begins with the page of byte [at]. False, and there is none, if it cannot be had. */
static bool
map(struct tsn_mapped *m, uint64_t at)
{
	const uint64_t from = at / PAGE * PAGE, to = m->size - from < WINDOW ? m->size : from + WINDOW;
	void *base;

	unmap(m);
	base = mmap(NULL, (size_t)(to - from), PROT_READ, MAP_SHARED, m->fd, (off_t)from);
	if (base == MAP_FAILED)
		return false;
	(void)madvise(base, (size_t)(to - from), MADV_SEQUENTIAL); /* a hint */
	m->base = base;
	m->from = from;
	m->to = to;
	return true;
}

struct tsn_mapped *
tsn_mapped_new(int fd, uint64_t size)
{
	struct tsn_mapped *m;

	if (size < shortest || size == 0 || (m = tsn_calloc(1, sizeof(*m))) == NULL)
		return NULL;
	*m = (struct tsn_mapped){ .fd = fd, .size = size, .limit = (size - 1) / PAGE * PAGE };
	if (map(m, 0))
		return m;
	tsn_free(m);
	return NULL;
}

void
tsn_mapped_free(struct tsn_mapped *m)
{
	if (m == NULL)
		return;
	unmap(m);
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
	g.size = (size_t)(m->to - m->from);
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
	const uint8_t *p = m->base + (at - m->from);

	if (n > SMALL || m->to - at < n + FAR)
		return;
#pragma GCC unroll 8
	for (size_t i = 0; i < n; i += LINE)
		__builtin_prefetch(p + FAR + i, 0, 2); /* the second cache: columns push it out of the first */
}

size_t
tsn_mapped_copy(struct tsn_mapped *m, uint8_t *to, size_t room, uint64_t at)
{
	uint64_t next;
	size_t n;

	if (at >= m->limit)
		return 0;
	n = m->limit - at < room ? (size_t)(m->limit - at) : room;
	next = (at + n + PAGE - 1) / PAGE * PAGE;
	if ((at < m->from || next >= m->to) && (!map(m, at) || next >= m->to))
		return 0;
	if (!copy(m, to, m->base + (at - m->from), n, m->base + (next - m->from)))
		return 0;
	look_ahead(m, at, n);
	return n;
}
