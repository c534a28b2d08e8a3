/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Records eight and sixteen at a time against the same records one by one, which take the plain path. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "base/cpu.h"
#include "decode/decode.h"
#include "decode/fill.h"
#include "decode/plan.h"

/* Signed ones too: a column is bytes here. */
static const size_t size_of[] = {
	[TSN_U8] = 1, [TSN_U16] = 2, [TSN_U32] = 4, [TSN_U64] = 8, [TSN_I64] = 8, [TSN_F64] = 8, [TSN_ADDR] = 4,
	[TSN_STR] = sizeof(struct tsn_str),
};

static void
same_columns(const struct tsn_batch *x, const struct tsn_batch *y)
{
	cr_assert_eq(x->n, y->n);
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		if (!tsn_field_set_has(&x->read, (enum tsn_field)f))
			continue;
		cr_assert_arr_eq(&x->present[f], &y->present[f], sizeof(struct tsn_mask), "presence of %s", tsn_fields[f].name);
		if (tsn_fields[f].addr_slot >= 0)
			cr_assert_arr_eq(&x->addr[tsn_fields[f].addr_slot].is_v4, &y->addr[tsn_fields[f].addr_slot].is_v4,
			    sizeof(struct tsn_mask));
		for (uint32_t i = 0; i < x->n; i++) {
			size_t size = size_of[tsn_fields[f].storage];

			if (tsn_mask_has(&x->present[f], i))
				cr_assert_arr_eq((char *)x->col[f] + i * size, (char *)y->col[f] + i * size, size, "%s in row %u",
				    tsn_fields[f].name, (unsigned)i);
		}
	}
	cr_assert_arr_eq(x->received, y->received, x->n * sizeof(*x->received));
	cr_assert_arr_eq(&x->timed, &y->timed, sizeof(x->timed));
	for (uint32_t i = 0; i < x->n; i++)
		cr_assert_eq(tsn_mask_has(&x->timed, i) ? x->time[i] : x->exported[i],
		    tsn_mask_has(&y->timed, i) ? y->time[i] : y->exported[i]);
	cr_assert_arr_eq(x->source, y->source, x->n * sizeof(*x->source));
}

/*
 * Everything, as decoders are not told otherwise; what a batch needs at least; that and some more, of which some are read. The other
 * batch has everything.
 */
static void
want_some(struct tsn_batch *b, int round)
{
	memset(&b->wanted, round % 3 == 0 ? 0xff : 0, sizeof(b->wanted));
	tsn_batch_needs(&b->wanted);
	for (int f = 0; f < TSN_FIELD_COUNT && round % 3 == 2; f++)
		if (random() % 3 == 0)
			tsn_field_set_add(&b->wanted, (enum tsn_field)f);
	tsn_field_set_add(&b->wanted, TSN_F_EXPORTER);
	b->read = b->wanted;
	for (size_t i = 0; i < sizeof(b->read.bits) / sizeof(b->read.bits[0]) && round % 6 > 2; i++)
		b->read.bits[i] &= (uint64_t)random() << 32 ^ (uint64_t)random();
}

/* First no later than last, both up to [reach] ms before sysUptime, so that most messages are usual. */
static void
random_records(uint8_t *p, size_t stride, uint32_t n, uint32_t uptime, uint32_t odd_every)
{
	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint32_t last = (uint32_t)random() % 60000, first = last + (uint32_t)random() % 60000, swap = last;

		for (size_t k = 0; k < stride; k++)
			p[k] = (uint8_t)(random() >> 7);
		if (odd_every != 0 && (uint32_t)random() % odd_every == 0) {
			last = random() % 2 ? first + 5 : (uint32_t)-7;
			first = random() % 2 ? swap : (uint32_t)-TSN_DECODE_AHEAD;
		}
		for (int k = 0; k < 4; k++) {
			p[24 + k] = (uint8_t)((uptime - first) >> (24 - 8 * k));
			p[28 + k] = (uint8_t)((uptime - last) >> (24 - 8 * k));
		}
	}
}

Test(decode_fill, records_many_at_a_time_are_what_they_are_one_by_one)
{
	struct tsn_batch *many = tsn_batch_new(), *single = tsn_batch_new();
	uint32_t odd = 0, odd_messages = 0;

	srandom(7);
	for (int round = 0; round < 4000; round++) {
		uint16_t version = (const uint16_t[]){ 1, 5, 7 }[round % 3];
		size_t stride = tsn_fixed_shapes[version].record;
		uint32_t n = (uint32_t)random() % 40, before = (uint32_t)random() % 9, said, added = 0;
		/* of its very size, so that a read past its end is found */
		uint8_t *p = malloc(n * stride + 1);
		struct tsn_fixed_header h = { .version = version, .uptime = (uint32_t)random() * 2u,
			.exported = INT64_C(1700000000000) + random(), .source_id = 3, .sampling = round % 5 ? 0 : 100,
			.exporter = tsn_addr_v4((uint32_t)random()), .source = 9, .received = round % 11 ? random() : TSN_TIME_NONE,
			.knows_flags = round % 2, .knows_interfaces = round % 4 > 1 };

		tsn_cpu_use((enum tsn_cpu)(round / 3 % TSN_CPU_COUNT));
		want_some(many, round / 9);
		random_records(p, stride, n, h.uptime, round % 2 ? 0 : 20);
		for (uint32_t i = 0; i < before; i++) { /* begins in any row */
			tsn_fixed_fill(many, &h, p, n > 0);
			tsn_fixed_fill(single, &h, p, n > 0);
		}
		said = tsn_fixed_fill(many, &h, p, n);
		for (uint32_t i = 0; i < n; i++)
			added += tsn_fixed_fill(single, &h, p + i * stride, 1);
		cr_assert_eq(said, added);
		same_columns(many, single);
		odd += said;
		odd_messages += said > 0;
		tsn_batch_clear(many, TSN_BATCH_FLOWS);
		tsn_batch_clear(single, TSN_BATCH_FLOWS);
		free(p);
	}
	/* the test saw both kinds */
	cr_assert_gt(odd, 1000);
	cr_assert_lt(odd_messages, 2000);
	tsn_batch_free(many);
	tsn_batch_free(single);
}

