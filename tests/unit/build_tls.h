/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: a key and a certificate, signed by itself or by another one, as files; and a client. */
#ifndef TESTS_BUILD_TLS_H
#define TESTS_BUILD_TLS_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_identity {
	EVP_PKEY *key;
	X509 *cert;
	char key_path[80], cert_path[80];
};

static inline void
tls_identity_make(struct tls_identity *id, const char *directory, const char *name, const struct tls_identity *signer)
{
	X509_NAME *subject;
	FILE *f;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1 + (long)name[0]);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
	X509_set_pubkey(id->cert, id->key);
	subject = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(id->cert, signer != NULL ? X509_get_subject_name(signer->cert) : subject);
	if (signer == NULL) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

		X509_add_ext(id->cert, e, -1);
		X509_EXTENSION_free(e);
	}
	if (X509_sign(id->cert, signer != NULL ? signer->key : id->key, EVP_sha256()) == 0)
		abort();
	snprintf(id->key_path, sizeof(id->key_path), "%s/%s.key", directory, name);
	snprintf(id->cert_path, sizeof(id->cert_path), "%s/%s.pem", directory, name);
	if ((f = fopen(id->key_path, "w")) == NULL || PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f) != 0)
		abort();
	if ((f = fopen(id->cert_path, "w")) == NULL || PEM_write_X509(f, id->cert) != 1 || fclose(f) != 0)
		abort();
}

static inline void
tls_identity_free(struct tls_identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
	remove(id->key_path);
	remove(id->cert_path);
}

#endif
