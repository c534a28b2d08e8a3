/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/tls.h"

#include <limits.h>
#include <stdio.h>

#ifdef TSN_HAVE_TLS

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/late.h"
#include "base/mem.h"

/*
 * Loaded when somebody is to listen for connections. At each start it and libcrypto would take more than any other library: a
 * millisecond.
 */
#ifdef OPENSSL_SHLIB_VERSION
#define WORD_OF(x) #x
#define WORD(x) WORD_OF(x)
#define LIBRARY "libssl.so." WORD(OPENSSL_SHLIB_VERSION)
#else
#define LIBRARY "libssl.so." SHLIB_VERSION_NUMBER
#endif

#define FUNCTIONS(F) \
	F(ERR_clear_error) \
	F(ERR_get_error) \
	F(ERR_reason_error_string) \
	F(SSL_CTX_check_private_key) \
	F(SSL_CTX_ctrl) \
	F(SSL_CTX_free) \
	F(SSL_CTX_load_verify_locations) \
	F(SSL_CTX_new) \
	F(SSL_CTX_set_client_CA_list) \
	F(SSL_CTX_set_options) \
	F(SSL_CTX_set_session_id_context) \
	F(SSL_CTX_set_verify) \
	F(SSL_CTX_use_PrivateKey_file) \
	F(SSL_CTX_use_certificate_chain_file) \
	F(SSL_free) \
	F(SSL_get_error) \
	F(SSL_is_init_finished) \
	F(SSL_load_client_CA_file) \
	F(SSL_new) \
	F(SSL_read) \
	F(SSL_set_accept_state) \
	F(SSL_set_fd) \
	F(SSL_set_quiet_shutdown) \
	F(SSL_shutdown) \
	F(TLS_server_method)

struct library {
	void *handle;
#define F(function) __typeof__(function) *function;
	FUNCTIONS(F)
#undef F
};

/* Its owner and its connections use it. */
struct tsn_tls {
	struct library lib;
	SSL_CTX *context;
	size_t users;
};

struct tsn_tls_stream {
	struct tsn_tls *of;
	const struct library *lib;
	SSL *ssl;
};

static bool
load(struct library *l, char error[TSN_INPUT_ERROR])
{
	static const struct tsn_late_function functions[] = {
#define F(function) { #function, offsetof(struct library, function) },
		FUNCTIONS(F)
#undef F
	};
	char why[TSN_INPUT_ERROR - 8];

	l->handle = tsn_late_open(LIBRARY, functions, sizeof(functions) / sizeof(functions[0]), l, why, sizeof(why));
	if (l->handle == NULL)
		snprintf(error, TSN_INPUT_ERROR, "tls: %s", why);
	return l->handle != NULL;
}

/* What is wrong with [file], in OpenSSL's words. */
static struct tsn_tls *
fail(struct tsn_tls *t, const char *what, const char *file, char error[TSN_INPUT_ERROR])
{
	unsigned long e = t->lib.ERR_get_error();
	const char *why = e != 0 ? t->lib.ERR_reason_error_string(e) : NULL;

	snprintf(error, TSN_INPUT_ERROR, "tls: %s %.120s: %.80s", what, file, why != NULL ? why : "cannot be used");
	t->lib.ERR_clear_error();
	tsn_tls_free(t);
	return NULL;
}

static struct tsn_tls *
open_library(char error[TSN_INPUT_ERROR])
{
	struct tsn_tls *t = tsn_calloc(1, sizeof(*t));

	snprintf(error, TSN_INPUT_ERROR, "tls: memory is out");
	if (t != NULL && load(&t->lib, error)) {
		t->users = 1;
		return t;
	}
	tsn_free(t);
	return NULL;
}

