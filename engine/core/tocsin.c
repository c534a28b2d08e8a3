/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The public face: engine/tocsin.h over the engine's own handle. */
#include "tocsin.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"

struct tocsin {
	struct tocsin_options o;
	struct tsn_log log;
	struct tsn_engine *engine;
	struct tsn_sink *sink;
	struct tsn_buf diagnostics, json;
};

static void
on_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct tocsin *t = arg;

	if (t->o.on_log != NULL)
		t->o.on_log(t->o.arg, (int)level, line);
}

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct tocsin *t = arg;

	if (t->o.on_alert == NULL)
		return;
	tsn_buf_clear(&t->json);
	tsn_alert_json(al, &t->json);
	if (t->json.failed)
		tsn_log(&t->log, TSN_LOG_ERROR, "memory is out: an alert of rule %s was lost", al->rule->name);
	else
		t->o.on_alert(t->o.arg, t->json.p, t->json.len);
}

struct tocsin *
tocsin_new(const struct tocsin_options *options)
{
	struct tocsin *t = tsn_calloc(1, sizeof(*t));
	struct tsn_engine_options o;

	if (t == NULL)
		return NULL;
	t->o = *options;
	t->log = (struct tsn_log){ TSN_LOG_INFO, on_log, t };
	o = (struct tsn_engine_options){ .batch_rows = options->batch_rows, .seed = options->hash_seed, .log = &t->log };
	t->engine = tsn_engine_new(&o);
	t->sink = tsn_sink_call_new(on_alert, t, TSN_SEV_INFO);
	if (t->engine == NULL || t->sink == NULL || !tsn_engine_add_sink(t->engine, t->sink)) {
		tocsin_free(t);
		return NULL;
	}
	return t;
}

void
tocsin_free(struct tocsin *t)
{
	if (t == NULL)
		return;
	if (t->engine != NULL)
		tsn_engine_remove_sinks(t->engine);
	tsn_sink_close(t->sink);
	tsn_engine_free(t->engine);
	tsn_buf_fini(&t->diagnostics);
	tsn_buf_fini(&t->json);
	tsn_free(t);
}

static bool
load(struct tocsin *t, struct tsn_compile_input *in)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_ruleset *rs = NULL;
	bool ok = false;

	while (t->o.library != NULL && t->o.library[in->nsearch] != NULL)
		in->nsearch++;
	in->search = t->o.library;
	tsn_buf_clear(&t->diagnostics);
	if (sources != NULL && diags != NULL) {
		rs = tsn_compile(sources, in, diags);
		tsn_diags_print(diags, sources, false, &t->diagnostics);
	}
	if (rs != NULL)
		ok = tsn_engine_load(t->engine, rs, NULL);
	if (!ok) {
		tsn_ruleset_free(rs);
		if (t->diagnostics.len == 0)
			tsn_buf_puts(&t->diagnostics, "memory is out\n");
	}
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ok;
}

bool
tocsin_load(struct tocsin *t, const char *const *paths, size_t n)
{
	struct tsn_compile_input in = { .paths = paths, .npaths = n };

	return load(t, &in);
}

bool
tocsin_load_text(struct tocsin *t, const char *name, const char *text)
{
	struct tsn_rule_text one = { name, text, strlen(text) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1 };

	return load(t, &in);
}

const char *
tocsin_diagnostics(const struct tocsin *t)
{
	return tsn_buf_str(&t->diagnostics);
}

static bool
address_from(const struct tocsin_address *a, struct tsn_addr *out)
{
	if (a->length == 16)
		*out = tsn_addr_from_v6(a->bytes);
	else if (a->length == 4)
		*out = tsn_addr_v4((uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 | a->bytes[3]);
	else
		return false;
	return true;
}

static_assert(TOCSIN_CONNECTION == TSN_SESSION_STREAM, "the public number of a connection is the decoder's");

bool
tocsin_message(struct tocsin *t, const void *payload, size_t length, const struct tocsin_address *exporter,
    uint32_t session, int64_t received_ms)
{
	struct tsn_sender from = { .session = session };

	return address_from(exporter, &from.exporter) &&
	    tsn_engine_message(t->engine, payload, length, &from, received_ms) == TSN_DECODE_OK;
}

void
tocsin_session_end(struct tocsin *t, const struct tocsin_address *exporter, uint32_t session)
{
	struct tsn_sender from = { .session = session };

	if (address_from(exporter, &from.exporter))
		tsn_engine_session_ended(t->engine, &from);
}

bool
tocsin_datagram(struct tocsin *t, const void *payload, size_t length, const struct tocsin_address *exporter,
    int64_t received_ms)
{
	return tocsin_message(t, payload, length, exporter, 0, received_ms);
}

/* A whole number as rules write it, decimal or 0x..., and nothing else. */
static bool
parse_int(const char *s, int64_t *out)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	char *end;

	if (hex)
		s += 2;
	if (hex ? !isxdigit((unsigned char)*s) : !isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*out = strtoll(s, &end, hex ? 16 : 10);
	return errno == 0 && *end == '\0';
}

/* Does the field's column have room for it? */
static bool
fits(enum tsn_field f, int64_t i)
{
	switch (tsn_fields[f].storage) {
	case TSN_U8:  return i >= 0 && i <= UINT8_MAX;
	case TSN_U16: return i >= 0 && i <= UINT16_MAX;
	case TSN_U32: return i >= 0 && i <= UINT32_MAX;
	default:      return i >= 0;
	}
}

static bool
parse_mac(const char *s, int64_t *out)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 6; i++) {
		char *end;
		unsigned long byte = strtoul(s, &end, 16);

		if (end == s || end > s + 2 || byte > 255 || *end != (i < 5 ? ':' : '\0'))
			return false;
		v = v << 8 | byte;
		s = end + 1;
	}
	*out = (int64_t)v;
	return true;
}

