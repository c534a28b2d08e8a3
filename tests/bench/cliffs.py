#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""`make bench-cliffs`: one input doubled at a time, to see where the cost of a flow jumps.

    cliffs.py BUILD [--short] [--rounds N] [--flows N] [--only SERIES]...

For each series the worst factor for a doubling; more than FLAG is marked. Of each step the least time of all rounds counts, without
the start of the process, which is a series of its own where it grows. Keeps BUILD/bench/cliffs.txt and cliffs.json, from which plot.py draws.
"""
import argparse
import json
import math
import os
import sys

import rules
from inputs import HOSTS, Inputs, machine, versions
from race import Lane, race

FLAG = 3
HERE = os.path.dirname(os.path.abspath(__file__))
NEVER = "> 1000000000"


def doubled(least, most, factor=2):
    while least <= most:
        yield least
        least *= factor


def rule(*conditions, before=""):
    return before + rules.as_file(conditions)


class Cliffs:
    def __init__(self, inputs, short):
        self.i, self.short = inputs, short
        self.flows = inputs.flows

    def most(self, whole, short):
        return short if self.short else whole

    def lane(self, name, x, text, capture=None, flows=None, options="--threads 1"):
        """[capture]: of the workload, unless told."""
        file = self.i.rules(f"cliff-{''.join(filter(str.isalnum, name))}-{x}.tsn", text)
        command = f"{self.i.tocsin} run -q {options} -r {file}"
        return Lane(str(x), str(x), flows or self.flows, f"{command} {capture or self.i.whole()}", start=f"{command} {self.i.start()}")

    # captures

    def shape(self, name, x, flows):
        return self.i.once(f"{name}{x}-{flows}.pcap", f"{sys.executable} {HERE}/shapes.py {name} {x} {flows} OUT")

    def sources(self, n, flows):
        return self.i.once(f"cliff-keys{n}-{flows}.pcap",
                           f"{self.i.build}/flowgen --flows {flows} --sources {n} --hosts 20000 --rate {flows // 50 + 1} --seed 2 --out OUT")

    def hosts(self, n):
        return self.i.capture(f"hosts{n}", self.flows, f"--hosts {n} --zipf 0,0 --rate 20000 --seed 1")

    # steps that are alike in many series

    def conditions(self, name, xs, text, **more):
        return [self.lane(name, x, text(x), **more) for x in xs]

    def of_sources(self, name, xs, text, least=0):
        for n in xs:
            flows = max(self.flows, least, 2 * n)
            yield self.lane(name, n, text, capture=self.sources(n, flows), flows=flows)

    def of_shape(self, name, xs, text, flows, options="--threads 1"):
        for x in xs:
            yield self.lane(name, x, text, capture=self.shape(name, x, flows), flows=flows, options=options)


def lists(c, name, xs, lines, kind, test):
    """Members in a file, as a million of them would be."""
    for n in xs:
        c.i.rules(f"cliff-{name}-{n}.txt", "\n".join(lines(n)) + "\n")
        yield c.lane(name, n, rule(test, before=f'set listed = file "cliff-{name}-{n}.txt"{kind}\n'))


def number(i):
    return i * 2654435761 & 0xffffffff


def address(n):
    return ".".join(str(n >> s & 255) for s in (24, 16, 8, 0))


def under(length, first):
    """[n] prefixes of that length from one address on, side by side."""
    return lambda n: [f"{address(first + (i << 32 - length) & 0xffffffff)}/{length}" for i in range(n)]


def nested(n):
    """As deep as can be: of each /8 to /32 in turn, one in the other."""
    return sorted({f"{address(number(i // 25) >> 24 - i % 25 << 24 - i % 25)}/{8 + i % 25}" for i in range(n)})


def in_v6(length):
    return lambda n: [f"2001:{i >> 16:x}:{i & 0xffff:x}::{'1' if length == 128 else ''}/{length}" for i in range(n)]


def series(c):
    """THE table: name, unit of the start where it grows with the steps, and the steps. Made when asked for: captures are large."""
    most = c.most
    count = "count(max_keys 16M) by src over 60s"

    def many(words, name, xs, text, start=False, **more):
        return words, name, start, lambda: c.conditions(name, xs, text, **more)

    # rules
    for kind in ("mixed", "hot", "ports"):
        yield many("rules", f"{kind} rules", list(doubled(10, most(20480, 2560))), lambda n, k=kind: rule(*rules.KINDS[k](n)), True)
    yield many("rules", "rules on one port, packets > K", list(doubled(16, most(16384, 1024))),
               lambda n: rule(*[f"proto == tcp and dst_port == 443 and packets > {1000000 + i}" for i in range(n)]), True)
    yield many("rules", "rules on one port, by /24", list(doubled(16, most(16384, 1024))),
               lambda n: rule(*[f"proto == tcp and dst_port == 443 and src in 10.{i // 256}.{i % 256}.0/24 and packets > 100000000" for i in range(n)]), True)
    yield many("rules", "rules on one port, nested prefixes", list(doubled(16, most(16384, 1024))),
               lambda n: rule(*[f"dst_port == 443 and src in {p} and packets > {1000000 + i}" for i, p in enumerate(under(24, 10 << 24)(n))]
                              + ["dst_port == 443 and src in 10.0.0.0/8 and packets > 1000000"]), True)
    yield many("rules", "rules on bytes alone", list(doubled(16, most(16384, 1024))),
               lambda n: rule(*[f"bytes == {1000000007 + i * 977}" for i in range(n)]), True)
    yield many("rules", "rules on bytes, ranges", list(doubled(16, most(4096, 1024))),
               lambda n: rule(*[f"bytes > {1000000007 + i * 977} and packets < {1 + i}" for i in range(n)]), True)
    yield many("rules", "combinations of ports and prefixes", list(doubled(1024, most(65536, 4096))),
               lambda n: rule(*[f"dst_port == {1 + i % 1024} and src in 10.{i // 1024 % 256}.{i // 262144}.0/24 and packets > 1000000" for i in range(n)]), True)
    for kind, name in enumerate(("pairs of prefixes", "either address", "ranges of ports", "flags and a prefix", "ranges of bytes and a prefix")):
        yield ("rules", f"another network, rules on {name}", True,
               lambda n=name, k=kind: c.conditions(n, doubled(16, most(16384, 1024)), lambda x: rule(*rules.other(5 * x)[k::5]), capture=c.i.network()))
    yield many("rules", "rules with a set of 100 networks each", list(doubled(8, most(1024, 128))),
               lambda n: rule(*[f"src in {{ {', '.join(under(24, (11 + i % 100) * 2 ** 24 + (i * 100 << 8))(100))} }} and packets > 1000000" for i in range(n)]), True)
    # strings
    users = most(500000, 100000)
    like = lambda n: rule(*[f"user ~ /^(a|us).*{i}7$/" for i in range(n)])
    yield "strings", "expressions over strings", False, lambda: c.conditions("expressions", doubled(1, most(256, 64)), like, capture=c.shape("users", 1000, users), flows=users)
    yield ("strings", "strings compared", True,
           lambda: c.conditions("words", doubled(1, most(4096, 64)), lambda n: rule(*[f'user == "user{i}"' for i in range(n)]), capture=c.shape("users", 1000, users), flows=users))
    yield "strings", "different strings, 10 expressions", False, lambda: c.of_shape("users", doubled(1, most(524288, 65536)), like(10), users)
    # sets
    for name, lines, kind, test in (
            ("prefixes of one set", rules.nets, "", "src in listed"), ("/32 under a /8", under(32, 10 << 24), "", "src in listed and packets > 1000000"),
            ("/24 side by side", under(24, 1 << 24), "", "src in listed and packets > 1000000"), ("nested prefixes", nested, "", "src in listed and packets > 1000000"),
            ("addresses", lambda n: [address(number(i)) for i in range(n)], "", "src in listed and packets > 1000000"),
            ("IPv6 /48", in_v6(48), "", "src in listed"), ("IPv6 /128", in_v6(128), "", "src in listed"),
            ("integers", lambda n: [str(number(i)) for i in range(n)], "", "bytes in listed and packets > 1000000")):
        yield "sets", name, True, lambda a=(name, lines, kind, test): lists(c, a[0].replace("/", ""), doubled(1024, most(1 << 20, 65536)), *a[1:])
    yield many("sets", "sets of 1,000 networks", list(doubled(1, most(256, 32))),
               lambda n: rule(*[f"src in s{k} and packets > 1000000" for k in range(n)],
                              before="".join(f"set s{k} = {{ {', '.join(under(24, (11 + k) << 24)(1000))} }}\n" for k in range(n))), True)
    # groups
    yield "keys", "keys, count", False, lambda: c.of_sources("count", doubled(1000, most(16384000, 256000)), rule(rules.COUNT_ALL))
    yield "keys", "keys, distinct", False, lambda: c.of_sources("distinct", doubled(1000, most(16384000, 256000)), rule(rules.DISTINCT))
    for what, test in (("sum", f"sum(bytes, max_keys 4M) by src over 60s {NEVER}"), ("max", f"max(bytes, max_keys 4M) by src over 60s {NEVER}"),
                       ("stddev", f"stddev(bytes, max_keys 4M) by src over 60s {NEVER}"), ("entropy", f"entropy(dst, max_keys 4M) by src over 60s {NEVER}"),
                       ("jitter", f"jitter(packets > 0, max_keys 4M) by src over 60s {NEVER}"), ("new", "new(dst, max_keys 4M) by src over 60s and packets > 100000000")):
        yield "functions", f"keys, {what}", False, lambda a=(what, test): c.of_sources(a[0], doubled(1000, most(1024000, 64000)), rule(a[1]))
    yield ("keys", "keys, per window", False,
           lambda: c.of_sources("per", doubled(1000, most(1024000, 64000)), rule(f"count(max_keys 4M) by src per 10s {NEVER}")))
    yield ("keys", "keys, top 20", False,
           lambda: c.of_sources("rank", doubled(1000, most(1024000, 64000)), rule("rank(sum(bytes, max_keys 4M)) by src per 10s <= 20 and packets > 10000000")))
    yield ("keys", "keys, absent", False,
           lambda: c.of_sources("absent", doubled(1000, most(1024000, 64000)), rule("absent(packets > 0, max_keys 4M) by src over 1h")))
    yield ("keys", "keys, baseline", False,
           lambda: c.of_sources("baseline", doubled(1000, most(1024000, 64000)), rule("zscore(count(max_keys 4M), history 1h) by src per 10s > 1000000")))
    yield ("keys", "keys, three tables", False,
           lambda: c.of_sources("three", doubled(1000, most(1024000, 64000)),
                                rule(f"{count} {NEVER}", f"sum(bytes, max_keys 16M) by src, dst_port over 5m {NEVER}", f"distinct(dst_port, max_keys 16M) by dst over 60s {NEVER}")))
    yield ("places", "sources, 65,536 places", False,
           lambda: c.of_sources("places", doubled(16384, most(1048576, 262144)), rule(f"count(max_keys 65536) by src over 60s {NEVER}")))
    yield ("places", "sources, 1,024 places", False,
           lambda: c.of_sources("few", doubled(256, most(1048576, 262144)), rule(f"count(max_keys 1024) by src over 60s {NEVER}")))
    yield ("places", "sources, 65,536 places, distinct", False,
           lambda: c.of_sources("places-distinct", doubled(16384, most(1048576, 262144)), rule(f"distinct(dst, max_keys 65536) by src over 60s {NEVER}")))
    yield ("places", "sources, 65,536 places, pairs", False,
           lambda: c.of_sources("places-pairs", doubled(16384, most(1048576, 262144)), rule(f"count(max_keys 65536) by src, dst_port over 60s {NEVER}")))
    yield ("places", "sources, memory 16 MiB, count", False,
           lambda: c.of_sources("memory", doubled(16384, most(2097152, 262144)), rule(f"count() by src over 60s {NEVER}", before="site { memory 16MiB }\n")))
    yield ("places", "sources, memory 64 MiB, distinct", False,
           lambda: c.of_sources("memory-distinct", doubled(16384, most(2097152, 262144)), rule(f"distinct(dst) by src over 60s {NEVER}", before="site { memory 64MiB }\n")))
    yield ("places", "memory, 262,144 sources, count", False,
           lambda: [c.lane("kept", m, rule(f"count() by src over 60s {NEVER}", before=f"site {{ memory {m}KiB }}\n"), capture=c.sources(262144, c.flows)) for m in doubled(512, 131072)])
    # flows of odd shapes
    odd = most(1000000, 200000)
    for shape, words, xs in (("keys", "sources in turn", doubled(1, 1 << 19)), ("in-a-row", "flows of a source in a row, then never again", doubled(1, 1024)),
                             ("apart", "from one source to the next", doubled(1, 1 << 31, 4)), ("bits6", "IPv6: the first byte that differs", range(0, 15, 2)),
                             ("late", "flows late, ms", doubled(250, 2048000)), ("gap", "ms without a flow", doubled(1000, 1 << 30, 4)),
                             ("exporters", "exporters", doubled(1, 8192)), ("templates", "templates", doubled(1, 16384)), ("records", "flows a datagram", (1, 2, 4, 8, 15, 30))):
        yield "shapes", words, False, lambda a=(shape, xs): c.of_shape(a[0], a[1], rule(f"{count} {NEVER}"), odd)
    # windows
    for words in ("over", "per"):
        yield many("windows", f"length of the window, {words}, s", list(doubled(1, 86400)), lambda n, w=words: rule(f"count(max_keys 4M) by src {w} {n}s {NEVER}"))
    yield many("windows", "windows of one key", list(doubled(1, most(256, 32))), lambda n: rule(*[f"count() by src over {60 + i}s {NEVER}" for i in range(n)]), True)
    yield many("windows", "windows of one key, conditions", list(doubled(1, most(256, 32))), lambda n: rule(*[f"count(dst_port == {i + 1}) by src over 60s {NEVER}" for i in range(n)]), True)
    yield many("windows", "functions of one window", list(doubled(1, most(64, 32))), lambda n: rule(*[f"sum(bytes + {i}) by src over 60s {NEVER}" for i in range(n)]), True)
    yield many("windows", "thresholds of one window", list(doubled(1, most(4096, 256))), lambda n: rule(*[f"count() by src over 60s > {1000000 + i}" for i in range(n)]), True)
    yield many("windows", "steps of a sequence", list(doubled(2, 8)), lambda n: rule("sequence(" + ", ".join(f"dst_port == {p}" for p in (53, 80, 443, 22, 25, 123, 993, 8080)[:n]) + ") by src over 60s and packets > 1000000"))
    yield many("windows", "top N", list(doubled(1, 1 << 20, 4)), lambda n: rule(f"rank(sum(bytes, max_keys 4M)) by src per 60s <= {n} and packets > 10000000"))
    # alerts
    for words, clause in (("once a minute", ""), ("alert each", " alert each")):
        yield ("alerts", f"rules met by each flow, {words}", False,
               lambda w=words, e=clause: c.conditions(f"met{w}", doubled(1, 16), lambda n: "".join(f"rule r{i} {{ when packets > 0 and bytes != {i + 1}{e} }}\n" for i in range(n)),
                                                      capture=c.i.capture("flows", 100000), flows=100000))
    yield ("alerts", "keys with an alert", False, lambda: c.of_sources("alerting", doubled(1024, most(1 << 20, 65536)), rule("count(max_keys 4M) by src over 60s > 1")))
    yield ("alerts", "keys with an alert, held, ended", False,
           lambda: c.of_sources("held", doubled(1024, most(1 << 20, 65536)), "rule r { when count(max_keys 4M) by src over 60s > 1 for 5s until packets > 1000000 }\n"))
    yield ("alerts", "keys added to a set", False,
           lambda: c.of_sources("added", doubled(1024, most(1 << 20, 65536)), "set seen = dynamic expire 1h max 4M\nrule r { when count(max_keys 4M) by src over 60s > 1 and src not in seen then add src to seen }\n"))
    # the rest
    yield many("engine", "flows a batch", list(doubled(8, 1024)), lambda n: rules.many(100, rules.COUNT_MAIL, rules.COUNT_ALL))
    yield "engine", "hosts, conversations", False, lambda: [c.lane("pair", n, rule(rules.PAIR), capture=c.hosts(n)) for n in doubled(2048, most(4194304, 65536), 4)]


def measured(name, results, how, unit="ns/flow"):
    """The worst step is taken as of a doubling: a factor of 4 between inputs may cost twice that."""
    points = [{"x": r["label"], "y": max(r[how], 0.1)} for r in results]
    steps = []
    for a, b in zip(points, points[1:]):
        try:
            doublings = max(abs(math.log2(float(b["x"]) / float(a["x"]))), 1)
        except (ValueError, ZeroDivisionError):
            doublings = 1
        factor = max(b["y"] / a["y"], a["y"] / b["y"])
        steps.append((factor ** (1 / doublings), b["x"]))
    worst = max(steps, default=(None, None))
    return {"name": name, "unit": unit, "points": points, "worst": worst[0], "at": worst[1], "failed": any(r["failed"] for r in results)}


def of_values(c):
    """All alike and all different against the plausible: factors, not steps."""
    kinds = {"plausible": c.i.whole()}
    for kind in ("equal", "different"):
        kinds[kind] = c.i.capture(kind, c.flows, f"{HOSTS} --values {kind}")
    for what, text in {"100 rules": rules.three_tsn(100), "1,000 mixed rules": rules.mixed(1000), "count": [rules.COUNT_ALL],
                       "distinct": [rules.DISTINCT], "conversations": [rules.PAIR]}.items():
        yield f"values, {what}", [c.lane(what, kind, rule(*text), capture=capture) for kind, capture in kinds.items()]


def of_threads(c):
    return [c.lane("threads", n, rules.many(100, rules.COUNT_MAIL, rules.COUNT_ALL), options=f"--threads {n}") for n in (1, 2, 4, 8)]


def raced(lanes, rounds):
    found = race(lanes, rounds)
    for r in found:
        r["net_least"] = max(r["least"] - r["start_least"] * 1e6 / r["flows"], 0)
    return found


def run(c, rounds, only):
    wanted = lambda *names: not only or any(n in only for n in names)
    for group, name, start, make in series(c):
        if wanted(group, name):
            found = raced(list(make()), rounds)
            yield measured(name, found, "net_least")
            if start:
                yield measured(f"{name}, start", found, "start_least", "ms")
    if wanted("values"):
        for name, lanes in of_values(c):
            s = measured(name, raced(lanes, rounds), "net_least")
            plain = s["points"][0]["y"]
            s["worst"], s["at"] = max((p["y"] / plain, p["x"]) for p in s["points"][1:])
            yield s
    if wanted("threads"):
        yield measured("threads, by the clock", raced(of_threads(c), rounds), "wall")


def line(s):
    points = "  ".join(f"{p['x']}: {p['y']:.3g}" for p in s["points"])
    mark = "  CLIFF" if s["worst"] and s["worst"] > FLAG else ""
    worst = f"{s['worst']:.2f} x at {s['at']}" if s["worst"] else "-"
    return f"{s['name']} ({s['unit']}): worst step {worst}{mark}{'  FAILED' if s['failed'] else ''}\n    {points}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--short", action="store_true")
    p.add_argument("--rounds", type=int)
    p.add_argument("--flows", type=int)
    p.add_argument("--only", action="append", default=[], help="a series, or the word for several: see the table; may be repeated")
    a = p.parse_args()
    i = Inputs(a.build, a.flows or (500000 if a.short else 2000000), lambda text: print(text, file=sys.stderr, flush=True))
    found = []
    lines = []
    for s in run(Cliffs(i, a.short), a.rounds or (1 if a.short else 3), a.only):
        found.append(s)
        lines.append(line(s))
        print(lines[-1], flush=True)
    if not found:
        p.error("no series is called " + " or ".join(a.only))
    over = [s["name"] for s in found if s["worst"] and s["worst"] > FLAG]
    lines.append(f"{len(over)} of {len(found)} series have a step of more than {FLAG} x" + (": " + "; ".join(over) if over else ""))
    print(lines[-1])
    with open(i.path("cliffs.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(i.path("cliffs.json"), "w", encoding="utf-8") as f:
        json.dump({"machine": machine(), "versions": versions(i), "flows": i.flows, "series": found}, f, indent=1)
        f.write("\n")
    return 1 if any(s["failed"] for s in found) else 0


if __name__ == "__main__":
    sys.exit(main())
