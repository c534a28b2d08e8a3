/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* site { }: operations. Settings of several files add up; a single value is said once. */
#include <string.h>

#include "compile/check.h"

#define DEFAULT_MS 30000
#define RING_LEAST (16 << 20)
#define RING_DEFAULT (256u << 20)

struct reader {
	struct tsn_ck *c;
	struct tsn_site *site;
	size_t cap_listens, cap_outputs, cap_exporters;
	const struct tsn_node *first[16]; /* of settings that are said once */
	size_t nfirst;
};

static const struct tsn_ir *
constant(struct reader *r, const struct ck_file *f, const struct tsn_node *n)
{
	struct ck_env e = ck_env_of(r->c, f);

	e.constant = true;
	return n == NULL ? NULL : ck_one(&e, n, TSN_T_NONE);
}

static void
wrong(struct reader *r, const struct tsn_node *n, const char *hint)
{
	tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, n->span, "this setting cannot be read"), "write %s", hint);
}

static bool
once(struct reader *r, const struct tsn_node *n)
{
	for (size_t i = 0; i < r->nfirst; i++) {
		if (strcmp(r->first[i]->text, n->text) != 0)
			continue;
		tsn_diag_also(tsn_diag_error(r->c->diags, TSN_E_CLAUSE, n->span, "%s is set twice", n->text), r->first[i]->span,
		    "first here");
		return false;
	}
	if (r->nfirst < sizeof(r->first) / sizeof(r->first[0]))
		r->first[r->nfirst++] = n;
	return true;
}

static bool
is_word(const struct tsn_node *n, const char *word)
{
	return n != NULL && n->kind == TSN_N_NAME && strcmp(n->text, word) == 0;
}

/* "192.0.2.1:2055" or "[2001:db8::1]:2055" */
static bool
address_port(const char *s, struct tsn_addr *addr, uint16_t *port)
{
	const char *colon = strrchr(s, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - s);
	unsigned v = 0;

	if (colon == NULL || colon[1] == '\0' || strlen(colon + 1) > 5)
		return false;
	for (const char *p = colon + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (unsigned)(*p - '0');
	}
	if (v == 0 || v > 65535)
		return false;
	*port = (uint16_t)v;
	if (len >= 2 && s[0] == '[' && colon[-1] == ']')
		return tsn_addr_parse(s + 1, len - 2, addr) && !addr->v4;
	return tsn_addr_parse(s, len, addr) && addr->v4;
}

static const struct tsn_node *
transport(const struct tsn_node *k, enum tsn_transport *out)
{
	static const char *const words[] = { [TSN_LISTEN_UDP] = "udp", [TSN_LISTEN_TCP] = "tcp", [TSN_LISTEN_TLS] = "tls" };

	*out = TSN_LISTEN_UDP;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(k, words[i])) {
			*out = (enum tsn_transport)i;
			return k->next;
		}
	}
	return k;
}

/* cert "FILE" key "FILE" [ca "FILE"], in any order, each once. */
static bool
tls_files(struct reader *r, const struct tsn_node *n, const struct tsn_node *k, struct tsn_site_listen *l)
{
	for (; k != NULL; k = k->next->next) {
		const char **at = is_word(k, "cert") ? &l->cert : is_word(k, "key") ? &l->key : is_word(k, "ca") ? &l->ca : NULL;

		if (l->transport != TSN_LISTEN_TLS) {
			tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, k->span, at != NULL ?
			    "only tls has certificates and keys" : "nothing can stand behind the address"), at != NULL ?
			    "write listen tls" : "write listen once more for another address");
			return false;
		}
		if (at == NULL || k->next == NULL || k->next->kind != TSN_N_STRING || k->next->len == 0 || *at != NULL) {
			tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, k->span, at != NULL && *at != NULL ?
			    "this file is named twice" : "tls takes cert, key and ca, each with a file"),
			    "write cert \"collector.pem\" key \"collector.key\"");
			return false;
		}
		*at = ck_strdup(r->c, k->next->text);
	}
	if (l->transport != TSN_LISTEN_TLS || (l->cert != NULL && l->key != NULL))
		return true;
	tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, n->span, "tls needs the collector's certificate and its key"),
	    "add %s", l->cert != NULL ? "key \"collector.key\"" : "cert \"collector.pem\" key \"collector.key\"");
	return false;
}

