#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""`make bench-check`: instructions of fixed small workloads against those committed. Other work on the machine does not disturb
them, as it does times; what waits for memory does not show.

    check.py BUILD [--update] [--figures FILE] [WORKLOAD...]

Valgrind counts (its CPU has AVX2 and no AVX-512; the program is told to use no more than that). What a process takes before its
first flow is taken off: it is a workload of its own. Prints what changed by more than TOLERANCE and ends 1 if anything got dearer.
--update writes the figures anew: the diff is to be reviewed. They hold for one compiler and its library, which the file names.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

import rules

TOLERANCE = 0.02
FLOWS = 60000
FEW = 6000  # for what takes long
START = 30
HOSTS = "--hosts 20000 --zipf 0.9,1.05 --rate 1000 --seed 1"
HERE = os.path.dirname(os.path.abspath(__file__))
OTHER = "--network 172.16.0.0/12 --exporters 7 --irregular --records 24 --vlan"  # another network, as inputs.py has it
SITE = "tests/fixtures/demo.tsn"

# name: flowgen's options, flows, and the program's own; RULES is a file with the text that follows
WORKLOADS = {
    "decode v5": ("--netflow 5", FLOWS, "show -q --count", None),
    "decode v9": ("--netflow 9", FLOWS, "show -q --count", None),
    "decode IPFIX": ("--netflow 10", FLOWS, "show -q --count", None),
    "decode IPFIX, 30 % IPv6": ("--netflow 10 --ipv6 30", FLOWS, "show -q --count", None),
    "decode sFlow": ("--netflow 0", FLOWS, "show -q --count", None),
    "decode v5, another network": (OTHER, FLOWS, "show -q --count", None),
    "decode v5, pcapng": ("--pcapng", FLOWS, "show -q --count", None),
    "one filter": ("--netflow 5", FLOWS, "show -q --count --where 'dst_port == 25'", None),
    "100 rules": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file(rules.three_tsn(100))),
    "1,000 rules": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file(rules.mixed(1000))),
    "100 rules, popular ports": (OTHER, FLOWS, "run -q --threads 1 -r RULES", rules.as_file(rules.popular(100))),
    "1,000 rules, other kinds": (OTHER, FLOWS, "run -q --threads 1 -r RULES", rules.as_file(rules.other(1000))),
    "count by src": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file([rules.COUNT_ALL])),
    "count by src, a mask": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file([rules.COUNT_MAIL])),
    "distinct": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file([rules.DISTINCT])),
    "conversations": ("--netflow 5", FLOWS, "run -q --threads 1 -r RULES", rules.as_file([rules.PAIR])),
    "an alert each": ("--netflow 5", FEW, "run -q --threads 1 -r RULES", "rule each { when bytes > 0 alert each }\n"),
    "standard library": ("--netflow 5", FEW, f"run -q --threads 1 -r stdlib-rules -r {SITE}", None),
}
LOAD = {"a start, one rule": (1, 1), "10,000 rules, a rule": (10000, 10000)}  # rules, and what to divide by


def count(command):
    """Instructions of the process."""
    env = dict(os.environ, TOCSIN_CPU="avx2")
    shell = f"exec valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null {command} > /dev/null"
    done = subprocess.run(["sh", "-c", shell], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    found = re.search(r"I +refs: +([0-9,]+)", done.stderr)
    if done.returncode != 0 or not found:
        raise RuntimeError(command + "\n" + done.stderr)
    return int(found[1].replace(",", ""))


def capture(build, options, flows):
    path = os.path.join(build, "bench", "check-" + "".join(c for c in options if c.isalnum()) + f"-{flows}.pcap")
    if not os.path.exists(path):
        subprocess.run(f"{build}/flowgen {HOSTS} {options} --flows {flows} --out {path}.part && mv {path}.part {path}", shell=True, check=True)
    return path


def rule_file(build, name, text):
    path = os.path.join(build, "bench", "check-" + "".join(c for c in name if c.isalnum()) + ".tsn")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def measure(build, name):
    """Instructions a flow, or a rule."""
    if name in LOAD:
        n, parts = LOAD[name]
        return count(f"{build}/tocsin check -q -r {rule_file(build, name, rules.as_file(rules.mixed(n)))}") / parts
    options, flows, words, text = WORKLOADS[name]
    if text is not None:
        words = words.replace("RULES", rule_file(build, name, text))
    whole, start = (count(f"{build}/tocsin {words} {capture(build, options, n)}") for n in (flows, START))
    return (whole - start) / (flows - START)


def compiler():
    return subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=False).stdout.strip()


def read(path):
    if not os.path.exists(path):
        return {}, None
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    made_by = next((line.split("gcc ")[1] for line in lines if line.startswith("# gcc ")), None)
    return {n: float(v) for n, v in (line.split("\t") for line in lines if line and not line.startswith("#"))}, made_by


def write(path, found):
    with open(path, "w", encoding="utf-8") as f:
        f.write("# Instructions a flow (or what the name says), by make bench-check UPDATE=1\n# gcc " + compiler() + "\n")
        f.writelines(f"{name}\t{value:.1f}\n" for name, value in found.items())


def compare(known, found):
    """Prints a line each; how many got dearer, cheaper."""
    dearer = cheaper = 0
    for name, value in found.items():
        was = known.get(name)
        change = value / was - 1 if was else 0
        word = "new" if was is None else "DEARER" if change > TOLERANCE else "cheaper" if change < -TOLERANCE else ""
        dearer += word == "DEARER"
        cheaper += word == "cheaper"
        print(f"{name:26} {was if was is not None else 0:12,.1f} {value:12,.1f} {change:+8.1%}  {word}".rstrip())
    return dearer, cheaper


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("workload", nargs="*")
    p.add_argument("--update", action="store_true")
    p.add_argument("--figures", default=os.path.join(HERE, "instructions.tsv"))
    a = p.parse_intermixed_args()
    names = [n for n in [*WORKLOADS, *LOAD] if not a.workload or n in a.workload]
    if len(names) < len(set(a.workload)) or not names:
        p.error("workloads are " + "; ".join([*WORKLOADS, *LOAD]))
    os.makedirs(os.path.join(a.build, "bench"), exist_ok=True)
    for name in names:  # before the threads, which would make the same file at once
        if name in WORKLOADS:
            for flows in (WORKLOADS[name][1], START):
                capture(a.build, WORKLOADS[name][0], flows)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = dict(zip(names, pool.map(lambda n: measure(a.build, n), names)))
    known, made_by = read(a.figures)
    dearer, cheaper = compare(known, found)
    if a.update:
        write(a.figures, {**known, **found} if a.workload else found)
        return 0
    if made_by not in (None, compiler()):
        print(f"the figures are those of gcc {made_by}; this is gcc {compiler()}")
    print(f"{dearer} dearer, {cheaper} cheaper by more than {TOLERANCE:.0%}" + (": make bench-check UPDATE=1 writes them down" if dearer + cheaper else ""))
    return 1 if dearer else 0


if __name__ == "__main__":
    sys.exit(main())
