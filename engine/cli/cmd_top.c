/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin top: groups of flows, the largest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/columns.h"
#include "cli/inputs.h"

struct group {
	uint64_t hash;
	size_t key;    /* offset in the slab */
	uint32_t len;
	uint64_t flows, packets, bytes;
};

/* Rows wait in blocks, so that what their look-ups touch is fetched ahead. */
#define BLOCK 32u

struct keyed {
	uint64_t hash, packets, bytes;
	uint32_t len;
	uint8_t key[TSN_KEY_MAX];
};

struct top {
	struct tsn_inputs in;
	struct tsn_key_spec spec;
	enum tsn_show_format format;
	enum { FLOWS, PACKETS, BYTES } of;
	uint32_t *slots; /* index + 1 in groups; a power of two, at most half full */
	size_t nslots;
	struct group *groups;
	size_t n, cap;
	struct tsn_buf slab;
	uint64_t flows, packets, bytes, keyless;
	bool no_memory;
	struct keyed block[BLOCK];
	uint32_t waiting;
};

static bool
grow_slots(struct top *t)
{
	size_t n = t->nslots ? t->nslots * 2 : 4096, i, at;
	uint32_t *slots = tsn_calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (i = 0; i < t->n; i++) {
		for (at = t->groups[i].hash & (n - 1); slots[at] != 0; at = (at + 1) & (n - 1))
			;
		slots[at] = (uint32_t)i + 1;
	}
	tsn_free(t->slots);
	t->slots = slots;
	t->nslots = n;
	return true;
}

/* The group of a key, made if it is new; NULL when memory is out. */
static struct group *
find_group(struct top *t, const struct keyed *k)
{
	struct group *g;
	size_t at;

	if ((t->n + 1) * 2 > t->nslots && !grow_slots(t))
		return NULL;
	for (at = k->hash & (t->nslots - 1); t->slots[at] != 0; at = (at + 1) & (t->nslots - 1)) {
		g = &t->groups[t->slots[at] - 1];
		if (g->hash == k->hash && g->len == k->len && memcmp(t->slab.p + g->key, k->key, k->len) == 0)
			return g;
	}
	g = tsn_grow(t->groups, t->n, &t->cap, sizeof(*g));
	if (g == NULL)
		return NULL;
	t->groups = g;
	g = &t->groups[t->n];
	*g = (struct group){ .hash = k->hash, .key = t->slab.len, .len = k->len };
	tsn_buf_add(&t->slab, k->key, k->len);
	if (t->slab.failed || t->n + 1 >= UINT32_MAX)
		return NULL;
	t->slots[at] = (uint32_t)++t->n;
	return g;
}

/* Slot, group and key lie in three places; the first guess is mostly the one. */
static void
fetch_ahead(const struct top *t)
{
	uint32_t i, guess[BLOCK];

	if (t->nslots == 0)
		return;
	for (i = 0; i < t->waiting; i++)
		__builtin_prefetch(&t->slots[t->block[i].hash & (t->nslots - 1)], 1);
	for (i = 0; i < t->waiting; i++)
		if ((guess[i] = t->slots[t->block[i].hash & (t->nslots - 1)]) != 0)
			__builtin_prefetch(&t->groups[guess[i] - 1], 1);
	for (i = 0; i < t->waiting; i++)
		if (guess[i] != 0)
			__builtin_prefetch(t->slab.p + t->groups[guess[i] - 1].key);
}

static void
add_block(struct top *t)
{
	fetch_ahead(t);
	for (uint32_t i = 0; i < t->waiting && !t->no_memory; i++) {
		struct group *g = find_group(t, &t->block[i]);

		if (g == NULL) {
			t->no_memory = t->in.stop = true;
			break;
		}
		g->flows++;
		g->packets += t->block[i].packets;
		g->bytes += t->block[i].bytes;
	}
	t->waiting = 0;
}

