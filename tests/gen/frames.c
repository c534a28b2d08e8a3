/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "frames.h"

#include <string.h>

#include "wire.h"

#define UDP 17
#define SNAPLEN 262144
#define ETHERNET 1
#define WORDS(a) ((uint32_t)(sizeof(a) / sizeof(*(a))))

static uint32_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len ? sum + ((uint32_t)*p << 8) : sum;
}

static uint32_t
fold16(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	return sum == 0 ? 0xffff : sum;
}

/* Writes the IP header before the UDP header at [udp]; gives where it begins. */
static uint8_t *
put_ip(uint8_t *udp, uint32_t len, uint32_t who, bool v6, uint32_t id)
{
	uint8_t *ip = udp - (v6 ? 40 : 20), *p = ip;

	if (v6) {
		p = put16(put32(p, 0x60000000u), len);
		p = put16(p, UDP << 8 | 64);
		p = put32(put32(put32(put32(p, 0x20010002u), 0), 0), 1 + who);
		put32(put32(put32(put32(p, 0x20010002u), 0), 0), 0xfffffffeu);
		put16(udp + 6, fold16(sum16(ip + 8, 32 + len, len + UDP)));
	} else {
		p = put32(put32(p, 0x45000000u | (20 + len)), id << 16);
		p = put32(put32(put32(p, 64u << 24 | UDP << 16), 0xc6120001u + who), 0xc613fffeu);
		put16(ip + 10, fold16(sum16(ip, 20, 0)));
		put16(udp + 6, fold16(sum16(ip + 12, 8 + len, len + UDP)));
	}
	return ip;
}

static uint8_t *
put_ethernet(uint8_t *ip, bool v6, bool vlan, uint32_t who)
{
	uint8_t *type = ip - 2, *frame = ip - (vlan ? 18 : 14);

	put16(type, v6 ? 0x86dd : 0x0800);
	if (vlan)
		put16(put16(type - 4, 0x8100), 100 + who % 16);
	memcpy(frame, "\x02\0\0\0\0\xfe\x02\0\0\0\0\1", 12);
	return frame;
}

/* Little-endian whatever the machine. */
static void
put_words(uint8_t *p, const uint32_t *word, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word[i]) : word[i];

		memcpy(p + 4 * i, &v, 4);
	}
}

static bool
write_all(struct frames *f, const uint8_t *p, size_t len)
{
	return fwrite(p, 1, len, f->file) == len;
}

bool
frames_begin(struct frames *f)
{
	static const uint32_t pcap[] = { 0xa1b2c3d4u, 2 | 4 << 16, 0, 0, SNAPLEN, ETHERNET };
	static const uint32_t pcapng[] = { 0x0a0d0d0au, 28, 0x1a2b3c4du, 1, UINT32_MAX, UINT32_MAX, 28, /* a section */
		1, 20, ETHERNET, SNAPLEN, 20 };                                                 /* its interface */
	uint8_t head[sizeof(pcapng)];

	put_words(head, f->pcapng ? pcapng : pcap, f->pcapng ? WORDS(pcapng) : WORDS(pcap));
	return write_all(f, head, f->pcapng ? sizeof(pcapng) : sizeof(pcap));
}

bool
frames_write(struct frames *f, uint8_t *frame, uint32_t len, uint64_t now)
{
	if (f->pcapng) {
		uint32_t pad = -len & 3, whole = 32 + len + pad;
		uint32_t head[] = { 6, whole, 0, (uint32_t)(now * 1000 >> 32), (uint32_t)(now * 1000), len, len };

		put_words(frame - 28, head, WORDS(head));
		memset(frame + len, 0, pad);
		put_words(frame + len + pad, &whole, 1);
		return write_all(f, frame - 28, whole);
	}
	uint32_t head[] = { (uint32_t)(now / 1000), (uint32_t)(now % 1000) * 1000, len, len };

	put_words(frame - 16, head, WORDS(head));
	return write_all(f, frame - 16, 16 + len);
}

bool
frames_write_export(struct frames *f, uint8_t *data, uint32_t len, uint32_t who, bool v6, uint64_t now)
{
	uint8_t *udp = data - 8, *frame;

	put32(put16(put16(udp, 20000 + who % 40000), 2055), (8 + len) << 16);
	frame = put_ethernet(put_ip(udp, 8 + len, who, v6, (uint32_t)f->written++ & 0xffff), v6, f->vlan, who);
	return frames_write(f, frame, (uint32_t)(data + len - frame), now);
}
