/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: protobuf messages as goflow2 writes them, from field numbers and values. */
#ifndef TESTS_BUILD_GOFLOW2_H
#define TESTS_BUILD_GOFLOW2_H

#include "unit/build_capture.h"

static inline void
pb_varint(struct bytes *b, uint64_t v)
{
	do {
		uint8_t c = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));

		put(b, &c, 1);
		v >>= 7;
	} while (v != 0);
}

/* proto3 leaves out what is 0. */
static inline void
pb_number(struct bytes *b, uint32_t number, uint64_t v)
{
	if (v == 0)
		return;
	pb_varint(b, (uint64_t)number << 3);
	pb_varint(b, v);
}

static inline void
pb_bytes(struct bytes *b, uint32_t number, const void *p, size_t n)
{
	pb_varint(b, (uint64_t)number << 3 | 2);
	pb_varint(b, n);
	put(b, p, n);
}

/* Moves a message behind its length to the end of [file], and begins the next. */
static inline void
pb_delimit(struct bytes *file, struct bytes *message)
{
	pb_varint(file, message->n);
	put(file, message->p, message->n);
	message->n = 0;
}

/* The fields that the tests give a flow. */
struct pb_flow {
	uint32_t number;
	uint64_t value;
};

static const struct pb_flow pb_flow_v2[] = { { 1, 3 }, { 110, 1700000003123456789u }, { 4, 77 }, { 3, 1000 }, { 111, 1700000000001000000u },
	{ 112, 1700000002002000000u }, { 9, 123456 }, { 10, 99 }, { 30, 0x800 }, { 20, 6 }, { 21, 50000 }, { 22, 443 }, { 18, 70000 }, { 19, 8 },
	{ 27, 0x0200000000aau }, { 28, 0x0200000000bbu }, { 33, 100 }, { 34, 200 }, { 29, 300 }, { 23, 0xb8 }, { 24, 128 }, { 25, 61 }, { 38, 2 },
	{ 26, 0x1b }, { 35, 5 }, { 14, 64500 }, { 15, 4200000000u }, { 13, 5 }, { 16, 24 }, { 17, 16 }, { 70, 0xfffffffe }, { 71, 1 } };

static inline void
pb_flow_message(struct bytes *b)
{
	put(b, NULL, 0);
	for (size_t i = 0; i < sizeof(pb_flow_v2) / sizeof(pb_flow_v2[0]); i++)
		pb_number(b, pb_flow_v2[i].number, pb_flow_v2[i].value);
	pb_bytes(b, 6, "\12\0\0\1", 4);
	pb_bytes(b, 7, "\12\0\0\2", 4);
	pb_bytes(b, 11, "\300\0\2\1", 4);
	pb_bytes(b, 12, "\12\0\0\376", 4);
	pb_bytes(b, 100, "\12\0\0\375", 4);
	pb_bytes(b, 102, "\1\2\3", 3);      /* as_path, packed */
	pb_bytes(b, 81, "\1", 1);           /* mpls_label */
	pb_bytes(b, 1011, "of the site", 11); /* a mapping's own */
	pb_number(b, 1001, 5);
}

#endif
