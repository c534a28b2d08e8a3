# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Commands against each other: all in turn, round after round, so that a machine that slows down slows all of them.

A lane's time is the CPU time of its whole process with its children (user and system, all threads). DuckDB, whose
table is loaded beforehand, tells the time of each question itself (duck.py).
"""
import os
import resource
import statistics
import subprocess
import sys
import time


class Lane:
    """command: for the shell. ask: in place of it, a function that gives (CPU s, wall s).
    start: the same command over next to nothing: what the process takes before its first flow, measured beside it.
    rounds: at most so many, for what takes long."""

    def __init__(self, name, label, flows, command=None, ask=None, start=None, rounds=99):
        self.name, self.label, self.flows = name, label, flows
        self.command, self.ask, self.start, self.rounds = command, ask, start, rounds
        self.cpu, self.wall, self.started, self.rss, self.failed = [], [], [], 0, False

    def run(self):
        if self.ask:
            cpu, wall = self.ask()
        else:
            cpu, wall, rss, good = run(self.command)
            self.rss = max(self.rss, rss)
            self.failed |= not good
        self.cpu.append(cpu)
        self.wall.append(wall)
        if self.start:
            self.started.append(run(self.start)[0])

    def result(self):
        """Nanoseconds a flow; net is without what the start takes."""
        a_flow = 1e9 / self.flows
        start = statistics.median(self.started) if self.started else 0
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # a child is born with it
        cpu = statistics.median(self.cpu)
        return {
            "name": self.name, "label": self.label, "flows": self.flows, "rounds": len(self.cpu), "failed": self.failed,
            "ns": cpu * a_flow, "least": min(self.cpu) * a_flow, "most": max(self.cpu) * a_flow,
            "net": max(cpu - start, 0) * a_flow, "start_ms": start * 1e3,
            "start_least": min(self.started, default=0) * 1e3,
            "wall": statistics.median(self.wall) * a_flow, "peak_mb": self.rss / 1024 if self.rss > ours else None, "command": self.command,
        }


def run(command):
    """CPU and wall seconds, the most memory in KB, whether it went well."""
    shell = ["bash", "-o", "pipefail", "-c"] if "|" in command else ["sh", "-c"]
    began = time.perf_counter()
    with open(os.devnull, "r+b") as null:
        child = subprocess.Popen([*shell, command], stdin=null, stdout=null, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss, child.returncode == 0


def race(lanes, rounds):
    for n in range(rounds):
        for lane in lanes:
            if n < lane.rounds:
                if sys.stderr.isatty():
                    print(f"\r\033[K{n + 1}/{rounds} {lane.label}", end="", file=sys.stderr, flush=True)
                lane.run()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return [lane.result() for lane in lanes]
