#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Captures whose flows have one odd shape, for cliffs.py: flowgen makes what is plausible, this makes what somebody might send.

    shapes.py SHAPE X FLOWS OUT     X is what is doubled; SHAPES below tells of what
"""
import struct
import sys

EPOCH = 1767571200  # Monday 2026-01-05 00:00:00 UTC
RATE = 20000        # flows a second
RECORDS = 30        # in a datagram of NetFlow v5
UPTIME = 86400000
BATCH = 2048        # flows that the engine takes together
LOW = "10.0.0.0"
NET6 = struct.pack(">IIII", 0x20010db8, 0, 0, 0)


def v5(sources, ages=None, exporters=1, records=RECORDS, at=None):
    """Datagrams: a flow of one packet to port 443 from each of [sources], which ended [ages] ms before it was exported."""
    message = struct.Struct(">HHIIIIBBH")
    flow = struct.Struct(">IIIHHIIIIHHBBBBHHBBH")
    sent = [0] * exporters
    for k, first in enumerate(range(0, len(sources), records)):
        own = sources[first:first + records]
        ms = at(first) if at else first * 1000 // RATE
        who = k % exporters
        parts = [message.pack(5, len(own), UPTIME + ms, EPOCH + ms // 1000, ms % 1000 * 1000000, sent[who] & 0xffffffff, 0, 0, 0)]
        for i, src in enumerate(own):
            end = UPTIME + ms - (ages[first + i] if ages else 0)
            parts.append(flow.pack(src, 0x2c000001 + (first + i) % 1000, 0, 1, 2, 3, 180, end, end, 40000 + i, 443, 0, 24, 6, 0, 0, 0, 0, 0, 0))
        sent[who] += len(own)
        yield ms, who, b"".join(parts)


def ipfix(rows, fields, lengths, templates=1, records=20):
    """Datagrams of [rows], each the bytes of a record of [fields], under each of [templates] in turn; those come first of all."""
    template = b"".join(struct.pack(">HH", f, n) for f, n in zip(fields, lengths))

    def message(ms, count, body):
        return struct.pack(">HHIII", 10, 16 + len(body), EPOCH + ms // 1000, count, 1) + body

    for n in range(templates):
        yield 0, 0, message(0, 0, struct.pack(">HHHH", 2, 8 + len(template), 256 + n, len(fields)) + template)
    for k, first in enumerate(range(0, len(rows), records)):
        body = b"".join(rows[first:first + records])
        ms = first * 1000 // RATE
        yield ms, 0, message(ms, first, struct.pack(">HH", 256 + k % templates, 4 + len(body)) + body)


def mixed(i):
    """Numbers without order, the same ones each time."""
    i = (i ^ i >> 16) * 0x45d9f3b & 0xffffffff
    i = (i ^ i >> 16) * 0x45d9f3b & 0xffffffff
    return i ^ i >> 16


def addresses6(sources):
    return ipfix([NET6[:a] + s + NET6[a + len(s):] + NET6 + b"\x01\xbb" + b"\x06" + struct.pack(">QQ", 3, 180) for a, s in sources],
                 (27, 28, 11, 4, 2, 1), (16, 16, 2, 1, 8, 8))


def users(n, flows):
    row = lambda i: struct.pack(">IIHBQQB12s", 10 << 24 | i % 1000, 0x2c000001, 443, 6, 3, 180, 12, b"user%08d" % (mixed(i) % n))
    return ipfix([row(i) for i in range(flows)], (8, 12, 11, 4, 2, 1, 371), (4, 4, 2, 1, 8, 8, 65535))


def plain(flows, templates):
    row = lambda i: struct.pack(">IIHBQQ", 10 << 24 | i % 1000, 0x2c000001, 443, 6, 3, 180)
    return ipfix([row(i) for i in range(flows)], (8, 12, 11, 4, 2, 1), (4, 4, 2, 1, 8, 8), templates)


def gap(ms, flows):
    """Halfway nothing comes for so long."""
    return v5([10 << 24 | i % 100000 for i in range(flows)], at=lambda i: i * 1000 // RATE + (ms if i >= flows // 2 else 0))


SHAPES = {
    "keys": lambda x, flows: v5([10 << 24 | i % x for i in range(flows)]),                 # x sources in turn
    "in-a-row": lambda x, flows: v5([10 << 24 | i // x for i in range(flows)]),            # each x times, then never again
    "apart": lambda x, flows: v5([(i % 65536) * x & 0xffffffff for i in range(flows)]),    # 65,536 sources, x from one to the next
    "bits6": lambda x, flows: addresses6([(x, struct.pack(">H", i % 65536)) for i in range(flows)]),  # sources differ from byte x on
    "late": lambda x, flows: v5([10 << 24 | i % 1000 for i in range(flows)], ages=[mixed(i) % x for i in range(flows)]),
    "gap": gap,
    "exporters": lambda x, flows: v5([10 << 24 | i % 1000 for i in range(flows)], exporters=x),
    "templates": lambda x, flows: plain(flows, x),
    "records": lambda x, flows: v5([10 << 24 | i % 1000 for i in range(flows)], records=x),
    "users": users,
}


def write(datagrams, out):
    with open(out, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for ms, who, data in datagrams:
            n = len(data)
            f.write(struct.pack("<IIII", EPOCH + ms // 1000, ms % 1000 * 1000, 42 + n, 42 + n))
            f.write(b"\2\0\0\0\0\xfe\2\0\0\0\0\1\x08\0")
            f.write(struct.pack(">BBHHHBBHII", 0x45, 0, 28 + n, 0, 0, 64, 17, 0, 0xc6120001 + who, 0xc613fffe))
            f.write(struct.pack(">HHHH", 2055, 2055, 8 + n, 0) + data)


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    write(SHAPES[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])), sys.argv[4])
