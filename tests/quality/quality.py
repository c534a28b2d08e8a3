#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Measures the standard library on stored traffic and writes stdlib-rules/QUALITY.md.

    quality.py TOCSIN DATA [--check QUALITY.md]

inputs.tsv says what is read and how it is labelled; expected.tsv which rules are to fire on what is
malicious; notes.tsv explains what a stable rule says of benign traffic, and why malicious traffic raised nothing. Without --check the page goes to stdout.
With it the page is compared with the file given. Exit 1: the page differs, an expected rule is silent, a
stable rule fires on benign traffic without a note, or nothing fires on malicious traffic and no note says why.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, fe80::/10, 2001:db8::/32"


def table(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]


def files(data, path, named):
    """The file, or those below the directory that have no line of their own."""
    full = os.path.join(data, path)
    if not os.path.isdir(full):
        return [path]
    found = []
    for top, _, names in os.walk(full):
        found += [os.path.relpath(os.path.join(top, n), data) for n in names]
    return sorted(f for f in found if f not in named)


def statuses():
    """Rule name -> (status, file) as the rule files say."""
    out, rule = {}, None
    for name in sorted(os.listdir(os.path.join(ROOT, "stdlib-rules"))):
        if not name.endswith(".tsn"):
            continue
        with open(os.path.join(ROOT, "stdlib-rules", name), encoding="utf-8") as f:
            for line in f:
                words = line.split()
                if line.startswith("rule "):
                    rule = "stdlib." + words[1]
                    out[rule] = ("test", name)
                elif rule and line.startswith("    status ") and len(words) == 2:
                    out[rule] = (words[1], name)
    return out


