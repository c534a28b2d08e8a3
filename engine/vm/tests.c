/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tests of fields: columns in, masks out. What a column holds where the field is absent is never looked at. */
#include "vm/internal.h"

#include "base/hash.h"
#include "sets/set.h"

#define FEW 32u /* one row in so many: looking at each of them is less than a pass over the column */

#define OUT(in) (&r->vm->masks[(in)->dst])

/* What every test of a field looks at: rows that carry it, of the mask it is within. */
#define ROWS(in, field) tsn_vm_within(r, in), &r->b->present[field]
static struct tsn_mask
asked(const struct tsn_run *r, const struct tsn_insn *in, uint32_t field)
{
	struct tsn_mask keep;

	tsn_mask_and(&keep, tsn_vm_within(r, in), &r->b->present[field]);
	return keep;
}

static bool
none(struct tsn_mask *out)
{
	tsn_mask_clear(out);
	return false;
}

/* Bounds cut to what the column can hold; false if nothing is left between them. */
static bool
clip(int64_t *lo, int64_t *hi, int64_t max)
{
	if (*lo < 0)
		*lo = 0;
	if (*hi > max)
		*hi = max;
	return *lo <= *hi;
}

bool
tsn_vm_range(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const void *col = r->b->col[in->a];
	int64_t lo = r->vm->p->ints[in->b], hi = r->vm->p->ints[in->c];
	struct tsn_mask *out = OUT(in);

	switch (tsn_fields[in->a].storage) {
	case TSN_U8:
		return clip(&lo, &hi, UINT8_MAX) ? k->range8(out, ROWS(in, in->a), col, (uint8_t)lo, (uint8_t)hi) : none(out);
	case TSN_U16:
		return clip(&lo, &hi, UINT16_MAX) ? k->range16(out, ROWS(in, in->a), col, (uint16_t)lo, (uint16_t)hi) : none(out);
	case TSN_U32:
		return clip(&lo, &hi, UINT32_MAX) ? k->range32(out, ROWS(in, in->a), col, (uint32_t)lo, (uint32_t)hi) : none(out);
	default: /* 64 bits, signed as the language has them; decoders keep counters below 2^63 */
		return lo <= hi ? k->range64(out, ROWS(in, in->a), col, lo, hi) : none(out);
	}
}

bool
tsn_vm_bits(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const void *col = r->b->col[in->a];
	uint64_t mask = (uint64_t)r->vm->p->ints[in->b], want = (uint64_t)r->vm->p->ints[in->c];
	struct tsn_mask *out = OUT(in);
	unsigned width = tsn_fields[in->a].storage == TSN_U8 ? 8 : tsn_fields[in->a].storage == TSN_U16 ? 16
	    : tsn_fields[in->a].storage == TSN_U32 ? 32 : 64;

	/* bits the column does not have are 0 in it */
	if ((want & ~mask) != 0 || (width < 64 && want >> width != 0))
		return none(out);
	if (width == 8)
		return k->bits8(out, ROWS(in, in->a), col, (uint8_t)mask, (uint8_t)want);
	if (width == 16)
		return k->bits16(out, ROWS(in, in->a), col, (uint16_t)mask, (uint16_t)want);
	if (width == 32)
		return k->bits32(out, ROWS(in, in->a), col, (uint32_t)mask, (uint32_t)want);
	return k->bits64(out, ROWS(in, in->a), col, mask, want);
}

void
tsn_vm_make(const struct tsn_run *r, uint32_t field)
{
	struct tsn_field_set one = { { 0 } };

	if (tsn_fields[field].origin != TSN_O_DERIVED)
		return;
	tsn_field_set_add(&one, (enum tsn_field)field);
	tsn_batch_derive(r->b, &one);
}

/* Quotients are dear, and most are asked for where hardly a row is left. */
bool
tsn_vm_real_test(struct tsn_run *r, const struct tsn_insn *in)
{
	if (in->within != 0 && !tsn_mask_any(tsn_vm_within(r, in)))
		return none(OUT(in));
	tsn_vm_make(r, in->a);
	return tsn_vm_reals(r, OUT(in), ROWS(in, in->a), r->b->col[in->a], r->vm->p->reals[in->b], in->c);
}

