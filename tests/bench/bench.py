#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""`make bench`: every target of targets.py against the peers on the same flows, in one interleaved run.

    bench.py BUILD [--short] [--flows N] [--rounds N] [--only PART,...]

PARTs: flows, network, formats, programs, memory, compile, reload, live. --short: 2,000,000 flows in place of 12,000,000 and two rounds;
good for a look, not for figures. Prints what BUILD/bench/bench.txt and bench.json keep. No time is asserted anywhere.
What is measured and what is to be said against it: docs/performance.md.
"""
import argparse
import json
import sys

import answers
import jobs
import reload
from inputs import Inputs, bytes_of, machine, settle, versions
from race import race
from targets import Results, judge, table

PARTS = ("flows", "network", "formats", "programs", "memory", "compile", "reload", "live")
WORKLOADS = (("flows", Inputs.whole, jobs.lanes_of_flows, answers.flows), ("network", Inputs.network, jobs.lanes_of_network, answers.network))
PEERS = ("nfdump", "SiLK", "flow-tools", "DuckDB")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--short", action="store_true")
    p.add_argument("--flows", type=int)
    p.add_argument("--rounds", type=int)
    p.add_argument("--only", default=",".join(PARTS))
    a = p.parse_args()
    a.flows = a.flows or (2000000 if a.short else 12000000)
    a.rounds = a.rounds or (2 if a.short else 5)
    a.only = a.only.split(",")
    if not set(a.only) <= set(PARTS):
        p.error("parts are " + ", ".join(PARTS))
    return a


class Page:
    """Lines that are printed and kept."""

    def __init__(self):
        self.lines = []

    def say(self, *lines):
        for line in lines:
            print(line, flush=True)
            self.lines.append(line)


def lane_table(results):
    yield f"{'':54} {'ns/flow':>9} {'Mflows/s':>9} {'least..most ns':>18} {'start ms':>9} {'peak MB':>8}"
    for r in results:
        spread = f"{r['least']:.1f}..{r['most']:.1f}"
        start = f"{r['start_ms']:.1f}" if r["start_ms"] else ""
        peak = f"{r['peak_mb']:.0f}" if r["peak_mb"] else "" if r["command"] is None else "small"
        yield f"{r['label']:54} {r['ns']:9.2f} {1e3 / r['ns'] if r['ns'] else 0:9.1f} {spread:>18} {start:>9} {peak:>8}" + ("  FAILED" if r["failed"] else "")


def head(page, i, a, of, on):
    here = [p for p in PEERS if i.here.get(p)]
    page.say("; ".join(f"{k} {v}" for k, v in of.items()),
             f"{on['cpu']}, {on['cores']} cores, {on['vectors']}, {on['memory_gb']} GB, load {on['load']:.2f}; {on['system']}; {on['date']}",
             "peers here: " + (", ".join(here) or "none") + "; not here: " + (", ".join(p for p in PEERS if p not in here) or "none"))
    page.say(f"{a.flows:,} flows, CPU time (user and system, all threads) of whole processes, medians of {a.rounds} rounds")
    if "flows" in a.only:
        size = f"{bytes_of(i.whole()) / a.flows:.0f} bytes a flow for tocsin (NetFlow v5 in pcap)"
        if i.here["nfdump"]:
            size += f", {bytes_of(i.nfcapd(f'flows-{a.flows}', i.whole())) / a.flows:.0f} for nfdump (its own files)"
        page.say(size)


def settled(page, lanes, rounds):
    page.say(settle([lane.command or "" for lane in lanes]))
    return race(lanes, rounds)


def measure(page, i, a):
    lanes, values, told = [], {}, {"answers": {}}
    of, on = versions(i), machine()
    head(page, i, a, of, on)
    for part, capture, lanes_of, answers_of in WORKLOADS:
        if part not in a.only:
            continue
        i.start_duck(part, capture(i))
        lanes += (raced := settled(page, lanes_of(i), a.rounds))
        page.say("", *lane_table(raced), "", *answers.lines(found := answers_of(i)))
        told["answers"].update({f"{part}: {question}": answer for question, answer in found.items()})
        if i.duck:
            values[f"{part}.duckdb_load_s"] = i.duck.load["cpu"]
            page.say(f"DuckDB took {i.duck.load['cpu']:.1f} s of CPU to load its table, {i.duck.load['cpu'] / a.flows * 1e9:.0f} ns a flow, which is not in its lanes")
        i.stop_duck()
    if "formats" in a.only:
        formats = settled(page, jobs.lanes_of_formats(i), max(a.rounds // 2, 1))
        page.say("", f"format by format, {i.part_flows:,} flows each (sFlow: samples; packets: up to four a flow)", *lane_table(formats))
        lanes += formats
    if "programs" in a.only:
        values.update(jobs.programs(i, a.short))
    if "memory" in a.only:
        values.update(jobs.memory(i))
    if "compile" in a.only:
        i.rules("mixed10000.tsn", jobs.rules.as_file(jobs.rules.mixed(10000)))
        values.update(jobs.compile_rules(i, a.rounds))
    if "reload" in a.only:
        reloads = reload.measure(i, a.rounds)
        page.say("", *reload.table(reloads))
        values.update(reloads)
    if "live" in a.only:
        told["live"] = jobs.live(i)
        page.say("", told["live"].pop("text"))
        values.update({"live." + k: v for k, v in told["live"].items()})
    return {"machine": on, "versions": of, "peers": i.here, "flows": a.flows, "part": i.part_flows, "rounds": a.rounds, "short": a.short,
            "lanes": lanes, "values": values, **told}


def main():
    a, page = arguments(), Page()
    i = Inputs(a.build, a.flows, lambda line: print(line, file=sys.stderr, flush=True))
    found = measure(page, i, a)
    found["targets"] = judge(Results(found["lanes"], found["values"]))
    page.say("", *table(found["targets"]))
    known = [t for t in found["targets"] if t["met"] is not None]
    page.say("", f"{sum(t['met'] for t in known)} of {len(known)} targets met, {len(found['targets']) - len(known)} not measured")
    with open(i.path("bench.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(page.lines) + "\n")
    with open(i.path("bench.json"), "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1)
        f.write("\n")
    return 1 if any(lane["failed"] for lane in found["lanes"]) or any(map(answers.differ, found["answers"].values())) else 0


if __name__ == "__main__":
    sys.exit(main())
