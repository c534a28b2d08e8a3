# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Reloads: of a daemon under load how long until what was changed is in force, how long flows waited, what a datagram cost; and
within one process what the thread that compiles takes, and how much longer flows take beside it.

    reload.py BUILD [CASE...]    these alone, all if none is named; without the daemon, whose times other work on the machine decides
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

    def __init__(self, label, files, change=None):
        self.label, self.files, self.change = label, files, change or (lambda n: {})

    def write(self, directory):
        os.makedirs(directory, exist_ok=True)
        for old in os.listdir(directory):
            os.unlink(os.path.join(directory, old))
        put(directory, self.files())


def put(directory, files):
    """Each is there before and behind, and whole."""
    for name, text in files.items():
        path = os.path.join(directory, name)
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)


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


# What is also measured of a daemon; the others differ from these in what is compiled, not in how it comes into force.
UNDER_LOAD = ("same", "rule", "set")
CASES = {
    "same": Case("10,000 rules in one file, nothing changed", one_file),
    "rule": Case("10,000 rules in one file, one rule changed", one_file, one_file),
    "files": Case("100 rules in each of 100 files, one rule changed", hundreds, lambda n: hundred(50, n)),
    "chain": Case(f"200 rules in each of {DEEP} files that use one another, a constant of the first changed",
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
        case.write(self.dir)
        put(self.dir, {"site.tsn": f'site {{ listen udp "127.0.0.1:{self.port}" output text "/dev/null" }}\n'})
        with open(self.log, "w", encoding="utf-8") as out:
            self.daemon = subprocess.Popen([i.tocsin, "listen", *options.split(), "-r", self.dir], stdout=out, stderr=out)
        wait_for(self.log, "rules in force", 1, 20)

    def send(self, seconds, rate=RATE):
        return subprocess.Popen([f"{self.i.build}/blast", self.i.part(), str(self.port), rate, str(seconds)], stdout=subprocess.PIPE)

    def reload(self):
        """Changes what the case changes; the moment of asking."""
        self.reloads += 1
        put(self.dir, self.case.change(self.reloads))
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


def aside(i, case, times):
    """Milliseconds of processor for compiling and preparing; what a batch of flows costs meanwhile, against none; megabytes of all."""
    directory, other = i.path("reload"), i.path("reload.other")
    case.write(directory)
    changed = case.change(1)
    os.makedirs(other, exist_ok=True)
    put(other, changed)
    pair = [os.path.join(d, name) for name in changed for d in (directory, other)]
    told = subprocess.run([f"{i.build}/bench_aside", directory, str(times), *pair], capture_output=True, text=True, check=True).stdout
    m = re.match(r"compiled ([0-9.]+) ms, prepared ([0-9.]+) ms, flows ([0-9.]+) of usual, ([0-9]+) MB", told)
    return {"cpu_ms": float(m[1]) + float(m[2]), "slower": float(m[3]), "mb": float(m[4])}


def measure(i, times, only=CASES, daemon=UNDER_LOAD):
    """By the names of targets.py: reload.CASE.cpu_ms, .slower, .mb, and of a daemon .s, .pause_ms, .reloads, .cost, .lost."""
    found = {}
    for name in only:
        values = aside(i, CASES[name], 2 * times + 1)
        if name in daemon:
            values.update({**pauses(i, CASES[name], times), **cost(i, CASES[name], 3)})
        found.update({f"reload.{name}.{key}": v for key, v in values.items()})
    return found


def table(values):
    yield f"{'reload':84} {'CPU ms':>7} {'flows':>6} {'until s':>8} {'waited ms':>9}"
    for name, case in CASES.items():
        v = {key: values.get(f"reload.{name}.{key}") for key in ("cpu_ms", "slower", "s", "pause_ms")}
        if v["cpu_ms"] is not None:
            last = f" {v['s']:8.2f} {v['pause_ms']:9.2f}" if v["s"] is not None else ""
            yield f"{case.label:84} {v['cpu_ms']:7.0f} {v['slower']:6.3f}{last}"


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
    print("\n".join(table(measure(i, 5, sys.argv[2:] or CASES, ()))))


if __name__ == "__main__":
    main()