static uint64_t
counter(const struct tsn_batch *b, enum tsn_field f, uint32_t row)
{
	return tsn_mask_has(&b->present[f], row) ? ((const uint64_t *)b->col[f])[row] : 0;
}

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct top *t = arg;
	struct tsn_mask keyed;
	struct tsn_field_set needed = { 0 };
	uint8_t i;

	for (i = 0; i < t->spec.n; i++)
		tsn_field_set_add(&needed, t->spec.part[i].field);
	tsn_batch_derive(b, &needed);
	tsn_key_present(&t->spec, b, &keyed);
	TSN_EACH_ROW(row, rows) {
		struct keyed *k = &t->block[t->waiting];

		k->packets = counter(b, TSN_F_PACKETS, row);
		k->bytes = counter(b, TSN_F_BYTES, row);
		t->flows++;
		t->packets += k->packets;
		t->bytes += k->bytes;
		if (!tsn_mask_has(&keyed, row)) {
			t->keyless++;
		} else {
			k->len = (uint32_t)tsn_key_encode(&t->spec, b, row, k->key);
			k->hash = tsn_hash_bytes(k->key, k->len, 0);
			if (++t->waiting == BLOCK)
				add_block(t);
		}
	}
	add_block(t);
}

static uint64_t
measure(const struct top *t, const struct group *g)
{
	return t->of == FLOWS ? g->flows : t->of == PACKETS ? g->packets : g->bytes;
}

/* Largest first; equal ones in key order, so that the list is the same every time. */
static int
larger(const void *a, const void *b, void *arg)
{
	const struct top *t = arg;
	const struct group *x = a, *y = b;
	uint64_t mx = measure(t, x), my = measure(t, y);
	uint32_t n = x->len < y->len ? x->len : y->len;
	int d;

	if (mx != my)
		return mx > my ? -1 : 1;
	d = memcmp(t->slab.p + x->key, t->slab.p + y->key, n);
	return d != 0 ? d : (x->len > y->len) - (x->len < y->len);
}

/* In a heap every entry stands after the two below it, in the order of larger; lets one sink to its place. */
static void
sink(struct top *t, size_t n, size_t at)
{
	struct group *g = t->groups, moved = g[at];
	size_t below;

	while ((below = 2 * at + 1) < n) {
		if (below + 1 < n && larger(&g[below + 1], &g[below], t) > 0)
			below++;
		if (larger(&moved, &g[below], t) > 0)
			break;
		g[at] = g[below];
		at = below;
	}
	g[at] = moved;
}

