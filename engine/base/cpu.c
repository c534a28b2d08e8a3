/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

enum tsn_cpu tsn_cpu_level;

static const char *const names[TSN_CPU_COUNT] = {
#if defined(__aarch64__)
	[TSN_CPU_BASELINE] = "neon",
#else
	[TSN_CPU_BASELINE] = "baseline",
#endif
	[TSN_CPU_AVX2] = "avx2",
	[TSN_CPU_AVX512] = "avx512",
};

#if TSN_CPU_X86
static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
	    __builtin_cpu_supports("popcnt");
}

static bool
has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
	    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
	    __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

enum tsn_cpu
tsn_cpu_most(void)
{
#if TSN_CPU_X86
	__builtin_cpu_init(); /* may not have run yet where constructors do */
	if (has_avx2())
		return has_avx512() ? TSN_CPU_AVX512 : TSN_CPU_AVX2;
#endif
	return TSN_CPU_BASELINE;
}

const char *
tsn_cpu_name(enum tsn_cpu level)
{
	return names[level];
}

static bool
find(const char *name, enum tsn_cpu *level)
{
	for (int i = 0; i < TSN_CPU_COUNT; i++) {
		if (strcmp(name, names[i]) == 0 || (i == TSN_CPU_BASELINE && strcmp(name, "baseline") == 0)) {
			*level = (enum tsn_cpu)i;
			return true;
		}
	}
	return false;
}

const char *
tsn_cpu_asked(bool *known)
{
	const char *name = getenv("TOCSIN_CPU");
	enum tsn_cpu level;

	*known = name != NULL && find(name, &level);
	return name;
}

enum tsn_cpu
tsn_cpu_use(enum tsn_cpu level)
{
	enum tsn_cpu most = tsn_cpu_most();

	tsn_cpu_level = level < most ? level : most;
	return tsn_cpu_level;
}

/* Before main, so that no loop has to ask whether it is done yet. */
__attribute__((constructor)) static void
choose(void)
{
	const char *name = getenv("TOCSIN_CPU");
	enum tsn_cpu level = TSN_CPU_COUNT - 1;

	if (name != NULL)
		find(name, &level);
	tsn_cpu_use(level);
}
