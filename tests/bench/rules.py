# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""The rules that are measured, the same ones each time: so seldom true that the time goes into testing, not into alerts.

    rules.py KIND N     to stdout; KIND is one of three mixed hot prefixes ports popular other
"""
import ipaddress
import re
import sys

COUNT_MAIL = "count(dst_port == 25) by src over 60s > 200"
COUNT_ALL = "count(max_keys 16M) by src over 60s > 1000000"
COUNT_TO = "count(max_keys 16M) by dst over 60s > 1000000"
DISTINCT = "distinct(dst, max_keys 16M) by src over 60s > 1000000"
DISTINCT_TO = "distinct(src, max_keys 16M) by dst over 60s > 1000000"
PAIR = "not answered and packets > 60000"


POPULAR = [("tcp", 443), ("udp", 53), ("tcp", 80), ("tcp", 25), ("tcp", 22), ("udp", 123), ("tcp", 993), ("tcp", 8080)]


def three(i):
    """A port and a number of packets: the three-part rules that all peers can be asked."""
    return 1 + i * 7919 % 60000, 10 + i % 97


def three_tsn(n):
    return [f"proto == tcp and dst_port == {port} and packets > {k}" for port, k in map(three, range(n))]


def popular(n):
    """Three and four parts on the ports that most flows have. Half of the prefixes are inside of the other network."""
    found = []
    for i in range(n):
        (proto, port), k = POPULAR[i % len(POPULAR)], 10 + i % 97
        near, far = f"172.{16 + i % 4}.{i * 37 % 256}.0/24", f"{11 + i * 7 % 80}.{i * 11 % 256}.0.0/16"
        part = (f"packets > {400 * k}", f"dst in {far} and packets > {k}", f"src in {near} and packets > {k}")[i // len(POPULAR) % 3]
        found.append(f"proto == {proto} and dst_port == {port} and {part}")
    return found


def other(n):
    """What an index over ports does not find: pairs of prefixes, either address, ranges, flags, bytes. Few are met."""
    found = []
    for i in range(n):
        near, far, k = f"172.{16 + i % 4}.{i // 4 * 37 % 256}.0/24", f"{11 + i % 80}.{i // 80 * 11 % 256}.0.0/16", 10 + i % 97
        low = 1 + i * 7919 % 60000
        found.append((f"src in {near} and dst in {far}",
                      f"(src in {far} or dst in {far}) and proto == tcp and bytes > {k * 40000}",
                      f"proto == udp and dst_port in {{{low}..{low + k}}} and packets > {10 + k % 9}",
                      f"proto == tcp and flags has RST and dst in {near} and packets > {2 * k}",
                      f"bytes in {{{k * 100}..{k * 100 + 999}}} and src in {far}")[i % 5])
    return found


def translated(conditions, table):
    for tsn, theirs in table:
        conditions = [re.sub(tsn, theirs, c) for c in conditions]
    return conditions


def nfdump(conditions):
    """Each in nfdump's words; for conditions like those above, not for all that there are."""
    return ["(" + c + ")" for c in translated(conditions, [
        (r"(src|dst)_port in \{(\d+)\.\.(\d+)\}", lambda m: f"{m[1]} port > {int(m[2]) - 1} and {m[1]} port < {int(m[3]) + 1}"),
        (r"bytes in \{(\d+)\.\.(\d+)\}", lambda m: f"bytes > {int(m[1]) - 1} and bytes < {int(m[2]) + 1}"),
        (r"(src|dst) in ", r"\1 net "), (r"(src|dst)_port == ", r"\1 port "), (r"proto == ", "proto "),
        (r"flags has ([A-Z])[A-Z]*", r"flags \1"), ("==", "=")])]


def or_nfdump(conditions):
    """One filter: whether any is true."""
    return " or ".join(nfdump(conditions))


def sql(conditions):
    """The same for duck.py's table, which has no flags."""
    def between(m):
        net = ipaddress.ip_network(m[2])
        return f"{m[1]} between {int(net[0])} and {int(net[-1])}"

    return translated(conditions, [
        (r"(\w+) in \{(\d+)\.\.(\d+)\}", r"\1 between \2 and \3"), (r"(src|dst) in ([0-9./]+)", between),
        ("== tcp", "= 6"), ("== udp", "= 17"), ("==", "=")])


def counts_sql(conditions):
    """How many flows meet each, in one question."""
    return "select " + ", ".join(f"count(*) filter (where {c})" for c in sql(conditions)) + " from flows"


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


KINDS = {"three": three_tsn, "popular": popular, "other": other, "mixed": mixed, "hot": hot, "prefixes": prefixes, "ports": ports}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    sys.stdout.write(as_file(KINDS[sys.argv[1]](int(sys.argv[2]))))
