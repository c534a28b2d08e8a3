# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""The rules that are measured, the same ones each time: so seldom true that the time goes into testing, not into alerts.

    rules.py KIND N     to stdout; KIND is one of three mixed hot prefixes ports
"""
import sys

COUNT_MAIL = "count(dst_port == 25) by src over 60s > 200"
COUNT_ALL = "count(max_keys 16M) by src over 60s > 1000000"
DISTINCT = "distinct(dst, max_keys 16M) by src over 60s > 1000000"
PAIR = "not answered and packets > 60000"


def three(i):
    """A port and a number of packets: the three-part rules that all peers can be asked."""
    return 1 + i * 7919 % 60000, 10 + i % 97


def three_tsn(n):
    return [f"proto == tcp and dst_port == {port} and packets > {k}" for port, k in map(three, range(n))]


def three_nfdump(n):
    return [f"(proto tcp and dst port {port} and packets > {k})" for port, k in map(three, range(n))]


def three_sql(n):
    return [f"count(*) filter (where proto = 6 and dst_port = {port} and packets > {k})" for port, k in map(three, range(n))]


def mixed(n):
    """Ports, prefixes, flags, sizes, bytes per packet."""
    found = []
    for i in range(n):
        port, k, a = 1 + i * 7919 % 60000, 10 + i % 97, i % 256
        found.append((f"proto == tcp and dst_port == {port} and packets > {20 * k}",
                      f"proto == udp and src_port == {port} and bytes >= {k * 5000}",
                      f"src in 10.{a}.0.0/16 and dst_port == {port} and flags has SYN",
                      f"proto == tcp and dst in 44.{a}.0.0/16 and bytes_per_packet > {40 + k} and src_port == {port}")[i % 4])
    return found


def hot(n):
    """A quarter on the three ports that half of the flows have: an index over ports does not help these."""
    found = mixed(n)
    for i in range(0, n, 4):
        proto, port = (("tcp", 443), ("tcp", 80), ("udp", 53))[i // 4 % 3]
        found[i] = f"proto == {proto} and dst_port == {port} and dst in 44.{i // 4 % 256}.0.0/16 and packets > {2000 + i % 97}"
    return found


def nets(n):
    """[n] prefixes of some lengths, none of which has a flow."""
    return [f"{192 + i % 24}.{i // 24 % 256}.{i // 6144 % 256}.{i // 1572864 * 16}/{(32, 28, 30)[i % 3]}" for i in range(n)]


def prefixes(n):
    """One rule with a set of them."""
    return ["src in {" + ", ".join(nets(n)) + "}"]


def ports(n):
    """[n] rules for single ports, every second also for a prefix: what an index has to hold together."""
    return [f"dst_port == {1 + i * 40503 % 65535}" + (f" and dst in 44.{i % 256}.{i // 256 % 256}.0/24" if i % 2 else "") + " and packets > 30000"
            for i in range(n)]


def as_file(conditions):
    return "".join(f"rule r{i} {{ when {c} }}\n" for i, c in enumerate(conditions))


def many(n, *windows):
    """[n] mixed rules and windows."""
    return as_file(mixed(n) + list(windows))


KINDS = {"three": three_tsn, "mixed": mixed, "hot": hot, "prefixes": prefixes, "ports": ports}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    sys.stdout.write(as_file(KINDS[sys.argv[1]](int(sys.argv[2]))))
