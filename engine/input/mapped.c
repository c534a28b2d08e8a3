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

/* Bytes [from, to) of the file. */
struct window {
	struct tsn_far far; /* others may hold it longer */
	uint8_t *base;
	uint64_t from, to;
};

struct tsn_mapped {
	int fd;
	uint64_t size;
	uint64_t limit; /* what is copied ends here: at least a byte of the page behind is the file's, too */
	struct window *w; /* NULL: none */
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
	static bool caught;
	struct sigaction a = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	if (!caught && sigaction(SIGBUS, &a, &former) != 0)
		return false;
	caught = true;
	shortest = least;
	return true;
}

/* --- copies --- */

static void
unmap(struct tsn_far *f)
{
	struct window *w = (struct window *)f;

	munmap(w->base, (size_t)(w->to - w->from));
	tsn_free(w);
}

static void
leave(struct tsn_mapped *m)
{
	if (m->w != NULL)
		tsn_far_drop(&m->w->far);
	m->w = NULL;
}

static bool copy_far(const struct tsn_far *f, uint8_t *to, const uint8_t *from, size_t n);

/* A window that begins with the page of byte [at]. False, and there is none, if it cannot be had. */
static bool
map(struct tsn_mapped *m, uint64_t at)
{
	const uint64_t from = at / PAGE * PAGE, to = m->size - from < WINDOW ? m->size : from + WINDOW;
	struct window *w;
	void *base;

	leave(m);
	w = tsn_malloc(sizeof(*w));
	base = w != NULL ? mmap(NULL, (size_t)(to - from), PROT_READ, MAP_SHARED, m->fd, (off_t)from) : MAP_FAILED;
	if (base == MAP_FAILED) {
		tsn_free(w);
		return false;
	}
	(void)madvise(base, (size_t)(to - from), MADV_SEQUENTIAL); /* a hint */
	*w = (struct window){ { copy_far, unmap, 1 }, base, from, to };
	m->w = w;
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
	leave(m);
	tsn_free(m);
}

/*
 * [next]: the page behind. When a file is cut short the pages wholly behind its new end go first, and only then the rest of the page in which
 * it ends becomes zeros. So if [next] is still there afterwards, none of those zeros were copied.
 */
static bool
copy(const struct window *w, uint8_t *to, const uint8_t *from, size_t n, const volatile uint8_t *next)
{
	struct guard g;

	g.from = (uintptr_t)w->base;
	g.size = (size_t)(w->to - w->from);
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
look_ahead(const struct window *w, uint64_t at, size_t n)
{
	const uint8_t *p = w->base + (at - w->from);

	if (n > SMALL || w->to - at < n + FAR)
		return;
#pragma GCC unroll 8
	for (size_t i = 0; i < n; i += LINE)
		__builtin_prefetch(p + FAR + i, 0, 2); /* the second cache: columns push it out of the first */
}

/* Where the page behind the one with the last of [n] bytes begins. */
static uint64_t
page_behind(uint64_t at, size_t n)
{
	return (at + n + PAGE - 1) / PAGE * PAGE;
}

static bool
copy_far(const struct tsn_far *f, uint8_t *to, const uint8_t *from, size_t n)
{
	const struct window *w = (const struct window *)f;

	return copy(w, to, from, n, w->base + (page_behind(w->from + (uint64_t)(from - w->base), n) - w->from));
}

static inline bool
is_at_hand(const struct tsn_mapped *m, uint64_t at, size_t n)
{
	return m->w != NULL && at >= m->w->from && page_behind(at, n) < m->w->to;
}

bool
tsn_mapped_in_window(struct tsn_mapped *m, uint64_t at, size_t n)
{
	if (at + n > m->limit)
		return false;
	if (is_at_hand(m, at, n))
		return true;
	return map(m, at) && page_behind(at, n) < m->w->to;
}

bool
tsn_mapped_look(const struct tsn_mapped *m, uint8_t *to, size_t n, uint64_t at)
{
	return copy_far(&m->w->far, to, m->w->base + (at - m->w->from), n);
}

void
tsn_mapped_soon(const struct tsn_mapped *m, uint64_t at, size_t n)
{
	const uint8_t *p = m->w->base + (at - m->w->from);

	if (at + n > m->w->to)
		return;
	for (size_t i = 0; i < n; i += LINE)
		__builtin_prefetch(p + i);
	__builtin_prefetch(p + n - 1);
}

struct tsn_far_place
tsn_mapped_place(const struct tsn_mapped *m, uint64_t at)
{
	return (struct tsn_far_place){ &m->w->far, m->w->base + (at - m->w->from) };
}

bool
tsn_mapped_stays(const struct tsn_mapped *m, uint64_t at, size_t n, struct tsn_far_place *where)
{
	if (!is_at_hand(m, at, n))
		return false;
	*where = tsn_mapped_place(m, at);
	return true;
}

size_t
tsn_mapped_copy(struct tsn_mapped *m, uint8_t *to, size_t room, uint64_t at)
{
	size_t n;

	if (at >= m->limit)
		return 0;
	n = m->limit - at < room ? (size_t)(m->limit - at) : room;
	if (!tsn_mapped_in_window(m, at, n))
		return 0;
	if (!tsn_mapped_look(m, to, n, at))
		return 0;
	look_ahead(m->w, at, n);
	return n;
}
