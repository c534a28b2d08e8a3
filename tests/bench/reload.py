# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Reloads of a daemon under load: how long until what was changed is in force, how long flows waited, what a datagram cost.

    reload.py BUILD [CASE...]    these alone, all if none is named
"""
import os
import re
import signal
import subprocess
import sys
import time

import rules

RATE = "3000"  # datagrams a second: what ten thousand rules leave time for on a machine that has other work, too
MEMBERS = 1000000
DEEP = 50  # files that use one another in a row; the language ends at 64


class Case:
    """Files of a directory of their own, by name, and what is written anew before the n-th reload."""

    def __init__(self, label, files, change=None, lines=()):
        self.label, self.files, self.change, self.lines = label, files, change or (lambda n: {}), lines


def one_file(n=0):
    """Another threshold in the middle."""
    written = rules.mixed(10000)
    written[5000] += f" and bytes > {n}"
    return {"rules.tsn": rules.as_file(written)}


def hundred(i, n=0):
    written = [f"{c} and bytes > {n * (k == 50)}" for k, c in enumerate(rules.mixed(10000)[i * 100:(i + 1) * 100])]
    return {f"rules{i:02}.tsn": "".join(f"rule r{i * 100 + k} {{ when {c} }}\n" for k, c in enumerate(written))}


def hundreds():
    return {name: text for i in range(100) for name, text in hundred(i).items()}


def chain(i, n=0):
    """Each asks for a constant of the one before, the first one's value is what it all comes to."""
    use = f'use "chain{i - 1:02}.tsn"\nlet least{i} = least{i - 1} + 1\n' if i else f"let least0 = {n}\n"
    written = rules.mixed(10000)[i * 200:(i + 1) * 200]
    return {f"chain{i:02}.tsn": use + "".join(f"rule r{i * 200 + k} {{ when {c} and packets > least{i} }}\n" for k, c in enumerate(written))}


def members(which, n=0):
    return {f"set{which}.txt": "\n".join([f"203.0.113.{n % 256}", *rules.nets(MEMBERS)]) + "\n"}


def with_sets(count):
    found = one_file()
    found["sets.tsn"] = "".join(f'set listed{k} = file "set{k}.txt"\nrule in{k} {{ when src in listed{k} or dst in listed{k} }}\n' for k in range(count))
    for k in range(count):
        found.update(members(k))
    return found


CASES = {
    "same": Case("10,000 rules in one file, nothing changed", one_file),
    "rule": Case("10,000 rules in one file, one rule changed", one_file, one_file),
    "files": Case("100 rules in each of 100 files, one rule changed", hundreds, lambda n: hundred(50, n)),
    "chain": Case(f"200 rules in each of {DEEP} files that use one another, a constant of the last changed",
                  lambda: {k: v for i in range(DEEP) for k, v in chain(i).items()}, lambda n: chain(0, n)),
    "sets_same": Case("10,000 rules and a set of 1,000,000 prefixes, nothing changed", lambda: with_sets(1)),
    "set": Case("10,000 rules and a set of 1,000,000 prefixes, the set changed", lambda: with_sets(1), lambda n: members(0, n)),
    "sets": Case("10,000 rules and three such sets, one changed", lambda: with_sets(3), lambda n: members(1, n)),
}


class Listening:
    """A daemon with the rules of a case, and datagrams on their way to it."""

    def __init__(self, i, case, options=""):
        self.i, self.case, self.port, self.log = i, case, 20000 + os.getpid() % 20000, i.path("reload.log")
        self.asked = self.reloads = 0
        self.dir = i.path("reload")
        os.makedirs(self.dir, exist_ok=True)
        for old in os.listdir(self.dir):
            os.unlink(os.path.join(self.dir, old))
        self.write(case.files())
        self.write({"site.tsn": f'site {{ listen udp "127.0.0.1:{self.port}" output text "/dev/null" }}\n'})
        with open(self.log, "w", encoding="utf-8") as out:
            self.daemon = subprocess.Popen([i.tocsin, "listen", *options.split(), "-r", self.dir], stdout=out, stderr=out)
        wait_for(self.log, "rules in force", 1, 20)

    def write(self, files):
        for name, text in files.items():
            path = os.path.join(self.dir, name)
            with open(path + ".new", "w", encoding="utf-8") as f:
                f.write(text)
            os.rename(path + ".new", path)

    def send(self, seconds, rate=RATE):
        return subprocess.Popen([f"{self.i.build}/blast", self.i.part(), str(self.port), rate, str(seconds)], stdout=subprocess.PIPE)

    def reload(self):
        """Changes what the case changes; the moment of asking."""
        self.reloads += 1
        self.write(self.case.change(self.reloads))
        began = time.perf_counter()
        self.daemon.send_signal(signal.SIGHUP)
        return began

    def taken(self):
        """Datagrams, and the nanoseconds of processor that the thread of the flows has had; the kernel keeps those, not the daemon."""
        self.daemon.send_signal(signal.SIGUSR1)
        self.asked += 1
        told = wait_for(self.log, r"127\.0\.0\.1:\d+: (\d+) datagrams", self.asked, 20)
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/schedstat", encoding="utf-8") as f:
            return int(told), int(f.read().split()[0])

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()


def pauses(i, case, times):
    """How long flows waited by the daemon's log, and until the rules were in force."""
    d, waited, took = Listening(i, case), [], []
    sender = d.send(5 * times + 4)
    try:
        for n in range(times):
            began = d.reload()
            m = wait_for(d.log, r"reloaded: .*flows waited ([0-9]+) us", n + 1, 20)
            if m:
                took.append(time.perf_counter() - began)
                waited.append(float(m) / 1000)
    finally:
        sender.terminate()
        sender.wait()
        d.end()
    return {"pause_ms": max(waited), "s": sorted(took)[len(took) // 2], "reloads": len(took)} if took else {}


def cost(i, case, rounds):
    """What a datagram costs the one thread for flows while there is a reload every second, against none; and what was lost."""
    d, spent, lost = Listening(i, case, "--threads 1"), {False: [], True: []}, 0
    try:
        for reloads in (False, True) * rounds:
            (before, cpu), sender = d.taken(), d.send(4)
            for _ in range(4):
                if reloads:
                    d.reload()
                time.sleep(1)
            sent = int(sender.communicate()[0].split()[0])
            time.sleep(0.5)
            after, now = d.taken()
            lost += sent - (after - before)
            spent[reloads].append((now - cpu) / max(after - before, 1))
    finally:
        d.end()
    quiet, busy = (sorted(spent[k])[rounds // 2] for k in (False, True))
    return {"cost": busy / quiet, "lost": lost}


def measure(i, times, only=None):
    """By the names of targets.py: reload.CASE.s, .pause_ms, .cost, .lost."""
    found = {}
    for name, case in CASES.items():
        if only and name not in only:
            continue
        for key, v in {**pauses(i, case, times), **cost(i, case, 3)}.items():
            found[f"reload.{name}.{key}"] = v
    return found


def wait_for(path, pattern, times, seconds):
    """The groups of the pattern's latest match once the file holds it so often."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with open(path, encoding="utf-8") as f:
            found = re.findall(pattern, f.read())
        if len(found) >= times:
            return found[-1]
        time.sleep(0.005)
    return None


def main():
    from inputs import Inputs  # the bench's own; only its paths are needed here
    i = Inputs(sys.argv[1], 12000000, lambda line: print(line, file=sys.stderr))
    for key, v in measure(i, 5, sys.argv[2:]).items():
        print(f"{key:28} {v:.3f}", flush=True)


if __name__ == "__main__":
    main()