static void
listens(struct reader *r, const struct tsn_node *n)
{
	struct tsn_site_listen l = { 0 };
	const struct tsn_node *k = transport(n->kids, &l.transport);
	struct tsn_site *s = r->site;

	if (k == NULL || k->kind != TSN_N_STRING) {
		wrong(r, n, l.transport == TSN_LISTEN_TLS ?
		    "listen tls \"0.0.0.0:4740\" cert \"collector.pem\" key \"collector.key\"" :
		    l.transport == TSN_LISTEN_TCP ? "listen tcp \"0.0.0.0:4739\"" : "listen udp \"0.0.0.0:2055\"");
		return;
	}
	if (!address_port(k->text, &l.addr, &l.port)) {
		tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, k->span, "this is no address and port"),
		    "write \"0.0.0.0:2055\" or \"[::]:2055\"");
		return;
	}
	if (!tls_files(r, n, k->next, &l))
		return;
	s->listens = ck_grow(r->c, s->listens, s->nlistens, &r->cap_listens, sizeof(*s->listens));
	s->listens[s->nlistens++] = l;
}

static bool
output_level(struct reader *r, const struct tsn_node *k, struct tsn_site_output *o)
{
	const struct tsn_node *left = tsn_node_kid(k, 0), *right = tsn_node_kid(k, 1);

	if (k->kind == TSN_N_COMPARE && is_word(left, "severity") && right != NULL && right->kind == TSN_N_NAME &&
	    (k->op == TSN_OP_GE || k->op == TSN_OP_EQ) && ck_level(right, &o->least) && k->op == TSN_OP_GE)
		return true;
	tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, k->span, "an output takes severity >= LEVEL"),
	    "levels are info, low, medium, high, critical");
	return false;
}

static void
outputs(struct reader *r, const struct tsn_node *n)
{
	const struct tsn_node *k = n->kids;
	struct tsn_site_output o = { .least = TSN_SEV_INFO };
	struct tsn_site *s = r->site;

	if (is_word(k, "json"))
		o.kind = TSN_OUTPUT_JSON;
	else if (is_word(k, "text"))
		o.kind = TSN_OUTPUT_TEXT;
	else if (is_word(k, "syslog"))
		o.kind = TSN_OUTPUT_SYSLOG;
	else
		k = NULL;
	k = k == NULL ? NULL : k->next;
	if (k == NULL || k->kind != TSN_N_STRING) {
		wrong(r, n, "output json \"/var/log/tocsin/alerts.jsonl\"");
		return;
	}
	o.target = ck_strdup(r->c, k->text);
	if (o.kind == TSN_OUTPUT_SYSLOG && strncmp(o.target, "udp://", 6) != 0 && o.target[0] != '/') {
		tsn_diag_hint(tsn_diag_error(r->c->diags, TSN_E_VALUE, k->span, "syslog goes to udp://HOST:PORT or to a socket"),
		    "write \"udp://127.0.0.1:514\" or \"/dev/log\"");
		return;
	}
	for (k = k->next; k != NULL; k = k->next)
		if (!output_level(r, k, &o))
			return;
	s->outputs = ck_grow(r->c, s->outputs, s->noutputs, &r->cap_outputs, sizeof(*s->outputs));
	s->outputs[s->noutputs++] = o;
}

static struct tsn_prefix
exporter_prefix(const struct tsn_node *k)
{
	unsigned len = k->kind == TSN_N_PREFIX ? (unsigned)k->plen : k->addr.v4 ? 32 : 128;

	return (struct tsn_prefix){ tsn_addr_mask(k->addr, len, len), (uint8_t)len };
}

static void
exporters(struct reader *r, const struct ck_file *f, const struct tsn_node *n)
{
	const struct tsn_node *k = n->kids;
	struct tsn_exporter_setting x = { 0 };
	const struct tsn_ir *v;
	struct tsn_site *s = r->site;
	bool ok = k != NULL && (k->kind == TSN_N_ADDRESS || k->kind == TSN_N_PREFIX);

	if (ok)
		x.prefix = exporter_prefix(k);
	for (k = ok ? k->next : NULL; ok && k != NULL; k = ok ? k->next->next : NULL) {
		for (; is_word(k, "allow"); k = k->next)
			x.allow = true;
		if (k == NULL)
			break;
		v = k->next == NULL ? NULL : constant(r, f, k->next);
		ok = v != NULL;
		if (ok && is_word(k, "name") && v->kind == TSN_IR_STRING)
			x.name = ck_strndup(r->c, v->text, v->len);
		else if (ok && is_word(k, "sampling") && v->kind == TSN_IR_INT && v->i >= 1 && v->i <= UINT32_MAX)
			x.sampling = (uint32_t)v->i;
		else
			ok = false;
	}
	if (!ok) {
		wrong(r, n, "exporter 192.0.2.1 name \"edge-1\" sampling 1000, or exporter 192.0.2.0/24 allow");
		return;
	}
	for (uint32_t i = 0; i < s->nexporters; i++)
		if (s->exporters[i].prefix.len == x.prefix.len && tsn_addr_cmp(s->exporters[i].prefix.addr, x.prefix.addr) == 0)
			tsn_diag_error(r->c->diags, TSN_E_CLAUSE, n->span, "this exporter is described twice");
	s->exporters = ck_grow(r->c, s->exporters, s->nexporters, &r->cap_exporters, sizeof(*s->exporters));
	s->exporters[s->nexporters++] = x;
}

