/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/tls.h"

#include <limits.h>
#include <stdio.h>

#ifdef TSN_HAVE_TLS

#include <openssl/err.h>
#include <openssl/ssl.h>

/* struct tsn_tls is OpenSSL's context and struct tsn_tls_stream its connection: there is nothing to add. */

static SSL_CTX *
context(struct tsn_tls *t)
{
	return (SSL_CTX *)t;
}

static SSL *
stream(struct tsn_tls_stream *s)
{
	return (SSL *)s;
}

/* What is wrong with [file], in OpenSSL's words. */
static struct tsn_tls *
fail(SSL_CTX *c, const char *what, const char *file, char error[TSN_INPUT_ERROR])
{
	unsigned long e = ERR_get_error();
	const char *why = e != 0 ? ERR_reason_error_string(e) : NULL;

	snprintf(error, TSN_INPUT_ERROR, "tls: %s %.120s: %.80s", what, file, why != NULL ? why : "cannot be used");
	ERR_clear_error();
	SSL_CTX_free(c);
	return NULL;
}

struct tsn_tls *
tsn_tls_new(const char *cert, const char *key, const char *ca, char error[TSN_INPUT_ERROR])
{
	static const unsigned char id[] = "tocsin"; /* sessions are not resumed across contexts */
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_session_id_context(c, id, sizeof(id) - 1) != 1)
		return fail(c, "cannot begin with", cert, error);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_use_certificate_chain_file(c, cert) != 1)
		return fail(c, "certificate", cert, error);
	if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1)
		return fail(c, "key", key, error);
	if (ca != NULL) {
		if (SSL_CTX_load_verify_locations(c, ca, NULL) != 1)
			return fail(c, "certificates of signers", ca, error);
		SSL_CTX_set_client_CA_list(c, SSL_load_client_CA_file(ca));
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return (struct tsn_tls *)c;
}

void
tsn_tls_free(struct tsn_tls *t)
{
	SSL_CTX_free(context(t));
}

struct tsn_tls_stream *
tsn_tls_accept(struct tsn_tls *t, int fd)
{
	SSL *s = SSL_new(context(t));

	if (s == NULL)
		return NULL;
	if (SSL_set_fd(s, fd) != 1) {
		SSL_free(s);
		return NULL;
	}
	SSL_set_accept_state(s);
	return (struct tsn_tls_stream *)s;
}

void
tsn_tls_close(struct tsn_tls_stream *s)
{
	if (s == NULL)
		return;
	ERR_clear_error();
	if (SSL_is_init_finished(stream(s)))
		(void)SSL_shutdown(stream(s)); /* our farewell; the peer's is not waited for */
	ERR_clear_error();
	SSL_free(stream(s));
}

bool
tsn_tls_is_open(const struct tsn_tls_stream *s)
{
	return SSL_is_init_finished((const SSL *)s);
}

enum tsn_tls_read
tsn_tls_read(struct tsn_tls_stream *s, uint8_t *to, size_t room, size_t *got)
{
	int n;

	ERR_clear_error();
	n = SSL_read(stream(s), to, room > INT_MAX ? INT_MAX : (int)room);
	*got = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return TSN_TLS_BYTES;
	switch (SSL_get_error(stream(s), n)) {
	case SSL_ERROR_WANT_READ:
		return TSN_TLS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TSN_TLS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TSN_TLS_END;
	default:
		SSL_set_quiet_shutdown(stream(s), 1); /* nothing may be said to it any more */
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