bool
tsn_vm_int_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_mask keep = asked(r, in, in->a);
	const struct tsn_set *s = r->sets[in->b];
	const void *col = r->b->col[in->a];
	uint32_t n = r->b->n;
	uint8_t *hit = r->vm->hit;

	if (!tsn_mask_any(&keep))
		return none(OUT(in));
	if (tsn_mask_count(&keep) <= n / FEW) {
		tsn_mask_clear(OUT(in));
		tsn_vm_int_set_few(r, in, &keep, OUT(in));
		return tsn_mask_any(OUT(in));
	}
	switch (tsn_fields[in->a].storage) {
	case TSN_U8:
		tsn_set_rows_u8(s, col, n, hit);
		break;
	case TSN_U16:
		tsn_set_rows_u16(s, col, n, hit);
		break;
	case TSN_U32:
		tsn_set_rows_u32(s, col, n, hit);
		break;
	default:
		tsn_set_rows_i64(s, col, n, hit);
		break;
	}
	return r->vm->k->pack(OUT(in), &keep, &keep, hit);
}

/* The first [bits] of [width] bits. */
static uint64_t
top_bits(unsigned bits, unsigned width)
{
	uint64_t all = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;

	return bits == 0 ? 0 : bits >= width ? all : all & ~(all >> bits);
}

static void
v6_masks(unsigned bits, uint64_t mask[2])
{
	mask[0] = top_bits(bits, 64);
	mask[1] = bits > 64 ? top_bits(bits - 64, 64) : 0;
}

/* An IPv4 prefix says nothing of IPv6 rows, and the other way round. */
static bool
addr_in_v4(struct tsn_run *r, const struct tsn_insn *in, const struct tsn_address_operand *a, const struct tsn_prefix *x,
    const struct tsn_addr_column *col)
{
	const uint32_t both = (uint32_t)(top_bits(a->v4_bits, 32) & top_bits(x->len, 32)), want = (uint32_t)x->addr.lo;

	/* masked away, yet set in the prefix: equal to no masked address */
	if ((x->addr.lo & top_bits(x->len, 32) & ~(uint64_t)both) != 0)
		return none(OUT(in));
	return r->vm->k->bits32(OUT(in), tsn_vm_within(r, in), &col->is_v4, col->v4, both, want & both);
}

bool
tsn_vm_addr_in(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a];
	const struct tsn_prefix *x = &r->vm->p->prefixes[in->b];
	const struct tsn_addr_column *col = &r->b->addr[tsn_fields[a->field].addr_slot];
	uint64_t kept[2], mask[2], want[2] = { x->addr.hi, x->addr.lo };
	struct tsn_mask keep;

	if (x->addr.v4)
		return addr_in_v4(r, in, a, x, col);
	v6_masks(a->v6_bits, kept);
	v6_masks(x->len, mask);
	if (!col->any_v6 || (want[0] & mask[0] & ~kept[0]) != 0 || (want[1] & mask[1] & ~kept[1]) != 0)
		return none(OUT(in));
	for (int i = 0; i < 2; i++) {
		mask[i] &= kept[i];
		want[i] &= mask[i];
	}
	keep = asked(r, in, a->field);
	tsn_mask_andnot(&keep, &keep, &col->is_v4);
	return r->vm->k->pair(OUT(in), &keep, &keep, col->hi, col->lo, mask, want);
}

bool
tsn_vm_addr_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a];
	const struct tsn_addr_column *col = &r->b->addr[tsn_fields[a->field].addr_slot];
	const struct tsn_mask keep = asked(r, in, a->field);

	if (!tsn_mask_any(&keep))
		return none(OUT(in));
	tsn_set_rows_addr(r->sets[in->b], col, r->b->n, a->v4_bits, a->v6_bits, r->vm->hit);
	return r->vm->k->pack(OUT(in), &keep, &keep, r->vm->hit);
}

