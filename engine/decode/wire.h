/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#ifndef TSN_DECODE_WIRE_H
#define TSN_DECODE_WIRE_H

#include "base/wire.h"

#endif
