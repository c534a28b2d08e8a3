#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Draws how the cost of a flow grows with rules, keys and threads, from what the bench left.

    plot.py BUILD DIR     BUILD/bench/bench.json and cliffs.json into DIR/{rules,keys,threads}.svg
"""
import json
import math
import os
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 70, 190, 44, 52
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df")


def short(v):
    for factor, unit in ((1e6, " M"), (1e3, " k")):
        if v >= factor:
            return f"{v / factor:g}{unit}"
    return f"{v:g}"


class Axis:
    """From values to pixels; logarithmic, with a tick for each power of ten, or linear from 0."""

    def __init__(self, values, low, high, log):
        self.log, self.low, self.high = log, low, high
        if log:
            self.least, self.most = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)) - 1e-9)
            self.most = max(self.most, 10 * self.least)
            self.ticks = [10 ** e for e in range(round(math.log10(self.least)), round(math.log10(self.most)) + 1)]
        else:
            self.least, top = 0, max(values) * 1.1
            step = 10 ** math.floor(math.log10(top))
            step = step / 5 if top / step < 2 else step / 2 if top / step < 5 else step
            self.most = step * math.ceil(top / step)
            self.ticks = [step * n for n in range(round(self.most / step) + 1)]

    def at(self, v):
        f = (math.log(v / self.least) / math.log(self.most / self.least)) if self.log else v / self.most
        return self.low + f * (self.high - self.low)


def text(x, y, words, anchor="middle", more=""):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{words}</text>'


def draw(title, xlabel, ylabel, series, note, log=True, xticks=None):
    """series: (label, [(x, y), ...]). A picture as text."""
    xs = Axis([x for _, points in series for x, _ in points], LEFT, WIDTH - RIGHT, log)
    ys = Axis([y for _, points in series for _, y in points], HEIGHT - BOTTOM, TOP, log)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<title>{title}</title>', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(LEFT, 22, title, "start", 'font-size="15" font-weight="bold"')]
    for t in xticks or xs.ticks:
        x = xs.at(t)
        out += [f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e3e6ea"/>', text(x, HEIGHT - BOTTOM + 17, short(t))]
    for t in ys.ticks:
        y = ys.at(t)
        out += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e3e6ea"/>', text(LEFT - 8, y + 4, short(t), "end")]
    out += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, xlabel), text(16, (TOP + HEIGHT - BOTTOM) / 2, ylabel, more=f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})"'),
            text(WIDTH - 8, HEIGHT - 4, note, "end", 'font-size="9" fill="#667"')]
    for n, (label, points) in enumerate(series):
        colour, y = COLOURS[n % len(COLOURS)], TOP + 14 + 20 * n
        way = " ".join(f"{xs.at(px):.1f},{ys.at(py):.1f}" for px, py in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{xs.at(px):.1f}" cy="{ys.at(py):.1f}" r="3" fill="{colour}"/>' for px, py in points]
        out += [f'<line x1="{WIDTH - RIGHT + 12}" y1="{y - 4}" x2="{WIDTH - RIGHT + 30}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>',
                text(WIDTH - RIGHT + 36, y, label, "start")]
    return "\n".join(out + ["</svg>"]) + "\n"


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def pictures(bench, cliffs):
    lane = {r["name"]: r for r in bench["lanes"]}
    by_name = {s["name"]: [(float(p["x"]), p["y"]) for p in s["points"] if p["y"] > 0] for s in cliffs["series"]}
    note = lambda d: f"{d['machine']['cpu']}, {d['machine']['cores']} cores, {d['machine']['date']}"
    rules = [(label, by_name[name]) for name, label in
             (("mixed rules", "tocsin, mixed"), ("hot rules", "a quarter on 3 hot ports"), ("ports rules", "ports and prefixes")) if name in by_name]
    peer = [(n, lane[name]["ns"]) for n, name in ((100, "nfdump.three100"), (1000, "nfdump.three1000")) if name in lane]
    if rules:
        yield "rules.svg", draw("CPU time a flow, by rules", "rules", "ns a flow", rules + ([("nfdump, one OR", peer)] if len(peer) > 1 else []), note(cliffs))
    keys = [(label, by_name[name]) for name, label in (("keys, count", "count() by src"), ("keys, distinct", "distinct(dst) by src")) if name in by_name]
    if keys:
        yield "keys.svg", draw("CPU time a flow, by sources in a window of 60 s", "sources", "ns a flow", keys, note(cliffs))
    threads = [(label, [(1, 1e3 / lane[name]["wall"]), (2, 1e3 / lane[name + "@2"]["wall"])]) for name, label in
               (("three1000", "1,000 three-part rules"), ("whole", "100 rules, 2 windows"), ("count", "count() by src")) if name + "@2" in lane]
    if threads:
        yield "threads.svg", draw("Flows by the clock, by threads", "threads", "million flows a second", threads, note(bench), log=False, xticks=[1, 2])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, into = sys.argv[1:]
    os.makedirs(into, exist_ok=True)
    for name, picture in pictures(load(os.path.join(build, "bench", "bench.json")), load(os.path.join(build, "bench", "cliffs.json"))):
        with open(os.path.join(into, name), "w", encoding="utf-8") as f:
            f.write(picture)
        print(os.path.join(into, name))


if __name__ == "__main__":
    main()