/* Brings the [most] largest to the front, in order; sorting all of a million for ten would take longer than reading them. */
static void
select_largest(struct top *t, size_t most)
{
	struct group *g = t->groups, first;

	for (size_t i = most / 2; most < t->n && i > 0; i--)
		sink(t, most, i - 1);
	for (size_t i = most; most > 0 && i < t->n; i++) {
		if (larger(&g[i], &g[0], t) > 0)
			continue;
		first = g[0];
		g[0] = g[i];
		g[i] = first;
		sink(t, most, 0);
	}
	if (most > 0 && t->n > 0)
		qsort_r(g, most < t->n ? most : t->n, sizeof(*g), larger, t);
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void
print_header(const struct top *t, struct tsn_buf *out)
{
	struct tsn_buf name = TSN_BUF_INIT;
	uint8_t i;

	for (i = 0; i < t->spec.n; i++) {
		tsn_buf_clear(&name);
		tsn_column_name(&t->spec.part[i], &name);
		if (t->format == TSN_SHOW_CSV)
			tsn_buf_printf(out, "%s%s", i > 0 ? "," : "", tsn_buf_str(&name));
		else
			tsn_buf_printf(out, "%*s  ", tsn_column_width(&t->spec.part[i]), tsn_buf_str(&name));
	}
	if (t->format == TSN_SHOW_CSV)
		tsn_buf_puts(out, ",flows,packets,bytes\n");
	else
		tsn_buf_printf(out, "%12s %6s  %14s %6s  %16s %6s\n", "flows", "%", "packets", "%", "bytes", "%");
	tsn_buf_fini(&name);
}

static void
print_group(const struct top *t, const struct group *g, struct tsn_buf *out)
{
	struct tsn_buf cell = TSN_BUF_INIT;
	struct tsn_value v;
	uint8_t i;

	if (t->format == TSN_SHOW_JSON)
		tsn_buf_putc(out, '{');
	for (i = 0; i < t->spec.n; i++) {
		tsn_key_decode(&t->spec, (const uint8_t *)t->slab.p + g->key, g->len, i, &v);
		tsn_buf_clear(&cell);
		if (t->format == TSN_SHOW_JSON) {
			tsn_buf_puts(out, "\"");
			tsn_column_name(&t->spec.part[i], out);
			tsn_buf_puts(out, "\":");
			tsn_value_json(&v, out);
			tsn_buf_putc(out, ',');
			continue;
		}
		tsn_value_text(&v, &cell);
		if (t->format == TSN_SHOW_CSV) {
			tsn_column_csv(out, tsn_buf_str(&cell));
			tsn_buf_putc(out, ',');
		} else {
			tsn_buf_printf(out, "%*s  ", tsn_column_width(&t->spec.part[i]), tsn_buf_str(&cell));
		}
	}
	if (t->format == TSN_SHOW_JSON)
		tsn_buf_printf(out, "\"flows\":%llu,\"packets\":%llu,\"bytes\":%llu}\n", (unsigned long long)g->flows,
		    (unsigned long long)g->packets, (unsigned long long)g->bytes);
	else if (t->format == TSN_SHOW_CSV)
		tsn_buf_printf(out, "%llu,%llu,%llu\n", (unsigned long long)g->flows, (unsigned long long)g->packets,
		    (unsigned long long)g->bytes);
	else
		tsn_buf_printf(out, "%12llu %6.1f  %14llu %6.1f  %16llu %6.1f\n", (unsigned long long)g->flows,
		    share(g->flows, t->flows), (unsigned long long)g->packets, share(g->packets, t->packets),
		    (unsigned long long)g->bytes, share(g->bytes, t->bytes));
	tsn_buf_fini(&cell);
}

static void
print(struct top *t, size_t most)
{
	struct tsn_buf out = TSN_BUF_INIT;
	size_t i;

	select_largest(t, most);
	if (t->format != TSN_SHOW_JSON)
		print_header(t, &out);
	for (i = 0; i < t->n && i < most; i++)
		print_group(t, &t->groups[i], &out);
	fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	if (t->in.cli->quiet || t->format != TSN_SHOW_TABLE)
		return;
	fflush(stdout); /* the table first */
	fprintf(stderr, "%zu groups, %llu flows, %llu packets, %llu bytes", t->n, (unsigned long long)t->flows,
	    (unsigned long long)t->packets, (unsigned long long)t->bytes);
	if (t->keyless > 0)
		fprintf(stderr, "; %llu flows lack a key field", (unsigned long long)t->keyless);
	fputc('\n', stderr);
}

static int
run(struct top *t, struct tsn_ruleset *rs)
{
	const struct tsn_cli *c = t->in.cli;
	int status = tsn_inputs_open_rows(&t->in, rs, on_rows, t);

	if (status != 0)
		return status;
	status = tsn_inputs_read(&t->in);
	if (t->no_memory)
		status = tsn_cli_no_memory();
	else if (status != TSN_EXIT_USAGE)
		print(t, c->number >= 0 ? (size_t)c->number : 10);
	tsn_engine_free(t->in.engine);
	return status;
}

static int
parse_options(const struct tsn_cli *c, struct top *t)
{
	struct tsn_columns by;
	int status;

	if (c->by == NULL)
		return tsn_cli_usage(c, "what makes a group? add --by src, or --by dst,dst_port");
	status = tsn_columns_parse(c, "by", c->by, &by);
	if (status != 0)
		return status;
	if (by.n > TSN_KEY_PARTS)
		return tsn_cli_usage(c, "--by takes at most %d fields", TSN_KEY_PARTS);
	t->spec.n = (uint8_t)by.n;
	memcpy(t->spec.part, by.part, by.n * sizeof(by.part[0]));
	for (uint32_t i = 0; i < by.n; i++)
		if (tsn_fields[by.part[i].field].storage == TSN_F64)
			return tsn_cli_usage(c, "--by: %s is a real number and makes no group", tsn_fields[by.part[i].field].name);
	if (c->of == NULL || strcmp(c->of, "bytes") == 0)
		t->of = BYTES;
	else if (strcmp(c->of, "packets") == 0)
		t->of = PACKETS;
	else if (strcmp(c->of, "flows") == 0)
		t->of = FLOWS;
	else
		return tsn_cli_usage(c, "--of is flows, packets or bytes, not \"%s\"", c->of);
	return tsn_show_format_parse(c, &t->format);
}

int
tsn_cmd_top(struct tsn_cli *c)
{
	struct top t = { .in = { .cli = c } };
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs = NULL;
	int status = parse_options(c, &t);

	if (status != 0)
		return status;
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	if (c->where != NULL && (rs = tsn_cli_compile(&k)) == NULL)
		status = TSN_EXIT_RULES;
	else
		status = run(&t, rs);
	tsn_cli_compilation_fini(&k);
	tsn_free(t.slots);
	tsn_free(t.groups);
	tsn_buf_fini(&t.slab);
	return status;
}
