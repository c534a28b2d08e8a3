/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"

static uint64_t
read_be64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct tsn_addr
tsn_addr_from_v6(const uint8_t bytes[16])
{
	struct tsn_addr a = { read_be64(bytes), read_be64(bytes + 8), false };

	if (a.hi == 0 && a.lo >> 32 == 0xffff) { /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
		a.lo &= UINT32_MAX;
		a.v4 = true;
	}
	return a;
}

void
tsn_addr_to_v6(struct tsn_addr a, uint8_t bytes[16])
{
	int i;

	if (a.v4)
		a.lo |= UINT64_C(0xffff) << 32;
	for (i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(a.hi >> (56 - 8 * i));
		bytes[8 + i] = (uint8_t)(a.lo >> (56 - 8 * i));
	}
}

/* The first [bits] of 64 as ones. */
static uint64_t
high_ones(unsigned bits)
{
	return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
}

struct tsn_addr
tsn_addr_mask(struct tsn_addr a, unsigned v4_bits, unsigned v6_bits)
{
	if (a.v4) {
		a.lo &= high_ones(v4_bits) >> 32;
	} else {
		a.hi &= high_ones(v6_bits);
		a.lo &= v6_bits > 64 ? high_ones(v6_bits - 64) : 0;
	}
	return a;
}

bool
tsn_prefix_has(struct tsn_prefix p, struct tsn_addr a)
{
	return a.v4 == p.addr.v4 && tsn_addr_cmp(tsn_addr_mask(a, p.len, p.len), p.addr) == 0;
}

bool
tsn_addr_parse(const char *s, size_t n, struct tsn_addr *out)
{
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16];
	struct in_addr v4;

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (strlen(text) != n)
		return false;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = tsn_addr_v4(ntohl(v4.s_addr));
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	*out = tsn_addr_from_v6(bytes);
	return true;
}

bool
tsn_prefix_parse(const char *s, size_t n, struct tsn_prefix *out)
{
	const char *slash = memchr(s, '/', n);
	size_t host = slash != NULL ? (size_t)(slash - s) : n, i;
	unsigned len = 0, most;
	bool mapped;

	if (!tsn_addr_parse(s, host, &out->addr))
		return false;
	mapped = out->addr.v4 && memchr(s, ':', host) != NULL;
	most = out->addr.v4 && !mapped ? 32 : 128;
	if (slash == NULL)
		len = most;
	else if (host + 1 == n || n - host > 4)
		return false;
	for (i = host + 1; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		len = len * 10 + (unsigned)(s[i] - '0');
	}
	if (len > most || (mapped && len < 96))
		return false;
	out->len = (uint8_t)(mapped ? len - 96 : len);
	out->addr = tsn_addr_mask(out->addr, out->len, out->len);
	return true;
}

char *
tsn_addr_put(char *p, struct tsn_addr a)
{
	uint8_t bytes[16];

	if (a.v4) {
		for (int shift = 24; shift >= 0; shift -= 8) {
			p = tsn_put_byte(p, a.lo >> shift & 255);
			*p++ = '.';
		}
		return p - 1;
	}
	tsn_addr_to_v6(a, bytes);
	inet_ntop(AF_INET6, bytes, p, TSN_ADDR_TEXT);
	return p + strlen(p);
}

char *
tsn_addr_text(struct tsn_addr a, char text[TSN_ADDR_TEXT])
{
	*tsn_addr_put(text, a) = '\0';
	return text;
}

char *
tsn_prefix_text(struct tsn_prefix p, char text[TSN_ADDR_TEXT])
{
	size_t n;

	tsn_addr_text(p.addr, text);
	n = strlen(text);
	snprintf(text + n, TSN_ADDR_TEXT - n, "/%u", p.len);
	return text;
}