static void
duration(struct reader *r, const struct ck_file *f, const struct tsn_node *n, int64_t *ms)
{
	struct ck_env e = ck_env_of(r->c, f);

	if (n->kids == NULL)
		wrong(r, n, "a duration, as in 30s");
	else if (once(r, n))
		ck_duration(&e, n->kids, n->text, ms);
}

static void
path(struct reader *r, const struct tsn_node *n, const char **out)
{
	if (n->kids == NULL || n->kids->kind != TSN_N_STRING || n->kids->next != NULL)
		wrong(r, n, n->text[0] == 's' ? "state \"/var/lib/tocsin\"" : "http \"127.0.0.1:9277\"");
	else if (once(r, n))
		*out = ck_strdup(r->c, n->kids->text);
}

static void
memory(struct reader *r, const struct ck_file *f, const struct tsn_node *n)
{
	const struct tsn_ir *v = constant(r, f, n->kids);

	if (v == NULL || v->kind != TSN_IR_INT || (v->type != TSN_T_SIZE && v->type != TSN_T_INT) || v->i <= 0)
		wrong(r, n, "memory 2GiB");
	else if (once(r, n))
		r->site->memory = (uint64_t)v->i;
	r->site->memory_at = n->span;
}

/* ring "DIR" [SIZE]: sixteen files, each of which must hold some datagrams. */
static void
ring(struct reader *r, const struct ck_file *f, const struct tsn_node *n)
{
	const struct tsn_node *dir = n->kids, *size = dir == NULL ? NULL : dir->next;
	const struct tsn_ir *v = size == NULL ? NULL : constant(r, f, size);

	if (dir == NULL || dir->kind != TSN_N_STRING || dir->len == 0 || (size != NULL && (size->next != NULL || v == NULL ||
	    v->kind != TSN_IR_INT || (v->type != TSN_T_SIZE && v->type != TSN_T_INT) || v->i < RING_LEAST))) {
		wrong(r, n, "ring \"/var/lib/tocsin/ring\" 256MiB (16MiB at least)");
	} else if (once(r, n)) {
		r->site->ring = ck_strdup(r->c, dir->text);
		r->site->ring_bytes = v == NULL ? RING_DEFAULT : (uint64_t)v->i;
	}
}

static void
setting(struct reader *r, const struct ck_file *f, const struct tsn_node *n)
{
	if (strcmp(n->text, "listen") == 0)
		listens(r, n);
	else if (strcmp(n->text, "output") == 0)
		outputs(r, n);
	else if (strcmp(n->text, "exporter") == 0)
		exporters(r, f, n);
	else if (strcmp(n->text, "memory") == 0)
		memory(r, f, n);
	else if (strcmp(n->text, "state") == 0)
		path(r, n, &r->site->state);
	else if (strcmp(n->text, "http") == 0)
		path(r, n, &r->site->http);
	else if (strcmp(n->text, "ring") == 0)
		ring(r, f, n);
	else if (strcmp(n->text, "lateness") == 0)
		duration(r, f, n, &r->site->lateness_ms);
	else if (strcmp(n->text, "pair") == 0)
		duration(r, f, n, &r->site->pair_ms);
	else if (strcmp(n->text, "dedup") == 0)
		duration(r, f, n, &r->site->dedup_ms);
}

void
ck_site_defaults(struct tsn_site *site)
{
	site->lateness_ms = DEFAULT_MS;
	site->pair_ms = DEFAULT_MS;
}

void
ck_site(struct tsn_ck *c, struct tsn_site *site)
{
	struct reader r = { .c = c, .site = site };

	ck_site_defaults(site);
	for (const struct ck_file *f = c->world->files; f != NULL; f = f->next) {
		for (const struct tsn_node *n = f->expr ? NULL : f->tree->kids; n != NULL; n = n->next) {
			if (n->kind != TSN_N_SITE)
				continue;
			if (f->installed) {
				tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CLAUSE, n->span, "an installed ruleset has no site { }"),
				    "settings belong in the site's own files");
				continue;
			}
			site->present = true;
			for (const struct tsn_node *s = n->kids; s != NULL; s = s->next)
				if (s->kind == TSN_N_SETTING && s->text != NULL && !s->broken)
					setting(&r, f, s);
		}
	}
}
