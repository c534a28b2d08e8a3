# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""What the engine is meant to reach, row by row, and whether it did in a run.

Speeds are those of one core of a machine with AVX-512, read from a NetFlow v5 capture; for a plain x86-64 build half of
them is meant. Ratios are between lanes of the same run.
"""


def speed(name, how="ns"):
    """Million flows a second and core."""
    return lambda r: 1e3 / r.lane[name][how]


def times(name, peer, factor=1, how="ns"):
    """How many times the peer's cost the lane's is less; the peer does so many of what is asked."""
    return lambda r: r.lane[peer][how] * factor / r.lane[name][how]


def value(name, scale=lambda v: v):
    return lambda r: scale(r.value[name])


MORE, LESS = ">=", "<="
ANOTHER = "another network: "
TARGETS = [
    # row, what, unit, value, which way, target, stretch
    ("one filter", "flows from the capture", "M/s", speed("filter"), MORE, 150, 250),
    ("one filter", "CPU against nfdump", "x", times("filter", "nfdump.filter"), MORE, 8, None),
    ("one filter", "CPU against SiLK's rwfilter", "x", times("filter", "silk.filter"), MORE, 3, None),
    ("100 three-part rules", "flows from the capture", "M/s", speed("three100"), MORE, 75, 150),
    ("100 three-part rules", "CPU against nfdump's one OR", "x", times("three100", "nfdump.three100"), MORE, 50, None),
    ("100 three-part rules", "CPU against nfdump run 100 times", "x", times("three100", "nfdump.passes100"), MORE, 300, None),
    ("100 three-part rules", "CPU against DuckDB, preloaded", "x", times("three100", "duckdb.three100"), MORE, 20, None),
    ("1,000 three-part rules", "flows from the capture", "M/s", speed("three1000"), MORE, 30, 60),
    ("1,000 three-part rules", "CPU against nfdump's one OR", "x", times("three1000", "nfdump.three1000"), MORE, 200, None),
    ("10,000 mixed rules", "cost against 10, compilation left out", "x", lambda r: r.lane["mixed10000"]["net"] / r.lane["mixed10"]["net"], LESS, 5, 3),
    ("count(dst_port == 25) by src", "CPU against nfdump -s", "x", times("mail", "nfdump.mail"), MORE, 8, None),
    ("count(dst_port == 25) by src", "CPU against SiLK's rwfilter and rwuniq", "x", times("mail", "silk.mail"), MORE, 4, None),
    ("count(dst_port == 25) by src", "CPU against DuckDB, preloaded, tumbling", "x", times("mail", "duckdb.mail"), MORE, 1 / 1.5, 1),
    ("count() by src", "flows from the capture", "M/s", speed("count"), MORE, 50, 80),
    ("count() by src", "CPU against DuckDB, preloaded, tumbling", "x", times("count", "duckdb.count"), MORE, 2, None),
    ("sliding count", "updates, 1 M keys", "M/s", value("update.1000000", lambda ns: 1e3 / ns), MORE, 30, 50),
    ("sliding count", "updates, 10 M keys", "M/s", value("update.10000000", lambda ns: 1e3 / ns), MORE, 20, 50),
    ("distinct(dst) by src", "CPU against DuckDB's approximate, preloaded", "x", times("distinct", "duckdb.distinct"), MORE, 2, 4),
    ("100 rules and 2 windows", "flows from the capture", "M/s", speed("whole"), MORE, 40, 70),
    (ANOTHER + "one filter", "flows from the capture", "M/s", speed("network.filter"), MORE, 150, 250),
    (ANOTHER + "one filter", "CPU against nfdump", "x", times("network.filter", "network.nfdump.filter"), MORE, 8, None),
    (ANOTHER + "100 rules, popular ports", "flows from the capture", "M/s", speed("network.popular100"), MORE, 75, 150),
    (ANOTHER + "100 rules, popular ports", "CPU against nfdump's one OR", "x", times("network.popular100", "network.nfdump.popular100"), MORE, 50, None),
    (ANOTHER + "100 rules, popular ports", "CPU against DuckDB, preloaded", "x", times("network.popular100", "network.duckdb.popular100"), MORE, 20, None),
    (ANOTHER + "1,000 rules of other kinds", "flows from the capture", "M/s", speed("network.other1000"), MORE, 30, 60),
    (ANOTHER + "1,000 rules of other kinds", "CPU against nfdump's one OR", "x", times("network.other1000", "network.nfdump.other1000"), MORE, 200, None),
    (ANOTHER + "10,000 rules of other kinds", "cost against 10, compilation left out", "x",
     lambda r: r.lane["network.other10000"]["net"] / r.lane["network.other10"]["net"], LESS, 5, 3),
    (ANOTHER + "count(dst_port == 25) by src", "CPU against nfdump -s", "x", times("network.mail", "network.nfdump.mail"), MORE, 8, None),
    (ANOTHER + "count(dst_port == 25) by src", "CPU against DuckDB, preloaded, tumbling", "x", times("network.mail", "network.duckdb.mail"), MORE, 1 / 1.5, 1),
    (ANOTHER + "count() by dst", "flows from the capture", "M/s", speed("network.count"), MORE, 50, 80),
    (ANOTHER + "count() by dst", "CPU against DuckDB, preloaded, tumbling", "x", times("network.count", "network.duckdb.count"), MORE, 2, None),
    (ANOTHER + "distinct(src) by dst", "CPU against DuckDB's approximate, preloaded", "x", times("network.distinct", "network.duckdb.distinct"), MORE, 2, 4),
    ("live loopback, 100 rules, 1 window", "lost at what one core sends", "%", value("live.lost"), LESS, 0, None),
    ("live loopback, 100 rules, 1 window", "a datagram of 30 flows", "us", value("live.us"), LESS, 1.3, None),
    ("second core", "by the clock, 100 rules and 2 windows", "x", times("whole@2", "whole", how="wall"), MORE, 1.65, 1.8),
    ("second core", "by the clock, count() by src", "x", times("count@2", "count", how="wall"), MORE, 1.65, 1.8),
    ("second core", "by the clock, 1,000 three-part rules", "x", times("three1000@2", "three1000", how="wall"), MORE, 1.65, 1.8),
    ("group memory", "a group of count() by src over 60s", "bytes", value("group_bytes"), LESS, 64, 56),
    ("10,000 rules, a quarter on hot ports", "flows, compilation left out", "M/s", speed("hot10000", "net"), MORE, 20, 80),
    ("conversation pairing", "flows, within the process", "M/s", value("pairing", lambda ns: 1e3 / ns), MORE, 15, 20),
    ("compile 10,000 rules", "by the clock", "s", value("compile_wall_s"), LESS, 1, 0.2),
    ("reload 10,000 rules, one changed", "until in force, under load", "s", value("reload.rule.s"), LESS, 1, 0.2),
    ("reload 10,000 rules, one changed", "flows waited", "ms", value("reload.rule.pause_ms"), LESS, 1, None),
    ("reload 10,000 rules, one changed", "every second: a datagram, against none", "x", value("reload.rule.cost"), LESS, 1.05, None),
    ("reload 10,000 rules, one changed", "every second: datagrams lost", "", value("reload.rule.lost"), LESS, 0, None),
    ("reload 10,000 rules, none changed", "until in force, under load", "s", value("reload.same.s"), LESS, 1, 0.2),
    ("reload, 1,000,000 prefixes changed", "until in force, under load", "s", value("reload.set.s"), LESS, 2, 1),
    ("reload, 1,000,000 prefixes changed", "flows waited", "ms", value("reload.set.pause_ms"), LESS, 1, None),
    ("reload, 1,000,000 prefixes changed", "every second: a datagram, against none", "x", value("reload.set.cost"), LESS, 1.05, None),
    ("reload, 1,000,000 prefixes changed", "beside it: a batch of flows, against none", "x", value("reload.set.slower"), LESS, 1.05, None),
]


class Results:
    """lane: results of race.py by name. value: numbers by name."""

    def __init__(self, lanes, values):
        self.lane = {lane["name"]: lane for lane in lanes if not lane["failed"]}
        self.value = values


def reached(value, way, bound):
    return None if bound is None else value >= bound if way == MORE else value <= bound


def judge(results):
    """A dict for each target; value is None where the peer is not here or nothing was measured."""
    judged = []
    for row, what, unit, of, way, target, stretch in TARGETS:
        try:
            v = of(results)
        except (KeyError, ZeroDivisionError):
            v = None
        judged.append({"row": row, "what": what, "unit": unit, "value": v, "way": way, "target": target, "stretch": stretch,
                       "met": None if v is None else reached(v, way, target),
                       "stretch_met": None if v is None else reached(v, way, stretch)})
    return judged


def number(v):
    return "-" if v is None else f"{v:,.0f}" if v >= 100 else f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def table(judged):
    """Lines of text."""
    yield f"{'':44} {'':44} {'measured':>13} {'target':>9} {'stretch':>9}"
    for j in judged:
        word = {None: "not measured", True: "met", False: "missed"}[j["met"]] + (", stretch too" if j["stretch_met"] else "")
        sign = "" if j["way"] == MORE else "<"
        stretch = sign + number(j["stretch"]) if j["stretch"] is not None else ""
        yield (f"{j['row']:44} {j['what']:44} {number(j['value']):>7} {j['unit']:<5} {sign + number(j['target']):>9} {stretch:>9}  {word}").rstrip()