/* Same family and same bits; rows of IPv6 on both sides are looked at only if there are any. */
bool
tsn_vm_addr_same(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a], *b = &r->vm->p->addresses[in->b];
	const struct tsn_addr_column *x = &r->b->addr[tsn_fields[a->field].addr_slot];
	const struct tsn_addr_column *y = &r->b->addr[tsn_fields[b->field].addr_slot];
	struct tsn_mask *out = OUT(in), four = asked(r, in, a->field), six, half;
	uint64_t xm[2], ym[2];

	tsn_mask_and(&four, &four, &r->b->present[b->field]);
	tsn_mask_andnot(&six, &four, &x->is_v4);
	tsn_mask_andnot(&six, &six, &y->is_v4);
	tsn_mask_and(&four, &four, &x->is_v4);
	tsn_mask_and(&four, &four, &y->is_v4);
	k->same32(out, &four, &four, x->v4, y->v4, (uint32_t)top_bits(a->v4_bits, 32), (uint32_t)top_bits(b->v4_bits, 32));
	if (x->any_v6 && y->any_v6) {
		v6_masks(a->v6_bits, xm);
		v6_masks(b->v6_bits, ym);
		k->same64(&half, &six, &six, x->hi, y->hi, xm[0], ym[0]);
		k->same64(&six, &half, &half, x->lo, y->lo, xm[1], ym[1]);
		tsn_mask_or(out, out, &six);
	}
	return tsn_mask_any(out);
}

static bool
same_str(struct tsn_str a, const char *p, size_t n)
{
	return a.n == n && (n == 0 || memcmp(a.p, p, n) == 0);
}

bool
tsn_vm_str_same(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_str *col = r->b->col[in->a];
	const char *want = r->vm->p->strings[in->b].p;
	size_t n = r->vm->p->strings[in->b].n;
	struct tsn_mask keep = asked(r, in, in->a);

	TSN_EACH_ROW(row, &keep)
		if (!same_str(col[row], want, n))
			tsn_mask_unset(&keep, row);
	*OUT(in) = keep;
	return tsn_mask_any(&keep);
}

bool
tsn_vm_str_equal(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_str *a = r->b->col[in->a], *b = r->b->col[in->b];
	struct tsn_mask keep = asked(r, in, in->a);

	tsn_mask_and(&keep, &keep, &r->b->present[in->b]);
	TSN_EACH_ROW(row, &keep)
		if (!same_str(a[row], b[row].p, b[row].n))
			tsn_mask_unset(&keep, row);
	*OUT(in) = keep;
	return tsn_mask_any(&keep);
}

bool
tsn_vm_str_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_mask keep = asked(r, in, in->a);

	tsn_set_rows_str(r->sets[in->b], r->b->col[in->a], &keep, r->vm->hit);
	return r->vm->k->pack(OUT(in), &keep, &keep, r->vm->hit);
}

bool
tsn_vm_str_match(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_mask keep = asked(r, in, in->a);
	struct tsn_vm *vm = r->vm;

	const uint64_t given_up = tsn_regex_rows(vm->regex, vm->p->regexes[in->b], r->b->col[in->a], &keep, OUT(in), &vm->masks[in->c]);

	vm->counters.regex_limit += given_up;
	vm->counted |= given_up > 0;
	return tsn_mask_any(OUT(in));
}

/* Encoded and looked up a stretch of rows at a time: as many as there is room for. Takes those that the set does not have out of [keep]. */
static void
look_up_tuples(const struct tsn_run *r, const struct tsn_insn *in, const uint16_t *row, uint32_t rows, struct tsn_mask *keep)
{
	const struct tsn_key_spec *key = &r->vm->p->tuples[in->a];
	uint8_t bytes[4 * TSN_KEY_MAX];
	struct tsn_str text[TSN_SET_KEYS];
	bool has[TSN_SET_KEYS];
	uint32_t n;

	for (uint32_t from = 0; from < rows; from += n) {
		size_t used = 0;

		for (n = 0; n < TSN_SET_KEYS && from + n < rows && used + TSN_KEY_MAX <= sizeof(bytes); n++) {
			size_t size = tsn_key_encode(key, r->b, row[from + n], bytes + used);

			text[n] = (struct tsn_str){ (const char *)bytes + used, (uint32_t)size };
			used += size;
		}
		tsn_set_has_keys(r->sets[in->b], text, n, has);
		for (uint32_t i = 0; i < n; i++)
			if (!has[i])
				tsn_mask_unset(keep, row[from + i]);
	}
}