struct tsn_tls *
tsn_tls_new(const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR])
{
	static const unsigned char id[] = "tocsin"; /* sessions are not resumed across contexts */
	struct tsn_tls *t = open_library(error);
	const struct library *l;
	SSL_CTX *c;

	if (t == NULL)
		return NULL;
	l = &t->lib;
	c = t->context = l->SSL_CTX_new(l->TLS_server_method());
	l->ERR_clear_error();
	if (c == NULL || l->SSL_CTX_ctrl(c, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) != 1 ||
	    l->SSL_CTX_set_session_id_context(c, id, sizeof(id) - 1) != 1)
		return fail(t, "cannot begin with", cert, error);
	l->SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION);
	l->SSL_CTX_ctrl(c, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
	if (l->SSL_CTX_use_certificate_chain_file(c, cert) != 1)
		return fail(t, "certificate", cert, error);
	if (l->SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 || l->SSL_CTX_check_private_key(c) != 1)
		return fail(t, "key", key, error);
	if (ca != NULL) {
		if (l->SSL_CTX_load_verify_locations(c, ca, NULL) != 1)
			return fail(t, "certificates of signers", ca, error);
		l->SSL_CTX_set_client_CA_list(c, l->SSL_load_client_CA_file(ca));
		l->SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return t;
}

/* The library stays: it has said what is to be done at the end of threads and of the process. */
void
tsn_tls_free(struct tsn_tls *t)
{
	if (t == NULL || --t->users > 0)
		return;
	t->lib.SSL_CTX_free(t->context);
	tsn_free(t);
}

struct tsn_tls_stream *
tsn_tls_accept(struct tsn_tls *t, int fd)
{
	struct tsn_tls_stream *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->lib = &t->lib;
	s->ssl = s->lib->SSL_new(t->context);
	if (s->ssl == NULL || s->lib->SSL_set_fd(s->ssl, fd) != 1) {
		s->lib->SSL_free(s->ssl);
		tsn_free(s);
		return NULL;
	}
	s->lib->SSL_set_accept_state(s->ssl);
	s->of = t;
	t->users++;
	return s;
}

void
tsn_tls_close(struct tsn_tls_stream *s)
{
	if (s == NULL)
		return;
	s->lib->ERR_clear_error();
	if (s->lib->SSL_is_init_finished(s->ssl))
		(void)s->lib->SSL_shutdown(s->ssl); /* our farewell; the peer's is not waited for */
	s->lib->ERR_clear_error();
	s->lib->SSL_free(s->ssl);
	tsn_tls_free(s->of);
	tsn_free(s);
}

bool
tsn_tls_is_open(const struct tsn_tls_stream *s)
{
	return s->lib->SSL_is_init_finished(s->ssl);
}

enum tsn_tls_read
tsn_tls_read(struct tsn_tls_stream *s, uint8_t *to, size_t room, size_t *got)
{
	int n;

	s->lib->ERR_clear_error();
	n = s->lib->SSL_read(s->ssl, to, room > INT_MAX ? INT_MAX : (int)room);
	*got = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return TSN_TLS_BYTES;
	switch (s->lib->SSL_get_error(s->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return TSN_TLS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TSN_TLS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TSN_TLS_END;
	default:
		s->lib->SSL_set_quiet_shutdown(s->ssl, 1); /* nothing may be said to it any more */
		return TSN_TLS_BROKEN;
	}
}

#else

struct tsn_tls *
tsn_tls_new(const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR])
{
	(void)cert;
	(void)key;
	(void)ca;
	snprintf(error, TSN_INPUT_ERROR, "tls: this program was built without OpenSSL");
	return NULL;
}

void
tsn_tls_free(struct tsn_tls *t)
{
	(void)t;
}

struct tsn_tls_stream *
tsn_tls_accept(struct tsn_tls *t, int fd)
{
	(void)t;
	(void)fd;
	return NULL;
}

void
tsn_tls_close(struct tsn_tls_stream *s)
{
	(void)s;
}

bool
tsn_tls_is_open(const struct tsn_tls_stream *s)
{
	(void)s;
	return false;
}

enum tsn_tls_read
tsn_tls_read(struct tsn_tls_stream *s, uint8_t *to, size_t room, size_t *got)
{
	(void)s;
	(void)to;
	(void)room;
	*got = 0;
	return TSN_TLS_BROKEN;
}

#endif