def measure(job):
    tocsin, data, path, home, sets = job
    with tempfile.TemporaryDirectory() as d:
        site, summary = os.path.join(d, "site.tsn"), os.path.join(d, "summary.json")
        with open(site, "w", encoding="utf-8") as f:
            f.write("override stdlib { set home_net = { %s } %s }\n" % (home, sets))
        subprocess.run([tocsin, "run", "-q", "-r", os.path.join(ROOT, "stdlib-rules"), "-r", site, "--format", "json",
                        "--summary", summary, os.path.join(data, path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)
        if not os.path.exists(summary) or os.path.getsize(summary) == 0:
            return path, 0, {}
        with open(summary, encoding="utf-8") as f:
            s = json.load(f)
    return path, s["flows"], {r: n["alerts"] for r, n in s["rules"].items() if n["alerts"]}


def short(rule):
    return rule.removeprefix("stdlib.")


class Page:
    def __init__(self, inputs, results, status, expected, notes):
        self.inputs, self.results, self.status = inputs, results, status
        self.expected, self.notes, self.wrong, self.lines = expected, notes, [], []

    def say(self, *lines):
        self.lines.extend(lines)

    def of(self, label):
        """(path, flows, alerts) of every file with that label that held flows."""
        return [(p, *self.results[p]) for paths, l, _, _, _ in self.inputs if l == label for p in paths if self.results[p][0]]

    def total(self, label):
        out = {}
        for _, _, alerts in self.of(label):
            for rule, n in alerts.items():
                out[rule] = out.get(rule, 0) + n
        return out

    def head(self):
        n = len(self.status)
        count = {s: sum(1 for v, _ in self.status.values() if v == s) for s in ("stable", "test", "experimental")}
        self.say("# How the standard library does on stored traffic", "",
                 "Written by `make quality` from the shared captures; do not edit. `tests/quality/inputs.tsv` has the labels.", "",
                 f"{n} rules: {count['stable']} stable, {count['test']} test, {count['experimental']} experimental. Every file is read by "
                 "itself, with its own `home_net`, at the rules' defaults unless the table says otherwise; `requires` keeps rules out that the file cannot feed.", "",
                 "| label | files with flows | flows | alerts of stable rules | of test rules | of experimental rules |",
                 "|---|--:|--:|--:|--:|--:|")
        for label in ("benign", "malicious", "unlabelled"):
            rows, by = self.of(label), {"stable": 0, "test": 0, "experimental": 0}
            for _, _, alerts in rows:
                for rule, k in alerts.items():
                    by[self.status[rule][0]] += k
            self.say(f"| {label} | {len(rows)} | {sum(r[1] for r in rows)} | {by['stable']} | {by['test']} | {by['experimental']} |")

    def benign(self):
        self.say("", "## What fired on benign traffic", "")
        rows = [(p, rule, n) for p, _, alerts in self.of("benign") for rule, n in sorted(alerts.items())]
        if not rows:
            self.say("Nothing.")
            return
        self.say("| file | rule | status | alerts | why that is right, or what it costs |", "|---|---|---|--:|---|")
        for path, rule, n in rows:
            why = self.notes.get((short(rule), path), self.notes.get((short(rule), "*"), ""))
            if not why and self.status[rule][0] == "stable":
                self.wrong.append(f"stable rule {rule} fires on {path}, and notes.tsv does not say why")
            self.say(f"| {path} | {short(rule)} | {self.status[rule][0]} | {n} | {why} |")

    def malicious(self):
        self.say("", "## What fired on malicious traffic", "", "Rules in bold are the ones that are expected there.", "",
                 "| file | what it is | flows | rules (alerts) |", "|---|---|--:|---|")
        for paths, label, _, what, sets in self.inputs:
            for path in paths if label == "malicious" else []:
                flows, alerts = self.results[path]
                want = self.expected.get(path, [])
                names = [f"**{short(r)}** ({n})" if short(r) in want else f"{short(r)} ({n})" for r, n in sorted(alerts.items())]
                for r in want:
                    if "stdlib." + r not in alerts:
                        self.wrong.append(f"{r} is expected on {path} and stayed quiet")
                        names.append(f"(missed: {r})")
                if not flows:
                    continue
                if not names and ("-", path) not in self.notes:
                    self.wrong.append(f"nothing fires on {path}, and notes.tsv does not say why")
                told = f"{what}; with `{sets}`" if sets else what
                self.say(f"| {path} | {told} | {flows} | {', '.join(names) or 'none: ' + self.notes.get(('-', path), '?')} |")

    def rules(self):
        total = {label: self.total(label) for label in ("benign", "malicious", "unlabelled")}
        self.say("", "## Alerts of each rule", "",
                 "Rules that are not listed raised none on any of the files.", "",
                 "| rule | file | status | benign | malicious | unlabelled |", "|---|---|---|--:|--:|--:|")
        for rule, (status, name) in sorted(self.status.items()):
            n = [total[label].get(rule, 0) for label in ("benign", "malicious", "unlabelled")]
            if any(n):
                self.say(f"| {short(rule)} | {name} | {status} | {n[0]} | {n[1]} | {n[2]} |")

    def text(self):
        self.head()
        self.benign()
        self.malicious()
        self.rules()
        return "\n".join(self.lines) + "\n"


def main():
    if len(sys.argv) not in (3, 5) or (len(sys.argv) == 5 and sys.argv[3] != "--check"):
        sys.exit(__doc__)
    tocsin, data = sys.argv[1], sys.argv[2]
    rows = table("inputs.tsv")
    named = {row[0] for row in rows}
    inputs = [(files(data, p, named), label, PRIVATE if home == "-" else home, what, "".join(sets)) for p, label, home, what, *sets in rows]
    jobs = [(tocsin, data, p, home, sets) for paths, _, home, _, sets in inputs for p in paths]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {p: (flows, alerts) for p, flows, alerts in pool.map(measure, jobs)}
    expected = {p: rules.replace(",", " ").split() for p, rules in table("expected.tsv")}
    notes = {(rule, path): why for rule, path, why in table("notes.tsv")}
    page = Page(inputs, results, statuses(), expected, notes)
    text = page.text()
    if len(sys.argv) == 3:
        sys.stdout.write(text)
    else:
        with open(sys.argv[4], encoding="utf-8") as f:
            if f.read() != text:
                page.wrong.append(f"{sys.argv[4]} is not what the rules do now: make quality")
    for line in page.wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if page.wrong else 0)


main()