#define TUPLES_KNOWN 32u /* a power of two */

struct known_tuple {
	uint64_t word[2];
	uint32_t row; /* that had it, + 1; 0: none */
};

/*
 * In a batch there are mostly few different tuples, such as exporters with their interfaces. [same]: a row before it with the same one, of
 * those that are still known; 0xffff: none, and it is one of [first]. Returns how many those are.
 */
static uint32_t
first_tuples(const uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], size_t len, const uint16_t *row, uint32_t n, uint16_t *first, uint16_t *same)
{
	struct known_tuple known[TUPLES_KNOWN] = { { { 0 }, 0 } };
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t low = words[0][i], high = len > sizeof(uint64_t) ? words[1][i] : 0;
		struct known_tuple *k = &known[tsn_mix64(low ^ high << 17) % TUPLES_KNOWN];

		if (k->row != 0 && k->word[0] == low && k->word[1] == high) {
			same[i] = (uint16_t)(k->row - 1);
			continue;
		}
		*k = (struct known_tuple){ { low, high }, row[i] + 1u };
		same[i] = UINT16_MAX;
		first[left++] = row[i];
	}
	return left;
}

/* Tuples of addresses of IPv4 and small numbers. False: they are not of that kind. */
static bool
short_tuples(const struct tsn_run *r, const struct tsn_insn *in, const uint16_t *row, uint32_t n, struct tsn_mask *keep)
{
	const struct tsn_key_spec *key = &r->vm->p->tuples[in->a];
	uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS];
	uint16_t first[TSN_BATCH_ROWS], same[TSN_BATCH_ROWS];
	struct tsn_mask v4 = *keep;
	uint32_t left;
	size_t len;

	tsn_key_keep_v4(key, r->b, &v4);
	len = n > 0 && tsn_mask_count(&v4) == n ? tsn_key_words(key, r->b, row, n, words) : 0;
	if (len == 0 || len > 2 * sizeof(uint64_t))
		return false;
	left = first_tuples(words, len, row, n, first, same);
	look_up_tuples(r, in, first, left, keep);
	for (uint32_t i = 0; i < n; i++)
		if (same[i] != UINT16_MAX && !tsn_mask_has(keep, same[i]))
			tsn_mask_unset(keep, row[i]);
	return true;
}

bool
tsn_vm_tuple_set(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_mask keep;
	uint16_t row[TSN_BATCH_ROWS];
	uint32_t rows;

	tsn_key_present(&r->vm->p->tuples[in->a], r->b, &keep);
	tsn_mask_and(&keep, &keep, tsn_vm_within(r, in));
	rows = tsn_mask_list(&keep, row);
	if (!short_tuples(r, in, row, rows, &keep))
		look_up_tuples(r, in, row, rows, &keep);
	*OUT(in) = keep;
	return tsn_mask_any(&keep);
}

bool
tsn_vm_recent(struct tsn_run *r, const struct tsn_insn *in)
{
	const int64_t written = tsn_set_as_of(r->sets[in->a]), most = r->vm->p->ints[in->b];
	const int64_t last = written == TSN_TIME_NONE || written > INT64_MAX - most ? INT64_MAX : written + most;
	struct tsn_mask keep = *tsn_vm_within(r, in);

	TSN_EACH_ROW(row, &keep)
		if (r->b->time[row] > last)
			tsn_mask_unset(&keep, row);
	*OUT(in) = keep;
	return tsn_mask_any(&keep);
}

/* The span of time around a row answers for all rows in it. */
bool
tsn_vm_during(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_schedule *s = r->vm->p->schedules[in->a];
	struct tsn_mask keep = *tsn_vm_within(r, in);
	int64_t from = 0, until = 0;
	bool inside = false;

	TSN_EACH_ROW(row, &keep) {
		int64_t t = r->b->time[row];

		if (t < from || t >= until)
			inside = tsn_schedule_has(s, t, &from, &until);
		if (!inside)
			tsn_mask_unset(&keep, row);
	}
	*OUT(in) = keep;
	return tsn_mask_any(&keep);
}
