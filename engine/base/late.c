/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/late.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *
tsn_late_open(const char *library, const struct tsn_late_function *f, size_t n, void *functions, char *error, size_t size)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		snprintf(error, size, "%s is needed here and cannot be loaded: %s", library, dlerror());
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		void *p = dlsym(handle, f[i].name);

		if (p == NULL) {
			snprintf(error, size, "%s has no %s: is it very old?", library, f[i].name);
			dlclose(handle);
			return NULL;
		}
		memcpy((char *)functions + f[i].at, &p, sizeof(p));
	}
	return handle;
}

void
tsn_late_close(void *library)
{
	if (library != NULL)
		dlclose(library);
}
