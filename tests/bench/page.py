#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Puts what the bench left into docs/performance.md, between its marks `<!-- NAME -->` and `<!-- end -->`, with dates.

    page.py BUILD PAGE
"""
import os
import re
import sys

import answers
from plot import load
from targets import MORE, number


def of_machine(found):
    m = found["machine"]
    return f"{m['date']}, {m['cpu']}, {m['cores']} cores, {m['vectors']}, {m['memory_gb']} GB, load {m['load']:.0f}, {m['system']}"


def measured(bench):
    yield f"{of_machine(bench)}; " + ", ".join(f"{k} {v}" for k, v in bench["versions"].items()) + "."
    yield f"{bench['flows']:,} flows, medians of {bench['rounds']} rounds.\n"
    yield "| row | what | measured | target | stretch | |\n|---|---|---|---|---|---|"
    for t in bench["targets"]:
        sign = "" if t["way"] == MORE else "at most "
        word = {None: "not measured", True: "met", False: "missed"}[t["met"]] + (", stretch too" if t["stretch_met"] else "")
        value = "" if t["value"] is None else f"{number(t['value'])} {t['unit']}"
        stretch = "" if t["stretch"] is None else number(t["stretch"])
        yield f"| {t['row']} | {t['what']} | {value} | {sign}{number(t['target'])} | {stretch} | {word} |"
    yield "\n| lane | ns a flow | least to most | M flows/s | start, ms |\n|---|---|---|---|---|"
    for r in bench["lanes"]:
        speed = 1e3 / r["ns"] if r["ns"] else 0
        yield f"| {r['label']} | {r['ns']:.1f} | {r['least']:.1f} to {r['most']:.1f} | {speed:.1f} | {r['start_ms']:.1f} |"
    if bench.get("answers"):
        yield "\nAs each program counts, " + "; ".join(answers.lines(bench["answers"])) + "."


def growth(cliffs):
    yield f"{of_machine(cliffs)}; {cliffs['flows']:,} flows a step. Values: against the plausible ones.\n"
    yield "| series | from | to | first | last | worst step | |\n|---|---|---|---|---|---|---|"
    for s in cliffs["series"]:
        first, last, mark = s["points"][0], s["points"][-1], "more than 3" if s["worst"] and s["worst"] > 3 else ""
        yield f"| {s['name']} | {first['x']} | {last['x']} | {first['y']:.3g} {s['unit']} | {last['y']:.3g} | {s['worst'] or 0:.2f} x at {s['at']} | {mark} |"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, path = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        page = f.read()
    for name, lines in (("bench", measured), ("cliffs", growth)):
        left = os.path.join(build, "bench", name + ".json")
        if not os.path.exists(left): # what was not run again stays as it is
            continue
        text = "\n".join(lines(load(left)))
        page = re.sub(f"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + text + "\n" + m[2], page, flags=re.S)
    with open(path, "w", encoding="utf-8") as f:
        f.write(page)


if __name__ == "__main__":
    main()