static bool
parse_flags(const char *s, int64_t *out)
{
	*out = 0;
	for (;;) {
		size_t n = strcspn(s, "|");
		int bit = tsn_flag_find(s, n);

		if (bit < 0)
			return false;
		*out |= bit;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

/* A value as rules write it. Strings are borrowed from [s]. */
static bool
parse_value(enum tsn_field f, const char *s, struct tsn_value *v)
{
	size_t n = strlen(s);
	int64_t i;

	*v = (struct tsn_value){ .type = tsn_fields[f].type, .known = true, .v4_bits = 32, .v6_bits = 128 };
	switch (v->type) {
	case TSN_T_ADDR:
		return tsn_addr_parse(s, n, &v->addr);
	case TSN_T_STRING:
		v->s = (struct tsn_str){ s, (uint32_t)n };
		return n <= UINT32_MAX;
	case TSN_T_FLAGS:
		if (!parse_int(s, &i) && !parse_flags(s, &i))
			return false;
		break;
	case TSN_T_PROTO:
		if (!parse_int(s, &i))
			i = tsn_proto_find(s, n);
		break;
	case TSN_T_PORT:
		if (!parse_int(s, &i))
			i = tsn_service_find(s, n);
		break;
	case TSN_T_DIRECTION:
	case TSN_T_FWD:
		if (!parse_int(s, &i))
			i = tsn_word_find(v->type, s, n);
		break;
	case TSN_T_MAC:
		if (!parse_mac(s, &i))
			return false;
		break;
	default:
		if (!parse_int(s, &i))
			return false;
	}
	v->i = i;
	return fits(f, i);
}

bool
tocsin_flow(struct tocsin *t, const struct tocsin_field *fields, size_t n, int64_t received_ms)
{
	struct tsn_value values[TSN_FIELD_COUNT];
	int ids[TSN_FIELD_COUNT];
	struct tsn_batch *b;
	size_t i;

	if (n > TSN_FIELD_COUNT)
		return false;
	for (i = 0; i < n; i++) {
		ids[i] = tsn_field_find(fields[i].name, strlen(fields[i].name));
		if (ids[i] == TSN_F_PACKETS || ids[i] == TSN_F_BYTES) /* the scaled ones are made from these */
			ids[i] = ids[i] == TSN_F_PACKETS ? TSN_F_RAW_PACKETS : TSN_F_RAW_BYTES;
		if (ids[i] < 0 || tsn_fields[ids[i]].origin != TSN_O_RECORD ||
		    !parse_value((enum tsn_field)ids[i], fields[i].value, &values[i]))
			return false;
	}
	tsn_engine_clock(t->engine, received_ms);
	b = tsn_engine_room(t->engine);
	if (b == NULL)
		return false;
	for (i = 0; i < n; i++)
		tsn_batch_put(b, b->n, (enum tsn_field)ids[i], &values[i]);
	b->received[b->n] = received_ms;
	b->exported[b->n] = TSN_TIME_NONE;
	b->source[b->n] = 0;
	if (tsn_mask_has(&b->present[TSN_F_EXPORTER], b->n))
		b->source[b->n] = tsn_exporters_find(tsn_engine_exporters(t->engine), tsn_batch_addr(b, b->n, TSN_F_EXPORTER));
	b->n++;
	tsn_engine_flush(t->engine); /* strings are the caller's and live no longer than this call */
	return true;
}

void
tocsin_clock(struct tocsin *t, int64_t now_ms)
{
	tsn_engine_flush(t->engine);
	tsn_engine_clock(t->engine, now_ms);
}

void
tocsin_flush(struct tocsin *t)
{
	tsn_engine_flush(t->engine);
}

void
tocsin_finish(struct tocsin *t)
{
	tsn_engine_finish(t->engine);
}

uint64_t
tocsin_flows(const struct tocsin *t)
{
	struct tsn_engine_stats s;

	tsn_engine_stats(t->engine, &s);
	return s.flows;
}

const char *
tocsin_version(void)
{
	return TSN_VERSION;
}
