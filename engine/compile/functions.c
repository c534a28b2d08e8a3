/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/compile.h"

const struct tsn_function_info tsn_functions[] = {
#define FUNCTION(sym, name, arguments, shape, result, help) { name, arguments, result, help },
#include "compile/functions.def"
#undef FUNCTION
};

const size_t tsn_function_count = sizeof(tsn_functions) / sizeof(tsn_functions[0]);