/* --- records of templates --- */

static const struct tsn_tfield elements[] = {
	{ 0, 1, 8 }, { 0, 1, 4 }, { 0, 2, 8 }, { 0, 2, 4 }, { 0, 2, 3 }, { 0, 4, 1 }, { 0, 5, 1 }, { 0, 6, 1 }, { 0, 6, 2 },
	{ 0, 7, 2 }, { 0, 8, 4 }, { 0, 9, 1 }, { 0, 10, 2 }, { 0, 10, 4 }, { 0, 11, 2 }, { 0, 12, 4 }, { 0, 14, 2 }, { 0, 15, 4 },
	{ 0, 16, 2 }, { 0, 17, 4 }, { 0, 21, 4 }, { 0, 22, 4 }, { 0, 27, 16 }, { 0, 28, 16 }, { 0, 34, 4 }, { 0, 56, 6 },
	{ 0, 58, 2 }, { 0, 61, 1 }, { 0, 136, 1 }, { 0, 152, 8 }, { 0, 153, 8 }, { 0, 210, 5 }, { 0, 210, 1 }, { 0, 7, 1 },
};
#define ELEMENTS (sizeof(elements) / sizeof(elements[0]))

static struct tsn_template *
random_template(struct tsn_domain *domain)
{
	uint16_t n = 1 + (uint16_t)(random() % 24);
	struct tsn_template *t = calloc(1, sizeof(*t) + n * sizeof(t->field[0]));

	t->domain = domain;
	t->n = n;
	for (uint16_t i = 0; i < n; i++) {
		t->field[i] = elements[(size_t)random() % ELEMENTS];
		t->min_len += t->field[i].len;
	}
	return t;
}

/* Times that can be, mostly; everything else is what it is. */
static void
random_values(const struct tsn_template *t, uint8_t *p, uint32_t n, const struct tsn_head *h, uint32_t odd_every)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint16_t k = 0; k < t->n; p += t->field[k++].len) {
			uint64_t v = h->uptime - (uint32_t)random() % 90000;
			bool odd = odd_every != 0 && (uint32_t)random() % odd_every == 0;

			if (t->field[k].len == 8 && t->field[k].id >= 152)
				v = odd ? UINT64_MAX - (uint64_t)random() % 3 : 1700000000000u + (uint64_t)random() % 90000;
			else if (t->field[k].id == 21 || t->field[k].id == 22)
				v += odd ? 90100 : 0;
			else
				v = (uint64_t)random() << 33 ^ (uint64_t)random() << 3 ^ (uint64_t)random() % 8;
			for (uint16_t j = 0; j < t->field[k].len; j++)
				p[j] = random() % 9 == 0 ? (uint8_t)0 : (uint8_t)(v >> 8 * ((t->field[k].len - 1u - j) % 8));
		}
	}
}

Test(decode_fill, records_of_templates_many_at_a_time)
{
	struct tsn_batch *many = tsn_batch_new(), *single = tsn_batch_new();
	struct tsn_domain *none = NULL;
	const struct tsn_lists lists = { NULL, &none };
	uint32_t turned = 0, odd = 0;

	srandom(11);
	for (int round = 0; round < 4000; round++) {
		struct tsn_head h = { .from = { .exporter = tsn_addr_v4((uint32_t)random()) }, .source = 3, .received = random(),
			.exported = INT64_C(1700000000000) + random(), .uptime = (uint32_t)random() * 2u, .domain = 7,
			.version = round % 2 ? 9 : 10 };
		struct tsn_domain domain = { .version = h.version };
		struct tsn_template *t = random_template(&domain);
		struct tsn_plan *plan = tsn_plan_make(t, &(struct tsn_want){ 0 }), *plain = tsn_plan_make(t, &(struct tsn_want){ 0 });
		uint32_t n = 1 + (uint32_t)random() % 40, before = (uint32_t)random() % 9, said, added = 0;
		uint8_t *p = malloc(n * t->min_len);
		struct tsn_records r = { .p = p, .n = n, .stride = t->min_len }, one = { .n = 1, .stride = t->min_len };

		tsn_cpu_use((enum tsn_cpu)(round / 2 % TSN_CPU_COUNT));
		want_some(many, round / 6);
		random_values(t, p, n, &h, round % 3 ? 0 : 20);
		for (uint32_t i = 0; i < before; i++) {
			one.p = p;
			tsn_plan_run(plan, 0, many, &h, &one, &lists);
			tsn_plan_run(plain, 0, single, &h, &one, &lists);
		}
		said = tsn_plan_run(plan, 0, many, &h, &r, &lists);
		for (uint32_t i = 0; i < n; i++) {
			one.p = p + i * t->min_len;
			added += tsn_plan_run(plain, 0, single, &h, &one, &lists);
		}
		cr_assert_eq(said, added);
		same_columns(many, single);
		turned += plan->way[0].turns;
		odd += said;
		tsn_batch_clear(many, TSN_BATCH_FLOWS);
		tsn_batch_clear(single, TSN_BATCH_FLOWS);
		tsn_plan_free(plan);
		tsn_plan_free(plain);
		free(t);
		free(p);
	}
	cr_assert(turned > 4000 && odd > 500, "%u turns, %u odd", turned, odd);
	tsn_batch_free(many);
	tsn_batch_free(single);
}
