#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""`make bench-cliffs`: one input doubled at a time, to see where the cost of a flow jumps.

    cliffs.py BUILD [--short] [--rounds N] [--flows N] [--only SERIES,...]

For each series the worst factor between two neighbours; more than FLAG is marked. Rules and prefixes are without the start of
the process, which is a series of its own. Keeps BUILD/bench/cliffs.txt and cliffs.json, from which plot.py draws.
"""
import argparse
import json
import os
import sys

import rules
from inputs import HOSTS, Inputs, machine, versions
from race import Lane, race

FLAG = 3


def doubled(least, most):
    while least <= most:
        yield least
        least *= 2


class Cliffs:
    def __init__(self, inputs, short):
        self.i, self.short = inputs, short
        self.flows = inputs.flows

    def run(self, x, text, capture=None, flows=None, options="--threads 1", name=None):
        """A lane with rules."""
        file = self.i.rules(f"cliff-{name or 'rules'}-{x}.tsn", text)
        start = f"{self.i.tocsin} run -q {options} -r {file} {self.i.start()}"
        command = f"{self.i.tocsin} run -q {options} -r {file} {capture or self.i.whole()}"
        return Lane(str(x), str(x), flows or self.flows, command, start=start)

    def of_rules(self, kind):
        return [self.run(n, rules.as_file(rules.KINDS[kind](n)), name=kind) for n in doubled(10, 2560 if self.short else 20480)]

    def of_prefixes(self):
        """In a file, as a million of them would be."""
        for n in doubled(1024, 65536 if self.short else 1 << 20):
            self.i.rules(f"cliff-nets-{n}.txt", "\n".join(rules.nets(n)) + "\n")
            yield self.run(n, f'set nets = file "cliff-nets-{n}.txt"\nrule r {{ when src in nets }}\n', name="prefixes")

    def of_keys(self, condition):
        for n in doubled(1000, 256000 if self.short else 16384000):
            flows = max(self.flows, 2 * n)
            # made for this step alone: all of them would be gigabytes
            make = f"{self.i.build}/flowgen --flows {flows} --sources {n} --hosts 20000 --rate {flows // 50 + 1} --seed 2 --out "
            yield self.run(n, rules.as_file([condition]), capture=self.i.path(f"keys-{n}.pcap"), flows=flows, name="keys"), make

    def of_values(self):
        """All alike and all different against the plausible: factors, not steps."""
        kinds = {"plausible": self.i.whole()}
        for kind in ("equal", "different"):
            kinds[kind] = self.i.capture(kind, self.flows, f"{HOSTS} --values {kind}")
        asked = {"100 rules": rules.three_tsn(100), "1,000 mixed rules": rules.mixed(1000), "count": [rules.COUNT_ALL],
                 "distinct": [rules.DISTINCT], "conversations": [rules.PAIR]}
        return {what: [self.run(kind, rules.as_file(text), capture=capture, name=what.replace(" ", "-")) for kind, capture in kinds.items()]
                for what, text in asked.items()}

    def of_batches(self):
        text = rules.many(100, rules.COUNT_MAIL, rules.COUNT_ALL)
        return [self.run(n, text, options=f"--threads 1 --batch-size {n}", name="batch") for n in doubled(8, 1024)]

    def of_threads(self):
        text = rules.many(100, rules.COUNT_MAIL, rules.COUNT_ALL)
        return [self.run(n, text, options=f"--threads {n}", name="threads") for n in (1, 2, 4, 8)]


def series(name, results, how, unit="ns/flow"):
    points = [{"x": r["label"], "y": r[how]} for r in results]
    steps = [(b["y"] / a["y"], b["x"]) for a, b in zip(points, points[1:]) if a["y"] > 0]
    worst = max(steps, default=(None, None))
    return {"name": name, "unit": unit, "points": points, "worst": worst[0], "at": worst[1], "failed": any(r["failed"] for r in results)}


def keys(c, rounds, condition):
    results = []
    for lane, make in c.of_keys(condition):
        capture = c.i.path(f"keys-{lane.name}.pcap")
        if os.system(make + capture) != 0:
            raise RuntimeError(make)
        results += race([lane], rounds)
        os.unlink(capture)
    return results


def measure(c, rounds, only):
    wanted = lambda name: not only or name in only
    for kind in ("mixed", "hot", "ports"):
        if wanted(kind):
            found = race(c.of_rules(kind), rounds)
            yield series(f"{kind} rules", found, "net")
            yield series(f"{kind} rules, start", found, "start_ms", "ms")
    if wanted("prefixes"):
        found = race(list(c.of_prefixes()), rounds)
        yield series("prefixes of one set", found, "net")
        yield series("prefixes of one set, start", found, "start_ms", "ms")
    if wanted("keys"):
        yield series("keys, count", keys(c, rounds, rules.COUNT_ALL), "net")
    if wanted("distinct"):
        yield series("keys, distinct", keys(c, rounds, rules.DISTINCT), "net")
    if wanted("values"):
        for what, lanes in c.of_values().items():
            found = race(lanes, rounds)
            s = series(f"values, {what}", found, "net")
            plain = found[0]["net"]
            s["worst"], s["at"] = max((r["net"] / plain, r["label"]) for r in found[1:])
            yield s
    if wanted("batches"):
        yield series("flows a batch", race(c.of_batches(), rounds), "net")
    if wanted("threads"):
        yield series("threads, by the clock", race(c.of_threads(), rounds), "wall")


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
    p.add_argument("--only", default="")
    a = p.parse_args()
    i = Inputs(a.build, a.flows or (500000 if a.short else 2000000), lambda text: print(text, file=sys.stderr, flush=True))
    found = []
    lines = []
    for s in measure(Cliffs(i, a.short), a.rounds or (1 if a.short else 3), list(filter(None, a.only.split(",")))):
        found.append(s)
        lines.append(line(s))
        print(lines[-1], flush=True)
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
