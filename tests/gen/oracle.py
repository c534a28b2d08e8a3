#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""The rules' meaning once more, as slowly as it can be said.

`oracle.py PROGRAM SEED...` makes random flows (out of order, late, duplicated, of several exporters with clocks of their own,
with long silences) and random rules, computes row by row from the definitions of the language what must match, and compares
with what `PROGRAM run` says. Nothing here knows how the engine does it: a group is the list of the flows counted in it.
"""
import itertools
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

T0 = 1767571200000  # 2026-01-05 00:00:00 UTC
SECOND = 1000
LATENESS = 30 * SECOND
TCP, UDP, ICMP = 6, 17, 1
MAP = ('src=s,dst=d,src_port=sp,dst_port=dp,proto=pr,flags=fl,packets=pk,bytes=by,start=st:ms,end=en:ms,exporter=ex,'
       'src_as=id,received=rc:ms,exported=xp:ms')


# --- flows ---

class Flow:
    def __init__(self, **kw):
        self.__dict__.update(kw)

    def time(self):
        """S1: moment received - (export time - end), the age held to 0..1 h."""
        return self.received - min(max(self.exported - self.end, 0), 3600 * SECOND)


def make_flows(r, n, calm):
    """[calm]: in the order of their event times, for functions whose definition leaves the rest open."""
    skew = [0, -90 * SECOND, 45 * SECOND]
    now, flows = T0 + r.randrange(100000), []
    hosts = r.choice([4, 8, 14])
    mean = r.choice([60, 250, 900])
    for i in range(n):
        now += int(r.expovariate(1 / mean))
        if r.random() < 0.003:
            now += r.choice([5, 40, 70, 200, 700]) * SECOND
        if r.random() < 0.0004:
            now += r.choice([2, 30]) * 3600 * SECOND
        if flows and r.random() < 0.03:
            f = Flow(**flows[-1].__dict__)
            f.received, f.exporter = now, r.randrange(3)
            f.exported = now + skew[f.exporter] - 1
            if calm:
                f.end = f.exported = f.exported + 1
        else:
            proto = r.choice([TCP, TCP, TCP, UDP, UDP, ICMP])
            x = r.randrange(3)
            age = 0 if calm else r.choice([0, 50, 400, 1500, 3000, 3000, 9000, 25000])
            if not calm and r.random() < 0.02:
                age = r.choice([-5000, 40000, 70000, 130000, 4000000])
            exported = now + skew[x] - (0 if calm else r.randrange(300))
            end = exported - age
            packets = r.choice([1, 1, 2, 3, 7, 50])
            f = Flow(src=r.randrange(hosts), dst=r.randrange(hosts), sp=r.choice([1000, 1001, 2000]),
                     dp=r.choice([25, 53, 80, 443]), proto=proto, flags=r.choice([2, 2, 16, 18, 4, 27]), packets=packets,
                     bytes=packets * r.randrange(40, 1500), end=end,
                     start=end - r.choice([0, 0, 0, 10, 800, 5000, r.randrange(100000)]), exporter=x, exported=exported,
                     received=now)
        f.id = i + 1
        f.t = f.time()
        flows.append(f)
    return flows


def address(n):
    return '10.0.%d.%d' % (n % 3, n)


def write_flows(path, flows):
    with open(path, 'w') as out:
        out.write('s,d,sp,dp,pr,fl,pk,by,st,en,ex,id,rc,xp\n')
        for f in flows:
            ports = (f.sp, f.dp) if f.proto != ICMP else ('', '')
            out.write('%s,%s,%s,%s,%d,%s,%d,%d,%d,%d,192.0.2.%d,%d,%d,%d\n' % (
                address(f.src), address(f.dst), *ports, f.proto, f.flags if f.proto == TCP else '', f.packets, f.bytes,
                f.start, f.end, f.exporter + 1, f.id, f.received, f.exported))


# --- fields, conditions, keys: text and meaning; None is absent ---

FIELD = {
    'src': lambda f: address(f.src), 'dst': lambda f: address(f.dst),
    'src/24': lambda f: '10.0.%d.0/24' % (f.src % 3), 'dst/24': lambda f: '10.0.%d.0/24' % (f.dst % 3),
    'src_port': lambda f: f.sp if f.proto != ICMP else None, 'dst_port': lambda f: f.dp if f.proto != ICMP else None,
    'proto': lambda f: {TCP: 'tcp', UDP: 'udp', ICMP: 'icmp'}[f.proto], 'exporter': lambda f: '192.0.2.%d' % (f.exporter + 1),
    'packets': lambda f: f.packets, 'bytes': lambda f: f.bytes, 'duration': lambda f: f.end - f.start,
    'bytes / packets': lambda f: f.bytes / f.packets, 'bytes - 3000': lambda f: f.bytes - 3000,
    'bytes / (packets - 1)': lambda f: f.bytes / (f.packets - 1) if f.packets != 1 else None,
}


def flags(f):
    return f.flags if f.proto == TCP else None


def unknown_or(x, test):
    return None if x is None else test(x)


CONDITION = [
    ('', lambda f: True),
    ('', lambda f: True),
    ('proto == tcp', lambda f: f.proto == TCP),
    ('dst_port == 80', lambda f: unknown_or(FIELD['dst_port'](f), lambda p: p == 80)),
    ('not dst_port == 80', lambda f: unknown_or(FIELD['dst_port'](f), lambda p: p != 80)),
    ('flags == SYN', lambda f: unknown_or(flags(f), lambda x: x == 2)),
    ('flags has ACK', lambda f: unknown_or(flags(f), lambda x: x & 16 != 0)),
    ('packets > 1 or flags != SYN', lambda f: f.packets > 1 or unknown_or(flags(f), lambda x: x != 2)),
]


def key_of(fields, f):
    k = tuple(FIELD[x](f) for x in fields)
    return None if None in k else k


# --- aggregates ---

def deviation(v):
    mean = math.fsum(v) / len(v)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in v) / len(v))


def information(v):
    n = len(v)
    return -math.fsum(c / n * math.log2(c / n) for c in Counter(v).values()) if n else None


class Agg:
    def __init__(self, r, flows_in_order=False):
        self.function = r.choice(['count', 'count', 'sum', 'avg', 'min', 'max', 'rate', 'distinct', 'stddev', 'entropy'])
        self.cond_text, self.cond = r.choice(CONDITION)
        self.by = r.choice([['src'], ['dst'], ['src', 'dst'], ['src/24'], ['dst', 'dst_port'], ['exporter', 'proto'], []])
        self.at = None
        if self.by in (['src'], ['dst'], ['src/24']) and r.random() < 0.25:
            self.at = {'src': ['dst'], 'dst': ['src'], 'src/24': ['dst/24']}[self.by[0]]
        self.per = r.random() < 0.3
        self.window = r.choice([7, 10, 30, 60, 300]) * SECOND
        self.step = r.choice([None, None, None, self.window // 3 // SECOND * SECOND or SECOND])
        if self.per:
            self.step = None
        if self.function in ('distinct', 'entropy'):
            self.what = r.choice([['dst'], ['dst_port'], ['src_port', 'dst_port'], ['src']])
            if self.function == 'entropy':
                self.what = self.what[:1]
        elif self.function != 'count':
            self.what = [r.choice(['packets', 'bytes', 'bytes / packets', 'bytes - 3000', 'bytes / (packets - 1)'])]
        else:
            self.what = []
        self.pane = self.window if self.per else max(SECOND, -(-self.window // 15), self.step or 0)
        self.keep = 2 if self.per else -(-self.window // self.pane) + 1
        self.group = defaultdict(list)  # key: (pane, value) of each flow counted
        self.newest = {}

    def text(self):
        inside = ', '.join(self.what)
        if self.cond_text:
            inside = self.cond_text if self.function == 'count' else inside + ' where ' + self.cond_text
        scope = (' by ' + ', '.join(self.by) if self.by else '') + (' at ' + ', '.join(self.at) if self.at else '')
        return '%s(%s)%s %s %ds%s' % (self.function, inside, scope, 'per' if self.per else 'over', self.window // SECOND,
                                      ' step %ds' % (self.step // SECOND) if self.step else '')

    def fold(self, f):
        """Counts the flow; did it? None: it was late."""
        key = key_of(self.by, f)
        if key is None or self.cond(f) is not True:
            return False
        value = tuple(FIELD[w](f) for w in self.what)
        pane = f.t // self.pane
        newest = max(self.newest.get(key, pane), pane)
        if pane + self.keep <= newest:
            return None
        if None in value:
            return False
        self.newest[key] = newest
        if self.function in ('sum', 'rate') and f.end - f.start > self.window:  # S26
            share = value[0] * self.window / (f.end - f.start)
            value = (share if isinstance(value[0], float) else math.floor(share),)
        self.group[key].append((pane, value))
        return True

    def value(self, f):
        key = key_of(self.at or self.by, f)
        if key is None:
            return None
        if self.per:
            now = f.t // self.pane  # its own window, if that is the newest of the group or the one before
            v = [x for pane, x in self.group[key] if pane == now and pane + self.keep > self.newest[key]]
        else:
            now = max(self.newest.get(key, 0), f.t // self.pane)  # reading moves no clock
            v = [x for pane, x in self.group[key] if pane + self.keep > now]
            self.group[key] = [x for x in self.group[key] if x[0] + self.keep > self.newest[key]]
        if self.function == 'count':
            return len(v)
        if self.function == 'distinct':
            return len(set(v))
        if self.function == 'entropy':
            return information(v)
        v = [x[0] for x in v]
        if self.function in ('sum', 'rate'):
            return math.fsum(v) / (self.window / SECOND if self.function == 'rate' else 1)
        if not v:
            return None
        return {'avg': lambda: math.fsum(v) / len(v), 'min': lambda: min(v), 'max': lambda: max(v),
                'stddev': lambda: deviation(v)}[self.function]()


def near(a, b):
    return abs(a - b) <= 1e-6 * max(1, abs(a), abs(b))


class Compared:
    """AGG > LIMIT, or AGG < LIMIT where that can be said of a flow (S4)."""

    def __init__(self, r, flows):
        self.agg = Agg(r)
        self.above = self.agg.per or r.random() < 0.7
        if self.agg.per and (self.agg.function not in ('count', 'distinct', 'max', 'sum', 'rate') or
                             self.agg.function != 'max' and self.agg.what[:1] in (['bytes - 3000'], ['bytes / (packets - 1)'])):
            self.agg.function, self.agg.what = 'count', []
        seen = []
        for f in flows[:600]:
            self.agg.fold(f)
            v = self.agg.value(f)
            if v is not None:
                seen.append(v)
        self.limit = round(r.choice(sorted(seen)[len(seen) // 3:] or [1]) * r.choice([0.9, 1, 1]), 3) or 1
        if self.limit == int(self.limit):
            self.limit = int(self.limit)
        self.agg.group.clear()
        self.agg.newest.clear()

    def text(self):
        limit = '%d' % self.limit if isinstance(self.limit, int) else '%.3f' % self.limit
        return '%s %s %s' % (self.agg.text(), '>' if self.above else '<', limit)

    def flow(self, f):
        """(has part, holds, value, is too close to tell)"""
        part = self.agg.fold(f)
        v = self.agg.value(f)
        if v is None:
            return part, None, None, False
        return part, v > self.limit if self.above else v < self.limit, v, not isinstance(v, int) and near(v, self.limit)


class AggRule:
    def __init__(self, r, flows):
        self.term = [Compared(r, flows) for _ in range(r.choice([1, 1, 1, 2]))]

    def text(self):
        return ' and '.join(t.text() for t in self.term)

    def flow(self, f):
        said = [t.flow(f) for t in self.term]
        # whether a flow that came too late to be counted has part in the rule is not judged here
        close = any(s[3] or s[0] is None for s in said)
        if not close and not any(s[0] for s in said):
            return None
        if close:
            return ('either', said[0][2])
        return ('match', said[0][2]) if all(s[1] is True for s in said) else None


class New:
    def __init__(self, r, flows):
        self.by = r.choice([[], ['dst'], ['src/24'], ['exporter']])
        self.what = r.choice([['src'], ['src', 'dst_port'], ['dst', 'src']])
        self.window = r.choice([20, 60, 300]) * SECOND
        self.learn = r.choice([None, 5 * SECOND, SECOND])
        self.last, self.first = {}, {}
        self.cond_text, self.cond = r.choice(CONDITION)

    def text(self):
        return 'new(%s%s%s)%s over %ds' % (', '.join(self.what), ' where ' + self.cond_text if self.cond_text else '',
                                           '' if self.learn is None else ', learn %ds' % (self.learn // SECOND),
                                           ' by ' + ', '.join(self.by) if self.by else '', self.window // SECOND)

    def flow(self, f):
        key, what = key_of(self.by, f), key_of(self.what, f)
        if key is None:
            return None
        if self.by and self.cond(f) is not True:
            return None
        first = self.first.setdefault(key, f.t)  # of the group; without `by` of all that came by
        if what is None or self.cond(f) is not True:
            return None
        before = self.last.get(key + what)
        self.last[key + what] = f.t if before is None else max(before, f.t)
        fresh = before is None or f.t - before > self.window
        learned = f.t - first >= (self.window if self.learn is None else self.learn)
        return ('match', None) if fresh and learned else None


class Sequence:
    """Two or three steps, each with its own key; the flows come in the order of their event times."""
    KINDS = [
        (['src'], [('dst_port == 53', lambda f: f.proto != ICMP and f.dp == 53),
                   ('dst_port == 80', lambda f: f.proto != ICMP and f.dp == 80),
                   ('dst_port == 25', lambda f: f.proto != ICMP and f.dp == 25)]),
        (['src', 'dst'], [('proto == udp', lambda f: f.proto == UDP), ('proto == tcp', lambda f: f.proto == TCP),
                          ('proto == icmp', lambda f: f.proto == ICMP)]),
        (['dst'], [('flags == SYN', lambda f: flags(f) == 2), ('flags has ACK', lambda f: (flags(f) or 0) & 16 != 0)]),
    ]

    def __init__(self, r, flows):
        by, steps = r.choice(self.KINDS)
        steps = list(steps)
        r.shuffle(steps)
        self.step = [(by, *s) for s in steps[:r.choice([2, len(steps)])]]
        if r.random() < 0.3:  # a worm: who was hit hits
            self.step = [(['dst', 'dst_port'], 'proto == tcp', lambda f: f.proto == TCP),
                         (['src', 'dst_port'], 'packets <= 3', lambda f: f.packets <= 3)]
        self.window = r.choice([5, 20, 60]) * SECOND
        self.run = defaultdict(dict)  # key: step: latest start of a run that reached it

    def text(self):
        if self.step[0][0] == self.step[1][0]:
            return 'sequence(%s) by %s over %ds' % (', '.join(s[1] for s in self.step), ', '.join(self.step[0][0]),
                                                    self.window // SECOND)
        return 'sequence(%s) over %ds' % (', '.join('(%s) where %s' % (', '.join(s[0]), s[1]) for s in self.step),
                                          self.window // SECOND)

    def flow(self, f):
        matched, last, put = False, len(self.step) - 1, []
        for i in range(last, -1, -1):
            key = key_of(self.step[i][0], f)
            if key is None or not self.step[i][2](f) or any(k == key for k, _, _ in put):
                continue
            if i == 0:
                put.append((key, 0, f.t))
            elif i - 1 in self.run[key] and f.t - self.run[key][i - 1] <= self.window:
                put.append((key, i, self.run[key][i - 1]))
        for key, i, start in put:
            if i == last:
                matched = True
                self.run[key].clear()
            else:
                self.run[key][i] = max(self.run[key].get(i, start), start)
        return ('match', None) if matched else None


# --- what time brings ---

def tick_at(ms):
    return -(-ms // SECOND) * SECOND


class Closing:
    """AGG per D <= LIMIT, decided by the close of each window; windows no shorter than lateness."""

    def __init__(self, r, flows):
        self.agg = Agg(r)
        self.agg.per, self.agg.step, self.agg.at, self.agg.keep = True, None, None, 2
        self.agg.window = self.agg.pane = r.choice([30, 60, 300]) * SECOND
        self.by = self.agg.by
        v = []
        for f in flows[:400]:
            self.agg.fold(f)
            v.append(self.agg.value(f))
        self.limit = math.floor(r.choice([x for x in v if x is not None] or [1])) + 0.5
        self.agg.group.clear()
        self.agg.newest.clear()
        self.closed = set()  # (key, window)

    def text(self):
        return '%s <= %.1f' % (self.agg.text(), self.limit)

    def tick(self, now):
        last = (now - LATENESS) // self.agg.pane - 1 if now is not None else 1 << 60
        for key in list(self.agg.group):
            for pane in sorted({x[0] for x in self.agg.group[key] if x[0] <= last}):
                if pane + 2 <= self.agg.newest[key]:
                    continue  # begun after it should have been closed, and then left behind
                self.closed.add((key, pane))
                yield key, self.over(key, pane)
            self.agg.group[key] = [x for x in self.agg.group[key] if x[0] > last]

    def over(self, key, pane):
        kept, newest = self.agg.group[key], self.agg.newest[key]
        self.agg.group[key], self.agg.newest[key] = [x for x in kept if x[0] == pane], pane
        f = Flow(t=pane * self.agg.pane)
        by, self.agg.by = self.agg.by, []
        self.agg.group[()], self.agg.newest[()] = self.agg.group[key], pane
        v = self.agg.value(f)
        self.agg.by = by
        if key != ():
            del self.agg.group[()], self.agg.newest[()]
        self.agg.group[key], self.agg.newest[key] = kept, newest
        return v if v is not None and v <= self.limit else None

    def flow(self, f):
        # a group that has nothing in a window may still begin it late; what was closed stays closed
        if (key_of(self.by, f), f.t // self.agg.pane) not in self.closed:
            self.agg.fold(f)


class Absent:
    """Of groups that name their exporter, whose own silence then does not matter."""

    def __init__(self, r, flows):
        self.by = ['exporter', r.choice(['src', 'dst', 'proto'])]
        self.window = r.choice([2, 5, 20, 60]) * SECOND
        self.cond_text, self.cond = r.choice(CONDITION)
        self.last = {}

    def text(self):
        return 'absent(%s) by %s over %ds' % (self.cond_text, ', '.join(self.by), self.window // SECOND)

    def tick(self, now):
        for key in [k for k in self.last if now is not None and now >= self.last[k] + self.window + LATENESS]:
            del self.last[key]
            yield key, 1

    def flow(self, f):
        key = key_of(self.by, f)
        if key is not None and self.cond(f) is True:
            self.last[key] = max(self.last.get(key, f.t), f.t)


def closings(rule, flows):
    """How often a key matched at ticks with a value."""
    said, second = Counter(), None
    for f in flows:
        if f.received // SECOND != second:
            first = (second or f.received // SECOND - 1) + 1
            second = f.received // SECOND
            # no more happens in a long silence than at the ticks of its beginning and its end
            for t in range(first, second + 1) if second - first < 1000 else [second]:
                for key, v in rule.tick(t * SECOND):
                    if v is not None:
                        said[tuple(map(str, key))] += 1
        rule.flow(f)
    for key, v in rule.tick(None):
        if v is not None:
            said[tuple(map(str, key))] += 1
    return said


class Told:
    """A rule opens alerts; a set and two rules hear of it from the next tick on."""

    def __init__(self, r):
        self.once, self.stay, self.window = (r.choice([3, 10, 40]) * SECOND for _ in range(3))
        self.port = r.choice([25, 53, 80])
        self.least = r.choice([1, 2])

    def text(self):
        return ('set s = dynamic expire 1h\n'
                'rule r900 {\n\twhen dst_port == %d and packets > 1\n\talert once by src per %ds\n\tthen add src to s for %ds\n}\n'
                'rule r901 {\n\twhen dst in s\n\talert each\n\tmessage "{src_as}"\n}\n'
                'rule r902 {\n\twhen fired(r900) by src over %ds >= %d\n\talert each\n\tmessage "{src_as}"\n}\n' % (
                    self.port, self.once // SECOND, self.stay // SECOND, self.window // SECOND, self.least))

    def matches(self, flows):
        due, reported, silent = {}, {}, {}
        until, fired, pane = {}, defaultdict(list), max(SECOND, -(-self.window // 15))
        keep = -(-self.window // pane) + 1
        waits, opened, members, again = [], 0, [], []
        second = None
        for f in flows:
            if f.received // SECOND != second:
                second = f.received // SECOND
                for tick, key, t, counts, tells in waits:
                    if counts:
                        fired[key].append(t // pane)
                    if tells:
                        until[key] = tick + self.stay
                waits = []
            me, other, now = address(f.src), address(f.dst), second * SECOND
            if f.proto != ICMP and f.dp == self.port and f.packets > 1:
                fresh = due.get(me, 0) <= now
                quiet = me in reported and f.t < reported[me] + self.once
                tells = not quiet and (fresh or silent[me])
                if fresh:
                    silent[me] = quiet
                if tells:
                    reported[me], silent[me] = f.t, False
                    opened += 1
                due[me] = tick_at(f.received + self.once)
                if fresh or tells:
                    waits.append((now + SECOND, me, f.t, fresh, tells))
            if until.get(other, 0) > now:
                members.append(str(f.id))
            if fired[me]:
                at = max(max(fired[me]), f.t // pane)
                counted = []
                for p in fired[me]:  # in order; what was late when it came counts nothing
                    if not counted or p + keep > max(counted):
                        counted.append(p)
                if sum(p + keep > at for p in counted) >= self.least:
                    again.append(str(f.id))
        return opened, members, again


# --- the comparison ---

def make_rules(r, flows, calm):
    kinds = [Sequence] * 10 + [New] * 5 + [Absent] * 4 if calm else [AggRule] * 30 + [New] * 5 + [Closing] * 5
    return [k(r, flows) for k in kinds]


def run(program, rules, told, flows, folder):
    with open(folder + '/rules.tsn', 'w') as out:
        out.write(told.text())
        for i, rule in enumerate(rules):
            out.write('rule r%d {\n\twhen %s\n\talert each\n\tmessage "{src_as}"\n}\n' % (i, rule.text()))
    write_flows(folder + '/flows.csv', flows)
    size = str(1 + flows[0].received % 1024)
    p = subprocess.run([program, 'run', '-q', '--format', 'json', '-r', folder + '/rules.tsn', '--map', MAP, '--batch-size', size,
                        folder + '/flows.csv'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode != 0:
        sys.exit('status %d: %s' % (p.returncode, '\n'.join(x for x in p.stderr.splitlines() if 'error' in x)))
    got = defaultdict(dict)
    for line in p.stdout.splitlines():
        t = json.loads(line)['tocsin']
        rule = int(t['rule'][1:])
        if t.get('message', '-') != '-':
            got[rule][t['message']] = t.get('value')
        elif t.get('state', 'open') == 'open':
            got[rule].setdefault('ticks', Counter())[tuple(map(str, t['key'].values()))] += 1
    return got


def differences(rules, flows, got):
    n = 0
    for i, rule in enumerate(rules):
        wrong = []
        if hasattr(rule, 'tick'):
            said, there = closings(rule, flows), got[i].pop('ticks', Counter())
            n += sum(there.values())
            for key in sorted(set(said) | set(there)):
                if said[key] != there[key]:
                    wrong.append('%s matched at %d ticks, not %d' % (key, there[key], said[key]))
            wrong += ['flow %s must not match' % x for x in got[i]]
        for f in flows if not hasattr(rule, 'tick') else []:
            said = rule.flow(f)
            there = str(f.id) in got[i]
            value = got[i].get(str(f.id))
            if said is None and there:
                wrong.append('flow %d must not match (value %s)' % (f.id, value))
            elif said is not None and said[0] == 'match' and not there:
                wrong.append('flow %d must match (value %s)' % (f.id, said[1]))
            elif said is not None and there:
                n += 1
                if said[0] == 'match' and said[1] is not None and not near(float(value), said[1]):
                    wrong.append('flow %d: value %s, not %s' % (f.id, value, said[1]))
        if wrong:
            yield 'r%d: %s: %d faults: %s' % (i, rule.text(), len(wrong), '; '.join(wrong[:4]))
    yield n


def told_differences(told, flows, got):
    opened, members, again = told.matches(flows)
    there = sum(got[900].get('ticks', Counter()).values())
    if there != opened:
        yield '%sr900 opened %d alerts, not %d' % (told.text(), there, opened)
    for rule, ids in ((901, members), (902, again)):
        if list(got[rule]) != ids:
            odd = sorted(set(got[rule]) ^ set(ids), key=int)
            yield '%sr%d: %d matches, not %d; flows %s' % (told.text(), rule, len(got[rule]), len(ids), odd[:6])
    yield len(members) + len(again)


def main():
    program, bad, matches = sys.argv[1], 0, 0
    for seed in map(int, sys.argv[2:]):
        r = random.Random(seed)
        calm = seed % 3 == 0
        flows = make_flows(r, 3000, calm)
        rules, told = make_rules(r, flows, calm), Told(r)
        with tempfile.TemporaryDirectory() as folder:
            folder = os.environ.get('ORACLE_KEEP', folder)
            got = run(program, rules, told, flows, folder)
            for d in itertools.chain(differences(rules, flows, got), told_differences(told, flows, got)):
                if isinstance(d, int):
                    matches += d
                else:
                    bad += 1
                    print('seed %d: %s' % (seed, d))
    print('%d matches, %d rules differ' % (matches, bad))
    sys.exit(bad != 0 or matches == 0)


if __name__ == '__main__':
    main()
