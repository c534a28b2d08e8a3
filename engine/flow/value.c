/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digits.h"

struct entry {
	const char *name;
	int value;
};

static const struct entry protos[] = {
#define PROTO(name, number) { name, number },
#include "flow/names.def"
#undef PROTO
};

static const struct entry flags[] = {
#define FLAG(name, bit) { name, bit },
#include "flow/names.def"
#undef FLAG
};

static const struct { enum tsn_type type; struct entry e; } words[] = {
#define WORD(type, name, value) { TSN_T_##type, { name, value } },
#include "flow/names.def"
#undef WORD
};

static const struct entry services[] = {
#define SERVICE(name, port) { name, port },
#include "flow/services.def"
#undef SERVICE
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
find(const struct entry *e, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(e[i].name) == len && memcmp(e[i].name, name, len) == 0)
			return e[i].value;
	return -1;
}

const char *
tsn_proto_name(unsigned proto)
{
	for (size_t i = 0; i < COUNT(protos); i++)
		if ((unsigned)protos[i].value == proto)
			return protos[i].name;
	return NULL;
}

int
tsn_proto_find(const char *name, size_t len)
{
	return find(protos, COUNT(protos), name, len);
}

const char *
tsn_proto_nth(size_t i)
{
	return i < COUNT(protos) ? protos[i].name : NULL;
}

int
tsn_flag_find(const char *name, size_t len)
{
	return find(flags, COUNT(flags), name, len);
}

const char *
tsn_flag_nth(size_t i)
{
	return i < COUNT(flags) ? flags[i].name : NULL;
}

int
tsn_word_find(enum tsn_type t, const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].type == t && find(&words[i].e, 1, name, len) >= 0)
			return words[i].e.value;
	return -1;
}

const char *
tsn_word_nth(enum tsn_type t, size_t i)
{
	for (size_t j = 0; j < COUNT(words); j++)
		if (words[j].type == t && i-- == 0)
			return words[j].e.name;
	return NULL;
}

int
tsn_service_find(const char *name, size_t len)
{
	return find(services, COUNT(services), name, len);
}

const char *
tsn_service_nth(size_t i)
{
	return i < COUNT(services) ? services[i].name : NULL;
}

/* Flag i is bit i. */
char *
tsn_flags_put(char *p, uint64_t v)
{
	const char *const begin = p;

	for (uint64_t left = v & ((UINT64_C(1) << COUNT(flags)) - 1); left != 0; left &= left - 1) {
		const char *name = flags[__builtin_ctzll(left)].name;

		while (*name != '\0')
			*p++ = *name++;
		*p++ = '|';
	}
	v &= ~((UINT64_C(1) << COUNT(flags)) - 1);
	if (v != 0) /* bits without a name */
		return p + sprintf(p, "0x%llx", (unsigned long long)v);
	if (p == begin)
		*p++ = '0';
	else
		p--;
	return p;
}

static void
text_flags(int64_t v, struct tsn_buf *out)
{
	if (tsn_buf_reserve(out, TSN_WORDS_TEXT))
		tsn_buf_end(out, tsn_flags_put(out->p + out->len, (uint64_t)v));
}

/* The shortest text that reads back as the same number. */
static void
text_real(double d, struct tsn_buf *out)
{
	char text[40];
	int digits = 15;

	do {
		snprintf(text, sizeof(text), "%.*g", digits, d);
	} while (strtod(text, NULL) != d && ++digits <= 17);
	tsn_buf_puts(out, text);
}

static void
text_addr(const struct tsn_value *v, struct tsn_buf *out)
{
	const unsigned bits = v->addr.v4 ? v->v4_bits : v->v6_bits, whole = v->addr.v4 ? 32 : 128;
	char *end;

	if (!tsn_buf_reserve(out, 2 * TSN_ADDR_TEXT))
		return;
	end = tsn_addr_put(out->p + out->len, v->addr);
	if (v->type != TSN_T_ADDR || bits < whole) {
		*end++ = '/';
		end = tsn_put_u64(end, bits);
	}
	tsn_buf_end(out, end);
}

static void
text_mac(int64_t v, struct tsn_buf *out)
{
	for (int shift = 40; shift >= 0; shift -= 8)
		tsn_buf_printf(out, "%02x%s", (unsigned)(v >> shift & 255), shift ? ":" : "");
}

static void
text_word(enum tsn_type t, int64_t v, struct tsn_buf *out)
{
	for (size_t i = 0; i < COUNT(words); i++) {
		if (words[i].type == t && words[i].e.value == v) {
			tsn_buf_puts(out, words[i].e.name);
			return;
		}
	}
	tsn_buf_printf(out, "%lld", (long long)v);
}

char *
tsn_proto_put(char *p, int64_t v)
{
	const char *name = v >= 0 && v <= 255 ? tsn_proto_name((unsigned)v) : NULL;

	if (name == NULL)
		return tsn_put_i64(p, v);
	while (*name != '\0')
		*p++ = *name++;
	return p;
}

static void
text_proto(int64_t v, struct tsn_buf *out)
{
	if (tsn_buf_reserve(out, TSN_WORDS_TEXT))
		tsn_buf_end(out, tsn_proto_put(out->p + out->len, v));
}

void
tsn_value_text(const struct tsn_value *v, struct tsn_buf *out)
{
	char text[TSN_TIME_TEXT];

	if (!v->known) {
		tsn_buf_putc(out, '-');
		return;
	}
	switch (v->type) {
	case TSN_T_REAL:      text_real(v->f, out); break;
	case TSN_T_BOOL:      tsn_buf_puts(out, v->i ? "true" : "false"); break;
	case TSN_T_ADDR:
	case TSN_T_PREFIX:    text_addr(v, out); break;
	case TSN_T_PROTO:     text_proto(v->i, out); break;
	case TSN_T_FLAGS:     text_flags(v->i, out); break;
	case TSN_T_TIME:      tsn_buf_puts(out, tsn_time_text(v->i, text)); break;
	case TSN_T_DURATION:  tsn_buf_puts(out, tsn_duration_text(v->i, text)); break;
	case TSN_T_STRING:
	case TSN_T_REGEX:     tsn_buf_add(out, v->s.p, v->s.n); break;
	case TSN_T_MAC:       text_mac(v->i, out); break;
	case TSN_T_DIRECTION:
	case TSN_T_FWD:       text_word(v->type, v->i, out); break;
	default:              tsn_buf_int(out, v->i); break;
	}
}

void
tsn_value_json(const struct tsn_value *v, struct tsn_buf *out)
{
	switch (v->type) {
	case TSN_T_REAL:
		if (!isfinite(v->f)) { /* cannot happen: division by zero is absent; yet never write what is no JSON */
			tsn_buf_puts(out, "null");
			return;
		}
		/* fall through */
	case TSN_T_INT:
	case TSN_T_PORT:
	case TSN_T_SIZE:
	case TSN_T_BOOL:
		tsn_value_text(v, out);
		return;
	case TSN_T_STRING:
	case TSN_T_REGEX:
		tsn_buf_putc(out, '"');
		tsn_buf_json(out, v->s.p, v->s.n);
		tsn_buf_putc(out, '"');
		return;
	default: /* none of these has a character that JSON escapes */
		tsn_buf_putc(out, '"');
		tsn_value_text(v, out);
		tsn_buf_putc(out, '"');
		return;
	}
}
